/* What is counted, and the log of commands. */
#ifndef EMULATOR_TALLY_H
#define EMULATOR_TALLY_H

#include <jansson.h>
#include <stdio.h>

#include "slice.h"

struct tally {
#define COUNTER(name) long name;
#include "tally.def"
#undef COUNTER
    json_t *per_command; /* name as in the table of commands → how often it came; owned */
    FILE *log;           /* owned; NULL: none */
};

/* Opens the log for appending if path is given; 0, or -1 with errno. */
int tally_init(struct tally *t, const char *path);
void tally_free(struct tally *t);
void tally_reset(struct tally *t);
void tally_command(struct tally *t, const char *name);
/* One line: connection, context, command (secrets already blanked), status line; separated by tabs. */
void tally_log(struct tally *t, unsigned connection, const char *context, struct slice command, const char *status);
/* What was logged reaches the file. */
void tally_flush(struct tally *t);
json_t *tally_json(const struct tally *t);

#endif
