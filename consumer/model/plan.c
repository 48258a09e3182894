#include "plan.h"

bool plan_keeps(const struct mapping_note *notes, field_id field)
{
    for (; notes; notes = notes->next)
        if (notes->keep && notes->field == field)
            return true;
    return false;
}

static void plan_clear(const struct mapping_note *notes, field_id field, struct plan *out)
{
    if (!plan_keeps(notes, field))
        out->clear[out->n_clear++] = field;
}

static void plan_set(const struct mapping_note *notes, const struct object_field *f, struct plan *out)
{
    if (!plan_keeps(notes, f->field))
        out->set[out->n_set++] = *f;
}

/* A merge: both are ascending by field name. */
static void diff_fields(const struct object *told, const struct object *wanted, const struct mapping_note *notes,
                        struct plan *out)
{
    uint32_t i = 0, k = 0;

    while (i < told->n_fields || k < wanted->n_fields) {
        const struct object_field *t = &told->fields[i], *w = &wanted->fields[k];
        int d = i == told->n_fields ? 1 : k == wanted->n_fields ? -1 : field_compare(t->field, w->field);

        if (d < 0)
            plan_clear(notes, t->field, out);
        else if (d > 0 || !slice_eq(t->value, w->value))
            plan_set(notes, w, out);
        i += d <= 0;
        k += d >= 0;
    }
}

static bool same_aliases(const struct object *x, const struct object *y)
{
    if (x->n_aliases != y->n_aliases)
        return false;
    for (uint32_t i = 0; i < x->n_aliases; i++)
        if (!slice_eq(x->aliases[i], y->aliases[i]))
            return false;
    return true;
}

/* A merge too: all of both, and what only the one that was told has. */
static void diff_aliases(const struct object *told, const struct object *wanted, struct arena *a, struct plan *out)
{
    struct slice *all = arena_alloc(a, (told->n_aliases + (size_t)wanted->n_aliases) * sizeof(*all));
    struct slice *lost = arena_alloc(a, told->n_aliases * sizeof(*lost));
    uint32_t i = 0, k = 0, n_all = 0, n_lost = 0;

    while (i < told->n_aliases || k < wanted->n_aliases) {
        int d = i == told->n_aliases     ? 1
                : k == wanted->n_aliases ? -1
                                         : slice_cmp(told->aliases[i], wanted->aliases[k]);

        all[n_all++] = d <= 0 ? told->aliases[i] : wanted->aliases[k];
        if (d < 0)
            lost[n_lost++] = told->aliases[i];
        i += d <= 0;
        k += d >= 0;
    }
    if (n_all > told->n_aliases) {   /* nothing to set when all of them were told */
        out->set_aliases = all;
        out->n_set_aliases = n_all;
    }
    out->lost_aliases = lost;
    out->n_lost_aliases = n_lost;
}

void plan_diff(const struct object *told, const struct object *wanted, const struct mapping_note *notes,
               struct arena *a, struct plan *out)
{
    /* Not a plain = { 0 }: that would zero 3 KiB for each entry. */
    out->n_set = out->n_clear = out->n_set_aliases = out->n_lost_aliases = 0;
    out->set_aliases = out->lost_aliases = NULL;
    out->rename = !slice_eq(told->address, wanted->address);
    out->moved = !slice_eq(told->dn, wanted->dn);
    out->restamped = !slice_eq(told->stamp, wanted->stamp);
    diff_fields(told, wanted, notes, out);
    if (!same_aliases(told, wanted) && !plan_keeps(notes, FIELD_ALIASES))
        diff_aliases(told, wanted, a, out);
}

void plan_apply_sets(const struct object *told, const struct object *wanted, const struct plan *p, struct arena *a,
                     struct object *after)
{
    (void)a;
    *after = *told;
    after->dn = wanted->dn;
    after->stamp = wanted->stamp;
    /* Where there is no room (only after many changes of the configuration) the sinks are told the value once more the
     * next time, which is harmless. */
    for (uint32_t i = 0; i < p->n_set; i++)
        (void)object_set_field(after, p->set[i].field, p->set[i].value);
    if (p->n_set_aliases) {
        after->aliases = p->set_aliases;
        after->n_aliases = p->n_set_aliases;
    }
}

static void keep_aliases(const struct object *gone, struct object *wanted)
{
    wanted->aliases = gone->aliases;
    wanted->n_aliases = gone->n_aliases;
}

void plan_keep(const struct object *gone, const struct mapping_note *notes, struct object *wanted)
{
    for (uint32_t i = 0; i < gone->n_fields; i++)
        if (plan_keeps(notes, gone->fields[i].field))
            (void)object_set_field(wanted, gone->fields[i].field, gone->fields[i].value);   /* no room: it is told no more */
    if (plan_keeps(notes, FIELD_ALIASES))
        keep_aliases(gone, wanted);
}

uint32_t plan_return(const struct object *gone, const struct object *wanted, field_id clear[OBJECT_MAX_FIELDS + 1])
{
    bool aliases = gone->n_aliases > 0 && wanted->n_aliases == 0;
    uint32_t n = 0;

    for (uint32_t i = 0; i < gone->n_fields; i++) {
        field_id field = gone->fields[i].field;

        if (aliases && field_compare(FIELD_ALIASES, field) < 0) {
            clear[n++] = FIELD_ALIASES;
            aliases = false;
        }
        if (object_field(wanted, field).len == 0)
            clear[n++] = field;
    }
    if (aliases)
        clear[n++] = FIELD_ALIASES;
    return n;
}
