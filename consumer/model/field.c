#include "field.h"

#include <pthread.h>
#include <stdatomic.h>

#include "mem.h"

#define NEW_FIELDS 512

static const char *const known_names[FIELD_KNOWN + 1] = {
#define FIELD(number, symbol, name) [number] = name,
#include "field.def"
#undef FIELD
};

enum {
#define FIELD(number, symbol, name) RANK_##symbol,
#include "field.def"
#undef FIELD
    RANKS
};

/* Number → place in field.def, which is in the order of names. */
static const uint8_t ranks[FIELD_KNOWN + 1] = {
#define FIELD(number, symbol, name) [number] = RANK_##symbol,
#include "field.def"
#undef FIELD
};

/* The inverse of ranks, to search by name. */
static const field_id by_rank[RANKS] = {
#define FIELD(number, symbol, name) symbol,
#include "field.def"
#undef FIELD
};

/* Names of this run: written under the lock, then published by the count, so that readers need no lock. */
static char *new_names[NEW_FIELDS];
static atomic_uint n_new;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool is_word(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')))
            return false;
    }
    return s.len > 0;
}

/* Whether the name, which is not known, has the form context.attribute. */
static bool well_formed(struct slice name)
{
    static const char *const contexts[] = { "account.", "contactInfo.", "quotas.", "limits.", "group." };

    if (name.len > FIELD_NAME_MAX)
        return false;
    for (size_t i = 0; i < sizeof(contexts) / sizeof(*contexts); i++) {
        struct slice context = slice_of(contexts[i]);

        if (name.len > context.len && memcmp(name.p, context.p, context.len) == 0)
            return is_word(slice_make(name.p + context.len, name.len - context.len));
    }
    return false;
}

static field_id find_known(struct slice name)
{
    int low = 0, high = RANKS - 1;

    while (low <= high) {
        int middle = (low + high) / 2;
        int d = slice_cmp(name, slice_of(known_names[by_rank[middle]]));

        if (d == 0)
            return by_rank[middle];
        if (d < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return FIELD_NONE;
}

static field_id find_new(struct slice name)
{
    unsigned n = atomic_load_explicit(&n_new, memory_order_acquire);

    for (unsigned i = 0; i < n; i++)
        if (slice_eq(name, slice_of(new_names[i])))
            return (field_id)(FIELD_KNOWN + 1 + i);
    return FIELD_NONE;
}

static field_id add_new(struct slice name)
{
    field_id id;

    pthread_mutex_lock(&lock);
    id = find_new(name);   /* another thread may have been faster */
    if (id == FIELD_NONE) {
        unsigned n = atomic_load_explicit(&n_new, memory_order_relaxed);

        if (n < NEW_FIELDS) {
            char *copy = mem_alloc(name.len + 1);

            new_names[n] = memcpy(copy, name.p, name.len);
            atomic_store_explicit(&n_new, n + 1, memory_order_release);
            id = (field_id)(FIELD_KNOWN + 1 + n);
        }
    }
    pthread_mutex_unlock(&lock);
    return id;
}

field_id field_intern(struct slice name)
{
    field_id id = find_known(name);

    if (id == FIELD_NONE)
        id = find_new(name);
    if (id == FIELD_NONE && well_formed(name))
        id = add_new(name);
    return id;
}

const char *field_name(field_id id)
{
    if (field_is_known(id))
        return known_names[id];
    if (id > FIELD_KNOWN && id - FIELD_KNOWN - 1u < atomic_load_explicit(&n_new, memory_order_acquire))
        return new_names[id - FIELD_KNOWN - 1];
    return "";
}

bool field_is_known(field_id id)
{
    return id <= FIELD_KNOWN && known_names[id] != NULL;
}

int field_compare(field_id a, field_id b)
{
    if (field_is_known(a) && field_is_known(b))
        return (int)ranks[a] - (int)ranks[b];
    return a == b ? 0 : strcmp(field_name(a), field_name(b));
}
