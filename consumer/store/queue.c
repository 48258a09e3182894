#include "queue.h"

#include "objects.h"

void queue_push(struct store *s, struct txn *t, struct action *a, struct buf *scratch)
{
    uint8_t key[8];

    a->seq = s->next_seq++;
    s->dirty = true;
    buf_reset(scratch);
    action_json(a, scratch);
    objects_id_key(a->seq, key);
    txn_append(t, TABLE_QUEUE, slice_make(key, sizeof(key)), buf_slice(scratch));
}

uint64_t queue_last(const struct store *s)
{
    return s->next_seq - 1;
}

uint64_t queue_last_stored(struct txn *t)
{
    uint64_t next = store_next_seq(t);

    return next ? next - 1 : 0;
}

size_t queue_read(struct txn *t, uint64_t after, size_t max_bytes, struct buf *out, uint64_t *last)
{
    uint8_t from[8];
    struct slice key, v;
    struct walk w;
    size_t n = 0;

    objects_id_key(after + 1, from);
    walk_begin(&w, t, TABLE_QUEUE);
    while (out->len < max_bytes && walk_next(&w, slice_make(from, sizeof(from)), &key, &v)) {
        buf_add_slice(out, v);
        buf_u8(out, '\n');
        *last = objects_id_of(key);
        n++;
    }
    walk_end(&w);
    return n;
}

bool sink_position_get(struct txn *t, const char *name, uint64_t *position)
{
    struct slice v;
    struct reader r;

    if (!txn_get(t, TABLE_SINK, slice_of(name), &v))
        return false;
    r = reader_of(v);
    if (read_u8(&r) != 1)
        return false;
    *position = read_u64(&r);
    return !r.bad;
}

void sink_position_put(struct txn *t, const char *name, uint64_t position)
{
    struct buf b = { 0 };

    buf_u8(&b, 1);
    buf_u64(&b, position);
    txn_put(t, TABLE_SINK, slice_of(name), buf_slice(&b));
    buf_free(&b);
}

void sink_position_del(struct txn *t, const char *name)
{
    txn_del(t, TABLE_SINK, slice_of(name));
}

bool sink_position_next(struct txn *t, struct buf *next, struct slice *name, uint64_t *position)
{
    struct slice v;
    struct reader r;
    struct walk w;
    bool found;

    walk_begin(&w, t, TABLE_SINK);
    found = walk_next(&w, buf_slice(next), name, &v);
    walk_end(&w);
    if (!found)
        return false;
    r = reader_of(v);
    read_u8(&r);
    *position = read_u64(&r);
    buf_reset(next);
    buf_add_slice(next, *name);
    *name = buf_slice(next);   /* a copy that outlives the next write */
    buf_u8(next, 0);
    name->p = next->p;
    return true;
}

size_t queue_drop(struct txn *t, uint64_t upto, size_t max_rows)
{
    struct slice key, v;
    struct walk w;
    size_t n = 0;

    walk_begin(&w, t, TABLE_QUEUE);
    while (n < max_rows && walk_next(&w, (struct slice){ 0 }, &key, &v) && objects_id_of(key) <= upto) {
        walk_del(&w);
        n++;
    }
    walk_end(&w);
    return n;
}
