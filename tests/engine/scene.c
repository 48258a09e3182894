/* The scene: the mirror in the middle, driven as the writer drives it. */
#include "scene.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"
#include "changes.h"
#include "clock.h"
#include "gone.h"
#include "log.h"

#define WALL_BEGIN ((int64_t)1800000000 * 1000)

struct config_connector conf;
struct mirror *mirror;

static char dir[64], folder[96];
static struct hold_numbers numbers;
static int64_t wall_ms, mono_ms;
static uint64_t seen_seq;
static bool one_round, fail_commit, with_containers;
static atomic_bool stopping;
static char restarted[256], moved[256];
static char empty[] = "";

static void default_conf(void)
{
    static char name[] = "corp", base[] = "ou=people,dc=example,dc=com", class[] = "inetOrgPerson", mail[] = "mail";
    static char domain[] = "example.com", host_field[] = "mailHost", member[] = "member", cn[] = "cn";

    conf = (struct config_connector){
        .name = name, .tls_ca_file = empty, .tls_cert_file = empty, .tls_key_file = empty, .bind_dn = empty,
        .bind_pass = empty, .bind_pass_file = empty, .sasl_mechanism = empty, .timeout = 4, .watchdog_interval = 15,
        .reconcile_interval = 86400, .polling_interval = 300, .retry_interval = 10, .max_retry_interval = 300,
        .account_base = base, .account_scope = SCOPE_SUB, .account_class = class, .account_filter = empty,
        .account_name_attribute = mail, .account_whole_address = true, .group_base = empty, .group_scope = SCOPE_SUB,
        .group_class = empty, .group_filter = empty, .group_name_attribute = cn, .group_member_attribute = member,
        .group_address_attribute = empty, .domain = domain, .custom_schema_file = empty, .host_field = host_field,
        .host = empty, .delete_grace = 300, .rebind = true,
        .guard = { .max_deletes = 100, .max_delete_percent = 10, .max_clears = 100, .max_clear_percent = 10,
                   .max_members_removed = 500, .window = 3600, .settle = 1 },
    };
}

/* Most tests know one ou only, which nothing happens to. */
static void drop_containers(void)
{
    while (!search_shows_objects(&mirror->searches[mirror->n_searches - 1])) {
        unsigned last = --mirror->n_searches;

        buf_free(&mirror->searches[last].base);
        free(mirror->specs[last].base);
        free(mirror->specs[last].filter);
    }
}

static void start(void)
{
    struct err e;

    mirror = mem_alloc(sizeof(*mirror));
    mirror->conf = &conf;
    mirror->subject = conf.name;
    mirror->store = store_open(folder, DB_WRITE, &e);
    cr_assert_not_null(mirror->store, "%s", e.text);
    if (numbers.high < mirror->store->hold_high)
        numbers.high = mirror->store->hold_high;
    mirror->numbers = &numbers;
    cr_assert_eq(search_make_all(mirror, &e), 0, "%s", e.text);
    if (!with_containers)
        drop_containers();
    mirror->stop = &stopping;
    cr_assert_eq(mirror_open(mirror, &e), 0, "%s", e.text);
    cr_assert_null(mirror->t);
}

static void stop(void)
{
    mirror_close(mirror);
    store_close(&mirror->store);
    free(mirror);
    mirror = NULL;
}

void scene_open(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    default_conf();
    wall_ms = WALL_BEGIN;
    mono_ms = 1000000;
    clock_set_wall_ms(wall_ms);
    clock_set_mono_ms(mono_ms);
    snprintf(dir, sizeof(dir), "/tmp/axsync-engine-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(folder, sizeof(folder), "%s/corp", dir);
    seen_seq = 0;
    one_round = fail_commit = with_containers = stopping = false;
    restarted[0] = moved[0] = '\0';
    numbers.high = 0;
    start();
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void read_lines(void);

/* What every test ends with: the state hangs together, also as read back, and the mail server has what it says. */
static void check_all(void)
{
    struct txn *t;

    read_lines();
    audit_store(mirror->store);
    t = txn_begin(mirror->store->db, DB_READ);
    target_compare(t);
    txn_abort(&t);
}

void scene_close(void)
{
    if (mirror) {
        scene_reopen();
        check_all();
        stop();
    }
    directory_forget();
    target_forget();
    nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void scene_reopen(void)
{
    if (mirror->t == NULL && mirror->load == NULL)
        check_all();
    stop();
    directory_forget_asked();
    one_round = false;
    start();
}

void scene_containers(void)
{
    with_containers = true;
    scene_reopen();
}

void scene_stopping(bool on)
{
    stopping = on;
}

void scene_sleep_s(int64_t seconds)
{
    wall_ms += seconds * 1000;
    clock_set_wall_ms(wall_ms);
    scene_reopen();
}

/* ---- as the writer does it ---------------------------------------------------------------------------------- */

/* What was committed to the queue since the last time. */
static void read_lines(void)
{
    struct txn *t = txn_begin(mirror->store->db, DB_READ);
    struct buf out = { 0 };
    const char *p, *end;

    while (queue_read(t, seen_seq, 1 << 20, &out, &seen_seq) > 0)
        ;
    txn_abort(&t);
    p = out.p;
    end = out.p + out.len;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));

        target_line(slice_make(p, (size_t)(newline - p)));
        p = newline + 1;
    }
    buf_free(&out);
}

static void note_restart(void)
{
    if (mirror->restart_why[0])
        snprintf(restarted, sizeof(restarted), "%s", mirror->restart_why);
    snprintf(moved, sizeof(moved), "%s", mirror->move_to ? mirror->move_to : moved);
    free(mirror->move_to);
    mirror->move_to = NULL;
    mirror->restart_why[0] = '\0';
}

static void send_look_ups(struct mirror_search *s)
{
    if (s->ask.len == 0)
        return;
    mirror->asked++;
    csn_set_copy(&mirror->asked_highest, &s->highest);
    for (size_t i = 0; i < s->ask.len; i += UUID_BYTES)
        directory_ask(search_index(mirror, s), (const uint8_t *)s->ask.p + i);
    buf_reset(&s->ask);
}

static void commit(void)
{
    struct err e;

    if (fail_commit) {
        mirror_begin(mirror);
        txn_append(mirror->t, TABLE_META, slice_of("\x01"), slice_of("not at the end"));   /* a sticky error */
        fail_commit = false;
        cr_assert_neq(mirror_commit(mirror, &e), 0);
        err_clear(&mirror->undone);
        note_restart();
        return;
    }
    if (mirror->undone.class != ERR_NONE) {
        err_clear(&mirror->undone);
        store_abort(mirror->store, &mirror->t);
        note_restart();
        return;
    }
    cr_assert_eq(mirror_commit(mirror, &e), 0, "%s", e.text);
    read_lines();
    for (unsigned i = 0; i < mirror->n_searches; i++)
        send_look_ups(&mirror->searches[i]);
    note_restart();
}

/* In a refresh the writer has no hurry: it commits when some time has passed. */
static bool must_commit(bool time_passed)
{
    for (unsigned i = 0; i < mirror->n_searches; i++)
        if (mirror->searches[i].cookie_dirty)
            return true;
    return mirror->restart_why[0] ||
           ((mirror->urgent || search_asking(mirror, 0)) && (!search_any_refreshing(mirror) || time_passed));
}

static void run_round(struct sync_batch *b, bool time_passed)
{
    mirror_begin(mirror);
    mirror_watch_clock(mirror);
    for (const struct sync_msg *m = b ? b->first : NULL; m; m = m->next)
        ingest_message(mirror, m);
    if (b)
        sync_batch_free(&b);
    if (one_round)
        return;
    mirror_begin(mirror);
    release_run(mirror);
    if (must_commit(time_passed))
        commit();
    else if (!mirror->urgent)
        txn_abort(&mirror->t);
    read_lines();   /* the end of a load commits by itself */
}

void scene_round(struct sync_batch *b)
{
    run_round(b, false);
}

void scene_one_round(bool on)
{
    one_round = on;
    if (!on)
        scene_round(NULL);
}

void scene_fail_commit(bool on)
{
    fail_commit = on;
}

void pass_s(int64_t seconds)
{
    wall_ms += seconds * 1000;
    mono_ms += seconds * 1000;
    clock_set_wall_ms(wall_ms);
    clock_set_mono_ms(mono_ms);
    run_round(NULL, true);
}

void jump_s(int64_t seconds)
{
    wall_ms += seconds * 1000;
    clock_set_wall_ms(wall_ms);
    run_round(NULL, true);
}

/* ---- the operator ------------------------------------------------------------------------------------------- */

static void run_command(const struct command *c)
{
    struct err e = { 0 };
    char text[512];

    mirror_begin(mirror);
    mirror_watch_clock(mirror);
    cr_assert_eq(operator_command(mirror, c, text, sizeof(text), &e), 0, "%s", e.text);
    mirror_begin(mirror);
    release_run(mirror);
    commit();
}

static void command(enum command_verb verb, uint32_t hold, uint32_t upto)
{
    struct command c = { .verb = verb, .hold = hold, .upto = upto };

    run_command(&c);
}

void repair(const char *list, bool offline)
{
    struct command c = { .verb = COMMAND_REPAIR, .list = list, .offline = offline };

    run_command(&c);
}

void approve(uint32_t hold, uint32_t upto)
{
    command(COMMAND_APPROVE, hold, upto);
}

void reject(uint32_t hold, uint32_t upto)
{
    command(COMMAND_REJECT, hold, upto);
}

void resync(void)
{
    command(COMMAND_RESYNC, 0, 0);
}

/* ---- what must be ------------------------------------------------------------------------------------------- */

/* The pending row of that sort, of whatever field; false: none. */
static bool find_pending(struct txn *t, const char *name, enum pending_what what, struct pending *p, struct arena *a)
{
    struct buf next = { 0 };
    uint8_t uuid[UUID_BYTES];
    bool found = false;

    uuid_of(name, uuid);
    while (!found && pending_next(t, uuid, &next, p, a))
        found = what == 0 || p->what == what;
    buf_free(&next);
    return found;
}

static struct txn *look(void)
{
    return txn_begin(mirror->store->db, DB_READ);
}

void expect_pending(const char *name, enum pending_what what, enum pending_reason reason)
{
    struct txn *t = look();
    struct arena a = { 0 };
    struct pending p;

    cr_assert(find_pending(t, name, what, &p, &a), "nothing is pending of %s", name);
    cr_assert_eq(p.reason, reason, "%s is %s, not %s", name, pending_reason_name(p.reason), pending_reason_name(reason));
    arena_free(&a);
    txn_abort(&t);
}

void expect_none(const char *name)
{
    struct txn *t = look();
    struct arena a = { 0 };
    struct pending p;

    cr_assert(!find_pending(t, name, 0, &p, &a), "%s: still %s", name, pending_reason_name(p.reason));
    arena_free(&a);
    txn_abort(&t);
}

void expect_hold(uint32_t id, uint32_t count, bool rejected)
{
    struct txn *t = look();
    struct arena a = { 0 };
    struct hold h;

    cr_assert(hold_get(t, id, &h, &a), "there is no hold %u", id);
    cr_assert_eq(h.count, count, "hold %u has %u, not %u", id, h.count, count);
    cr_assert_eq(h.rejected, rejected);
    arena_free(&a);
    txn_abort(&t);
}

void expect_holds(unsigned n)
{
    struct txn *t = look();
    struct arena a = { 0 };
    struct hold h;
    uint32_t id = 0;
    unsigned there = 0;

    while (hold_next(t, &id, &h, &a))
        there++;
    cr_assert_eq(there, n, "%u holds, expected %u; the last: %.*s", there, n, there ? (int)h.why.len : 0, h.why.p);
    arena_free(&a);
    txn_abort(&t);
}

void expect_state(const char *name, enum object_state state)
{
    struct txn *t = look();
    struct arena a = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct object o;

    uuid_of(name, uuid);
    cr_assert_neq(objects_get(t, uuid, &o, &a), 0, "%s is not mirrored", name);
    cr_assert_eq(o.state, state, "%s has state %d", name, (int)o.state);
    arena_free(&a);
    txn_abort(&t);
}

void expect_dn(const char *name, const char *dn)
{
    struct txn *t = look();
    struct arena a = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct object o;

    uuid_of(name, uuid);
    cr_assert_neq(objects_get(t, uuid, &o, &a), 0, "%s is not mirrored", name);
    cr_assert(slice_eq(o.dn, slice_of(dn)), "%s is %.*s", name, SLICE_ARG(o.dn));
    arena_free(&a);
    txn_abort(&t);
}

void expect_unknown(const char *name)
{
    struct txn *t = look();
    uint8_t uuid[UUID_BYTES];

    uuid_of(name, uuid);
    cr_assert_eq(objects_find(t, uuid, NULL), 0, "%s is mirrored", name);
    txn_abort(&t);
}

void expect_waits(const char *name, bool waits)
{
    struct txn *t = look();
    struct arena a = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct object o;

    uuid_of(name, uuid);
    cr_assert_eq(want_get(t, uuid, &o, &a), waits, "%s %s", name, waits ? "does not wait" : "waits");
    arena_free(&a);
    txn_abort(&t);
}

void expect_invalid(const char *name, bool invalid)
{
    struct txn *t = look();
    struct arena a = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct slice dn, reason;

    uuid_of(name, uuid);
    cr_assert_eq(invalid_get(t, uuid, &dn, &reason, &a), invalid, "%s is %s", name, invalid ? "valid" : "invalid");
    arena_free(&a);
    txn_abort(&t);
}

void expect_restart(const char *why)
{
    if (why)
        cr_assert_not_null(strstr(restarted, why), "\"%s\" is not in \"%s\"", why, restarted);
    else
        cr_assert_str_empty(restarted);
    restarted[0] = '\0';
}

void expect_move(const char *uri)
{
    cr_assert_str_eq(moved, uri ? uri : "");
    moved[0] = '\0';
}

bool was_restarted(void)
{
    bool was = restarted[0] != '\0';

    restarted[0] = '\0';
    return was;
}

const char *cookie_stored_of(enum search_kind kind)
{
    static char text[256];
    struct txn *t = look();
    struct slice v = { "", 0 };

    meta_get(t, "cookie", search_kind_key(kind), &v);
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(v));
    txn_abort(&t);
    return text;
}

const char *cookie_stored(void)
{
    return cookie_stored_of(SEARCH_ACCOUNTS);
}

/* ---- what is gone ---- */

#define KEEPER "mail"

static struct txn *keeper_begin(void)
{
    return store_begin(mirror->store);
}

static void keeper_end(struct txn *t)
{
    struct err e;

    cr_assert_eq(store_commit(mirror->store, &t, &e), 0, "%s", e.text);
}

static void keep_record(struct txn *t, const struct object *o)
{
    struct record r = { .address = o->address, .bytes = slice_of("x") };

    memcpy(r.uuid, o->uuid, UUID_BYTES);
    record_put(t, KEEPER, &r, 1);
}

void scene_keeps(void)
{
    struct txn *t = keeper_begin();
    struct slice key, v;
    struct arena a = { 0 };
    struct object o;
    struct walk w;

    target_keeps = true;
    sink_row_put(t, KEEPER, &(struct sink_row){ .position = queue_last(mirror->store), .actions = true });
    walk_begin(&w, t, TABLE_OBJECT);
    while (walk_next(&w, (struct slice){ 0 }, &key, &v))
        if (object_decode(v, &o, &a) == 0)
            keep_record(t, &o);
    walk_end(&w);
    arena_free(&a);
    keeper_end(t);
}

void forget_record(const char *name)
{
    struct changes c = { 0 };
    uint8_t uuid[UUID_BYTES];
    uint64_t position;
    struct txn *t = keeper_begin();

    uuid_of(name, uuid);
    changes_forget(&c, uuid);
    changes_position(&c, queue_last(mirror->store));
    changes_apply(t, KEEPER, buf_slice(&c.ops), 1, &position);
    keeper_end(t);
    changes_free(&c);
}

bool is_gone(const char *name)
{
    struct txn *t = look();
    struct arena a = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct gone g;
    bool gone;

    uuid_of(name, uuid);
    gone = gone_get(t, uuid, &g, &a);
    arena_free(&a);
    txn_abort(&t);
    return gone;
}
