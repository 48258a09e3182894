#include "members.h"

#include <string.h>

#include "member.h"
#include "text.h"

/* uuid and a reference or an address (320 bytes at most). */
#define KEY_MAX (UUID_BYTES + MEMBER_REF_MAX)

static struct slice key_of(const uint8_t *group, struct slice rest, uint8_t room[KEY_MAX])
{
    size_t n = rest.len < KEY_MAX - UUID_BYTES ? rest.len : KEY_MAX - UUID_BYTES;

    memcpy(room, group, UUID_BYTES);
    if (n)
        memcpy(room + UUID_BYTES, rest.p, n);
    return slice_make(room, UUID_BYTES + n);
}

static struct slice rest_of(struct slice key)
{
    return slice_make(key.p + UUID_BYTES, key.len - UUID_BYTES);
}

bool members_is_bound_late(struct slice member_key)
{
    return member_key.len > UUID_BYTES && member_key.p[UUID_BYTES] != MEMBER_ADDRESS;
}

void members_named_key(struct slice member_key, uint8_t out[MEMBERS_NAMED_KEY])
{
    uint64_t hash = hash64(rest_of(member_key));

    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(hash >> (56 - 8 * i));
    memcpy(out + 8, member_key.p, UUID_BYTES);
}

void members_load(struct txn *t, const uint8_t *group, struct slice ref)
{
    uint8_t room[KEY_MAX];

    txn_put(t, TABLE_MEMBER, key_of(group, ref, room), (struct slice){ "", 0 });
}

void members_put(struct txn *t, const uint8_t *group, struct slice ref, struct slice address)
{
    uint8_t room[KEY_MAX], named[MEMBERS_NAMED_KEY];
    struct slice key = key_of(group, ref, room), before;
    bool is_new = !txn_get(t, TABLE_MEMBER, key, &before);

    txn_put(t, TABLE_MEMBER, key, address);
    if (is_new && members_is_bound_late(key)) {
        members_named_key(key, named);
        txn_put(t, TABLE_NAMED, slice_make(named, sizeof(named)), (struct slice){ "", 0 });
    }
}

bool members_get(struct txn *t, const uint8_t *group, struct slice ref, struct slice *address)
{
    uint8_t room[KEY_MAX];

    return txn_get(t, TABLE_MEMBER, key_of(group, ref, room), address);
}

void members_del(struct txn *t, const uint8_t *group, struct slice ref)
{
    uint8_t room[KEY_MAX], named[MEMBERS_NAMED_KEY];
    struct slice key = key_of(group, ref, room);

    if (!txn_del(t, TABLE_MEMBER, key) || !members_is_bound_late(key))
        return;
    members_named_key(key, named);
    txn_del(t, TABLE_NAMED, slice_make(named, sizeof(named)));
}

uint32_t members_refs(struct txn *t, const uint8_t *group, struct arena *a, struct slice **refs)
{
    struct slice prefix = slice_make(group, UUID_BYTES), key, value;
    uint32_t n = 0, cap = 64;
    struct walk w;

    *refs = arena_alloc(a, cap * sizeof(**refs));
    walk_begin(&w, t, TABLE_MEMBER);
    while (walk_next(&w, prefix, &key, &value) && slice_has_prefix(key, prefix)) {
        if (n == cap) {
            struct slice *bigger = arena_alloc(a, 2 * (size_t)cap * sizeof(*bigger));

            memcpy(bigger, *refs, n * sizeof(*bigger));
            *refs = bigger;
            cap *= 2;
        }
        (*refs)[n++] = rest_of(key);
    }
    walk_end(&w);
    return n;
}

/* The next row of a table whose key begins with a prefix: what stands after that is copied. */
static bool step(struct txn *t, enum table table, struct slice prefix, struct buf *next, struct slice *key,
                 struct slice *value)
{
    struct walk w;
    bool found;

    if (next->len == 0)
        buf_add_slice(next, prefix);
    walk_begin(&w, t, table);
    found = walk_next(&w, buf_slice(next), key, value) && slice_has_prefix(*key, prefix);
    walk_end(&w);
    if (found) {
        buf_reset(next);
        buf_add_slice(next, *key);
        buf_u8(next, 0);
    }
    return found;
}

bool members_next(struct txn *t, const uint8_t *group, struct buf *next, struct slice *ref, struct slice *address,
                  struct arena *a)
{
    struct slice key, value;

    if (!step(t, TABLE_MEMBER, slice_make(group, UUID_BYTES), next, &key, &value))
        return false;
    *ref = arena_copy(a, rest_of(key).p, rest_of(key).len);
    *address = arena_copy(a, value.p, value.len);
    return true;
}

bool members_named_next(struct txn *t, struct slice ref, struct buf *next, uint8_t *group)
{
    struct slice key, value, address;
    uint64_t hash = hash64(ref);
    uint8_t prefix[8];

    for (int i = 0; i < 8; i++)
        prefix[i] = (uint8_t)(hash >> (56 - 8 * i));
    while (step(t, TABLE_NAMED, slice_make(prefix, sizeof(prefix)), next, &key, &value)) {
        memcpy(group, key.p + 8, UUID_BYTES);
        if (members_get(t, group, ref, &address))
            return true;
    }
    return false;
}

bool members_group_next(struct txn *t, struct buf *next, uint8_t *group)
{
    struct slice key, value;

    if (!step(t, TABLE_MEMBER, (struct slice){ "", 0 }, next, &key, &value) || key.len < UUID_BYTES)
        return false;
    memcpy(group, key.p, UUID_BYTES);
    /* No reference begins with this byte, and none with a greater one. */
    buf_reset(next);
    buf_add(next, group, UUID_BYTES);
    buf_u8(next, 0xff);
    return true;
}

bool told_get(struct txn *t, const uint8_t *group, struct slice address, uint32_t *live)
{
    uint8_t room[KEY_MAX];
    struct slice v;
    struct reader r;

    *live = 0;
    if (!txn_get(t, TABLE_TOLD, key_of(group, address, room), &v))
        return false;
    r = reader_of(v);
    *live = read_u32(&r);
    return true;
}

void told_put(struct txn *t, const uint8_t *group, struct slice address, uint32_t live)
{
    uint8_t room[KEY_MAX], value[4];

    for (int i = 0; i < 4; i++)
        value[i] = (uint8_t)(live >> (24 - 8 * i));
    txn_put(t, TABLE_TOLD, key_of(group, address, room), slice_make(value, sizeof(value)));
}

void told_del(struct txn *t, const uint8_t *group, struct slice address)
{
    uint8_t room[KEY_MAX];

    txn_del(t, TABLE_TOLD, key_of(group, address, room));
}

bool told_next(struct txn *t, const uint8_t *group, struct buf *next, struct slice *address, uint32_t *live,
               struct arena *a)
{
    struct slice key, value;
    struct reader r;

    if (!step(t, TABLE_TOLD, slice_make(group, UUID_BYTES), next, &key, &value))
        return false;
    *address = arena_copy(a, rest_of(key).p, rest_of(key).len);
    r = reader_of(value);
    *live = read_u32(&r);
    return true;
}

bool told_any(struct txn *t, const uint8_t *group, bool live_only)
{
    struct slice prefix = slice_make(group, UUID_BYTES), key, value;
    static const char none[4];
    bool found = false;
    struct walk w;

    walk_begin(&w, t, TABLE_TOLD);
    while (!found && walk_next(&w, prefix, &key, &value) && slice_has_prefix(key, prefix))
        found = !live_only || !slice_eq(value, slice_make(none, sizeof(none)));
    walk_end(&w);
    return found;
}

static void drop(struct txn *t, enum table table, const uint8_t *group)
{
    struct slice prefix = slice_make(group, UUID_BYTES), key, value;
    struct walk w;

    walk_begin(&w, t, table);
    while (walk_next(&w, prefix, &key, &value) && slice_has_prefix(key, prefix)) {
        if (table == TABLE_MEMBER && members_is_bound_late(key)) {
            uint8_t named[MEMBERS_NAMED_KEY];

            members_named_key(key, named);
            txn_del(t, TABLE_NAMED, slice_make(named, sizeof(named)));
        }
        walk_del(&w);
    }
    walk_end(&w);
}

void members_forget(struct txn *t, const uint8_t *group)
{
    drop(t, TABLE_MEMBER, group);
}

void told_forget(struct txn *t, const uint8_t *group)
{
    drop(t, TABLE_TOLD, group);
}
