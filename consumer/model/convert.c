#include "convert.h"

#include <stdarg.h>
#include <stdio.h>

#define EXCERPT 80

/* White space (Unicode property White_Space) beyond ASCII and what counts as a control, as UTF-8. U+2000 to U+200A apart. */
static const char *const blanks[] = {
    "\xC2\xA0", "\xE1\x9A\x80", "\xE2\x80\xAF", "\xE2\x81\x9F", "\xE3\x80\x80",
};

static bool is_wide_blank(const char *p, size_t n)
{
    if (n == 3 && memcmp(p, "\xE2\x80", 2) == 0 && (unsigned char)p[2] <= 0x8A)
        return true;
    for (size_t i = 0; i < sizeof(blanks) / sizeof(*blanks); i++)
        if (slice_eq(slice_of(blanks[i]), slice_make(p, n)))
            return true;
    return false;
}

enum convert_char convert_char_at(const char *p, size_t left, size_t *length)
{
    unsigned char c = (unsigned char)p[0];
    size_t n;

    *length = 1;
    if (c < 0x80)
        return c > ' ' && c != 0x7F ? CHAR_PLAIN : c == ' ' ? CHAR_BLANK : CHAR_CONTROL;
    n = utf8_length(p, left);
    if (n == 0)
        return CHAR_NOT_UTF8;
    *length = n;
    if (c == 0xC2 && (unsigned char)p[1] < 0xA0)
        return CHAR_CONTROL;
    /* U+2028 and U+2029 end a line, though Unicode does not call them controls: no sink can take a line end in a value. */
    if (n == 3 && memcmp(p, "\xE2\x80", 2) == 0 && ((unsigned char)p[2] | 1) == 0xA9)
        return CHAR_CONTROL;
    return c <= 0xE3 && is_wide_blank(p, n) ? CHAR_BLANK : CHAR_PLAIN;
}

struct slice convert_trim(struct slice s)
{
    while (s.len && *s.p == ' ') {
        s.p++;
        s.len--;
    }
    while (s.len && s.p[s.len - 1] == ' ')
        s.len--;
    return s;
}

struct slice convert_excerpt(struct slice value)
{
    if (value.len <= EXCERPT)
        return value;
    value.len = EXCERPT;
    while (value.len && ((unsigned char)value.p[value.len] & 0xC0) == 0x80)
        value.len--;   /* not in the middle of a UTF-8 sequence */
    return value;
}

struct slice convert_text(struct arena *a, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0)
        n = 0;
    return arena_copy(a, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* Whether the value can be used as it is, for most are: printable ASCII, no space at its ends. */
static bool is_clean(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] < ' ' || s.p[i] > '~')
            return false;
    return s.len && s.p[0] != ' ' && s.p[s.len - 1] != ' ';
}

/* A run of control characters becomes one space: a line end in a value could end a command of a sink. */
static enum convert_result scrub(struct slice value, struct arena *a, struct slice *out)
{
    char *copy = arena_alloc(a, value.len + 1);
    size_t n = 0, length;
    bool blank = true, in_run = false;

    for (size_t i = 0; i < value.len; i += length) {
        enum convert_char what = convert_char_at(value.p + i, value.len - i, &length);

        if (what == CHAR_NOT_UTF8)
            return CONVERT_NOT_UTF8;
        if (what == CHAR_CONTROL) {
            if (!in_run)
                copy[n++] = ' ';
        } else {
            memcpy(copy + n, value.p + i, length);
            n += length;
            blank &= what == CHAR_BLANK;
        }
        in_run = what == CHAR_CONTROL;
    }
    *out = convert_trim(slice_make(copy, n));
    return blank ? CONVERT_ABSENT : CONVERTED;
}

static enum convert_result convert_plain(struct slice value, struct arena *a, struct slice *out)
{
    *out = value;
    return is_clean(value) ? CONVERTED : scrub(value, a, out);
}

/* RFC 4517, 3.3.28: lines are parted by "$"; in a line "\24" stands for "$" and "\5C" for "\". */
static enum convert_result convert_postal(struct slice value, struct arena *a, struct slice *out)
{
    char *copy;
    size_t n = 0;

    if (value.len == 0 || (!memchr(value.p, '$', value.len) && !memchr(value.p, '\\', value.len)))
        return convert_plain(value, a, out);
    copy = arena_alloc(a, 2 * value.len + 1);
    for (size_t i = 0; i < value.len; i++) {
        struct slice escape = { value.p + i, value.len - i < 3 ? 0 : 3 };

        if (value.p[i] == '$') {
            copy[n++] = ',';
            copy[n++] = ' ';
        } else if (slice_eq(escape, slice_of("\\24"))) {
            copy[n++] = '$';
            i += 2;
        } else if (text_equal_nocase(escape, slice_of("\\5c"))) {
            copy[n++] = '\\';
            i += 2;
        } else {
            copy[n++] = value.p[i];
        }
    }
    return convert_plain(slice_make(copy, n), a, out);
}

/* RFC 2079: the URI, then spaces and a label. */
static enum convert_result convert_labeled_uri(struct slice value, struct arena *a, struct slice *out)
{
    enum convert_result result = convert_plain(value, a, out);
    const char *space = out->len ? memchr(out->p, ' ', out->len) : NULL;

    if (space)
        out->len = (size_t)(space - out->p);
    return result;
}

enum convert_result convert_value(enum mapping_conversion how, struct slice value, struct arena *a, struct slice *out)
{
    switch (how) {
    case CONVERT_POSTAL:
        return convert_postal(value, a, out);
    case CONVERT_LABELED_URI:
        return convert_labeled_uri(value, a, out);
    default:
        return convert_plain(value, a, out);
    }
}
