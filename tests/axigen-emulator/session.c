/* Contexts, and what becomes of a line. */
#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem.h"
#include "session_i.h"

#define ANY_CONTEXT CONTEXTS
#define CONTEXT_ANY CONTEXTS

static const struct command {
    int context;
    const char *words;
    command_fn *handler;
} commands[] = {
#define COMMAND(context, words, handler) {CONTEXT_##context, words, handler},
#include "commands.def"
#undef COMMAND
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* ---- contexts ---- */

struct frame *enter(struct session *s, enum context context, json_t *work)
{
    struct frame *f = &s->frames[s->depth++];

    *f = (struct frame){.context = context, .work = work};
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
        bool here_too =
            commands[i].context == (int)context || (commands[i].context == ANY_CONTEXT && context != CONTEXT_LOGIN);

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

static enum verdict command_line(struct session *s, struct slice line, long *late_ms_r)
{
    const char *where = session_where(s);
    enum verdict verdict = VERDICT_GO_ON;
    struct words w = {.count = 0};
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
