/* What daemon.c is put together from. Only daemon*.c include this. */
#ifndef ENGINE_DAEMON_PARTS_H
#define ENGINE_DAEMON_PARTS_H

#include <signal.h>
#include <stdint.h>

#include "daemon.h"
#include "status.h"

/* ---- daemon_signals.c ---- */

/* Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it starts, ignores SIGPIPE and SIGXFSZ, which are answers
 * of write(2) here. A descriptor to read signals from, or -1 and *e. signals_close() undoes it. */
struct signals {
    int fd;
    sigset_t before;
};
int signals_open(struct signals *s, struct err *e);
/* The next signal that came; 0: none. */
int signals_next(struct signals *s);
void signals_close(struct signals *s);

/* ---- daemon_stop.c ---- */

/* Stops connectors (NULL ones are skipped) side by side until deadline (clock_mono_ms()). False: not all of their
 * threads ended, the program must _exit(). */
bool connectors_stop(struct connector **connectors, size_t n, int64_t deadline_ms);
#define STOP_MS 1800 /* of the 2 s that SPEC.md section 6 gives */

/* ---- daemon_progress.c ---- */

/* Refreshes under way: a bar on a terminal, else a line in the log every few seconds. */
struct progress {
    bool terminal;
    bool drawn; /* a bar stands in the terminal's last line */
    int64_t next_ms;
};
void progress_begin(struct progress *p);
void progress_show(struct progress *p, const struct status *statuses, size_t n);
/* Takes the bar away. */
void progress_end(struct progress *p);
/* How long the loop may wait before progress_show() is called again. */
int progress_wait_ms(const struct progress *p);

/* ---- daemon_once.c ---- */

/* Watches for the end of `run --once` and of a dry run. */
struct once {
    struct once_sink *sinks; /* when each sink last moved */
    size_t n;
};
enum once_state { ONCE_GOING, ONCE_DONE };
void once_begin(struct once *o, size_t n_connectors);
/* ONCE_DONE: nothing more will happen by itself. Call it a few times a second. */
enum once_state once_look(struct once *o, const struct status *statuses);
void once_end(struct once *o);
/* The exit code of a run that is over, with a line on standard error for all that makes it not 0. */
int once_verdict(const struct status *statuses, struct connector **connectors, size_t n);

/* ---- daemon_command.c ---- */

/* What control_calls.command does, once the connectors have started. */
void connectors_command(struct connector **connectors, size_t n, const struct command *cmd, command_done *done,
                        void *ctx);

/* ---- daemon_notify.c ---- */

/* systemd: ready, status line, watchdog (sd_notify(3)); all of it is nothing where we were not started by it. Never
 * blocks. */
struct notify {
    int fd;                /* -1: not started by systemd */
    bool ready_owed;       /* could not be said yet */
    int64_t ping_every_ms; /* 0: no watchdog */
    int64_t next_ping_ms;
    char *said; /* the last status line */
};
void notify_begin(struct notify *n);
void notify_ready(struct notify *n);
/* The start goes on: the time that it may take counts anew. */
void notify_starting(struct notify *n);
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);
/* Pings when it is time, and tells the connectors' phases when they changed. */
void notify_tick(struct notify *n, const struct status *statuses, size_t n_statuses);
void notify_end(struct notify *n);

/* ---- daemon_dry.c ---- */

/* daemon_run() with dry_run. */

int daemon_dry_run(struct config *conf, const struct daemon_options *options);

#endif
