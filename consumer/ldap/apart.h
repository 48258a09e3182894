/* Which searches a session is made of. Containers are searched under what several bases share, which the bind DN may not be allowed to
 * search although it may all that lies below: then each base is searched on its own instead. Found out anew at each session, so
 * that a right that is given later counts.
 *
 *   SPEC_ALWAYS     in each session
 *   SPEC_TOGETHER   where its base can be searched
 *   SPEC_APART      where one of those can't be */
#ifndef LDAP_APART_H
#define LDAP_APART_H

#include "source.h"

struct directory;

/* Whether the search is made. */
static inline bool apart_has(const struct search_spec *spec, bool apart)
{
    return spec->use == SPEC_ALWAYS || (spec->use == SPEC_APART) == apart;
}

/* Sets *apart, and says in the log when it became another. LDAP_SUCCESS, or one of libldap's negative codes with *e: nobody
 * answered. */
int apart_find(struct directory *d, bool *apart, struct err *e);

#endif
