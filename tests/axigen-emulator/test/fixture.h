/* A client that knows nothing but bytes, and conversations as tables. */
#ifndef TEST_EMULATOR_FIXTURE_H
#define TEST_EMULATOR_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "emulator.h"

#define WAIT_MS 20000

/* The emulator of the test at hand: started by start(), stopped by fixture_fini(). */
extern struct emulator *emulator;

/* start("--licence", "3", NULL); there is always the domain example.com. */
void start(const char *first, ...);
void fixture_fini(void);

/* A socket to it. */
int dial(void);
/* The same with the greeting read. */
int dial_greeted(void);
/* The same, logged in, in the root context. */
int login(void);
/* The same, in the context of example.com. */
int in_domain(void);

void send_text(int fd, const char *text);
/* What comes until it ends in a prompt, or the connection ends ("…[closed]"), or nothing came for wait_ms
 * ("…[silence]"). Valid until the next call. */
const char *receive_within(int fd, int wait_ms);
const char *receive(int fd);
/* Sends the line and CRLF, returns the answer. */
const char *ask(int fd, const char *line);
/* The same, and the answer must fit the wildcard. */
void expect_answer(int fd, const char *line, const char *pattern);
/* ask() for each, all of which must be +OK. */
void expect_ok(int fd, const char *first, ...) __attribute__((sentinel));

struct turn {
    const char *send, *answer; /* answer: a wildcard */
};

#define TALK(fd, ...) talk(fd, (const struct turn[]){__VA_ARGS__, {NULL, NULL}})
void talk(int fd, const struct turn *turns);

/* The value at a path of the dump; NULL if there is nothing. Valid until the next call. */
const json_t *dumped(const char *first, ...) __attribute__((sentinel));
/* That account's or group's text, number or list is this, as JSON. */
void expect_account(const char *name, const char *member, const char *json);

#endif
