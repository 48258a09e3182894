/* A file as it was written: sections, and in them, by row, the values that were given and their lines. */
#ifndef CONFIG_CONFIG_TREE_H
#define CONFIG_CONFIG_TREE_H

#include <stdbool.h>

#include "config_problem.h"
#include "config_table.h"

struct given {
    int line;          /* of the last value; 0: not given */
    char **values;     /* one, or those of a list */
    int *lines;        /* of each */
    size_t n;
    bool wrong;        /* a problem with a value was noted: what depends on it isn't judged */
};

struct node {
    enum config_section section;
    char *title;       /* "" where it has none */
    int line;          /* where it begins */
    struct given given[CONFIG_MAX_ROWS];
    struct node *parent;
    struct node **children;
    size_t n_children;
};

/* Reads a text that config_scan() has passed with libConfuse, which takes quotes, escapes and ${…} out of the values.
 * libConfuse's scanner is global: one reading at a time in the whole program. */
struct node *config_tree(const char *text, struct problems *problems);

/* Wipes all values, as some are secrets. */
void config_tree_free(struct node *root);

#endif
