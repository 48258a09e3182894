/* One session of a source: the sync searches on one connection, from the requests to the last message. */
#ifndef LDAP_SESSION_H
#define LDAP_SESSION_H

#include "directory.h"
#include "phase.h"
#include "source.h"

/* One search of a session. */
struct search {
    int msgid;
    struct phase_state state;
    bool complete;            /* its refresh is */
    bool failed;              /* its result was other than success */
    bool start_empty;         /* over sessions: e-syncRefreshRequired came, and no refresh has been completed since */
};

/* How things stand after a message. */
enum session_step {
    SESSION_GOES_ON,
    SESSION_GONE,             /* the connection is lost or was dropped: *e says why */
    SESSION_RESTART,          /* a search must begin anew with an empty cookie, at once */
    SESSION_READER_GONE       /* hooks->deliver() said so */
};

struct session {
    const struct source_settings *settings;
    const struct source_hooks *hooks;
    struct search *searches;  /* settings->n_specs */
    struct sync_batch *batch; /* what was not delivered yet; NULL: nothing */
    LDAP *ld;
    const char *uri;
    uint32_t number;          /* of this session, from 1 */
    bool ds389;               /* with such a server: ds389.h */
    bool persist;             /* refreshAndPersist; else refreshOnly. Set before session_begin() */
    struct directory directory; /* looks where the server stands, before the searches */
    bool without_cookie;      /* this server has refused ours as newer than what it has itself */
    bool refused;             /* a search ended so in this session */
    int64_t close_ms;         /* clock_mono_ms(): not to be closed before; see session.c */
    struct err failure;       /* of the first search that ended with a result other than success; class ERR_NONE: none has */
};

/* worker: of the thread that runs it. */
void session_init(struct session *s, const struct source_settings *settings, const struct source_hooks *hooks, struct worker *worker);
void session_free(struct session *s);

/* Reads where the server stands, sends all searches on ld, which stays the caller's, and delivers their SYNC_BEGIN. uri: the index.
 * without_cookie: none is sent, since this server refused it before. Then as session_drain(). */
enum session_step session_begin(struct session *s, LDAP *ld, size_t uri, bool without_cookie, struct err *e);

/* A session that is made without it (source_search.h): it has the next number, and all of it is over. */
void session_skip(struct session *s);

/* Takes and delivers all messages that are there, without waiting for more; leaves off when stop says so. */
enum session_step session_drain(struct session *s, bool (*stop)(void *), void *arg, struct err *e);

/* Tells the end of a session: SYNC_LOST with text, if any search was not over. False: the reader is gone. */
bool session_end(struct session *s, const char *text);

/* Whether every search's refresh is complete; every search is over; any search is still in its refresh. */
bool session_complete(const struct session *s);
bool session_over(const struct session *s);
bool session_refreshing(const struct session *s);

#endif
