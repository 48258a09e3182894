/* What must not destroy anything: mass deletions, lost rights, broken refreshes, emptied servers, limits. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "axsync_relay.h"
#include "axsync_test.h"

static const char *const everybody[] = {"to * by * read", NULL};

static struct axsync *company(size_t people, unsigned sessionlog, const char *overrides)
{
    struct slapdtest_options options = {.dbnosync = true, .sessionlog = sessionlog};
    struct axsync *a = axsync_new(run_company(&options, people), overrides);

    axsync_expect_error(a, " hold ");
    axsync_start(a);
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    return a;
}

static void for_people(struct axsync *a, size_t from, size_t to, const char *change)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    for (size_t i = from; i <= to; i++)
        fprintf(out, "dn: uid=user%06zu," PEOPLE "\n%s\n", i, change);
    fclose(out);
    DO(a, slapdtest_ldif(a->server, text));
    free(text);
}

static void delete_people(struct axsync *a, size_t from, size_t to)
{
    for_people(a, from, to, "changetype: delete\n");
}

/* A modify that alters nothing that is mapped: the server sends the entry again. */
static void touch_people(struct axsync *a, size_t from, size_t to)
{
    for_people(a, from, to, "changetype: modify\nreplace: description\ndescription: touched\n-\n");
}

static size_t deletes(struct axsync *a)
{
    return axsync_output_count(a, 0, "\"action\":\"account.delete\"");
}

static void nothing_was_deleted(struct axsync *a)
{
    CHECK(a, deletes(a) == 0, "%zu accounts were deleted", deletes(a));
}

/* ---- holds -------------------------------------------------------------------------------------------------- */

struct awaited_hold {
    const char *kind, *field;      /* field NULL: of no field */
    json_int_t count;              /* -1: any */
    char id[32];
};

static bool is_hold(const json_t *hold, const struct awaited_hold *w)
{
    const char *field = json_string_value(json_object_get(hold, "field"));

    return strcmp(axsync_text(hold, "kind"), w->kind) == 0 && (field != NULL) == (w->field != NULL) &&
           (field == NULL || strcmp(field, w->field) == 0) &&
           (w->count < 0 || json_integer_value(json_object_get(hold, "count")) == w->count);
}

static bool status_has_hold(struct axsync *a, void *ctx)
{
    struct awaited_hold *w = ctx;
    json_t *status = axsync_peek(a), *hold;
    bool has = false;
    size_t i;

    json_array_foreach(json_object_get(status, "holds"), i, hold)
        if (is_hold(hold, w)) {
            snprintf(w->id, sizeof(w->id), "%s", axsync_text(hold, "id"));
            has = true;
        }
    json_decref(status);
    return has;
}

static struct awaited_hold await_hold(struct axsync *a, const char *kind, const char *field, json_int_t count)
{
    struct awaited_hold w = {.kind = kind, .field = field, .count = count};

    axsync_await(a, "status shows the hold", status_has_hold, &w);
    return w;
}

static bool status_has_no_hold(struct axsync *a, void *ctx)
{
    json_t *status = axsync_peek(a);
    bool none = status != NULL && json_array_size(json_object_get(status, "holds")) == 0;

    (void)ctx;
    json_decref(status);
    return none;
}

static void await_no_hold(struct axsync *a)
{
    axsync_await(a, "no hold is open", status_has_no_hold, NULL);
}

static void check_holds_command(struct axsync *a, const char *id)
{
    size_t lines = 0;

    CHECK(a, axsync_command(a, "holds", NULL) == EX_OK && strstr(a->out, id) != NULL, "axsync holds does not list %s", id);
    CHECK(a, axsync_command(a, "holds", id, NULL) == EX_OK, "axsync holds %s failed", id);
    for (const char *p = a->out; (p = strstr(p, "delete account")) != NULL; p++)
        lines++;
    CHECK(a, lines == 200, "axsync holds %s names %zu", id, lines);
}

/* 200 of 1000 are deleted at once: they are held, and all else goes on. The grace is long, so that what goes out has
 * not just been waited for. */
static struct axsync *with_hold_of_200(char *id)
{
    struct axsync *a = company(1000, 10000, "deleteGrace = 600\n");
    struct awaited_hold hold;
    size_t before = a->target.lines;

    delete_people(a, 101, 300);
    hold = await_hold(a, "account.delete", NULL, 200);
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "title", "Unrelated"));
    axsync_await_caught_up(a);
    CHECK(a, a->target.lines == before + 1, "beside a hold %zu lines came, not 1", a->target.lines - before);
    nothing_was_deleted(a);
    check_holds_command(a, hold.id);
    strcpy(id, hold.id);
    return a;
}

Test(guard, approve, .timeout = 280)
{
    char id[32];
    struct axsync *a = with_hold_of_200(id);

    CHECK(a, axsync_command(a, "approve", id, NULL) == EX_OK, "approve failed");
    axsync_await_mirror(a, NULL);
    await_no_hold(a);
    CHECK(a, deletes(a) == 200, "%zu deletions", deletes(a));
    CHECK(a, axsync_command(a, "approve", id, NULL) == EX_NOUSER, "approve of a hold that is over");
    end_company(&a);
}

static size_t orphans_in_dump(struct axsync *a)
{
    json_t *dump = axsync_dump(a), *account;
    const char *address;
    size_t n = 0;

    json_object_foreach(dump, address, account)
        n += strcmp(axsync_text(account, "state"), "orphan") == 0;
    json_decref(dump);
    return n;
}

Test(guard, reject, .timeout = 280)
{
    char id[32];
    struct axsync *a = with_hold_of_200(id);
    json_t *status;

    CHECK(a, axsync_command(a, "reject", id, NULL) == EX_OK, "reject failed");
    axsync_await_settled(a);
    await_no_hold(a);
    nothing_was_deleted(a);
    status = axsync_status(a);
    CHECK(a, axsync_entries(status, "orphans") == 200, "status has %lld orphans",
          (long long)axsync_entries(status, "orphans"));
    CHECK(a, axsync_entries(status, "accounts") == 1000, "orphans are no accounts any more");
    json_decref(status);
    CHECK(a, orphans_in_dump(a) == 200, "dump has %zu orphans", orphans_in_dump(a));
    axsync_stop(a);
    axsync_start(a);
    axsync_await_settled(a);
    nothing_was_deleted(a);
    CHECK(a, axsync_command(a, "holds", NULL) == EX_OK && strstr(a->out, "rejected") != NULL, "it is not listed as rejected");
    CHECK(a, axsync_command(a, "approve", id, NULL) == EX_OK, "approve of a rejected hold failed");
    axsync_await_mirror(a, NULL);
    end_company(&a);
}

/* A few are everyday business. */
Test(guard, sixty_of_a_thousand, .timeout = 280)
{
    struct axsync *a = company(1000, 10000, "deleteGrace = 3\n");

    delete_people(a, 1, 60);
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    await_no_hold(a);
    CHECK(a, deletes(a) == 60, "%zu deletions", deletes(a));
    CHECK(a, axsync_log_count(a, " hold ") == 0, "there was a hold");
    end_company(&a);
}

/* What comes back within the grace was never gone. */
Test(guard, back_within_grace, .timeout = 280)
{
    struct axsync *a = company(100, 10000, "deleteGrace = 600\n");

    for (int i = 0; i < 2; i++) {
        DO(a, slapdtest_rename(a->server, PERSON("000001"), "uid=user000001", AWAY));
        if (i == 1)
            axsync_await_caught_up(a);   /* once it is seen to be away, once it may not be */
        DO(a, slapdtest_rename(a->server, "uid=user000001," AWAY, "uid=user000001", PEOPLE));
    }
    axsync_await_settled(a);
    CHECK(a, a->target.lines == 100, "something happened");
    end_company(&a);
}

/* ---- lost rights -------------------------------------------------------------------------------------------- */

/* A refresh in full, from now. */
static void resync(struct axsync *a)
{
    CHECK(a, axsync_command(a, "resync", NULL) == EX_OK, "resync failed");
}

/* Rights come back, the directory is read anew: as if nothing had been. */
static void restore_rights(struct axsync *a)
{
    size_t lines = a->target.lines;

    DO(a, slapdtest_set_access(a->server, everybody));
    resync(a);
    await_no_hold(a);
    touch_people(a, 10, 10);
    axsync_await_settled(a);
    axsync_await_mirror(a, NULL);
    CHECK(a, a->target.lines == lines, "%zu lines came after the rights came back", a->target.lines - lines);
    nothing_was_deleted(a);
}

Test(guard, base_is_hidden, .timeout = 280)
{
    static const char *const access[] = {"to dn.subtree=\"" PEOPLE "\" by * none", "to * by * read", NULL};
    struct axsync *a = company(200, 0, "");

    axsync_stop(a);
    DO(a, slapdtest_set_access(a->server, access));
    axsync_start(a);
    axsync_await_error(a, "No such object");
    nothing_was_deleted(a);
    restore_rights(a);
    end_company(&a);
}

/* The base can be read, nothing below it: a complete refresh that shows nothing. */
static void all_are_hidden(struct axsync *a, bool full)
{
    static const char *const access[] = {"to dn.children=\"" PEOPLE "\" by * none", "to * by * read", NULL};

    axsync_stop(a);
    DO(a, slapdtest_set_access(a->server, access));
    touch_people(a, 1, 1);   /* a contextCSN that moved: else slapd says that nothing has changed */
    if (full)
        resync(a);
    axsync_start(a);
    await_hold(a, "account.delete", NULL, 200);
    nothing_was_deleted(a);
    restore_rights(a);
    end_company(&a);
}

Test(guard, all_are_hidden_from_a_present_phase, .timeout = 280)
{
    all_are_hidden(company(200, 0, ""), false);
}

Test(guard, all_are_hidden_from_a_full_refresh, .timeout = 280)
{
    all_are_hidden(company(200, 10000, ""), true);
}

static void move_to_branch(struct axsync *a, size_t from, size_t to)
{
    for (size_t i = from; i <= to; i++) {
        char *dn = slapdtest_person_dn(NULL, i), *rdn = strndup(dn, strcspn(dn, ","));

        DO(a, slapdtest_rename(a->server, dn, rdn, "ou=branch," PEOPLE));
        free(dn);
        free(rdn);
    }
}

/* Fewer than the guard's limits, below a container that can't be read. */
Test(guard, branch_is_hidden, .timeout = 280)
{
    static const char *const access[] = {"to dn.subtree=\"ou=branch," PEOPLE "\" by * none", "to * by * read", NULL};
    struct axsync *a = company(200, 0, "");
    size_t lines;

    DO(a, slapdtest_add(a->server, "ou=branch," PEOPLE, "objectClass: organizationalUnit\n"));
    move_to_branch(a, 1, 4);
    axsync_await_settled(a);
    lines = a->target.lines;
    axsync_stop(a);
    DO(a, slapdtest_set_access(a->server, access));
    touch_people(a, 10, 10);
    axsync_start(a);
    await_hold(a, "account.delete", NULL, 4);
    CHECK(a, a->target.lines == lines, "something happened to the hidden ones");
    restore_rights(a);
    end_company(&a);
}

#define PHONE "contactInfo.businessPhone"

static size_t clears(struct axsync *a)
{
    return axsync_output_count(a, 0, "\"clear\":");
}

static struct axsync *without_phones(size_t people)
{
    static const char *const access[] = {"to attrs=telephoneNumber by * none", "to * by * read", NULL};
    struct axsync *a = company(people, 10000, "");

    DO(a, slapdtest_set_access(a->server, access));
    return a;
}

Test(guard, attribute_is_hidden_from_a_refresh, .timeout = 280)
{
    struct axsync *a = without_phones(1000);

    resync(a);
    await_hold(a, "clear", PHONE, 1000);
    axsync_await_caught_up(a);
    CHECK(a, clears(a) == 0, "%zu clears went out", clears(a));
    restore_rights(a);
    end_company(&a);
}

/* slapd shows a lost right only entry by entry, as they change; the first may not be cleared either. (Another one is read
 * to find out, and is in the hold then too.) */
Test(guard, attribute_is_hidden_from_one_after_the_other, .timeout = 280)
{
    struct axsync *a = without_phones(200);

    touch_people(a, 1, 1);
    await_hold(a, "clear", PHONE, -1);
    touch_people(a, 11, 12);
    axsync_await_settled(a);
    await_hold(a, "clear", PHONE, -1);
    CHECK(a, clears(a) == 0, "%zu clears went out", clears(a));
    restore_rights(a);
    end_company(&a);
}

/* ---- broken refreshes --------------------------------------------------------------------------------------- */

#define AMID 300000   /* bytes of the 1.2 MB that a refresh of 2000 people has */

/* A full refresh is under way, and some of the entries have come. Five people were deleted before, so that there is
 * something for its end to prove. contextCSN is written with each change: of a crash this is not the test. */
static struct axsync *amid_refresh(struct relay **relay_r)
{
    struct slapdtest_options options = {.dbnosync = true, .checkpoint_ops = 1, .checkpoint_minutes = 1};
    struct slapdtest *s = run_company(&options, 2000);
    struct relay *relay = relay_new(slapdtest_port(s));
    struct axsync *a;
    char overrides[200];

    cr_assert_not_null(relay);
    snprintf(overrides, sizeof(overrides), "ldapURI = {\"ldap://127.0.0.1:%u\"}\ntimeout = 1\nwatchdogInterval = 1\n",
             relay_port(relay));
    a = axsync_new(s, overrides);
    axsync_start(a);
    axsync_await_settled(a);
    axsync_stop(a);
    delete_people(a, 1, 5);
    resync(a);
    relay_hang_after(relay, AMID);
    axsync_start(a);
    CHECK(a, relay_await_hang(relay, AXSYNC_PATIENCE_MS) == 0, "the refresh never came to its middle");
    *relay_r = relay;
    return a;
}

static void converges(struct axsync *a, struct relay **relay)
{
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    CHECK(a, deletes(a) == 5 && a->target.lines == 2005, "%zu accounts were deleted, %zu lines", deletes(a),
          a->target.lines);
    CHECK(a, axsync_log_count(a, "in sync with") == 2, "the broken refresh was taken for a complete one");
    relay_free(relay);
    end_company(&a);
}

Test(guard, server_is_killed_amid_refresh, .timeout = 280)
{
    struct relay *relay;
    struct axsync *a = amid_refresh(&relay);

    DO(a, slapdtest_kill(a->server));
    relay_cut(relay);
    axsync_await_phase(a, "waiting");
    nothing_was_deleted(a);
    DO(a, slapdtest_start(a->server));
    converges(a, &relay);
}

/* Nobody closes anything: only the second connection can tell. */
Test(guard, server_hangs_amid_refresh, .timeout = 280)
{
    struct relay *relay;
    struct axsync *a = amid_refresh(&relay);

    DO(a, slapdtest_pause(a->server));   /* the wire stays dead: the kernel may have buffered all the rest */
    axsync_await_phase(a, "waiting");
    nothing_was_deleted(a);
    DO(a, slapdtest_continue(a->server));
    relay_go_on(relay);
    converges(a, &relay);
}

Test(guard, wire_dies_amid_refresh, .timeout = 280)
{
    struct relay *relay;
    struct axsync *a = amid_refresh(&relay);

    axsync_await_phase(a, "waiting");
    nothing_was_deleted(a);
    relay_go_on(relay);
    converges(a, &relay);
}

/* The session log is in memory too: after a crash slapd takes its empty log for one that begins at the CSN it went back
 * to, and tells of no deletion that was before. Only comparing everything finds it. */
Test(guard, server_crashed_and_lost_a_deletion, .timeout = 280)
{
    struct axsync *a = company(200, 10000, "reconcileInterval = 2\n");

    axsync_stop(a);
    DO(a, slapdtest_delete(a->server, PERSON("000001")));
    DO(a, slapdtest_kill(a->server));
    DO(a, slapdtest_start(a->server));
    DO(a, slapdtest_replace(a->server, PERSON("000002"), "title", "The first write after it"));
    axsync_start(a);
    axsync_await_mirror(a, NULL);
    CHECK(a, deletes(a) == 1 && a->target.lines == 202, "%zu deletions, %zu lines", deletes(a), a->target.lines);
    end_company(&a);
}

Test(guard, size_limit, .timeout = 280)
{
    struct axsync *a = company(300, 10000, "");

    delete_people(a, 1, 5);
    axsync_await_settled(a);
    DO(a, slapdtest_config(a->server, "dn: " SLAPDTEST_DATABASE_DN "\nchangetype: modify\nreplace: olcSizeLimit\n"
                                      "olcSizeLimit: 50\n"));
    resync(a);
    axsync_await_error(a, "raise the size limit");
    CHECK(a, deletes(a) == 5, "%zu accounts were deleted", deletes(a));
    DO(a, slapdtest_config(a->server, "dn: " SLAPDTEST_DATABASE_DN "\nchangetype: modify\nreplace: olcSizeLimit\n"
                                      "olcSizeLimit: unlimited\n"));
    DO(a, slapdtest_replace(a->server, PERSON("000006"), "title", "After the limit"));
    axsync_await_mirror(a, NULL);
    CHECK(a, deletes(a) == 5, "%zu accounts were deleted", deletes(a));
    end_company(&a);
}

static bool delivered_50(struct axsync *a, void *ctx)
{
    json_t *status = axsync_status(a), *sink;
    bool all;

    (void)ctx;
    sink = json_array_get(json_object_get(status, "sinks"), 0);
    all = json_integer_value(json_object_get(sink, "acked")) == 50 && json_integer_value(json_object_get(sink, "queued")) == 0;
    json_decref(status);
    return all;
}

/* What a first refresh showed before it was cut short is told all the same, and at once. */
Test(guard, size_limit_in_the_first_refresh, .timeout = 280)
{
    struct slapdtest_options options = {.dbnosync = true, .sizelimit = 50};
    struct axsync *a = axsync_new(run_company(&options, 120), "");

    axsync_start(a);
    axsync_await_error(a, "raise the size limit");
    axsync_await(a, "the sink has what came before the limit", delivered_50, NULL);
    nothing_was_deleted(a);
    end_company(&a);
}

/* ---- emptied and reloaded servers --------------------------------------------------------------------------- */

static struct axsync *wiped(size_t people_after)
{
    struct axsync *a = company(200, 10000, "");

    DO(a, slapdtest_stop(a->server));
    DO(a, slapdtest_wipe(a->server));
    DO(a, slapdtest_add_people(a->server, people_after, 1));
    DO(a, slapdtest_start(a->server));
    axsync_add_reader(a->server);
    return a;
}

Test(guard, server_is_emptied, .timeout = 280)
{
    struct axsync *a = wiped(0);

    resync(a);
    await_hold(a, "account.delete", NULL, 200);
    nothing_was_deleted(a);
    end_company(&a);
}

/* The same people, all with other UUIDs. */
Test(guard, server_is_reloaded, .timeout = 280)
{
    struct axsync *a = wiped(200);
    struct awaited_hold hold;

    resync(a);
    hold = await_hold(a, "rebind", NULL, 200);
    nothing_was_deleted(a);
    CHECK(a, a->target.lines == 200, "something happened");
    CHECK(a, axsync_command(a, "approve", hold.id, NULL) == EX_OK, "approve failed");
    axsync_await_mirror(a, NULL);
    nothing_was_deleted(a);
    end_company(&a);
}

/* Not even the suffix is there, and nobody says resync. */
Test(guard, server_is_wiped, .timeout = 280)
{
    struct axsync *a = company(200, 10000, "");

    DO(a, slapdtest_stop(a->server));
    DO(a, slapdtest_wipe(a->server));
    DO(a, slapdtest_start(a->server));
    axsync_await_error(a, "(");   /* its password is gone as well: Invalid credentials (49) */
    nothing_was_deleted(a);
    DO(a, slapdtest_add_people(a->server, 1, 1));
    axsync_add_reader(a->server);
    axsync_await_phase(a, "insync");
    nothing_was_deleted(a);
    end_company(&a);
}
