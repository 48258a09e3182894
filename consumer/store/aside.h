/* Actions of one sink that were set aside, so that the sink's position could move on over them (docs/architecture.md,
 * "Delivery to a target that can refuse"). All keys begin with the sink's name and a NUL.
 *
 * TABLE_ASIDE         … seq u64, n u32 → the row (aside_row.c). n is 0 for an action of the queue; lines that tell the state anew
 *                     carry the seq of the sink's position, so several have the same: they are numbered from 1
 * TABLE_ASIDE_KEY     … hash u64, mode u8, seq u64, n u32 → uuid (16): the keys of each row (action_keys.h)
 * TABLE_ASIDE_DUE     … next u64 (wall ms), seq u64, n u32 → empty: the rows in state RETRY
 * TABLE_ASIDE_BEHIND  … seq u64, n u32 of the row in front, seq u64, n u32 → empty
 * TABLE_ASIDE_WAIT    … state u8, hash64(domain) u64, type u8, seq u64, n u32 → empty: those that wait for a domain (type 255)
 *                     or for a target that refuses a type of action in a domain
 *
 * The life of a row:
 *
 *   RETRY ◀──▶ DOMAIN, UNWELL        BEHIND ──the row in front has ended──▶ RETRY, at once
 *     │ ▲
 *     ▼ └───── operator: retry ───── PARKED, ADOPT
 *   no row: done, dropped by the operator, or superseded
 *
 * Order: a row stands behind the nearest one below it (by seq, n) that it shares a key with, and no other row does. So a row that
 * is not BEHIND has nothing in front of it, and rows are freed one after the other, in the order of their seq. A row
 * behind a parked one is STUCK, as is what stands behind that; it is the same state but for the name, by which `status` counts.
 *
 * What is left (flag REST) of an action that was done but for a part has other keys than the whole (action_keys.h), so that
 * other changes of its uuid go on. It is superseded: of a rename, when another rename or the deletion of the uuid comes to be
 * set aside or is done; else, when an action that tells the aliases of the uuid anew, or its deletion, is done.
 *
 * A create that tells the state anew (flag ANEW) does not wait for rows of its own uuid: if it is done, those of them that are
 * parked are superseded. */
#ifndef STORE_ASIDE_H
#define STORE_ASIDE_H

#include "action_keys.h"
#include "sinks.h"

struct aside_id {
    uint64_t seq;
    uint32_t n;
};
#define ASIDE_NEXT UINT32_MAX   /* n of a new row: the next of its seq */

enum aside_flag {
    ASIDE_FLAG_ADOPT = 1,    /* the operator said so */
    ASIDE_FLAG_FIRST = 2,    /* of the first telling */
    ASIDE_FLAG_REST = 4,     /* what is left of an action that was done but for a part */
    ASIDE_FLAG_ANEW = 8,     /* a create that tells the state anew */
    ASIDE_FLAG_BREAKS = 16,  /* the connection broke at it again and again: it is tried alone */
    ASIDE_FLAG_NOW = 32      /* the operator asked: it is tried though others of its kind wait */
};

/* Stored by number. Slices of a row read are copies in the arena given. */
struct aside_row {
    struct aside_id id;
    enum aside_state state;
    unsigned flags;
    uint32_t attempts;         /* refusals so far */
    int64_t next_ms;           /* RETRY: wall clock of the next attempt; 0: at once */
    int64_t since_ms;          /* wall clock: when it was set aside */
    struct aside_id behind;    /* BEHIND, STUCK: the row in front */
    enum action_type type;
    uint8_t uuid[UUID_BYTES];
    struct slice domain;
    struct slice words;        /* what the target said last, or what is wrong */
    struct slice line;         /* the action, action_json() */
    const struct action_key *keys;
    uint32_t n_keys;
};

/* Those that wait together. */
struct aside_group {
    enum aside_state state;    /* DOMAIN or UNWELL */
    uint64_t domain;           /* hash64() of it */
    uint8_t type;              /* enum action_type; 255: all */
};

/* A row of an action: id, type, uuid, domain, keys, line, ANEW. What it points to lives in *a or is the caller's. */
void aside_row_make(struct aside_row *row, const struct action *action, struct slice line, struct arena *a);
/* Turns it into the row of what is left: line, keys, type, REST. */
void aside_row_rest(struct aside_row *row, const struct action *action, struct arena *a);
struct aside_group aside_group_of(enum aside_state state, const struct aside_row *row);
bool aside_is_parked(enum aside_state state);

/* The nearest row below row->id that it must wait for; false: none. */
bool aside_in_front(struct txn *t, const char *sink, const struct aside_row *row, struct aside_id *front);

/* A new row. With state BEHIND it is put behind the row in front of it, or is tried at once if there is none any more. id.n may
 * be ASIDE_NEXT. A rename or a deletion supersedes what is left of a rename of its uuid. */
void aside_add(struct txn *t, const char *sink, struct aside_row *row);
bool aside_get(struct txn *t, const char *sink, struct aside_id id, struct aside_row *row, struct arena *a);
/* Replaces a row, if it is still there. What stood behind it is freed as far as its keys are other ones. */
bool aside_edit(struct txn *t, const char *sink, const struct aside_row *row);
/* It is done, dropped or superseded: what stood behind it is freed. False: it was not there. */
bool aside_end(struct txn *t, const char *sink, struct aside_id id);
/* The first in the line that this row stands in; its own id if it stands behind none. */
struct aside_id aside_root(struct txn *t, const char *sink, struct aside_id id);

/* An action of this uuid was done; ends the rows below `before` that it makes pointless. What of: */
enum aside_supersedes {
    SUPERSEDES_RENAME = 1,   /* what is left of renames */
    SUPERSEDES_ALIASES = 2,  /* what is left of aliases */
    SUPERSEDES_PARKED = 4    /* all parked rows but those of members */
};
size_t aside_supersede(struct txn *t, const char *sink, const uint8_t *uuid, struct aside_id before, unsigned what);
/* What an action supersedes when it is done. */
unsigned aside_supersedes(const struct action *a);

/* Each gives the next above what it is given, and moves it on; start with zeros. */
bool aside_next(struct txn *t, const char *sink, struct aside_id *id, struct aside_row *row, struct arena *a);
bool aside_due_next(struct txn *t, const char *sink, int64_t *next_ms, struct aside_id *id);
bool aside_wait_next(struct txn *t, const char *sink, const struct aside_group *g, struct aside_id *id);
bool aside_group_next(struct txn *t, const char *sink, struct aside_group *g);
/* Whether a row of this uuid is there, whatever is left of it. */
bool aside_has_uuid(struct txn *t, const char *sink, const uint8_t *uuid);

/* A row that rebinds this uuid to another, which is copied to *to. */
bool aside_rebound(struct txn *t, const char *sink, const uint8_t *from, uint8_t *to);

/* The sink is gone: its rows are too. Returns how many. */
size_t aside_drop(struct txn *t, const char *sink);

int aside_id_cmp(struct aside_id x, struct aside_id y);

/* The stored form, for who carries rows to the writer. aside_row_decode() points into the bytes, the keys into *a; false:
 * damaged. id is not in it. */
void aside_row_encode(const struct aside_row *row, struct buf *out);
bool aside_row_decode(struct slice bytes, struct aside_row *row, struct arena *a);

#endif
