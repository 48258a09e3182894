/* Aliases that somebody else has, as an address or an alias (SPEC.md 2.5): they are left out, and the entry waits for each.
 *
 * When one is free, it goes to whom it is an address first: an alias is worth less than an account. So nothing is given in the middle of
 * a refresh, nor between two renames: the one that takes the address may not have had its turn. What is free meanwhile is known in
 * memory only; after a start, or a commit that failed, all that anybody wants is looked at, which is not much. */
#include "mirror.h"

#include "log.h"

/* Somebody else has it; or it is free, and goes to the first of those who wait for it at the end of this round. */
static bool is_taken(struct mirror *m, const struct object *o, struct slice alias)
{
    uint8_t uuid[UUID_BYTES];

    if (objects_owner(m->t, alias, uuid, NULL) != 0)
        return memcmp(uuid, o->uuid, UUID_BYTES) != 0;
    if (!alias_want_first(m->t, alias, uuid))
        return false;
    alias_free(m, alias);
    return true;
}

void alias_leave_out(struct mirror *m, struct object *o)
{
    struct slice *left = o->n_aliases ? arena_alloc(&m->a, o->n_aliases * sizeof(*left)) : NULL;
    uint32_t n_left = 0, kept = 0;

    for (uint32_t i = 0; i < o->n_aliases; i++) {
        if (!is_taken(m, o, o->aliases[i])) {
            o->aliases[kept++] = o->aliases[i];
            continue;
        }
        left[n_left++] = o->aliases[i];
        if (!alias_want_has(m->t, o->uuid, o->aliases[i]))
            log_warning(m->subject, "%.*s: the alias %.*s is somebody else's and is left out until it is free", SLICE_ARG(o->dn),
                        SLICE_ARG(o->aliases[i]));
    }
    o->n_aliases = kept;
    if (alias_want_set(m->store, m->t, o->uuid, left, n_left))
        m->urgent = true;
}

void alias_wait(struct mirror *m, const uint8_t *uuid, struct slice alias)
{
    if (alias_want_add(m->store, m->t, uuid, alias))
        m->urgent = true;
}

void alias_forget(struct mirror *m, const uint8_t *uuid)
{
    if (alias_want_set(m->store, m->t, uuid, NULL, 0))
        m->urgent = true;
}

static void tell_aliases(struct mirror *m, const struct object *o)
{
    struct action a = {
        .type = ACTION_ACCOUNT_UPDATE,   /* groups have none */
        .uuid = o->uuid,
        .dn = o->dn,
        .address = o->address,
        .set_aliases = o->aliases,
        .n_set_aliases = o->n_aliases,
        .cause = CAUSE_RESOLVE,
        .phase = PHASE_LOCAL,
    };

    mirror_emit(m, &a);
}

static void with_alias(struct mirror *m, const struct object *told, struct slice alias, struct object *after)
{
    struct slice *aliases = arena_alloc(&m->a, (told->n_aliases + 1) * sizeof(*aliases));
    uint32_t i = 0, n = 0;

    for (; i < told->n_aliases && slice_cmp(told->aliases[i], alias) < 0; i++)
        aliases[n++] = told->aliases[i];
    aliases[n++] = alias;
    for (; i < told->n_aliases; i++)
        aliases[n++] = told->aliases[i];
    *after = *told;
    after->aliases = aliases;
    after->n_aliases = n;
}

static void give(struct mirror *m, struct slice alias)
{
    struct object told, after;
    uint8_t uuid[UUID_BYTES];
    object_id id;

    if (objects_owner(m->t, alias, NULL, NULL) != 0 || want_first(m->t, alias, &told, &m->a) || !alias_want_first(m->t, alias, uuid))
        return;
    alias_want_del(m->store, m->t, uuid, alias);
    m->urgent = true;
    id = objects_get(m->t, uuid, &told, &m->a);
    if (id == 0)
        return;
    with_alias(m, &told, alias, &after);
    objects_put(m->store, m->t, id, &told, &after);
    tell_aliases(m, &after);
}

void alias_free(struct mirror *m, struct slice alias)
{
    if (txn_count(m->t, TABLE_ALIAS_LINE) > 0)
        buf_bytes(&m->spare, alias);
}

static void give_all(struct mirror *m)
{
    struct buf next = { 0 };
    struct slice *aliases;
    uint8_t uuid[UUID_BYTES];

    while (alias_want_next(m->t, &next, uuid)) {
        uint32_t n = alias_want_get(m->t, uuid, &aliases, &m->a);

        for (uint32_t i = 0; i < n; i++)
            give(m, aliases[i]);
        arena_reset(&m->a);
    }
    buf_free(&next);
}

void alias_run(struct mirror *m)
{
    struct reader r = reader_of(buf_slice(&m->spare));

    if (search_any_refreshing(m))
        return;
    while (r.left) {
        give(m, read_bytes(&r));
        arena_reset(&m->a);
    }
    buf_reset(&m->spare);
    if (m->spare_unknown)
        give_all(m);
    m->spare_unknown = false;
}
