/* A directory entry as the rest of the program sees it: no libldap type is known beyond ldap/. */
#ifndef MODEL_ENTRY_H
#define MODEL_ENTRY_H

#include <stdint.h>

#include "slice.h"
#include "text.h"

/* Values are as the server sent them, in its order, each with a NUL after it that len does not count. */
struct entry_attr {
    struct slice name;          /* as the server wrote it, with its options: "cn;lang-de" */
    uint32_t n_values;
    struct slice *values;
};

/* Lives in the arena of whoever made it. */
struct entry {
    uint8_t uuid[UUID_BYTES];
    struct slice dn;            /* as the server wrote it */
    uint32_t n_attrs;
    struct entry_attr *attrs;
};

/* The attribute of that name, without regard to case, or NULL. */
const struct entry_attr *entry_attr(const struct entry *e, const char *name);

/* How old an entry's content is: its entryCSN, or else its modifyTimestamp; empty where neither is there.
 * Two stamps of the same form compare by bytes (slice_cmp). */
struct slice entry_stamp(const struct entry *e);

/* Whether content stamped `a` is older than content stamped `b`. Unknown, or of two forms, is not older. */
bool stamp_older(struct slice a, struct slice b);

#endif
