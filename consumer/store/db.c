#include "db.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mem.h"

/* Address space, not disk: the file grows with what is in it. 64 GiB hold some fifty million accounts. */
#define MAP_BYTES ((size_t)64 << 30)
/* The sinks' readers, the commands' and some room. */
#define MAX_READERS 256

static const char *const table_names[] = {
    "meta", "object", "uuid", "address", "pending", "due", "hold", "window", "want", "want_uuid", "invalid", "queue",
    "sink", "record", "record_address", "record_due", "aside", "aside_key", "aside_due", "aside_behind", "aside_wait",
    "container", "container_dn", "dn", "member", "named", "told", "leaving", "gone",
    "want_fresh", "alias_line", "alias_want",
};
_Static_assert(sizeof(table_names) / sizeof(table_names[0]) == TABLES, "one name per table");

struct db {
    MDB_env *env;
    MDB_dbi dbi[TABLES];
    bool missing[TABLES];   /* read only: of a state that an older version made */
};

struct txn {
    struct db *db;
    MDB_txn *mdb;
    int error;              /* the first that happened */
    enum table error_table;
    size_t bytes;
};

static int db_err(struct err *e, int rc, const char *what, const char *path)
{
    err_set(e, rc == ENOENT ? ERR_NOTFOUND : ERR_INTERNAL, "%s %s: %s%s", what, path, mdb_strerror(rc),
            rc == MDB_MAP_FULL ? " (the state is larger than the 64 GiB that are reserved)"
            : rc == ENOSPC     ? " (free some space; axsync goes on by itself)"
                               : "");
    if (e)
        e->code = rc;
    return -1;
}

static int open_tables(struct db *db, bool create)
{
    MDB_txn *t;
    int rc = mdb_txn_begin(db->env, NULL, create ? 0 : MDB_RDONLY, &t);

    if (rc != 0)
        return rc;
    for (int i = 0; i < TABLES && rc == 0; i++) {
        rc = mdb_dbi_open(t, table_names[i], create ? MDB_CREATE : 0, &db->dbi[i]);
        db->missing[i] = rc == MDB_NOTFOUND && i != TABLE_META;
        if (db->missing[i])
            rc = 0;
    }
    if (rc != 0) {
        mdb_txn_abort(t);
        return rc;
    }
    return mdb_txn_commit(t);
}

static bool has_environment(const char *path)
{
    char *file = mem_printf("%s/data.mdb", path);
    struct stat st;
    bool there = stat(file, &st) == 0 && st.st_size > 0;

    free(file);
    return there;
}

struct db *db_open(const char *path, enum db_mode mode, struct err *e)
{
    struct db *db;
    int rc, cleared;

    if (mode == DB_READ && !has_environment(path)) {
        err_set(e, ERR_NOTFOUND, "no state in %s yet", path);
        return NULL;
    }
    db = mem_alloc(sizeof(*db));
    rc = mdb_env_create(&db->env);
    if (rc == 0)
        rc = mdb_env_set_mapsize(db->env, MAP_BYTES);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(db->env, TABLES);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(db->env, MAX_READERS);
    if (rc == 0)
        /* NOTLS: a reader belongs to its transaction, not to the thread that began it. */
        rc = mdb_env_open(db->env, path, MDB_NOTLS | (mode == DB_READ ? MDB_RDONLY : 0), 0600);
    if (rc == 0)
        rc = mdb_reader_check(db->env, &cleared);   /* what killed readers left would keep old pages for ever */
    if (rc == 0)
        rc = open_tables(db, mode == DB_WRITE);
    if (rc != 0) {
        if (rc == MDB_NOTFOUND)   /* an environment whose tables were never committed: a kill at the very start */
            rc = ENOENT;
        db_err(e, rc, "can't open the state in", path);
        db_close(&db);
        return NULL;
    }
    return db;
}

void db_close(struct db **db)
{
    if (*db == NULL)
        return;
    mdb_env_close((*db)->env);
    free(*db);
    *db = NULL;
}

int db_snapshot(const char *from, const char *to, struct err *e)
{
    MDB_env *env;
    int rc;

    if (!has_environment(from))
        return err_set(e, ERR_NOTFOUND, "no state in %s yet", from);
    rc = mdb_env_create(&env);
    if (rc == 0) {
        rc = mdb_env_set_mapsize(env, MAP_BYTES);
        if (rc == 0)
            rc = mdb_env_open(env, from, MDB_NOTLS | MDB_RDONLY, 0600);
        if (rc == 0)
            rc = mdb_env_copy2(env, to, MDB_CP_COMPACT);
        mdb_env_close(env);
    }
    return rc == 0 ? 0 : db_err(e, rc, "can't copy the state in", from);
}

static void fail(struct txn *t, int rc, enum table table)
{
    if (t->error == 0) {
        t->error = rc;
        t->error_table = table;
    }
}

struct txn *txn_begin(struct db *db, enum db_mode mode)
{
    struct txn *t = mem_alloc(sizeof(*t));
    int rc;

    t->db = db;
    rc = mdb_txn_begin(db->env, NULL, mode == DB_READ ? MDB_RDONLY : 0, &t->mdb);
    if (rc != 0) {
        t->mdb = NULL;
        fail(t, rc, TABLE_META);
    }
    return t;
}

void txn_abort(struct txn **t)
{
    if (*t == NULL)
        return;
    if ((*t)->mdb)
        mdb_txn_abort((*t)->mdb);
    free(*t);
    *t = NULL;
}

int txn_commit(struct txn **t, struct err *e)
{
    int rc = (*t)->error;
    const char *table = table_names[(*t)->error_table];

    if (rc != 0) {
        txn_abort(t);
        return db_err(e, rc, "can't read or write the state's table", table);
    }
    rc = mdb_txn_commit((*t)->mdb);
    (*t)->mdb = NULL;   /* LMDB has freed it, whatever it answered */
    txn_abort(t);
    return rc == 0 ? 0 : db_err(e, rc, "can't commit to", "the state");
}

bool txn_failed(const struct txn *t)
{
    return t->error != 0;
}

size_t txn_bytes(const struct txn *t)
{
    return t->bytes;
}

static MDB_val val_of(struct slice s)
{
    return (MDB_val){ s.len, (void *)(uintptr_t)s.p };
}

static struct slice slice_of_val(MDB_val v)
{
    return (struct slice){ v.mv_data, v.mv_size };
}

bool txn_get(struct txn *t, enum table table, struct slice key, struct slice *value)
{
    MDB_val k = val_of(key), v;
    int rc;

    if (t->error != 0 || t->db->missing[table])
        return false;
    rc = mdb_get(t->mdb, t->db->dbi[table], &k, &v);
    if (rc == 0) {
        *value = slice_of_val(v);
        return true;
    }
    if (rc != MDB_NOTFOUND)
        fail(t, rc, table);
    return false;
}

static void put(struct txn *t, enum table table, struct slice key, struct slice value, unsigned flags)
{
    MDB_val k = val_of(key), v = val_of(value);
    int rc;

    if (t->error != 0)
        return;
    rc = mdb_put(t->mdb, t->db->dbi[table], &k, &v, flags);
    if (rc != 0)
        fail(t, rc, table);
    t->bytes += key.len + value.len;
}

void txn_put(struct txn *t, enum table table, struct slice key, struct slice value)
{
    put(t, table, key, value, 0);
}

void txn_append(struct txn *t, enum table table, struct slice key, struct slice value)
{
    put(t, table, key, value, MDB_APPEND);
}

bool txn_del(struct txn *t, enum table table, struct slice key)
{
    MDB_val k = val_of(key);
    int rc;

    if (t->error != 0)
        return false;
    rc = mdb_del(t->mdb, t->db->dbi[table], &k, NULL);
    if (rc != 0 && rc != MDB_NOTFOUND)
        fail(t, rc, table);
    t->bytes += key.len;
    return rc == 0;
}

void txn_clear(struct txn *t, enum table table)
{
    int rc;

    if (t->error != 0)
        return;
    rc = mdb_drop(t->mdb, t->db->dbi[table], 0);
    if (rc != 0)
        fail(t, rc, table);
}

uint64_t txn_count(struct txn *t, enum table table)
{
    MDB_stat st;
    int rc;

    if (t->error != 0 || t->db->missing[table])
        return 0;
    rc = mdb_stat(t->mdb, t->db->dbi[table], &st);
    if (rc != 0) {
        fail(t, rc, table);
        return 0;
    }
    return st.ms_entries;
}

static bool cursor_get(struct txn *t, MDB_cursor *c, MDB_cursor_op op, struct slice from, struct slice *key,
                       struct slice *value)
{
    MDB_val k = val_of(from), v;
    int rc = mdb_cursor_get(c, &k, &v, op);

    if (rc == 0) {
        *key = slice_of_val(k);
        *value = slice_of_val(v);
        return true;
    }
    if (rc != MDB_NOTFOUND)
        fail(t, rc, TABLE_META);
    return false;
}

bool txn_last(struct txn *t, enum table table, struct slice *key, struct slice *value)
{
    struct walk w;
    bool found = false;

    walk_begin(&w, t, table);
    if (w.cursor)
        found = cursor_get(t, w.cursor, MDB_LAST, (struct slice){ 0 }, key, value);
    walk_end(&w);
    return found;
}

bool txn_before(struct txn *t, enum table table, struct slice key, struct slice *found, struct slice *value)
{
    struct slice k, v;
    struct walk w;
    bool there = false;

    walk_begin(&w, t, table);
    if (w.cursor)
        there = cursor_get(t, w.cursor, MDB_SET_RANGE, key, &k, &v)
                    ? cursor_get(t, w.cursor, MDB_PREV, key, found, value)
                    : cursor_get(t, w.cursor, MDB_LAST, key, found, value);
    walk_end(&w);
    return there;
}

void walk_begin(struct walk *w, struct txn *t, enum table table)
{
    MDB_cursor *c = NULL;
    int rc;

    *w = (struct walk){ .t = t };
    if (t->error != 0 || t->db->missing[table])
        return;
    rc = mdb_cursor_open(t->mdb, t->db->dbi[table], &c);
    if (rc != 0)
        fail(t, rc, table);
    else
        w->cursor = c;
}

bool walk_next(struct walk *w, struct slice from, struct slice *key, struct slice *value)
{
    MDB_cursor_op op = MDB_NEXT;

    if (w->cursor == NULL || w->t->error != 0)
        return false;
    if (!w->begun)
        op = from.len ? MDB_SET_RANGE : MDB_FIRST;
    w->begun = true;
    return cursor_get(w->t, w->cursor, op, from, key, value);
}

void walk_del(struct walk *w)
{
    int rc;

    if (w->cursor == NULL || w->t->error != 0)
        return;
    rc = mdb_cursor_del(w->cursor, 0);
    if (rc != 0)
        fail(w->t, rc, TABLE_META);
}

void walk_end(struct walk *w)
{
    if (w->cursor)
        mdb_cursor_close(w->cursor);
    w->cursor = NULL;
}
