#include "axigen_exchange.h"

#include <string.h>

static int refused(struct axigen_session *s, const char *words, struct err *e)
{
    err_set(e, ERR_UNAVAILABLE, "login refused: %s", words);
    return exchange_drop(s, AXIGEN_LOGIN_REFUSED, e);
}

/* Sends one line of the login. 0 with the answer; -1: it can't be sent, or the session is over. */
static int login_line(struct axigen_session *s, struct wire_command *c, enum wire_until until, const char *leads_to,
                      struct wire_answer *a, struct err *e)
{
    if (wire_end(c, e) < 0) {
        e->class = ERR_CONFIG;
        return exchange_drop(s, AXIGEN_LOCAL, e);
    }
    exchange_queue(s, c, leads_to);
    return exchange_receive(s, until, a, e);
}

static int expect_login(struct axigen_session *s, struct err *e)
{
    struct wire_answer a;

    if (exchange_receive(s, WIRE_PROMPT, &a, e) < 0)
        return s->failure == AXIGEN_TIMEOUT
                   ? err_add(e, "no <login> came: is this the CLI's port, and does it want TLS?")
                   : -1;
    s->context = WIRE_LOGIN;
    return exchange_check(s, WIRE_PROMPT, &a, WIRE_LOGIN, e);
}

/* Whether it is refused is all the same: no colours are the aim, and those that come are taken out. */
static int no_colours(struct axigen_session *s, struct wire_command *c, struct err *e)
{
    struct wire_answer a;

    wire_words(c, "SET CONSOLE-CODES off");
    if (login_line(s, c, WIRE_STATUS, NULL, &a, e) < 0 || exchange_check(s, WIRE_STATUS, &a, WIRE_LOGIN, e) < 0)
        return -1;
    exchange_answered(s, WIRE_LOGIN, WIRE_STATUS);
    return 0;
}

/* Before the login it may be asked; a server that refuses has none to tell. */
static int ask_version(struct axigen_session *s, struct wire_command *c, char *version, struct err *e)
{
    struct wire_answer a;
    struct slice line;

    version[0] = '\0';
    wire_words(c, "GET VERSION");
    if (login_line(s, c, WIRE_DATA, NULL, &a, e) < 0 || exchange_check(s, WIRE_DATA, &a, WIRE_LOGIN, e) < 0)
        return -1;
    while (a.status == WIRE_OK && version[0] == '\0' && wire_line(&a.data, &line))
        wire_scrub(line, version, AXIGEN_VERSION_MAX);
    exchange_answered(s, WIRE_LOGIN, WIRE_DATA);
    wire_command_reset(c);
    return 0;
}

static bool is_plain(const char *user)
{
    return *user && strspn(user, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == strlen(user);
}

static int say_user(struct axigen_session *s, struct wire_command *c, const char *user, struct err *e)
{
    struct wire_answer a;

    wire_words(c, "USER");
    /* Bare, as everybody types it, if that is the same: whether the login's own parser knows quotes is not told
     * anywhere. */
    if (is_plain(user))
        wire_token(c, slice_of(user));
    else
        wire_value(c, slice_of(user));
    if (login_line(s, c, WIRE_PROMPT, WIRE_PASSWORD, &a, e) < 0)
        return -1;
    if (a.status == WIRE_REFUSED)
        return refused(s, a.text, e);
    if (exchange_check(s, WIRE_PROMPT, &a, WIRE_PASSWORD, e) < 0)
        return -1;
    exchange_answered(s, WIRE_PASSWORD, WIRE_PROMPT);
    return 0;
}

static int say_password(struct axigen_session *s, struct wire_command *c, struct slice password, struct err *e)
{
    struct wire_answer a;

    wire_secret_line(c, password);
    if (login_line(s, c, WIRE_STATUS, WIRE_ROOT, &a, e) < 0)
        return -1;
    if (a.status == WIRE_REFUSED)
        return refused(s, a.text, e);
    if (exchange_check(s, WIRE_STATUS, &a, WIRE_ROOT, e) < 0)
        return -1;
    exchange_answered(s, WIRE_ROOT, WIRE_STATUS);
    return 0;
}

int exchange_login(struct axigen_session *s, const struct axigen_session_settings *settings, struct err *e)
{
    struct wire_command c = {0};
    int rc;

    s->logging_in = true;
    rc = expect_login(s, e);
    if (rc == 0)
        rc = no_colours(s, &c, e);
    wire_command_reset(&c);
    if (rc == 0 && settings->version)
        rc = ask_version(s, &c, settings->version, e);
    if (rc == 0)
        rc = say_user(s, &c, settings->user, e);
    wire_command_reset(&c);
    if (rc == 0)
        rc = say_password(s, &c, settings->password, e);
    wire_command_free(&c);
    s->logging_in = false;
    return rc;
}
