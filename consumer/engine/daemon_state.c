/* The state folder: whose it is, and who may use it now. */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "mem.h"
#include "store.h"

char *state_folder(const struct config *conf, const struct config_connector *c)
{
    return mem_printf("%s/%s", conf->state_dir, c->name);
}

/* Names the cure for what usually is: axsync was once run by hand as root. */
static int no_access(const char *path, int code, struct err *e)
{
    struct stat st;

    if (code != EACCES && code != EPERM)
        return err_set_errno(e, ERR_CONFIG, code, "can't use %s", path);
    if (stat(path, &st) != 0)
        return err_set_errno(e, ERR_CONFIG, code, "can't use %s (be root, or who axsync runs as)", path);
    return err_set_errno(e, ERR_CONFIG, code,
                         "can't use %s, which belongs to uid %u, as uid %u (be root, or that user; if "
                         "it was made as another user by mistake: chown -R)",
                         path, st.st_uid, geteuid());
}

static int make_folder(const char *path, struct err *e)
{
    struct stat st;

    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno != EEXIST)
        return err_set_errno(e, ERR_CONFIG, errno, "can't make the state folder %s", path);
    if (stat(path, &st) != 0)
        return no_access(path, errno, e);
    return S_ISDIR(st.st_mode) ? 0 : err_set(e, ERR_CONFIG, "stateDir %s is not a folder", path);
}

static int locked_by_another(int fd, const char *state_dir, struct err *e)
{
    char text[16];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    long pid = 0;

    if (n > 0) {
        text[n] = '\0';
        pid = strtol(text, NULL, 10);
    }
    if (pid > 0)
        return err_set(e, ERR_TEMP, "another axsync (pid %ld) has the state in %s", pid, state_dir);
    return err_set(e, ERR_TEMP, "another axsync has the state in %s", state_dir);
}

/* As root on another user's folder, the file becomes that user's: else the service could not open it any more. */
static void give_to_owner(int fd, const char *state_dir)
{
    struct stat dir;

    if (geteuid() == 0 && stat(state_dir, &dir) == 0 && dir.st_uid != 0 && fchown(fd, dir.st_uid, dir.st_gid) != 0)
        return; /* a file system without owners has nothing to get wrong */
}

/* A command without a daemon holds the lock for a moment: whoever comes meanwhile waits that long, and no longer than SIGTERM
 * may. Asked again and again, since flock(2) has no deadline. */
#define LOCK_WAIT_MS 1500
#define LOCK_AGAIN_US 10000

static int flock_soon(int fd)
{
    int64_t until_ms = clock_mono_ms() + LOCK_WAIT_MS;
    int rc;

    while ((rc = flock(fd, LOCK_EX | LOCK_NB)) != 0 && errno == EWOULDBLOCK && clock_mono_ms() < until_ms)
        usleep(LOCK_AGAIN_US);
    return rc;
}

static int take_lock(int fd, const char *path, const char *state_dir, struct err *e)
{
    char text[16];
    int n;

    if (flock_soon(fd) != 0)
        return errno == EWOULDBLOCK ? locked_by_another(fd, state_dir, e)
                                    : err_set_errno(e, ERR_INTERNAL, errno, "can't lock %s", path);
    give_to_owner(fd, state_dir);
    n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    /* The pid is for people, the lock is what counts: a full disk must not keep the daemon from starting. */
    if (ftruncate(fd, 0) == 0) {
        ssize_t ignored = pwrite(fd, text, (size_t)n, 0);

        (void)ignored;
    }
    return 0;
}

int state_lock(const struct config *conf, struct err *e)
{
    char *path = mem_printf("%s/axsync.lock", conf->state_dir);
    int fd = -1, code;

    if (make_folder(conf->state_dir, e) == 0) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        code = errno;
        if (fd < 0)
            no_access(access(path, F_OK) == 0 ? path : conf->state_dir, code, e);
        else if (take_lock(fd, path, conf->state_dir, e) != 0) {
            close(fd);
            fd = -1;
        }
    }
    free(path);
    return fd;
}

int state_exists(const char *folder, struct err *e)
{
    char *file = mem_printf("%s/data.mdb", folder);
    int fd = open(file, O_RDONLY | O_CLOEXEC), code = errno;

    if (fd >= 0)
        close(fd);
    else if (code != ENOENT)
        no_access(folder, code, e);
    free(file);
    return fd >= 0 ? 1 : code == ENOENT ? 0 : -1;
}

static int hold_high_of(const char *folder, uint32_t *high, struct err *e)
{
    struct err why;
    struct store *s = store_open(folder, DB_READ, &why);

    if (s == NULL && why.class != ERR_NOTFOUND) {
        *e = why;
        return -1;
    }
    if (s && s->hold_high > *high)
        *high = s->hold_high;
    store_close(&s);
    return 0;
}

int state_hold_high(const struct config *conf, uint32_t *high, struct err *e)
{
    int rc = 0;

    *high = 0;
    for (size_t i = 0; i < conf->n_connectors && rc == 0; i++) {
        char *folder = state_folder(conf, &conf->connectors[i]);

        rc = state_exists(folder, e);
        if (rc > 0)
            rc = hold_high_of(folder, high, e);
        free(folder);
    }
    return rc;
}
