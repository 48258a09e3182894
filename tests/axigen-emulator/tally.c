#include "tally.h"

#include <string.h>

int tally_init(struct tally *t, const char *path)
{
    *t = (struct tally){.per_command = json_object()};
    if (!path)
        return 0;
    t->log = fopen(path, "ae");
    return t->log ? 0 : -1;
}

void tally_free(struct tally *t)
{
    json_decref(t->per_command);
    if (t->log)
        fclose(t->log);
    *t = (struct tally){0};
}

void tally_reset(struct tally *t)
{
    FILE *log = t->log;

    json_decref(t->per_command);
    *t = (struct tally){.per_command = json_object(), .log = log};
}

void tally_command(struct tally *t, const char *name)
{
    json_t *n = json_object_get(t->per_command, name);

    if (n)
        json_integer_set(n, json_integer_value(n) + 1);
    else
        json_object_set_new(t->per_command, name, json_integer(1));
}

void tally_log(struct tally *t, unsigned connection, const char *context, struct slice command, const char *status)
{
    if (t->log)
        fprintf(t->log, "%u\t%s\t%.*s\t%s\n", connection, context, SLICE_ARG(command), status);
}

void tally_flush(struct tally *t)
{
    if (t->log)
        fflush(t->log);
}

json_t *tally_json(const struct tally *t)
{
    json_t *all = json_object();

#define COUNTER(name) json_object_set_new(all, #name, json_integer(t->name));
#include "tally.def"
#undef COUNTER
    if (t->accountsAdded > 0)
        json_object_set_new(all, "commandsPerAccountAdded", json_real((double)t->commands / (double)t->accountsAdded));
    json_object_set_new(all, "perCommand", json_deep_copy(t->per_command));
    return all;
}
