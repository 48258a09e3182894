/* The life of a directory: random changes, such that it is known whose each address is. */
#ifndef AXSYNC_LIFE_H
#define AXSYNC_LIFE_H

#include <stdbool.h>
#include <stddef.h>

#include "slapdtest.h"

struct ldap;

/* People have numbers that are never used twice, and an address of two that nobody else ever has. Where each one is, the writer does
 * not need to know: what can't be done is no failure. */
struct life {
    const char *uri, *dn, *password;
    struct ldap *ld;
    unsigned seed;
    int next;          /* the first number that was not given yet */
    size_t done;       /* changes that were tried */
};

/* Of a directory with that many people, slapdtest_add_people(). The server must outlive it. */
void life_init(struct life *l, struct slapdtest *server, int people, unsigned seed);
/* … at any server, as somebody who may do everything. */
void life_init_at(struct life *l, const char *uri, const char *dn, const char *password, int people, unsigned seed);
void life_free(struct life *l);
/* One change, of somebody who may be in the base or away. False: the server can't be reached now. */
bool life_change(struct life *l);
/* AXSYNC_TEST_SEED, else 1; printed, so that it can be repeated. */
unsigned life_seed(void);

#endif
