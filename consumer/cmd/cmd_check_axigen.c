/* `axsync check`, the part of an Axigen sink: login, version, rights, the domain. It looks, and changes nothing there.
 * Blocks, for the sink's timeout at most with each question. */
#include <stdlib.h>
#include <string.h>

#include "axigen_session.h"
#include "cmd_check.h"
#include "mem.h"
#include "text.h"

#define SHOWN 200 /* bytes of the permissions */

struct check_axigen {
    struct check *check;
    const struct config_sink *sink;
    struct axigen_session *session;
    struct wire_command c;
    struct arena arena;
};

/* Whether it is only on this machine that the password can be read. */
static bool is_near(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static void check_secrecy(struct check *c, const struct config_sink *s)
{
    if (!s->tls && !is_near(s->host))
        check_say(c, CHECK_WARNING, "sink \"%s\": no tls: the network can read the administrator's password", s->name);
}

static bool open_session(struct check_axigen *x)
{
    const struct config_sink *s = x->sink;
    char version[AXIGEN_VERSION_MAX] = "";
    struct axigen_session_settings settings = {
        .conn = {.host = s->host, .port = (uint16_t)s->port, .tls = s->tls, .ca_file = s->tls_ca_file, .timeout_s = s->timeout},
        .user = s->user,
        .password = slice_of(s->password),
        .depth = 1,
        .version = version,
    };
    struct err e = {0};

    if (axigen_session_open(x->session, &settings, &e) != 0) {
        check_say(x->check, CHECK_FAILED, "sink \"%s\": %s", s->name, e.text);
        return false;
    }
    check_say(x->check, CHECK_OK, "sink \"%s\": logged in at %s port %d as %s; Axigen %s", s->name, s->host, s->port, s->user,
              *version ? version : "of an unknown version");
    return true;
}

/* False: it was refused, or the session is over; then that is what is said, as `result`. */
static bool ask(struct check_axigen *x, enum check_result result, const char *what, struct axigen_answer *a)
{
    struct err e = {0};

    if (wire_end(&x->c, &e) == 0 && axigen_session_ask(x->session, &x->c, a, &e) == 0 && a->ok)
        return true;
    check_say(x->check, result, "sink \"%s\": %s: %s", x->sink->name, what, *e.text ? e.text : a->text);
    return false;
}

/* What the server says of it is for people: the words that it uses are known nowhere. */
static void check_rights(struct check_axigen *x)
{
    struct axigen_answer a = {0};
    struct wire_rows rows;
    struct slice row;
    struct buf list = {0};

    wire_command_reset(&x->c);
    wire_words(&x->c, "SHOW effective-permissions");
    if (!ask(x, CHECK_WARNING, "what it may do can't be seen", &a))
        return;
    rows = wire_table(a.data);
    while (wire_row_next(&rows, &row) && list.len < SHOWN)
        buf_printf(&list, "%s%.*s", list.len ? ", " : "", SLICE_ARG(row));
    if (list.len)
        check_say(x->check, CHECK_OK, "sink \"%s\": it may: %s", x->sink->name, buf_str(&list));
    else
        check_say(x->check, CHECK_WARNING, "sink \"%s\": the server names nothing that it may do", x->sink->name);
    buf_free(&list);
}

static void check_writer(struct check_axigen *x, const char *domain)
{
    struct axigen_answer a = {0};
    struct wire_attr attr;

    wire_command_reset(&x->c);
    wire_words(&x->c, "SHOW ATTR enableLDAPSync");
    if (!ask(x, CHECK_FAILED, "whether Axigen's own LDAP connector writes to the domain can't be seen", &a))
        return;
    if (wire_attr_find(a.data, "enableLDAPSync", &x->arena, &attr) && text_equal_nocase(attr.value, slice_of("yes")))
        check_say(x->check, CHECK_FAILED,
                  "sink \"%s\": Axigen's own LDAP connector writes to the domain %s (enableLDAPSync = yes): two writers "
                  "would undo each other's work, so all in it waits",
                  x->sink->name, domain);
    else
        check_say(x->check, CHECK_OK, "sink \"%s\": the domain %s is there, and has no other writer", x->sink->name, domain);
}

/* Its context is left by BACK, which saves nothing. */
static void check_domain(struct check_axigen *x, const char *domain)
{
    struct axigen_answer a = {0};
    struct err e = {0};

    wire_command_reset(&x->c);
    wire_words(&x->c, "UPDATE Domain name");
    wire_value(&x->c, slice_of(domain));
    if (wire_end(&x->c, &e) || axigen_session_send(x->session, &x->c, WIRE_DOMAIN, NULL, &e) ||
        axigen_session_receive(x->session, &a, &e)) {
        check_say(x->check, CHECK_FAILED, "sink \"%s\": %s", x->sink->name, e.text);
        return;
    }
    if (!a.ok) {
        check_say(x->check, CHECK_FAILED, "sink \"%s\": the domain %s can't be opened: %s", x->sink->name, domain, a.text);
        return;
    }
    check_writer(x, domain);
    if (!axigen_session_is_open(x->session))
        return;
    wire_command_reset(&x->c);
    wire_words(&x->c, "BACK");
    if (wire_end(&x->c, &e) || axigen_session_send(x->session, &x->c, WIRE_ROOT, NULL, &e) ||
        axigen_session_receive(x->session, &a, &e))
        check_say(x->check, CHECK_FAILED, "sink \"%s\": %s", x->sink->name, e.text);
}

void check_axigen(struct check *c, const struct config_sink *sink, const char *domain)
{
    static const atomic_bool never;
    struct check_axigen x = {.check = c, .sink = sink, .session = axigen_session_new(sink->name, &never)};

    check_secrecy(c, sink);
    if (open_session(&x)) {
        check_rights(&x);
        if (*domain && axigen_session_is_open(x.session))
            check_domain(&x, domain);
    }
    wire_command_free(&x.c);
    arena_free(&x.arena);
    axigen_session_free(&x.session);
}
