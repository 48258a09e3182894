/* The file sink while it writes a regular file: batches, failures, rotation, kills. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(file_write, .init = fixture_init, .fini = fixture_fini);

/* The sink's own calls come here first: failures of a disk that no test can have otherwise. */
static int fail_sync, fail_truncate;
static int syncs;

int fdatasync(int fd)
{
    syncs++;
    if (fail_sync) {
        errno = fail_sync;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

int ftruncate(int fd, off_t length)
{
    if (fail_truncate) {
        errno = fail_truncate;
        return -1;
    }
    return (int)syscall(SYS_ftruncate, fd, length);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;

    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static char *rotated(void)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s.1", file);
    return path;
}

Test(file_write, appends)
{
    struct sink *s = opened(file, 0);

    expect_submit(s, 1, 1);
    expect_submit(s, 2, 1000);
    expect_submit(s, 1001, 1001);
    expect_lines(file, 1, 1001);
    sink_free(&s);
}

Test(file_write, batches_larger_than_a_write)
{
    struct sink *s = opened(file, 0);
    struct err e = { 0 };

    cr_assert_eq(submit(s, 1, 5000, 1000, &e), SINK_OK, "%s", e.text);
    cr_assert_eq(submit(s, 5001, 5003, 3 << 20, &e), SINK_OK, "%s", e.text);
    expect_lines(file, 1, 5003);
    sink_free(&s);
}

Test(file_write, an_empty_batch_is_nothing)
{
    struct sink *s = opened(file, 0);
    struct err e = { 0 };

    cr_assert_eq(s->class->submit(s, NULL, 0, &e), SINK_OK);
    cr_assert_eq(file_size(file), 0);
    sink_free(&s);
}

Test(file_write, one_sync_makes_a_batch_durable)
{
    struct sink *s = opened(file, 0);

    syncs = 0;
    expect_submit(s, 1, 500);
    cr_assert_eq(syncs, 1);
    sink_free(&s);
}

/* What a killed predecessor wrote counts from open on: it must be durable by then. */
Test(file_write, open_syncs)
{
    struct sink *s;

    syncs = 0;
    s = opened(file, 0);
    cr_assert_geq(syncs, 1);
    sink_free(&s);
}

Test(file_write, same_seq_is_written_as_given)
{
    struct sink *s = opened(file, 0);
    struct buf b;

    expect_submit(s, 5, 5);
    expect_submit(s, 5, 5);
    b = read_file(file);
    cr_assert_eq(b.len % 2, 0);
    cr_assert_eq(memcmp(b.p, b.p + b.len / 2, b.len / 2), 0);
    buf_free(&b);
    sink_free(&s);
}

/* At every length of the file at which a write can fail. */
Test(file_write, failing_in_the_middle_leaves_no_trace)
{
    struct sink *s = opened(file, 0);
    size_t before, line;

    expect_submit(s, 1, 2);
    before = file_size(file);
    line = before / 2;
    for (size_t room = 0; room < 3 * line; room += 7) {
        struct err e = { 0 };

        limit_file_size(before + room);
        cr_assert_eq(submit(s, 3, 5, 0, &e), SINK_FULL);
        limit_file_size(RLIM_INFINITY);
        cr_assert_not_null(strstr(e.text, "no space"), "%s", e.text);
        cr_assert_not_null(strstr(e.text, file), "%s", e.text);
        cr_assert_eq(file_size(file), before);
    }
    expect_submit(s, 3, 5);
    expect_lines(file, 1, 5);
    sink_free(&s);
}

Test(file_write, failing_after_several_writes_takes_all_back)
{
    struct sink *s = opened(file, 0);
    struct err e = { 0 };

    limit_file_size(3 << 20);
    cr_assert_eq(submit(s, 1, 5000, 1000, &e), SINK_FULL);
    cr_assert_eq(file_size(file), 0);
    limit_file_size(RLIM_INFINITY);
    expect_submit(s, 1, 5);
    expect_lines(file, 1, 5);
    sink_free(&s);
}

/* A mount of 64 KiB at dir, in a mount namespace of this process. False where that is not allowed. */
static bool mount_tiny(void)
{
    int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER;

    return unshare(flags) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", dir, "tmpfs", 0, "size=64k") == 0;
}

Test(file_write, full_file_system)
{
    struct sink *s;
    struct err e = { 0 };
    char ballast[128];

    if (!mount_tiny())
        cr_skip_test("no mount namespaces here");
    snprintf(ballast, sizeof(ballast), "%s/ballast", dir);
    s = opened(file, 0);
    expect_submit(s, 1, 2);
    write_file(ballast, (char[40000]){ 0 }, 40000);
    cr_assert_eq(submit(s, 3, 40, 1000, &e), SINK_FULL);
    cr_assert_not_null(strstr(e.text, "No space left on device"), "%s", e.text);
    expect_lines(file, 1, 2);
    cr_assert_eq(submit(s, 3, 40, 1000, &e), SINK_FULL, "and again");
    unlink(ballast);
    cr_assert_eq(submit(s, 3, 40, 1000, &e), SINK_OK, "%s", e.text);
    expect_lines(file, 1, 40);
    sink_free(&s);
    umount(dir);
}

/* Who deletes a file to get space back gets it only when nobody has it open any more. */
Test(file_write, full_file_that_was_deleted_is_let_go)
{
    struct sink *s;
    struct err e = { 0 };

    if (!mount_tiny())
        cr_skip_test("no mount namespaces here");
    s = opened(file, 0);
    cr_assert_eq(submit(s, 1, 40, 1000, &e), SINK_OK, "%s", e.text);
    cr_assert_eq(submit(s, 41, 80, 1000, &e), SINK_FULL);
    unlink(file);
    cr_assert_eq(submit(s, 41, 80, 1000, &e), SINK_OK, "%s", e.text);
    expect_lines(file, 41, 80);
    sink_free(&s);
    umount(dir);
}

Test(file_write, failed_sync_is_written_again)
{
    struct sink *s = opened(file, 0);
    struct err e = { 0 };

    expect_submit(s, 1, 2);
    fail_sync = EIO;
    cr_assert_eq(submit(s, 3, 5, 0, &e), SINK_DOWN);
    cr_assert_not_null(strstr(e.text, "Input/output error"), "%s", e.text);
    expect_lines(file, 1, 2);
    cr_assert_eq(submit(s, 3, 5, 0, &e), SINK_DOWN, "the file can't be verified either");
    fail_sync = 0;
    expect_submit(s, 3, 6);
    expect_lines(file, 1, 6);
    sink_free(&s);
}

Test(file_write, sync_without_space_is_full)
{
    struct sink *s = opened(file, 0);
    struct err e = { 0 };

    fail_sync = ENOSPC;
    cr_assert_eq(submit(s, 1, 5, 0, &e), SINK_FULL);
    fail_sync = EDQUOT;
    cr_assert_eq(submit(s, 1, 5, 0, &e), SINK_FULL);
    fail_sync = 0;
    expect_submit(s, 1, 5);
    expect_lines(file, 1, 5);
    sink_free(&s);
}

/* Neither sync nor truncate: the lines stand there, and nobody knows whether on the disk. */
Test(file_write, what_could_not_be_cut_is_cut_later)
{
    struct sink *s = opened(file, 0);
    struct err e = { 0 };
    size_t before;

    expect_submit(s, 1, 2);
    before = file_size(file);
    fail_sync = fail_truncate = EIO;
    cr_assert_eq(submit(s, 3, 5, 0, &e), SINK_DOWN);
    cr_assert_gt(file_size(file), before);
    fail_sync = 0;
    cr_assert_eq(submit(s, 3, 5, 0, &e), SINK_DOWN, "not before it is cut off");
    fail_truncate = 0;
    expect_submit(s, 3, 3);
    expect_submit(s, 4, 6);
    expect_lines(file, 1, 6);
    sink_free(&s);
}

Test(file_write, suspect_end_stays_in_a_file_that_was_moved_away)
{
    struct sink *s = opened(file, 0);
    struct err e = { 0 };

    expect_submit(s, 1, 2);
    fail_sync = fail_truncate = EIO;
    cr_assert_eq(submit(s, 3, 5, 0, &e), SINK_DOWN);
    fail_sync = fail_truncate = 0;
    cr_assert_eq(rename(file, rotated()), 0);
    expect_submit(s, 3, 5);
    expect_lines(rotated(), 1, 5);
    expect_lines(file, 3, 5);
    sink_free(&s);
}

Test(file_write, rotation_takes_effect_with_reopen)
{
    struct sink *s = opened(file, 0);

    expect_submit(s, 1, 3);
    cr_assert_eq(rename(file, rotated()), 0);
    expect_submit(s, 4, 5);
    cr_assert_neq(access(file, F_OK), 0, "without a signal the open file goes on being written");
    s->class->reopen(s);
    cr_assert_neq(access(file, F_OK), 0, "reopen only sets a flag");
    expect_submit(s, 6, 8);
    expect_lines(rotated(), 1, 5);
    expect_lines(file, 6, 8);
    sink_free(&s);
}

Test(file_write, reopen_of_the_same_file)
{
    struct sink *s = opened(file, 0);

    expect_submit(s, 1, 3);
    s->class->reopen(s);
    expect_submit(s, 4, 5);
    expect_lines(file, 1, 5);
    sink_free(&s);
}

Test(file_write, reopen_that_fails_is_tried_again)
{
    struct sink *s = opened(file, 0);
    struct err e = { 0 };

    expect_submit(s, 1, 3);
    cr_assert_eq(rename(file, rotated()), 0);
    cr_assert_eq(mkdir(file, 0755), 0);
    s->class->reopen(s);
    cr_assert_eq(submit(s, 4, 5, 0, &e), SINK_DOWN);
    cr_assert_not_null(strstr(e.text, "is a directory"), "%s", e.text);
    cr_assert_eq(submit(s, 4, 5, 0, &e), SINK_DOWN);
    cr_assert_eq(rmdir(file), 0);
    expect_submit(s, 4, 5);
    expect_lines(rotated(), 1, 3);
    expect_lines(file, 4, 5);
    sink_free(&s);
}

Test(file_write, copytruncate)
{
    struct sink *s = opened(file, 0);

    expect_submit(s, 1, 300);
    cr_assert_eq(truncate(file, 0), 0);
    expect_submit(s, 301, 302);
    expect_lines(file, 301, 302);
    sink_free(&s);
}

Test(file_write, half_a_line_of_an_editor_is_cut_off)
{
    struct sink *s = opened(file, 0);
    FILE *editor;

    expect_submit(s, 1, 3);
    editor = fopen(file, "a");
    fputs("half", editor);
    fclose(editor);
    expect_submit(s, 4, 5);
    expect_lines(file, 1, 5);
    sink_free(&s);
}

Test(file_write, stop_ends_a_batch)
{
    struct sink *s = opened(file, 0);
    struct err e = { 0 };

    expect_submit(s, 1, 3);
    atomic_store(&stop, true);
    cr_assert_eq(submit(s, 4, 5000, 1000, &e), SINK_DOWN);
    cr_assert_not_null(strstr(e.text, "stopped"), "%s", e.text);
    expect_lines(file, 1, 3);
    sink_free(&s);
}

/* Whoever kills the program at whatever moment: open, go on from the position, and every line is there once. */
static void kill_and_go_on(void (*kill_it)(pid_t), unsigned random)
{
    struct sink *s;
    struct err e = { 0 };
    uint64_t at;
    pid_t pid = fork();

    if (pid == 0) {
        s = sink_new(file);
        if (s->class->open(s, 0, &at, &e))
            _exit(1);
        for (uint64_t seq = at + 1; seq < 20000; seq += random % 50 + 1)
            if (submit(s, seq, seq + random % 50, 30000, &e) != SINK_OK)
                _exit(2);
        _exit(3);
    }
    kill_it(pid);
    s = sink_new(file);
    cr_assert_eq(s->class->open(s, 0, &at, &e), 0, "%s", e.text);
    expect_submit(s, at + 1, at + 3);
    sink_free(&s);
    expect_lines(file, 1, at + 3);
    unlink(file);
}

static void kill_soon(pid_t pid)
{
    int status;

    usleep((useconds_t)(rand() % 20000));
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    cr_assert(WIFSIGNALED(status), "ended by itself: %d", WEXITSTATUS(status));
}

Test(file_write, killed_at_any_moment)
{
    unsigned seed = (unsigned)getpid();

    srand(seed);
    fprintf(stderr, "seed %u\n", seed);
    for (int i = 0; i < 25; i++)
        kill_and_go_on(kill_soon, (unsigned)rand());
}

#ifdef AXSYNC_STEPS
static void wait_killed(pid_t pid)
{
    int status;

    unsetenv("AXSYNC_STEP_KILL");   /* the child's alone */
    waitpid(pid, &status, 0);
    cr_assert(WIFSIGNALED(status), "ended by itself: %d", WEXITSTATUS(status));
}

/* A child goes on with the count of this process, which reaches four steps in each round. */
Test(file_write, killed_at_each_step)
{
    for (int step = 1; step <= 12; step++) {
        char text[16];

        snprintf(text, sizeof(text), "%d", 4 * (step - 1) + step);
        setenv("AXSYNC_STEP_KILL", text, 1);
        kill_and_go_on(wait_killed, 49);
    }
}
#endif
