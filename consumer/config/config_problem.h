/* What is wrong with a file, collected while it is read. */
#ifndef CONFIG_CONFIG_PROBLEM_H
#define CONFIG_CONFIG_PROBLEM_H

#include <stddef.h>

#include "config.h"

struct problem {
    int line;          /* 0: of the file as a whole */
    char *text;
};

struct problems {
    const char *path;  /* of the file; borrowed */
    struct problem *v;
    size_t n;
};

/* Notes one. What came out of the file goes into it scrubbed of control characters; secrets never do. */
void problem_add(struct problems *p, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Moves all of them into *out, as "FILE:LINE: text" in the order of lines, and empties *p. */
void problems_report(struct problems *p, struct config_errors *out);

#endif
