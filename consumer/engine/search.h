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
#include "apart.h"
#include "census.h"
#include "config.h"
#include "cookie.h"
#include "mapping.h"
#include "source.h"

struct mirror;
struct container;

/* A connector has at most one of each. */
enum search_kind {
    SEARCH_ACCOUNTS,
    SEARCH_GROUPS,
    SEARCH_CONTAINERS,         /* at and above which those lie: under what their bases share */
    SEARCH_NEAR_CONTAINERS,    /* where that can't be searched: under accountBaseDN alone */
    SEARCH_MORE_CONTAINERS,    /* … and where they share nothing: under groupBaseDN alone */
    SEARCH_KINDS
};
const char *search_kind_word(enum search_kind kind);   /* of `status`: "accounts", "groups", "containers" */
const char *search_kind_key(enum search_kind kind);    /* of TABLE_META: "account", "group", "container" … */

/* Something should have come, and did not. */
struct silence {
    int64_t since_ms;          /* monotonic; 0: nothing is missing */
    int64_t reissue_after_ms;  /* so long until the search is issued again; doubles each time. 0: the first one is to come */
};

struct mirror_search {
    enum search_kind kind;
    bool unused;               /* the session is made without it (apart.h): it counts as complete, and shows nothing */
    struct mapping *mapping;   /* NULL: of containers */
    struct buf base;           /* the canonical form of the spec's */
    bool refreshing;           /* between SYNC_BEGIN and the refresh's end */
    bool complete;             /* the refresh of this session came to its end */
    bool had_cookie;
    enum phase_word word;      /* of what its refresh tells: refresh, or poll */
    bool knew;                 /* containers: some were known when it began */
    bool behind;               /* the provider's CSN set does not reach the highest seen */
    bool was_behind;           /* … when this session began */
    bool no_csn;               /* the refresh ended with no CSN at all: it proves nothing */
    int64_t caught_up_ms;      /* monotonic: when it was issued again because the provider had caught up; 0: not since */
    int64_t caught_up_after_ms; /* … and how long until that may be so again */
    struct csn_set shown;      /* the CSNs that the provider has shown in this session */
    bool lost_base;            /* its entry could be read, and can't any more (sight.c) */
    bool lost_context;         /* … contextCSN */
    bool has_context;          /* contextCSN could be read as this session began */
    bool has_mark;
    uint8_t mark[UUID_BYTES];  /* the base's entryUUID, as this session began */
    bool older_seen;           /* this entry was once read older than it is stored: behind_see_older() */
    uint8_t older_uuid[UUID_BYTES];
    bool behind_told;          /* … in the log, since it last was not */
    struct csn_set poll_csns;  /* mode search: contextCSN as the poll began, or none */
    bool poll_stranger;        /* … without it, and this is not the server that the last one read from; of 389 in any mode */
    bool numbered;             /* its refresh ended with a cookie of 389 */
    size_t older_rows;         /* … entries that it listed with an older stamp than they are stored with */
    struct cookie cookie;
    struct csn_set highest;
    bool cookie_dirty;         /* differs from what is stored */
    bool older_counts;         /* after `resync`, or when the directory went back: older content counts until a full refresh is through */
    struct census census;
    bool sweeping;             /* what one did not see was not all made pending: sweep.c */
    struct buf ask;            /* UUIDs to look up, sent after the commit */
    bool owes;                 /* … or their answers, as stored: owed.c */
    int64_t received;
    int64_t refresh_began_ms;  /* monotonic */
    int64_t refresh_ended_ms;
    struct silence silence;    /* the others were told of something that it was not */
    int64_t reconciled_ms;     /* wall clock of the last comparison of all entries; 0: not read yet */
    unsigned reconcile_failed; /* comparisons since then that proved nothing */
};

static inline bool search_shows_objects(const struct mirror_search *s)
{
    return s->mapping != NULL;
}

/* What is mirrored of the entries of a search that shows objects. */
static inline enum object_kind search_objects(const struct mirror_search *s)
{
    return s->kind == SEARCH_GROUPS ? OBJECT_GROUP : OBJECT_ACCOUNT;
}

/* The base of a search as the configuration has it, malloc'ed; NULL: there is no such search. Containers are searched under the
 * deepest DN that the bases of accounts and groups share. One that is a top-level domain alone ("dc=com") counts as none: nobody's
 * server has it as a naming context. */
char *search_base(const struct config_connector *conf, enum search_kind kind);

/* In which sessions that search is made. */
enum spec_use search_use(const struct config_connector *conf, enum search_kind kind);

/* A session begins, which is made of these searches. Those of the other way forget how far they were: the first session in which they
 * are made again shows all that they have. */
void search_choose(struct mirror *m, bool apart);
/* Whether what is known of a container is this search's to tell: it showed it, or another one did which is not made any more. */
bool search_tells_of(const struct mirror *m, const struct mirror_search *s, const struct container *c);

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

/* 0 or 1: searches of one side lie in one naming context, as far as the configuration tells. */
unsigned search_side(const struct mirror *m, const struct mirror_search *s);

bool search_any_refreshing(const struct mirror *m);
bool search_objects_refreshing(const struct mirror *m);
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
