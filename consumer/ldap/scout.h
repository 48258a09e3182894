/* The scout: while the provider in use is behind (SPEC.md 2.1, "Cookies"), asks the other ones now and then where they stand, on a
 * connection of its own that lives for one question. A thread, since any of them may be dead. */
#ifndef LDAP_SCOUT_H
#define LDAP_SCOUT_H

#include "probe.h"

struct scout;

/* The first round is a watchdog interval after scout_seek(), and each that follows so many times later, up to this. */
#define SCOUT_SPREAD 2
#define SCOUT_SPREAD_MAX 16

/* Delivers SYNC_ELSEWHERE, one a search, of each server that answers for all of them. settings and hooks stay the caller's and must
 * outlive it. Where the watchdog is off it asks nobody. */
struct scout *scout_start(const struct probe_settings *settings, const struct source_hooks *hooks);
/* on: look for another than `uri`. The same again changes nothing. Any thread. */
void scout_seek(struct scout *s, bool on, size_t uri);
/* As source_stop(). */
bool scout_stop(struct scout **s, int wait_ms);

#endif
