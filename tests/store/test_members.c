/* Members of groups, and objects by their DN. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit.h"
#include "fixture.h"
#include "load.h"
#include "member.h"
#include "members.h"

static void open_with_dns(void)
{
    struct err e;

    fixture_open();
    cr_assert_eq(load_dns(store, NULL, &e), 0, "%s", e.text);
}

TestSuite(members, .init = open_with_dns, .fini = fixture_close, .timeout = 60);

static struct object *at(int uuid, const char *address, const char *dn, const char *stamp)
{
    struct object *o = make(uuid, address, FIELD_NONE, NULL);

    o->dn = slice_of(dn);
    o->stamp = slice_of(stamp);
    return o;
}

static int by_dn(const char *ref)
{
    struct object o;

    return objects_by_dn(txn, slice_of(ref), &o, &arena) ? o.uuid[0] : 0;
}

static object_id put(const struct object *o)
{
    struct object old;
    object_id id = objects_get(txn, o->uuid, &old, &arena);

    return objects_put(store, txn, id, id ? &old : NULL, o);
}

Test(members, objects_are_found_by_dn)
{
    struct object *ann = at(1, "ann@x", "UID=Ann, dc=x", "20261124074955Z");

    begin();
    put(ann);
    cr_expect_eq(by_dn("duid=ann,dc=x"), 1);
    cr_expect_eq(by_dn("duid=bob,dc=x"), 0);
    put(at(1, "ann@x", "uid=bob,dc=x", "20261124074955Z"));
    cr_expect_eq(by_dn("duid=ann,dc=x"), 0);
    cr_expect_eq(by_dn("duid=bob,dc=x"), 1);
    commit();
    reopen();
    begin();
    ann = at(1, "ann@x", "uid=bob,dc=x", "20261124074955Z");
    ann->state = OBJECT_GONE;
    put(ann);
    cr_expect_eq(by_dn("duid=bob,dc=x"), 0, "what is gone stands nowhere");
    objects_remove(store, txn, objects_find(txn, ann->uuid, NULL), ann);
    cr_expect_eq(txn_count(txn, TABLE_DN), 0);
    commit();
}

Test(members, of_two_at_one_dn_the_newer_counts)
{
    begin();
    put(at(1, "ann@x", "uid=ann,dc=x", "20261124074957Z"));
    put(at(2, "bob@x", "uid=ann,dc=x", "20261124074956Z"));
    cr_expect_eq(by_dn("duid=ann,dc=x"), 1);
    put(at(2, "bob@x", "uid=ann,dc=x", "20261124074958Z"));
    cr_expect_eq(by_dn("duid=ann,dc=x"), 2);
    commit();
}

Test(members, what_is_no_dn_stands_nowhere)
{
    begin();
    put(at(1, "ann@x", "nonsense", "20261124074957Z"));
    cr_expect_eq(txn_count(txn, TABLE_DN), 0);
    put(at(1, "ann@x", "uid=ann,dc=x", "20261124074957Z"));
    cr_expect_eq(by_dn("duid=ann,dc=x"), 1);
    commit();
}

static const uint8_t *group(int i)
{
    return uuid_of(100 + i);
}

static int named_by(const char *ref)
{
    struct buf next = { 0 };
    uint8_t uuid[UUID_BYTES];
    int all = 0;

    while (members_named_next(txn, slice_of(ref), &next, uuid))
        all = all * 10 + uuid[0] - 100;
    buf_free(&next);
    return all;
}

Test(members, references_and_who_names_them)
{
    struct slice address, *refs;

    begin();
    members_put(txn, group(2), slice_of("duid=ann,dc=x"), slice_of(""));
    members_put(txn, group(1), slice_of("duid=bob,dc=x"), slice_of("bob@x"));
    members_put(txn, group(1), slice_of("duid=ann,dc=x"), slice_of("ann@x"));
    members_put(txn, group(1), slice_of("ame@else"), slice_of("me@else"));
    cr_expect_eq(named_by("duid=ann,dc=x"), 12);
    cr_expect_eq(named_by("duid=bob,dc=x"), 1);
    cr_expect_eq(named_by("ame@else"), 0, "an address waits for nobody");
    cr_assert(members_get(txn, group(1), slice_of("duid=ann,dc=x"), &address));
    cr_expect(slice_eq(address, slice_of("ann@x")));
    members_put(txn, group(1), slice_of("duid=ann,dc=x"), slice_of("ann2@x"));
    cr_assert(members_get(txn, group(1), slice_of("duid=ann,dc=x"), &address));
    cr_expect(slice_eq(address, slice_of("ann2@x")));
    cr_assert_eq(members_refs(txn, group(1), &arena, &refs), 3);
    cr_expect(slice_eq(refs[0], slice_of("ame@else")) && slice_eq(refs[2], slice_of("duid=bob,dc=x")));
    members_del(txn, group(1), slice_of("duid=ann,dc=x"));
    members_del(txn, group(1), slice_of("duid=nobody"));
    cr_expect_eq(named_by("duid=ann,dc=x"), 2);
    cr_expect_not(members_get(txn, group(1), slice_of("duid=ann,dc=x"), &address));
    commit();
}

Test(members, are_walked_in_order_with_writes_between)
{
    struct buf next = { 0 };
    struct slice ref, address;
    int n = 0;

    begin();
    for (int i = 0; i < 300; i++) {
        char text[32];

        snprintf(text, sizeof(text), "duid=u%03d,dc=x", i);
        members_put(txn, group(1), slice_of(text), slice_of(""));
    }
    members_put(txn, group(2), slice_of("duid=u000,dc=x"), slice_of(""));
    while (members_next(txn, group(1), &next, &ref, &address, &arena)) {
        cr_assert_eq(atoi(ref.p + 6), n++);
        members_put(txn, group(1), ref, slice_of("a@x"));
    }
    cr_expect_eq(n, 300);
    buf_free(&next);
    commit();
}

Test(members, what_was_told)
{
    struct buf next = { 0 };
    struct slice address;
    uint32_t live;

    begin();
    cr_expect_not(told_any(txn, group(1), false));
    cr_expect_not(told_get(txn, group(1), slice_of("a@x"), &live));
    told_put(txn, group(1), slice_of("b@x"), 0);
    cr_expect(told_any(txn, group(1), false));
    cr_expect_not(told_any(txn, group(1), true));
    told_put(txn, group(1), slice_of("a@x"), 70000);
    told_put(txn, group(2), slice_of("c@x"), 1);
    cr_expect(told_any(txn, group(1), true));
    cr_assert(told_get(txn, group(1), slice_of("a@x"), &live) && live == 70000);
    cr_assert(told_next(txn, group(1), &next, &address, &live, &arena) && slice_eq(address, slice_of("a@x")));
    cr_assert(told_next(txn, group(1), &next, &address, &live, &arena) && slice_eq(address, slice_of("b@x")) && live == 0);
    cr_assert_not(told_next(txn, group(1), &next, &address, &live, &arena));
    told_del(txn, group(1), slice_of("a@x"));
    cr_expect_not(told_get(txn, group(1), slice_of("a@x"), &live));
    buf_free(&next);
}

Test(members, a_group_that_is_no_more_leaves_nothing)
{
    struct buf next = { 0 };
    uint8_t uuid[UUID_BYTES];

    begin();
    for (int i = 1; i < 4; i++) {
        members_put(txn, group(i), slice_of("duid=ann,dc=x"), slice_of("ann@x"));
        members_put(txn, group(i), slice_of("duid=bob,dc=x"), slice_of("bob@x"));
        told_put(txn, group(i), slice_of("ann@x"), 1);
        told_put(txn, group(i), slice_of("bob@x"), 1);
    }
    members_forget(txn, group(2));
    told_forget(txn, group(2));
    cr_expect_eq(named_by("duid=ann,dc=x"), 13);
    cr_expect_eq(txn_count(txn, TABLE_MEMBER), 4);
    cr_expect_eq(txn_count(txn, TABLE_NAMED), 4);
    cr_expect_eq(txn_count(txn, TABLE_TOLD), 4);
    cr_assert(members_group_next(txn, &next, uuid) && uuid[0] == 101);
    cr_assert(members_group_next(txn, &next, uuid) && uuid[0] == 103);
    cr_assert_not(members_group_next(txn, &next, uuid));
    buf_free(&next);
}

Test(members, the_longest_fit)
{
    char ref[MEMBER_REF_MAX], address[320];
    uint32_t live;
    struct slice a;

    memset(ref, 'd', sizeof(ref));
    memset(address, 'a', sizeof(address));
    begin();
    members_put(txn, group(1), slice_make(ref, sizeof(ref)), slice_make(address, sizeof(address)));
    told_put(txn, group(1), slice_make(address, sizeof(address)), 1);
    cr_expect(members_get(txn, group(1), slice_make(ref, sizeof(ref)), &a) && a.len == 320);
    cr_expect(told_get(txn, group(1), slice_make(address, sizeof(address)), &live));
    cr_expect_not(told_get(txn, group(1), slice_make(address, sizeof(address) - 1), &live));
    cr_expect_not(txn_failed(txn));
}

/* The rows of an index as one value. */
static uint64_t rows_of(enum table table)
{
    struct buf all = { 0 };
    struct slice key, v;
    struct walk w;
    uint64_t h;

    walk_begin(&w, txn, table);
    while (walk_next(&w, (struct slice){ 0 }, &key, &v))
        buf_bytes(&all, key);
    walk_end(&w);
    h = hash64(buf_slice(&all));
    buf_free(&all);
    return h;
}

static void put_world(bool loading)
{
    struct load *l = loading ? load_begin(store, txn) : NULL;

    for (int i = 1; i < 100; i++) {
        char *dn = arena_alloc(&arena, 64), *address = arena_alloc(&arena, 64), ref[64];
        struct object *o;

        snprintf(dn, 64, "UID=u%d, dc=x", i);
        snprintf(address, 64, "u%d@x", i);
        snprintf(ref, sizeof(ref), "duid=u%d,dc=x", i);
        o = at(i, address, dn, "20261124074955Z");
        if (loading) {
            cr_assert_neq(load_add(l, store, txn, o), 0);
            members_load(txn, group(i % 3), slice_of(ref));
            members_load(txn, group(i % 3), slice_of("ame@else"));
        } else {
            put(o);
            members_put(txn, group(i % 3), slice_of(ref), slice_of(""));
            members_put(txn, group(i % 3), slice_of("ame@else"), slice_of(""));
        }
    }
    load_free(&l);
}

Test(members, a_load_builds_the_same_indexes)
{
    uint64_t dn, named;
    struct err e;

    begin();
    put_world(false);
    dn = rows_of(TABLE_DN);
    named = rows_of(TABLE_NAMED);
    cr_expect_eq(txn_count(txn, TABLE_NAMED), 99);
    commit();
    fixture_close();
    open_with_dns();
    begin();
    put_world(true);
    cr_assert_eq(store_commit(store, &txn, &e), 0);
    cr_assert_eq(load_build(store, NULL, &e), 0, "%s", e.text);
    begin();
    cr_expect_eq(rows_of(TABLE_DN), dn);
    cr_expect_eq(rows_of(TABLE_NAMED), named);
    commit();
}

Test(members, dns_are_indexed_from_when_they_are_needed)
{
    struct err e;

    fixture_close();
    fixture_open();
    begin();
    put(at(1, "ann@x", "uid=ann,dc=x", "20261124074957Z"));
    cr_expect_eq(txn_count(txn, TABLE_DN), 0);
    commit();
    cr_assert_eq(load_dns(store, NULL, &e), 0, "%s", e.text);
    cr_assert_eq(load_dns(store, NULL, &e), 0, "as often as one likes");
    reopen();
    begin();
    cr_expect_eq(by_dn("duid=ann,dc=x"), 1);
    put(at(2, "bob@x", "uid=bob,dc=x", "20261124074957Z"));
    cr_expect_eq(by_dn("duid=bob,dc=x"), 2);
    commit();
}
