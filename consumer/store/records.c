#include "records.h"

#include <stdlib.h>

#include "mem.h"

#define ROW_VERSION 2

static void uuid_key(struct buf *key, const char *sink, const uint8_t *uuid)
{
    sink_key(key, sink);
    buf_add(key, uuid, UUID_BYTES);
}

static void number_key(struct buf *key, const char *sink, uint64_t number, const uint8_t *uuid)
{
    sink_key(key, sink);
    buf_u64(key, number);
    buf_add(key, uuid, UUID_BYTES);
}

static bool decode(struct slice value, struct record *r)
{
    struct reader in = reader_of(value);
    uint8_t version = read_u8(&in);

    if (version < 1 || version > ROW_VERSION)
        return false;
    r->due_ms = (int64_t)read_u64(&in);
    r->since_ms = (int64_t)read_u64(&in);
    r->address = read_bytes(&in);
    r->bytes = read_bytes(&in);
    r->also = r->why = (struct slice){ "", 0 };
    if (version > 1) {
        r->also = read_bytes(&in);
        r->why = read_bytes(&in);
    }
    return !in.bad;
}

static bool find(struct txn *t, const char *sink, const uint8_t *uuid, struct record *r)
{
    struct buf key = { 0 };
    struct slice v;
    bool found;

    uuid_key(&key, sink, uuid);
    found = txn_get(t, TABLE_RECORD, buf_slice(&key), &v) && decode(v, r);
    memcpy(r->uuid, uuid, UUID_BYTES);
    buf_free(&key);
    return found;
}

static void copy_slices(struct record *r, struct arena *a)
{
    r->address = arena_copy(a, r->address.p, r->address.len);
    r->bytes = arena_copy(a, r->bytes.p, r->bytes.len);
    r->also = arena_copy(a, r->also.p, r->also.len);
    r->why = arena_copy(a, r->why.p, r->why.len);
}

bool record_get(struct txn *t, const char *sink, const uint8_t *uuid, struct record *r, struct arena *a)
{
    if (!find(t, sink, uuid, r))
        return false;
    copy_slices(r, a);
    return true;
}

bool record_leads_to(const struct record *r, struct slice address)
{
    struct reader also = reader_of(r->also);
    bool found = slice_eq(r->address, address);

    while (!found && also.left && !also.bad)
        found = slice_eq(read_bytes(&also), address);
    return found;
}

bool record_at(struct txn *t, const char *sink, struct slice address, uint8_t *uuid)
{
    static const uint8_t zero[UUID_BYTES];
    struct buf key = { 0 };
    struct slice k, v;
    struct record r;
    struct walk w;
    bool found = false;

    number_key(&key, sink, hash64(address), zero);
    walk_begin(&w, t, TABLE_RECORD_ADDRESS);
    while (!found && walk_next(&w, buf_slice(&key), &k, &v) &&
           slice_has_prefix(k, slice_make(key.p, key.len - UUID_BYTES)) && k.len == key.len) {
        memcpy(uuid, k.p + k.len - UUID_BYTES, UUID_BYTES);
        found = find(t, sink, uuid, &r) && record_leads_to(&r, address);
    }
    walk_end(&w);
    buf_free(&key);
    return found;
}

static void index_address(struct txn *t, const char *sink, const struct record *r, uint64_t hash, bool add)
{
    struct buf key = { 0 };

    number_key(&key, sink, hash, r->uuid);
    if (add)
        txn_put(t, TABLE_RECORD_ADDRESS, buf_slice(&key), (struct slice){ "", 0 });
    else
        txn_del(t, TABLE_RECORD_ADDRESS, buf_slice(&key));
    buf_free(&key);
}

/* All hashes first: a row as it was read is valid until something is written. */
static void index_addresses(struct txn *t, const char *sink, const struct record *r, bool add)
{
    struct reader also = reader_of(r->also), hashes;
    struct buf all = { 0 };

    buf_u64(&all, hash64(r->address));
    while (also.left && !also.bad)
        buf_u64(&all, hash64(read_bytes(&also)));
    hashes = reader_of(buf_slice(&all));
    while (hashes.left)
        index_address(t, sink, r, read_u64(&hashes), add);
    buf_free(&all);
}

static void unindex(struct txn *t, const char *sink, const struct record *r)
{
    struct buf key = { 0 };

    index_addresses(t, sink, r, false);
    if (r->due_ms) {
        number_key(&key, sink, (uint64_t)r->due_ms, r->uuid);
        txn_del(t, TABLE_RECORD_DUE, buf_slice(&key));
        sink_row_count_due(t, sink, -1);
    }
    buf_free(&key);
}

static void index_record(struct txn *t, const char *sink, const struct record *r)
{
    struct buf key = { 0 };

    index_addresses(t, sink, r, true);
    if (r->due_ms) {
        number_key(&key, sink, (uint64_t)r->due_ms, r->uuid);
        txn_put(t, TABLE_RECORD_DUE, buf_slice(&key), (struct slice){ "", 0 });
        sink_row_count_due(t, sink, 1);
    }
    buf_free(&key);
}

static void put(struct txn *t, const char *sink, const struct record *r)
{
    struct buf key = { 0 }, value = { 0 };

    buf_u8(&value, ROW_VERSION);
    buf_u64(&value, (uint64_t)r->due_ms);
    buf_u64(&value, (uint64_t)r->since_ms);
    buf_bytes(&value, r->address);
    buf_bytes(&value, r->bytes);
    buf_bytes(&value, r->also);
    buf_bytes(&value, r->why);
    uuid_key(&key, sink, r->uuid);
    txn_put(t, TABLE_RECORD, buf_slice(&key), buf_slice(&value));
    buf_free(&key);
    buf_free(&value);
}

void record_put(struct txn *t, const char *sink, const struct record *r, int64_t now_ms)
{
    struct record new = *r, old;
    struct arena a = { 0 };

    new.since_ms = new.due_ms ? now_ms : 0;
    new.why = (struct slice){ "", 0 };
    if (record_get(t, sink, r->uuid, &old, &a)) {
        if (old.due_ms == new.due_ms) {
            new.since_ms = old.since_ms;
            new.why = old.why;
        }
        unindex(t, sink, &old);
    }
    put(t, sink, &new);
    index_record(t, sink, &new);
    arena_free(&a);
}

void record_why(struct txn *t, const char *sink, const uint8_t *uuid, struct slice why)
{
    struct arena a = { 0 };
    struct record r;

    if (record_get(t, sink, uuid, &r, &a)) {
        r.why = why;
        put(t, sink, &r);
    }
    arena_free(&a);
}

bool record_del(struct txn *t, const char *sink, const uint8_t *uuid)
{
    struct buf key = { 0 };
    struct record old;

    if (!find(t, sink, uuid, &old))
        return false;
    unindex(t, sink, &old);
    uuid_key(&key, sink, uuid);
    txn_del(t, TABLE_RECORD, buf_slice(&key));
    buf_free(&key);
    return true;
}

bool record_next(struct txn *t, const char *sink, struct buf *next, struct record *r, struct arena *a)
{
    struct buf prefix = { 0 };
    struct slice key, v;
    struct walk w;
    bool found;

    sink_key(&prefix, sink);
    if (next->len == 0)
        buf_add_slice(next, buf_slice(&prefix));
    walk_begin(&w, t, TABLE_RECORD);
    found = walk_next(&w, buf_slice(next), &key, &v) && slice_has_prefix(key, buf_slice(&prefix)) &&
            key.len == prefix.len + UUID_BYTES && decode(v, r);
    walk_end(&w);
    if (found) {
        memcpy(r->uuid, key.p + prefix.len, UUID_BYTES);
        copy_slices(r, a);
        buf_reset(next);
        buf_add_slice(next, key);
        buf_u8(next, 0);
    }
    buf_free(&prefix);
    return found;
}

bool record_due_next(struct txn *t, const char *sink, int64_t *due_ms, uint8_t *uuid)
{
    struct buf from = { 0 };
    struct slice key, v;
    struct walk w;
    size_t prefix;
    bool found;

    number_key(&from, sink, (uint64_t)*due_ms, uuid);
    prefix = from.len - UUID_BYTES - 8;
    buf_u8(&from, 0);   /* the first above */
    walk_begin(&w, t, TABLE_RECORD_DUE);
    found = walk_next(&w, buf_slice(&from), &key, &v) && slice_has_prefix(key, slice_make(from.p, prefix)) &&
            key.len == prefix + 8 + UUID_BYTES;
    walk_end(&w);
    if (found) {
        struct reader r = reader_of(slice_make(key.p + prefix, 8));

        *due_ms = (int64_t)read_u64(&r);
        memcpy(uuid, key.p + prefix + 8, UUID_BYTES);
    }
    buf_free(&from);
    return found;
}

bool record_anywhere(struct txn *t, const uint8_t *uuid)
{
    struct buf next = { 0 };
    struct slice name;
    struct record r;
    uint64_t position;
    bool found = false;

    while (!found && sink_position_next(t, &next, &name, &position)) {
        char *text = mem_printf("%.*s", SLICE_ARG(name));

        found = find(t, text, uuid, &r);
        free(text);
    }
    buf_free(&next);
    return found;
}

/* Moves the due time of one record. */
static void move(struct txn *t, const char *sink, const uint8_t *uuid, int64_t delta_ms, const int64_t *again_ms)
{
    struct arena a = { 0 };
    struct record r;

    if (record_get(t, sink, uuid, &r, &a)) {
        unindex(t, sink, &r);
        r.due_ms = again_ms ? *again_ms + (r.due_ms - r.since_ms) : r.due_ms + delta_ms;
        r.since_ms = again_ms ? *again_ms : r.since_ms + delta_ms;
        if (r.due_ms <= 0)
            r.due_ms = 1;   /* 0 would be none */
        put(t, sink, &r);
        index_record(t, sink, &r);
    }
    arena_free(&a);
}

static size_t move_sink(struct txn *t, const char *sink, int64_t delta_ms, const int64_t *again_ms)
{
    uint8_t uuid[UUID_BYTES] = { 0 };
    struct buf all = { 0 };
    int64_t due = 0;
    size_t n;

    while (record_due_next(t, sink, &due, uuid))   /* first, since what is moved may be met again */
        buf_add(&all, uuid, UUID_BYTES);
    n = all.len / UUID_BYTES;
    for (size_t i = 0; i < n; i++)
        move(t, sink, (const uint8_t *)all.p + i * UUID_BYTES, delta_ms, again_ms);
    buf_free(&all);
    return n;
}

static size_t move_all(struct txn *t, int64_t delta_ms, const int64_t *again_ms)
{
    struct buf next = { 0 };
    struct slice name;
    uint64_t position;
    size_t n = 0;

    while (sink_position_next(t, &next, &name, &position)) {
        char *text = mem_printf("%.*s", SLICE_ARG(name));

        n += move_sink(t, text, delta_ms, again_ms);
        free(text);
    }
    buf_free(&next);
    return n;
}

size_t records_shift(struct txn *t, int64_t delta_ms)
{
    return move_all(t, delta_ms, NULL);
}

size_t records_begin_again(struct txn *t, int64_t now_ms)
{
    return move_all(t, 0, &now_ms);
}

size_t records_drop(struct txn *t, const char *sink)
{
    sink_table_drop(t, TABLE_RECORD_ADDRESS, sink);
    sink_table_drop(t, TABLE_RECORD_DUE, sink);
    return sink_table_drop(t, TABLE_RECORD, sink);
}
