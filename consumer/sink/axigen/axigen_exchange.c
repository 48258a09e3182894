#include "axigen_exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "step.h"
#include "text.h"

#define CAME_MAX 300u    /* of what came, in an error */
#define SHOW_FROM 65536u /* bytes that are looked at for it */
#define DATA_PATIENCE 10 /* timeouts that a whole answer with data may take, while some of it comes in each */

static struct unanswered *slot(const struct axigen_session *s, uint64_t number)
{
    return &s->window[number % s->depth];
}

/* ---- The end of a session ---- */

static void free_window(struct axigen_session *s)
{
    for (unsigned i = 0; i < s->depth; i++)
        wire_free_wiped(&s->window[i].secret);
    free(s->window);
    s->window = NULL;
    s->depth = 0;
}

void exchange_hang_up(struct axigen_session *s, enum axigen_failure why)
{
    axigen_conn_close(&s->conn);
    free_window(s);
    wire_free_wiped(&s->out);
    buf_free(&s->in);
    wire_splitter_free(&s->splitter);
    s->context = "";
    s->failure = why;
}

/* raw as a line for people, with no secret of a command that is under way. */
static char *show(const struct axigen_session *s, struct slice raw, char *out, size_t size)
{
    struct buf text = {0};
    size_t n = raw.len > SHOW_FROM ? SHOW_FROM : raw.len;

    wire_add_wiped(&text, slice_make(raw.p, n));
    for (uint64_t i = s->received + 1; i <= s->queued; i++)
        wire_blank(&text, buf_slice(&slot(s, i)->secret));
    if (n < raw.len) /* a secret may have been cut in two there */
        text.len -= text.len > 2 * WIRE_SECRET_MAX ? 2 * WIRE_SECRET_MAX : text.len;
    wire_scrub(buf_slice(&text), out, size);
    wire_free_wiped(&text);
    return out;
}

int exchange_drop(struct axigen_session *s, enum axigen_failure why, struct err *e)
{
    char came[CAME_MAX];
    const char *line;

    show(s, wire_left(&s->splitter), came, sizeof(came));
    if (came[0] && why != AXIGEN_LOGIN_REFUSED) {
        size_t n = strlen(e->text);

        snprintf(e->text + n, sizeof(e->text) - n, "; what came: \"%s\"", came);
        transcript_add(&s->transcript, '<', slice_of(came));
    }
    if (s->queued > s->received && why != AXIGEN_LOGIN_REFUSED)
        err_add(e, "after \"%s\" in <%s>", slot(s, s->received + 1)->shown, s->context);
    err_add(e, "%s", s->peer);
    for (size_t i = 0; why != AXIGEN_STOPPED && (line = transcript_line(&s->transcript, i)) != NULL; i++)
        log_debug(s->subject, "transcript: %s", line);
    exchange_hang_up(s, why);
    return -1;
}

/* ---- Bytes ---- */

static void feed(struct axigen_session *s)
{
    s->counters.bytes_in += s->in.len;
    wire_feed(&s->splitter, buf_slice(&s->in));
    buf_reset(&s->in);
}

/* Takes in all that is here, or more of it than any answer may have. */
static int drain(struct axigen_session *s, struct err *e, enum axigen_failure *why)
{
    int rc;

    do {
        rc = axigen_conn_look(s->conn, &s->in, e, why);
        feed(s);
    } while (rc > 0 && wire_left(&s->splitter).len <= WIRE_ANSWER_MAX);
    return rc < 0 ? -1 : 0;
}

static int flush(struct axigen_session *s, struct err *e, enum axigen_failure *why)
{
    int rc;

    if (s->out.len == 0)
        return 0;
    if (s->received == s->sent) {
        if (drain(s, e, why) < 0)
            return -1;
        if (wire_left(&s->splitter).len > 0) {
            *why = AXIGEN_PROTOCOL;
            return err_set(e, ERR_DATA, "something came that nobody asked for");
        }
    }
    s->sent = s->queued;
    s->counters.bytes_out += s->out.len;
    STEP_POINT(axigen_send_before);
    rc = axigen_conn_write(s->conn, buf_slice(&s->out), &s->in, e, why);
    STEP_POINT(axigen_send_after);
    wire_reset_wiped(&s->out);
    feed(s);
    /* Whole answers may still lie in what has arrived: who reads on to the end finds the close behind them. */
    return rc < 0 && *why != AXIGEN_CLOSED ? -1 : 0;
}

int exchange_flush(struct axigen_session *s, struct err *e)
{
    enum axigen_failure why = AXIGEN_FINE;

    return flush(s, e, &why) < 0 ? exchange_drop(s, why, e) : 0;
}

/* ---- Waiting for an answer ---- */

struct patience {
    int64_t next_ms; /* until when the next bytes must be here */
    int64_t end_ms;  /* until when the whole answer must be */
};

static struct patience patience(const struct axigen_session *s, enum wire_until until)
{
    int64_t now = clock_mono_ms();

    return (struct patience){now + s->timeout_ms, now + s->timeout_ms * (until == WIRE_DATA ? DATA_PATIENCE : 1)};
}

static int read_more(struct axigen_session *s, struct patience *p, enum wire_until until, struct err *e,
                     enum axigen_failure *why)
{
    int rc = axigen_conn_read(s->conn, &s->in, p->next_ms, e, why);

    feed(s);
    p->next_ms = clock_mono_ms() + s->timeout_ms;
    if (p->next_ms > p->end_ms)
        p->next_ms = p->end_ms;
    /* A close that stands behind an answer is found when the next one is waited for. */
    if (rc == 0 && until != WIRE_STATUS)
        drain(s, e, why);
    return rc;
}

/* A refused login may be followed by a close instead of a prompt. */
static bool is_last_refusal(struct axigen_session *s, struct wire_answer *a)
{
    return s->logging_in && wire_take_last(&s->splitter, a) && a->status == WIRE_REFUSED;
}

/* -1: no answer came, *why tells; the session is not dropped yet. */
static int wait_answer(struct axigen_session *s, enum wire_until until, struct wire_answer *a, struct err *e,
                       enum axigen_failure *why)
{
    struct patience p = patience(s, until);
    bool waited = false;
    enum wire_next next;

    if (s->received == s->sent && flush(s, e, why) < 0)
        return -1;
    if (until != WIRE_STATUS)
        drain(s, e, why);
    while ((next = wire_take(&s->splitter, until, a)) == WIRE_MORE) {
        if (s->out.len > 0) {
            if (flush(s, e, why) < 0)
                return -1;
            continue;
        }
        s->counters.round_trips += !waited;
        waited = true;
        if (read_more(s, &p, until, e, why) < 0)
            return *why == AXIGEN_CLOSED && is_last_refusal(s, a) ? 0 : -1;
    }
    if (next == WIRE_ANSWER)
        return 0;
    *why = AXIGEN_PROTOCOL;
    return err_set(e, ERR_DATA, "a line or an answer is too long");
}

/* ---- Judging an answer ---- */

/* What looked like the end of data may have been part of it. What was left of the data then passes for the beginning of
 * the next command's answer, and shows by lines there. Elsewhere they are let pass: some servers say more than others.
 */
static bool has_stray_lines(const struct axigen_session *s, struct slice data)
{
    struct slice line;

    while (s->after_data && wire_line(&data, &line))
        if (line.len > 0)
            return true;
    return false;
}

/* NULL: it is what was expected. */
static const char *objection(const struct axigen_session *s, const struct wire_answer *a, const char *expected,
                             enum wire_until until)
{
    if (!text_equal_nocase(slice_of(a->context), slice_of(expected)))
        return "another prompt";
    if (until == WIRE_STATUS && has_stray_lines(s, a->data))
        return "lines that do not belong to this answer";
    if (s->received + 1 >= s->sent && wire_left(&s->splitter).len > 0)
        return "more than the answer";
    return NULL;
}

static const char *status_word(enum wire_status status)
{
    return status == WIRE_OK ? "+OK: " : status == WIRE_REFUSED ? "-ERR: " : "";
}

static void note_answer(struct axigen_session *s, const struct wire_answer *a)
{
    char line[WIRE_TEXT_MAX + WIRE_CONTEXT_MAX + 64], data[48] = "";

    if (a->data.len > 0)
        snprintf(data, sizeof(data), "(%zu bytes of data) ", a->data.len);
    snprintf(line, sizeof(line), "%s%s%s <%s>", data, status_word(a->status), a->text, a->context);
    transcript_add(&s->transcript, '<', slice_of(line));
}

int exchange_receive(struct axigen_session *s, enum wire_until until, struct wire_answer *a, struct err *e)
{
    enum axigen_failure why = AXIGEN_FINE;

    if (wait_answer(s, until, a, e, &why) < 0)
        return exchange_drop(s, why, e);
    show(s, a->words, a->text, sizeof(a->text));
    note_answer(s, a);
    return 0;
}

int exchange_check(struct axigen_session *s, enum wire_until until, const struct wire_answer *a, const char *expected,
                   struct err *e)
{
    const char *what = objection(s, a, expected, until);

    if (what == NULL)
        return 0;
    err_set(e, ERR_DATA, "%s: \"%s%s <%s>\" where <%s> was expected", what, status_word(a->status), a->text, a->context,
            expected);
    return exchange_drop(s, AXIGEN_PROTOCOL, e);
}

/* ---- Commands ---- */

void exchange_queue(struct axigen_session *s, const struct wire_command *command, const char *leads_to)
{
    struct unanswered *u = slot(s, ++s->queued);

    u->leads_to = leads_to;
    wire_scrub(buf_slice(&command->shown), u->shown, sizeof(u->shown));
    wire_reset_wiped(&u->secret);
    wire_add_wiped(&u->secret, buf_slice(&command->secret));
    wire_add_wiped(&s->out, buf_slice(&command->text));
    transcript_add(&s->transcript, '>', buf_slice(&command->shown));
}

void exchange_answered(struct axigen_session *s, const char *context, enum wire_until until)
{
    s->context = context;
    wire_reset_wiped(&slot(s, ++s->received)->secret);
    s->after_data = until == WIRE_DATA;
}
