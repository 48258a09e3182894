/* What is gone, and its return (SPEC.md 2.6). */
#include <criterion/criterion.h>

#include "harness.h"

static void begin(void)
{
    scene_open();
    dir_put("ann", "givenName", "Ann", "sn", "Lee", "axsyncAlias", "ann1@example.com", "axsyncAlias", "ann2@example.com",
            NULL);
    dir_put_many(19);
    refresh_in_full();
    expect_many(20, "create ");
}

TestSuite(gone, .init = begin, .fini = scene_close, .timeout = 60);

static void goes(const char *name)
{
    deletes(name);
    answer();
    pass_s(300);
    answer();
    expect_unknown(name);
}

Test(gone, is_forgotten_where_no_sink_keeps_records)
{
    goes("ann");
    expect_any();
    cr_expect_not(is_gone("ann"));
    changes("ann", "givenName", "Ann", NULL);
    expect("create ann@example.com contactInfo.firstName=Ann (add, persist)", NULL);
}

Test(gone, returns_with_what_it_has_no_more_as_clear)
{
    scene_keeps();
    goes("ann");
    expect_any();
    cr_expect(is_gone("ann"));
    scene_reopen();
    cr_assert(is_gone("ann"));
    session(true);
    done_delete();
    changes("ann", "givenName", "Anna", NULL);
    expect("create ann@example.com contactInfo.firstName=Anna -aliases -contactInfo.lastName (add, persist)", NULL);
    cr_expect_not(is_gone("ann"));
    expect_state("ann", OBJECT_MIRRORED);
}

Test(gone, returns_with_the_aliases_that_are_left)
{
    scene_keeps();
    goes("ann");
    expect_any();
    changes("ann", "sn", "Lee", "axsyncAlias", "ann2@example.com", NULL);
    expect("create ann@example.com aliases=ann2@example.com contactInfo.lastName=Lee -contactInfo.firstName (add, persist)",
           NULL);
}

Test(gone, owns_no_address_and_counts_nowhere)
{
    int64_t before = mirror->store->objects[OBJECT_ACCOUNT], aliases = mirror->store->with_field[FIELD_ALIASES];

    scene_keeps();
    goes("ann");
    expect_any();
    cr_expect_eq(mirror->store->objects[OBJECT_ACCOUNT], before - 1);
    cr_expect_eq(mirror->store->with_field[FIELD_ALIASES], aliases - 1);
    changes("bob", "mail", "ann@example.com", "axsyncAlias", "ann1@example.com", NULL);
    expect("create ann@example.com aliases=ann1@example.com (add, persist)", NULL);
}

Test(gone, waits_for_its_address_and_returns_then)
{
    scene_keeps();
    goes("ann");
    changes("bob", "mail", "ann@example.com", NULL);
    expect_any();
    changes("ann", "givenName", "Ann", NULL);
    expect_nothing();
    expect_waits("ann", true);
    cr_expect(is_gone("ann"));
    changes("bob", "mail", "bob@example.com", NULL);
    pass_s(1);
    expect("rename bob@example.com < ann@example.com (rename, persist)",
           "create ann@example.com contactInfo.firstName=Ann -aliases -contactInfo.lastName (resolve, local)", NULL);
    cr_expect_not(is_gone("ann"));
}

Test(gone, goes_again)
{
    scene_keeps();
    goes("ann");
    changes("ann", "givenName", "Ann", NULL);
    expect_any();
    goes("ann");
    expect("delete ann@example.com (delete, persist)", NULL);
    cr_expect(is_gone("ann"));
    changes("ann", "sn", "Lee", NULL);
    expect("create ann@example.com contactInfo.lastName=Lee -contactInfo.firstName (add, persist)", NULL);
}

Test(gone, is_forgotten_with_the_last_record)
{
    scene_keeps();
    goes("ann");
    expect_any();
    forget_record("u001");
    cr_expect(is_gone("ann"));
    forget_record("ann");
    cr_expect_not(is_gone("ann"));
    target_keeps = false;
}

Test(gone, of_a_mapping_taken_out_clears_nothing)
{
    static struct config_attribute off = { .attribute = (char *)"sn", .field = (char *)"", .kind = OBJECT_ACCOUNT };

    scene_keeps();
    goes("ann");
    expect_any();
    conf.attributes = &off;
    conf.n_attributes = 1;
    scene_reopen();
    refresh_in_full();
    expect_any();
    changes("ann", "givenName", "Ann", NULL);
    expect("create ann@example.com contactInfo.firstName=Ann contactInfo.lastName=Lee -aliases (add, persist)", NULL);
}
