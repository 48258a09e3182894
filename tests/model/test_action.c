#include <criterion/criterion.h>

#include <jansson.h>

#include "action.h"
#include "axsync_actions.h"
#include "make.h"

static struct buf line;
static uint8_t uuid[UUID_BYTES];

static void start(void)
{
    cr_assert(uuid_parse(slice_of("8A2F1B60-0c1d-4e5f-9a3b-112233445566"), uuid));
}

static void stop(void)
{
    buf_free(&line);
}

TestSuite(action, .init = start, .fini = stop);

static struct action plain(enum action_type type)
{
    return (struct action){
        .seq = 7, .time_ms = INT64_C(1795506595123), .connector = slice_of("corp"), .type = type, .uuid = uuid,
        .dn = slice_of("uid=ann"), .address = slice_of("ann@example.com"), .cause = CAUSE_ADD, .phase = PHASE_PERSIST,
    };
}

/* The whole line, so that the order of keys is seen. */
static void expect_line(const struct action *a, const char *text)
{
    json_t *json;

    buf_reset(&line);
    action_json(a, &line);
    cr_expect_str_eq(buf_str(&line), text);
    json = json_loadb(line.p, line.len, JSON_REJECT_DUPLICATES, NULL);
    cr_expect_not_null(json, "%s", buf_str(&line));
    json_decref(json);
    cr_expect_eq(action_line_seq(buf_slice(&line)), a->seq);
}

Test(action, create_with_fields_and_aliases)
{
    struct object_field set[] = {
        { FIELD_ACCOUNT_CLASS, slice_of("gold") },
        { FIELD_CONTACT_FIRST_NAME, slice_of("Ann") },
    };
    struct slice aliases[] = { slice_of("a@example.com"), slice_of("b@example.com") };
    struct action a = plain(ACTION_ACCOUNT_CREATE);

    a.set = set;
    a.n_set = 2;
    a.set_aliases = aliases;
    a.n_set_aliases = 2;
    expect_line(&a, "{\"seq\":7,\"time\":\"2026-11-24T07:49:55.123Z\",\"connector\":\"corp\","
                    "\"action\":\"account.create\",\"uuid\":\"8a2f1b60-0c1d-4e5f-9a3b-112233445566\","
                    "\"dn\":\"uid=ann\",\"address\":\"ann@example.com\",\"set\":{\"account.class\":\"gold\","
                    "\"aliases\":[\"a@example.com\",\"b@example.com\"],\"contactInfo.firstName\":\"Ann\"},"
                    "\"cause\":\"add\",\"phase\":\"persist\"}");
}

Test(action, aliases_first_last_and_alone)
{
    struct object_field before = { FIELD_ACCOUNT_CLASS, slice_of("x") };
    struct object_field after = { FIELD_LIMIT_SERVICES, slice_of("y") };
    struct slice alias = slice_of("a@x");
    struct action a = plain(ACTION_ACCOUNT_UPDATE);

    a.set_aliases = &alias;
    a.n_set_aliases = 1;
    buf_reset(&line);
    action_json(&a, &line);
    cr_expect_not_null(strstr(buf_str(&line), "\"set\":{\"aliases\":[\"a@x\"]},\"cause\""));
    a.n_set = 1;
    a.set = &before;
    buf_reset(&line);
    action_json(&a, &line);
    cr_expect_not_null(strstr(buf_str(&line), "\"set\":{\"account.class\":\"x\",\"aliases\":[\"a@x\"]},"));
    a.set = &after;
    buf_reset(&line);
    action_json(&a, &line);
    cr_expect_not_null(strstr(buf_str(&line), "\"set\":{\"aliases\":[\"a@x\"],\"limits.services\":\"y\"},"));
}

Test(action, rename)
{
    struct action a = plain(ACTION_ACCOUNT_RENAME);

    a.seq = INT64_MAX;
    a.from = slice_of("old@example.com");
    a.cause = CAUSE_RENAME;
    a.phase = PHASE_REFRESH;
    expect_line(&a, "{\"seq\":9223372036854775807,\"time\":\"2026-11-24T07:49:55.123Z\",\"connector\":\"corp\","
                    "\"action\":\"account.rename\",\"uuid\":\"8a2f1b60-0c1d-4e5f-9a3b-112233445566\","
                    "\"dn\":\"uid=ann\",\"address\":\"ann@example.com\",\"from\":\"old@example.com\","
                    "\"cause\":\"rename\",\"phase\":\"refresh\"}");
}

Test(action, clear_and_what_is_empty)
{
    field_id clear[] = { FIELD_ALIASES, FIELD_CONTACT_OFFICE };
    struct action a = plain(ACTION_ACCOUNT_UPDATE);

    a.seq = 0;   /* a sink that is told the state anew before there ever was an action */
    a.clear = clear;
    a.n_clear = 2;
    a.dn = slice_of("");
    a.cause = CAUSE_RESYNC;
    expect_line(&a, "{\"seq\":0,\"time\":\"2026-11-24T07:49:55.123Z\",\"connector\":\"corp\","
                    "\"action\":\"account.update\",\"uuid\":\"8a2f1b60-0c1d-4e5f-9a3b-112233445566\","
                    "\"address\":\"ann@example.com\",\"clear\":[\"aliases\",\"contactInfo.office\"],"
                    "\"cause\":\"resync\",\"phase\":\"persist\"}");
}

Test(action, members)
{
    struct slice add[] = { slice_of("a@x"), slice_of("b@x") }, gone = slice_of("c@x");
    struct action a = plain(ACTION_GROUP_MEMBERS);

    a.add = add;
    a.n_add = 2;
    a.remove = &gone;
    a.n_remove = 1;
    a.cause = CAUSE_RESOLVE;
    a.phase = PHASE_LOCAL;
    expect_line(&a, "{\"seq\":7,\"time\":\"2026-11-24T07:49:55.123Z\",\"connector\":\"corp\","
                    "\"action\":\"group.members\",\"uuid\":\"8a2f1b60-0c1d-4e5f-9a3b-112233445566\","
                    "\"dn\":\"uid=ann\",\"address\":\"ann@example.com\",\"add\":[\"a@x\",\"b@x\"],"
                    "\"remove\":[\"c@x\"],\"cause\":\"resolve\",\"phase\":\"local\"}");
}

Test(action, time_follows)
{
    struct action a = plain(ACTION_ACCOUNT_DELETE);

    action_json(&a, &line);
    cr_expect_not_null(strstr(buf_str(&line), "07:49:55.123Z"));
    a.time_ms++;
    buf_reset(&line);
    action_json(&a, &line);
    cr_expect_not_null(strstr(buf_str(&line), "07:49:55.124Z"));
    a.time_ms = 0;
    buf_reset(&line);
    action_json(&a, &line);
    cr_expect_not_null(strstr(buf_str(&line), "\"1970-01-01T00:00:00.000Z\""));
}

Test(action, awkward_bytes_come_back_as_they_were)
{
    static const char text[] = "a\"b\\c\n\x01\xC3\xA4\xF0\x9F\x98\x80";
    struct object_field set = { FIELD_CONTACT_OFFICE, slice_of(text) };
    struct action a = plain(ACTION_ACCOUNT_UPDATE);
    json_t *json;

    a.set = &set;
    a.n_set = 1;
    a.dn = slice_of("cn=\xFF");
    action_json(&a, &line);
    cr_expect_null(memchr(line.p, '\n', line.len));
    json = json_loadb(line.p, line.len, 0, NULL);
    cr_assert_not_null(json);
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(json, "set"), "contactInfo.office")), text);
    cr_expect_str_eq(json_string_value(json_object_get(json, "dn")), "cn=\xEF\xBF\xBD");
    json_decref(json);
}

static const struct {
    const char *line;
    uint64_t seq;
} lines[] = {
    { "{\"seq\":1,\"time\"", 1 },
    { "{\"seq\":18446744073709551615,", UINT64_MAX },
    { "{\"seq\":18446744073709551616,", 0 },
    { "{\"seq\":99999999999999999999999,", 0 },
    { "{\"seq\":12", 0 },                 /* torn: who knows what followed */
    { "{\"seq\":,", 0 },
    { "{\"seq\":x,", 0 },
    { "{\"seq\": 1,", 0 },
    { "{\"seq\":-1,", 0 },
    { "{\"se", 0 },
    { "", 0 },
    { "{\"time\":1,\"seq\":3,", 0 },
};

Test(action, seq_of_a_line)
{
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        cr_expect_eq(action_line_seq(slice_of(lines[i].line)), lines[i].seq, "%s", lines[i].line);
}

/* The public header must say what the program says. */
Test(action, names_are_those_of_the_public_header)
{
    cr_expect_str_eq(action_type_name(ACTION_ACCOUNT_CREATE), AXSYNC_ACTION_ACCOUNT_CREATE);
    cr_expect_str_eq(action_type_name(ACTION_ACCOUNT_UPDATE), AXSYNC_ACTION_ACCOUNT_UPDATE);
    cr_expect_str_eq(action_type_name(ACTION_ACCOUNT_RENAME), AXSYNC_ACTION_ACCOUNT_RENAME);
    cr_expect_str_eq(action_type_name(ACTION_ACCOUNT_REBIND), AXSYNC_ACTION_ACCOUNT_REBIND);
    cr_expect_str_eq(action_type_name(ACTION_ACCOUNT_DELETE), AXSYNC_ACTION_ACCOUNT_DELETE);
    cr_expect_str_eq(action_type_name(ACTION_GROUP_CREATE), AXSYNC_ACTION_GROUP_CREATE);
    cr_expect_str_eq(action_type_name(ACTION_GROUP_UPDATE), AXSYNC_ACTION_GROUP_UPDATE);
    cr_expect_str_eq(action_type_name(ACTION_GROUP_RENAME), AXSYNC_ACTION_GROUP_RENAME);
    cr_expect_str_eq(action_type_name(ACTION_GROUP_REBIND), AXSYNC_ACTION_GROUP_REBIND);
    cr_expect_str_eq(action_type_name(ACTION_GROUP_DELETE), AXSYNC_ACTION_GROUP_DELETE);
    cr_expect_str_eq(action_type_name(ACTION_GROUP_MEMBERS), AXSYNC_ACTION_GROUP_MEMBERS);
    cr_expect_str_empty(action_type_name(ACTION_TYPES));
    cr_expect_str_eq(cause_name(CAUSE_ADD), AXSYNC_CAUSE_ADD);
    cr_expect_str_eq(cause_name(CAUSE_MODIFY), AXSYNC_CAUSE_MODIFY);
    cr_expect_str_eq(cause_name(CAUSE_RENAME), AXSYNC_CAUSE_RENAME);
    cr_expect_str_eq(cause_name(CAUSE_DELETE), AXSYNC_CAUSE_DELETE);
    cr_expect_str_eq(cause_name(CAUSE_LEAVE), AXSYNC_CAUSE_LEAVE);
    cr_expect_str_eq(cause_name(CAUSE_ABSENT), AXSYNC_CAUSE_ABSENT);
    cr_expect_str_eq(cause_name(CAUSE_MOVED), AXSYNC_CAUSE_MOVED);
    cr_expect_str_eq(cause_name(CAUSE_RESOLVE), AXSYNC_CAUSE_RESOLVE);
    cr_expect_str_eq(cause_name(CAUSE_RESYNC), AXSYNC_CAUSE_RESYNC);
    cr_expect_str_eq(cause_name(CAUSE_REPAIR), AXSYNC_CAUSE_REPAIR);
    cr_expect_str_empty(cause_name(CAUSES));
    cr_expect_str_eq(phase_name(PHASE_REFRESH), AXSYNC_PHASE_REFRESH);
    cr_expect_str_eq(phase_name(PHASE_PERSIST), AXSYNC_PHASE_PERSIST);
    cr_expect_str_eq(phase_name(PHASE_POLL), AXSYNC_PHASE_POLL);
    cr_expect_str_eq(phase_name(PHASE_LOCAL), AXSYNC_PHASE_LOCAL);
    cr_expect_str_empty(phase_name(PHASES));
}
