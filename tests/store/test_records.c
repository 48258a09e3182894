#include <criterion/criterion.h>

#include "fixture.h"
#include "records.h"

#define NOW ((int64_t)1800000000 * 1000)
#define DAY ((int64_t)86400 * 1000)

static void open_with_sinks(void)
{
    fixture_open();
    begin();
    sink_position_put(txn, "mail", 7);
    sink_position_put(txn, "mail2", 0);
}

TestSuite(records, .init = open_with_sinks, .fini = fixture_close);

static void put(const char *sink, int uuid, const char *address, int64_t due_ms)
{
    struct record r = { .address = slice_of(address), .due_ms = due_ms, .bytes = slice_of("bytes") };

    memset(r.uuid, uuid, UUID_BYTES);
    record_put(txn, sink, &r, NOW);
}

static struct record get(int uuid)
{
    struct record r;

    cr_assert(record_get(txn, "mail", uuid_of(uuid), &r, &arena));
    return r;
}

Test(records, are_found_by_uuid_and_by_address)
{
    uint8_t uuid[UUID_BYTES];
    struct record r;

    put("mail", 1, "ann@example.com", 0);
    put("mail2", 2, "bob@example.com", 0);
    commit();
    begin();
    cr_expect(slice_eq(get(1).bytes, slice_of("bytes")));
    cr_expect(record_at(txn, "mail", slice_of("ann@example.com"), uuid));
    cr_expect_eq(memcmp(uuid, uuid_of(1), UUID_BYTES), 0);
    cr_expect(!record_at(txn, "mail", slice_of("bob@example.com"), uuid));
    cr_expect(!record_get(txn, "mail", uuid_of(2), &r, &arena));
    cr_expect(record_anywhere(txn, uuid_of(2)));
    cr_expect(!record_anywhere(txn, uuid_of(3)));
    put("mail", 1, "anna@example.com", 0);
    cr_expect(!record_at(txn, "mail", slice_of("ann@example.com"), uuid));
    cr_expect(record_at(txn, "mail", slice_of("anna@example.com"), uuid));
    commit();
    begin();
    cr_expect(record_del(txn, "mail", uuid_of(1)));
    cr_expect(!record_del(txn, "mail", uuid_of(1)));
    commit();
}

static void put_also(int uuid, const char *address, const char *one, const char *two)
{
    struct record r = { .address = slice_of(address), .bytes = slice_of("bytes") };
    struct buf also = { 0 };

    memset(r.uuid, uuid, UUID_BYTES);
    buf_bytes(&also, slice_of(one));
    buf_bytes(&also, slice_of(two));
    r.also = buf_slice(&also);
    record_put(txn, "mail", &r, NOW);
    buf_free(&also);
}

Test(records, are_found_by_other_addresses_too)
{
    uint8_t uuid[UUID_BYTES];

    put_also(1, "ann@example.com", "a@example.com", "b@example.com");
    commit();
    reopen();
    begin();
    cr_expect(record_at(txn, "mail", slice_of("ann@example.com"), uuid));
    cr_expect(record_at(txn, "mail", slice_of("a@example.com"), uuid));
    cr_expect(record_at(txn, "mail", slice_of("b@example.com"), uuid) && uuid[0] == 1);
    put_also(1, "anna@example.com", "b@example.com", "c@example.com");
    commit();
    begin();
    cr_expect(!record_at(txn, "mail", slice_of("a@example.com"), uuid));
    cr_expect(record_at(txn, "mail", slice_of("c@example.com"), uuid));
    cr_expect_eq(txn_count(txn, TABLE_RECORD_ADDRESS), 3u);
    cr_expect(record_del(txn, "mail", uuid_of(1)));
    cr_expect_eq(txn_count(txn, TABLE_RECORD_ADDRESS), 0u);
    commit();
}

Test(records, say_why_they_are_still_there)
{
    put("mail", 1, "a@x", NOW + 5);
    record_why(txn, "mail", uuid_of(1), slice_of("still there"));
    record_why(txn, "mail", uuid_of(2), slice_of("nobody"));
    commit();
    begin();
    cr_expect(slice_eq(get(1).why, slice_of("still there")) && get(1).due_ms == NOW + 5);
    put("mail", 1, "a2@x", NOW + 5);
    cr_expect(slice_eq(get(1).why, slice_of("still there")), "its time is the same");
    put("mail", 1, "a2@x", 0);
    cr_expect_eq(get(1).why.len, 0u, "it is due no more");
    commit();
}

Test(records, of_the_first_version_are_read)
{
    struct buf key = { 0 }, value = { 0 };
    uint8_t uuid[UUID_BYTES];

    sink_key(&key, "mail");
    buf_add(&key, uuid_of(1), UUID_BYTES);
    buf_u8(&value, 1);
    buf_u64(&value, 0);
    buf_u64(&value, 0);
    buf_bytes(&value, slice_of("ann@example.com"));
    buf_bytes(&value, slice_of("bytes"));
    txn_put(txn, TABLE_RECORD, buf_slice(&key), buf_slice(&value));
    buf_free(&key);
    buf_free(&value);
    cr_expect(slice_eq(get(1).address, slice_of("ann@example.com")) && slice_eq(get(1).bytes, slice_of("bytes")));
    put("mail", 1, "ann@example.com", 0);
    cr_expect(record_at(txn, "mail", slice_of("ann@example.com"), uuid));
    commit();
}

Test(records, come_by_the_time_when_they_are_due)
{
    uint8_t uuid[UUID_BYTES] = { 0 };
    struct sink_row row;
    int64_t due = 0;

    put("mail", 1, "a@x", NOW + 5);
    put("mail", 2, "b@x", NOW + 3);
    put("mail", 3, "c@x", 0);
    put("mail2", 4, "d@x", NOW + 1);
    commit();
    begin();
    sink_row_get(txn, "mail", &row);
    cr_expect_eq(row.due, 2u);
    cr_expect_eq(row.position, 7u);
    cr_expect(record_due_next(txn, "mail", &due, uuid) && due == NOW + 3 && uuid[0] == 2);
    cr_expect(record_due_next(txn, "mail", &due, uuid) && due == NOW + 5 && uuid[0] == 1);
    cr_expect(!record_due_next(txn, "mail", &due, uuid));
    put("mail", 2, "b@x", 0);
    sink_row_get(txn, "mail", &row);
    cr_expect_eq(row.due, 1u);
    commit();
}

Test(records, wait_with_the_clock)
{
    put("mail", 1, "a@x", NOW + 30 * DAY);
    put("mail2", 2, "b@x", NOW + DAY);
    cr_expect_eq(records_shift(txn, 2 * DAY), 2u);
    cr_expect_eq(get(1).due_ms, NOW + 32 * DAY);
    commit();
    begin();
    cr_expect_eq(records_begin_again(txn, NOW - 100 * DAY), 2u);
    cr_expect_eq(get(1).due_ms, NOW - 70 * DAY, "the whole wait again");
    put("mail", 1, "a@x", NOW - 70 * DAY);
    cr_expect_eq(get(1).since_ms, NOW - 100 * DAY, "the same time is the same wait");
    commit();
}

Test(records, of_a_sink_that_is_gone_are_dropped)
{
    put("mail", 1, "a@x", NOW);
    put("mail2", 1, "a@x", NOW);
    cr_expect_eq(records_drop(txn, "mail"), 1u);
    sink_position_del(txn, "mail");
    commit();
    begin();
    cr_expect(record_anywhere(txn, uuid_of(1)));
    cr_expect_eq(records_drop(txn, "mail2"), 1u);
    sink_position_del(txn, "mail2");
    commit();
}
