/* slapd as a child process: the server itself and, by slapd -T, its tools. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "slapdtest_internal.h"

#define MAX_ARGUMENTS 24
#define NAP_MS        3

long long slapdtest_i_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void slapdtest_i_nap(unsigned ms)
{
    struct timespec nap = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&nap, NULL); /* a signal shortens it, which does no harm: the caller looks again */
}

static bool is_executable(const char *folder, size_t length, char *path, size_t size)
{
    int n = snprintf(path, size, "%.*s/slapd", (int)length, folder);

    return length > 0 && n > 0 && (size_t)n < size && access(path, X_OK) == 0;
}

/* SLAPDTEST_SLAPD, or the first in PATH, or where distributions put it: users have no sbin in PATH on Debian. */
static int find_slapd(struct slapdtest *s, char *path, size_t size)
{
    static const char *const usual[] = {"/usr/sbin", "/usr/local/sbin", "/usr/local/libexec", "/usr/libexec",
                                        "/usr/lib/openldap"};
    const char *given = getenv("SLAPDTEST_SLAPD"), *list = getenv("PATH");

    if (given != NULL && *given != '\0') {
        snprintf(path, size, "%s", given);
        if (access(path, X_OK) == 0)
            return 0;
        return slapdtest_i_fail(s, LDAP_OTHER, "SLAPDTEST_SLAPD=%s: %s", given, strerror(errno));
    }
    while (list != NULL && *list != '\0') {
        size_t length = strcspn(list, ":");

        if (is_executable(list, length, path, size))
            return 0;
        list += length + (list[length] == ':');
    }
    for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
        if (is_executable(usual[i], strlen(usual[i]), path, size))
            return 0;
    return slapdtest_i_fail(s, LDAP_OTHER, "slapd is neither in PATH nor in /usr/sbin; set SLAPDTEST_SLAPD");
}

/* Our environment with LDAPNOINIT (ldap.conf(5)), so that no ldap.conf or .ldaprc of the machine reaches syncrepl. */
static char **make_environment(void)
{
    static char no_init[] = "LDAPNOINIT=1";
    size_t n = 0;
    char **copy;

    while (environ[n] != NULL)
        n++;
    copy = calloc(n + 2, sizeof(*copy));
    if (copy != NULL) {
        memcpy(copy, environ, n * sizeof(*copy));
        copy[n] = no_init;
    }
    return copy;
}

/*
 * After fork(2), where only async-signal-safe calls are allowed as the parent may have threads. A process group of its
 * own keeps the Ctrl-C of a terminal from ending slapd before the test does; PDEATHSIG makes it end with the test
 * whatever happens.
 */
static _Noreturn void become_slapd(pid_t parent, int log, const char *path, char **argv, char **environment)
{
    sigset_t none;
    int null = open("/dev/null", O_RDONLY);

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it died before prctl(2) */
        _exit(126);
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL); /* an ignored SIGTERM would be inherited; SIGKILL and the like refuse, which is fine */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(126);
    close_range(3, ~0U, 0); /* a pipe of the test runner held open by slapd would make the runner wait */
    execve(path, argv, environment);
    _exit(127);
}

int slapdtest_i_spawn(struct slapdtest *s, const char **argv, pid_t *pid_r)
{
    char path[1024], **environment;
    pid_t parent = getpid();
    int log;

    if (find_slapd(s, path, sizeof(path)) != 0)
        return -1;
    argv[0] = path;
    log = open(s->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0)
        return slapdtest_i_fail(s, LDAP_OTHER, "open %s: %s", s->log_path, strerror(errno));
    environment = make_environment();
    *pid_r = environment != NULL ? fork() : -1;
    if (*pid_r == 0)
        become_slapd(parent, log, path, (char **)(uintptr_t)argv, environment); /* execve(2) changes nothing */
    if (*pid_r < 0)
        slapdtest_i_fail(s, LDAP_OTHER, "fork: %s", strerror(errno));
    free(environment);
    close(log);
    return *pid_r < 0 ? -1 : 0;
}

int slapdtest_i_wait(pid_t pid, long long deadline, int *status_r)
{
    for (;;) {
        pid_t got = waitpid(pid, status_r, WNOHANG);

        if (got == pid)
            return 1;
        if (got < 0 && errno != EINTR) { /* ECHILD: the program ignores SIGCHLD or reaped it; the status is lost */
            *status_r = 0;
            return 1;
        }
        if (slapdtest_i_now_ms() >= deadline)
            return 0;
        slapdtest_i_nap(NAP_MS);
    }
}

const char *slapdtest_i_status_text(int status, char *buffer, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(buffer, size, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(buffer, size, "status %d", WEXITSTATUS(status));
    return buffer;
}

int slapdtest_i_tool(struct slapdtest *s, const char *tool, const char *const *arguments)
{
    const char *argv[MAX_ARGUMENTS] = {"slapd", "-T", tool};
    char status_text[64], said[600];
    long from = slapdtest_i_log_size(s);
    size_t n = 3;
    int status;
    pid_t pid;

    while (*arguments != NULL && n + 1 < MAX_ARGUMENTS)
        argv[n++] = *arguments++;
    if (slapdtest_i_spawn(s, argv, &pid) != 0)
        return -1;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) /* no deadline: a load of a million takes its time */
        continue;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    slapdtest_i_log_line(s, from, said, sizeof(said));
    return slapdtest_i_fail(s, LDAP_OTHER, "slap%s ended with %s: %s", tool,
                            slapdtest_i_status_text(status, status_text, sizeof(status_text)), said);
}
