#include "axsync_peer.h"

#include <lber.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#define SUFFIX "dc=example,dc=com"
#define PEOPLE "ou=people," SUFFIX
#define SYNC_REQUEST "1.3.6.1.4.1.4203.1.9.1.1"
#define SYNC_STATE "1.3.6.1.4.1.4203.1.9.1.2"
#define SYNC_INFO "1.3.6.1.4.1.4203.1.9.1.4"
#define SUFFIX_BYTE 251   /* of their UUIDs */
#define PEOPLE_BYTE 252
#define CONNECTIONS 256
#define SEARCHES 64

enum { OP_BIND = 0x60, OP_BOUND = 0x61, OP_UNBIND = 0x42, OP_SEARCH = 0x63, OP_ENTRY = 0x64, OP_DONE = 0x65, OP_INFO = 0x79 };

struct person {
    bool there;
    unsigned moment;           /* of its last change */
    char local[32];
};

struct peer {
    int listener;
    unsigned port;
    peer_script *script;
    pthread_t acceptor;
    pthread_mutex_t lock;      /* of all below */
    pthread_t threads[CONNECTIONS];
    int fds[CONNECTIONS];      /* -1: closed */
    size_t n;
    struct person people[PEER_PEOPLE + 1];
    unsigned csn;
    unsigned said;             /* the highest moment that a script has told */
    unsigned searches;
    int64_t times[SEARCHES];
    char *cookies[SEARCHES];
    atomic_bool hang_lookups, frozen, stop;
};

struct connection {
    struct peer *peer;
    size_t index;
    int fd;
    ber_int_t containers;      /* the sync search for containers; 0: has not come */
    ber_int_t waiting;         /* that for people, until it has; 0: none */
    unsigned number;           /* … of it */
    char *cookie;
};

struct peer_search {
    struct connection *connection;
    ber_int_t id;
    bool held;
    char *kept;
    size_t n_kept;
};

/* ---- bytes -------------------------------------------------------------------------------------------------- */

static void pause_us(long us)
{
    struct timespec t = {0, us * 1000};

    nanosleep(&t, NULL);
}

static void write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

        if (sent <= 0)
            return;   /* the other side is gone, which is for the test to see */
        p += sent;
        n -= (size_t)sent;
    }
}

/* Ends an element and gives its bytes; NULL for a mistake in the format, which is ours. */
static struct berval *finish(BerElement *ber, int rc)
{
    struct berval *flat = NULL;

    if (rc < 0 || ber_flatten(ber, &flat) < 0)
        abort();
    ber_free(ber, 1);
    return flat;
}

static void send_ber(struct connection *c, BerElement *ber, int rc)
{
    struct berval *flat = finish(ber, rc);

    write_all(c->fd, flat->bv_val, flat->bv_len);
    ber_bvfree(flat);
}

static void say(struct peer_search *s, BerElement *ber, int rc)
{
    struct berval *flat = finish(ber, rc);

    if (s->held) {
        s->kept = realloc(s->kept, s->n_kept + flat->bv_len);
        memcpy(s->kept + s->n_kept, flat->bv_val, flat->bv_len);
        s->n_kept += flat->bv_len;
    } else {
        write_all(s->connection->fd, flat->bv_val, flat->bv_len);
    }
    ber_bvfree(flat);
}

static void uuid_bytes(unsigned byte, char uuid[16])
{
    memset(uuid, (int)byte, 16);
}

static void uuid_text(unsigned byte, char text[37])
{
    char *to = text;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        to += sprintf(to, "%02x", byte);
    }
}

static void csn_text(unsigned moment, char text[48])
{
    snprintf(text, 48, "20261124%02u%02u%02u.000000Z#000000#001#000000", moment / 3600 % 24, moment / 60 % 60, moment % 60);
}

const char *cookie_of(unsigned moment)
{
    static _Thread_local char texts[8][80];
    static _Thread_local unsigned at;
    char *text = texts[at++ % 8], csn[48];

    if (moment == 0)
        return NULL;
    csn_text(moment, csn);
    snprintf(text, sizeof(texts[0]), "rid=001,sid=001,csn=%s", csn);
    return text;
}

/* ---- answers from the directory ----------------------------------------------------------------------------- */

static void put_attribute(BerElement *ber, const char *name, const char *value)
{
    ber_printf(ber, "{s[s]}", name, value);
}

static void put_person(BerElement *ber, struct peer *p, unsigned person)
{
    char dn[80], mail[64], uuid[37], csn[48];

    pthread_mutex_lock(&p->lock);
    snprintf(dn, sizeof(dn), "uid=p%u," PEOPLE, person);
    snprintf(mail, sizeof(mail), "%s@example.com", p->people[person].local);
    csn_text(p->people[person].moment, csn);
    pthread_mutex_unlock(&p->lock);
    uuid_text(person, uuid);
    ber_printf(ber, "s{", dn);
    put_attribute(ber, "objectClass", "inetOrgPerson");
    put_attribute(ber, "mail", mail);
    put_attribute(ber, "sn", "Person");
    put_attribute(ber, "entryUUID", uuid);
    put_attribute(ber, "entryCSN", csn);
    ber_printf(ber, "}");
}

static void send_person(struct connection *c, ber_int_t id, unsigned person)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);

    ber_printf(ber, "{it{", id, (ber_tag_t)OP_ENTRY);
    put_person(ber, c->peer, person);
    send_ber(c, ber, ber_printf(ber, "}}"));
}

static void send_container(struct connection *c, ber_int_t id, const char *dn, unsigned byte)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    char uuid[37], csn[48];
    unsigned moment;

    pthread_mutex_lock(&c->peer->lock);
    moment = c->peer->csn;
    pthread_mutex_unlock(&c->peer->lock);
    uuid_text(byte, uuid);
    csn_text(moment, csn);
    ber_printf(ber, "{it{s{", id, (ber_tag_t)OP_ENTRY, dn);
    put_attribute(ber, "objectClass", "top");
    if (byte)
        put_attribute(ber, "entryUUID", uuid);
    if (byte == SUFFIX_BYTE && moment > 0)
        put_attribute(ber, "contextCSN", csn);
    if (!byte)
        put_attribute(ber, "namingContexts", SUFFIX);
    send_ber(c, ber, ber_printf(ber, "}}}"));
}

static void send_done(struct connection *c, ber_int_t id, ber_tag_t op, int rc, const char *text)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);

    send_ber(c, ber, ber_printf(ber, "{it{ess}}", id, op, rc, "", text));
}

static bool is_named(const struct berval *request, unsigned byte)
{
    char uuid[37];

    uuid_text(byte, uuid);
    return memmem(request->bv_val, request->bv_len, uuid, 36) != NULL;
}

/* Below a base; a filter with UUIDs in it means those, any other means all people. */
static void answer_search(struct connection *c, ber_int_t id, const char *base, const struct berval *request)
{
    bool by_uuid = memmem(request->bv_val, request->bv_len, "entryUUID\x04\x24", 11)   != NULL;   /* and 36 characters */

    if (strcmp(base, SUFFIX) == 0 && (!by_uuid || is_named(request, SUFFIX_BYTE)))
        send_container(c, id, SUFFIX, SUFFIX_BYTE);
    for (unsigned i = 1; i <= PEER_PEOPLE; i++) {
        bool there;

        pthread_mutex_lock(&c->peer->lock);
        there = c->peer->people[i].there;
        pthread_mutex_unlock(&c->peer->lock);
        if (there && (!by_uuid || is_named(request, i)))
            send_person(c, id, i);
    }
    send_done(c, id, OP_DONE, 0, "");
}

static void answer_read(struct connection *c, ber_int_t id, const char *base)
{
    if (*base == '\0')
        send_container(c, id, "", 0);
    else if (strcmp(base, SUFFIX) == 0)
        send_container(c, id, SUFFIX, SUFFIX_BYTE);
    else if (strcmp(base, PEOPLE) == 0)
        send_container(c, id, PEOPLE, PEOPLE_BYTE);
    send_done(c, id, OP_DONE, 0, "");
}

/* ---- sync searches ------------------------------------------------------------------------------------------ */

/* The cookie in a request: "rid=" up to its end, as the sync control is the last thing in it. */
static char *cookie_in(const struct berval *request)
{
    const char *at = memmem(request->bv_val, request->bv_len, "rid=", 4);
    size_t n = at ? (size_t)(request->bv_val + request->bv_len - at) : 0;

    return at ? strndup(at, (unsigned char)at[-1] < n ? (unsigned char)at[-1] : n) : strdup("");
}

static void run_script(struct connection *c)
{
    struct peer_search s = {.connection = c, .id = c->waiting};

    c->waiting = 0;
    c->peer->script(&s, c->number, c->cookie);
    free(s.kept);
}

/* There are none, and nothing ever changes of them: the script is of the search for people. What it keeps silent about, this search
 * does not tell either. */
static void answer_containers(struct connection *c, ber_int_t id)
{
    struct peer_search s = {.connection = c, .id = id};
    unsigned moment;

    pthread_mutex_lock(&c->peer->lock);
    moment = c->peer->csn < c->peer->said ? c->peer->csn : c->peer->said;
    pthread_mutex_unlock(&c->peer->lock);
    say_phase(&s, true, true, moment);
    c->containers = id;
}

/* A script may take its time, and the daemon asks where we stand before each search: so it runs when both have come. */
static void refuse_containers(struct connection *c, ber_int_t id)
{
    say_result(&(struct peer_search){.connection = c, .id = id}, 53, "refreshAndPersist only");
    c->containers = id;
}

/* The mode is the first of what the control's value holds. */
static bool is_refresh_only(const struct berval *request)
{
    const char *value = memmem(request->bv_val, request->bv_len, SYNC_REQUEST, strlen(SYNC_REQUEST));
    const char *end = request->bv_val + request->bv_len;

    return value != NULL && memmem(value, (size_t)(end - value), "\x0a\x01\x01", 3) != NULL;
}

static void answer_sync(struct connection *c, ber_int_t id, const struct berval *request)
{
    struct peer *p = c->peer;

    if (memmem(request->bv_val, request->bv_len, "organizationalUnit", strlen("organizationalUnit"))) {
        if (is_refresh_only(request))
            refuse_containers(c, id);
        else
            answer_containers(c, id);
    } else {
        c->waiting = id;
        c->cookie = cookie_in(request);
        pthread_mutex_lock(&p->lock);
        c->number = ++p->searches;
        if (c->number < SEARCHES) {
            p->times[c->number] = axsync_now_ms();
            p->cookies[c->number] = c->cookie;
        }
        pthread_mutex_unlock(&p->lock);
    }
    if (c->waiting && c->containers)
        run_script(c);
}

/* ---- connections -------------------------------------------------------------------------------------------- */

static void answer(struct connection *c, const struct berval *request)
{
    BerElement *ber = ber_init((struct berval *)(uintptr_t)request);
    struct berval base = {0, NULL};
    ber_int_t id = 0, scope = 0;
    ber_len_t len;
    ber_tag_t op;

    ber_scanf(ber, "{i", &id);
    op = ber_peek_tag(ber, &len);
    if (op == OP_BIND) {
        send_done(c, id, OP_BOUND, 0, "");
    } else if (op == OP_SEARCH && ber_scanf(ber, "{oe", &base, &scope) != LBER_ERROR) {
        if (memmem(request->bv_val, request->bv_len, SYNC_REQUEST, strlen(SYNC_REQUEST)))
            answer_sync(c, id, request);
        else if (scope == 0)
            answer_read(c, id, base.bv_val ? base.bv_val : "");
        else if (!atomic_load(&c->peer->hang_lookups))
            answer_search(c, id, base.bv_val, request);
    }
    ber_memfree(base.bv_val);
    ber_free(ber, 1);
}

static bool read_exactly(int fd, char *to, size_t n)
{
    for (size_t got = 0; got < n;) {
        ssize_t rc = read(fd, to + got, n - got);

        if (rc <= 0)
            return false;
        got += (size_t)rc;
    }
    return true;
}

/* One LDAPMessage, of less than 64 KiB. */
static bool read_request(int fd, struct berval *request)
{
    unsigned char head[6];
    size_t n, more = 0;

    if (!read_exactly(fd, (char *)head, 2))
        return false;
    n = head[1];
    if (n > 0x80) {
        more = n - 0x80;
        if (more > 4 || !read_exactly(fd, (char *)head + 2, more))
            return false;
        n = 0;
        for (size_t i = 0; i < more; i++)
            n = n << 8 | head[2 + i];
    }
    request->bv_len = 2 + more + n;
    request->bv_val = malloc(request->bv_len);
    memcpy(request->bv_val, head, 2 + more);
    return read_exactly(fd, request->bv_val + 2 + more, n);
}

static void *serve(void *arg)
{
    struct connection *c = arg;
    struct berval request = {0, NULL};

    while (read_request(c->fd, &request)) {
        while (atomic_load(&c->peer->frozen) && !atomic_load(&c->peer->stop))
            pause_us(5000);
        answer(c, &request);
        free(request.bv_val);
        request.bv_val = NULL;
    }
    free(request.bv_val);
    pthread_mutex_lock(&c->peer->lock);
    close(c->fd);
    c->peer->fds[c->index] = -1;
    pthread_mutex_unlock(&c->peer->lock);
    free(c);
    return NULL;
}

static void *accept_all(void *arg)
{
    struct peer *p = arg;
    int fd, yes = 1;

    while ((fd = accept(p->listener, NULL, NULL)) >= 0) {
        struct connection *c = calloc(1, sizeof(*c));

        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        pthread_mutex_lock(&p->lock);
        if (p->n == CONNECTIONS)
            abort();
        *c = (struct connection){.peer = p, .index = p->n, .fd = fd};
        p->fds[p->n] = fd;
        pthread_create(&p->threads[p->n++], NULL, serve, c);
        pthread_mutex_unlock(&p->lock);
    }
    return NULL;
}

void peer_cut(struct peer *p)
{
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n; i++)
        if (p->fds[i] >= 0)
            shutdown(p->fds[i], SHUT_RDWR);
    pthread_mutex_unlock(&p->lock);
}

struct peer *peer_new(peer_script *script, unsigned from, unsigned to)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    struct peer *p = calloc(1, sizeof(*p));

    cr_assert_not_null(p);
    p->script = script;
    p->csn = p->said = 1;
    pthread_mutex_init(&p->lock, NULL);
    for (unsigned i = 1; i <= PEER_PEOPLE; i++) {
        snprintf(p->people[i].local, sizeof(p->people[i].local), "p%u", i);
        p->people[i].moment = 1;
        p->people[i].there = i >= from && i <= to;
    }
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(p->listener, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(p->listener, 16) == 0);
    getsockname(p->listener, (struct sockaddr *)&address, &len);
    p->port = ntohs(address.sin_port);
    cr_assert(pthread_create(&p->acceptor, NULL, accept_all, p) == 0);
    return p;
}

void peer_free(struct peer **pp)
{
    struct peer *p = *pp;

    *pp = NULL;
    atomic_store(&p->stop, true);
    shutdown(p->listener, SHUT_RDWR);
    pthread_join(p->acceptor, NULL);
    close(p->listener);
    peer_cut(p);
    for (size_t i = 0; i < p->n; i++)
        pthread_join(p->threads[i], NULL);
    for (size_t i = 0; i < SEARCHES; i++)
        free(p->cookies[i]);
    free(p);
}

unsigned peer_port(const struct peer *p)
{
    return p->port;
}

struct axsync *peer_axsync(struct peer *p, const char *more)
{
    struct axsync *a = axsync_new(NULL, NULL);
    char text[4096];

    snprintf(text, sizeof(text),
             "stateDir = \"%s\"\nconnector \"corp\" {\n"
             "%s%s%u%s\n  watchdogInterval = 1\n  timeout = 1\n  transientErrorRetryInterval = 1\n  maxRetryInterval = 2\n"
             "  accountBaseDN = \"" PEOPLE "\"\n  domain = \"example.com\"\n  deleteGrace = 1\n  guard { settle = 1 }\n"
             "  sink \"journal\" { type = \"file\" path = \"%s\" }\n%s}\n",
             a->state, strstr(more, "ldapURI") ? "#" : "", "ldapURI = {\"ldap://127.0.0.1:", p->port, "\"}", a->output, more);
    axsync_write_config(a, text);
    axsync_expect_error(a, " hold ");
    return a;
}

/* ---- the directory ------------------------------------------------------------------------------------------ */

void peer_put(struct peer *p, unsigned person, bool there)
{
    pthread_mutex_lock(&p->lock);
    p->people[person].there = there;
    pthread_mutex_unlock(&p->lock);
}

void peer_rename(struct peer *p, unsigned person, const char *local)
{
    pthread_mutex_lock(&p->lock);
    snprintf(p->people[person].local, sizeof(p->people[person].local), "%s", local);
    p->people[person].moment++;
    pthread_mutex_unlock(&p->lock);
}

void peer_set_csn(struct peer *p, unsigned moment)
{
    pthread_mutex_lock(&p->lock);
    p->csn = moment;
    pthread_mutex_unlock(&p->lock);
}

void peer_hang_lookups(struct peer *p, bool on)
{
    atomic_store(&p->hang_lookups, on);
}

void peer_freeze(struct peer *p, bool on)
{
    atomic_store(&p->frozen, on);
}

unsigned peer_count(struct peer *p)
{
    unsigned n;

    pthread_mutex_lock(&p->lock);
    n = p->searches;
    pthread_mutex_unlock(&p->lock);
    return n;
}

int64_t peer_time(struct peer *p, unsigned number)
{
    int64_t ms;

    pthread_mutex_lock(&p->lock);
    ms = p->times[number];
    pthread_mutex_unlock(&p->lock);
    return ms;
}

const char *peer_cookie(struct peer *p, unsigned number)
{
    const char *cookie;

    pthread_mutex_lock(&p->lock);
    cookie = p->cookies[number];
    pthread_mutex_unlock(&p->lock);
    return cookie ? cookie : "";
}

/* ---- for scripts -------------------------------------------------------------------------------------------- */

static void note_said(struct peer_search *s, unsigned moment)
{
    struct peer *p = s->connection->peer;

    pthread_mutex_lock(&p->lock);
    p->said = moment > p->said ? moment : p->said;
    pthread_mutex_unlock(&p->lock);
}

/* What is no deletion, a server tells to each search that it does not concern by a new cookie. */
static void tell_containers(struct peer_search *s, unsigned moment)
{
    struct peer_search other = {.connection = s->connection, .id = s->connection->containers};

    note_said(s, moment);
    if (moment == 0 || s->id == other.id || other.id == 0)
        return;
    if (s->held) {
        other.held = true;
        say_newcookie(&other, moment);
        s->kept = realloc(s->kept, s->n_kept + other.n_kept);
        memcpy(s->kept + s->n_kept, other.kept, other.n_kept);
        s->n_kept += other.n_kept;
        free(other.kept);
    } else {
        say_newcookie(&other, moment);
    }
}

/* The control around a value. */
static void put_control(BerElement *ber, const char *oid, struct berval *value)
{
    ber_printf(ber, "t{{sO}}", (ber_tag_t)0xA0, oid, value);
}

void say_entry(struct peer_search *s, enum peer_state state, unsigned person, unsigned moment)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER), *value = ber_alloc_t(LBER_USE_DER);
    const char *cookie = cookie_of(moment);
    struct berval *control;
    char uuid[16];

    uuid_bytes(person, uuid);
    control = finish(value, cookie ? ber_printf(value, "{eos}", (int)state, uuid, (ber_len_t)16, cookie)
                                   : ber_printf(value, "{eo}", (int)state, uuid, (ber_len_t)16));
    ber_printf(ber, "{it{", s->id, (ber_tag_t)OP_ENTRY);
    if (state == PEER_ADD || state == PEER_MODIFY) {
        put_person(ber, s->connection->peer, person);
    } else {
        char dn[80];

        snprintf(dn, sizeof(dn), "uid=p%u," PEOPLE, person);
        ber_printf(ber, "s{}", dn);
    }
    ber_printf(ber, "}");
    put_control(ber, SYNC_STATE, control);
    ber_bvfree(control);
    say(s, ber, ber_printf(ber, "}"));
    if (state != PEER_DELETE)
        tell_containers(s, moment);
}

void say_garbage(struct peer_search *s, unsigned person)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    struct berval nonsense = {4, (char *)"\x30\x7f\x00\x01"};

    ber_printf(ber, "{it{", s->id, (ber_tag_t)OP_ENTRY);
    put_person(ber, s->connection->peer, person);
    ber_printf(ber, "}");
    put_control(ber, SYNC_STATE, &nonsense);
    say(s, ber, ber_printf(ber, "}"));
}

/* An intermediate response around its value. */
static void say_info(struct peer_search *s, BerElement *value, int rc)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    struct berval *info = finish(value, rc);

    rc = ber_printf(ber, "{it{tstO}}", s->id, (ber_tag_t)OP_INFO, (ber_tag_t)0x80, SYNC_INFO, (ber_tag_t)0x81, info);
    say(s, ber, rc);
    ber_bvfree(info);
}

void say_set(struct peer_search *s, bool deletes, unsigned from, unsigned to, unsigned moment)
{
    BerElement *value = ber_alloc_t(LBER_USE_DER);

    ber_printf(value, "t{", (ber_tag_t)0xA3);
    if (moment)
        ber_printf(value, "s", cookie_of(moment));
    if (deletes)
        ber_printf(value, "b", (ber_int_t)1);
    ber_printf(value, "[");
    for (unsigned i = from; i <= to; i++) {
        char uuid[16];

        uuid_bytes(i, uuid);
        ber_printf(value, "o", uuid, (ber_len_t)16);
    }
    say_info(s, value, ber_printf(value, "]}"));
}

void say_newcookie(struct peer_search *s, unsigned moment)
{
    BerElement *value = ber_alloc_t(LBER_USE_DER);

    say_info(s, value, ber_printf(value, "ts", (ber_tag_t)0x80, cookie_of(moment)));
    tell_containers(s, moment);
}

void say_phase(struct peer_search *s, bool deletes, bool done, unsigned moment)
{
    BerElement *value = ber_alloc_t(LBER_USE_DER);

    ber_printf(value, "t{", (ber_tag_t)(deletes ? 0xA1 : 0xA2));
    if (moment)
        ber_printf(value, "s", cookie_of(moment));
    if (!done)
        ber_printf(value, "b", (ber_int_t)0);
    say_info(s, value, ber_printf(value, "}"));
    note_said(s, moment);
}

void say_result(struct peer_search *s, int rc, const char *text)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);

    say(s, ber, ber_printf(ber, "{it{ess}}", s->id, (ber_tag_t)OP_DONE, rc, "", text));
}

void say_hold(struct peer_search *s)
{
    s->held = true;
}

void say_release(struct peer_search *s, size_t piece)
{
    if (piece == 0)
        piece = s->n_kept;
    for (size_t at = 0; at < s->n_kept; at += piece) {
        write_all(s->connection->fd, s->kept + at, s->n_kept - at < piece ? s->n_kept - at : piece);
        if (piece < s->n_kept)
            pause_us(100);
    }
    s->held = false;
    s->n_kept = 0;
}
