#include "aside.h"

#include <string.h>

/* ---- keys ---------------------------------------------------------------------------------------------------- */

#define ID_BYTES 12

static void put_id(struct buf *key, struct aside_id id)
{
    buf_u64(key, id.seq);
    buf_u32(key, id.n);
}

/* The id that a key ends with. */
static struct aside_id id_of(struct slice key)
{
    struct reader r = reader_of(key.len < ID_BYTES ? key : slice_make(key.p + key.len - ID_BYTES, ID_BYTES));
    uint64_t seq = read_u64(&r);

    return (struct aside_id){ seq, read_u32(&r) };
}

static struct slice row_key(struct buf *key, const char *sink, struct aside_id id)
{
    sink_key(key, sink);
    put_id(key, id);
    return buf_slice(key);
}

static struct slice hash_key(struct buf *key, const char *sink, uint64_t hash, enum key_mode mode, struct aside_id id)
{
    sink_key(key, sink);
    buf_u64(key, hash);
    buf_u8(key, (uint8_t)mode);
    put_id(key, id);
    return buf_slice(key);
}

static struct slice due_key(struct buf *key, const char *sink, int64_t next_ms, struct aside_id id)
{
    sink_key(key, sink);
    buf_u64(key, (uint64_t)next_ms);
    put_id(key, id);
    return buf_slice(key);
}

static struct slice behind_key(struct buf *key, const char *sink, struct aside_id front, struct aside_id id)
{
    sink_key(key, sink);
    put_id(key, front);
    put_id(key, id);
    return buf_slice(key);
}

static struct slice wait_key(struct buf *key, const char *sink, const struct aside_group *g, struct aside_id id)
{
    sink_key(key, sink);
    buf_u8(key, (uint8_t)g->state);
    buf_u64(key, g->domain);
    buf_u8(key, g->type);
    put_id(key, id);
    return buf_slice(key);
}

/* The first key above *from (which is changed), as long as it is as long and has the same first bytes. */
static bool above(struct txn *t, enum table table, struct buf *from, size_t same, struct slice *key)
{
    size_t len = from->len;
    struct slice v;
    struct walk w;
    bool found;

    buf_u8(from, 0);
    walk_begin(&w, t, table);
    found = walk_next(&w, buf_slice(from), key, &v) && key->len == len && memcmp(key->p, from->p, same) == 0;
    walk_end(&w);
    return found;
}

/* ---- one row ------------------------------------------------------------------------------------------------- */

bool aside_get(struct txn *t, const char *sink, struct aside_id id, struct aside_row *row, struct arena *a)
{
    struct buf key = { 0 };
    struct slice v;
    bool found = txn_get(t, TABLE_ASIDE, row_key(&key, sink, id), &v);

    buf_free(&key);
    if (!found)
        return false;
    found = aside_row_decode(arena_copy(a, v.p, v.len), row, a);
    row->id = id;
    return found;
}

/* Adds or removes what the state of a row stands in. */
static void index_state(struct txn *t, const char *sink, const struct aside_row *row, bool add)
{
    struct aside_group g;
    struct buf key = { 0 };
    enum table table;

    switch (row->state) {
    case ASIDE_RETRY:
        table = TABLE_ASIDE_DUE;
        due_key(&key, sink, row->next_ms, row->id);
        break;
    case ASIDE_BEHIND:
    case ASIDE_STUCK:
        table = TABLE_ASIDE_BEHIND;
        behind_key(&key, sink, row->behind, row->id);
        break;
    case ASIDE_DOMAIN:
    case ASIDE_UNWELL:
        g = aside_group_of(row->state, row);
        table = TABLE_ASIDE_WAIT;
        wait_key(&key, sink, &g, row->id);
        break;
    default:
        return;
    }
    if (add)
        txn_put(t, table, buf_slice(&key), (struct slice){ "", 0 });
    else
        txn_del(t, table, buf_slice(&key));
    buf_free(&key);
}

static void index_keys(struct txn *t, const char *sink, const struct aside_row *row, bool add)
{
    struct buf key = { 0 };

    for (uint32_t i = 0; i < row->n_keys; i++) {
        hash_key(&key, sink, row->keys[i].hash, row->keys[i].mode, row->id);
        if (add)
            txn_put(t, TABLE_ASIDE_KEY, buf_slice(&key), slice_make(row->uuid, UUID_BYTES));
        else
            txn_del(t, TABLE_ASIDE_KEY, buf_slice(&key));
    }
    buf_free(&key);
}

static void put_row(struct txn *t, const char *sink, const struct aside_row *row)
{
    struct buf key = { 0 }, value = { 0 };

    aside_row_encode(row, &value);
    txn_put(t, TABLE_ASIDE, row_key(&key, sink, row->id), buf_slice(&value));
    buf_free(&key);
    buf_free(&value);
}

static void add_row(struct txn *t, const char *sink, const struct aside_row *row)
{
    put_row(t, sink, row);
    index_keys(t, sink, row, true);
    index_state(t, sink, row, true);
    sink_row_count(t, sink, row->state, 1);
}

static void remove_row(struct txn *t, const char *sink, const struct aside_row *row)
{
    struct buf key = { 0 };

    txn_del(t, TABLE_ASIDE, row_key(&key, sink, row->id));
    buf_free(&key);
    index_keys(t, sink, row, false);
    index_state(t, sink, row, false);
    sink_row_count(t, sink, row->state, -1);
}

/* ---- order --------------------------------------------------------------------------------------------------- */

/* The nearest row below with this key in this mode, but for those of its own uuid that it does not wait for. */
static bool nearest(struct txn *t, const char *sink, const struct aside_row *row, uint64_t hash, enum key_mode ours,
                    enum key_mode mode, struct aside_id *found)
{
    bool own_pass = mode == KEY_FOREIGN || ours == KEY_FOREIGN || row->flags & ASIDE_FLAG_ANEW;
    struct buf key = { 0 };
    struct slice k = hash_key(&key, sink, hash, mode, row->id), v;
    bool there = false;

    while (!there && txn_before(t, TABLE_ASIDE_KEY, buf_slice(&key), &k, &v) && k.len == key.len &&
           memcmp(k.p, key.p, key.len - ID_BYTES) == 0) {
        there = !(own_pass && v.len == UUID_BYTES && memcmp(v.p, row->uuid, UUID_BYTES) == 0);
        *found = id_of(k);
        hash_key(&key, sink, hash, mode, *found);
    }
    buf_free(&key);
    return there;
}

bool aside_in_front(struct txn *t, const char *sink, const struct aside_row *row, struct aside_id *front)
{
    struct aside_id at;
    bool found = false;

    if (txn_count(t, TABLE_ASIDE_KEY) == 0)
        return false;
    for (uint32_t i = 0; i < row->n_keys; i++)
        for (unsigned mode = 0; mode < KEY_MODES; mode++)
            if (key_conflict((enum key_mode)mode, row->keys[i].mode) &&
                nearest(t, sink, row, row->keys[i].hash, row->keys[i].mode, (enum key_mode)mode, &at) &&
                (!found || aside_id_cmp(at, *front) > 0)) {
                *front = at;
                found = true;
            }
    return found;
}

static enum aside_state state_of(struct txn *t, const char *sink, struct aside_id id)
{
    struct arena a = { 0 };
    struct aside_row row;
    enum aside_state state = aside_get(t, sink, id, &row, &a) ? row.state : ASIDE_RETRY;

    arena_free(&a);
    return state;
}

/* Puts it behind the row in front of it, or lets it be tried at once. */
static void stand(struct txn *t, const char *sink, struct aside_row *row)
{
    if (aside_in_front(t, sink, row, &row->behind)) {
        row->state = aside_is_parked(state_of(t, sink, row->behind)) ? ASIDE_STUCK : ASIDE_BEHIND;
        return;
    }
    row->behind = (struct aside_id){ 0 };
    row->state = ASIDE_RETRY;
    row->next_ms = 0;
}

/* Ids of those that stand directly behind this one. */
static void followers(struct txn *t, const char *sink, struct aside_id id, struct buf *out)
{
    struct aside_id at = { 0 };
    struct buf from = { 0 };
    struct slice key;

    for (;;) {
        behind_key(&from, sink, id, at);
        if (!above(t, TABLE_ASIDE_BEHIND, &from, from.len - ID_BYTES, &key))
            break;
        at = id_of(key);
        buf_add(out, &at, sizeof(at));
    }
    buf_free(&from);
}

static bool take_id(struct buf *ids, size_t *at, struct aside_id *id)
{
    if (*at + sizeof(*id) > ids->len)
        return false;
    memcpy(id, ids->p + *at, sizeof(*id));
    *at += sizeof(*id);
    return true;
}

/* All that stands behind this one, near or far, is stuck, or is not any more. A list and no recursion: lines are as long as
 * somebody's absence. */
static void set_stuck(struct txn *t, const char *sink, struct aside_id first, bool stuck)
{
    struct buf line = { 0 };
    struct arena a = { 0 };
    struct aside_row row;
    struct aside_id id;
    size_t at = 0;

    followers(t, sink, first, &line);
    while (take_id(&line, &at, &id)) {
        if (aside_get(t, sink, id, &row, &a) && aside_is_parked(row.state) != stuck) {
            sink_row_count(t, sink, row.state, -1);
            row.state = stuck ? ASIDE_STUCK : ASIDE_BEHIND;
            sink_row_count(t, sink, row.state, 1);
            put_row(t, sink, &row);
            followers(t, sink, id, &line);
        }
        arena_reset(&a);
    }
    buf_free(&line);
    arena_free(&a);
}

/* Gives a row another state (and what goes with it), keys as they are. */
static void change_state(struct txn *t, const char *sink, const struct aside_row *old, const struct aside_row *row)
{
    index_state(t, sink, old, false);
    sink_row_count(t, sink, old->state, -1);
    put_row(t, sink, row);
    index_state(t, sink, row, true);
    sink_row_count(t, sink, row->state, 1);
    if (aside_is_parked(old->state) != aside_is_parked(row->state))
        set_stuck(t, sink, row->id, aside_is_parked(row->state));
}

/* The row in front of these has ended or has other keys now. */
static void free_followers(struct txn *t, const char *sink, struct aside_id front)
{
    struct buf ids = { 0 };
    struct arena a = { 0 };
    struct aside_row old, row;
    struct aside_id id;
    size_t at = 0;

    followers(t, sink, front, &ids);
    while (take_id(&ids, &at, &id)) {
        if (aside_get(t, sink, id, &old, &a)) {
            row = old;
            stand(t, sink, &row);
            change_state(t, sink, &old, &row);
        }
        arena_reset(&a);
    }
    buf_free(&ids);
    arena_free(&a);
}

/* ---- changes ------------------------------------------------------------------------------------------------- */

static void number(struct txn *t, const char *sink, struct aside_row *row)
{
    struct buf key = { 0 };
    struct slice k, v;

    row_key(&key, sink, row->id);
    row->id.n = 1;
    if (txn_before(t, TABLE_ASIDE, buf_slice(&key), &k, &v) && k.len == key.len &&
        memcmp(k.p, key.p, key.len - 4) == 0)
        row->id.n = id_of(k).n + 1;
    buf_free(&key);
}

/* A sink whose commit was told to have failed sets aside once more what was stored all the same. */
static void drop_same(struct txn *t, const char *sink, struct aside_id id)
{
    struct arena a = { 0 };
    struct aside_row old;

    if (aside_get(t, sink, id, &old, &a))
        remove_row(t, sink, &old);
    arena_free(&a);
}

void aside_add(struct txn *t, const char *sink, struct aside_row *row)
{
    if (row->id.n == ASIDE_NEXT)
        number(t, sink, row);
    else
        drop_same(t, sink, row->id);
    if (action_is_rename(row->type) || action_is_delete(row->type))
        aside_supersede(t, sink, row->uuid, row->id, SUPERSEDES_RENAME);
    if (row->state == ASIDE_BEHIND)
        stand(t, sink, row);
    add_row(t, sink, row);
}

static bool same_keys(const struct aside_row *x, const struct aside_row *y)
{
    if (x->n_keys != y->n_keys)
        return false;
    for (uint32_t i = 0; i < x->n_keys; i++)
        if (x->keys[i].hash != y->keys[i].hash || x->keys[i].mode != y->keys[i].mode)
            return false;
    return true;
}

bool aside_edit(struct txn *t, const char *sink, const struct aside_row *row)
{
    struct arena a = { 0 };
    struct aside_row old;
    bool there = aside_get(t, sink, row->id, &old, &a), same;

    if (there) {
        same = same_keys(&old, row);
        if (!same) {
            index_keys(t, sink, &old, false);
            index_keys(t, sink, row, true);
        }
        change_state(t, sink, &old, row);
        if (!same)
            free_followers(t, sink, row->id);
    }
    arena_free(&a);
    return there;
}

bool aside_end(struct txn *t, const char *sink, struct aside_id id)
{
    struct arena a = { 0 };
    struct aside_row row;
    bool there = aside_get(t, sink, id, &row, &a);

    if (there) {
        remove_row(t, sink, &row);
        free_followers(t, sink, id);
    }
    arena_free(&a);
    return there;
}

struct aside_id aside_root(struct txn *t, const char *sink, struct aside_id id)
{
    struct arena a = { 0 };
    struct aside_row row;

    while (aside_get(t, sink, id, &row, &a) && (row.state == ASIDE_BEHIND || row.state == ASIDE_STUCK)) {
        id = row.behind;
        arena_reset(&a);
    }
    arena_free(&a);
    return id;
}

/* ---- superseded ---------------------------------------------------------------------------------------------- */

unsigned aside_supersedes(const struct action *a)
{
    unsigned what = 0;

    if (action_is_rename(a->type) || action_is_delete(a->type))
        what |= SUPERSEDES_RENAME;
    if (action_tells_aliases(a) || action_is_delete(a->type))
        what |= SUPERSEDES_ALIASES;
    if (action_is_create(a->type) && (a->cause == CAUSE_RESYNC || a->cause == CAUSE_REPAIR))
        what |= SUPERSEDES_RENAME | SUPERSEDES_ALIASES | SUPERSEDES_PARKED;
    return what;
}

static bool is_superseded(const struct aside_row *row, unsigned what)
{
    if (row->type == ACTION_GROUP_MEMBERS)
        return false;
    if (row->flags & ASIDE_FLAG_REST)
        return what & (action_is_rename(row->type) ? SUPERSEDES_RENAME : SUPERSEDES_ALIASES);
    return what & SUPERSEDES_PARKED && aside_is_parked(row->state);
}

/* Ids below `before` that have this key, of this uuid. */
static void with_key(struct txn *t, const char *sink, uint64_t hash, enum key_mode mode, const uint8_t *uuid,
                     struct aside_id before, struct buf *out)
{
    struct buf from = { 0 };
    struct aside_id at = { 0 };
    struct slice key, v;
    struct walk w;

    hash_key(&from, sink, hash, mode, at);
    walk_begin(&w, t, TABLE_ASIDE_KEY);
    while (walk_next(&w, buf_slice(&from), &key, &v) && key.len == from.len &&
           memcmp(key.p, from.p, from.len - ID_BYTES) == 0) {
        at = id_of(key);
        if (aside_id_cmp(at, before) < 0 && v.len == UUID_BYTES && memcmp(v.p, uuid, UUID_BYTES) == 0)
            buf_add(out, &at, sizeof(at));
    }
    walk_end(&w);
    buf_free(&from);
}

size_t aside_supersede(struct txn *t, const char *sink, const uint8_t *uuid, struct aside_id before, unsigned what)
{
    struct buf ids = { 0 };
    struct arena a = { 0 };
    struct aside_row row;
    struct aside_id id;
    size_t at = 0, n = 0;

    if (what == 0 || txn_count(t, TABLE_ASIDE) == 0)
        return 0;
    with_key(t, sink, action_key_rest(uuid), KEY_MARK, uuid, before, &ids);
    if (what & SUPERSEDES_PARKED)
        with_key(t, sink, action_key_uuid(uuid), KEY_EXCLUSIVE, uuid, before, &ids);
    while (take_id(&ids, &at, &id)) {
        /* Looked at anew each time: the end of one frees others. */
        if (aside_get(t, sink, id, &row, &a) && is_superseded(&row, what))
            n += aside_end(t, sink, id);
        arena_reset(&a);
    }
    buf_free(&ids);
    arena_free(&a);
    return n;
}

/* ---- looking ------------------------------------------------------------------------------------------------- */

bool aside_next(struct txn *t, const char *sink, struct aside_id *id, struct aside_row *row, struct arena *a)
{
    struct buf from = { 0 };
    struct slice key;
    bool found;

    row_key(&from, sink, *id);
    found = above(t, TABLE_ASIDE, &from, from.len - ID_BYTES, &key);
    buf_free(&from);
    if (!found)
        return false;
    *id = id_of(key);
    return aside_get(t, sink, *id, row, a);
}

bool aside_due_next(struct txn *t, const char *sink, int64_t *next_ms, struct aside_id *id)
{
    struct buf from = { 0 };
    struct slice key;
    struct reader r;
    bool found;

    due_key(&from, sink, *next_ms, *id);
    found = above(t, TABLE_ASIDE_DUE, &from, from.len - ID_BYTES - 8, &key);
    if (found) {
        r = reader_of(slice_make(key.p + key.len - ID_BYTES - 8, 8));
        *next_ms = (int64_t)read_u64(&r);
        *id = id_of(key);
    }
    buf_free(&from);
    return found;
}

bool aside_wait_next(struct txn *t, const char *sink, const struct aside_group *g, struct aside_id *id)
{
    struct buf from = { 0 };
    struct slice key;
    bool found;

    wait_key(&from, sink, g, *id);
    found = above(t, TABLE_ASIDE_WAIT, &from, from.len - ID_BYTES, &key);
    if (found)
        *id = id_of(key);
    buf_free(&from);
    return found;
}

bool aside_group_next(struct txn *t, const char *sink, struct aside_group *g)
{
    const struct aside_id last = { UINT64_MAX, UINT32_MAX }, first = { 0 };
    struct buf from = { 0 };
    struct slice key;
    struct reader r;
    bool found;

    wait_key(&from, sink, g, g->state == 0 ? first : last);
    found = above(t, TABLE_ASIDE_WAIT, &from, from.len - ID_BYTES - 10, &key);
    if (found) {
        r = reader_of(slice_make(key.p + key.len - ID_BYTES - 10, 10));
        g->state = (enum aside_state)read_u8(&r);
        g->domain = read_u64(&r);
        g->type = read_u8(&r);
    }
    buf_free(&from);
    return found;
}

bool aside_has_uuid(struct txn *t, const char *sink, const uint8_t *uuid)
{
    static const struct aside_id end = { UINT64_MAX, UINT32_MAX };
    struct buf ids = { 0 };
    bool found;

    if (txn_count(t, TABLE_ASIDE_KEY) == 0)
        return false;
    with_key(t, sink, action_key_uuid(uuid), KEY_EXCLUSIVE, uuid, end, &ids);
    with_key(t, sink, action_key_rest(uuid), KEY_MARK, uuid, end, &ids);
    found = ids.len > 0;
    buf_free(&ids);
    return found;
}

/* Its key is that of the old uuid too, and it is a row of the new one. */
bool aside_rebound(struct txn *t, const char *sink, const uint8_t *from, uint8_t *to)
{
    struct aside_id none = { 0 };
    struct buf key = { 0 };
    struct arena a = { 0 };
    struct slice k, v;
    struct aside_row row;
    struct walk w;
    bool found = false;

    hash_key(&key, sink, action_key_uuid(from), KEY_EXCLUSIVE, none);
    walk_begin(&w, t, TABLE_ASIDE_KEY);
    while (!found && walk_next(&w, buf_slice(&key), &k, &v) && k.len == key.len &&
           memcmp(k.p, key.p, key.len - ID_BYTES) == 0) {
        if (v.len != UUID_BYTES || memcmp(v.p, from, UUID_BYTES) == 0)
            continue;
        found = aside_get(t, sink, id_of(k), &row, &a) && action_is_rebind(row.type);
        arena_reset(&a);
    }
    if (found)
        memcpy(to, row.uuid, UUID_BYTES);
    walk_end(&w);
    buf_free(&key);
    arena_free(&a);
    return found;
}

size_t aside_drop(struct txn *t, const char *sink)
{
    struct sink_row row;

    sink_table_drop(t, TABLE_ASIDE_KEY, sink);
    sink_table_drop(t, TABLE_ASIDE_DUE, sink);
    sink_table_drop(t, TABLE_ASIDE_BEHIND, sink);
    sink_table_drop(t, TABLE_ASIDE_WAIT, sink);
    if (sink_row_get(t, sink, &row)) {
        memset(row.aside, 0, sizeof(row.aside));
        sink_row_put(t, sink, &row);
    }
    return sink_table_drop(t, TABLE_ASIDE, sink);
}
