/* Cookies and CSN sets.
 *
 * Input: two cookies with a newline between them; each is taken in. The seeds of interest are those of the wire: "rid=000,csn=…". */
#include <stdlib.h>

#include "cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The stored form must be one that gives the same cookie again, or state would change by being stored. */
static void check_stored_form(const struct cookie *c)
{
    struct buf text = { 0 }, again = { 0 };
    struct cookie read = { 0 };
    bool malformed;

    cookie_format(c, &text);
    cookie_take(&read, buf_slice(&text), &malformed);
    cookie_format(&read, &again);
    if (malformed || read.flavour != c->flavour || !slice_eq(buf_slice(&text), buf_slice(&again)))
        abort();
    cookie_free(&read);
    buf_free(&text);
    buf_free(&again);
}

static void check_set(const struct csn_set *s)
{
    uint16_t sid;

    for (size_t i = 1; i < s->n; i++)
        if (s->csns[i - 1].sid >= s->csns[i].sid)
            abort();
    if (csn_set_behind(s, s, &sid))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = slice_make(data, size);
    struct cookie c = { 0 };
    struct csn_set before = { 0 }, parsed = { 0 };

    for (int i = 0; i < 2; i++) {
        const char *end = rest.len ? memchr(rest.p, '\n', rest.len) : NULL;
        struct slice one = { rest.p, end ? (size_t)(end - rest.p) : rest.len };
        bool malformed;

        csn_set_copy(&before, &c.csns);
        if (cookie_take(&c, one, &malformed) && malformed)
            abort();
        check_set(&c.csns);
        if (c.flavour == COOKIE_OPENLDAP && csn_set_behind(&c.csns, &before, NULL))
            abort();
        check_stored_form(&c);
        if (csn_set_parse(one, &parsed))
            check_set(&parsed);
        rest = end ? slice_make(end + 1, rest.len - one.len - 1) : slice_make("", 0);
    }
    csn_set_free(&before);
    csn_set_free(&parsed);
    cookie_free(&c);
    return 0;
}
