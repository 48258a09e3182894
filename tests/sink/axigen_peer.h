/* The server's end of a session, scripted: says what no Axigen would, when a test wants. */
#ifndef TESTS_SINK_AXIGEN_PEER_H
#define TESTS_SINK_AXIGEN_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct axigen_peer;

/* Runs in the peer's thread for each connection, one after the other. When it returns, the connection is closed. No
 * cr_assert in there: it would leave the wrong thread. */
typedef void axigen_script(struct axigen_peer *p, void *ctx);

/* Listens on a free port of 127.0.0.1. cert_file and key_file: TLS, NULL: plain. */
struct axigen_peer *axigen_peer_start(axigen_script *script, void *ctx, const char *cert_file, const char *key_file);
/* Ends its thread, also where a script waits; what was heard stays. */
void axigen_peer_join(struct axigen_peer *p);
/* From now on connections are refused. After axigen_peer_join(). */
void axigen_peer_stop_listening(struct axigen_peer *p);
/* As axigen_peer_join(), and frees it. */
void axigen_peer_stop(struct axigen_peer **p);
uint16_t axigen_peer_port(const struct axigen_peer *p);
unsigned axigen_peer_connections(const struct axigen_peer *p);

/* ---- For scripts ---- */

/* The next line without its end, "" when the connection is over. */
const char *axigen_peer_hear(struct axigen_peer *p);
void axigen_peer_say(struct axigen_peer *p, const char *text);
void axigen_peer_say_bytes(struct axigen_peer *p, const char *bytes, size_t n);
/* Banner, SET CONSOLE-CODES, USER, password "s3cret word". False when one of them was another. */
bool axigen_peer_login(struct axigen_peer *p);
/* Sends no more: the other side sees the end. */
void axigen_peer_hang_up(struct axigen_peer *p);
/* Whether more is sent within that time. Plain only. */
bool axigen_peer_has_more(struct axigen_peer *p, int ms);
/* Reads and drops until the other side closes. */
void axigen_peer_wait_for_close(struct axigen_peer *p);

/* ---- For tests ---- */

/* The i-th line that was heard, counted from 0, over all connections; NULL if there is none. After axigen_peer_join().
 */
const char *axigen_peer_line(const struct axigen_peer *p, size_t i);
/* ---- Certificates ---- */

/* Makes DIR/NAME.pem and DIR/NAME.key. issuer: the name of one made before, NULL: a CA that signs itself. san as in
 * openssl.cnf(5): "DNS:localhost". */
void make_certificate(const char *directory, const char *name, const char *issuer, const char *san);

#endif
