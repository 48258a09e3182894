#include "emulator.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS 60000
#define NAP_NS 2000000L

struct emulator {
    pid_t pid;     /* 0: it has ended */
    unsigned port; /* 0 before the first start */
    int control;   /* our end of the socket that is its standard input and output */
    char **switches;
    size_t count;
};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "emulator: %s: %s\n", what, strerror(errno));
    abort();
}

static long long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

static void add_switch(struct emulator *e, const char *text)
{
    e->switches = realloc(e->switches, (e->count + 2) * sizeof(*e->switches));
    if (!e->switches || (e->switches[e->count] = strdup(text)) == NULL)
        give_up("memory");
    e->switches[++e->count] = NULL;
}

/* ---- its life ---- */

/* After fork(2), only async-signal-safe calls: the test may have threads. */
static _Noreturn void become_emulator(pid_t parent, int control, char **argv)
{
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(control, STDIN_FILENO) < 0 || dup2(control, STDOUT_FILENO) < 0)
        _exit(126);
    close_range(3, ~0U, 0);
    execv(argv[0], argv);
    _exit(127);
}

/* A line without its end, or NULL if the emulator has ended meanwhile. The caller frees it. */
static char *read_line(struct emulator *e)
{
    size_t len = 0, room = 4096;
    char *line = malloc(room);
    long long deadline = now_ms() + ANSWER_MS;

    for (;;) {
        struct pollfd p = {.fd = e->control, .events = POLLIN};
        ssize_t n;

        if (!line)
            give_up("memory");
        if (poll(&p, 1, 100) <= 0) {
            if (now_ms() > deadline)
                give_up("no answer to a control line");
            continue;
        }
        n = read(e->control, line + len, room - len - 1);
        if (n <= 0) {
            free(line);
            return NULL;
        }
        len += (size_t)n;
        if (line[len - 1] == '\n') { /* one line asked, one line answered: nothing follows */
            line[len - 1] = '\0';
            return line;
        }
        if (room - len < 4096)
            line = realloc(line, room *= 2);
    }
}

static void launch(struct emulator *e)
{
    char port[16], **argv = calloc(e->count + 5, sizeof(*argv));
    pid_t parent = getpid();
    char *ready;
    int pair[2];

    if (!argv || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        give_up("socketpair");
    snprintf(port, sizeof(port), "%u", e->port);
    argv[0] = (char *)(uintptr_t)AXIGEN_EMULATOR;
    argv[1] = (char *)(uintptr_t) "--control-stdin";
    argv[2] = (char *)(uintptr_t) "--port";
    argv[3] = port;
    for (size_t i = 0; i < e->count; i++)
        argv[4 + i] = e->switches[i];
    e->pid = fork();
    if (e->pid < 0)
        give_up("fork");
    if (e->pid == 0)
        become_emulator(parent, pair[1], argv);
    free(argv);
    close(pair[1]);
    e->control = pair[0];
    ready = read_line(e);
    if (!ready || sscanf(ready, "ready %u", &e->port) != 1)
        give_up("it did not start");
    free(ready);
}

struct emulator *emulator_start(const char *const *switches)
{
    struct emulator *e = calloc(1, sizeof(*e));

    if (!e)
        give_up("memory");
    for (; switches && *switches; switches++)
        add_switch(e, *switches);
    launch(e);
    return e;
}

static void reaped(struct emulator *e)
{
    close(e->control);
    e->pid = 0;
}

static void end_by(struct emulator *e, int signo)
{
    if (e->pid == 0)
        return;
    kill(e->pid, signo);
    while (waitpid(e->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    reaped(e);
}

void emulator_kill(struct emulator *e)
{
    end_by(e, SIGKILL);
}

bool emulator_await_death(struct emulator *e, int wait_ms)
{
    long long deadline = now_ms() + wait_ms;

    while (e->pid != 0) {
        if (waitpid(e->pid, NULL, WNOHANG) != 0)
            reaped(e);
        else if (now_ms() > deadline)
            return false;
        else
            nap();
    }
    return true;
}

void emulator_restart(struct emulator *e, const char *const *more)
{
    if (e->pid != 0) {
        errno = EBUSY;
        give_up("restart of one that lives");
    }
    for (; more && *more; more++)
        add_switch(e, *more);
    launch(e);
}

void emulator_stop(struct emulator **e)
{
    if (!*e)
        return;
    end_by(*e, SIGTERM);
    for (size_t i = 0; i < (*e)->count; i++)
        free((*e)->switches[i]);
    free((*e)->switches);
    free(*e);
    *e = NULL;
}

unsigned emulator_port(const struct emulator *e)
{
    return e->port;
}

pid_t emulator_pid(const struct emulator *e)
{
    return e->pid;
}

/* ---- control ---- */

/* The answer, which the caller frees. */
static char *ask(struct emulator *e, const char *line)
{
    char *answer;

    if (e->pid == 0 || dprintf(e->control, "%s\n", line) < 0 || (answer = read_line(e)) == NULL) {
        errno = ESRCH;
        give_up(line);
    }
    return answer;
}

void emulator_control(struct emulator *e, const char *fmt, ...)
{
    char *line, *answer;
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = vasprintf(&line, fmt, ap);
    va_end(ap);
    if (rc < 0)
        give_up("memory");
    answer = ask(e, line);
    if (strcmp(answer, "ok") != 0) {
        fprintf(stderr, "emulator: %s: %s\n", line, answer);
        abort();
    }
    free(line);
    free(answer);
}

static json_t *ask_json(struct emulator *e, const char *line)
{
    char *answer = ask(e, line);
    json_t *value = json_loads(answer, 0, NULL);

    if (!value)
        give_up(answer);
    free(answer);
    return value;
}

json_t *emulator_dump(struct emulator *e)
{
    return ask_json(e, "dump");
}

/* A part of the dump that outlives it; keys in lower case, as the emulator keeps them. */
static json_t *part(struct emulator *e, const char *domain, const char *kind, const char *name)
{
    json_t *dump = emulator_dump(e), *found;

    found = json_object_get(json_object_get(json_object_get(json_object_get(dump, "domains"), domain), kind), name);
    json_incref(found);
    json_decref(dump);
    return found;
}

json_t *emulator_account(struct emulator *e, const char *domain, const char *name)
{
    return part(e, domain, "accounts", name);
}

json_t *emulator_group(struct emulator *e, const char *domain, const char *name)
{
    return part(e, domain, "groups", name);
}

long emulator_counter(struct emulator *e, const char *name)
{
    json_t *counters = ask_json(e, "counters");
    long value = (long)json_integer_value(json_object_get(counters, name));

    json_decref(counters);
    return value;
}

bool emulator_await_counter(struct emulator *e, const char *name, long value, int wait_ms)
{
    long long deadline = now_ms() + wait_ms;

    while (emulator_counter(e, name) < value) {
        if (now_ms() > deadline)
            return false;
        nap();
    }
    return true;
}
