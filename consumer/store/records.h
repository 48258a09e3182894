/* What an action sink remembers of its target, one record a uuid. The bytes are the sink's own (sink.h, struct
 * sink_records); the address and the time of a removal stand beside them for the indexes. All keys begin with the sink's
 * name and a NUL.
 *
 * TABLE_RECORD          … uuid (16) → u8 2, due u64 (wall ms, 0: none), since u64 (when that was set), u32 length and address,
 *                       u32 length and bytes, u32 length and other addresses (each u32 length and bytes), u32 length and
 *                       why; version 1 has neither of these
 * TABLE_RECORD_ADDRESS  … hash64(address, its own or another) u64, uuid (16) → empty; a hit counts after the record was read
 * TABLE_RECORD_DUE      … due u64, uuid (16) → empty */
#ifndef STORE_RECORDS_H
#define STORE_RECORDS_H

#include "sinks.h"
#include "mem.h"
#include "text.h"

struct record {
    uint8_t uuid[UUID_BYTES];
    struct slice address;      /* where it is at the target */
    int64_t due_ms;            /* wall clock of its removal; 0: none is due */
    int64_t since_ms;          /* when that was set */
    struct slice bytes;        /* the sink's */
    struct slice why;          /* the time of its removal has come, and it was not removed: why. Not the sink's */
    struct slice also;         /* other addresses that lead to it: u32 length and bytes each */
};

/* Slices are copies in *a. */
bool record_get(struct txn *t, const char *sink, const uint8_t *uuid, struct record *r, struct arena *a);
/* Whose record has this address, its own or one of the others; false: nobody's. */
bool record_at(struct txn *t, const char *sink, struct slice address, uint8_t *uuid);
bool record_leads_to(const struct record *r, struct slice address);
/* Replaces. since_ms is set here: a due time that did not change keeps the one it has, and why, another gets now_ms. */
void record_put(struct txn *t, const char *sink, const struct record *r, int64_t now_ms);
/* Why it was not removed; nothing else is changed. */
void record_why(struct txn *t, const char *sink, const uint8_t *uuid, struct slice why);
bool record_del(struct txn *t, const char *sink, const uint8_t *uuid);
/* By uuid; start with *next zeroed. */
bool record_next(struct txn *t, const char *sink, struct buf *next, struct record *r, struct arena *a);

/* The next with a due time, by time: the first one above (*due_ms, uuid), which it moves on to. Start with 0 and a zeroed
 * uuid. */
bool record_due_next(struct txn *t, const char *sink, int64_t *due_ms, uint8_t *uuid);

/* Whether any sink has a record of this uuid: then what is gone of it is still needed. */
bool record_anywhere(struct txn *t, const uint8_t *uuid);

/* All due times of all sinks, moved: the clock jumped (or the gap between two runs was longer than what counts). */
size_t records_shift(struct txn *t, int64_t delta_ms);
/* … or begun anew from now on: the clock was found behind. */
size_t records_begin_again(struct txn *t, int64_t now_ms);

/* The sink is gone: its records are too. Returns how many. */
size_t records_drop(struct txn *t, const char *sink);

#endif
