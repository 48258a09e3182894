/* Rebinding (SPEC.md 2.3): an entry was deleted, and a new one has its address and its RDN. It may be the same account with a new
 * UUID (the server was reloaded, the entry was deleted and made again), and it may be another person, who must not get the mail of
 * the first. The directory does not say which; so an operator does.
 *
 *   new entry waits for an address ──▶ fresh, if the owner's deletion is pending, or a refresh under way may still find it
 *   owner proven to be deleted, and one that is fresh fits ──▶ its row is paired, in the hold of rebinds
 *      ├── approve ──▶ look-up ──▶ account.rebind: the object gets the new uuid, nothing is deleted or made
 *      └── reject, or one of the two is not what it was any more ──▶ the deletion goes its own way, and the new entry waits for it
 *
 * The pair is no row of its own but the row of the deletion, which so can't go out beside it. Who was known while the owner was still
 * there is never fresh: two that were there at the same time are two. */
#include "mirror.h"

#include "dn.h"
#include "gone.h"
#include "log.h"
#include "step.h"

/* ---- who may be the same ------------------------------------------------------------------------------------- */

/* As LDAP compares them. What is no DN has none. */
static bool same_rdn(struct slice a, struct slice b)
{
    struct buf one = { 0 }, other = { 0 };
    bool same = dn_normalise(a, &one) && dn_normalise(b, &other) && dn_rdn(buf_slice(&one)).len > 0 &&
                slice_eq(dn_rdn(buf_slice(&one)), dn_rdn(buf_slice(&other)));

    buf_free(&one);
    buf_free(&other);
    return same;
}

/* One that was mirrored before was known, and sinks may have an account of it. */
static bool may_be(struct mirror *m, const struct object *owner, const struct object *other)
{
    struct gone g;

    return other->kind == owner->kind && slice_eq(other->address, owner->address) && same_rdn(other->dn, owner->dn) &&
           objects_find(m->t, other->uuid, NULL) == 0 && !gone_get(m->t, other->uuid, &g, &m->a);
}

/* Not found any more: not one that left or moved, which is there. */
static bool is_deletion(const struct pending *p)
{
    return p->what == PENDING_DELETE && (p->cause == CAUSE_DELETE || p->cause == CAUSE_ABSENT);
}

static bool find_deletion(struct mirror *m, const uint8_t *uuid, struct pending *p)
{
    return pending_get(m->t, uuid, PENDING_DELETE, FIELD_NONE, (struct slice){ 0 }, p, &m->a);
}

/* The first in the line that may be it. */
static bool find_other(struct mirror *m, const struct object *owner, struct object *other)
{
    struct buf next = { 0 };
    bool found = false;

    while (!found && want_line_next(m->t, owner->address, &next, other, &m->a))
        found = want_is_fresh(m->t, other->uuid) && may_be(m, owner, other);
    buf_free(&next);
    return found;
}

bool rebind_stands(struct mirror *m, const struct pending *p)
{
    struct object owner, other;

    return is_deletion(p) && objects_get(m->t, p->uuid, &owner, &m->a) != 0 && want_get(m->t, p->pair, &other, &m->a) &&
           may_be(m, &owner, &other);
}

/* ---- who is fresh -------------------------------------------------------------------------------------------- */

void rebind_begins_to_wait(struct mirror *m, const struct object *wanted)
{
    uint8_t owner[UUID_BYTES];
    struct pending p;
    bool alias;

    if (objects_find(m->t, wanted->uuid, NULL) != 0 || objects_owner(m->t, wanted->address, owner, &alias) == 0 || alias)
        return;
    if (search_of(m, wanted->kind)->refreshing || find_deletion(m, owner, &p))
        want_set_fresh(m->t, wanted->uuid, true);
}

void rebind_met(struct mirror *m, const uint8_t *owner)
{
    struct object told, other;
    struct buf next = { 0 };

    if (txn_count(m->t, TABLE_WANT_FRESH) == 0 || objects_get(m->t, owner, &told, &m->a) == 0)
        return;
    while (want_line_next(m->t, told.address, &next, &other, &m->a))
        want_set_fresh(m->t, other.uuid, false);
    buf_free(&next);
}

/* Whether what it waits for belongs to one whose deletion is pending. */
static bool may_still_pair(struct mirror *m, const struct object *other)
{
    uint8_t owner[UUID_BYTES];
    struct pending p;

    return objects_owner(m->t, other->address, owner, NULL) != 0 && find_deletion(m, owner, &p);
}

void rebind_end_refresh(struct mirror *m, const struct mirror_search *s)
{
    struct buf next = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct object other;

    while (want_fresh_next(m->t, &next, uuid)) {
        if (!want_get(m->t, uuid, &other, &m->a) ||
            (other.kind == search_objects(s) && !may_still_pair(m, &other)))
            want_set_fresh(m->t, uuid, false);
        arena_reset(&m->a);
    }
    buf_free(&next);
}

/* ---- the pair ------------------------------------------------------------------------------------------------ */

static void join(struct mirror *m, struct pending *p, const struct object *owner, const struct object *other)
{
    char one[UUID_TEXT], two[UUID_TEXT];

    log_warning(m->subject, "%.*s was deleted (%s), and %.*s (%s) has its address %.*s and its RDN: held until somebody says whether it "
                            "is the same", SLICE_ARG(owner->dn), uuid_format(p->uuid, one), SLICE_ARG(other->dn),
                uuid_format(other->uuid, two), SLICE_ARG(owner->address));
    p->paired = true;
    memcpy(p->pair, other->uuid, UUID_BYTES);
    p->answered = true;
    p->asked = p->again = false;
    pend_hold(m, p, "deleted, and a new entry has the same address and RDN: the same account, or somebody else?");
}

bool rebind_pair(struct mirror *m, struct pending *p)
{
    struct object owner, other;

    if (!m->conf->rebind || !is_deletion(p) || txn_count(m->t, TABLE_WANT_FRESH) == 0 ||
        objects_get(m->t, p->uuid, &owner, &m->a) == 0 || !find_other(m, &owner, &other))
        return false;
    join(m, p, &owner, &other);
    return true;
}

void rebind_review(struct mirror *m, struct slice address)
{
    uint8_t owner[UUID_BYTES];
    struct pending p;
    bool alias;

    if (objects_owner(m->t, address, owner, &alias) == 0 || alias || !find_deletion(m, owner, &p))
        return;
    if (p.paired && !rebind_stands(m, &p))
        rebind_part(m, &p);
    else if (!p.paired && p.reason != PENDING_UNPROVEN)   /* else its look-up comes first */
        rebind_pair(m, &p);
}

/* It stays as it was before the other came; listed again, so that it can be approved. */
static void stay_orphan(struct mirror *m, struct pending *p)
{
    struct guarded of;

    p->reason = PENDING_REJECTED;
    p->due_ms = 0;
    if (!m->conf->ignore_deletes) {
        of = pending_guarded(p);
        p->hold = hold_open(m->store, m->t, &of, "rejected before; it was no rebind either", ++m->numbers->high);
    }
    pend_put(m, p);
}

void rebind_part(struct mirror *m, struct pending *p)
{
    struct object owner;

    p->paired = false;
    p->asked = p->again = false;
    p->hold = 0;
    p->reason = PENDING_WAITING;
    p->due_ms = 0;
    /* The guard has not seen it, so that it is not older than this for its window, nor for its grace. */
    p->detected_ms = m->now_ms;
    pend_put(m, p);   /* out of the hold: with another it would be another pair, in another place */
    if (rebind_pair(m, p))
        return;
    if (objects_get(m->t, p->uuid, &owner, &m->a) != 0 && owner.state == OBJECT_ORPHAN)
        stay_orphan(m, p);
    else
        pend_confirm(m, p, NULL);
}

void rebind_reject(struct mirror *m, struct pending *p)
{
    want_set_fresh(m->t, p->pair, false);
    rebind_part(m, p);
}

/* ---- going out ----------------------------------------------------------------------------------------------- */

/* Nothing else: docs/actions.md. What the new entry has more follows as an update, and what it has not, as a clear, by way of the
 * guard: who approves a rebind has not seen which fields it would lose. */
static void emit(struct mirror *m, const struct object *owner, const struct object *other, const struct pending *p)
{
    char from[UUID_TEXT];
    struct action a = {
        .type = owner->kind == OBJECT_GROUP ? ACTION_GROUP_REBIND : ACTION_ACCOUNT_REBIND,
        .uuid = other->uuid,
        .dn = other->dn,
        .address = owner->address,
        .from = slice_of(uuid_format(owner->uuid, from)),
        .cause = p->cause,
        .phase = p->phase,
    };

    mirror_emit(m, &a);
    STEP_POINT(rebind_queued);
}

static void drop_rows(struct mirror *m, const uint8_t *uuid)
{
    struct buf next = { 0 };
    struct pending row;

    while (pending_next(m->t, uuid, &next, &row, &m->a))
        pend_drop(m, &row, false);
    buf_free(&next);
}

/* The object is the new entry's from now on, with all that the sinks were told of the old one. */
static void take_over(struct mirror *m, object_id id, const struct object *owner, struct object *other, enum phase_word phase)
{
    struct object told = *owner, after;
    struct plan plan;

    objects_remove(m->store, m->t, id, owner);
    want_del(m->t, other->uuid);
    alias_leave_out(m, other);
    memcpy(told.uuid, other->uuid, UUID_BYTES);
    told.state = OBJECT_MIRRORED;
    plan_diff(&told, other, NULL, &m->a, &plan);
    plan_apply_sets(&told, other, &plan, &m->a, &after);
    objects_put(m->store, m->t, 0, NULL, &after);
    if (plan_sets(&plan))
        ingest_emit_update(m, other, after.address, &plan, phase);
    if (after.kind == OBJECT_GROUP)
        group_rebind(m, owner->uuid, &after, phase);
    group_object_changed(m, owner, &after, CAUSE_RESOLVE, phase, false);
    for (uint32_t i = 0; i < plan.n_clear; i++)
        pend_clear(m, &after, plan.clear[i], (struct slice){ 0 }, phase);
    for (uint32_t i = 0; i < plan.n_lost_aliases; i++)
        pend_clear(m, &after, FIELD_ALIASES, plan.lost_aliases[i], phase);
}

void rebind_depart(struct mirror *m, const struct pending *p)
{
    struct object owner, other;
    object_id id = objects_get(m->t, p->uuid, &owner, &m->a);
    struct pending row = *p;

    if (id == 0) {
        pend_drop(m, p, false);
        return;
    }
    if (!rebind_stands(m, p) || !want_get(m->t, p->pair, &other, &m->a)) {
        rebind_part(m, &row);
        return;
    }
    drop_rows(m, p->uuid);
    alias_forget(m, p->uuid);
    rebind_met(m, p->uuid);
    emit(m, &owner, &other, p);
    take_over(m, id, &owner, &other, p->phase);
    invalid_del(m->t, p->uuid);
    ingest_want_drop(m, p->uuid);   /* of a rename that waited */
}
