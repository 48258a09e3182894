/*
 * What the files of the slapdtest library share. The library is static, so these names are visible to the linker of
 * whoever uses it: they carry the prefix slapdtest_i_ and are nobody else's business.
 */
#ifndef SLAPDTEST_INTERNAL_H
#define SLAPDTEST_INTERNAL_H

#include <sys/time.h> /* before ldap.h, which uses struct timeval without including it */

#include <ldap.h>
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>

#include <ldif.h> /* wants ber_len_t of ldap.h, and FILE */

#include "slapdtest.h"

/* A port of 127.0.0.1 that is kept from others; see slapdtest_port.c. fd -1: none. */
struct slapdtest_i_port {
    int fd;
    unsigned number;
};

struct slapdtest {
    pid_t owner;            /* process that made the handle; a forked copy must leave the server alone */
    struct slapdtest *next; /* list of what is to be freed at exit */

    char *folder, *suffix, *rootdn, *rootpw, *loglevel;
    char *uri, *uri_ldaps, *uri_ldapi, *tls_ca;
    bool tls, syncprov;
    unsigned server_id, timeout_ms, issued;
    char log_path[160];

    pid_t pid; /* 0: none */
    bool paused, started;
    struct slapdtest_i_port port, port_ldaps;

    LDAP *data;   /* bound as rootdn, NULL until needed */
    LDAP *config; /* bound as rootdn of cn=config */

    int rc;
    char error[1024];
};

#define SLAPDTEST_I_CONFIG_ROOTDN "cn=config"

/* ---- slapdtest.c ---- */

/* Remember a failure, with an LDAP result code; gives -1, so that it can be returned. */
int slapdtest_i_fail(struct slapdtest *s, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* asprintf(3) that gives the text, NULL when out of memory. */
char *slapdtest_i_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- slapdtest_log.c ---- */

/* Size of the log now, to read what comes after it. */
long slapdtest_i_log_size(const struct slapdtest *s);

/* What the log has from an offset on, as one line of bounded length (its end, where errors stand) in buffer. */
void slapdtest_i_log_line(const struct slapdtest *s, long from, char *buffer, size_t size);

/* ---- slapdtest_config.c ---- */

/* Write slapd.d. 0 or -1. */
int slapdtest_i_write_config(struct slapdtest *s, const struct slapdtest_options *options);

/* ---- slapdtest_process.c ---- */

/* Milliseconds of the monotonic clock. */
long long slapdtest_i_now_ms(void);

/* Give way for some milliseconds between two looks at a condition. */
void slapdtest_i_nap(unsigned ms);

/* Start slapd with these arguments (argv[0] is set here), output to the log. 0 and *pid_r, or -1. */
int slapdtest_i_spawn(struct slapdtest *s, const char **argv, pid_t *pid_r);

/* Wait for a child until a deadline of slapdtest_i_now_ms(). 1 ended (status in *status_r), 0 not yet. */
int slapdtest_i_wait(pid_t pid, long long deadline, int *status_r);

/* Run slapd as a tool (slapd -T) to its end. 0, or -1 with what it said. */
int slapdtest_i_tool(struct slapdtest *s, const char *tool, const char *const *arguments);

/* "status 1", "signal 9 (Killed)" for a status of waitpid(2). */
const char *slapdtest_i_status_text(int status, char *buffer, size_t size);

/* ---- slapdtest_port.c ---- */

int slapdtest_i_port_take(struct slapdtest *s, struct slapdtest_i_port *port);
void slapdtest_i_port_release(struct slapdtest_i_port *port);

/* ---- slapdtest_conn.c ---- */

/*
 * Keep SIGPIPE from the calling thread while libldap may write to a slapd that has gone: libldap writes without
 * MSG_NOSIGNAL. Ignoring the signal for good would be simpler, but is the program's to decide, and its children would
 * inherit it.
 */
struct slapdtest_i_hush {
    sigset_t before;
    bool was_pending;
};
void slapdtest_i_hush(struct slapdtest_i_hush *hush);
void slapdtest_i_unhush(const struct slapdtest_i_hush *hush);

/* A bound connection. 0 or -1. */
int slapdtest_i_open(struct slapdtest *s, const char *uri, const char *dn, const char *password, LDAP **ld_r);

/* The kept connections; NULL after slapdtest_i_fail(). */
LDAP *slapdtest_i_data(struct slapdtest *s);
LDAP *slapdtest_i_config(struct slapdtest *s);

/* Give up the kept connections. */
void slapdtest_i_disconnect(struct slapdtest *s);

/* slapdtest_i_fail() with the name of the result code and the server's text added. */
int slapdtest_i_ldap_fail(struct slapdtest *s, LDAP *ld, int rc, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- slapdtest_ldif.c ---- */

/* Write one attribute line, in base64 where the value needs it, as names beyond ASCII do. */
void slapdtest_i_put(FILE *out, const char *name, const char *value);

/* Send one change. where is put before the error text. 0 or -1. */
int slapdtest_i_apply(struct slapdtest *s, LDAP *ld, const LDIFRecord *record, const char *where);

/* ---- slapdtest_tls.c ---- */

/* Make tls/ with the CA and the server's certificate. 0 or -1. */
int slapdtest_i_tls_setup(struct slapdtest *s, const struct slapdtest_options *options);

/* ---- slapdtest_people.c ---- */

/* The entry of a suffix as an LDIF record. 0, or -1 for an RDN that isn't known. */
int slapdtest_i_suffix_ldif(FILE *stream, const char *suffix);

#endif
