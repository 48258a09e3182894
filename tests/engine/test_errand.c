/* The threads together: a writer without a directory, and an action sink behind it. Real clocks; waits for conditions. */
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audit.h"
#include "clock.h"
#include "harness.h"
#include "log.h"
#include "writer.h"

#define DEADLINE_MS 10000

static struct writer *writer;
static struct hold_numbers numbers;
static char folder[64];
static struct config_sink sinks[1];
static const struct sink_records *records;
static atomic_bool refuses;
static char name[] = "mail", dead_name[] = "dead";

static enum sink_result apply(struct sink *s, struct sink_item *items, size_t n, size_t *under_way, struct err *e)
{
    (void)s;
    *under_way = n;
    for (size_t i = 0; i < n; i++) {
        items[i].outcome = refuses ? OUTCOME_PARK : OUTCOME_DONE;
        items[i].words = slice_of("-ERR: no");
        if (!refuses)
            records->put(records->ctx, items[i].action->uuid, items[i].action->address, slice_of(""), 0, slice_of("bytes"));
    }
    return records->sync(records->ctx, e) == 0 ? SINK_OK : SINK_DOWN;
}

static int open_target(struct sink *s, uint64_t stored, uint64_t *position, struct err *e)
{
    (void)s;
    (void)e;
    *position = stored;
    return 0;
}

static void close_target(struct sink *s)
{
    (void)s;
}

static const struct sink_class class = { .type = "fake", .open = open_target, .apply = apply, .close = close_target };

static void queue_some(int first, int n)
{
    struct txn *t = store_begin(writer->mirror.store);
    struct sink_row row = { 0 };
    struct buf scratch = { 0 };
    struct err e;

    for (int i = first; i < first + n; i++) {
        uint8_t uuid[UUID_BYTES] = { (uint8_t)i, (uint8_t)(i >> 8) };
        char address[32];
        struct action a = { .connector = slice_of("corp"), .type = ACTION_ACCOUNT_CREATE, .uuid = uuid,
                            .cause = CAUSE_ADD, .phase = PHASE_PERSIST };

        snprintf(address, sizeof(address), "u%d@x", i);
        a.address = slice_of(address);
        queue_push(writer->mirror.store, t, &a, &scratch);
    }
    sink_row_put(t, name, &row);
    buf_free(&scratch);
    cr_assert_eq(store_commit(writer->mirror.store, &t, &e), 0, "%s", e.text);
}

static enum sink_result apply_down(struct sink *s, struct sink_item *items, size_t n, size_t *under_way, struct err *e)
{
    (void)s;
    (void)items;
    *under_way = n;
    err_set(e, ERR_UNAVAILABLE, "the target is down");
    return SINK_DOWN;
}

static const struct sink_class dead_class = { .type = "dead", .open = open_target, .apply = apply_down,
                                              .close = close_target };

static struct deliver *the_sink(void)
{
    return writer->sinks[0].deliver;
}

static struct deliver_settings settings_of(char *sink_name, size_t index)
{
    return (struct deliver_settings){
        .connector = "corp", .name = sink_name, .index = index, .type = "axigen", .db = writer->mirror.store->db, .retry_min_s = 1,
        .retry_max_s = 1, .actions = true, .hooks = { writer, errand_commit, errand_look_up }, .max_attempts = 3,
        .look_again_s = 3600,
    };
}

static void add_sink(char *sink_name, const struct sink_class *of)
{
    struct deliver_settings settings = settings_of(sink_name, writer->n_sinks);
    struct writer_sink *s = &writer->sinks[writer->n_sinks++];
    struct sink *made = mem_alloc(sizeof(*made));

    s->name = sink_name;
    s->deliver = deliver_new(&settings);
    *made = (struct sink){ of, sink_name, sink_name, deliver_stop_flag(s->deliver) };
    deliver_set_sink(s->deliver, made);
}

static void start_all(void)
{
    records = deliver_records(the_sink());
    writer_start(writer);
    for (size_t i = 0; i < writer->n_sinks; i++) {
        deliver_committed(writer->sinks[i].deliver, queue_last(writer->mirror.store));
        deliver_start(writer->sinks[i].deliver, 0, true);
    }
}

static void start(void)
{
    add_sink(name, &class);
    start_all();
}

static void open_all(void)
{
    struct mirror *m;
    struct err e;

    log_set_level(LOG_LEVEL_ERROR - 1);
    scene_open();   /* for its configuration */
    scene_close();
    clock_set_wall_ms(-1);
    clock_set_mono_ms(-1);
    snprintf(folder, sizeof(folder), "/tmp/axsync-errand-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    writer = mem_alloc(sizeof(*writer));
    m = &writer->mirror;
    sinks[0].name = name;
    conf.sinks = sinks;
    conf.n_sinks = 1;
    m->conf = &conf;
    m->subject = "corp";
    m->numbers = &numbers;
    cr_assert_eq(search_make_all(m, &e), 0, "%s", e.text);
    m->store = store_open(folder, DB_WRITE, &e);
    cr_assert_not_null(m->store, "%s", e.text);
    cr_assert_eq(writer_open(writer, &e), 0, "%s", e.text);
    refuses = false;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void close_all(void)
{
    for (size_t i = 0; i < writer->n_sinks; i++)
        deliver_stop(writer->sinks[i].deliver);
    writer_stop(writer);
    for (size_t i = 0; i < writer->n_sinks; i++)
        deliver_free(&writer->sinks[i].deliver);
    audit_store(writer->mirror.store);
    writer_close(writer);
    store_close(&writer->mirror.store);
    free(writer);
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(errand, .init = open_all, .fini = close_all);

static struct status_sink status(void)
{
    struct status_sink s;

    deliver_status(the_sink(), &s);
    return s;
}

static void wait_for(uint64_t acked, uint64_t parked)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;

    while (status().acked != acked || status().parked != parked) {
        cr_assert_lt(clock_mono_ms(), deadline, "it stands at %llu with %llu parked",
                     (unsigned long long)status().acked, (unsigned long long)status().parked);
        usleep(1000);
    }
}

static atomic_int answered;
static char told[1024];

static void take_answer(void *ctx, const struct err *e, const char *text)
{
    (void)ctx;
    snprintf(told, sizeof(told), "%s", e->class == ERR_NONE ? text : e->text);
    answered++;
}

static const char *ask(const struct command *cmd)
{
    int64_t deadline = clock_mono_ms() + DEADLINE_MS;
    int before = answered;

    writer_post_command(writer, cmd, take_answer, NULL);
    while (answered == before) {
        cr_assert_lt(clock_mono_ms(), deadline);
        usleep(1000);
    }
    return told;
}

static uint64_t rows_in(enum table table)
{
    struct txn *t = txn_begin(writer->mirror.store->db, DB_READ);
    uint64_t n = txn_count(t, table);

    txn_abort(&t);
    return n;
}

Test(errand, the_writer_stores_what_the_sink_did)
{
    int64_t deadline;

    queue_some(1, 2500);
    start();
    wait_for(2500, 0);
    cr_expect_eq(rows_in(TABLE_RECORD), 2500u);
    deadline = clock_mono_ms() + DEADLINE_MS;
    while (rows_in(TABLE_QUEUE) > 0)   /* what all sinks have is dropped */
        cr_assert_lt(clock_mono_ms(), deadline);
}

Test(errand, a_dead_sink_holds_up_nobody_and_loses_nothing)
{
    struct sink_row row = { 0 };
    struct txn *t;
    struct err e;

    queue_some(1, 1500);
    t = store_begin(writer->mirror.store);
    sink_row_put(t, dead_name, &row);
    cr_assert_eq(store_commit(writer->mirror.store, &t, &e), 0);
    add_sink(name, &class);
    add_sink(dead_name, &dead_class);
    start_all();
    wait_for(1500, 0);
    cr_expect_eq(rows_in(TABLE_QUEUE), 1500u, "the other one has none of it");
    cr_expect_eq(writer->sinks[1].acked, 0u);
}

Test(errand, the_operator_retries_and_the_thread_is_woken)
{
    struct command_row rows[2];
    struct command all = { .verb = COMMAND_RETRY, .all = true }, one = { .verb = COMMAND_DROP, .rows = rows, .n_rows = 1 };

    cr_assert(command_row_parse("corp/mail/2", &rows[0]));
    cr_assert(command_row_parse("corp/mail/99", &rows[1]));
    refuses = true;
    queue_some(1, 5);
    start();
    wait_for(5, 5);
    cr_expect_str_eq(ask(&one), "dropped 1 action of corp/mail");
    wait_for(5, 4);
    one.n_rows = 2;
    cr_expect_str_eq(ask(&one), "there is no action corp/mail/2, corp/mail/99 (any more)");
    one.verb = COMMAND_ADOPT;
    cr_expect_str_eq(ask(&one), "not there, or not waiting to be adopted: corp/mail/2, corp/mail/99");
    refuses = false;
    cr_expect_str_eq(ask(&all), "retrying 4 actions of corp/mail");
    wait_for(5, 0);
    cr_expect_eq(rows_in(TABLE_RECORD), 4u);
    cr_expect_str_eq(ask(&all), "corp: nothing to retry");
}

Test(errand, rows_are_named_as_people_name_them)
{
    struct command_row r;

    queue_some(1, 1);
    start();
    cr_expect(command_row_parse("corp/mail/12.3", &r) && r.seq == 12 && r.n == 3);
    cr_expect_str_eq(r.connector, "corp");
    cr_expect_str_eq(r.sink, "mail");
    cr_expect(!command_row_parse("corp/mail", &r));
    cr_expect(!command_row_parse("corp/mail/x", &r));
    cr_expect(!command_row_parse("corp/mail/12x", &r));
    cr_expect(!command_row_parse("corp/mail/12.", &r));
    cr_expect(!command_row_parse("/mail/12", &r));
    cr_expect(!command_row_parse("corp//12", &r));
    cr_expect(!command_row_parse("corp/mail/-1", &r));
}
