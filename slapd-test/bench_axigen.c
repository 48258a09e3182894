/* How fast accounts are made on an Axigen server: bench_axigen ACCOUNTS [ROUND_TRIP_MS [DEPTH…]]. A slapd with so many
 * people, the emulator of Axigen's CLI as far away as told (1 ms), and `axsync run --once` into an empty server: with
 * pipelineDepth = 64 and 1, or as told. The emulator counts round trips and commands. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "emulator.h"
#include "slapdtest.h"

static char folder[256];

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_axigen: %s: %s\n", what, why);
    exit(1);
}

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void remove_tree(const char *path)
{
    char command[512];

    snprintf(command, sizeof(command), "rm -rf -- '%s'", path);
    if (system(command) != 0)
        die(path, "can't be removed");
}

static FILE *new_file(const char *path)
{
    FILE *f = fopen(path, "w");

    if (f == NULL)
        die(path, strerror(errno));
    fchmod(fileno(f), 0600);
    return f;
}

static struct slapdtest *start(size_t accounts)
{
    static const char *const indexes[] = {"objectClass eq", "entryUUID eq", "entryCSN eq", NULL};
    struct slapdtest_options o = {.map_size = SLAPDTEST_MAP_MILLION, .indexes = indexes, .timeout_ms = 600000};
    char error[512], ldif[300];
    struct slapdtest *s = slapdtest_new(&o, error, sizeof(error));
    FILE *f;

    if (s == NULL)
        die("slapd", error);
    snprintf(ldif, sizeof(ldif), "%s/people.ldif", folder);
    f = new_file(ldif);
    if (slapdtest_people_ldif(f, slapdtest_suffix(s), accounts, 1) != 0 || fclose(f) != 0)
        die(ldif, strerror(errno));
    if (slapdtest_load_file(s, ldif) != 0 || slapdtest_start(s) != 0)
        die("slapd", slapdtest_error(s));
    unlink(ldif);
    return s;
}

static void configure(const char *conf, const char *state, const struct slapdtest *s, const struct emulator *e, int depth)
{
    char secret[300];
    FILE *f;

    snprintf(secret, sizeof(secret), "%s/secret", folder);
    f = new_file(secret);
    fputs("secret\n", f);
    fclose(f);
    f = new_file(conf);
    fprintf(f,
            "stateDir = \"%s\"\nconnector \"bench\" {\n  ldapURI = {\"%s\"}\n  bindDN = \"%s\"\n  bindPass = \"%s\"\n"
            "  accountBaseDN = \"ou=people,%s\"\n  domain = \"example.com\"\n  guard { settle = 0 }\n"
            "  sink \"mail\" { type = \"axigen\"  port = %u  passwordFile = \"%s\"  pipelineDepth = %d }\n}\n",
            state, slapdtest_uri(s), slapdtest_rootdn(s), slapdtest_rootpw(s), slapdtest_suffix(s), emulator_port(e), secret,
            depth);
    fclose(f);
}

static double run(const char *conf)
{
    const char *words[] = {AXSYNC_BINARY, "run", "-c", conf, "--once", NULL};
    char log[300];
    double begun = now();
    pid_t pid = fork();
    int status;

    snprintf(log, sizeof(log), "%s/log", folder);
    if (pid == 0) {
        if (freopen(log, "a", stderr) == NULL)
            _exit(126);
        execv(AXSYNC_BINARY, (char *const *)(uintptr_t)words);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "bench_axigen: axsync failed; see %s\n", log);
        exit(1);
    }
    return now() - begun;
}

/* Into an empty server. Gives the seconds. */
static double measure(const struct slapdtest *s, size_t accounts, const char *round_trip, int depth)
{
    const char *const switches[] = {"--domain", "example.com", "--round-trip", round_trip, NULL};
    struct emulator *e = emulator_start(switches);
    char conf[300], state[300];
    double seconds;

    snprintf(conf, sizeof(conf), "%s/axsync.conf", folder);
    snprintf(state, sizeof(state), "%s/state", folder);
    configure(conf, state, s, e, depth);
    seconds = run(conf);
    if (emulator_counter(e, "accountsAdded") != (long)accounts || emulator_counter(e, "refused") != 0)
        die("the mail server", "has not one account for each person");
    printf("%13d %9.2f %11.0f %20.3f %17.3f\n", depth, seconds, (double)accounts / seconds,
           (double)emulator_counter(e, "roundTrips") / (double)accounts,
           (double)emulator_counter(e, "commands") / (double)accounts);
    fflush(stdout);
    emulator_stop(&e);
    remove_tree(state);
    return seconds;
}

int main(int argc, char **argv)
{
    size_t accounts = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    const char *round_trip = argc > 2 ? argv[2] : "1";
    static const char *const usual[] = {"64", "1"};
    const char *const *depths = argc > 3 ? (const char *const *)argv + 3 : usual;
    int n = argc > 3 ? argc - 3 : 2;
    double first = 0, seconds;
    struct slapdtest *s;

    snprintf(folder, sizeof(folder), "%s/axsync-bench-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (mkdtemp(folder) == NULL)
        die(folder, strerror(errno));
    s = start(accounts);
    printf("%zu accounts, a round trip takes %s ms\n", accounts, round_trip);
    printf("pipelineDepth   seconds  accounts/s  round trips/account  commands/account\n");
    for (int i = 0; i < n; i++) {
        seconds = measure(s, accounts, round_trip, atoi(depths[i]));
        if (i == 0)
            first = seconds;
        else
            printf("%s takes %.1f times as long as %s\n", depths[i], seconds / first, depths[0]);
    }
    slapdtest_free(&s);
    remove_tree(folder);
    return 0;
}
