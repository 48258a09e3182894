/* `axsync entry` on a real server: why has this person no mailbox? One of each condition, the first that fails is named. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "axsync_test.h"

#define CONDITIONS                                                                                                       \
    "accountScope = \"one\"\naccountAdditionalFilter = \"(!(employeeType=robot))\"\nclusteredSetup = yes\n"                 \
    "axigenHostField = \"destinationIndicator\"\naxigenHost = \"here\"\n"

/* A person that is mirrored unless `more` says otherwise. */
static void add_person(struct axsync *a, const char *dn, const char *class, const char *more)
{
    char *attributes = NULL;

    CHECK(a, asprintf(&attributes, "objectClass: %s\ncn: x\nsn: x\n%s", class, more) > 0, "no memory");
    DO(a, slapdtest_add(a->server, dn, attributes));
    free(attributes);
}

static void says(struct axsync *a, int code, const char *word, const char *text)
{
    int is = axsync_command(a, "entry", word, NULL);

    CHECK(a, is == code, "entry %s: exit code %d, not %d: %s%s", word, is, code, a->out, a->err);
    CHECK(a, strstr(a->out, text) != NULL || strstr(a->err, text) != NULL, "entry %s does not say \"%s\": %s%s", word, text, a->out,
          a->err);
}

static void says_not(struct axsync *a, const char *text)
{
    CHECK(a, strstr(a->out, text) == NULL, "it says \"%s\": %s", text, a->out);
}

#define HERE "destinationIndicator: here\n"

Test(entry, first_condition_that_fails, .timeout = 120)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 1), CONDITIONS);
    char *uuid;

    add_person(a, "uid=away," AWAY, "inetOrgPerson", HERE "mail: away@example.com\n");
    add_person(a, "uid=deep," PERSON("000001"), "inetOrgPerson", HERE "mail: deep@example.com\n");
    add_person(a, "cn=x," PEOPLE, "organizationalPerson", "destinationIndicator: there\n");
    add_person(a, "uid=robot," PEOPLE, "inetOrgPerson", "employeeType: robot\nmail: robot@example.com\n");
    add_person(a, "uid=there," PEOPLE, "inetOrgPerson", "destinationIndicator: there\nmail: there@example.com\n");
    add_person(a, "uid=nowhere," PEOPLE, "inetOrgPerson", "mail: nowhere@example.com\n");
    add_person(a, "uid=nameless," PEOPLE, "inetOrgPerson", HERE);
    add_person(a, "uid=right," PEOPLE, "inetOrgPerson", HERE "mail: right@example.com\n");

    says(a, EX_OK, "away@example.com", "base: it does not lie under accountBaseDN " PEOPLE);
    says(a, EX_OK, "UID=Deep, " PERSON("000001"), "base: accountScope is one, and it lies 2 levels below " PEOPLE);
    says(a, EX_OK, "cn=x," PEOPLE, "class: it does not have accountObjectClass inetOrgPerson; it has organizationalPerson");
    says_not(a, "host:"); /* which comes later */
    says(a, EX_OK, "robot@example.com", "filter: it does not match accountAdditionalFilter (!(employeeType=robot))");
    says(a, EX_OK, "there@example.com", "host: its destinationIndicator is there, and axigenHost is here");
    says(a, EX_OK, "nowhere", "host: its host can't be read"); /* a bare local part gets the domain */
    says(a, EX_OK, "uid=nameless," PEOPLE, "address: it has no mail");
    says(a, EX_OK, "right@example.com", "it meets all conditions, as right@example.com");
    uuid = slapdtest_entry_uuid(a->server, "uid=away," AWAY);
    says(a, EX_OK, uuid, "dn                           uid=away," AWAY);
    free(uuid);
    end_company(&a);
}

Test(entry, exit_codes, .timeout = 120)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 1), NULL);

    says(a, EX_NOUSER, "nobody@example.com", "nothing is known of nobody@example.com");
    says(a, EX_NOUSER, "uid=nobody," PEOPLE, "nothing is known of");
    says(a, EX_NOUSER, "01010101-0101-0101-0101-010101010101", "nothing is known of");
    says(a, EX_NOUSER, "*)(objectClass=*", "nothing is known of"); /* no filter of its own */
    DO(a, slapdtest_stop(a->server));
    says(a, EX_UNAVAILABLE, "user000001@example.com", "Can't contact LDAP server");
    axsync_write_config(a, "connector {\n");
    says(a, EX_CONFIG, "user000001@example.com", ":1:");
    end_company(&a);
}

/* Rights of the bind DN are a reason like others: the words are those of what it sees. */
Test(entry, what_the_reader_may_not_see, .timeout = 120)
{
    static const char *const hidden[] = {"to dn.base=\"" PERSON("000001") "\" by * none", "to attrs=mail by * none",
                                         "to * by * read", NULL};
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 2), NULL);

    DO(a, slapdtest_set_access(a->server, hidden));
    says(a, EX_NOUSER, PERSON("000001"), "shows no such entry to the bind DN");
    says(a, EX_OK, PERSON("000002"), "address: it has no mail");
    end_company(&a);
}

static bool has_conflict(struct axsync *a, void *ctx)
{
    json_t *status = axsync_peek(a);
    bool has = status != NULL && axsync_entries(status, "conflicts") == 1;

    (void)ctx;
    json_decref(status);
    return has;
}

/* An alias that somebody else has: named with him, and his no more when he is renamed. */
Test(entry, alias_left_out, .timeout = 120)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 2), "attribute \"employeeNumber\" { field = \"aliases\" }");

    axsync_start(a);
    axsync_await_settled(a);
    add_person(a, "uid=second," PEOPLE, "inetOrgPerson", "mail: second@example.com\nemployeeNumber: user000001\n");
    axsync_await(a, "a conflict", has_conflict, NULL);
    says(a, EX_OK, "second@example.com", "alias left out               user000001@example.com");
    says(a, EX_OK, "second@example.com", "which belongs to             " PERSON("000001"));
    CHECK(a, axsync_command(a, "status", NULL) == EX_OK, "status: %s", a->err);
    CHECK(a, strstr(a->out, "waits for the alias user000001@example.com, which belongs to") != NULL, "status: %s", a->out);
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "mail", "first@example.com"));
    axsync_await_caught_up(a);
    says(a, EX_OK, "user000001@example.com", "aliases                      user000001@example.com");
    says_not(a, "left out");
    end_company(&a);
}

Test(entry, known_to_the_state, .timeout = 120)
{
    struct axsync *a = axsync_new(run_company(&QUICK_SERVER, 2), "deleteGrace = 3600");

    axsync_start(a);
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    add_person(a, "uid=second," PEOPLE, "inetOrgPerson", "mail: user000001@example.com\n");
    axsync_await(a, "a conflict", has_conflict, NULL);
    says(a, EX_OK, PERSON("000001"), "account, mirrored");
    says_not(a, "in the directory"); /* there is nothing to ask */
    says(a, EX_OK, "uid=second," PEOPLE, "waits for the address        user000001@example.com");
    says(a, EX_OK, "uid=second," PEOPLE, "conflict: the address user000001@example.com belongs to " PERSON("000001"));
    DO(a, slapdtest_rename(a->server, PERSON("000002"), "uid=user000002", AWAY));
    axsync_await_caught_up(a);
    says(a, EX_OK, "user000002@example.com", "pending: deletion, cause leave");
    says(a, EX_OK, "user000002@example.com", "base: it does not lie under accountBaseDN " PEOPLE);
    DO(a, slapdtest_stop(a->server));
    says(a, EX_OK, "uid=second," PEOPLE, "directory                    corp: "); /* and the state's part all the same */
    end_company(&a);
}
