#include "config_scan.h"

#include <string.h>

#include "config_table.h"
#include "config_token.h"

#define MAX_KEY 64     /* longer words are shown cut */

struct scan {
    struct tokens t;
    int depth;
    size_t statement;      /* where the current statement begins */
    int secret_line;       /* where the last secret ends: the words behind it may be part of it and are not shown */
};

/* A section while its keys are read. */
struct scope {
    enum config_section section;
    int seen[CONFIG_MAX_ROWS];   /* by row: the line of the first setting; 0: none */
};

/* What stands behind a key, whatever the key is. */
enum form { FORM_VALUE, FORM_LIST, FORM_SECTION, FORM_TITLED };

struct statement {
    char key[MAX_KEY];
    int line;
    size_t from;
    enum form form;
    bool append;       /* += */
};

static bool wrong_token(struct scan *s, const char *wanted)
{
    if (s->t.token.kind == TOKEN_BAD)
        return false;   /* reported */
    return token_error(&s->t, wanted);
}

/* { value, value } */
static bool read_list(struct scan *s)
{
    token_next(&s->t);
    while (!token_is_mark(&s->t, '}')) {
        if (!token_is_value(&s->t))
            return wrong_token(s, "a value or } is wanted in this list");
        token_next(&s->t);
        if (token_is_mark(&s->t, ','))
            token_next(&s->t);
        else if (!token_is_mark(&s->t, '}'))
            return wrong_token(s, "a comma or } is wanted in this list");
    }
    token_next(&s->t);
    return true;
}

/* Behind the key: reads values whole, of a section up to and with its {. */
static bool read_form(struct scan *s, struct statement *st)
{
    token_next(&s->t);
    st->append = token_is_mark(&s->t, '+');
    if (st->append || token_is_mark(&s->t, '=')) {
        token_next(&s->t);
        st->form = token_is_mark(&s->t, '{') ? FORM_LIST : FORM_VALUE;
        if (st->form == FORM_LIST)
            return read_list(s);
        if (!token_is_value(&s->t))
            return wrong_token(s, "a value is wanted behind the =");
        token_next(&s->t);
        return true;
    }
    st->form = token_is_value(&s->t) ? FORM_TITLED : FORM_SECTION;
    if (st->form == FORM_TITLED)
        token_next(&s->t);
    if (!token_is_mark(&s->t, '{'))
        return wrong_token(s, st->form == FORM_TITLED ? "= is missing, or of a section the {"
                                                      : "= or { is wanted here");
    token_next(&s->t);
    return true;
}

/* The rest of a section nobody knows, up to and with its }. */
static bool skip_section(struct scan *s, int line)
{
    for (int open = 1; open > 0; token_next(&s->t)) {
        if (s->t.token.kind == TOKEN_BAD)
            return false;
        if (s->t.token.kind == TOKEN_END) {
            s->t.token.line = line;
            return token_error(&s->t, "the section that begins here is not closed");
        }
        open += token_is_mark(&s->t, '{') - token_is_mark(&s->t, '}');
    }
    return true;
}

static void report_unknown(struct scan *s, const struct scope *scope, const struct statement *st)
{
    char hint[160];

    if (st->line == s->secret_line) {
        problem_add(s->t.problems, st->line,
                    "what follows the secret on this line is no key (is the secret in quotes?)");
        return;
    }
    config_suggest(scope->section, st->key, hint, sizeof(hint));
    problem_add(s->t.problems, st->line, "unknown key \"%s\"%s", st->key, hint);
}

/* Why this form is not that of the key, or NULL. */
static const char *form_problem(const struct config_row *row, const struct statement *st)
{
    if (row->type == CONFIG_SECTION) {
        if (st->form == FORM_VALUE || st->form == FORM_LIST)
            return "is a section: it is followed by { and its own keys, not by a value";
        if (config_section_titled(row->section) != (st->form == FORM_TITLED))
            return st->form == FORM_TITLED ? "takes no name" : "needs a name between itself and the {";
        return NULL;
    }
    if (st->form == FORM_SECTION || st->form == FORM_TITLED)
        return "is not a section: it is followed by = and a value";
    if (row->type != CONFIG_LIST && st->form == FORM_LIST)
        return "takes one value, not a list";
    if (row->type != CONFIG_LIST && st->append)
        return "takes one value: += is for lists";
    return NULL;
}

/* Whether the key may be given (again). */
static bool note_seen(struct scan *s, struct scope *scope, const struct config_row *row, const struct statement *st)
{
    int *first = &scope->seen[row - config_rows];

    if (row->type == CONFIG_SECTION && config_section_titled(row->section))
        return true;
    if (*first == 0)
        *first = st->line;
    else if (!st->append) {
        problem_add(s->t.problems, st->line, "%s is given twice (first on line %d)", row->name, *first);
        return false;
    }
    return true;
}

static bool read_statements(struct scan *s, enum config_section section, int line);

/* What is reported is passed over whole, so that the reading can go on. */
static bool drop_statement(struct scan *s, const struct statement *st)
{
    if ((st->form == FORM_SECTION || st->form == FORM_TITLED) && !skip_section(s, st->line))
        return false;
    token_blank(&s->t, st->from, s->t.token.from);
    return true;
}

static bool read_statement(struct scan *s, struct scope *scope)
{
    struct statement st = { .line = s->t.token.line, .from = s->t.token.from };
    const struct config_row *row;
    const char *wrong;
    size_t n = s->t.token.to - s->t.token.from;

    if (n >= sizeof(st.key))
        n = sizeof(st.key) - 1;
    memcpy(st.key, s->t.text + s->t.token.from, n);
    row = config_row(scope->section, st.key);
    if (!read_form(s, &st))
        return false;
    if (row && row->flags & KEY_SECRET)
        s->secret_line = s->t.end_line;
    if (row == NULL) {
        report_unknown(s, scope, &st);
        return drop_statement(s, &st);
    }
    wrong = form_problem(row, &st);
    if (wrong)
        problem_add(s->t.problems, st.line, "%s %s", row->name, wrong);
    if (wrong || !note_seen(s, scope, row, &st))
        return drop_statement(s, &st);
    return row->type != CONFIG_SECTION || read_statements(s, row->section, st.line);
}

/* The keys of a section, up to and with its }; of the file, up to its end. */
static bool read_statements(struct scan *s, enum config_section section, int line)
{
    struct scope scope = { .section = section };

    s->depth++;
    for (;;) {
        s->statement = s->t.token.from;
        if (s->t.token.kind == TOKEN_WORD) {
            if (!read_statement(s, &scope))
                return false;
        } else if (section != IN_FILE && token_is_mark(&s->t, '}')) {
            break;
        } else if (s->t.token.kind == TOKEN_END && section == IN_FILE) {
            return true;
        } else if (s->t.token.kind == TOKEN_END) {
            s->t.token.line = line;
            return token_error(&s->t, "the section that begins here is not closed");
        } else if (token_is_mark(&s->t, '}')) {
            return token_error(&s->t, "a } that closes nothing");
        } else {
            return wrong_token(s, "a key is wanted here");
        }
    }
    s->depth--;
    token_next(&s->t);
    return true;
}

bool config_scan(char *text, size_t len, struct problems *problems)
{
    struct scan s = { .t = { .text = text, .len = len, .line = 1, .problems = problems } };
    bool whole;

    /* The mark that some editors put before UTF-8. */
    if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        token_blank(&s.t, 0, 3);
    token_next(&s.t);
    whole = read_statements(&s, IN_FILE, 1);
    if (!whole) {
        len = s.statement;
        for (int open = s.depth - 1; open > 0; open--)
            text[len++] = '}';
    }
    text[len++] = '\n';
    text[len] = '\0';
    return whole;
}
