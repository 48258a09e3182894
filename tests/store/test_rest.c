/* Wants, invalid entries, the queue, positions of sinks. */
#include <criterion/criterion.h>

#include "fixture.h"
#include "queue.h"
#include "wants.h"

TestSuite(wants, .init = fixture_open, .fini = fixture_close, .timeout = 60);
TestSuite(queue, .init = fixture_open, .fini = fixture_close, .timeout = 60);

static int first(const char *address)
{
    struct object o;

    return want_first(txn, slice_of(address), &o, &arena) ? o.uuid[0] : 0;
}

static void want(int uuid, const char *address)
{
    want_put(store, txn, make(uuid, address, FIELD_NONE, NULL));
}

Test(wants, first_come_first_served)
{
    struct object o;

    begin();
    cr_assert_eq(first("a@x"), 0);
    want(9, "a@x");
    want(1, "a@x");
    want(5, "b@x");
    cr_assert_eq(first("a@x"), 9);
    want_put(store, txn, make(9, "a@x", FIELD_CONTACT_FIRST_NAME, "Zoe", FIELD_NONE, NULL));
    cr_assert_eq(first("a@x"), 9, "new content keeps the place");
    cr_assert(want_get(txn, uuid_of(9), &o, &arena));
    cr_assert(slice_eq(object_field(&o, FIELD_CONTACT_FIRST_NAME), slice_of("Zoe")));
    want(9, "b@x");
    cr_assert_eq(first("a@x"), 1);
    cr_assert_eq(first("b@x"), 5, "another address begins at the end of its line");
    commit();
    reopen();
    begin();
    cr_assert_eq(first("b@x"), 5);
    cr_assert(want_del(txn, uuid_of(5)));
    cr_assert(!want_del(txn, uuid_of(5)));
    cr_assert_eq(first("b@x"), 9);
    cr_assert(!want_get(txn, uuid_of(5), &o, &arena));
    commit();
}

Test(wants, all_by_uuid_while_written)
{
    struct buf next = { 0 };
    struct object o;
    int seen = 0;

    begin();
    for (int i = 9; i > 0; i--)
        want(i, "a@x");
    while (want_next(txn, &next, &o, &arena)) {
        seen = seen * 10 + o.uuid[0];
        want_del(txn, o.uuid);
        if (o.uuid[0] == 3)
            want_del(txn, uuid_of(4));
    }
    buf_free(&next);
    cr_assert_eq(seen, 12356789);
    commit();
}

static int fresh_ones(void)
{
    struct buf next = { 0 };
    uint8_t uuid[UUID_BYTES];
    int seen = 0;

    while (want_fresh_next(txn, &next, uuid))
        seen = seen * 10 + uuid[0];
    buf_free(&next);
    return seen;
}

Test(wants, who_is_fresh)
{
    begin();
    want(1, "a@x");
    want(2, "a@x");
    want(3, "b@x");
    cr_assert_eq(fresh_ones(), 0);
    for (int i = 1; i <= 3; i++)
        want_set_fresh(txn, uuid_of(i), true);
    want(1, "a@x");   /* told again */
    want(2, "c@x");   /* waits for another one: that is a new wait */
    cr_assert_eq(fresh_ones(), 13);
    cr_assert(want_is_fresh(txn, uuid_of(1)) && !want_is_fresh(txn, uuid_of(2)));
    want_del(txn, uuid_of(3));
    commit();
    reopen();
    begin();
    cr_assert_eq(fresh_ones(), 1);
    want_set_fresh(txn, uuid_of(1), false);
    cr_assert_eq(fresh_ones(), 0);
    commit();
}

Test(wants, one_line)
{
    struct buf next = { 0 };
    struct object o;
    int seen = 0;

    begin();
    want(9, "a@x");
    want(5, "b@x");
    want(1, "a@x");
    while (want_line_next(txn, slice_of("a@x"), &next, &o, &arena)) {
        seen = seen * 10 + o.uuid[0];
        want_del(txn, o.uuid);
    }
    buf_free(&next);
    cr_assert_eq(seen, 91);
    commit();
}

Test(wants, invalid_entries)
{
    struct slice dn, reason, stamp;
    struct buf next = { 0 };
    uint8_t uuid[UUID_BYTES];
    enum object_kind kind;
    int n = 0;

    begin();
    cr_assert(!invalid_del(txn, uuid_of(1)));
    invalid_put(txn, uuid_of(1), OBJECT_ACCOUNT, slice_of("uid=a"), slice_of("no mail"), slice_of("1"));
    invalid_put(txn, uuid_of(2), OBJECT_GROUP, slice_of(""), slice_of("no mail"), slice_of(""));
    invalid_put(txn, uuid_of(1), OBJECT_ACCOUNT, slice_of("uid=b"), slice_of("bad mail"), slice_of("2"));
    commit();
    reopen();
    begin();
    cr_assert(invalid_get(txn, uuid_of(1), &dn, &reason, &arena));
    cr_assert(slice_eq(dn, slice_of("uid=b")) && slice_eq(reason, slice_of("bad mail")));
    cr_assert(invalid_stamp(txn, uuid_of(1), &stamp, &arena) && slice_eq(stamp, slice_of("2")));
    cr_assert(invalid_kind(txn, uuid_of(1), &kind) && kind == OBJECT_ACCOUNT);
    cr_assert(invalid_kind(txn, uuid_of(2), &kind) && kind == OBJECT_GROUP);
    txn_put(txn, TABLE_INVALID, slice_make(uuid_of(2), UUID_BYTES), slice_make("\0\0\0\0\0\0\0\0", 8));
    cr_assert(invalid_kind(txn, uuid_of(2), &kind) && kind == OBJECT_ACCOUNT, "of before there were groups");
    cr_assert(invalid_stamp(txn, uuid_of(2), &stamp, &arena) && stamp.len == 0, "… and stamps");
    cr_assert(!invalid_kind(txn, uuid_of(3), &kind));
    cr_assert(!invalid_stamp(txn, uuid_of(3), &stamp, &arena));
    while (invalid_next(txn, &next, uuid, &dn, &reason, &arena))
        cr_assert_eq(uuid[0], ++n);
    buf_free(&next);
    cr_assert_eq(n, 2);
    cr_assert(invalid_del(txn, uuid_of(1)));
    cr_assert(!invalid_get(txn, uuid_of(1), &dn, &reason, &arena));
    commit();
}

static void push(int n)
{
    struct buf scratch = { 0 };

    while (n-- > 0) {
        struct action a = { .time_ms = 1000, .connector = slice_of("corp"), .type = ACTION_ACCOUNT_DELETE,
                            .uuid = uuid_of(1), .address = slice_of("a@x"), .cause = CAUSE_DELETE,
                            .phase = PHASE_PERSIST };

        queue_push(store, txn, &a, &scratch);
        cr_assert_eq(a.seq, queue_last(store));
    }
    buf_free(&scratch);
}

/* Reads after a seq; checks that the lines are those that follow. */
static size_t read_after(uint64_t after, size_t max_bytes, uint64_t *last)
{
    struct buf out = { 0 };
    size_t n = queue_read(txn, after, max_bytes, &out, last);
    const char *p = out.p;

    for (size_t i = 1; i <= n; i++) {
        const char *end = memchr(p, '\n', out.len - (size_t)(p - out.p));

        cr_assert_not_null(end);
        cr_assert_eq(action_line_seq(slice_make(p, (size_t)(end - p))), after + i);
        p = end + 1;
    }
    cr_assert(n == 0 || p == out.p + out.len);
    buf_free(&out);
    return n;
}

Test(queue, numbers_without_gaps_over_kills)
{
    uint64_t last = 0;

    cr_assert_eq(queue_last(store), 0u);
    begin();
    push(3);
    commit();
    begin();
    push(5);
    reopen();   /* killed before the commit */
    begin();
    push(2);
    commit();
    begin();
    push(2);
    store_abort(store, &txn);
    begin();
    push(1);
    commit();
    begin();
    cr_assert_eq(read_after(0, 1 << 20, &last), 6u);
    cr_assert_eq(last, 6u);
    cr_assert_eq(queue_last_stored(txn), 6u);
}

Test(queue, is_read_in_batches)
{
    uint64_t last = 77;
    size_t n;

    begin();
    push(100);
    commit();
    begin();
    cr_assert_eq(read_after(0, 1, &last), 1u);
    cr_assert_eq(last, 1u);
    n = read_after(last, 1000, &last);
    cr_assert(n > 1 && n < 99);
    cr_assert_eq(last, 1 + n);
    cr_assert_eq(read_after(last, 1 << 20, &last), 99 - n);
    cr_assert_eq(last, 100u);
    cr_assert_eq(read_after(100, 1 << 20, &last), 0u);
    cr_assert_eq(last, 100u, "unchanged");
}

Test(queue, drops_what_all_have)
{
    uint64_t last;

    begin();
    push(10);
    cr_assert_eq(queue_drop(txn, 4, 3), 3u);
    cr_assert_eq(queue_drop(txn, 4, 3), 1u);
    cr_assert_eq(queue_drop(txn, 4, 3), 0u);
    commit();
    begin();
    cr_assert_eq(read_after(4, 1 << 20, &last), 6u);
    cr_assert_eq(queue_drop(txn, UINT64_MAX, 100), 6u);
    commit();
    reopen();
    begin();
    push(1);
    cr_assert_eq(queue_last(store), 11u, "an empty queue does not begin anew");
    commit();
}

Test(queue, positions_of_sinks)
{
    struct buf next = { 0 };
    struct slice name;
    uint64_t position;

    begin();
    cr_assert(!sink_position_get(txn, "mail", &position));
    sink_position_put(txn, "mail", 7);
    sink_position_put(txn, "journal", 0);
    sink_position_put(txn, "mail", UINT64_MAX);
    commit();
    reopen();
    begin();
    cr_assert(sink_position_get(txn, "mail", &position) && position == UINT64_MAX);
    cr_assert(sink_position_get(txn, "journal", &position) && position == 0);
    cr_assert(!sink_position_get(txn, "mai", &position));
    cr_assert(sink_position_next(txn, &next, &name, &position));
    cr_assert(slice_eq(name, slice_of("journal")) && position == 0);
    sink_position_del(txn, "journal");
    cr_assert(sink_position_next(txn, &next, &name, &position));
    cr_assert(slice_eq(name, slice_of("mail")));
    cr_assert(!sink_position_next(txn, &next, &name, &position));
    buf_free(&next);
    commit();
}
