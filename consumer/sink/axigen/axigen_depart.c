/* What takes away or moves a name: delete, rename, rebind, and the removal of what is due. These come alone, so nothing
 * is sent ahead: each answer is looked at, and at the first refusal BACK drops all of it. */
#include "axigen_parts.h"

#include "clock.h"

enum axigen_policy axigen_policy_of(const struct axigen *ax, const struct axigen_work *w)
{
    enum cause cause = w->action->cause;

    if (w->item->back)
        return AXIGEN_KEEP;   /* it is about to return, and is out of nobody's way but who is told its address */
    return cause == CAUSE_DELETE || cause == CAUSE_ABSENT ? ax->set->delete_policy
           : cause == CAUSE_MOVED                         ? ax->set->move_policy
                                                          : ax->set->leave_policy;
}

/* Opens the account of the record, where it is or where it was going; all else is noted. *ours: it is open, and its
 * mark is ours. *missing: it is nowhere. */
static int open_ours(struct axigen *ax, struct axigen_work *w, bool *ours, bool *missing)
{
    struct slice places[] = {w->rec.address, w->rec.going_to};
    enum axigen_found found = FOUND_NOTHING, first = FOUND_NOTHING;
    struct slice seen = {0}, first_seen = {0};

    *ours = *missing = false;
    for (size_t i = 0; i < 2; i++) {
        if (places[i].len == 0 || !slice_eq(axigen_domain(places[i]), ax->domain))
            continue;
        if (axigen_find(ax, places[i], w->action->uuid, &w->rec, &found, &seen))
            return -1;
        if (found == FOUND_OURS) {
            *ours = true;
            w->rec.address = places[i];
            return 0;
        }
        if (axigen_back(ax))
            return -1;
        if (found != FOUND_NOTHING && first == FOUND_NOTHING) {
            first = found;
            first_seen = seen;
        }
    }
    *missing = first == FOUND_NOTHING;
    if (!*missing)
        axigen_note_other(w, first, w->rec.address, first_seen);
    return 0;
}

static void settled(struct axigen *ax, struct axigen_work *w)
{
    w->rec.intent = INTENT_NONE;
    w->rec.going_to = slice_of("");
    axigen_put(ax, w->action->uuid, &w->rec);
}

/* One command of several; *ok stays false after the first refusal, and what follows is left out. */
static int then(struct axigen *ax, struct axigen_work *w, const char *words, const char *leads_to, bool *ok)
{
    struct axigen_answer a;

    if (!*ok)
        return 0;
    if (axigen_say(ax, words, leads_to, &a))
        return -1;
    *ok = a.ok;
    if (!a.ok)
        axigen_note(w, OUTCOME_REFUSED, "%s: %s", words, a.text);
    return 0;
}

/* ---- services ---------------------------------------------------------------------------------------------------- */

/* Reads what it has into the record, where that is to be believed: not where they were taken already, or may have been
 * before the connection broke. None never overwrites some. In limits. */
static int note_services(struct axigen *ax, struct axigen_work *w, bool *ok)
{
    struct axigen_answer a;
    struct slice now;

    if (!axigen_record_intact(&w->rec) || w->rec.intent == INTENT_SERVICES)
        return 0;
    if (axigen_show(ax, "services", &now, &a))
        return -1;
    *ok = a.ok;
    if (!a.ok) {
        axigen_note(w, OUTCOME_REFUSED, "services can't be read: %s", a.text);
        return 0;
    }
    if (now.len || !w->rec.has_services) {
        w->rec.has_services = true;
        w->rec.services = now;
    }
    return 0;
}

static int set_services(struct axigen *ax, struct axigen_work *w, bool lock, bool *ok)
{
    const struct slice receive[] = {slice_of("smtpIncoming")};
    struct axigen_answer a;

    wire_command_reset(&ax->c);
    wire_words(&ax->c, "SET services");
    wire_list(&ax->c, receive, lock ? 1 : 0);
    if (axigen_do(ax, NULL, &a))
        return -1;
    *ok = a.ok;
    if (!a.ok)
        axigen_note(w, OUTCOME_REFUSED, "SET services: %s", a.text);
    return 0;
}

/* In the account. What it had is on disk before it is taken. to: where it will be renamed to in the same breath, or
 * empty. */
static int take_services(struct axigen *ax, struct axigen_work *w, bool lock, struct slice to, bool *ok)
{
    *ok = true;
    if (then(ax, w, "CONFIG Limits", WIRE_LIMITS, ok) || (*ok && note_services(ax, w, ok)))
        return -1;
    if (!*ok)
        return 0;
    w->rec.intent = INTENT_SERVICES;
    w->rec.going_to = to;
    if (axigen_put_safe(ax, w))
        return -1;
    if (set_services(ax, w, lock, ok))
        return -1;
    return then(ax, w, "DONE", WIRE_ACCOUNT, ok);
}

static int drop_aliases(struct axigen *ax, struct axigen_work *w, bool *ok)
{
    struct axigen_answer a;
    struct wire_rows rows;
    struct slice row;
    struct slice *there = NULL;
    uint32_t n = 0;

    if (!*ok || w->rec.n_aliases == 0)
        return 0;
    if (axigen_ask(ax, "LIST Aliases", &a))
        return -1;
    *ok = a.ok;
    if (!a.ok)
        axigen_note(w, OUTCOME_REFUSED, "aliases can't be listed: %s", a.text);
    for (rows = wire_names(a.data); a.ok && wire_row_next(&rows, &row);)
        axigen_record_add(&there, &n, arena_copy(&ax->arena, axigen_local(row).p, axigen_local(row).len), &ax->arena);
    for (uint32_t i = 0; *ok && i < n; i++)
        for (uint32_t k = 0; *ok && k < w->rec.n_aliases; k++) {
            if (!text_equal_nocase(there[i], axigen_local(w->rec.aliases[k])))
                continue;
            if (axigen_say_value(ax, "REMOVE Alias", there[i], NULL, &a))
                return -1;
            *ok = a.ok;
            if (!a.ok)
                axigen_note(w, OUTCOME_REFUSED, "alias %.*s: %s", SLICE_ARG(w->rec.aliases[k]), a.text);
        }
    return 0;
}

/* Its aliases go as well: in the state nobody has them any more, so that somebody else may be given them. A return tells them anew. */
static int silence(struct axigen *ax, struct axigen_work *w, bool lock)
{
    bool ok;

    if (take_services(ax, w, lock, slice_of(""), &ok) || drop_aliases(ax, w, &ok))
        return -1;
    if (!ok)
        return axigen_undo(ax, w);
    if (axigen_save(ax, w))
        return -1;
    if (!w->saved)
        return axigen_undo(ax, w);
    w->rec.state = lock ? RECORD_LOCKED : RECORD_DISABLED;
    w->rec.n_aliases = 0;
    settled(ax, w);
    return 0;
}

/* ---- retirement and removal -------------------------------------------------------------------------------------- */

/* Services, aliases and name in one COMMIT: all of it, or nothing. */
static int retire(struct axigen *ax, struct axigen_work *w)
{
    struct slice to = axigen_aside(ax, w->action->uuid, axigen_domain(w->rec.address));
    struct axigen_answer a;
    bool ok;

    if (take_services(ax, w, false, to, &ok) || drop_aliases(ax, w, &ok))
        return -1;
    if (ok && !slice_eq(w->rec.address, to)) {
        if (axigen_set_name(ax, w, to, &ok, &a))
            return -1;
        if (!ok)
            axigen_note(w, axigen_cure(&a), "it can't be renamed to %.*s: %s", SLICE_ARG(to), a.text);
    }
    if (!ok)
        return axigen_undo(ax, w);
    if (axigen_save(ax, w))
        return -1;
    if (!w->saved)
        return axigen_undo(ax, w);
    w->rec.address = to;
    w->rec.state = RECORD_RETIRED;
    w->rec.n_aliases = 0;
    w->rec.due_ms = clock_wall_ms() + ax->set->retention_s * 1000;
    settled(ax, w);
    return 0;
}

/* In the account, which is ours; REMOVE is the domain's. */
static int remove_account(struct axigen *ax, struct axigen_work *w)
{
    struct axigen_answer a;

    if (axigen_back(ax) || axigen_say_value(ax, "REMOVE Account name", axigen_local(w->rec.address), NULL, &a))
        return -1;
    w->gone = a.ok;
    if (!a.ok)
        axigen_note(w, axigen_cure(&a), "REMOVE Account %.*s: %s", SLICE_ARG(w->rec.address), a.text);
    return 0;
}

int axigen_account_delete(struct axigen *ax, struct axigen_work *w)
{
    enum axigen_policy policy = axigen_policy_of(ax, w);
    bool ours, missing;

    if (!w->known || (w->rec.state == RECORD_RETIRED && policy == AXIGEN_REMOVE))
        return 0; /* nothing of ours, or done before */
    if (policy == AXIGEN_KEEP) {
        if (axigen_record_intact(&w->rec))
            w->rec.state = RECORD_KEPT;
        axigen_put(ax, w->action->uuid, &w->rec);
        return 0;
    }
    if (w->rec.state == RECORD_RETIRED)
        return 0; /* has nothing any more that this policy would take */
    if (open_ours(ax, w, &ours, &missing))
        return -1;
    w->gone = missing;
    if (!ours)
        return 0;
    if (policy == AXIGEN_DISABLE || policy == AXIGEN_LOCK)
        return silence(ax, w, policy == AXIGEN_LOCK);
    return ax->set->retention_s > 0 ? retire(ax, w) : remove_account(ax, w);
}

int axigen_account_due(struct axigen *ax, struct axigen_work *w)
{
    bool ours, missing;

    if (w->rec.state != RECORD_RETIRED)
        return 0; /* it came back */
    if (open_ours(ax, w, &ours, &missing))
        return -1;
    w->gone = missing;
    return ours ? remove_account(ax, w) : 0;
}

/* ---- rename ------------------------------------------------------------------------------------------------------ */

#define CROSS                                                                                                          \
    "the account stays %.*s: Axigen can't rename across domains, and it is never deleted and made anew for that. "     \
    "Move its "                                                                                                        \
    "mail to a new account %.*s with its customerReference by hand, then retry"

/* Already at the new address, by us before the connection broke or by somebody's hand? */
static int is_there(struct axigen *ax, struct axigen_work *w, bool *there)
{
    enum axigen_found found;
    struct slice seen;

    if (axigen_find(ax, w->action->address, w->action->uuid, w->known ? &w->rec : NULL, &found, &seen) ||
        axigen_back(ax))
        return -1;
    *there = found == FOUND_OURS;
    if (!*there)
        return 0;
    if (!w->known)
        w->rec = (struct axigen_record){.kind = OBJECT_ACCOUNT};
    w->rec.address = w->action->address;
    settled(ax, w);
    return 0;
}

static int rename_open(struct axigen *ax, struct axigen_work *w)
{
    struct axigen_answer a;
    bool renamed, clear;

    if (axigen_clear_way(ax, w, w->action->address, &clear))
        return -1;
    if (!clear)
        return axigen_undo(ax, w);
    if (axigen_set_name(ax, w, w->action->address, &renamed, &a))
        return -1;
    if (!renamed) {
        axigen_note(w, axigen_cure(&a), "%.*s can't be renamed to %.*s: %s", SLICE_ARG(w->rec.address),
                    SLICE_ARG(w->action->address), a.text);
        return axigen_undo(ax, w);
    }
    if (axigen_save(ax, w))
        return -1;
    if (!w->saved)
        return axigen_undo(ax, w);
    w->rec.address = w->action->address;
    settled(ax, w);
    return 0;
}

int axigen_account_rename(struct axigen *ax, struct axigen_work *w)
{
    enum axigen_found found = FOUND_NOTHING;
    struct slice seen = {0};
    bool there = false, made;

    if (is_there(ax, w, &there))
        return -1;
    if (there)
        return 0;
    if (!w->known) {
        axigen_note(w, OUTCOME_PARK, "no account of this entry is recorded, and %.*s is not it. Nothing was renamed",
                    SLICE_ARG(w->action->address));
        return 0;
    }
    if (!slice_eq(axigen_domain(w->rec.address), ax->domain)) {
        axigen_note(w, OUTCOME_PART, CROSS, SLICE_ARG(w->rec.address), SLICE_ARG(w->action->address));
        return 0;
    }
    if (axigen_make_room(ax, w, w->action->address, &made))
        return -1;
    if (!made)
        return 0;
    if (axigen_find(ax, w->rec.address, w->action->uuid, &w->rec, &found, &seen))
        return -1;
    if (found == FOUND_OURS)
        return rename_open(ax, w);
    axigen_note_other(w, found, w->rec.address, seen);
    return axigen_back(ax);
}

/* ---- rebind ------------------------------------------------------------------------------------------------------ */

void axigen_rebound(struct axigen *ax, struct axigen_work *w, const uint8_t *from)
{
    ax->records->del(ax->records->ctx, from);
    axigen_put(ax, w->action->uuid, &w->rec);
}

/* w->rec is that of the old uuid. The mark goes first: with the new one and the old record, the repeat finds it done.
 */
int axigen_account_rebind(struct axigen *ax, struct axigen_work *w)
{
    struct slice ours = axigen_mark(ax, w->action->uuid, NULL), seen;
    enum axigen_found found;
    struct axigen_answer a;
    uint8_t from[UUID_BYTES];

    if (!uuid_parse(w->action->from, from) || axigen_find(ax, w->rec.address, from, &w->rec, &found, &seen))
        return -1;
    if (found == FOUND_OTHER && text_equal_nocase(seen, ours)) {
        axigen_rebound(ax, w, from);
        return axigen_back(ax);
    }
    if (found != FOUND_OURS) {
        axigen_note_other(w, found, w->rec.address, seen);
        return axigen_back(ax);
    }
    if (w->rec.mark.len == 0) {
        if (axigen_say_value(ax, "SET customerReference", ours, NULL, &a))
            return -1;
        if (!a.ok) {
            axigen_note(w, OUTCOME_REFUSED, "customerReference: %s", a.text);
            return axigen_back(ax);
        }
        if (axigen_save(ax, w))
            return -1;
    } else if (axigen_back(ax))
        return -1;
    if (w->saved || w->rec.mark.len)
        axigen_rebound(ax, w, from);
    return 0;
}
