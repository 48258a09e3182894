/* What the server has: domains with accounts, groups, lists and folder recipients, as one JSON tree in memory whose
 * objects are hash tables, with an index of all names of a domain.
 *
 * On disk (optional) it is FILE, the tree, and FILE.journal, one JSON line for each change since. A change is in the
 * journal (write(2), no fsync) before the answer to the COMMIT leaves: it survives a kill -9 of the process, not a
 * crash of the machine. The tree is written, and the journal emptied, at start, at SIGTERM and when told to. */
#ifndef EMULATOR_STATE_H
#define EMULATOR_STATE_H

#include <jansson.h>

#include "buf.h"

enum kind { ACCOUNTS, GROUPS, LISTS, FOLDER_RCPTS, KINDS };

struct state {
    json_t *root;       /* {"nextId": …, "domains": {key: domain}} */
    json_t *index;      /* domain's key → {name in lower case: id of its owner} */
    long accounts;      /* in all domains */
    char *path;         /* NULL: nothing is kept */
    int journal;        /* file descriptor, or -1 */
    struct buf pending; /* journal lines not yet written */
};

/* The name of the member that holds this kind: "accounts" … */
const char *kind_name(enum kind kind);
/* In lower case (ASCII), as keys are; free() it. */
char *name_fold(const char *name);

/* Reads path and its journal where they exist. 0, or -1 with a text in why (of size bytes). */
int state_open(struct state *s, const char *path, char *why, size_t size);
void state_free(struct state *s);
/* What was changed reaches the journal. A failure ends the process: a test must not go on without what it relies on. */
void state_flush(struct state *s);
/* Writes FILE (over a temporary file and rename(2)) and empties the journal; 0, or -1 with errno. */
int state_save(struct state *s);

/* Borrowed; NULL if there is none. Names in any case. */
json_t *state_domain(const struct state *s, const char *name);
json_t *state_object(const struct state *s, const char *domain, enum kind kind, const char *key);
/* The id of who has this name (lower case) in the domain: account, alias, group, list, folder recipient; 0: nobody. */
long state_owner(const struct state *s, const char *domain, const char *name);
long state_new_id(struct state *s);

/* Puts a copy of object at key (which is its name in lower case), in the place of what was there. */
void state_put(struct state *s, const char *domain, enum kind kind, const char *key, json_t *object);
void state_remove(struct state *s, const char *domain, enum kind kind, const char *key);
/* A new domain with this name, or one's own members ("name", "settings", "aliases", …) changed, and renamed if "name"
 * differs from its key. own is copied. */
void state_put_domain(struct state *s, const char *key, const json_t *own);

/* The members of all objects with a name: "name", then what "aliases" holds. Calls each(context, name in lower case).
 */
void object_names(const json_t *object, void (*each)(void *context, const char *name), void *context);

/* Merges a tree of the shape of a dump into the state, as if somebody else had worked on the server. 0, or -1. */
int state_merge(struct state *s, json_t *tree);
/* The tree as it is dumped: groups' addresses as sorted arrays. A new reference that shares objects with the state. */
json_t *state_json(const struct state *s);

#endif
