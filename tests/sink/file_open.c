/* The file sink at open: where a file stands, what is cut off its end, and what is refused. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(file_open, .init = fixture_init, .fini = fixture_fini);

/* Opening must fail, with this class and a text that has this in it. */
static void expect_refused(const char *path, enum err_class class, const char *text)
{
    struct sink *s = sink_new(path);
    struct err e = { 0 };
    uint64_t at;

    cr_assert_eq(s->class->open(s, 0, &at, &e), -1);
    cr_assert_eq(e.class, class, "class %d: %s", (int)e.class, e.text);
    cr_assert_not_null(strstr(e.text, text), "%s", e.text);
    cr_assert_not_null(strstr(e.text, path), "%s", e.text);
    sink_free(&s);
}

/* A file of these bytes, opened with stored: the position, and the size after. */
static void expect_repair(struct slice bytes, uint64_t stored, uint64_t position, size_t size)
{
    struct sink *s = sink_new(file);

    write_file(file, bytes.p, bytes.len);
    expect_open(s, stored, position);
    cr_assert_eq(file_size(file), size, "%zu instead of %zu bytes", file_size(file), size);
    sink_free(&s);
}

Test(file_open, makes_the_file)
{
    struct sink *s;
    struct stat st;

    umask(0);
    s = opened(file, 7);
    cr_assert_eq(stat(file, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0640u);
    cr_assert_eq(st.st_size, 0);
    sink_free(&s);
    cr_assert_null(s);
    sink_free(&s);
}

Test(file_open, through_a_symbolic_link)
{
    char link[128];
    struct sink *s;

    snprintf(link, sizeof(link), "%s/link", dir);
    cr_assert_eq(symlink("out.ndjson", link), 0);
    s = opened(link, 0);
    expect_submit(s, 1, 2);
    sink_free(&s);
    expect_lines(file, 1, 2);
}

Test(file_open, position_is_the_higher_of_both)
{
    struct sink *s = opened(file, 0);

    expect_submit(s, 1, 10);
    sink_free(&s);
    for (uint64_t stored = 0; stored <= 20; stored++) {
        s = sink_new(file);
        expect_open(s, stored, stored > 10 ? stored : 10);
        sink_free(&s);
    }
    expect_lines(file, 1, 10);
}

Test(file_open, again_on_the_same_sink)
{
    struct sink *s = opened(file, 0);

    expect_submit(s, 1, 3);
    s->class->close(s);
    s->class->close(s);
    expect_open(s, 2, 3);
    expect_open(s, 3, 3);
    expect_submit(s, 4, 4);
    sink_free(&s);
    expect_lines(file, 1, 4);
}

Test(file_open, torn_tails_of_every_length)
{
    struct buf b = { 0 };
    size_t whole, all;

    add_line(&b, 1, 0);
    add_line(&b, 2, 0);
    whole = b.len;
    add_line(&b, 3, 0);
    all = b.len;
    for (size_t n = whole; n < all; n++)
        expect_repair(slice_make(b.p, n), 0, 2, whole);
    expect_repair(slice_make(b.p, all), 0, 3, all);
    buf_free(&b);
}

Test(file_open, torn_first_line)
{
    struct buf b = { 0 };

    add_line(&b, 1, 0);
    for (size_t n = 0; n < b.len; n++)
        expect_repair(slice_make(b.p, n), 0, 0, 0);
    buf_free(&b);
}

Test(file_open, torn_line_is_written_again)
{
    struct buf b = { 0 };
    struct sink *s = sink_new(file);

    add_line(&b, 1, 0);
    add_line(&b, 2, 0);
    write_file(file, b.p, b.len - 5);
    expect_open(s, 0, 1);
    expect_submit(s, 2, 4);
    sink_free(&s);
    expect_lines(file, 1, 4);
    buf_free(&b);
}

Test(file_open, very_long_last_lines)
{
    struct buf b = { 0 };
    size_t first;

    add_line(&b, 1, 0);
    first = b.len;
    add_line(&b, 2, 2 << 20);
    expect_repair(buf_slice(&b), 0, 2, b.len);
    expect_repair(slice_make(b.p, b.len - 1), 0, 1, first);
    expect_repair(slice_make(b.p, first + 1), 0, 1, first);
    /* around the pieces in which the file is read backwards */
    for (size_t n = 65536 - 2; n <= 65536 + 2; n++) {
        expect_repair(slice_make(b.p, n), 0, 1, first);
        expect_repair(slice_make(b.p, first + n), 0, 1, first);
    }
    buf_free(&b);
}

/* Every line end falls once on every place around the border of two pieces. */
Test(file_open, line_ends_at_the_border_of_pieces)
{
    for (size_t last = 65536 - 3; last <= 65536 + 3; last++) {
        struct buf b = { 0 };

        add_line(&b, 1, 100);
        add_line(&b, 2, last);
        expect_repair(buf_slice(&b), 0, 2, b.len);
        buf_puts(&b, "{\"s");
        expect_repair(buf_slice(&b), 0, 2, b.len - 3);
        buf_free(&b);
    }
}

Test(file_open, foreign_lines_stay)
{
    struct buf b = { 0 };

    buf_puts(&b, "# a comment\n");
    expect_repair(buf_slice(&b), 3, 3, b.len);
    add_line(&b, 8, 0);
    for (int i = 0; i < 10000; i++)
        buf_puts(&b, "\n{}\nfoo\n");
    expect_repair(buf_slice(&b), 3, 8, b.len);
    buf_puts(&b, "half a foreign line");
    expect_repair(buf_slice(&b), 3, 8, b.len - 19);
    buf_free(&b);
}

Test(file_open, only_empty_lines)
{
    expect_repair(slice_of("\n"), 1, 1, 1);
    expect_repair(slice_of("\n\n\n"), 1, 1, 3);
}

/* A wrong path must not cost somebody a file. */
Test(file_open, files_of_others_are_not_cut)
{
    static const char *const others[] = { "mail.example.com", "a\nb\nc", "{ \"json\": 1 }", "a\0b\n", "#!\n\0\0" };
    static const size_t sizes[] = { 16, 5, 13, 4, 5 };

    for (size_t i = 0; i < 4; i++) {
        write_file(file, others[i], sizes[i]);
        expect_refused(file, ERR_CONFIG, "something else");
        cr_assert_eq(file_size(file), sizes[i]);
    }
    /* a hole after whole lines may be ours */
    expect_repair(slice_make(others[4], sizes[4]), 0, 0, 3);
}

/* Blocks that never reached the disk read as NUL bytes; later ones may have. */
Test(file_open, holes_are_cut_off_with_all_that_follows)
{
    struct buf b = { 0 };
    size_t ends[6] = { 0 };

    for (uint64_t seq = 1; seq <= 5; seq++) {
        add_line(&b, seq, 200);
        ends[seq] = b.len;
    }
    for (uint64_t seq = 3; seq <= 5; seq++) {
        struct buf damaged = { 0 };

        buf_add_slice(&damaged, buf_slice(&b));
        memset(damaged.p + ends[seq - 1] + 50, '\0', 100);
        expect_repair(buf_slice(&damaged), 2, seq - 1, ends[seq - 1]);
        memset(damaged.p + ends[seq - 1], '\0', damaged.len - ends[seq - 1]);
        expect_repair(buf_slice(&damaged), 2, seq - 1, ends[seq - 1]);
        buf_free(&damaged);
    }
    buf_free(&b);
}

/* Lines of a resync carry one seq: those that were not synced can't be told from the others by it. */
Test(file_open, holes_among_lines_of_one_seq)
{
    struct buf b = { 0 };
    size_t good;

    add_line(&b, 6, 200);
    add_line(&b, 7, 200);
    good = b.len;
    add_line(&b, 7, 200);
    b.p[good + 90] = '\0';
    add_line(&b, 7, 200);
    expect_repair(buf_slice(&b), 7, 7, good);
    buf_free(&b);
}

Test(file_open, refuses_what_is_no_file)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    expect_refused(dir, ERR_CONFIG, "is a directory");
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/socket", dir);
    cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    expect_refused(a.sun_path, ERR_CONFIG, "neither a file");
    close(fd);
}

Test(file_open, says_when_the_directory_is_missing)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/none/out.ndjson", dir);
    expect_refused(path, ERR_UNAVAILABLE, "its directory does not exist");
    snprintf(path, sizeof(path), "%s/out.ndjson/more", dir);
    write_file(file, "", 0);
    expect_refused(path, ERR_UNAVAILABLE, "Not a directory");
}

Test(file_open, says_when_the_file_is_unwritable)
{
    write_file(file, "", 0);
    cr_assert_eq(chmod(file, 0400), 0);
    cr_assert_eq(chmod(dir, 0755), 0);
    /* root may write everywhere */
    if (geteuid() == 0)
        cr_assert_eq(seteuid(65534), 0);
    expect_refused(file, ERR_UNAVAILABLE, "Permission denied");
    if (getuid() == 0)
        cr_assert_eq(seteuid(0), 0);
}

Test(file_open, refuses_a_file_that_another_writes)
{
    struct sink *first = opened(file, 0);

    expect_submit(first, 1, 1);
    expect_refused(file, ERR_TEMP, "is locked");
    expect_submit(first, 2, 2);
    sink_free(&first);
    first = opened(file, 2);
    sink_free(&first);
    expect_lines(file, 1, 2);
}
