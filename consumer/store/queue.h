/* The queue of actions and each sink's position in it.
 *
 * TABLE_QUEUE  seq u64 → JSON line (action_json())
 * TABLE_SINK   the positions: sinks.h */
#ifndef STORE_QUEUE_H
#define STORE_QUEUE_H

#include "action.h"
#include "sinks.h"
#include "store.h"

/* Gives the action its seq and appends it. scratch is reused between calls. */
void queue_push(struct store *s, struct txn *t, struct action *a, struct buf *scratch);

/* The seq of the newest action ever given; 0: none. */
uint64_t queue_last(const struct store *s);
/* The same, as a reader's transaction sees it. */
uint64_t queue_last_stored(struct txn *t);

/* Lines after `after`, in order, copied into *out one after the other, each followed by '\n', until max_bytes are
 * there; *last is the seq of the last one taken (unchanged if none). Returns how many. */
size_t queue_read(struct txn *t, uint64_t after, size_t max_bytes, struct buf *out, uint64_t *last);

/* Drops lines up to and with `upto`, at most max_rows of them. Returns how many. */
size_t queue_drop(struct txn *t, uint64_t upto, size_t max_rows);

#endif
