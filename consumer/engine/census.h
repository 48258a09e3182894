/* The census: which UUIDs a refresh showed, against those that are mirrored. Nothing is written per entry seen: UUIDs
 * are collected in memory, 16 bytes each, sorted, and merged with the state in one pass. */
#ifndef ENGINE_CENSUS_H
#define ENGINE_CENSUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "objects.h"

struct census {
    bool open;
    bool sorted;
    uint8_t *uuids;      /* n × UUID_BYTES */
    size_t n, cap;
};

/* Begins anew; what was collected before is forgotten. */
void census_begin(struct census *c);
/* No-op while no census is open. */
void census_saw(struct census *c, const uint8_t *uuid);
/* Whether it was seen. */
bool census_has(struct census *c, const uint8_t *uuid);
void census_drop(struct census *c);

/* Ends it. Calls absent() for each object of the kind that is not gone and was not seen, and for each entry not seen that
 * is not mirrored but waits for an address, or is invalid, as one of that kind; and unknown() for each UUID seen that is
 * neither mirrored nor one of these, of whatever kind. The state must not be written before this returns: the calls
 * collect. */
void census_end(struct census *c, struct txn *t, enum object_kind kind, void (*absent)(void *ctx, const uint8_t *uuid),
                void (*unknown)(void *ctx, const uint8_t *uuid), void *ctx);

#endif
