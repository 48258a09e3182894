/* Joint 1: while the provider is behind, the others are asked where they stand (ldap/scout.h); the first that is not behind is taken.
 * A provider that is well is never left for one that stands before it in the configuration: that would cost a session and give
 * nothing. */
#include "mirror.h"

#include <stdio.h>
#include <stdlib.h>

bool elsewhere_is_sought(const struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++)
        if (!m->searches[i].unused && m->searches[i].behind)
            return true;
    return false;
}

/* Whether it has all that was ever seen of this search, in the same database. */
static bool has_all_of(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    struct csn_set shown = { 0 };
    bool all;

    behind_csns(msg, &shown);
    all = s->highest.n == 0 || (shown.n > 0 && !csn_set_behind(&shown, &s->highest, NULL));
    csn_set_free(&shown);
    return all && !behind_is_of_another(m, s, msg->mark);
}

static void move(struct mirror *m, const struct sync_msg *msg)
{
    char why[sizeof(m->restart_why)];

    free(m->move_to);
    m->move_to = mem_printf("%.*s", SLICE_ARG(msg->uri));
    snprintf(why, sizeof(why), "%s is behind, and %s has all", m->uri ? m->uri : "the server", m->move_to);
    course_give_up(m, why);
}

void elsewhere_take(struct mirror *m, const struct sync_msg *msg)
{
    struct mirror_search *s = &m->searches[msg->search];

    if (msg->search == 0)
        m->elsewhere_has_all = true;
    if (!s->unused && !has_all_of(m, s, msg))
        m->elsewhere_has_all = false;
    if (msg->search == m->n_searches - 1 && m->elsewhere_has_all && elsewhere_is_sought(m))
        move(m, msg);
}
