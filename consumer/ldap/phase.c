#include "phase.h"

#include <stddef.h>

#include "decode.h"

/* The kinds of message that the table tells apart. */
enum kind {
    KIND_ENTRY_PRESENT,
    KIND_ENTRY_ADD,
    KIND_ENTRY_MODIFY,
    KIND_ENTRY_DELETE,
    KIND_INVALID,
    KIND_REFERENCE,
    KIND_IDSET_PRESENT,
    KIND_IDSET_DELETE,
    KIND_NEWCOOKIE,
    KIND_PRESENT_MORE,       /* refreshPresent, refreshDone FALSE */
    KIND_PRESENT_DONE,       /* refreshPresent, refreshDone TRUE */
    KIND_DELETE_MORE,
    KIND_DELETE_DONE,
    KIND_RESULT_PRESENT,     /* success, Sync Done control with refreshDeletes FALSE */
    KIND_RESULT_DELETE,      /* success, Sync Done control with refreshDeletes TRUE */
    KIND_RESULT_BARE,        /* success without a Sync Done control */
    KIND_RESULT_RESTART,     /* e-syncRefreshRequired */
    KIND_RESULT_FAILED,
    KINDS,
    KIND_NONE = KINDS        /* not a message of a sync search at all */
};

/* What the table's effects hold besides those of enum sync_effect. */
enum {
    CELL_PRESENT_PHASE = 1 << 16,   /* it was or is a present phase */
    CELL_SWEEP = 1 << 17            /* ABSENT if it was one, or if the request had no cookie */
};

/* The modes in which a cell is legal; none: never. */
enum { NEVER = 0, POLL = 1, LISTEN = 2, BOTH = POLL | LISTEN };

struct cell {
    unsigned modes;
    enum phase next;
    unsigned effect;
};

/* Longer names would hide the table. */
#define REFRESH PHASE_OF_REFRESH
#define DELETES PHASE_OF_REFRESH_DELETE
#define PERSIST PHASE_OF_PERSIST
#define OVER PHASE_OF_OVER
#define CENSUS (EFFECT_PRESENT | CELL_PRESENT_PHASE)
#define FILL (EFFECT_CONTENT | EFFECT_PRESENT)
#define WHOLE (EFFECT_COMPLETE | EFFECT_COOKIE | CELL_SWEEP)
#define PHASE_OVER CELL_PRESENT_PHASE

/* RFC 4533. What it leaves open, or servers do otherwise:
 *
 * - A cookie in the middle of a refresh is never stored, though RFC 4533 would allow it: slapd and 389 put the cookie of the end
 *   into syncIdSet messages, before the entries that it stands for.
 * - A modify in a refresh is taken as an add (section 3.3.1 knows adds only; delta logs send both).
 * - A newcookie is harmless in a refresh.
 * - In the persist stage a syncIdSet may tell deletions, of many at once (section 3.4.2 lets the server coalesce them); presence
 *   has no meaning there, nor has the end of a phase: both are refused, since a server that does it is not where we think it is.
 * - refreshDelete with refreshDone FALSE ends a delete phase, and nothing follows from that.
 * - refreshDone TRUE in refreshOnly mode would promise a persist stage that nobody asked for.
 * - Success in refreshOnly mode without a Sync Done control, or in refreshAndPersist mode before refreshDone, is an end without
 *   completion: nothing says that the content was whole. In the persist stage a Done control may bring a last cookie. */
static const struct cell table[PHASES_OF_SYNC][KINDS] = {
    [PHASE_OF_REFRESH] = {
        [KIND_ENTRY_PRESENT] = { BOTH, REFRESH, CENSUS },
        [KIND_ENTRY_ADD] = { BOTH, REFRESH, FILL },
        [KIND_ENTRY_MODIFY] = { BOTH, REFRESH, FILL },
        [KIND_ENTRY_DELETE] = { BOTH, REFRESH, EFFECT_GONE },
        [KIND_INVALID] = { BOTH, REFRESH, EFFECT_PRESENT },
        [KIND_REFERENCE] = { BOTH, REFRESH, EFFECT_NONE },
        [KIND_IDSET_PRESENT] = { BOTH, REFRESH, CENSUS },
        [KIND_IDSET_DELETE] = { BOTH, REFRESH, EFFECT_GONE },
        [KIND_NEWCOOKIE] = { BOTH, REFRESH, EFFECT_NONE },
        [KIND_PRESENT_MORE] = { BOTH, DELETES, PHASE_OVER },
        [KIND_PRESENT_DONE] = { LISTEN, PERSIST, WHOLE | PHASE_OVER },
        [KIND_DELETE_MORE] = { BOTH, REFRESH, EFFECT_NONE },
        [KIND_DELETE_DONE] = { LISTEN, PERSIST, WHOLE },
        [KIND_RESULT_PRESENT] = { BOTH, OVER, EFFECT_END | WHOLE | PHASE_OVER },
        [KIND_RESULT_DELETE] = { BOTH, OVER, EFFECT_END | WHOLE },
        [KIND_RESULT_BARE] = { BOTH, OVER, EFFECT_END },
        [KIND_RESULT_RESTART] = { BOTH, OVER, EFFECT_END | EFFECT_RESTART },
        [KIND_RESULT_FAILED] = { BOTH, OVER, EFFECT_END },
    },
    [PHASE_OF_REFRESH_DELETE] = {
        [KIND_ENTRY_ADD] = { BOTH, DELETES, FILL },
        [KIND_ENTRY_MODIFY] = { BOTH, DELETES, FILL },
        [KIND_ENTRY_DELETE] = { BOTH, DELETES, EFFECT_GONE },
        [KIND_INVALID] = { BOTH, DELETES, EFFECT_PRESENT },
        [KIND_REFERENCE] = { BOTH, DELETES, EFFECT_NONE },
        [KIND_IDSET_DELETE] = { BOTH, DELETES, EFFECT_GONE },
        [KIND_NEWCOOKIE] = { BOTH, DELETES, EFFECT_NONE },
        [KIND_DELETE_MORE] = { BOTH, DELETES, EFFECT_NONE },
        [KIND_DELETE_DONE] = { LISTEN, PERSIST, WHOLE },
        [KIND_RESULT_PRESENT] = { BOTH, OVER, EFFECT_END | WHOLE },
        [KIND_RESULT_DELETE] = { BOTH, OVER, EFFECT_END | WHOLE },
        [KIND_RESULT_BARE] = { BOTH, OVER, EFFECT_END },
        [KIND_RESULT_RESTART] = { BOTH, OVER, EFFECT_END | EFFECT_RESTART },
        [KIND_RESULT_FAILED] = { BOTH, OVER, EFFECT_END },
    },
    [PHASE_OF_PERSIST] = {
        [KIND_ENTRY_ADD] = { LISTEN, PERSIST, EFFECT_CONTENT | EFFECT_COOKIE },
        [KIND_ENTRY_MODIFY] = { LISTEN, PERSIST, EFFECT_CONTENT | EFFECT_COOKIE },
        [KIND_ENTRY_DELETE] = { LISTEN, PERSIST, EFFECT_GONE | EFFECT_COOKIE },
        [KIND_INVALID] = { LISTEN, PERSIST, EFFECT_COOKIE },
        [KIND_REFERENCE] = { LISTEN, PERSIST, EFFECT_NONE },
        [KIND_IDSET_DELETE] = { LISTEN, PERSIST, EFFECT_GONE | EFFECT_COOKIE },
        [KIND_NEWCOOKIE] = { LISTEN, PERSIST, EFFECT_COOKIE },
        [KIND_RESULT_PRESENT] = { LISTEN, OVER, EFFECT_END | EFFECT_COOKIE },
        [KIND_RESULT_DELETE] = { LISTEN, OVER, EFFECT_END | EFFECT_COOKIE },
        [KIND_RESULT_BARE] = { LISTEN, OVER, EFFECT_END },
        [KIND_RESULT_RESTART] = { LISTEN, OVER, EFFECT_END | EFFECT_RESTART },
        [KIND_RESULT_FAILED] = { LISTEN, OVER, EFFECT_END },
    },
    /* Nothing may follow a result: the row of OVER is all NEVER. */
};

static const char *const phase_names[] = { "refresh", "refresh, delete phase", "persist", "over" };
_Static_assert(sizeof(phase_names) / sizeof(phase_names[0]) == PHASES_OF_SYNC, "a phase without a name");

static const char *const kind_names[] = {
    "an entry with state present", "an entry with state add", "an entry with state modify", "an entry with state delete",
    "an entry that does not decode", "a reference", "a syncIdSet of present UUIDs", "a syncIdSet of deleted UUIDs", "a newcookie",
    "refreshPresent with refreshDone FALSE", "refreshPresent with refreshDone TRUE", "refreshDelete with refreshDone FALSE",
    "refreshDelete with refreshDone TRUE", "the result with refreshDeletes FALSE", "the result with refreshDeletes TRUE",
    "the result without a Sync Done control", "the result e-syncRefreshRequired", "the result",
    "a message that belongs to no sync search"
};
_Static_assert(sizeof(kind_names) / sizeof(kind_names[0]) == KINDS + 1, "a kind without a name");

const char *phase_of_name(enum phase p)
{
    return phase_names[p];
}

static enum kind kind_of_entry(const struct sync_msg *m)
{
    static const enum kind kinds[] = {
        [SYNC_STATE_PRESENT] = KIND_ENTRY_PRESENT, [SYNC_STATE_ADD] = KIND_ENTRY_ADD,
        [SYNC_STATE_MODIFY] = KIND_ENTRY_MODIFY, [SYNC_STATE_DELETE] = KIND_ENTRY_DELETE
    };

    return kinds[m->state];
}

static enum kind kind_of_result(const struct sync_msg *m)
{
    if (m->rc == SYNC_REFRESH_REQUIRED || m->rc == SYNC_REFRESH_REQUIRED_OLD)
        return KIND_RESULT_RESTART;
    if (m->rc != 0)
        return KIND_RESULT_FAILED;
    if (!m->done)
        return KIND_RESULT_BARE;
    return m->deletes ? KIND_RESULT_DELETE : KIND_RESULT_PRESENT;
}

static enum kind kind_of(const struct sync_msg *m)
{
    switch (m->type) {
    case SYNC_ENTRY:
        return kind_of_entry(m);
    case SYNC_INVALID:
        return KIND_INVALID;
    case SYNC_REFERENCE:
        return KIND_REFERENCE;
    case SYNC_IDSET:
        return m->deletes ? KIND_IDSET_DELETE : KIND_IDSET_PRESENT;
    case SYNC_NEWCOOKIE:
        return KIND_NEWCOOKIE;
    case SYNC_REFRESH_PRESENT:
        return m->done ? KIND_PRESENT_DONE : KIND_PRESENT_MORE;
    case SYNC_REFRESH_DELETE:
        return m->done ? KIND_DELETE_DONE : KIND_DELETE_MORE;
    case SYNC_DONE:
        return kind_of_result(m);
    default:
        return KIND_NONE;
    }
}

/* The effect of a legal cell, once what it depends on is known. */
static unsigned effect_of(const struct phase_state *s, const struct sync_msg *m, unsigned effect)
{
    /* A result ends a refresh only where no refreshDone message was due before it. */
    if (s->persist_mode && m->type == SYNC_DONE && (effect & EFFECT_COMPLETE))
        effect &= ~(unsigned)WHOLE;
    if ((effect & CELL_SWEEP) && (s->present_phase || !s->had_cookie))
        effect |= EFFECT_ABSENT;
    if (!m->has_cookie)
        effect &= ~(unsigned)EFFECT_COOKIE;
    return effect & ~(unsigned)(CELL_PRESENT_PHASE | CELL_SWEEP);
}

int phase_step(struct phase_state *s, struct sync_msg *m, struct err *e)
{
    enum kind kind = kind_of(m);
    const struct cell *cell = kind < KINDS ? &table[s->phase][kind] : NULL;

    m->effect = EFFECT_NONE;
    if (cell == NULL || !(cell->modes & (s->persist_mode ? LISTEN : POLL)))
        return err_set(e, ERR_DATA, "%s came in phase \"%s\" of a %s search, where RFC 4533 does not allow it", kind_names[kind],
                       phase_of_name(s->phase), s->persist_mode ? "refreshAndPersist" : "refreshOnly");
    if (cell->effect & CELL_PRESENT_PHASE)
        s->present_phase = true;
    m->effect = effect_of(s, m, cell->effect);
    s->phase = cell->next;
    return 0;
}
