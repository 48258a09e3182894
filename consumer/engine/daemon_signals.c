#include "daemon_parts.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_open(struct signals *s, struct err *e)
{
    sigset_t mine;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&mine);
    sigaddset(&mine, SIGTERM);
    sigaddset(&mine, SIGINT);
    sigaddset(&mine, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &mine, &s->before);
    s->fd = signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->fd >= 0 ? 0 : err_set_errno(e, ERR_INTERNAL, errno, "signalfd");
}

int signals_next(struct signals *s)
{
    struct signalfd_siginfo info;

    return read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

/* What came meanwhile is taken off first: unblocked, a second ^C would kill the program on its last lines. */
void signals_close(struct signals *s)
{
    if (s->fd >= 0) {
        while (signals_next(s) != 0)
            ;
        close(s->fd);
    }
    s->fd = -1;
    pthread_sigmask(SIG_SETMASK, &s->before, NULL);
}
