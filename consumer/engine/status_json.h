/* The object of `status --json` (SPEC.md section 6), from status blocks and holds. */
#ifndef ENGINE_STATUS_JSON_H
#define ENGINE_STATUS_JSON_H

#include <jansson.h>

#include "config.h"
#include "pending.h"
#include "status.h"

/* For json_dumps(): enough digits for milliseconds and rates, and none that are noise. */
#define STATUS_JSON_REALS JSON_REAL_PRECISION(12)

/* What speaks: the daemon. pid 0: none runs, then pid and uptime are null. */
struct status_head {
    const char *version;
    long pid;
    int64_t uptime_ms;
};

/* {version, pid, uptime, connectors}. holds[i] is an array for connectors[i] that status_json_hold() filled; its
 * reference is taken over. A new reference. */
json_t *status_json(const struct status_head *head, const struct status *connectors, json_t **holds, size_t n);

/* Adds a hold to a JSON array, unless it was rejected. Has the form that connector_holds() calls. */
void status_json_hold(void *array, const struct hold *h);

/* "7.120": the hold and how many have joined it so far. Returns out. */
#define HOLD_ID_TEXT 24
char *hold_id_text(const struct hold *h, char out[HOLD_ID_TEXT]);

/* A JSON string of bytes that may not be UTF-8: what is not becomes U+FFFD. */
json_t *status_json_text(struct slice s);

/* A status of which nothing is known but the configuration: the phase is given, what is not known is empty or -1. */
void status_blank(struct status *s, const struct config_connector *conf, const char *phase);

#endif
