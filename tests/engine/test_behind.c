/* Providers that are behind, restored from a backup, emptied or reloaded: what they show and do not show. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "harness.h"

/* ann's last change is the 3rd, bob's the 2nd. */
static void begin(void)
{
    scene_open();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    dir_put("ann", "givenName", "Anna", NULL);
    refresh_in_full();
    lost();
    expect_many(2, "create ");
}

TestSuite(behind, .init = begin, .fini = scene_close, .timeout = 60);

/* Back to where it was after its 2nd change; our cookie is that of the 3rd. */
static void refused(void)
{
    provider_csn(2);
    session_refused();
}

Test(behind, a_refusal_is_durable)
{
    refused();
    cr_assert_str_empty(cookie_stored());
    scene_reopen();
    cr_assert_str_empty(cookie_stored());
}

Test(behind, older_content_and_absence_mean_nothing)
{
    refused();
    tell_older("ann");
    done_delete();
    cr_assert_eq(asked(), 0u);
    expect_nothing();
    cr_assert_str_empty(cookie_stored());
    cr_assert(strstr(mirror->last_error, "is behind for server ID 000"), "%s", mirror->last_error);
    cr_assert(strstr(mirror->last_error, "axsync resync"));
    expect_restart(NULL);
}

Test(behind, newer_content_counts)
{
    refused();
    dir_put("ann", "givenName", "Annie", NULL);
    tell("ann");
    done_delete();
    expect("update ann@example.com contactInfo.firstName=Annie (modify, refresh)", NULL);
}

Test(behind, nobody_returns_who_is_gone)
{
    dir_put("cat", NULL);    /* its 4th change: bob and cat are told and gone */
    session(true);
    tell("cat");
    done_delete();
    deletes("bob");
    answer();
    pass_s(300);
    answer();
    lost();
    expect_many(2, "");
    provider_csn(3);
    session(true);
    tell("bob");
    dir_put("dan", NULL);
    tell("dan");
    done_delete();
    expect("create dan@example.com (add, refresh)", NULL);
}

Test(behind, the_cookie_replaces_nothing)
{
    char before[256];

    snprintf(before, sizeof(before), "%s", cookie_stored());
    provider_csn(2);
    session(true);
    done_delete();
    cr_assert_str_eq(cookie_stored(), before);
    tell_older("ann");
    cr_assert_str_eq(cookie_stored(), before);
}

Test(behind, a_lagging_one_that_catches_up_is_asked_again_with_the_cookie)
{
    provider_csn(2);
    session(true);
    done_present();
    cr_assert_eq(asked(), 0u, "neither ann nor bob was shown");
    expect_restart(NULL);
    provider_csn(3);
    watch();
    expect_restart("has caught up");
    cr_assert_str_not_empty(cookie_stored());
    session(true);
    tell("bob");
    done_present();
    cr_assert(was_asked("ann"));
    dir_remove("ann");
    answer();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
}

Test(behind, one_that_catches_up_in_its_refresh_is_asked_again)
{
    provider_csn(2);
    session(true);
    tell_older("ann");
    provider_csn(-1);
    done_present();
    expect_restart("caught up");
    cr_assert_eq(asked(), 0u);
}

/* Its contextCSN stays where it was, whatever its cookies say. */
Test(behind, one_that_contradicts_itself_is_not_asked_for_ever)
{
    provider_csn(2);
    session(true);
    provider_csn(-1);
    done_present();
    expect_restart("caught up");
    provider_csn(2);
    session(true);
    tell("bob");
    provider_csn(-1);
    done_present();
    expect_restart(NULL);
    cr_assert(was_asked("ann"), "its cookie is not behind");
    provider_csn(2);
    for (int i = 0; i < 3; i++) {
        session(true);
        done_delete();
        changes("bob", "sn", many(i), NULL);
        expect_restart(NULL);
    }
}

/* Restored, and then somebody writes: what is older counts now, and who is not there is held. */
Test(behind, a_restored_one_with_its_first_write)
{
    refused();
    tell_older("ann");
    done_delete();
    provider_csn(-1);
    changes("bob", "sn", "Lee", NULL);
    expect("update bob@example.com contactInfo.lastName=Lee (modify, persist)", NULL);
    expect_restart("has caught up");
    scene_reopen();
    cr_assert_str_empty(cookie_stored());
    session(false);
    tell_older("ann");
    dir_remove("bob");
    done_delete();
    expect("update ann@example.com contactInfo.firstName=Ann (modify, refresh)", NULL);
    answer();
    expect_pending("bob", PENDING_DELETE, PENDING_HELD);
    expect_hold(1, 1, false);
    cr_assert_str_not_empty(cookie_stored());
    lost();
    session(true);
    done_delete();
    expect_restart(NULL);
}

Test(behind, one_that_was_restored_and_written_to_while_nobody_looked)
{
    struct slice why;

    dir_put("cat", NULL);
    session(true);
    tell("cat");
    done_delete();
    expect_many(1, "create ");
    lost();
    dir_put("bob", "sn", "New", NULL);
    session(true);
    tell_older("ann");    /* first */
    done_delete();
    cr_assert(was_asked("ann"));
    answer_older("ann");  /* and again */
    expect_restart("went back to an older state");
    mirror_begin(mirror);
    cr_assert(meta_get(mirror->t, "suspicion", "account", &why));
    cr_assert_str_empty(cookie_stored());
    session(false);
    tell_older("ann");
    tell("bob");
    tell("cat");
    done_delete();
    expect("update ann@example.com contactInfo.firstName=Ann (modify, refresh)",
           "update bob@example.com contactInfo.lastName=New (modify, refresh)", NULL);
}

/* Found missing before anybody knew that a backup had been put back. */
Test(behind, absences_that_wait_are_held_as_suspicion_arises)
{
    dir_remove("bob");
    session(true);
    tell_present("ann");
    done_present();
    answer();
    expect_pending("bob", PENDING_DELETE, PENDING_WAITING);
    provider_mark("other");
    watch();
    expect_pending("bob", PENDING_DELETE, PENDING_HELD);
    pass_s(1000);
    expect_nothing();
}

Test(behind, an_older_read_that_a_message_overtook_proves_nothing)
{
    session(true);
    done_delete();
    tell_older("ann");
    cr_assert(was_asked("ann"));
    answer();
    expect_restart(NULL);
    expect_nothing();
}

Test(behind, one_that_was_emptied)
{
    provider_csn(0);
    session_refused();
    done_without_any();
    cr_assert_eq(asked(), 0u);
    cr_assert(strstr(mirror->last_error, "no contextCSN any more"), "%s", mirror->last_error);
    pass_s(1000);
    expect_nothing();
    lost();
    provider_csn(-1);      /* its data is back, as it was */
    session(false);
    tell_all();
    done_delete();
    expect_nothing();
    cr_assert_str_empty(mirror->last_error);
    cr_assert_eq(asked(), 0u);
    expect_holds(0);
}

Test(behind, no_sweep_after_a_list_that_ends_without_any_csn)
{
    provider_csn(0);
    session(true);
    tell("bob");
    done_without_cookie();
    cr_assert_eq(asked(), 0u);
    expect_restart(NULL);
}

/* slapd 2.6.14 repeats the whole list and gives no cookie when nothing has changed; contextCSN was read before. */
Test(behind, a_sweep_after_a_list_that_ends_without_a_cookie)
{
    session(true);
    tell("bob");
    done_without_cookie();
    cr_assert(was_asked("ann"));
}

Test(behind, another_mark_is_suspicion)
{
    provider_mark("other");
    session(true);
    expect_restart("read anew");
    cr_assert_str_empty(cookie_stored());
    session(false);
    tell("bob");
    done_delete();
    answer_as(LOOKUP_DELETED);
    expect_pending("ann", PENDING_DELETE, PENDING_HELD);
    lost();
    session(true);
    expect_restart(NULL);
    done_delete();
}

Test(behind, another_mark_that_the_watchdog_sees)
{
    session(true);
    done_delete();
    watch();
    expect_restart(NULL);
    provider_mark("other");
    watch();
    expect_restart("reloaded");
    cr_assert_str_empty(cookie_stored());
}

Test(behind, a_mark_that_cannot_be_read_says_nothing)
{
    provider_mark(NULL);
    session(true);
    done_delete();
    watch();
    expect_restart(NULL);
    cr_assert_str_not_empty(cookie_stored());
}

Test(behind, a_right_that_is_lost_in_sync_is_told_and_all_is_compared_when_it_is_back)
{
    session(true);
    done_delete();
    watch();
    cr_assert_str_empty(mirror->last_error);
    cr_assert_not(is_listing_due());
    provider_mark(NULL);
    watch();
    cr_assert_not_null(strstr(mirror->last_error, "the base entry can't be read any more"), "%s", mirror->last_error);
    cr_assert(sight_is_lost(mirror));
    watch();
    cr_assert_not(is_listing_due());
    provider_mark("base");
    watch();
    cr_assert_str_empty(mirror->last_error);
    cr_assert_not(sight_is_lost(mirror));
    cr_assert(is_listing_due());
}

Test(behind, without_a_context_only_the_known_base_is_believed)
{
    session(true);
    done_delete();
    deletes("ann");
    provider_mark(NULL);
    answer_without_context("ldap://one");
    expect_pending("ann", PENDING_DELETE, PENDING_UNPROVEN);
    pass_s(10);
    provider_mark("base");
    answer_without_context("ldap://one");
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
}

Test(behind, a_resync_of_what_is_and_stays_behind)
{
    refused();
    tell_older("ann");
    done_delete();
    resync();
    expect_restart("the operator asked");
    session(false);
    tell_older("ann");
    tell("bob");
    done_delete();
    expect("update ann@example.com contactInfo.firstName=Ann (modify, refresh)", NULL);
    cr_assert_str_empty(mirror->last_error);
    cr_assert_str_not_empty(cookie_stored());
}

/* What was on its way when the operator said it brings no cookie back. */
Test(behind, a_resync_is_not_undone_by_what_was_on_its_way)
{
    session(true);
    done_delete();
    resync();
    tell("bob");
    cr_assert_str_empty(cookie_stored());
    session(true);         /* and it had begun once more meanwhile */
    expect_restart("read anew");
    cr_assert_str_empty(cookie_stored());
}

/* Behind, and not refused: the session goes on. */
static void lags(void)
{
    provider_csn(2);
    session(true);
    done_delete();
    cr_assert(elsewhere_is_sought(mirror));
}

Test(behind, nobody_is_sought_while_the_provider_is_well)
{
    session(true);
    done_delete();
    cr_assert_not(elsewhere_is_sought(mirror));
    elsewhere("ldap://two", 3);
    expect_restart(NULL);
}

Test(behind, it_goes_to_who_has_all)
{
    lags();
    elsewhere("ldap://two", 3);
    expect_move("ldap://two");
    expect_restart("ldap://one is behind, and ldap://two has all");
}

Test(behind, it_does_not_go_to_who_is_behind_too)
{
    lags();
    elsewhere("ldap://two", 2);
    elsewhere("ldap://two", 0);
    expect_restart(NULL);
    expect_move(NULL);
}

Test(behind, nobody_is_sought_once_it_has_caught_up)
{
    lags();
    provider_csn(3);
    watchdog();
    expect_restart("the server has caught up: the search is issued again");
    expect_move(NULL);
    cr_assert_not(elsewhere_is_sought(mirror));
}
