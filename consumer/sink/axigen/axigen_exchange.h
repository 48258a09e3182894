/* The inside of a session: its window, one answer at a time. For axigen_session.c and axigen_login.c only. */
#ifndef AXIGEN_EXCHANGE_H
#define AXIGEN_EXCHANGE_H

#include "axigen_session.h"
#include "axigen_transcript.h"

#define SHOWN_MAX 160u /* of a command, in an error */

/* A command that has no answer yet. */
struct unanswered {
    const char *leads_to; /* after OK; NULL: stays */
    char shown[SHOWN_MAX];
    struct buf secret; /* to blank what comes back; wiped with the answer */
};

/* The window. Commands have ascending numbers, and three cursors stand on that sequence:
 *
 *     … answered | sent, unanswered | queued in `out` |
 *            received              sent             queued
 *
 * - received ≤ sent ≤ queued ≤ received + depth;
 * - window[n % depth] is command n, for received < n ≤ queued;
 * - out holds the bytes of exactly the commands in (sent, queued];
 * - `sent` moves before the first byte is written, `received` after an answer was found to be the one expected:
 * whatever happens in between, what is in (received, sent] may or may not have been done, and nothing else;
 * - context is where command received + 1 runs: it comes from answers alone;
 * - what arrives while received = sent was asked for by nobody. */
struct axigen_session {
    const char *subject;
    const atomic_bool *stop;
    struct axigen_conn *conn; /* NULL: not open */
    enum axigen_failure failure;
    bool logging_in;
    char peer[128]; /* for errors */
    int64_t timeout_ms;
    const char *context;
    bool after_data; /* the last answer was one with data: see exchange_check() */
    unsigned depth;
    struct unanswered *window;
    uint64_t queued, sent, received;
    struct buf out;
    struct buf in; /* arrived, on its way to the splitter */
    struct wire_splitter splitter;
    struct axigen_counters counters;
    struct transcript transcript;
};

/* Closes, forgets and wipes what is under way; the cursors stay. */
void exchange_hang_up(struct axigen_session *s, enum axigen_failure why);
/* The same after a failure: *e says what happened, and gets what was sent and what came. Returns -1. */
int exchange_drop(struct axigen_session *s, enum axigen_failure why, struct err *e);

/* From the banner to the root context. The session is connected. 0, or -1: it is over. */
int exchange_login(struct axigen_session *s, const struct axigen_session_settings *settings, struct err *e);

/* There must be room in the window. */
void exchange_queue(struct axigen_session *s, const struct wire_command *command, const char *leads_to);
/* Sends what is queued. 0, or -1: the session is over. */
int exchange_flush(struct axigen_session *s, struct err *e);
/* The next answer, secrets blanked. What is queued goes out before a wait, and no sooner. 0, or -1: the session is
 * over. */
int exchange_receive(struct axigen_session *s, enum wire_until until, struct wire_answer *a, struct err *e);
/* Is it what was expected? 0, or -1: the session is over. */
int exchange_check(struct axigen_session *s, enum wire_until until, const struct wire_answer *a, const char *expected,
                   struct err *e);
/* Moves on: command received + 1 is answered, and this is where the next one runs. */
void exchange_answered(struct axigen_session *s, const char *context, enum wire_until until);

#endif
