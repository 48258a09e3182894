/* The polling modes: the same random life of a directory as in it_kill.c, with the target compared after each interval; when a poll
 * comes; what a change of mode does. AXSYNC_TEST_SEED repeats the changes. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "axsync_life.h"
#include "axsync_relay.h"
#include "axsync_test.h"

#define PEOPLE_N 60
#define NO_GUARD "guard { settle = 1 maxDeletes = 0 maxDeletePercent = 0 maxClears = 0 maxClearPercent = 0 }\n"
#define ROUNDS 8

static struct axsync *company(const struct slapdtest_options *options, const char *overrides)
{
    struct axsync *a = axsync_new(run_company(options, PEOPLE_N), overrides);

    axsync_start(a);
    axsync_await_mirror(a, NULL);
    return a;
}

static void change_title(struct axsync *a, const char *title)
{
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "title", title));
}

/* What is stored says the same as the directory, and another run has nothing to add. */
static void check_end(struct axsync *a)
{
    json_t *dump, *directory = directory_accounts(a->server, NULL, 1);
    char *difference;
    size_t lines;

    axsync_stop(a);
    lines = a->target.lines;
    CHECK(a, axsync_command(a, "run", "--once", NULL) == EX_OK, "run --once: %s", a->err);
    axsync_read_output(a);
    CHECK(a, a->target.lines == lines, "a run afterwards made %zu lines", a->target.lines - lines);
    dump = axsync_dump(a);
    difference = target_difference(dump, directory);
    CHECK(a, difference == NULL, "dump: %s", difference);
    json_decref(dump);
    json_decref(directory);
}

static bool nothing_waits(struct axsync *a, void *ctx)
{
    json_t *connector = axsync_peek(a);
    bool none = connector != NULL && strcmp(axsync_text(connector, "phase"), "waiting") == 0 &&
                axsync_entries(connector, "waiting") == 0;

    (void)ctx;
    json_decref(connector);
    return none;
}

/* The target is what it must be, and stays so. */
static void settle(struct axsync *a)
{
    axsync_await_mirror(a, NULL);
    axsync_await(a, "nothing waits", nothing_waits, NULL);
    axsync_await_mirror(a, NULL);
}

/* ---- a random life ------------------------------------------------------------------------------------------ */

static void some_changes(struct axsync *a, struct life *l)
{
    int n = 1 + rand_r(&l->seed) % 40;

    for (int i = 0; i < n; i++)
        CHECK(a, life_change(l), "the server can't be reached");
}

/* Some changes while it runs, some while it does not. */
static void lives(const struct slapdtest_options *options, const char *overrides)
{
    struct axsync *a = company(options, overrides);
    struct life l;

    life_init(&l, a->server, PEOPLE_N, life_seed());
    for (int round = 0; round < ROUNDS; round++) {
        if (round % 4 == 3)
            axsync_kill(a);
        some_changes(a, &l);
        if (round % 4 == 3)
            axsync_start(a);
        axsync_await_mirror(a, NULL);
    }
    life_free(&l);
    settle(a);
    check_end(a);
    end_company(&a);
}

Test(poll, random_life_in_mode_refresh_with_a_session_log, .timeout = 280)
{
    lives(&QUICK_SERVER, NO_GUARD "mode = refresh\npollingInterval = 1\n");
}

Test(poll, random_life_in_mode_refresh_with_present_phases, .timeout = 280)
{
    lives(&(struct slapdtest_options){.dbnosync = true}, NO_GUARD "mode = refresh\npollingInterval = 1\n");
}

#define SEARCH "mode = search\npollingInterval = 1\n"

Test(poll, random_life_in_mode_search_without_the_overlay, .timeout = 280)
{
    lives(&(struct slapdtest_options){.dbnosync = true, .no_syncprov = true}, NO_GUARD SEARCH);
}

Test(poll, random_life_in_mode_search_with_the_overlay, .timeout = 280)
{
    lives(&QUICK_SERVER, NO_GUARD SEARCH);
}

/* ---- what no stamp tells, in mode search ---------------------------------------------------------------------- */

#define TEAM "ou=team," PEOPLE
#define MEMBER(uid) "objectClass: inetOrgPerson\ncn: " uid "\nsn: " uid "\nmail: " uid "@example.com\n"

static const struct slapdtest_options no_overlay = {.dbnosync = true, .no_syncprov = true};

static void subtree_moves(struct axsync *a)
{
    size_t before;

    DO(a, slapdtest_add(a->server, TEAM, "objectClass: organizationalUnit\nou: team\n"));
    DO(a, slapdtest_add(a->server, "uid=x1," TEAM, MEMBER("x1")));
    DO(a, slapdtest_add(a->server, "uid=x2," TEAM, MEMBER("x2")));
    axsync_await_mirror(a, NULL);
    before = a->target.lines;
    DO(a, slapdtest_rename(a->server, TEAM, "ou=crew", NULL));
    DO(a, slapdtest_replace(a->server, PERSON("000003"), "title", "so that the poll is seen"));
    axsync_await_mirror(a, NULL);
    CHECK(a, a->target.lines == before + 1, "a renamed parent made lines");
    DO(a, slapdtest_rename(a->server, "ou=crew," PEOPLE, "ou=crew", AWAY));
    axsync_await_mirror(a, NULL);
    CHECK(a, axsync_output_count(a, before, "\"cause\":\"leave\"") == 2, "they left");
    DO(a, slapdtest_rename(a->server, "ou=crew," AWAY, "ou=team", PEOPLE));
    axsync_await_mirror(a, NULL);
}

Test(poll, subtrees_that_are_renamed_and_moved_in_mode_search, .timeout = 120)
{
    struct axsync *a = company(&no_overlay, NO_GUARD SEARCH);

    subtree_moves(a);
    check_end(a);
    end_company(&a);
}

/* ---- when it polls ------------------------------------------------------------------------------------------ */

static bool says(struct axsync *a, const char *mode, const char *phase)
{
    json_t *connector = axsync_peek(a);
    bool is = connector != NULL && strcmp(axsync_text(connector, "mode"), mode) == 0 &&
              strcmp(axsync_text(connector, "phase"), phase) == 0;

    json_decref(connector);
    return is;
}

static bool refresh_waits(struct axsync *a, void *ctx)
{
    (void)ctx;
    return says(a, "refresh", "waiting");
}

/* Two changes, each just after a poll: the second is told an interval after the first was drained, and no sooner. */
static void keeps_the_interval(struct axsync *a)
{
    int64_t drained;

    change_title(a, "One");
    axsync_await_mirror(a, NULL);
    drained = axsync_now_ms();
    change_title(a, "Two");
    axsync_await_mirror(a, NULL);
    CHECK(a, axsync_now_ms() - drained > 1500, "told after %lld ms", (long long)(axsync_now_ms() - drained));
    axsync_stop(a);
    CHECK(a, axsync_output_count(a, 0, "\"phase\":\"poll\"") == 2, "phases");
}

Test(poll, waits_the_interval_after_the_last_change_was_drained, .timeout = 120)
{
    struct axsync *a = company(&QUICK_SERVER, "mode = refresh\npollingInterval = 2\n");

    axsync_await(a, "waiting for the next poll", refresh_waits, NULL);
    keeps_the_interval(a);
    end_company(&a);
}

/* ---- auto ---------------------------------------------------------------------------------------------------- */

#define AUTO NO_GUARD "mode = auto\npollingInterval = 1\n"

static bool mode_is(struct axsync *a, void *ctx)
{
    json_t *connector = axsync_peek(a);
    bool is = connector != NULL && strcmp(axsync_text(connector, "mode"), ctx) == 0 &&
              strcmp(axsync_text(connector, "configuredMode"), "auto") == 0;

    json_decref(connector);
    return is;
}

static void await_mode(struct axsync *a, const char *mode)
{
    axsync_await(a, mode, mode_is, (char *)(uintptr_t)mode);
}

/* slapd lists the control wherever the module is loaded, be the overlay on this database or not. */
static const char *const sync_module[] = {"syncprov", NULL};

Test(poll, auto_searches_without_the_overlay_and_syncs_when_it_is_there, .timeout = 120)
{
    struct axsync *a = company(&(struct slapdtest_options){.dbnosync = true, .no_syncprov = true, .modules = sync_module}, AUTO);
    size_t lines;

    await_mode(a, "search");
    axsync_await(a, "the next poll", nothing_waits, NULL);
    lines = a->target.lines;
    CHECK(a, axsync_log_count(a, "mode search") == 1 && axsync_log_count(a, "answers 12") == 1, "it says why, once");
    DO(a, slapdtest_config(a->server, "dn: olcOverlay=syncprov," SLAPDTEST_DATABASE_DN "\nchangetype: add\n"
                                      "objectClass: olcSyncProvConfig\nolcOverlay: syncprov\n\n"));
    change_title(a, "One");
    axsync_await_log(a, "mode persist: it works again");
    await_mode(a, "persist");
    change_title(a, "Two");
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    CHECK(a, a->target.lines <= lines + 2, "something was told twice");
    check_end(a);
    end_company(&a);
}

Test(poll, auto_once_without_the_overlay, .timeout = 120)
{
    struct axsync *a = axsync_new(run_company(&no_overlay, PEOPLE_N), AUTO);

    CHECK(a, axsync_command(a, "run", "--once", NULL) == EX_OK, "run --once: %s", a->err);
    CHECK(a, strstr(a->err, "lists no sync control") != NULL, "it does not say why: %s", a->err);
    axsync_await_mirror(a, NULL);
    CHECK(a, axsync_command(a, "run", "--once", NULL) == EX_OK, "run --once: %s", a->err);
    CHECK(a, axsync_command(a, "run", "--dry-run", NULL) == EX_OK, "run --dry-run: %s", a->err);
    end_company(&a);
}

/* The bind DN may read the base and what lies under it, and not the suffix above. */
static const char *const suffix_closed[] = {"to dn.exact=\"" SUFFIX "\" by * none", "to * by * read", NULL};

/* First in mode persist, whose cookie has the CSNs that the bind DN can't read. */
Test(poll, search_where_the_suffix_may_not_be_read, .timeout = 120)
{
    struct slapdtest *server = run_company(&QUICK_SERVER, PEOPLE_N);
    struct axsync *a;

    cr_assert(slapdtest_set_access(server, suffix_closed) == 0);
    a = axsync_new(server, "mode = persist\n");
    axsync_start(a);
    axsync_await_mirror(a, NULL);
    axsync_stop(a);
    axsync_configure(a, SEARCH);
    axsync_start(a);
    axsync_await(a, "nothing waits", nothing_waits, NULL);
    change_title(a, "one");
    axsync_await_mirror(a, NULL);
    axsync_await(a, "nothing waits", nothing_waits, NULL);
    CHECK(a, axsync_log_count(a, "is behind") == 0, "somebody is behind");
    end_company(&a);
}

/* The session is in sync, and something in between cuts it. */
static void cut(struct axsync *a, struct relay *relay, int time)
{
    char title[40];

    snprintf(title, sizeof(title), "before cut %d", time);
    change_title(a, title);
    axsync_await_mirror(a, NULL);
    axsync_await_phase(a, "insync");
    relay_cut(relay);
}

Test(poll, auto_polls_where_sessions_are_cut_again_and_again, .timeout = 120)
{
    struct slapdtest *s = run_company(&QUICK_SERVER, PEOPLE_N);
    struct relay *relay = relay_new(slapdtest_port(s));
    struct axsync *a;
    char config[300];

    cr_assert_not_null(relay);
    snprintf(config, sizeof(config), NO_GUARD "pollingInterval = 3\nldapURI = {\"ldap://127.0.0.1:%u\"}\n", relay_port(relay));
    a = axsync_new(s, config);
    axsync_start(a);
    for (int i = 0; i < 5; i++)
        cut(a, relay, i);
    axsync_await_log(a, "mode refresh: the sync session was cut 5 times in a row");
    await_mode(a, "refresh");
    change_title(a, "polled");
    axsync_await_mirror(a, NULL);
    CHECK(a, axsync_output_count(a, 0, "\"phase\":\"poll\"") >= 1, "no poll");
    check_end(a);
    relay_free(&relay);
    end_company(&a);
}

/* ---- a change of mode ---------------------------------------------------------------------------------------- */

/* Changes with axsync running, and with it down: no action is told twice, none is missing. dn: somebody who is deleted. */
static void another_mode(struct axsync *a, const char *mode, const char *dn)
{
    char overrides[200];
    size_t before;

    axsync_stop(a);
    before = a->target.lines;
    change_title(a, dn);
    snprintf(overrides, sizeof(overrides), NO_GUARD "pollingInterval = 1\nmode = %s\n", mode);
    axsync_configure(a, overrides);
    axsync_start(a);
    axsync_await_mirror(a, NULL);
    DO(a, slapdtest_replace(a->server, PERSON("000002"), "title", dn));
    DO(a, slapdtest_delete(a->server, dn));
    axsync_await_mirror(a, NULL);
    CHECK(a, a->target.lines == before + 3, "%zu lines in mode %s", a->target.lines - before, mode);
}

Test(poll, mode_changes_between_runs, .timeout = 120)
{
    static const char *const modes[] = {"refresh", "search", "persist", "search", "refresh", "persist"};
    struct axsync *a = company(&QUICK_SERVER, NO_GUARD "mode = persist\n");
    char dn[60];

    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        snprintf(dn, sizeof(dn), "uid=user%06zu," PEOPLE, i + 10);
        another_mode(a, modes[i], dn);
    }
    check_end(a);
    end_company(&a);
}

Test(poll, check_knows_what_the_mode_needs, .timeout = 60)
{
    struct axsync *a = axsync_new(run_company(&no_overlay, PEOPLE_N), "mode = search\n");

    CHECK(a, axsync_command(a, "check", NULL) == EX_OK, "check in mode search: %s", a->out);
    axsync_configure(a, "mode = auto\n");
    CHECK(a, axsync_command(a, "check", NULL) == EX_OK, "check in mode auto: %s", a->out);
    CHECK(a, strstr(a->out, "does not list the sync control") != NULL, "no warning: %s", a->out);
    axsync_configure(a, "mode = persist\n");
    CHECK(a, axsync_command(a, "check", NULL) != EX_OK, "check in mode persist: %s", a->out);
    end_company(&a);
}
