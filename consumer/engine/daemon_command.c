/* An operator's command on its way to the connector that it concerns, or to all. */
#include "daemon_parts.h"

#include <pthread.h>
#include <stdlib.h>

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
