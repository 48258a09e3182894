/* Sockets, signals and the loop. */
#ifndef EMULATOR_SERVER_H
#define EMULATOR_SERVER_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "emu.h"

struct server_setup {
    const char *address;     /* NULL: 127.0.0.1 */
    long port, control_port; /* 0: any free one; control_port -1: none */
    const char *port_file, *control_port_file, *dump_path;
    bool control_stdin; /* control lines from standard input, answers to standard output */
    SSL_CTX *tls;       /* NULL: plain; stays the caller's */
};

/* Listens, says that it is ready (port files; with control_stdin the line "ready PORT"), and serves until SIGTERM or
 * SIGINT. The exit code. */
int server_run(struct emu *emu, const struct server_setup *setup);

#endif
