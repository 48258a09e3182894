/* What goes into a batch: from the table of what was set aside, from the queue, from the state. */
#include <stdlib.h>

#include "action_parse.h"
#include "clock.h"
#include "dispatch_parts.h"
#include "log.h"
#include "member.h"
#include "members.h"
#include "queue.h"

/* ---- keys ---------------------------------------------------------------------------------------------------- */

static struct action_key *slot_of(const struct key_set *s, uint64_t hash)
{
    size_t i = (size_t)hash & (s->cap - 1);

    while (s->slots[i].mode != KEY_MARK && s->slots[i].hash != hash)
        i = (i + 1) & (s->cap - 1);
    return &s->slots[i];
}

static void clear_slots(struct key_set *s)
{
    for (size_t i = 0; i < s->cap; i++)
        s->slots[i].mode = KEY_MARK;   /* stands in nobody's way: an empty slot */
    s->n = 0;
}

static void key_set_add(struct key_set *s, struct action_key key);

static void grow(struct key_set *s)
{
    struct key_set bigger = { .cap = s->cap ? s->cap * 2 : 256 };

    bigger.slots = mem_alloc(bigger.cap * sizeof(*bigger.slots));
    clear_slots(&bigger);
    for (size_t i = 0; i < s->cap; i++)
        if (s->slots[i].mode != KEY_MARK)
            key_set_add(&bigger, s->slots[i]);
    free(s->slots);
    *s = bigger;
}

static void key_set_add(struct key_set *s, struct action_key key)
{
    struct action_key *slot;

    if (key.mode == KEY_MARK)
        return;
    if ((s->n + 1) * 2 > s->cap)
        grow(s);
    slot = slot_of(s, key.hash);
    if (slot->mode == KEY_MARK) {
        *slot = key;
        s->n++;
    } else if (key.mode != KEY_SHARED) {
        slot->mode = KEY_EXCLUSIVE;
    }
}

static void add_keys(struct key_set *s, const struct aside_row *row)
{
    for (uint32_t i = 0; i < row->n_keys; i++)
        key_set_add(s, row->keys[i]);
}

static bool meets(const struct key_set *s, const struct aside_row *row)
{
    if (s->n == 0)
        return false;
    for (uint32_t i = 0; i < row->n_keys; i++)
        if (key_conflict(slot_of(s, row->keys[i].hash)->mode, row->keys[i].mode))
            return true;
    return false;
}

/* ---- the batch ----------------------------------------------------------------------------------------------- */

void batch_reset(struct batch *b)
{
    if (b->items == NULL) {
        b->items = mem_alloc(BATCH_ITEMS * sizeof(*b->items));
        b->gives = mem_alloc(BATCH_ITEMS * sizeof(*b->gives));
        b->given = mem_alloc(BATCH_ITEMS * sizeof(*b->given));
    }
    arena_reset(&b->a);
    b->n = b->n_gives = b->bytes = 0;
    b->full = false;
    b->told = b->partly = 0;
    buf_reset(&b->members);
    clear_slots(&b->keys);
    clear_slots(&b->apart);
}

void batch_free(struct batch *b)
{
    arena_free(&b->a);
    free(b->items);
    free(b->gives);
    free(b->given);
    free(b->keys.slots);
    free(b->apart.slots);
    buf_free(&b->members);
}

static bool has_room(const struct batch *b)
{
    return !b->full && b->n < BATCH_ITEMS && b->bytes < BATCH_BYTES;
}

bool is_suspect(const struct dispatch *d, const struct item *i)
{
    return d->suspect.set && aside_id_cmp(d->suspect.id, i->row.id) == 0 &&
           memcmp(d->suspect.uuid, i->row.uuid, UUID_BYTES) == 0;
}

static bool goes_alone(const struct dispatch *d, const struct item *i)
{
    return action_is_alone(&i->action) || i->row.flags & ASIDE_FLAG_BREAKS || is_suspect(d, i);
}

static void keep(struct batch *b, const struct item *i)
{
    b->bytes += i->row.line.len;
    b->items[b->n++] = *i;
}

static void set_aside(struct batch *b, struct item *i, enum aside_state state)
{
    i->what = ITEM_ASIDE;
    i->row.state = state;
    add_keys(&b->apart, &i->row);
    keep(b, i);
}

/* Into the batch, to be given to the sink. False: not into this one. */
static bool give(struct dispatch *d, struct item *i)
{
    struct batch *b = &d->batch;
    bool alone = goes_alone(d, i);

    if (meets(&b->keys, &i->row) || b->n_gives >= d->limit || (alone && b->n_gives > 0))
        return false;
    i->what = ITEM_GIVE;
    add_keys(&b->keys, &i->row);
    b->given[b->n_gives] = b->n;
    keep(b, i);
    b->gives[b->n_gives++] = (struct sink_item){
        .seq = i->row.id.seq,
        .action = &b->items[b->n - 1].action,
        .first = i->row.flags & ASIDE_FLAG_FIRST,
        .adopt = i->row.flags & ASIDE_FLAG_ADOPT,
        .again = i->row.id.seq <= d->again_seq,
        .back = i->back,
    };
    b->full = alone;
    return true;
}

/* A queued deletion whose uuid, or what that was rebound to, is mirrored again has nothing to delete any more (SPEC.md section 5, Return). It is not passed
 * over all the same: what follows it in the queue may give its address to somebody else, before the return that gives it another. */
static bool is_back(struct dispatch *d, struct txn *t, const struct item *i)
{
    enum object_kind kind = i->action.type == ACTION_GROUP_DELETE ? OBJECT_GROUP : OBJECT_ACCOUNT;
    uint8_t now[UUID_BYTES];

    if (!action_is_delete(i->action.type))
        return false;
    /* A group that is an account now is to be deleted all the same: both.c. */
    return dispatch_is_mirrored(t, i->action.uuid, kind) ||
           (rebound_to(&d->rebound, t, d->settings.name, d->row.position, i->action.uuid, now) && dispatch_is_mirrored(t, now, kind));
}

static void skip(struct batch *b, struct item *i)
{
    i->what = ITEM_SKIP;
    keep(b, i);
}

/* An action that is not set aside yet. False: not into this batch. */
static bool take(struct dispatch *d, struct txn *t, struct item *i)
{
    struct batch *b = &d->batch;
    enum aside_state wait;
    struct aside_id front;

    if (meets(&b->apart, &i->row) || aside_in_front(t, d->settings.name, &i->row, &front)) {
        set_aside(b, i, ASIDE_BEHIND);
        return true;
    }
    i->back = is_back(d, t, i);
    if (i->back)
        return give(d, i);
    wait = unwell_waits(&d->unwell, &i->row);
    if (wait == ASIDE_RETRY)
        return give(d, i);
    if (meets(&b->keys, &i->row))
        return false;
    set_aside(b, i, wait);
    return true;
}

/* ---- the queue ----------------------------------------------------------------------------------------------- */

static bool is_first(const struct dispatch *d, uint64_t seq)
{
    return d->row.telling || seq <= d->row.first_upto || seq <= d->first_seq;
}

static void make_item(struct dispatch *d, struct item *i, struct slice line)
{
    aside_row_make(&i->row, &i->action, line, &d->batch.a);
    i->row.since_ms = clock_wall_ms();
    if (is_first(d, i->action.seq))
        i->row.flags |= ASIDE_FLAG_FIRST;
}

/* A line that can't be read: somebody has to look at it, and the rest goes on. */
static void park_damaged(struct dispatch *d, struct slice line, uint64_t seq, const struct err *e)
{
    struct item i = {
        .row = { .id = { seq, 0 }, .line = line, .since_ms = clock_wall_ms(),
                 .words = arena_copy(&d->batch.a, e->text, strlen(e->text)) },
    };

    log_error(d->settings.subject, "action %llu of the queue can't be read: %s", (unsigned long long)seq, e->text);
    set_aside(&d->batch, &i, ASIDE_PARKED);
}

/* While a telling that was cut short is caught up with: what was not told yet is told afterwards as a whole. */
static bool is_untold(const struct dispatch *d, struct txn *t, const struct action *a)
{
    struct arena scratch = { 0 };
    struct record r;
    bool known = record_get(t, d->settings.name, a->uuid, &r, &scratch) ||
                 aside_has_uuid(t, d->settings.name, a->uuid);

    arena_free(&scratch);
    return !known;
}

static bool take_line(struct dispatch *d, struct txn *t, struct slice text, uint64_t seq)
{
    struct item i = { 0 };
    struct slice line = arena_copy(&d->batch.a, text.p, text.len);
    struct err e;

    if (action_parse(line, &i.action, &d->batch.a, &e) != 0) {
        park_damaged(d, line, seq, &e);
        return true;
    }
    make_item(d, &i, line);
    if (d->row.telling && is_untold(d, t, &i.action)) {
        skip(&d->batch, &i);
        return true;
    }
    return take(d, t, &i);
}

void fill_queue(struct dispatch *d, struct txn *t)
{
    uint64_t upto = d->row.telling ? d->telling.upto : UINT64_MAX;
    struct batch *b = &d->batch;
    struct buf line = { 0 };

    b->position = d->row.position;
    while (has_room(b)) {
        uint64_t seq = b->position;

        buf_reset(&line);
        if (queue_read(t, seq, 1, &line, &seq) == 0 || seq > upto ||
            !take_line(d, t, slice_make(line.p, line.len - 1), seq))
            break;
        b->position = seq;
    }
    buf_free(&line);
}

/* ---- the whole state ----------------------------------------------------------------------------------------- */

static bool take_told(struct dispatch *d, struct txn *t, const struct action *action)
{
    struct item i = { .action = *action };
    struct buf line = { 0 };

    i.action.seq = d->row.position;
    i.action.time_ms = clock_wall_ms();
    i.action.connector = slice_of(d->settings.connector);
    action_json(&i.action, &line);
    make_item(d, &i, arena_copy(&d->batch.a, line.p, line.len));
    buf_free(&line);
    return take(d, t, &i);
}

static bool take_object(struct dispatch *d, struct txn *t, const struct object *o)
{
    struct action a = action_create_of(o, CAUSE_RESYNC, PHASE_LOCAL);
    bool taken = take_told(d, t, &a);

    d->telling.told += taken;
    return taken;
}

void fill_telling(struct dispatch *d, struct txn *t)
{
    struct batch *b = &d->batch;
    struct slice key, value;
    struct walk w;
    uint8_t from[8];

    b->position = d->row.position;
    objects_id_key(d->telling.next, from);
    walk_begin(&w, d->telling.t, TABLE_OBJECT);
    while (has_room(b) && walk_next(&w, slice_make(from, sizeof(from)), &key, &value)) {
        struct object *o = arena_alloc(&b->a, sizeof(*o));

        if (object_decode(value, o, &b->a) == 0 && o->state != OBJECT_GONE && !take_object(d, t, o))
            break;
        b->told = objects_id_of(key);
    }
    walk_end(&w);
}

/* The next members of a group, after *at, which is moved. How many. */
static uint32_t read_members(struct dispatch *d, const struct object *o, struct buf *at, struct slice *chunk)
{
    uint32_t n = 0, live;

    while (n < MEMBER_CHUNK && told_next(d->telling.t, o->uuid, at, &chunk[n], &live, &d->batch.a))
        n++;
    return n;
}

static bool take_chunk(struct dispatch *d, struct txn *t, const struct object *o, const struct slice *chunk, uint32_t n)
{
    struct action a = { .type = ACTION_GROUP_MEMBERS, .uuid = o->uuid, .dn = o->dn, .address = o->address, .add = chunk,
                        .n_add = n, .cause = CAUSE_RESYNC, .phase = PHASE_LOCAL };

    return take_told(d, t, &a);
}

/* All members of a group from *at on; false: there is no room for more of them now, and *at is where to go on. */
static bool take_members(struct dispatch *d, struct txn *t, const struct object *o, struct buf *at)
{
    struct buf after = { 0 };
    bool all = false;

    buf_add_slice(&after, buf_slice(at));
    while (has_room(&d->batch)) {
        struct slice *chunk = arena_alloc(&d->batch.a, MEMBER_CHUNK * sizeof(*chunk));
        uint32_t n = read_members(d, o, &after, chunk);

        all = n == 0;
        if (all || !take_chunk(d, t, o, chunk, n))
            break;
        buf_reset(at);
        buf_add_slice(at, buf_slice(&after));
    }
    buf_free(&after);
    return all;
}

void fill_members(struct dispatch *d, struct txn *t)
{
    struct batch *b = &d->batch;
    struct slice key, value;
    struct walk w;
    uint8_t from[8];

    b->position = d->row.position;
    buf_reset(&b->members);
    buf_add_slice(&b->members, buf_slice(&d->telling.at));
    objects_id_key(d->telling.next, from);
    walk_begin(&w, d->telling.t, TABLE_OBJECT);
    while (has_room(b) && walk_next(&w, slice_make(from, sizeof(from)), &key, &value)) {
        struct object *o = arena_alloc(&b->a, sizeof(*o));

        if (object_decode(value, o, &b->a) == 0 && o->kind == OBJECT_GROUP && o->state != OBJECT_GONE &&
            !take_members(d, t, o, &b->members)) {
            b->partly = objects_id_of(key);
            break;
        }
        b->told = objects_id_of(key);
        buf_reset(&b->members);
    }
    walk_end(&w);
}

/* ---- what was set aside -------------------------------------------------------------------------------------- */

struct candidates {
    struct aside_id ids[BATCH_ITEMS];
    size_t n;
    bool for_group[BATCH_ITEMS];   /* it is tried to see how the group is */
};

static void add_candidate(struct candidates *c, struct aside_id id, bool for_group)
{
    size_t at = c->n;

    while (at > 0 && aside_id_cmp(c->ids[at - 1], id) > 0)
        at--;
    if (at > 0 && aside_id_cmp(c->ids[at - 1], id) == 0)
        return;
    memmove(&c->ids[at + 1], &c->ids[at], (c->n - at) * sizeof(*c->ids));
    memmove(&c->for_group[at + 1], &c->for_group[at], (c->n - at) * sizeof(*c->for_group));
    c->ids[at] = id;
    c->for_group[at] = for_group;
    c->n++;
}

/* The next of the group after the one that was tried last; none is left above: the first. */
static bool next_of_group(struct dispatch *d, struct txn *t, struct unwell_group *g)
{
    if (aside_wait_next(t, d->settings.name, &g->id, &g->cursor))
        return true;
    g->cursor = (struct aside_id){ 0 };
    return aside_wait_next(t, d->settings.name, &g->id, &g->cursor);
}

static void add_for_groups(struct dispatch *d, struct txn *t, struct candidates *c)
{
    struct retry_limits limits = dispatch_retry_limits(d);
    int64_t now = clock_wall_ms();
    struct unwell_group *g;

    while (c->n < BATCH_ITEMS / 2 && (g = unwell_due(&d->unwell, now, limits.max_ms)) != NULL) {
        unwell_tried(g, now, &limits);
        if (next_of_group(d, t, g))
            add_candidate(c, g->cursor, true);
        else
            unwell_drained(&d->unwell, g);   /* the operator dropped all that waited */
    }
}

/* Rows whose time has come. One that is further away than any delay is due too: the clock was set back. */
static void add_due(struct dispatch *d, struct txn *t, struct candidates *c)
{
    struct retry_limits limits = dispatch_retry_limits(d);
    int64_t now = clock_wall_ms(), next = 0;
    struct aside_id id = { 0 };

    while (c->n < BATCH_ITEMS && aside_due_next(t, d->settings.name, &next, &id) &&
           (next <= now || next > now + limits.max_ms))
        add_candidate(c, id, false);
}

/* Those of groups that may go. */
static void add_draining(struct dispatch *d, struct txn *t, struct candidates *c)
{
    struct unwell_group *g;

    while (c->n < BATCH_ITEMS && (g = unwell_draining(&d->unwell)) != NULL) {
        struct aside_id id = { 0 };
        size_t before = c->n;

        while (c->n < BATCH_ITEMS && aside_wait_next(t, d->settings.name, &g->id, &id))
            add_candidate(c, id, false);
        if (c->n > before)
            return;   /* the next group when this one is through */
        unwell_drained(&d->unwell, g);
    }
}

/* False: the batch is full. */
static bool take_row(struct dispatch *d, struct txn *t, struct aside_id id, bool for_group)
{
    struct batch *b = &d->batch;
    struct item i = { .stored = true };
    enum aside_state wait;
    struct err e;

    if (!aside_get(t, d->settings.name, id, &i.row, &b->a))
        return true;
    if (action_parse(i.row.line, &i.action, &b->a, &e) != 0) {
        i.row.words = arena_copy(&b->a, e.text, strlen(e.text));
        set_aside(b, &i, ASIDE_PARKED);
        return true;
    }
    i.back = is_back(d, t, &i);
    if (i.back) {
        give(d, &i);
        return b->n_gives < d->limit;
    }
    wait = for_group || i.row.flags & ASIDE_FLAG_NOW ? ASIDE_RETRY : unwell_waits(&d->unwell, &i.row);
    if (wait != ASIDE_RETRY) {
        if (i.row.state != wait)
            set_aside(b, &i, wait);
        return true;
    }
    /* What does not go alone may pass one that does: they share nothing, else one would stand behind the other. */
    give(d, &i);
    return b->n_gives < d->limit;
}

void fill_aside(struct dispatch *d, struct txn *t)
{
    struct candidates c = { .n = 0 };

    if (sink_row_waiting(&d->row) == 0)
        return;
    add_for_groups(d, t, &c);
    add_due(d, t, &c);
    add_draining(d, t, &c);
    for (size_t i = 0; i < c.n && has_room(&d->batch); i++)
        if (!take_row(d, t, c.ids[i], c.for_group[i]))
            break;
}
