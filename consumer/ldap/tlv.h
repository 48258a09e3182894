/* One BER element after the other, for the hot path: a first load takes about 60 of them per entry. decode.c, which sees one small
 * value per message, uses liblber. */
#ifndef LDAP_TLV_H
#define LDAP_TLV_H

#include "slice.h"

#define TLV_BOOLEAN 0x01
#define TLV_OCTETS 0x04
#define TLV_ENUM 0x0A
#define TLV_SEQUENCE 0x30
#define TLV_SET 0x31

/* Takes the length off *rest: 0 to 127, or 1 to 4 bytes of it. LDAP knows no indefinite form (RFC 4511, section 5.1). */
static inline bool tlv_length(struct slice *rest, size_t *length)
{
    unsigned char first;
    size_t n, v = 0;

    if (rest->len == 0)
        return false;
    first = (unsigned char)rest->p[0];
    n = first < 0x80 ? 0 : first & 0x7F;
    if (first == 0x80 || n > 4 || rest->len - 1 < n)
        return false;
    for (size_t i = 1; i <= n; i++)
        v = v << 8 | (unsigned char)rest->p[i];
    *length = n ? v : first;
    *rest = (struct slice){ rest->p + 1 + n, rest->len - 1 - n };
    return true;
}

/* Takes the first element off *rest if it is whole and has that tag; false leaves *rest undefined. */
static inline bool tlv_take(struct slice *rest, unsigned char tag, struct slice *content)
{
    size_t length;

    if (rest->len == 0 || (unsigned char)rest->p[0] != tag)
        return false;
    *rest = (struct slice){ rest->p + 1, rest->len - 1 };
    if (!tlv_length(rest, &length) || length > rest->len)
        return false;
    *content = (struct slice){ rest->p, length };
    *rest = (struct slice){ rest->p + length, rest->len - length };
    return true;
}

static inline bool tlv_is(struct slice rest, unsigned char tag)
{
    return rest.len > 0 && (unsigned char)rest.p[0] == tag;
}

#endif
