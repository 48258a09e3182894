/* What a poll costs when nothing has changed: bench_poll [ACCOUNTS [POLLS]]. CPU time of slapd and of axsync together, per poll, in
 * each polling mode; the issue asks for less than 20 ms at 100,000 accounts. In between axsync sleeps; what it does then, and the rest
 * of the second, counts too. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "slapdtest.h"

#define QUIET_S 45      /* until stamps are no news any more: SINCE_OVERLAP_S in consumer/ldap/since.h, and two polls */

static char folder[256];

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_poll: %s: %s\n", what, why);
    exit(1);
}

static void sleep_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

static double cpu_ms(pid_t pid)
{
    struct timespec t;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        die("the CPU clock of a process", strerror(errno));
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The child that is slapd. */
static pid_t slapd_of(pid_t but)
{
    char path[64];
    long pid = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", (long)getpid(), (long)getpid());
    f = fopen(path, "r");
    while (f && fscanf(f, "%ld", &pid) == 1 && pid == but)
        ;
    if (f)
        fclose(f);
    return (pid_t)pid;
}

static size_t count_in(const char *path, const char *text)
{
    char line[1024];
    size_t n = 0;
    FILE *f = fopen(path, "r");

    while (f && fgets(line, sizeof(line), f))
        n += strstr(line, text) != NULL;
    if (f)
        fclose(f);
    return n;
}

static void write_config(const char *path, struct slapdtest *s, const char *mode)
{
    FILE *f = fopen(path, "w");

    if (f == NULL)
        die(path, strerror(errno));
    fprintf(f, "stateDir = \"%s/%s\"\nlogLevel = debug\nconnector \"corp\" {\n  ldapURI = {\"%s\"}\n  bindDN = \"%s\"\n  bindPass = \"%s\"\n"
               "  accountBaseDN = \"ou=people,%s\"\n  domain = \"example.com\"\n  mode = %s\n  pollingInterval = 1\n"
               "  watchdogInterval = 0\n  sink \"journal\" { type = \"file\" path = \"%s/%s.ndjson\" }\n}\n",
            folder, mode, slapdtest_uri(s), slapdtest_rootdn(s), slapdtest_rootpw(s), slapdtest_suffix(s), mode, folder, mode);
    fclose(f);
    chmod(path, 0600);
}

static pid_t start(const char *config, const char *log)
{
    pid_t pid = fork();

    if (pid == 0) {
        if (freopen(log, "w", stderr) == NULL)
            _exit(1);
        execl(AXSYNC_BINARY, "axsync", "run", "-c", config, (char *)NULL);
        _exit(1);
    }
    return pid;
}

static void measure(const char *name, const struct slapdtest_options *options, const char *mode, size_t accounts, size_t polls)
{
    struct slapdtest *s = slapdtest_new(options, NULL, 0);
    char config[300], log[300];
    double server, client;
    pid_t axsync, slapd;
    size_t from, n;

    if (s == NULL || slapdtest_add_people(s, accounts, 1) != 0 || slapdtest_start(s) != 0)
        die("slapd", s ? slapdtest_error(s) : "it can't be made");
    snprintf(config, sizeof(config), "%s/%s.conf", folder, mode);
    snprintf(log, sizeof(log), "%s/%s.log", folder, mode);
    write_config(config, s, mode);
    axsync = start(config, log);
    slapd = slapd_of(axsync);
    while (count_in(log, "accounts and 0 groups mirrored") == 0)
        sleep_ms(200);
    sleep_ms(QUIET_S * 1000L);
    from = count_in(log, "connected to");
    server = cpu_ms(slapd);
    client = cpu_ms(axsync);
    while ((n = count_in(log, "connected to") - from) < polls)
        sleep_ms(200);
    printf("%-42s %8zu accounts: %7.2f ms slapd, %7.2f ms axsync, in %zu polls\n", name, accounts, (cpu_ms(slapd) - server) / (double)n,
           (cpu_ms(axsync) - client) / (double)n, n);
    fflush(stdout);
    kill(axsync, SIGTERM);
    waitpid(axsync, NULL, 0);
    slapdtest_free(&s);
}

int main(int argc, char **argv)
{
    static const char *const monitor[] = {"back_monitor", NULL};
    size_t accounts = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000, polls = argc > 2 ? strtoul(argv[2], NULL, 10) : 20;
    char command[300];

    snprintf(folder, sizeof(folder), "%s/bench_poll-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(folder) == NULL)
        die(folder, strerror(errno));
    measure("refresh", &(struct slapdtest_options){.dbnosync = true, .sessionlog = 1000}, "refresh", accounts, polls);
    measure("search, cn=Monitor can be read",
            &(struct slapdtest_options){.dbnosync = true, .no_syncprov = true, .modules = monitor,
                                        .extra_ldif = "dn: olcDatabase=monitor,cn=config\nobjectClass: olcMonitorConfig\n"
                                                      "olcDatabase: monitor\n\n"},
            "search", accounts, polls);
    snprintf(command, sizeof(command), "rm -rf '%s'/search*", folder);
    if (system(command) != 0)
        die(command, "failed");
    measure("search, without", &(struct slapdtest_options){.dbnosync = true, .no_syncprov = true}, "search", accounts, polls);
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : 1;
}
