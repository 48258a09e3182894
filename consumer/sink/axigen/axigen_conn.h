/* A connection to Axigen's CLI: TCP, or TLS from the first byte.
 *
 * For one thread. It waits at most `timeout_s` for progress, and at most about 100 ms once *stop is set, but for the
 * look-up of a host name: getaddrinfo() can't be broken off, takes the resolver's time (resolv.conf(5): timeout ×
 * attempts), and is the reason why a sink has a thread of its own.
 *
 * Who uses it ignores SIGPIPE. */
#ifndef AXIGEN_CONN_H
#define AXIGEN_CONN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "slice.h"

/* What became of a connection or a session. Only AXIGEN_LOCAL and AXIGEN_LOGIN_REFUSED are not about the line. */
enum axigen_failure {
    AXIGEN_FINE,
    AXIGEN_STOPPED,       /* *stop was set */
    AXIGEN_UNREACHABLE,   /* no such host, connection refused, no route */
    AXIGEN_CLOSED,        /* the other side closed or reset it */
    AXIGEN_TIMEOUT,       /* no answer, or no progress, in time */
    AXIGEN_TLS,           /* handshake or verification failed */
    AXIGEN_PROTOCOL,      /* a surprise: not what a server of this kind says, or not now */
    AXIGEN_LOGIN_REFUSED, /* user or password: don't try again at once, it may lock the user out */
    AXIGEN_LOCAL          /* CA file, password that can't be sent, sockets: ours */
};

struct axigen_conn_settings {
    const char *host; /* name or address */
    uint16_t port;
    bool tls;
    const char *ca_file; /* PEM; NULL or "": the system's store */
    int timeout_s;
};

#define AXIGEN_CONN_IN_MAX (4u << 20)

struct axigen_conn;

/* Connects, and with tls also shakes hands and verifies chain and name (an address as the certificate's IP address):
 * after it came back a secret may be sent. settings are needed during the call only; stop outlives the connection. NULL
 * with *e and *why. */
struct axigen_conn *axigen_conn_open(const struct axigen_conn_settings *settings, const atomic_bool *stop,
                                     struct err *e, enum axigen_failure *why);

/* Sends all of it. What arrives meanwhile is appended to `in` (AXIGEN_CONN_IN_MAX at most), so that two sides that both
 * send can't wait for each other for ever. 0, or -1: part of it may have been sent. */
int axigen_conn_write(struct axigen_conn *c, struct slice bytes, struct buf *in, struct err *e,
                      enum axigen_failure *why);

/* Waits until something arrives, at most until `until_ms` (clock_mono_ms()), and appends what has, a few hundred KiB at
 * most. 0, or -1: at the end of the other side (AXIGEN_CLOSED) too. */
int axigen_conn_read(struct axigen_conn *c, struct buf *in, int64_t until_ms, struct err *e, enum axigen_failure *why);

/* As axigen_conn_read(), but does not wait: 1, or 0 when nothing was there, or -1. */
int axigen_conn_look(struct axigen_conn *c, struct buf *in, struct err *e, enum axigen_failure *why);

/* Closes and frees *c, which may be NULL. */
void axigen_conn_close(struct axigen_conn **c);

#endif
