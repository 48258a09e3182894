#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "config_check.h"
#include "config_file.h"
#include "config_scan.h"
#include "config_schema.h"
#include "config_value.h"
#include "mem.h"

#define MAX_FILE (4 * 1024 * 1024)   /* far above any real one, far below what hurts */

/* ---- from the tree to the structs ---- */

static size_t count(const struct node *n, enum config_section section)
{
    size_t found = 0;

    for (size_t i = 0; i < n->n_children; i++)
        found += n->children[i]->section == section;
    return found;
}

static void build_connector(struct config_connector *c, struct node *n, bool whole, struct problems *problems)
{
    size_t attributes = count(n, IN_ATTRIBUTE), sinks = count(n, IN_SINK);
    struct node none = { .section = IN_GUARD };   /* all defaults */
    bool guarded = false;

    c->name = mem_strdup(n->title);
    c->attributes = mem_alloc(attributes * sizeof(*c->attributes));
    c->sinks = mem_alloc(sinks * sizeof(*c->sinks));
    config_store(n, c, whole, problems);
    for (size_t i = 0; i < n->n_children; i++) {
        struct node *child = n->children[i];
        void *base = &c->guard;

        if (child->section == IN_ATTRIBUTE) {
            c->attributes[c->n_attributes].attribute = mem_strdup(child->title);
            base = &c->attributes[c->n_attributes++];
        } else if (child->section == IN_SINK) {
            c->sinks[c->n_sinks].name = mem_strdup(child->title);
            base = &c->sinks[c->n_sinks++];
        } else {
            guarded = true;
        }
        config_store(child, base, whole, problems);
    }
    if (!guarded)
        config_store(&none, &c->guard, whole, problems);
}

static struct config *build(const char *path, struct node *root, bool whole, struct problems *problems)
{
    struct config *c = mem_alloc(sizeof(*c));

    c->path = mem_strdup(path);
    config_store(root, c, whole, problems);
    c->connectors = mem_alloc(count(root, IN_CONNECTOR) * sizeof(*c->connectors));
    for (size_t i = 0; i < root->n_children; i++)
        build_connector(&c->connectors[c->n_connectors++], root->children[i], whole, problems);
    return c;
}

/* ---- reading ---- */

/* A file that holds a secret itself must be private. */
static void check_private(const struct node *n, mode_t mode, struct problems *problems)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        const struct given *g = &n->given[i];

        if (config_rows[i].flags & KEY_SECRET && g->n > 0 && g->values[0][0] != '\0')
            problem_add(problems, g->line, "%s stands in a file that is open to others (mode %04o): chmod 600 %s",
                        config_rows[i].name, (unsigned)mode & 07777, problems->path);
    }
    for (size_t i = 0; i < n->n_children; i++)
        check_private(n->children[i], mode, problems);
}

static struct config *interpret(const char *path, char *text, size_t len, mode_t mode, struct problems *problems,
                                struct config_errors *errors)
{
    bool whole = config_scan(text, len, problems);
    struct node *root = config_tree(text, problems);
    struct config_notes notes = { 0 };
    struct config *c;

    for (size_t i = 0; i < root->n_children; i++)
        config_schema_apply(root->children[i], problems, errors, &notes);
    c = build(path, root, whole, problems);
    c->notes = notes.lines;
    c->n_notes = notes.n;
    if (whole)
        config_check(root, c, problems);
    config_check_not_yet(root, problems);
    if (config_file_open_to_others(mode))
        check_private(root, mode, problems);
    config_tree_free(root);
    return c;
}

struct config *config_read(const char *path, struct config_errors *errors)
{
    struct problems problems = { .path = path };
    struct config *c;
    struct err e = { 0 };
    mode_t mode;
    size_t len;
    char *text = config_file_read(path, MAX_FILE, CONFIG_SCAN_ROOM, &len, &mode, &e);

    *errors = (struct config_errors){ 0 };
    if (text == NULL) {
        errors->missing = true;
        errors->lines = mem_alloc(sizeof(*errors->lines));
        errors->lines[errors->n++] = mem_strdup(e.text);
        return NULL;
    }
    c = interpret(path, text, len, mode, &problems, errors);
    explicit_bzero(text, len);
    free(text);
    if (problems.n || errors->n) {
        config_free(&c);
        problems_report(&problems, errors);
    }
    return c;
}

/* ---- the end ---- */

static void connector_release(struct config_connector *c)
{
    for (size_t i = 0; i < c->n_attributes; i++) {
        free(c->attributes[i].attribute);
        config_release(IN_ATTRIBUTE, &c->attributes[i]);
    }
    for (size_t i = 0; i < c->n_sinks; i++) {
        free(c->sinks[i].name);
        config_release(IN_SINK, &c->sinks[i]);
    }
    free(c->attributes);
    free(c->sinks);
    free(c->name);
    config_release(IN_CONNECTOR, c);
}

void config_free(struct config **c)
{
    if (*c == NULL)
        return;
    for (size_t i = 0; i < (*c)->n_connectors; i++)
        connector_release(&(*c)->connectors[i]);
    for (size_t i = 0; i < (*c)->n_notes; i++)
        free((*c)->notes[i]);
    free((*c)->notes);
    free((*c)->connectors);
    free((*c)->path);
    config_release(IN_FILE, *c);
    free(*c);
    *c = NULL;
}

void config_errors_free(struct config_errors *errors)
{
    for (size_t i = 0; i < errors->n; i++)
        free(errors->lines[i]);
    free(errors->lines);
    *errors = (struct config_errors){ 0 };
}
