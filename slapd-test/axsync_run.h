/* The axsync program as the integration tests run it, on a real slapd: a folder with configuration, state and output
 * file, the daemon as a child process, commands, and waiting on conditions.
 *
 * Nothing here gives a failure back. What is not as it must be ends the test: the words, both logs and the folder's
 * path go to stderr, and the folder stays. At each end of the program its log is read: an error line that the test did
 * not announce with axsync_expect_error(), a word of a sanitizer and a wrong exit code are failures too. */
#ifndef AXSYNC_RUN_H
#define AXSYNC_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "axsync_directory.h"
#include "axsync_target.h"
#include "slapdtest.h"

/* Who axsync binds as. axsync_add_reader() makes it; unlike the rootdn it is subject to rights and limits. */
#define AXSYNC_READER_DN "cn=reader,dc=example,dc=com"
#define AXSYNC_READER_PW "reader-password"

/* How long a condition may take to come true. Generous: the tests share a machine, and sanitizers are slow. */
#define AXSYNC_PATIENCE_MS 90000

#define AXSYNC_ENVIRONMENT 8
#define AXSYNC_ERRORS 8

struct axsync {
    struct slapdtest *server;
    char *folder, *config, *state, *output, *log;    /* paths */
    struct target target;                            /* what the output file has made of an empty mail server so far */
    pid_t pid;                                       /* the daemon; 0: none runs */
    int pidfd;
    int64_t stop_ms;                                 /* how long the last axsync_stop() took */
    char *out, *err;                                 /* what the last axsync_command() wrote */
    int64_t command_ms;                              /* and how long it took */
    char *environment[AXSYNC_ENVIRONMENT];           /* "NAME=VALUE" for what is started */
    const char *expected_errors[AXSYNC_ERRORS];
    long log_checked;                                /* the log was read up to here */
    bool may_end;                                    /* the daemon may end by itself: axsync_await() goes on */
    bool worker;                                     /* in a forked process, which Criterion knows nothing of */
};

/* The entry of AXSYNC_READER_DN, below a suffix entry that is there. */
void axsync_add_reader(struct slapdtest *server);

/* A folder and a configuration for this server (running or once started; NULL: another program's, which axsync_configure() has to
 * name then). The configuration is a base for tests, with
 * short times, in which the lines of `overrides` replace those with the same key in the connector's section, or join
 * them. */
struct axsync *axsync_new(struct slapdtest *server, const char *overrides);
void axsync_configure(struct axsync *a, const char *overrides);
/* The configuration as a whole, whatever it is. */
void axsync_write_config(struct axsync *a, const char *text);
/* Sets (value NULL: unsets) a variable for what is started from now on. */
void axsync_setenv(struct axsync *a, const char *name, const char *value);
/* From now on error lines with this text in them are no failure. */
void axsync_expect_error(struct axsync *a, const char *text);
/* Ends the daemon if one runs (axsync_stop()), reads the rest of the output, keeps a copy for slapd.schema, removes the
 * folder. */
void axsync_free(struct axsync **a);

/* ---- the daemon ---- */

/* Starts `axsync run`; waits for nothing. */
void axsync_start(struct axsync *a);
/* SIGTERM; it must end with 0. */
void axsync_stop(struct axsync *a);
/* SIGKILL. */
void axsync_kill(struct axsync *a);
/* Whether the daemon has ended by itself or by AXSYNC_STEP_KILL; then nothing runs any more and *status is waitpid(2)'s. */
bool axsync_has_ended(struct axsync *a, int *status);
/* Waits until it has. Gives waitpid(2)'s status. */
int axsync_await_end(struct axsync *a);

/* ---- commands ---- */

/* Runs `axsync WORD -c CONFIG MORE…` (NULL ends) to its end; gives the exit code, a->out and a->err have the output. */
int axsync_command(struct axsync *a, const char *word, ...) __attribute__((sentinel));
/* The connector in `status --json`, a new reference; NULL when the daemon can't be reached. */
json_t *axsync_status(struct axsync *a);
/* The same, asked of the daemon's socket itself (consumer/engine/control.h): for waiting, where a process for each
 * question would cost more than all that is tested. */
json_t *axsync_peek(struct axsync *a);
/* One string or number out of it. */
const char *axsync_text(const json_t *connector, const char *key);        /* "" if it is null */
json_int_t axsync_entries(const json_t *connector, const char *key);      /* a number of "entries" */
/* What `dump` prints: address → {uuid, dn, set, state}. A new reference. */
json_t *axsync_dump(struct axsync *a);

/* ---- conditions ---- */

typedef bool axsync_condition(struct axsync *a, void *ctx);

/* Asks until it is true; fails after AXSYNC_PATIENCE_MS with `what`, and when the daemon ends meanwhile (unless
 * may_end). */
void axsync_await(struct axsync *a, const char *what, axsync_condition *condition, void *ctx);
/* Whether all that the directory has said up to now is in the state and delivered; with_waiting: and nothing waits for
 * its time. */
bool axsync_is_settled(struct axsync *a, bool with_waiting);
void axsync_await_settled(struct axsync *a);
void axsync_await_caught_up(struct axsync *a);     /* as settled, but what waits may wait */
/* Until the output has made the target what it must be by the directory, as this view of it is now. */
void axsync_await_mirror(struct axsync *a, const struct directory_view *view);
/* Until the target is this table. */
void axsync_await_target(struct axsync *a, json_t *accounts);
/* Until status shows this phase, or that lastError has this text in it. */
void axsync_await_phase(struct axsync *a, const char *phase);
void axsync_await_error(struct axsync *a, const char *text);
/* Until the log has this text. */
void axsync_await_log(struct axsync *a, const char *text);
/* How many lines of the log have it. */
size_t axsync_log_count(struct axsync *a, const char *text);
/* Reads what is new in the output file. */
void axsync_read_output(struct axsync *a);

/* ---- small things ---- */

int64_t axsync_now_ms(void);
/* A whole file, for the caller to free; "" if it is not there. */
char *axsync_file(const char *path);
/* Lines of the output from number `from` (0: the first) on that have this text. */
size_t axsync_output_count(struct axsync *a, size_t from, const char *text);

void axsync_fail(struct axsync *a, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5), noreturn));
#define FAIL(a, ...) axsync_fail((a), __FILE__, __LINE__, __VA_ARGS__)
#define CHECK(a, condition, ...) ((condition) ? (void)0 : FAIL(a, __VA_ARGS__))
/* A call of slapdtest.h on the test's server must succeed. */
#define DO(a, call) CHECK(a, (call) == 0, "%s: %s", #call, slapdtest_error((a)->server))

#endif
