/* Which UUIDs a look-up asks for, and which of them have been answered. Pure.
 *
 * They are looked up part by part: LOOKUP_AT_ONCE by a filter that names them; or, if they are many or the first parts showed that
 * the server is slow at that (no index on entryUUID), all that are left by one listing. */
#ifndef LDAP_LOOKUP_H
#define LDAP_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"
#include "text.h"

#define LOOKUP_AT_ONCE 64
#define LOOKUP_SLOW_MS 1000      /* a part that took longer is the last one by filter */

struct lookup_item {
    uint8_t uuid[UUID_BYTES];    /* first: items are found by it */
    struct slice dn;             /* where it was known to be; empty: nowhere */
    bool answered;
};

struct lookup {
    struct lookup_item *items;   /* ascending by uuid, each once */
    size_t n;
    size_t from, to;             /* the part under way */
    size_t open;                 /* no UUID of the part before this one is without an answer */
    bool by_list;                /* the part is everything that is left */
    int64_t part_ms;             /* clock_mono_ms() of its begin */
    bool ds389;                  /* by nsUniqueId, and not by entryUUID */
};

/* Copies uuids; some may be there twice. dns (may be NULL) are parallel to them, and not copied. */
void lookup_init(struct lookup *l, const uint8_t *uuids, const struct slice *dns, size_t n);
void lookup_free(struct lookup *l);

/* Goes on to the next part. False: there is none. */
bool lookup_part(struct lookup *l);
/* Makes all UUIDs one part. */
void lookup_all(struct lookup *l);

/* Whether it is a UUID of the part that had no answer yet; it has one now. */
bool lookup_answer(struct lookup *l, const uint8_t uuid[UUID_BYTES]);
/* The next one of the part without an answer, which counts as answered now; NULL: none. */
const struct lookup_item *lookup_next_open(struct lookup *l);
bool lookup_is_answered(const struct lookup *l);

/* The filter for the part: malloc'ed. and_filter (may be NULL) must hold as well; `also` (may be NULL) is one more UUID. */
char *lookup_filter(const struct lookup *l, const char *and_filter, const uint8_t *also);
/* attrs and the keys of all servers: a malloc'ed array that points into attrs. NULL stands for all user attributes. */
char **lookup_attrs(char **attrs);

#endif
