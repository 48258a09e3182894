#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aside.h"
#include "buf.h"
#include "gone.h"
#include "mem.h"
#include "objects.h"
#include "pending.h"
#include "queue.h"
#include "records.h"
#include "wants.h"

static char folder[256];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *test_folder(void)
{
    const char *tmp = getenv("TMPDIR");

    if (folder[0])
        return folder;
    snprintf(folder, sizeof(folder), "%s/axsync-cmd-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    cr_assert_not_null(mkdtemp(folder));
    atexit(remove_folder);
    return folder;
}

char *test_path(const char *name)
{
    return mem_printf("%s/%s", test_folder(), name);
}

char *test_file(const char *name, const char *text)
{
    char *path = test_path(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

char *test_config(void)
{
    return test_config_with("");
}

char *test_config_with(const char *schema)
{
    /* Nobody listens there: a privileged port on the loopback network's last address. */
    char *text = mem_printf("stateDir = \"%s/state\"\n"
                            "connector \"corp\" {\n"
                            "  ldapURI = {\"ldap://127.255.255.254:1\"}\n"
                            "  accountBaseDN = \"ou=people,dc=example,dc=com\"\n"
                            "  domain = \"example.com\"\n"
                            "  customSchemaFile = \"%s\"\n"
                            "  sink \"journal\" { type = \"file\"  path = \"%s/out.ndjson\" }\n"
                            "}\n",
                            test_folder(), schema, test_folder());
    char *path = test_file("axsync.conf", text);

    free(text);
    return path;
}

/* ---- the program -------------------------------------------------------------------------------------------- */

static void child(const char *const *args, int out, int err)
{
    const char *argv[24] = {AXSYNC_BINARY};
    size_t n = 1;

    for (; args[n - 1] && n < 23; n++)
        argv[n] = args[n - 1];
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    setenv("TZ", "UTC", 1);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("JOURNAL_STREAM");
    execv(AXSYNC_BINARY, (char *const *)(uintptr_t)argv);
    _exit(127);
}

static void drain(int out, int err, struct buf *o, struct buf *e)
{
    struct pollfd fds[2] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
    struct buf *into[2] = {o, e};
    int open_fds = 2;

    while (open_fds > 0) {
        poll(fds, 2, -1);
        for (int i = 0; i < 2; i++) {
            ssize_t n;

            if (fds[i].fd < 0 || fds[i].revents == 0)
                continue;
            n = read(fds[i].fd, buf_room(into[i], 4096), 4096);
            if (n > 0) {
                into[i]->len += (size_t)n;
            } else {
                fds[i].fd = -1;
                open_fds--;
            }
        }
    }
}

void run_axsync(struct run *r, const char *const *args)
{
    struct buf out = {0}, err = {0};
    int o[2], e[2], status;
    pid_t pid;

    cr_assert_eq(pipe2(o, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(e, O_CLOEXEC), 0);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0)
        child(args, o[1], e[1]);
    close(o[1]);
    close(e[1]);
    drain(o[0], e[0], &out, &err);
    close(o[0]);
    close(e[0]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    r->code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    buf_str(&out);
    buf_str(&err);
    r->out = out.p;
    r->err = err.p;
}

void run_free(struct run *r)
{
    free(r->out);
    free(r->err);
}

void expect(const char *const *args, int code, const char *out, const char *err)
{
    struct run r;

    run_axsync(&r, args);
    cr_assert_eq(r.code, code, "axsync %s: exit code %d, not %d\n%s%s", args[0] ? args[0] : "", r.code, code, r.out,
                 r.err);
    if (out)
        cr_assert_not_null(strstr(r.out, out), "axsync %s: no '%s' in: %s", args[0] ? args[0] : "", out, r.out);
    if (err)
        cr_assert_not_null(strstr(r.err, err), "axsync %s: no '%s' in: %s", args[0] ? args[0] : "", err, r.err);
    run_free(&r);
}

/* ---- a state ------------------------------------------------------------------------------------------------ */

static struct object person(uint8_t number, const char *dn, const char *address, enum object_state state)
{
    struct object o = {.kind = OBJECT_ACCOUNT, .state = state, .dn = slice_of(dn), .address = slice_of(address)};

    memset(o.uuid, number, UUID_BYTES);
    object_set_field(&o, FIELD_CONTACT_LAST_NAME, slice_of("Liddell"));
    return o;
}

static void put_person(struct store *s, struct txn *t, uint8_t number, const char *dn, const char *address,
                       enum object_state state)
{
    struct object o = person(number, dn, address, state);
    struct slice alias = slice_of("ali@example.com");

    if (number == 1) {
        o.aliases = &alias;
        o.n_aliases = 1;
    }
    objects_put(s, t, 0, NULL, &o);
}

static void put_gone(struct txn *t, uint8_t number, const char *dn, const char *address)
{
    struct gone g = {.o = person(number, dn, address, OBJECT_GONE), .cause = CAUSE_LEAVE, .since_ms = 1700000000000, .seq = 1};

    gone_put(t, &g);
}

static void hold_deletion(struct store *s, struct txn *t, uint8_t number)
{
    struct pending p = {.what = PENDING_DELETE,
                        .reason = PENDING_HELD,
                        .kind = OBJECT_ACCOUNT,
                        .cause = CAUSE_ABSENT,
                        .phase = PHASE_REFRESH,
                        .hold = 7,
                        .detected_ms = 1700000000000,
                        .answered = true};

    memset(p.uuid, number, UUID_BYTES);
    pending_put(s, t, &p);
}

static void queue_update(struct store *s, struct txn *t, uint8_t number, const char *address)
{
    uint8_t uuid[UUID_BYTES];
    struct buf scratch = {0};
    struct action a = {.time_ms = 1700000000000,
                       .connector = slice_of("corp"),
                       .type = ACTION_ACCOUNT_CREATE,
                       .uuid = uuid,
                       .dn = slice_of("uid=x"),
                       .address = slice_of(address),
                       .cause = CAUSE_ADD,
                       .phase = PHASE_REFRESH};

    memset(uuid, number, UUID_BYTES);
    queue_push(s, t, &a, &scratch);
    buf_free(&scratch);
}

static void fill(struct store *s, struct txn *t)
{
    struct object want = person(3, "uid=carol,ou=people", "bob@example.com", OBJECT_MIRRORED);
    uint8_t mallory[UUID_BYTES];

    put_person(s, t, 1, "uid=alice,ou=people", "alice@example.com", OBJECT_MIRRORED);
    put_person(s, t, 2, "uid=bob,ou=people", "bob@example.com", OBJECT_MIRRORED);
    put_person(s, t, 3, "uid=carol,ou=people", "carol@example.com", OBJECT_MIRRORED);
    put_person(s, t, 4, "uid=dave,ou=people", "dave@example.com", OBJECT_ORPHAN);
    put_gone(t, 5, "uid=eve,ou=people", "eve@example.com");
    put_person(s, t, 6, "uid=frank,ou=people", "frank@example.com", OBJECT_MIRRORED);
    want_put(s, t, &want);
    memset(mallory, 9, sizeof(mallory));
    invalid_put(t, mallory, OBJECT_ACCOUNT, slice_of("uid=mal\x1b[2Jlory,ou=people"), slice_of("it has no mail"), slice_of(""));
    hold_open(s, t, &(struct guarded){ .kind = GUARD_ACCOUNT_DELETE, .field = FIELD_NONE }, "2 deletions of accounts: that is all of them", 7);
    hold_deletion(s, t, 1);
    hold_deletion(s, t, 2);
    queue_update(s, t, 1, "alice@example.com");
    queue_update(s, t, 2, "bob@example.com");
    queue_update(s, t, 3, "carol@example.com");
    sink_position_put(t, "journal", 1);
}

void fill_state(void)
{
    char *state = test_path("state"), *corp = test_path("state/corp");
    struct err e = {0};
    struct store *s;
    struct txn *t;

    cr_assert_eq(mkdir(state, 0700), 0);
    s = store_open(corp, DB_WRITE, &e);
    cr_assert_not_null(s, "%s", e.text);
    t = store_begin(s);
    fill(s, t);
    cr_assert_eq(store_commit(s, &t, &e), 0, "%s", e.text);
    store_close(&s);
    free(state);
    free(corp);
}

static void put_leaving(struct store *s, struct txn *t)
{
    struct object sales = person(10, "cn=sales,ou=groups", "sales@example.com", OBJECT_MIRRORED);
    struct pending rename = {.what = PENDING_RENAME, .reason = PENDING_BLOCKED, .address = slice_of("bob@example.com")};
    struct pending removal = {.what = PENDING_MEMBER,
                              .reason = PENDING_WAITING,
                              .field = FIELD_MEMBERS,
                              .alias = slice_of("frank@example.com"),
                              .kind = OBJECT_GROUP};
    struct pending clear = {.what = PENDING_CLEAR, .reason = PENDING_WAITING, .field = FIELD_CONTACT_LAST_NAME, .due_ms = 1700000100000};

    sales.kind = OBJECT_GROUP;
    objects_put(s, t, 0, NULL, &sales);
    rename.detected_ms = removal.detected_ms = clear.detected_ms = 1700000000000;
    rename.cause = CAUSE_RENAME;
    removal.cause = clear.cause = CAUSE_MODIFY;
    memset(rename.uuid, 6, UUID_BYTES);
    memset(clear.uuid, 6, UUID_BYTES);
    memset(removal.uuid, 10, UUID_BYTES);
    pending_put(s, t, &rename);
    pending_put(s, t, &clear);
    pending_put(s, t, &removal);
}

void set_leaving(void)
{
    char *corp = test_path("state/corp");
    struct err e = {0};
    struct store *s = store_open(corp, DB_WRITE, &e);
    struct txn *t;

    cr_assert_not_null(s, "%s", e.text);
    t = store_begin(s);
    put_leaving(s, t);
    cr_assert_eq(store_commit(s, &t, &e), 0, "%s", e.text);
    store_close(&s);
    free(corp);
}

/* An action that a target refused, and one behind it. */
void set_aside(void)
{
    static const uint8_t uuid[UUID_BYTES] = {1};
    char *corp = test_path("state/corp");
    struct err e = {0};
    struct store *s;
    struct txn *t;

    s = store_open(corp, DB_WRITE, &e);
    cr_assert_not_null(s, "%s", e.text);
    t = store_begin(s);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        struct action a = {.seq = seq, .connector = slice_of("corp"), .type = ACTION_ACCOUNT_UPDATE, .uuid = uuid,
                           .address = slice_of("alice@example.com")};
        struct arena arena = {0};
        struct buf line = {0};
        struct aside_row row;

        action_json(&a, &line);
        aside_row_make(&row, &a, buf_slice(&line), &arena);
        row.state = seq == 1 ? ASIDE_PARKED : ASIDE_BEHIND;
        row.words = slice_of("-ERR: \x1b no");
        aside_add(t, "journal", &row);
        buf_free(&line);
        arena_free(&arena);
    }
    cr_assert_eq(store_commit(s, &t, &e), 0);
    store_close(&s);
    free(corp);
}

static void put_aside(struct txn *t, uint64_t seq, const char *address, enum aside_state state, const char *words)
{
    uint8_t uuid[UUID_BYTES];
    struct action a = {.seq = seq, .connector = slice_of("corp"), .type = ACTION_ACCOUNT_UPDATE, .uuid = uuid,
                       .address = slice_of(address)};
    struct arena arena = {0};
    struct buf line = {0};
    struct aside_row row;

    memset(uuid, 100 + (int)seq, UUID_BYTES);
    action_json(&a, &line);
    aside_row_make(&row, &a, buf_slice(&line), &arena);
    row.state = state;
    row.words = slice_of(words);
    aside_add(t, "journal", &row);
    buf_free(&line);
    arena_free(&arena);
}

static void put_due(struct txn *t, uint8_t number, const char *address, int64_t due_ms, const char *why)
{
    struct record r = {.address = slice_of(address), .due_ms = due_ms, .bytes = slice_of("x")};

    memset(r.uuid, number, UUID_BYTES);
    record_put(t, "journal", &r, 1700000000000);
    record_why(t, "journal", r.uuid, slice_of(why));
}

void set_waiting(void)
{
    char *corp = test_path("state/corp");
    struct err e = {0};
    struct store *s;
    struct txn *t;

    s = store_open(corp, DB_WRITE, &e);
    cr_assert_not_null(s, "%s", e.text);
    t = store_begin(s);
    put_aside(t, 1, "a@x.example", ASIDE_DOMAIN, "another writer");
    put_aside(t, 2, "b@x.example", ASIDE_DOMAIN, "");
    put_aside(t, 3, "c@example.com", ASIDE_RETRY, "");
    put_due(t, 5, "axsync-5@example.com", 1700000000000, "still there");
    put_due(t, 6, "axsync-6@example.com", 1700000000000, "");
    put_due(t, 7, "axsync-7@example.com", INT64_C(4000000000000), "");
    cr_assert_eq(store_commit(s, &t, &e), 0);
    store_close(&s);
    free(corp);
}
