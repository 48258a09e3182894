#include "axsync_relay.h"

#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS 64

enum order { HANG_AFTER, GO_ON, CUT };

struct message {
    enum order order;
    long bytes;
};

struct relay {
    pid_t pid;
    int control;           /* a socket to the process: orders to it, a byte from it when it hangs */
    unsigned port;
};

/* ---- the process -------------------------------------------------------------------------------------------- */

struct wire {
    int control, listener;
    unsigned to_port;
    int ends[CONNECTIONS][2];      /* client, server */
    size_t n;
    long left;                     /* bytes from the server until it hangs; -1: never */
    bool hangs;
};

static int connect_to(unsigned port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void take_connection(struct wire *w)
{
    int client = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC), server;

    if (client < 0)
        return;
    server = w->n < CONNECTIONS ? connect_to(w->to_port) : -1;
    if (server < 0) {
        close(client);
        return;
    }
    w->ends[w->n][0] = client;
    w->ends[w->n][1] = server;
    w->n++;
}

static void drop(struct wire *w, size_t i)
{
    close(w->ends[i][0]);
    close(w->ends[i][1]);
    w->n--;
    memmove(w->ends[i], w->ends[w->n], sizeof(w->ends[i]));
}

static bool write_all(int fd, const char *bytes, ssize_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, (size_t)n);

        if (written <= 0)
            return false;
        bytes += written;
        n -= written;
    }
    return true;
}

/* One end of a connection can be read. False: it is over. */
static bool pass(struct wire *w, size_t i, int from)
{
    char bytes[8192];
    size_t room = sizeof(bytes);
    ssize_t n;

    if (from == 1 && w->left >= 0 && (size_t)w->left < room)
        room = (size_t)w->left;
    n = read(w->ends[i][from], bytes, room);
    if (n <= 0 || !write_all(w->ends[i][!from], bytes, n))
        return false;
    if (from == 1 && w->left >= 0) {
        w->left -= n;
        w->hangs = w->left == 0;
        if (w->hangs)
            write_all(w->control, "h", 1);
    }
    return true;
}

static void obey(struct wire *w)
{
    struct message m;

    if (read(w->control, &m, sizeof(m)) != (ssize_t)sizeof(m))
        _exit(0);
    w->left = m.order == HANG_AFTER ? m.bytes : -1;
    w->hangs = false;
    while (m.order == CUT && w->n > 0)
        drop(w, 0);
}

static void run(struct wire *w)
{
    struct pollfd fds[2 + 2 * CONNECTIONS];
    size_t n;

    for (;;) {
        n = w->hangs ? 0 : w->n;   /* while it hangs, nothing but an order is of interest */
        fds[0] = (struct pollfd){.fd = w->control, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = w->hangs ? -1 : w->listener, .events = POLLIN};
        for (size_t i = 0; i < 2 * n; i++)
            fds[2 + i] = (struct pollfd){.fd = w->ends[i / 2][i % 2], .events = POLLIN};
        if (poll(fds, 2 + 2 * n, -1) < 0)
            continue;
        if (fds[0].revents)
            obey(w);
        else if (fds[1].revents)
            take_connection(w);
        else
            for (size_t i = 2 * n; i-- > 0 && !w->hangs;)   /* from the end: drop() moves the last one */
                if (fds[2 + i].revents && !pass(w, i / 2, (int)(i % 2))) {
                    drop(w, i / 2);
                    i -= i % 2;
                }
    }
}

/* ---- the test's side ---------------------------------------------------------------------------------------- */

static int listen_anywhere(unsigned *port_r)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 16) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        close(fd);
        return -1;
    }
    *port_r = ntohs(at.sin_port);
    return fd;
}

static _Noreturn void be_the_wire(int control, int listener, unsigned to_port)
{
    struct wire *w = calloc(1, sizeof(*w));

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    *w = (struct wire){.control = control, .listener = listener, .to_port = to_port, .left = -1};
    run(w);
    _exit(0);
}

struct relay *relay_new(unsigned to_port)
{
    struct relay *r = calloc(1, sizeof(*r));
    int ends[2], listener = r ? listen_anywhere(&r->port) : -1;

    if (listener < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return NULL;
    r->pid = fork();
    if (r->pid == 0) {
        close(ends[0]);
        be_the_wire(ends[1], listener, to_port);
    }
    close(ends[1]);
    close(listener);
    r->control = ends[0];
    return r;
}

void relay_free(struct relay **r)
{
    kill((*r)->pid, SIGKILL);
    waitpid((*r)->pid, NULL, 0);
    close((*r)->control);
    free(*r);
    *r = NULL;
}

unsigned relay_port(const struct relay *r)
{
    return r->port;
}

static void order(struct relay *r, enum order what, long bytes)
{
    struct message m = {what, bytes};

    if (write(r->control, &m, sizeof(m)) != (ssize_t)sizeof(m))
        abort();
}

void relay_hang_after(struct relay *r, long bytes)
{
    order(r, HANG_AFTER, bytes);
}

int relay_await_hang(struct relay *r, int wait_ms)
{
    struct pollfd fd = {.fd = r->control, .events = POLLIN};
    char byte;

    return poll(&fd, 1, wait_ms) == 1 && read(r->control, &byte, 1) == 1 ? 0 : -1;
}

void relay_go_on(struct relay *r)
{
    order(r, GO_ON, 0);
}

void relay_cut(struct relay *r)
{
    order(r, CUT, 0);
}
