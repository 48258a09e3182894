/* The object of `status --json`, by its text. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "status_json.h"

static char *text_of(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT | STATUS_JSON_REALS);

    json_decref(object);
    return text;
}

static void fill_status(struct status *s)
{
    memset(s, 0, sizeof(*s));
    status_text(s->name, sizeof(s->name), "corp");
    status_text(s->mode, sizeof(s->mode), "persist");
    status_text(s->configured_mode, sizeof(s->configured_mode), "auto");
    status_text(s->phase, sizeof(s->phase), "insync");
    status_text(s->uri, sizeof(s->uri), "ldap://127.0.0.1:389");
    s->lag_ms = 1234;
    s->last_change_ms = 1700000000123;
    s->accounts = 10;
    s->groups = 2;
    s->invalid = 1;
    s->n_searches = 1;
    status_text(s->searches[0].kind, sizeof(s->searches[0].kind), "accounts");
    status_text(s->searches[0].base, sizeof(s->searches[0].base), "ou=people");
    status_text(s->searches[0].phase, sizeof(s->searches[0].phase), "insync");
    status_text(s->searches[0].cookie, sizeof(s->searches[0].cookie), "rid=000");
    s->searches[0].received = 12;
    s->searches[0].expected = -1;
    s->searches[0].rate = 20.26;
    s->n_sinks = 1;
    status_text(s->sinks[0].name, sizeof(s->sinks[0].name), "journal");
    status_text(s->sinks[0].type, sizeof(s->sinks[0].type), "file");
    s->sinks[0].acked = 41;
    s->sinks[0].queued = 1;
    status_text(s->sinks[0].last_error, sizeof(s->sinks[0].last_error), "no space");
}

Test(status_json, the_whole_object)
{
    const struct status_head head = {"0.1.0", 42, 61999};
    struct hold open = {.id = 7,
                        .of.kind = GUARD_CLEAR,
                        .of.field = FIELD_CONTACT_FIRST_NAME,
                        .since_ms = 1700000000000,
                        .joined = 120,
                        .count = 119};
    struct hold rejected = {.id = 8, .rejected = true};
    struct status s;
    json_t *holds = json_array();
    char *text;

    fill_status(&s);
    status_json_hold(holds, &open);
    status_json_hold(holds, &rejected);
    text = text_of(status_json(&head, &s, &holds, 1));
    cr_assert_str_eq(
        text, "{\"version\":\"0.1.0\",\"pid\":42,\"uptime\":61,\"connectors\":[{\"name\":\"corp\",\"mode\":\"persist\","
              "\"configuredMode\":"
              "\"auto\",\"phase\":\"insync\",\"uri\":\"ldap://"
              "127.0.0.1:389\",\"lag\":1.234,\"lastChange\":\"2023-11-14T22:13:20.123Z\","
              "\"searches\":[{\"kind\":\"accounts\",\"base\":\"ou=people\",\"phase\":\"insync\",\"cookie\":\"rid=000\","
              "\"received\":12,"
              "\"expected\":null,\"rate\":20.3}],\"entries\":{\"accounts\":10,\"groups\":2,\"invalid\":1,\"conflicts\":"
              "0,\"waiting\":0,"
              "\"orphans\":0},\"sinks\":[{\"name\":\"journal\",\"type\":\"file\",\"acked\":41,\"queued\":1,\"parked\":"
              "0,\"due\":0,"
              "\"lastError\":\"no "
              "space\"}],\"holds\":[{\"id\":\"7.120\",\"kind\":\"clear\",\"field\":\"contactInfo.firstName\",\"count\":"
              "119,\"since\":\"2023-11-14T22:13:20.000Z\"}],\"lastError\":null}]}");
    free(text);
}

Test(status_json, what_is_not_known_is_null)
{
    const struct status_head head = {.version = "0.1.0"};
    struct config_connector conf = {.name = (char *)"corp", .mode = MODE_PERSIST};
    struct status s;
    json_t *holds = json_array();
    char *text;

    status_blank(&s, &conf, "stopped");
    text = text_of(status_json(&head, &s, &holds, 1));
    cr_assert_str_eq(
        text, "{\"version\":\"0.1.0\",\"pid\":null,\"uptime\":null,\"connectors\":[{\"name\":\"corp\",\"mode\":null,"
              "\"configuredMode\":\"persist\",\"phase\":\"stopped\",\"uri\":null,\"lag\":null,\"lastChange\":null,"
              "\"searches\":[],\"entries\":{\"accounts\":0,\"groups\":0,\"invalid\":0,\"conflicts\":0,\"waiting\":0,"
              "\"orphans\":0},\"sinks\":[],\"holds\":[],\"lastError\":null}]}");
    free(text);
}

/* JSON has no way to say either, and Jansson makes no object of them. */
Test(status_json, bytes_and_numbers_that_json_has_not)
{
    const struct status_head head = {"0.1.0", 42, 0};
    const double rates[] = {(double)NAN, (double)INFINITY, -1, 1e300};
    struct status s;
    char *text;

    for (size_t i = 0; i < sizeof(rates) / sizeof(*rates); i++) {
        json_t *holds = json_array(), *object;

        fill_status(&s);
        s.searches[0].rate = rates[i];
        status_text(s.last_error, sizeof(s.last_error), "caf\xE9 \xF0\x9F\x98\x80\xFF");
        object = status_json(&head, &s, &holds, 1);
        cr_assert_not_null(object);
        text = text_of(object);
        cr_assert_not_null(strstr(text, "\"rate\":0.0}"));
        cr_assert_not_null(strstr(text, "\"lastError\":\"caf\xEF\xBF\xBD \xF0\x9F\x98\x80\xEF\xBF\xBD\""), "%s", text);
        free(text);
    }
}
