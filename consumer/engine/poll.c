/* Joint 1: what mode search says (ldap/source_search.h). A poll tells changed entries with their content, which are ingested like
 * any others, and lists all of them, uuid, DN and stamp: what differs from the state is read, what is unknown too, and what is not
 * there is a candidate for absence like any other.
 *
 * Whether the server is behind is judged as of a sync search (behind.c), by contextCSN as the poll began. A server that never had one
 * can't be judged so. Then each look-up must prove what it says, on the server that showed the entries, and what seems gone is held
 * where a list shows entries as they were before, or comes from another server than the last one did. */
#include "mirror.h"

#include "ds389.h"

static bool is_another_server(const struct mirror *m, const struct mirror_search *s)
{
    struct slice last;

    return !meta_get(m->t, "server", search_kind_key(s->kind), &last) || !m->uri || !slice_eq(last, slice_of(m->uri));
}

void poll_begin(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    s->older_rows = 0;
    csn_set_free(&s->poll_csns);
    if (msg->searched)
        behind_csns(msg, &s->poll_csns);
    s->poll_stranger = msg->searched && s->poll_csns.n == 0 && is_another_server(m, s);
}

bool poll_is_doubtful(const struct mirror_search *s)
{
    return s->older_rows > 0 || s->poll_stranger;
}

void poll_row(struct mirror *m, struct mirror_search *s, const struct entry *e)
{
    struct slice stamp = entry_stamp(e);
    struct object told;

    if (m->load || s->behind || objects_get(m->t, e->uuid, &told, &m->a) == 0)
        return;   /* one that is unknown is found by the census; and no look-up counts on a server that is behind */
    if (stamp_older(stamp, told.stamp))
        s->older_rows++;   /* a backup was restored, or a replica lags: what it does not show may just not be there yet */
    if (!slice_eq(told.stamp, stamp) || !slice_eq(told.dn, e->dn))
        search_ask(s, e->uuid);
}

/* 389 syncs without CSNs. What another server than the last one does not show may just not have come there yet. (One that goes on
 * from a cookie is the one that gave it.) */
void poll_know_server(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    s->numbered = !msg->searched && msg->has_cookie && ds389_is_cookie(msg->cookie);
    if (s->numbered)
        s->poll_stranger = !s->had_cookie && is_another_server(m, s);
}

void poll_keep_server(struct mirror *m, struct mirror_search *s)
{
    if (!s->numbered)
        return;
    s->poll_stranger = false;   /* from here on it is the one that we know */
    if (!s->behind && is_another_server(m, s))
        meta_put(m->t, "server", search_kind_key(s->kind), slice_of(m->uri));
}

/* A cookie that a sync search left stays: a later one goes on from there, and what was found meanwhile is told again and changes
 * nothing. Where there is none, this says that all was read once, so that the next poll need not do it again. */
void poll_complete(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    bool malformed;

    if (s->behind)
        return;
    if (s->cookie.flavour == COOKIE_NONE && cookie_take(&s->cookie, slice_of(SEARCHED_COOKIE), &malformed))
        s->cookie_dirty = true;
    if (csn_set_merge(&s->highest, &s->poll_csns))
        s->cookie_dirty = true;
    if (msg->effect & EFFECT_ABSENT && is_another_server(m, s))
        meta_put(m->t, "server", search_kind_key(s->kind), slice_of(m->uri));
}
