#include "config_tree.h"

#include <confuse.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

/* An option that no file can name (config_scan() takes no key with a blank): its default is parsed when a section
 * opens, and thereby tells us that it does and on which line; libConfuse has no callback for that. */
#define OPENING " opening"

/* libConfuse gives its callbacks nothing of ours. */
static struct {
    struct node *open;           /* the section being read */
    struct problems *problems;
} now;

static struct node *node_new(struct node *parent, enum config_section section, const char *title, int line)
{
    struct node *n = mem_alloc(sizeof(*n));

    n->section = section;
    n->title = mem_strdup(title ? title : "");
    n->line = line;
    n->parent = parent;
    if (parent) {
        parent->children = mem_realloc(parent->children, (parent->n_children + 1) * sizeof(*parent->children));
        parent->children[parent->n_children++] = n;
    }
    return n;
}

static void section_opens(const cfg_t *cfg)
{
    const struct config_row *row = config_row(now.open->section, cfg->name);

    now.open = node_new(now.open, row->section, cfg->title, cfg->line);
}

static int section_closes(cfg_t *cfg, cfg_opt_t *opt)
{
    (void)cfg;
    (void)opt;
    now.open = now.open->parent;
    return 0;
}

/* Keeps the value here and gives libConfuse an empty one: it would replace a section by a later one of the same title,
 * and it does not wipe what it frees. */
static int value_read(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    struct given *g;

    *(const char **)result = "";
    if (strcmp(opt->name, OPENING) == 0) {
        section_opens(cfg);
        return 0;
    }
    g = &now.open->given[config_row(now.open->section, opt->name) - config_rows];
    g->values = mem_realloc(g->values, (g->n + 1) * sizeof(*g->values));
    g->lines = mem_realloc(g->lines, (g->n + 1) * sizeof(*g->lines));
    g->values[g->n] = mem_strdup(value);
    g->lines[g->n++] = cfg->line;
    g->line = cfg->line;
    return 0;
}

/* config_scan() has left nothing to complain about, as far as we know. What libConfuse says may hold a piece of a
 * value, so it is not shown. */
static void complaint(cfg_t *cfg, const char *fmt, va_list ap)
{
    (void)fmt;
    (void)ap;
    problem_add(now.problems, cfg->line, "syntax error");
}

static cfg_opt_t *options_of(enum config_section section);

static cfg_opt_t option_of(const struct config_row *row)
{
    cfg_opt_t value = CFG_STR_CB(row->name, NULL, CFGF_NODEFAULT, value_read);
    cfg_opt_t list = CFG_STR_LIST_CB(row->name, NULL, CFGF_NODEFAULT, value_read);
    cfg_opt_t part = CFG_SEC(row->name, NULL, CFGF_NODEFAULT);

    if (row->type == CONFIG_LIST)
        return list;
    if (row->type != CONFIG_SECTION)
        return value;
    part.subopts = options_of(row->section);
    part.validcb = section_closes;
    if (config_section_titled(row->section))
        part.flags |= CFGF_MULTI | CFGF_TITLE;
    return part;
}

/* libConfuse's options for the rows of a section. Numbers and words are texts to it: its own reader of numbers takes
 * "010" for 8 and "" for 0. */
static cfg_opt_t *options_of(enum config_section section)
{
    static char opening_default[] = "{x}";
    cfg_opt_t opening = CFG_STR_LIST_CB(OPENING, opening_default, CFGF_NONE, value_read);
    cfg_opt_t end = CFG_END();
    cfg_opt_t *options = mem_alloc((CONFIG_MAX_ROWS + 2) * sizeof(*options));
    size_t n = 0;

    if (section != IN_FILE)
        options[n++] = opening;
    for (size_t i = 0; i < config_n_rows; i++)
        if (config_rows[i].in == section)
            options[n++] = option_of(&config_rows[i]);
    options[n] = end;
    return options;
}

static void options_free(cfg_opt_t *options)
{
    for (size_t i = 0; options[i].name; i++)
        if (options[i].subopts)
            options_free(options[i].subopts);
    free(options);
}

struct node *config_tree(const char *text, struct problems *problems)
{
    struct node *root = node_new(NULL, IN_FILE, NULL, 0);
    cfg_opt_t *options = options_of(IN_FILE);
    cfg_t *cfg = cfg_init(options, CFGF_NONE);

    options_free(options);   /* libConfuse has its own copy */
    now.open = root;
    now.problems = problems;
    cfg_set_error_function(cfg, complaint);
    cfg_parse_buf(cfg, text);   /* what it returns is what complaint() was told */
    cfg_free(cfg);
    now.open = NULL;
    now.problems = NULL;
    return root;
}

static void given_free(struct given *g)
{
    for (size_t i = 0; i < g->n; i++) {
        explicit_bzero(g->values[i], strlen(g->values[i]));
        free(g->values[i]);
    }
    free(g->values);
    free(g->lines);
}

void config_tree_free(struct node *root)
{
    for (size_t i = 0; i < root->n_children; i++)
        config_tree_free(root->children[i]);
    for (size_t i = 0; i < config_n_rows; i++)
        given_free(&root->given[i]);
    free(root->children);
    free(root->title);
    free(root);
}
