#include "text.h"

#include <criterion/criterion.h>

#define TEXT(s) slice_make(s, sizeof(s) - 1)

static const uint8_t uuid[UUID_BYTES] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                          0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };
#define UUID "01234567-89ab-cdef-fedc-ba9876543210"

Test(text, uuid_there_and_back)
{
    char out[UUID_TEXT];
    uint8_t back[UUID_BYTES];

    cr_assert_str_eq(uuid_format(uuid, out), UUID);
    cr_assert(uuid_parse(TEXT(UUID), back));
    cr_assert_arr_eq(back, uuid, UUID_BYTES);
    cr_assert(uuid_parse(TEXT("01234567-89AB-CDEF-FEDC-BA9876543210"), back));
    cr_assert_arr_eq(back, uuid, UUID_BYTES);
}

Test(text, what_is_no_uuid_is_refused)
{
    uint8_t back[UUID_BYTES];

    cr_assert_not(uuid_parse(TEXT(""), back));
    cr_assert_not(uuid_parse(TEXT("01234567-89ab-cdef-fedc-ba987654321"), back));
    cr_assert_not(uuid_parse(TEXT(UUID "0"), back));
    cr_assert_not(uuid_parse(TEXT("0123456789-ab-cdef-fedc-ba9876543210"), back));
    cr_assert_not(uuid_parse(TEXT("0123456g-89ab-cdef-fedc-ba9876543210"), back));
    cr_assert_not(uuid_parse(TEXT("01234567-89ab-cdef-fedc-ba98765432-0"), back));
    cr_assert_not(uuid_parse(TEXT("01234567089ab-cdef-fedc-ba9876543210"), back));
}

Test(text, time_is_rfc_3339_in_utc)
{
    char out[TIME_TEXT];

    setenv("TZ", "America/New_York", 1);
    cr_assert_str_eq(time_format(0, out), "1970-01-01T00:00:00.000Z");
    cr_assert_str_eq(time_format(INT64_C(1795506595123), out), "2026-11-24T07:49:55.123Z");
    cr_assert_str_eq(time_format(INT64_C(951782399999), out), "2000-02-28T23:59:59.999Z");
    cr_assert_str_eq(time_format(INT64_C(951782400000), out), "2000-02-29T00:00:00.000Z");
}

Test(text, utf8_lengths)
{
    cr_assert_eq(utf8_length("", 0), 0);
    cr_assert_eq(utf8_length("a", 1), 1);
    cr_assert_eq(utf8_length("\0", 1), 1);
    cr_assert_eq(utf8_length("\xC2\x80", 2), 2);
    cr_assert_eq(utf8_length("\xE0\xA0\x80", 3), 3);
    cr_assert_eq(utf8_length("\xED\x9F\xBF", 3), 3);
    cr_assert_eq(utf8_length("\xEF\xBF\xBF", 3), 3);
    cr_assert_eq(utf8_length("\xF0\x90\x80\x80", 4), 4);
    cr_assert_eq(utf8_length("\xF4\x8F\xBF\xBF", 4), 4);
}

Test(text, utf8_refuses)
{
    static const char *const bad[] = {
        "\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xC2", "\xC2" "a", "\xE2\x82", "\xE2\x82" "a", "\xF0\x9F\x98", "\xFE", "ok\xFF",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_not(utf8_valid(slice_of(bad[i])), "case %zu", i);
    cr_assert(utf8_valid(TEXT("")));
    cr_assert(utf8_valid(TEXT("a\0\xC3\xBC\xF0\x9F\x98\x80")));
}

/* All pairs of a first and a second byte: a valid pair is one that RFC 3629, section 4 lists for two bytes. */
Test(text, utf8_two_bytes_exhaustively)
{
    for (int first = 0x80; first < 0x100; first++)
        for (int second = 0; second < 0x100; second++) {
            char p[2] = { (char)first, (char)second };
            bool valid = first >= 0xC2 && first <= 0xDF && second >= 0x80 && second <= 0xBF;

            cr_assert_eq(utf8_length(p, 2), valid ? 2u : 0u, "%02x %02x", (unsigned)first, (unsigned)second);
        }
}

Test(text, case_is_ascii_only)
{
    cr_assert(text_equal_nocase(TEXT("objectClass"), TEXT("OBJECTCLASS")));
    cr_assert(text_equal_nocase(TEXT(""), TEXT("")));
    cr_assert_not(text_equal_nocase(TEXT("a"), TEXT("ab")));
    cr_assert_not(text_equal_nocase(TEXT("\xC3\xBC"), TEXT("\xC3\x9C")));
    cr_assert_not(text_equal_nocase(TEXT("["), TEXT("{")));
}
