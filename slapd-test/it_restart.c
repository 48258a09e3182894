/* The program is killed at each durable or outward step that it makes (consumer/base/step.def), started again, and must
 * come to the same end as one that was left alone: the same target, the same state, each seq once in the file, and
 * nothing more to do.
 *
 * One run is: a first refresh, then a list of changes of all sorts. Each run has a subtree of its own in the directory,
 * with the same people in it, so that many can follow each other on one slapd; several workers do so side by side,
 * each with its own slapd, since a run waits more than it works. If there are very many steps, those that were made
 * often in a part of a run are left out, unless AXSYNC_TEST_ALL_STEPS=1. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "axsync_test.h"

#define WORKERS 6
#define MAX_STEPS 2000
#define MANY 70        /* up to so many steps are all tried */
#define OFTEN 3        /* else so many times of each step, in each part of the run */
#define ROUNDS 3       /* of more kills for what was missed */
#define ACCOUNTS 30

/* ---- a run's people and changes ----------------------------------------------------------------------------- */

static void put_person(FILE *out, const char *tree, const char *uid, const char *mail, const char *more)
{
    fprintf(out,
            "dn: uid=%s,ou=people,%s\nobjectClass: inetOrgPerson\nuid: %s\ncn: %s\nsn: %s\nmail: %s@example.com\n%s\n",
            uid, tree, uid, uid, uid, mail, more);
}

static void put_directory(FILE *out, const char *tree)
{
    char uid[16], more[200];

    fprintf(out, "dn: %s\nobjectClass: organizationalUnit\n\n", tree);
    fprintf(out, "dn: ou=people,%s\nobjectClass: organizationalUnit\n\n", tree);
    fprintf(out, "dn: ou=away,%s\nobjectClass: organizationalUnit\n\n", tree);
    for (int i = 1; i <= ACCOUNTS; i++) {
        snprintf(uid, sizeof(uid), "p%02d", i);
        snprintf(more, sizeof(more),
                 "title: Clerk %d\nmobile: +44 7700 9000%02d\ncarLicense: a%02d\ncarLicense: b%02d\n", i, i, i, i);
        put_person(out, tree, uid, uid, more);
    }
    put_person(out, tree, "double", "p14", "title: has the address of p14\n");
    fprintf(out, "dn: uid=away,ou=away,%s\nobjectClass: inetOrgPerson\ncn: a\nsn: a\nmail: away@example.com\n\n", tree);
}

/* Whose entry is made again, as another one of the same account. */
#define AGAIN "p15"

/* What each run then goes through: `uid: change`. */
static void put_changes(FILE *out, const char *tree)
{
    static const char *const modifications[][2] = {
        {"p01", "replace: title\ntitle: Chief\n"},
        {"p02", "delete: title\n"},
        {"p03", "delete: title\n"},
        {"p03", "replace: title\ntitle: Set again\n"},
        {"p04", "replace: mail\nmail: four@example.com\n"},
        {"p06", "replace: mail\nmail: p07@example.com\n"},
        {"p07", "replace: mail\nmail: p06@example.com\n"},
        {"p11", "delete: carLicense\ncarLicense: a11\n"},
        {"p12", "delete: carLicense\n"},
        {"p13", "replace: mobile\nmobile: 1\n-\nreplace: title\ntitle: One\n"},
        {"p13", "replace: mobile\nmobile: 2\n"},
    };

    for (size_t i = 0; i < sizeof(modifications) / sizeof(*modifications); i++)
        fprintf(out, "dn: uid=%s,ou=people,%s\nchangetype: modify\n%s-\n\n", modifications[i][0], tree,
                modifications[i][1]);
    fprintf(out, "dn: uid=p05,ou=people,%s\nchangetype: modrdn\nnewrdn: uid=five\ndeleteoldrdn: 1\n\n", tree);
    for (int i = 8; i <= 9; i++)
        fprintf(out, "dn: uid=p%02d,ou=people,%s\nchangetype: delete\n\n", i, tree);
    fprintf(out, "dn: uid=p14,ou=people,%s\nchangetype: delete\n\n", tree);
    fprintf(out,
            "dn: uid=p10,ou=people,%s\nchangetype: modrdn\nnewrdn: uid=p10\ndeleteoldrdn: 0\nnewsuperior: "
            "ou=away,%s\n\n",
            tree, tree);
    fprintf(out,
            "dn: uid=away,ou=away,%s\nchangetype: modrdn\nnewrdn: uid=away\ndeleteoldrdn: 0\nnewsuperior: "
            "ou=people,%s\n\n",
            tree, tree);
    put_person(out, tree, "new", "new", "");
    fprintf(out, "dn: uid=" AGAIN ",ou=people,%s\nchangetype: delete\n\n", tree);
    put_person(out, tree, AGAIN, AGAIN, "title: Made again\n");
}

static void apply(struct slapdtest *s, int number, void (*put)(FILE *out, const char *tree))
{
    char tree[64], *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    snprintf(tree, sizeof(tree), "ou=run%d," SUFFIX, number);
    put(out, tree);
    fclose(out);
    if (slapdtest_ldif(s, text) != 0) {
        fprintf(stderr, "%s\n", slapdtest_error(s));
        abort();
    }
    free(text);
}

static struct slapdtest *run_server(unsigned sessionlog)
{
    struct slapdtest_options options = {.dbnosync = true, .sessionlog = sessionlog};
    struct slapdtest *s = slapdtest_run(&options);

    if (s == NULL || slapdtest_add_people(s, 0, 1) != 0)
        abort();
    axsync_add_reader(s);
    return s;
}

/* ---- a run -------------------------------------------------------------------------------------------------- */

/* What came of a run: tables of the target after each part, and the state without what differs between runs. */
struct end {
    json_t *part[3];   /* refresh, changes, and what an operator says to the hold that comes of them */
    json_t *dump;
};

static void free_end(struct end *end)
{
    json_decref(end->part[0]);
    json_decref(end->part[1]);
    json_decref(end->part[2]);
    json_decref(end->dump);
}

/* Other people of the same name have other UUIDs, and another subtree's name in their DN. */
static json_t *without_identity(json_t *accounts)
{
    json_t *copy = json_deep_copy(accounts), *account, *dn;
    const char *address, *text;

    json_object_foreach(copy, address, account) {
        json_object_del(account, "uuid");
        dn = json_object_get(account, "dn");
        text = json_string_value(dn);
        if (text != NULL)
            json_object_set_new(account, "dn", json_stringn(text, strcspn(text, ",")));
    }
    return copy;
}

static struct axsync *prepare(struct slapdtest *s, int number, bool worker)
{
    char overrides[300];
    struct axsync *a;

    apply(s, number, put_directory);
    snprintf(overrides, sizeof(overrides),
             "accountBaseDN = \"ou=people,ou=run%d," SUFFIX "\"\nattribute \"carLicense\" { field = \"aliases\" }\n",
             number);
    a = axsync_new(s, overrides);
    a->worker = worker;
    axsync_expect_error(a, "rebind");   /* its hold */
    return a;
}

/* The ID of the first hold that is open. */
static bool read_hold(struct axsync *a, char id[32])
{
    json_t *status = axsync_peek(a), *hold = json_array_get(json_object_get(status, "holds"), 0);
    bool open = hold != NULL;

    if (open)
        snprintf(id, 32, "%s", axsync_text(hold, "id"));
    json_decref(status);
    return open;
}

static bool has_hold(struct axsync *a, void *ctx)
{
    return read_hold(a, ctx);
}

static bool has_no_hold(struct axsync *a, void *ctx)
{
    char id[32];

    (void)ctx;
    return axsync_is_settled(a, true) && !read_hold(a, id);
}

/* Nothing is left to be done: a run makes no line, and ends with 0. */
static void check_rest(struct axsync *a)
{
    size_t lines;
    int code;

    axsync_read_output(a);
    lines = a->target.lines;
    code = axsync_command(a, "run", "--once", NULL);
    CHECK(a, code == EX_OK, "run --once afterwards ended with %d", code);
    axsync_read_output(a);
    CHECK(a, a->target.lines == lines, "a run afterwards made %zu lines", a->target.lines - lines);
}

static void finish(struct axsync *a, struct end *end)
{
    json_t *dump = axsync_dump(a);

    end->dump = without_identity(dump);
    json_decref(dump);
    check_rest(a);
}

/* ---- undisturbed -------------------------------------------------------------------------------------------- */

static size_t count_lines(const char *path)
{
    char *text = axsync_file(path);
    size_t n = 0;

    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        n++;
    free(text);
    return n;
}

/* A run that is left alone, with the steps it makes in the file steps; *first_part: how many of them in the refresh. */
static void run_undisturbed(struct slapdtest *s, struct end *end, const char *steps, size_t *first_part)
{
    struct axsync *a = prepare(s, 0, false);
    char id[32];

    axsync_setenv(a, "AXSYNC_STEP_LOG", steps);
    axsync_start(a);
    axsync_await_settled(a);
    end->part[0] = without_identity(a->target.accounts);
    *first_part = count_lines(steps);
    apply(s, 0, put_changes);
    axsync_await_settled(a);
    end->part[1] = without_identity(a->target.accounts);
    axsync_await(a, "the new entry is held", has_hold, id);
    CHECK(a, axsync_command(a, "approve", id, NULL) == EX_OK, "approve: %s", a->err);
    axsync_await(a, "what was approved is out", has_no_hold, NULL);
    axsync_await_settled(a);
    end->part[2] = without_identity(a->target.accounts);
    axsync_stop(a);
    axsync_setenv(a, "AXSYNC_STEP_LOG", NULL);
    finish(a, end);
    axsync_free(&a);
}

/* ---- killed ------------------------------------------------------------------------------------------------- */

/* The daemon is in sync, or the kill came. */
struct moment {
    json_t *accounts;      /* what the target will be */
    bool killed;
};

static bool target_is(struct axsync *a, json_t *accounts)
{
    json_t *now;
    bool is;

    axsync_read_output(a);
    now = without_identity(a->target.accounts);
    is = json_equal(now, accounts);
    json_decref(now);
    return is;
}

static bool has_been_killed(struct axsync *a, struct moment *m)
{
    int status;

    if (!a->may_end || !axsync_has_ended(a, &status))
        return false;
    CHECK(a, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the daemon ended with wait status 0x%x", status);
    m->killed = true;
    return true;
}

static bool came_to_it(struct axsync *a, void *ctx)
{
    struct moment *m = ctx;

    if (has_been_killed(a, m))
        return true;
    return target_is(a, m->accounts) && axsync_is_settled(a, true);
}

static void revive(struct axsync *a)
{
    axsync_setenv(a, "AXSYNC_STEP_KILL", NULL);
    axsync_start(a);
}

/* Until the target is what it must be, with another start if the kill comes. */
static void reach(struct axsync *a, json_t *accounts, bool *killed)
{
    struct moment m = {.accounts = accounts};
    char *difference;

    a->may_end = !*killed;
    axsync_await(a, "the kill, or the target that the undisturbed run had", came_to_it, &m);
    a->may_end = false;
    if (!m.killed)
        return;
    *killed = true;
    revive(a);
    axsync_await_settled(a);
    if (!target_is(a, accounts)) {
        difference = target_difference(a->target.accounts, accounts);   /* UUIDs differ: people know what to look at */
        FAIL(a, "after the kill the target is another one: %s", difference);
    }
}

/* The operator says his word as long as it is asked for: the kill can come before it, with it, or after it. */
static bool is_approved(struct axsync *a, void *ctx)
{
    struct moment *m = ctx;
    char id[32];

    if (has_been_killed(a, m))
        return true;
    if (read_hold(a, id))
        axsync_command(a, "approve", id, NULL);
    return target_is(a, m->accounts) && axsync_is_settled(a, true);
}

static void approve(struct axsync *a, json_t *accounts, bool *killed)
{
    struct moment m = {.accounts = accounts};

    a->may_end = !*killed;
    axsync_await(a, "the kill, or what was approved is out", is_approved, &m);
    a->may_end = false;
    if (!m.killed)
        return;
    *killed = true;
    m.killed = false;
    revive(a);
    axsync_await(a, "what was approved is out", is_approved, &m);
}

/* Stops it, unless the stop is what it is killed at. */
static void stop(struct axsync *a, struct end *end, bool *killed)
{
    int status;

    kill(a->pid, SIGTERM);
    status = axsync_await_end(a);
    if (!*killed && WIFSIGNALED(status)) {
        *killed = true;
        revive(a);
        reach(a, end->part[2], killed);
        axsync_stop(a);
        return;
    }
    CHECK(a, status == 0, "the daemon ended with wait status 0x%x", status);
}

static void check_end(struct axsync *a, struct end *should)
{
    struct end is = {0};
    char *difference;

    finish(a, &is);
    difference = target_difference(is.dump, should->dump);
    CHECK(a, difference == NULL, "dump: %s", difference);
    free_end(&is);
}

/* Where to kill: the N-th time that a step is reached. Timing decides how the steps interleave, so that a number among
 * all of them would mean another one in the next run. */
struct point {
    const char *name;
    size_t nth;
};

/* One run with a kill at that point; whether it came is added to the file `hit`. */
static void run_killed(struct slapdtest *s, int number, const struct point *point, struct end *should, FILE *hit)
{
    struct axsync *a = prepare(s, number, true);
    char text[80];
    bool killed = false;

    snprintf(text, sizeof(text), "%s:%zu", point->name, point->nth);
    axsync_setenv(a, "AXSYNC_STEP_KILL", text);
    axsync_start(a);
    reach(a, should->part[0], &killed);
    apply(s, number, put_changes);
    reach(a, should->part[1], &killed);
    approve(a, should->part[2], &killed);
    stop(a, should, &killed);
    check_end(a, should);
    fprintf(hit, "%s %s %zu\n", killed ? "killed" : "missed", point->name, point->nth);
    fflush(hit);
    axsync_free(&a);
}

/* ---- workers ------------------------------------------------------------------------------------------------ */

struct plan {
    struct point points[MAX_STEPS];
    size_t n;
};

/* Half of the workers have a slapd that resumes by its session log, half one that lists who is present. */
static void work(int worker, const struct plan *plan, struct end *should, const char *hit_path)
{
    struct slapdtest *s = run_server(worker % 2 ? 10000 : 0);
    FILE *hit = fopen(hit_path, "ae");

    for (size_t i = (size_t)worker; i < plan->n; i += WORKERS)
        run_killed(s, (int)i + 1, &plan->points[i], should, hit);
    fclose(hit);
    slapdtest_free(&s);
}

static bool run_workers(const struct plan *plan, struct end *should, const char *hit_path)
{
    pid_t pids[WORKERS];
    bool ok = true;
    int status;

    for (int i = 0; i < WORKERS; i++) {
        pids[i] = fork();
        cr_assert(pids[i] >= 0);
        if (pids[i] == 0) {
            work(i, plan, should, hit_path);
            _exit(0);
        }
    }
    for (int i = 0; i < WORKERS; i++)
        ok = waitpid(pids[i], &status, 0) == pids[i] && status == 0 && ok;
    return ok;
}

/* ---- which steps -------------------------------------------------------------------------------------------- */

#define STEP(name) #name,
#define AXIGEN_STEP(name)
static const char *const names[] = {
#include "step.def"
};
#undef STEP
#undef AXIGEN_STEP
#define NAMES (sizeof(names) / sizeof(*names))

static size_t index_of(const char *name)
{
    for (size_t i = 0; i < NAMES; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    cr_assert_fail("step.def has no step %s", name);
    return 0;
}

/* From the steps of the undisturbed run. The first part's and the second's are counted apart. */
static void make_plan(struct plan *plan, const char *steps, size_t first_part)
{
    size_t seen[2][NAMES] = {{0}}, number = 0, i;
    char *text = axsync_file(steps), *rest = NULL;
    bool all = getenv("AXSYNC_TEST_ALL_STEPS") != NULL || count_lines(steps) <= MANY;

    for (char *name = strtok_r(text, "\n", &rest); name != NULL; name = strtok_r(NULL, "\n", &rest)) {
        bool second = ++number > first_part;

        i = index_of(name);
        if ((++seen[second][i] <= OFTEN || all) && plan->n < MAX_STEPS)
            plan->points[plan->n++] = (struct point){names[i], seen[0][i] + seen[1][i]};
    }
    for (i = 0; i < NAMES; i++)
        cr_assert(seen[0][i] + seen[1][i] > 0, "the step %s was never reached", names[i]);
    fprintf(stderr, "%zu steps, %zu of them in the refresh; %zu kills\n", number, first_part, plan->n);
    free(text);
}

/* The last times of a step do not come in each run: what was hit counts, not what was meant. Returns how many names
 * were hit. */
static size_t read_hits(const char *hit_path, bool hit[NAMES])
{
    char *text = axsync_file(hit_path), *rest = NULL, name[80];
    size_t n = 0;

    memset(hit, 0, NAMES * sizeof(*hit));
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        if (sscanf(line, "killed %79s", name) == 1)
            hit[index_of(name)] = true;
    free(text);
    for (size_t i = 0; i < NAMES; i++)
        n += hit[i];
    return n;
}

/* Once more, those that no kill has hit yet. */
static void plan_missed(struct plan *plan, const bool hit[NAMES])
{
    plan->n = 0;
    for (size_t i = 0; i < NAMES; i++)
        if (!hit[i])
            plan->points[plan->n++] = (struct point){names[i], 1};
}

static void hit_all(struct plan *plan, struct end *should, const char *hits)
{
    bool hit[NAMES];

    for (int round = 0; round < ROUNDS; round++) {
        cr_assert(run_workers(plan, should, hits), "a worker failed");
        if (read_hits(hits, hit) == NAMES)
            return;
        plan_missed(plan, hit);
    }
    for (size_t i = 0; i < NAMES; i++)
        cr_expect(hit[i], "nothing was killed at %s", names[i]);
}

Test(restart, killed_at_each_step, .timeout = 780)
{
    struct slapdtest *s = run_server(10000);
    char steps[300], hits[300];
    struct plan *plan = calloc(1, sizeof(*plan));
    struct end should = {0};
    size_t first_part;

    snprintf(steps, sizeof(steps), "%s/steps", slapdtest_folder(s));
    snprintf(hits, sizeof(hits), "%s/hits", slapdtest_folder(s));
    run_undisturbed(s, &should, steps, &first_part);
    make_plan(plan, steps, first_part);
    hit_all(plan, &should, hits);
    free_end(&should);
    free(plan);
    slapdtest_free(&s);
}
