/* What the files of the Axigen sink share; nobody else includes it.
 *
 *   axigen.c          the sink: domains, batches, the domain's COMMIT; what it all promises
 *   axigen_talk.c     one command, its answer, the way back to the domain
 *   axigen_burst.c    a script with its COMMIT and the next account's opening, in one round trip
 *   axigen_find.c     whose an account is: marks, adoption, an address made free
 *   axigen_account.c  create and update
 *   axigen_depart.c   delete, rename, rebind, removal of what is due
 *   axigen_group.c    groups
 *   axigen_member.c   their members
 *   axigen_audit.c    a look that writes nothing, for `axsync verify`
 *
 * Functions that talk return 0, or -1 when the session is over or a record could not be stored: then *ax->e says why,
 * and apply ends with SINK_DOWN. What the server refuses is no such failure: it is noted in the work. */
#ifndef AXIGEN_PARTS_H
#define AXIGEN_PARTS_H

#include "axigen_record.h"
#include "axigen_script.h"
#include "axigen_session.h"
#include "sink.h"

struct axigen_work;

struct axigen_seen {
    char *domain;
    int64_t at_ms; /* monotonic: when it was seen to have no other writer */
};

struct axigen {
    struct sink sink;
    const struct axigen_settings *set;
    const struct sink_records *records;
    atomic_bool reopen;
    struct axigen_session *session;
    struct wire_command c;    /* the command that is being built */
    struct slice domain;      /* in whose context, or below it, we are; empty: at the root */
    struct axigen_seen *seen; /* of this connection */
    size_t n_seen;
    /* of one apply or remove_due */
    struct arena arena; /* lives until the next one begins: words of outcomes are in it */
    struct err *e;
    size_t under_way;
    struct axigen_work *batch;
    size_t n_batch;
};

/* How an item's account was opened. */
enum axigen_opened { OPENED_NOT, OPENED_REFUSED, OPENED };

/* A record of somebody else's, as it was before an item took an address from him: with the intent, since when the domain's COMMIT is
 * refused, some servers have the account where it went, and some where it was. */
struct axigen_before {
    struct axigen_before *next;
    uint8_t uuid[UUID_BYTES];
    struct axigen_record rec;
};

/* One item on its way. */
struct axigen_work {
    struct sink_item *item;
    size_t index; /* in the items of apply */
    const struct action *action;
    struct slice home; /* the domain in which it is done */
    bool apart;        /* it needs domains of its own choice, or a batch of its own */
    bool known;        /* rec is stored, or will be */
    struct axigen_record rec;
    bool has_safe; /* safe is what is on disk of it */
    struct axigen_record safe;
    struct axigen_before *before; /* of those who made room, the last one first; in the arena */
    struct script script;
    enum axigen_opened opened;
    const char *refusal;    /* OPENED_REFUSED: the server's words */
    bool add;               /* it is opened by ADD, else by UPDATE */
    bool was_group;         /* rec is that of a group that is gone and still has the address of this account */
    bool slow;              /* the straight way was not open to it */
    bool fresh;             /* made just now */
    bool saved;             /* the account's or group's COMMIT was answered +OK */
    bool gone;              /* its record goes when the domain's COMMIT was answered +OK */
    struct slice mark_seen; /* by axigen_find() */
    enum outcome outcome;
    struct buf words;
};

/* ---- axigen_talk.c ---- */

/* Notes what went wrong; the worst outcome of a work counts, the words of all. */
void axigen_note(struct axigen_work *w, enum outcome outcome, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Sends ax->c alone and waits. A command that can't be written is not sent: a->ok is false, a->number 0, and a->text
 * says what is wrong with it. leads_to as of axigen_session_send(). */
int axigen_do(struct axigen *ax, const char *leads_to, struct axigen_answer *a);
int axigen_say(struct axigen *ax, const char *words, const char *leads_to, struct axigen_answer *a);
int axigen_say_value(struct axigen *ax, const char *words, struct slice value, const char *leads_to,
                     struct axigen_answer *a);
/* LIST and SHOW. */
int axigen_ask(struct axigen *ax, const char *words, struct axigen_answer *a);
/* SHOW ATTR: *value in the arena, empty when there is none. */
int axigen_show(struct axigen *ax, const char *attr, struct slice *value, struct axigen_answer *a);
/* The same with all that was seen of it: values in the arena, empty when there is none. */
int axigen_show_attr(struct axigen *ax, const char *attr, struct wire_attr *got, struct axigen_answer *a);
/* From wherever below the domain back to it; what was not saved there is dropped. */
int axigen_back(struct axigen *ax);
/* COMMIT of account or group. Refused: noted, and dropped. */
int axigen_save(struct axigen *ax, struct axigen_work *w);
/* The session is of no use any more. Returns -1. */
int axigen_surprise(struct axigen *ax, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* How an answer that is no +OK is to be noted: what can't be sent parks. */
enum outcome axigen_cure(const struct axigen_answer *a);

struct slice axigen_local(struct slice address);
struct slice axigen_domain(struct slice address);
/* axsync-UUID@DOMAIN, in the arena. */
struct slice axigen_aside(struct axigen *ax, const uint8_t *uuid, struct slice domain);
/* axsync-group-UUID@DOMAIN: of a group whose entry has become an account, which may need the other name itself. */
struct slice axigen_aside_group(struct axigen *ax, const uint8_t *uuid, struct slice domain);
/* An address whose local part this is, in the arena. */
struct slice axigen_whole(struct axigen *ax, struct slice local, struct slice domain);

/* ---- records (axigen_talk.c) ---- */

bool axigen_get(struct axigen *ax, const uint8_t *uuid, struct axigen_record *rec);
void axigen_put(struct axigen *ax, const uint8_t *uuid, const struct axigen_record *rec);
int axigen_put_synced(struct axigen *ax, const uint8_t *uuid, const struct axigen_record *rec);
/* The record of w, synced, is now what a repeat begins with. */
int axigen_put_safe(struct axigen *ax, struct axigen_work *w);
/* axigen_back(), after which nothing of what was intended was done. */
int axigen_undo(struct axigen *ax, struct axigen_work *w);

/* ---- axigen.c ---- */

/* From the root into a domain. *entered false: it was noted why not (OUTCOME_DOMAIN). */
int axigen_enter(struct axigen *ax, struct axigen_work *w, struct slice domain, bool *entered);
/* The domain's COMMIT, which saves what was done for these n. Refused: noted with all of them. */
int axigen_leave(struct axigen *ax, struct axigen_work **w, size_t n);

/* ---- axigen_burst.c ---- */

/* Sends the script of w, whose account (or group, with next NULL) is open, its COMMIT, and the opening of next (may be
 * NULL), and waits for all of it once; what was refused together is then tried value by value. Sets w->saved,
 * next->opened, and done or dead in the steps. We are in the domain afterwards, or in next's account. */
int axigen_burst(struct axigen *ax, struct axigen_work *w, struct axigen_work *next);
/* Whether steps are left that were refused together, and the mark, once. */
bool axigen_unsettled(const struct axigen_work *w);
/* Those, one by one. In the domain, before and after. */
int axigen_settle(struct axigen *ax, struct axigen_work *w);
/* Writes the opening of w's account into ax->c. */
void axigen_opening(struct axigen *ax, struct axigen_work *w);

/* ---- axigen_find.c ---- */

enum axigen_found {
    FOUND_NOTHING,   /* no such account: UPDATE was refused, and LIST does not have it. We are in the domain */
    FOUND_OURS,      /* here and below: we are in the account */
    FOUND_UNMARKED,  /* no mark */
    FOUND_OTHER,     /* somebody else's */
    FOUND_UNREADABLE /* it is there, but could not be opened, or its mark not be read. Anywhere: axigen_back() */
};
/* Whether LIST Accounts or Groups has this name. A refused UPDATE alone is no proof of absence: it may be refused for
 * another reason, and on "it is not there" a record is forgotten. A refused LIST counts as yes. */
int axigen_listed(struct axigen *ax, const char *list, struct slice local, bool *listed);
/* Opens the account at an address of the domain we are in and reads its mark. uuid and rec: whose mark would be ours;
 * rec may be NULL. *seen: the mark, or the server's words. */
int axigen_find(struct axigen *ax, struct slice address, const uint8_t *uuid, const struct axigen_record *rec,
                enum axigen_found *found, struct slice *seen);
/* In an account that is open already. */
int axigen_read_mark(struct axigen *ax, const uint8_t *uuid, const struct axigen_record *rec, enum axigen_found *found,
                     struct slice *seen);
/* The mark that is ours. */
struct slice axigen_mark(struct axigen *ax, const uint8_t *uuid, const struct axigen_record *rec);
/* Notes why nothing was done: what stands at address is not ours. */
void axigen_note_other(struct axigen_work *w, enum axigen_found found, struct slice address, struct slice seen);
/* Whether what is open (an account or group that was there before us) may be taken over; if not, it is noted why. In
 * the record: adopted, and a foreign mark. */
int axigen_adoptable(struct axigen *ax, struct axigen_work *w, bool *may);
/* Renames what is gone and still has this address to axsync-UUID; or, where it is an alias that we set, takes that off. *made
 * false: it was noted why not. In the domain, before and after. */
int axigen_make_room(struct axigen *ax, struct axigen_work *w, struct slice address, bool *made);
/* Whether an alias that is told is still that of one who is gone, as his address or his alias; makes room for all such. What
 * could not be had is noted. */
bool axigen_lacks_room(struct axigen *ax, const struct axigen_work *w);
int axigen_make_alias_room(struct axigen *ax, struct axigen_work *w);
/* After a rename that made room for w: the record has the new name, and goes back if the domain's COMMIT is refused. */
void axigen_moved(struct axigen *ax, struct axigen_work *w, const uint8_t *uuid, struct axigen_record *rec,
                  struct slice to);
/* In the account: an alias of its own that is to become its name. One that we set is taken off first, with a COMMIT of its own, since
 * nobody knows whether a name is free before; then the account is open again. *clear false: it is not ours to take, or the server
 * refused, which is noted; anywhere: axigen_undo(). */
int axigen_clear_way(struct axigen *ax, struct axigen_work *w, struct slice to, bool *clear);
/* SET name in what is open, its intent in the record first. *renamed false: *a has the words, nothing was changed. */
int axigen_set_name(struct axigen *ax, struct axigen_work *w, struct slice to, bool *renamed, struct axigen_answer *a);
/* The same for what is not the work's own. */
int axigen_set_name_of(struct axigen *ax, const uint8_t *uuid, struct axigen_record *rec, struct slice to,
                       bool *renamed, struct axigen_answer *a);

/* ---- axigen_account.c ---- */

/* Accounts of one domain whose way is straight, as one stretch of bursts; what was not straight has `slow` set. */
int axigen_stretch(struct axigen *ax, struct axigen_work **w, size_t n);
int axigen_account_create(struct axigen *ax, struct axigen_work *w);
int axigen_account_update(struct axigen *ax, struct axigen_work *w);

/* ---- axigen_depart.c ---- */

int axigen_account_delete(struct axigen *ax, struct axigen_work *w);
int axigen_account_rename(struct axigen *ax, struct axigen_work *w);
int axigen_account_rebind(struct axigen *ax, struct axigen_work *w);
int axigen_account_due(struct axigen *ax, struct axigen_work *w);
/* What a deletion does. */
enum axigen_policy axigen_policy_of(const struct axigen *ax, const struct axigen_work *w);
/* The record that a rebind speaks of, moved to the new uuid. */
void axigen_rebound(struct axigen *ax, struct axigen_work *w, const uint8_t *from);

/* ---- axigen_group.c ---- */

int axigen_group(struct axigen *ax, struct axigen_work *w);
enum seen_group { GROUP_ABSENT, GROUP_OPEN, GROUP_UNKNOWN };
/* Opens a group of the domain we are in. GROUP_UNKNOWN: it is there, or may be, and was noted in w (may be NULL). */
int axigen_open_group(struct axigen *ax, struct axigen_work *w, struct slice address, enum seen_group *seen);
void axigen_note_absent(struct axigen_work *w);
/* Renames a group that is gone, whose address another takes or its own entry as an account. */
int axigen_group_aside(struct axigen *ax, struct axigen_work *w, const uint8_t *uuid, struct axigen_record *rec,
                       struct slice to);

/* ---- axigen_member.c ---- */

int axigen_members(struct axigen *ax, struct axigen_work *w);

#endif
