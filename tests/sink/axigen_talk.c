#include "axigen_talk.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

struct talk *talk_start(axigen_script *script, void *ctx, const char *cert)
{
    struct talk *t = mem_alloc(sizeof(*t));
    char pem[256], key[256];

    signal(SIGPIPE, SIG_IGN);
    snprintf(pem, sizeof(pem), "%s.pem", cert ? cert : "");
    snprintf(key, sizeof(key), "%s.key", cert ? cert : "");
    t->peer = axigen_peer_start(script, ctx, cert ? pem : NULL, key);
    t->session = axigen_session_new("corp/mail", &t->stop);
    t->settings = (struct axigen_session_settings){
        .conn = {.host = "127.0.0.1", .port = axigen_peer_port(t->peer), .tls = cert != NULL, .timeout_s = 20},
        .user = "admin",
        .password = slice_of(PASSWORD),
        .depth = 64,
    };
    return t;
}

struct talk *talk_open(axigen_script *script, void *ctx)
{
    struct talk *t = talk_start(script, ctx, NULL);

    cr_assert_eq(axigen_session_open(t->session, &t->settings, &t->e), 0, "%s", t->e.text);
    cr_assert(axigen_session_is_open(t->session));
    cr_assert_str_eq(axigen_session_context(t->session), WIRE_ROOT);
    return t;
}

void talk_end(struct talk **t)
{
    axigen_session_free(&(*t)->session);
    axigen_peer_stop(&(*t)->peer);
    free(*t);
    *t = NULL;
}

static void make(struct wire_command *c, const char *words)
{
    struct err e = {0};

    wire_words(c, words);
    cr_assert_eq(wire_end(c, &e), 0, "%s", e.text);
}

void talk_send(struct talk *t, const char *words, const char *leads_to)
{
    struct wire_command c = {0};

    make(&c, words);
    cr_assert_eq(axigen_session_send(t->session, &c, leads_to, NULL, &t->e), 0, "%s", t->e.text);
    wire_command_free(&c);
}

struct axigen_answer talk_receive(struct talk *t)
{
    struct axigen_answer a;

    cr_assert_eq(axigen_session_receive(t->session, &a, &t->e), 0, "%s", t->e.text);
    return a;
}

struct axigen_answer talk_ask(struct talk *t, const char *words)
{
    struct wire_command c = {0};
    struct axigen_answer a;

    make(&c, words);
    cr_assert_eq(axigen_session_ask(t->session, &c, &a, &t->e), 0, "%s", t->e.text);
    wire_command_free(&c);
    return a;
}

void talk_expect_over(struct talk *t, enum axigen_failure why, const char *words)
{
    struct buf b = {0};

    cr_assert_eq(axigen_session_failure(t->session), why, "%d: %s", axigen_session_failure(t->session), t->e.text);
    cr_assert_not(axigen_session_is_open(t->session));
    cr_assert_eq(axigen_session_room(t->session), 0u);
    cr_assert_str_eq(axigen_session_context(t->session), "");
    cr_assert(words == NULL || strstr(t->e.text, words), "\"%s\" is not in: %s", words, t->e.text);
    cr_assert_not_null(strstr(t->e.text, t->settings.conn.host), "%s", t->e.text);
    axigen_session_transcript(t->session, &b);
    cr_assert_null(strstr(t->e.text, "s3cret"), "%s", t->e.text);
    cr_assert_null(strstr(buf_str(&b), "s3cret"), "%s", b.p);
    buf_free(&b);
}

void talk_expect_no_answer(struct talk *t, enum axigen_failure why, const char *words)
{
    struct axigen_answer a;

    cr_assert_eq(axigen_session_receive(t->session, &a, &t->e), -1, "%s", a.text);
    talk_expect_over(t, why, words);
}

void talk_expect_not_open(struct talk *t, enum axigen_failure why, const char *words)
{
    cr_assert_eq(axigen_session_open(t->session, &t->settings, &t->e), -1);
    talk_expect_over(t, why, words);
}
