/* One namespace of addresses: conflicts, renames, chains and rings. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "harness.h"

TestSuite(address, .init = scene_open, .fini = scene_close, .timeout = 60);

#define MAIL(name) "mail", name "@example.com"

static void three(void)
{
    dir_put("ann", MAIL("a"), NULL);
    dir_put("bob", MAIL("b"), NULL);
    dir_put("cid", MAIL("c"), NULL);
    for (int i = 0; i < 3; i++)
        dir_put(many(i), NULL);
    refresh_in_full();
    expect_many(6, "create ");
}

/* axsync-UUID@example.com of a name. */
static const char *aside(const char *name)
{
    static char text[96];
    uint8_t uuid[UUID_BYTES];
    char room[UUID_TEXT];

    uuid_of(name, uuid);
    snprintf(text, sizeof(text), "axsync-%s@example.com", uuid_format(uuid, room));
    return text;
}

/* n renames, the first of which steps aside to that address. */
static void expect_renames(size_t n, const char *first)
{
    char begin[128];

    snprintf(begin, sizeof(begin), "rename %s < ", first);
    expect_first(begin);
    expect_many(n, "rename ");
    expect_none("ann");
    expect_none("bob");
    expect_none("cid");
}

Test(address, a_conflict_waits_and_goes_on_when_the_address_is_free)
{
    three();
    dir_put("abe", MAIL("a"), "sn", "Abe", NULL);
    tell("abe");
    expect_waits("abe", true);
    expect_nothing();
    scene_reopen();
    session(true);
    done_delete();
    deletes("ann");
    answer();
    pass_s(299);
    expect_nothing();   /* reserved while her deletion is pending */
    pass_s(1);
    answer();
    expect("delete a@example.com (delete, persist)", "create a@example.com contactInfo.lastName=Abe (resolve, local)",
           NULL);
    expect_waits("abe", false);
}

Test(address, the_first_in_line_gets_it)
{
    three();
    dir_put("zoe", MAIL("a"), NULL);
    dir_put("abe", MAIL("a"), NULL);
    tell("zoe");
    tell("abe");
    changes("zoe", MAIL("a"), "sn", "Zoe", NULL);   /* keeps her place */
    changes("ann", MAIL("x"), NULL);
    expect("rename x@example.com < a@example.com (rename, persist)",
           "create a@example.com contactInfo.lastName=Zoe (resolve, local)", NULL);
    expect_waits("abe", true);
    deletes("abe");
    expect_waits("abe", false);
}

Test(address, a_conflict_in_a_first_load)
{
    dir_put("ann", MAIL("a"), NULL);
    dir_put("abe", MAIL("a"), NULL);
    dir_put("eve", MAIL("e"), "axsyncAlias", "a", NULL);
    refresh_in_full();
    expect("create a@example.com (add, refresh)", "create e@example.com (add, refresh)", NULL);
    expect_waits("abe", true);
    lost();
    refresh_in_full();
    expect_nothing();
    changes("ann", MAIL("x"), NULL);
    expect("rename x@example.com < a@example.com (rename, persist)", "create a@example.com (resolve, local)", NULL);
}

Test(address, other_fields_flow_while_a_rename_waits)
{
    three();
    changes("ann", MAIL("b"), "sn", "Lee", NULL);
    expect("update a@example.com contactInfo.lastName=Lee (modify, persist)", NULL);
    expect_pending("ann", PENDING_RENAME, PENDING_BLOCKED);
    changes("ann", MAIL("b"), "sn", "Low", NULL);
    expect("update a@example.com contactInfo.lastName=Low (modify, persist)", NULL);
    changes("bob", MAIL("x"), NULL);
    expect("rename x@example.com < b@example.com (rename, persist)",
           "rename b@example.com < a@example.com (rename, persist)", NULL);
    expect_none("ann");
    expect_waits("ann", false);
}

Test(address, a_rename_that_waits_goes_on_after_a_time_of_invalidity)
{
    three();
    changes("ann", MAIL("b"), NULL);
    changes("ann", "mail", "@@", NULL);
    changes("ann", MAIL("b"), NULL);
    changes("bob", MAIL("x"), NULL);
    expect("rename x@example.com < b@example.com (rename, persist)",
           "rename b@example.com < a@example.com (rename, persist)", NULL);
}

Test(address, a_rename_that_waits_goes_on_after_a_false_deletion)
{
    three();
    changes("ann", MAIL("b"), NULL);
    tell_gone("ann");
    answer();
    changes("bob", MAIL("x"), NULL);
    expect("rename x@example.com < b@example.com (rename, persist)",
           "rename b@example.com < a@example.com (rename, persist)", NULL);
}

Test(address, who_is_invalid_takes_no_address)
{
    three();
    changes("ann", MAIL("b"), NULL);
    changes("ann", "mail", "@@", NULL);
    changes("bob", MAIL("x"), NULL);
    expect("rename x@example.com < b@example.com (rename, persist)", NULL);
}

Test(address, a_chain_in_one_refresh)
{
    three();
    lost();
    dir_put("ann", MAIL("b"), NULL);
    dir_put("bob", MAIL("c"), NULL);
    dir_put("cid", MAIL("d"), NULL);
    refresh_in_full();
    expect("rename d@example.com < c@example.com (rename, refresh)",
           "rename c@example.com < b@example.com (rename, refresh)",
           "rename b@example.com < a@example.com (rename, refresh)", NULL);
}

Test(address, a_very_long_chain)
{
    char mail[64];

    conf.guard.max_deletes = 0;
    conf.guard.max_delete_percent = 0;
    dir_put_many(1000);
    refresh_in_full();
    expect_many(1000, "create ");
    lost();
    for (int i = 0; i < 1000; i++) {
        snprintf(mail, sizeof(mail), "u%03d@example.com", i + 1);
        dir_put(many(i), "givenName", "Uma", "mail", mail, NULL);
    }
    refresh_in_full();
    expect_many(1000, "rename ");
}

Test(address, a_swap_in_one_refresh)
{
    three();
    lost();
    dir_put("ann", MAIL("b"), NULL);
    dir_put("bob", MAIL("a"), NULL);
    refresh_in_full();
    expect_renames(3, aside("bob"));
}

Test(address, a_ring_of_three_in_one_refresh)
{
    three();
    lost();
    dir_put("ann", MAIL("b"), NULL);
    dir_put("bob", MAIL("c"), NULL);
    dir_put("cid", MAIL("a"), NULL);
    refresh_in_full();
    expect_renames(4, aside("cid"));
}

Test(address, a_ring_that_took_several_sessions_to_arise)
{
    three();
    changes("ann", MAIL("b"), NULL);
    scene_reopen();
    session(true);
    dir_put("bob", MAIL("c"), NULL);
    tell("bob");
    done_delete();
    scene_reopen();
    session(true);
    done_delete();
    expect_nothing();
    changes("cid", MAIL("a"), NULL);
    expect_renames(4, aside("cid"));
}

Test(address, a_ring_whose_renames_were_held_and_approved)
{
    three();
    conf.guard.max_deletes = 2;
    lost();
    dir_put("ann", MAIL("b"), NULL);
    dir_put("bob", MAIL("c"), NULL);
    dir_put("cid", MAIL("a"), NULL);
    refresh_in_full();
    expect_nothing();
    expect_hold(1, 3, false);
    approve(1, 0);
    expect_renames(4, aside("cid"));
}

Test(address, two_rings_at_once)
{
    three();
    lost();
    dir_put("ann", MAIL("b"), NULL);
    dir_put("bob", MAIL("a"), NULL);
    dir_put("u000", MAIL("u001"), NULL);
    dir_put("u001", MAIL("u000"), NULL);
    refresh_in_full();
    expect_many(6, "rename ");
    expect_none("ann");
    expect_none("u000");
}

Test(address, a_rename_to_the_address_of_one_that_is_deleted)
{
    three();
    deletes("bob");
    answer();
    changes("ann", MAIL("b"), NULL);
    pass_s(299);
    expect_nothing();
    pass_s(1);
    answer();
    expect("delete b@example.com (delete, persist)", "rename b@example.com < a@example.com (rename, persist)", NULL);
}

Test(address, an_own_alias_that_becomes_the_address_is_removed_before)
{
    dir_put("ann", MAIL("a"), "axsyncAlias", "x", "axsyncAlias", "y", NULL);
    refresh_in_full();
    expect_many(1, "create ");
    changes("ann", MAIL("x"), "axsyncAlias", "y", NULL);
    pass_s(10);
    expect("update a@example.com aliases=y@example.com (rename, persist)",
           "rename x@example.com < a@example.com (rename, persist)", NULL);
    changes("ann", MAIL("y"), NULL);
    pass_s(10);
    expect("update x@example.com -aliases (rename, persist)", "rename y@example.com < x@example.com (rename, persist)",
           NULL);
}

Test(address, an_old_address_that_becomes_an_alias)
{
    dir_put("ann", MAIL("ann.lee"), NULL);
    refresh_in_full();
    expect_many(1, "create ");
    changes("ann", MAIL("ann.low"), "axsyncAlias", "ann.lee", NULL);
    expect("rename ann.low@example.com < ann.lee@example.com (rename, persist)",
           "update ann.low@example.com aliases=ann.lee@example.com (rename, persist)", NULL);
    pass_s(10);
    expect_none("ann");
}

Test(address, an_alias_that_is_somebodys_address_is_left_out)
{
    three();
    changes("ann", MAIL("a"), "axsyncAlias", "b", "axsyncAlias", "z", NULL);
    expect("update a@example.com aliases=z@example.com (modify, persist)", NULL);
}

Test(address, an_alias_is_reserved_while_its_removal_is_pending)
{
    dir_put("ann", MAIL("a"), "axsyncAlias", "x", NULL);
    refresh_in_full();
    expect_many(1, "create ");
    changes("ann", MAIL("a"), NULL);
    dir_put("abe", MAIL("x"), NULL);
    tell("abe");
    expect_nothing();
    pass_s(1);
    expect("update a@example.com -aliases (modify, persist)", "create x@example.com (resolve, local)", NULL);
}
