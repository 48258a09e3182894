/* The daemon as an ordered list of what is taken, and its mirror. */
#include "daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"
#include "daemon_parts.h"
#include "log.h"
#include "mem.h"
#include "status_json.h"

#define TICK_MS 1000      /* control clients' deadlines, phases for systemd */
#define ONCE_TICK_MS 50   /* `run --once` ends soon after its last line is out */
#define STARTING_MS 10000 /* how often systemd is told that the start goes on */

struct daemon {
    struct config *conf;
    const struct daemon_options *options;
    size_t n; /* connectors */
    int64_t begun_ms;
    struct signals signals;
    int lock_fd;
    struct control *control;
    struct notify notify;
    struct progress progress;
    struct once once;
    struct status *statuses; /* as of the last look() */

    /* A thread of its own starts the connectors, since one may have to build indexes that a kill left unbuilt: `status`
     * is answered and SIGTERM obeyed meanwhile. What follows is the starter's until started_fd was read. */
    pthread_t starter;
    bool starter_runs;
    int started_fd;
    struct hold_numbers numbers;
    struct connector **connectors;
    struct err start_error;
    const char *start_subject; /* the connector that could not be started */

    bool started; /* all connectors run */
    int64_t starting_said_ms;
    bool reload_wanted;
    bool stopping;
    int code;
};

/* ---- start -------------------------------------------------------------------------------------------------- */

static void *start_connectors(void *arg)
{
    struct daemon *d = arg;
    uint64_t one = 1;
    ssize_t ignored;

    for (size_t i = 0; i < d->n && d->start_subject == NULL; i++) {
        const struct config_connector *c = &d->conf->connectors[i];
        char *folder = state_folder(d->conf, c);

        d->connectors[i] =
            connector_start(c, folder, &d->numbers, d->options->once ? RUN_ONCE : RUN_DAEMON, &d->start_error);
        if (d->connectors[i] == NULL)
            d->start_subject = c->name;
        free(folder);
    }
    ignored = write(d->started_fd, &one, sizeof(one));
    (void)ignored;
    return NULL;
}

static int begin_start(struct daemon *d, struct err *e)
{
    int rc;

    d->started_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (d->started_fd < 0)
        return err_set_errno(e, ERR_INTERNAL, errno, "eventfd");
    rc = pthread_create(&d->starter, NULL, start_connectors, d);
    if (rc != 0)
        return err_set_errno(e, ERR_INTERNAL, rc, "can't start a thread");
    d->starter_runs = true;
    return 0;
}

/* What must be there before the loop, in order; end() takes it back. */
static int begin(struct daemon *d, struct err *e)
{
    uint32_t high;

    if (signals_open(&d->signals, e) != 0)
        return -1;
    d->lock_fd = state_lock(d->conf, e);
    if (d->lock_fd < 0 || state_hold_high(d->conf, &high, e) != 0)
        return -1;
    d->numbers.high = high;
    d->control = control_listen(d->conf->state_dir, e);
    if (d->control == NULL)
        return -1;
    notify_begin(&d->notify);
    progress_begin(&d->progress);
    return begin_start(d, e);
}

/* Whether the starter is through, which is told once. */
static bool start_is_over(struct daemon *d)
{
    uint64_t count;

    if (!d->starter_runs || read(d->started_fd, &count, sizeof(count)) != (ssize_t)sizeof(count))
        return false;
    pthread_join(d->starter, NULL);
    d->starter_runs = false;
    return true;
}

static void take_started(struct daemon *d)
{
    if (!start_is_over(d))
        return;
    if (d->start_subject) {
        log_error(d->start_subject, "%s", d->start_error.text);
        d->code = err_exit_code(d->start_error.class);
        d->stopping = true;
        return;
    }
    d->started = true;
    once_begin(&d->once, d->n);
    notify_ready(&d->notify);
    log_info(NULL, "axsync %s is running, state in %s", d->options->version, d->conf->state_dir);
}

/* ---- what the control socket asks for ----------------------------------------------------------------------- */

static void look(struct daemon *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->started)
            connector_status(d->connectors[i], &d->statuses[i]);
        else
            status_blank(&d->statuses[i], &d->conf->connectors[i], "connecting");
}

static json_t *answer_status(void *ctx)
{
    struct daemon *d = ctx;
    struct status_head head = {d->options->version, (long)getpid(), clock_mono_ms() - d->begun_ms};
    json_t **holds = mem_alloc((d->n + 1) * sizeof(json_t *)), *answer;

    look(d);
    for (size_t i = 0; i < d->n; i++) {
        holds[i] = json_array();
        if (d->started)
            connector_holds(d->connectors[i], status_json_hold, holds[i]);
    }
    answer = status_json(&head, d->statuses, holds, d->n);
    free(holds);
    return answer;
}

static void answer_command(void *ctx, const struct command *cmd, command_done *done, void *done_ctx)
{
    struct daemon *d = ctx;
    struct err e = {0};

    if (d->started && !d->stopping) {
        connectors_command(d->connectors, d->n, cmd, done, done_ctx);
        return;
    }
    err_set(&e, ERR_TEMP, "the daemon is %s; try again in a moment", d->stopping ? "stopping" : "still starting");
    done(done_ctx, &e, "");
}

/* ---- signals ------------------------------------------------------------------------------------------------ */

static void tell_reload(const struct daemon *d, size_t changed, const char *restart)
{
    if (changed)
        log_info(NULL, "%s was read again: %zu changed setting%s took effect", d->options->config_path, changed,
                 changed == 1 ? "" : "s");
    else if (restart == NULL)
        log_info(NULL, "%s was read again: nothing has changed", d->options->config_path);
    if (restart)
        log_warning(NULL, "%s: what has changed here takes effect after a restart only: %s", d->options->config_path,
                    restart);
}

static void tell_notes(const struct config *conf)
{
    for (size_t i = 0; i < conf->n_notes; i++)
        log_info(NULL, "%s", conf->notes[i]);
}

static void reload_config(struct daemon *d)
{
    struct config_errors errors = {0};
    struct config *fresh = config_read(d->options->config_path, &errors);
    size_t changed = 0;
    char *restart;

    for (size_t i = 0; i < errors.n; i++)
        log_error(NULL, "%s", errors.lines[i]);
    config_errors_free(&errors);
    if (fresh == NULL) {
        log_error(NULL, "the configuration stays as it was");
        return;
    }
    tell_notes(fresh);
    restart = config_reload(d->conf, fresh, &changed);
    config_free(&fresh);
    log_set_level((enum log_level)d->conf->log_level);
    tell_reload(d, changed, restart);
    free(restart);
}

static void reload(struct daemon *d)
{
    d->reload_wanted = false;
    notify_reloading(&d->notify);
    reload_config(d);
    for (size_t i = 0; i < d->n; i++) {
        connector_reload(d->connectors[i]);
        connector_reopen(d->connectors[i]);
    }
    notify_ready(&d->notify);
}

static void take_signals(struct daemon *d)
{
    int sig;

    while ((sig = signals_next(&d->signals)) != 0) {
        if (sig == SIGHUP) {
            d->reload_wanted = true;
            continue;
        }
        log_info(NULL, "%s: stopping", sig == SIGTERM ? "SIGTERM" : "SIGINT");
        d->stopping = true;
    }
}

/* ---- the loop ----------------------------------------------------------------------------------------------- */

static void tick(struct daemon *d)
{
    int64_t now = clock_mono_ms();

    look(d);
    notify_tick(&d->notify, d->statuses, d->n);
    if (!d->started) {
        if (now - d->starting_said_ms >= STARTING_MS) {
            d->starting_said_ms = now;
            notify_starting(&d->notify);
        }
        return;
    }
    if (d->reload_wanted)
        reload(d);
    progress_show(&d->progress, d->statuses, d->n);
    if (d->options->once && once_look(&d->once, d->statuses) == ONCE_DONE)
        d->stopping = true;
}

static int wait_ms(const struct daemon *d)
{
    int ms = progress_wait_ms(&d->progress);

    if (ms > TICK_MS)
        ms = TICK_MS;
    if (d->options->once && ms > ONCE_TICK_MS)
        ms = ONCE_TICK_MS;
    if (d->notify.ping_every_ms && d->notify.ping_every_ms < ms)
        ms = (int)d->notify.ping_every_ms;
    return ms;
}

static void loop(struct daemon *d)
{
    const struct control_calls calls = {d, answer_status, answer_command};
    struct pollfd fds[2 + CONTROL_FDS];
    size_t n;

    log_never_wait(); /* nor does anything else here, so that `status` is answered whatever state the rest is in */
    while (!d->stopping) {
        fds[0] = (struct pollfd){.fd = d->signals.fd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = d->started_fd, .events = POLLIN};
        n = control_poll(d->control, fds + 2, CONTROL_FDS);
        if (poll(fds, n + 2, wait_ms(d)) < 0)
            n = 0; /* interrupted, or no memory for now: *fds says nothing */
        take_signals(d);
        take_started(d);
        control_serve(d->control, fds + 2, n, &calls);
        tick(d);
    }
}

/* ---- stop --------------------------------------------------------------------------------------------------- */

static bool await_starter(struct daemon *d, int64_t deadline_ms)
{
    struct pollfd started = {.fd = d->started_fd, .events = POLLIN};
    int64_t left = deadline_ms - clock_mono_ms();

    if (!d->starter_runs)
        return true;
    poll(&started, 1, left > 0 ? (int)left : 0);
    return start_is_over(d);
}

/* Everything is in the state at any instant, so what does not end in time is simply left. */
static bool stop_all(struct daemon *d)
{
    int64_t deadline = clock_mono_ms() + STOP_MS;

    return await_starter(d, deadline) && connectors_stop(d->connectors, d->n, deadline);
}

static void end(struct daemon *d)
{
    bool clean;

    progress_end(&d->progress);
    notify_stopping(&d->notify);
    if (d->options->once && d->started) {
        look(d);
        d->code = once_verdict(d->statuses, d->connectors, d->n);
    } else if (d->options->once && d->code == EX_OK) {
        d->code = EX_TEMPFAIL; /* stopped before it began: nothing went out */
    }
    clean = stop_all(d);
    control_close(&d->control);
    if (d->lock_fd >= 0)
        close(d->lock_fd);
    if (!clean)
        _exit(d->code); /* a thread stays behind in libldap: nothing that it uses may be freed */
    if (d->started_fd >= 0)
        close(d->started_fd);
    once_end(&d->once);
    notify_end(&d->notify);
    signals_close(&d->signals);
}

int daemon_run(struct config *conf, const struct daemon_options *options)
{
    struct daemon d = {.conf = conf, .options = options, .n = conf->n_connectors, .lock_fd = -1, .started_fd = -1};
    struct err e = {0};

    tell_notes(conf);
    if (options->dry_run)
        return daemon_dry_run(conf, options);
    umask(0077);
    d.signals.fd = d.notify.fd = -1;
    d.begun_ms = clock_mono_ms();
    d.connectors = mem_alloc((d.n + 1) * sizeof(*d.connectors));
    d.statuses = mem_alloc((d.n + 1) * sizeof(*d.statuses));
    if (begin(&d, &e) == 0) {
        loop(&d);
    } else {
        log_error(NULL, "%s", e.text);
        d.code = err_exit_code(e.class);
    }
    end(&d);
    free(d.connectors);
    free(d.statuses);
    return d.code;
}
