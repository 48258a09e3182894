/* `axsync verify` on a real server: what the state and the directory have not in common, what explains it, and that
 * nothing is said where there is nothing. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "axsync_test.h"

#define GROUPS "ou=groups," SUFFIX
#define OF_NAMES "groupBaseDN = \"" GROUPS "\"\ngroupNameAttribute = \"cn\"\n"

static void has(struct axsync *a, const char *text)
{
    CHECK(a, strstr(a->out, text) != NULL, "verify does not say \"%s\": %s%s", text, a->out, a->err);
}

static void has_not(struct axsync *a, const char *text)
{
    CHECK(a, strstr(a->out, text) == NULL, "verify says \"%s\": %s", text, a->out);
}

static void verify(struct axsync *a, int code)
{
    int is = axsync_command(a, "verify", NULL);

    CHECK(a, is == code, "verify: exit code %d, not %d: %s%s", is, code, a->out, a->err);
}

static void settled(struct axsync *a)
{
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
}

Test(verify, in_sync, .timeout = 200)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 20), NULL);

    axsync_start(a);
    settled(a);
    verify(a, EX_OK);
    has(a, "corp: 20 accounts and 0 groups compared with the directory: no differences\n");
    axsync_stop(a);
    verify(a, EX_OK);
    has(a, "no differences\n");
    end_company(&a);
}

/* Each sort of change, made while nobody looked. */
Test(verify, changed_behind_its_back, .timeout = 200)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 20), "deleteGrace = 3600\nguard { settle = 3600 }\n");

    axsync_start(a);
    axsync_await_mirror(a, NULL);
    axsync_await_caught_up(a);
    axsync_stop(a);
    DO(a, slapdtest_delete(a->server, PERSON("000001")));
    DO(a, slapdtest_rename(a->server, PERSON("000002"), "uid=user000002", AWAY));
    DO(a, slapdtest_replace(a->server, PERSON("000003"), "title", "Changed"));
    DO(a, slapdtest_replace(a->server, PERSON("000004"), "givenName", NULL));
    DO(a, slapdtest_replace(a->server, PERSON("000005"), "mail", "five@example.com"));
    DO(a, slapdtest_rename(a->server, PERSON("000006"), "uid=six", NULL));
    DO(a, slapdtest_add(a->server, "uid=new," PEOPLE,
                        "objectClass: inetOrgPerson\ncn: n\nsn: n\nmail: new@example.com\n"));
    verify(a, 1);
    has(a, "corp: account user000001@example.com (uuid ");
    has(a, "): it is in the state and not in the directory\n");
    has(a, "it is in the state, and its entry does not match base or filter any more");
    has(a, "contactInfo.position is ");
    has(a, "\"Changed\" in the directory");
    has(a, "not set in the directory");
    has(a, "address is \"user000005@example.com\" in the state, \"five@example.com\" in the directory");
    has(a, "dn is \"" PERSON("000006") "\" in the state, \"uid=six," PEOPLE "\" in the directory");
    has(a, "account new@example.com (uid=new," PEOPLE);
    has(a, "): it is in the directory and not in the state\n");
    has(a, "corp: 19 accounts and 0 groups compared with the directory: 7 differ\n");
    has_not(a, "user000007");
    /* Taken in; what takes away waits, and is no difference. */
    axsync_start(a);
    axsync_await_caught_up(a);
    verify(a, EX_OK);
    has(a, "no differences; no difference: 3 waiting");
    end_company(&a);
}

static bool has_hold(struct axsync *a, void *ctx)
{
    json_t *status = axsync_peek(a);
    bool held = json_array_size(json_object_get(status, "holds")) > 0;

    (void)ctx;
    json_decref(status);
    return held;
}

Test(verify, held_and_rejected_are_no_difference, .timeout = 200)
{
    struct axsync *a =
        axsync_new(run_company(&QUICK_SERVER, 10), "deleteGrace = 1\nguard { maxDeletes = 1  settle = 1 }\n");

    axsync_expect_error(a, " hold ");
    axsync_start(a);
    settled(a);
    DO(a, slapdtest_delete(a->server, PERSON("000001")));
    DO(a, slapdtest_delete(a->server, PERSON("000002")));
    DO(a, slapdtest_delete(a->server, PERSON("000003")));
    axsync_await(a, "a hold", has_hold, NULL);
    verify(a, EX_OK);
    has(a, "no difference: 3 held");
    CHECK(a, axsync_command(a, "reject", "1", NULL) == EX_OK, "reject failed: %s", a->err);
    verify(a, EX_OK);
    has(a, "no difference: 3 rejected");
    end_company(&a);
}

Test(verify, conflicts_and_invalid_entries, .timeout = 200)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 3), "attribute \"carLicense\" { field = \"aliases\" }\n");

    DO(a, slapdtest_add(a->server, "uid=second," PEOPLE,
                        "objectClass: inetOrgPerson\ncn: s\nsn: s\nmail: user000001@example.com\n"));
    DO(a, slapdtest_add(a->server, "uid=nameless," PEOPLE, "objectClass: inetOrgPerson\ncn: n\nsn: n\n"));
    DO(a, slapdtest_add_value(a->server, PERSON("000002"), "carLicense", "user000001"));
    axsync_start(a);
    axsync_await_caught_up(a);
    verify(a, EX_OK);
    has(a, "1 invalid, 1 in conflict, 1 aliases left out");
    end_company(&a);
}

Test(verify, members_of_groups, .timeout = 200)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 5), OF_NAMES);

    DO(a, slapdtest_add(a->server, GROUPS, "objectClass: organizationalUnit\nou: groups\n"));
    DO(a, slapdtest_add(
              a->server, "cn=staff," GROUPS,
              "objectClass: groupOfNames\ncn: staff\nmember: " PERSON("000001") "\nmember: " PERSON("000002") "\n"));
    axsync_start(a);
    axsync_await_caught_up(a);
    verify(a, EX_OK);
    has(a, "5 accounts and 1 groups");
    axsync_stop(a);
    DO(a, slapdtest_add_value(a->server, "cn=staff," GROUPS, "member", PERSON("000003")));
    DO(a, slapdtest_delete_value(a->server, "cn=staff," GROUPS, "member", PERSON("000001")));
    verify(a, 1);
    has(a, "corp: group staff@example.com (cn=staff," GROUPS);
    has(a, "member uid=user000001,ou=people,dc=example,dc=com is in the state and not in the directory");
    has(a, "member uid=user000003,ou=people,dc=example,dc=com is in the directory and not in the state");
    has(a, "1 differ\n");
    end_company(&a);
}

/* With look-ups by list, and more changes than fit one filter. */
Test(verify, very_many, .timeout = 300)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 2600), NULL);

    axsync_start(a);
    axsync_await_caught_up(a);
    axsync_stop(a);
    for (int i = 1; i <= 2200; i++) {
        char dn[80];

        snprintf(dn, sizeof(dn), "uid=user%06d," PEOPLE, i);
        DO(a, slapdtest_replace(a->server, dn, "title", "Changed"));
    }
    verify(a, 1);
    has(a, "2600 accounts and 0 groups compared with the directory: 2200 differ\n");
    end_company(&a);
}

Test(verify, before_the_first_run, .timeout = 200)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 3), NULL);

    DO(a, slapdtest_add(a->server, "uid=second," PEOPLE,
                        "objectClass: inetOrgPerson\ncn: s\nsn: s\nmail: user000001@example.com\n"));
    DO(a, slapdtest_add(a->server, "uid=nameless," PEOPLE, "objectClass: inetOrgPerson\ncn: n\nsn: n\n"));
    verify(a, EX_OK);
    has(a, "corp: account user000002@example.com (" PERSON("000002") ") would be taken in\n");
    has(a, "would wait: somebody else has its address");
    has(a, "account - (uid=nameless," PEOPLE ") would be left alone, it is invalid: ");
    has(a, "the first run would take in 3 accounts and 0 groups; no difference: 1 invalid, 1 in conflict\n");
    end_company(&a);
}

Test(verify, exit_codes, .timeout = 200)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 1), NULL);

    axsync_start(a);
    settled(a);
    axsync_stop(a);
    DO(a, slapdtest_stop(a->server));
    verify(a, EX_UNAVAILABLE);
    CHECK(a, strstr(a->err, "corp: ") != NULL && strstr(a->err, "Can't contact LDAP server") != NULL, "it says: %s",
          a->err);
    axsync_write_config(a, "connector {\n");
    verify(a, EX_CONFIG);
    end_company(&a);
}
