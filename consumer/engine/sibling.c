#include "sibling.h"

#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "log.h"
#include "members.h"
#include "mirror.h"

/* Objects looked at in one round: nobody may notice the search of a field that one in a million has. */
#define ROUND_OBJECTS 500
/* Answers that a message overtook, after which it is tried again later. */
#define TRIES 3
/* An answer that did not come for so long is not waited for. */
#define ASKED_MS ((int64_t)60 * 1000)

enum sibling_state {
    NOTHING_KNOWN,
    SEARCHING,   /* in the state, for one that has the field */
    ASKED,       /* a look-up is under way */
    FINE,        /* one has it still, or no other had it */
    NOT_NOW      /* nobody could tell */
};

struct sibling {
    field_id field;
    enum sibling_state state;
    object_id from, at;        /* the search began at `from` and goes on at `at` */
    bool wrapped;              /* it came to the end of the table and began again at its start */
    unsigned mute;             /* how many were read too early, and told nothing */
    uint8_t uuid[UUID_BYTES];  /* ASKED */
    int64_t when_ms;           /* monotonic: ASKED, FINE: since; NOT_NOW: until */
    bool fresh;                /* FINE: of this round */
    bool said;                 /* that clears wait, since one could be read last */
};

static struct sibling *find(const struct mirror *m, field_id field)
{
    for (size_t i = 0; i < m->siblings.n; i++)
        if (m->siblings.all[i].field == field)
            return &m->siblings.all[i];
    return NULL;
}

static struct sibling *find_or_make(struct mirror *m, field_id field)
{
    struct siblings *s = &m->siblings;
    struct sibling *found = find(m, field);

    if (found)
        return found;
    s->all = mem_realloc(s->all, (s->n + 1) * sizeof(*s->all));
    s->all[s->n] = (struct sibling){ .field = field };
    return &s->all[s->n++];
}

void sibling_free(struct mirror *m)
{
    free(m->siblings.all);
    m->siblings = (struct siblings){ 0 };
}

static void set_fine(struct sibling *s)
{
    s->state = FINE;
    s->said = false;
    s->when_ms = clock_mono_ms();
    s->fresh = true;
}

static void set_not_now(const struct mirror *m, struct sibling *s)
{
    if (!s->said)
        log_warning(m->subject, "clears of %s wait: another entry that has it is to be read before, and none could be; tried again every "
                    "%lld s", field_name(s->field), (long long)m->conf->retry_interval);
    s->said = true;
    s->state = NOT_NOW;
    s->when_ms = clock_mono_ms() + (int64_t)m->conf->retry_interval * 1000;
}

/* ---- finding one -------------------------------------------------------------------------------------------- */

static bool has_field(struct mirror *m, const struct object *o, field_id field)
{
    if (field == FIELD_MEMBERS)
        return o->kind == OBJECT_GROUP && told_any(m->t, o->uuid, true);
    return field == FIELD_ALIASES ? o->n_aliases > 0 : object_field(o, field).len > 0;
}

/* Whose deletion is pending is probably not there, and what it has lost already is known of it. */
static bool is_pending(struct mirror *m, const uint8_t *uuid, field_id field, struct arena *a)
{
    struct buf next = { 0 };
    struct pending p;
    bool found = false;

    while (!found && pending_next(m->t, uuid, &next, &p, a))
        found = p.what == PENDING_DELETE || (p.what == PENDING_CLEAR && p.field == field);
    buf_free(&next);
    return found;
}

static bool is_candidate(struct mirror *m, const struct object *o, field_id field, struct arena *a)
{
    return o->state == OBJECT_MIRRORED && has_field(m, o, field) &&
           !is_pending(m, o->uuid, field, a);
}

static void ask_for(struct mirror *m, struct sibling *s, const struct object *o)
{
    memcpy(s->uuid, o->uuid, UUID_BYTES);
    s->state = ASKED;
    s->when_ms = clock_mono_ms();
    m->siblings.at = s->at;
    search_ask(search_of(m, o->kind), o->uuid);
}

/* Looks at one object after the other, from s->at to the end of the table. False: the round's share is used up, or one was
 * found, or the whole table was seen. */
static bool search_to_end(struct mirror *m, struct sibling *s)
{
    struct arena a = { 0 };
    struct slice key, value;
    struct object o;
    uint8_t from[8];
    struct walk w;

    objects_id_key(s->at, from);
    walk_begin(&w, m->t, TABLE_OBJECT);
    while (s->state == SEARCHING && m->siblings.budget > 0 && walk_next(&w, slice_make(from, sizeof(from)), &key, &value)) {
        object_id id = objects_id_of(key);

        m->siblings.budget--;
        if (s->wrapped && id >= s->from)
            break;
        s->at = id + 1;
        if (object_decode(value, &o, &a) == 0 && is_candidate(m, &o, s->field, &a))
            ask_for(m, s, &o);
        arena_reset(&a);
    }
    walk_end(&w);
    arena_free(&a);
    return s->state == SEARCHING && m->siblings.budget > 0;
}

/* All of the table was looked at and nobody is left to be asked. */
static void search_ended(struct mirror *m, struct sibling *s)
{
    if (s->mute > 0)
        set_not_now(m, s);
    else
        set_fine(s);
}

static void search(struct mirror *m, struct sibling *s)
{
    if (!search_to_end(m, s))
        return;
    if (!s->wrapped) {
        s->wrapped = true;
        s->at = 0;
        if (!search_to_end(m, s))
            return;
    }
    search_ended(m, s);
}

static void begin(struct mirror *m, struct sibling *s)
{
    s->state = SEARCHING;
    s->from = s->at = m->siblings.at;
    s->wrapped = false;
    s->mute = 0;
    /* The one whose clear is due is counted too. */
    if (s->field < STORE_FIELDS && m->store->with_field[s->field] <= 1)
        set_fine(s);
}

/* ---- what is known ------------------------------------------------------------------------------------------ */

static void forget_old(struct mirror *m)
{
    int64_t now = clock_mono_ms();

    for (size_t i = 0; i < m->siblings.n; i++) {
        struct sibling *s = &m->siblings.all[i];

        if (s->state == FINE && !s->fresh && now - s->when_ms >= pend_settle_ms(m))
            s->state = NOTHING_KNOWN;
    }
}

void sibling_begin_round(struct mirror *m)
{
    m->siblings.budget = ROUND_OBJECTS;
    m->siblings.searching = false;
    forget_old(m);
}

void sibling_end_round(struct mirror *m)
{
    for (size_t i = 0; i < m->siblings.n; i++)
        m->siblings.all[i].fresh = false;
    forget_old(m);
}

static bool is_over(const struct sibling *s)
{
    int64_t now = clock_mono_ms();

    return s->state == NOTHING_KNOWN || (s->state == NOT_NOW && now >= s->when_ms) ||
           (s->state == ASKED && now - s->when_ms >= ASKED_MS);
}

enum sibling_verdict sibling_ask(struct mirror *m, field_id field)
{
    struct sibling *s = find_or_make(m, field);

    if (is_over(s))
        begin(m, s);
    if (s->state == SEARCHING)
        search(m, s);
    if (s->state == SEARCHING)
        m->siblings.searching = true;
    return s->state == FINE ? SIBLING_FINE : s->state == NOT_NOW ? SIBLING_LATER : SIBLING_SOON;
}

int64_t sibling_wait_ms(struct mirror *m, field_id field)
{
    return find_or_make(m, field)->when_ms - clock_mono_ms();
}

bool sibling_permits(const struct mirror *m, field_id field)
{
    const struct sibling *s = find(m, field);

    return s && s->state == FINE;
}

/* ---- the answer --------------------------------------------------------------------------------------------- */

static void hold(struct mirror *m, struct sibling *s, const struct object *told)
{
    char why[GUARD_WHY];
    struct err e;

    snprintf(why, sizeof(why), "another entry lost it too, without a change of its own: %.*s", (int)(told->address.len < 100 ? told->address.len : 100),
             told->address.p);
    if (pend_hold_all(m, &(struct guarded){ .kind = GUARD_CLEAR, .field = s->field }, why, &e) != 0)
        log_info(m->subject, "%s", e.text);   /* the rest is asked about again */
    s->state = NOTHING_KNOWN;
}

/* A value that can't be used (not UTF-8) is a value. */
static bool is_kept(const struct mapping_note *n, field_id field)
{
    for (; n; n = n->next)
        if (n->keep && n->field == field)
            return true;
    return false;
}

static bool shows_field(struct mirror *m, const struct entry *e, const struct object *wanted, field_id field)
{
    const struct mapping *groups = search_of(m, OBJECT_GROUP)->mapping;
    struct member_list list;

    if (field != FIELD_MEMBERS)
        return has_field(m, wanted, field);
    member_read(groups, search_of(m, OBJECT_ACCOUNT)->mapping, e, &m->a, &list);
    return list.n > 0;
}

/* Of one that is invalid: its address alone is of no use. */
static bool has_attribute(struct mirror *m, const struct entry *e, enum object_kind kind, field_id field)
{
    const struct mapping *mapping = search_of(m, kind)->mapping;

    if (field == FIELD_MEMBERS)
        return shows_field(m, e, NULL, field);
    for (size_t i = 0; i < mapping->n_rows; i++) {
        const struct entry_attr *attr = entry_attr(e, mapping->rows[i].attribute);

        if (mapping->rows[i].field == field && attr && attr->n_values > 0)
            return true;
    }
    return false;
}

/* The entry lacks the field. A lost right shows in what nobody touched; one that was changed since it was told (another change that
 * is on its way, such as a second one made while we were away) says nothing of a right, and is counted by the guard as
 * soon as its content is taken in. */
static void take_lack(struct mirror *m, struct sibling *s, const struct object *told, const struct entry *e)
{
    if (!stamp_older(told->stamp, entry_stamp(e)))
        hold(m, s, told);
}

static void tells_nothing(struct mirror *m, struct sibling *s)
{
    if (++s->mute >= TRIES)
        set_not_now(m, s);
}

static void take_content(struct mirror *m, struct sibling *s, const struct entry *e)
{
    struct mapping_note *notes = NULL;
    struct object told, wanted;
    struct slice reason;

    s->state = SEARCHING;   /* if this one tells nothing, another may */
    if (objects_get(m->t, e->uuid, &told, &m->a) == 0 || !is_candidate(m, &told, s->field, &m->a))
        return;   /* what has become of it meanwhile is known */
    if (stamp_older(entry_stamp(e), told.stamp)) {   /* a message overtook the read */
        tells_nothing(m, s);
        return;
    }
    switch (mapping_apply(search_of(m, told.kind)->mapping, e, &told, &m->a, &wanted, &reason, &notes)) {
    case MAPPED:
        if (shows_field(m, e, &wanted, s->field) || is_kept(notes, s->field))
            set_fine(s);
        else
            take_lack(m, s, &told, e);
        break;
    case MAPPED_INVALID:
        if (has_attribute(m, e, told.kind, s->field))
            set_fine(s);
        else
            take_lack(m, s, &told, e);
        break;
    case MAPPED_ELSEWHERE:
        break;
    }
}

static void take_answer(struct mirror *m, struct sibling *s, const struct sync_msg *msg)
{
    switch (m->context_trusted ? msg->outcome : LOOKUP_UNPROVEN) {
    case LOOKUP_IN_PLACE:
        take_content(m, s, msg->entry);
        break;
    case LOOKUP_LEFT:
    case LOOKUP_DELETED:
        s->state = SEARCHING;   /* its own deletion begins with this answer */
        break;
    case LOOKUP_UNPROVEN:
        set_not_now(m, s);
        break;
    }
}

bool sibling_answer(struct mirror *m, const struct sync_msg *msg)
{
    bool was = false;

    for (size_t i = 0; i < m->siblings.n; i++) {
        struct sibling *s = &m->siblings.all[i];

        if (s->state != ASKED || memcmp(s->uuid, msg->entry->uuid, UUID_BYTES) != 0)
            continue;
        was = true;
        take_answer(m, s, msg);
    }
    return was;
}
