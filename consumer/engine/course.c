/* Joint 1: the course of a session: its begin and end, what a complete refresh proves, its cookie, and contextCSN. */
#include "mirror.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "ds389.h"
#include "log.h"

/* Re-issues after a watchdog alarm begin after two intervals, then at doubling distances up to this. */
#define REISSUE_MAX_MS ((int64_t)3600 * 1000)

bool course_is_suspicious(const struct mirror *m, const struct mirror_search *s)
{
    struct slice why;

    return meta_get(m->t, "suspicion", search_kind_key(s->kind), &why) || poll_is_doubtful(s);
}

/* What a search has shown so far proves no absence. */
static void cut_short(struct mirror *m, struct mirror_search *s)
{
    s->refreshing = s->complete = false;
    m->insync_ms = 0;
    census_drop(&s->census);
}

void course_give_up(struct mirror *m, const char *why)
{
    snprintf(m->restart_why, sizeof(m->restart_why), "%s", why);
    m->deaf = true;
    for (unsigned i = 0; i < m->n_searches; i++)
        cut_short(m, &m->searches[i]);
}

static int build(struct mirror *m, struct err *e)
{
    int rc = mirror_commit(m, e);

    if (rc == 0)
        rc = load_build(m->store, m->stop, e);
    mirror_begin(m);
    return rc;
}

/* A load that a failed commit cut short: its indexes are built, and its groups get their members, before anything else is done. */
static void finish_load(struct mirror *m)
{
    struct slice v;
    struct err e;
    int rc;

    if (m->load || !(load_pending(m->t) || meta_get(m->t, "unbound", NULL, &v)))
        return;
    rc = load_pending(m->t) ? build(m, &e) : 0;
    if (rc == 0)
        rc = group_bind_all(m, &e);
    if (rc == 0)
        return;
    log_error(m->subject, "%s", e.text);
    course_give_up(m, "the first load could not be finished");
}

static void begin_session(struct mirror *m, const struct sync_msg *msg)
{
    m->deaf = false;
    m->session = msg->session;
    csn_set_free(&m->heard[0]);
    csn_set_free(&m->heard[1]);
    m->polling = msg->poll;
    m->polled = 0;
    free(m->uri);
    m->uri = msg->uri.len ? mem_printf("%.*s", SLICE_ARG(msg->uri)) : NULL;
    search_choose(m, msg->apart);
    finish_load(m);
    if (!m->deaf)
        subtree_begin_session(m);
}

void course_begin(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    if (msg->session != m->session)
        begin_session(m, msg);
    if (m->deaf)
        return;
    s->had_cookie = msg->had_cookie;
    s->word = msg->poll && msg->had_cookie ? PHASE_POLL : PHASE_REFRESH;   /* without a cookie it catches up, in any mode */
    s->refreshing = true;
    s->complete = false;
    s->received = 0;
    poll_begin(m, s, msg);
    s->refresh_began_ms = clock_mono_ms();
    m->insync_ms = 0;
    if (!behind_begin(m, s, msg))
        return;
    s->knew = txn_count(m->t, TABLE_CONTAINER) > 0;
    if (!search_shows_objects(s)) {
        census_begin(&s->census);
        return;
    }
    if (!msg->had_cookie && m->load == NULL)
        m->load = load_begin(m->store, m->t);
    if (m->load) {
        m->urgent = true;   /* load_begin() wrote, and a transaction without urgency is dropped */
        census_drop(&s->census);
    } else {
        census_begin(&s->census);
    }
}

/* A first load is over when no search that fills it is refreshing any more, whatever it came to: it gets its indexes, and the next
 * session fills in the rest. False: that failed. */
static bool settle_load(struct mirror *m)
{
    return search_objects_refreshing(m) || mirror_settle_load(m);
}

void course_end(struct mirror *m, struct mirror_search *s)
{
    cut_short(m, s);
    settle_load(m);
}

void course_lost(struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        cut_short(m, &m->searches[i]);
    settle_load(m);
}

/* The cookie of a provider that is behind replaces nothing. */
static void take_cookie_from_behind(struct mirror *m, struct mirror_search *s, struct slice cookie)
{
    struct cookie theirs = { 0 };
    bool malformed = false;

    cookie_take(&theirs, cookie, &malformed);
    if (csn_set_merge(&s->highest, &theirs.csns))
        s->cookie_dirty = true;
    behind_see_csns(m, s, &theirs.csns);
    cookie_free(&theirs);
}

/* What is no deletion is told to every search, by the entry or by a new cookie. */
static void note_heard(struct mirror *m, const struct mirror_search *s, const struct sync_msg *msg)
{
    struct cookie c = { 0 };
    bool malformed;

    if (!s->complete || !(msg->effect & EFFECT_CONTENT || msg->type == SYNC_NEWCOOKIE))
        return;
    cookie_take(&c, msg->cookie, &malformed);
    csn_set_merge(&m->heard[search_side(m, s)], &c.csns);
    cookie_free(&c);
}

void course_take_cookie(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    bool malformed = false;

    /* Only since when: the distances stay, or an alarm that is a false one would come again at each message. */
    m->ahead[search_side(m, s)].since_ms = s->silence.since_ms = 0;
    if (s->behind) {
        take_cookie_from_behind(m, s, msg->cookie);
        return;
    }
    if (cookie_take(&s->cookie, msg->cookie, &malformed))
        s->cookie_dirty = true;
    if (malformed)
        log_warning(m->subject, "the provider sent a malformed cookie, which is ignored: %.*s", SLICE_ARG(msg->cookie));
    note_heard(m, s, msg);
    if (csn_set_merge(&s->highest, &s->cookie.csns))
        s->cookie_dirty = true;
    csn_set_merge(&s->shown, &s->cookie.csns);
}

bool course_sweep(struct mirror *m, struct mirror_search *s, struct census *census, enum phase_word phase)
{
    if (search_shows_objects(s))
        return sweep_objects(m, s, census, phase);
    subtree_census(m, s, census);
    return true;
}

/* A full refresh is through: suspicion has had its sweep. */
static void end_suspicion(struct mirror *m, struct mirror_search *s)
{
    const char *key = search_kind_key(s->kind);

    meta_put(m->t, "suspicion", key, (struct slice){ 0 });
    meta_put(m->t, "older", key, (struct slice){ 0 });
    s->older_counts = false;
}

/* Its UUIDs, where a present phase or the lack of a cookie makes them count. False: the session was given up. */
static bool take_census(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    bool through = true;

    if (s->census.open && search_shows_objects(s))
        pend_seen_present(m, s);
    if (s->census.open && (msg->effect & EFFECT_ABSENT || !s->had_cookie) && !s->behind && !s->no_csn)
        through = course_sweep(m, s, &s->census, s->word);   /* its CSN set is not behind */
    census_drop(&s->census);
    if (through && !s->behind && !s->no_csn && (!msg->searched || msg->effect & EFFECT_ABSENT))   /* a poll may have no list */
        sweep_is_through(m, s, false);
    return through;
}

/* Every few minutes for ever: a line in the log only where there is something to say. */
static void tell_poll(const struct mirror *m, int64_t received, int64_t ms)
{
    if (received > 0 || !m->searches[0].had_cookie)
        log_info(m->subject, "polled %s: %lld entries received in %.3f s, %lld accounts and %lld groups mirrored",
                 m->uri ? m->uri : "the server", (long long)received, (double)ms / 1000,
                 (long long)m->store->objects[OBJECT_ACCOUNT], (long long)m->store->objects[OBJECT_GROUP]);
}

/* All searches are complete. */
static void enter_insync(struct mirror *m)
{
    int64_t received = 0, began = m->searches[0].refresh_began_ms, ended = began;

    for (unsigned i = 0; i < m->n_searches; i++) {
        received += m->searches[i].received;
        ended = !m->searches[i].unused && m->searches[i].refresh_ended_ms > ended ? m->searches[i].refresh_ended_ms : ended;
    }
    m->insync_ms = m->now_ms;
    m->last_error[0] = '\0';
    for (unsigned i = 0; i < m->n_searches; i++)
        behind_tell(m, &m->searches[i]);
    if (m->polling) {
        m->polled = m->session;
        memset(m->ahead, 0, sizeof(m->ahead));
        tell_poll(m, received, ended - began);
        return;
    }
    log_info(m->subject, "in sync with %s: %lld entries received in %.3f s, %lld accounts and %lld groups mirrored",
             m->uri ? m->uri : "the server", (long long)received, (double)(ended - began) / 1000,
             (long long)m->store->objects[OBJECT_ACCOUNT], (long long)m->store->objects[OBJECT_GROUP]);
}

void course_complete(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    s->refreshing = false;
    if (!settle_load(m))
        return;
    s->complete = true;
    s->refresh_ended_ms = clock_mono_ms();
    behind_complete(m, s, msg);
    poll_know_server(m, s, msg);
    if (s->was_behind && !s->behind && behind_has_caught_up(m, s))
        return;   /* what it showed before may be old */
    if (m->load == NULL)
        ingest_settle_wants(m);
    if (!take_census(m, s, msg))
        return;
    if (msg->searched)
        poll_complete(m, s, msg);
    else
        poll_keep_server(m, s);
    if (msg->effect & EFFECT_PART)
        reconcile_soon(m, s);
    /* As long as nothing proved who is missing, a newcomer may turn out to be one of them. */
    if (!s->behind && !s->no_csn && search_shows_objects(s) && !(msg->effect & EFFECT_PART) &&
        (!msg->searched || msg->effect & EFFECT_ABSENT))
        rebind_end_refresh(m, s);
    if (!s->had_cookie && !s->behind && !s->no_csn)
        end_suspicion(m, s);
    m->urgent = true;
    if (search_all_complete(m))
        enter_insync(m);
}

void course_restart_empty(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    log_warning(m->subject, "the provider asks for a full refresh (e-syncRefreshRequired): %.*s", SLICE_ARG(msg->text));
    cookie_free(&s->cookie);
    s->cookie_dirty = true;
    m->urgent = true;
}

/* ---- the second connection ---------------------------------------------------------------------------------- */

/* Whether contextCSN is ahead of all that the searches of its naming context brought. They are taken together: slapd tells of a
 * deletion the search that showed the entry, and says nothing to the others. */
static bool is_ahead(const struct mirror *m, unsigned side, const struct csn_set *context)
{
    struct csn_set all = { 0 };
    bool ahead;
    uint16_t sid;

    for (unsigned i = 0; i < m->n_searches; i++)
        if (search_side(m, &m->searches[i]) == side) {
            csn_set_merge(&all, &m->searches[i].cookie.csns);
            csn_set_merge(&all, &m->searches[i].poll_csns);
        }
    ahead = csn_set_behind(&all, context, &sid);
    csn_set_free(&all);
    return ahead;
}

/* The same of 389, whose cookies have the number of a change; in mode search there are none. */
static bool is_numbered_ahead(const struct mirror *m, int64_t last_change)
{
    int64_t number, highest = 0;

    for (unsigned i = 0; i < m->n_searches; i++)
        if (ds389_cookie_number(buf_slice(&m->searches[i].cookie.opaque), &number) && number > highest)
            highest = number;
    return highest > 0 && last_change > highest;
}

/* Whether it is time to issue the searches again. */
static bool is_overdue(const struct mirror *m, struct silence *s, bool silent)
{
    int64_t now = clock_mono_ms();

    if (!silent || s->since_ms == 0) {
        s->since_ms = silent ? now : 0;
        return false;
    }
    if (s->reissue_after_ms == 0)
        s->reissue_after_ms = 2 * (int64_t)m->conf->watchdog_interval * 1000;
    if (now - s->since_ms < s->reissue_after_ms)
        return false;
    s->reissue_after_ms = s->reissue_after_ms > REISSUE_MAX_MS / 2 ? REISSUE_MAX_MS : s->reissue_after_ms * 2;
    s->since_ms = now;
    return true;
}

/* contextCSN as the watchdog read it: ahead of us without a message? And has one search died while the others live? What came of
 * no deletion came to all. */
static void watch(struct mirror *m, const struct sync_msg *msg, const struct csn_set *context)
{
    bool complete = search_all_complete(m);
    /* The distances stay when nothing is ahead any more: each search that is issued again brings the cookie up to contextCSN. */
    unsigned side = search_side(m, &m->searches[msg->search]);
    bool ahead = complete && !m->searches[msg->search].behind && (is_ahead(m, side, context) || is_numbered_ahead(m, msg->last_change));
    struct silence *silence = &m->ahead[side];
    uint16_t sid;

    if (m->polling)   /* it shows as lag; the next poll will tell */
        silence->since_ms = !ahead ? 0 : silence->since_ms ? silence->since_ms : clock_mono_ms();
    else if (is_overdue(m, silence, ahead))
        snprintf(m->restart_why, sizeof(m->restart_why),
                 "the server's %s moved and no message came: the search is issued again",
                 msg->last_change > 0 ? "lastChangeNumber" : "contextCSN");
    for (unsigned i = 0; i < m->n_searches && !m->polling; i++) {
        struct mirror_search *s = &m->searches[i];

        if (is_overdue(m, &s->silence,
                       complete && !s->behind && !s->unused && csn_set_behind(&s->cookie.csns, &m->heard[search_side(m, s)], &sid)))
            snprintf(m->restart_why, sizeof(m->restart_why),
                     "the search for %s was told nothing of what the others were: it is issued again", search_kind_word(s->kind));
    }
}

/* Where there is no contextCSN, a server that was emptied looks like one that hides it: only the one that showed us the entries can
 * prove that one is gone, while its session goes on and its base is the one that we know. */
static bool is_trusted_without_csn(const struct mirror *m, const struct mirror_search *s, const struct sync_msg *msg)
{
    return s->complete && !s->behind && !s->no_csn && m->uri && slice_eq(msg->uri, slice_of(m->uri)) &&
           behind_is_marked(m, s, msg->mark);
}

static void trust(struct mirror *m, const struct mirror_search *s, const struct sync_msg *msg)
{
    uint16_t sid = 0;

    if (m->context.n == 0) {
        m->context_trusted = is_trusted_without_csn(m, s, msg);
        snprintf(m->context_why, sizeof(m->context_why), "contextCSN can't be read on %.*s", SLICE_ARG(msg->uri));
    } else {
        m->context_trusted = !csn_set_behind(&m->context, &m->asked_highest, &sid);
        snprintf(m->context_why, sizeof(m->context_why), "%.*s is behind for server ID %03x", SLICE_ARG(msg->uri), sid);
    }
}

void course_take_context(struct mirror *m, const struct sync_msg *msg)
{
    struct mirror_search *s = &m->searches[msg->search];
    struct csn_set context = { 0 };
    bool reloaded;

    if (s->unused && msg->token == 0)
        return;   /* the watchdog reads for all */
    reloaded = behind_see_mark(m, s, msg->mark);

    behind_csns(msg, &context);
    if (msg->token != 0) {
        csn_set_copy(&m->context, &context);
        trust(m, s, msg);
        if (reloaded) {
            m->context_trusted = false;
            snprintf(m->context_why, sizeof(m->context_why), "the database was reloaded");
        }
    } else if (m->uri && slice_eq(msg->uri, slice_of(m->uri))) {
        behind_see_csns(m, s, &context);
        watch(m, msg, &context);
        sight_take(m, s, msg->mark, &context);
    }
    if (reloaded && s->had_cookie && (s->refreshing || s->complete))
        course_give_up(m, "the database was reloaded");
    csn_set_free(&context);
}
