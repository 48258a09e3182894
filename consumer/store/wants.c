#include "wants.h"

#include "objects.h"

static bool read_want(struct slice value, struct object *o, struct arena *a)
{
    if (value.len <= UUID_BYTES)
        return false;
    value = arena_copy(a, value.p + UUID_BYTES, value.len - UUID_BYTES);
    return object_decode(value, o, a) == 0;
}

/* The key of what an entry wants, if it wants something. */
static bool want_key(struct txn *t, const uint8_t *uuid, uint8_t key[16])
{
    struct slice v;

    if (!txn_get(t, TABLE_WANT_UUID, slice_make(uuid, UUID_BYTES), &v) || v.len != 16)
        return false;
    memcpy(key, v.p, 16);
    return true;
}

void want_put(struct store *s, struct txn *t, const struct object *o)
{
    struct arena a = { 0 };
    struct object old;
    struct buf value = { 0 };
    uint8_t key[16];
    bool keep = want_get(t, o->uuid, &old, &a) && slice_eq(old.address, o->address) && want_key(t, o->uuid, key);

    if (!keep) {
        want_del(t, o->uuid);
        objects_address_key(hash64(o->address), s->next_oid++, key);   /* any ascending number does for the order */
        s->dirty = true;
        txn_put(t, TABLE_WANT_UUID, slice_make(o->uuid, UUID_BYTES), slice_make(key, sizeof(key)));
    }
    buf_add(&value, o->uuid, UUID_BYTES);
    object_encode(o, &value);
    txn_put(t, TABLE_WANT, slice_make(key, sizeof(key)), buf_slice(&value));
    buf_free(&value);
    arena_free(&a);
}

bool want_del(struct txn *t, const uint8_t *uuid)
{
    uint8_t key[16];

    if (!want_key(t, uuid, key))
        return false;
    txn_del(t, TABLE_WANT, slice_make(key, sizeof(key)));
    want_set_fresh(t, uuid, false);
    return txn_del(t, TABLE_WANT_UUID, slice_make(uuid, UUID_BYTES));
}

bool want_get(struct txn *t, const uint8_t *uuid, struct object *o, struct arena *a)
{
    uint8_t key[16];
    struct slice v;

    return want_key(t, uuid, key) && txn_get(t, TABLE_WANT, slice_make(key, sizeof(key)), &v) && read_want(v, o, a);
}

bool want_first(struct txn *t, struct slice address, struct object *o, struct arena *a)
{
    uint8_t prefix[16];
    struct slice key, v;
    struct walk w;
    bool found = false;

    if (txn_count(t, TABLE_WANT) == 0)
        return false;
    objects_address_key(hash64(address), 0, prefix);
    walk_begin(&w, t, TABLE_WANT);
    while (!found && walk_next(&w, slice_make(prefix, sizeof(prefix)), &key, &v) &&
           slice_has_prefix(key, slice_make(prefix, 8)))
        found = read_want(v, o, a) && slice_eq(o->address, address);
    walk_end(&w);
    return found;
}

/* The next row of a table by key; the key is copied to *next, followed by a zero, to go on from. */
static bool step(struct txn *t, enum table table, struct buf *next, struct slice *key, struct slice *value)
{
    struct walk w;
    bool found;

    walk_begin(&w, t, table);
    found = walk_next(&w, buf_slice(next), key, value);
    walk_end(&w);
    if (found) {
        buf_reset(next);
        buf_add_slice(next, *key);
        buf_u8(next, 0);
    }
    return found;
}

bool want_next(struct txn *t, struct buf *next, struct object *o, struct arena *a)
{
    struct slice key, v;

    while (step(t, TABLE_WANT_UUID, next, &key, &v))
        if (txn_get(t, TABLE_WANT, v, &v) && read_want(v, o, a))
            return true;
    return false;
}

bool want_line_next(struct txn *t, struct slice address, struct buf *next, struct object *o, struct arena *a)
{
    uint8_t first[16];
    struct slice key, v;

    objects_address_key(hash64(address), 0, first);
    if (next->len == 0)
        buf_add(next, first, sizeof(first));
    while (step(t, TABLE_WANT, next, &key, &v) && slice_has_prefix(key, slice_make(first, 8)))
        if (read_want(v, o, a) && slice_eq(o->address, address))
            return true;
    return false;
}

void want_set_fresh(struct txn *t, const uint8_t *uuid, bool fresh)
{
    if (fresh)
        txn_put(t, TABLE_WANT_FRESH, slice_make(uuid, UUID_BYTES), (struct slice){ "", 0 });
    else if (txn_count(t, TABLE_WANT_FRESH) != 0)
        txn_del(t, TABLE_WANT_FRESH, slice_make(uuid, UUID_BYTES));
}

bool want_is_fresh(struct txn *t, const uint8_t *uuid)
{
    struct slice v;

    return txn_get(t, TABLE_WANT_FRESH, slice_make(uuid, UUID_BYTES), &v);
}

bool want_fresh_next(struct txn *t, struct buf *next, uint8_t *uuid)
{
    struct slice key, v;

    if (!step(t, TABLE_WANT_FRESH, next, &key, &v) || key.len != UUID_BYTES)
        return false;
    memcpy(uuid, key.p, UUID_BYTES);
    return true;
}

void invalid_put(struct txn *t, const uint8_t *uuid, enum object_kind kind, struct slice dn, struct slice reason,
                 struct slice stamp)
{
    struct buf b = { 0 };

    buf_bytes(&b, dn);
    buf_bytes(&b, reason);
    buf_u8(&b, (uint8_t)kind);
    buf_bytes(&b, stamp);
    txn_put(t, TABLE_INVALID, slice_make(uuid, UUID_BYTES), buf_slice(&b));
    buf_free(&b);
}

bool invalid_del(struct txn *t, const uint8_t *uuid)
{
    return txn_count(t, TABLE_INVALID) != 0 && txn_del(t, TABLE_INVALID, slice_make(uuid, UUID_BYTES));
}

static bool read_invalid(struct slice value, struct slice *dn, struct slice *reason, struct arena *a)
{
    struct reader r = reader_of(value);

    *dn = read_bytes(&r);
    *reason = read_bytes(&r);
    *dn = arena_copy(a, dn->p, dn->len);
    *reason = arena_copy(a, reason->p, reason->len);
    return !r.bad;
}

bool invalid_get(struct txn *t, const uint8_t *uuid, struct slice *dn, struct slice *reason, struct arena *a)
{
    struct slice v;

    return txn_get(t, TABLE_INVALID, slice_make(uuid, UUID_BYTES), &v) && read_invalid(v, dn, reason, a);
}

bool invalid_kind(struct txn *t, const uint8_t *uuid, enum object_kind *kind)
{
    struct reader r;
    struct slice v;

    if (!txn_get(t, TABLE_INVALID, slice_make(uuid, UUID_BYTES), &v))
        return false;
    r = reader_of(v);
    read_bytes(&r);
    read_bytes(&r);
    *kind = r.left && read_u8(&r) == OBJECT_GROUP ? OBJECT_GROUP : OBJECT_ACCOUNT;
    return true;
}

bool invalid_stamp(struct txn *t, const uint8_t *uuid, struct slice *stamp, struct arena *a)
{
    struct reader r;
    struct slice v;

    if (txn_count(t, TABLE_INVALID) == 0 || !txn_get(t, TABLE_INVALID, slice_make(uuid, UUID_BYTES), &v))
        return false;
    r = reader_of(v);
    read_bytes(&r);
    read_bytes(&r);
    if (r.left)
        read_u8(&r);   /* the kind */
    *stamp = r.left ? read_bytes(&r) : (struct slice){ "", 0 };
    *stamp = arena_copy(a, stamp->p, stamp->len);
    return true;
}

bool invalid_next(struct txn *t, struct buf *next, uint8_t *uuid, struct slice *dn, struct slice *reason,
                  struct arena *a)
{
    struct slice key, v;

    if (!step(t, TABLE_INVALID, next, &key, &v) || key.len != UUID_BYTES)
        return false;
    memcpy(uuid, key.p, UUID_BYTES);
    return read_invalid(v, dn, reason, a);
}
