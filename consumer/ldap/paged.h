/* Paged results (RFC 2696): a large search as one search a page, where the server offers it. Many servers give a client no more than
 * so many entries at once, and more of them in pages. */
#ifndef LDAP_PAGED_H
#define LDAP_PAGED_H

#include "buf.h"
#include "directory.h"

#define PAGED_OID "1.2.840.113556.1.4.319"
#define PAGED_ENTRIES 500    /* in a page: the size limit that slapd has by default */

/* Where a search stands. Zero-initialise; paged_free(). */
struct paged {
    struct buf cookie;       /* of the next page; empty: there is none */
    struct buf value;        /* of the control that asks for it */
};

void paged_free(struct paged *p);

/* directory_search() page by page, or all at once unless offered. */
int paged_search(struct directory *d, struct reading *r, bool offered, struct err *e);

/* For directory.c: the control that asks for the next page, in *to, and what the result of a page says of the next one. 0, or -1 with
 * *e if that does not decode. A result without the control is the last: the server has not paged. */
LDAPControl *paged_control(struct paged *p, LDAPControl *to);
int paged_take(struct paged *p, const struct message *result, struct err *e);

#endif
