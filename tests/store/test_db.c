#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(db, .init = fixture_open, .fini = fixture_close, .timeout = 60);

static struct slice text(const char *s)
{
    return slice_of(s);
}

static void put(const char *key, const char *value)
{
    txn_put(txn, TABLE_INVALID, text(key), text(value));
}

static bool has(const char *key, const char *value)
{
    struct slice v;

    return txn_get(txn, TABLE_INVALID, text(key), &v) && slice_eq(v, text(value));
}

static void end(void)
{
    struct err e;

    cr_assert_eq(txn_commit(&txn, &e), 0, "%s", e.text);
    cr_assert_null(txn);
}

Test(db, what_is_committed_is_there_and_what_is_not_is_not)
{
    struct slice v;

    begin();
    put("a", "1");
    cr_assert(has("a", "1"), "a transaction sees its own writes");
    end();
    begin();
    put("a", "2");
    put("b", "2");
    txn_abort(&txn);
    reopen();
    begin();
    cr_assert(has("a", "1"));
    cr_assert(!txn_get(txn, TABLE_INVALID, text("b"), &v));
    cr_assert(txn_del(txn, TABLE_INVALID, text("a")));
    cr_assert(!txn_del(txn, TABLE_INVALID, text("a")));
    end();
    begin();
    cr_assert(!txn_get(txn, TABLE_INVALID, text("a"), &v));
}

Test(db, the_first_error_sticks_and_undoes_all)
{
    struct err e;
    struct slice v;

    begin();
    put("m", "1");
    end();
    begin();
    put("x", "1");
    txn_append(txn, TABLE_INVALID, text("a"), text("1"));   /* not above all that are there */
    cr_assert(txn_failed(txn));
    put("y", "1");
    cr_assert(!txn_get(txn, TABLE_INVALID, text("m"), &v), "a failed transaction answers nothing");
    cr_assert_eq(txn_count(txn, TABLE_INVALID), 0u);
    cr_assert(!txn_del(txn, TABLE_INVALID, text("m")));
    txn_clear(txn, TABLE_INVALID);
    cr_assert_eq(txn_commit(&txn, &e), -1);
    cr_assert_null(txn);
    cr_assert_eq(e.class, ERR_INTERNAL);
    cr_assert_not_null(strstr(e.text, "invalid"), "names the table: %s", e.text);
    begin();
    cr_assert(has("m", "1"));
    cr_assert_eq(txn_count(txn, TABLE_INVALID), 1u);
}

Test(db, counts_bytes_and_rows)
{
    struct slice key, v;

    begin();
    cr_assert(!txn_last(txn, TABLE_INVALID, &key, &v));
    put("abc", "12345");
    cr_assert_eq(txn_bytes(txn), 8u);
    put("abd", "");
    cr_assert_eq(txn_count(txn, TABLE_INVALID), 2u);
    cr_assert(txn_last(txn, TABLE_INVALID, &key, &v));
    cr_assert(slice_eq(key, text("abd")));
    txn_clear(txn, TABLE_INVALID);
    cr_assert_eq(txn_count(txn, TABLE_INVALID), 0u);
}

Test(db, walks_from_a_key_on)
{
    const char *const keys[] = { "a", "b", "ba", "bb", "c" };
    struct slice key, v;
    struct walk w;
    size_t i = 2;

    begin();
    for (size_t k = 0; k < 5; k++)
        put(keys[4 - k], "x");
    walk_begin(&w, txn, TABLE_INVALID);
    while (walk_next(&w, text("b\x01"), &key, &v))
        cr_assert(slice_eq(key, text(keys[i++])));
    walk_end(&w);
    cr_assert_eq(i, 5u);
    walk_begin(&w, txn, TABLE_INVALID);
    cr_assert(!walk_next(&w, text("d"), &key, &v));
    walk_end(&w);
    walk_begin(&w, txn, TABLE_WANT);
    cr_assert(!walk_next(&w, (struct slice){ 0 }, &key, &v), "an empty table");
    walk_end(&w);
}

Test(db, removes_while_it_walks)
{
    struct slice key, v;
    char seen[32] = "";
    struct walk w;

    begin();
    for (const char *k = "abcdefgh"; *k; k++)
        txn_put(txn, TABLE_INVALID, slice_make(k, 1), text("x"));
    walk_begin(&w, txn, TABLE_INVALID);
    while (walk_next(&w, (struct slice){ 0 }, &key, &v)) {
        strncat(seen, key.p, 1);
        if (strchr("abdh", key.p[0]))
            walk_del(&w);
    }
    walk_end(&w);
    cr_assert_str_eq(seen, "abcdefgh");
    cr_assert_eq(txn_count(txn, TABLE_INVALID), 4u);
    cr_assert(has("c", "x"));
}

Test(db, readers_see_what_was_committed_when_they_began)
{
    struct txn *reader;
    struct slice v;

    begin();
    put("a", "1");
    end();
    reader = txn_begin(store->db, DB_READ);
    begin();
    put("a", "2");
    end();
    cr_assert(txn_get(reader, TABLE_INVALID, text("a"), &v));
    cr_assert(slice_eq(v, text("1")));
    txn_abort(&reader);
}

Test(db, nothing_to_read_yet)
{
    struct err e;
    char *nowhere = mem_printf("%s/nowhere", folder);

    cr_assert_null(store_open(nowhere, DB_READ, &e));
    cr_assert_eq(e.class, ERR_NOTFOUND, "%s", e.text);
    cr_assert_neq(access(nowhere, F_OK), 0, "looking makes nothing");
    cr_assert_neq(db_snapshot(nowhere, folder, &e), 0);
    cr_assert_eq(e.class, ERR_NOTFOUND);
    free(nowhere);
}

Test(db, a_snapshot_is_the_state_as_it_was)
{
    char *to = mem_printf("%s/copy", folder);
    char *inside = mem_printf("%s/copy/data.mdb", folder);
    struct store *copy;
    struct txn *t;
    struct slice v;
    struct err e;

    begin();
    put("a", "1");
    end();
    store_close(&store);   /* LMDB forbids to open an environment twice in one process */
    cr_assert_eq(mkdir(to, 0700), 0);
    cr_assert_eq(db_snapshot(folder, to, &e), 0, "%s", e.text);
    cr_assert_neq(db_snapshot(folder, to, &e), 0, "not into one that is not empty");
    copy = store_open(to, DB_WRITE, &e);
    cr_assert_not_null(copy, "%s", e.text);
    t = store_begin(copy);
    cr_assert(txn_get(t, TABLE_INVALID, text("a"), &v));
    txn_put(t, TABLE_INVALID, text("b"), text("1"));
    cr_assert_eq(store_commit(copy, &t, &e), 0);
    store_close(&copy);
    store = store_open(folder, DB_READ, &e);
    cr_assert_not_null(store);
    t = txn_begin(store->db, DB_READ);
    cr_assert(!txn_get(t, TABLE_INVALID, text("b"), &v), "the copy is its own");
    txn_abort(&t);
    free(to);
    free(inside);
}

Test(db, a_format_of_another_version_is_refused)
{
    struct buf b = { 0 };
    struct err e;

    begin();
    buf_u32(&b, STORE_VERSION + 1);
    meta_put(txn, "version", NULL, buf_slice(&b));
    commit();
    buf_free(&b);
    store_close(&store);
    cr_assert_null(store_open(folder, DB_WRITE, &e));
    cr_assert_eq(e.class, ERR_DATA, "%s", e.text);
    cr_assert_null(store_open(folder, DB_READ, &e));
    cr_assert_eq(e.class, ERR_DATA);
}

Test(db, meta_rows)
{
    struct slice v;

    begin();
    cr_assert(!meta_get(txn, "cookie", "account", &v));
    meta_put(txn, "cookie", "account", text("x"));
    meta_put(txn, "cookie", "group", text("y"));
    commit();
    reopen();
    begin();
    cr_assert(meta_get(txn, "cookie", "account", &v));
    cr_assert(slice_eq(v, text("x")));
    meta_put(txn, "cookie", "account", (struct slice){ 0 });
    cr_assert(!meta_get(txn, "cookie", "account", &v));
    cr_assert(meta_get(txn, "cookie", "group", &v));
}
