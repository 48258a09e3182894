/* Joint 2, its end: a row whose time has come goes out as an action (SPEC.md 2.7, 4. and 2.3, "Renames"). */
#include "mirror.h"

#include "gone.h"
#include "log.h"
#include "step.h"

static void free_addresses(struct mirror *m, const struct object *o)
{
    ingest_address_free(m, o->address);
    for (uint32_t i = 0; i < o->n_aliases; i++)
        ingest_address_free(m, o->aliases[i]);
}

/* What was told of it is kept while a sink may need it. */
static void let_go(struct mirror *m, const struct object *told, const struct pending *p)
{
    bool kept = gone_kept(m->t);

    if (told->kind == OBJECT_GROUP)
        group_gone(m, told->uuid, kept);
    if (kept)
        gone_put(m->t, &(struct gone){ *told, p->cause, m->now_ms, queue_last(m->store), false, false });
}

void depart_delete(struct mirror *m, const struct pending *p)
{
    struct object told;
    object_id id = objects_get(m->t, p->uuid, &told, &m->a);
    struct pending row;
    struct buf next = { 0 };
    bool becomes;
    struct action a = {
        .type = p->kind == OBJECT_GROUP ? ACTION_GROUP_DELETE : ACTION_ACCOUNT_DELETE,
        .uuid = p->uuid,
        .cause = p->cause,
        .phase = p->phase,
    };

    if (p->paired) {
        rebind_depart(m, p);
        return;
    }
    if (id == 0) {
        left_depart(m, p);
        return;
    }
    pend_drop(m, p, true);
    rebind_met(m, p->uuid);
    a.dn = told.dn;
    a.address = told.address;
    mirror_emit(m, &a);
    STEP_POINT(release_queued);
    becomes = both_waits(m, p->uuid);
    objects_remove(m->store, m->t, id, &told);
    group_object_changed(m, &told, NULL, CAUSE_RESOLVE, p->phase, true);
    if (!becomes)
        want_del(m->t, p->uuid);
    invalid_del(m->t, p->uuid);
    alias_forget(m, p->uuid);
    while (pending_next(m->t, p->uuid, &next, &row, &m->a))
        pend_drop(m, &row, true);   /* its clears and renames go with it */
    buf_free(&next);
    let_go(m, &told, p);
    free_addresses(m, &told);
    both_departed(m, &told, p->cause);
}

/* Of members: while accounts are behind it is not known who is there, and while containers are, not by which DN. */
static bool members_may_be_unknown(const struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++) {
        const struct mirror_search *s = &m->searches[i];

        if (s->kind != SEARCH_GROUPS && (s->behind || !s->complete))
            return true;
    }
    return false;
}

/* In a refresh nothing goes but what was approved: a deletion may be taken back by it, and the guard has to see all of a
 * kind together. Nor does a deletion go while others that were found with it are still being looked up, nor before its search is
 * through: what was made while we did not look may be the same account (rebind.c). */
bool depart_must_stay(struct mirror *m, const struct pending *p)
{
    if (p->reason == PENDING_APPROVED)
        return false;
    return search_any_refreshing(m) || sweep_any(m) ||
           (p->what == PENDING_MEMBER && members_may_be_unknown(m)) ||
           (p->what == PENDING_DELETE && p->reason == PENDING_WAITING &&
            (m->store->pending_unanswered > 0 || !search_of(m, p->kind)->complete));
}

/* Of a clear. */
static bool goes_now(struct mirror *m, const struct pending *p)
{
    return (p->reason == PENDING_WAITING || p->reason == PENDING_APPROVED) && p->due_ms != 0 &&
           p->due_ms <= m->now_ms && !depart_must_stay(m, p) &&
           (p->reason == PENDING_APPROVED || sibling_permits(m, p->field));
}

static void take_alias(struct object *o, struct slice alias)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < o->n_aliases; i++)
        if (!slice_eq(o->aliases[i], alias))
            o->aliases[kept++] = o->aliases[i];
    o->n_aliases = kept;
}

static void emit_clears(struct mirror *m, const struct object *o, const field_id *clear, uint32_t n, bool aliases_left,
                        const struct pending *p)
{
    struct action a = {
        .type = o->kind == OBJECT_GROUP ? ACTION_GROUP_UPDATE : ACTION_ACCOUNT_UPDATE,
        .uuid = o->uuid,
        .dn = o->dn,
        .address = o->address,
        .clear = clear,
        .n_clear = n,
        .set_aliases = aliases_left ? o->aliases : NULL,
        .n_set_aliases = aliases_left ? o->n_aliases : 0,
        .cause = p->cause,
        .phase = p->phase,
    };

    mirror_emit(m, &a);
}

/* What one action takes from an entry. */
struct clearing {
    struct object after;
    field_id fields[OBJECT_MAX_FIELDS + 1];
    uint32_t n;
    bool aliases;
};

/* Its own array of aliases: take_alias() works in place, and what is stored must stay as it was read. */
static void own_aliases(struct mirror *m, struct object *o, uint32_t room)
{
    struct slice *aliases = arena_alloc(&m->a, (o->n_aliases + room) * sizeof(*aliases));

    for (uint32_t i = 0; i < o->n_aliases; i++)
        aliases[i] = o->aliases[i];
    o->aliases = aliases;
}

static void add_clear(struct clearing *c, field_id field)
{
    uint32_t i = c->n;

    for (; i > 0 && field_compare(c->fields[i - 1], field) > 0; i--)
        c->fields[i] = c->fields[i - 1];
    c->fields[i] = field;
    c->n++;
}

/* Nothing is done of what is not there any more: an alias may have become the address meanwhile. */
static void clear_one(struct clearing *c, const struct pending *p)
{
    if (p->alias.len && mirror_has_alias(&c->after, p->alias)) {
        take_alias(&c->after, p->alias);
        c->aliases = true;
    } else if (p->alias.len == 0 && object_field(&c->after, p->field).len) {
        object_set_field(&c->after, p->field, (struct slice){ 0 });
        add_clear(c, p->field);
    }
}

/* All clears of one entry that are due go out as one action. */
void depart_clear(struct mirror *m, const struct pending *first)
{
    struct object told;
    object_id id = objects_get(m->t, first->uuid, &told, &m->a);
    struct clearing c = { .n = 0 };
    struct pending p, last = *first;
    struct buf next = { 0 };

    if (id != 0) {
        c.after = told;
        own_aliases(m, &c.after, 0);
    }
    while (pending_next(m->t, first->uuid, &next, &p, &m->a)) {
        if (p.what != PENDING_CLEAR || !goes_now(m, &p))
            continue;
        if (id != 0)
            clear_one(&c, &p);
        last = p;
        pend_drop(m, &p, p.reason == PENDING_WAITING);
    }
    buf_free(&next);
    if (c.n == 0 && !c.aliases)
        return;
    if (c.aliases && c.after.n_aliases == 0)
        add_clear(&c, FIELD_ALIASES);
    objects_put(m->store, m->t, id, &told, &c.after);
    emit_clears(m, &c.after, c.fields, c.n, c.aliases && c.after.n_aliases > 0, &last);
    if (c.aliases)
        free_addresses(m, &told);
}

static void emit_rename(struct mirror *m, const struct object *o, struct slice from, const struct pending *p)
{
    struct action a = {
        .type = o->kind == OBJECT_GROUP ? ACTION_GROUP_RENAME : ACTION_ACCOUNT_RENAME,
        .uuid = o->uuid,
        .dn = o->dn,
        .address = o->address,
        .from = from,
        .cause = p->cause,
        .phase = p->phase,
    };

    mirror_emit(m, &a);
}

static void add_alias(struct object *o, struct slice alias)
{
    uint32_t i = o->n_aliases++;

    for (; i > 0 && slice_cmp(o->aliases[i - 1], alias) > 0; i--)
        o->aliases[i] = o->aliases[i - 1];
    o->aliases[i] = alias;
}

/* Gives an object another address; whoever calls it says what becomes of the old one. An own alias that becomes the address is removed
 * before; the old address that becomes an alias is added after. */
static void rename_to(struct mirror *m, object_id id, const struct object *told, struct slice address, bool keeps_old,
                      const struct pending *p)
{
    struct object after = *told;
    field_id aliases = FIELD_ALIASES;

    own_aliases(m, &after, 1);
    if (mirror_has_alias(told, address)) {
        take_alias(&after, address);
        emit_clears(m, &after, &aliases, after.n_aliases == 0, after.n_aliases > 0, p);
    }
    after.address = address;
    emit_rename(m, &after, told->address, p);
    if (keeps_old) {
        add_alias(&after, told->address);
        emit_clears(m, &after, NULL, 0, true, p);
    }
    objects_put(m->store, m->t, id, told, &after);
    group_object_changed(m, told, &after, CAUSE_RENAME, p->phase, true);
}

static bool is_aside(struct mirror *m, const struct object *o)
{
    return slice_eq(o->address, mapping_parking_address(o->uuid, o->address, &m->a));
}

static bool get_rename(struct mirror *m, const uint8_t *uuid, struct pending *p)
{
    return pending_get(m->t, uuid, PENDING_RENAME, FIELD_NONE, (struct slice){ 0 }, p, &m->a);
}

/* The old address is to be its alias, and is the address of another one of the ring from now on. */
static void keep_in_mind(struct mirror *m, const struct object *told, const struct pending *p)
{
    if (p->keeps_old && !is_aside(m, told))
        alias_wait(m, p->uuid, told->address);
}

void depart_aside(struct mirror *m, const uint8_t *uuid, struct slice parking)
{
    struct object told;
    object_id id = objects_get(m->t, uuid, &told, &m->a);
    struct pending p;

    if (id == 0 || !get_rename(m, uuid, &p))
        return;
    keep_in_mind(m, &told, &p);
    rename_to(m, id, &told, parking, false, &p);
}

void depart_in_turn(struct mirror *m, const uint8_t *uuid)
{
    struct object told;
    object_id id = objects_get(m->t, uuid, &told, &m->a);
    struct pending p;

    if (id == 0 || !get_rename(m, uuid, &p))
        return;
    pend_drop(m, &p, true);
    want_del(m->t, uuid);
    keep_in_mind(m, &told, &p);
    rename_to(m, id, &told, p.address, false, &p);
}

static void begin_to_wait(struct mirror *m, const struct object *told, struct pending *p)
{
    struct object wish = *told;

    if (p->reason != PENDING_BLOCKED) {
        log_warning(m->subject, "%.*s: the address %.*s is taken; waiting until it is free", SLICE_ARG(told->dn),
                    SLICE_ARG(p->address));
        p->reason = PENDING_BLOCKED;
        p->due_ms = 0;
        pend_put(m, p);
    }
    wish.address = p->address;
    want_put(m->store, m->t, &wish);
    ring_see_aside(m, p);
}

void depart_rename(struct mirror *m, struct pending *p)
{
    struct object told;
    object_id id = objects_get(m->t, p->uuid, &told, &m->a);
    uint8_t owner[UUID_BYTES];

    if (id == 0) {
        pend_drop(m, p, false);
        return;
    }
    if (objects_owner(m->t, p->address, owner, NULL) != 0 && memcmp(owner, p->uuid, UUID_BYTES) != 0) {
        begin_to_wait(m, &told, p);
        ring_close(m, p->uuid);
        return;
    }
    pend_drop(m, p, p->reason != PENDING_APPROVED);
    want_del(m->t, p->uuid);
    rename_to(m, id, &told, p->address, p->keeps_old && !is_aside(m, &told), p);
    ingest_address_free(m, told.address);
}

void depart_unblock(struct mirror *m, const uint8_t *uuid)
{
    struct pending p;

    if (get_rename(m, uuid, &p) && p.reason == PENDING_BLOCKED)
        depart_rename(m, &p);
}
