/* Where a server stands: contextCSN, and the mark of its database. Read before what depends on it, on the same connection, so that
 * no load balancer and no restart comes between the two. */
#ifndef LDAP_STANDING_H
#define LDAP_STANDING_H

#include "directory.h"

/* Reads both for the search m->search into *m (csns, n_csns, mark), in *a; of 389 the change numbers instead of csns. What the server does not show, or refuses to, is not
 * there. LDAP_SUCCESS, or one of libldap's negative codes with *e: nobody answered. */
int standing_read(struct directory *d, struct arena *a, struct sync_msg *m, struct err *e);

/* Connects to a server, unless that connection stands already, and reads, with the uri. A connection that stood idle may have died
 * unnoticed: then once more on a new one. LDAP_SUCCESS, or a result code with *e. */
int standing_ask(struct directory *d, size_t uri, struct arena *a, struct sync_msg *m, struct err *e);

#endif
