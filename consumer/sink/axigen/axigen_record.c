/* The stored form of an Axigen record.
 *
 *     byte     version, 1
 *     fields   tag (1 byte), length (4 bytes, big-endian), that many bytes; ascending by tag
 *
 *     tag 1  kind, state, intent, flags (1 adopted, 2 unmarked, 4 has services): 1 byte each; always there
 *     tag 2  address; always there
 *     tag 3  address it is being renamed to
 *     tag 4  mark
 *     tag 5  services
 *     tag 6  due_ms, 8 bytes
 *     tag 7  an alias of ours; repeats
 *     tag 8  a foreign member; repeats
 *     tag 9  seq of an action that was done in part, 8 bytes; repeats
 *
 * What is empty or 0 has no field. Unknown tags are skipped, so a later version may add some under the same version
 * byte. A state or intent that is unknown is damage: to take it for another could remove somebody's mail.
 *
 * The account ann@example.com, locked by policy, adopted with the mark "K1", services "imap pop3":
 *
 *     01
 *     01 00000004 00 02 00 05
 *     02 0000000f 616e6e406578616d706c652e636f6d
 *     04 00000002 4b31
 *     05 00000009 696d617020706f7033
 */
#include "axigen_record.h"

#define VERSION 1

enum tag {
    TAG_WHAT = 1,
    TAG_ADDRESS,
    TAG_GOING_TO,
    TAG_MARK,
    TAG_SERVICES,
    TAG_DUE,
    TAG_ALIAS,
    TAG_FOREIGN,
    TAG_PARTLY
};
enum flag { FLAG_ADOPTED = 1, FLAG_UNMARKED = 2, FLAG_SERVICES = 4 };

static void put(struct buf *out, enum tag tag, struct slice s)
{
    if (s.len == 0)
        return;
    buf_u8(out, tag);
    buf_bytes(out, s);
}

static void put_number(struct buf *out, enum tag tag, uint64_t n)
{
    if (n == 0)
        return;
    buf_u8(out, tag);
    buf_u32(out, 8);
    buf_u64(out, n);
}

void axigen_record_encode(const struct axigen_record *r, struct buf *out)
{
    const char what[] = {(char)r->kind, (char)r->state, (char)r->intent,
                         (char)((r->adopted ? FLAG_ADOPTED : 0) | (r->unmarked ? FLAG_UNMARKED : 0) |
                                (r->has_services ? FLAG_SERVICES : 0))};

    buf_u8(out, VERSION);
    put(out, TAG_WHAT, slice_make(what, sizeof(what)));
    put(out, TAG_ADDRESS, r->address);
    put(out, TAG_GOING_TO, r->going_to);
    put(out, TAG_MARK, r->mark);
    put(out, TAG_SERVICES, r->services);
    put_number(out, TAG_DUE, (uint64_t)r->due_ms);
    for (uint32_t i = 0; i < r->n_aliases; i++)
        put(out, TAG_ALIAS, r->aliases[i]);
    for (uint32_t i = 0; i < r->n_foreign; i++)
        put(out, TAG_FOREIGN, r->foreign[i]);
    for (uint32_t i = 0; i < r->n_partly; i++)
        put_number(out, TAG_PARTLY, r->partly[i]);
}

static int take_what(struct slice s, struct axigen_record *r)
{
    const uint8_t *b = (const uint8_t *)s.p;

    if (s.len < 4 || b[0] >= OBJECT_KINDS || b[1] >= RECORD_STATES || b[2] >= RECORD_INTENTS)
        return -1;
    r->kind = (enum object_kind)b[0];
    r->state = (enum record_state)b[1];
    r->intent = (enum record_intent)b[2];
    r->adopted = b[3] & FLAG_ADOPTED;
    r->unmarked = b[3] & FLAG_UNMARKED;
    r->has_services = b[3] & FLAG_SERVICES;
    return 0;
}

static int take_number(struct slice s, uint64_t *n)
{
    struct reader in = reader_of(s);

    *n = read_u64(&in);
    return in.bad || in.left ? -1 : 0;
}

static int take(enum tag tag, struct slice s, struct axigen_record *r)
{
    uint64_t n = 0;

    switch (tag) {
    case TAG_WHAT:
        return take_what(s, r);
    case TAG_ADDRESS:
        r->address = s;
        return 0;
    case TAG_GOING_TO:
        r->going_to = s;
        return 0;
    case TAG_MARK:
        r->mark = s;
        return 0;
    case TAG_SERVICES:
        r->services = s;
        return 0;
    case TAG_DUE:
        if (take_number(s, &n))
            return -1;
        r->due_ms = (int64_t)n;
        return 0;
    case TAG_ALIAS:
        r->aliases[r->n_aliases++] = s;
        return 0;
    case TAG_FOREIGN:
        r->foreign[r->n_foreign++] = s;
        return 0;
    case TAG_PARTLY:
        return take_number(s, &r->partly[r->n_partly++]);
    default:
        return 0;
    }
}

/* How many fields carry each of the tags that repeat. */
static void count(struct reader in, size_t counts[256])
{
    while (in.left > 0 && !in.bad) {
        uint8_t tag = read_u8(&in);

        read_bytes(&in);
        counts[tag]++;
    }
}

int axigen_record_decode(struct slice bytes, struct axigen_record *r, struct arena *a)
{
    struct reader in = reader_of(bytes);
    size_t counts[256] = {0};
    bool what = false;

    *r = (struct axigen_record){0};
    if (read_u8(&in) != VERSION)
        return -1;
    count(in, counts);
    r->aliases = arena_alloc(a, counts[TAG_ALIAS] * sizeof(*r->aliases));
    r->foreign = arena_alloc(a, counts[TAG_FOREIGN] * sizeof(*r->foreign));
    r->partly = arena_alloc(a, counts[TAG_PARTLY] * sizeof(*r->partly));
    while (in.left > 0) {
        uint8_t tag = read_u8(&in);
        struct slice s = read_bytes(&in);

        if (in.bad || take((enum tag)tag, s, r))
            return -1;
        what = what || tag == TAG_WHAT;
    }
    return !what || r->address.len == 0 ? -1 : 0;
}

bool axigen_record_has(const struct slice *set, uint32_t n, struct slice address)
{
    for (uint32_t i = 0; i < n; i++)
        if (slice_eq(set[i], address))
            return true;
    return false;
}

void axigen_record_add(struct slice **set, uint32_t *n, struct slice address, struct arena *a)
{
    struct slice *more;

    if (axigen_record_has(*set, *n, address))
        return;
    more = arena_alloc(a, (*n + (size_t)1) * sizeof(*more));
    if (*n)
        memcpy(more, *set, *n * sizeof(*more));
    more[(*n)++] = address;
    *set = more;
}

void axigen_record_drop(struct slice **set, uint32_t *n, struct slice address, struct arena *a)
{
    struct slice *fewer = arena_alloc(a, *n * sizeof(*fewer));
    uint32_t kept = 0;

    for (uint32_t i = 0; i < *n; i++)
        if (!slice_eq((*set)[i], address))
            fewer[kept++] = (*set)[i];
    *set = fewer;
    *n = kept;
}
