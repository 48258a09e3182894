/* A mirror with a scripted directory on one side and a mail server that accepts no nonsense on the other, in one thread,
 * with a clock that stands until the test moves it. A test reads like a story: what the directory does, what it says,
 * what time passes, and what must have been queued by then.
 *
 * Names are those of accounts: "ann" is uid=ann,ou=people,dc=example,dc=com, has mail ann@example.com unless a test says
 * otherwise, and a uuid made of its name. */
#ifndef TESTS_ENGINE_HARNESS_H
#define TESTS_ENGINE_HARNESS_H

#include "mirror.h"

extern struct config_connector conf;   /* of the scene; changed before scene_reopen() or between two steps */
extern struct mirror *mirror;

/* .init and .fini of each suite: an empty state in a folder of its own. At the end of a test the state is audited and
 * the mail server compared with it. */
void scene_open(void);
void scene_close(void);
/* Ends as if killed (what was not committed is lost) and starts again. */
void scene_reopen(void);
/* … after some time, by the wall clock. */
void scene_sleep_s(int64_t seconds);
/* From now on there is a sink that keeps records, which has done all that is queued and has one of everybody, and a mail server
 * that keeps what was deleted until it is created again. */
void scene_keeps(void);
extern bool target_keeps;
/* The sink has no record of it any more. */
void forget_record(const char *name);
/* Whether it is kept as gone. */
bool is_gone(const char *name);
/* From now on there is a search for containers, and the directory has ou=people and ou=away beside it ("people", "away"). */
void scene_containers(void);
/* The program is to end: long work gives up. */
void scene_stopping(bool on);
/* While on, messages are all of one round: nothing is released and nothing committed. Off: ends the round. */
void scene_one_round(bool on);
/* The next commit fails, as on a full disk; what follows is what the writer does then. */
void scene_fail_commit(bool on);

/* ---- what the directory does, without a word ---- */

/* Makes or replaces an entry: attribute, value, attribute, value …, NULL. */
void dir_put(const char *name, ...) __attribute__((sentinel));
/* The right to read an attribute is lost: it goes without a change of the entry. */
void dir_hide(const char *name, const char *attr);
/* … and given back; an entry as a whole. */
void dir_show(const char *name, const char *attr, const char *value);
void dir_hide_entry(const char *name);
void dir_show_entry(const char *name);
void dir_remove(const char *name);
/* It is still there, but does not match the filter any more. */
void dir_leaves(const char *name);
/* It lies there. */
void dir_at(const char *name, const char *dn);
/* The search with that index has another one now. */
void dir_search_moved(unsigned from, unsigned to);
/* It is renamed or moved, and all that lies under it with it. */
void dir_rename(const char *name, const char *dn);
/* n entries u000, u001 …, each with a givenName. */
void dir_put_many(int n);
/* "u007" for 7; the text is valid until the next few calls. */
const char *many(int i);

/* Its contextCSN and the cookies it gives: 0: none, n: those of the n-th change, -1 (at first): those of the last. */
void provider_csn(int count);
/* Sessions are made apart from now on: what the bases share can't be searched (ldap/apart.h). */
void provider_closed(bool on);
/* From now on it is 389 Directory Server: no contextCSN, the number of the last change instead, and no stamps. */
void provider_is_389(void);
/* The entry whose uuid the base has; NULL: it can't be read. */
void provider_mark(const char *name);

/* ---- what it says; effects are those of phase.c ---- */

/* Where there are more searches than that for accounts: what follows is of this one. Entries belong to the search that was spoken
 * of when they were made; those of groups have a cn, and addresses are made of it. "dn" as attribute is the DN: members are named
 * by member_dn(), which is the usual one; "members", "10 20" is member for u010 to u019. */
void speak_of(enum search_kind kind);

void session(bool cookie);        /* a session begins, and its search for accounts, with or without a cookie */
void session_of(const char *uri); /* one without, with this server */
void session_refused(void);       /* one without, since it refused ours as newer than what it has */
void search_begins(bool cookie);  /* … the search that is spoken of */
void tell(const char *name);      /* the entry with its content */
void tell_all(void);
void tell_older(const char *name);   /* … as it was before its last change */
void tell_present(const char *name);
const char *member_dn(const char *name);   /* valid until the next few calls */
void tell_gone(const char *name);
void tell_set(bool gone, const char *const *names);   /* a syncIdSet; NULL ends the names */
void tell_broken(const char *name);   /* a message that does not decode but whose UUID does */
void done_present(void);          /* end of a refresh with a present phase, and the cookie of now */
void done_delete(void);           /* … with a delete phase */
void done_without_cookie(void);   /* … with a present phase, but no cookie */
void done_without_any(void);      /* … with a delete phase, but no cookie */
void done_with(const char *cookie);
void end_of_search(int rc);       /* a result */
void lost(void);                  /* the connection broke */

/* ---- polling: the same calls say what is in it ---- */

void poll_begins(bool cookie);    /* of sync searches begins */
void polled(bool present);        /* it is through, after a present phase or a delete phase; and the cookie of now */
void search_poll(bool cookie);    /* of plain searches begins; the server has no contextCSN */
void search_poll_at(unsigned csn);      /* … or that of this change */
void search_poll_of(const char *uri);   /* … of this server, without one */
void search_poll_too(bool cookie);      /* … and in the same poll the search that is spoken of */
void found(const char *name);     /* the entry with its content */
void found_all(void);             /* … of all: a first reading */
void listed(const char *name);    /* its uuid, DN and stamp */
void listed_older(const char *name);    /* … as it was before its last change */
void listed_all(void);
void searched(int rc, bool listed_too); /* it ended so; with a list or without */

void silence(void);               /* the watchdog got no answer */

/* session(false), all entries, done_present() */
void refresh_in_full(void);
/* dir_put() and tell(); dir_remove() and tell_gone() */
void changes(const char *name, ...) __attribute__((sentinel));
void deletes(const char *name);

/* ---- the second connection ---- */

bool was_asked(const char *name);
size_t asked(void);                       /* how many look-ups are not answered yet */
void answer(void);                        /* all of them, with the truth */
void answer_as(enum lookup_outcome o);    /* all of them, with this (IN_PLACE needs an entry) */
void answer_one_as(enum lookup_outcome o);   /* the oldest only */
void answer_without_parents(void);        /* the truth; what is not found had a parent that can't be read either */
void answer_older(const char *name);      /* the truth, but of this one as it was before its last change */
void answer_from_behind(void);            /* the truth, from a server whose contextCSN is older */
void answer_without_context(const char *uri);   /* the truth, from a server that has none */

void watch(void);                         /* what the watchdog reads */
void watch_of(enum search_kind kind);     /* … for that search; not that for accounts */
bool is_listing_due(void);   /* of reconciling */
/* It is due: the listing that it asks for, with its result; not 0: it broke off after three. */
void list_everything(int rc);

bool is_subtree_due(void);   /* that of a container which came is to be read */
/* It is read, by as many requests as it takes; not 0: each ends with that. Returns how many entries came. */
size_t read_subtree(int rc);

void watchdog(void);   /* it reads contextCSN */
void elsewhere(const char *uri, int csn);   /* another server was asked, and has the contextCSN of that change; 0: none */

/* ---- time ---- */

void pass_s(int64_t seconds);
/* The wall clock alone is set forward or back. */
void jump_s(int64_t seconds);

/* ---- the operator ---- */

void approve(uint32_t hold, uint32_t upto);
void reject(uint32_t hold, uint32_t upto);
void resync(void);
void repair(const char *list, bool offline);   /* as `verify --repair`; the list as in control.h */

/* ---- what must be ---- */

/* The lines queued since the last call are these, in this order: "create ann@example.com contactInfo.firstName=Ann (add,
 * refresh)"; of a group "group.create …", its members "group.members sales@example.com +ann@example.com -bob@example.com (…)", of many of
 * them three and "+97 more"; a rename is "rename NEW < OLD", what is cleared "-FIELD". NULL ends them. */
void expect(const char *line, ...) __attribute__((sentinel));
void expect_nothing(void);
void expect_any(void);   /* forgets the lines */
/* The first of them begins so; it is still there for the next expectation. */
void expect_first(const char *begin);
/* n lines that begin so, and no others. */
void expect_many(size_t n, const char *begin);
void expect_pending(const char *name, enum pending_what what, enum pending_reason reason);
void expect_none(const char *name);       /* nothing is pending of it */
void expect_hold(uint32_t id, uint32_t count, bool rejected);
void expect_holds(unsigned n);            /* so many are listed */
void expect_state(const char *name, enum object_state state);
void expect_dn(const char *name, const char *dn);
void expect_unknown(const char *name);    /* it is not mirrored */
void expect_waits(const char *name, bool waits);   /* for an address */
void expect_invalid(const char *name, bool invalid);
void expect_restart(const char *why);     /* the source was told to begin again; NULL: it was not */
void expect_move(const char *uri);        /* … with this server; NULL: with any */
bool was_restarted(void);                 /* it was, since the last time */
const char *cookie_stored(void);          /* what a source would send now for accounts; "" if nothing */
const char *cookie_stored_of(enum search_kind kind);

void uuid_of(const char *name, uint8_t uuid[UUID_BYTES]);

#endif
