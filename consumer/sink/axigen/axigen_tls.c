#include "axigen_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct axigen_tls {
    SSL_CTX *ctx;
    SSL *ssl;
    bool done;   /* handshake */
    bool broken; /* after SSL_ERROR_SSL and SSL_ERROR_SYSCALL no shutdown may be sent */
};

/* The oldest error of OpenSSL's queue: the cause, where there are several. */
static const char *reason(char *text, size_t size)
{
    unsigned long code = ERR_get_error();
    const char *words = ERR_reason_error_string(code);

    if (words)
        snprintf(text, size, "%s", words);
    else
        ERR_error_string_n(code, text, size);
    ERR_clear_error();
    return text;
}

static int fail_local(struct err *e, enum axigen_failure *why, const char *doing)
{
    char text[256];

    *why = AXIGEN_LOCAL;
    return err_set(e, ERR_CONFIG, "%s: %s", doing, reason(text, sizeof(text)));
}

/* ---- Settings ---- */

static int load_trust(SSL_CTX *ctx, const char *ca_file, struct err *e, enum axigen_failure *why)
{
    bool own = ca_file != NULL && ca_file[0] != '\0';

    if (own ? SSL_CTX_load_verify_locations(ctx, ca_file, NULL) == 1 : SSL_CTX_set_default_verify_paths(ctx) == 1)
        return 0;
    return fail_local(e, why, own ? ca_file : "the system's certificates");
}

/* Binds the verification to whom we mean to speak to. */
static bool set_peer(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static SSL_CTX *make_context(const char *ca_file, struct err *e, enum axigen_failure *why)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1) {
        fail_local(e, why, "TLS");
    } else if (load_trust(ctx, ca_file, e, why) == 0) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
        SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
        /* A piece of the buffer may be sent, and the buffer moves when it grows. */
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        return ctx;
    }
    SSL_CTX_free(ctx);
    return NULL;
}

struct axigen_tls *axigen_tls_new(int fd, const char *host, const char *ca_file, struct err *e,
                                  enum axigen_failure *why)
{
    struct axigen_tls *t = mem_alloc(sizeof(*t));

    ERR_clear_error();
    t->ctx = make_context(ca_file, e, why);
    if (t->ctx == NULL) {
        free(t);
        return NULL;
    }
    t->ssl = SSL_new(t->ctx);
    if (t->ssl && SSL_set_fd(t->ssl, fd) == 1 && set_peer(t->ssl, host)) {
        SSL_set_connect_state(t->ssl);
        return t;
    }
    fail_local(e, why, "TLS");
    axigen_tls_free(&t);
    return NULL;
}

/* ---- Outcomes ---- */

static int fail_tls(struct axigen_tls *t, struct err *e, enum axigen_failure *why)
{
    long verified = SSL_get_verify_result(t->ssl);
    char text[256];

    *why = AXIGEN_TLS;
    if (!t->done && verified != X509_V_OK)
        return err_set(e, ERR_UNAVAILABLE, "TLS: the server's certificate: %s",
                       X509_verify_cert_error_string(verified));
    return err_set(e, ERR_UNAVAILABLE, "TLS: %s", reason(text, sizeof(text)));
}

/* An end without TLS's own good-bye is an end too: what counts here is a whole answer, never "all until the end". */
static bool is_bare_end(unsigned long code)
{
    return ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

/* 0: wait for *events; -1. */
static int explain(struct axigen_tls *t, int rc, short *events, struct err *e, enum axigen_failure *why)
{
    int saved = errno;
    int kind = SSL_get_error(t->ssl, rc);

    switch (kind) {
    case SSL_ERROR_WANT_READ:
        *events = POLLIN;
        return 0;
    case SSL_ERROR_WANT_WRITE:
        *events = POLLOUT;
        return 0;
    }
    t->broken = true;
    *why = AXIGEN_CLOSED;
    if (kind == SSL_ERROR_SYSCALL && saved != 0)
        return err_set_errno(e, ERR_UNAVAILABLE, saved, "connection lost");
    if (kind != SSL_ERROR_SSL || is_bare_end(ERR_peek_error())) {
        ERR_clear_error();
        return err_set(e, ERR_UNAVAILABLE, "the server closed the connection");
    }
    return fail_tls(t, e, why);
}

/* ---- Moving ---- */

int axigen_tls_handshake(struct axigen_tls *t, short *events, struct err *e, enum axigen_failure *why)
{
    int rc;

    ERR_clear_error();
    errno = 0;
    rc = SSL_do_handshake(t->ssl);
    if (rc != 1)
        return explain(t, rc, events, e, why);
    /* SSL_VERIFY_PEER has ended the handshake if this is not so; a password follows, so it is looked at once more. */
    if (SSL_get_verify_result(t->ssl) != X509_V_OK || SSL_get0_peer_certificate(t->ssl) == NULL)
        return fail_tls(t, e, why);
    t->done = true;
    return 1;
}

ssize_t axigen_tls_read(struct axigen_tls *t, char *to, size_t n, short *events, struct err *e,
                        enum axigen_failure *why)
{
    int rc;

    ERR_clear_error();
    errno = 0;
    rc = SSL_read(t->ssl, to, n > INT_MAX ? INT_MAX : (int)n);
    return rc > 0 ? rc : explain(t, rc, events, e, why);
}

ssize_t axigen_tls_write(struct axigen_tls *t, struct slice bytes, short *events, struct err *e,
                         enum axigen_failure *why)
{
    int rc;

    ERR_clear_error();
    errno = 0;
    rc = SSL_write(t->ssl, bytes.p, bytes.len > INT_MAX ? INT_MAX : (int)bytes.len);
    return rc > 0 ? rc : explain(t, rc, events, e, why);
}

void axigen_tls_free(struct axigen_tls **t)
{
    if (*t == NULL)
        return;
    if ((*t)->done && !(*t)->broken)
        SSL_shutdown((*t)->ssl);
    ERR_clear_error();
    SSL_free((*t)->ssl);
    SSL_CTX_free((*t)->ctx);
    free(*t);
    *t = NULL;
}
