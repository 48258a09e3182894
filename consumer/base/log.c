#include "log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "text.h"

static _Atomic int log_level = LOG_LEVEL_INFO;

static const char *const names[] = { "error", "warning", "info", "debug" };
static const int priorities[] = { 3, 4, 6, 7 };   /* syslog(3) */

void log_set_level(enum log_level level)
{
    log_level = (int)level;
}

int log_level_parse(const char *name)
{
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

static size_t scrub(char *out, size_t size, const char *text)
{
    size_t n = 0;

    for (; *text && n + 5 < size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7F)
            n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
        else
            out[n++] = (char)c;
    }
    return n;
}

static _Thread_local bool never_waits;
static _Thread_local unsigned dropped;

void log_never_wait(void)
{
    never_waits = true;
}

/* Room for PIPE_BUF bytes is what poll(2) means with POLLOUT, for pipes; sockets and terminals have no less. */
bool log_has_room(void)
{
    struct pollfd out = { .fd = STDERR_FILENO, .events = POLLOUT };

    return poll(&out, 1, 0) != 0;
}

/* One write a line keeps lines of several threads apart; there is nobody to tell if it fails. */
static void put_line(const char *line, size_t n)
{
    char lost[64];
    ssize_t ignored;

    if (never_waits && !log_has_room()) {
        dropped++;
        return;
    }
    if (dropped) {
        int len = snprintf(lost, sizeof(lost), "%u lines of the log were lost here\n", dropped);

        dropped = 0;
        ignored = write(STDERR_FILENO, lost, (size_t)len);
        put_line(line, n);
        return;
    }
    ignored = write(STDERR_FILENO, line, n);
    (void)ignored;
}

void log_line(enum log_level level, const char *subject, const char *fmt, ...)
{
    char text[2048], line[4096], when[TIME_TEXT];
    size_t n;
    va_list ap;

    if ((int)level > log_level)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (getenv("JOURNAL_STREAM"))
        n = (size_t)snprintf(line, sizeof(line), "<%d>", priorities[level]);
    else   /* on a terminal a progress bar may stand in the line: it is wiped first */
        n = (size_t)snprintf(line, sizeof(line), "%s%s %s ", isatty(STDERR_FILENO) ? "\r\033[K" : "",
                             time_format(clock_wall_ms(), when), names[level]);
    if (subject)
        n += (size_t)snprintf(line + n, sizeof(line) - n, "%.256s: ", subject);
    n += scrub(line + n, sizeof(line) - n - 1, text);
    line[n++] = '\n';
    put_line(line, n);
}
