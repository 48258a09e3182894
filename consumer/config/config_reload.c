/* SIGHUP: what of a fresh reading a running daemon takes over. */
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "config.h"
#include "config_value.h"

struct reload {
    struct buf names;     /* of what needs a restart */
    size_t changed;
};

static void name_add(struct reload *r, const char *where, const char *name)
{
    buf_printf(&r->names, "%s%s%s", r->names.len ? ", " : "", where, name);
}

static const char *text_at(const void *base, size_t place)
{
    return *(char *const *)(const void *)((const char *)base + place);
}

/* The row of the file that this secret was read from, if it was. */
static const struct config_row *source_of(const struct config_row *secret, const void *base)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        const struct config_row *row = &config_rows[i];

        if (row->in == secret->in && row->flags & KEY_SECRET_FILE && row->content == secret->place &&
            text_at(base, row->place)[0] != '\0')
            return row;
    }
    return NULL;
}

/* A changed secret goes by the name of the key that it comes from. */
static bool same(const struct config_row *row, const void *live, const void *fresh)
{
    if (row->flags & KEY_SECRET && source_of(row, live))
        return true;
    if (!config_same(row, live, fresh))
        return false;
    if (!(row->flags & KEY_SECRET_FILE) || text_at(live, row->place)[0] == '\0')
        return true;
    return strcmp(text_at(live, row->content), text_at(fresh, row->content)) == 0;
}

static void section(struct reload *r, enum config_section in, const char *where, void *live, const void *fresh)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        const struct config_row *row = &config_rows[i];

        if (row->in != in || row->type == CONFIG_SECTION || same(row, live, fresh))
            continue;
        if (row->flags & KEY_LIVE) {
            config_copy(row, live, fresh);
            r->changed++;
        } else {
            name_add(r, where, row->name);
        }
    }
}

static void sinks(struct reload *r, const char *where, struct config_connector *live,
                  const struct config_connector *fresh)
{
    size_t met = 0;

    for (size_t i = 0; i < live->n_sinks; i++) {
        const struct config_sink *found = NULL;
        char *inside = mem_printf("%s/%s.", live->name, live->sinks[i].name);

        for (size_t j = 0; j < fresh->n_sinks; j++)
            if (strcmp(live->sinks[i].name, fresh->sinks[j].name) == 0)
                found = &fresh->sinks[j];
        met += found != NULL;
        if (found)
            section(r, IN_SINK, inside, &live->sinks[i], found);
        free(inside);
    }
    if (met < live->n_sinks || met < fresh->n_sinks)
        name_add(r, where, "sink");
}

static bool attributes_same(const struct config_connector *a, const struct config_connector *b)
{
    bool equal = a->n_attributes == b->n_attributes;

    for (size_t i = 0; equal && i < a->n_attributes; i++) {
        const struct config_attribute *x = &a->attributes[i], *y = &b->attributes[i];

        equal = strcmp(x->attribute, y->attribute) == 0 && strcmp(x->field, y->field) == 0 && x->kind == y->kind;
    }
    return equal;
}

static void connector(struct reload *r, struct config_connector *live, const struct config_connector *fresh)
{
    char *where = mem_printf("%s.", live->name);
    char *guard = mem_printf("%s.guard.", live->name);

    section(r, IN_CONNECTOR, where, live, fresh);
    section(r, IN_GUARD, guard, &live->guard, &fresh->guard);
    if (!attributes_same(live, fresh))
        name_add(r, where, "attribute");
    sinks(r, where, live, fresh);
    free(where);
    free(guard);
}

char *config_reload(struct config *live, struct config *fresh, size_t *changed)
{
    struct reload r = { 0 };
    size_t met = 0;

    section(&r, IN_FILE, "", live, fresh);
    for (size_t i = 0; i < live->n_connectors; i++)
        for (size_t j = 0; j < fresh->n_connectors; j++)
            if (strcmp(live->connectors[i].name, fresh->connectors[j].name) == 0) {
                connector(&r, &live->connectors[i], &fresh->connectors[j]);
                met++;
            }
    if (met < live->n_connectors || met < fresh->n_connectors)
        name_add(&r, "", "connector");
    *changed = r.changed;
    if (r.names.len == 0)
        return NULL;
    buf_str(&r.names);
    return r.names.p;
}
