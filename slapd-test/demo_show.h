/* How the demo looks: headlines, lines of actions and tables for a terminal of 100 columns. */
#ifndef DEMO_SHOW_H
#define DEMO_SHOW_H

#include <jansson.h>

/* Colours only on a terminal that wants them. */
void show_begin(void);
void show_title(const char *text);
/* A numbered headline: what is done next. */
void show_step(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Words of explanation, wrapped. */
void show_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What a command printed, each line behind a bar, long ones wrapped. */
void show_output(const char *command, const char *text);
/* A long line without a blank to break it at. */
void show_json(const char *line);
/* One action that came `ms` after what caused it. */
void show_action(const json_t *action, double ms);
/* One of many account.create; action NULL: the table's head. */
void show_create(const json_t *action);

/* Accounts of a mail server, as the emulator's dump has them, two in a line. Gives how many of them are retired. */
size_t show_mailboxes(const json_t *accounts);

/* A string of an action; "" if it is not there. `set` looks among the fields. */
const char *action_text(const json_t *action, const char *key);
const char *action_set(const json_t *action, const char *field);

#endif
