/* The course of things: loads, sessions, changes, and what survives what. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "harness.h"

TestSuite(course, .init = scene_open, .fini = scene_close, .timeout = 60);

Test(course, a_first_load_creates)
{
    dir_put("ann", "givenName", "Ann", "axsyncAlias", "a", NULL);
    dir_put("bob", "sn", "Bob", NULL);
    refresh_in_full();
    expect("create ann@example.com aliases=a@example.com contactInfo.firstName=Ann (add, refresh)",
           "create bob@example.com contactInfo.lastName=Bob (add, refresh)", NULL);
    cr_assert_str_eq(cookie_stored(), "rid=001,csn=20261124074955.000002Z#000000#000#000000");
    cr_assert_eq(mirror->store->objects[OBJECT_ACCOUNT], 2);
}

Test(course, the_same_content_again_is_no_action)
{
    dir_put_many(5);
    refresh_in_full();
    expect_many(5, "create ");
    lost();
    refresh_in_full();
    lost();
    session(true);
    tell("u002");
    done_delete();
    expect_nothing();
    cr_assert_eq(asked(), 0u);
}

Test(course, a_modify_tells_what_changed_and_nothing_else)
{
    dir_put("ann", "givenName", "Ann", "sn", "Lee", NULL);
    refresh_in_full();
    expect_many(1, "create ");
    changes("ann", "givenName", "Anna", "sn", "Lee", NULL);
    expect("update ann@example.com contactInfo.firstName=Anna (modify, persist)", NULL);
    changes("ann", "givenName", "Anna", "sn", "Lee", "title", "Dr", NULL);
    expect("update ann@example.com contactInfo.position=Dr (modify, persist)", NULL);
    changes("ann", "givenName", "Anna", "sn", "Lee", "title", "Dr", "description", "not mapped", NULL);
    expect_nothing();
}

Test(course, older_content_is_ignored)
{
    dir_put("ann", "givenName", "Ann", NULL);
    refresh_in_full();
    changes("ann", "givenName", "Anna", NULL);
    expect_many(2, "");
    lost();
    session(false);
    tell_older("ann");
    done_present();
    expect_nothing();
}

Test(course, resync_lets_older_content_count)
{
    dir_put("ann", "givenName", "Ann", NULL);
    refresh_in_full();
    changes("ann", "givenName", "Anna", NULL);
    expect_many(2, "");
    resync();
    expect_restart("the operator asked");
    cr_assert_str_empty(cookie_stored());
    lost();
    scene_reopen();   /* it is durable */
    session(false);
    tell_older("ann");
    done_present();
    expect("update ann@example.com contactInfo.firstName=Ann (modify, refresh)", NULL);
    lost();
    changes("ann", "givenName", "Anna", NULL);   /* and over with that refresh */
}

Test(course, what_the_kill_took_comes_again_and_nothing_twice)
{
    dir_put("ann", NULL);
    refresh_in_full();
    expect_many(1, "create ");
    scene_one_round(true);
    changes("ann", "sn", "Lee", NULL);
    dir_put("bob", NULL);
    tell("bob");
    scene_reopen();
    expect_nothing();
    session(true);
    tell("ann");
    tell("bob");
    done_delete();
    expect("update ann@example.com contactInfo.lastName=Lee (modify, refresh)", "create bob@example.com (add, refresh)",
           NULL);
    scene_reopen();
    session(true);
    done_delete();
    expect_nothing();
}

Test(course, a_kill_in_a_first_load)
{
    struct err e;

    dir_put_many(20);
    session(false);
    for (int i = 0; i < 10; i++)
        tell(many(i));
    cr_assert_eq(mirror_commit(mirror, &e), 0);   /* a part of it, bounded by size */
    for (int i = 10; i < 15; i++)
        tell(many(i));
    scene_reopen();
    refresh_in_full();
    expect_many(20, "create ");
    cr_assert_eq(asked(), 0u);
}

Test(course, a_first_load_that_breaks_off)
{
    dir_put_many(10);
    session(false);
    for (int i = 0; i < 4; i++)
        tell(many(i));
    lost();
    expect_many(4, "create ");
    refresh_in_full();
    expect_many(6, "create ");
}

Test(course, the_disk_is_full_in_a_first_load)
{
    struct err e;

    dir_put_many(10);
    session(false);
    for (int i = 0; i < 5; i++)
        tell(many(i));
    cr_assert_eq(mirror_commit(mirror, &e), 0);
    for (int i = 5; i < 9; i++)
        tell(many(i));
    scene_fail_commit(true);
    done_present();
    expect_restart("could not be");
    lost();
    refresh_in_full();
    expect_many(10, "create ");
}

Test(course, what_follows_a_failed_commit_does_not_move_the_cookie)
{
    char before[256];

    dir_put("ann", NULL);
    refresh_in_full();
    expect_many(1, "create ");
    snprintf(before, sizeof(before), "%s", cookie_stored());
    scene_fail_commit(true);
    changes("ann", "sn", "Lee", NULL);
    expect_restart("could not be stored");
    dir_put("bob", NULL);
    tell("bob");   /* was on its way when the commit failed */
    cr_assert_str_eq(cookie_stored(), before);
    lost();
    session(true);
    tell("ann");
    tell("bob");
    done_delete();
    expect("update ann@example.com contactInfo.lastName=Lee (modify, refresh)", "create bob@example.com (add, refresh)",
           NULL);
}

Test(course, an_entry_that_comes_twice_in_a_first_load)
{
    session(false);
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    tell("ann");
    tell("bob");
    dir_put("ann", "givenName", "Anna", NULL);
    tell("ann");
    dir_put("bob", "mail", "rob@example.com", NULL);
    tell("bob");
    done_present();
    expect("create ann@example.com contactInfo.firstName=Ann (add, refresh)", "create bob@example.com (add, refresh)",
           "update ann@example.com contactInfo.firstName=Anna (modify, refresh)",
           "rename rob@example.com < bob@example.com (rename, refresh)", NULL);
    expect_waits("ann", false);
    expect_waits("bob", false);
}

Test(course, an_invalid_entry_leaves_the_account_untouched)
{
    dir_put("ann", "givenName", "Ann", NULL);
    refresh_in_full();
    expect_many(1, "create ");
    changes("ann", "mail", "no good@@address", NULL);
    expect_invalid("ann", true);
    expect_none("ann");
    pass_s(100000);
    lost();
    refresh_in_full();
    expect_nothing();
    cr_assert_eq(asked(), 0u);
    changes("ann", "givenName", "Anna", NULL);
    expect("update ann@example.com contactInfo.firstName=Anna (modify, persist)", NULL);
    expect_invalid("ann", false);
}

Test(course, a_message_that_does_not_decode_is_present)
{
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    refresh_in_full();
    lost();
    session(false);
    tell("bob");
    tell_broken("ann");
    done_present();
    cr_assert_eq(asked(), 0u);
    expect_invalid("ann", true);
    expect_many(2, "create ");
}

Test(course, an_invalid_entry_that_goes_is_invalid_no_more)
{
    dir_put("ann", NULL);
    refresh_in_full();
    dir_put("bad", "mail", "@@", NULL);
    tell("bad");
    expect_invalid("bad", true);
    lost();
    dir_remove("bad");
    refresh_in_full();
    answer();
    expect_invalid("bad", false);
    expect_many(1, "create ");
}

Test(course, a_mapping_taken_out_of_the_configuration_clears_nothing)
{
    char sn[] = "sn", alias[] = "axsyncAlias", nothing[] = "";
    struct config_attribute off[] = { { sn, nothing, OBJECT_ACCOUNT }, { alias, nothing, OBJECT_ACCOUNT } };

    dir_put("ann", "sn", "Lee", "givenName", "Ann", "axsyncAlias", "a", NULL);
    refresh_in_full();
    expect_many(1, "create ");
    conf.attributes = off;
    conf.n_attributes = 2;
    scene_reopen();
    cr_assert_str_empty(cookie_stored());
    refresh_in_full();
    pass_s(100);
    changes("ann", "sn", "Lee", "givenName", "Anna", "axsyncAlias", "a", NULL);
    pass_s(100);
    expect("update ann@example.com contactInfo.firstName=Anna (modify, persist)", NULL);
    expect_none("ann");
    conf.n_attributes = 0;
    scene_reopen();
    refresh_in_full();
    pass_s(100);
    expect_nothing();
}

Test(course, a_uuid_listed_as_present_that_is_unknown_is_fetched)
{
    dir_put("ann", NULL);
    refresh_in_full();
    expect_many(1, "create ");
    lost();
    dir_put("bob", "sn", "Bob", NULL);
    session(true);
    tell_present("ann");
    tell_present("bob");
    done_present();
    cr_assert(was_asked("bob"));
    answer();
    expect("create bob@example.com contactInfo.lastName=Bob (add, refresh)", NULL);
}

Test(course, the_provider_asks_for_a_full_refresh)
{
    dir_put("ann", NULL);
    dir_put("bob", NULL);
    refresh_in_full();
    expect_many(2, "create ");
    end_of_search(4096);
    cr_assert_str_empty(cookie_stored());
    refresh_in_full();
    expect_nothing();
    cr_assert_eq(asked(), 0u);
    cr_assert_str_not_empty(cookie_stored());
}

/* As a walk over all that lies under a container commits between two pieces: what failed took the messages of its round with it. */
Test(course, a_commit_in_the_middle_that_fails_does_not_move_the_cookie)
{
    char before[256];
    struct err e;

    dir_put("ann", NULL);
    refresh_in_full();
    expect_many(1, "create ");
    snprintf(before, sizeof(before), "%s", cookie_stored());
    scene_one_round(true);
    changes("ann", "sn", "Lee", NULL);
    txn_append(mirror->t, TABLE_META, slice_of("\x01"), slice_of("not at the end"));
    cr_assert_neq(mirror_commit(mirror, &e), 0);
    scene_one_round(false);
    expect_restart("could not be stored");
    cr_assert_str_eq(cookie_stored(), before);
    session(true);
    tell("ann");
    done_delete();
    expect("update ann@example.com contactInfo.lastName=Lee (modify, refresh)", NULL);
}
