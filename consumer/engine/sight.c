/* What could be read when the session began, the base's entryUUID and contextCSN, can't be read any more: a right was lost (SPEC.md
 * 2.1, "Suspicion"). slapd sends nothing then, neither of what changes meanwhile nor of what is gone, and looks as if nothing
 * happened. So `status` says it, and when they can be read again, be it in another session, all entries are compared. */
#include "mirror.h"

#include <stdio.h>

#include "log.h"

#define LOST "can't be read any more, as if a right was lost: nothing is told of what changes meanwhile"

static void lose(struct mirror *m, struct mirror_search *s)
{
    const char *what = s->lost_base && s->lost_context ? "the base entry and contextCSN" : s->lost_base ? "the base entry" : "contextCSN";

    snprintf(m->last_error, sizeof(m->last_error), "%s: %s " LOST, search_spec(m, s)->base, what);
    log_warning(m->subject, "%s", m->last_error);
}

static void regain(struct mirror *m, struct mirror_search *s)
{
    if (!sight_is_lost(m))
        m->last_error[0] = '\0';
    log_warning(m->subject, "%s: can be read again: all entries are compared", search_spec(m, s)->base);
    for (unsigned i = 0; i < m->n_searches; i++)
        reconcile_at_once(m, &m->searches[i]);
}

void sight_take(struct mirror *m, struct mirror_search *s, const uint8_t *mark, const struct csn_set *context)
{
    bool was_lost = s->lost_base || s->lost_context;

    if (!s->complete)
        return;   /* in a refresh, or between two sessions, nobody expects to be told */
    s->lost_base = mark == NULL && (s->lost_base || s->has_mark);
    s->lost_context = context->n == 0 && (s->lost_context || s->has_context);
    if (!was_lost && (s->lost_base || s->lost_context))
        lose(m, s);
    else if (was_lost && !s->lost_base && !s->lost_context)
        regain(m, s);
}

bool sight_is_lost(const struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (m->searches[i].lost_base || m->searches[i].lost_context)
            return true;
    return false;
}
