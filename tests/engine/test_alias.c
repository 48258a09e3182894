/* Aliases that somebody else has: left out, and added as soon as they are free. */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>

#include "harness.h"

TestSuite(alias, .init = scene_open, .fini = scene_close, .timeout = 60);

#define MAIL(name) "mail", name "@example.com"

/* What is left out of it: "a@example.com b@example.com". */
static void expect_left_out(const char *name, const char *words)
{
    struct txn *t = txn_begin(mirror->store->db, DB_READ);
    struct arena a = { 0 };
    struct buf b = { 0 };
    struct slice *aliases;
    uint8_t uuid[UUID_BYTES];
    uint32_t n;

    uuid_of(name, uuid);
    n = alias_want_get(t, uuid, &aliases, &a);
    for (uint32_t i = 0; i < n; i++)
        buf_printf(&b, "%s%.*s", i ? " " : "", SLICE_ARG(aliases[i]));
    cr_assert_str_eq(buf_str(&b), words, "%s", name);
    buf_free(&b);
    arena_free(&a);
    txn_abort(&t);
}

/* ann has the address a, eve would like to have it as an alias; some more, so that the guard has no opinion. */
static void ann_and_eve(void)
{
    dir_put("ann", MAIL("a"), NULL);
    dir_put("eve", MAIL("e"), "axsyncAlias", "a", "axsyncAlias", "e2", NULL);
    dir_put_many(4);
    refresh_in_full();
    expect_first("create a@example.com");
    expect_any();
    expect_left_out("eve", "a@example.com");
}

static void goes(const char *name)
{
    deletes(name);
    answer();
    pass_s(300);
    answer();
}

Test(alias, of_an_address_that_is_deleted)
{
    ann_and_eve();
    scene_reopen();
    session(true);
    done_delete();
    deletes("ann");
    answer();
    pass_s(299);
    expect_nothing();   /* reserved while her deletion is pending */
    pass_s(1);
    answer();
    expect("delete a@example.com (delete, persist)", "update e@example.com aliases=a@example.com,e2@example.com (resolve, local)", NULL);
    expect_left_out("eve", "");
    changes("eve", MAIL("e"), "axsyncAlias", "a", "axsyncAlias", "e2", NULL);
    expect_nothing();
}

Test(alias, of_an_address_that_is_changed)
{
    ann_and_eve();
    changes("ann", MAIL("x"), NULL);
    expect("rename x@example.com < a@example.com (rename, persist)",
           "update e@example.com aliases=a@example.com,e2@example.com (resolve, local)", NULL);
    changes("ann", MAIL("a"), NULL);
    expect_waits("ann", true);   /* now it is eve's */
    expect_nothing();
    changes("eve", MAIL("e"), "axsyncAlias", "e2", NULL);
    pass_s(1);
    expect("update e@example.com aliases=e2@example.com (modify, persist)", "rename a@example.com < x@example.com (rename, persist)", NULL);
}

Test(alias, of_an_alias)
{
    dir_put("ann", MAIL("a"), "axsyncAlias", "x", NULL);
    dir_put("bob", MAIL("b"), "axsyncAlias", "x", NULL);
    dir_put("cid", MAIL("c"), "axsyncAlias", "x", NULL);
    dir_put_many(4);
    refresh_in_full();
    expect_any();
    expect_left_out("bob", "x@example.com");
    changes("cid", MAIL("c"), "axsyncAlias", "x", "sn", "Cole", NULL);   /* keeps the place */
    expect("update c@example.com contactInfo.lastName=Cole (modify, persist)", NULL);
    changes("ann", MAIL("a"), NULL);
    expect_left_out("bob", "x@example.com");
    pass_s(1);
    expect("update a@example.com -aliases (modify, persist)", "update b@example.com aliases=x@example.com (resolve, local)", NULL);
    expect_left_out("cid", "x@example.com");
    goes("bob");
    expect("delete b@example.com (delete, persist)", "update c@example.com aliases=x@example.com (resolve, local)", NULL);
    expect_left_out("cid", "");
}

Test(alias, who_waits_for_it_as_an_address_comes_first)
{
    ann_and_eve();
    dir_put("abe", MAIL("a"), NULL);
    tell("abe");
    changes("ann", MAIL("x"), NULL);
    expect("rename x@example.com < a@example.com (rename, persist)", "create a@example.com (resolve, local)", NULL);
    expect_left_out("eve", "a@example.com");
    changes("abe", MAIL("y"), NULL);
    expect("rename y@example.com < a@example.com (rename, persist)",
           "update e@example.com aliases=a@example.com,e2@example.com (resolve, local)", NULL);
}

Test(alias, who_waited_for_the_address_and_does_not_any_more_makes_room)
{
    ann_and_eve();
    dir_put("abe", MAIL("a"), NULL);
    tell("abe");
    changes("abe", MAIL("y"), NULL);
    expect("create y@example.com (add, persist)", NULL);
    changes("ann", MAIL("x"), NULL);
    expect("rename x@example.com < a@example.com (rename, persist)",
           "update e@example.com aliases=a@example.com,e2@example.com (resolve, local)", NULL);
}

Test(alias, who_does_not_want_it_any_more_does_not_get_it)
{
    ann_and_eve();
    changes("eve", MAIL("e"), "axsyncAlias", "e2", NULL);
    expect_left_out("eve", "");
    changes("ann", MAIL("x"), NULL);
    expect("rename x@example.com < a@example.com (rename, persist)", NULL);
}

Test(alias, an_invalid_entry_gets_nothing_until_it_is_valid)
{
    ann_and_eve();
    changes("eve", "mail", "@", "axsyncAlias", "a", "axsyncAlias", "e2", NULL);
    expect_left_out("eve", "");
    changes("ann", MAIL("x"), NULL);
    expect("rename x@example.com < a@example.com (rename, persist)", NULL);
    changes("eve", MAIL("e"), "axsyncAlias", "a", "axsyncAlias", "e2", NULL);
    expect("update e@example.com aliases=a@example.com,e2@example.com (modify, persist)", NULL);
}

Test(alias, values_that_can_not_be_read_change_nothing)
{
    ann_and_eve();
    changes("eve", MAIL("e"), "axsyncAlias", "a\xff", NULL);
    expect_left_out("eve", "a@example.com");
    changes("ann", MAIL("x"), NULL);
    expect("rename x@example.com < a@example.com (rename, persist)",
           "update e@example.com aliases=a@example.com,e2@example.com (resolve, local)", NULL);
}

Test(alias, who_is_deleted_waits_no_more)
{
    ann_and_eve();
    goes("eve");
    expect("delete e@example.com (delete, persist)", NULL);
    expect_left_out("eve", "");
    changes("ann", MAIL("x"), NULL);
    expect("rename x@example.com < a@example.com (rename, persist)", NULL);
}

Test(alias, a_held_deletion_reserves_it)
{
    ann_and_eve();
    conf.guard.max_deletes = 1;
    deletes("ann");
    deletes(many(0));
    answer();
    expect_hold(1, 2, false);
    reject(1, 0);
    pass_s(1000);
    expect_nothing();
    expect_left_out("eve", "a@example.com");
    approve(1, 0);
    answer();
    expect("delete a@example.com (delete, persist)", "delete u000@example.com (delete, persist)",
           "update e@example.com aliases=a@example.com,e2@example.com (resolve, local)", NULL);
}

/* The old address is wanted as an alias, and then somebody else has it. */
Test(alias, of_the_own_old_address_in_a_ring)
{
    dir_put("ann", MAIL("a"), NULL);
    dir_put("bob", MAIL("b"), NULL);
    dir_put_many(4);
    refresh_in_full();
    expect_any();
    session(true);
    dir_put("ann", MAIL("b"), "axsyncAlias", "a", NULL);
    dir_put("bob", MAIL("a"), NULL);
    tell("ann");
    tell("bob");
    done_delete();
    expect_many(3, "rename ");
    expect_left_out("ann", "a@example.com");
    changes("bob", MAIL("c"), NULL);
    expect("rename c@example.com < a@example.com (rename, persist)", "update b@example.com aliases=a@example.com (resolve, local)", NULL);
}

/* Who gives it up goes out before who is to have it as his address: that comes first all the same. */
Test(alias, is_not_given_between_two_renames)
{
    dir_put("abe", MAIL("a"), NULL);
    dir_put("bob", MAIL("b"), NULL);
    dir_put("eve", MAIL("e"), "axsyncAlias", "a", NULL);
    dir_put_many(4);
    refresh_in_full();
    expect_any();
    session(true);
    dir_put("abe", MAIL("x"), NULL);
    dir_put("bob", MAIL("a"), NULL);
    tell("abe");
    tell("bob");
    done_delete();
    expect("rename x@example.com < a@example.com (rename, refresh)", "rename a@example.com < b@example.com (rename, refresh)", NULL);
    expect_left_out("eve", "a@example.com");
}

/* … nor in a refresh, before it is known who else may want it; and a kill meanwhile loses nothing. */
Test(alias, is_given_when_a_refresh_is_through)
{
    ann_and_eve();
    conf.guard.max_deletes = 1;
    deletes("ann");
    deletes(many(0));
    answer();
    expect_hold(1, 2, false);
    lost();
    session(true);
    approve(1, 0);
    pass_s(1);
    answer();
    pass_s(1);
    expect("delete a@example.com (delete, persist)", "delete u000@example.com (delete, persist)", NULL);
    scene_reopen();
    session(true);
    expect_nothing();
    done_delete();
    expect("update e@example.com aliases=a@example.com,e2@example.com (resolve, local)", NULL);
}

/* Two want what the other has, but one of them has it as an alias and keeps it: no ring, to step aside would free nothing. */
Test(alias, is_no_link_of_a_ring)
{
    dir_put("ann", MAIL("a"), "axsyncAlias", "p", NULL);
    dir_put("bob", MAIL("b"), NULL);
    dir_put_many(4);
    refresh_in_full();
    expect_any();
    changes("bob", MAIL("p"), NULL);
    changes("ann", MAIL("b"), "axsyncAlias", "p", NULL);
    expect_nothing();
    expect_pending("ann", PENDING_RENAME, PENDING_BLOCKED);
    changes("ann", MAIL("b"), NULL);
    pass_s(1);
    expect("update a@example.com -aliases (modify, persist)", "rename p@example.com < b@example.com (rename, persist)",
           "rename b@example.com < a@example.com (rename, persist)", NULL);
}

Test(alias, lost_with_a_new_uuid_that_takes_over)
{
    ann_and_eve();
    deletes("eve");
    dir_put("eve2", MAIL("e"), "axsyncAlias", "a", NULL);
    dir_at("eve2", "uid=eve,ou=people,dc=example,dc=com");
    tell("eve2");
    answer();
    expect_hold(1, 1, false);
    approve(1, 0);
    answer();
    expect_first("rebind e@example.com");
    expect_any();
    expect_left_out("eve", "");
    expect_left_out("eve2", "a@example.com");
    pass_s(1);
    expect_any();
    changes("ann", MAIL("x"), NULL);
    expect("rename x@example.com < a@example.com (rename, persist)", "update e@example.com aliases=a@example.com (resolve, local)", NULL);
}

/* In whatever order they come, in the end nobody lacks what is free. */
Test(alias, in_a_first_load)
{
    dir_put("ann", MAIL("a"), "axsyncAlias", "x", "axsyncAlias", "b", NULL);
    dir_put("bob", MAIL("b"), "axsyncAlias", "x", NULL);
    dir_put("eve", MAIL("e"), "axsyncAlias", "x", "axsyncAlias", "y", NULL);
    refresh_in_full();
    expect("create a@example.com aliases=b@example.com,x@example.com (add, refresh)",
           "create e@example.com aliases=y@example.com (add, refresh)", NULL);
    expect_waits("bob", true);
    expect_left_out("eve", "x@example.com");
    dir_put_many(4);
    for (int i = 0; i < 4; i++)
        tell(many(i));
    expect_any();
    changes("ann", MAIL("a"), NULL);
    pass_s(1);
    answer();   /* eve still has one */
    pass_s(1);
    expect("update a@example.com -aliases (modify, persist)", "create b@example.com (resolve, local)",
           "update e@example.com aliases=x@example.com,y@example.com (resolve, local)", NULL);
    expect_left_out("bob", "x@example.com");
}
