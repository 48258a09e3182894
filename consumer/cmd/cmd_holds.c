/* `axsync holds [ID]`: what is held back, and who is in a hold. Read from the state itself. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "clock.h"
#include "cmd.h"
#include "gone.h"
#include "mem.h"
#include "objects.h"
#include "pending.h"
#include "status_json.h"

/* ---- the list ----------------------------------------------------------------------------------------------- */

struct list {
    struct table_rows *rows;
    size_t open;
};

static int list_holds(void *ctx, const struct config_connector *c, struct store *s, struct txn *t, struct err *e)
{
    struct list *l = ctx;
    struct arena a = {0};
    struct hold h;
    uint32_t id = 0;
    char text[HOLD_ID_TEXT], when[PRINT_TIME];

    (void)s;
    (void)e;
    while (hold_next(t, &id, &h, &a)) {
        rows_cell(l->rows, slice_of(hold_id_text(&h, text)));
        rows_cell(l->rows, slice_of(c->name));
        rows_cell(l->rows, slice_of(h.rejected ? "rejected" : "open"));
        rows_cell(l->rows, slice_of(guard_kind_name(h.of.kind)));
        rows_cell(l->rows, slice_of(h.of.field ? field_name(h.of.field) : "-"));
        rows_printf(l->rows, "%u", h.count);
        rows_cell(l->rows, slice_of(print_time(h.since_ms, when)));
        rows_cell(l->rows, h.why);
        l->open += !h.rejected;
        arena_reset(&a);
    }
    arena_free(&a);
    return 0;
}

static int list(const struct config *conf)
{
    static const char *const head[] = {"ID", "CONNECTOR", "STATE", "KIND", "FIELD", "COUNT", "SINCE", "WHY"};
    const size_t columns = sizeof(head) / sizeof(*head);
    struct list l = {rows_new(columns), 0};
    struct err e = {0};
    int rc;

    for (size_t i = 0; i < columns; i++)
        rows_cell(l.rows, slice_of(head[i]));
    rc = cmd_each_state(conf, list_holds, &l, NULL, &e);
    if (rc == 0 && rows_count(l.rows) == 1)
        puts("Nothing is held.");
    else if (rc == 0)
        rows_print(l.rows, stdout);
    if (l.open)
        puts("\n'axsync holds ID' shows who is in a hold; 'axsync approve ID' lets it go out, 'axsync reject ID' "
             "never.");
    rows_free(&l.rows);
    return rc == 0 ? EX_OK : cmd_fail(&e);
}

/* ---- one hold ----------------------------------------------------------------------------------------------- */

/* One of those who are in it. Its texts are in the arena. */
struct member {
    struct pending pending;
    struct slice dn, address;
};

struct inside {
    uint32_t id;
    bool found;
    struct arena arena;
    struct hold hold;
    char connector[128];
    struct member *members;
    size_t n;
};

static void add_member(struct inside *in, struct txn *t, const struct pending *p)
{
    struct slice bytes;
    struct arena scratch = {0};
    struct object o;
    struct gone g;
    struct member *m;

    if ((in->n & (in->n - 1)) == 0) /* room doubles */
        in->members = mem_realloc(in->members, (in->n ? 2 * in->n : 1) * sizeof(*in->members));
    m = &in->members[in->n++];
    *m = (struct member){.pending = *p};
    m->pending.alias = arena_copy(&in->arena, p->alias.p, p->alias.len);
    m->pending.address = arena_copy(&in->arena, p->address.p, p->address.len);
    if (objects_find(t, p->uuid, &bytes) != 0 && object_decode(bytes, &o, &scratch) == 0) {
        m->dn = arena_copy(&in->arena, o.dn.p, o.dn.len);
        m->address = arena_copy(&in->arena, o.address.p, o.address.len);
    } else if (gone_get(t, p->uuid, &g, &scratch)) { /* it left, and now it was deleted */
        m->dn = arena_copy(&in->arena, g.o.dn.p, g.o.dn.len);
        m->address = arena_copy(&in->arena, g.o.address.p, g.o.address.len);
    }
    arena_free(&scratch);
}

static int collect(void *ctx, const struct config_connector *c, struct store *s, struct txn *t, struct err *e)
{
    struct inside *in = ctx;
    struct arena scratch = {0};
    struct buf next = {0};
    struct pending p;

    (void)s;
    (void)e;
    if (!hold_get(t, in->id, &in->hold, &in->arena))
        return 0;
    in->found = true;
    snprintf(in->connector, sizeof(in->connector), "%s", c->name);
    while (pending_next(t, NULL, &next, &p, &scratch)) {
        if (p.hold == in->id)
            add_member(in, t, &p);
        arena_reset(&scratch);
    }
    buf_free(&next);
    arena_free(&scratch);
    return 0;
}

static int by_place(const void *a, const void *b)
{
    uint32_t x = ((const struct member *)a)->pending.place, y = ((const struct member *)b)->pending.place;

    return (x > y) - (x < y);
}

static void print_member(struct table_rows *rows, const struct member *m)
{
    const struct pending *p = &m->pending;
    char uuid[UUID_TEXT], when[PRINT_TIME];

    rows_printf(rows, "%u", p->place);
    switch (p->what) {
    case PENDING_DELETE:
        if (p->paired)
            rows_printf(rows, "rebind %s to %s", object_kind_name(p->kind), uuid_format(p->pair, uuid));
        else
            rows_printf(rows, "delete %s", object_kind_name(p->kind));
        break;
    case PENDING_RENAME:
        rows_printf(rows, "rename to %.*s", SLICE_ARG(p->address));
        break;
    case PENDING_MEMBER:
        rows_printf(rows, "remove member %.*s", SLICE_ARG(p->alias));
        break;
    case PENDING_CLEAR:
        rows_printf(rows, "clear %s%s%.*s", field_name(p->field), p->alias.len ? " " : "", SLICE_ARG(p->alias));
        break;
    }
    rows_cell(rows, m->address);
    rows_cell(rows, slice_of(cause_name(p->cause)));
    rows_cell(rows, slice_of(print_time(p->detected_ms, when)));
    rows_cell(rows, slice_of(uuid_format(p->uuid, uuid)));
    rows_cell(rows, m->dn);
}

static void print_inside(struct inside *in)
{
    static const char *const head[] = {"#", "WHAT", "ADDRESS", "CAUSE", "DETECTED", "UUID", "DN"};
    struct table_rows *rows = rows_new(sizeof(head) / sizeof(*head));
    const struct hold *h = &in->hold;
    char id[HOLD_ID_TEXT], when[PRINT_TIME], age[PRINT_SPAN];

    hold_id_text(h, id);
    print_span(clock_wall_ms() - h->since_ms, age);
    printf("Hold %s of %s, %s since %s (%s ago)\n", id, in->connector, h->rejected ? "rejected" : "open",
           print_time(h->since_ms, when), age);
    printf("%s%s%s: %u in it now, %u have joined it so far\nOpened because of ", guard_kind_name(h->of.kind),
           h->of.field ? " of " : "", h->of.field ? field_name(h->of.field) : "", h->count, h->joined);
    print_text(stdout, h->why);
    fputs("\n\n", stdout);
    for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
        rows_cell(rows, slice_of(head[i]));
    for (size_t i = 0; i < in->n; i++)
        print_member(rows, &in->members[i]);
    rows_print(rows, stdout);
    rows_free(&rows);
    if (h->of.kind == GUARD_REBIND) {
        printf("\nIf these are the same accounts with new entries: axsync approve %s\n"
               "If they are not, so that the old ones are deleted: axsync reject %s\n", id, id);
        return;
    }
    printf("\nTo let go out what is shown here: axsync approve %s\n", id);
    if (!h->rejected)
        printf("To keep accounts and values as they are: axsync reject %s\n", id);
}

static int show(const struct config *conf, uint32_t id)
{
    struct inside in = {.id = id};
    struct err e = {0};
    int rc;

    rc = cmd_each_state(conf, collect, &in, NULL, &e);
    if (rc == 0 && !in.found)
        rc = err_set(&e, ERR_NOTFOUND, "there is no hold %u (any more)", in.id);
    if (rc == 0) {
        if (in.n)
            qsort(in.members, in.n, sizeof(*in.members), by_place);
        print_inside(&in);
    }
    free(in.members);
    arena_free(&in.arena);
    return rc == 0 ? EX_OK : cmd_fail(&e);
}

/* `holds approve ID` is as good as `approve ID`. */
static int decide(const struct cmd_options *o)
{
    struct cmd_options rest = *o;

    rest.argc--;
    rest.argv++;
    if (strcmp(o->argv[0], "approve") == 0 && rest.argc == 1)
        return cmd_approve(&rest);
    if (strcmp(o->argv[0], "reject") == 0 && rest.argc == 1)
        return cmd_reject(&rest);
    fprintf(stderr, "axsync: holds takes no more than one ID (see 'axsync holds --help')\n");
    return EX_USAGE;
}

int cmd_holds(const struct cmd_options *o)
{
    struct config *conf;
    uint32_t id = 0, upto;
    int rc;

    if (o->argc == 2)
        return decide(o);
    if (o->argc == 1 && !cmd_hold_id(o->argv[0], &id, &upto)) {
        fprintf(stderr, "axsync: '%s' is not the ID of a hold, which is a number as in 'axsync holds'\n", o->argv[0]);
        return EX_USAGE;
    }
    conf = cmd_config(o);
    if (conf == NULL)
        return EX_CONFIG;
    rc = id == 0 ? list(conf) : show(conf, id);
    config_free(&conf);
    return rc;
}
