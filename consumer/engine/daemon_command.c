/* An operator's command on its way to the connector that it concerns, or to all. */
#include "daemon_parts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"
#include "pending.h"

/* One command to many connectors, answered once: when the last has answered. */
struct fan {
    pthread_mutex_t lock;
    size_t left;
    struct err err; /* the first that came */
    struct buf text;
    command_done *done;
    void *ctx;
};

static void fan_answered(void *ctx, const struct err *e, const char *text)
{
    struct fan *f = ctx;
    bool last;

    pthread_mutex_lock(&f->lock);
    if (e->class != ERR_NONE && f->err.class == ERR_NONE)
        f->err = *e;
    if (text && *text)
        buf_printf(&f->text, "%s%s", f->text.len ? "; " : "", text);
    last = --f->left == 0;
    pthread_mutex_unlock(&f->lock);
    if (!last)
        return;
    f->done(f->ctx, &f->err, buf_str(&f->text));
    buf_free(&f->text);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static void fan_out(struct connector **connectors, size_t n, const struct command *cmd, command_done *done, void *ctx)
{
    struct fan *f = mem_alloc(sizeof(*f));

    pthread_mutex_init(&f->lock, NULL);
    f->left = n;
    f->done = done;
    f->ctx = ctx;
    for (size_t i = 0; i < n; i++)
        connector_command(connectors[i], cmd, fan_answered, f);
}

static bool is_named(const struct command *cmd, const char *connector)
{
    bool named = cmd->all;

    for (size_t i = 0; i < cmd->n_rows; i++)
        named = named || strcmp(cmd->rows[i].connector, connector) == 0;
    return named;
}

/* The first row whose connector is none of these; NULL: there is none. */
static const struct command_row *find_stray(struct connector **connectors, size_t n, const struct command *cmd)
{
    for (size_t i = 0; i < cmd->n_rows; i++) {
        size_t k = 0;

        while (k < n && strcmp(connector_name(connectors[k]), cmd->rows[i].connector) != 0)
            k++;
        if (k == n)
            return &cmd->rows[i];
    }
    return NULL;
}

/* To the connectors that it names. */
static void queue_command(struct connector **connectors, size_t n, const struct command *cmd, command_done *done,
                          void *ctx)
{
    const struct command_row *stray = find_stray(connectors, n, cmd);
    struct connector **meant = mem_alloc((n + 1) * sizeof(*meant));
    struct err e = {0};
    size_t n_meant = 0;

    for (size_t i = 0; stray == NULL && i < n; i++)
        if (is_named(cmd, connector_name(connectors[i])))
            meant[n_meant++] = connectors[i];
    if (n_meant) {
        fan_out(meant, n_meant, cmd, done, ctx);
    } else {
        err_set(&e, ERR_NOTFOUND, "there is no connector \"%s\"", stray ? stray->connector : "");
        done(ctx, &e, "");
    }
    free(meant);
}

static void repair_command(struct connector **connectors, size_t n, const struct command *cmd, command_done *done,
                           void *ctx)
{
    struct err e = {0};

    for (size_t i = 0; i < n; i++)
        if (strcmp(connector_name(connectors[i]), cmd->connector) == 0) {
            connector_command(connectors[i], cmd, done, ctx);
            return;
        }
    err_set(&e, ERR_NOTFOUND, "there is no connector \"%s\"", cmd->connector);
    done(ctx, &e, "");
}

struct search {
    uint32_t id;
    bool found;
};

static void match_hold(void *ctx, const struct hold *h)
{
    struct search *s = ctx;

    s->found = s->found || h->id == s->id;
}

void connectors_command(struct connector **connectors, size_t n, const struct command *cmd, command_done *done,
                        void *ctx)
{
    struct search s = {.id = cmd->hold};
    struct err e = {0};

    if (cmd->verb >= COMMAND_RETRY) {
        queue_command(connectors, n, cmd, done, ctx);
        return;
    }
    if (cmd->verb == COMMAND_REPAIR) {
        repair_command(connectors, n, cmd, done, ctx);
        return;
    }
    if (cmd->verb == COMMAND_RESYNC) {
        fan_out(connectors, n, cmd, done, ctx);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        connector_holds(connectors[i], match_hold, &s);
        if (s.found) {
            connector_command(connectors[i], cmd, done, ctx);
            return;
        }
    }
    err_set(&e, ERR_NOTFOUND, "there is no hold %u (any more)", cmd->hold);
    done(ctx, &e, "");
}
