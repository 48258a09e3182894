/* Joint 2: what takes away, from its detection to its action (SPEC.md 2.7). The life of a row:
 *
 *   deletion:  UNPROVEN ──look-up: gone──▶ WAITING ──due, look-up: gone──▶ action
 *   clear:                                 WAITING ──due──▶ action
 *   rename:                                WAITING ──at once──▶ action, or BLOCKED until the address is free
 *
 *   WAITING ──guard──▶ HELD ──approve──▶ APPROVED ──look-up──▶ action
 *                        └───reject──▶ REJECTED (approve still works)
 *   any ──it came back──▶ no row, and nothing ever happened */
#include "mirror.h"

#include <stdio.h>

#include "clock.h"
#include "log.h"
#include "step.h"

/* A look-up that was not answered after so long is asked again; lists of large directories take minutes. */
#define ASKED_MS ((int64_t)1800 * 1000)

static int64_t grace_ms(const struct mirror *m)
{
    int64_t settle = m->conf->guard.settle, grace = m->conf->delete_grace;

    if (m->run == RUN_DRY)
        return 0;   /* what is in grace is shown as due */
    return (grace > settle ? grace : settle) * 1000;
}

static int64_t settle_ms(const struct mirror *m)
{
    return m->run == RUN_DRY ? 0 : m->conf->guard.settle * 1000;
}

static void put(struct mirror *m, const struct pending *p)
{
    pending_put(m->store, m->t, p);
    m->urgent = true;
}

static void drop(struct mirror *m, const struct pending *p, bool keep_window)
{
    pending_del(m->store, m->t, p, keep_window);
    m->urgent = true;
}

static void set_state(struct mirror *m, const uint8_t *uuid, enum object_state state)
{
    struct object o, changed;
    object_id id = objects_get(m->t, uuid, &o, &m->a);

    if (id == 0 || o.state == state)
        return;
    changed = o;
    changed.state = state;
    objects_put(m->store, m->t, id, &o, &changed);
}

/* ---- becoming pending --------------------------------------------------------------------------------------- */

static void judge_later(struct mirror *m, const struct pending *p)
{
    m->judge = true;
    buf_u8(&m->judged, (uint8_t)pending_guard_kind(p));
    buf_u16(&m->judged, p->what == PENDING_CLEAR ? p->field : FIELD_NONE);
}

static uint32_t open_hold(struct mirror *m, enum guard_kind kind, field_id field, const char *why)
{
    uint32_t number = ++m->numbers->high;

    log_error(m->subject, "hold %u: %s%s%s: %s; see `axsync holds %u`", number, guard_kind_name(kind),
              field ? " of " : "", field ? field_name(field) : "", why, number);
    return hold_open(m->store, m->t, kind, field, why, number);
}

/* Puts a row into the open hold of its kind, or into a new one. */
static void hold_one(struct mirror *m, struct pending *p, const char *why)
{
    enum guard_kind kind = pending_guard_kind(p);
    field_id field = p->what == PENDING_CLEAR ? p->field : FIELD_NONE;
    struct hold h;

    p->counted = true;
    p->reason = PENDING_HELD;
    p->hold = hold_find_open(m->t, kind, field, &h, &m->a) ? h.id : open_hold(m, kind, field, why);
    p->due_ms = 0;
    put(m, p);
}

/* A row that begins to wait: it joins the open hold of its kind, or waits for its time and the guard. */
static void begin_waiting(struct mirror *m, struct pending *p)
{
    struct hold h;

    if (p->suspect || hold_find_open(m->t, pending_guard_kind(p), p->what == PENDING_CLEAR ? p->field : FIELD_NONE, &h,
                                     &m->a)) {
        hold_one(m, p, "found missing under suspicion (the configuration was changed, or a full refresh showed nothing "
                       "at all)");
        return;
    }
    p->counted = true;
    p->reason = PENDING_WAITING;
    judge_later(m, p);
    put(m, p);
}

/* A deletion that is proven. */
static void confirm(struct mirror *m, struct pending *p)
{
    p->answered = true;
    p->asked = p->again = false;
    if (m->conf->ignore_deletes) {
        p->reason = PENDING_REJECTED;
        p->due_ms = 0;
        put(m, p);
        set_state(m, p->uuid, OBJECT_ORPHAN);
        return;
    }
    p->due_ms = p->detected_ms + grace_ms(m);
    begin_waiting(m, p);
}

static struct pending new_row(const struct mirror *m, const struct object *told, enum pending_what what,
                              enum cause cause, enum phase_word phase)
{
    struct pending p = {
        .what = what, .kind = told->kind, .cause = cause, .phase = phase, .detected_ms = m->now_ms, .due_ms = m->now_ms
    };

    memcpy(p.uuid, told->uuid, UUID_BYTES);
    return p;
}

void release_pend_delete(struct mirror *m, const struct object *told, enum cause cause, enum phase_word phase,
                         bool proven, bool suspect)
{
    struct pending p;

    if (pending_get(m->t, told->uuid, PENDING_DELETE, FIELD_NONE, (struct slice){ 0 }, &p, &m->a)) {
        if (p.asked && !p.again) {
            p.again = true;
            put(m, &p);
        }
        return;
    }
    p = new_row(m, told, PENDING_DELETE, cause, phase);
    p.suspect = suspect;
    if (proven) {
        confirm(m, &p);
        return;
    }
    p.reason = PENDING_UNPROVEN;
    put(m, &p);
}

void release_pend_clear(struct mirror *m, const struct object *told, field_id field, struct slice alias,
                        enum phase_word phase)
{
    struct pending p;

    if (pending_get(m->t, told->uuid, PENDING_CLEAR, field, alias, &p, &m->a))
        return;
    p = new_row(m, told, PENDING_CLEAR, CAUSE_MODIFY, phase);
    p.field = field;
    p.alias = alias;
    p.due_ms = m->now_ms + settle_ms(m);
    begin_waiting(m, &p);
}

static void go_rename(struct mirror *m, struct pending *p);

void release_pend_rename(struct mirror *m, const struct object *told, struct slice address, bool keeps_old,
                         enum phase_word phase)
{
    struct pending p;

    if (pending_get(m->t, told->uuid, PENDING_RENAME, FIELD_NONE, (struct slice){ 0 }, &p, &m->a)) {
        if (slice_eq(p.address, address)) {
            if (p.keeps_old != keeps_old) {
                p.keeps_old = keeps_old;
                put(m, &p);
            }
            if (p.reason == PENDING_BLOCKED)
                go_rename(m, &p);   /* back in the line, if it had lost its place */
            return;
        }
        drop(m, &p, false);   /* it wants another one now */
    }
    p = new_row(m, told, PENDING_RENAME, CAUSE_RENAME, phase);
    p.address = address;
    p.keeps_old = keeps_old;
    begin_waiting(m, &p);
}

/* ---- coming back -------------------------------------------------------------------------------------------- */

static bool has_alias(const struct object *o, struct slice alias)
{
    for (uint32_t i = 0; i < o->n_aliases; i++)
        if (slice_eq(o->aliases[i], alias))
            return true;
    return false;
}

/* Whether a row is no longer true now that the entry shows *wanted. */
static bool is_undone(const struct pending *p, const struct object *told, const struct object *wanted)
{
    switch (p->what) {
    case PENDING_DELETE:
        return true;
    case PENDING_RENAME:
        return slice_eq(wanted->address, told->address);
    case PENDING_CLEAR:
        return p->alias.len ? has_alias(wanted, p->alias) : object_field(wanted, p->field).len > 0;
    }
    return false;
}

/* An invalid entry is there, and nobody knows which address it wants. */
static bool is_undone_by_invalid(const struct pending *p)
{
    return p->what == PENDING_DELETE || p->what == PENDING_RENAME;
}

static void ask(struct mirror *m, struct pending *p)
{
    p->asked = true;
    p->due_ms = m->now_ms + ASKED_MS;
    put(m, p);
    buf_add(&m->ask, p->uuid, UUID_BYTES);
}

bool release_came_back(struct mirror *m, struct object *told, const struct object *wanted)
{
    /* A provider that is behind brings nothing back, and in a refresh it is not known yet: the look-up decides. */
    bool trusted = m->search.complete && !m->search.behind;
    struct buf next = { 0 };
    struct pending p;
    bool changed = false;

    while (pending_next(m->t, told->uuid, &next, &p, &m->a)) {
        if (wanted ? !is_undone(&p, told, wanted) : !is_undone_by_invalid(&p))
            continue;
        if (p.what == PENDING_DELETE && !trusted) {
            if (!p.asked)
                ask(m, &p);
            continue;
        }
        if (p.what == PENDING_DELETE && told->state == OBJECT_ORPHAN)
            told->state = OBJECT_MIRRORED;
        drop(m, &p, false);
        changed = true;
    }
    buf_free(&next);
    return changed;
}

void release_seen_present(struct mirror *m)
{
    struct buf next = { 0 };
    struct pending p;

    while (pending_next(m->t, NULL, &next, &p, &m->a)) {
        if (p.what == PENDING_DELETE && !p.asked && census_has(&m->search.census, p.uuid))
            ask(m, &p);
        arena_reset(&m->a);
    }
    buf_free(&next);
}

/* ---- going out ---------------------------------------------------------------------------------------------- */

static void free_addresses(struct mirror *m, const struct object *o)
{
    ingest_address_free(m, o->address);
    for (uint32_t i = 0; i < o->n_aliases; i++)
        ingest_address_free(m, o->aliases[i]);
}

static void go_delete(struct mirror *m, const struct pending *p)
{
    struct object told;
    object_id id = objects_get(m->t, p->uuid, &told, &m->a);
    struct pending row;
    struct buf next = { 0 };
    struct action a = {
        .type = p->kind == OBJECT_GROUP ? ACTION_GROUP_DELETE : ACTION_ACCOUNT_DELETE,
        .uuid = p->uuid,
        .cause = p->cause,
        .phase = p->phase,
    };

    drop(m, p, true);
    if (id == 0)
        return;
    a.dn = told.dn;
    a.address = told.address;
    mirror_emit(m, &a);
    STEP_POINT(release_queued);
    objects_remove(m->store, m->t, id, &told);
    want_del(m->t, p->uuid);
    invalid_del(m->t, p->uuid);
    while (pending_next(m->t, p->uuid, &next, &row, &m->a))
        drop(m, &row, true);   /* its clears and renames go with it */
    buf_free(&next);
    free_addresses(m, &told);
}

/* In a refresh nothing goes but what was approved: a deletion may be taken back by it, and the guard has to see all of a
 * kind together. Nor does a deletion go while others that were found with it are still being looked up. */
static bool must_stay(const struct mirror *m, const struct pending *p)
{
    if (p->reason == PENDING_APPROVED)
        return false;
    return m->search.refreshing ||
           (p->what == PENDING_DELETE && p->reason == PENDING_WAITING && m->store->pending_unanswered > 0);
}

static bool goes_now(const struct mirror *m, const struct pending *p)
{
    return (p->reason == PENDING_WAITING || p->reason == PENDING_APPROVED) && p->due_ms != 0 &&
           p->due_ms <= m->now_ms && !must_stay(m, p);
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
    if (p->alias.len && has_alias(&c->after, p->alias)) {
        take_alias(&c->after, p->alias);
        c->aliases = true;
    } else if (p->alias.len == 0 && object_field(&c->after, p->field).len) {
        object_set_field(&c->after, p->field, (struct slice){ 0 });
        add_clear(c, p->field);
    }
}

/* All clears of one entry that are due go out as one action. */
static void go_clear(struct mirror *m, const struct pending *first)
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
        drop(m, &p, p.reason == PENDING_WAITING);
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

/* Gives an object another address and frees the old one. An own alias that becomes the address is removed before; the
 * old address that becomes an alias is added after. */
static void rename_to(struct mirror *m, object_id id, const struct object *told, struct slice address, bool keeps_old,
                      const struct pending *p)
{
    struct object after = *told;
    field_id aliases = FIELD_ALIASES;

    own_aliases(m, &after, 1);
    if (has_alias(told, address)) {
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
    ingest_address_free(m, told->address);
}

/* Steps aside; a ring then resolves itself, each by the address that the one before it freed. */
static void step_aside(struct mirror *m, object_id id, const struct object *told, const struct pending *p)
{
    rename_to(m, id, told, mapping_parking_address(p->uuid, told->address, &m->a), false, p);
}

static bool is_aside(struct mirror *m, const struct object *o)
{
    return slice_eq(o->address, mapping_parking_address(o->uuid, o->address, &m->a));
}

/* Whether `uuid`, whose wanted address is owned by `owner`, waits in a ring of renames that ends at itself. */
static bool in_cycle(struct mirror *m, const uint8_t *uuid, const uint8_t *owner)
{
    uint8_t at[UUID_BYTES];
    struct pending p;

    memcpy(at, owner, UUID_BYTES);
    /* A ring that does not pass through uuid has been resolved when it closed, so the walk ends; bounded all the same
     * by the number of blocked renames. */
    for (int64_t i = pending_count(m->store, PENDING_BLOCKED) + 1; i > 0; i--) {
        if (memcmp(at, uuid, UUID_BYTES) == 0)
            return true;
        if (!pending_get(m->t, at, PENDING_RENAME, FIELD_NONE, (struct slice){ 0 }, &p, &m->a) ||
            (p.reason != PENDING_BLOCKED && p.reason != PENDING_WAITING) ||
            objects_owner(m->t, p.address, at, NULL) == 0)
            return false;
    }
    return false;
}

static void go_rename(struct mirror *m, struct pending *p)
{
    struct object told, wish;
    object_id id = objects_get(m->t, p->uuid, &told, &m->a);
    uint8_t owner[UUID_BYTES];
    bool taken;

    if (id == 0) {
        drop(m, p, false);
        return;
    }
    taken = objects_owner(m->t, p->address, owner, NULL) != 0 && memcmp(owner, p->uuid, UUID_BYTES) != 0;
    if (!taken) {
        drop(m, p, p->reason != PENDING_APPROVED);
        want_del(m->t, p->uuid);
        rename_to(m, id, &told, p->address, p->keeps_old && !is_aside(m, &told), p);
        return;
    }
    if (p->reason != PENDING_BLOCKED) {
        log_warning(m->subject, "%.*s: the address %.*s is taken; waiting until it is free", SLICE_ARG(told.dn),
                    SLICE_ARG(p->address));
        p->reason = PENDING_BLOCKED;
        p->due_ms = 0;
        put(m, p);
    }
    wish = told;
    wish.address = p->address;
    want_put(m->store, m->t, &wish);
    if (in_cycle(m, p->uuid, owner))
        step_aside(m, id, &told, p);
}

void release_unblock(struct mirror *m, const uint8_t *uuid)
{
    struct pending p;

    if (pending_get(m->t, uuid, PENDING_RENAME, FIELD_NONE, (struct slice){ 0 }, &p, &m->a) &&
        p.reason == PENDING_BLOCKED)
        go_rename(m, &p);
}

/* ---- answers of the look-up --------------------------------------------------------------------------------- */

/* A deletion that nobody could prove for so long is the operator's to decide. */
static bool is_hopeless(const struct mirror *m, const struct pending *p)
{
    int64_t interval = (int64_t)m->conf->reconcile_interval * 1000;

    return p->reason == PENDING_UNPROVEN && interval > 0 && m->now_ms - p->detected_ms >= interval;
}

static void ask_again_later(struct mirror *m, struct pending *p, struct slice why)
{
    char text[UUID_TEXT];

    log_debug(m->subject, "%s: unproven: %.*s", uuid_format(p->uuid, text), SLICE_ARG(why));
    p->asked = p->again = false;
    p->answered = true;
    if (is_hopeless(m, p)) {
        hold_one(m, p, "could not be looked up for as long as reconcileInterval");
        return;
    }
    p->due_ms = m->now_ms + (int64_t)m->conf->retry_interval * 1000;
    put(m, p);
}

/* It is there after all, or again. */
static void found_in_place(struct mirror *m, struct pending *p, const struct sync_msg *msg)
{
    if (p->again) {   /* the report may be younger than the answer */
        p->again = p->asked = false;
        p->due_ms = m->now_ms;
        put(m, p);
        return;
    }
    drop(m, p, false);
    set_state(m, p->uuid, OBJECT_MIRRORED);
    ingest_entry(m, msg->entry, PHASE_LOCAL);
}

static void proven(struct mirror *m, struct pending *p)
{
    bool was_asked = p->asked;

    p->asked = p->again = false;
    switch (p->reason) {
    case PENDING_UNPROVEN:
        confirm(m, p);
        break;
    case PENDING_WAITING:
    case PENDING_APPROVED:
        if (was_asked)
            go_delete(m, p);
        break;
    case PENDING_HELD:
    case PENDING_REJECTED:
    case PENDING_BLOCKED:
        p->due_ms = 0;
        put(m, p);
        break;
    }
}

/* clusteredSetup: the server's filter knows nothing of hosts. */
static bool is_elsewhere(struct mirror *m, const struct entry *e)
{
    struct mapping_note *notes;
    struct object wanted;
    struct slice reason;

    return mapping_apply(m->mapping, e, NULL, &m->a, &wanted, &reason, &notes) == MAPPED_ELSEWHERE;
}

/* A cause never becomes harsher: once it has left or moved, it is that. */
static void soften(struct pending *p, enum cause cause)
{
    if (p->cause == CAUSE_DELETE || p->cause == CAUSE_ABSENT)
        p->cause = cause;
}

bool release_answer(struct mirror *m, const struct sync_msg *msg)
{
    enum lookup_outcome outcome = msg->outcome;
    struct pending p;

    if (!pending_get(m->t, msg->entry->uuid, PENDING_DELETE, FIELD_NONE, (struct slice){ 0 }, &p, &m->a))
        return false;
    if (!m->context_trusted)
        outcome = LOOKUP_UNPROVEN;   /* a server that is behind proves neither absence nor presence */
    switch (outcome) {
    case LOOKUP_IN_PLACE:
        if (is_elsewhere(m, msg->entry)) {
            soften(&p, CAUSE_MOVED);
            proven(m, &p);
        } else {
            found_in_place(m, &p, msg);
        }
        break;
    case LOOKUP_LEFT:
        soften(&p, CAUSE_LEAVE);
        proven(m, &p);
        break;
    case LOOKUP_DELETED:
        proven(m, &p);
        break;
    case LOOKUP_UNPROVEN:
        ask_again_later(m, &p, m->context_trusted ? msg->text : slice_of(m->context_why));
        break;
    }
    return true;
}

/* ---- the guard ---------------------------------------------------------------------------------------------- */

/* Moves all rows of a kind that wait into a hold. */
static void hold_all(struct mirror *m, enum guard_kind kind, field_id field, uint32_t id)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct pending p;

    while (pending_next(m->t, NULL, &next, &p, &a)) {
        if (p.reason == PENDING_WAITING && pending_guard_kind(&p) == kind &&
            (p.what != PENDING_CLEAR || p.field == field)) {
            p.reason = PENDING_HELD;
            p.hold = id;
            p.due_ms = 0;
            p.asked = false;
            put(m, &p);
        }
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
}

static int64_t mirrored(const struct mirror *m, enum guard_kind kind, field_id field)
{
    switch (kind) {
    case GUARD_CLEAR:
        return field < STORE_FIELDS ? m->store->with_field[field] : 0;
    case GUARD_GROUP_DELETE:
    case GUARD_MEMBERS:
        return m->store->objects[OBJECT_GROUP];
    case GUARD_ACCOUNT_DELETE:
    case GUARD_ACCOUNT_RENAME:
    case GUARD_KINDS:
        break;
    }
    return m->store->objects[OBJECT_ACCOUNT];
}

static void judge_one(struct mirror *m, enum guard_kind kind, field_id field)
{
    const struct config_guard *g = &m->conf->guard;
    struct guard_limits limits = { g->max_deletes, g->max_delete_percent, g->max_clears, g->max_clear_percent,
                                   g->max_members_removed };
    struct guard_count count = { window_count(m->store, kind, field), mirrored(m, kind, field) };
    char why[GUARD_WHY];
    struct hold h;

    if (!guard_holds(kind, &limits, &count, why))
        return;
    /* What comes joins an open hold by itself, but some may have waited before it was opened for another reason. */
    hold_all(m, kind, field, hold_find_open(m->t, kind, field, &h, &m->a) ? h.id : open_hold(m, kind, field, why));
}

static void judge(struct mirror *m)
{
    struct reader r = reader_of(buf_slice(&m->judged));

    if (m->now_ms - m->expired_ms >= 1000 || m->now_ms < m->expired_ms) {
        if (window_expire(m->store, m->t, m->now_ms - m->conf->guard.window * 1000) > 0)
            m->urgent = true;
        m->expired_ms = m->now_ms;
    }
    while (r.left) {
        enum guard_kind kind = (enum guard_kind)read_u8(&r);
        field_id field = read_u16(&r);
        struct slice rest = slice_make(r.p, r.left);

        /* Bulk changes name the same kind many times in a row: once is enough. */
        while (rest.len >= 3 && memcmp(rest.p, r.p - 3, 3) == 0)
            rest = slice_make(rest.p + 3, rest.len - 3);
        r = reader_of(rest);
        judge_one(m, kind, field);
    }
    buf_reset(&m->judged);
    m->judge = false;
}

/* ---- the clock ---------------------------------------------------------------------------------------------- */

static void run_due(struct mirror *m, struct pending *p)
{
    if (must_stay(m, p)) {
        m->stalled = true;
        return;
    }
    switch (p->what) {
    case PENDING_DELETE:
        ask(m, p);
        break;
    case PENDING_CLEAR:
        go_clear(m, p);
        break;
    case PENDING_RENAME:
        go_rename(m, p);
        break;
    }
}

void release_run(struct mirror *m)
{
    struct buf next = { 0 };
    struct pending p;

    if (m->load)
        return;   /* no index yet, and nothing is pending in an empty state */
    if (m->judge)
        judge(m);
    m->stalled = false;
    while (pending_due_next(m->t, m->now_ms, &next, &p, &m->a)) {
        run_due(m, &p);
        arena_reset(&m->a);
    }
    buf_free(&next);
    arena_reset(&m->a);
    if (m->judge)
        judge(m);   /* a rename that freed an address may have begun another's wait */
}

int64_t release_next_due(struct mirror *m)
{
    return pending_first_due(m->t);
}

void release_recover(struct mirror *m)
{
    struct buf next = { 0 };
    struct pending p;

    while (pending_next(m->t, NULL, &next, &p, &m->a)) {
        if (p.asked) {
            p.asked = false;
            p.due_ms = p.due_ms ? m->now_ms : 0;
            put(m, &p);
        }
        if (p.reason == PENDING_WAITING)
            judge_later(m, &p);
        arena_reset(&m->a);
    }
    buf_free(&next);
}

/* ---- the operator ------------------------------------------------------------------------------------------- */

static void approve_row(struct mirror *m, struct pending *p)
{
    window_forget(m->store, m->t, p);
    p->reason = PENDING_APPROVED;
    p->hold = 0;
    p->due_ms = m->now_ms;
    p->asked = p->again = false;
    put(m, p);
}

static void reject_row(struct mirror *m, struct pending *p)
{
    p->reason = PENDING_REJECTED;
    p->due_ms = 0;
    p->asked = p->again = false;
    put(m, p);
    if (p->what == PENDING_DELETE)
        set_state(m, p->uuid, OBJECT_ORPHAN);
}

/* Applies the word to the rows of a hold that joined up to a place. whole: the hold was rejected as a whole, so that an approval
 * means those; else what was rejected of it stays so. Returns how many; *left: held ones that remain. */
static size_t each_row(struct mirror *m, const struct command *cmd, bool whole, size_t *left)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct pending p;
    size_t n = 0;

    *left = 0;
    while (pending_next(m->t, NULL, &next, &p, &a)) {
        bool held = p.hold == cmd->hold && p.reason == PENDING_HELD;
        bool rejected = p.hold == cmd->hold && p.reason == PENDING_REJECTED;
        bool meant = cmd->upto == 0 || p.place <= cmd->upto;

        if (meant && cmd->verb == COMMAND_APPROVE && (held || (rejected && whole))) {
            approve_row(m, &p);
            n++;
        } else if (meant && cmd->verb == COMMAND_REJECT && held) {
            reject_row(m, &p);
            n++;
        } else if (held) {
            (*left)++;
        }
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    return n;
}

int release_command(struct mirror *m, const struct command *cmd, char *text, size_t size, struct err *e)
{
    struct hold h;
    size_t n, left;

    if (cmd->verb == COMMAND_RESYNC) {
        cookie_free(&m->search.cookie);
        csn_set_free(&m->search.highest);
        meta_put(m->t, "older", object_kind_name(m->search.kind), slice_of("1"));
        m->older_counts = true;
        m->search.cookie_dirty = true;
        m->urgent = true;
        snprintf(m->restart_why, sizeof(m->restart_why), "the operator asked for a full refresh");
        snprintf(text, size, "%s: cookies forgotten, the state is kept; a full refresh follows", m->conf->name);
        return 0;
    }
    if (!hold_get(m->t, cmd->hold, &h, &m->a))
        return err_set(e, ERR_NOTFOUND, "there is no hold %u", cmd->hold);
    n = each_row(m, cmd, h.rejected, &left);
    m->urgent = true;
    snprintf(text, size, "%s: %s %zu of hold %u%s", m->conf->name,
             cmd->verb == COMMAND_APPROVE ? "approved" : "rejected", n, cmd->hold,
             left ? ", the rest stays held" : "");
    log_info(m->subject, "the operator %s", text);
    arena_reset(&m->a);
    return 0;
}
