/* The daemon as its service manager and its operator see it. The directory is not there: what matters here does not
 * wait for one. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "support.h"

#define PATIENCE_MS 20000

struct daemon {
    char *conf, *log, *notify_path;
    int notify;
    pid_t pid;
};

static void daemon_child(const struct daemon *d)
{
    int log = open(d->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves none behind */
    dup2(log, STDERR_FILENO);
    setenv("NOTIFY_SOCKET", d->notify_path, 1);
    setenv("WATCHDOG_USEC", "400000", 1);
    unsetenv("WATCHDOG_PID");
    unsetenv("JOURNAL_STREAM");
    execl(AXSYNC_BINARY, AXSYNC_BINARY, "run", "-c", d->conf, (char *)NULL);
    _exit(127);
}

/* Waits for a notification that has these words. */
static void await_notice(const struct daemon *d, const char *words)
{
    struct pollfd p = {.fd = d->notify, .events = POLLIN};
    int64_t deadline = clock_mono_ms() + PATIENCE_MS;
    char text[1024];
    ssize_t n;

    while (clock_mono_ms() < deadline) {
        if (poll(&p, 1, 100) <= 0)
            continue;
        n = recv(d->notify, text, sizeof(text) - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        if (strstr(text, words))
            return;
    }
    cr_assert_fail("no notification '%s'", words);
}

static bool logged(const struct daemon *d, const char *words)
{
    static char text[65536];
    int fd = open(d->log, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof(text) - 1);

    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return strstr(text, words) != NULL;
}

static void await_log(const struct daemon *d, const char *words)
{
    int64_t deadline = clock_mono_ms() + PATIENCE_MS;

    while (!logged(d, words)) {
        cr_assert_lt(clock_mono_ms(), deadline, "not logged: %s", words);
        poll(NULL, 0, 20);
    }
}

static void begin(struct daemon *d)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    d->conf = test_config();
    d->log = test_path("log");
    d->notify_path = test_path("notify");
    d->notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", d->notify_path);
    cr_assert_eq(bind(d->notify, (const struct sockaddr *)&at, sizeof(at)), 0, "%s", strerror(errno));
    d->pid = fork();
    if (d->pid == 0)
        daemon_child(d);
    await_notice(d, "READY=1");
}

/* Returns the exit code. */
static int await_end(struct daemon *d)
{
    int status = 0;
    int64_t deadline = clock_mono_ms() + PATIENCE_MS;
    pid_t pid;

    while ((pid = waitpid(d->pid, &status, WNOHANG)) == 0) {
        if (clock_mono_ms() >= deadline) {
            kill(d->pid, SIGKILL);
            cr_assert_fail("the daemon does not end");
        }
        poll(NULL, 0, 5);
    }
    cr_assert_eq(pid, d->pid);
    close(d->notify);
    free(d->conf);
    free(d->log);
    free(d->notify_path);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

Test(daemon, tells_systemd_and_ends_in_time)
{
    struct daemon d;
    struct stat st;
    char *path = test_path("state/axsync.sock"), *state = test_path("state");
    int64_t asked;

    begin(&d);
    await_notice(&d, "STATUS=corp: ");
    await_notice(&d, "WATCHDOG=1");
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
    cr_assert_eq(stat(state, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0700);
    asked = clock_mono_ms();
    kill(d.pid, SIGTERM);
    kill(d.pid, SIGTERM); /* impatience does no harm */
    cr_assert_eq(await_end(&d), EX_OK);
    cr_assert_lt(clock_mono_ms() - asked, 4000, "2 s, and room for a slow machine with sanitizers");
    cr_assert_neq(stat(path, &st), 0);
    free(path);
    free(state);
}

Test(daemon, answers_while_the_directory_is_down)
{
    struct daemon d;

    begin(&d);
    await_log(&d, "127.255.255.254");
    EXPECT(EX_OK, "corp: waiting to try the directory again", NULL, "status", "-c", d.conf);
    EXPECT(EX_OK, "\"configuredMode\":\"auto\"", NULL, "status", "--json", "-c", d.conf);
    EXPECT(EX_NOUSER, NULL, "there is no hold 7", "approve", "7", "-c", d.conf);
    EXPECT(EX_OK, "cookies forgotten", NULL, "resync", "-c", d.conf);
    EXPECT(EX_TEMPFAIL, NULL, "another axsync (pid ", "run", "-c", d.conf);
    EXPECT(EX_UNAVAILABLE, NULL, "127.255.255.254", "run", "--dry-run", "-c", d.conf);
    kill(d.pid, SIGINT);
    cr_assert_eq(await_end(&d), EX_OK);
}

Test(daemon, reads_its_configuration_again)
{
    struct daemon d;
    struct run r;

    begin(&d);
    kill(d.pid, SIGHUP);
    await_log(&d, "was read again: nothing has changed");
    await_notice(&d, "RELOADING=1");
    await_notice(&d, "READY=1");
    free(test_file("axsync.conf", "bogus = 1\n"));
    kill(d.pid, SIGHUP);
    await_log(&d, "axsync.conf:1: ");
    await_log(&d, "the configuration stays as it was");
    free(d.conf);
    d.conf = test_config();
    run_axsync(&r, (const char *const[]){"status", "-c", d.conf, NULL});
    cr_assert_eq(r.code, EX_OK, "%s", r.err);
    run_free(&r);
    kill(d.pid, SIGTERM);
    cr_assert_eq(await_end(&d), EX_OK);
}

/* A configuration that takes its time to be read. */
#define LONG_CONFIG_BYTES ((size_t)4 << 20)   /* the most that is read */

static char *write_long_config(void)
{
    char *path = test_path("long.conf"), *text = mem_alloc(LONG_CONFIG_BYTES);
    FILE *f = fopen(path, "w");

    memset(text, '\n', LONG_CONFIG_BYTES);
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(text, 1, LONG_CONFIG_BYTES, f), LONG_CONFIG_BYTES);
    fclose(f);
    free(text);
    return path;
}

static int end_while_it_reads(const char *option, int sig)
{
    char *conf = write_long_config();
    int watch = inotify_init1(IN_CLOEXEC), status;
    struct pollfd opened = {.fd = watch, .events = POLLIN};
    pid_t pid;

    inotify_add_watch(watch, conf, IN_OPEN);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(AXSYNC_BINARY, AXSYNC_BINARY, "run", "-c", conf, option, (char *)NULL);
        _exit(127);
    }
    cr_assert_eq(poll(&opened, 1, PATIENCE_MS), 1, "it does not open its configuration");
    kill(pid, sig);
    waitpid(pid, &status, 0);
    close(watch);
    free(conf);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

Test(daemon, ends_before_it_has_begun)
{
    cr_assert_eq(end_while_it_reads(NULL, SIGTERM), EX_OK);
    cr_assert_eq(end_while_it_reads(NULL, SIGINT), EX_OK);
    cr_assert_eq(end_while_it_reads("--once", SIGTERM), EX_TEMPFAIL, "nothing was got in sync");
}
