/* Groups, which can't be marked, and their members. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

static struct action *group(struct world *w, enum action_type type, const char *address)
{
    struct action *a = make(w, type, 50, address);

    if (type == ACTION_GROUP_DELETE)
        a->cause = CAUSE_DELETE;
    return a;
}

static struct action *members(struct world *w, const char *const *changes)
{
    struct action *a = group(w, ACTION_GROUP_MEMBERS, "staff@example.com");

    a->cause = CAUSE_MODIFY;
    for (; *changes; changes++)
        member(w, a, **changes == '+', *changes + 1);
    return a;
}

#define MEMBERS(w, ...) members(w, (const char *const[]){__VA_ARGS__, NULL})

static void make_staff(struct world *w)
{
    struct action *a = group(w, ACTION_GROUP_CREATE, "staff@example.com");

    set(w, a, "group.receiveEmailFrom", "members");
    expect_done(w, a);
}

Test(axigen_group, create_update_delete)
{
    struct world *w = world_new(NULL);
    struct action *update = group(w, ACTION_GROUP_UPDATE, "staff@example.com");
    struct axigen_record r;

    make_staff(w);
    expect_group_part(w, "staff@example.com", "settings", "{\"receiveEmailFrom\":\"members\"}");
    make_staff(w);
    clear(w, update, "group.receiveEmailFrom");
    set(w, update, "group.publishContactInfo", "yes");
    expect_done(w, update);
    expect_group_part(w, "staff@example.com", "settings",
                      "{\"publishContactInfo\":\"yes\",\"receiveEmailFrom\":\"anybody\"}");
    expect_done(w, group(w, ACTION_GROUP_DELETE, "staff@example.com"));
    expect_absent(w, "staff@example.com");
    cr_assert(!record_of(w, 50, &r));
    expect_done(w, group(w, ACTION_GROUP_DELETE, "staff@example.com"));
    expect_outcome(w, update, OUTCOME_PARK, "no group of this entry is recorded");
    world_free(&w);
}

Test(axigen_group, disabled_and_back)
{
    struct world *w = world_new(NULL);
    struct action *a = group(w, ACTION_GROUP_DELETE, "staff@example.com"),
                  *update = group(w, ACTION_GROUP_UPDATE, "staff@example.com");

    a->cause = CAUSE_LEAVE;
    make_staff(w);
    expect_done(w, a);
    expect_group_part(w, "staff@example.com", "settings.enable", "\"no\"");
    set(w, update, "group.enable", "yes");
    expect_done(w, update);
    expect_group_part(w, "staff@example.com", "settings.enable", "\"no\"");
    make_staff(w);
    expect_group_part(w, "staff@example.com", "settings.enable", "\"yes\"");
    expect_done(w, a);
    expect_done(w, group(w, ACTION_GROUP_CREATE, "team@example.com"));
    expect_absent(w, "staff@example.com");
    expect_group_part(w, "team@example.com", "settings.enable", "\"yes\"");
    world_free(&w);
}

/* Its entry is an account now (SPEC.md 2.2): the group stays as policy left it, but for the name. */
static void becomes_an_account(enum axigen_policy policy, const char *address, const char *group_is_now, const char *rule)
{
    struct world *w = world_new(NULL);
    struct action *leave = group(w, ACTION_GROUP_DELETE, "staff@example.com"), *a = create(w, 50, address, "Staff");
    struct axigen_record r;

    leave->cause = CAUSE_LEAVE;
    w->settings.leave_policy = policy;
    make_staff(w);
    expect_outcome(w, a, OUTCOME_PARK, "the group staff@example.com");
    expect_done(w, leave);
    if (rule) {
        emulator_control(w->emulator, "rule refuse pattern %s nth 1 text bad", rule);
        expect_outcome(w, a, OUTCOME_REFUSED, "bad");
        cr_assert(record_of(w, 50, &r) && r.kind == OBJECT_GROUP);
    }
    expect_done(w, a);
    expect_mail_of(w, address, address);
    expect_group_part(w, group_is_now, "settings.enable", policy == AXIGEN_KEEP ? "" : "\"no\"");
    cr_assert(record_of(w, 50, &r) && r.kind == OBJECT_ACCOUNT && slice_eq(r.address, slice_of(address)));
    expect_done(w, delete_of(w, 50, address, CAUSE_DELETE));
    expect_group_part(w, group_is_now, "settings.receiveEmailFrom", "\"members\"");
    world_free(&w);
}

Test(axigen_group, becomes_an_account)
{
    char aside[80];

    snprintf(aside, sizeof(aside), "axsync-group-%s@example.com", uuid_text(50));
    becomes_an_account(AXIGEN_DISABLE, "staff@example.com", aside, NULL);
    becomes_an_account(AXIGEN_KEEP, "staff@example.com", aside, NULL);
    becomes_an_account(AXIGEN_DISABLE, "team@example.com", "staff@example.com", NULL);
    becomes_an_account(AXIGEN_DISABLE, "staff@other.org", "staff@example.com", NULL);
}

Test(axigen_group, becomes_an_account_after_a_refusal)
{
    char aside[80];

    snprintf(aside, sizeof(aside), "axsync-group-%s@example.com", uuid_text(50));
    becomes_an_account(AXIGEN_DISABLE, "staff@example.com", aside, "ADD*");
    becomes_an_account(AXIGEN_DISABLE, "staff@example.com", aside,
                       "COMMIT context domain");
}

Test(axigen_group, rename)
{
    struct world *w = world_new(NULL);

    make_staff(w);
    expect_done(w, group(w, ACTION_GROUP_RENAME, "team@example.com"));
    expect_absent(w, "staff@example.com");
    expect_done(w, group(w, ACTION_GROUP_RENAME, "team@example.com"));
    expect_outcome(w, group(w, ACTION_GROUP_RENAME, "team@other.org"), OUTCOME_PART, "across domains");
    by_hand(w, "example.com", "{'groups':{'crew':{'name':'crew','id':9,'addresses':{}}}}");
    expect_outcome(w, group(w, ACTION_GROUP_RENAME, "crew@example.com"), OUTCOME_PARK, "both groups");
    emulator_control(w->emulator, "remove example.com groups team");
    expect_outcome(w, group(w, ACTION_GROUP_RENAME, "crew@example.com"), OUTCOME_PARK, "is not there");
    world_free(&w);
}

Test(axigen_group, adoption)
{
    struct world *w = world_new(NULL);
    struct action *a = group(w, ACTION_GROUP_CREATE, "staff@example.com"), *m;

    by_hand(
        w, "example.com",
        "{'groups':{'staff':{'name':'staff','id':9,'addresses':{'boss@x.org':'boss@x.org','ann@x.org':'ann@x.org'}}}}");
    expect_outcome(w, a, OUTCOME_ADOPT, "queue adopt");
    w->first = true;
    expect_done(w, a);
    m = MEMBERS(w, "+ann@x.org", "+bob@x.org");
    m->cause = CAUSE_ADD;
    expect_done(w, m);
    expect_done(w, MEMBERS(w, "-ann@x.org", "-bob@x.org"));
    expect_group_part(w, "staff@example.com", "addresses", "[\"boss@x.org\"]");
    world_free(&w);
}

/* A return clears what was told before, but a group that we never had has nothing of ours to clear. */
Test(axigen_group, adoption_clears_nothing)
{
    struct world *w = world_new(NULL);
    struct action *a = group(w, ACTION_GROUP_CREATE, "staff@example.com");

    clear(w, a, "group.receiveEmailFrom");
    clear(w, a, "group.distributeEmailTo");
    by_hand(w, "example.com", "{'groups':{'staff':{'name':'staff','id':9,'settings':{'receiveEmailFrom':'server'}}}}");
    w->first = true;
    expect_done(w, a);
    expect_group_part(w, "staff@example.com", "settings.receiveEmailFrom", "\"server\"");
    world_free(&w);
}

Test(axigen_group, a_name_that_is_an_account)
{
    struct world *w = world_new(NULL);
    struct axigen_record r;

    expect_done(w, create(w, 1, "staff@example.com", "Ann"));
    expect_outcome(w, group(w, ACTION_GROUP_CREATE, "staff@example.com"), OUTCOME_REFUSED, "still the address");
    by_hand(w, "example.com", "{'accounts':{'team':{'name':'team','id':9}}}");
    expect_outcome(w, group(w, ACTION_GROUP_CREATE, "team@example.com"), OUTCOME_REFUSED, "exists");
    cr_assert(!record_of(w, 50, &r));
    world_free(&w);
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

Test(axigen_group, members_of_ours_and_of_others)
{
    struct world *w = world_new(NULL);

    make_staff(w);
    expect_done(w, MEMBERS(w, "+ann@x.org", "+bob@x.org"));
    by_hand(w, "example.com", "{'groups':{'staff':{'addresses':{'hand@x.org':'Hand@x.org'}}}}");
    expect_done(w, MEMBERS(w, "+carl@x.org", "+hand@x.org", "-bob@x.org", "-nobody@x.org"));
    expect_group_part(w, "staff@example.com", "addresses", "[\"Hand@x.org\",\"ann@x.org\",\"carl@x.org\"]");
    expect_done(w, MEMBERS(w, "-ann@x.org", "-hand@x.org"));
    expect_group_part(w, "staff@example.com", "addresses", "[\"Hand@x.org\",\"carl@x.org\"]");
    world_free(&w);
}

/* Told anew, or again after a lost connection: what is there may be ours, and is taken away when the directory says so.
 */
Test(axigen_group, members_told_again)
{
    struct world *w = world_new(NULL);
    struct action *a, *b;
    bool again = true;
    struct err e = {0};

    make_staff(w);
    a = MEMBERS(w, "+ann@x.org");
    expect_done(w, a);
    cr_assert_eq(apply(w, &a, 1, &again, &e), SINK_OK);
    b = MEMBERS(w, "+ann@x.org");
    b->cause = CAUSE_RESYNC;
    expect_done(w, b);
    expect_done(w, MEMBERS(w, "-ann@x.org"));
    expect_group_part(w, "staff@example.com", "addresses", "[]");
    world_free(&w);
}

/* Done in part, and refused for one: the retry finds its own. */
Test(axigen_group, members_done_in_part)
{
    struct world *w = world_new(NULL);
    struct action *a;
    struct axigen_record r;

    make_staff(w);
    a = MEMBERS(w, "+ann@x.org", "+bob@x.org", "+carl@x.org");
    emulator_control(w->emulator, "rule refuse pattern \"ADD Address*bob*\" text bad nth 1");
    expect_outcome(w, a, OUTCOME_REFUSED, "member bob@x.org could not be added: bad");
    cr_assert(record_of(w, 50, &r) && r.n_partly == 1);
    expect_done(w, a);
    cr_assert(record_of(w, 50, &r) && r.n_partly == 0 && r.n_foreign == 0);
    expect_done(w, MEMBERS(w, "-ann@x.org", "-bob@x.org", "-carl@x.org"));
    expect_group_part(w, "staff@example.com", "addresses", "[]");
    world_free(&w);
}

Test(axigen_group, many_members)
{
    struct world *w = world_new(NULL);
    struct action *a[20];
    json_t *addresses, *staff;
    long before;

    make_staff(w);
    for (size_t i = 0; i < 20; i++) {
        a[i] = group(w, ACTION_GROUP_MEMBERS, "staff@example.com");
        a[i]->cause = CAUSE_ADD;
        for (size_t k = 0; k < 1000; k++) {
            char address[64];

            snprintf(address, sizeof(address), "user%zu@example.com", i * 1000 + k);
            member(w, a[i], true, address);
        }
    }
    before = emulator_counter(w->emulator, "roundTrips");
    for (size_t i = 0; i < 20; i++)
        expect_done(w, a[i]);
    cr_assert_leq(emulator_counter(w->emulator, "roundTrips") - before, 20 * (1000 / 32 + 10));
    staff = emulator_group(w->emulator, "example.com", "staff");
    addresses = json_object_get(staff, "addresses");
    cr_assert_eq(json_array_size(addresses), 20000u);
    json_decref(staff);
    world_free(&w);
}

Test(axigen_group, hostile_members)
{
    struct world *w = world_new(NULL);

    make_staff(w);
    expect_outcome(w, MEMBERS(w, "+a\" b@x.org", "+ann@x.org"), OUTCOME_REFUSED, "a\" b@x.org");
    expect_outcome(w, MEMBERS(w, "+a\nb@x.org"), OUTCOME_REFUSED, "b@x.org");
    expect_group_part(w, "staff@example.com", "addresses", "[\"ann@x.org\"]");
    world_free(&w);
}
