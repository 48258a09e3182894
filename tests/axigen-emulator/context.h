/* The contexts of the CLI that are known here. */
#ifndef EMULATOR_CONTEXT_H
#define EMULATOR_CONTEXT_H

enum context {
#define CONTEXT(id, name, title) CONTEXT_##id,
#include "context.def"
#undef CONTEXT
    CONTEXTS
};

/* "domain-account" and the like; "" for the root, "login" and "password" before. */
const char *context_name(enum context c);
/* The prompt of it, without the blank: "<domain-account#>". */
const char *context_prompt(enum context c);
/* As in the title line of SHOW. */
const char *context_title(enum context c);

#endif
