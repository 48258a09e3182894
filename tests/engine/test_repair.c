/* `verify --repair` in the writer: entries are read again, as any that may have changed; a sink is told anew, alone. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "aside.h"
#include "harness.h"

#define SINK "mail" /* that of scene_keeps() */

static struct config_sink sinks[] = {{.name = (char *)SINK, .type = SINK_TYPE_AXIGEN}};

static void begin(void)
{
    scene_open();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    dir_put_many(18);
    refresh_in_full();
    pass_s(1);
    expect_many(20, "create ");
    conf.sinks = sinks;
    conf.n_sinks = 1;
}

static void end(void)
{
    conf.n_sinks = 0;
    scene_close();
}

TestSuite(repair, .init = begin, .fini = end, .timeout = 60);

/* A line of the list. */
static const char *item(const char *sink, const char *name, const char *member)
{
    static char line[256];
    uint8_t uuid[UUID_BYTES];
    char text[UUID_TEXT];

    uuid_of(name, uuid);
    snprintf(line, sizeof(line), "%s\taccount\t%s\t%s\n", sink, uuid_format(uuid, text), member);
    return line;
}

/* What was set aside for the sink, as JSON lines. */
static const char *told(void)
{
    static struct buf lines;
    struct txn *t = txn_begin(mirror->store->db, DB_READ);
    struct aside_id id = {0};
    struct aside_row row;
    struct arena a = {0};

    buf_reset(&lines);
    while (aside_next(t, SINK, &id, &row, &a))
        buf_printf(&lines, "%.*s\n", SLICE_ARG(row.line));
    arena_free(&a);
    txn_abort(&t);
    return buf_str(&lines);
}

static void has(const char *lines, const char *text)
{
    cr_assert(strstr(lines, text) != NULL, "no %s in %s", text, lines);
}

Test(repair, what_differs_is_taken_in)
{
    dir_put("ann", "givenName", "Anna", NULL);
    repair(item("", "ann", ""), false);
    cr_assert(was_asked("ann"));
    answer();
    expect_first("update ann@example.com contactInfo.firstName=Anna");
}

/* One that is gone is a candidate like any other. */
Test(repair, what_is_gone_waits)
{
    dir_remove("ann");
    repair(item("", "ann", ""), false);
    answer();
    expect_pending("ann", PENDING_DELETE, PENDING_UNPROVEN);
    answer();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    expect_nothing();
}

Test(repair, without_a_daemon_all_is_read_anew)
{
    cr_assert_str_neq(cookie_stored(), "");
    repair(item("", "ann", ""), true);
    cr_assert_str_eq(cookie_stored(), "");
    cr_assert_eq(asked(), 0u);
}

Test(repair, a_sink_is_told_alone)
{
    scene_keeps();
    repair(item(SINK, "ann", ""), false);
    expect_nothing(); /* in the queue, which all sinks read */
    has(told(), "\"action\":\"account.create\"");
    has(told(), "\"address\":\"ann@example.com\"");
    has(told(), "\"cause\":\"repair\"");
    has(told(), "{\"seq\":20,"); /* its position */
}

/* Nobody is told of who is not mirrored, of a member that is none, or of a sink that is not there. */
Test(repair, what_is_not_in_the_state_is_not_told)
{
    scene_keeps();
    repair(item(SINK, "nobody", ""), false);
    repair(item("other", "ann", ""), false);
    repair(item(SINK, "ann", "bob@example.com"), false);
    cr_assert_str_eq(told(), "");
    expect_nothing();
}

/* A sink that has not been told the state yet is told all of it anyway. */
Test(repair, a_new_sink_is_not_told)
{
    repair(item(SINK, "ann", ""), false);
    cr_assert_str_eq(told(), "");
}

Test(repair, a_list_that_is_none)
{
    const struct command c = {.verb = COMMAND_REPAIR, .list = "what\n"};
    struct err e = {0};
    char text[512];

    mirror_begin(mirror);
    cr_assert_eq(operator_command(mirror, &c, text, sizeof(text), &e), -1);
    cr_assert_eq(e.class, ERR_USAGE);
}
