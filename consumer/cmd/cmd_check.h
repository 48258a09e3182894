/* What the parts of `axsync check` share. */
#ifndef CMD_CMD_CHECK_H
#define CMD_CMD_CHECK_H

#include "cmd.h"

enum check_result { CHECK_OK, CHECK_WARNING, CHECK_FAILED };

struct check {
    const char *subject; /* a connector's name, or NULL */
    unsigned failed;
};

/* Prints a line, "ok: subject: text", and counts it. */
void check_say(struct check *c, enum check_result result, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The directory of a connector: cmd_check_ldap.c. */
void check_directory(struct check *c, const struct config_connector *conf);
/* An Axigen sink: cmd_check_axigen.c. domain: that of the connector, "" if it names none. */
void check_axigen(struct check *c, const struct config_sink *sink, const char *domain);

#endif
