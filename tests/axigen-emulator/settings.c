#include "settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "options.h"

static const struct setting settings[] = {
#define SETTING(context, name, kind, choices, unset) {CONTEXT_##context, name, SETTING_##kind, choices, unset},
#include "settings.def"
#undef SETTING
};

#define SETTINGS (sizeof(settings) / sizeof(*settings))

const struct setting *setting_find(enum context context, const char *name)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].context == context && strcasecmp(settings[i].name, name) == 0)
            return &settings[i];
    return NULL;
}

const struct setting *setting_at(enum context context, size_t i)
{
    for (size_t k = 0; k < SETTINGS; k++)
        if (settings[k].context == context && i-- == 0)
            return &settings[k];
    return NULL;
}

json_t *secret_shape(const char *password)
{
    bool lower = false, upper = false, digit = false, other = false;

    for (const char *p = password; *p != '\0'; p++) {
        lower |= islower((unsigned char)*p) != 0;
        upper |= isupper((unsigned char)*p) != 0;
        digit |= isdigit((unsigned char)*p) != 0;
        other |= !isalnum((unsigned char)*p);
    }
    return json_sprintf("%zu%s%s%s%s", strlen(password), lower ? " lower" : "", upper ? " upper" : "",
                        digit ? " digit" : "", other ? " other" : "");
}

static json_t *number_value(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && digits <= 15 && text[digits] == '\0' ? json_integer(strtoll(text, NULL, 10)) : NULL;
}

/* In the spelling of the table. */
static json_t *choice_value(const char *choices, const char *text)
{
    for (size_t n; *choices != '\0'; choices += n + (choices[n] == '|')) {
        n = strcspn(choices, "|");
        if (strlen(text) == n && strncasecmp(choices, text, n) == 0)
            return json_stringn(choices, n);
    }
    return NULL;
}

static json_t *list_value(const struct word *word)
{
    json_t *all = json_array();
    const char *p = word->text;

    for (size_t i = 0; i < word->items; i++, p += strlen(p) + 1)
        json_array_append_new(all, json_string(p));
    return all;
}

json_t *setting_value(const struct setting *setting, const struct word *word)
{
    if (word->list != (setting->kind == SETTING_LIST))
        return NULL;
    switch (setting->kind) {
    case SETTING_NUMBER:
        return number_value(word->text);
    case SETTING_CHOICE:
    case SETTING_AFTER_SECRET:
        return choice_value(setting->choices, word->text);
    case SETTING_LIST:
        return list_value(word);
    case SETTING_SECRET:
        return word->len > 0 ? secret_shape(word->text) : NULL;
    case SETTING_ESET_ONLY:
        return NULL;
    default:
        return json_string(word->text);
    }
}

void show_string(struct buf *out, const struct options *o, const char *text)
{
    bool escape = option(o, OPT_ESCAPES) != 0;

    if (option(o, OPT_STRINGS) == STRINGS_BARE) {
        buf_puts(out, text);
        return;
    }
    buf_puts(out, "\"");
    for (const char *p = text; *p != '\0'; p++) {
        if (escape && (*p == '"' || *p == '\\'))
            buf_puts(out, "\\");
        if (*p == '\n')
            buf_puts(out, "\r");
        buf_add(out, p, 1);
    }
    buf_puts(out, "\"");
}

static void show_list(struct buf *out, const json_t *list)
{
    json_t *item;
    size_t i;

    buf_puts(out, "(");
    json_array_foreach(list, i, item) buf_printf(out, "%s%s", i > 0 ? " " : "", json_string_value(item));
    buf_puts(out, ")");
}

void setting_show(struct buf *out, const struct options *o, const struct setting *setting, const json_t *value)
{
    buf_printf(out, "%s = ", setting->name);
    if (json_is_array(value))
        show_list(out, value);
    else if (json_is_integer(value))
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (setting->kind == SETTING_LIST)
        buf_printf(out, "(%s)", setting->unset);
    else if (setting->kind == SETTING_CHOICE || setting->kind == SETTING_NUMBER)
        buf_puts(out, value ? json_string_value(value) : setting->unset);
    else
        show_string(out, o, value ? json_string_value(value) : setting->unset);
    buf_puts(out, "\r\n");
}
