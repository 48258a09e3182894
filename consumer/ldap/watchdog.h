/* The watchdog: asks from time to time, on a connection and in a thread of its own, where the server stands. That shows changes of
 * which the sync session was not told, and a server that is silent; whatever a look-up waits for meanwhile. */
#ifndef LDAP_WATCHDOG_H
#define LDAP_WATCHDOG_H

#include "probe.h"

struct watchdog;

/* Delivers SYNC_CONTEXT (token 0), one a search; no answer: SYNC_SILENT, and before it calls silent(ctx, uri) from its thread.
 * settings and hooks stay the caller's and must outlive it. */
struct watchdog *watchdog_start(const struct probe_settings *settings, const struct source_hooks *hooks,
                                void (*silent)(void *ctx, size_t uri), void *ctx);
/* Whom it asks. Any thread. */
void watchdog_set_uri(struct watchdog *w, size_t uri);
/* As source_stop(). */
bool watchdog_stop(struct watchdog **w, int wait_ms);

#endif
