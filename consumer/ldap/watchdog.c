#include "watchdog.h"

#include <stdlib.h>

#include "clock.h"
#include "standing.h"
#include "worker.h"

#define IDLE_MS 1000   /* while it is off: how often it looks whether it still is */

struct watchdog {
    struct worker worker;
    const struct probe_settings *settings;
    const struct source_hooks *hooks;
    void (*silent)(void *ctx, size_t uri);
    void *ctx;
    struct directory directory;
    atomic_size_t uri;
    bool reader_gone;
};

static void deliver(struct watchdog *w, struct sync_batch *batch)
{
    if (worker_stopping(&w->worker) || w->reader_gone)
        sync_batch_free(&batch);
    else
        w->reader_gone = !w->hooks->deliver(w->hooks->ctx, batch);
}

/* 0: it answered. */
static int ask(struct watchdog *w, size_t uri, unsigned search, struct sync_batch *batch, struct err *e)
{
    struct sync_msg m = { .type = SYNC_CONTEXT, .search = search };
    int rc = standing_ask(&w->directory, uri, &batch->arena, &m, e);

    m.received_ms = clock_mono_ms();
    if (rc == LDAP_SUCCESS)
        *sync_batch_add(batch, SYNC_CONTEXT) = m;
    return rc;
}

static void tell_silence(struct watchdog *w, size_t uri, struct sync_batch *batch, const struct err *e)
{
    struct sync_msg *m = sync_batch_add(batch, SYNC_SILENT);

    m->text = arena_copy(&batch->arena, e->text, strlen(e->text));
    m->received_ms = clock_mono_ms();
    directory_close(&w->directory);
    w->silent(w->ctx, uri);
}

static void watch(struct watchdog *w)
{
    struct sync_batch *batch = sync_batch_new();
    size_t uri = atomic_load(&w->uri);
    struct err e = { 0 };
    int rc = LDAP_SUCCESS;

    for (unsigned i = 0; rc == LDAP_SUCCESS && i < w->settings->source->n_specs; i++)
        rc = ask(w, uri, i, batch, &e);
    if (rc != LDAP_SUCCESS && !worker_stopping(&w->worker))
        tell_silence(w, uri, batch, &e);
    deliver(w, batch);
}

/* The interval may be changed, or set to 0, while it runs. */
static void *watchdog_thread(void *arg)
{
    struct watchdog *w = arg;
    int64_t asked_ms = clock_mono_ms();

    while (!worker_stopping(&w->worker) && !w->reader_gone) {
        int64_t interval_ms = (int64_t)w->settings->watchdog_s * 1000;

        if (interval_ms > 0 && clock_mono_ms() - asked_ms >= interval_ms) {
            watch(w);
            asked_ms = clock_mono_ms();
        } else {
            worker_wait(&w->worker, -1, interval_ms > 0 ? asked_ms + interval_ms : clock_mono_ms() + IDLE_MS);
        }
    }
    directory_close(&w->directory);
    return NULL;
}

struct watchdog *watchdog_start(const struct probe_settings *settings, const struct source_hooks *hooks,
                                void (*silent)(void *ctx, size_t uri), void *ctx)
{
    struct watchdog *w = mem_alloc(sizeof(*w));

    w->settings = settings;
    w->hooks = hooks;
    w->silent = silent;
    w->ctx = ctx;
    directory_init(&w->directory, settings->source, &w->worker);
    worker_start(&w->worker, watchdog_thread, w);
    return w;
}

void watchdog_set_uri(struct watchdog *w, size_t uri)
{
    atomic_store(&w->uri, uri);
}

bool watchdog_stop(struct watchdog **w, int wait_ms)
{
    struct watchdog *gone = *w;

    *w = NULL;
    if (!worker_stop(&gone->worker, wait_ms))
        return false;
    free(gone);
    return true;
}
