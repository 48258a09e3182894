#include "gone.h"

#include <stdlib.h>

#include "aside.h"
#include "mem.h"
#include "members.h"
#include "pending.h"
#include "records.h"

#define ROW_VERSION 1
#define FLAG_SEEN 1
#define FLAG_SUSPECT 2

static struct slice key_of(const uint8_t *uuid)
{
    return slice_make(uuid, UUID_BYTES);
}

void gone_put(struct txn *t, const struct gone *g)
{
    struct object o = g->o;
    struct buf value = { 0 }, object = { 0 };

    o.state = OBJECT_GONE;
    object_encode(&o, &object);
    buf_u8(&value, ROW_VERSION);
    buf_u8(&value, (uint8_t)g->cause);
    buf_u64(&value, (uint64_t)g->since_ms);
    buf_u64(&value, g->seq);
    buf_bytes(&value, buf_slice(&object));
    buf_u8(&value, (uint8_t)((g->seen ? FLAG_SEEN : 0) | (g->suspect ? FLAG_SUSPECT : 0)));
    txn_put(t, TABLE_GONE, key_of(o.uuid), buf_slice(&value));
    buf_free(&object);
    buf_free(&value);
}

/* Copied, since LMDB may move a page with the next write of this transaction. */
static bool decode(struct slice value, struct gone *g, struct arena *a)
{
    struct reader r = reader_of(arena_copy(a, value.p, value.len));
    struct slice object;
    uint8_t flags;

    if (read_u8(&r) != ROW_VERSION)
        return false;
    g->cause = (enum cause)read_u8(&r);
    g->since_ms = (int64_t)read_u64(&r);
    g->seq = read_u64(&r);
    object = read_bytes(&r);
    flags = !r.bad && r.left ? read_u8(&r) : 0;
    g->seen = flags & FLAG_SEEN;
    g->suspect = flags & FLAG_SUSPECT;
    return !r.bad && object_decode(object, &g->o, a) == 0;
}

bool gone_get(struct txn *t, const uint8_t *uuid, struct gone *g, struct arena *a)
{
    struct slice v;

    return txn_get(t, TABLE_GONE, key_of(uuid), &v) && decode(v, g, a);
}

bool gone_del(struct txn *t, const uint8_t *uuid)
{
    struct slice v;

    if (!txn_get(t, TABLE_GONE, key_of(uuid), &v))
        return false;
    txn_del(t, TABLE_GONE, key_of(uuid));
    return true;
}

bool gone_next(struct txn *t, struct buf *next, struct gone *g, struct arena *a)
{
    struct slice key, v;
    struct walk w;
    bool found = false;

    walk_begin(&w, t, TABLE_GONE);
    while (!found && walk_next(&w, buf_slice(next), &key, &v)) {
        found = decode(v, g, a);
        buf_reset(next);
        buf_add_slice(next, key);
        buf_u8(next, 0);   /* the first above */
    }
    walk_end(&w);
    return found;
}

/* ---- whether it is needed ------------------------------------------------------------------------------------ */

bool gone_kept(struct txn *t)
{
    struct buf next = { 0 };
    struct slice name;
    struct sink_row row = { 0 };
    uint64_t position;

    while (!row.actions && sink_position_next(t, &next, &name, &position)) {
        char *text = mem_printf("%.*s", SLICE_ARG(name));

        sink_row_get(t, text, &row);
        free(text);
    }
    buf_free(&next);
    return row.actions;
}

/* A sink that has not come to the deletion may still do what stands before it, and one that set it aside will do it. */
static bool sink_needs(struct txn *t, const char *sink, const uint8_t *uuid, uint64_t seq)
{
    struct sink_row row;

    return sink_row_get(t, sink, &row) && row.actions && (row.position < seq || aside_has_uuid(t, sink, uuid));
}

static bool is_pending(struct txn *t, const uint8_t *uuid)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct pending p;
    bool pending = pending_next(t, uuid, &next, &p, &a);

    buf_free(&next);
    arena_free(&a);
    return pending;
}

static bool is_needed(struct txn *t, const uint8_t *uuid, uint64_t seq)
{
    struct buf next = { 0 };
    struct slice name;
    uint64_t position;
    bool needed = record_anywhere(t, uuid) || is_pending(t, uuid);

    while (!needed && sink_position_next(t, &next, &name, &position)) {
        char *text = mem_printf("%.*s", SLICE_ARG(name));

        needed = sink_needs(t, text, uuid, seq);
        free(text);
    }
    buf_free(&next);
    return needed;
}

bool gone_release(struct txn *t, const uint8_t *uuid)
{
    struct arena a = { 0 };
    struct gone g;
    bool released = gone_get(t, uuid, &g, &a) && !is_needed(t, uuid, g.seq);

    arena_free(&a);
    if (!released)
        return false;
    gone_del(t, uuid);
    told_forget(t, uuid);
    return true;
}

size_t gone_release_all(struct txn *t)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct gone g;
    size_t n = 0;

    while (gone_next(t, &next, &g, &a)) {
        n += gone_release(t, g.o.uuid);
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    return n;
}
