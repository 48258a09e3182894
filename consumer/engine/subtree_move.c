/* The walks over all that is known: what lies under a container that moved, or went. */
#include "containers.h"
#include "dn.h"
#include "log.h"
#include "mirror.h"

/* Looked at in one piece: LMDB's cursor does not stay open over writes. */
#define PIECE 500

/* Canonical DNs, ascending, and the answer for the last parent that was asked for: neighbours in the table often share it. */
struct bases {
    const struct slice *all;
    size_t n;
    struct buf parent, canonical;
    bool within;
};

static void bases_free(struct bases *b)
{
    buf_free(&b->parent);
    buf_free(&b->canonical);
}

static bool is_base(const struct bases *b, struct slice dn)
{
    size_t low = 0, high = b->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int d = slice_cmp(b->all[middle], dn);

        if (d == 0)
            return true;
        if (d < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Whether a DN lies below one of them. */
static bool lies_under(struct bases *b, struct slice dn)
{
    struct slice parent = dn_parent(dn), at;

    if (parent.len == 0)
        return false;
    if (slice_eq(parent, buf_slice(&b->parent)))
        return b->within;
    buf_reset(&b->parent);
    buf_add_slice(&b->parent, parent);
    buf_reset(&b->canonical);
    b->within = false;
    if (!dn_normalise(parent, &b->canonical))
        return false;
    for (at = buf_slice(&b->canonical); at.len > 0 && !b->within; at = dn_parent(at))
        b->within = is_base(b, at);
    return b->within;
}

/* ---- objects ------------------------------------------------------------------------------------------------ */

/* What a walk does with each object under the bases. */
struct visitor {
    void (*object)(struct mirror *m, object_id id, const struct object *o, void *ctx);
    void *ctx;
};

/* The ids of those under the bases among the next PIECE objects. Returns where to go on; 0: that was all. */
static object_id find_objects(struct mirror *m, struct bases *b, object_id from, struct buf *ids)
{
    struct arena a = { 0 };
    struct slice key, value;
    struct object o;
    uint8_t first[8];
    object_id id = 0;
    struct walk w;
    int n = 0;

    objects_id_key(from, first);
    walk_begin(&w, m->t, TABLE_OBJECT);
    while (n < PIECE && walk_next(&w, slice_make(first, sizeof(first)), &key, &value)) {
        n++;
        id = objects_id_of(key);
        if (object_decode(value, &o, &a) == 0 && o.state != OBJECT_GONE && lies_under(b, o.dn))
            buf_u64(ids, id);
        arena_reset(&a);
    }
    walk_end(&w);
    arena_free(&a);
    return n < PIECE ? 0 : id + 1;
}

static void visit(struct mirror *m, struct slice ids, const struct visitor *v)
{
    struct reader r = reader_of(ids);
    struct arena a = { 0 };
    struct object o;

    while (r.left) {
        object_id id = read_u64(&r);

        if (objects_read(m->t, id, &o, &a))
            v->object(m, id, &o, v->ctx);
        arena_reset(&a);
        arena_reset(&m->a);   /* nobody keeps something in it over a walk of a million */
    }
    arena_free(&a);
}

/* Between two pieces. note: writes down where to go on. */
static int pause_walk(struct mirror *m, object_id next, void (*note)(struct mirror *, object_id, void *), void *ctx,
                      struct err *e)
{
    if (!mirror_is_full(m))
        return 0;
    note(m, next, ctx);
    return mirror_pause(m, "what lies under a container is gone through", e);
}

static int walk_objects(struct mirror *m, struct bases *b, object_id from, const struct visitor *v,
                        void (*note)(struct mirror *, object_id, void *), void *ctx, struct err *e)
{
    struct buf ids = { 0 };
    int rc = 0;

    do {
        buf_reset(&ids);
        from = find_objects(m, b, from, &ids);
        visit(m, buf_slice(&ids), v);
        if (from != 0)
            rc = pause_walk(m, from, note, ctx, e);
    } while (from != 0 && rc == 0);
    buf_free(&ids);
    return rc;
}

/* ---- a container moves -------------------------------------------------------------------------------------- */

struct move {
    struct slice from, to;
    enum phase_word phase;
};

static struct slice moved(const struct move *mv, struct slice dn, struct buf *room)
{
    buf_reset(room);
    return dn_move(dn, mv->from, mv->to, room) ? buf_slice(room) : dn;
}

static void move_object(struct mirror *m, object_id id, const struct object *o, void *ctx)
{
    const struct move *mv = ctx;
    struct buf room = { 0 };

    ingest_move(m, id, o, moved(mv, o->dn, &room), mv->phase);
    buf_free(&room);
}

/* The entry lay in the place of the search that shows such objects, and was moved out of it. */
static bool left_its_place(struct mirror *m, enum object_kind kind, struct slice from, struct slice to)
{
    struct mirror_search *s = search_of(m, kind);

    return subtree_in_place(m, s, from) && !subtree_in_place(m, s, to);
}

/* Returns the UUIDs of those that are not mirrored and are in their place no more. */
static void move_wants(struct mirror *m, struct bases *b, const struct move *mv, struct buf *left)
{
    struct buf next = { 0 }, room = { 0 };
    struct arena a = { 0 };
    struct object o;

    while (want_next(m->t, &next, &o, &a)) {
        if (lies_under(b, o.dn)) {
            struct slice from = o.dn;

            o.dn = moved(mv, from, &room);
            want_put(m->store, m->t, &o);
            if (left_its_place(m, o.kind, from, o.dn) && objects_find(m->t, o.uuid, NULL) == 0)
                buf_add(left, o.uuid, UUID_BYTES);
        }
        arena_reset(&a);
    }
    arena_free(&a);
    buf_free(&room);
    buf_free(&next);
}

static void move_invalid(struct mirror *m, struct bases *b, const struct move *mv, struct buf *left)
{
    struct buf next = { 0 }, room = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct slice dn, reason, stamp;
    struct arena a = { 0 };
    enum object_kind kind;

    while (invalid_next(m->t, &next, uuid, &dn, &reason, &a)) {
        if (lies_under(b, dn) && invalid_kind(m->t, uuid, &kind) && invalid_stamp(m->t, uuid, &stamp, &a)) {
            struct slice to = moved(mv, dn, &room);

            invalid_put(m->t, uuid, kind, to, reason, stamp);
            if (left_its_place(m, kind, dn, to) && objects_find(m->t, uuid, NULL) == 0)
                buf_add(left, uuid, UUID_BYTES);
        }
        arena_reset(&a);
    }
    arena_free(&a);
    buf_free(&room);
    buf_free(&next);
}

/* One that is not mirrored, and was moved out of the base: nothing is to be told of it, and an address that it waited for must not make
 * an account of it out there. It is forgotten, and not only looked up: the address may become free before the answer comes. The answer
 * takes it in again where it is in its place after all. Only when all that moves with it has its new DN: who gets the address may be
 * one of those. */
static void forget_left(struct mirror *m, struct slice uuids)
{
    for (size_t i = 0; i < uuids.len; i += UUID_BYTES) {
        const uint8_t *uuid = (const uint8_t *)uuids.p + i;
        enum object_kind kind = OBJECT_ACCOUNT;
        struct object o;

        if (want_get(m->t, uuid, &o, &m->a))
            kind = o.kind;
        else
            invalid_kind(m->t, uuid, &kind);
        ingest_forget(m, uuid, kind);
        search_ask(search_of(m, kind), uuid);
    }
}

static void move_containers(struct mirror *m, struct bases *b, const struct move *mv)
{
    struct buf next = { 0 }, room = { 0 };
    struct arena a = { 0 };
    struct container c;

    while (containers_next(m->t, &next, &c, &a)) {
        if (!c.gone && lies_under(b, c.dn)) {
            c.dn = moved(mv, c.dn, &room);
            containers_put(m->t, &c);
        }
        arena_reset(&a);
    }
    arena_free(&a);
    buf_free(&room);
    buf_free(&next);
}

/* The row of what is left to be done. */
static void note_move(struct mirror *m, object_id next, void *ctx)
{
    const struct move *mv = ctx;
    struct buf b = { 0 };

    buf_u64(&b, next);
    buf_bytes(&b, mv->from);
    buf_bytes(&b, mv->to);
    meta_put(m->t, "moving", NULL, buf_slice(&b));
    buf_free(&b);
}

static int move_objects(struct mirror *m, struct bases *b, object_id from, struct move *mv, struct err *e)
{
    const struct visitor v = { move_object, mv };
    int rc = walk_objects(m, b, from, &v, note_move, mv, e);

    if (rc == 0)
        meta_put(m->t, "moving", NULL, (struct slice){ 0 });
    m->urgent = true;
    return rc;
}

int subtree_move(struct mirror *m, struct slice from, struct slice to, enum phase_word phase, struct err *e)
{
    struct move mv = { from, to, phase };
    struct buf canonical = { 0 }, left = { 0 };
    struct slice base;
    struct bases b = { .all = &base, .n = 1 };
    int rc = subtree_move_rest(m, e);   /* there is one row for what is left */

    if (rc == 0 && dn_normalise(from, &canonical)) {
        base = buf_slice(&canonical);
        move_wants(m, &b, &mv, &left);
        move_invalid(m, &b, &mv, &left);
        move_containers(m, &b, &mv);
        forget_left(m, buf_slice(&left));
        rc = move_objects(m, &b, 0, &mv, e);
    }
    bases_free(&b);
    buf_free(&canonical);
    buf_free(&left);
    return rc;
}

int subtree_move_rest(struct mirror *m, struct err *e)
{
    struct move mv = { .phase = PHASE_LOCAL };
    struct buf canonical = { 0 };
    struct arena a = { 0 };
    struct slice row, base;
    struct bases b = { .all = &base, .n = 1 };
    struct reader r;
    object_id from;
    int rc = 0;

    if (!meta_get(m->t, "moving", NULL, &row))
        return 0;
    r = reader_of(arena_copy(&a, row.p, row.len));
    from = read_u64(&r);
    mv.from = read_bytes(&r);
    mv.to = read_bytes(&r);
    if (!r.bad && dn_normalise(mv.from, &canonical)) {
        base = buf_slice(&canonical);
        log_info(m->subject, "going on with what lies under %.*s, which is %.*s now", SLICE_ARG(mv.from), SLICE_ARG(mv.to));
        rc = move_objects(m, &b, from, &mv, e);
    }
    bases_free(&b);
    buf_free(&canonical);
    arena_free(&a);
    return rc;
}

/* ---- containers went ---------------------------------------------------------------------------------------- */

static void suspect_object(struct mirror *m, object_id id, const struct object *o, void *ctx)
{
    size_t *n = ctx;

    (void)id;
    pend_delete(m, o, CAUSE_ABSENT, PHASE_LOCAL, false, course_is_suspicious(m, search_of(m, o->kind)));
    (*n)++;
}

/* Nothing: the rows of the containers say that it is to be done, until all of it is. */
static void note_nothing(struct mirror *m, object_id next, void *ctx)
{
    (void)m;
    (void)next;
    (void)ctx;
}

/* Those that wait for an address, or are invalid. */
static void suspect_others(struct mirror *m, struct bases *b)
{
    struct buf next = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct slice dn, reason;
    struct arena a = { 0 };
    enum object_kind kind;
    struct object o;

    while (want_next(m->t, &next, &o, &a)) {
        if (lies_under(b, o.dn))
            search_ask(search_of(m, o.kind), o.uuid);
        arena_reset(&a);
    }
    buf_reset(&next);
    while (invalid_next(m->t, &next, uuid, &dn, &reason, &a)) {
        if (lies_under(b, dn) && invalid_kind(m->t, uuid, &kind))
            search_ask(search_of(m, kind), uuid);
        arena_reset(&a);
    }
    arena_free(&a);
    buf_free(&next);
}

int subtree_suspect(struct mirror *m, const struct slice *bases, size_t n, struct err *e)
{
    struct bases b = { .all = bases, .n = n };
    size_t found = 0;
    const struct visitor v = { suspect_object, &found };
    int rc;

    suspect_others(m, &b);
    rc = walk_objects(m, &b, 0, &v, note_nothing, NULL, e);
    if (found)
        log_info(m->subject, "%zu entries lie under %zu containers that are gone; looking each up", found, n);
    m->urgent = true;
    bases_free(&b);
    return rc;
}
