/* The operator's word: approve, reject, resync (SPEC.md 2.7 and 6). */
#include "mirror.h"

#include <stdio.h>

#include "log.h"

static void approve_row(struct mirror *m, struct pending *p)
{
    window_forget(m->store, m->t, p);
    p->reason = PENDING_APPROVED;
    p->hold = 0;
    p->due_ms = m->now_ms;
    p->asked = p->again = false;
    pend_put(m, p);
}

static void reject_row(struct mirror *m, struct pending *p)
{
    if (p->paired) {
        rebind_reject(m, p);
        return;
    }
    p->reason = PENDING_REJECTED;
    p->due_ms = 0;
    p->asked = p->again = false;
    pend_put(m, p);
    if (p->what == PENDING_DELETE)
        pend_set_state(m, p->uuid, OBJECT_ORPHAN);
}

/* Applies the word to the rows of a hold that joined up to a place. whole: the hold was rejected as a whole, so that an approval
 * means those; else what was rejected of it stays so. Returns how many; *left: held ones that remain. */
static size_t each_row(struct mirror *m, const struct command *cmd, bool whole, size_t *left)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct pending p;
    size_t n = 0;

    *left = 0;
    while (pending_next(m->t, NULL, &next, &p, &a)) {
        bool held = p.hold == cmd->hold && p.reason == PENDING_HELD;
        bool rejected = p.hold == cmd->hold && p.reason == PENDING_REJECTED;
        bool meant = cmd->upto == 0 || p.place <= cmd->upto;

        if (meant && cmd->verb == COMMAND_APPROVE && (held || (rejected && whole))) {
            approve_row(m, &p);
            n++;
        } else if (meant && cmd->verb == COMMAND_REJECT && held) {
            reject_row(m, &p);
            n++;
        } else if (held) {
            (*left)++;
        }
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    return n;
}

static void forget_cookie(struct mirror *m, struct mirror_search *s)
{
    cookie_free(&s->cookie);
    csn_set_free(&s->highest);
    meta_put(m->t, "older", search_kind_key(s->kind), slice_of("1"));
    s->older_counts = true;
    s->cookie_dirty = true;
}

int operator_command(struct mirror *m, const struct command *cmd, char *text, size_t size, struct err *e)
{
    struct hold h;
    size_t n, left;

    if (cmd->verb >= COMMAND_RETRY)
        return operator_queue(m, cmd, text, size, e);
    if (cmd->verb == COMMAND_REPAIR)
        return operator_repair(m, cmd, text, size, e);
    if (cmd->verb == COMMAND_RESYNC) {
        for (unsigned i = 0; i < m->n_searches; i++)
            forget_cookie(m, &m->searches[i]);
        m->urgent = true;
        course_give_up(m, "the operator asked for a full refresh");
        snprintf(text, size, "%s: cookies forgotten, the state is kept; a full refresh follows", m->conf->name);
        return 0;
    }
    if (!hold_get(m->t, cmd->hold, &h, &m->a))
        return err_set(e, ERR_NOTFOUND, "there is no hold %u", cmd->hold);
    n = each_row(m, cmd, h.rejected, &left);
    m->urgent = true;
    snprintf(text, size, "%s: %s %zu of hold %u%s", m->conf->name,
             cmd->verb == COMMAND_APPROVE ? "approved" : "rejected", n, cmd->hold,
             left ? ", the rest stays held" : "");
    log_info(m->subject, "the operator %s", text);
    arena_reset(&m->a);
    return 0;
}
