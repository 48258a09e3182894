#include "fixture.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action.h"
#include "mem.h"

char dir[64];
char file[96];
atomic_bool stop;

void fixture_init(void)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    snprintf(dir, sizeof(dir), "/tmp/axsync-sink-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/out.ndjson", dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void fixture_fini(void)
{
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct sink *sink_new(const char *path)
{
    return sink_file_new("journal", "corp/journal", path, &stop);
}

void add_line(struct buf *b, uint64_t seq, size_t bytes)
{
    size_t begin = b->len;

    buf_printf(b, "{\"seq\":%" PRIu64 ",\"time\":\"2026-11-24T07:49:55.123Z\",\"connector\":\"corp\",\"dn\":\"", seq);
    while (b->len - begin + 3 < bytes)
        buf_u8(b, 'x');
    buf_puts(b, "\"}\n");
}

enum sink_result submit(struct sink *s, uint64_t first, uint64_t last, size_t bytes, struct err *e)
{
    size_t n = (size_t)(last - first + 1);
    struct sink_line *lines = mem_alloc(n * sizeof(*lines));
    struct buf *texts = mem_alloc(n * sizeof(*texts));
    enum sink_result result;

    for (size_t i = 0; i < n; i++) {
        add_line(&texts[i], first + i, bytes);
        lines[i] = (struct sink_line){ first + i, slice_make(texts[i].p, texts[i].len - 1) };
    }
    result = s->class->submit(s, lines, n, e);
    for (size_t i = 0; i < n; i++)
        buf_free(&texts[i]);
    free(texts);
    free(lines);
    return result;
}

void expect_open(struct sink *s, uint64_t stored, uint64_t position)
{
    struct err e = { 0 };
    uint64_t at = 12345;

    cr_assert_eq(s->class->open(s, stored, &at, &e), 0, "%s", e.text);
    cr_assert_eq(at, position, "position %" PRIu64 ", expected %" PRIu64, at, position);
}

void expect_submit(struct sink *s, uint64_t first, uint64_t last)
{
    struct err e = { 0 };

    cr_assert_eq(submit(s, first, last, 0, &e), SINK_OK, "%s", e.text);
}

struct sink *opened(const char *path, uint64_t stored)
{
    struct sink *s = sink_new(path);

    expect_open(s, stored, stored);
    return s;
}

void write_file(const char *path, const char *p, size_t n)
{
    FILE *out = fopen(path, "w");

    cr_assert_not_null(out);
    cr_assert_eq(fwrite(p, 1, n, out), n);
    fclose(out);
}

struct buf read_file(const char *path)
{
    struct buf b = { 0 };
    FILE *in = fopen(path, "r");
    size_t n;

    cr_assert_not_null(in, "%s", path);
    while ((n = fread(buf_room(&b, 65536), 1, 65536, in)) > 0)
        b.len += n;
    fclose(in);
    return b;
}

size_t file_size(const char *path)
{
    struct stat st;

    cr_assert_eq(stat(path, &st), 0, "%s", path);
    return (size_t)st.st_size;
}

void expect_lines(const char *path, uint64_t first, uint64_t last)
{
    struct buf b = read_file(path);
    const char *p = b.p, *end = b.p + b.len;

    for (uint64_t seq = first; seq <= last; seq++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));

        cr_assert_not_null(nl, "line %" PRIu64 " is not there", seq);
        cr_assert_eq(action_line_seq(slice_make(p, (size_t)(nl - p))), seq, "instead of %" PRIu64 ": %.*s", seq,
                     (int)(nl - p < 80 ? nl - p : 80), p);
        cr_assert_eq(memcmp(nl - 2, "\"}", 2), 0, "line %" PRIu64 " is not whole", seq);
        p = nl + 1;
    }
    cr_assert_eq(p, end, "%zu bytes too many", (size_t)(end - p));
    buf_free(&b);
}
