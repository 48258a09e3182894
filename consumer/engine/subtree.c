#include "subtree.h"

#include <ldap.h>
#include <stdlib.h>

#include "containers.h"
#include "dn.h"
#include "log.h"
#include "mirror.h"

/* ---- places ------------------------------------------------------------------------------------------------- */

static bool is_in_place(const struct mirror *m, const struct mirror_search *s, struct slice canonical)
{
    struct slice base = buf_slice(&s->base);

    if (!dn_within(canonical, base))
        return false;
    switch (search_spec(m, s)->scope) {
    case LDAP_SCOPE_BASE:
        return canonical.len == base.len;
    case LDAP_SCOPE_ONELEVEL:
        return canonical.len > base.len && slice_eq(dn_parent(canonical), base);
    default:
        return true;
    }
}

bool subtree_in_place(const struct mirror *m, const struct mirror_search *s, struct slice dn)
{
    struct buf canonical = { 0 };
    bool in = dn_normalise(dn, &canonical) && is_in_place(m, s, buf_slice(&canonical));

    buf_free(&canonical);
    return in;
}

/* Whether a search shows something at or under this DN. */
static bool search_touches(const struct mirror *m, const struct mirror_search *s, struct slice canonical)
{
    return search_shows_objects(s) && search_spec(m, s)->scope == LDAP_SCOPE_SUBTREE &&
           (dn_within(canonical, buf_slice(&s->base)) || dn_within(buf_slice(&s->base), canonical));
}

/* … one of objects, at `to`, and nothing at `from` (empty: what lay there was not shown). */
static bool comes_into_view(const struct mirror *m, struct slice from, struct slice to)
{
    struct buf before = { 0 }, after = { 0 };
    bool comes = false, was = from.len > 0 && dn_normalise(from, &before);

    if (dn_normalise(to, &after))
        for (unsigned i = 0; i < m->n_searches && !comes; i++)
            comes = search_touches(m, &m->searches[i], buf_slice(&after)) &&
                    !(was && search_touches(m, &m->searches[i], buf_slice(&before)));
    buf_free(&before);
    buf_free(&after);
    return comes;
}

/* ---- a container is there ----------------------------------------------------------------------------------- */

/* In a refresh what lies under a container that was not known comes by itself, if no search of objects had a cookie; and where no
 * container was known at all, none of them can be told to be new. */
static bool is_shown_anyway(const struct mirror *m, const struct mirror_search *s)
{
    if (!s->refreshing)
        return false;
    if (!s->knew)
        return true;
    for (unsigned i = 0; i < m->n_searches; i++)
        if (search_shows_objects(&m->searches[i]) && m->searches[i].had_cookie)
            return false;
    return true;
}

static void give_up(struct mirror *m, const struct err *e)
{
    if (e->class == ERR_TEMP)
        log_info(m->subject, "%s", e->text);
    else
        log_error(m->subject, "%s", e->text);
    course_give_up(m, "a container was renamed, and what lies under it not yet");
}

static void store(struct mirror *m, const struct container *c)
{
    containers_put(m->t, c);
    m->urgent = true;
}

/* from: where it was before; empty: it is new. */
static void take_new(struct mirror *m, struct mirror_search *s, struct container *c, struct slice from, bool read)
{
    c->fetch = c->fetch || (!read && !is_shown_anyway(m, s) && comes_into_view(m, from, c->dn));
    store(m, c);
    if (c->fetch)
        fetch_later(m, c->uuid);
}

static void take_moved(struct mirror *m, struct mirror_search *s, struct container *c, struct slice from,
                       enum phase_word phase, bool read)
{
    struct err e;

    if (!mirror_settle_load(m))
        return;
    log_info(m->subject, "%.*s is %.*s now, and all that lies under it", SLICE_ARG(from), SLICE_ARG(c->dn));
    take_new(m, s, c, from, read);
    if (subtree_move(m, from, c->dn, phase, &e) != 0)
        give_up(m, &e);
}

/* It was gone, and is back before what lay under it was looked up. That may have been moved or deleted meanwhile without a word, so
 * that it still is to be, where it should be now. */
static void take_back(struct mirror *m, struct mirror_search *s, struct container *c, struct slice from, enum phase_word phase,
                      bool read)
{
    struct err e;

    c->sweep = true;
    take_new(m, s, c, (struct slice){ "", 0 }, read);
    if (!slice_eq(from, c->dn) && (!mirror_settle_load(m) || subtree_move(m, from, c->dn, phase, &e) != 0))
        give_up(m, &e);
}

void subtree_take(struct mirror *m, struct mirror_search *s, const struct entry *e, enum phase_word phase, bool read)
{
    struct slice stamp = entry_stamp(e);
    struct arena a = { 0 };
    struct container c, was;
    bool known = containers_get(m->t, e->uuid, &was, &a);

    c = (struct container){ .search = (uint8_t)s->kind, .dn = e->dn, .stamp = stamp };
    memcpy(c.uuid, e->uuid, UUID_BYTES);
    if (known && !was.gone && !behind_lets_older_count(s) && stamp_older(stamp, was.stamp)) {
        arena_free(&a);
        return;   /* old news */
    }
    if (known && !was.gone) {
        c.fetch = was.fetch;
        if (!slice_eq(was.dn, c.dn))
            take_moved(m, s, &c, was.dn, phase, read);
        else if (!slice_eq(was.stamp, c.stamp) || was.search != c.search)
            store(m, &c);
    } else if (known && was.sweep) {
        take_back(m, s, &c, was.dn, phase, read);
    } else {
        take_new(m, s, &c, (struct slice){ "", 0 }, read);
    }
    arena_free(&a);
}

/* ---- … or not ----------------------------------------------------------------------------------------------- */

static void set_gone(struct mirror *m, struct container *c, bool told)
{
    c->gone = c->sweep = true;
    c->told = told;
    c->absent = c->lost = c->fetch = false;
    c->since_ms = m->now_ms;
    m->sweep = true;
    store(m, c);
}

void subtree_gone(struct mirror *m, struct mirror_search *s, const uint8_t *uuid)
{
    struct arena a = { 0 };
    struct container c;

    if (containers_get(m->t, uuid, &c, &a) && search_tells_of(m, s, &c)) {
        if (!c.gone) {
            set_gone(m, &c, true);
        } else if (!c.told) {   /* it had been found missing before it was told */
            c.told = true;
            store(m, &c);
        }
        search_ask(s, uuid);
    }
    arena_free(&a);
}

void subtree_answer(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    struct arena a = { 0 };
    struct container c;

    if (!m->context_trusted || msg->outcome == LOOKUP_UNPROVEN)
        return;   /* asked again by whoever needs to know, or by the next reconciling */
    if (msg->outcome == LOOKUP_IN_PLACE) {
        subtree_take(m, s, msg->entry, PHASE_LOCAL, false);
        return;
    }
    if (containers_get(m->t, msg->entry->uuid, &c, &a) && search_tells_of(m, s, &c)) {
        if (!c.gone)
            set_gone(m, &c, false);
        c.absent = msg->outcome == LOOKUP_DELETED;
        c.lost = msg->parent_unreadable;
        store(m, &c);
    }
    arena_free(&a);
}

void subtree_census(struct mirror *m, struct mirror_search *s, struct census *census)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct container c;

    while (containers_next(m->t, &next, &c, &a)) {
        if (!c.gone && search_tells_of(m, s, &c) && !census_has(census, c.uuid))
            search_ask(s, c.uuid);
        arena_reset(&a);
    }
    for (size_t i = 0; i < census->n; i++) {
        const uint8_t *uuid = census->uuids + i * UUID_BYTES;

        if (!containers_get(m->t, uuid, &c, &a) || c.gone)
            search_ask(s, uuid);
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    m->urgent = true;
}

/* ---- what it explains --------------------------------------------------------------------------------------- */

static enum subtree_verdict better(enum subtree_verdict a, enum subtree_verdict b)
{
    return a > b ? a : b;
}

static enum subtree_verdict explains(struct mirror *m, const struct container *c)
{
    if (!c->gone)
        return SUBTREE_SOON;   /* it may be told in a moment */
    if (!c->told)
        return SUBTREE_UNEXPLAINED;
    if (!c->absent) {
        for (unsigned i = 0; i < m->n_searches; i++)
            if (m->searches[i].kind == c->search && !m->searches[i].unused)
                search_ask(&m->searches[i], c->uuid);
        return SUBTREE_SOON;
    }
    return c->lost ? subtree_explains(m, c->dn) : SUBTREE_DELETED;
}

enum subtree_verdict subtree_explains(struct mirror *m, struct slice dn)
{
    enum subtree_verdict v = SUBTREE_UNEXPLAINED;
    struct slice parent = dn_parent(dn);
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct container c;

    while (parent.len > 0 && v != SUBTREE_DELETED && containers_at(m->t, parent, &next, &c, &a))
        v = better(v, explains(m, &c));
    buf_free(&next);
    arena_free(&a);
    return v;
}

/* ---- from round to round ------------------------------------------------------------------------------------ */

static int by_dn(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* The canonical DNs of those whose subtrees are to be looked up, sorted. */
static struct slice *collect(struct mirror *m, struct arena *keep, size_t *n)
{
    struct buf next = { 0 }, canonical = { 0 }, list = { 0 };
    struct arena a = { 0 };
    struct container c;

    while (containers_next(m->t, &next, &c, &a)) {
        buf_reset(&canonical);
        if (c.sweep && dn_normalise(c.dn, &canonical)) {
            struct slice dn = arena_copy(keep, canonical.p, canonical.len);

            buf_add(&list, &dn, sizeof(dn));
        }
        arena_reset(&a);
    }
    *n = list.len / sizeof(struct slice);
    if (*n)
        qsort(list.p, *n, sizeof(struct slice), by_dn);
    buf_free(&next);
    buf_free(&canonical);
    arena_free(&a);
    return (struct slice *)(void *)list.p;
}

static void swept(struct mirror *m)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct container c;

    while (containers_next(m->t, &next, &c, &a)) {
        if (c.sweep) {
            c.sweep = false;
            store(m, &c);
        }
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    m->sweep = false;
}

void subtree_run(struct mirror *m)
{
    struct arena keep = { 0 };
    struct slice *bases;
    struct err e;
    size_t n;

    if (!m->sweep || search_any_refreshing(m) || m->load)
        return;
    bases = collect(m, &keep, &n);
    if (n == 0 || subtree_suspect(m, bases, n, &e) == 0)
        swept(m);
    else
        give_up(m, &e);
    free(bases);
    arena_free(&keep);
}

void subtree_forget(struct mirror *m)
{
    int64_t grace = m->conf->delete_grace, interval = m->conf->reconcile_interval;
    int64_t before = m->now_ms - 2 * 1000 * (grace > interval ? grace : interval);
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct container c;

    while (containers_next(m->t, &next, &c, &a)) {
        if (c.gone && !c.sweep && c.since_ms < before)
            containers_del(m->t, c.uuid);
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
}

void subtree_begin_session(struct mirror *m)
{
    struct err e;

    if (subtree_move_rest(m, &e) != 0)
        give_up(m, &e);
}

void subtree_read(struct mirror *m)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct container c;

    while (containers_next(m->t, &next, &c, &a)) {
        m->sweep = m->sweep || c.sweep;
        if (c.fetch)
            fetch_later(m, c.uuid);
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
}

int subtree_open(struct mirror *m, struct err *e)
{
    mirror_begin(m);
    if (subtree_move_rest(m, e) != 0)
        return -1;
    subtree_read(m);
    return mirror_commit(m, e);
}
