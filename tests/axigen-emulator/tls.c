#include "tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define DAY_SECONDS 86400L

static SSL_CTX *new_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (ctx)
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ctx;
}

static SSL_CTX *fail(SSL_CTX *ctx, char *why, size_t size)
{
    ERR_error_string_n(ERR_get_error(), why, size);
    SSL_CTX_free(ctx);
    return NULL;
}

SSL_CTX *tls_from_files(const char *certificate, const char *key, char *why, size_t size)
{
    SSL_CTX *ctx = new_context();

    if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return fail(ctx, why, size);
    return ctx;
}

static int add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    int rc = extension ? X509_add_ext(certificate, extension, -1) : 0;

    X509_EXTENSION_free(extension);
    return rc;
}

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_NAME *name = x ? X509_get_subject_name(x) : NULL;

    if (!x || !X509_set_version(x, X509_VERSION_3) || !ASN1_INTEGER_set(X509_get_serialNumber(x), 1) ||
        !X509_gmtime_adj(X509_getm_notBefore(x), -DAY_SECONDS) ||
        !X509_gmtime_adj(X509_getm_notAfter(x), 30 * DAY_SECONDS) || !X509_set_pubkey(x, key) ||
        !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0) ||
        !X509_set_issuer_name(x, name) || !add_extension(x, NID_basic_constraints, "critical,CA:TRUE") ||
        !add_extension(x, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1") || !X509_sign(x, key, EVP_sha256())) {
        X509_free(x);
        return NULL;
    }
    return x;
}

static int write_certificate(X509 *x, const char *path)
{
    FILE *f = fopen(path, "we");
    int rc = f ? PEM_write_X509(f, x) : 0;

    if (f && fclose(f) != 0)
        rc = 0;
    return rc;
}

SSL_CTX *tls_self_signed(const char *path, char *why, size_t size)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = key ? make_certificate(key) : NULL;
    SSL_CTX *ctx = x ? new_context() : NULL;
    int good = ctx && write_certificate(x, path) == 1 && SSL_CTX_use_certificate(ctx, x) == 1 &&
               SSL_CTX_use_PrivateKey(ctx, key) == 1;

    X509_free(x);
    EVP_PKEY_free(key);
    return good ? ctx : fail(ctx, why, size);
}
