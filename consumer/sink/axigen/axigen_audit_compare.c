/* What is there of an open account or group, against what the sink should have made of it. */
#include "axigen_audit_parts.h"

#include <stdlib.h>

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

/* Whether SHOW escapes what stands in quotes is not documented: a text may be meant either way. */
static bool same_value(const struct script_step *step, const struct wire_attr *there)
{
    switch (step->form) {
    case FORM_TEXT:
        return slice_eq(step->value, there->value) || slice_eq(step->value, there->as_is);
    case FORM_LIST:
        return same_list(step->value, there->value);
    default:
        return text_equal_nocase(step->value, there->value);
    }
}

static field_id field_of(const struct audit_look *l, const struct script_step *step)
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
static int compare_step(struct audit_look *l, const struct script_step *step, struct slice all)
{
    struct axigen *ax = l->ax;
    struct axigen_answer a;
    struct wire_attr got;

    if (!wire_attr_find(all, step->attr, &ax->arena, &got)) {
        if (axigen_show_attr(ax, step->attr, &got, &a))
            return -1;
        if (!a.ok) {
            l->seen->unread++;
            return 0;
        }
    }
    if (!same_value(step, &got))
        compare_add(&l->seen->d, &ax->arena,
                    (struct difference){.what = DIFFERENCE_FIELD,
                                        .field = field_of(l, step),
                                        .have = arena_copy(&ax->arena, got.value.p, got.value.len),
                                        .wanted = step->value});
    return 0;
}

/* What a class gives is not shown by name; the other forms clear. */
static bool is_comparable(const struct script_step *step)
{
    return step->form == FORM_TEXT || step->form == FORM_WORD || step->form == FORM_LIST;
}

static size_t steps_at(const struct audit_look *l, enum script_place place)
{
    size_t n = 0;

    for (size_t i = 0; i < l->script.n; i++)
        n += l->script.steps[i].place == place && is_comparable(&l->script.steps[i]);
    return n;
}

static int compare_place(struct audit_look *l, enum script_place place)
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

static int compare_fields(struct audit_look *l)
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

void axigen_audit_lower(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'Z')
            ((char *)(uintptr_t)s.p)[i] = (char)(s.p[i] + 'a' - 'A');
}

/* Whole addresses in lower case, ascending, each once. *listed false: the server does not say. */
static int list(struct audit_look *l, const char *words, struct slice **out, size_t *n, bool *listed)
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
        axigen_audit_lower((*out)[(*n)++]);
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
static int compare_aliases(struct audit_look *l)
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
static int compare_members(struct audit_look *l, const struct slice *members, size_t n_members)
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

int axigen_audit_compare(struct audit_look *l, const struct slice *members, size_t n_members)
{
    if (!slice_eq(l->seen->address, l->o->address))
        compare_add(&l->seen->d, &l->ax->arena,
                    (struct difference){.what = DIFFERENCE_ADDRESS, .have = l->seen->address, .wanted = l->o->address});
    if (compare_fields(l))
        return -1;
    return l->o->kind == OBJECT_ACCOUNT ? compare_aliases(l) : compare_members(l, members, n_members);
}
