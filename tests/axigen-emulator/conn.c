#include "conn.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "session.h"
#include "wire.h"

#define READ_SIZE 65536
#define LONGEST_LINE (1 << 20)
#define STAGE_SIZE 65536
#define GLUE_MS 20
#define LINGER_MS 500
#define QUEUE_LIMIT (4 << 20) /* a client that does not read its answers is not read either */

/* An answer on its way, not before its time. */
struct chunk {
    struct chunk *next;
    int64_t due, made;
    bool answer; /* to a command, not the greeting */
    size_t len;
    char bytes[];
};

struct conn {
    struct emu *emu;
    struct wire line;
    struct session *session;
    struct buf in;
    size_t in_at;       /* up to there the lines were handled */
    int64_t arrived;    /* when the last bytes came */
    int64_t busy_until; /* no next line before */
    struct chunk *head, **tail;
    size_t queued, queued_bytes;
    struct buf wire; /* what is being written */
    size_t wire_at, wire_answers;
    long received, answered; /* lines */
    bool closing, mute, dying, eof;
    int64_t linger_until; /* our side is closed; 0: not yet */
};

static void push(struct conn *c, const struct buf *text, int64_t now, long late_ms, bool answer)
{
    struct chunk *k = mem_alloc(sizeof(*k) + text->len);
    long round_trip = option(&c->emu->options, OPT_ROUND_TRIP), delay = option(&c->emu->options, OPT_DELAY) + late_ms;

    k->answer = answer;
    k->made = now;
    k->due = answer && round_trip > 0 ? c->arrived + round_trip : now;
    if (answer && delay > 0)
        c->busy_until = now + delay;
    if (k->due < c->busy_until)
        k->due = c->busy_until;
    k->len = text->len;
    if (text->len > 0)
        memcpy(k->bytes, text->p, text->len);
    *c->tail = k;
    c->tail = &k->next;
    c->queued++;
    c->queued_bytes += k->len;
}

struct conn *conn_new(struct emu *emu, int fd, unsigned number, SSL *ssl)
{
    struct conn *c = mem_alloc(sizeof(*c));
    struct buf hello = {0};

    *c = (struct conn){.emu = emu, .line = {fd, ssl, ssl != NULL, false}};
    c->tail = &c->head;
    c->session = session_new(emu, number);
    emu->tally.connections++;
    if (option(&emu->options, OPT_SILENT)) {
        c->mute = true;
        c->line.handshaking = false;
        return c;
    }
    if (!option(&emu->options, OPT_ACCEPT)) {
        c->closing = true;
        c->line.handshaking = false;
        return c;
    }
    session_greet(c->session, &hello);
    push(c, &hello, 0, 0, false);
    buf_free(&hello);
    return c;
}

void conn_free(struct conn **cp)
{
    struct conn *c = *cp;

    *cp = NULL;
    if (!c)
        return;
    while (c->head) {
        struct chunk *next = c->head->next;

        free(c->head);
        c->head = next;
    }
    SSL_free(c->line.ssl);
    close(c->line.fd);
    session_free(&c->session);
    buf_free(&c->in);
    buf_free(&c->wire);
    free(c);
}

int conn_fd(const struct conn *c)
{
    return c->line.fd;
}

void conn_reset(struct conn *c)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    setsockopt(c->line.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* ---- in ---- */

static bool all_answered(const struct conn *c)
{
    return c->received == c->answered && c->in.len == c->in_at;
}

/* What came after everything was answered began a new round trip: the client had waited for us. */
static void count_arrival(struct conn *c, const char *p, size_t n, int64_t now)
{
    struct tally *t = &c->emu->tally;

    t->roundTrips += all_answered(c);
    for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        c->received++;
    if (c->received - c->answered > t->maxInFlight)
        t->maxInFlight = c->received - c->answered;
    c->arrived = now;
}

/* False on an error. */
static bool take_in(struct conn *c, int64_t now)
{
    for (int rounds = 0; rounds < 16; rounds++) {
        char *room = buf_room(&c->in, READ_SIZE);
        int n = wire_read(&c->line, room, READ_SIZE);

        if (n == -1)
            return true;
        if (n <= 0) {
            c->eof = true;
            return n == 0;
        }
        if (c->linger_until > 0) /* of no interest any more */
            continue;
        count_arrival(c, room, (size_t)n, now);
        c->in.len += (size_t)n;
    }
    return true;
}

/* The next line without its end; false if there is none yet. */
static bool next_line(struct conn *c, struct slice *line)
{
    char *from = c->in.p + c->in_at, *end = c->in.len > c->in_at ? memchr(from, '\n', c->in.len - c->in_at) : NULL;
    size_t len;

    if (!end)
        return false;
    len = (size_t)(end - from);
    c->in_at += len + 1;
    if (len > 0 && from[len - 1] == '\r')
        len--;
    else
        c->emu->tally.bareLineEnds++;
    *line = slice_make(from, len);
    return true;
}

static void act(struct conn *c, enum verdict verdict)
{
    c->closing = verdict == VERDICT_CLOSE;
    c->mute = verdict == VERDICT_MUTE;
    c->dying = verdict == VERDICT_DIE;
}

static void handle_lines(struct conn *c, int64_t now)
{
    struct buf answer = {0};
    struct slice line;

    while (!c->closing && !c->mute && !c->dying && now >= c->busy_until && c->queued_bytes < QUEUE_LIMIT &&
           next_line(c, &line)) {
        long late_ms;

        buf_reset(&answer);
        act(c, session_line(c->session, line, &answer, &late_ms));
        if (session_was_text(c->session))
            c->answered++;
        else
            push(c, &answer, now, late_ms, true);
    }
    buf_free(&answer);
    if (c->in_at > 0) {
        memmove(c->in.p, c->in.p + c->in_at, c->in.len - c->in_at);
        c->in.len -= c->in_at;
        c->in_at = 0;
    }
    if (c->in.len > LONGEST_LINE && c->busy_until <= now && !memchr(c->in.p, '\n', c->in.len))
        c->closing = true;
}

/* ---- out ---- */

static bool is_due(const struct conn *c, int64_t now)
{
    long glue = option(&c->emu->options, OPT_GLUE);

    if (!c->head || c->head->due > now)
        return false;
    return glue <= 1 || c->queued >= (size_t)glue || now - c->head->made >= GLUE_MS || c->closing || !c->head->answer;
}

/* Moves what is due to the wire, when that is empty. */
static void stage(struct conn *c, int64_t now)
{
    bool one = option(&c->emu->options, OPT_SEPARATE) != 0;

    if (c->wire_at < c->wire.len || !is_due(c, now))
        return;
    buf_reset(&c->wire);
    c->wire_at = c->wire_answers = 0;
    while (c->head && c->head->due <= now && c->wire.len < STAGE_SIZE) {
        struct chunk *k = c->head;

        buf_add(&c->wire, k->bytes, k->len);
        c->wire_answers += k->answer;
        c->head = k->next;
        if (!c->head)
            c->tail = &c->head;
        c->queued--;
        c->queued_bytes -= k->len;
        free(k);
        if (one)
            break;
    }
}

/* False on an error. One byte a round in bytewise mode, so that each has a write and a turn of the loop of its own. */
static bool put_out(struct conn *c, int64_t now)
{
    bool bytewise = option(&c->emu->options, OPT_BYTEWISE) != 0;

    c->line.want_write = false;
    for (stage(c, now); c->wire_at < c->wire.len || c->wire_answers > 0; stage(c, now)) {
        int n = 0;

        if (c->wire_at < c->wire.len)
            n = wire_write(&c->line, c->wire.p + c->wire_at, bytewise ? 1 : c->wire.len - c->wire_at);
        if (n == -1) {
            c->line.want_write = true;
            return true;
        }
        if (n < 0)
            return false;
        c->wire_at += (size_t)n;
        if (c->wire_at == c->wire.len) {
            c->answered += (long)c->wire_answers;
            c->wire_answers = 0;
        } else if (bytewise) {
            c->line.want_write = true;
            return true;
        }
    }
    return true;
}

/* Bytes that TLS has decrypted already: poll(2) does not tell of them. */
static bool has_decrypted(const struct conn *c)
{
    return c->line.ssl && SSL_pending(c->line.ssl) > 0 && (conn_events(c) & POLLIN) != 0;
}

static bool drained(const struct conn *c)
{
    return !c->head && c->wire_at == c->wire.len;
}

/* Everything was sent that is to be sent. Our side is closed first and what still comes is read away: a close(2) with
 * unread input resets the connection, and the client could lose answers that it was sent. */
static bool finish(struct conn *c, int64_t now)
{
    if (c->linger_until == 0) {
        c->emu->tally.closed++;
        if (option(&c->emu->options, OPT_HARD_CLOSE)) {
            conn_reset(c);
            return false;
        }
        if (c->line.ssl)
            SSL_shutdown(c->line.ssl);
        shutdown(c->line.fd, SHUT_WR);
        c->linger_until = now + LINGER_MS;
    }
    return !c->eof && now < c->linger_until;
}

static _Noreturn void die(struct conn *c)
{
    state_flush(&c->emu->state);
    tally_flush(&c->emu->tally);
    _exit(86);
}

short conn_events(const struct conn *c)
{
    short events = 0;

    if ((!c->mute || c->linger_until > 0) && !c->eof && c->queued_bytes < QUEUE_LIMIT)
        events |= POLLIN;
    if (c->line.want_write)
        events |= POLLOUT;
    return events;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < 0 || (b >= 0 && b < a) ? b : a;
}

int conn_wait_ms(const struct conn *c, int64_t now)
{
    int64_t at = -1;

    if (has_decrypted(c))
        return 0;
    if (c->linger_until > 0)
        at = c->linger_until;
    if (c->head && c->wire_at == c->wire.len && !c->line.handshaking)
        at = earlier(at, option(&c->emu->options, OPT_GLUE) > 1 && c->head->due <= now ? c->head->made + GLUE_MS
                                                                                       : c->head->due);
    if (c->closing && c->linger_until == 0 && drained(c)) /* closed before a word was said */
        at = now;
    if (c->busy_until > now && c->in.len > 0)
        at = earlier(at, c->busy_until);
    if (at < 0)
        return -1;
    return at <= now ? 0 : (int)(at - now);
}

bool conn_work(struct conn *c, short revents, int64_t now)
{
    if ((revents & (POLLERR | POLLHUP)) != 0 && (revents & POLLIN) == 0)
        return false;
    if (c->line.handshaking && !wire_handshake(&c->line))
        return false;
    if (c->line.handshaking)
        return true;
    if (((revents & POLLIN) != 0 || has_decrypted(c)) && (!c->mute || c->linger_until > 0) && !take_in(c, now))
        return false;
    handle_lines(c, now);
    state_flush(&c->emu->state); /* before the answers leave */
    tally_flush(&c->emu->tally);
    if (!put_out(c, now))
        return false;
    if (c->dying)
        die(c);
    if (c->closing && drained(c))
        return finish(c, now);
    return !c->eof || !drained(c) || (c->in.len > 0 && memchr(c->in.p, '\n', c->in.len));
}
