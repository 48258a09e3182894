/* The second connection: look-ups by UUID, listings, contextCSN. A thread like the source's (source.h), which is given
 * requests and answers with messages through the same deliver hook. SPEC.md 2.1, "Absence is a hypothesis".
 *
 * Answers to one request: SYNC_CONTEXT (read first, on the same connection), then its SYNC_LOOKUP or SYNC_LISTED
 * messages, then one SYNC_PROBE_END with the result. When the request could not be carried out whole, the UUIDs not
 * answered are told as LOOKUP_UNPROVEN before SYNC_PROBE_END. A request whose server the watchdog finds silent is given up. */
#ifndef LDAP_PROBE_H
#define LDAP_PROBE_H

#include "source.h"

struct probe_settings {
    const struct source_settings *source;
    _Atomic int watchdog_s;    /* may change while it runs; 0: off. Else the watchdog (watchdog.h) asks that often */
};

struct probe;

struct probe *probe_start(const struct probe_settings *settings, const struct source_hooks *hooks);

/* Looks n UUIDs up for search `search`, on server `uri`: first in place (base, scope, filter: whole entry), those not
 * found in place in the whole naming context without the filter. Few: by (entryUUID=…) filters, up to 64 at a time;
 * many (over PROBE_LIST_FROM): by listing the search and then the naming context. dns (may be NULL) says where each was known
 * to be, empty: nowhere; the parent of what is not found at all is read too (SPEC.md 2.1, "Suspicion"). Copies all. Any
 * thread. */
#define PROBE_LIST_FROM 2000
void probe_lookup(struct probe *p, uint32_t token, unsigned search, size_t uri, const uint8_t *uuids,
                  const struct slice *dns, size_t n);

/* Lists uuid, dn and entryCSN of all entries of a search. */
void probe_list(struct probe *p, uint32_t token, unsigned search, size_t uri);

/* Lists, with their whole content, the entries of a search that lie at or under `base`, which is copied. */
void probe_read(struct probe *p, uint32_t token, unsigned search, size_t uri, const char *base);

/* Whom the watchdog asks: also set by each request. Any thread. */
void probe_set_uri(struct probe *p, size_t uri);

/* on: the server `uri` is behind, so that the others are asked where they stand (scout.h). Any thread. */
void probe_seek(struct probe *p, bool on, size_t uri);

/* As source_stop(). */
bool probe_stop(struct probe **p, int wait_ms);

#endif
