/* Groups.
 *
 * A group can't be marked. So what creates, renames or removes one goes: look at the target, the intent synced, the
 * effect, the record. After a crash the state before or after the effect, as seen, decides; anything else parks. */
#include "axigen_parts.h"

#include <stdlib.h>

int axigen_open_group(struct axigen *ax, struct axigen_work *w, struct slice address, enum seen_group *seen)
{
    struct axigen_answer a;
    char words[WIRE_TEXT_MAX];
    bool listed;

    *seen = GROUP_OPEN;
    if (axigen_say_value(ax, "UPDATE Group name", axigen_local(address), WIRE_GROUP, &a))
        return -1;
    if (a.ok)
        return 0;
    memcpy(words, a.text, sizeof(words));
    if (axigen_listed(ax, "LIST Groups", axigen_local(address), &listed))
        return -1;
    *seen = listed ? GROUP_UNKNOWN : GROUP_ABSENT;
    if (listed && w)
        axigen_note(w, OUTCOME_REFUSED, "the group %.*s can't be looked at: %s", SLICE_ARG(address), words);
    return 0;
}

/* Only a look. */
static int look_at(struct axigen *ax, struct axigen_work *w, struct slice address, enum seen_group *seen)
{
    return axigen_open_group(ax, w, address, seen) ? -1 : axigen_back(ax);
}

static void settled(struct axigen *ax, const uint8_t *uuid, struct axigen_record *rec)
{
    rec->intent = INTENT_NONE;
    rec->going_to = slice_of("");
    axigen_put(ax, uuid, rec);
}

static int intend(struct axigen *ax, struct axigen_work *w, enum record_intent intent)
{
    w->rec.intent = intent;
    return axigen_put_safe(ax, w);
}

void axigen_note_absent(struct axigen_work *w)
{
    axigen_note(w, OUTCOME_PARK, "the group %.*s is not there. If it was removed on purpose, drop this action",
                SLICE_ARG(w->rec.address));
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* In the open group: SET name and COMMIT. */
static int set_group_name(struct axigen *ax, struct axigen_work *w, struct slice to)
{
    struct slice old = w->rec.address;
    struct axigen_answer a;
    bool renamed;

    if (axigen_set_name(ax, w, to, &renamed, &a))
        return -1;
    if (!renamed) {
        axigen_note(w, axigen_cure(&a), "the group %.*s can't be renamed to %.*s: %s", SLICE_ARG(old), SLICE_ARG(to),
                    a.text);
        return axigen_undo(ax, w);
    }
    if (axigen_save(ax, w))
        return -1;
    if (!w->saved)
        return axigen_undo(ax, w);
    w->rec.address = to;
    settled(ax, w->action->uuid, &w->rec);
    return 0;
}

int axigen_group_aside(struct axigen *ax, struct axigen_work *w, const uint8_t *uuid, struct axigen_record *rec,
                       struct slice to)
{
    struct axigen_answer a;
    enum seen_group seen;
    bool renamed;

    if (rec->intent == INTENT_RENAME && look_at(ax, NULL, to, &seen))
        return -1;
    if (rec->intent != INTENT_RENAME || seen == GROUP_ABSENT) {
        if (axigen_open_group(ax, NULL, rec->address, &seen))
            return -1;
        if (seen != GROUP_OPEN)
            return 0;
        if (axigen_set_name_of(ax, uuid, rec, to, &renamed, &a) ||
            (renamed && axigen_say(ax, "COMMIT", WIRE_DOMAIN, &a)))
            return -1;
        if (!a.ok)
            return axigen_back(ax); /* ADD will be refused, and say so */
    }
    axigen_moved(ax, w, uuid, rec, to);
    return 0;
}

static int rename_group(struct axigen *ax, struct axigen_work *w)
{
    struct slice to = w->action->address;
    bool begun = w->rec.intent == INTENT_RENAME && slice_eq(w->rec.going_to, to);
    enum seen_group at_old, at_new;
    bool made;

    if (!slice_eq(axigen_domain(w->rec.address), axigen_domain(to))) {
        axigen_note(w, OUTCOME_PART, "the group stays %.*s: Axigen can't rename across domains",
                    SLICE_ARG(w->rec.address));
        return 0;
    }
    if (axigen_make_room(ax, w, to, &made))
        return -1;
    if (!made)
        return 0;
    if (look_at(ax, w, to, &at_new))
        return -1;
    if (slice_eq(w->rec.address, to)) {
        if (at_new == GROUP_ABSENT)
            axigen_note_absent(w);
        return 0;
    }
    if (axigen_open_group(ax, w, w->rec.address, &at_old))
        return -1;
    if (at_old == GROUP_OPEN && at_new == GROUP_ABSENT)
        return set_group_name(ax, w, to);
    if (axigen_back(ax))
        return -1;
    if (at_old == GROUP_ABSENT && at_new == GROUP_OPEN && begun) {
        w->rec.address = to;
        settled(ax, w->action->uuid, &w->rec);
    } else if (at_old == GROUP_OPEN && at_new == GROUP_OPEN)
        axigen_note(w, OUTCOME_PARK, "there are both groups, %.*s and %.*s, and nothing shows which is this entry's",
                    SLICE_ARG(w->rec.address), SLICE_ARG(to));
    else if (at_old == GROUP_ABSENT)
        axigen_note_absent(w);
    return 0;
}

/* ---- create and update ------------------------------------------------------------------------------------------- */

static bool is_enable(const struct script_step *step)
{
    return step->attr && strcmp(step->attr, "enable") == 0;
}

/* In the open group. Of one that policy disabled, enable is for its return; one that is taken over loses nothing of what it has. */
static int carry_out(struct axigen *ax, struct axigen_work *w, bool adopting)
{
    struct action told = *w->action;
    bool gone = !axigen_record_intact(&w->rec), create = w->action->type == ACTION_GROUP_CREATE;
    bool enabled = !create || !gone;

    if (adopting)
        told.n_clear = 0;
    w->script.n = 0;
    script_fields(&w->script, &ax->arena, &told, true);
    for (size_t i = 0; gone && !create && i < w->script.n; i++)
        if (is_enable(&w->script.steps[i])) {
            w->script.steps[i].dead = true;
            w->rec.has_services = true;
            w->rec.services = w->script.steps[i].value;
        }
    if (create && gone && !script_touches(w->action, FIELD_GROUP_ENABLE))
        script_add(&w->script, &ax->arena,
                   (struct script_step){.form = FORM_WORD,
                                        .attr = "enable",
                                        .value = w->rec.has_services ? w->rec.services : slice_of("yes")});
    if (axigen_burst(ax, w, NULL))
        return -1;
    if (!w->saved)
        return 0;
    for (size_t i = 0; i < w->script.n; i++)
        enabled = enabled || (is_enable(&w->script.steps[i]) && w->script.steps[i].done);
    if (create && enabled) {
        w->rec.state = RECORD_ACTIVE;
        w->rec.has_services = false;
    }
    settled(ax, w->action->uuid, &w->rec);
    return 0;
}

static int add_group(struct axigen *ax, struct axigen_work *w)
{
    struct axigen_answer a;

    w->rec = (struct axigen_record){.kind = OBJECT_GROUP, .address = w->action->address};
    w->known = true;
    if (intend(ax, w, INTENT_CREATE) ||
        axigen_say_value(ax, "ADD Group name", axigen_local(w->action->address), WIRE_GROUP, &a))
        return -1;
    if (a.ok)
        return carry_out(ax, w, false);
    ax->records->del(ax->records->ctx, w->action->uuid);
    w->has_safe = false;
    axigen_note(w, axigen_cure(&a), "%s", a.text);
    return 0;
}

/* A group that is there and is not known to be ours is open. */
static int take_over(struct axigen *ax, struct axigen_work *w)
{
    bool may;

    w->rec = (struct axigen_record){.kind = OBJECT_GROUP, .address = w->action->address};
    if (axigen_adoptable(ax, w, &may))
        return -1;
    w->known = may;
    return may ? carry_out(ax, w, true) : axigen_back(ax);
}

/* A group that we know, at another address. */
static int bring_home(struct axigen *ax, struct axigen_work *w, enum seen_group *seen)
{
    if (!slice_eq(axigen_domain(w->rec.address), axigen_domain(w->action->address)))
        axigen_note(w, OUTCOME_PART, "the group stays %.*s: Axigen can't rename across domains",
                    SLICE_ARG(w->rec.address));
    else if (set_group_name(ax, w, w->action->address))
        return -1;
    else
        return w->saved ? axigen_open_group(ax, w, w->rec.address, seen) : 0;
    return 0;
}

/* After a rename of ours that was cut short: where it is now. */
static int follow_rename(struct axigen *ax, struct axigen_work *w)
{
    enum seen_group at_old, at_new;

    if (w->rec.intent != INTENT_RENAME)
        return 0;
    if (look_at(ax, w, w->rec.address, &at_old) || look_at(ax, w, w->rec.going_to, &at_new))
        return -1;
    if (at_old == GROUP_ABSENT && at_new == GROUP_OPEN)
        w->rec.address = w->rec.going_to;
    return 0;
}

static int create_known(struct axigen *ax, struct axigen_work *w)
{
    enum seen_group seen;

    if (follow_rename(ax, w))
        return -1;
    if (axigen_open_group(ax, w, w->rec.address, &seen))
        return -1;
    if (seen == GROUP_ABSENT)
        return add_group(ax, w);
    if (seen == GROUP_UNKNOWN)
        return 0;
    if (w->rec.intent == INTENT_CREATE && !w->item->again)
        return take_over(ax, w);
    if (!slice_eq(w->rec.address, w->action->address) && bring_home(ax, w, &seen))
        return -1;
    return strcmp(axigen_session_context(ax->session), WIRE_GROUP) == 0 ? carry_out(ax, w, false) : 0;
}

static int create_group(struct axigen *ax, struct axigen_work *w)
{
    enum seen_group seen;
    bool made;

    if (axigen_make_room(ax, w, w->action->address, &made))
        return -1;
    if (!made)
        return 0;
    if (w->known)
        return create_known(ax, w);
    if (axigen_open_group(ax, w, w->action->address, &seen))
        return -1;
    return seen == GROUP_ABSENT ? add_group(ax, w) : seen == GROUP_OPEN ? take_over(ax, w) : 0;
}

static int update_group(struct axigen *ax, struct axigen_work *w)
{
    enum seen_group seen;

    if (axigen_open_group(ax, w, w->rec.address, &seen))
        return -1;
    if (seen == GROUP_ABSENT)
        axigen_note_absent(w);
    return seen == GROUP_OPEN ? carry_out(ax, w, false) : 0;
}

/* ---- delete ------------------------------------------------------------------------------------------------------ */

static int disable_group(struct axigen *ax, struct axigen_work *w, enum record_state state)
{
    struct axigen_answer a;

    if (axigen_say(ax, "SET enable no", NULL, &a))
        return -1;
    if (!a.ok) {
        axigen_note(w, OUTCOME_REFUSED, "SET enable no: %s", a.text);
        return axigen_back(ax);
    }
    if (axigen_save(ax, w))
        return -1;
    if (!w->saved)
        return 0;
    w->rec.state = state;
    settled(ax, w->action->uuid, &w->rec);
    return 0;
}

static int remove_group(struct axigen *ax, struct axigen_work *w)
{
    struct axigen_answer a;

    if (axigen_back(ax) || intend(ax, w, INTENT_REMOVE) ||
        axigen_say_value(ax, "REMOVE Group name", axigen_local(w->rec.address), NULL, &a))
        return -1;
    w->gone = a.ok;
    if (!a.ok)
        axigen_note(w, axigen_cure(&a), "REMOVE Group %.*s: %s", SLICE_ARG(w->rec.address), a.text);
    return 0;
}

static int delete_group(struct axigen *ax, struct axigen_work *w)
{
    enum axigen_policy policy = axigen_policy_of(ax, w);
    enum seen_group seen;

    if (policy == AXIGEN_KEEP) {
        if (axigen_record_intact(&w->rec))
            w->rec.state = RECORD_KEPT;
        axigen_put(ax, w->action->uuid, &w->rec);
        return 0;
    }
    if (axigen_open_group(ax, w, w->rec.address, &seen))
        return -1;
    w->gone = seen == GROUP_ABSENT;
    if (seen != GROUP_OPEN)
        return 0;
    if (policy == AXIGEN_REMOVE)
        return remove_group(ax, w);
    return disable_group(ax, w, policy == AXIGEN_LOCK ? RECORD_LOCKED : RECORD_DISABLED);
}

int axigen_group(struct axigen *ax, struct axigen_work *w)
{
    uint8_t from[UUID_BYTES];

    if (w->action->type == ACTION_GROUP_CREATE)
        return create_group(ax, w);
    if (!w->known && w->action->type == ACTION_GROUP_DELETE)
        return 0;
    if (!w->known) {
        axigen_note(w, OUTCOME_PARK, "no group of this entry is recorded, so none is touched");
        return 0;
    }
    switch (w->action->type) {
    case ACTION_GROUP_UPDATE:
        return update_group(ax, w);
    case ACTION_GROUP_RENAME:
        return rename_group(ax, w);
    case ACTION_GROUP_DELETE:
        return delete_group(ax, w);
    case ACTION_GROUP_REBIND:
        if (uuid_parse(w->action->from, from) && memcmp(from, w->action->uuid, UUID_BYTES) != 0)
            axigen_rebound(ax, w, from);
        return 0;
    default:
        return axigen_members(ax, w);
    }
}
