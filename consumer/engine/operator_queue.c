/* The operator's word about actions that a sink set aside (SPEC.md section 6, `axsync queue`).
 *
 *   retry   tried at once, with all its attempts before it; of one that stands behind another, the first in the line: what
 *           stands behind follows in its order by itself
 *   drop    forgotten; what stood behind it goes on
 *   adopt   as retry, and what is there already may be taken over */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "aside.h"
#include "gone.h"
#include "log.h"
#include "mirror.h"

static const char *const done_words[] = {
    [COMMAND_RETRY] = "retrying", [COMMAND_DROP] = "dropped", [COMMAND_ADOPT] = "adopting",
};

bool command_row_parse(const char *text, struct command_row *row)
{
    const char *slash = strchr(text, '/'), *last = strrchr(text, '/');
    char rest = '\0';

    *row = (struct command_row){ 0 };
    if (slash == NULL || last == slash || (size_t)(slash - text) >= sizeof(row->connector) || slash == text ||
        (size_t)(last - slash - 1) >= sizeof(row->sink) || last == slash + 1 || last[1] < '0' || last[1] > '9')
        return false;
    memcpy(row->connector, text, (size_t)(slash - text));
    memcpy(row->sink, slash + 1, (size_t)(last - slash - 1));
    if (strchr(last, '.') == NULL)
        return sscanf(last + 1, "%20" SCNu64 "%c", &row->seq, &rest) == 1;
    return sscanf(last + 1, "%20" SCNu64 ".%10" SCNu32 "%c", &row->seq, &row->n, &rest) == 2;
}

static bool fits(enum command_verb verb, const struct aside_row *row)
{
    switch (verb) {
    case COMMAND_RETRY:
        return row->state != ASIDE_BEHIND && row->state != ASIDE_STUCK;
    case COMMAND_DROP:
        return aside_is_parked(row->state);
    default:
        return row->state == ASIDE_ADOPT;
    }
}

static void retry(struct txn *t, const char *sink, struct aside_row *row, unsigned flags)
{
    row->state = ASIDE_RETRY;
    row->attempts = 0;
    row->next_ms = 0;
    row->flags |= flags;
    aside_edit(t, sink, row);
}

const char *operator_queue_one(struct txn *t, const char *sink, enum command_verb verb, uint64_t seq, uint32_t n)
{
    struct aside_id id = { seq, n };
    struct arena a = { 0 };
    struct aside_row row;
    const char *why = NULL;

    if (verb == COMMAND_RETRY)
        id = aside_root(t, sink, id);
    if (!aside_get(t, sink, id, &row, &a))
        why = "there is no such action (any more)";
    else if (verb == COMMAND_DROP) {
        aside_end(t, sink, id);
        gone_release(t, row.uuid);   /* it may have been its deletion */
    } else if (verb == COMMAND_RETRY)
        retry(t, sink, &row, ASIDE_FLAG_NOW);
    else if (row.state == ASIDE_ADOPT)
        retry(t, sink, &row, ASIDE_FLAG_NOW | ASIDE_FLAG_ADOPT);
    else
        why = "it does not wait to be adopted";
    arena_free(&a);
    return why;
}

size_t operator_queue_all(struct txn *t, const char *sink, enum command_verb verb)
{
    struct aside_id id = { 0 };
    struct aside_row row;
    struct arena a = { 0 };
    struct buf ids = { 0 };
    size_t n;

    while (aside_next(t, sink, &id, &row, &a)) {   /* first, since the end of one changes others */
        if (fits(verb, &row))
            buf_add(&ids, &id, sizeof(id));
        arena_reset(&a);
    }
    n = ids.len / sizeof(id);
    for (size_t i = 0; i < n; i++) {
        memcpy(&id, ids.p + i * sizeof(id), sizeof(id));
        operator_queue_one(t, sink, verb, id.seq, id.n);
    }
    buf_free(&ids);
    arena_free(&a);
    return n;
}

/* ---- a command ----------------------------------------------------------------------------------------------- */

static bool has_sink(const struct mirror *m, const char *name)
{
    for (size_t i = 0; i < m->conf->n_sinks; i++)
        if (strcmp(m->conf->sinks[i].name, name) == 0)
            return true;
    return false;
}

static bool is_ours(const struct mirror *m, const struct command_row *row)
{
    return strcmp(row->connector, m->conf->name) == 0;
}

/* Names what is not there, so that nothing is done by halves. */
static int check(struct mirror *m, const struct command *cmd, struct err *e)
{
    struct buf unknown = { 0 };
    struct aside_row row;
    int rc = 0;

    for (size_t i = 0; i < cmd->n_rows; i++) {
        const struct command_row *r = &cmd->rows[i];

        if (!is_ours(m, r) || (has_sink(m, r->sink) &&
                               aside_get(m->t, r->sink, (struct aside_id){ r->seq, r->n }, &row, &m->a) &&
                               (cmd->verb != COMMAND_ADOPT || row.state == ASIDE_ADOPT)))
            continue;
        buf_printf(&unknown, "%s%s/%s/%" PRIu64, unknown.len ? ", " : "", r->connector, r->sink, r->seq);
        if (r->n)
            buf_printf(&unknown, ".%" PRIu32, r->n);
    }
    if (unknown.len)
        rc = err_set(e, ERR_NOTFOUND, cmd->verb == COMMAND_ADOPT ? "not there, or not waiting to be adopted: %s"
                                                                : "there is no action %s (any more)",
                     buf_str(&unknown));
    buf_free(&unknown);
    return rc;
}

static size_t run_on_sink(struct mirror *m, const struct command *cmd, const char *sink)
{
    size_t n = 0;

    if (cmd->all)
        return operator_queue_all(m->t, sink, cmd->verb);
    for (size_t i = 0; i < cmd->n_rows; i++)
        if (is_ours(m, &cmd->rows[i]) && strcmp(cmd->rows[i].sink, sink) == 0)
            n += operator_queue_one(m->t, sink, cmd->verb, cmd->rows[i].seq, cmd->rows[i].n) == NULL;
    return n;
}

int operator_queue(struct mirror *m, const struct command *cmd, char *text, size_t size, struct err *e)
{
    struct buf told = { 0 };

    if (check(m, cmd, e) != 0)
        return -1;
    for (size_t i = 0; i < m->conf->n_sinks; i++) {
        const char *sink = m->conf->sinks[i].name;
        size_t n = run_on_sink(m, cmd, sink);

        if (n)
            buf_printf(&told, "%s%s %zu action%s of %s/%s", told.len ? "; " : "", done_words[cmd->verb], n,
                       n == 1 ? "" : "s", m->conf->name, sink);
    }
    if (told.len) {
        m->urgent = true;
        log_info(m->subject, "the operator: %s", buf_str(&told));
    } else if (cmd->all) {
        buf_printf(&told, "%s: nothing to %s", m->conf->name,
                   cmd->verb == COMMAND_RETRY ? "retry" : cmd->verb == COMMAND_DROP ? "drop" : "adopt");
    }
    snprintf(text, size, "%s", buf_str(&told));
    buf_free(&told);
    return 0;
}
