#include "axigen_peer.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"

#define LINES_MAX 4096

struct axigen_peer {
    axigen_script *script;
    void *ctx;
    int listener;
    uint16_t port;
    SSL_CTX *tls;
    SSL *ssl;
    pthread_t thread;
    atomic_bool stop;
    atomic_uint connections;
    atomic_int fd; /* of the connection that is open, -1 */
    char in[65536];
    size_t in_len, in_at;
    char line[200000];
    char *lines[LINES_MAX];
    size_t n_lines;
};

/* ---- Bytes ---- */

static ssize_t receive(struct axigen_peer *p)
{
    p->in_at = p->in_len = 0;
    ssize_t n = p->ssl ? SSL_read(p->ssl, p->in, sizeof(p->in)) : recv(p->fd, p->in, sizeof(p->in), 0);

    if (n > 0)
        p->in_len = (size_t)n;
    return n;
}

const char *axigen_peer_hear(struct axigen_peer *p)
{
    size_t n = 0;

    for (;;) {
        if (p->in_at == p->in_len && receive(p) <= 0)
            return "";
        if (p->in[p->in_at] == '\n')
            break;
        if (n < sizeof(p->line) - 1)
            p->line[n++] = p->in[p->in_at];
        p->in_at++;
    }
    p->in_at++;
    p->line[n > 0 && p->line[n - 1] == '\r' ? n - 1 : n] = '\0';
    if (p->n_lines < LINES_MAX)
        p->lines[p->n_lines++] = mem_strdup(p->line);
    return p->line;
}

void axigen_peer_say_bytes(struct axigen_peer *p, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = p->ssl ? SSL_write(p->ssl, bytes, (int)n) : send(p->fd, bytes, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        bytes += sent;
        n -= (size_t)sent;
    }
}

void axigen_peer_say(struct axigen_peer *p, const char *text)
{
    axigen_peer_say_bytes(p, text, strlen(text));
}

bool axigen_peer_login(struct axigen_peer *p)
{
    axigen_peer_say(p, "Welcome to AXIGEN\r\n\x1b[1m<login> \x1b[0m");
    if (strcmp(axigen_peer_hear(p), "SET CONSOLE-CODES off") != 0)
        return false;
    axigen_peer_say(p, "+OK: command successful\r\n<login> ");
    if (strcmp(axigen_peer_hear(p), "USER admin") != 0)
        return false;
    axigen_peer_say(p, "<password> ");
    if (strcmp(axigen_peer_hear(p), "s3cret word") != 0)
        return false;
    axigen_peer_say(p, "+OK: login successful\r\n<#> ");
    return true;
}

void axigen_peer_wait_for_close(struct axigen_peer *p)
{
    while (receive(p) > 0)
        continue;
}

void axigen_peer_hang_up(struct axigen_peer *p)
{
    shutdown(p->fd, SHUT_WR);
}

bool axigen_peer_has_more(struct axigen_peer *p, int ms)
{
    struct pollfd fd = {.fd = p->fd, .events = POLLIN};

    return p->in_at < p->in_len || poll(&fd, 1, ms) > 0;
}

/* ---- Life ---- */

static void serve(struct axigen_peer *p, int fd)
{
    /* What was said is there when the script goes on. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    p->fd = fd;
    p->in_at = p->in_len = 0;
    if (p->tls) {
        p->ssl = SSL_new(p->tls);
        SSL_set_fd(p->ssl, fd);
    }
    p->connections++;
    if (p->ssl == NULL || SSL_accept(p->ssl) == 1)
        p->script(p, p->ctx);
    SSL_free(p->ssl);
    p->ssl = NULL;
    p->fd = -1;
    close(fd);
}

static void *run(void *arg)
{
    struct axigen_peer *p = arg;

    while (!p->stop) {
        int fd = accept(p->listener, NULL, NULL);

        if (fd < 0)
            break;
        serve(p, fd);
    }
    return NULL;
}

static void listen_somewhere(struct axigen_peer *p)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(p->listener, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(listen(p->listener, 5), 0);
    cr_assert_eq(getsockname(p->listener, (struct sockaddr *)&address, &len), 0);
    p->port = ntohs(address.sin_port);
}

struct axigen_peer *axigen_peer_start(axigen_script *script, void *ctx, const char *cert_file, const char *key_file)
{
    struct axigen_peer *p = mem_alloc(sizeof(*p));

    p->script = script;
    p->ctx = ctx;
    p->fd = -1;
    listen_somewhere(p);
    if (cert_file) {
        p->tls = SSL_CTX_new(TLS_server_method());
        cr_assert_eq(SSL_CTX_use_certificate_file(p->tls, cert_file, SSL_FILETYPE_PEM), 1);
        cr_assert_eq(SSL_CTX_use_PrivateKey_file(p->tls, key_file, SSL_FILETYPE_PEM), 1);
    }
    cr_assert_eq(pthread_create(&p->thread, NULL, run, p), 0);
    return p;
}

void axigen_peer_join(struct axigen_peer *p)
{
    int fd;

    if (p->stop)
        return;
    p->stop = true;
    shutdown(p->listener, SHUT_RDWR);
    fd = p->fd;
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
    pthread_join(p->thread, NULL);
}

void axigen_peer_stop_listening(struct axigen_peer *p)
{
    if (p->listener >= 0)
        close(p->listener);
    p->listener = -1;
}

void axigen_peer_stop(struct axigen_peer **p)
{
    axigen_peer_join(*p);
    axigen_peer_stop_listening(*p);
    SSL_CTX_free((*p)->tls);
    for (size_t i = 0; i < (*p)->n_lines; i++)
        free((*p)->lines[i]);
    free(*p);
    *p = NULL;
}

uint16_t axigen_peer_port(const struct axigen_peer *p)
{
    return p->port;
}

unsigned axigen_peer_connections(const struct axigen_peer *p)
{
    return p->connections;
}

const char *axigen_peer_line(const struct axigen_peer *p, size_t i)
{
    return i < p->n_lines ? p->lines[i] : NULL;
}
