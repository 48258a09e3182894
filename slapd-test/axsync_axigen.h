/* The program between a real slapd and the emulator of Axigen's CLI: a configuration with a file sink and an Axigen
 * sink, what the mailboxes must be by the directory, and what is always true of them. As axsync_run.h: what is not as it
 * must be ends the test. */
#ifndef AXSYNC_AXIGEN_H
#define AXSYNC_AXIGEN_H

#include "axsync_run.h"
#include "emulator.h"

/* No password of anybody else's: it is looked for in all that the program says. */
#define AXIGEN_PASSWORD "S3cret-of-the_CLI"

struct stage {
    struct axsync *a;
    struct emulator *e;
    char *password_file, *state_file;
    char *keys;              /* of the Axigen sink, as configured last */
    char *overrides;
};

/* The emulator with the domain example.com, a configuration with the sinks "journal" and "mail". keys: more keys of
 * "mail"; overrides: of the connector, as for axsync_new(). carLicense is mapped to aliases. */
struct stage *stage_new(struct slapdtest *server, const char *keys, const char *overrides);
/* The configuration anew; mail false: without the Axigen sink. */
void stage_configure(struct stage *s, const char *keys, const char *overrides, bool mail);
/* Looks at what is true in the end of all tests, ends the emulator, and frees; axsync_free() is within. The server stays. */
void stage_free(struct stage **s);

/* A number that status shows of the sink "mail": queued, parked, due. -1: no answer. */
json_int_t stage_number(struct stage *s, const char *key);
void stage_await_number(struct stage *s, const char *key, json_int_t n);

/* The accounts of the domain that are neither retired nor without services: address → {"uuid", "set"}, as
 * directory_accounts() gives them. A new reference. */
json_t *stage_mailboxes(struct stage *s);
/* Until the mailboxes are what the directory says. */
void stage_await_mailboxes(struct stage *s);
/* Until the account NAME@example.com is there, or is not. */
void stage_await_account(struct stage *s, const char *name, bool there);
/* What is there of an account, as the emulator's dump has it, at "a.b" in it: a string; "" if it is not there. For the
 * caller to free. */
char *stage_value(struct stage *s, const char *name, const char *path);
void stage_await_value(struct stage *s, const char *name, const char *path, const char *value);

#endif
