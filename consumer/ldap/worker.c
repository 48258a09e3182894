#include "worker.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

static void no_thread(const char *what, int error)
{
    log_error(NULL, "%s: %s; the state on disk is whole, start again", what, strerror(error));
    exit(EX_OSERR);
}

void worker_start(struct worker *w, void *(*body)(void *), void *arg)
{
    sigset_t all, before;
    int rc;

    atomic_init(&w->stop, false);
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->wake_fd < 0)
        no_thread("eventfd", errno);
    /* The thread inherits the mask: no signal may land in it between its start and a call of its own. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&w->thread, NULL, body, arg);
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

bool worker_stop(struct worker *w, int wait_ms)
{
    struct timespec until;

    atomic_store_explicit(&w->stop, true, memory_order_release);
    worker_wake(w);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    if (pthread_clockjoin_np(w->thread, NULL, CLOCK_MONOTONIC, &until) != 0)
        return false;
    close(w->wake_fd);
    return true;
}
