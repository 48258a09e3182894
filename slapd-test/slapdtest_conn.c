/* Connections to the server. */
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "slapdtest_internal.h"

int slapdtest_i_ldap_fail(struct slapdtest *s, LDAP *ld, int rc, const char *format, ...)
{
    char *said = NULL, what[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (ld != NULL)
        ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &said);
    if (said != NULL && *said != '\0')
        slapdtest_i_fail(s, rc, "%s: %s (%d): %s", what, ldap_err2string(rc), rc, said);
    else
        slapdtest_i_fail(s, rc, "%s: %s (%d)", what, ldap_err2string(rc), rc);
    ldap_memfree(said);
    return -1;
}

static bool pipe_is_pending(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

static void only_pipe(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGPIPE);
}

void slapdtest_i_hush(struct slapdtest_i_hush *hush)
{
    sigset_t pipe;

    only_pipe(&pipe);
    hush->was_pending = pipe_is_pending();
    pthread_sigmask(SIG_BLOCK, &pipe, &hush->before);
}

void slapdtest_i_unhush(const struct slapdtest_i_hush *hush)
{
    static const struct timespec at_once;
    sigset_t pipe;

    only_pipe(&pipe);
    if (!hush->was_pending && pipe_is_pending())
        sigtimedwait(&pipe, NULL, &at_once); /* ours: take it away before it's let through */
    pthread_sigmask(SIG_SETMASK, &hush->before, NULL);
}

static int set_options(LDAP *ld, unsigned timeout_ms)
{
    struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = (long)(timeout_ms % 1000) * 1000};
    int version = LDAP_VERSION3;

    if (ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &timeout) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ld, LDAP_OPT_TIMEOUT, &timeout) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON) != LDAP_OPT_SUCCESS)
        return LDAP_LOCAL_ERROR;
    return LDAP_SUCCESS;
}

static void drop(LDAP **ld)
{
    struct slapdtest_i_hush hush;

    slapdtest_i_hush(&hush);
    if (*ld != NULL)
        ldap_unbind_ext_s(*ld, NULL, NULL);
    *ld = NULL;
    slapdtest_i_unhush(&hush);
}

int slapdtest_i_open(struct slapdtest *s, const char *uri, const char *dn, const char *password, LDAP **ld_r)
{
    struct berval credentials = {.bv_len = strlen(password), .bv_val = (char *)(uintptr_t)password};
    struct slapdtest_i_hush hush;
    LDAP *ld = NULL;
    int rc = ldap_initialize(&ld, uri);

    *ld_r = NULL;
    slapdtest_i_hush(&hush);
    if (rc == LDAP_SUCCESS)
        rc = set_options(ld, s->timeout_ms);
    if (rc == LDAP_SUCCESS)
        rc = ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &credentials, NULL, NULL, NULL);
    slapdtest_i_unhush(&hush);
    if (rc == LDAP_SUCCESS) {
        *ld_r = ld;
        return 0;
    }
    slapdtest_i_ldap_fail(s, ld, rc, "bind to %s as \"%s\"", uri, dn != NULL ? dn : "");
    drop(&ld);
    return -1;
}

/*
 * Whether a kept connection has been ended by slapd (idletimeout, a crash) or by a deadline of ours. Nothing is asked
 * between two calls, so anything to be read is an end of file or a notice of disconnection. Looking first is safer than
 * to repeat a change that failed, which may have been done.
 */
static bool is_stale(LDAP *ld)
{
    struct pollfd p = {.fd = -1, .events = POLLIN};

    return ldap_get_option(ld, LDAP_OPT_DESC, &p.fd) != LDAP_OPT_SUCCESS || p.fd < 0 || poll(&p, 1, 0) != 0;
}

static LDAP *kept(struct slapdtest *s, LDAP **ld, const char *dn)
{
    if (*ld != NULL && is_stale(*ld))
        drop(ld);
    if (*ld == NULL && s->pid == 0)
        slapdtest_i_fail(s, LDAP_SERVER_DOWN, "slapd doesn't run");
    else if (*ld == NULL)
        slapdtest_i_open(s, s->uri_ldapi, dn, s->rootpw, ld);
    return *ld;
}

LDAP *slapdtest_i_data(struct slapdtest *s)
{
    return kept(s, &s->data, s->rootdn);
}

LDAP *slapdtest_i_config(struct slapdtest *s)
{
    return kept(s, &s->config, SLAPDTEST_I_CONFIG_ROOTDN);
}

void slapdtest_i_disconnect(struct slapdtest *s)
{
    drop(&s->data);
    drop(&s->config);
}

int slapdtest_connect(struct slapdtest *s, const char *dn, const char *password, struct ldap **ld_r)
{
    *ld_r = NULL;
    if (s->uri == NULL)
        return slapdtest_i_fail(s, LDAP_SERVER_DOWN, "connect: slapd has not been started");
    if (dn == NULL)
        password = "";
    else if (password == NULL)
        password = s->rootpw;
    return slapdtest_i_open(s, s->uri, dn, password, ld_r);
}
