/* Rebinding on a real slapd: entries that are made again, and a server that is loaded anew, with new UUIDs for everybody. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "axsync_test.h"

#define PEOPLE_BASE "ou=people,dc=example,dc=com"
#define STAFF 12

static struct axsync *company(const char *overrides)
{
    struct slapdtest_options options = {.dbnosync = true, .sessionlog = 10000};
    struct axsync *a = axsync_new(run_company(&options, STAFF), overrides);

    axsync_expect_error(a, "hold ");
    axsync_start(a);
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    return a;
}

static void delete_person(struct axsync *a, int i)
{
    char dn[100];

    snprintf(dn, sizeof(dn), "uid=user%06d," PEOPLE_BASE, i);
    DO(a, slapdtest_delete(a->server, dn));
}

/* One with the same address, and a title of its own. */
static void make_again(struct axsync *a, int i)
{
    DO(a, slapdtest_ldif_f(a->server,
                           "dn: uid=user%06d," PEOPLE_BASE "\nobjectClass: inetOrgPerson\nuid: user%06d\ncn: again\nsn: again\n"
                           "mail: user%06d@example.com\ntitle: Again\n\n", i, i, i));
}

struct awaited_hold {
    const char *kind;
    json_int_t count;
    char id[32];
};

static bool has_hold(struct axsync *a, void *ctx)
{
    struct awaited_hold *w = ctx;
    json_t *status = axsync_peek(a), *hold;
    bool has = false;
    size_t i;

    json_array_foreach(json_object_get(status, "holds"), i, hold)
        if (strcmp(axsync_text(hold, "kind"), w->kind) == 0 && json_integer_value(json_object_get(hold, "count")) == w->count) {
            snprintf(w->id, sizeof(w->id), "%s", axsync_text(hold, "id"));
            has = true;
        }
    json_decref(status);
    return has;
}

static struct awaited_hold await_hold(struct axsync *a, const char *kind, json_int_t count)
{
    struct awaited_hold w = {.kind = kind, .count = count};

    axsync_await(a, "status shows the hold", has_hold, &w);
    return w;
}

static size_t lines_of(struct axsync *a, const char *action)
{
    char text[60];

    snprintf(text, sizeof(text), "\"action\":\"%s\"", action);
    return axsync_output_count(a, 0, text);
}

static void expect_lines(struct axsync *a, const char *action, size_t n)
{
    CHECK(a, lines_of(a, action) == n, "%zu lines of %s, not %zu", lines_of(a, action), action, n);
}

static void say(struct axsync *a, const char *word, const char *id)
{
    CHECK(a, axsync_command(a, word, id, NULL) == EX_OK, "%s %s: %s", word, id, a->err);
}

/* What people see of a pair. */
static void check_words(struct axsync *a, const char *id)
{
    char *uuid = slapdtest_entry_uuid(a->server, "uid=user000003," PEOPLE_BASE), text[100];

    CHECK(a, axsync_command(a, "holds", id, NULL) == EX_OK, "holds %s failed", id);
    snprintf(text, sizeof(text), "rebind account to %s", uuid);
    CHECK(a, strstr(a->out, text) != NULL, "axsync holds does not say: %s", text);
    CHECK(a, axsync_command(a, "entry", "user000003@example.com", NULL) == EX_OK, "entry failed");
    snprintf(text, sizeof(text), "rebind to the new entry %s", uuid);
    CHECK(a, strstr(a->out, text) != NULL, "axsync entry does not say: %s", text);
    free(uuid);
}

Test(rebind, one_is_made_again, .timeout = 280)
{
    struct axsync *a = company("");
    struct awaited_hold hold;

    delete_person(a, 3);
    make_again(a, 3);
    hold = await_hold(a, "rebind", 1);
    check_words(a, hold.id);
    axsync_stop(a);
    axsync_start(a);
    hold = await_hold(a, "rebind", 1);
    say(a, "approve", hold.id);
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    expect_lines(a, "account.rebind", 1);
    expect_lines(a, "account.delete", 0);
    expect_lines(a, "account.create", STAFF);
    axsync_free(&a);
}

Test(rebind, strangers, .timeout = 280)
{
    struct axsync *a = company("");
    struct awaited_hold hold;

    delete_person(a, 3);
    make_again(a, 3);
    hold = await_hold(a, "rebind", 1);
    say(a, "reject", hold.id);
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    expect_lines(a, "account.rebind", 0);
    expect_lines(a, "account.delete", 1);
    expect_lines(a, "account.create", STAFF + 1);
    axsync_free(&a);
}

Test(rebind, off, .timeout = 280)
{
    struct axsync *a = company("rebind = no\n");

    delete_person(a, 3);
    make_again(a, 3);
    axsync_await_mirror(a, NULL);
    expect_lines(a, "account.delete", 1);
    axsync_free(&a);
}

/* All of them, while axsync is away or while it looks. */
static void load_anew(struct axsync *a)
{
    for (int i = 1; i <= STAFF; i++)
        delete_person(a, i);
    for (int i = 1; i <= STAFF; i++)
        make_again(a, i);
}

static void everybody(bool away)
{
    struct axsync *a = company("");
    struct awaited_hold hold;

    if (away)
        axsync_stop(a);
    load_anew(a);
    if (away)
        axsync_start(a);
    hold = await_hold(a, "rebind", STAFF);
    expect_lines(a, "account.delete", 0);
    expect_lines(a, "account.create", STAFF);
    say(a, "approve", hold.id);
    /* What all of them lost with it is for the guard. */
    await_hold(a, "clear", STAFF);
    expect_lines(a, "account.rebind", STAFF);
    expect_lines(a, "account.delete", 0);
    axsync_free(&a);
}

Test(rebind, everybody_while_axsync_looks, .timeout = 280)
{
    everybody(false);
}

Test(rebind, everybody_while_it_is_away, .timeout = 280)
{
    everybody(true);
}
