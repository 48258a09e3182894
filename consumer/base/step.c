#include "step.h"

#ifdef AXSYNC_STEPS

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long reached;         /* of all */
static long reached_named;   /* of the one that AXSYNC_STEP_KILL names */

static void note(const char *path, const char *name)
{
    char line[64];
    size_t n = strlen(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ssize_t ignored;

    if (fd < 0 || n + 1 > sizeof(line))
        abort();
    memcpy(line, name, n);
    line[n] = '\n';
    ignored = write(fd, line, n + 1);
    (void)ignored;
    close(fd);
}

/* Whether this is the step to die at. */
static bool is_last(const char *name, const char *kill_at)
{
    const char *colon = strchr(kill_at, ':');

    if (colon == NULL)
        return atol(kill_at) == reached;
    if (strlen(name) != (size_t)(colon - kill_at) || memcmp(name, kill_at, strlen(name)) != 0)
        return false;
    return ++reached_named == atol(colon + 1);
}

void step_reached(const char *name)
{
    const char *path = getenv("AXSYNC_STEP_LOG");
    const char *kill_at = getenv("AXSYNC_STEP_KILL");

    pthread_mutex_lock(&lock);
    reached++;
    if (path)
        note(path, name);
    if (kill_at && is_last(name, kill_at))
        kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&lock);
}

#else

/* ISO C wants something in a translation unit. */
typedef int step_not_compiled_in;

#endif
