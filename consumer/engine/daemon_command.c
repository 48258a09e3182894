/* An operator's command on its way to the connector that it concerns, or to all. */
#include "daemon_parts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "mem.h"

/* One command to many connectors, answered once: when the last has answered. One that only one of them can know of (a hold) is answered
 * when that one has: another may be in the middle of a large commit. */
struct fan {
    pthread_mutex_t lock;
    bool for_one;
    bool told;
    size_t left;
    struct err err; /* the first that came */
    struct buf text;
    command_done *done;
    void *ctx;
};

static void fan_free(struct fan *f)
{
    buf_free(&f->text);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static void fan_answered(void *ctx, const struct err *e, const char *text)
{
    struct fan *f = ctx;
    command_done *done = f->done;
    void *done_ctx = f->ctx;
    bool last, tell, strange;
    struct err err;
    char *words;

    pthread_mutex_lock(&f->lock);
    strange = f->for_one && e->class == ERR_NOTFOUND;
    last = --f->left == 0;
    if (e->class != ERR_NONE && f->err.class == ERR_NONE && (!strange || last))
        f->err = *e;
    if (text && *text)
        buf_printf(&f->text, "%s%s", f->text.len ? "; " : "", text);
    tell = !f->told && (last || (f->for_one && !strange));
    f->told = f->told || tell;
    err = f->err;
    words = mem_strdup(buf_str(&f->text));
    pthread_mutex_unlock(&f->lock);   /* unless it is the last, another thread may free it from here on */
    if (last)
        fan_free(f);
    if (tell)
        done(done_ctx, &err, words);
    free(words);
}

static void fan_out(struct connector **connectors, size_t n, const struct command *cmd, bool for_one, command_done *done, void *ctx)
{
    struct fan *f = mem_alloc(sizeof(*f));

    pthread_mutex_init(&f->lock, NULL);
    f->for_one = for_one;
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
        fan_out(meant, n_meant, cmd, false, done, ctx);
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

void connectors_command(struct connector **connectors, size_t n, const struct command *cmd, command_done *done,
                        void *ctx)
{
    if (cmd->verb >= COMMAND_RETRY)
        queue_command(connectors, n, cmd, done, ctx);
    else if (cmd->verb == COMMAND_REPAIR)
        repair_command(connectors, n, cmd, done, ctx);
    else /* whose hold it is the writers know: to look here would be to read their stores */
        fan_out(connectors, n, cmd, cmd->verb != COMMAND_RESYNC, done, ctx);
}
