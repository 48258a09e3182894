/* A look at the structure of a file before libConfuse reads its values.
 *
 * libConfuse 3.3 cannot do what SPEC.md section 3 asks for on its own: it counts the line of a comment more than once,
 * stops at the first unknown key (or, told to ignore them, passes over them in silence and trips over lists in
 * them), lets the second of two settings of a key or of two sections of one name replace the first, skips characters
 * that it does not know, and takes a file whose last section is never closed. So this finds keys, values and braces,
 * reports all that is wrong with them, and leaves a text in which libConfuse finds nothing to complain about: comments
 * and what was reported are blanked, line by line as they were. */
#ifndef CONFIG_CONFIG_SCAN_H
#define CONFIG_CONFIG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "config_problem.h"

/* Changes `text` (len bytes, room for CONFIG_SCAN_ROOM more) in place and ends it with a NUL. True if it was read to
 * its end; false after a syntax error: then what stands before it is left, its open sections closed. */
#define CONFIG_SCAN_ROOM 64
bool config_scan(char *text, size_t len, struct problems *problems);

#endif
