/* Members of groups: those that the directory named and we added are ours to take away, all others stay. */
#include "axigen_parts.h"

static void plan_members(struct axigen *ax, struct axigen_work *w)
{
    const struct action *act = w->action;

    w->script.n = 0;
    for (uint32_t i = 0; i < act->n_remove; i++)
        if (!axigen_record_has(w->rec.foreign, w->rec.n_foreign, act->remove[i]))
            script_add(
                &w->script, &ax->arena,
                (struct script_step){.form = FORM_REMOVE_MEMBER, .value = act->remove[i], .whole = act->remove[i]});
    for (uint32_t i = 0; i < act->n_add; i++)
        script_add(&w->script, &ax->arena,
                   (struct script_step){.form = FORM_ADD_MEMBER, .value = act->add[i], .whole = act->add[i]});
}

/* Whether the row of LIST Addresses is this member; one of the group's own domain may come without it. */
static bool is_member(struct slice row, struct slice member, struct slice home)
{
    if (memchr(row.p, '@', row.len))
        return text_equal_nocase(row, member);
    return slice_eq(axigen_domain(member), home) && text_equal_nocase(row, axigen_local(member));
}

/* For each refused step whether its member is in the group. */
static int look_up_members(struct axigen *ax, struct axigen_work *w, bool *in)
{
    enum seen_group seen;
    struct axigen_answer a;
    struct wire_rows rows;
    struct slice row;

    if (axigen_open_group(ax, w, w->rec.address, &seen))
        return -1;
    if (seen != GROUP_OPEN)
        return 0;
    if (axigen_ask(ax, "LIST Addresses", &a))
        return -1;
    if (!a.ok)
        axigen_note(w, OUTCOME_REFUSED, "members can't be listed: %s", a.text);
    for (rows = wire_names(a.data); a.ok && wire_row_next(&rows, &row);)
        for (size_t i = 0; i < w->script.n; i++)
            if (w->script.steps[i].dead && is_member(row, w->script.steps[i].whole, w->home))
                in[i] = true;
    return axigen_back(ax);
}

/* A member that we were to add and that is in the group already was put there by somebody, unless it may have been us:
 * the action came before, in part or without an answer, or tells the state anew; and on adoption what the directory
 * names becomes ours. */
static bool may_be_ours(const struct axigen_work *w)
{
    const struct action *act = w->action;

    for (uint32_t i = 0; i < w->rec.n_partly; i++)
        if (w->rec.partly[i] == act->seq)
            return true;
    return w->item->again || act->cause == CAUSE_RESYNC || act->cause == CAUSE_REPAIR ||
           (w->rec.adopted && act->cause == CAUSE_ADD);
}

static int judge_refused(struct axigen *ax, struct axigen_work *w)
{
    bool *in, ours = may_be_ours(w);
    size_t refused = 0;

    for (size_t i = 0; i < w->script.n; i++)
        refused += w->script.steps[i].dead;
    if (refused == 0)
        return 0;
    in = arena_alloc(&ax->arena, w->script.n * sizeof(*in));
    if (look_up_members(ax, w, in))
        return -1;
    for (size_t i = 0; i < w->script.n; i++) {
        struct script_step *step = &w->script.steps[i];
        bool add = step->form == FORM_ADD_MEMBER;

        if (step->dead && in[i] != add)
            axigen_note(w, OUTCOME_REFUSED, "member %.*s could not be %s: %s", SLICE_ARG(step->whole),
                        add ? "added" : "removed", step->refusal ? step->refusal : "it can't be sent");
        else if (step->dead && add && !ours)
            axigen_record_add(&w->rec.foreign, &w->rec.n_foreign, step->whole, &ax->arena);
    }
    return 0;
}

static void remember_partly(struct axigen *ax, struct axigen_work *w)
{
    uint64_t *partly = arena_alloc(&ax->arena, (w->rec.n_partly + (size_t)1) * sizeof(*partly));
    uint32_t n = 0;

    for (uint32_t i = 0; i < w->rec.n_partly; i++)
        if (w->rec.partly[i] != w->action->seq)
            partly[n++] = w->rec.partly[i];
    if (w->outcome != OUTCOME_UNKNOWN)
        partly[n++] = w->action->seq;
    w->rec.partly = partly;
    w->rec.n_partly = n;
}

int axigen_members(struct axigen *ax, struct axigen_work *w)
{
    enum seen_group seen;

    if (axigen_open_group(ax, w, w->rec.address, &seen))
        return -1;
    if (seen == GROUP_ABSENT)
        axigen_note_absent(w);
    if (seen != GROUP_OPEN)
        return 0;
    plan_members(ax, w);
    if (axigen_burst(ax, w, NULL))
        return -1;
    if (!w->saved)
        return 0;
    for (size_t i = 0; i < w->script.n; i++)
        if (w->script.steps[i].done)
            axigen_record_drop(&w->rec.foreign, &w->rec.n_foreign, w->script.steps[i].whole, &ax->arena);
    if (judge_refused(ax, w))
        return -1;
    /* Not before all is done: the action may come again, and must find them there again. */
    for (uint32_t i = 0; w->outcome == OUTCOME_UNKNOWN && i < w->action->n_remove; i++)
        axigen_record_drop(&w->rec.foreign, &w->rec.n_foreign, w->action->remove[i], &ax->arena);
    remember_partly(ax, w);
    axigen_put(ax, w->action->uuid, &w->rec);
    return 0;
}
