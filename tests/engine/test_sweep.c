/* What a census did not see becomes pending in pieces, and nothing goes before all of it is. */
#include <criterion/criterion.h>

#include "harness.h"

#define ALL  60
#define LEFT 50   /* the others are missing */

static void begin(void)
{
    scene_open();
    conf.guard.max_deletes = 0;           /* the percentage alone: it needs all that is missing */
    conf.guard.max_delete_percent = 15;
    dir_put_many(ALL);
    refresh_in_full();
    expect_many(ALL, "create ");
}

TestSuite(sweep, .init = begin, .fini = scene_close, .timeout = 60);

static void remove_some(void)
{
    for (int i = LEFT; i < ALL; i++)
        dir_remove(many(i));
}

static void present_phase(void)
{
    session(true);
    for (int i = 0; i < LEFT; i++)
        tell_present(many(i));
    done_present();
}

static size_t missing(void)
{
    mirror_begin(mirror);
    return txn_count(mirror->t, TABLE_PENDING);
}

static void expect_why(const char *text)
{
    struct arena a = { 0 };
    struct hold h;

    mirror_begin(mirror);
    cr_assert(hold_get(mirror->t, 1, &h, &a));
    cr_assert_not_null(strstr(arena_copy(&a, h.why.p, h.why.len).p, text), "%.*s", SLICE_ARG(h.why));
    arena_free(&a);
}

/* A kill between two pieces: a tenth of what is missing, which the guard would let go. */
Test(sweep, that_was_cut_short_lets_nothing_go)
{
    remove_some();
    lost();
    scene_stopping(true);
    present_phase();
    scene_stopping(false);
    expect_restart("not all");
    cr_assert_eq(missing(), 1u);
    cr_assert_str_eq(cookie_stored(), "rid=001,csn=20261124074955.000060Z#000000#000#000000");
    scene_reopen();
    for (int i = 0; i < 20; i++) {
        pass_s(100);
        if (asked())
            answer();
    }
    expect_nothing();
    present_phase();
    cr_assert_eq(missing(), (size_t)(ALL - LEFT));
    answer();
    expect_hold(1, ALL - LEFT, false);
    pass_s(1000);
    expect_nothing();
}

Test(sweep, of_a_listing_that_was_cut_short_is_made_good_by_one)
{
    cr_assert_not(is_listing_due());
    remove_some();
    pass_s(86400);
    scene_stopping(true);
    list_everything(0);
    scene_stopping(false);
    expect_restart("not all");
    cr_assert_eq(missing(), 1u);
    scene_reopen();
    session(true);
    done_delete();
    for (int i = 0; i < 20; i++) {
        pass_s(100);
        if (asked())
            answer();
    }
    expect_nothing();
    cr_assert(is_listing_due(), "it is still due");
    list_everything(0);
    answer();
    expect_hold(1, ALL - LEFT, false);
}

/* A stop while they are being held: the guard looks again at the next start. */
Test(sweep, that_is_being_held_is_held_to_the_end)
{
    remove_some();
    lost();
    present_phase();
    scene_one_round(true);
    answer();
    scene_stopping(true);
    scene_one_round(false);
    scene_stopping(false);
    expect_hold(1, 1, false);
    scene_reopen();
    session(true);
    done_delete();
    pass_s(1);
    expect_hold(1, ALL - LEFT, false);
    pass_s(1000);
    expect_nothing();
}

Test(sweep, that_finds_nothing_says_why_it_holds)
{
    for (int i = 0; i < ALL; i++)
        dir_remove(many(i));
    lost();
    session(false);
    done_present();
    answer();
    expect_hold(1, ALL, false);
    expect_why("showed none of those that are mirrored");
}

Test(sweep, after_a_refusal_says_so)
{
    remove_some();
    lost();
    session_refused();
    for (int i = 0; i < LEFT; i++)
        tell(many(i));
    done_present();
    pass_s(10);
    changes("u001", "givenName", "Una", NULL);   /* it has caught up */
    lost();
    session(false);
    for (int i = 0; i < LEFT; i++)
        tell(many(i));
    done_present();
    answer();
    expect_hold(1, ALL - LEFT, false);
    expect_why("refused the cookie");
}

Test(sweep, hopeless_look_ups_say_why)
{
    deletes("u001");
    for (int i = 0; i < 100 && missing(); i++) {
        if (asked())
            answer_as(LOOKUP_UNPROVEN);
        pass_s(1000);
    }
    expect_why("as long as reconcileInterval: busy");
}
