/* The daemon's end of the control socket.
 *
 *          accept            a whole line              all sent, or the client is gone
 *   FREE ─────────▶ READING ─────────────▶ WRITING ──────────────────────────────────▶ FREE
 *                      │ approve, reject, resync  ▲
 *                      └───────▶ WAITING ─────────┘ the writer's answer came through the eventfd
 *
 * Every state but FREE has a deadline, so that who sends nothing, or never reads, only costs a place for a while. */
#include "control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "control_answers.h"
#include "mem.h"
#include "status_json.h"

#define REQUEST_BYTES 4096 /* read at once: a request has some fifty, but for one that names many actions */
#define CLIENT_MS 5000     /* to send a request; to take the answer */
#define COMMAND_MS 60000   /* for the writer, which may be in the middle of a large commit */
#define NO_FILES_MS 1000   /* after a failed accept: poll(2) would report the same client at once, and again */

enum client_step { CLIENT_FREE, CLIENT_READING, CLIENT_WAITING, CLIENT_WRITING };

struct client {
    enum client_step step;
    int fd;
    uint64_t number; /* of all clients ever: tells a late answer to an earlier one of this place apart */
    int64_t deadline_ms;
    struct buf in, out;
    size_t sent;
};

struct control {
    int dir_fd, listen_fd;
    struct answers *answers;
    uint64_t numbers;
    int64_t accept_again_ms;
    struct client clients[CONTROL_CLIENTS];
};

/* ---- clients ------------------------------------------------------------------------------------------------ */

static void client_drop(struct client *c)
{
    close(c->fd);
    buf_free(&c->in);
    buf_free(&c->out);
    *c = (struct client){.step = CLIENT_FREE, .fd = -1};
}

static void client_write(struct client *c)
{
    while (c->sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.p + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0)
            break;
        c->sent += (size_t)n;
    }
    client_drop(c);
}

/* Takes the reference to the answer. */
static void client_answer(struct client *c, json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT | STATUS_JSON_REALS);

    json_decref(answer);
    buf_puts(&c->out, text);
    buf_u8(&c->out, '\n');
    free(text);
    c->step = CLIENT_WRITING;
    c->deadline_ms = clock_mono_ms() + CLIENT_MS;
    client_write(c);
}

static void client_refuse(struct client *c, enum err_class class, const char *text)
{
    client_answer(c, json_pack("{s:b,s:o,s:s}", "ok", 0, "error", status_json_text(slice_of(text)), "class",
                               control_class_name(class)));
}

static bool read_number(json_t *request, const char *key, uint32_t *out)
{
    json_t *v = json_object_get(request, key);
    json_int_t n = json_integer_value(v);

    if (v == NULL) {
        *out = 0;
        return true;
    }
    if (!json_is_integer(v) || n < 1 || n > UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

/* Fills rows (malloc'ed, the caller's) or all. NULL, or what is wrong with the request. */
static const char *read_rows(json_t *request, struct command *cmd)
{
    json_t *array = json_object_get(request, "rows"), *each;
    struct command_row *rows = mem_alloc((json_array_size(array) + 1) * sizeof(*rows));
    size_t i;

    cmd->rows = rows;
    cmd->all = json_is_true(json_object_get(request, "all"));
    if (cmd->all != (json_array_size(array) == 0))
        return "it needs rows, or all";
    json_array_foreach(array, i, each) {
        if (!json_is_string(each) || !command_row_parse(json_string_value(each), &rows[cmd->n_rows++]))
            return "rows must be CONNECTOR/SINK/SEQ";
    }
    return NULL;
}

static bool queue_verb(const char *word, struct command *cmd)
{
    static const char *const words[] = {
        [COMMAND_RETRY] = "retry", [COMMAND_DROP] = "drop", [COMMAND_ADOPT] = "adopt",
    };

    for (size_t i = COMMAND_RETRY; i <= COMMAND_ADOPT; i++)
        if (strcmp(word, words[i]) == 0) {
            cmd->verb = (enum command_verb)i;
            return true;
        }
    return false;
}

static const char *read_repair(json_t *request, struct command *cmd)
{
    cmd->verb = COMMAND_REPAIR;
    cmd->connector = json_string_value(json_object_get(request, "connector"));
    cmd->list = json_string_value(json_object_get(request, "list"));
    return cmd->connector && cmd->list ? NULL : "it needs connector and list";
}

/* NULL, or what is wrong with the request. Texts stay the request's. */
static const char *read_command(json_t *request, const char *word, struct command *cmd)
{
    *cmd = (struct command){0};
    if (strcmp(word, "resync") == 0) {
        cmd->verb = COMMAND_RESYNC;
        return NULL;
    }
    if (strcmp(word, "repair") == 0)
        return read_repair(request, cmd);
    if (queue_verb(word, cmd))
        return read_rows(request, cmd);
    if (strcmp(word, "approve") == 0)
        cmd->verb = COMMAND_APPROVE;
    else if (strcmp(word, "reject") == 0)
        cmd->verb = COMMAND_REJECT;
    else
        return "unknown command; is the daemon another version of axsync?";
    if (!read_number(request, "hold", &cmd->hold) || !read_number(request, "upto", &cmd->upto) || cmd->hold == 0)
        return "hold and upto must be numbers from 1 on";
    return NULL;
}

static void client_request(struct control *control, struct client *c, json_t *request,
                           const struct control_calls *calls)
{
    const char *word = json_string_value(json_object_get(request, "command")), *wrong;
    struct command cmd = {0};

    if (word == NULL) {
        client_refuse(c, ERR_USAGE, "the request has no command");
        return;
    }
    if (strcmp(word, "status") == 0) {
        client_answer(c, json_pack("{s:b,s:o}", "ok", 1, "status", calls->status(calls->ctx)));
        return;
    }
    wrong = read_command(request, word, &cmd);
    if (wrong) {
        client_refuse(c, ERR_USAGE, wrong);
        free((void *)(uintptr_t)cmd.rows);
        return;
    }
    c->step = CLIENT_WAITING;
    c->deadline_ms = clock_mono_ms() + COMMAND_MS;
    calls->command(calls->ctx, &cmd, answers_done, answers_expect(control->answers, c->number));
    free((void *)(uintptr_t)cmd.rows);
}

static void client_line(struct control *control, struct client *c, size_t len, const struct control_calls *calls)
{
    json_error_t why;
    json_t *request = json_loadb(c->in.p, len, JSON_REJECT_DUPLICATES, &why);

    if (request)
        client_request(control, c, request, calls);
    else
        client_refuse(c, ERR_USAGE, "the request is not one line of JSON");
    json_decref(request);
}

/* A line without its end counts if the client says that nothing follows. */
static void client_read(struct control *control, struct client *c, const struct control_calls *calls)
{
    char *nl;
    ssize_t n;

    do {
        n = recv(c->fd, buf_room(&c->in, REQUEST_BYTES), REQUEST_BYTES, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0 || (n == 0 && c->in.len == 0)) {
        client_drop(c);
        return;
    }
    c->in.len += (size_t)n;
    nl = memchr(c->in.p, '\n', c->in.len);
    if (nl || n == 0)
        client_line(control, c, nl ? (size_t)(nl - c->in.p) : c->in.len, calls);
    else if (c->in.len >= CONTROL_REQUEST_BYTES)
        client_refuse(c, ERR_USAGE, "the request is too long");
}

static void client_serve(struct control *control, struct client *c, short revents, const struct control_calls *calls)
{
    switch (c->step) {
    case CLIENT_FREE:
        break;
    case CLIENT_READING:
        client_read(control, c, calls);
        break;
    case CLIENT_WAITING:
        if (revents & (POLLHUP | POLLERR))
            client_drop(c); /* the command goes on; its answer finds nobody */
        break;
    case CLIENT_WRITING:
        client_write(c);
        break;
    }
}

static void client_expire(struct client *c)
{
    switch (c->step) {
    case CLIENT_FREE:
        break;
    case CLIENT_READING:
        client_refuse(c, ERR_USAGE, "no whole request came in time");
        break;
    case CLIENT_WAITING:
        client_refuse(c, ERR_TEMP, "the daemon has the command, but is busy and has not done it yet");
        break;
    case CLIENT_WRITING:
        client_drop(c);
        break;
    }
}

/* A place for a new client: a free one, or else that of who has been silent longest. NULL: all wait for answers. */
static struct client *client_place(struct control *control)
{
    struct client *oldest = NULL;

    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        struct client *c = &control->clients[i];

        if (c->step == CLIENT_FREE)
            return c;
        if (c->step == CLIENT_READING && (oldest == NULL || c->number < oldest->number))
            oldest = c;
    }
    if (oldest)
        client_drop(oldest);
    return oldest;
}

/* At most as many as there are places at a time: the loop has others to serve. */
static void accept_some(struct control *control, const struct control_calls *calls)
{
    for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
        struct client *c;
        int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
                control->accept_again_ms = clock_mono_ms() + NO_FILES_MS;
            return;
        }
        c = client_place(control);
        if (c == NULL) {
            close(fd);
            return;
        }
        *c = (struct client){.step = CLIENT_READING, .fd = fd, .number = ++control->numbers};
        c->deadline_ms = clock_mono_ms() + CLIENT_MS;
        client_read(control, c, calls);
    }
}

static void give_answers(struct control *control)
{
    struct answer *next;

    for (struct answer *a = answers_take(control->answers); a; a = next) {
        next = a->next;
        for (size_t i = 0; i < CONTROL_CLIENTS; i++) {
            struct client *c = &control->clients[i];

            if (c->step != CLIENT_WAITING || c->number != a->client)
                continue;
            if (a->err.class == ERR_NONE)
                client_answer(c, json_pack("{s:b,s:o}", "ok", 1, "text", status_json_text(slice_of(a->text))));
            else
                client_refuse(c, a->err.class, a->err.text);
        }
        answer_free(a);
    }
}

/* ---- the loop's side ---------------------------------------------------------------------------------------- */

/* chmod after bind and not umask(2), which all threads share; the folder is closed to others anyway. */
static int bind_socket(struct control *c, const char *state_dir, struct err *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    if (unlinkat(c->dir_fd, CONTROL_SOCKET, 0) != 0 && errno != ENOENT)
        return err_set_errno(e, ERR_INTERNAL, errno, "can't remove the old %s/%s", state_dir, CONTROL_SOCKET);
    snprintf(at.sun_path, sizeof(at.sun_path), "/proc/self/fd/%d/%s", c->dir_fd, CONTROL_SOCKET);
    if (bind(c->listen_fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
        fchmodat(c->dir_fd, CONTROL_SOCKET, 0600, 0) != 0 || listen(c->listen_fd, CONTROL_CLIENTS) != 0)
        return err_set_errno(e, ERR_INTERNAL, errno, "can't listen on %s/%s", state_dir, CONTROL_SOCKET);
    return 0;
}

struct control *control_listen(const char *state_dir, struct err *e)
{
    struct control *c = mem_alloc(sizeof(*c));

    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        c->clients[i].fd = -1;
    c->answers = answers_new();
    c->dir_fd = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    c->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->dir_fd < 0 || c->listen_fd < 0 || answers_fd(c->answers) < 0)
        err_set_errno(e, ERR_INTERNAL, errno, "can't make the control socket in %s", state_dir);
    else if (bind_socket(c, state_dir, e) == 0)
        return c;
    control_close(&c);
    return NULL;
}

size_t control_poll(struct control *c, struct pollfd *fds, size_t max)
{
    size_t n = 0;

    if (n < max)
        fds[n++] = (struct pollfd){.fd = answers_fd(c->answers), .events = POLLIN};
    if (n < max && clock_mono_ms() >= c->accept_again_ms)
        fds[n++] = (struct pollfd){.fd = c->listen_fd, .events = POLLIN};
    for (size_t i = 0; i < CONTROL_CLIENTS && n < max; i++) {
        const struct client *client = &c->clients[i];

        if (client->step != CLIENT_FREE)
            fds[n++] = (struct pollfd){.fd = client->fd,
                                       .events = client->step == CLIENT_READING   ? POLLIN
                                                 : client->step == CLIENT_WRITING ? POLLOUT
                                                                                  : 0};
    }
    return n;
}

void control_serve(struct control *c, const struct pollfd *fds, size_t n, const struct control_calls *calls)
{
    bool listening = false;

    for (size_t i = 0; i < n; i++) {
        if (fds[i].revents == 0)
            continue;
        if (fds[i].fd == c->listen_fd)
            listening = true;
        for (size_t k = 0; k < CONTROL_CLIENTS; k++)
            if (c->clients[k].step != CLIENT_FREE && c->clients[k].fd == fds[i].fd)
                client_serve(c, &c->clients[k], fds[i].revents, calls);
    }
    give_answers(c);
    for (size_t k = 0; k < CONTROL_CLIENTS; k++)
        if (c->clients[k].step != CLIENT_FREE && clock_mono_ms() >= c->clients[k].deadline_ms)
            client_expire(&c->clients[k]);
    /* Last: a new client may get the descriptor of one that was dropped, for which *fds still speaks. */
    if (listening)
        accept_some(c, calls);
}

void control_close(struct control **c)
{
    if (*c == NULL)
        return;
    for (size_t i = 0; i < CONTROL_CLIENTS; i++)
        if ((*c)->clients[i].step != CLIENT_FREE)
            client_drop(&(*c)->clients[i]);
    if ((*c)->dir_fd >= 0)
        unlinkat((*c)->dir_fd, CONTROL_SOCKET, 0);
    if ((*c)->dir_fd >= 0)
        close((*c)->dir_fd);
    if ((*c)->listen_fd >= 0)
        close((*c)->listen_fd);
    answers_unref((*c)->answers);
    free(*c);
    *c = NULL;
}
