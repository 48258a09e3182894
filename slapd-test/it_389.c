/* The program on a real 389 Directory Server: what it does well, and what it does not tell. Skipped where 389-ds-base is not
 * installed. AXSYNC_TEST_SEED repeats the random changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "axsync_life.h"
#include "axsync_test.h"
#include "dstest.h"

#define NO_GUARD "guard { settle = 1 maxDeletes = 0 maxDeletePercent = 0 maxClears = 0 maxClearPercent = 0 }\n"
#define PEOPLE_N 20
#define ROUNDS 8

struct company {
    struct dstest *d;
    struct axsync *a;
};

#define DS(c, call) CHECK((c)->a, (call) == 0, "%s: %s", #call, dstest_error((c)->d))

/* The reason goes to ctest, which shows the test as skipped. */
static void skip_if_missing(void)
{
    char why[300];

    if (dstest_is_installed(why, sizeof(why)))
        return;
    fprintf(stderr, "SKIPPED: %s\n", why);
    cr_skip_test("%s", why);
}

static void add_person(struct dstest *d, int number)
{
    char dn[80], lines[400];

    snprintf(dn, sizeof(dn), "uid=user%06d," PEOPLE, number);
    snprintf(lines, sizeof(lines), "objectClass: inetOrgPerson\nuid: user%06d\ncn: User %d\nsn: Number %d\ntitle: Engineer\n"
             "mobile: +49 %d\nmail: user%06d@example.com\n", number, number, number, number, number);
    cr_assert(dstest_add(d, dn, lines) == 0, "%s", dstest_error(d));
}

static struct dstest *run_server(const struct dstest_options *options, int people)
{
    char error[600] = "";
    struct dstest *d;

    skip_if_missing();
    d = dstest_run(options, error, sizeof(error));
    cr_assert(d != NULL, "%s", error);
    cr_assert(dstest_add(d, PEOPLE, "objectClass: organizationalUnit\nou: people\n") == 0 &&
              dstest_add(d, AWAY, "objectClass: organizationalUnit\nou: away\n") == 0 &&
              dstest_add(d, AXSYNC_READER_DN, "objectClass: organizationalRole\nobjectClass: simpleSecurityObject\n"
                         "cn: reader\nuserPassword: " AXSYNC_READER_PW "\n") == 0, "%s", dstest_error(d));
    for (int i = 1; i <= people; i++)
        add_person(d, i);
    return d;
}

static void configure(struct company *c, const char *overrides)
{
    char text[900];

    snprintf(text, sizeof(text), "ldapURI = {\"%s\"}\n%s", dstest_uri(c->d), overrides);
    axsync_configure(c->a, text);
}

static json_t *accounts(struct company *c, int with_dn)
{
    struct ldap *ld = dstest_connection(c->d);
    json_t *all = ld ? directory_accounts_on(ld, NULL, with_dn) : NULL;

    CHECK(c->a, all != NULL, "%s", dstest_error(c->d));
    return all;
}

static void await_mirror(struct company *c)
{
    json_t *should = accounts(c, 0);

    axsync_await_target(c->a, should);
    json_decref(should);
}

/* people: how many. */
static struct company company_of(const struct dstest_options *options, int people, const char *overrides)
{
    struct company c = {.d = run_server(options, people)};

    c.a = axsync_new(NULL, NULL);
    configure(&c, overrides);
    axsync_start(c.a);
    await_mirror(&c);
    return c;
}

static void end(struct company *c)
{
    axsync_free(&c->a);
    dstest_free(&c->d);
}

/* What is stored says the same as the directory, keys too, and another run has nothing to add. */
static void check_end(struct company *c)
{
    json_t *dump, *directory = accounts(c, 1);
    char *difference;
    size_t lines;

    axsync_stop(c->a);
    lines = c->a->target.lines;
    CHECK(c->a, axsync_command(c->a, "run", "--once", NULL) == EX_OK, "run --once: %s", c->a->err);
    axsync_read_output(c->a);
    CHECK(c->a, c->a->target.lines == lines, "a run afterwards made %zu lines", c->a->target.lines - lines);
    dump = axsync_dump(c->a);
    difference = target_difference(dump, directory);
    CHECK(c->a, difference == NULL, "dump: %s", difference);
    json_decref(dump);
    json_decref(directory);
}

static bool is_quiet(struct axsync *a, void *ctx)
{
    json_t *connector = axsync_peek(a);
    const char *phase = connector ? axsync_text(connector, "phase") : "";
    bool quiet = connector != NULL && (strcmp(phase, "insync") == 0 || strcmp(phase, "waiting") == 0) &&
                 axsync_entries(connector, "waiting") == 0;

    (void)ctx;
    json_decref(connector);
    return quiet;
}

/* The target is what it must be, nothing waits, and it still is. */
static void settle(struct company *c)
{
    await_mirror(c);
    axsync_await(c->a, "nothing waits", is_quiet, NULL);
    await_mirror(c);
}

/* ---- refreshAndPersist -------------------------------------------------------------------------------------- */

#define PERSIST NO_GUARD "mode = persist\n"

static void one_of_each(struct company *c)
{
    add_person(c->d, 101);
    DS(c, dstest_replace(c->d, PERSON("000001"), "title", "Baker"));
    DS(c, dstest_replace(c->d, PERSON("000002"), "mail", "other000002@example.com"));
    DS(c, dstest_rename(c->d, PERSON("000003"), "uid=renamed", NULL));
    DS(c, dstest_rename(c->d, PERSON("000004"), "uid=user000004", AWAY));
    DS(c, dstest_delete(c->d, PERSON("000005")));
    DS(c, dstest_replace(c->d, PERSON("000006"), "title", NULL));
    settle(c);
}

Test(life, persist_life_and_restart_with_a_cookie, .timeout = 120)
{
    struct company c = company_of(NULL, PEOPLE_N, PERSIST);
    size_t lines;

    one_of_each(&c);
    CHECK(c.a, axsync_output_count(c.a, 0, "\"cause\":\"leave\"") == 1 && axsync_output_count(c.a, 0, "\"cause\":\"delete\"") == 1,
          "causes");
    axsync_stop(c.a);
    lines = c.a->target.lines;
    DS(&c, dstest_replace(c.d, PERSON("000007"), "title", "Cook"));
    DS(&c, dstest_delete(c.d, PERSON("000008")));
    DS(&c, dstest_rename(c.d, "uid=user000004," AWAY, "uid=user000004", PEOPLE));
    axsync_start(c.a);
    settle(&c);
    CHECK(c.a, c.a->target.lines == lines + 3, "%zu lines after the restart", c.a->target.lines - lines);
    check_end(&c);
    end(&c);
}

Test(life, the_server_is_restarted, .timeout = 120)
{
    struct company c = company_of(NULL, PEOPLE_N, PERSIST);
    size_t lines;

    settle(&c);
    lines = c.a->target.lines;
    DS(&c, dstest_stop(c.d));
    axsync_await_phase(c.a, "waiting");
    DS(&c, dstest_start(c.d));
    DS(&c, dstest_replace(c.d, PERSON("000001"), "title", "Baker"));
    settle(&c);
    CHECK(c.a, c.a->target.lines == lines + 1, "%zu lines", c.a->target.lines - lines);
    end(&c);
}

/* e-syncRefreshRequired: the cookie is bound to the filter. */
Test(life, another_filter, .timeout = 120)
{
    struct company c = company_of(NULL, PEOPLE_N, PERSIST);
    size_t lines;

    settle(&c);
    axsync_stop(c.a);
    lines = c.a->target.lines;
    configure(&c, PERSIST "accountAdditionalFilter = \"(title=*)\"\n");
    axsync_start(c.a);
    settle(&c);
    CHECK(c.a, c.a->target.lines == lines, "%zu lines", c.a->target.lines - lines);
    DS(&c, dstest_replace(c.d, PERSON("000001"), "title", "Baker"));
    settle(&c);
    end(&c);
}

/* ---- refreshOnly -------------------------------------------------------------------------------------------- */

#define REFRESH NO_GUARD "mode = refresh\npollingInterval = 1\n"

static bool polled_again(struct axsync *a, void *ctx)
{
    (void)ctx;
    return axsync_log_count(a, "polled ") >= 3 && is_quiet(a, NULL);
}

/* Polls that tell nothing of those who are unchanged: none of them is looked up, held or deleted. */
Test(life, refresh_takes_nobody_for_absent, .timeout = 120)
{
    struct company c = company_of(NULL, PEOPLE_N, REFRESH);

    DS(&c, dstest_replace(c.d, PERSON("000001"), "title", "One"));
    settle(&c);
    DS(&c, dstest_replace(c.d, PERSON("000001"), "title", "Two"));
    settle(&c);
    axsync_await(c.a, "some polls", polled_again, NULL);
    CHECK(c.a, axsync_log_count(c.a, "were not shown") == 0, "somebody was taken for absent");
    one_of_each(&c);
    check_end(&c);
    end(&c);
}

/* ---- what it does not tell ---------------------------------------------------------------------------------- */

/* More than one batch of deletions; and one that leaves the filter. Both while nobody listens. */
static void lose_some(struct company *c, int from, int to)
{
    char dn[80];

    for (int i = from; i <= to; i++) {
        snprintf(dn, sizeof(dn), "uid=user%06d," PEOPLE, i);
        DS(c, dstest_delete(c->d, dn));
    }
    DS(c, dstest_replace(c->d, PERSON("000001"), "employeeType", "former"));
}

Test(lost, lost_deletions_and_who_left_while_away, .timeout = 120)
{
    const char *filter = PERSIST "reconcileInterval = 3600\naccountAdditionalFilter = \"(!(employeeType=former))\"\n";
    struct company c = company_of(NULL, 130, filter);
    const struct directory_view view = {.filter = "(&(objectClass=inetOrgPerson)(!(employeeType=former)))"};
    json_t *should;

    settle(&c);
    axsync_stop(c.a);
    lose_some(&c, 11, 120);
    axsync_start(c.a);
    should = directory_accounts_on(dstest_connection(c.d), &view, 0);
    axsync_await_target(c.a, should);
    json_decref(should);
    axsync_await(c.a, "nothing waits", is_quiet, NULL);
    CHECK(c.a, axsync_output_count(c.a, 0, "\"cause\":\"leave\"") == 1, "the one that left");
    CHECK(c.a, axsync_log_count(c.a, "were not shown") >= 1, "389 told of all of them: this test is for one that does not");
    end(&c);
}

static bool is_trimmed(struct axsync *a, void *ctx)
{
    struct company *c = ctx;
    long first = dstest_number(c->d, "firstChangeNumber"), last = dstest_number(c->d, "lastChangeNumber");

    (void)a;
    return first > 0 && last - first < 5;
}

static void trimmed(const char *overrides)
{
    struct company c = company_of(&(struct dstest_options){.trim_s = 1}, PEOPLE_N, overrides);
    size_t lines;
    char title[20];

    settle(&c);
    axsync_stop(c.a);
    lines = c.a->target.lines;
    DS(&c, dstest_delete(c.d, PERSON("000002")));
    DS(&c, dstest_replace(c.d, PERSON("000001"), "title", "Baker"));
    for (int i = 0; i < 10; i++) {
        snprintf(title, sizeof(title), "Title %d", i);
        DS(&c, dstest_replace(c.d, PERSON("000003"), "title", title));
    }
    axsync_await(c.a, "the changelog is trimmed", is_trimmed, &c);
    axsync_start(c.a);
    settle(&c);
    CHECK(c.a, axsync_log_count(c.a, "changelog was trimmed") >= 1, "it went unnoticed");
    CHECK(c.a, c.a->target.lines == lines + 3, "%zu lines", c.a->target.lines - lines);
    check_end(&c);
    end(&c);
}

Test(lost, trimmed_changelog_in_mode_persist, .timeout = 120)
{
    trimmed(PERSIST);
}

Test(lost, trimmed_changelog_in_mode_refresh, .timeout = 120)
{
    trimmed(REFRESH);
}

/* A search that was told nothing is issued again when lastChangeNumber moves: here by changes that don't concern it. */
Test(lost, the_watchdog_reads_last_change_number, .timeout = 120)
{
    struct company c = company_of(NULL, PEOPLE_N, PERSIST "watchdogInterval = 1\n");

    settle(&c);
    DS(&c, dstest_replace(c.d, AXSYNC_READER_DN, "description", "a change that nobody is told of"));
    axsync_await_log(c.a, "lastChangeNumber moved and no message came");
    settle(&c);
    check_end(&c);
    end(&c);
}

/* ---- search, auto ------------------------------------------------------------------------------------------- */

#define SEARCH NO_GUARD "mode = search\npollingInterval = 1\n"
#define AUTO NO_GUARD "mode = auto\npollingInterval = 1\n"

static void search_finds_all(const struct dstest_options *options, const char *overrides)
{
    struct company c = company_of(options, PEOPLE_N, overrides);

    one_of_each(&c);
    /* twice within one second, which a stamp does not tell */
    DS(&c, dstest_replace(c.d, PERSON("000007"), "title", "First"));
    await_mirror(&c);
    DS(&c, dstest_replace(c.d, PERSON("000007"), "title", "Second"));
    settle(&c);
    check_end(&c);
    end(&c);
}

Test(search, search_with_a_changelog, .timeout = 120)
{
    search_finds_all(NULL, SEARCH);
}

Test(search, search_without_a_changelog, .timeout = 120)
{
    search_finds_all(&(struct dstest_options){.no_sync = true}, SEARCH);
}

Test(search, auto_searches_without_the_plugin, .timeout = 120)
{
    search_finds_all(&(struct dstest_options){.no_sync = true}, AUTO);
}

Test(modes, auto_persists, .timeout = 120)
{
    struct company c = company_of(NULL, PEOPLE_N, AUTO);

    axsync_await_phase(c.a, "insync");
    CHECK(c.a, axsync_log_count(c.a, "mode persist") == 1, "mode");
    one_of_each(&c);
    check_end(&c);
    end(&c);
}

/* ---- a change of mode --------------------------------------------------------------------------------------- */

static void another_mode(struct company *c, const char *mode, int number)
{
    char overrides[300], dn[80];
    size_t before;

    axsync_stop(c->a);
    before = c->a->target.lines;
    snprintf(dn, sizeof(dn), "uid=user%06d," PEOPLE, number);
    DS(c, dstest_replace(c->d, PERSON("000001"), "title", dn));
    snprintf(overrides, sizeof(overrides), NO_GUARD "pollingInterval = 1\nmode = %s\n", mode);
    configure(c, overrides);
    axsync_start(c->a);
    settle(c);
    DS(c, dstest_replace(c->d, PERSON("000002"), "title", dn));
    DS(c, dstest_delete(c->d, dn));
    settle(c);
    CHECK(c->a, c->a->target.lines == before + 3, "%zu lines in mode %s", c->a->target.lines - before, mode);
}

Test(modes, mode_changes_between_runs, .timeout = 200)
{
    static const char *const modes[] = {"refresh", "search", "persist", "search", "refresh", "persist"};
    struct company c = company_of(NULL, PEOPLE_N, PERSIST);

    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
        another_mode(&c, modes[i], (int)i + 10);
    check_end(&c);
    end(&c);
}

/* ---- a random life ------------------------------------------------------------------------------------------ */

static void some_changes(struct company *c, struct life *l)
{
    int n = 1 + rand_r(&l->seed) % 40;

    for (int i = 0; i < n; i++)
        CHECK(c->a, life_change(l), "the server can't be reached");
}

static void lives(const char *overrides)
{
    struct company c = company_of(NULL, 60, overrides);
    struct life l;

    life_init_at(&l, dstest_uri(c.d), DSTEST_ROOTDN, DSTEST_ROOTPW, 60, life_seed());
    for (int round = 0; round < ROUNDS; round++) {
        if (round % 4 == 3)
            axsync_kill(c.a);
        some_changes(&c, &l);
        if (round % 4 == 3)
            axsync_start(c.a);
        await_mirror(&c);
    }
    life_free(&l);
    settle(&c);
    check_end(&c);
    end(&c);
}

Test(random, random_life_in_mode_persist, .timeout = 280)
{
    lives(PERSIST);
}

Test(random, random_life_in_mode_refresh, .timeout = 280)
{
    lives(REFRESH);
}

Test(random, random_life_in_mode_search, .timeout = 280)
{
    lives(SEARCH);
}

/* ---- commands ----------------------------------------------------------------------------------------------- */

Test(life, check_and_entry, .timeout = 120)
{
    struct company c = company_of(NULL, PEOPLE_N, PERSIST);

    settle(&c);
    CHECK(c.a, axsync_command(c.a, "check", NULL) == EX_OK, "check: %s", c.a->out);
    CHECK(c.a, strstr(c.a->out, "lastChangeNumber") != NULL && strstr(c.a->out, "nsUniqueId can be read") != NULL, "check: %s",
          c.a->out);
    CHECK(c.a, axsync_command(c.a, "entry", "user000001@example.com", NULL) == EX_OK, "entry: %s", c.a->out);
    end(&c);
}
