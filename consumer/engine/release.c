/* Joint 2: what takes away, from its detection to its action (SPEC.md 2.7). The life of a row:
 *
 *   deletion:  UNPROVEN ──look-up: gone──▶ WAITING ──due, look-up: gone──▶ action
 *   clear:                                 WAITING ──due, a sibling has the field──▶ action
 *   rename:                                WAITING ──at once──▶ action, or BLOCKED until the address is free
 *
 *   WAITING ──guard──▶ HELD ──approve──▶ APPROVED ──look-up──▶ action
 *                        └───reject──▶ REJECTED (approve still works)
 *   any ──it came back──▶ no row, and nothing ever happened
 *
 * pend.c makes the rows and undoes them; here they are moved on by the answers of look-ups, by the guard and by the clock;
 * depart.c lets them go, operator.c takes the operator's word. */
#include "mirror.h"

#include <stdlib.h>

#include "gone.h"
#include "log.h"

/* ---- answers of the look-up --------------------------------------------------------------------------------- */

/* What nobody could tell anything about for so long is the operator's to decide. */
static bool is_too_long(const struct mirror *m, const struct pending *p)
{
    int64_t interval = (int64_t)m->conf->reconcile_interval * 1000;

    return interval > 0 && m->now_ms - p->detected_ms >= interval;
}

static bool is_hopeless(const struct mirror *m, const struct pending *p)
{
    return p->reason == PENDING_UNPROVEN && is_too_long(m, p);
}

/* Before that a deletion that waits does not go, whatever a look-up says: wall clock. Others need not wait. */
static int64_t grace_ends(const struct mirror *m, const struct pending *p)
{
    return p->reason == PENDING_WAITING ? p->detected_ms + pend_grace_ms(m) : 0;
}

static void ask_again_later(struct mirror *m, struct pending *p, struct slice why)
{
    char text[UUID_TEXT];

    log_debug(m->subject, "%s: unproven: %.*s", uuid_format(p->uuid, text), SLICE_ARG(why));
    p->asked = p->again = false;
    p->answered = true;
    if (is_hopeless(m, p)) {
        char *hopeless = mem_printf("could not be looked up for as long as reconcileInterval: %.*s", SLICE_ARG(why));

        pend_hold(m, p, hopeless);
        free(hopeless);
        return;
    }
    p->due_ms = m->now_ms + (int64_t)m->conf->retry_interval * 1000;
    if (p->due_ms < grace_ends(m, p))
        p->due_ms = grace_ends(m, p);
    pend_put(m, p);
}

/* It is there after all, or again. */
static void found_in_place(struct mirror *m, struct pending *p, const struct sync_msg *msg)
{
    if (p->again) {   /* the report may be younger than the answer */
        p->again = p->asked = false;
        p->due_ms = m->now_ms;
        pend_put(m, p);
        return;
    }
    pend_drop(m, p, false);
    rebind_met(m, p->uuid);
    pend_set_state(m, p->uuid, OBJECT_MIRRORED);
    ingest_entry(m, &m->searches[msg->search], msg->entry, PHASE_LOCAL);
}

static void proven(struct mirror *m, struct pending *p)
{
    bool was_asked = p->asked;

    p->asked = p->again = false;
    if (p->paired && !rebind_stands(m, p)) {   /* it left: then it is nobody with a new uuid */
        rebind_part(m, p);
        return;
    }
    switch (p->reason) {
    case PENDING_UNPROVEN:
        pend_confirm(m, p, NULL);
        break;
    case PENDING_WAITING:
    case PENDING_APPROVED:
        if (m->now_ms < grace_ends(m, p)) {   /* it was looked up for another reason than that its time has come */
            p->due_ms = grace_ends(m, p);
            pend_put(m, p);
        } else if (was_asked && depart_must_stay(m, p)) {   /* since it was asked a refresh began, or another look-up */
            p->due_ms = m->now_ms;
            pend_put(m, p);
        } else if (was_asked) {
            depart_delete(m, p);
        }
        break;
    case PENDING_HELD:
    case PENDING_REJECTED:
    case PENDING_BLOCKED:
        p->due_ms = 0;
        pend_put(m, p);
        break;
    }
}

/* Neither it nor its parent can be read: it may be the right to that is gone (SPEC.md 2.1, "Suspicion"). What was approved goes
 * all the same. */
static void suspected(struct mirror *m, struct pending *p, struct slice why)
{
    const char *text = arena_copy(&m->a, why.p, why.len).p;

    switch (p->reason) {
    case PENDING_UNPROVEN:
        p->suspect = true;
        pend_confirm(m, p, text);
        break;
    case PENDING_WAITING:
        p->suspect = true;
        p->asked = p->again = false;
        pend_hold(m, p, text);
        break;
    case PENDING_HELD:
    case PENDING_REJECTED:
    case PENDING_APPROVED:
    case PENDING_BLOCKED:
        proven(m, p);
        break;
    }
}

/* A container that is not there any more either may be the reason; that it was deleted can be told a moment later than the answer
 * came. */
static void without_parent(struct mirror *m, struct pending *p, struct slice why)
{
    int64_t patience = 2 * (int64_t)m->conf->retry_interval * 1000;
    struct object told;
    struct gone gone;
    enum subtree_verdict v = SUBTREE_UNEXPLAINED;

    if (objects_get(m->t, p->uuid, &told, &m->a) != 0)
        v = subtree_explains(m, told.dn);
    else if (gone_get(m->t, p->uuid, &gone, &m->a))
        v = subtree_explains(m, gone.o.dn);
    if (v == SUBTREE_DELETED)
        proven(m, p);
    else if (v == SUBTREE_SOON && p->reason == PENDING_UNPROVEN && m->now_ms - p->detected_ms < patience)
        ask_again_later(m, p, why);
    else
        suspected(m, p, why);
}

/* clusteredSetup: the server's filter knows nothing of hosts. */
static bool is_elsewhere(struct mirror *m, const struct entry *e)
{
    struct mapping_note *notes;
    struct object wanted;
    struct slice reason;

    return mapping_apply(search_of(m, OBJECT_ACCOUNT)->mapping, e, NULL, &m->a, &wanted, &reason, &notes) == MAPPED_ELSEWHERE;
}

/* A cause never becomes harsher: once it has left or moved, it is that. */
static void soften(struct pending *p, enum cause cause)
{
    if (p->cause == CAUSE_DELETE || p->cause == CAUSE_ABSENT)
        p->cause = cause;
}

/* It is there, where it is not mirrored. */
static void outside(struct mirror *m, struct pending *p, const struct sync_msg *msg, enum cause cause)
{
    const struct mirror_search *s = &m->searches[msg->search];

    if (left_is_there(m, s, p, msg->entry))
        return;
    soften(p, cause);
    proven(m, p);
    left_found(m, s, msg->entry);   /* if it went out with that */
}

bool release_answer(struct mirror *m, const struct sync_msg *msg)
{
    enum lookup_outcome outcome = msg->outcome;
    struct pending p;

    if (!pending_get(m->t, msg->entry->uuid, PENDING_DELETE, FIELD_NONE, (struct slice){ 0 }, &p, &m->a) ||
        p.kind != search_objects(&m->searches[msg->search]))   /* it is none of a group that was asked about as an account */
        return false;
    if (!m->context_trusted)
        outcome = LOOKUP_UNPROVEN;   /* a server that is behind proves neither absence nor presence */
    switch (outcome) {
    case LOOKUP_IN_PLACE:
        if (is_elsewhere(m, msg->entry)) {
            outside(m, &p, msg, CAUSE_MOVED);
        } else if (both_waits(m, p.uuid)) {   /* … as a group */
            proven(m, &p);
        } else {
            found_in_place(m, &p, msg);
        }
        break;
    case LOOKUP_LEFT:
        outside(m, &p, msg, CAUSE_LEAVE);
        break;
    case LOOKUP_DELETED:
        if (msg->parent_unreadable)
            without_parent(m, &p, msg->text);
        else
            proven(m, &p);
        break;
    case LOOKUP_UNPROVEN:
        ask_again_later(m, &p, m->context_trusted ? msg->text : slice_of(m->context_why));
        break;
    }
    return true;
}

/* ---- the guard ---------------------------------------------------------------------------------------------- */

static int64_t mirrored(const struct mirror *m, const struct guarded *of)
{
    switch (of->kind) {
    case GUARD_CLEAR:
        return of->field < STORE_FIELDS ? m->store->with_field[of->field] : 0;
    case GUARD_GROUP_DELETE:
    case GUARD_MEMBERS:
        return m->store->objects[OBJECT_GROUP];
    case GUARD_ACCOUNT_DELETE:
    case GUARD_ACCOUNT_RENAME:
    case GUARD_REBIND:
    case GUARD_KINDS:
        break;
    }
    return m->store->objects[OBJECT_ACCOUNT];
}

/* Whether mirrored() counts this entry now. */
static bool is_counted(struct txn *t, const uint8_t *uuid, const struct guarded *of, struct arena *a)
{
    struct object o;

    if (objects_get(t, uuid, &o, a) == 0 || o.state == OBJECT_GONE)
        return false;
    if (of->kind != GUARD_CLEAR || of->field == FIELD_MEMBERS)
        return true;
    return of->field == FIELD_ALIASES ? o.n_aliases > 0 : object_field(&o, of->field).len > 0;
}

static int compare_uuids(const void *a, const void *b)
{
    return memcmp(a, b, UUID_BYTES);
}

/* From rows to entries: one that lost two aliases is one, and what was released is still part of what was mirrored. Takes a read of
 * each, so it is done only where the rows alone would be held. */
static void count_entries(struct mirror *m, const struct guarded *of, struct guard_count *count)
{
    struct buf uuids = { 0 };
    struct arena a = { 0 };
    const char *last = NULL;

    window_entries(m->t, of, &uuids);
    if (uuids.len)
        qsort(uuids.p, uuids.len / UUID_BYTES, UUID_BYTES, compare_uuids);
    count->detected = 0;
    for (const char *p = uuids.p; p < uuids.p + uuids.len; p += UUID_BYTES) {
        if (last && memcmp(last, p, UUID_BYTES) == 0)
            continue;
        last = p;
        count->detected++;
        count->mirrored += !is_counted(m->t, (const uint8_t *)p, of, &a);
        arena_reset(&a);
    }
    arena_free(&a);
    buf_free(&uuids);
}

static int judge_one(struct mirror *m, const struct guarded *of, struct err *e)
{
    const struct config_guard *g = &m->conf->guard;
    struct guard_limits limits = { g->max_deletes, g->max_delete_percent, g->max_clears, g->max_clear_percent,
                                   g->max_members_removed };
    struct guard_count count = { window_count(m->store, of), mirrored(m, of) };
    char why[GUARD_WHY];
    struct hold h;

    if (!guard_holds(of->kind, &limits, &count, why))
        return 0;
    if (of->kind != GUARD_MEMBERS)   /* of one group: there the rows are what counts */
        count_entries(m, of, &count);
    if (!guard_holds(of->kind, &limits, &count, why))
        return 0;
    /* What comes joins an open hold by itself, but some may have waited before it was opened for another reason. */
    if (!hold_find_open(m->t, of, &h, &m->a))
        pend_open_hold(m, of, why);
    return pend_hold_all(m, of, why, e);
}

/* -1: it could not be done to the end. Then it is still to be done, at the next start too (release_recover()), and before that nothing
 * may go out. */
static int judge(struct mirror *m)
{
    size_t n = m->judged.len / sizeof(struct guarded);
    struct err e;

    if (m->now_ms - m->expired_ms >= 1000 || m->now_ms < m->expired_ms) {
        if (window_expire(m->store, m->t, m->now_ms - m->conf->guard.window * 1000) > 0)
            m->urgent = true;
        m->expired_ms = m->now_ms;
    }
    for (size_t i = 0; i < n; i++) {
        struct guarded of, next;

        memcpy(&of, m->judged.p + i * sizeof(of), sizeof(of));
        /* Bulk changes name the same kind many times in a row: once is enough. */
        if (i + 1 < n)
            memcpy(&next, m->judged.p + (i + 1) * sizeof(next), sizeof(next));
        if ((i + 1 == n || !guarded_same(&of, &next)) && judge_one(m, &of, &e) != 0) {
            log_info(m->subject, "%s", e.text);
            return -1;
        }
    }
    buf_reset(&m->judged);
    m->judge = false;
    return 0;
}

/* ---- the clock ---------------------------------------------------------------------------------------------- */

/* So long fields that an entry has lost wait for each other. */
#define TOGETHER_MS 2000

/* What an entry has lost goes as one action, so that fields wait for each other while siblings are being read; one that nobody
 * could tell about is left behind. Not for ever: look-ups go one request after the other, and what is known of a field counts for
 * `settle` only, so that of two fields asked for in turn each would be forgotten while the other is read. */
static bool clears_are_ready(struct mirror *m, const uint8_t *uuid)
{
    struct buf next = { 0 };
    struct pending p;
    bool ready = true, late = false;

    while (pending_next(m->t, uuid, &next, &p, &m->a)) {
        enum sibling_verdict v;

        if (p.what != PENDING_CLEAR || p.reason != PENDING_WAITING || p.due_ms > m->now_ms)
            continue;
        v = sibling_ask(m, p.field);
        if (v == SIBLING_LATER && is_too_long(m, &p)) {
            pend_hold(m, &p, "no other entry that has it could be read for as long as reconcileInterval");
        } else if (v == SIBLING_LATER) {
            p.due_ms = m->now_ms + sibling_wait_ms(m, p.field);
            pend_put(m, &p);
        } else if (v == SIBLING_SOON) {
            ready = false;
        } else if (m->now_ms - p.due_ms >= TOGETHER_MS) {
            late = true;
        }
    }
    buf_free(&next);
    return ready || late;
}

static void run_clear(struct mirror *m, const struct pending *p)
{
    if (p->reason == PENDING_APPROVED || clears_are_ready(m, p->uuid))
        depart_clear(m, p);
    else
        m->stalled = true;
}

static void run_due(struct mirror *m, struct pending *p)
{
    if (depart_must_stay(m, p)) {
        m->stalled = true;
        return;
    }
    switch (p->what) {
    case PENDING_DELETE:
        pend_ask(m, p);
        break;
    case PENDING_CLEAR:
        run_clear(m, p);
        break;
    case PENDING_RENAME:
        depart_rename(m, p);
        break;
    case PENDING_MEMBER:
        if (pending_get(m->t, p->uuid, p->what, p->field, p->alias, p, &m->a) && p->due_ms != 0)
            group_depart(m, p);   /* with others of its group, if those did not take it along */
        break;
    }
}

void release_run(struct mirror *m)
{
    struct buf next = { 0 };
    struct pending p;

    if (m->undone.class != ERR_NONE)
        return;   /* a commit of this round failed: the rest of it is dropped */
    if (m->load)
        return;   /* no index yet, and nothing is pending in an empty state */
    subtree_run(m);
    anew_run(m);
    if (m->judge && judge(m) != 0)
        return;
    m->stalled = false;
    sibling_begin_round(m);
    /* The rest in the next round: all that is due may be all there is. */
    while (!mirror_is_full(m) && pending_due_next(m->t, m->now_ms, &next, &p, &m->a)) {
        run_due(m, &p);
        arena_reset(&m->a);
    }
    if (!mirror_is_full(m))
        alias_run(m);
    sibling_end_round(m);
    if (m->siblings.searching)
        m->stalled = false;
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
            pend_put(m, &p);
        }
        ring_see_aside(m, &p);
        arena_reset(&m->a);
    }
    buf_free(&next);
    release_judge_waiting(m);
}

void release_judge_waiting(struct mirror *m)
{
    struct buf next = { 0 };
    struct arena a = { 0 };   /* whoever's commit failed still reads from the mirror's */
    struct pending p;

    while (pending_next(m->t, NULL, &next, &p, &a)) {
        if (p.reason == PENDING_WAITING)
            pend_judge_later(m, &p);
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
}
