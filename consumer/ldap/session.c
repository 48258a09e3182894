#include "session.h"

#include <stdlib.h>

#include "apart.h"
#include "clock.h"
#include "decode.h"
#include "ds389.h"
#include "log.h"
#include "message.h"
#include "standing.h"

/* slapd (2.5.13) ends a persist search, "search base has changed", with its list of searches locked, and after the result locks the
 * connection; a connection that closes meanwhile is locked first and then the list (syncprov_matchops() and syncprov_op_abandon()).
 * The two wait for each other for ever, and with them every write to that server. So whoever gets such a result keeps the connection
 * for a while: seen in one of ten runs without, and never since. */
#define KEEP_AFTER_PERSIST_MS 500

void session_init(struct session *s, const struct source_settings *settings, const struct source_hooks *hooks, struct worker *worker)
{
    *s = (struct session){ .settings = settings, .hooks = hooks };
    directory_init(&s->directory, settings, worker);
    s->searches = mem_alloc(settings->n_specs * sizeof(*s->searches));
}

void session_free(struct session *s)
{
    sync_batch_free(&s->batch);
    free(s->searches);
    *s = (struct session){ 0 };
}

/* ---- Delivery ---- */

static struct sync_batch *batch_of(struct session *s)
{
    if (s->batch == NULL)
        s->batch = sync_batch_new();
    return s->batch;
}

static bool deliver(struct session *s)
{
    struct sync_batch *batch = s->batch;

    s->batch = NULL;
    if (batch && batch->count > 0)
        return s->hooks->deliver(s->hooks->ctx, batch);
    sync_batch_free(&batch);
    return true;
}

static struct sync_msg *add(struct session *s, enum sync_type type, unsigned search)
{
    struct sync_msg *m = sync_batch_add(batch_of(s), type);

    m->search = search;
    m->session = s->number;
    m->received_ms = clock_mono_ms();
    return m;
}

/* ---- Begin ---- */

static int send_search(struct session *s, unsigned i, struct slice cookie, struct err *e)
{
    const struct search_spec *spec = &s->settings->specs[i];
    struct buf value = { 0 };
    LDAPControl control = { .ldctl_oid = (char *)SYNC_REQUEST_OID, .ldctl_iscritical = 1 };
    LDAPControl *controls[] = { &control, NULL };
    int rc;

    /* reloadHint stays FALSE: a refresh that had to begin anew is then announced by e-syncRefreshRequired, and not to be guessed. */
    decode_make_request(s->persist ? SYNC_REFRESH_AND_PERSIST : SYNC_REFRESH_ONLY, cookie, false, &value);
    control.ldctl_value = (struct berval){ value.len, value.p };
    rc = ldap_search_ext(s->ld, spec->base, spec->scope, spec->filter, spec->attrs, 0, controls, NULL, NULL, LDAP_NO_LIMIT,
                         &s->searches[i].msgid);
    buf_free(&value);
    if (rc == LDAP_SUCCESS)
        return 0;
    conn_explain(s->ld, rc, spec->base, NULL, e);
    return -1;
}

/* The cookie to send, malloc'ed; NULL: none. */
static char *choose_cookie(struct session *s, unsigned i, const struct sync_msg *begun)
{
    char *cookie = NULL;

    if (!s->searches[i].start_empty && !s->without_cookie)
        cookie = s->hooks->cookie(s->hooks->ctx, i);
    if (cookie && s->ds389 && ds389_is_trimmed(cookie, begun->first_change)) {
        log_warning(s->settings->subject, "%s: its changelog was trimmed beyond what we know of \"%s\": all of it is read anew", s->uri,
                    s->settings->specs[i].base);
        free(cookie);
        return NULL;
    }
    return cookie;
}

static int begin_search(struct session *s, unsigned i, struct err *e)
{
    struct search *search = &s->searches[i];
    struct sync_msg begun = { .search = i }, *m;
    bool had_cookie;
    char *cookie;
    int rc;

    if (standing_read(&s->directory, &batch_of(s)->arena, &begun, e) < 0)
        return -1;
    cookie = choose_cookie(s, i, &begun);
    had_cookie = cookie && *cookie && strcmp(cookie, SEARCHED_COOKIE) != 0;
    rc = send_search(s, i, had_cookie ? slice_of(cookie) : (struct slice){ 0 }, e);
    free(cookie);
    search->complete = search->failed = false;
    search->state =
        (struct phase_state){ .phase = PHASE_OF_REFRESH, .persist_mode = s->persist, .had_cookie = had_cookie };
    if (rc < 0)
        return -1;
    m = add(s, SYNC_BEGIN, i);
    m->had_cookie = had_cookie;
    m->apart = s->apart;
    m->refused = s->without_cookie;
    m->poll = !s->persist;
    m->csns = begun.csns;
    m->n_csns = begun.n_csns;
    m->mark = begun.mark;
    m->last_change = begun.last_change;
    m->uri = arena_copy(&s->batch->arena, s->uri, strlen(s->uri));
    return 0;
}

/* As one that is through: the session waits for nothing of it. */
static void leave_out(struct search *search)
{
    search->msgid = -1;
    search->complete = true;
    search->failed = false;
    search->state.phase = PHASE_OF_OVER;
}

/* All searches, each after a look at where the server stands. */
static int begin_searches(struct session *s, size_t uri, struct err *e)
{
    if (directory_borrow(&s->directory, s->ld, uri, e) < 0 || apart_find(&s->directory, &s->apart, e) < 0)
        return -1;
    s->ds389 = s->directory.ds389;
    for (unsigned i = 0; i < s->settings->n_specs; i++)
        if (!apart_has(&s->settings->specs[i], s->apart))
            leave_out(&s->searches[i]);
        else if (begin_search(s, i, e) < 0)
            return -1;
    return 0;
}

enum session_step session_begin(struct session *s, LDAP *ld, size_t uri, bool without_cookie, struct err *e)
{
    int rc;

    s->ld = ld;
    s->uri = s->settings->conn.uris[uri];
    s->without_cookie = without_cookie;
    s->refused = false;
    s->number++;
    s->close_ms = 0;
    err_clear(&s->failure);
    /* None is over before it has begun, so that a failure half-way is told as one. */
    for (unsigned i = 0; i < s->settings->n_specs; i++)
        s->searches[i].state.phase = PHASE_OF_REFRESH;
    rc = begin_searches(s, uri, e);
    directory_close(&s->directory);
    if (rc < 0)
        return SESSION_GONE;
    return deliver(s) ? SESSION_GOES_ON : SESSION_READER_GONE;
}

void session_skip(struct session *s)
{
    s->number++;
    s->close_ms = 0;
    s->without_cookie = s->refused = false;
    for (unsigned i = 0; i < s->settings->n_specs; i++)
        s->searches[i].state.phase = PHASE_OF_OVER;
}

/* ---- Messages ---- */

static int search_of(const struct session *s, int msgid)
{
    for (size_t i = 0; i < s->settings->n_specs; i++)
        if (s->searches[i].msgid == msgid)
            return (int)i;
    return -1;
}

/* "consumer state is newer than provider!" and "consumer has state info but provider doesn't!": the cookie is ahead of what slapd
 * has. 53 has other meanings too (389: too many persistent searches), which no other cookie would cure. */
static bool is_behind_us(const struct search *search, const struct sync_msg *m)
{
    return m->rc == LDAP_UNWILLING_TO_PERFORM && search->state.had_cookie && m->text.len > 0 && strstr(m->text.p, "consumer");
}

/* The result of a search that did not succeed; its text becomes one for people. */
static void take_failure(struct session *s, unsigned i, struct sync_msg *m)
{
    bool behind = is_behind_us(&s->searches[i], m);
    struct err e = { 0 };
    char *what = mem_printf("sync search of \"%s\"", s->settings->specs[i].base);

    if (m->rc != 0)
        conn_explain(s->ld, m->rc, what, m->text.p, &e);
    else
        err_set(&e, ERR_UNAVAILABLE, "%s: the server ended it without completing it", what);
    free(what);
    m->text = arena_copy(&batch_of(s)->arena, e.text, strlen(e.text));
    s->searches[i].failed = true;
    s->refused |= behind;
    if (s->failure.class == ERR_NONE)
        s->failure = e;
}

/* After e-syncRefreshRequired: begin anew at once; but where that was the answer to an empty cookie, at once would be for ever. */
static enum session_step take_restart(struct session *s, unsigned i, bool had_refresh)
{
    struct search *search = &s->searches[i];

    search->start_empty = true;
    if (!search->state.had_cookie && had_refresh)
        return SESSION_GOES_ON;
    return SESSION_RESTART;
}

/* What a message that is legal does to its search. */
static enum session_step take_effect(struct session *s, unsigned i, struct sync_msg *m, enum phase before)
{
    struct search *search = &s->searches[i];

    if (m->effect & EFFECT_COMPLETE) {
        search->complete = true;
        search->start_empty = false;
    }
    if (m->type != SYNC_DONE)
        return SESSION_GOES_ON;
    if (before == PHASE_OF_PERSIST)
        s->close_ms = clock_mono_ms() + KEEP_AFTER_PERSIST_MS;
    if (m->rc != 0 || !(m->effect & EFFECT_COMPLETE))
        take_failure(s, i, m);
    if (m->effect & EFFECT_RESTART)
        return take_restart(s, i, before != PHASE_OF_PERSIST);
    return SESSION_GOES_ON;
}

/* By entryUUID each of its entries would be another one, and none of those that it has told would be found. */
static enum session_step is_hidden_389(const struct session *s, struct err *e)
{
    err_set(e, ERR_DATA, "%s sends cookies as 389 Directory Server does, and its root DSE does not say that it is one: let the bind DN "
                         "read " DS389_VENDOR " there; session dropped", s->uri);
    return SESSION_GONE;
}

static enum session_step take_sync(struct session *s, unsigned i, const struct message *msg, struct err *e)
{
    struct search *search = &s->searches[i];
    struct sync_msg m = { 0 };
    enum phase before = search->state.phase;
    enum session_step step;

    /* Complete before it joins the batch: one that does not decode never does. */
    if (message_sync(msg, &m, &batch_of(s)->arena, e) < 0 ||
        (m.type != MESSAGE_IGNORED && phase_step(&search->state, &m, e) < 0)) {
        err_add(e, "sync search of \"%s\", session dropped", s->settings->specs[i].base);
        return SESSION_GONE;
    }
    if (m.type == MESSAGE_IGNORED)
        return SESSION_GOES_ON;
    if (s->ds389)
        ds389_judge(&search->state, before, &m);
    else if (m.has_cookie && ds389_is_cookie(m.cookie))
        return is_hidden_389(s, e);
    step = take_effect(s, i, &m, before);
    m.search = i;
    m.session = s->number;
    m.received_ms = clock_mono_ms();
    *sync_batch_add(s->batch, m.type) = m;
    return step;
}

/* An unsolicited notification: a notice of disconnection (RFC 4511, section 4.4.1), or one that we don't know. Either way the server
 * is about to go. */
static enum session_step take_notice(struct session *s, const struct message *msg, struct err *e)
{
    struct slice text;
    int rc;

    if (message_result(msg, &rc, &text, &batch_of(s)->arena, e) == 0)
        conn_explain(s->ld, rc, "the server announces that it disconnects", text.p, e);
    return SESSION_GONE;
}

static enum session_step take_message(struct session *s, LDAPMessage *from, struct err *e)
{
    struct message msg;
    int i = search_of(s, ldap_msgid(from));

    if (!conn_message(from, &msg)) {
        err_set(e, ERR_DATA, "a message came that is no LDAPMessage, session dropped");
        return SESSION_GONE;
    }
    if (ldap_msgid(from) == 0)
        return take_notice(s, &msg, e);
    return i < 0 ? SESSION_GOES_ON : take_sync(s, (unsigned)i, &msg, e);
}

/* One message; *more is false when none is there. */
static enum session_step read_message(struct session *s, bool *more, struct err *e)
{
    struct timeval at_once = { 0 };
    LDAPMessage *msg = NULL;
    enum session_step step;
    int rc = ldap_result(s->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &at_once, &msg);

    *more = rc > 0 || (rc == 0 && conn_has_more(s->ld));   /* it gives 0 also when it took off a message of nobody's */
    if (rc == 0)
        return SESSION_GOES_ON;
    if (rc < 0) {
        conn_explain(s->ld, conn_error(s->ld), "connection lost", NULL, e);
        return SESSION_GONE;
    }
    step = take_message(s, msg, e);
    ldap_msgfree(msg);
    return step;
}

enum session_step session_drain(struct session *s, bool (*stop)(void *), void *arg, struct err *e)
{
    bool more = true;

    while (more) {
        enum session_step step;

        if (stop(arg))
            return SESSION_GOES_ON;
        step = read_message(s, &more, e);

        /* What came before the end came in order, and counts. */
        if (step != SESSION_GOES_ON)
            return deliver(s) ? step : SESSION_READER_GONE;
        if (s->batch && s->batch->arena.used > SYNC_BATCH_BYTES && !deliver(s))
            return SESSION_READER_GONE;
    }
    return deliver(s) ? SESSION_GOES_ON : SESSION_READER_GONE;
}

/* ---- End ---- */

bool session_end(struct session *s, const char *text)
{
    struct sync_msg *m;

    s->ld = NULL;
    if (session_over(s))
        return true;
    m = add(s, SYNC_LOST, 0);
    m->text = arena_copy(&s->batch->arena, text, strlen(text));
    return deliver(s);
}

bool session_complete(const struct session *s)
{
    for (size_t i = 0; i < s->settings->n_specs; i++)
        if (!s->searches[i].complete)
            return false;
    return true;
}

bool session_over(const struct session *s)
{
    for (size_t i = 0; i < s->settings->n_specs; i++)
        if (s->searches[i].state.phase != PHASE_OF_OVER)
            return false;
    return true;
}

bool session_refreshing(const struct session *s)
{
    for (size_t i = 0; i < s->settings->n_specs; i++) {
        enum phase phase = s->searches[i].state.phase;

        if (phase == PHASE_OF_REFRESH || phase == PHASE_OF_REFRESH_DELETE)
            return true;
    }
    return false;
}
