/* What verify_sink.c and verify_sink_preview.c share: a sink and who looks at it. */
#ifndef ENGINE_VERIFY_TARGET_H
#define ENGINE_VERIFY_TARGET_H

#include "axigen_audit.h"
#include "sinks.h"
#include "verify_sink.h"

struct target {
    struct verify *v;
    const char *name;
    char *subject; /* "corp/mail" */
    struct axigen_settings settings;
    struct sink_records records;
    struct axigen_audit *audit;
    struct sink_row row;
    struct census queued; /* UUIDs of what the sink has still to do … */
    uint64_t queued_upto; /* … in the queue up to this seq */
    struct buf domains;   /* of all objects, each once, as buf_bytes() */
    size_t n;             /* objects looked at */
};

void target_open(struct target *t, struct verify *v, const struct config_sink *s);
void target_close(struct target *t);

/* The domain of an address is one whose accounts are listed at the end. */
void target_note_domain(struct target *t, struct slice address);
/* Calls each for every account and group of those domains that nobody has: known says so. */
int target_each_other(struct target *t, bool (*known)(void *ctx, struct slice address),
                      int (*each)(void *ctx, enum object_kind kind, struct slice address, struct err *e), void *ctx,
                      struct err *e);

/* The state's objects. */
struct state_objects {
    struct verify *v;
    object_id at;
};
struct verify_objects state_objects(struct state_objects *s);

/* Before the first telling of this sink. */
int target_preview(struct target *t, const struct verify_objects *objects, struct err *e);

#endif
