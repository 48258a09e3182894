#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "clock.h"
#include "log.h"
#include "mem.h"
#include "modes.h"
#include "rootdse.h"
#include "schema.h"
#include "session.h"
#include "source_search.h"
#include "worker.h"

#define STAY SIZE_MAX

/* The life of the thread:
 *
 *      CONNECTING ──▶ REFRESHING ──all complete──▶ INSYNC
 *          ▲               │                          │
 *          │               ▼ lost, dropped            ▼ lost
 *          └──back-off── WAITING ◀────────────────────┘
 *          └──pause───── WAITING ◀── a poll (refreshOnly, or plain searches) is through and the writer has committed it
 *          └──back-off── ERROR   ◀── a search's result is other than success; the other searches go on meanwhile
 */
struct source {
    struct worker worker;
    const struct source_settings *settings;
    const struct source_hooks *hooks;
    struct session session;
    struct searcher *searcher;
    struct modes modes;
    _Atomic enum source_mode mode;   /* modes.now, for other threads */
    atomic_size_t uri;           /* in use or tried */
    atomic_bool restart;
    atomic_uint drained;         /* the session whose messages were committed last, of a polling mode */
    pthread_mutex_t why_lock;
    char why[256];               /* of the restart */
    size_t first_uri;            /* where the next round begins */
    size_t home;                 /* … once a server was reached, the one after that: 0, or where source_move() led to */
    atomic_size_t move_to;       /* STAY, or where the restart is to lead to */
    bool *behind;                /* one a URI: that server refused our cookie as newer than what it has, in this round */
    unsigned attempts;           /* that failed since a session was complete */
    bool schema_told;            /* what the server's schema lacks was told */
    int64_t retry_ms;            /* clock_mono_ms() of the next attempt; 0: at once */
    unsigned seed;               /* of the jitter */
    enum source_phase phase;
    char logged[sizeof(((struct err *)0)->text)];   /* the last failure in the log: each is told once, not at every attempt */
};

static const char *const phase_names[] = { "connecting", "refreshing", "insync", "waiting", "error" };
_Static_assert(sizeof(phase_names) / sizeof(phase_names[0]) == SOURCE_ERROR + 1, "a phase without a name");

const char *source_phase_name(enum source_phase p)
{
    return phase_names[p];
}

static const char *const mode_names[] = { "persist", "refresh", "search", "auto" };
_Static_assert(sizeof(mode_names) / sizeof(mode_names[0]) == SOURCE_AUTO + 1, "a mode without a name");

const char *source_mode_name(enum source_mode mode)
{
    return mode_names[mode];
}

static const char *uri_of(struct source *s)
{
    return s->settings->conn.uris[atomic_load(&s->uri)];
}

static void enter(struct source *s, enum source_phase phase, const char *text)
{
    s->phase = phase;
    s->hooks->phase(s->hooks->ctx, phase, uri_of(s), text);
}

/* Asked to end, or to begin anew: whatever goes on is left. */
static bool interrupted(void *arg)
{
    struct source *s = arg;

    return worker_stopping(&s->worker) || atomic_load_explicit(&s->restart, memory_order_acquire);
}

/* ---- Back-off ---- */

/* Doubles from retry_min_s to retry_max_s, with up to a quarter of jitter on top: after an outage not all come at once. */
static int64_t next_delay_ms(struct source *s)
{
    int64_t max = (int64_t)s->settings->retry_max_s * 1000;
    int64_t delay = (int64_t)s->settings->retry_min_s * 1000;

    for (unsigned i = 0; i < s->attempts && delay < max; i++)
        delay *= 2;
    delay += delay * (rand_r(&s->seed) % 1000) / 4000;
    s->attempts++;
    return delay < max ? delay : max;
}

/* An attempt failed: when to make the next, and what to say until then. */
static void fail(struct source *s, enum source_phase phase, const struct err *e)
{
    s->retry_ms = clock_mono_ms() + next_delay_ms(s);
    if (strcmp(s->logged, e->text) != 0)
        log_warning(s->settings->subject, "%s", e->text);
    snprintf(s->logged, sizeof(s->logged), "%s", e->text);
    enter(s, phase, e->text);
}

static void wait_for_retry(struct source *s)
{
    while (!interrupted(s) && clock_mono_ms() < s->retry_ms)
        worker_wait(&s->worker, -1, s->retry_ms);
    s->retry_ms = 0;
}

/* ---- Mode auto ---- */

static void note_mode(struct source *s, const char *text)
{
    if (text)
        log_info(s->settings->subject, "%s", text);
    atomic_store(&s->mode, s->modes.now);
}

static int64_t first_trial_ms(const struct source *s)
{
    return (int64_t)s->settings->polling_s * 1000;
}

static void begin_anew_at_once(struct source *s)
{
    s->first_uri = (atomic_load(&s->uri) + 1) % s->settings->conn.n_uris;
    s->retry_ms = clock_mono_ms();
}

/* The result is one that waiting won't cure: in another mode at once, or with another server first. */
static bool falls_back(struct source *s, const struct err *e)
{
    if (!modes_is_refusal(&s->modes, e->code, s->phase == SOURCE_INSYNC))
        return false;
    note_mode(s, modes_refused(&s->modes, e->code, uri_of(s), e->text, first_trial_ms(s), clock_mono_ms()));
    begin_anew_at_once(s);
    return true;
}

/* Whether the server says itself that it can't sync. One that does not show its controls is tried. */
static bool lists_no_sync(struct source *s, LDAP *ld)
{
    struct directory d;
    struct rootdse root = { false };
    struct err e = { 0 };

    if (s->settings->mode != SOURCE_AUTO || s->modes.now == SOURCE_SEARCH)
        return false;
    directory_init(&d, s->settings, &s->worker);
    d.give_up = &s->restart;
    if (directory_borrow(&d, ld, atomic_load(&s->uri), &e) == LDAP_SUCCESS)
        rootdse_read(&d, &root, &e);
    directory_close(&d);
    if (!root.lists_controls || root.sync)
        return false;
    note_mode(s, modes_refused(&s->modes, 0, uri_of(s), "", first_trial_ms(s), clock_mono_ms()));
    begin_anew_at_once(s);
    return true;
}

/* ---- Connecting ---- */

static size_t nth_uri(const struct source *s, size_t i)
{
    return (s->first_uri + i) % s->settings->conn.n_uris;
}

/* Once: the fields of these are never set, and nothing else would say why. */
static void tell_unknown(struct source *s, LDAP *ld)
{
    s->schema_told = true;
    for (size_t i = 0; i < s->settings->n_specs; i++) {
        const struct search_spec *spec = &s->settings->specs[i];
        const char *const *attrs = (const char *const *)spec->attrs;
        struct buf list = { 0 };
        bool *known;
        size_t n = 0;

        while (attrs && attrs[n])
            n++;
        known = mem_alloc(n + 1);
        if (schema_know(ld, s->settings->conn.timeout_s, attrs, n, known))
            for (size_t k = 0; k < n; k++)
                if (!known[k] && strcmp(attrs[k], "entryCSN") != 0 && strcmp(attrs[k], "modifyTimestamp") != 0)
                    buf_printf(&list, "%s%s", list.len ? ", " : "", attrs[k]);
        if (list.len)
            log_warning(s->settings->subject, "the server's schema has not these mapped attributes of what is read under %s, so "
                        "their fields are never set: %s (schema/axsync.ldif has those of axsync)", spec->base, buf_str(&list));
        buf_free(&list);
        free(known);
    }
}

/* The first that lets us in of those that are behind us, or of the others. */
static LDAP *connect_one_of(struct source *s, bool behind, struct err *e)
{
    LDAP *ld = NULL;

    for (size_t i = 0; i < s->settings->conn.n_uris && ld == NULL && !interrupted(s); i++) {
        if (s->behind[nth_uri(s, i)] != behind)
            continue;
        atomic_store(&s->uri, nth_uri(s, i));
        enter(s, SOURCE_CONNECTING, e->class == ERR_NONE ? NULL : e->text);
        ld = conn_open(&s->settings->conn, nth_uri(s, i), e);
    }
    return ld;
}

/* The first server that lets us in; NULL with *e (the last one's) if none does. One that is behind us has its turn, without a cookie,
 * when no other is to be had. */
static LDAP *connect_any(struct source *s, struct err *e)
{
    LDAP *ld = connect_one_of(s, false, e);

    if (ld == NULL)
        ld = connect_one_of(s, true, e);
    if (ld == NULL || atomic_load(&s->uri) != s->home)
        s->home = 0;   /* the order of the configuration is the order of preference */
    s->first_uri = s->home;
    if (ld && s->settings->reads_schema && !s->schema_told)
        tell_unknown(s, ld);
    return ld;
}

/* ---- A session ---- */

/* Results that another server may not give: it may have the overlay, or take one more search. */
static bool worth_another_server(int rc)
{
    return rc == LDAP_UNWILLING_TO_PERFORM || rc == LDAP_UNAVAILABLE_CRITICAL_EXTENSION;
}

static void enter_insync(struct source *s)
{
    s->attempts = 0;
    s->logged[0] = '\0';
    memset(s->behind, 0, s->settings->conn.n_uris * sizeof(*s->behind));   /* next time they may have caught up */
    note_mode(s, modes_complete(&s->modes, clock_mono_ms()));
    enter(s, SOURCE_INSYNC, NULL);
}

static void note_complete(struct source *s)
{
    if (s->phase == SOURCE_REFRESHING && session_complete(&s->session))
        enter_insync(s);
}

/* The server is behind us: the others are tried at once, and then it without a cookie. No error that waiting would cure. */
static void note_behind(struct source *s, const struct err *e)
{
    s->behind[atomic_load(&s->uri)] = true;
    s->retry_ms = clock_mono_ms();
    log_warning(s->settings->subject, "%s: %s", uri_of(s), e->text);
    enter(s, SOURCE_CONNECTING, e->text);
}

/* The first result other than success sets the time of the next attempt; until then the other searches go on. */
static void note_failure(struct source *s)
{
    const struct err *e = &s->session.failure;

    if (e->class == ERR_NONE || s->retry_ms != 0)
        return;
    if (s->session.refused) {
        note_behind(s, e);
        return;
    }
    if (falls_back(s, e))
        return;
    fail(s, SOURCE_ERROR, e);
    if (worth_another_server(e->code))
        s->first_uri = (atomic_load(&s->uri) + 1) % s->settings->conn.n_uris;
}

/* Whether nothing is to be had from the session any more. A refresh that is under way is never cut short for another search's sake. */
static bool used_up(struct source *s)
{
    if (session_over(&s->session))
        return true;
    return s->session.failure.class != ERR_NONE && clock_mono_ms() >= s->retry_ms && !session_refreshing(&s->session);
}

static int64_t wake_at(struct source *s)
{
    bool failed = s->session.failure.class != ERR_NONE;

    return failed && !session_refreshing(&s->session) ? s->retry_ms : modes_next(&s->modes);
}

static enum session_step listen_on(struct source *s, LDAP *ld, struct err *e)
{
    size_t uri = atomic_load(&s->uri);
    enum session_step step;

    searcher_forget(s->searcher);   /* the stamps that it has seen are those of another time */
    s->session.persist = source_mode(s) == SOURCE_PERSIST;
    step = session_begin(&s->session, ld, uri, s->behind[uri], e);
    if (step == SESSION_GOES_ON)
        enter(s, SOURCE_REFRESHING, NULL);
    while (step == SESSION_GOES_ON && !interrupted(s)) {
        step = session_drain(&s->session, interrupted, s, e);
        note_complete(s);
        note_mode(s, modes_tick(&s->modes, clock_mono_ms()));
        if (step != SESSION_GOES_ON)
            break;
        note_failure(s);
        if (used_up(s))
            break;
        worker_wait(&s->worker, conn_fd(ld), wake_at(s));
        if (session_refreshing(&s->session))
            worker_gather();
    }
    return step;
}

/* A poll without sync searches. */
static enum session_step search_on(struct source *s, LDAP *ld, struct err *e)
{
    enum session_step step;

    session_skip(&s->session);
    enter(s, SOURCE_REFRESHING, NULL);
    step = searcher_poll(s->searcher, ld, atomic_load(&s->uri), s->session.number, &s->session.failure, e);
    if (step == SESSION_GOES_ON && s->session.failure.class == ERR_NONE)
        enter_insync(s);
    else if (step == SESSION_GOES_ON)
        note_failure(s);
    return step;
}

static void take_why(struct source *s, struct err *e)
{
    pthread_mutex_lock(&s->why_lock);
    err_set(e, ERR_TEMP, "begun anew: %s", s->why);
    pthread_mutex_unlock(&s->why_lock);
}

/* However it ended: also when the program is about to. */
static void close_when_allowed(struct source *s, LDAP **ld)
{
    while (clock_mono_ms() < s->session.close_ms)
        worker_wait(&s->worker, -1, s->session.close_ms);
    conn_close(ld);
}

/* Each poll connects anew: for the order of preference of the servers, and since what stands idle for minutes may be cut. */
static void log_connected(const struct source *s)
{
    if (s->modes.now == SOURCE_PERSIST)
        log_info(s->settings->subject, "connected to %s", s->settings->conn.uris[atomic_load(&s->uri)]);
    else
        log_debug(s->settings->subject, "connected to %s", s->settings->conn.uris[atomic_load(&s->uri)]);
}

/* One session from connect to close. False: the reader is gone. */
static bool run_session(struct source *s)
{
    struct err e = { 0 };
    enum session_step step;
    LDAP *ld;

    modes_choose(&s->modes, clock_mono_ms());
    note_mode(s, NULL);
    ld = connect_any(s, &e);
    if (ld == NULL) {
        if (!interrupted(s))
            fail(s, SOURCE_WAITING, &e);
        return true;
    }
    if (lists_no_sync(s, ld)) {
        conn_close(&ld);
        return true;
    }
    log_connected(s);
    step = source_mode(s) == SOURCE_SEARCH ? search_on(s, ld, &e) : listen_on(s, ld, &e);
    close_when_allowed(s, &ld);
    note_mode(s, modes_lost(&s->modes, step == SESSION_GONE, first_trial_ms(s), clock_mono_ms()));
    if (worker_stopping(&s->worker) || step == SESSION_READER_GONE)
        return false;
    if (step == SESSION_GONE && !interrupted(s))
        fail(s, SOURCE_WAITING, &e);
    else if (step == SESSION_RESTART)
        err_set(&e, ERR_TEMP, "begun anew: %s", s->session.failure.text);
    else if (interrupted(s))
        take_why(s, &e);
    else if (!session_over(&s->session))
        err_set(&e, ERR_TEMP, "closed, to try again what failed: %s", s->session.failure.text);
    return session_end(&s->session, e.text);
}

/* ---- Between two polls ---- */

static void take_move(struct source *s)
{
    size_t to = atomic_exchange(&s->move_to, STAY);

    if (to == STAY)
        return;
    s->first_uri = s->home = to;
    s->behind[to] = false;   /* it has caught up */
}

static void wait_until_drained(struct source *s)
{
    while (!interrupted(s) && atomic_load(&s->drained) != s->session.number)
        worker_wait(&s->worker, -1, -1);
}

/* As Axigen's own connector does: the interval is counted from when the last change was drained. The settings are read at each
 * turn, since they may change. */
static void pause_between_polls(struct source *s)
{
    int64_t since_ms;

    wait_until_drained(s);
    if (interrupted(s))
        return;
    enter(s, SOURCE_WAITING, NULL);
    since_ms = clock_mono_ms();
    while (!interrupted(s) && clock_mono_ms() < since_ms + (int64_t)s->settings->polling_s * 1000)
        worker_wait(&s->worker, -1, since_ms + (int64_t)s->settings->polling_s * 1000);
}

/* It ended as it should, in a mode in which it should end. */
static bool is_polled(struct source *s)
{
    return source_mode(s) != SOURCE_PERSIST && s->session.failure.class == ERR_NONE && s->retry_ms == 0 && session_over(&s->session);
}

static void *source_thread(void *arg)
{
    struct source *s = arg;

    while (!worker_stopping(&s->worker)) {
        if (atomic_exchange(&s->restart, false)) {
            searcher_forget(s->searcher);   /* what was told may be lost to who asked for it */
            take_move(s);
        }
        if (!run_session(s))
            break;
        if (is_polled(s))
            pause_between_polls(s);
        wait_for_retry(s);
    }
    return NULL;
}

/* ---- For other threads ---- */

struct source *source_start(const struct source_settings *settings, const struct source_hooks *hooks)
{
    struct source *s = mem_alloc(sizeof(*s));

    s->settings = settings;
    s->hooks = hooks;
    s->seed = (unsigned)clock_wall_ms();
    pthread_mutex_init(&s->why_lock, NULL);
    atomic_init(&s->move_to, STAY);
    s->behind = mem_alloc(settings->conn.n_uris * sizeof(*s->behind));
    session_init(&s->session, settings, hooks, &s->worker);
    modes_init(&s->modes, settings->mode, settings->conn.n_uris);
    atomic_init(&s->mode, s->modes.now);
    s->searcher = searcher_new(settings, hooks, &s->worker, &s->restart);
    worker_start(&s->worker, source_thread, s);
    return s;
}

void source_restart(struct source *s, const char *why)
{
    log_info(s->settings->subject, "the sync session begins anew: %s", why);
    pthread_mutex_lock(&s->why_lock);
    snprintf(s->why, sizeof(s->why), "%s", why);
    pthread_mutex_unlock(&s->why_lock);
    atomic_store_explicit(&s->restart, true, memory_order_release);
    worker_wake(&s->worker);
}

void source_move(struct source *s, size_t uri, const char *why)
{
    atomic_store(&s->move_to, uri);
    source_restart(s, why);
}

void source_drained(struct source *s, uint32_t session)
{
    atomic_store(&s->drained, session);
    worker_wake(&s->worker);
}

void source_reload(struct source *s)
{
    worker_wake(&s->worker);
}

enum source_mode source_mode(struct source *s)
{
    return atomic_load(&s->mode);
}

size_t source_uri_index(struct source *s)
{
    return atomic_load(&s->uri);
}

bool source_stop(struct source **s, int wait_ms)
{
    struct source *gone = *s;

    *s = NULL;
    if (!worker_stop(&gone->worker, wait_ms))
        return false;
    session_free(&gone->session);
    free(gone->behind);
    searcher_free(&gone->searcher);
    pthread_mutex_destroy(&gone->why_lock);
    free(gone);
    return true;
}
