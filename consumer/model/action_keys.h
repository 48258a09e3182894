/* What an action touches, as keys: two actions that share one must keep their order at a target (SPEC.md section 5, Order);
 * all others may be done in any order, or side by side.
 *
 * A key is a 64-bit hash of a kind and its bytes. Hits are not verified: two different things with one hash only make
 * an action wait for another without need.
 *
 *   uuid           of the account or group; of a rebind also the old one
 *   address        its own, `from`, each alias in set. What an update or a deletion frees besides (an alias that is no longer in
 *                  set) does not stand in the action and is no key
 *   (uuid, member) each member that group.members names: with the group's uuid and address shared, so that the members of one
 *                  group do not wait for each other. Members' own addresses are no keys, but for cause rename: what follows
 *                  from a rename waits with it
 *   aliases        of a uuid, in an action that tells them
 *
 * What is left of an action that was done but for a part (OUTCOME_PART) has fewer, so that other changes of the uuid go on:
 *   a rename       its new address, for others; the aliases of its uuid: they are of the new domain
 *   the rest       the addresses of its aliases, for others
 *   group.members  (uuid, member) each */
#ifndef MODEL_ACTION_KEYS_H
#define MODEL_ACTION_KEYS_H

#include "action.h"
#include "mem.h"

/* Stored by number: append only. */
enum key_mode {
    KEY_SHARED,      /* stands in the way of exclusive ones */
    KEY_EXCLUSIVE,   /* … of all */
    KEY_FOREIGN,     /* … of all that other uuids do, and only what they do stands in its own */
    KEY_MARK,        /* of none: finds what is left of a uuid's actions */
    KEY_MODES
};

/* Whether a key in this mode stands in the way of the same key in that. */
bool key_conflict(enum key_mode theirs, enum key_mode ours);

struct action_key {
    uint64_t hash;
    enum key_mode mode;
};

struct action_keys {
    struct action_key *keys;   /* in the arena given; the same one may stand there twice */
    uint32_t n;
};

void action_keys(const struct action *a, struct action_keys *out, struct arena *arena);

/* The keys of what is left, and the action that is left: a rename and group.members as they are; of the rest an update with
 * nothing but the aliases, since all else was done and may be old by the time it is tried again. *rest points into *a. */
void action_rest(const struct action *a, struct action *rest, struct action_keys *out, struct arena *arena);

/* Single keys, to find rows by: all actions of a uuid; what is left of some. */
uint64_t action_key_uuid(const uint8_t *uuid);
uint64_t action_key_rest(const uint8_t *uuid);

/* Moves or takes away a name: of one such action at a time it can be seen at the target whether it was done. */
bool action_is_alone(const struct action *a);
bool action_is_rename(enum action_type t);
bool action_is_delete(enum action_type t);
bool action_is_create(enum action_type t);
bool action_is_rebind(enum action_type t);
/* Aliases in set or clear. */
bool action_tells_aliases(const struct action *a);
/* What comes after the @ of its address; empty: nothing does. */
struct slice action_domain(const struct action *a);

#endif
