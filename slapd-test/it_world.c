/* A whole directory at random (axsync_world.h), in each mode, on each server: after each interval the target must be what the directory
 * says, DNs in the state too, and nothing may have been taken away that was not taken away there. At any moment axsync is killed, or
 * begun anew in another mode. AXSYNC_TEST_SEED repeats the changes and what is done to axsync, not the instants. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include <ldap.h>

#include "axsync_life.h"
#include "axsync_test.h"
#include "axsync_world.h"
#include "dstest.h"

#define ROUNDS 8
#define CHANGES_MAX 40

#define SETTINGS "accountAdditionalFilter = \"" WORLD_WANTED "\"\ngroupBaseDN = \"" WORLD_GROUPS_DN "\"\n"                              \
                 "groupAdditionalFilter = \"" WORLD_WANTED "\"\nattribute \"" WORLD_ALIASES "\" { field = \"aliases\" }\nrebind = no\n"   \
                 "pollingInterval = 1\nguard { settle = 1 maxDeletes = 0 maxDeletePercent = 0 maxClears = 0 maxClearPercent = 0 "        \
                 "maxMembersRemoved = 0 }\n"

struct stage {
    struct slapdtest *s;       /* one of the two */
    struct dstest *d;
    LDAP *ld;
    struct axsync *a;
    struct world w;
    const char *mode;
    bool any_mode;             /* it changes at random */
    char *difference;
    long checked;              /* world_allows(): up to here in the output */
};

/* ---- the stage -------------------------------------------------------------------------------------------------- */

static void skip_if_missing(void)
{
    char why[300];

    if (dstest_is_installed(why, sizeof(why)))
        return;
    fprintf(stderr, "SKIPPED: %s\n", why);
    cr_skip_test("%s", why);
}

static void run_389(struct stage *st)
{
    char error[600] = "";

    skip_if_missing();
    st->d = dstest_run(NULL, error, sizeof(error));
    cr_assert(st->d != NULL, "%s", error);
    cr_assert(dstest_add(st->d, PEOPLE, "objectClass: organizationalUnit\nou: people\n") == 0 &&
              dstest_add(st->d, AWAY, "objectClass: organizationalUnit\nou: away\n") == 0 &&
              dstest_add(st->d, AXSYNC_READER_DN, "objectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
                         "cn: reader\nuserPassword: " AXSYNC_READER_PW "\n") == 0, "%s", dstest_error(st->d));
    st->ld = dstest_connection(st->d);
}

static void run_slapd(struct stage *st, const struct slapdtest_options *options)
{
    st->s = run_company(options, 0);
    cr_assert(slapdtest_connect(st->s, slapdtest_rootdn(st->s), NULL, &st->ld) == 0, "%s", slapdtest_error(st->s));
}

static void configure(struct stage *st)
{
    char text[1500];

    snprintf(text, sizeof(text), "ldapURI = {\"%s\"}\nmode = %s\n" SETTINGS, st->d ? dstest_uri(st->d) : slapdtest_uri(st->s), st->mode);
    axsync_configure(st->a, text);
}

static void another_mode(struct stage *st)
{
    static const char *const modes[] = {"persist", "refresh", "search"};

    if (!st->any_mode)
        return;
    st->mode = modes[rand_r(&st->w.seed) % 3];
    configure(st);
}

static void take_down(struct stage *st)
{
    axsync_free(&st->a);
    world_free(&st->w);
    free(st->difference);
    if (st->s)
        ldap_unbind_ext_s(st->ld, NULL, NULL);
    if (st->s)
        slapdtest_free(&st->s);
    if (st->d)
        dstest_free(&st->d);
}

/* ---- what must be ----------------------------------------------------------------------------------------------- */

static void nap(void)
{
    struct timespec t = {.tv_nsec = 30 * 1000000};

    nanosleep(&t, NULL);
}

static bool differs(struct stage *st, json_t *is, json_t *should)
{
    free(st->difference);
    st->difference = target_difference(is, should);
    json_decref(should);
    return st->difference != NULL;
}

/* The directory is asked anew each time, as nobody changes it meanwhile. */
static bool target_is_right(struct axsync *a, void *ctx)
{
    static const struct directory_view accounts = {.filter = WORLD_ACCOUNT_FILTER, .aliases = WORLD_ALIASES};
    static const struct directory_groups groups = {WORLD_GROUP_FILTER, "member", NULL, WORLD_ACCOUNT_FILTER};
    struct stage *st = ctx;

    axsync_read_output(a);
    return !differs(st, a->target.accounts, directory_accounts_on(st->ld, &accounts, 0)) &&
           !differs(st, a->target.groups, directory_groups_on(st->ld, &groups));
}

static json_t *dumped_dns(struct axsync *a)
{
    json_t *dump = axsync_dump(a), *dns = json_object(), *object;
    const char *address;

    json_object_foreach(dump, address, object)
        json_object_set(dns, json_string_value(json_object_get(object, "uuid")), json_object_get(object, "dn"));
    json_decref(dump);
    return dns;
}

static bool dns_are_right(struct axsync *a, void *ctx)
{
    json_t *dns = dumped_dns(a), *should = json_object();
    struct stage *st = ctx;
    bool right;

    directory_dns(st->ld, PEOPLE, WORLD_ACCOUNT_FILTER, should);
    directory_dns(st->ld, WORLD_GROUPS_DN, WORLD_GROUP_FILTER, should);
    right = !differs(st, dns, should);
    json_decref(dns);
    return right;
}

static bool is_quiet(struct axsync *a, void *ctx)
{
    json_t *connector = axsync_peek(a);
    const char *phase = connector ? axsync_text(connector, "phase") : "";
    bool quiet = connector != NULL && (strcmp(phase, "insync") == 0 || strcmp(phase, "waiting") == 0) &&
                 axsync_entries(connector, "waiting") == 0 && json_array_size(json_object_get(connector, "holds")) == 0;

    (void)ctx;
    json_decref(connector);
    return quiet;
}

static bool anything_held(struct axsync *a)
{
    json_t *connector = axsync_peek(a);
    bool held = json_array_size(json_object_get(connector, "holds")) > 0;

    json_decref(connector);
    return held;
}

/* A branch that was felled, where nobody tells of it: a right that was lost would look the same. No other hold is let go. */
static void approve_felled_branches(struct axsync *a)
{
    char *table, *rest = NULL;

    if (!anything_held(a) || axsync_command(a, "holds", NULL) != EX_OK)
        return;
    table = strdup(a->out);
    for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (strstr(line, "or the branch was deleted") && strstr(line, " open ")) {
            line[strcspn(line, " ")] = '\0';
            axsync_command(a, "approve", line, NULL);   /* it may be over meanwhile */
        }
    free(table);
}

static void await(struct stage *st, const char *what, axsync_condition *condition)
{
    int64_t deadline = axsync_now_ms() + AXSYNC_PATIENCE_MS;

    while (!condition(st->a, st)) {
        CHECK(st->a, axsync_now_ms() < deadline, "not within %d s: %s: %s", AXSYNC_PATIENCE_MS / 1000, what,
              st->difference ? st->difference : "");
        approve_felled_branches(st->a);
        nap();
    }
}

/* Nothing was taken away but what was taken away in the directory. */
static void check_taken(struct stage *st)
{
    char *output = axsync_file(st->a->output), *rest = NULL;
    long size = (long)strlen(output);

    for (char *line = strtok_r(output + st->checked, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *action = json_loads(line, 0, NULL);

        CHECK(st->a, action == NULL || world_allows(&st->w, action), "nobody asked for this: %s", line);
        json_decref(action);
    }
    st->checked = size;
    free(output);
}

static void await_all(struct stage *st)
{
    await(st, "the target is the directory", target_is_right);
    await(st, "nothing waits", is_quiet);
    await(st, "the state, with its DNs, is the directory", dns_are_right);
    CHECK(st->a, target_is_right(st->a, st), "it was so, and is no more: %s", st->difference);
    check_taken(st);
    world_settled(&st->w);
}

/* Another run has nothing to add. */
static void check_end(struct stage *st)
{
    size_t lines;

    axsync_stop(st->a);
    axsync_read_output(st->a);
    lines = st->a->target.lines;
    CHECK(st->a, axsync_command(st->a, "run", "--once", NULL) == EX_OK, "run --once: %s", st->a->err);
    axsync_read_output(st->a);
    CHECK(st->a, st->a->target.lines == lines, "a run afterwards made %zu lines", st->a->target.lines - lines);
    CHECK(st->a, target_is_right(st->a, st) && dns_are_right(st->a, st), "it was so, and is no more: %s", st->difference);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

/* In the middle of all: it is killed, and comes back at once or some changes later. */
static void disturb(struct stage *st)
{
    if (st->a->pid != 0) {
        axsync_kill(st->a);
        another_mode(st);
    }
    if (rand_r(&st->w.seed) % 2)
        axsync_start(st->a);
}

static void one_round(struct stage *st)
{
    int n = 1 + rand_r(&st->w.seed) % CHANGES_MAX;

    for (int i = 0; i < n; i++) {
        if (st->a->pid == 0 ? rand_r(&st->w.seed) % 4 == 0 : rand_r(&st->w.seed) % 25 == 0)
            disturb(st);
        CHECK(st->a, world_change(&st->w) == 0, "change %zu: %s", st->w.done, st->w.what);
    }
    if (st->a->pid == 0)
        axsync_start(st->a);
    await_all(st);
}

static void live(struct stage *st, const char *mode)
{
    st->any_mode = strcmp(mode, "any") == 0;
    st->mode = st->any_mode ? "persist" : mode;
    world_init(&st->w, st->ld, life_seed());
    cr_assert(world_populate(&st->w) == 0, "%s", st->w.what);
    st->a = axsync_new(st->s, NULL);
    configure(st);
    axsync_expect_error(st->a, "or the branch was deleted");
    axsync_start(st->a);
    await_all(st);
    for (int round = 0; round < ROUNDS; round++)
        one_round(st);
    check_end(st);
    fprintf(stderr, "%zu changes, %zu lines\n", st->w.done, st->a->target.lines);
    take_down(st);
}

static void live_on_slapd(const struct slapdtest_options *options, const char *mode)
{
    struct stage st = {.mode = NULL};

    run_slapd(&st, options);
    live(&st, mode);
}

static void live_on_389(const char *mode)
{
    struct stage st = {.mode = NULL};

    run_389(&st);
    live(&st, mode);
}

Test(slapd, persist_with_a_session_log, .timeout = 400)
{
    live_on_slapd(&QUICK_SERVER, "persist");
}

Test(slapd, persist_with_present_phases, .timeout = 400)
{
    live_on_slapd(&(struct slapdtest_options){.dbnosync = true}, "persist");
}

Test(slapd, refresh_with_a_session_log, .timeout = 400)
{
    live_on_slapd(&QUICK_SERVER, "refresh");
}

Test(slapd, refresh_with_present_phases, .timeout = 400)
{
    live_on_slapd(&(struct slapdtest_options){.dbnosync = true}, "refresh");
}

Test(slapd, search_with_the_overlay, .timeout = 400)
{
    live_on_slapd(&QUICK_SERVER, "search");
}

Test(slapd, search_without_the_overlay, .timeout = 400)
{
    live_on_slapd(&(struct slapdtest_options){.dbnosync = true, .no_syncprov = true}, "search");
}

Test(slapd, modes_that_change, .timeout = 400)
{
    live_on_slapd(&QUICK_SERVER, "any");
}

Test(slapd, modes_that_change_with_present_phases, .timeout = 400)
{
    live_on_slapd(&(struct slapdtest_options){.dbnosync = true}, "any");
}

Test(ds389, persist, .timeout = 400)
{
    live_on_389("persist");
}

Test(ds389, refresh, .timeout = 400)
{
    live_on_389("refresh");
}

Test(ds389, search, .timeout = 400)
{
    live_on_389("search");
}

Test(ds389, modes_that_change, .timeout = 400)
{
    live_on_389("any");
}
