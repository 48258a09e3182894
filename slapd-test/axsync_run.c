#include "axsync_run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/internal/test.h>

#include "axsync_internal.h"

#define POLL_MS 20
#define LOG_SHOWN 8000   /* bytes of axsync's log that a failure shows */
#define MAX_WORDS 12

/* A test that fails frees nothing, and a list of that is not what one wants to read then. (The program under test has
 * options of its own.) */
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "detect_leaks=0";
}

/* ---- failing ------------------------------------------------------------------------------------------------ */

static void show_log(const struct axsync *a)
{
    char *log = axsync_file(a->log);
    size_t n = strlen(log);
    const char *from = n > LOG_SHOWN ? log + n - LOG_SHOWN : log;

    fprintf(stderr, "---- the end of %s ----\n%s\n---- output of the last command ----\n%s%s\n", a->log, from,
            a->out ? a->out : "", a->err ? a->err : "");
    free(log);
}

void axsync_fail(struct axsync *a, const char *file, int line, const char *format, ...)
{
    char text[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s:%d: %s\n", file, line, text);
    show_log(a);
    if (a->server)
        slapdtest_print_log(a->server, stderr);
    fprintf(stderr, "---- %s is kept ----\n", a->folder);
    if (a->worker) {
        slapdtest_free(&a->server);
        _exit(1);
    }
    cr_assert_fail("%s:%d: %s", file, line, text);
    abort();   /* cr_assert_fail() doesn't come back, which its header doesn't say */
}

/* ---- small things ------------------------------------------------------------------------------------------- */

int64_t axsync_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

char *axsync_i_text(const char *format, ...)
{
    va_list arguments;
    char *text;

    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        abort();
    va_end(arguments);
    return text;
}

char *axsync_file(const char *path)
{
    FILE *from = fopen(path, "re"), *to;
    char *text = NULL, part[8192];
    size_t size, n;

    if (from == NULL)
        return axsync_i_text("%s", "");
    to = open_memstream(&text, &size);
    while (to != NULL && (n = fread(part, 1, sizeof(part), from)) > 0)
        fwrite(part, 1, n, to);
    fclose(from);
    if (to == NULL || fclose(to) != 0)
        abort();
    return text;
}

static void write_file(struct axsync *a, const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);   /* it may hold a password */
    size_t n = strlen(text);

    CHECK(a, fd >= 0 && write(fd, text, n) == (ssize_t)n && close(fd) == 0, "%s: %s", path, strerror(errno));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static size_t count(const char *text, size_t from, const char *word)
{
    size_t lines = 0, n = 0;

    for (const char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
        if (lines++ >= from && memmem(line, (size_t)(end - line), word, strlen(word)) != NULL)
            n++;
    return n;
}

size_t axsync_output_count(struct axsync *a, size_t from, const char *text)
{
    char *output = axsync_file(a->output);
    size_t n = count(output, from, text);

    free(output);
    return n;
}

size_t axsync_log_count(struct axsync *a, const char *text)
{
    char *log = axsync_file(a->log);
    size_t n = count(log, 0, text);

    free(log);
    return n;
}

/* ---- the log ------------------------------------------------------------------------------------------------ */

static bool is_expected(const struct axsync *a, const char *line)
{
    for (size_t i = 0; i < AXSYNC_ERRORS && a->expected_errors[i] != NULL; i++)
        if (strstr(line, a->expected_errors[i]) != NULL)
            return true;
    return false;
}

/* Whether the level of a log line, "TIME LEVEL TEXT", is that of an error. */
static bool is_error(const char *line)
{
    const char *level = strchr(line, ' ');

    return level != NULL && strncmp(level, " error ", 7) == 0;
}

static void check_line(struct axsync *a, const char *line)
{
    static const char *const sanitizers[] = {"ERROR: AddressSanitizer", "runtime error:", "LeakSanitizer",
                                             "ThreadSanitizer"};

    for (size_t i = 0; i < sizeof(sanitizers) / sizeof(*sanitizers); i++)
        CHECK(a, strstr(line, sanitizers[i]) == NULL, "a sanitizer speaks: %s", line);
    CHECK(a, !is_error(line) || is_expected(a, line), "an error that was not expected: %s", line);
}

static void check_text(struct axsync *a, char *text)
{
    char *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        check_line(a, line);
}

static void check_log(struct axsync *a)
{
    char *log = axsync_file(a->log);
    long size = (long)strlen(log);
    long from = a->log_checked;

    a->log_checked = size;
    check_text(a, log + (from < size ? from : size));
    free(log);
}

/* ---- configuration ------------------------------------------------------------------------------------------ */

void axsync_add_reader(struct slapdtest *server)
{
    int rc = slapdtest_add(server, AXSYNC_READER_DN,
                           "objectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\n"
                           "userPassword: " AXSYNC_READER_PW "\n");

    cr_assert(rc == 0, "%s", slapdtest_error(server));
}

/* Whether a line of `text` begins with the first word of `line`: `key = value`, or `guard {…}`. */
static bool has_key(const char *text, const char *line)
{
    size_t n = strcspn(line, " ");

    for (const char *p = text; p != NULL && *p != '\0'; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
        if (strncmp(p, line, n) == 0 && p[n] == ' ')
            return true;
    return false;
}

static void put_base(FILE *out, const struct axsync *a, const char *overrides)
{
    char *lines[] = {
        axsync_i_text("ldapURI = {\"%s\"}", a->server ? slapdtest_uri(a->server) : ""),
        axsync_i_text("bindDN = \"%s\"", AXSYNC_READER_DN),
        axsync_i_text("bindPass = \"%s\"", AXSYNC_READER_PW),
        axsync_i_text("watchdogInterval = 2"),
        axsync_i_text("transientErrorRetryInterval = 1"),
        axsync_i_text("maxRetryInterval = 2"),
        axsync_i_text("accountBaseDN = \"ou=people,dc=example,dc=com\""),
        axsync_i_text("domain = \"example.com\""),
        axsync_i_text("deleteGrace = 1"),
        axsync_i_text("guard { settle = 1 }"),
        axsync_i_text("sink \"journal\" { type = \"file\" path = \"%s\" }", a->output),
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        if (!has_key(overrides, lines[i]))
            fprintf(out, "  %s\n", lines[i]);
        free(lines[i]);
    }
}

void axsync_configure(struct axsync *a, const char *overrides)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (overrides == NULL)
        overrides = "";
    fprintf(out, "stateDir = \"%s\"\nconnector \"corp\" {\n", a->state);
    put_base(out, a, overrides);
    fprintf(out, "%s\n}\n", overrides);
    fclose(out);
    axsync_write_config(a, text);
    free(text);
}

void axsync_write_config(struct axsync *a, const char *text)
{
    write_file(a, a->config, text);
}

/* ---- life of the harness ------------------------------------------------------------------------------------ */

struct axsync *axsync_new(struct slapdtest *server, const char *overrides)
{
    const char *tmp = getenv("TMPDIR");
    struct axsync *a = calloc(1, sizeof(*a));

    cr_assert_not_null(a);
    a->server = server;
    a->pidfd = -1;
    a->folder = axsync_i_text("%s/axsync-test-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
    cr_assert(mkdtemp(a->folder) != NULL, "%s: %s", a->folder, strerror(errno));
    a->config = axsync_i_text("%s/axsync.conf", a->folder);
    a->state = axsync_i_text("%s/state", a->folder);
    a->output = axsync_i_text("%s/corp.ndjson", a->folder);
    a->log = axsync_i_text("%s/axsync.log", a->folder);
    target_init(&a->target);
    if (server)
        axsync_configure(a, overrides);
    return a;
}

/* A copy of the output, named by the test, for slapd.schema. A worker's has its folder's name too. */
static void keep_output(struct axsync *a)
{
    const struct criterion_test *test = criterion_current_test;
    char *output = axsync_file(a->output), *path;

    path = axsync_i_text("%s/%s.%s%s.ndjson", AXSYNC_OUTPUTS, test->category, test->name,
                         a->worker ? strrchr(a->folder, '-') : "");
    if (a->target.lines > 0)
        write_file(a, path, output);
    free(path);
    free(output);
}

static void free_paths(struct axsync *a)
{
    char *all[] = {a->folder, a->config, a->state, a->output, a->log, a->out, a->err};

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        free(all[i]);
    for (size_t i = 0; i < AXSYNC_ENVIRONMENT; i++)
        free(a->environment[i]);
}

void axsync_free(struct axsync **ap)
{
    struct axsync *a = *ap;

    if (a->pid)
        axsync_stop(a);
    axsync_read_output(a);
    keep_output(a);
    nftw(a->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    target_free(&a->target);
    free_paths(a);
    free(a);
    *ap = NULL;
}

void axsync_setenv(struct axsync *a, const char *name, const char *value)
{
    size_t n = strlen(name), i = 0;

    while (i < AXSYNC_ENVIRONMENT && a->environment[i] != NULL &&
           (strncmp(a->environment[i], name, n) != 0 || a->environment[i][n] != '='))
        i++;
    CHECK(a, i < AXSYNC_ENVIRONMENT, "no room for %s", name);
    free(a->environment[i]);
    a->environment[i] = axsync_i_text("%s=%s", name, value ? value : "");
}

void axsync_expect_error(struct axsync *a, const char *text)
{
    size_t i = 0;

    while (i < AXSYNC_ERRORS && a->expected_errors[i] != NULL)
        i++;
    CHECK(a, i < AXSYNC_ERRORS, "no room for \"%s\"", text);
    a->expected_errors[i] = text;
}

/* ---- processes ---------------------------------------------------------------------------------------------- */

static void enter_child(const struct axsync *a, pid_t parent, const char *out, const char *err)
{
    int out_fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int err_fd = open(err, O_WRONLY | O_CREAT | O_APPEND, 0600);
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);   /* a test that crashes leaves no daemon behind */
    if (getppid() != parent || dup2(out_fd, STDOUT_FILENO) < 0 || dup2(err_fd, STDERR_FILENO) < 0)
        _exit(126);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    unsetenv("JOURNAL_STREAM");   /* the log has another form there */
    for (size_t i = 0; i < AXSYNC_ENVIRONMENT && a->environment[i] != NULL; i++) {
        char *value = strchr(a->environment[i], '=');

        if (value[1] != '\0') {
            putenv(a->environment[i]);
        } else {
            *value = '\0';
            unsetenv(a->environment[i]);
        }
    }
}

static pid_t spawn(struct axsync *a, const char *const *words, const char *out, const char *err)
{
    pid_t parent = getpid(), pid = fork();

    CHECK(a, pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) {
        enter_child(a, parent, out, err);
        execv(AXSYNC_BINARY, (char *const *)(uintptr_t)words);
        _exit(127);
    }
    return pid;
}

/* Whether the process ends within wait_ms. */
static bool ends_within(int pidfd, int64_t wait_ms)
{
    struct pollfd fd = {.fd = pidfd, .events = POLLIN};
    int n;

    do {
        n = poll(&fd, 1, (int)wait_ms);
    } while (n < 0 && errno == EINTR);
    return n == 1;
}

/* ---- the daemon --------------------------------------------------------------------------------------------- */

void axsync_start(struct axsync *a)
{
    const char *words[] = {AXSYNC_BINARY, "run", "-c", a->config, NULL};

    CHECK(a, a->pid == 0, "the daemon runs already");
    a->pid = spawn(a, words, "/dev/null", a->log);
    a->pidfd = pidfd_open(a->pid, 0);
    CHECK(a, a->pidfd >= 0, "pidfd_open: %s", strerror(errno));
}

/* Takes the status of a daemon that has ended. */
static int reap(struct axsync *a)
{
    int status = -1;

    CHECK(a, waitpid(a->pid, &status, 0) == a->pid, "waitpid: %s", strerror(errno));
    close(a->pidfd);
    a->pidfd = -1;
    a->pid = 0;
    check_log(a);
    return status;
}

bool axsync_has_ended(struct axsync *a, int *status)
{
    if (!ends_within(a->pidfd, 0))
        return false;
    *status = reap(a);
    return true;
}

int axsync_await_end(struct axsync *a)
{
    if (!ends_within(a->pidfd, AXSYNC_PATIENCE_MS)) {
        kill(a->pid, SIGABRT);
        FAIL(a, "the daemon did not end");
    }
    return reap(a);
}

void axsync_stop(struct axsync *a)
{
    int64_t begun = axsync_now_ms();
    int status;

    kill(a->pid, SIGTERM);
    status = axsync_await_end(a);
    a->stop_ms = axsync_now_ms() - begun;
    CHECK(a, status == 0, "the daemon ended with %s %d after SIGTERM", WIFEXITED(status) ? "exit code" : "signal",
          WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

void axsync_kill(struct axsync *a)
{
    kill(a->pid, SIGKILL);
    axsync_await_end(a);
}

/* ---- commands ----------------------------------------------------------------------------------------------- */

static void take_output(struct axsync *a, const char *out, const char *err)
{
    char *copy;

    free(a->out);
    free(a->err);
    a->out = axsync_file(out);
    a->err = axsync_file(err);
    copy = axsync_i_text("%s", a->err);
    for (char *rest = NULL, *line = strtok_r(copy, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        CHECK(a, is_error(line) || strstr(line, "Sanitizer") == NULL, "a sanitizer speaks: %s", line);
    free(copy);
}

static int run_command(struct axsync *a, const char *const *words)
{
    char *out = axsync_i_text("%s/command.out", a->folder), *err = axsync_i_text("%s/command.err", a->folder);
    int64_t begun = axsync_now_ms();
    pid_t pid;
    int fd, status;

    remove(out);
    remove(err);
    pid = spawn(a, words, out, err);
    fd = pidfd_open(pid, 0);
    if (!ends_within(fd, AXSYNC_PATIENCE_MS)) {
        kill(pid, SIGABRT);
        take_output(a, out, err);
        FAIL(a, "axsync %s did not end", words[1]);
    }
    close(fd);
    waitpid(pid, &status, 0);
    a->command_ms = axsync_now_ms() - begun;
    take_output(a, out, err);
    CHECK(a, WIFEXITED(status), "axsync %s ended with signal %d", words[1], WTERMSIG(status));
    free(out);
    free(err);
    return WEXITSTATUS(status);
}

int axsync_command(struct axsync *a, const char *word, ...)
{
    const char *words[MAX_WORDS + 1] = {AXSYNC_BINARY, word, "-c", a->config};
    va_list more;
    size_t n = 4;

    va_start(more, word);
    while (n < MAX_WORDS && (words[n] = va_arg(more, const char *)) != NULL)
        n++;
    va_end(more);
    return run_command(a, words);
}

json_t *axsync_status(struct axsync *a)
{
    int code = axsync_command(a, "status", "--json", NULL);
    json_error_t error;
    json_t *all, *connector;

    CHECK(a, code == EX_OK || code == EX_UNAVAILABLE, "axsync status ended with %d", code);
    if (code != EX_OK)
        return NULL;
    all = json_loads(a->out, JSON_REJECT_DUPLICATES, &error);
    CHECK(a, all != NULL, "axsync status --json: %s", error.text);
    connector = json_incref(json_array_get(json_object_get(all, "connectors"), 0));
    CHECK(a, connector != NULL, "axsync status --json names no connector");
    json_decref(all);
    return connector;
}

/* A connection to the daemon's socket, by way of its folder: a socket's own path must be short. -1: nobody listens. */
static int connect_daemon(struct axsync *a)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int folder = open(a->state, O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1;

    if (folder < 0)
        return -1;
    snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/axsync.sock", folder);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        fd = -1;
    }
    close(folder);
    return fd;
}

json_t *axsync_peek(struct axsync *a)
{
    static const char request[] = "{\"command\":\"status\"}\n";
    int fd = connect_daemon(a);
    json_t *answer = NULL, *connectors, *connector;

    if (fd < 0)
        return NULL;
    if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1)
        answer = json_loadfd(fd, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, NULL);
    close(fd);
    connectors = json_object_get(json_object_get(answer, "status"), "connectors");
    connector = json_incref(json_array_get(connectors, 0));
    json_decref(answer);
    return connector;   /* NULL too if it was killed before it answered */
}

const char *axsync_text(const json_t *connector, const char *key)
{
    const char *text = json_string_value(json_object_get(connector, key));

    return text ? text : "";
}

json_int_t axsync_entries(const json_t *connector, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(connector, "entries"), key));
}

json_t *axsync_dump(struct axsync *a)
{
    json_t *table = json_object();
    char *rest = NULL;

    CHECK(a, axsync_command(a, "dump", NULL) == EX_OK, "axsync dump failed");
    for (char *line = strtok_r(a->out, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        const char *address = json_string_value(json_object_get(object, "address"));

        CHECK(a, object != NULL && address != NULL, "axsync dump: %s", line);
        CHECK(a, json_object_get(table, address) == NULL, "axsync dump has %s twice", address);
        json_object_set(table, address, object);
        json_object_del(object, "address");
        json_object_del(object, "kind");
        json_decref(object);
    }
    return table;
}
