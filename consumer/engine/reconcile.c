/* Reconciling (SPEC.md 2.1): every reconcileInterval all entries are listed on the second connection, uuid, DN and stamp, and
 * compared with the state. What differs or is unknown is read, what is missing is looked up: servers lose deletes and
 * changes, and a renamed parent is told by one message for the parent alone. */
#include "mirror.h"

#include "log.h"

static int64_t last_ms(struct mirror *m)
{
    struct slice v;
    struct reader r;

    if (!meta_get(m->t, "reconciled", object_kind_name(m->search.kind), &v))
        return 0;
    r = reader_of(v);
    return (int64_t)read_u64(&r);
}

static void store_last(struct mirror *m, int64_t ms)
{
    struct buf b = { 0 };

    buf_u64(&b, (uint64_t)ms);
    meta_put(m->t, "reconciled", object_kind_name(m->search.kind), buf_slice(&b));
    buf_free(&b);
    m->reconcile.last_ms = ms;
    m->urgent = true;
}

static void set_last(struct mirror *m)
{
    store_last(m, m->now_ms);
}

/* After maxRetryInterval and not sooner: a server of which no look-up proves anything would be listed again and again. */
void reconcile_soon(struct mirror *m)
{
    int64_t interval = (int64_t)m->conf->reconcile_interval * 1000, at = m->now_ms - interval;

    at += (int64_t)m->conf->max_retry_interval * 1000;
    if (interval > 0 && at > 0 && at < last_ms(m))
        store_last(m, at);
}

bool reconcile_is_due(struct mirror *m)
{
    struct reconcile *r = &m->reconcile;

    if (m->conf->reconcile_interval == 0 || r->running || !m->search.complete || m->load || m->asked > 0)
        return false;
    if (r->last_ms == 0)
        r->last_ms = last_ms(m);
    if (r->last_ms == 0 || r->last_ms > m->now_ms)
        set_last(m);   /* a first refresh has just shown everything; or the clock went back */
    return m->now_ms - r->last_ms >= (int64_t)m->conf->reconcile_interval * 1000;
}

int64_t reconcile_next(const struct mirror *m)
{
    const struct reconcile *r = &m->reconcile;

    if (m->conf->reconcile_interval == 0 || r->running || !m->search.complete || m->asked > 0 || r->last_ms == 0)
        return -1;
    return r->last_ms + (int64_t)m->conf->reconcile_interval * 1000;
}

void reconcile_begin(struct mirror *m, uint32_t token)
{
    m->reconcile.running = true;
    m->reconcile.token = token;
    m->reconcile.differ = 0;
    census_begin(&m->reconcile.census);
    log_debug(m->subject, "reconciling: all entries are listed");
}

/* One row of the listing. */
void reconcile_listed(struct mirror *m, const struct sync_msg *msg)
{
    struct reconcile *r = &m->reconcile;
    const struct entry *e = msg->entry;
    struct object told;

    if (!r->running || msg->token != r->token || m->load)
        return;
    census_saw(&r->census, e->uuid);
    if (objects_get(m->t, e->uuid, &told, &m->a) == 0)
        return;   /* unknown: told by the census at the end */
    if (slice_eq(told.stamp, entry_stamp(e)) && slice_eq(told.dn, e->dn))
        return;
    buf_add(&m->ask, e->uuid, UUID_BYTES);
    r->differ++;
}

/* The listing is through. Only a whole one, of a server that is not behind, proves anything. */
void reconcile_end(struct mirror *m, const struct sync_msg *msg)
{
    struct reconcile *r = &m->reconcile;

    if (!r->running || msg->token != r->token)
        return;
    r->running = false;
    set_last(m);
    if (msg->rc != 0)
        log_warning(m->subject, "reconciling: %.*s; tried again after reconcileInterval", SLICE_ARG(msg->text));
    else if (!m->context_trusted)
        log_warning(m->subject, "reconciling: %s; nothing is concluded", m->context_why);
    else if (m->search.complete && !m->load)
        course_sweep(m, &r->census, PHASE_LOCAL);
    log_info(m->subject, "reconciled: %zu entries differed and are read again", r->differ);
    census_drop(&r->census);
}
