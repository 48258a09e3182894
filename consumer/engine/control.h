/* The control socket: stateDir/axsync.sock, mode 0600. One request a connection, one line of JSON each way.
 *
 *   {"command":"status"}                            → {"ok":true,"status":{…}}         what `status --json` prints
 *   {"command":"approve","hold":7,"upto":120}       → {"ok":true,"text":"…"}           reject alike; upto may be absent
 *   {"command":"resync"}                            → {"ok":true,"text":"…"}
 *   {"command":"retry","rows":["corp/mail/12"]}     → {"ok":true,"text":"…"}           drop and adopt alike; "all":true
 *                                                                                      in place of rows
 *   {"command":"repair","connector":"corp",         → {"ok":true,"text":"…"}           `verify --repair`. list: one line each,
 *    "list":"SINK\tKIND\tUUID\tMEMBER\n…"}                                               SINK empty: the entry is read again; MEMBER
 *                                                                                      empty: the object
 *   what can't be done                              → {"ok":false,"error":"…","class":"…"}
 *
 * class is one of usage, config, unavailable, temporary, notfound, data, internal.
 *
 * The path of a Unix socket is short (108 bytes) and stateDir may be long: both ends go through /proc/self/fd of the
 * opened folder. */
#ifndef ENGINE_CONTROL_H
#define ENGINE_CONTROL_H

#include <jansson.h>
#include <poll.h>

#include "config.h"
#include "connector.h"

#define CONTROL_SOCKET "axsync.sock"
#define CONTROL_REQUEST_BYTES 65536   /* a longer request is refused */

/* ---- in the daemon: called from its one loop, never blocks ---- */

struct control;

#define CONTROL_CLIENTS 32                /* served at a time; one more takes the place of the longest silent one */
#define CONTROL_FDS (CONTROL_CLIENTS + 2) /* the most that control_poll() fills */

/* Listens. NULL and *e. The caller holds the lock of the folder: a socket that is there is a dead daemon's. */
struct control *control_listen(const char *state_dir, struct err *e);

/* For poll(2): fills at most max entries, returns how many. */
size_t control_poll(struct control *c, struct pollfd *fds, size_t max);

struct control_calls {
    void *ctx;
    /* Builds the object of `status --json`: a new reference. */
    json_t *(*status)(void *ctx);
    /* Runs a command on the connector that has the hold (or on all: resync); done is called once, from any thread,
     * perhaps before this returns, perhaps after control_close(). */
    void (*command)(void *ctx, const struct command *cmd, command_done *done, void *done_ctx);
};

/* Serves what poll(2) found ready, and drops who let its time pass: call it once a second also when nothing is. */
void control_serve(struct control *c, const struct pollfd *fds, size_t n, const struct control_calls *calls);

void control_close(struct control **c);

/* ---- in a command ---- */

/* Sends a request and waits for the answer (at most wait_ms). NULL and *e: ERR_UNAVAILABLE, with code ENOENT or
 * ECONNREFUSED if no daemon listens; else one is there, but out of reach or silent. The answer is a new reference. The
 * request stays the caller's. */
json_t *control_request(const char *state_dir, json_t *request, int wait_ms, struct err *e);

/* Whether no daemon listens, by the *e of control_request(). */
bool control_no_daemon(const struct err *e);

/* What an answer says: 0, or -1 with *e from "error" and "class". */
int control_answer(json_t *answer, struct err *e);

/* The word of a class on this socket. */
const char *control_class_name(enum err_class class);

#endif
