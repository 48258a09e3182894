/* Distinguished names, compared as LDAP compares them. No libldap here: model/ is pure, and a normaliser that also runs
 * offline, on stored names, must not depend on the schema of a server.
 *
 * The canonical form is text again, a DN that is its own canonical form: `uid=alice,ou=people,dc=example,dc=com`. Equal
 * DNs have equal bytes; a "," stands in it only between two RDNs. What is made equal (RFC 4514, RFC 4518):
 *   - attribute types: case, the OIDs and long names of the usual ones (2.5.4.3, commonName = cn), the prefix "OID.";
 *   - spaces around "=", "+" and ","; ";" for "," and values in quotes (RFC 2253, section 4);
 *   - escapes: \, = \2C = \2c; #hex of a BER string = the string;
 *   - the order of the parts of a multi-valued RDN;
 *   - in values: case of ASCII and of Latin, Greek and Cyrillic letters up to U+045F; white space of ASCII at both ends
 *     and its inner runs.
 * What is not: NFKC (a letter and its accent as two characters), letters beyond those, characters that RFC 4518 maps to
 * nothing. Two such forms of one name stay different: a member is not found then, and never another one. Values of types
 * with a case-sensitive rule are folded too: no server is known to name people or groups by them. */
#ifndef MODEL_DN_H
#define MODEL_DN_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "slice.h"

/* Appends the canonical form. False, and *out as it was, if the text is no DN. The empty DN gives nothing and true. */
bool dn_normalise(struct slice text, struct buf *out);

/* Whether both name the same entry. Texts that are no DNs are the same if their bytes are. */
bool dn_same(struct slice a, struct slice b);

/* Appends the canonical form, cut to DN_KEY_MAX bytes: what of a longer one is left over stands at its end as a hash. For keys
 * that have a bound, and for what is compared with them. False as above. */
#define DN_KEY_MAX 400
bool dn_key(struct slice text, struct buf *out);

/* All below take a DN as written or in canonical form alike, and give parts of that same text. */

/* What stands after the first RDN; empty for a DN of one RDN, for the empty one, and for what is no DN. */
struct slice dn_parent(struct slice dn);

/* The first RDN. */
struct slice dn_rdn(struct slice dn);

/* How many RDNs it has. */
size_t dn_depth(struct slice dn);

/* Whether dn is base or lies below it. Canonical forms only. Everything is within the empty DN. */
bool dn_within(struct slice dn, struct slice base);

/* Appends dn with its ending old_base replaced by new_base, the RDNs before it as they are written. False, and *out as it
 * was, if dn is not within old_base. */
bool dn_move(struct slice dn, struct slice old_base, struct slice new_base, struct buf *out);

/* A value of the syntax Name and Optional UID (RFC 4517, 3.3.21: uniqueMember) without its UID, `#'0101'B`. */
struct slice dn_without_uid(struct slice value);

#endif
