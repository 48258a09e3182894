/* What the tests of the Axigen sink share: an emulator, the sink, records that survive a crash only if they were
 * synced, and an engine of the simplest sort. Each test runs in a process of its own. */
#ifndef TESTS_AXIGEN_WORLD_H
#define TESTS_AXIGEN_WORLD_H

#include <jansson.h>

#include "axigen_record.h"
#include "emulator.h"
#include "sink.h"

struct world_rows;
struct world {
    struct emulator *emulator;
    struct axigen_settings settings;
    struct sink_records records;
    struct world_rows *now, *disk; /* as get sees it; as it is on disk */
    struct sink *sink;
    atomic_bool stop;
    struct arena arena; /* of what make_… gives */
    uint64_t seq;
    bool first, adopt, back; /* of the items to come */
    unsigned downs;    /* how often apply said SINK_DOWN */
};

/* An emulator with example.com and other.org and these switches (ended by NULL; NULL for none), and a sink that is not
 * connected. */
struct world *world_new(const char *const *switches);
void world_free(struct world **w);
/* As world_new() gave it, with the same emulator: nothing is on the server, no rule is set, nothing is recorded. */
void world_empty(struct world *w);
/* The sink anew, as after a restart of the program: what was not synced is forgotten. */
void world_crash(struct world *w);

/* ---- actions: they live as long as the world ---- */

const uint8_t *uuid_of(int who); /* 16 bytes, static */
const char *uuid_text(int who);  /* its text, static */
struct action *make(struct world *w, enum action_type type, int who, const char *address);
void set(struct world *w, struct action *a, const char *field, const char *value);
void clear(struct world *w, struct action *a, const char *field);
void alias(struct world *w, struct action *a, const char *address);
void member(struct world *w, struct action *a, bool add, const char *address);
/* account.create with firstName; account.rename; account.delete */
struct action *create(struct world *w, int who, const char *address, const char *first_name);
struct action *rename_to(struct world *w, int who, const char *from, const char *to);
struct action *delete_of(struct world *w, int who, const char *address, enum cause cause);

/* ---- the engine ---- */

#define BATCH_MAX 4096

/* One call of apply; items are static and valid until the next. */
enum sink_result apply(struct world *w, struct action *const *actions, size_t n, const bool *again, struct err *e);
extern struct sink_item items[BATCH_MAX];
extern size_t under_way;

/* One action, once, without a failure of the connection: how it ended, and that these are in the words. */
void expect_outcome(struct world *w, struct action *a, enum outcome outcome, const char *words);
void expect_done(struct world *w, struct action *a);
/* All in order, as batches of these sizes (0: the rest one by one), each again after SINK_DOWN, with `again`, until
 * every item is DONE; refusals are tried again a few times. The test fails if it never ends. */
void deliver(struct world *w, struct action *const *actions, size_t n, size_t batch);

/* ---- what is to be seen ---- */

/* The emulator's domains without what depends on chance: ids, passwords. A text that the caller frees. */
char *state_of(struct world *w);
/* The account's or group's part at this path ("contactInfo.firstName", "limits.services", "aliases",
 * "settings.customerReference") as compact JSON, "" if there is none, NULL if there is no such account. The caller
 * frees. */
char *part_of(struct world *w, bool group, const char *address, const char *path);
void expect_part(struct world *w, const char *address, const char *path, const char *json);
void expect_group_part(struct world *w, const char *address, const char *path, const char *json);
void expect_absent(struct world *w, const char *address);
/* "mail of NAME@DOMAIN" with which it was made: tells whose mailbox it is, whatever it is called now. */
void expect_mail_of(struct world *w, const char *address, const char *made_as);
/* False: there is no record. */
bool record_of(struct world *w, int who, struct axigen_record *r);
int64_t due_of(struct world *w, int who);

/* {"domains":{"example.com": TREE}} merged as if somebody else had done it; single quotes stand for double ones. */
void by_hand(struct world *w, const char *domain, const char *tree);

#endif
