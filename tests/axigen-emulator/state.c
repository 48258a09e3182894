#include "state.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"
#include "state_file.h"

const char *kind_name(enum kind kind)
{
    static const char *const names[KINDS] = {"accounts", "groups", "lists", "folderRcpts"};

    return names[kind];
}

char *name_fold(const char *name)
{
    char *copy = mem_strdup(name);

    for (char *p = copy; *p != '\0'; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

/* ---- names ---- */

void object_names(const json_t *object, void (*each)(void *context, const char *name), void *context)
{
    const char *name = json_string_value(json_object_get(object, "name"));
    json_t *alias;
    size_t i;

    if (name) {
        char *folded = name_fold(name);

        each(context, folded);
        free(folded);
    }
    json_array_foreach(json_object_get(object, "aliases"), i, alias)
    {
        char *folded = name_fold(json_string_value(alias));

        each(context, folded);
        free(folded);
    }
}

struct indexing {
    json_t *index;
    json_int_t id;
};

static void index_add(void *context, const char *name)
{
    struct indexing *x = context;

    json_object_set_new(x->index, name, json_integer(x->id));
}

/* Only where it is still this object's: a name that somebody else took since stays his. */
static void index_remove(void *context, const char *name)
{
    struct indexing *x = context;

    if (json_integer_value(json_object_get(x->index, name)) == x->id)
        json_object_del(x->index, name);
}

static struct indexing indexing_of(const struct state *s, const char *domain, const json_t *object)
{
    return (struct indexing){json_object_get(s->index, domain), json_integer_value(json_object_get(object, "id"))};
}

long state_owner(const struct state *s, const char *domain, const char *name)
{
    return (long)json_integer_value(json_object_get(json_object_get(s->index, domain), name));
}

/* ---- what is there ---- */

json_t *state_domain(const struct state *s, const char *name)
{
    char *key = name_fold(name);
    json_t *domain = json_object_get(json_object_get(s->root, "domains"), key);

    free(key);
    return domain;
}

json_t *state_object(const struct state *s, const char *domain, enum kind kind, const char *key)
{
    return json_object_get(json_object_get(state_domain(s, domain), kind_name(kind)), key);
}

long state_new_id(struct state *s)
{
    json_t *next = json_object_get(s->root, "nextId");
    json_int_t id = json_integer_value(next);

    json_integer_set(next, id + 1);
    return (long)id;
}

/* ---- changes ---- */

static void record(struct state *s, json_t *change)
{
    char *line;

    if (s->journal < 0) {
        json_decref(change);
        return;
    }
    json_object_set(change, "nextId", json_object_get(s->root, "nextId"));
    line = json_dumps(change, JSON_COMPACT);
    buf_puts(&s->pending, line);
    buf_puts(&s->pending, "\n");
    free(line);
    json_decref(change);
}

static void forget(struct state *s, const char *domain, enum kind kind, const char *key)
{
    json_t *old = state_object(s, domain, kind, key);
    struct indexing x = indexing_of(s, domain, old);

    if (!old)
        return;
    object_names(old, index_remove, &x);
    if (kind == ACCOUNTS)
        s->accounts--;
}

void state_put(struct state *s, const char *domain, enum kind kind, const char *key, json_t *object)
{
    json_t *copy = json_deep_copy(object);
    struct indexing x = indexing_of(s, domain, copy);

    forget(s, domain, kind, key);
    json_object_set_new(json_object_get(state_domain(s, domain), kind_name(kind)), key, copy);
    object_names(copy, index_add, &x);
    if (kind == ACCOUNTS)
        s->accounts++;
    record(s, json_pack("{s:[s,s,s], s:O}", "put", domain, kind_name(kind), key, "value", copy));
}

void state_remove(struct state *s, const char *domain, enum kind kind, const char *key)
{
    forget(s, domain, kind, key);
    json_object_del(json_object_get(state_domain(s, domain), kind_name(kind)), key);
    record(s, json_pack("{s:[s,s,s]}", "remove", domain, kind_name(kind), key));
}

static void make_parts(json_t *domain)
{
    static const char *const lists[] = {"aliases", "accountClasses", "ghosts"};

    for (int kind = 0; kind < KINDS; kind++)
        if (!json_is_object(json_object_get(domain, kind_name((enum kind)kind))))
            json_object_set_new(domain, kind_name((enum kind)kind), json_object());
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        if (!json_is_array(json_object_get(domain, lists[i])))
            json_object_set_new(domain, lists[i], json_array());
    if (!json_is_object(json_object_get(domain, "settings")))
        json_object_set_new(domain, "settings", json_object());
    if (!json_object_get(domain, "active"))
        json_object_set_new(domain, "active", json_true());
}

static void move_key(json_t *object, const char *from, const char *to)
{
    json_t *value = json_incref(json_object_get(object, from));

    json_object_del(object, from);
    json_object_set_new(object, to, value);
}

void state_put_domain(struct state *s, const char *key, const json_t *own)
{
    json_t *domains = json_object_get(s->root, "domains"), *domain, *copy = json_deep_copy(own);
    char *folded = name_fold(key), *wanted = name_fold(json_string_value(json_object_get(own, "name")));

    domain = json_object_get(domains, folded);
    if (!domain) {
        domain = json_object();
        json_object_set_new(domains, folded, domain);
        json_object_set_new(s->index, folded, json_object());
    }
    json_object_update(domain, copy);
    make_parts(domain);
    if (strcmp(folded, wanted) != 0) {
        move_key(domains, folded, wanted);
        move_key(s->index, folded, wanted);
    }
    record(s, json_pack("{s:s, s:o}", "domain", key, "value", copy));
    free(folded);
    free(wanted);
}

/* ---- a whole tree ---- */

static json_t *addresses_by_key(const json_t *array)
{
    json_t *all = json_object(), *address;
    size_t i;

    json_array_foreach(array, i, address)
    {
        char *key = name_fold(json_string_value(address));

        json_object_set(all, key, address);
        free(key);
    }
    return all;
}

/* Gives an object what every object has, so that hand-written trees can be short. */
static void complete(struct state *s, const char *domain, enum kind kind, const char *key, json_t *object)
{
    json_t *addresses = json_object_get(object, "addresses");
    json_int_t id = json_integer_value(json_object_get(object, "id"));

    if (!json_object_get(object, "name"))
        json_object_set_new(object, "name", json_string(key));
    if (id == 0)
        json_object_set_new(object, "id", json_integer(id = state_new_id(s)));
    else if (id >= json_integer_value(json_object_get(s->root, "nextId")))
        json_object_set_new(s->root, "nextId", json_integer(id + 1));
    if (kind == ACCOUNTS && !json_object_get(object, "mail"))
        json_object_set_new(object, "mail", json_sprintf("mail of %s@%s, mailbox %ld", key, domain, (long)id));
    if (kind == GROUPS && !json_is_object(addresses))
        json_object_set_new(object, "addresses", addresses_by_key(addresses));
}

static void index_kind(struct state *s, const char *key, json_t *domain, enum kind kind)
{
    const char *name;
    json_t *object;

    json_object_foreach(json_object_get(domain, kind_name(kind)), name, object)
    {
        struct indexing x;

        complete(s, key, kind, name, object);
        x = indexing_of(s, key, object);
        object_names(object, index_add, &x);
        s->accounts += kind == ACCOUNTS;
    }
}

void state_index(struct state *s)
{
    json_t *domain;
    const char *key;

    json_object_clear(s->index);
    s->accounts = 0;
    json_object_foreach(json_object_get(s->root, "domains"), key, domain)
    {
        if (!json_object_get(domain, "name"))
            json_object_set_new(domain, "name", json_string(key));
        make_parts(domain);
        json_object_set_new(s->index, key, json_object());
        for (int kind = 0; kind < KINDS; kind++)
            index_kind(s, key, domain, (enum kind)kind);
    }
}

int state_merge(struct state *s, json_t *tree)
{
    if (!json_is_object(tree) || !json_is_object(json_object_get(tree, "domains")) ||
        json_object_update_recursive(json_object_get(s->root, "domains"), json_object_get(tree, "domains")) != 0)
        return -1;
    state_index(s);
    return state_save(s);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static json_t *addresses_sorted(const json_t *addresses)
{
    size_t n = json_object_size(addresses), i = 0;
    json_t **list = mem_alloc((n + 1) * sizeof(json_t *)), *array = json_array(), *address;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)addresses, key, address) list[i++] = address;
    qsort(list, n, sizeof(*list), by_text);
    for (i = 0; i < n; i++)
        json_array_append(array, list[i]);
    free(list);
    return array;
}

static json_t *groups_for_dump(json_t *groups)
{
    json_t *all = json_object(), *group;
    const char *key;

    json_object_foreach(groups, key, group)
    {
        json_t *copy = json_copy(group);

        json_object_set_new(copy, "addresses", addresses_sorted(json_object_get(group, "addresses")));
        json_object_set_new(all, key, copy);
    }
    return all;
}

json_t *state_json(const struct state *s)
{
    json_t *tree = json_copy(s->root), *domains = json_object(), *domain;
    const char *key;

    json_object_foreach(json_object_get(s->root, "domains"), key, domain)
    {
        json_t *copy = json_copy(domain);

        json_object_set_new(copy, "groups", groups_for_dump(json_object_get(domain, "groups")));
        json_object_set_new(domains, key, copy);
    }
    json_object_set_new(tree, "domains", domains);
    return tree;
}
