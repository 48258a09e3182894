#include "fixture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "glob.h"

#define SWITCHES_MAX 40
#define RECEIVE_MAX (4 << 20)

struct emulator *emulator;

void start(const char *first, ...)
{
    const char *switches[SWITCHES_MAX] = {"--domain", "example.com"};
    size_t n = 2;
    va_list ap;

    va_start(ap, first);
    for (const char *s = first; s && n + 1 < SWITCHES_MAX; s = va_arg(ap, const char *))
        switches[n++] = s;
    va_end(ap);
    emulator = emulator_start(switches);
}

void fixture_fini(void)
{
    emulator_stop(&emulator);
}

int dial(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)emulator_port(emulator))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "connect");
    return fd;
}

int dial_greeted(void)
{
    int fd = dial();

    cr_assert(glob_match("*<login> ", receive(fd)));
    return fd;
}

int login(void)
{
    int fd = dial_greeted();

    expect_answer(fd, "USER admin", "<password> ");
    expect_answer(fd, "secret", "+OK:*\r\n<#> ");
    return fd;
}

int in_domain(void)
{
    int fd = login();

    expect_answer(fd, "UPDATE Domain example.com", "+OK:*\r\n<domain#> ");
    return fd;
}

void send_text(int fd, const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

        cr_assert(n > 0, "send");
        text += n;
        len -= (size_t)n;
    }
}

/* "<login> ", "<domain-account#> " and so on at the end, on a line of its own. */
static bool ends_in_prompt(const char *text, size_t len)
{
    const char *from;

    if (len < 3 || text[len - 1] != ' ' || text[len - 2] != '>')
        return false;
    for (from = text + len - 3; from > text && *from != '<' && *from != '\n'; from--)
        continue;
    return *from == '<' && (from == text || from[-1] == '\n');
}

const char *receive_within(int fd, int wait_ms)
{
    static char *text;
    size_t len = 0;

    if (!text)
        text = malloc(RECEIVE_MAX + 64);
    cr_assert_not_null(text);
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (poll(&p, 1, wait_ms) == 0) {
            strcpy(text + len, "[silence]");
            return text;
        }
        n = recv(fd, text + len, RECEIVE_MAX - len, 0);
        if (n <= 0) {
            strcpy(text + len, "[closed]");
            return text;
        }
        len += (size_t)n;
        text[len] = '\0';
        if (ends_in_prompt(text, len))
            return text;
    }
}

const char *receive(int fd)
{
    return receive_within(fd, WAIT_MS);
}

const char *ask(int fd, const char *line)
{
    send_text(fd, line);
    send_text(fd, "\r\n");
    return receive(fd);
}

void expect_answer(int fd, const char *line, const char *pattern)
{
    const char *answer = ask(fd, line);

    cr_assert(glob_match(pattern, answer), "%s\nanswered:\n%s\ninstead of:\n%s", line, answer, pattern);
}

void expect_ok(int fd, const char *first, ...)
{
    va_list ap;

    va_start(ap, first);
    for (const char *line = first; line; line = va_arg(ap, const char *))
        expect_answer(fd, line, "+OK:*> ");
    va_end(ap);
}

void talk(int fd, const struct turn *turns)
{
    for (; turns->send; turns++)
        expect_answer(fd, turns->send, turns->answer);
}

const json_t *dumped(const char *first, ...)
{
    static json_t *dump;
    const json_t *at;
    va_list ap;

    json_decref(dump);
    at = dump = emulator_dump(emulator);
    va_start(ap, first);
    for (const char *key = first; key && at; key = va_arg(ap, const char *))
        at = json_object_get(at, key);
    va_end(ap);
    return at;
}

void expect_account(const char *name, const char *member, const char *json)
{
    const json_t *value = dumped("domains", "example.com", "accounts", name, member, NULL);
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS) : strdup("nothing");

    cr_assert_str_eq(text, json, "%s of %s is %s instead of %s", member, name, text, json);
    free(text);
}
