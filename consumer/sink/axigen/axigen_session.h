/* A session with Axigen's CLI: login, a context that is known and never guessed, pipelined commands.
 *
 * It reports and does not decide: a command was answered OK, or refused with words, or the session is over. It is over
 * after any surprise: a prompt other than the one expected, bytes that nobody asked for, an answer too long or too
 * late, a close. Then all that was sent and not answered may or may not have been done.
 *
 * The expected prompt: after OK the context that the command leads to; after a refusal the one before. That is taken
 * from the answers, not from what was sent: where a refusal keeps us elsewhere, what was sent ahead ran elsewhere, and
 * answer.ran_in tells. Whether a command may be sent ahead is for the caller to know (SPEC, Speed).
 *
 * Lines before the status line of an answer without data are let pass, since servers of other versions may say more;
 * but not directly after axigen_session_ask(), where they may be the rest of its data.
 *
 * SET QUIET is never used: the words of a refusal are what an administrator gets to read. For one thread. */
#ifndef AXIGEN_SESSION_H
#define AXIGEN_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "axigen_conn.h"
#include "axigen_wire.h"
#include "err.h"
#include "slice.h"

#define AXIGEN_DEPTH_MAX 1024u
#define AXIGEN_VERSION_MAX 100u

struct axigen_session_settings {
    struct axigen_conn_settings conn; /* timeout_s also bounds the wait for each answer */
    const char *user;
    struct slice password; /* the caller's, who wipes it; no copy outlives axigen_session_open() */
    unsigned depth;        /* commands sent and unanswered, at most; 1 to AXIGEN_DEPTH_MAX */
    char *version;         /* AXIGEN_VERSION_MAX bytes for what the server says it is, asked before the login; "": it
                            * does not say. NULL: it is not asked */
};

struct axigen_session;

/* Not connected yet. subject (for the log) and stop outlive it. */
struct axigen_session *axigen_session_new(const char *subject, const atomic_bool *stop);
/* Closes it and frees *s, which may be NULL. */
void axigen_session_free(struct axigen_session **s);

/* Connects and logs in; the context is WIRE_ROOT then. 0, or -1 with *e, and axigen_session_failure() tells the kind.
 * A session that was over can be opened again; numbers and counters go on. */
int axigen_session_open(struct axigen_session *s, const struct axigen_session_settings *settings, struct err *e);
bool axigen_session_is_open(const struct axigen_session *s);
/* Says EXIT if nothing is unanswered, and closes. */
void axigen_session_close(struct axigen_session *s);
/* Why it is over; AXIGEN_FINE while it is open, and after axigen_session_close(). */
enum axigen_failure axigen_session_failure(const struct axigen_session *s);

/* The context after the last answer taken, one of WIRE_…; "" when not open. */
const char *axigen_session_context(const struct axigen_session *s);

/* How many more commands may be sent before one is received. 0 when not open. */
unsigned axigen_session_room(const struct axigen_session *s);

/* Queues a command whose answer has no data. command is complete (wire_end()); what is needed of it is copied.
 * leads_to: the context after OK, a string that stays (WIRE_…), NULL: the same. *number_r (may be NULL): its number;
 * they ascend. 0; -1 with *e: the session is over, or nothing was queued (no room, command not complete: class
 * ERR_INTERNAL). */
int axigen_session_send(struct axigen_session *s, const struct wire_command *command, const char *leads_to,
                        uint64_t *number_r, struct err *e);

struct axigen_answer {
    uint64_t number;          /* of its command */
    bool ok;                  /* false: refused */
    char text[WIRE_TEXT_MAX]; /* the server's words; scrubbed, secrets blanked */
    const char *ran_in;       /* the context the command ran in: a string that stays */
    struct slice data;        /* of axigen_session_ask(): lines; until the next call on the session */
};

/* The answer of the oldest command that has none yet, flushing first what is queued if it has to wait. 0; -1 with *e:
 * the session is over (or nothing is unanswered, class ERR_INTERNAL). */
int axigen_session_receive(struct axigen_session *s, struct axigen_answer *a, struct err *e);

/* Sends a command whose answer has data (LIST, SHOW; it stays in its context) and waits for it. Goes alone: -1 with
 * class ERR_INTERNAL while anything is unanswered. Else as axigen_session_receive(). Text of people's own that has line
 * ends (contactNotes) may fake an answer's end, and does where a packet ends there too: don't ask for it, use SHOW
 * ATTR. */
int axigen_session_ask(struct axigen_session *s, const struct wire_command *command, struct axigen_answer *a,
                       struct err *e);

/* Three positions in the sequence of commands: received ≤ sent ≤ queued. When a session is over, commands up to
 * received were answered, those up to sent may have been done, those after it were not. */
struct axigen_cursors {
    uint64_t queued, sent, received;
};
struct axigen_cursors axigen_session_cursors(const struct axigen_session *s);

struct axigen_counters {
    uint64_t logins;
    uint64_t commands;    /* that were sent, without those of the login */
    uint64_t round_trips; /* waits with nothing more to send */
    uint64_t bytes_out, bytes_in;
};
struct axigen_counters axigen_session_counters(const struct axigen_session *s);

/* The last lines sent ("> ") and received ("< "), scrubbed, oldest first, one a line. */
void axigen_session_transcript(const struct axigen_session *s, struct buf *out);

#endif
