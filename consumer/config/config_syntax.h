/* Whether a single value has the form it must have. Pure but for the table of field names.
 *
 * Each returns NULL if the value is right, else what is wrong with it, as the end of a sentence that begins with the
 * key and the value. The empty value is not theirs to judge. */
#ifndef CONFIG_CONFIG_SYNTAX_H
#define CONFIG_CONFIG_SYNTAX_H

#include <stdbool.h>

const char *syntax_dn(const char *value);
/* ldap://, ldaps:// or ldapi://, a host or socket, nothing behind it. */
const char *syntax_ldap_uri(const char *value);
/* RFC 4515, with or without the outer parentheses; blanks between filters are allowed, as libldap allows them. */
const char *syntax_filter(const char *value);
/* Whether a right filter has its outer parentheses. */
bool syntax_filter_wrapped(const char *value);
/* The name or OID of an attribute type or object class (RFC 4512). */
const char *syntax_descriptor(const char *value);
/* The same, maybe with options: "cn;lang-en". */
const char *syntax_attribute(const char *value);
const char *syntax_domain(const char *value);
/* A connector's or sink's name: it becomes the name of a directory, and CONNECTOR/SINK/SEQ a word of commands. */
const char *syntax_name(const char *value);
const char *syntax_mechanism(const char *value);
/* A host name or an IP address. */
const char *syntax_host(const char *value);
/* address:port */
const char *syntax_listen(const char *value);
const char *syntax_field(const char *value);

#endif
