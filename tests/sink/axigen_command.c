/* Command lines: what is quoted is read back by another parser, and what can't be sent is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axigen_wire.h"
#include "text.h"

/* ---- The other side: words of a line, in the three ways to write them ----
 *
 * Written after the CLI's description and not after the formatter: bare with backslashes, '…' literal, "…" with \" and
 * \\. */

struct words {
    struct buf text[8];
    char form[8]; /* 'b'are, '\'', '"', '(' */
    size_t n;
};

static size_t read_word(const char *p, size_t left, struct buf *to, char *form)
{
    size_t i = 0;
    char quote = *p == '"' || *p == '\'' || *p == '(' ? *p : 0;
    char end = quote == '(' ? ')' : quote;

    *form = quote ? quote : 'b';
    buf_reset(to);
    for (i = quote ? 1 : 0; i < left && (quote ? p[i] != end : p[i] != ' '); i++) {
        if (p[i] == '\\' && quote != '\'') {
            i++;
            cr_assert_lt(i, left, "a backslash at the end");
        }
        cr_assert(quote || p[i - (i > 0)] == '\\' || strchr("\"'", p[i]) == NULL, "a quote within a bare word");
        buf_add(to, p + i, 1);
    }
    if (quote)
        cr_assert(i < left, "no closing quote");
    return quote ? i + 1 : i;
}

/* What a server takes from these bytes: exactly one command, and its words. */
static struct words read_command(struct slice bytes)
{
    struct words w = {0};
    size_t i = 0, end = bytes.len - 2;

    cr_assert_geq(bytes.len, 2u);
    cr_assert_eq(memcmp(bytes.p + end, "\r\n", 2), 0);
    cr_assert_null(memchr(bytes.p, '\r', end));
    cr_assert_null(memchr(bytes.p, '\n', end));
    cr_assert_null(memchr(bytes.p, '\0', end));
    while (i < end) {
        cr_assert_lt(w.n, 8u, "too many words: %.*s", SLICE_ARG(bytes));
        i += read_word(bytes.p + i, end - i, &w.text[w.n], &w.form[w.n]);
        w.n++;
        cr_assert(i == end || bytes.p[i] == ' ', "no blank behind a word");
        i += i < end;
    }
    return w;
}

static void words_free(struct words *w)
{
    for (size_t i = 0; i < 8; i++)
        buf_free(&w->text[i]);
}

/* `SET name VALUE lastName "x"` keeps the value whole, and what follows it too. */
static void expect_carried(struct slice value, bool secret)
{
    struct wire_command c = {0};
    struct err e = {0};
    struct words w;

    wire_words(&c, "SET name");
    secret ? wire_secret(&c, value) : wire_value(&c, value);
    wire_words(&c, "lastName");
    wire_value(&c, slice_of("x"));
    cr_assert_eq(wire_end(&c, &e), 0, "%s", e.text);
    w = read_command(buf_slice(&c.text));
    cr_assert_eq(w.n, 5u, "%zu words: %.*s", w.n, SLICE_ARG(c.text));
    cr_assert(slice_eq(buf_slice(&w.text[2]), value), "%.*s", SLICE_ARG(c.text));
    cr_assert_eq(w.form[2], '"');
    cr_assert(slice_eq(buf_slice(&w.text[3]), slice_of("lastName")));
    cr_assert(slice_eq(buf_slice(&w.text[4]), slice_of("x")));
    words_free(&w);
    wire_command_free(&c);
}

Test(axigen_command, hostile_values_stay_values)
{
    static const char *const values[] = {
        "",
        " ",
        "  two  blanks ",
        "plain",
        "name",
        "()",
        "(a b)",
        ")",
        "\"",
        "\\",
        "\\\"",
        "\"\"",
        "\\\\",
        "a\\",
        "\\\"x",
        "\" REMOVE Account name \"boss",
        "x\" password \"y",
        "'",
        "' COMMIT '",
        "<domain#> ",
        "<login> ",
        "+OK: x",
        "-ERR: x",
        ".",
        "..",
        ";",
        "|",
        "$(x)",
        "`x`",
        "%s%n",
        "#",
        "Jürgen Müller",
        "日本語",
        "\xF0\x9F\x93\xA7",
        "\xC2\xA0",
        "a=b",
        "*",
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        expect_carried(slice_of(values[i]), false);
        expect_carried(slice_of(values[i]), true);
    }
}

Test(axigen_command, long_and_random_values)
{
    static const char alphabet[] = "\"\\'() ab<>#+-=:.;\xC3\xBC";
    char *p = malloc(WIRE_VALUE_MAX + 1);

    memset(p, '"', WIRE_VALUE_MAX);
    expect_carried(slice_make(p, WIRE_VALUE_MAX), false);
    memset(p, '\\', WIRE_VALUE_MAX);
    expect_carried(slice_make(p, WIRE_VALUE_MAX), false);
    expect_carried(slice_make(p, WIRE_SECRET_MAX), true);
    srand(16);
    for (int round = 0; round < 5000; round++) {
        size_t n = 0, want = (size_t)rand() % 40;

        while (n < want) {
            size_t k = (size_t)rand() % (sizeof(alphabet) - 2);

            p[n++] = alphabet[k];
            if (alphabet[k] == '\xC3')
                p[n++] = '\xBC';
        }
        if (utf8_valid(slice_make(p, n)))
            expect_carried(slice_make(p, n), false);
    }
    free(p);
}

struct refused {
    struct slice value;
    const char *says;
};

#define BYTES(text)                                                                                                    \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }

static const struct refused refused[] = {
    {BYTES("a\r\nREMOVE Account name \"boss\""), "line end at byte 2"},
    {BYTES("\" \r\nREMOVE Account"), "line end at byte 3"},
    {BYTES("a\n"), "line end"},
    {BYTES("a\rb"), "line end"},
    {BYTES("a\0b"), "control character at byte 2"},
    {BYTES("a\tb"), "control"},
    {BYTES("\x1b[0m"), "control character at byte 1"},
    {BYTES("\x7f"), "control"},
    {BYTES("\xC2\x85"), "line end"},
    {BYTES("\xC2\x9B"
           "0m"),
     "control"},
    {BYTES("\xE2\x80\xA8"), "line end"},
    {BYTES("\xE2\x80\xA9"), "line end"},
    {BYTES("\xFC"), "UTF-8"},
    {BYTES("\xC0\x8A"), "UTF-8"},
    {BYTES("\xED\xA0\x80"), "UTF-8"},
    {BYTES("ab\xE2\x82"), "UTF-8 at byte 3"},
};

/* A refused piece makes the whole command one that is not to be sent, whatever follows. */
static void expect_refused(struct wire_command *c, enum err_class class, const char *says)
{
    struct err e = {0};

    wire_words(c, "password");
    cr_assert_eq(wire_end(c, &e), -1, "\"%s\" was expected: %.*s", says, SLICE_ARG(c->text));
    cr_assert_eq(e.class, class, "%s", e.text);
    cr_assert_not_null(strstr(e.text, says), "%s", e.text);
    cr_assert_not(c->ended);
    wire_command_free(c);
}

Test(axigen_command, what_cannot_be_sent_is_refused)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        struct wire_command c = {0}, secret = {0}, line = {0};

        wire_words(&c, "SET name");
        wire_value(&c, refused[i].value);
        expect_refused(&c, ERR_DATA, refused[i].says);
        wire_words(&secret, "SET password");
        wire_secret(&secret, refused[i].value);
        expect_refused(&secret, ERR_DATA, refused[i].says);
        wire_secret_line(&line, refused[i].value);
        expect_refused(&line, ERR_DATA, refused[i].says);
    }
}

Test(axigen_command, too_long_is_refused)
{
    char *p = malloc(WIRE_VALUE_MAX + 1);
    struct wire_command c = {0};

    memset(p, 'a', WIRE_VALUE_MAX + 1);
    wire_words(&c, "SET name");
    wire_value(&c, slice_make(p, WIRE_VALUE_MAX + 1));
    expect_refused(&c, ERR_DATA, "65537 bytes");
    wire_words(&c, "SET password");
    wire_secret(&c, slice_make(p, WIRE_SECRET_MAX + 1));
    expect_refused(&c, ERR_DATA, "too long");
    free(p);
}

Test(axigen_command, words_are_the_programs)
{
    static const char *const words[] = {"SET \"a\"", "",    "SET name\r\nCOMMIT", "a\\", "(a)", "SET n\xC3\xBC",
                                        "a'b",       "a\tb"};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        struct wire_command c = {0};

        wire_words(&c, words[i]);
        expect_refused(&c, ERR_INTERNAL, "program's");
    }
}

static void expect_line(struct wire_command *c, const char *text, const char *shown)
{
    struct err e = {0};

    cr_assert_eq(wire_end(c, &e), 0, "%s", e.text);
    cr_assert_str_eq(buf_str(&c->text), text);
    cr_assert_str_eq(buf_str(&c->shown), shown);
    wire_command_free(c);
}

Test(axigen_command, pieces)
{
    const struct slice services[] = {BYTES("imap"), BYTES("pop3")};
    struct wire_command c = {0};

    wire_words(&c, "SET services");
    wire_list(&c, services, 2);
    expect_line(&c, "SET services (imap pop3)\r\n", "SET services (imap pop3)");
    wire_words(&c, "SET services");
    wire_list(&c, NULL, 0);
    expect_line(&c, "SET services ()\r\n", "SET services ()");
    wire_words(&c, "SET totalMessageSize");
    wire_number(&c, UINT64_MAX);
    wire_words(&c, "enable");
    wire_token(&c, slice_of("yes"));
    expect_line(&c, "SET totalMessageSize 18446744073709551615 enable yes\r\n",
                "SET totalMessageSize 18446744073709551615 enable yes");
    wire_words(&c, "ADD Account name");
    wire_value(&c, slice_of("a\"b"));
    wire_words(&c, "password");
    wire_secret(&c, slice_of("tell nobody"));
    expect_line(&c, "ADD Account name \"a\\\"b\" password \"tell nobody\"\r\n",
                "ADD Account name \"a\\\"b\" password ***");
    wire_secret_line(&c, slice_of("as it \"is\" "));
    expect_line(&c, "as it \"is\" \r\n", "***");
}

Test(axigen_command, tokens_and_items_are_words)
{
    static const char *const bad[] = {"", " ", "a b", "a)", "(", "\"a\"", "a\r\nCOMMIT", "ü", "a\\", "."};

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        const struct slice items[] = {BYTES("imap"), slice_of(bad[i])};
        struct wire_command token = {0}, list = {0};

        wire_words(&token, "SET enable");
        wire_token(&token, items[1]);
        expect_refused(&token, ERR_DATA, "other characters");
        wire_words(&list, "SET services");
        wire_list(&list, items, 2);
        expect_refused(&list, ERR_DATA, "other characters");
    }
}

Test(axigen_command, misuse_is_refused)
{
    struct wire_command c = {0};
    struct err e = {0};

    expect_refused(&(struct wire_command){.ended = true}, ERR_INTERNAL, "ended");
    cr_assert_eq(wire_end(&c, &e), -1);
    cr_assert_eq(e.class, ERR_INTERNAL);
    wire_command_reset(&c);
    wire_words(&c, "x");
    wire_secret(&c, slice_of("one"));
    wire_secret(&c, slice_of("two"));
    expect_refused(&c, ERR_INTERNAL, "two secrets");
    wire_words(&c, "USER");
    wire_secret_line(&c, slice_of("x"));
    expect_refused(&c, ERR_INTERNAL, "nothing else");
}

Test(axigen_command, secrets_are_wiped)
{
    struct wire_command c = {0};

    wire_words(&c, "SET password");
    wire_secret(&c, slice_of("tell nobody"));
    cr_assert_not_null(memmem(c.text.p, c.text.cap, "tell", 4));
    wire_command_reset(&c);
    cr_assert_null(memmem(c.text.p, c.text.cap, "tell", 4));
    cr_assert_null(memmem(c.secret.p, c.secret.cap, "tell", 4));
    wire_command_free(&c);
}

/* ---- Text for people ---- */

Test(axigen_command, blanking)
{
    static const struct {
        const char *text, *secret, *blanked;
    } rows[] = {
        {"password \"x\\\"y z\" is weak", "x\"y z", "password *** is weak"},
        {"x\"y z twice x\"y z", "x\"y z", "*** twice ***"},
        {"abc", "abc", "***"},
        {"abcabcab", "abc", "******ab"},
        {"nothing", "secret", "nothing"},
        {"a is short", "a", "a is short"},
        {"", "secret", ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct buf text = {0};

        buf_puts(&text, rows[i].text);
        wire_blank(&text, slice_of(rows[i].secret));
        cr_assert_str_eq(buf_str(&text), rows[i].blanked);
        buf_free(&text);
    }
}

Test(axigen_command, scrubbing)
{
    static const struct {
        struct slice raw;
        const char *shown;
    } rows[] = {
        {BYTES("plain"), "plain"},
        {BYTES("a\r\nb\tc\x1b[0m\xFF\0d"), "a  b?c?[0m??d"},
        {BYTES("1234567890123456"), "1234567890123456"},
        {BYTES("12345678901234567"), "1234567890123..."},
        {BYTES("12345678901234\xC3\xBC\xC3\xBC"), "1234567890123..."},
        {BYTES("\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC"), "€€€€..."},
        {BYTES(""), ""},
    };
    char out[17];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        wire_scrub(rows[i].raw, out, sizeof(out));
        cr_assert_str_eq(out, rows[i].shown);
        cr_assert(utf8_valid(slice_of(out)));
    }
}
