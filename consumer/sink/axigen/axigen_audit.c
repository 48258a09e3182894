#include "axigen_audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "axigen_parts.h"

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

/* ---- values ----------------------------------------------------------------------------------------------------- */

static const char *const configs[SCRIPT_PLACES] = {NULL, "CONFIG ContactInfo", "CONFIG Quotas", "CONFIG Limits"};
static const char *const contexts[SCRIPT_PLACES] = {NULL, WIRE_CONTACT, WIRE_QUOTAS, WIRE_LIMITS};

static bool list_has(struct slice list, struct slice word)
{
    struct slice item;

    while (wire_word_next(&list, &item))
        if (text_equal_nocase(item, word))
            return true;
    return false;
}

/* Words in any order. */
static bool same_list(struct slice x, struct slice y)
{
    struct slice rest = x, word;
    size_t n = 0, m = 0;

    for (; wire_word_next(&rest, &word); n++)
        if (!list_has(y, word))
            return false;
    for (rest = y; wire_word_next(&rest, &word); m++)
        if (!list_has(x, word))
            return false;
    return true;
}

static bool same_value(const struct script_step *step, struct slice there)
{
    switch (step->form) {
    case FORM_TEXT:
        return slice_eq(step->value, there);
    case FORM_LIST:
        return same_list(step->value, there);
    default:
        return text_equal_nocase(step->value, there);
    }
}

struct look {
    struct axigen *ax;
    const struct object *o;
    struct audit_seen *seen;
    struct axigen_record rec;
    bool known;
    struct slice home;
    struct script script;
};

static field_id field_of(const struct look *l, const struct script_step *step)
{
    static const char *const contexts_of[SCRIPT_PLACES] = {NULL, "contactInfo", "quotas", "limits"};
    const char *context = contexts_of[step->place] ? contexts_of[step->place] : object_kind_name(l->o->kind);
    struct buf name = {0};
    field_id field;

    buf_printf(&name, "%s.%s", context, step->attr);
    field = field_intern(buf_slice(&name));
    buf_free(&name);
    return field;
}

/* Not every setting is shown by a SHOW of all; one that can't be shown at all is counted. */
static int compare_step(struct look *l, const struct script_step *step, struct slice all)
{
    struct axigen *ax = l->ax;
    struct axigen_answer a;
    struct wire_attr got;
    struct slice there;

    if (wire_attr_find(all, step->attr, &ax->arena, &got)) {
        there = arena_copy(&ax->arena, got.value.p, got.value.len);
    } else {
        if (axigen_show(ax, step->attr, &there, &a))
            return -1;
        if (!a.ok) {
            l->seen->unread++;
            return 0;
        }
    }
    if (!same_value(step, there))
        compare_add(&l->seen->d, &ax->arena,
                    (struct difference){
                        .what = DIFFERENCE_FIELD, .field = field_of(l, step), .have = there, .wanted = step->value});
    return 0;
}

/* What a class gives is not shown by name; the other forms clear. */
static bool is_comparable(const struct script_step *step)
{
    return step->form == FORM_TEXT || step->form == FORM_WORD || step->form == FORM_LIST;
}

static size_t steps_at(const struct look *l, enum script_place place)
{
    size_t n = 0;

    for (size_t i = 0; i < l->script.n; i++)
        n += l->script.steps[i].place == place && is_comparable(&l->script.steps[i]);
    return n;
}

static int compare_place(struct look *l, enum script_place place)
{
    struct axigen_answer a;
    struct slice all;

    if (steps_at(l, place) == 0)
        return 0;
    if (configs[place]) {
        if (axigen_say(l->ax, configs[place], contexts[place], &a))
            return -1;
        if (!a.ok) {
            l->seen->unread += steps_at(l, place);
            return 0;
        }
    }
    if (axigen_ask(l->ax, "SHOW", &a))
        return -1;
    all = a.ok ? arena_copy(&l->ax->arena, a.data.p, a.data.len) : slice_of("");
    for (size_t i = 0; i < l->script.n; i++)
        if (l->script.steps[i].place == place && is_comparable(&l->script.steps[i]) &&
            compare_step(l, &l->script.steps[i], all))
            return -1;
    if (configs[place] == NULL)
        return 0;
    return axigen_say(l->ax, "BACK", WIRE_ACCOUNT, &a) ? -1
           : a.ok                                      ? 0
                  : axigen_surprise(l->ax, "BACK was refused in <%s>: %s", a.ran_in, a.text);
}

static int compare_fields(struct look *l)
{
    struct action told = action_create_of(l->o, CAUSE_REPAIR, PHASE_LOCAL);
    bool services = !l->known || axigen_record_intact(&l->rec);

    script_fields(&l->script, &l->ax->arena, &told, services);
    for (size_t i = 0; i < l->script.n; i++)
        if (!is_comparable(&l->script.steps[i]))
            l->seen->unread++;
    for (int place = 0; place < SCRIPT_PLACES; place++)
        if (compare_place(l, (enum script_place)place))
            return -1;
    return 0;
}

/* ---- lists ------------------------------------------------------------------------------------------------------ */

static int by_bytes(const void *x, const void *y)
{
    return slice_cmp(*(const struct slice *)x, *(const struct slice *)y);
}

static void lower(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'Z')
            ((char *)(uintptr_t)s.p)[i] = (char)(s.p[i] + 'a' - 'A');
}

/* Whole addresses in lower case, ascending, each once. *listed false: the server does not say. */
static int list(struct look *l, const char *words, struct slice **out, size_t *n, bool *listed)
{
    struct axigen *ax = l->ax;
    struct axigen_answer a;
    struct wire_rows rows;
    struct slice row;
    size_t rows_n = 0, kept = 0;

    *n = 0;
    if (axigen_ask(ax, words, &a))
        return -1;
    *listed = a.ok;
    for (rows = wire_names(a.data); a.ok && wire_row_next(&rows, &row);)
        rows_n++;
    *out = arena_alloc(&ax->arena, (rows_n + 1) * sizeof(**out));
    for (rows = wire_names(a.data); a.ok && wire_row_next(&rows, &row);) {
        (*out)[*n] =
            memchr(row.p, '@', row.len) ? arena_copy(&ax->arena, row.p, row.len) : axigen_whole(ax, row, l->home);
        lower((*out)[(*n)++]);
    }
    if (*n)
        qsort(*out, *n, sizeof(**out), by_bytes);
    for (size_t i = 0; i < *n; i++)
        if (kept == 0 || !slice_eq((*out)[kept - 1], (*out)[i]))
            (*out)[kept++] = (*out)[i];
    *n = kept;
    return 0;
}

/* Those of another domain can't be had in Axigen, and are parked or were dropped: no difference. */
static int compare_aliases(struct look *l)
{
    struct slice *there;
    struct differences all = {0};
    bool listed;
    size_t n;

    if (l->o->n_aliases == 0 && l->rec.n_aliases == 0)
        return 0;
    if (list(l, "LIST Aliases", &there, &n, &listed))
        return -1;
    if (!listed) {
        l->seen->unread++;
        return 0;
    }
    compare_lists(DIFFERENCE_ALIAS, there, n, l->o->aliases, l->o->n_aliases, &l->ax->arena, &all);
    for (size_t i = 0; i < all.n; i++) {
        const struct difference *d = &all.items[i];

        if (d->have.len ? l->known && axigen_record_has(l->rec.aliases, l->rec.n_aliases, d->have)
                        : slice_eq(axigen_domain(d->wanted), l->home))
            compare_add(&l->seen->d, &l->ax->arena, *d);
    }
    return 0;
}

/* Who else is a member is somebody's own affair. */
static int compare_members(struct look *l, const struct slice *members, size_t n_members)
{
    struct slice *there;
    struct differences all = {0};
    bool listed;
    size_t n;

    if (n_members == 0)
        return 0;
    if (list(l, "LIST Addresses", &there, &n, &listed))
        return -1;
    if (!listed) {
        l->seen->unread++;
        return 0;
    }
    compare_lists(DIFFERENCE_MEMBER, there, n, members, n_members, &l->ax->arena, &all);
    for (size_t i = 0; i < all.n; i++)
        if (all.items[i].wanted.len)
            compare_add(&l->seen->d, &l->ax->arena, all.items[i]);
    return 0;
}

/* ---- a look ----------------------------------------------------------------------------------------------------- */

static void say(struct look *l, enum audit_found found, const char *text, struct slice more)
{
    struct buf b = {0};

    buf_printf(&b, "%s%.*s", text, SLICE_ARG(more));
    l->seen->found = found;
    l->seen->words = arena_copy(&l->ax->arena, b.p, b.len);
    buf_free(&b);
}

static int open_account(struct look *l)
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
static int open_group(struct look *l)
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

static int compare_open(struct look *l, const struct slice *members, size_t n_members)
{
    if (!slice_eq(l->seen->address, l->o->address))
        compare_add(&l->seen->d, &l->ax->arena,
                    (struct difference){.what = DIFFERENCE_ADDRESS, .have = l->seen->address, .wanted = l->o->address});
    if (compare_fields(l))
        return -1;
    return l->o->kind == OBJECT_ACCOUNT ? compare_aliases(l) : compare_members(l, members, n_members);
}

static int look(struct look *l, const struct slice *members, size_t n_members)
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
    if (l->seen->found == AUDIT_THERE && compare_open(l, members, n_members))
        return -1;
    return axigen_back(l->ax);
}

int axigen_audit_look(struct axigen_audit *a, const struct object *o, const struct slice *members, size_t n_members,
                      struct audit_seen *seen, struct err *e)
{
    struct look l = {.ax = a->ax, .o = o, .seen = seen};

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

            lower(whole);
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
