/* Containers: the entries that mirrored objects lie under. They are not mirrored; they are known so that what happens to one
 * of them, told by one message for itself alone, can be said of all that lies under it.
 *
 * TABLE_CONTAINER     uuid (16) → u8 search, u8 flags, u64 since (ms), u32 length and DN as the server wrote it, u32 length
 *                     and stamp
 * TABLE_CONTAINER_DN  hash64(canonical DN) u64, uuid (16) → empty; a hit counts only after the row itself was read */
#ifndef STORE_CONTAINERS_H
#define STORE_CONTAINERS_H

#include "store.h"

struct container {
    uint8_t uuid[UUID_BYTES];
    uint8_t search;       /* the number of the search that shows it */
    bool gone;            /* not there any more; kept for a while, as it explains why others aren't */
    bool told;            /* … as a message said; else a look-up alone did not find it */
    bool absent;          /* … it was looked up and not found … */
    bool lost;            /* … nor was its parent */
    bool sweep;           /* what lies under it is still to be looked up */
    bool fetch;           /* … to be read */
    int64_t since_ms;     /* wall clock: since when it is gone */
    struct slice dn, stamp;
};

/* Slices of *c are copies in *a, here and below. */
bool containers_get(struct txn *t, const uint8_t *uuid, struct container *c, struct arena *a);
/* Inserts or replaces. */
void containers_put(struct txn *t, const struct container *c);
void containers_del(struct txn *t, const uint8_t *uuid);
/* All, by uuid; start with *next zeroed. Reads may be mixed with writes. False at the end. */
bool containers_next(struct txn *t, struct buf *next, struct container *c, struct arena *a);
/* Those with this DN, as LDAP compares; more than one if one is gone. As containers_next(). */
bool containers_at(struct txn *t, struct slice dn, struct buf *next, struct container *c, struct arena *a);

#endif
