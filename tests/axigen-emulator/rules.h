/* Rules: what goes wrong, and with which command. Each has a pattern and counts; the first rule that fits and whose
 * counts say so does its misdeed. */
#ifndef EMULATOR_RULES_H
#define EMULATOR_RULES_H

#include <jansson.h>

#include "words.h"

enum rule_action {
    RULE_NONE,
#define RULE(id, name, help) RULE_##id,
#include "rules.def"
#undef RULE
};

struct rule {
    enum rule_action action;
    char *pattern; /* wildcard on the command line as it came; NULL: any */
    char *context; /* wildcard on the context's name: "", "domain", "domain-account" …; NULL: any */
    char *text;
    long at;    /* only the connection's command of this number since login, from 1 */
    long from;  /* only from that one on */
    long skip;  /* so many that fit pass before */
    long nth;   /* only the one of this number that fits, from 1 */
    long times; /* then it fires so often; 0: always */
    long ms;
    long matched, fired;
};

struct rules {
    struct rule *list;
    size_t count, room;
};

void rules_free(struct rules *r);

/* Adds the rule written in words from `first` on: ACTION [pattern P] [context C] [text T] [at N] [from N] [skip N]
 * [nth N] [times N] [ms N]. 0, or -1 with *why_r. */
int rules_add(struct rules *r, const struct words *w, size_t first, const char **why_r);
/* The same from a line. */
int rules_add_line(struct rules *r, const char *line, const char **why_r);

/* The rule that fires for this command, counted as fired, or NULL. number: of the command in its connection since
 * login, 0 before login. */
const struct rule *rules_fire(struct rules *r, const char *context, const char *command, long number);

json_t *rules_json(const struct rules *r);
/* Actions for --help: name and help of the i-th from 1; NULL after the last. */
const char *rules_help(int i, const char **help_r);

#endif
