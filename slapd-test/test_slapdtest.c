/*
 * The slapdtest library on a real slapd: the life of servers, one and several. Each test runs in a process of its own
 * (Criterion), several at a time.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "slapdtest_test.h"

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- life ---- */

Test(life, start_and_stop)
{
    struct slapdtest *s = run(NULL);
    char *folder = strdup(slapdtest_folder(s));
    unsigned port = slapdtest_port(s);
    LDAP *ld;

    cr_assert(slapdtest_running(s) && slapdtest_pid(s) > 0 && exists(folder));
    cr_assert_str_eq(slapdtest_error(s), "");
    cr_assert_str_eq(slapdtest_rootdn(s), "cn=admin," SUFFIX);
    cr_assert_null(slapdtest_uri_ldaps(s));
    FAILS(s, slapdtest_start(s), LDAP_OTHER);
    OK(s, slapdtest_connect(s, NULL, NULL, &ld)); /* a client that stays mustn't keep it from stopping */
    OK(s, slapdtest_stop(s));
    cr_assert(!slapdtest_running(s) && slapdtest_pid(s) == 0);
    cr_assert_eq(connect_errno(port), ECONNREFUSED);
    OK(s, slapdtest_stop(s)); /* none runs: fine */
    FAILS(s, slapdtest_kill(s), LDAP_OTHER);
    FAILS(s, slapdtest_count(s, NULL, "sub", NULL), LDAP_SERVER_DOWN);
    slapdtest_free(&s);
    cr_assert(s == NULL && !exists(folder));
    ldap_unbind_ext_s(ld, NULL, NULL);
    free(folder);
}

Test(life, restart_keeps_port_and_data)
{
    struct slapdtest *s = run_with_people(NULL, 3);
    unsigned port = slapdtest_port(s);
    long pid = slapdtest_pid(s);
    const char *uri = slapdtest_uri(s); /* lives as long as the handle */
    char text[64];

    snprintf(text, sizeof(text), "ldap://127.0.0.1:%u", port);
    OK(s, slapdtest_kill(s));
    cr_assert_eq(connect_errno(port), ECONNREFUSED);
    OK(s, slapdtest_start(s));
    cr_assert(slapdtest_port(s) == port && slapdtest_pid(s) != pid && connect_errno(port) == 0);
    cr_assert_eq(slapdtest_count(s, PEOPLE, "one", NULL), 3);
    for (int i = 0; i < 3; i++)
        OK(s, slapdtest_restart(s));
    cr_assert(slapdtest_port(s) == port);
    cr_assert_str_eq(uri, text);
    cr_assert_eq(slapdtest_uri(s), uri);
    cr_assert_eq(slapdtest_count(s, PEOPLE, "one", NULL), 3);
    slapdtest_free(&s);
}

Test(life, pause_and_continue)
{
    struct slapdtest *s = run_with_people(NULL, 1);

    OK(s, slapdtest_pause(s));
    cr_assert(slapdtest_running(s));
    cr_assert_eq(connect_errno(slapdtest_port(s)), 0); /* the kernel still takes connections */
    slapdtest_set_timeout(s, 300);
    FAILS(s, slapdtest_count(s, NULL, "sub", NULL), LDAP_TIMEOUT);
    slapdtest_set_timeout(s, 0);
    OK(s, slapdtest_continue(s));
    OK(s, slapdtest_replace(s, PERSON_1, "title", "y"));
    OK(s, slapdtest_pause(s));
    OK(s, slapdtest_stop(s)); /* continues it first */
    slapdtest_free(&s);
}

Test(life, notices_a_death)
{
    struct slapdtest *s = run(NULL);

    cr_assert_eq(kill((pid_t)slapdtest_pid(s), SIGSEGV), 0);
    AWAIT(!slapdtest_running(s));
    SAYS(s, "signal 11");
    OK(s, slapdtest_restart(s));
    slapdtest_free(&s);
}

/* Run a server in a child process that ends as told; gives its folder's path and port. */
static void run_in_child(bool cleanly, char *folder, size_t size, unsigned *port_r)
{
    int ends[2];
    ssize_t n;
    pid_t pid;

    cr_assert_eq(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        struct slapdtest *s = run_with_people(NULL, 1);
        unsigned port = slapdtest_port(s);

        if (write(ends[1], &port, sizeof(port)) < 0 ||
            write(ends[1], slapdtest_folder(s), strlen(slapdtest_folder(s))) < 0)
            _exit(1);
        if (cleanly)
            exit(0);
        _exit(0);
    }
    close(ends[1]);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert_eq(read(ends[0], port_r, sizeof(*port_r)), (ssize_t)sizeof(*port_r));
    n = read(ends[0], folder, size - 1);
    cr_assert_gt(n, 0);
    folder[n] = '\0';
    close(ends[0]);
}

Test(life, ends_with_its_process, .timeout = 60)
{
    char folder[256], command[300];
    unsigned port;

    run_in_child(false, folder, sizeof(folder), &port);
    AWAIT(connect_errno(port) != 0);
    cr_assert(exists(folder)); /* nobody was left to remove it */
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
}

Test(life, exit_cleans_up)
{
    char folder[256];
    unsigned port;

    run_in_child(true, folder, sizeof(folder), &port);
    cr_assert_eq(connect_errno(port), ECONNREFUSED);
    cr_assert(!exists(folder));
}

Test(life, fork_leaves_the_server_alone)
{
    struct slapdtest *s = run_with_people(NULL, 1);
    pid_t pid = fork();

    if (pid == 0) {
        slapdtest_free(&s);
        _exit(s == NULL ? 0 : 1);
    }
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert(slapdtest_running(s));
    cr_assert_eq(slapdtest_count(s, PEOPLE, "one", NULL), 1);
    slapdtest_free(&s);
}

Test(life, keeps_the_folder_when_asked)
{
    struct slapdtest *s = run(NULL);
    char command[300], *folder = strdup(slapdtest_folder(s));

    setenv("SLAPDTEST_KEEP", "1", 1);
    slapdtest_free(&s);
    cr_assert(exists(folder));
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
    free(folder);
}

Test(life, says_why_it_cannot_start)
{
    static const char *const bad_index[] = {"noSuchAttribute eq", NULL};
    struct slapdtest_options options = {.indexes = bad_index};
    char error[512];
    struct slapdtest *s = slapdtest_new(&options, error, sizeof(error));

    cr_assert(s == NULL && strstr(error, "noSuchAttribute") != NULL, "%s", error);
    options = (struct slapdtest_options){.loglevel = "nonsense"};
    s = slapdtest_new(&options, error, sizeof(error));
    cr_assert(s != NULL, "%s", error);
    cr_assert_eq(slapdtest_start(s), -1);
    SAYS(s, "nonsense");
    slapdtest_free(&s);
    setenv("SLAPDTEST_SLAPD", "/nonexistent/slapd", 1);
    cr_assert_null(slapdtest_new(NULL, error, sizeof(error)));
    cr_assert(strstr(error, "/nonexistent/slapd") != NULL, "%s", error);
}

Test(life, says_that_its_port_was_taken)
{
    struct slapdtest *s = run(NULL);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)slapdtest_port(s)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned port = slapdtest_port(s);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    OK(s, slapdtest_stop(s));
    cr_assert_neq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0, "the port isn't kept for the server");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* only who insists gets it */
    cr_assert(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 1) == 0);
    FAILS(s, slapdtest_start(s), LDAP_OTHER);
    SAYS(s, "Address already in use");
    close(fd);
    OK(s, slapdtest_start(s));
    cr_assert_eq(slapdtest_port(s), port);
    slapdtest_free(&s);
}

/* Have a shell script stand in for slapd: as a tool it is the real one, as a server it first does something else. */
static void replace_slapd(char *path, const char *instead)
{
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    dprintf(fd, "#!/bin/sh\nPATH=/usr/sbin:$PATH\n[ \"$1\" = -T ] || %s\nexec slapd \"$@\"\n", instead);
    cr_assert_eq(fchmod(fd, 0700), 0);
    close(fd);
    setenv("SLAPDTEST_SLAPD", path, 1);
}

Test(life, tries_another_port)
{
    char script[] = "/tmp/slapdtest-script-XXXXXX", marker[64];
    char error[512], *log;
    struct slapdtest *s;

    replace_slapd(script, "[ -e $0.tried ] || { echo Address already in use >$0.tried; cat $0.tried; exit 1; }");
    snprintf(marker, sizeof(marker), "%s.tried", script);
    s = slapdtest_new(NULL, error, sizeof(error));
    cr_assert(s != NULL, "%s", error);
    OK(s, slapdtest_start(s));
    unlink(script);
    unlink(marker);
    log = slapdtest_log(s, 0);
    cr_assert(strstr(log, "Address already in use") != NULL, "%s", log);
    cr_assert_str_eq(slapdtest_error(s), "");
    free(log);
    slapdtest_free(&s);
}

Test(life, gives_up_on_a_silent_server)
{
    char script[] = "/tmp/slapdtest-script-XXXXXX", error[512];
    struct slapdtest *s;

    replace_slapd(script, "exec sleep 1000");
    s = slapdtest_new(NULL, error, sizeof(error));
    cr_assert(s != NULL, "%s", error);
    slapdtest_set_timeout(s, 300);
    FAILS(s, slapdtest_start(s), LDAP_TIMEOUT);
    SAYS(s, "within 300 ms");
    cr_assert(!slapdtest_running(s));
    unlink(script);
    slapdtest_free(&s);
}

Test(life, log_is_at_hand)
{
    struct slapdtest_options options = {.loglevel = "stats"};
    struct slapdtest *s = run_with_people(&options, 2);
    char *log, *tail;

    OK(s, slapdtest_stop(s)); /* slapd logs after it has answered */
    log = slapdtest_log(s, 0);
    tail = slapdtest_log(s, 300);
    cr_assert(strstr(log, "ADD dn=\"" PERSON_1 "\"") != NULL, "%s", log);
    cr_assert(strlen(tail) < 300 && strlen(tail) > 0);
    cr_assert_str_eq(log + strlen(log) - strlen(tail), tail);
    free(log);
    free(tail);
    slapdtest_free(&s);
}

/* ---- many ---- */

Test(many, two_at_once)
{
    struct slapdtest *a = run_with_people(NULL, 1), *b = run_with_people(NULL, 2);

    cr_assert(slapdtest_port(a) != slapdtest_port(b) && slapdtest_pid(a) != slapdtest_pid(b));
    cr_assert_str_neq(slapdtest_folder(a), slapdtest_folder(b));
    OK(a, slapdtest_kill(a));
    cr_assert_eq(slapdtest_count(b, PEOPLE, "one", NULL), 2);
    OK(a, slapdtest_start(a));
    cr_assert_eq(slapdtest_count(a, PEOPLE, "one", NULL), 1);
    slapdtest_free(&a);
    slapdtest_free(&b);
}

Test(many, pair_replicates)
{
    struct slapdtest *pair[2];
    char error[512], *csn;

    cr_assert(slapdtest_run_pair(NULL, pair, error, sizeof(error)) == 0, "%s", error);
    OK(pair[0], slapdtest_add_people(pair[0], 5, 1));
    OK(pair[1], slapdtest_await_in_sync(pair[0], pair[1]));
    OK(pair[1], slapdtest_replace(pair[1], PERSON_1, "title", "changed on the second"));
    OK(pair[0], slapdtest_await_in_sync(pair[0], pair[1]));
    cr_assert_eq(slapdtest_count(pair[0], NULL, "sub", "(title=changed on the second)"), 1);
    csn = slapdtest_context_csn(pair[0]);
    cr_assert(strstr(csn, "#001#") != NULL && strstr(csn, "#001#") < strstr(csn, "#002#") && strchr(csn, ';') != NULL,
              "%s", csn);
    free(csn);
    OK(pair[0], slapdtest_kill(pair[0])); /* it comes back and catches up by itself */
    OK(pair[1], slapdtest_delete(pair[1], PERSON_1));
    OK(pair[0], slapdtest_start(pair[0]));
    OK(pair[0], slapdtest_await_count(pair[0], PEOPLE, "one", NULL, 4));
    slapdtest_free(&pair[0]);
    slapdtest_free(&pair[1]);
}
