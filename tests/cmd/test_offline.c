/* Commands on a state that no daemon has. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "config.h"
#include "daemon.h"
#include "support.h"

Test(offline, without_any_state)
{
    char *conf = test_config(), *state = test_path("state");
    struct stat st;

    EXPECT(EX_UNAVAILABLE, "There is no state in", "no daemon is running", "status", "-c", conf);
    EXPECT(EX_OK, "Nothing is held.", NULL, "holds", "-c", conf);
    EXPECT(EX_OK, "There is no state", NULL, "queue", "-c", conf);
    EXPECT(EX_OK, NULL, "there is no state", "dump", "-c", conf);
    EXPECT(EX_NOUSER, NULL, "no state", "approve", "7", "-c", conf);
    EXPECT(EX_UNAVAILABLE, NULL, "corp: ldap://127.255.255.254:1", "entry", "x@example.com", "-c", conf);
    cr_assert_neq(stat(state, &st), 0, "a command that only looks has made the state folder");
    free(state);
    free(conf);
}

Test(offline, status_tells_what_is_stored)
{
    char *conf = test_config();
    struct run r;
    json_t *status, *c;

    fill_state();
    EXPECT(EX_UNAVAILABLE, "invalid      uid=mal\\x1b[2Jlory,ou=people: it has no mail", "no daemon", "status", "-c",
           conf);
    EXPECT(EX_UNAVAILABLE,
           "conflict     uid=carol,ou=people waits for bob@example.com, which belongs to uid=bob,ou=people", NULL,
           "status", "-c", conf);
    EXPECT(EX_UNAVAILABLE, "HOLD         7.2: 2 × account.delete", NULL, "status", "-c", conf);
    run_axsync(&r, (const char *const[]){"status", "--json", "-c", conf, NULL});
    cr_assert_eq(r.code, EX_UNAVAILABLE);
    status = json_loads(r.out, 0, NULL);
    cr_assert_not_null(status, "%s", r.out);
    cr_assert(json_is_null(json_object_get(status, "pid")));
    c = json_array_get(json_object_get(status, "connectors"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(c, "phase")), "stopped");
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(c, "entries"), "accounts")), 5);
    cr_assert_eq(json_integer_value(json_object_get(json_object_get(c, "entries"), "orphans")), 1);
    c = json_array_get(json_object_get(c, "sinks"), 0);
    cr_assert_eq(json_integer_value(json_object_get(c, "acked")), 1);
    cr_assert_eq(json_integer_value(json_object_get(c, "queued")), 2);
    json_decref(status);
    run_free(&r);
    free(conf);
}

Test(offline, holds)
{
    char *conf = test_config();

    fill_state();
    EXPECT(EX_OK, "7.2  corp       open   account.delete  -      2      ", NULL, "holds", "-c", conf);
    EXPECT(EX_OK, "Opened because of 2 deletions of accounts: that is all of them", NULL, "holds", "7", "-c", conf);
    EXPECT(EX_OK,
           "2  delete account  bob@example.com    absent  2023-11-14 22:13:20 UTC  02020202-0202-0202-0202-020202020202"
           "  uid=bob,ou=people",
           NULL, "holds", "7", "-c", conf);
    EXPECT(EX_OK, "axsync approve 7.2", NULL, "holds", "7.2", "-c", conf);
    EXPECT(EX_NOUSER, NULL, "there is no hold 8", "holds", "8", "-c", conf);
    EXPECT(EX_NOUSER, NULL, "there is no hold 8", "reject", "8", "-c", conf);
    free(conf);
}

Test(offline, reject_and_approve)
{
    char *conf = test_config();

    fill_state();
    EXPECT(EX_OK, "rejected 2 of hold 7", NULL, "reject", "7.2", "-c", conf);
    EXPECT(EX_OK, "rejected", NULL, "holds", "-c", conf);
    EXPECT(EX_OK, "orphan: its deletion was rejected", NULL, "entry", "alice@example.com", "-c", conf);
    EXPECT(EX_OK, "approved 2 of hold 7", NULL, "holds", "approve", "7", "-c", conf);
    EXPECT(EX_OK, "Nothing is held.", NULL, "holds", "-c", conf);
    free(conf);
}

Test(offline, dump)
{
    static const char expected[] =
        "{\"kind\":\"account\",\"uuid\":\"01010101-0101-0101-0101-010101010101\",\"dn\":\"uid=alice,ou=people\","
        "\"address\":"
        "\"alice@example.com\",\"set\":{\"aliases\":[\"ali@example.com\"],\"contactInfo.lastName\":\"Liddell\"},"
        "\"state\":"
        "\"held\"}\n"
        "{\"kind\":\"account\",\"uuid\":\"02020202-0202-0202-0202-020202020202\",\"dn\":\"uid=bob,ou=people\","
        "\"address\":"
        "\"bob@example.com\",\"set\":{\"contactInfo.lastName\":\"Liddell\"},\"state\":\"held\"}\n"
        "{\"kind\":\"account\",\"uuid\":\"03030303-0303-0303-0303-030303030303\",\"dn\":\"uid=carol,ou=people\","
        "\"address\":"
        "\"carol@example.com\",\"set\":{\"contactInfo.lastName\":\"Liddell\"},\"state\":\"conflict\"}\n"
        "{\"kind\":\"account\",\"uuid\":\"04040404-0404-0404-0404-040404040404\",\"dn\":\"uid=dave,ou=people\","
        "\"address\":"
        "\"dave@example.com\",\"set\":{\"contactInfo.lastName\":\"Liddell\"},\"state\":\"orphan\"}\n"
        "{\"kind\":\"account\",\"uuid\":\"06060606-0606-0606-0606-060606060606\",\"dn\":\"uid=frank,ou=people\","
        "\"address\":"
        "\"frank@example.com\",\"set\":{\"contactInfo.lastName\":\"Liddell\"},\"state\":\"mirrored\"}\n";
    char *conf = test_config();
    struct run r;

    fill_state();
    run_axsync(&r, (const char *const[]){"dump", "-c", conf, NULL});
    cr_assert_eq(r.code, EX_OK);
    cr_assert_str_eq(r.out, expected);
    cr_assert_str_empty(r.err);
    run_free(&r);
    free(conf);
}

Test(offline, queue)
{
    char *conf = test_config();

    fill_state();
    EXPECT(EX_OK,
           "corp/journal  1        2       2 account.create bob@example.com, 2023-11-14T22:13:20.  goes on when axsync "
           "runs",
           NULL, "queue", "-c", conf);
    EXPECT(EX_OK, "corp/journal", NULL, "queue", "list", "-c", conf);
    EXPECT(EX_OK, "corp: nothing to retry", NULL, "queue", "retry", "--all", "-c", conf);
    EXPECT(EX_NOUSER, NULL, "there is no action corp/journal/2 (any more)", "queue", "drop", "corp/journal/2", "-c", conf);
    free(conf);
}

Test(offline, queue_of_what_was_set_aside)
{
    char *conf = test_config();

    fill_state();
    set_aside();
    EXPECT(EX_OK, "queue retry, or drop: -ERR: \\x1b no", NULL, "queue", "-c", conf);
    EXPECT(EX_OK, "stands behind 1, which is parked", NULL, "queue", "-c", conf);
    EXPECT(EX_NOUSER, NULL, "there is no action corp/journal/7 (any more)", "queue", "retry", "corp/journal/1",
           "corp/journal/7", "-c", conf);
    EXPECT(EX_USAGE, NULL, "'corp/journal' is not CONNECTOR/SINK/SEQ", "queue", "retry", "corp/journal", "-c", conf);
    EXPECT(EX_NOUSER, NULL, "there is no connector \"x\"", "queue", "retry", "x/journal/1", "-c", conf);
    EXPECT(EX_NOUSER, NULL, "not waiting to be adopted: corp/journal/1", "queue", "adopt", "corp/journal/1", "-c", conf);
    EXPECT(EX_OK, "retrying 1 action of corp/journal", NULL, "queue", "retry", "corp/journal/2", "-c", conf);
    EXPECT(EX_OK, "is tried again by itself", NULL, "queue", "-c", conf);
    EXPECT(EX_OK, "dropped 1 action of corp/journal", NULL, "queue", "drop", "corp/journal/1", "-c", conf);
    free(conf);
}

Test(offline, queue_says_what_each_waits_for)
{
    char *conf = test_config();

    fill_state();
    set_waiting();
    EXPECT(EX_OK, "corp/journal/1  account.update  a@x.example    0        ", NULL, "queue", "-c", conf);
    EXPECT(EX_OK, "waits for its domain, and goes on by itself: another writer\ncorp/journal/2 ", NULL, "queue", "-c", conf);
    EXPECT(EX_OK, "waits for its domain, and goes on by itself: another writer\ncorp/journal/3 ", NULL, "queue", "-c", conf);
    EXPECT(EX_OK, "not tried yet, and is by itself\n", NULL, "queue", "-c", conf);
    EXPECT(EX_OK, "2023-11-14 22:13:20 UTC  still there\n", NULL, "queue", "-c", conf);
    EXPECT(EX_OK, "2023-11-14 22:13:20 UTC  is looked up, and removed if its entry is found nowhere\n", NULL, "queue", "-c", conf);
    EXPECT(EX_OK, "2096-10-02 07:06:40 UTC  then, if its entry is found nowhere\n", NULL, "queue", "-c", conf);
    EXPECT(EX_OK, "to be removed at journal: axsync-5@example.com, 2023-11-14 22:13:20 UTC: still there\n", NULL, "entry",
           "eve@example.com", "-c", conf);
    free(conf);
}

/* Such a removal may wait for years. */
Test(offline, what_waits_for_something_else_than_the_clock)
{
    char *conf = test_config();
    const char *words = "the rename of uid=frank,ou=people to bob@example.com, which belongs to uid=bob,ou=people\n";

    fill_state();
    set_leaving();
    EXPECT(EX_OK, words, NULL, "entry", "sales@example.com", "-c", conf);
    EXPECT(EX_OK, "removal of the member frank@example.com", NULL, "entry", "sales@example.com", "-c", conf);
    EXPECT(EX_OK, ", since another entry that has it is to be read first", NULL, "entry", "frank@example.com", "-c", conf);
    EXPECT(EX_UNAVAILABLE, "waiting      the removal of frank@example.com from sales@example.com waits for the rename", NULL, "status",
           "-c", conf);
    free(conf);
}

Test(offline, entry)
{
    char *conf = test_config();

    fill_state();
    EXPECT(EX_OK, "account, mirrored", NULL, "entry", "Ali@Example.com", "-c", conf);
    EXPECT(EX_OK, "account, gone: kept for its return", NULL, "entry", "eve@example.com", "-c", conf);
    EXPECT(EX_OK, "cause leave, as action 1", NULL, "entry", "uid=Eve, ou=people", "-c", conf);
    EXPECT(EX_OK, "held in hold 7.2, as number 1 of those that joined", NULL, "entry", "UID=alice, OU=people", "-c",
           conf);
    EXPECT(EX_OK, "queued: {\"seq\":1,", NULL, "entry", "01010101-0101-0101-0101-010101010101", "-c", conf);
    EXPECT(EX_OK, "which belongs to             uid=bob,ou=people", NULL, "entry", "carol@example.com", "-c", conf);
    EXPECT(EX_OK, "invalid                      it has no mail", NULL, "entry", "09090909-0909-0909-0909-090909090909",
           "-c", conf);
    EXPECT(EX_OK, "directory                    corp: ldap://127.255.255.254:1", NULL, "entry", "dave@example.com", "-c", conf);
    EXPECT(EX_UNAVAILABLE, NULL, "corp: ldap://127.255.255.254:1", "entry", "uid=nobody,ou=people", "-c", conf);
    free(conf);
}

Test(offline, resync_forgets_the_cookie)
{
    char *conf = test_config();

    EXPECT(EX_NOUSER, NULL, "there is no state", "resync", "-c", conf);
    fill_state();
    EXPECT(EX_OK, "cookies forgotten", NULL, "resync", "-c", conf);
    free(conf);
}

/* ---- the lock ----------------------------------------------------------------------------------------------- */

static struct config *read_config(const char *path)
{
    struct config_errors errors = {0};
    struct config *conf = config_read(path, &errors);

    cr_assert_not_null(conf, "%s", errors.n ? errors.lines[0] : "?");
    config_errors_free(&errors);
    return conf;
}

Test(offline, the_lock_is_one_program_s)
{
    char *path = test_config(), *pid = NULL;
    struct config *conf = read_config(path);
    struct err e = {0};
    int lock = state_lock(conf, &e);

    cr_assert_geq(lock, 0, "%s", e.text);
    cr_assert_gt(asprintf(&pid, "another axsync (pid %ld) has the state in", (long)getpid()), 0);
    cr_assert_lt(state_lock(conf, &e), 0);
    cr_assert_eq(e.class, ERR_TEMP);
    cr_assert_not_null(strstr(e.text, pid), "%s", e.text);
    EXPECT(EX_TEMPFAIL, NULL, pid, "run", "-c", path);
    EXPECT(EX_TEMPFAIL, NULL, pid, "run", "--once", "-c", path);
    EXPECT(EX_TEMPFAIL, NULL, pid, "resync", "-c", path);
    close(lock);
    lock = state_lock(conf, &e);
    cr_assert_geq(lock, 0, "a closed lock is free again");
    close(lock);
    config_free(&conf);
    free(path);
    free(pid);
}

/* As a command without a daemon does, which is done in a moment. Whenever it lets go, the other one gets it. */
static void *lets_go(void *lock)
{
    usleep(100000);
    close(*(int *)lock);
    return NULL;
}

Test(offline, the_lock_is_waited_for_a_moment)
{
    char *path = test_config();
    struct config *conf = read_config(path);
    struct err e = {0};
    int lock = state_lock(conf, &e), other;
    pthread_t thread;

    cr_assert_geq(lock, 0, "%s", e.text);
    cr_assert_eq(pthread_create(&thread, NULL, lets_go, &lock), 0);
    other = state_lock(conf, &e);
    cr_assert_geq(other, 0, "%s", e.text);
    pthread_join(thread, NULL);
    close(other);
    config_free(&conf);
    free(path);
}

Test(offline, the_highest_hold_number_of_all_states)
{
    char *path = test_config();
    struct config *conf = read_config(path);
    struct err e = {0};
    uint32_t high = 1;

    cr_assert_eq(state_hold_high(conf, &high, &e), 0);
    cr_assert_eq(high, 0);
    fill_state();
    cr_assert_eq(state_hold_high(conf, &high, &e), 0);
    cr_assert_eq(high, 7);
    config_free(&conf);
    free(path);
}

/* What of Axigen's schema file does not count is told, by check and by the daemon. */
Test(offline, names_what_is_axigen_s)
{
    char *schema = test_file("schema", "LdapSchema {\n  passwordField = userPassword\n}\n"), *conf = test_config_with(schema);

    EXPECT(EX_UNAVAILABLE, "/schema:2: passwordField is Axigen's, not axsync's, and is ignored", NULL, "check", "-c", conf);
    EXPECT(EX_UNAVAILABLE, NULL, "/schema:2: passwordField is Axigen's", "run", "--once", "-c", conf);
    EXPECT(EX_UNAVAILABLE, NULL, "/schema:2: passwordField is Axigen's", "run", "--dry-run", "-c", conf);
    free(conf);
    free(schema);
}

/* Nobody listens at the test's ldapURI. */
Test(offline, runs_without_a_directory)
{
    char *conf = test_config(), *state = test_path("state");
    struct stat st;

    EXPECT(EX_UNAVAILABLE, NULL, "127.255.255.254", "run", "--dry-run", "-c", conf);
    cr_assert_neq(stat(state, &st), 0, "a dry run has made the state folder");
    EXPECT(EX_UNAVAILABLE, NULL, "127.255.255.254", "run", "--once", "-c", conf);
    EXPECT(EX_UNAVAILABLE, "failed: corp: ", NULL, "check", "-c", conf);
    free(state);
    free(conf);
}
