/* The mirrored account or group as a value: what the sinks were last told of it, and all of it was set by us.
 *
 * The stored form (object_encode) stands at the top of object.c with an example in hex. */
#ifndef MODEL_OBJECT_H
#define MODEL_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "field.h"
#include "mem.h"
#include "slice.h"
#include "text.h"

enum object_kind { OBJECT_ACCOUNT, OBJECT_GROUP, OBJECT_KINDS };
const char *object_kind_name(enum object_kind kind);   /* "account", "group" */

enum object_state {
    OBJECT_MIRRORED,   /* told to the sinks; the directory has it, or its deletion is pending */
    OBJECT_ORPHAN,     /* its deletion was rejected: the account stays */
    OBJECT_GONE        /* deleted or left; kept while a sink's record has its uuid */
};

#define OBJECT_MAX_FIELDS 128

struct object_field {
    field_id field;
    struct slice value;
};

/* All slices point into memory of the maker's: the bytes decoded from, or an arena. */
struct object {
    uint8_t uuid[UUID_BYTES];
    enum object_kind kind;
    enum object_state state;
    struct slice dn;             /* as the server last wrote it */
    struct slice address;        /* lower case; what the sinks know */
    struct slice stamp;          /* entry_stamp() of the last content that was taken in */
    uint32_t n_fields;           /* ascending by field name, each at most once, no empty value; not aliases */
    struct object_field fields[OBJECT_MAX_FIELDS];
    uint32_t n_aliases;          /* whole addresses, lower case, ascending by bytes, no two the same */
    struct slice *aliases;
};

/* Appends the stored form. */
void object_encode(const struct object *o, struct buf *out);

/* Reads it back; slices of *o point into bytes, the array of aliases into *a. 0, or -1 if the bytes are none of ours
 * (a later version, or damaged). Unknown tags are skipped. */
int object_decode(struct slice bytes, struct object *o, struct arena *a);

/* Cheap reads that do not decode the whole: address, uuid (16 bytes) and stamp of a stored form. Empty if damaged. */
struct slice object_peek_address(struct slice bytes);
struct slice object_peek_uuid(struct slice bytes);
struct slice object_peek_stamp(struct slice bytes);

/* The value of a field, or an empty slice. */
struct slice object_field(const struct object *o, field_id field);

/* Sets (value not empty) or removes (empty) a field in place, keeping the order. Values are not copied.
 * False if there are OBJECT_MAX_FIELDS already. */
bool object_set_field(struct object *o, field_id field, struct slice value);

#endif
