/* mapping_apply(): an entry through a mapping's table. */
#include <stdlib.h>

#include "convert.h"
#include "name.h"

/* What the steps of one call share. */
struct apply {
    const struct mapping *m;
    const struct entry *e;
    const struct object *told;   /* of the same kind, or NULL */
    struct arena *a;
    struct object *wanted;
    struct mapping_note *notes;
};

static void note(struct apply *x, field_id field, bool keep, struct slice text)
{
    struct mapping_note *n = arena_alloc(x->a, sizeof(*n));

    *n = (struct mapping_note){ .field = field, .text = text, .keep = keep, .next = x->notes };
    x->notes = n;
}

static void note_not_utf8(struct apply *x, const struct mapping_row *row)
{
    note(x, row->field, true,
         convert_text(x->a, "%s: %s is not valid UTF-8; left as it was", field_name(row->field), row->attribute));
}

static bool is_kept(const struct apply *x, field_id field)
{
    for (const struct mapping_note *n = x->notes; n; n = n->next)
        if (n->keep && n->field == field)
            return true;
    return false;
}

static void begin(struct apply *x)
{
    struct object *w = x->wanted;
    const struct slice empty = { "", 0 };

    memcpy(w->uuid, x->e->uuid, UUID_BYTES);
    w->kind = x->m->kind;
    w->state = OBJECT_MIRRORED;
    w->dn = x->e->dn;
    w->address = empty;
    w->stamp = entry_stamp(x->e);
    w->n_fields = w->n_aliases = 0;
    w->aliases = NULL;
}

/* clusteredSetup: MAPPED if the entry is ours. An entry whose host can't be read is not known to be another's. */
static enum mapping_result check_host(struct apply *x, struct slice *reason)
{
    const struct entry_attr *attr = entry_attr(x->e, x->m->host_attribute);
    bool readable = false;

    for (uint32_t i = 0; attr && i < attr->n_values; i++) {
        struct slice host;

        if (convert_value(CONVERT_TEXT, attr->values[i], x->a, &host) != CONVERTED)
            continue;
        readable = true;
        if (text_equal_nocase(host, slice_of(x->m->host)))
            return MAPPED;
    }
    if (readable)
        return MAPPED_ELSEWHERE;
    *reason = convert_text(x->a, "its host can't be read: it has no usable %s", x->m->host_attribute);
    return MAPPED_INVALID;
}

/* A field of one value: the smallest of the attribute's. */
static void apply_row(struct apply *x, const struct mapping_row *row)
{
    const struct entry_attr *attr = entry_attr(x->e, row->attribute);
    struct slice smallest = { "", 0 };

    for (uint32_t i = 0; attr && i < attr->n_values; i++) {
        struct slice value;

        switch (convert_value(row->conversion, attr->values[i], x->a, &value)) {
        case CONVERTED:
            if (smallest.len == 0 || slice_cmp(value, smallest) < 0)
                smallest = value;
            break;
        case CONVERT_NOT_UTF8:
            note_not_utf8(x, row);
            return;
        case CONVERT_ABSENT:
            break;
        }
    }
    if (smallest.len)
        (void)object_set_field(x->wanted, row->field, smallest);   /* has room: MAPPING_MAX_ROWS */
}

static void apply_rows(struct apply *x)
{
    for (size_t i = 0; i < x->m->n_rows; i++) {
        const struct mapping_row *row = &x->m->rows[i];

        /* Of two rows for a field the first that has a value counts; one that is not UTF-8 has one. */
        if (row->field == FIELD_ALIASES || object_field(x->wanted, row->field).len || is_kept(x, row->field))
            continue;
        apply_row(x, row);
    }
}

static bool is_blank(struct slice s)
{
    size_t length;

    for (size_t i = 0; i < s.len; i += length)
        if (convert_char_at(s.p + i, s.len - i, &length) != CHAR_BLANK)
            return false;
    return true;
}

/* Adds one value of an alias attribute, or notes why not. Room is there. */
static void add_alias(struct apply *x, const struct mapping_row *row, struct slice value)
{
    struct object *w = x->wanted;
    struct slice domain = name_domain(w->address), alias;
    const char *why;

    if (is_blank(value))
        return;
    if (!utf8_valid(value)) {
        note_not_utf8(x, row);
        return;
    }
    if (name_address(value, true, domain, x->a, &alias, &why) && !slice_eq(name_domain(alias), domain))
        why = "is not in the account's own domain";
    if (why)
        note(x, FIELD_ALIASES, false,
             convert_text(x->a, "aliases: %s \"%.*s\" %s; left out", row->attribute,
                          SLICE_ARG(convert_excerpt(value)), why));
    else if (!slice_eq(alias, w->address))
        w->aliases[w->n_aliases++] = alias;
}

static int compare_slices(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static void sort_aliases(struct object *w)
{
    uint32_t n = 0;

    if (w->n_aliases > 1)
        qsort(w->aliases, w->n_aliases, sizeof(*w->aliases), compare_slices);
    for (uint32_t i = 0; i < w->n_aliases; i++)
        if (n == 0 || !slice_eq(w->aliases[n - 1], w->aliases[i]))
            w->aliases[n++] = w->aliases[i];
    w->n_aliases = n;
}

/* The attribute of a row, if that is a row of aliases and the entry has it. */
static const struct entry_attr *alias_attr(const struct apply *x, const struct mapping_row *row)
{
    return row->field == FIELD_ALIASES ? entry_attr(x->e, row->attribute) : NULL;
}

/* The one field of many values: those of all its rows together. */
static void apply_aliases(struct apply *x)
{
    size_t n = 0;

    for (size_t i = 0; i < x->m->n_rows; i++) {
        const struct entry_attr *attr = alias_attr(x, &x->m->rows[i]);

        n += attr ? attr->n_values : 0;
    }
    if (n == 0)
        return;
    x->wanted->aliases = arena_alloc(x->a, n * sizeof(*x->wanted->aliases));
    for (size_t i = 0; i < x->m->n_rows; i++) {
        const struct entry_attr *attr = alias_attr(x, &x->m->rows[i]);

        for (uint32_t k = 0; attr && k < attr->n_values; k++)
            add_alias(x, &x->m->rows[i], attr->values[k]);
    }
    sort_aliases(x->wanted);
}

static bool is_mapped(const struct mapping *m, field_id field)
{
    for (size_t i = 0; i < m->n_rows; i++)
        if (m->rows[i].field == field)
            return true;
    return false;
}

/* All but one that has become the address. */
static void carry_over_aliases(struct apply *x)
{
    struct object *w = x->wanted;

    w->aliases = arena_alloc(x->a, x->told->n_aliases * sizeof(*w->aliases));
    for (uint32_t i = 0; i < x->told->n_aliases; i++)
        if (!slice_eq(x->told->aliases[i], w->address))
            w->aliases[w->n_aliases++] = x->told->aliases[i];
}

/* A mapping taken out of the configuration clears nothing (SPEC.md section 3): what was told is wanted on. */
static void carry_over(struct apply *x)
{
    const struct object *told = x->told;

    for (uint32_t i = 0; i < told->n_fields; i++) {
        const struct object_field *f = &told->fields[i];

        if (!is_mapped(x->m, f->field) && !object_set_field(x->wanted, f->field, f->value))
            note(x, f->field, true, convert_text(x->a, "%s: too many fields; left as it was", field_name(f->field)));
    }
    if (told->n_aliases && !is_mapped(x->m, FIELD_ALIASES))
        carry_over_aliases(x);
}

enum mapping_result mapping_apply(const struct mapping *m, const struct entry *e, const struct object *told,
                                  struct arena *a, struct object *wanted, struct slice *reason,
                                  struct mapping_note **notes)
{
    struct apply x = { .m = m, .e = e, .a = a, .wanted = wanted };
    enum mapping_result result = MAPPED;

    *notes = NULL;
    *reason = (struct slice){ "", 0 };
    begin(&x);
    if (m->host_attribute)
        result = check_host(&x, reason);
    if (result != MAPPED)
        return result;
    if (!name_choose(m, e, told, a, &wanted->address, reason))
        return MAPPED_INVALID;
    apply_rows(&x);
    apply_aliases(&x);
    if (told && told->kind == m->kind) {
        x.told = told;
        carry_over(&x);
    }
    *notes = x.notes;
    return MAPPED;
}
