#include "mirror.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "containers.h"
#include "gone.h"
#include "log.h"
#include "plan.h"
#include "records.h"
#include "step.h"

/* A gap between two runs counts for at most a day (SPEC.md 2.7). */
#define GAP_MAX_MS ((int64_t)86400 * 1000)
/* Dirty pages are private memory until the commit. */
#define BYTES_PER_COMMIT ((size_t)4 << 20)
/* The wall clock wanders by this much without having jumped. */
#define CLOCK_SLACK_MS 2000

/* What waited while we were not running: a gap counts for at most a day, and a clock that went back begins anew. */
static void settle_clock(struct mirror *m)
{
    int64_t gap = m->now_ms - m->store->wall_ms;

    if (m->store->wall_ms == 0)
        return;
    if (gap < 0) {
        log_warning(m->subject, "the clock is %lld s earlier than when the state was stored last: what waits begins its "
                                "wait again", (long long)(-gap / 1000));
        pending_begin_again(m->store, m->t, m->now_ms);
        records_begin_again(m->t, m->now_ms);
    } else if (gap > GAP_MAX_MS) {
        log_warning(m->subject, "the state was stored last %lld s ago, of which a day counts: what waits is shifted",
                    (long long)(gap / 1000));
        pending_shift(m->store, m->t, gap - GAP_MAX_MS);
        records_shift(m->t, gap - GAP_MAX_MS);
    }
}

static int open_groups(struct mirror *m, struct err *e)
{
    int rc;

    if (search_of(m, OBJECT_GROUP)->kind == SEARCH_GROUPS && load_dns(m->store, m->stop, e) != 0)
        return -1;
    mirror_begin(m);
    rc = group_bind_all(m, e);
    if (rc == 0 && m->urgent)
        return mirror_commit(m, e);
    txn_abort(&m->t);
    return rc;
}

int mirror_open(struct mirror *m, struct err *e)
{
    bool loading;

    m->now_ms = clock_wall_ms();
    m->clock_offset_ms = m->now_ms - clock_mono_ms();
    mirror_begin(m);
    loading = load_pending(m->t);
    for (unsigned i = 0; i < m->n_searches; i++) {
        search_read(m, &m->searches[i]);
        search_check_fingerprint(m, &m->searches[i]);
    }
    settle_clock(m);
    owed_open(m);
    anew_open(m);
    gone_release_all(m->t);
    release_recover(m);
    m->spare_unknown = true;
    if (mirror_commit(m, e) != 0)
        return -1;
    if (loading)
        log_info(m->subject, "finishing a first load that was interrupted");
    if (loading && load_build(m->store, m->stop, e) != 0)
        return -1;
    return open_groups(m, e) != 0 ? -1 : subtree_open(m, e);
}

void mirror_close(struct mirror *m)
{
    if (m->t)
        store_abort(m->store, &m->t);
    load_free(&m->load);
    census_drop(&m->reconcile.census);
    search_free_all(m);
    fetch_free(m);
    csn_set_free(&m->asked_highest);
    csn_set_free(&m->context);
    csn_set_free(&m->heard[0]);
    csn_set_free(&m->heard[1]);
    free(m->uri);
    free(m->move_to);
    sibling_free(m);
    buf_free(&m->scratch);
    buf_free(&m->judged);
    buf_free(&m->freed);
    buf_free(&m->spare);
    buf_free(&m->overtaken);
    arena_free(&m->a);
}

void mirror_begin(struct mirror *m)
{
    if (m->t == NULL)
        m->t = store_begin(m->store);
}

static void reset_search(struct mirror *m, struct mirror_search *s)
{
    census_drop(&s->census);
    cookie_free(&s->cookie);
    csn_set_free(&s->highest);
    s->cookie_dirty = s->refreshing = s->complete = false;
    s->reconciled_ms = 0;
    s->reconcile_failed = 0;
    search_read(m, s);
}

/* Forgets the session and reads back what memory has of the state, so that it is what the disk says. */
static void reset(struct mirror *m)
{
    load_free(&m->load);
    m->reconcile.search = NULL;   /* a listing under way proves nothing any more */
    census_drop(&m->reconcile.census);
    fetch_reset(m);
    m->insync_ms = 0;
    m->urgent = false;
    m->deaf = true;
    mirror_begin(m);
    for (unsigned i = 0; i < m->n_searches; i++)
        reset_search(m, &m->searches[i]);
    subtree_read(m);
    buf_reset(&m->judged);
    m->judge = false;
    buf_reset(&m->spare);
    m->spare_unknown = true;
    release_judge_waiting(m);
    txn_abort(&m->t);
}

void mirror_abort(struct mirror *m)
{
    store_abort(m->store, &m->t);
    reset(m);
}

int mirror_commit(struct mirror *m, struct err *e)
{
    bool cookie_moves = false;

    mirror_begin(m);
    for (unsigned i = 0; i < m->n_searches; i++)
        if (m->searches[i].cookie_dirty) {
            search_write(m, &m->searches[i]);
            cookie_moves = true;
        }
    owed_note(m);
    m->store->dirty = true;   /* the wall clock of this commit is what a gap between two runs is measured from */
    STEP_POINT(commit_before);
    if (store_commit(m->store, &m->t, e) != 0) {
        m->undone = *e;
        reset(m);
        snprintf(m->restart_why, sizeof(m->restart_why), "what was received could not be stored");
        return -1;   /* what is to be asked stays: some of it may be of an earlier commit, and to ask for the others does no harm */
    }
    STEP_POINT(commit_after);
    if (m->load)
        STEP_POINT(load_commit);
    if (cookie_moves) {
        for (unsigned i = 0; i < m->n_searches; i++)
            m->searches[i].cookie_dirty = false;
        STEP_POINT(cookie_stored);
    }
    m->urgent = false;
    return 0;
}

bool mirror_is_full(const struct mirror *m)
{
    return (m->stop && *m->stop) || txn_bytes(m->t) >= BYTES_PER_COMMIT;
}

int mirror_pause(struct mirror *m, const char *work, struct err *e)
{
    int rc = mirror_commit(m, e);

    mirror_begin(m);   /* after a failure too: what follows in this round works in one */
    if (rc != 0)
        return -1;
    m->urgent = true;   /* so that the writer tells the sinks and the status of what was committed here */
    return m->stop && *m->stop ? err_set(e, ERR_TEMP, "stopped while %s; the next start goes on", work) : 0;
}

int mirror_end_load(struct mirror *m, struct err *e)
{
    int rc;

    rc = mirror_commit(m, e);
    if (rc == 0)
        rc = load_end(&m->load, m->store, m->stop, e);
    else
        load_free(&m->load);
    mirror_begin(m);
    if (rc == 0)
        rc = group_bind_all(m, e);
    m->urgent = true;   /* so that the writer commits once more, and with that wakes the sinks for what was committed here */
    return rc;
}

bool mirror_settle_load(struct mirror *m)
{
    struct err e;

    if (m->load == NULL)
        return true;
    if (mirror_end_load(m, &e) != 0) {
        log_error(m->subject, "%s", e.text);
        course_give_up(m, "the first load could not be finished");
        return false;
    }
    return true;
}

void mirror_emit(struct mirror *m, struct action *a)
{
    a->time_ms = m->now_ms;
    a->connector = slice_of(m->conf->name);
    queue_push(m->store, m->t, a, &m->scratch);
    m->store->last_change_ms = m->now_ms;
    m->urgent = true;
}

void mirror_emit_create(struct mirror *m, const struct object *o, enum cause cause, enum phase_word phase)
{
    struct action a = action_create_of(o, cause, phase);

    mirror_emit(m, &a);
}

void mirror_emit_return(struct mirror *m, const struct object *gone, const struct object *o, enum cause cause,
                        enum phase_word phase)
{
    struct action a = action_create_of(o, cause, phase);
    field_id clear[OBJECT_MAX_FIELDS + 1];

    a.clear = clear;
    a.n_clear = plan_return(gone, o, clear);
    mirror_emit(m, &a);
}

void mirror_watch_clock(struct mirror *m)
{
    int64_t offset, jump;

    m->now_ms = clock_wall_ms();
    offset = m->now_ms - clock_mono_ms();
    jump = offset - m->clock_offset_ms;
    m->clock_offset_ms = offset;
    if (jump > -CLOCK_SLACK_MS && jump < CLOCK_SLACK_MS)
        return;
    log_warning(m->subject, "the clock jumped by %lld s: what waits is shifted with it", (long long)(jump / 1000));
    if (pending_shift(m->store, m->t, jump) + records_shift(m->t, jump) > 0)
        m->urgent = true;
    if (m->insync_ms)
        m->insync_ms += jump;
    m->expired_ms += jump;
}

bool mirror_has_alias(const struct object *o, struct slice alias)
{
    for (uint32_t i = 0; i < o->n_aliases; i++)
        if (slice_eq(o->aliases[i], alias))
            return true;
    return false;
}

/* Empty: unknown. */
static struct slice known_dn(struct mirror *m, const struct mirror_search *s, const uint8_t *uuid, struct arena *a)
{
    struct slice none = { "", 0 };
    struct container c;
    struct object told;
    struct gone gone;

    if (search_shows_objects(s) && objects_get(m->t, uuid, &told, a) != 0)
        return told.dn;
    if (search_shows_objects(s))
        return gone_get(m->t, uuid, &gone, a) ? gone.o.dn : none;
    return containers_get(m->t, uuid, &c, a) ? c.dn : none;
}

struct slice *mirror_asked_dns(struct mirror *m, const struct mirror_search *s, size_t n, struct arena *a)
{
    struct slice *dns = arena_alloc(a, (n + 1) * sizeof(*dns));
    struct arena scratch = { 0 };

    mirror_begin(m);
    for (size_t i = 0; i < n; i++) {
        struct slice dn = known_dn(m, s, (const uint8_t *)s->ask.p + i * UUID_BYTES, &scratch);

        if (dn.len)
            dns[i] = arena_copy(a, dn.p, dn.len);
        arena_reset(&scratch);
    }
    txn_abort(&m->t);
    arena_free(&scratch);
    return dns;
}
