/* The log: one line per event on standard error, bound to a subject (a connector, a sink).
 *
 * Under systemd (JOURNAL_STREAM set, sd-daemon(3)) a line begins with its priority, "<4>"; else with the time.
 * Control characters of a message are shown as \xNN, so that nothing a peer sent can forge a line. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
/* "error", "warning", "info", "debug" → level; -1 for anything else. */
int log_level_parse(const char *name);

/* From now on this thread's lines never wait for who reads the log (a pipe that is full, a terminal that was stopped): what can't be
 * written at once is dropped, and counted in the next line that can. */
void log_never_wait(void);
/* Whether a line can be written now without waiting. */
bool log_has_room(void);

/* subject may be NULL. Any thread. */
void log_line(enum log_level level, const char *subject, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define log_error(subject, ...) log_line(LOG_LEVEL_ERROR, subject, __VA_ARGS__)
#define log_warning(subject, ...) log_line(LOG_LEVEL_WARNING, subject, __VA_ARGS__)
#define log_info(subject, ...) log_line(LOG_LEVEL_INFO, subject, __VA_ARGS__)
#define log_debug(subject, ...) log_line(LOG_LEVEL_DEBUG, subject, __VA_ARGS__)

#endif
