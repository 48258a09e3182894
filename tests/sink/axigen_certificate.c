#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "axigen_peer.h"

static FILE *open_part(const char *directory, const char *name, const char *end, const char *mode)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s.%s", directory, name, end);
    f = fopen(path, mode);
    cr_assert_not_null(f, "%s", path);
    return f;
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    cr_assert_not_null(extension, "%s", value);
    cr_assert_eq(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static X509 *unsigned_certificate(const char *name, EVP_PKEY *key)
{
    X509 *cert = X509_new();

    cr_assert_eq(X509_set_version(cert, X509_VERSION_3), 1);
    cr_assert_eq(ASN1_INTEGER_set(X509_get_serialNumber(cert), name[0]), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    cr_assert_eq(X509_set_pubkey(cert, key), 1);
    cr_assert_eq(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                                            (const unsigned char *)name, -1, -1, 0),
                 1);
    return cert;
}

static void save(const char *directory, const char *name, X509 *cert, EVP_PKEY *key)
{
    FILE *f = open_part(directory, name, "pem", "w");

    cr_assert_eq(PEM_write_X509(f, cert), 1);
    fclose(f);
    f = open_part(directory, name, "key", "w");
    cr_assert_eq(PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

static void load(const char *directory, const char *name, X509 **cert, EVP_PKEY **key)
{
    FILE *f = open_part(directory, name, "pem", "r");

    *cert = PEM_read_X509(f, NULL, NULL, NULL);
    fclose(f);
    f = open_part(directory, name, "key", "r");
    *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
    fclose(f);
    cr_assert(*cert && *key);
}

void make_certificate(const char *directory, const char *name, const char *issuer, const char *san)
{
    EVP_PKEY *key = EVP_EC_gen("P-256"), *ca_key = key;
    X509 *cert = unsigned_certificate(name, key), *ca = cert;

    if (issuer)
        load(directory, issuer, &ca, &ca_key);
    cr_assert_eq(X509_set_issuer_name(cert, X509_get_subject_name(ca)), 1);
    add_extension(cert, ca, NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (san)
        add_extension(cert, ca, NID_subject_alt_name, san);
    cr_assert_gt(X509_sign(cert, ca_key, EVP_sha256()), 0);
    save(directory, name, cert, key);
    if (issuer) {
        X509_free(ca);
        EVP_PKEY_free(ca_key);
    }
    X509_free(cert);
    EVP_PKEY_free(key);
}
