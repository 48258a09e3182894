/* What outlives what, what is counted and logged, and how fast it is. */
#include <criterion/criterion.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixture.h"

static char folder[64], state[80], logged[80];

static void init(void)
{
    strcpy(folder, "/tmp/emulator-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(state, sizeof(state), "%s/state", folder);
    snprintf(logged, sizeof(logged), "%s/log", folder);
}

static void fini(void)
{
    static const char *const names[] = {"state", "state.journal", "log", "ca.pem", "port", "dump"};
    char path[128];

    fixture_fini();
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

TestSuite(state, .init = init, .fini = fini);

/* A file as text, which lives until the next call. */
static const char *text_of(const char *path)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

    if (f)
        fclose(f);
    text[n] = '\0';
    return text;
}

Test(state, survives_a_kill)
{
    json_t *before, *after;
    int fd;

    start("--state", state, NULL);
    fd = in_domain();
    expect_ok(fd, "ADD Account anna password secret1", "ADD Alias ann", "CONFIG ContactInfo", "SET firstName A", "DONE",
              "COMMIT", "ADD Account bert password x", "COMMIT", "ADD Group staff", "ADD Address anna@example.com",
              "COMMIT", "UPDATE Account bert", "SET name carl", "COMMIT", "REMOVE Account anna", "COMMIT",
              "UPDATE Domain example.com", "SET customerReference x", "COMMIT", "UPDATE Domain example.com",
              "UPDATE Account carl", "SET customerReference lost", NULL);
    before = json_incref((json_t *)(uintptr_t)dumped("domains", NULL));
    emulator_kill(emulator);
    emulator_restart(emulator, NULL);
    after = json_incref((json_t *)(uintptr_t)dumped("domains", NULL));
    cr_assert(json_equal(before, after));
    expect_account("carl", "settings", "nothing");
    cr_assert_null(strstr(text_of(state), "secret1"));
    expect_ok(in_domain(), "ADD Account anna password x", "COMMIT", NULL);
    expect_account("anna", "id", "4"); /* the mailbox of the one who was removed is nobody's again */
    json_decref(before);
    json_decref(after);
}

Test(state, half_a_line_in_the_journal_is_nothing)
{
    char path[128];
    FILE *f;

    start("--state", state, NULL);
    expect_ok(in_domain(), "ADD Account anna password x", "COMMIT", NULL);
    emulator_kill(emulator);
    snprintf(path, sizeof(path), "%s.journal", state);
    f = fopen(path, "a");
    cr_assert_not_null(f);
    fputs("{\"put\":[\"example.com\",\"accounts\",\"bert\"],\"value\":{\"name\"", f);
    fclose(f);
    emulator_restart(emulator, NULL);
    expect_account("anna", "name", "\"anna\"");
    expect_account("bert", "name", "nothing");
}

Test(state, a_dump_can_be_loaded)
{
    json_t *dump, *again;

    start(NULL);
    expect_ok(in_domain(), "ADD Account anna password x", "COMMIT", "ADD Group g", "ADD Address x@y", "COMMIT", NULL);
    dump = emulator_dump(emulator);
    cr_assert_eq(json_dump_file(dump, state, 0), 0);
    emulator_stop(&emulator);
    start("--load", state, NULL);
    again = emulator_dump(emulator);
    cr_assert(json_equal(json_object_get(dump, "domains"), json_object_get(again, "domains")));
    json_decref(dump);
    json_decref(again);
}

Test(state, what_somebody_else_did)
{
    start(NULL);
    emulator_control(emulator, "merge {\"domains\":{\"example.com\":{\"accounts\":{\"zoe\":{\"aliases\":[\"z\"]}}}}}");
    expect_answer(in_domain(), "ADD Account z password x", "-ERR:*exists*");
    emulator_control(emulator, "remove example.com accounts zoe");
    expect_ok(in_domain(), "ADD Account z password x", NULL);
}

Test(state, log_and_counters)
{
    const char *text;
    int fd;

    start("--log", logged, NULL);
    fd = in_domain();
    send_text(fd, "ADD Account anna password hush1\r\nSET password hush2\r\nCOMMIT\r\nADD Account \"anna password "
                  "hush3\r\nCOMMIT\r\n");
    cr_assert(emulator_await_counter(emulator, "commits", 2, WAIT_MS));
    text = text_of(logged);
    cr_assert_null(strstr(text, "hush"), "%s", text);
    cr_assert_null(strstr(text, "secret"), "%s", text);
    cr_assert_not_null(strstr(text, "1\tdomain\tADD Account anna password ***\t+OK: account anna"), "%s", text);
    cr_assert_not_null(strstr(text, "1\tdomain-account\tCOMMIT\t+OK:"), "%s", text);
    cr_assert_eq(emulator_counter(emulator, "commands"), 8);
    cr_assert_eq(emulator_counter(emulator, "roundTrips"), 4);
    cr_assert_eq(emulator_counter(emulator, "maxInFlight"), 5);
    cr_assert_eq(emulator_counter(emulator, "accountsAdded"), 1);
    cr_assert_eq(json_integer_value(dumped("counters", "perCommand", "COMMIT", NULL)), 2);
    expect_account("anna", "password", "\"5 lower digit\"");
    emulator_control(emulator, "reset");
    cr_assert_eq(emulator_counter(emulator, "commands"), 0);
}

Test(state, dump_at_a_signal)
{
    char path[128];
    int tries = 0;

    snprintf(path, sizeof(path), "%s/dump", folder);
    start("--dump", path, NULL);
    kill(emulator_pid(emulator), SIGUSR1);
    while (access(path, F_OK) != 0 && ++tries < 2000)
        poll(NULL, 0, 5);
    cr_assert_not_null(strstr(text_of(path), "example.com"));
}

Test(state, control_port_and_port_files)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/port", folder);
    start("--control-port", "0", "--control-port-file", path, NULL);
    cr_assert_gt(atol(text_of(path)), 0);
    cr_assert_neq((unsigned)atol(text_of(path)), emulator_port(emulator));
}

Test(state, mistakes_in_control_lines)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"set licence many", "error: many is no value of licence"},
        {"set nothing 1", "error: nothing"},
        {"rule explode", "error: no such action"},
        {"rule refuse pattern", "error: a field without a value"},
        {"rule refuse at x", "error: a number was expected"},
        {"merge {", "error: "},
        {"clear nothing", "error: "},
        {"remove example.com accounts nobody", "error: "},
        {"what", "error: what"},
        {"set keep maybe", "error: "},
    };
    char line[256], path[128];
    int in[2], out[2];
    pid_t pid;
    FILE *f;

    snprintf(path, sizeof(path), "%s/port", folder);
    cr_assert(pipe(in) == 0 && pipe(out) == 0);
    pid = fork();
    if (pid == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        execl(AXIGEN_EMULATOR, AXIGEN_EMULATOR, "--port", "0", "--port-file", path, "--control-stdin",
              "--die-with-parent", NULL);
        _exit(127);
    }
    close(out[1]);
    f = fdopen(out[0], "r");
    cr_assert_not_null(fgets(line, sizeof(line), f));
    cr_assert_eq(atol(text_of(path)), atol(line + strlen("ready ")));
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        dprintf(in[1], "%s\n", cases[i].line);
        cr_assert_not_null(fgets(line, sizeof(line), f));
        cr_assert_eq(strncmp(line, cases[i].text, strlen(cases[i].text)), 0, "%s: %s", cases[i].line, line);
    }
    kill(pid, SIGTERM);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    fclose(f);
    close(in[0]);
    close(in[1]);
}

Test(state, tls)
{
    char path[128], text[4096] = "";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl;
    int n;

    snprintf(path, sizeof(path), "%s/ca.pem", folder);
    start("--tls-self-signed", path, NULL);
    cr_assert_eq(SSL_CTX_load_verify_locations(ctx, path, NULL), 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    ssl = SSL_new(ctx);
    SSL_set1_host(ssl, "localhost");
    SSL_set_fd(ssl, dial());
    cr_assert_eq(SSL_connect(ssl), 1);
    cr_assert_gt(SSL_read(ssl, text, sizeof(text)), 0);
    n = SSL_write(ssl, "GET VERSION\r\nEXIT\r\n", 19);
    cr_assert_eq(n, 19);
    for (size_t len = 0; (n = SSL_read(ssl, text + len, (int)(sizeof(text) - len - 1))) > 0;)
        text[len += (size_t)n] = '\0';
    cr_assert_not_null(strstr(text, "10.6.30|Linux|x86_64\r\n+OK:"));
    cr_assert_not_null(strstr(text, "nice day"));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

/* A child writes, we read: a client that reads nothing while it sends would stall both. */
static void pipeline(int fd, int accounts)
{
    char text[256];
    pid_t pid = fork();

    if (pid == 0) {
        for (int i = 0; i < accounts; i++) {
            snprintf(text, sizeof(text), "ADD Account user%d password x\r\nSET customerReference %d\r\nCOMMIT\r\n", i,
                     i);
            send_text(fd, text);
        }
        _exit(0);
    }
    for (int got = 0; got < accounts * 3;) {
        const char *at = receive(fd);

        cr_assert_null(strstr(at, "-ERR"));
        for (; (at = strstr(at, "+OK:")) != NULL; at++)
            got++;
    }
    waitpid(pid, NULL, 0);
}

Test(state, many_accounts)
{
    struct timespec from, to;
    int accounts = getenv("EMULATOR_TEST_ACCOUNTS") ? atoi(getenv("EMULATOR_TEST_ACCOUNTS")) : 3000, fd;

    start("--state", state, NULL);
    fd = in_domain();
    clock_gettime(CLOCK_MONOTONIC, &from);
    pipeline(fd, accounts);
    clock_gettime(CLOCK_MONOTONIC, &to);
    fprintf(stderr, "%d accounts in %.2f s\n", accounts,
            (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
    expect_ok(fd, "COMMIT", NULL);
    emulator_kill(emulator);
    emulator_restart(emulator, NULL);
    cr_assert_eq(json_object_size(dumped("domains", "example.com", "accounts", NULL)), (size_t)accounts);
}
