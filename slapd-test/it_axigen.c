/* The whole program with an Axigen sink: a real slapd at one end, the emulator of Axigen's CLI at the other. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "axsync_axigen.h"
#include "axsync_internal.h"
#include "axsync_test.h"

static void end(struct stage **s)
{
    struct slapdtest *server = (*s)->a->server;

    stage_free(s);
    slapdtest_free(&server);
}

static struct stage *begin(size_t people, const char *keys, const char *overrides)
{
    return stage_new(run_company(&QUICK_SERVER, people), keys, overrides);
}

static void add_person(struct stage *s, const char *uid, const char *mail)
{
    DO(s->a, slapdtest_ldif_f(s->a->server,
                              "dn: uid=%s," PEOPLE "\nobjectClass: inetOrgPerson\ncn: %s\nsn: %s\nmail: %s\n", uid, uid, uid,
                              mail));
}

static void start(struct stage *s)
{
    axsync_start(s->a);
    axsync_await_caught_up(s->a);
}

/* `axsync WORD …` prints this. */
static void expect_output(struct stage *s, const char *text)
{
    CHECK(s->a, strstr(s->a->out, text) != NULL, "not printed: %s", text);
}

static void queue_shows(struct stage *s, const char *text)
{
    CHECK(s->a, axsync_command(s->a, "queue", NULL) == EX_OK, "axsync queue failed");
    expect_output(s, text);
}

/* ---- a life ---------------------------------------------------------------------------------------------------- */

/* Who an account was made for, and its mailbox, whatever it is called by now. */
static void check_mail(struct stage *s, const char *name, const char *made_as)
{
    char *mail = stage_value(s, name, "mail"), *should = axsync_i_text("mail of %s@example.com,", made_as);

    CHECK(s->a, strncmp(mail, should, strlen(should)) == 0, "%s has the %s", name, mail);
    free(should);
    free(mail);
}

Test(axigen, accounts_follow_the_directory, .timeout = 200)
{
    struct stage *s = begin(12, "retention = 3600", NULL);

    DO(s->a, slapdtest_add_value(s->a->server, PERSON("000001"), "carLicense", "boss"));
    start(s);
    stage_await_mailboxes(s);
    DO(s->a, slapdtest_replace(s->a->server, PERSON("000001"), "title", "\"Head\" of \\ 'all' – é; COMMIT"));
    DO(s->a, slapdtest_add_value(s->a->server, PERSON("000001"), "carLicense", "chief@example.com"));
    DO(s->a, slapdtest_replace(s->a->server, PERSON("000002"), "mobile", NULL));
    DO(s->a, slapdtest_replace(s->a->server, PERSON("000003"), "mail", "three@example.com"));
    stage_await_mailboxes(s);
    check_mail(s, "three", "user000003");
    DO(s->a, slapdtest_delete_value(s->a->server, PERSON("000001"), "carLicense", "boss"));
    DO(s->a, slapdtest_rename(s->a->server, PERSON("000004"), "uid=four", NULL));
    add_person(s, "new", "new@example.com");
    stage_await_mailboxes(s);
    end(&s);
}

/* Two people exchange their addresses; each keeps the mail. */
Test(axigen, addresses_are_exchanged, .timeout = 200)
{
    struct stage *s = begin(4, NULL, NULL);

    start(s);
    DO(s->a, slapdtest_ldif(s->a->server,
                            "dn: " PERSON("000001") "\nchangetype: modify\nreplace: mail\nmail: user000002@example.com\n\n"
                            "dn: " PERSON("000002") "\nchangetype: modify\nreplace: mail\nmail: user000001@example.com\n"));
    stage_await_mailboxes(s);
    check_mail(s, "user000001", "user000002");
    check_mail(s, "user000002", "user000001");
    end(&s);
}

static char *retired_name(struct stage *s, const char *dn)
{
    char *uuid = slapdtest_entry_uuid(s->a->server, dn), *name;

    CHECK(s->a, uuid != NULL, "%s", slapdtest_error(s->a->server));
    name = axsync_i_text("axsync-%s", uuid);
    free(uuid);
    return name;
}

/* Retired at once, listed as due, removed when its time has come, over a restart. */
Test(axigen, somebody_deleted_is_retired_and_then_removed, .timeout = 200)
{
    struct stage *s = begin(10, "retention = 6", NULL);
    char *retired = retired_name(s, PERSON("000001"));

    DO(s->a, slapdtest_add_value(s->a->server, PERSON("000001"), "carLicense", "boss"));
    start(s);
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000001")));
    stage_await_account(s, retired, true);
    stage_await_number(s, "due", 1);
    queue_shows(s, retired);
    stage_await_value(s, retired, "limits.services", "[]");
    stage_await_value(s, retired, "aliases", "");
    check_mail(s, retired, "user000001");
    stage_await_mailboxes(s);
    axsync_stop(s->a);
    axsync_start(s->a);
    add_person(s, "next", "user000001@example.com");   /* the address is free, the mail is another's */
    stage_await_account(s, retired, false);
    stage_await_number(s, "due", 0);
    stage_await_mailboxes(s);
    CHECK(s->a, emulator_counter(s->e, "accountsRemoved") == 1, "more than one account was removed");
    free(retired);
    end(&s);
}

static bool queue_has(struct axsync *a, void *text)
{
    return axsync_command(a, "queue", NULL) == EX_OK && strstr(a->out, text) != NULL;
}

static void await_queue(struct stage *s, const char *text)
{
    axsync_await(s->a, text, queue_has, (void *)(uintptr_t)text);
}

/* Nobody can say that the entry is nowhere. */
Test(axigen, nobody_is_removed_while_the_directory_is_away, .timeout = 200)
{
    struct stage *s = begin(5, "retention = 5", NULL);
    char *retired = retired_name(s, PERSON("000001"));

    start(s);
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000001")));
    stage_await_number(s, "due", 1);
    DO(s->a, slapdtest_stop(s->a->server));
    await_queue(s, "is looked up, and removed if its entry is found nowhere");
    stage_await_account(s, retired, true);
    CHECK(s->a, emulator_counter(s->e, "accountsRemoved") == 0, "it was removed unseen");
    DO(s->a, slapdtest_start(s->a->server));
    stage_await_account(s, retired, false);
    stage_await_number(s, "due", 0);
    free(retired);
    end(&s);
}

/* One who left, is still there, and is then deleted too. */
Test(axigen, who_left_is_removed_when_his_entry_is_nowhere, .timeout = 200)
{
    struct stage *s = begin(5, "retention = 1  leavePolicy = \"remove\"", "reconcileInterval = 2");
    char *retired = retired_name(s, PERSON("000001"));

    start(s);
    DO(s->a, slapdtest_rename(s->a->server, PERSON("000001"), "uid=user000001", AWAY));
    stage_await_account(s, retired, true);
    await_queue(s, "its entry is still in the directory");
    CHECK(s->a, axsync_command(s->a, "entry", "user000001@example.com", NULL) == EX_OK, "%s", s->a->err);
    expect_output(s, "to be removed at mail: axsync-");
    expect_output(s, "its entry is still in the directory");
    stage_await_account(s, retired, true);
    DO(s->a, slapdtest_delete(s->a->server, "uid=user000001," AWAY));
    stage_await_account(s, retired, false);
    free(retired);
    end(&s);
}

/* … where leaving only disables: found outside again and again, nothing happens; then his deletion, of which nobody tells, goes the way
 * of all, and the mailbox with it. */
Test(axigen, who_left_and_is_deleted_then_is_retired, .timeout = 200)
{
    struct stage *s = begin(5, "retention = 1", "reconcileInterval = 2");
    char *retired = retired_name(s, PERSON("000001"));
    size_t lines;

    start(s);
    DO(s->a, slapdtest_rename(s->a->server, PERSON("000001"), "uid=user000001", AWAY));
    stage_await_value(s, "user000001", "limits.services", "[]");
    CHECK(s->a, axsync_command(s->a, "entry", "user000001@example.com", NULL) == EX_OK, "%s", s->a->err);
    expect_output(s, "uid=user000001," AWAY);   /* where it was seen last */
    lines = axsync_output_count(s->a, 0, "account.delete");
    DO(s->a, slapdtest_delete(s->a->server, "uid=user000001," AWAY));
    stage_await_account(s, "user000001", false);
    stage_await_account(s, retired, false);
    CHECK(s->a, axsync_output_count(s->a, 0, "account.delete") == lines + 1, "it was told more than once");
    CHECK(s->a, axsync_output_count(s->a, 0, "\"cause\":\"absent\"") == 1, "it was not told as absent");
    CHECK(s->a, emulator_counter(s->e, "accountsRemoved") == 1, "somebody else was removed");
    free(retired);
    end(&s);
}

/* The same entry, with another name and address: the removal is off. */
Test(axigen, who_is_back_under_another_name_is_not_removed, .timeout = 200)
{
    struct stage *s = begin(5, "retention = 3  leavePolicy = \"remove\"", NULL);
    char *retired = retired_name(s, PERSON("000001"));

    start(s);
    DO(s->a, slapdtest_rename(s->a->server, PERSON("000001"), "uid=user000001", AWAY));
    stage_await_account(s, retired, true);
    DO(s->a, slapdtest_replace(s->a->server, "uid=user000001," AWAY, "mail", "again@example.com"));
    DO(s->a, slapdtest_rename(s->a->server, "uid=user000001," AWAY, "uid=again", PEOPLE));
    stage_await_account(s, "again", true);
    stage_await_number(s, "due", 0);
    check_mail(s, "again", "user000001");
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000002")));   /* one that is removed meanwhile shows that the time has passed */
    await_queue(s, "TO BE REMOVED");
    stage_await_number(s, "due", 0);
    stage_await_mailboxes(s);
    check_mail(s, "again", "user000001");
    CHECK(s->a, emulator_counter(s->e, "accountsRemoved") == 1, "more than one account was removed");
    free(retired);
    end(&s);
}

/* Somebody has given the retired account to another. */
Test(axigen, what_is_marked_as_another_s_is_not_removed, .timeout = 200)
{
    struct stage *s = begin(5, "retention = 4", NULL);
    char *retired = retired_name(s, PERSON("000001")), *merge;

    start(s);
    axsync_expect_error(s->a, "can't remove the account");
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000001")));
    stage_await_account(s, retired, true);
    merge = axsync_i_text("merge {\"domains\":{\"example.com\":{\"accounts\":{\"%s\":{\"settings\":{\"customerReference\":"
                          "\"archive\"}}}}}}", retired);
    emulator_control(s->e, "%s", merge);
    await_queue(s, "which is not this entry's");
    stage_await_account(s, retired, true);
    CHECK(s->a, emulator_counter(s->e, "accountsRemoved") == 0, "it was removed");
    free(merge);
    free(retired);
    end(&s);
}

Test(axigen, somebody_who_left_comes_back, .timeout = 200)
{
    struct stage *s = begin(10, NULL, NULL);

    emulator_control(s->e, "merge {\"domains\":{\"example.com\":{\"accounts\":{\"user000001\":{\"limits\":{\"services\":"
                           "[\"imap\",\"webmail\"]}}}}}}");
    start(s);
    stage_await_value(s, "user000001", "limits.services", "[\"imap\",\"webmail\"]");
    DO(s->a, slapdtest_rename(s->a->server, PERSON("000001"), "uid=user000001", AWAY));
    stage_await_value(s, "user000001", "limits.services", "[]");
    stage_await_number(s, "due", 0);
    DO(s->a, slapdtest_rename(s->a->server, "uid=user000001," AWAY, "uid=user000001", PEOPLE));
    stage_await_value(s, "user000001", "limits.services", "[\"imap\",\"webmail\"]");
    end(&s);
}

/* ---- hand-made ------------------------------------------------------------------------------------------------- */

Test(axigen, what_was_made_by_hand_stays, .timeout = 200)
{
    struct stage *s = begin(10, "retention = 3600", NULL);
    char *retired = retired_name(s, PERSON("000001"));

    emulator_control(s->e,
                     "merge {\"domains\":{\"example.com\":{\"accounts\":{"
                     "\"user000001\":{\"aliases\":[\"hand\"],\"contactInfo\":{\"nickName\":\"Nick\",\"lastName\":\"Old\"}},"
                     "\"guest\":{\"aliases\":[\"visitor\"]},\"postmaster\":{}}}}}");
    DO(s->a, slapdtest_add_value(s->a->server, PERSON("000001"), "carLicense", "boss"));
    start(s);
    stage_await_value(s, "user000001", "aliases", "[\"hand\",\"boss\"]");
    stage_await_value(s, "user000001", "contactInfo.nickName", "Nick");
    DO(s->a, slapdtest_replace(s->a->server, PERSON("000001"), "carLicense", NULL));
    stage_await_value(s, "user000001", "aliases", "[\"hand\"]");
    add_person(s, "boss", "postmaster@example.com");
    add_person(s, "late", "guest@example.com");
    stage_await_number(s, "parked", 2);
    stage_await_value(s, "guest", "settings", "");
    queue_shows(s, "queue adopt");
    CHECK(s->a, axsync_command(s->a, "queue", "adopt", "--all", NULL) == EX_OK, "queue adopt failed");
    stage_await_number(s, "parked", 1);   /* the postmaster is never adopted */
    stage_await_value(s, "guest", "contactInfo.lastName", "late");
    stage_await_value(s, "guest", "aliases", "[\"visitor\"]");
    stage_await_value(s, "postmaster", "settings", "");
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000001")));
    stage_await_account(s, retired, true);
    stage_await_value(s, retired, "aliases", "[\"hand\"]");
    axsync_expect_error(s->a, "is parked");
    free(retired);
    end(&s);
}

/* ---- refusals -------------------------------------------------------------------------------------------------- */

Test(axigen, one_refused_holds_up_nobody_else, .timeout = 200)
{
    struct stage *s = begin(10, "maxAttempts = 2  retention = 3600", NULL);
    char *retired = retired_name(s, PERSON("000002"));

    axsync_expect_error(s->a, "is parked");
    start(s);
    emulator_control(s->e, "rule refuse pattern 'ADD Account*bad*' text 'no such luck'");
    add_person(s, "good1", "good1@example.com");
    add_person(s, "bad1", "bad1@example.com");
    add_person(s, "bad2", "bad2@example.com");
    add_person(s, "good2", "good2@example.com");
    DO(s->a, slapdtest_replace(s->a->server, "uid=bad1," PEOPLE, "title", "Waits behind"));
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000002")));
    stage_await_account(s, "good2", true);
    stage_await_account(s, retired, true);
    stage_await_number(s, "parked", 3);
    stage_await_number(s, "queued", 0);
    queue_shows(s, "no such luck");
    expect_output(s, "queue retry, or drop");
    expect_output(s, "which is parked");
    CHECK(s->a, axsync_command(s->a, "run", "--once", NULL) == EX_TEMPFAIL, "two daemons on one state");
    CHECK(s->a, axsync_command(s->a, "queue", "retry", "corp/mail/999", NULL) == EX_NOUSER, "%s", s->a->out);
    emulator_control(s->e, "clear rules");
    CHECK(s->a, axsync_command(s->a, "queue", "retry", "--all", NULL) == EX_OK, "%s", s->a->err);
    stage_await_number(s, "parked", 0);
    stage_await_mailboxes(s);
    free(retired);
    end(&s);
}

/* What was dropped is never done; a run that is to deliver all says that it could not. */
Test(axigen, parked_and_dropped, .timeout = 200)
{
    struct stage *s = begin(3, "maxAttempts = 1", NULL);

    axsync_expect_error(s->a, "is parked");
    emulator_control(s->e, "rule refuse pattern 'ADD Account*user000002*' text 'no such luck'");
    CHECK(s->a, axsync_command(s->a, "run", "--once", NULL) == EX_TEMPFAIL, "run --once hides what is parked: %s", s->a->err);
    queue_shows(s, "no such luck");
    CHECK(s->a, axsync_command(s->a, "queue", "drop", "--all", NULL) == EX_OK, "%s", s->a->err);
    emulator_control(s->e, "clear rules");
    CHECK(s->a, axsync_command(s->a, "run", "--once", NULL) == EX_OK, "run --once: %s", s->a->err);
    CHECK(s->a, emulator_account(s->e, "example.com", "user000002") == NULL, "what was dropped was done");
    CHECK(s->a, emulator_counter(s->e, "accountsAdded") == 2, "more was done");
    end(&s);
}

/* A full licence stops creations; the removal that frees a place goes. */
Test(axigen, full_licence, .timeout = 200)
{
    struct stage *s = begin(6, "retention = 1", NULL);

    axsync_expect_error(s->a, "refuses every account.create");
    start(s);
    stage_await_mailboxes(s);
    emulator_control(s->e, "set licence 6");
    for (int i = 0; i < 5; i++) {
        char uid[] = "more0";

        uid[4] = (char)('0' + i);
        add_person(s, uid, uid);
    }
    axsync_await_log(s->a, "refuses every account.create");
    DO(s->a, slapdtest_replace(s->a->server, PERSON("000003"), "title", "Goes on"));
    stage_await_value(s, "user000003", "contactInfo.position", "Goes on");
    CHECK(s->a, stage_number(s, "parked") == 0, "the licence is full, and something was parked");
    CHECK(s->a, axsync_log_count(s->a, "refuses every account.create") == 1, "one trouble is told more than once");
    queue_shows(s, "goes on by itself when the target takes such actions again");
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000001")));
    stage_await_account(s, "user000001", false);
    stage_await_number(s, "queued", 4);
    emulator_control(s->e, "set licence 0");
    stage_await_number(s, "queued", 0);
    stage_await_mailboxes(s);
    end(&s);
}

Test(axigen, a_domain_that_is_not_there_yet, .timeout = 200)
{
    struct stage *s = begin(3, NULL, NULL);

    axsync_expect_error(s->a, "all in new.example waits");
    start(s);
    add_person(s, "n1", "n1@new.example");
    add_person(s, "n2", "n2@new.example");
    add_person(s, "o1", "o1@example.com");
    stage_await_account(s, "o1", true);
    axsync_await_log(s->a, "all in new.example waits");
    queue_shows(s, "waits for its domain, and goes on by itself");
    emulator_control(s->e, "domain new.example");
    stage_await_number(s, "queued", 0);
    for (int i = 1; i <= 2; i++) {
        char name[] = "n0";
        json_t *account;

        name[1] = (char)('0' + i);
        account = emulator_account(s->e, "new.example", name);
        CHECK(s->a, account != NULL, "%s@new.example is not there", name);
        json_decref(account);
    }
    end(&s);
}

/* ---- several sinks --------------------------------------------------------------------------------------------- */

Test(axigen, a_dead_target_beside_a_living_file, .timeout = 200)
{
    struct stage *s = begin(10, "retention = 3600", NULL);

    axsync_expect_error(s->a, "trying again in");
    start(s);
    emulator_kill(s->e);
    for (int i = 0; i < 40; i++) {
        char *uid = axsync_i_text("while%d", i), *mail = axsync_i_text("%s@example.com", uid);

        add_person(s, uid, mail);
        free(mail);
        free(uid);
    }
    DO(s->a, slapdtest_replace(s->a->server, PERSON("000003"), "mail", "three@example.com"));
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000002")));
    axsync_await_mirror(s->a, &(struct directory_view){.aliases = "carLicense"});
    CHECK(s->a, axsync_command(s->a, "status", NULL) == EX_OK, "status failed");
    expect_output(s, "mail (axigen)");
    queue_shows(s, "Connection refused");
    CHECK(s->a, stage_number(s, "queued") >= 42, "queued: %lld", (long long)stage_number(s, "queued"));
    axsync_stop(s->a);
    CHECK(s->a, s->a->stop_ms < 2000, "it stopped after %lld ms", (long long)s->a->stop_ms);
    axsync_start(s->a);
    emulator_restart(s->e, NULL);
    axsync_await_settled(s->a);
    stage_await_mailboxes(s);
    check_mail(s, "three", "user000003");
    end(&s);
}

Test(axigen, a_sink_is_added_and_taken_away, .timeout = 200)
{
    struct stage *s = begin(10, NULL, NULL);

    stage_configure(s, "retention = 3600", NULL, false);
    start(s);
    DO(s->a, slapdtest_replace(s->a->server, PERSON("000003"), "title", "Before"));
    axsync_await_settled(s->a);
    axsync_stop(s->a);
    stage_configure(s, "retention = 3600", NULL, true);
    axsync_start(s->a);
    add_person(s, "soon", "soon@example.com");
    stage_await_mailboxes(s);
    axsync_await_settled(s->a);
    axsync_stop(s->a);
    stage_configure(s, "retention = 3600", NULL, false);
    axsync_start(s->a);
    axsync_await_log(s->a, "sink \"mail\" is no longer in the configuration");
    DO(s->a, slapdtest_replace(s->a->server, PERSON("000003"), "title", "Meanwhile"));
    axsync_await_settled(s->a);
    axsync_stop(s->a);
    stage_configure(s, "retention = 3600", NULL, true);
    start(s);
    stage_await_mailboxes(s);
    CHECK(s->a, emulator_counter(s->e, "accountsAdded") == 11, "an account was made anew");
    CHECK(s->a, emulator_counter(s->e, "accountsRemoved") == 0, "an account was removed");
    end(&s);
}

/* ---- operation ------------------------------------------------------------------------------------------------- */

Test(axigen, check_tells_each_trouble, .timeout = 200)
{
    struct stage *s = begin(3, NULL, NULL);

    CHECK(s->a, axsync_command(s->a, "check", NULL) == EX_OK, "check failed");
    expect_output(s, "ok: corp: sink \"mail\": logged in at 127.0.0.1 port");
    expect_output(s, "Axigen 10.");
    expect_output(s, "it may: all");
    expect_output(s, "the domain example.com is there, and has no other writer");
    emulator_control(s->e, "merge {\"domains\":{\"example.com\":{\"settings\":{\"enableLDAPSync\":\"yes\"}}}}");
    CHECK(s->a, axsync_command(s->a, "check", NULL) == EX_UNAVAILABLE, "check did not fail");
    expect_output(s, "failed: corp: sink \"mail\": Axigen's own LDAP connector writes to the domain example.com");
    stage_configure(s, NULL, "domain = \"other.example\"", true);
    CHECK(s->a, axsync_command(s->a, "check", NULL) == EX_UNAVAILABLE, "check did not fail");
    expect_output(s, "failed: corp: sink \"mail\": the domain other.example can't be opened");
    emulator_control(s->e, "set password another");
    CHECK(s->a, axsync_command(s->a, "check", NULL) == EX_UNAVAILABLE, "check did not fail");
    expect_output(s, "login refused");
    CHECK(s->a, strstr(s->a->out, AXIGEN_PASSWORD) == NULL, "a password is printed");
    emulator_control(s->e, "set password " AXIGEN_PASSWORD);
    emulator_kill(s->e);
    CHECK(s->a, axsync_command(s->a, "check", NULL) == EX_UNAVAILABLE, "check did not fail");
    expect_output(s, "Connection refused");
    emulator_restart(s->e, NULL);
    CHECK(s->a, emulator_counter(s->e, "commits") == 0, "check has changed something");
    end(&s);
}

Test(axigen, a_dry_run_speaks_to_no_server, .timeout = 200)
{
    struct stage *s = begin(5, NULL, NULL);

    CHECK(s->a, axsync_command(s->a, "run", "--dry-run", NULL) == EX_OK, "%s", s->a->err);
    expect_output(s, "account.create");
    CHECK(s->a, emulator_counter(s->e, "connections") == 0, "it connected");
    end(&s);
}

Test(axigen, one_run_without_a_server, .timeout = 200)
{
    struct stage *s = begin(3, NULL, NULL);

    emulator_kill(s->e);
    CHECK(s->a, axsync_command(s->a, "run", "--once", NULL) == EX_UNAVAILABLE, "run --once: %s", s->a->err);
    CHECK(s->a, strstr(s->a->err, "sink mail: 3 actions are not delivered") != NULL, "it does not say so");
    emulator_restart(s->e, NULL);
    CHECK(s->a, axsync_command(s->a, "run", "--once", NULL) == EX_OK, "run --once: %s", s->a->err);
    CHECK(s->a, emulator_counter(s->e, "accountsAdded") == 3, "not all was delivered");
    end(&s);
}

/* The certificate is one that nobody has signed: without it nothing is said, no password either. */
Test(axigen, tls, .timeout = 200)
{
    struct stage *s = begin(3, NULL, NULL);
    char *ca = axsync_i_text("%s/ca.pem", s->a->folder), *keys;

    emulator_kill(s->e);
    emulator_restart(s->e, (const char *const[]){"--tls-self-signed", ca, NULL});
    stage_configure(s, "tls = yes  host = \"localhost\"", NULL, true);
    CHECK(s->a, axsync_command(s->a, "check", NULL) == EX_UNAVAILABLE, "check: %s", s->a->out);
    expect_output(s, "certificate");
    CHECK(s->a, emulator_counter(s->e, "commands") == 0, "something was sent");
    keys = axsync_i_text("tls = yes  host = \"localhost\"  tlsCACertFile = \"%s\"", ca);
    stage_configure(s, keys, NULL, true);
    CHECK(s->a, axsync_command(s->a, "check", NULL) == EX_OK, "check: %s", s->a->out);
    start(s);
    stage_await_mailboxes(s);
    free(keys);
    free(ca);
    end(&s);
}

/* The server takes a command and says nothing any more. */
Test(axigen, ends_in_time_while_the_server_hangs, .timeout = 200)
{
    struct stage *s = begin(5, NULL, NULL);

    start(s);
    emulator_control(s->e, "rule hang-after pattern 'ADD Account*' times 1");
    add_person(s, "hang", "hang@example.com");
    stage_await_number(s, "queued", 1);
    CHECK(s->a, emulator_await_counter(s->e, "accountsAdded", 5, 5000), "five are there");
    axsync_stop(s->a);
    CHECK(s->a, s->a->stop_ms < 2000, "it stopped after %lld ms", (long long)s->a->stop_ms);
    axsync_start(s->a);
    axsync_await_settled(s->a);
    stage_await_mailboxes(s);
    end(&s);
}

/* A policy changes live, and the connection is made anew. */
Test(axigen, sighup, .timeout = 200)
{
    struct stage *s = begin(10, "deletePolicy = \"keep\"", NULL);
    long logins;

    start(s);
    logins = emulator_counter(s->e, "logins");
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000001")));
    axsync_await_settled(s->a);
    stage_await_account(s, "user000001", true);
    stage_configure(s, "deletePolicy = \"disable\"", NULL, true);
    kill(s->a->pid, SIGHUP);
    axsync_await_log(s->a, "was read again");
    DO(s->a, slapdtest_delete(s->a->server, PERSON("000002")));
    stage_await_value(s, "user000002", "limits.services", "[]");
    CHECK(s->a, emulator_counter(s->e, "logins") == logins + 1, "the connection was not made anew");
    end(&s);
}

static bool has_bytes(const char *path, const char *what)
{
    FILE *f = fopen(path, "re");
    char text[8192];
    size_t n = f ? fread(text, 1, sizeof(text), f) : 0;

    if (f)
        fclose(f);
    return memmem(text, n, what, strlen(what)) != NULL;
}

/* Neither in what others see of the process, nor in a core file; and not in the words of a server that repeats them. */
Test(axigen, secrets, .timeout = 200)
{
    static const char *const files[] = {"cmdline", "environ", "comm"};
    struct stage *s = begin(3, NULL, NULL);
    char *limits;
    int status;

    axsync_expect_error(s->a, "login refused");
    emulator_control(s->e, "set say-login 'the password " AXIGEN_PASSWORD " is wrong'");
    emulator_control(s->e, "set password another");
    axsync_start(s->a);
    axsync_await_log(s->a, "login refused");
    CHECK(s->a, axsync_command(s->a, "check", NULL) == EX_UNAVAILABLE && strstr(s->a->out, AXIGEN_PASSWORD) == NULL,
          "check prints the password");
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        char *path = axsync_i_text("/proc/%ld/%s", (long)s->a->pid, files[i]);

        CHECK(s->a, !has_bytes(path, AXIGEN_PASSWORD) && !has_bytes(path, AXSYNC_READER_PW), "%s has a password", path);
        free(path);
    }
    limits = axsync_i_text("/proc/%ld/limits", (long)s->a->pid);
    CHECK(s->a, has_bytes(limits, "Max core file size        0                    0 "), "core files may be written");
    free(limits);
    emulator_control(s->e, "set password " AXIGEN_PASSWORD);
    stage_await_mailboxes(s);
    kill(s->a->pid, SIGQUIT);
    status = axsync_await_end(s->a);
    CHECK(s->a, WIFSIGNALED(status) && !WCOREDUMP(status), "the daemon ended with wait status 0x%x", status);
    end(&s);
}
