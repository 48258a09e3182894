/* Which mode is in effect, where the configuration says `auto` (SPEC.md 2.1). Pure.
 *
 *      persist ──refused, or cut again and again──▶ refresh
 *         ▲ └──── no sync control, 12, or 50 ──────▶ search ◀── refused too ── refresh
 *         ├── tried again later, at doubling distances, from both
 *         └── at once, where a plain search gets the same answer: it was not about the control
 *
 * Only what waiting won't cure changes it:
 *
 *   12   no server without the control or the overlay will ever answer otherwise
 *   50   to the control (389 has a right to it), or to the search as such: which, the plain search will tell
 *   2    a proxy that does not know the control, or not refreshAndPersist
 *   53   what an administrator has limited or switched off: too many such searches (389), sync as such
 *   92   "not supported", as some proxies say
 *   0    refreshAndPersist that ended with its refresh
 *   1    operationsError says everything and nothing; so it counts when it came MODES_PATIENCE times in a row
 *
 * Functions that may give a line for the log give it once for each change: a trial of the
 * better mode that fails is not told, and refresh only once it works. The text is valid until the next call. first_distance_ms: to the first trial. */
#ifndef LDAP_MODES_H
#define LDAP_MODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source.h"

/* So many sessions in a row that were lost so soon after they were in sync: something in between cuts them. A session that lives longer
 * is worth having. */
#define MODES_CUTS 5
#define MODES_SHORT_MS ((int64_t)60 * 1000)
#define MODES_PATIENCE 3u
#define MODES_DISTANCE_MAX_MS ((int64_t)86400 * 1000)

struct modes {
    enum source_mode configured;
    enum source_mode now;         /* of the next session, or the one under way */
    enum source_mode told;        /* in the log */
    bool any_told;
    bool trial;                   /* persist, to see whether it works again */
    bool by_cuts;                 /* why it is not persist */
    bool untold;                  /* text says why it is refresh; told once that works */
    size_t servers;
    size_t refusals;              /* in a row */
    unsigned errors;              /* operationsError, in a row */
    int refused_rc;               /* why it is search; MODES_NOT_LISTED */
    unsigned cuts;                /* in a row */
    int64_t insync_ms;            /* since when the session under way is; -1: it is not */
    int64_t distance_ms, better_ms;   /* from one trial to the next; when that is */
    char text[512];
};

/* servers: how many there are to be asked before nobody can. */
void modes_init(struct modes *m, enum source_mode configured, size_t servers);

/* A session begins: in which mode? */
enum source_mode modes_choose(struct modes *m, int64_t now_ms);

/* Whether a result of a sync search is one that waiting won't cure. complete: its refresh was. */
bool modes_is_refusal(struct modes *m, int rc, bool complete);
/* The server can't do what the mode needs: no control in its root DSE (MODES_NOT_LISTED), or that result. */
#define MODES_NOT_LISTED (-1000)
const char *modes_refused(struct modes *m, int rc, const char *uri, const char *why, int64_t first_distance_ms, int64_t now_ms);
/* A plain search had this result. */
void modes_search_failed(struct modes *m, int rc);
/* The refresh of the session is complete, or the poll is through. */
const char *modes_complete(struct modes *m, int64_t now_ms);
/* Nothing happened. A trial after cuts has worked when it has lived long enough. */
const char *modes_tick(struct modes *m, int64_t now_ms);
/* When modes_tick() will say something; -1: never. */
int64_t modes_next(const struct modes *m);
/* The session's connection is lost; cut: not by us. */
const char *modes_lost(struct modes *m, bool cut, int64_t first_distance_ms, int64_t now_ms);

#endif
