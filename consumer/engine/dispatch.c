#include "dispatch.h"

#include <stdlib.h>

#include "clock.h"
#include "dispatch_parts.h"
#include "log.h"
#include "queue.h"
#include "step.h"
#include "store.h"

/* Breaks in a row at the same action, with nothing finished between, after which it counts as refused. */
#define BREAKS_MAX 3
/* Of the words of a refusal, what is kept. */
#define WORDS_MAX 1000
/* A telling whose target is away for so long is begun anew when it is back: its snapshot keeps LMDB from using pages again. */
#define TELL_HOLD_MS ((int64_t)600 * 1000)

/* ---- life ---------------------------------------------------------------------------------------------------- */

static int commit_recall(void *ctx, const struct changes *c, struct err *e)
{
    struct dispatch *d = ctx;

    return d->settings.hooks.commit(d->settings.hooks.ctx, d->settings.index, c, e);
}

struct dispatch *dispatch_new(const struct dispatch_settings *settings)
{
    struct dispatch *d = mem_alloc(sizeof(*d));

    d->settings = *settings;
    d->limits = settings->limits;
    d->limit = BATCH_ITEMS;
    pthread_mutex_init(&d->lock, NULL);
    recall_init(&d->recall, settings->db, settings->name, commit_recall, d);
    return d;
}

void dispatch_free(struct dispatch **dp)
{
    struct dispatch *d = *dp;

    if (d == NULL)
        return;
    txn_abort(&d->telling.t);
    recall_free(&d->recall);
    batch_free(&d->batch);
    buf_free(&d->telling.at);
    changes_free(&d->unstored);
    unwell_free(&d->unwell);
    rebound_free(&d->rebound);
    pthread_mutex_destroy(&d->lock);
    free(d->answers);
    free(d);
    *dp = NULL;
}

const struct sink_records *dispatch_records(struct dispatch *d)
{
    return &d->recall.records;
}

void dispatch_set_sink(struct dispatch *d, struct sink *sink)
{
    d->sink = sink;
}

void dispatch_set_limits(struct dispatch *d, const struct dispatch_limits *limits)
{
    pthread_mutex_lock(&d->lock);
    d->limits = *limits;
    pthread_mutex_unlock(&d->lock);
}

const struct sink_row *dispatch_row(const struct dispatch *d)
{
    return &d->row;
}

struct retry_limits dispatch_retry_limits(struct dispatch *d)
{
    struct retry_limits limits;

    pthread_mutex_lock(&d->lock);
    limits.first_ms = (int64_t)d->limits.retry_min_s * 1000;
    limits.max_ms = (int64_t)d->limits.retry_max_s * 1000;
    limits.max_attempts = (uint32_t)d->limits.max_attempts;
    pthread_mutex_unlock(&d->lock);
    return limits;
}

static void read_row(struct dispatch *d, struct txn *t)
{
    struct slice v;
    struct reader r;

    sink_row_get(t, d->settings.name, &d->row);
    d->first_seq = UINT64_MAX;
    if (meta_get(t, "first", NULL, &v)) {
        r = reader_of(v);
        d->first_seq = read_u64(&r);
    }
}

void dispatch_begin(struct dispatch *d, bool fresh)
{
    struct txn *t = txn_begin(d->settings.db, DB_READ);
    struct aside_group g = { 0 };

    read_row(d, t);
    d->again_seq = fresh ? 0 : queue_last_stored(t);
    while (aside_group_next(t, d->settings.name, &g))
        unwell_restore(&d->unwell, &g);
    txn_abort(&t);
}

bool dispatch_is_mirrored(struct txn *t, const uint8_t *uuid, enum object_kind kind)
{
    struct arena a = { 0 };
    struct object o;
    bool there = objects_get(t, uuid, &o, &a) != 0 && o.state != OBJECT_GONE &&
                 (kind == OBJECT_KINDS || o.kind == kind);

    arena_free(&a);
    return there;
}

enum dispatch_next dispatch_store(struct dispatch *d, struct err *e)
{
    if (changes_empty(&d->unstored))
        return DISPATCH_MORE;
    STEP_POINT(outcome_before);
    if (d->settings.hooks.commit(d->settings.hooks.ctx, d->settings.index, &d->unstored, e) != 0)
        return *d->settings.stop ? DISPATCH_STOPPED : DISPATCH_BROKEN;
    STEP_POINT(outcome_after);
    changes_reset(&d->unstored);
    return DISPATCH_MORE;
}

/* ---- what follows from an outcome ---------------------------------------------------------------------------- */

static struct slice local_part(struct slice address)
{
    const char *at = address.len ? memchr(address.p, '@', address.len) : NULL;

    return at ? slice_make(address.p, (size_t)(at - address.p)) : address;
}

static void refused(struct dispatch *d, struct item *i)
{
    struct retry_limits limits = dispatch_retry_limits(d);
    struct aside_row *row = &i->row;
    struct retry_verdict v;
    int64_t now = clock_wall_ms();
    bool waited = unwell_waits(&d->unwell, row) == ASIDE_UNWELL;   /* those of one batch are told once */

    if (!(row->flags & ASIDE_FLAG_BREAKS) &&
        unwell_refused(&d->unwell, row, local_part(i->action.address), row->words, now, &limits)) {
        if (!waited)
            log_error(d->settings.subject, "refuses every %s in %.*s: %.*s; those wait, and one is tried now and then",
                      action_type_name(row->type), SLICE_ARG(row->domain), SLICE_ARG(row->words));
        row->state = ASIDE_UNWELL;
        return;
    }
    row->attempts++;
    v = retry_judge(OUTCOME_REFUSED, row->attempts, &limits);
    row->state = v.what == RETRY_AGAIN ? ASIDE_RETRY : ASIDE_PARKED;
    row->next_ms = v.what == RETRY_AGAIN ? now + v.delay_ms : 0;
    if (v.what == RETRY_AGAIN)
        log_warning(d->settings.subject, "%llu %s %.*s was refused: %.*s; trying again in %lld s",
                    (unsigned long long)row->id.seq, action_type_name(row->type), SLICE_ARG(i->action.address),
                    SLICE_ARG(row->words), (long long)(v.delay_ms / 1000));
}

static void domain_missing(struct dispatch *d, struct item *i)
{
    struct retry_limits limits = dispatch_retry_limits(d);

    if (unwell_waits(&d->unwell, &i->row) != ASIDE_DOMAIN)
        log_error(d->settings.subject, "all in %.*s waits: %.*s", SLICE_ARG(i->row.domain), SLICE_ARG(i->row.words));
    unwell_no_domain(&d->unwell, &i->row, clock_wall_ms(), &limits);
    i->row.state = ASIDE_DOMAIN;
}

static void store_row(struct dispatch *d, struct item *i)
{
    if (aside_is_parked(i->row.state) && i->what == ITEM_GIVE)
        log_error(d->settings.subject, "%llu %s %.*s is parked: %.*s; see axsync queue",
                  (unsigned long long)i->row.id.seq, action_type_name(i->row.type), SLICE_ARG(i->action.address),
                  SLICE_ARG(i->row.words));
    if (i->stored)
        changes_edit(&d->unstored, &i->row);
    else
        changes_add(&d->unstored, &i->row);
}

static void note_done(struct dispatch *d, const struct item *i)
{
    if (unwell_done(&d->unwell, &i->row))
        log_info(d->settings.subject, "took a %s in %.*s again: what waited is tried", action_type_name(i->row.type),
                 SLICE_ARG(i->row.domain));
}

static void supersede(struct dispatch *d, const struct item *i)
{
    unsigned supersedes = aside_supersedes(&i->action);

    if (supersedes)
        changes_supersede(&d->unstored, i->row.uuid, i->row.id, supersedes);
}

static void done(struct dispatch *d, struct item *i)
{
    note_done(d, i);
    if (i->stored)
        changes_end(&d->unstored, i->row.id);
    supersede(d, i);
}

/* What is left of it is of its own words: earlier rows are as pointless as if all of it was done. */
static void done_in_part(struct dispatch *d, struct item *i)
{
    note_done(d, i);
    supersede(d, i);
    aside_row_rest(&i->row, &i->action, &d->batch.a);
    i->row.state = ASIDE_PARKED;
}

static void judge(struct dispatch *d, struct item *i, const struct sink_item *given)
{
    struct retry_limits limits = dispatch_retry_limits(d);
    struct slice words = given->words;

    i->row.flags &= ~(unsigned)ASIDE_FLAG_NOW;
    i->row.words = slice_make(words.p, words.len < WORDS_MAX ? words.len : WORDS_MAX);
    i->row.next_ms = 0;
    if (given->outcome != OUTCOME_DOMAIN && unwell_domain_there(&d->unwell, &i->row))
        log_info(d->settings.subject, "%.*s is there: what waited for it is tried", SLICE_ARG(i->row.domain));
    switch (retry_judge(given->outcome, 1, &limits).what) {
    case RETRY_ACK:
        done(d, i);
        return;
    case RETRY_DOMAIN:
        domain_missing(d, i);
        break;
    case RETRY_ADOPT:
        i->row.state = ASIDE_ADOPT;
        break;
    case RETRY_REST:
        done_in_part(d, i);
        break;
    case RETRY_AGAIN:
    case RETRY_PARK:
        if (given->outcome == OUTCOME_PARK)
            i->row.state = ASIDE_PARKED;
        else
            refused(d, i);
        break;
    }
    store_row(d, i);
}

/* All that follows from a batch that the sink was given (or not, where nothing was to be given). */
static void settle_batch(struct dispatch *d)
{
    struct batch *b = &d->batch;
    size_t given = 0;

    recall_take(&d->recall, &d->unstored);
    for (size_t k = 0; k < b->n; k++) {
        struct item *i = &b->items[k];

        if (i->what == ITEM_GIVE)
            judge(d, i, &b->gives[given++]);
        else if (i->what == ITEM_ASIDE)
            store_row(d, i);
        else if (i->stored)
            changes_end(&d->unstored, i->row.id);
        if (action_is_delete(i->action.type))
            changes_settled(&d->unstored, i->row.uuid);
    }
    if (b->position != d->row.position)
        changes_position(&d->unstored, b->position);
    if (b->partly)
        d->telling.next = b->partly;
    else if (b->told)
        d->telling.next = b->told + 1;
    if (b->partly || b->told) {
        buf_reset(&d->telling.at);
        buf_add_slice(&d->telling.at, buf_slice(&b->members));
    }
}

/* ---- given to the sink --------------------------------------------------------------------------------------- */

/* What was given and not answered may have been done. */
static void note_again(struct dispatch *d)
{
    for (size_t k = 0; k < d->batch.n_gives; k++)
        if (d->batch.gives[k].seq > d->again_seq)
            d->again_seq = d->batch.gives[k].seq;
}

/* True: the connection broke at it too often. It was alone then, as what is suspected goes alone. */
static bool suspect(struct dispatch *d, size_t under_way)
{
    struct batch *b = &d->batch;
    const struct item *i = &b->items[b->given[under_way]];

    if (!is_suspect(d, i))
        d->suspect.breaks = 0;
    d->suspect.set = true;
    d->suspect.id = i->row.id;
    memcpy(d->suspect.uuid, i->row.uuid, UUID_BYTES);
    d->suspect.breaks++;
    d->limit = b->n_gives > 1 ? b->n_gives / 2 : 1;
    return b->n_gives == 1 && (d->suspect.breaks >= BREAKS_MAX || i->row.flags & ASIDE_FLAG_BREAKS);
}

static enum dispatch_next broken(struct dispatch *d, size_t under_way)
{
    struct batch *b = &d->batch;
    struct err ignored;

    recall_forget(&d->recall);
    note_again(d);
    if (*d->settings.stop)
        return DISPATCH_STOPPED;
    if (under_way < b->n_gives && suspect(d, under_way)) {
        b->gives[0].outcome = OUTCOME_REFUSED;
        b->gives[0].words = slice_of("the server closed the connection at this action");
        b->items[b->given[0]].row.flags |= ASIDE_FLAG_BREAKS;
        d->suspect.set = false;
        settle_batch(d);
        dispatch_store(d, &ignored);   /* else with the next step */
    }
    return DISPATCH_BROKEN;
}

static enum dispatch_next run_batch(struct dispatch *d, struct err *e)
{
    struct batch *b = &d->batch;
    size_t under_way = b->n_gives;

    if (b->n_gives > 0) {
        if (d->sink->class->apply(d->sink, b->gives, b->n_gives, &under_way, e) != SINK_OK)
            return broken(d, under_way);
        d->suspect.set = false;
        d->limit = d->limit * 2 < BATCH_ITEMS ? d->limit * 2 : BATCH_ITEMS;
    }
    d->telling.broken_ms = 0;
    settle_batch(d);
    return dispatch_store(d, e);
}

/* ---- the first telling --------------------------------------------------------------------------------------- */

static void begin_telling(struct dispatch *d)
{
    struct telling *w = &d->telling;

    w->t = txn_begin(d->settings.db, DB_READ);
    w->upto = queue_last_stored(w->t);
    w->next = 0;
    w->members = false;
    buf_reset(&w->at);
    w->told = 0;
    log_info(d->settings.subject, "a new sink: telling it the whole state, as of seq %llu", (unsigned long long)w->upto);
}

static void end_telling(struct dispatch *d)
{
    log_info(d->settings.subject, "told %zu objects", d->telling.told);
    txn_abort(&d->telling.t);
    changes_telling(&d->unstored, false, d->row.position);
}

/* What was told before a kill is brought up to the moment of the snapshot by the actions that came since; only then all is told
 * anew. Otherwise what was deleted in between would stay at the target for ever: the state has nothing of it any more. */
static void fill_first(struct dispatch *d, struct txn *t)
{
    struct telling *w = &d->telling;

    if (w->t == NULL)
        begin_telling(d);
    if (d->row.position < w->upto) {
        fill_queue(d, t);
        if (d->batch.n == 0 && changes_empty(&d->unstored))
            changes_position(&d->unstored, w->upto);   /* the queue begins above it */
        return;
    }
    if (!w->members) {
        fill_telling(d, t);
        if (d->batch.n > 0)
            return;
        w->members = true;
        w->next = 0;
        batch_reset(&d->batch);
    }
    fill_members(d, t);
    if (d->batch.n == 0)
        end_telling(d);
}

static void hold_telling(struct dispatch *d)
{
    struct telling *w = &d->telling;
    int64_t now = clock_mono_ms();

    if (w->t == NULL)
        return;
    if (w->broken_ms == 0)
        w->broken_ms = now;
    else if (now - w->broken_ms >= TELL_HOLD_MS)
        txn_abort(&w->t);
}

/* ---- a step -------------------------------------------------------------------------------------------------- */

static void fill(struct dispatch *d)
{
    struct txn *t = txn_begin(d->settings.db, DB_READ);

    batch_reset(&d->batch);
    read_row(d, t);
    d->batch.position = d->row.position;
    fill_aside(d, t);
    if (d->batch.n == 0 && d->row.telling)
        fill_first(d, t);
    else if (d->batch.n == 0)
        fill_queue(d, t);
    txn_abort(&t);
}

static int64_t earlier(int64_t x, int64_t y)
{
    return x < 0 || (y >= 0 && y < x) ? y : x;
}

static int64_t next_ms(struct dispatch *d)
{
    struct txn *t = txn_begin(d->settings.db, DB_READ);
    struct aside_id id = { 0 };
    int64_t due = 0, at = unwell_next_ms(&d->unwell);

    if (aside_due_next(t, d->settings.name, &due, &id))
        at = earlier(at, due);
    at = earlier(at, removals_next_ms(d, t));
    txn_abort(&t);
    return at;
}

enum dispatch_next dispatch_step(struct dispatch *d, int64_t *until_ms, struct err *e)
{
    enum dispatch_next next = dispatch_store(d, e);

    if (next != DISPATCH_MORE)
        return next;
    if (*d->settings.stop)
        return DISPATCH_STOPPED;
    fill(d);
    if (d->batch.n > 0)
        next = run_batch(d, e);
    else if (!changes_empty(&d->unstored))
        next = dispatch_store(d, e);
    else
        next = removals_step(d, e);
    if (next == DISPATCH_BROKEN)
        hold_telling(d);
    if (next == DISPATCH_IDLE)
        *until_ms = next_ms(d);
    return next;
}
