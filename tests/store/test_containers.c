#include <criterion/criterion.h>
#include <lmdb.h>
#include <stdio.h>

#include "containers.h"
#include "fixture.h"

#define PEOPLE "ou=people,dc=example,dc=com"

TestSuite(containers, .init = fixture_open, .fini = fixture_close, .timeout = 60);

static void put(int uuid, const char *dn, bool gone)
{
    struct container c = { .search = 2, .gone = gone, .dn = slice_of(dn), .stamp = slice_of("stamp") };

    memcpy(c.uuid, uuid_of(uuid), UUID_BYTES);
    containers_put(txn, &c);
}

/* The first bytes of the uuids of those with a DN, as digits. */
static int at(const char *dn)
{
    struct buf next = { 0 };
    struct container c;
    int found = 0;

    while (containers_at(txn, slice_of(dn), &next, &c, &arena))
        found = found * 10 + c.uuid[0];
    buf_free(&next);
    return found;
}

Test(containers, are_stored_as_they_are)
{
    struct container c = { .search = 3, .gone = true, .told = true, .absent = true, .lost = true, .sweep = true,
                           .fetch = true, .since_ms = 1234567890123, .dn = slice_of("OU=A B,dc=x"), .stamp = slice_of("2026") };
    struct container got;

    begin();
    memcpy(c.uuid, uuid_of(7), UUID_BYTES);
    containers_put(txn, &c);
    commit();
    reopen();
    begin();
    cr_assert(containers_get(txn, uuid_of(7), &got, &arena));
    cr_assert(got.search == 3 && got.gone && got.told && got.absent && got.lost && got.sweep && got.fetch);
    cr_assert_eq(got.since_ms, 1234567890123);
    cr_assert(slice_eq(got.dn, c.dn) && slice_eq(got.stamp, c.stamp));
    c.told = c.lost = c.fetch = false;
    containers_put(txn, &c);
    cr_assert(containers_get(txn, uuid_of(7), &got, &arena));
    cr_assert(got.gone && !got.told && got.absent && !got.lost && got.sweep && !got.fetch);
    cr_assert(!containers_get(txn, uuid_of(8), &got, &arena));
    commit();
}

Test(containers, are_found_by_dn_as_ldap_compares)
{
    begin();
    put(1, "ou=Sales," PEOPLE, false);
    put(2, "ou=sales, " PEOPLE, true);
    put(3, "ou=north,ou=sales," PEOPLE, false);
    put(4, "this is no dn", false);
    cr_assert_eq(at("OU=SALES," PEOPLE), 12);
    cr_assert_eq(at("ou=north,ou=sales," PEOPLE), 3);
    cr_assert_eq(at(PEOPLE), 0);
    cr_assert_eq(at("this is no dn"), 4);
    put(1, "ou=sold," PEOPLE, false);   /* the old DN finds it no more */
    cr_assert_eq(at("ou=sales," PEOPLE), 2);
    cr_assert_eq(at("ou=sold," PEOPLE), 1);
    containers_del(txn, uuid_of(2));
    containers_del(txn, uuid_of(9));
    cr_assert_eq(at("ou=sales," PEOPLE), 0);
    cr_assert_eq(txn_count(txn, TABLE_CONTAINER), 3u);
    cr_assert_eq(txn_count(txn, TABLE_CONTAINER_DN), 3u);
    commit();
}

Test(containers, are_walked_while_they_change)
{
    struct buf next = { 0 };
    struct container c;
    int seen = 0;

    begin();
    for (int i = 1; i <= 5; i++)
        put(i, "ou=x," PEOPLE, false);
    while (containers_next(txn, &next, &c, &arena)) {
        seen = seen * 10 + c.uuid[0];
        containers_del(txn, uuid_of(c.uuid[0] + 2));
        put(c.uuid[0], "ou=y," PEOPLE, false);
    }
    buf_free(&next);
    cr_assert_eq(seen, 125);
    cr_assert_eq(at("ou=y," PEOPLE), 125);
    commit();
}

/* As an older version left it. */
static void drop_table(const char *name)
{
    MDB_env *env;
    MDB_txn *t;
    MDB_dbi dbi;

    cr_assert_eq(mdb_env_create(&env), 0);
    cr_assert_eq(mdb_env_set_maxdbs(env, 64), 0);
    cr_assert_eq(mdb_env_open(env, folder, 0, 0600), 0);
    cr_assert_eq(mdb_txn_begin(env, NULL, 0, &t), 0);
    cr_assert_eq(mdb_dbi_open(t, name, 0, &dbi), 0);
    cr_assert_eq(mdb_drop(t, dbi, 1), 0);
    cr_assert_eq(mdb_txn_commit(t), 0);
    mdb_env_close(env);
}

Test(containers, are_none_in_a_state_of_an_older_version)
{
    struct buf next = { 0 };
    struct container c;
    struct store *reader;
    struct err e;

    begin();
    put(1, "ou=x," PEOPLE, false);
    commit();
    store_close(&store);
    drop_table("container");
    drop_table("container_dn");
    reader = store_open(folder, DB_READ, &e);
    cr_assert_not_null(reader, "%s", e.text);
    txn = txn_begin(reader->db, DB_READ);
    cr_assert(!containers_get(txn, uuid_of(1), &c, &arena));
    cr_assert(!containers_next(txn, &next, &c, &arena));
    cr_assert_eq(at("ou=x," PEOPLE), 0);
    cr_assert_eq(txn_count(txn, TABLE_CONTAINER), 0u);
    cr_assert_eq(txn_commit(&txn, &e), 0, "%s", e.text);
    store_close(&reader);
    store = store_open(folder, DB_WRITE, &e);   /* whoever writes makes them */
    cr_assert_not_null(store, "%s", e.text);
    begin();
    put(2, "ou=x," PEOPLE, false);
    cr_assert_eq(at("ou=x," PEOPLE), 2);
    commit();
    buf_free(&next);
}
