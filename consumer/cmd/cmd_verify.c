/* `axsync verify`: what engine/verify.h finds, for people. One line a difference on standard output, summaries at the
 * end of each part, progress on a terminal. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "cmd_directory.h"
#include "control.h"
#include "verify.h"

#define PROGRESS_MS 200
#define DAEMON_MS 5000 /* an answer of the daemon's that only says that it runs */

struct report {
    bool terminal, drawn;
    int64_t next_ms;
};

/* ---- output ------------------------------------------------------------------------------------------------- */

static void wipe_progress(struct report *r)
{
    if (r->drawn)
        fputs("\r\033[K", stderr);
    r->drawn = false;
}

static void say(void *ctx, enum verify_level level, const char *subject, struct slice line)
{
    struct report *r = ctx;

    (void)level;
    wipe_progress(r);
    printf("%s: ", subject);
    print_text(stdout, line);
    putchar('\n');
}

static void progress(void *ctx, const char *subject, const char *what, size_t n)
{
    struct report *r = ctx;
    int64_t now;

    if (!r->terminal)
        return;
    now = clock_mono_ms();
    if (now < r->next_ms)
        return;
    r->next_ms = now + PROGRESS_MS;
    fprintf(stderr, "\r\033[K%s: %s: %zu read\r", subject, what, n);
    r->drawn = true;
}

static void repair(void *ctx, const struct verify_repair *what)
{
    (void)ctx;
    (void)what;
}

/* ---- the command -------------------------------------------------------------------------------------------- */

static bool daemon_runs(const struct config *conf)
{
    struct err e = {0};
    json_t *request = json_pack("{s:s}", "command", "status");
    json_t *answer = control_request(conf->state_dir, request, DAEMON_MS, &e);
    bool runs = answer != NULL || !control_no_daemon(&e);

    json_decref(answer);
    json_decref(request);
    return runs;
}

/* All connectors are verified, also after one of which the directory can't be asked: that decides the exit code then.
 */
static int verify_all(const struct config *conf, struct report *r)
{
    const struct verify_calls calls = {.ctx = r, .say = say, .repair = repair, .progress = progress};
    bool live = daemon_runs(conf);
    size_t differ = 0;
    int code = EX_OK;

    for (size_t i = 0; i < conf->n_connectors; i++) {
        const struct config_connector *c = &conf->connectors[i];
        const struct verify_options options = {.live = live, .conn = cmd_conn_settings(c)};
        struct err e = {0};
        int rc = verify_connector(conf, c, &options, &calls, &differ, &e);

        wipe_progress(r);
        if (rc != 0)
            code = cmd_fail(&e);
    }
    return code != EX_OK ? code : differ ? 1 : EX_OK;
}

int cmd_verify(const struct cmd_options *o)
{
    struct report r = {.terminal = isatty(STDERR_FILENO) == 1};
    struct config *conf = cmd_config(o);
    int code;

    if (conf == NULL)
        return EX_CONFIG;
    code = verify_all(conf, &r);
    config_free(&conf);
    return code;
}
