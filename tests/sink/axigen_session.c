/* A session that goes well: contexts, the window, data, secrets, counters, stop. */
#include <criterion/criterion.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axigen_talk.h"
#include "clock.h"
#include "mem.h"

/* ---- A server with contexts ---- */

/* Knows a few commands; anything with "bad" in it is refused. */
static void serve_contexts(struct axigen_peer *p, void *ctx)
{
    const char *at = "#", *line;
    char answer[256];

    (void)ctx;
    if (!axigen_peer_login(p))
        return;
    while (*(line = axigen_peer_hear(p))) {
        bool bad = strstr(line, "bad") != NULL;

        if (bad)
            ;
        else if (strncmp(line, "UPDATE Domain", 13) == 0)
            at = "domain#";
        else if (strncmp(line, "UPDATE Account", 14) == 0 || strncmp(line, "ADD Account", 11) == 0)
            at = "domain-account#";
        else if (strcmp(line, "COMMIT") == 0)
            at = strcmp(at, "domain#") == 0 ? "#" : "domain#";
        else if (strcmp(line, "EXIT") == 0)
            return;
        snprintf(answer, sizeof(answer), "%s\r\n<%s> ", bad ? "-ERR: \x1b[31mthat is bad" : "+OK: done", at);
        axigen_peer_say(p, answer);
    }
}

Test(axigen_session, contexts)
{
    struct talk *t = talk_open(serve_contexts, NULL);
    struct axigen_answer a;

    talk_send(t, "UPDATE Domain name x", WIRE_DOMAIN);
    talk_send(t, "ADD Account name y", WIRE_ACCOUNT);
    talk_send(t, "SET firstName z", NULL);
    cr_assert_str_eq(axigen_session_context(t->session), WIRE_ROOT);
    a = talk_receive(t);
    cr_assert(a.ok);
    cr_assert_str_eq(a.text, "done");
    cr_assert_str_eq(a.ran_in, WIRE_ROOT);
    cr_assert_str_eq(axigen_session_context(t->session), WIRE_DOMAIN);
    cr_assert_str_eq(talk_receive(t).ran_in, WIRE_DOMAIN);
    cr_assert_str_eq(talk_receive(t).ran_in, WIRE_ACCOUNT);
    cr_assert_str_eq(axigen_session_context(t->session), WIRE_ACCOUNT);
    axigen_session_close(t->session);
    cr_assert_eq(axigen_session_failure(t->session), AXIGEN_FINE);
    axigen_peer_join(t->peer);
    cr_assert_str_eq(axigen_peer_line(t->peer, 3), "UPDATE Domain name x");
    cr_assert_str_eq(axigen_peer_line(t->peer, 5), "SET firstName z");
    cr_assert_str_eq(axigen_peer_line(t->peer, 6), "EXIT");
    talk_end(&t);
}

/* After a refusal the next commands run elsewhere: that is told, and a wrong belief about the context ends the session.
 */
Test(axigen_session, refusal_keeps_the_context)
{
    struct talk *t = talk_open(serve_contexts, NULL);
    struct axigen_answer a;

    talk_send(t, "UPDATE Domain name x", WIRE_DOMAIN);
    talk_send(t, "ADD Account name bad", WIRE_ACCOUNT);
    talk_send(t, "SET firstName z", NULL);
    talk_send(t, "COMMIT", WIRE_DOMAIN);
    cr_assert(talk_receive(t).ok);
    a = talk_receive(t);
    cr_assert_not(a.ok);
    cr_assert_str_eq(a.text, "that is bad");
    cr_assert_str_eq(axigen_session_context(t->session), WIRE_DOMAIN);
    a = talk_receive(t);
    cr_assert(a.ok);
    cr_assert_str_eq(a.ran_in, WIRE_DOMAIN);
    talk_expect_no_answer(t, AXIGEN_PROTOCOL, "after \"COMMIT\" in <domain#>: another prompt");
    talk_end(&t);
}

Test(axigen_session, opens_again)
{
    struct talk *t = talk_open(serve_contexts, NULL);
    struct axigen_cursors c;

    talk_send(t, "UPDATE Domain name x", WIRE_DOMAIN);
    talk_receive(t);
    axigen_session_close(t->session);
    cr_assert_eq(axigen_session_open(t->session, &t->settings, &t->e), 0, "%s", t->e.text);
    cr_assert_str_eq(axigen_session_context(t->session), WIRE_ROOT);
    talk_send(t, "UPDATE Domain name x", WIRE_DOMAIN);
    cr_assert(talk_receive(t).ok);
    c = axigen_session_cursors(t->session);
    cr_assert(c.queued == c.sent && c.sent == c.received);
    cr_assert_eq(axigen_session_counters(t->session).logins, 2u);
    cr_assert_eq(axigen_session_counters(t->session).commands, 2u);
    talk_end(&t);
}

/* ---- The window ---- */

/* Hears all that is sent without an answer, and then answers it. */
static void serve_bursts(struct axigen_peer *p, void *ctx)
{
    atomic_uint *most = ctx;

    if (!axigen_peer_login(p))
        return;
    while (*axigen_peer_hear(p)) {
        unsigned n = 1;
        struct buf answers = {0};

        while (axigen_peer_has_more(p, 5) && *axigen_peer_hear(p))
            n++;
        if (n > *most)
            *most = n;
        for (unsigned i = 0; i < n; i++)
            buf_puts(&answers, "+OK: done\r\n<#> ");
        axigen_peer_say_bytes(p, answers.p, answers.len);
        buf_free(&answers);
    }
}

Test(axigen_session, window_is_never_larger_than_the_depth)
{
    atomic_uint most = 0;
    struct talk *t = talk_start(serve_bursts, &most, NULL);
    struct wire_command c = {0};
    struct axigen_counters before, after;
    unsigned received = 0;

    t->settings.depth = 7;
    cr_assert_eq(axigen_session_open(t->session, &t->settings, &t->e), 0, "%s", t->e.text);
    before = axigen_session_counters(t->session);
    for (unsigned sent = 0; received < 70; received++) {
        for (; sent < 70 && axigen_session_room(t->session) > 0; sent++)
            talk_send(t, "SET firstName z", NULL);
        if (sent - received == 7) {
            wire_words(&c, "SET x");
            wire_end(&c, &t->e);
            cr_assert_eq(axigen_session_send(t->session, &c, NULL, NULL, &t->e), -1);
            cr_assert_eq(t->e.class, ERR_INTERNAL);
            cr_assert(axigen_session_is_open(t->session));
            wire_command_reset(&c);
        }
        cr_assert(talk_receive(t).ok);
    }
    after = axigen_session_counters(t->session);
    cr_assert_eq(most, 7u);
    cr_assert_eq(after.commands - before.commands, 70u);
    cr_assert_lt(after.round_trips - before.round_trips, 70u);
    cr_assert_eq(after.bytes_out - before.bytes_out, 70 * strlen("SET firstName z\r\n"));
    cr_assert_eq(after.bytes_in - before.bytes_in, 70 * strlen("+OK: done\r\n<#> "));
    wire_command_free(&c);
    talk_end(&t);
}

/* Says much more than it hears, and does not read on before that is said. */
static void serve_talkative(struct axigen_peer *p, void *ctx)
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

static void large_pipeline(struct talk *t)
{
    char *value = malloc(WIRE_VALUE_MAX);
    struct wire_command c = {0};

    memset(value, 'v', WIRE_VALUE_MAX);
    t->settings.depth = 300;
    cr_assert_eq(axigen_session_open(t->session, &t->settings, &t->e), 0, "%s", t->e.text);
    for (int i = 0; i < 300; i++) {
        wire_words(&c, "SET homeAddress");
        wire_value(&c, slice_make(value, WIRE_VALUE_MAX));
        cr_assert_eq(wire_end(&c, &t->e), 0);
        cr_assert_eq(axigen_session_send(t->session, &c, NULL, NULL, &t->e), 0, "%s", t->e.text);
        wire_command_reset(&c);
    }
    for (int i = 0; i < 300; i++)
        cr_assert(talk_receive(t).ok);
    wire_command_free(&c);
    free(value);
}

Test(axigen_session, large_pipelines_do_not_lock_up)
{
    struct talk *t = talk_start(serve_talkative, NULL, NULL);

    large_pipeline(t);
    talk_end(&t);
}

/* Answers two of three, then closes: what was answered counts. */
static void answer_two(struct axigen_peer *p, void *ctx)
{
    (void)ctx;
    if (!axigen_peer_login(p))
        return;
    for (int i = 0; i < 3; i++)
        axigen_peer_hear(p);
    axigen_peer_say(p, "+OK: one\r\n<#> -ERR: two\r\n<#> -ERR: too many errors\r\n");
}

Test(axigen_session, answers_before_a_close_count)
{
    struct talk *t = talk_open(answer_two, NULL);
    struct axigen_cursors c;

    for (int i = 0; i < 3; i++)
        talk_send(t, "SET firstName z", NULL);
    cr_assert(talk_receive(t).ok);
    cr_assert_not(talk_receive(t).ok);
    talk_expect_no_answer(t, AXIGEN_CLOSED, "too many errors");
    c = axigen_session_cursors(t->session);
    cr_assert(c.sent == c.queued && c.received + 1 == c.sent);
    talk_end(&t);
}

/* Answers one, and closes while the client still sends. */
static void answer_one(struct axigen_peer *p, void *ctx)
{
    atomic_bool *over = ctx;

    if (!axigen_peer_login(p))
        return;
    axigen_peer_hear(p);
    axigen_peer_say(p, "+OK: one\r\n<#> ");
    axigen_peer_hang_up(p);
    *over = true;
    axigen_peer_wait_for_close(p);
}

Test(axigen_session, answers_before_a_failed_write_count)
{
    atomic_bool over = false;
    struct talk *t = talk_open(answer_one, &over);
    struct wire_command c = {0};
    char *value = mem_alloc(WIRE_VALUE_MAX);

    memset(value, 'v', WIRE_VALUE_MAX);
    wire_words(&c, "SET homeAddress");
    wire_value(&c, slice_make(value, WIRE_VALUE_MAX));
    cr_assert_eq(wire_end(&c, &t->e), 0);
    for (int i = 0; i < 3; i++) { /* each is long enough to be sent at once */
        cr_assert_eq(axigen_session_send(t->session, &c, NULL, NULL, &t->e), 0, "%s", t->e.text);
        while (!over)
            poll(NULL, 0, 1);
    }
    cr_assert_str_eq(talk_receive(t).text, "one");
    talk_expect_no_answer(t, AXIGEN_CLOSED, "closed");
    wire_command_free(&c);
    free(value);
    talk_end(&t);
}

/* Ten commands, answered at once: one wait. */
static void answer_ten(struct axigen_peer *p, void *ctx)
{
    struct buf answers = {0};

    (void)ctx;
    if (!axigen_peer_login(p))
        return;
    for (int i = 0; i < 10; i++) {
        axigen_peer_hear(p);
        buf_puts(&answers, "+OK: done\r\n<#> ");
    }
    axigen_peer_say_bytes(p, answers.p, answers.len);
    buf_free(&answers);
    axigen_peer_wait_for_close(p);
}

Test(axigen_session, a_pipeline_is_one_round_trip)
{
    struct talk *t = talk_open(answer_ten, NULL);
    uint64_t before = axigen_session_counters(t->session).round_trips;

    for (int i = 0; i < 10; i++)
        talk_send(t, "SET firstName z", NULL);
    for (int i = 0; i < 10; i++)
        talk_receive(t);
    cr_assert_eq(axigen_session_counters(t->session).round_trips, before + 1);
    talk_end(&t);
}

/* ---- Data ---- */

#define ROWS "\r\ntitle\r\n+OK: fake\r\n<#> \r\n<#> row\r\n\r\n"

static void serve_data(struct axigen_peer *p, void *ctx)
{
    const char *line;

    (void)ctx;
    if (!axigen_peer_login(p))
        return;
    while (*(line = axigen_peer_hear(p))) {
        if (strcmp(line, "LIST Domains") == 0)
            axigen_peer_say(p, ROWS "+OK: listed\r\n<#> ");
        else if (strcmp(line, "LIST torn") == 0)
            axigen_peer_say(p, "notes = \"\r\n+OK: fake\r\n<#> ");
        else if (strcmp(line, "SET torn") == 0)
            axigen_peer_say(p, "\r\nmore of it\"\r\n\r\n+OK: listed\r\n<#> ");
        else
            axigen_peer_say(p, strncmp(line, "LIST", 4) == 0 ? "-ERR: no such list\r\n<#> "
                                                             : "by the way\r\n+OK: done\r\n<#> ");
    }
}

Test(axigen_session, data)
{
    struct talk *t = talk_open(serve_data, NULL);
    struct axigen_answer a = talk_ask(t, "LIST Domains");

    cr_assert(a.ok);
    cr_assert_str_eq(a.text, "listed");
    cr_assert(slice_eq(a.data, slice_of(ROWS)));
    a = talk_ask(t, "LIST Nothing");
    cr_assert_not(a.ok);
    cr_assert_str_eq(a.text, "no such list");
    cr_assert_eq(a.data.len, 0u);
    talk_end(&t);
}

Test(axigen_session, data_goes_alone)
{
    struct talk *t = talk_open(serve_data, NULL);
    struct wire_command c = {0};
    struct axigen_answer a;

    wire_words(&c, "LIST Domains");
    cr_assert_eq(axigen_session_ask(t->session, &c, &a, &t->e), -1);
    cr_assert_eq(t->e.class, ERR_INTERNAL);
    cr_assert_eq(wire_end(&c, &t->e), 0);
    talk_send(t, "SET firstName z", NULL);
    cr_assert_eq(axigen_session_ask(t->session, &c, &a, &t->e), -1);
    cr_assert_eq(t->e.class, ERR_INTERNAL);
    cr_assert(talk_receive(t).ok);
    cr_assert_eq(axigen_session_receive(t->session, &a, &t->e), -1);
    cr_assert_eq(t->e.class, ERR_INTERNAL);
    cr_assert_eq(axigen_session_ask(t->session, &c, &a, &t->e), 0);
    wire_command_free(&c);
    talk_end(&t);
}

/* The rest of data whose end was mistaken must not pass for the next command's answer. */
Test(axigen_session, torn_data_ends_the_session)
{
    struct talk *t = talk_open(serve_data, NULL);

    cr_assert(talk_ask(t, "LIST torn").ok);
    talk_send(t, "SET torn", NULL);
    talk_expect_no_answer(t, AXIGEN_PROTOCOL, "lines that do not belong");
    talk_end(&t);
}

/* ---- Secrets ---- */

static void echo(struct axigen_peer *p, void *ctx)
{
    char answer[512];

    (void)ctx;
    if (!axigen_peer_login(p))
        return;
    snprintf(answer, sizeof(answer), "-ERR: can't do: %s\r\n<#> ", axigen_peer_hear(p));
    axigen_peer_say(p, answer);
    axigen_peer_hear(p);
    axigen_peer_say(p, "-ERR: a\"s3cret\\ is weak\r\n<domain#> ");
    axigen_peer_wait_for_close(p);
}

Test(axigen_session, secrets_are_blanked_in_what_comes_back)
{
    struct talk *t = talk_open(echo, NULL);
    struct wire_command c = {0};
    struct axigen_answer a;

    for (int i = 0; i < 2; i++) {
        wire_words(&c, "ADD Account name x password");
        wire_secret(&c, slice_of("a\"s3cret\\"));
        cr_assert_eq(wire_end(&c, &t->e), 0);
        cr_assert_eq(axigen_session_send(t->session, &c, WIRE_ACCOUNT, NULL, &t->e), 0);
        wire_command_reset(&c);
    }
    a = talk_receive(t);
    cr_assert_str_eq(a.text, "can't do: ADD Account name x password ***");
    talk_expect_no_answer(t, AXIGEN_PROTOCOL,
                          "after \"ADD Account name x password ***\" in <#>: another prompt: \"-ERR: *** is weak");
    wire_command_free(&c);
    talk_end(&t);
}

Test(axigen_session, transcript)
{
    struct talk *t = talk_open(serve_contexts, NULL);
    struct buf b = {0};

    axigen_session_transcript(t->session, &b);
    cr_assert_str_eq(buf_str(&b),
                     "< (19 bytes of data)  <login>\n> SET CONSOLE-CODES off\n< +OK: command successful <login>\n"
                     "> USER admin\n<  <password>\n> ***\n< +OK: login successful <#>\n");
    for (int i = 0; i < 100; i++) {
        talk_send(t, "SET firstName z", NULL);
        talk_receive(t);
    }
    buf_reset(&b);
    axigen_session_transcript(t->session, &b);
    cr_assert_eq(b.len, 25 * strlen("> SET firstName z\n< +OK: done <#>\n"));
    buf_free(&b);
    talk_end(&t);
}

/* ---- Stop ---- */

/* The contract of a sink. The wait itself ends in 100 ms, but a loaded machine, sanitizers and giving back the system's
 * certificates add to it. */
#define STOP_MS 1000

struct quiet {
    bool logs_in;
    bool hears;          /* waits for some bytes first */
    atomic_bool reached; /* the client can only wait now */
    atomic_bool *stop;
    int64_t stopped_ms;
};

static void say_nothing(struct axigen_peer *p, void *ctx)
{
    struct quiet *q = ctx;

    if (q->logs_in && axigen_peer_login(p))
        axigen_peer_hear(p);
    if (q->hears)
        axigen_peer_has_more(p, 20000);
    q->reached = true;
    axigen_peer_wait_for_close(p);
}

static void *stop_when_reached(void *arg)
{
    struct quiet *q = arg;

    while (!q->reached)
        poll(NULL, 0, 1);
    q->stopped_ms = clock_mono_ms();
    *q->stop = true;
    return NULL;
}

Test(axigen_session, stop_ends_a_wait_for_an_answer)
{
    struct quiet q = {.logs_in = true};
    struct talk *t = talk_open(say_nothing, &q);
    pthread_t thread;

    q.stop = &t->stop;
    talk_send(t, "UPDATE Domain name x", WIRE_DOMAIN);
    pthread_create(&thread, NULL, stop_when_reached, &q);
    talk_expect_no_answer(t, AXIGEN_STOPPED, "stopped");
    pthread_join(thread, NULL);
    cr_assert_lt(clock_mono_ms() - q.stopped_ms, STOP_MS);
    talk_end(&t);
}

static void expect_stop_while_opening(bool tls)
{
    struct quiet q = {.hears = tls};
    struct talk *t = talk_start(say_nothing, &q, NULL);
    pthread_t thread;

    q.stop = &t->stop;
    t->settings.conn.tls = tls;
    pthread_create(&thread, NULL, stop_when_reached, &q);
    talk_expect_not_open(t, AXIGEN_STOPPED, "stopped");
    pthread_join(thread, NULL);
    cr_assert_lt(clock_mono_ms() - q.stopped_ms, STOP_MS);
    talk_end(&t);
}

Test(axigen_session, stop_ends_a_login)
{
    expect_stop_while_opening(false);
}

Test(axigen_session, stop_ends_a_handshake)
{
    expect_stop_while_opening(true);
}
