/* The names in axsync's sync actions, for programs that read them: one JSON object a line (UTF-8, RFC 8259). What they
 * mean, and how to read them safely, is in docs/actions.md; docs/actions.schema.json defines them.
 *
 * Read what you know and skip what you don't: later versions may add keys, fields and values; none is ever given
 * another meaning. */
#ifndef AXSYNC_ACTIONS_H
#define AXSYNC_ACTIONS_H

/* Keys, in the order of a line. Those that are not in every line say where they are. */
#define AXSYNC_KEY_SEQ       "seq"
#define AXSYNC_KEY_TIME      "time"
#define AXSYNC_KEY_CONNECTOR "connector"
#define AXSYNC_KEY_ACTION    "action"
#define AXSYNC_KEY_UUID      "uuid"
#define AXSYNC_KEY_DN        "dn"
#define AXSYNC_KEY_ADDRESS   "address"
#define AXSYNC_KEY_FROM      "from"     /* rename: the old address; rebind: the old uuid */
#define AXSYNC_KEY_SET       "set"      /* create, update */
#define AXSYNC_KEY_CLEAR     "clear"    /* create, update */
#define AXSYNC_KEY_ADD       "add"      /* group.members */
#define AXSYNC_KEY_REMOVE    "remove"   /* group.members */
#define AXSYNC_KEY_CAUSE     "cause"
#define AXSYNC_KEY_PHASE     "phase"

/* Values of "action". */
#define AXSYNC_ACTION_ACCOUNT_CREATE "account.create"
#define AXSYNC_ACTION_ACCOUNT_UPDATE "account.update"
#define AXSYNC_ACTION_ACCOUNT_RENAME "account.rename"
#define AXSYNC_ACTION_ACCOUNT_REBIND "account.rebind"
#define AXSYNC_ACTION_ACCOUNT_DELETE "account.delete"
#define AXSYNC_ACTION_GROUP_CREATE   "group.create"
#define AXSYNC_ACTION_GROUP_UPDATE   "group.update"
#define AXSYNC_ACTION_GROUP_RENAME   "group.rename"
#define AXSYNC_ACTION_GROUP_REBIND   "group.rebind"
#define AXSYNC_ACTION_GROUP_DELETE   "group.delete"
#define AXSYNC_ACTION_GROUP_MEMBERS  "group.members"

/* Values of "cause". */
#define AXSYNC_CAUSE_ADD     "add"
#define AXSYNC_CAUSE_MODIFY  "modify"
#define AXSYNC_CAUSE_RENAME  "rename"
#define AXSYNC_CAUSE_DELETE  "delete"
#define AXSYNC_CAUSE_LEAVE   "leave"
#define AXSYNC_CAUSE_ABSENT  "absent"
#define AXSYNC_CAUSE_MOVED   "moved"
#define AXSYNC_CAUSE_RESOLVE "resolve"
#define AXSYNC_CAUSE_RESYNC  "resync"
#define AXSYNC_CAUSE_REPAIR  "repair"

/* Values of "phase". */
#define AXSYNC_PHASE_REFRESH "refresh"
#define AXSYNC_PHASE_PERSIST "persist"
#define AXSYNC_PHASE_POLL    "poll"
#define AXSYNC_PHASE_LOCAL   "local"

/* The one field whose value in "set" is an array of strings; all others are context.attribute with a string. */
#define AXSYNC_FIELD_ALIASES "aliases"

/* A group.members action names at most so many members, those in "add" and in "remove" together. */
#define AXSYNC_MEMBERS_MAX 1000

#endif
