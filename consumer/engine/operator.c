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

/* What is rejected of a hold of which the rest stays open becomes a hold of its own, so that each is listed as what it is. */
struct apart {
    bool wanted;
    uint32_t hold;   /* 0: not yet opened */
};

static uint32_t hold_apart(struct mirror *m, const struct pending *p, struct apart *apart)
{
    struct guarded of = pending_guarded(p);
    char why[80];

    if (apart->hold == 0) {
        snprintf(why, sizeof(why), "rejected, as part of hold %u", p->hold);
        apart->hold = hold_open(m->store, m->t, &of, why, ++m->numbers->high);
    }
    return apart->hold;
}

static void reject_row(struct mirror *m, struct pending *p, struct apart *apart)
{
    if (p->paired) {
        rebind_reject(m, p);
        return;
    }
    if (apart->wanted)
        p->hold = hold_apart(m, p, apart);
    p->reason = PENDING_REJECTED;
    p->due_ms = 0;
    p->asked = p->again = false;
    pend_put(m, p);
    if (p->what == PENDING_DELETE)
        pend_set_state(m, p->uuid, OBJECT_ORPHAN);
}

static bool is_meant(const struct command *cmd, const struct pending *p)
{
    return p->hold == cmd->hold && (cmd->upto == 0 || p->place <= cmd->upto);
}

/* How many of the hold stay in it, because they joined later. */
static size_t count_later(struct mirror *m, const struct command *cmd)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct pending p;
    size_t n = 0;

    while (cmd->upto != 0 && pending_next(m->t, NULL, &next, &p, &a)) {
        n += p.hold == cmd->hold && !is_meant(cmd, &p);
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    return n;
}

/* Applies the word to the rows of a hold that joined up to a place. whole: the hold was rejected as a whole, so that an approval
 * means those; else what is rejected in it stays so (a former version left such beside what is held). Returns how many. */
static size_t each_row(struct mirror *m, const struct command *cmd, bool whole, struct apart *apart)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    struct pending p;
    size_t n = 0;

    while (pending_next(m->t, NULL, &next, &p, &a)) {
        bool held = p.reason == PENDING_HELD;

        if (is_meant(cmd, &p) && cmd->verb == COMMAND_APPROVE && (held || (p.reason == PENDING_REJECTED && whole))) {
            approve_row(m, &p);
            n++;
        } else if (is_meant(cmd, &p) && cmd->verb == COMMAND_REJECT && held) {
            reject_row(m, &p, apart);
            n++;
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
    struct apart apart = { 0 };
    size_t n, later;
    struct hold h;
    int len;

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
    if (cmd->upto > h.joined)
        return err_set(e, ERR_USAGE, "no more than %u have joined hold %u so far: %u.%u", h.joined, h.id, h.id, h.joined);
    later = count_later(m, cmd);
    apart.wanted = later > 0;
    n = each_row(m, cmd, h.rejected, &apart);
    m->urgent = true;
    len = snprintf(text, size, "%s: %s %zu of hold %u", m->conf->name,
                   cmd->verb == COMMAND_APPROVE ? "approved" : "rejected", n, cmd->hold);
    if (apart.hold && len > 0 && (size_t)len < size)
        len += snprintf(text + len, size - (size_t)len, ", listed as hold %u from now on", apart.hold);
    if (later > 0 && len > 0 && (size_t)len < size)
        snprintf(text + len, size - (size_t)len, ", the %zu that joined later %s", later, h.rejected ? "stay rejected" : "stay held");
    log_info(m->subject, "the operator %s", text);
    arena_reset(&m->a);
    return 0;
}
