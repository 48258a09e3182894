#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "make.h"

static struct arena a;
static struct buf bytes;
static struct object read_back;

static void drop(void)
{
    arena_free(&a);
    buf_free(&bytes);
}

TestSuite(object, .fini = drop);

static const char example[] = /* that at the top of object.c */
    "\x01"
    "\x01\x10\x8a\x2f\x1b\x60\x0c\x1d\x4e\x5f\x9a\x3b\x11\x22\x33\x44\x55\x66"
    "\x02\x02\x00\x00"
    "\x03\x0f" "ann@example.com"
    "\x04\x0f" "20261124074955Z"
    "\x05\x12" "uid=ann,dc=example"
    "\x06\x04\x02" "Ann"
    "\x08\x0f\x01\x0d" "a@example.com";

static struct object *example_object(void)
{
    struct object *o = make_object(&a, "ann@example.com", FIELD_CONTACT_FIRST_NAME, "Ann", FIELD_NONE, "a@example.com",
                                   NULL);

    o->dn = slice_of("uid=ann,dc=example");
    cr_assert(uuid_parse(slice_of("8a2f1b60-0c1d-4e5f-9a3b-112233445566"), o->uuid));
    return o;
}

Test(object, example_of_the_stored_form)
{
    struct object *o = example_object();

    object_encode(o, &bytes);
    cr_assert_eq(bytes.len, sizeof(example) - 1);
    cr_expect_arr_eq(bytes.p, example, sizeof(example) - 1);
    cr_assert_eq(object_decode(buf_slice(&bytes), &read_back, &a), 0);
    cr_expect(same_object(o, &read_back));
}

Test(object, peeks)
{
    struct slice s = slice_make(example, sizeof(example) - 1);

    cr_expect(slice_eq(object_peek_address(s), slice_of("ann@example.com")));
    cr_expect(slice_eq(object_peek_uuid(s), slice_make(example + 3, UUID_BYTES)));
    cr_expect(slice_eq(object_peek_stamp(s), slice_of("20261124074955Z")));
    cr_expect_eq(object_peek_address(slice_make(example, 30)).len, 0);
    cr_expect_eq(object_peek_uuid(slice_make(example, 10)).len, 0);
    cr_expect_eq(object_peek_stamp(slice_of("")).len, 0);
    cr_expect_eq(object_peek_uuid(slice_of("\x02\x01\x10" "0123456789abcdef")).len, 0);
}

Test(object, all_states_and_kinds_long_values_and_nothing)
{
    struct object *o = make_object(&a, "", FIELD_NONE, NULL);
    static char text[100000];

    memset(text, 'x', sizeof(text));
    for (int kind = 0; kind < OBJECT_KINDS; kind++)
        for (int state = OBJECT_MIRRORED; state <= OBJECT_GONE; state++) {
            o->kind = (enum object_kind)kind;
            o->state = (enum object_state)state;
            o->dn = o->stamp = slice_of("");
            buf_reset(&bytes);
            object_encode(o, &bytes);
            cr_assert_eq(object_decode(buf_slice(&bytes), &read_back, &a), 0);
            cr_expect(same_object(o, &read_back));
        }
    o->dn = slice_make(text, sizeof(text));
    object_set_field(o, field_intern(slice_of("account.aardvark")), slice_make(text, 300));
    object_set_field(o, FIELD_CONTACT_NOTES, slice_make(text, 20000));
    buf_reset(&bytes);
    object_encode(o, &bytes);
    cr_assert_eq(object_decode(buf_slice(&bytes), &read_back, &a), 0);
    cr_expect(same_object(o, &read_back));
}

Test(object, encode_appends)
{
    buf_puts(&bytes, "before");
    object_encode(example_object(), &bytes);
    cr_expect_eq(bytes.len, 6 + sizeof(example) - 1);
    cr_expect_arr_eq(bytes.p + 6, example, sizeof(example) - 1);
}

Test(object, random_round_trips)
{
    unsigned seed = make_seed();

    for (int i = 0; i < 20000; i++) {
        struct object *o = make_random_object(&a);

        buf_reset(&bytes);
        object_encode(o, &bytes);
        cr_assert_eq(object_decode(buf_slice(&bytes), &read_back, &a), 0, "AXSYNC_TEST_SEED=%u object %d", seed, i);
        cr_assert(same_object(o, &read_back), "AXSYNC_TEST_SEED=%u object %d", seed, i);
        cr_assert(slice_eq(object_peek_address(buf_slice(&bytes)), o->address));
        arena_reset(&a);
    }
}

Test(object, truncated_anywhere)
{
    size_t whole = sizeof(example) - 1;

    for (size_t n = 0; n < whole; n++) {
        char *copy = malloc(n ? n : 1);   /* so that a read past the end is seen */
        int result;

        memcpy(copy, example, n);
        result = object_decode(slice_make(copy, n), &read_back, &a);
        /* Between two records it is an object that has less: LMDB keeps values whole. */
        cr_expect(result == 0 ? n >= 23 : result == -1, "%zu bytes", n);
        object_peek_stamp(slice_make(copy, n));
        free(copy);
    }
}

Test(object, unknown_tags_are_skipped)
{
    static const char more[] = "\x09\x03xyz\xff\x00";

    object_encode(example_object(), &bytes);
    buf_add(&bytes, more, sizeof(more) - 1);
    cr_assert_eq(object_decode(buf_slice(&bytes), &read_back, &a), 0);
    cr_expect(same_object(example_object(), &read_back));
}

#define BYTES(literal) { literal, sizeof(literal) - 1 }
#define HEAD "\x01\x01\x10" "0123456789abcdef" "\x02\x02\x00\x00"

static const struct slice damaged[] = {
    BYTES(""),
    BYTES("\x02\x01\x10" "0123456789abcdef" "\x02\x02\x00\x00"),   /* another version */
    BYTES("\x01\x02\x02\x00\x00"),                                 /* no uuid */
    BYTES("\x01\x01\x10" "0123456789abcdef"),                      /* no kind */
    BYTES("\x01\x01\x0f" "0123456789abcde" "\x02\x02\x00\x00"),
    BYTES("\x01\x01\x10" "0123456789abcdef" "\x02\x02\x02\x00"),   /* no such kind */
    BYTES("\x01\x01\x10" "0123456789abcdef" "\x02\x02\x00\x03"),   /* no such state */
    BYTES("\x01\x01\x10" "0123456789abcdef" "\x02\x01\x00"),
    BYTES(HEAD "\x03"),
    BYTES(HEAD "\x03\x05" "abcd"),
    BYTES(HEAD "\x03\xff\xff\xff\xff\xff\x01"),                    /* a length of more than 32 bits */
    BYTES(HEAD "\x03\xff\xff\xff\xff\x0f"),                        /* 4 GiB */
    BYTES(HEAD "\x06\x00"),
    BYTES(HEAD "\x06\x01\x02"),                                    /* no value */
    BYTES(HEAD "\x06\x02\x00x"),                                   /* no such field */
    BYTES(HEAD "\x06\x02\xffx"),
    BYTES(HEAD "\x06\x02\x01x"),                                   /* aliases are no such record */
    BYTES(HEAD "\x06\x02\x02x\x06\x02\x02x"),                      /* twice */
    BYTES(HEAD "\x06\x02\x03x\x06\x02\x02x"),                      /* not ascending */
    BYTES(HEAD "\x07\x05\x03" "abcd"),                             /* no name of a field */
    BYTES(HEAD "\x07\x05\x30" "abcd"),
    BYTES(HEAD "\x08\x01\x00"),
    BYTES(HEAD "\x08\x02\x01\x00"),
    BYTES(HEAD "\x08\x05\xff\xff\xff\xff\x0f"),
    BYTES(HEAD "\x08\x05\x02\x01" "b" "\x01" "a"),                 /* not ascending */
    BYTES(HEAD "\x08\x04\x01\x01" "ab"),                           /* bytes left over */
    BYTES(HEAD "\x08\x03\x01\x01" "a" "\x08\x03\x01\x01" "a"),     /* twice */
};

Test(object, damage_is_noticed)
{
    for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++)
        cr_expect_eq(object_decode(damaged[i], &read_back, &a), -1, "row %zu", i);
    cr_expect_eq(object_decode((struct slice)BYTES(HEAD), &read_back, &a), 0, "but this is whole");
}

Test(object, random_bytes_never_crash)
{
    unsigned seed = make_seed();

    for (int i = 0; i < 20000; i++) {
        size_t n = sizeof(example) - 1;
        char *copy = malloc(n);

        memcpy(copy, example, n);
        for (unsigned k = make_random(8); k > 0; k--)
            copy[make_random((unsigned)n)] = (char)make_random(256);
        if (make_random(2))
            n = make_random((unsigned)n);
        if (object_decode(slice_make(copy, n), &read_back, &a) == 0) {
            buf_reset(&bytes);
            object_encode(&read_back, &bytes);   /* what decodes must be fit for use */
            cr_assert_eq(object_decode(buf_slice(&bytes), &read_back, &a), 0, "AXSYNC_TEST_SEED=%u bytes %d", seed, i);
        }
        free(copy);
        arena_reset(&a);
    }
}

Test(object, fields_are_kept_in_order)
{
    struct object *o = make_object(&a, "a@x", FIELD_NONE, NULL);

    cr_expect(object_set_field(o, FIELD_LIMIT_SERVICES, slice_of("imap")));
    cr_expect(object_set_field(o, FIELD_ACCOUNT_CLASS, slice_of("gold")));
    cr_expect(object_set_field(o, FIELD_CONTACT_OFFICE, slice_of("1")));
    cr_expect(object_set_field(o, FIELD_CONTACT_OFFICE, slice_of("2")));
    cr_assert_eq(o->n_fields, 3);
    cr_expect_eq(o->fields[0].field, FIELD_ACCOUNT_CLASS);
    cr_expect_eq(o->fields[2].field, FIELD_LIMIT_SERVICES);
    cr_expect(slice_eq(object_field(o, FIELD_CONTACT_OFFICE), slice_of("2")));
    cr_expect_eq(object_field(o, FIELD_CONTACT_TITLE).len, 0);
    cr_expect(object_set_field(o, FIELD_CONTACT_TITLE, slice_of("")));
    cr_expect(object_set_field(o, FIELD_ACCOUNT_CLASS, slice_of("")));
    cr_assert_eq(o->n_fields, 2);
    cr_expect_eq(o->fields[0].field, FIELD_CONTACT_OFFICE);
}

Test(object, fields_have_a_limit)
{
    struct object *o = make_object(&a, "a@x", FIELD_NONE, NULL);
    char name[32];

    for (unsigned i = 0; i <= OBJECT_MAX_FIELDS; i++) {
        snprintf(name, sizeof(name), "quotas.q%u", i);
        cr_expect_eq(object_set_field(o, field_intern(slice_of(name)), slice_of("1")), i < OBJECT_MAX_FIELDS);
    }
    cr_expect_eq(o->n_fields, OBJECT_MAX_FIELDS);
    object_encode(o, &bytes);
    cr_assert_eq(object_decode(buf_slice(&bytes), &read_back, &a), 0);
    cr_expect(same_object(o, &read_back));
    buf_puts(&bytes, "\x07\x0b\x09quotas.zzx");
    cr_expect_eq(object_decode(buf_slice(&bytes), &read_back, &a), -1, "one field more");
}

Test(object, words)
{
    cr_expect_str_eq(object_kind_name(OBJECT_ACCOUNT), "account");
    cr_expect_str_eq(object_kind_name(OBJECT_GROUP), "group");
}
