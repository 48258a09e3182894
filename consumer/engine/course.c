/* Joint 1: the course of a session: its begin and end, what a complete refresh proves, its cookie, and contextCSN. */
#include "mirror.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"

/* Re-issues after a watchdog alarm begin after two intervals, then at doubling distances up to this. */
#define REISSUE_MAX_MS ((int64_t)3600 * 1000)

bool course_is_suspicious(const struct mirror *m, const struct mirror_search *s)
{
    struct slice why;

    return meta_get(m->t, "suspicion", search_kind_key(s->kind), &why);
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

/* A load that a failed commit cut short: its indexes are built before anything else is done. */
static void finish_load(struct mirror *m)
{
    struct err e;
    int rc;

    if (m->load || !load_pending(m->t))
        return;
    rc = mirror_commit(m, &e);
    if (rc == 0)
        rc = load_build(m->store, m->stop, &e);
    mirror_begin(m);
    if (rc == 0)
        return;
    log_error(m->subject, "%s", e.text);
    course_give_up(m, "the first load could not be finished");
}

static void begin_session(struct mirror *m, const struct sync_msg *msg)
{
    m->deaf = false;
    m->session = msg->session;
    m->polling = msg->poll;
    m->polled = 0;
    free(m->uri);
    m->uri = msg->uri.len ? mem_printf("%.*s", SLICE_ARG(msg->uri)) : NULL;
    finish_load(m);
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
    poll_begin(s, msg);
    s->refresh_began_ms = clock_mono_ms();
    m->insync_ms = 0;
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
    return search_any_refreshing(m) || mirror_settle_load(m);
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

void course_take_cookie(struct mirror *m, struct mirror_search *s, struct slice cookie)
{
    bool malformed = false;

    if (cookie_take(&s->cookie, cookie, &malformed))
        s->cookie_dirty = true;
    if (malformed)
        log_warning(m->subject, "the provider sent a malformed cookie, which is ignored: %.*s", SLICE_ARG(cookie));
    if (csn_set_merge(&s->highest, &s->cookie.csns))
        s->cookie_dirty = true;
    m->ahead_since_ms = 0;
    m->reissue_after_ms = 0;
}

struct found {
    struct buf absent, unknown;
};

static void found_absent(void *ctx, const uint8_t *uuid)
{
    buf_add(&((struct found *)ctx)->absent, uuid, UUID_BYTES);
}

static void found_unknown(void *ctx, const uint8_t *uuid)
{
    buf_add(&((struct found *)ctx)->unknown, uuid, UUID_BYTES);
}

void course_sweep(struct mirror *m, struct mirror_search *s, struct census *census, enum phase_word phase)
{
    struct found f = { 0 };
    bool suspect = course_is_suspicious(m, s) || census->n == 0 || s->older_rows > 0;
    struct object told;

    census_end(census, m->t, search_objects(s), found_absent, found_unknown, &f);
    for (size_t i = 0; i < f.absent.len; i += UUID_BYTES) {
        if (objects_get(m->t, (uint8_t *)f.absent.p + i, &told, &m->a) != 0)
            pend_delete(m, &told, CAUSE_ABSENT, phase, false, suspect);
        else
            search_ask(s, (uint8_t *)f.absent.p + i);   /* waits for an address, or is invalid */
        arena_reset(&m->a);
    }
    if (f.absent.len)
        log_info(m->subject, "%zu known entries were not shown; looking each up", f.absent.len / UUID_BYTES);
    buf_add_slice(&s->ask, buf_slice(&f.unknown));
    buf_free(&f.absent);
    buf_free(&f.unknown);
    m->urgent = true;
}

/* A full refresh is through: suspicion has had its sweep. */
static void end_suspicion(struct mirror *m, struct mirror_search *s)
{
    const char *key = search_kind_key(s->kind);

    meta_put(m->t, "suspicion", key, (struct slice){ 0 });
    meta_put(m->t, "older", key, (struct slice){ 0 });
    s->older_counts = false;
}

/* Whether the CSN set that ends the refresh reaches the highest seen, and says who is behind. */
static bool is_behind(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    struct cookie ended = { 0 };
    bool malformed = false, behind;
    uint16_t sid = 0;

    if (msg->has_cookie)
        cookie_take(&ended, msg->cookie, &malformed);
    if (ended.flavour == COOKIE_NONE)
        /* After a delete phase to our cookie: nothing has changed. Else a server without a CSN, that was emptied or never
         * written to; it proves nothing. */
        return !s->had_cookie || msg->effect & EFFECT_ABSENT;
    behind = csn_set_behind(&ended.csns, &s->highest, &sid);
    if (behind)
        log_warning(m->subject, "%s is behind for server ID %03x (lagging, or restored from a backup): nothing is taken "
                                "for deleted; it goes on by itself once the server has caught up",
                    m->uri ? m->uri : "the server", sid);
    cookie_free(&ended);
    return behind;
}

/* Its UUIDs, where a present phase or the lack of a cookie makes them count. */
static void take_census(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    if (s->census.open)
        pend_seen_present(m, s);
    if (s->census.open && (msg->effect & EFFECT_ABSENT || !s->had_cookie) && !s->behind)
        course_sweep(m, s, &s->census, s->word);   /* its CSN set is not behind */
    census_drop(&s->census);
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
        ended = m->searches[i].refresh_ended_ms > ended ? m->searches[i].refresh_ended_ms : ended;
    }
    m->insync_ms = m->now_ms;
    m->last_error[0] = '\0';
    if (m->polling) {
        m->polled = m->session;
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
    s->behind = msg->searched ? poll_is_behind(m, s) : is_behind(m, s, msg);
    if (m->load == NULL)
        ingest_settle_wants(m);
    take_census(m, s, msg);
    if (msg->searched)
        poll_complete(m, s);
    if (!s->had_cookie && !s->behind)
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

/* Whether contextCSN is ahead of all that the searches brought. They are taken together, since a server may tell one of them of
 * a change that concerns it and say nothing to the others: slapd does so of deletions. */
static bool is_ahead(const struct mirror *m, const struct csn_set *context)
{
    struct csn_set heard = { 0 };
    bool ahead;
    uint16_t sid;

    for (unsigned i = 0; i < m->n_searches; i++)
        csn_set_merge(&heard, &m->searches[i].cookie.csns);
    for (unsigned i = 0; i < m->n_searches; i++)
        csn_set_merge(&heard, &m->searches[i].poll_csns);
    ahead = csn_set_behind(&heard, context, &sid);
    csn_set_free(&heard);
    return ahead;
}

/* contextCSN as the watchdog read it: ahead of us without a message? */
static void watch(struct mirror *m, const struct csn_set *context)
{
    int64_t now = clock_mono_ms(), interval = (int64_t)m->conf->watchdog_interval * 1000;

    if (!search_all_complete(m) || !is_ahead(m, context)) {
        m->ahead_since_ms = 0;
        return;
    }
    if (m->ahead_since_ms == 0) {
        m->ahead_since_ms = now;
        return;
    }
    if (m->reissue_after_ms == 0)
        m->reissue_after_ms = 2 * interval;
    if (now - m->ahead_since_ms < m->reissue_after_ms)
        return;
    if (m->polling)
        return;   /* the next poll will tell; it shows as lag until then */
    m->reissue_after_ms = m->reissue_after_ms > REISSUE_MAX_MS / 2 ? REISSUE_MAX_MS : m->reissue_after_ms * 2;
    m->ahead_since_ms = now;
    snprintf(m->restart_why, sizeof(m->restart_why),
             "the server's contextCSN moved and no message came: the search is issued again");
}

void course_take_context(struct mirror *m, const struct sync_msg *msg)
{
    struct csn_set context = { 0 };
    struct csn c;
    uint16_t sid = 0;

    for (uint32_t i = 0; i < msg->n_csns; i++)
        if (csn_parse(msg->csns[i], &c))
            csn_set_add(&context, &c);
    if (msg->token == 0) {
        watch(m, &context);
    } else if (context.n == 0) {
        /* Without a contextCSN only the server that showed us the entries can prove that one is gone. */
        m->context_trusted = m->uri && slice_eq(msg->uri, slice_of(m->uri));
        snprintf(m->context_why, sizeof(m->context_why), "contextCSN can't be read on %.*s", SLICE_ARG(msg->uri));
    } else {
        m->context_trusted = !csn_set_behind(&context, &m->asked_highest, &sid);
        snprintf(m->context_why, sizeof(m->context_why), "%.*s is behind for server ID %03x", SLICE_ARG(msg->uri), sid);
    }
    csn_set_free(&context);
}
