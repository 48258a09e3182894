/* `axsync queue`: what the sinks do not have yet. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "cmd.h"
#include "aside.h"
#include "clock.h"
#include "control.h"
#include "queue.h"
#include "records.h"

#define ANSWER_MS 2000
#define ASIDE_MAX 200   /* rows of a sink that are shown */
#define OLDEST_BYTES 60 /* of an action's address that is shown */

struct list {
    struct table_rows *rows;
    struct table_rows *aside, *due; /* actions that were set aside; accounts that are to be removed */
    bool cut;                       /* there are more */
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
    struct sink_row row;
    bool known = sink_row_get(t, sink->name, &row);
    uint64_t position = row.position;
    uint64_t queued = (last > position ? last - position : 0) + sink_row_waiting(&row);

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
        rows_cell(l->rows, slice_of(queued                   ? "being delivered"
                                    : sink_row_parked(&row) ? "has all but what is parked"
                                                            : "has everything"));
}

/* What helps, by the state that an action is in. */
static const char *helps(const struct aside_row *row)
{
    switch (row->state) {
    case ASIDE_RETRY:
        return row->attempts || row->words.len ? "is tried again by itself" : "not tried yet, and is by itself";
    case ASIDE_PARKED:
        return row->flags & ASIDE_FLAG_REST ? "all but this is done; queue retry, or drop" : "queue retry, or drop";
    case ASIDE_ADOPT:
        return "queue adopt to take over what is there, or drop";
    case ASIDE_DOMAIN:
        return "waits for its domain, and goes on by itself";
    case ASIDE_UNWELL:
        return "goes on by itself when the target takes such actions again";
    case ASIDE_BEHIND:
    case ASIDE_STUCK:
    case ASIDE_STATES:
        break;
    }
    return "stands behind another";
}

/* Of a row that was set aside untried, since others had been: what the target said to the first of those. At most so many are
 * looked at. */
#define NEIGHBOURS 20

static struct slice words_of(struct txn *t, const char *sink, const struct aside_row *row, struct arena *a)
{
    struct aside_group g = aside_group_of(row->state, row);
    struct aside_id id = {0};
    struct aside_row other = *row;

    if (row->words.len || (row->state != ASIDE_DOMAIN && row->state != ASIDE_UNWELL))
        return row->words;
    for (int n = 0; other.words.len == 0 && n < NEIGHBOURS && aside_wait_next(t, sink, &g, &id); n++)
        if (!aside_get(t, sink, id, &other, a))
            break;
    return other.words.len ? other.words : slice_of("others are waiting before it");
}

static void put_seq(struct buf *out, struct aside_id id)
{
    buf_printf(out, "%llu", (unsigned long long)id.seq);
    if (id.n)
        buf_printf(out, ".%u", id.n);
}

static void print_state(struct table_rows *rows, struct txn *t, const char *sink, const struct aside_row *row, struct arena *a)
{
    struct slice words = words_of(t, sink, row, a);
    struct buf text = {0};

    if (row->state == ASIDE_BEHIND || row->state == ASIDE_STUCK) {
        buf_puts(&text, "stands behind ");
        put_seq(&text, row->behind);
        buf_puts(&text, row->state == ASIDE_STUCK ? ", which is parked" : "");
    } else {
        buf_printf(&text, "%s%s%.*s", helps(row), words.len ? ": " : "", SLICE_ARG(words));
    }
    rows_cell(rows, buf_slice(&text));
    buf_free(&text);
}

static void print_aside(struct table_rows *rows, struct txn *t, const char *connector, const char *sink,
                        const struct aside_row *row, struct arena *a)
{
    json_t *action = json_loadb(row->line.p, row->line.len, 0, NULL);
    const char *address = json_string_value(json_object_get(action, "address"));
    char when[PRINT_TIME];

    if (row->id.n)
        rows_printf(rows, "%s/%s/%llu.%u", connector, sink, (unsigned long long)row->id.seq, row->id.n);
    else
        rows_printf(rows, "%s/%s/%llu", connector, sink, (unsigned long long)row->id.seq);
    rows_cell(rows, slice_of(action_type_name(row->type)));
    rows_cell(rows, slice_of(address ? address : "-"));
    rows_printf(rows, "%u", row->attempts);
    rows_cell(rows, slice_of(print_time(row->since_ms, when)));
    print_state(rows, t, sink, row, a);
    json_decref(action);
}

static void list_aside(struct list *l, const char *connector, const char *sink, struct txn *t)
{
    struct aside_id id = {0};
    struct arena a = {0};
    struct aside_row row;
    size_t n = 0;

    while (n < ASIDE_MAX && aside_next(t, sink, &id, &row, &a)) {
        print_aside(l->aside, t, connector, sink, &row, &a);
        arena_reset(&a);
        n++;
    }
    l->cut = l->cut || n == ASIDE_MAX;
    arena_free(&a);
}

struct slice queue_due_words(const struct record *r)
{
    if (r->due_ms > clock_wall_ms())
        return slice_of("then, if its entry is found nowhere");
    return r->why.len ? r->why : slice_of("is looked up, and removed if its entry is found nowhere");
}

static void list_due(struct list *l, const char *connector, const char *sink, struct txn *t)
{
    uint8_t uuid[UUID_BYTES] = {0};
    char text[UUID_TEXT], when[PRINT_TIME];
    struct arena a = {0};
    struct record r;
    int64_t due = 0;

    for (size_t n = 0; n < ASIDE_MAX && record_due_next(t, sink, &due, uuid); n++) {
        if (!record_get(t, sink, uuid, &r, &a))
            continue;
        rows_printf(l->due, "%s/%s", connector, sink);
        rows_cell(l->due, r.address);
        rows_cell(l->due, slice_of(uuid_format(uuid, text)));
        rows_cell(l->due, slice_of(print_time(due, when)));
        rows_cell(l->due, queue_due_words(&r));
        arena_reset(&a);
    }
    arena_free(&a);
}

static int list_state(void *ctx, const struct config_connector *c, struct store *s, struct txn *t, struct err *e)
{
    (void)e;
    for (size_t i = 0; i < c->n_sinks; i++) {
        list_sink(ctx, c, &c->sinks[i], queue_last(s), t);
        list_aside(ctx, c->name, c->sinks[i].name, t);
        list_due(ctx, c->name, c->sinks[i].name, t);
    }
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

static struct table_rows *new_table(const char *const *head, size_t n)
{
    struct table_rows *rows = rows_new(n);

    for (size_t i = 0; i < n; i++)
        rows_cell(rows, slice_of(head[i]));
    return rows;
}

/* What is more than its head, after a blank line. */
static void print_more(const struct table_rows *rows)
{
    if (rows_count(rows) <= 1)
        return;
    putchar('\n');
    rows_print(rows, stdout);
}

static int list(const struct config *conf)
{
    static const char *const head[] = {"SINK", "HAS SEQ", "QUEUED", "OLDEST QUEUED", "STATE"};
    static const char *const aside[] = {"ACTION", "WHAT", "ADDRESS", "REFUSED", "SINCE", "STATE"};
    static const char *const due[] = {"SINK", "TO BE REMOVED", "UUID", "WHEN", "STATE"};
    struct list l = {.rows = new_table(head, sizeof(head) / sizeof(*head)),
                     .aside = new_table(aside, sizeof(aside) / sizeof(*aside)),
                     .due = new_table(due, sizeof(due) / sizeof(*due)),
                     .connectors = ask_daemon(conf)};
    struct err e = {0};
    size_t states = 0;
    int rc;

    rc = cmd_each_state(conf, list_state, &l, &states, &e);
    if (rc == 0 && states == 0)
        printf("There is no state in %s yet.\n", conf->state_dir);
    else if (rc == 0) {
        rows_print(l.rows, stdout);
        print_more(l.aside);
        print_more(l.due);
        if (l.cut)
            printf("… the first %d of a sink are shown\n", ASIDE_MAX);
    }
    json_decref(l.connectors);
    rows_free(&l.rows);
    rows_free(&l.aside);
    rows_free(&l.due);
    return rc == 0 ? EX_OK : cmd_fail(&e);
}

/* ---- retry, drop, adopt -------------------------------------------------------------------------------------- */

#define ROWS_MAX 500   /* in one request to the daemon */

static int change(const struct cmd_options *o, size_t verb)
{
    struct command cmd = {.verb = (enum command_verb)(COMMAND_RETRY + verb), .all = o->all};
    struct command_row *rows = mem_alloc(((size_t)o->argc + 1) * sizeof(*rows));
    int rc = EX_OK;

    cmd.rows = rows;
    for (int i = 1; i < o->argc && rc == EX_OK; i++)
        if (!command_row_parse(o->argv[i], &rows[cmd.n_rows++])) {
            fprintf(stderr, "axsync: '%s' is not CONNECTOR/SINK/SEQ (see 'axsync queue')\n", o->argv[i]);
            rc = EX_USAGE;
        }
    if (cmd.all && cmd.n_rows) {
        fprintf(stderr, "axsync: queue %s takes either --all or actions\n", o->argv[0]);
        rc = EX_USAGE;
    } else if (cmd.n_rows > ROWS_MAX) {
        fprintf(stderr, "axsync: more than %d actions at once; do it in parts, or with --all\n", ROWS_MAX);
        rc = EX_USAGE;
    }
    if (rc == EX_OK)
        rc = cmd_command(o, &cmd);
    free(rows);
    return rc;
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
    if (i > 0)
        return change(o, i - 1);
    conf = cmd_config(o);
    if (conf == NULL)
        return EX_CONFIG;
    rc = list(conf);
    config_free(&conf);
    return rc;
}
