/* What dispatch*.c share. */
#ifndef ENGINE_DISPATCH_PARTS_H
#define ENGINE_DISPATCH_PARTS_H

#include <pthread.h>

#include "dispatch.h"
#include "dispatch_rebound.h"
#include "objects.h"
#include "recall.h"
#include "unwell.h"

#define BATCH_ITEMS 1000
#define BATCH_BYTES ((size_t)1 << 20)

enum item_what {
    ITEM_GIVE,     /* to the sink */
    ITEM_ASIDE,    /* set aside without being tried: row.state says how */
    ITEM_SKIP      /* done without the sink */
};

struct item {
    enum item_what what;
    bool stored;               /* it is a row of TABLE_ASIDE already */
    bool back;                 /* as sink.h says */
    struct action action;
    struct aside_row row;
};

/* Keys that were met in this batch: open addressing, the strictest mode of each. */
struct key_set {
    struct action_key *slots;
    size_t cap, n;             /* cap is a power of two */
};

struct batch {
    struct arena a;            /* all that items point to */
    struct item *items;
    struct sink_item *gives;   /* of those that are ITEM_GIVE, in their order */
    size_t *given;             /* … and which */
    size_t n, n_gives, bytes;
    bool full;                 /* nothing may be added any more */
    struct key_set keys;       /* of what is given */
    struct key_set apart;      /* of what is set aside */
    uint64_t position;         /* of the sink, once the batch is through */
    object_id told;            /* telling: the last object that is in it as a whole */
    object_id partly;          /* … and the group of which only members up to `members` are; 0: none */
    struct buf members;        /* told_next()'s place */
};

/* The item at which the connection broke. */
struct suspect {
    bool set;
    struct aside_id id;
    uint8_t uuid[UUID_BYTES];
    unsigned breaks;
};

struct telling {
    struct txn *t;             /* the snapshot; NULL: none is open */
    uint64_t upto;             /* the last seq that is in it */
    bool members;              /* all objects are told, and now the members of groups: they need what they name to be there */
    object_id next;            /* the object to go on from */
    struct buf at;             /* … and its members: told_next()'s place */
    size_t told;
    int64_t broken_ms;         /* monotonic: since when the target can't be reached; 0: it can */
};

struct answer_of {
    uint8_t uuid[UUID_BYTES];
    enum removal_verdict verdict;
};

struct removals {
    size_t asked;              /* look-ups that are under way */
    int64_t at_ms;             /* the last that was looked at, by due time and uuid */
    uint8_t at_uuid[UUID_BYTES];
    int64_t again_ms;          /* wall clock: all are looked at again; 0: no need */
    uint32_t unknown;          /* sweeps in a row without an answer */
};

struct dispatch {
    struct dispatch_settings settings;
    struct sink *sink;
    struct recall recall;
    struct sink_row row;
    uint64_t again_seq;        /* all up to this may have been done already */
    uint64_t first_seq;        /* the connector's first refresh ended with it; UINT64_MAX: it has not */
    size_t limit;              /* of items in a batch: less after a break */
    struct batch batch;
    struct changes unstored;   /* what follows from what was done, until it is on disk */
    struct unwell unwell;
    struct suspect suspect;
    struct telling telling;
    struct removals removals;
    struct rebound rebound;

    pthread_mutex_t lock;      /* guards what other threads write */
    struct dispatch_limits limits;
    struct answer_of *answers;
    size_t n_answers, cap_answers;
};

/* dispatch_fill.c: each fills the empty batch, within a read transaction */

void batch_reset(struct batch *b);
void batch_free(struct batch *b);
void fill_aside(struct dispatch *d, struct txn *t);
void fill_queue(struct dispatch *d, struct txn *t);
void fill_telling(struct dispatch *d, struct txn *t);
void fill_members(struct dispatch *d, struct txn *t);
bool is_suspect(const struct dispatch *d, const struct item *i);

/* dispatch_due.c */

/* Looks at the answers that came and asks what is due. */
enum dispatch_next removals_step(struct dispatch *d, struct err *e);
/* Wall clock of the next that can be done; -1: nothing. */
int64_t removals_next_ms(struct dispatch *d, struct txn *t);

/* dispatch.c */

struct retry_limits dispatch_retry_limits(struct dispatch *d);
/* Stores d->unstored. */
enum dispatch_next dispatch_store(struct dispatch *d, struct err *e);
/* The uuid is mirrored as that (OBJECT_KINDS: as either), or stays as an orphan. */
bool dispatch_is_mirrored(struct txn *t, const uint8_t *uuid, enum object_kind kind);

#endif
