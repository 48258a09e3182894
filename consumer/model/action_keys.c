#include "action_keys.h"

enum key_kind { KIND_UUID = 'u', KIND_ADDRESS = 'a', KIND_MEMBER = 'm', KIND_ALIASES = 'l', KIND_REST = 'p' };

/* FNV-1a, as hash64(), of a kind and two runs of bytes. */
static uint64_t hash_of(enum key_kind kind, struct slice x, struct slice y)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    h = (h ^ (uint8_t)kind) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < x.len; i++)
        h = (h ^ (uint8_t)x.p[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < y.len; i++)
        h = (h ^ (uint8_t)y.p[i]) * UINT64_C(0x100000001b3);
    return h;
}

static uint64_t hash_uuid(enum key_kind kind, const uint8_t *uuid)
{
    return hash_of(kind, slice_make(uuid, UUID_BYTES), (struct slice){ 0 });
}

uint64_t action_key_uuid(const uint8_t *uuid)
{
    return hash_uuid(KIND_UUID, uuid);
}

uint64_t action_key_rest(const uint8_t *uuid)
{
    return hash_uuid(KIND_REST, uuid);
}

bool key_conflict(enum key_mode theirs, enum key_mode ours)
{
    switch (theirs) {
    case KEY_SHARED:
        return ours == KEY_EXCLUSIVE || ours == KEY_FOREIGN;
    case KEY_EXCLUSIVE:
    case KEY_FOREIGN:
        return ours != KEY_MARK;
    case KEY_MARK:
    case KEY_MODES:
        break;
    }
    return false;
}

bool action_is_rename(enum action_type t)
{
    return t == ACTION_ACCOUNT_RENAME || t == ACTION_GROUP_RENAME;
}

bool action_is_delete(enum action_type t)
{
    return t == ACTION_ACCOUNT_DELETE || t == ACTION_GROUP_DELETE;
}

bool action_is_create(enum action_type t)
{
    return t == ACTION_ACCOUNT_CREATE || t == ACTION_GROUP_CREATE;
}

bool action_is_rebind(enum action_type t)
{
    return t == ACTION_ACCOUNT_REBIND || t == ACTION_GROUP_REBIND;
}

bool action_is_alone(const struct action *a)
{
    return action_is_rename(a->type) || action_is_delete(a->type) || action_is_rebind(a->type);
}

static bool clears_aliases(const struct action *a)
{
    for (uint32_t i = 0; i < a->n_clear; i++)
        if (a->clear[i] == FIELD_ALIASES)
            return true;
    return false;
}

bool action_tells_aliases(const struct action *a)
{
    return a->n_set_aliases > 0 || clears_aliases(a);
}

struct slice action_domain(const struct action *a)
{
    const char *at = a->address.len ? memchr(a->address.p, '@', a->address.len) : NULL;

    return at ? slice_make(at + 1, (size_t)(a->address.p + a->address.len - at - 1)) : (struct slice){ 0 };
}

static void add(struct action_keys *out, uint64_t hash, enum key_mode mode)
{
    out->keys[out->n++] = (struct action_key){ hash, mode };
}

static void add_addresses(struct action_keys *out, const struct slice *addresses, uint32_t n, enum key_mode mode)
{
    for (uint32_t i = 0; i < n; i++)
        add(out, hash_of(KIND_ADDRESS, addresses[i], (struct slice){ 0 }), mode);
}

static void add_members(struct action_keys *out, const struct action *a, const struct slice *members, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        add(out, hash_of(KIND_MEMBER, slice_make(a->uuid, UUID_BYTES), members[i]), KEY_EXCLUSIVE);
}

static void room(const struct action *a, struct action_keys *out, struct arena *arena)
{
    size_t n = 5 + a->n_set_aliases + 2 * ((size_t)a->n_add + a->n_remove);

    *out = (struct action_keys){ .keys = arena_alloc(arena, n * sizeof(*out->keys)) };
}

static void add_from(struct action_keys *out, const struct action *a)
{
    uint8_t old[UUID_BYTES];

    if (action_is_rebind(a->type) && uuid_parse(a->from, old))
        add(out, action_key_uuid(old), KEY_EXCLUSIVE);
    else if (a->from.len)
        add_addresses(out, &a->from, 1, KEY_EXCLUSIVE);
}

void action_keys(const struct action *a, struct action_keys *out, struct arena *arena)
{
    bool members = a->type == ACTION_GROUP_MEMBERS;
    enum key_mode own = members ? KEY_SHARED : KEY_EXCLUSIVE;

    room(a, out, arena);
    add(out, action_key_uuid(a->uuid), own);
    if (a->address.len)
        add_addresses(out, &a->address, 1, own);
    add_from(out, a);
    add_addresses(out, a->set_aliases, a->n_set_aliases, KEY_EXCLUSIVE);
    if (action_tells_aliases(a))
        add(out, hash_uuid(KIND_ALIASES, a->uuid), KEY_EXCLUSIVE);
    add_members(out, a, a->add, a->n_add);
    add_members(out, a, a->remove, a->n_remove);
    if (members && a->cause == CAUSE_RENAME) {
        add_addresses(out, a->add, a->n_add, KEY_EXCLUSIVE);
        add_addresses(out, a->remove, a->n_remove, KEY_EXCLUSIVE);
    }
}

static void rest_of_update(const struct action *a, struct action *rest, struct arena *arena)
{
    field_id *clear = arena_alloc(arena, sizeof(*clear));

    *clear = FIELD_ALIASES;
    rest->type = a->type < ACTION_GROUP_CREATE ? ACTION_ACCOUNT_UPDATE : ACTION_GROUP_UPDATE;
    rest->n_set = 0;
    rest->clear = clear;
    rest->n_clear = clears_aliases(a);
}

void action_rest(const struct action *a, struct action *rest, struct action_keys *out, struct arena *arena)
{
    *rest = *a;
    room(a, out, arena);
    add(out, action_key_rest(a->uuid), KEY_MARK);
    if (action_is_rename(a->type)) {
        add_addresses(out, &a->address, 1, KEY_FOREIGN);
        add(out, hash_uuid(KIND_ALIASES, a->uuid), KEY_EXCLUSIVE);
    } else if (a->type == ACTION_GROUP_MEMBERS) {
        add_members(out, a, a->add, a->n_add);
        add_members(out, a, a->remove, a->n_remove);
    } else {
        add_addresses(out, a->set_aliases, a->n_set_aliases, KEY_FOREIGN);
        rest_of_update(a, rest, arena);
    }
}
