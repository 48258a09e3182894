/* The output file of axsync as a reader sees it that waits for each line: with inotify(7), and the moment noted at which
 * the line was there. */
#ifndef DEMO_JOURNAL_H
#define DEMO_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

struct journal {
    int fd, notify;
    bool sync;             /* note when lines are durable, too */
    char *text;            /* what was read; up to `taken` it was taken */
    size_t taken, len, room;
    double seen, durable;  /* when the last bytes of it were read, and were on the disk; seconds of CLOCK_MONOTONIC */
};

/* Makes the file, empty, if it is not there, so that it can be watched before axsync opens it. False: errno. */
bool journal_open(struct journal *j, const char *path);
void journal_close(struct journal *j);

/* Reads what is new in the file. False: errno.
 *
 * axsync writes a line and then calls fdatasync(2), which nobody else sees. So with j->sync the reader calls fdatasync(2)
 * as well: when that comes back the line is on the disk for certain, whichever of the two was first. j->durable is thus
 * never too early; it is late by what two of them at once cost. */
bool journal_read(struct journal *j);

/* The next whole line of what was read, without its line feed, for the caller to free; NULL if there is none. */
char *journal_take(struct journal *j);
/* Whether something was read and not taken. */
bool journal_has_more(const struct journal *j);

/* Seconds of CLOCK_MONOTONIC. */
double journal_now(void);

#endif
