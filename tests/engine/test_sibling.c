/* Another entry that has the field is read before a clear goes out. */
#include <criterion/criterion.h>

#include "harness.h"

#define FIRST_NAME_GOES "update ann@example.com -contactInfo.firstName (modify, persist)"

TestSuite(sibling, .init = scene_open, .fini = scene_close, .timeout = 110);

/* Ann and others have a first name, and she loses hers. */
static void ann_and(const char *const *others)
{
    dir_put("ann", "givenName", "Ann", NULL);
    for (; *others; others++)
        dir_put(*others, "givenName", "Bo", NULL);
    refresh_in_full();
    expect_any();
    changes("ann", NULL);
    pass_s(1);
}

static const char *const nobody[] = { NULL }, *const bob[] = { "bob", NULL }, *const bob_and_cat[] = { "bob", "cat", NULL };

Test(sibling, is_read_before_a_clear_goes)
{
    ann_and(bob);
    expect_nothing();
    cr_assert(was_asked("bob"));
    cr_assert_eq(asked(), 1u);
    pass_s(5);
    cr_assert_eq(asked(), 1u, "once is enough");
    answer();
    expect(FIRST_NAME_GOES, NULL);
    expect_none("ann");
    expect_holds(0);
}

Test(sibling, that_lost_it_too_makes_a_hold)
{
    ann_and(bob_and_cat);
    dir_hide("bob", "givenName");
    answer();
    expect_nothing();
    expect_hold(1, 2, false);
    expect_pending("ann", PENDING_CLEAR, PENDING_HELD);
    expect_pending("bob", PENDING_CLEAR, PENDING_HELD);
    pass_s(100000);
    expect_nothing();
    cr_assert_eq(asked(), 0u);
    approve(1, 0);   /* that needs no sibling */
    expect_many(2, "update ");
    cr_assert_eq(asked(), 0u);
}

/* Two people lost it while we were away, and only one of them was told so far. */
Test(sibling, that_was_changed_since_says_nothing)
{
    ann_and(bob_and_cat);
    dir_put("bob", NULL);
    answer();
    expect_nothing();
    expect_holds(0);
    expect_pending("bob", PENDING_CLEAR, PENDING_WAITING);
    cr_assert(was_asked("cat"), "another one");
    answer();
    expect(FIRST_NAME_GOES, NULL);
    pass_s(1);
    answer();
    expect("update bob@example.com -contactInfo.firstName (modify, local)", NULL);
}

/* The right was lost, and the first one that is read was touched as well. */
Test(sibling, that_was_changed_is_not_the_last_that_is_read)
{
    ann_and(bob_and_cat);
    dir_put("bob", NULL);
    dir_hide("cat", "givenName");
    answer();
    answer();
    expect_nothing();
    expect_hold(1, 3, false);
}

Test(sibling, that_is_not_in_the_state_is_not_needed)
{
    ann_and(nobody);
    expect(FIRST_NAME_GOES, NULL);
    cr_assert_eq(asked(), 0u);
}

Test(sibling, serves_all_clears_of_the_field)
{
    dir_put_many(60);
    refresh_in_full();
    expect_any();
    scene_one_round(true);
    for (int i = 0; i < 5; i++)
        changes(many(i), "sn", "Lee", NULL);
    scene_one_round(false);
    pass_s(1);
    cr_assert_eq(asked(), 1u);
    answer();
    expect_first("update u000@example.com contactInfo.lastName=Lee");
    expect_any();
    for (int i = 0; i < 5; i++)
        expect_none(many(i));
}

Test(sibling, counts_for_as_long_as_settle)
{
    conf.guard.settle = 5;
    dir_put_many(60);
    refresh_in_full();
    expect_any();
    changes("u000", NULL);
    pass_s(2);
    changes("u001", NULL);
    pass_s(3);
    answer();
    expect_many(1, "update u000");
    pass_s(2);
    expect_many(1, "update u001");
    changes("u002", NULL);
    pass_s(5);
    expect_nothing();
    cr_assert_eq(asked(), 1u, "it is too long ago");
    answer();
    expect_many(1, "update u002");
}

Test(sibling, is_another_one_after_one_that_is_gone)
{
    ann_and(bob_and_cat);
    dir_remove("bob");
    answer_one_as(LOOKUP_DELETED);
    expect_nothing();
    cr_assert(was_asked("cat"));
    answer();
    expect(FIRST_NAME_GOES, NULL);
    pass_s(300);
    while (asked())
        answer();
    expect("delete bob@example.com (absent, local)", NULL);
}

Test(sibling, may_be_gone_several_times)
{
    dir_put_many(20);
    dir_put("ann", "givenName", "Ann", NULL);
    refresh_in_full();
    expect_any();
    for (int i = 0; i < 5; i++)
        dir_remove(many(i));
    changes("ann", NULL);
    pass_s(1);
    for (int i = 0; i < 12 && asked(); i++)
        answer();
    expect(FIRST_NAME_GOES, NULL);
}

Test(sibling, all_of_which_are_gone_is_none)
{
    ann_and(bob);
    dir_leaves("bob");
    answer();
    expect(FIRST_NAME_GOES, NULL);
    cr_assert(was_asked("bob"), "his leave is looked up by itself");
}

Test(sibling, that_cannot_be_read_makes_the_clear_wait)
{
    ann_and(bob_and_cat);
    cr_assert(was_asked("bob"));
    answer_as(LOOKUP_UNPROVEN);
    pass_s(9);
    expect_nothing();
    cr_assert_eq(asked(), 0u);
    expect_pending("ann", PENDING_CLEAR, PENDING_WAITING);
    mirror_begin(mirror);
    cr_assert_eq(release_next_due(mirror), mirror->now_ms + 1000);
    pass_s(1);
    cr_assert(was_asked("cat"), "another one");
    answer();
    expect(FIRST_NAME_GOES, NULL);
}

Test(sibling, that_cannot_be_read_for_a_long_time_is_told_to_the_operator)
{
    conf.reconcile_interval = 100;
    ann_and(bob);
    for (int i = 0; i < 10; i++) {
        answer_as(LOOKUP_UNPROVEN);
        expect_nothing();
        pass_s(10);
    }
    answer_as(LOOKUP_UNPROVEN);
    expect_hold(1, 1, false);
    expect_pending("ann", PENDING_CLEAR, PENDING_HELD);
    approve(1, 0);
    expect(FIRST_NAME_GOES, NULL);
}

Test(sibling, read_from_a_server_that_is_behind_proves_nothing)
{
    ann_and(bob);
    answer_from_behind();
    pass_s(5);
    expect_nothing();
    pass_s(5);
    answer();
    expect(FIRST_NAME_GOES, NULL);
}

/* What is wrong with it is its address: the field is seen all the same. */
Test(sibling, without_a_usable_address_still_shows_the_field)
{
    ann_and(bob);
    dir_put("bob", "givenName", "Bo", "mail", "two@at@signs", NULL);
    answer();
    expect(FIRST_NAME_GOES, NULL);
    expect_invalid("bob", true);
}

/* … or shows that it is gone, by a change of its own, which says nothing: another one is read, at once, and be it the last. */
Test(sibling, without_a_usable_address_is_not_waited_for)
{
    ann_and(bob_and_cat);
    changes("bob", "mail", "two@at@signs", NULL);
    changes("cat", "mail", "two@at@signs", NULL);
    answer();
    answer();
    expect(FIRST_NAME_GOES, NULL);
    expect_holds(0);
    expect_none("bob");
}

/* … or by a lost right, which hides the address too. */
Test(sibling, without_a_usable_address_that_lost_it_without_a_word_makes_a_hold)
{
    ann_and(bob_and_cat);
    dir_hide("bob", "givenName");
    dir_hide("bob", "mail");
    answer();
    expect_nothing();
    expect_hold(1, 1, false);
}

Test(sibling, is_nobody_whose_deletion_is_pending)
{
    ann_and(nobody);
    expect_any();
    changes("bob", "givenName", "Bob", NULL);
    changes("cat", "givenName", "Cat", NULL);
    changes("ann", "givenName", "Ann", NULL);
    deletes("bob");
    answer();
    expect_any();
    changes("ann", NULL);
    pass_s(1);
    cr_assert_not(was_asked("bob"));
    cr_assert(was_asked("cat"));
    answer();
    expect(FIRST_NAME_GOES, NULL);
}

Test(sibling, of_an_alias_is_whoever_has_aliases)
{
    dir_put("ann", "axsyncAlias", "a", "axsyncAlias", "b", NULL);
    dir_put("bob", "axsyncAlias", "c", NULL);
    dir_put("cat", "axsyncAlias", "d", NULL);
    refresh_in_full();
    expect_any();
    changes("ann", "axsyncAlias", "b", NULL);
    pass_s(1);
    cr_assert_eq(asked(), 1u);
    answer();
    expect("update ann@example.com aliases=b@example.com (modify, persist)", NULL);
    pass_s(10);
    changes("ann", NULL);
    pass_s(1);
    cr_assert_eq(asked(), 1u);
    dir_hide("bob", "axsyncAlias");
    dir_hide("cat", "axsyncAlias");
    answer();
    expect_nothing();
    expect_pending("ann", PENDING_CLEAR, PENDING_HELD);
}

Test(sibling, of_each_field_and_still_one_action)
{
    dir_put("ann", "givenName", "Ann", "sn", "Lee", "title", "Dr", NULL);
    dir_put("bob", "givenName", "Bob", "sn", "Low", NULL);
    refresh_in_full();
    expect_any();
    changes("ann", NULL);
    pass_s(1);
    expect_nothing();
    answer();
    expect("update ann@example.com -contactInfo.firstName -contactInfo.lastName -contactInfo.position (modify, persist)", NULL);
}

/* Look-ups go one request after the other. With settle = 0 what is known of a field is forgotten at once, so that of two fields each
 * would be asked for anew while the other is read, for ever. */
Test(sibling, of_two_fields_asked_in_turn)
{
    conf.guard.settle = 0;
    dir_put("ann", "givenName", "Ann", "title", "Dr", NULL);
    dir_put("bob", "givenName", "Bob", "title", "Mr", NULL);
    dir_put("cat", "givenName", "Cat", "title", "Ms", NULL);
    dir_put("dan", "givenName", "Dan", NULL);
    refresh_in_full();
    expect_any();
    changes("dan", NULL);
    cr_assert_eq(asked(), 1u);
    changes("ann", NULL);
    for (int i = 0; i < 12 && asked() > 0; i++) {
        answer_one_as(LOOKUP_IN_PLACE);
        pass_s(1);
    }
    expect_none("ann");
    expect_none("dan");
    expect_any();
}

/* He had lost it for a moment, which was told and is over. */
Test(sibling, whose_answer_was_overtaken)
{
    ann_and(bob);
    dir_put("bob", NULL);
    changes("bob", "givenName", "Bob", NULL);
    expect_any();
    answer_older("bob");
    expect_holds(0);
    expect_pending("ann", PENDING_CLEAR, PENDING_WAITING);
    pass_s(10);
    answer();
    expect(FIRST_NAME_GOES, NULL);
}

Test(sibling, read_when_the_value_is_back_already)
{
    ann_and(bob);
    changes("ann", "givenName", "Ann", NULL);
    dir_hide("bob", "givenName");
    answer();
    expect_holds(0);
    expect_none("ann");
    expect_pending("bob", PENDING_CLEAR, PENDING_WAITING);
    pass_s(1);
    answer();
    expect("update bob@example.com -contactInfo.firstName (modify, local)", NULL);
}

Test(sibling, is_asked_anew_after_a_kill)
{
    ann_and(bob);
    scene_reopen();
    session(true);
    pass_s(1);
    cr_assert_eq(asked(), 0u, "in a refresh nothing goes");
    done_delete();
    cr_assert(was_asked("bob"));
    answer();
    expect(FIRST_NAME_GOES, NULL);
}

Test(sibling, is_asked_anew_when_its_hold_was_not_stored)
{
    ann_and(bob);
    dir_hide("bob", "givenName");
    scene_fail_commit(true);
    answer();
    expect_holds(0);
    lost();
    session(true);
    done_delete();
    pass_s(1);
    answer();
    expect_hold(2, 2, false);   /* no number is given twice */
    expect_nothing();
}

Test(sibling, is_found_piece_by_piece_in_a_large_directory)
{
    dir_put("ann", "title", "Dr", NULL);
    dir_put_many(1200);
    dir_put("zed", "title", "Dr", NULL);
    refresh_in_full();
    expect_any();
    changes("ann", NULL);
    pass_s(1);
    cr_assert_eq(asked(), 0u, "a bounded number of objects in one round");
    cr_assert_not(mirror->stalled, "the next one may come at once");
    pass_s(0);
    cr_assert_eq(asked(), 0u);
    pass_s(0);
    cr_assert(was_asked("zed"));
    cr_assert(mirror->stalled);
    answer();
    expect("update ann@example.com -contactInfo.position (modify, persist)", NULL);
}

Test(sibling, of_the_only_one_in_a_large_directory_is_none)
{
    dir_put_many(1200);
    dir_put("ann", "title", "Dr", NULL);
    refresh_in_full();
    expect_any();
    changes("ann", NULL);
    pass_s(1);
    expect("update ann@example.com -contactInfo.position (modify, persist)", NULL);
}

Test(sibling, is_read_in_a_dry_run_too)
{
    mirror->run = RUN_DRY;
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", "givenName", "Bob", NULL);
    refresh_in_full();
    expect_any();
    changes("ann", NULL);
    expect_nothing();
    cr_assert(was_asked("bob"), "at once");
    answer();
    expect(FIRST_NAME_GOES, NULL);
}
