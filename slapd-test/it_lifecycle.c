/* What happens to accounts in a company's year, one thing after the other; after each the mail server (as the actions
 * make it) must be what the directory says. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "axsync_test.h"

#define STAFF_ONLY "accountAdditionalFilter = \"(!(employeeType=external))\"\n"
#define ALIASES    "attribute \"carLicense\" { field = \"aliases\" }\n"
#define PATIENT    "guard { settle = 2 }\n"    /* for what is set back within settle, on a slow machine too */

static const struct directory_view staff = {.filter = "(&(objectClass=inetOrgPerson)(!(employeeType=external)))",
                                            .aliases = "carLicense"};

static struct axsync *company(size_t people)
{
    struct slapdtest_options options = QUICK_SERVER;
    struct slapdtest *s = run_company(&options, people);
    struct axsync *a = axsync_new(s, STAFF_ONLY ALIASES PATIENT);

    axsync_start(a);
    axsync_await_mirror(a, &staff);
    return a;
}

/* A change is in the target, and brought so many lines. */
static void mirrored_by(struct axsync *a, size_t lines_before, size_t lines)
{
    axsync_await_mirror(a, &staff);
    axsync_await_settled(a);
    CHECK(a, a->target.lines - lines_before == lines, "%zu lines came, should be %zu", a->target.lines - lines_before,
          lines);
}

static void check_last_line(struct axsync *a, const char *text)
{
    char *output = axsync_file(a->output), *end = output + strlen(output) - 1, *line;

    *end = '\0';
    line = strrchr(output, '\n');
    CHECK(a, strstr(line ? line : output, text) != NULL, "\"%s\" is not in: %s", text, line ? line : output);
    free(output);
}

/* ---- one thing after the other ------------------------------------------------------------------------------ */

static void add_somebody(struct axsync *a)
{
    size_t before = a->target.lines;

    DO(a, slapdtest_add(a->server, "uid=new," PEOPLE,
                        "objectClass: inetOrgPerson\nuid: new\ncn: New\nsn: New\nmail: New.Comer@Example.com\n"
                        "postalAddress: 1 Way$\\245 Street$X\\5CY\nlabeledURI: http://example.com/ a label\n"
                        "carLicense: nc\ncarLicense: newcomer@example.com\n"));
    mirrored_by(a, before, 1);
    check_last_line(a, "\"account.create\"");
    check_last_line(a, "\"new.comer@example.com\"");
    check_last_line(a, "\"1 Way, $5 Street, X\\\\Y\"");
}

static void change_fields(struct axsync *a)
{
    size_t before = a->target.lines;

    DO(a, slapdtest_replace(a->server, PERSON("000001"), "title", "Chief"));
    mirrored_by(a, before, 1);
    check_last_line(a, "\"set\":{\"contactInfo.position\":\"Chief\"}");
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "description", "nobody maps this"));
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "title", "Chief"));
    mirrored_by(a, before, 1);   /* what changes nothing that is mapped makes no action */
}

static void clear_fields(struct axsync *a)
{
    size_t before = a->target.lines;

    DO(a, slapdtest_replace(a->server, PERSON("000002"), "title", NULL));
    DO(a, slapdtest_replace(a->server, PERSON("000002"), "mobile", NULL));
    axsync_await_mirror(a, &staff);
    axsync_await_settled(a);
    CHECK(a, a->target.lines > before, "nothing was cleared");
    before = a->target.lines;
    DO(a, slapdtest_replace(a->server, PERSON("000003"), "title", NULL));
    DO(a, slapdtest_replace(a->server, PERSON("000003"), "title", "Somebody else"));
    mirrored_by(a, before, 1);   /* set again within settle: was never cleared */
    check_last_line(a, "\"set\":{\"contactInfo.position\":\"Somebody else\"}");
}

static void change_aliases(struct axsync *a)
{
    size_t before;

    /* If only one had aliases, the loss of both would be that of all there are, which the guard holds. */
    DO(a, slapdtest_add_value(a->server, PERSON("000013"), "carLicense", "thirteen"));
    DO(a, slapdtest_add_value(a->server, PERSON("000014"), "carLicense", "fourteen"));
    axsync_await_mirror(a, &staff);
    before = a->target.lines;
    DO(a, slapdtest_add_value(a->server, PERSON("000004"), "carLicense", "four"));
    mirrored_by(a, before, 1);
    DO(a, slapdtest_add_value(a->server, PERSON("000004"), "carLicense", "Another"));
    mirrored_by(a, before, 2);
    check_last_line(a, "\"aliases\":[\"another@example.com\",\"four@example.com\"]");
    DO(a, slapdtest_delete_value(a->server, PERSON("000004"), "carLicense", "four"));
    mirrored_by(a, before, 3);
    check_last_line(a, "\"set\":{\"aliases\":[\"another@example.com\"]}");
    DO(a, slapdtest_replace(a->server, PERSON("000004"), "carLicense", NULL));
    mirrored_by(a, before, 4);
    check_last_line(a, "\"clear\":[\"aliases\"]");
}

static void rename_people(struct axsync *a)
{
    size_t before = a->target.lines;

    DO(a, slapdtest_rename(a->server, PERSON("000005"), "uid=renamed", NULL));
    mirrored_by(a, before, 0);   /* another DN is no other account */
    DO(a, slapdtest_replace(a->server, "uid=renamed," PEOPLE, "mail", "Renamed@example.com"));
    mirrored_by(a, before, 1);
    check_last_line(a, "\"account.rename\"");
    check_last_line(a, "\"from\":\"user000005@example.com\"");
}

/* Two exchange their addresses: one goes by way of a third. */
static void swap_addresses(struct axsync *a)
{
    size_t before = a->target.lines;

    DO(a, slapdtest_replace(a->server, PERSON("000006"), "mail", "user000007@example.com"));
    DO(a, slapdtest_replace(a->server, PERSON("000007"), "mail", "user000006@example.com"));
    mirrored_by(a, before, 3);
    check_last_line(a, "\"account.rename\"");
}

static void leave_and_come(struct axsync *a)
{
    size_t before = a->target.lines;

    DO(a, slapdtest_rename(a->server, PERSON("000008"), "uid=user000008", AWAY));
    mirrored_by(a, before, 1);
    check_last_line(a, "\"account.delete\"");
    check_last_line(a, "\"cause\":\"leave\"");
    DO(a, slapdtest_rename(a->server, "uid=user000008," AWAY, "uid=user000008", PEOPLE));
    mirrored_by(a, before, 2);
    check_last_line(a, "\"account.create\"");
    DO(a, slapdtest_replace(a->server, PERSON("000009"), "employeeType", "external"));
    mirrored_by(a, before, 3);
    check_last_line(a, "\"cause\":\"leave\"");
    DO(a, slapdtest_replace(a->server, PERSON("000009"), "employeeType", NULL));
    mirrored_by(a, before, 4);
}

static void delete_people(struct axsync *a)
{
    size_t before = a->target.lines;

    for (size_t i = 101; i <= 120; i++) {
        char *dn = slapdtest_person_dn(NULL, i);

        DO(a, slapdtest_delete(a->server, dn));
        free(dn);
    }
    mirrored_by(a, before, 20);
    check_last_line(a, "\"cause\":\"delete\"");
}

/* The second with an address waits, and is there as soon as the first one's deletion has gone out. */
static void wait_for_an_address(struct axsync *a)
{
    size_t before = a->target.lines;
    json_t *status;

    DO(a, slapdtest_add(a->server, "uid=second," PEOPLE,
                        "objectClass: inetOrgPerson\nuid: second\ncn: S\nsn: S\nmail: user000010@example.com\n"));
    axsync_await_settled(a);
    CHECK(a, a->target.lines == before, "an address was given to two");
    status = axsync_status(a);
    CHECK(a, axsync_entries(status, "conflicts") == 1, "the conflict is not told");
    json_decref(status);
    DO(a, slapdtest_delete(a->server, PERSON("000010")));
    mirrored_by(a, before, 2);
    check_last_line(a, "\"cause\":\"resolve\"");
}

static void no_address(struct axsync *a)
{
    size_t before = a->target.lines;
    json_t *status;

    DO(a, slapdtest_replace(a->server, PERSON("000011"), "mail", NULL));
    DO(a, slapdtest_replace(a->server, PERSON("000012"), "mail", "two words@example.com"));
    axsync_await_settled(a);
    CHECK(a, a->target.lines == before, "something was done to an entry without an address");
    status = axsync_status(a);
    CHECK(a, axsync_entries(status, "invalid") == 2, "the invalid entries are not told");
    json_decref(status);
    DO(a, slapdtest_replace(a->server, PERSON("000011"), "mail", "user000011@example.com"));
    DO(a, slapdtest_replace(a->server, PERSON("000012"), "mail", "twelve@example.com"));
    mirrored_by(a, before, 1);
}

Test(lifecycle, each_change_is_mirrored, .timeout = 280)
{
    struct axsync *a = company(2000);

    CHECK(a, a->target.lines == 2000, "%zu lines for 2000 people", a->target.lines);
    add_somebody(a);
    change_fields(a);
    clear_fields(a);
    change_aliases(a);
    rename_people(a);
    swap_addresses(a);
    leave_and_come(a);
    delete_people(a);
    wait_for_an_address(a);
    no_address(a);
    end_company(&a);
}

/* ---- between two runs --------------------------------------------------------------------------------------- */

/* Runs once; so many lines come. */
static void once(struct axsync *a, size_t lines)
{
    size_t before;
    int code;

    axsync_read_output(a);
    before = a->target.lines;
    code = axsync_command(a, "run", "--once", NULL);
    CHECK(a, code == EX_OK, "run --once ended with %d: %s", code, a->err);
    axsync_read_output(a);
    CHECK(a, a->target.lines - before == lines, "%zu lines came, should be %zu", a->target.lines - before, lines);
}

static void changes_meanwhile(struct axsync *a)
{
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "title", "Changed meanwhile"));
    DO(a, slapdtest_replace(a->server, PERSON("000002"), "title", NULL));
    DO(a, slapdtest_replace(a->server, PERSON("000003"), "mail", "three@example.com"));
    DO(a, slapdtest_delete(a->server, PERSON("000004")));
    DO(a, slapdtest_rename(a->server, PERSON("000005"), "uid=user000005", AWAY));
    DO(a, slapdtest_add(a->server, "uid=new," PEOPLE,
                        "objectClass: inetOrgPerson\nuid: new\ncn: N\nsn: N\nmail: new@example.com\n"));
}

static void check_dump(struct axsync *a)
{
    json_t *dump = axsync_dump(a), *directory = directory_accounts(a->server, &staff, 1);
    char *difference = target_difference(dump, directory);

    CHECK(a, difference == NULL, "dump: %s", difference);
    json_decref(dump);
    json_decref(directory);
}

/* What changed while it was down, and nothing else, by either way of slapd to tell it. */
static void catches_up(unsigned sessionlog)
{
    struct slapdtest_options options = {.dbnosync = true, .sessionlog = sessionlog};
    struct axsync *a = axsync_new(run_company(&options, 300), STAFF_ONLY ALIASES);

    axsync_start(a);
    axsync_await_settled(a);
    axsync_stop(a);
    once(a, 0);
    changes_meanwhile(a);
    axsync_start(a);
    axsync_await_mirror(a, &staff);
    axsync_await_settled(a);
    axsync_stop(a);
    CHECK(a, a->target.lines == 306, "6 changes, and %zu lines", a->target.lines - 300);
    once(a, 0);
    check_dump(a);
    end_company(&a);
}

Test(lifecycle, restart_by_session_log, .timeout = 280)
{
    catches_up(1000);
}

Test(lifecycle, restart_by_present_phase, .timeout = 280)
{
    catches_up(0);
}

/* `run --once`: what is in grace stays for the next run. */
Test(lifecycle, once, .timeout = 280)
{
    struct slapdtest_options options = QUICK_SERVER;
    struct axsync *a = axsync_new(run_company(&options, 200), STAFF_ONLY ALIASES "deleteGrace = 4\n");
    json_t *status;

    once(a, 200);
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "title", NULL));
    DO(a, slapdtest_delete(a->server, PERSON("000002")));
    once(a, 1);
    CHECK(a, axsync_status(a) == NULL, "a daemon runs after run --once");
    axsync_start(a);
    axsync_await_mirror(a, &staff);
    axsync_await_settled(a);
    axsync_stop(a);
    once(a, 0);
    status = axsync_status(a);
    CHECK(a, status == NULL, "no daemon, and a status of one");
    check_dump(a);
    end_company(&a);
}

/* ---- --dry-run ---------------------------------------------------------------------------------------------- */

/* What the state is on disk. The lock table of LMDB notes who reads, and is no state. */
static char *state_bytes(struct axsync *a)
{
    char command[512], *text = NULL;
    size_t room = 0;
    FILE *pipe;

    snprintf(command, sizeof(command), "cd %s && find . -type f ! -name lock.mdb -exec cksum {} + | sort", a->state);
    pipe = popen(command, "re");
    CHECK(a, pipe != NULL && getdelim(&text, &room, '\0', pipe) > 0 && pclose(pipe) == 0, "%s failed", command);
    return text;
}

Test(lifecycle, dry_run, .timeout = 280)
{
    struct slapdtest_options options = QUICK_SERVER;
    struct axsync *a = axsync_new(run_company(&options, 100), STAFF_ONLY ALIASES "deleteGrace = 60\n");
    char *before, *after;
    struct target would;
    int code;

    axsync_start(a);
    axsync_await_settled(a);
    axsync_stop(a);
    changes_meanwhile(a);
    before = state_bytes(a);
    code = axsync_command(a, "run", "--dry-run", NULL);
    after = state_bytes(a);
    CHECK(a, code == EX_OK, "run --dry-run ended with %d", code);
    CHECK(a, strcmp(before, after) == 0, "the state was changed:\n%s%s", before, after);
    target_copy(&would, &a->target);
    CHECK(a, target_apply_all(&would, a->out) == 0, "%s", would.error);
    CHECK(a, would.lines > a->target.lines, "nothing was shown");
    CHECK(a, strstr(a->out, "\"new@example.com\"") != NULL && strstr(a->out, "\"three@example.com\"") != NULL,
          "not all that would come is shown");
    CHECK(a, strstr(a->out, "user000004@example.com") != NULL || strstr(a->err, "user000004@example.com") != NULL,
          "the deletion that would come is not shown");
    target_free(&would);
    before[0] = '\0';
    axsync_read_output(a);
    CHECK(a, a->target.lines == 100, "the dry run wrote to the file");
    once(a, 4);   /* two deletions are in grace */
    free(before);
    free(after);
    end_company(&a);
}

/* What would be held is told, and nobody is sent to a hold that there is not. */
Test(lifecycle, dry_run_holds, .timeout = 280)
{
    struct slapdtest_options options = QUICK_SERVER;
    struct axsync *a = axsync_new(run_company(&options, 20), NULL);

    once(a, 20);
    for (int i = 1; i <= 10; i++) {
        char *dn = slapdtest_person_dn(NULL, (size_t)i);

        DO(a, slapdtest_delete(a->server, dn));
        free(dn);
    }
    axsync_command(a, "run", "--dry-run", NULL);
    CHECK(a, strstr(a->err, "would be held: 10 × account.delete") != NULL, "the hold is not told: %s", a->err);
    CHECK(a, strstr(a->err, "axsync holds") == NULL, "a hold of another program's: %s", a->err);
    axsync_command(a, "holds", NULL);
    CHECK(a, strstr(a->out, "Nothing is held") != NULL, "%s", a->out);
    end_company(&a);
}

/* ---- status ------------------------------------------------------------------------------------------------- */

static void check_keys(struct axsync *a, json_t *object, const char *const *keys)
{
    size_t n = 0;

    for (; keys[n] != NULL; n++)
        CHECK(a, json_object_get(object, keys[n]) != NULL, "status --json lacks %s", keys[n]);
    CHECK(a, json_object_size(object) == n, "status --json has more keys than it should beside %s", keys[0]);
}

Test(lifecycle, status, .timeout = 280)
{
    static const char *const connector[] = {"name", "mode", "configuredMode", "phase", "uri", "lag", "lastChange",
                                            "searches", "entries", "sinks", "holds", "lastError", NULL};
    static const char *const search[] = {"kind", "base", "phase", "cookie", "received", "expected", "rate", NULL};
    static const char *const entries[] = {"accounts", "groups", "invalid", "conflicts", "waiting", "orphans", NULL};
    static const char *const sink[] = {"name", "type", "acked", "queued", "parked", "due", "lastError", NULL};
    static const char *const all[] = {"version", "pid", "uptime", "connectors", NULL};
    struct slapdtest_options options = QUICK_SERVER;
    struct axsync *a = axsync_new(run_company(&options, 100), "");
    json_t *status, *c;

    axsync_start(a);
    axsync_await_settled(a);
    CHECK(a, axsync_command(a, "status", "--json", NULL) == EX_OK, "status failed");
    status = json_loads(a->out, JSON_REJECT_DUPLICATES, NULL);
    check_keys(a, status, all);
    CHECK(a, json_integer_value(json_object_get(status, "pid")) == a->pid, "status has another pid");
    c = json_array_get(json_object_get(status, "connectors"), 0);
    check_keys(a, c, connector);
    check_keys(a, json_object_get(c, "entries"), entries);
    check_keys(a, json_array_get(json_object_get(c, "searches"), 0), search);
    check_keys(a, json_array_get(json_object_get(c, "sinks"), 0), sink);
    CHECK(a, axsync_entries(c, "accounts") == 100, "status has %lld accounts", (long long)axsync_entries(c, "accounts"));
    CHECK(a, strcmp(axsync_text(c, "mode"), "persist") == 0 && strcmp(axsync_text(c, "configuredMode"), "auto") == 0,
          "status has a wrong mode");
    CHECK(a, strcmp(axsync_text(c, "uri"), slapdtest_uri(a->server)) == 0, "status has a wrong uri");
    CHECK(a, json_number_value(json_object_get(c, "lag")) == 0 && json_is_number(json_object_get(c, "lag")),
          "status has a lag");
    json_decref(status);
    axsync_stop(a);
    CHECK(a, axsync_command(a, "status", NULL) == EX_UNAVAILABLE, "status of no daemon is no failure");
    end_company(&a);
}
