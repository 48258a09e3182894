#include "tls.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "buf.h"
#include "mem.h"

/* libldap 2.5 with GnuTLS loses 17 KB with each context that has a client certificate (tlsg_ctx_init() frees neither the key nor the
 * certificates), and every connect makes one: a server that is down for a day would cost 100 MB. So the last such context is used
 * again, until a setting or a file's time is another one. */
static struct {
    pthread_mutex_t lock;
    char *identity;
    void *context;      /* with a reference of ours, which libldap has no call to give back */
} last = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool is_set(const char *text)
{
    return text && *text;
}

static void add_file(struct buf *b, const char *path)
{
    struct stat st = { 0 };

    if (is_set(path))
        stat(path, &st);
    buf_printf(b, "%s\n%lld.%ld %lld\n", is_set(path) ? path : "", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
               (long long)st.st_size);
}

/* Two that are equal make equal contexts. malloc'ed. */
static char *identity_of(const struct conn_settings *s)
{
    struct buf b = { 0 };

    buf_printf(&b, "%d\n", s->require_cert);
    add_file(&b, s->ca_file);
    add_file(&b, s->cert_file);
    add_file(&b, s->key_file);
    buf_str(&b);
    return b.p;
}

static int set_file(LDAP *ld, int option, const char *name, const char *path, struct err *e)
{
    if (!is_set(path) || ldap_set_option(ld, option, path) == LDAP_OPT_SUCCESS)
        return 0;
    return err_set(e, ERR_UNAVAILABLE, "%s = \"%s\" is refused by the TLS library", name, path);
}

static int make_context(LDAP *ld, const struct conn_settings *s, struct err *e)
{
    int client = 0;

    if (set_file(ld, LDAP_OPT_X_TLS_CACERTFILE, "tlsCACertFile", s->ca_file, e) < 0 ||
        set_file(ld, LDAP_OPT_X_TLS_CERTFILE, "tlsCertFile", s->cert_file, e) < 0 ||
        set_file(ld, LDAP_OPT_X_TLS_KEYFILE, "tlsKeyFile", s->key_file, e) < 0)
        return -1;
    /* Reads the files, and says "error" whatever is wrong with them. */
    if (ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client) == LDAP_OPT_SUCCESS)
        return 0;
    return err_set(e, ERR_UNAVAILABLE, "TLS can't be set up: tlsCACertFile, tlsCertFile or tlsKeyFile is missing, may not be read, or "
                                       "holds no PEM of the right kind");
}

/* Under the lock; owns identity. */
static int use_last_or_make(LDAP *ld, const struct conn_settings *s, char *identity, struct err *e)
{
    if (last.identity && strcmp(last.identity, identity) == 0) {
        free(identity);
        ldap_set_option(ld, LDAP_OPT_X_TLS_CTX, last.context);
        return 0;
    }
    if (make_context(ld, s, e) < 0) {
        free(identity);
        return -1;
    }
    free(last.identity);
    last.identity = identity;
    ldap_get_option(ld, LDAP_OPT_X_TLS_CTX, &last.context);
    return 0;
}

int tls_set_up(LDAP *ld, const struct conn_settings *s, struct err *e)
{
    int rc;

    ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &s->require_cert);
    if (!is_set(s->cert_file))
        return make_context(ld, s, e);
    pthread_mutex_lock(&last.lock);
    rc = use_last_or_make(ld, s, identity_of(s), e);
    pthread_mutex_unlock(&last.lock);
    return rc;
}
