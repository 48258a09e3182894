/* Small things about text and identifiers. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slice.h"

/* Length (1 to 4) of the valid UTF-8 sequence at p (RFC 3629: no surrogates, no overlong forms), 0 if there is none. */
size_t utf8_length(const char *p, size_t left);
bool utf8_valid(struct slice s);

#define UUID_BYTES 16
#define UUID_TEXT 37   /* with the NUL */

/* RFC 4122 text form, lower case; out has UUID_TEXT bytes. Returns out. */
char *uuid_format(const uint8_t uuid[UUID_BYTES], char *out);
/* Reads the 36-character form, either case. False if it is not one. */
bool uuid_parse(struct slice text, uint8_t uuid[UUID_BYTES]);

/* RFC 3339, UTC, milliseconds: 2026-11-24T07:49:55.123Z; out has TIME_TEXT bytes. Returns out. */
#define TIME_TEXT 25
char *time_format(int64_t wall_ms, char *out);

/* ASCII, whatever the locale. */
bool text_equal_nocase(struct slice a, struct slice b);

#endif
