#include "fake.h"

#include "gone.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "action_parse.h"
#include "audit.h"
#include "clock.h"
#include "log.h"
#include "members.h"
#include "objects.h"
#include "queue.h"

#define ACCOUNTS 4096
#define MEMBERS 4096

struct world {
    struct fake_account accounts[ACCOUNTS];
    size_t n;
    struct {
        int group;
        char address[64];
    } members[MEMBERS];
    size_t n_members;
};

fake_script *fake_behaves;
bool fake_is_down, fake_audits;
size_t fake_applied, fake_asked;
struct buf fake_log;
struct err fake_error;
enum removal_verdict fake_verdict;
struct dispatch_limits fake_limits;
struct store *fake_store;

static struct world target, ideal;
static struct sink sink;
static struct dispatch *dispatch;
static const struct sink_records *records;
static atomic_bool stop;
static char folder[64];
static int64_t wall_ms, mono_ms, until_ms;
static bool fail_commit, kill_commit;
static struct arena arena, said;

/* ---- the target ---------------------------------------------------------------------------------------------- */

static struct fake_account *find(struct world *w, int uuid)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->accounts[i].uuid == uuid)
            return &w->accounts[i];
    return NULL;
}

struct fake_account *fake_find(int uuid)
{
    return find(&target, uuid);
}

size_t fake_count(void)
{
    return target.n;
}

static bool is_taken(struct world *w, struct slice address, int but)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->accounts[i].uuid != but && slice_eq(slice_of(w->accounts[i].address), address))
            return true;
    return false;
}

static size_t member_at(struct world *w, int group, struct slice address)
{
    size_t i = 0;

    while (i < w->n_members && !(w->members[i].group == group && slice_eq(slice_of(w->members[i].address), address)))
        i++;
    return i;
}

bool fake_has_member(int group, const char *address)
{
    return member_at(&target, group, slice_of(address)) < target.n_members;
}

static void set_text(char to[64], struct slice s)
{
    snprintf(to, 64, "%.*s", SLICE_ARG(s));
}

/* Uuids are a number of four bytes, and zeros. */
static int number_of(const uint8_t *uuid)
{
    return uuid[0] | uuid[1] << 8 | uuid[2] << 16;
}

static void uuid_from(int number, uint8_t *uuid)
{
    memset(uuid, 0, UUID_BYTES);
    uuid[0] = (uint8_t)number;
    uuid[1] = (uint8_t)(number >> 8);
    uuid[2] = (uint8_t)(number >> 16);
}

static void change_members(struct world *w, const struct action *a)
{
    for (uint32_t i = 0; i < a->n_add; i++)
        if (member_at(w, number_of(a->uuid), a->add[i]) == w->n_members) {
            w->members[w->n_members].group = number_of(a->uuid);
            set_text(w->members[w->n_members++].address, a->add[i]);
        }
    for (uint32_t i = 0; i < a->n_remove; i++) {
        size_t at = member_at(w, number_of(a->uuid), a->remove[i]);

        if (at < w->n_members)
            w->members[at] = w->members[--w->n_members];
    }
}

static enum outcome rebind(struct world *w, const struct action *a, const char **words)
{
    uint8_t old[UUID_BYTES];
    struct fake_account *account;

    cr_assert(uuid_parse(a->from, old));
    account = find(w, number_of(old));
    *words = "-ERR: nobody of that uuid";
    if (account)
        account->uuid = number_of(a->uuid);
    return account ? OUTCOME_DONE : OUTCOME_PARK;
}

/* Does what an action asks for, as the Axigen sink would: by the uuid that is its mark. */
static enum outcome take(struct world *w, const struct action *a, const char **words)
{
    int uuid = number_of(a->uuid);
    struct fake_account *account = find(w, uuid);

    if (a->type == ACTION_GROUP_MEMBERS) {
        change_members(w, a);
        return OUTCOME_DONE;
    }
    if (a->type == ACTION_ACCOUNT_REBIND)
        return rebind(w, a, words);
    if (action_is_delete(a->type)) {
        if (account)
            *account = w->accounts[--w->n];
        return OUTCOME_DONE;
    }
    *words = "-ERR: no such account";
    if (account == NULL && !action_is_create(a->type))
        return OUTCOME_PARK;
    *words = "-ERR: the name is taken";
    if ((action_is_create(a->type) || action_is_rename(a->type)) && is_taken(w, a->address, uuid))
        return OUTCOME_REFUSED;
    if (account == NULL) {
        cr_assert_lt(w->n, ACCOUNTS);
        account = &w->accounts[w->n++];
        *account = (struct fake_account){ .uuid = uuid };
    }
    if (action_is_create(a->type) || action_is_rename(a->type))
        set_text(account->address, a->address);
    for (uint32_t i = 0; i < a->n_set; i++)
        set_text(account->value, a->set[i].value);
    return OUTCOME_DONE;
}

/* A deletion of what is back: its address is free, and it is still there. */
static enum outcome step_aside(struct world *w, const struct action *a)
{
    struct fake_account *account = find(w, number_of(a->uuid));

    cr_assert(action_is_delete(a->type));
    if (account)
        snprintf(account->address, sizeof(account->address), "axsync-%d@x", account->uuid);
    return OUTCOME_DONE;
}

static void compare_worlds(struct world *x, struct world *y)
{
    for (size_t i = 0; i < x->n; i++) {
        struct fake_account *other = find(y, x->accounts[i].uuid);

        cr_assert_not_null(other, "account %d is missing", x->accounts[i].uuid);
        cr_assert_str_eq(other->address, x->accounts[i].address, "account %d", x->accounts[i].uuid);
        cr_assert_str_eq(other->value, x->accounts[i].value, "account %d", x->accounts[i].uuid);
    }
    for (size_t i = 0; i < x->n_members; i++)
        cr_assert_lt(member_at(y, x->members[i].group, slice_of(x->members[i].address)), y->n_members);
}

void fake_compare(void)
{
    compare_worlds(&ideal, &target);
    compare_worlds(&target, &ideal);
}

/* ---- the sink ------------------------------------------------------------------------------------------------ */

static void remember(const struct action *a)
{
    struct fake_account *account = fake_find(number_of(a->uuid));

    if (account)
        records->put(records->ctx, a->uuid, slice_of(account->address), slice_of(""), 0, slice_of("bytes"));
    else if (a->type != ACTION_GROUP_MEMBERS)
        records->del(records->ctx, a->uuid);
}

static void take_item(struct sink_item *item)
{
    const char *words = "";

    if (item->back)
        item->outcome = step_aside(&target, item->action);
    else
        item->outcome = take(&target, item->action, &words);
    item->words = slice_of(words);
    fake_applied++;
    if (item->outcome == OUTCOME_DONE) {
        remember(item->action);
        buf_printf(&fake_log, "%s%llu%s%s", fake_log.len ? " " : "", (unsigned long long)item->seq,
                   item->again ? "!" : "", item->first ? ":1" : "");
    }
}

/* The contract: items of one call share nothing. */
static void check_batch(struct sink_item *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i && n < 50; k++) {
            const struct action *x = items[i].action, *y = items[k].action;

            if (x->type == ACTION_GROUP_MEMBERS && y->type == ACTION_GROUP_MEMBERS)
                continue;
            cr_assert_neq(memcmp(x->uuid, y->uuid, UUID_BYTES), 0);
            cr_assert(!slice_eq(x->address, y->address));
            cr_assert(!action_is_alone(x) && !action_is_alone(y));
        }
}

static enum sink_result apply(struct sink *s, struct sink_item *items, size_t n, size_t *under_way, struct err *e)
{
    (void)s;
    arena_reset(&said);   /* words live until the next call */
    check_batch(items, n);
    *under_way = n;
    if (fake_is_down) {
        err_set(e, ERR_UNAVAILABLE, "the target is down");
        return SINK_DOWN;
    }
    for (size_t i = 0; i < n; i++) {
        const char *words = "";
        int does = fake_behaves ? fake_behaves(&items[i], &words) : FAKE_TAKE;

        if (does == FAKE_TAKE || does == FAKE_BREAK_AFTER)
            take_item(&items[i]);
        if (does == FAKE_BREAK || does == FAKE_BREAK_AFTER) {
            *under_way = i;
            err_set(e, ERR_UNAVAILABLE, "the connection broke");
            return SINK_DOWN;
        }
        if (does >= 0) {
            items[i].outcome = (enum outcome)does;
            items[i].words = arena_copy(&said, words, strlen(words));
        }
    }
    return SINK_OK;
}

static enum sink_result remove_due(struct sink *s, const uint8_t *uuid, enum outcome *outcome, struct slice *words,
                                   struct err *e)
{
    struct fake_account *account = fake_find(number_of(uuid));

    (void)s;
    if (fake_is_down) {
        err_set(e, ERR_UNAVAILABLE, "the target is down");
        return SINK_DOWN;
    }
    if (account)
        *account = target.accounts[--target.n];
    records->del(records->ctx, uuid);
    *words = (struct slice){ 0 };
    *outcome = OUTCOME_DONE;
    return SINK_OK;
}

static const struct sink_class class = { .type = "fake", .apply = apply, .remove_due = remove_due };

/* ---- the dispatch -------------------------------------------------------------------------------------------- */

static int commit(void *ctx, size_t index, const struct changes *c, struct err *e)
{
    struct txn *t;
    uint64_t position = 0;

    (void)ctx;
    (void)index;
    if (fail_commit) {
        fail_commit = false;
        stop = kill_commit;
        return err_set(e, ERR_INTERNAL, "the disk is full");
    }
    t = store_begin(fake_store);
    changes_apply(t, FAKE_SINK, buf_slice(&c->ops), clock_wall_ms(), &position);
    cr_assert_eq(store_commit(fake_store, &t, e), 0, "%s", e->text);
    if (fake_audits)
        audit_store(fake_store);
    return 0;
}

static void look_up(void *ctx, size_t index, const uint8_t *uuids, size_t n)
{
    (void)ctx;
    (void)index;
    for (size_t i = 0; i < n; i++)
        dispatch_answer(dispatch, uuids + i * UUID_BYTES, fake_verdict);
    fake_asked += n;
}

static void start(bool fresh)
{
    struct dispatch_settings settings = {
        .connector = "corp", .name = FAKE_SINK, .subject = "corp/mail", .db = fake_store->db, .stop = &stop,
        .hooks = { NULL, commit, look_up }, .limits = fake_limits,
    };

    stop = false;
    dispatch = dispatch_new(&settings);
    records = dispatch_records(dispatch);
    sink = (struct sink){ &class, FAKE_SINK, "corp/mail", &stop };
    dispatch_set_sink(dispatch, &sink);
    dispatch_begin(dispatch, fresh);
}

void fake_open(void)
{
    struct sink_row row = { 0 };
    struct err e;

    log_set_level(LOG_LEVEL_ERROR - 1);   /* refusals are what these tests are about */
    wall_ms = (int64_t)1800000000 * 1000;
    mono_ms = 1000000;
    clock_set_wall_ms(wall_ms);
    clock_set_mono_ms(mono_ms);
    snprintf(folder, sizeof(folder), "/tmp/axsync-dispatch-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    fake_store = store_open(folder, DB_WRITE, &e);
    cr_assert_not_null(fake_store, "%s", e.text);
    fake_limits = (struct dispatch_limits){ 10, 300, 4, 86400 };
    fake_behaves = NULL;
    fake_is_down = fail_commit = false;
    fake_audits = true;
    fake_applied = fake_asked = 0;
    set_sink_row(&row);
    set_first(0);
    start(true);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void fake_close(void)
{
    dispatch_free(&dispatch);
    audit_store(fake_store);
    store_close(&fake_store);
    buf_free(&fake_log);
    arena_free(&arena);
    arena_free(&said);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void fake_restart(void)
{
    dispatch_free(&dispatch);
    start(false);
}

void fake_fail_commit(bool kill)
{
    fail_commit = true;
    kill_commit = kill;
}

enum dispatch_next step_once(void)
{
    err_clear(&fake_error);
    return dispatch_step(dispatch, &until_ms, &fake_error);
}

enum dispatch_next go(void)
{
    enum dispatch_next next;
    int steps = 0;

    while ((next = step_once()) == DISPATCH_MORE)
        cr_assert_lt(++steps, 100000, "it turns in circles");
    return next;
}

void wait_s(int64_t seconds)
{
    wall_ms += seconds * 1000;
    mono_ms += seconds * 1000;
    clock_set_wall_ms(wall_ms);
    clock_set_mono_ms(mono_ms);
}

int64_t waits_for_s(void)
{
    return until_ms < 0 ? -1 : (until_ms - wall_ms + 999) / 1000;
}

void go_for_s(int64_t seconds)
{
    int64_t end = wall_ms + seconds * 1000;

    for (;;) {
        enum dispatch_next next = go();
        int64_t s = next == DISPATCH_BROKEN ? 10 : waits_for_s();

        if (next == DISPATCH_STOPPED)
            fake_restart();
        else if (s < 0 || wall_ms + s * 1000 > end)
            return;
        else
            wait_s(s > 0 ? s : 1);
    }
}

/* ---- what is stored ------------------------------------------------------------------------------------------ */

static struct txn *begin(void)
{
    return store_begin(fake_store);
}

static void end(struct txn *t)
{
    struct err e;

    cr_assert_eq(store_commit(fake_store, &t, &e), 0, "%s", e.text);
}

static enum action_type type_named(const char *word)
{
    static const struct {
        const char *word;
        enum action_type type;
    } words[] = { { "create", ACTION_ACCOUNT_CREATE }, { "update", ACTION_ACCOUNT_UPDATE },
                  { "rename", ACTION_ACCOUNT_RENAME }, { "delete", ACTION_ACCOUNT_DELETE },
                  { "members", ACTION_GROUP_MEMBERS }, { "rebind", ACTION_ACCOUNT_REBIND } };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(words[i].word, word) == 0)
            return words[i].type;
    cr_assert_fail("%s", word);
    return ACTION_TYPES;
}

uint64_t put(const char *form, ...)
{
    char text[256], word[16], address[64] = "", third[64] = "";
    struct object_field field = { FIELD_CONTACT_FIRST_NAME, { third, 0 } };
    struct slice member = { third, 0 };
    uint8_t uuid[UUID_BYTES], old[UUID_BYTES];
    char old_text[UUID_TEXT];
    struct buf scratch = { 0 };
    const char *ignored;
    struct action a;
    struct txn *t;
    int number;
    va_list ap;

    va_start(ap, form);
    vsnprintf(text, sizeof(text), form, ap);
    va_end(ap);
    cr_assert_geq(sscanf(text, "%15s %d %63s %63s", word, &number, address, third), 3, "%s", text);
    uuid_from(number, uuid);
    field.value = member = slice_of(third);
    a = (struct action){ .time_ms = wall_ms, .connector = slice_of("corp"), .type = type_named(word), .uuid = uuid,
                         .address = slice_of(address), .cause = CAUSE_MODIFY, .phase = PHASE_PERSIST };
    if (a.type == ACTION_ACCOUNT_REBIND)
        uuid_from(atoi(third), old);
    if (a.type == ACTION_ACCOUNT_RENAME)
        a.from = slice_of(third);
    else if (a.type == ACTION_ACCOUNT_REBIND)
        a.from = slice_of(uuid_format(old, old_text));
    else if (a.type == ACTION_GROUP_MEMBERS) {
        a.add = &member;
        a.n_add = 1;
    } else if (third[0]) {
        a.set = &field;
        a.n_set = 1;
    }
    take(&ideal, &a, &ignored);
    t = begin();
    queue_push(fake_store, t, &a, &scratch);
    end(t);
    buf_free(&scratch);
    return a.seq;
}

void put_many(int n)
{
    struct object_field field = { FIELD_CONTACT_FIRST_NAME, slice_of("Name") };
    struct buf scratch = { 0 };
    struct txn *t = begin();

    for (int i = 1; i <= n; i++) {
        uint8_t uuid[UUID_BYTES];
        char address[32];
        struct action a = { .time_ms = wall_ms, .connector = slice_of("corp"), .type = ACTION_ACCOUNT_CREATE,
                            .uuid = uuid, .set = &field, .n_set = 1, .cause = CAUSE_ADD, .phase = PHASE_REFRESH };

        uuid_from(i, uuid);
        snprintf(address, sizeof(address), "u%d@y", i);
        a.address = slice_of(address);
        queue_push(fake_store, t, &a, &scratch);
    }
    end(t);
    buf_free(&scratch);
}

void mirror_object(int uuid, const char *address, const char *value)
{
    struct object o = { .kind = OBJECT_ACCOUNT, .dn = slice_of("uid=x"), .address = slice_of(address),
                        .stamp = slice_of("x"), .n_fields = 1 };
    struct txn *t = begin();

    uuid_from(uuid, o.uuid);
    o.fields[0] = (struct object_field){ FIELD_CONTACT_FIRST_NAME, slice_of(value) };
    objects_put(fake_store, t, 0, NULL, &o);
    end(t);
}

void mirror_group(int uuid, const char *address, int members)
{
    struct object o = { .kind = OBJECT_GROUP, .dn = slice_of("cn=x"), .address = slice_of(address), .stamp = slice_of("x") };
    struct txn *t = begin();
    char member[32];

    uuid_from(uuid, o.uuid);
    objects_put(fake_store, t, 0, NULL, &o);
    for (int i = 0; i < members; i++) {
        snprintf(member, sizeof(member), "m%d@x", i);
        told_put(t, o.uuid, slice_of(member), 1);
    }
    end(t);
}

void forget_object(int uuid)
{
    struct txn *t = begin();
    uint8_t bytes[UUID_BYTES];
    struct object o;
    object_id id;

    uuid_from(uuid, bytes);
    id = objects_get(t, bytes, &o, &arena);
    objects_remove(fake_store, t, id, &o);
    end(t);
}

void set_sink_row(const struct sink_row *row)
{
    struct txn *t = begin();

    sink_row_put(t, FAKE_SINK, row);
    end(t);
}

void set_record(int uuid, const char *address, int64_t due_ms)
{
    struct record r = { .address = slice_of(address), .due_ms = due_ms, .bytes = slice_of("bytes") };
    struct txn *t = begin();

    uuid_from(uuid, r.uuid);
    record_put(t, FAKE_SINK, &r, wall_ms);
    end(t);
}

void set_first(uint64_t seq)
{
    struct buf b = { 0 };
    struct txn *t = begin();

    buf_u64(&b, seq);
    meta_put(t, "first", NULL, buf_slice(&b));
    buf_free(&b);
    end(t);
}

/* ---- looking ------------------------------------------------------------------------------------------------- */

static bool read_row(uint64_t seq, struct aside_row *row)
{
    struct txn *t = txn_begin(fake_store->db, DB_READ);
    bool there = aside_get(t, FAKE_SINK, (struct aside_id){ seq, 0 }, row, &arena);

    txn_abort(&t);
    return there;
}

bool has_row(uint64_t seq)
{
    struct aside_row row;

    return read_row(seq, &row);
}

struct aside_row row_at(uint64_t seq)
{
    struct aside_row row;

    cr_assert(read_row(seq, &row), "%llu is not set aside", (unsigned long long)seq);
    return row;
}

enum aside_state state_of_row(uint64_t seq)
{
    return row_at(seq).state;
}

struct sink_row sink_row_now(void)
{
    struct txn *t = txn_begin(fake_store->db, DB_READ);
    struct sink_row row;

    sink_row_get(t, FAKE_SINK, &row);
    txn_abort(&t);
    return row;
}

const char *operator_does(enum command_verb verb, uint64_t seq)
{
    struct txn *t = begin();
    const char *why = operator_queue_one(t, FAKE_SINK, verb, seq, 0);

    end(t);
    audit_store(fake_store);
    return why;
}

size_t operator_does_all(enum command_verb verb)
{
    struct txn *t = begin();
    size_t n = operator_queue_all(t, FAKE_SINK, verb);

    end(t);
    audit_store(fake_store);
    return n;
}

void set_gone(int uuid, const char *address, uint64_t seq)
{
    struct gone g = { .o = { .dn = slice_of("uid=x"), .address = slice_of(address), .stamp = slice_of("x") },
                      .cause = CAUSE_DELETE, .since_ms = wall_ms, .seq = seq };
    struct txn *t = begin();

    uuid_from(uuid, g.o.uuid);
    gone_put(t, &g);
    end(t);
}

bool has_gone(int uuid)
{
    struct txn *t = txn_begin(fake_store->db, DB_READ);
    uint8_t bytes[UUID_BYTES];
    struct gone g;
    bool has;

    uuid_from(uuid, bytes);
    has = gone_get(t, bytes, &g, &arena);
    txn_abort(&t);
    return has;
}
