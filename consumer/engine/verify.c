#include "verify_sink.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon.h"
#include "rootdse.h"

#define READS 2000 /* entries that are compared with one view of the state, without a daemon's changes in it */

/* ---- the state ---------------------------------------------------------------------------------------------- */

struct txn *verify_txn(struct verify *v)
{
    if (v->t == NULL) {
        v->t = txn_begin(v->store->db, DB_READ);
        v->reads = 0;
    }
    return v->t;
}

void verify_refresh(struct verify *v)
{
    if (v->t && !txn_failed(v->t)) /* a failure is told at the end */
        txn_abort(&v->t);
}

void verify_breathe(struct verify *v)
{
    if (++v->reads > READS)
        verify_refresh(v);
}

bool verify_failed(struct verify *v, struct err *e)
{
    return v->t && txn_failed(v->t) && txn_commit(&v->t, e) != 0;
}

/* ---- words -------------------------------------------------------------------------------------------------- */

void verify_say(struct verify *v, enum verify_level level, const char *subject, const char *fmt, ...)
{
    va_list args;
    char *line = NULL;
    int n;

    va_start(args, fmt);
    n = vasprintf(&line, fmt, args);
    va_end(args);
    if (n < 0)
        abort(); /* out of memory: mem.h */
    v->calls->say(v->calls->ctx, level, subject, slice_make(line, (size_t)n));
    free(line);
}

void verify_add(struct verify_counts *to, const struct verify_counts *more)
{
    for (int k = 0; k < OBJECT_KINDS; k++)
        to->objects[k] += more->objects[k];
    to->differ += more->differ;
    to->waiting += more->waiting;
    to->held += more->held;
    to->rejected += more->rejected;
    to->queued += more->queued;
    to->invalid += more->invalid;
    to->conflicts += more->conflicts;
    to->aliases += more->aliases;
    to->foreign += more->foreign;
    to->unread += more->unread;
}

void verify_tell_counts(const struct verify_counts *c, struct buf *out)
{
    const struct {
        size_t n;
        const char *what;
    } rows[] = {{c->waiting, "waiting"},          {c->held, "held"},
                {c->rejected, "rejected"},        {c->queued, "queued or parked"},
                {c->invalid, "invalid"},          {c->conflicts, "in conflict"},
                {c->aliases, "aliases left out"}, {c->unread, "fields that the target does not show"}};
    bool first = true;

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (rows[i].n) {
            buf_printf(out, "%s%zu %s", first ? "; no difference: " : ", ", rows[i].n, rows[i].what);
            first = false;
        }
}

void verify_summary(struct verify *v, const char *subject, const char *with)
{
    const struct verify_counts *c = &v->counts;
    struct buf text = {0};

    buf_printf(&text, "%zu accounts and %zu groups compared with %s: ", c->objects[OBJECT_ACCOUNT],
               c->objects[OBJECT_GROUP], with);
    if (c->differ)
        buf_printf(&text, "%zu differ", c->differ);
    else
        buf_puts(&text, "no differences");
    verify_tell_counts(c, &text);
    verify_say(v, VERIFY_NOTE, subject, "%s", buf_str(&text));
    buf_free(&text);
    v->differ += c->differ;
    v->counts = (struct verify_counts){0};
}

/* ---- a connector -------------------------------------------------------------------------------------------- */

/* The first server that answers; *e is the last one's. */
static int connect_any(struct verify *v, struct err *e)
{
    struct rootdse root;
    bool fresh;

    for (size_t i = 0; i < v->settings.conn.n_uris; i++)
        if (directory_connect(&v->directory, i, &fresh, e) == LDAP_SUCCESS &&
            rootdse_read(&v->directory, &root, e) == LDAP_SUCCESS) {
            v->paged = root.paged;
            return 0;
        }
    e->class = ERR_UNAVAILABLE;
    return -1;
}

static int set_up(struct verify *v, const struct conn_settings *conn, struct err *e)
{
    v->made.conf = v->conf;
    if (search_make_all(&v->made, e) != 0)
        return -1;
    v->settings = (struct source_settings){
        .conn = *conn, .specs = v->made.specs, .n_specs = v->made.n_searches, .subject = v->conf->name};
    v->worker.wake_fd = -1;
    directory_init(&v->directory, &v->settings, &v->worker);
    return connect_any(v, e);
}

static int verify_state(struct verify *v, struct err *e)
{
    if (load_pending(verify_txn(v)))
        return err_set(e, ERR_TEMP, "its first load is under way: verify when axsync status says insync");
    if (verify_directory(v, e) != 0 || verify_failed(v, e))
        return -1;
    verify_summary(v, v->conf->name, "the directory");
    return verify_sinks(v, e) != 0 || verify_failed(v, e) ? -1 : 0;
}

/* NULL without an error: there is none yet. */
static struct store *open_state(const struct config *conf, const struct config_connector *c, struct err *e)
{
    char *folder = state_folder(conf, c);
    int there = state_exists(folder, e);
    struct store *s = there > 0 ? store_open(folder, DB_READ, e) : NULL;

    free(folder);
    return s;
}

static void tear_down(struct verify *v)
{
    if (v->t)
        txn_abort(&v->t);
    directory_close(&v->directory);
    search_free_all(&v->made);
    if (v->store)
        store_close(&v->store);
}

int verify_connector(const struct config *conf, const struct config_connector *c, const struct verify_options *options,
                     const struct verify_calls *calls, size_t *differ, struct err *e)
{
    struct verify *v = mem_alloc(sizeof(*v));
    int rc = -1;

    v->conf = c;
    v->calls = calls;
    v->live = options->live;
    v->store = open_state(conf, c, e);
    if (e->class == ERR_NONE && set_up(v, &options->conn, e) == 0)
        rc = v->store ? verify_state(v, e) : verify_preview(v, e);
    *differ += v->differ + v->counts.differ;
    tear_down(v);
    free(v);
    return rc == 0 ? 0 : err_add(e, "%s", c->name);
}
