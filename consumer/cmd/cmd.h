/* The subcommands: one function each, and what they share. Each returns the exit code (SPEC.md section 6). */
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stdio.h>

#include "config.h"
#include "err.h"
#include "store.h"

#define CMD_CONFIG "/etc/axsync/axsync.conf"

/* The command line, read and checked by main.c. */
struct cmd_options {
    const char *config; /* -c */
    const char *version;
    bool once, dry_run, json, watch, all;
    int argc; /* the words after the subcommand that are no options */
    char **argv;
};

int cmd_run(const struct cmd_options *o);
int cmd_check(const struct cmd_options *o);
int cmd_status(const struct cmd_options *o);
int cmd_queue(const struct cmd_options *o);
int cmd_holds(const struct cmd_options *o);
int cmd_approve(const struct cmd_options *o);
int cmd_reject(const struct cmd_options *o);
int cmd_entry(const struct cmd_options *o);
int cmd_dump(const struct cmd_options *o);
int cmd_resync(const struct cmd_options *o);

/* ---- cmd.c ---- */

/* Reads the configuration. NULL: all that is wrong with it was printed, one a line; the exit code is EX_CONFIG. */
struct config *cmd_config(const struct cmd_options *o);

/* Prints "axsync: text" on standard error. Returns the exit code of the class. */
int cmd_fail(const struct err *e);

/* Opens a connector's state to read. NULL and *e, of class ERR_NOTFOUND if there is none yet. */
struct store *cmd_store(const struct config *conf, const struct config_connector *c, struct err *e);

/* Calls each for every connector that has a state, in one read transaction each. Stops at the first that returns not 0
 * and returns that; -1 and *e if a state can't be read. *n (may be NULL) counts the states. A reader keeps old pages of
 * the daemon's from being used again: each must not wait for a terminal or a pipe. */
typedef int cmd_state(void *ctx, const struct config_connector *c, struct store *s, struct txn *t, struct err *e);
int cmd_each_state(const struct config *conf, cmd_state *each, void *ctx, size_t *n, struct err *e);

struct command;
/* Does a command of the operator's, through the daemon if one runs, else on the state itself. Returns the exit code. */
int cmd_command(const struct cmd_options *o, const struct command *cmd);

/* A hold's ID as people type it, "7" or "7.120" (then *upto). False if it is none. */
bool cmd_hold_id(const char *text, uint32_t *id, uint32_t *upto);

/* Finds a word that may have been meant: out of n words at list, each `stride` bytes after the one before. NULL:
 * nothing is near. */
const char *cmd_nearest(const char *word, const char *const *list, size_t n);

/* ---- cmd_queue.c ---- */

/* How it stands with the removal of an account that is due, for people; as long as *r lives. */
struct record;
struct slice queue_due_words(const struct record *r);

/* ---- cmd_trouble.c ---- */

/* Prints who of a connector is invalid and why, and who waits for an address that belongs to whom: at most `most` of
 * each. */
void cmd_trouble(const struct config *conf, const char *connector, size_t most);

/* ---- cmd_print.c: text for people. What came from a peer can carry control characters, which a terminal obeys: they
 * are shown as \xNN, as are bytes that are not UTF-8. ---- */

void print_text(FILE *out, struct slice s);
void print_scrubbed(struct buf *out, struct slice s);

/* Local time with its zone, since the log is in UTC: "2026-11-24 07:49:55 UTC". Returns out. */
#define PRINT_TIME 48
char *print_time(int64_t wall_ms, char out[PRINT_TIME]);

/* "3 s", "12 min", "5 h 20 min", "3 d 4 h". Returns out. */
#define PRINT_SPAN 48
char *print_span(int64_t ms, char out[PRINT_SPAN]);

/* Columns for people: as wide as they must be, two blanks between them; the last one is not padded. */
struct table_rows;
struct table_rows *rows_new(size_t columns);
/* The next cell, copied. */
void rows_cell(struct table_rows *r, struct slice text);
void rows_printf(struct table_rows *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rows_print(const struct table_rows *r, FILE *out);
/* Whole rows so far. */
size_t rows_count(const struct table_rows *r);
void rows_free(struct table_rows **r);

#endif
