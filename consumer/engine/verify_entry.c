/* One entry against the state. The object that it should be comes from the same functions that the daemon calls; the
 * state is read as it lies, and what is pending of a difference, for whatever reason, explains it. */
#include "verify_parts.h"

#include <stdlib.h>

#include "gone.h"
#include "members.h"

/* ---- what explains a difference ----------------------------------------------------------------------------- */

static bool is_pending(struct verify *v, const uint8_t *uuid, enum pending_what what, field_id field,
                       struct slice alias, struct arena *a, struct verify_counts *c)
{
    struct pending p;

    if (!pending_get(verify_txn(v), uuid, what, field, alias, &p, a))
        return false;
    if (p.reason == PENDING_HELD)
        c->held++;
    else if (p.reason == PENDING_REJECTED)
        c->rejected++;
    else
        c->waiting++;
    return true;
}

static bool waits_for_address(struct verify *v, const uint8_t *uuid, struct arena *a)
{
    struct object wanted;

    return want_get(verify_txn(v), uuid, &wanted, a);
}

static bool is_explained(struct verify *v, const struct object *told, const struct difference *d, struct arena *a,
                         struct verify_counts *c)
{
    struct slice none = {0};

    switch (d->what) {
    case DIFFERENCE_DN:
        return false;
    case DIFFERENCE_ADDRESS:
        if (is_pending(v, told->uuid, PENDING_RENAME, FIELD_NONE, none, a, c))
            return true;
        c->conflicts += waits_for_address(v, told->uuid, a);
        return c->conflicts > 0;
    case DIFFERENCE_FIELD:
        return d->wanted.len == 0 && is_pending(v, told->uuid, PENDING_CLEAR, d->field, none, a, c);
    case DIFFERENCE_ALIAS:
        return d->have.len && is_pending(v, told->uuid, PENDING_CLEAR, FIELD_ALIASES, d->have, a, c);
    case DIFFERENCE_MEMBER:
        return d->have.len && is_pending(v, told->uuid, PENDING_MEMBER, FIELD_MEMBERS, d->have, a, c);
    }
    return false;
}

/* Takes out what is explained. */
static void explain(struct verify *v, const struct object *told, struct arena *a, struct verify_finding *f)
{
    size_t kept = 0;

    for (size_t i = 0; i < f->d.n; i++)
        if (!is_explained(v, told, &f->d.items[i], a, &f->counts))
            f->d.items[kept++] = f->d.items[i];
    f->d.n = kept;
}

/* ---- members ------------------------------------------------------------------------------------------------ */

/* The address that a reference gives by the state's own tables; empty: none. As group.c binds it, but read anew. */
static struct slice address_of(struct verify *v, struct slice ref, struct arena *a)
{
    struct slice text = slice_make(ref.p + 1, ref.len - 1), nothing = {"", 0};
    struct txn *t = verify_txn(v);
    uint8_t uuid[UUID_BYTES];
    struct object o;
    bool alias;

    switch ((enum member_kind)ref.p[0]) {
    case MEMBER_ADDRESS:
        return text;
    case MEMBER_DN:
        return objects_by_dn(t, ref, &o, a) != 0 ? o.address : nothing;
    case MEMBER_NAME:
        return objects_owner(t, text, uuid, &alias) != 0 && !alias && objects_get(t, uuid, &o, a) != 0 &&
                       o.kind == OBJECT_ACCOUNT
                   ? text
                   : nothing;
    }
    return nothing;
}

static int by_bytes(const void *x, const void *y)
{
    return slice_cmp(*(const struct slice *)x, *(const struct slice *)y);
}

/* Ascending, each once. */
static size_t addresses_of(struct verify *v, const struct member_list *list, struct arena *a, struct slice **out)
{
    struct slice *all = arena_alloc(a, (list->n + 1) * sizeof(*all));
    size_t n = 0, kept = 0;

    for (uint32_t i = 0; i < list->n; i++) {
        all[n] = address_of(v, list->refs[i], a);
        n += all[n].len > 0;
    }
    if (n)
        qsort(all, n, sizeof(*all), by_bytes);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || !slice_eq(all[kept - 1], all[i]))
            all[kept++] = all[i];
    *out = all;
    return kept;
}

static size_t told_addresses(struct verify *v, const uint8_t *group, struct arena *a, struct slice **out)
{
    struct buf next = {0};
    struct slice address;
    size_t n = 0, room = 16;
    uint32_t live;

    *out = arena_alloc(a, room * sizeof(**out));
    while (told_next(verify_txn(v), group, &next, &address, &live, a)) {
        if (n == room) {
            struct slice *more = arena_alloc(a, 2 * room * sizeof(*more));

            memcpy(more, *out, n * sizeof(*more));
            *out = more;
            room *= 2;
        }
        (*out)[n++] = address;
    }
    buf_free(&next);
    return n;
}

/* First what the entry names; only where that is the same, what follows from it. */
static void compare_members(struct verify *v, struct mirror_search *s, const struct entry *e, struct arena *a,
                            struct verify_finding *f)
{
    struct mirror_search *accounts = search_of(&v->made, OBJECT_ACCOUNT);
    size_t before = f->d.n, n_told, n_given;
    struct member_list list;
    struct slice *stored, *told, *given;
    uint32_t n;

    if (s->mapping->member_attribute == NULL)
        return;
    member_read(s->mapping, accounts->mapping, e, a, &list);
    n = members_refs(verify_txn(v), e->uuid, a, &stored);
    compare_lists(DIFFERENCE_MEMBER, stored, n, list.refs, list.n, a, &f->d);
    for (size_t i = before; i < f->d.n; i++) { /* the byte of kind is not for people */
        struct slice *item = f->d.items[i].have.len ? &f->d.items[i].have : &f->d.items[i].wanted;

        *item = arena_copy(a, item->p + 1, item->len - 1);
    }
    if (f->d.n > before)
        return;
    n_told = told_addresses(v, e->uuid, a, &told);
    n_given = addresses_of(v, &list, a, &given);
    compare_lists(DIFFERENCE_MEMBER, told, n_told, given, n_given, a, &f->d);
}

/* ---- an entry that is there --------------------------------------------------------------------------------- */

/* As ingest.c: an alias that is somebody's address is left out, and so is what is still the entry's own address. */
static void drop_aliases(struct verify *v, const struct object *told, struct object *o, struct verify_counts *c)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < o->n_aliases; i++) {
        uint8_t owner[UUID_BYTES];

        if (told && slice_eq(o->aliases[i], told->address))
            continue;
        if (objects_owner(verify_txn(v), o->aliases[i], owner, NULL) != 0 && memcmp(owner, o->uuid, UUID_BYTES) != 0)
            c->aliases++;
        else
            o->aliases[kept++] = o->aliases[i];
    }
    o->n_aliases = kept;
}

static void whole(struct verify_finding *f, const char *why)
{
    f->why = why;
    f->differs = true;
}

static void known(struct verify *v, struct mirror_search *s, const struct entry *e, const struct object *told,
                  struct object *wanted, const struct mapping_note *notes, struct arena *a, struct verify_finding *f)
{
    struct slice none = {0};

    if (is_pending(v, told->uuid, PENDING_DELETE, FIELD_NONE, none, a, &f->counts))
        return; /* it is looked up before it goes, and found */
    if (told->state == OBJECT_ORPHAN) {
        whole(f, "it is an orphan in the state, and its entry is in its place");
        return;
    }
    drop_aliases(v, told, wanted, &f->counts);
    compare_objects(told, wanted, notes, a, &f->d);
    if (told->kind == OBJECT_GROUP)
        compare_members(v, s, e, a, f);
    explain(v, told, a, f);
    f->differs = f->d.n > 0;
    if (f->differs && stamp_older(entry_stamp(e), told->stamp))
        f->why = "the directory's content is older than the state's: this server lags, or was restored (then: axsync "
                 "resync)";
}

static void unknown(struct verify *v, const struct object *wanted, struct arena *a, struct verify_finding *f)
{
    uint8_t owner[UUID_BYTES];

    f->address = wanted->address;
    if (waits_for_address(v, wanted->uuid, a))
        f->counts.conflicts++;
    else if (objects_owner(verify_txn(v), wanted->address, owner, NULL) != 0)
        whole(f, "it is not in the state, where somebody else has its address");
    else
        whole(f, "it is in the directory and not in the state");
}

/* clusteredSetup: it lives on another host. */
static void elsewhere(struct verify *v, const struct object *told, struct arena *a, struct verify_finding *f)
{
    struct slice none = {0};

    if (told->state == OBJECT_ORPHAN)
        f->counts.rejected++;
    else if (!is_pending(v, told->uuid, PENDING_DELETE, FIELD_NONE, none, a, &f->counts))
        whole(f, "it is in the state, and its host is another one now");
}

void verify_entry(struct verify *v, struct mirror_search *s, struct entry *e, struct arena *a, struct verify_finding *f)
{
    struct mapping_note *notes = NULL;
    struct object told, wanted;
    struct gone gone;
    struct slice reason;
    bool was;

    *f = (struct verify_finding){.known = objects_get(verify_txn(v), e->uuid, &told, a) != 0};
    was = !f->known && gone_get(verify_txn(v), e->uuid, &gone, a) && gone.o.kind == search_objects(s);
    if (f->known) {
        f->address = told.address;
        if (told.kind != search_objects(s))
            return; /* two searches show it; it is mirrored as one thing only */
    }
    switch (mapping_apply(s->mapping, e, f->known ? &told : was ? &gone.o : NULL, a, &wanted, &reason, &notes)) {
    case MAPPED_INVALID:
        f->counts.invalid++;
        return;
    case MAPPED_ELSEWHERE:
        if (f->known)
            elsewhere(v, &told, a, f);
        return;
    case MAPPED:
        break;
    }
    f->counts.objects[search_objects(s)]++;
    if (f->known)
        known(v, s, e, &told, &wanted, notes, a, f);
    else
        unknown(v, &wanted, a, f);
}

/* ---- one that is not ---------------------------------------------------------------------------------------- */

/* No object: it waits for an address, or is invalid, or was so a moment ago. */
static void absent_otherwise(struct verify *v, const uint8_t *uuid, struct arena *a, struct verify_finding *f)
{
    struct object wanted;
    struct slice dn, reason;

    if (want_get(verify_txn(v), uuid, &wanted, a)) {
        f->address = wanted.address;
        whole(f, "it waits for its address in the state, and is not in its place in the directory");
    } else if (invalid_get(verify_txn(v), uuid, &dn, &reason, a)) {
        whole(f, "it is invalid in the state, and is not in its place in the directory");
    }
}

void verify_absent(struct verify *v, struct mirror_search *s, const uint8_t *uuid, struct slice elsewhere_dn,
                   struct arena *a, struct verify_finding *f)
{
    struct slice none = {0};
    struct object told;

    *f = (struct verify_finding){.known = objects_get(verify_txn(v), uuid, &told, a) != 0};
    if (!f->known) {
        absent_otherwise(v, uuid, a, f);
        return;
    }
    f->address = told.address;
    if (told.kind != search_objects(s))
        return;
    if (told.state == OBJECT_ORPHAN)
        f->counts.rejected++;
    else if (!is_pending(v, uuid, PENDING_DELETE, FIELD_NONE, none, a, &f->counts))
        whole(f, elsewhere_dn.len ? "it is in the state, and its entry does not match base or filter any more"
                                  : "it is in the state and not in the directory");
}
