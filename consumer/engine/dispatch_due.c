/* Removals whose time has come: what was retired is removed after a look-up found its entry nowhere (SPEC.md section 5,
 * Removal).
 *
 *   due ──look-up──▶ GONE ──sink.remove_due──▶ done, or refused: looked at again with the others
 *            ├─────▶ THERE     looked at again after look_again_s; its record says so, for `axsync queue`
 *            └─────▶ UNKNOWN   … after a while, doubling
 *
 * The records are walked by their time, a few look-ups at once. What was looked at stays behind the cursor until all are looked
 * at again; nothing of that is stored: after a start all are. */
#include <stdlib.h>

#include "clock.h"
#include "dispatch_parts.h"
#include "log.h"

#define LOOKUPS 64
#define THERE "its entry is still in the directory, outside of what is mirrored: it is looked for again later, and stays until that is deleted too"

void dispatch_answer(struct dispatch *d, const uint8_t *uuid, enum removal_verdict verdict)
{
    struct answer_of *a;

    pthread_mutex_lock(&d->lock);
    if (d->n_answers == d->cap_answers) {
        d->cap_answers = d->cap_answers ? d->cap_answers * 2 : LOOKUPS;
        d->answers = mem_realloc(d->answers, d->cap_answers * sizeof(*d->answers));
    }
    a = &d->answers[d->n_answers++];
    memcpy(a->uuid, uuid, UUID_BYTES);
    a->verdict = verdict;
    pthread_mutex_unlock(&d->lock);
}

static bool take_answer(struct dispatch *d, struct answer_of *a)
{
    bool there;

    pthread_mutex_lock(&d->lock);
    there = d->n_answers > 0;
    if (there)
        *a = d->answers[--d->n_answers];
    pthread_mutex_unlock(&d->lock);
    return there;
}

static void look_again_in(struct removals *r, int64_t ms)
{
    int64_t at = clock_wall_ms() + ms;

    if (r->again_ms == 0 || at < r->again_ms)
        r->again_ms = at;
}

/* Whether it is still to be removed: it can have come back while it was looked up. */
static bool is_still_due(struct dispatch *d, const uint8_t *uuid)
{
    struct txn *t = txn_begin(d->settings.db, DB_READ);
    struct arena a = { 0 };
    struct record r;
    bool due = record_get(t, d->settings.name, uuid, &r, &a) && r.due_ms != 0 && r.due_ms <= clock_wall_ms() &&
               !dispatch_is_mirrored(t, uuid, OBJECT_KINDS) && !aside_has_uuid(t, d->settings.name, uuid);

    txn_abort(&t);
    arena_free(&a);
    return due;
}

/* Only what is news: it is looked at again and again. */
static void note_why(struct dispatch *d, const uint8_t *uuid, struct slice why)
{
    struct txn *t = txn_begin(d->settings.db, DB_READ);
    struct arena a = { 0 };
    struct record r;

    if (record_get(t, d->settings.name, uuid, &r, &a) && r.due_ms != 0 && !slice_eq(r.why, why))
        changes_why(&d->unstored, uuid, why);
    txn_abort(&t);
    arena_free(&a);
}

static enum dispatch_next remove_one(struct dispatch *d, const uint8_t *uuid, struct err *e)
{
    enum outcome outcome = OUTCOME_UNKNOWN;
    struct slice words = { 0 };
    char text[UUID_TEXT];

    if (d->sink->class->remove_due(d->sink, uuid, &outcome, &words, e) != SINK_OK) {
        recall_forget(&d->recall);
        look_again_in(&d->removals, 0);
        return *d->settings.stop ? DISPATCH_STOPPED : DISPATCH_BROKEN;
    }
    if (outcome == OUTCOME_DONE)
        log_info(d->settings.subject, "removed the account of %s, whose time had come", uuid_format(uuid, text));
    else
        log_error(d->settings.subject, "can't remove the account of %s: %.*s", uuid_format(uuid, text),
                  SLICE_ARG(words));
    recall_take(&d->recall, &d->unstored);
    if (outcome != OUTCOME_DONE)
        note_why(d, uuid, words);
    return dispatch_store(d, e);
}

static int64_t look_again_ms(struct dispatch *d)
{
    int64_t ms;

    pthread_mutex_lock(&d->lock);
    ms = d->limits.look_again_s * 1000;
    pthread_mutex_unlock(&d->lock);
    return ms;
}

static enum dispatch_next take_answers(struct dispatch *d, struct err *e)
{
    struct retry_limits limits = dispatch_retry_limits(d);
    struct removals *r = &d->removals;
    enum dispatch_next next = DISPATCH_MORE;
    struct answer_of a;

    while (next == DISPATCH_MORE && !*d->settings.stop && take_answer(d, &a)) {
        if (r->asked > 0)
            r->asked--;
        if (a.verdict == REMOVAL_UNKNOWN) {
            look_again_in(r, retry_delay_ms(r->unknown + 1, &limits));
            continue;
        }
        r->unknown = 0;
        if (a.verdict == REMOVAL_GONE && is_still_due(d, a.uuid))
            next = remove_one(d, a.uuid, e);
        else if (a.verdict == REMOVAL_THERE)
            note_why(d, a.uuid, slice_of(THERE));
        look_again_in(r, look_again_ms(d));   /* for what stays */
    }
    return next == DISPATCH_MORE ? dispatch_store(d, e) : next;
}

/* The next ones after the cursor that are due. */
static size_t collect(struct dispatch *d, struct txn *t, uint8_t uuids[LOOKUPS][UUID_BYTES])
{
    struct removals *r = &d->removals;
    int64_t now = clock_wall_ms(), due = r->at_ms;
    uint8_t uuid[UUID_BYTES];
    size_t n = 0;

    memcpy(uuid, r->at_uuid, UUID_BYTES);
    while (n < LOOKUPS && record_due_next(t, d->settings.name, &due, uuid) && due <= now) {
        r->at_ms = due;
        memcpy(r->at_uuid, uuid, UUID_BYTES);
        if (!dispatch_is_mirrored(t, uuid, OBJECT_KINDS) && !aside_has_uuid(t, d->settings.name, uuid))
            memcpy(uuids[n++], uuid, UUID_BYTES);
        else
            look_again_in(r, look_again_ms(d));
    }
    return n;
}

/* From the first one on, when it is time; also when the clock was set back behind what was looked at. */
static void begin_again(struct removals *r, int64_t interval_ms)
{
    int64_t now = clock_wall_ms();
    bool time = r->again_ms && (r->again_ms <= now || r->again_ms > now + interval_ms);

    if (!time && r->at_ms <= now)
        return;
    r->again_ms = r->at_ms = 0;
    memset(r->at_uuid, 0, UUID_BYTES);
    r->unknown++;   /* an answer sets it back */
}

enum dispatch_next removals_step(struct dispatch *d, struct err *e)
{
    struct removals *r = &d->removals;
    uint8_t uuids[LOOKUPS][UUID_BYTES];
    enum dispatch_next next = take_answers(d, e);
    struct txn *t;
    size_t n;

    if (next != DISPATCH_MORE)
        return next;
    if (r->asked > 0 || d->row.due == 0 || d->row.telling)
        return DISPATCH_IDLE;
    begin_again(r, look_again_ms(d));
    t = txn_begin(d->settings.db, DB_READ);
    n = collect(d, t, uuids);
    txn_abort(&t);
    if (n == 0)
        return DISPATCH_IDLE;
    r->asked = n;
    d->settings.hooks.look_up(d->settings.hooks.ctx, d->settings.index, uuids[0], n);
    return DISPATCH_MORE;
}

int64_t removals_next_ms(struct dispatch *d, struct txn *t)
{
    struct removals *r = &d->removals;
    uint8_t uuid[UUID_BYTES];
    int64_t due = r->at_ms, at = r->again_ms ? r->again_ms : -1;

    if (r->asked > 0 || d->row.due == 0)
        return -1;
    memcpy(uuid, r->at_uuid, UUID_BYTES);
    if (record_due_next(t, d->settings.name, &due, uuid) && (at < 0 || due < at))
        at = due;
    return at;
}
