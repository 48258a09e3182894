/* The guard, holds, and the operator's word. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "harness.h"

TestSuite(guard, .init = scene_open, .fini = scene_close, .timeout = 110);

static void mirrored(int n)
{
    dir_put_many(n);
    refresh_in_full();
    expect_many((size_t)n, "create ");
}

/* Deletes some in one transaction each commit of which is the writer's. */
static void deletes_many(int from, int to)
{
    scene_one_round(true);
    for (int i = from; i < to; i++)
        deletes(many(i));
    scene_one_round(false);
}

static void comes_back(int i)
{
    changes(many(i), "givenName", "Uma", NULL);
}

Test(guard, holds_200_of_1000)
{
    mirrored(1000);
    deletes_many(0, 200);
    answer();
    expect_hold(1, 200, false);
    expect_holds(1);
    pass_s(100000);
    expect_nothing();
    expect_pending("u000", PENDING_DELETE, PENDING_HELD);
    expect_pending("u199", PENDING_DELETE, PENDING_HELD);
}

Test(guard, holds_200_of_1000_that_come_one_by_one)
{
    mirrored(1000);
    conf.delete_grace = 3000;
    for (int i = 0; i < 120; i++) {
        deletes_many(i, i + 1);
        answer();
        pass_s(1);
    }
    expect_hold(1, 120, false);
    pass_s(100000);
    expect_nothing();
}

Test(guard, holds_200_absent_of_1000)
{
    mirrored(1000);
    lost();
    session(false);
    for (int i = 200; i < 1000; i++)
        tell(many(i));
    done_present();
    for (int i = 0; i < 200; i++)
        dir_remove(many(i));
    answer();
    expect_hold(1, 200, false);
    pass_s(100000);
    expect_nothing();
}

Test(guard, counts_what_was_released_too)
{
    mirrored(40);   /* 10 %: 4, and more than 5 */
    deletes_many(0, 5);
    answer();
    pass_s(300);
    answer();
    expect_many(5, "delete ");
    deletes_many(5, 6);
    answer();
    expect_hold(1, 1, false);
    pass_s(3600);
    reject(1, 0);
    deletes_many(6, 7);   /* the window has passed */
    answer();
    expect_pending("u006", PENDING_DELETE, PENDING_WAITING);
}

/* Those that went before still count as mirrored: 10 % of 1,000 are 100, however many are left. */
Test(guard, lets_100_of_1000_go_one_by_one)
{
    mirrored(1000);
    conf.delete_grace = 0;
    for (int i = 0; i < 100; i++) {
        deletes_many(i, i + 1);
        answer();
        pass_s(2);
        answer();
    }
    expect_holds(0);
    expect_many(100, "delete ");
    deletes_many(100, 101);
    answer();
    expect_hold(1, 1, false);
}

Test(guard, all_are_all_that_were_there_within_the_window)
{
    mirrored(3);
    conf.delete_grace = 0;
    for (int i = 0; i < 2; i++) {
        deletes_many(i, i + 1);
        answer();
        pass_s(2);
        answer();
    }
    expect_many(2, "delete ");
    deletes_many(2, 3);
    answer();
    expect_hold(1, 1, false);
}

Test(guard, does_not_count_what_came_back)
{
    mirrored(40);
    deletes_many(0, 5);
    answer();
    for (int i = 0; i < 5; i++)
        comes_back(i);
    deletes_many(0, 5);
    answer();
    expect_holds(0);
}

Test(guard, holds_the_deletion_of_all_if_that_is_more_than_one)
{
    mirrored(2);
    deletes_many(0, 1);
    answer();
    expect_holds(0);
    deletes_many(1, 2);
    answer();
    expect_hold(1, 2, false);
}

Test(guard, lets_the_only_one_go)
{
    mirrored(1);
    deletes_many(0, 1);
    answer();
    pass_s(300);
    answer();
    expect_many(1, "delete ");
}

Test(guard, judges_what_waits_when_it_is_killed_before_it_did)
{
    struct err e;

    mirrored(40);
    scene_one_round(true);
    for (int i = 0; i < 10; i++)
        deletes(many(i));
    scene_one_round(false);
    conf.guard.max_delete_percent = 0;   /* stands for a transaction that was full before the guard's turn */
    answer();
    expect_holds(0);
    cr_assert_eq(mirror_commit(mirror, &e), 0);
    conf.guard.max_delete_percent = 10;
    scene_reopen();
    session(true);
    done_delete();
    pass_s(1);
    expect_hold(1, 10, false);
}

Test(guard, the_hold_of_a_suspicion_does_not_let_others_slip)
{
    static char base[] = "ou=staff,dc=example,dc=com";

    mirrored(100);
    conf.account_base = base;
    scene_reopen();
    for (int i = 0; i < 30; i++)
        dir_remove(many(i));
    session(false);
    scene_one_round(true);
    for (int i = 0; i < 29; i++)
        tell_gone(many(i));   /* told: no absences */
    for (int i = 30; i < 100; i++)
        tell(many(i));
    done_present();
    scene_one_round(false);
    answer();
    pass_s(1000);
    while (asked())
        answer();
    expect_nothing();
    expect_holds(1);
    expect_hold(1, 30, false);
}

Test(guard, approve_releases_after_one_more_look)
{
    mirrored(40);
    deletes_many(0, 10);
    answer();
    expect_hold(1, 10, false);
    approve(1, 0);
    expect_holds(0);
    expect_nothing();
    cr_assert_eq(asked(), 10u);
    answer();
    expect_many(10, "delete ");
}

Test(guard, approve_does_not_delete_what_is_back)
{
    mirrored(40);
    deletes_many(0, 10);
    answer();
    dir_put("u003", "givenName", "Uma", NULL);   /* and the directory has not said so yet */
    approve(1, 0);
    answer();
    expect_many(9, "delete ");
    expect_none("u003");
    expect_state("u003", OBJECT_MIRRORED);
}

Test(guard, approve_waits_while_it_cannot_be_looked_up)
{
    mirrored(40);
    deletes_many(0, 10);
    answer();
    approve(1, 0);
    answer_as(LOOKUP_UNPROVEN);
    expect_pending("u000", PENDING_DELETE, PENDING_APPROVED);
    scene_reopen();
    session(true);
    pass_s(10);   /* approved: a refresh does not stop it */
    answer();
    pass_s(1);
    expect_many(10, "delete ");
}

Test(guard, does_not_count_what_was_approved)
{
    mirrored(100);
    conf.guard.max_deletes = 10;
    conf.guard.max_delete_percent = 0;
    deletes_many(0, 11);
    answer();
    approve(1, 0);
    answer();
    expect_many(11, "delete ");
    deletes_many(11, 21);
    answer();
    expect_holds(0);
}

Test(guard, a_partial_approval_leaves_what_joined_later)
{
    mirrored(1000);
    deletes_many(0, 120);
    answer();
    expect_hold(1, 120, false);
    deletes_many(120, 130);
    answer();
    expect_hold(1, 130, false);
    comes_back(5);
    expect_hold(1, 129, false);
    approve(1, 120);
    expect_hold(1, 10, false);
    answer();
    expect_many(119, "delete ");
    expect_pending("u125", PENDING_DELETE, PENDING_HELD);
}

Test(guard, a_small_hold_stays_open_and_what_comes_joins_it)
{
    mirrored(40);
    deletes_many(0, 10);
    answer();
    for (int i = 0; i < 9; i++)
        comes_back(i);
    expect_hold(1, 1, false);
    deletes_many(20, 21);
    answer();
    expect_hold(1, 2, false);
    expect_holds(1);
    pass_s(100000);
    expect_nothing();
}

Test(guard, a_hold_that_is_empty_is_gone)
{
    mirrored(40);
    deletes_many(0, 10);
    answer();
    for (int i = 0; i < 10; i++)
        comes_back(i);
    expect_holds(0);
    pass_s(100000);
    expect_nothing();
}

Test(guard, reject_makes_orphans)
{
    mirrored(40);
    deletes_many(0, 10);
    answer();
    reject(1, 0);
    expect_hold(1, 10, true);
    expect_state("u000", OBJECT_ORPHAN);
    cr_assert_eq(mirror->store->orphans, 10);
    pass_s(100000);
    expect_nothing();
    comes_back(0);
    expect_state("u000", OBJECT_MIRRORED);
    expect_hold(1, 9, true);
    deletes_many(20, 21);   /* does not join a rejected one */
    answer();
    expect_pending("u020", PENDING_DELETE, PENDING_WAITING);
}

Test(guard, approve_after_reject)
{
    mirrored(40);
    deletes_many(0, 10);
    answer();
    reject(1, 0);
    scene_reopen();
    session(true);
    done_delete();
    approve(1, 0);
    answer();
    expect_many(10, "delete ");
    expect_holds(0);
    cr_assert_eq(mirror->store->orphans, 0);
}

Test(guard, a_partial_rejection)
{
    mirrored(40);
    deletes_many(0, 10);
    answer();
    reject(1, 4);
    expect_hold(1, 6, false);
    expect_hold(2, 4, true);   /* each is listed as what it is */
    expect_pending("u003", PENDING_DELETE, PENDING_REJECTED);
    expect_pending("u004", PENDING_DELETE, PENDING_HELD);
    deletes_many(10, 11);
    answer();
    expect_hold(1, 7, false);
    for (int i = 4; i < 11; i++)
        comes_back(i);
    expect_holds(1);
    comes_back(0);
    expect_hold(2, 3, true);
    approve(2, 2);   /* u000 is back */
    answer();
    expect_many(1, "delete ");
    expect_hold(2, 2, true);
    pass_s(4000);
    deletes_many(20, 21);
    answer();
    expect_pending("u020", PENDING_DELETE, PENDING_WAITING);
}

/* As a former version stored it: one of the hold was rejected and is still in it. */
Test(guard, an_approval_does_not_mean_who_was_rejected)
{
    struct arena a = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct pending p;

    mirrored(40);
    deletes_many(0, 10);
    answer();
    uuid_of(many(3), uuid);
    mirror_begin(mirror);
    cr_assert(pending_get(mirror->t, uuid, PENDING_DELETE, FIELD_NONE, (struct slice){ 0 }, &p, &a));
    p.reason = PENDING_REJECTED;
    p.due_ms = 0;
    pending_put(mirror->store, mirror->t, &p);
    arena_free(&a);
    approve(1, 0);
    answer();
    expect_many(9, "delete ");
    expect_pending("u003", PENDING_DELETE, PENDING_REJECTED);
    expect_hold(1, 1, true);
}

Test(guard, more_than_have_joined)
{
    struct command c = { .verb = COMMAND_APPROVE, .hold = 1, .upto = 11 };
    struct err e = { 0 };
    char text[512];

    mirrored(40);
    deletes_many(0, 10);
    answer();
    mirror_begin(mirror);
    cr_assert_neq(operator_command(mirror, &c, text, sizeof(text), &e), 0);
    cr_assert_eq(e.class, ERR_USAGE);
    cr_assert_str_eq(e.text, "no more than 10 have joined hold 1 so far: 1.10");
    expect_hold(1, 10, false);
}

Test(guard, an_unknown_hold)
{
    struct command c = { .verb = COMMAND_APPROVE, .hold = 7 };
    struct err e;
    char text[512];

    mirror_begin(mirror);
    cr_assert_neq(operator_command(mirror, &c, text, sizeof(text), &e), 0);
    cr_assert_eq(e.class, ERR_NOTFOUND);
}

Test(guard, hold_numbers_are_not_used_twice)
{
    mirrored(40);
    deletes_many(0, 10);
    answer();
    approve(1, 0);
    answer();
    expect_many(10, "delete ");
    scene_reopen();
    session(true);
    done_delete();
    pass_s(4000);
    deletes_many(10, 20);
    answer();
    expect_hold(2, 10, false);
}

/* ---- clears ---- */

Test(guard, a_lost_value_goes_after_settle)
{
    dir_put("ann", "givenName", "Ann", "sn", "Lee", NULL);
    dir_put("bob", "givenName", "Bob", "sn", "Lee", NULL);
    refresh_in_full();
    expect_many(2, "create ");
    changes("ann", "sn", "Lee", NULL);
    expect_nothing();
    expect_pending("ann", PENDING_CLEAR, PENDING_WAITING);
    pass_s(1);
    answer();   /* bob has one still */
    expect("update ann@example.com -contactInfo.firstName (modify, persist)", NULL);
    expect_none("ann");
    pass_s(100);
    expect_nothing();
}

Test(guard, a_lost_value_that_comes_back_is_nothing)
{
    dir_put("ann", "givenName", "Ann", NULL);
    refresh_in_full();
    changes("ann", NULL);
    changes("ann", "givenName", "Ann", NULL);
    expect_none("ann");
    pass_s(10);
    expect_many(1, "create ");
    changes("ann", NULL);
    changes("ann", "givenName", "Anna", NULL);
    expect("update ann@example.com contactInfo.firstName=Anna (modify, persist)", NULL);
    expect_none("ann");
}

Test(guard, all_that_is_lost_of_one_entry_goes_in_one_action)
{
    dir_put("ann", "givenName", "Ann", "sn", "Lee", "axsyncAccountClass", "gold", "axsyncAlias", "a", NULL);
    refresh_in_full();
    expect_many(1, "create ");
    changes("ann", NULL);
    pass_s(1);
    expect("update ann@example.com -account.class -aliases -contactInfo.firstName -contactInfo.lastName (modify, persist)",
           NULL);
}

Test(guard, a_lost_alias_of_two)
{
    dir_put("ann", "axsyncAlias", "a", "axsyncAlias", "b", NULL);
    refresh_in_full();
    changes("ann", "axsyncAlias", "b", NULL);
    changes("ann", "axsyncAlias", "b", "axsyncAlias", "c", NULL);
    pass_s(1);
    expect("create ann@example.com aliases=a@example.com,b@example.com (add, refresh)",
           "update ann@example.com aliases=a@example.com,b@example.com,c@example.com (modify, persist)",
           "update ann@example.com aliases=b@example.com,c@example.com (modify, persist)", NULL);
}

/* Accounts are counted, not values: one of one is no accident. */
Test(guard, the_only_account_with_aliases_loses_both)
{
    dir_put("bob", "givenName", "Bob", NULL);
    dir_put("ann", "axsyncAlias", "a", "axsyncAlias", "b", NULL);
    refresh_in_full();
    expect_any();
    changes("ann", NULL);
    pass_s(1);
    expect_holds(0);
    expect("update ann@example.com -aliases (modify, persist)", NULL);
}

static void with_aliases(int n, int without_one)
{
    for (int i = 0; i < n; i++) {
        char one[32], two[32];

        snprintf(one, sizeof(one), "one%d", i);
        snprintf(two, sizeof(two), "two%d", i);
        dir_put(many(i), "axsyncAlias", one, i < without_one ? NULL : "axsyncAlias", two, NULL);
    }
}

Test(guard, one_alias_of_several_lost_by_many_is_held)
{
    with_aliases(300, 0);
    refresh_in_full();
    expect_any();
    with_aliases(300, 31);
    scene_one_round(true);
    for (int i = 0; i < 31; i++)
        tell(many(i));
    scene_one_round(false);
    expect_hold(1, 31, false);
    pass_s(100);
    expect_nothing();
}

Test(guard, a_field_that_vanishes_from_many_is_held)
{
    mirrored(200);
    lost();
    session(false);
    for (int i = 0; i < 200; i++) {   /* an access rule hides it, and the refresh takes its time */
        dir_put(many(i), "sn", "Lee", NULL);
        tell(many(i));
        if (i % 20 == 0)
            pass_s(2);
    }
    done_present();
    pass_s(100);
    expect_many(200, "update ");   /* sn */
    expect_hold(1, 200, false);
    scene_one_round(true);
    for (int i = 0; i < 200; i++)
        changes(many(i), "sn", "Lee", "givenName", "Uma", NULL);
    scene_one_round(false);
    expect_holds(0);
    expect_nothing();
}

Test(guard, holds_clears_of_one_field_and_not_of_another)
{
    dir_put_many(40);
    dir_put("ann", "sn", "Lee", NULL);
    refresh_in_full();
    expect_many(41, "create ");
    scene_one_round(true);
    for (int i = 0; i < 10; i++)
        changes(many(i), NULL);
    changes("ann", NULL);
    scene_one_round(false);
    expect_hold(1, 10, false);
    pass_s(1);
    expect("update ann@example.com -contactInfo.lastName (modify, persist)", NULL);
    reject(1, 0);
    pass_s(100);
    expect_nothing();
    changes("u000", "sn", "Lee", NULL);
    expect_many(1, "update u000@example.com contactInfo.lastName=Lee");
    expect_pending("u000", PENDING_CLEAR, PENDING_REJECTED);   /* until the attribute is back */
    approve(1, 0);
    expect_many(10, "update u0");
}

/* ---- renames ---- */

Test(guard, many_renames_are_held)
{
    char mail[64];

    mirrored(60);
    scene_one_round(true);
    for (int i = 0; i < 10; i++) {
        snprintf(mail, sizeof(mail), "v%d@example.com", i);
        changes(many(i), "givenName", "Uma", "mail", mail, NULL);
    }
    scene_one_round(false);
    expect_hold(1, 10, false);
    expect_nothing();
    changes("u000", "givenName", "Uma", NULL);   /* back */
    expect_hold(1, 9, false);
    reject(1, 3);
    approve(1, 0);   /* does not mean those that were rejected */
    expect_many(7, "rename v");
    expect_hold(2, 2, true);
    approve(2, 0);
    expect_many(2, "rename v");
    expect_holds(0);
}

Test(guard, many_renames_in_a_refresh_are_judged_at_its_end)
{
    char mail[64];

    mirrored(100);
    lost();
    session(false);
    for (int i = 0; i < 100; i++) {
        snprintf(mail, sizeof(mail), "v%d@example.com", i);
        if (i < 50)
            dir_put(many(i), "givenName", "Uma", "mail", mail, NULL);
        tell(many(i));
        if (i % 10 == 0)
            pass_s(1);
    }
    done_present();
    expect_nothing();
    expect_hold(1, 50, false);
}

Test(guard, a_rejected_rename_leaves_the_address)
{
    char mail[64];

    mirrored(60);
    scene_one_round(true);
    for (int i = 0; i < 10; i++) {
        snprintf(mail, sizeof(mail), "v%d@example.com", i);
        changes(many(i), "givenName", "Uma", "mail", mail, NULL);
    }
    scene_one_round(false);
    reject(1, 0);
    changes("u001", "givenName", "Ute", "mail", "v1@example.com", NULL);
    expect("update u001@example.com contactInfo.firstName=Ute (modify, persist)", NULL);
    pass_s(4000);
    changes("u001", "givenName", "Ute", "mail", "w1@example.com", NULL);   /* its address changes again */
    expect("rename w1@example.com < u001@example.com (rename, persist)", NULL);
}
