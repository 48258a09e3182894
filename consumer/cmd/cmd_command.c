/* `approve`, `reject` and `resync`: through the daemon if one runs, else on the state itself. */
#include <errno.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "cmd.h"
#include "control.h"
#include "daemon.h"
#include "pending.h"

/* Longer than the daemon's own limit for a command (control.c), so that its answer is the one that is shown. */
#define ANSWER_MS 65000

static const char *const verbs[] = {
    [COMMAND_APPROVE] = "approve",
    [COMMAND_REJECT] = "reject",
    [COMMAND_RESYNC] = "resync",
};

static int ask_daemon(const struct config *conf, const struct command *cmd, struct err *e)
{
    json_t *request = json_pack("{s:s}", "command", verbs[cmd->verb]), *answer;
    const char *text;
    int rc = -1;

    if (cmd->hold)
        json_object_set_new(request, "hold", json_integer(cmd->hold));
    if (cmd->upto)
        json_object_set_new(request, "upto", json_integer(cmd->upto));
    answer = control_request(conf->state_dir, request, ANSWER_MS, e);
    if (answer && control_answer(answer, e) == 0) {
        text = json_string_value(json_object_get(answer, "text"));
        print_text(stdout, slice_of(text ? text : "done"));
        putchar('\n');
        rc = 0;
    }
    json_decref(answer);
    json_decref(request);
    return rc;
}

/* ---- without a daemon --------------------------------------------------------------------------------------- */

struct find {
    uint32_t id;
    const struct config_connector *found;
};

static int find_hold(void *ctx, const struct config_connector *c, struct store *s, struct txn *t, struct err *e)
{
    struct find *f = ctx;
    struct arena a = {0};
    struct hold h;

    (void)s;
    (void)e;
    if (hold_get(t, f->id, &h, &a))
        f->found = c;
    arena_free(&a);
    return 0;
}

static int run_offline(const struct config *conf, const struct config_connector *c, const struct command *cmd,
                       struct hold_numbers *numbers, struct err *e)
{
    char *folder = state_folder(conf, c), text[1024] = "";
    int rc = connector_command_offline(c, folder, numbers, cmd, text, sizeof(text), e);

    if (rc == 0) {
        print_text(stdout, slice_of(text[0] ? text : "done"));
        puts(" (no daemon runs: it goes on when one does)");
    }
    free(folder);
    return rc == 0 ? 0 : err_add(e, "%s", c->name);
}

/* All connectors; one without a state has no cookie to forget. */
static int resync_offline(const struct config *conf, const struct command *cmd, struct hold_numbers *numbers,
                          struct err *e)
{
    int rc = 0;

    for (size_t i = 0; i < conf->n_connectors && rc == 0; i++) {
        char *folder = state_folder(conf, &conf->connectors[i]);

        rc = state_exists(folder, e);
        free(folder);
        if (rc > 0)
            rc = run_offline(conf, &conf->connectors[i], cmd, numbers, e);
        else if (rc == 0)
            printf("%s has no state yet: its first run reads everything anyway\n", conf->connectors[i].name);
    }
    return rc;
}

static int locked(const struct config *conf, const struct command *cmd, struct err *e)
{
    struct hold_numbers numbers;
    struct find find = {.id = cmd->hold};
    uint32_t high;

    if (state_hold_high(conf, &high, e) != 0)
        return -1;
    numbers.high = high;
    if (cmd->verb == COMMAND_RESYNC)
        return resync_offline(conf, cmd, &numbers, e);
    if (cmd_each_state(conf, find_hold, &find, NULL, e) != 0)
        return -1;
    if (find.found == NULL)
        return err_set(e, ERR_NOTFOUND, "there is no hold %u (any more)", cmd->hold);
    return run_offline(conf, find.found, cmd, &numbers, e);
}

static int offline(const struct config *conf, const struct command *cmd, struct err *e)
{
    int lock, rc;

    if (access(conf->state_dir, F_OK) != 0 && errno == ENOENT)
        return err_set(e, ERR_NOTFOUND, "there is no state in %s yet", conf->state_dir);
    lock = state_lock(conf, e);
    if (lock < 0)
        return -1;
    rc = locked(conf, cmd, e);
    close(lock);
    return rc;
}

static int run(const struct cmd_options *o, const struct command *cmd)
{
    struct config *conf = cmd_config(o);
    struct err e = {0};
    int rc;

    if (conf == NULL)
        return EX_CONFIG;
    rc = ask_daemon(conf, cmd, &e);
    if (rc != 0 && control_no_daemon(&e))
        rc = offline(conf, cmd, &e);
    config_free(&conf);
    return rc == 0 ? EX_OK : cmd_fail(&e);
}

static int run_on_hold(const struct cmd_options *o, enum command_verb verb)
{
    struct command cmd = {.verb = verb};

    if (!cmd_hold_id(o->argv[0], &cmd.hold, &cmd.upto)) {
        fprintf(stderr, "axsync: '%s' is not the ID of a hold: it looks like 7 or 7.120 (see 'axsync holds')\n",
                o->argv[0]);
        return EX_USAGE;
    }
    return run(o, &cmd);
}

int cmd_approve(const struct cmd_options *o)
{
    return run_on_hold(o, COMMAND_APPROVE);
}

int cmd_reject(const struct cmd_options *o)
{
    return run_on_hold(o, COMMAND_REJECT);
}

int cmd_resync(const struct cmd_options *o)
{
    const struct command cmd = {.verb = COMMAND_RESYNC};

    return run(o, &cmd);
}
