#include "errand.h"

#include <stdlib.h>

#include "writer.h"

struct changes_mail {
    struct mail mail;
    struct changes_mail *next;
    size_t sink;
    const struct changes *changes;   /* the sender's, who waits */
    bool moved;
    uint64_t position;               /* of the sink, with these */
    pthread_mutex_t lock;            /* guards what follows */
    pthread_cond_t answered;
    bool done;
    struct err err;
};

struct removals_mail {
    struct mail mail;
    struct removals_mail *next;
    size_t sink;
    size_t n;
    uint8_t *told;                   /* for each: it was answered */
    uint8_t uuids[];                 /* n × UUID_BYTES */
};

/* ---- in the sink's thread ------------------------------------------------------------------------------------ */

/* The mail lies on the sender's stack: it stays until it was answered. */
int errand_commit(void *ctx, size_t sink, const struct changes *c, struct err *e)
{
    struct writer *w = ctx;
    struct changes_mail m = {
        .mail = { .type = MAIL_CHANGES, .weight = c->ops.len },
        .sink = sink,
        .changes = c,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .answered = PTHREAD_COND_INITIALIZER,
    };

    if (!mailbox_post(&w->box, &m.mail))
        return err_set(e, ERR_UNAVAILABLE, "axsync is shutting down");
    pthread_mutex_lock(&m.lock);
    while (!m.done)
        pthread_cond_wait(&m.answered, &m.lock);
    pthread_mutex_unlock(&m.lock);
    pthread_cond_destroy(&m.answered);
    pthread_mutex_destroy(&m.lock);
    if (m.err.class == ERR_NONE)
        return 0;
    *e = m.err;
    return -1;
}

void errand_look_up(void *ctx, size_t sink, const uint8_t *uuids, size_t n)
{
    struct writer *w = ctx;
    struct removals_mail *m = mem_alloc(sizeof(*m) + n * UUID_BYTES);

    m->mail.type = MAIL_REMOVALS;
    m->sink = sink;
    m->n = n;
    m->told = mem_alloc(n);
    memcpy(m->uuids, uuids, n * UUID_BYTES);
    if (!mailbox_post(&w->box, &m->mail)) {
        free(m->told);
        free(m);
    }
}

/* ---- changes ------------------------------------------------------------------------------------------------- */

static void answer(struct changes_mail *m, const struct err *failed)
{
    pthread_mutex_lock(&m->lock);
    if (failed)
        m->err = *failed;
    m->done = true;
    pthread_cond_signal(&m->answered);
    pthread_mutex_unlock(&m->lock);   /* the sender's stack may be gone after this */
}

void errand_take_changes(struct writer *w, struct mail *mail)
{
    struct changes_mail *m = (struct changes_mail *)mail, **last = &w->errands.changes;

    m->moved = changes_apply(w->mirror.t, w->sinks[m->sink].name, buf_slice(&m->changes->ops), w->mirror.now_ms,
                             &m->position);
    w->mirror.urgent = true;
    while (*last)
        last = &(*last)->next;
    *last = m;
}

void errand_committed(struct writer *w, const struct err *failed)
{
    while (w->errands.changes) {
        struct changes_mail *m = w->errands.changes;

        w->errands.changes = m->next;
        if (failed == NULL && m->moved)
            w->sinks[m->sink].acked = m->position;
        answer(m, failed);
    }
}

uint64_t errand_position(const struct writer *w, size_t sink)
{
    uint64_t position = w->sinks[sink].acked;

    for (const struct changes_mail *m = w->errands.changes; m; m = m->next)
        if (m->sink == sink && m->moved)
            position = m->position;
    return position;
}

/* ---- removals ------------------------------------------------------------------------------------------------ */

void errand_take_removals(struct writer *w, struct mail *mail)
{
    struct removals_mail **last = &w->errands.removals;

    while (*last)
        last = &(*last)->next;
    *last = (struct removals_mail *)mail;
}

bool errand_has_look_up(const struct writer *w)
{
    return w->errands.asked == NULL && w->errands.removals;
}

void errand_send_look_up(struct writer *w, uint32_t token)
{
    struct removals_mail *m = w->errands.removals;

    w->errands.removals = m->next;
    w->errands.asked = m;
    w->errands.token = token;
    probe_lookup(w->probe, token, 0, w->uri, m->uuids, NULL, m->n);
}

/* As release.c judges: an answer counts only from a server that is not behind, and where the parent can't be read either it
 * may be the right to read that is gone. */
static enum removal_verdict verdict_of(const struct mirror *m, const struct sync_msg *msg)
{
    if (!m->context_trusted)
        return REMOVAL_UNKNOWN;
    switch (msg->outcome) {
    case LOOKUP_IN_PLACE:
    case LOOKUP_LEFT:
        return REMOVAL_THERE;
    case LOOKUP_DELETED:
        return msg->parent_unreadable ? REMOVAL_UNKNOWN : REMOVAL_GONE;
    case LOOKUP_UNPROVEN:
        break;
    }
    return REMOVAL_UNKNOWN;
}

static void tell(struct writer *w, struct removals_mail *m, size_t i, enum removal_verdict verdict)
{
    if (m->told[i])
        return;
    m->told[i] = 1;
    deliver_answer(w->sinks[m->sink].deliver, m->uuids + i * UUID_BYTES, verdict);
}

static void take_answer(struct writer *w, const struct sync_msg *msg)
{
    struct removals_mail *m = w->errands.asked;

    for (size_t i = 0; i < m->n; i++)
        if (memcmp(m->uuids + i * UUID_BYTES, msg->entry->uuid, UUID_BYTES) == 0)
            tell(w, m, i, verdict_of(&w->mirror, msg));
}

static void free_removals(struct removals_mail *m)
{
    free(m->told);
    free(m);
}

bool errand_message(struct writer *w, const struct sync_msg *msg)
{
    struct removals_mail *m = w->errands.asked;

    if (m == NULL || msg->token != w->errands.token)
        return false;
    if (msg->type == SYNC_LOOKUP)
        take_answer(w, msg);
    if (msg->type != SYNC_PROBE_END)
        return msg->type == SYNC_LOOKUP;
    for (size_t i = 0; i < m->n; i++)
        tell(w, m, i, REMOVAL_UNKNOWN);
    w->errands.asked = NULL;
    free_removals(m);
    return false;
}

/* ---- the end ------------------------------------------------------------------------------------------------- */

void errand_discard(struct mail *mail, bool changes)
{
    struct err e;

    err_set(&e, ERR_UNAVAILABLE, "axsync is shutting down");
    if (changes)
        answer((struct changes_mail *)mail, &e);
    else
        free_removals((struct removals_mail *)mail);
}

void errand_end(struct writer *w)
{
    struct err e;

    err_set(&e, ERR_UNAVAILABLE, "axsync is shutting down");
    errand_committed(w, &e);
    while (w->errands.removals) {
        struct removals_mail *m = w->errands.removals;

        w->errands.removals = m->next;
        free_removals(m);
    }
    if (w->errands.asked)
        free_removals(w->errands.asked);
    w->errands.asked = NULL;
}
