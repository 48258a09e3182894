#include "peer.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "decode.h"

struct peer {
    pthread_t thread;
    int listener, fd;
    unsigned port;
    peer_script *script;
    atomic_bool stop;
    atomic_uint connections;
    char uri[64];
    unsigned char op;
    bool sync;            /* what was read last is a sync search */
};

/* ---- The server ---- */

static void *serve(void *arg)
{
    struct peer *p = arg;
    int yes = 1;

    while ((p->fd = accept(p->listener, NULL, NULL)) >= 0 && !atomic_load(&p->stop)) {
        setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        p->script(p, atomic_fetch_add(&p->connections, 1));
        close(p->fd);
    }
    if (p->fd >= 0)
        close(p->fd);
    return NULL;
}

struct peer *peer_start(peer_script *script)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    struct peer *p = calloc(1, sizeof(*p));

    cr_assert_not_null(p);
    p->script = script;
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(p->listener, 16), 0);
    getsockname(p->listener, (struct sockaddr *)&address, &len);
    p->port = ntohs(address.sin_port);
    cr_assert_eq(pthread_create(&p->thread, NULL, serve, p), 0);
    return p;
}

void peer_stop(struct peer **p)
{
    atomic_store(&(*p)->stop, true);
    shutdown((*p)->listener, SHUT_RDWR);
    pthread_join((*p)->thread, NULL);
    close((*p)->listener);
    free(*p);
    *p = NULL;
}

const char *peer_uri(struct peer *p, const char *scheme)
{
    snprintf(p->uri, sizeof(p->uri), "%s://127.0.0.1:%u", scheme, p->port);
    return p->uri;
}

unsigned peer_connections(struct peer *p)
{
    return atomic_load(&p->connections);
}

/* ---- Bytes ---- */

static bool read_exactly(struct peer *p, unsigned char *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t rc = read(p->fd, to + got, n - got);

        if (rc <= 0)
            return false;
        got += (size_t)rc;
    }
    return true;
}

int peer_read(struct peer *p)
{
    unsigned char head[2], more[4], body[65536];
    size_t n;

    if (!read_exactly(p, head, 2))
        return -1;
    n = head[1];
    if (n > 0x80) {
        size_t bytes = n - 0x80;

        cr_assert_leq(bytes, 4);
        if (!read_exactly(p, more, bytes))
            return -1;
        n = 0;
        for (size_t i = 0; i < bytes; i++)
            n = n << 8 | more[i];
    }
    cr_assert_lt(n, sizeof(body));
    if (!read_exactly(p, body, n))
        return -1;
    cr_assert_eq(body[0], 0x02);
    cr_assert_eq(body[1], 1, "a message ID of one byte");
    p->op = body[3];
    p->sync = memmem(body, n, SYNC_REQUEST_OID, strlen(SYNC_REQUEST_OID)) != NULL;
    return body[2];
}

unsigned char peer_op(struct peer *p)
{
    return p->op;
}

bool peer_is_sync(struct peer *p)
{
    return p->sync;
}

void peer_write(struct peer *p, struct slice bytes)
{
    /* The other side may have closed already: that is for the test to see, not for a signal. */
    send(p->fd, bytes.p, bytes.len, MSG_NOSIGNAL);
}

void peer_write_slowly(struct peer *p, struct slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        peer_write(p, slice_make(bytes.p + i, 1));
        usleep(300);
    }
}

void peer_wait_for_close(struct peer *p)
{
    char dropped[512];

    while (read(p->fd, dropped, sizeof(dropped)) > 0)
        ;
}

int peer_accept_search(struct peer *p)
{
    int id = peer_read(p);

    if (id < 0 || peer_op(p) != 0x60)
        return -1;
    peer_write(p, message(id, 0x61, BER("ess", 0, "", ""), hex("")));
    while ((id = peer_read(p)) >= 0 && !p->sync)
        peer_write(p, message(id, 0x65, BER("ess", 0, "", ""), hex("")));
    return id;
}

/* ---- Messages ---- */

struct slice join(struct slice a, struct slice b)
{
    struct slice both = cut(hex(""), 0);
    char *bytes = (char *)same(0, a.len + b.len);

    memcpy(bytes, a.p, a.len);
    memcpy(bytes + a.len, b.p, b.len);
    both.p = bytes;
    both.len = a.len + b.len;
    return both;
}

struct slice element(unsigned char tag, struct slice content)
{
    unsigned char head[4] = { tag, 0x82, (unsigned char)(content.len >> 8), (unsigned char)content.len };

    return join(slice_make(head, sizeof(head)), content);
}

struct slice message(int id, unsigned char op, struct slice body, struct slice controls)
{
    return element(0x30, join(BER("i", id), join(element(op, body), controls)));
}

struct slice sync_state(int state, unsigned char uuid_byte, size_t uuid_len, const char *cookie)
{
    struct slice value = cookie ? BER("{eos}", state, same(uuid_byte, uuid_len), (ber_len_t)uuid_len, cookie) :
                                  BER("{eo}", state, same(uuid_byte, uuid_len), (ber_len_t)uuid_len);

    return BER("t{{sO}}", (ber_tag_t)0xA0, SYNC_STATE_OID, value_of(value));
}

struct slice sync_entry(int id, struct slice controls)
{
    return message(id, 0x64, BER("s{{s[s]}}", "cn=x,dc=example,dc=com", "cn", "x"), controls);
}

struct slice sync_info(int id, struct slice value)
{
    return message(id, 0x79, BER("tstO", (ber_tag_t)0x80, SYNC_INFO_OID, (ber_tag_t)0x81, value_of(value)), hex(""));
}

struct slice refresh_done(int id, const char *cookie)
{
    return sync_info(id, BER("t{s}", (ber_tag_t)0xA1, cookie));
}
