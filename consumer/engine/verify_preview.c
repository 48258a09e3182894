/* Before the first run: what it would take in. The same mapping as the daemon's, and the same rule of one owner for
 * each address: who comes first has it. 8 bytes of memory for each entry. */
#include "verify_sink.h"
#include "verify_spool.h"

#include <stdlib.h>

/* Hashes of addresses that are taken: open addressing, 0 is free. Two addresses with one hash of 64 bits count as one,
 * which among a million happens once in tens of millions of directories, and in a preview costs a line that is wrong.
 */
struct taken {
    uint64_t *slots;
    size_t n, cap; /* cap is a power of two */
};

struct preview {
    struct verify *v;
    struct mirror_search *s;
    struct arena a; /* of one entry */
    struct taken taken;
    struct census accounts; /* what is an account is no group */
    size_t rows;
    struct spool spool;
};

/* ---- addresses ---------------------------------------------------------------------------------------------- */

static bool put(struct taken *t, uint64_t hash)
{
    size_t i = (size_t)hash & (t->cap - 1);

    while (t->slots[i] != 0 && t->slots[i] != hash)
        i = (i + 1) & (t->cap - 1);
    if (t->slots[i] == hash)
        return false;
    t->slots[i] = hash;
    t->n++;
    return true;
}

static void grow(struct taken *t)
{
    struct taken more = {.cap = t->cap ? 2 * t->cap : 1024};

    more.slots = mem_alloc(more.cap * sizeof(*more.slots));
    for (size_t i = 0; i < t->cap; i++)
        if (t->slots[i])
            put(&more, t->slots[i]);
    free(t->slots);
    *t = more;
}

/* False: somebody has it. */
static bool take(struct taken *t, struct slice address)
{
    uint64_t hash = hash64(address);

    if (t->n >= t->cap / 2)
        grow(t);
    return put(t, hash ? hash : 1);
}

static bool is_taken(const struct taken *t, struct slice address)
{
    uint64_t hash = hash64(address);
    size_t i;

    if (t->cap == 0)
        return false;
    hash = hash ? hash : 1;
    for (i = (size_t)hash & (t->cap - 1); t->slots[i] != 0 && t->slots[i] != hash; i = (i + 1) & (t->cap - 1))
        ;
    return t->slots[i] == hash;
}

/* ---- entries ------------------------------------------------------------------------------------------------ */

static struct arena *one_entry(void *ctx)
{
    struct preview *p = ctx;

    arena_reset(&p->a);
    return &p->a;
}

static void tell(struct preview *p, const struct entry *e, const struct object *wanted)
{
    struct verify *v = p->v;
    const char *kind = object_kind_name(wanted->kind);

    if (!take(&p->taken, wanted->address)) {
        v->counts.conflicts++;
        verify_say(v, VERIFY_PREVIEW, v->conf->name, "%s %.*s (%.*s) would wait: somebody else has its address", kind,
                   SLICE_ARG(wanted->address), SLICE_ARG(e->dn));
        return;
    }
    v->counts.objects[wanted->kind]++;
    spool_put(&p->spool, wanted);
    verify_say(v, VERIFY_PREVIEW, v->conf->name, "%s %.*s (%.*s) would be taken in", kind, SLICE_ARG(wanted->address),
               SLICE_ARG(e->dn));
}

static bool row(void *ctx, struct entry *e)
{
    struct preview *p = ctx;
    struct verify *v = p->v;
    enum object_kind kind = search_objects(p->s);
    struct mapping_note *notes = NULL;
    struct object wanted;
    struct slice reason;

    v->calls->progress(v->calls->ctx, v->conf->name, search_kind_word(p->s->kind), ++p->rows);
    if (!directory_uuid(&v->directory, e, e->uuid) || (kind == OBJECT_GROUP && census_has(&p->accounts, e->uuid)))
        return true;
    if (kind == OBJECT_ACCOUNT)
        census_saw(&p->accounts, e->uuid);
    switch (mapping_apply(p->s->mapping, e, NULL, &p->a, &wanted, &reason, &notes)) {
    case MAPPED:
        tell(p, e, &wanted);
        break;
    case MAPPED_INVALID:
        v->counts.invalid++;
        verify_say(v, VERIFY_PREVIEW, v->conf->name, "%s - (%.*s) would be left alone, it is invalid: %.*s",
                   object_kind_name(kind), SLICE_ARG(e->dn), SLICE_ARG(reason));
        break;
    case MAPPED_ELSEWHERE:
        break;
    }
    return true;
}

static int read_all(struct preview *p, struct err *e)
{
    struct verify *v = p->v;
    int rc = 0;

    for (unsigned i = 0; i < v->made.n_searches && rc == 0; i++) {
        p->s = &v->made.searches[i];
        p->rows = 0;
        if (search_shows_objects(p->s))
            rc = verify_read(v, i, one_entry, row, p, e);
    }
    return rc;
}

static void tell_sum(struct verify *v)
{
    struct buf text = {0};

    verify_tell_counts(&v->counts, &text);
    verify_say(v, VERIFY_NOTE, v->conf->name,
               "there is no state yet: the first run would take in %zu accounts and %zu groups%s",
               v->counts.objects[OBJECT_ACCOUNT], v->counts.objects[OBJECT_GROUP], buf_str(&text));
    buf_free(&text);
}

/* ---- for the sinks ------------------------------------------------------------------------------------------ */

static void rewind_spool(void *ctx)
{
    struct err e = {0};

    spool_rewind(&((struct preview *)ctx)->spool, &e); /* it was written and read before */
}

static bool next_in_spool(void *ctx, struct object *o, struct arena *a)
{
    return spool_next(&((struct preview *)ctx)->spool, o, a);
}

static bool spool_has(void *ctx, struct slice address)
{
    return is_taken(&((struct preview *)ctx)->taken, address);
}

static int preview_sinks(struct preview *p, struct err *e)
{
    const struct verify_objects objects = {.ctx = p, .rewind = rewind_spool, .next = next_in_spool, .has = spool_has};

    return spool_rewind(&p->spool, e) != 0 ? -1 : verify_sinks_preview(p->v, &objects, e);
}

int verify_preview(struct verify *v, struct err *e)
{
    struct preview p = {.v = v};
    int rc = spool_open(&p.spool, e);

    census_begin(&p.accounts);
    if (rc == 0)
        rc = read_all(&p, e);
    if (rc == 0) {
        tell_sum(v);
        rc = preview_sinks(&p, e);
    }
    census_drop(&p.accounts);
    spool_close(&p.spool);
    free(p.taken.slots);
    arena_free(&p.a);
    return rc;
}
