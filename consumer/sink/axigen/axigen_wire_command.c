#include "axigen_wire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* ---- Buffers that hold secrets ---- */

/* realloc() may leave the old bytes behind in memory that was given back, where a later core dump finds them. */
static void grow_wiped(struct buf *b, size_t n)
{
    struct buf bigger = {0};

    if (b->cap - b->len >= n)
        return;
    buf_room(&bigger, (b->len + n) * 2);
    buf_add_slice(&bigger, buf_slice(b));
    wire_free_wiped(b);
    *b = bigger;
}

void wire_add_wiped(struct buf *b, struct slice s)
{
    grow_wiped(b, s.len);
    buf_add_slice(b, s);
}

void wire_reset_wiped(struct buf *b)
{
    if (b->p)
        explicit_bzero(b->p, b->cap);
    buf_reset(b);
}

void wire_free_wiped(struct buf *b)
{
    wire_reset_wiped(b);
    buf_free(b);
}

/* ---- What may be sent ---- */

static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

static bool is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char(s.p[i]))
            return false;
    return s.len > 0;
}

/* Why the character of n bytes at p can't be sent; NULL if it can. */
static const char *objection(const char *p, size_t n)
{
    const unsigned char *s = (const unsigned char *)p;

    if (n == 0)
        return "bytes that are not UTF-8";
    if (n == 1 && (s[0] == '\r' || s[0] == '\n'))
        return "a line end";
    if (n == 1 && (s[0] < 0x20 || s[0] == 0x7F))
        return "a control character";
    if (n == 2 && s[0] == 0xC2 && s[1] < 0xA0)
        return s[1] == 0x85 ? "a line end (U+0085)" : "a control character (C1)";
    if (n == 3 && s[0] == 0xE2 && s[1] == 0x80 && (s[2] == 0xA8 || s[2] == 0xA9))
        return "a line end (U+2028, U+2029)";
    return NULL;
}

static void refuse(struct wire_command *c, enum err_class class, const char *what)
{
    if (c->error.class == ERR_NONE)
        err_set(&c->error, class, "can't be sent to Axigen: %s", what);
}

/* The value itself is not told: it may be a secret. */
static bool check_value(struct wire_command *c, struct slice value)
{
    char text[128];
    size_t i = 0;

    if (value.len > WIRE_VALUE_MAX) {
        snprintf(text, sizeof(text), "a value of %zu bytes is longer than %u", value.len, WIRE_VALUE_MAX);
        refuse(c, ERR_DATA, text);
        return false;
    }
    while (i < value.len) {
        size_t n = utf8_length(value.p + i, value.len - i);
        const char *why = objection(value.p + i, n);

        if (why) {
            snprintf(text, sizeof(text), "the value has %s at byte %zu", why, i + 1);
            refuse(c, ERR_DATA, text);
            return false;
        }
        i += n;
    }
    return true;
}

/* ---- Building ---- */

/* Pieces behind the end would begin a second command. */
static bool open_for_more(struct wire_command *c)
{
    if (c->ended)
        refuse(c, ERR_INTERNAL, "the command has ended");
    return !c->ended;
}

static void add(struct wire_command *c, struct slice text, struct slice shown)
{
    if (!open_for_more(c))
        return;
    if (c->text.len > 0) {
        wire_add_wiped(&c->text, slice_of(" "));
        buf_puts(&c->shown, " ");
    }
    wire_add_wiped(&c->text, text);
    buf_add_slice(&c->shown, shown);
}

static void add_plain(struct wire_command *c, struct slice text)
{
    add(c, text, text);
}

void wire_words(struct wire_command *c, const char *words)
{
    for (const char *p = words; *p; p++)
        if (!is_token_char(*p) && strchr(" .*", *p) == NULL) {
            refuse(c, ERR_INTERNAL, "a word of the program's has other characters than words have");
            return;
        }
    if (*words == '\0')
        refuse(c, ERR_INTERNAL, "a word of the program's is empty");
    else
        add_plain(c, slice_of(words));
}

static void quote(struct buf *out, struct slice value)
{
    grow_wiped(out, 2 * value.len + 2);
    buf_puts(out, "\"");
    for (size_t i = 0; i < value.len; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\')
            buf_puts(out, "\\");
        buf_add(out, value.p + i, 1);
    }
    buf_puts(out, "\"");
}

void wire_value(struct wire_command *c, struct slice value)
{
    struct buf quoted = {0};

    if (!check_value(c, value))
        return;
    quote(&quoted, value);
    add_plain(c, buf_slice(&quoted));
    buf_free(&quoted);
}

/* Two secrets in a command would leave the first without its cleaning of answers. */
static bool take_secret(struct wire_command *c, struct slice value)
{
    if (!check_value(c, value))
        return false;
    if (value.len > WIRE_SECRET_MAX) {
        refuse(c, ERR_DATA, "a secret that is too long");
        return false;
    }
    if (c->secret.len > 0) {
        refuse(c, ERR_INTERNAL, "two secrets in one command");
        return false;
    }
    wire_add_wiped(&c->secret, value);
    return true;
}

void wire_secret(struct wire_command *c, struct slice value)
{
    struct buf quoted = {0};

    if (!take_secret(c, value))
        return;
    quote(&quoted, value);
    add(c, buf_slice(&quoted), slice_of("***"));
    wire_free_wiped(&quoted);
}

void wire_secret_line(struct wire_command *c, struct slice value)
{
    if (value.len == 0)
        refuse(c, ERR_DATA, "an empty secret");
    else if (c->text.len > 0)
        refuse(c, ERR_INTERNAL, "a line that is a secret holds nothing else");
    else if (take_secret(c, value))
        add(c, value, slice_of("***"));
}

void wire_token(struct wire_command *c, struct slice token)
{
    if (!is_token(token))
        refuse(c, ERR_DATA, "a word with other characters than letters, digits, - and _, or an empty one");
    else if (token.len > WIRE_VALUE_MAX)
        refuse(c, ERR_DATA, "a word that is too long");
    else
        add_plain(c, token);
}

void wire_number(struct wire_command *c, uint64_t n)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, n);
    add_plain(c, slice_of(text));
}

void wire_list(struct wire_command *c, const struct slice *items, size_t n)
{
    struct buf list = {0};

    buf_puts(&list, "(");
    for (size_t i = 0; i < n; i++) {
        if (!is_token(items[i]))
            refuse(c, ERR_DATA,
                   "an item of a list with other characters than letters, digits, - and _, or an empty one");
        if (i > 0)
            buf_puts(&list, " ");
        buf_add_slice(&list, items[i]);
    }
    buf_puts(&list, ")");
    if (list.len > WIRE_VALUE_MAX)
        refuse(c, ERR_DATA, "a list that is too long");
    if (c->error.class == ERR_NONE)
        add_plain(c, buf_slice(&list));
    buf_free(&list);
}

int wire_end(struct wire_command *c, struct err *e)
{
    if (c->text.len == 0)
        refuse(c, ERR_INTERNAL, "an empty command");
    open_for_more(c);
    if (c->error.class != ERR_NONE) {
        c->ended = false;
        *e = c->error;
        return -1;
    }
    wire_add_wiped(&c->text, slice_of("\r\n"));
    c->ended = true;
    return 0;
}

void wire_command_reset(struct wire_command *c)
{
    wire_reset_wiped(&c->text);
    wire_reset_wiped(&c->secret);
    buf_reset(&c->shown);
    c->ended = false;
    err_clear(&c->error);
}

void wire_command_free(struct wire_command *c)
{
    wire_free_wiped(&c->text);
    wire_free_wiped(&c->secret);
    buf_free(&c->shown);
    *c = (struct wire_command){0};
}

/* ---- Text for people ---- */

static void blank_bytes(struct buf *text, struct slice secret)
{
    char *p = text->p;

    while ((p = memmem(p, text->len - (size_t)(p - text->p), secret.p, secret.len)) != NULL) {
        size_t rest = text->len - (size_t)(p - text->p) - secret.len;

        memcpy(p, "***", 3);
        memmove(p + 3, p + secret.len, rest);
        text->len -= secret.len - 3;
        p += 3;
    }
}

void wire_blank(struct buf *text, struct slice secret)
{
    struct buf quoted = {0};

    if (secret.len < 3 || text->len == 0)
        return;
    quote(&quoted, secret);
    blank_bytes(text, buf_slice(&quoted));
    blank_bytes(text, slice_make(quoted.p + 1, quoted.len - 2));
    blank_bytes(text, secret);
    wire_free_wiped(&quoted);
}

char *wire_scrub(struct slice s, char *out, size_t size)
{
    static const char cut[] = "...";
    size_t at = 0, fits = 0, i = 0;

    while (i < s.len) {
        size_t n = utf8_length(s.p + i, s.len - i);
        bool bad = objection(s.p + i, n) != NULL;
        const char *shown = !bad ? s.p + i : s.p[i] == '\r' || s.p[i] == '\n' ? " " : "?";
        size_t width = bad ? 1 : n;

        if (at + width + 1 > size) {
            strcpy(out + fits, cut);
            return out;
        }
        memcpy(out + at, shown, width);
        at += width;
        if (at + sizeof(cut) <= size)
            fits = at;
        i += n ? n : 1;
    }
    out[at] = '\0';
    return out;
}
