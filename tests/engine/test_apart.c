/* Containers under what the bases of accounts and groups share, which can't be searched at times: then under each on its own. */
#include <criterion/criterion.h>

#include "harness.h"

#define PEOPLE "ou=people,dc=example,dc=com"
#define SALES  "ou=sales," PEOPLE
#define GROUPS "ou=groups,dc=example,dc=com"

/* bob lies in ou=sales in ou=people; ou=groups beside it. */
static void begin(void)
{
    static char groups[] = GROUPS, group_of_names[] = "groupOfNames";

    scene_open();
    conf.group_base = groups;
    conf.group_class = group_of_names;
    scene_containers();
    dir_put_many(20);
    dir_put("bob", NULL);
    dir_at("bob", "uid=bob," SALES);
}

TestSuite(apart, .init = begin, .fini = scene_close, .timeout = 60);

/* Containers are shown by another search from now on. */
static void put_containers(enum search_kind people, enum search_kind groups)
{
    speak_of(people);
    dir_put("people", NULL);
    dir_at("people", PEOPLE);
    dir_put("sales", NULL);
    dir_at("sales", SALES);
    speak_of(groups);
    dir_put("groups", NULL);
    dir_at("groups", GROUPS);
}

static void one(enum search_kind kind, bool cookie)
{
    speak_of(kind);
    if (kind == SEARCH_ACCOUNTS)
        session(cookie);
    else
        search_begins(cookie);
}

static void all(enum search_kind kind, bool cookie)
{
    speak_of(kind);
    if (!cookie)
        tell_all();
    if (cookie)
        done_delete();
    else
        done_present();
}

static void session_apart(bool cookie, bool of_containers)
{
    provider_closed(true);
    one(SEARCH_ACCOUNTS, cookie);
    one(SEARCH_GROUPS, cookie);
    one(SEARCH_NEAR_CONTAINERS, of_containers);
    one(SEARCH_MORE_CONTAINERS, of_containers);
    all(SEARCH_ACCOUNTS, cookie);
    all(SEARCH_GROUPS, cookie);
    all(SEARCH_NEAR_CONTAINERS, of_containers);
    cr_assert_eq(mirror->insync_ms, 0, "one is not through");
    all(SEARCH_MORE_CONTAINERS, of_containers);
}

static void session_together(bool cookie, bool of_containers)
{
    provider_closed(false);
    one(SEARCH_ACCOUNTS, cookie);
    one(SEARCH_GROUPS, cookie);
    one(SEARCH_CONTAINERS, of_containers);
    all(SEARCH_ACCOUNTS, cookie);
    all(SEARCH_GROUPS, cookie);
    cr_assert_eq(mirror->insync_ms, 0, "one is not through");
    all(SEARCH_CONTAINERS, of_containers);
}

Test(apart, each_base_on_its_own_makes_it_in_sync)
{
    put_containers(SEARCH_NEAR_CONTAINERS, SEARCH_MORE_CONTAINERS);
    session_apart(false, false);
    cr_assert_neq(mirror->insync_ms, 0);
    cr_assert_eq(txn_count((mirror_begin(mirror), mirror->t), TABLE_CONTAINER), 3u);
    expect_many(21, "create ");
    speak_of(SEARCH_NEAR_CONTAINERS);
    dir_rename("sales", "ou=sold," PEOPLE);
    tell("sales");
    expect_dn("bob", "uid=bob,ou=sold," PEOPLE);
    dir_rename("sales", "ou=sold," GROUPS);
    tell_gone("sales");
    expect_pending("bob", PENDING_DELETE, PENDING_UNPROVEN);
}

Test(apart, what_went_while_the_way_changed_is_found)
{
    put_containers(SEARCH_CONTAINERS, SEARCH_CONTAINERS);
    session_together(false, false);
    cr_assert_neq(mirror->insync_ms, 0);
    expect_many(21, "create ");
    cr_assert_str_not_empty(cookie_stored_of(SEARCH_CONTAINERS));
    lost();
    put_containers(SEARCH_NEAR_CONTAINERS, SEARCH_MORE_CONTAINERS);
    dir_remove("bob");
    dir_remove("sales");
    session_apart(true, false);
    cr_assert_neq(mirror->insync_ms, 0);
    cr_assert_str_empty(cookie_stored_of(SEARCH_CONTAINERS), "it would skip what was told meanwhile");
    cr_assert(was_asked("sales"));
    answer();
    expect_pending("bob", PENDING_DELETE, PENDING_UNPROVEN);
}

Test(apart, and_back_again)
{
    put_containers(SEARCH_NEAR_CONTAINERS, SEARCH_MORE_CONTAINERS);
    session_apart(false, false);
    expect_many(21, "create ");
    lost();
    put_containers(SEARCH_CONTAINERS, SEARCH_CONTAINERS);
    session_together(true, false);
    cr_assert_neq(mirror->insync_ms, 0);
    cr_assert_str_empty(cookie_stored_of(SEARCH_NEAR_CONTAINERS));
    cr_assert_str_empty(cookie_stored_of(SEARCH_MORE_CONTAINERS));
    speak_of(SEARCH_CONTAINERS);
    dir_remove("sales");
    tell_gone("sales");
    expect_pending("bob", PENDING_DELETE, PENDING_UNPROVEN);
}

/* The watchdog reads for all, and nobody lists the ones that are not made. */
Test(apart, what_is_not_made_is_not_waited_for)
{
    put_containers(SEARCH_NEAR_CONTAINERS, SEARCH_MORE_CONTAINERS);
    session_apart(false, false);
    expect_many(21, "create ");
    expect_restart(NULL);
    speak_of(SEARCH_ACCOUNTS);
    changes("u001", "givenName", "Una", NULL);
    expect_many(1, "update ");
    watch();
    cr_assert_not(is_listing_due());
    pass_s(86400);
    for (int i = 0; i < 4; i++) {
        list_everything(0);
        if (asked())
            answer();
    }
    cr_assert_not(is_listing_due());
}
