/* 389 Directory Server: no CSNs, no stamps that tell what is newer, resumes that do not tell everything. */
#include <criterion/criterion.h>

#include "harness.h"

static void begin(void)
{
    scene_open();
    provider_is_389();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    dir_put_many(18);
    conf.delete_grace = 0;
}

TestSuite(ds389, .init = begin, .fini = scene_close, .timeout = 60);

static void first_refresh(void)
{
    session(false);
    tell_all();
    done_delete();
    expect_many(20, "create ");
    pass_s(1);
    cr_assert_not(is_listing_due());
}

Test(ds389, a_refresh_only_with_a_cookie_proves_no_absence)
{
    poll_begins(false);
    tell_all();
    polled(true);
    expect_many(20, "create ");
    pass_s(1);
    poll_begins(true);
    polled(true);
    cr_assert_eq(asked(), 0u);
    expect_none("ann");
    expect_nothing();
}

Test(ds389, what_a_resume_tells_counts_and_is_read_again)
{
    first_refresh();
    lost();
    session(true);
    dir_put("ann", "givenName", "Anna", NULL);
    tell("ann");
    done_delete();
    expect("update ann@example.com contactInfo.firstName=Anna (modify, refresh)", NULL);
    cr_assert(was_asked("ann"));
    answer();
    expect_nothing();
    cr_assert_eq(asked(), 0u);
}

Test(ds389, an_answer_that_a_message_overtook_is_asked_for_again)
{
    first_refresh();
    lost();
    session(true);
    dir_put("ann", "givenName", "Anna", NULL);
    tell("ann");
    done_delete();
    expect_any();
    changes("ann", "givenName", "Annette", NULL);
    expect("update ann@example.com contactInfo.firstName=Annette (modify, persist)", NULL);
    answer_older("ann");
    expect_nothing();
    cr_assert(was_asked("ann"));
    answer();
    expect_nothing();
    cr_assert_eq(asked(), 0u);
}

Test(ds389, all_is_listed_soon_after_a_resume)
{
    first_refresh();
    lost();
    session(true);
    done_delete();
    cr_assert_not(is_listing_due());
    pass_s(conf.max_retry_interval);
    cr_assert(is_listing_due());
}

/* e-syncRefreshRequired, or a trimmed changelog. */
Test(ds389, what_the_same_server_does_not_show_is_gone)
{
    first_refresh();
    lost();
    dir_remove("ann");
    session(false);
    tell_all();
    done_delete();
    cr_assert(was_asked("ann"));
    answer_without_context("ldap://one");
    pass_s(2);
    answer_without_context("ldap://one");
    expect("delete ann@example.com (absent, refresh)", NULL);
}

/* Nothing tells whether it lags. */
Test(ds389, what_another_server_does_not_show_is_held)
{
    first_refresh();
    lost();
    dir_remove("ann");
    session_of("ldap://two");
    tell_all();
    done_delete();
    answer_without_context("ldap://two");
    expect_hold(1, 1, false);
    pass_s(1000);
    expect_nothing();
}

Test(ds389, a_number_that_moves_without_a_message_issues_the_search_again)
{
    first_refresh();
    watch();
    expect_restart(NULL);
    dir_put("carol", NULL);
    watch();
    pass_s(2 * conf.watchdog_interval);
    watch();
    expect_restart("lastChangeNumber moved");
}
