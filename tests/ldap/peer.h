/* A scripted LDAP server: says what no real one would, in the pieces that a test wants. */
#ifndef TESTS_LDAP_PEER_H
#define TESTS_LDAP_PEER_H

#include <stdatomic.h>

#include "ber.h"

struct peer;

/* Runs in the peer's thread for each connection, one after the other; connection counts from 0. When it returns, the connection is
 * closed. BER() may be used there, and then in no other thread. */
typedef void peer_script(struct peer *p, unsigned connection);

/* Listens on a free port of 127.0.0.1. */
struct peer *peer_start(peer_script *script);
void peer_stop(struct peer **p);
const char *peer_uri(struct peer *p, const char *scheme);   /* lives as long as the peer */
unsigned peer_connections(struct peer *p);                  /* so far */

/* ---- For scripts ---- */

/* Reads one request: its message ID, -1 when the connection is over. */
int peer_read(struct peer *p);
unsigned char peer_op(struct peer *p);                      /* of what was read last */
bool peer_is_sync(struct peer *p);                          /* … it is a sync search */

void peer_write(struct peer *p, struct slice bytes);
/* Every byte a packet of its own. */
void peer_write_slowly(struct peer *p, struct slice bytes);
/* Waits until the other side closes; whatever it sends is dropped. */
void peer_wait_for_close(struct peer *p);

/* Reads a bind and grants it; answers all that is no sync search with success and nothing; then gives the sync search's message ID. */
int peer_accept_search(struct peer *p);

/* ---- Messages ---- */

struct slice join(struct slice a, struct slice b);
struct slice element(unsigned char tag, struct slice content);
/* An LDAPMessage; controls may be empty. */
struct slice message(int id, unsigned char op, struct slice body, struct slice controls);
/* A Sync State control; uuid_len should be 16. cookie may be NULL. */
struct slice sync_state(int state, unsigned char uuid_byte, size_t uuid_len, const char *cookie);
/* An entry cn=x,dc=example,dc=com with that control. */
struct slice sync_entry(int id, struct slice controls);
/* A Sync Info message around its value. */
struct slice sync_info(int id, struct slice value);
/* refreshDelete, done, with that cookie. */
struct slice refresh_done(int id, const char *cookie);

#endif
