#include "fixture.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "audit.h"
#include "clock.h"

char folder[64];
struct store *store;
struct txn *txn;
struct arena arena;

static void open_store(void)
{
    struct err e;

    store = store_open(folder, DB_WRITE, &e);
    cr_assert_not_null(store, "%s", e.text);
}

void fixture_open(void)
{
    clock_set_wall_ms((int64_t)1800000000 * 1000);
    snprintf(folder, sizeof(folder), "/tmp/axsync-store-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    open_store();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void fixture_close(void)
{
    if (txn)
        store_abort(store, &txn);
    store_close(&store);
    arena_free(&arena);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void begin(void)
{
    txn = store_begin(store);
}

void commit(void)
{
    struct err e;

    cr_assert_eq(store_commit(store, &txn, &e), 0, "%s", e.text);
    audit_store(store);
}

void reopen(void)
{
    if (txn)
        txn_abort(&txn);
    store_close(&store);
    open_store();
    audit_store(store);
}

const uint8_t *uuid_of(int byte)
{
    static uint8_t uuids[4][UUID_BYTES];
    static unsigned at;

    return memset(uuids[at++ % 4], byte, UUID_BYTES);
}

struct object *make(int uuid, const char *address, ...)
{
    struct object *o = arena_alloc(&arena, sizeof(*o));
    const char *alias;
    va_list ap;
    int field;

    memset(o->uuid, uuid, UUID_BYTES);
    o->dn = slice_of("uid=x,dc=example,dc=com");
    o->stamp = slice_of("20261124074955Z");
    o->address = slice_of(address);
    o->aliases = arena_alloc(&arena, 8 * sizeof(*o->aliases));
    va_start(ap, address);
    while ((field = va_arg(ap, int)) != FIELD_NONE)
        object_set_field(o, (field_id)field, slice_of(va_arg(ap, const char *)));
    while ((alias = va_arg(ap, const char *)) != NULL)
        o->aliases[o->n_aliases++] = slice_of(alias);
    va_end(ap);
    return o;
}

bool same_object(const struct object *x, const struct object *y)
{
    struct buf a = { 0 }, b = { 0 };
    bool same;

    object_encode(x, &a);
    object_encode(y, &b);
    same = slice_eq(buf_slice(&a), buf_slice(&b));
    buf_free(&a);
    buf_free(&b);
    return same;
}

static unsigned long long random_state;

/* One seed in every ordinary run, so that a run says something of the change and not of its luck; others by AXSYNC_TEST_SEED. */
void seed_random(void)
{
    const char *given = getenv("AXSYNC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;

    fprintf(stderr, "AXSYNC_TEST_SEED=%u\n", seed);
    random_state = seed;
}

unsigned random_below(unsigned n)
{
    random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(random_state >> 33) % n;
}
