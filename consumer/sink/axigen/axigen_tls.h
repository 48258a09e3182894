/* TLS over a socket that does not block: all of OpenSSL of the Axigen sink. */
#ifndef AXIGEN_TLS_H
#define AXIGEN_TLS_H

#include <sys/types.h>

#include "axigen_conn.h"

struct axigen_tls;

/* fd stays the caller's. host: a name, or an address, which the certificate must then name as an IP address. ca_file as
 * in axigen_conn_settings. NULL with *e and *why. */
struct axigen_tls *axigen_tls_new(int fd, const char *host, const char *ca_file, struct err *e,
                                  enum axigen_failure *why);

/* A step of the handshake. 1: done, chain and name are verified; 0: wait for *events; -1. */
int axigen_tls_handshake(struct axigen_tls *t, short *events, struct err *e, enum axigen_failure *why);

/* How many bytes were moved (> 0); 0: wait for *events; -1. */
ssize_t axigen_tls_read(struct axigen_tls *t, char *to, size_t n, short *events, struct err *e,
                        enum axigen_failure *why);
ssize_t axigen_tls_write(struct axigen_tls *t, struct slice bytes, short *events, struct err *e,
                         enum axigen_failure *why);

/* Says good-bye if that can be done at once; *t may be NULL. */
void axigen_tls_free(struct axigen_tls **t);

#endif
