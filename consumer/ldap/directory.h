/* The second connection to the directory: plain searches whose entries come one by one. Blocks; used by probe.c's thread only. */
#ifndef LDAP_DIRECTORY_H
#define LDAP_DIRECTORY_H

#include "source.h"
#include "worker.h"

/* An entry that is known to be there, of which a look-up by entryUUID can prove that it works. */
struct anchor {
    bool known;
    uint8_t uuid[UUID_BYTES];
};

struct directory {
    const struct source_settings *settings;
    struct worker *worker;      /* when it is asked to end, a search ends with LDAP_USER_CANCELLED */
    const atomic_bool *give_up; /* NULL, or what ends a search like a timeout once it is set and the worker is woken */
    LDAP *ld;                   /* NULL: not connected */
    bool borrowed;              /* ld is somebody else's, who closes it */
    size_t uri;                 /* connected to */
    struct arena memory;        /* of what was learnt on this connection: */
    bool ds389;                 /* it is 389 Directory Server: ds389.h */
    size_t n_contexts;
    struct slice *contexts;     /* namingContexts of the root DSE */
    struct anchor *anchors;     /* one a search of the source */
};

struct paged;

/* A search. */
struct reading {
    const char *base;
    int scope;
    const char *filter;
    char **attrs;
    bool with_referrals;        /* referral objects are entries like others (ManageDsaIT, RFC 3296), so that none hides a subtree */
    int timeout_s;              /* the longest silence between two answers; 0: as long as it takes */
    /* Where the next entry goes; then the entry, without its uuid. False: no more, the reader is gone. */
    struct arena *(*memory)(void *ctx);
    bool (*row)(void *ctx, struct entry *entry);
    void *ctx;
    struct paged *paged;        /* NULL, or this is one page of several: paged.h */
    bool referred;              /* out: a SearchResultReference came, so something may be elsewhere */
};

void directory_init(struct directory *d, const struct source_settings *settings, struct worker *worker);
void directory_close(struct directory *d);

/* Takes a connection that is somebody else's and stays so, and reads its naming contexts. Until directory_close(), which leaves the
 * connection as it is. As directory_search(). */
int directory_borrow(struct directory *d, LDAP *ld, size_t uri, struct err *e);

/* Connects to a server of the settings, unless that connection stands already, and reads its naming contexts. *fresh: it is new.
 * 0, or an LDAP result code with *e. */
int directory_connect(struct directory *d, size_t uri, bool *fresh, struct err *e);

/* Runs a search to its end. The LDAP result code, or a negative one of libldap's; if it is not LDAP_SUCCESS, *e says more. After
 * a negative one the connection is closed. */
int directory_search(struct directory *d, struct reading *r, struct err *e);

/* The naming context that a DN lies in; p is NULL if the server names none. Compared without regard to case and to spaces. */
struct slice directory_context(const struct directory *d, const char *dn);

/* The anchor of a search in its naming context. LDAP_SUCCESS; LDAP_NO_SUCH_ATTRIBUTE if nobody's key can be read; or as
 * directory_search(). */
int directory_anchor(struct directory *d, unsigned search, struct anchor *anchor, struct err *e);

/* Reads contextCSN of a search's naming context into *a. 0 with *n values, none if there is none or it may not be read. */
int directory_csns(struct directory *d, unsigned search, struct arena *a, struct slice **csns, uint32_t *n, struct err *e);

/* Reads the key of a search's base, the mark of the database (SPEC.md 2.1, "Suspicion"), into *a. 0 with *mark NULL if it
 * can't be read, or as directory_search(). */
int directory_mark(struct directory *d, unsigned search, struct arena *a, const uint8_t **mark, struct err *e);

/* The DN of the parent of dn, in *a; empty if that lies in no naming context of this server, or if dn is none. */
struct slice directory_parent(const struct directory *d, struct slice dn, struct arena *a);

/* Whether the server shows that entry. LDAP_SUCCESS with *readable (an entry that is not there and one that may not be read look
 * alike), or as directory_search(). */
int directory_is_readable(struct directory *d, const char *dn, bool *readable, struct err *e);

/* The key of an entry, by the attribute that this server's sync tells as the UUID: directory_key(). False if it is not there, or none. */
bool directory_uuid(const struct directory *d, const struct entry *entry, uint8_t uuid[UUID_BYTES]);

/* "entryUUID", or what 389 has instead. */
const char *directory_key(const struct directory *d);

#endif
