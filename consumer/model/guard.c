#include "guard.h"

#include <stdio.h>

/* A percentage says nothing about a handful: one of eight accounts is an everyday deletion. */
#define FEW 5

struct limit {
    int64_t most, percent;              /* 0: off */
    const char *most_key, *percent_key; /* as the configuration writes them */
};

static const char *const kind_names[] = {
    [GUARD_ACCOUNT_DELETE] = "account.delete", [GUARD_GROUP_DELETE] = "group.delete",
    [GUARD_ACCOUNT_RENAME] = "account.rename", [GUARD_CLEAR] = "clear", [GUARD_MEMBERS] = "members.remove",
    [GUARD_REBIND] = "rebind",
};
_Static_assert(sizeof(kind_names) / sizeof(*kind_names) == GUARD_KINDS, "a name for each kind");

/* What is counted, for people. */
static const char *const kind_words[] = {
    [GUARD_ACCOUNT_DELETE] = "deletions of accounts", [GUARD_GROUP_DELETE] = "deletions of groups",
    [GUARD_ACCOUNT_RENAME] = "renames of accounts", [GUARD_CLEAR] = "clears of this field",
    [GUARD_MEMBERS] = "members removed from this group", [GUARD_REBIND] = "rebinds",
};
_Static_assert(sizeof(kind_words) / sizeof(*kind_words) == GUARD_KINDS, "words for each kind");

const char *guard_kind_name(enum guard_kind kind)
{
    return (unsigned)kind < GUARD_KINDS ? kind_names[kind] : "";
}

static struct limit limit_of(enum guard_kind kind, const struct guard_limits *l)
{
    switch (kind) {
    case GUARD_CLEAR:
        return (struct limit){ l->max_clears, l->max_clear_percent, "maxClears", "maxClearPercent" };
    case GUARD_MEMBERS:
        return (struct limit){ l->max_members_removed, 0, "maxMembersRemoved", "" };
    default:
        return (struct limit){ l->max_deletes, l->max_delete_percent, "maxDeletes", "maxDeletePercent" };
    }
}

/* All of a kind is an accident whatever the limits allow, but renames take nothing away, and a group that loses all its
 * members counts as a clear too. */
static bool all_counts(enum guard_kind kind)
{
    return kind != GUARD_ACCOUNT_RENAME && kind != GUARD_MEMBERS;
}

bool guard_holds(enum guard_kind kind, const struct guard_limits *limits, const struct guard_count *count, char *why)
{
    struct limit limit = limit_of(kind, limits);
    const char *words = kind_words[kind];
    long long detected = count->detected, mirrored = count->mirrored;

    why[0] = '\0';
    if (limit.most == 0 && limit.percent == 0)
        return false;
    if (limit.most && detected > limit.most) {
        snprintf(why, GUARD_WHY, "%lld %s, more than %s = %lld", detected, words, limit.most_key,
                 (long long)limit.most);
        return true;
    }
    if (limit.percent && detected > FEW && detected * 100 > limit.percent * mirrored) {
        snprintf(why, GUARD_WHY, "%lld %s of %lld, more than %s = %lld", detected, words, mirrored, limit.percent_key,
                 (long long)limit.percent);
        return true;
    }
    /* ≥: in a rough count what was released already is detected and not mirrored any more. */
    if (all_counts(kind) && detected > 1 && detected >= mirrored) {
        snprintf(why, GUARD_WHY, "%lld %s: that is all of them", detected, words);
        return true;
    }
    return false;
}
