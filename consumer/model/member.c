#include "member.h"

#include <stdlib.h>

#include "convert.h"
#include "dn.h"
#include "name.h"

struct reading {
    const struct mapping *accounts;
    const struct entry *e;
    struct arena *a;
    struct buf scratch;
    struct member_list *out;
};

static void leave_out(struct reading *r, const char *attribute, struct slice value, const char *why)
{
    struct mapping_note *note = arena_alloc(r->a, sizeof(*note));

    note->field = FIELD_MEMBERS;
    note->text = convert_text(r->a, "%s \"%.*s\" %s; left out", attribute, SLICE_ARG(convert_excerpt(value)), why);
    note->next = r->out->notes;
    r->out->notes = note;
}

static void add_ref(struct reading *r, enum member_kind kind, struct slice text)
{
    char *p = arena_alloc(r->a, text.len + 1);

    p[0] = (char)kind;
    memcpy(p + 1, text.p, text.len);
    r->out->refs[r->out->n++] = slice_make(p, text.len + 1);
}

static void add_dn(struct reading *r, const char *attribute, struct slice value)
{
    buf_reset(&r->scratch);
    if (value.len && dn_key(dn_without_uid(value), &r->scratch) && r->scratch.len)
        add_ref(r, MEMBER_DN, buf_slice(&r->scratch));
    else
        leave_out(r, attribute, value, "is no DN");
}

static void add_name(struct reading *r, const char *attribute, struct slice value)
{
    struct slice address;
    const char *why;

    if (mapping_address(r->accounts, value, r->a, &address, &why))
        add_ref(r, MEMBER_NAME, address);
    else
        leave_out(r, attribute, value, why);
}

static void add_address(struct reading *r, const char *attribute, struct slice value)
{
    struct slice address;
    const char *why;

    if (name_address(value, true, (struct slice){ "", 0 }, r->a, &address, &why))
        add_ref(r, MEMBER_ADDRESS, address);
    else
        leave_out(r, attribute, value, why);
}

static void add_values(struct reading *r, const char *attribute,
                       void (*add)(struct reading *, const char *, struct slice))
{
    const struct entry_attr *attr = attribute ? entry_attr(r->e, attribute) : NULL;

    for (uint32_t i = 0; attr && i < attr->n_values; i++)
        add(r, attribute, attr->values[i]);
}

static int compare_slices(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static void sort_refs(struct member_list *list)
{
    uint32_t n = 0;

    if (list->n > 1)
        qsort(list->refs, list->n, sizeof(*list->refs), compare_slices);
    for (uint32_t i = 0; i < list->n; i++)
        if (n == 0 || !slice_eq(list->refs[n - 1], list->refs[i]))
            list->refs[n++] = list->refs[i];
    list->n = n;
}

static size_t count_values(const struct entry *e, const char *attribute)
{
    const struct entry_attr *attr = attribute ? entry_attr(e, attribute) : NULL;

    return attr ? attr->n_values : 0;
}

void member_read(const struct mapping *groups, const struct mapping *accounts, const struct entry *e, struct arena *a,
                 struct member_list *out)
{
    struct reading r = { .accounts = accounts, .e = e, .a = a, .out = out };
    const char *members = groups->member_attribute, *addresses = groups->address_attribute;
    bool names = members && text_equal_nocase(slice_of(members), slice_of("memberUid"));

    *out = (struct member_list){ 0 };
    out->refs = arena_alloc(a, (count_values(e, members) + count_values(e, addresses)) * sizeof(*out->refs));
    add_values(&r, members, names ? add_name : add_dn);
    add_values(&r, addresses, add_address);
    sort_refs(out);
    buf_free(&r.scratch);
}

bool member_ref_of_dn(struct slice dn, struct buf *out)
{
    buf_u8(out, MEMBER_DN);
    if (dn_key(dn, out))
        return true;
    out->len--;
    return false;
}

void member_ref_of_name(struct slice address, struct buf *out)
{
    buf_u8(out, MEMBER_NAME);
    buf_add_slice(out, address);
}

void member_diff(const struct slice *old, uint32_t n_old, const struct slice *wanted, uint32_t n_wanted, struct arena *a,
                 struct member_diff *out)
{
    uint32_t i = 0, k = 0;

    out->n_add = out->n_lost = 0;
    out->add = arena_alloc(a, n_wanted * sizeof(*out->add));
    out->lost = arena_alloc(a, n_old * sizeof(*out->lost));
    while (i < n_old || k < n_wanted) {
        int d = i == n_old ? 1 : k == n_wanted ? -1 : slice_cmp(old[i], wanted[k]);

        if (d < 0)
            out->lost[out->n_lost++] = old[i];
        else if (d > 0)
            out->add[out->n_add++] = wanted[k];
        i += d <= 0;
        k += d >= 0;
    }
}

static int compare_changes(const void *a, const void *b)
{
    return slice_cmp(((const struct member_change *)a)->address, ((const struct member_change *)b)->address);
}

size_t member_sum(struct member_change *changes, size_t n)
{
    size_t kept = 0;

    if (n > 1)
        qsort(changes, n, sizeof(*changes), compare_changes);
    for (size_t i = 0; i < n;) {
        struct member_change sum = changes[i++];

        for (; i < n && slice_eq(changes[i].address, sum.address); i++)
            sum.by += changes[i].by;
        if (sum.by != 0)
            changes[kept++] = sum;
    }
    return kept;
}

static void take(struct slice **from, uint32_t *n_from, uint32_t n, struct slice **to, uint32_t *n_to)
{
    *to = *from;
    *n_to = n;
    *from += n;
    *n_from -= n;
}

bool member_chunk(struct member_diff *diff, struct member_diff *chunk)
{
    /* Half of the room for each, and what one doesn't need for the other. */
    uint32_t lost = diff->n_lost, add = diff->n_add;

    if (lost + (uint64_t)add > MEMBER_CHUNK) {
        lost = lost < MEMBER_CHUNK / 2 ? lost : add < MEMBER_CHUNK / 2 ? MEMBER_CHUNK - add : MEMBER_CHUNK / 2;
        add = MEMBER_CHUNK - lost;
    }
    take(&diff->add, &diff->n_add, add, &chunk->add, &chunk->n_add);
    take(&diff->lost, &diff->n_lost, lost, &chunk->lost, &chunk->n_lost);
    return add + lost > 0;
}
