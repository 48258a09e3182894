/* `axsync entry`: all that is known of one entry, found by its UUID, its address (an alias too) or its DN: what is stored of it,
 * and where that does not say why it is not mirrored, or not for long, what the directory says. */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "alias_wants.h"
#include "clock.h"
#include "cmd_entry.h"
#include "cmd_waits.h"
#include "dn.h"
#include "gone.h"
#include "mem.h"
#include "objects.h"
#include "pending.h"
#include "queue.h"
#include "records.h"
#include "status_json.h"
#include "wants.h"

/* What a connector's state says. */
struct known {
    bool found;
    bool settled; /* mirrored, and to stay: nothing is to be asked */
    uint8_t uuid[UUID_BYTES];
};

struct wanted {
    struct slice word;
    struct buf dn; /* the word as a DN to compare with */
    bool is_uuid;
    uint8_t uuid[UUID_BYTES];
    const struct config *conf;
    struct known *known; /* of each connector */
};

/* ---- finding ------------------------------------------------------------------------------------------------ */

/* As LDAP compares it; what is no DN as it is. */
static void put_dn(struct buf *out, struct slice dn)
{
    buf_reset(out);
    if (!dn_normalise(dn, out))
        buf_add_slice(out, dn);
}

static bool same_dn(struct wanted *w, struct slice dn, struct buf *scratch)
{
    put_dn(scratch, dn);
    return slice_eq(buf_slice(scratch), buf_slice(&w->dn));
}

static bool take(struct wanted *w, const uint8_t *uuid)
{
    memcpy(w->uuid, uuid, UUID_BYTES);
    return true;
}

static bool had_address(const struct object *o, struct slice address)
{
    if (slice_eq(o->address, address))
        return true;
    for (uint32_t i = 0; i < o->n_aliases; i++)
        if (slice_eq(o->aliases[i], address))
            return true;
    return false;
}

/* What is gone is in no index. By its address, or where scratch is not NULL by its DN; of several the last that went. */
static bool find_gone(struct wanted *w, struct txn *t, struct slice address, struct buf *scratch)
{
    struct buf next = {0};
    struct arena a = {0};
    struct gone g;
    int64_t since_ms = 0;
    bool found = false;

    while (gone_next(t, &next, &g, &a)) {
        if ((scratch ? same_dn(w, g.o.dn, scratch) : had_address(&g.o, address)) && g.since_ms >= since_ms) {
            found = take(w, g.o.uuid);
            since_ms = g.since_ms;
        }
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    return found;
}

static bool find_address(struct wanted *w, struct txn *t, struct arena *a)
{
    struct slice address = arena_copy(a, w->word.p, w->word.len);
    struct object want;
    char *p = (char *)(uintptr_t)address.p;

    for (size_t i = 0; i < address.len; i++)
        p[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
    if (objects_owner(t, address, w->uuid, NULL) != 0)
        return true;
    return (want_first(t, address, &want, a) && take(w, want.uuid)) || find_gone(w, t, address, NULL);
}

/* DNs have no index: they are looked for in all tables, which takes a second or so with a million entries. */
static bool find_dn_mirrored(struct wanted *w, struct txn *t, struct buf *scratch, struct arena *a)
{
    struct slice key, bytes;
    struct object o;
    struct walk walk;
    bool found = false;

    walk_begin(&walk, t, TABLE_OBJECT);
    while (!found && walk_next(&walk, (struct slice){0}, &key, &bytes)) {
        found = object_decode(bytes, &o, a) == 0 && same_dn(w, o.dn, scratch) && take(w, o.uuid);
        arena_reset(a);
    }
    walk_end(&walk);
    return found;
}

static bool find_dn_other(struct wanted *w, struct txn *t, struct buf *scratch, struct arena *a)
{
    struct buf next = {0};
    struct object want;
    struct slice dn, reason;
    uint8_t uuid[UUID_BYTES];
    bool found = false;

    while (!found && want_next(t, &next, &want, a))
        found = same_dn(w, want.dn, scratch) && take(w, want.uuid);
    buf_reset(&next);
    while (!found && invalid_next(t, &next, uuid, &dn, &reason, a))
        found = same_dn(w, dn, scratch) && take(w, uuid);
    buf_free(&next);
    return found;
}

static bool find(struct wanted *w, struct txn *t, struct arena *a)
{
    struct buf scratch = {0};
    bool found;

    if (w->is_uuid)
        return true;
    if (!entry_is_dn(w->word))
        return find_address(w, t, a);
    found = find_dn_mirrored(w, t, &scratch, a) || find_dn_other(w, t, &scratch, a) ||
            find_gone(w, t, w->word, &scratch);
    buf_free(&scratch);
    return found;
}

/* ---- printing ----------------------------------------------------------------------------------------------- */

void entry_line(const char *label, struct slice text)
{
    if (text.len == 0)
        return;
    printf("  %-28s ", label);
    print_text(stdout, text);
    putchar('\n');
}

static const char *state_words(enum object_state state)
{
    switch (state) {
    case OBJECT_MIRRORED:
        return "mirrored";
    case OBJECT_ORPHAN:
        return "orphan: its deletion was rejected, the account stays";
    case OBJECT_GONE:
        break;
    }
    return "gone: kept for its return, since a sink has a record of it";
}

static void print_object(const struct object *o)
{
    printf("%s, %s\n", object_kind_name(o->kind), state_words(o->state));
    entry_line("dn", o->dn);
    entry_line("address", o->address);
    for (uint32_t i = 0; i < o->n_aliases; i++)
        entry_line("aliases", o->aliases[i]);
    for (uint32_t i = 0; i < o->n_fields; i++)
        entry_line(field_name(o->fields[i].field), o->fields[i].value);
    entry_line("content as of", o->stamp);
}

/* What it was, and why it is not that any more. */
static void print_gone(const struct gone *g)
{
    char when[PRINT_TIME];
    struct buf text = {0};

    print_object(&g->o);
    buf_printf(&text, "%s, cause %s, as action %llu", print_time(g->since_ms, when), cause_name(g->cause),
               (unsigned long long)g->seq);
    entry_line("gone since", buf_slice(&text));
    buf_free(&text);
}

/* What it waits for, where the time alone does not say it. */
static void print_waits(struct txn *t, const struct config_connector *c, const struct pending *p, struct arena *a)
{
    struct buf text = {0};

    if (waits_with_another(p)) {
        waits_words(t, p, &text, a);
        printf(" for %s", buf_str(&text));
    } else if (p->what == PENDING_CLEAR && p->reason == PENDING_WAITING && p->due_ms > p->detected_ms + c->guard.settle * 1000) {
        fputs(", since another entry that has it is to be read first, and none could be", stdout);
    }
    buf_free(&text);
}

static void print_pending(struct txn *t, const struct config_connector *c, const struct pending *p, struct arena *a)
{
    char when[PRINT_TIME], id[HOLD_ID_TEXT], pair[UUID_TEXT];
    struct hold h;

    fputs("  pending: ", stdout);
    if (p->paired)
        printf("rebind to the new entry %s", uuid_format(p->pair, pair));
    else if (p->what == PENDING_DELETE)
        fputs("deletion", stdout);
    else if (p->what == PENDING_RENAME)
        fputs("rename to ", stdout);
    else if (p->what == PENDING_MEMBER)
        fputs("removal of the member ", stdout);
    else
        printf("clearing of %s%s", field_name(p->field), p->alias.len ? " " : "");
    print_text(stdout, p->what == PENDING_RENAME ? p->address : p->alias);
    printf(", cause %s, detected %s, %s", cause_name(p->cause), print_time(p->detected_ms, when),
           pending_reason_name(p->reason));
    if (p->due_ms > 0)
        printf(" until %s", print_time(p->due_ms, when));
    print_waits(t, c, p, a);
    if (p->hold != 0 && hold_get(t, p->hold, &h, a)) {
        printf(" in hold %s, as number %u of those that joined: ", hold_id_text(&h, id), p->place);
        print_text(stdout, h.why);
    }
    putchar('\n');
}

/* Lines of the queue that name the UUID: what the slowest sink may not have yet. */
static void print_queued(struct txn *t, const uint8_t *uuid)
{
    struct buf needle = {0};
    struct slice key, line;
    char text[UUID_TEXT];
    struct walk w;

    buf_printf(&needle, "\"uuid\":\"%s\"", uuid_format(uuid, text));
    walk_begin(&w, t, TABLE_QUEUE);
    while (walk_next(&w, (struct slice){0}, &key, &line)) {
        if (memmem(line.p, line.len, needle.p, needle.len) == NULL)
            continue;
        fputs("  queued: ", stdout);
        print_text(stdout, line);
        putchar('\n');
    }
    walk_end(&w);
    buf_free(&needle);
}

static void print_want(struct txn *t, const struct object *want, bool mirrored, struct arena *a)
{
    uint8_t uuid[UUID_BYTES];
    struct object owner;

    if (!mirrored)
        entry_line("dn", want->dn);
    entry_line("waits for the address", want->address);
    if (objects_owner(t, want->address, uuid, NULL) != 0 && objects_get(t, uuid, &owner, a) != 0)
        entry_line("which belongs to", owner.dn);
}

static void print_left_out(struct txn *t, const uint8_t *uuid, struct arena *a)
{
    struct slice *aliases;
    uint32_t n = alias_want_get(t, uuid, &aliases, a);
    uint8_t owner[UUID_BYTES];
    struct object o;
    bool as_alias;

    for (uint32_t i = 0; i < n; i++) {
        entry_line("alias left out", aliases[i]);
        if (objects_owner(t, aliases[i], owner, &as_alias) != 0 && objects_get(t, owner, &o, a) != 0)
            entry_line(as_alias ? "which is an alias of" : "which belongs to", o.dn);
    }
}

static bool print_known(struct txn *t, const uint8_t *uuid, const char *connector, bool *settled, struct arena *a)
{
    struct object o, want;
    struct gone gone;
    struct slice dn = {"", 0}, reason = {"", 0};
    bool mirrored = objects_get(t, uuid, &o, a) != 0, wants = want_get(t, uuid, &want, a);
    bool invalid = invalid_get(t, uuid, &dn, &reason, a), is_gone = !mirrored && gone_get(t, uuid, &gone, a);
    char text[UUID_TEXT];

    *settled = mirrored && o.state == OBJECT_MIRRORED;
    if (!mirrored && !wants && !invalid && !is_gone)
        return false;
    printf("%s %s: ", connector, uuid_format(uuid, text));
    if (mirrored)
        print_object(&o);
    else if (is_gone)
        print_gone(&gone);
    else
        puts("not mirrored");
    if (wants)
        print_want(t, &want, mirrored, a);
    print_left_out(t, uuid, a);
    if (invalid) {
        if (!mirrored)
            entry_line("dn", dn);
        entry_line("invalid", reason);
    }
    return true;
}

/* Accounts of it that are to be removed. */
static void print_due(struct txn *t, const struct config_connector *c, const uint8_t *uuid, struct arena *a)
{
    char when[PRINT_TIME];
    struct record r;

    for (size_t i = 0; i < c->n_sinks; i++) {
        if (!record_get(t, c->sinks[i].name, uuid, &r, a) || r.due_ms == 0)
            continue;
        printf("  to be removed at %s: ", c->sinks[i].name);
        print_text(stdout, r.address);
        printf(", %s: ", print_time(r.due_ms, when));
        print_text(stdout, queue_due_words(&r));
        putchar('\n');
    }
}

static int show_state(void *ctx, const struct config_connector *c, struct store *s, struct txn *t, struct err *e)
{
    struct wanted *w = ctx;
    struct known *known = &w->known[c - w->conf->connectors];
    struct arena a = {0};
    struct buf next = {0};
    struct pending p;

    (void)s;
    (void)e;
    if (find(w, t, &a) && print_known(t, w->uuid, c->name, &known->settled, &a)) {
        known->found = true;
        memcpy(known->uuid, w->uuid, UUID_BYTES);
        while (pending_next(t, w->uuid, &next, &p, &a)) {
            known->settled = known->settled && p.what != PENDING_DELETE;
            print_pending(t, c, &p, &a);
        }
        print_due(t, c, w->uuid, &a);
        print_queued(t, w->uuid);
    }
    buf_free(&next);
    arena_free(&a);
    return 0;
}

/* ---- the directories ---------------------------------------------------------------------------------------- */

/* Of a connector that does not mirror it. Gives whether anything is known of it now; a directory that can't be asked leaves what
 * the state knows, and is *e only where that is nothing. */
static bool ask_directory(const struct wanted *w, size_t i, struct err *e)
{
    const struct known *known = &w->known[i];
    struct entry_question q = {.word = w->word, .has_uuid = w->is_uuid || known->found};
    struct err why = {0};
    int n;

    memcpy(q.uuid, known->found ? known->uuid : w->uuid, UUID_BYTES);
    n = entry_look(w->conf, &w->conf->connectors[i], &q, &why);
    if (n < 0 && known->found)
        entry_line("directory", slice_of(why.text));
    else if (n < 0)
        *e = why;
    else if (n == 0 && known->found)
        entry_line("directory", slice_of("it is not there, or the bind DN may not read it"));
    return known->found || n > 0;
}

/* Who is mirrored by one connector is not missing, whatever the others say. */
static int ask_directories(const struct wanted *w, struct err *e)
{
    bool any = false;

    for (size_t i = 0; i < w->conf->n_connectors; i++)
        if (w->known[i].settled)
            return 0;
    for (size_t i = 0; i < w->conf->n_connectors; i++)
        any = ask_directory(w, i, e) || any;
    if (any && e->class != ERR_NONE)
        printf("%s\n", e->text);
    if (any)
        return 0;
    if (e->class == ERR_NONE)
        err_set(e, ERR_NOTFOUND,
                "nothing is known of %.*s: it is neither mirrored, nor pending, nor invalid, and the directory shows no such entry to "
                "the bind DN",
                SLICE_ARG(w->word));
    return -1;
}

int cmd_entry(const struct cmd_options *o)
{
    struct config *conf = cmd_config(o);
    struct wanted w = {.word = slice_of(o->argv[0]), .conf = conf};
    struct err e = {0};
    int rc;

    if (conf == NULL)
        return EX_CONFIG;
    w.known = mem_alloc((conf->n_connectors + 1) * sizeof(*w.known));
    w.is_uuid = uuid_parse(w.word, w.uuid);
    put_dn(&w.dn, w.word);
    rc = cmd_each_state(conf, show_state, &w, NULL, &e);
    if (rc == 0)
        rc = ask_directories(&w, &e);
    free(w.known);
    buf_free(&w.dn);
    config_free(&conf);
    return rc == 0 ? EX_OK : cmd_fail(&e);
}
