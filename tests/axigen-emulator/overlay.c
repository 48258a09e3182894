#include "overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define ID_TEXT 24

static const char *id_text(long id, char out[ID_TEXT])
{
    snprintf(out, ID_TEXT, "%ld", id);
    return out;
}

static long id_of(const json_t *object)
{
    return (long)json_integer_value(json_object_get(object, "id"));
}

static void clear(struct overlay *o)
{
    json_decref(o->entries);
    json_decref(o->names);
    json_decref(o->freed);
    for (int kind = 0; kind < OVERLAY_KINDS; kind++)
        json_decref(o->keys[kind]);
}

static void fill(struct overlay *o)
{
    o->entries = json_object();
    o->names = json_object();
    o->freed = json_object();
    for (int kind = 0; kind < OVERLAY_KINDS; kind++)
        o->keys[kind] = json_object();
}

struct overlay *overlay_new(void)
{
    struct overlay *o = mem_alloc(sizeof(*o));

    fill(o);
    return o;
}

void overlay_free(struct overlay **o)
{
    if (*o)
        clear(*o);
    free(*o);
    *o = NULL;
}

static json_t *entry_of(const struct overlay *o, long id)
{
    char text[ID_TEXT];

    return json_object_get(o->entries, id_text(id, text));
}

json_t *overlay_get(const struct overlay *o, const struct state *s, const char *domain, enum kind kind, const char *key)
{
    json_t *id = json_object_get(o->keys[kind], key);

    if (!id)
        return state_object(s, domain, kind, key);
    if (json_is_null(id))
        return NULL;
    return json_object_get(entry_of(o, (long)json_integer_value(id)), "value");
}

bool overlay_name_free(const struct overlay *o, const struct state *s, const char *domain, const char *name, long id,
                       bool freed_now)
{
    long owner = state_owner(s, domain, name), here = (long)json_integer_value(json_object_get(o->names, name));

    if (here != 0 && here != id)
        return false;
    if (owner == 0)
        return true;
    return freed_now && (owner == id || json_object_get(o->freed, name));
}

struct naming {
    json_t *table;
    long id;
};

static void name_add(void *context, const char *name)
{
    struct naming *n = context;

    json_object_set_new(n->table, name, json_integer(n->id));
}

static void name_remove(void *context, const char *name)
{
    struct naming *n = context;

    if (json_integer_value(json_object_get(n->table, name)) == n->id)
        json_object_del(n->table, name);
}

/* What the object was called up to now is no longer taken here. */
static void give_up_names(struct overlay *o, const struct state *s, const char *domain, enum kind kind, long id,
                          const char *origin)
{
    json_t *entry = entry_of(o, id), *before;

    if (entry) {
        const char *key = json_string_value(json_object_get(entry, "key"));

        object_names(json_object_get(entry, "value"), name_remove, &(struct naming){o->names, id});
        if (key)
            json_object_set_new(o->keys[kind], key, json_null());
    } else if (origin && (before = state_object(s, domain, kind, origin))) {
        object_names(before, name_add, &(struct naming){o->freed, id});
        json_object_set_new(o->keys[kind], origin, json_null());
    }
}

static void set_entry(struct overlay *o, long id, enum kind kind, const char *origin, const char *key, json_t *value)
{
    json_t *entry = entry_of(o, id);
    char text[ID_TEXT];

    if (!entry)
        json_object_set_new(o->entries, id_text(id, text),
                            entry = json_pack("{s:i, s:s?}", "kind", (int)kind, "origin", origin));
    json_object_set_new(entry, "key", key ? json_string(key) : json_null());
    json_object_set_new(entry, "value", value ? value : json_null());
}

void overlay_put(struct overlay *o, const struct state *s, const char *domain, enum kind kind, const char *origin,
                 const json_t *object)
{
    char *key = name_fold(json_string_value(json_object_get(object, "name")));
    json_t *value = json_deep_copy(object);
    long id = id_of(object);

    give_up_names(o, s, domain, kind, id, origin);
    set_entry(o, id, kind, origin, key, value);
    object_names(value, name_add, &(struct naming){o->names, id});
    json_object_set_new(o->keys[kind], key, json_integer(id));
    free(key);
}

void overlay_remove(struct overlay *o, const struct state *s, const char *domain, enum kind kind, const json_t *object)
{
    char *key = name_fold(json_string_value(json_object_get(object, "name"))), text[ID_TEXT];
    json_t *entry;
    long id = id_of(object);

    give_up_names(o, s, domain, kind, id, key);
    entry = entry_of(o, id);
    if (entry && json_is_null(json_object_get(entry, "origin")))
        json_object_del(o->entries, id_text(id, text)); /* it never was in the state */
    else
        set_entry(o, id, kind, key, NULL, NULL);
    free(key);
}

/* ---- making it real ---- */

struct check {
    const struct overlay *o;
    const struct state *s;
    const char *domain;
    long id;
    json_t *seen;   /* names of the entries up to here → id */
    char *taken;
};

static void check_name(void *context, const char *name)
{
    struct check *c = context;
    long owner = state_owner(c->s, c->domain, name);
    bool others = owner != 0 && owner != c->id && !entry_of(c->o, owner);

    if ((others || json_object_get(c->seen, name)) && !c->taken)
        c->taken = mem_strdup(name);
    json_object_set_new(c->seen, name, json_integer(c->id));
}

/* One entry: is what it changes still there, and are its names free? The name that is not, or NULL. */
static char *check_entry(struct check c, json_t *entry)
{
    const char *origin = json_string_value(json_object_get(entry, "origin"));
    enum kind kind = (enum kind)json_integer_value(json_object_get(entry, "kind"));

    object_names(json_object_get(entry, "value"), check_name, &c);
    if (!c.taken && origin && id_of(state_object(c.s, c.domain, kind, origin)) != c.id)
        c.taken = mem_strdup(origin);
    return c.taken;
}

/* Others may have worked on the state since. An object that they gave a name of ours, and that we then changed too, is an
 * entry like others: so names must also differ among the entries. */
static int check_all(const struct overlay *o, const struct state *s, const char *domain, char **name_r)
{
    json_t *entry, *seen = json_object();
    char *taken = NULL;
    const char *id;

    json_object_foreach(o->entries, id, entry)
    {
        taken = check_entry((struct check){o, s, domain, atol(id), seen, NULL}, entry);
        if (taken)
            break;
    }
    json_decref(seen);
    *name_r = taken;
    return taken ? -1 : 0;
}

static void count(struct tally *t, enum kind kind, const char *origin, const char *key)
{
    bool account = kind == ACCOUNTS;

    if (!origin)
        *(account ? &t->accountsAdded : &t->groupsAdded) += 1;
    else if (!key)
        *(account ? &t->accountsRemoved : &t->groupsRemoved) += 1;
    else if (strcmp(origin, key) != 0)
        *(account ? &t->accountsRenamed : &t->groupsRenamed) += 1;
}

int overlay_apply(struct overlay *o, struct state *s, const char *domain, struct tally *t, char **name_r)
{
    const char *id;
    json_t *entry;

    if (check_all(o, s, domain, name_r) != 0)
        return -1;
    json_object_foreach(o->entries, id, entry)
    { /* first what is given up, as others may take it */
        const char *origin = json_string_value(json_object_get(entry, "origin"));
        const char *key = json_string_value(json_object_get(entry, "key"));
        enum kind kind = (enum kind)json_integer_value(json_object_get(entry, "kind"));

        if (origin && (!key || strcmp(origin, key) != 0))
            state_remove(s, domain, kind, origin);
        count(t, kind, origin, key);
    }
    json_object_foreach(o->entries, id, entry) if (json_is_string(json_object_get(entry, "key")))
        state_put(s, domain, (enum kind)json_integer_value(json_object_get(entry, "kind")),
                  json_string_value(json_object_get(entry, "key")), json_object_get(entry, "value"));
    clear(o);
    fill(o);
    return 0;
}
