/* dstest: a throw-away 389 Directory Server (Debian's 389-ds-base), as slapdtest.h has it for slapd.
 *
 *     struct dstest *d = dstest_run(NULL, error, sizeof(error));   // dc=example,dc=com, with changelog and sync
 *     dstest_add(d, "uid=a,ou=people,dc=example,dc=com", "objectClass: inetOrgPerson\ncn: a\nsn: a\n");
 *     dstest_free(&d);
 *
 * No dscreate and no systemd: the configuration is made out of the package's own templates, in a folder of its own under $TMPDIR (or
 * /tmp), and ns-slapd is a child of the calling process, on a free port of 127.0.0.1. It runs as the calling user, or as the package's
 * user where that is root. The suffix entry lets everybody read all but passwords; AXSYNC_READER_DN is for the caller to add.
 *
 * Functions that can fail return 0 or -1; dstest_error() then says in one line what failed. */
#ifndef DSTEST_H
#define DSTEST_H

#include <stdbool.h>
#include <stddef.h>

struct ldap;
struct dstest;

#define DSTEST_SUFFIX "dc=example,dc=com"
#define DSTEST_ROOTDN "cn=admin,dc=example,dc=com"
#define DSTEST_ROOTPW "secret"

/* All zero: the usual server. */
struct dstest_options {
    bool no_sync;          /* neither changelog nor sync plugin */
    unsigned trim_s;       /* nsslapd-changelogmaxage, looked at each second; 0: nothing is trimmed */
};

/* Whether 389-ds-base is installed; else the reason is in text. */
bool dstest_is_installed(char *text, size_t size);

/* Makes the folder, starts the server, and adds the suffix entry. NULL with a line of text in error. */
struct dstest *dstest_run(const struct dstest_options *options, char *error, size_t error_size);
/* Ends it with SIGTERM and waits; the same server again, on the same port. */
int dstest_stop(struct dstest *d);
int dstest_start(struct dstest *d);
/* Ends it, removes the folder, and sets *d to NULL. */
void dstest_free(struct dstest **d);

const char *dstest_uri(const struct dstest *d);
const char *dstest_folder(const struct dstest *d);   /* log/errors is there */
const char *dstest_error(const struct dstest *d);

/* ---- Data, as the rootdn ---- */

/* The kept connection, bound; NULL: see dstest_error(). */
struct ldap *dstest_connection(struct dstest *d);
/* attributes: lines of "name: value". */
int dstest_add(struct dstest *d, const char *dn, const char *attributes);
int dstest_delete(struct dstest *d, const char *dn);
/* value NULL removes the attribute. */
int dstest_replace(struct dstest *d, const char *dn, const char *attribute, const char *value);
/* newsuperior NULL leaves the parent. */
int dstest_rename(struct dstest *d, const char *dn, const char *newrdn, const char *newsuperior);
/* A number of the root DSE ("lastChangeNumber"); -1: not there. */
long dstest_number(struct dstest *d, const char *attribute);

#endif
