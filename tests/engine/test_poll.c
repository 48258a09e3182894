/* The polling modes. */
#include <criterion/criterion.h>

#include "harness.h"

static void begin(void)
{
    scene_open();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    dir_put("carol", NULL);
    dir_put_many(20);
    conf.delete_grace = 0;
}

/* With sync searches, without a cookie. */
static void first_poll(void)
{
    poll_begins(false);
    tell_all();
    polled(true);
    expect_many(23, "create ");
    pass_s(1);
}

/* With plain searches: all content. */
static void first_search(void)
{
    search_poll(false);
    found_all();
    searched(0, true);
    expect_many(23, "create ");
    pass_s(1);
}

TestSuite(poll, .init = begin, .fini = scene_close, .timeout = 60);

Test(poll, is_complete_until_the_next_begins)
{
    first_poll();
    cr_assert_neq(mirror->insync_ms, 0);
    cr_assert_neq(mirror->polled, 0u);
    poll_begins(true);
    cr_assert_eq(mirror->insync_ms, 0);
    cr_assert_eq(mirror->polled, 0u);
    dir_put("ann", "givenName", "Anna", NULL);
    tell("ann");
    polled(false);
    expect("update ann@example.com contactInfo.firstName=Anna (modify, poll)", NULL);
    cr_assert_neq(mirror->insync_ms, 0);
}

/* A session of a poll begins without what was lost in the one before. */
Test(poll, what_cannot_be_read_any_more_is_lost_until_it_can)
{
    first_poll();
    watch();
    provider_mark(NULL);
    watch();
    cr_assert(sight_is_lost(mirror));
    poll_begins(true);
    watch();
    polled(false);
    watch();
    cr_assert(sight_is_lost(mirror));
    cr_assert_not(is_listing_due());
    provider_mark("base");
    watch();
    cr_assert_not(sight_is_lost(mirror));
    cr_assert(is_listing_due());
}

Test(poll, deletes_go_out_between_two_polls)
{
    first_poll();
    poll_begins(true);
    dir_remove("ann");
    tell_gone("ann");
    polled(false);
    answer();
    pass_s(2);
    answer();
    expect("delete ann@example.com (delete, poll)", NULL);
}

/* slapd's refreshOnly leaves out what is modified while it runs. */
Test(poll, what_it_leaves_out_is_looked_up)
{
    first_poll();
    resync();
    poll_begins(false);
    for (int i = 0; i < 20; i++)
        tell(many(i));
    tell("bob");
    tell("carol");
    polled(true);
    cr_assert(was_asked("ann"));
    answer();
    pass_s(10);
    expect_nothing();
    expect_none("ann");
}

Test(poll, that_failed_is_not_complete)
{
    first_poll();
    poll_begins(true);
    end_of_search(4);
    cr_assert_eq(mirror->insync_ms, 0);
    cr_assert_eq(mirror->polled, 0u);
}

Test(poll, silence_between_two_polls_is_no_lost_session)
{
    first_poll();
    silence();
    expect_restart(NULL);
    poll_begins(true);
    silence();
    expect_restart("no answer");
}

Test(poll, the_watchdog_does_not_hurry_the_next_one)
{
    first_poll();
    dir_put("ann", "givenName", "Anna", NULL);   /* contextCSN moves */
    for (int i = 0; i < 10; i++) {
        watch();
        pass_s(conf.watchdog_interval);
    }
    expect_restart(NULL);
    cr_assert_neq(mirror->ahead[0].since_ms, 0);
}

/* ---- mode search ---- */

Test(poll, search_lists_what_differs)
{
    first_search();
    cr_assert_str_eq(cookie_stored(), "searched");
    search_poll(true);
    dir_put("ann", "givenName", "Anna", NULL);
    dir_put("dora", NULL);
    dir_remove("bob");
    listed_all();
    searched(0, true);
    cr_assert_eq(asked(), 3u);
    answer();
    expect_first("update ann@example.com contactInfo.firstName=Anna (modify, poll)");
    expect_any();
    expect_state("dora", OBJECT_MIRRORED);
    pass_s(2);
    answer();
    expect("delete bob@example.com (absent, poll)", NULL);
}

Test(poll, search_without_a_list_takes_nothing_away)
{
    first_search();
    search_poll(true);
    dir_put("ann", "givenName", "Anna", NULL);
    found("ann");
    searched(0, false);
    expect("update ann@example.com contactInfo.firstName=Anna (modify, poll)", NULL);
    cr_assert_eq(asked(), 0u);
    cr_assert_neq(mirror->insync_ms, 0);
}

Test(poll, search_that_failed_proves_nothing)
{
    static const int codes[] = { 3, 4, 11, 32, 50, 51, 52, 53, 80 };

    first_search();
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        search_poll(true);
        listed("ann");
        searched(codes[i], true);
        cr_assert_eq(asked(), 0u);
        cr_assert_eq(mirror->insync_ms, 0);
    }
    search_poll(true);
    lost();
    cr_assert_eq(asked(), 0u);
    pass_s(100);
    expect_nothing();
}

Test(poll, search_of_an_emptied_server_is_held)
{
    first_search();
    for (int i = 0; i < 20; i++)
        dir_remove(many(i));
    dir_remove("ann");
    dir_remove("bob");
    dir_remove("carol");
    search_poll(true);
    searched(0, true);
    answer_without_context("ldap://one");
    pass_s(100);
    expect_nothing();
    expect_holds(1);
}

/* A backup without contextCSN: who went back and who is missing show in one list. */
Test(poll, search_of_a_restored_server_is_held)
{
    first_search();
    dir_put("ann", "givenName", "Anna", NULL);
    search_poll(true);
    found("ann");
    searched(0, false);
    expect_any();
    dir_remove("bob");
    search_poll(true);
    listed_older("ann");
    listed("carol");
    for (int i = 0; i < 20; i++)
        listed(many(i));
    searched(0, true);
    answer_without_context("ldap://one");
    pass_s(100);
    expect_nothing();
    expect_holds(1);
}

Test(poll, search_keeps_the_cookie_of_a_sync_search)
{
    refresh_in_full();
    expect_any();
    search_poll(true);
    listed_all();
    searched(0, true);
    cr_assert_eq(asked(), 0u);
    expect_nothing();
    cr_assert(strstr(cookie_stored(), "rid="), "%s", cookie_stored());
    session(true);
    done_delete();
    expect_nothing();
}

Test(poll, search_of_a_server_that_is_behind_takes_nothing_away)
{
    refresh_in_full();
    expect_any();
    search_poll_at(1);
    for (int i = 0; i < 20; i++)
        listed(many(i));
    searched(0, true);
    cr_assert_eq(asked(), 0u);
    pass_s(100);
    expect_nothing();
}

/* The overlay was taken away, the right to read it was lost, or the server was emptied. */
Test(poll, search_where_the_context_csn_has_gone_takes_nothing_away)
{
    refresh_in_full();
    expect_any();
    dir_remove("bob");
    dir_put("ann", "givenName", "Anna", NULL);
    search_poll(true);
    found("ann");
    listed_all();
    searched(0, true);
    expect("update ann@example.com contactInfo.firstName=Anna (modify, poll)", NULL);
    cr_assert_eq(asked(), 0u);
    cr_assert(strstr(mirror->last_error, "no contextCSN any more"), "%s", mirror->last_error);
    pass_s(100);
    expect_nothing();
    watch();
    expect_restart("has caught up");
}

Test(poll, search_of_a_server_that_is_not_behind_proves_what_is_missing)
{
    refresh_in_full();
    expect_any();
    dir_remove("bob");
    search_poll_at(24);   /* of the removal */
    listed_all();
    searched(0, true);
    cr_assert(was_asked("bob"));
    answer();
    pass_s(2);
    answer();
    expect("delete bob@example.com (absent, poll)", NULL);
}

/* It may never have had what the other one showed. */
Test(poll, search_of_another_server_without_context_csn_is_held)
{
    first_search();
    dir_remove("bob");
    search_poll_of("ldap://two");
    listed_all();
    searched(0, true);
    answer_without_context("ldap://two");
    pass_s(100);
    expect_nothing();
    expect_holds(1);
}

/* … and from then on it is the one that showed the entries. */
Test(poll, search_of_another_server_for_the_second_time_counts)
{
    first_search();
    search_poll_of("ldap://two");
    listed_all();
    searched(0, true);
    dir_remove("bob");
    search_poll_of("ldap://two");
    listed_all();
    searched(0, true);
    answer_without_context("ldap://two");
    pass_s(2);
    answer_without_context("ldap://two");
    expect("delete bob@example.com (absent, poll)", NULL);
}

Test(poll, search_of_a_reloaded_database_reads_all_anew)
{
    first_search();
    provider_mark("another");
    dir_remove("bob");
    search_poll(true);
    expect_restart("read anew");
    cr_assert_str_empty(cookie_stored());
    search_poll(false);
    found_all();
    searched(0, true);
    answer_without_context("ldap://one");
    pass_s(100);
    expect_nothing();
    expect_holds(1);
}

Test(poll, search_of_a_server_that_is_behind_reads_nothing_older)
{
    refresh_in_full();
    expect_any();
    dir_put("ann", "givenName", "Anna", NULL);
    search_poll_at(24);
    found("ann");
    searched(0, false);
    expect("update ann@example.com contactInfo.firstName=Anna (modify, poll)", NULL);
    search_poll_at(5);
    listed_older("ann");
    searched(0, true);
    cr_assert_eq(asked(), 0u, "no look-up counts there");
    expect_nothing();
}

/* The suffix may never be read: the CSNs that are known come from cookies, and say nothing of a poll without them. */
Test(poll, where_no_context_was_ever_shown_nobody_is_behind)
{
    dir_put("ann", "givenName", "Ann", NULL);
    provider_csn(0);
    session(false);
    tell("ann");
    provider_csn(-1);
    done_present();
    cr_assert_gt(mirror->searches[0].highest.n, 0u, "the cookie has one");
    lost();
    expect_many(1, "create ");
    search_poll(true);
    listed("ann");
    searched(0, true);
    cr_assert_not(mirror->searches[0].behind, "%s", mirror->last_error);
    dir_put("bob", NULL);
    search_poll(true);
    found("bob");
    searched(0, false);
    expect_many(1, "create bob");
}
