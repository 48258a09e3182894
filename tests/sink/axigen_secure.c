/* TLS: no password is sent before chain and name were verified. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axigen_talk.h"
#include "fixture.h"

static void make_certificates(void)
{
    fixture_init();
    make_certificate(dir, "ca", NULL, NULL);
    make_certificate(dir, "other", NULL, NULL);
    make_certificate(dir, "name", "ca", "DNS:localhost");
    make_certificate(dir, "address", "ca", "IP:127.0.0.1");
    make_certificate(dir, "neither", "ca", "DNS:mail.example.com,IP:192.0.2.1");
    make_certificate(dir, "stranger", "other", "DNS:localhost,IP:127.0.0.1");
    make_certificate(dir, "wild", "ca", "DNS:*");
}

TestSuite(axigen_secure, .init = make_certificates, .fini = fixture_fini);

static void serve(struct axigen_peer *p, void *ctx)
{
    (void)ctx;
    if (!axigen_peer_login(p))
        return;
    while (*axigen_peer_hear(p))
        axigen_peer_say(p, "+OK: done\r\n<#> ");
}

static struct talk *start(const char *cert, const char *host, const char *ca, char *paths)
{
    struct talk *t;

    snprintf(paths, 128, "%s/%s", dir, cert);
    t = talk_start(serve, NULL, paths);
    snprintf(paths, 128, "%s/%s.pem", dir, ca);
    t->settings.conn.host = host;
    t->settings.conn.ca_file = paths;
    return t;
}

static void expect_good(const char *cert, const char *host)
{
    char paths[128];
    struct talk *t = start(cert, host, "ca", paths);

    cr_assert_eq(axigen_session_open(t->session, &t->settings, &t->e), 0, "%s", t->e.text);
    talk_send(t, "SET firstName z", NULL);
    cr_assert(talk_receive(t).ok);
    talk_end(&t);
}

static void expect_bad(const char *cert, const char *host, const char *ca, const char *words)
{
    char paths[128];
    struct talk *t = start(cert, host, ca, paths);

    talk_expect_not_open(t, AXIGEN_TLS, words);
    axigen_peer_join(t->peer);
    cr_assert_null(axigen_peer_line(t->peer, 0));
    talk_end(&t);
}

Test(axigen_secure, good)
{
    expect_good("name", "localhost");
    expect_good("address", "127.0.0.1");
}

Test(axigen_secure, wrong_name)
{
    expect_bad("neither", "localhost", "ca", "ostname mismatch");
    expect_bad("neither", "127.0.0.1", "ca", "IP address mismatch");
    expect_bad("name", "127.0.0.1", "ca", "IP address mismatch");
    expect_bad("address", "localhost", "ca", "ostname mismatch");
    expect_bad("wild", "localhost", "ca", "ostname mismatch");
}

Test(axigen_secure, unknown_ca)
{
    expect_bad("stranger", "localhost", "ca", "certificate: ");
    expect_bad("name", "localhost", "other", "certificate: ");
}

/* Without a CA file of one's own the system's store decides. */
Test(axigen_secure, system_store)
{
    char paths[128];
    struct talk *t = start("name", "localhost", "ca", paths);

    t->settings.conn.ca_file = "";
    talk_expect_not_open(t, AXIGEN_TLS, "certificate: ");
    setenv("SSL_CERT_FILE", paths, 1);
    cr_assert_eq(axigen_session_open(t->session, &t->settings, &t->e), 0, "%s", t->e.text);
    talk_end(&t);
}

Test(axigen_secure, no_such_ca_file)
{
    char paths[128];
    struct talk *t = start("name", "localhost", "nothing", paths);

    talk_expect_not_open(t, AXIGEN_LOCAL, "nothing.pem");
    cr_assert_eq(t->e.class, ERR_CONFIG);
    talk_end(&t);
}

Test(axigen_secure, server_without_tls)
{
    char paths[128];
    struct talk *t = talk_start(serve, NULL, NULL);

    snprintf(paths, sizeof(paths), "%s/ca.pem", dir);
    t->settings.conn.tls = true;
    t->settings.conn.ca_file = paths;
    talk_expect_not_open(t, AXIGEN_TLS, "TLS: ");
    talk_end(&t);
}

/* More than one record at a time, both ways at once. */
static void serve_much(struct axigen_peer *p, void *ctx)
{
    struct buf answer = {0};

    (void)ctx;
    for (int i = 0; i < 1000; i++)
        buf_puts(&answer, "note: all is well, and this line is long enough\r\n");
    buf_puts(&answer, "+OK: done\r\n<#> ");
    if (axigen_peer_login(p))
        while (*axigen_peer_hear(p))
            axigen_peer_say_bytes(p, answer.p, answer.len);
    buf_free(&answer);
}

Test(axigen_secure, large_pipelines_do_not_lock_up)
{
    char paths[128], *value = malloc(WIRE_VALUE_MAX);
    struct talk *t;
    struct wire_command c = {0};

    snprintf(paths, sizeof(paths), "%s/name", dir);
    t = talk_start(serve_much, NULL, paths);
    snprintf(paths, sizeof(paths), "%s/ca.pem", dir);
    t->settings.conn.host = "localhost";
    t->settings.conn.ca_file = paths;
    t->settings.depth = 300;
    memset(value, 'v', WIRE_VALUE_MAX);
    cr_assert_eq(axigen_session_open(t->session, &t->settings, &t->e), 0, "%s", t->e.text);
    wire_words(&c, "SET homeAddress");
    wire_value(&c, slice_make(value, WIRE_VALUE_MAX));
    cr_assert_eq(wire_end(&c, &t->e), 0);
    for (int i = 0; i < 300; i++)
        cr_assert_eq(axigen_session_send(t->session, &c, NULL, NULL, &t->e), 0, "%s", t->e.text);
    for (int i = 0; i < 300; i++)
        cr_assert(talk_receive(t).ok);
    wire_command_free(&c);
    free(value);
    talk_end(&t);
}
