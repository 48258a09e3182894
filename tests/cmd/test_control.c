/* The control socket: its loop is driven here by hand, with a status and a command of our own behind it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "control.h"
#include "mem.h"
#include "support.h"

struct server {
    struct control *control;
    struct control_calls calls;
    atomic_bool stop;
    pthread_t thread;
    struct command last;
    command_done *done; /* kept for later, with keep */
    void *done_ctx;
    bool keep;
    struct err refuse; /* class not ERR_NONE: what commands are answered */
};

static json_t *give_status(void *ctx)
{
    (void)ctx;
    return json_pack("{s:s,s:f}", "version", "x", "lag", 0.1);
}

static void take_command(void *ctx, const struct command *cmd, command_done *done, void *done_ctx)
{
    struct server *s = ctx;

    s->last = *cmd;
    s->done = done;
    s->done_ctx = done_ctx;
    if (!s->keep)
        done(done_ctx, &s->refuse, s->refuse.class == ERR_NONE ? "done it" : "");
}

static void turn(struct server *s, int wait_ms)
{
    struct pollfd fds[CONTROL_FDS];
    size_t n = control_poll(s->control, fds, CONTROL_FDS);

    if (poll(fds, n, wait_ms) < 0)
        n = 0;
    control_serve(s->control, fds, n, &s->calls);
}

static void *run_server(void *arg)
{
    struct server *s = arg;

    while (!s->stop)
        turn(s, 5);
    return NULL;
}

static void listen_here(struct server *s)
{
    struct err e = {0};

    memset(s, 0, sizeof(*s));
    s->calls = (struct control_calls){s, give_status, take_command};
    s->control = control_listen(test_folder(), &e);
    cr_assert_not_null(s->control, "%s", e.text);
}

static void begin(struct server *s)
{
    cr_assert_eq(pthread_create(&s->thread, NULL, run_server, s), 0);
}

static void end(struct server *s)
{
    s->stop = true;
    pthread_join(s->thread, NULL);
    control_close(&s->control);
}

/* What the daemon answers to a text, by control_request()'s own way. */
static json_t *ask(json_t *request, struct err *e)
{
    json_t *answer = control_request(test_folder(), request, 10000, e);

    json_decref(request);
    return answer;
}

/* A client that misbehaves. */
static int dial(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(to.sun_path, sizeof(to.sun_path), "%s/%s", test_folder(), CONTROL_SOCKET);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0, "%s", strerror(errno));
    return fd;
}

static void say(int fd, const char *text)
{
    cr_assert_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Serves until the client has been answered and the connection closed; then the answer. */
static const char *hear(struct server *s, int fd)
{
    static char text[4096];
    size_t len = 0;
    ssize_t n;

    for (int i = 0; i < 1000; i++) {
        turn(s, 5);
        n = recv(fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            break;
        if (n > 0)
            len += (size_t)n;
    }
    text[len] = '\0';
    close(fd);
    return text;
}

/* ---- both ends ---------------------------------------------------------------------------------------------- */

Test(control, status)
{
    struct server s;
    struct err e = {0};
    json_t *answer;

    listen_here(&s);
    begin(&s);
    answer = ask(json_pack("{s:s}", "command", "status"), &e);
    cr_assert_not_null(answer, "%s", e.text);
    cr_assert_eq(control_answer(answer, &e), 0);
    cr_assert_str_eq(json_string_value(json_object_get(json_object_get(answer, "status"), "version")), "x");
    json_decref(answer);
    end(&s);
}

Test(control, commands)
{
    struct server s;
    struct err e = {0};
    json_t *answer;

    listen_here(&s);
    begin(&s);
    answer = ask(json_pack("{s:s,s:i,s:i}", "command", "approve", "hold", 7, "upto", 120), &e);
    cr_assert_eq(control_answer(answer, &e), 0);
    cr_assert_str_eq(json_string_value(json_object_get(answer, "text")), "done it");
    json_decref(answer);
    cr_assert(s.last.verb == COMMAND_APPROVE && s.last.hold == 7 && s.last.upto == 120);
    answer = ask(json_pack("{s:s,s:i}", "command", "reject", "hold", 8), &e);
    json_decref(answer);
    cr_assert(s.last.verb == COMMAND_REJECT && s.last.hold == 8 && s.last.upto == 0);
    answer = ask(json_pack("{s:s}", "command", "resync"), &e);
    json_decref(answer);
    cr_assert_eq(s.last.verb, COMMAND_RESYNC);
    answer = ask(json_pack("{s:s,s:s,s:s}", "command", "repair", "connector", "corp", "list", ""), &e);
    cr_assert_eq(control_answer(answer, &e), 0);
    json_decref(answer);
    cr_assert_eq(s.last.verb, COMMAND_REPAIR);
    answer = ask(json_pack("{s:s,s:s}", "command", "repair", "connector", "corp"), &e);
    cr_assert_eq(control_answer(answer, &e), -1);
    cr_assert_eq(e.class, ERR_USAGE);
    json_decref(answer);
    end(&s);
}

Test(control, refusals_keep_their_class)
{
    struct server s;
    struct err e = {0};
    json_t *answer;

    listen_here(&s);
    begin(&s);
    for (int class = ERR_USAGE; class <= ERR_INTERNAL; class ++) {
        err_set(&s.refuse, (enum err_class) class, "because");
        answer = ask(json_pack("{s:s,s:i}", "command", "approve", "hold", 7), &e);
        cr_assert_lt(control_answer(answer, &e), 0);
        cr_assert_eq(e.class, (enum err_class) class);
        cr_assert_str_eq(e.text, "because");
        json_decref(answer);
    }
    end(&s);
}

Test(control, nobody_listens)
{
    struct server s;
    struct err e = {0};
    json_t *request = json_pack("{s:s}", "command", "status");
    int fd;

    cr_assert_null(control_request(test_folder(), request, 1000, &e));
    cr_assert(control_no_daemon(&e), "%s", e.text);
    cr_assert_null(control_request("/nonexistent/folder", request, 1000, &e));
    cr_assert(control_no_daemon(&e), "%s", e.text);
    /* The socket of a daemon that was killed. */
    listen_here(&s);
    fd = open(test_folder(), O_PATH | O_CLOEXEC);
    cr_assert_eq(linkat(fd, CONTROL_SOCKET, fd, "kept", 0), 0);
    control_close(&s.control);
    cr_assert_eq(renameat(fd, "kept", fd, CONTROL_SOCKET), 0);
    cr_assert_null(control_request(test_folder(), request, 1000, &e));
    cr_assert(control_no_daemon(&e), "%s", e.text);
    listen_here(&s); /* takes its place */
    control_close(&s.control);
    close(fd);
    json_decref(request);
}

/* It accepts, since the kernel does, and says nothing: it is there, so nobody may take it for dead. */
Test(control, a_hanging_daemon_is_no_dead_one)
{
    struct server s;
    struct err e = {0};
    json_t *request = json_pack("{s:s}", "command", "status");

    listen_here(&s);
    cr_assert_null(control_request(test_folder(), request, 50, &e));
    cr_assert_eq(e.class, ERR_UNAVAILABLE);
    cr_assert_not(control_no_daemon(&e));
    for (int i = 0; i < CONTROL_CLIENTS + 8; i++) /* the backlog is full, too */
        cr_assert_null(control_request(test_folder(), request, 1, &e));
    cr_assert_not(control_no_daemon(&e));
    control_close(&s.control);
    json_decref(request);
}

Test(control, long_paths_and_modes)
{
    char *folder = mem_strdup(test_folder()), *longer, *socket_path;
    struct err e = {0};
    struct control *c;
    struct stat st;
    mode_t old = umask(0);

    for (int i = 0; i < 3; i++) {
        longer = mem_printf("%s/a-folder-whose-name-is-longer-than-one-would-think-at-first", folder);
        cr_assert_eq(mkdir(longer, 0700), 0);
        free(folder);
        folder = longer;
    }
    c = control_listen(folder, &e);
    cr_assert_not_null(c, "%s", e.text);
    socket_path = mem_printf("%s/%s", folder, CONTROL_SOCKET);
    cr_assert_eq(stat(socket_path, &st), 0);
    cr_assert_eq(st.st_mode & 0777, 0600);
    control_close(&c);
    cr_assert_neq(stat(socket_path, &st), 0, "the socket outlives its daemon");
    umask(old);
    free(socket_path);
    free(folder);
}

/* ---- clients that misbehave --------------------------------------------------------------------------------- */

Test(control, what_is_no_request)
{
    static const char *const requests[] = {
        "hello\n",
        "\n",
        "[]\n",
        "{}\n",
        "{\"command\":7}\n",
        "{\"command\":\"frobnicate\"}\n",
        "{\"command\":\"approve\"}\n",
        "{\"command\":\"approve\",\"hold\":0}\n",
        "{\"command\":\"approve\",\"hold\":-1}\n",
        "{\"command\":\"approve\",\"hold\":4294967296}\n",
        "{\"command\":\"approve\",\"hold\":\"7\"}\n",
        "{\"command\":\"approve\",\"hold\":7,\"upto\":0}\n",
        "{\"command\":\"approve\",\"hold\":7,\"upto\":1.5}\n",
        "{\"command\":\"approve\",\"hold\":7,\"hold\":8}\n",
        "{\"command\":\"\xFF\"}\n",
    };
    struct server s;

    listen_here(&s);
    for (size_t i = 0; i < sizeof(requests) / sizeof(*requests); i++) {
        int fd = dial();
        const char *answer;

        say(fd, requests[i]);
        answer = hear(&s, fd);
        cr_assert_not_null(strstr(answer, "\"ok\":false"), "%s → %s", requests[i], answer);
        cr_assert_not_null(strstr(answer, "\"class\":\"usage\""), "%s → %s", requests[i], answer);
    }
    cr_assert_null(s.done, "none of them is a command");
    control_close(&s.control);
}

Test(control, a_request_in_pieces_and_one_without_its_end)
{
    struct server s;
    int fd;

    listen_here(&s);
    fd = dial();
    for (const char *p = "{\"command\":\"status\"}\n"; *p; p++) {
        cr_assert_eq(send(fd, p, 1, MSG_NOSIGNAL), 1);
        turn(&s, 0);
    }
    cr_assert_not_null(strstr(hear(&s, fd), "\"ok\":true"));
    fd = dial();
    say(fd, "{\"command\":\"status\"}");
    shutdown(fd, SHUT_WR);
    cr_assert_not_null(strstr(hear(&s, fd), "\"lag\":0.1}"));
    control_close(&s.control);
}

Test(control, an_endless_line)
{
    struct server s;
    char *line = mem_alloc((size_t)1 << 20);
    int fd;

    memset(line, 'x', (size_t)1 << 20);
    listen_here(&s);
    fd = dial();
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (int i = 0; i < 64 && send(fd, line, (size_t)1 << 20, MSG_NOSIGNAL) >= 0; i++)
        turn(&s, 0);
    cr_assert_not_null(strstr(hear(&s, fd), "too long"));
    free(line);
    control_close(&s.control);
}

Test(control, silence_has_an_end)
{
    struct server s;
    int fd;

    clock_set_mono_ms(1000000);
    listen_here(&s);
    fd = dial();
    turn(&s, 5);
    clock_set_mono_ms(1004000);
    turn(&s, 5);
    cr_assert_lt(recv(fd, &(char){0}, 1, MSG_DONTWAIT), 0, "it has 5 s");
    clock_set_mono_ms(1006000);
    cr_assert_not_null(strstr(hear(&s, fd), "in time"));
    clock_set_mono_ms(-1);
    control_close(&s.control);
}

Test(control, a_crowd_of_silent_clients_keeps_nobody_out)
{
    struct server s;
    int fds[100], fd;

    listen_here(&s);
    for (int i = 0; i < 100; i++) {
        fds[i] = dial();
        turn(&s, 1);
    }
    fd = dial();
    say(fd, "{\"command\":\"status\"}\n");
    cr_assert_not_null(strstr(hear(&s, fd), "\"ok\":true"));
    for (int i = 0; i < 100; i++)
        close(fds[i]);
    for (int i = 0; i < 10; i++)
        turn(&s, 1);
    control_close(&s.control);
}

Test(control, a_client_that_never_reads)
{
    struct server s;
    int fd;

    clock_set_mono_ms(1000000);
    listen_here(&s);
    fd = dial();
    say(fd, "{\"command\":\"status\"}\n{\"command\":\"status\"}\n");
    for (int i = 0; i < 10; i++)
        turn(&s, 1);
    clock_set_mono_ms(1100000);
    turn(&s, 1);
    cr_assert_not_null(strstr(hear(&s, fd), "\"ok\":true"), "small answers lie in the kernel");
    clock_set_mono_ms(-1);
    control_close(&s.control);
}

/* ---- answers that come late --------------------------------------------------------------------------------- */

static void *answer_later(void *arg)
{
    struct server *s = arg;
    struct err none = {0};

    poll(NULL, 0, 20);
    s->done(s->done_ctx, &none, "at last");
    return NULL;
}

Test(control, an_answer_from_another_thread)
{
    struct server s;
    pthread_t writer;
    int fd;

    listen_here(&s);
    s.keep = true;
    fd = dial();
    say(fd, "{\"command\":\"resync\"}\n");
    while (s.done == NULL)
        turn(&s, 5);
    cr_assert_eq(pthread_create(&writer, NULL, answer_later, &s), 0);
    cr_assert_str_eq(hear(&s, fd), "{\"ok\":true,\"text\":\"at last\"}\n");
    pthread_join(writer, NULL);
    control_close(&s.control);
}

Test(control, a_client_that_has_gone_meanwhile)
{
    struct server s;
    int fd;

    listen_here(&s);
    s.keep = true;
    fd = dial();
    say(fd, "{\"command\":\"resync\"}\n");
    while (s.done == NULL)
        turn(&s, 5);
    close(fd);
    turn(&s, 5);
    fd = dial(); /* has its place now, and must not get its answer */
    turn(&s, 5);
    answer_later(&s);
    turn(&s, 5);
    say(fd, "{\"command\":\"status\"}\n");
    cr_assert_not_null(strstr(hear(&s, fd), "\"status\""));
    control_close(&s.control);
}

Test(control, a_writer_that_takes_its_time)
{
    struct server s;
    int fd;

    clock_set_mono_ms(1000000);
    listen_here(&s);
    s.keep = true;
    fd = dial();
    say(fd, "{\"command\":\"resync\"}\n");
    while (s.done == NULL)
        turn(&s, 5);
    clock_set_mono_ms(1030000);
    turn(&s, 5);
    cr_assert_lt(recv(fd, &(char){0}, 1, MSG_DONTWAIT), 0);
    clock_set_mono_ms(1070000);
    cr_assert_not_null(strstr(hear(&s, fd), "\"class\":\"temporary\""));
    answer_later(&s);
    turn(&s, 5);
    clock_set_mono_ms(-1);
    control_close(&s.control);
}

/* At the end of the daemon the writer may answer after the socket is closed. */
Test(control, an_answer_after_the_end)
{
    struct server s;
    int fd;

    listen_here(&s);
    s.keep = true;
    fd = dial();
    say(fd, "{\"command\":\"resync\"}\n");
    while (s.done == NULL)
        turn(&s, 5);
    control_close(&s.control);
    answer_later(&s);
    close(fd);
}
