/* The delete path: from what a server said or did not show to the action, and every way back. */
#include <criterion/criterion.h>

#include "harness.h"

#define DELETED_ANN "delete ann@example.com (delete, persist)"

/* Ann and nineteen others are mirrored, and nobody looks at the creates any more. */
static void begin(void)
{
    scene_open();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put_many(19);
    refresh_in_full();
    expect_many(20, "create ");
}

TestSuite(deletion, .init = begin, .fini = scene_close, .timeout = 60);

Test(deletion, goes_its_whole_way)
{
    deletes("ann");
    expect_pending("ann", PENDING_DELETE, PENDING_UNPROVEN);
    cr_assert(was_asked("ann"));
    answer();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    pass_s(299);
    expect_nothing();
    cr_assert_eq(asked(), 0u);
    pass_s(1);
    expect_nothing();
    cr_assert(was_asked("ann"));
    answer();
    expect(DELETED_ANN, NULL);
    expect_none("ann");
    expect_unknown("ann");
}

Test(deletion, told_by_a_set)
{
    const char *const gone[] = { "ann", "u001", "nobody", NULL };

    dir_remove("ann");
    dir_remove("u001");
    tell_set(true, gone);
    cr_assert_eq(asked(), 2u);
    answer();
    pass_s(300);
    answer();
    expect(DELETED_ANN, "delete u001@example.com (delete, persist)", NULL);
}

Test(deletion, is_a_leave_if_it_is_found_outside_the_filter)
{
    dir_leaves("ann");
    tell_gone("ann");
    answer();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    pass_s(300);
    answer();
    expect("delete ann@example.com (leave, persist)", NULL);
}

Test(deletion, becomes_a_leave_at_the_last_look)
{
    deletes("ann");
    answer();
    pass_s(300);
    answer_as(LOOKUP_LEFT);
    expect("delete ann@example.com (leave, persist)", NULL);
}

Test(deletion, never_becomes_harsher)
{
    dir_leaves("ann");
    tell_gone("ann");
    answer();
    dir_remove("ann");
    pass_s(300);
    answer();
    expect("delete ann@example.com (leave, persist)", NULL);
}

Test(deletion, that_was_a_lie_is_nothing)
{
    tell_gone("ann");
    answer();
    expect_none("ann");
    pass_s(1000);
    expect_nothing();
}

Test(deletion, of_one_that_is_back_at_the_last_look)
{
    deletes("ann");
    answer();
    pass_s(300);
    dir_put("ann", "givenName", "Anna", NULL);
    answer();
    expect("update ann@example.com contactInfo.firstName=Anna (modify, local)", NULL);
    expect_none("ann");
}

Test(deletion, of_one_that_comes_back_by_itself)
{
    deletes("ann");
    answer();
    pass_s(299);
    changes("ann", "givenName", "Ann", NULL);
    expect_none("ann");
    pass_s(1000);
    expect_nothing();
    expect_state("ann", OBJECT_MIRRORED);
}

Test(deletion, of_one_that_comes_back_while_it_is_looked_up)
{
    deletes("ann");
    answer();
    pass_s(300);
    changes("ann", "givenName", "Ann", NULL);
    answer_as(LOOKUP_DELETED);   /* was read before */
    expect_nothing();
    expect_state("ann", OBJECT_MIRRORED);
    pass_s(1000);
    answer();                    /* looked at once more, for safety */
    pass_s(1000);
    expect_nothing();
    expect_none("ann");
}

Test(deletion, again_while_the_answer_is_under_way)
{
    deletes("ann");
    scene_one_round(true);
    changes("ann", "givenName", "Ann", NULL);
    deletes("ann");
    scene_one_round(false);
    answer_one_as(LOOKUP_IN_PLACE);   /* was read between the two */
    while (asked())
        answer();
    pass_s(300);
    answer();
    expect_many(1, "delete ann@example.com");
}

Test(deletion, told_again_while_the_answer_is_under_way)
{
    lost();
    session(false);   /* without ann: a candidate, who was only changed meanwhile, and is then deleted */
    for (int i = 0; i < 19; i++)
        tell(many(i));
    done_present();
    cr_assert(was_asked("ann"));
    deletes("ann");
    answer_as(LOOKUP_IN_PLACE);
    cr_assert(was_asked("ann"));
    answer();
    pass_s(300);
    answer();
    expect_many(1, "delete ann@example.com");
}

Test(deletion, that_cannot_be_proven_is_asked_again)
{
    deletes("ann");
    answer_as(LOOKUP_UNPROVEN);
    expect_pending("ann", PENDING_DELETE, PENDING_UNPROVEN);
    pass_s(9);
    cr_assert_eq(asked(), 0u);
    pass_s(1);
    cr_assert(was_asked("ann"));
    answer_as(LOOKUP_UNPROVEN);
    pass_s(10);
    answer();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    pass_s(280);
    expect_nothing();
    answer();
    expect(DELETED_ANN, NULL);
}

Test(deletion, that_cannot_be_proven_at_the_last_look_waits)
{
    deletes("ann");
    answer();
    pass_s(300);
    answer_as(LOOKUP_UNPROVEN);
    expect_nothing();
    pass_s(10);
    answer();
    expect(DELETED_ANN, NULL);
}

Test(deletion, that_was_never_proven_is_held_after_reconcile_interval)
{
    deletes("ann");
    for (int i = 0; i < 24; i++) {
        answer_as(LOOKUP_UNPROVEN);
        pass_s(3600);
    }
    answer_as(LOOKUP_UNPROVEN);
    expect_pending("ann", PENDING_DELETE, PENDING_HELD);
    expect_nothing();
    expect_hold(1, 1, false);
}

Test(deletion, is_not_proven_by_a_server_that_is_behind)
{
    deletes("ann");
    answer_from_behind();
    expect_pending("ann", PENDING_DELETE, PENDING_UNPROVEN);
    pass_s(10);
    answer();
    pass_s(300);
    answer_from_behind();
    expect_nothing();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    pass_s(10);
    answer();
    expect(DELETED_ANN, NULL);
}

Test(deletion, presence_is_not_proven_by_a_server_that_is_behind)
{
    deletes("ann");
    dir_put("ann", "givenName", "Ann", NULL);   /* it shows her still */
    answer_from_behind();
    expect_pending("ann", PENDING_DELETE, PENDING_UNPROVEN);
    dir_remove("ann");
    pass_s(10);
    answer();
    pass_s(300);
    answer();
    expect(DELETED_ANN, NULL);
}

Test(deletion, without_a_context_another_server_proves_nothing)
{
    deletes("ann");
    answer_without_context("ldap://two");
    expect_pending("ann", PENDING_DELETE, PENDING_UNPROVEN);
}

Test(deletion, waits_while_a_refresh_runs)
{
    deletes("ann");
    answer();
    lost();
    session(true);
    pass_s(301);
    cr_assert_eq(asked(), 0u);
    expect_nothing();
    done_delete();
    pass_s(1);
    answer();
    expect(DELETED_ANN, NULL);
}

Test(deletion, waits_while_others_are_not_looked_up_yet)
{
    deletes("ann");
    answer();
    pass_s(299);
    deletes("u001");
    pass_s(10);
    cr_assert_eq(asked(), 1u);
    expect_nothing();
    answer();
    pass_s(1);
    cr_assert(was_asked("ann"));
    answer();
    expect(DELETED_ANN, NULL);
}

Test(deletion, survives_a_kill_at_every_stage)
{
    deletes("ann");
    scene_reopen();   /* while it is asked */
    session(true);
    done_delete();
    pass_s(1);
    cr_assert(was_asked("ann"));
    answer();
    scene_reopen();   /* while it waits */
    session(true);
    done_delete();
    pass_s(300);
    scene_reopen();   /* while it is asked the second time */
    session(true);
    done_delete();
    pass_s(1);
    scene_one_round(true);
    answer();
    scene_reopen();   /* before the action is committed */
    session(true);
    done_delete();
    pass_s(1);
    expect_nothing();
    answer();
    expect(DELETED_ANN, NULL);
    scene_reopen();   /* and after */
    session(true);
    done_delete();
    pass_s(1000);
    expect_nothing();
}

Test(deletion, with_a_lost_request_is_asked_again)
{
    deletes("ann");
    cr_assert(was_asked("ann"));
    pass_s(1799);
    cr_assert_eq(asked(), 1u);
    pass_s(1);
    cr_assert_eq(asked(), 2u);
}

Test(deletion, without_grace_waits_for_settle_only)
{
    conf.delete_grace = 0;
    deletes("ann");
    answer();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    pass_s(1);
    answer();
    expect(DELETED_ANN, NULL);
}

Test(deletion, is_rejected_with_ignoreLDAPDeletes)
{
    conf.ignore_deletes = true;
    deletes("ann");
    answer();
    expect_pending("ann", PENDING_DELETE, PENDING_REJECTED);
    expect_state("ann", OBJECT_ORPHAN);
    pass_s(100000);
    expect_nothing();
    cr_assert_eq(mirror->store->orphans, 1);
    changes("ann", "givenName", "Anna", NULL);   /* taken up by her own UUID */
    expect_state("ann", OBJECT_MIRRORED);
    expect("update ann@example.com contactInfo.firstName=Anna (modify, persist)", NULL);
}

Test(deletion, an_orphan_that_comes_back_invalid_is_no_orphan)
{
    conf.ignore_deletes = true;
    deletes("ann");
    answer();
    changes("ann", "mail", "@@", NULL);
    expect_none("ann");
    expect_state("ann", OBJECT_MIRRORED);
}

Test(deletion, a_clock_that_jumps_changes_no_wait)
{
    deletes("ann");
    answer();
    jump_s(86400);
    cr_assert_eq(asked(), 0u);
    pass_s(100);
    jump_s(-3 * 86400);
    pass_s(199);
    cr_assert_eq(asked(), 0u);
    pass_s(1);
    answer();
    expect(DELETED_ANN, NULL);
}

Test(deletion, a_gap_between_two_runs_counts_for_a_day_at_most)
{
    conf.delete_grace = 7 * 86400;
    deletes("ann");
    answer();
    scene_sleep_s(30 * 86400);
    session(true);
    done_delete();
    pass_s(6 * 86400 - 1);
    cr_assert_eq(asked(), 0u);
    pass_s(1);
    answer();
    expect(DELETED_ANN, NULL);
}

Test(deletion, a_long_quiet_run_is_no_gap)
{
    conf.delete_grace = 7 * 86400;
    pass_s(3 * 86400);
    deletes("ann");
    answer();
    scene_sleep_s(10);
    session(true);
    done_delete();
    pass_s(7 * 86400 - 10);
    cr_assert(was_asked("ann"));
}

Test(deletion, a_clock_found_behind_at_start)
{
    deletes("ann");
    answer();
    pass_s(100);
    scene_sleep_s(-86400);
    session(true);
    done_delete();
    pass_s(299);   /* it begins its wait again */
    cr_assert_eq(asked(), 0u);
    expect_nothing();
    pass_s(1);
    answer();
    expect(DELETED_ANN, NULL);
}

/* clusteredSetup: ann is on our host, then on another. */
static void cluster(void)
{
    static char host[] = "mail1";

    scene_close();
    scene_open();
    conf.clustered = true;
    conf.host = host;
    scene_reopen();
    dir_put("ann", "mailHost", "mail1", NULL);
    dir_put("bob", "mailHost", "mail1", NULL);
    dir_put("eve", "mailHost", "mail2", NULL);
    refresh_in_full();
    expect_many(2, "create ");
}

Test(deletion, of_one_that_moved_to_another_host)
{
    cluster();
    changes("ann", "mailHost", "mail2", NULL);
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    pass_s(300);
    answer();
    expect("delete ann@example.com (moved, persist)", NULL);
    pass_s(1000);
    expect_nothing();
}

/* A refresh shows it, as the filter knows nothing of hosts, and so it is looked up before its time. */
Test(deletion, of_one_that_moved_waits_for_its_time_whatever_is_looked_up)
{
    cluster();
    changes("ann", "mailHost", "mail2", NULL);
    lost();
    session(true);
    tell_present("ann");
    tell_present("bob");
    tell_present("eve");
    done_present();
    cr_assert(was_asked("ann"));
    answer();
    expect_nothing();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    pass_s(299);
    expect_nothing();
    pass_s(1);
    answer();
    expect("delete ann@example.com (moved, persist)", NULL);
}

Test(deletion, of_one_that_moved_and_came_back)
{
    cluster();
    changes("ann", "mailHost", "mail2", NULL);
    pass_s(100);
    changes("ann", "mailHost", "mail1", NULL);
    expect_none("ann");
    changes("ann", "mailHost", "mail2", NULL);
    dir_put("ann", "mailHost", "mail1", NULL);
    pass_s(300);
    answer();
    expect_nothing();
    expect_none("ann");
}

Test(deletion, one_whose_host_cannot_be_read_is_invalid)
{
    cluster();
    changes("ann", NULL);
    expect_none("ann");
    expect_invalid("ann", true);
}

Test(deletion, told_of_one_that_moved_is_a_move)
{
    cluster();
    dir_put("ann", "mailHost", "mail2", NULL);
    tell_gone("ann");
    answer();
    pass_s(300);
    answer();
    expect("delete ann@example.com (moved, persist)", NULL);
}
