#include "worker.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

static void no_thread(const char *what, int error)
{
    log_error(NULL, "%s: %s; the state on disk is whole, start again", what, strerror(error));
    exit(EX_OSERR);
}

static int new_event(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

    if (fd < 0)
        no_thread("eventfd", errno);
    return fd;
}

/* Says when it is through: pthread_join(3) has no timeout that goes by the monotonic clock and that thread checkers know. */
static void *run(void *arg)
{
    struct worker *w = arg;
    void *result = w->body(w->arg);

    eventfd_write(w->ended_fd, 1);
    return result;
}

void worker_start(struct worker *w, void *(*body)(void *), void *arg)
{
    sigset_t all, before;
    int rc;

    w->body = body;
    w->arg = arg;
    w->wake_fd = new_event();
    w->ended_fd = new_event();
    atomic_init(&w->stop, false);
    /* The thread inherits the mask: no signal may land in it between its start and a call of its own. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&w->thread, NULL, run, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        no_thread("pthread_create", rc);
}

void worker_wake(struct worker *w)
{
    eventfd_write(w->wake_fd, 1);
}

/* Milliseconds for poll(2), from now on. */
static int time_left(int64_t until_ms)
{
    int64_t left;

    if (until_ms < 0)
        return -1;
    left = until_ms - clock_mono_ms();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

bool worker_wait(struct worker *w, int fd, int64_t until_ms)
{
    struct pollfd fds[] = { { .fd = w->wake_fd, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
    eventfd_t count;

    if (poll(fds, 2, time_left(until_ms)) < 0 || !(fds[0].revents & POLLIN))
        return false;
    eventfd_read(w->wake_fd, &count);
    return true;
}

void worker_gather(void)
{
    usleep(1000);
}

bool worker_stop(struct worker *w, int wait_ms)
{
    struct pollfd ended = { .fd = w->ended_fd, .events = POLLIN };
    int64_t until_ms = clock_mono_ms() + wait_ms;
    int rc;

    atomic_store_explicit(&w->stop, true, memory_order_release);
    worker_wake(w);
    do
        rc = poll(&ended, 1, time_left(until_ms));
    while (rc < 0 && errno == EINTR);
    if (rc <= 0)
        return false;
    pthread_join(w->thread, NULL);
    close(w->wake_fd);
    close(w->ended_fd);
    return true;
}
