#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fake.h"

TestSuite(dispatch, .init = fake_open, .fini = fake_close);

static int number_in(const uint8_t *uuid)
{
    return uuid[0] | uuid[1] << 8 | uuid[2] << 16;
}

/* Refuses one account, whatever is asked. */
static int bad_uuid;

static int refuses_one(const struct sink_item *item, const char **words)
{
    *words = "-ERR: I don't like it";
    return number_in(item->action->uuid) == bad_uuid ? (int)OUTCOME_REFUSED : FAKE_TAKE;
}

static int breaks_at_one(const struct sink_item *item, const char **words)
{
    (void)words;
    return number_in(item->action->uuid) == bad_uuid ? FAKE_BREAK : FAKE_TAKE;
}

static int breaks_after_one(const struct sink_item *item, const char **words)
{
    (void)words;
    return number_in(item->action->uuid) == bad_uuid ? FAKE_BREAK_AFTER : FAKE_TAKE;
}

static int licence_is_full(const struct sink_item *item, const char **words)
{
    static char text[128];

    if (!action_is_create(item->action->type))
        return FAKE_TAKE;
    snprintf(text, sizeof(text), "-ERR: can't add '%.*s': 25 of 25 accounts", SLICE_ARG(item->action->address));
    *words = text;
    return (int)OUTCOME_REFUSED;
}

static int no_domain_y(const struct sink_item *item, const char **words)
{
    *words = "there is no domain y";
    return memmem(item->action->address.p, item->action->address.len, "@y", 2) ? (int)OUTCOME_DOMAIN : FAKE_TAKE;
}

static int foreign(const struct sink_item *item, const char **words)
{
    *words = "there is an account that is not ours";
    return item->adopt || !action_is_create(item->action->type) ? FAKE_TAKE : (int)OUTCOME_ADOPT;
}

static int another_domain(const struct sink_item *item, const char **words)
{
    *words = "it can't be renamed into another domain";
    return action_is_rename(item->action->type) && memmem(item->action->address.p, item->action->address.len, "@y", 2)
               ? (int)OUTCOME_PART
               : FAKE_TAKE;
}

/* ---- order --------------------------------------------------------------------------------------------------- */

Test(dispatch, delivers_in_order_and_moves_the_position)
{
    put("create 1 ann@x Ann");
    put("update 1 ann@x Anna");
    put("rename 1 anna@x ann@x");
    put("create 2 ann@x Ann");
    put("delete 1 anna@x");
    cr_expect_eq(go(), DISPATCH_IDLE);
    cr_expect_str_eq(buf_str(&fake_log), "1 2 3 4 5");
    cr_expect_eq(sink_row_now().position, 5u);
    cr_expect_eq(waits_for_s(), -1);
    fake_compare();
}

Test(dispatch, what_shares_nothing_with_a_refused_action_goes_on)
{
    bad_uuid = 1;
    fake_behaves = refuses_one;
    put("create 1 ann@x Ann");
    put("create 2 bob@x Bob");
    put("update 1 ann@x Anna");
    put("create 3 cat@x Cat");
    put("rename 3 ann2@x cat@x");
    go();
    cr_expect_eq(sink_row_now().position, 5u);
    cr_expect_eq(state_of_row(1), ASIDE_RETRY);
    cr_expect_eq(state_of_row(3), ASIDE_BEHIND);
    cr_expect_eq(fake_count(), 2u);
    cr_expect_eq(waits_for_s(), 10);
    fake_behaves = NULL;
    wait_s(10);
    go();
    cr_expect_str_eq(buf_str(&fake_log), "2 4 5 1 3");
    fake_compare();
}

Test(dispatch, an_address_waits_for_who_has_it)
{
    put("create 1 ann@x Ann");
    go();
    bad_uuid = 1;
    fake_behaves = refuses_one;
    put("delete 1 ann@x");
    put("create 2 ann@x Other");
    put("members 9 staff@x ann@x");
    go();
    cr_expect_eq(state_of_row(3), ASIDE_BEHIND);
    cr_expect(!has_row(4), "a member does not wait for its account");
    fake_behaves = NULL;
    wait_s(10);
    go();
    cr_expect_eq(fake_count(), 1u);
    cr_expect_str_eq(fake_find(2)->value, "Other");
    fake_compare();
}

/* ---- retry and parking --------------------------------------------------------------------------------------- */

Test(dispatch, delays_double_and_then_it_is_parked)
{
    bad_uuid = 1;
    fake_behaves = refuses_one;
    put("create 1 ann@x Ann");
    put("update 1 ann@x Anna");
    go();
    cr_expect_eq(waits_for_s(), 10);
    wait_s(10);
    go();
    cr_expect_eq(waits_for_s(), 20);
    wait_s(19);
    go();
    cr_expect_eq(row_at(1).attempts, 2u, "not before its time");
    wait_s(1);
    go();
    cr_expect_eq(waits_for_s(), 40);
    wait_s(40);
    go();
    cr_expect_eq(state_of_row(1), ASIDE_PARKED);
    cr_expect_eq(state_of_row(2), ASIDE_STUCK);
    cr_expect(slice_eq(row_at(1).words, slice_of("-ERR: I don't like it")));
    cr_expect_eq(waits_for_s(), -1);
    fake_behaves = NULL;
    cr_expect_null(operator_does(COMMAND_RETRY, 2), "it retries what it stands behind");
    go();
    cr_expect_str_eq(buf_str(&fake_log), "1 2");
    fake_compare();
}

Test(dispatch, the_operator_drops_what_is_parked)
{
    put("update 1 ann@x Anna");   /* of an account that is missing there: parked at once */
    put("update 1 ann@x Anne");
    put("create 2 bob@x Bob");
    go();
    cr_expect_eq(state_of_row(1), ASIDE_PARKED);
    cr_expect_eq(sink_row_now().aside[ASIDE_STUCK], 1u);
    cr_expect_eq(operator_does_all(COMMAND_DROP), 2u);
    go();
    cr_expect(!has_row(1) && !has_row(2));
    cr_expect_str_eq(operator_does(COMMAND_DROP, 1), "there is no such action (any more)");
}

Test(dispatch, what_is_not_ours_waits_for_the_operator)
{
    fake_behaves = foreign;
    put("create 1 ann@x Ann");
    put("update 1 ann@x Anna");
    put("create 2 bob@x Bob");
    go();
    cr_expect_eq(state_of_row(1), ASIDE_ADOPT);
    cr_expect_eq(state_of_row(2), ASIDE_STUCK);
    cr_expect_str_eq(operator_does(COMMAND_ADOPT, 2), "it does not wait to be adopted");
    cr_expect_null(operator_does(COMMAND_ADOPT, 1));
    go();
    cr_expect_str_eq(buf_str(&fake_log), "1 2");
    cr_expect_eq(state_of_row(3), ASIDE_ADOPT);
}

Test(dispatch, a_clock_that_was_set_back_keeps_nobody_waiting)
{
    bad_uuid = 1;
    fake_behaves = refuses_one;
    put("create 1 ann@x Ann");
    go();
    fake_behaves = NULL;
    wait_s(-100000);
    go();
    cr_expect_eq(fake_count(), 1u);
}

/* ---- an unwell target ---------------------------------------------------------------------------------------- */

Test(dispatch, a_full_licence_stops_creates_and_nothing_else)
{
    put("create 100 old@x Old");
    go();
    fake_behaves = licence_is_full;
    for (int i = 1; i <= 50; i++)
        put("create %d u%d@x Name", i, i);
    put("update 100 old@x Older");
    put("delete 100 old@x");
    go();
    cr_expect_eq(fake_count(), 0u, "the update and the deletion went");
    cr_expect_eq(sink_row_now().aside[ASIDE_UNWELL], 48u);
    fake_applied = 0;
    go_for_s(3600);
    cr_expect_eq(sink_row_now().aside[ASIDE_UNWELL], 50u, "the first two joined them");
    for (int i = 1; i <= 50; i++)
        cr_assert_leq(row_at((uint64_t)i + 1).attempts, 1u, "waiting is no refusal");
    put("create 51 u51@x Name");
    go();
    cr_expect_eq(state_of_row(54), ASIDE_UNWELL, "without being tried");
    fake_behaves = NULL;
    wait_s(300);
    go();
    cr_expect_eq(fake_count(), 51u);
    cr_expect_eq(sink_row_now().aside[ASIDE_RETRY] + sink_row_now().aside[ASIDE_UNWELL], 0u);
    fake_compare();
}

Test(dispatch, an_unwell_target_is_still_unwell_after_a_restart)
{
    fake_behaves = licence_is_full;
    for (int i = 1; i <= 5; i++)
        put("create %d u%d@x Name", i, i);
    go();
    fake_restart();
    put("create 6 u6@x Name");
    go();
    cr_expect_eq(sink_row_now().aside[ASIDE_UNWELL], 4u);
    fake_behaves = NULL;
    go_for_s(600);
    cr_expect_eq(fake_count(), 6u);
    fake_compare();
}

Test(dispatch, three_refusals_with_other_words_or_a_success_between_are_no_illness)
{
    bad_uuid = 1;
    fake_behaves = refuses_one;
    put("create 1 u1@x Name");
    put("create 2 u2@x Name");
    go();
    bad_uuid = 3;
    put("create 3 u3@x Name");
    put("create 4 u4@x Name");
    go();
    bad_uuid = 5;
    put("create 5 u5@x Name");
    go();
    cr_expect_eq(sink_row_now().aside[ASIDE_RETRY], 3u);
    cr_expect_eq(sink_row_now().aside[ASIDE_UNWELL], 0u);
}

Test(dispatch, a_missing_domain_keeps_all_of_it_waiting)
{
    fake_behaves = no_domain_y;
    put("create 1 ann@y Ann");
    put("create 2 bob@x Bob");
    put("update 1 ann@y Anna");
    put("create 3 cat@y Cat");
    go();
    cr_expect_eq(state_of_row(1), ASIDE_DOMAIN);
    cr_expect_eq(state_of_row(3), ASIDE_BEHIND);
    put("create 4 dan@y Dan");
    fake_applied = 0;
    go();
    cr_expect_eq(state_of_row(5), ASIDE_DOMAIN, "without being tried");
    cr_expect_eq(waits_for_s(), 10);
    go_for_s(1000);
    cr_expect_eq(sink_row_now().aside[ASIDE_DOMAIN], 3u);
    fake_behaves = NULL;
    go_for_s(300);
    cr_expect_eq(fake_count(), 4u);
    fake_compare();
}

/* ---- a part -------------------------------------------------------------------------------------------------- */

Test(dispatch, a_rename_into_another_domain_lets_other_changes_go)
{
    fake_behaves = another_domain;
    put("create 1 ann@x Ann");
    put("rename 1 ann@y ann@x");
    put("update 1 ann@y Anna");
    go();
    cr_expect_eq(state_of_row(2), ASIDE_PARKED);
    cr_expect_str_eq(fake_find(1)->value, "Anna");
    cr_expect_str_eq(fake_find(1)->address, "ann@x");
    put("create 2 ann@y Other");
    go();
    cr_expect_eq(state_of_row(4), ASIDE_STUCK, "it can't have the address yet");
    put("rename 1 ann@x ann@y");
    go();
    cr_expect(!has_row(2), "superseded");
    cr_expect_str_eq(fake_find(2)->address, "ann@y");
}

/* ---- connections that break ---------------------------------------------------------------------------------- */

Test(dispatch, a_target_that_is_down_refuses_nothing)
{
    fake_is_down = true;
    put("create 1 ann@x Ann");
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(go(), DISPATCH_BROKEN);
        wait_s(300);
    }
    cr_expect_eq(sink_row_now().position, 0u);
    fake_is_down = false;
    cr_expect_eq(go(), DISPATCH_IDLE);
    cr_expect_str_eq(buf_str(&fake_log), "1!");
    put("create 2 bob@x Bob");
    go();
    cr_expect_str_eq(buf_str(&fake_log), "1! 2");
}

Test(dispatch, what_breaks_the_connection_does_not_block_the_rest)
{
    int breaks = 0;

    bad_uuid = 5;
    fake_behaves = breaks_at_one;
    for (int i = 1; i <= 10; i++)
        put("create %d u%d@x Name", i, i);
    while (go() == DISPATCH_BROKEN)
        breaks++;
    cr_expect_leq(breaks, 4);
    cr_expect_eq(fake_count(), 9u);
    cr_expect_eq(state_of_row(5), ASIDE_RETRY);
    cr_expect(slice_eq(row_at(5).words, slice_of("the server closed the connection at this action")));
    go_for_s(3600);
    cr_expect_eq(state_of_row(5), ASIDE_PARKED);
    fake_behaves = NULL;
    operator_does(COMMAND_RETRY, 5);
    go();
    fake_compare();
}

Test(dispatch, a_break_after_the_effect_is_told_again)
{
    bad_uuid = 2;
    fake_behaves = breaks_after_one;
    put("create 1 u1@x Name");
    put("create 2 u2@x Name");
    put("create 3 u3@x Name");
    cr_expect_eq(go(), DISPATCH_BROKEN);
    fake_behaves = NULL;
    go();
    cr_expect_not_null(strstr(buf_str(&fake_log), "2!"));
    fake_compare();
}

/* ---- what is stored ------------------------------------------------------------------------------------------ */

Test(dispatch, a_commit_that_fails_is_tried_again)
{
    put("create 1 ann@x Ann");
    fake_fail_commit(false);
    cr_expect_eq(go(), DISPATCH_BROKEN);
    cr_expect_str_eq(fake_error.text, "the disk is full");
    cr_expect_eq(sink_row_now().position, 0u);
    cr_expect_eq(go(), DISPATCH_IDLE);
    cr_expect_eq(fake_applied, 1u, "it was done and is not done again");
    cr_expect_eq(sink_row_now().position, 1u);
}

Test(dispatch, a_kill_between_effect_and_commit_is_told_again)
{
    put("create 1 ann@x Ann");
    put("rename 1 anna@x ann@x");
    step_once();
    fake_fail_commit(true);
    cr_expect_eq(go(), DISPATCH_STOPPED);
    fake_restart();
    go();
    cr_expect_str_eq(buf_str(&fake_log), "1 2 2!");
    fake_compare();
}

Test(dispatch, what_the_sink_remembers_comes_with_the_outcome)
{
    struct txn *t;
    struct record r;
    struct arena a = { 0 };
    uint8_t uuid[UUID_BYTES] = { 1 };

    put("create 1 ann@x Ann");
    fake_fail_commit(true);
    go();
    fake_restart();
    t = txn_begin(fake_store->db, DB_READ);
    cr_expect(!record_get(t, FAKE_SINK, uuid, &r, &a));
    txn_abort(&t);
    go();
    t = txn_begin(fake_store->db, DB_READ);
    cr_expect(record_get(t, FAKE_SINK, uuid, &r, &a) && slice_eq(r.address, slice_of("ann@x")));
    txn_abort(&t);
    arena_free(&a);
}

Test(dispatch, a_deletion_that_leaves_no_record_releases_what_is_gone)
{
    put("create 1 ann@x Ann");
    go();
    set_gone(1, "ann@x", put("delete 1 ann@x"));
    bad_uuid = 1;
    fake_behaves = refuses_one;
    go();
    cr_expect(has_gone(1), "it is set aside");
    fake_behaves = NULL;
    wait_s(10);
    go();
    cr_expect_eq(fake_count(), 0u);
    cr_expect_not(has_gone(1));
}

Test(dispatch, a_deletion_of_what_is_back_takes_nothing_away)
{
    put("create 1 ann@x Ann");
    go();
    bad_uuid = 1;
    fake_behaves = refuses_one;
    put("delete 1 ann@x");
    go();
    mirror_object(1, "ann@x", "Ann");
    put("create 1 ann@x Ann");
    fake_behaves = NULL;
    go_for_s(60);
    cr_expect_str_eq(buf_str(&fake_log), "1 2 3");
    cr_expect_eq(fake_count(), 1u);
}

/* Somebody else was given the address in between: without the deletion it would be free for nobody, and the return would wait
 * for him for ever. */
Test(dispatch, a_deletion_of_what_is_back_frees_the_address)
{
    put("create 1 ann@x Ann");
    put("create 2 bob@x Bob");
    go();
    put("delete 1 ann@x");
    put("rename 2 ann@x bob@x");
    put("create 1 bob@x Ann");
    mirror_object(1, "bob@x", "Ann");
    mirror_object(2, "ann@x", "Bob");
    go_for_s(60);
    cr_expect_str_eq(fake_find(1)->address, "bob@x");
    cr_expect_str_eq(fake_find(2)->address, "ann@x");
    cr_expect_eq(sink_row_now().aside[ASIDE_RETRY], 0u);
}

static size_t taken_away;

/* Counts the deletions that take something. */
static int counts(const struct sink_item *item, const char **words)
{
    (void)words;
    taken_away += action_is_delete(item->action->type) && !item->back;
    return FAKE_TAKE;
}

static void rebound(int last, bool mirrored, size_t deletions)
{
    put("create 1 ann@x Ann");
    go();
    taken_away = 0;
    fake_behaves = counts;
    put("delete 1 ann@x");
    put("create 1 ann@x Ann");
    put("rebind 2 ann@x 1");
    if (last == 3)
        put("rebind 3 ann@x 2");
    if (mirrored)
        mirror_object(last, "ann@x", "Ann");
    else
        put("delete %d ann@x", last);
    go();
    cr_expect_eq(taken_away, deletions);
    cr_expect_eq(fake_find(last) != NULL, mirrored);
}

Test(dispatch, a_deletion_of_what_was_rebound_and_is_there_takes_nothing_away)
{
    rebound(2, true, 0);
}

Test(dispatch, a_deletion_of_what_was_rebound_twice)
{
    rebound(3, true, 0);
}

Test(dispatch, a_deletion_of_what_was_rebound_and_is_gone)
{
    rebound(2, false, 2);
}

/* All of it stands aside by now, and the process has forgotten what it read. */
Test(dispatch, a_deletion_of_what_was_rebound_aside)
{
    put("create 1 ann@x Ann");
    go();
    bad_uuid = 1;
    fake_behaves = refuses_one;
    put("delete 1 ann@x");
    put("create 1 ann@x Ann");
    put("rebind 2 ann@x 1");
    go();
    cr_assert(has_row(2) && has_row(4));
    mirror_object(2, "ann@x", "Ann");
    fake_restart();
    taken_away = 0;
    fake_behaves = counts;
    go_for_s(60);
    cr_expect_eq(taken_away, 0u);
    cr_expect_not_null(fake_find(2));
}

/* ---- the first telling --------------------------------------------------------------------------------------- */

static void new_sink(uint64_t position)
{
    struct sink_row row = { .position = position, .telling = true };

    set_sink_row(&row);
    fake_restart();
}

Test(dispatch, a_new_sink_is_told_the_whole_state_first)
{
    put("create 1 ann@x Ann");
    put("create 2 bob@x Bob");
    mirror_object(1, "ann@x", "Ann");
    mirror_object(2, "bob@x", "Bob");
    new_sink(2);
    put("update 2 bob@x Bobby");
    go();
    cr_expect(!sink_row_now().telling);
    cr_expect_eq(sink_row_now().first_upto, 3u);
    cr_expect_str_eq(buf_str(&fake_log), "3:1 3:1", "as of one moment, which has the update already");
    put("update 1 ann@x Anna");
    go();
    cr_expect_str_eq(buf_str(&fake_log), "3:1 3:1 4");
}

/* After all objects, as what a group names must be there; in actions of a thousand, of which the connection breaks at one. */
Test(dispatch, a_new_sink_is_told_the_members_of_groups)
{
    put("create 1 ann@x Ann");
    mirror_object(1, "ann@x", "Ann");
    mirror_group(8, "small@x", 1);
    mirror_group(9, "staff@x", 2500);
    mirror_object(2, "bob@x", "Bob");
    fake_audits = false;   /* these members have no references: nobody wrote the groups' entries */
    new_sink(1);
    bad_uuid = 9;
    fake_behaves = breaks_at_one;
    go();
    cr_expect(sink_row_now().telling);
    fake_behaves = NULL;
    wait_s(1000);
    go();
    cr_expect(!sink_row_now().telling);
    cr_expect_eq(fake_count(), 4u);
    cr_expect(fake_has_member(8, "m0@x") && !fake_has_member(8, "m1@x"));
    for (int i = 0; i < 2500; i++) {
        char member[32];

        snprintf(member, sizeof(member), "m%d@x", i);
        cr_expect(fake_has_member(9, member), "%s", member);
    }
    cr_expect(!fake_has_member(9, "m2500@x"));
}

Test(dispatch, what_the_first_refresh_tells_is_first)
{
    struct txn *t = store_begin(fake_store);
    struct err e;

    meta_put(t, "first", NULL, (struct slice){ 0 });
    cr_assert_eq(store_commit(fake_store, &t, &e), 0);
    put("create 1 ann@x Ann");
    go();
    set_first(1);
    put("create 2 bob@x Bob");
    go();
    cr_expect_str_eq(buf_str(&fake_log), "1:1 2");
}

Test(dispatch, a_deletion_while_the_telling_was_cut_short_is_not_lost)
{
    put("create 1 ann@x Ann");
    put("create 2 bob@x Bob");
    mirror_object(1, "ann@x", "Ann");
    mirror_object(2, "bob@x", "Bob");
    new_sink(2);
    bad_uuid = 2;
    fake_behaves = breaks_at_one;
    go();
    go();
    cr_expect_eq(fake_count(), 1u, "cut short: ann was told and bob was not");
    forget_object(1);
    put("delete 1 ann@x");
    forget_object(2);
    put("delete 2 bob@x");
    mirror_object(3, "cat@x", "Cat");
    put("create 3 cat@x Cat");
    fake_behaves = NULL;
    fake_restart();
    go();
    cr_expect_null(fake_find(1), "it was told, and deleted since");
    cr_expect_null(fake_find(2));
    cr_expect_not_null(fake_find(3));
    cr_expect(!sink_row_now().telling);
    fake_compare();
}

/* ---- removals ------------------------------------------------------------------------------------------------ */

static void retired(int uuid, int64_t in_s)
{
    char address[64];

    snprintf(address, sizeof(address), "axsync-%d@x", uuid);
    put("create %d %s Gone", uuid, address);
    go();
    set_record(uuid, address, clock_wall_ms() + in_s * 1000);
}

/* Why it was not removed when its time had come; valid until the next call. */
static const char *why_of(int uuid)
{
    static struct arena a;
    static char text[256];
    struct txn *t = txn_begin(fake_store->db, DB_READ);
    uint8_t bytes[UUID_BYTES] = { (uint8_t)uuid };
    struct record r;

    arena_reset(&a);
    cr_assert(record_get(t, FAKE_SINK, bytes, &r, &a));
    txn_abort(&t);
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(r.why));
    return text;
}

Test(dispatch, what_was_retired_is_removed_when_its_time_has_come)
{
    retired(1, 3600);
    retired(2, 7200);
    fake_verdict = REMOVAL_GONE;
    go();
    cr_expect_eq(waits_for_s(), 3600);
    wait_s(3599);
    go();
    cr_expect_eq(fake_count(), 2u);
    wait_s(1);
    go();
    cr_expect_eq(fake_count(), 1u);
    cr_expect_eq(sink_row_now().due, 1u);
    fake_restart();
    go_for_s(3600);
    cr_expect_eq(fake_count(), 0u);
    cr_expect_eq(sink_row_now().due, 0u);
}

Test(dispatch, what_is_found_again_is_not_removed)
{
    retired(1, 10);
    fake_verdict = REMOVAL_THERE;
    wait_s(10);
    go();
    cr_expect_eq(fake_count(), 1u);
    cr_expect_not_null(strstr(why_of(1), "still in the directory"), "%s", why_of(1));
    cr_expect_eq(waits_for_s(), 86400);
    fake_restart();   /* it is stored */
    cr_expect_not_null(strstr(why_of(1), "still in the directory"));
    go();
    fake_asked = 0;
    wait_s(86400);
    go();
    cr_expect_eq(fake_asked, 1u);
    fake_verdict = REMOVAL_GONE;
    wait_s(86400);
    go();
    cr_expect_eq(fake_count(), 0u);
}

Test(dispatch, without_an_answer_nothing_is_removed_and_it_is_asked_again)
{
    retired(1, 10);
    fake_verdict = REMOVAL_UNKNOWN;
    wait_s(10);
    go();
    cr_expect_eq(waits_for_s(), 10);
    go_for_s(10);
    cr_expect_eq(waits_for_s(), 20);
    go_for_s(3600);
    cr_expect_eq(fake_count(), 1u);
    fake_verdict = REMOVAL_GONE;
    go_for_s(300);
    cr_expect_eq(fake_count(), 0u);
}

Test(dispatch, what_is_mirrored_again_is_not_even_looked_up)
{
    retired(1, 10);
    mirror_object(1, "ann@x", "Ann");
    wait_s(10);
    fake_verdict = REMOVAL_GONE;
    go();
    cr_expect_eq(fake_count(), 1u);
    cr_expect_eq(fake_asked, 0u);
}

/* ---- many ---------------------------------------------------------------------------------------------------- */

/* A directory in which people come, change, take each other's addresses and go. */
static struct {
    bool there;
    char address[16];
} people[7];

static unsigned random_state;

static unsigned below(unsigned n)
{
    random_state = random_state * 1103515245u + 12345u;
    return (random_state >> 16) % n;
}

static bool is_used(const char *address)
{
    for (size_t i = 0; i < 7; i++)
        if (people[i].there && strcmp(people[i].address, address) == 0)
            return true;
    return false;
}

static void random_change(void)
{
    int i = (int)below(7);
    char address[16];

    snprintf(address, sizeof(address), "%c@%c", 'a' + (int)below(8), 'x' + (int)below(2));
    if (!people[i].there) {
        if (is_used(address))
            return;
        people[i].there = true;
        snprintf(people[i].address, sizeof(people[i].address), "%s", address);
        put("create %d %s v%u", i + 1, address, below(1000));
    } else if (below(3) == 0 && !is_used(address)) {
        put("rename %d %s %s", i + 1, address, people[i].address);
        snprintf(people[i].address, sizeof(people[i].address), "%s", address);
    } else if (below(6) == 0) {
        put("delete %d %s", i + 1, people[i].address);
        people[i].there = false;
    } else {
        put("update %d %s v%u", i + 1, people[i].address, below(1000));
    }
}

static int moody(const struct sink_item *item, const char **words)
{
    static const char *const texts[] = { "-ERR: no", "-ERR: not now", "-ERR: maybe later", "-ERR: who are you" };
    unsigned mood = below(30);

    (void)item;
    *words = texts[below(4)];
    if (mood < 4)
        return (int)OUTCOME_REFUSED;
    if (mood == 4)
        return (int)OUTCOME_PARK;
    if (mood == 5)
        return (int)OUTCOME_DOMAIN;
    if (mood == 6)
        return FAKE_BREAK;
    if (mood == 7)
        return FAKE_BREAK_AFTER;
    return FAKE_TAKE;
}

static void settle_down(void)
{
    fake_behaves = NULL;
    for (int i = 0; i < 100 && (sink_row_now().position < fake_store->next_seq - 1 || sink_row_now().aside[0] ||
                                sink_row_now().aside[1] || sink_row_now().aside[3] || sink_row_now().aside[4] ||
                                sink_row_now().aside[5] || sink_row_now().aside[6]);
         i++) {
        operator_does_all(COMMAND_RETRY);
        go_for_s(1000);
    }
}

Test(dispatch, a_moody_target_ends_as_one_that_took_all_in_order)
{
    const char *given = getenv("AXSYNC_TEST_SEED");

    random_state = given ? (unsigned)strtoul(given, NULL, 10) : 7;
    fprintf(stderr, "AXSYNC_TEST_SEED=%u\n", random_state);
    for (int round = 0; round < 60; round++) {
        fake_behaves = moody;
        for (unsigned i = 0, n = below(12); i < n; i++)
            random_change();
        if (below(5) == 0)
            fake_fail_commit(below(2));
        go_for_s(below(60));
        if (below(6) == 0)
            fake_restart();
        if (below(10) == 0) {
            settle_down();
            fake_compare();
        }
    }
    settle_down();
    fake_compare();
}

Test(dispatch, all_of_a_domain_go_when_it_is_there)
{
    fake_behaves = no_domain_y;
    put_many(3000);
    go();
    cr_expect_eq(sink_row_now().aside[ASIDE_DOMAIN], 3000u);
    go_for_s(900);
    fake_behaves = NULL;
    go_for_s(600);
    cr_expect_eq(fake_count(), 3000u);
    cr_expect_eq(sink_row_now().aside[ASIDE_DOMAIN], 0u);
}

Test(dispatch, a_hundred_thousand_wait_and_one_is_tried)
{
    fake_audits = false;
    fake_behaves = no_domain_y;
    put_many(100000);
    go();
    cr_expect_eq(sink_row_now().aside[ASIDE_DOMAIN], 100000u);
    cr_expect_eq(sink_row_now().position, 100000u);
    fake_applied = 0;
    put("create 100001 bob@x Bob");
    go_for_s(3600);
    cr_expect_eq(fake_count(), 1u);
    cr_expect_eq(fake_applied, 1u, "no more than one of them at a time was asked for");
}
