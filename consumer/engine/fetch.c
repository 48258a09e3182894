#include "fetch.h"

#include <ldap.h>
#include <stdlib.h>

#include "containers.h"
#include "dn.h"
#include "log.h"
#include "mirror.h"

/* ---- the queue ---------------------------------------------------------------------------------------------- */

static bool is_empty(const struct fetch *f)
{
    return f->queue.len == f->head;
}

static const uint8_t *first(const struct fetch *f)
{
    return (const uint8_t *)f->queue.p + f->head;
}

/* Linear in all: what is moved is less than what was taken since the last time. */
static void take_first(struct fetch *f)
{
    f->head += UUID_BYTES;
    if (f->head < f->queue.len - f->head)
        return;
    memmove(f->queue.p, f->queue.p + f->head, f->queue.len - f->head);
    f->queue.len -= f->head;
    f->head = 0;
}

void fetch_later(struct mirror *m, const uint8_t *container)
{
    buf_add(&m->fetch.queue, container, UUID_BYTES);
}

bool fetch_is_idle(const struct mirror *m)
{
    return is_empty(&m->fetch);
}

void fetch_free(struct mirror *m)
{
    buf_free(&m->fetch.queue);
    census_drop(&m->fetch.gone);
}

/* ---- one after the other ------------------------------------------------------------------------------------ */

static void stop_reading(struct fetch *f)
{
    f->running = f->failed = false;
    f->token = 0;
    census_drop(&f->gone);
}

static void drop_first(struct fetch *f)
{
    take_first(f);
    stop_reading(f);
}

/* It goes to the end of the line. */
static void put_off(struct mirror *m)
{
    struct fetch *f = &m->fetch;
    uint8_t uuid[UUID_BYTES];

    memcpy(uuid, first(f), UUID_BYTES);
    drop_first(f);
    buf_add(&f->queue, uuid, UUID_BYTES);
    f->after_ms = m->now_ms + (int64_t)m->conf->retry_interval * 1000;
}

/* All of it was read, or has to be read once more. */
static void finish(struct mirror *m, struct container *c)
{
    if (m->fetch.failed) {
        put_off(m);
        return;
    }
    c->fetch = false;
    containers_put(m->t, c);
    m->urgent = true;
    drop_first(&m->fetch);
}

/* Where a search has to be read for this container; NULL: it shows nothing there. malloc'ed. */
static char *place_of(const struct mirror *m, const struct mirror_search *s, const struct container *c)
{
    const struct search_spec *spec = search_spec(m, s);
    struct buf canonical = { 0 };
    char *base = NULL;

    if (!s->unused && spec->scope == LDAP_SCOPE_SUBTREE && dn_normalise(c->dn, &canonical)) {
        if (dn_within(buf_slice(&canonical), buf_slice(&s->base)))
            base = mem_printf("%.*s", SLICE_ARG(c->dn));
        else if (dn_within(buf_slice(&s->base), buf_slice(&canonical)))
            base = mem_strdup(spec->base);
    }
    buf_free(&canonical);
    return base;
}

/* The next search for the first container in the line; NULL: that one is through. */
static struct mirror_search *next_search(struct mirror *m, const struct container *c, char **base)
{
    struct fetch *f = &m->fetch;

    if (!f->running) {
        f->running = true;
        f->at = m->n_searches;
        census_begin(&f->gone);
    }
    while (f->at > 0) {
        *base = place_of(m, &m->searches[f->at - 1], c);
        if (*base)
            return &m->searches[f->at - 1];
        f->at--;
    }
    return NULL;
}

static bool may_ask(struct mirror *m)
{
    return !is_empty(&m->fetch) && search_all_complete(m) && m->load == NULL && m->asked == 0 &&
           m->fetch.token == 0 && search_asking(m, 0) == NULL;
}

struct mirror_search *fetch_due(struct mirror *m, char **base)
{
    struct mirror_search *s = NULL;
    struct arena a = { 0 };
    struct container c;

    *base = NULL;
    while (s == NULL && may_ask(m) && m->now_ms >= m->fetch.after_ms) {
        if (containers_get(m->t, first(&m->fetch), &c, &a) && c.fetch && !c.gone) {
            s = next_search(m, &c, base);
            if (s == NULL)
                finish(m, &c);
        } else {
            drop_first(&m->fetch);
        }
        arena_reset(&a);
    }
    arena_free(&a);
    return s;
}

int64_t fetch_next(const struct mirror *m)
{
    if (is_empty(&m->fetch) || !search_all_complete(m) || m->asked > 0 || m->fetch.token != 0)
        return -1;
    return m->fetch.after_ms > m->now_ms ? m->fetch.after_ms : m->now_ms;
}

void fetch_begin(struct mirror *m, struct mirror_search *s, uint32_t token)
{
    m->fetch.token = token;
    m->fetch.at = search_index(m, s);
}

/* ---- what comes --------------------------------------------------------------------------------------------- */

void fetch_listed(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    struct fetch *f = &m->fetch;

    if (f->token == 0 || msg->token != f->token)
        return;
    if (!m->context_trusted || s->behind)   /* then it counts as one that is gone: behind_is_past() */
        f->failed = true;
    else if (census_has(&f->gone, msg->entry->uuid) || overtaken_row(m, s, msg->entry))
        return;
    else if (search_shows_objects(s))
        ingest_entry(m, s, msg->entry, PHASE_LOCAL);
    else
        subtree_take(m, s, msg->entry, PHASE_LOCAL, true);
}

void fetch_end(struct mirror *m, const struct sync_msg *msg)
{
    struct fetch *f = &m->fetch;

    if (f->token == 0 || msg->token != f->token)
        return;
    f->token = 0;
    if (msg->rc != 0) {
        log_warning(m->subject, "reading what lies under a container: %.*s; tried again", SLICE_ARG(msg->text));
        f->failed = true;
    }
    if (!m->context_trusted || m->searches[f->at].behind)
        f->failed = true;
    if (f->failed && !is_empty(f))
        put_off(m);
}

void fetch_gone(struct mirror *m, const uint8_t *uuid)
{
    if (m->fetch.running)
        census_saw(&m->fetch.gone, uuid);
}

void fetch_reset(struct mirror *m)
{
    stop_reading(&m->fetch);
    buf_reset(&m->fetch.queue);
    m->fetch.head = 0;
}
