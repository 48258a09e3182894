#include "config_schema.h"

#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "config_value.h"
#include "mem.h"

#define MAX_FILE (1024 * 1024)

/* Not the tokens of config_token.h: in those a backslash in a string has a meaning, and here a filter's \28 is what it is. */
enum kind { WORD, STRING, MARK, END, BAD };

struct schema {
    const char *path;
    const char *text;
    size_t len, pos;
    int line;
    enum kind kind;        /* of the current token */
    char *word;            /* WORD, STRING: its text, owned */
    char mark;             /* MARK: one of {}()=, */
    int at;                /* the line it is on */
    bool found;            /* the LdapSchema section was met */
    int seen[CONFIG_MAX_ROWS];   /* by row: its line; 0: not met */
    struct node *connector;
    const struct given *named;   /* customSchemaFile itself */
    struct problems problems;
    struct config_notes *notes;
};

/* ---- tokens ------------------------------------------------------------------------------------------------- */

static bool syntax_error(struct schema *s, int line, const char *text)
{
    if (s->kind != BAD)
        problem_add(&s->problems, line, "syntax error: %s", text);
    s->kind = BAD;
    return false;
}

static bool begins(const struct schema *s, const char *text)
{
    size_t n = strlen(text);

    return s->len - s->pos >= n && memcmp(s->text + s->pos, text, n) == 0;
}

static bool skip_comment(struct schema *s)
{
    const char *end;

    if (*(s->text + s->pos) == '#' || begins(s, "//")) {
        end = memchr(s->text + s->pos, '\n', s->len - s->pos);
        s->pos = end ? (size_t)(end - s->text) : s->len;
        return true;
    }
    if (!begins(s, "/*"))
        return false;
    end = memmem(s->text + s->pos + 2, s->len - s->pos - 2, "*/", 2);
    if (end == NULL)
        return syntax_error(s, s->line, "the comment that begins here is not closed");
    for (; s->text + s->pos < end + 2; s->pos++)
        s->line += s->text[s->pos] == '\n';
    return true;
}

static void skip_space(struct schema *s)
{
    while (s->pos < s->len && s->kind != BAD) {
        char c = s->text[s->pos];

        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            s->line += c == '\n';
            s->pos++;
        } else if (!skip_comment(s)) {
            break;
        }
    }
}

/* \" and \\ stand for the second character; any other backslash for itself. */
static bool read_string(struct schema *s, char quote)
{
    struct buf out = { 0 };

    for (s->pos++; s->pos < s->len && s->text[s->pos] != '\n'; s->pos++) {
        char c = s->text[s->pos];

        if (c == quote) {
            s->pos++;
            s->kind = STRING;
            buf_str(&out);
            s->word = out.p;
            return true;
        }
        if (c == '\\' && s->pos + 1 < s->len && (s->text[s->pos + 1] == quote || s->text[s->pos + 1] == '\\'))
            c = s->text[++s->pos];
        buf_u8(&out, (uint8_t)c);
    }
    buf_free(&out);
    return syntax_error(s, s->at, "the string that begins here is not closed on its line");
}

static bool in_word(char c)
{
    return (unsigned char)c > 0x20 && c != 0x7F && strchr("#\"'={}(),", c) == NULL;
}

static bool read_word(struct schema *s)
{
    size_t from = s->pos;

    while (s->pos < s->len && in_word(s->text[s->pos]))
        s->pos++;
    if (s->pos == from)
        return syntax_error(s, s->at, "a character that has no meaning here");
    s->kind = WORD;
    s->word = strndup(s->text + from, s->pos - from);
    return true;
}

static void next(struct schema *s)
{
    char c;

    free(s->word);
    s->word = NULL;
    skip_space(s);
    if (s->kind == BAD)
        return;
    s->at = s->line;
    if (s->pos == s->len) {
        s->kind = END;
        return;
    }
    c = s->text[s->pos];
    if (c == '"' || c == '\'') {
        read_string(s, c);
    } else if (c != '\0' && strchr("{}()=,", c)) {
        s->kind = MARK;
        s->mark = c;
        s->pos++;
    } else {
        read_word(s);
    }
}

static bool is_mark(const struct schema *s, char mark)
{
    return s->kind == MARK && s->mark == mark;
}

static bool is_value(const struct schema *s)
{
    return s->kind == WORD || s->kind == STRING;
}

/* ---- what it says ------------------------------------------------------------------------------------------- */

static void note(struct schema *s, int line, const char *text)
{
    s->notes->lines = mem_realloc(s->notes->lines, (s->notes->n + 1) * sizeof(*s->notes->lines));
    s->notes->lines[s->notes->n++] = mem_printf("%s:%d: %s", s->path, line, text);
}

/* The row of a key that both programs have: one of those that say what the directory shows. Who axsync binds as is no
 * matter of that file. */
static const struct config_row *shared_row(const char *key)
{
    const struct config_row *row = config_row(IN_CONNECTOR, key);

    if (row == NULL || !(row->flags & (KEY_SHOWS_ACCOUNTS | KEY_SHOWS_GROUPS)))
        return NULL;
    return strcmp(key, "bindDN") == 0 || strcmp(key, "saslMechanism") == 0 ? NULL : row;
}

static void give(struct schema *s, struct given *g, const char *value)
{
    g->values = mem_alloc(sizeof(*g->values));
    g->lines = mem_alloc(sizeof(*g->lines));
    g->values[0] = mem_strdup(value);
    g->lines[0] = g->line = s->named->line;
    g->n = 1;
}

static void take_value(struct schema *s, const struct config_row *row, int line, const char *value)
{
    struct given *g = &s->connector->given[row - config_rows];
    const char *wrong = config_value_problem(row, value);
    char *text;

    if (wrong) {
        problem_add(&s->problems, line, "%s = \"%.200s\" %s", row->name, value, wrong);
    } else if (g->n == 0) {
        give(s, g, value);
    } else if (strcmp(g->values[g->n - 1], value) != 0) {
        text = mem_printf("%s = \"%.200s\" does not count, since line %d of the configuration sets \"%.200s\"", row->name, value,
                          g->line, g->values[g->n - 1]);
        note(s, line, text);
        free(text);
    }
}

/* ---- statements --------------------------------------------------------------------------------------------- */

/* What stands in brackets, from the one behind which we are to the one that closes it. */
static bool skip_brackets(struct schema *s, int line)
{
    for (int open = 1; open > 0; next(s)) {
        if (s->kind == BAD)
            return false;
        if (s->kind == END)
            return syntax_error(s, line, "what begins here is not closed");
        open += is_mark(s, '{') + is_mark(s, '(') - is_mark(s, '}') - is_mark(s, ')');
    }
    return true;
}

/* The rest of a statement that is not ours. */
static bool skip_statement(struct schema *s, int line)
{
    if (is_mark(s, '='))
        next(s);
    if (is_value(s)) {
        next(s);
        if (!is_mark(s, '{'))
            return s->kind != BAD;
    }
    if (!is_mark(s, '{') && !is_mark(s, '('))
        return syntax_error(s, s->at, "a value is wanted here");
    next(s);
    return skip_brackets(s, line);
}

static bool pass_over(struct schema *s, const char *key, int line)
{
    char *text = mem_printf("%.200s is Axigen's, not axsync's, and is ignored", key);

    note(s, line, text);
    free(text);
    return skip_statement(s, line);
}

static bool read_shared(struct schema *s, const struct config_row *row, int line)
{
    int *first = &s->seen[row - config_rows];

    if (!is_mark(s, '='))
        return syntax_error(s, s->at, "= is wanted here");
    next(s);
    if (!is_value(s)) {
        if (s->kind == BAD)
            return false;
        problem_add(&s->problems, line, "%s takes one value", row->name);
        return skip_statement(s, line);
    }
    if (*first)
        problem_add(&s->problems, line, "%s is given twice (first on line %d)", row->name, *first);
    else
        take_value(s, row, line, s->word);
    *first = line;
    next(s);
    return true;
}

static bool read_schema_section(struct schema *s, int line)
{
    if (!is_mark(s, '{'))
        return syntax_error(s, s->at, "{ is wanted here");
    if (s->found)
        problem_add(&s->problems, line, "a second LdapSchema section");
    s->found = true;
    next(s);
    while (s->kind == WORD) {
        int at = s->at;
        const struct config_row *row = shared_row(s->word);
        char *key = mem_strdup(s->word);
        bool right;

        next(s);
        right = row ? read_shared(s, row, at) : pass_over(s, key, at);
        free(key);
        if (!right)
            return false;
    }
    if (s->kind == END)
        return syntax_error(s, line, "the section that begins here is not closed");
    if (!is_mark(s, '}'))
        return syntax_error(s, s->at, "a key is wanted here");
    next(s);
    return true;
}

static void read_file(struct schema *s)
{
    bool right = true;

    next(s);
    while (right && s->kind == WORD) {
        int line = s->at;
        bool ours = strcmp(s->word, "LdapSchema") == 0;
        char *key = mem_strdup(s->word);

        next(s);
        right = ours ? read_schema_section(s, line) : pass_over(s, key, line);
        free(key);
    }
    if (right && s->kind != END)
        syntax_error(s, s->at, "LdapSchema { is wanted here");
    else if (right && !s->found)
        problem_add(&s->problems, 0, "has no LdapSchema section");
}

void config_schema_apply(struct node *connector, struct problems *problems, struct config_errors *errors,
                         struct config_notes *notes)
{
    const struct given *named = &connector->given[config_row(IN_CONNECTOR, "customSchemaFile") - config_rows];
    struct schema s = { .connector = connector, .named = named, .line = 1, .notes = notes };
    struct err e = { 0 };
    mode_t mode;
    char *text;

    if (named->n == 0 || named->values[named->n - 1][0] == '\0')
        return;
    s.problems.path = s.path = named->values[named->n - 1];
    text = config_file_read(s.path, MAX_FILE, 1, &s.len, &mode, &e);
    if (text == NULL) {
        problem_add(problems, named->line, "customSchemaFile: %s", e.text);
        return;
    }
    s.text = text;
    if (s.len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
        s.pos = 3;   /* the mark that some editors put before UTF-8 */
    read_file(&s);
    free(s.word);
    free(text);
    problems_report(&s.problems, errors);
}
