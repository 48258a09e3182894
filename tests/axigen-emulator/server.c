#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "conn.h"
#include "control.h"
#include "mem.h"

#define PEERS_MAX 512

/* Who is on a file descriptor of ours. */
enum role { ROLE_SIGNAL, ROLE_LISTEN, ROLE_CONTROL_LISTEN, ROLE_CONTROL, ROLE_CONN };

struct peer {
    enum role role;
    int fd, answers_to; /* a control line's answer */
    struct conn *conn;
    struct buf line; /* of control, not yet whole */
};

struct server {
    struct emu *emu;
    const struct server_setup *setup;
    struct peer peers[PEERS_MAX];
    size_t count;
    unsigned connections;
    bool stop;
};

static struct peer *add_peer(struct server *s, enum role role, int fd)
{
    struct peer *p = &s->peers[s->count++];

    *p = (struct peer){.role = role, .fd = fd, .answers_to = fd};
    return p;
}

static void drop_peer(struct server *s, struct peer *p)
{
    if (p->conn)
        conn_free(&p->conn);
    else if (p->fd > STDERR_FILENO)
        close(p->fd);
    buf_free(&p->line);
    *p = s->peers[--s->count];
}

/* ---- start ---- */

static int listen_on(const char *address, long port, long *port_r)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

    if (fd < 0 || inet_pton(AF_INET, address ? address : "127.0.0.1", &at.sin_addr) != 1)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* a restart must get the same port at once */
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 128) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
        close(fd);
        return -1;
    }
    *port_r = ntohs(at.sin_port);
    return fd;
}

/* Over a temporary file and rename(2): who waits for the file finds a whole one. */
static int write_port(const char *path, long port)
{
    char *temporary;
    FILE *f;
    int rc;

    if (!path)
        return 0;
    temporary = mem_printf("%s.new", path);
    f = fopen(temporary, "we");
    rc = f && fprintf(f, "%ld\n", port) > 0 ? 0 : -1;
    if (f && fclose(f) != 0)
        rc = -1;
    if (rc == 0)
        rc = rename(temporary, path);
    free(temporary);
    return rc;
}

static int open_listener(struct server *s, enum role role, long port, const char *port_file, long *port_r)
{
    int fd = listen_on(s->setup->address, port, port_r);

    if (fd < 0 || write_port(port_file, *port_r) != 0) {
        fprintf(stderr, "axigen-emulator: port %ld: %s\n", port, strerror(errno));
        return -1;
    }
    add_peer(s, role, fd);
    return 0;
}

static int open_signals(struct server *s)
{
    sigset_t set;
    int fd;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd >= 0)
        add_peer(s, ROLE_SIGNAL, fd);
    return fd < 0 ? -1 : 0;
}

static int open_all(struct server *s)
{
    const struct server_setup *setup = s->setup;
    long port = 0, control = 0;

    if (open_signals(s) != 0)
        return -1;
    if (setup->control_port >= 0 &&
        open_listener(s, ROLE_CONTROL_LISTEN, setup->control_port, setup->control_port_file, &control) != 0)
        return -1;
    if (open_listener(s, ROLE_LISTEN, setup->port, setup->port_file, &port) != 0)
        return -1;
    if (setup->control_stdin) {
        add_peer(s, ROLE_CONTROL, STDIN_FILENO)->answers_to = STDOUT_FILENO;
        dprintf(STDOUT_FILENO, "ready %ld\n", port);
    }
    return 0;
}

/* ---- the loop ---- */

static void take_signal(struct server *s, int fd)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGUSR1) {
            s->stop = true;
        } else if (s->setup->dump_path) {
            json_t *dump = control_dump(s->emu);
            char *temporary = mem_printf("%s.new", s->setup->dump_path);

            if (json_dump_file(dump, temporary, JSON_INDENT(1)) != 0 || rename(temporary, s->setup->dump_path) != 0)
                fprintf(stderr, "axigen-emulator: %s: %s\n", s->setup->dump_path, strerror(errno));
            json_decref(dump);
            free(temporary);
        }
    }
}

static void take_connection(struct server *s, int listener, enum role role)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | (role == ROLE_CONN ? SOCK_NONBLOCK : 0)), on = 1;
    SSL *ssl = NULL;

    if (fd < 0)
        return;
    if (s->count == PEERS_MAX) {
        close(fd);
        return;
    }
    if (role == ROLE_CONTROL) {
        add_peer(s, role, fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* what is one write shall be one segment */
    if (s->setup->tls) {
        ssl = SSL_new(s->setup->tls);
        SSL_set_fd(ssl, fd);
    }
    add_peer(s, role, fd)->conn = conn_new(s->emu, fd, ++s->connections, ssl);
}

static void do_wish(struct server *s, enum control_wish wish)
{
    if (wish == CONTROL_DIE)
        _exit(86);
    if (wish != CONTROL_DROP)
        return;
    for (size_t i = s->count; i-- > 0;)
        if (s->peers[i].conn) {
            conn_reset(s->peers[i].conn);
            drop_peer(s, &s->peers[i]);
        }
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, p, n);

        if (put < 0 && errno != EINTR)
            return -1;
        if (put > 0) {
            p += put;
            n -= (size_t)put;
        }
    }
    return 0;
}

/* Whole lines of a control peer; false when it is gone. A wish may move peers, so it is returned and done later. */
static bool take_control(struct server *s, struct peer *p, enum control_wish *wish)
{
    ssize_t n = read(p->fd, buf_room(&p->line, 65536), 65536);
    char *end;

    if (n <= 0)
        return n < 0 && errno == EINTR;
    p->line.len += (size_t)n;
    while (p->line.len > 0 && (end = memchr(p->line.p, '\n', p->line.len)) != NULL) {
        size_t len = (size_t)(end - p->line.p) + 1;
        struct buf answer = {0};
        enum control_wish one;
        int rc;

        *end = '\0';
        one = control_line(s->emu, p->line.p, &answer);
        *wish = one != CONTROL_NOTHING ? one : *wish;
        rc = write_all(p->answers_to, answer.p, answer.len);
        buf_free(&answer);
        memmove(p->line.p, p->line.p + len, p->line.len - len);
        p->line.len -= len;
        if (rc != 0)
            return false;
    }
    return true;
}

static void serve(struct server *s, struct peer *p, short revents, int64_t now, enum control_wish *wish)
{
    bool stays = true;

    if (p->conn)
        stays = conn_work(p->conn, revents, now);
    else if (revents == 0)
        return;
    else if (p->role == ROLE_SIGNAL)
        take_signal(s, p->fd);
    else if (p->role == ROLE_CONTROL)
        stays = take_control(s, p, wish);
    else
        take_connection(s, p->fd, p->role == ROLE_LISTEN ? ROLE_CONN : ROLE_CONTROL);
    if (!stays)
        drop_peer(s, p);
}

static int wait_for(struct server *s, struct pollfd *fds)
{
    int64_t now = clock_mono_ms();
    int wait = -1;

    for (size_t i = 0; i < s->count; i++) {
        struct peer *p = &s->peers[i];
        int ms = p->conn ? conn_wait_ms(p->conn, now) : -1;

        fds[i] = (struct pollfd){.fd = p->fd, .events = p->conn ? conn_events(p->conn) : POLLIN};
        if (ms >= 0 && (wait < 0 || ms < wait))
            wait = ms;
    }
    return poll(fds, s->count, wait);
}

static void loop(struct server *s)
{
    struct pollfd *fds = mem_alloc(PEERS_MAX * sizeof(*fds));

    while (!s->stop) {
        enum control_wish wish = CONTROL_NOTHING;
        int64_t now;

        if (wait_for(s, fds) < 0)
            continue;
        now = clock_mono_ms();
        for (size_t i = s->count; i-- > 0;) /* backwards: the last one moves to the place of one that goes */
            serve(s, &s->peers[i], fds[i].revents, now, &wish);
        do_wish(s, wish);
    }
    free(fds);
}

int server_run(struct emu *emu, const struct server_setup *setup)
{
    struct server *s = mem_alloc(sizeof(*s));
    int rc = 0;

    *s = (struct server){.emu = emu, .setup = setup};
    if (open_all(s) != 0)
        rc = 69; /* EX_UNAVAILABLE */
    else
        loop(s);
    while (s->count > 0)
        drop_peer(s, &s->peers[s->count - 1]);
    free(s);
    state_flush(&emu->state);
    if (rc == 0 && state_save(&emu->state) != 0)
        rc = 74; /* EX_IOERR */
    return rc;
}
