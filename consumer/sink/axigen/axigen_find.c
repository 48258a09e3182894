/* Whose an account is: marks, adoption, an address that is made free. */
#include "axigen_parts.h"

#include <stdlib.h>

/* ---- the mark --------------------------------------------------------------------------------------------------- */

struct slice axigen_mark(struct axigen *ax, const uint8_t *uuid, const struct axigen_record *rec)
{
    char text[UUID_TEXT];

    if (rec && rec->mark.len)
        return rec->mark;
    uuid_format(uuid, text);
    return arena_copy(&ax->arena, text, UUID_TEXT - 1);
}

int axigen_read_mark(struct axigen *ax, const uint8_t *uuid, const struct axigen_record *rec, enum axigen_found *found,
                     struct slice *seen)
{
    struct axigen_answer a;
    struct slice ours = axigen_mark(ax, uuid, rec);

    if (axigen_show(ax, "customerReference", seen, &a))
        return -1;
    if (!a.ok) {
        *seen = arena_copy(&ax->arena, a.text, strlen(a.text));
        *found = FOUND_UNREADABLE;
    } else if (seen->len == 0)
        *found = FOUND_UNMARKED;
    else if (slice_eq(*seen, ours) || (!(rec && rec->mark.len) && text_equal_nocase(*seen, ours)))
        *found = FOUND_OURS;
    else
        *found = FOUND_OTHER;
    return 0;
}

int axigen_listed(struct axigen *ax, const char *list, struct slice local, bool *listed)
{
    struct axigen_answer a;
    struct wire_rows rows;
    struct slice row, name;

    wire_command_reset(&ax->c);
    wire_words(&ax->c, list);
    wire_value(&ax->c, local);
    *listed = false;
    if (wire_end(&ax->c, &(struct err){0}))
        return 0; /* a name that can't be sent is nobody's */
    if (axigen_session_ask(ax->session, &ax->c, &a, ax->e))
        return -1;
    *listed = !a.ok;
    for (rows = wire_table(a.data); a.ok && wire_row_next(&rows, &row);)
        if (wire_word_next(&row, &name) && text_equal_nocase(axigen_local(name), local))
            *listed = true;
    return 0;
}

int axigen_find(struct axigen *ax, struct slice address, const uint8_t *uuid, const struct axigen_record *rec,
                enum axigen_found *found, struct slice *seen)
{
    struct axigen_answer a;

    bool listed;

    *seen = slice_of("");
    *found = FOUND_NOTHING;
    if (axigen_say_value(ax, "UPDATE Account name", axigen_local(address), WIRE_ACCOUNT, &a))
        return -1;
    if (a.ok)
        return axigen_read_mark(ax, uuid, rec, found, seen);
    *seen = arena_copy(&ax->arena, a.text, strlen(a.text));
    if (axigen_listed(ax, "LIST Accounts", axigen_local(address), &listed))
        return -1;
    if (listed)
        *found = FOUND_UNREADABLE;
    return 0;
}

void axigen_note_other(struct axigen_work *w, enum axigen_found found, struct slice address, struct slice seen)
{
    int n = (int)address.len;

    switch (found) {
    case FOUND_UNREADABLE:
        axigen_note(w, OUTCOME_REFUSED, "%.*s can't be looked at: %.*s", n, address.p, SLICE_ARG(seen));
        break;
    case FOUND_UNMARKED:
        axigen_note(w, OUTCOME_PARK,
                    "the account %.*s has no customerReference, so nothing shows that it is this entry's. Nothing was "
                    "done. If it "
                    "is, set its customerReference to the uuid of this action in Axigen and retry",
                    n, address.p);
        break;
    case FOUND_OTHER:
        axigen_note(
            w, OUTCOME_PARK,
            "the account %.*s has the customerReference \"%.*s\", which is not this entry's: it is another account. "
            "Nothing was done",
            n, address.p, SLICE_ARG(seen));
        break;
    default:
        axigen_note(w, OUTCOME_PARK,
                    "the account %.*s is not there. If it was removed on purpose, drop this action; else "
                    "create it in Axigen and have it adopted",
                    n, address.p);
    }
}

/* ---- adoption --------------------------------------------------------------------------------------------------- */

#define LDAP_ID "Associated LDAP ID"

/* The entryUUID that Axigen's own connector has put there; its form is not documented beyond "name = value". */
static int registered(struct axigen *ax, struct slice *id)
{
    struct axigen_answer a;
    struct slice rest, line;

    *id = slice_of("");
    if (axigen_ask(ax, "SHOW RegistryInformation", &a))
        return -1;
    if (!a.ok)
        return 0;
    rest = a.data;
    while (wire_line(&rest, &line)) {
        const char *at = memmem(line.p, line.len, LDAP_ID, strlen(LDAP_ID));
        const char *value = at ? memchr(at, '=', line.len - (size_t)(at - line.p)) : NULL;
        const char *end = line.p + line.len;

        if (value == NULL)
            continue;
        for (value++; value < end && (*value == ' ' || *value == '"'); value++)
            ;
        while (end > value && strchr(" \"\r", end[-1]))
            end--;
        *id = arena_copy(&ax->arena, value, (size_t)(end - value));
        return 0;
    }
    return 0;
}

static bool allowed(const struct axigen *ax, const struct axigen_work *w)
{
    return w->item->adopt || ax->set->adopt == AXIGEN_ADOPT_YES ||
           (ax->set->adopt == AXIGEN_ADOPT_FIRST && w->item->first);
}

int axigen_adoptable(struct axigen *ax, struct axigen_work *w, bool *may)
{
    struct slice address = w->action->address, mark = w->mark_seen, id;
    struct slice ours = axigen_mark(ax, w->action->uuid, NULL);
    const char *what = object_kind_name(w->rec.kind);
    uint8_t uuid[UUID_BYTES];

    *may = false;
    if (text_equal_nocase(axigen_local(address), slice_of("postmaster"))) {
        axigen_note(w, OUTCOME_PARK, "%.*s is Axigen's own account, which is never taken over", SLICE_ARG(address));
        return 0;
    }
    if (mark.len && uuid_parse(mark, uuid)) {
        axigen_note(w, OUTCOME_PARK, "the account %.*s is that of another entry: its customerReference is %.*s",
                    SLICE_ARG(address), SLICE_ARG(mark));
        return 0;
    }
    if (registered(ax, &id))
        return -1;
    if (id.len && !text_equal_nocase(id, ours)) {
        axigen_note(w, OUTCOME_PARK,
                    "the %s %.*s belongs to another directory entry: Axigen's registry says " LDAP_ID " = %.*s", what,
                    SLICE_ARG(address), SLICE_ARG(id));
        return 0;
    }
    *may = id.len || allowed(ax, w);
    if (!*may)
        axigen_note(
            w, OUTCOME_ADOPT,
            "the %s %.*s was there before, made by somebody else%s%.*s%s. Nothing was done. If it is this entry's, let "
            "axsync take it over: axsync queue adopt",
            what, SLICE_ARG(address), mark.len ? " (customerReference \"" : "", SLICE_ARG(mark), mark.len ? "\")" : "");
    else {
        w->rec.adopted = true;
        w->rec.mark = mark;
    }
    return 0;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* In the account. a->ok is false: they can't be listed. */
static int has_alias(struct axigen *ax, struct slice address, bool *has, struct axigen_answer *a)
{
    struct wire_rows rows;
    struct slice row;

    *has = false;
    if (axigen_ask(ax, "LIST Aliases", a))
        return -1;
    for (rows = wire_names(a->data); a->ok && wire_row_next(&rows, &row);)
        *has = *has || text_equal_nocase(axigen_local(row), axigen_local(address));
    return 0;
}

/* In the account. It may be gone from there already: taken off before the connection broke, or by hand. */
static int take_alias_off(struct axigen *ax, struct axigen_work *w, const struct axigen_record *rec, struct slice alias,
                          bool *made)
{
    struct axigen_answer a;
    bool there;

    if (has_alias(ax, alias, &there, &a))
        return -1;
    if (a.ok && !there)
        return axigen_back(ax);
    if (a.ok && axigen_say_value(ax, "REMOVE Alias", axigen_local(alias), NULL, &a))
        return -1;
    if (a.ok && axigen_say(ax, "COMMIT", WIRE_DOMAIN, &a))
        return -1;
    *made = a.ok;
    if (a.ok)
        return 0;
    axigen_note(w, OUTCOME_REFUSED, "%.*s could not be taken off the account %.*s, which had it as an alias: %s",
                SLICE_ARG(alias), SLICE_ARG(rec->address), a.text);
    return axigen_back(ax);
}

static void intend_rename(struct axigen_record *rec, struct slice to)
{
    if (rec->intent == INTENT_NONE)
        rec->intent = INTENT_RENAME;
    rec->going_to = to;
}

static int set_name(struct axigen *ax, struct slice to, bool *renamed, struct axigen_answer *a)
{
    if (axigen_say_value(ax, "SET name", axigen_local(to), NULL, a))
        return -1;
    *renamed = a->ok;
    return 0;
}

int axigen_clear_way(struct axigen *ax, struct axigen_work *w, struct slice to, bool *clear)
{
    enum axigen_found found;
    struct axigen_answer a;
    struct slice seen;
    bool has;

    *clear = true;
    if (has_alias(ax, to, &has, &a))
        return -1;
    if (!has)
        return 0;
    if (!axigen_record_has(w->rec.aliases, w->rec.n_aliases, to)) {
        *clear = false;
        axigen_note(w, OUTCOME_PARK,
                    "%.*s is an alias of this very account, made by hand, and what axsync did not set it does not take "
                    "away: remove the alias in Axigen, then retry",
                    SLICE_ARG(to));
        return 0;
    }
    if (take_alias_off(ax, w, &w->rec, to, clear))
        return -1;
    if (!*clear)
        return 0;
    axigen_record_drop(&w->rec.aliases, &w->rec.n_aliases, to, &ax->arena);
    if (axigen_find(ax, w->rec.address, w->action->uuid, &w->rec, &found, &seen))
        return -1;
    *clear = found == FOUND_OURS;
    if (!*clear)
        axigen_note_other(w, found, w->rec.address, seen);
    return 0;
}

int axigen_set_name(struct axigen *ax, struct axigen_work *w, struct slice to, bool *renamed, struct axigen_answer *a)
{
    *renamed = false;
    intend_rename(&w->rec, to);
    return axigen_put_safe(ax, w) ? -1 : set_name(ax, to, renamed, a);
}

int axigen_set_name_of(struct axigen *ax, const uint8_t *uuid, struct axigen_record *rec, struct slice to,
                       bool *renamed, struct axigen_answer *a)
{
    *renamed = false;
    intend_rename(rec, to);
    return axigen_put_synced(ax, uuid, rec) ? -1 : set_name(ax, to, renamed, a);
}

static int rename_aside(struct axigen *ax, struct axigen_work *w, const uint8_t *uuid, struct axigen_record *rec,
                        struct slice to, bool *made)
{
    struct axigen_answer a = {0};
    bool renamed;

    if (axigen_set_name_of(ax, uuid, rec, to, &renamed, &a))
        return -1;
    if (renamed && axigen_say(ax, "COMMIT", WIRE_DOMAIN, &a))
        return -1;
    *made = a.ok;
    if (!a.ok)
        axigen_note(w, OUTCOME_REFUSED, "the account that had this address could not be renamed to %.*s: %s",
                    SLICE_ARG(to), a.text);
    return 0;
}

static void remember(struct axigen *ax, struct axigen_work *w, const uint8_t *uuid, const struct axigen_record *rec)
{
    struct axigen_before *b = arena_alloc(&ax->arena, sizeof(*b));

    *b = (struct axigen_before){.next = w->before, .rec = *rec};
    memcpy(b->uuid, uuid, UUID_BYTES);
    w->before = b;
}

/* The record of one who made room, changed. He may have an action of his own in this batch, his return, which was prepared with the
 * record as it was: looking for him where he was, it would find nothing, and make a second account beside his mail. */
static void put_changed(struct axigen *ax, const uint8_t *uuid, const struct axigen_record *rec)
{
    axigen_put(ax, uuid, rec);
    for (size_t i = 0; i < ax->n_batch; i++)
        if (memcmp(ax->batch[i].action->uuid, uuid, UUID_BYTES) == 0)
            ax->batch[i].rec = *rec;
}

void axigen_moved(struct axigen *ax, struct axigen_work *w, const uint8_t *uuid, struct axigen_record *rec,
                  struct slice to)
{
    intend_rename(rec, to);
    remember(ax, w, uuid, rec);
    rec->address = to;
    rec->intent = INTENT_NONE;
    rec->going_to = slice_of("");
    put_changed(ax, uuid, rec);
}

static int account_aside(struct axigen *ax, struct axigen_work *w, const uint8_t *uuid, struct axigen_record *rec,
                         bool *made)
{
    struct slice to = axigen_aside(ax, uuid, axigen_domain(rec->address)), seen;
    enum axigen_found found;

    if (axigen_find(ax, rec->address, uuid, rec, &found, &seen))
        return -1;
    if (found == FOUND_OURS) {
        if (rename_aside(ax, w, uuid, rec, to, made) || (!*made && axigen_back(ax)))
            return -1;
    } else if (axigen_back(ax) || axigen_find(ax, to, uuid, rec, &found, &seen) || axigen_back(ax))
        return -1; /* nothing of it is there, or it was moved aside before: whose the address is now, ADD will tell */
    if (found == FOUND_OURS && *made)
        axigen_moved(ax, w, uuid, rec, to);
    return 0;
}

/* An alias that we set, of an account that is kept as it was. */
static int alias_off(struct axigen *ax, struct axigen_work *w, const uint8_t *uuid, struct axigen_record *rec,
                     struct slice alias, bool *made)
{
    enum axigen_found found;
    struct slice seen;

    if (axigen_find(ax, rec->address, uuid, rec, &found, &seen))
        return -1;
    if (found == FOUND_OURS ? take_alias_off(ax, w, rec, alias, made) : axigen_back(ax))
        return -1;
    if (!*made || found == FOUND_UNREADABLE)
        return 0;
    remember(ax, w, uuid, rec);
    axigen_record_drop(&rec->aliases, &rec->n_aliases, alias, &ax->arena);
    put_changed(ax, uuid, rec);
    return 0;
}

/* Whose record has this address in the domain we are in, if he is another than the work's. */
static bool held_by_another(struct axigen *ax, const struct axigen_work *w, struct slice address, uint8_t *uuid,
                            struct axigen_record *rec)
{
    return slice_eq(axigen_domain(address), ax->domain) && ax->records->at(ax->records->ctx, address, uuid) &&
           memcmp(uuid, w->action->uuid, UUID_BYTES) != 0 && axigen_get(ax, uuid, rec);
}

/* From one that is gone. */
static int take_from(struct axigen *ax, struct axigen_work *w, const uint8_t *uuid, struct axigen_record *rec,
                     struct slice address, bool *made)
{
    if (!slice_eq(rec->address, address))
        return alias_off(ax, w, uuid, rec, address, made);
    if (rec->kind == OBJECT_GROUP)
        return axigen_group_aside(ax, w, uuid, rec, axigen_aside(ax, uuid, axigen_domain(address)));
    return account_aside(ax, w, uuid, rec, made);
}

bool axigen_lacks_room(struct axigen *ax, const struct axigen_work *w)
{
    uint8_t uuid[UUID_BYTES];
    struct axigen_record rec;

    for (uint32_t i = 0; i < w->action->n_set_aliases; i++)
        if (held_by_another(ax, w, w->action->set_aliases[i], uuid, &rec) && rec.state != RECORD_ACTIVE)
            return true;
    return false;
}

int axigen_make_alias_room(struct axigen *ax, struct axigen_work *w)
{
    uint8_t uuid[UUID_BYTES];
    struct axigen_record rec;
    bool made = true;

    for (uint32_t i = 0; i < w->action->n_set_aliases; i++)
        if (held_by_another(ax, w, w->action->set_aliases[i], uuid, &rec) && rec.state != RECORD_ACTIVE &&
            take_from(ax, w, uuid, &rec, w->action->set_aliases[i], &made))
            return -1;
    return 0;
}

int axigen_make_room(struct axigen *ax, struct axigen_work *w, struct slice address, bool *made)
{
    uint8_t uuid[UUID_BYTES];
    char text[UUID_TEXT];
    struct axigen_record rec;

    *made = true;
    if (!held_by_another(ax, w, address, uuid, &rec))
        return 0;
    if (rec.state != RECORD_ACTIVE)
        return take_from(ax, w, uuid, &rec, address, made);
    *made = false;
    axigen_note(w, OUTCOME_REFUSED, "%.*s is still the address of the entry %s", SLICE_ARG(address),
                uuid_format(uuid, text));
    return 0;
}
