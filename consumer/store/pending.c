#include "pending.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "mem.h"

/* A row: version u8 = 1, reason u8, kind u8, cause u8, phase u8, flags u8 (FLAG_…), hold u32, place u32,
 * detected u64, due u64, address (u32 length, bytes); with FLAG_PAIRED the uuid of the other (16). */
#define ROW_VERSION 1
#define FLAG_ANSWERED 1
#define FLAG_COUNTED 2
#define FLAG_ASKED 4
#define FLAG_SUSPECT 8
#define FLAG_AGAIN 16
#define FLAG_KEEPS_OLD 32
#define FLAG_PAIRED 64

#define LEAVING_KEY (8 + UUID_BYTES)

const char *pending_reason_name(enum pending_reason r)
{
    switch (r) {
    case PENDING_UNPROVEN:
        return "unproven";
    case PENDING_WAITING:
        return "waiting";
    case PENDING_HELD:
        return "held";
    case PENDING_REJECTED:
        return "rejected";
    case PENDING_APPROVED:
        return "approved";
    case PENDING_BLOCKED:
        return "blocked";
    }
    return "unknown";
}

struct guarded pending_guarded(const struct pending *p)
{
    struct guarded of = { .kind = GUARD_CLEAR };

    switch (p->what) {
    case PENDING_DELETE:
        of.kind = p->paired ? GUARD_REBIND : p->kind == OBJECT_GROUP ? GUARD_GROUP_DELETE : GUARD_ACCOUNT_DELETE;
        break;
    case PENDING_RENAME:
        of.kind = GUARD_ACCOUNT_RENAME;
        break;
    case PENDING_MEMBER:
        of.kind = GUARD_MEMBERS;
        memcpy(of.group, p->uuid, UUID_BYTES);
        break;
    case PENDING_CLEAR:
        of.field = p->field;
        break;
    }
    return of;
}

bool pending_is_guarded(const struct pending *p)
{
    return p->what != PENDING_RENAME || p->kind == OBJECT_ACCOUNT;
}

bool guarded_same(const struct guarded *a, const struct guarded *b)
{
    return a->kind == b->kind && a->field == b->field && memcmp(a->group, b->group, UUID_BYTES) == 0;
}

static void put_key(struct buf *b, const uint8_t *uuid, enum pending_what what, field_id field, struct slice alias)
{
    buf_add(b, uuid, UUID_BYTES);
    buf_u8(b, (uint8_t)what);
    if (field != FIELD_NONE)
        buf_puts(b, field_name(field));
    if (alias.len) {
        buf_u8(b, 0);
        buf_add_slice(b, alias);
    }
}

static void put_row_key(struct buf *b, const struct pending *p)
{
    put_key(b, p->uuid, p->what, p->field, p->alias);
}

static void put_row(struct buf *b, const struct pending *p)
{
    buf_u8(b, ROW_VERSION);
    buf_u8(b, (uint8_t)p->reason);
    buf_u8(b, (uint8_t)p->kind);
    buf_u8(b, (uint8_t)p->cause);
    buf_u8(b, (uint8_t)p->phase);
    buf_u8(b, (uint8_t)((p->answered ? FLAG_ANSWERED : 0) | (p->counted ? FLAG_COUNTED : 0) |
                        (p->asked ? FLAG_ASKED : 0) | (p->suspect ? FLAG_SUSPECT : 0) |
                        (p->again ? FLAG_AGAIN : 0) | (p->keeps_old ? FLAG_KEEPS_OLD : 0) |
                        (p->paired ? FLAG_PAIRED : 0)));
    buf_u32(b, p->hold);
    buf_u32(b, p->place);
    buf_u64(b, (uint64_t)p->detected_ms);
    buf_u64(b, (uint64_t)p->due_ms);
    buf_bytes(b, p->address);
    if (p->paired)
        buf_add(b, p->pair, UUID_BYTES);
}

static void read_pair(struct reader *r, struct pending *p)
{
    struct slice pair = read_take(r, UUID_BYTES);

    if (!r->bad)
        memcpy(p->pair, pair.p, UUID_BYTES);
}

static bool read_row(struct slice key, struct slice value, struct pending *p, struct arena *a)
{
    struct reader r = reader_of(value);
    const char *nul;
    uint8_t flags;
    struct slice address;

    *p = (struct pending){ 0 };
    if (key.len < UUID_BYTES + 1 || read_u8(&r) != ROW_VERSION)
        return false;
    memcpy(p->uuid, key.p, UUID_BYTES);
    p->what = (enum pending_what)(uint8_t)key.p[UUID_BYTES];
    key = slice_make(key.p + UUID_BYTES + 1, key.len - UUID_BYTES - 1);
    nul = key.len ? memchr(key.p, 0, key.len) : NULL;
    if (nul) {
        size_t n = (size_t)(nul - key.p);

        p->alias = arena_copy(a, nul + 1, key.len - n - 1);
        key.len = n;
    }
    if (key.len)
        p->field = field_intern(key);
    p->reason = (enum pending_reason)read_u8(&r);
    p->kind = (enum object_kind)read_u8(&r);
    p->cause = (enum cause)read_u8(&r);
    p->phase = (enum phase_word)read_u8(&r);
    flags = read_u8(&r);
    p->answered = flags & FLAG_ANSWERED;
    p->counted = flags & FLAG_COUNTED;
    p->asked = flags & FLAG_ASKED;
    p->suspect = flags & FLAG_SUSPECT;
    p->again = flags & FLAG_AGAIN;
    p->keeps_old = flags & FLAG_KEEPS_OLD;
    p->paired = flags & FLAG_PAIRED;
    p->hold = read_u32(&r);
    p->place = read_u32(&r);
    p->detected_ms = (int64_t)read_u64(&r);
    p->due_ms = (int64_t)read_u64(&r);
    address = read_bytes(&r);
    p->address = arena_copy(a, address.p, address.len);
    if (p->paired)
        read_pair(&r, p);
    return !r.bad;
}

bool pending_get(struct txn *t, const uint8_t *uuid, enum pending_what what, field_id field, struct slice alias,
                 struct pending *p, struct arena *a)
{
    struct buf key = { 0 };
    struct slice v;
    bool found;

    put_key(&key, uuid, what, field, alias);
    found = txn_get(t, TABLE_PENDING, buf_slice(&key), &v) && read_row(buf_slice(&key), v, p, a);
    buf_free(&key);
    return found;
}

/* ---- due ---------------------------------------------------------------------------------------------------- */

static void due_row(struct txn *t, const struct pending *p, bool add)
{
    struct buf key = { 0 };

    if (p->due_ms == 0)
        return;
    buf_u64(&key, (uint64_t)p->due_ms);
    put_row_key(&key, p);
    if (add)
        txn_put(t, TABLE_DUE, buf_slice(&key), (struct slice){ "", 0 });
    else
        txn_del(t, TABLE_DUE, buf_slice(&key));
    buf_free(&key);
}

int64_t pending_first_due(struct txn *t)
{
    struct walk w;
    struct slice key, v;
    struct reader r;
    int64_t due = -1;

    walk_begin(&w, t, TABLE_DUE);
    if (walk_next(&w, (struct slice){ 0 }, &key, &v)) {
        r = reader_of(key);
        due = (int64_t)read_u64(&r);
    }
    walk_end(&w);
    return due;
}

/* ---- the guard's window ------------------------------------------------------------------------------------- */

struct window_count {
    struct window_count *next;
    struct guarded of;
    int64_t n;
};

static struct window_count *window_of(struct store *s, const struct guarded *of)
{
    struct window_count *c;

    for (c = s->windows; c; c = c->next)
        if (guarded_same(&c->of, of))
            return c;
    c = mem_alloc(sizeof(*c));
    c->of = *of;
    c->next = s->windows;
    s->windows = c;
    return c;
}

int64_t window_count(const struct store *s, const struct guarded *of)
{
    for (const struct window_count *c = s->windows; c; c = c->next)
        if (guarded_same(&c->of, of))
            return c->n;
    return 0;
}

/* The first part of a key: all rows of these begin with it. */
static void put_guarded(struct buf *key, const struct guarded *of)
{
    buf_u8(key, (uint8_t)of->kind);
    if (of->kind == GUARD_MEMBERS)
        buf_add(key, of->group, UUID_BYTES);
    else if (of->field != FIELD_NONE)
        buf_puts(key, field_name(of->field));
    buf_u8(key, 0);
}

static void window_row(struct store *s, struct txn *t, const struct pending *p, bool add)
{
    struct buf key = { 0 };
    struct guarded of = pending_guarded(p);
    struct slice v;
    bool there;

    put_guarded(&key, &of);
    buf_u64(&key, (uint64_t)p->detected_ms);
    put_row_key(&key, p);
    there = txn_get(t, TABLE_WINDOW, buf_slice(&key), &v);
    if (add && !there) {
        txn_put(t, TABLE_WINDOW, buf_slice(&key), (struct slice){ "", 0 });
        window_of(s, &of)->n++;
    } else if (!add && there) {
        txn_del(t, TABLE_WINDOW, buf_slice(&key));
        window_of(s, &of)->n--;
    }
    buf_free(&key);
}

/* The name of a field, up to a NUL. False if there is no NUL. */
static bool read_field(struct reader *r, field_id *field)
{
    const char *nul = r->left ? memchr(r->p, 0, r->left) : NULL;
    struct slice name;

    if (nul == NULL)
        return false;
    name = read_take(r, (size_t)(nul - r->p));
    *field = name.len ? field_intern(name) : FIELD_NONE;
    return true;
}

/* Of a row's key. False if it is none of ours. */
static bool window_key(struct slice key, struct guarded *of, int64_t *detected)
{
    struct reader r = reader_of(key);

    *of = (struct guarded){ .kind = (enum guard_kind)read_u8(&r) };
    if (of->kind == GUARD_MEMBERS) {
        struct slice group = read_take(&r, UUID_BYTES);

        if (r.bad)
            return false;
        memcpy(of->group, group.p, UUID_BYTES);
    } else if (!read_field(&r, &of->field)) {
        return false;
    }
    read_u8(&r);   /* the NUL */
    *detected = (int64_t)read_u64(&r);
    return !r.bad;
}

void window_entries(struct txn *t, const struct guarded *of, struct buf *uuids)
{
    struct buf prefix = { 0 };
    struct slice key, v;
    struct walk w;
    size_t at;

    put_guarded(&prefix, of);
    at = prefix.len + 8;   /* behind detected */
    walk_begin(&w, t, TABLE_WINDOW);
    while (walk_next(&w, buf_slice(&prefix), &key, &v) && slice_has_prefix(key, buf_slice(&prefix)))
        if (key.len >= at + UUID_BYTES)
            buf_add(uuids, key.p + at, UUID_BYTES);
    walk_end(&w);
    buf_free(&prefix);
}

/* Drops the oldest rows of one kind and field: they stand first. */
static size_t expire_one(struct txn *t, struct window_count *c, int64_t before_ms)
{
    struct buf prefix = { 0 };
    size_t n = 0;
    struct slice key, v;
    struct walk w;
    struct guarded of;
    int64_t detected;

    put_guarded(&prefix, &c->of);
    walk_begin(&w, t, TABLE_WINDOW);
    while (walk_next(&w, buf_slice(&prefix), &key, &v) && slice_has_prefix(key, buf_slice(&prefix)) &&
           window_key(key, &of, &detected) && detected < before_ms) {
        walk_del(&w);
        c->n--;
        n++;
    }
    walk_end(&w);
    buf_free(&prefix);
    return n;
}

size_t window_expire(struct store *s, struct txn *t, int64_t before_ms)
{
    size_t n = 0;

    for (struct window_count *c = s->windows; c; c = c->next)
        if (c->n > 0)
            n += expire_one(t, c, before_ms);
    return n;
}

void window_forget(struct store *s, struct txn *t, struct pending *p)
{
    if (p->counted)
        window_row(s, t, p, false);
    p->counted = false;
}

/* ---- holds -------------------------------------------------------------------------------------------------- */

/* A hold: kind u8, since u64, joined u32, count u32, rejected u32, field name and why with u32 lengths, uuid of the group (16). */

static struct slice hold_key(uint32_t id, uint8_t room[4])
{
    for (int i = 0; i < 4; i++)
        room[i] = (uint8_t)(id >> (24 - 8 * i));
    return slice_make(room, 4);
}

static void hold_put(struct txn *t, const struct hold *h)
{
    struct buf b = { 0 };
    uint8_t room[4];

    buf_u8(&b, (uint8_t)h->of.kind);
    buf_u64(&b, (uint64_t)h->since_ms);
    buf_u32(&b, h->joined);
    buf_u32(&b, h->count);
    buf_u32(&b, h->n_rejected);
    buf_bytes(&b, h->of.field != FIELD_NONE ? slice_of(field_name(h->of.field)) : (struct slice){ "", 0 });
    buf_bytes(&b, h->why);
    buf_add(&b, h->of.group, UUID_BYTES);
    txn_put(t, TABLE_HOLD, hold_key(h->id, room), buf_slice(&b));
    buf_free(&b);
}

static bool read_hold(uint32_t id, struct slice value, struct hold *h, struct arena *a)
{
    struct reader r = reader_of(value);
    struct slice field, why, group;

    *h = (struct hold){ .id = id };
    h->of.kind = (enum guard_kind)read_u8(&r);
    h->since_ms = (int64_t)read_u64(&r);
    h->joined = read_u32(&r);
    h->count = read_u32(&r);
    h->n_rejected = read_u32(&r);
    h->rejected = h->count > 0 && h->n_rejected == h->count;
    field = read_bytes(&r);
    why = read_bytes(&r);
    group = read_take(&r, UUID_BYTES);
    if (!r.bad)
        memcpy(h->of.group, group.p, UUID_BYTES);
    h->of.field = field.len ? field_intern(field) : FIELD_NONE;
    h->why = arena_copy(a, why.p, why.len);
    return !r.bad;
}

bool hold_get(struct txn *t, uint32_t id, struct hold *h, struct arena *a)
{
    uint8_t room[4];
    struct slice v;

    return txn_get(t, TABLE_HOLD, hold_key(id, room), &v) && read_hold(id, v, h, a);
}

static void hold_remove(struct txn *t, uint32_t id)
{
    uint8_t room[4];

    txn_del(t, TABLE_HOLD, hold_key(id, room));
}

bool hold_next(struct txn *t, uint32_t *id, struct hold *h, struct arena *a)
{
    struct slice key, v;
    struct reader r;
    struct walk w;
    uint8_t room[4];
    bool found = false;

    walk_begin(&w, t, TABLE_HOLD);
    if (walk_next(&w, hold_key(*id + 1, room), &key, &v)) {
        r = reader_of(key);
        *id = read_u32(&r);
        found = read_hold(*id, v, h, a);
    }
    walk_end(&w);
    return found;
}

bool hold_find_open(struct txn *t, const struct guarded *of, struct hold *h, struct arena *a)
{
    uint32_t id = 0;

    while (hold_next(t, &id, h, a))
        if (!h->rejected && guarded_same(&h->of, of))
            return true;
    return false;
}

uint32_t hold_open(struct store *s, struct txn *t, const struct guarded *of, const char *why, uint32_t number)
{
    struct hold h = { .id = number, .of = *of, .why = slice_of(why) };

    h.since_ms = clock_wall_ms();
    if (number > s->hold_high)
        s->hold_high = number;
    s->dirty = true;
    hold_put(t, &h);
    return number;
}

/* A row left its hold. */
static void leave_hold(struct txn *t, const struct pending *old)
{
    struct arena a = { 0 };
    struct hold h;

    if (old->hold != 0 && hold_get(t, old->hold, &h, &a)) {
        h.count--;
        h.n_rejected -= old->reason == PENDING_REJECTED;
        if (h.count == 0)
            hold_remove(t, h.id);
        else
            hold_put(t, &h);
    }
    arena_free(&a);
}

static void join_hold(struct txn *t, struct pending *p)
{
    struct arena a = { 0 };
    struct hold h;

    if (hold_get(t, p->hold, &h, &a)) {
        p->place = ++h.joined;
        h.count++;
        h.n_rejected += p->reason == PENDING_REJECTED;
        hold_put(t, &h);
    }
    arena_free(&a);
}

/* A row that stays in its hold. */
static void stay_in_hold(struct txn *t, const struct pending *old, const struct pending *p)
{
    struct arena a = { 0 };
    struct hold h;

    if ((old->reason == PENDING_REJECTED) != (p->reason == PENDING_REJECTED) && hold_get(t, p->hold, &h, &a)) {
        if (p->reason == PENDING_REJECTED)
            h.n_rejected++;
        else
            h.n_rejected--;
        hold_put(t, &h);
    }
    arena_free(&a);
}

/* Keeps the hold's numbers when a row is put; *old is what it was, or NULL. */
static void change_hold(struct txn *t, const struct pending *old, struct pending *p)
{
    if (old && old->hold == p->hold) {
        p->place = old->place;
        if (p->hold != 0)
            stay_in_hold(t, old, p);
        return;
    }
    if (p->hold != 0)
        join_hold(t, p);
    if (old)
        leave_hold(t, old);
}

/* ---- rows --------------------------------------------------------------------------------------------------- */

static bool unanswered(const struct pending *p)
{
    return p->what == PENDING_DELETE && p->reason == PENDING_UNPROVEN && !p->answered;
}

static void count_row(struct store *s, const struct pending *p, int by)
{
    if (unanswered(p))
        s->pending_unanswered += by;
    s->pending_by_reason[p->reason & 7] += by;
}

int64_t pending_count(const struct store *s, enum pending_reason reason)
{
    return s->pending_by_reason[reason & 7];
}

static void leaving_key(struct slice address, const uint8_t *uuid, uint8_t key[LEAVING_KEY])
{
    uint64_t hash = hash64(address);

    for (int i = 0; i < 8; i++)
        key[i] = (uint8_t)(hash >> (56 - 8 * i));
    memcpy(key + 8, uuid, UUID_BYTES);
}

static void leaving_row(struct txn *t, const struct pending *p, bool add)
{
    uint8_t key[LEAVING_KEY];

    if (p->what != PENDING_MEMBER)
        return;
    leaving_key(p->alias, p->uuid, key);
    if (add)
        txn_put(t, TABLE_LEAVING, slice_make(key, sizeof(key)), (struct slice){ "", 0 });
    else
        txn_del(t, TABLE_LEAVING, slice_make(key, sizeof(key)));
}

static void forget_row(struct store *s, struct txn *t, const struct pending *old)
{
    due_row(t, old, false);
    count_row(s, old, -1);
}

void pending_put(struct store *s, struct txn *t, const struct pending *given)
{
    struct pending p = *given, old;
    struct arena a = { 0 };
    struct buf key = { 0 }, value = { 0 };
    bool had = pending_get(t, p.uuid, p.what, p.field, p.alias, &old, &a), counts_on;

    if (had)
        forget_row(s, t, &old);
    change_hold(t, had ? &old : NULL, &p);
    counts_on = had && old.counted && p.counted && old.detected_ms == p.detected_ms;
    if (had && old.counted && !counts_on)
        window_row(s, t, &old, false);
    if (p.counted && !counts_on)   /* one that the window has passed is not to come in again */
        window_row(s, t, &p, true);
    put_row_key(&key, &p);
    put_row(&value, &p);
    txn_put(t, TABLE_PENDING, buf_slice(&key), buf_slice(&value));
    due_row(t, &p, true);
    leaving_row(t, &p, true);
    count_row(s, &p, 1);
    buf_free(&key);
    buf_free(&value);
    arena_free(&a);
}

void pending_del(struct store *s, struct txn *t, const struct pending *p, bool keep_window)
{
    struct arena a = { 0 };
    struct pending old;
    struct buf key = { 0 };

    if (pending_get(t, p->uuid, p->what, p->field, p->alias, &old, &a)) {
        forget_row(s, t, &old);
        leaving_row(t, &old, false);
        leave_hold(t, &old);
        if (old.counted && !keep_window)
            window_row(s, t, &old, false);
        put_row_key(&key, &old);
        txn_del(t, TABLE_PENDING, buf_slice(&key));
        buf_free(&key);
    }
    arena_free(&a);
}

/* Where a walk goes on: the smallest key above `key`. */
static void set_next(struct buf *next, struct slice key)
{
    buf_reset(next);
    buf_add_slice(next, key);
    buf_u8(next, 0);
}

bool pending_next(struct txn *t, const uint8_t *uuid, struct buf *next, struct pending *p, struct arena *a)
{
    struct slice prefix = slice_make(uuid, uuid ? UUID_BYTES : 0), key, v;
    struct walk w;
    bool found;

    if (next->len == 0 && uuid)
        buf_add(next, uuid, UUID_BYTES);
    walk_begin(&w, t, TABLE_PENDING);
    found = walk_next(&w, buf_slice(next), &key, &v) && slice_has_prefix(key, prefix) && read_row(key, v, p, a);
    if (found)
        set_next(next, key);
    walk_end(&w);
    return found;
}

bool pending_due_next(struct txn *t, int64_t now_ms, struct buf *next, struct pending *p, struct arena *a)
{
    struct slice key, v, row_key;
    struct reader r;
    struct walk w;
    bool found;

    walk_begin(&w, t, TABLE_DUE);
    found = walk_next(&w, buf_slice(next), &key, &v);
    if (found) {
        r = reader_of(key);
        found = (int64_t)read_u64(&r) <= now_ms && !r.bad;
    }
    if (found) {
        set_next(next, key);
        row_key = arena_copy(a, key.p + 8, key.len - 8);
        found = txn_get(t, TABLE_PENDING, row_key, &v) && read_row(row_key, v, p, a);
    }
    walk_end(&w);
    return found;
}

bool pending_leaving_next(struct txn *t, struct slice address, struct buf *next, struct pending *p, struct arena *a)
{
    static const uint8_t nobody[UUID_BYTES];
    uint8_t from[LEAVING_KEY];
    bool found = false;
    struct slice key, v;
    struct walk w;

    leaving_key(address, nobody, from);
    if (next->len == 0)
        buf_add(next, from, sizeof(from));
    while (!found) {
        walk_begin(&w, t, TABLE_LEAVING);
        if (!walk_next(&w, buf_slice(next), &key, &v) || !slice_has_prefix(key, slice_make(from, 8))) {
            walk_end(&w);
            return false;
        }
        set_next(next, key);
        walk_end(&w);
        found = pending_get(t, (const uint8_t *)next->p + 8, PENDING_MEMBER, FIELD_MEMBERS, address, p, a);
    }
    return true;
}

static void shift_row(struct store *s, struct txn *t, struct pending *p, int64_t delta_ms)
{
    p->detected_ms += delta_ms;
    if (p->due_ms != 0)
        p->due_ms += delta_ms;
    pending_put(s, t, p);
}

/* Shifts all rows: by delta_ms, or such that each was detected now. */
static size_t shift_all(struct store *s, struct txn *t, int64_t delta_ms, const int64_t *now_ms)
{
    struct arena a = { 0 };
    struct buf next = { 0 };
    struct pending p;
    size_t n = 0;

    while (pending_next(t, NULL, &next, &p, &a)) {
        shift_row(s, t, &p, now_ms ? *now_ms - p.detected_ms : delta_ms);
        arena_reset(&a);
        n++;
    }
    buf_free(&next);
    arena_free(&a);
    return n;
}

size_t pending_shift(struct store *s, struct txn *t, int64_t delta_ms)
{
    return shift_all(s, t, delta_ms, NULL);
}

size_t pending_begin_again(struct store *s, struct txn *t, int64_t now_ms)
{
    return shift_all(s, t, 0, &now_ms);
}

void pending_load(struct store *s, struct txn *t)
{
    struct arena a = { 0 };
    struct buf next = { 0 };
    struct slice key, v;
    struct pending p;
    struct walk w;

    pending_unload(s);
    memset(s->pending_by_reason, 0, sizeof(s->pending_by_reason));
    s->pending_unanswered = 0;
    while (pending_next(t, NULL, &next, &p, &a)) {
        count_row(s, &p, 1);
        arena_reset(&a);
    }
    walk_begin(&w, t, TABLE_WINDOW);
    while (walk_next(&w, (struct slice){ 0 }, &key, &v)) {
        struct guarded of;
        int64_t detected;

        if (window_key(key, &of, &detected))
            window_of(s, &of)->n++;
    }
    walk_end(&w);
    buf_free(&next);
    arena_free(&a);
}

void pending_unload(struct store *s)
{
    while (s->windows) {
        struct window_count *next = s->windows->next;

        free(s->windows);
        s->windows = next;
    }
}
