#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "mem.h"
#include "text.h"

/* Control characters of ASCII and of Latin 1 (C1, U+0080 to U+009F, among them another form of ESC [). */
static bool is_control(const char *p, size_t n)
{
    unsigned char c = (unsigned char)p[0];

    return (n == 1 && (c < 0x20 || c == 0x7F)) || (n == 2 && c == 0xC2 && (unsigned char)p[1] < 0xA0);
}

void print_scrubbed(struct buf *out, struct slice s)
{
    while (s.len) {
        size_t n = utf8_length(s.p, s.len);

        if (n && !is_control(s.p, n)) {
            buf_add(out, s.p, n);
        } else {
            n = n ? n : 1;
            for (size_t i = 0; i < n; i++)
                buf_printf(out, "\\x%02x", (unsigned char)s.p[i]);
        }
        s = slice_make(s.p + n, s.len - n);
    }
}

void print_text(FILE *out, struct slice s)
{
    struct buf b = {0};

    print_scrubbed(&b, s);
    fwrite(buf_str(&b), 1, b.len, out);
    buf_free(&b);
}

char *print_time(int64_t wall_ms, char out[PRINT_TIME])
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;

    if (wall_ms <= 0 || localtime_r(&t, &tm) == NULL || strftime(out, PRINT_TIME, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0)
        snprintf(out, PRINT_TIME, "-");
    return out;
}

char *print_span(int64_t ms, char out[PRINT_SPAN])
{
    long long s = ms > 0 ? ms / 1000 : 0;

    if (s < 60)
        snprintf(out, PRINT_SPAN, "%lld s", s);
    else if (s < 3600)
        snprintf(out, PRINT_SPAN, "%lld min", s / 60);
    else if (s < 86400)
        snprintf(out, PRINT_SPAN, "%lld h %lld min", s / 3600, s % 3600 / 60);
    else
        snprintf(out, PRINT_SPAN, "%lld d %lld h", s / 86400, s % 86400 / 3600);
    return out;
}

/* ---- columns ------------------------------------------------------------------------------------------------ */

struct table_rows {
    size_t columns;
    size_t n; /* cells */
    char **cells;
    size_t widths[16];
};

struct table_rows *rows_new(size_t columns)
{
    struct table_rows *r = mem_alloc(sizeof(*r));

    r->columns = columns;
    return r;
}

/* Characters, each taken for one column wide. */
static size_t width_of(const char *text)
{
    size_t n = 0;

    for (; *text; text++)
        n += ((unsigned char)*text & 0xC0) != 0x80;
    return n;
}

void rows_cell(struct table_rows *r, struct slice text)
{
    struct buf b = {0};
    size_t width, *widest = &r->widths[r->n % r->columns];

    print_scrubbed(&b, text);
    width = width_of(buf_str(&b));
    if (width > *widest)
        *widest = width;
    if ((r->n & (r->n - 1)) == 0) /* room doubles */
        r->cells = mem_realloc(r->cells, (r->n ? 2 * r->n : 1) * sizeof(*r->cells));
    r->cells[r->n++] = b.p;
}

void rows_printf(struct table_rows *r, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    rows_cell(r, slice_of(text));
}

void rows_print(const struct table_rows *r, FILE *out)
{
    for (size_t i = 0; i < r->n; i++) {
        size_t column = i % r->columns;

        fputs(r->cells[i], out);
        if (column + 1 == r->columns)
            fputc('\n', out);
        else
            fprintf(out, "%*s", (int)(r->widths[column] - width_of(r->cells[i]) + 2), "");
    }
}

size_t rows_count(const struct table_rows *r)
{
    return r->n / r->columns;
}

void rows_free(struct table_rows **r)
{
    for (size_t i = 0; i < (*r)->n; i++)
        free((*r)->cells[i]);
    free((*r)->cells);
    free(*r);
    *r = NULL;
}
