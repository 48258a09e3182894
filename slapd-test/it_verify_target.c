/* `axsync verify` with an Axigen sink: what somebody did at the target behind axsync's back, what explains a
 * difference, the preview, and --repair, which gives back what is ours and touches nothing else. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "axsync_axigen.h"
#include "axsync_test.h"

#define GROUPS "ou=groups," SUFFIX
#define OF_NAMES "groupBaseDN = \"" GROUPS "\"\ngroupNameAttribute = \"cn\"\n"
#define MERGE(accounts) "merge {\"domains\":{\"example.com\":{\"accounts\":{" accounts "}}}}"

static void end(struct stage **s)
{
    struct slapdtest *server = (*s)->a->server;

    stage_free(s);
    slapdtest_free(&server);
}

/* People, and the group staff of the first two. */
static struct stage *begin(size_t people, const char *keys, const char *overrides)
{
    struct stage *s = stage_new(run_company(&QUICK_SERVER, people), keys, overrides);

    DO(s->a, slapdtest_add(s->a->server, GROUPS, "objectClass: organizationalUnit\nou: groups\n"));
    DO(s->a, slapdtest_add(
                 s->a->server, "cn=staff," GROUPS,
                 "objectClass: groupOfNames\ncn: staff\nmember: " PERSON("000001") "\nmember: " PERSON("000002") "\n"));
    return s;
}

static void start(struct stage *s)
{
    axsync_start(s->a);
    axsync_await_settled(s->a);
}

static void has(struct stage *s, const char *text)
{
    CHECK(s->a, strstr(s->a->out, text) != NULL, "verify does not say \"%s\": %s%s", text, s->a->out, s->a->err);
}

static void has_not(struct stage *s, const char *text)
{
    CHECK(s->a, strstr(s->a->out, text) == NULL, "verify says \"%s\": %s", text, s->a->out);
}

static void expect(struct stage *s, int is, int code)
{
    CHECK(s->a, is == code, "verify: exit code %d, not %d: %s%s", is, code, s->a->out, s->a->err);
}

static void verify(struct stage *s, int code)
{
    expect(s, axsync_command(s->a, "verify", NULL), code);
}

static void repair(struct stage *s, int code)
{
    expect(s, axsync_command(s->a, "verify", "--repair", NULL), code);
}

Test(verify_target, in_sync, .timeout = 200)
{
    struct stage *s = begin(8, "retention = 3600", OF_NAMES);

    DO(s->a, slapdtest_add_value(s->a->server, PERSON("000001"), "carLicense", "boss"));
    start(s);
    verify(s, EX_OK);
    has(s, "corp: 8 accounts and 1 groups compared with the directory: no differences\n");
    has(s, "corp/mail: 8 accounts and 1 groups compared with the target: no differences\n");
    has(s, "corp: sink \"journal\" is a file: there is nothing to compare\n");
    /* Somebody retired is no stranger there, and nobody whom the state misses. */
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000008")));
    stage_await_number(s, "due", 1);
    axsync_stop(s->a);
    verify(s, EX_OK);
    has(s, "corp/mail: 7 accounts and 1 groups compared with the target: no differences\n");
    end(&s);
}

/* Whether SHOW escapes quotes and backslashes is not documented. */
Test(verify_target, quotes_shown_in_either_way, .timeout = 200)
{
    struct stage *s = begin(3, "retention = 3600", OF_NAMES);

    DO(s->a, slapdtest_add_value(s->a->server, PERSON("000001"), "title", "say \"hi\", 5\" \\ o'clock"));
    DO(s->a, slapdtest_add_value(s->a->server, PERSON("000002"), "title", "C:\\"));
    start(s);
    verify(s, EX_OK);
    emulator_control(s->e, "set escapes no");
    verify(s, EX_OK);
    emulator_control(s->e, MERGE("\"user000001\":{\"contactInfo\":{\"position\":\"say \\\"hi\\\", 5 \\\\ o'clock\"}}"));
    verify(s, 1);
    has(s, "account user000001@example.com");
    end(&s);
}

static bool group_has(struct axsync *a, void *ctx)
{
    struct stage *s = ctx;
    json_t *group = emulator_group(s->e, "example.com", "staff");
    bool both = json_array_size(json_object_get(group, "addresses")) == 2;

    (void)a;
    json_decref(group);
    return both;
}

/* Each sort of change at the target; then all of it is given back but what is somebody else's. */
Test(verify_target, changed_there_and_repaired, .timeout = 300)
{
    struct stage *s = begin(8, "retention = 3600", OF_NAMES);

    DO(s->a, slapdtest_add_value(s->a->server, PERSON("000001"), "carLicense", "boss"));
    start(s);
    emulator_control(s->e, MERGE("\"user000001\":{\"aliases\":[\"hand\"],\"contactInfo\":{\"lastName\":\"Wrong\"}},"
                                 "\"user000003\":{\"settings\":{\"customerReference\":\"another system\"}},"
                                 "\"guest\":{}"));
    emulator_control(s->e, "remove example.com accounts user000002");
    emulator_control(
        s->e,
        "merge {\"domains\":{\"example.com\":{\"groups\":{\"staff\":{\"addresses\":[\"user000001@example.com\"]}}}}}");
    verify(s, 1);
    has(s, "corp/mail: account user000001@example.com (" PERSON(
               "000001") "): contactInfo.lastName is \"Wrong\" in the target, \"");
    has(s, "alias boss@example.com is in the state and not in the target\n");
    has_not(s, "hand");
    has(s, "corp/mail: account user000002@example.com (" PERSON(
               "000002") "): it is not there, as user000002@example.com\n");
    has(s, "account user000003@example.com (" PERSON(
               "000003") "): what is there is not ours: its customerReference is another system\n");
    has(s, "corp/mail: group staff@example.com (cn=staff," GROUPS
           "): member user000002@example.com is in the state and not in the target\n");
    has(s, "corp/mail: account guest@example.com: only the target has it, and it is not ours\n");
    has(s, "corp/mail: 8 accounts and 1 groups compared with the target: 4 differ");
    axsync_expect_error(s->a, "is parked");
    repair(s, 1);
    has(s, "corp: 0 entries are read again; sinks are told 3 objects and 1 members anew\n");
    stage_await_account(s, "user000002", true);
    stage_await_value(s, "user000001", "aliases", "[\"hand\",\"boss\"]");
    axsync_await(s->a, "the member is back", group_has, s);
    stage_await_number(s, "parked", 1); /* the one that is somebody else's now */
    stage_await_value(s, "user000003", "settings.customerReference", "another system");
    axsync_await_settled(s->a);
    verify(s, EX_OK);
    has(s, "corp/mail: 7 accounts and 1 groups compared with the target: no differences; no difference: 1 queued or "
           "parked\n");
    CHECK(s->a, emulator_counter(s->e, "accountsRemoved") == 0, "an account was removed");
    end(&s);
}

/* A mark in our form that nobody has is told, and what carries it stays as it is. */
Test(verify_target, strangers_are_never_touched, .timeout = 200)
{
    struct stage *s = begin(3, NULL, OF_NAMES);

    start(s);
    emulator_control(s->e,
                     MERGE("\"ghost\":{\"settings\":{\"customerReference\":\"01010101-0101-0101-0101-010101010101\"}},"
                           "\"guest\":{\"contactInfo\":{\"lastName\":\"Guest\"}}"));
    verify(s, 1);
    has(s, "account ghost@example.com: it carries a mark in our form (01010101-0101-0101-0101-010101010101) that the "
           "state does not "
           "know; axsync does not touch it\n");
    repair(s, 1);
    axsync_await_settled(s->a);
    stage_await_value(s, "guest", "contactInfo.lastName", "Guest");
    stage_await_value(s, "ghost", "settings.customerReference", "01010101-0101-0101-0101-010101010101");
    CHECK(s->a, emulator_counter(s->e, "accountsRemoved") == 0, "an account was removed");
    CHECK(s->a, emulator_counter(s->e, "accountsRenamed") == 0, "an account was renamed");
    end(&s);
}

Test(verify_target, what_is_parked_is_no_difference, .timeout = 200)
{
    struct stage *s = begin(3, "maxAttempts = 1", OF_NAMES);

    axsync_expect_error(s->a, "is parked");
    start(s);
    emulator_control(s->e, "rule refuse pattern 'SET*position*' text 'no such luck'");
    DO(s->a, slapdtest_replace(s->a->server, PERSON("000001"), "title", "Unwanted"));
    stage_await_number(s, "parked", 1);
    verify(s, EX_OK);
    has(s, "no difference: 1 queued or parked\n");
    end(&s);
}

/* The first run is shown, and nothing is done. */
Test(verify_target, preview, .timeout = 200)
{
    struct stage *s = begin(4, NULL, OF_NAMES);
    long commits = emulator_counter(s->e, "commits");

    emulator_control(
        s->e, MERGE("\"user000001\":{},\"user000002\":{\"settings\":{\"customerReference\":\"01010101-0101-0101-0101-"
                    "010101010101\"}},\"guest\":{},\"postmaster\":{}"));
    verify(s, EX_OK);
    has(s, "corp/mail: account user000001@example.com (" PERSON("000001") ") is there: would be taken over\n");
    has(s, "corp/mail: account user000002@example.com (" PERSON(
               "000002") ") would be parked: the account user000002@example.com is "
                         "that of another entry: its customerReference is 01010101-");
    has(s, "corp/mail: account user000003@example.com (" PERSON("000003") ") would be created\n");
    has(s, "corp/mail: group staff@example.com (cn=staff," GROUPS ") would be created\n");
    has(s, "corp/mail: account guest@example.com: only the target has it: would be left alone\n");
    has(s, "corp/mail: nothing was told to it yet: 3 would be created, 1 taken over, 0 kept, 1 parked or wait; 2 only "
           "the target has\n");
    CHECK(s->a, emulator_counter(s->e, "commits") == commits, "something was saved there");
    /* It comes true. */
    axsync_expect_error(s->a, "is parked");
    start(s);
    stage_await_number(s, "parked", 1);
    CHECK(s->a, emulator_counter(s->e, "accountsAdded") == 2, "not two accounts were made");
    end(&s);
}

/* A sink that is new is shown the same way, from the state. */
Test(verify_target, preview_of_a_new_sink, .timeout = 200)
{
    struct stage *s = begin(3, NULL, OF_NAMES);

    stage_configure(s, NULL, OF_NAMES, false);
    axsync_start(s->a);
    axsync_await_settled(s->a);
    axsync_stop(s->a);
    stage_configure(s, NULL, OF_NAMES, true);
    verify(s, EX_OK);
    has(s, "corp: 3 accounts and 1 groups compared with the directory: no differences\n");
    has(s, "corp/mail: nothing was told to it yet: 4 would be created, 0 taken over, 0 kept, 0 parked or wait; 0 only "
           "the target has\n");
    end(&s);
}

/* Without a daemon: it is stored, and goes on with the next run. */
Test(verify_target, repaired_without_a_daemon, .timeout = 200)
{
    struct stage *s = begin(4, NULL, OF_NAMES);

    start(s);
    axsync_stop(s->a);
    emulator_control(s->e, MERGE("\"user000001\":{\"contactInfo\":{\"lastName\":\"Wrong\"}}"));
    DO(s->a, slapdtest_replace(s->a->server, PERSON("000002"), "title", "Changed"));
    repair(s, 1);
    has(s, "corp: all entries are read anew, since 1 differ; sinks are told 1 objects and 0 members anew (no daemon "
           "runs: it goes on "
           "when one does)\n");
    start(s);
    stage_await_mailboxes(s);
    verify(s, EX_OK);
    has(s, "compared with the target: no differences");
    end(&s);
}

/* In the state only: a daemon that runs reads the entry again. What is gone goes the way of every absence. */
Test(verify_target, repaired_in_the_state, .timeout = 200)
{
    struct stage *s =
        begin(12, "retention = 3600", OF_NAMES "mode = \"refresh\"\npollingInterval = 3600\ndeleteGrace = 1\n");

    axsync_start(s->a); /* between two polls it counts as waiting, and is never settled */
    stage_await_mailboxes(s);
    stage_await_number(s, "queued", 0);
    DO(s->a, slapdtest_replace(s->a->server, PERSON("000001"), "title", "Changed"));
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000002")));
    verify(s, 1);
    has(s, "it is in the state and not in the directory\n");
    repair(s, 1);
    has(s, "corp: 2 entries are read again; sinks are told 0 objects and 0 members anew\n");
    stage_await_value(s, "user000001", "contactInfo.position", "Changed");
    stage_await_number(s, "due", 1);
    stage_await_number(s, "queued", 0);
    verify(s, EX_OK);
    CHECK(s->a, emulator_counter(s->e, "accountsRemoved") == 0, "an account was removed at once");
    end(&s);
}

Test(verify_target, out_of_reach, .timeout = 200)
{
    struct stage *s = begin(2, NULL, OF_NAMES);

    start(s);
    axsync_stop(s->a);
    emulator_control(s->e, "set accept no");
    verify(s, EX_UNAVAILABLE);
    has(s, "compared with the directory: no differences\n");
    CHECK(s->a, strstr(s->a->err, "corp: sink \"mail\": ") != NULL, "it says: %s", s->a->err);
    emulator_control(s->e, "set accept yes");
    end(&s);
}
