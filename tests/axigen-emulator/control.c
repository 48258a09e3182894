#include "control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static const struct {
    const char *name, *rule, *help;
} shorts[] = {
#define SHORT(name, rule, help) {name, rule, help},
#include "control.def"
#undef SHORT
};

#define SHORTS (sizeof(shorts) / sizeof(*shorts))

/* ---- switches with a value ---- */

static void add_quoted(struct buf *out, const char *text)
{
    buf_puts(out, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buf_puts(out, "\\");
        buf_add(out, text, 1);
    }
    buf_puts(out, "\"");
}

static int add_rule(struct emu *emu, struct buf *line, char *why, size_t size)
{
    const char *text;
    int rc = rules_add_line(&emu->rules, buf_str(line), &text);

    if (rc != 0)
        snprintf(why, size, "%s", text);
    buf_free(line);
    return rc;
}

static int add_short(struct emu *emu, const char *rule, const char *value, char *why, size_t size)
{
    const char *at = strchr(rule, '%');
    struct buf line = {0};

    buf_add(&line, rule, (size_t)(at - rule));
    add_quoted(&line, value);
    buf_puts(&line, at + 1);
    return add_rule(emu, &line, why, size);
}

/* PATTERN or PATTERN=TEXT */
static int add_refusal(struct emu *emu, const char *value, char *why, size_t size)
{
    const char *equals = strchr(value, '=');
    char *pattern = equals ? strndup(value, (size_t)(equals - value)) : mem_strdup(value);
    struct buf line = {0};

    buf_puts(&line, "refuse pattern ");
    add_quoted(&line, pattern);
    if (equals) {
        buf_puts(&line, " text ");
        add_quoted(&line, equals + 1);
    }
    free(pattern);
    return add_rule(emu, &line, why, size);
}

static int add_domain(struct emu *emu, const char *name)
{
    json_t *own = json_pack("{s:s}", "name", name);

    state_put_domain(&emu->state, name, own);
    json_decref(own);
    return 0;
}

int control_switch(struct emu *emu, const char *name, const char *value, char *why, size_t size)
{
    int id = option_find(name);
    struct buf line = {0};

    if (id >= 0) {
        snprintf(why, size, "%s is no value of %s", value, name);
        return option_set(&emu->options, (enum option_id)id, value);
    }
    if (strcmp(name, "domain") == 0)
        return add_domain(emu, value);
    if (strcmp(name, "refuse") == 0)
        return add_refusal(emu, value, why, size);
    for (size_t i = 0; i < SHORTS; i++)
        if (strcmp(shorts[i].name, name) == 0)
            return add_short(emu, shorts[i].rule, value, why, size);
    if (strcmp(name, "rule") != 0)
        return 1;
    buf_puts(&line, value);
    return add_rule(emu, &line, why, size);
}

/* ---- lines ---- */

json_t *control_dump(const struct emu *emu)
{
    json_t *all = state_json(&emu->state);

    json_object_set_new(all, "counters", tally_json(&emu->tally));
    json_object_set_new(all, "options", options_json(&emu->options));
    json_object_set_new(all, "rules", rules_json(&emu->rules));
    return all;
}

static void answer_json(struct buf *answer, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);

    buf_puts(answer, text);
    free(text);
    json_decref(value);
}

static void options_restart(struct emu *emu)
{
    for (int i = 0; i < OPTIONS; i++)
        if (i != OPT_USER && i != OPT_PASSWORD)
            option_set(&emu->options, (enum option_id)i, option_start((enum option_id)i));
}

/* clear: everything but user and password. clear rules. clear NAME: one option. */
static void clear(struct emu *emu, const char *what, struct buf *answer)
{
    int id = option_find(what);

    if (*what == '\0' || strcmp(what, "rules") == 0)
        rules_free(&emu->rules);
    if (*what == '\0')
        options_restart(emu);
    else if (id >= 0)
        option_set(&emu->options, (enum option_id)id, option_start((enum option_id)id));
    else if (strcmp(what, "rules") != 0)
        buf_puts(answer, "error: no such option");
}

static void merge(struct emu *emu, const char *text, struct buf *answer)
{
    json_error_t error;
    json_t *tree = json_loads(text, 0, &error);

    if (!tree)
        buf_printf(answer, "error: %s", error.text);
    else if (state_merge(&emu->state, tree) != 0)
        buf_puts(answer, "error: {\"domains\": {NAME: …}} was expected");
    json_decref(tree);
}

/* remove DOMAIN accounts|groups|lists|folderRcpts NAME: as somebody else would have done it. */
static void remove_object(struct emu *emu, const struct words *w, struct buf *answer)
{
    int kind = 0;

    while (w->count == 4 && kind < KINDS && strcmp(kind_name((enum kind)kind), w->at[2].text) != 0)
        kind++;
    if (w->count != 4 || kind == KINDS || !state_object(&emu->state, w->at[1].text, (enum kind)kind, w->at[3].text)) {
        buf_puts(answer, "error: DOMAIN accounts|groups|lists|folderRcpts NAME was expected, of one that is there");
        return;
    }
    state_remove(&emu->state, w->at[1].text, (enum kind)kind, w->at[3].text);
}

static void set(struct emu *emu, const char *name, const char *value, struct buf *answer)
{
    char why[256];
    int rc = control_switch(emu, name, value, why, sizeof(why));

    if (rc > 0)
        buf_printf(answer, "error: %s: no such control line", name);
    else if (rc < 0)
        buf_printf(answer, "error: %s", why);
}

/* Everything that is not worth a word of its own. rest: the line after its first word. */
static enum control_wish simple(struct emu *emu, const struct words *w, const char *rest, struct buf *answer)
{
    const char *name = w->at[0].text;

    if (strcmp(name, "dump") == 0)
        answer_json(answer, control_dump(emu));
    else if (strcmp(name, "counters") == 0)
        answer_json(answer, tally_json(&emu->tally));
    else if (strcmp(name, "reset") == 0)
        tally_reset(&emu->tally);
    else if (strcmp(name, "clear") == 0)
        clear(emu, w->count > 1 ? w->at[1].text : "", answer);
    else if (strcmp(name, "remove") == 0)
        remove_object(emu, w, answer);
    else if (strcmp(name, "rule") == 0)
        set(emu, name, rest, answer);
    else if (strcmp(name, "save") == 0 && state_save(&emu->state) != 0)
        buf_puts(answer, "error: the state could not be written");
    else if (strcmp(name, "drop") == 0)
        return CONTROL_DROP;
    else if (strcmp(name, "die") == 0)
        return CONTROL_DIE;
    else if (strcmp(name, "set") == 0 && w->count == 3)
        set(emu, w->at[1].text, w->at[2].text, answer);
    else if (strcmp(name, "save") != 0)
        set(emu, name, w->count == 2 ? w->at[1].text : "", answer);
    return CONTROL_NOTHING;
}

enum control_wish control_line(struct emu *emu, const char *line, struct buf *answer)
{
    enum control_wish wish = CONTROL_NOTHING;
    struct words w = {.count = 0};
    size_t from = answer->len;
    const char *why;

    if (strncmp(line, "merge ", 6) == 0) { /* JSON has quotes of its own */
        merge(emu, line + 6, answer);
    } else if (words_split(&w, slice_of(line), &why) != 0) {
        buf_printf(answer, "error: %s", why);
    } else if (w.count > 0) {
        const char *rest = line + strcspn(line, " ");

        wish = simple(emu, &w, rest, answer);
    }
    words_free(&w);
    state_flush(&emu->state);
    if (answer->len == from)
        buf_puts(answer, "ok");
    buf_puts(answer, "\n");
    return wish;
}

void control_help(struct buf *out)
{
    const char *help, *name;

    buf_puts(out, "\nOptions with a value; control line: set NAME VALUE, clear NAME\n");
    for (int i = 0; i < OPTIONS; i++) {
        enum option_kind kind = option_kind_of((enum option_id)i);
        const char *what = kind == OPTION_NUMBER   ? "N"
                           : kind == OPTION_YESNO  ? "yes|no"
                           : kind == OPTION_CHOICE ? option_choices((enum option_id)i)
                                                   : "TEXT";

        buf_printf(out, "  --%s %s\n      %s (%s)\n", option_name((enum option_id)i), what,
                   option_help((enum option_id)i), option_start((enum option_id)i));
    }
    buf_puts(out, "\nMisdeeds, also as control lines without the dashes\n"
                  "  --refuse PATTERN[=TEXT]\n      answer commands that fit the wildcard by -ERR: TEXT\n");
    for (size_t i = 0; i < SHORTS; i++)
        buf_printf(out, "  --%s %s\n", shorts[i].name, shorts[i].help);
    buf_puts(out,
             "  --rule 'ACTION [pattern P] [context C] [text T] [at N] [from N] [skip N] [nth N] [times N] [ms N]'\n"
             "      ACTION is one of\n");
    for (int i = 1; (name = rules_help(i, &help)) != NULL; i++)
        buf_printf(out, "        %-12s %s\n", name, help);
}
