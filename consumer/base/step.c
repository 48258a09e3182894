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
static long reached_kill;    /* of the one that AXSYNC_STEP_KILL names */
static long reached_hang;    /* … that AXSYNC_STEP_HANG names */

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

/* Whether this is the step that `where` means; *count: how often the one it names was reached. */
static bool is_meant(const char *name, const char *where, long *count)
{
    const char *colon = strchr(where, ':');

    if (colon == NULL)
        return atol(where) == reached;
    if (strlen(name) != (size_t)(colon - where) || memcmp(name, where, strlen(name)) != 0)
        return false;
    return ++*count == atol(colon + 1);
}

void step_reached(const char *name)
{
    const char *path = getenv("AXSYNC_STEP_LOG");
    const char *kill_at = getenv("AXSYNC_STEP_KILL"), *hang_at = getenv("AXSYNC_STEP_HANG");
    bool hang;

    pthread_mutex_lock(&lock);
    reached++;
    if (path)
        note(path, name);
    if (kill_at && is_meant(name, kill_at, &reached_kill))
        kill(getpid(), SIGKILL);
    hang = hang_at && is_meant(name, hang_at, &reached_hang);
    pthread_mutex_unlock(&lock);
    while (hang)
        pause();
}

#else

/* ISO C wants something in a translation unit. */
typedef int step_not_compiled_in;

#endif
