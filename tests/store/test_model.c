/* Random operations on the store and on a simple model of it, with kills between and failed commits; then both must be
 * the same. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "audit.h"
#include "fixture.h"
#include "objects.h"
#include "pending.h"

#define PEOPLE 24

struct person {
    bool there;
    struct object o;
    char address[16], aliases[2][16];
    struct slice alias_slices[2];
    bool pending[4];             /* by enum pending_what */
    struct pending rows[4];
};

struct world {
    struct person people[PEOPLE];
};

static struct world committed, now;

/* Slices of a copied person point into the one that it was copied from. */
static void mend(struct world *w)
{
    for (int i = 0; i < PEOPLE; i++) {
        struct person *p = &w->people[i];

        p->o.address = slice_of(p->address);
        p->o.aliases = p->alias_slices;
        for (uint32_t k = 0; k < p->o.n_aliases; k++)
            p->alias_slices[k] = slice_of(p->aliases[k]);
    }
}

static void copy(struct world *to, const struct world *from)
{
    *to = *from;
    mend(to);
}

static void change_object(int i)
{
    static const field_id fields[] = { FIELD_CONTACT_FIRST_NAME, FIELD_ACCOUNT_CLASS, FIELD_QUOTA_MBOX_COUNT };
    struct person *p = &now.people[i];
    struct object old;
    object_id id;

    memset(p->o.uuid, i + 1, UUID_BYTES);
    id = objects_get(txn, p->o.uuid, &old, &arena);
    cr_assert_eq(id != 0, p->there);
    p->o.dn = slice_of("uid=x");
    p->o.stamp = slice_of("1");
    p->o.state = (enum object_state)random_below(3);
    snprintf(p->address, sizeof(p->address), "a%d.%u@x", i, random_below(3));
    p->o.n_aliases = random_below(3);
    snprintf(p->aliases[0], sizeof(p->aliases[0]), "b%d.%u@x", i, random_below(3));
    snprintf(p->aliases[1], sizeof(p->aliases[1]), "c%d.%u@x", i, random_below(3));
    object_set_field(&p->o, fields[random_below(3)], random_below(2) ? slice_of("v") : (struct slice){ 0 });
    mend(&now);
    objects_put(store, txn, id, id ? &old : NULL, &p->o);
    p->there = true;
}

static void remove_object(int i)
{
    struct person *p = &now.people[i];
    struct object old;
    object_id id = objects_get(txn, p->o.uuid, &old, &arena);

    if (id == 0)
        return;
    for (int what = 1; what < 4; what++)
        if (p->pending[what])
            pending_del(store, txn, &p->rows[what], random_below(2));
    objects_remove(store, txn, id, &old);
    memset(p, 0, sizeof(*p));
}

/* An open hold of the kind, or a new one. */
static uint32_t some_hold(const struct pending *p)
{
    struct guarded of = pending_guarded(p);
    struct hold h;

    if (hold_find_open(txn, &of, &h, &arena))
        return h.id;
    return hold_open(store, txn, &of, "too many", store->hold_high + 1);
}

static void put_pending(int i)
{
    struct person *p = &now.people[i];
    enum pending_what what = (enum pending_what)(1 + random_below(3));
    struct pending *row = &p->rows[what];

    if (!p->there)
        return;
    if (!p->pending[what]) {
        *row = (struct pending){ .what = what, .detected_ms = 1 + random_below(1000) };
        memcpy(row->uuid, p->o.uuid, UUID_BYTES);
        row->field = what == PENDING_CLEAR ? FIELD_CONTACT_FIRST_NAME : FIELD_NONE;
    }
    p->pending[what] = true;
    row->reason = (enum pending_reason)(1 + random_below(6));
    if (row->reason == PENDING_HELD)
        row->hold = row->hold ? row->hold : some_hold(row);
    else if (row->reason != PENDING_REJECTED)
        row->hold = 0;
    row->due_ms = random_below(2) ? 1 + random_below(5000) : 0;
    row->counted = random_below(2);
    row->answered = random_below(2);
    pending_put(store, txn, row);
}

static void del_pending(int i)
{
    struct person *p = &now.people[i];
    int what = 1 + (int)random_below(3);

    if (!p->pending[what])
        return;
    pending_del(store, txn, &p->rows[what], random_below(2));
    p->pending[what] = false;
}

static void shift_pending(void)
{
    int64_t delta = random_below(100);

    pending_shift(store, txn, delta);
    for (int i = 0; i < PEOPLE; i++)
        for (int what = 1; what < 4; what++) {
            struct pending *row = &now.people[i].rows[what];

            row->detected_ms += now.people[i].pending[what] ? delta : 0;
            row->due_ms += now.people[i].pending[what] && row->due_ms ? delta : 0;
        }
}

static void step(void)
{
    int i = (int)random_below(PEOPLE);

    switch (random_below(16)) {
    case 0:
        remove_object(i);
        break;
    case 1:
        shift_pending();
        break;
    case 2:
        window_expire(store, txn, random_below(1000));
        break;
    case 3: case 4: case 5:
        del_pending(i);
        break;
    case 6: case 7: case 8: case 9:
        change_object(i);
        break;
    default:
        put_pending(i);
    }
}

static void compare_person(int i)
{
    struct person *p = &committed.people[i];
    struct object o;
    struct pending row;

    cr_assert_eq(objects_get(txn, uuid_of(i + 1), &o, &arena) != 0, p->there);
    if (p->there)
        cr_assert(same_object(&o, &p->o));
    for (int what = 1; what < 4; what++) {
        struct pending *m = &p->rows[what];

        cr_assert_eq(pending_get(txn, uuid_of(i + 1), (enum pending_what)what,
                                 what == PENDING_CLEAR ? FIELD_CONTACT_FIRST_NAME : FIELD_NONE, (struct slice){ 0 },
                                 &row, &arena), p->pending[what]);
        if (p->pending[what])
            cr_assert(row.reason == m->reason && row.hold == m->hold && row.due_ms == m->due_ms &&
                      row.detected_ms == m->detected_ms && row.counted == m->counted && row.answered == m->answered);
    }
}

static void compare(void)
{
    begin();
    for (int i = 0; i < PEOPLE; i++)
        compare_person(i);
    for (int i = 0; i < PEOPLE; i++)
        if (committed.people[i].there) {
            const struct object *o = &committed.people[i].o;

            cr_assert_eq(objects_owner(txn, o->address, NULL, NULL) != 0, o->state != OBJECT_GONE);
        }
    txn_abort(&txn);
    arena_reset(&arena);
}

static void fail_commit(void)
{
    struct err e;

    txn_append(txn, TABLE_META, slice_of("\x01"), slice_of("x"));
    cr_assert_neq(store_commit(store, &txn, &e), 0);
    audit_store(store);
    copy(&now, &committed);
}

Test(model, random_operations, .init = fixture_open, .fini = fixture_close, .timeout = 110)
{
    seed_random();
    mend(&now);
    mend(&committed);
    for (int round = 0; round < 150; round++) {
        begin();
        for (unsigned n = 1 + random_below(30); n > 0; n--)
            step();
        switch (random_below(6)) {
        case 0:
            reopen();   /* killed */
            copy(&now, &committed);
            break;
        case 1:
            fail_commit();
            break;
        default:
            commit();
            copy(&committed, &now);
        }
        compare();
        if (random_below(8) == 0) {
            reopen();
            compare();
        }
    }
}
