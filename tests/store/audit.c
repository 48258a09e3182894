#include "audit.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "alias_wants.h"
#include "aside.h"
#include "gone.h"
#include "member.h"
#include "members.h"
#include "objects.h"
#include "pending.h"
#include "queue.h"
#include "records.h"
#include "wants.h"

/* What the rows say, to be compared with the numbers. */
struct sums {
    int64_t objects[OBJECT_KINDS], orphans, with_field[STORE_FIELDS];
    uint64_t addresses;   /* rows that TABLE_ADDRESS must have */
    uint64_t dns;         /* … and TABLE_DN */
};

static void check_address(struct txn *t, struct slice address, object_id id)
{
    uint8_t key[16];
    struct slice v;

    objects_address_key(hash64(address), id, key);
    cr_assert(txn_get(t, TABLE_ADDRESS, slice_make(key, sizeof(key)), &v), "%.*s is not in the index",
              SLICE_ARG(address));
}

/* Whether its DN has a row, and it must be there. */
static bool check_dn(struct txn *t, const struct object *o, object_id id)
{
    struct slice v;
    uint8_t key[16];
    uint64_t hash;

    if (!meta_get(t, "dn", NULL, &v) || !objects_dn_hash(o, &hash))
        return false;
    objects_address_key(hash, id, key);
    cr_assert(txn_get(t, TABLE_DN, slice_make(key, sizeof(key)), &v), "%.*s is not in the index", SLICE_ARG(o->dn));
    return true;
}

static void add_object(struct sums *sums, struct txn *t, object_id id, const struct object *o)
{
    cr_assert_eq(objects_find(t, o->uuid, NULL), id, "the uuid's row names another object than %llu",
                 (unsigned long long)id);
    check_address(t, o->address, id);
    for (uint32_t i = 0; i < o->n_aliases; i++)
        check_address(t, o->aliases[i], id);
    sums->addresses += 1 + o->n_aliases;
    sums->dns += check_dn(t, o, id);
    if (o->state == OBJECT_GONE)
        return;
    sums->objects[o->kind]++;
    sums->orphans += o->state == OBJECT_ORPHAN;
    for (uint32_t i = 0; i < o->n_fields; i++)
        if (o->fields[i].field < STORE_FIELDS)
            sums->with_field[o->fields[i].field]++;
    sums->with_field[FIELD_ALIASES] += o->n_aliases > 0;
}

static void audit_objects(struct store *s, struct txn *t)
{
    static struct sums sums;
    struct arena a = { 0 };
    struct slice key, v;
    struct object o;
    struct walk w;

    sums = (struct sums){ 0 };
    walk_begin(&w, t, TABLE_OBJECT);
    while (walk_next(&w, (struct slice){ 0 }, &key, &v)) {
        cr_assert_eq(object_decode(v, &o, &a), 0);
        cr_assert_lt(objects_id_of(key), s->next_oid);
        add_object(&sums, t, objects_id_of(key), &o);
        arena_reset(&a);
    }
    walk_end(&w);
    arena_free(&a);
    cr_assert_eq(txn_count(t, TABLE_UUID), txn_count(t, TABLE_OBJECT));
    cr_assert_eq(txn_count(t, TABLE_ADDRESS), sums.addresses);
    cr_assert_eq(txn_count(t, TABLE_DN), sums.dns);
    for (int kind = 0; kind < OBJECT_KINDS; kind++)
        cr_assert_eq(s->objects[kind], sums.objects[kind], "%s: counted %lld, there are %lld",
                     object_kind_name((enum object_kind)kind), (long long)s->objects[kind],
                     (long long)sums.objects[kind]);
    cr_assert_eq(s->orphans, sums.orphans);
    for (field_id f = 0; f < STORE_FIELDS; f++)
        cr_assert(f == FIELD_MEMBERS || s->with_field[f] == sums.with_field[f], "%s: counted %lld, there are %lld",
                  field_name(f), (long long)s->with_field[f], (long long)sums.with_field[f]);
}

static void put_pending_key(struct buf *key, const struct pending *p)
{
    buf_add(key, p->uuid, UUID_BYTES);
    buf_u8(key, (uint8_t)p->what);
    if (p->field != FIELD_NONE)
        buf_puts(key, field_name(p->field));
    if (p->alias.len) {
        buf_u8(key, 0);
        buf_add_slice(key, p->alias);
    }
}

static void check_due(struct txn *t, const struct pending *p)
{
    struct buf key = { 0 };
    struct slice v;

    buf_u64(&key, (uint64_t)p->due_ms);
    put_pending_key(&key, p);
    cr_assert(txn_get(t, TABLE_DUE, buf_slice(&key), &v), "a row is due, and TABLE_DUE does not have it");
    buf_free(&key);
}

/* Rows of a hold, and how many of them were rejected. */
static uint32_t rows_of_hold(struct txn *t, uint32_t id, uint32_t *rejected)
{
    struct arena a = { 0 };
    struct buf next = { 0 };
    struct pending p;
    uint32_t n = 0;

    *rejected = 0;
    while (pending_next(t, NULL, &next, &p, &a)) {
        n += p.hold == id;
        *rejected += p.hold == id && p.reason == PENDING_REJECTED;
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    return n;
}

static void audit_holds(struct store *s, struct txn *t)
{
    struct arena a = { 0 };
    struct hold h;
    uint32_t id = 0, rejected;

    while (hold_next(t, &id, &h, &a)) {
        cr_assert_eq(h.count, rows_of_hold(t, id, &rejected), "hold %u says %u", id, h.count);
        cr_assert_gt(h.count, 0u, "hold %u is empty", id);
        cr_assert_leq(h.count, h.joined);
        cr_assert_leq(id, s->hold_high);
        cr_assert_eq(h.rejected, rejected == h.count, "hold %u: %u of %u are rejected, and it is listed as %s", id,
                     rejected, h.count, h.rejected ? "rejected" : "open");
    }
    arena_free(&a);
}

/* A deletion that is a rebind waits for the operator, or goes because of him, and never without the other one. */
static void check_pair(struct txn *t, const struct pending *p, struct arena *a)
{
    struct object owner, other;

    cr_assert(p->reason == PENDING_HELD || p->reason == PENDING_APPROVED, "a pair is %s", pending_reason_name(p->reason));
    cr_assert_not(p->counted);
    cr_assert_neq(objects_get(t, p->uuid, &owner, a), 0);
    cr_assert(want_get(t, p->pair, &other, a), "nobody waits who would be the other of a pair");
    cr_assert_eq(objects_find(t, p->pair, NULL), 0, "both of a pair are mirrored");
    cr_assert(other.kind == owner.kind && slice_eq(other.address, owner.address));
}

static void audit_fresh(struct txn *t)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct object o;

    while (want_fresh_next(t, &next, uuid))
        cr_assert(want_get(t, uuid, &o, &a), "fresh, and waits for nothing");
    buf_free(&next);
    arena_free(&a);
}

static void audit_pending(struct store *s, struct txn *t)
{
    int64_t by_reason[8] = { 0 }, unanswered = 0;
    struct arena a = { 0 };
    struct buf next = { 0 };
    struct pending p;
    struct gone gone;
    struct hold h;
    uint64_t due = 0;

    while (pending_next(t, NULL, &next, &p, &a)) {
        by_reason[p.reason]++;
        unanswered += p.what == PENDING_DELETE && p.reason == PENDING_UNPROVEN && !p.answered;
        cr_assert(objects_find(t, p.uuid, NULL) != 0 || (p.what == PENDING_DELETE && gone_get(t, p.uuid, &gone, &a)),
                  "pending of an object that is not there");
        if (p.due_ms) {
            check_due(t, &p);
            due++;
        }
        if (p.paired)
            check_pair(t, &p, &a);
        if (p.hold)
            cr_assert(hold_get(t, p.hold, &h, &a), "hold %u is not there", p.hold);
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    cr_assert_eq(txn_count(t, TABLE_DUE), due);
    cr_assert_eq(s->pending_unanswered, unanswered);
    for (int i = 1; i < 8; i++)
        cr_assert_eq(pending_count(s, (enum pending_reason)i), by_reason[i], "%s: counted %lld, there are %lld",
                     pending_reason_name((enum pending_reason)i), (long long)s->pending_by_reason[i],
                     (long long)by_reason[i]);
}

static int64_t rows_of_window(struct txn *t, enum guard_kind kind, field_id field)
{
    struct buf prefix = { 0 };
    struct slice key, v;
    struct walk w;
    int64_t n = 0;

    buf_u8(&prefix, (uint8_t)kind);
    if (field != FIELD_NONE)
        buf_puts(&prefix, field_name(field));
    if (kind == GUARD_MEMBERS)   /* all groups */
        prefix.len = 1;
    else
        buf_u8(&prefix, 0);
    walk_begin(&w, t, TABLE_WINDOW);
    while (walk_next(&w, buf_slice(&prefix), &key, &v) && slice_has_prefix(key, buf_slice(&prefix)))
        n++;
    walk_end(&w);
    buf_free(&prefix);
    return n;
}

/* Fields of the configuration's own have numbers above FIELD_KNOWN: no test here clears one. */
static void audit_window(struct store *s, struct txn *t)
{
    int64_t all = 0;

    for (int kind = 0; kind < GUARD_KINDS; kind++)
        for (field_id f = FIELD_NONE; f <= FIELD_KNOWN; f++) {
            int64_t rows = kind == GUARD_MEMBERS ? 0
                           : f == FIELD_NONE || field_is_known(f) ? rows_of_window(t, (enum guard_kind)kind, f) : 0;

            cr_assert_eq(window_count(s, &(struct guarded){ .kind = (enum guard_kind)kind, .field = f }), rows, "%s %s: counted %lld, there are %lld",
                         guard_kind_name((enum guard_kind)kind), field_name(f),
                         (long long)window_count(s, &(struct guarded){ .kind = (enum guard_kind)kind, .field = f }), (long long)rows);
            all += rows;
        }
    all += rows_of_window(t, GUARD_MEMBERS, FIELD_NONE);
    cr_assert_eq((uint64_t)all, txn_count(t, TABLE_WINDOW));
}

static bool has_alias(const struct object *o, struct slice alias)
{
    for (uint32_t i = 0; i < o->n_aliases; i++)
        if (slice_eq(o->aliases[i], alias))
            return true;
    return false;
}

static void audit_wants(struct txn *t)
{
    struct arena a = { 0 };
    struct buf next = { 0 };
    struct object o;
    uint64_t n = 0;

    while (want_next(t, &next, &o, &a)) {
        n++;
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    cr_assert_eq(txn_count(t, TABLE_WANT_UUID), n);
    cr_assert_eq(txn_count(t, TABLE_WANT), n);
}

/* Two tables that say the same, of objects that are there. */
static void audit_alias_wants(struct txn *t)
{
    struct arena a = { 0 };
    struct buf next = { 0 };
    uint8_t uuid[UUID_BYTES], first[UUID_BYTES];
    struct slice *aliases;
    struct object o;
    uint64_t n = 0;

    while (alias_want_next(t, &next, uuid)) {
        uint32_t n_aliases = alias_want_get(t, uuid, &aliases, &a);

        cr_assert(objects_get(t, uuid, &o, &a) != 0, "aliases of nobody");
        cr_assert_gt(n_aliases, 0u);
        for (uint32_t i = 0; i < n_aliases; i++) {
            cr_assert(alias_want_first(t, aliases[i], first), "%.*s has no line", SLICE_ARG(aliases[i]));
            cr_assert(!has_alias(&o, aliases[i]), "%.*s waits for what it has", SLICE_ARG(o.dn));
        }
        n += n_aliases;
        arena_reset(&a);
    }
    cr_assert_eq(txn_count(t, TABLE_ALIAS_LINE), n);
    buf_free(&next);
    arena_free(&a);
}

/* What a reference gives by the objects that are there. */
static struct slice given(struct txn *t, struct slice ref, struct arena *a)
{
    struct slice text = slice_make(ref.p + 1, ref.len - 1);
    uint8_t uuid[UUID_BYTES];
    struct object o;
    bool alias;

    if (*ref.p == MEMBER_ADDRESS)
        return text;
    if (*ref.p == MEMBER_DN)
        return objects_by_dn(t, ref, &o, a) ? o.address : slice_of("");
    return objects_owner(t, text, uuid, &alias) && !alias && objects_get(t, uuid, &o, a) && o.kind == OBJECT_ACCOUNT
               ? text
               : slice_of("");
}

#define EXACTLY 200   /* up to so many each is counted; beyond that their sum */

/* How many references of a group give an address. */
static uint32_t count_refs(struct txn *t, const uint8_t *group, struct slice told, struct arena *a)
{
    struct buf next = { 0 };
    struct slice ref, address;
    uint32_t n = 0;

    while (members_next(t, group, &next, &ref, &address, a))
        n += slice_eq(address, told);
    buf_free(&next);
    return n;
}

/* What was told of a group is what its references give, and what is no more given is pending. */
static void audit_told(struct txn *t, const uint8_t *group)
{
    struct arena a = { 0 };
    struct buf next = { 0 };
    struct slice ref, address, told;
    uint32_t live, told_n = 0;
    int64_t sum = 0;
    struct pending p;

    while (told_next(t, group, &next, &told, &live, &a)) {
        if (++told_n <= EXACTLY)
            cr_assert_eq(live, count_refs(t, group, told, &a), "%.*s: %u are counted", SLICE_ARG(told), live);
        sum += live;
        cr_assert_eq(pending_get(t, group, PENDING_MEMBER, FIELD_MEMBERS, told, &p, &a), live == 0,
                     "%.*s is given by %u references", SLICE_ARG(told), live);
    }
    buf_reset(&next);
    while (members_next(t, group, &next, &ref, &address, &a)) {
        cr_assert(slice_eq(address, given(t, ref, &a)), "%.*s gives %.*s, not \"%.*s\"", SLICE_ARG(ref),
                  SLICE_ARG(given(t, ref, &a)), SLICE_ARG(address));
        cr_assert(address.len == 0 || told_get(t, group, address, &live), "%.*s was never told", SLICE_ARG(address));
        sum -= address.len > 0;
    }
    cr_assert_eq(sum, 0, "there are %lld more told than given", (long long)sum);
    buf_free(&next);
    arena_free(&a);
}

static void audit_groups(struct store *s, struct txn *t)
{
    struct arena a = { 0 };
    struct slice key, v;
    int64_t with_members = 0;
    struct object o;
    struct walk w;

    walk_begin(&w, t, TABLE_OBJECT);
    while (walk_next(&w, (struct slice){ 0 }, &key, &v)) {
        cr_assert_eq(object_decode(v, &o, &a), 0);
        if (o.kind != OBJECT_GROUP || o.state == OBJECT_GONE)
            continue;
        audit_told(t, o.uuid);
        with_members += told_any(t, o.uuid, false);
    }
    walk_end(&w);
    arena_free(&a);
    cr_assert_eq(s->with_field[FIELD_MEMBERS], with_members);
}

static void audit_leaving(struct txn *t)
{
    struct arena a = { 0 };
    struct buf next = { 0 };
    struct pending p;
    uint64_t n = 0;

    while (pending_next(t, NULL, &next, &p, &a))
        n += p.what == PENDING_MEMBER;
    buf_free(&next);
    arena_free(&a);
    cr_assert_eq(txn_count(t, TABLE_LEAVING), n);
}

static void audit_members(struct txn *t)
{
    struct slice key, v, named;
    uint64_t late = 0;
    struct walk w;

    walk_begin(&w, t, TABLE_MEMBER);
    while (walk_next(&w, (struct slice){ 0 }, &key, &v)) {
        uint8_t named_key[MEMBERS_NAMED_KEY];

        if (!members_is_bound_late(key))
            continue;
        members_named_key(key, named_key);
        cr_assert(txn_get(t, TABLE_NAMED, slice_make(named_key, sizeof(named_key)), &named), "%.*s is not in the index",
                  (int)(key.len - UUID_BYTES), key.p + UUID_BYTES);
        late++;
    }
    walk_end(&w);
    cr_assert_eq(txn_count(t, TABLE_NAMED), late);
}

static void audit_queue(struct store *s, struct txn *t)
{
    struct slice key, v;
    struct walk w;
    uint64_t seq = 0;

    walk_begin(&w, t, TABLE_QUEUE);
    while (walk_next(&w, (struct slice){ 0 }, &key, &v)) {
        uint64_t at = objects_id_of(key);

        cr_assert(seq == 0 || at == seq + 1, "seq %llu follows %llu", (unsigned long long)at, (unsigned long long)seq);
        cr_assert_eq(action_line_seq(v), at);
        seq = at;
    }
    walk_end(&w);
    cr_assert(seq == 0 || seq == queue_last(s));
    cr_assert_eq(queue_last_stored(t), queue_last(s));
}

/* ---- what action sinks set aside and remember ---------------------------------------------------------------- */

/* Comparing each row with each: tests with more than that are about something else. */
#define PAIRS_MAX 300

static bool stands_in_the_way(const struct aside_row *front, const struct aside_row *row)
{
    bool own = memcmp(front->uuid, row->uuid, UUID_BYTES) == 0;

    for (uint32_t i = 0; i < front->n_keys; i++)
        for (uint32_t k = 0; k < row->n_keys; k++) {
            enum key_mode theirs = front->keys[i].mode, ours = row->keys[k].mode;

            if (front->keys[i].hash != row->keys[k].hash || theirs == KEY_MARK || ours == KEY_MARK)
                continue;
            if (theirs == KEY_SHARED && ours == KEY_SHARED)
                continue;
            if (own && (theirs == KEY_FOREIGN || ours == KEY_FOREIGN || row->flags & ASIDE_FLAG_ANEW))
                continue;
            return true;
        }
    return false;
}

/* Rows come by id: what is in front of rows[n] is before it. */
static void check_place(const struct aside_row *rows, size_t n)
{
    const struct aside_row *row = &rows[n];
    bool behind = row->state == ASIDE_BEHIND || row->state == ASIDE_STUCK;
    size_t front = n;

    while (front > 0 && !stands_in_the_way(&rows[front - 1], row))
        front--;
    cr_assert_eq(behind, front > 0, "row %llu.%u is in state %d with%s in front of it",
                 (unsigned long long)row->id.seq, row->id.n, row->state, front ? " one" : " nothing");
    if (!behind)
        return;
    cr_assert_eq(aside_id_cmp(row->behind, rows[front - 1].id), 0, "row %llu.%u stands behind %llu.%u",
                 (unsigned long long)row->id.seq, row->id.n, (unsigned long long)row->behind.seq, row->behind.n);
    cr_assert_eq(row->state == ASIDE_STUCK, aside_is_parked(rows[front - 1].state), "row %llu.%u",
                 (unsigned long long)row->id.seq, row->id.n);
}

static void audit_aside_of(struct txn *t, const char *sink, const struct sink_row *numbers, uint64_t *keys)
{
    static struct aside_row rows[PAIRS_MAX];
    uint64_t counts[ASIDE_STATES] = { 0 };
    struct aside_id id = { 0 };
    struct aside_row row;
    struct arena a = { 0 };
    size_t n = 0;

    while (aside_next(t, sink, &id, &row, &a)) {
        counts[row.state]++;
        *keys += row.n_keys;   /* an upper bound: the same key may stand in a row twice */
        if (n < PAIRS_MAX) {
            rows[n] = row;
            check_place(rows, n);
        } else {
            arena_reset(&a);
        }
        n++;
    }
    for (int i = 0; i < ASIDE_STATES; i++)
        cr_assert_eq(counts[i], numbers->aside[i], "sink %s has %llu rows in state %d", sink,
                     (unsigned long long)counts[i], i);
    arena_free(&a);
}

static uint64_t count_also(const struct record *r)
{
    struct reader also = reader_of(r->also);
    uint64_t n = 0;

    for (; also.left && !also.bad; n++)
        read_bytes(&also);
    return n;
}

static void audit_records_of(struct txn *t, const char *sink, const struct sink_row *numbers, uint64_t *records,
                             uint64_t *addresses)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct record r;
    uint64_t due = 0;

    while (record_next(t, sink, &next, &r, &a)) {
        uint8_t uuid[UUID_BYTES];

        cr_assert(record_at(t, sink, r.address, uuid), "%.*s is not in the index", SLICE_ARG(r.address));
        due += r.due_ms != 0;
        (*records)++;
        *addresses += 1 + count_also(&r);
        arena_reset(&a);
    }
    cr_assert_eq(due, numbers->due);
    buf_free(&next);
    arena_free(&a);
}

static void audit_sinks(struct txn *t)
{
    uint64_t keys = 0, records = 0, addresses = 0, due = 0, retry = 0, behind = 0, wait = 0, position;
    struct buf next = { 0 };
    struct sink_row numbers;
    struct slice name;

    while (sink_position_next(t, &next, &name, &position)) {
        char *text = mem_printf("%.*s", SLICE_ARG(name));

        cr_assert(sink_row_get(t, text, &numbers));
        audit_aside_of(t, text, &numbers, &keys);
        audit_records_of(t, text, &numbers, &records, &addresses);
        due += numbers.due;
        retry += numbers.aside[ASIDE_RETRY];
        behind += numbers.aside[ASIDE_BEHIND] + numbers.aside[ASIDE_STUCK];
        wait += numbers.aside[ASIDE_DOMAIN] + numbers.aside[ASIDE_UNWELL];
        free(text);
    }
    buf_free(&next);
    cr_assert_eq(txn_count(t, TABLE_ASIDE_DUE), retry);
    cr_assert_eq(txn_count(t, TABLE_ASIDE_BEHIND), behind);
    cr_assert_eq(txn_count(t, TABLE_ASIDE_WAIT), wait);
    cr_assert(txn_count(t, TABLE_ASIDE_KEY) <= keys);
    cr_assert(keys == 0 || txn_count(t, TABLE_ASIDE_KEY) > 0);
    cr_assert_eq(txn_count(t, TABLE_RECORD), records);
    cr_assert_eq(txn_count(t, TABLE_RECORD_ADDRESS), addresses);
    cr_assert_eq(txn_count(t, TABLE_RECORD_DUE), due);
}

/* Nobody is both, and what was told of members is that of a group which is one or the other. */
static void audit_gone(struct txn *t)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct slice key, v;
    struct gone g;
    struct walk w;

    while (gone_next(t, &next, &g, &a)) {
        cr_assert_eq(g.o.state, OBJECT_GONE);
        cr_assert_eq(objects_find(t, g.o.uuid, NULL), 0, "%.*s is gone and mirrored", SLICE_ARG(g.o.address));
    }
    walk_begin(&w, t, TABLE_TOLD);
    while (walk_next(&w, (struct slice){ 0 }, &key, &v))
        cr_assert(objects_find(t, (const uint8_t *)key.p, NULL) || gone_get(t, (const uint8_t *)key.p, &g, &a),
                  "members are told of a group that is none");
    walk_end(&w);
    buf_free(&next);
    arena_free(&a);
}

void audit_store(struct store *s)
{
    struct txn *t = txn_begin(s->db, DB_READ);
    struct err e;

    audit_objects(s, t);
    audit_pending(s, t);
    audit_holds(s, t);
    audit_window(s, t);
    audit_wants(t);
    audit_alias_wants(t);
    audit_fresh(t);
    audit_queue(s, t);
    audit_sinks(t);
    audit_members(t);
    audit_leaving(t);
    audit_gone(t);
    if (s->has_dns)
        audit_groups(s, t);
    cr_assert_eq(txn_commit(&t, &e), 0, "%s", e.text);
}
