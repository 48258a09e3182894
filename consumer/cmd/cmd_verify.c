/* `axsync verify`: what engine/verify.h finds, for people. One line a difference on standard output, summaries at the
 * end of each part, progress on a terminal. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "cmd_directory.h"
#include "connector.h"
#include "control.h"
#include "verify.h"

#define PROGRESS_MS 200
#define DAEMON_MS 5000 /* an answer of the daemon's that only says that it runs */

#define LIST_BYTES 30000 /* of a list of what is to be repaired: with its escapes it fits a request of the daemon's */

struct report {
    bool terminal, drawn;
    int64_t next_ms;
    FILE *repairs; /* lines as control.h has them, of one connector; NULL: without --repair */
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

/* ---- repairs ------------------------------------------------------------------------------------------------ */

/* In a file, since a million entries may differ. */
static void note_repair(void *ctx, const struct verify_repair *what)
{
    struct report *r = ctx;
    char uuid[UUID_TEXT];

    if (r->repairs)
        fprintf(r->repairs, "%s\t%s\t%s\t%.*s\n", what->sink ? what->sink : "", object_kind_name(what->kind),
                uuid_format(what->uuid, uuid), SLICE_ARG(what->member));
}

static int send_list(const struct config *conf, const char *connector, struct buf *list, struct err *e)
{
    const struct command cmd = {.verb = COMMAND_REPAIR, .connector = connector, .list = buf_str(list)};
    int rc = list->len ? cmd_send(conf, &cmd, e) : 0;

    buf_reset(list);
    return rc;
}

/* In pieces; the file is empty afterwards. */
static int send_repairs(const struct config *conf, const char *connector, struct report *r, struct err *e)
{
    struct buf list = {0};
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int rc = 0;

    if (fflush(r->repairs) != 0 || ferror(r->repairs))
        return err_set(e, ERR_INTERNAL, "can't write the temporary file");
    rewind(r->repairs);
    while (rc == 0 && (n = getline(&line, &room, r->repairs)) > 0) {
        if (list.len + (size_t)n > LIST_BYTES)
            rc = send_list(conf, connector, &list, e);
        buf_add(&list, line, (size_t)n);
    }
    if (rc == 0)
        rc = send_list(conf, connector, &list, e);
    rewind(r->repairs);
    if (ftruncate(fileno(r->repairs), 0) != 0 && rc == 0)
        rc = err_set_errno(e, ERR_INTERNAL, errno, "can't empty the temporary file");
    buf_free(&list);
    free(line);
    return rc;
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
    const struct verify_calls calls = {.ctx = r, .say = say, .repair = note_repair, .progress = progress};
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
        err_clear(&e);
        if (r->repairs && send_repairs(conf, c->name, r, &e) != 0)
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
    if (o->repair && (r.repairs = tmpfile()) == NULL) {
        perror("axsync: can't make a temporary file");
        config_free(&conf);
        return EX_SOFTWARE;
    }
    code = verify_all(conf, &r);
    if (r.repairs)
        fclose(r.repairs);
    config_free(&conf);
    return code;
}
