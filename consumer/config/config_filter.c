/* The form of LDAP filters, RFC 4515. Hand-written because libldap's own reader is not public. */
#include <string.h>

#include "config_syntax.h"
#include "text.h"

/* Deeper than anybody writes, and shallow enough for libldap's recursion and ours. */
#define MAX_DEPTH 50

#define DIGITS "0123456789"
#define HEX DIGITS "abcdefABCDEF"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

struct filter {
    const char *p;
    const char *wrong;   /* the first thing that is wrong */
};

static bool fail(struct filter *f, const char *wrong)
{
    if (f->wrong == NULL)
        f->wrong = wrong;
    return false;
}

static void skip_blanks(struct filter *f)
{
    f->p += strspn(f->p, " \t\n");
}

/* attribute description, and for an extensible match ":dn" and ":rule" behind or instead of it */
static bool read_attribute(struct filter *f)
{
    size_t n = strspn(f->p, LETTERS DIGITS ".-;:");

    /* The colon of ":=" belongs to the operator. */
    if (n && f->p[n - 1] == ':')
        n--;
    if (n == 0)
        return fail(f, "is not a filter: an attribute is missing (RFC 4515)");
    f->p += n;
    return true;
}

static bool read_operator(struct filter *f, bool *plain)
{
    *plain = *f->p == '=';
    if (!*plain && *f->p != '\0' && strchr("~<>:", *f->p))
        f->p++;
    if (*f->p != '=')
        return fail(f, "is not a filter: =, ~=, >=, <= or := is missing (RFC 4515)");
    f->p++;
    return true;
}

static bool read_value(struct filter *f, bool stars)
{
    for (; *f->p && *f->p != ')'; f->p++) {
        if (*f->p == '(')
            return fail(f, "is not a filter: a ( in a value is written \\28 (RFC 4515)");
        if (*f->p == '*' && !stars)
            return fail(f, "is not a filter: a * here is written \\2a (RFC 4515)");
        if (*f->p == '\\') {
            if (strspn(f->p + 1, HEX) < 2)
                return fail(f, "is not a filter: a \\ is written \\5c, and in the file, where \\ has a meaning of its "
                               "own, \\\\5c (RFC 4515)");
            f->p += 2;
        }
    }
    return true;
}

static bool read_item(struct filter *f)
{
    bool plain;

    return read_attribute(f) && read_operator(f, &plain) && read_value(f, plain);
}

static bool read_filter(struct filter *f, int depth);

static bool read_inside(struct filter *f, int depth)
{
    char op = *f->p;

    if (op != '&' && op != '|' && op != '!')
        return read_item(f);
    f->p++;
    skip_blanks(f);
    if (op == '!')
        return read_filter(f, depth + 1);
    /* None at all is allowed by RFC 4526: absolute true and false. */
    while (*f->p == '(')
        if (!read_filter(f, depth + 1))
            return false;
    return true;
}

/* One in parentheses, and the blanks behind it. */
static bool read_filter(struct filter *f, int depth)
{
    if (depth > MAX_DEPTH)
        return fail(f, "is not a filter: nested too deeply");
    if (*f->p != '(')
        return fail(f, "is not a filter: a ( is missing (RFC 4515)");
    f->p++;
    skip_blanks(f);
    if (!read_inside(f, depth))
        return false;
    if (*f->p != ')')
        return fail(f, "is not a filter: a ) is missing (RFC 4515)");
    f->p++;
    skip_blanks(f);
    return true;
}

bool syntax_filter_wrapped(const char *value)
{
    return value[strspn(value, " \t\n")] == '(';
}

const char *syntax_filter(const char *value)
{
    struct filter f = { value, NULL };
    bool right;

    if (!utf8_valid(slice_of(value)))
        return "is not a filter: not UTF-8 (RFC 4515)";
    skip_blanks(&f);
    right = *f.p == '(' ? read_filter(&f, 0) : read_inside(&f, 0);
    if (right && *f.p != '\0')
        fail(&f, "is not a filter: there is something behind its end (RFC 4515)");
    return f.wrong;
}
