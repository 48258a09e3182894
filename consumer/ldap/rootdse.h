/* What a server says of itself in its root DSE (RFC 4512, section 5.1). */
#ifndef LDAP_ROOTDSE_H
#define LDAP_ROOTDSE_H

#include "directory.h"

struct rootdse {
    bool lists_controls;     /* supportedControl can be read; else nothing is known */
    bool sync;               /* … and RFC 4533's is among them. slapd lists it without the overlay too */
    bool paged;              /* … and RFC 2696's */
};

/* LDAP_SUCCESS, or one of libldap's negative codes with *e. */
int rootdse_read(struct directory *d, struct rootdse *r, struct err *e);

/* The first value of an attribute of one entry, appended to *out; nothing if the server does not show it. As above. */
int rootdse_value(struct directory *d, const char *dn, const char *attribute, struct buf *out, struct err *e);

#endif
