#include <criterion/criterion.h>
#include <stdio.h>

#include "audit.h"
#include "fixture.h"
#include "objects.h"
#include "pending.h"
#include "wants.h"

/* What is pending must be of something. */
static void begin_with_objects(void)
{
    fixture_open();
    begin();
    for (int i = 1; i < 20; i++) {
        char *address = arena_alloc(&arena, 32);

        snprintf(address, 32, "u%d@x", i);
        objects_put(store, txn, 0, NULL, make(i, address, FIELD_NONE, NULL));
    }
    commit();
    begin();
}

TestSuite(pending, .init = begin_with_objects, .fini = fixture_close, .timeout = 60);

static struct pending row(int uuid, enum pending_what what, enum pending_reason reason, int64_t due)
{
    struct pending p = { .what = what, .reason = reason, .cause = CAUSE_DELETE, .phase = PHASE_PERSIST,
                         .detected_ms = 1000, .due_ms = due };

    memset(p.uuid, uuid, UUID_BYTES);
    return p;
}

static void put(int uuid, enum pending_reason reason, int64_t due)
{
    struct pending p = row(uuid, PENDING_DELETE, reason, due);

    pending_put(store, txn, &p);
}

static void put_held(int uuid, uint32_t hold)
{
    struct pending p = row(uuid, PENDING_DELETE, PENDING_HELD, 0);

    p.hold = hold;
    p.counted = true;
    pending_put(store, txn, &p);
}

static bool get(int uuid, struct pending *p)
{
    return pending_get(txn, uuid_of(uuid), PENDING_DELETE, FIELD_NONE, (struct slice){ 0 }, p, &arena);
}

static void del(int uuid, bool keep_window)
{
    struct pending p;

    cr_assert(get(uuid, &p));
    pending_del(store, txn, &p, keep_window);
}

Test(pending, comes_back_as_it_was_put)
{
    struct pending p = row(1, PENDING_CLEAR, PENDING_WAITING, 5000), read;

    p.kind = OBJECT_GROUP;
    p.field = FIELD_ALIASES;
    p.alias = slice_of("a@x");
    p.address = slice_of("b@x");
    p.answered = p.counted = p.asked = p.suspect = p.again = p.keeps_old = true;
    pending_put(store, txn, &p);
    commit();
    reopen();
    begin();
    cr_assert(pending_get(txn, uuid_of(1), PENDING_CLEAR, FIELD_ALIASES, slice_of("a@x"), &read, &arena));
    cr_assert_arr_eq(read.uuid, p.uuid, UUID_BYTES);
    cr_assert(read.kind == OBJECT_GROUP && read.field == FIELD_ALIASES && read.cause == CAUSE_DELETE &&
              read.phase == PHASE_PERSIST && read.reason == PENDING_WAITING);
    cr_assert(slice_eq(read.alias, slice_of("a@x")) && slice_eq(read.address, slice_of("b@x")));
    cr_assert(read.answered && read.counted && read.asked && read.suspect && read.again && read.keeps_old);
    cr_assert(read.detected_ms == 1000 && read.due_ms == 5000);
    cr_assert(!pending_get(txn, uuid_of(1), PENDING_CLEAR, FIELD_ALIASES, slice_of("b@x"), &read, &arena));
    cr_assert(!pending_get(txn, uuid_of(1), PENDING_CLEAR, FIELD_ALIASES, (struct slice){ 0 }, &read, &arena));
    cr_assert(!pending_get(txn, uuid_of(2), PENDING_CLEAR, FIELD_ALIASES, slice_of("a@x"), &read, &arena));
}

Test(pending, due_in_order)
{
    struct buf next = { 0 };
    struct pending p;
    char seen[32] = "";

    cr_assert_eq(pending_first_due(txn), -1);
    put(1, PENDING_WAITING, 3000);
    put(2, PENDING_WAITING, 1000);
    put(3, PENDING_WAITING, 2000);
    put(4, PENDING_REJECTED, 0);
    put(5, PENDING_WAITING, 3001);
    put(1, PENDING_WAITING, 500);   /* moves */
    cr_assert_eq(pending_first_due(txn), 500);
    while (pending_due_next(txn, 3000, &next, &p, &arena)) {
        snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%d", p.uuid[0]);
        if (p.uuid[0] == 2) {   /* written while walking */
            del(2, false);
            put(6, PENDING_WAITING, 2500);
            put(7, PENDING_WAITING, 400);   /* behind the walk: the next one's */
        }
    }
    buf_free(&next);
    cr_assert_str_eq(seen, "1236");
    commit();
}

Test(pending, walks_while_it_is_written)
{
    struct buf next = { 0 };
    struct pending p;
    int n = 0;

    for (int i = 1; i < 10; i++)
        put(i, PENDING_WAITING, 1000 + i);
    while (pending_next(txn, NULL, &next, &p, &arena)) {
        n++;
        if (p.uuid[0] == 3)
            del(4, false);
        if (p.uuid[0] == 5)
            del(5, false);
        if (p.uuid[0] == 6)
            put(6, PENDING_HELD, 0);
    }
    buf_reset(&next);
    cr_assert_eq(n, 8);
    n = 0;
    while (pending_next(txn, uuid_of(6), &next, &p, &arena))
        n++;
    cr_assert_eq(n, 1);
    buf_reset(&next);
    cr_assert(!pending_next(txn, uuid_of(4), &next, &p, &arena));
    buf_free(&next);
    commit();
}

Test(pending, rows_of_one_uuid)
{
    static const field_id fields[] = { FIELD_CONTACT_FIRST_NAME, FIELD_CONTACT_LAST_NAME };
    struct buf next = { 0 };
    struct pending p = row(1, PENDING_CLEAR, PENDING_WAITING, 1000);
    int n = 0;

    for (size_t i = 0; i < 2; i++) {
        p.field = fields[i];
        pending_put(store, txn, &p);
    }
    put(1, PENDING_WAITING, 2000);
    put(2, PENDING_WAITING, 2000);
    while (pending_next(txn, uuid_of(1), &next, &p, &arena)) {
        cr_assert_eq(p.uuid[0], 1);
        n++;
    }
    buf_free(&next);
    cr_assert_eq(n, 3);
    commit();
}

Test(pending, counts_by_reason_survive)
{
    put(1, PENDING_UNPROVEN, 1000);
    put(2, PENDING_UNPROVEN, 1000);
    put(3, PENDING_WAITING, 1000);
    put(2, PENDING_WAITING, 1000);
    cr_assert_eq(pending_count(store, PENDING_UNPROVEN), 1);
    cr_assert_eq(pending_count(store, PENDING_WAITING), 2);
    cr_assert_eq(store->pending_unanswered, 1);
    commit();
    reopen();
    cr_assert_eq(pending_count(store, PENDING_UNPROVEN), 1);
    cr_assert_eq(pending_count(store, PENDING_WAITING), 2);
    cr_assert_eq(store->pending_unanswered, 1);
    begin();
    del(1, false);
    del(3, false);
    store_abort(store, &txn);
    cr_assert_eq(pending_count(store, PENDING_UNPROVEN), 1, "what was not committed did not happen");
    audit_store(store);
}

Test(pending, holds_count_who_joins_and_who_leaves)
{
    struct pending p;
    struct hold h;

    hold_open(store, txn, &(struct guarded){ .kind = GUARD_ACCOUNT_DELETE, .field = FIELD_NONE }, "too many", 7);
    put_held(1, 7);
    put_held(2, 7);
    put_held(3, 7);
    put_held(2, 7);   /* again: the same row */
    cr_assert(hold_get(txn, 7, &h, &arena));
    cr_assert(h.joined == 3 && h.count == 3 && !h.rejected && slice_eq(h.why, slice_of("too many")));
    cr_assert(get(3, &p));
    cr_assert_eq(p.place, 3u);
    cr_assert(get(2, &p));
    cr_assert_eq(p.place, 2u);
    del(2, false);
    put_held(4, 7);
    cr_assert(hold_get(txn, 7, &h, &arena));
    cr_assert(h.joined == 4 && h.count == 3);
    cr_assert(get(4, &p));
    cr_assert_eq(p.place, 4u, "a place is not given twice");
    put(1, PENDING_APPROVED, 1000);   /* leaves */
    del(3, false);
    cr_assert(hold_find_open(txn, &(struct guarded){ .kind = GUARD_ACCOUNT_DELETE, .field = FIELD_NONE }, &h, &arena));
    del(4, false);
    cr_assert(!hold_get(txn, 7, &h, &arena), "the last one closes the door");
    cr_assert_eq(store->hold_high, 7u);
    commit();
}

Test(pending, a_hold_is_rejected_when_all_in_it_are)
{
    struct pending p;
    struct hold h;

    hold_open(store, txn, &(struct guarded){ .kind = GUARD_ACCOUNT_DELETE, .field = FIELD_NONE }, "", 1);
    put_held(1, 1);
    put_held(2, 1);
    cr_assert(get(1, &p));
    p.reason = PENDING_REJECTED;
    pending_put(store, txn, &p);
    pending_put(store, txn, &p);
    cr_assert(hold_find_open(txn, &(struct guarded){ .kind = GUARD_ACCOUNT_DELETE, .field = FIELD_NONE }, &h, &arena));
    commit();
    begin();
    del(2, false);
    cr_assert(hold_get(txn, 1, &h, &arena));
    cr_assert(h.rejected && h.count == 1);
    cr_assert(!hold_find_open(txn, &(struct guarded){ .kind = GUARD_ACCOUNT_DELETE, .field = FIELD_NONE }, &h, &arena));
    commit();
}

Test(pending, holds_of_different_kinds_and_fields)
{
    uint32_t id = 0;
    struct hold h;

    hold_open(store, txn, &(struct guarded){ .kind = GUARD_CLEAR, .field = FIELD_CONTACT_FIRST_NAME }, "x", 3);
    hold_open(store, txn, &(struct guarded){ .kind = GUARD_CLEAR, .field = FIELD_CONTACT_LAST_NAME }, "y", 9);
    hold_open(store, txn, &(struct guarded){ .kind = GUARD_ACCOUNT_RENAME, .field = FIELD_NONE }, "z", 256);
    cr_assert(hold_find_open(txn, &(struct guarded){ .kind = GUARD_CLEAR, .field = FIELD_CONTACT_LAST_NAME }, &h, &arena));
    cr_assert_eq(h.id, 9u);
    cr_assert(!hold_find_open(txn, &(struct guarded){ .kind = GUARD_CLEAR, .field = FIELD_NONE }, &h, &arena));
    cr_assert(hold_next(txn, &id, &h, &arena) && id == 3 && h.of.field == FIELD_CONTACT_FIRST_NAME);
    cr_assert(hold_next(txn, &id, &h, &arena) && id == 9);
    cr_assert(hold_next(txn, &id, &h, &arena) && id == 256 && h.of.kind == GUARD_ACCOUNT_RENAME);
    cr_assert(!hold_next(txn, &id, &h, &arena));
}

static void put_counted(int uuid, int64_t detected)
{
    struct pending p = row(uuid, PENDING_DELETE, PENDING_WAITING, 9000);

    p.counted = true;
    p.detected_ms = detected;
    pending_put(store, txn, &p);
}

static int64_t counted(void)
{
    return window_count(store, &(struct guarded){ .kind = GUARD_ACCOUNT_DELETE, .field = FIELD_NONE });
}

Test(pending, the_window)
{
    struct pending p;

    put_counted(1, 1000);
    put_counted(2, 2000);
    put_counted(3, 3000);
    put_counted(3, 3000);
    cr_assert_eq(counted(), 3);
    del(1, true);    /* released: still counted */
    cr_assert_eq(counted(), 3);
    del(2, false);   /* came back */
    cr_assert_eq(counted(), 2);
    commit();
    reopen();
    cr_assert_eq(counted(), 2);
    begin();
    cr_assert(get(3, &p));
    window_forget(store, txn, &p);   /* approved */
    cr_assert(!p.counted);
    pending_put(store, txn, &p);
    cr_assert_eq(counted(), 1);
    cr_assert_eq(window_expire(store, txn, 1000), 0u);
    cr_assert_eq(window_expire(store, txn, 1001), 1u);
    cr_assert_eq(counted(), 0);
    commit();
}

Test(pending, the_window_does_not_take_in_again_what_it_has_passed)
{
    struct pending p;

    put_counted(1, 1000);
    window_expire(store, txn, 5000);
    cr_assert(get(1, &p));
    p.asked = true;
    pending_put(store, txn, &p);
    cr_assert_eq(counted(), 0);
    commit();
}

Test(pending, windows_of_fields_are_apart)
{
    struct pending p = row(1, PENDING_CLEAR, PENDING_WAITING, 0);

    p.counted = true;
    p.field = FIELD_CONTACT_FIRST_NAME;
    pending_put(store, txn, &p);
    p.field = FIELD_ALIASES;
    p.alias = slice_of("a@x");
    pending_put(store, txn, &p);
    p.alias = slice_of("b@x");
    pending_put(store, txn, &p);
    cr_assert_eq(window_count(store, &(struct guarded){ .kind = GUARD_CLEAR, .field = FIELD_CONTACT_FIRST_NAME }), 1);
    cr_assert_eq(window_count(store, &(struct guarded){ .kind = GUARD_CLEAR, .field = FIELD_ALIASES }), 2);
    cr_assert_eq(window_count(store, &(struct guarded){ .kind = GUARD_CLEAR, .field = FIELD_CONTACT_LAST_NAME }), 0);
    commit();
    reopen();
    cr_assert_eq(window_count(store, &(struct guarded){ .kind = GUARD_CLEAR, .field = FIELD_ALIASES }), 2);
}

Test(pending, shifts)
{
    struct pending p;

    put_counted(1, 1000);
    put(2, PENDING_REJECTED, 0);
    cr_assert_eq(pending_shift(store, txn, 500), 2u);
    cr_assert(get(1, &p));
    cr_assert(p.detected_ms == 1500 && p.due_ms == 9500 && p.counted);
    cr_assert(get(2, &p));
    cr_assert_eq(p.due_ms, 0);
    cr_assert_eq(counted(), 1);
    cr_assert_eq(pending_first_due(txn), 9500);
    pending_shift(store, txn, -1000);
    cr_assert_eq(pending_first_due(txn), 8500);
    cr_assert_eq(pending_begin_again(store, txn, 100000), 2u);
    cr_assert(get(1, &p));
    cr_assert(p.detected_ms == 100000 && p.due_ms == 108000);
    cr_assert_eq(counted(), 1);
    commit();
    cr_assert_eq(window_expire(store, txn = store_begin(store), 100001), 1u);
    commit();
}

/* ---- removals of members ---- */

static struct pending removal(int uuid, const char *address)
{
    struct pending p = row(uuid, PENDING_MEMBER, PENDING_WAITING, 5000);

    p.kind = OBJECT_GROUP;
    p.field = FIELD_MEMBERS;
    p.alias = slice_of(address);
    p.counted = true;
    return p;
}

static int leaving(const char *address)
{
    struct buf next = { 0 };
    struct pending p;
    int all = 0;

    while (pending_leaving_next(txn, slice_of(address), &next, &p, &arena))
        all = all * 10 + p.uuid[0];
    buf_free(&next);
    return all;
}

static int64_t counted_of(int uuid)
{
    struct guarded of = { .kind = GUARD_MEMBERS };

    memset(of.group, uuid, UUID_BYTES);
    return window_count(store, &of);
}

Test(pending, removals_of_members_are_found_by_address_and_counted_by_group)
{
    struct pending p = removal(1, "ann@x"), other = removal(2, "ann@x"), bob = removal(1, "bob@x");

    pending_put(store, txn, &p);
    pending_put(store, txn, &other);
    pending_put(store, txn, &bob);
    cr_expect_eq(leaving("ann@x"), 12);
    cr_expect_eq(leaving("bob@x"), 1);
    cr_expect_eq(leaving("cat@x"), 0);
    cr_expect_eq(counted_of(1), 2);
    cr_expect_eq(counted_of(2), 1);
    commit();
    reopen();
    begin();
    cr_expect_eq(counted_of(1), 2);
    pending_del(store, txn, &p, true);
    pending_del(store, txn, &other, false);
    cr_expect_eq(leaving("ann@x"), 0);
    cr_expect_eq(counted_of(1), 2, "it was released");
    cr_expect_eq(counted_of(2), 0);
    cr_expect_eq(window_expire(store, txn, 1001), 2);
    cr_expect_eq(counted_of(1), 0);
    commit();
}

Test(pending, a_hold_is_of_one_group)
{
    struct pending p = removal(1, "ann@x"), read;
    struct guarded of = pending_guarded(&p), other = of;
    struct hold h;

    memset(other.group, 2, UUID_BYTES);
    p.hold = hold_open(store, txn, &of, "too many", 7);
    p.reason = PENDING_HELD;
    p.due_ms = 0;
    pending_put(store, txn, &p);
    commit();
    reopen();
    begin();
    cr_assert(hold_find_open(txn, &of, &h, &arena) && h.id == 7 && guarded_same(&h.of, &of));
    cr_expect_not(hold_find_open(txn, &other, &h, &arena));
    cr_assert(pending_get(txn, uuid_of(1), PENDING_MEMBER, FIELD_MEMBERS, slice_of("ann@x"), &read, &arena));
    cr_expect(slice_eq(read.alias, slice_of("ann@x")) && read.field == FIELD_MEMBERS);
}

Test(pending, renames_of_groups_are_not_the_guards)
{
    struct pending p = row(1, PENDING_RENAME, PENDING_WAITING, 5000);

    cr_expect(pending_is_guarded(&p));
    p.kind = OBJECT_GROUP;
    cr_expect_not(pending_is_guarded(&p));
}

/* What becomes a rebind was counted as a deletion, and is not any more; the other of the two stands in the row. */
Test(pending, a_deletion_that_is_a_rebind)
{
    struct guarded of = { .kind = GUARD_REBIND }, deletions = { .kind = GUARD_ACCOUNT_DELETE };
    struct pending p = row(1, PENDING_DELETE, PENDING_WAITING, 5000), read;
    struct hold h;

    p.counted = true;
    pending_put(store, txn, &p);
    cr_assert_eq(window_count(store, &deletions), 1);
    want_put(store, txn, make(40, "u1@x", FIELD_NONE, NULL));
    p.paired = true;
    memcpy(p.pair, uuid_of(40), UUID_BYTES);
    p.counted = false;
    p.reason = PENDING_HELD;
    p.hold = hold_open(store, txn, &of, "who?", 3);
    p.due_ms = 0;
    pending_put(store, txn, &p);
    cr_assert_eq(window_count(store, &deletions), 0);
    commit();
    reopen();
    begin();
    cr_assert(get(1, &read) && read.paired);
    cr_assert_arr_eq(read.pair, uuid_of(40), UUID_BYTES);
    of = pending_guarded(&read);
    cr_assert_eq(of.kind, GUARD_REBIND);
    cr_assert(hold_find_open(txn, &of, &h, &arena) && h.count == 1);
    read.paired = false;
    read.reason = PENDING_WAITING;
    read.hold = 0;
    read.counted = true;
    pending_put(store, txn, &read);
    cr_assert_not(hold_get(txn, 3, &h, &arena));
    cr_assert_eq(window_count(store, &deletions), 1);
}
