/* What the target must be, computed from the directory itself by the rules of SPEC.md 2.2, 2.3 and 2.5, and by other
 * code than the program's. */
#ifndef AXSYNC_DIRECTORY_H
#define AXSYNC_DIRECTORY_H

#include <jansson.h>

#include "slapdtest.h"

struct directory_view {
    const char *base;       /* NULL: ou=people,dc=example,dc=com */
    const char *filter;     /* NULL: (objectClass=inetOrgPerson) */
    const char *aliases;    /* the attribute that is mapped to aliases; NULL: none */
};

/* address → {"uuid": …, "set": {…}}; with_dn adds "dn" and "state", as axsync_dump() has them. Two entries with one
 * address: the first that the server shows counts. A new reference, or NULL: see slapdtest_error(). */
json_t *directory_accounts(struct slapdtest *server, const struct directory_view *view, int with_dn);

/* The same over a connection, which may see the whole of a 389 server: then the UUIDs are its nsUniqueIds. */
struct ldap;
json_t *directory_accounts_on(struct ldap *ld, const struct directory_view *view, int with_dn);

/* The groups of ou=groups: address → {"uuid": …, "set": {}, "members": {address: true, …}}. Whom a DN names is asked of the server,
 * by a read of that entry. A new reference, or NULL. */
struct directory_groups {
    const char *filter;      /* "(objectClass=groupOfNames)" */
    const char *member;      /* the attribute; memberUid: names */
    const char *addresses;   /* the attribute of more members, as addresses; NULL: none */
    const char *accounts;    /* who is an account; NULL: (objectClass=inetOrgPerson) */
};
json_t *directory_groups(struct slapdtest *server, const struct directory_groups *view);
json_t *directory_groups_on(struct ldap *ld, const struct directory_groups *view);

/* Adds what there is at and under a DN, which is there: uuid → DN. */
void directory_dns(struct ldap *ld, const char *base, const char *filter, json_t *dns);

#endif
