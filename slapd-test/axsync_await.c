/* Waiting: each wait is for a condition, asked again and again, with a deadline. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "axsync_internal.h"
#include "axsync_run.h"

/* Between two questions: short at first, since most conditions are true soon. */
#define PAUSE_MIN_MS 5
#define PAUSE_MAX_MS 100

static void pause_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

void axsync_await(struct axsync *a, const char *what, axsync_condition *condition, void *ctx)
{
    int64_t deadline = axsync_now_ms() + AXSYNC_PATIENCE_MS;
    long pause = PAUSE_MIN_MS;
    int status;

    while (!condition(a, ctx)) {
        CHECK(a, axsync_now_ms() < deadline, "not within %d s: %s", AXSYNC_PATIENCE_MS / 1000, what);
        CHECK(a, a->pid == 0 || a->may_end || !axsync_has_ended(a, &status), "the daemon ended (wait status 0x%x), waiting for: %s",
              status, what);
        pause_ms(pause);
        pause = pause * 3 / 2 < PAUSE_MAX_MS ? pause * 3 / 2 : PAUSE_MAX_MS;
    }
}

void axsync_read_output(struct axsync *a)
{
    CHECK(a, target_read(&a->target, a->output) == 0, "%s", a->target.error);
}

/* ---- settled ------------------------------------------------------------------------------------------------ */

/* Whether the cookie of a search has a CSN. slapd may tell one search of a change that concerns it and not the others. */
static bool has_csn(const json_t *connector, const char *csn)
{
    json_t *searches = json_object_get(connector, "searches"), *search;
    size_t i;

    json_array_foreach(searches, i, search)
        if (strstr(axsync_text(search, "cookie"), csn) != NULL)
            return true;
    return false;
}

/* Whether the cookies of the connector's searches have each CSN of a contextCSN ("CSN;CSN"). */
static bool cookie_has(const json_t *connector, const char *context)
{
    char *csns = axsync_i_text("%s", context), *rest = NULL;
    bool all = true;

    for (char *csn = strtok_r(csns, ";", &rest); csn != NULL; csn = strtok_r(NULL, ";", &rest))
        all = all && has_csn(connector, csn);
    free(csns);
    return all;
}

static bool is_delivered(const json_t *connector)
{
    json_t *sinks = json_object_get(connector, "sinks"), *sink;
    size_t i;

    json_array_foreach(sinks, i, sink)
        if (json_integer_value(json_object_get(sink, "queued")) != 0)
            return false;
    return true;
}

bool axsync_is_settled(struct axsync *a, bool with_waiting)
{
    json_t *connector = axsync_peek(a);
    char *context;
    bool settled;

    if (connector == NULL)
        return false;
    context = slapdtest_context_csn(a->server);
    settled = strcmp(axsync_text(connector, "phase"), "insync") == 0 && is_delivered(connector) &&
              (!with_waiting || axsync_entries(connector, "waiting") == 0) &&
              (context == NULL || cookie_has(connector, context));
    free(context);
    json_decref(connector);
    return settled;
}

/* Twice in a row: what status shows of the state may be ahead of what it shows of the sinks by a commit. */
static bool is_settled_twice(struct axsync *a, void *ctx)
{
    const bool *with_waiting = ctx;

    return axsync_is_settled(a, *with_waiting) && axsync_is_settled(a, *with_waiting);
}

void axsync_await_settled(struct axsync *a)
{
    bool with_waiting = true;

    axsync_await(a, "all is in sync and delivered, nothing waits", is_settled_twice, &with_waiting);
    axsync_read_output(a);
}

void axsync_await_caught_up(struct axsync *a)
{
    bool with_waiting = false;

    axsync_await(a, "all is in sync and delivered", is_settled_twice, &with_waiting);
    axsync_read_output(a);
}

/* ---- the target --------------------------------------------------------------------------------------------- */

struct awaited {
    json_t *accounts;
    int64_t deadline;      /* after which the failure says what differs */
};

static bool target_is(struct axsync *a, void *ctx)
{
    const struct awaited *w = ctx;
    char *difference;

    axsync_read_output(a);
    if (json_equal(a->target.accounts, w->accounts))
        return true;
    if (axsync_now_ms() > w->deadline) {
        difference = target_difference(a->target.accounts, w->accounts);
        FAIL(a, "the target is not what it must be: %s", difference ? difference : "");
    }
    return false;
}

void axsync_await_target(struct axsync *a, json_t *accounts)
{
    struct awaited w = {accounts, axsync_now_ms() + AXSYNC_PATIENCE_MS - 2 * PAUSE_MAX_MS};

    axsync_await(a, "the target is what it must be", target_is, &w);
}

void axsync_await_mirror(struct axsync *a, const struct directory_view *view)
{
    json_t *accounts = directory_accounts(a->server, view, 0);

    CHECK(a, accounts != NULL, "%s", slapdtest_error(a->server));
    axsync_await_target(a, accounts);
    json_decref(accounts);
}

/* ---- status and log ----------------------------------------------------------------------------------------- */

static bool phase_is(struct axsync *a, void *ctx)
{
    json_t *connector = axsync_peek(a);
    bool is = connector != NULL && strcmp(axsync_text(connector, "phase"), ctx) == 0;

    json_decref(connector);
    return is;
}

void axsync_await_phase(struct axsync *a, const char *phase)
{
    axsync_await(a, phase, phase_is, (char *)(uintptr_t)phase);
}

static bool error_has(struct axsync *a, void *ctx)
{
    json_t *connector = axsync_peek(a);
    bool has = connector != NULL && strstr(axsync_text(connector, "lastError"), ctx) != NULL;

    json_decref(connector);
    return has;
}

void axsync_await_error(struct axsync *a, const char *text)
{
    axsync_await(a, text, error_has, (char *)(uintptr_t)text);
}

static bool log_has(struct axsync *a, void *ctx)
{
    return axsync_log_count(a, ctx) > 0;
}

void axsync_await_log(struct axsync *a, const char *text)
{
    axsync_await(a, text, log_has, (char *)(uintptr_t)text);
}
