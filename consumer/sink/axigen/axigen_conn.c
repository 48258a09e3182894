#include "axigen_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "axigen_tls.h"
#include "clock.h"
#include "mem.h"

#define STOP_EVERY_MS 100 /* how often a wait looks at *stop */
#define READ_BYTES 65536u
#define READ_ROUNDS 8 /* of READ_BYTES in one call, so that a flood comes back to who knows the limits */

/* A dead peer is noticed after about a minute without traffic, as on the directory's side. */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 3

struct axigen_conn {
    int fd;
    struct axigen_tls *tls; /* NULL: plain */
    const atomic_bool *stop;
    int64_t timeout_ms;
};

static int fail(struct err *e, enum axigen_failure *why, enum axigen_failure what, const char *text)
{
    *why = what;
    return err_set(e, ERR_UNAVAILABLE, "%s", text);
}

static int fail_errno(struct err *e, enum axigen_failure *why, enum axigen_failure what, int code, const char *text)
{
    *why = what;
    return err_set_errno(e, ERR_UNAVAILABLE, code, "%s", text);
}

/* ---- Waiting ---- */

/* Waits for events until then. 0; -1: stopped or too late. */
static int wait_for(struct axigen_conn *c, short events, int64_t until_ms, const char *doing, struct err *e,
                    enum axigen_failure *why)
{
    struct pollfd fd = {.fd = c->fd, .events = events};

    for (;;) {
        int64_t left = until_ms - clock_mono_ms();
        int rc;

        if (atomic_load(c->stop))
            return fail(e, why, AXIGEN_STOPPED, "stopped");
        if (left < 0)
            left = 0;
        rc = poll(&fd, 1, left > STOP_EVERY_MS ? STOP_EVERY_MS : (int)left);
        if (rc > 0)
            return 0;
        if (rc < 0 && errno != EINTR)
            return fail_errno(e, why, AXIGEN_LOCAL, errno, "poll");
        if (rc == 0 && left <= STOP_EVERY_MS && clock_mono_ms() >= until_ms) {
            *why = AXIGEN_TIMEOUT;
            return err_set(e, ERR_UNAVAILABLE, "no progress in time while %s", doing);
        }
    }
}

static int64_t deadline(const struct axigen_conn *c)
{
    return clock_mono_ms() + c->timeout_ms;
}

/* ---- Bytes ---- */

static int closed(ssize_t n, int code, struct err *e, enum axigen_failure *why)
{
    if (n == 0)
        return fail(e, why, AXIGEN_CLOSED, "the server closed the connection");
    return fail_errno(e, why, code == ETIMEDOUT ? AXIGEN_TIMEOUT : AXIGEN_CLOSED, code, "connection lost");
}

static bool not_now(int code)
{
    return code == EAGAIN || code == EWOULDBLOCK || code == EINTR;
}

/* A piece: how many bytes were moved; 0: not now, *events says what to wait for; -1. */
static ssize_t send_some(struct axigen_conn *c, struct slice bytes, short *events, struct err *e,
                         enum axigen_failure *why)
{
    ssize_t n;

    *events = POLLOUT;
    if (c->tls)
        return axigen_tls_write(c->tls, bytes, events, e, why);
    n = send(c->fd, bytes.p, bytes.len, MSG_NOSIGNAL);
    if (n >= 0 || not_now(errno))
        return n > 0 ? n : 0;
    return closed(n, errno, e, why);
}

static ssize_t receive_some(struct axigen_conn *c, struct buf *in, short *events, struct err *e,
                            enum axigen_failure *why)
{
    char *to = buf_room(in, READ_BYTES);
    ssize_t n;

    *events = POLLIN;
    if (c->tls) {
        n = axigen_tls_read(c->tls, to, READ_BYTES, events, e, why);
    } else {
        n = recv(c->fd, to, READ_BYTES, 0);
        if (n < 0 && not_now(errno))
            return 0;
        if (n <= 0)
            return closed(n, errno, e, why);
    }
    if (n > 0)
        in->len += (size_t)n;
    return n;
}

/* All that is there, to a bound. 1: something came; 0: nothing; -1, where what came before the failure is kept, and
 * told first. */
static int receive_all(struct axigen_conn *c, struct buf *in, short *events, struct err *e, enum axigen_failure *why)
{
    size_t before = in->len;

    for (int i = 0; i < READ_ROUNDS; i++) {
        ssize_t n = receive_some(c, in, events, e, why);

        if (n < 0 && in->len == before)
            return -1;
        if (n <= 0)
            break;
    }
    return in->len > before;
}

int axigen_conn_look(struct axigen_conn *c, struct buf *in, struct err *e, enum axigen_failure *why)
{
    short events;

    return receive_all(c, in, &events, e, why);
}

int axigen_conn_read(struct axigen_conn *c, struct buf *in, int64_t until_ms, struct err *e, enum axigen_failure *why)
{
    for (;;) {
        short events;
        int rc = receive_all(c, in, &events, e, why);

        if (rc != 0)
            return rc < 0 ? -1 : 0;
        if (wait_for(c, events, until_ms, "waiting for an answer", e, why) < 0)
            return -1;
    }
}

int axigen_conn_write(struct axigen_conn *c, struct slice bytes, struct buf *in, struct err *e,
                      enum axigen_failure *why)
{
    int64_t until_ms = deadline(c);

    while (bytes.len > 0) {
        short out, back;
        int came = receive_all(c, in, &back, e, why);
        ssize_t sent = came < 0 ? -1 : send_some(c, bytes, &out, e, why);

        if (sent < 0)
            return -1;
        if (in->len > AXIGEN_CONN_IN_MAX)
            return fail(e, why, AXIGEN_PROTOCOL, "the server sends without end");
        bytes = slice_make(bytes.p + sent, bytes.len - (size_t)sent);
        if (sent > 0 || came > 0)
            until_ms = deadline(c);
        else if (wait_for(c, out | back, until_ms, "sending", e, why) < 0)
            return -1;
    }
    return 0;
}

/* ---- Opening ---- */

static void set_options(int fd)
{
    const struct {
        int level, name, value;
    } options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
        {IPPROTO_TCP, TCP_NODELAY, 1},
    };

    /* None of them is needed to be right; a kernel without one is no reason not to deliver. */
    for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
        setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(options[i].value));
}

/* The outcome of a connect that is under way. */
static int finish_connect(struct axigen_conn *c, struct err *e, enum axigen_failure *why)
{
    int code = 0;
    socklen_t len = sizeof(code);

    if (wait_for(c, POLLOUT, deadline(c), "connecting", e, why) < 0)
        return -1;
    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &code, &len) < 0)
        code = errno;
    return code ? fail_errno(e, why, AXIGEN_UNREACHABLE, code, "connect") : 0;
}

static int connect_to(struct axigen_conn *c, const struct addrinfo *address, struct err *e, enum axigen_failure *why)
{
    c->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        return fail_errno(e, why, AXIGEN_LOCAL, errno, "socket");
    set_options(c->fd);
    if (connect(c->fd, address->ai_addr, address->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return fail_errno(e, why, AXIGEN_UNREACHABLE, errno, "connect");
    return finish_connect(c, e, why);
}

/* The first address that answers. What is told of is the last one that did not. */
static int connect_any(struct axigen_conn *c, const struct addrinfo *first, struct err *e, enum axigen_failure *why)
{
    for (const struct addrinfo *a = first; a; a = a->ai_next) {
        if (connect_to(c, a, e, why) == 0)
            return 0;
        if (c->fd >= 0)
            close(c->fd);
        c->fd = -1;
        if (*why == AXIGEN_STOPPED)
            break;
    }
    return -1;
}

static int look_up_and_connect(struct axigen_conn *c, const struct axigen_conn_settings *settings, struct err *e,
                               enum axigen_failure *why)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    int rc;

    snprintf(port, sizeof(port), "%u", settings->port);
    rc = getaddrinfo(settings->host, port, &hints, &found);
    if (rc != 0)
        return fail(e, why, AXIGEN_UNREACHABLE, rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    rc = connect_any(c, found, e, why);
    freeaddrinfo(found);
    return rc;
}

static int shake_hands(struct axigen_conn *c, const struct axigen_conn_settings *settings, struct err *e,
                       enum axigen_failure *why)
{
    int64_t until_ms = deadline(c);

    c->tls = axigen_tls_new(c->fd, settings->host, settings->ca_file, e, why);
    if (c->tls == NULL)
        return -1;
    for (;;) {
        short events = POLLIN;
        int rc = axigen_tls_handshake(c->tls, &events, e, why);

        if (rc != 0)
            return rc < 0 ? -1 : 0;
        if (wait_for(c, events, until_ms, "shaking hands (TLS)", e, why) < 0)
            return -1;
    }
}

struct axigen_conn *axigen_conn_open(const struct axigen_conn_settings *settings, const atomic_bool *stop,
                                     struct err *e, enum axigen_failure *why)
{
    struct axigen_conn *c = mem_alloc(sizeof(*c));

    *why = AXIGEN_FINE;
    *c = (struct axigen_conn){.fd = -1, .stop = stop, .timeout_ms = (int64_t)settings->timeout_s * 1000};
    if (look_up_and_connect(c, settings, e, why) == 0 && (!settings->tls || shake_hands(c, settings, e, why) == 0))
        return c;
    axigen_conn_close(&c);
    return NULL;
}

void axigen_conn_close(struct axigen_conn **c)
{
    if (*c == NULL)
        return;
    axigen_tls_free(&(*c)->tls);
    if ((*c)->fd >= 0)
        close((*c)->fd);
    free(*c);
    *c = NULL;
}
