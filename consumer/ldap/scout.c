#include "scout.h"

#include <stdlib.h>

#include "clock.h"
#include "standing.h"
#include "worker.h"

#define NOBODY SIZE_MAX

struct scout {
    struct worker worker;
    const struct probe_settings *settings;
    const struct source_hooks *hooks;
    struct directory directory;
    atomic_size_t uri;           /* the one that is behind; NOBODY: there is nothing to look for */
    size_t seen;                 /* the thread's: *uri as of the round that is due at due_ms */
    int64_t due_ms, distance_ms;
    bool reader_gone;
};

static int64_t interval_ms(const struct scout *s)
{
    return (int64_t)s->settings->watchdog_s * 1000;
}

/* False: it does not answer. */
static bool ask(struct scout *s, size_t uri, struct sync_batch *batch)
{
    struct err e = { 0 };

    for (unsigned i = 0; i < s->settings->source->n_specs; i++) {
        struct sync_msg m = { .type = SYNC_ELSEWHERE, .search = i };

        if (standing_ask(&s->directory, uri, &batch->arena, &m, &e) != LDAP_SUCCESS)
            return false;
        m.received_ms = clock_mono_ms();
        *sync_batch_add(batch, SYNC_ELSEWHERE) = m;
    }
    return true;
}

static void ask_one(struct scout *s, size_t uri)
{
    struct sync_batch *batch = sync_batch_new();
    bool whole = ask(s, uri, batch);

    directory_close(&s->directory);
    if (!whole || worker_stopping(&s->worker))
        sync_batch_free(&batch);
    else
        s->reader_gone = !s->hooks->deliver(s->hooks->ctx, batch);
}

/* In the order of the configuration: the first that is not behind is taken. */
static void look_around(struct scout *s)
{
    for (size_t i = 0; i < s->settings->source->conn.n_uris; i++)
        if (i != s->seen && !s->reader_gone && atomic_load(&s->uri) == s->seen && !worker_stopping(&s->worker))
            ask_one(s, i);
}

static void plan(struct scout *s, int64_t distance_ms)
{
    int64_t max_ms = interval_ms(s) * SCOUT_SPREAD_MAX;

    s->distance_ms = distance_ms < max_ms ? distance_ms : max_ms;
    s->due_ms = clock_mono_ms() + s->distance_ms;
}

/* What is to be done now; -1, or when to look again. */
static int64_t turn(struct scout *s)
{
    size_t uri = atomic_load(&s->uri);

    if (uri != s->seen) {
        s->seen = uri;
        plan(s, interval_ms(s));
    }
    if (uri == NOBODY || interval_ms(s) == 0)
        return -1;
    if (clock_mono_ms() >= s->due_ms) {
        look_around(s);
        plan(s, (s->distance_ms ? s->distance_ms : interval_ms(s)) * SCOUT_SPREAD);
    }
    return s->due_ms;
}

static void *scout_thread(void *arg)
{
    struct scout *s = arg;

    while (!worker_stopping(&s->worker) && !s->reader_gone)
        worker_wait(&s->worker, -1, turn(s));
    directory_close(&s->directory);
    return NULL;
}

struct scout *scout_start(const struct probe_settings *settings, const struct source_hooks *hooks)
{
    struct scout *s = mem_alloc(sizeof(*s));

    s->settings = settings;
    s->hooks = hooks;
    s->seen = NOBODY;
    atomic_init(&s->uri, NOBODY);
    directory_init(&s->directory, settings->source, &s->worker);
    worker_start(&s->worker, scout_thread, s);
    return s;
}

void scout_seek(struct scout *s, bool on, size_t uri)
{
    size_t wanted = on && s->settings->source->conn.n_uris > 1 ? uri : NOBODY;

    if (atomic_exchange(&s->uri, wanted) != wanted)
        worker_wake(&s->worker);
}

bool scout_stop(struct scout **s, int wait_ms)
{
    struct scout *gone = *s;

    *s = NULL;
    if (!worker_stop(&gone->worker, wait_ms))
        return false;
    free(gone);
    return true;
}
