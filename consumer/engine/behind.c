/* Joint 1: providers that are behind us, restored from a backup, emptied or reloaded (SPEC.md 2.1, "Cookies", "Suspicion" and "Old
 * news"). One that lags and one that was restored look alike, so both are treated as if they had lost something:
 *
 *   behind ──▶ nothing of it is absent, nothing older than what is stored counts, nothing comes back that is gone, and its cookie
 *              is not stored; so whatever it says can be said again
 *   caught up ──▶ the search is issued again: with the stored cookie, or, where that was refused, without one; then older content
 *                 counts, and what is not shown is held
 *
 * "In full" means: there is no stored cookie and the rows suspicion and older stand in the state, so that a kill changes nothing. */
#include "mirror.h"

#include <stdio.h>

#include "clock.h"
#include "log.h"

/* Distances between two re-issues for a provider that has caught up, doubling: one whose cookies and contextCSN contradict each other
 * catches up again and again. */
#define CAUGHT_UP_MIN_MS ((int64_t)4000)
#define CAUGHT_UP_MAX_MS ((int64_t)3600 * 1000)

/* ---- reading anew ------------------------------------------------------------------------------------------- */

static bool is_due_in_full(const struct mirror *m, const struct mirror_search *s)
{
    struct slice why;

    return meta_get(m->t, "suspicion", search_kind_key(s->kind), &why) || s->older_counts;
}

void behind_suspect(struct mirror *m, const struct mirror_search *s, const char *why)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct pending p;

    while (pending_next(m->t, NULL, &next, &p, &a)) {
        if (search_shows_objects(s) && p.kind == search_objects(s))
            pend_suspect(m, &p, why);
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    if (search_shows_objects(s))
        left_suspect(m, s);
}

/* From the next session on: all of it, without a cookie. older: and what is older than what is stored counts in it. */
static void read_in_full(struct mirror *m, struct mirror_search *s, const char *why, bool older)
{
    const char *kind = search_kind_key(s->kind);

    log_warning(m->subject, "%s; all is read anew, and what seems gone then will be held for you", why);
    meta_put(m->t, "suspicion", kind, slice_of(why));
    if (older) {
        meta_put(m->t, "older", kind, slice_of("1"));
        s->older_counts = true;
    }
    behind_suspect(m, s, why);
    cookie_free(&s->cookie);
    s->cookie_dirty = true;
    m->urgent = true;
}

/* ---- the mark ----------------------------------------------------------------------------------------------- */

static bool stored_mark(const struct mirror *m, const struct mirror_search *s, struct slice *mark)
{
    return meta_get(m->t, "mark", search_kind_key(s->kind), mark) && mark->len == UUID_BYTES;
}

bool behind_is_marked(const struct mirror *m, const struct mirror_search *s, const uint8_t *mark)
{
    struct slice stored;

    return mark && stored_mark(m, s, &stored) && memcmp(stored.p, mark, UUID_BYTES) == 0;
}

/* A database reloaded under an unchanged cookie is told by nothing else: slapd says that nothing has changed. */
bool behind_is_of_another(const struct mirror *m, const struct mirror_search *s, const uint8_t *mark)
{
    struct slice stored;

    return mark && stored_mark(m, s, &stored) && memcmp(stored.p, mark, UUID_BYTES) != 0;
}

bool behind_see_mark(struct mirror *m, struct mirror_search *s, const uint8_t *mark)
{
    if (!behind_is_of_another(m, s, mark))
        return false;
    if (!is_due_in_full(m, s))
        read_in_full(m, s, "the base entry has another entryUUID than before: the database was reloaded", false);
    return true;
}

/* Once all was read from under another mark, or the first time. */
static void store_mark(struct mirror *m, struct mirror_search *s)
{
    bool in_full = !s->had_cookie && !s->behind && !s->no_csn;
    struct slice stored;

    if (!s->has_mark || behind_is_marked(m, s, s->mark) || (stored_mark(m, s, &stored) && !in_full))
        return;
    meta_put(m->t, "mark", search_kind_key(s->kind), slice_make(s->mark, UUID_BYTES));
    m->urgent = true;
}

/* ---- begin -------------------------------------------------------------------------------------------------- */

void behind_csns(const struct sync_msg *msg, struct csn_set *set)
{
    struct csn c;

    csn_set_free(set);
    for (uint32_t i = 0; i < msg->n_csns; i++)
        if (csn_parse(msg->csns[i], &c))
            csn_set_add(set, &c);
}

/* Whether a contextCSN was ever read for this search. Where the bind DN may not read that of the suffix, the highest set comes from
 * cookies alone, and plain searches can't be judged by it: they would be behind for ever, and each poll would read all. */
static bool context_was_shown(struct mirror *m, const struct mirror_search *s)
{
    struct slice v;

    return meta_get(m->t, "context", search_kind_key(s->kind), &v);
}

static void note_context(struct mirror *m, const struct mirror_search *s)
{
    if (!s->has_context || context_was_shown(m, s))
        return;
    meta_put(m->t, "context", search_kind_key(s->kind), slice_of("1"));
    m->urgent = true;
}

bool behind_begin(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    behind_csns(msg, &s->shown);
    /* Of a sync search the cookie may still say where a server stands that shows no contextCSN. */
    s->behind = msg->refused || ((s->shown.n > 0 || (msg->searched && context_was_shown(m, s))) && csn_set_behind(&s->shown, &s->highest, NULL));
    s->was_behind = s->behind;
    s->no_csn = false;
    s->older_seen = false;
    s->has_context = s->shown.n > 0;
    s->has_mark = msg->mark != NULL;
    if (msg->mark)
        memcpy(s->mark, msg->mark, UUID_BYTES);
    behind_see_mark(m, s, msg->mark);
    if (msg->refused && !s->older_counts)
        read_in_full(m, s, "the provider refused the cookie because it is behind", true);
    if (!msg->had_cookie || !is_due_in_full(m, s))
        return true;
    cookie_free(&s->cookie);
    s->cookie_dirty = true;
    course_give_up(m, "all is to be read anew");
    return false;
}

/* ---- the end of a refresh ----------------------------------------------------------------------------------- */

/* Plain searches end without a cookie: what counts is where the server stood as they began. Where there was a contextCSN once and is
 * none now, all that is missing may have been lost with it. */
static void judge_searched(struct mirror *m, struct mirror_search *s)
{
    s->behind = (s->poll_csns.n > 0 || context_was_shown(m, s)) && csn_set_behind(&s->poll_csns, &s->highest, NULL);
    s->no_csn = s->behind && s->poll_csns.n == 0;
}

static void judge_ended(struct mirror_search *s, const struct sync_msg *msg)
{
    struct cookie ended = { 0 };
    bool malformed = false, nothing;

    if (msg->has_cookie)
        cookie_take(&ended, msg->cookie, &malformed);
    /* It has all CSNs, and counts more than what was read before. */
    if (ended.csns.n > 0)
        csn_set_copy(&s->shown, &ended.csns);
    nothing = s->shown.n == 0 && ended.flavour == COOKIE_NONE;
    /* A request without a cookie ends without one on a server that was emptied or never written to. To a request with a cookie it
     * says that nothing has changed; slapd 2.6.14 may repeat its whole list then. */
    s->no_csn = malformed || (ended.flavour == COOKIE_NONE && !s->had_cookie) || (nothing && msg->effect & EFFECT_ABSENT);
    s->behind = nothing ? !s->had_cookie && s->highest.n > 0 : csn_set_behind(&s->shown, &s->highest, NULL);
    cookie_free(&ended);
}

void behind_complete(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    if (msg->searched)
        judge_searched(m, s);
    else
        judge_ended(s, msg);
    if (!s->behind && !s->was_behind)
        s->caught_up_ms = s->caught_up_after_ms = 0;
    store_mark(m, s);
    note_context(m, s);
}

void behind_tell(struct mirror *m, struct mirror_search *s)
{
    const char *uri = m->uri ? m->uri : "the server";
    uint16_t sid = 0;

    if (!s->behind) {
        s->behind_told = false;
        return;
    }
    csn_set_behind(&s->shown, &s->highest, &sid);
    if (s->no_csn)
        snprintf(m->last_error, sizeof(m->last_error),
                 "%s is behind: it has no contextCSN any more (emptied, or the right to read it was lost). Nothing is taken for "
                 "deleted; it goes on by itself once the data is back. If the directory is to stay as it is now: axsync resync", uri);
    else
        snprintf(m->last_error, sizeof(m->last_error),
                 "%s is behind for server ID %03x (it lags, or was restored from a backup). Its older content does not count, and "
                 "nothing is taken for deleted; it goes on by itself once it has caught up (a restored one with its first write). If "
                 "it never will: axsync resync", uri, sid);
    if (!s->behind_told || !m->polling)   /* not at each poll */
        log_warning(m->subject, "%s", m->last_error);
    s->behind_told = true;
}

/* ---- catching up -------------------------------------------------------------------------------------------- */

bool behind_has_caught_up(struct mirror *m, struct mirror_search *s)
{
    int64_t now = clock_mono_ms();

    if (s->caught_up_ms != 0 && now - s->caught_up_ms < s->caught_up_after_ms)
        return false;
    s->caught_up_ms = now;
    s->caught_up_after_ms = s->caught_up_after_ms == 0 ? CAUGHT_UP_MIN_MS : s->caught_up_after_ms * 2;
    if (s->caught_up_after_ms > CAUGHT_UP_MAX_MS)
        s->caught_up_after_ms = CAUGHT_UP_MAX_MS;
    s->behind = false;
    course_give_up(m, "the server has caught up: the search is issued again");
    return true;
}

void behind_see_csns(struct mirror *m, struct mirror_search *s, const struct csn_set *set)
{
    csn_set_merge(&s->shown, set);
    if (s->behind && s->complete && !csn_set_behind(&s->shown, &s->highest, NULL))
        behind_has_caught_up(m, s);
}

/* ---- older content ------------------------------------------------------------------------------------------ */

static bool reaches(const struct csn_set *set, struct slice stamp)
{
    struct csn_set one = { 0 };
    struct csn c;
    bool behind;

    if (!csn_parse(stamp, &c))
        return false;
    csn_set_add(&one, &c);
    behind = csn_set_behind(set, &one, NULL);
    csn_set_free(&one);
    return !behind;
}

bool behind_lets_older_count(const struct mirror_search *s)
{
    return s->older_counts && !s->behind && (s->shown.n > 0 || s->highest.n == 0);
}

/* Whoever is unknown here although the highest set covers its last change was gone before. Without a CSN nobody can tell: it comes
 * when the server has caught up. */
bool behind_is_past(const struct mirror_search *s, struct slice stamp)
{
    struct csn c;

    return s->behind && (!csn_parse(stamp, &c) || reaches(&s->highest, stamp));
}

/* The server claims, by contextCSN, to have the change that the state has, and shows the entry as it was before: a backup was restored
 * and written to. Read twice, since one message may overtake one answer. */
void behind_see_older(struct mirror *m, struct mirror_search *s, const struct object *told)
{
    if (s->older_counts || s->behind || !reaches(m->claimed, told->stamp))
        return;
    if (!s->older_seen) {
        s->older_seen = true;
        memcpy(s->older_uuid, told->uuid, UUID_BYTES);
        search_ask(s, told->uuid);
        return;
    }
    if (memcmp(s->older_uuid, told->uuid, UUID_BYTES) != 0)
        return;
    read_in_full(m, s, "entries went back to an older state: a backup was restored and written to", true);
    course_give_up(m, "entries went back to an older state");
}
