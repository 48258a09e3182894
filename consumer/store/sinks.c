#include "sinks.h"

enum { ROW_VERSION = 1, TAG_TELLING = 2, TAG_FIRST = 3, TAG_DUE = 4, TAG_ACTIONS = 5, TAG_ASIDE = 0x10 };

static void read_tags(struct reader *r, struct sink_row *row)
{
    while (r->left && !r->bad) {
        unsigned tag = read_u8(r);
        uint64_t v = read_u64(r);

        if (tag == TAG_TELLING)
            row->telling = v != 0;
        else if (tag == TAG_ACTIONS)
            row->actions = v != 0;
        else if (tag == TAG_FIRST)
            row->first_upto = v;
        else if (tag == TAG_DUE)
            row->due = v;
        else if (tag >= TAG_ASIDE && tag < TAG_ASIDE + ASIDE_STATES)
            row->aside[tag - TAG_ASIDE] = v;
    }
}

static bool read_row(struct slice v, struct sink_row *row)
{
    struct reader r = reader_of(v);

    *row = (struct sink_row){ 0 };
    if (read_u8(&r) != ROW_VERSION)
        return false;
    row->position = read_u64(&r);
    read_tags(&r, row);
    return !r.bad;
}

bool sink_row_get(struct txn *t, const char *name, struct sink_row *row)
{
    struct slice v;

    *row = (struct sink_row){ 0 };
    return txn_get(t, TABLE_SINK, slice_of(name), &v) && read_row(v, row);
}

static void put_tag(struct buf *b, unsigned tag, uint64_t v)
{
    if (v == 0)
        return;
    buf_u8(b, (uint8_t)tag);
    buf_u64(b, v);
}

void sink_row_put(struct txn *t, const char *name, const struct sink_row *row)
{
    struct buf b = { 0 };

    buf_u8(&b, ROW_VERSION);
    buf_u64(&b, row->position);
    put_tag(&b, TAG_ACTIONS, row->actions);
    put_tag(&b, TAG_TELLING, row->telling);
    put_tag(&b, TAG_FIRST, row->first_upto);
    put_tag(&b, TAG_DUE, row->due);
    for (unsigned i = 0; i < ASIDE_STATES; i++)
        put_tag(&b, TAG_ASIDE + i, row->aside[i]);
    txn_put(t, TABLE_SINK, slice_of(name), buf_slice(&b));
    buf_free(&b);
}

void sink_row_count(struct txn *t, const char *name, enum aside_state state, int by)
{
    struct sink_row row;

    sink_row_get(t, name, &row);
    row.aside[state] += (uint64_t)(int64_t)by;
    sink_row_put(t, name, &row);
}

void sink_row_count_due(struct txn *t, const char *name, int by)
{
    struct sink_row row;

    sink_row_get(t, name, &row);
    row.due += (uint64_t)(int64_t)by;
    sink_row_put(t, name, &row);
}

uint64_t sink_row_parked(const struct sink_row *row)
{
    return row->aside[ASIDE_PARKED] + row->aside[ASIDE_ADOPT] + row->aside[ASIDE_STUCK];
}

uint64_t sink_row_waiting(const struct sink_row *row)
{
    return row->aside[ASIDE_RETRY] + row->aside[ASIDE_BEHIND] + row->aside[ASIDE_DOMAIN] + row->aside[ASIDE_UNWELL];
}

bool sink_position_get(struct txn *t, const char *name, uint64_t *position)
{
    struct sink_row row;

    if (!sink_row_get(t, name, &row))
        return false;
    *position = row.position;
    return true;
}

void sink_position_put(struct txn *t, const char *name, uint64_t position)
{
    struct sink_row row;

    sink_row_get(t, name, &row);
    row.position = position;
    sink_row_put(t, name, &row);
}

void sink_position_del(struct txn *t, const char *name)
{
    txn_del(t, TABLE_SINK, slice_of(name));
}

bool sink_position_next(struct txn *t, struct buf *next, struct slice *name, uint64_t *position)
{
    struct sink_row row;
    struct slice v;
    struct walk w;
    bool found;

    walk_begin(&w, t, TABLE_SINK);
    found = walk_next(&w, buf_slice(next), name, &v);
    walk_end(&w);
    if (!found)
        return false;
    read_row(v, &row);
    *position = row.position;
    buf_reset(next);
    buf_add_slice(next, *name);
    *name = buf_slice(next);   /* a copy that outlives the next write */
    buf_u8(next, 0);
    name->p = next->p;
    return true;
}

void sink_key(struct buf *key, const char *name)
{
    buf_reset(key);
    buf_puts(key, name);
    buf_u8(key, 0);
}

size_t sink_table_drop(struct txn *t, enum table table, const char *name)
{
    struct buf prefix = { 0 };
    struct slice key, v;
    struct walk w;
    size_t n = 0;

    sink_key(&prefix, name);
    walk_begin(&w, t, table);
    while (walk_next(&w, buf_slice(&prefix), &key, &v) && slice_has_prefix(key, buf_slice(&prefix))) {
        walk_del(&w);
        n++;
    }
    walk_end(&w);
    buf_free(&prefix);
    return n;
}
