#include "modes.h"

#include <stdio.h>

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

/* Goes on in a lesser mode. m->text says why. */
static const char *fall(struct modes *m, enum source_mode mode, int64_t first_distance_ms, int64_t now_ms)
{
    bool news = !m->any_told || m->told != mode;

    set_distance(m, first_distance_ms, now_ms);
    m->now = m->told = mode;
    m->any_told = true;
    m->refusals = m->cuts = 0;
    m->insync_ms = -1;
    return news ? m->text : NULL;
}

/* 12: no server without the control or the overlay will ever answer otherwise. 2 and 53 to refreshAndPersist: a proxy that does not
 * know it, a limit of such searches. Everything else may pass. */
bool modes_is_refusal(const struct modes *m, int rc, bool complete)
{
    if (!is_auto(m) || m->now == SOURCE_SEARCH || complete)
        return false;
    if (rc == LDAP_UNAVAILABLE_CRITICAL_EXTENSION)
        return true;
    return m->now == SOURCE_PERSIST && (rc == LDAP_PROTOCOL_ERROR || rc == LDAP_UNWILLING_TO_PERFORM);
}

const char *modes_refused(struct modes *m, int rc, const char *uri, const char *why, int64_t first_distance_ms, int64_t now_ms)
{
    bool can_refresh = rc == LDAP_PROTOCOL_ERROR || rc == LDAP_UNWILLING_TO_PERFORM;

    if (++m->refusals < m->servers)
        return NULL;
    m->by_cuts = false;
    if (rc == 0)
        snprintf(m->text, sizeof(m->text), "mode search: the root DSE of %s lists no sync control (RFC 4533)", uri);
    else if (can_refresh)
        snprintf(m->text, sizeof(m->text), "mode refresh: %s refuses refreshAndPersist: %s", uri, why);
    else
        snprintf(m->text, sizeof(m->text), "mode search: %s lists the sync control, but answers 12 "
                                           "(unavailableCriticalExtension) to it; with slapd, the overlay syncprov is missing", uri);
    return fall(m, can_refresh ? SOURCE_REFRESH : SOURCE_SEARCH, first_distance_ms, now_ms);
}

static const char *works(struct modes *m)
{
    bool news = is_auto(m) && (!m->any_told || m->told != m->now);

    snprintf(m->text, sizeof(m->text), m->any_told ? "mode %s: it works again" : "mode %s: the server can do it",
             source_mode_name(m->now));
    m->any_told = true;
    m->told = m->now;
    m->trial = false;
    return news ? m->text : NULL;
}

const char *modes_complete(struct modes *m, int64_t now_ms)
{
    m->insync_ms = now_ms;
    m->refusals = 0;
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
    return fall(m, SOURCE_REFRESH, first_distance_ms, now_ms);
}
