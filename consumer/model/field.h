/* Names of Axigen's fields as small numbers.
 *
 * Numbers up to FIELD_KNOWN are fixed for good: they are stored. A field that only a configuration names gets a number
 * of this run, and is stored by its name. */
#ifndef MODEL_FIELD_H
#define MODEL_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"

typedef uint16_t field_id;

#define FIELD_KNOWN 255       /* the highest number that field.def may give */
#define FIELD_NAME_MAX 64     /* bytes of the longest name */

/* Fixed numbers (field.def, X-macro FIELD(number, symbol, "name")), e.g. FIELD_ALIASES = 1,
 * FIELD_CONTACT_FIRST_NAME = 2 … ; 0 is no field. */
enum field_known {
    FIELD_NONE = 0,
#define FIELD(number, symbol, name) symbol = number,
#include "field.def"
#undef FIELD
};

/* The number of a name, made if it is new (thread-safe). Names are case-sensitive. 0 if the name has not the form
 * "aliases" or context.attribute with context one of account, contactInfo, quotas, limits, group, and attribute of
 * ASCII letters and digits (it becomes a bare word of a command); or if a run has met too many new ones (512). */
field_id field_intern(struct slice name);

/* The name of a number that field_intern() gave or field.def has; lives for ever. */
const char *field_name(field_id id);

/* Whether the number is one of field.def, thus the same in every run. */
bool field_is_known(field_id id);

/* The order of two fields by their names' bytes: <0, 0, >0. A table look-up for known ones. */
int field_compare(field_id a, field_id b);

#endif
