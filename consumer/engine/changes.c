#include "changes.h"

#include "gone.h"

/* u8 op, then: */
enum op {
    OP_POSITION = 1,   /* u64 */
    OP_TELLING,        /* u8, first_upto u64 */
    OP_ADD,            /* seq u64, n u32, u32 length and row */
    OP_EDIT,           /* the same */
    OP_END,            /* seq u64, n u32 */
    OP_SUPERSEDE,      /* uuid, seq u64, n u32, what u8 */
    OP_RECORD,         /* uuid, due u64, u32 length and address, u32 length and bytes, u32 length and other addresses */
    OP_WHY,            /* uuid, u32 length and text */
    OP_FORGET,         /* uuid */
    OP_SETTLED         /* uuid */
};

void changes_free(struct changes *c)
{
    buf_free(&c->ops);
}

void changes_reset(struct changes *c)
{
    buf_reset(&c->ops);
}

bool changes_empty(const struct changes *c)
{
    return c->ops.len == 0;
}

void changes_position(struct changes *c, uint64_t position)
{
    buf_u8(&c->ops, OP_POSITION);
    buf_u64(&c->ops, position);
}

void changes_telling(struct changes *c, bool telling, uint64_t first_upto)
{
    buf_u8(&c->ops, OP_TELLING);
    buf_u8(&c->ops, telling);
    buf_u64(&c->ops, first_upto);
}

static void put_row(struct changes *c, enum op op, const struct aside_row *row)
{
    struct buf bytes = { 0 };

    aside_row_encode(row, &bytes);
    buf_u8(&c->ops, (uint8_t)op);
    buf_u64(&c->ops, row->id.seq);
    buf_u32(&c->ops, row->id.n);
    buf_bytes(&c->ops, buf_slice(&bytes));
    buf_free(&bytes);
}

void changes_add(struct changes *c, const struct aside_row *row)
{
    put_row(c, OP_ADD, row);
}

void changes_edit(struct changes *c, const struct aside_row *row)
{
    put_row(c, OP_EDIT, row);
}

void changes_end(struct changes *c, struct aside_id id)
{
    buf_u8(&c->ops, OP_END);
    buf_u64(&c->ops, id.seq);
    buf_u32(&c->ops, id.n);
}

void changes_supersede(struct changes *c, const uint8_t *uuid, struct aside_id before, unsigned what)
{
    buf_u8(&c->ops, OP_SUPERSEDE);
    buf_add(&c->ops, uuid, UUID_BYTES);
    buf_u64(&c->ops, before.seq);
    buf_u32(&c->ops, before.n);
    buf_u8(&c->ops, (uint8_t)what);
}

void changes_record(struct changes *c, const struct record *r)
{
    buf_u8(&c->ops, OP_RECORD);
    buf_add(&c->ops, r->uuid, UUID_BYTES);
    buf_u64(&c->ops, (uint64_t)r->due_ms);
    buf_bytes(&c->ops, r->address);
    buf_bytes(&c->ops, r->bytes);
    buf_bytes(&c->ops, r->also);
}

void changes_why(struct changes *c, const uint8_t *uuid, struct slice why)
{
    buf_u8(&c->ops, OP_WHY);
    buf_add(&c->ops, uuid, UUID_BYTES);
    buf_bytes(&c->ops, why);
}

void changes_forget(struct changes *c, const uint8_t *uuid)
{
    buf_u8(&c->ops, OP_FORGET);
    buf_add(&c->ops, uuid, UUID_BYTES);
}

void changes_settled(struct changes *c, const uint8_t *uuid)
{
    buf_u8(&c->ops, OP_SETTLED);
    buf_add(&c->ops, uuid, UUID_BYTES);
}

void changes_append(struct changes *c, const struct changes *other)
{
    buf_add_slice(&c->ops, buf_slice(&other->ops));
}

/* ---- applied ------------------------------------------------------------------------------------------------- */

static struct aside_id read_id(struct reader *r)
{
    uint64_t seq = read_u64(r);

    return (struct aside_id){ seq, read_u32(r) };
}

static void read_uuid(struct reader *r, uint8_t *uuid)
{
    struct slice s = read_take(r, UUID_BYTES);

    if (s.len == UUID_BYTES)
        memcpy(uuid, s.p, UUID_BYTES);
}

static void apply_row(struct txn *t, const char *sink, enum op op, struct reader *r)
{
    struct aside_id id = read_id(r);
    struct arena a = { 0 };
    struct aside_row row;

    if (aside_row_decode(read_bytes(r), &row, &a)) {
        row.id = id;
        if (op == OP_ADD)
            aside_add(t, sink, &row);
        else
            aside_edit(t, sink, &row);
    }
    arena_free(&a);
}

static void apply_supersede(struct txn *t, const char *sink, struct reader *r)
{
    uint8_t uuid[UUID_BYTES] = { 0 };
    struct aside_id before;

    read_uuid(r, uuid);
    before = read_id(r);
    aside_supersede(t, sink, uuid, before, read_u8(r));
}

static void apply_record(struct txn *t, const char *sink, struct reader *r, int64_t now_ms)
{
    struct record record = { 0 };

    read_uuid(r, record.uuid);
    record.due_ms = (int64_t)read_u64(r);
    record.address = read_bytes(r);
    record.bytes = read_bytes(r);
    record.also = read_bytes(r);
    record_put(t, sink, &record, now_ms);
}

static void apply_telling(struct txn *t, const char *sink, struct reader *r)
{
    struct sink_row row;

    sink_row_get(t, sink, &row);
    row.telling = read_u8(r);
    row.first_upto = read_u64(r);
    sink_row_put(t, sink, &row);
}

/* At the end, when position, rows and records are what they will be. */
static void release_settled(struct txn *t, struct buf *settled)
{
    for (size_t i = 0; i < settled->len; i += UUID_BYTES)
        gone_release(t, (const uint8_t *)settled->p + i);
    buf_free(settled);
}

bool changes_apply(struct txn *t, const char *sink, struct slice ops, int64_t now_ms, uint64_t *position)
{
    struct reader r = reader_of(ops);
    uint8_t uuid[UUID_BYTES] = { 0 };
    struct buf settled = { 0 };
    bool moved = false;

    while (r.left && !r.bad) {
        enum op op = (enum op)read_u8(&r);

        switch (op) {
        case OP_POSITION:
            *position = read_u64(&r);
            sink_position_put(t, sink, *position);
            moved = true;
            break;
        case OP_TELLING:
            apply_telling(t, sink, &r);
            break;
        case OP_ADD:
        case OP_EDIT:
            apply_row(t, sink, op, &r);
            break;
        case OP_END:
            aside_end(t, sink, read_id(&r));
            break;
        case OP_SUPERSEDE:
            apply_supersede(t, sink, &r);
            break;
        case OP_RECORD:
            apply_record(t, sink, &r, now_ms);
            break;
        case OP_WHY:
            read_uuid(&r, uuid);
            record_why(t, sink, uuid, read_bytes(&r));
            break;
        case OP_FORGET:
            read_uuid(&r, uuid);
            record_del(t, sink, uuid);
            buf_add(&settled, uuid, UUID_BYTES);
            break;
        case OP_SETTLED:
            read_uuid(&r, uuid);
            buf_add(&settled, uuid, UUID_BYTES);
            break;
        }
    }
    release_settled(t, &settled);
    return moved;
}
