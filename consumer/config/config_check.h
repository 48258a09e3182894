/* What the values of a file must be to each other. */
#ifndef CONFIG_CONFIG_CHECK_H
#define CONFIG_CONFIG_CHECK_H

#include "config_tree.h"

/* Notes all that does not fit together in a file that was read to its end: what depends on a value that is wrong in
 * itself is left out. The i-th connector of *c was stored from the i-th of the root's, and so on below. */
void config_check(const struct node *root, const struct config *c, struct problems *problems);

/* Notes keys that ask for what this version does not have. */
void config_check_not_yet(const struct node *root, struct problems *problems);

/* The i-th part of a kind, NULL behind the last. */
const struct node *config_child(const struct node *n, enum config_section section, size_t i);

#endif
