#include "connector.h"

#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "writer.h"

/* How long connector_stop() waits for a thread that may sit in libldap. */
#define LEAVE_BEHIND_MS 300

struct connector {
    const struct config_connector *conf;
    enum connector_run run;
    struct writer writer;
    struct store *store;
    struct source_settings source_settings;
    struct source_hooks hooks;
    struct probe_settings probe_settings;
    struct axigen_settings axigen[STATUS_SINKS];   /* of the action sinks, by their place in the configuration */

    pthread_mutex_t lock;              /* guards what the source told of itself */
    enum source_phase source_phase;
    char uri[512];
    char source_error[STATUS_TEXT];
    bool source_failed;                /* it had to wait at least once */
};

/* ---- what the threads of ldap/ call ------------------------------------------------------------------------- */

static bool hook_deliver(void *ctx, struct sync_batch *batch)
{
    struct connector *c = ctx;

    return writer_post_batch(&c->writer, batch);
}

static char *hook_cookie(void *ctx, unsigned search)
{
    struct connector *c = ctx;

    return writer_cookie(&c->writer, search);
}

static void hook_phase(void *ctx, enum source_phase phase, const char *uri, const char *text)
{
    struct connector *c = ctx;

    pthread_mutex_lock(&c->lock);
    c->source_phase = phase;
    if (uri)
        status_text(c->uri, sizeof(c->uri), uri);
    status_text(c->source_error, sizeof(c->source_error), text);
    if ((phase == SOURCE_WAITING && text) || phase == SOURCE_ERROR)   /* without a text it is a pause between two polls */
        c->source_failed = true;
    pthread_mutex_unlock(&c->lock);
    pthread_mutex_lock(&c->writer.board.lock);
    pthread_cond_broadcast(&c->writer.board.changed);
    pthread_mutex_unlock(&c->writer.board.lock);
}

/* ---- settings ----------------------------------------------------------------------------------------------- */

static int ldap_require(enum config_require require)
{
    switch (require) {
    case REQUIRE_NEVER:
        return LDAP_OPT_X_TLS_NEVER;
    case REQUIRE_ALLOW:
        return LDAP_OPT_X_TLS_ALLOW;
    case REQUIRE_DEMAND:
        break;
    }
    return LDAP_OPT_X_TLS_DEMAND;
}

static const enum source_mode source_modes[] = {
    [MODE_AUTO] = SOURCE_AUTO, [MODE_PERSIST] = SOURCE_PERSIST, [MODE_REFRESH] = SOURCE_REFRESH, [MODE_SEARCH] = SOURCE_SEARCH
};

static void set_source(struct connector *c)
{
    const struct config_connector *conf = c->conf;
    struct mirror *m = &c->writer.mirror;

    c->source_settings = (struct source_settings){
        .conn = {
            .uris = conf->ldap_uris,
            .n_uris = conf->n_ldap_uris,
            .start_tls = conf->start_tls,
            .ca_file = conf->tls_ca_file,
            .cert_file = conf->tls_cert_file,
            .key_file = conf->tls_key_file,
            .require_cert = ldap_require(conf->tls_require),
            .bind_dn = conf->bind_dn,
            .bind_pass = conf->bind_pass,
            .sasl_mechanism = conf->sasl_mechanism,
            .timeout_s = conf->timeout,
        },
        .specs = m->specs,
        .n_specs = m->n_searches,
        .mode = source_modes[conf->mode],
        .polling_s = conf->polling_interval,
        .retry_min_s = conf->retry_interval,
        .retry_max_s = conf->max_retry_interval,
        .subject = conf->name,
        .reads_schema = true,
    };
    c->probe_settings = (struct probe_settings){ &c->source_settings, conf->watchdog_interval };
    c->hooks = (struct source_hooks){ c, hook_deliver, hook_cookie, hook_phase };
}

/* ---- sinks -------------------------------------------------------------------------------------------------- */

static enum axigen_policy policy_of(enum config_policy p)
{
    static const enum axigen_policy policies[] = {
        [POLICY_REMOVE] = AXIGEN_REMOVE, [POLICY_DISABLE] = AXIGEN_DISABLE, [POLICY_LOCK] = AXIGEN_LOCK,
        [POLICY_KEEP] = AXIGEN_KEEP,
    };

    return policies[p];
}

static enum axigen_adopt adopt_of(enum config_adopt a)
{
    return a == ADOPT_YES ? AXIGEN_ADOPT_YES : a == ADOPT_NO ? AXIGEN_ADOPT_NO : AXIGEN_ADOPT_FIRST;
}

/* Texts and connection are those of the start; what may change live is copied anew by connector_reload(). */
void connector_axigen_settings(struct axigen_settings *to, const struct config_sink *s)
{
    to->host = s->host;
    to->port = s->port;
    to->tls = s->tls;
    to->ca_file = s->tls_ca_file;
    to->user = s->user;
    to->password = s->password;
    to->timeout_s = s->timeout;
    to->adopt = adopt_of(s->adopt_existing);
    to->delete_policy = policy_of(s->delete_policy);
    to->leave_policy = policy_of(s->leave_policy);
    to->move_policy = policy_of(s->move_policy);
    to->retention_s = s->retention;
    to->depth = s->pipeline_depth;
}

/* An account that is still there is looked up again now and then, before it is removed. */
static int64_t look_again_s(const struct config_connector *conf)
{
    const int64_t day = 86400;

    return conf->reconcile_interval > 0 && conf->reconcile_interval < day ? conf->reconcile_interval : day;
}

static struct dispatch_limits limits_of(const struct config_connector *conf, const struct config_sink *s)
{
    return (struct dispatch_limits){ conf->retry_interval, conf->max_retry_interval, s->max_attempts,
                                     look_again_s(conf) };
}

/* A dry run's is a file whatever the configuration says. */
static bool is_action_sink(const struct connector *c, const struct config_sink *s)
{
    return c->run != RUN_DRY && s->type == SINK_TYPE_AXIGEN;
}

/* The one place that knows the classes of sinks. */
static struct sink *make_sink(struct connector *c, const struct config_sink *s, struct deliver *d)
{
    struct axigen_settings *settings = &c->axigen[c->writer.n_sinks];

    if (!is_action_sink(c, s))
        return sink_file_new(s->name, s->name, s->path, deliver_stop_flag(d));
    connector_axigen_settings(settings, s);
    return sink_axigen_new(s->name, s->name, settings, deliver_records(d), deliver_stop_flag(d));
}

static void drop_sink(struct mirror *m, const char *name, uint64_t position, const char *why)
{
    size_t aside = aside_drop(m->t, name), records = records_drop(m->t, name);

    log_warning(m->subject, "sink \"%s\" is %s: its position (seq %llu) is dropped", name, why,
                (unsigned long long)position);
    if (aside || records)
        log_warning(m->subject, "with sink \"%s\" go %zu actions that it had not taken, and what axsync knew of %zu "
                                "accounts and groups there: which are its own and which are to be removed; they stay as "
                                "they are at the target", name, aside, records);
    sink_position_del(m->t, name);
}

/* Whether the sink was there before, and where it stands. One that is of another type now has taken over nothing but the
 * name: it is a new one. */
static int read_position(struct connector *c, const struct config_sink *conf, bool *known, uint64_t *stored, struct err *e)
{
    struct mirror *m = &c->writer.mirror;
    struct sink_row row;

    mirror_begin(m);
    *known = sink_row_get(m->t, conf->name, &row);
    *stored = row.position;
    if (!*known || c->run == RUN_DRY || row.actions == is_action_sink(c, conf)) {
        txn_abort(&m->t);
        return 0;
    }
    drop_sink(m, conf->name, row.position, "of another type now");
    *known = false;
    *stored = 0;
    return mirror_commit(m, e);
}

/* Opens a sink before anything is numbered: a file that is ahead of the state moves the numbering above it. */
static int add_sink(struct connector *c, const struct config_sink *conf, struct err *e)
{
    const char *name = conf->name;
    bool actions = is_action_sink(c, conf);
    struct writer *w = &c->writer;
    struct mirror *m = &w->mirror;
    struct writer_sink *s = &w->sinks[w->n_sinks];
    struct deliver_settings settings = {
        .connector = c->conf->name,
        .name = name,
        .type = actions ? "axigen" : "file",
        .index = w->n_sinks,
        .db = c->store->db,
        .retry_min_s = c->conf->retry_interval,
        .retry_max_s = c->conf->max_retry_interval,
        .acked = writer_post_ack,
        .ctx = w,
        .actions = actions,
        .hooks = { w, errand_commit, errand_look_up },
        .max_attempts = conf->max_attempts,
        .look_again_s = look_again_s(c->conf),
    };
    uint64_t stored = 0, position, last = queue_last(c->store);
    bool known, resync;

    if (read_position(c, conf, &known, &stored, e) != 0)
        return -1;
    resync = !known && c->run != RUN_DRY && last > 0;
    if (c->run == RUN_DRY)
        stored = last;
    s->name = name;
    s->deliver = deliver_new(&settings);
    deliver_set_sink(s->deliver, make_sink(c, conf, s->deliver));
    w->n_sinks++;
    position = stored;
    /* An action sink's position is ours alone, and its server may not answer for a while: its thread opens it. */
    if (!actions && deliver_open(s->deliver, stored, &position, e) != 0) {
        if (e->class == ERR_CONFIG || e->class == ERR_TEMP || c->run != RUN_DAEMON)
            return err_add(e, "sink \"%s\"", name);
        log_error(m->subject, "sink \"%s\": %s; trying again", name, e->text);
    }
    if (position > last) {
        log_warning(m->subject, "sink \"%s\" stands at seq %llu, the state at %llu: the state was lost or restored; "
                                "numbering goes on above it",
                    name, (unsigned long long)position, (unsigned long long)last);
        c->store->next_seq = position + 1;
        c->store->dirty = true;
        m->urgent = true;
        if (!resync)
            stored = position;
    } else {
        stored = position;
    }
    s->acked = resync ? last : stored;
    s->dirty = !resync;
    if (actions) {
        s->fresh = !known;
        s->dirty = false;
        return 0;   /* its thread starts once its row is stored */
    }
    deliver_start(s->deliver, resync ? 0 : stored, resync);
    return 0;
}

/* Positions of sinks that are no longer in the configuration. */
static void drop_sinks(struct connector *c)
{
    struct mirror *m = &c->writer.mirror;
    struct buf next = { 0 };
    struct slice name;
    uint64_t position;

    mirror_begin(m);
    while (sink_position_next(m->t, &next, &name, &position)) {
        char *text = mem_printf("%.*s", SLICE_ARG(name));
        bool known = false;

        for (size_t i = 0; i < c->conf->n_sinks; i++)
            known = known || strcmp(c->conf->sinks[i].name, text) == 0;
        if (!known) {
            drop_sink(m, text, position, "no longer in the configuration");
            m->urgent = true;
        }
        free(text);
    }
    buf_free(&next);
    if (!m->urgent)
        txn_abort(&m->t);
}

/* Before the first action does, a sink's position stands in the state: a kill between the two would make it a new sink,
 * which is told the state instead of the actions. */
static int store_positions(struct writer *w, struct err *e)
{
    mirror_begin(&w->mirror);
    for (size_t i = 0; i < w->n_sinks; i++) {
        struct sink_row row = { .position = w->sinks[i].acked, .actions = true,
                                .telling = w->sinks[i].acked > 0 };

        if (w->sinks[i].dirty)
            sink_position_put(w->mirror.t, w->sinks[i].name, w->sinks[i].acked);
        if (w->sinks[i].fresh)
            sink_row_put(w->mirror.t, w->sinks[i].name, &row);
    }
    return mirror_commit(&w->mirror, e);
}

static void start_action_sinks(struct connector *c)
{
    for (size_t i = 0; i < c->writer.n_sinks; i++) {
        struct writer_sink *s = &c->writer.sinks[i];

        if (is_action_sink(c, &c->conf->sinks[i]))
            deliver_start(s->deliver, s->acked, s->fresh);
    }
}

static int add_sinks(struct connector *c, struct err *e)
{
    static char dry_name[] = "dry-run", dry_path[] = "-";
    static const struct config_sink dry = { .name = dry_name, .type = SINK_TYPE_FILE, .path = dry_path };

    if (c->run == RUN_DRY)
        return add_sink(c, &dry, e);
    drop_sinks(c);
    if (c->writer.mirror.urgent && mirror_commit(&c->writer.mirror, e) != 0)
        return -1;
    for (size_t i = 0; i < c->conf->n_sinks; i++) {
        if (c->writer.n_sinks == STATUS_SINKS)
            return err_set(e, ERR_CONFIG, "more than %d sinks", STATUS_SINKS);
        if (add_sink(c, &c->conf->sinks[i], e) != 0)
            return -1;
    }
    if (store_positions(&c->writer, e) != 0)
        return -1;
    start_action_sinks(c);
    return 0;
}

/* ---- life --------------------------------------------------------------------------------------------------- */

/* Frees what connector_start() made, threads of ldap/ not counted. */
static void destroy(struct connector *c)
{
    struct writer *w = &c->writer;

    for (size_t i = 0; i < w->n_sinks; i++)
        deliver_free(&w->sinks[i].deliver);
    writer_close(w);
    store_close(&c->store);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* The part that connector_start() and connector_command_offline() share. */
static struct connector *open_connector(const struct config_connector *conf, const char *folder,
                                        struct hold_numbers *numbers, enum connector_run run, struct err *e)
{
    struct connector *c = mem_alloc(sizeof(*c));
    struct mirror *m = &c->writer.mirror;

    c->conf = conf;
    c->run = run;
    pthread_mutex_init(&c->lock, NULL);
    m->conf = conf;
    m->subject = conf->name;
    m->numbers = numbers;
    m->run = run;
    if (search_make_all(m, e) == 0)
        c->store = store_open(folder, DB_WRITE, e);
    m->store = c->store;
    if (c->store == NULL) {
        search_free_all(m);
        pthread_mutex_destroy(&c->lock);
        free(c);
        return NULL;
    }
    set_source(c);
    if (writer_open(&c->writer, e) != 0) {
        destroy(c);
        return NULL;
    }
    return c;
}

struct connector *connector_start(const struct config_connector *conf, const char *folder, struct hold_numbers *numbers,
                                  enum connector_run run, struct err *e)
{
    struct connector *c = open_connector(conf, folder, numbers, run, e);

    if (c == NULL)
        return NULL;
    if (add_sinks(c, e) != 0) {
        destroy(c);
        return NULL;
    }
    for (size_t i = 0; i < c->writer.n_sinks; i++)
        deliver_committed(c->writer.sinks[i].deliver, queue_last(c->store));
    c->writer.source = source_start(&c->source_settings, &c->hooks);
    c->writer.probe = probe_start(&c->probe_settings, &c->hooks);
    writer_start(&c->writer);
    return c;
}

bool connector_stop(struct connector **cp)
{
    struct connector *c = *cp;
    struct writer *w = &c->writer;
    struct source *source;
    struct probe *probe;
    bool clean;

    *cp = NULL;
    writer_let_go(w, &source, &probe);
    clean = source_stop(&source, LEAVE_BEHIND_MS);
    clean = probe_stop(&probe, LEAVE_BEHIND_MS) && clean;
    for (size_t i = 0; i < w->n_sinks; i++)
        deliver_stop(w->sinks[i].deliver);
    writer_stop(w);
    if (!clean)
        return false;   /* a thread still uses the hooks: the process ends with it */
    destroy(c);
    return true;
}

void connector_reopen(struct connector *c)
{
    for (size_t i = 0; i < c->writer.n_sinks; i++)
        deliver_reopen(c->writer.sinks[i].deliver);
}

static void reload_sink(struct connector *c, size_t i)
{
    const struct config_sink *s = &c->conf->sinks[i];
    struct dispatch_limits limits;

    if (c->run == RUN_DRY)
        return;
    limits = limits_of(c->conf, s);
    deliver_set_limits(c->writer.sinks[i].deliver, &limits);
    if (is_action_sink(c, s))
        connector_axigen_settings(&c->axigen[i], s);
}

void connector_reload(struct connector *c)
{
    const struct config_connector *conf = c->conf;

    c->source_settings.conn.timeout_s = conf->timeout;
    c->source_settings.retry_min_s = conf->retry_interval;
    c->source_settings.retry_max_s = conf->max_retry_interval;
    c->source_settings.polling_s = conf->polling_interval;
    source_reload(c->writer.source);
    c->probe_settings.watchdog_s = conf->watchdog_interval;
    for (size_t i = 0; i < c->writer.n_sinks; i++)
        reload_sink(c, i);
}

/* ---- looking ------------------------------------------------------------------------------------------------ */

const char *connector_name(const struct connector *c)
{
    return c->conf->name;
}

void connector_status(struct connector *c, struct status *out)
{
    struct writer *w = &c->writer;
    bool sink_failed = false;

    status_get(&w->board, out);
    status_text(out->name, sizeof(out->name), c->conf->name);
    status_text(out->mode, sizeof(out->mode), source_mode_name(source_mode(w->source)));
    status_text(out->configured_mode, sizeof(out->configured_mode), source_mode_name(source_modes[c->conf->mode]));
    out->n_sinks = w->n_sinks;
    for (size_t i = 0; i < w->n_sinks; i++) {
        deliver_status(w->sinks[i].deliver, &out->sinks[i]);
        /* Against what was published with `settled`, not what the sink knows of already: who waits for both must not see
         * an empty queue just before the commit that fills it. */
        out->sinks[i].queued = out->last_seq > out->sinks[i].acked ? out->last_seq - out->sinks[i].acked : 0;
        out->sinks[i].queued += out->sinks[i].waiting;
        sink_failed = sink_failed || out->sinks[i].last_error[0];
    }
    pthread_mutex_lock(&c->lock);
    /* In sync is what the writer has stored, not what the source has received. */
    status_text(out->phase, sizeof(out->phase),
                source_phase_name(c->source_phase == SOURCE_INSYNC && strcmp(out->searches[0].phase, "insync") != 0
                                      ? SOURCE_REFRESHING
                                      : c->source_phase));
    status_text(out->uri, sizeof(out->uri), c->uri);
    if (c->source_error[0])
        memcpy(out->last_error, c->source_error, sizeof(out->last_error));
    out->failed = c->source_failed || sink_failed;
    pthread_mutex_unlock(&c->lock);
}

void connector_wait(struct connector *c, int wait_ms)
{
    status_wait(&c->writer.board, wait_ms);
}

void connector_holds(struct connector *c, void (*each)(void *ctx, const struct hold *h), void *ctx)
{
    status_holds(&c->writer.board, each, ctx);
}

/* ---- commands ----------------------------------------------------------------------------------------------- */

void connector_command(struct connector *c, const struct command *cmd, command_done *done, void *ctx)
{
    writer_post_command(&c->writer, cmd, done, ctx);
}

int connector_command_offline(const struct config_connector *conf, const char *folder, struct hold_numbers *numbers,
                              const struct command *cmd, char *text, size_t size, struct err *e)
{
    struct connector *c = open_connector(conf, folder, numbers, RUN_DAEMON, e);
    int rc;

    if (c == NULL)
        return -1;
    mirror_begin(&c->writer.mirror);
    rc = operator_command(&c->writer.mirror, cmd, text, size, e);
    if (rc == 0)
        rc = mirror_commit(&c->writer.mirror, e);
    destroy(c);
    return rc;
}
