/* From a change in the directory to its action on the disk: bench_latency [ACCOUNTS [CHANGES]].
 *
 * Paced: one modify after the other, each waits for its action. Measured from slapd's answer to the modify until the line
 * is in the file (inotify(7); axsync has written it and is about to call fdatasync(2)), and until it is on the disk for
 * certain (demo_journal.h: a second fdatasync(2), by us, has come back, so this is rather too much than too little).
 *
 * The yardstick is what axsync can't do without: one durable commit of LMDB, one append with fdatasync(2), of the same
 * sizes, on the same disk, in turn with the changes: after each change comes one of both.
 *
 * Flood: 4 connections modify as fast as slapd answers; the transactions of axsync's LMDB are counted, so that group
 * commit can be seen. slapd does not sync there (olcDbNoSync), so that it is not what limits.
 *
 * All of it with 1,000 accounts too: the cost of a change must not grow with the directory. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ldap.h>
#include <lmdb.h>

#include "demo_run.h"

#define SMALL 1000
#define CONNECTIONS 4
#define FLOOD 10        /* times CHANGES */
#define WARM_UP 20      /* changes that are not counted */

/* Of one change: the pages of LMDB that it dirties are those of the object, its keys and the queue. */
#define OBJECT_BYTES 400
#define LINE_BYTES 450

enum series { WRITTEN, DURABLE, COMMIT, APPEND, BOTH, SERIES };

static const char *const names[SERIES] = {
    [WRITTEN] = "axsync: line in the file",
    [DURABLE] = "axsync: line on the disk",
    [COMMIT] = "yardstick: LMDB commit",
    [APPEND] = "yardstick: append + fdatasync",
    [BOTH] = "yardstick: both",
};

struct result {
    size_t accounts, changes, flood;
    double *ms[SERIES];
    double flood_seconds, ldap_seconds, behind_ms, commits;
};

/* ---- the yardstick -------------------------------------------------------------------------------------------- */

struct yardstick {
    MDB_env *env;
    MDB_dbi objects, queue;
    int fd;
    uint64_t seq;
};

static void lmdb(int rc, const char *what)
{
    if (rc != 0)
        demo_fail("%s: %s", what, mdb_strerror(rc));
}

static void yardstick_open(struct yardstick *y)
{
    char path[400];
    MDB_txn *t;

    snprintf(path, sizeof(path), "%s/yardstick", demo.folder);
    if (mkdir(path, 0700) != 0)
        demo_fail("%s: %s", path, strerror(errno));
    lmdb(mdb_env_create(&y->env), "LMDB");
    lmdb(mdb_env_set_maxdbs(y->env, 2), "LMDB");
    lmdb(mdb_env_set_mapsize(y->env, (size_t)1 << 30), "LMDB");
    lmdb(mdb_env_open(y->env, path, 0, 0600), path);
    lmdb(mdb_txn_begin(y->env, NULL, 0, &t), "LMDB");
    lmdb(mdb_dbi_open(t, "objects", MDB_CREATE | MDB_INTEGERKEY, &y->objects), "LMDB");
    lmdb(mdb_dbi_open(t, "queue", MDB_CREATE | MDB_INTEGERKEY, &y->queue), "LMDB");
    lmdb(mdb_txn_commit(t), "LMDB");
    snprintf(path, sizeof(path), "%s/yardstick.ndjson", demo.folder);
    y->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (y->fd < 0)
        demo_fail("%s: %s", path, strerror(errno));
}

static void yardstick_close(struct yardstick *y)
{
    close(y->fd);
    mdb_env_close(y->env);
}

/* A small change as axsync stores it: an object, and a line in the queue from which an old one is dropped. */
static void commit_once(struct yardstick *y)
{
    static char object[OBJECT_BYTES], line[LINE_BYTES];
    uint64_t one = y->seq % SMALL, old = y->seq - 10;
    MDB_val object_key = {sizeof(one), &one}, key = {sizeof(y->seq), &y->seq}, old_key = {sizeof(old), &old};
    MDB_val object_value = {sizeof(object), object}, value = {sizeof(line), line};
    MDB_txn *t;
    int rc;

    lmdb(mdb_txn_begin(y->env, NULL, 0, &t), "LMDB");
    lmdb(mdb_put(t, y->objects, &object_key, &object_value, 0), "LMDB");
    lmdb(mdb_put(t, y->queue, &key, &value, 0), "LMDB");
    rc = mdb_del(t, y->queue, &old_key, NULL);
    if (rc != 0 && rc != MDB_NOTFOUND)
        lmdb(rc, "LMDB");
    lmdb(mdb_txn_commit(t), "LMDB");
    y->seq++;
}

static void append_once(const struct yardstick *y)
{
    static char line[LINE_BYTES];

    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\n';
    if (write(y->fd, line, sizeof(line)) != (ssize_t)sizeof(line) || fdatasync(y->fd) != 0)
        demo_fail("yardstick: %s", strerror(errno));
}

static void measure_yardstick(struct yardstick *y, struct result *r, size_t i)
{
    double begun = journal_now(), committed, appended;

    commit_once(y);
    committed = journal_now();
    append_once(y);
    appended = journal_now();
    r->ms[COMMIT][i] = (committed - begun) * 1000;
    r->ms[APPEND][i] = (appended - committed) * 1000;
    r->ms[BOTH][i] = (appended - begun) * 1000;
}

/* ---- the directory -------------------------------------------------------------------------------------------- */

static void start_directory(size_t accounts)
{
    static const char *const indexes[] = {"objectClass eq", "entryUUID eq", "entryCSN eq", NULL};
    struct slapdtest_options options = {.map_size = SLAPDTEST_MAP_MILLION, .indexes = indexes, .timeout_ms = 600000};

    demo_new_server(&options);
    demo_need(slapdtest_add_people(demo.server, accounts, 1), "loading people");
    demo_need(slapdtest_start(demo.server), "starting slapd");
    demo_add_reader();
}

/* The first load is bench_refresh's subject: here it has all the time it needs. */
static void load(size_t accounts)
{
    demo.journal.sync = false;
    demo_start();
    for (size_t i = 0; i < accounts; i++)
        free(demo_line("the first load"));
    demo_await_settled();
    demo.journal.sync = true;
}

static int set_phone(LDAP *ld, const char *dn, size_t n)
{
    char phone[48], *values[] = {phone, NULL}, type[] = "telephoneNumber";
    LDAPMod mod = {.mod_op = LDAP_MOD_REPLACE, .mod_type = type, .mod_values = values}, *mods[] = {&mod, NULL};

    snprintf(phone, sizeof(phone), "+44 113 496 %08zu", n);
    return ldap_modify_ext_s(ld, dn, mods, NULL, NULL);
}

static LDAP *connect_directory(void)
{
    LDAP *ld;

    demo_need(slapdtest_connect(demo.server, slapdtest_rootdn(demo.server), NULL, &ld), "connecting");
    return ld;
}

/* ---- paced ---------------------------------------------------------------------------------------------------- */

static void one_change(LDAP *ld, struct result *r, size_t n, size_t i)
{
    /* steps of a prime: all over the directory, and nobody twice in a row */
    char *dn = slapdtest_person_dn(slapdtest_suffix(demo.server), n * 7919 % r->accounts + 1);
    int rc = set_phone(ld, dn, n);
    double acknowledged = journal_now();

    if (rc != LDAP_SUCCESS)
        demo_fail("modify: %s", ldap_err2string(rc));
    free(demo_line("the action of a modify"));
    r->ms[WRITTEN][i] = (demo.journal.seen - acknowledged) * 1000;
    r->ms[DURABLE][i] = (demo.journal.durable - acknowledged) * 1000;
    free(dn);
}

static void paced(struct result *r)
{
    struct yardstick y = {.seq = 10};
    LDAP *ld = connect_directory();

    yardstick_open(&y);
    for (size_t n = 0; n < r->changes + WARM_UP; n++) {
        size_t i = n < WARM_UP ? 0 : n - WARM_UP;

        one_change(ld, r, n, i);
        measure_yardstick(&y, r, i);
    }
    yardstick_close(&y);
    ldap_unbind_ext_s(ld, NULL, NULL);
}

/* ---- flood ---------------------------------------------------------------------------------------------------- */

struct stream {
    pthread_t thread;
    LDAP *ld;
    size_t first, n;
    int rc;
    double ended;
};

static void *flood_thread(void *arg)
{
    struct stream *s = arg;

    for (size_t i = 0; i < s->n && s->rc == LDAP_SUCCESS; i++) {
        char *dn = slapdtest_person_dn(NULL, s->first + i + 1);

        s->rc = set_phone(s->ld, dn, 50000000 + s->first + i);
        free(dn);
    }
    s->ended = journal_now();
    return NULL;
}

/* The number of transactions that axsync's LMDB has seen. */
static double transactions(void)
{
    char path[400];
    MDB_envinfo info;
    MDB_env *env;

    snprintf(path, sizeof(path), "%s/corp", demo.state);
    lmdb(mdb_env_create(&env), "LMDB");
    lmdb(mdb_env_open(env, path, MDB_RDONLY | MDB_NOTLS, 0600), path);
    lmdb(mdb_env_info(env, &info), "LMDB");
    mdb_env_close(env);
    return (double)info.me_last_txnid;
}

static void allow_no_sync(void)
{
    demo_need(slapdtest_config(demo.server, "dn: " SLAPDTEST_DATABASE_DN "\nchangetype: modify\n"
                                            "replace: olcDbNoSync\nolcDbNoSync: TRUE\n"),
              "switching olcDbNoSync on");
}

static void start_streams(struct stream *streams, const struct result *r)
{
    for (size_t i = 0; i < CONNECTIONS; i++) {
        streams[i] = (struct stream){.ld = connect_directory(),
                                     .first = r->flood / CONNECTIONS * i,
                                     .n = r->flood / CONNECTIONS};
        if (pthread_create(&streams[i].thread, NULL, flood_thread, &streams[i]) != 0)
            demo_fail("pthread_create failed");
    }
}

/* Gives when the last modify was answered. */
static double end_streams(struct stream *streams)
{
    double ended = 0;

    for (size_t i = 0; i < CONNECTIONS; i++) {
        pthread_join(streams[i].thread, NULL);
        if (streams[i].rc != LDAP_SUCCESS)
            demo_fail("modify: %s", ldap_err2string(streams[i].rc));
        ended = streams[i].ended > ended ? streams[i].ended : ended;
        ldap_unbind_ext_s(streams[i].ld, NULL, NULL);
    }
    return ended;
}

static void flood(struct result *r)
{
    struct stream streams[CONNECTIONS];
    double begun, before, ended;

    allow_no_sync();
    demo_await_settled();
    demo.journal.sync = false;
    before = transactions();
    begun = journal_now();
    start_streams(streams, r);
    for (size_t i = 0; i < r->flood; i++)
        free(demo_line("the actions of the flood"));
    r->commits = transactions() - before;
    if (fdatasync(demo.journal.fd) != 0)
        demo_fail("%s: %s", demo.out, strerror(errno));
    r->flood_seconds = journal_now() - begun;
    ended = end_streams(streams);
    r->ldap_seconds = ended - begun;
    r->behind_ms = (r->flood_seconds - r->ldap_seconds) * 1000;
}

/* ---- the table ------------------------------------------------------------------------------------------------ */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double percentile(const struct result *r, enum series s, size_t percent)
{
    return r->ms[s][(r->changes - 1) * percent / 100];
}

static double ratio(const struct result *r, enum series s, size_t percent)
{
    return percentile(r, s, percent) / percentile(r, BOTH, percent);
}

static void print_paced(const struct result *r)
{
    printf("\n%zu accounts, %zu changes, one at a time: ms from the answer to the modify\n", r->accounts, r->changes);
    printf("  %-32s %9s %9s %14s %8s\n", "", "p50", "p99", "ratio at p50", "at p99");
    for (enum series s = 0; s < SERIES; s++) {
        printf("  %-32s %9.2f %9.2f", names[s], percentile(r, s, 50), percentile(r, s, 99));
        if (s == WRITTEN || s == DURABLE)
            printf(" %14.2f %8.2f", ratio(r, s, 50), ratio(r, s, 99));
        putchar('\n');
    }
}

static void print_flood(const struct result *r)
{
    double n = (double)r->flood;

    printf("  flood, %d connections, %zu changes: %.0f modifies/s answered, %.0f actions/s in the file, the last %.0f ms\n"
           "  after its answer; %.0f commits of LMDB: %.1f actions in each\n",
           CONNECTIONS, r->flood, n / r->ldap_seconds, n / r->flood_seconds, r->behind_ms, r->commits,
           n / r->commits);
    fflush(stdout);
}

/* The disk may have been busier in one run than in the other: the yardstick of the same minute tells. */
static void print_growth(const struct result *small, const struct result *large)
{
    printf("\np50 until on the disk: %.2f ms with %zu accounts, %.2f ms with %zu; in yardsticks of its run %.2f and %.2f\n",
           percentile(small, DURABLE, 50), small->accounts, percentile(large, DURABLE, 50), large->accounts,
           ratio(small, DURABLE, 50), ratio(large, DURABLE, 50));
}

static struct result run(size_t accounts, size_t changes)
{
    struct result r = {.accounts = accounts, .changes = changes};

    /* Each person once: slapd tells two changes of an entry as one where the second comes before the first is sent. */
    r.flood = (changes * FLOOD < accounts ? changes * FLOOD : accounts) / CONNECTIONS * CONNECTIONS;
    for (size_t s = 0; s < SERIES; s++) {
        r.ms[s] = calloc(changes, sizeof(**r.ms));
        if (r.ms[s] == NULL)
            demo_fail("out of memory");
    }
    demo_begin("bench_latency");
    demo.patience = 600;   /* the first load of a million takes its time */
    start_directory(accounts);
    free(demo_configure());
    load(accounts);
    paced(&r);
    flood(&r);
    demo_stop();
    demo_clear();
    for (size_t s = 0; s < SERIES; s++)
        qsort(r.ms[s], changes, sizeof(**r.ms), ascending);
    print_paced(&r);
    print_flood(&r);
    return r;
}

static void free_result(struct result *r)
{
    for (size_t s = 0; s < SERIES; s++)
        free(r->ms[s]);
}

int main(int argc, char **argv)
{
    size_t accounts = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    size_t changes = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    struct result small, large;

    if (accounts < CONNECTIONS || changes < 1 || argc > 3) {
        fprintf(stderr, "usage: bench_latency [ACCOUNTS [CHANGES]]\n");
        return 64;
    }
    printf("In the file: written, its fdatasync is under way. On the disk: a second fdatasync has come back too.\n"
           "slapd may have told axsync before we have the answer, so a ratio to the yardstick may be below 1.\n");
    small = run(SMALL, changes);
    large = run(accounts, changes);
    print_growth(&small, &large);
    free_result(&small);
    free_result(&large);
    return 0;
}
