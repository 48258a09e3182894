#include "err.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

Test(err, set_and_add)
{
    struct err e = { 0 };

    cr_assert_eq(err_set(&e, ERR_CONFIG, "line %d", 7), -1);
    cr_assert_eq(e.class, ERR_CONFIG);
    cr_assert_eq(e.code, 0);
    cr_assert_eq(err_add(&e, "file %s", "a.conf"), -1);
    cr_assert_str_eq(e.text, "file a.conf: line 7");
    cr_assert_eq(e.class, ERR_CONFIG);
    err_clear(&e);
    cr_assert_eq(e.class, ERR_NONE);
    cr_assert_str_eq(e.text, "");
}

Test(err, errno_is_kept_and_told)
{
    struct err e = { 0 };

    cr_assert_eq(err_set_errno(&e, ERR_UNAVAILABLE, ENOSPC, "can't write %s", "f"), -1);
    cr_assert_eq(e.code, ENOSPC);
    cr_assert_str_eq(e.text, "can't write f: No space left on device");
    err_set(&e, ERR_TEMP, "other");
    cr_assert_eq(e.code, 0, "an old code does not stay");
}

Test(err, null_is_allowed)
{
    cr_assert_eq(err_set(NULL, ERR_DATA, "x"), -1);
    cr_assert_eq(err_set_errno(NULL, ERR_DATA, EIO, "x"), -1);
    cr_assert_eq(err_add(NULL, "x"), -1);
}

Test(err, long_texts_are_cut)
{
    struct err e = { 0 };
    char text[2 * sizeof(e.text)];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    err_set(&e, ERR_DATA, "%s", text);
    cr_assert_eq(strlen(e.text), sizeof(e.text) - 1);
    err_add(&e, "where");
    cr_assert_eq(strlen(e.text), sizeof(e.text) - 1);
    cr_assert_eq(strncmp(e.text, "where: xxx", 10), 0);
    err_add(&e, "%s", text);
    cr_assert_eq(strlen(e.text), sizeof(e.text) - 1);
    err_set_errno(&e, ERR_DATA, EIO, "%s", text);
    cr_assert_eq(strlen(e.text), sizeof(e.text) - 1);
}

Test(err, exit_codes_are_those_of_the_specification)
{
    cr_assert_eq(err_exit_code(ERR_NONE), 0);
    cr_assert_eq(err_exit_code(ERR_USAGE), 64);
    cr_assert_eq(err_exit_code(ERR_CONFIG), 78);
    cr_assert_eq(err_exit_code(ERR_UNAVAILABLE), 69);
    cr_assert_eq(err_exit_code(ERR_TEMP), 75);
    cr_assert_eq(err_exit_code(ERR_NOTFOUND), 67);
    cr_assert_eq(err_exit_code(ERR_DATA), 70);
    cr_assert_eq(err_exit_code(ERR_INTERNAL), 70);
}
