/* What administrators and servers get wrong: it is told in one clear line, tried again where that can help, and never
 * keeps the program from answering or from ending. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "axsync_test.h"

/* What SPEC.md promises, and for status what a busy machine with sanitizers needs. */
#define STOP_LIMIT_MS   2000
#define STATUS_LIMIT_MS 1000

static struct axsync *company(const struct slapdtest_options *options, const char *overrides)
{
    return axsync_new(run_company(options, 20), overrides);
}

static size_t lines_in(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += *text == '\n';
    return n;
}

/* ---- the configuration -------------------------------------------------------------------------------------- */

static void check_problem(struct axsync *a, int line, const char *word)
{
    char place[300], *begin, *end;

    snprintf(place, sizeof(place), "%s:%d:", a->config, line);
    begin = strstr(a->err, place);
    CHECK(a, begin != NULL, "nothing is said of line %d:\n%s", line, a->err);
    end = strchrnul(begin, '\n');
    CHECK(a, memmem(begin, (size_t)(end - begin), word, strlen(word)) != NULL, "of line %d it isn't said: %s\n%s", line, word,
          a->err);
}

Test(badinput, configuration, .timeout = 120)
{
    struct axsync *a = axsync_new(NULL, NULL);

    axsync_write_config(a, "stateDir = \"/nonexistent/state\"\n"
                           "connector \"corp\" {\n"
                           "  ldapURI = {\"http://127.0.0.1\"}\n"
                           "  accountBaseDN = \"no DN\"\n"
                           "  deleteGraze = 1\n"
                           "  timeout = \"soon\"\n"
                           "  accountScope = \"all\"\n"
                           "  domain = \"example.com\"\n"
                           "  sink \"s\" { type = \"file\" path = \"/tmp/x\" }\n"
                           "}\n");
    for (int i = 0; i < 2; i++) {
        CHECK(a, (i ? axsync_command(a, "run", "--once", NULL) : axsync_command(a, "run", NULL)) == EX_CONFIG,
              "a wrong configuration is none to run");
        check_problem(a, 3, "http://127.0.0.1");
        check_problem(a, 4, "accountBaseDN");
        check_problem(a, 5, "deleteGrace");
        check_problem(a, 6, "timeout");
        check_problem(a, 7, "accountScope");
        CHECK(a, lines_in(a->err) == 5, "five are wrong:\n%s", a->err);
    }
    axsync_free(&a);
}

Test(badinput, configuration_file, .timeout = 120)
{
    struct axsync *a = axsync_new(NULL, NULL);

    CHECK(a, axsync_command(a, "run", NULL) == EX_CONFIG && lines_in(a->err) == 1, "a missing file: %s", a->err);
    axsync_write_config(a, "connector \"corp\" {\n  bindPass = \"secret\n}\n");
    CHECK(a, axsync_command(a, "run", NULL) == EX_CONFIG, "a syntax error is none to run");
    CHECK(a, strstr(a->err, a->config) != NULL && strstr(a->err, ":2:") != NULL, "a string without end: %s", a->err);
    CHECK(a, strstr(a->err, "secret") == NULL, "a secret is told: %s", a->err);
    axsync_free(&a);
}

Test(badinput, secrets_are_private, .timeout = 120)
{
    struct axsync *a = company(&QUICK_SERVER, "");

    chmod(a->config, 0644);
    CHECK(a, axsync_command(a, "run", "--once", NULL) == EX_CONFIG, "a secret that others can read is none to run");
    CHECK(a, strstr(a->err, "chmod") != NULL || strstr(a->err, "others") != NULL, "it is not said what to do: %s", a->err);
    CHECK(a, strstr(a->err, AXSYNC_READER_PW) == NULL, "a secret is told: %s", a->err);
    end_company(&a);
}

Test(badinput, command_line, .timeout = 120)
{
    struct axsync *a = axsync_new(NULL, NULL);

    CHECK(a, axsync_command(a, "rum", NULL) == EX_USAGE && strstr(a->err, "run") != NULL, "rum: %s", a->err);
    CHECK(a, axsync_command(a, "run", "--one", NULL) == EX_USAGE && strstr(a->err, "once") != NULL, "--one: %s", a->err);
    CHECK(a, axsync_command(a, "approve", "all", NULL) == EX_USAGE, "approve all: %s", a->err);
    axsync_free(&a);
}

/* ---- ends and answers in any state -------------------------------------------------------------------------- */

static void ends_in_time(struct axsync *a)
{
    axsync_stop(a);
    CHECK(a, a->stop_ms < STOP_LIMIT_MS, "it took %lld ms to end", (long long)a->stop_ms);
}

/* The best of a few: a machine with other things to do may let a process wait that long before it runs at all. */
static void answers_in_time(struct axsync *a)
{
    int64_t best = INT64_MAX;

    for (int i = 0; i < 5 && best >= STATUS_LIMIT_MS; i++) {
        json_t *status = axsync_status(a);

        CHECK(a, status != NULL, "no status");
        best = a->command_ms < best ? a->command_ms : best;
        json_decref(status);
    }
    CHECK(a, best < STATUS_LIMIT_MS, "status took %lld ms", (long long)best);
}

/* What is wrong with the directory: the words of it, what `run --once` must end with, and one line in the log however
 * often it is tried. */
static void says(struct axsync *a, const char *words)
{
    size_t lines;

    CHECK(a, axsync_command(a, "run", "--once", NULL) == EX_UNAVAILABLE, "run --once: %s", a->err);
    CHECK(a, strstr(a->err, words) != NULL, "run --once does not say \"%s\": %s", words, a->err);
    axsync_start(a);
    axsync_await_error(a, words);
    answers_in_time(a);
    ends_in_time(a);
    lines = axsync_log_count(a, words);
    CHECK(a, lines == 1, "%zu lines of the log say \"%s\"", lines, words);
    CHECK(a, axsync_log_count(a, AXSYNC_READER_PW) == 0, "the password is in the log");
    axsync_start(a);
    axsync_await_error(a, words);
}

/* … and once it is put right, it goes on by itself. */
static void goes_on(struct axsync *a)
{
    axsync_await_mirror(a, NULL);
    axsync_await_settled(a);
    ends_in_time(a);
    end_company(&a);
}

Test(badinput, no_server, .timeout = 120)
{
    struct axsync *a = company(&QUICK_SERVER, "");

    DO(a, slapdtest_stop(a->server));
    says(a, "Can't contact LDAP server");
    DO(a, slapdtest_start(a->server));
    goes_on(a);
}

Test(badinput, wrong_password, .timeout = 120)
{
    struct axsync *a = company(&QUICK_SERVER, "bindPass = \"right tomorrow\"\n");

    says(a, "Invalid credentials");
    CHECK(a, axsync_log_count(a, "right tomorrow") == 0, "the password is in the log");
    DO(a, slapdtest_replace(a->server, AXSYNC_READER_DN, "userPassword", "right tomorrow"));
    goes_on(a);
}

Test(badinput, no_such_base, .timeout = 120)
{
    struct axsync *a = company(&QUICK_SERVER, "");

    DO(a, slapdtest_rename(a->server, PEOPLE, "ou=staff", NULL));
    says(a, "No such object");
    DO(a, slapdtest_rename(a->server, "ou=staff," SUFFIX, "ou=people", NULL));
    goes_on(a);
}

Test(badinput, no_right_to_read, .timeout = 120)
{
    static const char *const access[] = {"to dn.subtree=\"" PEOPLE "\" by * none", "to * by * read", NULL};
    static const char *const everybody[] = {"to * by * read", NULL};
    struct axsync *a = company(&QUICK_SERVER, "");

    DO(a, slapdtest_set_access(a->server, access));
    says(a, "may not be read");
    DO(a, slapdtest_set_access(a->server, everybody));
    goes_on(a);
}

Test(badinput, no_syncprov, .timeout = 120)
{
    struct slapdtest_options options = {.dbnosync = true, .no_syncprov = true};
    struct axsync *a = company(&options, "mode = \"persist\"\n");   /* auto polls it, and nothing is wrong */

    says(a, "load the syncprov overlay");
    DO(a, slapdtest_config(a->server, "dn: cn=module{0},cn=config\nchangetype: modify\nadd: olcModuleLoad\n"
                                      "olcModuleLoad: syncprov\n\n"
                                      "dn: " SLAPDTEST_SYNCPROV_DN "\nchangetype: add\n"
                                      "objectClass: olcOverlayConfig\nobjectClass: olcSyncProvConfig\n"
                                      "olcOverlay: {0}syncprov\n"));
    goes_on(a);
}

/* ---- what never answers ------------------------------------------------------------------------------------- */

/* A socket that listens and takes no connection: the kernel does, and nobody ever answers. */
static int black_hole(unsigned *port_r)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 8) == 0 &&
              getsockname(fd, (struct sockaddr *)&at, &size) == 0);
    *port_r = ntohs(at.sin_port);
    return fd;
}

/* While it hangs in each of these, and after it has given up. */
static void bears_black_hole(const char *scheme, const char *more)
{
    struct axsync *a = company(&QUICK_SERVER, "");
    char overrides[300];
    unsigned port;
    int fd = black_hole(&port);

    snprintf(overrides, sizeof(overrides), "ldapURI = {\"%s://127.0.0.1:%u\"}\n%s", scheme, port, more);
    axsync_configure(a, overrides);
    axsync_start(a);
    axsync_await_phase(a, "connecting");
    answers_in_time(a);
    ends_in_time(a);
    axsync_start(a);
    axsync_await_phase(a, "waiting");
    answers_in_time(a);
    ends_in_time(a);
    close(fd);
    end_company(&a);
}

Test(badinput, black_hole, .timeout = 120)
{
    bears_black_hole("ldap", "");
}

Test(badinput, black_hole_of_tls, .timeout = 120)
{
    bears_black_hole("ldaps", "tlsRequireCert = \"never\"\n");
}

Test(badinput, black_hole_of_starttls, .timeout = 120)
{
    bears_black_hole("ldap", "startTLS = yes\ntlsRequireCert = \"never\"\n");
}

/* The server stops answering in the middle of the session. */
Test(badinput, server_stops_answering, .timeout = 120)
{
    struct axsync *a = company(&QUICK_SERVER, "timeout = 1\nwatchdogInterval = 1\n");

    axsync_start(a);
    axsync_await_settled(a);
    DO(a, slapdtest_pause(a->server));
    answers_in_time(a);
    axsync_await_phase(a, "waiting");
    answers_in_time(a);
    ends_in_time(a);
    axsync_start(a);
    axsync_await_phase(a, "waiting");
    DO(a, slapdtest_continue(a->server));
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "title", "After the pause"));
    goes_on(a);
}

/* ---- one state, one daemon ---------------------------------------------------------------------------------- */

Test(badinput, second_daemon, .timeout = 120)
{
    struct axsync *a = company(&QUICK_SERVER, "");
    char pid[32];

    axsync_start(a);
    axsync_await_settled(a);
    snprintf(pid, sizeof(pid), "(pid %d)", (int)a->pid);
    for (int i = 0; i < 2; i++) {
        CHECK(a, (i ? axsync_command(a, "run", "--once", NULL) : axsync_command(a, "run", NULL)) == EX_TEMPFAIL,
              "a second daemon ran");
        CHECK(a, strstr(a->err, pid) != NULL && lines_in(a->err) == 1, "it is not said who has the state: %s", a->err);
    }
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "title", "The first lives on"));
    goes_on(a);
}

/* The output file can't be written: that is no reason to lose anything, or not to answer. */
Test(badinput, output_cannot_be_written, .timeout = 120)
{
    struct axsync *a = company(&QUICK_SERVER, "");

    cr_assert(mkdir(a->output, 0700) == 0);
    axsync_expect_error(a, a->output);
    CHECK(a, axsync_command(a, "run", "--once", NULL) == EX_CONFIG || axsync_command(a, "run", "--once", NULL) == EX_UNAVAILABLE,
          "run --once with a folder for a file: %s", a->err);
    CHECK(a, strstr(a->err, a->output) != NULL, "the file is not named: %s", a->err);
    cr_assert(rmdir(a->output) == 0);
    axsync_start(a);
    goes_on(a);
}
