#include "mem.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

Test(mem, alloc_is_zeroed_and_never_null)
{
    char *p = mem_alloc(100);

    for (int i = 0; i < 100; i++)
        cr_assert_eq(p[i], 0);
    free(p);
    p = mem_alloc(0);
    cr_assert_not_null(p);
    p = mem_realloc(p, 0);
    cr_assert_not_null(p);
    free(p);
}

Test(mem, strings)
{
    char *copy = mem_strdup("text");
    char *made = mem_printf("%s-%d", "a", 7);

    cr_assert_str_eq(copy, "text");
    cr_assert_str_eq(made, "a-7");
    cr_assert_null(mem_strdup(NULL));
    free(copy);
    free(made);
}

/* AddressSanitizer reads this at start; by default it would end the program itself, and call it a bug. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* A program that goes on after a failed allocation would write half a truth. */
Test(mem, exhaustion_ends_the_program, .exit_code = EX_OSERR)
{
    volatile size_t n = SIZE_MAX / 2;

    free(mem_alloc(n));
}

Test(mem, arena_is_zeroed_and_aligned)
{
    struct arena a = { 0 };

    for (size_t n = 0; n < 300; n++) {
        unsigned char *p = arena_alloc(&a, n);

        cr_assert_eq((uintptr_t)p % 8, 0);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(p[i], 0);
        memset(p, 0xAA, n);
    }
    arena_free(&a);
    cr_assert_null(a.head);
    cr_assert_eq(a.used, 0);
}

Test(mem, arena_is_zeroed_after_a_reset)
{
    struct arena a = { 0 };
    char *first = arena_alloc(&a, 64), *again;

    memset(first, 'x', 64);
    arena_alloc(&a, 1 << 20);
    cr_assert_geq(a.used, 64 + (1 << 20));
    arena_reset(&a);
    cr_assert_eq(a.used, 0);
    again = arena_alloc(&a, 64);
    cr_assert_eq(again, first, "a reset keeps the first block");
    for (int i = 0; i < 64; i++)
        cr_assert_eq(again[i], 0);
    arena_free(&a);
}

Test(mem, arena_pieces_stay_apart)
{
    struct arena a = { 0 };
    char *pieces[2000];

    for (int i = 0; i < 2000; i++) {
        pieces[i] = arena_alloc(&a, 100);
        memset(pieces[i], i % 251, 100);
    }
    for (int i = 0; i < 2000; i++)
        for (int j = 0; j < 100; j++)
            cr_assert_eq((unsigned char)pieces[i][j], i % 251);
    arena_free(&a);
}

Test(mem, arena_copy_ends_with_a_nul)
{
    struct arena a = { 0 };
    struct slice s = arena_copy(&a, "abcdefgh", 8);

    cr_assert_eq(s.len, 8);
    cr_assert_str_eq(s.p, "abcdefgh");
    s = arena_copy(&a, NULL, 0);
    cr_assert_eq(s.len, 0);
    cr_assert_str_eq(s.p, "");
    arena_free(&a);
}
