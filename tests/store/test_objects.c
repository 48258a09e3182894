#include <criterion/criterion.h>
#include <stdio.h>

#include "audit.h"
#include "fixture.h"
#include "load.h"
#include "objects.h"

TestSuite(objects, .init = fixture_open, .fini = fixture_close, .timeout = 60);
TestSuite(load, .init = fixture_open, .fini = fixture_close, .timeout = 60);

static object_id put(const struct object *o)
{
    struct object old;
    object_id id = objects_get(txn, o->uuid, &old, &arena);

    return objects_put(store, txn, id, id ? &old : NULL, o);
}

static int owner(const char *address, bool *is_alias)
{
    uint8_t uuid[UUID_BYTES];
    bool alias;

    return objects_owner(txn, slice_of(address), uuid, is_alias ? is_alias : &alias) ? uuid[0] : 0;
}

static void expect_same(const struct object *o)
{
    struct object read;

    cr_assert_neq(objects_get(txn, o->uuid, &read, &arena), 0);
    cr_assert(same_object(&read, o));
}

Test(objects, come_back_as_they_were_put)
{
    struct object *ann = make(1, "ann@x", FIELD_CONTACT_FIRST_NAME, "Ann", FIELD_NONE, "a1@x", "a2@x", NULL);
    struct object *bob = make(2, "bob@x", FIELD_NONE, NULL);

    begin();
    cr_assert_eq(put(ann), 1);
    cr_assert_eq(put(bob), 2);
    commit();
    reopen();
    begin();
    expect_same(ann);
    expect_same(bob);
    cr_assert_eq(objects_find(txn, uuid_of(3), NULL), 0);
    cr_assert_eq(store->objects[OBJECT_ACCOUNT], 2);
    cr_assert_eq(store->with_field[FIELD_CONTACT_FIRST_NAME], 1);
    cr_assert_eq(store->with_field[FIELD_ALIASES], 1);
}

Test(objects, are_found_by_address_and_alias)
{
    bool alias;

    begin();
    put(make(1, "ann@x", FIELD_NONE, "a1@x", "a2@x", NULL));
    put(make(2, "bob@x", FIELD_NONE, NULL));
    cr_assert_eq(owner("ann@x", &alias), 1);
    cr_assert(!alias);
    cr_assert_eq(owner("a2@x", &alias), 1);
    cr_assert(alias);
    cr_assert_eq(owner("bob@x", NULL), 2);
    cr_assert_eq(owner("ANN@x", NULL), 0);
    cr_assert_eq(owner("", NULL), 0);
    put(make(1, "anna@x", FIELD_NONE, "a2@x", "ann@x", NULL));
    cr_assert_eq(owner("ann@x", &alias), 1);
    cr_assert(alias);
    cr_assert_eq(owner("a1@x", NULL), 0);
    cr_assert_eq(owner("anna@x", NULL), 1);
    commit();
}

Test(objects, that_are_gone_own_nothing_and_count_nothing)
{
    struct object *o = make(1, "ann@x", FIELD_CONTACT_FIRST_NAME, "Ann", FIELD_NONE, "a@x", NULL);

    begin();
    put(o);
    o->state = OBJECT_ORPHAN;
    put(o);
    cr_assert_eq(store->orphans, 1);
    cr_assert_eq(owner("a@x", NULL), 1);
    o->state = OBJECT_GONE;
    put(o);
    cr_assert_eq(owner("ann@x", NULL), 0);
    cr_assert_eq(owner("a@x", NULL), 0);
    cr_assert_eq(store->objects[OBJECT_ACCOUNT] + store->orphans, 0);
    cr_assert_eq(store->with_field[FIELD_CONTACT_FIRST_NAME], 0);
    put(make(2, "ann@x", FIELD_NONE, NULL));
    cr_assert_eq(owner("ann@x", NULL), 2);
    commit();
}

Test(objects, are_removed_with_all_their_rows)
{
    struct object *o = make(1, "ann@x", FIELD_CONTACT_FIRST_NAME, "Ann", FIELD_NONE, "a@x", NULL);
    object_id id;

    begin();
    id = put(o);
    put(make(2, "bob@x", FIELD_NONE, NULL));
    objects_remove(store, txn, id, o);
    commit();
    begin();
    cr_assert_eq(txn_count(txn, TABLE_OBJECT), 1u);
    cr_assert_eq(txn_count(txn, TABLE_ADDRESS), 1u);
    cr_assert_eq(put(o), 3, "a number is not used twice");
    commit();
}

Test(objects, numbers_are_those_of_the_disk_after_a_failed_commit)
{
    struct err e;

    begin();
    put(make(1, "ann@x", FIELD_CONTACT_FIRST_NAME, "Ann", FIELD_NONE, NULL));
    commit();
    begin();
    put(make(2, "bob@x", FIELD_CONTACT_FIRST_NAME, "Bob", FIELD_NONE, NULL));
    store->next_seq = 7;
    txn_append(txn, TABLE_OBJECT, slice_of(""), slice_of("x"));
    cr_assert_neq(store_commit(store, &txn, &e), 0);
    cr_assert_eq(store->objects[OBJECT_ACCOUNT], 1);
    cr_assert_eq(store->with_field[FIELD_CONTACT_FIRST_NAME], 1);
    cr_assert_eq(store->next_seq, 1u);
    cr_assert_eq(store->next_oid, 2u);
    audit_store(store);
    begin();
    put(make(2, "bob@x", FIELD_NONE, NULL));
    store_abort(store, &txn);
    cr_assert_eq(store->objects[OBJECT_ACCOUNT], 1);
    audit_store(store);
}

Test(objects, numbers_survive)
{
    begin();
    put(make(1, "ann@x", field_intern(slice_of("account.zebra")), "x", FIELD_NONE, NULL));
    store->next_seq = 42;
    store->hold_high = 7;
    commit();
    reopen();
    cr_assert_eq(store->next_seq, 42u);
    cr_assert_eq(store->next_oid, 2u);
    cr_assert_eq(store->hold_high, 7u);
    cr_assert_eq(store->wall_ms, (int64_t)1800000000 * 1000);
    cr_assert_eq(store->with_field[field_intern(slice_of("account.zebra"))], 1);
}

/* ---- load ---- */

#define MANY 3000

static struct object *numbered(int i)
{
    struct object *o;
    char *address = arena_alloc(&arena, 64), *alias = arena_alloc(&arena, 64);

    snprintf(address, 64, "u%05d@x", i * 7919 % 100000);
    snprintf(alias, 64, "a%05d@x", i * 7919 % 100000);
    o = make(0, address, FIELD_CONTACT_FIRST_NAME, "Uma", FIELD_NONE, i % 3 ? NULL : alias, NULL);
    snprintf((char *)o->uuid, UUID_BYTES, "%u", (unsigned)i * 2654435761u);
    return o;
}

/* All rows of the tables that a load writes, as one value. */
static uint64_t fingerprint(void)
{
    static const enum table tables[] = { TABLE_OBJECT, TABLE_UUID, TABLE_ADDRESS };
    struct txn *t = txn_begin(store->db, DB_READ);
    struct buf all = { 0 };
    uint64_t h;

    for (size_t i = 0; i < 3; i++) {
        struct slice key, v;
        struct walk w;

        walk_begin(&w, t, tables[i]);
        while (walk_next(&w, (struct slice){ 0 }, &key, &v)) {
            buf_bytes(&all, key);
            buf_bytes(&all, v);
        }
        walk_end(&w);
        buf_puts(&all, "next table");
    }
    txn_abort(&t);
    h = hash64(buf_slice(&all));
    buf_free(&all);
    return h;
}

static uint64_t put_in_place(void)
{
    uint64_t h;

    begin();
    for (int i = 0; i < MANY; i++)
        objects_put(store, txn, 0, NULL, numbered(i));
    commit();
    h = fingerprint();
    fixture_close();
    fixture_open();
    return h;
}

static struct load *load_some(int n)
{
    struct load *l;

    begin();
    l = load_begin(store, txn);
    cr_assert_not_null(l);
    for (int i = 0; i < n; i++)
        cr_assert_eq(load_add(l, store, txn, numbered(i)), (object_id)i + 1);
    return l;
}

static bool is_pending(void)
{
    struct txn *t = txn_begin(store->db, DB_READ);
    bool pending = load_pending(t);

    txn_abort(&t);
    return pending;
}

static void commit_load(void)
{
    struct err e;

    cr_assert_eq(store_commit(store, &txn, &e), 0);
}

Test(load, gives_the_same_as_puts)
{
    uint64_t wanted = put_in_place();
    struct load *l = load_some(MANY);
    struct err e;

    commit_load();
    cr_assert(is_pending());
    cr_assert_eq(load_end(&l, store, NULL, &e), 0, "%s", e.text);
    cr_assert_null(l);
    cr_assert(!is_pending());
    cr_assert_eq(fingerprint(), wanted);
    audit_store(store);
}

Test(load, that_was_interrupted_is_finished)
{
    uint64_t wanted = put_in_place();
    struct load *l = load_some(MANY);
    atomic_bool cancel = true;
    struct err e;

    commit_load();
    load_free(&l);
    store_close(&store);
    store = store_open(folder, DB_WRITE, &e);
    cr_assert(is_pending());
    cr_assert_neq(load_build(store, &cancel, &e), 0);
    cr_assert_eq(e.class, ERR_TEMP);
    cr_assert(is_pending());
    cr_assert_eq(load_build(store, NULL, &e), 0, "%s", e.text);
    cr_assert_eq(fingerprint(), wanted);
    cr_assert_eq(load_build(store, NULL, &e), 0, "as often as one likes");
    cr_assert_eq(fingerprint(), wanted);
    reopen();
}

Test(load, refuses_what_comes_twice)
{
    struct load *l = load_some(3);
    struct object *o = numbered(1);
    struct err e;

    cr_assert_eq(load_add(l, store, txn, o), 0, "the same uuid");
    cr_assert_eq(load_add(l, store, txn, make(1, numbered(2)->address.p, FIELD_NONE, NULL)), 0, "the same address");
    cr_assert_eq(load_add(l, store, txn, make(1, "new@x", FIELD_NONE, numbered(2)->address.p, NULL)), 0,
                 "an alias that is an address");
    cr_assert_eq(load_add(l, store, txn, make(1, numbered(0)->aliases[0].p, FIELD_NONE, NULL)), 0,
                 "an address that is an alias");
    cr_assert_eq(load_add(l, store, txn, make(1, "new@x", FIELD_NONE, NULL)), 4, "what was refused left nothing");
    commit_load();
    cr_assert_eq(load_end(&l, store, NULL, &e), 0);
    audit_store(store);
}

Test(load, only_into_an_empty_state)
{
    begin();
    objects_put(store, txn, 0, NULL, make(1, "ann@x", FIELD_NONE, NULL));
    cr_assert_null(load_begin(store, txn));
    commit();
    cr_assert(!is_pending());
}

Test(load, of_nothing)
{
    struct load *l = load_some(0);
    struct err e;

    commit_load();
    cr_assert_eq(load_end(&l, store, NULL, &e), 0);
    cr_assert(!is_pending());
    audit_store(store);
}
