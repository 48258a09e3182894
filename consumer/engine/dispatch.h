/* Joint 3 for a sink that can be refused single actions: what its thread does, one step at a time (docs/architecture.md,
 * "Delivery to a target that can refuse"; sink.h). deliver.c has the thread, waits, and knows when the sink is open.
 *
 * What is to be done, in this order:
 *   (a) rows that were set aside and are due, were freed, or are tried for their group
 *   (b) the queue after the position; before that, for a new sink, the whole state
 *   (c) removals whose time has come
 *
 * A batch shares no key (action_keys.h), so that after a kill in its middle it can come again in any order. All that follows
 * from it is one commit: position, rows, records. What could not be stored is stored before anything else is done. */
#ifndef ENGINE_DISPATCH_H
#define ENGINE_DISPATCH_H

#include "changes.h"
#include "sink.h"

struct dispatch;

/* What a look-up by UUID says of an entry whose account is to be removed. */
enum removal_verdict {
    REMOVAL_GONE,      /* found nowhere, by an answer that counts */
    REMOVAL_THERE,
    REMOVAL_UNKNOWN    /* no answer that counts */
};

/* Called in the sink's thread. */
struct dispatch_hooks {
    void *ctx;
    /* Returns after the changes are on disk: 0, or -1 and *e: nothing of it happened. */
    int (*commit)(void *ctx, size_t sink, const struct changes *c, struct err *e);
    /* Asks the directory; each uuid is answered by dispatch_answer(), now or later. */
    void (*look_up)(void *ctx, size_t sink, const uint8_t *uuids, size_t n);
};

struct dispatch_limits {
    int retry_min_s, retry_max_s;   /* transientErrorRetryInterval, maxRetryInterval */
    int max_attempts;
    int64_t look_again_s;           /* between look-ups of an entry that is still there */
};

struct dispatch_settings {
    const char *connector, *name;   /* of the sink; strings outlive it */
    const char *subject;            /* for the log */
    size_t index;                   /* given back with the hooks */
    struct db *db;
    const atomic_bool *stop;
    struct dispatch_hooks hooks;
    struct dispatch_limits limits;
};

struct dispatch *dispatch_new(const struct dispatch_settings *settings);
void dispatch_free(struct dispatch **d);
/* The memory to be given to the sink's constructor; then the sink, which stays the caller's. */
const struct sink_records *dispatch_records(struct dispatch *d);
void dispatch_set_sink(struct dispatch *d, struct sink *sink);

/* Before the first step: reads what is stored. fresh: the sink's row was made in this run, so that nothing can have been
 * given to the target before. */
void dispatch_begin(struct dispatch *d, bool fresh);

enum dispatch_next {
    DISPATCH_MORE,     /* something was done: call again */
    DISPATCH_IDLE,     /* nothing to do until *until_ms (wall clock; -1: until something is committed) */
    DISPATCH_BROKEN,   /* *e: the target can't be reached, or nothing can be stored: again after a while */
    DISPATCH_STOPPED
};
enum dispatch_next dispatch_step(struct dispatch *d, int64_t *until_ms, struct err *e);

/* The sink's row as this thread saw it last. */
const struct sink_row *dispatch_row(const struct dispatch *d);

/* Any thread. */
void dispatch_set_limits(struct dispatch *d, const struct dispatch_limits *limits);
void dispatch_answer(struct dispatch *d, const uint8_t *uuid, enum removal_verdict verdict);

#endif
