/* What systemd is told (sd_notify(3)). Not by sd_notify() itself, which waits while the service manager does not read:
 * then neither `status` would be answered nor SIGTERM obeyed. */
#include "daemon_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "buf.h"
#include "clock.h"
#include "mem.h"

/* Index building after a kill in the middle of a first load may take longer than systemd's 90 s. */
#define START_EXTENSION "EXTEND_TIMEOUT_USEC=60000000"

/* False if it could not be said now. */
static bool say(const struct notify *n, const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;

    if (n->fd < 0 || len == 0 || len >= sizeof(to.sun_path))
        return true;
    memcpy(to.sun_path, path, len);
    if (path[0] == '@') /* an abstract one: its name has no NUL at the end */
        to.sun_path[0] = '\0';
    return sendto(n->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)&to,
                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] != '@'))) >= 0;
}

void notify_begin(struct notify *n)
{
    uint64_t usec = 0;

    *n = (struct notify){.fd = -1};
    if (getenv("NOTIFY_SOCKET"))
        n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sd_watchdog_enabled(0, &usec) > 0)
        n->ping_every_ms = usec >= 2000 ? (int64_t)(usec / 2000) : 1; /* twice as often as it must be */
}

void notify_ready(struct notify *n)
{
    n->ready_owed = !say(n, "READY=1");
}

void notify_starting(struct notify *n)
{
    say(n, START_EXTENSION);
}

void notify_reloading(struct notify *n)
{
    char text[80];

    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_mono_ms() * 1000);
    say(n, text);
}

void notify_stopping(struct notify *n)
{
    say(n, "STOPPING=1");
}

static void put_phases(struct buf *b, const struct status *statuses, size_t n)
{
    buf_puts(b, "STATUS=");
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "%s%s: %s", i ? ", " : "", statuses[i].name, statuses[i].phase);
}

void notify_tick(struct notify *n, const struct status *statuses, size_t n_statuses)
{
    int64_t now = clock_mono_ms();
    struct buf phases = {0};

    if (n->fd < 0)
        return;
    if (n->ready_owed)
        notify_ready(n);
    if (n->ping_every_ms && now >= n->next_ping_ms) {
        say(n, "WATCHDOG=1");
        n->next_ping_ms = now + n->ping_every_ms;
    }
    put_phases(&phases, statuses, n_statuses);
    if ((n->said == NULL || strcmp(n->said, buf_str(&phases)) != 0) && say(n, buf_str(&phases))) {
        free(n->said);
        n->said = mem_strdup(buf_str(&phases));
    }
    buf_free(&phases);
}

void notify_end(struct notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
    free(n->said);
    n->said = NULL;
}
