/* axsync at work, in some seconds: a throw-away directory of a small company, the changes that an administrator makes
 * there, and what axsync makes of them. ./demo builds and runs it.
 *
 * It checks what it shows: whatever was promised and does not come ends it with a message, both logs, and 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ldap.h>

#include "demo_people.h"
#include "demo_run.h"
#include "demo_show.h"

#define VICTIMS 12     /* of the accident */
#define GRACE 1.0      /* deleteGrace of the configuration, seconds */
/* What is allowed to come earlier: the grace is counted from when axsync saw the change, which may be before the
 * administrator has the answer. */
#define EARLY 0.2

static bool schema;             /* the server knows axsync's own attributes */
static double slowest, total;   /* ms of what does not wait on purpose */
static unsigned measured;

/* ---- small things --------------------------------------------------------------------------------------------- */

static double ms_since(double begun)
{
    return (demo.journal.durable - begun) * 1000;
}

/* The next action, which must be this one. For json_decref(). */
static json_t *expect(const char *type, const char *address)
{
    char *line = demo_line(type);
    json_t *action = json_loads(line, 0, NULL);

    if (strcmp(action_text(action, "action"), type) != 0 || strcmp(action_text(action, "address"), address) != 0)
        demo_fail("expected %s of %s, but this came: %s", type, address, line);
    free(line);
    return action;
}

static void show_soon(const json_t *action, double begun)
{
    double ms = ms_since(begun);

    show_action(action, ms);
    slowest = ms > slowest ? ms : slowest;
    total += ms;
    measured++;
}

/* And how long after `begun` it was durable. */
static void expect_soon(const char *type, const char *address, double begun)
{
    json_t *action = expect(type, address);

    show_soon(action, begun);
    json_decref(action);
}

static void expect_delete(const char *address, double begun)
{
    json_t *action = expect("account.delete", address);
    double ms = ms_since(begun);

    if (ms < (GRACE - EARLY) * 1000)
        demo_fail("the deletion of %s did not wait for deleteGrace: %.1f ms", address, ms);
    show_action(action, ms);
    json_decref(action);
}

static void expect_nothing(const char *what)
{
    char *line;

    demo_await_settled();
    if (!journal_read(&demo.journal))
        demo_fail("%s can't be read", demo.out);
    line = journal_take(&demo.journal);
    if (line)
        demo_fail("%s, but this came: %s", what, line);
}

/* Applies LDIF as an administrator would; gives the moment of the server's answer. */
static double apply(const char *ldif)
{
    demo_need(slapdtest_ldif(demo.server, ldif), "changing the directory");
    return journal_now();
}

static double add_person(const struct person *p)
{
    char *ldif = person_ldif(p, schema);
    double acknowledged = apply(ldif);

    free(ldif);
    return acknowledged;
}

static double set_phone(struct person *p, const char *phone)
{
    char *dn = person_dn(p);
    double acknowledged;

    demo_need(slapdtest_replace(demo.server, dn, "telephoneNumber", phone), "changing a phone number");
    acknowledged = journal_now();
    free(dn);
    return acknowledged;
}

static double delete_person(struct person *p)
{
    char *dn = person_dn(p);
    double acknowledged;

    demo_need(slapdtest_delete(demo.server, dn), "deleting an entry");
    acknowledged = journal_now();
    p->gone = true;
    free(dn);
    return acknowledged;
}

/* A number of `status --json`. */
static long long entries(const char *key)
{
    json_t *connector = demo_status();
    long long n = json_integer_value(json_object_get(json_object_get(connector, "entries"), key));

    json_decref(connector);
    return n;
}

/* ---- the beginning -------------------------------------------------------------------------------------------- */

static void start_directory(void)
{
    const char *schemas[] = {AXSYNC_SCHEMA, NULL};
    struct slapdtest_options options = {.sessionlog = 1000};
    char *ldif;

    schema = access(AXSYNC_SCHEMA, R_OK) == 0;
    if (schema)
        options.schemas = schemas;
    demo_new_server(&options);
    demo_need(slapdtest_start(demo.server), "starting slapd");
    ldif = people_ldif(schema);
    demo_need(slapdtest_ldif(demo.server, ldif), "filling the directory");
    free(ldif);
    demo_add_reader();
    demo_new_emulator();
    show_step("A directory: slapd at %s, %zu people in 4 units", slapdtest_uri(demo.server), people_count());
    show_note("and a mail server without any mailbox: an emulator of Axigen's admin CLI, port %u", emulator_port(demo.emulator));
}

static void initial_load(void)
{
    char *conf = demo_configure(), *first = NULL;

    show_output("cat axsync.conf", conf);
    free(conf);
    show_step("axsync starts with an empty state: it reads everything");
    show_create(NULL);
    demo_start();
    for (size_t i = 0; i < people_count(); i++) {
        char *line = demo_line("account.create of everybody");
        json_t *action = json_loads(line, 0, NULL);

        if (strcmp(action_text(action, "action"), "account.create") != 0)
            demo_fail("expected account.create, but this came: %s", line);
        show_create(action);
        json_decref(action);
        if (first == NULL)
            first = line;
        else
            free(line);
    }
    show_note("the last is on disk %.0f ms after the start of the program; the first one as it stands in the file:",
              ms_since(demo.started));
    show_json(first);
    free(first);
    expect_nothing("everybody has come");
}

/* ---- changes -------------------------------------------------------------------------------------------------- */

static void hire(void)
{
    static const struct person p = {"yaw.mensah", "Yaw", "Mensah", "Sales", "Representative", 306, false};

    show_step("A new colleague in Sales: Yaw Mensah                                   add");
    expect_soon("account.create", "yaw.mensah@example.com", add_person(&p));
}

static void phone(void)
{
    show_step("Hana Kimura gets another phone number                                  modify");
    expect_soon("account.update", "hana.kimura@example.com", set_phone(people_find("hana.kimura"), "+44 20 7946 0777"));
}

/* The rename and the update, in either order: the update speaks of the address that is right at its place. */
static void expect_new_name(const char *old, const char *new, double begun)
{
    bool renamed = false, updated = false;

    while (!renamed || !updated) {
        char *line = demo_line("account.rename and account.update");
        json_t *action = json_loads(line, 0, NULL);
        const char *type = action_text(action, "action"), *address = action_text(action, "address");

        if (!renamed && strcmp(type, "account.rename") == 0 && strcmp(address, new) == 0)
            renamed = true;
        else if (!updated && strcmp(type, "account.update") == 0 && strcmp(address, renamed ? new : old) == 0)
            updated = true;
        else
            demo_fail("expected account.rename and account.update, but this came: %s", line);
        show_soon(action, begun);
        json_decref(action);
        free(line);
    }
}

static void marriage(void)
{
    double acknowledged;

    show_step("Olivia Hughes marries: a new surname and a new address                 modify");
    acknowledged = apply("dn: uid=olivia.hughes,ou=Sales," PEOPLE_BASE "\nchangetype: modify\n"
                         "replace: sn\nsn: Tanner\n-\nreplace: cn\ncn: Olivia Tanner\n-\n"
                         "replace: mail\nmail: olivia.tanner@example.com\n");
    expect_new_name("olivia.hughes@example.com", "olivia.tanner@example.com", acknowledged);
    show_note("same uuid, same mailbox: it is renamed, not made anew");
}

/* The line of `axsync entry` that begins with a word; "" if there is none. For the caller to free. */
static char *entry_line(const char *address, const char *word)
{
    char *text = demo_command("entry", address, NULL), *line, *rest = NULL, *found = NULL;

    for (line = strtok_r(text, "\n", &rest); line && !found; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line + strspn(line, " "), word, strlen(word)) == 0)
            found = strdup(line + strspn(line, " "));
    free(text);
    return found ? found : strdup("");
}

static void move(void)
{
    struct person *p = people_find("gabor.szalai");
    char *dn = person_dn(p), *line;

    show_step("Gábor Szalai moves to Design: his entry gets another DN                modrdn");
    demo_need(slapdtest_rename(demo.server, dn, "uid=gabor.szalai", "ou=Design," PEOPLE_BASE), "moving an entry");
    free(dn);
    p->unit = "Design";
    expect_nothing("a move is nothing to a mailbox");
    line = entry_line("gabor.szalai@example.com", "dn");
    if (strstr(line, "ou=Design") == NULL)
        demo_fail("axsync does not know of the move: %s", line);
    show_note("no action: nothing that a mailbox has is different. The state knows of it:");
    show_output("axsync entry gabor.szalai@example.com | grep dn", line);
    free(line);
}

static bool is_waiting_or_gone(void *ctx)
{
    char **line = ctx;

    free(*line);
    *line = entry_line("dimitra.papadaki@example.com", "pending");
    return **line || !journal_read(&demo.journal) || journal_has_more(&demo.journal);
}

static void leave(void)
{
    double acknowledged;
    char *line = NULL;

    show_step("Dimitra Papadaki leaves the company                                    delete");
    acknowledged = delete_person(people_find("dimitra.papadaki"));
    demo_await("the deletion waits", is_waiting_or_gone, &line);
    show_note("a deletion waits (deleteGrace, 300 s by default, 1 s here), and is looked up once more");
    if (*line)   /* a very slow machine may come too late for it */
        show_output("axsync entry dimitra.papadaki@example.com | grep pending", line);
    free(line);
    demo_heed();
    expect_delete("dimitra.papadaki@example.com", acknowledged);
}

/* ---- while it does not run ------------------------------------------------------------------------------------ */

static void meanwhile(void)
{
    static const struct person p = {"zsofia.farkas", "Zsófia", "Farkas", "Accounts", "Auditor", 405, false};

    show_step("axsync is stopped (SIGTERM)");
    show_note("it ended, with 0, after %.0f ms. Meanwhile: Zsófia Farkas is hired, Jiří Dvořák gets another phone "
              "number, and Mihai Ionescu leaves", demo_stop() * 1000);
    add_person(&p);
    set_phone(people_find("jiri.dvorak"), "+44 20 7946 0888");
    delete_person(people_find("mihai.ionescu"));
}

/* The server tells adds and modifies in an order of its own. */
static void catch_up(void)
{
    bool hired = false, phoned = false;

    show_step("axsync starts again; milliseconds from its start");
    demo_start();
    while (!hired || !phoned) {
        char *line = demo_line("what changed meanwhile");
        json_t *action = json_loads(line, 0, NULL);
        const char *type = action_text(action, "action"), *address = action_text(action, "address");

        if (!hired && strcmp(type, "account.create") == 0 && strcmp(address, "zsofia.farkas@example.com") == 0)
            hired = true;
        else if (!phoned && strcmp(type, "account.update") == 0 && strcmp(address, "jiri.dvorak@example.com") == 0)
            phoned = true;
        else
            demo_fail("this was not to come: %s", line);
        show_action(action, ms_since(demo.started));
        json_decref(action);
        free(line);
    }
    expect_delete("mihai.ionescu@example.com", demo.started);
    expect_nothing("all has been told");
    show_note("3 changes, 3 actions. Nobody else was touched: the cookie says where it had stopped");
}

static void status(void)
{
    char *text = demo_command("status", NULL);

    show_step("What is it doing?");
    show_output("axsync status", text);
    free(text);
}

/* ---- the accident --------------------------------------------------------------------------------------------- */

/* Sends all deletions and waits then for the answers. Gives how long it took, in seconds. */
static double delete_at_once(void)
{
    LDAP *ld;
    LDAPMessage *answer;
    double begun;
    int sent = 0, id, rc;

    demo_need(slapdtest_connect(demo.server, slapdtest_rootdn(demo.server), NULL, &ld), "connecting");
    begun = journal_now();
    for (struct person *p = people_begin(); p < people_end() && sent < VICTIMS; p++) {
        char *dn = p->gone ? NULL : person_dn(p);

        if (dn && ldap_delete_ext(ld, dn, NULL, NULL, &id) == LDAP_SUCCESS)
            sent++;
        free(dn);
    }
    for (int i = 0; i < sent; i++) {
        struct timeval patience = {.tv_sec = (time_t)demo.patience};

        if (ldap_result(ld, LDAP_RES_ANY, LDAP_MSG_ONE, &patience, &answer) != LDAP_RES_DELETE ||
            ldap_parse_result(ld, answer, &rc, NULL, NULL, NULL, NULL, 1) != LDAP_SUCCESS || rc != LDAP_SUCCESS)
            demo_fail("the directory did not delete what it was told to");
    }
    ldap_unbind_ext_s(ld, NULL, NULL);
    return journal_now() - begun;
}

struct hold {
    char id[32];
    long long count;
};

static bool all_are_held(void *ctx)
{
    struct hold *h = ctx;
    json_t *connector = demo_status(), *hold = json_array_get(json_object_get(connector, "holds"), 0);

    snprintf(h->id, sizeof(h->id), "%s", action_text(hold, "id"));
    h->count = json_integer_value(json_object_get(hold, "count"));
    json_decref(connector);
    return h->count == VICTIMS;
}

static void accident(void)
{
    char *text, command[64];
    struct hold hold;
    double took;

    show_step("An accident: a script deletes %d of %lld people at once                   %d × delete", VICTIMS,
              entries("accounts"), VICTIMS);
    took = delete_at_once();
    demo_await("the guard holds all of them", all_are_held, &hold);
    show_note("done within %.0f ms. But the guard thinks that more than 10 %% is no everyday business:", took * 1000);
    text = demo_command("holds", NULL);
    show_output("axsync holds", text);
    free(text);
    snprintf(command, sizeof(command), "axsync reject %s", hold.id);
    text = demo_command("reject", hold.id, NULL);
    show_output(command, text);
    free(text);
}

static void aftermath(void)
{
    expect_nothing("nothing may be deleted");
    if (entries("accounts") != (long long)people_count() || entries("orphans") != VICTIMS)
        demo_fail("there should be %zu accounts, %d of them orphans, and there are %lld and %lld", people_count(),
                  VICTIMS, entries("accounts"), entries("orphans"));
    show_note("no action, no mailbox is lost: %d accounts are orphans now, until their entries are back or somebody "
              "approves after all", VICTIMS);
}

/* ---- the mail server ------------------------------------------------------------------------------------------ */

static void mailboxes(void)
{
    json_t *dump = emulator_dump(demo.emulator), *accounts;
    size_t there, retired;
    char *text;

    accounts = json_object_get(json_object_get(json_object_get(dump, "domains"), "example.com"), "accounts");
    there = json_object_size(accounts);
    show_step("And the mail server, which was told each of these actions, has these mailboxes:");
    retired = show_mailboxes(accounts);
    if (there - retired != people_count() || retired != 2)
        demo_fail("there should be %zu mailboxes and 2 of people who left, and there are %zu and %zu", people_count(),
                  there - retired, retired);
    show_note("the mail of the two who left is there too: their accounts are disabled, and removed in 30 days (retention)");
    text = demo_command("queue", NULL);
    show_output("axsync queue", text);
    free(text);
    json_decref(dump);
}

/* ---- all of it ------------------------------------------------------------------------------------------------ */

static void step(void (*what)(void))
{
    what();
    demo_heed();
}

int main(void)
{
    static void (*const story[])(void) = {start_directory, initial_load, hire,   phone,    marriage, move,
                                          leave,           meanwhile,    catch_up, status, accident, aftermath,
                                          mailboxes};
    double begun = journal_now();

    setvbuf(stdout, NULL, _IOLBF, 0);   /* a line is there when it is said, also in a pipe */
    show_begin();
    demo_begin("demo");
    show_title("axsync mirrors a directory: each change becomes actions for the mail server, and lines of a file");
    show_note("milliseconds are from the directory's answer to the administrator until the action is on the disk");
    for (size_t i = 0; i < sizeof(story) / sizeof(*story); i++)
        step(story[i]);
    demo_stop();
    demo_clear();
    printf("\n");
    show_note("All as promised, in %.1f s. From change to disk: %.1f ms on average, %.1f at most. Nothing is left behind.",
              journal_now() - begun, total / measured, slowest);
    return fflush(stdout) == 0 ? 0 : 1;
}
