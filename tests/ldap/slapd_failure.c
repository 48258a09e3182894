#include <criterion/criterion.h>
#include <stdlib.h>

#include "listener.h"

#define SUFFIX "dc=example,dc=com"
#define PEOPLE "ou=people," SUFFIX
#define FUTURE "rid=000,csn=20990101000000.000000Z#000000#000#000000"

static struct slapdtest *server;
static struct listener l;

static void begin(const struct slapdtest_options *options, size_t n)
{
    server = slapdtest_run(options);
    cr_assert_not_null(server);
    cr_assert_eq(slapdtest_add_people(server, n, 1), 0, "%s", slapdtest_error(server));
    listener_init(&l, server);
}

static void end(void)
{
    listener_free(&l);
    slapdtest_free(&server);
}

/* The source can't get in, and says so. */
static void assert_refused(const char *words)
{
    listener_start(&l);
    listener_await_phase(&l, SOURCE_WAITING);
    cr_assert_not_null(strstr(l.phase_text, words), "%s", l.phase_text);
    cr_assert_null(l.first, "nothing was told");
    end();
}

/* The search ends with that result, is told with what to do, and tried again. */
static void assert_result(int rc, const char *words)
{
    struct sync_msg *m;

    listener_start(&l);
    m = listener_await(&l, SYNC_DONE);
    cr_assert_eq(m->rc, rc, "%d: %s", m->rc, text_of(m->text));
    cr_assert_eq(m->effect, EFFECT_END);
    cr_assert(has_text(m->text, words), "%s", text_of(m->text));
    listener_await_phase(&l, SOURCE_ERROR);
    m = listener_await(&l, SYNC_BEGIN);
    cr_assert_eq(m->session, 2);
    end();
}

Test(failure, wrong_password)
{
    begin(NULL, 1);
    l.settings.conn.bind_pass = (char *)"wrong";
    assert_refused("check bindDN and bindPass");
}

Test(failure, empty_password_is_never_sent)
{
    begin(NULL, 1);
    l.settings.conn.bind_pass = (char *)"";
    assert_refused("bindPass is empty");
}

Test(failure, unknown_mechanism)
{
    begin(NULL, 1);
    l.settings.conn.sasl_mechanism = (char *)"GSSAPI";
    assert_refused("only EXTERNAL");
}

Test(failure, nobody_listens)
{
    begin(NULL, 1);
    slapdtest_stop(server);
    assert_refused("is the server running");
}

Test(failure, no_uri)
{
    begin(NULL, 1);
    listener_set_uri(&l, 0, "http://127.0.0.1");
    assert_refused("no LDAP URI");
}

Test(failure, no_such_base)
{
    begin(NULL, 1);
    l.specs[0].base = (char *)"ou=nowhere," SUFFIX;
    assert_result(LDAP_NO_SUCH_OBJECT, "accountBaseDN");
}

Test(failure, base_that_is_no_dn)
{
    begin(NULL, 1);
    l.specs[0].base = (char *)"nowhere";
    assert_result(LDAP_INVALID_DN_SYNTAX, "no DN");
}

Test(failure, filter_that_is_no_filter)
{
    begin(NULL, 1);
    l.specs[0].filter = (char *)"(mail=";
    listener_start(&l);
    cr_assert(has_text(listener_expect(&l, SYNC_LOST)->text, "no LDAP filter"));
    listener_await_phase(&l, SOURCE_WAITING);
    end();
}

Test(failure, no_syncprov)
{
    begin(&(struct slapdtest_options){ .no_syncprov = true }, 1);
    assert_result(LDAP_UNAVAILABLE_CRITICAL_EXTENSION, "syncprov");
}

Test(failure, size_limit)
{
    static const char *const limits[] = { "dn.exact=\"uid=user000001,ou=people,dc=example,dc=com\" size=3", NULL };

    begin(&(struct slapdtest_options){ .limits = limits }, 10);
    cr_assert_eq(slapdtest_replace(server, "uid=user000001," PEOPLE, "userPassword", "secret"), 0);
    l.settings.conn.bind_dn = (char *)"uid=user000001," PEOPLE;
    assert_result(LDAP_SIZELIMIT_EXCEEDED, "olcLimits");
}

Test(failure, server_that_is_behind_gives_way_to_the_next)
{
    struct slapdtest *other = slapdtest_run(NULL);
    struct sync_msg *m;
    bool malformed;

    begin(NULL, 1);
    cr_assert_eq(slapdtest_add_people(other, 2, 1), 0);
    listener_set_uri(&l, 1, slapdtest_uri(other));
    l.settings.conn.n_uris = 2;
    cookie_take(&l.cookies[0], slice_of(FUTURE), &malformed);
    listener_start(&l);
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert_str_eq(text_of(m->uri), slapdtest_uri(server));
    m = listener_expect(&l, SYNC_DONE);
    cr_assert_eq(m->rc, LDAP_UNWILLING_TO_PERFORM);
    cr_assert(has_text(m->text, "consumer state is newer"), "%s", text_of(m->text));
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert_str_eq(text_of(m->uri), slapdtest_uri(other));
    cr_assert(m->had_cookie);
    m = listener_expect(&l, SYNC_DONE);
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert_str_eq(text_of(m->uri), slapdtest_uri(server), "when no other is to be had");
    cr_assert(m->refused && !m->had_cookie);
    listener_expect(&l, SYNC_ENTRY);
    cr_assert(listener_expect(&l, SYNC_REFRESH_DELETE)->effect & EFFECT_COMPLETE);
    end();
    slapdtest_free(&other);
}

Test(failure, second_server_stands_in)
{
    struct slapdtest *other = slapdtest_run(NULL);
    struct sync_msg *m;

    begin(NULL, 1);
    cr_assert_eq(slapdtest_add_people(other, 2, 1), 0);
    listener_set_uri(&l, 1, slapdtest_uri(other));
    l.settings.conn.n_uris = 2;
    slapdtest_stop(server);
    listener_start(&l);
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert_str_eq(text_of(m->uri), slapdtest_uri(other));
    cr_assert_eq(source_uri_index(l.source), 1);
    slapdtest_start(server);
    slapdtest_stop(other);
    listener_await(&l, SYNC_LOST);
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert_str_eq(text_of(m->uri), slapdtest_uri(server));
    end();
    slapdtest_free(&other);
}

/* ---- TLS ---- */

static const struct slapdtest_options with_tls = { .tls = true };

Test(tls, ldaps)
{
    begin(&with_tls, 2);
    listener_set_uri(&l, 0, slapdtest_uri_ldaps(server));
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);
    cr_assert_eq(slapdtest_replace(server, "uid=user000001," PEOPLE, "sn", "changed"), 0);
    cr_assert_str_eq(value(listener_await(&l, SYNC_ENTRY), "sn"), "changed");
    end();
}

Test(tls, start_tls)
{
    begin(&with_tls, 2);
    l.settings.conn.start_tls = true;
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);
    cr_assert_eq(slapdtest_replace(server, "uid=user000001," PEOPLE, "sn", "changed"), 0);
    cr_assert_str_eq(value(listener_await(&l, SYNC_ENTRY), "sn"), "changed");
    end();
}

Test(tls, unknown_ca_with_ldaps)
{
    begin(&with_tls, 1);
    listener_set_uri(&l, 0, slapdtest_uri_ldaps(server));
    l.settings.conn.ca_file = NULL;
    assert_refused("tlsCACertFile");
}

Test(tls, unknown_ca_with_start_tls)
{
    begin(&with_tls, 1);
    l.settings.conn.start_tls = true;
    l.settings.conn.ca_file = NULL;
    assert_refused("tlsCACertFile");
}

Test(tls, unknown_ca_is_let_through_on_request)
{
    begin(&with_tls, 1);
    l.settings.conn.start_tls = true;
    l.settings.conn.ca_file = NULL;
    l.settings.conn.require_cert = LDAP_OPT_X_TLS_NEVER;
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);
    end();
}

Test(tls, certificate_of_another_host)
{
    begin(&(struct slapdtest_options){ .tls = true, .tls_san = "DNS:other.example.com" }, 1);
    listener_set_uri(&l, 0, slapdtest_uri_ldaps(server));
    assert_refused("does it name the host");
}

Test(tls, expired_certificate)
{
    begin(&(struct slapdtest_options){ .tls = true, .tls_expired = true }, 1);
    l.settings.conn.start_tls = true;
    assert_refused("valid today");
}

Test(tls, missing_ca_file)
{
    begin(&with_tls, 1);
    l.settings.conn.start_tls = true;
    l.settings.conn.ca_file = (char *)"/nonexistent/ca.pem";
    assert_refused("tlsCACertFile");
}

Test(tls, server_without_tls)
{
    begin(NULL, 1);
    l.settings.conn.start_tls = true;
    assert_refused("StartTLS");
}

Test(tls, external_over_ldapi)
{
    begin(NULL, 1);
    listener_set_uri(&l, 0, slapdtest_uri_ldapi(server));
    l.settings.conn.sasl_mechanism = (char *)"EXTERNAL";
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);
    end();
}

Test(tls, external_with_a_client_certificate)
{
    begin(&(struct slapdtest_options){ .tls = true, .tls_verify_client = "demand" }, 1);
    cr_assert_eq(slapdtest_tls_issue(server, "reader", &l.settings.conn.cert_file, &l.settings.conn.key_file), 0, "%s",
                 slapdtest_error(server));
    listener_set_uri(&l, 0, slapdtest_uri_ldaps(server));
    l.settings.conn.sasl_mechanism = (char *)"EXTERNAL";
    listener_start(&l);
    listener_await(&l, SYNC_REFRESH_DELETE);
    free(l.settings.conn.cert_file);
    free(l.settings.conn.key_file);
    end();
}

/* Where a server stands is told with the begin, as read on the same connection. */
Test(failure, begin_tells_where_the_server_stands)
{
    struct sync_msg *m;
    char *csns, *mark, text[UUID_TEXT];

    begin(NULL, 1);
    l.specs[0].base = (char *)PEOPLE;
    csns = slapdtest_context_csn(server);
    mark = slapdtest_entry_uuid(server, PEOPLE);
    listener_start(&l);
    m = listener_expect(&l, SYNC_BEGIN);
    cr_assert_eq(m->n_csns, 1);
    cr_assert_str_eq(text_of(m->csns[0]), csns);
    cr_assert_str_eq(uuid_format(m->mark, text), mark);
    free(csns);
    free(mark);
    end();
}
