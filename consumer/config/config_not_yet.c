/* Keys whose function is not there yet: asking for it is an error, as ignoring it would be a lie. */
#include <stddef.h>
#include <string.h>

#include "config_check.h"

static const struct {
    enum config_section in;
    const char *key;
    const char *value;   /* NULL: anything but the default */
    const char *text;
} not_yet[] = {
    { IN_FILE, "metricsListen", NULL, "metrics are not in this version yet; leave it empty" },
};

static bool asks(const struct given *g, const struct config_row *row, const char *value)
{
    if (g->n == 0 || g->wrong)
        return false;
    if (value)
        return strcmp(g->values[0], value) == 0;
    return row->fallback == NULL || strcmp(g->values[0], row->fallback) != 0;
}

void config_check_not_yet(const struct node *root, struct problems *problems)
{
    for (size_t i = 0; i < sizeof(not_yet) / sizeof(not_yet[0]); i++) {
        const struct config_row *row = config_row(not_yet[i].in, not_yet[i].key);
        const struct given *g = &root->given[row - config_rows];

        if (row->in == root->section && asks(g, row, not_yet[i].value))
            problem_add(problems, g->line, "%s = \"%.200s\": %s", row->name, g->values[0], not_yet[i].text);
    }
    for (size_t i = 0; i < root->n_children; i++)
        config_check_not_yet(root->children[i], problems);
}
