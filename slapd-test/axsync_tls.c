#include "axsync_tls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 16384   /* a record has no more */
#define YEAR_S 31536000L

struct tls_front {
    SSL_CTX *ctx;
    int listener;
    unsigned port, to_port;
    size_t record, piece;
    pthread_t thread;
    struct tls_front *next;
};

static struct tls_front *ended;   /* connections may still use them, until the test's process ends */

/* One connection; what TLS has to say is collected in `out`, so that it can be cut. */
struct wire {
    const struct tls_front *front;
    SSL *ssl;
    BIO *out;
    int client, server;
};

static bool certify(SSL_CTX *ctx)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    X509 *cert = X509_new();
    bool done;

    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), YEAR_S);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"127.0.0.1", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    done = X509_sign(cert, key, EVP_sha256()) > 0 && SSL_CTX_use_certificate(ctx, cert) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    return done;
}

static bool send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        struct pollfd out = {.fd = fd, .events = POLLOUT};
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent < 0 && poll(&out, 1, 10000) <= 0)
            return false;
        p += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

static bool flush(struct wire *w)
{
    char text[CHUNK];
    int n;

    while ((n = BIO_read(w->out, text, w->front->piece ? (int)w->front->piece : CHUNK)) > 0)
        if (!send_all(w->client, text, (size_t)n))
            return false;
    return true;
}

static bool await_client(struct wire *w)
{
    struct pollfd in = {.fd = w->client, .events = POLLIN};

    return poll(&in, 1, 10000) > 0;
}

static bool greet(struct wire *w)
{
    int rc;

    while ((rc = SSL_accept(w->ssl)) != 1) {
        if (!flush(w) || SSL_get_error(w->ssl, rc) != SSL_ERROR_WANT_READ || !await_client(w))
            return false;
    }
    return flush(w);
}

static bool to_client(struct wire *w)
{
    char text[CHUNK];
    ssize_t n = recv(w->server, text, sizeof(text), 0);

    for (ssize_t done = 0; done < n;) {
        int part = (int)((size_t)(n - done) < w->front->record ? (size_t)(n - done) : w->front->record);

        if (SSL_write(w->ssl, text + done, part) != part)
            return false;
        done += part;
    }
    return n > 0 && flush(w);
}

static bool to_server(struct wire *w)
{
    char text[CHUNK];
    int n;

    while ((n = SSL_read(w->ssl, text, sizeof(text))) > 0)
        if (!send_all(w->server, text, (size_t)n))
            return false;
    return SSL_get_error(w->ssl, n) == SSL_ERROR_WANT_READ && flush(w);
}

static void pass(struct wire *w)
{
    struct pollfd fds[] = {{.fd = w->client, .events = POLLIN}, {.fd = w->server, .events = POLLIN}};
    bool goes_on = greet(w);

    while (goes_on && poll(fds, 2, -1) > 0) {
        if (fds[0].revents)
            goes_on = to_server(w);
        if (goes_on && fds[1].revents)
            goes_on = to_client(w);
    }
}

static int connect_to(unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void *serve(void *arg)
{
    struct wire *w = arg;
    int one = 1;

    setsockopt(w->client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    fcntl(w->client, F_SETFL, O_NONBLOCK);
    w->server = connect_to(w->front->to_port);
    w->out = BIO_new(BIO_s_mem());
    w->ssl = SSL_new(w->front->ctx);
    SSL_set_bio(w->ssl, BIO_new_socket(w->client, BIO_NOCLOSE), w->out);
    if (w->server >= 0)
        pass(w);
    SSL_free(w->ssl);
    close(w->client);
    if (w->server >= 0)
        close(w->server);
    free(w);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct tls_front *f = arg;
    pthread_t thread;
    int fd;

    while ((fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        struct wire *w = calloc(1, sizeof(*w));

        *w = (struct wire){.front = f, .client = fd, .server = -1};
        if (pthread_create(&thread, NULL, serve, w) == 0)
            pthread_detach(thread);
    }
    return NULL;
}

struct tls_front *tls_front_new(unsigned to_port, size_t record, size_t piece)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    struct tls_front *f = calloc(1, sizeof(*f));

    *f = (struct tls_front){.to_port = to_port, .record = record, .piece = piece};
    f->ctx = SSL_CTX_new(TLS_server_method());
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (certify(f->ctx) && bind(f->listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(f->listener, 16) == 0 &&
        getsockname(f->listener, (struct sockaddr *)&at, &size) == 0 && pthread_create(&f->thread, NULL, accept_all, f) == 0) {
        f->port = ntohs(at.sin_port);
        return f;
    }
    close(f->listener);
    SSL_CTX_free(f->ctx);
    free(f);
    return NULL;
}

unsigned tls_front_port(const struct tls_front *f)
{
    return f->port;
}

void tls_front_free(struct tls_front **f)
{
    shutdown((*f)->listener, SHUT_RDWR);
    pthread_join((*f)->thread, NULL);
    close((*f)->listener);
    (*f)->next = ended;
    ended = *f;
    *f = NULL;
}
