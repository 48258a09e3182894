/* Who waits for an alias. */
#include <criterion/criterion.h>

#include "alias_wants.h"
#include "fixture.h"
#include "objects.h"

TestSuite(alias_wants, .init = fixture_open, .fini = fixture_close, .timeout = 60);

/* The aliases of `uuid`, ascending: "a@x b@x". */
static bool set(int uuid, const char *words)
{
    struct slice aliases[8];
    uint32_t n = 0;

    for (const char *p = words; *p; n++) {
        size_t len = strcspn(p, " ");

        aliases[n] = slice_make(p, len);
        p += len + (p[len] == ' ');
    }
    return alias_want_set(store, txn, uuid_of(uuid), aliases, n);
}

static int first(const char *alias)
{
    uint8_t uuid[UUID_BYTES];

    return alias_want_first(txn, slice_of(alias), uuid) ? uuid[0] : 0;
}

static void expect_list(int uuid, const char *words)
{
    struct slice *aliases;
    uint32_t n = alias_want_get(txn, uuid_of(uuid), &aliases, &arena);
    struct buf b = { 0 };

    for (uint32_t i = 0; i < n; i++)
        buf_printf(&b, "%s%.*s", i ? " " : "", SLICE_ARG(aliases[i]));
    cr_assert_str_eq(buf_str(&b), words);
    buf_free(&b);
}

Test(alias_wants, first_come_first_served)
{
    begin();
    objects_put(store, txn, 0, NULL, make(1, "one@x", FIELD_NONE, NULL));   /* audit.c: only who is there wants anything */
    objects_put(store, txn, 0, NULL, make(9, "nine@x", FIELD_NONE, NULL));
    cr_assert_eq(first("a@x"), 0);
    cr_assert(!set(3, ""), "nothing, and nothing before");
    cr_assert(set(9, "a@x b@x"));
    cr_assert(set(1, "a@x c@x"));
    cr_assert_eq(first("a@x"), 9);
    cr_assert(!set(9, "a@x b@x"), "the same again is no change");
    cr_assert(set(9, "a@x c@x d@x"));
    cr_assert_eq(first("a@x"), 9, "the place in the line is kept");
    cr_assert_eq(first("b@x"), 0);
    cr_assert_eq(first("c@x"), 1);
    commit();
    reopen();
    begin();
    expect_list(9, "a@x c@x d@x");
    cr_assert(set(9, ""));
    cr_assert_eq(first("a@x"), 1);
    cr_assert_eq(first("d@x"), 0);
    cr_assert_eq(txn_count(txn, TABLE_ALIAS_WANT), 1u);
    cr_assert_eq(txn_count(txn, TABLE_ALIAS_LINE), 2u);
    commit();
}

Test(alias_wants, one_more_and_one_less)
{
    begin();
    objects_put(store, txn, 0, NULL, make(5, "five@x", FIELD_NONE, NULL));
    cr_assert(alias_want_add(store, txn, uuid_of(5), slice_of("m@x")));
    cr_assert(alias_want_add(store, txn, uuid_of(5), slice_of("z@x")));
    cr_assert(alias_want_add(store, txn, uuid_of(5), slice_of("a@x")));
    cr_assert(!alias_want_add(store, txn, uuid_of(5), slice_of("m@x")));
    expect_list(5, "a@x m@x z@x");
    cr_assert(alias_want_has(txn, uuid_of(5), slice_of("m@x")));
    cr_assert(!alias_want_has(txn, uuid_of(6), slice_of("m@x")));
    cr_assert(alias_want_del(store, txn, uuid_of(5), slice_of("m@x")));
    cr_assert(!alias_want_del(store, txn, uuid_of(5), slice_of("m@x")));
    expect_list(5, "a@x z@x");
    commit();
}

Test(alias_wants, all_by_uuid_while_written)
{
    struct buf next = { 0 };
    uint8_t uuid[UUID_BYTES];
    int seen = 0;

    begin();
    for (int i = 9; i > 0; i--)
        set(i, "a@x");
    while (alias_want_next(txn, &next, uuid)) {
        cr_assert_eq(uuid[0], ++seen);
        alias_want_set(store, txn, uuid, NULL, 0);
    }
    cr_assert_eq(seen, 9);
    cr_assert_eq(txn_count(txn, TABLE_ALIAS_LINE), 0u);
    buf_free(&next);
    commit();
}
