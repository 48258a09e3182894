/* The other side of a source's and a probe's hooks: keeps what they tell and lets the test wait for it. */
#ifndef TESTS_LDAP_LISTENER_H
#define TESTS_LDAP_LISTENER_H

#include <pthread.h>

#include "cookie.h"
#include "probe.h"
#include "slapdtest.h"
#include "source.h"

#define LISTENER_SEARCHES 2
#define LISTENER_WAIT_MS 30000   /* for a signal that must come; a test that waits that long fails */

struct listener {
    /* For the test to change before listener_start(). */
    struct source_settings settings;
    struct search_spec specs[LISTENER_SEARCHES];
    char *uris[3];
    struct probe_settings probe_settings;
    /* The rest is the listener's. */
    struct source *source;
    struct probe *probe;
    struct source_hooks hooks;
    pthread_mutex_t lock;
    pthread_cond_t told;
    struct sync_batch *first, **last;   /* everything that was delivered */
    struct sync_batch *batch;           /* where the test stands */
    struct sync_msg *msg;
    struct cookie cookies[LISTENER_SEARCHES];
    enum source_phase phase;
    unsigned phases_seen;               /* bits */
    char *phase_text;                   /* of the last one that had a text */
    bool refuse;                        /* deliver() says that the reader is gone */
};

/* One search, of people under the suffix, as rootdn. */
void listener_init(struct listener *l, struct slapdtest *s);
/* The same for any server: anonymous, dc=example,dc=com. */
void listener_init_uri(struct listener *l, const char *uri);
/* The i-th server; the text is copied. */
void listener_set_uri(struct listener *l, size_t i, const char *uri);
/* A second search. */
void listener_add_search(struct listener *l, const char *base, const char *filter);

void listener_start(struct listener *l);
void listener_start_probe(struct listener *l);
/* Stops what was started, and fails the test if that doesn't end in time. What was told stays until listener_free(). */
void listener_stop(struct listener *l);
void listener_free(struct listener *l);

/* The next message; it must come. */
struct sync_msg *listener_next(struct listener *l);
/* The next one of that type; what comes before is skipped. */
struct sync_msg *listener_await(struct listener *l, enum sync_type type);
/* The next one must be of that type. */
struct sync_msg *listener_expect(struct listener *l, enum sync_type type);
/* Whether none comes within that time. */
bool listener_is_quiet(struct listener *l, int ms);
/* Waits until the source is, or was, in that phase. */
void listener_await_phase(struct listener *l, enum source_phase phase);

/* A text of a message as a string. */
const char *text_of(struct slice s);
/* The first value of an attribute; "" if there is none. */
const char *value(const struct sync_msg *m, const char *attribute);
bool has_text(struct slice s, const char *words);

#endif
