#include "ber.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Reachable until the end, so that no leak checker minds. */
struct kept {
    struct kept *next;
    char *bytes;
};
static struct kept *all;

static char *keep(const void *p, size_t n)
{
    struct kept *k = malloc(sizeof(*k));

    cr_assert_not_null(k);
    k->bytes = malloc(n ? n : 1);
    cr_assert_not_null(k->bytes);
    if (n && p)
        memcpy(k->bytes, p, n);
    k->next = all;
    all = k;
    return k->bytes;
}

/* Those begun and not finished: the arguments of one BER() may hold others. */
static BerElement *open_elements[8];
static size_t n_open;

BerElement *ber_begin(void)
{
    cr_assert_lt(n_open, 8);
    return open_elements[n_open++] = ber_alloc_t(LBER_USE_DER);
}

struct slice ber_finish(int rc)
{
    BerElement *element = open_elements[--n_open];
    struct berval *flat = NULL;
    struct slice s;

    cr_assert_geq(rc, 0, "ber_printf");
    cr_assert_eq(ber_flatten(element, &flat), 0);
    s = slice_make(keep(flat->bv_val, flat->bv_len), flat->bv_len);
    ber_bvfree(flat);
    ber_free(element, 1);
    return s;
}

struct slice hex(const char *digits)
{
    char *bytes = keep(NULL, strlen(digits) / 2 + 1);
    size_t n = 0;

    while (*digits) {
        char pair[3] = { digits[0], digits[1], '\0' };
        char *end;

        if (*digits == ' ') {
            digits++;
            continue;
        }
        bytes[n++] = (char)strtoul(pair, &end, 16);
        cr_assert_eq(*end, '\0', "hex at \"%s\"", digits);
        digits += 2;
    }
    return slice_make(keep(bytes, n), n);
}

struct slice cut(struct slice s, size_t n)
{
    return slice_make(keep(s.p, n), n);
}

const char *same(unsigned char byte, size_t n)
{
    char *bytes = keep(NULL, n);

    memset(bytes, byte, n);
    return bytes;
}

struct berval *value_of(struct slice s)
{
    struct berval bv = { s.len, (char *)s.p };

    return (struct berval *)(void *)keep(&bv, sizeof(bv));
}
