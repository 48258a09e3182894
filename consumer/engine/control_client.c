/* The commands' end of the control socket. */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"

#define ANSWER_BYTES ((size_t)64 << 20) /* more than that is no answer of ours */
#define RETRY_MS 50                     /* a full backlog: the daemon is busy with others */

static const char *const class_names[] = {
    [ERR_NONE] = "none",      [ERR_USAGE] = "usage",       [ERR_CONFIG] = "config", [ERR_UNAVAILABLE] = "unavailable",
    [ERR_TEMP] = "temporary", [ERR_NOTFOUND] = "notfound", [ERR_DATA] = "data",     [ERR_INTERNAL] = "internal",
};
#define CLASSES (sizeof(class_names) / sizeof(*class_names))
_Static_assert(CLASSES == ERR_INTERNAL + 1, "a name for each class");

const char *control_class_name(enum err_class class)
{
    return (size_t) class < CLASSES ? class_names[class] : class_names[ERR_INTERNAL];
}

static enum err_class class_of(const char *name)
{
    for (size_t i = ERR_USAGE; i < CLASSES; i++)
        if (name && strcmp(name, class_names[i]) == 0)
            return (enum err_class)i;
    return ERR_INTERNAL;
}

int control_answer(json_t *answer, struct err *e)
{
    const char *text = json_string_value(json_object_get(answer, "error"));

    if (json_is_true(json_object_get(answer, "ok")))
        return 0;
    return err_set(e, class_of(json_string_value(json_object_get(answer, "class"))), "%s",
                   text ? text : "the daemon's answer says neither yes nor no; is it another version of axsync?");
}

bool control_no_daemon(const struct err *e)
{
    return e->class == ERR_UNAVAILABLE && (e->code == ENOENT || e->code == ECONNREFUSED);
}

/* One attempt. EAGAIN: the daemon's backlog is full. */
static int try_connect(int fd, const char *state_dir)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int dir = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC), rc;

    if (dir < 0)
        return errno;
    snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d/%s", dir, CONTROL_SOCKET);
    rc = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : errno;
    close(dir);
    return rc;
}

static int connect_fail(const char *state_dir, int code, struct err *e)
{
    if (code == ENOENT || code == ECONNREFUSED)
        err_set(e, ERR_UNAVAILABLE, "no daemon is running on the state in %s", state_dir);
    else if (code == EACCES || code == EPERM)
        err_set_errno(e, ERR_UNAVAILABLE, code, "can't reach the daemon through %s/%s (be root, or who axsync runs as)",
                      state_dir, CONTROL_SOCKET);
    else
        err_set_errno(e, ERR_UNAVAILABLE, code, "can't reach the daemon through %s/%s", state_dir, CONTROL_SOCKET);
    if (e)
        e->code = code;
    return -1;
}

static int silent(const char *state_dir, struct err *e)
{
    err_set(e, ERR_UNAVAILABLE, "the daemon on the state in %s does not answer", state_dir);
    if (e)
        e->code = ETIMEDOUT;
    return -1;
}

static int connect_until(int fd, const char *state_dir, int64_t deadline, struct err *e)
{
    int rc;

    while ((rc = try_connect(fd, state_dir)) == EAGAIN) {
        if (clock_mono_ms() >= deadline)
            return silent(state_dir, e);
        poll(NULL, 0, RETRY_MS);
    }
    return rc == 0 ? 0 : connect_fail(state_dir, rc, e);
}

/* False when the deadline has passed. */
static bool wait_for(int fd, short events, int64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left;
    int rc;

    do {
        left = deadline - clock_mono_ms();
        if (left <= 0)
            return false;
        rc = poll(&p, 1, (int)left);
    } while (rc < 0 && errno == EINTR);
    return rc > 0;
}

static int send_all(int fd, const char *state_dir, struct slice bytes, int64_t deadline, struct err *e)
{
    while (bytes.len) {
        ssize_t n = send(fd, bytes.p, bytes.len, MSG_NOSIGNAL);

        if (n >= 0) {
            bytes = slice_make(bytes.p + n, bytes.len - (size_t)n);
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return connect_fail(state_dir, errno, e);
        if (!wait_for(fd, POLLOUT, deadline))
            return silent(state_dir, e);
    }
    return 0;
}

/* Reads up to the line end, or to the end of what comes. */
static int receive_line(int fd, const char *state_dir, struct buf *line, int64_t deadline, struct err *e)
{
    for (;;) {
        ssize_t n = recv(fd, buf_room(line, 65536), 65536, 0);

        if (n == 0)
            return line->len ? 0 : err_set(e, ERR_UNAVAILABLE, "the daemon ended before it answered");
        if (n > 0) {
            line->len += (size_t)n;
            if (line->p[line->len - 1] == '\n')
                return 0;
            if (line->len > ANSWER_BYTES)
                return err_set(e, ERR_DATA, "the daemon's answer is endless");
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return connect_fail(state_dir, errno, e);
        if (!wait_for(fd, POLLIN, deadline))
            return silent(state_dir, e);
    }
}

static json_t *exchange(int fd, const char *state_dir, json_t *request, int64_t deadline, struct err *e)
{
    char *text = json_dumps(request, JSON_COMPACT);
    struct buf line = {0};
    json_error_t why;
    json_t *answer = NULL;

    buf_puts(&line, text);
    buf_u8(&line, '\n');
    free(text);
    if (connect_until(fd, state_dir, deadline, e) == 0 && send_all(fd, state_dir, buf_slice(&line), deadline, e) == 0) {
        buf_reset(&line);
        if (receive_line(fd, state_dir, &line, deadline, e) == 0) {
            answer = json_loadb(line.p, line.len, 0, &why);
            if (answer == NULL)
                err_set(e, ERR_DATA, "the daemon's answer is not JSON: %s", why.text);
        }
    }
    buf_free(&line);
    return answer;
}

json_t *control_request(const char *state_dir, json_t *request, int wait_ms, struct err *e)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    json_t *answer;

    if (fd < 0) {
        err_set_errno(e, ERR_INTERNAL, errno, "socket");
        return NULL;
    }
    answer = exchange(fd, state_dir, request, clock_mono_ms() + wait_ms, e);
    close(fd);
    return answer;
}
