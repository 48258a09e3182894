#include "load.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "members.h"
#include "step.h"

/* Dirty pages are private memory until the commit: so much of an index goes into one transaction. */
#define INDEX_BYTES_PER_TXN ((size_t)4 << 20)

/* Open addressing over 32 bits of each hash: a false hit, some hundred in a million, costs one look at the indexes later,
 * a wider slot costs memory in every load. 0 marks a free place, so the hash 0 is kept as 1. */
struct hash_set {
    uint32_t *slots;
    size_t size;   /* a power of two */
    size_t used;
};

struct load {
    struct hash_set uuids, addresses;
    struct buf scratch;
};

static size_t slot_of(const struct hash_set *s, uint32_t h)
{
    size_t i = (size_t)h & (s->size - 1);

    while (s->slots[i] != 0 && s->slots[i] != h)
        i = (i + 1) & (s->size - 1);
    return i;
}

static void set_grow(struct hash_set *s)
{
    struct hash_set bigger = { .size = s->size ? s->size * 2 : 1024 };

    bigger.slots = mem_alloc(bigger.size * sizeof(*bigger.slots));
    for (size_t i = 0; i < s->size; i++)
        if (s->slots[i])
            bigger.slots[slot_of(&bigger, s->slots[i])] = s->slots[i];
    bigger.used = s->used;
    free(s->slots);
    *s = bigger;
}

static uint32_t narrow(uint64_t h)
{
    uint32_t n = (uint32_t)(h >> 32);

    return n ? n : 1;
}

static bool set_has(const struct hash_set *s, uint64_t h)
{
    return s->size && s->slots[slot_of(s, narrow(h))] != 0;
}

static void set_add(struct hash_set *s, uint64_t h)
{
    size_t i;

    if (s->used * 4 >= s->size * 3)
        set_grow(s);
    i = slot_of(s, narrow(h));
    if (s->slots[i] == 0)
        s->used++;
    s->slots[i] = narrow(h);
}

struct load *load_begin(struct store *s, struct txn *t)
{
    if (s->next_oid != 1 || txn_count(t, TABLE_OBJECT) != 0 || txn_count(t, TABLE_WANT) != 0)
        return NULL;
    meta_put(t, "loading", NULL, slice_of("1"));
    meta_put(t, "unbound", NULL, slice_of("1"));
    STEP_POINT(load_begin);
    return mem_alloc(sizeof(struct load));
}

object_id load_add(struct load *l, struct store *s, struct txn *t, const struct object *o)
{
    uint64_t uuid = hash64(slice_make(o->uuid, UUID_BYTES)), address = hash64(o->address);
    uint8_t key[8];
    object_id id;

    if (set_has(&l->uuids, uuid) || set_has(&l->addresses, address))
        return 0;
    for (uint32_t i = 0; i < o->n_aliases; i++)
        if (set_has(&l->addresses, hash64(o->aliases[i])))
            return 0;
    set_add(&l->uuids, uuid);
    set_add(&l->addresses, address);
    for (uint32_t i = 0; i < o->n_aliases; i++)
        set_add(&l->addresses, hash64(o->aliases[i]));

    id = s->next_oid++;
    objects_id_key(id, key);
    buf_reset(&l->scratch);
    object_encode(o, &l->scratch);
    txn_append(t, TABLE_OBJECT, slice_make(key, sizeof(key)), buf_slice(&l->scratch));
    objects_count(s, o, 1);
    return id;
}

void load_free(struct load **l)
{
    if (*l == NULL)
        return;
    free((*l)->uuids.slots);
    free((*l)->addresses.slots);
    buf_free(&(*l)->scratch);
    free(*l);
    *l = NULL;
}

int load_end(struct load **l, struct store *s, const atomic_bool *cancel, struct err *e)
{
    load_free(l);   /* its memory makes room for the sort */
    return load_build(s, cancel, e);
}

bool load_pending(struct txn *t)
{
    struct slice v;

    return meta_get(t, "loading", NULL, &v);
}

/* Rows of an index before they are sorted: keys of one width, a value that may be empty. */
struct rows {
    uint8_t *bytes;
    size_t n, cap, width;
};

static uint8_t *rows_add(struct rows *r)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap + r->cap / 2 : 4096;
        r->bytes = mem_realloc(r->bytes, r->cap * r->width);
    }
    return r->bytes + r->n++ * r->width;
}

/* Swaps two rows; width is at most 24. */
static void swap(uint8_t *a, uint8_t *b, size_t width)
{
    uint8_t t[24];

    memcpy(t, a, width);
    memcpy(a, b, width);
    memcpy(b, t, width);
}

static void insertion_sort(uint8_t *rows, size_t n, size_t width)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && memcmp(rows + k * width, rows + (k - 1) * width, width) < 0; k--)
            swap(rows + k * width, rows + (k - 1) * width, width);
}

/* Sorts rows by their bytes from `at` on, in place (American flag sort): qsort(3) would take the memory a second time. */
static void sort(uint8_t *rows, size_t n, size_t width, size_t at)
{
    size_t begin[257] = { 0 }, next[256];

    if (n < 32 || at == width) {
        insertion_sort(rows, n, width);
        return;
    }
    for (size_t i = 0; i < n; i++)
        begin[rows[i * width + at] + 1]++;
    for (int b = 0; b < 256; b++) {
        begin[b + 1] += begin[b];
        next[b] = begin[b];
    }
    for (int b = 0; b < 256; b++)
        while (next[b] < begin[b + 1]) {
            uint8_t of = rows[next[b] * width + at];

            if (of == b)
                next[b]++;
            else
                swap(rows + next[b] * width, rows + next[of]++ * width, width);
        }
    for (int b = 0; b < 256; b++)
        if (begin[b + 1] - begin[b] > 1)
            sort(rows + begin[b] * width, begin[b + 1] - begin[b], width, at + 1);
}

static void collect_uuid(struct rows *r, object_id id, const struct object *o)
{
    uint8_t *row = rows_add(r);

    memcpy(row, o->uuid, UUID_BYTES);
    objects_id_key(id, row + UUID_BYTES);
}

static void collect_addresses(struct rows *r, object_id id, const struct object *o)
{
    objects_address_key(hash64(o->address), id, rows_add(r));
    for (uint32_t i = 0; i < o->n_aliases; i++)
        objects_address_key(hash64(o->aliases[i]), id, rows_add(r));
}

static void collect_dn(struct rows *r, object_id id, const struct object *o)
{
    uint64_t hash;

    if (objects_dn_hash(o, &hash))
        objects_address_key(hash, id, rows_add(r));
}

/* Not from objects but from TABLE_MEMBER: who names what. */
static int collect_named(struct store *s, struct rows *r, struct err *e)
{
    struct txn *t = txn_begin(s->db, DB_READ);
    struct slice key, value;
    struct walk w;

    walk_begin(&w, t, TABLE_MEMBER);
    while (walk_next(&w, (struct slice){ 0 }, &key, &value))
        if (members_is_bound_late(key))
            members_named_key(key, rows_add(r));
    walk_end(&w);
    return txn_commit(&t, e);
}

static int collect(struct store *s, struct rows *r, void (*of)(struct rows *, object_id, const struct object *),
                   struct err *e)
{
    struct txn *t = txn_begin(s->db, DB_READ);
    struct arena a = { 0 };
    struct slice key, value;
    struct walk w;

    r->cap = (size_t)txn_count(t, TABLE_OBJECT) + 1;
    r->bytes = mem_alloc(r->cap * r->width);
    walk_begin(&w, t, TABLE_OBJECT);
    while (walk_next(&w, (struct slice){ 0 }, &key, &value)) {
        struct object o;

        if (object_decode(value, &o, &a) == 0)
            of(r, objects_id_of(key), &o);
        arena_reset(&a);
    }
    walk_end(&w);
    arena_free(&a);
    return txn_commit(&t, e);
}

static int write_rows(struct store *s, const struct rows *r, enum table table, size_t key_width,
                      const atomic_bool *cancel, struct err *e)
{
    size_t i = 0;

    do {
        struct txn *t;

        if (cancel && *cancel)
            return err_set(e, ERR_TEMP, "stopped while the indexes are built; the next start builds them");
        t = store_begin(s);

        if (i == 0)
            txn_clear(t, table);   /* what an interrupted build left */
        for (; i < r->n && txn_bytes(t) < INDEX_BYTES_PER_TXN; i++) {
            const uint8_t *row = r->bytes + i * r->width;

            txn_append(t, table, slice_make(row, key_width), slice_make(row + key_width, r->width - key_width));
        }
        if (store_commit(s, &t, e) != 0)
            return -1;
    } while (i < r->n);
    return 0;
}

/* of NULL: TABLE_NAMED. */
static int build_index(struct store *s, enum table table, size_t key_width, size_t width,
                       void (*of)(struct rows *, object_id, const struct object *),
                       const atomic_bool *cancel, struct err *e)
{
    struct rows r = { .width = width };
    int rc = of ? collect(s, &r, of, e) : collect_named(s, &r, e);

    if (rc == 0) {
        sort(r.bytes, r.n, width, 0);
        rc = write_rows(s, &r, table, key_width, cancel, e);
    }
    free(r.bytes);
    STEP_POINT(load_index);
    return rc;
}

static int build_dns(struct store *s, const atomic_bool *cancel, struct err *e)
{
    return build_index(s, TABLE_DN, 16, 16, collect_dn, cancel, e) != 0 ||
                   build_index(s, TABLE_NAMED, MEMBERS_NAMED_KEY, MEMBERS_NAMED_KEY, NULL, cancel, e) != 0
               ? -1
               : 0;
}

int load_dns(struct store *s, const atomic_bool *cancel, struct err *e)
{
    struct txn *t;

    if (s->has_dns)
        return 0;
    if (build_dns(s, cancel, e) != 0)
        return -1;
    t = store_begin(s);
    meta_put(t, "dn", NULL, slice_of("1"));
    if (store_commit(s, &t, e) != 0)
        return -1;
    s->has_dns = true;
    return 0;
}

int load_build(struct store *s, const atomic_bool *cancel, struct err *e)
{
    struct txn *t;

    if (build_index(s, TABLE_UUID, UUID_BYTES, UUID_BYTES + 8, collect_uuid, cancel, e) != 0 ||
        build_index(s, TABLE_ADDRESS, 16, 16, collect_addresses, cancel, e) != 0 ||
        (s->has_dns && build_dns(s, cancel, e) != 0))
        return -1;
    t = store_begin(s);
    meta_put(t, "loading", NULL, (struct slice){ 0 });
    if (store_commit(s, &t, e) != 0)
        return -1;
    STEP_POINT(load_end);
    return 0;
}
