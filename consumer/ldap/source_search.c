#include "source_search.h"

#include <stdlib.h>

#include "clock.h"
#include "ds389.h"
#include "lookup.h"
#include "paged.h"
#include "rootdse.h"
#include "since.h"
#include "standing.h"

/* Lists take one part in so many of the time at most. */
#define LIST_SHARE 20

/* Entries by DN and stamp, as hashes: one that is missed by a collision is found by the next list. */
struct marks {
    uint64_t *sorted;
    size_t n, cap;
};

/* What is known of a search from one poll to the next. */
struct searched {
    struct since since, next; /* of the polls that succeeded; with what the one under way has seen */
    bool blind;               /* entries have no stamps that can be searched by */
    struct marks seen;        /* what has changed lately and was told of */
    bool listed;
    bool owed;                /* a list is due, as soon as there may be one */
    int64_t listed_ms;        /* monotonic: when the last one began */
    int64_t list_took_ms;
    struct buf sign;          /* of this poll: take_sign() */
    struct buf quiet;         /* … of the last one that listed */
};

struct searcher {
    const struct source_settings *settings;
    const struct source_hooks *hooks;
    struct directory directory;
    struct sync_batch *batch;
    bool reader_gone;
    uint32_t number;
    size_t uri;
    struct rootdse root;
    struct buf deletions;     /* read_deletions() */
    struct searched *states;  /* settings->n_specs */
    bool *known;              /* … was read in full before */
    int64_t began_ms;
};

/* The rows of one of its searches. */
struct row_job {
    struct searcher *searcher;
    unsigned search;
    unsigned effect;          /* of the messages that they become; 0: they become none */
    enum sync_state state;
    struct arena scratch;
    struct marks marks;
    bool nameless;            /* an entry came without a readable entryUUID */
};

/* ---- Marks ---- */

static void marks_free(struct marks *m)
{
    free(m->sorted);
    *m = (struct marks){ 0 };
}

static void marks_add(struct marks *m, const struct entry *e)
{
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 64;
        m->sorted = mem_realloc(m->sorted, m->cap * sizeof(*m->sorted));
    }
    m->sorted[m->n++] = hash64(e->dn) * 31 + hash64(entry_stamp(e));
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void marks_sort(struct marks *m)
{
    if (m->n)
        qsort(m->sorted, m->n, sizeof(*m->sorted), compare);
}

/* Whether all of a are in b; both sorted. */
static bool marks_within(const struct marks *a, const struct marks *b)
{
    for (size_t i = 0; i < a->n; i++)
        if (b->n == 0 || bsearch(&a->sorted[i], b->sorted, b->n, sizeof(*b->sorted), compare) == NULL)
            return false;
    return true;
}

/* ---- Messages ---- */

static struct sync_batch *batch_of(struct searcher *s)
{
    if (s->batch == NULL)
        s->batch = sync_batch_new();
    return s->batch;
}

static void deliver(struct searcher *s)
{
    struct sync_batch *batch = s->batch;

    s->batch = NULL;
    if (batch && batch->count > 0 && !s->reader_gone)
        s->reader_gone = !s->hooks->deliver(s->hooks->ctx, batch);
    else
        sync_batch_free(&batch);
}

static struct sync_msg *add(struct searcher *s, enum sync_type type, unsigned search)
{
    struct sync_msg *m = sync_batch_add(batch_of(s), type);

    m->search = search;
    m->session = s->number;
    m->searched = true;
    m->received_ms = clock_mono_ms();
    return m;
}

static void set_text(struct searcher *s, struct sync_msg *m, const char *text)
{
    m->text = arena_copy(&s->batch->arena, text, strlen(text));
}

/* ---- Rows ---- */

static struct arena *row_memory(void *ctx)
{
    struct row_job *job = ctx;
    struct searcher *s = job->searcher;

    if (job->effect == 0) {
        arena_reset(&job->scratch);
        return &job->scratch;
    }
    if (s->batch && s->batch->arena.used > SYNC_BATCH_BYTES)
        deliver(s);
    return &batch_of(s)->arena;
}

static bool take_row(void *ctx, struct entry *entry)
{
    struct row_job *job = ctx;
    struct searcher *s = job->searcher;
    struct searched *st = &s->states[job->search];
    bool stamped = since_saw(&st->next, entry_stamp(entry), s->began_ms);
    struct sync_msg *m;

    if (job->effect == 0) {   /* be it ours or not */
        marks_add(&job->marks, entry);
        return true;
    }
    st->blind |= !stamped;
    if (!directory_uuid(&s->directory, entry, entry->uuid)) {
        job->nameless = true;
        return true;
    }
    m = add(s, SYNC_ENTRY, job->search);
    m->entry = entry;
    m->state = job->state;
    m->effect = job->effect;
    return !s->reader_gone;
}

static int read_rows(struct row_job *job, const char *base, int scope, const char *filter, char **attrs, struct err *e)
{
    struct searcher *s = job->searcher;
    struct reading r = { .base = base, .scope = scope, .filter = filter, .attrs = attrs,
                         .memory = row_memory, .row = take_row, .ctx = job };
    int rc = paged_search(&s->directory, &r, s->root.paged, e);

    arena_free(&job->scratch);
    if (rc != LDAP_SUCCESS || !job->nameless)
        return rc;
    err_set(e, ERR_UNAVAILABLE, "%s: entries came without %s: give the bind DN the right to read it", base, directory_key(&s->directory));
    return LDAP_NO_SUCH_ATTRIBUTE;
}

/* ---- What a poll asks for ---- */

static char *const row_attrs[] = { (char *)"entryUUID", (char *)DS389_KEY, (char *)"entryCSN", (char *)"modifyTimestamp", NULL };

static int read_content(struct searcher *s, unsigned i, const char *filter, unsigned effect, enum sync_state state, struct err *e)
{
    const struct search_spec *spec = &s->settings->specs[i];
    struct row_job job = { .searcher = s, .search = i, .effect = effect, .state = state };
    char **attrs = lookup_attrs(spec->attrs);
    int rc = read_rows(&job, spec->base, spec->scope, filter, attrs, e);

    free(attrs);
    return rc;
}

static int read_all(struct searcher *s, unsigned i, struct err *e)
{
    return read_content(s, i, s->settings->specs[i].filter, EFFECT_CONTENT | EFFECT_PRESENT, SYNC_STATE_ADD, e);
}

static int read_changed(struct searcher *s, unsigned i, struct err *e)
{
    struct buf filter = { 0 };
    int rc;

    since_filter(&s->states[i].since, s->settings->specs[i].filter, &filter);
    rc = read_content(s, i, buf_str(&filter), EFFECT_CONTENT, SYNC_STATE_MODIFY, e);
    buf_free(&filter);
    return rc;
}

static int read_list(struct searcher *s, unsigned i, struct err *e)
{
    const struct search_spec *spec = &s->settings->specs[i];
    struct row_job job = { .searcher = s, .search = i, .effect = EFFECT_PRESENT | EFFECT_ROW };

    return read_rows(&job, spec->base, spec->scope, spec->filter, (char **)row_attrs, e);
}

/* Of entries without a stamp nothing but their content says that they have changed. */
static int list(struct searcher *s, unsigned i, struct err *e)
{
    struct searched *st = &s->states[i];
    int64_t from_ms = clock_mono_ms();
    int rc = st->blind ? read_all(s, i, e) : read_list(s, i, e);

    st->listed_ms = from_ms;
    st->list_took_ms = clock_mono_ms() - from_ms;
    return rc;
}

/* Whether anything in the naming context, be it one of ours or not, has a stamp that was not seen yet: a renamed container moves those
 * below it, and who does not match the filter any more has left. What can't be asked there counts as changed. */
static int look_around(struct searcher *s, unsigned i, struct marks *marks, bool *changed, struct err *e)
{
    const char *base = s->settings->specs[i].base;
    struct slice context = directory_context(&s->directory, base);
    struct row_job job = { .searcher = s, .search = i };
    struct buf filter = { 0 };
    int rc;

    since_filter(&s->states[i].since, NULL, &filter);
    rc = read_rows(&job, context.p ? context.p : base, LDAP_SCOPE_SUBTREE, buf_str(&filter), (char **)row_attrs, e);
    buf_free(&filter);
    *marks = job.marks;
    marks_sort(marks);
    *changed = rc != LDAP_SUCCESS || !marks_within(marks, &s->states[i].seen) || since_is_open(&s->states[i].since);
    if (rc > 0)
        err_clear(e);
    return rc > 0 ? LDAP_SUCCESS : rc;
}

/* ---- Is a list due? ---- */

/* 389 numbers all changes, if it has a changelog. */
static int read_last_change(struct searcher *s, struct err *e)
{
    struct sync_msg m = { 0 };
    int rc = ds389_standing(&s->directory, &m, e);

    if (rc == LDAP_SUCCESS && m.last_change > 0)
        buf_printf(&s->deletions, "%lld", (long long)m.last_change);
    return rc;
}

/* slapd's count of deletions, with the start that it counts from: while both stay as they are, none was made. Empty if they can't be
 * read. Read as the poll begins, so that what happens in it shows in the next one. */
static int read_deletions(struct searcher *s, struct err *e)
{
    size_t len;
    int rc;

    buf_reset(&s->deletions);
    if (s->directory.ds389)
        return read_last_change(s, e);
    rc = rootdse_value(&s->directory, "cn=Delete,cn=Operations,cn=Monitor", "monitorOpCompleted", &s->deletions, e);
    len = s->deletions.len;
    if (rc != LDAP_SUCCESS || len == 0)
        return rc;
    buf_u8(&s->deletions, ' ');
    rc = rootdse_value(&s->directory, "cn=Start,cn=Time,cn=Monitor", "monitorTimestamp", &s->deletions, e);
    if (s->deletions.len == len + 1)
        buf_reset(&s->deletions);
    return rc;
}

/* While it stays the same nothing was deleted: neither by a client, whom slapd counts, nor by syncrepl, which it does not, but whose
 * changes move contextCSN. */
static void take_sign(struct searcher *s, struct searched *st, const struct sync_msg *standing)
{
    buf_reset(&st->sign);
    if (s->deletions.len == 0)
        return;
    buf_add_slice(&st->sign, buf_slice(&s->deletions));
    for (uint32_t i = 0; i < standing->n_csns; i++) {
        buf_u8(&st->sign, ' ');
        buf_add_slice(&st->sign, standing->csns[i]);
    }
}

static bool nothing_deleted(const struct searched *st)
{
    return st->sign.len > 0 && slice_eq(buf_slice(&st->sign), buf_slice(&st->quiet));
}

static bool must_list(struct searched *st, bool changed)
{
    if (!st->listed)
        return true;
    st->owed |= changed || !nothing_deleted(st);
    return st->owed && clock_mono_ms() - st->listed_ms >= st->list_took_ms * LIST_SHARE;
}

static void note_listed(struct searched *st)
{
    st->listed = true;
    st->owed = false;
    buf_reset(&st->quiet);
    buf_add_slice(&st->quiet, buf_slice(&st->sign));
}

/* ---- One search of a poll ---- */

static int find_changes(struct searcher *s, unsigned i, bool *listed, struct err *e)
{
    struct searched *st = &s->states[i];
    struct marks marks = { 0 };
    bool by_stamp = st->listed && st->since.latest[0] && !st->blind, changed = !by_stamp;
    int rc;

    /* 389's sign is one of all changes. The search for stamps would go through all entries there, which has no index for it. */
    *listed = false;
    if (s->directory.ds389 && st->listed && nothing_deleted(st))
        return LDAP_SUCCESS;
    rc = by_stamp ? look_around(s, i, &marks, &changed, e) : LDAP_SUCCESS;

    if (rc == LDAP_SUCCESS && by_stamp && changed)
        rc = read_changed(s, i, e);
    *listed = rc == LDAP_SUCCESS && must_list(st, changed);
    if (*listed)
        rc = list(s, i, e);
    if (rc != LDAP_SUCCESS || !by_stamp) {
        marks_free(&marks);
        return rc;
    }
    marks_free(&st->seen);
    st->seen = marks;
    return LDAP_SUCCESS;
}

static void tell_end(struct searcher *s, unsigned i, int rc, bool listed, const struct err *e)
{
    struct sync_msg *m = add(s, SYNC_DONE, i);

    m->rc = rc;
    m->effect = EFFECT_END;
    if (rc == LDAP_SUCCESS)
        m->effect |= EFFECT_COMPLETE | (listed ? EFFECT_ABSENT : 0);
    else
        set_text(s, m, e->text);
}

/* A result code other than success is told and goes to *failure; a negative one means that the connection is gone. */
static int poll_one(struct searcher *s, unsigned i, struct err *failure, struct err *e)
{
    struct searched *st = &s->states[i];
    bool listed = true;
    int rc;

    st->next = st->since;
    rc = s->known[i] ? find_changes(s, i, &listed, e) : read_all(s, i, e);

    if (rc < 0)
        return rc;
    tell_end(s, i, rc, listed, e);
    if (rc != LDAP_SUCCESS) {
        e->code = rc;
        if (failure->class == ERR_NONE)
            *failure = *e;
        return LDAP_SUCCESS;
    }
    st->since = st->next;
    since_polled(&st->since, s->began_ms);
    if (listed)
        note_listed(st);
    return LDAP_SUCCESS;
}

/* ---- A poll ---- */

static int tell_begin(struct searcher *s, unsigned i, struct err *e)
{
    struct sync_msg standing = { .search = i }, *m;
    const char *uri = s->settings->conn.uris[s->uri];
    int rc = standing_read(&s->directory, &batch_of(s)->arena, &standing, e);
    char *cookie;

    if (rc < 0)
        return rc;
    take_sign(s, &s->states[i], &standing);
    cookie = s->hooks->cookie(s->hooks->ctx, i);
    s->known[i] = cookie && *cookie;
    free(cookie);
    m = add(s, SYNC_BEGIN, i);
    m->poll = true;
    m->had_cookie = s->known[i];
    m->csns = standing.csns;
    m->n_csns = standing.n_csns;
    m->mark = standing.mark;
    m->uri = arena_copy(&s->batch->arena, uri, strlen(uri));
    return LDAP_SUCCESS;
}

/* All begin before the first ends, so that no moment looks as if all were through. */
static int tell_begins(struct searcher *s, struct err *e)
{
    int rc = LDAP_SUCCESS;

    for (unsigned i = 0; rc == LDAP_SUCCESS && i < s->settings->n_specs; i++)
        rc = tell_begin(s, i, e);
    deliver(s);
    return rc;
}

static int run_poll(struct searcher *s, LDAP *ld, struct err *failure, struct err *e)
{
    int rc = directory_borrow(&s->directory, ld, s->uri, e);

    if (rc == LDAP_SUCCESS)
        rc = rootdse_read(&s->directory, &s->root, e);
    if (rc == LDAP_SUCCESS)
        rc = read_deletions(s, e);
    if (rc == LDAP_SUCCESS)
        rc = tell_begins(s, e);
    for (unsigned i = 0; rc == LDAP_SUCCESS && i < s->settings->n_specs; i++)
        rc = poll_one(s, i, failure, e);
    return rc;
}

enum session_step searcher_poll(struct searcher *s, LDAP *ld, size_t uri, uint32_t number, struct err *failure, struct err *e)
{
    int rc;

    if (uri != s->uri)
        searcher_forget(s);
    s->uri = uri;
    s->number = number;
    s->began_ms = clock_mono_ms();
    err_clear(failure);
    rc = run_poll(s, ld, failure, e);
    directory_close(&s->directory);
    if (rc != LDAP_SUCCESS)
        set_text(s, add(s, SYNC_LOST, 0), e->text);
    deliver(s);
    if (s->reader_gone)
        return SESSION_READER_GONE;
    return rc == LDAP_SUCCESS ? SESSION_GOES_ON : SESSION_GONE;
}

/* ---- Life ---- */

void searcher_forget(struct searcher *s)
{
    for (size_t i = 0; i < s->settings->n_specs; i++) {
        marks_free(&s->states[i].seen);
        buf_free(&s->states[i].sign);
        buf_free(&s->states[i].quiet);
        s->states[i] = (struct searched){ .listed = false };
    }
}

struct searcher *searcher_new(const struct source_settings *settings, const struct source_hooks *hooks, struct worker *worker,
                              const atomic_bool *give_up)
{
    struct searcher *s = mem_alloc(sizeof(*s));

    s->settings = settings;
    s->hooks = hooks;
    s->states = mem_alloc(settings->n_specs * sizeof(*s->states));
    s->known = mem_alloc(settings->n_specs * sizeof(*s->known));
    directory_init(&s->directory, settings, worker);
    s->directory.give_up = give_up;
    return s;
}

void searcher_free(struct searcher **sp)
{
    struct searcher *s = *sp;

    *sp = NULL;
    searcher_forget(s);
    sync_batch_free(&s->batch);
    buf_free(&s->deletions);
    free(s->states);
    free(s->known);
    free(s);
}
