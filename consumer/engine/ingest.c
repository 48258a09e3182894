/* Joint 1: what the provider said → what is mirrored. */
#include "mirror.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"

/* Re-issues after a watchdog alarm begin after two intervals, then at doubling distances up to this. */
#define REISSUE_MAX_MS ((int64_t)3600 * 1000)

static enum phase_word phase_now(const struct mirror *m)
{
    return m->search.refreshing ? PHASE_REFRESH : PHASE_PERSIST;
}

static void set_error(struct mirror *m, struct slice text)
{
    snprintf(m->last_error, sizeof(m->last_error), "%.*s", SLICE_ARG(text));
}

/* ---- entries ------------------------------------------------------------------------------------------------ */

static void entry_invalid(struct mirror *m, const uint8_t *uuid, struct slice dn, struct slice reason)
{
    struct slice old_dn, old_reason;
    char text[UUID_TEXT];

    if (!invalid_get(m->t, uuid, &old_dn, &old_reason, &m->a) || !slice_eq(old_reason, reason) ||
        !slice_eq(old_dn, dn)) {
        log_warning(m->subject, "%.*s (%s) is invalid: %.*s; nothing is sent for it", SLICE_ARG(dn),
                    uuid_format(uuid, text), SLICE_ARG(reason));
        invalid_put(m->t, uuid, dn, reason);
        m->urgent = true;
    }
    if (want_del(m->t, uuid))
        m->urgent = true;
}

static void log_notes(const struct mirror *m, const struct entry *e, const struct mapping_note *n)
{
    for (; n; n = n->next)
        log_warning(m->subject, "%.*s: %s: %.*s", SLICE_ARG(e->dn), field_name(n->field), SLICE_ARG(n->text));
}

/* An alias that is somebody's address is left out (SPEC.md 2.5). */
static void drop_taken_aliases(struct mirror *m, struct object *o)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < o->n_aliases; i++) {
        uint8_t owner[UUID_BYTES];

        if (objects_owner(m->t, o->aliases[i], owner, NULL) != 0 && memcmp(owner, o->uuid, UUID_BYTES) != 0)
            log_warning(m->subject, "%.*s: the alias %.*s is somebody else's address and is left out", SLICE_ARG(o->dn),
                        SLICE_ARG(o->aliases[i]));
        else
            o->aliases[kept++] = o->aliases[i];
    }
    o->n_aliases = kept;
}

/* The entry waits for its address; its place in the line stays if it waits already. */
static void wait_for_address(struct mirror *m, const struct object *wanted)
{
    struct object before;

    if (!want_get(m->t, wanted->uuid, &before, &m->a) || !slice_eq(before.address, wanted->address))
        log_warning(m->subject, "%.*s: the address %.*s is taken; waiting until it is free", SLICE_ARG(wanted->dn),
                    SLICE_ARG(wanted->address));
    want_put(m->store, m->t, wanted);
    m->urgent = true;
}

static void ingest_new(struct mirror *m, struct object *wanted, enum cause cause, enum phase_word phase)
{
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
    want_del(m->t, wanted->uuid);
    drop_taken_aliases(m, wanted);
    objects_put(m->store, m->t, 0, NULL, wanted);
    mirror_emit_create(m, wanted, cause, phase);
}

static void emit_update(struct mirror *m, const struct object *wanted, struct slice address, const struct plan *p,
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
    bool changed = release_came_back(m, &told, wanted);
    bool keeps_old = leave_out_alias(wanted, told.address);
    struct plan p;

    drop_taken_aliases(m, wanted);
    plan_diff(&told, wanted, notes, &m->a, &p);
    if (plan_sets(&p))
        emit_update(m, wanted, told.address, &p, phase);
    plan_apply_sets(&told, wanted, &p, &m->a, &after);
    if (changed || plan_sets(&p) || p.moved || p.restamped) {
        objects_put(m->store, m->t, id, stored, &after);
        m->urgent = true;
    }
    for (uint32_t i = 0; i < p.n_clear; i++)
        release_pend_clear(m, &after, p.clear[i], (struct slice){ 0 }, phase);
    for (uint32_t i = 0; i < p.n_lost_aliases; i++)
        release_pend_clear(m, &after, FIELD_ALIASES, p.lost_aliases[i], phase);
    if (p.rename)
        release_pend_rename(m, &after, wanted->address, keeps_old, phase);
    else if (want_del(m->t, wanted->uuid))
        m->urgent = true;
}

/* It is there: what was mirrored of it stays untouched. */
static void came_back_invalid(struct mirror *m, object_id id, const struct object *stored)
{
    struct object told = *stored;

    if (!release_came_back(m, &told, NULL))
        return;
    if (told.state != stored->state)
        objects_put(m->store, m->t, id, stored, &told);
    m->urgent = true;
}

static bool is_suspicious(const struct mirror *m)
{
    struct slice why;

    return meta_get(m->t, "suspicion", object_kind_name(m->search.kind), &why);
}

void ingest_entry(struct mirror *m, const struct entry *e, enum phase_word phase)
{
    struct object told, wanted;
    struct mapping_note *notes = NULL;
    struct slice reason;
    object_id id = m->load ? 0 : objects_get(m->t, e->uuid, &told, &m->a);
    enum mapping_result result;

    if (id != 0 && !m->older_counts && stamp_older(entry_stamp(e), told.stamp))
        return;   /* old news: from a lagging replica, or a read that a message overtook */
    result = mapping_apply(m->mapping, e, id ? &told : NULL, &m->a, &wanted, &reason, &notes);
    if (result == MAPPED_INVALID) {
        entry_invalid(m, e->uuid, e->dn, reason);
        if (id != 0)
            came_back_invalid(m, id, &told);
        return;
    }
    if (invalid_del(m->t, e->uuid))
        m->urgent = true;
    if (result == MAPPED_ELSEWHERE) {
        if (want_del(m->t, e->uuid))
            m->urgent = true;
        if (id != 0)
            release_pend_delete(m, &told, CAUSE_MOVED, phase, true, is_suspicious(m));
        return;
    }
    log_notes(m, e, notes);
    if (id == 0)
        ingest_new(m, &wanted, CAUSE_ADD, phase);
    else
        ingest_known(m, id, &told, &wanted, notes, phase);
}

static void give_address(struct mirror *m, struct slice address)
{
    struct object wanted;

    if (objects_owner(m->t, address, NULL, NULL) != 0 || !want_first(m->t, address, &wanted, &m->a))
        return;
    if (objects_find(m->t, wanted.uuid, NULL) != 0)
        release_unblock(m, wanted.uuid);
    else
        ingest_new(m, &wanted, CAUSE_RESOLVE, PHASE_LOCAL);
}

/* Whoever gets an address may free another, and a chain of those can be as long as the directory: one after the other,
 * not one within the other. */
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

static void ingest_gone(struct mirror *m, const uint8_t *uuid, enum cause cause)
{
    struct object told;

    if (m->load)
        return;   /* nothing is known yet that could be gone */
    if (want_del(m->t, uuid) | invalid_del(m->t, uuid))
        m->urgent = true;
    if (objects_get(m->t, uuid, &told, &m->a) != 0)
        release_pend_delete(m, &told, cause, phase_now(m), false, false);
}

/* ---- the course of a session -------------------------------------------------------------------------------- */

/* Something that this session said is lost: the next one, from the stored cookie, says it again. */
static void give_up_session(struct mirror *m, const char *why)
{
    snprintf(m->restart_why, sizeof(m->restart_why), "%s", why);
    m->deaf = true;
    m->search.refreshing = m->search.complete = false;
    m->insync_ms = 0;
    census_drop(&m->search.census);
}

/* A load that a failed commit cut short: its indexes are built before anything else is done. False if that failed. */
static bool finish_load(struct mirror *m)
{
    struct err e;
    int rc;

    if (m->load || !load_pending(m->t))
        return true;
    rc = mirror_commit(m, &e);
    if (rc == 0)
        rc = load_build(m->store, m->stop, &e);
    mirror_begin(m);
    if (rc == 0)
        return true;
    log_error(m->subject, "%s", e.text);
    give_up_session(m, "the first load could not be finished");
    return false;
}

static void begin_session(struct mirror *m, const struct sync_msg *msg)
{
    struct mirror_search *s = &m->search;

    m->deaf = false;
    s->session = msg->session;
    s->had_cookie = msg->had_cookie;
    s->refreshing = true;
    s->complete = false;
    s->received = 0;
    s->refresh_began_ms = clock_mono_ms();
    m->insync_ms = 0;
    free(s->uri);
    s->uri = msg->uri.len ? mem_printf("%.*s", SLICE_ARG(msg->uri)) : NULL;
    if (!finish_load(m))
        return;
    if (!msg->had_cookie && m->load == NULL)
        m->load = load_begin(m->store, m->t);
    if (m->load) {
        m->urgent = true;   /* load_begin() wrote, and a transaction without urgency is dropped */
        census_drop(&s->census);
    } else {
        census_begin(&s->census);
    }
}

/* The session broke off: what it has shown so far proves no absence. A load that was under way gets its indexes, and
 * the next session fills in the rest. */
static void end_session(struct mirror *m)
{
    struct err e;

    m->search.refreshing = false;
    m->search.complete = false;
    m->insync_ms = 0;
    census_drop(&m->search.census);
    if (m->load && mirror_end_load(m, &e) != 0) {
        log_error(m->subject, "%s", e.text);
        give_up_session(m, "the first load could not be finished");
    }
}

static void take_cookie(struct mirror *m, struct slice cookie)
{
    struct mirror_search *s = &m->search;
    bool malformed = false;

    if (cookie_take(&s->cookie, cookie, &malformed))
        s->cookie_dirty = true;
    if (malformed)
        log_warning(m->subject, "the provider sent a malformed cookie, which is ignored: %.*s", SLICE_ARG(cookie));
    if (csn_set_merge(&s->highest, &s->cookie.csns))
        s->cookie_dirty = true;
    m->ahead_since_ms = 0;
    m->reissue_after_ms = 0;
}

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

/* A completed refresh whose CSN set is not behind: what it did not show may be gone. */
static void sweep(struct mirror *m)
{
    struct mirror_search *s = &m->search;
    struct found f = { 0 };
    bool suspect = is_suspicious(m) || s->census.n == 0;
    struct object told;

    census_end(&s->census, m->t, s->kind, found_absent, found_unknown, &f);
    for (size_t i = 0; i < f.absent.len; i += UUID_BYTES) {
        if (objects_get(m->t, (uint8_t *)f.absent.p + i, &told, &m->a) != 0)
            release_pend_delete(m, &told, CAUSE_ABSENT, PHASE_REFRESH, false, suspect);
        else
            buf_add(&m->ask, f.absent.p + i, UUID_BYTES);   /* waits for an address, or is invalid */
        arena_reset(&m->a);
    }
    if (f.absent.len)
        log_info(m->subject, "%zu known entries were not in the refresh; looking each up", f.absent.len / UUID_BYTES);
    buf_add_slice(&m->ask, buf_slice(&f.unknown));
    buf_free(&f.absent);
    buf_free(&f.unknown);
    m->urgent = true;
}

/* A full refresh is through: suspicion has had its sweep. */
static void end_suspicion(struct mirror *m)
{
    const char *kind = object_kind_name(m->search.kind);

    meta_put(m->t, "suspicion", kind, (struct slice){ 0 });
    meta_put(m->t, "older", kind, (struct slice){ 0 });
    m->older_counts = false;
}

/* What a first load set aside: entries that came twice, and those whose address is taken. */
static void settle_wants(struct mirror *m)
{
    struct buf next = { 0 };
    struct object wanted, told;
    struct pending p;

    while (want_next(m->t, &next, &wanted, &m->a)) {
        object_id id = objects_get(m->t, wanted.uuid, &told, &m->a);

        if (id == 0 && objects_owner(m->t, wanted.address, NULL, NULL) == 0)
            ingest_new(m, &wanted, CAUSE_ADD, PHASE_REFRESH);
        else if (id != 0 && !pending_get(m->t, wanted.uuid, PENDING_RENAME, FIELD_NONE, (struct slice){ 0 }, &p, &m->a))
            ingest_known(m, id, &told, &wanted, NULL, PHASE_REFRESH);
        arena_reset(&m->a);
    }
    buf_free(&next);
}

/* Whether the CSN set that ends the refresh reaches the highest seen, and says who is behind. */
static bool is_behind(struct mirror *m, const struct sync_msg *msg)
{
    struct mirror_search *s = &m->search;
    struct cookie ended = { 0 };
    bool malformed = false, behind;
    uint16_t sid = 0;

    if (msg->has_cookie)
        cookie_take(&ended, msg->cookie, &malformed);
    if (ended.flavour == COOKIE_NONE)
        /* After a delete phase to our cookie: nothing has changed. Else a server without a CSN, that was emptied or never
         * written to; it proves nothing. */
        return !s->had_cookie || msg->effect & EFFECT_ABSENT;
    behind = csn_set_behind(&ended.csns, &s->highest, &sid);
    if (behind)
        log_warning(m->subject, "%s is behind for server ID %03x (lagging, or restored from a backup): nothing is taken "
                                "for deleted; it goes on by itself once the server has caught up",
                    s->uri ? s->uri : "the server", sid);
    cookie_free(&ended);
    return behind;
}

static void refresh_complete(struct mirror *m, const struct sync_msg *msg)
{
    struct mirror_search *s = &m->search;
    struct err e;
    bool was_load = m->load != NULL;

    if (was_load && mirror_end_load(m, &e) != 0) {
        log_error(m->subject, "%s", e.text);
        give_up_session(m, "the first load could not be finished");
        return;
    }
    s->refreshing = false;
    s->complete = true;
    s->refresh_ended_ms = clock_mono_ms();
    s->behind = is_behind(m, msg);
    settle_wants(m);
    if (s->census.open)
        release_seen_present(m);
    if (s->census.open && (msg->effect & EFFECT_ABSENT || !s->had_cookie) && !s->behind)
        sweep(m);
    if (!s->had_cookie && !s->behind)
        end_suspicion(m);
    census_drop(&s->census);
    m->insync_ms = m->now_ms;
    m->urgent = true;
    m->last_error[0] = '\0';
    log_info(m->subject, "in sync with %s: %lld entries received in %.3f s, %lld accounts mirrored",
             s->uri ? s->uri : "the server", (long long)s->received,
             (double)(s->refresh_ended_ms - s->refresh_began_ms) / 1000, (long long)m->store->objects[s->kind]);
}

static void restart_empty(struct mirror *m, const struct sync_msg *msg)
{
    log_warning(m->subject, "the provider asks for a full refresh (e-syncRefreshRequired): %.*s", SLICE_ARG(msg->text));
    cookie_free(&m->search.cookie);
    m->search.cookie_dirty = true;
    m->urgent = true;
}

/* ---- the second connection ---------------------------------------------------------------------------------- */

/* contextCSN as the watchdog read it: ahead of our cookie without a message? */
static void watch(struct mirror *m, const struct csn_set *context)
{
    int64_t now = clock_mono_ms(), interval = (int64_t)m->conf->watchdog_interval * 1000;
    uint16_t sid;

    if (!m->search.complete || !csn_set_behind(&m->search.cookie.csns, context, &sid)) {
        m->ahead_since_ms = 0;
        return;
    }
    if (m->ahead_since_ms == 0) {
        m->ahead_since_ms = now;
        return;
    }
    if (m->reissue_after_ms == 0)
        m->reissue_after_ms = 2 * interval;
    if (now - m->ahead_since_ms < m->reissue_after_ms)
        return;
    m->reissue_after_ms = m->reissue_after_ms > REISSUE_MAX_MS / 2 ? REISSUE_MAX_MS : m->reissue_after_ms * 2;
    m->ahead_since_ms = now;
    snprintf(m->restart_why, sizeof(m->restart_why),
             "the server's contextCSN moved and no message came: the search is issued again");
}

static void take_context(struct mirror *m, const struct sync_msg *msg)
{
    struct csn_set context = { 0 };
    struct csn c;
    uint16_t sid = 0;

    for (uint32_t i = 0; i < msg->n_csns; i++)
        if (csn_parse(msg->csns[i], &c))
            csn_set_add(&context, &c);
    if (msg->token == 0) {
        watch(m, &context);
    } else if (context.n == 0) {
        /* Without a contextCSN only the server that showed us the entries can prove that one is gone. */
        m->context_trusted = m->search.uri && slice_eq(msg->uri, slice_of(m->search.uri));
        snprintf(m->context_why, sizeof(m->context_why), "contextCSN can't be read on %.*s", SLICE_ARG(msg->uri));
    } else {
        m->context_trusted = !csn_set_behind(&context, &m->asked_highest, &sid);
        snprintf(m->context_why, sizeof(m->context_why), "%.*s is behind for server ID %03x", SLICE_ARG(msg->uri), sid);
    }
    csn_set_free(&context);
}

/* Of an entry without a pending deletion: one that was listed as present and is unknown, or known to wait for an address or
 * to be invalid; or one whose deletion was taken back when the answer was under way, which is then asked anew. */
static void take_lookup(struct mirror *m, const struct sync_msg *msg)
{
    const uint8_t *uuid = msg->entry->uuid;
    struct object told;

    if (release_answer(m, msg) || !m->context_trusted || msg->outcome == LOOKUP_UNPROVEN)
        return;
    if (msg->outcome == LOOKUP_IN_PLACE) {
        ingest_entry(m, msg->entry, PHASE_REFRESH);
        return;
    }
    if (objects_get(m->t, uuid, &told, &m->a) != 0)
        release_pend_delete(m, &told, msg->outcome == LOOKUP_LEFT ? CAUSE_LEAVE : CAUSE_ABSENT, PHASE_LOCAL, false, false);
    else if (want_del(m->t, uuid) | invalid_del(m->t, uuid))
        m->urgent = true;
}

/* ---- all messages ------------------------------------------------------------------------------------------- */

static void take_uuids(struct mirror *m, const struct sync_msg *msg)
{
    for (uint32_t i = 0; i < msg->n_uuids; i++) {
        const uint8_t *uuid = msg->uuids + (size_t)i * UUID_BYTES;

        if (msg->effect & EFFECT_PRESENT)
            census_saw(&m->search.census, uuid);
        if (msg->effect & EFFECT_GONE)
            ingest_gone(m, uuid, CAUSE_DELETE);
    }
}

static void take_entry(struct mirror *m, const struct sync_msg *msg)
{
    m->search.received++;
    if (msg->effect & EFFECT_PRESENT)
        census_saw(&m->search.census, msg->entry->uuid);
    if (msg->effect & EFFECT_CONTENT)
        ingest_entry(m, msg->entry, phase_now(m));
    if (msg->effect & EFFECT_GONE)
        ingest_gone(m, msg->entry->uuid, CAUSE_DELETE);
}

static void take_invalid(struct mirror *m, const struct sync_msg *msg)
{
    census_saw(&m->search.census, msg->entry->uuid);
    entry_invalid(m, msg->entry->uuid, msg->entry->dn, msg->text);
}

/* What a message is about, by its type; the effects common to all come after it. */
static void take_subject(struct mirror *m, const struct sync_msg *msg)
{
    switch (msg->type) {
    case SYNC_BEGIN:
        begin_session(m, msg);
        break;
    case SYNC_ENTRY:
        take_entry(m, msg);
        break;
    case SYNC_IDSET:
        take_uuids(m, msg);
        break;
    case SYNC_INVALID:
        take_invalid(m, msg);
        break;
    case SYNC_DONE:
        if (msg->rc != 0)
            set_error(m, msg->text);
        break;
    case SYNC_LOST:
        set_error(m, msg->text);
        end_session(m);
        break;
    case SYNC_CONTEXT:
        take_context(m, msg);
        break;
    case SYNC_LOOKUP:
        take_lookup(m, msg);
        break;
    case SYNC_PROBE_END:
        if (m->asked > 0)
            m->asked--;
        m->context_trusted = false;   /* the next request reads its own */
        snprintf(m->context_why, sizeof(m->context_why), "contextCSN was not read");
        break;
    case SYNC_SILENT:
        set_error(m, msg->text);
        snprintf(m->restart_why, sizeof(m->restart_why), "%.*s", SLICE_ARG(msg->text));
        break;
    case SYNC_REFERENCE:
    case SYNC_LISTED:
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
    if (m->deaf && is_of_session(msg) && msg->type != SYNC_BEGIN)
        return;
    take_subject(m, msg);
    if (msg->effect & EFFECT_COMPLETE)
        refresh_complete(m, msg);
    if (msg->effect & EFFECT_COOKIE && msg->has_cookie && !m->deaf)
        take_cookie(m, msg->cookie);
    if (msg->effect & EFFECT_RESTART)
        restart_empty(m, msg);
    if (msg->effect & EFFECT_END)
        end_session(m);
    arena_reset(&m->a);
}
