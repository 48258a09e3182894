/* What a provider told us, one value per message: the only thing that leaves ldap/ (with cookie.h).
 *
 * Messages travel in batches. A batch and all that its messages point to live in the batch's arena; who takes the
 * batch frees it with sync_batch_free(). */
#ifndef LDAP_SYNC_MSG_H
#define LDAP_SYNC_MSG_H

#include <stdbool.h>
#include <stdint.h>

#include "entry.h"
#include "mem.h"

enum sync_type {
    /* The sync session (RFC 4533). */
    SYNC_BEGIN,            /* a search was sent; had_cookie says whether with a cookie; csns and mark as in SYNC_CONTEXT, read
                              just before on the same connection */
    SYNC_ENTRY,            /* entry, state, perhaps cookie (SearchResultEntry with Sync State control, section 2.2) */
    SYNC_IDSET,            /* uuids, deletes, perhaps cookie (section 2.5) */
    SYNC_NEWCOOKIE,        /* cookie */
    SYNC_REFRESH_PRESENT,  /* end of a present phase; done, perhaps cookie */
    SYNC_REFRESH_DELETE,   /* end of a delete phase; done, perhaps cookie */
    SYNC_DONE,             /* SearchResultDone: rc, text; with rc 0 the Sync Done control: deletes, perhaps cookie */
    SYNC_REFERENCE,        /* a SearchResultReference: text is its URI */
    SYNC_INVALID,          /* a message that does not decode but whose UUID does: entry->uuid (and dn if known), text */
    SYNC_LOST,             /* the session is over for all searches that had no result yet: text says why; a new SYNC_BEGIN
                              of each search will follow. Not at source_stop() */

    /* Answers of the second connection (probe.h); token is that of the request. */
    SYNC_CONTEXT,          /* contextCSN of the naming context was read: csns (n 0: not there or not readable); and mark, the
                              key of the search's base (NULL: not there or not readable) */
    SYNC_LOOKUP,           /* of entry->uuid: outcome; entry has the content if it is LOOKUP_IN_PLACE, the DN if LEFT;
                              parent_unreadable may be set if it is DELETED, and text then says what that means */
    SYNC_LISTED,           /* one row of a listing: entry with uuid, dn and entryCSN, or (probe_read()) its whole content */
    SYNC_PROBE_END,        /* the request is through: rc (LDAP result code or libldap's negative one), text */
    SYNC_SILENT,           /* the provider did not answer within the timeout: text */
    SYNC_ELSEWHERE         /* as SYNC_CONTEXT, of another server than that in use: scout.h */
};

/* RFC 4533, section 2.2. */
enum sync_state { SYNC_STATE_PRESENT = 0, SYNC_STATE_ADD = 1, SYNC_STATE_MODIFY = 2, SYNC_STATE_DELETE = 3 };

/* What a message means in the phase that its search is in; set by the source from phase.h. */
enum sync_effect {
    EFFECT_NONE = 0,
    EFFECT_CONTENT = 1 << 0,     /* the entry's content counts (and it is present) */
    EFFECT_PRESENT = 1 << 1,     /* the entry, or the UUIDs of the set, are present: part of a census */
    EFFECT_GONE = 1 << 2,        /* the entry, or the UUIDs of the set, are reported deleted */
    EFFECT_COOKIE = 1 << 3,      /* its cookie may be stored (refresh complete) */
    EFFECT_COMPLETE = 1 << 4,    /* the refresh is complete */
    EFFECT_ABSENT = 1 << 5,      /* with EFFECT_COMPLETE: what was not seen in this refresh is a candidate for absence,
                                    since there was a present phase; without a cookie axsync sweeps anyway */
    EFFECT_RESTART = 1 << 6,     /* start over with an empty cookie (e-syncRefreshRequired) */
    EFFECT_END = 1 << 7,         /* the search is over */
    EFFECT_ROW = 1 << 8,         /* the entry has its uuid, DN and stamp only: what differs from the state must be read */
    EFFECT_AGAIN = 1 << 9,       /* with EFFECT_CONTENT: operational attributes are missing, so the entry must be read too */
    EFFECT_PART = 1 << 10        /* with EFFECT_COMPLETE: the server does not tell all that happened; all must be listed soon */
};

enum lookup_outcome {
    LOOKUP_IN_PLACE,   /* found under base and scope, matching the filter */
    LOOKUP_LEFT,       /* found in the naming context, but not in place */
    LOOKUP_DELETED,    /* searched with success in the whole naming context and not found */
    LOOKUP_UNPROVEN    /* any other result */
};

struct sync_msg {
    struct sync_msg *next;
    enum sync_type type;
    unsigned search;           /* which search of the source: index of its spec */
    uint32_t session;          /* number of the session within this run */
    uint32_t token;            /* probe answers */
    unsigned effect;           /* enum sync_effect, or'ed */
    enum sync_state state;
    enum lookup_outcome outcome;
    bool parent_unreadable;    /* SYNC_LOOKUP: of the DN where it was known to be, the parent can't be read either */
    bool had_cookie;
    bool apart;                /* SYNC_BEGIN: of which searches the session is made (apart.h); the same in all of one session */
    bool refused;              /* SYNC_BEGIN without a cookie: this server refused ours because it is behind it (53) */
    bool has_cookie;           /* a cookie was in the message, possibly an empty one */
    bool poll;                 /* SYNC_BEGIN: the search ends with its refresh, and another session will follow */
    bool searched;             /* SYNC_BEGIN, SYNC_DONE: no sync search but plain ones (source_search.h) */
    bool done;                 /* refreshDone; of SYNC_DONE: the Sync Done control was there */
    bool deletes;              /* refreshDeletes */
    int rc;
    struct slice cookie;
    struct slice text;
    struct slice uri;          /* SYNC_BEGIN, SYNC_CONTEXT, SYNC_ELSEWHERE: the server that answers */
    struct entry *entry;
    uint32_t n_uuids;
    const uint8_t *uuids;      /* n_uuids × UUID_BYTES */
    uint32_t n_csns;
    struct slice *csns;        /* SYNC_CONTEXT, SYNC_BEGIN */
    const uint8_t *mark;       /* SYNC_CONTEXT, SYNC_BEGIN: UUID_BYTES, or NULL */
    int64_t first_change, last_change;   /* … of a server with change numbers (ds389.h), which has no csns; 0: not there */
    int64_t received_ms;       /* monotonic */
};

struct sync_batch {
    struct sync_batch *next;
    struct arena arena;
    struct sync_msg *first, *last;
    unsigned count;
};

/* Who fills a batch hands it on at this size at the latest: what fits into the arena's first block, which is used again. */
#define SYNC_BATCH_BYTES (56 * 1024)

struct sync_batch *sync_batch_new(void);
void sync_batch_free(struct sync_batch **b);
/* Appends a zeroed message and returns it. */
struct sync_msg *sync_batch_add(struct sync_batch *b, enum sync_type type);

#endif
