/* Whether a state hangs together: every index, count and number against the rows that it is derived from. */
#ifndef TESTS_STORE_AUDIT_H
#define TESTS_STORE_AUDIT_H

#include "store.h"

/* Fails the test that calls it, naming what does not fit. Looks at what is committed and at the numbers in memory: call it
 * while no transaction is open. */
void audit_store(struct store *s);

#endif
