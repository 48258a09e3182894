/* The mirror: the writer's view of one connector, and the three steps that change it. Only the writer's thread touches
 * it. Each function works in the open transaction m->t and returns nothing: a failure shows at the commit.
 *
 *   joint 1   ingest.c    messages of the source and the probe → objects, actions, pending rows
 *             course.c    … what they say of the session: begin, end of a refresh, cookie, contextCSN
 *             search.c    … which searches it has, and what each knows of itself
 *             behind.c    … and of a provider that is behind us, restored, emptied or reloaded
 *             poll.c      … and, where the server can't sync, what plain searches found
 *             overtaken.c … and which answers may be older than what was told
 *             subtree.c   … of containers: what lies under them moves, goes and comes with them (subtree_move.c, fetch.c)
 *             reconcile.c … and from time to time all of it is compared
 *             left.c      … and what left before is looked for
 *             sweep.c     … and what was not seen becomes pending
 *             both.c      … entries that are accounts and groups
 *             alias.c     … aliases that somebody else has
 *             group.c     … members of groups, and objects that become known to them
 *   joint 2   pend.c      what takes away becomes pending, and is gone when it comes back
 *             release.c   pending rows → look-up, guard, clock
 *             rebind.c    … but not that of whom another entry may be, with a new uuid
 *             sibling.c   … before a clear: has another entry lost the field too?
 *             depart.c    … → actions
 *             ring.c      … renames that wait for each other's addresses
 *             operator.c  the operator's word
 *   joint 3   deliver.c   queue → sink */
#ifndef ENGINE_MIRROR_H
#define ENGINE_MIRROR_H

#include "action.h"
#include "alias_wants.h"
#include "census.h"
#include "config.h"
#include "connector.h"
#include "fetch.h"
#include "load.h"
#include "mapping.h"
#include "member.h"
#include "pending.h"
#include "plan.h"
#include "queue.h"
#include "search.h"
#include "sibling.h"
#include "subtree.h"
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
    struct fetch fetch;
    bool sweep;                /* a container went, and what lies under it was not looked up yet */

    uint32_t session;          /* the one under way, or the last one */
    struct csn_set heard[2];   /* CSNs that came in it with what all searches of a side are told of: search_side() */
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
    struct buf judged;         /* … at these: struct guarded */
    uint32_t asked;            /* requests to the probe that were sent and not yet ended */
    struct buf overtaken;      /* who was told of meanwhile: overtaken.c */
    unsigned asked_search;     /* … for which search the last one was */
    struct csn_set asked_highest; /* the search's highest when it was sent: what came since says nothing of the answers */
    bool context_trusted;      /* the answers under way count */
    struct csn_set context;    /* contextCSN of who gives them */
    const struct csn_set *claimed; /* the CSNs that who sent the message under way had shown before */
    char context_why[256];     /* why not */
    bool stalled;              /* due rows wait for an event, not for the clock */
    struct siblings siblings;  /* … read before clears go */
    struct buf freed;          /* addresses that became free and whose waiters were not looked at yet */
    bool freeing;
    bool aside;                /* somebody may wait at axsync-UUID@domain: ring.c */
    struct buf spare;          /* … those that nobody waited for as an address */
    bool spare_unknown;        /* … and there may be others: all that are wanted must be looked at */

    int64_t anew_ms;           /* monotonic: when all was last read anew because more could be read; 0: never */
    bool anew_owed;            /* … and is to be once more, as stored */
    struct silence ahead[2];   /* contextCSN is ahead of all that the searches of a side brought: search_side() */
    char restart_why[256];     /* not empty: the source must begin again */
    char *move_to;             /* … with this server; NULL: with whichever it gets */
    bool elsewhere_has_all;    /* another server, as far as it has told where it stands */
    struct err undone;         /* a commit failed, maybe one in the middle of a round: all that was taken in that round is lost */
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
/* Stores the cookies that moved and commits. On failure everything of the transaction is undone, memory is read back from the disk,
 * and the session must begin again from what is stored: m->restart_why says so, and m->undone why. */
int mirror_commit(struct mirror *m, struct err *e);
/* Between two pieces of long work: whether the transaction is to end here, since it is large, or the program is to end. */
bool mirror_is_full(const struct mirror *m);
/* … then it commits, and begins another one. -1 and *e: that failed, or (ERR_TEMP) the program is to end while `work`. */
int mirror_pause(struct mirror *m, const char *work, struct err *e);
/* After a commit that failed in the middle of a round: what was taken in since is dropped too, and memory is read back once more. */
void mirror_abort(struct mirror *m);
/* Ends a first load: commits, builds the indexes, begins a new transaction. */
int mirror_end_load(struct mirror *m, struct err *e);
/* Gives an action its time, connector and seq and queues it. */
void mirror_emit(struct mirror *m, struct action *a);
/* account.create or group.create with all that *o has. */
void mirror_emit_create(struct mirror *m, const struct object *o, enum cause cause, enum phase_word phase);
/* … of one that was gone: what that had beyond *o is cleared. */
void mirror_emit_return(struct mirror *m, const struct object *gone, const struct object *o, enum cause cause,
                        enum phase_word phase);
/* Whether the clock jumped since the last call; then all that waits is shifted with it. */
void mirror_watch_clock(struct mirror *m);
/* After a commit: the DNs that the first n in s->ask were told with, empty: unknown. */
struct slice *mirror_asked_dns(struct mirror *m, const struct mirror_search *s, size_t n, struct arena *a);
/* A deletion is told while a first load is under way, or its last search has ended: the load ends now. False: it failed, and
 * the session was given up. */
bool mirror_settle_load(struct mirror *m);
bool mirror_has_alias(const struct object *o, struct slice alias);

/* ingest.c: entries → objects */

/* Any message of the source or the probe. */
void ingest_message(struct mirror *m, const struct sync_msg *msg);
/* The content of an entry that is in its place in a search. */
void ingest_entry(struct mirror *m, struct mirror_search *s, const struct entry *e, enum phase_word phase);
/* The DN of an object changed with that of a container above it, and nobody tells of it but this. (What comes with the entry's own
 * content goes through ingest_entry().) An object that is not in its place any more becomes a candidate for absence. */
void ingest_move(struct mirror *m, object_id id, const struct object *stored, struct slice dn, enum phase_word phase);
/* The entry of a mirrored object of which nothing can be told (it is invalid, or waits to be something else, or to go) stands at this DN
 * (empty: unknown): so does the object, *told too, and groups follow. What was told of it stays, and as of when. */
void ingest_follow(struct mirror *m, struct object *told, struct slice dn, enum phase_word phase);
/* It is not there as an object of that kind: if it waits for an address, or is invalid, it is that no more. */
void ingest_forget(struct mirror *m, const uint8_t *uuid, enum object_kind kind);
/* The address is free now: whoever waits for it first gets it, else the first that wants it as an alias. Copies it. */
void ingest_address_free(struct mirror *m, struct slice address);
/* The entry does not wait for an address any more, and whoever stands behind it in the line may go: the address can have
 * become free while the first in the line was not ready to take it. True if it waited. */
bool ingest_want_drop(struct mirror *m, const uint8_t *uuid);
/* What a first load set aside: entries that came twice, and those whose address is taken. */
void ingest_settle_wants(struct mirror *m);
/* The sets of a plan, if it has any: plan_sets(). */
void ingest_emit_update(struct mirror *m, const struct object *wanted, struct slice address, const struct plan *p,
                        enum phase_word phase);

/* alias.c: aliases that somebody else has, and that are left out until they are free (SPEC.md 2.5) */

/* Takes those out of *o, and lets the entry wait for them, and for no others. */
void alias_leave_out(struct mirror *m, struct object *o);
/* It is nobody's any more, and nobody waits for it as an address. Copies it. */
void alias_free(struct mirror *m, struct slice alias);
/* All that the clock allows went out: those that are free are given to the first that wants them. */
void alias_run(struct mirror *m);
/* It had to give up this one. */
void alias_wait(struct mirror *m, const uint8_t *uuid, struct slice alias);
/* It wants none any more. */
void alias_forget(struct mirror *m, const uint8_t *uuid);

/* group.c: members of groups */

/* The entry of a group names these, whether the group is mirrored or waits for its address. */
void group_take(struct mirror *m, const uint8_t *group, const struct member_list *list, enum cause cause,
                enum phase_word phase);
/* A group was created at the sinks: its members follow. */
void group_create(struct mirror *m, const struct object *group, enum cause cause, enum phase_word phase);
/* A group was rebound, and is mirrored with its new uuid: what was told of the old one's members is what this one has, and what its
 * entry does not name becomes pending. */
void group_rebind(struct mirror *m, const uint8_t *old, const struct object *group, enum phase_word phase);
/* It is no more in the line for an address. */
void group_forget(struct mirror *m, const uint8_t *group);
/* … in the state. keeps_told: what the sinks were told of its members is kept, for its return. */
void group_gone(struct mirror *m, const uint8_t *group, bool keeps_told);
/* After objects_put(): an object is new (before NULL), stands at another DN, has another address, or is no more (after NULL). The
 * groups that name it follow. released: it was a deletion or rename that was released, after which removals do not wait. */
void group_object_changed(struct mirror *m, const struct object *before, const struct object *after, enum cause cause,
                          enum phase_word phase, bool released);
/* A pending row is gone: removals of members that went with it are due again. */
void group_untie(struct mirror *m, const struct pending *gone);
/* After a first load, or the start that finishes one: what references give is found out. Commits between groups. */
int group_bind_all(struct mirror *m, struct err *e);
/* All removals from this row's group that may go now, as one action. */
void group_depart(struct mirror *m, const struct pending *first);

/* both.c: an entry that is an account and a group is an account (SPEC.md 2.2) */

/* A mirrored entry was shown as an object of that kind: whether that is to be ignored. Says so if it is news to people. */
bool both_is_no_news(struct mirror *m, enum object_kind shown, const struct object *told);
/* It is mirrored as a group, and was shown as this account: the group is to go, and then it becomes the account. */
void both_take(struct mirror *m, const struct object *group, const struct object *account, enum phase_word phase);
/* Whether it is mirrored as a group, and waits to be an account. */
bool both_waits(struct mirror *m, const uint8_t *uuid);
/* After its deletion went out. */
void both_departed(struct mirror *m, const struct object *told, enum cause cause);

/* course.c: the course of a session */

/* A search of a session begins; the first one's message begins the session. */
void course_begin(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
/* A search ended. */
void course_end(struct mirror *m, struct mirror_search *s);
/* The session broke off, and all its searches with it. */
void course_lost(struct mirror *m);
/* The refresh of a search came to its end: what it did not show is looked up. */
void course_complete(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
void course_take_cookie(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
/* e-syncRefreshRequired */
void course_restart_empty(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
/* Something that this session said is lost: the next one, from the stored cookies, says it again. */
void course_give_up(struct mirror *m, const char *why);
/* contextCSN, as the watchdog or a look-up read it. */
void course_take_context(struct mirror *m, const struct sync_msg *msg);
/* Whether absences found now become a hold. */
bool course_is_suspicious(const struct mirror *m, const struct mirror_search *s);

/* A census of a search is through and counts: what was not seen in it is looked up, and what is unknown is read. False: not all of it
 * could be done, and the session was given up. */
bool course_sweep(struct mirror *m, struct mirror_search *s, struct census *census, enum phase_word phase);

/* sweep.c: what a census did not see */

/* As course_sweep(), of objects. */
bool sweep_objects(struct mirror *m, struct mirror_search *s, struct census *census, enum phase_word phase);
/* A refresh of the search, or a listing, came to its end and counts: one that was cut short is made good. */
void sweep_is_through(struct mirror *m, struct mirror_search *s, bool by_listing);
/* Whether one was cut short: then nothing that takes away may go out. */
bool sweep_any(const struct mirror *m);

/* behind.c: a provider that is behind us, restored, emptied or reloaded */

/* A session begins. False: not with this cookie; it is given up, and one without a cookie follows. */
bool behind_begin(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
/* The refresh came to its end: sets behind and no_csn. */
void behind_complete(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
/* … and if it is behind, says so in last_error and in the log. */
void behind_tell(struct mirror *m, struct mirror_search *s);
/* The search is issued again, unless that was so a short time ago: then false, and nothing is changed. */
bool behind_has_caught_up(struct mirror *m, struct mirror_search *s);
/* CSNs that the provider has shown: it may have caught up. */
void behind_see_csns(struct mirror *m, struct mirror_search *s, const struct csn_set *set);
/* The mark as it was read (may be NULL): true if it is another one than the stored one; then all is to be read anew. */
bool behind_see_mark(struct mirror *m, struct mirror_search *s, const uint8_t *mark);
bool behind_is_marked(const struct mirror *m, const struct mirror_search *s, const uint8_t *mark);
/* Whether it is known to be another one. */
bool behind_is_of_another(const struct mirror *m, const struct mirror_search *s, const uint8_t *mark);
/* Whether content older than what is stored counts. */
bool behind_lets_older_count(const struct mirror_search *s);
/* Whether an unknown entry with this stamp is one that is gone, shown by a provider that is behind. */
bool behind_is_past(const struct mirror_search *s, struct slice stamp);
/* An entry was read older than it is stored. */
void behind_see_older(struct mirror *m, struct mirror_search *s, const struct object *told);
/* What was found missing before suspicion arose, and has not gone out, is held. */
void behind_suspect(struct mirror *m, const struct mirror_search *s, const char *why);
/* The CSNs of a message. */
void behind_csns(const struct sync_msg *msg, struct csn_set *set);

/* elsewhere.c: another provider, while this one is behind */

/* Whether one is to be looked for. */
bool elsewhere_is_sought(const struct mirror *m);
/* SYNC_ELSEWHERE: may set m->move_to. */
void elsewhere_take(struct mirror *m, const struct sync_msg *msg);

/* owed.c: what was to be asked when the program was killed */

/* Before each commit. */
void owed_note(struct mirror *m);
/* At the start. */
void owed_open(struct mirror *m);

/* poll.c: what mode search finds */

/* A poll begins, of whichever mode. */
void poll_begin(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
/* An object's entry as a list shows it: uuid, DN and stamp. */
void poll_row(struct mirror *m, struct mirror_search *s, const struct entry *e);
/* Whether what its lists do not show may just not be there yet, or not any more, so that its absence is held. */
bool poll_is_doubtful(const struct mirror_search *s);
/* One that was made with plain searches is through. */
void poll_complete(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
/* A refresh is complete: is it of 389, and of the one we know? Before what it proves, and after it. */
void poll_know_server(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
void poll_keep_server(struct mirror *m, struct mirror_search *s);

/* overtaken.c: stamps of whole seconds */

/* The content of an entry was told, or that it is gone. */
void overtaken_note(struct mirror *m, const struct mirror_search *s, const struct entry *e);
void overtaken_note_gone(struct mirror *m, const struct mirror_search *s, const uint8_t *uuid);
/* Whether the answer to a look-up, or what was listed with its content, may be older than what was told; then it is asked for again. */
bool overtaken_answer(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
bool overtaken_row(struct mirror *m, struct mirror_search *s, const struct entry *e);
/* A request is through. */
void overtaken_end(struct mirror *m);

/* reconcile.c: the comparison of all entries */

/* The search whose listing should be asked for now; NULL: none. */
struct mirror_search *reconcile_due(struct mirror *m);
/* Wall clock at which it will be; -1: something else must happen first. */
int64_t reconcile_next(const struct mirror *m);
/* Something could not be read of which nothing else reminds us: all is listed again after a while. */
void reconcile_soon(struct mirror *m, struct mirror_search *s);
/* It was asked for, with this token. */
/* … as soon as nothing else is under way. Where reconciling is off, nothing. */
void reconcile_at_once(struct mirror *m, struct mirror_search *s);
void reconcile_begin(struct mirror *m, struct mirror_search *s, uint32_t token);
void reconcile_listed(struct mirror *m, const struct sync_msg *msg);
/* SYNC_PROBE_END of any request. */
void reconcile_end(struct mirror *m, const struct sync_msg *msg);

/* left.c: what left and is kept as gone is looked for, since nobody tells when it is deleted at last */

/* A comparison of all is through: all of it is asked for. */
void left_look(struct mirror *m, struct mirror_search *s);
/* Whether it left as what the search shows, is kept, and has not returned. */
bool left_is(struct mirror *m, const struct mirror_search *s, const uint8_t *uuid);
/* It was seen where it is not mirrored. Nothing if it is none of these. */
void left_found(struct mirror *m, const struct mirror_search *s, const struct entry *e);
/* A look-up that counts did not find it. The same. */
void left_missing(struct mirror *m, const struct mirror_search *s, const uint8_t *uuid);
/* Suspicion arose: what is not found from now on, until it was found once more, is held. */
void left_suspect(struct mirror *m, const struct mirror_search *s);
/* The answer to the look-up of a pending deletion is that it is there, outside: of one of these nothing is pending then. False: it is
 * none, but mirrored. */
bool left_is_there(struct mirror *m, const struct mirror_search *s, const struct pending *p, const struct entry *e);
/* It is in its place again. */
void left_returns(struct mirror *m, const uint8_t *uuid);
/* Its pending deletion goes out. */
void left_depart(struct mirror *m, const struct pending *p);

/* sight.c: rights that are lost while all is in sync */

/* The mark (NULL: none) and contextCSN, as the watchdog read them on the server in use. */
void sight_take(struct mirror *m, struct mirror_search *s, const uint8_t *mark, const struct csn_set *context);
bool sight_is_lost(const struct mirror *m);

/* anew.c: rights that come back */

/* A listing shows the entry as it is stored: if something waits for more of it, it is read. */
void anew_listed(struct mirror *m, struct mirror_search *s, const uint8_t *uuid);
/* Around the taking in of a content that was looked up. */
struct anew {
    bool same;       /* it has the stored stamp */
    uint64_t seq;
    size_t pending;
};
struct anew anew_before(struct mirror *m, const struct entry *e);
/* It changed something without a new stamp: all is read anew. */
void anew_after(struct mirror *m, const struct entry *e, const struct anew *before);
/* At the start; in each round: what is owed is done when its time has come. */
void anew_open(struct mirror *m);
void anew_run(struct mirror *m);

/* pend.c: becoming pending, coming back */

/* A deletion was reported or is supposed: it becomes pending, if it is not yet (false: it was). proven: no look-up is needed. */
bool pend_delete(struct mirror *m, const struct object *told, enum cause cause, enum phase_word phase, bool proven,
                 bool suspect);
/* Suspicion arose: an absence that has not gone out becomes a hold, once it is proven. why: NULL for a general one. */
void pend_suspect(struct mirror *m, struct pending *p, const char *why);
void pend_clear(struct mirror *m, const struct object *told, field_id field, struct slice alias, enum phase_word phase);
void pend_member(struct mirror *m, const struct object *group, struct slice address, enum cause cause,
                 enum phase_word phase);
/* A row that waited for something else than the clock. */
void pend_due_again(struct mirror *m, struct pending *p);
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
/* So long a proven deletion waits, from its detection on. */
int64_t pend_grace_ms(const struct mirror *m);
/* Puts a row into the open hold of its kind, or into a new one. */
void pend_hold(struct mirror *m, struct pending *p, const char *why);
uint32_t pend_open_hold(struct mirror *m, const struct guarded *of, const char *why);
/* … and all such rows that wait. -1 and *e: a commit in between failed, or the program is to end; the guard must look again. */
int pend_hold_all(struct mirror *m, const struct guarded *of, const char *why, struct err *e);
/* The guard looks at the row's kind in this round. */
void pend_judge_later(struct mirror *m, const struct pending *p);
void pend_put(struct mirror *m, const struct pending *p);
/* keep_window: it was released, the guard goes on counting it. */
void pend_drop(struct mirror *m, const struct pending *p, bool keep_window);
void pend_set_state(struct mirror *m, const uint8_t *uuid, enum object_state state);

/* rebind.c: a new entry that may be an account which is there (SPEC.md 2.3, "Rebinding") */

/* An entry that is not mirrored begins to wait for an address. */
void rebind_begins_to_wait(struct mirror *m, const struct object *wanted);
/* Of a deletion that is proven: if there is an entry that may be the same, the row is put into the hold, and nothing else happens to
 * it. */
bool rebind_pair(struct mirror *m, struct pending *p);
/* Who waits for the address changed: a pending deletion of its owner may now be a rebind, or may be none any more. */
void rebind_review(struct mirror *m, struct slice address);
/* The owner of an address is still there, or it is released: who waits for its address is somebody else. */
void rebind_met(struct mirror *m, const uint8_t *owner);
/* … all those whose deletion a complete refresh did not find. */
void rebind_end_refresh(struct mirror *m, const struct mirror_search *s);
/* Of a row that is paired: whether the two may still be the same. */
bool rebind_stands(struct mirror *m, const struct pending *p);
/* They are not: the deletion goes its own way, from now on. Never at once, whatever was approved of the two. */
void rebind_part(struct mirror *m, struct pending *p);
/* The operator says that they are strangers. */
void rebind_reject(struct mirror *m, struct pending *p);
/* It was approved and looked up: goes out. */
void rebind_depart(struct mirror *m, const struct pending *p);

/* release.c: look-ups, the guard, the clock */

/* An answer of the probe about an entry with a pending deletion. False if it has none. */
bool release_answer(struct mirror *m, const struct sync_msg *msg);
/* All that the clock and the guard allow now. */
void release_run(struct mirror *m);
/* At start: look-ups that were under way when we were killed are asked again, and the guard looks at what waits. */
void release_recover(struct mirror *m);
/* The guard looks at all that waits, since what it made of it may not be stored. Writes nothing. */
void release_judge_waiting(struct mirror *m);
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
bool depart_must_stay(struct mirror *m, const struct pending *p);
/* For ring.c, of an entry with a blocked rename: it stands at that address, which is nobody's, and goes on waiting. What it had is free,
 * and nobody is told. */
void depart_aside(struct mirror *m, const uint8_t *uuid, struct slice parking);
/* … it gets the address that it wants, which is free. Likewise. */
void depart_in_turn(struct mirror *m, const uint8_t *uuid);

/* ring.c: renames that wait for each other's addresses */

/* A rename began to wait for its address: if that closes a ring, all of it goes out. */
void ring_close(struct mirror *m, const uint8_t *uuid);
/* A row of a rename that waits for its address: whoever it is may stand at axsync-UUID@domain, where a former version left it. */
void ring_see_aside(struct mirror *m, const struct pending *p);
/* Who gets this address when it is free: one that stands there before all others, since it can't be reached; else who waits for it first.
 * Slices of *wanted are in m->a. */
bool ring_first_in_line(struct mirror *m, struct slice address, struct object *wanted);

/* operator.c */

/* The operator's word. 0, or -1 and *e (ERR_NOTFOUND); text for people. */
int operator_command(struct mirror *m, const struct command *cmd, char *text, size_t size, struct err *e);

/* operator_repair.c */

/* `verify --repair`: reads entries again, tells sinks anew. As operator_command(). */
int operator_repair(struct mirror *m, const struct command *cmd, char *text, size_t size, struct err *e);

/* operator_queue.c */

/* `queue retry|drop|adopt`: edits the rows of this connector that the command names, all or none. As operator_command(). */
int operator_queue(struct mirror *m, const struct command *cmd, char *text, size_t size, struct err *e);
/* Does it to one row. NULL: done; else why not. */
const char *operator_queue_one(struct txn *t, const char *sink, enum command_verb verb, uint64_t seq, uint32_t n);
/* … to all rows that the verb fits. Returns how many. */
size_t operator_queue_all(struct txn *t, const char *sink, enum command_verb verb);

#endif
