#include "cmd_stored.h"

#include <stdlib.h>
#include <string.h>

#include "mem.h"
#include "pending.h"
#include "queue.h"
#include "search.h"
#include "status_json.h"

struct stored {
    const struct config *conf;
    struct status *statuses;
    json_t **holds;
};

static void read_search(struct txn *t, const struct config_connector *c, enum search_kind kind, struct status *out)
{
    struct status_search *s = &out->searches[out->n_searches];
    char *base = search_base(c, kind);
    struct slice cookie;
    bool stored = meta_get(t, "cookie", search_kind_key(kind), &cookie);

    if (base == NULL || (!stored && search_use(c, kind) == SPEC_APART)) {
        free(base);
        return;
    }
    out->n_searches++;
    status_text(s->kind, sizeof(s->kind), search_kind_word(kind));
    status_text(s->base, sizeof(s->base), base);
    status_text(s->phase, sizeof(s->phase), "idle");
    if (stored)
        snprintf(s->cookie, sizeof(s->cookie), "%.*s", SLICE_ARG(cookie));
    s->expected = -1;
    free(base);
}

/* Of the configuration alone. */
static void name_sinks(const struct config_connector *c, struct status *out)
{
    for (size_t i = 0; i < c->n_sinks && i < STATUS_SINKS; i++) {
        struct status_sink *s = &out->sinks[out->n_sinks++];

        status_text(s->name, sizeof(s->name), c->sinks[i].name);
        status_text(s->type, sizeof(s->type), c->sinks[i].type == SINK_TYPE_FILE ? "file" : "axigen");
    }
}

/* A sink without a position is to be told the whole state first; how much that is, is known then. */
static void read_sinks(struct txn *t, uint64_t last, struct status *out)
{
    for (size_t i = 0; i < out->n_sinks; i++) {
        struct sink_row row;

        sink_row_get(t, out->sinks[i].name, &row);
        out->sinks[i].acked = row.position;
        out->sinks[i].queued = (last > row.position ? last - row.position : 0) + sink_row_waiting(&row);
        out->sinks[i].parked = sink_row_parked(&row);
        out->sinks[i].due = row.due;
    }
}

static int read_state(void *ctx, const struct config_connector *c, struct store *s, struct txn *t, struct err *e)
{
    struct stored *st = ctx;
    size_t i = (size_t)(c - st->conf->connectors);
    struct status *out = &st->statuses[i];
    struct arena a = {0};
    struct hold h;
    uint32_t id = 0;

    (void)e;
    out->accounts = s->objects[OBJECT_ACCOUNT];
    out->groups = s->objects[OBJECT_GROUP];
    out->orphans = s->orphans;
    out->last_change_ms = s->last_change_ms;
    out->invalid = (int64_t)txn_count(t, TABLE_INVALID);
    out->conflicts = (int64_t)(txn_count(t, TABLE_WANT) + txn_count(t, TABLE_ALIAS_WANT));
    out->waiting =
        pending_count(s, PENDING_UNPROVEN) + pending_count(s, PENDING_WAITING) + pending_count(s, PENDING_APPROVED);
    out->last_seq = queue_last(s);
    for (enum search_kind kind = 0; kind < SEARCH_KINDS; kind++)
        read_search(t, c, kind, out);
    read_sinks(t, out->last_seq, out);
    while (hold_next(t, &id, &h, &a))
        status_json_hold(st->holds[i], &h);
    arena_free(&a);
    return 0;
}

json_t *stored_status(const struct config *conf, const char *version, struct err *e)
{
    const struct status_head head = {.version = version};
    struct stored st = {.conf = conf};
    json_t *answer = NULL;

    st.statuses = mem_alloc((conf->n_connectors + 1) * sizeof(*st.statuses));
    st.holds = mem_alloc((conf->n_connectors + 1) * sizeof(json_t *));
    for (size_t i = 0; i < conf->n_connectors; i++) {
        status_blank(&st.statuses[i], &conf->connectors[i], "stopped");
        name_sinks(&conf->connectors[i], &st.statuses[i]);
        st.holds[i] = json_array();
    }
    if (cmd_each_state(conf, read_state, &st, NULL, e) == 0)
        answer = status_json(&head, st.statuses, st.holds, conf->n_connectors);
    for (size_t i = 0; answer == NULL && i < conf->n_connectors; i++)
        json_decref(st.holds[i]);
    free(st.holds);
    free(st.statuses);
    return answer;
}
