/* One connector at work: its store, its writer, its source and probe, its sinks, wired together.
 *
 * Threads: the source and the probe (ldap/) may block in libldap, each sink's may block in its target, the writer alone
 * writes the store. The caller's thread never waits for any of them but in connector_start() and connector_stop(). */
#ifndef ENGINE_CONNECTOR_H
#define ENGINE_CONNECTOR_H

#include <stdatomic.h>
#include <stdbool.h>

#include "config.h"
#include "err.h"
#include "status.h"

struct connector;

/* Hold numbers are unique across connectors: they take them from one series. */
struct hold_numbers {
    _Atomic uint32_t high;
};

enum connector_run { RUN_DAEMON, RUN_ONCE, RUN_DRY };

/* Opens the state in folder (made if it is not there), finishes what a kill interrupted, starts the threads. conf and
 * numbers stay the caller's and must outlive it. NULL and *e if the state or a sink can't be opened at all. In RUN_DRY
 * folder is a throw-away copy of the state and all sinks are standard output. */
struct connector *connector_start(const struct config_connector *conf, const char *folder, struct hold_numbers *numbers,
                                  enum connector_run run, struct err *e);

const char *connector_name(const struct connector *c);

/* Any thread, at any time; never blocks. */
void connector_status(struct connector *c, struct status *out);

/* Waits until the status changes or wait_ms pass. */
void connector_wait(struct connector *c, int wait_ms);

/* All holds of its state as last committed, ascending, the rejected ones too; *h is valid during the call only. From
 * memory, so that it never waits for the disk. Any thread. */
struct hold;
void connector_holds(struct connector *c, void (*each)(void *ctx, const struct hold *h), void *ctx);

/* What an operator asks for; done by the writer in its next transaction. */
enum command_verb { COMMAND_APPROVE, COMMAND_REJECT, COMMAND_RESYNC, COMMAND_REPAIR, COMMAND_RETRY, COMMAND_DROP, COMMAND_ADOPT };

/* An action that a sink set aside: CONNECTOR/SINK/SEQ, or SEQ.N where several carry one seq (resync, repair). */
struct command_row {
    char connector[128], sink[128];
    uint64_t seq;
    uint32_t n;
};
struct command {
    enum command_verb verb;
    uint32_t hold;
    uint32_t upto;            /* how many of those that joined; 0: all */
    const struct command_row *rows;   /* RETRY, DROP, ADOPT: those of other connectors are not looked at; the caller's, who
                                       * may free them when the call that takes the command returns */
    size_t n_rows;
    bool all;                 /* … all that the verb fits, in place of rows */
    const char *connector;    /* REPAIR: of this connector … */
    const char *list;         /* … these, as control.h has them; the caller's as rows are */
    bool offline;             /* no daemon runs */
};
/* "corp/mail/12.3" → a row; false: it is none. */
bool command_row_parse(const char *text, struct command_row *row);
/* A sink of the configuration as its driver wants it. Texts stay the configuration's. */
struct axigen_settings;
void connector_axigen_settings(struct axigen_settings *to, const struct config_sink *s);

/* Called once, from the writer's thread, when the command is committed or refused: e->class ERR_NONE means done; text
 * is a line for people ("approved 12 of hold 7"). */
typedef void command_done(void *ctx, const struct err *e, const char *text);
void connector_command(struct connector *c, const struct command *cmd, command_done *done, void *ctx);

/* SIGHUP: sinks open their files anew. */
void connector_reopen(struct connector *c);

/* *conf was changed by config_reload(). Most of it is read where it lies; this takes over what was copied at the start:
 * timeout, watchdog and retry intervals. A thread sees a new number the next time it needs it. */
void connector_reload(struct connector *c);

/* Stops the threads, commits what is complete, closes. False: a thread is blocked in libldap and was left behind; the
 * program must end with _exit(). Takes at most about 1.5 s. */
bool connector_stop(struct connector **c);

/* The same commands on a state that no daemon has open (the caller holds the lock of the state folder). */
int connector_command_offline(const struct config_connector *conf, const char *folder, struct hold_numbers *numbers,
                              const struct command *cmd, char *text, size_t size, struct err *e);

#endif
