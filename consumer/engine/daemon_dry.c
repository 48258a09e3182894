/* `axsync run --dry-run`: one connector after the other, each on a throw-away copy of its state. */
#include "daemon_parts.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "mem.h"
#include "objects.h"
#include "pending.h"
#include "status_json.h"

#define TICK_MS 50

struct dry {
    struct config *conf;
    char *folder; /* the temporary one */
    struct signals signals;
    struct hold_numbers numbers;
    struct progress progress;
    bool stopping;    /* a signal came */
    bool left_behind; /* a thread of a connector */
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_tree(const char *folder)
{
    if (nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
        log_warning(NULL, "can't remove all of %s: %s", folder, strerror(errno));
}

static int make_folder(struct dry *d, struct err *e)
{
    const char *tmp = getenv("TMPDIR");

    d->folder = mem_printf("%s/axsync-dry-run-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (mkdtemp(d->folder) != NULL)
        return 0;
    err_set_errno(e, ERR_UNAVAILABLE, errno, "can't make a temporary folder %s", d->folder);
    free(d->folder);
    d->folder = NULL;
    return -1;
}

/* Copies the connector's state, if it has one yet, to an own folder. */
static int copy_state(const struct dry *d, const struct config_connector *c, const char *to, struct err *e)
{
    char *from = state_folder(d->conf, c);
    int rc = mkdir(to, 0700);

    if (rc != 0)
        err_set_errno(e, ERR_UNAVAILABLE, errno, "can't make %s", to);
    else if ((rc = state_exists(from, e)) > 0)
        rc = db_snapshot(from, to, e);
    free(from);
    return rc;
}

/* ---- what would happen ------------------------------------------------------------------------------------- */

static void tell_hold(const char *subject, const struct hold *h)
{
    log_warning(subject, "would be held: %u × %s%s%s: %.*s", h->count, guard_kind_name(h->of.kind), h->of.field ? " of " : "",
                h->of.field ? field_name(h->of.field) : "", SLICE_ARG(h->why));
}

static const char *what_words(const struct pending *p)
{
    switch (p->what) {
    case PENDING_DELETE:
        return p->paired ? "rebind" : "deletion";
    case PENDING_RENAME:
        return "rename to ";
    case PENDING_MEMBER:
        return "removal of ";
    case PENDING_CLEAR:
        break;
    }
    return "clearing of ";
}

static void tell_pending(const char *subject, const struct pending *p, const struct object *o)
{
    char when[TIME_TEXT] = "when it is possible";
    struct slice detail = p->what == PENDING_RENAME  ? p->address
                          : p->what == PENDING_CLEAR ? slice_of(field_name(p->field))
                          : p->what == PENDING_MEMBER ? slice_of("member")
                                                     : slice_of("");

    if (p->due_ms > 0)
        time_format(p->due_ms, when);
    log_info(subject, "due %s: %s%.*s%s%.*s of %.*s (%.*s), cause %s, %s", when, what_words(p), SLICE_ARG(detail),
             p->alias.len ? " " : "", SLICE_ARG(p->alias), SLICE_ARG(o->address), SLICE_ARG(o->dn),
             cause_name(p->cause), pending_reason_name(p->reason));
}

static void tell_store(const char *subject, struct txn *t)
{
    struct arena a = {0};
    struct buf next = {0};
    struct hold h;
    struct pending p;
    struct object o;
    uint32_t id = 0;

    while (hold_next(t, &id, &h, &a))
        if (!h.rejected)
            tell_hold(subject, &h);
    while (pending_next(t, NULL, &next, &p, &a)) {
        if (p.reason != PENDING_HELD && p.reason != PENDING_REJECTED && objects_get(t, p.uuid, &o, &a) != 0)
            tell_pending(subject, &p, &o);
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
}

/* Reads the copy, which nobody has open any more. */
static int tell(const char *subject, const char *folder, struct err *e)
{
    struct store *s = store_open(folder, DB_READ, e);
    struct txn *t;
    int rc;

    if (s == NULL)
        return -1;
    t = txn_begin(s->db, DB_READ);
    tell_store(subject, t);
    rc = txn_commit(&t, e);
    store_close(&s);
    return rc;
}

/* ---- the run ------------------------------------------------------------------------------------------------ */

/* Standard output that can't be written won't get better: the reader of a pipe has gone. */
static bool output_failed(const struct status *st)
{
    for (size_t i = 0; i < st->n_sinks; i++)
        if (st->sinks[i].last_error[0])
            return true;
    return false;
}

static void await(struct dry *d, struct connector *c, struct status *st)
{
    struct once once;

    once_begin(&once, 1);
    do {
        struct pollfd fd = {.fd = d->signals.fd, .events = POLLIN};

        poll(&fd, 1, TICK_MS);
        for (int sig; (sig = signals_next(&d->signals)) != 0;)
            d->stopping = d->stopping || sig != SIGHUP;
        connector_status(c, st);
        progress_show(&d->progress, st, 1);
    } while (!d->stopping && !output_failed(st) && once_look(&once, st) == ONCE_GOING);
    progress_end(&d->progress);
    once_end(&once);
}

static int verdict(const struct dry *d, const struct status *st)
{
    if (d->stopping) {
        log_error(st->name, "interrupted: what was shown is not all");
        return EX_TEMPFAIL;
    }
    for (size_t i = 0; i < st->n_sinks; i++) {
        if (st->sinks[i].queued == 0 && st->sinks[i].last_error[0] == '\0')
            continue;
        log_error(st->name, "what was shown is not all: %s", st->sinks[i].last_error);
        return EX_UNAVAILABLE;
    }
    if (!st->settled) {
        log_error(st->name, "%s", st->last_error[0] ? st->last_error : "the directory can't be reached");
        return EX_UNAVAILABLE;
    }
    return EX_OK;
}

static int run_connector(struct dry *d, const struct config_connector *conf, const char *folder, struct err *e)
{
    struct connector *c = connector_start(conf, folder, &d->numbers, RUN_DRY, e);
    struct status *st;
    int code;

    if (c == NULL)
        return err_exit_code(e->class);
    st = mem_alloc(sizeof(*st));
    await(d, c, st);
    code = verdict(d, st);
    free(st);
    if (!connectors_stop(&c, 1, clock_mono_ms() + STOP_MS)) {
        d->left_behind = true; /* with the copy open: LMDB forbids to open it once more */
        log_warning(conf->name, "a thread hangs in libldap: what would wait or be held can't be shown");
        return code;
    }
    if (code == EX_OK && tell(conf->name, folder, e) != 0)
        code = err_exit_code(e->class);
    return code;
}

static int run_one(struct dry *d, const struct config_connector *conf)
{
    char *folder = mem_printf("%s/%s", d->folder, conf->name);
    struct err e = {0};
    int code;

    if (copy_state(d, conf, folder, &e) == 0)
        code = run_connector(d, conf, folder, &e);
    else
        code = err_exit_code(e.class);
    if (e.class != ERR_NONE)
        log_error(conf->name, "%s", e.text);
    free(folder);
    return code;
}

static int begin(struct dry *d, struct err *e)
{
    uint32_t high;

    if (signals_open(&d->signals, e) != 0 || state_hold_high(d->conf, &high, e) != 0)
        return -1;
    d->numbers.high = high;
    return make_folder(d, e);
}

int daemon_dry_run(struct config *conf, const struct daemon_options *options)
{
    struct dry d = {.conf = conf, .signals = {.fd = -1}};
    struct err e = {0};
    int code = EX_OK;

    (void)options;
    if (conf->log_level < LOG_LEVEL_INFO)
        log_set_level(LOG_LEVEL_INFO); /* what waits is told on that level, and was asked for */
    progress_begin(&d.progress);
    if (begin(&d, &e) != 0) {
        log_error(NULL, "%s", e.text);
        code = err_exit_code(e.class);
    }
    for (size_t i = 0; d.folder && i < conf->n_connectors && !d.stopping; i++) {
        int rc = run_one(&d, &conf->connectors[i]);

        code = code == EX_OK ? rc : code;
    }
    if (d.folder)
        remove_tree(d.folder);
    if (d.left_behind)
        _exit(code);
    signals_close(&d.signals);
    free(d.folder);
    return code;
}
