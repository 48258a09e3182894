/* What takes away and has not gone out yet: SPEC.md 2.7. One row per uuid and thing, whatever the reason it waits for.
 *
 * TABLE_PENDING  uuid (16), what u8, detail → row (pending.c)      detail: "" | field name [NUL alias or member's address]
 * TABLE_DUE      due u64 (ms), key of TABLE_PENDING → empty         rows that something happens to by itself at `due`
 * TABLE_HOLD     number u32 → hold (pending.c)
 * TABLE_WINDOW   guard kind u8, field name (members: uuid of the group), NUL, detected u64 (ms), key of TABLE_PENDING → empty
 *                what the guard counts: stays after the release until the window has passed, goes when the thing comes
 *                back or is approved
 * TABLE_LEAVING  hash64(address) u64, uuid of the group (16) → empty: removals of members, to be found when the deletion or
 *                rename of the member itself goes out. A hit counts only after the row of TABLE_PENDING was found */
#ifndef STORE_PENDING_H
#define STORE_PENDING_H

#include "action.h"
#include "guard.h"
#include "store.h"

enum pending_what { PENDING_DELETE = 1, PENDING_RENAME = 2, PENDING_CLEAR = 3,   /* stored */
                    PENDING_MEMBER = 4 };

enum pending_reason {   /* stored */
    PENDING_UNPROVEN = 1,   /* a deletion to be looked up; due: when to ask (again) */
    PENDING_WAITING = 2,    /* until due, then it goes */
    PENDING_HELD = 3,       /* in a hold */
    PENDING_REJECTED = 4,   /* by the operator, or by ignoreLDAPDeletes */
    PENDING_APPROVED = 5,   /* by the operator: goes as soon as it was looked up again; due: when to try */
    PENDING_BLOCKED = 6     /* a rename whose address is not free */
};
const char *pending_reason_name(enum pending_reason r);

struct pending {
    uint8_t uuid[UUID_BYTES];
    enum pending_what what;
    field_id field;           /* clears; FIELD_MEMBERS of removals of members */
    struct slice alias;       /* clears of one alias; the address of the member to be removed */
    enum pending_reason reason;
    enum object_kind kind;
    enum cause cause;
    enum phase_word phase;
    uint32_t hold;            /* 0: none */
    uint32_t place;           /* 1, 2, … : the how-manieth that joined it */
    int64_t detected_ms;      /* wall clock */
    int64_t due_ms;           /* wall clock; 0: nothing happens by itself */
    bool answered;            /* deletions: a look-up was answered since detection */
    bool counted;             /* has a row in TABLE_WINDOW */
    bool asked;               /* deletions: a look-up is under way; due_ms is when to stop believing in it */
    bool suspect;             /* found under suspicion: confirmed, it becomes part of a hold */
    bool again;               /* deletions: reported again while asked: an answer "in place" may be older than that */
    bool keeps_old;           /* renames: the old address is to be an alias */
    struct slice address;     /* renames: the wanted address */
    bool paired;              /* deletions: another entry may be the same account (engine/rebind.c): it is a rebind, held or approved */
    uint8_t pair[UUID_BYTES]; /* … which one */
};

/* What the guard judges as one. */
struct guarded {
    enum guard_kind kind;
    field_id field;              /* clears; else FIELD_NONE */
    uint8_t group[UUID_BYTES];   /* members: of which group; else zero */
};
bool guarded_same(const struct guarded *a, const struct guarded *b);

struct hold {
    uint32_t id;
    struct guarded of;
    bool rejected;            /* all that are in it were: it is open no more */
    int64_t since_ms;
    uint32_t joined;          /* how many have joined it so far */
    uint32_t count;           /* how many are in it now */
    uint32_t n_rejected;      /* … of which rejected */
    struct slice why;
};

/* What the guard counts a pending thing as. */
struct guarded pending_guarded(const struct pending *p);
/* Whether it counts it at all: renames of groups take nothing from anybody. */
bool pending_is_guarded(const struct pending *p);

/* Reads a row; slices of *p are copies in *a. */
bool pending_get(struct txn *t, const uint8_t *uuid, enum pending_what what, field_id field, struct slice alias,
                 struct pending *p, struct arena *a);

/* Inserts or replaces a row; keeps TABLE_DUE, the numbers of its hold, TABLE_WINDOW (by p->counted) and the numbers of
 * *s. A hold that becomes empty is removed. */
void pending_put(struct store *s, struct txn *t, const struct pending *p);

/* Removes a row. keep_window: it was released, the guard goes on counting it. */
void pending_del(struct store *s, struct txn *t, const struct pending *p, bool keep_window);

/* Rows in key order. *next is where to go on (start with a zeroed buf); uuid NULL: all rows, else those of one uuid.
 * Reads may be mixed with writes. False at the end. */
bool pending_next(struct txn *t, const uint8_t *uuid, struct buf *next, struct pending *p, struct arena *a);

/* Rows whose due_ms <= now, in order of due; as pending_next(). */
bool pending_due_next(struct txn *t, int64_t now_ms, struct buf *next, struct pending *p, struct arena *a);

/* The earliest due_ms, or -1. */
int64_t pending_first_due(struct txn *t);

/* Adds delta to every due_ms and detected_ms. Returns how many. */
size_t pending_shift(struct store *s, struct txn *t, int64_t delta_ms);
/* Lets every wait begin now. */
size_t pending_begin_again(struct store *s, struct txn *t, int64_t now_ms);

/* Opens a hold, empty, under this number (holds of all connectors share one series). Returns the number. */
uint32_t hold_open(struct store *s, struct txn *t, const struct guarded *of, const char *why, uint32_t number);
bool hold_get(struct txn *t, uint32_t id, struct hold *h, struct arena *a);
/* The open (not rejected) hold of these. */
bool hold_find_open(struct txn *t, const struct guarded *of, struct hold *h, struct arena *a);
/* All holds, ascending; start with *id = 0. */
bool hold_next(struct txn *t, uint32_t *id, struct hold *h, struct arena *a);

/* The groups that wait to be told that this address is no member any more; start with *next zeroed. Reads may be mixed with
 * writes. */
bool pending_leaving_next(struct txn *t, struct slice address, struct buf *next, struct pending *p, struct arena *a);

/* How many rows have this reason; kept in memory. */
int64_t pending_count(const struct store *s, enum pending_reason reason);

/* How many of these stand in the window; kept in memory. */
int64_t window_count(const struct store *s, const struct guarded *of);
/* Appends the uuid of each row of these: an entry that lost several aliases, or one thing twice, stands there several times. */
void window_entries(struct txn *t, const struct guarded *of, struct buf *uuids);
/* Drops what was detected before that moment. Returns how many. */
size_t window_expire(struct store *s, struct txn *t, int64_t before_ms);
/* Drops one, when it is approved. */
void window_forget(struct store *s, struct txn *t, struct pending *p);

/* For store.c: numbers of *s that come from these tables. */
void pending_load(struct store *s, struct txn *t);
void pending_unload(struct store *s);

#endif
