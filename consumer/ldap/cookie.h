/* Cookies and the CSN sets in them. Pure.
 *
 * OpenLDAP's form: rid=NNN[,sid=SSS][,csn=CSN(;CSN)*][,delcsn=CSN], a CSN being
 * YYYYmmddHHMMSS.uuuuuuZ#cccccc#sss#mmmmmm with sid in hex. Anything else is opaque and kept as it came. */
#ifndef LDAP_COOKIE_H
#define LDAP_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "slice.h"

#define CSN_TEXT 41   /* with the NUL */

struct csn {
    uint16_t sid;
    char text[CSN_TEXT];
};

/* At most one CSN per server ID, ascending by server ID. Zero-initialise; csn_set_free(). */
struct csn_set {
    size_t n;
    struct csn *csns;
};

/* Checks the form of one CSN strictly. False if it has not. */
bool csn_parse(struct slice text, struct csn *out);
void csn_set_free(struct csn_set *s);
void csn_set_copy(struct csn_set *to, const struct csn_set *from);
/* Takes a CSN in; of two with one server ID the newer stays. True if the set changed. */
bool csn_set_add(struct csn_set *s, const struct csn *c);
/* Takes all of `from` in. True if the set changed. */
bool csn_set_merge(struct csn_set *s, const struct csn_set *from);
/* Whether `s` lacks a server ID of `other`, or has an older CSN for one: then *sid is the first such. */
bool csn_set_behind(const struct csn_set *s, const struct csn_set *other, uint16_t *sid);
/* Text form "CSN;CSN", and back (false if any part is malformed; *s is then empty). */
void csn_set_format(const struct csn_set *s, struct buf *out);
bool csn_set_parse(struct slice text, struct csn_set *s);

enum cookie_flavour { COOKIE_NONE, COOKIE_OPENLDAP, COOKIE_OPAQUE };

struct cookie {
    enum cookie_flavour flavour;
    unsigned rid;
    struct csn_set csns;
    struct buf opaque;
};

void cookie_free(struct cookie *c);
/* Takes in a cookie that came from the provider (SPEC.md 2.1): an empty one, or an OpenLDAP one without a CSN, changes
 * nothing; OpenLDAP's CSNs merge per server ID, the newer wins; an opaque one replaces. A malformed cookie that begins
 * like OpenLDAP's changes nothing and is told by *malformed. True if *c changed. */
bool cookie_take(struct cookie *c, struct slice received, bool *malformed);
/* What is sent back and stored: rid and CSNs, never the sid; or the opaque bytes; nothing for COOKIE_NONE. */
void cookie_format(const struct cookie *c, struct buf *out);
/* Reads the stored form back: cookie_take() on an empty cookie. */

#endif
