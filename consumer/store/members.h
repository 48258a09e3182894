/* Members of groups: what a group's entry names, which address each gives, and what the sinks were told.
 *
 * A group's rows are there as soon as its entry was seen, also while the group itself waits for its address. Its references
 * are sorted as those of the entry (model/member.h), so the difference of the two is one walk, and what is written is what
 * changed.
 *
 * TABLE_MEMBER   uuid of the group (16), reference → the address that it gives now; empty: none
 * TABLE_NAMED    hash64(reference) u64, uuid of the group (16) → empty: which groups name a DN or a name; a hit counts only
 *                after the row of TABLE_MEMBER was found. Two references of one group with one hash share the row.
 * TABLE_TOLD     uuid of the group (16), address → u32: how many references give it now. 0: the sinks were told to add it
 *                and not yet to remove it; that is pending */
#ifndef STORE_MEMBERS_H
#define STORE_MEMBERS_H

#include "store.h"

/* Inserts or replaces. */
void members_put(struct txn *t, const uint8_t *group, struct slice ref, struct slice address);
/* As members_put() while the indexes are missing: load_build() makes TABLE_NAMED from the rows. */
void members_load(struct txn *t, const uint8_t *group, struct slice ref);
/* False: the group does not name it. *address is valid until the next write. */
bool members_get(struct txn *t, const uint8_t *group, struct slice ref, struct slice *address);
void members_del(struct txn *t, const uint8_t *group, struct slice ref);

/* All references of a group, ascending; the array is in *a, what it points to is valid until the next write. Returns how many. */
uint32_t members_refs(struct txn *t, const uint8_t *group, struct arena *a, struct slice **refs);
/* One after the other; start with *next zeroed. Reads may be mixed with writes. Slices are copies in *a. */
bool members_next(struct txn *t, const uint8_t *group, struct buf *next, struct slice *ref, struct slice *address,
                  struct arena *a);

/* The groups that name a reference; start with *next zeroed. Reads may be mixed with writes. */
bool members_named_next(struct txn *t, struct slice ref, struct buf *next, uint8_t *group);

/* Each group that has references, ascending by uuid; start with *next zeroed. */
bool members_group_next(struct txn *t, struct buf *next, uint8_t *group);

/* False: the sinks were not told of it. */
bool told_get(struct txn *t, const uint8_t *group, struct slice address, uint32_t *live);
void told_put(struct txn *t, const uint8_t *group, struct slice address, uint32_t live);
void told_del(struct txn *t, const uint8_t *group, struct slice address);
/* All of a group, ascending; as members_next(). */
bool told_next(struct txn *t, const uint8_t *group, struct buf *next, struct slice *address, uint32_t *live,
               struct arena *a);
/* Whether there is one; live_only: one that is not to be removed. Costs as many reads as there are that are. */
bool told_any(struct txn *t, const uint8_t *group, bool live_only);

/* The group is no more: drops what its entry names … */
void members_forget(struct txn *t, const uint8_t *group);
/* … and what the sinks were told, which is kept longer where a group is gone (gone.h). */
void told_forget(struct txn *t, const uint8_t *group);

/* For load.c: whether a key of TABLE_MEMBER has a row in TABLE_NAMED, and its key. */
#define MEMBERS_NAMED_KEY 24
bool members_is_bound_late(struct slice member_key);
void members_named_key(struct slice member_key, uint8_t out[MEMBERS_NAMED_KEY]);

#endif
