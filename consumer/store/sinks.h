/* What is known of each sink: its position in the queue, and numbers of the tables that are its own.
 *
 * TABLE_SINK  name → u8 1, acknowledged seq u64; then tags of one byte, each followed by 8 bytes; absent where 0:
 *               02 the state is being told to it for the first time   03 first_upto   04 records with a due time
 *               05 it is an action sink
 *               10 + state: its rows in TABLE_ASIDE in that state
 *             The row of a line sink exists once it was told all that was there before it; that of an action sink from
 *             the beginning of the telling on. */
#ifndef STORE_SINKS_H
#define STORE_SINKS_H

#include "db.h"

/* Where an action stands that was set aside (aside.h). Stored by number: append only. */
enum aside_state {
    ASIDE_RETRY,     /* is tried when its time has come; 0: at once */
    ASIDE_PARKED,    /* needs somebody */
    ASIDE_ADOPT,     /* needs `queue adopt` */
    ASIDE_BEHIND,    /* stands behind another row */
    ASIDE_STUCK,     /* … that is parked, so that it counts as parked */
    ASIDE_DOMAIN,    /* its domain is not there or has another writer */
    ASIDE_UNWELL,    /* the target refuses all of its kind in its domain */
    ASIDE_STATES
};

struct sink_row {
    uint64_t position;
    bool actions;                    /* of an action sink: under the same name a line sink is another one */
    bool telling;                    /* an action sink is being told the whole state, as of the position */
    uint64_t first_upto;             /* all up to this seq is of its first telling */
    uint64_t due;                    /* records with a due time */
    uint64_t aside[ASIDE_STATES];
};

/* False: there is none; *row is zeroed then. */
bool sink_row_get(struct txn *t, const char *name, struct sink_row *row);
void sink_row_put(struct txn *t, const char *name, const struct sink_row *row);
/* Adds to a number of the row, which is made if it is not there. */
void sink_row_count(struct txn *t, const char *name, enum aside_state state, int by);
void sink_row_count_due(struct txn *t, const char *name, int by);
/* Parked, to be adopted, or behind such a one. */
uint64_t sink_row_parked(const struct sink_row *row);
/* All other rows that are set aside. */
uint64_t sink_row_waiting(const struct sink_row *row);

bool sink_position_get(struct txn *t, const char *name, uint64_t *position);
/* Keeps the rest of the row. */
void sink_position_put(struct txn *t, const char *name, uint64_t position);
void sink_position_del(struct txn *t, const char *name);
/* Names by order; start with *next zeroed. */
bool sink_position_next(struct txn *t, struct buf *next, struct slice *name, uint64_t *position);

/* Keys of a sink's own tables begin with its name and a NUL. */
void sink_key(struct buf *key, const char *name);
/* Removes all rows of a table whose key begins so. Returns how many. */
size_t sink_table_drop(struct txn *t, enum table table, const char *name);

#endif
