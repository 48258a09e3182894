#include "probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "clock.h"
#include "directory.h"
#include "ds389.h"
#include "lookup.h"
#include "scout.h"
#include "standing.h"
#include "watchdog.h"
#include "worker.h"

/* A search may have to walk through the whole directory before it has anything to show, so that its silence says little as long
 * as the watchdog gets its answers. Beyond so many times `timeout` the answer is not waited for. */
#define QUIET_TIMES 30
#define NOBODY SIZE_MAX

struct request {
    struct request *next;
    uint32_t token;
    unsigned search;
    size_t uri;
    bool list;
    char *base;                  /* of a list with content: where; NULL: of the search, without content. Owned */
    uint8_t *uuids;              /* n × UUID_BYTES, owned */
    struct slice *dns;           /* n, or NULL; owned, their texts in `texts` */
    struct arena texts;
    size_t n;
};

struct probe {
    struct worker worker;
    const struct probe_settings *settings;
    const struct source_hooks *hooks;
    struct directory directory;
    struct sync_batch *batch;
    bool reader_gone;
    struct watchdog *watchdog;
    struct scout *scout;
    atomic_size_t serving;       /* the server that the request under way asks; NOBODY: none is */
    atomic_bool give_up;         /* that server is silent */
    pthread_mutex_t lock;
    struct request *first, **last;   /* the queue; under lock */
};

/* ---- Answers ---- */

static void deliver(struct probe *p)
{
    struct sync_batch *batch = p->batch;

    p->batch = NULL;
    if (worker_stopping(&p->worker))
        p->reader_gone = true;
    if (batch && batch->count > 0 && !p->reader_gone)
        p->reader_gone = !p->hooks->deliver(p->hooks->ctx, batch);
    else
        sync_batch_free(&batch);
}

/* Memory for the next answer; hands a full batch on, or drops what rows that nobody wants have left in it. */
static struct arena *answer_memory(struct probe *p)
{
    if (p->batch && p->batch->arena.used > SYNC_BATCH_BYTES)
        deliver(p);
    if (p->batch == NULL)
        p->batch = sync_batch_new();
    return &p->batch->arena;
}

static struct sync_msg *answer(struct probe *p, enum sync_type type, const struct request *r)
{
    struct sync_msg *m;

    if (p->batch == NULL)
        p->batch = sync_batch_new();
    m = sync_batch_add(p->batch, type);
    m->token = r->token;
    m->search = r->search;
    m->received_ms = clock_mono_ms();
    return m;
}

static void set_text(struct probe *p, struct sync_msg *m, const char *text)
{
    m->text = arena_copy(&p->batch->arena, text, strlen(text));
}

/* ---- Rows ---- */

/* The parents of what was not found, each read once in a request. */
struct parent {
    struct slice dn;               /* in the arena of parents */
    bool readable;
    const char *text;              /* what it means that it is not */
    struct err why;                /* why nobody knows whether it is; ERR_NONE: somebody does */
};

struct parents {
    struct parent **sorted;        /* by dn */
    size_t n;
    struct arena arena;
};

/* What the rows of a request's searches are for. */
struct job {
    struct probe *probe;
    const struct request *request;
    struct lookup lookup;
    enum lookup_outcome outcome;   /* of what a row shows */
    struct anchor anchor;
    bool anchor_seen;
    bool nameless;                 /* an entry came without a readable entryUUID */
    struct parents parents;
};

static struct arena *job_memory(void *ctx)
{
    return answer_memory(((struct job *)ctx)->probe);
}

static bool lookup_row(void *ctx, struct entry *entry)
{
    struct job *job = ctx;
    struct sync_msg *m;

    if (!directory_uuid(&job->probe->directory, entry, entry->uuid))
        return !job->probe->reader_gone;
    if (memcmp(entry->uuid, job->anchor.uuid, UUID_BYTES) == 0)
        job->anchor_seen = true;
    if (lookup_answer(&job->lookup, entry->uuid)) {
        m = answer(job->probe, SYNC_LOOKUP, job->request);
        m->outcome = job->outcome;
        m->entry = entry;
    }
    return !job->probe->reader_gone;
}

static bool list_row(void *ctx, struct entry *entry)
{
    struct job *job = ctx;

    if (directory_uuid(&job->probe->directory, entry, entry->uuid))
        answer(job->probe, SYNC_LISTED, job->request)->entry = entry;
    else
        job->nameless = true;
    return !job->probe->reader_gone;
}

/* ---- Looking up ---- */

static const struct search_spec *spec_of(const struct job *job)
{
    return &job->probe->settings->source->specs[job->request->search];
}

static int quiet_s(const struct job *job)
{
    return QUIET_TIMES * job->probe->settings->source->conn.timeout_s;
}

static int look_in_place(struct job *job, struct err *e)
{
    const struct search_spec *spec = spec_of(job);
    char *filter = lookup_filter(&job->lookup, spec->filter, NULL);
    char **attrs = lookup_attrs(spec->attrs);
    struct reading r = { .base = spec->base, .scope = spec->scope, .filter = filter, .attrs = attrs,
                         .timeout_s = quiet_s(job), .memory = job_memory, .row = lookup_row, .ctx = job };
    int rc;

    job->outcome = LOOKUP_IN_PLACE;
    rc = directory_search(&job->probe->directory, &r, e);
    free(filter);
    free(attrs);
    return rc;
}

static char *const row_attrs[] = { (char *)"entryUUID", (char *)DS389_KEY, (char *)"entryCSN", (char *)"modifyTimestamp", NULL };

/* In the whole naming context, without the filter of the search; but with the anchor, which proves that the look-up works. */
static int look_anywhere(struct job *job, struct err *e)
{
    const char *context = directory_context(&job->probe->directory, spec_of(job)->base).p;
    char *filter = lookup_filter(&job->lookup, NULL, job->anchor.uuid);
    struct reading r = { .base = context, .scope = LDAP_SCOPE_SUBTREE, .filter = filter, .attrs = (char **)row_attrs,
                         .with_referrals = true, .timeout_s = quiet_s(job), .memory = job_memory, .row = lookup_row, .ctx = job };
    int rc;

    job->outcome = LOOKUP_LEFT;
    job->anchor_seen = false;
    rc = directory_search(&job->probe->directory, &r, e);
    free(filter);
    if (rc != LDAP_SUCCESS)
        return rc;
    if (r.referred) {
        err_set(e, ERR_UNAVAILABLE, "%s: a part of it lies on another server, and referrals are not followed", context);
        return LDAP_REFERRAL;
    }
    if (job->anchor_seen)
        return LDAP_SUCCESS;
    err_set(e, ERR_UNAVAILABLE, "%s: a look-up by %s does not even find the base: give the bind DN the right to read and search it",
            context, directory_key(&job->probe->directory));
    return LDAP_INSUFFICIENT_ACCESS;
}

static struct sync_msg *answer_one(struct job *job, const struct lookup_item *item, enum lookup_outcome outcome)
{
    struct arena *a = job_memory(job);
    struct sync_msg *m = answer(job->probe, SYNC_LOOKUP, job->request);

    m->entry = arena_alloc(a, sizeof(*m->entry));
    memcpy(m->entry->uuid, item->uuid, UUID_BYTES);
    m->outcome = outcome;
    return m;
}

/* All that is still without an answer. */
static void answer_unproven(struct job *job, const char *text)
{
    const struct lookup_item *item;

    lookup_all(&job->lookup);
    while ((item = lookup_next_open(&job->lookup)) != NULL)
        set_text(job->probe, answer_one(job, item, LOOKUP_UNPROVEN), text);
}

/* ---- Parents ---- */

/* Where the parent is, or belongs. */
static size_t place_of(const struct parents *all, struct slice dn)
{
    size_t low = 0, high = all->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (slice_cmp(all->sorted[middle]->dn, dn) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const char *meaning(struct arena *a, struct slice parent)
{
    static const char format[] = "its parent %.*s can't be read: the right to was lost, or the branch was deleted";
    size_t size = parent.len + sizeof(format);
    char *text = arena_alloc(a, size);

    snprintf(text, size, format, SLICE_ARG(parent));
    return text;
}

static struct parent *add_parent(struct parents *all, size_t at, struct slice dn)
{
    struct parent *p = arena_alloc(&all->arena, sizeof(*p));

    p->dn = arena_copy(&all->arena, dn.p, dn.len);
    p->text = meaning(&all->arena, dn);
    all->sorted = mem_realloc(all->sorted, (all->n + 1) * sizeof(struct parent *));
    memmove(all->sorted + at + 1, all->sorted + at, (all->n - at) * sizeof(struct parent *));
    all->sorted[at] = p;
    all->n++;
    return p;
}

/* A parent, read if it was not yet. Not 0: the connection is gone. */
static int read_parent(struct job *job, struct slice dn, struct parent **parent, struct err *e)
{
    struct parents *all = &job->parents;
    size_t at = place_of(all, dn);
    struct err why = { 0 };
    bool readable = false;
    int rc;

    if (at < all->n && slice_eq(all->sorted[at]->dn, dn)) {
        *parent = all->sorted[at];
        return LDAP_SUCCESS;
    }
    rc = directory_is_readable(&job->probe->directory, dn.p, &readable, &why);
    if (rc < 0) {
        *e = why;
        return rc;
    }
    *parent = add_parent(all, at, dn);
    (*parent)->readable = readable;
    if (rc != LDAP_SUCCESS)
        (*parent)->why = why;
    return LDAP_SUCCESS;
}

/* The parent of where it was known to be; NULL if there is none to be read. As read_parent(). */
static int find_parent(struct job *job, const struct lookup_item *item, struct parent **parent, struct err *e)
{
    struct arena scratch = { 0 };
    struct slice dn = directory_parent(&job->probe->directory, item->dn, &scratch);
    int rc = LDAP_SUCCESS;

    *parent = NULL;
    if (dn.len > 0)
        rc = read_parent(job, dn, parent, e);
    arena_free(&scratch);
    return rc;
}

static void free_parents(struct parents *all)
{
    free(all->sorted);
    arena_free(&all->arena);
}

/* The server does not show it anywhere. Was it deleted, or the right to see where it was lost? */
static int answer_not_found(struct job *job, const struct lookup_item *item, struct err *e)
{
    struct parent *parent;
    struct sync_msg *m;
    int rc = find_parent(job, item, &parent, e);

    if (rc != LDAP_SUCCESS || (parent && parent->why.class != ERR_NONE)) {
        set_text(job->probe, answer_one(job, item, LOOKUP_UNPROVEN), rc != LDAP_SUCCESS ? e->text : parent->why.text);
        return rc;
    }
    m = answer_one(job, item, LOOKUP_DELETED);
    if (parent == NULL || parent->readable)
        return LDAP_SUCCESS;
    m->parent_unreadable = true;
    set_text(job->probe, m, parent->text);
    return LDAP_SUCCESS;
}

static int answer_rest(struct job *job, struct err *e)
{
    const struct lookup_item *item;
    int rc = LDAP_SUCCESS;

    while (rc == LDAP_SUCCESS && (item = lookup_next_open(&job->lookup)) != NULL)
        rc = answer_not_found(job, item, e);
    return rc;
}

/* One part of the UUIDs: in place, then anywhere, and what is not found at all is deleted. */
static int look_up_part(struct job *job, struct err *e)
{
    const char *base = spec_of(job)->base;
    int rc = look_in_place(job, e);

    if (rc != LDAP_SUCCESS || lookup_is_answered(&job->lookup))
        return rc;
    if (directory_context(&job->probe->directory, base).p == NULL) {
        err_set(e, ERR_UNAVAILABLE, "%s: the server's root DSE names no naming context for it, so nothing proves that an entry is gone",
                base);
        return LDAP_NO_SUCH_OBJECT;
    }
    rc = look_anywhere(job, e);
    return rc == LDAP_SUCCESS ? answer_rest(job, e) : rc;
}

static int look_up(struct job *job, struct err *e)
{
    const struct request *r = job->request;
    int rc = directory_anchor(&job->probe->directory, r->search, &job->anchor, e);

    while (rc == LDAP_SUCCESS && lookup_part(&job->lookup))
        rc = look_up_part(job, e);
    return rc;
}

/* ---- Listing ---- */

static int list(struct job *job, struct err *e)
{
    const struct search_spec *spec = spec_of(job);
    const char *base = job->request->base;
    char **whole = base ? lookup_attrs(spec->attrs) : NULL;
    struct reading r = { .base = base ? base : spec->base, .scope = spec->scope, .filter = spec->filter,
                         .attrs = whole ? whole : (char **)row_attrs, .timeout_s = quiet_s(job), .memory = job_memory, .row = list_row,
                         .ctx = job };
    int rc = directory_search(&job->probe->directory, &r, e);

    free(whole);
    if (rc != LDAP_SUCCESS || !job->nameless)
        return rc;
    err_set(e, ERR_UNAVAILABLE, "%s: entries came without %s: give the bind DN the right to read it", spec->base,
            directory_key(&job->probe->directory));
    return LDAP_NO_SUCH_ATTRIBUTE;
}

/* ---- Requests ---- */

/* Where the server stands, which is read first on the same connection. */
static int begin(struct probe *p, const struct request *r, struct err *e)
{
    struct sync_msg m = { .type = SYNC_CONTEXT, .search = r->search, .token = r->token };
    int rc = standing_ask(&p->directory, r->uri, answer_memory(p), &m, e);

    m.received_ms = clock_mono_ms();
    if (rc == LDAP_SUCCESS)
        *answer(p, SYNC_CONTEXT, r) = m;
    return rc;
}

static void serve(struct probe *p, const struct request *r)
{
    struct job job = { .probe = p, .request = r };
    struct err e = { 0 };
    struct sync_msg *m;
    int rc;

    lookup_init(&job.lookup, r->uuids, r->dns, r->n);
    rc = begin(p, r, &e);
    job.lookup.ds389 = p->directory.ds389;
    if (rc == LDAP_SUCCESS)
        rc = r->list ? list(&job, &e) : look_up(&job, &e);
    if (rc == LDAP_SUCCESS)
        err_clear(&e);
    answer_unproven(&job, e.text);
    m = answer(p, SYNC_PROBE_END, r);
    m->rc = rc;
    set_text(p, m, e.text);
    lookup_free(&job.lookup);
    free_parents(&job.parents);
    deliver(p);
}

/* The watchdog's: whoever waits for an answer of that server waits in vain, and asks again when it is time. */
static void on_silence(void *ctx, size_t uri)
{
    struct probe *p = ctx;

    if (atomic_load(&p->serving) != uri)
        return;
    atomic_store(&p->give_up, true);
    worker_wake(&p->worker);
}

/* ---- The thread ---- */

static struct request *take_request(struct probe *p)
{
    struct request *r;

    pthread_mutex_lock(&p->lock);
    r = p->first;
    if (r) {
        p->first = r->next;
        if (p->first == NULL)
            p->last = &p->first;
    }
    pthread_mutex_unlock(&p->lock);
    return r;
}

static void free_request(struct request *r)
{
    free(r->uuids);
    free(r->base);
    free(r->dns);
    arena_free(&r->texts);
    free(r);
}

static void *probe_thread(void *arg)
{
    struct probe *p = arg;

    while (!worker_stopping(&p->worker) && !p->reader_gone) {
        struct request *r = take_request(p);

        if (r) {
            atomic_store(&p->give_up, false);
            atomic_store(&p->serving, r->uri);
            serve(p, r);
            atomic_store(&p->serving, NOBODY);
            free_request(r);
        } else {
            worker_wait(&p->worker, -1, -1);
        }
    }
    directory_close(&p->directory);
    return NULL;
}

struct probe *probe_start(const struct probe_settings *settings, const struct source_hooks *hooks)
{
    struct probe *p = mem_alloc(sizeof(*p));

    p->settings = settings;
    p->hooks = hooks;
    p->last = &p->first;
    pthread_mutex_init(&p->lock, NULL);
    atomic_store(&p->serving, NOBODY);
    directory_init(&p->directory, settings->source, &p->worker);
    p->directory.give_up = &p->give_up;
    worker_start(&p->worker, probe_thread, p);
    p->watchdog = watchdog_start(settings, hooks, on_silence, p);
    p->scout = scout_start(settings, hooks);
    return p;
}

static void enqueue(struct probe *p, struct request *r)
{
    watchdog_set_uri(p->watchdog, r->uri);
    pthread_mutex_lock(&p->lock);
    *p->last = r;
    p->last = &r->next;
    pthread_mutex_unlock(&p->lock);
    worker_wake(&p->worker);
}

static void copy_dns(struct request *r, const struct slice *dns)
{
    r->dns = mem_alloc(r->n * sizeof(*r->dns));
    for (size_t i = 0; i < r->n; i++)
        if (dns[i].len > 0)
            r->dns[i] = arena_copy(&r->texts, dns[i].p, dns[i].len);
}

void probe_lookup(struct probe *p, uint32_t token, unsigned search, size_t uri, const uint8_t *uuids,
                  const struct slice *dns, size_t n)
{
    struct request *r = mem_alloc(sizeof(*r));

    *r = (struct request){ .token = token, .search = search, .uri = uri, .n = n };
    r->uuids = mem_alloc(n * UUID_BYTES);
    if (n > 0)
        memcpy(r->uuids, uuids, n * UUID_BYTES);
    if (dns)
        copy_dns(r, dns);
    enqueue(p, r);
}

void probe_list(struct probe *p, uint32_t token, unsigned search, size_t uri)
{
    struct request *r = mem_alloc(sizeof(*r));

    *r = (struct request){ .token = token, .search = search, .uri = uri, .list = true };
    enqueue(p, r);
}

void probe_read(struct probe *p, uint32_t token, unsigned search, size_t uri, const char *base)
{
    struct request *r = mem_alloc(sizeof(*r));

    *r = (struct request){ .token = token, .search = search, .uri = uri, .list = true, .base = mem_strdup(base) };
    enqueue(p, r);
}

void probe_set_uri(struct probe *p, size_t uri)
{
    watchdog_set_uri(p->watchdog, uri);
}

void probe_seek(struct probe *p, bool on, size_t uri)
{
    scout_seek(p->scout, on, uri);
}

bool probe_stop(struct probe **p, int wait_ms)
{
    struct probe *gone = *p;
    struct request *r;

    *p = NULL;
    /* The watchdog first: it calls on_silence(). */
    if (!scout_stop(&gone->scout, wait_ms) || !watchdog_stop(&gone->watchdog, wait_ms) || !worker_stop(&gone->worker, wait_ms))
        return false;
    while ((r = take_request(gone)) != NULL)
        free_request(r);
    sync_batch_free(&gone->batch);
    pthread_mutex_destroy(&gone->lock);
    free(gone);
    return true;
}
