/* The TLS context of a connection: CA, client certificate and key, and how strictly the server's certificate is judged. */
#ifndef LDAP_TLS_H
#define LDAP_TLS_H

#include "conn.h"

/* Gives ld a context of its own settings, whatever ldap.conf(5) and the environment say. 0, or -1 with *e. Any thread. */
int tls_set_up(LDAP *ld, const struct conn_settings *s, struct err *e);

#endif
