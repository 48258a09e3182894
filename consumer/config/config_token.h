/* The tokens of a configuration file, as libConfuse's scanner has them, but with lines that are right and with an error
 * where that one passes over things in silence. */
#ifndef CONFIG_CONFIG_TOKEN_H
#define CONFIG_CONFIG_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "config_problem.h"

/* A WORD is not quoted; an EXPANSION is ${NAME} or ${NAME:-default} outside of quotes. */
enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_STRING, TOKEN_EXPANSION, TOKEN_MARK, TOKEN_BAD };

struct token {
    enum token_kind kind;
    char mark;             /* TOKEN_MARK: one of {}=,+ where + stands for += */
    size_t from, to;       /* its bytes */
    int line;              /* where it begins */
};

struct tokens {
    char *text;            /* comments are blanked as they are met */
    size_t len;
    size_t pos;
    int line;
    struct problems *problems;
    struct token token;    /* the current one */
    int end_line;          /* where the one before it ends: strings may go on on the next line */
};

/* Moves to the next token. An error is noted, and the token is TOKEN_BAD from then on. */
void token_next(struct tokens *t);
bool token_is_mark(const struct tokens *t, char mark);
bool token_is_value(const struct tokens *t);

/* Notes a syntax error at the current token. Returns false. */
bool token_error(struct tokens *t, const char *text);

/* Blanks bytes, but no line ends. */
void token_blank(struct tokens *t, size_t from, size_t to);

#endif
