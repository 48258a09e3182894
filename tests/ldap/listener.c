#include "listener.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "log.h"

static char *people_attrs[] = { (char *)"uid", (char *)"cn", (char *)"sn", (char *)"mail", (char *)"entryUUID", (char *)"entryCSN", NULL };

/* A context with a client certificate is not freed whole by libldap 2.5: consumer/ldap/tls.c. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libgnutls\nleak:libtasn1\n";
}

/* ---- The hooks; in the threads of source and probe ---- */

static void take_cookies(struct listener *l, const struct sync_batch *batch)
{
    bool malformed;

    for (const struct sync_msg *m = batch->first; m; m = m->next) {
        if (m->effect & EFFECT_COOKIE)
            cookie_take(&l->cookies[m->search], m->cookie, &malformed);
        if (m->effect & EFFECT_RESTART)
            cookie_free(&l->cookies[m->search]);
    }
}

static bool deliver(void *ctx, struct sync_batch *batch)
{
    struct listener *l = ctx;
    bool taken;

    pthread_mutex_lock(&l->lock);
    taken = !l->refuse;
    take_cookies(l, batch);
    *l->last = batch;
    l->last = &batch->next;
    pthread_cond_broadcast(&l->told);
    pthread_mutex_unlock(&l->lock);
    return taken;
}

static char *cookie(void *ctx, unsigned search)
{
    struct listener *l = ctx;
    struct buf b = { 0 };

    pthread_mutex_lock(&l->lock);
    cookie_format(&l->cookies[search], &b);
    pthread_mutex_unlock(&l->lock);
    buf_str(&b);
    return b.p;
}

static void phase(void *ctx, enum source_phase p, const char *uri, const char *text)
{
    struct listener *l = ctx;

    (void)uri;
    pthread_mutex_lock(&l->lock);
    l->phase = p;
    l->phases_seen |= 1u << p;
    if (text) {
        free(l->phase_text);
        l->phase_text = mem_strdup(text);
    }
    pthread_cond_broadcast(&l->told);
    pthread_mutex_unlock(&l->lock);
}

/* ---- Setting up ---- */

void listener_init_uri(struct listener *l, const char *uri)
{
    pthread_condattr_t monotonic;

    *l = (struct listener){ .hooks = { l, deliver, cookie, phase } };
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&l->told, &monotonic);
    pthread_mutex_init(&l->lock, NULL);
    l->last = &l->first;
    listener_set_uri(l, 0, uri);
    l->specs[0] = (struct search_spec){ .base = (char *)"dc=example,dc=com", .scope = LDAP_SCOPE_SUBTREE,
                                        .filter = (char *)"(objectClass=inetOrgPerson)", .attrs = people_attrs };
    l->settings = (struct source_settings){ .specs = l->specs, .n_specs = 1, .mode = SOURCE_PERSIST, .polling_s = 3600, .retry_min_s = 1, .retry_max_s = 2,
                                            .subject = "test" };
    l->settings.conn = (struct conn_settings){ .uris = l->uris, .n_uris = 1, .require_cert = LDAP_OPT_X_TLS_DEMAND, .timeout_s = 10 };
    l->probe_settings = (struct probe_settings){ .source = &l->settings };
    log_set_level(LOG_LEVEL_ERROR);
}

void listener_init(struct listener *l, struct slapdtest *s)
{
    listener_init_uri(l, slapdtest_uri(s));
    l->specs[0].base = (char *)slapdtest_suffix(s);
    l->settings.conn.bind_dn = (char *)slapdtest_rootdn(s);
    l->settings.conn.bind_pass = (char *)slapdtest_rootpw(s);
    l->settings.conn.ca_file = (char *)slapdtest_tls_ca(s);
}

void listener_set_uri(struct listener *l, size_t i, const char *uri)
{
    free(l->uris[i]);
    l->uris[i] = mem_strdup(uri);
}

void listener_add_search(struct listener *l, const char *base, const char *filter)
{
    l->specs[1] = l->specs[0];
    l->specs[1].base = (char *)base;
    l->specs[1].filter = (char *)filter;
    l->settings.n_specs = 2;
}

void listener_start(struct listener *l)
{
    l->source = source_start(&l->settings, &l->hooks);
}

void listener_start_probe(struct listener *l)
{
    l->probe = probe_start(&l->probe_settings, &l->hooks);
}

void listener_stop(struct listener *l)
{
    if (l->source)
        cr_assert(source_stop(&l->source, LISTENER_WAIT_MS));
    if (l->probe)
        cr_assert(probe_stop(&l->probe, LISTENER_WAIT_MS));
    cr_assert_null(l->source);
    cr_assert_null(l->probe);
}

void listener_free(struct listener *l)
{
    listener_stop(l);
    while (l->first) {
        struct sync_batch *gone = l->first;

        l->first = gone->next;
        sync_batch_free(&gone);
    }
    for (size_t i = 0; i < LISTENER_SEARCHES; i++)
        cookie_free(&l->cookies[i]);
    for (size_t i = 0; i < sizeof(l->uris) / sizeof(l->uris[0]); i++)
        free(l->uris[i]);
    free(l->phase_text);
    pthread_cond_destroy(&l->told);
    pthread_mutex_destroy(&l->lock);
}

/* ---- Waiting ---- */

/* The next message under lock, NULL if it isn't there yet. */
static struct sync_msg *step(struct listener *l)
{
    if (l->msg && l->msg->next)
        return l->msg = l->msg->next;
    if (l->batch ? l->batch->next == NULL : l->first == NULL)
        return NULL;
    l->batch = l->batch ? l->batch->next : l->first;
    return l->msg = l->batch->first;
}

/* Under lock: waits for news. False: the time is over. */
static bool wait_for_news(struct listener *l, int64_t until_ms)
{
    struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000 };

    return pthread_cond_timedwait(&l->told, &l->lock, &until) == 0;
}

static struct sync_msg *next_within(struct listener *l, int ms)
{
    int64_t until_ms = clock_mono_ms() + ms;
    struct sync_msg *m;

    pthread_mutex_lock(&l->lock);
    while ((m = step(l)) == NULL)
        if (!wait_for_news(l, until_ms))
            break;
    pthread_mutex_unlock(&l->lock);
    return m;
}

struct sync_msg *listener_next(struct listener *l)
{
    struct sync_msg *m = next_within(l, LISTENER_WAIT_MS);

    cr_assert_not_null(m, "no message came; phase %s, \"%s\"", source_phase_name(l->phase), l->phase_text ? l->phase_text : "");
    return m;
}

struct sync_msg *listener_await(struct listener *l, enum sync_type type)
{
    struct sync_msg *m;

    do
        m = listener_next(l);
    while (m->type != type);
    return m;
}

struct sync_msg *listener_expect(struct listener *l, enum sync_type type)
{
    struct sync_msg *m = listener_next(l);

    cr_assert_eq(m->type, type, "message of type %d came instead of %d: %s", m->type, type, text_of(m->text));
    return m;
}

bool listener_is_quiet(struct listener *l, int ms)
{
    return next_within(l, ms) == NULL;
}

void listener_await_phase(struct listener *l, enum source_phase p)
{
    int64_t until_ms = clock_mono_ms() + LISTENER_WAIT_MS;
    bool seen;

    pthread_mutex_lock(&l->lock);
    while (!(seen = l->phases_seen & 1u << p))
        if (!wait_for_news(l, until_ms))
            break;
    l->phases_seen = 0;
    pthread_mutex_unlock(&l->lock);
    cr_assert(seen, "phase %s did not come", source_phase_name(p));
}

/* ---- Reading ---- */

const char *text_of(struct slice s)
{
    static char text[4][2048];
    static unsigned next;
    char *to = text[next++ % 4];

    snprintf(to, sizeof(text[0]), "%.*s", SLICE_ARG(s));
    return to;
}

bool has_text(struct slice s, const char *words)
{
    return strstr(text_of(s), words) != NULL;
}

const char *value(const struct sync_msg *m, const char *attribute)
{
    const struct entry_attr *attr = entry_attr(m->entry, attribute);

    return attr && attr->n_values ? attr->values[0].p : "";
}
