#include "words.h"

#include <stdlib.h>
#include <strings.h>

#include "mem.h"
#include "text.h"

/* Where we read and where the unquoted text goes. Unquoting never makes text longer, but each word adds a NUL. */
struct cursor {
    const char *p, *end;
    char *out;
    const char *why;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool at_boundary(const struct cursor *c, bool in_list)
{
    return c->p == c->end || is_blank(*c->p) || (in_list && *c->p == ')');
}

static int fail(struct cursor *c, const char *why)
{
    c->why = why;
    return -1;
}

static int read_single(struct cursor *c)
{
    for (c->p++; c->p < c->end && *c->p != '\''; c->p++)
        *c->out++ = *c->p;
    if (c->p == c->end)
        return fail(c, "a single quote is not closed");
    c->p++;
    return 0;
}

static int read_double(struct cursor *c)
{
    for (c->p++; c->p < c->end && *c->p != '"'; c->p++) {
        if (*c->p == '\\') {
            if (c->end - c->p < 2 || (c->p[1] != '"' && c->p[1] != '\\'))
                return fail(c, "between double quotes a backslash must stand before \" or \\");
            c->p++;
        }
        *c->out++ = *c->p;
    }
    if (c->p == c->end)
        return fail(c, "a double quote is not closed");
    c->p++;
    return 0;
}

static int read_bare(struct cursor *c, bool in_list)
{
    while (!at_boundary(c, in_list)) {
        if (*c->p == '\'' || *c->p == '"')
            return fail(c, "a quote inside a word needs a backslash");
        if (*c->p == '\\' && ++c->p == c->end)
            return fail(c, "a backslash at the end of the line");
        *c->out++ = *c->p++;
    }
    return 0;
}

/* One word, or one item of a list, and the NUL after it. */
static int read_word(struct cursor *c, bool in_list, bool *bare_r)
{
    int rc;

    *bare_r = false;
    if (*c->p == '\'') {
        rc = read_single(c);
    } else if (*c->p == '"') {
        rc = read_double(c);
    } else {
        *bare_r = true;
        rc = read_bare(c, in_list);
    }
    if (rc == 0 && !at_boundary(c, in_list))
        return fail(c, "no blank after a closing quote");
    *c->out++ = '\0';
    return rc;
}

static void skip_blanks(struct cursor *c)
{
    while (c->p < c->end && is_blank(*c->p))
        c->p++;
}

static int read_list(struct cursor *c, struct word *w)
{
    bool bare;

    w->list = true;
    c->p++;
    for (;;) {
        skip_blanks(c);
        if (c->p == c->end)
            return fail(c, "a list is not closed");
        if (*c->p == ')')
            break;
        if (read_word(c, true, &bare) != 0)
            return -1;
        w->items++;
    }
    c->p++;
    if (!at_boundary(c, false))
        return fail(c, "no blank after a closing parenthesis");
    *c->out++ = '\0';
    return 0;
}

/* No value may carry a control character: the reference knows no way to write one, and a NUL would end our strings. */
static bool has_control(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if (((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7F)
            return true;
    return false;
}

static int split(struct words *w, struct cursor *c)
{
    for (skip_blanks(c); c->p < c->end; skip_blanks(c)) {
        struct word *word = &w->at[w->count];

        if (w->count == WORDS_MAX)
            return fail(c, "too many words");
        *word = (struct word){.text = c->out};
        if (*c->p == '(' ? read_list(c, word) != 0 : read_word(c, false, &word->bare) != 0)
            return -1;
        word->len = (size_t)(c->out - word->text) - 1;
        w->count++;
    }
    return 0;
}

int words_split(struct words *w, struct slice line, const char **why_r)
{
    struct cursor c;

    w->count = 0;
    w->memory = mem_alloc(line.len * 2 + 2);
    c = (struct cursor){line.p, line.p + line.len, w->memory, NULL};
    if (has_control(line))
        fail(&c, "a control character");
    else if (!utf8_valid(line))
        fail(&c, "not UTF-8");
    else
        split(w, &c);
    if (c.why)
        *why_r = c.why;
    return c.why ? -1 : 0;
}

void words_free(struct words *w)
{
    free(w->memory);
    w->memory = NULL;
    w->count = 0;
}

bool words_is(const struct words *w, size_t i, const char *keyword)
{
    return i < w->count && w->at[i].bare && strcasecmp(w->at[i].text, keyword) == 0;
}
