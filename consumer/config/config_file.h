/* The files that a configuration names, and itself. */
#ifndef CONFIG_CONFIG_FILE_H
#define CONFIG_CONFIG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err.h"

/* Reads a whole file, malloc'ed with `room` bytes behind its end; *mode is what it was opened with. NULL and *e if it
 * can't be read, is no regular file or is larger than `max`. The caller wipes what is secret. */
char *config_file_read(const char *path, size_t max, size_t room, size_t *len, mode_t *mode, struct err *e);

/* The secret in a file: one line, its end cut off. NULL and *e if there is none, or if others can read the file. */
char *config_file_secret(const char *path, struct err *e);

/* 0 if it can be read and, if `secret`, is closed to all but its owner and group (a private key is often shared with a
 * group by the distribution). */
int config_file_readable(const char *path, bool secret, struct err *e);

/* Whether others than the owner can do anything with a file of that mode. */
bool config_file_open_to_others(mode_t mode);

#endif
