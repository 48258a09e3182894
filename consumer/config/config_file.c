#include "config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem.h"

#define MAX_SECRET 4096

/* Opens a regular file. O_NONBLOCK: a FIFO must not stop us before we see that it is one. */
static int open_regular(const char *path, struct stat *st, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return err_set_errno(e, ERR_CONFIG, errno, "%s", path);
    if (fstat(fd, st) == 0 && S_ISREG(st->st_mode))
        return fd;
    close(fd);
    return err_set(e, ERR_CONFIG, "%s: is not a regular file", path);
}

static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t len = 0;

    while (len < size) {
        ssize_t n = read(fd, text + len, size - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    return (ssize_t)len;
}

char *config_file_read(const char *path, size_t max, size_t room, size_t *len, mode_t *mode, struct err *e)
{
    struct stat st;
    char *text;
    size_t size;
    ssize_t n;
    int code, fd = open_regular(path, &st, e);

    if (fd < 0)
        return NULL;
    size = (size_t)st.st_size;
    if (size > max) {
        close(fd);
        err_set(e, ERR_CONFIG, "%s: is larger than %zu bytes", path, max);
        return NULL;
    }
    text = mem_alloc(size + 1 + room);
    n = read_all(fd, text, size + 1);
    code = errno;
    close(fd);
    if (n >= 0 && (size_t)n <= size) {
        *len = (size_t)n;
        *mode = st.st_mode;
        return text;
    }
    explicit_bzero(text, size + 1);
    free(text);
    if (n < 0)
        err_set_errno(e, ERR_CONFIG, code, "%s", path);
    else
        err_set(e, ERR_CONFIG, "%s: is being written to", path);
    return NULL;
}

static const char *secret_problem(const char *text, size_t len)
{
    if (len == 0)
        return "is empty";
    if (memchr(text, '\n', len) || memchr(text, '\r', len) || memchr(text, '\0', len))
        return "holds more than one line";
    return NULL;
}

char *config_file_secret(const char *path, struct err *e)
{
    size_t len, size;
    mode_t mode;
    char *secret = NULL, *text = config_file_read(path, MAX_SECRET, 1, &len, &mode, e);
    const char *wrong;

    if (text == NULL)
        return NULL;
    size = len;
    if (len && text[len - 1] == '\n')
        len--;
    if (len && text[len - 1] == '\r')
        len--;
    text[len] = '\0';
    wrong = secret_problem(text, len);
    if (config_file_open_to_others(mode))
        err_set(e, ERR_CONFIG, "%s: holds a secret and is open to others (mode %04o): chmod 600 %s", path,
                (unsigned)mode & 07777, path);
    else if (wrong)
        err_set(e, ERR_CONFIG, "%s: %s", path, wrong);
    else
        secret = mem_strdup(text);
    explicit_bzero(text, size);
    free(text);
    return secret;
}

int config_file_readable(const char *path, bool secret, struct err *e)
{
    struct stat st;
    int fd = open_regular(path, &st, e);

    if (fd < 0)
        return -1;
    close(fd);
    if (secret && st.st_mode & S_IRWXO)
        return err_set(e, ERR_CONFIG, "%s: holds a secret and is open to others (mode %04o): chmod o= %s", path,
                       (unsigned)st.st_mode & 07777, path);
    return 0;
}

bool config_file_open_to_others(mode_t mode)
{
    return mode & (S_IRWXG | S_IRWXO);
}
