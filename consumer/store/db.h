/* LMDB: the only includer of lmdb.h. One environment per connector, named tables, transactions that remember their
 * first error, so that a caller does its reads and writes in a row and asks once, at the end.
 *
 * Durability is LMDB's default: when txn_commit() returns 0 the data is synced to disk. */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "slice.h"

/* The tables. Keys and values of each are told in the header of the module that owns it. */
enum table {
    TABLE_META,      /* meta.h */
    TABLE_OBJECT,    /* objects.h */
    TABLE_UUID,
    TABLE_ADDRESS,
    TABLE_PENDING,   /* pending.h */
    TABLE_DUE,
    TABLE_HOLD,
    TABLE_WINDOW,
    TABLE_WANT,      /* wants.h */
    TABLE_WANT_UUID,
    TABLE_INVALID,
    TABLE_QUEUE,     /* queue.h */
    TABLE_SINK,      /* sinks.h */
    TABLE_RECORD,    /* records.h */
    TABLE_RECORD_ADDRESS,
    TABLE_RECORD_DUE,
    TABLE_ASIDE,     /* aside.h */
    TABLE_ASIDE_KEY,
    TABLE_ASIDE_DUE,
    TABLE_ASIDE_BEHIND,
    TABLE_ASIDE_WAIT,
    TABLE_CONTAINER, /* containers.h */
    TABLE_CONTAINER_DN,
    TABLE_DN,        /* objects.h */
    TABLE_MEMBER,    /* members.h */
    TABLE_NAMED,
    TABLE_TOLD,
    TABLE_LEAVING,   /* pending.h */
    TABLE_GONE,      /* gone.h */
    TABLE_WANT_FRESH,   /* wants.h */
    TABLE_ALIAS_LINE,   /* alias_wants.h */
    TABLE_ALIAS_WANT,
    TABLES
};

struct db;

enum db_mode { DB_READ, DB_WRITE };

/* Opens the environment in folder `path` (made with its tables if it is not there and mode is DB_WRITE). To a reader, a table
 * that an older version did not make is empty. NULL and *e:
 * class ERR_NOTFOUND if there is no state yet (DB_READ), else ERR_INTERNAL. */
struct db *db_open(const char *path, enum db_mode mode, struct err *e);
void db_close(struct db **db);

/* Copies a consistent snapshot of the environment in `from` into the existing empty folder `to`, without a lock that
 * a running daemon would feel. */
int db_snapshot(const char *from, const char *to, struct err *e);

struct txn;

/* Begins a transaction; never NULL: a failure is found at the end, or by txn_failed(). A write transaction waits for
 * the one that is open in another process. */
struct txn *txn_begin(struct db *db, enum db_mode mode);
/* 0: committed and, for writes, synced. -1 and *e: nothing of it happened. *t is NULL afterwards. */
int txn_commit(struct txn **t, struct err *e);
void txn_abort(struct txn **t);
bool txn_failed(const struct txn *t);
/* Bytes put so far: what bounds a transaction, since dirty pages are private memory. */
size_t txn_bytes(const struct txn *t);

/* False: not there (or the transaction failed). *value is valid until the next write or the end. */
bool txn_get(struct txn *t, enum table table, struct slice key, struct slice *value);
void txn_put(struct txn *t, enum table table, struct slice key, struct slice value);
/* As txn_put() for a key above all that are there; fails the transaction if it is not. */
void txn_append(struct txn *t, enum table table, struct slice key, struct slice value);
/* True if it was there. */
bool txn_del(struct txn *t, enum table table, struct slice key);
void txn_clear(struct txn *t, enum table table);
uint64_t txn_count(struct txn *t, enum table table);
/* The highest key; false if the table is empty. */
bool txn_last(struct txn *t, enum table table, struct slice *key, struct slice *value);

/* The highest key below `key`; false if there is none. Valid until the next write or the end. */
bool txn_before(struct txn *t, enum table table, struct slice key, struct slice *found, struct slice *value);

/* Walks a table in key order from the first key ≥ `from`. End it before the transaction. */
struct walk {
    struct txn *t;
    void *cursor;
    bool begun;
};
void walk_begin(struct walk *w, struct txn *t, enum table table);
/* The next row; the first call gives the first key ≥ from (empty: the first row). False at the end. */
bool walk_next(struct walk *w, struct slice from, struct slice *key, struct slice *value);
/* Removes the row that walk_next() gave; walk_next() then gives the one after it. */
void walk_del(struct walk *w);
void walk_end(struct walk *w);

static inline bool slice_has_prefix(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

#endif
