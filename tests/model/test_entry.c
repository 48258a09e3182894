#include <criterion/criterion.h>

#include "make.h"

Test(entry, attributes_are_found_without_regard_to_case)
{
    struct arena a = { 0 };
    struct entry *e = make_entry(&a, "cn;lang-de", "Deutsch", "MAIL", "x", "sn", "Smith", NULL);

    cr_assert_not_null(entry_attr(e, "mail"));
    cr_expect(slice_eq(entry_attr(e, "mail")->values[0], slice_of("x")));
    cr_expect_null(entry_attr(e, "cn"), "one with options is another attribute");
    cr_expect_not_null(entry_attr(e, "cn;LANG-de"));
    cr_expect_null(entry_attr(e, "s"));
    cr_expect_null(entry_attr(e, ""));
    arena_free(&a);
}

Test(entry, stamp_is_the_csn_or_else_the_timestamp)
{
    struct arena a = { 0 };

    cr_expect(slice_eq(entry_stamp(make_entry(&a, "modifyTimestamp", "20261124074955Z", "entryCSN", "c#", NULL)),
                       slice_of("c#")));
    cr_expect(slice_eq(entry_stamp(make_entry(&a, "modifyTimestamp", "20261124074955Z", NULL)),
                       slice_of("20261124074955Z")));
    cr_expect_eq(entry_stamp(make_entry(&a, "cn", "x", NULL)).len, 0);
    arena_free(&a);
}

static const struct {
    const char *a, *b;
    bool older;
} stamps[] = {
    { "20261124074955.000001Z#000000#001#000000", "20261124074955.000002Z#000000#001#000000", true },
    { "20261124074955.000002Z#000000#001#000000", "20261124074955.000001Z#000000#001#000000", false },
    { "20261124074955.000001Z#000000#001#000000", "20261124074955.000001Z#000000#001#000000", false },
    { "20261124074955.000001Z#000000#001#000000", "20261124074955.000001Z#000000#002#000000", true },
    { "20261124074955Z", "20261124074956Z", true },
    { "20261124074956Z", "20261124074955Z", false },
    { "20261124074955Z", "20261124074956.5Z", false },                              /* two forms */
    { "20261124074955Z", "20261124074956.000001Z#000000#001#000000", false },       /* two forms */
    { "", "20261124074956Z", false },
    { "20261124074956Z", "", false },
    { "", "", false },
};

Test(entry, older)
{
    for (size_t i = 0; i < sizeof(stamps) / sizeof(*stamps); i++)
        cr_expect_eq(stamp_older(slice_of(stamps[i].a), slice_of(stamps[i].b)), stamps[i].older, "row %zu", i);
}
