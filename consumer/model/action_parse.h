/* A JSON line of the queue back into a struct action, for sinks that apply actions one by one. */
#ifndef MODEL_ACTION_PARSE_H
#define MODEL_ACTION_PARSE_H

#include "action.h"
#include "err.h"
#include "mem.h"

/* Reads what action_json() wrote; all that *a points to is copied into *arena. Unknown keys are skipped (a later version may
 * have added them). 0, or -1 and *e (ERR_DATA): damaged, or of a version whose action or cause is not known here, which
 * must not be guessed. */
int action_parse(struct slice line, struct action *a, struct arena *arena, struct err *e);

#endif
