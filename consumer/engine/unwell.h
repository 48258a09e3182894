/* Targets that refuse everything of a kind (SPEC.md section 5, Failure). Pure: no clock, no store.
 *
 * The same refusal for three different accounts of a domain, with no success of that kind between, means that the target is
 * unwell (a full licence, a full disk) and not the accounts: actions of that kind in that domain wait, and one of
 * them is tried now and then. A domain that is not there, or has another writer, is the same for all actions in it.
 *
 *   nothing ──third refusal, or "no such domain"──▶ WAITING ──one succeeds──▶ DRAINING ──no row is left──▶ nothing
 *                                                     ▲  └─ one is tried at next_ms ─┘ │
 *                                                     └────────────────────────────────┘ refused again
 *
 * What waits is in LMDB (aside.h, TABLE_ASIDE_WAIT); here is one struct per group of them, however many wait. */
#ifndef ENGINE_UNWELL_H
#define ENGINE_UNWELL_H

#include "aside.h"
#include "retry.h"

#define UNWELL_ACCOUNTS 3
/* A domain that was missing, or had another writer, is looked at that often, whatever maxRetryInterval is. */
#define UNWELL_DOMAIN_MS 30000

enum unwell_phase { UNWELL_COUNTING, UNWELL_WAITING, UNWELL_DRAINING };

struct unwell_group {
    struct aside_group id;
    enum unwell_phase phase;
    uint64_t words;                             /* hash of the refusal that is counted or was met */
    uint8_t uuids[UNWELL_ACCOUNTS][UUID_BYTES]; /* of whom; COUNTING */
    unsigned n_uuids;
    uint32_t failures;                          /* of attempts since it waits */
    int64_t next_ms;                            /* WAITING: wall clock of the next attempt */
    struct aside_id cursor;                     /* the row that was tried last, so that the next one is another */
};

struct unwell {
    struct unwell_group *groups;                /* sorted by id */
    size_t n, cap;
};

void unwell_free(struct unwell *u);

/* Rows of this group were found at start: it waits, and one is tried at once. */
void unwell_restore(struct unwell *u, const struct aside_group *id);

/* The state in which this row has to wait; ASIDE_RETRY: it has not. */
enum aside_state unwell_waits(const struct unwell *u, const struct aside_row *row);

/* An action was refused with these words; local: of its address. True: that is no matter of this account, it waits with the others. */
bool unwell_refused(struct unwell *u, const struct aside_row *row, struct slice local, struct slice words,
                    int64_t now_ms, const struct retry_limits *limits);
/* Its domain is not there. */
void unwell_no_domain(struct unwell *u, const struct aside_row *row, int64_t now_ms, const struct retry_limits *limits);
/* It was done. True: what waited is tried again. */
bool unwell_done(struct unwell *u, const struct aside_row *row);
/* It ended in another way than "no such domain". True as above. */
bool unwell_domain_there(struct unwell *u, const struct aside_row *row);

/* A group of which one is to be tried now; NULL: none. One whose time is further away than max_ms is due too: the clock was
 * set back. */
struct unwell_group *unwell_due(struct unwell *u, int64_t now_ms, int64_t max_ms);
/* One of it is being tried, or none was found: the next at its distance, unless something else is heard. */
void unwell_tried(struct unwell_group *g, int64_t now_ms, const struct retry_limits *limits);
/* A group of which all are to be tried; NULL: none. unwell_drained(): no row of it is left. */
struct unwell_group *unwell_draining(struct unwell *u);
void unwell_drained(struct unwell *u, struct unwell_group *g);
/* Wall clock of the next attempt; -1: none. */
int64_t unwell_next_ms(const struct unwell *u);

/* A hash of what a refusal says without what it says of the one account: quoted strings, addresses, the address's local
 * part and digits are taken out. */
uint64_t unwell_words(struct slice words, struct slice local);

#endif
