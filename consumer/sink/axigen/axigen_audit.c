#include "axigen_audit_parts.h"

#include <stdio.h>
#include <stdlib.h>

struct axigen_audit {
    struct sink *sink;
    struct axigen *ax; /* the same */
    atomic_bool never; /* its stop flag */
};

struct axigen_audit *axigen_audit_new(const char *subject, const struct axigen_settings *settings,
                                      const struct sink_records *records)
{
    struct axigen_audit *a = mem_alloc(sizeof(*a));

    a->sink = sink_axigen_new(subject, subject, settings, records, &a->never);
    a->ax = (struct axigen *)a->sink;
    return a;
}

void axigen_audit_free(struct axigen_audit **a)
{
    if (*a == NULL)
        return;
    sink_free(&(*a)->sink);
    free(*a);
    *a = NULL;
}

/* Each call begins here: connects if need be, and frees what the last one gave. */
static int begin(struct axigen_audit *a, struct err *e)
{
    char domain[WIRE_TEXT_MAX] = ""; /* an address has 320 bytes at most */
    uint64_t position;

    /* open() frees the arena, and the domain's name may lie there */
    snprintf(domain, sizeof(domain), "%.*s", SLICE_ARG(a->ax->domain));
    if (a->sink->class->open(a->sink, 0, &position, e))
        return -1;
    if (a->ax->domain.len)
        a->ax->domain = arena_copy(&a->ax->arena, domain, strlen(domain));
    return 0;
}

/* ---- domains ---------------------------------------------------------------------------------------------------- */

/* The state may go through the domains in any order, so that we stay in one until another is asked for. */
static int enter(struct axigen *ax, struct axigen_work *w, struct slice domain, bool *entered)
{
    struct axigen_answer answer;

    *entered = slice_eq(ax->domain, domain);
    if (*entered)
        return 0;
    if (ax->domain.len) {
        ax->domain = slice_of("");
        if (axigen_say(ax, "BACK", WIRE_ROOT, &answer))
            return -1;
        if (!answer.ok)
            return axigen_surprise(ax, "BACK was refused in <%s>: %s", answer.ran_in, answer.text);
    }
    return axigen_enter(ax, w, arena_copy(&ax->arena, domain.p, domain.len), entered); /* begin() finds it there */
}

/* ---- a look ----------------------------------------------------------------------------------------------------- */

static void say(struct audit_look *l, enum audit_found found, const char *text, struct slice more)
{
    struct buf b = {0};

    buf_printf(&b, "%s%.*s", text, SLICE_ARG(more));
    l->seen->found = found;
    l->seen->words = arena_copy(&l->ax->arena, b.p, b.len);
    buf_free(&b);
}

static int open_account(struct audit_look *l)
{
    enum axigen_found found;
    struct slice seen;

    if (axigen_find(l->ax, l->seen->address, l->o->uuid, l->known ? &l->rec : NULL, &found, &seen))
        return -1;
    switch (found) {
    case FOUND_OURS:
        break;
    case FOUND_NOTHING:
        l->seen->found = AUDIT_ABSENT;
        break;
    case FOUND_UNMARKED:
        if (!l->known || !l->rec.unmarked)
            say(l, AUDIT_NOT_OURS, "it has no customerReference", slice_of(""));
        break;
    case FOUND_OTHER:
        say(l, AUDIT_NOT_OURS, "its customerReference is ", seen);
        break;
    case FOUND_UNREADABLE:
        say(l, AUDIT_UNREADABLE, "", seen);
        break;
    }
    return 0;
}

/* A group has no mark: what the sink remembers is all that there is. */
static int open_group(struct audit_look *l)
{
    struct axigen_work w = {.action = NULL};
    enum seen_group seen;
    int rc = axigen_open_group(l->ax, &w, l->seen->address, &seen);

    if (rc == 0 && seen == GROUP_ABSENT)
        l->seen->found = AUDIT_ABSENT;
    else if (rc == 0 && seen == GROUP_UNKNOWN)
        say(l, AUDIT_UNREADABLE, "", buf_slice(&w.words));
    else if (rc == 0 && !l->known)
        say(l, AUDIT_NOT_OURS, "axsync neither made it nor took it over", slice_of(""));
    buf_free(&w.words);
    return rc;
}

static int look(struct audit_look *l, const struct slice *members, size_t n_members)
{
    struct axigen_work w = {.action = NULL};
    bool entered;
    int rc;

    l->known = axigen_get(l->ax, l->o->uuid, &l->rec) && l->rec.kind == l->o->kind;
    if (!l->known)
        l->rec = (struct axigen_record){.kind = l->o->kind};
    l->seen->address = l->known ? l->rec.address : l->o->address;
    l->home = axigen_domain(l->seen->address);
    rc = enter(l->ax, &w, l->home, &entered);
    if (rc == 0 && !entered)
        say(l, AUDIT_NO_DOMAIN, "", buf_slice(&w.words));
    buf_free(&w.words);
    if (rc || !entered)
        return rc;
    if (l->o->kind == OBJECT_ACCOUNT ? open_account(l) : open_group(l))
        return -1;
    if (l->seen->found == AUDIT_THERE && axigen_audit_compare(l, members, n_members))
        return -1;
    return axigen_back(l->ax);
}

int axigen_audit_look(struct axigen_audit *a, const struct object *o, const struct slice *members, size_t n_members,
                      struct audit_seen *seen, struct err *e)
{
    struct audit_look l = {.ax = a->ax, .o = o, .seen = seen};

    *seen = (struct audit_seen){.found = AUDIT_THERE};
    return begin(a, e) ? -1 : look(&l, members, n_members);
}

/* ---- before the first telling ----------------------------------------------------------------------------------- */

/* In what is open, or not. */
static int judge(struct axigen *ax, struct axigen_work *w, enum axigen_found found, struct slice seen,
                 enum audit_verdict *verdict)
{
    bool may = false;

    switch (found) {
    case FOUND_NOTHING:
        *verdict = AUDIT_CREATE;
        return 0;
    case FOUND_OURS:
        *verdict = AUDIT_KEEP;
        return 0;
    case FOUND_UNREADABLE:
        axigen_note_other(w, found, w->action->address, seen);
        break;
    case FOUND_UNMARKED:
    case FOUND_OTHER:
        w->mark_seen = seen;
        if (axigen_adoptable(ax, w, &may))
            return -1;
        break;
    }
    *verdict = may ? AUDIT_ADOPT : AUDIT_PARK;
    return 0;
}

static int find(struct axigen *ax, struct axigen_work *w, enum axigen_found *found, struct slice *seen)
{
    enum seen_group group;

    if (w->rec.kind == OBJECT_ACCOUNT)
        return axigen_find(ax, w->action->address, w->action->uuid, NULL, found, seen);
    *seen = slice_of("");
    if (axigen_open_group(ax, NULL, w->action->address, &group))
        return -1;
    *found = group == GROUP_ABSENT ? FOUND_NOTHING : group == GROUP_OPEN ? FOUND_UNMARKED : FOUND_UNREADABLE;
    return 0;
}

static int preview(struct axigen *ax, struct axigen_work *w, enum audit_verdict *verdict)
{
    enum axigen_found found;
    struct slice seen;
    bool entered;

    *verdict = AUDIT_WAIT;
    if (enter(ax, w, axigen_domain(w->action->address), &entered))
        return -1;
    if (!entered)
        return 0;
    if (find(ax, w, &found, &seen) || judge(ax, w, found, seen, verdict))
        return -1;
    return axigen_back(ax);
}

int axigen_audit_preview(struct axigen_audit *a, const struct object *o, enum audit_verdict *verdict,
                         struct slice *words, struct err *e)
{
    const struct action action = action_create_of(o, CAUSE_RESYNC, PHASE_LOCAL);
    struct sink_item item = {.action = &action, .first = true};
    struct axigen_work w = {.item = &item, .action = &action, .rec = {.kind = o->kind}};
    int rc = begin(a, e);

    if (rc == 0)
        rc = preview(a->ax, &w, verdict);
    *words = rc ? slice_of("") : arena_copy(&a->ax->arena, w.words.p ? w.words.p : "", w.words.len);
    buf_free(&w.words);
    return rc;
}

/* ---- what else is there ----------------------------------------------------------------------------------------- */

static int list_all(struct axigen *ax, struct slice domain, enum object_kind kind, struct buf *out, struct slice *words)
{
    struct axigen_work w = {.action = NULL};
    struct axigen_answer a;
    struct wire_rows rows;
    struct slice row, name;
    bool entered;
    int rc = enter(ax, &w, domain, &entered);

    *words = arena_copy(&ax->arena, w.words.p ? w.words.p : "", w.words.len);
    buf_free(&w.words);
    if (rc || !entered)
        return rc;
    if (axigen_ask(ax, kind == OBJECT_ACCOUNT ? "LIST Accounts" : "LIST Groups", &a))
        return -1;
    if (!a.ok)
        *words = arena_copy(&ax->arena, a.text, strlen(a.text));
    for (rows = wire_table(a.data); a.ok && wire_row_next(&rows, &row);)
        if (wire_word_next(&row, &name)) {
            struct slice whole = axigen_whole(ax, axigen_local(name), domain);

            axigen_audit_lower(whole);
            buf_bytes(out, whole);
        }
    return 0;
}

int axigen_audit_list(struct axigen_audit *a, struct slice domain, enum object_kind kind, struct buf *out,
                      struct slice *words, struct err *e)
{
    return begin(a, e) ? -1 : list_all(a->ax, domain, kind, out, words);
}

static int read_mark(struct axigen *ax, struct slice address, bool *ours, uint8_t uuid[UUID_BYTES])
{
    static const uint8_t nobody[UUID_BYTES];
    struct axigen_work w = {.action = NULL};
    enum axigen_found found;
    struct slice seen;
    bool entered;
    int rc = enter(ax, &w, axigen_domain(address), &entered);

    buf_free(&w.words);
    *ours = false;
    if (rc || !entered)
        return rc;
    if (axigen_find(ax, address, nobody, NULL, &found, &seen))
        return -1;
    *ours = found == FOUND_OTHER && uuid_parse(seen, uuid);
    return axigen_back(ax);
}

int axigen_audit_mark(struct axigen_audit *a, struct slice address, bool *ours, uint8_t uuid[UUID_BYTES], struct err *e)
{
    return begin(a, e) ? -1 : read_mark(a->ax, address, ours, uuid);
}
