/* Several searches in one session: what each knows of itself, and what they share. */
#include <criterion/criterion.h>

#include "harness.h"

static char groups[] = "ou=groups,dc=example,dc=com", group_of_names[] = "groupOfNames";

static void begin(void)
{
    scene_open();
    conf.group_base = groups;
    conf.group_class = group_of_names;
    scene_reopen();
    cr_assert_eq(mirror->n_searches, 2u);
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    speak_of(SEARCH_GROUPS);
    dir_put("sales", NULL);
    dir_put("staff", NULL);
}

/* Both searches begin; the one for accounts is spoken of then. */
static void both(bool accounts_cookie, bool groups_cookie)
{
    session(accounts_cookie);
    speak_of(SEARCH_GROUPS);
    search_begins(groups_cookie);
    speak_of(SEARCH_ACCOUNTS);
}

static void load(void)
{
    both(false, false);
    tell_all();
    done_present();
    speak_of(SEARCH_GROUPS);
    tell_all();
    done_present();
    expect_any();
}

TestSuite(searches, .init = begin, .fini = scene_close, .timeout = 60);

Test(searches, insync_means_that_all_are)
{
    both(false, false);
    tell_all();
    done_present();
    cr_assert(mirror->searches[0].complete);
    cr_assert_eq(mirror->insync_ms, 0);
    speak_of(SEARCH_GROUPS);
    tell_all();
    done_present();
    cr_assert_neq(mirror->insync_ms, 0);
    expect("create ann@example.com contactInfo.firstName=Ann (add, refresh)", "create bob@example.com (add, refresh)",
           "group.create sales@example.com (add, refresh)", "group.create staff@example.com (add, refresh)", NULL);
    cr_assert_eq(mirror->store->objects[OBJECT_ACCOUNT], 2);
    cr_assert_eq(mirror->store->objects[OBJECT_GROUP], 2);
}

Test(searches, a_first_load_ends_with_the_last_of_them)
{
    both(false, false);
    speak_of(SEARCH_GROUPS);
    tell_all();
    done_present();
    cr_assert_not_null(mirror->load);
    changes("sales", "description", "told in the persist stage, while accounts are still being loaded", NULL);
    speak_of(SEARCH_ACCOUNTS);
    tell_all();
    done_present();
    cr_assert_null(mirror->load);
    expect_state("sales", OBJECT_MIRRORED);
    expect_many(4, "");
}

Test(searches, a_deletion_in_the_middle_of_a_first_load_is_not_lost)
{
    both(false, false);
    speak_of(SEARCH_GROUPS);
    tell_all();
    done_present();
    deletes("sales");
    speak_of(SEARCH_ACCOUNTS);
    tell_all();
    done_present();
    expect_any();
    expect_pending("sales", PENDING_DELETE, PENDING_UNPROVEN);
    answer();
    pass_s(300);
    answer();
    expect("group.delete sales@example.com (delete, persist)", NULL);
}

Test(searches, each_has_a_cookie_of_its_own)
{
    load();
    changes("sales", "description", "new", NULL);
    cr_assert_str_eq(cookie_stored_of(SEARCH_GROUPS), "rid=001,csn=20261124074955.000005Z#000000#000#000000");
    cr_assert_str_eq(cookie_stored(), "rid=001,csn=20261124074955.000004Z#000000#000#000000");
    scene_reopen();
    cr_assert_str_eq(cookie_stored_of(SEARCH_GROUPS), "rid=001,csn=20261124074955.000005Z#000000#000#000000");
    resync();
    cr_assert_str_empty(cookie_stored_of(SEARCH_GROUPS));
    cr_assert_str_empty(cookie_stored());
}

/* What one search did not show is nothing that another one should have shown. */
Test(searches, a_sweep_is_of_its_own_kind)
{
    load();
    speak_of(SEARCH_ACCOUNTS);
    dir_put("ink", "mail", "no address", NULL);
    tell("ink");
    dir_put("lea", "mail", "sales@example.com", NULL);
    tell("lea");
    expect_invalid("ink", true);
    expect_waits("lea", true);
    lost();
    both(true, false);
    speak_of(SEARCH_GROUPS);
    dir_remove("staff");
    tell("sales");
    done_present();
    expect_pending("staff", PENDING_DELETE, PENDING_UNPROVEN);
    speak_of(SEARCH_ACCOUNTS);
    done_delete();
    cr_assert_eq(asked(), 1u);
    expect_none("ann");
    expect_invalid("ink", true);
    expect_waits("lea", true);
    answer();
    pass_s(300);
    answer();
    expect("group.delete staff@example.com (absent, refresh)", NULL);
}

/* In a refresh of one of them nothing goes: the guard has to see all of it together. */
Test(searches, nothing_departs_while_any_is_refreshing)
{
    load();
    speak_of(SEARCH_ACCOUNTS);
    deletes("bob");
    answer();
    lost();
    both(true, true);
    done_delete();
    pass_s(300);
    cr_assert_eq(asked(), 0u);
    speak_of(SEARCH_GROUPS);
    done_delete();
    pass_s(1);
    answer();
    expect("delete bob@example.com (delete, persist)", NULL);
}

/* An entry that was a group and an account is reported to have left the filter of the one: it is still the other. */
Test(searches, a_deletion_told_by_the_other_search_is_not_its)
{
    load();
    speak_of(SEARCH_GROUPS);
    tell("ann");
    expect_nothing();
    tell_gone("ann");
    expect_none("ann");
    cr_assert_eq(asked(), 0u);
}

Test(searches, one_that_fails_leaves_the_other_alone)
{
    both(false, false);
    speak_of(SEARCH_GROUPS);
    end_of_search(32);
    cr_assert_not_null(mirror->load);
    speak_of(SEARCH_ACCOUNTS);
    tell_all();
    done_present();
    cr_assert_null(mirror->load);
    expect_many(2, "create ");
    cr_assert_eq(mirror->insync_ms, 0);
    changes("ann", "givenName", "Anna", NULL);
    expect_many(1, "update ann");
}

Test(searches, a_suspicion_is_of_one_kind)
{
    static char other[] = "ou=teams,dc=example,dc=com";

    load();
    conf.group_base = other;
    scene_reopen();
    cr_assert_str_empty(cookie_stored_of(SEARCH_GROUPS));
    cr_assert_str_not_empty(cookie_stored());
    cr_assert(course_is_suspicious((mirror_begin(mirror), mirror), &mirror->searches[1]));
    cr_assert_not(course_is_suspicious(mirror, &mirror->searches[0]));
    conf.group_base = groups;
}

Test(searches, are_reconciled_one_after_the_other)
{
    load();
    pass_s(1);
    cr_assert_not(is_listing_due());
    pass_s(86400);
    dir_remove("staff");
    list_everything(0);
    expect_none("staff");
    list_everything(0);
    expect_pending("staff", PENDING_DELETE, PENDING_UNPROVEN);
    answer();
    cr_assert_not(is_listing_due());
}

/* ---- the watchdog ---- */

static void watch_for_s(int seconds)
{
    for (int s = 0; s < seconds; s += 15) {
        pass_s(15);
        watchdog();
    }
}

Test(searches, one_that_died_while_the_other_lives_is_issued_again)
{
    load();
    speak_of(SEARCH_ACCOUNTS);
    dir_put("sales", NULL);   /* a change of a group, of which that search says nothing */
    changes("ann", "givenName", "Anna", NULL);
    expect_any();
    watch_for_s(45);
    expect_restart("the search for groups");
    changes("ann", "givenName", "Ann", NULL);   /* the other one lives, and that changes nothing */
    watch_for_s(45);
    expect_restart(NULL);   /* the distances double */
    changes("ann", "givenName", "Anna", NULL);
    watch_for_s(45);
    expect_restart("the search for groups");
    expect_any();
}

/* slapd says nothing to a search of the deletion of what it does not show. */
Test(searches, a_deletion_is_no_sign_of_death)
{
    load();
    speak_of(SEARCH_ACCOUNTS);
    deletes("bob");
    answer();
    watch_for_s(300);
    expect_restart(NULL);
}

Test(searches, that_are_silent_while_the_server_moves_are_issued_again)
{
    load();
    dir_put("ann", "givenName", "Anna", NULL);
    watch_for_s(30);
    expect_restart(NULL);
    watch_for_s(15);
    expect_restart("contextCSN moved");
    watch_for_s(45);
    expect_restart(NULL);
    watch_for_s(15);
    expect_restart("contextCSN moved");
    speak_of(SEARCH_ACCOUNTS);
    changes("ann", "givenName", "Ann", NULL);
    watch_for_s(300);
    expect_restart("the search for groups");   /* which is still silent */
    expect_any();
}

/* Accounts and groups in two naming contexts of one server: what came of the one says nothing of the other. */
Test(searches, are_compared_with_the_context_that_they_are_in)
{
    static char apart[] = "ou=groups,dc=example,dc=org";

    conf.group_base = apart;
    scene_containers();
    expect_restart(NULL);
    both(false, false);
    done_present();
    speak_of(SEARCH_GROUPS);
    done_present();
    speak_of(SEARCH_CONTAINERS);
    search_begins(false);
    done_present();
    speak_of(SEARCH_MORE_CONTAINERS);
    search_begins(false);
    done_present();
    cr_assert_neq(mirror->insync_ms, 0);
    expect_any();
    speak_of(SEARCH_ACCOUNTS);
    dir_put("ann", "givenName", "Anna", NULL);   /* contextCSN moves, and of that no message comes, */
    speak_of(SEARCH_GROUPS);
    changes("staff", "description", "x", NULL);   /* … but one of what happened in the other */
    watch();
    watch_of(SEARCH_GROUPS);
    cr_assert_neq(mirror->ahead[0].since_ms, 0);
    cr_assert_eq(mirror->ahead[1].since_ms, 0);
}

/* Changes that don't concern us: each time it is issued again the cookie catches up. */
Test(searches, that_hear_nothing_of_what_does_not_concern_them_are_issued_again_ever_more_rarely)
{
    load();
    for (int i = 0; i < 2; i++) {
        dir_put("hidden", "sn", many(i), NULL);
        watch_for_s(i == 0 ? 30 : 60);
        expect_restart(NULL);
        watch_for_s(15);
        expect_restart("contextCSN moved");
        lost();
        both(true, true);
        done_delete();
        speak_of(SEARCH_GROUPS);
        done_delete();
        watch_for_s(15);
        speak_of(SEARCH_ACCOUNTS);
    }
}

/* It was looked up before the refresh began: what that shows is not known yet. */
Test(searches, a_deletion_that_is_proven_in_a_refresh_waits_for_its_end)
{
    load();
    speak_of(SEARCH_ACCOUNTS);
    deletes("bob");
    answer();
    pass_s(300);
    cr_assert(was_asked("bob"));
    lost();
    both(true, true);
    answer();
    expect_nothing();
    done_delete();
    speak_of(SEARCH_GROUPS);
    done_delete();
    answer();
    expect("delete bob@example.com (delete, persist)", NULL);
}
