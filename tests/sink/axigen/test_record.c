/* The record: its bytes, and that nothing else is taken for them. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "axigen_record.h"

static struct slice lists[] = {{"a@d", 3}, {"bb@d", 4}};
static uint64_t seqs[] = {7, UINT64_MAX};

static struct axigen_record full(void)
{
    return (struct axigen_record){.kind = OBJECT_GROUP,
                                  .state = RECORD_RETIRED,
                                  .intent = INTENT_SERVICES,
                                  .adopted = true,
                                  .unmarked = true,
                                  .has_services = true,
                                  .address = slice_of("a@example.com"),
                                  .going_to = slice_of("b@example.com"),
                                  .mark = slice_of("K \"1\""),
                                  .services = slice_of("imap pop3"),
                                  .due_ms = 1764000000123,
                                  .n_aliases = 2,
                                  .aliases = lists,
                                  .n_foreign = 1,
                                  .foreign = lists + 1,
                                  .n_partly = 2,
                                  .partly = seqs};
}

static void expect_same(const struct axigen_record *x, const struct axigen_record *y)
{
    struct buf a = {0}, b = {0};

    axigen_record_encode(x, &a);
    axigen_record_encode(y, &b);
    cr_assert(slice_eq(buf_slice(&a), buf_slice(&b)));
    buf_free(&a);
    buf_free(&b);
}

Test(axigen_record, there_and_back)
{
    struct axigen_record r = full(), got;
    struct arena a = {0};
    struct buf b = {0};

    axigen_record_encode(&r, &b);
    cr_assert_eq(axigen_record_decode(buf_slice(&b), &got, &a), 0);
    expect_same(&r, &got);
    cr_assert_eq(got.state, RECORD_RETIRED);
    cr_assert_eq(got.intent, INTENT_SERVICES);
    cr_assert(got.adopted && got.unmarked && got.has_services);
    cr_assert(slice_eq(got.going_to, slice_of("b@example.com")) && slice_eq(got.mark, slice_of("K \"1\"")));
    cr_assert_eq(got.due_ms, 1764000000123);
    cr_assert_eq(got.n_aliases, 2u);
    cr_assert(slice_eq(got.aliases[1], slice_of("bb@d")) && slice_eq(got.foreign[0], slice_of("bb@d")));
    cr_assert_eq(got.partly[1], UINT64_MAX);
    buf_free(&b);
    arena_free(&a);
}

/* The example above the codec. */
Test(axigen_record, bytes_of_the_example)
{
    static const uint8_t expected[] = "\x01"
                                      "\x01\0\0\0\x04\0\x02\0\x05"
                                      "\x02\0\0\0\x0f"
                                      "ann@example.com"
                                      "\x04\0\0\0\x02K1"
                                      "\x05\0\0\0\x09imap pop3";
    struct axigen_record r = {.state = RECORD_LOCKED,
                              .adopted = true,
                              .has_services = true,
                              .mark = slice_of("K1"),
                              .address = slice_of("ann@example.com"),
                              .services = slice_of("imap pop3")};
    struct buf b = {0};

    axigen_record_encode(&r, &b);
    cr_assert(slice_eq(buf_slice(&b), slice_make(expected, sizeof(expected) - 1)));
    buf_free(&b);
}

Test(axigen_record, a_field_that_is_unknown_is_skipped)
{
    struct axigen_record r = full(), got;
    struct arena a = {0};
    struct buf b = {0};

    axigen_record_encode(&r, &b);
    buf_u8(&b, 200);
    buf_bytes(&b, slice_of("of a later version"));
    cr_assert_eq(axigen_record_decode(buf_slice(&b), &got, &a), 0);
    expect_same(&r, &got);
    buf_free(&b);
    arena_free(&a);
}

/* Every length, and every byte changed to something else: refused, or a record whose values are in range. */
Test(axigen_record, damage)
{
    struct axigen_record r = full(), got;
    struct arena a = {0};
    struct buf b = {0};

    axigen_record_encode(&r, &b);
    for (size_t n = 0; n < 20; n++)
        cr_assert_eq(axigen_record_decode(slice_make(b.p, n), &got, &a), -1, "%zu bytes", n);
    for (size_t i = 0; i < b.len; i++) {
        char was = b.p[i];

        for (int v = 0; v < 256; v++) {
            b.p[i] = (char)v;
            if (axigen_record_decode(buf_slice(&b), &got, &a) == 0) {
                cr_assert_lt(got.state, RECORD_STATES);
                cr_assert_lt(got.intent, RECORD_INTENTS);
                cr_assert_gt(got.address.len, 0u);
            }
        }
        b.p[i] = was;
        arena_reset(&a);
    }
    buf_free(&b);
    arena_free(&a);
}

Test(axigen_record, sets_are_not_changed_in_place)
{
    struct arena a = {0};
    struct slice *one = NULL, *copy;
    uint32_t n = 0, n_copy;

    axigen_record_add(&one, &n, slice_of("a@d"), &a);
    axigen_record_add(&one, &n, slice_of("b@d"), &a);
    axigen_record_add(&one, &n, slice_of("a@d"), &a);
    cr_assert_eq(n, 2u);
    copy = one;
    n_copy = n;
    axigen_record_drop(&one, &n, slice_of("a@d"), &a);
    cr_assert_eq(n, 1u);
    cr_assert(slice_eq(one[0], slice_of("b@d")));
    cr_assert(axigen_record_has(copy, n_copy, slice_of("a@d")) && axigen_record_has(copy, n_copy, slice_of("b@d")));
    arena_free(&a);
}
