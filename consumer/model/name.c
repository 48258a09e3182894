#include "name.h"

#include "convert.h"

#define ADDRESS_MAX 320   /* RFC 3696, 3: 64 of the local part, "@", 255 of the domain */

struct slice name_domain(struct slice address)
{
    const char *at = address.len ? memchr(address.p, '@', address.len) : NULL;

    return at ? slice_make(at + 1, address.len - (size_t)(at + 1 - address.p)) : (struct slice){ "", 0 };
}

/* Why no address can hold these characters, or NULL; *at_place then is where the "@" stands, s.len if nowhere. */
static const char *unusable(struct slice s, size_t *at_place)
{
    size_t length;

    *at_place = s.len;
    if (s.len == 0)
        return "is empty";
    for (size_t i = 0; i < s.len; i += length) {
        switch (convert_char_at(s.p + i, s.len - i, &length)) {
        case CHAR_BLANK:
            return "has blanks inside";
        case CHAR_CONTROL:
            return "has control characters";
        case CHAR_NOT_UTF8:
            return "is not valid UTF-8";
        case CHAR_PLAIN:
            break;
        }
        if (s.p[i] == '@') {
            if (*at_place < s.len)
                return "has more than one \"@\"";
            *at_place = i;
        }
    }
    return NULL;
}

static void lower_case(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] | 0x20);
}

static struct slice join(struct slice local, struct slice domain, struct arena *a)
{
    size_t n = local.len + 1 + domain.len;
    char *p = arena_alloc(a, n + 1);

    memcpy(p, local.p, local.len);
    p[local.len] = '@';
    memcpy(p + local.len + 1, domain.p, domain.len);
    lower_case(p, n);
    return slice_make(p, n);
}

/* Why the two make no address, or NULL. */
static const char *no_pair(struct slice local, struct slice domain, bool has_at)
{
    if (local.len == 0)
        return "has nothing before its \"@\"";
    if (domain.len == 0)
        return has_at ? "has nothing after its \"@\"" : "needs a domain, and none is configured";
    return local.len + 1 + domain.len > ADDRESS_MAX ? "is longer than 320 bytes" : NULL;
}

bool name_address(struct slice value, bool whole, struct slice domain, struct arena *a, struct slice *address,
                  const char **reason)
{
    struct slice local = convert_trim(value);
    size_t at_place;
    bool has_domain;

    *reason = unusable(local, &at_place);
    if (*reason)
        return false;
    has_domain = whole && at_place < local.len;
    if (has_domain)
        domain = slice_make(local.p + at_place + 1, local.len - at_place - 1);
    local.len = at_place;
    *reason = no_pair(local, domain, has_domain);
    if (*reason)
        return false;
    *address = join(local, domain, a);
    return true;
}

bool mapping_address(const struct mapping *m, struct slice value, struct arena *a, struct slice *address,
                     const char **reason)
{
    return name_address(value, m->name_is_whole_address, slice_of(m->domain), a, address, reason);
}

/* Says of the first value what is wrong with it. */
static struct slice why_none(const struct mapping *m, const struct entry_attr *attr, const char *why, struct arena *a)
{
    if (attr == NULL || attr->n_values == 0)
        return convert_text(a, "it has no %s", m->name_attribute);
    return convert_text(a, "its %s \"%.*s\" %s", m->name_attribute, SLICE_ARG(convert_excerpt(attr->values[0])), why);
}

bool name_choose(const struct mapping *m, const struct entry *e, const struct object *told, struct arena *a,
                 struct slice *address, struct slice *reason)
{
    const struct entry_attr *attr = entry_attr(e, m->name_attribute);
    const char *first_why = NULL;

    *address = (struct slice){ "", 0 };
    for (uint32_t i = 0; attr && i < attr->n_values; i++) {
        struct slice candidate;
        const char *why;

        if (!mapping_address(m, attr->values[i], a, &candidate, &why)) {
            first_why = first_why ? first_why : why;
            continue;
        }
        if (address->len == 0 || slice_cmp(candidate, *address) < 0)
            *address = candidate;
        if (told && slice_eq(candidate, told->address)) {
            *address = candidate;
            return true;
        }
    }
    if (address->len == 0)
        *reason = why_none(m, attr, first_why, a);
    return address->len > 0;
}

struct slice mapping_parking_address(const uint8_t uuid[UUID_BYTES], struct slice address, struct arena *a)
{
    char text[UUID_TEXT], local[sizeof("axsync-") + UUID_TEXT];

    strcpy(stpcpy(local, "axsync-"), uuid_format(uuid, text));
    return join(slice_of(local), name_domain(address), a);
}
