/* What could be read when the session began, the base's entryUUID and contextCSN, can't be read any more: a right was lost (SPEC.md
 * 2.1, "Suspicion"). slapd sends nothing then, neither of what changes meanwhile nor of what is gone, and looks as if nothing
 * happened. So `status` says it, and when they can be read again all entries are compared. */
#include "mirror.h"

#include <stdio.h>

#include "clock.h"
#include "log.h"

#define LOST "can't be read any more, as if a right was lost: nothing is told of what changes meanwhile"

/* Which of them; NULL: none. */
static const char *lost_sight(const struct mirror_search *s, const uint8_t *mark, const struct csn_set *context)
{
    bool base = s->has_mark && mark == NULL, csn = s->has_context && context->n == 0;

    return base && csn ? "the base entry and contextCSN" : base ? "the base entry" : csn ? "contextCSN" : NULL;
}

static void lose(struct mirror *m, struct mirror_search *s, const char *what)
{
    s->blind_ms = clock_mono_ms();
    snprintf(m->last_error, sizeof(m->last_error), "%s: %s " LOST, search_spec(m, s)->base, what);
    log_warning(m->subject, "%s", m->last_error);
}

static void regain(struct mirror *m, struct mirror_search *s)
{
    s->blind_ms = 0;
    if (!sight_is_lost(m))
        m->last_error[0] = '\0';
    log_warning(m->subject, "%s: can be read again: all entries are compared", search_spec(m, s)->base);
    for (unsigned i = 0; i < m->n_searches; i++)
        reconcile_at_once(m, &m->searches[i]);
}

void sight_take(struct mirror *m, struct mirror_search *s, const uint8_t *mark, const struct csn_set *context)
{
    const char *what = s->complete ? lost_sight(s, mark, context) : NULL;

    if (what && s->blind_ms == 0)
        lose(m, s, what);
    else if (what == NULL && s->blind_ms != 0)
        regain(m, s);
}

bool sight_is_lost(const struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (m->searches[i].blind_ms != 0)
            return true;
    return false;
}
