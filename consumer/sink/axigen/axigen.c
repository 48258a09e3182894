/* The Axigen sink: actions become accounts and groups, over the CLI of Axigen 10. SPEC.md section 5 is its contract.
 *
 *   - One connection, one command stream, in the sink's thread. The context in which the server stands is known from
 * its answers and never guessed; after a surprise the connection is dropped.
 *   - A batch goes domain by domain: UPDATE Domain, the items, the domain's COMMIT. Only its +OK makes them DONE. A
 * domain that is not there, or that Axigen's own LDAP connector writes to, gives its items back untouched.
 *   - Creations take one round trip each (axigen_burst.c), all else is straight-line questions and answers.
 *   - Nothing is done to an account before its mark was read (axigen_find.c). What was there before us is taken over by
 * the adoption rule only, and what somebody else set (aliases, members, a customerReference) stays.
 *   - What could be done by halves is recorded first (axigen_record.h), and every action can be repeated: it looks, and
 * does what is missing.
 *   - The server's words are for the administrator; secrets are in none of them. */
#include "axigen_parts.h"

#include <stdlib.h>

#include "clock.h"
#include "step.h"

#define WRITER_CHECK_MS 5000 /* how long "no other writer" of a domain is believed */

static struct axigen *axigen_of(struct sink *s)
{
    return (struct axigen *)s;
}

/* ---- connection -------------------------------------------------------------------------------------------------- */

static void forget_seen(struct axigen *ax)
{
    for (size_t i = 0; i < ax->n_seen; i++)
        free(ax->seen[i].domain);
    free(ax->seen);
    ax->seen = NULL;
    ax->n_seen = 0;
}

static int connect_now(struct axigen *ax)
{
    const struct axigen_settings *set = ax->set;
    struct axigen_session_settings s = {.conn = {.host = set->host,
                                                 .port = (uint16_t)set->port,
                                                 .tls = set->tls,
                                                 .ca_file = set->ca_file,
                                                 .timeout_s = set->timeout_s},
                                        .user = set->user,
                                        .password = slice_of(set->password ? set->password : ""),
                                        .depth = set->depth < 1                       ? 1
                                                 : set->depth > (int)AXIGEN_DEPTH_MAX ? AXIGEN_DEPTH_MAX
                                                                                      : (unsigned)set->depth};

    if (ax->session == NULL)
        ax->session = axigen_session_new(ax->sink.subject, ax->sink.stop);
    if (atomic_exchange(&ax->reopen, false))
        axigen_session_close(ax->session);
    if (axigen_session_is_open(ax->session))
        return 0;
    forget_seen(ax);
    ax->domain = slice_of("");
    if (axigen_session_open(ax->session, &s, ax->e) == 0)
        return 0;
    ax->e->class = axigen_session_failure(ax->session) == AXIGEN_LOCAL ? ERR_CONFIG : ERR_UNAVAILABLE;
    return -1;
}

static void begin(struct axigen *ax, struct err *e)
{
    arena_reset(&ax->arena);
    ax->e = e;
    ax->batch = NULL;
    ax->n_batch = 0;
}

static bool is_rebind(const struct axigen_work *w)
{
    return w->action->type == ACTION_ACCOUNT_REBIND || w->action->type == ACTION_GROUP_REBIND;
}

/* ---- domains ----------------------------------------------------------------------------------------------------- */

static struct axigen_seen *seen_domain(struct axigen *ax, struct slice domain)
{
    for (size_t i = 0; i < ax->n_seen; i++)
        if (slice_eq(slice_of(ax->seen[i].domain), domain))
            return &ax->seen[i];
    ax->seen = mem_realloc(ax->seen, (ax->n_seen + 1) * sizeof(*ax->seen));
    ax->seen[ax->n_seen] = (struct axigen_seen){mem_printf("%.*s", SLICE_ARG(domain)), INT64_MIN};
    return &ax->seen[ax->n_seen++];
}

static int back_to_root(struct axigen *ax)
{
    struct axigen_answer a;

    ax->domain = slice_of("");
    if (axigen_say(ax, "BACK", WIRE_ROOT, &a))
        return -1;
    return a.ok ? 0 : axigen_surprise(ax, "BACK was refused in <%s>: %s", a.ran_in, a.text);
}

/* Two writers would undo each other's work. Where it can't be told whether there is one, nothing is written either. */
static int check_writer(struct axigen *ax, struct axigen_work *w, struct slice domain, bool *alone)
{
    struct axigen_seen *seen = seen_domain(ax, domain);
    struct axigen_answer a;
    struct slice value;

    *alone = seen->at_ms != INT64_MIN && clock_mono_ms() - seen->at_ms < WRITER_CHECK_MS;
    if (*alone)
        return 0;
    if (axigen_show(ax, "enableLDAPSync", &value, &a))
        return -1;
    *alone = a.ok && !text_equal_nocase(value, slice_of("yes"));
    if (*alone)
        seen->at_ms = clock_mono_ms();
    else if (a.ok)
        axigen_note(w, OUTCOME_DOMAIN,
                    "Axigen's own LDAP connector writes to the domain %.*s (enableLDAPSync = yes), and two writers "
                    "undo each other's "
                    "work: switch it off there (SET enableLDAPSync no), it goes on by itself then",
                    SLICE_ARG(domain));
    else
        axigen_note(w, OUTCOME_DOMAIN,
                    "whether Axigen's own LDAP connector writes to the domain %.*s can't be seen "
                    "(enableLDAPSync): %s",
                    SLICE_ARG(domain), a.text);
    return *alone ? 0 : back_to_root(ax);
}

int axigen_enter(struct axigen *ax, struct axigen_work *w, struct slice domain, bool *entered)
{
    struct axigen_answer a;

    *entered = false;
    if (axigen_say_value(ax, "UPDATE Domain name", domain, WIRE_DOMAIN, &a))
        return -1;
    if (!a.ok) {
        axigen_note(w, OUTCOME_DOMAIN,
                    "the domain %.*s can't be opened: %s. It goes on by itself once the domain is there",
                    SLICE_ARG(domain), a.text);
        return 0;
    }
    ax->domain = domain;
    return check_writer(ax, w, domain, entered);
}

/* Nobody knows what of it stays: the record is put back to what a repeat has to begin with, and the repeat looks. */
static void unsaved(struct axigen *ax, struct axigen_work *w, const char *words)
{
    const uint8_t *uuid = w->action->uuid;
    uint8_t from[UUID_BYTES];

    axigen_note(w, OUTCOME_REFUSED, "COMMIT of the domain %.*s: %s", SLICE_ARG(ax->domain), words);
    for (const struct axigen_before *b = w->before; b; b = b->next)
        axigen_put(ax, b->uuid, &b->rec);
    if (is_rebind(w)) {
        ax->records->del(ax->records->ctx, uuid);
        uuid = uuid_parse(w->action->from, from) ? from : uuid;
    }
    if (w->has_safe)
        axigen_put(ax, uuid, &w->safe);
    else
        ax->records->del(ax->records->ctx, uuid);
}

int axigen_leave(struct axigen *ax, struct axigen_work **w, size_t n)
{
    struct axigen_answer a;

    if (ax->domain.len == 0)
        return 0;
    if (axigen_say(ax, "COMMIT", WIRE_ROOT, &a))
        return -1;
    if (!a.ok) {
        for (size_t i = n; i-- > 0;) /* the first one knows best what was before */
            unsaved(ax, w[i], a.text);
        return n ? back_to_root(ax) : axigen_surprise(ax, "COMMIT was refused: %s", a.text);
    }
    STEP_POINT(axigen_domain_saved);
    ax->domain = slice_of("");
    for (size_t i = 0; i < n; i++)
        if (w[i]->gone)
            ax->records->del(ax->records->ctx, w[i]->action->uuid);
    return 0;
}

/* ---- one batch --------------------------------------------------------------------------------------------------- */

static bool is_group(const struct axigen_work *w)
{
    return w->action->type >= ACTION_GROUP_CREATE;
}

static bool crosses(const struct axigen_work *w)
{
    return w->known && !slice_eq(axigen_domain(w->rec.address), axigen_domain(w->action->address));
}

/* The record of a rebind is that of the old uuid, until it was moved. */
static void find_rebind(struct axigen *ax, struct axigen_work *w)
{
    uint8_t from[UUID_BYTES];
    struct axigen_record done;

    w->known = uuid_parse(w->action->from, from) && axigen_get(ax, from, &w->rec);
    if (w->known)
        return;
    if (axigen_get(ax, w->action->uuid, &done))
        w->outcome = OUTCOME_DONE;
    else
        axigen_note(w, OUTCOME_PARK, "nothing is recorded of the entry %.*s, which this one is to follow",
                    SLICE_ARG(w->action->from));
}

/* Recorded as the other kind, a uuid has one record. A group that is gone holds no mail: it is left as policy left it, and forgotten. An
 * account may hold mail, and what is due of it stands in its record. */
static void other_kind(struct axigen_work *w)
{
    if (w->action->type != ACTION_ACCOUNT_CREATE || w->rec.state == RECORD_ACTIVE) {
        axigen_note(w, OUTCOME_PARK, "what is recorded of this entry is the %s %.*s", object_kind_name(w->rec.kind),
                    SLICE_ARG(w->rec.address));
        return;
    }
    w->was_group = slice_eq(w->rec.address, w->action->address);
    w->known = w->was_group;
}

static void prepare(struct axigen *ax, struct axigen_work *w)
{
    enum action_type t = w->action->type;

    if (is_rebind(w))
        find_rebind(ax, w);
    else
        w->known = axigen_get(ax, w->action->uuid, &w->rec);
    w->has_safe = w->known;
    w->safe = w->rec;
    if (w->known && (w->rec.kind == OBJECT_GROUP) != is_group(w))
        other_kind(w);
    w->home = axigen_domain(w->action->address);
    w->apart = t == ACTION_ACCOUNT_CREATE && crosses(w);
    if (crosses(w) && !w->apart && t != ACTION_ACCOUNT_RENAME)
        w->home = axigen_domain(w->rec.address);
    if (!w->known)
        w->rec.kind = is_group(w) ? OBJECT_GROUP : OBJECT_ACCOUNT;
}

/* What needs no word with the server, and must not wait for a domain. */
static bool silent(const struct axigen *ax, const struct axigen_work *w)
{
    if (w->action->type == ACTION_GROUP_REBIND)
        return true;
    if (w->action->type != ACTION_ACCOUNT_DELETE && w->action->type != ACTION_GROUP_DELETE)
        return false;
    return !w->known || w->rec.state == RECORD_RETIRED || axigen_policy_of(ax, w) == AXIGEN_KEEP;
}

static bool straight(struct axigen *ax, struct axigen_work *w)
{
    uint8_t other[UUID_BYTES];

    if (axigen_lacks_room(ax, w))
        return false;
    if (w->action->type == ACTION_ACCOUNT_UPDATE)
        return true;
    if (w->action->type != ACTION_ACCOUNT_CREATE || w->apart)
        return false;
    if (w->known)
        return w->rec.state == RECORD_ACTIVE && w->rec.intent == INTENT_NONE &&
               slice_eq(w->rec.address, w->action->address);
    w->add = !ax->records->at(ax->records->ctx, w->action->address, other);
    return w->add;
}

static int one(struct axigen *ax, struct axigen_work *w)
{
    switch (w->action->type) {
    case ACTION_ACCOUNT_CREATE:
        return axigen_account_create(ax, w);
    case ACTION_ACCOUNT_UPDATE:
        return axigen_account_update(ax, w);
    case ACTION_ACCOUNT_RENAME:
        return axigen_account_rename(ax, w);
    case ACTION_ACCOUNT_REBIND:
        return axigen_account_rebind(ax, w);
    case ACTION_ACCOUNT_DELETE:
        return axigen_account_delete(ax, w);
    default:
        return axigen_group(ax, w);
    }
}

/* A rename into a domain that is not there can't be had either, whatever comes of the domain. */
static void not_entered(struct axigen_work **w, size_t n)
{
    for (size_t i = 1; i < n; i++)
        axigen_note(w[i], w[0]->outcome, "%s", buf_str(&w[0]->words));
    if (n == 1 && w[0]->action->type == ACTION_ACCOUNT_RENAME && crosses(w[0])) {
        w[0]->outcome = OUTCOME_UNKNOWN;
        axigen_note(w[0], OUTCOME_PART, "the account stays %.*s: Axigen can't rename across domains",
                    SLICE_ARG(w[0]->rec.address));
    }
}

/* The items of one domain: those with a straight way as one stretch, then the others. */
static int run_domain(struct axigen *ax, struct axigen_work **w, size_t n, size_t none)
{
    struct axigen_work **way = arena_alloc(&ax->arena, n * sizeof(*way));
    size_t n_way = 0;
    bool entered;

    ax->under_way = none;
    if (axigen_enter(ax, w[0], w[0]->home, &entered))
        return -1;
    if (!entered) {
        not_entered(w, n);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        w[i]->slow = !straight(ax, w[i]);
        if (!w[i]->slow)
            way[n_way++] = w[i];
    }
    if (axigen_stretch(ax, way, n_way))
        return -1;
    for (size_t i = 0; i < n; i++) {
        ax->under_way = w[i]->index;
        if (w[i]->slow && one(ax, w[i]))
            return -1;
    }
    ax->under_way = none;
    return axigen_leave(ax, w, n);
}

static int by_domain(const void *x, const void *y)
{
    const struct axigen_work *a = *(struct axigen_work *const *)x, *b = *(struct axigen_work *const *)y;
    int d = a->apart - b->apart;

    if (d == 0)
        d = slice_cmp(a->home, b->home);
    return d ? d : (a->index > b->index) - (a->index < b->index);
}

static int run_all(struct axigen *ax, struct axigen_work **w, size_t n, size_t none)
{
    size_t i = 0, end;

    if (n == 0)
        return 0;
    if (connect_now(ax))
        return -1;
    qsort(w, n, sizeof(struct axigen_work *), by_domain);
    for (; i < n; i = end) {
        for (end = i + 1; end < n && !w[i]->apart && !w[end]->apart && slice_eq(w[i]->home, w[end]->home); end++)
            ;
        if (run_domain(ax, w + i, end - i, none))
            return -1;
    }
    return 0;
}

static void conclude(struct axigen *ax, struct axigen_work *w)
{
    w->item->outcome = w->outcome == OUTCOME_UNKNOWN ? OUTCOME_DONE : w->outcome;
    w->item->words = arena_copy(&ax->arena, w->words.p, w->words.len);
}

static enum sink_result axigen_apply(struct sink *s, struct sink_item *items, size_t n, size_t *under_way,
                                     struct err *e)
{
    struct axigen *ax = axigen_of(s);
    struct axigen_work *all, **todo;
    size_t n_todo = 0;
    int r;

    begin(ax, e);
    ax->under_way = n;
    all = arena_alloc(&ax->arena, n * sizeof(*all));
    todo = arena_alloc(&ax->arena, n * sizeof(struct axigen_work *));
    for (size_t i = 0; i < n; i++) {
        all[i] = (struct axigen_work){.item = &items[i], .index = i, .action = items[i].action};
        items[i].outcome = OUTCOME_UNKNOWN;
        prepare(ax, &all[i]);
        if (all[i].outcome == OUTCOME_UNKNOWN && silent(ax, &all[i]))
            one(ax, &all[i]);
        else if (all[i].outcome == OUTCOME_UNKNOWN)
            todo[n_todo++] = &all[i];
    }
    ax->batch = all;
    ax->n_batch = n;
    r = run_all(ax, todo, n_todo, n);
    for (size_t i = 0; i < n; i++) {
        if (r == 0)
            conclude(ax, &all[i]);
        buf_free(&all[i].words);
    }
    *under_way = ax->under_way;
    wire_command_reset(&ax->c);
    return r ? SINK_DOWN : SINK_OK;
}

static enum sink_result axigen_remove_due(struct sink *s, const uint8_t *uuid, enum outcome *outcome,
                                          struct slice *words, struct err *e)
{
    struct axigen *ax = axigen_of(s);
    struct action action = {.type = ACTION_ACCOUNT_DELETE, .uuid = uuid, .cause = CAUSE_DELETE};
    struct sink_item item = {.action = &action};
    struct axigen_work w = {.item = &item, .action = &action}, *one_w = &w;
    bool entered = false;
    int r = 0;

    begin(ax, e);
    w.known = axigen_get(ax, uuid, &w.rec);
    if (w.known) {
        action.address = w.rec.address;
        w.home = axigen_domain(w.rec.address);
        r = connect_now(ax) || axigen_enter(ax, &w, w.home, &entered) ||
                    (entered && (axigen_account_due(ax, &w) || axigen_leave(ax, &one_w, 1)))
                ? -1
                : 0;
    }
    if (r == 0)
        conclude(ax, &w);
    *outcome = item.outcome;
    *words = item.words;
    buf_free(&w.words);
    return r ? SINK_DOWN : SINK_OK;
}

/* ---- the class --------------------------------------------------------------------------------------------------- */

/* The position is the engine's alone: what was done beyond it is found out by looking. */
static int axigen_open(struct sink *s, uint64_t stored, uint64_t *position, struct err *e)
{
    struct axigen *ax = axigen_of(s);

    *position = stored;
    begin(ax, e);
    return connect_now(ax);
}

static void axigen_reopen(struct sink *s)
{
    atomic_store(&axigen_of(s)->reopen, true);
}

static void axigen_close(struct sink *s)
{
    struct axigen *ax = axigen_of(s);

    axigen_session_free(&ax->session);
    wire_command_free(&ax->c);
    forget_seen(ax);
    arena_free(&ax->arena);
}

static const struct sink_class axigen_class = {
    .type = "axigen",
    .open = axigen_open,
    .apply = axigen_apply,
    .remove_due = axigen_remove_due,
    .reopen = axigen_reopen,
    .close = axigen_close,
};

struct sink *sink_axigen_new(const char *name, const char *subject, const struct axigen_settings *settings,
                             const struct sink_records *records, const atomic_bool *stop)
{
    struct axigen *ax = mem_alloc(sizeof(*ax));

    ax->sink = (struct sink){&axigen_class, name, subject, stop};
    ax->set = settings;
    ax->records = records;
    return &ax->sink;
}
