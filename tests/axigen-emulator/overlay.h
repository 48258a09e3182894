/* What one connection changed in a domain and no COMMIT made real yet. It lies over the state: the connection sees its
 * own changes, others don't, and it is dropped by BACK, or when the connection ends. */
#ifndef EMULATOR_OVERLAY_H
#define EMULATOR_OVERLAY_H

#include "state.h"
#include "tally.h"

#define OVERLAY_KINDS 2 /* accounts and groups */

struct overlay {
    json_t *entries;             /* id → {"kind", "origin": key in the state or null, "key", "value": or null} */
    json_t *keys[OVERLAY_KINDS]; /* key → id, or null: nothing is there any more */
    json_t *names;               /* name → id of who has it here */
    json_t *freed;               /* names of the state that were given up here */
};

struct overlay *overlay_new(void);
void overlay_free(struct overlay **o);

/* The object as this connection sees it; borrowed, NULL if there is none. */
json_t *overlay_get(const struct overlay *o, const struct state *s, const char *domain, enum kind kind,
                    const char *key);
/* True if an object of this id may take the name (lower case). freed_now: what was given up here counts as free. Names
 * that the object's own working copy uses are the caller's business. */
bool overlay_name_free(const struct overlay *o, const struct state *s, const char *domain, const char *name, long id,
                       bool freed_now);
/* The object is now like this (copied). origin: its key in the state, NULL if it isn't there. */
void overlay_put(struct overlay *o, const struct state *s, const char *domain, enum kind kind, const char *origin,
                 const json_t *object);
/* The object is no more. */
void overlay_remove(struct overlay *o, const struct state *s, const char *domain, enum kind kind, const json_t *object);

/* Makes all of it real and empties it, or nothing: -1 with *name_r, the name that somebody else took meanwhile or
 * whose object is gone (free() it). Counts what happened. */
int overlay_apply(struct overlay *o, struct state *s, const char *domain, struct tally *t, char **name_r);

#endif
