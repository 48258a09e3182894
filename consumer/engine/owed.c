/* What was to be asked when the program was killed. The UUIDs that the second connection is to read lie in memory alone: those that a
 * refresh listed and the state does not know, rows of a list that differ. The cookie of that refresh may be stored by then, so that
 * nobody would tell of them before the next reconciling. So each commit says of each search whether something was still to be asked,
 * and a start that finds it so compares all at once. The UUIDs themselves need not be stored for that. */
#include "mirror.h"

static bool asks(const struct mirror *m, const struct mirror_search *s)
{
    return s->ask.len > 0 || (m->asked > 0 && search_index(m, s) == m->asked_search);
}

void owed_note(struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++) {
        struct mirror_search *s = &m->searches[i];

        if (asks(m, s) == s->owes)
            continue;
        s->owes = !s->owes;
        meta_put(m->t, "asking", search_kind_key(s->kind), slice_of(s->owes ? "1" : ""));
    }
}

void owed_open(struct mirror *m)
{
    struct slice v;

    for (unsigned i = 0; i < m->n_searches; i++) {
        struct mirror_search *s = &m->searches[i];

        s->owes = meta_get(m->t, "asking", search_kind_key(s->kind), &v);
        if (s->owes)
            reconcile_at_once(m, s);
    }
}
