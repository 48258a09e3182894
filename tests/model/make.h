/* What the tests of model/ make their values with. */
#ifndef TESTS_MODEL_MAKE_H
#define TESTS_MODEL_MAKE_H

#include "mapping.h"

/* An entry of attribute, value, attribute, value …, NULL. The same attribute again is one more value of it. */
struct entry *make_entry(struct arena *a, ...) __attribute__((sentinel));

/* field, value, field, value …, FIELD_NONE, then aliases …, NULL. */
struct object *make_object(struct arena *a, const char *address, ...);

/* A random object from a small world, so that two of them have much in common. */
struct object *make_random_object(struct arena *a);

/* Pseudo-random numbers. make_seed() takes AXSYNC_TEST_SEED from the environment, else 1; it returns the seed,
 * which a test prints when it fails. */
unsigned make_seed(void);
unsigned make_random(unsigned below);

bool same_object(const struct object *x, const struct object *y);

#endif
