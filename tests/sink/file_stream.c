/* The file sink on what is no regular file: FIFO, device, standard output. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "fixture.h"

TestSuite(file_stream, .init = fixture_init, .fini = fixture_fini);

struct drain {
    int fd;
    struct buf got;
};

/* Reads until the writer's end is closed. */
static void *drain_all(void *arg)
{
    struct drain *d = arg;
    ssize_t n;

    while ((n = read(d->fd, buf_room(&d->got, 65536), 65536)) > 0)
        d->got.len += (size_t)n;
    return NULL;
}

/* Standard output becomes fd until stdout_back(). */
static int stdout_kept;

static void stdout_to(int fd)
{
    fflush(stdout);
    stdout_kept = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
}

static void stdout_back(void)
{
    dup2(stdout_kept, STDOUT_FILENO);
    close(stdout_kept);
}

static int fifo_with_reader(void)
{
    int fd;

    cr_assert_eq(mkfifo(file, 0600), 0);
    fd = open(file, O_RDONLY | O_NONBLOCK);
    cr_assert_geq(fd, 0);
    fcntl(fd, F_SETFL, 0);
    return fd;
}

static void expect_got(struct buf *got, uint64_t first, uint64_t last)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/got", dir);
    write_file(path, got->p, got->len);
    expect_lines(path, first, last);
    buf_free(got);
}

Test(file_stream, fifo)
{
    struct drain d = { .fd = fifo_with_reader() };
    struct sink *s = opened(file, 41);
    struct err e = { 0 };
    pthread_t thread;

    pthread_create(&thread, NULL, drain_all, &d);
    cr_assert_eq(submit(s, 42, 3000, 1000, &e), SINK_OK, "%s", e.text);
    expect_submit(s, 3001, 3001);
    sink_free(&s);
    pthread_join(thread, NULL);
    close(d.fd);
    expect_got(&d.got, 42, 3001);
}

Test(file_stream, fifo_without_a_reader)
{
    struct sink *s = sink_new(file);
    struct err e = { 0 };
    uint64_t at;
    int fd;

    cr_assert_eq(mkfifo(file, 0600), 0);
    cr_assert_eq(s->class->open(s, 0, &at, &e), -1);
    cr_assert_eq(e.class, ERR_UNAVAILABLE);
    cr_assert_not_null(strstr(e.text, "nobody reads"), "%s", e.text);
    fd = open(file, O_RDONLY | O_NONBLOCK);
    expect_open(s, 0, 0);
    expect_submit(s, 1, 1);
    close(fd);
    cr_assert_eq(submit(s, 2, 2, 0, &e), SINK_DOWN);
    cr_assert_not_null(strstr(e.text, "Broken pipe"), "%s", e.text);
    cr_assert_eq(submit(s, 2, 2, 0, &e), SINK_DOWN);
    cr_assert_not_null(strstr(e.text, "nobody reads"), "%s", e.text);
    sink_free(&s);
}

/* The next reader gets whole lines from the beginning of the batch, and no rest of what the last one left. */
Test(file_stream, fifo_with_a_second_reader)
{
    struct drain d = { .fd = fifo_with_reader() };
    struct sink *s = opened(file, 0);
    struct err e = { 0 };
    char some[1000];
    pthread_t thread;

    expect_submit(s, 1, 20);
    cr_assert_eq(read(d.fd, some, sizeof(some)), (ssize_t)sizeof(some));
    close(d.fd);
    cr_assert_eq(submit(s, 21, 30, 0, &e), SINK_DOWN);
    d.fd = open(file, O_RDONLY | O_NONBLOCK);
    fcntl(d.fd, F_SETFL, 0);
    expect_submit(s, 21, 30);
    pthread_create(&thread, NULL, drain_all, &d);
    sink_free(&s);
    pthread_join(thread, NULL);
    close(d.fd);
    expect_got(&d.got, 21, 30);
}

struct stall {
    int fd;          /* the reader's end */
    int64_t at_ms;   /* when stop was set */
};

/* Sets stop once the pipe is full and its writer waits. */
static void *stop_when_full(void *arg)
{
    struct stall *stall = arg;
    int full = fcntl(stall->fd, F_GETPIPE_SZ), now = 0;

    while (now < full) {
        usleep(1000);
        ioctl(stall->fd, FIONREAD, &now);
    }
    usleep(50000);
    stall->at_ms = clock_mono_ms();
    atomic_store(&stop, true);
    return NULL;
}

/* Submits more than a pipe takes to a reader (fd) that does not read, then sets stop. */
static void expect_stop_works(struct sink *s, int fd)
{
    struct stall stall = { .fd = fd };
    struct err e = { 0 };
    pthread_t thread;
    int64_t back_ms;

    pthread_create(&thread, NULL, stop_when_full, &stall);
    cr_assert_eq(submit(s, 1, 3000, 1000, &e), SINK_DOWN);
    back_ms = clock_mono_ms();
    pthread_join(thread, NULL);
    cr_assert_lt(back_ms - stall.at_ms, 1000);
    cr_assert_not_null(strstr(e.text, "stopped while its reader does not read"), "%s", e.text);
}

Test(file_stream, stalled_fifo_comes_back_on_stop)
{
    int fd = fifo_with_reader();
    struct sink *s = opened(file, 0);

    expect_stop_works(s, fd);
    sink_free(&s);
    close(fd);
}

Test(file_stream, stalled_standard_output_comes_back_on_stop)
{
    struct sink *s = sink_new("-");
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    stdout_to(fds[1]);
    expect_open(s, 9, 9);
    expect_stop_works(s, fds[0]);
    cr_assert_eq(fcntl(STDOUT_FILENO, F_GETFL) & O_NONBLOCK, 0, "the description is shared: not ours to change");
    stdout_back();
    sink_free(&s);
}

/* The rest of a line goes out first, so that the reader sees whole lines: at least once. */
Test(file_stream, stalled_reader_that_goes_on_sees_whole_lines)
{
    struct drain d;
    struct sink *s = sink_new("-");
    struct err e = { 0 };
    struct buf expected = { 0 };
    int fds[2];
    size_t full;
    pthread_t thread;

    cr_assert_eq(pipe(fds), 0);
    d = (struct drain){ .fd = fds[0] };
    stdout_to(fds[1]);
    close(fds[1]);
    expect_open(s, 0, 0);
    expect_stop_works(s, fds[0]);
    full = (size_t)fcntl(fds[0], F_GETPIPE_SZ);
    atomic_store(&stop, false);
    pthread_create(&thread, NULL, drain_all, &d);
    cr_assert_eq(submit(s, 1, 100, 1000, &e), SINK_OK, "%s", e.text);
    stdout_back();
    pthread_join(thread, NULL);
    for (uint64_t seq = 1; expected.len < full; seq++)
        add_line(&expected, seq, 1000);
    for (uint64_t seq = 1; seq <= 100; seq++)
        add_line(&expected, seq, 1000);
    cr_assert(slice_eq(buf_slice(&d.got), buf_slice(&expected)));
    buf_free(&expected);
    buf_free(&d.got);
    sink_free(&s);
}

Test(file_stream, standard_output_that_is_closed)
{
    struct sink *s = sink_new("-");
    struct err e = { 0 };
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    stdout_to(fds[1]);
    close(fds[1]);
    close(fds[0]);
    expect_open(s, 0, 0);
    cr_assert_eq(submit(s, 1, 2, 0, &e), SINK_DOWN);
    cr_assert_not_null(strstr(e.text, "Broken pipe"), "%s", e.text);
    stdout_back();
    sink_free(&s);
}

/* What stands in the file is not ours to cut or to read. */
Test(file_stream, standard_output_that_is_a_file)
{
    struct sink *s = sink_new("-");
    struct err e = { 0 };
    struct rlimit limit;
    struct buf got, expected = { 0 };
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);

    stdout_to(fd);
    expect_open(s, 3, 3);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 250;
    setrlimit(RLIMIT_FSIZE, &limit);
    cr_assert_eq(submit(s, 4, 9, 100, &e), SINK_FULL);
    cr_assert_eq(submit(s, 4, 9, 100, &e), SINK_FULL, "not even the rest");
    limit.rlim_cur = RLIM_INFINITY;
    setrlimit(RLIMIT_FSIZE, &limit);
    cr_assert_eq(submit(s, 4, 5, 100, &e), SINK_OK, "%s", e.text);
    s->class->reopen(s);
    cr_assert_eq(submit(s, 6, 6, 100, &e), SINK_OK, "%s", e.text);
    stdout_back();
    close(fd);
    got = read_file(file);
    for (uint64_t seq = 4; seq <= 6; seq++)
        add_line(&expected, seq, 100);
    for (uint64_t seq = 4; seq <= 6; seq++)
        add_line(&expected, seq, 100);
    cr_assert(slice_eq(buf_slice(&got), buf_slice(&expected)), "%s", buf_str(&got));
    buf_free(&got);
    buf_free(&expected);
    sink_free(&s);
}

Test(file_stream, devices)
{
    struct sink *s = opened("/dev/null", 5);
    struct err e = { 0 };

    cr_assert_eq(submit(s, 6, 5000, 1000, &e), SINK_OK, "%s", e.text);
    sink_free(&s);
    s = opened("/dev/full", 5);
    cr_assert_eq(submit(s, 6, 7, 0, &e), SINK_FULL, "%s", e.text);
    sink_free(&s);
}
