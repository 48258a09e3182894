/* Joint 1: what mode search says (ldap/source_search.h). A poll tells changed entries with their content, which are ingested like
 * any others, and lists all of them, uuid, DN and stamp: what differs from the state is read, what is unknown too, and what is not
 * there is a candidate for absence like any other. */
#include "mirror.h"

#include "log.h"

static void take_csns(struct csn_set *set, const struct sync_msg *msg)
{
    struct csn c;

    csn_set_free(set);
    for (uint32_t i = 0; msg->searched && i < msg->n_csns; i++)
        if (csn_parse(msg->csns[i], &c))
            csn_set_add(set, &c);
}

void poll_begin(struct mirror_search *s, const struct sync_msg *msg)
{
    s->older_rows = 0;
    take_csns(&s->poll_csns, msg);
}

void poll_row(struct mirror *m, struct mirror_search *s, const struct entry *e)
{
    struct slice stamp = entry_stamp(e);
    struct object told;

    if (m->load || objects_get(m->t, e->uuid, &told, &m->a) == 0)
        return;   /* one that is unknown is found by the census */
    if (stamp_older(stamp, told.stamp))
        s->older_rows++;   /* a backup was restored, or a replica lags: what it does not show may just not be there yet */
    if (!slice_eq(told.stamp, stamp) || !slice_eq(told.dn, e->dn))
        search_ask(s, e->uuid);
}

/* Where there is no contextCSN nothing says so: then each look-up must prove what it says, on the server that showed the entries. */
bool poll_is_behind(struct mirror *m, struct mirror_search *s)
{
    bool was = s->behind;
    uint16_t sid = 0;

    if (s->poll_csns.n == 0 || !csn_set_behind(&s->poll_csns, &s->highest, &sid))
        return false;
    if (!was)
        log_warning(m->subject, "%s is behind for server ID %03x (lagging, or restored from a backup): nothing is taken for deleted; "
                                "it goes on by itself once the server has caught up. If it never will: axsync resync",
                    m->uri ? m->uri : "the server", sid);
    return true;
}

/* A cookie that a sync search left stays: a later one goes on from there, and what was found meanwhile is told again and changes
 * nothing. Where there is none, this says that all was read once, so that the next poll need not do it again. */
void poll_complete(struct mirror *m, struct mirror_search *s)
{
    bool malformed;

    if (s->cookie.flavour == COOKIE_NONE && !s->behind && cookie_take(&s->cookie, slice_of(SEARCHED_COOKIE), &malformed))
        s->cookie_dirty = true;
    if (!s->behind && csn_set_merge(&s->highest, &s->poll_csns))
        s->cookie_dirty = true;
    m->ahead_since_ms = 0;
}
