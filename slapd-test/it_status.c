/* `status` answers at once in every state, and SIGTERM ends the program. Asked over the control socket from here, so that what is
 * measured is the daemon and not the start of a process. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "axsync_peer.h"
#include "axsync_test.h"

#define ASKS 21
#define MEDIAN_MS 100    /* the promise */
#define WORST_MS 2000    /* of them, on a machine with other things to do */
#define STOP_MS 2000

/* ---- measuring ---------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* And the program is in that phase all the while: it does hang. */
static void status_is_quick(struct axsync *a, const char *state, const char *phase)
{
    int64_t took[ASKS];

    for (size_t i = 0; i < ASKS; i++) {
        int64_t began = axsync_now_ms();
        json_t *status = axsync_peek(a);

        took[i] = axsync_now_ms() - began;
        CHECK(a, status != NULL, "%s: status does not answer", state);
        CHECK(a, strcmp(axsync_text(status, "phase"), phase) == 0, "%s: it is %s", state, axsync_text(status, "phase"));
        json_decref(status);
    }
    qsort(took, ASKS, sizeof(*took), by_size);
    CHECK(a, took[ASKS / 2] < MEDIAN_MS, "%s: status took %lld ms (median)", state, (long long)took[ASKS / 2]);
    CHECK(a, took[ASKS - 1] < WORST_MS, "%s: status took %lld ms (the slowest)", state, (long long)took[ASKS - 1]);
}

static void quick_to_the_end(struct axsync **a, const char *state, const char *phase)
{
    status_is_quick(*a, state, phase);
    axsync_stop(*a);
    CHECK(*a, (*a)->stop_ms < STOP_MS, "%s: SIGTERM took %lld ms", state, (long long)(*a)->stop_ms);
    axsync_free(a);
}

/* ---- before there is a session ------------------------------------------------------------------------------ */

/* A port that takes connections (at most `backlog` and one) and says nothing. */
static int silent_port(int backlog, unsigned *port_r)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, backlog) == 0 &&
              getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    *port_r = ntohs(at.sin_port);
    return fd;
}

static struct axsync *axsync_on(const char *scheme, const char *host, unsigned port, const char *more)
{
    struct axsync *a = axsync_new(NULL, NULL);
    char text[2000];

    snprintf(text, sizeof(text),
             "stateDir = \"%s\"\nconnector \"corp\" {\n  ldapURI = {\"%s://%s:%u\"}\n  timeout = 60\n%s"
             "  accountBaseDN = \"" PEOPLE "\"\n  domain = \"example.com\"\n"
             "  sink \"journal\" { type = \"file\" path = \"%s\" }\n}\n",
             a->state, scheme, host, port, more, a->output);
    axsync_write_config(a, text);
    return a;
}

Test(status, while_a_name_is_looked_up, .timeout = 120)
{
    struct axsync *a = axsync_on("ldap", "directory.example.com", 389, "");

    axsync_setenv(a, "LD_PRELOAD", HANG_LOOKUP);
    axsync_setenv(a, "ASAN_OPTIONS", "verify_asan_link_order=0");
    axsync_start(a);
    axsync_await_phase(a, "connecting");
    quick_to_the_end(&a, "looking a name up", "connecting");
}

/* The queue of the port is full, so that the kernel leaves the next connection without an answer. */
Test(status, while_it_connects, .timeout = 120)
{
    enum { FILLERS = 4 };
    unsigned port;
    int listener = silent_port(0, &port), fillers[FILLERS];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    struct axsync *a = axsync_on("ldap", "127.0.0.1", port, "");

    for (size_t i = 0; i < FILLERS; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&to, sizeof(to));
    }
    axsync_start(a);
    axsync_await_phase(a, "connecting");
    quick_to_the_end(&a, "connecting", "connecting");
    for (size_t i = 0; i < FILLERS; i++)
        close(fillers[i]);
    close(listener);
}

static void while_the_port_is_silent(const char *state, const char *scheme, const char *more)
{
    unsigned port;
    int listener = silent_port(8, &port);
    struct axsync *a = axsync_on(scheme, "127.0.0.1", port, more);

    axsync_start(a);
    axsync_await_phase(a, "connecting");
    quick_to_the_end(&a, state, "connecting");
    close(listener);
}

Test(status, while_tls_or_bind_get_no_answer, .timeout = 120)
{
    while_the_port_is_silent("TLS handshake", "ldaps", "tlsRequireCert = \"never\"\n");
    while_the_port_is_silent("StartTLS", "ldap", "startTLS = yes\ntlsRequireCert = \"never\"\n");
    while_the_port_is_silent("bind", "ldap", "");
}

/* ---- in a session ------------------------------------------------------------------------------------------- */

static void never_completed(struct peer_search *s, unsigned number, const char *cookie)
{
    (void)number;
    (void)cookie;
    for (unsigned i = 1; i <= 4; i++)
        say_entry(s, PEER_ADD, i, 0);
}

static void completed(struct peer_search *s, unsigned number, const char *cookie)
{
    never_completed(s, number, cookie);
    say_entry(s, PEER_ADD, 4 + number, number);
    say_phase(s, true, true, number);
}

static bool four_were_received(struct axsync *a, void *ctx)
{
    json_t *connector = axsync_peek(a), *search = json_array_get(json_object_get(connector, "searches"), 0);
    json_int_t received = json_integer_value(json_object_get(search, "received"));

    (void)ctx;
    json_decref(connector);
    return received == 4;
}

Test(status, while_it_refreshes, .timeout = 120)
{
    struct peer *p = peer_new(never_completed, 1, 4);
    struct axsync *a = peer_axsync(p, "");

    axsync_start(a);
    axsync_await(a, "part of the refresh", four_were_received, NULL);
    quick_to_the_end(&a, "refreshing", "refreshing");
    peer_free(&p);
}

#ifdef AXSYNC_STEPS
static bool step_was_reached(struct axsync *a, void *ctx)
{
    char *log = axsync_file(ctx);
    bool reached = log && strstr(log, "cookie_stored") != NULL;

    (void)a;
    free(log);
    return reached;
}

/* The writer never comes back from the first commit that brings a cookie. */
Test(status, while_a_commit_goes_on, .timeout = 120)
{
    struct peer *p = peer_new(completed, 1, 4);
    struct axsync *a = peer_axsync(p, "");
    char log[300];

    snprintf(log, sizeof(log), "%s/steps", a->folder);
    axsync_setenv(a, "AXSYNC_STEP_LOG", log);
    axsync_setenv(a, "AXSYNC_STEP_HANG", "cookie_stored:1");
    axsync_start(a);
    axsync_await(a, "a commit", step_was_reached, log);
    quick_to_the_end(&a, "committing", "refreshing");
    peer_free(&p);
}

/* … of a sink's position, after the file was written. */
Test(status, while_a_sink_hangs, .timeout = 120)
{
    struct peer *p = peer_new(completed, 1, 4);
    struct axsync *a = peer_axsync(p, "");

    axsync_setenv(a, "AXSYNC_STEP_HANG", "file_write_before:1");
    axsync_start(a);
    axsync_await_phase(a, "insync");
    quick_to_the_end(&a, "a sink that hangs", "insync");
    peer_free(&p);
}
#endif

Test(status, while_a_sink_is_dead, .timeout = 120)
{
    struct peer *p = peer_new(completed, 1, 4);
    struct axsync *a = peer_axsync(p, "  sink \"full\" { type = \"file\" path = \"/dev/full\" }\n");

    axsync_expect_error(a, "full");
    axsync_start(a);
    axsync_await_phase(a, "insync");
    quick_to_the_end(&a, "a sink that can't be written", "insync");
    peer_free(&p);
}

/* No write beyond the first 4 KiB of a file succeeds any more. */
Test(status, while_the_disk_is_full, .timeout = 120)
{
    const struct rlimit little = {4096, 4096};
    struct peer *p = peer_new(completed, 1, 4);
    struct axsync *a = peer_axsync(p, "");

    axsync_expect_error(a, "");
    axsync_start(a);
    axsync_await_phase(a, "insync");
    CHECK(a, prlimit(a->pid, RLIMIT_FSIZE, &little, NULL) == 0, "prlimit");
    peer_cut(p);   /* the next session has something to store */
    axsync_await_error(a, "too large");
    quick_to_the_end(&a, "a full disk", "refreshing");
    peer_free(&p);
}
