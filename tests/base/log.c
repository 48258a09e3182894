#include "log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

static char captured[16384];
static FILE *capture;
static int stderr_kept;

static void capture_begin(void)
{
    unsetenv("JOURNAL_STREAM");
    clock_set_wall_ms(0);
    capture = tmpfile();
    cr_assert_not_null(capture);
    stderr_kept = dup(STDERR_FILENO);
    dup2(fileno(capture), STDERR_FILENO);
}

/* What was written to standard error since capture_begin(). */
static const char *capture_end(void)
{
    size_t n;

    dup2(stderr_kept, STDERR_FILENO);
    close(stderr_kept);
    rewind(capture);
    n = fread(captured, 1, sizeof(captured) - 1, capture);
    captured[n] = '\0';
    fclose(capture);
    return captured;
}

Test(log, line_has_time_level_and_subject)
{
    capture_begin();
    log_warning("corp/journal", "no %s", "space");
    log_error(NULL, "bad");
    cr_assert_str_eq(capture_end(), "1970-01-01T00:00:00.000Z warning corp/journal: no space\n"
                                    "1970-01-01T00:00:00.000Z error bad\n");
}

Test(log, journal_gets_priorities)
{
    capture_begin();
    setenv("JOURNAL_STREAM", "8:1", 1);
    log_set_level(LOG_LEVEL_DEBUG);
    log_error(NULL, "e");
    log_warning(NULL, "w");
    log_info(NULL, "i");
    log_debug("s", "d");
    cr_assert_str_eq(capture_end(), "<3>e\n<4>w\n<6>i\n<7>s: d\n");
}

Test(log, nothing_can_forge_a_line)
{
    capture_begin();
    log_info("s", "a%sb", "\n<0>forged\r\x1b[2J\x7f\t");
    cr_assert_str_eq(capture_end(), "1970-01-01T00:00:00.000Z info s: a\\x0a<0>forged\\x0d\\x1b[2J\\x7f\\x09b\n");
}

Test(log, level_filters)
{
    capture_begin();
    log_debug(NULL, "not by default");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning(NULL, "no");
    log_error(NULL, "yes");
    cr_assert_str_eq(capture_end(), "1970-01-01T00:00:00.000Z error yes\n");
}

Test(log, level_names)
{
    cr_assert_eq(log_level_parse("error"), LOG_LEVEL_ERROR);
    cr_assert_eq(log_level_parse("warning"), LOG_LEVEL_WARNING);
    cr_assert_eq(log_level_parse("info"), LOG_LEVEL_INFO);
    cr_assert_eq(log_level_parse("debug"), LOG_LEVEL_DEBUG);
    cr_assert_eq(log_level_parse("Info"), -1);
    cr_assert_eq(log_level_parse(""), -1);
}

/* Each control character grows to four. */
Test(log, long_messages_are_cut_to_one_line)
{
    char text[5000];
    const char *line;

    memset(text, '\1', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    capture_begin();
    log_info("corp/journal", "%s", text);
    line = capture_end();
    cr_assert_gt(strlen(line), 2000);
    cr_assert_eq(strchr(line, '\n'), line + strlen(line) - 1);
}

/* A pipe that nobody reads, as standard error; its other end. */
static int full_pipe(void)
{
    static const char zeros[4096];
    int fds[2];

    cr_assert_eq(pipe2(fds, O_NONBLOCK), 0);
    while (write(fds[1], zeros, sizeof(zeros)) > 0)
        ;
    fcntl(fds[1], F_SETFL, 0);   /* from here on a write would wait for ever */
    dup2(fds[1], STDERR_FILENO);
    close(fds[1]);
    return fds[0];
}

Test(log, a_thread_that_never_waits_drops_and_counts, .timeout = 10)
{
    int kept = dup(STDERR_FILENO), reader;
    char text[65536 + 1];
    ssize_t n;

    unsetenv("JOURNAL_STREAM");
    clock_set_wall_ms(0);
    reader = full_pipe();
    log_never_wait();
    log_error(NULL, "one");
    log_error(NULL, "two");
    cr_assert_not(log_has_room());
    while (read(reader, text, sizeof(text) - 1) > 0)
        ;
    cr_assert(log_has_room());
    log_error(NULL, "three");
    n = read(reader, text, sizeof(text) - 1);
    dup2(kept, STDERR_FILENO);
    cr_assert_gt(n, 0);
    text[n] = '\0';
    cr_assert_str_eq(text, "2 lines of the log were lost here\n1970-01-01T00:00:00.000Z error three\n");
}
