#include "compare.h"

#define SHOWN 100 /* bytes of a value */

void compare_add(struct differences *out, struct arena *a, struct difference d)
{
    struct difference *more;

    if (out->n == out->room) {
        out->room = out->room ? 2 * out->room : 8;
        more = arena_alloc(a, out->room * sizeof(*more));
        if (out->n)
            memcpy(more, out->items, out->n * sizeof(*more));
        out->items = more;
    }
    out->items[out->n++] = d;
}

static bool is_kept(const struct mapping_note *notes, field_id field)
{
    for (; notes; notes = notes->next)
        if (notes->keep && notes->field == field)
            return true;
    return false;
}

void compare_lists(enum difference_what what, const struct slice *have, size_t n_have, const struct slice *wanted,
                   size_t n_wanted, struct arena *a, struct differences *out)
{
    size_t i = 0, k = 0;

    while (i < n_have || k < n_wanted) {
        int d = i == n_have ? 1 : k == n_wanted ? -1 : slice_cmp(have[i], wanted[k]);

        if (d < 0)
            compare_add(out, a, (struct difference){.what = what, .have = have[i]});
        else if (d > 0)
            compare_add(out, a, (struct difference){.what = what, .wanted = wanted[k]});
        i += d <= 0;
        k += d >= 0;
    }
}

static void compare_text_of(enum difference_what what, struct slice have, struct slice wanted, struct arena *a,
                            struct differences *out)
{
    if (!slice_eq(have, wanted))
        compare_add(out, a, (struct difference){.what = what, .have = have, .wanted = wanted});
}

/* A merge: both are ascending by field name. */
static void compare_fields(const struct object *have, const struct object *wanted, const struct mapping_note *notes,
                           struct arena *a, struct differences *out)
{
    uint32_t i = 0, k = 0;

    while (i < have->n_fields || k < wanted->n_fields) {
        const struct object_field *h = &have->fields[i], *w = &wanted->fields[k];
        int d = i == have->n_fields ? 1 : k == wanted->n_fields ? -1 : field_compare(h->field, w->field);
        struct difference found = {.what = DIFFERENCE_FIELD, .field = d <= 0 ? h->field : w->field};

        if (d <= 0)
            found.have = h->value;
        if (d >= 0)
            found.wanted = w->value;
        if (!slice_eq(found.have, found.wanted) && !is_kept(notes, found.field))
            compare_add(out, a, found);
        i += d <= 0;
        k += d >= 0;
    }
}

void compare_objects(const struct object *have, const struct object *wanted, const struct mapping_note *notes,
                     struct arena *a, struct differences *out)
{
    compare_text_of(DIFFERENCE_DN, have->dn, wanted->dn, a, out);
    compare_text_of(DIFFERENCE_ADDRESS, have->address, wanted->address, a, out);
    compare_fields(have, wanted, notes, a, out);
    if (!is_kept(notes, FIELD_ALIASES))
        compare_lists(DIFFERENCE_ALIAS, have->aliases, have->n_aliases, wanted->aliases, wanted->n_aliases, a, out);
}

/* ---- words -------------------------------------------------------------------------------------------------- */

/* Cut between two characters: a letter that is torn apart would be shown as bytes. */
static struct slice shown(struct slice value)
{
    if (value.len <= SHOWN)
        return value;
    for (value.len = SHOWN; value.len > 0 && ((unsigned char)value.p[value.len] & 0xC0) == 0x80; value.len--)
        ;
    return value;
}

static void put_value(struct slice value, const char *place, struct buf *out)
{
    struct slice s = shown(value);

    if (value.len == 0)
        buf_printf(out, "not set in %s", place);
    else
        buf_printf(out, "\"%.*s\"%s in %s", SLICE_ARG(s), s.len < value.len ? "..." : "", place);
}

void compare_text(const struct difference *d, const char *have, const char *wanted, struct buf *out)
{
    static const char *const names[] = {[DIFFERENCE_DN] = "dn",
                                        [DIFFERENCE_ADDRESS] = "address",
                                        [DIFFERENCE_ALIAS] = "alias",
                                        [DIFFERENCE_MEMBER] = "member"};
    struct slice item = d->have.len ? d->have : d->wanted;

    if (d->what == DIFFERENCE_ALIAS || d->what == DIFFERENCE_MEMBER) {
        buf_printf(out, "%s %.*s is in %s and not in %s", names[d->what], SLICE_ARG(item), d->have.len ? have : wanted,
                   d->have.len ? wanted : have);
        return;
    }
    buf_printf(out, "%s is ", d->what == DIFFERENCE_FIELD ? field_name(d->field) : names[d->what]);
    put_value(d->have, have, out);
    buf_puts(out, ", ");
    put_value(d->wanted, wanted, out);
}
