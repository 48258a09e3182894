/* Whatever is cut off, wherever: in the end the server is as if nothing had been. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

#define AXSYNC(who) "axsync-aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaa000" who "@example.com"

struct story {
    struct action *a[64];
    size_t n;
    size_t batch;
};

static void tell(struct story *s, struct action *a)
{
    s->a[s->n++] = a;
}

static struct action *update(struct world *w, int who, const char *address, const char *office)
{
    struct action *a = make(w, ACTION_ACCOUNT_UPDATE, who, address);

    set(w, a, "contactInfo.office", office);
    return a;
}

/* Creations in one batch. */
static void story_creates(struct world *w, struct story *s)
{
    for (int i = 1; i <= 4; i++) {
        char address[64], other[64];
        struct action *a;

        snprintf(address, sizeof(address), "user%d@%s", i, i == 3 ? "other.org" : "example.com");
        snprintf(other, sizeof(other), "alias%d@%s", i, i == 3 ? "other.org" : "example.com");
        a = create(w, i, address, "Ann");
        set(w, a, "quotas.totalMessageSize", "100");
        alias(w, a, other);
        tell(s, a);
    }
    s->batch = 4;
}

/* Two people take each other's address. */
static void story_swap(struct world *w, struct story *s)
{
    tell(s, create(w, 1, "ann@example.com", "Ann"));
    tell(s, create(w, 2, "bob@example.com", "Bob"));
    tell(s, rename_to(w, 1, "ann@example.com", AXSYNC("1")));
    tell(s, rename_to(w, 2, "bob@example.com", "ann@example.com"));
    tell(s, rename_to(w, 1, AXSYNC("1"), "bob@example.com"));
    tell(s, update(w, 1, "bob@example.com", "one"));
    tell(s, update(w, 2, "ann@example.com", "two"));
}

/* Leave, delete, return under another name, and somebody else at the old one. */
static void story_return(struct world *w, struct story *s)
{
    struct action *a = create(w, 1, "ann@example.com", "Ann");

    set(w, a, "limits.services", "imap pop3");
    alias(w, a, "a.lee@example.com");
    tell(s, a);
    tell(s, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    tell(s, create(w, 2, "ann@example.com", "Other"));
    tell(s, create(w, 1, "anne@example.com", "Anne"));
    tell(s, delete_of(w, 1, "anne@example.com", CAUSE_DELETE));
    tell(s, create(w, 1, "ann2@example.com", "Ann2"));
    tell(s, delete_of(w, 2, "ann@example.com", CAUSE_DELETE));
}

/* What a locked account still has is not what it had. */
static void story_lock(struct world *w, struct story *s)
{
    struct action *a = create(w, 1, "ann@example.com", "Ann");

    w->settings.leave_policy = AXIGEN_LOCK;
    set(w, a, "limits.services", "imap pop3");
    tell(s, a);
    tell(s, delete_of(w, 1, "ann@example.com", CAUSE_LEAVE));
    tell(s, create(w, 1, "ann@example.com", "Ann"));
}

static void story_rebind(struct world *w, struct story *s)
{
    struct action *a;

    tell(s, create(w, 1, "ann@example.com", "Ann"));
    a = make(w, ACTION_ACCOUNT_REBIND, 2, "ann@example.com");
    a->from = slice_of("aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaa0001");
    tell(s, a);
    tell(s, update(w, 2, "ann@example.com", "two"));
}

static void story_groups(struct world *w, struct story *s)
{
    struct action *a;

    a = make(w, ACTION_GROUP_CREATE, 50, "staff@example.com");
    set(w, a, "group.receiveEmailFrom", "members");
    tell(s, a);
    a = make(w, ACTION_GROUP_MEMBERS, 50, "staff@example.com");
    member(w, a, true, "ann@example.com");
    member(w, a, true, "bob@example.com");
    tell(s, a);
    a = make(w, ACTION_GROUP_RENAME, 50, "team@example.com");
    a->from = slice_of("staff@example.com");
    tell(s, a);
    a = make(w, ACTION_GROUP_MEMBERS, 50, "team@example.com");
    member(w, a, true, "carl@example.com");
    member(w, a, false, "ann@example.com");
    tell(s, a);
    tell(s, make(w, ACTION_GROUP_CREATE, 51, "staff@example.com"));
    a = make(w, ACTION_GROUP_DELETE, 51, "staff@example.com");
    a->cause = CAUSE_DELETE;
    tell(s, a);
}

static void story_remove(struct world *w, struct story *s)
{
    w->settings.retention_s = 0;
    tell(s, create(w, 1, "ann@example.com", "Ann"));
    tell(s, create(w, 2, "bob@example.com", "Bob"));
    tell(s, delete_of(w, 1, "ann@example.com", CAUSE_DELETE));
    tell(s, create(w, 3, "ann@example.com", "Other"));
}

typedef void (*story_maker)(struct world *w, struct story *s);

static const story_maker stories[] = {story_creates, story_lock,   story_swap,  story_return,
                                      story_rebind,  story_groups, story_remove};
#define STORIES (sizeof(stories) / sizeof(*stories))

/* Runs a story with this rule of the emulator (NULL: none), and tells how the server is then. */
static char *run(struct world *w, story_maker story, const char *rule)
{
    struct story s = {0};

    world_empty(w);
    if (rule)
        emulator_control(w->emulator, "%s", rule);
    w->first = true; /* an account that ADD made at once, and that was cut off before its mark, is adopted */
    w->settings.retention_s = 3600;
    w->settings.leave_policy = AXIGEN_DISABLE;
    story(w, &s);
    deliver(w, s.a, s.n, s.batch);
    return state_of(w);
}

/* The Nth command that fits, of all connections, is done or not done and the connection ends; for every N until the
 * story has no Nth one. */
static void storm(struct world *w, story_maker story, const char *how, int step)
{
    char *calm = run(w, story, NULL), *state;
    int n = 0;

    cr_assert_eq(w->downs, 0u);
    do {
        char rule[128];

        snprintf(rule, sizeof(rule), "rule %s context domain* nth %d", how, n += step);
        state = run(w, story, rule);
        cr_assert_str_eq(state, calm, "%s: %s", rule, state);
        free(state);
    } while (w->downs > 0);
    cr_assert_gt(n, 5);
    free(calm);
}

static void storms(const char *how, int step, const char *option, const char *value)
{
    struct world *w = world_new((const char *const[]){option, value, NULL});

    for (size_t i = 0; i < STORIES; i++)
        storm(w, stories[i], how, step);
    cr_assert_eq(emulator_counter(w->emulator, "domainSettings"), 0);
    world_free(&w);
}

Test(axigen_storm, cut_off_before, .timeout = 300)
{
    storms("drop-before", 1, NULL, NULL);
}

Test(axigen_storm, cut_off_after, .timeout = 300)
{
    storms("drop-after", 1, NULL, NULL);
}

Test(axigen_storm, cut_off_inside_the_answer, .timeout = 300)
{
    storms("drop-inside", 5, NULL, NULL);
}

Test(axigen_storm, saved_by_the_domain_only, .timeout = 300)
{
    storms("drop-after", 3, "--keep", "domain");
}

Test(axigen_storm, removed_at_once, .timeout = 300)
{
    storms("drop-after", 3, "--remove", "now");
}

Test(axigen_storm, added_at_once, .timeout = 300)
{
    storms("drop-after", 3, "--add", "now");
}

/* What the reference leaves open changes nothing, nor does the manner in which a server writes; both with a cut in it.
 */
Test(axigen_storm, every_server_ends_the_same, .timeout = 300)
{
    static const char *const servers[][2] = {{"--strings", "bare"}, {"--escapes", "no"},   {"--bytewise", "yes"},
                                             {"--freed", "now"},    {"--keep", "domain"},  {"--remove", "now"},
                                             {"--glue", "3"},       {"--colours", "yes"},  {"--separate", "yes"},
                                             {"--ok-text", "fine"}, {"--round-trip", "1"}, {"--user-status", "yes"}};
    struct world *w = world_new(NULL);
    char *calm[STORIES];

    for (size_t i = 0; i < STORIES; i++)
        calm[i] = run(w, stories[i], NULL);
    world_free(&w);
    for (size_t k = 0; k < sizeof(servers) / sizeof(*servers); k++) {
        w = world_new((const char *const[]){servers[k][0], servers[k][1], NULL});
        w->settings.depth = 1 + (int)k % 5;
        for (size_t i = 0; i < STORIES; i++) {
            char *state = run(w, stories[i], k % 2 ? "rule drop-after context domain* nth 9" : NULL);

            cr_assert_str_eq(state, calm[i], "%s: %s", servers[k][0], state);
            free(state);
        }
        world_free(&w);
    }
    for (size_t i = 0; i < STORIES; i++)
        free(calm[i]);
}

/* The item that was being done when the connection broke is named, so that it alone can be set aside. */
Test(axigen_storm, who_was_under_way)
{
    struct world *w = world_new(NULL);
    struct action *a[10];
    struct err e = {0};

    for (int i = 0; i < 10; i += 3) {
        world_empty(w);
        for (int k = 0; k < 10; k++) {
            char address[64];

            snprintf(address, sizeof(address), "user%d@example.com", k);
            a[k] = create(w, k + 1, address, "Ann");
            snprintf(address, sizeof(address), "alias%d@example.com", k);
            alias(w, a[k], address);
        }
        emulator_control(w->emulator, "rule drop-before nth 1 pattern \"ADD Alias*alias%d*\"", i);
        cr_assert_eq(apply(w, a, 10, NULL, &e), SINK_DOWN);
        cr_assert_eq(under_way, (size_t)i, "%zu instead of %d", under_way, i);
    }
    world_free(&w);
}

/* Every connection ends after so many commands. */
Test(axigen_storm, short_connections, .timeout = 300)
{
    struct world *w = world_new(NULL);
    char *calm = run(w, story_return, NULL);

    for (int n = 14; n < 40; n++) {
        char rule[64], *state;

        snprintf(rule, sizeof(rule), "drop-after %d", n);
        state = run(w, story_return, rule);
        cr_assert_str_eq(state, calm, "%s", rule);
        free(state);
    }
    free(calm);
    world_free(&w);
}
