#include "axigen_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

#define FLUSH_BYTES 32768u /* more queued bytes are not kept for the next wait */

/* ---- Life ---- */

struct axigen_session *axigen_session_new(const char *subject, const atomic_bool *stop)
{
    struct axigen_session *s = mem_alloc(sizeof(*s));

    s->subject = subject;
    s->stop = stop;
    s->context = "";
    return s;
}

void axigen_session_free(struct axigen_session **s)
{
    if (*s == NULL)
        return;
    axigen_session_close(*s);
    free(*s);
    *s = NULL;
}

static void prepare(struct axigen_session *s, const struct axigen_session_settings *settings)
{
    exchange_hang_up(s, AXIGEN_FINE);
    s->depth = settings->depth < 1 ? 1 : settings->depth > AXIGEN_DEPTH_MAX ? AXIGEN_DEPTH_MAX : settings->depth;
    s->window = mem_alloc(s->depth * sizeof(*s->window));
    s->received = s->sent = s->queued;
    s->after_data = false;
    s->timeout_ms = (int64_t)settings->conn.timeout_s * 1000;
    snprintf(s->peer, sizeof(s->peer), "%s port %u", settings->conn.host, settings->conn.port);
}

int axigen_session_open(struct axigen_session *s, const struct axigen_session_settings *settings, struct err *e)
{
    enum axigen_failure why;

    prepare(s, settings);
    s->conn = axigen_conn_open(&settings->conn, s->stop, e, &why);
    if (s->conn == NULL)
        return exchange_drop(s, why, e);
    if (exchange_login(s, settings, e) < 0)
        return -1;
    s->counters.logins++;
    return 0;
}

void axigen_session_close(struct axigen_session *s)
{
    static const char words[] = "EXIT\r\n";
    enum axigen_failure why, failure = s->conn ? AXIGEN_FINE : s->failure;
    struct err e;

    /* Out of politeness; the answer is of no use. */
    if (s->conn && s->queued == s->received)
        axigen_conn_write(s->conn, slice_of(words), &s->in, &e, &why);
    exchange_hang_up(s, failure);
}

/* ---- Commands ---- */

static int not_now(struct err *e, const char *what)
{
    return err_set(e, ERR_INTERNAL, "Axigen session: %s", what);
}

static int next_answer(struct axigen_session *s, enum wire_until until, struct axigen_answer *out, struct err *e)
{
    const char *leads_to = s->window[(s->received + 1) % s->depth].leads_to;
    struct wire_answer a;
    const char *expected;

    if (exchange_receive(s, until, &a, e) < 0)
        return -1;
    expected = a.status == WIRE_OK && leads_to ? leads_to : s->context;
    if (exchange_check(s, until, &a, expected, e) < 0)
        return -1;
    *out = (struct axigen_answer){
        .number = s->received + 1, .ok = a.status == WIRE_OK, .ran_in = s->context, .data = a.data};
    memcpy(out->text, a.text, sizeof(out->text));
    exchange_answered(s, expected, until);
    return 0;
}

int axigen_session_send(struct axigen_session *s, const struct wire_command *command, const char *leads_to,
                        uint64_t *number_r, struct err *e)
{
    if (!command->ended)
        return not_now(e, "the command is not complete");
    if (axigen_session_room(s) == 0)
        return not_now(e, s->conn ? "no room for a command" : "not open");
    exchange_queue(s, command, leads_to);
    s->counters.commands++;
    if (number_r)
        *number_r = s->queued;
    return s->out.len >= FLUSH_BYTES ? exchange_flush(s, e) : 0;
}

int axigen_session_receive(struct axigen_session *s, struct axigen_answer *a, struct err *e)
{
    if (s->conn == NULL || s->queued == s->received)
        return not_now(e, s->conn ? "no command is unanswered" : "not open");
    return next_answer(s, WIRE_STATUS, a, e);
}

int axigen_session_ask(struct axigen_session *s, const struct wire_command *command, struct axigen_answer *a,
                       struct err *e)
{
    if (!command->ended || s->conn == NULL || s->queued != s->received)
        return not_now(e, !command->ended ? "the command is not complete"
                          : s->conn       ? "data was asked for ahead of an answer"
                                          : "not open");
    exchange_queue(s, command, NULL);
    s->counters.commands++;
    return next_answer(s, WIRE_DATA, a, e);
}

/* ---- Looking ---- */

bool axigen_session_is_open(const struct axigen_session *s)
{
    return s->conn != NULL;
}

enum axigen_failure axigen_session_failure(const struct axigen_session *s)
{
    return s->failure;
}

const char *axigen_session_context(const struct axigen_session *s)
{
    return s->context;
}

unsigned axigen_session_room(const struct axigen_session *s)
{
    return s->conn ? s->depth - (unsigned)(s->queued - s->received) : 0;
}

struct axigen_cursors axigen_session_cursors(const struct axigen_session *s)
{
    return (struct axigen_cursors){s->queued, s->sent, s->received};
}

struct axigen_counters axigen_session_counters(const struct axigen_session *s)
{
    return s->counters;
}

void axigen_session_transcript(const struct axigen_session *s, struct buf *out)
{
    const char *line;

    for (size_t i = 0; (line = transcript_line(&s->transcript, i)) != NULL; i++)
        buf_printf(out, "%s\n", line);
}
