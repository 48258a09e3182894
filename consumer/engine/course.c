/* Joint 1: the course of a session: its begin and end, what a complete refresh proves, its cookie, and contextCSN. */
#include "mirror.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"

/* Re-issues after a watchdog alarm begin after two intervals, then at doubling distances up to this. */
#define REISSUE_MAX_MS ((int64_t)3600 * 1000)

bool course_is_suspicious(const struct mirror *m)
{
    struct slice why;

    return meta_get(m->t, "suspicion", object_kind_name(m->search.kind), &why);
}

void course_give_up(struct mirror *m, const char *why)
{
    snprintf(m->restart_why, sizeof(m->restart_why), "%s", why);
    m->deaf = true;
    m->search.refreshing = m->search.complete = false;
    m->insync_ms = 0;
    census_drop(&m->search.census);
}

/* A load that a failed commit cut short: its indexes are built before anything else is done. False if that failed. */
static bool finish_load(struct mirror *m)
{
    struct err e;
    int rc;

    if (m->load || !load_pending(m->t))
        return true;
    rc = mirror_commit(m, &e);
    if (rc == 0)
        rc = load_build(m->store, m->stop, &e);
    mirror_begin(m);
    if (rc == 0)
        return true;
    log_error(m->subject, "%s", e.text);
    course_give_up(m, "the first load could not be finished");
    return false;
}

void course_begin(struct mirror *m, const struct sync_msg *msg)
{
    struct mirror_search *s = &m->search;

    m->deaf = false;
    s->session = msg->session;
    s->had_cookie = msg->had_cookie;
    s->refreshing = true;
    s->complete = false;
    s->received = 0;
    s->refresh_began_ms = clock_mono_ms();
    m->insync_ms = 0;
    free(s->uri);
    s->uri = msg->uri.len ? mem_printf("%.*s", SLICE_ARG(msg->uri)) : NULL;
    if (!finish_load(m) || !behind_begin(m, s, msg))
        return;
    if (!msg->had_cookie && m->load == NULL)
        m->load = load_begin(m->store, m->t);
    if (m->load) {
        m->urgent = true;   /* load_begin() wrote, and a transaction without urgency is dropped */
        census_drop(&s->census);
    } else {
        census_begin(&s->census);
    }
}

/* The session broke off: what it has shown so far proves no absence. A load that was under way gets its indexes, and
 * the next session fills in the rest. */
void course_end(struct mirror *m)
{
    struct err e;

    m->search.refreshing = false;
    m->search.complete = false;
    m->insync_ms = 0;
    census_drop(&m->search.census);
    if (m->load && mirror_end_load(m, &e) != 0) {
        log_error(m->subject, "%s", e.text);
        course_give_up(m, "the first load could not be finished");
    }
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

void course_take_cookie(struct mirror *m, struct slice cookie)
{
    struct mirror_search *s = &m->search;
    bool malformed = false;

    m->ahead_since_ms = 0;
    if (s->behind) {
        take_cookie_from_behind(m, s, cookie);
        return;
    }
    if (cookie_take(&s->cookie, cookie, &malformed))
        s->cookie_dirty = true;
    if (malformed)
        log_warning(m->subject, "the provider sent a malformed cookie, which is ignored: %.*s", SLICE_ARG(cookie));
    if (csn_set_merge(&s->highest, &s->cookie.csns))
        s->cookie_dirty = true;
    csn_set_merge(&s->shown, &s->cookie.csns);
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

void course_sweep(struct mirror *m, struct census *census, enum phase_word phase)
{
    struct found f = { 0 };
    bool suspect = course_is_suspicious(m) || census->n == 0;
    struct object told;

    census_end(census, m->t, m->search.kind, found_absent, found_unknown, &f);
    for (size_t i = 0; i < f.absent.len; i += UUID_BYTES) {
        if (objects_get(m->t, (uint8_t *)f.absent.p + i, &told, &m->a) != 0)
            pend_delete(m, &told, CAUSE_ABSENT, phase, false, suspect);
        else
            buf_add(&m->ask, f.absent.p + i, UUID_BYTES);   /* waits for an address, or is invalid */
        arena_reset(&m->a);
    }
    if (f.absent.len)
        log_info(m->subject, "%zu known entries were not shown; looking each up", f.absent.len / UUID_BYTES);
    buf_add_slice(&m->ask, buf_slice(&f.unknown));
    buf_free(&f.absent);
    buf_free(&f.unknown);
    m->urgent = true;
}

/* A full refresh is through: suspicion has had its sweep. */
static void end_suspicion(struct mirror *m)
{
    const char *kind = object_kind_name(m->search.kind);

    meta_put(m->t, "suspicion", kind, (struct slice){ 0 });
    meta_put(m->t, "older", kind, (struct slice){ 0 });
    m->older_counts = false;
}

void course_complete(struct mirror *m, const struct sync_msg *msg)
{
    struct mirror_search *s = &m->search;
    struct err e;
    bool was_load = m->load != NULL;

    if (was_load && mirror_end_load(m, &e) != 0) {
        log_error(m->subject, "%s", e.text);
        course_give_up(m, "the first load could not be finished");
        return;
    }
    s->refreshing = false;
    s->complete = true;
    s->refresh_ended_ms = clock_mono_ms();
    behind_complete(m, s, msg);
    if (s->was_behind && !s->behind && behind_has_caught_up(m, s))
        return;   /* what it showed before may be old */
    ingest_settle_wants(m);
    if (s->census.open)
        pend_seen_present(m);
    if (s->census.open && (msg->effect & EFFECT_ABSENT || !s->had_cookie) && !s->behind && !s->no_csn)
        course_sweep(m, &s->census, PHASE_REFRESH);   /* its CSN set is not behind */
    if (!s->had_cookie && !s->behind && !s->no_csn)
        end_suspicion(m);
    census_drop(&s->census);
    m->insync_ms = m->now_ms;
    m->urgent = true;
    m->last_error[0] = '\0';
    behind_tell(m, s);
    log_info(m->subject, "in sync with %s: %lld entries received in %.3f s, %lld accounts mirrored",
             s->uri ? s->uri : "the server", (long long)s->received,
             (double)(s->refresh_ended_ms - s->refresh_began_ms) / 1000, (long long)m->store->objects[s->kind]);
}

void course_restart_empty(struct mirror *m, const struct sync_msg *msg)
{
    log_warning(m->subject, "the provider asks for a full refresh (e-syncRefreshRequired): %.*s", SLICE_ARG(msg->text));
    cookie_free(&m->search.cookie);
    m->search.cookie_dirty = true;
    m->urgent = true;
}

/* ---- the second connection ---------------------------------------------------------------------------------- */

/* contextCSN as the watchdog read it: ahead of our cookie without a message? */
static void watch(struct mirror *m, const struct csn_set *context)
{
    int64_t now = clock_mono_ms(), interval = (int64_t)m->conf->watchdog_interval * 1000;
    uint16_t sid;

    if (!m->search.complete || m->search.behind || !csn_set_behind(&m->search.cookie.csns, context, &sid)) {
        m->ahead_since_ms = 0;
        m->reissue_after_ms = 0;
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
    m->reissue_after_ms = m->reissue_after_ms > REISSUE_MAX_MS / 2 ? REISSUE_MAX_MS : m->reissue_after_ms * 2;
    m->ahead_since_ms = now;
    snprintf(m->restart_why, sizeof(m->restart_why),
             "the server's contextCSN moved and no message came: the search is issued again");
}

/* Where there is no contextCSN, a server that was emptied looks like one that hides it: only the one that showed us the entries can
 * prove that one is gone, while its session goes on and its base is the one that we know. */
static bool is_trusted_without_csn(const struct mirror *m, const struct mirror_search *s, const struct sync_msg *msg)
{
    return s->complete && !s->behind && !s->no_csn && s->uri && slice_eq(msg->uri, slice_of(s->uri)) &&
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
    struct mirror_search *s = &m->search;
    struct csn_set context = { 0 };
    bool reloaded = behind_see_mark(m, s, msg->mark);

    behind_csns(msg, &context);
    if (msg->token != 0) {
        csn_set_copy(&m->context, &context);
        trust(m, s, msg);
        if (reloaded) {
            m->context_trusted = false;
            snprintf(m->context_why, sizeof(m->context_why), "the database was reloaded");
        }
    } else if (s->uri && slice_eq(msg->uri, slice_of(s->uri))) {
        behind_see_csns(m, s, &context);
        watch(m, &context);
    }
    if (reloaded && s->had_cookie && (s->refreshing || s->complete))
        course_give_up(m, "the database was reloaded");
    csn_set_free(&context);
}
