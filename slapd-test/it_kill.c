/* A writer changes the directory for a while; meanwhile axsync and slapd are killed again and again, at any instant. In
 * the end the target is what the directory says. AXSYNC_TEST_SEED repeats the writer's choices and the pauses (not the
 * instants, which are those of the machine). */
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "axsync_life.h"
#include "axsync_test.h"

#define PEOPLE_N 100
#define WRITE_MS 20000
#define AXSYNC_KILLS 14      /* as many at least */

static void wait_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

/* ---- the writer ---------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t writing_ends;

static void end_writing(int signal_number)
{
    (void)signal_number;
    writing_ends = 1;
}

static _Noreturn void write_on(struct life *l)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, end_writing);
    while (!writing_ends)
        wait_ms(life_change(l) ? rand_r(&l->seed) % 10 : 20);
    fprintf(stderr, "%zu changes, %d people\n", l->done, l->next - 1);
    _exit(0);
}

static pid_t start_writer(struct slapdtest *s, unsigned seed)
{
    struct life l;
    pid_t pid = fork();

    life_init(&l, s, PEOPLE_N, seed);
    if (pid == 0)
        write_on(&l);
    return pid;
}

/* ---- the killer --------------------------------------------------------------------------------------------- */

static void kill_server(struct axsync *a)
{
    DO(a, slapdtest_kill(a->server));
    DO(a, slapdtest_start(a->server));
}

/* For a while, and often enough on a machine that has other things to do: each time after a pause from nothing, in which axsync has hardly started, to what a
 * refresh and some changes take. */
static size_t kill_until(struct axsync *a, pid_t writer, unsigned *seed)
{
    int64_t until = axsync_now_ms() + WRITE_MS;
    size_t kills = 0;
    int status;

    while (axsync_now_ms() < until || kills < AXSYNC_KILLS) {
        wait_ms(rand_r(seed) % (rand_r(seed) % 2 ? 300 : 2500));
        axsync_kill(a);
        kills++;
        if (kills % 4 == 0)
            kill_server(a);
        axsync_start(a);
    }
    kill(writer, SIGTERM);
    waitpid(writer, &status, 0);
    CHECK(a, status == 0, "the writer failed");
    return kills;
}

static void check_end(struct axsync *a)
{
    json_t *dump, *directory = directory_accounts(a->server, NULL, 1);
    char *difference;
    size_t lines = a->target.lines;

    axsync_stop(a);
    CHECK(a, axsync_command(a, "run", "--once", NULL) == EX_OK, "run --once: %s", a->err);
    axsync_read_output(a);
    CHECK(a, a->target.lines == lines, "a run afterwards made %zu lines", a->target.lines - lines);
    dump = axsync_dump(a);
    difference = target_difference(dump, directory);
    CHECK(a, difference == NULL, "dump: %s", difference);
    json_decref(dump);
    json_decref(directory);
}

/* The guard is off: a writer like this one is what it is there for. All entries are compared every few seconds, since a
 * slapd that crashes with a session log forgets deletions (guard/server_crashed_and_lost_a_deletion). */
static void survives(unsigned sessionlog)
{
    struct slapdtest_options options = {.dbnosync = true, .sessionlog = sessionlog};
    struct axsync *a = axsync_new(run_company(&options, PEOPLE_N),
                                  "reconcileInterval = 5\n"
                                  "guard { settle = 1 maxDeletes = 0 maxDeletePercent = 0 maxClears = 0 "
                                  "maxClearPercent = 0 }\n");
    unsigned seed = life_seed();
    size_t kills;

    axsync_start(a);
    kills = kill_until(a, start_writer(a->server, seed), &seed);
    /* slapd may have forgotten its newest CSN in a crash, and then waits for the next one. */
    DO(a, slapdtest_add(a->server, "uid=last," PEOPLE, "objectClass: inetOrgPerson\ncn: l\nsn: l\nmail: last@example.com\n"));
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    check_end(a);
    fprintf(stderr, "%zu kills, %zu lines\n", kills, a->target.lines);
    end_company(&a);
}

Test(kill, at_any_instant_with_a_session_log, .timeout = 280)
{
    survives(100000);
}

Test(kill, at_any_instant_with_present_phases, .timeout = 280)
{
    survives(0);
}
