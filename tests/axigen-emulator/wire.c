#include "wire.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

static int tls_result(struct wire *w, int n)
{
    switch (SSL_get_error(w->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return -1;
    case SSL_ERROR_WANT_WRITE:
        w->want_write = true;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return -2;
    }
}

static int plain_result(ssize_t n)
{
    if (n >= 0)
        return (int)n;
    return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

int wire_read(struct wire *w, char *p, size_t n)
{
    int got;

    if (!w->ssl)
        return plain_result(recv(w->fd, p, n, 0));
    got = SSL_read(w->ssl, p, (int)n);
    return got > 0 ? got : tls_result(w, got);
}

int wire_write(struct wire *w, const char *p, size_t n)
{
    int put;

    if (!w->ssl)
        return plain_result(send(w->fd, p, n, MSG_NOSIGNAL));
    put = SSL_write(w->ssl, p, (int)n);
    return put > 0 ? put : tls_result(w, put);
}

bool wire_handshake(struct wire *w)
{
    int rc;

    w->want_write = false;
    rc = SSL_accept(w->ssl);

    if (rc == 1)
        w->handshaking = false;
    return rc == 1 || tls_result(w, rc) == -1;
}
