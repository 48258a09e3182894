/* TLS for the port of the CLI, from the first byte on. */
#ifndef EMULATOR_TLS_H
#define EMULATOR_TLS_H

#include <openssl/ssl.h>

/* A context with this certificate chain and key (PEM files); NULL with a text in why. */
SSL_CTX *tls_from_files(const char *certificate, const char *key, char *why, size_t size);
/* A context with a certificate made now for 127.0.0.1 and localhost, its own authority, which is written to `path` for
 * the client to trust; NULL with a text in why. */
SSL_CTX *tls_self_signed(const char *path, char *why, size_t size);

#endif
