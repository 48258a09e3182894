/* The end of all connectors at the same time: one after the other they would take too long. */
#include "daemon_parts.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "mem.h"

struct stop {
    pthread_t thread;
    bool begun;
    struct connector **connector;
    bool clean;
};

static void *stop_one(void *arg)
{
    struct stop *s = arg;

    s->clean = connector_stop(s->connector);
    return NULL;
}

static bool join(struct stop *s, int64_t deadline_ms)
{
    struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000), .tv_nsec = (long)(deadline_ms % 1000) * 1000000};

    return pthread_clockjoin_np(s->thread, NULL, CLOCK_MONOTONIC, &until) == 0;
}

bool connectors_stop(struct connector **connectors, size_t n, int64_t deadline_ms)
{
    struct stop *stops = mem_alloc(n * sizeof(*stops));
    bool clean = true, joined = true;

    for (size_t i = 0; i < n; i++) {
        if (connectors[i] == NULL)
            continue;
        stops[i].connector = &connectors[i];
        stops[i].begun = pthread_create(&stops[i].thread, NULL, stop_one, &stops[i]) == 0;
        if (!stops[i].begun) { /* no thread to be had: then one after the other */
            stop_one(&stops[i]);
            clean = clean && stops[i].clean;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!stops[i].begun)
            continue;
        if (join(&stops[i], deadline_ms))
            clean = clean && stops[i].clean;
        else
            joined = false;
    }
    if (joined) /* else a thread still writes there; the program ends in a moment */
        free(stops);
    return clean && joined;
}
