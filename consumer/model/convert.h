/* From an attribute's value to a field's: SPEC.md 2.5. Only mapping uses this. */
#ifndef MODEL_CONVERT_H
#define MODEL_CONVERT_H

#include "mapping.h"

enum convert_result {
    CONVERTED,
    CONVERT_ABSENT,      /* nothing but blanks and control characters */
    CONVERT_NOT_UTF8
};

/* *out is part of value where nothing had to be changed (the usual case), else in *a. */
enum convert_result convert_value(enum mapping_conversion how, struct slice value, struct arena *a, struct slice *out);

/* What a byte begins, as far as values and addresses care. */
enum convert_char { CHAR_PLAIN, CHAR_BLANK, CHAR_CONTROL, CHAR_NOT_UTF8 };

/* The character at p and its length in bytes (at least 1). Control: C0, DEL and C1. Blank: white space of Unicode that
 * is no control character. left must not be 0. */
enum convert_char convert_char_at(const char *p, size_t left, size_t *length);

/* Without the spaces (U+0020) around it. */
struct slice convert_trim(struct slice s);

/* What of a value is shown to people: at most 80 bytes. */
struct slice convert_excerpt(struct slice value);

/* printf into *a, cut at 400 bytes. */
struct slice convert_text(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
