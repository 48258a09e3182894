/* What was there before us: the adoption rule, and that what others set stays. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

static void by_hand_ann(struct world *w, const char *more)
{
    char tree[1024];

    snprintf(tree, sizeof(tree),
             "{'accounts':{'ann':{'name':'ann','id':77,'mail':'mail of "
             "hand@made','contactInfo':{'office':'7','firstName':'A'},"
             "'aliases':['by.hand','both']%s}}}",
             more);
    by_hand(w, "example.com", tree);
}

static struct action *create_ann(struct world *w)
{
    struct action *a = create(w, 1, "ann@example.com", "Ann");

    alias(w, a, "both@example.com");
    alias(w, a, "new@example.com");
    return a;
}

/* One row of the table. */
static void expect_adoption(enum axigen_adopt adopt, bool first, bool operator_says, const char *more,
                            enum outcome outcome, const char *words)
{
    struct world *w = world_new(NULL);
    char *before, *after;

    by_hand_ann(w, more);
    w->settings.adopt = adopt;
    w->first = first;
    w->adopt = operator_says;
    before = state_of(w);
    expect_outcome(w, create_ann(w), outcome, words);
    after = state_of(w);
    if (outcome == OUTCOME_DONE) {
        expect_mail_of(w, "ann@example.com", "hand@made");
        expect_part(w, "ann@example.com", "contactInfo", "{\"firstName\":\"Ann\",\"office\":\"7\"}");
    } else
        cr_assert_str_eq(after, before);
    free(before);
    free(after);
    world_free(&w);
}

#define MARKED(text) ",'settings':{'customerReference':'" text "'}"
#define LDAP_ID(text) ",'registry':{'Associated LDAP ID':'" text "'}"
#define OWN "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaa0001"
#define OTHER "bbbbbbbb-aaaa-aaaa-aaaa-aaaaaaaa0001"

Test(axigen_adopt, the_table)
{
    expect_adoption(AXIGEN_ADOPT_FIRST, true, false, "", OUTCOME_DONE, NULL);
    expect_adoption(AXIGEN_ADOPT_FIRST, false, false, "", OUTCOME_ADOPT, "queue adopt");
    expect_adoption(AXIGEN_ADOPT_FIRST, false, true, "", OUTCOME_DONE, NULL);
    expect_adoption(AXIGEN_ADOPT_YES, false, false, "", OUTCOME_DONE, NULL);
    expect_adoption(AXIGEN_ADOPT_NO, true, false, "", OUTCOME_ADOPT, "queue adopt");
    expect_adoption(AXIGEN_ADOPT_NO, true, true, "", OUTCOME_DONE, NULL);
    expect_adoption(AXIGEN_ADOPT_YES, true, true, MARKED(OTHER), OUTCOME_PARK, OTHER);
    expect_adoption(AXIGEN_ADOPT_YES, true, true, LDAP_ID(OTHER), OUTCOME_PARK, OTHER);
    expect_adoption(AXIGEN_ADOPT_NO, false, false, LDAP_ID(OWN), OUTCOME_DONE, NULL);
    expect_adoption(AXIGEN_ADOPT_NO, false, false, MARKED(OWN), OUTCOME_DONE, NULL);
    expect_adoption(AXIGEN_ADOPT_FIRST, false, false, MARKED("K 17"), OUTCOME_ADOPT, "K 17");
    expect_adoption(AXIGEN_ADOPT_YES, false, false, MARKED("K 17"), OUTCOME_DONE, NULL);
}

Test(axigen_adopt, postmaster_never)
{
    struct world *w = world_new(NULL);

    by_hand(w, "example.com", "{'accounts':{'postmaster':{'name':'postmaster','id':5}}}");
    w->settings.adopt = AXIGEN_ADOPT_YES;
    w->first = w->adopt = true;
    expect_outcome(w, create(w, 1, "postmaster@example.com", "P"), OUTCOME_PARK, "never taken over");
    world_free(&w);
}

/* Aliases: what was there stays, what the directory has too is ours from then on. */
Test(axigen_adopt, aliases)
{
    struct world *w = world_new(NULL);
    struct action *none = make(w, ACTION_ACCOUNT_UPDATE, 1, "ann@example.com");

    by_hand_ann(w, "");
    w->first = true;
    expect_done(w, create_ann(w));
    expect_part(w, "ann@example.com", "aliases", "[\"by.hand\",\"both\",\"new\"]");
    clear(w, none, "aliases");
    expect_done(w, none);
    expect_part(w, "ann@example.com", "aliases", "[\"by.hand\"]");
    world_free(&w);
}

Test(axigen_adopt, an_alias_by_hand_that_the_directory_lists_later)
{
    struct world *w = world_new(NULL);
    struct action *more = make(w, ACTION_ACCOUNT_UPDATE, 1, "ann@example.com"),
                  *none = make(w, ACTION_ACCOUNT_UPDATE, 1, "ann@example.com");

    expect_done(w, create(w, 1, "ann@example.com", "Ann"));
    by_hand(w, "example.com", "{'accounts':{'ann':{'aliases':['By.Hand']}}}");
    alias(w, more, "by.hand@example.com");
    alias(w, more, "ours@example.com");
    expect_done(w, more);
    expect_part(w, "ann@example.com", "aliases", "[\"By.Hand\",\"ours\"]");
    clear(w, none, "aliases");
    expect_done(w, none);
    expect_part(w, "ann@example.com", "aliases", "[\"By.Hand\"]");
    world_free(&w);
}

/* Somebody else's customerReference stays, and is the mark from then on. */
Test(axigen_adopt, foreign_mark)
{
    struct world *w = world_new(NULL);
    struct axigen_record r;

    by_hand_ann(w, MARKED("K 17"));
    w->settings.adopt = AXIGEN_ADOPT_YES;
    expect_done(w, create_ann(w));
    expect_part(w, "ann@example.com", "settings.customerReference", "\"K 17\"");
    cr_assert(record_of(w, 1, &r) && slice_eq(r.mark, slice_of("K 17")) && r.adopted);
    expect_done(w, rename_to(w, 1, "ann@example.com", "anne@example.com"));
    expect_mail_of(w, "anne@example.com", "hand@made");
    expect_part(w, "anne@example.com", "settings.customerReference", "\"K 17\"");
    by_hand(w, "example.com", "{'accounts':{'anne':{'settings':{'customerReference':'K 18'}}}}");
    expect_outcome(w, rename_to(w, 1, "anne@example.com", "ann@example.com"), OUTCOME_PARK, "K 18");
    expect_outcome(w, delete_of(w, 1, "anne@example.com", CAUSE_DELETE), OUTCOME_PARK, "K 18");
    expect_mail_of(w, "anne@example.com", "hand@made");
    world_free(&w);
}

/* Every deed that takes away or moves, on an account that somebody put in the place of ours. */
Test(axigen_adopt, replaced_by_hand)
{
    struct world *w = world_new(NULL);
    struct action *update = make(w, ACTION_ACCOUNT_UPDATE, 1, "ann@example.com");
    char *before, *after;

    set(w, update, "contactInfo.office", "1");
    expect_done(w, create(w, 1, "ann@example.com", "Ann"));
    emulator_control(w->emulator, "remove example.com accounts ann");
    expect_outcome(w, update, OUTCOME_PARK, "is not there");
    by_hand_ann(w, "");
    before = state_of(w);
    expect_outcome(w, update, OUTCOME_PARK, "no customerReference");
    expect_outcome(w, rename_to(w, 1, "ann@example.com", "anne@example.com"), OUTCOME_PARK, "no customerReference");
    for (int policy = AXIGEN_REMOVE; policy <= AXIGEN_LOCK; policy++) {
        w->settings.delete_policy = (enum axigen_policy)policy;
        w->settings.retention_s = policy == AXIGEN_REMOVE ? 0 : 3600;
        expect_outcome(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE), OUTCOME_PARK, "no customerReference");
    }
    w->settings.retention_s = 3600;
    w->settings.delete_policy = AXIGEN_REMOVE;
    expect_outcome(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE), OUTCOME_PARK, "no customerReference");
    expect_outcome(w, create_ann(w), OUTCOME_ADOPT, "queue adopt");
    after = state_of(w);
    cr_assert_str_eq(after, before);
    free(before);
    free(after);
    world_free(&w);
}

/* A create that tells the state anew and finds no account makes one. */
Test(axigen_adopt, told_anew)
{
    struct world *w = world_new(NULL);
    struct action *a = create_ann(w);

    expect_done(w, a);
    expect_done(w, a);
    emulator_control(w->emulator, "remove example.com accounts ann");
    expect_done(w, a);
    expect_part(w, "ann@example.com", "contactInfo.firstName", "\"Ann\"");
    world_free(&w);
}

/* UPDATE that is refused for a reason of its own does not mean that nothing is there. */
Test(axigen_adopt, a_refused_look_is_no_absence)
{
    struct world *w = world_new(NULL);
    struct axigen_record r;

    expect_done(w, create_ann(w));
    emulator_control(w->emulator, "refuse \"UPDATE Account*=busy\"");
    expect_outcome(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE), OUTCOME_REFUSED, "busy");
    expect_outcome(w, rename_to(w, 1, "ann@example.com", "anne@example.com"), OUTCOME_REFUSED, "busy");
    cr_assert(record_of(w, 1, &r));
    emulator_control(w->emulator, "clear rules");
    expect_done(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE));
    expect_absent(w, "ann@example.com");
    world_free(&w);
}
