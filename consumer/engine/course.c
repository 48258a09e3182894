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

/* Something that this session said is lost: the next one, from the stored cookie, says it again. */
static void give_up_session(struct mirror *m, const char *why)
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
    give_up_session(m, "the first load could not be finished");
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
    if (!finish_load(m))
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
        give_up_session(m, "the first load could not be finished");
    }
}

void course_take_cookie(struct mirror *m, struct slice cookie)
{
    struct mirror_search *s = &m->search;
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

/* Whether the CSN set that ends the refresh reaches the highest seen, and says who is behind. */
static bool is_behind(struct mirror *m, const struct sync_msg *msg)
{
    struct mirror_search *s = &m->search;
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
                    s->uri ? s->uri : "the server", sid);
    cookie_free(&ended);
    return behind;
}

void course_complete(struct mirror *m, const struct sync_msg *msg)
{
    struct mirror_search *s = &m->search;
    struct err e;
    bool was_load = m->load != NULL;

    if (was_load && mirror_end_load(m, &e) != 0) {
        log_error(m->subject, "%s", e.text);
        give_up_session(m, "the first load could not be finished");
        return;
    }
    s->refreshing = false;
    s->complete = true;
    s->refresh_ended_ms = clock_mono_ms();
    s->behind = is_behind(m, msg);
    ingest_settle_wants(m);
    if (s->census.open)
        pend_seen_present(m);
    if (s->census.open && (msg->effect & EFFECT_ABSENT || !s->had_cookie) && !s->behind)
        course_sweep(m, &s->census, PHASE_REFRESH);   /* its CSN set is not behind */
    if (!s->had_cookie && !s->behind)
        end_suspicion(m);
    census_drop(&s->census);
    m->insync_ms = m->now_ms;
    m->urgent = true;
    m->last_error[0] = '\0';
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

    if (!m->search.complete || !csn_set_behind(&m->search.cookie.csns, context, &sid)) {
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
        m->context_trusted = m->search.uri && slice_eq(msg->uri, slice_of(m->search.uri));
        snprintf(m->context_why, sizeof(m->context_why), "contextCSN can't be read on %.*s", SLICE_ARG(msg->uri));
    } else {
        m->context_trusted = !csn_set_behind(&context, &m->asked_highest, &sid);
        snprintf(m->context_why, sizeof(m->context_why), "%.*s is behind for server ID %03x", SLICE_ARG(msg->uri), sid);
    }
    csn_set_free(&context);
}
