/* TLS before a server that speaks none, with records and TCP segments of chosen sizes: what libldap's buffers must bear. */
#ifndef AXSYNC_TLS_H
#define AXSYNC_TLS_H

#include <stddef.h>

struct tls_front;

/* Listens on a free port of 127.0.0.1, with a certificate that it made itself, and passes all on to to_port. What the server says goes
 * out in records of at most `record` bytes, as many as have come at once, and those in pieces of `piece` bytes (0: whole). One
 * connection after the other is not enough for axsync: each has a thread, which ends with its connection. NULL on failure. */
struct tls_front *tls_front_new(unsigned to_port, size_t record, size_t piece);
unsigned tls_front_port(const struct tls_front *f);
/* Takes no more connections; those that stand end when one of their sides closes. */
void tls_front_free(struct tls_front **f);

#endif
