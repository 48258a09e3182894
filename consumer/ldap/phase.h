/* The phases of a sync search as a table: phase × message → next phase and effect (RFC 4533, section 3.3 and 3.4).
 * Pure; tests/ walks every cell.
 *
 *      BEGIN ──▶ REFRESH ──refreshPresent/Delete, done=FALSE──▶ REFRESH (deletes allowed)
 *                   └────────── done=TRUE ──────────▶ PERSIST ──SearchResultDone──▶ OVER
 */
#ifndef LDAP_PHASE_H
#define LDAP_PHASE_H

#include "err.h"
#include "sync_msg.h"

enum phase {
    PHASE_OF_REFRESH,          /* content, presents and deletes may come */
    PHASE_OF_REFRESH_DELETE,   /* after refreshPresent with done FALSE: a delete phase follows */
    PHASE_OF_PERSIST,
    PHASE_OF_OVER,
    PHASES_OF_SYNC
};
const char *phase_of_name(enum phase p);

struct phase_state {
    enum phase phase;
    bool persist_mode;        /* refreshAndPersist was asked for */
    bool had_cookie;          /* the request carried one */
    bool present_phase;       /* a present phase was completed, or a present UUID was seen */
};

/* What *m means in *s: sets m->effect and moves *s on. 0, or -1 with *e if RFC 4533 does not allow it there: the
 * session must be dropped. For SYNC_DONE the result code decides: 0, e-syncRefreshRequired, any other. */
int phase_step(struct phase_state *s, struct sync_msg *m, struct err *e);

#endif
