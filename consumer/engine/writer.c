#include "writer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "step.h"

/* Bounds the writer's memory: what lies in the mailbox, and the dirty pages of a transaction. */
#define MAILBOX_BYTES ((size_t)2 << 20)
#define TXN_BYTES ((size_t)8 << 20)
/* A refresh has no hurry: its transactions end by size or after this. */
#define REFRESH_COMMIT_MS 200
/* Positions of sinks and cookies that nothing else came with: what a kill loses of them is found again. */
#define LAZY_MS 100
#define PUBLISH_MS 100
/* While something waits, the time is stored this often, and at a clean stop: the next start must be able to tell how long
 * we were away. */
#define HEARTBEAT_MS ((int64_t)3600 * 1000)
/* UUIDs in one request to the probe: with the DNs that they had, some 10 MiB, twice for a moment. */
#define ASK_AT_ONCE ((size_t)100000)
/* Rows dropped from the queue in one transaction: each leaf page on the way is a dirty page for a moment. */
#define DROP_ROWS 4000

struct batch_mail {
    struct mail mail;
    struct sync_batch *batch;
};

struct ack_mail {
    struct mail mail;
    size_t sink;
    uint64_t position;
};

struct command_mail {
    struct mail mail;
    struct command_mail *next;
    struct command command;
    struct command_row *rows;    /* of it, its own */
    char *list;                  /* … too */
    command_done *done;
    void *ctx;
    struct err err;
    char text[512];
};

/* ---- posting ------------------------------------------------------------------------------------------------ */

bool writer_post_batch(struct writer *w, struct sync_batch *batch)
{
    struct batch_mail *b = mem_alloc(sizeof(*b));

    b->mail.type = MAIL_BATCH;
    b->mail.weight = batch->arena.used + sizeof(*b);
    b->batch = batch;
    if (mailbox_post_wait(&w->box, &b->mail))
        return true;
    sync_batch_free(&b->batch);
    free(b);
    return false;
}

void writer_post_ack(void *ctx, size_t sink, uint64_t position)
{
    struct writer *w = ctx;
    struct ack_mail *a = mem_alloc(sizeof(*a));

    a->mail.type = MAIL_ACK;
    a->sink = sink;
    a->position = position;
    if (!mailbox_post(&w->box, &a->mail))
        free(a);
}

static void answer(struct command_mail *c)
{
    c->done(c->ctx, &c->err, c->text);
    free(c->rows);
    free(c->list);
    free(c);
}

void writer_post_command(struct writer *w, const struct command *cmd, command_done *done, void *ctx)
{
    struct command_mail *c = mem_alloc(sizeof(*c));

    c->mail.type = MAIL_COMMAND;
    c->command = *cmd;
    if (cmd->n_rows) {
        c->rows = mem_alloc(cmd->n_rows * sizeof(*c->rows));
        memcpy(c->rows, cmd->rows, cmd->n_rows * sizeof(*c->rows));
        c->command.rows = c->rows;
    }
    c->command.list = c->list = mem_strdup(cmd->list);
    c->command.connector = NULL;   /* the caller's, and known here */
    c->done = done;
    c->ctx = ctx;
    if (!mailbox_post(&w->box, &c->mail)) {
        err_set(&c->err, ERR_UNAVAILABLE, "axsync is shutting down");
        answer(c);
    }
}

char *writer_cookie(struct writer *w, unsigned search)
{
    char *copy;

    pthread_mutex_lock(&w->cookie_lock);
    copy = mem_strdup(w->cookies[search]);
    pthread_mutex_unlock(&w->cookie_lock);
    return copy;
}

/* ---- publishing --------------------------------------------------------------------------------------------- */

static void publish_cookie(struct writer *w, unsigned search)
{
    struct buf b = { 0 };
    char *text = NULL;

    cookie_format(&w->mirror.searches[search].cookie, &b);
    if (b.len)
        text = mem_strdup(buf_str(&b));
    buf_free(&b);
    pthread_mutex_lock(&w->cookie_lock);
    free(w->cookies[search]);
    w->cookies[search] = text;
    pthread_mutex_unlock(&w->cookie_lock);
}

static void publish_cookies(struct writer *w)
{
    for (unsigned i = 0; i < w->mirror.n_searches; i++)
        publish_cookie(w, i);
}

/* In sync, and nothing is about to happen by itself but what is in grace. */
static bool is_settled(struct writer *w, int64_t next_due)
{
    struct mirror *m = &w->mirror;
    int64_t settle = m->run == RUN_DRY ? 0 : m->conf->guard.settle * 1000;

    return m->insync_ms != 0 && m->insync_ms + settle <= m->now_ms && m->asked == 0 && search_asking(m, 0) == NULL &&
           fetch_is_idle(m) && !m->sweep && m->store->pending_unanswered == 0 && (next_due < 0 || next_due > m->now_ms);
}

/* -1: not known. What is mirrored is about what comes, but in a first load, or where a cookie spares us most of it. */
static int64_t expected(const struct mirror *m, const struct mirror_search *s)
{
    int64_t known = search_shows_objects(s) ? m->store->objects[search_objects(s)] : 0;

    return m->load || s->had_cookie || known == 0 ? -1 : known;
}

static void publish_search(const struct mirror *m, const struct mirror_search *search, struct status_search *s)
{
    int64_t ms = (search->refreshing ? clock_mono_ms() : search->refresh_ended_ms) - search->refresh_began_ms;
    struct buf b = { 0 };

    status_text(s->kind, sizeof(s->kind), search_kind_word(search->kind));
    status_text(s->base, sizeof(s->base), search_spec(m, search)->base);
    status_text(s->phase, sizeof(s->phase), search->refreshing ? "refreshing" : search->complete ? "insync" : "idle");
    cookie_format(&search->cookie, &b);
    status_text(s->cookie, sizeof(s->cookie), buf_str(&b));
    buf_free(&b);
    s->received = search->received;
    s->expected = expected(m, search);
    s->rate = ms > 0 ? (double)search->received * 1000 / (double)ms : 0;
}

/* Without a contextCSN nobody can tell whether the directory is ahead of what a poll has seen. */
static bool knows_csns(const struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (m->polling && !m->searches[i].unused && m->searches[i].poll_csns.n == 0 && m->searches[i].cookie.csns.n == 0)
            return false;
    return true;
}

static int64_t lag_ms(const struct mirror *m)
{
    int64_t first = m->ahead[0].since_ms, other = m->ahead[1].since_ms;

    if (first == 0 || (other != 0 && other < first))
        first = other;
    return first ? clock_mono_ms() - first : 0;
}

/* Fills the board from the mirror; its transaction is open. */
static void publish(struct writer *w)
{
    struct mirror *m = &w->mirror;
    struct status *s = &w->board.status;
    int64_t invalid = (int64_t)txn_count(m->t, TABLE_INVALID);
    int64_t conflicts = (int64_t)(txn_count(m->t, TABLE_WANT) + txn_count(m->t, TABLE_ALIAS_WANT));
    bool settled = is_settled(w, release_next_due(m));

    pthread_mutex_lock(&w->board.lock);
    s->n_searches = 0;
    for (unsigned i = 0; i < m->n_searches; i++)
        if (!m->searches[i].unused)
            publish_search(m, &m->searches[i], &s->searches[s->n_searches++]);
    s->lag_ms = !search_all_complete(m) || !knows_csns(m) || sight_is_lost(m) ? -1 : lag_ms(m);
    s->last_change_ms = m->store->last_change_ms;
    s->accounts = m->store->objects[OBJECT_ACCOUNT];
    s->groups = m->store->objects[OBJECT_GROUP];
    s->orphans = m->store->orphans;
    s->invalid = invalid;
    s->conflicts = conflicts;
    s->waiting = pending_count(m->store, PENDING_UNPROVEN) + pending_count(m->store, PENDING_WAITING) +
                 pending_count(m->store, PENDING_APPROVED);
    s->last_seq = queue_last(m->store);
    s->settled = settled;
    status_text(s->last_error, sizeof(s->last_error), w->commit_error[0] ? w->commit_error : m->last_error);
    pthread_cond_broadcast(&w->board.changed);
    pthread_mutex_unlock(&w->board.lock);
    w->published_ms = clock_mono_ms();
}

static void publish_holds(struct writer *w)
{
    struct arena a = { 0 };
    struct hold *holds = NULL, h;
    size_t n = 0;
    uint32_t id = 0;

    while (hold_next(w->mirror.t, &id, &h, &a)) {
        holds = mem_realloc(holds, (n + 1) * sizeof(*holds));
        holds[n++] = h;
    }
    status_set_holds(&w->board, holds, n);
    free(holds);
    arena_free(&a);
}

/* After a commit and never before: who saw "settled" while the sinks did not know yet of what is being committed would take
 * the connector for done. */
static void publish_committed(struct writer *w)
{
    mirror_begin(&w->mirror);
    publish_holds(w);
    publish(w);
    txn_abort(&w->mirror.t);
}

/* ---- one round ---------------------------------------------------------------------------------------------- */

static void lazy(struct writer *w)
{
    if (w->lazy_since_ms == 0)
        w->lazy_since_ms = clock_mono_ms();
}

/* Drops what all sinks have. A queue that is empty then goes as a whole, which touches none of its leaves; in a refresh it
 * grows and is emptied afterwards. */
static void drop_delivered(struct writer *w, uint64_t all)
{
    struct mirror *m = &w->mirror;

    if (all >= queue_last(m->store))
        txn_clear(m->t, TABLE_QUEUE);
    else if (!search_any_refreshing(m) && queue_drop(m->t, all, DROP_ROWS) == DROP_ROWS)
        w->drop_more = true;
}

/* Stores positions that moved and drops from the queue what all sinks have. */
static bool store_acks(struct writer *w)
{
    struct mirror *m = &w->mirror;
    uint64_t all = UINT64_MAX;
    bool moved = w->drop_more;

    w->drop_more = false;
    for (size_t i = 0; i < w->n_sinks; i++) {
        struct writer_sink *s = &w->sinks[i];

        if (s->dirty) {
            sink_position_put(m->t, s->name, s->acked);
            moved = true;
        }
        if (errand_position(w, i) != s->acked)
            moved = true;
        if (errand_position(w, i) < all)
            all = errand_position(w, i);
    }
    if (moved)
        drop_delivered(w, all);
    return moved;
}

static void forget_dirty(struct writer *w)
{
    for (size_t i = 0; i < w->n_sinks; i++)
        w->sinks[i].dirty = false;
}

static uint32_t next_token(struct writer *w)
{
    if (++w->token == 0)
        w->token = 1;   /* 0 is the watchdog's */
    return w->token;
}

/* A request for this search goes out. */
static void note_asked(struct mirror *m, const struct mirror_search *s)
{
    csn_set_copy(&m->asked_highest, &s->highest);
    m->asked_search = search_index(m, s);
    m->asked++;
}

/* Requests to the probe: the caller holds peers_lock, and the probe is there. */
static void request_look_ups(struct writer *w)
{
    struct mirror *m = &w->mirror;
    struct mirror_search *s = search_asking(m, m->asked_search);
    struct arena a = { 0 };
    size_t n;

    if (s == NULL || m->asked > 0)
        return;   /* one at a time: the rest goes together when it has ended */
    n = s->ask.len / UUID_BYTES < ASK_AT_ONCE ? s->ask.len / UUID_BYTES : ASK_AT_ONCE;
    note_asked(m, s);
    probe_lookup(w->probe, next_token(w), search_index(m, s), w->uri, (const uint8_t *)s->ask.p, mirror_asked_dns(m, s, n, &a), n);
    arena_free(&a);
    s->ask.len -= n * UUID_BYTES;
    memmove(s->ask.p, s->ask.p + n * UUID_BYTES, s->ask.len);
}

/* Entries whose accounts are to be removed. */
static void request_removals(struct writer *w)
{
    struct mirror *m = &w->mirror;

    if (m->asked > 0 || !errand_has_look_up(w))
        return;
    note_asked(m, &m->searches[0]);   /* only accounts are retired, and theirs is the first search */
    errand_send_look_up(w, next_token(w));
}

/* The listing of all entries, when its time has come. */
static void request_listing(struct writer *w)
{
    struct mirror *m = &w->mirror;
    struct mirror_search *s = reconcile_due(m);

    if (s == NULL)
        return;
    note_asked(m, s);
    reconcile_begin(m, s, next_token(w));
    probe_list(w->probe, w->token, search_index(m, s), w->uri);
}

/* What lies under a container that came. */
static void request_fetch(struct writer *w)
{
    struct mirror *m = &w->mirror;
    char *base = NULL;
    struct mirror_search *s = fetch_due(m, &base);

    if (s == NULL)
        return;
    note_asked(m, s);
    fetch_begin(m, s, next_token(w));
    probe_read(w->probe, w->token, search_index(m, s), w->uri, base);
    free(base);
}

static void send_look_ups(struct writer *w)
{
    pthread_mutex_lock(&w->peers_lock);
    if (w->probe)
        request_look_ups(w);
    pthread_mutex_unlock(&w->peers_lock);
}

/* What needs no commit before. */
static void send_requests(struct writer *w)
{
    pthread_mutex_lock(&w->peers_lock);
    if (w->probe) {
        request_removals(w);
        request_fetch(w);
        request_listing(w);
    }
    pthread_mutex_unlock(&w->peers_lock);
}

static void answer_commands(struct writer *w, const struct err *failed)
{
    while (w->commands) {
        struct command_mail *c = w->commands;

        w->commands = c->next;
        if (failed && c->err.class == ERR_NONE)
            c->err = *failed;
        answer(c);
    }
}

/* The configured server with this URI; the number of them if there is none. */
static size_t uri_index(const struct config_connector *conf, struct slice uri)
{
    size_t i = 0;

    while (i < conf->n_ldap_uris && !slice_eq(uri, slice_of(conf->ldap_uris[i])))
        i++;
    return i;
}

static void restart_source(struct writer *w)
{
    struct mirror *m = &w->mirror;
    size_t to = m->move_to ? uri_index(m->conf, slice_of(m->move_to)) : m->conf->n_ldap_uris;

    pthread_mutex_lock(&w->peers_lock);
    if (m->restart_why[0] && w->source && to < m->conf->n_ldap_uris)
        source_move(w->source, to, m->restart_why);
    else if (m->restart_why[0] && w->source)
        source_restart(w->source, m->restart_why);
    pthread_mutex_unlock(&w->peers_lock);
    m->restart_why[0] = '\0';
    free(m->move_to);
    m->move_to = NULL;
}

/* The disk is full or broken: say so, wait, and begin again from what is stored. What was received meanwhile waits in
 * the mailbox and then in TCP. */
static void commit_failed(struct writer *w, const struct err *e)
{
    struct mirror *m = &w->mirror;
    int64_t until;

    w->retry_ms = w->retry_ms ? w->retry_ms * 2 : 1000;
    if (w->retry_ms > (int64_t)m->conf->max_retry_interval * 1000)
        w->retry_ms = (int64_t)m->conf->max_retry_interval * 1000;
    log_error(m->subject, "%s; nothing is lost; trying again in %lld s", e->text, (long long)(w->retry_ms / 1000));
    status_text(w->commit_error, sizeof(w->commit_error), e->text);
    answer_commands(w, e);
    w->first_known = false;
    errand_committed(w, e);
    err_clear(&m->undone);
    forget_dirty(w);
    publish_committed(w);
    until = clock_mono_ms() + w->retry_ms;
    while (!w->stop && clock_mono_ms() < until)
        status_wait(&w->board, 200);
    restart_source(w);
}

static void commit(struct writer *w)
{
    struct mirror *m = &w->mirror;
    bool acked;
    struct err e;

    acked = store_acks(w);
    w->lazy_since_ms = 0;
    if (m->undone.class != ERR_NONE)
        mirror_abort(m);   /* a commit in the middle failed: who asked for what was taken before it must be told so */
    else
        mirror_commit(m, &e);
    if (m->undone.class != ERR_NONE) {
        e = m->undone;
        commit_failed(w, &e);
        return;
    }
    w->retry_ms = 0;
    if (w->drop_more)
        lazy(w);   /* there is more to drop */
    w->commit_error[0] = '\0';
    if (acked) {
        forget_dirty(w);
        STEP_POINT(ack_after);
    }
    publish_cookies(w);
    errand_committed(w, NULL);
    for (size_t i = 0; i < w->n_sinks; i++)
        deliver_committed(w->sinks[i].deliver, queue_last(m->store));
    send_look_ups(w);
    publish_committed(w);
    answer_commands(w, NULL);
    restart_source(w);
}

static bool must_commit(struct writer *w)
{
    struct mirror *m = &w->mirror;
    int64_t now = clock_mono_ms();

    if (w->lazy_since_ms && (w->stop || now - w->lazy_since_ms >= LAZY_MS))
        return true;
    if (m->restart_why[0] || w->commands)
        return true;
    if (!m->urgent && (m->asked > 0 || search_asking(m, 0) == NULL))
        return false;
    return w->stop || !search_any_refreshing(m) || txn_bytes(m->t) >= TXN_BYTES ||
           now - w->round_began_ms >= REFRESH_COMMIT_MS;
}

static void begin(struct writer *w)
{
    if (w->mirror.t == NULL)
        w->round_began_ms = clock_mono_ms();
    mirror_begin(&w->mirror);
}

/* The server that the messages come from: look-ups go to it, and the watchdog asks it. The source may be about another one by now. */
static void note_uri(struct writer *w, const struct sync_msg *msg)
{
    const struct config_connector *conf = w->mirror.conf;
    size_t i = uri_index(conf, msg->uri);

    if (i < conf->n_ldap_uris)
        w->uri = i;
    pthread_mutex_lock(&w->peers_lock);
    if (w->probe)
        probe_set_uri(w->probe, w->uri);
    pthread_mutex_unlock(&w->peers_lock);
}

static void take_batch(struct writer *w, struct batch_mail *mail)
{
    for (const struct sync_msg *msg = mail->batch->first; msg; msg = msg->next) {
        begin(w);
        if (msg->type == SYNC_BEGIN)
            note_uri(w, msg);
        if (!errand_message(w, msg))
            ingest_message(&w->mirror, msg);
        if (txn_bytes(w->mirror.t) >= TXN_BYTES)
            commit(w);
    }
    sync_batch_free(&mail->batch);
    free(mail);
}

static void take_ack(struct writer *w, struct ack_mail *mail)
{
    struct writer_sink *s = &w->sinks[mail->sink];

    s->acked = mail->position;
    s->dirty = true;
    lazy(w);
    free(mail);
}

static void take_command(struct writer *w, struct command_mail *mail)
{
    err_clear(&mail->err);
    operator_command(&w->mirror, &mail->command, mail->text, sizeof(mail->text), &mail->err);
    mail->next = w->commands;
    w->commands = mail;
}

static void take_mail(struct writer *w, struct mail *mail)
{
    begin(w);
    switch ((enum mail_type)mail->type) {
    case MAIL_BATCH:
        take_batch(w, (struct batch_mail *)mail);
        break;
    case MAIL_ACK:
        take_ack(w, (struct ack_mail *)mail);
        break;
    case MAIL_COMMAND:
        take_command(w, (struct command_mail *)mail);
        break;
    case MAIL_CHANGES:
        errand_take_changes(w, mail);
        break;
    case MAIL_REMOVALS:
        errand_take_removals(w, mail);
        break;
    }
}

/* Monotonic time at which something happens without a mail; -1: nothing does. */
static int64_t next_deadline(struct writer *w)
{
    struct mirror *m = &w->mirror;
    int64_t now = clock_mono_ms(), wall = clock_wall_ms(), at = -1, due;
    struct status s;

    begin(w);
    due = release_next_due(m);
    if (due >= 0)
        at = due > wall ? now + (due - wall) : m->stalled || m->load ? now + 1000 : now;
    due = reconcile_next(m);
    if (due >= 0 && (at < 0 || now + due - wall < at))
        at = due > wall ? now + (due - wall) : now;
    due = fetch_next(m);
    if (due >= 0 && (at < 0 || now + due - wall < at))
        at = due > wall ? now + (due - wall) : now;
    if (w->lazy_since_ms && (at < 0 || w->lazy_since_ms + LAZY_MS < at))
        at = w->lazy_since_ms + LAZY_MS;
    if (m->urgent && (at < 0 || w->round_began_ms + REFRESH_COMMIT_MS < at))
        at = w->round_began_ms + REFRESH_COMMIT_MS;
    status_get(&w->board, &s);
    if (m->insync_ms && !s.settled && (at < 0 || at > now + PUBLISH_MS))
        at = now + PUBLISH_MS;   /* who waits for `settled` is told in time */
    if (search_any_refreshing(m) && (at < 0 || at > now + PUBLISH_MS))
        at = now + PUBLISH_MS;
    return at;
}

static void heartbeat(struct mirror *m, int64_t after_ms)
{
    if ((txn_count(m->t, TABLE_PENDING) == 0 && txn_count(m->t, TABLE_RECORD_DUE) == 0) || m->now_ms - m->store->wall_ms < after_ms)
        return;
    m->store->dirty = true;
    m->urgent = true;
}

/* With which action the connector's first refresh ended: all up to it is of the first telling (sinks.h). */
static void note_first(struct writer *w)
{
    struct mirror *m = &w->mirror;
    struct buf b = { 0 };
    struct slice v;

    if (w->first_known || !search_all_complete(m))
        return;
    w->first_known = true;
    if (meta_get(m->t, "first", NULL, &v))
        return;
    buf_u64(&b, queue_last(m->store));
    meta_put(m->t, "first", NULL, buf_slice(&b));
    buf_free(&b);
    m->urgent = true;
}

/* A poll is drained when all that it brought is committed, and read what it showed to be different. */
static void tell_drained(struct writer *w)
{
    struct mirror *m = &w->mirror;

    if (m->polled == 0 || m->urgent || m->asked > 0 || search_asking(m, 0) != NULL)
        return;
    pthread_mutex_lock(&w->peers_lock);
    if (w->source)
        source_drained(w->source, m->polled);
    pthread_mutex_unlock(&w->peers_lock);
    m->polled = 0;
}

static void tell_scout(struct writer *w)
{
    pthread_mutex_lock(&w->peers_lock);
    if (w->probe)
        probe_seek(w->probe, elsewhere_is_sought(&w->mirror), w->uri);
    pthread_mutex_unlock(&w->peers_lock);
}

static void end_round(struct writer *w)
{
    struct mirror *m = &w->mirror;

    note_first(w);
    tell_scout(w);
    send_requests(w);
    heartbeat(m, HEARTBEAT_MS);
    for (unsigned i = 0; i < m->n_searches; i++)
        if (m->searches[i].cookie_dirty)
            lazy(w);
    if (must_commit(w)) {
        commit(w);
        tell_drained(w);
        return;
    }
    tell_drained(w);
    if (clock_mono_ms() - w->published_ms >= PUBLISH_MS)
        publish(w);
    if (!m->urgent)
        txn_abort(&m->t);   /* nothing was written in it */
}

static void *run(void *arg)
{
    struct writer *w = arg;

    while (!w->stop) {
        int64_t deadline = next_deadline(w);
        struct mail *mail;

        if (!w->mirror.urgent)
            txn_abort(&w->mirror.t);   /* an open one would keep commands out while we sleep */
        mail = mailbox_take_all(&w->box, deadline);
        begin(w);
        mirror_watch_clock(&w->mirror);
        while (mail) {
            struct mail *next = mail->next;

            take_mail(w, mail);
            mail = next;
        }
        begin(w);
        release_run(&w->mirror);
        end_round(w);
    }
    begin(w);
    heartbeat(&w->mirror, 0);
    if (must_commit(w))
        commit(w);
    errand_end(w);
    return NULL;
}

/* ---- life --------------------------------------------------------------------------------------------------- */

int writer_open(struct writer *w, struct err *e)
{
    mailbox_init(&w->box, MAILBOX_BYTES);
    status_board_init(&w->board);
    pthread_mutex_init(&w->cookie_lock, NULL);
    pthread_mutex_init(&w->peers_lock, NULL);
    w->mirror.stop = &w->stop;
    if (mirror_open(&w->mirror, e) != 0)
        return -1;
    publish_cookies(w);
    publish_committed(w);
    return 0;
}

void writer_start(struct writer *w)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);   /* signals are the main loop's */
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        abort();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void discard(struct writer *w)
{
    struct mail *mail = mailbox_take_all(&w->box, 0);

    while (mail) {
        struct mail *next = mail->next;

        if (mail->type == MAIL_BATCH)
            sync_batch_free(&((struct batch_mail *)mail)->batch);
        if (mail->type == MAIL_COMMAND) {
            struct command_mail *c = (struct command_mail *)mail;

            err_set(&c->err, ERR_UNAVAILABLE, "axsync is shutting down");
            answer(c);
        } else if (mail->type == MAIL_CHANGES || mail->type == MAIL_REMOVALS) {
            errand_discard(mail, mail->type == MAIL_CHANGES);
        } else {
            free(mail);
        }
        mail = next;
    }
}

void writer_let_go(struct writer *w, struct source **source, struct probe **probe)
{
    pthread_mutex_lock(&w->peers_lock);
    *source = w->source;
    *probe = w->probe;
    w->source = NULL;
    w->probe = NULL;
    pthread_mutex_unlock(&w->peers_lock);
}

void writer_stop(struct writer *w)
{
    w->stop = true;
    mailbox_close(&w->box);
    pthread_join(w->thread, NULL);
    discard(w);
}

void writer_close(struct writer *w)
{
    mirror_close(&w->mirror);
    mailbox_destroy(&w->box);
    status_board_destroy(&w->board);
    pthread_mutex_destroy(&w->cookie_lock);
    pthread_mutex_destroy(&w->peers_lock);
    for (unsigned i = 0; i < SEARCH_KINDS; i++)
        free(w->cookies[i]);
}
