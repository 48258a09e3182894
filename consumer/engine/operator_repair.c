/* `axsync verify --repair` (SPEC.md section 6): what it found to differ, mended on the ways that everything else goes.
 *
 * An entry that differs from the state is looked up again, as any other that may have changed: what is there is taken
 * in, what is not becomes a candidate for absence, with look-up, grace and guard before it. A sink that does not have
 * what it was told is told it anew, alone: a create, and additions of members, with the cause repair. Both only set: a
 * create takes nothing away, and what is there and not ours is not touched without `queue adopt`. So what the command
 * names needs no trust. */
#include <stdio.h>
#include <stdlib.h>

#include "aside.h"
#include "log.h"
#include "members.h"
#include "mirror.h"

struct repair_item {
    struct slice sink; /* empty: the entry is read again */
    enum object_kind kind;
    uint8_t uuid[UUID_BYTES];
    struct slice member; /* empty: the object */
};

struct repair {
    struct mirror *m;
    bool offline;
    size_t entries, objects, members;
    /* additions that go together */
    struct slice sink;
    uint8_t group[UUID_BYTES];
    struct slice *add;
    uint32_t n_add;
};

/* ---- the list ----------------------------------------------------------------------------------------------- */

static struct slice cut(struct slice *rest, char at)
{
    const char *end = rest->len ? memchr(rest->p, at, rest->len) : NULL;
    size_t n = end ? (size_t)(end - rest->p) : rest->len, gone = n + (end != NULL);
    struct slice part = slice_make(rest->p, n);

    *rest = slice_make(rest->p + gone, rest->len - gone);
    return part;
}

/* control.h has the form. */
static bool read_item(struct slice line, struct repair_item *item)
{
    struct slice kind, uuid;

    item->sink = cut(&line, '\t');
    kind = cut(&line, '\t');
    uuid = cut(&line, '\t');
    item->member = line;
    item->kind = slice_eq(kind, slice_of("group")) ? OBJECT_GROUP : OBJECT_ACCOUNT;
    return uuid_parse(uuid, item->uuid);
}

/* ---- entries ------------------------------------------------------------------------------------------------ */

/* Nobody looks up anything now, and what is asked for is not stored: the next run reads all of it, as after a change of
 * the configuration. */
static void forget_cookies(struct mirror *m)
{
    for (unsigned i = 0; i < m->n_searches; i++) {
        cookie_free(&m->searches[i].cookie);
        m->searches[i].cookie_dirty = true;
    }
}

static void read_again(struct repair *r, const struct repair_item *item)
{
    if (r->offline && r->entries == 0)
        forget_cookies(r->m);
    else if (!r->offline)
        search_ask(search_of(r->m, item->kind), item->uuid);
    r->entries++;
}

/* ---- sinks -------------------------------------------------------------------------------------------------- */

/* Puts it before what the sink has still to do, behind what it shares an address with. */
static bool tell(struct repair *r, const char *sink, struct action *a)
{
    struct mirror *m = r->m;
    struct sink_row sink_row;
    struct aside_row row;
    struct buf line = {0};

    if (!sink_row_get(m->t, sink, &sink_row) || !sink_row.actions || sink_row.telling)
        return false;
    a->seq = sink_row.position;
    a->time_ms = m->now_ms;
    a->connector = slice_of(m->conf->name);
    action_json(a, &line);
    aside_row_make(&row, a, buf_slice(&line), &m->a);
    row.id.n = ASIDE_NEXT;
    row.state = ASIDE_BEHIND;
    row.since_ms = m->now_ms;
    aside_add(m->t, sink, &row);
    buf_free(&line);
    return true;
}

static const char *sink_named(const struct mirror *m, struct slice name)
{
    for (size_t i = 0; i < m->conf->n_sinks; i++)
        if (slice_eq(slice_of(m->conf->sinks[i].name), name))
            return m->conf->sinks[i].name;
    return NULL;
}

static void end_members(struct repair *r)
{
    struct mirror *m = r->m;
    const char *sink = sink_named(m, r->sink);
    struct object o;

    if (r->n_add > 0 && sink && objects_get(m->t, r->group, &o, &m->a) != 0) {
        struct action a = {.type = ACTION_GROUP_MEMBERS,
                           .uuid = o.uuid,
                           .dn = o.dn,
                           .address = o.address,
                           .add = r->add,
                           .n_add = r->n_add,
                           .cause = CAUSE_REPAIR,
                           .phase = PHASE_LOCAL};

        r->members += tell(r, sink, &a) ? r->n_add : 0;
    }
    r->n_add = 0;
}

/* Sorted by who sends the list; one that is no member any more is left out. */
static void tell_member(struct repair *r, const struct repair_item *item)
{
    uint32_t live;

    if (r->n_add == MEMBER_CHUNK || !slice_eq(r->sink, item->sink) || memcmp(r->group, item->uuid, UUID_BYTES) != 0)
        end_members(r);
    r->sink = item->sink;
    memcpy(r->group, item->uuid, UUID_BYTES);
    if (told_get(r->m->t, item->uuid, item->member, &live) && live > 0)
        r->add[r->n_add++] = item->member;
}

static void tell_object(struct repair *r, const struct repair_item *item)
{
    struct mirror *m = r->m;
    const char *sink = sink_named(m, item->sink);
    struct object o;
    struct action a;

    end_members(r);
    if (sink == NULL || objects_get(m->t, item->uuid, &o, &m->a) == 0)
        return;
    a = action_create_of(&o, CAUSE_REPAIR, PHASE_LOCAL);
    r->objects += tell(r, sink, &a);
}

/* ---- the command -------------------------------------------------------------------------------------------- */

static void say(const struct repair *r, char *text, size_t size)
{
    if (r->entries && r->offline)
        snprintf(text, size,
                 "%s: all entries are read anew, since %zu differ; sinks are told %zu objects and %zu members anew",
                 r->m->conf->name, r->entries, r->objects, r->members);
    else
        snprintf(text, size, "%s: %zu entries are read again; sinks are told %zu objects and %zu members anew",
                 r->m->conf->name, r->entries, r->objects, r->members);
}

int operator_repair(struct mirror *m, const struct command *cmd, char *text, size_t size, struct err *e)
{
    struct repair r = {.m = m, .offline = cmd->offline};
    struct slice rest = slice_of(cmd->list);
    struct repair_item item;

    r.add = mem_alloc(MEMBER_CHUNK * sizeof(*r.add));
    while (rest.len > 0) {
        struct slice line = cut(&rest, '\n');

        if (!read_item(line, &item)) {
            free(r.add);
            return err_set(e, ERR_USAGE, "the list of what is to be repaired has a line that is none");
        }
        if (item.sink.len == 0)
            read_again(&r, &item);
        else if (item.member.len)
            tell_member(&r, &item);
        else
            tell_object(&r, &item);
    }
    end_members(&r);
    free(r.add);
    m->urgent = true;
    say(&r, text, size);
    log_info(m->subject, "the operator repairs: %s", text);
    arena_reset(&m->a);
    return 0;
}
