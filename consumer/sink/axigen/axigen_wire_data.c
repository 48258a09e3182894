#include "axigen_wire.h"

#include <string.h>

#include "text.h"

/* ---- Pieces ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct slice trim(struct slice s)
{
    while (s.len && is_blank(s.p[0]))
        s = slice_make(s.p + 1, s.len - 1);
    while (s.len && is_blank(s.p[s.len - 1]))
        s.len--;
    return s;
}

static struct slice after(struct slice s, size_t n)
{
    return slice_make(s.p + n, s.len - n);
}

/* Length of the text in double quotes that s begins with, both quotes included; 0 if its end is missing. */
static size_t quoted_length(struct slice s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            return i + 1;
    }
    return 0;
}

static struct slice unescape(struct slice s, struct arena *a)
{
    char *to = arena_alloc(a, s.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '\\' && i + 1 < s.len)
            i++;
        to[n++] = s.p[i];
    }
    return slice_make(to, n);
}

bool wire_line(struct slice *rest, struct slice *line)
{
    const char *lf;
    size_t n;

    if (rest->len == 0)
        return false;
    lf = memchr(rest->p, '\n', rest->len);
    n = lf ? (size_t)(lf - rest->p) : rest->len;
    *line = slice_make(rest->p, n);
    *rest = after(*rest, lf ? n + 1 : n);
    if (line->len && line->p[line->len - 1] == '\r')
        line->len--;
    return true;
}

/* ---- Attributes ---- */

/* A name is words: a title that quotes something and holds a '=' there is none. */
static bool is_name(struct slice s)
{
    return s.len > 0 && memchr(s.p, '"', s.len) == NULL;
}

/* The value at the beginning of `from`, which goes on to the end of the data; returns its length. */
static size_t read_value(struct slice from, struct slice rest_of_line, struct arena *a, struct wire_attr *attr)
{
    struct slice bare = trim(rest_of_line);
    size_t n = bare.len && bare.p[0] == '"' ? quoted_length(from) : 0;

    attr->as_is = bare;
    if (bare.len >= 2 && bare.p[0] == '"' && bare.p[bare.len - 1] == '"')
        attr->as_is = slice_make(bare.p + 1, bare.len - 2);
    attr->is_list = n == 0 && bare.len >= 2 && bare.p[0] == '(' && bare.p[bare.len - 1] == ')';
    if (n > 0)
        attr->value = unescape(slice_make(from.p + 1, n - 2), a);
    else
        attr->value = attr->is_list ? slice_make(bare.p + 1, bare.len - 2) : bare;
    return n;
}

bool wire_attr_next(struct slice *rest, struct arena *a, struct wire_attr *attr)
{
    struct slice line;
    struct slice from = *rest;

    while (wire_line(rest, &line)) {
        const char *equals = memchr(line.p, '=', line.len);
        size_t at = equals ? (size_t)(equals - line.p) + 1 : 0;
        struct slice name = trim(slice_make(line.p, at ? at - 1 : 0));

        if (equals && is_name(name)) {
            struct slice value = after(line, at), all;
            size_t n;

            while (value.len && is_blank(value.p[0]))
                value = after(value, 1);
            all = after(from, (size_t)(value.p - from.p));
            attr->name = name;
            n = read_value(all, value, a, attr);
            if (n > value.len) { /* it spans lines: go on behind the one it ends in */
                *rest = after(all, n);
                wire_line(rest, &line);
            }
            return true;
        }
        from = *rest;
    }
    return false;
}

bool wire_attr_find(struct slice data, const char *name, struct arena *a, struct wire_attr *attr)
{
    while (wire_attr_next(&data, a, attr))
        if (text_equal_nocase(attr->name, slice_of(name)))
            return true;
    return false;
}

bool wire_word_next(struct slice *rest, struct slice *word)
{
    struct slice s = trim(*rest);
    size_t n;

    if (s.len == 0)
        return false;
    n = s.p[0] == '"' ? quoted_length(s) : 0;
    if (n > 0) {
        *word = slice_make(s.p + 1, n - 2);
    } else {
        while (n < s.len && !is_blank(s.p[n]))
            n++;
        *word = slice_make(s.p, n);
    }
    *rest = after(s, n);
    return true;
}

/* ---- Rows ---- */

static bool is_dashes(struct slice line)
{
    line = trim(line);
    if (line.len < 2 || line.p[0] != '-')
        return false;
    for (size_t i = 0; i < line.len; i++)
        if (line.p[i] != '-' && !is_blank(line.p[i]) && strchr("+|=", line.p[i]) == NULL)
            return false;
    return true;
}

struct wire_rows wire_table(struct slice data)
{
    struct slice line;

    while (wire_line(&data, &line))
        if (is_dashes(line))
            return (struct wire_rows){data};
    return (struct wire_rows){{"", 0}};
}

/* A title is a sentence, "The aliases of account x:"; an address or alias has no blanks. */
static bool looks_like_title(struct slice line)
{
    return memchr(line.p, ' ', line.len) != NULL || line.p[line.len - 1] == ':';
}

/* An empty line, the title, rows: where it begins otherwise, the title may be missing. */
struct wire_rows wire_names(struct slice data)
{
    struct slice line, rest = data;
    bool framed = false;

    while (wire_line(&rest, &line)) {
        line = trim(line);
        if (line.len > 0)
            return (struct wire_rows){framed || looks_like_title(line) ? rest : data};
        framed = true;
    }
    return (struct wire_rows){{"", 0}};
}

bool wire_row_next(struct wire_rows *rows, struct slice *row)
{
    struct slice line;

    if (!wire_line(&rows->rest, &line))
        return false;
    *row = trim(line);
    if (row->len > 0)
        return true;
    rows->rest = slice_of("");
    return false;
}
