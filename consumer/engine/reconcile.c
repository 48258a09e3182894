/* Reconciling (SPEC.md 2.1): every reconcileInterval all entries are listed on the second connection, uuid, DN and stamp, and
 * compared with the state. What differs or is unknown is read, what is missing is looked up: servers lose deletes and
 * changes, and a renamed parent is told by one message for the parent alone. */
#include "mirror.h"

#include "log.h"

static int64_t last_ms(struct mirror *m, const struct mirror_search *s)
{
    struct slice v;
    struct reader r;

    if (!meta_get(m->t, "reconciled", search_kind_key(s->kind), &v))
        return 0;
    r = reader_of(v);
    return (int64_t)read_u64(&r);
}

static void store_last(struct mirror *m, struct mirror_search *s, int64_t ms)
{
    struct buf b = { 0 };

    buf_u64(&b, (uint64_t)ms);
    meta_put(m->t, "reconciled", search_kind_key(s->kind), buf_slice(&b));
    buf_free(&b);
    s->reconciled_ms = ms;
    m->urgent = true;
}

static void set_last(struct mirror *m, struct mirror_search *s)
{
    store_last(m, s, m->now_ms);
}

/* After maxRetryInterval and not sooner: a server of which no look-up proves anything would be listed again and again. */
void reconcile_soon(struct mirror *m, struct mirror_search *s)
{
    int64_t interval = (int64_t)m->conf->reconcile_interval * 1000, at = m->now_ms - interval;

    at += (int64_t)m->conf->max_retry_interval * 1000;
    if (interval > 0 && at > 0 && at < last_ms(m, s))
        store_last(m, s, at);
}

void reconcile_at_once(struct mirror *m, struct mirror_search *s)
{
    if (m->conf->reconcile_interval > 0)
        store_last(m, s, m->now_ms - (int64_t)m->conf->reconcile_interval * 1000);
}

/* After a listing that proved nothing: after maxRetryInterval, and then at doubling distances, at most reconcileInterval. Returns the
 * seconds. */
static int64_t try_again(struct mirror *m, struct mirror_search *s)
{
    int64_t interval = m->conf->reconcile_interval, after = m->conf->max_retry_interval;

    for (unsigned i = 0; i < s->reconcile_failed && after < interval; i++)
        after *= 2;
    after = after < interval ? after : interval;
    s->reconcile_failed++;
    store_last(m, s, m->now_ms - (interval - after) * 1000);
    return after;
}

/* One listing at a time, and only in sync: what a refresh under way is about to show is no difference. */
static bool may_begin(const struct mirror *m)
{
    return m->conf->reconcile_interval != 0 && m->reconcile.search == NULL && search_all_complete(m) && !m->load && m->asked == 0;
}

static bool is_due(struct mirror *m, struct mirror_search *s)
{
    if (s->reconciled_ms == 0)
        s->reconciled_ms = last_ms(m, s);
    if (s->reconciled_ms == 0 || s->reconciled_ms > m->now_ms)
        set_last(m, s);   /* a first refresh has just shown everything; or the clock went back */
    return m->now_ms - s->reconciled_ms >= (int64_t)m->conf->reconcile_interval * 1000;
}

struct mirror_search *reconcile_due(struct mirror *m)
{
    if (!may_begin(m))
        return NULL;
    for (unsigned i = 0; i < m->n_searches; i++)
        if (!m->searches[i].unused && is_due(m, &m->searches[i]))
            return &m->searches[i];
    return NULL;
}

int64_t reconcile_next(const struct mirror *m)
{
    int64_t first = -1;

    if (!may_begin(m))
        return -1;
    for (unsigned i = 0; i < m->n_searches; i++) {
        const struct mirror_search *s = &m->searches[i];
        int64_t at = s->reconciled_ms + (int64_t)m->conf->reconcile_interval * 1000;

        if (!s->unused && s->reconciled_ms != 0 && (first < 0 || at < first))
            first = at;
    }
    return first;
}

void reconcile_begin(struct mirror *m, struct mirror_search *s, uint32_t token)
{
    m->reconcile.search = s;
    m->reconcile.token = token;
    m->reconcile.differ = 0;
    census_begin(&m->reconcile.census);
    log_debug(m->subject, "reconciling: all %s are listed", search_kind_word(s->kind));
}

static bool is_same(struct slice stamp, struct slice dn, const struct entry *e)
{
    return slice_eq(stamp, entry_stamp(e)) && slice_eq(dn, e->dn);
}

/* The entry as it was seen last: told, waiting for its address, or invalid, which leaves what was told as it is. What is unknown
 * altogether is told by the census at the end. */
static bool is_as_known(struct mirror *m, const struct entry *e)
{
    struct slice dn, reason, stamp;
    struct object told, waits;
    bool known = objects_get(m->t, e->uuid, &told, &m->a) != 0;

    if (known && is_same(told.stamp, told.dn, e))
        return true;
    if (want_get(m->t, e->uuid, &waits, &m->a))
        return is_same(waits.stamp, waits.dn, e);
    if (invalid_get(m->t, e->uuid, &dn, &reason, &m->a) && invalid_stamp(m->t, e->uuid, &stamp, &m->a))
        return is_same(stamp, dn, e);
    return !known;
}

/* One row of the listing. */
void reconcile_listed(struct mirror *m, const struct sync_msg *msg)
{
    struct reconcile *r = &m->reconcile;
    const struct entry *e = msg->entry;

    if (r->search == NULL || msg->token != r->token || m->load)
        return;
    census_saw(&r->census, e->uuid);
    if (!search_shows_objects(r->search)) {
        if (m->context_trusted && !overtaken_row(m, r->search, e))
            subtree_take(m, r->search, e, PHASE_LOCAL, false);
        return;
    }
    if (is_as_known(m, e)) {
        anew_listed(m, r->search, e->uuid);
        return;
    }
    search_ask(r->search, e->uuid);
    r->differ++;
}

static void conclude(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    if (msg->rc != 0 || !m->context_trusted) {
        struct slice why = msg->rc != 0 ? msg->text : slice_of(m->context_why);

        log_warning(m->subject, "reconciling %s: %.*s; nothing is concluded, tried again in %lld s", search_kind_word(s->kind),
                    SLICE_ARG(why), (long long)try_again(m, s));
        return;
    }
    if (!s->unused && (!s->complete || m->load)) {   /* a refresh began meanwhile */
        try_again(m, s);
        return;
    }
    if (!s->unused) {
        if (!course_sweep(m, s, &m->reconcile.census, PHASE_LOCAL))
            return;   /* it is still due */
        sweep_is_through(m, s, true);
        if (search_shows_objects(s)) {
            rebind_end_refresh(m, s);
            left_look(m, s);
        }
    }
    set_last(m, s);
    s->reconcile_failed = 0;
    log_line(m->reconcile.differ ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, m->subject, "reconciled %s: %zu entries differed and are read again",
             search_kind_word(s->kind), m->reconcile.differ);
}

/* The listing is through. Only a whole one, of a server that is not behind, proves anything. */
void reconcile_end(struct mirror *m, const struct sync_msg *msg)
{
    struct reconcile *r = &m->reconcile;
    struct mirror_search *s = r->search;

    if (s == NULL || msg->token != r->token)
        return;
    r->search = NULL;
    conclude(m, s, msg);
    if (!search_shows_objects(s))
        subtree_forget(m);
    census_drop(&r->census);
}
