/* Before the first telling of a sink: what would be made, taken over or left alone there, by the sink's own rules, and
 * what only the target has. */
#include <stdlib.h>

#include "verify_target.h"

struct preview {
    struct target *t;
    const struct verify_objects *objects;
    size_t create, adopt, keep, park;
};

static void tell(struct preview *p, const struct object *o, enum audit_verdict verdict, struct slice words)
{
    static const char *const texts[] = {[AUDIT_CREATE] = "would be created",
                                        [AUDIT_KEEP] = "is there and carries its mark: would be kept",
                                        [AUDIT_ADOPT] = "is there: would be taken over",
                                        [AUDIT_PARK] = "would be parked: ",
                                        [AUDIT_WAIT] = "would wait: "};
    struct target *t = p->t;

    p->create += verdict == AUDIT_CREATE;
    p->adopt += verdict == AUDIT_ADOPT;
    p->keep += verdict == AUDIT_KEEP;
    p->park += verdict == AUDIT_PARK || verdict == AUDIT_WAIT;
    verify_say(t->v, VERIFY_PREVIEW, t->subject, "%s %.*s (%.*s) %s%.*s", object_kind_name(o->kind),
               SLICE_ARG(o->address), SLICE_ARG(o->dn), texts[verdict], SLICE_ARG(words));
}

static bool is_known(void *ctx, struct slice address)
{
    const struct preview *p = ctx;

    return p->objects->has(p->objects->ctx, address);
}

static int other(void *ctx, enum object_kind kind, struct slice address, struct err *e)
{
    struct preview *p = ctx;

    (void)e;
    p->t->v->counts.foreign++;
    verify_say(p->t->v, VERIFY_PREVIEW, p->t->subject, "%s %.*s: only the target has it: would be left alone",
               object_kind_name(kind), SLICE_ARG(address));
    return 0;
}

int target_preview(struct target *t, const struct verify_objects *objects, struct err *e)
{
    struct preview p = {.t = t, .objects = objects};
    struct verify *v = t->v;
    enum audit_verdict verdict;
    struct arena a = {0};
    struct slice words;
    struct object o;
    int rc = 0;

    v->counts.foreign = 0;
    objects->rewind(objects->ctx);
    while (rc == 0 && objects->next(objects->ctx, &o, &a)) {
        v->calls->progress(v->calls->ctx, t->subject, "objects", ++t->n);
        target_note_domain(t, o.address);
        rc = axigen_audit_preview(t->audit, &o, &verdict, &words, e);
        if (rc == 0)
            tell(&p, &o, verdict, words);
        arena_reset(&a);
        verify_refresh(v);
    }
    if (rc == 0)
        rc = target_each_other(t, is_known, other, &p, e);
    if (rc == 0)
        verify_say(
            v, VERIFY_NOTE, t->subject,
            "nothing was told to it yet: %zu would be created, %zu taken over, %zu kept, %zu parked or wait; %zu only "
            "the target has",
            p.create, p.adopt, p.keep, p.park, v->counts.foreign);
    arena_free(&a);
    return rc;
}

int verify_sinks_preview(struct verify *v, const struct verify_objects *objects, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < v->conf->n_sinks && rc == 0; i++) {
        struct target t;

        if (v->conf->sinks[i].type == SINK_TYPE_FILE)
            continue;
        target_open(&t, v, &v->conf->sinks[i]);
        rc = target_preview(&t, objects, e);
        if (rc != 0) {
            e->class = ERR_UNAVAILABLE;
            err_add(e, "sink \"%s\"", v->conf->sinks[i].name);
        }
        target_close(&t);
    }
    return rc;
}
