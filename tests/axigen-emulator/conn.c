#include "conn.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem.h"
#include "session.h"

#define READ_SIZE   65536
#define LONGEST_LINE    (1 << 20)
#define STAGE_SIZE  65536
#define GLUE_MS     20
#define LINGER_MS   500
#define QUEUE_LIMIT (4 << 20)   /* a client that does not read its answers is not read either */

/* An answer on its way, not before its time. */
struct chunk {
    struct chunk *next;
    int64_t due, made;
    bool answer;      /* to a command, not the greeting */
    size_t len;
    char bytes[];
};

struct conn {
    struct emu *emu;
    int fd;
    SSL *ssl;
    bool handshaking, want_write;
    struct session *session;
    struct buf in;
    size_t in_at;                  /* up to there the lines were handled */
    int64_t arrived;               /* when the last bytes came */
    int64_t busy_until;            /* no next line before */
    struct chunk *head, **tail;
    size_t queued, queued_bytes;
    struct buf wire;               /* what is being written */
    size_t wire_at, wire_answers;
    long received, answered;       /* lines */
    bool closing, mute, dying, eof;
    int64_t linger_until;          /* our side is closed; 0: not yet */
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
    struct buf hello = { 0 };

    *c = (struct conn){ .emu = emu, .fd = fd, .ssl = ssl, .handshaking = ssl != NULL };
    c->tail = &c->head;
    c->session = session_new(emu, number);
    emu->tally.connections++;
    if (option(&emu->options, OPT_SILENT)) {
        c->mute = true;
        c->handshaking = false;
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
    SSL_free(c->ssl);
    close(c->fd);
    session_free(&c->session);
    buf_free(&c->in);
    buf_free(&c->wire);
    free(c);
}

int conn_fd(const struct conn *c)
{
    return c->fd;
}

void conn_reset(struct conn *c)
{
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* ---- bytes, plain or by TLS: how many; 0 at the end, -1 when it would block, -2 on an error ---- */

static int tls_result(struct conn *c, int n)
{
    switch (SSL_get_error(c->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        return -1;
    case SSL_ERROR_WANT_WRITE:
        c->want_write = true;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return -2;
    }
}

static int plain_result(ssize_t n)
{
    if (n >= 0)
        return (int)n;
    return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

static int bytes_in(struct conn *c, char *p, size_t n)
{
    int got;

    if (!c->ssl)
        return plain_result(recv(c->fd, p, n, 0));
    got = SSL_read(c->ssl, p, (int)n);
    return got > 0 ? got : tls_result(c, got);
}

static int bytes_out(struct conn *c, const char *p, size_t n)
{
    int put;

    if (!c->ssl)
        return plain_result(send(c->fd, p, n, MSG_NOSIGNAL));
    put = SSL_write(c->ssl, p, (int)n);
    return put > 0 ? put : tls_result(c, put);
}

static bool handshake(struct conn *c)
{
    int rc = SSL_accept(c->ssl);

    if (rc == 1)
        c->handshaking = false;
    return rc == 1 || tls_result(c, rc) == -1;
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
        int n = bytes_in(c, room, READ_SIZE);

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
    struct buf answer = { 0 };
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

    c->want_write = false;
    for (stage(c, now); c->wire_at < c->wire.len || c->wire_answers > 0; stage(c, now)) {
        int n = 0;

        if (c->wire_at < c->wire.len)
            n = bytes_out(c, c->wire.p + c->wire_at, bytewise ? 1 : c->wire.len - c->wire_at);
        if (n == -1) {
            c->want_write = true;
            return true;
        }
        if (n < 0)
            return false;
        c->wire_at += (size_t)n;
        if (c->wire_at == c->wire.len) {
            c->answered += (long)c->wire_answers;
            c->wire_answers = 0;
        } else if (bytewise) {
            c->want_write = true;
            return true;
        }
    }
    return true;
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
        c->emu->tally.dropped++;
        if (option(&c->emu->options, OPT_HARD_CLOSE)) {
            conn_reset(c);
            return false;
        }
        if (c->ssl)
            SSL_shutdown(c->ssl);
        shutdown(c->fd, SHUT_WR);
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
    if (c->want_write)
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

    if (c->linger_until > 0)
        at = c->linger_until;
    if (c->head && c->wire_at == c->wire.len && !c->handshaking)
        at = earlier(at, option(&c->emu->options, OPT_GLUE) > 1 && c->head->due <= now ? c->head->made + GLUE_MS
                                                                                       : c->head->due);
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
    if (c->handshaking && !handshake(c))
        return false;
    if (c->handshaking)
        return true;
    if ((revents & POLLIN) != 0 && (!c->mute || c->linger_until > 0) && !take_in(c, now))
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
    return !c->eof || !drained(c) || c->in.len > c->in_at;
}
