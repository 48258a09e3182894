#include "buf.h"

#include <criterion/criterion.h>

#define TEXT(s) slice_make(s, sizeof(s) - 1)

Test(buf, what_is_written_is_read)
{
    struct buf b = { 0 };
    struct reader r;

    buf_u8(&b, 0xFE);
    buf_u16(&b, 0xFEDC);
    buf_u32(&b, 0xFEDCBA98);
    buf_u64(&b, 0xFEDCBA9876543210);
    buf_bytes(&b, TEXT("a\0b"));
    buf_bytes(&b, TEXT(""));
    r = reader_of(buf_slice(&b));
    cr_assert_eq(read_u8(&r), 0xFE);
    cr_assert_eq(read_u16(&r), 0xFEDC);
    cr_assert_eq(read_u32(&r), 0xFEDCBA98);
    cr_assert_eq(read_u64(&r), 0xFEDCBA9876543210);
    cr_assert(slice_eq(read_bytes(&r), TEXT("a\0b")));
    cr_assert_eq(read_bytes(&r).len, 0);
    cr_assert_eq(r.left, 0);
    cr_assert_not(r.bad);
    buf_free(&b);
}

Test(buf, integers_sort_as_bytes)
{
    static const uint64_t numbers[] = { 0, 1, 255, 256, 65535, 65536, UINT32_MAX, UINT64_C(1) << 40, UINT64_MAX };
    struct buf last = { 0 }, b = { 0 };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        buf_reset(&b);
        buf_u64(&b, numbers[i]);
        cr_assert_lt(slice_cmp(buf_slice(&last), buf_slice(&b)), 0);
        buf_reset(&last);
        buf_add_slice(&last, buf_slice(&b));
    }
    buf_free(&last);
    buf_free(&b);
}

Test(buf, reading_past_the_end_sticks)
{
    struct reader r = reader_of(TEXT("\1\2\3"));

    cr_assert_eq(read_u16(&r), 0x0102);
    cr_assert_eq(read_u32(&r), 0);
    cr_assert(r.bad);
    cr_assert_eq(read_u8(&r), 0, "also what would still fit");
    cr_assert_eq(read_take(&r, 1).len, 0);
    cr_assert(r.bad);
}

Test(buf, length_beyond_the_end_is_bad)
{
    struct reader r = reader_of(TEXT("\xFF\xFF\xFF\xFF" "ab"));

    cr_assert_eq(read_bytes(&r).len, 0);
    cr_assert(r.bad);
}

Test(buf, text_grows)
{
    struct buf b = { 0 };

    cr_assert_str_eq(buf_str(&b), "");
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%d,", i % 10);
    cr_assert_eq(b.len, 2000);
    cr_assert_eq(strlen(buf_str(&b)), 2000);
    cr_assert_eq(b.len, 2000, "the NUL is not counted");
    buf_reset(&b);
    buf_puts(&b, "new");
    cr_assert_str_eq(buf_str(&b), "new");
    buf_free(&b);
    cr_assert_null(b.p);
}

struct json_case {
    const char *in;
    size_t len;
    const char *out;
};

#define CASE(in, out) { in, sizeof(in) - 1, out }
#define FFFD "\xEF\xBF\xBD"

static const struct json_case json_cases[] = {
    CASE("", "\"\""),
    CASE("plain", "\"plain\""),
    CASE("a\"b\\c/", "\"a\\\"b\\\\c/\""),
    CASE("\n\r\t", "\"\\n\\r\\t\""),
    CASE("\0\1\x1f\x7f", "\"\\u0000\\u0001\\u001f\x7f\""),
    CASE("gr\xC3\xBC\xC3\x9F", "\"gr\xC3\xBC\xC3\x9F\""),
    CASE("\xE2\x82\xAC \xF0\x9F\x98\x80", "\"\xE2\x82\xAC \xF0\x9F\x98\x80\""),
    CASE("\xFF", "\"" FFFD "\""),
    CASE("a\x80z", "\"a" FFFD "z\""),                          /* a continuation alone */
    CASE("\xC3", "\"" FFFD "\""),                              /* cut off */
    CASE("\xE2\x82", "\"" FFFD FFFD "\""),
    CASE("\xC3\"", "\"" FFFD "\\\"\""),                        /* must not swallow the quote */
    CASE("\xC0\xAF", "\"" FFFD FFFD "\""),                     /* overlong */
    CASE("\xED\xA0\x80", "\"" FFFD FFFD FFFD "\""),            /* a surrogate */
    CASE("\xF4\x90\x80\x80", "\"" FFFD FFFD FFFD FFFD "\""),   /* beyond U+10FFFF */
};

Test(buf, json_strings_are_always_valid)
{
    struct buf b = { 0 };

    for (size_t i = 0; i < sizeof(json_cases) / sizeof(json_cases[0]); i++) {
        const struct json_case *c = &json_cases[i];

        buf_reset(&b);
        buf_json(&b, slice_make(c->in, c->len));
        cr_expect_str_eq(buf_str(&b), c->out, "case %zu", i);
    }
    buf_free(&b);
}

Test(buf, hash_differs)
{
    cr_assert_eq(hash64(TEXT("abc")), hash64(TEXT("abc")));
    cr_assert_neq(hash64(TEXT("abc")), hash64(TEXT("abd")));
    cr_assert_neq(hash64(TEXT("")), hash64(TEXT("\0")));
}
