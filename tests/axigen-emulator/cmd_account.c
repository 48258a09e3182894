/* The contexts of an account and of a group: aliases, class, sub-contexts, addresses. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "session_i.h"

static size_t place_of(const json_t *array, const char *name)
{
    json_t *item;
    size_t i;

    json_array_foreach(array, i, item) if (strcasecmp(json_string_value(item), name) == 0) return i;
    return json_array_size(array);
}

/* An empty array or object of this name, made when it isn't there: most accounts have few of them. */
static json_t *part_of(json_t *work, const char *name, json_t *empty)
{
    if (json_object_get(work, name))
        json_decref(empty);
    else
        json_object_set_new(work, name, empty);
    return json_object_get(work, name);
}

void cmd_add_alias(struct session *s, const struct words *w, size_t first)
{
    const char *name = expect_name(s, w, first);
    json_t *work = here(s)->work;

    if (!name)
        return;
    if (!name_is_valid(name)) {
        err(s, VALUE, name);
        return;
    }
    if (!name_is_free(s, name, work)) {
        err(s, EXISTS, name);
        return;
    }
    json_array_append_new(part_of(work, "aliases", json_array()), json_string(name));
    ok(s, "alias %s added", name);
}

void cmd_remove_alias(struct session *s, const struct words *w, size_t first)
{
    const char *name = expect_name(s, w, first);
    json_t *aliases = json_object_get(here(s)->work, "aliases");

    if (!name)
        return;
    if (!aliases || json_array_remove(aliases, place_of(aliases, name)) != 0) {
        err(s, MISSING, name);
        return;
    }
    if (json_array_size(aliases) == 0)
        json_object_del(here(s)->work, "aliases");
    ok(s, "alias %s removed", name);
}

/* INHERIT SETTINGS FROM accountClass C | domainDefaults */
void cmd_inherit(struct session *s, const struct words *w, size_t first)
{
    json_t *classes = json_object_get(state_domain(&s->emu->state, domain_frame(s)->key), "accountClasses");
    json_t *work = here(s)->work;
    size_t place;

    if (words_is(w, first, "domainDefaults") && w->count == first + 1) {
        json_object_del(work, "class");
        ok(s, "settings are inherited from the domain");
        return;
    }
    if (!words_is(w, first, "accountClass") || w->count != first + 2) {
        err(s, SYNTAX, "accountClass C or domainDefaults was expected");
        return;
    }
    place = place_of(classes, w->at[first + 1].text);
    if (place == json_array_size(classes)) {
        err(s, MISSING, w->at[first + 1].text);
        return;
    }
    json_object_set(work, "class", json_array_get(classes, place));
    ok(s, "settings are inherited from the class");
}

/* A sub-context works on a copy of its part, which DONE puts back. */
static void config(struct session *s, const struct words *w, size_t first, enum context context, const char *part)
{
    json_t *there = json_object_get(here(s)->work, part);

    if (!expect(s, w, first, 0))
        return;
    enter(s, context, there ? json_deep_copy(there) : json_object());
    ok(s, "configuring %s", context_title(context));
}

void cmd_config_contact(struct session *s, const struct words *w, size_t first)
{
    config(s, w, first, CONTEXT_CONTACT, "contactInfo");
}

void cmd_config_quotas(struct session *s, const struct words *w, size_t first)
{
    config(s, w, first, CONTEXT_QUOTAS, "quotas");
}

void cmd_config_limits(struct session *s, const struct words *w, size_t first)
{
    config(s, w, first, CONTEXT_LIMITS, "limits");
}

void cmd_done(struct session *s, const struct words *w, size_t first)
{
    enum context context = here(s)->context;
    const char *part = context == CONTEXT_CONTACT ? "contactInfo" : context == CONTEXT_QUOTAS ? "quotas" : "limits";
    json_t *work;

    if (!expect(s, w, first, 0))
        return;
    work = json_incref(here(s)->work);
    leave(s);
    if (json_object_size(work) > 0)
        json_object_set(here(s)->work, part, work);
    else
        json_object_del(here(s)->work, part);
    json_decref(work);
    ok(s, "%s saved", context_title(context));
}

/* ---- a group's addresses ---- */

static const char *expect_address(struct session *s, const struct words *w, size_t first)
{
    if (!expect(s, w, first, 1))
        return NULL;
    if (!w->at[first].list && w->at[first].len > 0 && strpbrk(w->at[first].text, " \t\"<>,;()") == NULL)
        return w->at[first].text;
    err(s, VALUE, "an address was expected");
    return NULL;
}

void cmd_add_address(struct session *s, const struct words *w, size_t first)
{
    const char *address = expect_address(s, w, first);
    json_t *addresses = part_of(here(s)->work, "addresses", json_object());
    char *key;

    if (!address)
        return;
    key = name_fold(address);
    if (json_object_get(addresses, key)) {
        err(s, EXISTS, address);
    } else {
        json_object_set_new(addresses, key, json_string(address));
        ok(s, "address %s added", address);
    }
    free(key);
}

void cmd_remove_address(struct session *s, const struct words *w, size_t first)
{
    const char *address = expect_address(s, w, first);
    char *key;

    if (!address)
        return;
    key = name_fold(address);
    if (json_object_del(json_object_get(here(s)->work, "addresses"), key) != 0)
        err(s, MISSING, address);
    else
        ok(s, "address %s removed", address);
    free(key);
}

void cmd_list_addresses(struct session *s, const struct words *w, size_t first)
{
    json_t *addresses = json_object_get(here(s)->work, "addresses"), *address;
    const char *key;

    if (!expect(s, w, first, 0))
        return;
    list_open(s, "The list of addresses", NULL);
    json_object_foreach(addresses, key, address) say(s, "%s", json_string_value(address));
    list_close(s, json_object_size(addresses));
}
