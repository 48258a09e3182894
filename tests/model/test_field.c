#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>

#include "field.h"

static const struct {
    unsigned number;
    const char *name;
} rows[] = {
#define FIELD(number, symbol, name) { number, name },
#include "field.def"
#undef FIELD
};

#define ROWS (sizeof(rows) / sizeof(*rows))

Test(field, rows_are_ascending_and_numbers_unique)
{
    cr_assert_eq(FIELD_ALIASES, 1);
    for (size_t i = 0; i < ROWS; i++) {
        cr_expect(i == 0 || strcmp(rows[i - 1].name, rows[i].name) < 0, "%s", rows[i].name);
        cr_expect(rows[i].number > 0 && rows[i].number <= FIELD_KNOWN);
        cr_expect(strlen(rows[i].name) <= FIELD_NAME_MAX);
        for (size_t k = 0; k < i; k++)
            cr_expect_neq(rows[k].number, rows[i].number);
    }
}

Test(field, known_names_and_numbers_are_each_others)
{
    for (size_t i = 0; i < ROWS; i++) {
        cr_expect_eq(field_intern(slice_of(rows[i].name)), rows[i].number);
        cr_expect_str_eq(field_name((field_id)rows[i].number), rows[i].name);
        cr_expect(field_is_known((field_id)rows[i].number));
    }
    cr_expect_not(field_is_known(FIELD_NONE));
    cr_expect_not(field_is_known(FIELD_KNOWN));
    cr_expect_str_empty(field_name(60000));
}

Test(field, a_new_name_keeps_its_number)
{
    field_id id = field_intern(slice_of("contactInfo.pager"));

    cr_expect_gt(id, FIELD_KNOWN);
    cr_expect_not(field_is_known(id));
    cr_expect_eq(field_intern(slice_of("contactInfo.pager")), id);
    cr_expect_neq(field_intern(slice_of("contactInfo.Pager")), id);
    cr_expect_str_eq(field_name(id), "contactInfo.pager");
}

Test(field, names_of_another_form_are_none)
{
    static const char *const bad[] = {
        "", "alias", "Aliases", "firstName", "contactInfo", "contactInfo.", "contactInfo.a b", "contactInfo.a\nb",
        "contactInfo.a.b", "contactinfo.x", "domain.name", "group.x\"", ".x",
        "contactInfo.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        cr_expect_eq(field_intern(slice_of(bad[i])), FIELD_NONE, "%s", bad[i]);
}

Test(field, order_is_that_of_names)
{
    field_id early = field_intern(slice_of("account.aardvark")), late = field_intern(slice_of("quotas.zebra"));

    cr_expect_lt(field_compare(FIELD_ACCOUNT_CLASS, FIELD_ALIASES), 0);
    cr_expect_gt(field_compare(FIELD_CONTACT_FIRST_NAME, FIELD_ALIASES), 0);
    cr_expect_lt(field_compare(early, FIELD_ACCOUNT_TYPE), 0);
    cr_expect_gt(field_compare(late, FIELD_QUOTA_TOTAL_MESSAGE_SIZE), 0);
    cr_expect_lt(field_compare(early, late), 0);
    cr_expect_eq(field_compare(late, late), 0);
}

static void *intern_many(void *ids)
{
    for (int i = 0; i < 100; i++) {
        char name[32];

        snprintf(name, sizeof(name), "limits.t%d", i);
        ((field_id *)ids)[i] = field_intern(slice_of(name));
    }
    return NULL;
}

Test(field, threads_agree_on_numbers)
{
    pthread_t threads[4];
    static field_id ids[4][100];

    for (int i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, intern_many, ids[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < 4; i++)
        cr_expect_arr_eq(ids[0], ids[i], sizeof(ids[0]));
    cr_expect_neq(ids[0][0], ids[0][1]);
}

Test(field, a_run_takes_so_many_new_names_and_no_more)
{
    char name[32];
    unsigned made = 0;

    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "group.n%d", i);
        made += field_intern(slice_of(name)) != FIELD_NONE;
    }
    cr_expect_eq(made, 512);
    cr_expect_neq(field_intern(slice_of("group.n0")), FIELD_NONE);
}
