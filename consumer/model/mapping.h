/* From an entry to the object it should be: relevance that the server cannot judge, the address, the fields.
 *
 * Pure: no I/O, no clock, no store. SPEC.md 2.2, 2.3 and 2.5. */
#ifndef MODEL_MAPPING_H
#define MODEL_MAPPING_H

#include <stdbool.h>

#include "entry.h"
#include "err.h"
#include "mem.h"
#include "object.h"

/* How a value becomes a field's. */
enum mapping_conversion { CONVERT_TEXT, CONVERT_POSTAL, CONVERT_LABELED_URI };

/* One row of the table for a kind: attribute → field. */
struct mapping_row {
    char *attribute;
    field_id field;
    enum mapping_conversion conversion;
};

/* What a configuration says about one kind of object. Owned by the maker, freed by mapping_free(). */
struct mapping {
    enum object_kind kind;
    char *name_attribute;
    bool name_is_whole_address;   /* match…FullEmailAddress */
    char *domain;                 /* lower case; may be NULL where names are whole addresses */
    char *host_attribute;         /* NULL: no clusteredSetup */
    char *host;
    char *member_attribute;       /* of groups; NULL: their members are not read */
    char *address_attribute;      /* of groups: more members, given as addresses; may be NULL */
    size_t n_rows;
    struct mapping_row *rows;
    char **request;               /* NULL-terminated: attributes to ask the server for, each once; with entryCSN and
                                     modifyTimestamp, without entryUUID (the control carries it) */
};

/* An `attribute` section of the configuration. */
struct mapping_override {
    const char *attribute;
    const char *field;            /* "": the built-in rows of this attribute are off */
    enum object_kind kind;
};

/* Builds the table: the built-in rows of SPEC.md 2.5 for this kind, then the overrides, each of which replaces the
 * built-in rows of its attribute (whatever its kind) and of its kind and field. Copies all text; "" is as good as NULL
 * for domain, host_attribute and host. NULL and *e: a field that is none, or none of its kind, or one that only axsync
 * itself sets (name, password); or more than MAPPING_MAX_ROWS rows. All overrides are checked, whatever their kind. */
#define MAPPING_MAX_ROWS (OBJECT_MAX_FIELDS / 2)
struct mapping *mapping_new(enum object_kind kind, const char *name_attribute, bool whole_address, const char *domain,
                            const char *host_attribute, const char *host, const struct mapping_override *overrides,
                            size_t n_overrides, struct err *e);
void mapping_free(struct mapping **m);

/* Of groups: where their members stand, which is then asked for too. Copies; "" is as good as NULL. */
void mapping_set_members(struct mapping *m, const char *member_attribute, const char *address_attribute);

enum mapping_result {
    MAPPED,
    MAPPED_ELSEWHERE,   /* clusteredSetup: its host is another one; only uuid, kind, dn and stamp of *wanted are set */
    MAPPED_INVALID      /* no usable address, or its host can't be read: *reason says what and why */
};

/* A problem with part of an entry that does not make the entry invalid: a field whose value is not UTF-8 (left as it
 * was), an alias that is no address of the account's domain (left out). */
struct mapping_note {
    field_id field;
    struct slice text;
    bool keep;          /* the field must stay what it was told as: neither set nor cleared */
    struct mapping_note *next;
};

/* Maps an entry. `told` is what is mirrored of it so far or NULL: of several address values the one mirrored stays, and
 * what was told of a field that no row has any more is carried over, since a mapping taken out of the configuration
 * clears nothing (also of one that is gone and returns: the target may still have it). All that *wanted points to lives
 * in *a or in the memory of *e and *told. *reason is set for MAPPED_INVALID, *notes to the list of notes (NULL: none). */
enum mapping_result mapping_apply(const struct mapping *m, const struct entry *e, const struct object *told,
                                  struct arena *a, struct object *wanted, struct slice *reason,
                                  struct mapping_note **notes);

/* The address of one value by the rules of SPEC.md 2.3. False and *reason if there is none. */
bool mapping_address(const struct mapping *m, struct slice value, struct arena *a, struct slice *address,
                     const char **reason);

/* The usual form of an address that nobody's entry has: axsync-UUID@domain of `address`. */
struct slice mapping_parking_address(const uint8_t uuid[UUID_BYTES], struct slice address, struct arena *a);

#endif
