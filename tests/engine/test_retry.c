#include <criterion/criterion.h>
#include <stdio.h>

#include "unwell.h"

static const struct retry_limits limits = { 10000, 300000, 10 };

static void expect(enum outcome outcome, uint32_t attempts, enum retry_what what, int64_t delay_ms)
{
    struct retry_verdict v = retry_judge(outcome, attempts, &limits);

    cr_expect(v.what == what && v.delay_ms == delay_ms, "outcome %d, attempt %u: %d after %lld", outcome, attempts,
              v.what, (long long)v.delay_ms);
}

Test(retry, what_follows_from_an_outcome)
{
    static const int64_t delays[] = { 10000, 20000, 40000, 80000, 160000, 300000, 300000, 300000, 300000 };

    for (uint32_t i = 0; i < 9; i++)
        expect(OUTCOME_REFUSED, i + 1, RETRY_AGAIN, delays[i]);
    expect(OUTCOME_REFUSED, 10, RETRY_PARK, 0);
    expect(OUTCOME_REFUSED, 11, RETRY_PARK, 0);
    expect(OUTCOME_DONE, 1, RETRY_ACK, 0);
    expect(OUTCOME_PARK, 1, RETRY_PARK, 0);
    expect(OUTCOME_PART, 1, RETRY_REST, 0);
    expect(OUTCOME_ADOPT, 1, RETRY_ADOPT, 0);
    expect(OUTCOME_DOMAIN, 1, RETRY_DOMAIN, 0);
}

Test(retry, a_first_delay_above_the_greatest_is_cut)
{
    const struct retry_limits odd = { 500000, 300000, 1 };

    cr_expect_eq(retry_delay_ms(1, &odd), 300000);
    cr_expect_eq(retry_judge(OUTCOME_REFUSED, 1, &odd).what, RETRY_PARK);
    cr_expect_eq(retry_delay_ms(UINT32_MAX, &limits), 300000);
}

/* ---- unwell.c ------------------------------------------------------------------------------------------------ */

static uint64_t words(const char *text, const char *local)
{
    return unwell_words(slice_of(text), slice_of(local));
}

Test(unwell, words_are_compared_without_what_is_personal)
{
    uint64_t plain = words("-ERR: can't add account ann@x.org: 25 of 25", "ann");

    cr_expect_eq(words("-ERR: can't add account bob@x.org: 26 of 26", "bob"), plain);
    cr_expect_eq(words("-err: Can't add account Bob.Lee@y.net: 126 of 126", "bob"), plain);
    cr_expect_eq(words("no name 'ann lee'", ""), words("no name 'bob'", ""));
    cr_expect_eq(words("no name \"ann\" here", ""), words("no name \"bob lee\" here", ""));
    cr_expect_eq(words("no ann. Sorry", "ann"), words("no Bob. Sorry", "bob"));
    cr_expect_neq(words("no ann", "ann"), words("yes ann", "ann"));
    cr_expect_neq(words("no anna", "ann"), words("no bobby", "bob"), "a name within a word is a word");
    cr_expect_neq(words("disk full", ""), words("licence full", ""));
    cr_expect_eq(words("", ""), words("123", ""));
}

static struct aside_row row(int uuid, enum action_type type, const char *domain)
{
    struct aside_row r = { .type = type, .domain = slice_of(domain) };

    r.uuid[0] = (uint8_t)uuid;
    return r;
}

static bool refuse(struct unwell *u, int uuid, const char *text)
{
    struct aside_row r = row(uuid, ACTION_ACCOUNT_CREATE, "x");

    return unwell_refused(u, &r, slice_of("l"), slice_of(text), 1000, &limits);
}

Test(unwell, three_accounts_with_the_same_words)
{
    struct aside_row create = row(9, ACTION_ACCOUNT_CREATE, "x"), remove = row(9, ACTION_ACCOUNT_DELETE, "x"),
                     elsewhere = row(9, ACTION_ACCOUNT_CREATE, "y");
    struct unwell u = { 0 };

    cr_expect(!refuse(&u, 1, "full"));
    cr_expect(!refuse(&u, 1, "full"), "the same account");
    cr_expect(!refuse(&u, 2, "full"));
    cr_expect(!refuse(&u, 3, "other"), "other words begin anew");
    cr_expect(!refuse(&u, 4, "full"));
    cr_expect(!refuse(&u, 5, "full"));
    cr_expect(!unwell_done(&u, &create), "a success begins anew");
    cr_expect(!refuse(&u, 6, "full"));
    cr_expect(!refuse(&u, 7, "full"));
    cr_expect(refuse(&u, 8, "full"));
    cr_expect_eq(unwell_waits(&u, &create), ASIDE_UNWELL);
    cr_expect_eq(unwell_waits(&u, &remove), ASIDE_RETRY);
    cr_expect_eq(unwell_waits(&u, &elsewhere), ASIDE_RETRY);
    cr_expect(!refuse(&u, 8, "something else"), "that is a matter of its own");
    cr_expect(unwell_done(&u, &create));
    cr_expect_eq(unwell_waits(&u, &create), ASIDE_RETRY);
    cr_expect_not_null(unwell_draining(&u));
    unwell_drained(&u, unwell_draining(&u));
    cr_expect_eq(u.n, 0u);
    unwell_free(&u);
}

Test(unwell, one_is_tried_now_and_then)
{
    struct aside_row r = row(1, ACTION_ACCOUNT_CREATE, "x");
    struct unwell u = { 0 };
    struct unwell_group *g;

    unwell_no_domain(&u, &r, 1000, &limits);
    cr_expect_eq(unwell_next_ms(&u), 11000);
    cr_expect_null(unwell_due(&u, 10999, limits.max_ms));
    g = unwell_due(&u, 11000, limits.max_ms);
    cr_assert_not_null(g);
    unwell_tried(g, 11000, &limits);
    cr_expect_eq(unwell_next_ms(&u), 31000);
    cr_expect_not_null(unwell_due(&u, -1000000, limits.max_ms), "the clock was set back");
    unwell_tried(g, 31000, &limits);
    cr_expect_eq(unwell_next_ms(&u), 61000, "a domain is looked at oftener than what was refused is tried");
    cr_expect_eq(unwell_waits(&u, &r), ASIDE_DOMAIN);
    cr_expect(unwell_domain_there(&u, &r));
    cr_expect(!unwell_domain_there(&u, &r));
    unwell_free(&u);
}

Test(unwell, many_domains_are_kept_apart)
{
    struct unwell u = { 0 };
    char domain[16];

    for (int i = 0; i < 3000; i++) {
        struct aside_row r = row(1, ACTION_ACCOUNT_CREATE, domain);

        snprintf(domain, sizeof(domain), "d%d", i);
        r.domain = slice_of(domain);
        unwell_no_domain(&u, &r, 0, &limits);
    }
    for (int i = 0; i < 3000; i++) {
        struct aside_row r = row(1, ACTION_ACCOUNT_CREATE, domain);

        snprintf(domain, sizeof(domain), "d%d", i);
        r.domain = slice_of(domain);
        cr_assert_eq(unwell_waits(&u, &r), ASIDE_DOMAIN);
    }
    cr_expect_eq(u.n, 3000u);
    unwell_free(&u);
}
