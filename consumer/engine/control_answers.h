/* Answers of commands on their way from the writers' threads to the control socket's loop. They have a life of their
 * own: a command may be answered after the socket is closed. Only control*.c include this. */
#ifndef ENGINE_CONTROL_ANSWERS_H
#define ENGINE_CONTROL_ANSWERS_H

#include <stdint.h>

#include "err.h"

struct answers;

struct answer {
    struct answer *next;
    struct answers *answers;
    uint64_t client; /* that waits for it */
    struct err err;  /* class ERR_NONE: done */
    char *text;
};

/* One reference is the caller's. */
struct answers *answers_new(void);
void answers_unref(struct answers *a);

/* Readable when there is something to take; -1 if it could not be made. */
int answers_fd(const struct answers *a);

/* A command is under way for this client: what to give as ctx of answers_done(), which is called once. */
struct answer *answers_expect(struct answers *as, uint64_t client);

/* command_done (connector.h): any thread. */
void answers_done(void *ctx, const struct err *e, const char *text);

/* All that came, in no order; free each with answer_free(). */
struct answer *answers_take(struct answers *as);
void answer_free(struct answer *a);

#endif
