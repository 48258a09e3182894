/* The stored form of an object.
 *
 *     byte     version, 1
 *     records  tag (1 byte), length (varint), that many bytes; in the order of the tags
 *
 *     tag 1  uuid, 16 bytes
 *     tag 2  kind and state, 1 byte each, as numbered in object.h
 *     tag 3  address
 *     tag 4  stamp
 *     tag 5  dn
 *     tag 6  a field of field.def: its number (1 byte), its value
 *     tag 7  a field that only the configuration names: length of its name (1 byte), its name, its value
 *     tag 8  aliases: how many (varint), then of each its length (varint) and its bytes
 *
 * A varint is LEB128: 7 bits a byte, low ones first, the top bit says that more follow. What is empty has no record.
 * 6 and 7 repeat, ascending by field name. Unknown tags are skipped, so a later version may add some under the same
 * version byte; a field number that is unknown is damage, since to skip it would forget what was told. What is read by
 * peeks comes first.
 *
 * account 8a2f1b60-0c1d-4e5f-9a3b-112233445566, mirrored, ann@example.com, "uid=ann,dc=example", stamp
 * "20261124074955Z", contactInfo.firstName "Ann", alias a@example.com:
 *
 *     01
 *     01 10 8a2f1b600c1d4e5f9a3b112233445566
 *     02 02 00 00
 *     03 0f 616e6e406578616d706c652e636f6d
 *     04 0f 32303236313132343037343935355a
 *     05 12 7569643d616e6e2c64633d6578616d706c65
 *     06 04 02 416e6e
 *     08 0f 01 0d 61406578616d706c652e636f6d
 */
#include "object.h"

#define VERSION 1

enum tag { TAG_UUID = 1, TAG_WHAT, TAG_ADDRESS, TAG_STAMP, TAG_DN, TAG_FIELD, TAG_NAMED_FIELD, TAG_ALIASES };

#define VARINT_MAX 5                    /* bytes of a 32-bit length */
#define HEAD_MAX (1 + VARINT_MAX)       /* tag and length */

const char *object_kind_name(enum object_kind kind)
{
    return kind == OBJECT_GROUP ? "group" : "account";
}

/* ---- writing: into room that was reserved once, since each object is written a million times in a first load ---- */

static char *put_varint(char *p, size_t v)
{
    for (; v >= 0x80; v >>= 7)
        *p++ = (char)(v | 0x80);
    *p++ = (char)v;
    return p;
}

static char *put_raw(char *p, struct slice s)
{
    return s.len ? (char *)memcpy(p, s.p, s.len) + s.len : p;
}

static char *put_head(char *p, enum tag tag, size_t len)
{
    *p++ = (char)tag;
    return put_varint(p, len);
}

static char *put_record(char *p, enum tag tag, struct slice s)
{
    return s.len ? put_raw(put_head(p, tag, s.len), s) : p;
}

static char *put_field(char *p, const struct object_field *f)
{
    struct slice name;

    if (field_is_known(f->field)) {
        p = put_head(p, TAG_FIELD, 1 + f->value.len);
        *p++ = (char)f->field;
        return put_raw(p, f->value);
    }
    name = slice_of(field_name(f->field));
    p = put_head(p, TAG_NAMED_FIELD, 1 + name.len + f->value.len);
    *p++ = (char)name.len;
    return put_raw(put_raw(p, name), f->value);
}

static size_t aliases_length(const struct object *o)
{
    size_t n = 0;
    char scratch[VARINT_MAX];

    for (uint32_t i = 0; i < o->n_aliases; i++)
        n += (size_t)(put_varint(scratch, o->aliases[i].len) - scratch) + o->aliases[i].len;
    return n + (size_t)(put_varint(scratch, o->n_aliases) - scratch);
}

static char *put_aliases(char *p, const struct object *o)
{
    if (o->n_aliases == 0)
        return p;
    p = put_head(p, TAG_ALIASES, aliases_length(o));
    p = put_varint(p, o->n_aliases);
    for (uint32_t i = 0; i < o->n_aliases; i++)
        p = put_raw(put_varint(p, o->aliases[i].len), o->aliases[i]);
    return p;
}

/* Not less than what object_encode() writes. */
static size_t room_for(const struct object *o)
{
    size_t n = 1 + 5 * HEAD_MAX + UUID_BYTES + 2 + o->address.len + o->stamp.len + o->dn.len + HEAD_MAX + VARINT_MAX;

    for (uint32_t i = 0; i < o->n_fields; i++)
        n += HEAD_MAX + 1 + FIELD_NAME_MAX + o->fields[i].value.len;
    for (uint32_t i = 0; i < o->n_aliases; i++)
        n += VARINT_MAX + o->aliases[i].len;
    return n;
}

void object_encode(const struct object *o, struct buf *out)
{
    char *start = buf_room(out, room_for(o));
    char *p = start;

    *p++ = VERSION;
    p = put_record(p, TAG_UUID, slice_make(o->uuid, UUID_BYTES));
    p = put_head(p, TAG_WHAT, 2);
    *p++ = (char)o->kind;
    *p++ = (char)o->state;
    p = put_record(p, TAG_ADDRESS, o->address);
    p = put_record(p, TAG_STAMP, o->stamp);
    p = put_record(p, TAG_DN, o->dn);
    for (uint32_t i = 0; i < o->n_fields; i++)
        p = put_field(p, &o->fields[i]);
    p = put_aliases(p, o);
    out->len += (size_t)(p - start);
}

/* ---- reading ---- */

/* 0 and bad past the end or where the number has more than 32 bits. */
static inline uint32_t take_varint(struct reader *r)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 7 * VARINT_MAX && r->left; shift += 7) {
        unsigned char c = (unsigned char)*r->p;

        r->p++;
        r->left--;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            r->bad |= v > UINT32_MAX;
            return r->bad ? 0 : (uint32_t)v;
        }
    }
    r->bad = true;
    return 0;
}

static inline struct slice take_raw(struct reader *r, size_t n)
{
    struct slice s = { r->p, n };

    if (r->bad || n > r->left) {
        r->bad = true;
        return (struct slice){ "", 0 };
    }
    r->p += n;
    r->left -= n;
    return s;
}

static inline unsigned take_byte(struct reader *r)
{
    struct slice s = take_raw(r, 1);

    return s.len ? (unsigned char)*s.p : 0;
}

/* The next record; false at the end and where the bytes are damaged. */
static inline bool next_record(struct reader *r, unsigned *tag, struct slice *bytes)
{
    if (r->left == 0 || r->bad)
        return false;
    *tag = take_byte(r);
    *bytes = take_raw(r, take_varint(r));
    return !r->bad;
}

static int decode_what(struct object *o, struct slice s)
{
    if (s.len != 2 || (unsigned char)s.p[0] >= OBJECT_KINDS || (unsigned char)s.p[1] > OBJECT_GONE)
        return -1;
    o->kind = (enum object_kind)s.p[0];
    o->state = (enum object_state)s.p[1];
    return 0;
}

static int decode_field(struct object *o, bool named, struct slice s)
{
    struct reader r = reader_of(s);
    unsigned n = take_byte(&r);
    field_id field = named ? field_intern(take_raw(&r, n)) : (field_id)n;
    struct slice value = take_raw(&r, r.left);

    if (r.bad || value.len == 0 || o->n_fields == OBJECT_MAX_FIELDS || field == FIELD_ALIASES)
        return -1;
    if (named ? field == FIELD_NONE : !field_is_known(field))
        return -1;
    if (o->n_fields && field_compare(o->fields[o->n_fields - 1].field, field) >= 0)
        return -1;
    o->fields[o->n_fields++] = (struct object_field){ field, value };
    return 0;
}

static int decode_aliases(struct object *o, struct slice s, struct arena *a)
{
    struct reader r = reader_of(s);
    uint32_t n = take_varint(&r);

    /* Each takes two bytes at least: that bounds what a damaged number can make us allocate. */
    if (r.bad || n == 0 || n > r.left / 2 || o->n_aliases)
        return -1;
    o->aliases = arena_alloc(a, n * sizeof(*o->aliases));
    for (uint32_t i = 0; i < n; i++) {
        o->aliases[i] = take_raw(&r, take_varint(&r));
        if (o->aliases[i].len == 0 || (i && slice_cmp(o->aliases[i - 1], o->aliases[i]) >= 0))
            return -1;
    }
    o->n_aliases = n;
    return r.left == 0 ? 0 : -1;
}

static int decode_record(struct object *o, unsigned tag, struct slice s, struct arena *a)
{
    switch (tag) {
    case TAG_UUID:
        if (s.len != UUID_BYTES)
            return -1;
        memcpy(o->uuid, s.p, UUID_BYTES);
        return 0;
    case TAG_WHAT:
        return decode_what(o, s);
    case TAG_ADDRESS:
        o->address = s;
        return 0;
    case TAG_STAMP:
        o->stamp = s;
        return 0;
    case TAG_DN:
        o->dn = s;
        return 0;
    case TAG_FIELD:
    case TAG_NAMED_FIELD:
        return decode_field(o, tag == TAG_NAMED_FIELD, s);
    case TAG_ALIASES:
        return decode_aliases(o, s, a);
    default:
        return 0;
    }
}

/* All but the fields themselves: to zero 3 KiB of them for each object would cost more than to decode it. */
static void clear_object(struct object *o)
{
    const struct slice empty = { "", 0 };

    memset(o->uuid, 0, UUID_BYTES);
    o->kind = OBJECT_ACCOUNT;
    o->state = OBJECT_MIRRORED;
    o->dn = o->address = o->stamp = empty;
    o->n_fields = o->n_aliases = 0;
    o->aliases = NULL;
}

int object_decode(struct slice bytes, struct object *o, struct arena *a)
{
    struct reader r = reader_of(bytes);
    struct slice record;
    unsigned tag, seen = 0;

    clear_object(o);
    if (take_byte(&r) != VERSION)
        return -1;
    while (next_record(&r, &tag, &record)) {
        if (decode_record(o, tag, record, a) != 0)
            return -1;
        seen |= tag <= TAG_WHAT ? 1u << tag : 0;
    }
    return r.bad || seen != (1u << TAG_UUID | 1u << TAG_WHAT) ? -1 : 0;
}

static struct slice peek(struct slice bytes, enum tag wanted)
{
    struct reader r = reader_of(bytes);
    struct slice record;
    unsigned tag;

    if (take_byte(&r) == VERSION)
        while (next_record(&r, &tag, &record))
            if (tag == wanted)
                return record;
    return (struct slice){ "", 0 };
}

struct slice object_peek_address(struct slice bytes)
{
    return peek(bytes, TAG_ADDRESS);
}

struct slice object_peek_uuid(struct slice bytes)
{
    struct slice uuid = peek(bytes, TAG_UUID);

    return uuid.len == UUID_BYTES ? uuid : (struct slice){ "", 0 };
}

struct slice object_peek_stamp(struct slice bytes)
{
    return peek(bytes, TAG_STAMP);
}

/* ---- fields ---- */

/* Where the field stands, or where it would. */
static uint32_t field_place(const struct object *o, field_id field)
{
    uint32_t low = 0, high = o->n_fields;

    if (high && field_compare(o->fields[high - 1].field, field) < 0)
        return high;   /* they mostly come in order */
    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (field_compare(o->fields[middle].field, field) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct slice object_field(const struct object *o, field_id field)
{
    uint32_t i = field_place(o, field);

    return i < o->n_fields && o->fields[i].field == field ? o->fields[i].value : (struct slice){ "", 0 };
}

bool object_set_field(struct object *o, field_id field, struct slice value)
{
    uint32_t i = field_place(o, field);
    bool there = i < o->n_fields && o->fields[i].field == field;
    struct object_field *at = &o->fields[i];

    if (value.len == 0) {
        if (there)
            memmove(at, at + 1, (--o->n_fields - i) * sizeof(*at));
        return true;
    }
    if (!there) {
        if (o->n_fields == OBJECT_MAX_FIELDS)
            return false;
        memmove(at + 1, at, (o->n_fields++ - i) * sizeof(*at));
    }
    *at = (struct object_field){ field, value };
    return true;
}
