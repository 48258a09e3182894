/* What the Axigen sink remembers of one account or group at its target, as a value with a stored form
 * (top of axigen_record.c). The engine keeps the bytes and does not read them. */
#ifndef AXIGEN_RECORD_H
#define AXIGEN_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "mem.h"
#include "object.h"
#include "slice.h"

/* Stored by number: append only. All but RECORD_ACTIVE are gone: the directory took the entry away, a return gives
 * back. */
enum record_state {
    RECORD_ACTIVE,
    RECORD_DISABLED, /* an account without services, a group that is not enabled */
    RECORD_LOCKED,   /* receives only; of a group as RECORD_DISABLED */
    RECORD_KEPT,     /* as it was */
    RECORD_RETIRED,  /* disabled and named axsync-UUID until due_ms */
    RECORD_STATES
};

/* What was begun and may or may not have been done: synced before the effect, gone with what follows it. */
enum record_intent {
    INTENT_NONE,
    INTENT_CREATE, /* of a group, which can't carry a mark */
    INTENT_RENAME, /* to going_to */
    INTENT_REMOVE,
    INTENT_SERVICES, /* `services` holds what it had, which is being taken off: what it has now is not to be believed */
    RECORD_INTENTS
};

struct axigen_record {
    enum object_kind kind;
    enum record_state state;
    enum record_intent intent;
    bool adopted;          /* it was there before us */
    bool unmarked;         /* ours, but the target refused to take the mark */
    bool has_services;     /* services is what it gets back; false: what its class or domain gives */
    struct slice address;  /* where it is at the target */
    struct slice going_to; /* INTENT_RENAME; also the name of retirement with INTENT_SERVICES */
    struct slice mark;     /* its customerReference, where that is somebody else's; empty: the uuid as text */
    struct slice services; /* before they were taken, separated by blanks */
    int64_t due_ms;        /* RECORD_RETIRED: wall clock of its removal */
    uint32_t n_aliases;
    struct slice *aliases; /* whole addresses that we set: those, and no others, are ours to take away */
    uint32_t n_foreign;
    struct slice *foreign; /* members of a group that were there before the directory named them */
    uint32_t n_partly;
    uint64_t *partly; /* seqs of group.members that were done in part: what they find there is theirs */
};

/* Appends the stored form. */
void axigen_record_encode(const struct axigen_record *r, struct buf *out);

/* Reads it back; slices point into bytes, arrays into *a. 0, or -1 if the bytes are none of ours (a later version, or
 * damaged). Unknown tags are skipped. */
int axigen_record_decode(struct slice bytes, struct axigen_record *r, struct arena *a);

/* Whether the account or group has what it had when it was active. */
static inline bool axigen_record_intact(const struct axigen_record *r)
{
    return r->state == RECORD_ACTIVE || r->state == RECORD_KEPT;
}

/* Sets of addresses in a record. They are never changed in place, as copies of a record share them: the array that
 * comes out is in *a, the addresses are not copied. */
bool axigen_record_has(const struct slice *set, uint32_t n, struct slice address);
void axigen_record_add(struct slice **set, uint32_t *n, struct slice address, struct arena *a);
void axigen_record_drop(struct slice **set, uint32_t *n, struct slice address, struct arena *a);

#endif
