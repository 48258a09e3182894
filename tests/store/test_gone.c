/* What is gone, and when nobody needs it any more. */
#include <criterion/criterion.h>

#include "aside.h"
#include "fixture.h"
#include "gone.h"
#include "objects.h"
#include "records.h"

TestSuite(gone, .init = fixture_open, .fini = fixture_close);

static void put_sink(const char *name, uint64_t position, bool actions)
{
    sink_row_put(txn, name, &(struct sink_row){ .position = position, .actions = actions });
}

static void put_record(const char *sink, int uuid)
{
    struct record r = { .address = slice_of("ann@x"), .bytes = slice_of("x") };

    memcpy(r.uuid, uuid_of(uuid), UUID_BYTES);
    record_put(txn, sink, &r, 1);
}

static void put_gone(int uuid, uint64_t seq)
{
    struct gone g = { *make(uuid, "ann@x", FIELD_CONTACT_FIRST_NAME, "Ann", FIELD_NONE, "a@x", NULL), CAUSE_LEAVE, 1234, seq, uuid == 2, uuid == 1 };

    gone_put(txn, &g);
}

static bool is_there(int uuid)
{
    struct gone g;

    return gone_get(txn, uuid_of(uuid), &g, &arena);
}

Test(gone, is_what_it_was)
{
    struct buf next = { 0 };
    struct gone g;

    begin();
    put_sink("mail", 0, true);
    put_gone(2, 7);
    put_gone(1, 8);
    commit();
    reopen();
    begin();
    cr_assert(gone_get(txn, uuid_of(2), &g, &arena));
    cr_expect_eq(g.cause, CAUSE_LEAVE);
    cr_expect_eq(g.since_ms, 1234);
    cr_expect_eq(g.seq, 7u);
    cr_expect(g.seen && !g.suspect);
    cr_expect_eq(g.o.state, OBJECT_GONE);
    cr_expect(slice_eq(g.o.address, slice_of("ann@x")));
    cr_expect(slice_eq(object_field(&g.o, FIELD_CONTACT_FIRST_NAME), slice_of("Ann")));
    cr_expect_eq(g.o.n_aliases, 1u);
    cr_assert(gone_next(txn, &next, &g, &arena) && g.o.uuid[0] == 1 && g.suspect && !g.seen);
    cr_assert(gone_next(txn, &next, &g, &arena) && g.o.uuid[0] == 2);
    cr_assert_not(gone_next(txn, &next, &g, &arena));
    buf_free(&next);
    cr_expect(gone_del(txn, uuid_of(1)));
    cr_expect_not(gone_del(txn, uuid_of(1)));
    cr_expect_not(is_there(1));
    commit();
}

Test(gone, is_no_object)
{
    bool alias;

    begin();
    put_gone(1, 7);
    cr_expect_eq(objects_find(txn, uuid_of(1), NULL), 0u);
    cr_expect_eq(objects_owner(txn, slice_of("ann@x"), NULL, &alias), 0u);
    cr_expect_eq(objects_owner(txn, slice_of("a@x"), NULL, &alias), 0u);
    cr_expect_eq(store->objects[OBJECT_ACCOUNT], 0);
    commit();
}

Test(gone, is_kept_for_sinks_with_records_only)
{
    begin();
    cr_expect_not(gone_kept(txn));
    put_sink("journal", 0, false);
    cr_expect_not(gone_kept(txn));
    put_sink("mail", 0, true);
    put_sink("z", 0, false);
    cr_expect(gone_kept(txn));
    commit();
}

Test(gone, is_released_with_the_last_record)
{
    begin();
    put_sink("mail", 9, true);
    put_sink("post", 9, true);
    put_sink("journal", 0, false);
    put_record("mail", 1);
    put_record("post", 1);
    put_gone(1, 7);
    cr_expect_not(gone_release(txn, uuid_of(1)));
    record_del(txn, "mail", uuid_of(1));
    cr_expect_not(gone_release(txn, uuid_of(1)));
    record_del(txn, "post", uuid_of(1));
    cr_expect(gone_release(txn, uuid_of(1)));
    cr_expect_not(is_there(1));
    commit();
}

Test(gone, is_kept_until_each_sink_has_got_past_its_deletion)
{
    begin();
    put_sink("mail", 6, true);
    put_gone(1, 7);
    cr_expect_not(gone_release(txn, uuid_of(1)), "its create may not have been done");
    sink_position_put(txn, "mail", 7);
    cr_expect(gone_release(txn, uuid_of(1)));
    commit();
}

Test(gone, is_kept_while_something_of_it_is_set_aside)
{
    struct aside_row row;
    struct action a = { .seq = 7, .connector = slice_of("corp"), .type = ACTION_ACCOUNT_DELETE, .uuid = uuid_of(1),
                        .dn = slice_of("uid=x"), .address = slice_of("ann@x"), .cause = CAUSE_DELETE };
    struct buf line = { 0 };

    begin();
    put_sink("mail", 9, true);
    put_gone(1, 7);
    action_json(&a, &line);
    aside_row_make(&row, &a, buf_slice(&line), &arena);
    row.state = ASIDE_PARKED;
    aside_add(txn, "mail", &row);
    cr_expect_not(gone_release(txn, uuid_of(1)));
    aside_end(txn, "mail", row.id);
    cr_expect(gone_release(txn, uuid_of(1)));
    buf_free(&line);
    commit();
}

Test(gone, what_nobody_needs_goes_at_start)
{
    begin();
    put_sink("mail", 9, true);
    for (int i = 1; i < 6; i++)
        put_gone(i, 7);
    put_record("mail", 3);
    cr_expect_eq(gone_release_all(txn), 4u);
    cr_expect(is_there(3));
    records_drop(txn, "mail");
    sink_position_del(txn, "mail");
    cr_expect_eq(gone_release_all(txn), 1u);
    commit();
}
