/* The daemon: all connectors of a configuration, signals, the control socket, systemd. */
#ifndef ENGINE_DAEMON_H
#define ENGINE_DAEMON_H

#include "config.h"
#include "connector.h"

struct daemon_options {
    const char *config_path;
    const char *version;
    bool once;
    bool dry_run;
};

/* `axsync run`: runs until SIGTERM or SIGINT (or, with once, until in sync, settled and drained). conf is the caller's.
 * Returns the exit code: 0; 69 with once if the directory or a sink can't be reached; 75 with once if not everything
 * went out, or if another daemon has this state; 78 if a connector can't be started as it is configured; 70 internal.
 * Says on standard error what went wrong. Does not return, but ends the program with that code, if a thread had to be
 * left behind in libldap.
 *
 * With dry_run: one refresh against a throw-away copy of the state, actions on standard output, what would be held or
 * wait on standard error; takes no lock and changes nothing. */
int daemon_run(struct config *conf, const struct daemon_options *options);

/* stateDir/CONNECTOR, malloc'ed. */
char *state_folder(const struct config *conf, const struct config_connector *c);

/* Takes the lock of the state folder: the file descriptor, or -1 and *e (ERR_TEMP: another process has it, its pid in
 * the text; said after a short while only, as a command without a daemon has it for a moment). Makes the folder. Closing
 * the descriptor gives the lock back. */
int state_lock(const struct config *conf, struct err *e);

/* Whether a folder of state_folder() has a state: 1, 0 for not yet, -1 and *e if that can't be seen, which must not be
 * taken for "not yet". */
int state_exists(const char *folder, struct err *e);

/* The highest hold number that any connector's state has given. No state may be open in this process. */
int state_hold_high(const struct config *conf, uint32_t *high, struct err *e);

#endif
