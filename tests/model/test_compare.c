#include <criterion/criterion.h>

#include "compare.h"
#include "make.h"

static struct arena a;

static void drop_arena(void)
{
    arena_free(&a);
}

TestSuite(compare, .fini = drop_arena);

/* All that differs, in words, one a line. */
static const char *words(const struct object *have, const struct object *wanted, const struct mapping_note *notes)
{
    static struct buf text;
    struct differences d = {0};

    compare_objects(have, wanted, notes, &a, &d);
    buf_reset(&text);
    for (size_t i = 0; i < d.n; i++) {
        compare_text(&d.items[i], "S", "D", &text);
        buf_puts(&text, "\n");
    }
    return buf_str(&text);
}

Test(compare, what_is_the_same_says_nothing)
{
    for (int i = 0; i < 1000; i++) {
        struct object *o = make_random_object(&a);

        cr_assert_str_eq(words(o, o, NULL), "");
        arena_reset(&a);
    }
}

Test(compare, each_sort_of_difference)
{
    struct object *have = make_object(&a, "a@x", FIELD_CONTACT_FIRST_NAME, "Ann", FIELD_CONTACT_OFFICE, "1",
                                      FIELD_CONTACT_TITLE, "Dr", FIELD_NONE, "a1@x", "b@x", NULL);
    struct object *wanted = make_object(&a, "b@x", FIELD_CONTACT_FIRST_NAME, "Anne", FIELD_CONTACT_LAST_NAME, "Lee",
                                        FIELD_CONTACT_OFFICE, "1", FIELD_NONE, "b@x", "c@x", NULL);

    have->dn = slice_of("uid=a");
    wanted->dn = slice_of("uid=b");
    cr_expect_str_eq(words(have, wanted, NULL), "dn is \"uid=a\" in S, \"uid=b\" in D\n"
                                                "address is \"a@x\" in S, \"b@x\" in D\n"
                                                "contactInfo.firstName is \"Ann\" in S, \"Anne\" in D\n"
                                                "contactInfo.lastName is not set in S, \"Lee\" in D\n"
                                                "contactInfo.title is \"Dr\" in S, not set in D\n"
                                                "alias a1@x is in S and not in D\n"
                                                "alias c@x is in D and not in S\n");
}

/* A field whose value can't be used stays as it was told. */
Test(compare, kept_fields_do_not_count)
{
    struct mapping_note aliases = {.field = FIELD_ALIASES, .keep = true};
    struct mapping_note title = {.field = FIELD_CONTACT_TITLE, .keep = true, .next = &aliases};
    struct object *have = make_object(&a, "a@x", FIELD_CONTACT_TITLE, "Dr", FIELD_NONE, "a1@x", NULL);
    struct object *wanted = make_object(&a, "a@x", FIELD_NONE, NULL);

    wanted->dn = have->dn;
    cr_expect_str_eq(words(have, wanted, &title), "");
    title.keep = false;
    cr_expect_str_neq(words(have, wanted, &title), "");
}

static size_t list_difference(const char *have, const char *wanted)
{
    struct slice h[8] = {{0}}, w[8] = {{0}};
    struct differences d = {0};
    size_t n = strlen(have), m = strlen(wanted);

    for (size_t i = 0; i < n; i++)
        h[i] = slice_make(have + i, 1);
    for (size_t i = 0; i < m; i++)
        w[i] = slice_make(wanted + i, 1);
    compare_lists(DIFFERENCE_MEMBER, h, n, w, m, &a, &d);
    return d.n;
}

Test(compare, lists)
{
    cr_expect_eq(list_difference("", ""), 0);
    cr_expect_eq(list_difference("abc", "abc"), 0);
    cr_expect_eq(list_difference("abc", ""), 3);
    cr_expect_eq(list_difference("", "abc"), 3);
    cr_expect_eq(list_difference("ace", "bcd"), 4);
}

/* A value that is cut is cut between two characters. */
Test(compare, long_values_are_cut)
{
    char value[203];
    struct object *have = make_object(&a, "a@x", FIELD_NONE, NULL);
    struct object *wanted = make_object(&a, "a@x", FIELD_NONE, NULL);
    const char *said;

    value[0] = 'x';
    for (size_t i = 0; i < 100; i++)
        memcpy(value + 1 + 2 * i, "\xC3\xA4", 2); /* ä */
    value[201] = '\0';
    wanted->dn = have->dn;
    cr_assert(object_set_field(wanted, FIELD_CONTACT_TITLE, slice_of(value)));
    said = words(have, wanted, NULL);
    cr_expect(utf8_valid(slice_of(said)));
    cr_expect(strstr(said, "\"... in D") != NULL, "%s", said);
}
