/* When `run --once` is over, and what it says then. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <string.h>
#include <sysexits.h>

#include "clock.h"
#include "daemon_parts.h"
#include "mem.h"

static struct status *status_new(void)
{
    struct status *s = mem_alloc(sizeof(*s));

    status_text(s->name, sizeof(s->name), "corp");
    s->n_sinks = 1;
    status_text(s->sinks[0].name, sizeof(s->sinks[0].name), "journal");
    return s;
}

static int verdict_of(const struct status *s)
{
    struct connector *none = NULL;

    return once_verdict(s, &none, 1);
}

Test(once, over_when_settled_and_drained)
{
    struct status *s = status_new();
    struct once o;

    once_begin(&o, 1);
    cr_assert_eq(once_look(&o, s), ONCE_GOING);
    s->sinks[0].queued = 3;
    s->settled = true;
    cr_assert_eq(once_look(&o, s), ONCE_GOING);
    s->sinks[0].queued = 0;
    cr_assert_eq(once_look(&o, s), ONCE_DONE);
    cr_assert_eq(verdict_of(s), EX_OK);
    once_end(&o);
    free(s);
}

Test(once, a_directory_that_is_down_ends_it)
{
    struct status *s = status_new();
    struct once o;

    once_begin(&o, 1);
    s->failed = true;
    status_text(s->last_error, sizeof(s->last_error), "connection refused");
    cr_assert_eq(once_look(&o, s), ONCE_DONE);
    cr_assert_eq(verdict_of(s), EX_UNAVAILABLE);
    s->settled = true; /* it came back after all */
    cr_assert_eq(verdict_of(s), EX_OK);
    once_end(&o);
    free(s);
}

Test(once, a_sink_in_trouble_has_ten_seconds)
{
    struct status *s = status_new();
    struct once o;

    clock_set_mono_ms(1000000);
    once_begin(&o, 1);
    s->settled = s->failed = true;
    s->sinks[0].queued = 3;
    status_text(s->sinks[0].last_error, sizeof(s->sinks[0].last_error), "no space");
    cr_assert_eq(once_look(&o, s), ONCE_GOING);
    clock_set_mono_ms(1009000);
    s->sinks[0].acked = 1; /* it moves */
    cr_assert_eq(once_look(&o, s), ONCE_GOING);
    clock_set_mono_ms(1018000);
    cr_assert_eq(once_look(&o, s), ONCE_GOING);
    clock_set_mono_ms(1019000);
    cr_assert_eq(once_look(&o, s), ONCE_DONE);
    cr_assert_eq(verdict_of(s), EX_UNAVAILABLE);
    once_end(&o);
    clock_set_mono_ms(-1);
    free(s);
}

/* A slow sink without an error is waited for, however long it takes. */
Test(once, a_slow_sink_is_waited_for)
{
    struct status *s = status_new();
    struct once o;

    clock_set_mono_ms(1000000);
    once_begin(&o, 1);
    s->settled = true;
    s->sinks[0].queued = 3;
    cr_assert_eq(once_look(&o, s), ONCE_GOING);
    clock_set_mono_ms(9000000);
    cr_assert_eq(once_look(&o, s), ONCE_GOING);
    once_end(&o);
    clock_set_mono_ms(-1);
    free(s);
}

Test(once, verdicts, .init = cr_redirect_stderr)
{
    struct status *s = status_new();

    cr_assert_eq(verdict_of(s), EX_TEMPFAIL, "stopped before it was in sync");
    s->settled = true;
    s->sinks[0].parked = 2;
    cr_assert_eq(verdict_of(s), EX_TEMPFAIL);
    s->sinks[0].queued = 1;
    cr_assert_eq(verdict_of(s), EX_TEMPFAIL);
    status_text(s->sinks[0].last_error, sizeof(s->sinks[0].last_error), "no space");
    cr_assert_eq(verdict_of(s), EX_UNAVAILABLE, "that it can't be reached says more");
    free(s);
}
