/* For tests: an Axigen emulator as a child process.
 *
 *     const char *const switches[] = { "--domain", "example.com", "--licence", "100", NULL };
 *     struct emulator *e = emulator_start(switches);
 *     … connect to 127.0.0.1, emulator_port(e), as "admin" with the password "secret" …
 *     emulator_control(e, "refuse \"ADD Account bad*=no such luck\"");
 *     json_t *dump = emulator_dump(e);
 *     emulator_stop(&e);
 *
 * What goes wrong with the emulator itself (it can't be started, it does not answer) ends the test program by abort(3)
 * with a message: no test can go on without it. What the emulator is told to do wrong, dying included, does not.
 * docs/axigen-emulator.md has the switches, the control lines and the form of the dump. */
#ifndef EMULATOR_H
#define EMULATOR_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

struct emulator;

/* Starts one on a free port of 127.0.0.1 and waits until it is ready. switches: as on the command line, ended by NULL;
 * NULL for none. It ends with the calling thread. */
struct emulator *emulator_start(const char *const *switches);
/* Ends it by SIGTERM and frees; harmless when it has died, and for NULL. */
void emulator_stop(struct emulator **e);

unsigned emulator_port(const struct emulator *e);
pid_t emulator_pid(const struct emulator *e);

/* SIGKILL, waits until it is gone. */
void emulator_kill(struct emulator *e);
/* Waits until it has ended by itself (die-after-commit and the like); false after wait_ms. */
bool emulator_await_death(struct emulator *e, int wait_ms);
/* Starts it again on the same port with the same switches (those of `more`, if not NULL, come after them): the state is
 * there again if there was --state FILE. It must have ended before. */
void emulator_restart(struct emulator *e, const char *const *more);

/* Sends a control line (printf form, without its line end) and wants "ok". */
void emulator_control(struct emulator *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The whole dump: {"domains": {…}, "counters": {…}, "options": {…}, "rules": […]}. A new reference. */
json_t *emulator_dump(struct emulator *e);
/* An account or group as in a dump (see docs), NULL if there is none. A new reference. */
json_t *emulator_account(struct emulator *e, const char *domain, const char *name);
json_t *emulator_group(struct emulator *e, const char *domain, const char *name);
/* A counter by its name; commands, unknown, roundTrips, maxInFlight, accountsAdded … */
long emulator_counter(struct emulator *e, const char *name);

/* Waits until the counter is at least `value`; false after wait_ms. */
bool emulator_await_counter(struct emulator *e, const char *name, long value, int wait_ms);

#endif
