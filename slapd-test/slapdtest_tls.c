/*
 * A certification authority for one test: P-256 keys, since they are made in no time, certificates for a day, as PEM
 * files that GnuTLS (Debian's slapd) and OpenSSL both read. The keys are as secret as the folder, which only its owner
 * can enter.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "slapdtest_internal.h"

#define DAY 86400L

/* What is to be certified. */
struct subject {
    const char *name; /* CN */
    bool is_ca;
    const char *usage; /* extendedKeyUsage; NULL: none */
    const char *san;   /* subjectAltName; NULL: none */
    long from, to;     /* seconds from now */
    long serial;
};

static int crypto_fail(struct slapdtest *s, const char *what)
{
    char text[256];

    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    return slapdtest_i_fail(s, LDAP_OTHER, "%s: %s", what, text);
}

static bool add_extension(X509 *cert, X509V3_CTX *context, int nid, const char *value)
{
    X509_EXTENSION *extension;
    bool ok;

    if (value == NULL)
        return true;
    extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
    ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool add_extensions(X509 *cert, X509 *issuer, const struct subject *who)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    return add_extension(cert, &context, NID_basic_constraints,
                         who->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
           add_extension(cert, &context, NID_key_usage,
                         who->is_ca ? "critical,keyCertSign" : "critical,digitalSignature") &&
           add_extension(cert, &context, NID_ext_key_usage, who->usage) &&
           add_extension(cert, &context, NID_subject_key_identifier, "hash") &&
           add_extension(cert, &context, NID_authority_key_identifier, who->is_ca ? NULL : "keyid") &&
           add_extension(cert, &context, NID_subject_alt_name, who->san);
}

/* issuer NULL: signed by itself. NULL on failure. */
static X509 *make_cert(const struct subject *who, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *cert = X509_new();
    X509_NAME *name = cert != NULL ? X509_get_subject_name(cert) : NULL;

    if (cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(cert), who->serial) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(cert), who->from) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(cert), who->to) != NULL && X509_set_pubkey(cert, key) == 1 &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)who->name, -1, -1, 0) == 1 &&
        X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : name) == 1 &&
        add_extensions(cert, issuer != NULL ? issuer : cert, who) &&
        X509_sign(cert, issuer != NULL ? issuer_key : key, EVP_sha256()) > 0)
        return cert;
    X509_free(cert);
    return NULL;
}

static FILE *open_pem(struct slapdtest *s, const char *path, const char *mode)
{
    FILE *stream = fopen(path, mode);

    if (stream == NULL)
        slapdtest_i_fail(s, LDAP_OTHER, "%s: %s", path, strerror(errno));
    return stream;
}

static int write_pem(struct slapdtest *s, const char *cert_path, X509 *cert, const char *key_path, EVP_PKEY *key)
{
    FILE *out = open_pem(s, cert_path, "we");
    int ok;

    if (out == NULL)
        return -1;
    ok = PEM_write_X509(out, cert);
    if (fclose(out) != 0 || ok != 1)
        return crypto_fail(s, cert_path);
    out = open_pem(s, key_path, "we");
    if (out == NULL)
        return -1;
    ok = PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL);
    return fclose(out) == 0 && ok == 1 ? 0 : crypto_fail(s, key_path);
}

/* The CA back from its files; both NULL after slapdtest_i_fail(). */
static void read_ca(struct slapdtest *s, X509 **cert_r, EVP_PKEY **key_r)
{
    char path[160];
    FILE *in;

    snprintf(path, sizeof(path), "%s/tls/ca.pem", s->folder);
    in = open_pem(s, path, "re");
    *cert_r = in != NULL ? PEM_read_X509(in, NULL, NULL, NULL) : NULL;
    if (in != NULL)
        fclose(in);
    snprintf(path, sizeof(path), "%s/tls/ca.key", s->folder);
    in = open_pem(s, path, "re");
    *key_r = in != NULL ? PEM_read_PrivateKey(in, NULL, NULL, NULL) : NULL;
    if (in != NULL)
        fclose(in);
}

/* Make a key and a certificate for it, tls/FILE.pem and tls/FILE.key. */
static int issue(struct slapdtest *s, const struct subject *who, const char *file)
{
    char cert_path[256], key_path[256];
    EVP_PKEY *key = EVP_EC_gen("P-256"), *ca_key = NULL;
    X509 *ca = NULL, *cert = NULL;
    int result = -1;

    snprintf(cert_path, sizeof(cert_path), "%s/tls/%s.pem", s->folder, file);
    snprintf(key_path, sizeof(key_path), "%s/tls/%s.key", s->folder, file);
    if (!who->is_ca)
        read_ca(s, &ca, &ca_key);
    if (key != NULL && (who->is_ca || (ca != NULL && ca_key != NULL)))
        cert = make_cert(who, key, ca, ca_key);
    if (cert != NULL)
        result = write_pem(s, cert_path, cert, key_path, key);
    else
        crypto_fail(s, cert_path);
    X509_free(cert);
    X509_free(ca);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return result;
}

int slapdtest_i_tls_setup(struct slapdtest *s, const struct slapdtest_options *options)
{
    struct subject ca = {.name = "slapdtest CA", .is_ca = true, .from = -3 * DAY, .to = 2 * DAY, .serial = 1};
    struct subject server = {.name = "slapdtest server", .usage = "serverAuth,clientAuth", .serial = 2};
    char path[160];

    server.from = options->tls_expired ? -2 * DAY : -DAY; /* begun yesterday: clocks of containers differ */
    server.to = options->tls_expired ? -DAY : DAY;
    server.san = options->tls_san != NULL ? options->tls_san : "IP:127.0.0.1,DNS:localhost";
    snprintf(path, sizeof(path), "%s/tls", s->folder);
    if (mkdir(path, 0700) != 0)
        return slapdtest_i_fail(s, LDAP_OTHER, "mkdir %s: %s", path, strerror(errno));
    s->tls_ca = slapdtest_i_text("%s/ca.pem", path);
    if (s->tls_ca == NULL)
        return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    s->issued = 2;
    return issue(s, &ca, "ca") == 0 ? issue(s, &server, "server") : -1;
}

static bool is_file_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    return *name != '\0' && strlen(name) <= 64 && name[strspn(name, allowed)] == '\0'; /* 64: X.520's limit for a CN */
}

int slapdtest_tls_issue(struct slapdtest *s, const char *name, char **cert_r, char **key_r)
{
    struct subject client = {
        .name = name, .usage = "clientAuth", .from = -DAY, .to = DAY, .serial = (long)s->issued + 1};
    char file[80];

    *cert_r = *key_r = NULL;
    if (!s->tls)
        return slapdtest_i_fail(s, LDAP_OTHER, "tls_issue: the server has no TLS");
    if (!is_file_name(name))
        return slapdtest_i_fail(s, LDAP_PARAM_ERROR, "tls_issue: \"%s\" can't be a certificate's name here", name);
    snprintf(file, sizeof(file), "client-%s", name); /* so that a client called "ca" overwrites nothing */
    if (issue(s, &client, file) != 0)
        return -1;
    s->issued++;
    *cert_r = slapdtest_i_text("%s/tls/%s.pem", s->folder, file);
    *key_r = slapdtest_i_text("%s/tls/%s.key", s->folder, file);
    if (*cert_r != NULL && *key_r != NULL)
        return 0;
    free(*cert_r);
    free(*key_r);
    *cert_r = *key_r = NULL;
    return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
}
