#include "verify_sink.h"

#include <stdlib.h>

#include "action_parse.h"
#include "aside.h"
#include "gone.h"
#include "members.h"
#include "queue.h"
#include "records.h"
#include "verify_target.h"

#define TRIES 4                       /* with a state that changes meanwhile */
#define QUEUE_BYTES ((size_t)1 << 20) /* of the queue in memory */
#define OTHERS 20                     /* of what only the target has, that many are named */

struct sink_look {
    struct target t;
    struct state_objects objects;
    struct arena a;       /* of one object */
    struct buf no_domain; /* the last one that was told to be unusable */
};

/* ---- what the sink has still to do -------------------------------------------------------------------------- */

static void take_line(struct target *t, struct slice line, struct arena *a)
{
    struct action action;
    struct err e;

    if (action_parse(line, &action, a, &e) == 0)
        census_saw(&t->queued, action.uuid);
}

/* What was seen there stays in the set when it is done: then it is not compared in this run. */
static void read_queue(struct target *t)
{
    struct txn *txn = verify_txn(t->v);
    struct arena a = {0};
    struct buf lines = {0};

    sink_row_get(txn, t->name, &t->row);
    if (t->queued_upto < t->row.position)
        t->queued_upto = t->row.position;
    while (queue_read(txn, t->queued_upto, QUEUE_BYTES, &lines, &t->queued_upto) > 0) {
        struct slice rest = buf_slice(&lines);

        while (rest.len > 0) {
            const char *end = memchr(rest.p, '\n', rest.len);
            size_t n = end ? (size_t)(end - rest.p) : rest.len;

            arena_reset(&a);
            take_line(t, slice_make(rest.p, n), &a);
            rest = end ? slice_make(end + 1, rest.len - n - 1) : slice_make(rest.p, 0);
        }
        buf_reset(&lines);
    }
    buf_free(&lines);
    arena_free(&a);
}

static bool is_to_be_done(struct target *t, const uint8_t *uuid)
{
    return census_has(&t->queued, uuid) || aside_has_uuid(verify_txn(t->v), t->name, uuid);
}

/* ---- one object --------------------------------------------------------------------------------------------- */

/* What the sink was told and not yet told to take back; ascending. */
static size_t members_of(struct verify *v, const struct object *o, struct arena *a, struct slice **out)
{
    struct buf next = {0};
    struct slice address;
    size_t n = 0, room = 16;
    uint32_t live;

    *out = NULL;
    if (o->kind != OBJECT_GROUP)
        return 0;
    *out = arena_alloc(a, room * sizeof(**out));
    while (told_next(verify_txn(v), o->uuid, &next, &address, &live, a)) {
        if (live == 0)
            continue;
        if (n == room) {
            struct slice *more = arena_alloc(a, 2 * room * sizeof(*more));

            memcpy(more, *out, n * sizeof(*more));
            *out = more;
            room *= 2;
        }
        (*out)[n++] = address;
    }
    buf_free(&next);
    return n;
}

static void say(struct sink_look *l, const struct object *o, const char *text)
{
    verify_say(l->t.v, VERIFY_DIFFERENCE, l->t.subject, "%s %.*s (%.*s): %s", object_kind_name(o->kind),
               SLICE_ARG(o->address), SLICE_ARG(o->dn), text);
}

static void repair(struct sink_look *l, const struct object *o, struct slice member)
{
    struct verify_repair r = {.sink = l->t.name, .kind = o->kind, .member = member};

    memcpy(r.uuid, o->uuid, UUID_BYTES);
    l->t.v->calls->repair(l->t.v->calls->ctx, &r);
}

/* One line a domain. */
static void tell_domain(struct sink_look *l, const struct audit_seen *seen)
{
    struct target *t = &l->t;

    if (slice_eq(buf_slice(&l->no_domain), seen->words))
        return;
    buf_reset(&l->no_domain);
    buf_add_slice(&l->no_domain, seen->words);
    t->v->counts.differ++;
    verify_say(t->v, VERIFY_DIFFERENCE, t->subject, "%.*s", SLICE_ARG(seen->words));
}

static void tell_differences(struct sink_look *l, const struct object *o, const struct audit_seen *seen)
{
    struct buf text = {0};
    bool whole = false;

    for (size_t i = 0; i < seen->d.n; i++) {
        const struct difference *d = &seen->d.items[i];

        buf_reset(&text);
        compare_text(d, "the target", "the state", &text);
        say(l, o, buf_str(&text));
        if (d->what == DIFFERENCE_MEMBER)
            repair(l, o, d->wanted);
        else
            whole = true;
    }
    if (whole)
        repair(l, o, slice_of(""));
    buf_free(&text);
}

static void tell(struct sink_look *l, const struct object *o, const struct slice *members, size_t n,
                 const struct audit_seen *seen)
{
    struct buf text = {0};

    if (seen->found == AUDIT_NO_DOMAIN) {
        tell_domain(l, seen);
        return;
    }
    l->t.v->counts.differ++;
    switch (seen->found) {
    case AUDIT_THERE:
        tell_differences(l, o, seen);
        break;
    case AUDIT_ABSENT:
        buf_printf(&text, "it is not there, as %.*s", SLICE_ARG(seen->address));
        say(l, o, buf_str(&text));
        repair(l, o, slice_of(""));
        for (size_t i = 0; i < n; i++)
            repair(l, o, members[i]);
        break;
    case AUDIT_NOT_OURS:
        buf_printf(&text, "what is there is not ours: %.*s", SLICE_ARG(seen->words));
        say(l, o, buf_str(&text));
        repair(l, o, slice_of(""));
        break;
    default:
        buf_printf(&text, "it can't be looked at: %.*s", SLICE_ARG(seen->words));
        say(l, o, buf_str(&text));
    }
    buf_free(&text);
}

static bool is_as_told(const struct audit_seen *seen)
{
    return seen->found == AUDIT_THERE && seen->d.n == 0;
}

/* Whether the object is what it was when it was looked at, and nothing of it is to be done. */
static bool is_unchanged(struct sink_look *l, const struct object *o, const struct slice *members, size_t n)
{
    struct target *t = &l->t;
    struct slice *now;
    struct object after;
    struct buf x = {0}, y = {0};
    bool same;

    verify_refresh(t->v);
    read_queue(t);
    if (is_to_be_done(t, o->uuid) || objects_get(verify_txn(t->v), o->uuid, &after, &l->a) == 0)
        return false;
    object_encode(o, &x);
    object_encode(&after, &y);
    same = slice_eq(buf_slice(&x), buf_slice(&y)) && members_of(t->v, o, &l->a, &now) == n;
    for (size_t i = 0; same && i < n; i++)
        same = slice_eq(members[i], now[i]);
    buf_free(&x);
    buf_free(&y);
    return same;
}

/* One that changes again and again while it is looked at is the daemon's affair: it is counted as queued. */
static int look_at(struct sink_look *l, struct object *o, struct err *e)
{
    struct target *t = &l->t;
    struct audit_seen seen;
    struct slice *members;
    size_t n;

    for (int i = 0; i < TRIES; i++) {
        if (is_to_be_done(t, o->uuid))
            break;
        n = members_of(t->v, o, &l->a, &members);
        if (axigen_audit_look(t->audit, o, members, n, &seen, e) != 0)
            return -1;
        if (is_as_told(&seen) || is_unchanged(l, o, members, n)) {
            t->v->counts.objects[o->kind]++;
            t->v->counts.unread += seen.unread;
            if (!is_as_told(&seen))
                tell(l, o, members, n, &seen);
            return 0;
        }
        if (objects_get(verify_txn(t->v), o->uuid, o, &l->a) == 0)
            return 0;
    }
    t->v->counts.queued++;
    return 0;
}

/* ---- what else is there ------------------------------------------------------------------------------------- */

static bool is_known(void *ctx, struct slice address)
{
    struct sink_look *l = ctx;
    struct txn *txn = verify_txn(l->t.v);
    uint8_t uuid[UUID_BYTES];
    bool alias;

    return (objects_owner(txn, address, NULL, &alias) != 0 && !alias) || record_at(txn, l->t.name, address, uuid);
}

/* Whose mark it carries: somebody's who is mirrored, or who is gone and whom the sink remembers; or nobody's. */
static void tell_marked(struct sink_look *l, struct slice address, const uint8_t *uuid)
{
    struct target *t = &l->t;
    struct txn *txn = verify_txn(t->v);
    char text[UUID_TEXT];
    struct object o;
    struct gone g;

    arena_reset(&l->a);
    if (is_to_be_done(t, uuid))
        return;
    if (objects_get(txn, uuid, &o, &l->a) != 0) {
        verify_say(
            t->v, VERIFY_DIFFERENCE, t->subject,
            "account %.*s: it carries the mark of %.*s (%s); axsync does not touch it: look which of the two it is",
            SLICE_ARG(address), SLICE_ARG(o.address), uuid_format(uuid, text));
    } else if (gone_get(txn, uuid, &g, &l->a)) {
        return;
    } else {
        verify_say(
            t->v, VERIFY_DIFFERENCE, t->subject,
            "account %.*s: it carries a mark in our form (%s) that the state does not know; axsync does not touch it",
            SLICE_ARG(address), uuid_format(uuid, text));
    }
    t->v->counts.differ++;
}

static int other(void *ctx, enum object_kind kind, struct slice address, struct err *e)
{
    struct sink_look *l = ctx;
    struct target *t = &l->t;
    uint8_t uuid[UUID_BYTES];
    bool ours = false;

    if (kind == OBJECT_ACCOUNT && axigen_audit_mark(t->audit, address, &ours, uuid, e) != 0)
        return -1;
    verify_refresh(t->v);
    if (is_known(l, address)) /* made meanwhile */
        return 0;
    if (ours) {
        tell_marked(l, address, uuid);
        return 0;
    }
    if (t->v->counts.foreign++ < OTHERS)
        verify_say(t->v, VERIFY_NOTE, t->subject, "%s %.*s: only the target has it, and it is not ours",
                   object_kind_name(kind), SLICE_ARG(address));
    return 0;
}

/* ---- a sink ------------------------------------------------------------------------------------------------- */

static int compare(struct sink_look *l, struct err *e)
{
    struct target *t = &l->t;
    struct verify *v = t->v;
    const struct verify_objects objects = state_objects(&l->objects);
    struct object o;

    verify_refresh(v);
    read_queue(t);
    while (objects.next(objects.ctx, &o, &l->a)) {
        v->calls->progress(v->calls->ctx, t->subject, "objects", ++t->n);
        target_note_domain(t, o.address);
        if (look_at(l, &o, e) != 0)
            return -1;
        arena_reset(&l->a);
        verify_refresh(v);
    }
    if (target_each_other(t, is_known, other, l, e) != 0)
        return -1;
    if (v->counts.foreign > OTHERS)
        verify_say(v, VERIFY_NOTE, t->subject, "and %zu more that only the target has", v->counts.foreign - OTHERS);
    verify_summary(v, t->subject, "the target");
    return 0;
}

static int verify_sink(struct verify *v, const struct config_sink *s, struct err *e)
{
    struct sink_look l = {.objects = {.v = v}};
    struct verify_objects objects = state_objects(&l.objects);
    int rc = 0;

    target_open(&l.t, v, s);
    if (!l.t.row.actions)
        rc = target_preview(&l.t, &objects, e);
    else if (l.t.row.telling)
        verify_say(v, VERIFY_NOTE, l.t.subject, "it is being told the whole state now: verify when that is through");
    else
        rc = compare(&l, e);
    if (rc != 0 && e->class != ERR_INTERNAL) {
        e->class = ERR_UNAVAILABLE;
        err_add(e, "sink \"%s\"", s->name);
    }
    v->differ += v->counts.differ; /* what was found before it failed */
    v->counts = (struct verify_counts){0};
    target_close(&l.t);
    arena_free(&l.a);
    buf_free(&l.no_domain);
    return rc;
}

/* One that can't be reached keeps nobody from looking at the others; it is told at the end. */
int verify_sinks(struct verify *v, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < v->conf->n_sinks; i++) {
        const struct config_sink *s = &v->conf->sinks[i];
        struct err why = {0};

        if (s->type == SINK_TYPE_FILE)
            verify_say(v, VERIFY_NOTE, v->conf->name, "sink \"%s\" is a file: there is nothing to compare", s->name);
        else if (verify_sink(v, s, &why) != 0 && rc == 0)
            rc = err_set(e, why.class, "%s", why.text);
    }
    return rc;
}
