/* What the integration tests share: the usual servers and directories. */
#ifndef AXSYNC_TEST_H
#define AXSYNC_TEST_H

#include <criterion/criterion.h>

#include "axsync_run.h"

#define SUFFIX "dc=example,dc=com"
#define PEOPLE "ou=people," SUFFIX
#define AWAY   "ou=away," SUFFIX     /* beside the base: who moves there has left */

#define PERSON(number) "uid=user" number "," PEOPLE    /* PERSON("000001") */

/* A server with n people, an empty ou=away and the reader. */
static inline struct slapdtest *run_company(const struct slapdtest_options *options, size_t n)
{
    char error[512] = "";
    struct slapdtest *s = slapdtest_new(options, error, sizeof(error));

    cr_assert(s != NULL, "%s", error);
    cr_assert(slapdtest_add_people(s, n, 1) == 0 && slapdtest_start(s) == 0, "%s", slapdtest_error(s));
    cr_assert(slapdtest_add(s, AWAY, "objectClass: organizationalUnit\nou: away\n") == 0, "%s", slapdtest_error(s));
    axsync_add_reader(s);
    return s;
}

/* A commit of slapd's that waits for the disk proves nothing here. */
#define QUICK_SERVER ((struct slapdtest_options){.dbnosync = true, .sessionlog = 10000})

static inline void end_company(struct axsync **a)
{
    struct slapdtest *s = (*a)->server;

    axsync_free(a);
    slapdtest_free(&s);
}

#endif
