#include "store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "clock.h"
#include "mem.h"
#include "pending.h"

/* The row "state": tags of one byte, each followed by a value of 8 bytes, the field count by its name as well.
 *   01 next_seq   02 next_oid   03 hold_high   04 wall_ms   05 accounts   06 groups   07 orphans
 *   09 last_change_ms
 *   08 u32 length, name of a field, count of objects that have it                                        */
enum state_tag {
    TAG_SEQ = 1, TAG_OID, TAG_HOLD, TAG_WALL, TAG_ACCOUNTS, TAG_GROUPS, TAG_ORPHANS, TAG_FIELD, TAG_CHANGE
};

static struct slice meta_key(const char *name, const char *of, char *room, size_t size)
{
    int n = snprintf(room, size, "%s%s%s", name, of ? "/" : "", of ? of : "");

    return (struct slice){ room, (size_t)n < size ? (size_t)n : size - 1 };
}

bool meta_get(struct txn *t, const char *name, const char *of, struct slice *value)
{
    char room[128];

    return txn_get(t, TABLE_META, meta_key(name, of, room, sizeof(room)), value);
}

void meta_put(struct txn *t, const char *name, const char *of, struct slice value)
{
    char room[128];
    struct slice key = meta_key(name, of, room, sizeof(room));

    if (value.len)
        txn_put(t, TABLE_META, key, value);
    else
        txn_del(t, TABLE_META, key);
}

static void put_number(struct buf *b, enum state_tag tag, int64_t v)
{
    buf_u8(b, (uint8_t)tag);
    buf_u64(b, (uint64_t)v);
}

static void write_state(struct store *s, struct txn *t)
{
    struct buf b = { 0 };

    s->wall_ms = clock_wall_ms();
    put_number(&b, TAG_SEQ, (int64_t)s->next_seq);
    put_number(&b, TAG_OID, (int64_t)s->next_oid);
    put_number(&b, TAG_HOLD, s->hold_high);
    put_number(&b, TAG_WALL, s->wall_ms);
    put_number(&b, TAG_ACCOUNTS, s->objects[OBJECT_ACCOUNT]);
    put_number(&b, TAG_GROUPS, s->objects[OBJECT_GROUP]);
    put_number(&b, TAG_ORPHANS, s->orphans);
    put_number(&b, TAG_CHANGE, s->last_change_ms);
    for (field_id f = 1; f < STORE_FIELDS; f++) {
        if (s->with_field[f] == 0)
            continue;
        buf_u8(&b, TAG_FIELD);
        buf_bytes(&b, slice_of(field_name(f)));
        buf_u64(&b, (uint64_t)s->with_field[f]);
    }
    meta_put(t, "state", NULL, buf_slice(&b));
    buf_free(&b);
}

static void read_state(struct store *s, struct slice value)
{
    struct reader r = reader_of(value);

    while (r.left && !r.bad) {
        switch (read_u8(&r)) {
        case TAG_SEQ:
            s->next_seq = read_u64(&r);
            break;
        case TAG_OID:
            s->next_oid = read_u64(&r);
            break;
        case TAG_HOLD:
            s->hold_high = (uint32_t)read_u64(&r);
            break;
        case TAG_WALL:
            s->wall_ms = (int64_t)read_u64(&r);
            break;
        case TAG_ACCOUNTS:
            s->objects[OBJECT_ACCOUNT] = (int64_t)read_u64(&r);
            break;
        case TAG_GROUPS:
            s->objects[OBJECT_GROUP] = (int64_t)read_u64(&r);
            break;
        case TAG_ORPHANS:
            s->orphans = (int64_t)read_u64(&r);
            break;
        case TAG_CHANGE:
            s->last_change_ms = (int64_t)read_u64(&r);
            break;
        case TAG_FIELD: {
            field_id f = field_intern(read_bytes(&r));
            int64_t n = (int64_t)read_u64(&r);

            if (f < STORE_FIELDS)
                s->with_field[f] = n;
            break;
        }
        default:
            r.bad = true;
        }
    }
}

uint64_t store_next_seq(struct txn *t)
{
    struct slice v;
    struct reader r;

    if (!meta_get(t, "state", NULL, &v))
        return 1;
    r = reader_of(v);
    return read_u8(&r) == TAG_SEQ ? read_u64(&r) : 1;   /* write_state() puts it first */
}

/* Reads the numbers from the disk. */
static int load_numbers(struct store *s, struct err *e)
{
    struct txn *t = txn_begin(s->db, DB_READ);
    struct slice v;

    s->next_seq = s->next_oid = 1;
    s->hold_high = 0;
    s->wall_ms = s->last_change_ms = 0;
    s->objects[OBJECT_ACCOUNT] = s->objects[OBJECT_GROUP] = s->orphans = 0;
    memset(s->with_field, 0, sizeof(s->with_field));
    if (meta_get(t, "state", NULL, &v))
        read_state(s, v);
    s->has_dns = meta_get(t, "dn", NULL, &v);
    pending_load(s, t);
    s->dirty = false;
    return txn_commit(&t, e);
}

static int check_version(struct store *s, enum db_mode mode, const char *folder, struct err *e)
{
    struct txn *t = txn_begin(s->db, mode);
    struct buf b = { 0 };
    struct slice v;
    struct reader r;

    if (meta_get(t, "version", NULL, &v)) {
        uint32_t version;

        r = reader_of(v);
        version = read_u32(&r);
        if (version != STORE_VERSION) {
            txn_abort(&t);
            return err_set(e, ERR_DATA, "the state in %s has format %u, this axsync knows format %d only", folder,
                           version, STORE_VERSION);
        }
    } else if (mode == DB_WRITE) {
        buf_u32(&b, STORE_VERSION);
        meta_put(t, "version", NULL, buf_slice(&b));
        buf_free(&b);
    }
    return txn_commit(&t, e);
}

struct store *store_open(const char *folder, enum db_mode mode, struct err *e)
{
    struct store *s;

    if (mode == DB_WRITE && mkdir(folder, 0700) != 0 && errno != EEXIST) {
        err_set_errno(e, ERR_INTERNAL, errno, "can't make the folder %s", folder);
        return NULL;
    }
    s = mem_alloc(sizeof(*s));
    s->db = db_open(folder, mode, e);
    if (s->db == NULL || check_version(s, mode, folder, e) != 0 || load_numbers(s, e) != 0)
        store_close(&s);
    return s;
}

void store_close(struct store **s)
{
    if (*s == NULL)
        return;
    pending_unload(*s);
    db_close(&(*s)->db);
    free(*s);
    *s = NULL;
}

struct txn *store_begin(struct store *s)
{
    return txn_begin(s->db, DB_WRITE);
}

int store_commit(struct store *s, struct txn **t, struct err *e)
{
    if (s->dirty)
        write_state(s, *t);
    if (txn_commit(t, e) == 0) {
        s->dirty = false;
        return 0;
    }
    load_numbers(s, NULL);
    return -1;
}

void store_abort(struct store *s, struct txn **t)
{
    txn_abort(t);
    load_numbers(s, NULL);
}
