/* The sync searches of a connector (SPEC.md 2.1, "Searches"): which there are, and what each knows of itself.
 *
 * What belongs to the session, the connection that all of them share, stands in struct mirror: the server's name, whether
 * its messages still count, since when all are in sync. What belongs to one search stands here: its cookie, its phase, its
 * census, its suspicion.
 *
 * The highest CSN set ever seen is kept for each search and not once for all: the bases may lie in two naming contexts of one
 * server, whose contextCSNs can't be compared, and with one set for both the quieter of them would be "behind" for ever. A
 * look-up is made for one search, in its naming context, so the sets that are compared are always of the same one.
 *
 * Stored, in TABLE_META under the key of the kind: store.h. */
#ifndef ENGINE_SEARCH_H
#define ENGINE_SEARCH_H

#include "action.h"
#include "census.h"
#include "config.h"
#include "cookie.h"
#include "mapping.h"
#include "source.h"

struct mirror;

/* A connector has at most one of each. */
enum search_kind {
    SEARCH_ACCOUNTS,
    SEARCH_GROUPS,
    SEARCH_KINDS
};
const char *search_kind_word(enum search_kind kind);   /* of `status`: "accounts", "groups" */
const char *search_kind_key(enum search_kind kind);    /* of TABLE_META: "account", "group" */

struct mirror_search {
    enum search_kind kind;
    struct mapping *mapping;
    bool refreshing;           /* between SYNC_BEGIN and the refresh's end */
    bool complete;             /* the refresh of this session came to its end */
    bool had_cookie;
    enum phase_word word;      /* of what its refresh tells: refresh, or poll */
    bool behind;               /* the provider's CSN set does not reach the highest seen */
    struct csn_set poll_csns;  /* mode search: contextCSN as the poll began, or none */
    size_t older_rows;         /* … entries that it listed with an older stamp than they are stored with */
    struct cookie cookie;
    struct csn_set highest;
    bool cookie_dirty;         /* differs from what is stored */
    bool older_counts;         /* after `resync`: older content counts until a full refresh is through */
    struct census census;
    struct buf ask;            /* UUIDs to look up, sent after the commit */
    int64_t received;
    int64_t refresh_began_ms;  /* monotonic */
    int64_t refresh_ended_ms;
    int64_t reconciled_ms;     /* wall clock of the last comparison of all entries; 0: not read yet */
};

/* What is mirrored of the entries of a search. */
static inline enum object_kind search_objects(const struct mirror_search *s)
{
    return s->kind == SEARCH_GROUPS ? OBJECT_GROUP : OBJECT_ACCOUNT;
}

/* Fills m->searches and m->specs from m->conf. 0, or -1 and *e: a mapping that can't be. */
int search_make_all(struct mirror *m, struct err *e);
void search_free_all(struct mirror *m);

/* The index of a search is that of its spec, and in the messages of source and probe. */
unsigned search_index(const struct mirror *m, const struct mirror_search *s);
/* The one that shows objects of a kind. Where the configuration has none for them any more, the first one: a look-up through
 * it finds them in the directory, but not in their place, and so it is. */
struct mirror_search *search_of(struct mirror *m, enum object_kind kind);
/* The spec of the same index. */
const struct search_spec *search_spec(const struct mirror *m, const struct mirror_search *s);

bool search_any_refreshing(const struct mirror *m);
/* In sync: the refresh of each came to its end. */
bool search_all_complete(const struct mirror *m);

/* The entry is looked up after the commit. */
void search_ask(struct mirror_search *s, const uint8_t *uuid);
/* One that has something to ask: the next after `last` (an index), so that none waits for ever; NULL: none. */
struct mirror_search *search_asking(struct mirror *m, unsigned last);

/* What is stored of it. */
void search_read(struct mirror *m, struct mirror_search *s);
void search_write(struct mirror *m, struct mirror_search *s);
/* When what decides the directory's view was changed between two runs, the stored cookie no longer fits. */
void search_check_fingerprint(struct mirror *m, struct mirror_search *s);

#endif
