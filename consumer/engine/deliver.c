#include "deliver.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "member.h"
#include "members.h"
#include "objects.h"
#include "queue.h"

/* So much is handed to a sink at once: one write and one sync. */
#define BATCH_BYTES ((size_t)2 << 20)

struct deliver {
    struct deliver_settings settings;
    char *subject;             /* connector/sink */
    struct sink *sink;
    atomic_bool stop;
    bool opened, tried, running, resync;
    pthread_t thread;

    pthread_mutex_t lock;      /* guards what follows */
    pthread_cond_t wake;
    uint64_t committed;
    uint64_t position;
    char last_error[STATUS_TEXT];

    uint64_t wakes;            /* how often there was a reason to look */
    struct sink_row row;       /* of an action sink, as its thread saw it last */
    bool resting;              /* it has nothing to do now */
    struct dispatch *dispatch; /* of an action sink; else NULL */

    struct buf text;           /* the thread's own: lines, one after the other */
    struct sink_line *lines;
    size_t n_lines, cap_lines;
};

static struct dispatch *make_dispatch(struct deliver *d)
{
    const struct deliver_settings *s = &d->settings;
    struct dispatch_settings settings = {
        .connector = s->connector,
        .name = s->name,
        .subject = d->subject,
        .index = s->index,
        .db = s->db,
        .stop = &d->stop,
        .hooks = s->hooks,
        .limits = { s->retry_min_s, s->retry_max_s, s->max_attempts, s->look_again_s },
    };

    return dispatch_new(&settings);
}

struct deliver *deliver_new(const struct deliver_settings *settings)
{
    struct deliver *d = mem_alloc(sizeof(*d));
    pthread_condattr_t attr;

    d->settings = *settings;
    d->subject = mem_printf("%s/%s", settings->connector, settings->name);
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->wake, &attr);
    pthread_condattr_destroy(&attr);
    if (settings->actions)
        d->dispatch = make_dispatch(d);
    return d;
}

const struct sink_records *deliver_records(struct deliver *d)
{
    return dispatch_records(d->dispatch);
}

const atomic_bool *deliver_stop_flag(struct deliver *d)
{
    return &d->stop;
}

void deliver_set_sink(struct deliver *d, struct sink *sink)
{
    d->sink = sink;
    sink->subject = d->subject;
    if (d->dispatch)
        dispatch_set_sink(d->dispatch, sink);
}

static void set_error(struct deliver *d, const char *text)
{
    pthread_mutex_lock(&d->lock);
    status_text(d->last_error, sizeof(d->last_error), text);
    pthread_mutex_unlock(&d->lock);
}

int deliver_open(struct deliver *d, uint64_t stored, uint64_t *position, struct err *e)
{
    d->tried = true;
    if (d->sink->class->open(d->sink, stored, position, e) != 0) {
        set_error(d, e->text);
        return -1;
    }
    d->opened = true;
    return 0;
}

/* Waits until something above `after` is committed, or stop. False: stop. */
static bool wait_for_work(struct deliver *d, uint64_t after)
{
    bool stop;

    pthread_mutex_lock(&d->lock);
    while (d->committed <= after && !d->stop)
        pthread_cond_wait(&d->wake, &d->lock);
    stop = d->stop;
    pthread_mutex_unlock(&d->lock);
    return !stop;
}

/* Waits out a back-off, or until stop. */
static void wait_ms(struct deliver *d, int64_t ms)
{
    int64_t until = clock_mono_ms() + ms;
    struct timespec ts = { .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };

    pthread_mutex_lock(&d->lock);
    while (!d->stop && clock_mono_ms() < until)
        pthread_cond_timedwait(&d->wake, &d->lock, &ts);
    pthread_mutex_unlock(&d->lock);
}

static void done(struct deliver *d, uint64_t position)
{
    pthread_mutex_lock(&d->lock);
    d->position = position;
    d->last_error[0] = '\0';
    pthread_mutex_unlock(&d->lock);
    d->settings.acked(d->settings.ctx, d->settings.index, position);
}

/* The lines of d->text, which are separated by line ends, as an array. */
static void split(struct deliver *d, uint64_t seq_of_all)
{
    const char *p = d->text.p, *end = p + d->text.len;

    d->n_lines = 0;
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        struct sink_line *line;

        if (d->n_lines == d->cap_lines) {
            d->cap_lines = d->cap_lines ? d->cap_lines * 2 : 256;
            d->lines = mem_realloc(d->lines, d->cap_lines * sizeof(*d->lines));
        }
        line = &d->lines[d->n_lines++];
        line->json = slice_make(p, (size_t)(nl - p));
        line->seq = seq_of_all ? seq_of_all : action_line_seq(line->json);
        p = nl + 1;
    }
}

/* Hands d->text over, again and again with back-off while the target is down. False: stop. */
static bool submit(struct deliver *d, uint64_t seq_of_all)
{
    int64_t delay = (int64_t)d->settings.retry_min_s * 1000;
    struct err e;

    split(d, seq_of_all);
    while (!d->stop) {
        err_clear(&e);
        if (d->sink->class->submit(d->sink, d->lines, d->n_lines, &e) == SINK_OK)
            return true;
        if (d->stop)
            return false;
        log_error(d->subject, "%s; trying again in %lld s", e.text, (long long)(delay / 1000));
        set_error(d, e.text);
        wait_ms(d, delay);
        delay = delay * 2 > (int64_t)d->settings.retry_max_s * 1000 ? (int64_t)d->settings.retry_max_s * 1000 : delay * 2;
    }
    return false;
}

static bool open_at_last(struct deliver *d)
{
    int64_t delay = (int64_t)d->settings.retry_min_s * 1000;
    uint64_t position;
    struct err e;

    while (!d->opened && !d->stop) {
        if (d->tried)
            wait_ms(d, delay);
        if (d->stop || deliver_open(d, d->position, &position, &e) == 0)
            break;
        log_error(d->subject, "%s; trying again in %lld s", e.text, (long long)(delay / 1000));
        delay = delay * 2 > (int64_t)d->settings.retry_max_s * 1000 ? (int64_t)d->settings.retry_max_s * 1000 : delay * 2;
    }
    return d->opened;
}

static void add_action(struct deliver *d, const struct action *given, const struct object *o, uint64_t seq)
{
    struct action a = *given;

    a.seq = seq;
    a.time_ms = clock_wall_ms();
    a.connector = slice_of(d->settings.connector);
    a.uuid = o->uuid;
    a.dn = o->dn;
    a.address = o->address;
    a.cause = CAUSE_RESYNC;
    a.phase = PHASE_LOCAL;
    action_json(&a, &d->text);
    buf_u8(&d->text, '\n');
}

static void add_create(struct deliver *d, const struct object *o, uint64_t seq)
{
    struct action a = action_create_of(o, CAUSE_RESYNC, PHASE_LOCAL);

    add_action(d, &a, o, seq);
}

/* What was collected, when it is enough for a batch. False: stop. */
static bool submit_full(struct deliver *d, uint64_t seq)
{
    bool going;

    if (d->text.len < BATCH_BYTES)
        return true;
    going = submit(d, seq);
    buf_reset(&d->text);
    return going;
}

/* Those of one group, a thousand in an action. False: stop. */
static bool add_members(struct deliver *d, struct txn *t, const struct object *o, uint64_t seq, struct arena *a)
{
    struct slice *chunk = arena_alloc(a, MEMBER_CHUNK * sizeof(*chunk)), address;
    struct buf next = { 0 };
    bool going = true, more = true;
    uint32_t live;

    while (going && more) {
        uint32_t n = 0;

        while (n < MEMBER_CHUNK && (more = told_next(t, o->uuid, &next, &address, &live, a)))
            chunk[n++] = address;
        if (n > 0)
            add_action(d, &(struct action){ .type = ACTION_GROUP_MEMBERS, .add = chunk, .n_add = n }, o, seq);
        going = submit_full(d, seq);
    }
    buf_free(&next);
    return going;
}

/* Tells the whole state as of one moment. False: stop, or it could not be read. */
static bool tell_everything(struct deliver *d)
{
    struct txn *t = txn_begin(d->settings.db, DB_READ);
    struct slice key, value;
    struct arena a = { 0 };
    struct walk w;
    uint64_t seq = queue_last_stored(t);
    size_t told = 0;
    bool going = true;

    log_info(d->subject, "a new sink: telling it the whole state, as of seq %llu", (unsigned long long)seq);
    buf_reset(&d->text);
    walk_begin(&w, t, TABLE_OBJECT);
    while (going && walk_next(&w, (struct slice){ 0 }, &key, &value)) {
        struct object o;

        if (object_decode(value, &o, &a) == 0 && o.state != OBJECT_GONE) {
            add_create(d, &o, seq);
            if (o.kind == OBJECT_GROUP)
                going = add_members(d, t, &o, seq, &a);
            told++;
        }
        arena_reset(&a);
        going = going && submit_full(d, seq);
    }
    walk_end(&w);
    arena_free(&a);
    if (going && d->text.len)
        going = submit(d, seq);
    if (txn_failed(t))
        going = false;
    txn_abort(&t);
    if (going) {
        log_info(d->subject, "told %zu objects", told);
        done(d, seq);
    }
    return going;
}

static bool tell_next(struct deliver *d)
{
    struct txn *t = txn_begin(d->settings.db, DB_READ);
    uint64_t last = d->position;

    buf_reset(&d->text);
    queue_read(t, d->position, BATCH_BYTES, &d->text, &last);
    /* Ended before the sink is called: a reader that stands still keeps LMDB from using pages again. */
    txn_abort(&t);
    if (d->text.len == 0)
        return true;
    if (!submit(d, 0))
        return false;
    done(d, last);
    return true;
}

/* ---- action sinks -------------------------------------------------------------------------------------------- */

/* The clock that a row waits for may be set: it is looked at from time to time. */
#define LOOK_MS 60000

static void publish_row(struct deliver *d, bool resting)
{
    pthread_mutex_lock(&d->lock);
    d->row = *dispatch_row(d->dispatch);
    d->position = d->row.position;
    d->resting = resting;
    pthread_mutex_unlock(&d->lock);
}

static uint64_t wakes(struct deliver *d)
{
    uint64_t n;

    pthread_mutex_lock(&d->lock);
    n = d->wakes;
    pthread_mutex_unlock(&d->lock);
    return n;
}

/* Waits until something happened since `seen`, or until this time by the wall clock (-1: none). */
static void rest(struct deliver *d, uint64_t seen, int64_t until_ms)
{
    int64_t ms = until_ms < 0 ? LOOK_MS : until_ms - clock_wall_ms(), until;
    struct timespec ts;

    until = clock_mono_ms() + (ms > LOOK_MS ? LOOK_MS : ms);
    ts = (struct timespec){ .tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000 };
    pthread_mutex_lock(&d->lock);
    while (!d->stop && d->wakes == seen && clock_mono_ms() < until)
        pthread_cond_timedwait(&d->wake, &d->lock, &ts);
    d->resting = false;
    pthread_mutex_unlock(&d->lock);
}

static void back_off(struct deliver *d, int64_t *delay_ms, const char *why)
{
    int64_t max = (int64_t)d->settings.retry_max_s * 1000;

    if (*delay_ms == 0)
        *delay_ms = (int64_t)d->settings.retry_min_s * 1000;
    if (*delay_ms > max)
        *delay_ms = max;
    log_error(d->subject, "%s; trying again in %lld s", why, (long long)(*delay_ms / 1000));
    set_error(d, why);
    wait_ms(d, *delay_ms);
    *delay_ms *= 2;
}

static void *run_actions(struct deliver *d)
{
    int64_t delay = 0, until = -1;

    for (;;) {
        uint64_t seen = wakes(d);
        struct err e = { 0 };
        enum dispatch_next next = dispatch_step(d->dispatch, &until, &e);

        publish_row(d, next == DISPATCH_IDLE);
        if (next == DISPATCH_STOPPED || d->stop)
            return NULL;
        if (next == DISPATCH_BROKEN) {
            back_off(d, &delay, e.text);
            continue;
        }
        if (delay)
            set_error(d, "");
        delay = 0;
        if (next == DISPATCH_IDLE)
            rest(d, seen, until);
    }
}

static void *run(void *arg)
{
    struct deliver *d = arg;

    if (!open_at_last(d))
        return NULL;
    if (d->dispatch)
        return run_actions(d);
    if (d->resync && !tell_everything(d))
        return NULL;
    while (wait_for_work(d, d->position) && tell_next(d))
        ;
    return NULL;
}

void deliver_start(struct deliver *d, uint64_t position, bool resync)
{
    sigset_t all, before;

    d->position = position;
    d->resync = resync;
    d->running = true;
    if (d->dispatch) {
        dispatch_begin(d->dispatch, resync);
        publish_row(d, false);
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);   /* signals are the main loop's */
    if (pthread_create(&d->thread, NULL, run, d) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void deliver_committed(struct deliver *d, uint64_t last_seq)
{
    pthread_mutex_lock(&d->lock);
    d->committed = last_seq;
    d->wakes++;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
}

void deliver_answer(struct deliver *d, const uint8_t *uuid, enum removal_verdict verdict)
{
    dispatch_answer(d->dispatch, uuid, verdict);
    pthread_mutex_lock(&d->lock);
    d->wakes++;
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
}

void deliver_status(struct deliver *d, struct status_sink *out)
{
    memset(out, 0, sizeof(*out));
    status_text(out->name, sizeof(out->name), d->settings.name);
    status_text(out->type, sizeof(out->type), d->settings.type);
    pthread_mutex_lock(&d->lock);
    out->acked = d->position;
    out->queued = d->committed > d->position ? d->committed - d->position : 0;
    out->waiting = sink_row_waiting(&d->row) + d->row.telling;   /* at least one action it has not */
    out->parked = sink_row_parked(&d->row);
    out->due = d->row.due;
    out->resting = d->resting && d->committed <= d->position;
    memcpy(out->last_error, d->last_error, sizeof(out->last_error));
    pthread_mutex_unlock(&d->lock);
}

void deliver_reopen(struct deliver *d)
{
    if (d->sink->class->reopen)
        d->sink->class->reopen(d->sink);
}

void deliver_set_retry(struct deliver *d, int min_s, int max_s)
{
    d->settings.retry_min_s = min_s;
    d->settings.retry_max_s = max_s;
}

void deliver_set_limits(struct deliver *d, const struct dispatch_limits *limits)
{
    deliver_set_retry(d, limits->retry_min_s, limits->retry_max_s);
    if (d->dispatch)
        dispatch_set_limits(d->dispatch, limits);
}

void deliver_stop(struct deliver *d)
{
    pthread_mutex_lock(&d->lock);
    d->stop = true;
    pthread_cond_broadcast(&d->wake);
    pthread_mutex_unlock(&d->lock);
}

void deliver_free(struct deliver **dp)
{
    struct deliver *d = *dp;

    if (d == NULL)
        return;
    deliver_stop(d);
    if (d->running)
        pthread_join(d->thread, NULL);
    sink_free(&d->sink);
    dispatch_free(&d->dispatch);
    pthread_cond_destroy(&d->wake);
    pthread_mutex_destroy(&d->lock);
    buf_free(&d->text);
    free(d->lines);
    free(d->subject);
    free(d);
    *dp = NULL;
}
