/* What differs between an object as it is and as it should be, for people: what `axsync verify` finds.
 *
 * Pure. It is no plan (plan.h): that says what is to be told, this says what is not the same, with both values. */
#ifndef MODEL_COMPARE_H
#define MODEL_COMPARE_H

#include "buf.h"
#include "mapping.h"
#include "object.h"

enum difference_what { DIFFERENCE_DN, DIFFERENCE_ADDRESS, DIFFERENCE_FIELD, DIFFERENCE_ALIAS, DIFFERENCE_MEMBER };

struct difference {
    enum difference_what what;
    field_id field;            /* DIFFERENCE_FIELD */
    struct slice have, wanted; /* empty: not there */
};

/* Slices point into what was compared, the array into the arena. Zero-initialise. */
struct differences {
    struct difference *items;
    size_t n, room;
};

/* Appends what differs: DN, address, fields in the order of their names, aliases. A note with keep set takes its field
 * out, as in a plan; a field that only `have` has differs too. */
void compare_objects(const struct object *have, const struct object *wanted, const struct mapping_note *notes,
                     struct arena *a, struct differences *out);

/* Appends what only one of two ascending lists without repetitions has. */
void compare_lists(enum difference_what what, const struct slice *have, size_t n_have, const struct slice *wanted,
                   size_t n_wanted, struct arena *a, struct differences *out);

void compare_add(struct differences *out, struct arena *a, struct difference d);

/* A difference in words: `contactInfo.office is "11" in the state, "12" in the directory`. have, wanted: the places
 * ("the state", "the directory"). Values are cut after 100 bytes. */
void compare_text(const struct difference *d, const char *have, const char *wanted, struct buf *out);

#endif
