#include "objects.h"

#include <string.h>

#include "entry.h"
#include "member.h"

static void put_be64(uint64_t v, uint8_t *out)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (56 - 8 * i));
}

void objects_id_key(object_id id, uint8_t out[8])
{
    put_be64(id, out);
}

object_id objects_id_of(struct slice key)
{
    struct reader r = reader_of(key);
    object_id id = read_u64(&r);

    return r.bad ? 0 : id;
}

void objects_address_key(uint64_t hash, object_id id, uint8_t out[16])
{
    put_be64(hash, out);
    put_be64(id, out + 8);
}

static bool read_object(struct txn *t, object_id id, struct slice *bytes)
{
    uint8_t key[8];

    objects_id_key(id, key);
    return txn_get(t, TABLE_OBJECT, slice_make(key, sizeof(key)), bytes);
}

object_id objects_find(struct txn *t, const uint8_t *uuid, struct slice *bytes)
{
    struct slice v, ignored;
    object_id id;

    if (!txn_get(t, TABLE_UUID, slice_make(uuid, UUID_BYTES), &v))
        return 0;
    id = objects_id_of(v);
    return read_object(t, id, bytes ? bytes : &ignored) ? id : 0;
}

object_id objects_get(struct txn *t, const uint8_t *uuid, struct object *o, struct arena *a)
{
    struct slice bytes;
    object_id id = objects_find(t, uuid, &bytes);

    if (id == 0)
        return 0;
    /* Copied, since LMDB may move a page with the next write of this transaction. */
    bytes = arena_copy(a, bytes.p, bytes.len);
    return object_decode(bytes, o, a) == 0 ? id : 0;
}

bool objects_read(struct txn *t, object_id id, struct object *o, struct arena *a)
{
    struct slice bytes;

    if (!read_object(t, id, &bytes))
        return false;
    bytes = arena_copy(a, bytes.p, bytes.len);
    return object_decode(bytes, o, a) == 0;
}

static bool stands_at(const struct object *o, struct slice ref)
{
    struct buf b = { 0 };
    bool same = o->state != OBJECT_GONE && member_ref_of_dn(o->dn, &b) && slice_eq(buf_slice(&b), ref);

    buf_free(&b);
    return same;
}

object_id objects_by_dn(struct txn *t, struct slice ref, struct object *o, struct arena *a)
{
    uint8_t prefix[16];
    struct slice key, ignored, bytes, stamp = { "", 0 };
    object_id found = 0;
    struct arena scratch = { 0 };
    struct object candidate;
    struct walk w;

    objects_address_key(hash64(ref), 0, prefix);
    walk_begin(&w, t, TABLE_DN);
    while (walk_next(&w, slice_make(prefix, sizeof(prefix)), &key, &ignored) &&
           slice_has_prefix(key, slice_make(prefix, 8))) {
        object_id id = objects_id_of(slice_make(key.p + 8, 8));

        if (!read_object(t, id, &bytes) || object_decode(bytes, &candidate, &scratch) != 0 || !stands_at(&candidate, ref) ||
            (found && stamp_older(candidate.stamp, stamp)))
            continue;
        found = id;
        stamp = candidate.stamp;
    }
    walk_end(&w);
    arena_free(&scratch);
    return found && objects_read(t, found, o, a) ? found : 0;
}

static bool owns(const struct object *o, struct slice address, bool *is_alias)
{
    if (o->state == OBJECT_GONE)
        return false;
    *is_alias = false;
    if (slice_eq(o->address, address))
        return true;
    *is_alias = true;
    for (uint32_t i = 0; i < o->n_aliases; i++)
        if (slice_eq(o->aliases[i], address))
            return true;
    return false;
}

object_id objects_owner(struct txn *t, struct slice address, uint8_t *uuid, bool *is_alias)
{
    uint8_t prefix[16];
    struct arena a = { 0 };
    struct slice key, ignored, bytes;
    object_id found = 0;
    struct walk w;
    bool alias;

    objects_address_key(hash64(address), 0, prefix);
    walk_begin(&w, t, TABLE_ADDRESS);
    while (found == 0 && walk_next(&w, slice_make(prefix, sizeof(prefix)), &key, &ignored) &&
           slice_has_prefix(key, slice_make(prefix, 8))) {
        object_id id = objects_id_of(slice_make(key.p + 8, 8));
        struct object o;

        if (!read_object(t, id, &bytes) || object_decode(bytes, &o, &a) != 0 || !owns(&o, address, &alias))
            continue;
        found = id;
        if (uuid)
            memcpy(uuid, o.uuid, UUID_BYTES);
        if (is_alias)
            *is_alias = alias;
    }
    walk_end(&w);
    arena_free(&a);
    return found;
}

static void index_address(struct txn *t, struct slice address, object_id id, bool add)
{
    uint8_t key[16];

    objects_address_key(hash64(address), id, key);
    if (add)
        txn_put(t, TABLE_ADDRESS, slice_make(key, sizeof(key)), (struct slice){ "", 0 });
    else
        txn_del(t, TABLE_ADDRESS, slice_make(key, sizeof(key)));
}

static void index_all(struct txn *t, const struct object *o, object_id id, bool add)
{
    index_address(t, o->address, id, add);
    for (uint32_t i = 0; i < o->n_aliases; i++)
        index_address(t, o->aliases[i], id, add);
}

bool objects_dn_hash(const struct object *o, uint64_t *hash)
{
    struct buf b = { 0 };
    bool is_dn = member_ref_of_dn(o->dn, &b);

    *hash = is_dn ? hash64(buf_slice(&b)) : 0;
    buf_free(&b);
    return is_dn;
}

static void index_dn(struct txn *t, const struct object *o, object_id id, bool add)
{
    uint8_t key[16];
    uint64_t hash;

    if (!objects_dn_hash(o, &hash))
        return;
    objects_address_key(hash, id, key);
    if (add)
        txn_put(t, TABLE_DN, slice_make(key, sizeof(key)), (struct slice){ "", 0 });
    else
        txn_del(t, TABLE_DN, slice_make(key, sizeof(key)));
}

static bool same_addresses(const struct object *a, const struct object *b)
{
    if (!slice_eq(a->address, b->address) || a->n_aliases != b->n_aliases)
        return false;
    for (uint32_t i = 0; i < a->n_aliases; i++)
        if (!slice_eq(a->aliases[i], b->aliases[i]))
            return false;
    return true;
}

void objects_count(struct store *s, const struct object *o, int by)
{
    s->dirty = true;
    if (o->state == OBJECT_GONE)
        return;
    s->objects[o->kind] += by;
    if (o->state == OBJECT_ORPHAN)
        s->orphans += by;
    for (uint32_t i = 0; i < o->n_fields; i++)
        if (o->fields[i].field < STORE_FIELDS)
            s->with_field[o->fields[i].field] += by;
    if (o->n_aliases)
        s->with_field[FIELD_ALIASES] += by;
}

object_id objects_put(struct store *s, struct txn *t, object_id id, const struct object *old, const struct object *o)
{
    struct buf b = { 0 };
    uint8_t key[8];

    if (id == 0) {
        id = s->next_oid++;
        objects_id_key(id, key);
        txn_put(t, TABLE_UUID, slice_make(o->uuid, UUID_BYTES), slice_make(key, sizeof(key)));
        index_all(t, o, id, true);
    } else if (!same_addresses(old, o)) {
        index_all(t, old, id, false);
        index_all(t, o, id, true);
    }
    if (s->has_dns && !(old && slice_eq(old->dn, o->dn))) {
        if (old)
            index_dn(t, old, id, false);
        index_dn(t, o, id, true);
    }
    if (old)
        objects_count(s, old, -1);
    objects_count(s, o, 1);
    object_encode(o, &b);
    objects_id_key(id, key);
    txn_put(t, TABLE_OBJECT, slice_make(key, sizeof(key)), buf_slice(&b));
    buf_free(&b);
    return id;
}

void objects_remove(struct store *s, struct txn *t, object_id id, const struct object *old)
{
    uint8_t key[8];

    objects_id_key(id, key);
    index_all(t, old, id, false);
    if (s->has_dns)
        index_dn(t, old, id, false);
    txn_del(t, TABLE_UUID, slice_make(old->uuid, UUID_BYTES));
    txn_del(t, TABLE_OBJECT, slice_make(key, sizeof(key)));
    objects_count(s, old, -1);
}
