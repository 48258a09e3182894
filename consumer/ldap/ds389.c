#include "ds389.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rootdse.h"

#define FIRST "firstChangeNumber"
#define LAST "lastChangeNumber"
#define NUMBER_DIGITS 18   /* what fits into 64 bits for certain */

bool ds389_is_it(const struct entry *root)
{
    const struct entry_attr *vendor = root ? entry_attr(root, DS389_VENDOR) : NULL;

    return vendor && vendor->n_values > 0 && slice_eq(vendor->values[0], slice_of("389 Project"));
}

/* ---- the key ------------------------------------------------------------------------------------------------ */

/* Where a UUID's text has hyphens and nsUniqueId has none, or the other way round: "8-8-8-8" against "8-4-4-4-12". */
bool ds389_key_parse(struct slice text, uint8_t uuid[UUID_BYTES])
{
    const char *p = text.p;
    char form[UUID_TEXT];

    if (text.len != DS389_KEY_TEXT - 1 || p[8] != '-' || p[17] != '-' || p[26] != '-')
        return false;
    snprintf(form, sizeof(form), "%.8s-%.4s-%.4s-%.4s-%.4s%.8s", p, p + 9, p + 13, p + 18, p + 22, p + 27);
    return uuid_parse(slice_of(form), uuid);
}

char *ds389_key_format(const uint8_t uuid[UUID_BYTES], char *out)
{
    char text[UUID_TEXT];

    uuid_format(uuid, text);
    snprintf(out, DS389_KEY_TEXT, "%.8s-%.4s%.4s-%.4s%.4s-%.8s", text, text + 9, text + 14, text + 19, text + 24, text + 28);
    return out;
}

/* ---- the cookie --------------------------------------------------------------------------------------------- */

/* Filter and DNs may have '#' in them, so the number stands behind the last one. */
static const char *number_of(struct slice cookie)
{
    const char *first = cookie.len ? memchr(cookie.p, '#', cookie.len) : NULL;
    const char *last = cookie.len ? memrchr(cookie.p, '#', cookie.len) : NULL;

    if (first == NULL || first == last || memchr(cookie.p, ':', (size_t)(first - cookie.p)) == NULL)
        return NULL;
    return last + 1;
}

bool ds389_is_cookie(struct slice cookie)
{
    return number_of(cookie) != NULL;
}

bool ds389_cookie_number(struct slice cookie, int64_t *number)
{
    const char *p = number_of(cookie);
    size_t n = p ? (size_t)(cookie.p + cookie.len - p) : 0;

    if (n == 0 || n > NUMBER_DIGITS)
        return false;
    *number = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)p[i]))
            return false;
        *number = *number * 10 + (p[i] - '0');
    }
    return true;
}

/* ---- the changelog ------------------------------------------------------------------------------------------ */

static int read_number(struct directory *d, const char *attribute, int64_t *number, struct err *e)
{
    struct buf text = { 0 };
    int rc = rootdse_value(d, "", attribute, &text, e);

    *number = text.len > 0 && text.len <= NUMBER_DIGITS ? strtoll(buf_str(&text), NULL, 10) : 0;
    buf_free(&text);
    return rc;
}

int ds389_standing(struct directory *d, struct sync_msg *m, struct err *e)
{
    int rc = read_number(d, FIRST, &m->first_change, e);

    return rc == LDAP_SUCCESS ? read_number(d, LAST, &m->last_change, e) : rc;
}

bool ds389_is_trimmed(const char *cookie, int64_t first_change)
{
    int64_t number;

    return ds389_cookie_number(slice_of(cookie), &number) && number + 1 < first_change;
}

/* ---- messages ----------------------------------------------------------------------------------------------- */

void ds389_judge(const struct phase_state *state, enum phase before, struct sync_msg *m)
{
    bool resumed = state->had_cookie && before != PHASE_OF_PERSIST;
    int64_t number;

    if (m->effect & EFFECT_COOKIE && ds389_is_cookie(m->cookie) && !ds389_cookie_number(m->cookie, &number))
        m->effect &= ~(unsigned)EFFECT_COOKIE;
    if (!resumed)
        return;
    m->effect &= ~(unsigned)EFFECT_ABSENT;
    if (m->effect & EFFECT_CONTENT)
        m->effect |= EFFECT_AGAIN;
    if (m->effect & EFFECT_COMPLETE)
        m->effect |= EFFECT_PART;
}
