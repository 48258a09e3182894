/* What the demo and the latency benchmark share: a folder, a slapd, axsync as a child, its commands, and waiting.
 *
 * There is one of each, in `demo`, because all must be taken away again however the program ends. Nothing here gives a
 * failure back: what does not come ends the program with a message and both logs. */
#ifndef DEMO_RUN_H
#define DEMO_RUN_H

#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>

#include "demo_journal.h"
#include "emulator.h"
#include "slapdtest.h"

/* Who axsync binds as: a reader, as it should be, not the administrator. */
#define DEMO_READER_DN "cn=axsync,dc=example,dc=com"
#define DEMO_READER_PW "reads-only"

struct demo {
    const char *name;
    double patience;          /* seconds that a condition may take: far more than it does, the machine may be busy */
    char folder[256], conf[300], state[300], out[300], log[300];
    struct slapdtest *server;
    struct emulator *emulator; /* NULL: there is no Axigen sink */
    pid_t pid;                /* axsync; 0: it does not run */
    int pidfd;
    double started;           /* when it was */
    struct journal journal;
};

extern struct demo demo;

/* The folder; from here on the program leaves nothing behind, also when it is told to end by a signal. */
void demo_begin(const char *name);
void demo_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* Ends the program if a signal came, or nobody reads its output any more. */
void demo_heed(void);
/* Makes the server, the folder and all that belongs to a run go, so that another can begin in this program. */
void demo_clear(void);

/* demo.server, not started yet. */
void demo_new_server(const struct slapdtest_options *options);
/* The result of a function of slapdtest.h. */
void demo_need(int result, const char *what);
/* The entry of DEMO_READER_DN, below a suffix that is there. */
void demo_add_reader(void);
/* demo.emulator, with the domain example.com: demo_configure() adds a sink for it. */
void demo_new_emulator(void);
/* The configuration, and the empty output file; gives the configuration's text, for the caller to free. */
char *demo_configure(void);

void demo_start(void);
/* SIGTERM; gives the seconds until it had ended, with 0. */
double demo_stop(void);

/* Runs `axsync WORD -c CONFIG MORE…` (NULL ends); it must end with 0. Gives its output, for the caller to free. */
char *demo_command(const char *word, ...) __attribute__((sentinel));
/* The connector in `status --json`, a new reference. NULL while axsync starts. */
json_t *demo_status(void);

/* The next line of the output, for the caller to free; when it came is in demo.journal. `what` is for the message when
 * it does not come. */
char *demo_line(const char *what);
/* Asks until it is true. */
void demo_await(const char *what, bool (*condition)(void *ctx), void *ctx);
/* Until all that the directory has said up to now is mirrored and delivered, and nothing waits for its time. */
void demo_await_settled(void);

#endif
