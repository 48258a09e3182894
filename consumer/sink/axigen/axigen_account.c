/* Create and update of accounts. */
#include "axigen_parts.h"

#include <stdlib.h>

static bool is_create(const struct axigen_work *w)
{
    return w->action->type == ACTION_ACCOUNT_CREATE;
}

static void new_record(struct axigen_work *w)
{
    w->rec = (struct axigen_record){.kind = OBJECT_ACCOUNT, .address = w->action->address};
    w->known = true;
}

/* ---- aliases ---------------------------------------------------------------------------------------------------- */

struct addresses {
    struct slice *p;
    uint32_t n;
};

/* Rows of LIST Aliases: local parts, or whole addresses. */
static int list_aliases(struct axigen *ax, struct axigen_work *w, struct addresses *there, bool *listed)
{
    struct axigen_answer a;
    struct wire_rows rows;
    struct slice row;

    if (axigen_ask(ax, "LIST Aliases", &a))
        return -1;
    *listed = a.ok;
    if (!a.ok) {
        axigen_note(w, OUTCOME_REFUSED, "aliases can't be listed: %s", a.text);
        return 0;
    }
    rows = wire_names(a.data);
    while (wire_row_next(&rows, &row)) {
        struct slice whole = axigen_whole(ax, axigen_local(row), w->home);

        for (size_t i = 0; i < whole.len; i++)
            if (whole.p[i] >= 'A' && whole.p[i] <= 'Z')
                ((char *)whole.p)[i] = (char)(whole.p[i] + 'a' - 'A');
        axigen_record_add(&there->p, &there->n, whole, &ax->arena);
    }
    return 0;
}

static void add_alias_step(struct axigen *ax, struct axigen_work *w, enum script_form form, struct slice whole)
{
    script_add(&w->script, &ax->arena,
               (struct script_step){.form = form, .value = axigen_local(whole), .whole = whole});
}

/* Ownership is value by value: what was there before us stays ours to leave alone. At adoption what the directory has
 * too becomes ours; with `again` what is found may be what we added before the connection broke. */
static void want_alias(struct axigen *ax, struct axigen_work *w, const struct addresses *there, struct slice alias,
                       bool adopting)
{
    if (!slice_eq(axigen_domain(alias), w->home))
        axigen_note(w, OUTCOME_PART, "alias %.*s: Axigen's aliases are in the domain of their account, %.*s",
                    SLICE_ARG(alias), SLICE_ARG(w->home));
    else if (!axigen_record_has(there->p, there->n, alias))
        add_alias_step(ax, w, FORM_ADD_ALIAS, alias);
    else if (adopting || w->item->again)
        axigen_record_add(&w->rec.aliases, &w->rec.n_aliases, alias, &ax->arena);
}

static int plan_aliases(struct axigen *ax, struct axigen_work *w, bool adopting)
{
    const struct action *act = w->action;
    struct addresses there = {0};
    bool listed = true;

    if (!script_touches(act, FIELD_ALIASES))
        return 0;
    if (!w->fresh && list_aliases(ax, w, &there, &listed))
        return -1;
    if (!listed)
        return 0;
    for (uint32_t i = 0; i < act->n_set_aliases; i++)
        want_alias(ax, w, &there, act->set_aliases[i], adopting);
    for (uint32_t i = w->rec.n_aliases; i-- > 0;) {
        struct slice alias = w->rec.aliases[i];

        if (axigen_record_has(act->set_aliases, act->n_set_aliases, alias))
            continue;
        if (axigen_record_has(there.p, there.n, alias))
            add_alias_step(ax, w, FORM_REMOVE_ALIAS, alias);
        else
            axigen_record_drop(&w->rec.aliases, &w->rec.n_aliases, alias, &ax->arena);
    }
    return 0;
}

/* ---- what is to be set ------------------------------------------------------------------------------------------- */

/* By policy, or as far as one can tell: they were being taken off when the connection broke. */
static bool lacks_services(const struct axigen_work *w)
{
    return !axigen_record_intact(&w->rec) || w->rec.intent == INTENT_SERVICES;
}

static bool returning(const struct axigen_work *w)
{
    return is_create(w) && !w->fresh && lacks_services(w);
}

/* What is told of services while the account has none by policy is for its return. */
static void keep_services(struct axigen_work *w)
{
    struct slice value = script_value(w->action, FIELD_LIMIT_SERVICES);

    w->rec.has_services = value.len > 0;
    w->rec.services = value;
}

static int plan_script(struct axigen *ax, struct axigen_work *w, bool mark, bool adopting)
{
    bool gone = lacks_services(w);
    struct action told = *w->action;

    if (adopting)
        told.n_clear = 0;   /* of a return: what an account that we never had has there was not set by us */
    w->script.n = 0;
    if (mark)
        script_mark(&w->script, &ax->arena, axigen_mark(ax, w->action->uuid, NULL));
    script_fields(&w->script, &ax->arena, &told, !gone);
    if (gone && script_touches(w->action, FIELD_LIMIT_SERVICES))
        keep_services(w);
    if (returning(w))
        script_services(&w->script, &ax->arena, w->rec.has_services, w->rec.services);
    return plan_aliases(ax, w, adopting);
}

/* ---- what came of it --------------------------------------------------------------------------------------------- */

static void learn_step(struct axigen *ax, struct axigen_work *w, const struct script_step *step)
{
    struct axigen_record *r = &w->rec;

    if (step->form == FORM_ADD_ALIAS && step->done)
        axigen_record_add(&r->aliases, &r->n_aliases, step->whole, &ax->arena);
    else if (step->form == FORM_REMOVE_ALIAS && step->done)
        axigen_record_drop(&r->aliases, &r->n_aliases, step->whole, &ax->arena);
    else if (step->attr && strcmp(step->attr, "customerReference") == 0)
        r->unmarked = !step->done;
}

static bool services_given(const struct axigen_work *w)
{
    for (size_t i = 0; i < w->script.n; i++)
        if (w->script.steps[i].attr && strcmp(w->script.steps[i].attr, "services") == 0)
            return w->script.steps[i].done;
    return true;
}

/* The record after COMMIT. Services that could not be given back are still what the account is to have. */
static void remember(struct axigen *ax, struct axigen_work *w)
{
    struct axigen_record *r = &w->rec;

    for (size_t i = 0; i < w->script.n; i++)
        learn_step(ax, w, &w->script.steps[i]);
    if (r->unmarked && r->mark.len == 0)
        axigen_note(w, OUTCOME_REFUSED, "the account %.*s is this entry's, but is not marked so",
                    SLICE_ARG(r->address));
    if (is_create(w)) {
        r->due_ms = 0;
        r->intent = INTENT_NONE;
        r->going_to = slice_of("");
        if (services_given(w)) {
            r->state = RECORD_ACTIVE;
            r->has_services = false;
            r->services = slice_of("");
        } else if (r->state == RECORD_RETIRED)
            r->state = RECORD_DISABLED;
    }
    axigen_put(ax, w->action->uuid, r);
}

static int finish(struct axigen *ax, struct axigen_work *w)
{
    if (!w->saved)
        return 0;
    if (axigen_settle(ax, w))
        return -1;
    remember(ax, w);
    return 0;
}

/* In the open account, alone. */
static int carry_out(struct axigen *ax, struct axigen_work *w, bool mark, bool adopting)
{
    if (plan_script(ax, w, mark, adopting) || axigen_burst(ax, w, NULL))
        return -1;
    return finish(ax, w);
}

/* ---- the straight way -------------------------------------------------------------------------------------------- */

static int open_alone(struct axigen *ax, struct axigen_work *w)
{
    struct axigen_answer a;

    axigen_opening(ax, w);
    if (axigen_do(ax, WIRE_ACCOUNT, &a))
        return -1;
    if (a.number == 0) {
        axigen_note(w, OUTCOME_PARK, "the address can't be sent: %s", a.text);
        return 0;
    }
    w->opened = a.ok ? OPENED : OPENED_REFUSED;
    w->refusal = a.ok ? NULL : arena_copy(&ax->arena, a.text, strlen(a.text)).p;
    return 0;
}

/* The account is open. Not ours: back in the domain, and *ready is false. */
static int make_ready(struct axigen *ax, struct axigen_work *w, bool *ready)
{
    enum axigen_found found = FOUND_OURS;
    struct slice seen, address = w->known ? w->rec.address : w->action->address;
    bool mark = w->add;

    if (!w->add && axigen_read_mark(ax, w->action->uuid, w->known ? &w->rec : NULL, &found, &seen))
        return -1;
    if (found == FOUND_UNMARKED && w->known && w->rec.unmarked) {
        found = FOUND_OURS;
        mark = true;
    }
    *ready = found == FOUND_OURS;
    if (!*ready) {
        w->slow = is_create(w); /* whose it is decides the adoption rule */
        if (!w->slow)
            axigen_note_other(w, found, address, seen);
        return axigen_back(ax);
    }
    w->fresh = w->add;
    if (!w->known)
        new_record(w);
    return plan_script(ax, w, mark, false);
}

int axigen_stretch(struct axigen *ax, struct axigen_work **w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool ready = false;

        ax->under_way = w[i]->index;
        if (w[i]->opened == OPENED_NOT && w[i]->outcome == OUTCOME_UNKNOWN && open_alone(ax, w[i]))
            return -1;
        w[i]->slow = w[i]->opened == OPENED_REFUSED;
        if (w[i]->opened == OPENED && make_ready(ax, w[i], &ready))
            return -1;
        if (ready && axigen_burst(ax, w[i], i + 1 < n ? w[i + 1] : NULL))
            return -1;
    }
    for (size_t i = 0; i < n; i++) {
        ax->under_way = w[i]->index;
        if (finish(ax, w[i]))
            return -1;
    }
    return 0;
}

/* ---- create, the long way ---------------------------------------------------------------------------------------- */

/* Looks for the account of the record in this domain, wherever it may have got to. */
static int look(struct axigen *ax, struct axigen_work *w, enum axigen_found *found)
{
    struct slice places[] = {w->rec.address, w->rec.going_to, w->action->address};

    *found = FOUND_NOTHING;
    for (size_t i = 0; i < 3; i++) {
        if (places[i].len == 0 || !slice_eq(axigen_domain(places[i]), ax->domain))
            continue;
        if (axigen_find(ax, places[i], w->action->uuid, &w->rec, found, &w->mark_seen))
            return -1;
        if (*found == FOUND_OURS || (*found == FOUND_UNMARKED && w->rec.unmarked)) {
            w->rec.address = places[i];
            return 0;
        }
        if (axigen_back(ax))
            return -1;
        if (*found == FOUND_UNREADABLE) {
            axigen_note_other(w, *found, places[i], w->mark_seen);
            return 0;
        }
        *found = FOUND_NOTHING;
    }
    return 0;
}

/* In the account of the record: to the address that the directory has, then all that it tells. */
static int come_home(struct axigen *ax, struct axigen_work *w, bool mark)
{
    struct slice old = w->rec.address;
    struct axigen_answer a;
    bool renamed = true, clear;

    if (slice_eq(axigen_domain(old), axigen_domain(w->action->address)) && !slice_eq(old, w->action->address)) {
        if (axigen_clear_way(ax, w, w->action->address, &clear))
            return -1;
        if (!clear)
            return axigen_undo(ax, w);
        if (axigen_set_name(ax, w, w->action->address, &renamed, &a))
            return -1;
        if (!renamed) {
            axigen_note(w, axigen_cure(&a), "%.*s can't be renamed to %.*s: %s", SLICE_ARG(old),
                        SLICE_ARG(w->action->address), a.text);
            return axigen_undo(ax, w);
        }
        w->rec.address = w->action->address;
    }
    return carry_out(ax, w, mark, false);
}

/* ADD was refused: what is there? */
static int take_over(struct axigen *ax, struct axigen_work *w, const char *refusal, enum outcome cure)
{
    enum axigen_found found;
    bool may = true;

    if (axigen_find(ax, w->action->address, w->action->uuid, NULL, &found, &w->mark_seen))
        return -1;
    if (found == FOUND_NOTHING) {
        axigen_note(w, cure, "%s", refusal);
        return 0;
    }
    if (found == FOUND_UNREADABLE) {
        axigen_note_other(w, found, w->action->address, w->mark_seen);
        return axigen_back(ax);
    }
    new_record(w);
    if (found != FOUND_OURS && axigen_adoptable(ax, w, &may))
        return -1;
    if (!may) {
        w->known = false;
        return axigen_back(ax);
    }
    return carry_out(ax, w, found == FOUND_UNMARKED, found != FOUND_OURS);
}

static int add(struct axigen *ax, struct axigen_work *w)
{
    struct axigen_answer a;

    w->add = true;
    w->known = false;
    axigen_opening(ax, w);
    if (axigen_do(ax, WIRE_ACCOUNT, &a))
        return -1;
    if (!a.ok)
        return take_over(ax, w, a.text, axigen_cure(&a));
    w->fresh = true;
    new_record(w);
    return carry_out(ax, w, true, false);
}

/* Recorded in another domain. *here: go on in the domain of the action, where we are. */
static int elsewhere(struct axigen *ax, struct axigen_work *w, bool *here)
{
    struct slice old = axigen_domain(w->rec.address);
    enum axigen_found found;
    bool entered;

    *here = false;
    if (look(ax, w, &found))
        return -1;
    if (found != FOUND_NOTHING)
        return found == FOUND_UNREADABLE ? 0 : come_home(ax, w, found == FOUND_UNMARKED);
    if (axigen_leave(ax, NULL, 0) || axigen_enter(ax, w, old, &entered))
        return -1;
    if (!entered)
        return 0;
    w->home = old;
    if (look(ax, w, &found))
        return -1;
    if (found == FOUND_OURS || found == FOUND_UNMARKED) {
        axigen_note(w, OUTCOME_PART,
                    "the account is %.*s: Axigen can't rename across domains, and it is never deleted and made anew "
                    "for that. Move "
                    "its mail to a new account %.*s with its customerReference by hand, then retry",
                    SLICE_ARG(w->rec.address), SLICE_ARG(w->action->address));
        return come_home(ax, w, found == FOUND_UNMARKED);
    }
    if (found == FOUND_UNREADABLE)
        return 0;
    w->home = axigen_domain(w->action->address);
    if (axigen_leave(ax, NULL, 0) || axigen_enter(ax, w, w->home, &entered))
        return -1;
    *here = entered;
    return 0;
}

int axigen_account_create(struct axigen *ax, struct axigen_work *w)
{
    enum axigen_found found;
    bool made, here = true;

    if (w->add && w->opened == OPENED_REFUSED)
        return take_over(ax, w, w->refusal, OUTCOME_REFUSED);
    if (w->was_group && axigen_group_aside(ax, w, w->action->uuid, &w->rec,
                                           axigen_aside_group(ax, w->action->uuid, w->home)))
        return -1;
    w->known = w->known && !w->was_group;
    if (axigen_make_alias_room(ax, w) || axigen_make_room(ax, w, w->action->address, &made))
        return -1;
    if (!made)
        return 0;
    if (w->known && !slice_eq(axigen_domain(w->rec.address), ax->domain)) {
        if (elsewhere(ax, w, &here))
            return -1;
        return here ? add(ax, w) : 0;
    }
    if (!w->known)
        return add(ax, w);
    if (look(ax, w, &found))
        return -1;
    if (found == FOUND_UNREADABLE)
        return 0;
    if (found != FOUND_NOTHING)
        return come_home(ax, w, found == FOUND_UNMARKED);
    return add(ax, w);
}

/* UPDATE was refused: is there nothing, or was it for another reason? Or an alias must be taken from somebody first. */
int axigen_account_update(struct axigen *ax, struct axigen_work *w)
{
    enum axigen_found found = FOUND_NOTHING;

    if (!w->known)
        new_record(w);
    if (axigen_make_alias_room(ax, w) || look(ax, w, &found))
        return -1;
    if (found == FOUND_OURS || found == FOUND_UNMARKED)
        return carry_out(ax, w, found == FOUND_UNMARKED, false);
    if (found == FOUND_NOTHING)
        axigen_note_other(w, found, w->rec.address, slice_of(""));
    return 0;
}
