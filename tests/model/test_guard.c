#include <criterion/criterion.h>
#include <string.h>

#include "guard.h"

static const struct guard_limits usual = { 100, 10, 100, 10, 500 };
static const struct guard_limits off = { 0, 0, 0, 0, 0 };
static const struct guard_limits percent_only = { 0, 10, 0, 10, 0 };
static const struct guard_limits most_only = { 3, 0, 3, 0, 3 };

static const struct {
    enum guard_kind kind;
    const struct guard_limits *limits;
    int64_t detected, mirrored;
    const char *why;   /* part of it; NULL: goes through */
} rows[] = {
    { GUARD_ACCOUNT_DELETE, &usual, 0, 1000, NULL },
    { GUARD_ACCOUNT_DELETE, &usual, 100, 10000, NULL },
    { GUARD_ACCOUNT_DELETE, &usual, 101, 10000, "maxDeletes = 100" },
    { GUARD_ACCOUNT_DELETE, &usual, 5, 20, NULL },               /* 25 %, but a handful */
    { GUARD_ACCOUNT_DELETE, &usual, 6, 60, NULL },               /* 10 % is not more than 10 % */
    { GUARD_ACCOUNT_DELETE, &usual, 6, 59, "maxDeletePercent = 10" },
    { GUARD_ACCOUNT_DELETE, &usual, 1, 1, NULL },                /* the only one */
    { GUARD_ACCOUNT_DELETE, &usual, 2, 2, "all of them" },
    { GUARD_ACCOUNT_DELETE, &usual, 2, 3, NULL },
    { GUARD_ACCOUNT_DELETE, &usual, 3, 2, "all of them" },       /* one was released meanwhile */
    { GUARD_ACCOUNT_DELETE, &usual, 60, 1000, NULL },            /* one by one: those before still count as mirrored … */
    { GUARD_ACCOUNT_DELETE, &usual, 100, 1000, NULL },
    { GUARD_ACCOUNT_DELETE, &usual, 91, 909, "maxDeletePercent" },   /* … else this would be what the last one meets */
    { GUARD_ACCOUNT_DELETE, &usual, 101, 1000, "maxDeletes" },
    { GUARD_GROUP_DELETE, &usual, 2, 2, "deletions of groups" },
    { GUARD_GROUP_DELETE, &usual, 101, 100000, "maxDeletes" },
    { GUARD_ACCOUNT_DELETE, &off, 1000, 1000, NULL },
    { GUARD_ACCOUNT_DELETE, &percent_only, 200, 10000, NULL },
    { GUARD_ACCOUNT_DELETE, &percent_only, 1001, 10000, "maxDeletePercent" },
    { GUARD_ACCOUNT_DELETE, &percent_only, 3, 3, "all of them" },
    { GUARD_ACCOUNT_DELETE, &most_only, 3, 4, NULL },
    { GUARD_ACCOUNT_DELETE, &most_only, 4, 4000, "maxDeletes = 3" },
    { GUARD_ACCOUNT_DELETE, &most_only, 2, 2, "all of them" },
    { GUARD_ACCOUNT_RENAME, &usual, 101, 10000, "maxDeletes" },
    { GUARD_ACCOUNT_RENAME, &usual, 7, 60, "maxDeletePercent" },
    { GUARD_ACCOUNT_RENAME, &usual, 3, 3, NULL },                /* takes nothing away */
    { GUARD_CLEAR, &usual, 101, 10000, "maxClears = 100" },
    { GUARD_CLEAR, &usual, 7, 60, "maxClearPercent" },
    { GUARD_CLEAR, &usual, 4, 4, "all of them" },
    { GUARD_CLEAR, &off, 4, 4, NULL },
    { GUARD_MEMBERS, &usual, 500, 500, NULL },
    { GUARD_MEMBERS, &usual, 501, 100000, "maxMembersRemoved = 500" },
    { GUARD_MEMBERS, &off, 5000, 5000, NULL },
    { GUARD_ACCOUNT_DELETE, &usual, INT64_C(1000000000), INT64_C(2000000000), "maxDeletes" },
};

Test(guard, table)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct guard_count count = { rows[i].detected, rows[i].mirrored };
        char why[GUARD_WHY];
        bool holds = guard_holds(rows[i].kind, rows[i].limits, &count, why);

        cr_expect_eq(holds, rows[i].why != NULL, "row %zu: %s", i, why);
        if (rows[i].why)
            cr_expect_not_null(strstr(why, rows[i].why), "row %zu: %s", i, why);
        else
            cr_expect_str_empty(why);
    }
}

/* What release.c relies on: a rough count that goes through, exact ones go through as well. */
Test(guard, fewer_of_more_goes_through_too)
{
    char why[GUARD_WHY];

    for (int kind = 0; kind < GUARD_KINDS; kind++)
        for (int64_t detected = 0; detected < 130; detected++)
            for (int64_t mirrored = 0; mirrored < 1300; mirrored += 7) {
                struct guard_count rough = { detected, mirrored }, fewer = { detected - 1, mirrored }, more = { detected, mirrored + 7 };

                if (detected == 0 || guard_holds((enum guard_kind)kind, &usual, &rough, why))
                    continue;
                cr_assert(!guard_holds((enum guard_kind)kind, &usual, &fewer, why), "%s", why);
                cr_assert(!guard_holds((enum guard_kind)kind, &usual, &more, why), "%s", why);
            }
}

Test(guard, words)
{
    cr_expect_str_eq(guard_kind_name(GUARD_ACCOUNT_DELETE), "account.delete");
    cr_expect_str_eq(guard_kind_name(GUARD_GROUP_DELETE), "group.delete");
    cr_expect_str_eq(guard_kind_name(GUARD_ACCOUNT_RENAME), "account.rename");
    cr_expect_str_eq(guard_kind_name(GUARD_CLEAR), "clear");
    cr_expect_str_eq(guard_kind_name(GUARD_MEMBERS), "members.remove");
}
