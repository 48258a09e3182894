/* What a uuid was rebound to, as far as a sink does not have it yet (SPEC.md section 5, Return): a deletion that is still in the
 * queue must take nothing from an account that is another uuid's by the end of it. */
#ifndef ENGINE_DISPATCH_REBOUND_H
#define ENGINE_DISPATCH_REBOUND_H

#include "db.h"
#include "text.h"

struct rebind_pair {
    uint8_t from[UUID_BYTES], to[UUID_BYTES];
};

/* Those that were met in the queue so far. The queue is read on only when somebody asks, each line once. */
struct rebound {
    uint64_t scanned;          /* up to this seq */
    struct rebind_pair *pairs;
    size_t n, cap;
};

void rebound_free(struct rebound *r);
/* Follows uuid over what was set aside and what stands in the queue above `position`, to the last one of the chain. False: it was not
 * rebound. */
bool rebound_to(struct rebound *r, struct txn *t, const char *sink, uint64_t position, const uint8_t *uuid, uint8_t *to);

#endif
