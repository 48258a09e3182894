#include "cookie.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* The parts of a CSN: what each character must be. d: digit, x: hexadecimal digit; anything else: itself. */
static const char csn_form[CSN_TEXT] = "dddddddddddddd.ddddddZ#xxxxxx#xxx#xxxxxx";
#define CSN_LEN (CSN_TEXT - 1)
#define CSN_SID_AT 30
#define RID_DIGITS 3
#define SID_DIGITS 3

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Exactly n hexadecimal digits; -1 if they are not. */
static int hex_number(const char *p, size_t n)
{
    int v = 0;

    for (size_t i = 0; i < n; i++) {
        int d = hex_value(p[i]);

        if (d < 0)
            return -1;
        v = v * 16 + d;
    }
    return v;
}

static bool fits_form(char c, char form)
{
    switch (form) {
    case 'd':
        return is_digit(c);
    case 'x':
        return hex_value(c) >= 0;
    default:
        return c == form;
    }
}

static bool in_range(const char *two, int low, int high)
{
    int v = (two[0] - '0') * 10 + (two[1] - '0');

    return v >= low && v <= high;
}

/* Month to second; a second of 60 is a leap second. */
static bool is_time(const char *p)
{
    return in_range(p + 4, 1, 12) && in_range(p + 6, 1, 31) && in_range(p + 8, 0, 23) && in_range(p + 10, 0, 59) &&
           in_range(p + 12, 0, 60);
}

bool csn_parse(struct slice text, struct csn *out)
{
    if (text.len != CSN_LEN)
        return false;
    for (size_t i = 0; i < CSN_LEN; i++) {
        char c = text.p[i];

        if (!fits_form(c, csn_form[i]))
            return false;
        /* slapd writes lower case; CSNs are compared by bytes, so another writer's A-F must not make one older. */
        out->text[i] = csn_form[i] == 'x' && c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    }
    out->text[CSN_LEN] = '\0';
    out->sid = (uint16_t)hex_number(out->text + CSN_SID_AT, SID_DIGITS);
    return is_time(out->text);
}

void csn_set_free(struct csn_set *s)
{
    free(s->csns);
    *s = (struct csn_set){ 0 };
}

void csn_set_copy(struct csn_set *to, const struct csn_set *from)
{
    struct csn_set copy = { 0 };

    csn_set_merge(&copy, from);
    csn_set_free(to);
    *to = copy;
}

/* Index of the first with this server ID or a higher one. */
static size_t find_sid(const struct csn_set *s, uint16_t sid)
{
    size_t low = 0, high = s->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (s->csns[middle].sid < sid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct csn *csn_of_sid(const struct csn_set *s, uint16_t sid)
{
    size_t i = find_sid(s, sid);

    return i < s->n && s->csns[i].sid == sid ? &s->csns[i] : NULL;
}

bool csn_set_add(struct csn_set *s, const struct csn *c)
{
    size_t i = find_sid(s, c->sid);

    if (i < s->n && s->csns[i].sid == c->sid) {
        if (memcmp(c->text, s->csns[i].text, CSN_LEN) <= 0)
            return false;
        s->csns[i] = *c;
        return true;
    }
    s->csns = mem_realloc(s->csns, (s->n + 1) * sizeof(*s->csns));
    memmove(s->csns + i + 1, s->csns + i, (s->n - i) * sizeof(*s->csns));
    s->csns[i] = *c;
    s->n++;
    return true;
}

bool csn_set_merge(struct csn_set *s, const struct csn_set *from)
{
    bool changed = false;

    for (size_t i = 0; i < from->n; i++)
        changed |= csn_set_add(s, &from->csns[i]);
    return changed;
}

bool csn_set_behind(const struct csn_set *s, const struct csn_set *other, uint16_t *sid)
{
    for (size_t i = 0; i < other->n; i++) {
        const struct csn *theirs = &other->csns[i];
        const struct csn *ours = csn_of_sid(s, theirs->sid);

        if (ours == NULL || memcmp(ours->text, theirs->text, CSN_LEN) < 0) {
            if (sid)
                *sid = theirs->sid;
            return true;
        }
    }
    return false;
}

void csn_set_format(const struct csn_set *s, struct buf *out)
{
    for (size_t i = 0; i < s->n; i++) {
        if (i > 0)
            buf_u8(out, ';');
        buf_add(out, s->csns[i].text, CSN_LEN);
    }
}

/* The CSNs of a list that is not empty, up to the first that is malformed: then false. */
static bool parse_csns(struct slice text, struct csn_set *s)
{
    for (;;) {
        struct csn c;

        if (text.len < CSN_LEN || !csn_parse((struct slice){ text.p, CSN_LEN }, &c))
            return false;
        csn_set_add(s, &c);
        if (text.len == CSN_LEN)
            return true;
        if (text.p[CSN_LEN] != ';')
            return false;
        text = (struct slice){ text.p + CSN_LEN + 1, text.len - CSN_LEN - 1 };
    }
}

bool csn_set_parse(struct slice text, struct csn_set *s)
{
    csn_set_free(s);
    if (text.len == 0 || parse_csns(text, s))
        return true;
    csn_set_free(s);
    return false;
}

void cookie_free(struct cookie *c)
{
    csn_set_free(&c->csns);
    buf_free(&c->opaque);
    *c = (struct cookie){ 0 };
}

static bool take_prefix(struct slice *s, const char *prefix)
{
    size_t n = strlen(prefix);

    if (s->len < n || memcmp(s->p, prefix, n) != 0)
        return false;
    *s = (struct slice){ s->p + n, s->len - n };
    return true;
}

/* The run up to the next comma, or to the end. */
static struct slice take_field(struct slice *s)
{
    const char *comma = s->len ? memchr(s->p, ',', s->len) : NULL;
    struct slice field = { s->p, comma ? (size_t)(comma - s->p) : s->len };

    *s = (struct slice){ s->p + field.len, s->len - field.len };
    return field;
}

static bool parse_rid(struct slice field, unsigned *rid)
{
    *rid = 0;
    if (field.len != RID_DIGITS)
        return false;
    for (size_t i = 0; i < field.len; i++) {
        if (!is_digit(field.p[i]))
            return false;
        *rid = *rid * 10 + (unsigned)(field.p[i] - '0');
    }
    return true;
}

/* OpenLDAP's form, after its "rid=". False if it is malformed; *csns must be freed in any case. */
static bool parse_openldap(struct slice s, unsigned *rid, struct csn_set *csns)
{
    struct csn deleted;

    if (!parse_rid(take_field(&s), rid))
        return false;
    if (take_prefix(&s, ",sid=")) {
        struct slice sid = take_field(&s);

        if (sid.len != SID_DIGITS || hex_number(sid.p, sid.len) < 0)
            return false;
    }
    if (take_prefix(&s, ",csn=")) {
        struct slice list = take_field(&s);

        if (list.len == 0 || !csn_set_parse(list, csns))
            return false;
    }
    /* Where a delete phase stands while it runs (ITS#8768). Sent back it changes nothing, so it is dropped. */
    if (take_prefix(&s, ",delcsn=") && !csn_parse(take_field(&s), &deleted))
        return false;
    return s.len == 0;
}

static bool take_openldap(struct cookie *c, unsigned rid, const struct csn_set *csns)
{
    bool changed = c->flavour != COOKIE_OPENLDAP || c->rid != rid;

    if (csns->n == 0)
        return false;
    c->flavour = COOKIE_OPENLDAP;
    c->rid = rid;
    buf_free(&c->opaque);
    return csn_set_merge(&c->csns, csns) || changed;
}

static bool take_opaque(struct cookie *c, struct slice received)
{
    if (c->flavour == COOKIE_OPAQUE && slice_eq(buf_slice(&c->opaque), received))
        return false;
    csn_set_free(&c->csns);
    c->flavour = COOKIE_OPAQUE;
    buf_reset(&c->opaque);
    buf_add_slice(&c->opaque, received);
    return true;
}

bool cookie_take(struct cookie *c, struct slice received, bool *malformed)
{
    struct slice rest = received;
    struct csn_set csns = { 0 };
    unsigned rid;
    bool whole, changed;

    *malformed = false;
    if (received.len == 0)
        return false;
    if (!take_prefix(&rest, "rid="))
        return take_opaque(c, received);
    whole = parse_openldap(rest, &rid, &csns);
    changed = whole && take_openldap(c, rid, &csns);
    *malformed = !whole;
    csn_set_free(&csns);
    return changed;
}

void cookie_format(const struct cookie *c, struct buf *out)
{
    switch (c->flavour) {
    case COOKIE_NONE:
        break;
    case COOKIE_OPENLDAP:
        buf_printf(out, "rid=%03u,csn=", c->rid);
        csn_set_format(&c->csns, out);
        break;
    case COOKIE_OPAQUE:
        buf_add_slice(out, buf_slice(&c->opaque));
        break;
    }
}
