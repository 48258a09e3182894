/* The state of one connector: its environment, and the few numbers of it that are kept in memory as well.
 *
 * One thread writes. It begins a transaction with store_begin(), calls the modules of this folder, and ends it with
 * store_commit(), which writes the numbers with it. After a failed commit the numbers are read back, so that
 * memory and disk agree again. Commands open a store with DB_READ and see the last committed state.
 *
 * TABLE_META: key text → value; KIND is that of a search: account, group, container, container2
 *   version           u32, STORE_VERSION
 *   state             the numbers, tagged (store.c)
 *   cookie/KIND       the cookie to send (cookie_format())
 *   highest/KIND      the highest CSN set ever seen (csn_set_format())
 *   fingerprint/KIND  of the configuration that the cookie belongs to
 *   suspicion/KIND    why absences found by the next full refresh are held; absent: no suspicion
 *   older/KIND        after `resync`, or when the directory went back: older content counts until a full refresh is through
 *   mark/KIND         the entryUUID of the base, 16 bytes
 *   server/KIND       where there is no contextCSN (389, or mode search): the URI of the server that last showed all
 *   dn                TABLE_DN is kept (objects.h)
 *   reconciled/KIND   wall clock of the last comparison of all entries, u64 ms
 *   first             u64: the seq with which the first refresh ended; absent: it has not
 *   unbound           members of groups came before the indexes were there: what they give is not known (engine/group.c)
 *   moving            a container was renamed, and not all that lies under it yet: u64 oid to go on from, u32 length and old
 *                     DN, u32 length and new DN
 *   loading           a first load is under way: the indexes of TABLE_OBJECT are not there (load.h) */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "db.h"
#include "object.h"

#define STORE_VERSION 1
#define STORE_FIELDS 1024   /* fields that are counted */

struct window_count;

struct store {
    struct db *db;
    uint64_t next_seq;
    uint64_t next_oid;
    uint32_t hold_high;              /* the highest hold number given by this connector */
    int64_t wall_ms;                 /* wall clock at the last commit that wrote it */
    int64_t last_change_ms;          /* wall clock of the newest action; 0: none yet */
    int64_t objects[OBJECT_KINDS];   /* mirrored and orphans */
    int64_t orphans;
    int64_t with_field[STORE_FIELDS];
    int64_t pending_unanswered;      /* deletions whose first look-up was not answered yet */
    int64_t pending_by_reason[8];    /* enum pending_reason */
    bool has_dns;                    /* TABLE_DN is kept */
    bool dirty;
    struct window_count *windows;    /* pending.c */
};

/* Opens, or with DB_WRITE makes, the state in `folder`. NULL and *e as db_open(); also ERR_DATA if its version is not
 * ours. */
struct store *store_open(const char *folder, enum db_mode mode, struct err *e);
void store_close(struct store **s);

struct txn *store_begin(struct store *s);
/* Commits, synced. On failure -1, *e, and the numbers are those of the disk again. */
int store_commit(struct store *s, struct txn **t, struct err *e);
void store_abort(struct store *s, struct txn **t);

/* The number next_seq as a reader's transaction sees it. */
uint64_t store_next_seq(struct txn *t);

/* Rows of TABLE_META. `of` may be NULL; it is put behind a slash. An empty value removes the row. */
bool meta_get(struct txn *t, const char *name, const char *of, struct slice *value);
void meta_put(struct txn *t, const char *name, const char *of, struct slice value);

#endif
