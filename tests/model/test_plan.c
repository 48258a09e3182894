#include <criterion/criterion.h>
#include <stdio.h>

#include "make.h"
#include "plan.h"

static struct arena a;
static struct plan plan;

static void diff(const struct object *told, const struct object *wanted, const struct mapping_note *notes)
{
    memset(&plan, 0xA5, sizeof(plan));   /* plan_diff() has to set all that counts */
    plan_diff(told, wanted, notes, &a, &plan);
}

static void drop_arena(void)
{
    arena_free(&a);
}

TestSuite(plan, .fini = drop_arena);

Test(plan, sets_and_clears)
{
    struct object *told = make_object(&a, "a@x", FIELD_CONTACT_FIRST_NAME, "Ann", FIELD_CONTACT_OFFICE, "1",
                                      FIELD_CONTACT_TITLE, "Dr", FIELD_NONE, NULL);
    struct object *wanted = make_object(&a, "a@x", FIELD_CONTACT_FIRST_NAME, "Anne", FIELD_CONTACT_OFFICE, "1",
                                        FIELD_CONTACT_LAST_NAME, "Lee", FIELD_NONE, NULL);

    diff(told, wanted, NULL);
    cr_assert_eq(plan.n_set, 2);
    cr_expect_eq(plan.set[0].field, FIELD_CONTACT_FIRST_NAME);
    cr_expect(slice_eq(plan.set[0].value, slice_of("Anne")));
    cr_expect_eq(plan.set[1].field, FIELD_CONTACT_LAST_NAME);
    cr_assert_eq(plan.n_clear, 1);
    cr_expect_eq(plan.clear[0], FIELD_CONTACT_TITLE);
    cr_expect_not(plan.rename || plan.moved || plan.restamped);
    cr_expect(plan_sets(&plan));
}

Test(plan, rename_move_and_stamp_are_no_sets)
{
    struct object *told = make_object(&a, "a@x", FIELD_NONE, NULL);
    struct object *wanted = make_object(&a, "b@x", FIELD_NONE, NULL);

    wanted->dn = slice_of("uid=other");
    wanted->stamp = slice_of("20261124074956Z");
    diff(told, wanted, NULL);
    cr_expect(plan.rename && plan.moved && plan.restamped);
    cr_expect_not(plan_sets(&plan));
    cr_expect_eq(plan.n_clear + plan.n_lost_aliases, 0);
}

Test(plan, new_aliases_are_told_with_those_that_are_pending)
{
    struct object *told = make_object(&a, "a@x", FIELD_NONE, "b@x", "c@x", NULL);
    struct object *wanted = make_object(&a, "a@x", FIELD_NONE, "a1@x", "c@x", NULL);

    diff(told, wanted, NULL);
    cr_assert_eq(plan.n_set_aliases, 3);
    cr_expect(slice_eq(plan.set_aliases[0], slice_of("a1@x")));
    cr_expect(slice_eq(plan.set_aliases[1], slice_of("b@x")));
    cr_assert_eq(plan.n_lost_aliases, 1);
    cr_expect(slice_eq(plan.lost_aliases[0], slice_of("b@x")));
}

Test(plan, a_lost_alias_sets_nothing)
{
    struct object *told = make_object(&a, "a@x", FIELD_NONE, "b@x", "c@x", NULL);
    struct object *wanted = make_object(&a, "a@x", FIELD_NONE, "c@x", NULL);

    diff(told, wanted, NULL);
    cr_expect_not(plan_sets(&plan));
    cr_expect_eq(plan.n_lost_aliases, 1);
}

Test(plan, what_is_kept_is_neither_set_nor_cleared)
{
    struct object *told = make_object(&a, "a@x", FIELD_CONTACT_OFFICE, "1", FIELD_NONE, "b@x", NULL);
    struct object *wanted = make_object(&a, "a@x", FIELD_CONTACT_TITLE, "Dr", FIELD_NONE, "c@x", NULL);
    struct mapping_note title = { .field = FIELD_CONTACT_TITLE, .keep = true };
    struct mapping_note office = { .field = FIELD_CONTACT_OFFICE, .keep = true, .next = &title };
    struct mapping_note aliases = { .field = FIELD_ALIASES, .keep = true, .next = &office };

    diff(told, wanted, &aliases);
    cr_expect_not(plan_sets(&plan));
    cr_expect_eq(plan.n_clear + plan.n_lost_aliases, 0);
}

Test(plan, a_note_that_keeps_nothing_changes_nothing)
{
    struct object *told = make_object(&a, "a@x", FIELD_CONTACT_OFFICE, "1", FIELD_NONE, "b@x", NULL);
    struct object *wanted = make_object(&a, "a@x", FIELD_NONE, NULL);
    struct mapping_note aliases = { .field = FIELD_ALIASES };

    diff(told, wanted, &aliases);
    cr_expect_eq(plan.n_clear, 1);
    cr_expect_eq(plan.n_lost_aliases, 1);
}

/* What the release of all that is pending makes of an object. */
static void apply_pending(struct object *o, const struct object *wanted)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < plan.n_clear; i++)
        object_set_field(o, plan.clear[i], slice_of(""));
    for (uint32_t i = 0; i < o->n_aliases; i++) {
        bool lost = false;

        for (uint32_t k = 0; k < plan.n_lost_aliases; k++)
            lost |= slice_eq(o->aliases[i], plan.lost_aliases[k]);
        if (!lost)
            o->aliases[n++] = o->aliases[i];
    }
    o->n_aliases = n;
    if (plan.rename)
        o->address = wanted->address;
}

Test(plan, random_pairs)
{
    unsigned seed = make_seed();
    static struct object after;

    for (int i = 0; i < 20000; i++) {
        struct object *told = make_random_object(&a), *wanted = make_random_object(&a);

        diff(told, wanted, NULL);
        plan_apply_sets(told, wanted, &plan, &a, &after);
        diff(&after, wanted, NULL);
        cr_assert_not(plan_sets(&plan), "AXSYNC_TEST_SEED=%u pair %d: what was set is set again", seed, i);
        apply_pending(&after, wanted);
        cr_assert(same_object(&after, wanted), "AXSYNC_TEST_SEED=%u pair %d: apply(plan) is not what is wanted", seed,
                  i);
        diff(wanted, wanted, NULL);
        cr_assert(!plan_sets(&plan) && plan.n_clear + plan.n_lost_aliases == 0 && !plan.rename && !plan.moved &&
                      !plan.restamped,
                  "AXSYNC_TEST_SEED=%u pair %d: plan(new, new) is not empty", seed, i);
        arena_reset(&a);
    }
}

Test(plan, sets_beyond_what_fits_are_left)
{
    struct object *told = make_object(&a, "a@x", FIELD_NONE, NULL), *wanted = make_object(&a, "a@x", FIELD_NONE, NULL);
    static struct object after;

    for (unsigned i = 0; i < OBJECT_MAX_FIELDS; i++) {
        char name[32];

        snprintf(name, sizeof(name), "contactInfo.a%u", i);
        object_set_field(told, field_intern(slice_of(name)), slice_of("1"));
        snprintf(name, sizeof(name), "contactInfo.b%u", i);
        object_set_field(wanted, field_intern(slice_of(name)), slice_of("1"));
    }
    diff(told, wanted, NULL);
    cr_expect_eq(plan.n_set, OBJECT_MAX_FIELDS);
    cr_expect_eq(plan.n_clear, OBJECT_MAX_FIELDS);
    plan_apply_sets(told, wanted, &plan, &a, &after);
    cr_expect_eq(after.n_fields, OBJECT_MAX_FIELDS);
}

/* ---- a return ---- */

static field_id clear[OBJECT_MAX_FIELDS + 1];

Test(plan, a_return_clears_what_gone_had_beyond_it)
{
    struct object *gone = make_object(&a, "a@x", FIELD_ACCOUNT_TYPE, "basic", FIELD_CONTACT_OFFICE, "1",
                                      FIELD_CONTACT_TITLE, "Dr", FIELD_NONE, "b@x", "c@x", NULL);
    struct object *all = make_object(&a, "z@x", FIELD_ACCOUNT_TYPE, "basic", FIELD_CONTACT_OFFICE, "2",
                                     FIELD_CONTACT_TITLE, "Dr", FIELD_NONE, "b@x", NULL);
    struct object *less = make_object(&a, "a@x", FIELD_CONTACT_OFFICE, "1", FIELD_NONE, NULL);

    cr_expect_eq(plan_return(gone, all, clear), 0u, "an alias that is lost is told by those that are left");
    cr_assert_eq(plan_return(gone, less, clear), 3u);
    cr_expect_eq(clear[0], FIELD_ACCOUNT_TYPE);
    cr_expect_eq(clear[1], FIELD_ALIASES);
    cr_expect_eq(clear[2], FIELD_CONTACT_TITLE);
    cr_assert_eq(plan_return(make_object(&a, "a@x", FIELD_NONE, "b@x", NULL), less, clear), 1u);
    cr_expect_eq(clear[0], FIELD_ALIASES);
}

Test(plan, a_return_keeps_what_a_note_keeps)
{
    struct mapping_note title = { .field = FIELD_CONTACT_TITLE };
    struct mapping_note office = { .field = FIELD_CONTACT_OFFICE, .keep = true, .next = &title };
    struct mapping_note aliases = { .field = FIELD_ALIASES, .keep = true, .next = &office };
    struct object *gone = make_object(&a, "a@x", FIELD_CONTACT_OFFICE, "1", FIELD_CONTACT_TITLE, "Dr", FIELD_NONE,
                                      "b@x", NULL);
    struct object *wanted = make_object(&a, "a@x", FIELD_NONE, NULL);

    plan_keep(gone, &aliases, wanted);
    cr_assert_eq(plan_return(gone, wanted, clear), 1u);
    cr_expect_eq(clear[0], FIELD_CONTACT_TITLE);
    cr_expect(slice_eq(object_field(wanted, FIELD_CONTACT_OFFICE), slice_of("1")));
    cr_assert_eq(wanted->n_aliases, 1);
    cr_expect(slice_eq(wanted->aliases[0], slice_of("b@x")));
}

/* What a create with `clear` makes of what the target still has. */
static void apply_return(struct object *there, const struct object *wanted, uint32_t n_clear)
{
    there->dn = wanted->dn;
    there->stamp = wanted->stamp;
    there->address = wanted->address;
    there->state = wanted->state;
    for (uint32_t i = 0; i < n_clear; i++) {
        if (clear[i] == FIELD_ALIASES)
            there->n_aliases = 0;
        else
            object_set_field(there, clear[i], slice_of(""));
    }
    for (uint32_t i = 0; i < wanted->n_fields; i++)
        object_set_field(there, wanted->fields[i].field, wanted->fields[i].value);
    if (wanted->n_aliases) {
        there->aliases = wanted->aliases;
        there->n_aliases = wanted->n_aliases;
    }
}

Test(plan, random_returns)
{
    unsigned seed = make_seed();

    for (int i = 0; i < 20000; i++) {
        struct object *gone = make_random_object(&a), *wanted = make_random_object(&a);
        uint32_t n = plan_return(gone, wanted, clear);

        for (uint32_t k = 1; k < n; k++)
            cr_assert_lt(field_compare(clear[k - 1], clear[k]), 0, "AXSYNC_TEST_SEED=%u pair %d: not ascending", seed, i);
        for (uint32_t k = 0; k < n; k++)
            cr_assert_eq(object_field(wanted, clear[k]).len, 0u, "AXSYNC_TEST_SEED=%u pair %d: set and cleared", seed, i);
        memcpy(gone->uuid, wanted->uuid, UUID_BYTES);
        gone->kind = wanted->kind;
        apply_return(gone, wanted, n);
        cr_assert(same_object(gone, wanted), "AXSYNC_TEST_SEED=%u pair %d: apply(plan) is not what is wanted", seed, i);
        cr_assert_eq(plan_return(wanted, wanted, clear), 0u);
        arena_reset(&a);
    }
}
