/* Creations: what the account is afterwards, round trips, refusals in the middle, values that try to be commands. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

static struct action *whole_account(struct world *w, int who, const char *address)
{
    struct action *a = create(w, who, address, "Ann");

    set(w, a, "contactInfo.lastName", "Lee");
    set(w, a, "quotas.totalMessageSize", "2048");
    set(w, a, "limits.services", "imap webmail");
    set(w, a, "account.accountType", "premium");
    alias(w, a, "a.lee@example.com");
    return a;
}

Test(axigen_create, everything)
{
    struct world *w = world_new(NULL);
    struct axigen_record r;

    expect_done(w, whole_account(w, 1, "ann@example.com"));
    expect_part(w, "ann@example.com", "contactInfo", "{\"firstName\":\"Ann\",\"lastName\":\"Lee\"}");
    expect_part(w, "ann@example.com", "quotas.totalMessageSize", "2048");
    expect_part(w, "ann@example.com", "limits.services", "[\"imap\",\"webmail\"]");
    expect_part(w, "ann@example.com", "aliases", "[\"a.lee\"]");
    expect_part(w, "ann@example.com", "settings.accountType", "\"premium\"");
    cr_assert(record_of(w, 1, &r));
    cr_assert_eq(r.n_aliases, 1u);
    cr_assert(!r.unmarked && !r.adopted && r.state == RECORD_ACTIVE);
    cr_assert_eq(emulator_counter(w->emulator, "unknown") + emulator_counter(w->emulator, "malformed"), 0);
    cr_assert_eq(emulator_counter(w->emulator, "domainSettings"), 0);
    world_free(&w);
}

Test(axigen_create, the_mark)
{
    struct world *w = world_new(NULL);
    char mark[64];

    expect_done(w, create(w, 1, "ann@example.com", "Ann"));
    snprintf(mark, sizeof(mark), "\"%s\"", uuid_text(1));
    expect_part(w, "ann@example.com", "settings.customerReference", mark);
    world_free(&w);
}

static struct action **many(struct world *w, size_t n)
{
    struct action **a = arena_alloc(&w->arena, n * sizeof(struct action *));

    for (size_t i = 0; i < n; i++) {
        char address[64], alias_address[64];

        snprintf(address, sizeof(address), "user%zu@example.com", i);
        snprintf(alias_address, sizeof(alias_address), "alias%zu@example.com", i);
        a[i] = create(w, (int)i + 1, address, "Ann");
        set(w, a[i], "contactInfo.lastName", "Lee");
        set(w, a[i], "quotas.totalMessageSize", "2048");
        alias(w, a[i], alias_address);
    }
    return a;
}

static void expect_all_done(size_t n)
{
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(items[i].outcome, OUTCOME_DONE, "%zu: %.*s", i, SLICE_ARG(items[i].words));
}

Test(axigen_create, one_round_trip_each)
{
    struct world *w = world_new(NULL);
    struct action **a = many(w, 200);
    struct err e = {0};
    long before = emulator_counter(w->emulator, "roundTrips"), trips;

    cr_assert_eq(apply(w, a, 200, NULL, &e), SINK_OK, "%s", e.text);
    expect_all_done(200);
    trips = emulator_counter(w->emulator, "roundTrips") - before;
    cr_assert_leq(trips, 200 + 10, "%ld round trips", trips);
    cr_assert_eq(emulator_counter(w->emulator, "refused"), 0);
    world_free(&w);
}

static char *state_with(const char *const *switches, int depth, size_t n)
{
    struct world *w = world_new(switches);
    struct err e = {0};
    char *state;

    w->settings.depth = depth;
    cr_assert_eq(apply(w, many(w, n), n, NULL, &e), SINK_OK, "%s", e.text);
    expect_all_done(n);
    cr_assert_leq(emulator_counter(w->emulator, "maxInFlight"), depth);
    state = state_of(w);
    world_free(&w);
    return state;
}

Test(axigen_create, every_depth_gives_the_same)
{
    char *expected = state_with(NULL, 64, 20);

    for (int depth = 1; depth < 10; depth++) {
        char *state = state_with(NULL, depth, 20);

        cr_assert_str_eq(state, expected);
        free(state);
    }
    free(expected);
}

/* However the server writes, and whatever it means by what the reference leaves open. */
Test(axigen_create, every_server_gives_the_same)
{
    static const char *const servers[][3] = {{"--bytewise", "yes"},    {"--separate", "yes"}, {"--glue", "3"},
                                             {"--strings", "bare"},    {"--colours", "yes"},  {"--keep", "domain"},
                                             {"--add", "now"},         {"--remove", "now"},   {"--freed", "now"},
                                             {"--user-status", "yes"}, {"--ok-text", "fine"}};
    char *expected = state_with(NULL, 64, 10);

    for (size_t i = 0; i < sizeof(servers) / sizeof(*servers); i++) {
        char *state = state_with(servers[i], 64, 10);

        cr_assert_str_eq(state, expected, "%s", servers[i][0]);
        free(state);
    }
    free(expected);
}

/* ---- refusals ---------------------------------------------------------------------------------------------------- */

Test(axigen_create, a_refused_account_in_the_middle)
{
    struct world *w = world_new((const char *const[]){"--refuse", "ADD Account*user3*=no such luck", NULL});
    struct action **a = many(w, 8);
    struct err e = {0};

    cr_assert_eq(apply(w, a, 8, NULL, &e), SINK_OK, "%s", e.text);
    for (size_t i = 0; i < 8; i++)
        cr_assert_eq(items[i].outcome, i == 3 ? OUTCOME_REFUSED : OUTCOME_DONE);
    cr_assert_not_null(memmem(items[3].words.p, items[3].words.len, "no such luck", 12));
    expect_absent(w, "user3@example.com");
    cr_assert_eq(emulator_counter(w->emulator, "domainSettings"), 0);
    emulator_control(w->emulator, "clear rules");
    expect_done(w, a[3]);
    expect_part(w, "user3@example.com", "contactInfo.lastName", "\"Lee\"");
    world_free(&w);
}

Test(axigen_create, licence_full)
{
    struct world *w = world_new((const char *const[]){"--licence", "3", NULL});
    struct action **a = many(w, 6);
    struct err e = {0};

    cr_assert_eq(apply(w, a, 6, NULL, &e), SINK_OK, "%s", e.text);
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(items[i].outcome, i < 3 ? OUTCOME_DONE : OUTCOME_REFUSED);
    cr_assert_not_null(memmem(items[5].words.p, items[5].words.len, "license", 7));
    world_free(&w);
}

/* One refused value: all others are there, the words name it, and the next account is not touched by it. */
static void expect_one_missing(const char *refuse, const char *field, const char *path, const char *other_path)
{
    struct world *w = world_new((const char *const[]){"--rule", refuse, NULL});
    struct action *a[] = {whole_account(w, 1, "ann@example.com"), create(w, 2, "bob@example.com", "Bob"),
                          create(w, 3, "carl@example.com", "Carl")};
    struct err e = {0};
    char *part;

    cr_assert_eq(apply(w, a, 3, NULL, &e), SINK_OK, "%s", e.text);
    cr_assert_eq(items[0].outcome, OUTCOME_REFUSED, "%s", refuse);
    cr_assert_not_null(memmem(items[0].words.p, items[0].words.len, field, strlen(field)), "%s: %.*s", field,
                       SLICE_ARG(items[0].words));
    cr_assert(items[1].outcome == OUTCOME_DONE && items[2].outcome == OUTCOME_DONE);
    part = part_of(w, false, "ann@example.com", path);
    cr_assert_str_eq(part, "");
    free(part);
    part = part_of(w, false, "ann@example.com", other_path);
    cr_assert_str_neq(part, "");
    free(part);
    expect_part(w, "bob@example.com", "contactInfo.firstName", "\"Bob\"");
    cr_assert_eq(emulator_counter(w->emulator, "domainSettings"), 0);
    emulator_control(w->emulator, "clear rules");
    expect_done(w, a[0]);
    part = part_of(w, false, "ann@example.com", path);
    cr_assert_str_neq(part, "");
    free(part);
    world_free(&w);
}

#define MISSING(pattern, times, field, path, other)                                                                    \
    expect_one_missing("refuse text bad times " times " pattern \"" pattern "\"", field ": bad", path, other)

Test(axigen_create, refused_values)
{
    MISSING("SET *lastName*", "2", "contactInfo.lastName", "contactInfo.lastName", "contactInfo.firstName");
    MISSING("SET totalMessageSize*", "1", "quotas.totalMessageSize", "quotas.totalMessageSize", "limits.services");
    MISSING("SET services*", "1", "limits.services", "limits.services", "quotas.totalMessageSize");
    MISSING("ADD Alias*", "1", "alias a.lee@example.com", "aliases", "contactInfo.firstName");
    MISSING("SET accountType*", "1", "accountType", "settings.accountType", "aliases");
}

Test(axigen_create, refused_contexts)
{
    MISSING("CONFIG ContactInfo", "1", "contactInfo", "contactInfo", "limits.services");
    MISSING("CONFIG Quotas", "1", "quotas", "quotas", "limits.services");
    MISSING("CONFIG Limits", "1", "limits", "limits", "quotas.totalMessageSize");
}

/* Refused once it is set on the spot; refused twice the account is known to be ours, and its mark comes with the next
 * attempt. */
Test(axigen_create, refused_mark)
{
    static const char rule[] = "rule refuse text bad pattern \"SET customerReference*\" times %d";
    struct world *w = world_new(NULL);
    struct action *a = whole_account(w, 1, "ann@example.com");
    struct axigen_record r;
    char mark[64];

    emulator_control(w->emulator, rule, 1);
    expect_done(w, create(w, 2, "bob@example.com", "Bob"));
    emulator_control(w->emulator, rule, 2);
    expect_outcome(w, a, OUTCOME_REFUSED, "customerReference: bad");
    expect_part(w, "ann@example.com", "settings.customerReference", "");
    cr_assert(record_of(w, 1, &r) && r.unmarked);
    expect_outcome(w, delete_of(w, 1, "ann@example.com", CAUSE_DELETE), OUTCOME_PARK, "no customerReference");
    expect_done(w, a);
    snprintf(mark, sizeof(mark), "\"%s\"", uuid_text(1));
    expect_part(w, "ann@example.com", "settings.customerReference", mark);
    cr_assert(record_of(w, 1, &r) && !r.unmarked);
    world_free(&w);
}

/* A DONE that is refused keeps us below the account: COMMIT must save nothing by halves and hit nothing else. */
Test(axigen_create, refused_done)
{
    struct world *w = world_new((const char *const[]){"--rule", "refuse pattern DONE nth 1 text bad", NULL});
    struct action *a[] = {whole_account(w, 1, "ann@example.com"), create(w, 2, "bob@example.com", "Bob")};
    struct err e = {0};

    cr_assert_eq(apply(w, a, 2, NULL, &e), SINK_OK, "%s", e.text);
    cr_assert_eq(items[0].outcome, OUTCOME_REFUSED);
    cr_assert_eq(items[1].outcome, OUTCOME_DONE, "%.*s", SLICE_ARG(items[1].words));
    cr_assert_eq(emulator_counter(w->emulator, "domainSettings"), 0);
    expect_done(w, a[0]);
    expect_part(w, "ann@example.com", "contactInfo", "{\"firstName\":\"Ann\",\"lastName\":\"Lee\"}");
    world_free(&w);
}

Test(axigen_create, refused_commit)
{
    struct world *w =
        world_new((const char *const[]){"--rule", "refuse pattern COMMIT context domain-account nth 1 text bad", NULL});
    struct action *a[] = {whole_account(w, 1, "ann@example.com"), create(w, 2, "bob@example.com", "Bob")};
    struct err e = {0};

    cr_assert_eq(apply(w, a, 2, NULL, &e), SINK_OK, "%s", e.text);
    cr_assert_eq(items[0].outcome, OUTCOME_REFUSED);
    cr_assert_eq(items[1].outcome, OUTCOME_DONE);
    expect_absent(w, "ann@example.com");
    expect_done(w, a[0]);
    world_free(&w);
}

static void refused_domain_commit(const char *keep)
{
    struct world *w = world_new(
        (const char *const[]){"--keep", keep, "--rule", "refuse pattern COMMIT context domain nth 1 text bad", NULL});
    struct action *a[] = {whole_account(w, 1, "ann@example.com"), create(w, 2, "bob@example.com", "Bob")};
    struct err e = {0};

    cr_assert_eq(apply(w, a, 2, NULL, &e), SINK_OK, "%s", e.text);
    cr_assert(items[0].outcome == OUTCOME_REFUSED && items[1].outcome == OUTCOME_REFUSED);
    cr_assert_eq(apply(w, a, 2, NULL, &e), SINK_OK, "%s", e.text);
    expect_all_done(2);
    expect_part(w, "ann@example.com", "contactInfo", "{\"firstName\":\"Ann\",\"lastName\":\"Lee\"}");
    world_free(&w);
}

Test(axigen_create, refused_commit_of_the_domain)
{
    refused_domain_commit("account");
    refused_domain_commit("domain");
}

/* ---- domains ----------------------------------------------------------------------------------------------------- */

Test(axigen_create, domains)
{
    struct world *w = world_new(NULL);
    struct action *a[] = {create(w, 1, "ann@nowhere.net", "Ann"), create(w, 2, "bob@example.com", "Bob"),
                          create(w, 3, "carl@other.org", "Carl"), create(w, 4, "dora@nowhere.net", "Dora"),
                          create(w, 5, "eve@example.com", "Eve")};
    struct err e = {0};

    cr_assert_eq(apply(w, a, 5, NULL, &e), SINK_OK, "%s", e.text);
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(items[i].outcome, i % 3 == 0 ? OUTCOME_DOMAIN : OUTCOME_DONE);
    cr_assert_not_null(memmem(items[3].words.p, items[3].words.len, "nowhere.net", 11));
    emulator_control(w->emulator, "domain nowhere.net");
    expect_done(w, a[0]);
    world_free(&w);
}

Test(axigen_create, another_writer)
{
    struct world *w = world_new(NULL);
    struct action *a = create(w, 1, "ann@example.com", "Ann");

    by_hand(w, "example.com", "{'settings':{'enableLDAPSync':'yes'}}");
    expect_outcome(w, a, OUTCOME_DOMAIN, "enableLDAPSync");
    expect_absent(w, "ann@example.com");
    by_hand(w, "example.com", "{'settings':{'enableLDAPSync':'no'}}");
    expect_done(w, a);
    world_free(&w);
}

Test(axigen_create, wrong_password_and_no_server)
{
    struct world *w = world_new(NULL);
    struct action *a = create(w, 1, "ann@example.com", "Ann");
    struct err e = {0};
    uint64_t position = 1;

    w->settings.password = "wrong\"\\";
    cr_assert_eq(w->sink->class->open(w->sink, 7, &position, &e), -1);
    cr_assert_eq(e.class, ERR_UNAVAILABLE);
    cr_assert_null(strstr(e.text, "wrong"), "%s", e.text);
    cr_assert_eq(apply(w, &a, 1, NULL, &e), SINK_DOWN);
    w->settings.password = "secret";
    cr_assert_eq(w->sink->class->open(w->sink, 7, &position, &e), 0, "%s", e.text);
    cr_assert_eq(position, 7u);
    emulator_kill(w->emulator);
    cr_assert_eq(apply(w, &a, 1, NULL, &e), SINK_DOWN);
    emulator_restart(w->emulator, NULL);
    expect_done(w, a);
    world_free(&w);
}

/* ---- hostile values ---------------------------------------------------------------------------------------------- */

static const char *const hostile[] = {
    "\"",
    "\\",
    "\\\"",
    "a\" lastName \"b",
    "x\" ; COMMIT",
    "') REMOVE Account ann",
    "<domain#> ",
    "+OK: done",
    "-ERR: no",
    ".",
    "..",
    "()",
    "(a b)",
    "  two  blanks  ",
    "\\",
    "\\\\\"",
    "%s%n",
    "näïve \xe2\x82\xac \xf0\x9f\x98\x80",
    "'",
    "$HOME",
    "yes",
    "0",
    "SET password \"x\"",
    "BACK",
    "a\\",
    "\"\"",
    "#",
    "\xc2\xa0",
};

Test(axigen_create, hostile_values_in_every_field)
{
    struct world *w = world_new(NULL);
    size_t n = sizeof(hostile) / sizeof(*hostile);
    static const char *const fields[] = {"contactInfo.firstName", "contactInfo.lastName", "contactInfo.businessAddress",
                                         "contactInfo.company", "contactInfo.website"};

    for (size_t i = 0; i < n; i++) {
        char address[64];
        struct action *a;

        snprintf(address, sizeof(address), "user%zu@example.com", i);
        a = make(w, ACTION_ACCOUNT_CREATE, (int)i + 1, address);
        for (size_t k = 0; k < 5; k++)
            set(w, a, fields[k], hostile[(i + k) % n]);
        expect_done(w, a);
        for (size_t k = 0; k < 5; k++) {
            json_t *expected = json_string(hostile[(i + k) % n]);
            char *text = json_dumps(expected, JSON_COMPACT | JSON_ENCODE_ANY);

            expect_part(w, address, fields[k], text);
            free(text);
            json_decref(expected);
        }
    }
    cr_assert_eq(emulator_counter(w->emulator, "refused"), 0);
    cr_assert_eq(emulator_counter(w->emulator, "accountsAdded"), (long)n);
    cr_assert_eq(emulator_counter(w->emulator, "domainSettings"), 0);
    world_free(&w);
}

/* Everywhere else the server refuses them, and nothing else happens. */
Test(axigen_create, hostile_values_elsewhere)
{
    static const char *const fields[] = {"account.accountType", "account.class", "quotas.mboxCount"};
    struct world *w = world_new(NULL);
    size_t n = sizeof(hostile) / sizeof(*hostile);
    char *before, *after;

    expect_done(w, create(w, 1, "ann@example.com", "Ann"));
    before = state_of(w);
    for (size_t i = 0; i < n * 3; i++) {
        struct action *a = make(w, ACTION_ACCOUNT_UPDATE, 1, "ann@example.com");

        if (i % 3 == 2 && strcmp(hostile[i / 3], "0") == 0)
            continue; /* a number */
        set(w, a, fields[i % 3], hostile[i / 3]);
        expect_outcome(w, a, OUTCOME_REFUSED, "");
    }
    for (size_t i = 0; i < n; i++) {
        struct action *a = make(w, ACTION_ACCOUNT_UPDATE, 1, "ann@example.com");

        if (strpbrk(hostile[i], "\"\\'<:;%$#.\xc2") == NULL)
            continue; /* words are services to us */
        set(w, a, "limits.services", hostile[i]);
        expect_outcome(w, a, OUTCOME_PARK, "limits.services");
    }
    after = state_of(w);
    cr_assert_str_eq(after, before);
    free(before);
    free(after);
    world_free(&w);
}

Test(axigen_create, hostile_names)
{
    static const char *const names[] = {"a\"b@example.com", "a\\@example.com", "o'neil@example.com", "a(b@example.com",
                                        "a\" password \"x@example.com"};
    struct world *w = world_new(NULL);
    struct err e = {0};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct action *a = create(w, (int)i + 1, names[i], "Ann");

        cr_assert_eq(apply(w, &a, 1, NULL, &e), SINK_OK, "%s", e.text);
        cr_assert(items[0].outcome == OUTCOME_DONE || items[0].outcome == OUTCOME_REFUSED, "%s", names[i]);
        if (items[0].outcome == OUTCOME_DONE)
            expect_part(w, names[i], "contactInfo.firstName", "\"Ann\"");
    }
    cr_assert_eq(emulator_counter(w->emulator, "malformed") + emulator_counter(w->emulator, "unknown"), 0);
    cr_assert_eq(emulator_counter(w->emulator, "domainSettings"), 0);
    world_free(&w);
}

Test(axigen_create, what_can_not_be_sent_parks_and_the_rest_is_there)
{
    struct world *w = world_new(NULL);
    struct action *a = create(w, 1, "ann@example.com", "Ann");

    set(w, a, "contactInfo.lastName", "Lee\r\nREMOVE Account x");
    expect_outcome(w, a, OUTCOME_PARK, "contactInfo.lastName");
    expect_part(w, "ann@example.com", "contactInfo", "{\"firstName\":\"Ann\"}");
    expect_outcome(w, create(w, 2, "a\nb@example.com", "Ann"), OUTCOME_PARK, "can't be sent");
    world_free(&w);
}

Test(axigen_create, passwords)
{
    struct world *w = world_new(NULL);

    expect_done(w, create(w, 1, "ann@example.com", "Ann"));
    expect_part(w, "ann@example.com", "password", "\"48 lower upper digit other\"");
    world_free(&w);
}

/* A refusal costs few commands: Axigen may close a connection after too many. */
Test(axigen_create, refusals_are_few)
{
    struct world *w = world_new((const char *const[]){"--licence", "1", NULL});
    struct action **a = many(w, 11);
    struct err e = {0};

    cr_assert_eq(apply(w, a, 11, NULL, &e), SINK_OK, "%s", e.text);
    cr_assert_leq(emulator_counter(w->emulator, "refused"), 2 * 10);
    world_free(&w);
}
