/* What an answer is made of: data lines, status line, prompt. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "session_i.h"

#define STATUS_TEXT 256

void ok(struct session *s, const char *fmt, ...)
{
    const char *instead = option_text(&s->emu->options, OPT_OK_TEXT);
    char text[STATUS_TEXT];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    s->ok = true;
    buf_printf(&s->status, "+OK: %s", *instead != '\0' ? instead : s->quiet ? "command successful" : text);
}

void err(struct session *s, enum trouble trouble, const char *subject)
{
    enum option_id words = OPT_SAY_EXISTS + (enum option_id)trouble;

    s->ok = false;
    s->wrong = trouble == UNKNOWN || trouble == SYNTAX;
    s->emu->tally.unknown += trouble == UNKNOWN;
    s->emu->tally.malformed += trouble == SYNTAX;
    if (subject && !s->quiet)
        buf_printf(&s->status, "-ERR: %.200s: %s", subject, option_text(&s->emu->options, words));
    else
        buf_printf(&s->status, "-ERR: %s", option_text(&s->emu->options, words));
}

void say(struct session *s, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    va_start(ap, fmt);
    vsnprintf(buf_room(s->out, (size_t)n + 1), (size_t)n + 1, fmt, ap);
    va_end(ap);
    s->out->len += (size_t)n;
    buf_puts(s->out, "\r\n");
}

bool expect(struct session *s, const struct words *w, size_t first, size_t n)
{
    if (w->count == first + n)
        return true;
    err(s, SYNTAX, w->count < first + n ? "a word is missing" : "a word too many");
    return false;
}

const char *expect_name(struct session *s, const struct words *w, size_t first)
{
    if (w->count >= first + 2 && words_is(w, first, "name"))
        first++;
    if (!expect(s, w, first, 1))
        return NULL;
    if (w->at[first].list) {
        err(s, VALUE, "a list instead of a name");
        return NULL;
    }
    return w->at[first].text;
}

void list_open(struct session *s, const char *title, const char *heading)
{
    say(s, "%s", "");
    say(s, "%s:", title);
    if (!heading)
        return;
    say(s, "%s", "");
    say(s, "%s", heading);
    say(s, "%s", "------------------------------------------------------------");
}

void list_close(struct session *s, size_t rows)
{
    say(s, "%s", "");
    ok(s, "%zu listed", rows);
}

void put_lines(struct buf *out, const char *text)
{
    for (const char *end; (end = strstr(text, "\\n")) != NULL; text = end + 2) {
        buf_add(out, text, (size_t)(end - text));
        buf_puts(out, "\r\n");
    }
    buf_puts(out, text);
    buf_puts(out, "\r\n");
}

void put_prompt(struct session *s)
{
    buf_puts(s->out, option_text(&s->emu->options, OPT_PROMPT_BEFORE));
    if (s->colours)
        buf_printf(s->out, "\x1b[1;32m%s\x1b[0m ", context_prompt(here(s)->context));
    else
        buf_printf(s->out, "%s ", context_prompt(here(s)->context));
}

void put_status(struct session *s)
{
    const char *extra = option_text(&s->emu->options, OPT_ANSWER_LINE);

    if (s->prompt_only)
        return;
    if (*extra != '\0')
        put_lines(s->out, extra);
    if (s->colours)
        buf_printf(s->out, "\x1b[%dm%s\x1b[0m\r\n", s->ok ? 32 : 31, buf_str(&s->status));
    else
        buf_printf(s->out, "%s\r\n", buf_str(&s->status));
}

void session_greet(struct session *s, struct buf *out)
{
    const char *banner = option_text(&s->emu->options, OPT_BANNER);

    s->out = out;
    if (*banner != '\0')
        put_lines(out, banner);
    put_prompt(s);
}
