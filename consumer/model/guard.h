/* The guard's opinion, as a function of numbers: SPEC.md 2.7, step 3. */
#ifndef MODEL_GUARD_H
#define MODEL_GUARD_H

#include <stdbool.h>
#include <stdint.h>

/* Kinds that are judged apart. Stored by number: append only. */
enum guard_kind {
    GUARD_ACCOUNT_DELETE, GUARD_GROUP_DELETE, GUARD_ACCOUNT_RENAME, GUARD_CLEAR, GUARD_MEMBERS,
    GUARD_REBIND,   /* never judged: always held */
    GUARD_KINDS
};
/* The word of `holds` and `status --json`: "account.delete", "group.delete", "account.rename", "clear",
 * "members.remove", "rebind". */
const char *guard_kind_name(enum guard_kind kind);

struct guard_limits {            /* 0: off */
    int64_t max_deletes;
    int64_t max_delete_percent;
    int64_t max_clears;
    int64_t max_clear_percent;
    int64_t max_members_removed;
};

struct guard_count {
    int64_t detected;            /* entries, within the window, waiting or released, not approved */
    int64_t mirrored;            /* objects of the kind, clears: those that have the field; what was released within the window still
                                    counts, so that the measure does not shrink with what it measures */
};

/* True if all that waits of this kind must become a hold; *why then says by which rule, with the numbers
 * (why has GUARD_WHY bytes). Where this is false it stays so with fewer detected and more mirrored: release.c counts exactly only
 * where a rough count is held. */
#define GUARD_WHY 160
bool guard_holds(enum guard_kind kind, const struct guard_limits *limits, const struct guard_count *count, char *why);

#endif
