/* The difference between what was told and what is wanted, as what can flow and what must wait.
 *
 * Pure: shown right by tables and random pairs: applying plan(old, new) to old gives new; plan(new, new) is empty. */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "mapping.h"
#include "object.h"

struct plan {
    /* What adds or changes a value: flows at once. */
    struct object_field set[OBJECT_MAX_FIELDS];
    uint32_t n_set;
    struct slice *set_aliases;    /* told ∪ wanted where wanted has new ones, sorted; n 0: nothing to set */
    uint32_t n_set_aliases;

    /* What takes away: becomes pending. */
    field_id clear[OBJECT_MAX_FIELDS];
    uint32_t n_clear;
    struct slice *lost_aliases;   /* told, no longer wanted */
    uint32_t n_lost_aliases;

    bool rename;                  /* wanted->address differs */
    bool moved;                   /* the DN differs: no action by itself */
    bool restamped;               /* the stamp differs: no action by itself */
};

/* Whether a note says that the field is to be left as it was told. */
bool plan_keeps(const struct mapping_note *notes, field_id field);

/* Slices point into *told, *wanted and *a. A note with keep set takes its field out of the plan. */
void plan_diff(const struct object *told, const struct object *wanted, const struct mapping_note *notes,
               struct arena *a, struct plan *out);

/* Whether the plan has anything to set now. */
static inline bool plan_sets(const struct plan *p)
{
    return p->n_set > 0 || p->n_set_aliases > 0;
}

/* *told after what flows of the plan is told: sets applied, dn and stamp those of *wanted; what is pending is still as
 * it was. *after points into the two, *p and *a. */
void plan_apply_sets(const struct object *told, const struct object *wanted, const struct plan *p, struct arena *a,
                     struct object *after);

/* ---- a return: all of *wanted is told by a create, whatever gone had ---- */

/* What a note keeps is wanted as gone had it: the target may still have that, and the state must say so. *wanted then
 * points into *gone too. */
void plan_keep(const struct object *gone, const struct mapping_note *notes, struct object *wanted);

/* What gone had beyond *wanted, ascending by field name, `aliases` when none is left: the create tells it as clear. (That
 * some aliases are left out is told by the set of all that are left.) Returns how many. */
uint32_t plan_return(const struct object *gone, const struct object *wanted, field_id clear[OBJECT_MAX_FIELDS + 1]);

#endif
