/* Rights that come back (SPEC.md 2.1, "Suspicion"). slapd tells nobody of a changed ACL, and no entryCSN moves with it. So what
 * waits for an entry or a value to come back is read at each reconciling although its stamp is the stored one; and where such a
 * read shows another content under the same stamp, everything may be seen with other eyes now: all is read anew once, which
 * also completes entries that were taken in while something of them was hidden. */
#include "mirror.h"

#include <stdio.h>

#include "clock.h"
#include "log.h"

/* Attributes that the server computes change without a stamp too; so not more often than this. */
#define AGAIN_MS ((int64_t)3600 * 1000)

/* What the operator approved goes without being seen again. A rename waits for an address, and no look at the entry helps it. */
static bool may_come_back(const struct pending *p)
{
    return p->what != PENDING_RENAME && p->reason != PENDING_APPROVED && !p->asked;
}

void anew_listed(struct mirror *m, struct mirror_search *s, const uint8_t *uuid)
{
    enum object_kind invalid;
    struct buf next = { 0 };
    struct pending p;
    bool ask;

    if (txn_count(m->t, TABLE_PENDING) == 0 && txn_count(m->t, TABLE_INVALID) == 0)
        return;   /* of a million rows that would be looked for */
    ask = invalid_kind(m->t, uuid, &invalid) && invalid == search_objects(s);
    while (pending_next(m->t, uuid, &next, &p, &m->a)) {
        if (!may_come_back(&p))
            continue;
        if (p.what != PENDING_DELETE)
            ask = true;
        else if (!both_waits(m, uuid))   /* it goes because it is there, as something else */
            pend_ask(m, &p);
    }
    buf_free(&next);
    if (ask)
        search_ask(s, uuid);
}

struct anew anew_before(struct mirror *m, const struct entry *e)
{
    struct slice stamp = entry_stamp(e);
    struct object told;
    struct csn csn;

    /* A modifyTimestamp is the same for a second. */
    return (struct anew){ .same = csn_parse(stamp, &csn) && objects_get(m->t, e->uuid, &told, &m->a) != 0 && slice_eq(told.stamp, stamp),
                          .seq = m->store->next_seq,
                          .pending = txn_count(m->t, TABLE_PENDING) };
}

static void set_owed(struct mirror *m, bool owed)
{
    if (m->anew_owed == owed)
        return;
    m->anew_owed = owed;
    meta_put(m->t, "anew", NULL, slice_of(owed ? "1" : ""));
    m->urgent = true;
}

static void read_all(struct mirror *m)
{
    set_owed(m, false);   /* from here on it is the cookies that are not there */
    m->anew_ms = clock_mono_ms();
    for (unsigned i = 0; i < m->n_searches; i++) {
        cookie_free(&m->searches[i].cookie);
        m->searches[i].cookie_dirty = true;
    }
    m->urgent = true;
    course_give_up(m, "more can be read than before: all is read anew");
}

static bool is_time(const struct mirror *m)
{
    return m->anew_ms == 0 || clock_mono_ms() - m->anew_ms >= AGAIN_MS;
}

/* The second right that is given back within the hour makes it owed. */
void anew_after(struct mirror *m, const struct entry *e, const struct anew *before)
{
    bool more = m->store->next_seq != before->seq || txn_count(m->t, TABLE_PENDING) < before->pending;

    if (!before->same || !more || !search_all_complete(m) || m->anew_owed)
        return;
    log_warning(m->subject, "%.*s shows what could not be read of it before, without a change of its own (an access rule was changed?); "
                "all is read anew%s", SLICE_ARG(e->dn), is_time(m) ? "" : ", an hour after the last time");
    set_owed(m, true);
    anew_run(m);
}

void anew_open(struct mirror *m)
{
    struct slice v;

    m->anew_owed = meta_get(m->t, "anew", NULL, &v);
}

void anew_run(struct mirror *m)
{
    if (m->anew_owed && !m->deaf && search_all_complete(m) && is_time(m))
        read_all(m);
}
