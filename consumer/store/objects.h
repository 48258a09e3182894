/* The mirrored objects and their indexes.
 *
 * TABLE_OBJECT   oid u64 → object (object_encode()); oids are given ascending, so that a first load appends
 * TABLE_UUID     uuid, 16 bytes → oid u64
 * TABLE_ADDRESS  hash64(address) u64, oid u64 → empty; an address and each alias has a row. A hit counts only
 *                after the object itself was read: hashes collide.
 * TABLE_DN       hash64(member_ref_of_dn(dn)) u64, oid u64 → empty; likewise. Kept only where groups are mirrored, since
 *                nothing else looks for DNs (load_dns() begins it) */
#ifndef STORE_OBJECTS_H
#define STORE_OBJECTS_H

#include "store.h"

typedef uint64_t object_id;   /* 0: none */

/* The object of a uuid, or 0. *bytes (may be NULL) is its stored form, valid until the next write. */
object_id objects_find(struct txn *t, const uint8_t *uuid, struct slice *bytes);

/* As objects_find(), decoded; slices of *o are copies in *a. */
object_id objects_get(struct txn *t, const uint8_t *uuid, struct object *o, struct arena *a);

/* As objects_get(), by its number. */
bool objects_read(struct txn *t, object_id id, struct object *o, struct arena *a);

/* The mirrored or orphaned object that has this address, or has it as an alias (then *is_alias); 0: it is free.
 * Objects that are gone own nothing. uuid (may be NULL) gets the owner's. */
object_id objects_owner(struct txn *t, struct slice address, uint8_t *uuid, bool *is_alias);

/* The mirrored or orphaned object that a reference to a DN (model/member.h) names; 0: none. Two can stand under one DN while
 * the state lags behind the directory: then it is the one whose content is newer. As objects_get(). */
object_id objects_by_dn(struct txn *t, struct slice ref, struct object *o, struct arena *a);

/* Inserts (old NULL, id 0) or replaces (old: as stored so far) and keeps indexes and counts. Returns the oid. */
object_id objects_put(struct store *s, struct txn *t, object_id id, const struct object *old, const struct object *o);

void objects_remove(struct store *s, struct txn *t, object_id id, const struct object *old);

/* Adds (by = 1) or takes (by = -1) an object to the counts of *s. */
void objects_count(struct store *s, const struct object *o, int by);

/* Keys, for load.c. out has the bytes of the table's key. */
void objects_id_key(object_id id, uint8_t out[8]);
object_id objects_id_of(struct slice key);
void objects_address_key(uint64_t hash, object_id id, uint8_t out[16]);   /* of TABLE_DN too */
/* The hash of an object's DN in TABLE_DN. False: its DN is none. */
bool objects_dn_hash(const struct object *o, uint64_t *hash);

#endif
