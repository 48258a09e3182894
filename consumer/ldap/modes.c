#include "modes.h"

#include <stdio.h>

#include "ds389.h"

#define NOT_SUPPORTED 92   /* LDAP_NOT_SUPPORTED of RFC 1823's successors; libldap has another number for it */

void modes_init(struct modes *m, enum source_mode configured, size_t servers)
{
    *m = (struct modes){ .configured = configured, .now = configured, .servers = servers, .insync_ms = -1 };
    if (configured == SOURCE_AUTO)
        m->now = SOURCE_PERSIST;
}

static bool is_auto(const struct modes *m)
{
    return m->configured == SOURCE_AUTO;
}

enum source_mode modes_choose(struct modes *m, int64_t now_ms)
{
    m->insync_ms = -1;
    if (is_auto(m) && m->now != SOURCE_PERSIST && now_ms >= m->better_ms) {
        m->trial = true;
        m->refusals = 0;
        m->now = SOURCE_PERSIST;
    }
    return m->now;
}

static void set_distance(struct modes *m, int64_t first_distance_ms, int64_t now_ms)
{
    m->distance_ms = m->trial ? m->distance_ms * 2 : first_distance_ms;
    if (m->distance_ms > MODES_DISTANCE_MAX_MS)
        m->distance_ms = MODES_DISTANCE_MAX_MS;
    m->better_ms = now_ms + m->distance_ms;
    m->trial = false;
}

static const char *tell(struct modes *m)
{
    bool news = !m->any_told || m->told != m->now;

    m->told = m->now;
    m->any_told = true;
    m->untold = false;
    return news ? m->text : NULL;
}

/* Goes on in a lesser mode. m->text says why. From refresh to search is the rest of one way down. */
static void fall(struct modes *m, enum source_mode mode, int64_t first_distance_ms, int64_t now_ms)
{
    if (m->now == SOURCE_PERSIST || m->distance_ms == 0)
        set_distance(m, first_distance_ms, now_ms);
    m->now = mode;
    m->refusals = m->cuts = m->errors = 0;
    m->insync_ms = -1;
}

/* … of which only the control can be the reason. */
static bool is_of_control(int rc)
{
    return rc == LDAP_UNAVAILABLE_CRITICAL_EXTENSION || rc == MODES_NOT_LISTED;
}

/* A lesser one may be what the server lets us have. */
static bool may_refresh(const struct modes *m, int rc)
{
    return m->now == SOURCE_PERSIST && !is_of_control(rc) && rc != LDAP_INSUFFICIENT_ACCESS;
}

bool modes_is_refusal(struct modes *m, int rc, bool complete)
{
    m->errors = rc == LDAP_OPERATIONS_ERROR ? m->errors + 1 : 0;
    if (!is_auto(m) || m->now == SOURCE_SEARCH || complete)
        return false;
    switch (rc) {
    case LDAP_UNAVAILABLE_CRITICAL_EXTENSION:
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_PROTOCOL_ERROR:
    case LDAP_UNWILLING_TO_PERFORM:
    case NOT_SUPPORTED:
        return true;
    case LDAP_SUCCESS:
        return m->now == SOURCE_PERSIST;
    default:
        return m->errors >= MODES_PATIENCE * m->servers;
    }
}

static void explain(struct modes *m, int rc, const char *uri, const char *why)
{
    if (rc == MODES_NOT_LISTED)
        snprintf(m->text, sizeof(m->text), "mode search: the root DSE of %s lists no sync control (RFC 4533)", uri);
    else if (rc == LDAP_UNAVAILABLE_CRITICAL_EXTENSION)
        snprintf(m->text, sizeof(m->text), "mode search: %s lists the sync control, but answers 12 "
                                           "(unavailableCriticalExtension) to it; with slapd, the overlay syncprov is missing", uri);
    else if (rc == LDAP_INSUFFICIENT_ACCESS)
        snprintf(m->text, sizeof(m->text), "mode search: %s answers 50 (insufficientAccess) to the sync search: the bind DN may not use "
                                           "the sync control (with 389 Directory Server, the aci of " DS389_FEATURE ")", uri);
    else if (may_refresh(m, rc))
        snprintf(m->text, sizeof(m->text), "mode refresh: %s refuses refreshAndPersist: %s", uri, why);
    else
        snprintf(m->text, sizeof(m->text), "mode search: %s refuses the sync search: %s", uri, why);
}

const char *modes_refused(struct modes *m, int rc, const char *uri, const char *why, int64_t first_distance_ms, int64_t now_ms)
{
    enum source_mode mode = may_refresh(m, rc) ? SOURCE_REFRESH : SOURCE_SEARCH;

    if (++m->refusals < m->servers)
        return NULL;
    m->by_cuts = false;
    m->refused_rc = rc;
    explain(m, rc, uri, why);
    fall(m, mode, first_distance_ms, now_ms);
    m->untold = mode == SOURCE_REFRESH;
    return m->untold ? NULL : tell(m);
}

/* Polling would be in vain as long as this lasts, and late to notice when it is over. */
void modes_search_failed(struct modes *m, int rc)
{
    if (is_auto(m) && m->now == SOURCE_SEARCH && rc == m->refused_rc && !is_of_control(rc))
        m->now = SOURCE_PERSIST;
}

static const char *works(struct modes *m)
{
    const char *text;

    if (!m->untold)
        snprintf(m->text, sizeof(m->text), m->any_told ? "mode %s: it works again" : "mode %s: the server can do it",
                 source_mode_name(m->now));
    text = tell(m);
    m->trial = false;
    return is_auto(m) ? text : NULL;
}

const char *modes_complete(struct modes *m, int64_t now_ms)
{
    m->insync_ms = now_ms;
    m->refusals = m->errors = 0;
    return m->trial && m->by_cuts ? NULL : works(m);
}

int64_t modes_next(const struct modes *m)
{
    return m->trial && m->by_cuts && m->insync_ms >= 0 ? m->insync_ms + MODES_SHORT_MS : -1;
}

const char *modes_tick(struct modes *m, int64_t now_ms)
{
    int64_t next = modes_next(m);

    if (next < 0 || now_ms < next)
        return NULL;
    m->cuts = 0;
    return works(m);
}

const char *modes_lost(struct modes *m, bool cut, int64_t first_distance_ms, int64_t now_ms)
{
    bool was_insync = m->insync_ms >= 0, soon = was_insync && now_ms - m->insync_ms < MODES_SHORT_MS;

    m->insync_ms = -1;
    if (!is_auto(m) || m->now != SOURCE_PERSIST || !cut || !was_insync)
        return NULL;
    m->cuts = soon ? m->cuts + 1 : 0;
    if (!soon || (m->cuts < MODES_CUTS && !(m->trial && m->by_cuts)))
        return NULL;
    m->by_cuts = true;
    snprintf(m->text, sizeof(m->text), "mode refresh: the sync session was cut %d times in a row less than %d s after it was in sync; "
                                       "what lies between here and the server does not let it stand", MODES_CUTS,
             (int)(MODES_SHORT_MS / 1000));
    fall(m, SOURCE_REFRESH, first_distance_ms, now_ms);
    return tell(m);
}
