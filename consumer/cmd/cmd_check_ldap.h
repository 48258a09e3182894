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

/* cmd_check_schema.c */
void check_schema(const struct check_ldap *d);

#endif
