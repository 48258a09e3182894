/* SET, RESET, ESET and SHOW, the same in all contexts, by the table of settings. */
#include <string.h>
#include <strings.h>

#include "session_i.h"

/* Where a context's values are: contactInfo, quotas and limits are nothing but values; an account's, group's or
 * domain's stand under "settings", beside its name and what it contains. */
static json_t *values_of(enum context context, json_t *work, bool make)
{
    json_t *values;

    if (context >= CONTEXT_CONTACT && context <= CONTEXT_LIMITS)
        return work;
    values = json_object_get(work, "settings");
    if (!values && make) {
        values = json_object();
        json_object_set_new(work, "settings", values);
    }
    return values;
}

/* ---- SET ---- */

static bool may_be_called(struct session *s, const json_t *work, const char *name)
{
    struct frame *f = here(s);

    if (f->context == CONTEXT_DOMAIN || f->context == CONTEXT_CREATE) {
        if (*name != '\0' && strpbrk(name, " \t@") == NULL)
            return true;
        err(s, VALUE, name);
        return false;
    }
    if (f->fresh)
        err(s, VALUE, "only after UPDATE a name can be set");
    else if (!name_is_valid(name))
        err(s, VALUE, name);
    else if (strcasecmp(name, json_string_value(json_object_get(work, "name"))) != 0 && !name_is_free(s, name, work))
        err(s, EXISTS, name);
    else
        return true;
    return false;
}

/* Into the object. An empty text is no value: the dump of a cleared field is that of one never set. */
static void store(json_t *work, const struct setting *setting, json_t *value)
{
    if (setting->kind == SETTING_AFTER_SECRET) {
        json_decref(value);
    } else if (setting->kind == SETTING_NAME || setting->kind == SETTING_SECRET) {
        json_object_set_new(work, setting->name, value);
    } else if (json_is_string(value) && json_string_length(value) == 0) {
        json_object_del(values_of(setting->context, work, false), setting->name);
        json_decref(value);
    } else {
        json_object_set_new(values_of(setting->context, work, true), setting->name, value);
    }
}

static int set_one(struct session *s, json_t *work, const struct words *w, size_t i)
{
    const struct setting *setting = w->at[i].bare ? setting_find(here(s)->context, w->at[i].text) : NULL;
    json_t *value;

    if (!setting) {
        err(s, UNKNOWN, w->at[i].text);
        return -1;
    }
    if (i + 1 == w->count) {
        err(s, SYNTAX, setting->name);
        return -1;
    }
    value = setting_value(setting, &w->at[i + 1]);
    if (!value) {
        err(s, VALUE, setting->name);
        return -1;
    }
    if (setting->kind == SETTING_NAME && !may_be_called(s, work, json_string_value(value))) {
        json_decref(value);
        return -1;
    }
    store(work, setting, value);
    return 0;
}

int settings_apply(struct session *s, const struct words *w, size_t first)
{
    struct frame *f = here(s);
    json_t *copy = json_deep_copy(f->work);

    if (first == w->count) {
        err(s, SYNTAX, "a setting is missing");
        json_decref(copy);
        return -1;
    }
    for (size_t i = first; i < w->count; i += 2)
        if (set_one(s, copy, w, i) != 0) {
            json_decref(copy);
            return -1;
        }
    json_decref(f->work);
    f->work = copy;
    f->changed = true;
    s->emu->tally.domainSettings += f->context == CONTEXT_DOMAIN;
    return 0;
}

void cmd_set(struct session *s, const struct words *w, size_t first)
{
    if (settings_apply(s, w, first) == 0)
        ok(s, "%zu set", (w->count - first) / 2);
}

void cmd_reset(struct session *s, const struct words *w, size_t first)
{
    const struct setting *setting;

    if (!expect(s, w, first, 1))
        return;
    setting = setting_find(here(s)->context, w->at[first].text);
    if (!setting) {
        err(s, UNKNOWN, w->at[first].text);
        return;
    }
    json_object_del(here(s)->work, setting->name);
    ok(s, "%s is inherited", setting->name);
}

void cmd_eset(struct session *s, const struct words *w, size_t first)
{
    const struct setting *setting;

    if (!expect(s, w, first, 1))
        return;
    setting = setting_find(here(s)->context, w->at[first].text);
    if (!setting || setting->kind != SETTING_ESET_ONLY) {
        err(s, UNKNOWN, w->at[first].text);
        return;
    }
    s->eset = setting;
    buf_reset(&s->text);
    ok(s, "text follows");
    if (option(&s->emu->options, OPT_ESET_STATUS))
        say(s, "%s", buf_str(&s->status));
}

/* ---- SHOW ---- */

static const json_t *value_of(const struct setting *setting, json_t *object)
{
    if (setting->kind == SETTING_NAME)
        return json_object_get(object, setting->name);
    return json_object_get(values_of(setting->context, object, false), setting->name);
}

/* Of a password and of what belongs to it nothing is shown. */
static bool is_shown(const struct setting *setting, const json_t *value)
{
    return setting->kind != SETTING_SECRET && setting->kind != SETTING_AFTER_SECRET &&
           (setting->kind != SETTING_ESET_ONLY || value);
}

/* A line end inside of a text goes out as a line end: data may look like anything, also like a status line. */
static void show_one(struct session *s, const struct setting *setting, json_t *object)
{
    const json_t *value = value_of(setting, object);

    if (is_shown(setting, value))
        setting_show(s->out, &s->emu->options, setting, value);
}

void show_settings(struct session *s, enum context context, json_t *object, const char *attribute, const char *title)
{
    const struct setting *setting = attribute ? setting_find(context, attribute) : NULL;

    if (attribute && (!setting || !is_shown(setting, value_of(setting, object)))) {
        err(s, UNKNOWN, attribute);
        return;
    }
    if (setting) {
        show_one(s, setting, object);
    } else {
        say(s, "%s", "");
        say(s, "The %s settings are:", title);
        for (size_t i = 0; (setting = setting_at(context, i)) != NULL; i++)
            show_one(s, setting, object);
    }
    say(s, "%s", "");
    ok(s, "command successful");
}

/* SHOW [ATTR A] of where we are */
void cmd_show(struct session *s, const struct words *w, size_t first)
{
    struct frame *f = here(s);
    const char *attribute = NULL;

    if (w->count > first && !words_is(w, first, "attr")) {
        err(s, UNKNOWN, w->at[first].text);
        return;
    }
    if (w->count > first && !expect(s, w, first, 2))
        return;
    if (w->count > first)
        attribute = w->at[first + 1].text;
    show_settings(s, f->context, f->work, attribute, context_title(f->context));
}
