/* The first load: objects are only appended, and the indexes are sorted and built at its end. Indexes written in place
 * would fall from 1.5 million to 70,000 rows a second when there are a million of them.
 *
 * Everything is durable all the way. The row "loading" of TABLE_META stands while the indexes are missing; whoever
 * opens a store with it calls load_build() first. Two sets of 4-byte hashes in memory catch a uuid or an address that
 * comes twice meanwhile; a collision of hashes only sends an entry the slow way. */
#ifndef STORE_LOAD_H
#define STORE_LOAD_H

#include <stdatomic.h>

#include "objects.h"

struct load;

/* Begins one, in an open transaction, if there is nothing in the state yet; else NULL. */
struct load *load_begin(struct store *s, struct txn *t);

/* Appends an object, unless its uuid, address or an alias has been seen in this load, or seems so: then 0, and nothing
 * was done. */
object_id load_add(struct load *l, struct store *s, struct txn *t, const struct object *o);

/* Ends the load: the caller has committed; this builds the indexes in transactions of its own. *l is NULL after. */
int load_end(struct load **l, struct store *s, const atomic_bool *cancel, struct err *e);
void load_free(struct load **l);

/* Whether the indexes are missing. */
bool load_pending(struct txn *t);
/* From now on TABLE_DN is kept: builds it, and TABLE_NAMED, from what is there, if that was not so yet. *cancel as below. */
int load_dns(struct store *s, const atomic_bool *cancel, struct err *e);
/* Builds them from the objects, from the beginning. When *cancel (may be NULL) becomes true it gives up with ERR_TEMP;
 * the row "loading" stays, so that the next start does it. */
int load_build(struct store *s, const atomic_bool *cancel, struct err *e);

#endif
