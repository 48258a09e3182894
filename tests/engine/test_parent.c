/* Not found, and its parent can't be read either: the right to see them may be gone, so it is the operator's to decide. */
#include <criterion/criterion.h>

#include "harness.h"

static void begin(void)
{
    scene_open();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put_many(19);
    refresh_in_full();
    expect_many(20, "create ");
}

TestSuite(parent, .init = begin, .fini = scene_close, .timeout = 60);

Test(parent, that_cannot_be_read_makes_a_hold)
{
    deletes("ann");
    answer_without_parents();
    expect_hold(1, 1, false);
    expect_pending("ann", PENDING_DELETE, PENDING_HELD);
    pass_s(100000);
    expect_nothing();
    changes("ann", "givenName", "Ann", NULL);
    expect_holds(0);
    expect_state("ann", OBJECT_MIRRORED);
}

Test(parent, that_cannot_be_read_makes_a_hold_of_what_was_absent)
{
    lost();
    session(false);
    for (int i = 0; i < 19; i++)
        tell(many(i));
    done_present();
    dir_remove("ann");
    answer_without_parents();
    expect_hold(1, 1, false);
    pass_s(100000);
    expect_nothing();
}

Test(parent, that_is_lost_while_it_waits)
{
    deletes("ann");
    deletes("u000");
    answer();
    pass_s(300);
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    answer_without_parents();
    expect_nothing();
    expect_hold(1, 2, false);
    expect_pending("ann", PENDING_DELETE, PENDING_HELD);
    pass_s(100000);
    expect_nothing();
}

Test(parent, that_is_lost_makes_what_comes_then_join)
{
    deletes("ann");
    answer_without_parents();
    deletes("u000");
    answer();
    expect_hold(1, 2, false);
}

Test(parent, is_of_no_matter_once_it_was_approved)
{
    deletes("ann");
    answer_without_parents();
    approve(1, 0);
    answer_without_parents();
    expect("delete ann@example.com (delete, persist)", NULL);
    expect_holds(0);
}

Test(parent, does_not_bring_back_what_was_rejected)
{
    deletes("ann");
    answer_without_parents();
    reject(1, 0);
    expect_state("ann", OBJECT_ORPHAN);
    tell_gone("ann");
    pass_s(1000);
    expect_hold(1, 1, true);
    expect_nothing();
}

Test(parent, of_one_that_left_does_not_matter)
{
    dir_leaves("ann");
    tell_gone("ann");
    answer_without_parents();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    expect_holds(0);
}

Test(parent, of_one_that_is_unknown_does_not_matter)
{
    const char *const names[] = { "ann", "zoe", NULL };

    lost();
    session(true);
    tell_set(false, names);
    for (int i = 0; i < 19; i++)
        tell_present(many(i));
    done_present();
    cr_assert(was_asked("zoe"));
    answer_without_parents();
    expect_holds(0);
    expect_nothing();
}
