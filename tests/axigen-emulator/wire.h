/* Bytes of a connection, plain or by TLS. */
#ifndef EMULATOR_WIRE_H
#define EMULATOR_WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct wire {
    int fd;
    SSL *ssl;         /* NULL: plain */
    bool handshaking; /* TLS has not begun yet */
    bool want_write;  /* the socket must be writable before anything goes on */
};

/* One step of the handshake; false on an error. */
bool wire_handshake(struct wire *w);
/* How many bytes; 0 at the end, -1 when it would block, -2 on an error. */
int wire_read(struct wire *w, char *p, size_t n);
int wire_write(struct wire *w, const char *p, size_t n);

#endif
