/* Reads any bytes as a configuration. libFuzzer (AXSYNC_FUZZ) calls it, and so does test_random.c. Input: the file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* One line; and never the bare words for what libConfuse stumbles over, which config_scan() must have seen before. */
static void check_line(const char *line)
{
    static const char bare[] = ": syntax error";
    size_t n = strlen(line);

    if (strchr(line, '\n') || (n >= sizeof(bare) && strcmp(line + n - sizeof(bare) + 1, bare) == 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    char path[64];
    int fd = memfd_create("axsync.conf", MFD_CLOEXEC);
    struct config_errors errors;
    struct config *c;

    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    c = config_read(path, &errors);
    if ((c == NULL) != (errors.n > 0))
        abort();
    for (size_t i = 0; i < errors.n; i++)
        check_line(errors.lines[i]);
    if (c)
        for (size_t i = 0; i < c->n_connectors; i++)
            free(config_fingerprint(&c->connectors[i], OBJECT_ACCOUNT));
    config_errors_free(&errors);
    config_free(&c);
    close(fd);
    return 0;
}
