#include "containers.h"

#include "dn.h"

enum { FLAG_GONE = 1, FLAG_ABSENT = 2, FLAG_LOST = 4, FLAG_SWEEP = 8, FLAG_FETCH = 16, FLAG_TOLD = 32 };

#define DN_KEY (8 + UUID_BYTES)

/* A text that is no DN is its own canonical form: it is found, and has nothing under it. */
static uint64_t hash_of(struct slice dn)
{
    struct buf b = { 0 };
    uint64_t hash;

    hash = hash64(dn_normalise(dn, &b) ? buf_slice(&b) : dn);
    buf_free(&b);
    return hash;
}

static void dn_row(uint64_t hash, const uint8_t *uuid, struct buf *key)
{
    buf_u64(key, hash);
    buf_add(key, uuid, UUID_BYTES);
}

static void index_dn(struct txn *t, const struct container *c, bool add)
{
    struct buf key = { 0 };

    dn_row(hash_of(c->dn), c->uuid, &key);
    if (add)
        txn_put(t, TABLE_CONTAINER_DN, buf_slice(&key), (struct slice){ "", 0 });
    else
        txn_del(t, TABLE_CONTAINER_DN, buf_slice(&key));
    buf_free(&key);
}

static bool decode(struct slice key, struct slice value, struct container *c, struct arena *a)
{
    struct slice bytes = arena_copy(a, value.p, value.len);
    struct reader r = reader_of(bytes);
    uint8_t flags;

    if (key.len != UUID_BYTES)
        return false;
    memcpy(c->uuid, key.p, UUID_BYTES);
    c->search = read_u8(&r);
    flags = read_u8(&r);
    c->gone = flags & FLAG_GONE;
    c->told = flags & FLAG_TOLD;
    c->absent = flags & FLAG_ABSENT;
    c->lost = flags & FLAG_LOST;
    c->sweep = flags & FLAG_SWEEP;
    c->fetch = flags & FLAG_FETCH;
    c->since_ms = (int64_t)read_u64(&r);
    c->dn = read_bytes(&r);
    c->stamp = read_bytes(&r);
    return !r.bad;
}

bool containers_get(struct txn *t, const uint8_t *uuid, struct container *c, struct arena *a)
{
    struct slice key = slice_make(uuid, UUID_BYTES), v;

    return txn_get(t, TABLE_CONTAINER, key, &v) && decode(key, v, c, a);
}

void containers_put(struct txn *t, const struct container *c)
{
    struct arena a = { 0 };
    struct container old;
    struct buf b = { 0 };

    if (containers_get(t, c->uuid, &old, &a))
        index_dn(t, &old, false);
    index_dn(t, c, true);
    buf_u8(&b, c->search);
    buf_u8(&b, (uint8_t)((c->gone ? FLAG_GONE : 0) | (c->absent ? FLAG_ABSENT : 0) | (c->lost ? FLAG_LOST : 0) |
                         (c->sweep ? FLAG_SWEEP : 0) | (c->fetch ? FLAG_FETCH : 0) | (c->told ? FLAG_TOLD : 0)));
    buf_u64(&b, (uint64_t)c->since_ms);
    buf_bytes(&b, c->dn);
    buf_bytes(&b, c->stamp);
    txn_put(t, TABLE_CONTAINER, slice_make(c->uuid, UUID_BYTES), buf_slice(&b));
    buf_free(&b);
    arena_free(&a);
}

void containers_del(struct txn *t, const uint8_t *uuid)
{
    struct arena a = { 0 };
    struct container old;

    if (containers_get(t, uuid, &old, &a)) {
        index_dn(t, &old, false);
        txn_del(t, TABLE_CONTAINER, slice_make(uuid, UUID_BYTES));
    }
    arena_free(&a);
}

/* The first row of a table from *next on; *next then stands behind it. */
static bool step(struct txn *t, enum table table, struct buf *next, struct slice *key, struct slice *value)
{
    struct walk w;
    bool found;

    walk_begin(&w, t, table);
    found = walk_next(&w, buf_slice(next), key, value);
    walk_end(&w);
    if (!found)
        return false;
    buf_reset(next);
    buf_add_slice(next, *key);
    buf_u8(next, 0);
    return true;
}

bool containers_next(struct txn *t, struct buf *next, struct container *c, struct arena *a)
{
    struct slice key, v;

    return step(t, TABLE_CONTAINER, next, &key, &v) && decode(key, v, c, a);
}

bool containers_at(struct txn *t, struct slice dn, struct buf *next, struct container *c, struct arena *a)
{
    struct slice key, v;
    struct buf prefix = { 0 };
    bool found = false, more = true;

    buf_u64(&prefix, hash_of(dn));
    if (next->len == 0)
        buf_add_slice(next, buf_slice(&prefix));
    while (!found && more) {
        more = step(t, TABLE_CONTAINER_DN, next, &key, &v) && key.len == DN_KEY && slice_has_prefix(key, buf_slice(&prefix));
        if (more) {
            uint8_t uuid[UUID_BYTES];

            memcpy(uuid, key.p + 8, UUID_BYTES);
            found = containers_get(t, uuid, c, a) && dn_same(c->dn, dn);
        }
    }
    buf_free(&prefix);
    return found;
}
