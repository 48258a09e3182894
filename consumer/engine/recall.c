#include "recall.h"

#include <stdlib.h>

#include "step.h"

static const struct recall_put *newest(const struct recall *r, const uint8_t *uuid)
{
    for (size_t i = r->n; i-- > 0;)
        if (memcmp(r->puts[i].record.uuid, uuid, UUID_BYTES) == 0)
            return &r->puts[i];
    return NULL;
}

static bool get(void *ctx, const uint8_t *uuid, struct slice *bytes, struct arena *a)
{
    struct recall *r = ctx;
    const struct recall_put *p = newest(r, uuid);
    struct record stored;
    struct txn *t;
    bool found;

    if (p) {
        *bytes = p->gone ? (struct slice){ 0 } : arena_copy(a, p->record.bytes.p, p->record.bytes.len);
        return !p->gone;
    }
    t = txn_begin(r->db, DB_READ);
    found = record_get(t, r->sink, uuid, &stored, a);
    txn_abort(&t);
    if (found)
        *bytes = stored.bytes;
    return found;
}

static bool at(void *ctx, struct slice address, uint8_t *uuid)
{
    struct recall *r = ctx;
    struct txn *t;
    bool found;

    for (size_t i = r->n; i-- > 0;) {
        const struct record *p = &r->puts[i].record;

        if (!r->puts[i].gone && record_leads_to(p, address) && newest(r, p->uuid) == &r->puts[i]) {
            memcpy(uuid, p->uuid, UUID_BYTES);
            return true;
        }
    }
    t = txn_begin(r->db, DB_READ);
    found = record_at(t, r->sink, address, uuid);
    txn_abort(&t);
    return found && newest(r, uuid) == NULL;   /* else it was put elsewhere since */
}

static struct recall_put *add(struct recall *r, const uint8_t *uuid)
{
    struct recall_put *p;

    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->puts = mem_realloc(r->puts, r->cap * sizeof(*r->puts));
    }
    p = &r->puts[r->n++];
    *p = (struct recall_put){ 0 };
    memcpy(p->record.uuid, uuid, UUID_BYTES);
    return p;
}

static void put(void *ctx, const uint8_t *uuid, struct slice address, struct slice also, int64_t due_ms, struct slice bytes)
{
    struct recall *r = ctx;
    struct recall_put *p = add(r, uuid);

    p->record.address = arena_copy(&r->arena, address.p, address.len);
    p->record.also = arena_copy(&r->arena, also.p, also.len);
    p->record.bytes = arena_copy(&r->arena, bytes.p, bytes.len);
    p->record.due_ms = due_ms;
}

static void del(void *ctx, const uint8_t *uuid)
{
    struct recall *r = ctx;

    add(r, uuid)->gone = true;
}

static int sync_now(void *ctx, struct err *e)
{
    struct recall *r = ctx;
    struct changes c = { 0 };
    int rc = 0;

    recall_take(r, &c);
    if (!changes_empty(&c))
        rc = r->commit(r->ctx, &c, e);
    STEP_POINT(record_synced);
    changes_free(&c);
    return rc;
}

void recall_init(struct recall *r, struct db *db, const char *sink, recall_commit *commit, void *ctx)
{
    *r = (struct recall){
        .records = { r, get, at, put, del, sync_now }, .db = db, .sink = sink, .commit = commit, .ctx = ctx,
    };
}

void recall_free(struct recall *r)
{
    free(r->puts);
    arena_free(&r->arena);
}

void recall_take(struct recall *r, struct changes *c)
{
    for (size_t i = 0; i < r->n; i++) {
        if (r->puts[i].gone)
            changes_forget(c, r->puts[i].record.uuid);
        else
            changes_record(c, &r->puts[i].record);
    }
    recall_forget(r);
}

void recall_forget(struct recall *r)
{
    r->n = 0;
    arena_reset(&r->arena);
}
