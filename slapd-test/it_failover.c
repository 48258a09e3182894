/* Two providers that replicate to each other: failover over ldapURI in both directions while both take writes. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "axsync_relay.h"
#include "axsync_test.h"

#define N 100

struct pair {
    struct slapdtest *node[2];
    struct axsync *a;
};

static void begin(struct pair *p)
{
    struct slapdtest_options options = {.dbnosync = true, .sessionlog = 10000};
    char error[512] = "", overrides[300];

    cr_assert(slapdtest_run_pair(&options, p->node, error, sizeof(error)) == 0, "%s", error);
    cr_assert(slapdtest_add_people(p->node[0], N, 1) == 0, "%s", slapdtest_error(p->node[0]));
    axsync_add_reader(p->node[0]);
    cr_assert(slapdtest_await_in_sync(p->node[0], p->node[1]) == 0, "%s", slapdtest_error(p->node[0]));
    snprintf(overrides, sizeof(overrides), "ldapURI = {\"%s\", \"%s\"}\ntimeout = 2\n", slapdtest_uri(p->node[0]),
             slapdtest_uri(p->node[1]));
    p->a = axsync_new(p->node[0], overrides);
    axsync_start(p->a);
    axsync_await_mirror(p->a, NULL);
    axsync_await_settled(p->a);
}

static void end(struct pair *p)
{
    axsync_free(&p->a);
    slapdtest_free(&p->node[0]);
    slapdtest_free(&p->node[1]);
}

static bool is_at(struct axsync *a, void *ctx)
{
    json_t *status = axsync_peek(a);
    const char *phase = status ? axsync_text(status, "phase") : "";
    /* "waiting": between two polls */
    bool at = status != NULL && strcmp(axsync_text(status, "uri"), ctx) == 0 &&
              (strcmp(phase, "insync") == 0 || strcmp(phase, "waiting") == 0);

    json_decref(status);
    return at;
}

static void await_at(struct pair *p, int node)
{
    axsync_await(p->a, "it is in sync with that node", is_at, (char *)(uintptr_t)slapdtest_uri(p->node[node]));
}

/* ---- writers ------------------------------------------------------------------------------------------------ */

/* Changes titles on a node, each value once, of the people from..N in steps of 2, until it is told to stop. */
struct writer {
    struct slapdtest *node;
    int from;
    atomic_bool stop;
    atomic_uint written;
    pthread_t thread;
};

static void *write_on(void *arg)
{
    static atomic_uint number;   /* no title twice */
    struct writer *w = arg;
    struct timespec pause = {0, 5000000};

    for (unsigned round = 0; !atomic_load(&w->stop); round++) {
        char title[64], *dn = slapdtest_person_dn(NULL, (size_t)w->from + round * 2 % N);

        snprintf(title, sizeof(title), "Writer %d, %u", w->from, atomic_fetch_add(&number, 1));
        if (slapdtest_replace(w->node, dn, "title", title) == 0)
            atomic_fetch_add(&w->written, 1);
        free(dn);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static void start_writer(struct writer *w, struct slapdtest *node, int from)
{
    *w = (struct writer){.node = node, .from = from};
    cr_assert(pthread_create(&w->thread, NULL, write_on, w) == 0);
}

static void stop_writer(struct writer *w)
{
    atomic_store(&w->stop, true);
    pthread_join(w->thread, NULL);
}

static bool has_written(struct axsync *a, void *ctx)
{
    struct writer *w = ctx;

    (void)a;
    return atomic_load(&w->written) >= 40;
}

/* No two lines that say the same: nothing was sent twice. (The target refuses an update that changes nothing as well.) */
static void nothing_came_twice(struct pair *p)
{
    char *output = axsync_file(p->a->output), *rest = NULL;
    json_t *seen = json_object();

    for (char *line = strtok_r(output, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const char *title = strstr(line, "Writer ");

        if (title == NULL || strstr(line, "account.update") == NULL)
            continue;
        CHECK(p->a, json_object_get(seen, title) == NULL, "twice: %s", line);
        json_object_set_new(seen, title, json_true());
    }
    json_decref(seen);
    free(output);
}

/* How many entries the refreshes received that the log tells of, but the first. */
static long received_later(struct pair *p)
{
    char *log = axsync_file(p->a->log);
    long sum = 0, n = 0;

    for (const char *at = log; (at = strstr(at, "in sync with ")) != NULL; at++) {
        const char *colon = strstr(at, ": ");

        if (n++ > 0)
            sum += strtol(colon + 2, NULL, 10);
    }
    free(log);
    return sum;
}

/* The node that axsync listens to stops, writes go on on the other, and then it comes back; and so the other way round. A node
 * that starts anew may lag for a moment. */
Test(failover, both_ways_while_both_are_written_to, .timeout = 500)
{
    struct pair p;
    struct writer writers[2];
    unsigned total = 0;

    begin(&p);
    for (int round = 0; round < 4; round++) {
        int down = round % 2;

        await_at(&p, down);
        for (int i = 0; i < 2; i++)
            start_writer(&writers[i], p.node[i], 1 + i);
        axsync_await(p.a, "both have been written to", has_written, &writers[down]);
        stop_writer(&writers[down]);
        DO(p.a, slapdtest_stop(p.node[down]));
        await_at(&p, 1 - down);
        axsync_await(p.a, "the other goes on", has_written, &writers[1 - down]);
        stop_writer(&writers[1 - down]);
        total += atomic_load(&writers[0].written) + atomic_load(&writers[1].written);
        cr_assert(slapdtest_start(p.node[down]) == 0, "%s", slapdtest_error(p.node[down]));
        cr_assert(slapdtest_await_in_sync(p.node[0], p.node[1]) == 0, "%s", slapdtest_error(p.node[0]));
    }
    axsync_await_mirror(p.a, NULL);
    axsync_await_settled(p.a);
    nothing_came_twice(&p);
    CHECK(p.a, axsync_output_count(p.a, 0, "account.delete") == 0 && axsync_output_count(p.a, 0, "account.create") == N,
          "somebody came or went");
    CHECK(p.a, axsync_log_count(p.a, "read anew") == 0, "a full refresh");
    /* What was written while it was nowhere, and what a present phase repeats; a full refresh would be N more each time. */
    CHECK(p.a, received_later(&p) <= (long)total, "%ld entries were received again, %u were written", received_later(&p), total);
    end(&p);
}

static bool says_behind(struct axsync *a, void *ctx)
{
    (void)ctx;
    return axsync_output_count(a, 0, "On the one that is behind") == 1;
}

/* What lags, is ahead for one server ID and behind for the other: nothing older counts, nothing is deleted, and all is caught up. */
Test(failover, replica_that_is_behind, .timeout = 280)
{
    struct pair p;

    begin(&p);
    await_at(&p, 0);
    cr_assert(slapdtest_stop(p.node[1]) == 0);
    DO(p.a, slapdtest_replace(p.node[0], PERSON("000001"), "title", "Seen on the first only"));
    DO(p.a, slapdtest_delete(p.node[0], PERSON("000002")));
    axsync_await_mirror(p.a, NULL);
    DO(p.a, slapdtest_stop(p.node[0]));
    cr_assert(slapdtest_start(p.node[1]) == 0);
    axsync_await_error(p.a, "is behind for server ID 001");
    cr_assert(slapdtest_replace(p.node[1], PERSON("000003"), "title", "On the one that is behind") == 0);
    axsync_await(p.a, "what is new there comes", says_behind, NULL);
    CHECK(p.a, axsync_output_count(p.a, 0, "account.delete") == 1 && axsync_output_count(p.a, 0, "account.create") == N,
          "who was gone came back");
    DO(p.a, slapdtest_start(p.node[0]));
    cr_assert(slapdtest_await_in_sync(p.node[0], p.node[1]) == 0, "%s", slapdtest_error(p.node[0]));
    axsync_await_mirror(p.a, NULL);
    CHECK(p.a, axsync_output_count(p.a, 0, "account.delete") == 1 && axsync_output_count(p.a, 0, "account.create") == N,
          "who was gone came back");
    end(&p);
}

/* A server of its own with the same entries, which knows nothing of what comes later. */
static struct slapdtest *copy_of(struct slapdtest *s, const struct slapdtest_options *options)
{
    char error[512] = "", path[500];
    struct slapdtest *copy = slapdtest_new(options, error, sizeof(error));

    cr_assert(copy != NULL, "%s", error);
    snprintf(path, sizeof(path), "%s/copy.ldif", slapdtest_folder(s));
    cr_assert(slapdtest_stop(s) == 0 && slapdtest_save_file(s, path) == 0 && slapdtest_start(s) == 0, "%s", slapdtest_error(s));
    cr_assert(slapdtest_load_file(copy, path) == 0 && slapdtest_start(copy) == 0, "%s", slapdtest_error(copy));
    return copy;
}

/* The second node is a copy that never catches up; the first is away for a while. */
static void leaves_who_is_behind(const char *mode)
{
    struct slapdtest_options options = {.dbnosync = true, .sessionlog = 10000};
    struct slapdtest *node[2];
    struct relay *relay;
    struct axsync *a;
    char overrides[300], first[64];

    node[0] = run_company(&options, N);
    node[1] = copy_of(node[0], &options);
    relay = relay_new(slapdtest_port(node[0]));
    snprintf(first, sizeof(first), "ldap://127.0.0.1:%u", relay_port(relay));
    snprintf(overrides, sizeof(overrides), "mode = \"%s\"\nldapURI = {\"%s\", \"%s\"}\ntimeout = 2\nwatchdogInterval = 1\npollingInterval = 1\n",
             mode, first, slapdtest_uri(node[1]));
    a = axsync_new(node[0], overrides);
    axsync_start(a);
    axsync_await_mirror(a, NULL);
    DO(a, slapdtest_replace(node[0], PERSON("000001"), "title", "Seen on the first only"));
    DO(a, slapdtest_delete(node[0], PERSON("000002")));
    axsync_await_mirror(a, NULL);
    relay_hang_after(relay, 0);
    axsync_await_error(a, "is behind for server ID");
    relay_cut(relay);
    relay_go_on(relay);
    if (strcmp(mode, "persist") == 0)   /* else the next poll may be the first to find that the first server is back */
        axsync_await_log(a, "is behind, and");
    axsync_await(a, "it is at the first again", is_at, first);
    DO(a, slapdtest_replace(node[0], PERSON("000003"), "title", "Told by the first"));
    axsync_await_mirror(a, NULL);
    CHECK(a, axsync_output_count(a, 0, "account.delete") == 1 && axsync_output_count(a, 0, "account.create") == N,
          "somebody came or went");
    axsync_free(&a);
    relay_free(&relay);
    slapdtest_free(&node[0]);
    slapdtest_free(&node[1]);
}

Test(failover, leaves_who_is_behind, .timeout = 280)
{
    leaves_who_is_behind("persist");
}

Test(failover, leaves_who_is_behind_in_mode_refresh, .timeout = 280)
{
    leaves_who_is_behind("refresh");
}
