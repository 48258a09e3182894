/* The state against an Axigen sink (verify.h). An object with anything queued or set aside for the sink is no
 * difference: the sink has it still to do. What differs is compared once more with its state, so that what was queued
 * and done meanwhile is none either. */
#ifndef ENGINE_VERIFY_SINK_H
#define ENGINE_VERIFY_SINK_H

#include "verify_parts.h"

/* Objects one after the other: of the state; or, where there is none yet, of what the first run would take in. */
struct verify_objects {
    void *ctx;
    void (*rewind)(void *ctx);
    /* The next one, in *a; false: no more. */
    bool (*next)(void *ctx, struct object *o, struct arena *a);
    /* Whether one of them has this address. */
    bool (*has)(void *ctx, struct slice address);
};

/* All sinks of the connector, which has a state. */
int verify_sinks(struct verify *v, struct err *e);
/* All sinks, before anything was told to them. */
int verify_sinks_preview(struct verify *v, const struct verify_objects *objects, struct err *e);

#endif
