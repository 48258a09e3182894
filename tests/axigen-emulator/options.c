#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mem.h"

static const struct row {
    const char *name;
    enum option_kind kind;
    const char *start, *choices, *help;
} rows[] = {
#define OPTION(id, name, kind, start, choices, help) {name, OPTION_##kind, start, choices, help},
#include "options.def"
#undef OPTION
};

_Static_assert(sizeof(rows) / sizeof(*rows) == OPTIONS, "one row for each option");

void options_init(struct options *o)
{
    *o = (struct options){0};
    for (int i = 0; i < OPTIONS; i++)
        option_set(o, (enum option_id)i, rows[i].start);
}

void options_free(struct options *o)
{
    for (int i = 0; i < OPTIONS; i++)
        free(o->value[i].text);
    *o = (struct options){0};
}

int option_find(const char *name)
{
    for (int i = 0; i < OPTIONS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return i;
    return -1;
}

const char *option_name(enum option_id id)
{
    return rows[id].name;
}

enum option_kind option_kind_of(enum option_id id)
{
    return rows[id].kind;
}

const char *option_help(enum option_id id)
{
    return rows[id].help;
}

const char *option_choices(enum option_id id)
{
    return rows[id].choices;
}

const char *option_start(enum option_id id)
{
    return rows[id].start;
}

/* The place of text among "a|b|c", or -1. */
static long place_among(const char *choices, const char *text)
{
    size_t len = strlen(text);

    for (long place = 0;; place++) {
        size_t n = strcspn(choices, "|");

        if (n == len && strncasecmp(choices, text, n) == 0)
            return place;
        if (choices[n] == '\0')
            return -1;
        choices += n + 1;
    }
}

static long parse_number(const char *text)
{
    char *end;
    long n;

    errno = 0;
    n = strtol(text, &end, 10);
    return errno != 0 || end == text || *end != '\0' ? -1 : n;
}

int option_set(struct options *o, enum option_id id, const char *text)
{
    long n = 0;

    if (rows[id].kind == OPTION_NUMBER)
        n = parse_number(text);
    else if (rows[id].kind == OPTION_YESNO)
        n = place_among("no|yes", text);
    else if (rows[id].kind == OPTION_CHOICE)
        n = place_among(rows[id].choices, text);
    if (n < 0)
        return -1;
    free(o->value[id].text);
    o->value[id].text = mem_strdup(text);
    o->value[id].number = n;
    return 0;
}

json_t *options_json(const struct options *o)
{
    json_t *all = json_object();

    for (int i = 0; i < OPTIONS; i++) {
        if (i == OPT_PASSWORD)
            continue;
        json_object_set_new(all, rows[i].name,
                            rows[i].kind == OPTION_NUMBER ? json_integer(o->value[i].number)
                                                          : json_string(o->value[i].text));
    }
    return all;
}
