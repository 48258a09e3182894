/* Policies, retention, return, rename, rebind. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "world.h"

#define RETIRED_1 "axsync-aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaa0001@example.com"
#define ALL_SERVICES "[\"imap\",\"pop3\"]"

static void make_ann(struct world *w)
{
    struct action *a = create(w, 1, "ann@example.com", "Ann");

    set(w, a, "limits.services", "imap pop3");
    alias(w, a, "a.lee@example.com");
    expect_done(w, a);
    by_hand(w, "example.com", "{'accounts':{'ann':{'aliases':['a.lee','by.hand']}}}");
}

static struct action *return_of_ann(struct world *w, const char *address)
{
    struct action *a = create(w, 1, address, "Anne");

    alias(w, a, "a.lee@example.com");
    return a;
}

/* ---- policies ---------------------------------------------------------------------------------------------------- */

static void expect_policy(enum axigen_policy policy, enum record_state state, const char *services)
{
    struct world *w = world_new(NULL);
    struct axigen_record r;

    w->settings.leave_policy = policy;
    make_ann(w);
    for (int i = 0; i < 2; i++) {
        expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
        expect_part(w, "ann@example.com", "limits.services", services);
        /* Where anything is changed at all, what we set is free for somebody else; what somebody set by hand stays. */
        expect_part(w, "ann@example.com", "aliases", policy == AXIGEN_KEEP ? "[\"a.lee\",\"by.hand\"]" : "[\"by.hand\"]");
        cr_assert(record_of(w, 1, &r));
        cr_assert_eq(r.state, state);
    }
    expect_done(w, return_of_ann(w, "ann@example.com"));
    expect_part(w, "ann@example.com", "limits.services", ALL_SERVICES);
    expect_part(w, "ann@example.com", "contactInfo.firstName", "\"Anne\"");
    cr_assert(record_of(w, 1, &r) && r.state == RECORD_ACTIVE);
    world_free(&w);
}

Test(axigen_depart, disable)
{
    expect_policy(AXIGEN_DISABLE, RECORD_DISABLED, "[]");
}

Test(axigen_depart, lock)
{
    expect_policy(AXIGEN_LOCK, RECORD_LOCKED, "[\"smtpIncoming\"]");
}

Test(axigen_depart, keep)
{
    expect_policy(AXIGEN_KEEP, RECORD_KEPT, ALL_SERVICES);
}

Test(axigen_depart, the_policy_of_each_cause)
{
    static const enum cause causes[] = {CAUSE_DELETE, CAUSE_ABSENT, CAUSE_LEAVE, CAUSE_MOVED};

    for (size_t i = 0; i < 4; i++) {
        struct world *w = world_new(NULL);

        w->settings.leave_policy = AXIGEN_LOCK;
        w->settings.move_policy = AXIGEN_KEEP;
        w->settings.retention_s = 0;
        make_ann(w);
        expect_done(w, delete_of(w, 1, "ann@example.com", causes[i]));
        if (i < 2)
            expect_absent(w, "ann@example.com");
        else
            expect_part(w, "ann@example.com", "limits.services", i == 2 ? "[\"smtpIncoming\"]" : ALL_SERVICES);
        world_free(&w);
    }
}

/* Locked, then deleted: what it had when it was active is what counts. */
Test(axigen_depart, from_one_policy_to_the_next)
{
    struct world *w = world_new(NULL);

    w->settings.leave_policy = AXIGEN_LOCK;
    make_ann(w);
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE));
    expect_part(w, RETIRED_1, "limits.services", "[]");
    expect_done(w, return_of_ann(w, "ann@example.com"));
    expect_part(w, "ann@example.com", "limits.services", ALL_SERVICES);
    world_free(&w);
}

/* What is told of services meanwhile counts at the return. */
Test(axigen_depart, services_told_while_disabled)
{
    struct world *w = world_new(NULL);
    struct action *a = make(w, ACTION_ACCOUNT_UPDATE, 1, "ann@example.com"),
                  *none = make(w, ACTION_ACCOUNT_UPDATE, 1, "ann@example.com");

    make_ann(w);
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    set(w, a, "limits.services", "webmail");
    set(w, a, "contactInfo.office", "1");
    expect_done(w, a);
    expect_part(w, "ann@example.com", "limits.services", "[]");
    expect_part(w, "ann@example.com", "contactInfo.office", "\"1\"");
    expect_done(w, return_of_ann(w, "ann@example.com"));
    expect_part(w, "ann@example.com", "limits.services", "[\"webmail\"]");
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    clear(w, none, "limits.services");
    expect_done(w, none);
    expect_part(w, "ann@example.com", "limits.services", "[]");
    expect_done(w, return_of_ann(w, "ann@example.com"));
    expect_part(w, "ann@example.com", "limits.services", "");
    world_free(&w);
}

Test(axigen_depart, services_that_cannot_be_given_back_yet)
{
    struct world *w = world_new(NULL);
    struct axigen_record r;

    make_ann(w);
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    emulator_control(w->emulator, "refuse \"SET services*=no\"");
    expect_outcome(w, return_of_ann(w, "ann@example.com"), OUTCOME_REFUSED, "limits.services: no");
    cr_assert(record_of(w, 1, &r) && r.state == RECORD_DISABLED && r.has_services);
    emulator_control(w->emulator, "clear rules");
    expect_done(w, return_of_ann(w, "ann@example.com"));
    expect_part(w, "ann@example.com", "limits.services", ALL_SERVICES);
    world_free(&w);
}

Test(axigen_depart, nothing_of_ours)
{
    struct world *w = world_new(NULL);
    char *before, *after;

    by_hand(w, "example.com", "{'accounts':{'ann':{'name':'ann','id':5}}}");
    before = state_of(w);
    w->settings.retention_s = 0;
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE));
    expect_done(w, delete_of(w, 1, "ann@nowhere.net", CAUSE_DELETE));
    after = state_of(w);
    cr_assert_str_eq(after, before);
    free(before);
    free(after);
    world_free(&w);
}

/* ---- retention --------------------------------------------------------------------------------------------------- */

Test(axigen_depart, retirement)
{
    struct world *w = world_new(NULL);
    enum outcome outcome;
    struct slice words;
    struct err e = {0};

    clock_set_wall_ms(1000000);
    make_ann(w);
    for (int i = 0; i < 2; i++) {
        expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE));
        expect_absent(w, "ann@example.com");
        expect_mail_of(w, RETIRED_1, "ann@example.com");
        expect_part(w, RETIRED_1, "limits.services", "[]");
        expect_part(w, RETIRED_1, "aliases", "[\"by.hand\"]");
        cr_assert_eq(due_of(w, 1), 1000000 + 3600000);
    }
    cr_assert_eq(w->sink->class->remove_due(w->sink, uuid_of(1), &outcome, &words, &e), SINK_OK, "%s", e.text);
    cr_assert_eq(outcome, OUTCOME_DONE, "%.*s", SLICE_ARG(words));
    expect_absent(w, RETIRED_1);
    cr_assert_eq(due_of(w, 1), -1);
    cr_assert_eq(w->sink->class->remove_due(w->sink, uuid_of(1), &outcome, &words, &e), SINK_OK);
    cr_assert_eq(outcome, OUTCOME_DONE);
    world_free(&w);
}

static void expect_kept_at_due(struct world *w, enum outcome expected)
{
    enum outcome outcome;
    struct slice words;
    struct err e = {0};
    char *before = state_of(w), *after;

    cr_assert_eq(w->sink->class->remove_due(w->sink, uuid_of(1), &outcome, &words, &e), SINK_OK, "%s", e.text);
    cr_assert_eq(outcome, expected, "%.*s", SLICE_ARG(words));
    after = state_of(w);
    cr_assert_str_eq(after, before);
    free(before);
    free(after);
}

Test(axigen_depart, due_but_not_ours_any_more)
{
    struct world *w = world_new(NULL);

    make_ann(w);
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE));
    by_hand(w, "example.com",
            "{'accounts':{'axsync-aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaa0001':{'settings':{'customerReference':'mine'}}}}");
    expect_kept_at_due(w, OUTCOME_PARK);
    by_hand(w, "example.com", "{'settings':{'enableLDAPSync':'yes'}}");
    w->sink->class->reopen(w->sink);
    expect_kept_at_due(w, OUTCOME_DOMAIN);
    world_free(&w);
}

Test(axigen_depart, return_within_retention)
{
    struct world *w = world_new(NULL);

    make_ann(w);
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE));
    expect_done(w, return_of_ann(w, "anne@example.com"));
    expect_mail_of(w, "anne@example.com", "ann@example.com");
    expect_part(w, "anne@example.com", "limits.services", ALL_SERVICES);
    expect_part(w, "anne@example.com", "aliases", "[\"by.hand\",\"a.lee\"]");
    cr_assert_eq(due_of(w, 1), 0);
    expect_kept_at_due(w, OUTCOME_DONE);
    world_free(&w);
}

/* A refusal in the middle of a retirement leaves all as it was. */
Test(axigen_depart, retirement_is_all_or_nothing)
{
    static const char *const refuse[] = {"CONFIG Limits", "SET services*", "SHOW ATTR services", "DONE",
                                         "LIST Aliases",  "REMOVE Alias*", "SET name*",          "COMMIT"};
    struct world *w = world_new(NULL);
    struct axigen_record r;
    char *before, *after;

    make_ann(w);
    before = state_of(w);
    for (size_t i = 0; i < 8; i++) {
        emulator_control(w->emulator, "rule refuse pattern \"%s\" text bad nth 1", refuse[i]);
        expect_outcome(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE), OUTCOME_REFUSED, "bad");
        after = state_of(w);
        cr_assert_str_eq(after, before, "%s", refuse[i]);
        free(after);
        cr_assert(record_of(w, 1, &r) && r.intent == INTENT_NONE && r.going_to.len == 0 && r.state == RECORD_ACTIVE);
    }
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE));
    expect_done(w, return_of_ann(w, "ann@example.com"));
    expect_part(w, "ann@example.com", "limits.services", ALL_SERVICES);
    free(before);
    world_free(&w);
}

/* A deletion that comes when its entry is mirrored again. */
static void comes_back(struct world *w)
{
    w->back = true;
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE));
    w->back = false;
}

Test(axigen_depart, a_deletion_of_what_is_back_takes_nothing_away)
{
    struct world *w = world_new(NULL);
    char *before, *after;

    w->settings.retention_s = 0;
    make_ann(w);
    before = state_of(w);
    comes_back(w);
    after = state_of(w);
    cr_assert_str_eq(after, before);
    expect_done(w, create(w, 2, "bob@example.com", "Bob"));
    expect_done(w, rename_to(w, 2, "bob@example.com", "ann@example.com"));
    expect_mail_of(w, RETIRED_1, "ann@example.com");
    expect_part(w, RETIRED_1, "limits.services", ALL_SERVICES);
    expect_done(w, return_of_ann(w, "bob@example.com"));
    expect_mail_of(w, "bob@example.com", "ann@example.com");
    expect_mail_of(w, "ann@example.com", "bob@example.com");
    free(before);
    free(after);
    world_free(&w);
}

/* It was given before; whether it was done nobody knows when the entry is back. */
static void cut_while_leaving(const char *pattern, const char *when)
{
    struct world *w = world_new(NULL);
    struct action *gone = delete_of(w, 1, "ann@example.com", CAUSE_DELETE);
    struct axigen_record r;
    struct err e = {0};

    make_ann(w);
    emulator_control(w->emulator, "rule %s pattern \"%s\" nth 1", when, pattern);
    cr_assert_eq(apply(w, &gone, 1, NULL, &e), SINK_DOWN, "%s %s", when, pattern);
    world_crash(w);
    comes_back(w);
    expect_done(w, return_of_ann(w, "ann@example.com"));
    expect_mail_of(w, "ann@example.com", "ann@example.com");
    expect_part(w, "ann@example.com", "limits.services", ALL_SERVICES);
    cr_assert(record_of(w, 1, &r) && r.state == RECORD_ACTIVE && r.intent == INTENT_NONE);
    world_free(&w);
}

Test(axigen_depart, a_deletion_cut_short_of_what_is_back)
{
    cut_while_leaving("SET services*", "drop-before");
    cut_while_leaving("DONE", "drop-before");
    cut_while_leaving("COMMIT", "drop-before");
    cut_while_leaving("COMMIT", "drop-after");
}

/* ---- somebody else gets the address of one that is gone ---------------------------------------------------------- */

Test(axigen_depart, the_address_of_one_that_is_gone)
{
    struct world *w = world_new(NULL);
    struct axigen_record r;

    make_ann(w);
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    deliver(w, (struct action *[]){create(w, 2, "ann@example.com", "Other Ann")}, 1, 1);
    expect_mail_of(w, RETIRED_1, "ann@example.com");
    expect_part(w, "ann@example.com", "contactInfo.firstName", "\"Other Ann\"");
    cr_assert(record_of(w, 1, &r) && slice_eq(r.address, slice_of(RETIRED_1)) && r.state == RECORD_DISABLED);
    expect_done(w, return_of_ann(w, "ann2@example.com"));
    expect_mail_of(w, "ann2@example.com", "ann@example.com");
    expect_part(w, "ann2@example.com", "limits.services", ALL_SERVICES);
    world_free(&w);
}

/* In one batch somebody is told the address of one who is gone, and he himself comes back. */
static void taken_and_back(enum axigen_policy policy, bool as_alias)
{
    struct world *w = world_new(NULL);
    struct action *a[] = {create(w, 2, as_alias ? "bob@example.com" : "ann@example.com", "Other Ann"),
                          return_of_ann(w, "ann2@example.com")};
    struct axigen_record r;

    w->settings.leave_policy = policy;
    if (as_alias)
        alias(w, a[0], "ann@example.com");
    make_ann(w);
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    deliver(w, a, 2, 2);
    expect_mail_of(w, "ann2@example.com", "ann@example.com");
    expect_absent(w, RETIRED_1);
    cr_assert(record_of(w, 1, &r) && slice_eq(r.address, slice_of("ann2@example.com")) && r.state == RECORD_ACTIVE);
    world_free(&w);
}

Test(axigen_depart, taken_and_back_in_one_batch)
{
    taken_and_back(AXIGEN_KEEP, false);
    taken_and_back(AXIGEN_DISABLE, false);
    taken_and_back(AXIGEN_KEEP, true);
    taken_and_back(AXIGEN_DISABLE, true);
}

/* What one who is gone gave up for another is his again when the domain's COMMIT is refused. */
static void room_is_not_saved(const char *keep, bool as_alias, bool returns)
{
    struct world *w = world_new((const char *const[]){"--keep", keep, NULL});
    struct action *a = create(w, 2, as_alias ? "bob@example.com" : "ann@example.com", "Other Ann");
    struct axigen_record r;

    if (as_alias)
        alias(w, a, "ann@example.com");
    make_ann(w);
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    emulator_control(w->emulator, "rule refuse pattern COMMIT context domain nth 1 text bad");
    expect_outcome(w, a, OUTCOME_REFUSED, "bad");
    cr_assert(record_of(w, 1, &r) && slice_eq(r.address, slice_of("ann@example.com")));
    if (returns) {
        deliver(w, (struct action *[]){return_of_ann(w, "ann2@example.com")}, 1, 1);
        expect_mail_of(w, "ann2@example.com", "ann@example.com");
        expect_absent(w, RETIRED_1);
        world_free(&w);
        return;
    }
    deliver(w, &a, 1, 1);
    expect_mail_of(w, RETIRED_1, "ann@example.com");
    cr_assert(record_of(w, 1, &r) && slice_eq(r.address, slice_of(RETIRED_1)));
    world_free(&w);
}

Test(axigen_depart, room_that_was_not_saved)
{
    for (int i = 0; i < 8; i++)
        room_is_not_saved(i & 1 ? "account" : "domain", i & 2, i & 4);
}

static void told_as_an_alias(enum axigen_policy policy, bool of_a_new_one)
{
    struct world *w = world_new(NULL);
    struct action *a = create(w, 2, "bob@example.com", "Bob");
    struct axigen_record r;

    w->settings.leave_policy = policy;
    make_ann(w);
    if (!of_a_new_one) {
        expect_done(w, a);
        a = make(w, ACTION_ACCOUNT_UPDATE, 2, "bob@example.com");
    }
    alias(w, a, "ann@example.com");
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    expect_done(w, a);
    expect_part(w, "bob@example.com", "aliases", "[\"ann\"]");
    expect_mail_of(w, RETIRED_1, "ann@example.com");
    cr_assert(record_of(w, 1, &r) && slice_eq(r.address, slice_of(RETIRED_1)));
    cr_assert(record_of(w, 2, &r) && r.n_aliases == 1);
    world_free(&w);
}

Test(axigen_depart, the_address_of_one_that_is_gone_as_an_alias)
{
    told_as_an_alias(AXIGEN_DISABLE, false);
    told_as_an_alias(AXIGEN_LOCK, true);
    told_as_an_alias(AXIGEN_KEEP, false);
}

static struct action *ann_with_alias(struct world *w)
{
    struct action *a = create(w, 1, "ann@example.com", "Ann");

    alias(w, a, "a@example.com");
    return a;
}

/* Kept as she was, until somebody else is told what was hers. */
static void takes_the_alias(struct world *w, struct action *a)
{
    struct axigen_record r;

    by_hand(w, "example.com", "{'accounts':{'ann':{'aliases':['a','hers']}}}");
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_MOVED));
    expect_part(w, "ann@example.com", "aliases", "[\"a\",\"hers\"]");
    expect_done(w, a);
    expect_part(w, "ann@example.com", "aliases", "[\"hers\"]");
    cr_assert(record_of(w, 1, &r) && r.n_aliases == 0 && r.state == RECORD_KEPT);
}

Test(axigen_depart, the_alias_of_one_that_is_kept)
{
    struct world *w = world_new(NULL);
    struct action *a = create(w, 2, "bob@example.com", "Bob");

    expect_done(w, ann_with_alias(w));
    alias(w, a, "a@example.com");
    takes_the_alias(w, a);
    expect_part(w, "bob@example.com", "aliases", "[\"a\"]");
    a = ann_with_alias(w);   /* she returns, without it */
    a->n_set_aliases = 0;
    expect_done(w, a);
    expect_part(w, "ann@example.com", "aliases", "[\"hers\"]");
    world_free(&w);
}

Test(axigen_depart, the_alias_of_one_that_is_kept_as_an_address)
{
    struct world *w = world_new(NULL);

    expect_done(w, ann_with_alias(w));
    takes_the_alias(w, create(w, 2, "a@example.com", "Bob"));
    expect_mail_of(w, "a@example.com", "a@example.com");
    world_free(&w);
}

Test(axigen_depart, the_alias_of_one_that_is_kept_as_a_new_address)
{
    struct world *w = world_new(NULL);

    expect_done(w, ann_with_alias(w));
    expect_done(w, create(w, 2, "bob@example.com", "Bob"));
    takes_the_alias(w, rename_to(w, 2, "bob@example.com", "a@example.com"));
    expect_mail_of(w, "a@example.com", "bob@example.com");
    world_free(&w);
}

/* She returns with what was her alias, and the other way round. */
Test(axigen_depart, the_alias_of_one_that_is_kept_as_the_own_address)
{
    struct world *w = world_new(NULL);
    struct action *a;
    struct axigen_record r;

    expect_done(w, ann_with_alias(w));
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_MOVED));
    a = create(w, 1, "a@example.com", "Ann");
    alias(w, a, "ann@example.com");
    deliver(w, &a, 1, 1);   /* her old name is free with the COMMIT that takes it from her */
    expect_part(w, "a@example.com", "aliases", "[\"ann\"]");
    expect_mail_of(w, "a@example.com", "ann@example.com");
    cr_assert(record_of(w, 1, &r) && r.n_aliases == 1 && slice_eq(r.aliases[0], slice_of("ann@example.com")));
    world_free(&w);
}

/* What somebody else gave her is not ours to take: the server refuses it, and says so. */
Test(axigen_depart, the_hand_made_alias_of_one_that_is_kept)
{
    struct world *w = world_new(NULL);
    struct action *a = create(w, 2, "bob@example.com", "Bob");

    make_ann(w);
    by_hand(w, "example.com", "{'accounts':{'ann':{'aliases':['hers']}}}");
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_MOVED));
    alias(w, a, "hers@example.com");
    expect_outcome(w, a, OUTCOME_REFUSED, "alias hers@example.com");
    expect_part(w, "ann@example.com", "aliases", "[\"hers\"]");
    world_free(&w);
}

Test(axigen_depart, the_alias_of_one_that_is_kept_and_has_lost_it)
{
    struct world *w = world_new(NULL);
    struct action *a = create(w, 2, "bob@example.com", "Bob");
    struct axigen_record r;

    expect_done(w, ann_with_alias(w));
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_MOVED));
    by_hand(w, "example.com", "{'accounts':{'ann':{'aliases':[]}}}");
    alias(w, a, "a@example.com");
    expect_done(w, a);
    expect_part(w, "bob@example.com", "aliases", "[\"a\"]");
    cr_assert(record_of(w, 1, &r) && r.n_aliases == 0);
    world_free(&w);
}

Test(axigen_depart, the_address_of_one_that_is_not_gone)
{
    struct world *w = world_new(NULL);

    make_ann(w);
    w->settings.adopt = AXIGEN_ADOPT_YES;
    expect_outcome(w, create(w, 2, "ann@example.com", "Other Ann"), OUTCOME_REFUSED, "still the address");
    expect_part(w, "ann@example.com", "contactInfo.firstName", "\"Ann\"");
    world_free(&w);
}

/* ---- rename ------------------------------------------------------------------------------------------------------ */

Test(axigen_depart, rename)
{
    struct world *w = world_new(NULL);
    struct action *again = rename_to(w, 1, "ann@example.com", "anne@example.com");

    make_ann(w);
    expect_done(w, again);
    expect_mail_of(w, "anne@example.com", "ann@example.com");
    expect_absent(w, "ann@example.com");
    expect_done(w, again);
    world_free(&w);
}

Test(axigen_depart, rename_to_an_alias_of_its_own_made_by_hand)
{
    struct world *w = world_new(NULL);
    struct action *a = rename_to(w, 1, "ann@example.com", "by.hand@example.com");

    make_ann(w);
    expect_outcome(w, a, OUTCOME_PARK, "is an alias of this very account, made by hand");
    expect_part(w, "ann@example.com", "aliases", "[\"a.lee\",\"by.hand\"]");
    by_hand(w, "example.com", "{'accounts':{'ann':{'aliases':['a.lee']}}}");
    expect_done(w, a);
    expect_mail_of(w, "by.hand@example.com", "ann@example.com");
    world_free(&w);
}

Test(axigen_depart, rename_to_a_name_that_is_taken)
{
    struct world *w = world_new(NULL);
    struct action *a = rename_to(w, 1, "ann@example.com", "bob@example.com");

    make_ann(w);
    expect_done(w, create(w, 2, "bob@example.com", "Bob"));
    expect_outcome(w, a, OUTCOME_REFUSED, "bob@example.com");
    expect_mail_of(w, "ann@example.com", "ann@example.com");
    emulator_control(w->emulator, "remove example.com accounts bob");
    world_free(&w);
}

Test(axigen_depart, rename_across_domains)
{
    struct world *w = world_new(NULL);
    struct action *a = rename_to(w, 1, "ann@example.com", "ann@other.org"),
                  *update = make(w, ACTION_ACCOUNT_UPDATE, 1, "ann@other.org");

    make_ann(w);
    expect_outcome(w, a, OUTCOME_PART, "can't rename across domains");
    expect_mail_of(w, "ann@example.com", "ann@example.com");
    expect_absent(w, "ann@other.org");
    set(w, update, "contactInfo.office", "1");
    expect_done(w, update);
    expect_part(w, "ann@example.com", "contactInfo.office", "\"1\"");
    alias(w, update, "x@other.org");
    expect_outcome(w, update, OUTCOME_PART, "x@other.org");
    /* somebody moved mail and mark */
    by_hand(w, "other.org",
            "{'accounts':{'ann':{'name':'ann','id':9,'settings':{'customerReference':"
            "'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaa0001'}}}}");
    expect_done(w, a);
    expect_done(w, update);
    expect_part(w, "ann@other.org", "contactInfo.office", "\"1\"");
    world_free(&w);
}

Test(axigen_depart, rename_into_a_domain_that_is_not_there)
{
    struct world *w = world_new(NULL);

    make_ann(w);
    expect_outcome(w, rename_to(w, 1, "ann@example.com", "ann@nowhere.net"), OUTCOME_PART, "across domains");
    world_free(&w);
}

Test(axigen_depart, return_in_another_domain)
{
    struct world *w = world_new(NULL);
    struct axigen_record r;

    make_ann(w);
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    expect_outcome(w, return_of_ann(w, "ann@other.org"), OUTCOME_PART, "across domains");
    expect_part(w, "ann@example.com", "limits.services", ALL_SERVICES);
    expect_part(w, "ann@example.com", "contactInfo.firstName", "\"Anne\"");
    expect_absent(w, "ann@other.org");
    emulator_control(w->emulator, "remove example.com accounts ann");
    expect_outcome(w, return_of_ann(w, "ann@other.org"), OUTCOME_PART, "a.lee@example.com");
    expect_part(w, "ann@other.org", "contactInfo.firstName", "\"Anne\"");
    cr_assert(record_of(w, 1, &r) && slice_eq(r.address, slice_of("ann@other.org")));
    world_free(&w);
}

/* ---- rebind ------------------------------------------------------------------------------------------------------ */

Test(axigen_depart, rebind)
{
    struct world *w = world_new(NULL);
    struct action *a = make(w, ACTION_ACCOUNT_REBIND, 2, "ann@example.com");
    struct axigen_record r;

    a->from = slice_of("aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaa0001");
    expect_outcome(w, a, OUTCOME_PARK, "nothing is recorded");
    make_ann(w);
    for (int i = 0; i < 2; i++) {
        expect_done(w, a);
        expect_part(w, "ann@example.com", "settings.customerReference", "\"aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaa0002\"");
        cr_assert(!record_of(w, 1, &r) && record_of(w, 2, &r) && r.n_aliases == 1);
    }
    world_free(&w);
}

/* ---- a return that clears ---------------------------------------------------------------------------------------- */

static void full_ann(struct world *w)
{
    struct action *a = make(w, ACTION_ACCOUNT_CREATE, 1, "ann@example.com");

    set(w, a, "contactInfo.office", "12");
    set(w, a, "contactInfo.title", "Dr");
    set(w, a, "quotas.totalMessageSize", "1000");
    alias(w, a, "ann1@example.com");
    alias(w, a, "ann2@example.com");
    expect_done(w, a);
}

Test(axigen_depart, a_return_clears_what_is_told)
{
    struct world *w = world_new(NULL);
    struct action *a = make(w, ACTION_ACCOUNT_CREATE, 1, "ann@example.com");
    struct axigen_record r;

    full_ann(w);
    by_hand(w, "example.com", "{'accounts':{'ann':{'contactInfo':{'company':'hers'}}}}");
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    set(w, a, "contactInfo.office", "13");
    clear(w, a, "aliases");
    clear(w, a, "contactInfo.title");
    clear(w, a, "quotas.totalMessageSize");
    expect_done(w, a);
    expect_part(w, "ann@example.com", "contactInfo.office", "\"13\"");
    expect_part(w, "ann@example.com", "contactInfo.title", "");
    expect_part(w, "ann@example.com", "contactInfo.company", "\"hers\"");
    expect_part(w, "ann@example.com", "quotas.totalMessageSize", "");
    expect_part(w, "ann@example.com", "aliases", "");
    cr_assert(record_of(w, 1, &r) && r.state == RECORD_ACTIVE);
    world_free(&w);
}

Test(axigen_depart, a_return_to_an_account_that_is_no_more)
{
    struct world *w = world_new(NULL);
    struct action *a = make(w, ACTION_ACCOUNT_CREATE, 1, "ann@example.com");

    w->settings.retention_s = 0;
    full_ann(w);
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE));
    set(w, a, "contactInfo.office", "13");
    clear(w, a, "aliases");
    clear(w, a, "contactInfo.title");
    expect_done(w, a);
    expect_part(w, "ann@example.com", "contactInfo.office", "\"13\"");
    world_free(&w);
}

/* What this sink never had it takes nothing from: another sink's record is why `clear` is told. */
Test(axigen_depart, a_return_that_adopts_clears_nothing)
{
    struct world *w = world_new(NULL);
    struct action *a = make(w, ACTION_ACCOUNT_CREATE, 1, "ann@example.com");

    by_hand(w, "example.com", "{'accounts':{'ann':{'contactInfo':{'title':'Dr'},'aliases':['ann1']}}}");
    w->adopt = true;
    set(w, a, "contactInfo.office", "13");
    clear(w, a, "aliases");
    clear(w, a, "contactInfo.title");
    expect_done(w, a);
    expect_part(w, "ann@example.com", "contactInfo.office", "\"13\"");
    expect_part(w, "ann@example.com", "contactInfo.title", "\"Dr\"");
    expect_part(w, "ann@example.com", "aliases", "[\"ann1\"]");
    world_free(&w);
}
