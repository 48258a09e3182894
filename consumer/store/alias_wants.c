#include "alias_wants.h"

#include "objects.h"

#define KEY 16

struct row {
    uint64_t order;
    struct slice alias;
};

static struct slice key_of(const uint8_t *uuid)
{
    return slice_make(uuid, UUID_BYTES);
}

/* In *a. */
static uint32_t read_rows(struct txn *t, const uint8_t *uuid, struct row **rows, struct arena *a)
{
    struct slice v;
    struct reader r;
    uint32_t n = 0, room;

    *rows = NULL;
    if (txn_count(t, TABLE_ALIAS_WANT) == 0 || !txn_get(t, TABLE_ALIAS_WANT, key_of(uuid), &v))
        return 0;
    room = (uint32_t)(v.len / (8 + 4) + 1);
    *rows = arena_alloc(a, room * sizeof(**rows));
    r = reader_of(arena_copy(a, v.p, v.len));   /* a write may move it */
    while (r.left && n < room) {
        (*rows)[n].order = read_u64(&r);
        (*rows)[n].alias = read_bytes(&r);
        n += !r.bad;
    }
    return n;
}

static void write_rows(struct txn *t, const uint8_t *uuid, const struct row *rows, uint32_t n)
{
    struct buf b = { 0 };

    for (uint32_t i = 0; i < n; i++) {
        buf_u64(&b, rows[i].order);
        buf_bytes(&b, rows[i].alias);
    }
    if (n)
        txn_put(t, TABLE_ALIAS_WANT, key_of(uuid), buf_slice(&b));
    else
        txn_del(t, TABLE_ALIAS_WANT, key_of(uuid));
    buf_free(&b);
}

static void leave_line(struct txn *t, const struct row *row)
{
    uint8_t key[KEY];

    objects_address_key(hash64(row->alias), row->order, key);
    txn_del(t, TABLE_ALIAS_LINE, slice_make(key, KEY));
}

static void join_line(struct store *s, struct txn *t, const uint8_t *uuid, struct row *row)
{
    struct buf value = { 0 };
    uint8_t key[KEY];

    row->order = s->next_oid++;   /* any ascending number does for the order */
    s->dirty = true;
    objects_address_key(hash64(row->alias), row->order, key);
    buf_add(&value, uuid, UUID_BYTES);
    buf_add_slice(&value, row->alias);
    txn_put(t, TABLE_ALIAS_LINE, slice_make(key, KEY), buf_slice(&value));
    buf_free(&value);
}

bool alias_want_set(struct store *s, struct txn *t, const uint8_t *uuid, const struct slice *aliases, uint32_t n)
{
    struct arena a = { 0 };
    struct row *old, *rows;
    uint32_t n_old = read_rows(t, uuid, &old, &a), i = 0;
    bool differs = n != n_old;

    rows = arena_alloc(&a, (n + 1) * sizeof(*rows));
    for (uint32_t k = 0; k < n; k++) {
        for (; i < n_old && slice_cmp(old[i].alias, aliases[k]) < 0; i++)
            leave_line(t, &old[i]);
        if (i < n_old && slice_eq(old[i].alias, aliases[k])) {
            rows[k] = old[i++];
            continue;
        }
        rows[k].alias = aliases[k];
        join_line(s, t, uuid, &rows[k]);
        differs = true;
    }
    for (; i < n_old; i++)
        leave_line(t, &old[i]);
    if (differs)
        write_rows(t, uuid, rows, n);
    arena_free(&a);
    return differs;
}

/* The list of what it wants with one more, or one less. */
static bool change(struct store *s, struct txn *t, const uint8_t *uuid, struct slice alias, bool wants)
{
    struct arena a = { 0 };
    struct slice *aliases, *changed;
    uint32_t n = alias_want_get(t, uuid, &aliases, &a), k = 0, i = 0;
    bool differs;

    changed = arena_alloc(&a, (n + 1) * sizeof(*changed));
    for (; i < n && slice_cmp(aliases[i], alias) < 0; i++)
        changed[k++] = aliases[i];
    if (wants)
        changed[k++] = alias;
    for (; i < n; i++)
        if (!slice_eq(aliases[i], alias))
            changed[k++] = aliases[i];
    differs = alias_want_set(s, t, uuid, changed, k);
    arena_free(&a);
    return differs;
}

bool alias_want_add(struct store *s, struct txn *t, const uint8_t *uuid, struct slice alias)
{
    return change(s, t, uuid, alias, true);
}

bool alias_want_del(struct store *s, struct txn *t, const uint8_t *uuid, struct slice alias)
{
    return change(s, t, uuid, alias, false);
}

uint32_t alias_want_get(struct txn *t, const uint8_t *uuid, struct slice **aliases, struct arena *a)
{
    struct row *rows;
    uint32_t n = read_rows(t, uuid, &rows, a);

    *aliases = arena_alloc(a, (n + 1) * sizeof(**aliases));
    for (uint32_t i = 0; i < n; i++)
        (*aliases)[i] = rows[i].alias;
    return n;
}

bool alias_want_has(struct txn *t, const uint8_t *uuid, struct slice alias)
{
    struct arena a = { 0 };
    struct row *rows;
    uint32_t n = read_rows(t, uuid, &rows, &a);
    bool has = false;

    for (uint32_t i = 0; i < n && !has; i++)
        has = slice_eq(rows[i].alias, alias);
    arena_free(&a);
    return has;
}

bool alias_want_first(struct txn *t, struct slice alias, uint8_t *uuid)
{
    uint8_t prefix[KEY];
    struct slice key, v;
    struct walk w;
    bool found = false;

    if (txn_count(t, TABLE_ALIAS_LINE) == 0)
        return false;
    objects_address_key(hash64(alias), 0, prefix);
    walk_begin(&w, t, TABLE_ALIAS_LINE);
    while (!found && walk_next(&w, slice_make(prefix, KEY), &key, &v) && slice_has_prefix(key, slice_make(prefix, 8)))
        found = v.len > UUID_BYTES && slice_eq(slice_make(v.p + UUID_BYTES, v.len - UUID_BYTES), alias);
    if (found)
        memcpy(uuid, v.p, UUID_BYTES);
    walk_end(&w);
    return found;
}

bool alias_want_next(struct txn *t, struct buf *next, uint8_t *uuid)
{
    struct slice key, v;
    struct walk w;
    bool found;

    walk_begin(&w, t, TABLE_ALIAS_WANT);
    found = walk_next(&w, buf_slice(next), &key, &v) && key.len == UUID_BYTES;
    walk_end(&w);
    if (!found)
        return false;
    memcpy(uuid, key.p, UUID_BYTES);
    buf_reset(next);
    buf_add(next, uuid, UUID_BYTES);
    buf_u8(next, 0);   /* the first above */
    return true;
}
