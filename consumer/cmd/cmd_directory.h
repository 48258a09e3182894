/* What the subcommands that ask a directory themselves make of a connector's configuration, and DNs to compare. */
#ifndef CMD_CMD_DIRECTORY_H
#define CMD_CMD_DIRECTORY_H

#include "cmd.h"
#include "conn.h"
#include "mapping.h"

/* Points into *c, which must outlive it. */
struct conn_settings cmd_conn_settings(const struct config_connector *c);

int cmd_ldap_scope(enum config_scope scope);

/* The mapping of a kind, for mapping_free(). NULL and *e as mapping_new(). */
struct mapping *cmd_mapping(const struct config_connector *c, enum object_kind kind, struct err *e);

/* How many levels dn lies below base: 0 if it is base, -1 if it does not lie under it, or if one of them is no DN. Compared as
 * most attributes of DNs are: without regard to case and to blanks at the edges. */
int cmd_dn_levels(struct slice dn, struct slice base);

#endif
