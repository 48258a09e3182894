/* The row of an action that was set aside, as a value and as bytes.
 *
 * Version u8 = 1, then tags of one byte:
 *   01 state u8          02 flags u8         03 attempts u32      04 next u64        05 since u64
 *   06 behind: seq u64, n u32                07 type u8           08 uuid 16 bytes   09 domain (u32 length, bytes)
 *   0a words (u32 length, bytes)             0b line (u32 length, bytes)             0c keys: u32 count, each hash u64, mode u8 */
#include "aside.h"

#define ROW_VERSION 1

enum row_tag {
    TAG_STATE = 1, TAG_FLAGS, TAG_ATTEMPTS, TAG_NEXT, TAG_SINCE, TAG_BEHIND, TAG_TYPE, TAG_UUID, TAG_DOMAIN, TAG_WORDS,
    TAG_LINE, TAG_KEYS
};

bool aside_is_parked(enum aside_state state)
{
    return state == ASIDE_PARKED || state == ASIDE_ADOPT || state == ASIDE_STUCK;
}

int aside_id_cmp(struct aside_id x, struct aside_id y)
{
    if (x.seq != y.seq)
        return x.seq < y.seq ? -1 : 1;
    return (x.n > y.n) - (x.n < y.n);
}

struct aside_group aside_group_of(enum aside_state state, const struct aside_row *row)
{
    return (struct aside_group){ state, hash64(row->domain), state == ASIDE_DOMAIN ? 255 : (uint8_t)row->type };
}

void aside_row_make(struct aside_row *row, const struct action *action, struct slice line, struct arena *a)
{
    bool anew = action->cause == CAUSE_RESYNC || action->cause == CAUSE_REPAIR;
    struct action_keys keys;

    action_keys(action, &keys, a);
    *row = (struct aside_row){
        .id = { action->seq, anew ? ASIDE_NEXT : 0 },
        .flags = anew && action_is_create(action->type) ? ASIDE_FLAG_ANEW : 0,
        .type = action->type,
        .domain = action_domain(action),
        .line = line,
        .keys = keys.keys,
        .n_keys = keys.n,
    };
    memcpy(row->uuid, action->uuid, UUID_BYTES);
}

void aside_row_rest(struct aside_row *row, const struct action *action, struct arena *a)
{
    struct action_keys keys;
    struct action rest;
    struct buf line = { 0 };

    action_rest(action, &rest, &keys, a);
    action_json(&rest, &line);
    row->type = rest.type;
    row->line = arena_copy(a, line.p, line.len);
    row->keys = keys.keys;
    row->n_keys = keys.n;
    row->flags = (row->flags & ~(unsigned)ASIDE_FLAG_ANEW) | ASIDE_FLAG_REST;
    buf_free(&line);
}

static void put_slice(struct buf *out, enum row_tag tag, struct slice s)
{
    buf_u8(out, (uint8_t)tag);
    buf_bytes(out, s);
}

static void put_number(struct buf *out, enum row_tag tag, int64_t v)
{
    buf_u8(out, (uint8_t)tag);
    buf_u64(out, (uint64_t)v);
}

void aside_row_encode(const struct aside_row *row, struct buf *out)
{
    buf_u8(out, ROW_VERSION);
    buf_u8(out, TAG_STATE);
    buf_u8(out, (uint8_t)row->state);
    buf_u8(out, TAG_FLAGS);
    buf_u8(out, (uint8_t)row->flags);
    buf_u8(out, TAG_ATTEMPTS);
    buf_u32(out, row->attempts);
    put_number(out, TAG_NEXT, row->next_ms);
    put_number(out, TAG_SINCE, row->since_ms);
    buf_u8(out, TAG_BEHIND);
    buf_u64(out, row->behind.seq);
    buf_u32(out, row->behind.n);
    buf_u8(out, TAG_TYPE);
    buf_u8(out, (uint8_t)row->type);
    buf_u8(out, TAG_UUID);
    buf_add(out, row->uuid, UUID_BYTES);
    put_slice(out, TAG_DOMAIN, row->domain);
    put_slice(out, TAG_WORDS, row->words);
    put_slice(out, TAG_LINE, row->line);
    buf_u8(out, TAG_KEYS);
    buf_u32(out, row->n_keys);
    for (uint32_t i = 0; i < row->n_keys; i++) {
        buf_u64(out, row->keys[i].hash);
        buf_u8(out, (uint8_t)row->keys[i].mode);
    }
}

static void read_keys(struct reader *r, struct aside_row *row, struct arena *a)
{
    uint32_t n = read_u32(r);
    struct action_key *keys;

    if (n > r->left / 9) {
        r->bad = true;
        return;
    }
    keys = arena_alloc(a, (n + 1) * sizeof(*keys));
    for (uint32_t i = 0; i < n; i++) {
        keys[i].hash = read_u64(r);
        keys[i].mode = (enum key_mode)read_u8(r);
    }
    row->keys = keys;
    row->n_keys = n;
}

static void read_tag(struct reader *r, struct aside_row *row, struct arena *a)
{
    struct slice uuid;

    switch ((enum row_tag)read_u8(r)) {
    case TAG_STATE:
        row->state = (enum aside_state)read_u8(r);
        return;
    case TAG_FLAGS:
        row->flags = read_u8(r);
        return;
    case TAG_ATTEMPTS:
        row->attempts = read_u32(r);
        return;
    case TAG_NEXT:
        row->next_ms = (int64_t)read_u64(r);
        return;
    case TAG_SINCE:
        row->since_ms = (int64_t)read_u64(r);
        return;
    case TAG_BEHIND:
        row->behind.seq = read_u64(r);
        row->behind.n = read_u32(r);
        return;
    case TAG_TYPE:
        row->type = (enum action_type)read_u8(r);
        return;
    case TAG_UUID:
        uuid = read_take(r, UUID_BYTES);
        if (uuid.len == UUID_BYTES)
            memcpy(row->uuid, uuid.p, UUID_BYTES);
        return;
    case TAG_DOMAIN:
        row->domain = read_bytes(r);
        return;
    case TAG_WORDS:
        row->words = read_bytes(r);
        return;
    case TAG_LINE:
        row->line = read_bytes(r);
        return;
    case TAG_KEYS:
        read_keys(r, row, a);
        return;
    }
    r->bad = true;   /* a tag of a later version: its length is not known */
}

bool aside_row_decode(struct slice bytes, struct aside_row *row, struct arena *a)
{
    struct reader r = reader_of(bytes);

    *row = (struct aside_row){ 0 };
    if (read_u8(&r) != ROW_VERSION)
        return false;
    while (r.left && !r.bad)
        read_tag(&r, row, a);
    return !r.bad && (unsigned)row->state < ASIDE_STATES && (unsigned)row->type < ACTION_TYPES;
}
