/* The first refresh of a large directory, durable and with the sink's file written, against `ldapsearch -E sync=ro` on the
 * same slapd, in turn, in one run: bench_refresh [ACCOUNTS [ROUNDS]]. Prints both times, their ratio pair by pair, and
 * axsync's peak of private memory (RssAnon of proc(5), sampled). Accounts are made by slapdtest_people_ldif().
 *
 * Then restarts with nothing new: from exec until the log says "in sync", beside the start of `axsync --version`, which is what a
 * process costs here, and `ldapsearch` of one entry, which connects, binds and asks once. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "slapdtest.h"

#define RESTARTS 21

static char folder[256];

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_refresh: %s: %s\n", what, why);
    exit(1);
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* RssAnon in KiB, 0 when the process is gone. */
static long private_kib(pid_t pid)
{
    char path[64], line[256];
    long kib = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    f = fopen(path, "r");
    if (f == NULL)
        return 0;
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "RssAnon: %ld", &kib) == 1)
            break;
    fclose(f);
    return kib;
}

/* Runs a command with its output thrown away. Returns seconds; *peak_kib: private memory. */
static double run(const char *const argv[], const char *log, long *peak_kib)
{
    double began = now(), seconds;
    pid_t pid = fork();
    int status, ended;

    if (pid < 0)
        die("fork", strerror(errno));
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR), err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        dup2(null, 0);
        dup2(null, 1);
        dup2(err, 2);
        execvp(argv[0], (char *const *)argv);   /* it changes none of them: exec(3p), rationale */
        _exit(127);
    }
    *peak_kib = 0;
    ended = (int)syscall(SYS_pidfd_open, pid, 0);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        long kib = private_kib(pid);

        if (kib > *peak_kib)
            *peak_kib = kib;
        poll(&(struct pollfd){ .fd = ended, .events = POLLIN }, 1, 20);   /* the sampling interval of the memory curve */
    }
    seconds = now() - began;
    close(ended);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "bench_refresh: %s ended with status %d; see %s\n", argv[0], status, log);
        exit(1);
    }
    return seconds;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Starts the daemon. Returns the seconds until it is in sync; it is ended afterwards. */
static double restart(const char *conf)
{
    double began = now(), seconds = -1;
    char line[1024];
    int ends[2], status;
    pid_t pid;
    FILE *log;

    if (pipe2(ends, O_CLOEXEC) != 0 || (pid = fork()) < 0)
        die("fork", strerror(errno));
    if (pid == 0) {
        dup2(ends[1], 2);
        execl(AXSYNC_BINARY, AXSYNC_BINARY, "run", "-c", conf, (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    log = fdopen(ends[0], "r");
    while (log && seconds < 0 && fgets(line, sizeof(line), log))
        if (strstr(line, ": in sync with "))
            seconds = now() - began;
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    if (log)
        fclose(log);
    if (seconds < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("axsync run", "did not get in sync, or did not end well");
    return seconds;
}

static void print_times(const char *what, double *seconds)
{
    qsort(seconds, RESTARTS, sizeof(*seconds), by_value);
    printf("%-28s %8.1f %8.1f %8.1f\n", what, seconds[0] * 1000, seconds[RESTARTS / 2] * 1000,
           seconds[RESTARTS - 1] * 1000);
}

static void restarts(const char *conf, const char *const one_entry[], const char *log)
{
    const char *version[] = { AXSYNC_BINARY, "--version", NULL };
    double in_sync[RESTARTS], process[RESTARTS], search[RESTARTS];
    long ignored;

    for (int i = 0; i < RESTARTS; i++) {
        in_sync[i] = restart(conf);
        process[i] = run(version, log, &ignored);
        search[i] = run(one_entry, log, &ignored);
    }
    printf("restarts with nothing new; ms      min      p50      max\n");
    print_times("axsync run, until in sync", in_sync);
    print_times("axsync --version", process);
    print_times("ldapsearch of one entry", search);
}

static void write_configuration(const struct slapdtest *s, const char *path, const char *state, const char *out)
{
    FILE *f = fopen(path, "w");

    if (f == NULL)
        die(path, strerror(errno));
    fchmod(fileno(f), 0600);
    fprintf(f,
            "stateDir = \"%s\"\nlogLevel = \"info\"\n"
            "connector \"bench\" {\n  ldapURI = {\"%s\"}\n  bindDN = \"%s\"\n  bindPass = \"%s\"\n"
            "  accountBaseDN = \"ou=people,%s\"\n  domain = \"example.com\"\n  guard { settle = 0 }\n"
            "  sink \"journal\" { type = \"file\"  path = \"%s\" }\n}\n",
            state, slapdtest_uri(s), slapdtest_rootdn(s), slapdtest_rootpw(s), slapdtest_suffix(s), out);
    fclose(f);
}

static void remove_tree(const char *path)
{
    char command[512];

    snprintf(command, sizeof(command), "rm -rf -- '%s'", path);
    if (system(command) != 0)
        die(path, "can't be removed");
}

static long lines_of(const char *path)
{
    FILE *f = fopen(path, "r");
    long n = 0;
    int c;

    if (f == NULL)
        die(path, strerror(errno));
    while ((c = getc_unlocked(f)) != EOF)
        n += c == '\n';
    fclose(f);
    return n;
}

static struct slapdtest *start(size_t accounts)
{
    static const char *const indexes[] = { "objectClass eq", "entryUUID eq", "entryCSN eq", NULL };
    struct slapdtest_options o = { .map_size = SLAPDTEST_MAP_MILLION, .indexes = indexes, .timeout_ms = 600000 };
    char error[512], ldif[300];
    struct slapdtest *s = slapdtest_new(&o, error, sizeof(error));
    FILE *f;

    if (s == NULL)
        die("slapd", error);
    snprintf(ldif, sizeof(ldif), "%s/people.ldif", folder);
    f = fopen(ldif, "w");
    if (f == NULL || slapdtest_people_ldif(f, slapdtest_suffix(s), accounts, 1) != 0 || fclose(f) != 0)
        die(ldif, strerror(errno));
    if (slapdtest_load_file(s, ldif) != 0 || slapdtest_start(s) != 0)
        die("slapd", slapdtest_error(s));
    unlink(ldif);
    return s;
}

int main(int argc, char **argv)
{
    size_t accounts = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    int rounds = argc > 2 ? atoi(argv[2]) : 3;
    char conf[300], state[300], out[300], log[300], base[256];
    struct slapdtest *s;
    long ignored, peak;

    snprintf(folder, sizeof(folder), "%s/axsync-bench-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(folder) == NULL)
        die(folder, strerror(errno));
    s = start(accounts);
    snprintf(conf, sizeof(conf), "%s/axsync.conf", folder);
    snprintf(state, sizeof(state), "%s/state", folder);
    snprintf(out, sizeof(out), "%s/out.ndjson", folder);
    snprintf(log, sizeof(log), "%s/log", folder);
    snprintf(base, sizeof(base), "ou=people,%s", slapdtest_suffix(s));
    write_configuration(s, conf, state, out);

    const char *search[] = { "ldapsearch", "-x", "-LLL", "-H", slapdtest_uri(s), "-D", slapdtest_rootdn(s), "-w",
                       slapdtest_rootpw(s), "-b", base, "-E", "sync=ro", "(objectClass=inetOrgPerson)", NULL };
    const char *axsync[] = { AXSYNC_BINARY, "run", "-c", conf, "--once", NULL };

    printf("%zu accounts; seconds\n%12s %12s %8s %14s\n", accounts, "ldapsearch", "axsync", "ratio", "private MiB");
    for (int i = -1; i < rounds; i++) {   /* the first pair warms up */
        double a = run(search, log, &ignored), b;

        remove_tree(state);
        unlink(out);
        b = run(axsync, log, &peak);
        if (lines_of(out) != (long)accounts)
            die(out, "has not one line per account");
        if (i >= 0)
            printf("%12.3f %12.3f %8.2f %14.1f\n", a, b, b / a, (double)peak / 1024);
        fflush(stdout);
    }
    const char *one_entry[] = { "ldapsearch", "-x", "-LLL", "-H", slapdtest_uri(s), "-D", slapdtest_rootdn(s), "-w",
                                slapdtest_rootpw(s), "-b", base, "-s", "base", "1.1", NULL };
    restarts(conf, one_entry, log);
    slapdtest_free(&s);
    remove_tree(folder);
    return 0;
}
