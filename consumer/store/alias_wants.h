/* Aliases that an entry names and does not have, since somebody else has that address, or has it as an alias.
 *
 * TABLE_ALIAS_LINE  hash64(alias) u64, order u64 → uuid (16), alias; the first in order gets it when it is free
 * TABLE_ALIAS_WANT  uuid (16) → of each: order u64, u32 length and alias; ascending by alias */
#ifndef STORE_ALIAS_WANTS_H
#define STORE_ALIAS_WANTS_H

#include "store.h"

/* The entry wants these, ascending, and no others (n 0: none). Who wanted one before keeps his place in its line. Writes what
 * differs; returns whether anything did. */
bool alias_want_set(struct store *s, struct txn *t, const uint8_t *uuid, const struct slice *aliases, uint32_t n);
/* … this one too. */
bool alias_want_add(struct store *s, struct txn *t, const uint8_t *uuid, struct slice alias);
/* … this one no more. */
bool alias_want_del(struct store *s, struct txn *t, const uint8_t *uuid, struct slice alias);
/* How many it wants, *aliases: copies in *a, ascending. */
uint32_t alias_want_get(struct txn *t, const uint8_t *uuid, struct slice **aliases, struct arena *a);
bool alias_want_has(struct txn *t, const uint8_t *uuid, struct slice alias);
/* Who is the first that wants this one. */
bool alias_want_first(struct txn *t, struct slice alias, uint8_t *uuid);
/* Entries that want any, by uuid; start with *next zeroed. Reads may be mixed with writes. */
bool alias_want_next(struct txn *t, struct buf *next, uint8_t *uuid);

#endif
