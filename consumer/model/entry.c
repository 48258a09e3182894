#include "entry.h"

#include <stdbool.h>

/* Attribute names are ASCII (RFC 4512, 2.5): letters of two cases differ in one bit. */
static inline bool same_letter(char a, char b)
{
    return ((a ^ b) & ~0x20) == 0;
}

/* The name has to be the whole name, so "cn;lang-de" is no "cn". Values that come with options only are thereby as good
 * as absent: which language to prefer is nothing that a configuration can say yet. */
const struct entry_attr *entry_attr(const struct entry *e, const char *name)
{
    struct slice wanted = slice_of(name);

    for (uint32_t i = 0; i < e->n_attrs; i++) {
        const struct entry_attr *attr = &e->attrs[i];

        if (attr->name.len == wanted.len && wanted.len && same_letter(attr->name.p[0], wanted.p[0]) &&
            text_equal_nocase(attr->name, wanted))
            return attr;
    }
    return NULL;
}

struct slice entry_stamp(const struct entry *e)
{
    static const char *const names[] = { "entryCSN", "modifyTimestamp" };

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const struct entry_attr *attr = entry_attr(e, names[i]);

        if (attr && attr->n_values)
            return attr->values[0];
    }
    return (struct slice){ "", 0 };
}

/* Where the first '#' of a CSN stands; the length for a time stamp, which has none. */
static size_t time_length(struct slice stamp)
{
    const char *end = stamp.len ? memchr(stamp.p, '#', stamp.len) : NULL;

    return end ? (size_t)(end - stamp.p) : stamp.len;
}

/* Of one form: as long, and with a time as long. A time with a fraction and one without do not compare by bytes
 * ("…55Z" is behind "…55.5Z"), and to take in content that may be old is better than to lose some that is new. */
bool stamp_older(struct slice a, struct slice b)
{
    return a.len && a.len == b.len && time_length(a) == time_length(b) && slice_cmp(a, b) < 0;
}
