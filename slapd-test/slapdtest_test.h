/* What the files of the slapdtest library's own tests share. */
#ifndef SLAPDTEST_TEST_H
#define SLAPDTEST_TEST_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <ldap.h>

#include <criterion/criterion.h>

#include "slapdtest.h"

#define SUFFIX   "dc=example,dc=com"
#define PEOPLE   "ou=people," SUFFIX
#define PERSON_1 "uid=user000001," PEOPLE

/* A call on a server must succeed; its own words say why it didn't. */
#define OK(s, call) cr_assert((call) == 0, "%s: %s", #call, slapdtest_error(s))
#define FAILS(s, call, code) \
    cr_assert((call) < 0 && slapdtest_rc(s) == (code), "%s: rc %d: %s", #call, slapdtest_rc(s), slapdtest_error(s))
#define SAYS(s, text) \
    cr_assert(strstr(slapdtest_error(s), text) != NULL, "\"%s\" is not in: %s", text, slapdtest_error(s))

/* Looks again until it is true; a minute is far more than any of it takes. */
#define AWAIT(condition)                                                                             \
    do {                                                                                             \
        for (int tries_ = 0; !(condition); tries_++) {                                               \
            cr_assert_lt(tries_, 60000, "%s did not come true", #condition);                         \
            usleep(1000);                                                                            \
        }                                                                                            \
    } while (0)

static inline struct slapdtest *run(const struct slapdtest_options *options)
{
    struct slapdtest *s = slapdtest_run(options);

    cr_assert(s != NULL);
    return s;
}

static inline struct slapdtest *run_with_people(const struct slapdtest_options *options, size_t n)
{
    struct slapdtest *s = run(options);

    OK(s, slapdtest_add_people(s, n, 1));
    return s;
}

/* errno of a connect to a port of the loopback address; 0 when somebody listens. */
static inline int connect_errno(unsigned port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), failed = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : errno;

    close(fd);
    return failed;
}

/* What a search gives: its result code, with the number of entries in *n_r if wanted. */
static inline int search_rc(LDAP *ld, const char *base, int scope, const char *filter, const char *attribute, int *n_r)
{
    char *attributes[] = {(char *)(uintptr_t)attribute, NULL};
    LDAPMessage *result = NULL;
    int rc = ldap_search_ext_s(ld, base, scope, filter, attributes, 0, NULL, NULL, NULL, 0, &result);

    if (n_r != NULL)
        *n_r = ldap_count_entries(ld, result);
    ldap_msgfree(result);
    return rc;
}

#endif
