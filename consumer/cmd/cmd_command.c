/* `approve`, `reject` and `resync`: through the daemon if one runs, else on the state itself. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
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
    [COMMAND_REPAIR] = "repair",
    [COMMAND_RETRY] = "retry",
    [COMMAND_DROP] = "drop",
    [COMMAND_ADOPT] = "adopt",
};

static json_t *rows_json(const struct command *cmd)
{
    json_t *array = json_array();

    for (size_t i = 0; i < cmd->n_rows; i++) {
        const struct command_row *r = &cmd->rows[i];
        char *text = r->n ? mem_printf("%s/%s/%llu.%u", r->connector, r->sink, (unsigned long long)r->seq, r->n)
                          : mem_printf("%s/%s/%llu", r->connector, r->sink, (unsigned long long)r->seq);

        json_array_append_new(array, json_string(text));
        free(text);
    }
    return array;
}

static int ask_daemon(const struct config *conf, const struct command *cmd, struct err *e)
{
    json_t *request = json_pack("{s:s}", "command", verbs[cmd->verb]), *answer;
    const char *text;
    int rc = -1;

    if (cmd->hold)
        json_object_set_new(request, "hold", json_integer(cmd->hold));
    if (cmd->upto)
        json_object_set_new(request, "upto", json_integer(cmd->upto));
    if (cmd->all)
        json_object_set_new(request, "all", json_true());
    if (cmd->n_rows)
        json_object_set_new(request, "rows", rows_json(cmd));
    if (cmd->list) {
        json_object_set_new(request, "connector", json_string(cmd->connector));
        json_object_set_new(request, "list", json_string(cmd->list));
    }
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

/* Those of a connector among a command's rows, or all. */
static bool is_meant(const struct command *cmd, const char *connector)
{
    bool meant = cmd->all;

    for (size_t i = 0; i < cmd->n_rows; i++)
        meant = meant || strcmp(cmd->rows[i].connector, connector) == 0;
    return meant;
}

static int check_connectors(const struct config *conf, const struct command *cmd, struct err *e)
{
    for (size_t i = 0; i < cmd->n_rows; i++) {
        size_t k = 0;

        while (k < conf->n_connectors && strcmp(conf->connectors[k].name, cmd->rows[i].connector) != 0)
            k++;
        if (k == conf->n_connectors)
            return err_set(e, ERR_NOTFOUND, "there is no connector \"%s\"", cmd->rows[i].connector);
    }
    return 0;
}

static int queue_offline(const struct config *conf, const struct command *cmd, struct hold_numbers *numbers,
                         struct err *e)
{
    int rc = check_connectors(conf, cmd, e);

    for (size_t i = 0; i < conf->n_connectors && rc == 0; i++) {
        char *folder = state_folder(conf, &conf->connectors[i]);

        if (is_meant(cmd, conf->connectors[i].name)) {
            rc = state_exists(folder, e);
            if (rc > 0)
                rc = run_offline(conf, &conf->connectors[i], cmd, numbers, e);
            else if (rc == 0 && !cmd->all)
                rc = err_set(e, ERR_NOTFOUND, "%s has no state yet", conf->connectors[i].name);
        }
        free(folder);
    }
    return rc;
}

static int repair_offline(const struct config *conf, const struct command *cmd, struct hold_numbers *numbers,
                          struct err *e)
{
    struct command here = *cmd;

    here.offline = true;
    for (size_t i = 0; i < conf->n_connectors; i++)
        if (strcmp(conf->connectors[i].name, cmd->connector) == 0)
            return run_offline(conf, &conf->connectors[i], &here, numbers, e);
    return err_set(e, ERR_NOTFOUND, "there is no connector \"%s\"", cmd->connector);
}

static int locked(const struct config *conf, const struct command *cmd, struct err *e)
{
    struct hold_numbers numbers;
    struct find find = {.id = cmd->hold};
    uint32_t high;

    if (state_hold_high(conf, &high, e) != 0)
        return -1;
    numbers.high = high;
    if (cmd->verb >= COMMAND_RETRY)
        return queue_offline(conf, cmd, &numbers, e);
    if (cmd->verb == COMMAND_REPAIR)
        return repair_offline(conf, cmd, &numbers, e);
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

int cmd_send(const struct config *conf, const struct command *cmd, struct err *e)
{
    int rc = ask_daemon(conf, cmd, e);

    return rc != 0 && control_no_daemon(e) ? offline(conf, cmd, e) : rc;
}

int cmd_command(const struct cmd_options *o, const struct command *cmd)
{
    struct config *conf = cmd_config(o);
    struct err e = {0};
    int rc;

    if (conf == NULL)
        return EX_CONFIG;
    rc = cmd_send(conf, cmd, &e);
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
    return cmd_command(o, &cmd);
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

    return cmd_command(o, &cmd);
}
