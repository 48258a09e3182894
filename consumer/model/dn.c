#include "dn.h"

#include <stdlib.h>

#include "text.h"

#define PARTS_MAX 16   /* of one RDN; nobody has more than a few */

/* The first name of a line is the canonical one; then what else means the same. */
static const char *const types[][4] = {
    { "cn", "2.5.4.3", "commonname" },
    { "sn", "2.5.4.4", "surname" },
    { "serialnumber", "2.5.4.5" },
    { "c", "2.5.4.6", "countryname" },
    { "l", "2.5.4.7", "localityname" },
    { "st", "2.5.4.8", "stateorprovincename" },
    { "street", "2.5.4.9", "streetaddress" },
    { "o", "2.5.4.10", "organizationname" },
    { "ou", "2.5.4.11", "organizationalunitname" },
    { "title", "2.5.4.12" },
    { "givenname", "2.5.4.42", "gn" },
    { "initials", "2.5.4.43" },
    { "generationqualifier", "2.5.4.44" },
    { "dnqualifier", "2.5.4.46" },
    { "uid", "0.9.2342.19200300.100.1.1", "userid" },
    { "mail", "0.9.2342.19200300.100.1.3", "rfc822mailbox" },
    { "dc", "0.9.2342.19200300.100.1.25", "domaincomponent" },
    { "email", "1.2.840.113549.1.9.1", "emailaddress", "pkcs9email" },
    { "uidnumber", "1.3.6.1.1.1.1.0" },
    { "gidnumber", "1.3.6.1.1.1.1.1" },
    { "employeenumber", "2.16.840.1.113730.3.1.3" },
    { "displayname", "2.16.840.1.113730.3.1.241" },
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_separator(char c)
{
    return c == ',' || c == ';' || c == '+';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static struct slice skip(struct slice s, size_t n)
{
    return slice_make(s.p + n, s.len - n);
}

static struct slice skip_spaces(struct slice s)
{
    while (s.len && is_space(*s.p))
        s = skip(s, 1);
    return s;
}

static struct slice cut_spaces(struct slice s)
{
    s = skip_spaces(s);
    while (s.len && is_space(s.p[s.len - 1]))
        s.len--;
    return s;
}

/* One `type=value` off the front of *rest, which then begins at the separator. The value is still escaped, without the
 * spaces before it; in quotes with them. False if there is none. */
static bool take_part(struct slice *rest, struct slice *type, struct slice *value)
{
    struct slice s = skip_spaces(*rest);
    const char *equals = s.len ? memchr(s.p, '=', s.len) : NULL;
    bool quoted;
    size_t n = 0;

    if (equals == NULL)
        return false;
    *type = cut_spaces(slice_make(s.p, (size_t)(equals - s.p)));
    s = skip_spaces(skip(s, (size_t)(equals - s.p) + 1));
    quoted = s.len && *s.p == '"';
    if (quoted)
        n = 1;
    while (n < s.len && (quoted || !is_separator(s.p[n]))) {
        if (quoted && s.p[n] == '"')
            quoted = false;
        n += s.p[n] == '\\' ? 2 : 1;
    }
    if (quoted || n > s.len)
        return false;
    *value = slice_make(s.p, n);
    *rest = skip(s, n);
    return true;
}

/* Where the first RDN ends: at a "," or at the end. *broken if that is no RDN. */
static size_t rdn_length(struct slice dn, bool *broken)
{
    struct slice rest = dn, type, value;

    do {
        if (!take_part(&rest, &type, &value)) {
            *broken = true;
            return dn.len;
        }
        if (rest.len == 0 || *rest.p != '+')
            break;
        rest = skip(rest, 1);
    } while (true);
    *broken = false;
    return dn.len - rest.len;
}

static bool add_type(struct slice type, struct buf *out)
{
    size_t start = out->len;

    if (type.len > 4 && text_equal_nocase(slice_make(type.p, 4), slice_of("oid.")) && is_digit(type.p[4]))
        type = skip(type, 4);
    if (type.len == 0)
        return false;
    for (size_t i = 0; i < type.len; i++) {
        char c = lower(type.p[i]);

        if (!((c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.')) {
            out->len = start;
            return false;
        }
        buf_u8(out, (uint8_t)c);
    }
    type = slice_make(out->p + start, out->len - start);
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        for (size_t k = 1; k < 4 && types[i][k]; k++)
            if (slice_eq(type, slice_of(types[i][k]))) {
                out->len = start;
                buf_puts(out, types[i][0]);
                return true;
            }
    return true;
}

/* What follows a backslash, as one byte; how many bytes that took, 0 if it is none of RFC 4514's. */
static size_t unescape(struct slice s, char *byte)
{
    int high = hex_digit(s.p[0]), low = s.len > 1 ? hex_digit(s.p[1]) : -1;

    if (high >= 0) {
        *byte = (char)(high * 16 + low);
        return low >= 0 ? 2 : 0;
    }
    *byte = s.p[0];
    return strchr(" \"#+,;<=>\\", s.p[0]) && s.p[0] ? 1 : 0;
}

static bool read_string(struct slice s, struct buf *bytes)
{
    bool quoted = s.len && *s.p == '"';

    for (size_t i = quoted; i < s.len; i++) {
        char c = s.p[i];

        if (quoted && c == '"')
            return skip_spaces(skip(s, i + 1)).len == 0;
        if (c == '\\') {
            size_t n = i + 1 < s.len ? unescape(skip(s, i + 1), &c) : 0;

            if (n == 0)
                return false;
            i += n;
        }
        buf_u8(bytes, (uint8_t)c);
    }
    return true;
}

/* The contents of a BER string (X.690: tag, length in one or more bytes, contents), or false: some other type. */
static bool ber_string(struct slice ber, struct slice *contents)
{
    static const char string_tags[] = { 0x04, 0x0c, 0x13, 0x14, 0x16 };   /* OCTET, UTF8, Printable, T61, IA5 */
    size_t head = 2, length;

    if (ber.len < 2 || memchr(string_tags, ber.p[0], sizeof(string_tags)) == NULL)
        return false;
    length = (uint8_t)ber.p[1];
    if (length >= 0x80) {
        size_t n = length & 0x7f;

        if (n == 0 || n > 4 || ber.len < 2 + n)
            return false;
        length = 0;
        for (size_t i = 0; i < n; i++)
            length = length << 8 | (uint8_t)ber.p[2 + i];
        head += n;
    }
    *contents = skip(ber, head);
    return contents->len == length;
}

/* The lower case of a letter of two bytes in UTF-8: Latin-1, Latin Extended-A, Greek, Cyrillic. Case pairs of these have
 * never changed in Unicode. */
static unsigned fold(unsigned c)
{
    if ((c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3ab && c != 0x3a2) || (c >= 0x410 && c <= 0x42f))
        return c + 0x20;
    if (c >= 0x400 && c <= 0x40f)
        return c + 0x50;
    switch (c) {
    case 0x178:
        return 0xff;
    case 0x386:   /* Greek with accents */
        return 0x3ac;
    case 0x388: case 0x389: case 0x38a:
        return c + 37;
    case 0x38c:
        return 0x3cc;
    case 0x38e: case 0x38f:
        return c + 63;
    case 0x3c2:   /* the sigma at a word's end */
        return 0x3c3;
    default:
        break;
    }
    if ((c >= 0x100 && c <= 0x12f) || (c >= 0x132 && c <= 0x137) || (c >= 0x14a && c <= 0x177))
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
        return c + (c & 1);
    return c;
}

static void add_byte(struct buf *out, char c, bool first)
{
    static const char special[] = "\"+,;<>\\";

    if ((unsigned char)c < 0x20 || c == 0x7f || strchr(special, c) || (first && c == '#'))
        buf_printf(out, "\\%02x", (unsigned char)c);
    else
        buf_u8(out, (uint8_t)c);
}

static void add_value(struct slice value, struct buf *out)
{
    bool first = true;

    value = cut_spaces(value);
    while (value.len) {
        unsigned char c = (unsigned char)value.p[0];
        size_t n = 1;

        if (is_space(value.p[0])) {
            value = skip_spaces(value);
            buf_u8(out, ' ');
            continue;
        }
        if (c >= 0xc0 && c < 0xe0 && utf8_length(value.p, value.len) == 2) {
            unsigned folded = fold((c & 0x1fu) << 6 | ((unsigned char)value.p[1] & 0x3fu));

            n = 2;
            buf_u8(out, (uint8_t)(0xc0 | folded >> 6));
            buf_u8(out, (uint8_t)(0x80 | (folded & 0x3f)));
        } else {
            add_byte(out, lower(value.p[0]), first);
        }
        first = false;
        value = skip(value, n);
    }
}

/* `#hex`. What is not a string stays as hex, and compares as such. */
static bool add_hex(struct slice s, struct buf *bytes, struct buf *out)
{
    struct slice contents;

    s = cut_spaces(skip(s, 1));
    if (s.len == 0 || s.len % 2)
        return false;
    for (size_t i = 0; i < s.len; i += 2) {
        int high = hex_digit(s.p[i]), low = hex_digit(s.p[i + 1]);

        if (high < 0 || low < 0)
            return false;
        buf_u8(bytes, (uint8_t)(high * 16 + low));
    }
    if (ber_string(buf_slice(bytes), &contents)) {
        add_value(contents, out);
        return true;
    }
    buf_u8(out, '#');
    for (size_t i = 0; i < s.len; i++)
        buf_u8(out, (uint8_t)lower(s.p[i]));
    return true;
}

/* One part in canonical form; bytes is for use inside. */
static bool add_part(struct slice type, struct slice value, struct buf *bytes, struct buf *out)
{
    buf_reset(bytes);
    if (!add_type(type, out))
        return false;
    buf_u8(out, '=');
    if (value.len && *value.p == '#')
        return add_hex(value, bytes, out);
    if (!read_string(value, bytes))
        return false;
    add_value(buf_slice(bytes), out);
    return true;
}

static int compare_parts(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* The n parts that stand in out from start on, each begun at its offset, in order and with "+" between them. */
static void join_parts(size_t start, const size_t *offsets, size_t n, struct buf *bytes, struct buf *out)
{
    struct slice parts[PARTS_MAX];

    if (n == 1)
        return;
    buf_reset(bytes);
    buf_add(bytes, out->p + start, out->len - start);
    for (size_t i = 0; i < n; i++)
        parts[i] = slice_make(bytes->p + offsets[i] - start, (i + 1 < n ? offsets[i + 1] : out->len) - offsets[i]);
    qsort(parts, n, sizeof(*parts), compare_parts);
    out->len = start;
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_u8(out, '+');
        buf_add_slice(out, parts[i]);
    }
}

static bool add_rdn(struct slice *rest, struct buf *bytes, struct buf *out)
{
    size_t offsets[PARTS_MAX], n = 0, start = out->len;
    struct slice type, value;

    do {
        if (n == PARTS_MAX || !take_part(rest, &type, &value))
            return false;
        offsets[n++] = out->len;
        if (!add_part(type, value, bytes, out))
            return false;
        if (rest->len == 0 || *rest->p != '+')
            break;
        *rest = skip(*rest, 1);
    } while (true);
    join_parts(start, offsets, n, bytes, out);
    return true;
}

bool dn_normalise(struct slice text, struct buf *out)
{
    size_t start = out->len;
    struct buf bytes = { 0 };
    struct slice rest = cut_spaces(text);
    bool whole = true, more = rest.len > 0;

    /* A space at the end may be the second half of an escape: "\ ". */
    rest = slice_make(rest.p, text.len - (size_t)(rest.p - text.p));
    while (whole && more) {
        whole = add_rdn(&rest, &bytes, out);
        more = whole && rest.len > 0;
        if (more) {
            rest = skip(rest, 1);
            buf_u8(out, ',');
        }
    }
    if (!whole)
        out->len = start;
    buf_free(&bytes);
    return whole;
}

bool dn_same(struct slice a, struct slice b)
{
    struct buf one = { 0 }, other = { 0 };
    bool same = slice_eq(a, b) ||
                (dn_normalise(a, &one) && dn_normalise(b, &other) && slice_eq(buf_slice(&one), buf_slice(&other)));

    buf_free(&one);
    buf_free(&other);
    return same;
}

bool dn_key(struct slice text, struct buf *out)
{
    size_t start = out->len, kept = DN_KEY_MAX - 17;
    struct slice all;

    if (!dn_normalise(text, out))
        return false;
    all = slice_make(out->p + start, out->len - start);
    if (all.len > DN_KEY_MAX) {
        uint64_t hash = hash64(all);

        out->len = start + kept;
        buf_printf(out, "#%016llx", (unsigned long long)hash);
    }
    return true;
}

struct slice dn_rdn(struct slice dn)
{
    bool broken;

    return slice_make(dn.p, rdn_length(dn, &broken));
}

struct slice dn_parent(struct slice dn)
{
    bool broken;
    size_t n = rdn_length(dn, &broken);

    return broken || n == dn.len ? (struct slice){ "", 0 } : skip_spaces(skip(dn, n + 1));
}

size_t dn_depth(struct slice dn)
{
    size_t depth = 0;
    bool broken;

    while (dn.len) {
        rdn_length(dn, &broken);
        if (broken)
            break;
        depth++;
        dn = dn_parent(dn);
    }
    return depth;
}

bool dn_within(struct slice dn, struct slice base)
{
    if (base.len == 0)
        return true;
    if (dn.len < base.len || !slice_eq(skip(dn, dn.len - base.len), base))
        return false;
    return dn.len == base.len || dn.p[dn.len - base.len - 1] == ',';
}

static bool same(struct slice a, struct slice b)
{
    struct buf one = { 0 }, other = { 0 };
    bool equal = dn_normalise(a, &one) && dn_normalise(b, &other) && slice_eq(buf_slice(&one), buf_slice(&other));

    buf_free(&one);
    buf_free(&other);
    return equal;
}

bool dn_move(struct slice dn, struct slice old_base, struct slice new_base, struct buf *out)
{
    size_t depth = dn_depth(dn), below = dn_depth(old_base);
    struct slice rest = dn, kept = { dn.p, 0 };

    if (depth < below)
        return false;
    for (size_t i = below; i < depth; i++) {
        struct slice rdn = dn_rdn(rest);

        kept.len = (size_t)(rdn.p + rdn.len - dn.p);
        rest = dn_parent(rest);
    }
    if (!same(rest, old_base))
        return false;
    new_base = skip_spaces(new_base);
    buf_add_slice(out, kept);
    if (kept.len && new_base.len)
        buf_u8(out, ',');
    buf_add_slice(out, new_base);
    return true;
}

struct slice dn_without_uid(struct slice value)
{
    size_t n = value.len;

    if (n < 4 || value.p[n - 1] != 'B' || value.p[n - 2] != '\'')
        return value;
    n -= 2;
    while (n && (value.p[n - 1] == '0' || value.p[n - 1] == '1'))
        n--;
    if (n < 2 || value.p[n - 1] != '\'' || value.p[n - 2] != '#')
        return value;
    return slice_make(value.p, n - 2);
}
