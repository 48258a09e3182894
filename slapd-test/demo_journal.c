#include "demo_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#define ROOM ((size_t)64 << 10)

double journal_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

bool journal_open(struct journal *j, const char *path)
{
    *j = (struct journal){.notify = -1, .sync = true};
    j->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (j->fd < 0)
        return false;
    j->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    return j->notify >= 0 && inotify_add_watch(j->notify, path, IN_MODIFY) >= 0;
}

void journal_close(struct journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    if (j->notify >= 0)
        close(j->notify);
    free(j->text);
    *j = (struct journal){.fd = -1, .notify = -1};
}

/* Before the file is read: what comes after this wakes the reader again. */
static void drain_events(const struct journal *j)
{
    char events[4096];

    while (read(j->notify, events, sizeof(events)) > 0)
        ;
}

static bool make_room(struct journal *j)
{
    char *text;

    if (j->room - j->len >= ROOM)
        return true;
    if (j->taken > 0) {
        j->len -= j->taken;
        memmove(j->text, j->text + j->taken, j->len);
        j->taken = 0;
        return make_room(j);
    }
    text = realloc(j->text, j->room * 2 + ROOM);
    if (text == NULL)
        return false;
    j->text = text;
    j->room = j->room * 2 + ROOM;
    return true;
}

bool journal_read(struct journal *j)
{
    bool some = false;
    ssize_t n;

    drain_events(j);
    do {
        if (!make_room(j))
            return false;
        n = read(j->fd, j->text + j->len, j->room - j->len);
        if (n > 0) {
            j->len += (size_t)n;
            some = true;
        }
    } while (n > 0 || (n < 0 && errno == EINTR));
    if (n == 0 && some) {
        j->seen = journal_now();
        if (j->sync && fdatasync(j->fd) != 0)
            return false;
        j->durable = journal_now();
    }
    return n == 0;
}

char *journal_take(struct journal *j)
{
    char *begin = j->text + j->taken, *end = j->len > j->taken ? memchr(begin, '\n', j->len - j->taken) : NULL;

    if (end == NULL)
        return NULL;
    j->taken += (size_t)(end + 1 - begin);
    return strndup(begin, (size_t)(end - begin));
}

bool journal_has_more(const struct journal *j)
{
    return j->len > j->taken;
}
