/* An LDAP server that says what no slapd can be brought to say: RFC 4533 messages from a script, in the order and the pieces that a
 * test wants. Besides it keeps a small directory, from which it answers everything that is no sync search: root DSE, contextCSN,
 * look-ups by entryUUID, listings.
 *
 *   dc=example,dc=com  >  ou=people  >  uid=pN, with mail pN@example.com; N is 1 to 250, and each byte of its UUID
 *
 * A thread for each connection, so the daemon's three may come in any order. */
#ifndef AXSYNC_PEER_H
#define AXSYNC_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "axsync_run.h"

#define PEER_PEOPLE 250

struct peer;
/* A sync search that a script answers, in its connection's thread. */
struct peer_search;

/* number: from 1; cookie: what came with it, "" for none. When it returns, the search stays open, unless it gave a result. */
typedef void peer_script(struct peer_search *s, unsigned number, const char *cookie);

/* Listens on a free port of 127.0.0.1. People `from` to `to` are there. */
struct peer *peer_new(peer_script *script, unsigned from, unsigned to);
void peer_free(struct peer **p);
/* axsync on that peer alone; the lines of `more` join the connector's section. */
struct axsync *peer_axsync(struct peer *p, const char *more);
unsigned peer_port(const struct peer *p);

/* ---- The directory, from any thread ---- */

void peer_put(struct peer *p, unsigned person, bool there);
/* The mail of a person gets this local part. */
void peer_rename(struct peer *p, unsigned person, const char *local);
/* contextCSN becomes that of this moment; 0: there is none. Moments are numbers that cookies are made of as well. */
void peer_set_csn(struct peer *p, unsigned moment);
/* Look-ups and listings get no answer. */
void peer_hang_lookups(struct peer *p, bool on);
/* Nothing gets an answer, whatever it is. */
void peer_freeze(struct peer *p, bool on);
/* Closes all connections. */
void peer_cut(struct peer *p);

/* How many sync searches came, and when the n-th did (axsync_now_ms()); what its cookie was (lives as long as the peer). */
unsigned peer_count(struct peer *p);
int64_t peer_time(struct peer *p, unsigned number);
const char *peer_cookie(struct peer *p, unsigned number);

/* ---- For scripts ---- */

enum peer_state { PEER_PRESENT, PEER_ADD, PEER_MODIFY, PEER_DELETE };

/* "rid=001,csn=…" of a moment; the text lives as long as the program. 0: NULL, no cookie. */
const char *cookie_of(unsigned moment);
void say_entry(struct peer_search *s, enum peer_state state, unsigned person, unsigned moment);
/* People from to to. */
void say_set(struct peer_search *s, bool deletes, unsigned from, unsigned to, unsigned moment);
void say_newcookie(struct peer_search *s, unsigned moment);
/* refreshPresent or refreshDelete. */
void say_phase(struct peer_search *s, bool deletes, bool done, unsigned moment);
void say_result(struct peer_search *s, int rc, const char *text);
/* An entry whose Sync State control is none. */
void say_garbage(struct peer_search *s, unsigned person);
/* What is said from here on is kept, and then goes out in pieces of so many bytes; 0: all at once. */
void say_hold(struct peer_search *s);
void say_release(struct peer_search *s, size_t piece);

#endif
