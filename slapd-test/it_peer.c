/* The whole program against a scripted server: what RFC 4533 allows and slapd never says, and what no server should. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "axsync_peer.h"
#include "axsync_test.h"
#include "axsync_tls.h"

#define QUICK_MS 1000   /* an answer of status, at a sanitizer's speed on a busy machine; the best of five */

/* ---- what must be ------------------------------------------------------------------------------------------- */

/* The people that the target must have: numbers, 0 ends. */
static bool target_has(struct axsync *a, void *ctx)
{
    const unsigned *people = ctx;
    size_t n = 0;

    axsync_read_output(a);
    for (; *people; people++, n++) {
        char address[64];

        snprintf(address, sizeof(address), "p%u@example.com", *people);
        if (json_object_get(a->target.accounts, address) == NULL)
            return false;
    }
    return json_object_size(a->target.accounts) == n;
}

#define AWAIT_PEOPLE(a, ...) axsync_await((a), "the target has them", target_has, (unsigned[]){__VA_ARGS__, 0})

static bool status_shows_cookie(struct axsync *a, void *ctx)
{
    json_t *status = axsync_peek(a);
    const char *cookie = axsync_text(json_array_get(json_object_get(status, "searches"), 0), "cookie");
    bool shows = status != NULL && ctx != NULL && strstr(ctx, strstr(cookie, "csn=") ? strstr(cookie, "csn=") : "none") != NULL;

    json_decref(status);
    return shows;
}

static void await_cookie(struct axsync *a, unsigned moment)
{
    axsync_await(a, "the cookie is stored", status_shows_cookie, (char *)(uintptr_t)cookie_of(moment));
}

struct awaited_count {
    struct peer *peer;
    unsigned n;
};

static bool peer_has_counted(struct axsync *a, void *ctx)
{
    struct awaited_count *w = ctx;

    (void)a;
    return peer_count(w->peer) >= w->n;
}

static void await_search(struct axsync *a, struct peer *p, unsigned n)
{
    axsync_await(a, "the search is issued again", peer_has_counted, &(struct awaited_count){p, n});
}

static void nothing_was_deleted(struct axsync *a)
{
    CHECK(a, axsync_output_count(a, 0, "account.delete") == 0, "somebody was deleted");
}

static void status_is_quick(struct axsync *a)
{
    int64_t best = INT64_MAX;

    for (int i = 0; i < 5; i++) {
        int64_t began = axsync_now_ms();
        json_t *status = axsync_peek(a);

        CHECK(a, status != NULL, "status does not answer");
        json_decref(status);
        best = axsync_now_ms() - began < best ? axsync_now_ms() - began : best;
    }
    CHECK(a, best < QUICK_MS, "status took %lld ms", (long long)best);
}

static void end(struct axsync **a, struct peer **p)
{
    axsync_stop(*a);
    CHECK(*a, (*a)->stop_ms < 2000, "SIGTERM took %lld ms", (long long)(*a)->stop_ms);
    axsync_free(a);
    peer_free(p);
}

/* People 1 to 4, as a refresh without a cookie has them. */
static void four(struct peer_search *s, unsigned moment)
{
    for (unsigned i = 1; i <= 4; i++)
        say_entry(s, PEER_ADD, i, 0);
    say_phase(s, true, true, moment);
}

/* The first refresh is through and the next search comes when the test says. */
static struct axsync *with_four(struct peer **p, peer_script *script, const char *more)
{
    struct axsync *a;

    *p = peer_new(script, 1, 4);
    a = peer_axsync(*p, more);
    axsync_start(a);
    AWAIT_PEOPLE(a, 1, 2, 3, 4);
    await_cookie(a, 1);
    return a;
}

/* ---- phases ------------------------------------------------------------------------------------------------- */

static void present_then_delete(struct peer_search *s, unsigned number, const char *cookie)
{
    if (number == 1) {
        four(s, 1);
    } else if (number == 2) {
        say_set(s, false, 1, 3, 0);
        say_entry(s, PEER_ADD, 5, 0);
        say_phase(s, false, false, 0);
        say_set(s, true, 3, 3, 2);
        say_entry(s, PEER_DELETE, 3, 2);
        say_phase(s, true, true, 2);
    } else {
        say_phase(s, true, true, 0);
    }
    (void)cookie;
}

Test(phases, present_then_delete, .timeout = 280)
{
    struct peer *p;
    struct axsync *a = with_four(&p, present_then_delete, "");

    peer_put(p, 3, false);
    peer_put(p, 4, false);
    peer_put(p, 5, true);
    peer_set_csn(p, 2);
    peer_cut(p);
    AWAIT_PEOPLE(a, 1, 2, 5);
    CHECK(a, strstr(peer_cookie(p, 2), "sid=") == NULL && strstr(cookie_of(1), strstr(peer_cookie(p, 2), "csn=")) != NULL,
          "the second search had %s", peer_cookie(p, 2));
    CHECK(a, axsync_output_count(a, 0, "\"cause\":\"delete\"") == 1 && axsync_output_count(a, 0, "\"cause\":\"absent\"") == 1,
          "causes");
    end(&a, &p);
}

/* Deletes before and between adds, presents as entries and as sets, and deletes by set in the persist stage. */
static void sets_anywhere(struct peer_search *s, unsigned number, const char *cookie)
{
    (void)cookie;
    if (number == 1) {
        four(s, 1);
    } else {
        say_set(s, true, 4, 4, 0);
        say_entry(s, PEER_PRESENT, 1, 0);
        say_newcookie(s, 2);
        say_entry(s, PEER_ADD, 5, 0);
        say_set(s, false, 2, 3, 0);
        say_phase(s, true, false, 0);
        say_phase(s, false, true, 2);
        say_set(s, true, 2, 3, 3);
    }
}

Test(phases, sets_anywhere, .timeout = 280)
{
    struct peer *p;
    struct axsync *a = with_four(&p, sets_anywhere, "");

    peer_put(p, 2, false);
    peer_put(p, 3, false);
    peer_put(p, 4, false);
    peer_put(p, 5, true);
    peer_set_csn(p, 3);
    peer_cut(p);
    AWAIT_PEOPLE(a, 1, 5);
    await_cookie(a, 3);
    end(&a, &p);
}

static bool nothing_waits(struct axsync *a, void *ctx)
{
    json_t *status = axsync_peek(a);
    bool none = status != NULL && axsync_entries(status, "waiting") == 0;

    (void)ctx;
    json_decref(status);
    return none;
}

static void cut_short(struct peer_search *s, unsigned number, const char *cookie)
{
    (void)cookie;
    if (number == 1) {
        four(s, 1);
    } else {
        say_set(s, false, 1, 1, 0);
        say_phase(s, false, true, 2);
    }
}

/* A present list without those who are there: slapd's have been so. */
Test(phases, present_list_is_cut_short, .timeout = 280)
{
    struct peer *p;
    struct axsync *a = with_four(&p, cut_short, "");

    peer_set_csn(p, 2);
    peer_cut(p);
    await_cookie(a, 2);
    axsync_await_log(a, "3 known entries were not shown");
    axsync_await(a, "nothing waits", nothing_waits, NULL);
    axsync_read_output(a);
    nothing_was_deleted(a);
    CHECK(a, a->target.lines == 4, "%zu lines", a->target.lines);
    end(&a, &p);
}

static void in_pieces(struct peer_search *s, unsigned number, const char *cookie)
{
    (void)cookie;
    say_hold(s);
    if (number == 1)
        four(s, 1);
    else {
        for (unsigned i = 1; i <= 100; i++)
            say_entry(s, PEER_ADD, i, 0);
        say_set(s, false, 1, 100, 0);
        say_phase(s, false, true, number);
        say_entry(s, PEER_MODIFY, 1, 3);
    }
    say_release(s, number == 1 ? 1 : number == 2 ? 0 : 7);
}

/* The last message lies in what came with the refresh, and nothing comes after it. */
static void all_at_once(struct peer_search *s, unsigned number, const char *cookie)
{
    (void)number;
    (void)cookie;
    say_hold(s);
    for (unsigned i = 1; i <= 100; i++)
        say_entry(s, PEER_ADD, i, 0);
    say_phase(s, true, true, 1);
    say_entry(s, PEER_MODIFY, 1, 2);
    say_release(s, 0);
}

/* What is in the buffers of TLS while the socket has nothing to read waits for nobody: the search is never issued again. */
static void through_tls(size_t record, size_t piece)
{
    struct peer *p = peer_new(all_at_once, 1, 100);
    struct tls_front *front = tls_front_new(peer_port(p), record, piece);
    struct axsync *a;
    char more[200];

    cr_assert_not_null(front);
    peer_set_csn(p, 2);
    snprintf(more, sizeof(more), "  ldapURI = {\"ldaps://127.0.0.1:%u\"}\n  tlsRequireCert = \"never\"\n", tls_front_port(front));
    a = peer_axsync(p, more);
    axsync_start(a);
    await_cookie(a, 2);
    CHECK(a, peer_count(p) == 1, "%u searches", peer_count(p));
    CHECK(a, axsync_output_count(a, 0, "account.create") == 100, "not all came");
    end(&a, &p);
    tls_front_free(&front);
}

/* Many PDUs in a record; PDUs over several records; a byte a record; records over several segments; a byte a segment. */
Test(phases, whatever_the_records, .timeout = 280)
{
    through_tls(16384, 0);
    through_tls(1000, 0);
    through_tls(1, 0);
    through_tls(16384, 700);
    through_tls(300, 1);
}

/* Byte by byte; everything in one write; in sevens. */
Test(phases, whatever_the_pieces, .timeout = 280)
{
    struct peer *p;
    struct axsync *a = with_four(&p, in_pieces, "");

    for (unsigned i = 5; i <= 100; i++)
        peer_put(p, i, true);
    peer_set_csn(p, 3);
    for (unsigned n = 2; n <= 3; n++) {
        peer_cut(p);
        await_search(a, p, n);
        await_cookie(a, 3);
        axsync_await_phase(a, "insync");
    }
    axsync_read_output(a);
    CHECK(a, json_object_size(a->target.accounts) == 100 && a->target.lines == 100, "%zu lines", a->target.lines);
    end(&a, &p);
}

#define FLOOD 3000

static void flood(struct peer_search *s, unsigned number, const char *cookie)
{
    if (number > 1) {
        say_phase(s, true, true, 0);
        return;
    }
    (void)cookie;
    four(s, 1);
    for (unsigned i = 2; i <= FLOOD; i++)
        say_newcookie(s, i);
}

/* Stored together, and the last one at the latest when we are told to stop. */
Test(phases, flood_of_newcookies, .timeout = 280)
{
    struct peer *p = peer_new(flood, 1, 4);
    struct axsync *a = peer_axsync(p, "");

    axsync_start(a);
    AWAIT_PEOPLE(a, 1, 2, 3, 4);
    await_cookie(a, FLOOD);
    peer_set_csn(p, FLOOD);
    axsync_stop(a);
    axsync_start(a);
    await_search(a, p, 2);
    CHECK(a, strstr(cookie_of(FLOOD), strstr(peer_cookie(p, 2), "csn=")) != NULL, "the cookie was %s", peer_cookie(p, 2));
    axsync_await_phase(a, "insync");
    end(&a, &p);
}

/* ---- results ------------------------------------------------------------------------------------------------ */

static const struct {
    int rc;
    const char *says;      /* in status: what helps */
} failures[] = {
    {3, "raise the time limit"}, {4, "raise the size limit"}, {11, "administrative limit"}, {51, "is busy"},
    {52, "shutting down or read-only"},
};
#define FAILURES (sizeof(failures) / sizeof(*failures))

static void failing(struct peer_search *s, unsigned number, const char *cookie)
{
    (void)cookie;
    if (number == 1) {
        four(s, 1);
    } else if (number < 2 + FAILURES) {
        say_set(s, false, 1, 1, 0);
        say_result(s, failures[number - 2].rc, "");
    } else {
        say_set(s, false, 1, 3, 0);
        say_phase(s, false, true, 2);
    }
}

Test(results, in_the_middle_of_a_refresh, .timeout = 280)
{
    struct peer *p;
    struct axsync *a = with_four(&p, failing, "");

    peer_put(p, 4, false);
    peer_set_csn(p, 2);
    peer_cut(p);
    for (unsigned i = 0; i < FAILURES; i++) {
        axsync_await_error(a, failures[i].says);
        CHECK(a, i == 0 || peer_time(p, 2 + i) - peer_time(p, 1 + i) >= 900, "no back-off before result %d", failures[i].rc);
    }
    nothing_was_deleted(a);
    await_search(a, p, 2 + FAILURES);
    AWAIT_PEOPLE(a, 1, 2, 3);
    end(&a, &p);
}

static void refresh_required(struct peer_search *s, unsigned number, const char *cookie)
{
    if (number == 1)
        four(s, 1);
    else if (number == 2 || number == 3)
        say_result(s, 4096, "sync cookie is stale");
    else if (*cookie == '\0')
        four(s, 2);
}

/* To a cookie: at once again without one. To an empty one as well: not at once for ever. */
Test(results, refresh_required, .timeout = 280)
{
    struct peer *p;
    struct axsync *a = with_four(&p, refresh_required, "");

    peer_set_csn(p, 2);
    peer_cut(p);
    await_search(a, p, 4);
    CHECK(a, *peer_cookie(p, 2) && !*peer_cookie(p, 3) && !*peer_cookie(p, 4), "cookies");
    CHECK(a, peer_time(p, 4) - peer_time(p, 3) >= 900, "no back-off");
    await_cookie(a, 2);
    nothing_was_deleted(a);
    axsync_read_output(a);
    CHECK(a, a->target.lines == 4, "%zu lines", a->target.lines);
    end(&a, &p);
}

/* ---- trouble ------------------------------------------------------------------------------------------------ */

static void emptied(struct peer_search *s, unsigned number, const char *cookie)
{
    if (number == 1)
        four(s, 1);
    else if (number == 2 && *cookie)
        say_result(s, 53, "consumer has state info but provider doesn't!");
    else if (number == 3)
        say_phase(s, true, true, 0);   /* success, nothing, no cookie (ITS#9691) */
    else
        four(s, 1);
}

Test(trouble, success_with_nothing_at_all, .timeout = 280)
{
    struct peer *p;
    struct axsync *a = with_four(&p, emptied, "");

    for (unsigned i = 1; i <= 4; i++)
        peer_put(p, i, false);
    peer_set_csn(p, 0);
    peer_cut(p);
    axsync_await_error(a, "no contextCSN any more");
    nothing_was_deleted(a);
    for (unsigned i = 1; i <= 4; i++)
        peer_put(p, i, true);
    peer_set_csn(p, 1);   /* the watchdog sees that it is back */
    await_search(a, p, 4);
    CHECK(a, !*peer_cookie(p, 4), "it was asked with %s", peer_cookie(p, 4));
    await_cookie(a, 1);
    axsync_await_phase(a, "insync");
    axsync_read_output(a);
    CHECK(a, a->target.lines == 4, "%zu lines", a->target.lines);
    end(&a, &p);
}

static void garbage(struct peer_search *s, unsigned number, const char *cookie)
{
    (void)cookie;
    if (number == 1) {
        four(s, 1);
        say_garbage(s, 2);
    } else if (number == 2) {
        say_set(s, false, 1, 3, 0);
        say_garbage(s, 4);
    } else {
        say_phase(s, true, true, 2);
    }
}

Test(trouble, control_that_does_not_decode, .timeout = 280)
{
    struct peer *p;
    struct axsync *a = with_four(&p, garbage, "");

    axsync_await_log(a, "session dropped");
    await_search(a, p, 3);
    CHECK(a, strstr(cookie_of(1), strstr(peer_cookie(p, 3), "csn=")) != NULL, "the cookie was %s", peer_cookie(p, 3));
    CHECK(a, peer_time(p, 3) - peer_time(p, 2) >= 900, "no back-off");
    await_cookie(a, 2);
    nothing_was_deleted(a);
    end(&a, &p);
}

/* ---- liveness ----------------------------------------------------------------------------------------------- */

static void silent(struct peer_search *s, unsigned number, const char *cookie)
{
    (void)cookie;
    if (number == 1)
        four(s, 1);
    else if (number <= 4)
        say_phase(s, true, true, 0);   /* and says nothing of what moved contextCSN */
    else {
        say_entry(s, PEER_ADD, 5, 0);
        say_phase(s, true, true, 2);
    }
}

/* The search has ended at the server, which nobody tells; the connection lives. */
Test(liveness, search_that_died_in_silence, .timeout = 280)
{
    struct peer *p;
    struct axsync *a = with_four(&p, silent, "");

    peer_put(p, 5, true);
    peer_set_csn(p, 2);
    AWAIT_PEOPLE(a, 1, 2, 3, 4, 5);
    CHECK(a, strstr(peer_cookie(p, 2), strstr(cookie_of(1), "csn=")) != NULL, "the cookie was %s", peer_cookie(p, 2));
    CHECK(a, peer_time(p, 4) - peer_time(p, 3) > peer_time(p, 3) - peer_time(p, 2) + 1000 &&
                 peer_time(p, 5) - peer_time(p, 4) > peer_time(p, 4) - peer_time(p, 3) + 2000,
          "re-issued after %lld, %lld and %lld ms", (long long)(peer_time(p, 3) - peer_time(p, 2)),
          (long long)(peer_time(p, 4) - peer_time(p, 3)), (long long)(peer_time(p, 5) - peer_time(p, 4)));
    end(&a, &p);
}

static void one_goes(struct peer_search *s, unsigned number, const char *cookie)
{
    (void)cookie;
    if (number == 1) {
        four(s, 1);
        say_entry(s, PEER_DELETE, 2, 1);
    } else {
        say_phase(s, true, true, 0);
    }
}

/* A look-up gets no answer, all else does: the watchdog goes on, and it is asked once more on another connection. */
Test(liveness, lookup_without_an_answer, .timeout = 280)
{
    struct peer *p = peer_new(one_goes, 1, 4);
    struct axsync *a = peer_axsync(p, "");

    peer_put(p, 2, false);
    peer_hang_lookups(p, true);
    axsync_start(a);
    AWAIT_PEOPLE(a, 1, 2, 3, 4);
    await_cookie(a, 1);
    status_is_quick(a);
    peer_set_csn(p, 2);
    await_search(a, p, 2);   /* the watchdog saw contextCSN move */
    peer_hang_lookups(p, false);
    AWAIT_PEOPLE(a, 1, 3, 4);
    end(&a, &p);
}

static void one_is_missing(struct peer_search *s, unsigned number, const char *cookie)
{
    (void)cookie;
    if (number == 1) {
        four(s, 1);
    } else {
        say_set(s, false, 1, 1, 0);
        say_set(s, false, 3, 4, 0);
        say_phase(s, false, true, 1);
    }
}

/* Connections are taken and stay, and nothing is ever said. */
Test(liveness, server_that_froze, .timeout = 280)
{
    struct peer *p;
    struct axsync *a = with_four(&p, one_is_missing, "");

    peer_put(p, 2, false);
    peer_freeze(p, true);
    axsync_await_phase(a, "waiting");
    status_is_quick(a);
    nothing_was_deleted(a);
    peer_freeze(p, false);
    AWAIT_PEOPLE(a, 1, 3, 4);
    end(&a, &p);
}

/* A port that takes connections into its backlog and never looks at them; a second server stands in. */
Test(liveness, black_hole_before_a_server, .timeout = 280)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int hole = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct peer *p = peer_new(one_goes, 1, 4);
    struct axsync *a;
    char more[200];

    cr_assert(bind(hole, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(hole, 1) == 0);
    getsockname(hole, (struct sockaddr *)&address, &len);
    snprintf(more, sizeof(more), "ldapURI = {\"ldap://127.0.0.1:%u\", \"ldap://127.0.0.1:%u\"}\n", ntohs(address.sin_port), peer_port(p));
    a = peer_axsync(p, more);
    axsync_start(a);
    axsync_await_phase(a, "connecting");
    status_is_quick(a);
    AWAIT_PEOPLE(a, 1, 2, 3, 4);
    end(&a, &p);
    close(hole);
}
