#include "config_token.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool token_error(struct tokens *t, const char *text)
{
    problem_add(t->problems, t->token.line, "syntax error: %s", text);
    return false;
}

void token_blank(struct tokens *t, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (t->text[i] != '\n')
            t->text[i] = ' ';
}

static bool at(const struct tokens *t, size_t pos, const char *text)
{
    size_t n = strlen(text);

    return t->len - pos >= n && memcmp(t->text + pos, text, n) == 0;
}

static void skip_line_comment(struct tokens *t)
{
    size_t from = t->pos;

    while (t->pos < t->len && t->text[t->pos] != '\n')
        t->pos++;
    token_blank(t, from, t->pos);
}

static bool skip_long_comment(struct tokens *t)
{
    size_t from = t->pos;
    int line = t->line;

    for (t->pos += 2; t->pos < t->len; t->pos++) {
        if (at(t, t->pos, "*/")) {
            t->pos += 2;
            token_blank(t, from, t->pos);
            return true;
        }
        t->line += t->text[t->pos] == '\n';
    }
    t->token.line = line;
    return token_error(t, "the comment that begins here is not closed");
}

/* Blanks, line ends and comments. */
static bool skip_space(struct tokens *t)
{
    while (t->pos < t->len) {
        char c = t->text[t->pos];

        if (c == '#' || at(t, t->pos, "//")) {
            skip_line_comment(t);
        } else if (at(t, t->pos, "/*")) {
            if (!skip_long_comment(t))
                return false;
        } else if (c != '\0' && strchr(" \t\r\n", c)) {
            t->line += c == '\n';
            t->pos++;
        } else {
            break;
        }
    }
    return true;
}

/* ${…}: its end is on the same line and before any quote. */
static bool skip_expansion(struct tokens *t)
{
    size_t i = t->pos + 2;

    while (i < t->len && t->text[i] != '\0' && strchr("}\n\"'", t->text[i]) == NULL)
        i++;
    if (i == t->len || t->text[i] != '}')
        return token_error(t, "${ has no } (to write it as it is: \"\\${\")");
    t->pos = i + 1;
    return true;
}

/* The value of \ooo or \xhh at `p`, which points behind the backslash; -1 if it is none or a wrong one. */
static int escaped_byte(const char *p, size_t left, bool *number)
{
    char digits[4] = { 0 };
    bool hex = left > 1 && p[0] == 'x';
    size_t n, max = hex ? 2 : 3;

    p += hex;
    left -= hex;
    for (n = 0; n < max && n < left && (hex ? isxdigit((unsigned char)p[n]) : isdigit((unsigned char)p[n])); n++)
        digits[n] = p[n];
    *number = n > 0;
    if (n == 0 || (!hex && (strpbrk(digits, "89") || (n < left && p[n] >= '0' && p[n] <= '9'))))
        return -1;
    return (int)strtol(digits, NULL, hex ? 16 : 8);
}

static bool check_escape(struct tokens *t)
{
    bool number;
    int byte = escaped_byte(t->text + t->pos + 1, t->len - t->pos - 1, &number);

    if (number && byte < 0)
        return token_error(t, "a backslash and a number: three octal digits up to 377, or \\x and two hexadecimal "
                              "ones");
    if (number && (byte == 0 || byte > 255))
        return token_error(t, "a backslash and a number that is no character (1 to 377, octal)");
    return true;
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F;
}

static bool read_string(struct tokens *t, char quote)
{
    for (t->pos++; t->pos < t->len && t->text[t->pos] != '\n'; t->pos++) {
        char c = t->text[t->pos];

        if (c == quote) {
            t->pos++;
            t->token.kind = TOKEN_STRING;
            return true;
        }
        if (c == '\\') {
            if (quote == '"' && !check_escape(t))
                return false;
            t->pos++;
            if (t->pos == t->len)
                break;
            if (t->text[t->pos] != '\n' && is_control(t->text[t->pos]))
                return token_error(t, "a control character in a string");
            t->line += t->text[t->pos] == '\n';
        } else if (quote == '"' && at(t, t->pos, "${")) {
            if (!skip_expansion(t))
                return false;
            t->pos--;
        } else if (is_control(c)) {
            return token_error(t, "a control character in a string");
        }
    }
    return token_error(t, "the string that begins here is not closed on its line");
}

static bool in_word(char c)
{
    return (unsigned char)c > 0x20 && c != 0x7F && strchr("#\"'={}()+,*", c) == NULL;
}

static bool read_word(struct tokens *t)
{
    while (t->pos < t->len && in_word(t->text[t->pos]))
        t->pos++;
    if (t->pos == t->token.from)
        return token_error(t, "a character that has no meaning here (a value with special characters is put in "
                              "quotes)");
    t->token.kind = TOKEN_WORD;
    return true;
}

static bool read_mark(struct tokens *t, char mark, size_t length)
{
    t->pos += length;
    t->token.kind = TOKEN_MARK;
    t->token.mark = mark;
    return true;
}

static bool read_token(struct tokens *t)
{
    char c = t->text[t->pos];

    if (c == '"' || c == '\'')
        return read_string(t, c);
    if (c != '\0' && strchr("{}=,", c))
        return read_mark(t, c, 1);
    if (at(t, t->pos, "+="))
        return read_mark(t, '+', 2);
    if (at(t, t->pos, "${")) {
        t->token.kind = TOKEN_EXPANSION;
        return skip_expansion(t);
    }
    return read_word(t);
}

void token_next(struct tokens *t)
{
    if (t->token.kind == TOKEN_BAD)
        return;
    t->token.kind = TOKEN_BAD;
    t->token.mark = '\0';
    t->end_line = t->line;
    t->token.from = t->pos;
    if (!skip_space(t))
        return;
    t->token.from = t->pos;
    t->token.line = t->line;
    if (t->pos == t->len)
        t->token.kind = TOKEN_END;
    else if (!read_token(t))
        t->token.kind = TOKEN_BAD;
    t->token.to = t->pos;
}

bool token_is_mark(const struct tokens *t, char mark)
{
    return t->token.kind == TOKEN_MARK && t->token.mark == mark;
}

bool token_is_value(const struct tokens *t)
{
    return t->token.kind == TOKEN_WORD || t->token.kind == TOKEN_STRING || t->token.kind == TOKEN_EXPANSION;
}
