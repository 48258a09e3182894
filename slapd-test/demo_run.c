#include "demo_run.h"

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
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define LOG_SHOWN 6000   /* bytes of a log that a failure shows */
#define MAX_WORDS 12
#define PAUSE_MS 10      /* between two questions, each of which costs a process */

struct demo demo = {.patience = 20, .pidfd = -1, .journal = {.fd = -1, .notify = -1}};

static volatile sig_atomic_t signalled;

/* ---- ending ------------------------------------------------------------------------------------------------- */

static void on_signal(int sig)
{
    signalled = sig;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

static void end_daemon(void)
{
    if (demo.pid == 0)
        return;
    kill(demo.pid, SIGKILL);
    waitpid(demo.pid, NULL, 0);
    close(demo.pidfd);
    demo.pid = 0;
    demo.pidfd = -1;
}

void demo_clear(void)
{
    end_daemon();
    journal_close(&demo.journal);
    emulator_stop(&demo.emulator);
    slapdtest_free(&demo.server);
    if (demo.folder[0])
        nftw(demo.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    demo.folder[0] = '\0';
}

static void put(char *to, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void put(char *to, size_t room, const char *format, ...)
{
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(to, room, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= room)
        demo_fail("TMPDIR is too long");
}

static void handle_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_signal};

    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        sigaction(signals[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);   /* demo_heed() sees it too, and can clean up */
}

void demo_begin(const char *name)
{
    const char *tmp = getenv("TMPDIR");

    demo.name = name;
    put(demo.folder, sizeof(demo.folder), "%s/axsync-%s-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp", name);
    if (mkdtemp(demo.folder) == NULL) {
        fprintf(stderr, "%s: %s: %s\n", name, demo.folder, strerror(errno));
        exit(1);
    }
    put(demo.conf, sizeof(demo.conf), "%s/axsync.conf", demo.folder);
    put(demo.state, sizeof(demo.state), "%s/state", demo.folder);
    put(demo.out, sizeof(demo.out), "%s/corp.ndjson", demo.folder);
    put(demo.log, sizeof(demo.log), "%s/axsync.log", demo.folder);
    atexit(demo_clear);
    handle_signals();
}

static void show_log(void)
{
    FILE *f = fopen(demo.log, "re");
    char text[LOG_SHOWN + 1];
    size_t n;

    if (f == NULL)
        return;
    if (fseek(f, -LOG_SHOWN, SEEK_END) != 0)
        rewind(f);
    n = fread(text, 1, LOG_SHOWN, f);
    text[n] = '\0';
    fclose(f);
    fprintf(stderr, "---- the end of axsync's log ----\n%s\n", text);
}

static void end_by_signal(void)
{
    int sig = signalled;

    fflush(stdout);
    fprintf(stderr, "\n%s: ended by signal %d; nothing is left behind\n", demo.name, sig);
    exit(128 + sig);
}

void demo_heed(void)
{
    if (signalled)
        end_by_signal();
    if (fflush(stdout) != 0 || ferror(stdout))
        exit(EX_IOERR);
}

void demo_fail(const char *format, ...)
{
    va_list arguments;

    if (signalled)   /* then this is what comes of it */
        end_by_signal();
    fflush(stdout);
    fprintf(stderr, "\n%s: FAILED: ", demo.name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputs("\n", stderr);
    show_log();
    if (demo.server) {
        fputs("---- slapd ----\n", stderr);
        slapdtest_print_log(demo.server, stderr);
    }
    exit(1);
}

/* ---- the server and the configuration ----------------------------------------------------------------------- */

void demo_new_server(const struct slapdtest_options *options)
{
    char error[512];

    demo.server = slapdtest_new(options, error, sizeof(error));
    if (demo.server == NULL)
        demo_fail("slapd: %s", error);
    atexit(demo_clear);   /* once more: it has to run before the library's own, which frees the server too */
}

void demo_need(int result, const char *what)
{
    if (result < 0)
        demo_fail("%s: %s", what, slapdtest_error(demo.server));
}

void demo_add_reader(void)
{
    demo_need(slapdtest_add(demo.server, DEMO_READER_DN,
                            "objectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: axsync\n"
                            "userPassword: " DEMO_READER_PW "\n"),
              "adding the reader");
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);   /* it has a password in it */
    size_t n = strlen(text);

    if (fd < 0 || write(fd, text, n) != (ssize_t)n || close(fd) != 0)
        demo_fail("%s: %s", path, strerror(errno));
}

void demo_new_emulator(void)
{
    demo.emulator = emulator_start((const char *const[]){"--domain", "example.com", NULL});
}

/* The sink's lines, with its password in a file; "" without an emulator. For the caller to free. */
static char *axigen_sink(void)
{
    char *text, secret[300];

    if (demo.emulator == NULL)
        return strdup("");
    put(secret, sizeof(secret), "%s/axigen.secret", demo.folder);
    write_text(secret, "secret\n");
    if (asprintf(&text,
                 "  sink \"mail\" { type = \"axigen\"  host = \"127.0.0.1\"  port = %u\n"
                 "                passwordFile = \"%s\" }\n",
                 emulator_port(demo.emulator), secret) < 0)
        demo_fail("out of memory");
    return text;
}

char *demo_configure(void)
{
    char *text, *sink = axigen_sink();

    if (asprintf(&text,
                 "stateDir = \"%s\"\n"
                 "connector \"corp\" {\n"
                 "  ldapURI = {\"%s\"}\n"
                 "  bindDN = \"%s\"\n"
                 "  bindPass = \"%s\"\n"
                 "  accountBaseDN = \"ou=people,%s\"\n"
                 "  domain = \"example.com\"\n"
                 "  deleteGrace = 1\n"
                 "  guard { settle = 1 }\n"
                 "  sink \"journal\" { type = \"file\"  path = \"%s\" }\n"
                 "%s"
                 "}\n",
                 demo.state, slapdtest_uri(demo.server), DEMO_READER_DN, DEMO_READER_PW,
                 slapdtest_suffix(demo.server), demo.out, sink) < 0)
        demo_fail("out of memory");
    free(sink);
    write_text(demo.conf, text);
    if (!journal_open(&demo.journal, demo.out))
        demo_fail("%s: %s", demo.out, strerror(errno));
    return text;
}

/* ---- processes ---------------------------------------------------------------------------------------------- */

/* A group of its own: ^C on the terminal is for us alone, and we end the others in their order. */
static void enter_child(pid_t parent, int out)
{
    int err = open(demo.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), null = open("/dev/null", O_RDWR);

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);   /* should we be killed, it does not stay */
    signal(SIGPIPE, SIG_DFL);
    if (getppid() != parent || dup2(null, STDIN_FILENO) < 0 || dup2(out < 0 ? null : out, STDOUT_FILENO) < 0 ||
        dup2(out < 0 ? err : out, STDERR_FILENO) < 0)
        _exit(126);
    unsetenv("JOURNAL_STREAM");   /* the log is to be text */
    unsetenv("NOTIFY_SOCKET");
    setenv("LDAPNOINIT", "1", 1);   /* this machine's ldap.conf has no say */
}

static pid_t spawn(const char *const *words, int out)
{
    pid_t parent = getpid(), pid;

    fflush(stdout);
    pid = fork();
    if (pid < 0)
        demo_fail("fork: %s", strerror(errno));
    if (pid == 0) {
        enter_child(parent, out);
        execv(AXSYNC_BINARY, (char *const *)(uintptr_t)words);   /* it changes none of them */
        _exit(127);
    }
    return pid;
}

static int pidfd_of(pid_t pid)
{
    int fd = pidfd_open(pid, 0);

    if (fd < 0)
        demo_fail("pidfd_open: %s", strerror(errno));
    return fd;
}

void demo_start(void)
{
    const char *words[] = {AXSYNC_BINARY, "run", "-c", demo.conf, NULL};

    demo.started = journal_now();
    demo.pid = spawn(words, -1);
    demo.pidfd = pidfd_of(demo.pid);
}

/* Until one of two descriptors can be read, or the deadline. Gives a bit for each. */
static int wait_for(int a, int b, double deadline)
{
    struct pollfd fds[] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    double left = deadline - journal_now();
    int n = poll(fds, 2, left > 0 ? (int)(left * 1000) + 1 : 0);

    demo_heed();
    return n <= 0 ? 0 : (fds[0].revents ? 1 : 0) | (fds[1].revents ? 2 : 0);
}

/* Waits for a child; gives what waitpid(2) says. */
static int reap(pid_t pid, int pidfd, const char *what)
{
    double deadline = journal_now() + demo.patience;
    int status;

    while (wait_for(pidfd, -1, deadline) == 0)
        if (journal_now() > deadline)
            demo_fail("%s did not end", what);
    close(pidfd);
    if (waitpid(pid, &status, 0) != pid)
        demo_fail("waitpid: %s", strerror(errno));
    return status;
}

double demo_stop(void)
{
    double begun = journal_now();
    int status;

    kill(demo.pid, SIGTERM);
    status = reap(demo.pid, demo.pidfd, "axsync, after SIGTERM,");
    demo.pid = 0;
    demo.pidfd = -1;
    if (status != 0)
        demo_fail("axsync ended with wait status 0x%x after SIGTERM", status);
    return journal_now() - begun;
}

/* ---- commands ----------------------------------------------------------------------------------------------- */

/* All that comes out of the pipe, until its other end is closed. */
static char *read_pipe(int fd, const char *what)
{
    double deadline = journal_now() + demo.patience;
    char part[4096], *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    ssize_t n = 1;

    while (to != NULL && n != 0) {
        if (wait_for(fd, -1, deadline) == 0 && journal_now() > deadline)
            demo_fail("axsync %s did not end", what);
        n = read(fd, part, sizeof(part));
        if (n > 0)
            fwrite(part, 1, (size_t)n, to);
    }
    if (to == NULL || fclose(to) != 0)
        demo_fail("out of memory");
    return text;
}

static char *run_command(const char *const *words, int *code)
{
    int ends[2], status;
    char *text;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0)
        demo_fail("pipe: %s", strerror(errno));
    pid = spawn(words, ends[1]);
    close(ends[1]);
    text = read_pipe(ends[0], words[1]);
    close(ends[0]);
    status = reap(pid, pidfd_of(pid), words[1]);
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return text;
}

char *demo_command(const char *word, ...)
{
    const char *words[MAX_WORDS + 1] = {AXSYNC_BINARY, word, "-c", demo.conf};
    va_list more;
    size_t n = 4;
    char *text;
    int code;

    va_start(more, word);
    while (n < MAX_WORDS && (words[n] = va_arg(more, const char *)) != NULL)
        n++;
    va_end(more);
    text = run_command(words, &code);
    if (code != EX_OK)
        demo_fail("axsync %s ended with %d: %s", word, code, text);
    return text;
}

json_t *demo_status(void)
{
    const char *words[] = {AXSYNC_BINARY, "status", "-c", demo.conf, "--json", NULL};
    json_t *all, *connector;
    char *text;
    int code;

    text = run_command(words, &code);
    all = code == EX_OK ? json_loads(text, 0, NULL) : NULL;
    if (all == NULL && code != EX_UNAVAILABLE)
        demo_fail("axsync status ended with %d: %s", code, text);
    connector = json_incref(json_array_get(json_object_get(all, "connectors"), 0));
    json_decref(all);
    free(text);
    return connector;
}

/* ---- waiting ------------------------------------------------------------------------------------------------ */

char *demo_line(const char *what)
{
    double deadline = journal_now() + demo.patience;
    char *line;

    while ((line = journal_take(&demo.journal)) == NULL) {
        int ready;

        if (!journal_read(&demo.journal))
            demo_fail("%s: %s", demo.out, strerror(errno));
        if ((line = journal_take(&demo.journal)) != NULL)
            break;
        ready = wait_for(demo.journal.notify, demo.pidfd, deadline);
        if (ready & 2)
            demo_fail("axsync has ended; still expected: %s", what);
        if (ready == 0 && journal_now() > deadline)
            demo_fail("not within %.0f s: %s", demo.patience, what);
    }
    return line;
}

void demo_await(const char *what, bool (*condition)(void *ctx), void *ctx)
{
    double deadline = journal_now() + demo.patience;
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

    while (!condition(ctx)) {
        demo_heed();
        if (wait_for(demo.pidfd, -1, 0) != 0)
            demo_fail("axsync has ended; still expected: %s", what);
        if (journal_now() > deadline)
            demo_fail("not within %.0f s: %s", demo.patience, what);
        nanosleep(&pause, NULL);
    }
}

static bool all_delivered(const json_t *connector)
{
    json_t *sink;
    size_t i;

    json_array_foreach(json_object_get(connector, "sinks"), i, sink)
        if (json_integer_value(json_object_get(sink, "queued")) != 0)
            return false;
    return true;
}

static bool nothing_waits(const json_t *connector)
{
    const char *phase = json_string_value(json_object_get(connector, "phase"));

    return phase && strcmp(phase, "insync") == 0 && all_delivered(connector) &&
           json_integer_value(json_object_get(json_object_get(connector, "entries"), "waiting")) == 0;
}

/* The directory's last change is in the cookie, which is never stored before what it stands for. */
static bool is_settled(void *ctx)
{
    json_t *connector = demo_status();
    char *csn = slapdtest_context_csn(demo.server);
    const char *cookie = json_string_value(
        json_object_get(json_array_get(json_object_get(connector, "searches"), 0), "cookie"));
    bool settled = csn && cookie && strstr(cookie, csn) && nothing_waits(connector);

    (void)ctx;
    free(csn);
    json_decref(connector);
    return settled;
}

/* Twice in a row: what status shows of the state may be ahead, by a commit, of what it shows of the sinks. */
static bool is_settled_twice(void *ctx)
{
    return is_settled(ctx) && is_settled(ctx);
}

void demo_await_settled(void)
{
    demo_await("all is mirrored and delivered", is_settled_twice, NULL);
}
