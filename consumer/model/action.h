/* The sync action: what goes through the queue to the sinks. The queue stores its JSON line (docs/actions.md) as it is
 * given to the file sink, so there is one format to know, to print and to test. */
#ifndef MODEL_ACTION_H
#define MODEL_ACTION_H

#include <stdint.h>

#include "buf.h"
#include "object.h"

enum action_type {
#define ACTION(symbol, name) symbol,
#include "action.def"
#undef ACTION
    ACTION_TYPES
};

/* In order of harshness where it matters: a look-up may turn CAUSE_DELETE or CAUSE_ABSENT into CAUSE_LEAVE, never the
 * other way. Stored by number in pending rows: append only. */
enum cause {
    CAUSE_ADD, CAUSE_MODIFY, CAUSE_RENAME, CAUSE_DELETE, CAUSE_LEAVE, CAUSE_ABSENT, CAUSE_MOVED, CAUSE_RESOLVE,
    CAUSE_RESYNC, CAUSE_REPAIR, CAUSES
};
enum phase_word { PHASE_REFRESH, PHASE_PERSIST, PHASE_POLL, PHASE_LOCAL, PHASES };

const char *action_type_name(enum action_type t);   /* "account.create" … */
const char *cause_name(enum cause c);
const char *phase_name(enum phase_word p);

struct action {
    uint64_t seq;
    int64_t time_ms;                  /* wall clock */
    struct slice connector;
    enum action_type type;
    const uint8_t *uuid;              /* UUID_BYTES */
    struct slice dn;
    struct slice address;
    struct slice from;                /* rename: old address; rebind: old uuid as text; else empty */
    const struct object_field *set;   /* ascending by field name */
    uint32_t n_set;
    const struct slice *set_aliases;  /* all of them, sorted; n 0: "aliases" is not in set */
    uint32_t n_set_aliases;
    const field_id *clear;            /* ascending by field name */
    uint32_t n_clear;
    const struct slice *add, *remove; /* group.members: sorted */
    uint32_t n_add, n_remove;
    enum cause cause;
    enum phase_word phase;
};

/* A create of all that *o has, without seq, time and connector; it points into *o. */
struct action action_create_of(const struct object *o, enum cause cause, enum phase_word phase);

/* Appends one JSON object, keys in the order of SPEC.md section 4, without a line end. Inside set, "aliases" and the
 * fields are ascending by name. */
void action_json(const struct action *a, struct buf *out);

/* The seq of a line that action_json() made; 0 if it has none (torn or not ours). Looks at its beginning only. */
uint64_t action_line_seq(struct slice line);

#endif
