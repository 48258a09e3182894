/* What can be told of the connectors while no daemon runs. */
#ifndef CMD_CMD_STORED_H
#define CMD_CMD_STORED_H

#include <jansson.h>

#include "cmd.h"

/* As the object of `status --json`, with phase "stopped" and no pid. NULL and *e if a state can't be read. */
json_t *stored_status(const struct config *conf, const char *version, struct err *e);

#endif
