/* Which mode is in effect under `auto`. */
#include <criterion/criterion.h>

#include "modes.h"

#define FIRST 300000
#define MINUTE 60000

static struct modes m;

static void expect(const char *text, const char *words)
{
    if (words == NULL)
        cr_expect_null(text, "%s", text);
    else
        cr_expect(text && strstr(text, words), "\"%s\" is not in \"%s\"", words, text ? text : "");
}

static const char *refused(int rc, int64_t now_ms)
{
    return modes_refused(&m, rc, "ldap://a", "too many", FIRST, now_ms);
}

/* A session that comes in sync and is lost so long after. */
static const char *lives(int64_t *now_ms, int64_t ms)
{
    modes_choose(&m, *now_ms);
    modes_complete(&m, *now_ms);
    *now_ms += ms;
    return modes_lost(&m, true, FIRST, *now_ms);
}

Test(modes, what_is_configured_stays)
{
    modes_init(&m, SOURCE_REFRESH, 1);
    cr_assert_not(modes_is_refusal(&m, LDAP_UNAVAILABLE_CRITICAL_EXTENSION, false));
    cr_assert_eq(modes_choose(&m, 0), SOURCE_REFRESH);
    expect(modes_complete(&m, 0), NULL);
    expect(modes_lost(&m, true, FIRST, 1), NULL);
    cr_assert_eq(modes_choose(&m, FIRST * 100), SOURCE_REFRESH);
}

Test(modes, the_best_that_works_is_told_once)
{
    modes_init(&m, SOURCE_AUTO, 1);
    cr_assert_eq(modes_choose(&m, 0), SOURCE_PERSIST);
    expect(modes_complete(&m, 0), "mode persist");
    expect(modes_lost(&m, true, FIRST, MINUTE), NULL);
    modes_choose(&m, MINUTE);
    expect(modes_complete(&m, MINUTE), NULL);
}

Test(modes, only_what_waiting_does_not_cure)
{
    static const struct {
        enum source_mode mode;
        int rc;
        bool complete, is;
    } rows[] = {
        { SOURCE_PERSIST, LDAP_UNAVAILABLE_CRITICAL_EXTENSION, false, true },
        { SOURCE_REFRESH, LDAP_UNAVAILABLE_CRITICAL_EXTENSION, false, true },
        { SOURCE_PERSIST, LDAP_PROTOCOL_ERROR, false, true },
        { SOURCE_PERSIST, LDAP_UNWILLING_TO_PERFORM, false, true },
        { SOURCE_REFRESH, LDAP_UNWILLING_TO_PERFORM, false, false },
        { SOURCE_PERSIST, LDAP_UNWILLING_TO_PERFORM, true, false },
        { SOURCE_PERSIST, LDAP_BUSY, false, false },
        { SOURCE_PERSIST, LDAP_SIZELIMIT_EXCEEDED, false, false },
        { SOURCE_PERSIST, LDAP_NO_SUCH_OBJECT, false, false },
        { SOURCE_PERSIST, LDAP_INSUFFICIENT_ACCESS, false, false },
        { SOURCE_SEARCH, LDAP_UNAVAILABLE_CRITICAL_EXTENSION, false, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        modes_init(&m, SOURCE_AUTO, 1);
        m.now = rows[i].mode;
        cr_expect_eq(modes_is_refusal(&m, rows[i].rc, rows[i].complete), rows[i].is, "row %zu", i);
    }
}

Test(modes, refusals_and_what_follows)
{
    modes_init(&m, SOURCE_AUTO, 1);
    expect(refused(LDAP_UNAVAILABLE_CRITICAL_EXTENSION, 0), "answers 12");
    cr_assert_eq(m.now, SOURCE_SEARCH);
    modes_init(&m, SOURCE_AUTO, 1);
    expect(refused(0, 0), "lists no sync control");
    cr_assert_eq(m.now, SOURCE_SEARCH);
    modes_init(&m, SOURCE_AUTO, 1);
    expect(refused(LDAP_UNWILLING_TO_PERFORM, 0), "refuses refreshAndPersist: too many");
    cr_assert_eq(m.now, SOURCE_REFRESH);
    expect(refused(LDAP_UNAVAILABLE_CRITICAL_EXTENSION, 0), "mode search");
    cr_assert_eq(m.now, SOURCE_SEARCH);
}

Test(modes, all_servers_are_asked_first)
{
    modes_init(&m, SOURCE_AUTO, 3);
    expect(refused(LDAP_UNAVAILABLE_CRITICAL_EXTENSION, 0), NULL);
    expect(refused(0, 0), NULL);
    cr_assert_eq(m.now, SOURCE_PERSIST);
    modes_complete(&m, 0);
    expect(refused(0, 0), NULL);
    expect(refused(0, 0), NULL);
    expect(refused(0, 0), "mode search");
}

Test(modes, trials_come_at_doubling_distances_and_are_told_when_they_work)
{
    int64_t now = 0, distance = FIRST;

    modes_init(&m, SOURCE_AUTO, 1);
    refused(LDAP_UNAVAILABLE_CRITICAL_EXTENSION, now);
    for (int i = 0; i < 12; i++) {
        cr_assert_eq(modes_choose(&m, now + distance - 1), SOURCE_SEARCH);
        expect(modes_complete(&m, now + distance - 1), NULL);
        now += distance;
        cr_assert_eq(modes_choose(&m, now), SOURCE_PERSIST);
        expect(refused(LDAP_UNAVAILABLE_CRITICAL_EXTENSION, now), NULL);
        distance = distance * 2 > MODES_DISTANCE_MAX_MS ? MODES_DISTANCE_MAX_MS : distance * 2;
    }
    now += distance;
    modes_choose(&m, now);
    expect(modes_complete(&m, now), "mode persist: it works again");
    expect(refused(LDAP_UNAVAILABLE_CRITICAL_EXTENSION, now), "mode search");
    cr_assert_eq(modes_choose(&m, now + FIRST), SOURCE_PERSIST, "the distances begin anew");
}

Test(modes, cut_again_and_again)
{
    int64_t now = 0;

    modes_init(&m, SOURCE_AUTO, 1);
    for (int i = 0; i < MODES_CUTS - 1; i++)
        expect(lives(&now, 1000), NULL);
    expect(lives(&now, MINUTE), NULL);
    for (int i = 0; i < MODES_CUTS - 1; i++)
        expect(lives(&now, 1000), NULL);
    modes_choose(&m, now);
    modes_complete(&m, now);
    expect(modes_lost(&m, false, FIRST, now), NULL);   /* by us: that counts neither way */
    expect(lives(&now, 1000), "mode refresh: the sync session was cut");
    cr_assert_eq(modes_choose(&m, now), SOURCE_REFRESH);
    now += FIRST;
    expect(lives(&now, 1000), NULL);
    cr_assert_eq(modes_choose(&m, now), SOURCE_REFRESH, "one cut ends a trial");
    cr_assert_eq(modes_choose(&m, now + FIRST), SOURCE_REFRESH);
    now += 2 * FIRST;
    cr_assert_eq(modes_choose(&m, now), SOURCE_PERSIST);
    expect(modes_complete(&m, now), NULL);
    cr_assert_eq(modes_next(&m), now + MODES_SHORT_MS);
    expect(modes_tick(&m, now + MODES_SHORT_MS - 1), NULL);
    expect(modes_tick(&m, now + MODES_SHORT_MS), "mode persist: it works again");
    cr_assert_eq(modes_next(&m), -1);
}

Test(modes, one_that_never_came_in_sync_was_not_cut)
{
    modes_init(&m, SOURCE_AUTO, 1);
    for (int i = 0; i < 20; i++) {
        modes_choose(&m, i);
        expect(modes_lost(&m, true, FIRST, i), NULL);
    }
    cr_assert_eq(m.now, SOURCE_PERSIST);
}
