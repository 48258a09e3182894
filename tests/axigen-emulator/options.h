/* The switches that have a value (options.def): one table makes command line, control lines, help and dump. */
#ifndef EMULATOR_OPTIONS_H
#define EMULATOR_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>

enum option_id {
#define OPTION(id, name, kind, start, choices, help) OPT_##id,
#include "options.def"
#undef OPTION
    OPTIONS
};

enum option_kind { OPTION_NUMBER, OPTION_YESNO, OPTION_CHOICE, OPTION_TEXT };

struct options {
    struct {
        long number; /* the value; for YESNO 0 or 1; for CHOICE its place among the choices */
        char *text;  /* as given; owned */
    } value[OPTIONS];
};

/* The places of choices that the program asks for. */
enum { REMOVE_COMMIT, REMOVE_NOW };
enum { KEEP_ACCOUNT, KEEP_DOMAIN };
enum { ADD_COMMIT, ADD_NOW };
enum { FREED_COMMIT, FREED_NOW };
enum { STRINGS_QUOTED, STRINGS_BARE };
enum { COUNT_ALL, COUNT_WRONG };

void options_init(struct options *o);
void options_free(struct options *o);

static inline long option(const struct options *o, enum option_id id)
{
    return o->value[id].number;
}
static inline const char *option_text(const struct options *o, enum option_id id)
{
    return o->value[id].text;
}

/* The place of a name in the table, or -1. */
int option_find(const char *name);
const char *option_name(enum option_id id);
enum option_kind option_kind_of(enum option_id id);
const char *option_help(enum option_id id);
const char *option_choices(enum option_id id);
const char *option_start(enum option_id id);
/* 0, or -1 if the text is no value of this option. */
int option_set(struct options *o, enum option_id id, const char *text);
/* All as they stand (passwords left out), a new reference. */
json_t *options_json(const struct options *o);

#endif
