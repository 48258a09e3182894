#include "status_json.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

json_t *status_json_text(struct slice s)
{
    struct buf b = {0};
    json_t *text;

    if (utf8_valid(s))
        return json_stringn_nocheck(s.len ? s.p : "", s.len);
    while (s.len) {
        size_t n = utf8_length(s.p, s.len);

        buf_add(&b, n ? s.p : "\xEF\xBF\xBD", n ? n : 3);
        n = n ? n : 1;
        s = slice_make(s.p + n, s.len - n);
    }
    text = json_stringn_nocheck(b.p, b.len);
    buf_free(&b);
    return text;
}

static json_t *text_or_null(const char *text)
{
    return *text ? status_json_text(slice_of(text)) : json_null();
}

static json_t *number_or_null(int64_t n)
{
    return n >= 0 ? json_integer(n) : json_null();
}

static json_t *time_or_null(int64_t wall_ms)
{
    char when[TIME_TEXT];

    return wall_ms > 0 ? status_json_text(slice_of(time_format(wall_ms, when))) : json_null();
}

static json_t *seconds_or_null(int64_t ms)
{
    return ms >= 0 ? json_real((double)ms / 1000) : json_null();
}

char *hold_id_text(const struct hold *h, char out[HOLD_ID_TEXT])
{
    snprintf(out, HOLD_ID_TEXT, "%u.%u", h->id, h->joined);
    return out;
}

void status_json_hold(void *array, const struct hold *h)
{
    char id[HOLD_ID_TEXT];

    if (h->rejected)
        return;
    json_array_append_new(array, json_pack("{s:s,s:s,s:o,s:I,s:o}", "id", hold_id_text(h, id), "kind",
                                           guard_kind_name(h->of.kind), "field",
                                           h->of.field ? status_json_text(slice_of(field_name(h->of.field))) : json_null(),
                                           "count", (json_int_t)h->count, "since", time_or_null(h->since_ms)));
}

/* To a tenth; 0 for what is no number, which JSON can't say. */
static double tenths(double rate)
{
    return rate > 0 && rate < 1e12 ? (double)(int64_t)(rate * 10 + 0.5) / 10 : 0;
}

static json_t *search_json(const struct status_search *s)
{
    return json_pack("{s:s,s:o,s:s,s:o,s:I,s:o,s:f}", "kind", s->kind, "base", status_json_text(slice_of(s->base)),
                     "phase", s->phase, "cookie", text_or_null(s->cookie), "received", (json_int_t)s->received,
                     "expected", number_or_null(s->expected), "rate", tenths(s->rate));
}

static json_t *sink_json(const struct status_sink *s)
{
    return json_pack("{s:o,s:s,s:I,s:I,s:I,s:I,s:o}", "name", status_json_text(slice_of(s->name)), "type", s->type,
                     "acked", (json_int_t)s->acked, "queued", (json_int_t)s->queued, "parked", (json_int_t)s->parked,
                     "due", (json_int_t)s->due, "lastError", text_or_null(s->last_error));
}

static json_t *entries_json(const struct status *s)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "accounts", (json_int_t)s->accounts, "groups", (json_int_t)s->groups,
                     "invalid", (json_int_t)s->invalid, "conflicts", (json_int_t)s->conflicts, "waiting",
                     (json_int_t)s->waiting, "orphans", (json_int_t)s->orphans);
}

static json_t *connector_json(const struct status *s, json_t *holds)
{
    json_t *searches = json_array(), *sinks = json_array();

    for (size_t i = 0; i < s->n_searches && i < STATUS_SEARCHES; i++)
        json_array_append_new(searches, search_json(&s->searches[i]));
    for (size_t i = 0; i < s->n_sinks && i < STATUS_SINKS; i++)
        json_array_append_new(sinks, sink_json(&s->sinks[i]));
    return json_pack("{s:o,s:o,s:s,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "name", status_json_text(slice_of(s->name)),
                     "mode", text_or_null(s->mode), "configuredMode", s->configured_mode, "phase", s->phase, "uri",
                     text_or_null(s->uri), "lag", seconds_or_null(s->lag_ms), "lastChange",
                     time_or_null(s->last_change_ms), "searches", searches, "entries", entries_json(s), "sinks", sinks,
                     "holds", holds, "lastError", text_or_null(s->last_error));
}

json_t *status_json(const struct status_head *head, const struct status *connectors, json_t **holds, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, connector_json(&connectors[i], holds[i]));
    return json_pack("{s:s,s:o,s:o,s:o}", "version", head->version, "pid",
                     head->pid ? json_integer(head->pid) : json_null(), "uptime",
                     head->pid ? json_integer(head->uptime_ms / 1000) : json_null(), "connectors", list);
}

void status_blank(struct status *s, const struct config_connector *conf, const char *phase)
{
    static const char *const modes[] = {
        [MODE_AUTO] = "auto",
        [MODE_PERSIST] = "persist",
        [MODE_REFRESH] = "refresh",
        [MODE_SEARCH] = "search",
    };

    memset(s, 0, sizeof(*s));
    status_text(s->name, sizeof(s->name), conf->name);
    status_text(s->configured_mode, sizeof(s->configured_mode), modes[conf->mode]);
    status_text(s->phase, sizeof(s->phase), phase);
    s->lag_ms = -1;
}
