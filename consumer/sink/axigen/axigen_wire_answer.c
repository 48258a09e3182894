#include "axigen_wire.h"

#include <string.h>

#define ESC 0x1B
#define KEEP_MAX (1u << 20) /* bytes of memory kept for the next answer */

/* ---- Feeding ---- */

/* One byte that may belong to a colour code. False: it is none of it. */
static bool in_escape(struct wire_splitter *w, unsigned char c)
{
    switch (w->escape) {
    case WIRE_PLAIN:
        if (c != ESC)
            return false;
        w->escape = WIRE_ESC;
        return true;
    case WIRE_ESC:
        if (c >= 0x20 && c < 0x30) /* intermediate bytes of a longer one */
            return true;
        w->escape = c == ESC ? WIRE_ESC : c == '[' ? WIRE_CSI : WIRE_PLAIN;
        return c == ESC || (c >= 0x20 && c < 0x7F); /* a line end, say, is not the end of one */
    case WIRE_CSI:
        if (c >= 0x20 && c < 0x40) /* parameters and intermediate bytes */
            return true;
        w->escape = c == ESC ? WIRE_ESC : WIRE_PLAIN;
        return c == ESC || (c >= 0x40 && c < 0x7F);
    }
    return false;
}

/* Drops what was taken. Not at each answer: with many small ones in a packet that would move the rest again and again.
 * The memory of a long list is given back. */
static void compact(struct wire_splitter *w)
{
    size_t gone = w->start;

    if (gone == w->in.len && w->in.cap > KEEP_MAX)
        buf_free(&w->in);
    if (gone == 0 || gone < w->in.len / 2)
        return;
    if (w->in.len > gone)
        memmove(w->in.p, w->in.p + gone, w->in.len - gone);
    w->in.len -= w->in.len > gone ? gone : w->in.len;
    w->start = 0;
    w->line -= gone;
    w->scanned -= gone;
    if (w->status != WIRE_NO_LINE && w->line > 0)
        w->status -= gone;
}

void wire_feed(struct wire_splitter *w, struct slice bytes)
{
    char *to;

    compact(w);
    to = buf_room(&w->in, bytes.len);
    for (size_t i = 0; i < bytes.len; i++)
        if (!in_escape(w, (unsigned char)bytes.p[i]))
            *to++ = bytes.p[i];
    w->in.len = (size_t)(to - w->in.p);
    w->raw += bytes.len;
}

/* ---- Lines and prompts ---- */

static struct slice without_line_end(struct slice s)
{
    if (s.len && s.p[s.len - 1] == '\n')
        s.len--;
    if (s.len && s.p[s.len - 1] == '\r')
        s.len--;
    return s;
}

/* word, and then its end: "+OKAY" says nothing. */
static bool begins_with_word(struct slice s, const char *word)
{
    size_t n = strlen(word);

    return s.len >= n && memcmp(s.p, word, n) == 0 && (s.len == n || strchr(": \r\n", s.p[n]) != NULL);
}

static enum wire_status status_of(struct slice line)
{
    return begins_with_word(line, "+OK") ? WIRE_OK : begins_with_word(line, "-ERR") ? WIRE_REFUSED : WIRE_NONE;
}

static bool is_context_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

enum prompt { NO_PROMPT, PART_OF_PROMPT, WHOLE_PROMPT };

static bool is_context(struct slice s)
{
    return (s.len && s.p[s.len - 1] == '#') || slice_eq(s, slice_of(WIRE_LOGIN)) ||
           slice_eq(s, slice_of(WIRE_PASSWORD));
}

/* Whether s begins with a prompt, "<context> ", or is the beginning of one. */
static enum prompt prompt_at(struct slice s, struct slice *context)
{
    size_t i = 1;

    if (s.len == 0)
        return PART_OF_PROMPT;
    if (s.p[0] != '<')
        return NO_PROMPT;
    while (i < s.len && i < WIRE_CONTEXT_MAX && is_context_char(s.p[i]))
        i++;
    if (i < s.len && s.p[i] == '#')
        i++;
    if (i >= WIRE_CONTEXT_MAX)
        return NO_PROMPT;
    *context = slice_make(s.p + 1, i - 1);
    if (i == s.len)
        return PART_OF_PROMPT;
    if (s.p[i] != '>' || !is_context(*context))
        return NO_PROMPT;
    if (i + 1 == s.len)
        return PART_OF_PROMPT;
    return s.p[i + 1] == ' ' ? WHOLE_PROMPT : NO_PROMPT;
}

/* ---- Taking ---- */

static struct slice part(const struct wire_splitter *w, size_t from, size_t to)
{
    return slice_make(w->in.p ? w->in.p + from : "", to - from);
}

static size_t last_status(const struct wire_splitter *w)
{
    return w->line > w->start ? w->status : WIRE_NO_LINE;
}

static void set_text(struct wire_answer *a, struct slice line)
{
    size_t skip = a->status == WIRE_OK ? 3 : 4;

    line = without_line_end(line);
    while (skip < line.len && (line.p[skip] == ':' || line.p[skip] == ' '))
        skip++;
    a->words = slice_make(line.p + skip, line.len - skip);
    wire_scrub(a->words, a->text, sizeof(a->text));
}

/* The answer's lines are all read; it ends at `end`, behind its prompt. */
static void take(struct wire_splitter *w, struct slice context, size_t end, struct wire_answer *a)
{
    size_t status = last_status(w);

    *a = (struct wire_answer){0};
    if (status != WIRE_NO_LINE) {
        a->status = status_of(part(w, status, w->line));
        set_text(a, part(w, status, w->line));
    }
    memcpy(a->context, context.p, context.len);
    a->data = part(w, w->start, status != WIRE_NO_LINE ? status : w->line);
    w->start = w->line = w->scanned = end;
    w->raw = w->in.len - end;
}

/* At the beginning of a line: whether the answer ends with a prompt here. */
static enum prompt at_end(const struct wire_splitter *w, enum wire_until until, struct slice *context)
{
    struct slice rest = part(w, w->line, w->in.len);
    enum prompt p;

    if (last_status(w) == WIRE_NO_LINE && until != WIRE_PROMPT)
        return NO_PROMPT;
    p = prompt_at(rest, context);
    /* "<", context, "> ": where something follows, the line is data. */
    if (p == WHOLE_PROMPT && until != WIRE_STATUS && rest.len > context->len + 3)
        return NO_PROMPT;
    return p;
}

/* Goes on to the next line. False: it has not ended yet. */
static bool next_line(struct wire_splitter *w)
{
    struct slice rest = part(w, w->scanned, w->in.len);
    const char *lf = memchr(rest.p, '\n', rest.len);
    size_t begin = w->line;

    if (lf == NULL) {
        w->scanned = w->in.len;
        return false;
    }
    w->line = w->scanned = (size_t)(lf - w->in.p) + 1;
    w->status = status_of(part(w, begin, w->line)) != WIRE_NONE ? begin : WIRE_NO_LINE;
    return true;
}

enum wire_next wire_take(struct wire_splitter *w, enum wire_until until, struct wire_answer *a)
{
    struct slice context = {"", 0};
    size_t begin;

    do {
        enum prompt p = at_end(w, until, &context);

        if (p == WHOLE_PROMPT) {
            take(w, context, w->line + context.len + 3, a);
            return WIRE_ANSWER;
        }
        if (p == PART_OF_PROMPT)
            return WIRE_MORE;
        begin = w->line;
    } while (next_line(w) && w->line - begin <= WIRE_LINE_MAX && w->line - w->start <= WIRE_ANSWER_MAX);
    if (w->line > begin || w->in.len - w->line > WIRE_LINE_MAX || w->in.len - w->start > WIRE_ANSWER_MAX ||
        w->raw > 2 * WIRE_ANSWER_MAX)
        return WIRE_TOO_LONG;
    return WIRE_MORE;
}

bool wire_take_last(struct wire_splitter *w, struct wire_answer *a)
{
    while (next_line(w))
        continue;
    if (w->line < w->in.len || last_status(w) == WIRE_NO_LINE)
        return false;
    take(w, slice_of(""), w->in.len, a);
    return true;
}

struct slice wire_left(const struct wire_splitter *w)
{
    return part(w, w->start, w->in.len);
}

void wire_splitter_free(struct wire_splitter *w)
{
    buf_free(&w->in);
    *w = (struct wire_splitter){0};
}
