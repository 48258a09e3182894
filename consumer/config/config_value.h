/* Single values: from the texts of a section to the struct of it, and what else can be done row by row. */
#ifndef CONFIG_CONFIG_VALUE_H
#define CONFIG_CONFIG_VALUE_H

#include <stdbool.h>

#include "buf.h"
#include "config_tree.h"

/* Fills the zeroed struct of a section: what was given if it is right, else the default. Notes wrong values and, if
 * `whole`, missing ones. */
void config_store(struct node *n, void *base, bool whole, struct problems *problems);

/* What is wrong with a value of a connector's key, as the end of a sentence that begins with both; NULL if it is right. Valid until
 * the next value is read. */
const char *config_value_problem(const struct config_row *row, const char *value);

/* Frees what config_store() put there, wiping secrets. */
void config_release(enum config_section section, void *base);

/* Whether two structs have the same value at a row. */
bool config_same(const struct config_row *row, const void *a, const void *b);

/* Makes `to` the same as `from`: numbers and words only, which are all that changes live. */
void config_copy(const struct config_row *row, void *to, const void *from);

/* The value as text; not for secrets. */
void config_print(const struct config_row *row, const void *base, struct buf *out);

#endif
