/* What the files of dstest share. */
#ifndef DSTEST_INTERNAL_H
#define DSTEST_INTERNAL_H

#include "dstest.h"
#include "slapdtest_internal.h"

struct dstest {
    struct dstest_options options;
    struct slapdtest reports;         /* of no server: what slapdtest_i_port_take() says */
    struct slapdtest_i_port port;
    uid_t uid;                        /* who it runs as */
    gid_t gid;
    char folder[128], uri[64];
    pid_t pid;                        /* 0: none */
    LDAP *ld;                         /* bound as the rootdn; NULL until needed */
    bool keep;                        /* the folder, for whoever looks for the reason */
    char error[512];
};

/* Gives -1. */
int dstest_i_fail(struct dstest *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Binds the kept connection. 0 or -1, without dstest_i_fail(). */
int dstest_i_bind(struct dstest *d);
void dstest_i_hang_up(struct dstest *d);

#endif
