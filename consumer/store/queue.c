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
