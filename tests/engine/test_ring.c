/* Rings of renames: who is of one, what opens it, and that nobody is ever left at axsync-UUID@domain. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "harness.h"

TestSuite(ring, .init = scene_open, .fini = scene_close, .timeout = 60);

#define MEMBERS 4

static const char *const members[MEMBERS] = { "bea", "cid", "dan", "eve" };   /* at b, c, d and e */

static const char *at_domain(const char *local)
{
    static char texts[8][64];
    static unsigned at;
    char *text = texts[at++ % 8];

    snprintf(text, sizeof(texts[0]), "%s@example.com", local);
    return text;
}

/* The local part of the address of the member that stands there at first. */
static const char *local_of(int member)
{
    static const char *const locals[MEMBERS] = { "b", "c", "d", "e" };

    return locals[member];
}

/* axsync-UUID@example.com */
static const char *aside(const char *name)
{
    static char text[96];
    uint8_t uuid[UUID_BYTES];
    char room[UUID_TEXT];

    uuid_of(name, uuid);
    snprintf(text, sizeof(text), "axsync-%s@example.com", uuid_format(uuid, room));
    return text;
}

static void wants(const char *name, const char *local)
{
    dir_put(name, "mail", at_domain(local), NULL);
}

static void says(const char *name, const char *local)
{
    wants(name, local);
    tell(name);
}

/* n members at their addresses. The guard has no opinion here. */
static void stand(int n)
{
    conf.guard.max_deletes = conf.guard.max_delete_percent = 0;
    for (int i = 0; i < n; i++)
        wants(members[i], local_of(i));
}

static void stands_at(const char *name, const char *address)
{
    struct txn *t = txn_begin(mirror->store->db, DB_READ);
    struct arena a = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct object o;

    uuid_of(name, uuid);
    cr_assert_neq(objects_get(t, uuid, &o, &a), 0, "%s is not mirrored", name);
    cr_assert(slice_eq(o.address, slice_of(address)), "%s is %.*s, not %s", name, SLICE_ARG(o.address), address);
    arena_free(&a);
    txn_abort(&t);
}

/* Each of the n has the next one's address, and it took n + 1 renames. */
static void is_turned(int n)
{
    expect_many((size_t)n + 1, "rename ");
    for (int i = 0; i < n; i++) {
        stands_at(members[i], at_domain(local_of((i + 1) % n)));
        expect_none(members[i]);
        expect_waits(members[i], false);
    }
}

static void is_as_before(int n)
{
    expect_nothing();
    for (int i = 0; i < n; i++)
        stands_at(members[i], at_domain(local_of(i)));
}

/* ---- a third ------------------------------------------------------------------------------------------------- */

/* Two swap and a third claims one of the two addresses, before, between or after them. */
struct third {
    const char *name;   /* sorts before or after the two */
    const char *claim;
    bool mirrored;      /* before, at another address */
    int when;           /* of what is told */
    bool live;          /* else while nobody looks */
};

static void happens(const struct third *third, int step)
{
    if (step == third->when)
        wants(third->name, third->claim);
    else
        wants(members[step > third->when ? step - 1 : step], local_of(step > third->when ? 2 - step : 1 - step));
    if (third->live)
        tell(step == third->when ? third->name : members[step > third->when ? step - 1 : step]);
}

/* The two have what they want, and the third, who comes after them, waits where it is. Who gives the address up gives it to it. */
static void a_third_waits(const struct third *third)
{
    int owner = strcmp(third->claim, "b") == 0 ? 1 : 0;

    stand(2);
    if (third->mirrored)
        wants(third->name, "z");
    refresh_in_full();
    expect_any();
    if (!third->live)
        lost();
    for (int step = 0; step < 3; step++)
        happens(third, step);
    if (!third->live)
        refresh_in_full();
    is_turned(2);
    expect_waits(third->name, true);
    if (third->mirrored)
        stands_at(third->name, at_domain("z"));
    says(members[owner], "x");
    stands_at(third->name, at_domain(third->claim));
}

Test(ring, of_two_and_a_third)
{
    static const char *const names[] = { "abe", "zoe" }, *const claims[] = { "b", "c" };

    for (unsigned i = 0; i < 48; i++) {
        struct third third = { names[i & 1], claims[i >> 1 & 1], i & 4, (int)(i / 16), i & 8 };

        fprintf(stderr, "%s claims %s %d, %s, %s\n", third.name, third.claim, third.when, third.live ? "live" : "down",
                third.mirrored ? "mirrored" : "new");
        a_third_waits(&third);
        scene_close();
        scene_open();
    }
}

/* The k-th order of n. */
static void order_of(int k, int n, int *order)
{
    int left[MEMBERS];

    for (int i = 0; i < n; i++)
        left[i] = i;
    for (int i = 0; i < n; i++) {
        int pick = k % (n - i);

        k /= n - i;
        order[i] = left[pick];
        memmove(left + pick, left + pick + 1, (size_t)(n - i - pick - 1) * sizeof(*left));
    }
}

static void a_ring_of(int n, int k, int claim)
{
    int order[MEMBERS];

    order_of(k, n, order);
    stand(n);
    wants("zoe", "z");
    refresh_in_full();
    expect_any();
    says("abe", local_of(claim));
    says("zoe", local_of((claim + 1) % n));
    for (int i = 0; i < n; i++) {
        is_as_before(i == 0 ? n : 0);
        says(members[order[i]], local_of((order[i] + 1) % n));
    }
    is_turned(n);
    expect_waits("abe", true);
    stands_at("zoe", at_domain("z"));
    scene_close();
    scene_open();
}

Test(ring, of_three_and_others_in_any_order)
{
    for (int i = 0; i < 18; i++)
        a_ring_of(3, i / 3, i % 3);
}

Test(ring, of_four_and_others_in_any_order)
{
    for (int i = 0; i < 48; i++)
        a_ring_of(4, i / 2, i % 4);
}

Test(ring, is_one_commit)
{
    stand(2);
    refresh_in_full();
    expect_any();
    says("abe", "c");
    says("bea", "c");
    scene_fail_commit(true);
    says("cid", "b");
    is_as_before(2);
    lost();
    refresh_in_full();
    is_turned(2);
    expect_waits("abe", true);
}

/* ---- what is none -------------------------------------------------------------------------------------------- */

static void an_alias_stays(bool live)
{
    stand(2);
    dir_put("bea", "mail", at_domain("b"), "axsyncAlias", "q", NULL);
    refresh_in_full();
    expect_many(2, "create ");
    if (!live)
        lost();
    dir_put("bea", "mail", at_domain("c"), "axsyncAlias", "q", NULL);
    if (live)
        tell("bea");
    wants("cid", "q");
    if (live)
        tell("cid");
    else
        refresh_in_full();
    pass_s(100);
    is_as_before(2);
    expect_pending("bea", PENDING_RENAME, PENDING_BLOCKED);
    expect_pending("cid", PENDING_RENAME, PENDING_BLOCKED);
}

Test(ring, an_alias_is_no_link_of_it)
{
    an_alias_stays(true);
    scene_reopen();
    session(true);
    done_delete();
    is_as_before(2);
}

Test(ring, an_alias_is_no_link_of_it_after_a_time_without_us)
{
    an_alias_stays(false);
}

Test(ring, an_alias_that_is_given_up_is_the_end_of_a_chain)
{
    an_alias_stays(true);
    says("bea", "c");
    pass_s(1);
    expect("update b@example.com -aliases (modify, persist)", "rename q@example.com < c@example.com (rename, persist)",
           "rename c@example.com < b@example.com (rename, persist)", NULL);
}

/* Both claim what bea has: it is cid's address, since an alias that is somebody's address is left out. */
Test(ring, an_old_address_that_becomes_an_alias)
{
    stand(2);
    refresh_in_full();
    expect_any();
    dir_put("bea", "mail", at_domain("c"), "axsyncAlias", "b", NULL);
    tell("bea");
    dir_put("cid", "mail", at_domain("b"), "axsyncAlias", "c", NULL);
    tell("cid");
    is_turned(2);
    says("cid", "x");
    expect("rename x@example.com < b@example.com (rename, persist)",
           "update c@example.com aliases=b@example.com (resolve, local)", NULL);
}

Test(ring, a_tail_of_it_is_none)
{
    stand(4);
    refresh_in_full();
    expect_any();
    says("bea", "c");
    says("cid", "d");
    is_as_before(4);
    says("eve", "c");
    is_as_before(4);
    says("dan", "c");
    expect("rename axsync-64616e00-0000-0000-0000-000000000000@example.com < d@example.com (rename, persist)",
           "rename d@example.com < c@example.com (rename, persist)",
           "rename c@example.com < axsync-64616e00-0000-0000-0000-000000000000@example.com (rename, persist)", NULL);
    expect_pending("bea", PENDING_RENAME, PENDING_BLOCKED);
    expect_pending("eve", PENDING_RENAME, PENDING_BLOCKED);
}

/* ---- who steps aside ----------------------------------------------------------------------------------------- */

Test(ring, somebody_has_the_address_to_step_aside_to)
{
    stand(2);
    dir_put("eve", "mail", at_domain("e"), "axsyncAlias", aside("cid"), NULL);
    refresh_in_full();
    expect_any();
    says("bea", "c");
    says("cid", "b");
    is_turned(2);
}

Test(ring, nobody_can_step_aside)
{
    stand(2);
    dir_put("eve", "mail", at_domain("e"), "axsyncAlias", aside("cid"), NULL);
    dir_put("dan", "mail", aside("bea"), NULL);
    refresh_in_full();
    expect_any();
    says("bea", "c");
    says("cid", "b");
    is_as_before(2);
    says("dan", "d");
    expect_many(1, "rename ");
    says("bea", "c");
    is_turned(2);
}

Test(ring, one_of_it_stands_aside_already)
{
    stand(2);
    dir_put("bea", "mail", aside("bea"), NULL);
    refresh_in_full();
    expect_any();
    says("bea", "c");
    dir_put("cid", "mail", aside("bea"), NULL);
    tell("cid");
    expect_many(3, "rename ");
    stands_at("bea", at_domain("c"));
    stands_at("cid", aside("bea"));
}

/* … since a former version left it there: it can't be reached. */
static void left_aside(bool reopened)
{
    stand(2);
    dir_put("dan", "mail", aside("dan"), NULL);
    refresh_in_full();
    expect_any();
    says("abe", "c");
    says("bea", "c");
    says("dan", "c");
    expect_nothing();
    if (reopened) {
        scene_reopen();
        session(true);
        done_delete();
    }
    says("cid", "x");
    stands_at("dan", at_domain("c"));
    expect_many(2, "rename ");
    says("dan", "d");
    expect_first("rename d@example.com");
    expect_any();
    expect_waits("abe", false);
    stands_at("bea", at_domain("b"));
}

Test(ring, who_was_left_aside_is_the_first_in_line)
{
    left_aside(false);
}

Test(ring, who_was_left_aside_is_so_after_a_start)
{
    left_aside(true);
}

/* ---- the guard ----------------------------------------------------------------------------------------------- */

/* Of three, with a third party that claims an address. */
static void held(void)
{
    stand(3);
    wants("zoe", "z");
    refresh_in_full();
    expect_any();
    conf.guard.max_deletes = 2;
    lost();
    for (int i = 0; i < 3; i++)
        wants(members[i], local_of((i + 1) % 3));
    wants("abe", "c");
    refresh_in_full();
    is_as_before(3);
    expect_hold(1, 3, false);
}

Test(ring, is_held_as_a_whole)
{
    held();
    pass_s(4000);
    is_as_before(3);
    says("zoe", "d");
    is_as_before(3);
    expect_hold(1, 4, false);
    approve(1, 0);
    is_turned(3);
    stands_at("zoe", at_domain("z"));
    expect_waits("abe", true);
}

Test(ring, of_which_a_part_is_approved)
{
    held();
    approve(1, 1);
    is_as_before(3);
    approve(1, 2);
    is_as_before(3);
    approve(1, 0);
    is_turned(3);
    expect_waits("abe", true);
}

Test(ring, of_which_a_part_is_rejected)
{
    held();
    approve(1, 2);
    reject(1, 0);
    scene_reopen();
    session(true);
    done_delete();
    is_as_before(3);
    expect_waits("abe", true);
}

Test(ring, that_is_rejected_can_be_approved)
{
    held();
    reject(1, 0);
    is_as_before(3);
    approve(1, 0);
    is_turned(3);
}

Test(ring, one_of_it_stays_where_it_is_while_it_is_held)
{
    held();
    says("cid", "c");
    expect_hold(1, 2, false);
    approve(1, 0);
    is_as_before(3);
    expect_waits("bea", true);
    says("cid", "x");
    expect_waits("bea", true);   /* she comes after abe now */
    expect_waits("abe", false);
}

Test(ring, one_of_it_goes_elsewhere_while_it_is_held)
{
    held();
    says("cid", "x");
    expect_hold(1, 3, false);
    deletes("abe");
    approve(1, 0);
    expect_many(3, "rename ");
    stands_at("cid", at_domain("x"));
    stands_at("bea", at_domain("c"));
    stands_at("dan", at_domain("b"));
}

/* ---- changes of mind ----------------------------------------------------------------------------------------- */

Test(ring, one_of_it_wants_something_else_before_it_closes)
{
    stand(3);
    refresh_in_full();
    expect_any();
    says("bea", "c");
    says("cid", "d");
    says("cid", "b");
    is_turned(2);
    says("dan", "c");
    says("bea", "d");
    expect_many(3, "rename ");
    stands_at("bea", at_domain("d"));
    stands_at("dan", at_domain("c"));
}

Test(ring, one_of_it_becomes_invalid_before_it_closes)
{
    stand(2);
    refresh_in_full();
    expect_any();
    says("bea", "c");
    dir_put("bea", "mail", "@@", NULL);
    tell("bea");
    says("cid", "b");
    is_as_before(2);
    says("bea", "c");
    is_turned(2);
}

Test(ring, one_of_it_is_deleted_before_it_closes)
{
    stand(3);
    refresh_in_full();
    expect_any();
    says("bea", "c");
    says("cid", "d");
    deletes("cid");
    answer();
    pass_s(300);
    answer();
    expect("delete c@example.com (delete, persist)", "rename c@example.com < b@example.com (rename, persist)", NULL);
    says("dan", "b");
    expect("rename b@example.com < d@example.com (rename, persist)", NULL);
}
