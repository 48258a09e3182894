/* The server's schema (RFC 4512, section 4.2). Blocks. */
#ifndef LDAP_SCHEMA_H
#define LDAP_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/time.h>
#include <ldap.h>

/* Sets known[i] (false before) for each of n attribute descriptions whose type the server's schema has; options ("cn;lang-de") are
 * no part of it. False if the schema can't be read: then nothing is known of any. */
bool schema_know(LDAP *ld, int timeout_s, const char *const *attributes, size_t n, bool *known);

#endif
