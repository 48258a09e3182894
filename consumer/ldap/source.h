/* The source: a thread that holds the sync searches open and hands on what the provider says, in order.
 *
 * The thread may block in libldap (name look-up, connect, TLS handshake, bind); nobody waits for it but itself, and at
 * the program's end it is left behind if it does not come at once. It writes nothing. */
#ifndef LDAP_SOURCE_H
#define LDAP_SOURCE_H

#include "conn.h"
#include "object.h"
#include "sync_msg.h"

/* In which sessions a search is made: apart.h. */
enum spec_use { SPEC_ALWAYS, SPEC_TOGETHER, SPEC_APART };

/* One search. */
struct search_spec {
    enum spec_use use;
    char *base;
    int scope;                 /* LDAP_SCOPE_BASE, _ONELEVEL, _SUBTREE */
    char *filter;
    char **attrs;              /* NULL-terminated */
};

enum source_phase { SOURCE_CONNECTING, SOURCE_REFRESHING, SOURCE_INSYNC, SOURCE_WAITING, SOURCE_ERROR };
const char *source_phase_name(enum source_phase p);   /* the words of `status --json` */

/* How changes are found (SPEC.md 2.1). */
enum source_mode { SOURCE_PERSIST, SOURCE_REFRESH, SOURCE_SEARCH, SOURCE_AUTO };
const char *source_mode_name(enum source_mode mode);   /* the words of the configuration and of `status --json` */

struct source_settings {
    struct conn_settings conn;
    struct search_spec *specs;
    size_t n_specs;
    enum source_mode mode;     /* SOURCE_PERSIST: refreshAndPersist. SOURCE_REFRESH: refreshOnly, again and again.
                                  SOURCE_SEARCH: source_search.h. SOURCE_AUTO: modes.h */
    /* These may change while it runs. */
    _Atomic int polling_s;     /* from when a poll was drained, see source_drained(), to the next */
    _Atomic int retry_min_s, retry_max_s;
    const char *subject;       /* for the log */
    bool reads_schema;         /* says in the log, once, which attributes of the specs the server's schema has not */
};

/* What a reader stores in the place of a cookie when all was read without a sync search; never sent. */
#define SEARCHED_COOKIE "searched"

/* Called from the source's thread. */
struct source_hooks {
    void *ctx;
    /* Takes the batch over. May block while the reader is behind (TCP then waits too). False: the reader is gone. */
    bool (*deliver)(void *ctx, struct sync_batch *batch);
    /* The cookie to send for a search, malloc'ed, or NULL. Asked at each (re)start of a session. */
    char *(*cookie)(void *ctx, unsigned search);
    /* The source changed phase; uri is the server in use or tried; text (may be NULL) the last error, for `status`. */
    void (*phase)(void *ctx, enum source_phase phase, const char *uri, const char *text);
};

struct source;

/* Starts the thread. settings and hooks stay the caller's and must outlive it. */
struct source *source_start(const struct source_settings *settings, const struct source_hooks *hooks);
/* Drops the session and begins again at once from the stored cookies (any thread). why is logged. */
void source_restart(struct source *s, const char *why);
/* … with another server of the settings, which is preferred from now on until it fails: the one in use is behind (any thread). */
void source_move(struct source *s, size_t uri, const char *why);
/* Everything that a session of a polling mode brought is committed: the pause until the next poll begins now (any thread). A sink
 * need not have it: one that is dead must not keep a directory from being read. */
void source_drained(struct source *s, uint32_t session);
/* A number of the settings was changed: a pause that is under way goes by the new one (any thread). */
void source_reload(struct source *s);
/* The mode in effect, never SOURCE_AUTO. */
enum source_mode source_mode(struct source *s);
/* Index of the uri in use, for the second connection. */
size_t source_uri_index(struct source *s);
/* Asks the thread to end and waits at most wait_ms for it. True: it ended and *s is freed and NULL; false: it is
 * blocked in libldap and is left behind, *s is NULL, and the program must end, by _exit(2): exit(3) would take down
 * libldap's globals under the thread. */
bool source_stop(struct source **s, int wait_ms);

#endif
