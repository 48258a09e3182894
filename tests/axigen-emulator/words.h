/* A command line cut into words, strictly as the CLI's three ways to write a value allow: bare with backslashes before
 * blanks and quotes, 'all literal', "with \" and \\". What a client should not send is an error here, so that a test
 * sees it, even where a real server might let it pass. */
#ifndef EMULATOR_WORDS_H
#define EMULATOR_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "slice.h"

#define WORDS_MAX 128

struct word {
    char *text;   /* unquoted; for a list its items, each followed by a NUL */
    size_t len;   /* without the last NUL */
    bool bare;    /* written without quotes: only such a word can be a keyword */
    bool list;    /* (a b c) */
    size_t items; /* of a list */
};

struct words {
    struct word at[WORDS_MAX];
    size_t count;
    char *memory; /* what the words point into */
};

/* 0, or -1 with *why_r (a constant) saying what is wrong. Free the words in both cases. */
int words_split(struct words *w, struct slice line, const char **why_r);
void words_free(struct words *w);

/* True if word i is there, bare and this keyword in any case. */
bool words_is(const struct words *w, size_t i, const char *keyword);

#endif
