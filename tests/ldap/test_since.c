/* Where a search for changed entries begins. */
#include <criterion/criterion.h>

#include "since.h"

#define T1 "20260228235950.123456Z#00000a#001#000000"
#define T2 "20260301000005.000000Z#000000#002#000000"

static void expect(const struct since *s, const char *and_filter, const char *filter)
{
    struct buf b = { 0 };

    since_filter(s, and_filter, &b);
    cr_expect_str_eq(buf_str(&b), filter);
    buf_free(&b);
}

Test(since, of_csns_begins_before_the_latest_of_them)
{
    struct since s = { .settled = false };

    cr_assert(since_saw(&s, slice_of(T2), 1000));
    cr_assert(since_saw(&s, slice_of(T1), 1000));
    cr_assert_str_eq(s.latest, T2);
    expect(&s, NULL, "(entryCSN>=20260228235945.000000Z#000000#000#000000)");
    expect(&s, "(objectClass=person)", "(&(objectClass=person)(entryCSN>=20260228235945.000000Z#000000#000#000000))");
}

Test(since, of_timestamps_too)
{
    struct since s = { .settled = false };

    cr_assert(since_saw(&s, slice_of("20260101000010Z"), 1000));
    expect(&s, NULL, "(modifyTimestamp>=20251231235950Z)");
    since_polled(&s, 1000 + SINCE_OVERLAP_S * 1000);
    expect(&s, NULL, "(modifyTimestamp>=20260101000011Z)");
}

/* The poll that begins when the window has passed still looks into it: what came late came after the one before. */
Test(since, settles_when_nothing_late_can_come)
{
    struct since s = { .settled = false };

    since_saw(&s, slice_of(T2), 1000);
    since_polled(&s, 1000);
    cr_assert_not(s.settled);
    since_polled(&s, 999 + SINCE_OVERLAP_S * 1000);
    cr_assert_not(s.settled);
    since_polled(&s, 1000 + SINCE_OVERLAP_S * 1000);
    cr_assert(s.settled);
    expect(&s, NULL, "(entryCSN>=20260301000005.000000Z#000000#002#000001)");
    since_saw(&s, slice_of(T2), 90000);
    cr_assert(s.settled, "that one was seen");
    since_saw(&s, slice_of("20260301000005.000000Z#000000#003#000000"), 90000);
    cr_assert_not(s.settled, "a newer one opens the window again");
    expect(&s, NULL, "(entryCSN>=20260228235945.000000Z#000000#000#000000)");
}

/* A stamp comes from the server and goes into a filter: only what is one. */
Test(since, takes_no_other_text)
{
    static const char *const others[] = { "", "Z", "20260101000010", "20260101000010.5Z", "2026010100001)Z", "20260101000010+0100",
                                          "20260301000005.000000Z#000000#002#00000)", "20260301000005.000000Z#000000#002#000000)",
                                          "20260301000005.000000Z#*00000#002#000000" };

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        struct since s = { .settled = false };

        cr_expect_not(since_saw(&s, slice_of(others[i]), 1), "%s", others[i]);
        cr_expect_eq(s.latest[0], '\0');
    }
}

Test(since, stays_with_one_attribute)
{
    struct since s = { .settled = false };

    since_saw(&s, slice_of(T1), 1);
    cr_assert_not(since_saw(&s, slice_of("20260401000010Z"), 1));
    cr_assert_str_eq(s.latest, T1);
}

/* A second change within a second has the stamp of the first. */
Test(since, a_time_stamp_stays_open_until_nothing_late_can_come)
{
    struct since s = { .settled = false };
    int64_t later = 1 + (int64_t)SINCE_OVERLAP_S * 1000;

    cr_assert_not(since_is_open(&s));
    since_saw(&s, slice_of("20260401000010Z"), 1);
    since_polled(&s, 1);
    cr_assert(since_is_open(&s));
    since_polled(&s, later);
    cr_assert_not(since_is_open(&s));
    since_saw(&s, slice_of("20260401000011Z"), later);
    cr_assert(since_is_open(&s));
}

Test(since, a_csn_is_never_open)
{
    struct since s = { .settled = false };

    since_saw(&s, slice_of(T1), 1);
    cr_assert_not(since_is_open(&s));
}
