/* Absence is a hypothesis: what a refresh did not show. */
#include <criterion/criterion.h>

#include "harness.h"

static void begin(void)
{
    scene_open();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    dir_put_many(18);
    refresh_in_full();
    lost();
    expect_many(20, "create ");
}

TestSuite(absence, .init = begin, .fini = scene_close, .timeout = 60);

/* All but ann, in a refresh without a cookie. */
static void show_all_but_ann(void)
{
    session(false);
    tell("bob");
    for (int i = 0; i < 18; i++)
        tell(many(i));
}

Test(absence, after_a_full_refresh_is_looked_up)
{
    dir_remove("ann");
    show_all_but_ann();
    expect_none("ann");
    done_present();
    expect_pending("ann", PENDING_DELETE, PENDING_UNPROVEN);
    cr_assert_eq(asked(), 1u);
    answer();
    pass_s(300);
    answer();
    expect("delete ann@example.com (absent, refresh)", NULL);
}

Test(absence, whatever_the_server_calls_the_phase)
{
    dir_remove("ann");
    show_all_but_ann();
    done_delete();
    cr_assert(was_asked("ann"));
}

Test(absence, of_one_that_is_there_is_nothing)
{
    show_all_but_ann();
    done_present();
    answer();
    expect_none("ann");
    pass_s(1000);
    expect_nothing();
}

Test(absence, proves_to_be_a_leave)
{
    dir_leaves("ann");
    show_all_but_ann();
    done_present();
    answer();
    pass_s(300);
    answer();
    expect("delete ann@example.com (leave, refresh)", NULL);
}

Test(absence, in_a_present_phase_with_a_cookie)
{
    const char *const present[] = { "u001", "u002", "u003", "u004", "u005", NULL };

    dir_remove("ann");
    session(true);
    for (int i = 6; i < 18; i++)
        tell_present(many(i));
    tell_present("u000");
    tell_set(false, present);
    tell("bob");
    done_present();
    cr_assert_eq(asked(), 1u);
    cr_assert(was_asked("ann"));
    answer();
    pass_s(300);
    answer();
    expect("delete ann@example.com (absent, refresh)", NULL);
}

Test(absence, means_nothing_in_a_delete_phase)
{
    session(true);
    tell("bob");
    done_delete();
    cr_assert_eq(asked(), 0u);
    expect_none("ann");
}

Test(absence, means_nothing_if_the_refresh_broke_off)
{
    session(false);
    tell("bob");
    lost();
    pass_s(1000);
    expect_none("ann");
    session(false);
    tell("bob");
    end_of_search(51);
    pass_s(1000);
    expect_none("ann");
    session(false);
    tell("bob");
    scene_reopen();
    pass_s(1000);
    cr_assert_eq(asked(), 0u);
    expect_nothing();
}

Test(absence, means_nothing_if_the_server_is_behind)
{
    session(false);
    tell("bob");
    done_with("rid=001,csn=20261124074955.000001Z#000000#000#000000");
    cr_assert_eq(asked(), 0u);
    expect_none("ann");
    cr_assert_str_eq(cookie_stored(), "rid=001,csn=20261124074955.000020Z#000000#000#000000");
}

Test(absence, means_nothing_if_the_server_lacks_a_server_id)
{
    session(false);
    tell("bob");
    done_with("rid=001,csn=20261124080000.000001Z#000000#001#000000");
    cr_assert_eq(asked(), 0u);
    expect_none("ann");
}

Test(absence, means_nothing_if_an_empty_server_has_no_cookie)
{
    session(false);
    done_without_cookie();
    cr_assert_eq(asked(), 0u);
    pass_s(100000);
    expect_nothing();
    expect_none("ann");
    cr_assert_str_not_empty(cookie_stored());
}

Test(absence, means_nothing_after_a_present_phase_without_a_cookie_at_its_end)
{
    provider_csn(0);
    session(true);
    tell_present("bob");
    done_without_cookie();
    cr_assert_eq(asked(), 0u);
    expect_none("ann");
}

Test(absence, means_nothing_if_the_cookie_at_the_end_is_malformed)
{
    session(false);
    tell("bob");
    done_with("rid=001,csn=2026");
    cr_assert_eq(asked(), 0u);
    expect_none("ann");
}

Test(absence, of_everything_is_held)
{
    session(false);
    dir_put("new", NULL);
    dir_remove("new");
    done_present();
    cr_assert_eq(asked(), 20u);
    for (int i = 0; i < 18; i++)
        dir_remove(many(i));
    dir_remove("ann");
    dir_remove("bob");
    answer();
    expect_hold(1, 20, false);
    pass_s(100000);
    expect_nothing();
}

Test(absence, after_a_change_of_the_configuration_is_held)
{
    static char base[] = "ou=staff,dc=example,dc=com";

    conf.account_base = base;
    scene_reopen();
    cr_assert_str_empty(cookie_stored());
    scene_reopen();   /* the suspicion is durable */
    dir_remove("ann");
    dir_leaves("bob");
    refresh_in_full();
    cr_assert_eq(asked(), 2u);
    answer();
    expect_pending("ann", PENDING_DELETE, PENDING_HELD);
    expect_pending("bob", PENDING_DELETE, PENDING_HELD);
    expect_holds(1);
    pass_s(100000);
    expect_nothing();
    approve(1, 0);
    answer();
    expect("delete ann@example.com (absent, refresh)", "delete bob@example.com (leave, refresh)", NULL);
    deletes("u001");   /* the suspicion is over with the refresh */
    answer();
    expect_pending("u001", PENDING_DELETE, PENDING_WAITING);
}

/* Another bind identity may see less: what was missing before it came is as much in doubt as what is missing then. */
Test(absence, that_waits_as_the_configuration_changes_is_held)
{
    static char base[] = "ou=staff,dc=example,dc=com";

    dir_remove("ann");
    dir_remove("u003");
    refresh_in_full();
    answer_one_as(LOOKUP_DELETED);
    answer_one_as(LOOKUP_UNPROVEN);
    conf.account_base = base;
    scene_reopen();
    pass_s(10);
    answer();
    expect_pending("ann", PENDING_DELETE, PENDING_HELD);
    expect_pending("u003", PENDING_DELETE, PENDING_HELD);
    pass_s(100000);
    expect_nothing();
}

/* Found missing by a look-up that was made for another reason. */
Test(absence, that_a_look_up_shows_under_suspicion_is_held)
{
    static char base[] = "ou=staff,dc=example,dc=com";
    uint8_t uuid[UUID_BYTES];

    conf.account_base = base;
    scene_reopen();
    dir_remove("ann");
    uuid_of("ann", uuid);
    search_ask(&mirror->searches[0], uuid);
    pass_s(1);
    answer();
    pass_s(1);
    answer();
    expect_pending("ann", PENDING_DELETE, PENDING_HELD);
}

Test(absence, what_comes_back_leaves_the_hold_of_a_suspicion)
{
    static char base[] = "ou=staff,dc=example,dc=com", before[] = "ou=people,dc=example,dc=com";

    conf.account_base = base;
    scene_reopen();
    dir_leaves("ann");
    dir_leaves("bob");
    refresh_in_full();
    answer();
    expect_hold(1, 2, false);
    conf.account_base = before;
    scene_reopen();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    refresh_in_full();
    while (asked())
        answer();
    expect_holds(0);
    expect_none("ann");
    expect_nothing();
}

Test(absence, what_is_listed_as_present_again_is_looked_up_and_leaves_the_hold)
{
    dir_leaves("ann");   /* an access rule hides her */
    session(false);
    tell_all();
    done_present();
    answer();
    conf.guard.max_deletes = 1;
    dir_leaves("bob");
    tell_gone("bob");
    answer();
    expect_hold(1, 2, false);
    lost();
    dir_put("ann", "givenName", "Ann", NULL);   /* the rule is gone: nothing of her changed */
    session(true);
    tell_present("ann");
    for (int i = 0; i < 18; i++)
        tell_present(many(i));
    done_present();
    answer();
    expect_none("ann");
    expect_pending("bob", PENDING_DELETE, PENDING_HELD);
    expect_hold(1, 1, false);
}

Test(absence, a_server_that_is_behind_brings_nothing_back)
{
    session(true);
    done_delete();
    deletes("ann");
    answer();
    lost();
    session(false);
    dir_put("ann", "givenName", "Ann", NULL);
    tell_all();
    done_with("rid=001,csn=20261124074955.000001Z#000000#000#000000");
    dir_remove("ann");
    lost();
    session(true);   /* back to the one that has told us already */
    done_delete();
    pass_s(300);
    while (asked())
        answer();
    pass_s(300);
    while (asked())
        answer();
    expect_many(1, "delete ann@example.com");
}

Test(absence, of_one_that_waits_for_an_address_ends_its_wait)
{
    session(true);
    done_delete();
    dir_put("ann2", "mail", "ann@example.com", NULL);
    tell("ann2");
    expect_waits("ann2", true);
    lost();
    dir_remove("ann2");
    refresh_in_full();
    answer();
    expect_waits("ann2", false);
    deletes("ann");
    answer();
    pass_s(300);
    answer();
    expect("delete ann@example.com (delete, persist)", NULL);
}
