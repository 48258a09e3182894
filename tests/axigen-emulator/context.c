#include "context.h"

static const struct {
    const char *name, *prompt, *title;
} contexts[] = {
#define CONTEXT(id, name, title) {name, CONTEXT_##id <= CONTEXT_PASSWORD ? "<" name ">" : "<" name "#>", title},
#include "context.def"
#undef CONTEXT
};

const char *context_name(enum context c)
{
    return contexts[c].name;
}

const char *context_prompt(enum context c)
{
    return contexts[c].prompt;
}

const char *context_title(enum context c)
{
    return contexts[c].title;
}
