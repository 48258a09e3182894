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
        { SOURCE_REFRESH, LDAP_UNWILLING_TO_PERFORM, false, true },
        { SOURCE_REFRESH, LDAP_PROTOCOL_ERROR, false, true },
        { SOURCE_PERSIST, LDAP_INSUFFICIENT_ACCESS, false, true },
        { SOURCE_REFRESH, LDAP_INSUFFICIENT_ACCESS, false, true },
        { SOURCE_PERSIST, 92, false, true },
        { SOURCE_REFRESH, 92, false, true },
        { SOURCE_PERSIST, LDAP_SUCCESS, false, true },
        { SOURCE_REFRESH, LDAP_SUCCESS, false, false },
        { SOURCE_PERSIST, LDAP_OPERATIONS_ERROR, false, false },
        { SOURCE_PERSIST, LDAP_OTHER, false, false },
        { SOURCE_PERSIST, LDAP_UNAVAILABLE, false, false },
        { SOURCE_PERSIST, LDAP_UNWILLING_TO_PERFORM, true, false },
        { SOURCE_PERSIST, LDAP_BUSY, false, false },
        { SOURCE_PERSIST, LDAP_SIZELIMIT_EXCEEDED, false, false },
        { SOURCE_PERSIST, LDAP_NO_SUCH_OBJECT, false, false },
        { SOURCE_PERSIST, LDAP_INSUFFICIENT_ACCESS, true, false },
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
    expect(refused(MODES_NOT_LISTED, 0), "lists no sync control");
    cr_assert_eq(m.now, SOURCE_SEARCH);
    modes_init(&m, SOURCE_AUTO, 1);
    expect(refused(LDAP_UNWILLING_TO_PERFORM, 0), NULL);
    cr_assert_eq(m.now, SOURCE_REFRESH);
    expect(modes_complete(&m, 0), "mode refresh: ldap://a refuses refreshAndPersist: too many");
    expect(modes_complete(&m, 0), NULL);
    expect(refused(LDAP_UNAVAILABLE_CRITICAL_EXTENSION, 0), "mode search");
    cr_assert_eq(m.now, SOURCE_SEARCH);
    modes_init(&m, SOURCE_AUTO, 1);
    expect(refused(LDAP_INSUFFICIENT_ACCESS, 0), "mode search: ldap://a answers 50");
    cr_assert_eq(m.now, SOURCE_SEARCH);
    modes_init(&m, SOURCE_AUTO, 1);
    expect(refused(92, 0), NULL);
    expect(refused(92, 0), "mode search: ldap://a refuses the sync search: too many");
    cr_assert_eq(m.now, SOURCE_SEARCH);
}

Test(modes, an_operations_error_counts_when_it_comes_again_and_again)
{
    modes_init(&m, SOURCE_AUTO, 1);
    cr_expect_not(modes_is_refusal(&m, LDAP_OPERATIONS_ERROR, false));
    cr_expect_not(modes_is_refusal(&m, LDAP_OPERATIONS_ERROR, false));
    cr_expect_not(modes_is_refusal(&m, LDAP_BUSY, false));
    for (unsigned i = 1; i < MODES_PATIENCE; i++)
        cr_expect_not(modes_is_refusal(&m, LDAP_OPERATIONS_ERROR, false), "%u", i);
    cr_assert(modes_is_refusal(&m, LDAP_OPERATIONS_ERROR, false));
    expect(refused(LDAP_OPERATIONS_ERROR, 0), NULL);
    cr_assert_eq(m.now, SOURCE_REFRESH);
}

/* The base can't be searched at all: then it is no matter of the control, and persist is there as soon as it can. */
Test(modes, a_plain_search_with_the_same_result_leads_back)
{
    modes_init(&m, SOURCE_AUTO, 1);
    expect(refused(LDAP_INSUFFICIENT_ACCESS, 0), "mode search");
    modes_search_failed(&m, LDAP_NO_SUCH_OBJECT);
    cr_assert_eq(modes_choose(&m, 1), SOURCE_SEARCH);
    modes_search_failed(&m, LDAP_INSUFFICIENT_ACCESS);
    cr_assert_eq(modes_choose(&m, 1), SOURCE_PERSIST);
    expect(refused(LDAP_INSUFFICIENT_ACCESS, 1), NULL);
    modes_search_failed(&m, LDAP_INSUFFICIENT_ACCESS);
    modes_choose(&m, 2);
    expect(modes_complete(&m, 2), "mode persist: it works again");
    modes_init(&m, SOURCE_AUTO, 1);
    refused(LDAP_UNAVAILABLE_CRITICAL_EXTENSION, 0);
    modes_search_failed(&m, LDAP_UNAVAILABLE_CRITICAL_EXTENSION);
    cr_assert_eq(modes_choose(&m, 1), SOURCE_SEARCH);
}

Test(modes, all_servers_are_asked_first)
{
    modes_init(&m, SOURCE_AUTO, 3);
    expect(refused(LDAP_UNAVAILABLE_CRITICAL_EXTENSION, 0), NULL);
    expect(refused(MODES_NOT_LISTED, 0), NULL);
    cr_assert_eq(m.now, SOURCE_PERSIST);
    modes_complete(&m, 0);
    expect(refused(MODES_NOT_LISTED, 0), NULL);
    expect(refused(MODES_NOT_LISTED, 0), NULL);
    expect(refused(MODES_NOT_LISTED, 0), "mode search");
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

/* Down by way of refresh: that is one trial, and not told either. */
Test(modes, trials_of_a_server_that_refuses_both)
{
    int64_t distance = FIRST, now = 0;

    modes_init(&m, SOURCE_AUTO, 1);
    refused(LDAP_PROTOCOL_ERROR, now);
    expect(refused(LDAP_PROTOCOL_ERROR, now), "mode search");
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(modes_choose(&m, now + distance - 1), SOURCE_SEARCH);
        now += distance;
        cr_assert_eq(modes_choose(&m, now), SOURCE_PERSIST);
        expect(refused(LDAP_PROTOCOL_ERROR, now), NULL);
        expect(refused(LDAP_PROTOCOL_ERROR, now), NULL);
        expect(modes_complete(&m, now), NULL);
        distance *= 2;
    }
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
