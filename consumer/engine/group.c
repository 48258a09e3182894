/* Members of groups (SPEC.md 2.4). The references that a group's entry names are rows of TABLE_MEMBER, each with the address
 * that it gives now, if any. What the sinks were told is TABLE_TOLD: an address, and how many references give it. So there are
 * two events only:
 *
 *   the entry was seen     its references and the stored ones are walked side by side: group_take()
 *   an object changed      became mirrored, stands at another DN, has another address, is no more: the groups that name it are
 *                          found by TABLE_NAMED: group_object_changed()
 *
 * Either changes what references give; the sum of that by address, a tally, is what is told. An address that the first reference
 * gives flows at once. One that none gives any more becomes pending, or goes at once where it follows from a deletion or rename of
 * the member that was released. A removal goes with the pending deletion or rename of the member itself, if there is one.
 *
 * A group that loses all its members at once has a clear of `members` pending as well, for the guard to see; as long as that is
 * there, its members stay. */
#include "mirror.h"

#include <stdlib.h>

#include "members.h"

/* What one group's members dirty stays in memory until the commit; between two groups there may be one. */
#define BIND_BYTES ((size_t)8 << 20)

/* ---- what a reference gives --------------------------------------------------------------------------------- */

static bool is_account(struct mirror *m, const uint8_t *uuid, struct arena *a)
{
    struct object o;

    return objects_get(m->t, uuid, &o, a) != 0 && o.kind == OBJECT_ACCOUNT;
}

/* In *a; empty: nothing. */
static struct slice resolve(struct mirror *m, struct slice ref, struct arena *a)
{
    struct slice text = slice_make(ref.p + 1, ref.len - 1), nothing = { "", 0 };
    uint8_t uuid[UUID_BYTES];
    struct object o;
    bool alias;

    switch ((enum member_kind)ref.p[0]) {
    case MEMBER_ADDRESS:
        return arena_copy(a, text.p, text.len);
    case MEMBER_DN:
        return objects_by_dn(m->t, ref, &o, a) != 0 ? o.address : nothing;
    case MEMBER_NAME:
        if (objects_owner(m->t, text, uuid, &alias) != 0 && !alias && is_account(m, uuid, a))
            return arena_copy(a, text.p, text.len);
        break;
    }
    return nothing;
}

/* ---- the tally ---------------------------------------------------------------------------------------------- */

struct tally {
    struct mirror *m;
    const uint8_t *group;
    enum cause cause;
    enum phase_word phase;
    bool follows;                   /* from a released deletion or rename: removals do not wait */
    struct member_change *changes;  /* addresses are in m->a */
    size_t n, cap;
    const struct slice *beyond;     /* ascending: what the target has of a group that returns; removed where none gives it */
    size_t n_beyond;
};

static void count(struct tally *t, struct slice address, int by)
{
    if (address.len == 0)
        return;
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 16;
        t->changes = mem_realloc(t->changes, t->cap * sizeof(*t->changes));
    }
    t->changes[t->n++] = (struct member_change){ address, by };
}

static bool find_removal(struct mirror *m, const uint8_t *group, struct slice address, struct pending *p)
{
    return pending_get(m->t, group, PENDING_MEMBER, FIELD_MEMBERS, address, p, &m->a);
}

static void forget_removal(struct mirror *m, const uint8_t *group, struct slice address, bool keep_window)
{
    struct pending p;

    if (find_removal(m, group, address, &p))
        pend_drop(m, &p, keep_window);
}

/* What becomes of one address that is given more or less often than before. */
static void settle_change(struct tally *t, const struct object *group, const struct member_change *c, struct member_diff *told)
{
    struct mirror *m = t->m;
    uint32_t before, after;
    bool there = told_get(m->t, t->group, c->address, &before);

    after = c->by < 0 && before < (uint32_t)-c->by ? 0 : before + (uint32_t)c->by;
    if (after > 0) {
        told_put(m->t, t->group, c->address, after);
        if (!there)
            told->add[told->n_add++] = c->address;
        else if (before == 0)
            forget_removal(m, t->group, c->address, false);
    } else if (there && t->follows) {
        told_del(m->t, t->group, c->address);
        forget_removal(m, t->group, c->address, true);
        told->lost[told->n_lost++] = c->address;
    } else if (there) {
        told_put(m->t, t->group, c->address, 0);
        pend_member(m, group, c->address, t->cause, t->phase);
    }
}

/* What nobody gives any more of what was told before the group was gone. It waits for nothing: it is part of the return. */
static void lose_beyond(const struct tally *t, struct member_diff *told)
{
    uint32_t live;

    for (size_t i = 0; i < t->n_beyond; i++)
        if (!told_get(t->m->t, t->group, t->beyond[i], &live))
            told->lost[told->n_lost++] = t->beyond[i];
}

static void emit_members(struct mirror *m, const struct object *group, struct member_diff *told, enum cause cause,
                         enum phase_word phase)
{
    struct member_diff chunk;

    while (member_chunk(told, &chunk)) {
        struct action a = {
            .type = ACTION_GROUP_MEMBERS,
            .uuid = group->uuid,
            .dn = group->dn,
            .address = group->address,
            .add = chunk.add,
            .n_add = chunk.n_add,
            .remove = chunk.lost,
            .n_remove = chunk.n_lost,
            .cause = cause,
            .phase = phase,
        };

        mirror_emit(m, &a);
    }
}

/* Groups that have members are counted like those that have a field. */
static void recount(struct mirror *m, const struct object *group, bool had)
{
    bool has = told_any(m->t, group->uuid, false);

    m->store->with_field[FIELD_MEMBERS] += (int)has - (int)had;
    m->store->dirty = true;
}

/* Whether the group has lost all, for the guard. */
static void settle_clear(struct mirror *m, const struct object *group, enum phase_word phase)
{
    struct slice none = { 0 };
    struct pending p;

    if (told_any(m->t, group->uuid, false) && !told_any(m->t, group->uuid, true))
        pend_clear(m, group, FIELD_MEMBERS, none, phase);
    else if (pending_get(m->t, group->uuid, PENDING_CLEAR, FIELD_MEMBERS, none, &p, &m->a))
        pend_drop(m, &p, false);
}

static void tally_end(struct tally *t)
{
    struct mirror *m = t->m;
    struct member_diff told = { 0 };
    struct object group;
    size_t n = member_sum(t->changes, t->n);
    bool had;

    /* Of one that waits for its address nothing is told: group_create() does it when it is mirrored. In a first load an account that is
     * a group too has references until ingest_settle_wants(). */
    if (n + t->n_beyond > 0 && objects_get(m->t, t->group, &group, &m->a) != 0 && group.kind == OBJECT_GROUP) {
        had = told_any(m->t, t->group, false);
        told.add = arena_alloc(&m->a, n * sizeof(*told.add));
        told.lost = arena_alloc(&m->a, (n + t->n_beyond) * sizeof(*told.lost));
        for (size_t i = 0; i < n; i++)
            settle_change(t, &group, &t->changes[i], &told);
        lose_beyond(t, &told);
        emit_members(m, &group, &told, t->cause, t->phase);
        recount(m, &group, had);
        settle_clear(m, &group, t->phase);
    }
    free(t->changes);
}

/* ---- the entry ---------------------------------------------------------------------------------------------- */

static void lose(struct tally *t, struct slice ref)
{
    struct slice address;

    if (!members_get(t->m->t, t->group, ref, &address))
        return;
    count(t, arena_copy(&t->m->a, address.p, address.len), -1);
    members_del(t->m->t, t->group, ref);
}

static void gain(struct tally *t, struct slice ref)
{
    struct mirror *m = t->m;
    struct slice address;

    if (m->load) {
        members_load(m->t, t->group, ref);   /* there is no index to find anybody by: group_bind_all() does it */
        return;
    }
    address = resolve(m, ref, &m->a);
    members_put(m->t, t->group, ref, address);
    count(t, address, 1);
}

void group_take(struct mirror *m, const uint8_t *group, const struct member_list *list, enum cause cause,
                enum phase_word phase)
{
    struct tally t = { .m = m, .group = group, .cause = cause, .phase = phase };
    struct slice *stored;
    uint32_t n = members_refs(m->t, group, &m->a, &stored);
    struct member_diff d;

    member_diff(stored, n, list->refs, list->n, &m->a, &d);
    for (uint32_t i = 0; i < d.n_lost; i++)   /* the first write may move what they point to */
        d.lost[i] = arena_copy(&m->a, d.lost[i].p, d.lost[i].len);
    for (uint32_t i = 0; i < d.n_lost; i++)
        lose(&t, d.lost[i]);
    for (uint32_t i = 0; i < d.n_add; i++)
        gain(&t, d.add[i]);
    if (d.n_lost + d.n_add > 0)
        m->urgent = true;
    tally_end(&t);
}

/* What was told before it was gone; in *a. It is told anew, so that it counts as not told. */
static size_t take_told(struct mirror *m, const uint8_t *group, struct slice **told)
{
    struct buf next = { 0 };
    struct slice address;
    size_t n = 0, at = 0;
    uint32_t live;

    while (told_next(m->t, group, &next, &address, &live, &m->a))
        n++;
    *told = arena_alloc(&m->a, n * sizeof(**told));
    buf_reset(&next);
    while (at < n && told_next(m->t, group, &next, &address, &live, &m->a))
        (*told)[at++] = address;
    buf_free(&next);
    told_forget(m->t, group);
    return at;
}

void group_create(struct mirror *m, const struct object *group, enum cause cause, enum phase_word phase)
{
    struct tally t = { .m = m, .group = group->uuid, .cause = cause, .phase = phase };
    struct buf next = { 0 };
    struct slice ref, address, *told;

    if (told_any(m->t, group->uuid, false)) {
        t.n_beyond = take_told(m, group->uuid, &told);
        t.beyond = told;
    }
    while (members_next(m->t, group->uuid, &next, &ref, &address, &m->a))
        count(&t, address, 1);
    buf_free(&next);
    tally_end(&t);
}

void group_rebind(struct mirror *m, const uint8_t *old, const struct object *group, enum phase_word phase)
{
    struct tally t = { .m = m, .group = group->uuid, .cause = CAUSE_MODIFY, .phase = phase };
    struct buf next = { 0 };
    struct slice ref, address;
    uint32_t live;

    /* What was told counts as given by nobody, until it is found among what the new entry names. */
    while (told_next(m->t, old, &next, &address, &live, &m->a))
        told_put(m->t, group->uuid, address, 0);
    told_forget(m->t, old);
    members_forget(m->t, old);
    buf_reset(&next);
    while (members_next(m->t, group->uuid, &next, &ref, &address, &m->a))
        count(&t, address, 1);
    tally_end(&t);
    buf_reset(&next);
    while (told_next(m->t, group->uuid, &next, &address, &live, &m->a))
        if (live == 0)
            pend_member(m, group, address, CAUSE_MODIFY, phase);
    buf_free(&next);
    settle_clear(m, group, phase);
}

void group_forget(struct mirror *m, const uint8_t *group)
{
    members_forget(m->t, group);
}

void group_gone(struct mirror *m, const uint8_t *group, bool keeps_told)
{
    if (told_any(m->t, group, false)) {
        m->store->with_field[FIELD_MEMBERS]--;
        m->store->dirty = true;
    }
    members_forget(m->t, group);
    if (!keeps_told)
        told_forget(m->t, group);
}

/* ---- objects that groups name ------------------------------------------------------------------------------- */

/* What a reference of a group gives is found out anew. */
static void bind(struct tally *t, struct slice ref, struct slice before, struct arena *a)
{
    struct mirror *m = t->m;
    struct slice after = resolve(m, ref, a);

    if (slice_eq(before, after))
        return;
    members_put(m->t, t->group, ref, after);
    count(t, before, -1);
    count(t, after, 1);
    m->urgent = true;
}

static void bind_ref(struct mirror *m, struct slice ref, enum cause cause, enum phase_word phase, bool follows)
{
    struct buf next = { 0 };
    uint8_t group[UUID_BYTES];
    struct slice before;

    while (members_named_next(m->t, ref, &next, group)) {
        struct tally t = { .m = m, .group = group, .cause = cause, .phase = phase, .follows = follows };

        if (members_get(m->t, group, ref, &before))
            bind(&t, ref, arena_copy(&m->a, before.p, before.len), &m->a);
        tally_end(&t);
    }
    buf_free(&next);
}

/* The references by which an object is named; where `unlike` has the same one, that is left out. */
static void bind_object(struct mirror *m, const struct object *o, const struct object *unlike, enum cause cause,
                        enum phase_word phase, bool follows)
{
    struct buf ref = { 0 };

    if (!(unlike && slice_eq(o->dn, unlike->dn)) && member_ref_of_dn(o->dn, &ref))
        bind_ref(m, buf_slice(&ref), cause, phase, follows);
    buf_reset(&ref);
    if (o->kind == OBJECT_ACCOUNT && !(unlike && slice_eq(o->address, unlike->address))) {
        member_ref_of_name(o->address, &ref);
        bind_ref(m, buf_slice(&ref), cause, phase, follows);
    }
    buf_free(&ref);
}

/* Removals that waited for the release of the member's own deletion or rename. */
static void release_tied(struct mirror *m, struct slice address, enum cause cause, enum phase_word phase)
{
    struct buf next = { 0 };
    struct object group;
    struct pending p;

    while (pending_leaving_next(m->t, address, &next, &p, &m->a)) {
        struct member_diff told = { .lost = &address, .n_lost = 1 };

        pend_drop(m, &p, true);
        if (objects_get(m->t, p.uuid, &group, &m->a) == 0)
            continue;
        told_del(m->t, p.uuid, address);
        emit_members(m, &group, &told, cause, phase);
        recount(m, &group, true);
        settle_clear(m, &group, phase);
    }
    buf_free(&next);
}

void group_object_changed(struct mirror *m, const struct object *before, const struct object *after, enum cause cause,
                          enum phase_word phase, bool released)
{
    if (m->load || !m->store->has_dns)
        return;
    /* First what it is now: where a group names both, the address stays, and nothing is taken away. */
    if (after)
        bind_object(m, after, NULL, cause, phase, released);
    if (before)
        bind_object(m, before, after, cause, phase, released);
    if (before && released && !(after && slice_eq(before->address, after->address)))
        release_tied(m, before->address, cause, phase);
}

void group_untie(struct mirror *m, const struct pending *gone)
{
    struct buf next = { 0 };
    struct object o;
    struct pending p;

    if (txn_count(m->t, TABLE_LEAVING) == 0)
        return;
    if (gone->what == PENDING_CLEAR && gone->field == FIELD_MEMBERS) {
        while (pending_next(m->t, gone->uuid, &next, &p, &m->a))
            if (p.what == PENDING_MEMBER)
                pend_due_again(m, &p);
    } else if ((gone->what == PENDING_DELETE || gone->what == PENDING_RENAME) &&
               objects_get(m->t, gone->uuid, &o, &m->a) != 0) {
        while (pending_leaving_next(m->t, o.address, &next, &p, &m->a))
            pend_due_again(m, &p);
    }
    buf_free(&next);
}

/* ---- after a first load ------------------------------------------------------------------------------------- */

static void bind_group(struct mirror *m, const uint8_t *group)
{
    struct tally t = { .m = m, .group = group, .cause = CAUSE_ADD, .phase = PHASE_REFRESH };
    struct buf next = { 0 };
    struct slice ref, address;

    while (members_next(m->t, group, &next, &ref, &address, &m->a))
        bind(&t, ref, address, &m->a);
    buf_free(&next);
    tally_end(&t);
    arena_reset(&m->a);
}

int group_bind_all(struct mirror *m, struct err *e)
{
    struct buf next = { 0 };
    uint8_t group[UUID_BYTES];
    struct slice v;
    int rc = 0;

    if (!meta_get(m->t, "unbound", NULL, &v))
        return 0;
    while (rc == 0 && members_group_next(m->t, &next, group)) {
        bind_group(m, group);
        if (txn_bytes(m->t) >= BIND_BYTES) {
            rc = mirror_commit(m, e);
            mirror_begin(m);
        }
    }
    buf_free(&next);
    if (rc != 0)
        return rc;
    meta_put(m->t, "unbound", NULL, (struct slice){ 0 });
    m->urgent = true;
    return 0;
}

/* ---- going out ---------------------------------------------------------------------------------------------- */

/* The member's own deletion or rename is pending, or the group's clear of all: then it goes with that. */
static bool is_tied(struct mirror *m, const struct pending *p)
{
    struct slice none = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct pending other;
    bool alias;

    if (pending_get(m->t, p->uuid, PENDING_CLEAR, FIELD_MEMBERS, none, &other, &m->a))
        return true;
    return objects_owner(m->t, p->alias, uuid, &alias) != 0 && !alias &&
           (pending_get(m->t, uuid, PENDING_DELETE, FIELD_NONE, none, &other, &m->a) ||
            pending_get(m->t, uuid, PENDING_RENAME, FIELD_NONE, none, &other, &m->a));
}

static bool goes_with(const struct pending *p, const struct pending *first, int64_t now_ms)
{
    return p->what == PENDING_MEMBER && p->reason == first->reason && p->cause == first->cause &&
           p->phase == first->phase && p->due_ms != 0 && p->due_ms <= now_ms;
}

void group_depart(struct mirror *m, const struct pending *first)
{
    struct member_diff told = { 0 };
    struct buf next = { 0 }, lost = { 0 };
    struct object group;
    struct pending p;

    if (objects_get(m->t, first->uuid, &group, &m->a) == 0)
        return;
    while (pending_next(m->t, first->uuid, &next, &p, &m->a)) {
        if (!goes_with(&p, first, m->now_ms))
            continue;
        if (p.reason == PENDING_WAITING && is_tied(m, &p)) {
            p.due_ms = 0;   /* group_untie() */
            pend_put(m, &p);
            continue;
        }
        pend_drop(m, &p, p.reason == PENDING_WAITING);
        told_del(m->t, p.uuid, p.alias);
        buf_add(&lost, &p.alias, sizeof(p.alias));
    }
    buf_free(&next);
    told.n_lost = (uint32_t)(lost.len / sizeof(*told.lost));
    told.lost = (struct slice *)(void *)lost.p;
    if (told.n_lost > 0) {
        emit_members(m, &group, &told, first->cause, first->phase);
        recount(m, &group, true);
    }
    buf_free(&lost);
}
