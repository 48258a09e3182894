/* Joint 1: what the provider said → what is mirrored. Every message comes in here; what it says of an entry is worked on
 * here, what it says of the session in course.c. */
#include "mirror.h"

#include <stdio.h>

#include "dn.h"
#include "gone.h"
#include "log.h"
#include "members.h"

static enum phase_word phase_now(const struct mirror_search *s)
{
    return s->refreshing ? s->word : PHASE_PERSIST;
}

static void set_error(struct mirror *m, struct slice text)
{
    snprintf(m->last_error, sizeof(m->last_error), "%.*s", SLICE_ARG(text));
}

/* ---- entries ------------------------------------------------------------------------------------------------ */

static void entry_invalid(struct mirror *m, const struct mirror_search *s, const struct entry *e, struct slice reason)
{
    struct slice old_dn, old_reason, old_stamp, stamp = entry_stamp(e);
    const uint8_t *uuid = e->uuid;
    bool same = invalid_get(m->t, uuid, &old_dn, &old_reason, &m->a) && slice_eq(old_reason, reason) && slice_eq(old_dn, e->dn);
    char text[UUID_TEXT];

    if (!same)
        log_warning(m->subject, "%.*s (%s) is invalid: %.*s; nothing is sent for it", SLICE_ARG(e->dn),
                    uuid_format(uuid, text), SLICE_ARG(reason));
    if (!same || !invalid_stamp(m->t, uuid, &old_stamp, &m->a) || !slice_eq(old_stamp, stamp)) {
        invalid_put(m->t, uuid, search_objects(s), e->dn, reason, stamp);
        m->urgent = true;
    }
    if (ingest_want_drop(m, uuid))
        m->urgent = true;
    alias_forget(m, uuid);
}

static void log_notes(const struct mirror *m, const struct entry *e, const struct mapping_note *n)
{
    for (; n; n = n->next)
        log_warning(m->subject, "%.*s: %s: %.*s", SLICE_ARG(e->dn), field_name(n->field), SLICE_ARG(n->text));
}

/* The entry waits for its address; its place in the line stays if it waits already. */
static void wait_for_address(struct mirror *m, const struct object *wanted)
{
    struct object before;
    bool waited = want_get(m->t, wanted->uuid, &before, &m->a), begins = !waited || !slice_eq(before.address, wanted->address);

    if (begins)
        log_warning(m->subject, "%.*s: the address %.*s is taken; waiting until it is free", SLICE_ARG(wanted->dn),
                    SLICE_ARG(wanted->address));
    want_put(m->store, m->t, wanted);
    m->urgent = true;
    if (begins)
        rebind_begins_to_wait(m, wanted);
    if (waited && begins)
        rebind_review(m, before.address);
    rebind_review(m, wanted->address);
}

/* A return tells everything anew. */
static void tell_create(struct mirror *m, const struct object *wanted, enum cause cause, enum phase_word phase)
{
    struct gone g;
    bool was = gone_get(m->t, wanted->uuid, &g, &m->a);

    if (was && g.o.kind == wanted->kind)
        mirror_emit_return(m, &g.o, wanted, cause, phase);
    else
        mirror_emit_create(m, wanted, cause, phase);
    if (was && g.o.kind != wanted->kind)
        told_forget(m->t, wanted->uuid);   /* a group that is an account now */
    gone_del(m->t, wanted->uuid);
}

static void ingest_new(struct mirror *m, struct object *wanted, enum cause cause, enum phase_word phase)
{
    struct object before;
    bool waited;

    if (m->load) {
        if (load_add(m->load, m->store, m->t, wanted) != 0)
            mirror_emit_create(m, wanted, cause, phase);
        else
            want_put(m->store, m->t, wanted);   /* comes twice, or seems so: decided when the load is through */
        m->urgent = true;
        return;
    }
    if (objects_owner(m->t, wanted->address, NULL, NULL) != 0) {
        wait_for_address(m, wanted);
        return;
    }
    waited = want_get(m->t, wanted->uuid, &before, &m->a);
    want_del(m->t, wanted->uuid);
    if (waited)
        rebind_review(m, before.address);
    alias_leave_out(m, wanted);
    objects_put(m->store, m->t, 0, NULL, wanted);
    tell_create(m, wanted, cause, phase);
    if (wanted->kind == OBJECT_GROUP)
        group_create(m, wanted, cause, phase);
    group_object_changed(m, NULL, wanted, CAUSE_RESOLVE, phase, false);
}

void ingest_emit_update(struct mirror *m, const struct object *wanted, struct slice address, const struct plan *p,
                        enum phase_word phase)
{
    struct action a = {
        .type = wanted->kind == OBJECT_GROUP ? ACTION_GROUP_UPDATE : ACTION_ACCOUNT_UPDATE,
        .uuid = wanted->uuid,
        .dn = wanted->dn,
        .address = address,
        .set = p->set,
        .n_set = p->n_set,
        .set_aliases = p->set_aliases,
        .n_set_aliases = p->n_set_aliases,
        .cause = CAUSE_MODIFY,
        .phase = phase,
    };

    mirror_emit(m, &a);
}

/* The old address can become an alias only after the rename, which brings it along. */
static bool leave_out_alias(struct object *o, struct slice alias)
{
    uint32_t kept = 0, n = o->n_aliases;

    for (uint32_t i = 0; i < n; i++)
        if (!slice_eq(o->aliases[i], alias))
            o->aliases[kept++] = o->aliases[i];
    o->n_aliases = kept;
    return kept < n;
}

static void ingest_known(struct mirror *m, object_id id, const struct object *stored, struct object *wanted,
                         const struct mapping_note *notes, enum phase_word phase)
{
    struct object told = *stored, after;
    bool changed = pend_came_back(m, &told, wanted);
    bool keeps_old = leave_out_alias(wanted, told.address);
    struct plan p;

    if (!plan_keeps(notes, FIELD_ALIASES))
        alias_leave_out(m, wanted);
    plan_diff(&told, wanted, notes, &m->a, &p);
    if (plan_sets(&p))
        ingest_emit_update(m, wanted, told.address, &p, phase);
    plan_apply_sets(&told, wanted, &p, &m->a, &after);
    if (changed || plan_sets(&p) || p.moved || p.restamped) {
        objects_put(m->store, m->t, id, stored, &after);
        m->urgent = true;
    }
    if (p.moved)
        group_object_changed(m, stored, &after, CAUSE_RESOLVE, phase, false);
    for (uint32_t i = 0; i < p.n_clear; i++)
        pend_clear(m, &after, p.clear[i], (struct slice){ 0 }, phase);
    for (uint32_t i = 0; i < p.n_lost_aliases; i++)
        pend_clear(m, &after, FIELD_ALIASES, p.lost_aliases[i], phase);
    if (p.rename)
        pend_rename(m, &after, wanted->address, keeps_old, phase);
    else if (ingest_want_drop(m, wanted->uuid))
        m->urgent = true;
}

void ingest_follow(struct mirror *m, struct object *told, struct slice dn, enum phase_word phase)
{
    struct object before = *told;

    if (dn.len == 0 || slice_eq(dn, told->dn))
        return;
    told->dn = dn;
    objects_put(m->store, m->t, objects_find(m->t, told->uuid, NULL), &before, told);
    group_object_changed(m, &before, told, CAUSE_RESOLVE, phase, false);
    m->urgent = true;
}

/* It is there: what was mirrored of it stays untouched. */
static void came_back_invalid(struct mirror *m, object_id id, const struct object *stored)
{
    struct object told = *stored;

    if (!pend_came_back(m, &told, NULL))
        return;
    if (told.state != stored->state)
        objects_put(m->store, m->t, id, stored, &told);
    m->urgent = true;
}

/* The newest content that was seen of an entry, told or not: one that waits for its address, or is invalid, was seen too. NULL: none. */
static const struct object *last_seen(struct mirror *m, const struct entry *e, const struct object *told, struct object *seen)
{
    struct object waits;
    struct slice stamp;

    if (m->load)
        return told;
    *seen = told ? *told : (struct object){ .kind = OBJECT_ACCOUNT };
    memcpy(seen->uuid, e->uuid, UUID_BYTES);
    if (want_get(m->t, e->uuid, &waits, &m->a) && (seen->stamp.len == 0 || stamp_older(seen->stamp, waits.stamp)))
        seen->stamp = waits.stamp;
    if (invalid_stamp(m->t, e->uuid, &stamp, &m->a) && (seen->stamp.len == 0 || stamp_older(seen->stamp, stamp)))
        seen->stamp = stamp;
    return told || seen->stamp.len ? seen : NULL;
}

/* From a lagging replica, or a read that a message overtook; or of an entry that is gone. */
static bool is_old_news(struct mirror *m, struct mirror_search *s, const struct entry *e, const struct object *told)
{
    if (told == NULL)
        return behind_is_past(s, entry_stamp(e));
    if (behind_lets_older_count(s) || !stamp_older(entry_stamp(e), told->stamp))
        return false;
    behind_see_older(m, s, told);
    return true;
}

/* The members that a group's entry names, if it is one. */
static void take_members(struct mirror *m, const struct mirror_search *s, const struct entry *e, enum cause cause,
                         enum phase_word phase)
{
    struct member_list list;

    if (s->mapping->member_attribute == NULL)
        return;
    member_read(s->mapping, search_of(m, OBJECT_ACCOUNT)->mapping, e, &m->a, &list);
    log_notes(m, e, list.notes);
    group_take(m, e->uuid, &list, cause, phase);
}

/* As an object of the kind that the search shows. */
static bool was_gone(struct mirror *m, const struct mirror_search *s, const uint8_t *uuid, struct gone *g)
{
    return !m->load && gone_get(m->t, uuid, g, &m->a) && g->o.kind == search_objects(s);
}

void ingest_entry(struct mirror *m, struct mirror_search *s, const struct entry *e, enum phase_word phase)
{
    struct object told, seen, wanted, *same;   /* same: told as what the search shows; NULL: it is not */
    struct gone gone;
    struct mapping_note *notes = NULL;
    struct slice reason;
    object_id id = m->load ? 0 : objects_get(m->t, e->uuid, &told, &m->a);
    bool returns = id == 0 && was_gone(m, s, e->uuid, &gone);
    enum mapping_result result;

    if (id != 0 && both_is_no_news(m, search_objects(s), &told))
        return;
    same = id != 0 && told.kind == search_objects(s) ? &told : NULL;
    if (is_old_news(m, s, e, last_seen(m, e, id ? &told : NULL, &seen)))
        return;
    if (returns)
        left_returns(m, e->uuid);
    result = mapping_apply(s->mapping, e, same ? same : returns ? &gone.o : NULL, &m->a, &wanted, &reason, &notes);
    if (result == MAPPED_INVALID) {
        entry_invalid(m, s, e, reason);
        if (same) {
            ingest_follow(m, &told, e->dn, phase);
            came_back_invalid(m, id, &told);
        }
        return;
    }
    if (invalid_del(m->t, e->uuid))
        m->urgent = true;
    if (result == MAPPED_ELSEWHERE) {
        if (ingest_want_drop(m, e->uuid))
            m->urgent = true;
        if (returns)
            left_found(m, s, e);
        if (same) {
            ingest_follow(m, &told, e->dn, phase);
            pend_delete(m, &told, CAUSE_MOVED, phase, true, course_is_suspicious(m, s));
        }
        return;
    }
    log_notes(m, e, notes);
    if (returns)
        plan_keep(&gone.o, notes, &wanted);
    if (id != 0 && !same) {
        both_take(m, &told, &wanted, phase);
    } else if (id == 0) {
        take_members(m, s, e, CAUSE_ADD, phase);   /* told by ingest_new(), after the group itself */
        ingest_new(m, &wanted, CAUSE_ADD, phase);
    } else {
        ingest_known(m, id, &told, &wanted, notes, phase);
        take_members(m, s, e, CAUSE_MODIFY, phase);
    }
}

static void give_address(struct mirror *m, struct slice address)
{
    struct object wanted;

    if (objects_owner(m->t, address, NULL, NULL) != 0)
        return;
    if (!ring_first_in_line(m, address, &wanted))
        alias_free(m, address);
    else if (objects_find(m->t, wanted.uuid, NULL) != 0)
        depart_unblock(m, wanted.uuid);
    else
        ingest_new(m, &wanted, CAUSE_RESOLVE, PHASE_LOCAL);
}

/* Whoever gets an address may free another, and a chain of those can be as long as the directory: one after the other,
 * not one within the other. */
bool ingest_want_drop(struct mirror *m, const uint8_t *uuid)
{
    struct object wanted;

    if (!want_get(m->t, uuid, &wanted, &m->a))
        return false;
    want_del(m->t, uuid);
    ingest_address_free(m, wanted.address);
    rebind_review(m, wanted.address);
    return true;
}

void ingest_address_free(struct mirror *m, struct slice address)
{
    size_t at = 0;

    buf_bytes(&m->freed, address);
    if (m->freeing)
        return;
    m->freeing = true;
    while (at < m->freed.len) {
        struct reader r = reader_of(slice_make(m->freed.p + at, m->freed.len - at));
        struct slice next = read_bytes(&r);

        at = m->freed.len - r.left;
        give_address(m, arena_copy(&m->a, next.p, next.len));
    }
    buf_reset(&m->freed);
    m->freeing = false;
}

/* The entry waits for an address, or is invalid, as an object of that kind. */
static bool is_known_otherwise(struct mirror *m, const uint8_t *uuid, enum object_kind kind)
{
    enum object_kind invalid;
    struct object wanted;

    return (want_get(m->t, uuid, &wanted, &m->a) && wanted.kind == kind) ||
           (invalid_kind(m->t, uuid, &invalid) && invalid == kind);
}

void ingest_forget(struct mirror *m, const uint8_t *uuid, enum object_kind kind)
{
    if (!is_known_otherwise(m, uuid, kind) || !(ingest_want_drop(m, uuid) | invalid_del(m->t, uuid)))
        return;
    m->urgent = true;
    if (kind == OBJECT_GROUP && objects_find(m->t, uuid, NULL) == 0)
        group_forget(m, uuid);
}

/* A deletion told with another DN than the stored one: it was moved before it went out of sight. The stored one is as it should
 * be while containers are in sync. */
static bool is_told_elsewhere(const struct mirror *m, struct slice dn, const struct object *told)
{
    if (dn.len == 0 || dn_same(dn, told->dn))
        return false;
    for (unsigned i = 0; i < m->n_searches; i++)
        if (!search_shows_objects(&m->searches[i]))
            return m->searches[i].complete;
    return false;
}

/* dn: told with it; empty: none. */
static void ingest_gone(struct mirror *m, struct mirror_search *s, const uint8_t *uuid, struct slice dn)
{
    enum object_kind kind = search_objects(s);
    struct object told;

    fetch_gone(m, uuid);
    if (!mirror_settle_load(m))
        return;
    ingest_forget(m, uuid, kind);
    if (left_is(m, s, uuid))
        search_ask(s, uuid);   /* of another host: the search shows those too */
    if (objects_get(m->t, uuid, &told, &m->a) != 0 && told.kind == kind)
        pend_delete(m, &told, is_told_elsewhere(m, dn, &told) ? CAUSE_LEAVE : CAUSE_DELETE, phase_now(s), false, false);
}

void ingest_move(struct mirror *m, object_id id, const struct object *stored, struct slice dn, enum phase_word phase)
{
    struct mirror_search *s = search_of(m, stored->kind);
    struct object after = *stored;

    after.dn = dn;
    objects_put(m->store, m->t, id, stored, &after);
    group_object_changed(m, stored, &after, CAUSE_RESOLVE, phase, false);
    m->urgent = true;
    if (subtree_in_place(m, s, stored->dn) && !subtree_in_place(m, s, dn))
        pend_delete(m, &after, CAUSE_ABSENT, phase, false, course_is_suspicious(m, s));
}

/* What a first load set aside: entries that came twice, and those whose address is taken. */
void ingest_settle_wants(struct mirror *m)
{
    struct buf next = { 0 };
    struct object wanted, told;
    struct pending p;

    while (want_next(m->t, &next, &wanted, &m->a)) {
        object_id id = objects_get(m->t, wanted.uuid, &told, &m->a);

        if (id != 0 && told.kind != wanted.kind && wanted.kind == OBJECT_ACCOUNT) {
            both_take(m, &told, &wanted, PHASE_REFRESH);
            arena_reset(&m->a);
            continue;
        }
        if (id != 0 && told.kind != wanted.kind) {
            log_warning(m->subject, "%.*s is a group and an account; it is mirrored as %s, and stays that",
                        SLICE_ARG(told.dn), object_kind_name(told.kind));
            want_del(m->t, wanted.uuid);
            if (wanted.kind == OBJECT_GROUP)
                group_forget(m, wanted.uuid);
            arena_reset(&m->a);
            continue;
        }
        if (id == 0 && objects_owner(m->t, wanted.address, NULL, NULL) == 0)
            ingest_new(m, &wanted, CAUSE_ADD, PHASE_REFRESH);
        else if (id != 0 && !pending_get(m->t, wanted.uuid, PENDING_RENAME, FIELD_NONE, (struct slice){ 0 }, &p, &m->a))
            ingest_known(m, id, &told, &wanted, NULL, PHASE_REFRESH);
        arena_reset(&m->a);
    }
    buf_free(&next);
}

/* Of a sibling (sibling.h). Else, of an entry without a pending deletion: one that was listed as present and is unknown, or known to wait for an address or
 * to be invalid; or one whose deletion was taken back when the answer was under way, which is then asked anew. */
static void take_lookup(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    const uint8_t *uuid = msg->entry->uuid;
    bool sibling = sibling_answer(m, msg);
    struct object told;
    struct anew before;

    if (overtaken_answer(m, s, msg) || release_answer(m, msg))
        return;
    if (!m->context_trusted || msg->outcome == LOOKUP_UNPROVEN) {
        if (!sibling && !s->behind && !left_is(m, s, uuid))
            reconcile_soon(m, s);
        return;
    }
    if (msg->outcome == LOOKUP_IN_PLACE) {
        before = anew_before(m, msg->entry);
        ingest_entry(m, s, msg->entry, sibling ? PHASE_LOCAL : s->word);
        anew_after(m, msg->entry, &before);
        return;
    }
    if (objects_get(m->t, uuid, &told, &m->a) != 0 && told.kind == search_objects(s))
        pend_delete(m, &told, msg->outcome == LOOKUP_LEFT ? CAUSE_LEAVE : CAUSE_ABSENT, PHASE_LOCAL, false,
                    course_is_suspicious(m, s));
    else {
        ingest_forget(m, uuid, search_objects(s));
        if (msg->outcome == LOOKUP_LEFT)
            left_found(m, s, msg->entry);
        else
            left_missing(m, s, uuid);
    }
}

/* ---- all messages ------------------------------------------------------------------------------------------- */

static void take_content(struct mirror *m, struct mirror_search *s, const struct entry *e)
{
    overtaken_note(m, s, e);
    if (search_shows_objects(s))
        ingest_entry(m, s, e, phase_now(s));
    else
        subtree_take(m, s, e, phase_now(s), false);
}

/* Of a container a row is all that there is to know. */
static void take_row(struct mirror *m, struct mirror_search *s, const struct entry *e)
{
    if (search_shows_objects(s))
        poll_row(m, s, e);
    else
        subtree_take(m, s, e, phase_now(s), false);
}

static void take_gone(struct mirror *m, struct mirror_search *s, const uint8_t *uuid, struct slice dn)
{
    overtaken_note_gone(m, s, uuid);
    if (search_shows_objects(s))
        ingest_gone(m, s, uuid, dn);
    else
        subtree_gone(m, s, uuid);
}

static void take_uuids(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    for (uint32_t i = 0; i < msg->n_uuids; i++) {
        const uint8_t *uuid = msg->uuids + (size_t)i * UUID_BYTES;

        if (msg->effect & EFFECT_PRESENT)
            census_saw(&s->census, uuid);
        if (msg->effect & EFFECT_GONE)
            take_gone(m, s, uuid, (struct slice){ "", 0 });
    }
}

static void take_entry(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    if (msg->effect & EFFECT_PRESENT)
        census_saw(&s->census, msg->entry->uuid);
    if (msg->effect & EFFECT_ROW)
        take_row(m, s, msg->entry);
    else
        s->received++;
    if (msg->effect & EFFECT_CONTENT)
        take_content(m, s, msg->entry);
    if (msg->effect & EFFECT_AGAIN && search_shows_objects(s))
        search_ask(s, msg->entry->uuid);
    if (msg->effect & EFFECT_GONE)
        take_gone(m, s, msg->entry->uuid, msg->entry->dn);
}

static void take_invalid(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    const uint8_t *uuid = msg->entry->uuid;
    struct object told;

    census_saw(&s->census, uuid);
    if (!search_shows_objects(s))
        return;
    entry_invalid(m, s, msg->entry, msg->text);
    /* As of when its DN is can't be read; where all is in sync it is that of now, and else reconciling tells. */
    if (s->complete && !s->behind && objects_get(m->t, uuid, &told, &m->a) != 0 && told.kind == search_objects(s))
        ingest_follow(m, &told, msg->entry->dn, phase_now(s));
}

static bool has_session(const struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (m->searches[i].refreshing || m->searches[i].complete)
            return true;
    return false;
}

/* What a message is about, by its type; the effects common to all come after it. */
static void take_subject(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    switch (msg->type) {
    case SYNC_BEGIN:
        course_begin(m, s, msg);
        break;
    case SYNC_ENTRY:
        take_entry(m, s, msg);
        break;
    case SYNC_IDSET:
        take_uuids(m, s, msg);
        break;
    case SYNC_INVALID:
        take_invalid(m, s, msg);
        break;
    case SYNC_DONE:
        if (msg->rc != 0)
            set_error(m, msg->text);
        break;
    case SYNC_LOST:
        set_error(m, msg->text);
        course_lost(m);
        break;
    case SYNC_CONTEXT:
        course_take_context(m, msg);
        break;
    case SYNC_LOOKUP:
        if (search_shows_objects(s))
            take_lookup(m, s, msg);
        else
            subtree_answer(m, s, msg);
        break;
    case SYNC_LISTED:
        reconcile_listed(m, msg);
        fetch_listed(m, s, msg);
        break;
    case SYNC_PROBE_END:
        reconcile_end(m, msg);
        fetch_end(m, msg);
        if (m->asked > 0)
            m->asked--;
        overtaken_end(m);
        m->context_trusted = false;   /* the next request reads its own */
        snprintf(m->context_why, sizeof(m->context_why), "contextCSN was not read");
        break;
    case SYNC_SILENT:
        /* Where there is no session, none has died, and the next attempt comes when it is time for it. */
        if (!has_session(m))
            break;
        set_error(m, msg->text);
        if (m->polling && !search_any_refreshing(m))
            break;   /* between two polls there is no session that could have died */
        snprintf(m->restart_why, sizeof(m->restart_why), "%.*s", SLICE_ARG(msg->text));
        break;
    case SYNC_ELSEWHERE:
        elsewhere_take(m, msg);
        break;
    case SYNC_REFERENCE:
    case SYNC_NEWCOOKIE:
    case SYNC_REFRESH_PRESENT:
    case SYNC_REFRESH_DELETE:
        break;
    }
}

static bool is_of_session(const struct sync_msg *msg)
{
    return msg->type <= SYNC_LOST;
}

void ingest_message(struct mirror *m, const struct sync_msg *msg)
{
    struct mirror_search *s = &m->searches[msg->search];

    if (m->deaf && is_of_session(msg) && msg->type != SYNC_BEGIN)
        return;
    m->claimed = is_of_session(msg) ? &s->shown : &m->context;
    take_subject(m, s, msg);
    if (msg->effect & EFFECT_COMPLETE && !m->deaf)
        course_complete(m, s, msg);
    if (msg->effect & EFFECT_COOKIE && msg->has_cookie && !m->deaf)
        course_take_cookie(m, s, msg);
    if (msg->effect & EFFECT_RESTART)
        course_restart_empty(m, s, msg);
    if (msg->effect & EFFECT_END && !(msg->effect & EFFECT_COMPLETE))   /* a poll that is complete stays so until the next */
        course_end(m, s);
    arena_reset(&m->a);
}
