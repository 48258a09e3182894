/* A store in a folder of its own, and objects to put into it. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "store.h"

extern char folder[64];
extern struct store *store;
extern struct txn *txn;       /* the open one, of begin() */
extern struct arena arena;    /* emptied at the end of a test */

/* .init and .fini of each suite. */
void fixture_open(void);
void fixture_close(void);

void begin(void);
void commit(void);            /* and the state hangs together (audit.h) */
/* Closes as if killed and opens again. */
void reopen(void);

/* An account whose uuid is all of that byte; field, value, …, FIELD_NONE, then aliases …, NULL. */
struct object *make(int uuid, const char *address, ...);
const uint8_t *uuid_of(int byte);
bool same_object(const struct object *x, const struct object *y);

/* AXSYNC_TEST_SEED, or the clock; prints it. */
void seed_random(void);
unsigned random_below(unsigned n);

#endif
