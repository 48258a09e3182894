/* The program, the server that it writes to, or both are killed, at any instant and at each step of the sink. In the end
 * the server has what the directory says, and no mailbox has gone to somebody else. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <ldap.h>

#include "axsync_axigen.h"
#include "axsync_internal.h"
#include "axsync_test.h"

#define RETENTION "  retention = 3"

/* ---- whose mail it is ------------------------------------------------------------------------------------------ */

/* People have a number that nobody else ever has, in each address of theirs: "user000007", "other000007". What an
 * account was made for stands in its mail for ever, so that the number there is that of who has it now. A retired one
 * has the uuid in its name, and the number of whoever that was. */
static void check_mail(struct axsync *a, const char *name, const char *mail)
{
    const char *made = strstr(mail, " of ");

    if (strncmp(name, "axsync-", 7) == 0)
        return;
    CHECK(a, made != NULL && strlen(name) == strlen("user000000") + (*name == 'o'), "what is account %s, with %s?", name,
          mail);
    made += strlen(" of ");
    made += strspn(made, "abcdefghijklmnopqrstuvwxyz");
    CHECK(a, strncmp(made, name + strspn(name, "abcdefghijklmnopqrstuvwxyz"), 6) == 0, "%s has the %s", name, mail);
}

static void check_owners(struct stage *s)
{
    json_t *dump = emulator_dump(s->e), *account;
    json_t *domain = json_object_get(json_object_get(dump, "domains"), "example.com");
    const char *name;

    json_object_foreach(json_object_get(domain, "accounts"), name, account)
        check_mail(s->a, name, axsync_text(account, "mail"));
    json_decref(dump);
}

static void stop_and_check(struct stage *s)
{
    struct slapdtest *server = s->a->server;
    long commits;

    stage_await_mailboxes(s);
    stage_await_number(s, "due", 0);
    axsync_await_settled(s->a);
    stage_await_mailboxes(s);
    check_owners(s);
    CHECK(s->a, stage_number(s, "parked") == 0, "something is parked");
    axsync_stop(s->a);
    commits = emulator_counter(s->e, "commits");
    CHECK(s->a, axsync_command(s->a, "run", "--once", NULL) == EX_OK, "run --once: %s", s->a->err);
    CHECK(s->a, emulator_counter(s->e, "commits") == commits, "a run afterwards wrote something");
    stage_free(&s);
    slapdtest_free(&server);
}

/* ---- at any instant -------------------------------------------------------------------------------------------- */

#define PEOPLE_N 30
#define CHANGES 400
#define BATCH 8        /* changes between two kills */

static int modify(LDAP *ld, const char *dn, int op, const char *attribute, const char *value)
{
    char *values[] = {(char *)(uintptr_t)value, NULL};
    LDAPMod mod = {.mod_op = op, .mod_type = (char *)(uintptr_t)attribute};
    LDAPMod *mods[] = {&mod, NULL};

    mod.mod_values = value ? values : NULL;
    return ldap_modify_ext_s(ld, dn, mods, NULL, NULL);
}

struct writer {
    LDAP *ld;
    struct slapdtest *server;
    unsigned seed;
    int next, done;
};

static void add(struct writer *w)
{
    int number = w->next++;

    slapdtest_ldif_f(w->server,
                     "dn: uid=user%06d," PEOPLE "\nobjectClass: inetOrgPerson\nuid: user%06d\ncn: x\nsn: Number %d\n"
                     "mail: user%06d@example.com\n",
                     number, number, number, number);
}

/* Of somebody who may be there, away, or gone: then nothing happens. */
static void change(struct writer *w)
{
    int number = 1 + rand_r(&w->seed) % (w->next - 1), what = rand_r(&w->seed) % 12;
    bool away = rand_r(&w->seed) % 4 == 0;
    char dn[100], rdn[40], text[60];

    snprintf(rdn, sizeof(rdn), "uid=user%06d", number);
    snprintf(dn, sizeof(dn), "%s,%s", rdn, away ? AWAY : PEOPLE);
    snprintf(text, sizeof(text), "Number %d", w->done++);
    if (what <= 1)
        add(w);
    else if (what == 2)
        ldap_delete_ext_s(w->ld, dn, NULL, NULL);
    else if (what == 3)
        modify(w->ld, dn, LDAP_MOD_DELETE, "title", NULL);
    else if (what == 4)
        ldap_rename_s(w->ld, dn, rdn, away ? PEOPLE : AWAY, 0, NULL, NULL);
    else if (what <= 6) {
        snprintf(text, sizeof(text), what == 5 ? "other%06d@example.com" : "user%06d@example.com", number);
        modify(w->ld, dn, LDAP_MOD_REPLACE, "mail", text);
    } else if (what == 7) {
        snprintf(text, sizeof(text), "alias%d.%06d", rand_r(&w->seed) % 3, number);
        modify(w->ld, dn, rand_r(&w->seed) % 2 ? LDAP_MOD_ADD : LDAP_MOD_DELETE, "carLicense", text);
    } else
        modify(w->ld, dn, LDAP_MOD_REPLACE, what == 8 ? "mobile" : "title", text);
}

static void wait_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* After a pause as long as some commands take, or as a restart does: the instant is what is random here. */
static void kill_one(struct stage *s, unsigned *seed)
{
    int what = rand_r(seed) % 3;

    wait_ms(rand_r(seed) % (rand_r(seed) % 2 ? 60 : 500));
    if (what != 0) {
        emulator_kill(s->e);
        emulator_restart(s->e, NULL);
    }
    if (what != 1) {
        axsync_kill(s->a);
        axsync_start(s->a);
    }
}

static unsigned seed_of_today(void)
{
    const char *given = getenv("AXSYNC_TEST_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : 1;

    fprintf(stderr, "AXSYNC_TEST_SEED=%u\n", seed);
    return seed;
}

static void survives(const char *keys)
{
    struct slapdtest *server = run_company(&QUICK_SERVER, PEOPLE_N);
    struct stage *s = stage_new(server, keys,
                                "maxRetryInterval = 1\n"
                                "guard { settle = 1 maxDeletes = 0 maxDeletePercent = 0 maxClears = 0 "
                                "maxClearPercent = 0 }\n");
    struct writer w = {.server = server, .seed = seed_of_today(), .next = PEOPLE_N + 1};
    unsigned seed = w.seed;
    size_t kills = 0;

    axsync_expect_error(s->a, "trying again in");
    DO(s->a, slapdtest_connect(server, slapdtest_rootdn(server), NULL, &w.ld));
    axsync_start(s->a);
    while (w.done < CHANGES) {
        for (int i = 0; i < BATCH; i++)
            change(&w);
        kill_one(s, &seed);
        kills++;
        if (kills % 10 == 0)
            check_owners(s);
    }
    ldap_unbind_ext_s(w.ld, NULL, NULL);
    fprintf(stderr, "%d changes, %d people, %zu kills\n", w.done, w.next - 1, kills);
    stop_and_check(s);
}

Test(axigen_kill, at_any_instant, .timeout = 200)
{
    survives(RETENTION);
}

Test(axigen_kill, at_any_instant_one_command_at_a_time, .timeout = 200)
{
    survives("pipelineDepth = 1" RETENTION);
}

#ifdef AXSYNC_STEPS

/* ---- at each step ---------------------------------------------------------------------------------------------- */

#define WORKERS 4
#define OFTEN 3         /* so many times of each step, spread over the run */
#define MAX_KILLS 100
#define ACCOUNTS 8

#define STEP(name)
#define AXIGEN_STEP(name) #name,
static const char *const names[] = {
#include "step.def"
};
#undef STEP
#undef AXIGEN_STEP
#define NAMES (sizeof(names) / sizeof(*names))

static void put_person(FILE *out, const char *tree, int number, const char *more)
{
    fprintf(out,
            "dn: uid=user%06d,ou=people,%s\nobjectClass: inetOrgPerson\nuid: user%06d\ncn: x\nsn: Number %d\n"
            "mail: user%06d@example.com\n%s\n",
            number, tree, number, number, number, more);
}

static void put_directory(FILE *out, const char *tree)
{
    fprintf(out, "dn: %s\nobjectClass: organizationalUnit\n\n", tree);
    fprintf(out, "dn: ou=people,%s\nobjectClass: organizationalUnit\n\n", tree);
    fprintf(out, "dn: ou=away,%s\nobjectClass: organizationalUnit\n\n", tree);
    for (int i = 1; i <= ACCOUNTS; i++)
        put_person(out, tree, i, i == 1 ? "title: Clerk\ncarLicense: a1\n" : "title: Clerk\n");
}

/* Of all sorts; a rename there and back among them, a leave, a deletion, somebody new. */
static void put_changes(FILE *out, const char *tree)
{
    static const char *const modifications[][2] = {
        {"1", "replace: title\ntitle: Chief\n"},
        {"1", "replace: carLicense\ncarLicense: b1\n"},
        {"2", "replace: mail\nmail: other000002@example.com\n"},
        {"3", "replace: mail\nmail: other000003@example.com\n"},
        {"3", "replace: mail\nmail: user000003@example.com\n"},
    };

    for (size_t i = 0; i < sizeof(modifications) / sizeof(*modifications); i++)
        fprintf(out, "dn: uid=user00000%s,ou=people,%s\nchangetype: modify\n%s-\n\n", modifications[i][0], tree,
                modifications[i][1]);
    fprintf(out, "dn: uid=user000004,ou=people,%s\nchangetype: delete\n\n", tree);
    fprintf(out, "dn: uid=user000005,ou=people,%s\nchangetype: modrdn\nnewrdn: uid=user000005\ndeleteoldrdn: 0\n"
                 "newsuperior: ou=away,%s\n\n", tree, tree);
    put_person(out, tree, ACCOUNTS + 1, "");
}

static void apply(struct slapdtest *server, int number, void (*put)(FILE *out, const char *tree))
{
    char tree[64], *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    snprintf(tree, sizeof(tree), "ou=run%d," SUFFIX, number);
    put(out, tree);
    fclose(out);
    if (slapdtest_ldif(server, text) != 0) {
        fprintf(stderr, "%s\n", slapdtest_error(server));
        abort();
    }
    free(text);
}

struct end {
    struct stage *s;
    char *base;
    bool killed;           /* it came */
    long removed;          /* so many accounts will have been removed */
    int64_t deadline;
};

/* The server has what the directory says, and nothing is due any more. A daemon that was killed is started again. */
static bool is_there(struct axsync *a, void *ctx)
{
    struct end *end = ctx;
    struct directory_view view = {.base = end->base, .aliases = "carLicense"};
    json_t *should, *is;
    char *difference;
    int status;

    if (!end->killed && axsync_has_ended(a, &status)) {
        CHECK(a, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the daemon ended with wait status 0x%x", status);
        end->killed = true;
        a->may_end = false;
        axsync_setenv(a, "AXSYNC_STEP_KILL", NULL);
        axsync_start(a);
    }
    should = directory_accounts(a->server, &view, 0);
    is = stage_mailboxes(end->s);
    difference = target_difference(is, should);
    json_decref(should);
    json_decref(is);
    CHECK(a, difference == NULL || axsync_now_ms() < end->deadline, "killed: %d; %s", end->killed, difference);
    free(difference);
    return difference == NULL && emulator_counter(end->s->e, "accountsRemoved") >= end->removed &&
           axsync_is_settled(a, true) && axsync_is_settled(a, true) && stage_number(end->s, "due") == 0;
}

static void reach(struct end *end)
{
    end->deadline = axsync_now_ms() + AXSYNC_PATIENCE_MS - 5000;
    end->s->a->may_end = !end->killed;
    axsync_await(end->s->a, "the end, or the kill", is_there, end);
}

/* One run, in a subtree of its own. kill_at NULL: left alone, with its steps in the file `steps`. Gives whether it was
 * killed. */
static bool run(struct slapdtest *server, int number, const char *kill_at, const char *steps)
{
    char *base = axsync_i_text("ou=people,ou=run%d," SUFFIX, number);
    char *overrides = axsync_i_text("accountBaseDN = \"%s\"\nguard { settle = 0 maxDeletePercent = 0 maxClearPercent = 0 }\n"
                                    "deleteGrace = 0\n", base);
    struct stage *s;
    struct end end = {.base = base, .killed = kill_at == NULL};

    apply(server, number, put_directory);
    s = end.s = stage_new(server, "retention = 1", overrides);
    s->a->worker = kill_at != NULL;
    axsync_setenv(s->a, "AXSYNC_STEP_KILL", kill_at);
    axsync_setenv(s->a, "AXSYNC_STEP_LOG", steps);
    axsync_start(s->a);
    reach(&end);
    apply(server, number, put_changes);
    end.removed = 1;
    reach(&end);
    if (!end.killed) {
        s->a->may_end = false;
        axsync_setenv(s->a, "AXSYNC_STEP_KILL", NULL);
    }
    check_owners(s);
    CHECK(s->a, stage_number(s, "parked") == 0, "something is parked");
    CHECK(s->a, emulator_counter(s->e, "accountsAdded") == ACCOUNTS + 1, "%ld accounts were made",
          emulator_counter(s->e, "accountsAdded"));
    CHECK(s->a, emulator_counter(s->e, "accountsRemoved") == 1, "%ld accounts were removed",
          emulator_counter(s->e, "accountsRemoved"));
    stage_free(&s);
    free(overrides);
    free(base);
    return end.killed;
}

struct plan {
    struct {
        const char *name;
        size_t at;
    } kills[MAX_KILLS];
    size_t n;
};

/* Of each step the first, the last, and some between. */
static void make_plan(struct plan *plan, const char *steps)
{
    size_t seen[NAMES] = {0};
    char *text = axsync_file(steps), *rest = NULL;

    for (char *name = strtok_r(text, "\n", &rest); name != NULL; name = strtok_r(NULL, "\n", &rest))
        for (size_t i = 0; i < NAMES; i++)
            seen[i] += strcmp(names[i], name) == 0;
    for (size_t i = 0; i < NAMES; i++) {
        size_t times = seen[i] < OFTEN ? seen[i] : OFTEN;

        cr_assert(seen[i] > 0, "the step %s was never reached", names[i]);
        for (size_t k = 0; k < times; k++) {
            plan->kills[plan->n].name = names[i];
            plan->kills[plan->n++].at = times == 1 ? 1 : 1 + k * (seen[i] - 1) / (times - 1);
        }
    }
    free(text);
}

/* How many of the kills of this worker came. A run is never quite the same: where more is done in one batch, a step is reached less
 * often, and then an earlier one of its name is taken. The first always comes. */
static void work(int worker, const struct plan *plan, int answer)
{
    struct slapdtest *server = run_company(&QUICK_SERVER, 0);
    unsigned char came = 0;
    int number = worker + 1;

    for (size_t i = (size_t)worker; i < plan->n; i += WORKERS) {
        bool killed = false;

        for (size_t at = plan->kills[i].at; at > 0 && !killed; at /= 2) {
            char *kill_at = axsync_i_text("%s:%zu", plan->kills[i].name, at);

            killed = run(server, number, kill_at, NULL);
            number += WORKERS;
            free(kill_at);
        }
        came += killed;
    }
    slapdtest_free(&server);
    if (write(answer, &came, 1) != 1)
        abort();
}

static size_t run_workers(const struct plan *plan)
{
    pid_t pids[WORKERS];
    unsigned char came;
    size_t sum = 0;
    int ends[2], status;

    cr_assert(pipe(ends) == 0);
    for (int i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        cr_assert(pids[i] >= 0);
        if (pids[i] == 0) {
            work(i, plan, ends[1]);
            _exit(0);
        }
    }
    for (int i = 0; i < WORKERS; i++)
        cr_assert(waitpid(pids[i], &status, 0) == pids[i] && status == 0, "a worker failed");
    for (int i = 0; i < WORKERS && read(ends[0], &came, 1) == 1; i++)
        sum += came;
    close(ends[0]);
    close(ends[1]);
    return sum;
}

Test(axigen_kill, at_each_step, .timeout = 300)
{
    struct slapdtest *server = run_company(&QUICK_SERVER, 0);
    char steps[] = "/tmp/axsync-steps-XXXXXX";
    struct plan plan = {.n = 0};
    size_t came;
    int fd = mkstemp(steps);

    cr_assert(fd >= 0);
    close(fd);
    run(server, 0, NULL, steps);
    slapdtest_free(&server);
    make_plan(&plan, steps);
    unlink(steps);
    came = run_workers(&plan);
    fprintf(stderr, "%zu kills planned, %zu came\n", plan.n, came);
    cr_assert_eq(came, plan.n, "only %zu of %zu kills came", came, plan.n);
}

#endif
