/* A writer changes the directory for a while; meanwhile axsync and slapd are killed again and again, at any instant. In
 * the end the target is what the directory says. AXSYNC_TEST_SEED repeats the writer's choices and the pauses (not the
 * instants, which are those of the machine). */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <ldap.h>

#include "axsync_test.h"

#define PEOPLE_N 100
#define WRITE_MS 20000
#define AXSYNC_KILLS 14      /* as many at least */

static void wait_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

/* ---- the writer --------------------------------------------------------------------------------------------- */

/* People have numbers that are never used twice, and an address of two that nobody else ever has, so that it is known
 * whose each address is. Where each one is, the writer does not need to know: what can't be done is no failure. */
struct writer {
    const char *uri, *dn, *password;
    LDAP *ld;
    unsigned seed;
    int next;          /* the first number that was not given yet */
    size_t done;
};

static bool bind_writer(struct writer *w)
{
    struct berval password = {strlen(w->password), (char *)(uintptr_t)w->password};
    int version = LDAP_VERSION3;

    if (w->ld == NULL && ldap_initialize(&w->ld, w->uri) != LDAP_SUCCESS)
        return false;
    ldap_set_option(w->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    if (ldap_sasl_bind_s(w->ld, w->dn, LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL) == LDAP_SUCCESS)
        return true;
    ldap_unbind_ext_s(w->ld, NULL, NULL);
    w->ld = NULL;
    wait_ms(20);
    return false;
}

static int modify(struct writer *w, const char *dn, int op, const char *attribute, const char *value)
{
    char *values[] = {(char *)(uintptr_t)value, NULL};
    LDAPMod mod = {.mod_op = op, .mod_type = (char *)(uintptr_t)attribute};
    LDAPMod *mods[] = {&mod, NULL};

    mod.mod_values = value ? values : NULL;
    return ldap_modify_ext_s(w->ld, dn, mods, NULL, NULL);
}

static int add(struct writer *w, int number)
{
    char dn[100], uid[20], mail[50];
    char *classes[] = {(char *)(uintptr_t)"inetOrgPerson", NULL}, *uids[] = {uid, NULL}, *mails[] = {mail, NULL};
    LDAPMod class = {LDAP_MOD_ADD, (char *)(uintptr_t)"objectClass", {classes}};
    LDAPMod cn = {LDAP_MOD_ADD, (char *)(uintptr_t)"cn", {uids}}, sn = {LDAP_MOD_ADD, (char *)(uintptr_t)"sn", {uids}};
    LDAPMod address = {LDAP_MOD_ADD, (char *)(uintptr_t)"mail", {mails}};
    LDAPMod *mods[] = {&class, &cn, &sn, &address, NULL};

    snprintf(uid, sizeof(uid), "user%06d", number);
    snprintf(dn, sizeof(dn), "uid=%s," PEOPLE, uid);
    snprintf(mail, sizeof(mail), "%s@example.com", uid);
    return ldap_add_ext_s(w->ld, dn, mods, NULL, NULL);
}

/* One change, of somebody who may be in the base or away. */
static int change(struct writer *w)
{
    int number = 1 + rand_r(&w->seed) % w->next, what = rand_r(&w->seed) % 12;
    bool away = rand_r(&w->seed) % 4 == 0;
    char dn[100], rdn[40], text[60];

    snprintf(rdn, sizeof(rdn), "uid=user%06d", number);
    snprintf(dn, sizeof(dn), "%s,%s", rdn, away ? AWAY : PEOPLE);
    snprintf(text, sizeof(text), "Number %zu", w->done);
    switch (what) {
    case 0:
    case 1:
        return add(w, w->next++);
    case 2:
        return ldap_delete_ext_s(w->ld, dn, NULL, NULL);
    case 3:
        return modify(w, dn, LDAP_MOD_DELETE, "title", NULL);
    case 4:
    case 5:
        return ldap_rename_s(w->ld, dn, rdn, away ? PEOPLE : AWAY, 0, NULL, NULL);
    case 6:
        snprintf(text, sizeof(text), "other%06d@example.com", number);
        return modify(w, dn, LDAP_MOD_REPLACE, "mail", text);
    case 7:
        snprintf(text, sizeof(text), "user%06d@example.com", number);
        return modify(w, dn, LDAP_MOD_REPLACE, "mail", text);
    case 8:
        return modify(w, dn, LDAP_MOD_REPLACE, "mobile", text);
    default:
        return modify(w, dn, LDAP_MOD_REPLACE, "title", text);
    }
}

static volatile sig_atomic_t writing_ends;

static void end_writing(int signal_number)
{
    (void)signal_number;
    writing_ends = 1;
}

static _Noreturn void write_on(struct writer *w)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, end_writing);
    while (!writing_ends) {
        if (w->ld == NULL && !bind_writer(w))
            continue;
        if (change(w) == LDAP_SERVER_DOWN) {
            ldap_unbind_ext_s(w->ld, NULL, NULL);
            w->ld = NULL;
        }
        w->done++;
        wait_ms(rand_r(&w->seed) % 10);
    }
    fprintf(stderr, "%zu changes, %d people\n", w->done, w->next - 1);
    _exit(0);
}

static pid_t start_writer(struct slapdtest *s, unsigned seed)
{
    struct writer w = {.uri = slapdtest_uri(s), .dn = slapdtest_rootdn(s), .password = slapdtest_rootpw(s), .seed = seed,
                       .next = PEOPLE_N + 1};
    pid_t pid = fork();

    if (pid == 0)
        write_on(&w);
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

static unsigned seed_of_today(void)
{
    const char *given = getenv("AXSYNC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);

    fprintf(stderr, "AXSYNC_TEST_SEED=%u\n", seed);
    return seed;
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
    unsigned seed = seed_of_today();
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
