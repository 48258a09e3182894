#include "census.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "wants.h"

void census_drop(struct census *c)
{
    free(c->uuids);
    *c = (struct census){ 0 };
}

void census_begin(struct census *c)
{
    census_drop(c);
    c->open = true;
}

void census_saw(struct census *c, const uint8_t *uuid)
{
    if (!c->open)
        return;
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap + c->cap / 2 : 1024;
        c->uuids = mem_realloc(c->uuids, c->cap * UUID_BYTES);
    }
    memcpy(c->uuids + c->n++ * UUID_BYTES, uuid, UUID_BYTES);
    c->sorted = false;
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, UUID_BYTES);
}

static void sort(struct census *c)
{
    if (!c->sorted && c->n)
        qsort(c->uuids, c->n, UUID_BYTES, compare);
    c->sorted = true;
}

bool census_has(struct census *c, const uint8_t *uuid)
{
    sort(c);
    return c->n && bsearch(uuid, c->uuids, c->n, UUID_BYTES, compare) != NULL;
}

static bool is_of_kind(struct txn *t, struct slice id_value, enum object_kind kind)
{
    uint8_t key[8];
    struct slice bytes;
    struct arena a = { 0 };
    struct object o;
    bool is;

    objects_id_key(objects_id_of(id_value), key);
    is = txn_get(t, TABLE_OBJECT, slice_make(key, sizeof(key)), &bytes) && object_decode(bytes, &o, &a) == 0 &&
         o.kind == kind && o.state != OBJECT_GONE;
    arena_free(&a);
    return is;
}

static bool is_known_otherwise(struct txn *t, const uint8_t *uuid)
{
    struct slice key = slice_make(uuid, UUID_BYTES), v;

    return txn_get(t, TABLE_WANT_UUID, key, &v) || txn_get(t, TABLE_INVALID, key, &v);
}

/* Skips the repetitions of the UUID at i. */
static size_t next_seen(const struct census *c, size_t i)
{
    const uint8_t *at = c->uuids + i * UUID_BYTES;

    for (i++; i < c->n && memcmp(c->uuids + i * UUID_BYTES, at, UUID_BYTES) == 0; i++)
        ;
    return i;
}

/* Whether it waits, or is invalid, as an object of that kind. */
static bool is_known_as(struct txn *t, enum table table, const uint8_t *uuid, enum object_kind kind)
{
    struct arena a = { 0 };
    struct object wanted;
    enum object_kind as;
    bool is;

    if (table == TABLE_INVALID)
        return invalid_kind(t, uuid, &as) && as == kind;
    is = want_get(t, uuid, &wanted, &a) && wanted.kind == kind;
    arena_free(&a);
    return is;
}

static bool is_mirrored_as(struct txn *t, const uint8_t *uuid, enum object_kind kind)
{
    struct slice key = slice_make(uuid, UUID_BYTES), id;

    return txn_get(t, TABLE_UUID, key, &id) && is_of_kind(t, id, kind);
}

/* Those of a table whose keys are UUIDs that are not mirrored as that and were not seen. */
static void absent_in(struct census *c, struct txn *t, enum table table, enum object_kind kind,
                      void (*absent)(void *ctx, const uint8_t *uuid), void *ctx)
{
    struct slice key, value;
    struct walk w;

    walk_begin(&w, t, table);
    while (walk_next(&w, (struct slice){ 0 }, &key, &value)) {
        uint8_t uuid[UUID_BYTES];

        memcpy(uuid, key.p, UUID_BYTES);
        if (!census_has(c, uuid) && !is_mirrored_as(t, uuid, kind) && is_known_as(t, table, uuid, kind))
            absent(ctx, uuid);
    }
    walk_end(&w);
}

void census_end(struct census *c, struct txn *t, enum object_kind kind, void (*absent)(void *ctx, const uint8_t *uuid),
                void (*unknown)(void *ctx, const uint8_t *uuid), void *ctx)
{
    struct slice key, value;
    struct walk w;
    size_t i = 0;
    bool more;

    sort(c);
    walk_begin(&w, t, TABLE_UUID);
    more = walk_next(&w, (struct slice){ 0 }, &key, &value);
    while (more || i < c->n) {
        const uint8_t *seen = i < c->n ? c->uuids + i * UUID_BYTES : NULL;
        int d = !more ? 1 : seen == NULL ? -1 : memcmp(key.p, seen, UUID_BYTES);

        if (d < 0 && is_of_kind(t, value, kind)) {
            uint8_t uuid[UUID_BYTES];

            memcpy(uuid, key.p, UUID_BYTES);
            absent(ctx, uuid);
        }
        if (d > 0 && !is_known_otherwise(t, seen))
            unknown(ctx, seen);
        if (d >= 0)
            i = next_seen(c, i);
        if (d <= 0)
            more = walk_next(&w, (struct slice){ 0 }, &key, &value);
    }
    walk_end(&w);
    absent_in(c, t, TABLE_WANT_UUID, kind, absent, ctx);
    absent_in(c, t, TABLE_INVALID, kind, absent, ctx);
    census_drop(c);
}
