/* One client's connection: bytes in, lines to its session, answers out in the manner that the options want. */
#ifndef EMULATOR_CONN_H
#define EMULATOR_CONN_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "emu.h"

struct conn;

/* Takes fd, which must not block. ssl: a new TLS session for it, taken too, or NULL. */
struct conn *conn_new(struct emu *emu, int fd, unsigned number, SSL *ssl);
void conn_free(struct conn **c);

int conn_fd(const struct conn *c);
/* For poll(2). */
short conn_events(const struct conn *c);
/* Milliseconds until conn_work() is to be called though nothing came; -1: never. */
int conn_wait_ms(const struct conn *c, int64_t now);
/* Does what can be done; false when the connection is over and is to be freed. */
bool conn_work(struct conn *c, short revents, int64_t now);
/* Ends it, as a lost network would. */
void conn_reset(struct conn *c);

#endif
