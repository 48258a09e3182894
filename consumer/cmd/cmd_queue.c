/* `axsync queue`: what the sinks do not have yet. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd.h"
#include "control.h"
#include "queue.h"

#define ANSWER_MS 2000
#define OLDEST_BYTES 60 /* of an action's address that is shown */

struct list {
    struct table_rows *rows;
    json_t *connectors; /* of the running daemon's status, or NULL */
};

static json_t *find_named(json_t *array, const char *name)
{
    json_t *each;
    size_t i;

    json_array_foreach(array, i, each)
    {
        const char *text = json_string_value(json_object_get(each, "name"));

        if (text && strcmp(text, name) == 0)
            return each;
    }
    return NULL;
}

/* What the daemon says of a sink; NULL: no daemon runs, or it knows none of that name. */
static json_t *live_sink(const struct list *l, const char *connector, const char *sink)
{
    return find_named(json_object_get(find_named(l->connectors, connector), "sinks"), sink);
}

/* seq, time, action and address of the oldest line that a sink does not have. */
static void print_oldest(struct table_rows *rows, struct txn *t, uint64_t position)
{
    struct buf text = {0};
    uint64_t seq = 0;
    json_t *action = NULL;
    const char *when, *what, *address;

    if (queue_read(t, position, 1, &text, &seq) > 0)
        action = json_loadb(text.p, text.len, 0, NULL);
    when = json_string_value(json_object_get(action, "time"));
    what = json_string_value(json_object_get(action, "action"));
    address = json_string_value(json_object_get(action, "address"));
    if (action)
        rows_printf(rows, "%llu %s %.*s, %.20s", (unsigned long long)seq, what ? what : "?", OLDEST_BYTES,
                    address ? address : "", when ? when : "");
    else
        rows_cell(rows, slice_of("-"));
    json_decref(action);
    buf_free(&text);
}

static void list_sink(struct list *l, const struct config_connector *c, const struct config_sink *sink, uint64_t last,
                      struct txn *t)
{
    json_t *live = live_sink(l, c->name, sink->name);
    const char *error = json_string_value(json_object_get(live, "lastError"));
    uint64_t position = 0;
    bool known = sink_position_get(t, sink->name, &position);
    uint64_t queued = last > position ? last - position : 0;

    rows_printf(l->rows, "%s/%s", c->name, sink->name);
    rows_printf(l->rows, "%llu", (unsigned long long)position);
    rows_printf(l->rows, "%llu", (unsigned long long)queued);
    print_oldest(l->rows, t, position);
    if (error)
        rows_cell(l->rows, slice_of(error));
    else if (!known)
        rows_cell(l->rows, slice_of("new: to be told the whole state first"));
    else if (queued && live == NULL)
        rows_cell(l->rows, slice_of("goes on when axsync runs"));
    else
        rows_cell(l->rows, slice_of(queued ? "being delivered" : "has everything"));
}

static int list_state(void *ctx, const struct config_connector *c, struct store *s, struct txn *t, struct err *e)
{
    (void)e;
    for (size_t i = 0; i < c->n_sinks; i++)
        list_sink(ctx, c, &c->sinks[i], queue_last(s), t);
    return 0;
}

static json_t *ask_daemon(const struct config *conf)
{
    json_t *request = json_pack("{s:s}", "command", "status");
    struct err ignored;
    json_t *answer = control_request(conf->state_dir, request, ANSWER_MS, &ignored);
    json_t *connectors = json_incref(json_object_get(json_object_get(answer, "status"), "connectors"));

    json_decref(answer);
    json_decref(request);
    return connectors;
}

static int list(const struct config *conf)
{
    static const char *const head[] = {"SINK", "HAS SEQ", "QUEUED", "OLDEST QUEUED", "STATE"};
    struct list l = {rows_new(sizeof(head) / sizeof(*head)), ask_daemon(conf)};
    struct err e = {0};
    size_t states = 0;
    int rc;

    for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
        rows_cell(l.rows, slice_of(head[i]));
    rc = cmd_each_state(conf, list_state, &l, &states, &e);
    if (rc == 0 && states == 0)
        printf("There is no state in %s yet.\n", conf->state_dir);
    else if (rc == 0)
        rows_print(l.rows, stdout);
    json_decref(l.connectors);
    rows_free(&l.rows);
    return rc == 0 ? EX_OK : cmd_fail(&e);
}

/* Of parked actions the file sink knows none: a file takes a line or is full, it refuses none for good. */
static int parked(const char *verb)
{
    printf("Nothing is parked: the file sink parks nothing, so there is nothing to %s.\n", verb);
    return EX_OK;
}

int cmd_queue(const struct cmd_options *o)
{
    static const char *const verbs[] = {"list", "retry", "drop", "adopt"};
    const char *verb = o->argc ? o->argv[0] : "list", *near;
    struct config *conf;
    size_t i = 0;
    int rc;

    while (i < sizeof(verbs) / sizeof(*verbs) && strcmp(verbs[i], verb) != 0)
        i++;
    if (i == sizeof(verbs) / sizeof(*verbs)) {
        near = cmd_nearest(verb, verbs, i);
        fprintf(stderr, "axsync: queue: unknown word '%s'%s%s%s\n", verb,
                near ? ", did you mean '" : " (see 'axsync queue --help')", near ? near : "", near ? "'?" : "");
        return EX_USAGE;
    }
    if (i == 0 ? o->argc > 1 || o->all : o->argc < 2 && !o->all) {
        fprintf(stderr,
                i == 0 ? "axsync: queue list takes no words and no --all\n"
                       : "axsync: queue %s needs CONNECTOR/SINK/SEQ or --all\n",
                verb);
        return EX_USAGE;
    }
    conf = cmd_config(o);
    if (conf == NULL)
        return EX_CONFIG;
    rc = i == 0 ? list(conf) : parked(verb);
    config_free(&conf);
    return rc;
}
