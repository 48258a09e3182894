/* Contexts, dispatch of a line, and the frame around an answer. */
#include "session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem.h"
#include "session_i.h"

#define ANY_CONTEXT   CONTEXTS
#define CONTEXT_ANY   CONTEXTS
#define ERRORS_TEXT   256
#define OVERLONG_SIZE (1 << 20)

static const struct command {
    int context;
    const char *words;
    command_fn *handler;
} commands[] = {
#define COMMAND(context, words, handler) { CONTEXT_##context, words, handler },
#include "commands.def"
#undef COMMAND
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* ---- contexts ---- */

struct frame *enter(struct session *s, enum context context, json_t *work)
{
    struct frame *f = &s->frames[s->depth++];

    *f = (struct frame){ .context = context, .work = work };
    return f;
}

void leave(struct session *s)
{
    struct frame *f = here(s);

    json_decref(f->work);
    free(f->key);
    overlay_free(&f->overlay);
    s->depth--;
}

struct frame *domain_frame(struct session *s)
{
    for (size_t i = s->depth; i-- > 0;)
        if (s->frames[i].context == CONTEXT_DOMAIN)
            return &s->frames[i];
    return NULL;
}

struct session *session_new(struct emu *emu, unsigned number)
{
    struct session *s = mem_alloc(sizeof(*s));

    s->emu = emu;
    s->number = number;
    s->colours = option(&emu->options, OPT_COLOURS) != 0;
    enter(s, CONTEXT_LOGIN, NULL);
    return s;
}

void session_free(struct session **sp)
{
    struct session *s = *sp;

    *sp = NULL;
    if (!s)
        return;
    while (s->depth > 0)
        leave(s);
    free(s->user);
    buf_free(&s->status);
    buf_free(&s->text);
    free(s);
}

bool session_was_text(const struct session *s)
{
    return s->was_text;
}

const char *session_where(const struct session *s)
{
    return context_name(s->frames[s->depth - 1].context);
}

/* ---- the answer ---- */

void ok(struct session *s, const char *fmt, ...)
{
    const char *instead = option_text(&s->emu->options, OPT_OK_TEXT);
    char text[ERRORS_TEXT];
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

static void put_lines(struct buf *out, const char *text)
{
    for (const char *end; (end = strstr(text, "\\n")) != NULL; text = end + 2) {
        buf_add(out, text, (size_t)(end - text));
        buf_puts(out, "\r\n");
    }
    buf_puts(out, text);
    buf_puts(out, "\r\n");
}

static void put_prompt(struct session *s)
{
    buf_puts(s->out, option_text(&s->emu->options, OPT_PROMPT_BEFORE));
    if (s->colours)
        buf_printf(s->out, "\x1b[1;32m%s\x1b[0m ", context_prompt(here(s)->context));
    else
        buf_printf(s->out, "%s ", context_prompt(here(s)->context));
}

static void put_status(struct session *s)
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

/* ---- dispatch ---- */

/* How many words of the command's own stand at the begin of w; 0: it is another command. */
static size_t command_fits(const struct command *c, const struct words *w)
{
    const char *p = c->words;
    size_t n = 0;

    while (*p != '\0') {
        size_t len = strcspn(p, " ");

        if (n >= w->count || !w->at[n].bare || w->at[n].len != len || strncasecmp(w->at[n].text, p, len) != 0)
            return 0;
        n++;
        p += len + (p[len] == ' ');
    }
    return n;
}

static const struct command *command_find(enum context context, const struct words *w, size_t *first_r)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        bool here_too = commands[i].context == (int)context ||
                        (commands[i].context == ANY_CONTEXT && context != CONTEXT_LOGIN);

        if (here_too && (*first_r = command_fits(&commands[i], w)) > 0)
            return &commands[i];
    }
    return NULL;
}

void cmd_help(struct session *s, const struct words *w, size_t first)
{
    enum context context = here(s)->context;

    if (!expect(s, w, first, 0))
        return;
    for (size_t i = 0; i < COMMANDS; i++)
        if (commands[i].context == (int)context || (commands[i].context == ANY_CONTEXT && context != CONTEXT_LOGIN))
            say(s, "%s", commands[i].words);
    ok(s, "these are the commands of this context");
}

static void execute(struct session *s, struct words *w, struct slice line)
{
    const struct command *c;
    const char *why;
    size_t first;

    if (words_split(w, line, &why) != 0) {
        words_free(w); /* so that the log does not rely on what was cut up to there */
        err(s, SYNTAX, why);
        return;
    }
    c = command_find(here(s)->context, w, &first);
    if (!c) {
        err(s, UNKNOWN, NULL);
        return;
    }
    tally_command(&s->emu->tally, c->words);
    c->handler(s, w, first);
}

/* ---- the log ---- */

static bool is_secret(const char *word)
{
    size_t n = strlen(word);

    return n >= 8 && strcasecmp(word + n - 8, "password") == 0;
}

/* The command as it came, but with what follows a word that ends in "password" blanked, and with control characters
 * made visible. Of a line that can't be cut into words nothing after such a word is shown. */
static void command_for_log(const struct words *w, struct slice line, struct buf *out)
{
    bool secret = false;

    for (size_t i = 0; i < w->count; i++)
        secret |= !w->at[i].list && is_secret(w->at[i].text);
    if (w->count > 0 && secret) {
        for (size_t i = 0; i < w->count; i++)
            buf_printf(out, "%s%s", i > 0 ? " " : "",
                       i > 0 && is_secret(w->at[i - 1].text) ? "***" : w->at[i].list ? "(…)" : w->at[i].text);
    } else {
        char *copy = strndup(line.p, line.len), *at = copy ? strcasestr(copy, "password") : NULL;

        if (at && w->count == 0)
            at[8] = '\0';
        buf_puts(out, copy ? copy : "");
        free(copy);
    }
    buf_str(out);
    for (size_t i = 0; i < out->len; i++)
        if ((unsigned char)out->p[i] < 0x20 || out->p[i] == 0x7F)
            out->p[i] = '?';
}

static void write_log(struct session *s, const struct words *w, struct slice line, const char *where)
{
    struct buf text = { 0 };

    if (!s->emu->tally.log)
        return;
    if (strcmp(where, "password") == 0)
        buf_puts(&text, "***");
    else
        command_for_log(w, line, &text);
    tally_log(&s->emu->tally, s->number, where, buf_slice(&text), buf_str(&s->status));
    buf_free(&text);
}

/* ---- rules ---- */

/* What is to be done instead of the command; true if it must not be executed. */
static bool act_before(struct session *s, const struct rule *rule, enum verdict *verdict_r)
{
    switch (rule ? rule->action : RULE_NONE) {
    case RULE_REFUSE:
        buf_printf(&s->status, "-ERR: %s", rule->text ? rule->text : "refused");
        s->ok = false;
        return true;
    case RULE_DROP_BEFORE:
        *verdict_r = VERDICT_CLOSE;
        break;
    case RULE_DIE_BEFORE:
        *verdict_r = VERDICT_DIE;
        break;
    case RULE_HANG_BEFORE:
        *verdict_r = VERDICT_MUTE;
        break;
    default:
        return false;
    }
    buf_puts(&s->status, "(nothing)");
    s->prompt_only = true;
    return true;
}

static void put_overlong(struct buf *out, long size)
{
    size_t n = size > 0 ? (size_t)size : OVERLONG_SIZE;

    memset(buf_room(out, n), 'x', n);
    out->len += n;
    buf_puts(out, "\r\n");
}

static void before_answer(struct buf *out, const struct rule *rule)
{
    if (rule && rule->action == RULE_UNSOLICITED)
        put_lines(out, rule->text ? rule->text : "something else happened");
    if (rule && rule->action == RULE_OVERLONG)
        put_overlong(out, rule->ms);
}

/* What happens to the answer, which begins at `from` of out. */
static enum verdict act_after(struct session *s, const struct rule *rule, size_t from)
{
    struct buf *out = s->out;

    switch (rule ? rule->action : RULE_NONE) {
    case RULE_DROP_AFTER:
        out->len = from;
        return VERDICT_CLOSE;
    case RULE_DROP_INSIDE:
        out->len = from + (out->len - from) / 2;
        return VERDICT_CLOSE;
    case RULE_CLOSE:
        return VERDICT_CLOSE;
    case RULE_DIE_AFTER:
        out->len = from;
        return VERDICT_DIE;
    case RULE_HANG_AFTER:
        out->len = from;
        return VERDICT_MUTE;
    case RULE_GARBAGE:
        out->len = from;
        if (rule->text)
            put_lines(out, rule->text);
        else
            buf_add(out, "\x00\xff\xfe*1;}\x1b[2J <<<#>>\r\r\n", 18);
        return VERDICT_GO_ON;
    case RULE_CHATTER:
        put_lines(out, rule->text ? rule->text : "something else happened");
        return VERDICT_GO_ON;
    default:
        return VERDICT_GO_ON;
    }
}

/* ---- a line ---- */

/* Counted, and whether the client has now made one error too many. */
static void count_outcome(struct session *s)
{
    const struct options *o = &s->emu->options;
    long most = option(o, OPT_MAX_ERRORS);

    if (s->ok || s->prompt_only)
        return;
    s->emu->tally.refused++;
    s->errors += option(o, OPT_ERRORS_COUNT) == COUNT_ALL || s->wrong;
    if (most > 0 && s->errors >= most)
        s->closing = true;
}

/* Text of an ESET up to the line with only a dot. True if the line was part of it. */
static bool take_text(struct session *s, struct slice line)
{
    if (!s->eset)
        return false;
    if (line.len == 1 && line.p[0] == '.') {
        json_object_set_new(here(s)->work, s->eset->name, json_string(buf_str(&s->text)));
        s->eset = NULL;
        ok(s, "text set");
        return false;
    }
    if (s->text.len > 0)
        buf_puts(&s->text, "\n");
    if (line.len > 0 && line.p[0] == '.')
        line = slice_make(line.p + 1, line.len - 1);
    buf_add_slice(&s->text, line);
    return true;
}

static void run(struct session *s, struct words *w, struct slice line)
{
    long longest = option(&s->emu->options, OPT_MAX_LINE);

    if (here(s)->context == CONTEXT_PASSWORD)
        cmd_password(s, line);
    else if (longest > 0 && line.len > (size_t)longest)
        err(s, SYNTAX, "the line is too long");
    else
        execute(s, w, line);
}

/* The line as text for the patterns of rules; NUL ends it, which no pattern needs to see. */
static const struct rule *rule_for(struct session *s, const char *where, struct slice line)
{
    const struct rule *rule;
    char *text;

    if (s->emu->rules.count == 0)
        return NULL;
    text = strndup(line.p, line.len);
    rule = text ? rules_fire(&s->emu->rules, where, text, s->commands) : NULL;
    free(text);
    return rule;
}

static enum verdict command_line(struct session *s, struct slice line, long *late_ms_r)
{
    const char *where = session_where(s);
    enum verdict verdict = VERDICT_GO_ON;
    struct words w = { .count = 0 };
    const struct rule *rule;
    size_t from = s->out->len;

    s->emu->tally.commands++;
    if (s->depth > 1 && here(s)->context != CONTEXT_PASSWORD)
        s->commands++;
    rule = rule_for(s, where, line);
    before_answer(s->out, rule);
    if (!act_before(s, rule, &verdict))
        run(s, &w, line);
    count_outcome(s);
    if (!s->eset && verdict == VERDICT_GO_ON) { /* inside of an ESET the answer comes after its last line */
        put_status(s);
        if (!s->closing) /* who closes the connection does not ask for more */
            put_prompt(s);
    }
    write_log(s, &w, line, where);
    words_free(&w);
    if (verdict == VERDICT_GO_ON)
        verdict = act_after(s, rule, from);
    if (rule && rule->action == RULE_SLOW)
        *late_ms_r = rule->ms;
    return verdict == VERDICT_GO_ON && s->closing ? VERDICT_CLOSE : verdict;
}

enum verdict session_line(struct session *s, struct slice line, struct buf *out, long *late_ms_r)
{
    s->out = out;
    s->ok = s->wrong = s->prompt_only = false;
    buf_reset(&s->status);
    *late_ms_r = 0;
    s->was_text = take_text(s, line);
    if (s->was_text)
        return VERDICT_GO_ON;
    if (s->ok) { /* the last line of an ESET */
        put_status(s);
        put_prompt(s);
        return VERDICT_GO_ON;
    }
    return command_line(s, line, late_ms_r);
}
