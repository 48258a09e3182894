/* Members of a group as its entry names them: SPEC.md 2.4.
 *
 * A reference is one byte of kind and a canonical text, so that two that mean the same are equal bytes, and short enough
 * for a key. What address a reference gives is not known here: that depends on what is mirrored. */
#ifndef MODEL_MEMBER_H
#define MODEL_MEMBER_H

#include "mapping.h"

enum member_kind {            /* stored */
    MEMBER_ADDRESS = 'a',     /* an address as it is, lower case */
    MEMBER_DN = 'd',          /* dn_key() */
    MEMBER_NAME = 'n'         /* the address that an account of this name would have */
};

#define MEMBER_REF_MAX 401    /* bytes */
#define MEMBER_CHUNK 1000     /* addresses in one action, added and removed together */

struct member_list {
    struct slice *refs;       /* ascending by bytes, no two the same */
    uint32_t n;
    struct mapping_note *notes;   /* values that name nobody: no DN, no address; left out */
};

/* What an entry names, by the settings of `groups`. Values of memberUid are names, those of any other attribute are DNs,
 * with the optional UID of uniqueMember cut off. Names become addresses by the rules of `accounts`. All in *a. */
void member_read(const struct mapping *groups, const struct mapping *accounts, const struct entry *e, struct arena *a,
                 struct member_list *out);

/* The references by which an object can be named: by its DN, and an account by its name. Appends; *out as it was, and false, if
 * the DN is none. */
bool member_ref_of_dn(struct slice dn, struct buf *out);
void member_ref_of_name(struct slice address, struct buf *out);

struct member_diff {
    struct slice *add, *lost;
    uint32_t n_add, n_lost;
};

/* The difference of two ascending lists without repetitions, as one walk over both. Arrays in *a; slices are those given. */
void member_diff(const struct slice *old, uint32_t n_old, const struct slice *wanted, uint32_t n_wanted, struct arena *a,
                 struct member_diff *out);

/* By how much the number of references that give an address changes. */
struct member_change {
    struct slice address;
    int32_t by;
};

/* Sorts and adds up; what comes to nothing is left out. Returns how many remain. */
size_t member_sum(struct member_change *changes, size_t n);

/* The next action of a difference: what it adds and removes, from *diff, which then is what remains. False: nothing does. An
 * address removed and one added go together as far as they fit. */
bool member_chunk(struct member_diff *diff, struct member_diff *chunk);

#endif
