#include "rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "glob.h"
#include "mem.h"

static const struct {
    const char *name, *help;
} actions[] = {
    {"", ""},
#define RULE(id, name, help) {name, help},
#include "rules.def"
#undef RULE
};

#define ACTIONS (int)(sizeof(actions) / sizeof(*actions))

static void rule_clear(struct rule *r)
{
    free(r->pattern);
    free(r->context);
    free(r->text);
}

void rules_free(struct rules *r)
{
    for (size_t i = 0; i < r->count; i++)
        rule_clear(&r->list[i]);
    free(r->list);
    *r = (struct rules){0};
}

static enum rule_action action_of(const char *name)
{
    for (int i = 1; i < ACTIONS; i++)
        if (strcmp(actions[i].name, name) == 0)
            return (enum rule_action)i;
    return RULE_NONE;
}

static char **text_field(struct rule *r, const char *name)
{
    return strcmp(name, "pattern") == 0   ? &r->pattern
           : strcmp(name, "context") == 0 ? &r->context
           : strcmp(name, "text") == 0    ? &r->text
                                          : NULL;
}

static long *number_field(struct rule *r, const char *name)
{
    return strcmp(name, "at") == 0      ? &r->at
           : strcmp(name, "from") == 0  ? &r->from
           : strcmp(name, "skip") == 0  ? &r->skip
           : strcmp(name, "nth") == 0   ? &r->nth
           : strcmp(name, "times") == 0 ? &r->times
           : strcmp(name, "ms") == 0    ? &r->ms
                                        : NULL;
}

static int set_field(struct rule *r, const char *name, const char *value, const char **why_r)
{
    char **text = text_field(r, name), *end;
    long *number = number_field(r, name);

    if (text) {
        free(*text);
        *text = mem_strdup(value);
        return 0;
    }
    *why_r = "no such field of a rule";
    if (!number)
        return -1;
    *why_r = "a number was expected";
    errno = 0;
    *number = strtol(value, &end, 10);
    return errno == 0 && end != value && *end == '\0' && *number >= 0 ? 0 : -1;
}

int rules_add(struct rules *r, const struct words *w, size_t first, const char **why_r)
{
    struct rule rule = {0};

    *why_r = "no such action";
    if (first >= w->count || (rule.action = action_of(w->at[first].text)) == RULE_NONE)
        return -1;
    for (size_t i = first + 1; i < w->count; i += 2) {
        *why_r = "a field without a value";
        if (i + 1 == w->count || set_field(&rule, w->at[i].text, w->at[i + 1].text, why_r) != 0) {
            rule_clear(&rule);
            return -1;
        }
    }
    if (r->count == r->room) {
        r->room = r->room ? r->room * 2 : 8;
        r->list = mem_realloc(r->list, r->room * sizeof(*r->list));
    }
    r->list[r->count++] = rule;
    return 0;
}

int rules_add_line(struct rules *r, const char *line, const char **why_r)
{
    struct words w = {.count = 0};
    int rc = words_split(&w, slice_of(line), why_r);

    if (rc == 0)
        rc = rules_add(r, &w, 0, why_r);
    words_free(&w);
    return rc;
}

static bool fits(const struct rule *r, const char *context, const char *command, long number)
{
    return (r->at == 0 || r->at == number) && (r->from == 0 || number >= r->from) &&
           (!r->context || glob_match(r->context, context)) && (!r->pattern || glob_match(r->pattern, command));
}

const struct rule *rules_fire(struct rules *r, const char *context, const char *command, long number)
{
    for (size_t i = 0; i < r->count; i++) {
        struct rule *rule = &r->list[i];

        if (!fits(rule, context, command, number) || ++rule->matched <= rule->skip ||
            (rule->nth > 0 && rule->matched != rule->nth) || (rule->times > 0 && rule->fired >= rule->times))
            continue;
        rule->fired++;
        return rule;
    }
    return NULL;
}

json_t *rules_json(const struct rules *r)
{
    json_t *all = json_array();

    for (size_t i = 0; i < r->count; i++) {
        const struct rule *rule = &r->list[i];

        json_array_append_new(all, json_pack("{s:s, s:s*, s:s*, s:I, s:I}", "action", actions[rule->action].name,
                                             "pattern", rule->pattern, "context", rule->context, "matched",
                                             (json_int_t)rule->matched, "fired", (json_int_t)rule->fired));
    }
    return all;
}

const char *rules_help(int i, const char **help_r)
{
    if (i >= ACTIONS)
        return NULL;
    *help_r = actions[i].help;
    return actions[i].name;
}
