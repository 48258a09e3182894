/* Branches of a real directory: renamed, moved out of the base and into it, deleted as a whole, while axsync listens and while
 * it is down. slapd tells each by one message, for the top entry alone; after each the mail server (as the actions make it)
 * and the DNs in the state must be what the directory says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axsync_test.h"

#define STAFF 100   /* in ou=people itself */
#define SALES 12    /* in the branch, half of them in a branch of it */

#define ROOMY "guard { settle = 1 maxDeletes = 1000 maxDeletePercent = 90 }\n"   /* the guard is not what this is about */

static const struct directory_view everybody = {0};

static void add_branch(struct axsync *a, const char *dn, const char *name)
{
    DO(a, slapdtest_ldif_f(a->server, "dn: %s\nchangetype: add\nobjectClass: organizationalUnit\nou: %s\n\n", dn, name));
}

static void add_people(struct axsync *a, const char *parent, const char *prefix, int n)
{
    for (int i = 1; i <= n; i++)
        DO(a, slapdtest_ldif_f(a->server,
                               "dn: uid=%s%d,%s\nchangetype: add\nobjectClass: inetOrgPerson\nuid: %s%d\ncn: C\nsn: S\n"
                               "mail: %s%d@example.com\n\n",
                               prefix, i, parent, prefix, i, prefix, i));
}

/* ou=sales with half of its people in ou=north, under a parent. */
static void add_sales(struct axsync *a, const char *parent)
{
    char *sales, *north;

    if (asprintf(&sales, "ou=sales,%s", parent) < 0 || asprintf(&north, "ou=north,%s", sales) < 0)
        abort();
    add_branch(a, sales, "sales");
    add_branch(a, north, "north");
    add_people(a, sales, "seller", SALES / 2);
    add_people(a, north, "northman", SALES / 2);
    free(sales);
    free(north);
}

static struct axsync *company(unsigned sessionlog)
{
    struct slapdtest_options options = {.dbnosync = true, .sessionlog = sessionlog};
    struct axsync *a = axsync_new(run_company(&options, STAFF), ROOMY);

    add_sales(a, PEOPLE);
    axsync_start(a);
    axsync_await_mirror(a, &everybody);
    axsync_await_settled(a);
    return a;
}

/* ---- what must be ------------------------------------------------------------------------------------------- */

static bool same_state(struct axsync *a, void *difference)
{
    json_t *dump = axsync_dump(a), *directory = directory_accounts(a->server, &everybody, 1);
    char **text = difference;

    free(*text);
    *text = target_difference(dump, directory);
    json_decref(dump);
    json_decref(directory);
    return *text == NULL;
}

/* Target and state, DNs too, are the directory, and it took so many lines. */
static void mirrored_by(struct axsync *a, size_t before, size_t lines)
{
    char *difference = NULL;

    axsync_await_mirror(a, &everybody);
    axsync_await_settled(a);
    axsync_await(a, "the state, with its DNs, is the directory", same_state, &difference);
    CHECK(a, a->target.lines - before == lines, "%zu lines came, should be %zu", a->target.lines - before, lines);
    CHECK(a, axsync_output_count(a, before, "\"cause\":\"rename\"") == 0, "an address was renamed");
}

static void check_causes(struct axsync *a, size_t before, const char *cause)
{
    size_t n = axsync_output_count(a, before, cause);

    CHECK(a, n == SALES, "%zu lines with %s, should be %d", n, cause, SALES);
}

/* ---- what is done ------------------------------------------------------------------------------------------- */

struct step {
    void (*change)(struct axsync *a);
    size_t lines;          /* that come of it */
    const char *cause;     /* of all of them; NULL: whatever */
};

static void rename_branch(struct axsync *a)
{
    DO(a, slapdtest_rename(a->server, "ou=sales," PEOPLE, "ou=Sold \\2C or not", NULL));
}

static void rename_back(struct axsync *a)
{
    DO(a, slapdtest_rename(a->server, "ou=Sold \\2C or not," PEOPLE, "ou=sales", NULL));
}

static void move_out(struct axsync *a)
{
    DO(a, slapdtest_rename(a->server, "ou=sales," PEOPLE, "ou=sales", AWAY));
}

static void move_in(struct axsync *a)
{
    DO(a, slapdtest_rename(a->server, "ou=sales," AWAY, "ou=sales", PEOPLE));
}

/* slapd says nothing to a search of the deletion of what it does not show, not even by a new cookie: what is settled is seen by a
 * change after it. */
static void delete_branch(struct axsync *a)
{
    DO(a, slapdtest_delete_tree(a->server, "ou=sales," PEOPLE));
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "description", "nobody maps this"));
}

static void add_again(struct axsync *a)
{
    add_sales(a, PEOPLE);
}

static const struct step steps[] = {
    {rename_branch, 0, NULL},
    {rename_back, 0, NULL},
    {move_out, SALES, "\"cause\":\"leave\""},
    {move_in, SALES, "\"cause\":\"add\""},
    {delete_branch, SALES, "\"account.delete\""},
    {add_again, SALES, "\"cause\":\"add\""},
};

static void go(struct axsync *a, const struct step *step, bool down)
{
    size_t before = a->target.lines;

    if (down)
        axsync_stop(a);
    step->change(a);
    if (down)
        axsync_start(a);
    mirrored_by(a, before, step->lines);
    if (step->cause)
        check_causes(a, before, step->cause);
}

Test(subtree, while_it_listens, .timeout = 280)
{
    struct axsync *a = company(10000);

    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
        go(a, &steps[i], false);
    end_company(&a);
}

Test(subtree, while_it_is_down_by_session_log, .timeout = 280)
{
    struct axsync *a = company(10000);

    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
        go(a, &steps[i], true);
    end_company(&a);
}

/* Nobody tells of a deletion then: the branch is missing in the list, as it would be if the right to see it was lost. */
Test(subtree, while_it_is_down_by_present_phase, .timeout = 280)
{
    struct axsync *a = company(0);
    size_t before;

    for (size_t i = 0; i < 4; i++)
        go(a, &steps[i], true);
    before = a->target.lines;
    axsync_expect_error(a, "can't be read");
    axsync_stop(a);
    delete_branch(a);
    axsync_start(a);
    axsync_await_log(a, "can't be read");
    axsync_await_caught_up(a);
    CHECK(a, a->target.lines == before, "who might only be out of sight was deleted");
    end_company(&a);
}

/* ---- what the bases share can't be read --------------------------------------------------------------------- */

#define GROUPS "ou=groups," SUFFIX

static const char *const closed[] = {"to dn.exact=\"" SUFFIX "\" by * none", "to * by * read", NULL};
static const char *const open_to_all[] = {"to * by * read", NULL};

static void set_closed(struct slapdtest *s, bool on)
{
    cr_assert(slapdtest_set_access(s, on ? closed : open_to_all) == 0, "%s", slapdtest_error(s));
}

static size_t count_containers(struct axsync *a)
{
    json_t *connector = axsync_peek(a), *search;
    size_t i, n = 0;

    json_array_foreach(json_object_get(connector, "searches"), i, search)
        n += strcmp(axsync_text(search, "kind"), "containers") == 0;
    json_decref(connector);
    return n;
}

static bool all_wait(struct axsync *a, void *ctx)
{
    json_t *connector = axsync_peek(a);
    bool all = axsync_entries(connector, "waiting") == SALES;

    (void)ctx;
    json_decref(connector);
    return all;
}

static struct axsync *closed_company(void)
{
    struct slapdtest_options options = {.dbnosync = true, .sessionlog = 10000};
    struct slapdtest *s = run_company(&options, STAFF);
    struct axsync *a;

    cr_assert(slapdtest_add(s, GROUPS, "objectClass: organizationalUnit\nou: groups\n") == 0, "%s", slapdtest_error(s));
    set_closed(s, true);
    a = axsync_new(s, ROOMY "groupBaseDN = \"" GROUPS "\"\n");
    add_sales(a, PEOPLE);
    axsync_start(a);
    axsync_await_mirror(a, &everybody);
    axsync_await_settled(a);
    return a;
}

/* An administrator may let axsync read the two bases and nothing else. Renames are followed; but nothing proves then that somebody is
 * nowhere any more, so that whoever went stays. */
Test(subtree, bases_alone_may_be_read, .timeout = 280)
{
    struct axsync *a = closed_company();
    size_t before = a->target.lines;

    CHECK(a, count_containers(a) == 2, "%zu searches for containers", count_containers(a));
    CHECK(a, axsync_log_count(a, "can't be searched") == 1, "not told once");
    for (size_t i = 0; i < 4; i++)
        go(a, &steps[i % 2], i >= 2);
    move_out(a);
    axsync_await(a, "all of the branch waits", all_wait, NULL);
    move_in(a);
    mirrored_by(a, before, 0);
    end_company(&a);
}

/* The right is given before anybody goes, and taken before anybody comes. */
Test(subtree, bases_alone_may_be_read_at_times, .timeout = 280)
{
    struct axsync *a = closed_company();

    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        axsync_stop(a);
        set_closed(a->server, i % 2);
        axsync_start(a);
        axsync_await_caught_up(a);
        CHECK(a, count_containers(a) == (i % 2 ? 2 : 1), "%zu searches for containers", count_containers(a));
        go(a, &steps[i], false);
    }
    end_company(&a);
}
