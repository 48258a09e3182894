/* Addresses: SPEC.md 2.3. Only mapping uses this; the rest of the program has mapping_address(). */
#ifndef MODEL_NAME_H
#define MODEL_NAME_H

#include "mapping.h"

/* The address of a value. whole: the value is one, or a local part if it has no "@"; else what stands before an "@" is
 * the local part. Lower case for ASCII; other letters stay as they are, since what their lower case is depends on the
 * version of Unicode, and an address must never change by itself. False and *reason if there is none. */
bool name_address(struct slice value, bool whole, struct slice domain, struct arena *a, struct slice *address,
                  const char **reason);

/* What stands after the "@"; empty if there is none. */
struct slice name_domain(struct slice address);

/* The address of an entry: of its usable values the one that `told` (or NULL) has, else the smallest. False and
 * *reason if it has none. */
bool name_choose(const struct mapping *m, const struct entry *e, const struct object *told, struct arena *a,
                 struct slice *address, struct slice *reason);

#endif
