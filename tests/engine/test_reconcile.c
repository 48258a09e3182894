/* Reconciling: what the server never told. */
#include <criterion/criterion.h>

#include "clock.h"
#include "harness.h"

static void begin(void)
{
    scene_open();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    dir_put_many(18);
    refresh_in_full();
    pass_s(1);
    cr_assert_not(is_listing_due(), "the first refresh has just shown everything");
    expect_many(20, "create ");
    pass_s(86400);
}

TestSuite(reconcile, .init = begin, .fini = scene_close, .timeout = 60);

Test(reconcile, of_what_is_the_same_is_nothing)
{
    list_everything(0);
    cr_assert_eq(asked(), 0u);
    expect_nothing();
    cr_assert_not(is_listing_due());
    pass_s(86399);
    cr_assert_not(is_listing_due());
    pass_s(1);
    cr_assert(is_listing_due());
}

Test(reconcile, finds_a_lost_deletion_and_looks_it_up)
{
    dir_remove("ann");
    list_everything(0);
    expect_pending("ann", PENDING_DELETE, PENDING_UNPROVEN);
    cr_assert(was_asked("ann"));
    answer();
    pass_s(300);
    answer();
    expect("delete ann@example.com (absent, local)", NULL);
}

Test(reconcile, finds_a_lost_change_and_a_lost_addition)
{
    dir_put("ann", "givenName", "Anna", NULL);
    dir_put("carol", NULL);
    list_everything(0);
    cr_assert(was_asked("ann"));
    cr_assert(was_asked("carol"));
    answer();
    expect_first("update ann@example.com");
    expect_state("carol", OBJECT_MIRRORED);
}

/* An entry whose UUID was told and whose content nobody could read is not in the state, so that nothing else reminds us of it. */
Test(reconcile, comes_soon_after_a_read_that_failed)
{
    list_everything(0);
    dir_put("dora", NULL);
    lost();
    session(true);
    tell_present("dora");
    for (int i = 0; i < 18; i++)
        tell_present(many(i));
    tell_present("ann");
    tell_present("bob");
    done_present();
    cr_assert(was_asked("dora"));
    answer_as(LOOKUP_UNPROVEN);
    cr_assert_not(is_listing_due());
    scene_sleep_s(conf.max_retry_interval);
    session(true);
    done_delete();
    list_everything(0);
    answer();
    expect_state("dora", OBJECT_MIRRORED);
}

/* ---- rights that come back, of which nobody tells ---- */

Test(reconcile, brings_back_what_was_hidden_and_is_held)
{
    for (int i = 0; i < 15; i++)
        dir_hide_entry(many(i));
    list_everything(0);
    answer();
    expect_hold(1, 15, false);
    for (int i = 0; i < 15; i++)
        dir_show_entry(many(i));
    pass_s(86400);
    list_everything(0);
    answer();
    expect_holds(0);
    expect_none(many(0));
    expect_nothing();
    expect_restart(NULL);
}

Test(reconcile, brings_back_a_hidden_value_and_reads_all_anew)
{
    dir_put("carol", "givenName", "Carol", NULL);
    changes("carol", "givenName", "Carol", NULL);
    expect_any();
    dir_hide("ann", "givenName");
    dir_hide("carol", "givenName");
    changes("bob", "givenName", "Bob", NULL);
    dir_hide("bob", "givenName");
    expect_any();
    changes("ann", "sn", "Lee", NULL);
    pass_s(1);
    while (asked())
        answer();
    expect_pending("ann", PENDING_CLEAR, PENDING_HELD);
    expect_any();
    dir_show("ann", "givenName", "Ann");
    pass_s(86400);
    list_everything(0);
    cr_assert(was_asked("ann"));
    answer();
    expect_none("ann");
    expect_nothing();
    expect_restart("read anew");
    cr_assert_eq(mirror->searches[0].cookie.flavour, COOKIE_NONE);
}

Test(reconcile, reads_who_is_invalid)
{
    dir_put("dora", NULL);
    dir_hide("dora", "mail");
    session(true);
    tell("dora");
    done_delete();
    dir_show("dora", "mail", "dora@example.com");
    pass_s(86400);
    list_everything(0);
    answer();
    expect_first("create dora@example.com");
    expect_state("dora", OBJECT_MIRRORED);
}

/* … and of who is invalid and was seen so finds no difference: nobody is to be told the same each time. */
Test(reconcile, of_who_is_invalid_or_waits_is_no_news)
{
    changes("ann", "mail", "two@at@signs", NULL);
    changes("eve", "mail", "bob@example.com", NULL);
    changes("u003", "mail", "bob@example.com", "givenName", "Uma", NULL);
    expect_waits("eve", true);
    expect_waits("u003", true);
    list_everything(0);
    cr_assert_eq(mirror->reconcile.differ, 0u);
    cr_assert(was_asked("ann"));
    answer();
    expect_nothing();
}

Test(reconcile, finds_a_lost_change_of_one_that_waits)
{
    changes("eve", "mail", "bob@example.com", NULL);
    dir_put("eve", "mail", "eve@example.com", NULL);
    list_everything(0);
    cr_assert(was_asked("eve"));
    answer();
    expect("create eve@example.com (add, refresh)", NULL);
}

Test(reconcile, of_what_waits_and_is_as_it_was_changes_nothing)
{
    changes("ann", NULL);
    expect_pending("ann", PENDING_CLEAR, PENDING_WAITING);
    list_everything(0);
    answer();
    expect_pending("ann", PENDING_CLEAR, PENDING_WAITING);
    expect_restart(NULL);
}

Test(reconcile, that_broke_off_proves_nothing)
{
    dir_remove("ann");
    list_everything(4);
    expect_none("ann");
    cr_assert_eq(asked(), 0u);
    expect_nothing();
}

/* Not at once, and not only after a whole interval. */
Test(reconcile, is_tried_again_soon_after_one_that_proved_nothing)
{
    dir_remove("ann");
    list_everything(4);
    cr_assert_not(is_listing_due());
    pass_s(conf.max_retry_interval);
    provider_csn(3);
    list_everything(0);   /* of a server that is behind */
    expect_none("ann");
    provider_csn(-1);
    pass_s(conf.max_retry_interval);
    cr_assert_not(is_listing_due(), "at doubling distances");
    pass_s(conf.max_retry_interval);
    list_everything(0);
    expect_pending("ann", PENDING_DELETE, PENDING_UNPROVEN);
    answer();
    pass_s(300);
    answer();
    expect_many(1, "delete ann@example.com");
    pass_s(86399 - 300);
    cr_assert_not(is_listing_due());
    pass_s(1);
    list_everything(51);
    pass_s(conf.max_retry_interval);
    cr_assert(is_listing_due(), "they begin anew after a success");
}

Test(reconcile, is_never_tried_more_rarely_than_the_interval)
{
    for (int i = 0; i < 20; i++) {
        list_everything(4);
        pass_s(86400);
        cr_assert(is_listing_due());
    }
}

Test(reconcile, that_shows_nothing_at_all_makes_a_hold)
{
    dir_remove("ann");
    dir_remove("bob");
    for (int i = 0; i < 18; i++)
        dir_remove(many(i));
    list_everything(0);
    answer();
    expect_hold(1, 20, false);
    pass_s(1000);
    expect_nothing();
}

Test(reconcile, under_way_when_a_commit_fails_proves_nothing)
{
    mirror->asked++;
    reconcile_begin(mirror, &mirror->searches[0], 77);
    scene_fail_commit(true);
    changes("ann", "sn", "Lee", NULL);
    expect_restart("could not be stored");
    mirror_begin(mirror);
    reconcile_end(mirror, &(struct sync_msg){ .type = SYNC_PROBE_END, .token = 77 });
    expect_none("ann");
    cr_assert_eq(asked(), 0u);
}

Test(reconcile, can_be_off)
{
    conf.reconcile_interval = 0;
    cr_assert_not(is_listing_due());
    cr_assert_eq(reconcile_next(mirror), -1);
}

/* What was listed as present and is unknown was about to be read when the program was killed, and the cookie was stored. */
Test(reconcile, begins_at_once_after_a_kill_amid_look_ups)
{
    list_everything(0);
    dir_put("zoe", NULL);
    session(true);
    for (int i = 0; i < 18; i++)
        tell_present(many(i));
    tell_present("ann");
    tell_present("bob");
    tell_present("zoe");
    done_present();
    cr_assert(was_asked("zoe"));
    scene_reopen();
    session(true);
    done_delete();
    pass_s(1);
    cr_assert(is_listing_due(), "nobody else would ever tell of zoe");
    list_everything(0);
    answer();
    expect_first("create zoe@example.com");
    expect_any();
    pass_s(1);
    scene_reopen();
    session(true);
    done_delete();
    pass_s(1);
    cr_assert_not(is_listing_due(), "nothing is owed any more");
}

/* Of ann and carol the attribute is hidden, ann is changed meanwhile, and its clear is held for the other's sake. Then it is seen again
 * at the next reconciling. */
static void ann_regains(const char *attr, const char *other)
{
    dir_hide("ann", attr);
    dir_hide("carol", attr);
    changes("ann", other, "the same", "sn", attr, NULL);
    pass_s(1);
    while (asked())
        answer();
    expect_pending("ann", PENDING_CLEAR, PENDING_HELD);
    dir_show("ann", attr, "the same");
    dir_show("carol", attr, "the same");
    pass_s(86400);
    list_everything(0);
    cr_assert(was_asked("ann"));
}

/* The second right of the same hour: what it hid of entries that came meanwhile is read when the hour is over, also after a kill. */
Test(reconcile, a_second_right_within_the_hour_is_owed)
{
    changes("ann", "givenName", "the same", "telephoneNumber", "the same", NULL);
    changes("carol", "givenName", "the same", "telephoneNumber", "the same", NULL);
    ann_regains("telephoneNumber", "givenName");
    mirror->anew_ms = clock_mono_ms();   /* all was just read anew for another right's sake */
    answer();
    expect_restart(NULL);
    cr_assert(mirror->anew_owed);
    pass_s(3599);
    expect_restart(NULL);
    pass_s(1);
    expect_restart("read anew");
    refresh_in_full();
    cr_assert_not(mirror->anew_owed);
    expect_any();
}

Test(reconcile, what_is_owed_survives_a_kill)
{
    changes("ann", "givenName", "the same", "telephoneNumber", "the same", NULL);
    changes("carol", "givenName", "the same", "telephoneNumber", "the same", NULL);
    ann_regains("telephoneNumber", "givenName");
    mirror->anew_ms = clock_mono_ms();
    answer();
    expect_any();
    scene_reopen();
    session(true);
    done_delete();
    pass_s(1);
    expect_restart("read anew");
}
