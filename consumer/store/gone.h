/* What left or was deleted, as it was when that was told (SPEC.md 2.6): kept for its return while a sink's record has its uuid.
 *
 * A table of its own, so that it counts nowhere by construction: it owns no address, is in no index and no percentage, and whoever
 * walks the objects does not meet it. Of a group the rows of TABLE_TOLD (members.h) stay as well; its references don't.
 *
 * TABLE_GONE  uuid (16) → u8 1, cause u8, since u64 (wall ms), seq u64, u32 length and object (object_encode()), u8: 1 seen, 2 suspect
 *                         (not in states of before: 0) */
#ifndef STORE_GONE_H
#define STORE_GONE_H

#include "action.h"
#include "store.h"

struct gone {
    struct object o;       /* its state is OBJECT_GONE */
    enum cause cause;      /* of its deletion */
    int64_t since_ms;      /* wall clock: when that was queued */
    uint64_t seq;          /* … and with which number */
    bool seen;             /* of one that left or moved: it was found since, where o.dn says now */
    bool suspect;          /* … and then something happened that may have made it invisible */
};

/* Whether there is a sink that keeps records: without one nobody needs what is gone. */
bool gone_kept(struct txn *t);

/* Inserts or replaces; g->o.state may be anything. */
void gone_put(struct txn *t, const struct gone *g);
/* Slices are copies in *a. */
bool gone_get(struct txn *t, const uint8_t *uuid, struct gone *g, struct arena *a);
/* It is back. Rows of TABLE_TOLD stay. */
bool gone_del(struct txn *t, const uint8_t *uuid);
/* By uuid; start with *next zeroed. Reads may be mixed with writes. */
bool gone_next(struct txn *t, struct buf *next, struct gone *g, struct arena *a);

/* Drops it, and what was told of its members, if no sink needs it: each that keeps records has got past its deletion, has no
 * record of it, and has set nothing of it aside; and nothing of it is pending. True if it was dropped. */
bool gone_release(struct txn *t, const uint8_t *uuid);
/* … all of those: at start, for what a kill or a sink that is no more has left. Returns how many. */
size_t gone_release_all(struct txn *t);

#endif
