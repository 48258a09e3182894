/* Every way in which a server can say something else than expected: the session is over, and tells why. */
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>

#include "axigen_talk.h"
#include "clock.h"

/* ---- In answer to one command ---- */

struct say {
    const char *name;
    const char *text;
    bool close;
    enum axigen_failure why;
    const char *words;
};

static const struct say surprises[] = {
    {"other prompt", "+OK: done\r\n<domain-account#> ", false, AXIGEN_PROTOCOL,
     "another prompt: \"+OK: done <domain-account#>\""},
    {"prompt of OK after a refusal", "-ERR: no\r\n<domain#> ", false, AXIGEN_PROTOCOL, "where <#> was expected"},
    {"logged out", "-ERR: no\r\n<login> ", false, AXIGEN_PROTOCOL, "another prompt"},
    {"prompt stays after OK", "+OK: done\r\n<#> ", false, AXIGEN_PROTOCOL, "where <domain#> was expected"},
    {"two answers", "+OK\r\n<domain#> +OK: x\r\n<domain#> ", false, AXIGEN_PROTOCOL, "more than the answer"},
    {"garbage behind", "+OK\r\n<domain#> \r\n", false, AXIGEN_PROTOCOL, "more than the answer"},
    {"garbage and a close", "\x01\x02 what?\r\n", true, AXIGEN_CLOSED, "what came: \"?? what?"},
    {"half an answer and a close", "+OK: do", true, AXIGEN_CLOSED, "what came: \"+OK: do\""},
    {"no prompt and a close", "+OK: done\r\n", true, AXIGEN_CLOSED, "+OK: done"},
    {"close", "", true, AXIGEN_CLOSED, "after \"UPDATE Domain name x\" in <#>: the server closed"},
    {"silence", "", false, AXIGEN_TIMEOUT, "after \"UPDATE Domain name x\" in <#>: no progress"},
    {"no prompt", "+OK: done\r\n", false, AXIGEN_TIMEOUT, "what came: \"+OK: done"},
    {"half a prompt", "+OK: done\r\n<domain", false, AXIGEN_TIMEOUT, "<domain"},
    {"no status line", "<domain#> ", false, AXIGEN_TIMEOUT, "<domain#>"},
};

static void say_it(struct axigen_peer *p, void *ctx)
{
    const struct say *say = ctx;

    if (!axigen_peer_login(p) || *axigen_peer_hear(p) == '\0')
        return;
    axigen_peer_say(p, say->text);
    if (!say->close)
        axigen_peer_wait_for_close(p);
}

Test(axigen_surprise, answers)
{
    for (size_t i = 0; i < sizeof(surprises) / sizeof(*surprises); i++) {
        struct talk *t = talk_start(say_it, (void *)&surprises[i], NULL);
        struct axigen_cursors c;

        t->settings.conn.timeout_s = surprises[i].why == AXIGEN_TIMEOUT ? 1 : 20;
        cr_assert_eq(axigen_session_open(t->session, &t->settings, &t->e), 0, "%s", t->e.text);
        talk_send(t, "UPDATE Domain name x", WIRE_DOMAIN);
        talk_expect_no_answer(t, surprises[i].why, surprises[i].words);
        c = axigen_session_cursors(t->session);
        cr_assert(c.sent == c.queued && c.received + 1 == c.sent, "%s", surprises[i].name);
        talk_end(&t);
    }
}

static void say_long_line(struct axigen_peer *p, void *ctx)
{
    static char text[WIRE_LINE_MAX * 2];

    (void)ctx;
    memset(text, 'x', sizeof(text));
    axigen_peer_login(p);
    axigen_peer_hear(p);
    axigen_peer_say_bytes(p, text, sizeof(text));
    axigen_peer_wait_for_close(p);
}

Test(axigen_surprise, over_long)
{
    struct talk *t = talk_open(say_long_line, NULL);

    talk_send(t, "UPDATE Domain name x", WIRE_DOMAIN);
    talk_expect_no_answer(t, AXIGEN_PROTOCOL, "too long");
    talk_end(&t);
}

/* A line now and then, for ever: whoever waits for silence waits for ever too. */
static void drip(struct axigen_peer *p, void *ctx)
{
    atomic_bool *over = ctx;

    axigen_peer_login(p);
    axigen_peer_hear(p);
    while (!*over) {
        axigen_peer_say(p, "wait\r\n");
        poll(NULL, 0, 20);
    }
}

Test(axigen_surprise, an_answer_without_end)
{
    atomic_bool over = false;
    struct talk *t = talk_start(drip, &over, NULL);
    int64_t begin;

    t->settings.conn.timeout_s = 1;
    cr_assert_eq(axigen_session_open(t->session, &t->settings, &t->e), 0, "%s", t->e.text);
    talk_send(t, "UPDATE Domain name x", WIRE_DOMAIN);
    begin = clock_mono_ms();
    talk_expect_no_answer(t, AXIGEN_TIMEOUT, "no progress in time");
    cr_assert_lt(clock_mono_ms() - begin, 5000);
    over = true;
    talk_end(&t);
}

/* ---- While nothing is asked ---- */

struct later {
    const char *text;      /* NULL: closes */
    atomic_bool logged_in; /* the client knows */
    atomic_bool said;
};

static void wait_until(atomic_bool *flag)
{
    while (!*flag)
        poll(NULL, 0, 1);
}

static void say_later(struct axigen_peer *p, void *ctx)
{
    struct later *later = ctx;

    axigen_peer_login(p);
    wait_until(&later->logged_in);
    if (later->text)
        axigen_peer_say(p, later->text);
    else
        axigen_peer_hang_up(p);
    later->said = true;
    axigen_peer_wait_for_close(p);
}

/* What was not sent is told as not sent. */
static void expect_idle_surprise(const char *text, enum axigen_failure why, const char *words)
{
    struct later later = {.text = text};
    struct talk *t = talk_open(say_later, &later);
    struct axigen_cursors before = axigen_session_cursors(t->session), c;

    later.logged_in = true;
    wait_until(&later.said);
    talk_send(t, "UPDATE Domain name x", WIRE_DOMAIN);
    talk_expect_no_answer(t, why, words);
    c = axigen_session_cursors(t->session);
    cr_assert_eq(c.queued, before.queued + 1);
    cr_assert_eq(c.sent, before.sent);
    axigen_peer_join(t->peer);
    cr_assert_null(axigen_peer_line(t->peer, 3));
    talk_end(&t);
}

Test(axigen_surprise, between_commands)
{
    expect_idle_surprise("+OK: done\r\n<domain#> ", AXIGEN_PROTOCOL, "nobody asked for; what came: \"+OK: done");
    expect_idle_surprise("x", AXIGEN_PROTOCOL, "nobody asked for; what came: \"x\"");
    expect_idle_surprise(NULL, AXIGEN_CLOSED, "closed the connection");
}

/* ---- Login ---- */

struct login {
    const char *says[4]; /* in place of banner, answers to SET, USER, password; NULL: the right one */
    bool close;
    enum axigen_failure why;
    const char *words;
};

static const struct login logins[] = {
    {{NULL, NULL, NULL, "-ERR: authentication failed\r\n<login> "},
     false,
     AXIGEN_LOGIN_REFUSED,
     "login refused: authentication failed"},
    {{NULL, NULL, NULL, "-ERR: too many attempts\r\n"}, true, AXIGEN_LOGIN_REFUSED, "login refused: too many attempts"},
    {{NULL, NULL, NULL, "-ERR: not s3cret word\r\n<login> "}, false, AXIGEN_LOGIN_REFUSED, "login refused: not ***"},
    {{NULL, NULL, "-ERR: no such user\r\n<login> "}, false, AXIGEN_LOGIN_REFUSED, "login refused: no such user"},
    {{NULL, NULL, "-ERR: no more\r\n"}, true, AXIGEN_LOGIN_REFUSED, "login refused: no more"},
    {{NULL, NULL, NULL, "+OK: hello\r\n<login> "}, false, AXIGEN_PROTOCOL, "another prompt"},
    {{NULL, NULL, NULL, "+OK: hello\r\n<domain#> "}, false, AXIGEN_PROTOCOL, "another prompt"},
    {{NULL, NULL, NULL, "s3cret word\r\n"}, true, AXIGEN_CLOSED, "what came: \"***"},
    {{NULL, NULL, NULL, ""}, true, AXIGEN_CLOSED, "after \"***\" in <password>"},
    {{NULL, NULL, "+OK\r\n<#> "}, false, AXIGEN_PROTOCOL, "another prompt"},
    {{NULL, NULL, ""}, true, AXIGEN_CLOSED, "after \"USER admin\" in <login>"},
    {{NULL, "+OK\r\n<#> "}, false, AXIGEN_PROTOCOL, "another prompt"},
    {{NULL, "-ERR: go away\r\n"}, true, AXIGEN_PROTOCOL, "go away"},
    {{"<#> "}, false, AXIGEN_PROTOCOL, "where <login> was expected"},
    {{"220 mail ESMTP\r\n"}, true, AXIGEN_CLOSED, "220 mail ESMTP"},
    {{"220 mail ESMTP\r\n"}, false, AXIGEN_TIMEOUT, "is this the CLI's port"},
    {{""}, false, AXIGEN_TIMEOUT, "is this the CLI's port"},
    {{""}, true, AXIGEN_CLOSED, "closed"},
};

static void login_otherwise(struct axigen_peer *p, void *ctx)
{
    static const char *const right[] = {"Welcome\r\n<login> ", "+OK: done\r\n<login> ", "<password> ",
                                        "+OK: hello\r\n<#> "};
    const struct login *login = ctx;

    for (int i = 0; i < 4; i++) {
        if (i > 0 && *axigen_peer_hear(p) == '\0')
            return;
        axigen_peer_say(p, login->says[i] ? login->says[i] : right[i]);
        if (login->says[i] && login->close)
            return;
    }
    axigen_peer_wait_for_close(p);
}

Test(axigen_surprise, logins)
{
    for (size_t i = 0; i < sizeof(logins) / sizeof(*logins); i++) {
        struct talk *t = talk_start(login_otherwise, (void *)&logins[i], NULL);

        t->settings.conn.timeout_s = logins[i].why == AXIGEN_TIMEOUT ? 1 : 20;
        talk_expect_not_open(t, logins[i].why, logins[i].words);
        talk_end(&t);
    }
}

Test(axigen_surprise, password_that_cannot_be_sent)
{
    struct login right = {{NULL}, false, 0, NULL};
    struct talk *t = talk_start(login_otherwise, &right, NULL);

    t->settings.password = slice_of("a\nREMOVE Account name x");
    talk_expect_not_open(t, AXIGEN_LOCAL, "line end");
    cr_assert_eq(t->e.class, ERR_CONFIG);
    axigen_peer_join(t->peer);
    cr_assert_str_eq(axigen_peer_line(t->peer, 1), "USER admin");
    cr_assert_null(axigen_peer_line(t->peer, 2));
    talk_end(&t);
}

Test(axigen_surprise, nobody_there)
{
    struct talk *t = talk_open(say_later, &(struct later){.text = "", .logged_in = true});

    axigen_session_close(t->session);
    axigen_peer_join(t->peer);
    axigen_peer_stop_listening(t->peer);
    talk_expect_not_open(t, AXIGEN_UNREACHABLE, "Connection refused");
    t->settings.conn.host = "no.such.host.invalid";
    talk_expect_not_open(t, AXIGEN_UNREACHABLE, "no.such.host.invalid");
    talk_end(&t);
}
