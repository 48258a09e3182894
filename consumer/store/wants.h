/* Who waits for an address, and who could not be mapped at all.
 *
 * TABLE_WANT       hash64(address) u64, order u64 → uuid (16), object it would be (object_encode()); the first in order
 *                  gets the address when it is free. A rename that waits has its pending row as well.
 * TABLE_WANT_UUID  uuid (16) → key of TABLE_WANT (16): an entry waits for one address at most
 * TABLE_WANT_FRESH uuid (16) → empty: of those that wait, who may be the owner of the address with a new uuid (engine/rebind.c): was
 *                  not known while that was still there
 * TABLE_INVALID    uuid (16) → u32 length and DN, u32 length and reason, u8 kind of object that it would be (not in states
 *                  of before there were groups: account), u32 length and stamp (not in older states: none) */
#ifndef STORE_WANTS_H
#define STORE_WANTS_H

#include "store.h"

/* The entry wants o->address; what it wanted before is replaced, its place in the queue kept if the address is the
 * same. */
void want_put(struct store *s, struct txn *t, const struct object *o);
/* True if it wanted one. */
bool want_del(struct txn *t, const uint8_t *uuid);
/* What it would be; slices are copies in *a. */
bool want_get(struct txn *t, const uint8_t *uuid, struct object *o, struct arena *a);
/* The first that wants this address. */
bool want_first(struct txn *t, struct slice address, struct object *o, struct arena *a);
/* Who waits for this address, in order; start with *next zeroed. Reads may be mixed with writes. */
bool want_line_next(struct txn *t, struct slice address, struct buf *next, struct object *o, struct arena *a);
/* Goes with the want: fresh is who was marked since it began to wait. */
void want_set_fresh(struct txn *t, const uint8_t *uuid, bool fresh);
bool want_is_fresh(struct txn *t, const uint8_t *uuid);
/* All that are; start with *next zeroed. Reads may be mixed with writes. */
bool want_fresh_next(struct txn *t, struct buf *next, uint8_t *uuid);
/* All, by uuid; start with *next zeroed. */
bool want_next(struct txn *t, struct buf *next, struct object *o, struct arena *a);

/* stamp: of the content that is invalid; empty: unknown. That of what was told of the entry, if it is mirrored, stays. */
void invalid_put(struct txn *t, const uint8_t *uuid, enum object_kind kind, struct slice dn, struct slice reason,
                 struct slice stamp);
bool invalid_del(struct txn *t, const uint8_t *uuid);
/* Slices are copies in *a. */
bool invalid_get(struct txn *t, const uint8_t *uuid, struct slice *dn, struct slice *reason, struct arena *a);
/* A copy in *a. False: it is not invalid. */
bool invalid_stamp(struct txn *t, const uint8_t *uuid, struct slice *stamp, struct arena *a);
/* As what it is invalid. False: it is not. */
bool invalid_kind(struct txn *t, const uint8_t *uuid, enum object_kind *kind);
bool invalid_next(struct txn *t, struct buf *next, uint8_t *uuid, struct slice *dn, struct slice *reason,
                  struct arena *a);

#endif
