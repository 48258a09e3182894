/* One connection to one directory server through libldap (ldap(3)): connect, TLS, bind, with deadlines.
 *
 * These calls block, name look-up without a bound, so only threads of their own call them (source.c, probe.c). */
#ifndef LDAP_CONN_H
#define LDAP_CONN_H

#include <sys/time.h>
#include <ldap.h>
#include <stdbool.h>

#include "err.h"
#include "message.h"

struct conn_settings {
    char **uris;               /* n_uris of them */
    size_t n_uris;
    bool start_tls;
    char *ca_file, *cert_file, *key_file;   /* NULL or "": not set */
    int require_cert;          /* LDAP_OPT_X_TLS_DEMAND, _ALLOW, _NEVER */
    char *bind_dn, *bind_pass; /* NULL or "": anonymous */
    char *sasl_mechanism;      /* NULL or "": simple bind; EXTERNAL */
    _Atomic int timeout_s;     /* may change while it is used: for connect, TLS, bind and each short answer */
};

/* Connects to uris[which] and binds. NULL and *e (class ERR_UNAVAILABLE, code = LDAP result code) with one clear line:
 * what was tried, what came back, what to do. With start_tls or ldaps nothing secret is sent before the certificate
 * was verified. Referral chasing and alias dereferencing are off; TCP keepalive and user timeout are set. */
LDAP *conn_open(const struct conn_settings *s, size_t which, struct err *e);

/* Unbinds and frees; *ld may be NULL and is NULL afterwards. Does not block. */
void conn_close(LDAP **ld);

/* The socket to poll(2), -1 if there is none. */
int conn_fd(LDAP *ld);

/* Whether something was read from the socket that ldap_result() has not looked at yet, so that the socket need not become readable. */
bool conn_has_more(LDAP *ld);

/* After ldap_result() failed: why, always below zero. libldap may still have the result code of an earlier answer there, and a code
 * of a server is an answer. */
int conn_error(LDAP *ld);

/* The bytes of a message that ldap_result() gave, which live in it. Once per message. False if they are no LDAPMessage. */
bool conn_message(LDAPMessage *from, struct message *msg);

/* A line for people about an LDAP result code: its name, the server's own text if any, and what to do about it where we
 * know (no such object → check the base DN; size limit → raise `limits`; …). what: "search of ou=people,…". */
void conn_explain(LDAP *ld, int rc, const char *what, const char *server_text, struct err *e);

#endif
