/* What left its base or filter, or moved to another host, and is kept as gone while a sink has a record of it: nobody tells when its
 * entry is deleted at last (SPEC.md 2.1, the end of "Reconciling"). So at the end of each reconciling all of it is looked up.
 *
 *   found outside    it is remembered that it was, and where
 *   found in place   it has returned
 *   not found, and it was found outside before
 *                    it was deleted: a deletion becomes pending, with a row like any other, and goes the same way; looked up again, by
 *                    grace, guard and operator, out as a delete for its uuid
 *
 * What was found before suspicion arose (another database, a changed configuration), and not since, is held.
 * Not found without having been found before proves nothing: it may have been moved to where the bind DN may not look, and then its
 * parent there can't be read either to tell that (the probe reads the parent of where it was seen last). The state owns
 * nothing of such a one: no address is freed by it, and for the guard's percentage it counts to what is mirrored. */
#include "mirror.h"

#include "gone.h"
#include "log.h"
#include "step.h"

static bool has_left(const struct gone *g)
{
    return g->cause == CAUSE_LEAVE || g->cause == CAUSE_MOVED;
}

/* … as that kind, and is not mirrored. */
static bool find_left(struct mirror *m, const uint8_t *uuid, enum object_kind kind, struct gone *g)
{
    return !m->load && txn_count(m->t, TABLE_GONE) != 0 && gone_get(m->t, uuid, g, &m->a) && g->o.kind == kind && has_left(g) &&
           objects_find(m->t, uuid, NULL) == 0;
}

static bool find_deletion(struct mirror *m, const uint8_t *uuid, struct pending *p)
{
    return pending_get(m->t, uuid, PENDING_DELETE, FIELD_NONE, (struct slice){ 0 }, p, &m->a);
}

void left_look(struct mirror *m, struct mirror_search *s)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct pending p;
    struct gone g;

    while (gone_next(m->t, &next, &g, &a)) {
        if (g.o.kind == search_objects(s) && has_left(&g) && !find_deletion(m, g.o.uuid, &p))   /* else its row asks */
            search_ask(s, g.o.uuid);
        arena_reset(&a);
        arena_reset(&m->a);
    }
    buf_free(&next);
    arena_free(&a);
}

bool left_is(struct mirror *m, const struct mirror_search *s, const uint8_t *uuid)
{
    struct gone g;

    return find_left(m, uuid, search_objects(s), &g);
}

void left_found(struct mirror *m, const struct mirror_search *s, const struct entry *e)
{
    struct gone g;

    if (!find_left(m, e->uuid, search_objects(s), &g) || e->dn.len == 0 || (g.seen && !g.suspect && slice_eq(g.o.dn, e->dn)))
        return;
    g.seen = true;
    g.suspect = false;
    g.o.dn = e->dn;
    gone_put(m->t, &g);
    m->urgent = true;
}

void left_missing(struct mirror *m, const struct mirror_search *s, const uint8_t *uuid)
{
    struct gone g;

    if (find_left(m, uuid, search_objects(s), &g) && g.seen)
        pend_delete(m, &g.o, CAUSE_ABSENT, PHASE_LOCAL, false, g.suspect || course_is_suspicious(m, s));
}

void left_suspect(struct mirror *m, const struct mirror_search *s)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct gone g;

    while (gone_next(m->t, &next, &g, &a)) {
        if (g.o.kind == search_objects(s) && g.seen && !g.suspect) {
            g.suspect = true;
            gone_put(m->t, &g);
            m->urgent = true;
        }
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
}

bool left_is_there(struct mirror *m, const struct mirror_search *s, const struct pending *p, const struct entry *e)
{
    if (objects_find(m->t, p->uuid, NULL) != 0)
        return false;
    pend_drop(m, p, false);
    left_found(m, s, e);
    return true;
}

void left_returns(struct mirror *m, const uint8_t *uuid)
{
    struct pending p;

    if (find_deletion(m, uuid, &p))
        pend_drop(m, &p, false);
}

void left_depart(struct mirror *m, const struct pending *p)
{
    struct gone g;
    struct action a = {
        .type = p->kind == OBJECT_GROUP ? ACTION_GROUP_DELETE : ACTION_ACCOUNT_DELETE,
        .uuid = p->uuid,
        .cause = p->cause,
        .phase = p->phase,
    };

    pend_drop(m, p, true);
    if (!find_left(m, p->uuid, p->kind, &g))
        return;
    a.dn = g.o.dn;
    a.address = g.o.address;
    mirror_emit(m, &a);
    STEP_POINT(release_queued);
    g.cause = p->cause;
    g.since_ms = m->now_ms;
    g.seq = queue_last(m->store);
    gone_put(m->t, &g);
}
