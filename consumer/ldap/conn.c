#include "conn.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "mem.h"
#include "tls.h"

/* A dead peer is noticed after about a minute without traffic; after half a minute with data under way. */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 3
#define TCP_USER_TIMEOUT_MS 30000

/* Exported by libldap for slapd, declared in its own headers only. */
BerElement *ldap_get_message_ber(LDAPMessage *msg);

/* ---- A deadline below TLS ----
 *
 * libldap 2.5's TLS handshake knows no time: with LDAP_OPT_NETWORK_TIMEOUT set it makes the socket non-blocking, and then spins on it
 * for as long as the peer is silent (ldap_int_tls_start(): it polls in its asynchronous mode only, which is broken in 2.5, ITS#10023).
 * So a layer of ours sits between TLS and the socket: while a deadline is set, reads and writes wait for the socket until then, and
 * fail after it. */

#define DEADLINE_LEVEL (LBER_SBIOD_LEVEL_PROVIDER + 1)
#define READAHEAD_LEVEL (LBER_SBIOD_LEVEL_PROVIDER + 2)   /* below TLS, whose records are small too */
#define OPT_SET_DEADLINE 0x4158      /* for deadline_ctrl(); none of liblber's own */

struct deadline {
    int64_t until_ms;                /* clock_mono_ms(); 0: none */
};

static int deadline_setup(Sockbuf_IO_Desc *io, void *arg)
{
    struct deadline *d = mem_alloc(sizeof(*d));

    d->until_ms = *(const int64_t *)arg;
    io->sbiod_pvt = d;
    return 0;
}

static int deadline_remove(Sockbuf_IO_Desc *io)
{
    free(io->sbiod_pvt);
    io->sbiod_pvt = NULL;
    return 0;
}

static int deadline_ctrl(Sockbuf_IO_Desc *io, int opt, void *arg)
{
    if (opt != OPT_SET_DEADLINE)
        return LBER_SBIOD_CTRL_NEXT(io, opt, arg);
    ((struct deadline *)io->sbiod_pvt)->until_ms = *(const int64_t *)arg;
    return 1;
}

/* False with errno set when the deadline passed. */
static bool deadline_wait(Sockbuf_IO_Desc *io, short events)
{
    int64_t until_ms = ((struct deadline *)io->sbiod_pvt)->until_ms;
    struct pollfd fd = { .fd = -1, .events = events };

    if (until_ms == 0)
        return true;
    ber_sockbuf_ctrl(io->sbiod_sb, LBER_SB_OPT_GET_FD, &fd.fd);
    for (;;) {
        int64_t left = until_ms - clock_mono_ms();

        if (left <= 0)
            break;
        if (poll(&fd, 1, left > INT_MAX ? INT_MAX : (int)left) > 0)
            return true;
    }
    errno = ETIMEDOUT;
    return false;
}

static ber_slen_t deadline_read(Sockbuf_IO_Desc *io, void *p, ber_len_t n)
{
    return deadline_wait(io, POLLIN) ? LBER_SBIOD_READ_NEXT(io, p, n) : -1;
}

static ber_slen_t deadline_write(Sockbuf_IO_Desc *io, void *p, ber_len_t n)
{
    return deadline_wait(io, POLLOUT) ? LBER_SBIOD_WRITE_NEXT(io, p, n) : -1;
}

static int deadline_close(Sockbuf_IO_Desc *io)
{
    (void)io;
    return 0;
}

static Sockbuf_IO deadline_io = {
    .sbi_setup = deadline_setup,
    .sbi_remove = deadline_remove,
    .sbi_ctrl = deadline_ctrl,
    .sbi_read = deadline_read,
    .sbi_write = deadline_write,
    .sbi_close = deadline_close,
};

/* libldap calls it once the TCP connection stands, before TLS. */
static int on_connect(LDAP *ld, Sockbuf *sb, LDAPURLDesc *url, struct sockaddr *address, struct ldap_conncb *cb)
{
    struct timeval *timeout = NULL;
    int64_t until_ms = clock_mono_ms();

    (void)url;
    (void)address;
    (void)cb;
    ldap_get_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &timeout);
    if (timeout)
        until_ms += timeout->tv_sec * 1000;
    ldap_memfree(timeout);
    return ber_sockbuf_add_io(sb, &deadline_io, DEADLINE_LEVEL, &until_ms);
}

static void on_close(LDAP *ld, Sockbuf *sb, struct ldap_conncb *cb)
{
    (void)ld;
    (void)sb;
    (void)cb;
}

static struct ldap_conncb connect_hook = { .lc_add = on_connect, .lc_del = on_close };

static Sockbuf *sockbuf_of(LDAP *ld)
{
    Sockbuf *sb = NULL;

    ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb);
    return sb;
}

/* timeout_s from now; 0: none any more. */
static void set_deadline(LDAP *ld, int timeout_s)
{
    int64_t until_ms = timeout_s ? clock_mono_ms() + (int64_t)timeout_s * 1000 : 0;

    ber_sockbuf_ctrl(sockbuf_of(ld), OPT_SET_DEADLINE, &until_ms);
}

/* ---- Options ---- */

static bool is_set(const char *text)
{
    return text && *text;
}

static void set_int(LDAP *ld, int option, int value)
{
    ldap_set_option(ld, option, &value);
}

/* All that ldap.conf(5) or the environment could have set otherwise and that matters here. */
static void set_options(LDAP *ld, const struct conn_settings *s)
{
    struct timeval timeout = { .tv_sec = s->timeout_s };

    set_int(ld, LDAP_OPT_PROTOCOL_VERSION, LDAP_VERSION3);
    set_int(ld, LDAP_OPT_DEREF, LDAP_DEREF_NEVER);
    set_int(ld, LDAP_OPT_SIZELIMIT, LDAP_NO_LIMIT);
    set_int(ld, LDAP_OPT_TIMELIMIT, LDAP_NO_LIMIT);
    set_int(ld, LDAP_OPT_X_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S);
    set_int(ld, LDAP_OPT_X_KEEPALIVE_INTERVAL, KEEPALIVE_INTERVAL_S);
    set_int(ld, LDAP_OPT_X_KEEPALIVE_PROBES, KEEPALIVE_PROBES);
    set_int(ld, LDAP_OPT_TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS);
    ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
    ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON);
    ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &timeout);
    ldap_set_option(ld, LDAP_OPT_TIMEOUT, &timeout);
    ldap_set_option(ld, LDAP_OPT_CONNECT_CB, &connect_hook);
}

static bool is_ldaps(const char *uri)
{
    return strncasecmp(uri, "ldaps:", 6) == 0;
}

/* ---- Short answers ---- */

/* Waits for the one answer to msgid; 0 if it says success. */
static int await_success(LDAP *ld, int msgid, int timeout_s, const char *what, struct err *e)
{
    struct timeval timeout = { .tv_sec = timeout_s };
    LDAPMessage *answer = NULL;
    char *text = NULL;
    int rc = ldap_result(ld, msgid, LDAP_MSG_ALL, &timeout, &answer);

    if (rc <= 0)
        rc = rc == 0 ? LDAP_TIMEOUT : conn_error(ld);
    else if (ldap_parse_result(ld, answer, &rc, NULL, &text, NULL, NULL, 0) != LDAP_SUCCESS)
        rc = LDAP_DECODING_ERROR;
    if (rc != LDAP_SUCCESS)
        conn_explain(ld, rc, what, text, e);
    ldap_memfree(text);
    ldap_msgfree(answer);
    return rc == LDAP_SUCCESS ? 0 : -1;
}

static int start_tls(LDAP *ld, const struct conn_settings *s, struct err *e)
{
    int msgid;
    int rc = ldap_start_tls(ld, NULL, NULL, &msgid);

    if (rc != LDAP_SUCCESS) {
        conn_explain(ld, rc, "StartTLS", NULL, e);
        return -1;
    }
    if (await_success(ld, msgid, s->timeout_s, "StartTLS", e) < 0)
        return -1;
    set_deadline(ld, s->timeout_s);
    rc = ldap_install_tls(ld);
    set_deadline(ld, 0);
    if (rc == LDAP_SUCCESS)
        return 0;
    conn_explain(ld, LDAP_CONNECT_ERROR, "StartTLS", NULL, e);
    return -1;
}

/* What is sent: EXTERNAL with an empty authorization identity (RFC 4422, appendix A), or a simple bind. */
static int send_bind(LDAP *ld, const struct conn_settings *s, int *msgid)
{
    struct berval external = { 0, (char *)"" };
    struct berval password = { is_set(s->bind_pass) ? strlen(s->bind_pass) : 0, s->bind_pass };

    if (is_set(s->sasl_mechanism))
        return ldap_sasl_bind(ld, NULL, s->sasl_mechanism, &external, NULL, NULL, msgid);
    return ldap_sasl_bind(ld, is_set(s->bind_dn) ? s->bind_dn : NULL, LDAP_SASL_SIMPLE, &password, NULL, NULL, msgid);
}

static int bind_as(LDAP *ld, const struct conn_settings *s, struct err *e)
{
    const char *who = is_set(s->sasl_mechanism) ? s->sasl_mechanism : is_set(s->bind_dn) ? s->bind_dn : "anonymous";
    char *what;
    int msgid, rc;

    if (is_set(s->sasl_mechanism) && strcasecmp(s->sasl_mechanism, "EXTERNAL") != 0)
        return err_set(e, ERR_UNAVAILABLE, "saslMechanism = \"%s\": only EXTERNAL is known", s->sasl_mechanism);
    /* RFC 4513, section 5.1.2: such a bind succeeds, as nobody. */
    if (!is_set(s->sasl_mechanism) && is_set(s->bind_dn) && !is_set(s->bind_pass))
        return err_set(e, ERR_UNAVAILABLE, "bindDN is set, but bindPass is empty");
    what = mem_printf("bind as %s", who);
    rc = send_bind(ld, s, &msgid);
    if (rc != LDAP_SUCCESS) {
        conn_explain(ld, rc, what, NULL, e);
        rc = -1;
    } else {
        rc = await_success(ld, msgid, s->timeout_s, what, e);
    }
    free(what);
    return rc;
}

/* ---- The connection ---- */

/* For the rest of its life: no read may wait for a PDU, or a TLS record, of which half has come; and one read(2) brings many PDUs,
 * where libldap makes two reads and a poll for each. */
static void make_ready(LDAP *ld)
{
    Sockbuf *sb = sockbuf_of(ld);
    int yes = 1;

    set_deadline(ld, 0);
    ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_NONBLOCK, &yes);
    ber_sockbuf_add_io(sb, &ber_sockbuf_io_readahead, READAHEAD_LEVEL, NULL);
}

/* libldap says "can't contact" of a failed handshake too, but leaves the TLS library's words. */
static int explain_connect(LDAP *ld, const char *uri, struct err *e)
{
    char *words = NULL;
    int rc = conn_error(ld);

    ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &words);
    if (is_ldaps(uri) && is_set(words))
        rc = LDAP_CONNECT_ERROR;
    ldap_memfree(words);
    conn_explain(ld, rc, "connect", NULL, e);
    return -1;
}

static int set_up(LDAP *ld, const struct conn_settings *s, const char *uri, struct err *e)
{
    int rc;

    set_options(ld, s);
    if ((s->start_tls || is_ldaps(uri)) && tls_set_up(ld, s, e) < 0)
        return -1;
    /* Before anything is sent: an ldaps URI's handshake is a part of it. */
    rc = ldap_connect(ld);
    if (rc != LDAP_SUCCESS)
        return explain_connect(ld, uri, e);
    set_deadline(ld, 0);
    if (s->start_tls && !is_ldaps(uri) && start_tls(ld, s, e) < 0)
        return -1;
    if (bind_as(ld, s, e) < 0)
        return -1;
    make_ready(ld);
    return 0;
}

LDAP *conn_open(const struct conn_settings *s, size_t which, struct err *e)
{
    const char *uri = s->uris[which];
    LDAP *ld = NULL;
    int rc = ldap_initialize(&ld, uri);

    if (rc != LDAP_SUCCESS) {
        conn_explain(NULL, rc, uri, NULL, e);
        return NULL;
    }
    if (set_up(ld, s, uri, e) < 0) {
        err_add(e, "%s", uri);
        conn_close(&ld);
    }
    return ld;
}

void conn_close(LDAP **ld)
{
    if (*ld)
        ldap_unbind_ext_s(*ld, NULL, NULL);
    *ld = NULL;
}

int conn_fd(LDAP *ld)
{
    int fd = -1;

    if (ldap_get_option(ld, LDAP_OPT_DESC, &fd) != LDAP_OPT_SUCCESS)
        return -1;
    return fd;
}

bool conn_has_more(LDAP *ld)
{
    Sockbuf *sb = NULL;

    return ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb) == LDAP_OPT_SUCCESS && sb && ber_sockbuf_ctrl(sb, LBER_SB_OPT_DATA_READY, NULL) > 0;
}

int conn_error(LDAP *ld)
{
    int rc = LDAP_SERVER_DOWN;

    ldap_get_option(ld, LDAP_OPT_RESULT_CODE, &rc);
    return rc < 0 ? rc : LDAP_SERVER_DOWN;
}

bool conn_message(LDAPMessage *from, struct message *msg)
{
    BerElement *ber = ldap_get_message_ber(from);
    struct berval body, controls = { 0, NULL };
    ber_len_t left = 0;
    ber_tag_t tag = ber_skip_element(ber, &body);

    if (tag == LBER_DEFAULT)
        return false;
    ber_get_option(ber, LBER_OPT_BER_REMAINING_BYTES, &left);
    if (left > 0 && ber_skip_raw(ber, &controls) == LBER_DEFAULT)
        return false;
    msg->op = (unsigned char)tag;
    msg->body = slice_make(body.bv_val, body.bv_len);
    msg->controls = slice_make(controls.bv_val, controls.bv_len);
    return true;
}
