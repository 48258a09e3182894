/* The domain's context: its lists, its own names and settings, and COMMIT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "glob.h"
#include "mem.h"
#include "session_i.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of all objects of a kind as this connection sees them, sorted by key; *n_r of them. The array is the caller's.
 */
static const char **visible_names(struct session *s, enum kind kind, const char *pattern, size_t *n_r)
{
    struct frame *f = here(s);
    json_t *objects = json_object_get(state_domain(&s->emu->state, f->key), kind_name(kind)), *object;
    json_t *over = kind < OVERLAY_KINDS ? f->overlay->keys[kind] : NULL;
    const char **names = mem_alloc((json_object_size(objects) + json_object_size(over) + 1) * sizeof(*names)), *key;
    size_t n = 0;

    json_object_foreach(objects, key, object) if (!json_object_get(over, key) && glob_match(pattern, key)) names[n++] =
        json_string_value(json_object_get(object, "name"));
    json_object_foreach(over, key, object) if (json_is_integer(object) && glob_match(pattern, key)) names[n++] =
        json_string_value(json_object_get(overlay_get(f->overlay, &s->emu->state, f->key, kind, key), "name"));
    qsort(names, n, sizeof(*names), by_name);
    *n_r = n;
    return names;
}

static void list_kind(struct session *s, const struct words *w, size_t first, enum kind kind, const char *title)
{
    const char *pattern = w->count > first ? w->at[first].text : "*", **names;
    size_t n;

    if (w->count > first && !expect(s, w, first, 1))
        return;
    names = visible_names(s, kind, pattern, &n);
    list_open(s, title, "Name");
    for (size_t i = 0; i < n; i++)
        say(s, "%s", names[i]);
    list_close(s, n);
    free(names);
}

void cmd_list_accounts(struct session *s, const struct words *w, size_t first)
{
    list_kind(s, w, first, ACCOUNTS, "The list of accounts");
}

void cmd_list_groups(struct session *s, const struct words *w, size_t first)
{
    list_kind(s, w, first, GROUPS, "The list of groups");
}

void cmd_list_lists(struct session *s, const struct words *w, size_t first)
{
    list_kind(s, w, first, LISTS, "The list of mail lists");
}

void cmd_list_folder_rcpts(struct session *s, const struct words *w, size_t first)
{
    list_kind(s, w, first, FOLDER_RCPTS, "The list of folder recipients");
}

static void list_array(struct session *s, const struct words *w, size_t first, const json_t *array, const char *title,
                       const char *heading)
{
    const char *pattern = w->count > first ? w->at[first].text : "*";
    size_t i, rows = 0;
    json_t *item;

    if (w->count > first && !expect(s, w, first, 1))
        return;
    list_open(s, title, heading);
    json_array_foreach(array, i, item)
    {
        if (!glob_match(pattern, json_string_value(item)))
            continue;
        say(s, "%s", json_string_value(item));
        rows++;
    }
    list_close(s, rows);
}

void cmd_list_classes(struct session *s, const struct words *w, size_t first)
{
    list_array(s, w, first, json_object_get(state_domain(&s->emu->state, here(s)->key), "accountClasses"),
               "The list of account classes", "Name");
}

void cmd_list_ghosts(struct session *s, const struct words *w, size_t first)
{
    list_array(s, w, first, json_object_get(state_domain(&s->emu->state, here(s)->key), "ghosts"), "The list of ghosts",
               "Name");
}

/* Of an account, or of the domain itself. No wildcard, no heading. */
void cmd_list_aliases(struct session *s, const struct words *w, size_t first)
{
    if (expect(s, w, first, 0))
        list_array(s, w, first, json_object_get(here(s)->work, "aliases"), "The list of aliases", NULL);
}

static size_t place_in(const json_t *array, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach(array, i, item) if (strcasecmp(json_string_value(item), name) == 0) return i;
    return json_array_size(array);
}

/* The domain's own aliases, other names of the domain: what an account's ADD Alias becomes when it runs here. */
void cmd_add_domain_alias(struct session *s, const struct words *w, size_t first)
{
    const char *name = expect_name(s, w, first);
    json_t *aliases = json_object_get(here(s)->work, "aliases");

    if (!name)
        return;
    if (place_in(aliases, name) < json_array_size(aliases) || state_domain(&s->emu->state, name)) {
        err(s, EXISTS, name);
        return;
    }
    json_array_append_new(aliases, json_string(name));
    here(s)->changed = true;
    s->emu->tally.domainSettings++;
    ok(s, "alias %s of the domain added", name);
}

void cmd_remove_domain_alias(struct session *s, const struct words *w, size_t first)
{
    const char *name = expect_name(s, w, first);
    json_t *aliases = json_object_get(here(s)->work, "aliases");

    if (!name)
        return;
    if (json_array_remove(aliases, place_in(aliases, name)) != 0) {
        err(s, MISSING, name);
        return;
    }
    here(s)->changed = true;
    s->emu->tally.domainSettings++;
    ok(s, "alias %s of the domain removed", name);
}

/* Another name must be free among the domains. */
static bool domain_name_free(struct session *s, const struct frame *f)
{
    char *key = name_fold(json_string_value(json_object_get(f->work, "name")));
    bool same = strcmp(key, f->key) == 0, is_free = same || !state_domain(&s->emu->state, key);

    free(key);
    return is_free;
}

void cmd_commit_domain(struct session *s, const struct words *w, size_t first)
{
    struct frame *f = here(s);
    char *taken = NULL;

    if (!expect(s, w, first, 0))
        return;
    if (!state_domain(&s->emu->state, f->key)) {
        err(s, MISSING, f->key);
        return;
    }
    if (!domain_name_free(s, f)) {
        err(s, EXISTS, json_string_value(json_object_get(f->work, "name")));
        return;
    }
    if (overlay_apply(f->overlay, &s->emu->state, f->key, &s->emu->tally, &taken) != 0) {
        err(s, EXISTS, taken);
        free(taken);
        return;
    }
    if (f->changed)
        state_put_domain(&s->emu->state, f->key, f->work);
    s->emu->tally.commits++;
    ok(s, "domain %s saved", f->key);
    leave(s);
}
