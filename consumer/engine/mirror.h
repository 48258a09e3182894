/* The mirror: the writer's view of one connector, and the three steps that change it. Only the writer's thread touches
 * it. Each function works in the open transaction m->t and returns nothing: a failure shows at the commit.
 *
 *   joint 1   ingest.c    messages of the source and the probe → objects, actions, pending rows
 *             course.c    … what they say of the session: begin, end of a refresh, cookie, contextCSN
 *             search.c    … which searches it has, and what each knows of itself
 *             poll.c      … where the server can't sync, found by plain searches
 *             reconcile.c … and from time to time all of it is compared
 *   joint 2   pend.c      what takes away becomes pending, and is gone when it comes back
 *             release.c   pending rows → look-up, guard, clock
 *             sibling.c   … before a clear: has another entry lost the field too?
 *             depart.c    … → actions
 *             operator.c  the operator's word
 *   joint 3   deliver.c   queue → sink */
#ifndef ENGINE_MIRROR_H
#define ENGINE_MIRROR_H

#include "action.h"
#include "census.h"
#include "config.h"
#include "connector.h"
#include "load.h"
#include "mapping.h"
#include "pending.h"
#include "plan.h"
#include "queue.h"
#include "search.h"
#include "sibling.h"
#include "sync_msg.h"
#include "wants.h"

/* A comparison of all entries of a search with the state: reconcile.c. */
struct reconcile {
    struct mirror_search *search;   /* whose entries are listed; NULL: none is under way */
    uint32_t token;            /* of the listing */
    struct census census;
    size_t differ;
};

struct mirror {
    const struct config_connector *conf;
    const char *subject;
    const atomic_bool *stop;   /* the writer is to end: long work gives up */
    struct store *store;
    struct hold_numbers *numbers;
    enum connector_run run;
    struct mirror_search searches[SEARCH_KINDS];
    struct search_spec specs[SEARCH_KINDS];   /* one a search, for the source */
    unsigned n_searches;
    struct reconcile reconcile;

    uint32_t session;          /* the one under way, or the last one */
    char *uri;                 /* who answers in it */
    bool polling;              /* it ends with its refreshes, and another one follows */
    uint32_t polled;           /* the session whose searches all came to their end, until the source is told; 0: none */
    bool deaf;                 /* what it said was lost: the rest of it must not be taken in either */

    struct txn *t;             /* open while messages are worked on */
    struct arena a;            /* memory of one message */
    struct buf scratch;        /* one JSON line */
    int64_t now_ms;            /* wall clock of this round */
    bool urgent;               /* something was written that must be committed now */
    struct load *load;         /* a first load is under way */

    bool judge;                /* something began to wait: the guard must look */
    struct buf judged;         /* … of which kinds and fields: u8 kind, u16 field */
    uint32_t asked;            /* requests to the probe that were sent and not yet ended */
    unsigned asked_search;     /* … for which search the last one was */
    struct csn_set asked_highest; /* the search's highest when it was sent: what came since says nothing of the answers */
    bool context_trusted;      /* the answers under way count */
    char context_why[256];     /* why not */
    bool stalled;              /* due rows wait for an event, not for the clock */
    struct siblings siblings;  /* … read before clears go */
    struct buf freed;          /* addresses that became free and whose waiters were not looked at yet */
    bool freeing;

    int64_t ahead_since_ms;    /* monotonic: contextCSN is ahead of our cookie; 0: it is not */
    int64_t reissue_after_ms;  /* distance of the next re-issue; doubles */
    char restart_why[256];     /* not empty: the source must begin again */
    int64_t insync_ms;         /* wall clock: since when all searches are; 0: not all are */
    int64_t clock_offset_ms;   /* wall − monotonic, to see jumps of the clock */
    int64_t expired_ms;        /* when the guard's window was last swept */
    char last_error[STATUS_TEXT];
};

/* mirror.c */

/* Reads cookies, highest sets and fingerprints, finishes an interrupted first load, settles the clock. m->searches are there:
 * search_make_all(). */
int mirror_open(struct mirror *m, struct err *e);
void mirror_close(struct mirror *m);
/* Begins a transaction if none is open. */
void mirror_begin(struct mirror *m);
/* Stores the cookies that moved and commits. On failure everything of the transaction is undone, and the session must
 * begin again from what is stored: m->restart_why says so. */
int mirror_commit(struct mirror *m, struct err *e);
/* After a failed commit: forgets the session and reads the cookies back, so that memory is what the disk says. */
void mirror_reset(struct mirror *m);
/* Ends a first load: commits, builds the indexes, begins a new transaction. */
int mirror_end_load(struct mirror *m, struct err *e);
/* Gives an action its time, connector and seq and queues it. */
void mirror_emit(struct mirror *m, struct action *a);
/* account.create or group.create with all that *o has. */
void mirror_emit_create(struct mirror *m, const struct object *o, enum cause cause, enum phase_word phase);
/* Whether the clock jumped since the last call; then all that waits is shifted with it. */
void mirror_watch_clock(struct mirror *m);
/* After a commit: the DNs that those in s->ask were told with, empty: unknown. */
struct slice *mirror_asked_dns(struct mirror *m, const struct mirror_search *s, struct arena *a);
/* A deletion is told while a first load is under way, or its last search has ended: the load ends now. False: it failed, and
 * the session was given up. */
bool mirror_settle_load(struct mirror *m);
bool mirror_has_alias(const struct object *o, struct slice alias);

/* ingest.c: entries → objects */

/* Any message of the source or the probe. */
void ingest_message(struct mirror *m, const struct sync_msg *msg);
/* The content of an entry that is in its place in a search. */
void ingest_entry(struct mirror *m, struct mirror_search *s, const struct entry *e, enum phase_word phase);
/* The address is free now: whoever waits for it first gets it. Copies it. */
void ingest_address_free(struct mirror *m, struct slice address);
/* The entry does not wait for an address any more, and whoever stands behind it in the line may go: the address can have
 * become free while the first in the line was not ready to take it. True if it waited. */
bool ingest_want_drop(struct mirror *m, const uint8_t *uuid);
/* What a first load set aside: entries that came twice, and those whose address is taken. */
void ingest_settle_wants(struct mirror *m);

/* course.c: the course of a session */

/* A search of a session begins; the first one's message begins the session. */
void course_begin(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
/* A search ended. */
void course_end(struct mirror *m, struct mirror_search *s);
/* The session broke off, and all its searches with it. */
void course_lost(struct mirror *m);
/* The refresh of a search came to its end: what it did not show is looked up. */
void course_complete(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
void course_take_cookie(struct mirror *m, struct mirror_search *s, struct slice cookie);
/* e-syncRefreshRequired */
void course_restart_empty(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
/* Something that this session said is lost: the next one, from the stored cookies, says it again. */
void course_give_up(struct mirror *m, const char *why);
/* contextCSN, as the watchdog or a look-up read it. */
void course_take_context(struct mirror *m, const struct sync_msg *msg);
/* Whether absences found now become a hold. */
bool course_is_suspicious(const struct mirror *m, const struct mirror_search *s);

/* A census of a search is through and counts: what was not seen in it is looked up, and what is unknown is read. */
void course_sweep(struct mirror *m, struct mirror_search *s, struct census *census, enum phase_word phase);

/* poll.c: what mode search finds */

/* A poll begins: of whichever mode. */
void poll_begin(struct mirror_search *s, const struct sync_msg *msg);
/* An entry as a list shows it: uuid, DN and stamp. */
void poll_row(struct mirror *m, struct mirror_search *s, const struct entry *e);
/* Whether the server was behind the highest set as a poll without sync searches began. */
bool poll_is_behind(struct mirror *m, struct mirror_search *s);
/* It is through. */
void poll_complete(struct mirror *m, struct mirror_search *s);

/* reconcile.c: the comparison of all entries */

/* The search whose listing should be asked for now; NULL: none. */
struct mirror_search *reconcile_due(struct mirror *m);
/* Wall clock at which it will be; -1: something else must happen first. */
int64_t reconcile_next(const struct mirror *m);
/* It was asked for, with this token. */
void reconcile_begin(struct mirror *m, struct mirror_search *s, uint32_t token);
void reconcile_listed(struct mirror *m, const struct sync_msg *msg);
/* SYNC_PROBE_END of any request. */
void reconcile_end(struct mirror *m, const struct sync_msg *msg);

/* pend.c: becoming pending, coming back */

/* A deletion was reported or is supposed: it becomes pending, if it is not yet. proven: no look-up is needed. */
void pend_delete(struct mirror *m, const struct object *told, enum cause cause, enum phase_word phase, bool proven,
                 bool suspect);
void pend_clear(struct mirror *m, const struct object *told, field_id field, struct slice alias, enum phase_word phase);
/* keeps_old: the old address is wanted as an alias, which it can be once it is the address no more. */
void pend_rename(struct mirror *m, const struct object *told, struct slice address, bool keeps_old,
                 enum phase_word phase);
/* The content of a mirrored entry was seen (wanted NULL: it is there, and invalid): what is pending of it and no longer
 * true is gone. Returns whether anything was. told may be changed: an orphan is mirrored again. */
bool pend_came_back(struct mirror *m, struct object *told, const struct object *wanted);
/* The refresh of a search showed what it has: a pending deletion of an entry that was among it is looked up. */
void pend_seen_present(struct mirror *m, struct mirror_search *s);
/* A deletion is proven: it waits, or joins a hold. suspicion (may be NULL): why it does that, if p->suspect. */
void pend_confirm(struct mirror *m, struct pending *p, const char *suspicion);
/* The entry of this row is looked up after the commit. */
void pend_ask(struct mirror *m, struct pending *p);
int64_t pend_settle_ms(const struct mirror *m);
/* Puts a row into the open hold of its kind, or into a new one. */
void pend_hold(struct mirror *m, struct pending *p, const char *why);
uint32_t pend_open_hold(struct mirror *m, enum guard_kind kind, field_id field, const char *why);
/* … and all rows of a kind (and field) that wait. */
void pend_hold_all(struct mirror *m, enum guard_kind kind, field_id field, const char *why);
/* The guard looks at the row's kind in this round. */
void pend_judge_later(struct mirror *m, const struct pending *p);
void pend_put(struct mirror *m, const struct pending *p);
/* keep_window: it was released, the guard goes on counting it. */
void pend_drop(struct mirror *m, const struct pending *p, bool keep_window);
void pend_set_state(struct mirror *m, const uint8_t *uuid, enum object_state state);

/* release.c: look-ups, the guard, the clock */

/* An answer of the probe about an entry with a pending deletion. False if it has none. */
bool release_answer(struct mirror *m, const struct sync_msg *msg);
/* All that the clock and the guard allow now. */
void release_run(struct mirror *m);
/* At start: look-ups that were under way when we were killed are asked again, and the guard looks at what waits. */
void release_recover(struct mirror *m);
/* Wall clock of the next thing that happens by itself; -1: nothing. */
int64_t release_next_due(struct mirror *m);

/* depart.c: going out */

void depart_delete(struct mirror *m, const struct pending *p);
/* All clears of this row's entry that may go now, as one action. */
void depart_clear(struct mirror *m, const struct pending *first);
/* At once, or when its address is free. */
void depart_rename(struct mirror *m, struct pending *p);
/* A rename that was blocked may go now. */
void depart_unblock(struct mirror *m, const uint8_t *uuid);
/* Whether the row can't go now although it is due. */
bool depart_must_stay(const struct mirror *m, const struct pending *p);

/* operator.c */

/* The operator's word. 0, or -1 and *e (ERR_NOTFOUND); text for people. */
int operator_command(struct mirror *m, const struct command *cmd, char *text, size_t size, struct err *e);

#endif
