/* What SET, RESET and SHOW know in each context, as a table (settings.def). */
#ifndef EMULATOR_SETTINGS_H
#define EMULATOR_SETTINGS_H

#include <jansson.h>

#include "context.h"
#include "words.h"

enum setting_kind {
    SETTING_TEXT,
    SETTING_NAME,         /* a name that the context's own rules decide on */
    SETTING_SECRET,       /* never kept: only what kind of password it was */
    SETTING_AFTER_SECRET, /* says something about the password before it; nothing to keep */
    SETTING_NUMBER,
    SETTING_CHOICE,
    SETTING_LIST,
    SETTING_ESET_ONLY /* set by ESET alone */
};

struct setting {
    enum context context;
    const char *name;
    enum setting_kind kind;
    const char *choices, *unset;
};

/* By name in any case; NULL. */
const struct setting *setting_find(enum context context, const char *name);
/* The i-th of a context, from 0; NULL after the last. */
const struct setting *setting_at(enum context context, size_t i);

/* The value of a word as it is kept: a new reference, or NULL if the word is no value of this kind. */
json_t *setting_value(const struct setting *setting, const struct word *word);
/* What is kept of a password: its length and classes of characters, "24 lower upper digit other". */
json_t *secret_shape(const char *password);

/* Writes "name = value" as SHOW does into out, and a line end. value NULL: unset. */
struct buf;
struct options;
void setting_show(struct buf *out, const struct options *o, const struct setting *setting, const json_t *value);
/* A string as SHOW writes it. */
void show_string(struct buf *out, const struct options *o, const char *text);

#endif
