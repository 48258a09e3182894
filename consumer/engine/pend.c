/* Joint 2, its beginning: what takes away becomes pending, joins a hold, and is gone again when the entry or value comes
 * back. release.c tells the life of a row. */
#include "mirror.h"

#include <stdio.h>

#include "log.h"

/* A look-up that was not answered after so long is asked again; lists of large directories take minutes. */
#define ASKED_MS ((int64_t)1800 * 1000)

int64_t pend_grace_ms(const struct mirror *m)
{
    int64_t settle = m->conf->guard.settle, grace = m->conf->delete_grace;

    if (m->run == RUN_DRY)
        return 0;   /* what is in grace is shown as due */
    return (grace > settle ? grace : settle) * 1000;
}

int64_t pend_settle_ms(const struct mirror *m)
{
    return m->run == RUN_DRY ? 0 : m->conf->guard.settle * 1000;
}

void pend_put(struct mirror *m, const struct pending *p)
{
    pending_put(m->store, m->t, p);
    m->urgent = true;
}

void pend_drop(struct mirror *m, const struct pending *p, bool keep_window)
{
    pending_del(m->store, m->t, p, keep_window);
    group_untie(m, p);
    m->urgent = true;
}

void pend_set_state(struct mirror *m, const uint8_t *uuid, enum object_state state)
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

void pend_judge_later(struct mirror *m, const struct pending *p)
{
    struct guarded of = pending_guarded(p);

    m->judge = true;
    buf_add(&m->judged, &of, sizeof(of));
}

uint32_t pend_open_hold(struct mirror *m, const struct guarded *of, const char *why)
{
    uint32_t number = ++m->numbers->high;
    char of_group[2 * GUARD_WHY];
    struct object group;

    if (of->kind == GUARD_MEMBERS && objects_get(m->t, of->group, &group, &m->a) != 0) {
        snprintf(of_group, sizeof(of_group), "%.*s: %s", (int)(group.address.len < 100 ? group.address.len : 100),
                 group.address.p, why);
        why = of_group;
    }
    /* A dry run tells at its end what would be held; its holds are in no state that `axsync holds` could list. */
    if (m->run != RUN_DRY)
        log_error(m->subject, "hold %u: %s%s%s: %s; see `axsync holds %u`", number, guard_kind_name(of->kind),
                  of->field ? " of " : "", of->field ? field_name(of->field) : "", why, number);
    return hold_open(m->store, m->t, of, why, number);
}

/* Puts a row into the open hold of its kind, or into a new one. */
void pend_hold(struct mirror *m, struct pending *p, const char *why)
{
    struct guarded of = pending_guarded(p);
    struct hold h;

    p->counted = !p->paired;   /* the guard has no opinion of a rebind */
    p->reason = PENDING_HELD;
    p->hold = hold_find_open(m->t, &of, &h, &m->a) ? h.id : pend_open_hold(m, &of, why);
    p->due_ms = 0;
    pend_put(m, p);
}

int pend_hold_all(struct mirror *m, const struct guarded *of, const char *why, struct err *e)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct pending p;
    struct hold h;
    uint32_t id = hold_find_open(m->t, of, &h, &m->a) ? h.id : 0;
    int rc = 0;

    while (rc == 0 && pending_next(m->t, NULL, &next, &p, &a)) {
        struct guarded its = pending_guarded(&p);

        if (p.reason == PENDING_WAITING && pending_is_guarded(&p) && guarded_same(&its, of)) {
            p.reason = PENDING_HELD;
            p.hold = id ? id : (id = pend_open_hold(m, of, why));
            p.due_ms = 0;
            p.asked = false;
            pend_put(m, &p);
            if (mirror_is_full(m))
                rc = mirror_pause(m, "what waits is held", e);
        }
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    return rc;
}

/* A row that begins to wait: it joins the open hold of its kind, or waits for its time and the guard. why: of its suspicion. */
static void begin_waiting(struct mirror *m, struct pending *p, const char *why)
{
    struct guarded of = pending_guarded(p);
    bool guarded = pending_is_guarded(p);
    struct hold h;

    if (p->suspect || (guarded && hold_find_open(m->t, &of, &h, &m->a))) {
        pend_hold(m, p, why);
        return;
    }
    p->counted = guarded;
    p->reason = PENDING_WAITING;
    if (guarded)
        pend_judge_later(m, p);
    pend_put(m, p);
}

/* Of what it was a suspicion: one that lasts, or the one under which the last sweep was made. */
static const char *suspicion_of(struct mirror *m, const struct pending *p)
{
    const char *key = search_kind_key(search_of(m, p->kind)->kind);
    static const char words[] = "found missing under suspicion";
    struct slice why = { 0 };
    size_t size;
    char *text;

    if (!meta_get(m->t, "suspicion", key, &why) && !meta_get(m->t, "suspected", key, &why))
        return words;
    size = why.len + sizeof(words) + 2;
    text = arena_alloc(&m->a, size);
    snprintf(text, size, "%s: %.*s", words, SLICE_ARG(why));
    return text;
}

void pend_suspect(struct mirror *m, struct pending *p, const char *why)
{
    if (p->what != PENDING_DELETE || (p->cause != CAUSE_ABSENT && p->cause != CAUSE_LEAVE) ||
        (p->reason != PENDING_UNPROVEN && p->reason != PENDING_WAITING && !p->paired))
        return;
    p->suspect = true;   /* of one that is paired: if it goes its own way after all */
    if (p->reason == PENDING_WAITING) {
        p->asked = p->again = false;
        pend_hold(m, p, why ? why : suspicion_of(m, p));
    } else {
        pend_put(m, p);
    }
}

/* A deletion that is proven. */
void pend_confirm(struct mirror *m, struct pending *p, const char *suspicion)
{
    p->answered = true;
    p->asked = p->again = false;
    if (rebind_pair(m, p))
        return;
    if (m->conf->ignore_deletes) {
        p->reason = PENDING_REJECTED;
        p->due_ms = 0;
        pend_put(m, p);
        pend_set_state(m, p->uuid, OBJECT_ORPHAN);
        return;
    }
    p->due_ms = p->detected_ms + pend_grace_ms(m);
    begin_waiting(m, p, suspicion ? suspicion : p->suspect ? suspicion_of(m, p) : "");
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

bool pend_delete(struct mirror *m, const struct object *told, enum cause cause, enum phase_word phase, bool proven,
                 bool suspect)
{
    struct pending p;

    if (pending_get(m->t, told->uuid, PENDING_DELETE, FIELD_NONE, (struct slice){ 0 }, &p, &m->a)) {
        if (p.asked && !p.again) {
            p.again = true;
            pend_put(m, &p);
        }
        if (suspect)
            pend_suspect(m, &p, NULL);
        return false;
    }
    p = new_row(m, told, PENDING_DELETE, cause, phase);
    p.suspect = suspect;
    if (proven) {
        pend_confirm(m, &p, NULL);
        return true;
    }
    p.reason = PENDING_UNPROVEN;
    pend_put(m, &p);
    return true;
}

void pend_clear(struct mirror *m, const struct object *told, field_id field, struct slice alias, enum phase_word phase)
{
    struct pending p;

    if (pending_get(m->t, told->uuid, PENDING_CLEAR, field, alias, &p, &m->a))
        return;
    p = new_row(m, told, PENDING_CLEAR, CAUSE_MODIFY, phase);
    p.field = field;
    p.alias = alias;
    p.due_ms = m->now_ms + pend_settle_ms(m);
    begin_waiting(m, &p, "");
}

void pend_member(struct mirror *m, const struct object *group, struct slice address, enum cause cause,
                 enum phase_word phase)
{
    struct pending p;

    if (pending_get(m->t, group->uuid, PENDING_MEMBER, FIELD_MEMBERS, address, &p, &m->a))
        return;
    p = new_row(m, group, PENDING_MEMBER, cause, phase);
    p.field = FIELD_MEMBERS;
    p.alias = address;
    p.due_ms = m->now_ms + pend_settle_ms(m);
    begin_waiting(m, &p, "");
}

void pend_due_again(struct mirror *m, struct pending *p)
{
    if (p->reason != PENDING_WAITING || p->due_ms != 0)
        return;
    p->due_ms = m->now_ms + pend_settle_ms(m);
    pend_put(m, p);
}

void pend_rename(struct mirror *m, const struct object *told, struct slice address, bool keeps_old,
                 enum phase_word phase)
{
    struct pending p;

    if (pending_get(m->t, told->uuid, PENDING_RENAME, FIELD_NONE, (struct slice){ 0 }, &p, &m->a)) {
        if (slice_eq(p.address, address)) {
            if (p.keeps_old != keeps_old) {
                p.keeps_old = keeps_old;
                pend_put(m, &p);
            }
            if (p.reason == PENDING_BLOCKED)
                depart_rename(m, &p);   /* back in the line, if it had lost its place */
            return;
        }
        pend_drop(m, &p, false);   /* it wants another one now */
        ingest_want_drop(m, told->uuid);
    }
    p = new_row(m, told, PENDING_RENAME, CAUSE_RENAME, phase);
    p.address = address;
    p.keeps_old = keeps_old;
    begin_waiting(m, &p, "");
}

/* ---- coming back -------------------------------------------------------------------------------------------- */

/* Whether a row is no longer true now that the entry shows *wanted. */
static bool is_undone(const struct pending *p, const struct object *told, const struct object *wanted)
{
    switch (p->what) {
    case PENDING_DELETE:
        return true;
    case PENDING_RENAME:
        return slice_eq(wanted->address, told->address);
    case PENDING_MEMBER:
        return false;   /* group.c knows */
    case PENDING_CLEAR:
        if (p->field == FIELD_MEMBERS)
            return false;
        return p->alias.len ? mirror_has_alias(wanted, p->alias) : object_field(wanted, p->field).len > 0;
    }
    return false;
}

/* An invalid entry is there, and nobody knows which address it wants. */
static bool is_undone_by_invalid(const struct pending *p)
{
    return p->what == PENDING_DELETE || p->what == PENDING_RENAME;
}

void pend_ask(struct mirror *m, struct pending *p)
{
    p->asked = true;
    p->due_ms = m->now_ms + ASKED_MS;
    pend_put(m, p);
    search_ask(search_of(m, p->kind), p->uuid);
}

bool pend_came_back(struct mirror *m, struct object *told, const struct object *wanted)
{
    /* A provider that is behind brings nothing back, and in a refresh it is not known yet: the look-up decides. */
    const struct mirror_search *s = search_of(m, told->kind);
    bool trusted = s->complete && !s->behind;
    struct buf next = { 0 };
    struct pending p;
    bool changed = false;

    while (pending_next(m->t, told->uuid, &next, &p, &m->a)) {
        if (wanted ? !is_undone(&p, told, wanted) : !is_undone_by_invalid(&p))
            continue;
        if (p.what == PENDING_DELETE && !trusted) {
            if (!p.asked)
                pend_ask(m, &p);
            continue;
        }
        if (p.what == PENDING_DELETE && told->state == OBJECT_ORPHAN)
            told->state = OBJECT_MIRRORED;
        if (p.what == PENDING_DELETE)
            rebind_met(m, p.uuid);
        pend_drop(m, &p, false);
        changed = true;
    }
    buf_free(&next);
    return changed;
}

void pend_seen_present(struct mirror *m, struct mirror_search *s)
{
    struct buf next = { 0 };
    struct pending p;

    while (pending_next(m->t, NULL, &next, &p, &m->a)) {
        if (p.what == PENDING_DELETE && p.kind == search_objects(s) && !p.asked && census_has(&s->census, p.uuid) &&
            !both_waits(m, p.uuid))
            pend_ask(m, &p);
        arena_reset(&m->a);
    }
    buf_free(&next);
}
