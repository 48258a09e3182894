/* Answers: split anywhere they are the same; data that looks like an end is no end. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "axigen_wire.h"

/* ---- Reading a stream of answers in one go, byte by byte, at random ---- */

/* Feeds n bytes at a time (0: random) and puts all answers down as text. For WIRE_STATUS it asks after each piece, else
 * at the end, since there only what has all arrived counts. */
static void read_stream(struct slice bytes, enum wire_until until, size_t n, struct buf *out)
{
    struct wire_splitter w = {0};
    struct wire_answer a;
    size_t at = 0;

    buf_reset(out);
    while (at < bytes.len) {
        size_t piece = n ? n : 1 + (size_t)rand() % 7;

        if (piece > bytes.len - at)
            piece = bytes.len - at;
        wire_feed(&w, slice_make(bytes.p + at, piece));
        at += piece;
        while ((until == WIRE_STATUS || at == bytes.len) && wire_take(&w, until, &a) == WIRE_ANSWER) {
            buf_printf(out, "%s|%s|<%s>|",
                       a.status == WIRE_OK        ? "ok"
                       : a.status == WIRE_REFUSED ? "refused"
                                                  : "none",
                       a.text, a.context);
            buf_add_slice(out, a.data);
            buf_puts(out, "\n");
        }
    }
    buf_puts(out, "left: ");
    buf_add_slice(out, wire_left(&w));
    wire_splitter_free(&w);
}

static void expect_answers(struct slice bytes, enum wire_until until, const char *answers)
{
    struct buf got = {0};

    srand(17);
    read_stream(bytes, until, bytes.len, &got);
    cr_assert_str_eq(buf_str(&got), answers);
    read_stream(bytes, until, 1, &got);
    cr_assert_str_eq(buf_str(&got), answers, "byte by byte: %s", got.p);
    for (int i = 0; i < 200; i++) {
        read_stream(bytes, until, 0, &got);
        cr_assert_str_eq(buf_str(&got), answers, "at random: %s", got.p);
    }
    buf_free(&got);
}

#define ANSWERS(bytes, until, answers) expect_answers(slice_make(bytes, sizeof(bytes) - 1), until, answers)

Test(axigen_answer, pipelined)
{
    ANSWERS("+OK: done\r\n<domain-account#> -ERR: no: such\r\n<domain-account#> +OK\r\n<#> ", WIRE_STATUS,
            "ok|done|<domain-account#>|\nrefused|no: such|<domain-account#>|\nok||<#>|\nleft: ");
    ANSWERS("+OK: lf only\n<domain#> ", WIRE_STATUS, "ok|lf only|<domain#>|\nleft: ");
    ANSWERS("\r\nby the way\r\n+OK: done\r\n<domain-account-contactInfo#> x", WIRE_STATUS,
            "ok|done|<domain-account-contactInfo#>|\r\nby the way\r\n\nleft: x");
}

Test(axigen_answer, a_status_line_without_a_prompt_is_data)
{
    ANSWERS("+OK: a\r\n-ERR: b\r\n<domain#>x\r\n<domain#> \r\n+OK: c\r\n<domain> \r\n+OK: d\r\n<#> ", WIRE_STATUS,
            "ok|d|<#>|+OK: a\r\n-ERR: b\r\n<domain#>x\r\n<domain#> \r\n+OK: c\r\n<domain> \r\n\nleft: ");
    ANSWERS("+OKAY\r\n<#> +ERR\r\n<#> ", WIRE_STATUS, "left: +OKAY\r\n<#> +ERR\r\n<#> ");
    ANSWERS("<#> ", WIRE_STATUS, "left: <#> ");
}

Test(axigen_answer, colours_are_stripped)
{
    ANSWERS("\x1b[1;32m+OK\x1b[0m: d\x1b[31mone\r\n\x1b[1m<domain#> \x1b[0m", WIRE_STATUS,
            "ok|done|<domain#>|\nleft: ");
    ANSWERS("+OK: \x1b(Bdone\x1b\x1b[m\r\n<#> ", WIRE_STATUS, "ok|done|<#>|\nleft: ");
    ANSWERS("+OK: done\x1b\r\n<#> ", WIRE_STATUS, "ok|done|<#>|\nleft: ");
    ANSWERS("Axigen\r\n\x1b[7m<login> \x1b[0m", WIRE_PROMPT, "none||<login>|Axigen\r\n\nleft: ");
}

Test(axigen_answer, data_that_looks_like_an_end)
{
    static const char data[] =
        "\r\ntitle\r\n+OK: done\r\n<domain#> \r\n<domain#> more\r\n-ERR: x\r\n<domain#> y\r\n\r\n"
        "+OK: real\r\n<domain#> ";

    ANSWERS(data, WIRE_DATA,
            "ok|real|<domain#>|\r\ntitle\r\n+OK: done\r\n<domain#> \r\n<domain#> more\r\n-ERR: x\r\n<domain#> "
            "y\r\n\r\n\nleft: ");
    ANSWERS("row\r\n<domain#> ", WIRE_DATA, "left: row\r\n<domain#> ");
    ANSWERS("row\r\n+OK: done\r\n<domain#> more", WIRE_DATA, "left: row\r\n+OK: done\r\n<domain#> more");
    ANSWERS("-ERR: no such domain\r\n<#> ", WIRE_DATA, "refused|no such domain|<#>|\nleft: ");
}

Test(axigen_answer, prompts)
{
    ANSWERS("Welcome\r\n<login> \r\n<login> x\r\n<login> ", WIRE_PROMPT,
            "none||<login>|Welcome\r\n<login> \r\n<login> x\r\n\nleft: ");
    ANSWERS("<password> ", WIRE_PROMPT, "none||<password>|\nleft: ");
    ANSWERS("-ERR: who?\r\n<login> ", WIRE_PROMPT, "refused|who?|<login>|\nleft: ");
    ANSWERS("<user> ", WIRE_PROMPT, "left: <user> ");
    ANSWERS("<#>", WIRE_PROMPT, "left: <#>");
    ANSWERS("<a b#> ", WIRE_PROMPT, "left: <a b#> ");
}

Test(axigen_answer, shown_text_is_scrubbed_and_bounded)
{
    struct wire_splitter w = {0};
    struct wire_answer a;
    char *line = malloc(5000);

    memset(line, 'x', 5000);
    memcpy(line, "-ERR: a\tb\x07\xFF", 11);
    wire_feed(&w, slice_make(line, 5000));
    wire_feed(&w, slice_of("\r\n<domain#> "));
    cr_assert_eq(wire_take(&w, WIRE_STATUS, &a), WIRE_ANSWER);
    cr_assert_eq(strncmp(a.text, "a?b??xxx", 8), 0, "%s", a.text);
    cr_assert_eq(strlen(a.text), WIRE_TEXT_MAX - 1);
    cr_assert_str_eq(a.text + WIRE_TEXT_MAX - 4, "...");
    free(line);
    wire_splitter_free(&w);
}

Test(axigen_answer, a_long_context_is_none)
{
    struct wire_splitter w = {0};
    struct wire_answer a;

    wire_feed(&w, slice_of("+OK\r\n<"));
    for (unsigned i = 0; i < WIRE_CONTEXT_MAX; i++)
        wire_feed(&w, slice_of("a"));
    wire_feed(&w, slice_of("#> "));
    cr_assert_eq(wire_take(&w, WIRE_STATUS, &a), WIRE_MORE);
    wire_splitter_free(&w);
}

/* ---- Limits ---- */

/* Feeds pieces until the splitter says it is too long; returns the bytes fed. */
static size_t feed_without_end(struct slice piece, size_t at_most)
{
    struct wire_splitter w = {0};
    struct wire_answer a;
    size_t n = 0;
    enum wire_next next = WIRE_MORE;

    while (n < at_most && next == WIRE_MORE) {
        wire_feed(&w, piece);
        n += piece.len;
        next = wire_take(&w, WIRE_DATA, &a);
    }
    cr_assert_eq(next, WIRE_TOO_LONG);
    wire_splitter_free(&w);
    return n;
}

Test(axigen_answer, limits)
{
    char piece[1024];

    memset(piece, 'x', sizeof(piece));
    cr_assert_leq(feed_without_end(slice_make(piece, sizeof(piece)), 1u << 20), WIRE_LINE_MAX + sizeof(piece));
    piece[sizeof(piece) - 1] = '\n';
    cr_assert_leq(feed_without_end(slice_make(piece, sizeof(piece)), 64u << 20), WIRE_ANSWER_MAX + sizeof(piece));
    feed_without_end(slice_of("\x1b[1111111111111111111111111111111111111111111111111111111111111111m"), 64u << 20);
}

Test(axigen_answer, a_long_line_within_a_list)
{
    struct wire_splitter w = {0};
    struct wire_answer a;
    char *line = malloc(WIRE_LINE_MAX + 2);

    memset(line, 'x', WIRE_LINE_MAX + 2);
    wire_feed(&w, slice_of("row\r\n"));
    wire_feed(&w, slice_make(line, WIRE_LINE_MAX + 2));
    wire_feed(&w, slice_of("\r\n+OK\r\n<#> "));
    cr_assert_eq(wire_take(&w, WIRE_DATA, &a), WIRE_TOO_LONG);
    free(line);
    wire_splitter_free(&w);
}

Test(axigen_answer, many_answers_after_a_list)
{
    struct wire_splitter w = {0};
    struct wire_answer a;
    size_t rows = 0;
    struct slice line;

    for (int i = 0; i < 100000; i++)
        wire_feed(&w, slice_of("user  premium  yes\r\n"));
    wire_feed(&w, slice_of("\r\n+OK: done\r\n<domain#> "));
    cr_assert_eq(wire_take(&w, WIRE_DATA, &a), WIRE_ANSWER);
    while (wire_line(&a.data, &line))
        rows += line.len == 18;
    cr_assert_eq(rows, 100000u);
    for (int i = 0; i < 100000; i++) {
        wire_feed(&w, slice_of("+OK: done\r\n<domain#> +OK: do"));
        cr_assert_eq(wire_take(&w, WIRE_STATUS, &a), WIRE_ANSWER);
        cr_assert_eq(wire_take(&w, WIRE_STATUS, &a), WIRE_MORE);
        wire_feed(&w, slice_of("ne\r\n<domain#> "));
        cr_assert_eq(wire_take(&w, WIRE_STATUS, &a), WIRE_ANSWER);
    }
    cr_assert_lt(w.in.cap, 4096u, "%zu bytes kept", w.in.cap);
    wire_splitter_free(&w);
}

Test(axigen_answer, a_last_answer_without_a_prompt)
{
    struct wire_splitter w = {0};
    struct wire_answer a;

    wire_feed(&w, slice_of("bye\r\n-ERR: too many\r\n"));
    cr_assert_eq(wire_take(&w, WIRE_STATUS, &a), WIRE_MORE);
    cr_assert(wire_take_last(&w, &a));
    cr_assert_eq(a.status, WIRE_REFUSED);
    cr_assert_str_eq(a.text, "too many");
    cr_assert_str_eq(a.context, "");
    wire_feed(&w, slice_of("-ERR: cut of"));
    cr_assert_not(wire_take_last(&w, &a));
    wire_splitter_free(&w);
}
