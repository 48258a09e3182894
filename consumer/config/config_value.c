#include "config_value.h"

#include <confuse.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "mem.h"
#include "text.h"

#define MAX_SHOWN 200   /* characters of a value in a message */

/* A place in a struct, by the row that knows what is there. */
union place {
    void *p;
    char **text;
    char ***list;
    bool *yes;
    int *word;
    int *small;
    int64_t *large;
};

_Static_assert(offsetof(struct config_connector, n_ldap_uris) ==
                   offsetof(struct config_connector, ldap_uris) + sizeof(char **),
               "the length of a list is behind it");
_Static_assert(sizeof(enum config_mode) == sizeof(int), "a word is stored as an int");
_Static_assert(sizeof(LIVE(int)) == sizeof(int) && sizeof(LIVE(int64_t)) == sizeof(int64_t) && sizeof(LIVE(bool)) == sizeof(bool),
               "what is live is stored as what is not");

static union place place_of(const struct config_row *row, const void *base)
{
    return (union place){ (char *)(uintptr_t)base + row->place };
}

static size_t *list_length(union place at)
{
    return (size_t *)(void *)(at.list + 1);
}

static void set_text(char **at, char *text)
{
    if (*at)
        explicit_bzero(*at, strlen(*at));
    free(*at);
    *at = text;
}

static char *text_of(const struct config_row *row, const char *value)
{
    char *text = mem_strdup(value);

    for (char *p = text; *p; p++)
        if (row->flags & KEY_LOWER)
            *p = (char)tolower((unsigned char)*p);
        else if (row->flags & KEY_UPPER)
            *p = (char)toupper((unsigned char)*p);
    return text;
}

/* ---- one value: NULL, or what is wrong with it ---- */

static const char *control_problem(const char *value)
{
    if (!utf8_valid(slice_of(value)))
        return "is not UTF-8";
    for (; *value; value++)
        if ((unsigned char)*value < 0x20 || *value == 0x7F)
            return "has a control character in it";
    return NULL;
}

static const char *text_problem(const struct config_row *row, const char *value)
{
    const char *wrong = row->flags & KEY_SECRET ? NULL : control_problem(value);

    if (wrong == NULL && value[0] == '\0' && row->flags & KEY_NOT_EMPTY)
        wrong = "must not be empty";
    if (wrong == NULL && value[0] != '\0' && row->check)
        wrong = row->check(value);
    return wrong;
}

static const char *store_number(const struct config_row *row, union place at, const char *value)
{
    static char wrong[120];   /* one reading at a time, see config_tree() */
    size_t sign = value[0] == '-', digits = strspn(value + sign, "0123456789");
    intmax_t n;

    snprintf(wrong, sizeof(wrong), "is not a whole number%s%s from %" PRId64 " to %" PRId64, row->unit ? " of " : "",
             row->unit ? row->unit : "", row->min, row->max);
    if (digits == 0 || value[sign + digits] != '\0')
        return wrong;
    errno = 0;
    n = strtoimax(value, NULL, 10);
    if (errno || n < row->min || n > row->max)
        return wrong;
    if (row->size == sizeof(*at.large))
        *at.large = n;
    else
        *at.small = (int)n;
    return NULL;
}

static const char *store_word(const struct config_row *row, union place at, const char *value)
{
    static char wrong[120];
    size_t n = strlen(value);
    int i = 0;

    for (const char *word = row->words;; i++) {
        size_t length = strcspn(word, "|");

        if (length == n && memcmp(word, value, n) == 0) {
            *at.word = i;
            return NULL;
        }
        if (word[length] == '\0')
            break;
        word += length + 1;
    }
    snprintf(wrong, sizeof(wrong), "is none of %s", row->words);
    return wrong;
}

static const char *store_bool(union place at, const char *value)
{
    int yes = cfg_parse_boolean(value);

    if (yes < 0)
        return "is neither yes nor no";
    *at.yes = yes;
    return NULL;
}

/* Stores a value. Of a list: appends it. */
static const char *store(const struct config_row *row, void *base, const char *value)
{
    union place at = place_of(row, base);
    const char *wrong;

    switch (row->type) {
    case CONFIG_NUMBER:
        return store_number(row, at, value);
    case CONFIG_WORD:
        return store_word(row, at, value);
    case CONFIG_BOOL:
        return store_bool(at, value);
    case CONFIG_TEXT:
    case CONFIG_LIST:
        break;
    case CONFIG_SECTION:
        return NULL;
    }
    wrong = text_problem(row, value);
    if (wrong)
        return wrong;
    if (row->type == CONFIG_TEXT) {
        set_text(at.text, text_of(row, value));
        return NULL;
    }
    *at.list = mem_realloc(*at.list, (*list_length(at) + 1) * sizeof(**at.list));
    (*at.list)[(*list_length(at))++] = text_of(row, value);
    return NULL;
}

const char *config_value_problem(const struct config_row *row, const char *value)
{
    struct config_connector scratch = { 0 };
    const char *wrong = store(row, &scratch, value);

    config_release(IN_CONNECTOR, &scratch);
    return wrong;
}

/* ---- what a file must be that a value names ---- */

static void check_file(const struct config_row *row, struct given *g, void *base, struct problems *problems)
{
    const char *path = *place_of(row, base).text;
    struct err e = { 0 };
    char *secret = NULL;

    if (path[0] == '\0')
        return;
    if (row->flags & KEY_SECRET_FILE)
        secret = config_file_secret(path, &e);
    else if (row->flags & KEY_READABLE)
        config_file_readable(path, row->flags & KEY_PRIVATE, &e);
    if (e.class != ERR_NONE) {
        problem_add(problems, g->line, "%s: %s", row->name, e.text);
        g->wrong = true;
    }
    if (secret)
        set_text((char **)(void *)((char *)base + row->content), secret);
}

/* ---- a section ---- */

static void store_given(const struct config_row *row, struct given *g, void *base, struct problems *problems)
{
    for (size_t i = 0; i < g->n; i++) {
        const char *wrong = store(row, base, g->values[i]);

        if (wrong == NULL)
            continue;
        g->wrong = true;
        if (row->flags & KEY_SECRET || g->values[i][0] == '\0')
            problem_add(problems, g->lines[i], "%s %s", row->name, wrong);
        else
            problem_add(problems, g->lines[i], "%s = \"%.*s\" %s", row->name, MAX_SHOWN, g->values[i], wrong);
    }
}

static void store_row(const struct config_row *row, struct node *n, void *base, bool whole, struct problems *problems)
{
    struct given *g = &n->given[row - config_rows];
    char **content = (char **)(void *)((char *)base + row->content);

    if (row->type == CONFIG_TEXT)
        set_text(place_of(row, base).text, mem_strdup(row->fallback ? row->fallback : ""));
    else if (row->fallback)
        store(row, base, row->fallback);
    if (row->flags & KEY_SECRET_FILE && *content == NULL)
        *content = mem_strdup("");
    store_given(row, g, base, problems);
    if (row->flags & KEY_REQUIRED && g->n == 0 && whole) {
        const char *name = config_section_name(n->section);

        problem_add(problems, n->line, "%s \"%.*s\": %s is missing", name, MAX_SHOWN, n->title, row->name);
    }
    if (row->flags & (KEY_READABLE | KEY_SECRET_FILE))
        check_file(row, g, base, problems);
}

void config_store(struct node *n, void *base, bool whole, struct problems *problems)
{
    for (size_t i = 0; i < config_n_rows; i++)
        if (config_rows[i].in == n->section && config_rows[i].type != CONFIG_SECTION)
            store_row(&config_rows[i], n, base, whole, problems);
}

void config_release(enum config_section section, void *base)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        const struct config_row *row = &config_rows[i];
        union place at = place_of(row, base);

        if (row->in != section)
            continue;
        if (row->type == CONFIG_TEXT)
            set_text(at.text, NULL);
        if (row->flags & KEY_SECRET_FILE)
            set_text((char **)(void *)((char *)base + row->content), NULL);
        if (row->type == CONFIG_LIST) {
            for (size_t v = 0; v < *list_length(at); v++)
                free((*at.list)[v]);
            free(*at.list);
        }
    }
}

bool config_same(const struct config_row *row, const void *a, const void *b)
{
    union place x = place_of(row, a), y = place_of(row, b);

    if (row->type == CONFIG_TEXT)
        return strcmp(*x.text, *y.text) == 0;
    if (row->type != CONFIG_LIST)
        return memcmp(x.p, y.p, row->size) == 0;
    if (*list_length(x) != *list_length(y))
        return false;
    for (size_t i = 0; i < *list_length(x); i++)
        if (strcmp((*x.list)[i], (*y.list)[i]) != 0)
            return false;
    return true;
}

/* All other functions here work on a struct that no other thread has seen yet. */
void config_copy(const struct config_row *row, void *to, const void *from)
{
    union place at = place_of(row, to), is = place_of(row, from);

    if (row->type == CONFIG_BOOL)
        __atomic_store_n(at.yes, *is.yes, __ATOMIC_SEQ_CST);
    else if (row->size == sizeof(*at.large))
        __atomic_store_n(at.large, *is.large, __ATOMIC_SEQ_CST);
    else
        __atomic_store_n(at.small, *is.small, __ATOMIC_SEQ_CST);
}

void config_print(const struct config_row *row, const void *base, struct buf *out)
{
    union place at = place_of(row, base);

    switch (row->type) {
    case CONFIG_TEXT:
        buf_puts(out, *at.text);
        break;
    case CONFIG_LIST:
        for (size_t i = 0; i < *list_length(at); i++)
            buf_printf(out, "%s%s", i ? " " : "", (*at.list)[i]);
        break;
    case CONFIG_NUMBER:
        buf_printf(out, "%" PRId64, row->size == sizeof(*at.large) ? *at.large : *at.small);
        break;
    case CONFIG_BOOL:
        buf_puts(out, *at.yes ? "yes" : "no");
        break;
    case CONFIG_WORD:
        buf_printf(out, "%d", *at.word);
        break;
    case CONFIG_SECTION:
        break;
    }
}
