/* The memory of an action sink (sink.h, struct sink_records) over LMDB: what it put in this call is kept here until it is
 * committed, and seen by its look-ups before. Used in the sink's thread only. */
#ifndef ENGINE_RECALL_H
#define ENGINE_RECALL_H

#include "changes.h"
#include "sink.h"

/* Returns after the changes are on disk: 0, or -1 and *e. */
typedef int recall_commit(void *ctx, const struct changes *c, struct err *e);

struct recall_put {
    struct record record;
    bool gone;                 /* it was deleted */
};

struct recall {
    struct sink_records records;   /* what the sink is given */
    struct db *db;
    const char *sink;
    recall_commit *commit;
    void *ctx;
    struct recall_put *puts;       /* not committed yet, the newest last */
    size_t n, cap;
    struct arena arena;            /* … and their bytes */
};

/* db, sink and ctx are the caller's and outlive it. */
void recall_init(struct recall *r, struct db *db, const char *sink, recall_commit *commit, void *ctx);
void recall_free(struct recall *r);
/* Hands what was put over, to be committed with the outcome. */
void recall_take(struct recall *r, struct changes *c);
/* Forgets it: the call ended with SINK_DOWN. */
void recall_forget(struct recall *r);

#endif
