#include "verify_target.h"

#include <stdlib.h>

#include "records.h"

/* ---- the sink's memory, to read ----------------------------------------------------------------------------- */

static bool get_record(void *ctx, const uint8_t *uuid, struct slice *bytes, struct arena *a)
{
    struct target *t = ctx;
    struct record r;

    if (t->v->store == NULL || !record_get(verify_txn(t->v), t->name, uuid, &r, a))
        return false;
    *bytes = r.bytes;
    return true;
}

static bool record_with(void *ctx, struct slice address, uint8_t *uuid)
{
    struct target *t = ctx;

    return t->v->store && record_at(verify_txn(t->v), t->name, address, uuid);
}

/* ---- life --------------------------------------------------------------------------------------------------- */

void target_open(struct target *t, struct verify *v, const struct config_sink *s)
{
    *t = (struct target){.v = v, .name = s->name, .subject = mem_printf("%s/%s", v->conf->name, s->name)};
    connector_axigen_settings(&t->settings, s);
    t->records = (struct sink_records){.ctx = t, .get = get_record, .at = record_with};
    t->audit = axigen_audit_new(t->subject, &t->settings, &t->records);
    census_begin(&t->queued);
    if (v->store)
        sink_row_get(verify_txn(v), t->name, &t->row);
}

void target_close(struct target *t)
{
    axigen_audit_free(&t->audit);
    census_drop(&t->queued);
    buf_free(&t->domains);
    free(t->subject);
}

/* ---- domains ------------------------------------------------------------------------------------------------ */

static struct slice domain_of(struct slice address)
{
    const char *at = memrchr(address.p, '@', address.len);

    return at ? slice_make(at + 1, (size_t)(address.p + address.len - at - 1)) : slice_of("");
}

/* A provider has a few, or thousands: a list will do. */
void target_note_domain(struct target *t, struct slice address)
{
    struct reader r = reader_of(buf_slice(&t->domains));
    struct slice domain = domain_of(address);

    while (r.left > 0)
        if (slice_eq(read_bytes(&r), domain))
            return;
    buf_bytes(&t->domains, domain);
}

static int each_of(struct target *t, const struct buf *names, enum object_kind kind,
                   bool (*known)(void *ctx, struct slice address),
                   int (*each)(void *ctx, enum object_kind kind, struct slice address, struct err *e), void *ctx,
                   struct err *e)
{
    struct reader r = reader_of(buf_slice(names));
    int rc = 0;

    while (rc == 0 && r.left > 0) {
        struct slice address = read_bytes(&r);

        verify_refresh(t->v);
        if (!known(ctx, address))
            rc = each(ctx, kind, address, e);
    }
    return rc;
}

int target_each_other(struct target *t, bool (*known)(void *ctx, struct slice address),
                      int (*each)(void *ctx, enum object_kind kind, struct slice address, struct err *e), void *ctx,
                      struct err *e)
{
    struct reader domains = reader_of(buf_slice(&t->domains));
    struct buf names = {0};
    struct slice words;
    int rc = 0;

    while (rc == 0 && domains.left > 0) {
        struct slice domain = read_bytes(&domains);

        for (int kind = 0; kind < OBJECT_KINDS && rc == 0; kind++) {
            buf_reset(&names);
            rc = axigen_audit_list(t->audit, domain, (enum object_kind)kind, &names, &words, e);
            if (rc == 0 && words.len)
                verify_say(t->v, VERIFY_NOTE, t->subject, "what else is in the domain %.*s can't be seen: %.*s",
                           SLICE_ARG(domain), SLICE_ARG(words));
            if (rc == 0)
                rc = each_of(t, &names, (enum object_kind)kind, known, each, ctx, e);
        }
    }
    buf_free(&names);
    return rc;
}

/* ---- the state's objects ------------------------------------------------------------------------------------ */

static void rewind_state(void *ctx)
{
    ((struct state_objects *)ctx)->at = 0;
}

static bool next_in_state(void *ctx, struct object *o, struct arena *a)
{
    struct state_objects *s = ctx;
    struct slice key, bytes;
    uint8_t from[8];
    struct walk w;
    bool found;

    objects_id_key(s->at + 1, from);
    walk_begin(&w, verify_txn(s->v), TABLE_OBJECT);
    found = walk_next(&w, slice_make(from, sizeof(from)), &key, &bytes);
    if (found) {
        s->at = objects_id_of(key);
        bytes = arena_copy(a, bytes.p, bytes.len);
    }
    walk_end(&w);
    return found && object_decode(bytes, o, a) == 0;
}

static bool state_has(void *ctx, struct slice address)
{
    struct state_objects *s = ctx;
    bool alias;

    return objects_owner(verify_txn(s->v), address, NULL, &alias) != 0 && !alias;
}

struct verify_objects state_objects(struct state_objects *s)
{
    return (struct verify_objects){.ctx = s, .rewind = rewind_state, .next = next_in_state, .has = state_has};
}
