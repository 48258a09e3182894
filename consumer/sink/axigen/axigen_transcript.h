/* The last lines of a session, for the log when it ends badly. Whoever adds a line has blanked its secrets. */
#ifndef AXIGEN_TRANSCRIPT_H
#define AXIGEN_TRANSCRIPT_H

#include "axigen_wire.h"

#define TRANSCRIPT_LINES 50u
#define TRANSCRIPT_WIDTH 200u

struct transcript {
    char lines[TRANSCRIPT_LINES][TRANSCRIPT_WIDTH];
    size_t next; /* lines added so far; the next goes to next % TRANSCRIPT_LINES */
};

/* direction: '>' sent, '<' received. The text is scrubbed and cut. */
void transcript_add(struct transcript *t, char direction, struct slice text);
/* The i-th of those that are left, oldest first; NULL behind the last. */
const char *transcript_line(const struct transcript *t, size_t i);

#endif
