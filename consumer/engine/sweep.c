/* What a census found missing becomes pending. That may be all there is, so it is done in pieces of 4 MiB a commit: the dirty pages of a
 * transaction are private memory. A row in `meta` says meanwhile that the sweep is not through, and as long as it stands nothing that
 * takes away goes out: the guard must see all of it together, also when a kill came between two pieces.
 *
 * How far it came need not be written down. What ends the obligation is written after the last piece, the cookie of a refresh or
 * the time of a listing, so that after a kill the same is found again; and what is pending already stays as it is. */
#include "mirror.h"

#include "log.h"

#define BY_LISTING "listing"
#define BY_REFRESH "refresh"

struct found {
    struct buf absent, unknown;
};

static void found_absent(void *ctx, const uint8_t *uuid)
{
    buf_add(&((struct found *)ctx)->absent, uuid, UUID_BYTES);
}

static void found_unknown(void *ctx, const uint8_t *uuid)
{
    buf_add(&((struct found *)ctx)->unknown, uuid, UUID_BYTES);
}

static void mark(struct mirror *m, struct mirror_search *s, const char *by)
{
    meta_put(m->t, "sweeping", search_kind_key(s->kind), slice_of(by));
    s->sweeping = by[0] != '\0';
    m->urgent = true;
}

static int pause_sweep(struct mirror *m, struct mirror_search *s, enum phase_word phase, struct err *e)
{
    if (!mirror_is_full(m))
        return 0;
    mark(m, s, phase == PHASE_LOCAL ? BY_LISTING : BY_REFRESH);
    return mirror_pause(m, "what was not shown is made pending", e);
}

/* What was pending before, as a hold or an orphan, is not news: it is missing in every poll. */
static int make_pending(struct mirror *m, struct mirror_search *s, struct slice absent, enum phase_word phase, bool suspect,
                        struct err *e)
{
    struct object told;
    size_t fresh = 0;
    int rc = 0;

    for (size_t i = 0; i < absent.len && rc == 0; i += UUID_BYTES) {
        const uint8_t *uuid = (const uint8_t *)absent.p + i;

        if (objects_get(m->t, uuid, &told, &m->a) != 0 && told.kind == search_objects(s))
            fresh += pend_delete(m, &told, CAUSE_ABSENT, phase, false, suspect);
        else
            search_ask(s, uuid);   /* waits for an address, or is invalid */
        arena_reset(&m->a);
        rc = pause_sweep(m, s, phase, e);
    }
    if (fresh)
        log_info(m->subject, "%zu known entries were not shown; looking each up", fresh);
    return rc;
}

static void give_up(struct mirror *m, const struct err *e)
{
    if (e->class == ERR_TEMP)
        log_info(m->subject, "%s", e->text);
    course_give_up(m, "not all that was not shown could be made pending");
}

/* For the holds that come of it: the suspicion itself may be over when the look-ups are answered. */
static bool note_suspicion(struct mirror *m, struct mirror_search *s, const struct census *census)
{
    struct slice why = slice_of("a full list showed none of those that are mirrored (an emptied server, a filter or a right that hides all)");

    if (course_is_suspicious(m, s) && !meta_get(m->t, "suspicion", search_kind_key(s->kind), &why))
        why = slice_of("the list is older than what was seen before, or comes from another server, and there is no contextCSN");
    else if (!course_is_suspicious(m, s) && census->n > 0)
        return false;
    why = arena_copy(&m->a, why.p, why.len);   /* a write may move it */
    meta_put(m->t, "suspected", search_kind_key(s->kind), why);
    return true;
}

bool sweep_objects(struct mirror *m, struct mirror_search *s, struct census *census, enum phase_word phase)
{
    bool suspect = note_suspicion(m, s, census);
    struct found f = { 0 };
    struct err e;
    int rc;

    if (suspect)
        left_suspect(m, s);
    census_end(census, m->t, search_objects(s), found_absent, found_unknown, &f);
    rc = make_pending(m, s, buf_slice(&f.absent), phase, suspect, &e);
    if (rc == 0)
        buf_add_slice(&s->ask, buf_slice(&f.unknown));
    else
        give_up(m, &e);
    buf_free(&f.absent);
    buf_free(&f.unknown);
    m->urgent = true;
    return rc == 0;
}

/* A listing that was cut short is made good by a listing alone, which is due then, unless there are none any more. */
void sweep_is_through(struct mirror *m, struct mirror_search *s, bool by_listing)
{
    struct slice by;

    if (!s->sweeping || !meta_get(m->t, "sweeping", search_kind_key(s->kind), &by))
        return;
    if (by_listing || slice_eq(by, slice_of(BY_REFRESH)) || m->conf->reconcile_interval == 0)
        mark(m, s, "");
}

bool sweep_any(const struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (m->searches[i].sweeping)
            return true;
    return false;
}
