/* What an Axigen server says: the splitter of answers, the parsers of data, and the formatter of values.
 *
 * Input: a byte that chooses (its low two bits: 0 to 2 an end of answers as in enum wire_until, 3 a value to be quoted;
 * the rest: how many bytes are fed at a time, 0: all), then the bytes. */
#include <stdlib.h>
#include <string.h>

#include "axigen_wire.h"
#include "text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile char touched;

static void touch(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        touched = s.p[i];
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* ---- Data ---- */

static void read_rows(struct wire_rows rows)
{
    struct slice row, word;

    while (wire_row_next(&rows, &row)) {
        must(row.len > 0);
        while (wire_word_next(&row, &word))
            touch(word);
    }
}

static void read_data(struct slice data)
{
    struct arena arena = {0};
    struct wire_attr attr;
    struct slice rest = data, line;
    size_t lines = 0, attrs = 0;

    while (wire_line(&rest, &line))
        lines++;
    rest = data;
    while (wire_attr_next(&rest, &arena, &attr)) {
        must(attr.name.len > 0 && ++attrs <= lines);
        touch(attr.name);
        touch(attr.value);
    }
    read_rows(wire_table(data));
    read_rows(wire_names(data));
    arena_free(&arena);
}

/* ---- Answers ---- */

/* All answers, as one text; pipelined ones are asked for after each piece. */
static void read_answers(struct slice bytes, enum wire_until until, size_t piece, struct buf *out)
{
    struct wire_splitter w = {0};
    struct wire_answer a;

    for (size_t at = 0; at < bytes.len; at += piece) {
        size_t n = bytes.len - at < piece ? bytes.len - at : piece;

        wire_feed(&w, slice_make(bytes.p + at, n));
        while ((until == WIRE_STATUS || at + n == bytes.len) && wire_take(&w, until, &a) == WIRE_ANSWER) {
            must(utf8_valid(slice_of(a.text)) && (a.status != WIRE_NONE || until == WIRE_PROMPT));
            buf_printf(out, "%d %s <%s> ", (int)a.status, a.text, a.context);
            buf_bytes(out, a.data);
            touch(a.words);
            read_data(a.data);
        }
    }
    buf_bytes(out, wire_left(&w));
    if (wire_take_last(&w, &a))
        touch(a.data);
    wire_splitter_free(&w);
}

static void fuzz_answers(struct slice bytes, enum wire_until until, size_t piece)
{
    struct buf split = {0}, whole = {0};

    if (bytes.len > WIRE_LINE_MAX) /* where a limit is found depends on the pieces */
        return;
    read_answers(bytes, until, piece ? piece : bytes.len + 1, &split);
    read_answers(bytes, until, bytes.len + 1, &whole);
    must(slice_eq(buf_slice(&split), buf_slice(&whole)));
    buf_free(&split);
    buf_free(&whole);
}

/* ---- Values ---- */

/* What is quoted is read back by the parser of data, whole. */
static void fuzz_value(struct slice value)
{
    struct wire_command c = {0};
    struct err e = {0};
    struct arena arena = {0};
    struct wire_attr attr;
    char shown[64];

    wire_words(&c, "x");
    wire_value(&c, value);
    if (wire_end(&c, &e) == 0) {
        must(memchr(c.text.p, '\n', c.text.len) == c.text.p + c.text.len - 1 &&
             memchr(c.text.p, '\0', c.text.len) == NULL);
        c.text.p[1] = '=';
        must(wire_attr_find(buf_slice(&c.text), "x", &arena, &attr) && slice_eq(attr.value, value));
    }
    arena_free(&arena);
    wire_command_free(&c);
    must(utf8_valid(slice_of(wire_scrub(value, shown, sizeof(shown)))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy;

    if (size < 1)
        return 0;
    copy = malloc(size > 1 ? size - 1 : 1); /* no byte more, so that a read behind the end is seen */
    must(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    if ((data[0] & 3) == 3)
        fuzz_value(slice_make(copy, size - 1));
    else
        fuzz_answers(slice_make(copy, size - 1), (enum wire_until)(data[0] & 3), data[0] >> 2);
    free(copy);
    return 0;
}
