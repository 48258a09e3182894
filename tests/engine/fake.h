/* An action sink over a target in memory that a test can break, and a dispatch over a store of its own, one step at a time,
 * with a clock that stands until the test moves it. */
#ifndef TESTS_ENGINE_FAKE_H
#define TESTS_ENGINE_FAKE_H

#include "dispatch.h"
#include "mirror.h"

#define FAKE_SINK "mail"

/* ---- the target ---- */

struct fake_account {
    int uuid;                  /* a byte that its uuid is made of */
    char address[64], value[64];
};

/* What the target does with an item: its outcome and words, or FAKE_BREAK: the connection breaks at it. Asked before the
 * target looks at it itself; FAKE_TAKE: as it should. NULL: it always does. */
enum { FAKE_TAKE = -1, FAKE_BREAK = -2, FAKE_BREAK_AFTER = -3 /* … once it was done */ };
typedef int fake_script(const struct sink_item *item, const char **words);
extern fake_script *fake_behaves;
extern bool fake_is_down;      /* it can't be reached */
extern bool fake_audits;       /* the store is audited at each commit; on at first */
extern size_t fake_applied;    /* items that were applied */
extern struct buf fake_log;    /* "SEQ" of each that was done, with '!' if it was told `again`, '1' behind a colon if `first` */

struct fake_account *fake_find(int uuid);
size_t fake_count(void);
bool fake_has_member(int group, const char *address);
/* An action of the text form below, done at once on a second target that refuses nothing. */
void fake_compare(void);       /* … and both are the same */

/* ---- the scene ---- */

void fake_open(void);
void fake_close(void);
/* The process is killed and starts again: what was not committed is lost. */
void fake_restart(void);
/* The next commit of the dispatch fails; kill: and the process dies with it. */
void fake_fail_commit(bool kill);

/* Queues an action: "create 1 ann@x value", "update 1 ann@x value", "rename 1 new@x old@x", "delete 1 ann@x", "rebind 2
 * ann@x 1" (of 1), "members 9 group@x member@x"; returns its seq. */
uint64_t put(const char *form, ...) __attribute__((format(printf, 1, 2)));
/* n creates "create I uI@y Name", in one commit. */
void put_many(int n);
/* As the state has it: what a first telling tells, and what keeps a deletion from being done. */
void mirror_object(int uuid, const char *address, const char *value);
/* … a group with the members m0@x, m1@x … */
void mirror_group(int uuid, const char *address, int members);
void forget_object(int uuid);
void set_sink_row(const struct sink_row *row);
void set_record(int uuid, const char *address, int64_t due_ms);
/* What was deleted with that action is kept as gone; whether it still is. */
void set_gone(int uuid, const char *address, uint64_t seq);
bool has_gone(int uuid);
void set_first(uint64_t seq);

/* Steps until there is nothing to do now, or the target is broken. Returns how it ended. */
enum dispatch_next go(void);
enum dispatch_next step_once(void);
/* … with the time going on whenever it waits, for at most so many seconds. */
void go_for_s(int64_t seconds);
void wait_s(int64_t seconds);
int64_t waits_for_s(void);     /* after go(): in how many seconds it looks again; -1: it waits for no time */
extern struct err fake_error;  /* of the last step that was broken */

/* What look-ups say from now on; whom it was asked about last. */
extern enum removal_verdict fake_verdict;
extern size_t fake_asked;

enum aside_state state_of_row(uint64_t seq);
bool has_row(uint64_t seq);
struct aside_row row_at(uint64_t seq);   /* valid until the next call */
struct sink_row sink_row_now(void);
const char *operator_does(enum command_verb verb, uint64_t seq);
size_t operator_does_all(enum command_verb verb);

extern struct dispatch_limits fake_limits;
extern struct store *fake_store;

#endif
