/* A directory under `axsync check`. */
#ifndef CMD_CMD_CHECK_LDAP_H
#define CMD_CMD_CHECK_LDAP_H

#include <sys/time.h>

#include <ldap.h>

#include "cmd_check.h"

struct check_ldap {
    struct check *check;
    const struct config_connector *conf;
    LDAP *ld;
    LDAPMessage *root; /* the root DSE */
};

/* One entry, by its DN. NULL and *e if it can't be read; the caller frees it with ldap_msgfree(). */
LDAPMessage *check_read(const struct check_ldap *d, const char *dn, char **attrs, struct err *e);

/* The values of an attribute of the entry that check_read() gave, to be freed by ldap_value_free_len(), or NULL. */
struct berval **check_values(const struct check_ldap *d, LDAPMessage *answer, const char *attribute);

/* cmd_check_schema.c */
void check_schema(const struct check_ldap *d);

#endif
