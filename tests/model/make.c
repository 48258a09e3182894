#include "make.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MANY 64

static struct entry_attr *attr_named(struct arena *a, struct entry *e, const char *name)
{
    struct entry_attr *attr = (struct entry_attr *)entry_attr(e, name);

    if (attr == NULL) {
        attr = &e->attrs[e->n_attrs++];
        attr->name = slice_of(name);
        attr->values = arena_alloc(a, MANY * sizeof(*attr->values));
    }
    return attr;
}

struct entry *make_entry(struct arena *a, ...)
{
    struct entry *e = arena_alloc(a, sizeof(*e));
    const char *name;
    va_list ap;

    e->dn = slice_of("uid=x,dc=example,dc=com");
    memset(e->uuid, 7, UUID_BYTES);
    e->attrs = arena_alloc(a, MANY * sizeof(*e->attrs));
    va_start(ap, a);
    while ((name = va_arg(ap, const char *)) != NULL) {
        struct entry_attr *attr = attr_named(a, e, name);

        attr->values[attr->n_values++] = slice_of(va_arg(ap, const char *));
    }
    va_end(ap);
    return e;
}

static struct object *new_object(struct arena *a, struct slice address)
{
    struct object *o = arena_alloc(a, sizeof(*o));

    o->dn = slice_of("uid=x,dc=example,dc=com");
    memset(o->uuid, 7, UUID_BYTES);
    o->address = address;
    o->stamp = slice_of("20261124074955Z");
    o->aliases = arena_alloc(a, MANY * sizeof(*o->aliases));
    return o;
}

struct object *make_object(struct arena *a, const char *address, ...)
{
    struct object *o = new_object(a, slice_of(address));
    const char *alias;
    va_list ap;
    int field;

    va_start(ap, address);
    while ((field = va_arg(ap, int)) != FIELD_NONE)
        object_set_field(o, (field_id)field, slice_of(va_arg(ap, const char *)));
    while ((alias = va_arg(ap, const char *)) != NULL)
        o->aliases[o->n_aliases++] = slice_of(alias);
    va_end(ap);
    return o;
}

static unsigned long long state;

unsigned make_seed(void)
{
    const char *given = getenv("AXSYNC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;

    state = seed;
    return seed;
}

unsigned make_random(unsigned below)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)(state >> 33) % below;
}

__attribute__((format(printf, 2, 0))) static struct slice random_text(struct arena *a, const char *form,
                                                                       unsigned below)
{
    char text[64];
    int n = snprintf(text, sizeof(text), form, make_random(below));

    return arena_copy(a, text, (size_t)n);
}

static field_id random_field(void)
{
    static const field_id known[] = {
        FIELD_ACCOUNT_CLASS, FIELD_CONTACT_FIRST_NAME, FIELD_CONTACT_OFFICE, FIELD_CONTACT_WEBSITE,
        FIELD_LIMIT_SERVICES, FIELD_QUOTA_MBOX_COUNT,
    };
    unsigned i = make_random(8);

    return i < 6 ? known[i] : field_intern(slice_of(i == 6 ? "account.aardvark" : "contactInfo.zebra"));
}

struct object *make_random_object(struct arena *a)
{
    struct object *o = new_object(a, random_text(a, "u%u@example.com", 3));

    o->stamp = random_text(a, "2026112407495%uZ", 3);
    o->dn = random_text(a, "uid=%u,dc=example,dc=com", 3);
    for (unsigned n = make_random(9); n > 0; n--)
        object_set_field(o, random_field(), random_text(a, "v%u", 3));
    /* Ascending, each at most once. */
    for (char name = 'a'; name <= 'f'; name++)
        if (make_random(3) == 0) {
            char *text = arena_alloc(a, 16);

            *text = name;
            o->aliases[o->n_aliases++] = slice_of(strcat(text, "@example.com"));
        }
    return o;
}

static bool same_values(const struct object *x, const struct object *y)
{
    if (x->n_fields != y->n_fields || x->n_aliases != y->n_aliases)
        return false;
    for (uint32_t i = 0; i < x->n_fields; i++)
        if (x->fields[i].field != y->fields[i].field || !slice_eq(x->fields[i].value, y->fields[i].value))
            return false;
    for (uint32_t i = 0; i < x->n_aliases; i++)
        if (!slice_eq(x->aliases[i], y->aliases[i]))
            return false;
    return true;
}

bool same_object(const struct object *x, const struct object *y)
{
    return memcmp(x->uuid, y->uuid, UUID_BYTES) == 0 && x->kind == y->kind && x->state == y->state &&
           slice_eq(x->dn, y->dn) && slice_eq(x->address, y->address) && slice_eq(x->stamp, y->stamp) &&
           same_values(x, y);
}
