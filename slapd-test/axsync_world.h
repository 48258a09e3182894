/* A whole directory's life at random: accounts and groups, in containers that are made, moved, renamed and removed. In it happens what
 * happens to real ones: entries that are renamed, moved between subtrees, out of the base and back, that enter and leave the filter, that
 * are deleted and made anew under the same DN; addresses that are exchanged between two or in a ring, or with an alias; members by DN,
 * nested, of entries that are not there (yet).
 *
 * What the mail server must be is not told here but read from the directory (axsync_directory.h). So that it is known, nobody has an
 * address that somebody else has when world_settled() is called, be that one in place or not.
 *
 * What was taken away is remembered: nothing else may ever be taken away at the target (world_allows()). */
#ifndef AXSYNC_WORLD_H
#define AXSYNC_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#define WORLD_PLACES   9     /* the first three: ou=people, ou=groups, ou=away */
#define WORLD_ACCOUNTS 26
#define WORLD_GROUPS   8
#define WORLD_THINGS   (WORLD_ACCOUNTS + WORLD_GROUPS)

#define WORLD_GROUPS_DN "ou=groups,dc=example,dc=com"
#define WORLD_ALIASES   "employeeType"                     /* the attribute for aliases */
#define WORLD_WANTED    "(!(businessCategory=former))"     /* the additional filter, of accounts and of groups */
#define WORLD_ACCOUNT_FILTER "(&(objectClass=inetOrgPerson)" WORLD_WANTED ")"
#define WORLD_GROUP_FILTER   "(&(objectClass=groupOfNames)" WORLD_WANTED ")"

struct ldap;

struct world_place {
    bool there;
    int parent;               /* -1: the suffix */
    char rdn[40];
};

struct world_thing {
    bool group, there;
    bool readdressed;         /* since all was settled: what becomes of an alias would depend on who comes first */
    int place;
    char rdn[40];             /* of a group it is the address too */
    char mail[48];
    char alias[48];           /* "": none */
};

struct world {
    struct ldap *ld;
    unsigned seed, names;     /* names are never used twice */
    struct world_place places[WORLD_PLACES];
    struct world_thing things[WORLD_THINGS];
    json_t *taken;            /* has uuid, or "uuid field", of what was taken away, ever */
    size_t done;
    char what[300];           /* the last change, or what went wrong */
};

/* ld: bound as somebody who may do everything; it must outlive it. ou=people and ou=away are there and empty. */
void world_init(struct world *w, struct ldap *ld, unsigned seed);
void world_free(struct world *w);
/* Makes most of all that there can be. 0, or -1: w->what. */
int world_populate(struct world *w);
/* One change. 0, or -1: w->what. */
int world_change(struct world *w);
/* The target has all of it. */
void world_settled(struct world *w);
/* Whether what an action (a line of the output) takes away was taken away in the directory. */
bool world_allows(const struct world *w, const json_t *action);

#endif
