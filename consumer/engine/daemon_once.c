#include "daemon_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "pending.h"
#include "status_json.h"

/* How long a sink may report an error and take nothing before `run --once` goes without it: what is over in a moment
 * (a file system that is being mounted, a rotation) shall not fail the run, what needs a person shall not hang it. */
#define SINK_MS 10000

struct once_sink {
    uint64_t acked;
    int64_t moved_ms;
};

void once_begin(struct once *o, size_t n_connectors)
{
    o->n = n_connectors;
    o->sinks = mem_alloc((n_connectors ? n_connectors : 1) * STATUS_SINKS * sizeof(*o->sinks));
    for (size_t i = 0; i < n_connectors * STATUS_SINKS; i++)
        o->sinks[i].moved_ms = clock_mono_ms();
}

void once_end(struct once *o)
{
    free(o->sinks);
    o->sinks = NULL;
}

/* Nothing is queued for it, or it has stood still with an error. */
static bool sink_over(struct once_sink *o, const struct status_sink *s)
{
    if (s->queued == 0)
        return true;
    if (s->resting)   /* what it has not taken waits for a time, or for somebody */
        return true;
    if (s->acked != o->acked || s->last_error[0] == '\0') {
        o->acked = s->acked;
        o->moved_ms = clock_mono_ms();
    }
    return clock_mono_ms() - o->moved_ms >= SINK_MS;
}

/* A status is failed for the sake of a sink, too, which has a time of its own. */
static bool directory_failed(const struct status *s)
{
    bool sink_failed = false;

    for (size_t k = 0; k < s->n_sinks; k++)
        sink_failed = sink_failed || s->sinks[k].last_error[0] != '\0';
    return s->failed && !s->settled && (s->last_error[0] != '\0' || !sink_failed);
}

enum once_state once_look(struct once *o, const struct status *statuses)
{
    bool over = true;

    for (size_t i = 0; i < o->n; i++) {
        const struct status *s = &statuses[i];

        for (size_t k = 0; k < s->n_sinks; k++)
            over = sink_over(&o->sinks[i * STATUS_SINKS + k], &s->sinks[k]) && over;
        over = over && (s->settled || directory_failed(s));
    }
    return over ? ONCE_DONE : ONCE_GOING;
}

/* ---- the verdict -------------------------------------------------------------------------------------------- */

struct verdict {
    const char *connector;
    int code;
};

/* That somebody can't be reached says more than what is left undone because of it. */
static void worsen(struct verdict *v, int code)
{
    if (v->code != EX_UNAVAILABLE)
        v->code = code;
}

static const char *kind_words(enum guard_kind kind)
{
    switch (kind) {
    case GUARD_ACCOUNT_DELETE:
        return "account deletions";
    case GUARD_GROUP_DELETE:
        return "group deletions";
    case GUARD_ACCOUNT_RENAME:
        return "account renames";
    case GUARD_CLEAR:
        return "clears of ";
    case GUARD_MEMBERS:
        return "members to be removed";
    case GUARD_REBIND:
        return "new entries that may be accounts which are there";
    case GUARD_KINDS:
        break;
    }
    return "changes";
}

static void judge_hold(void *ctx, const struct hold *h)
{
    struct verdict *v = ctx;
    char id[HOLD_ID_TEXT];

    if (h->rejected)
        return;
    worsen(v, EX_TEMPFAIL);
    log_error(v->connector, "hold %s: %u %s%s (%.*s), see axsync holds %u", hold_id_text(h, id), h->count,
              kind_words(h->of.kind), h->of.kind == GUARD_CLEAR ? field_name(h->of.field) : "", SLICE_ARG(h->why), h->id);
}

static void judge_sink(struct verdict *v, const struct status_sink *s)
{
    unsigned long long queued = s->queued, parked = s->parked;

    if (queued && s->last_error[0]) {
        worsen(v, EX_UNAVAILABLE);
        log_error(v->connector, "sink %s: %llu actions are not delivered: %s", s->name, queued, s->last_error);
    } else if (queued) {
        worsen(v, EX_TEMPFAIL);
        log_error(v->connector, "sink %s: %llu actions are not delivered", s->name, queued);
    }
    if (parked) {
        worsen(v, EX_TEMPFAIL);
        log_error(v->connector, "sink %s: %llu actions are parked, see axsync queue", s->name, parked);
    }
}

static void judge_directory(struct verdict *v, const struct status *s)
{
    if (directory_failed(s)) {
        worsen(v, EX_UNAVAILABLE);
        log_error(v->connector, "%s", s->last_error[0] ? s->last_error : "the directory can't be reached");
    } else if (!s->settled) {
        worsen(v, EX_TEMPFAIL);
        log_error(v->connector, "stopped before it was in sync%s%s", s->last_error[0] ? ": " : "", s->last_error);
    }
}

int once_verdict(const struct status *statuses, struct connector **connectors, size_t n)
{
    struct verdict v = {.code = EX_OK};

    for (size_t i = 0; i < n; i++) {
        v.connector = statuses[i].name;
        judge_directory(&v, &statuses[i]);
        for (size_t k = 0; k < statuses[i].n_sinks; k++)
            judge_sink(&v, &statuses[i].sinks[k]);
        if (connectors[i])
            connector_holds(connectors[i], judge_hold, &v);
    }
    return v.code;
}
