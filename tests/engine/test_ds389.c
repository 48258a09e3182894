/* 389 Directory Server: no CSNs, no stamps that tell what is newer, resumes that do not tell everything. */
#include <criterion/criterion.h>

#include "harness.h"
#include "scene.h"

static void begin(void)
{
    scene_open();
    provider_is_389();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    dir_put_many(18);
    conf.delete_grace = 0;
}

TestSuite(ds389, .init = begin, .fini = scene_close, .timeout = 60);

static void first_refresh(void)
{
    session(false);
    tell_all();
    done_delete();
    expect_many(20, "create ");
    pass_s(1);
    cr_assert_not(is_listing_due());
}

Test(ds389, a_refresh_only_with_a_cookie_proves_no_absence)
{
    poll_begins(false);
    tell_all();
    polled(true);
    expect_many(20, "create ");
    pass_s(1);
    poll_begins(true);
    polled(true);
    cr_assert_eq(asked(), 0u);
    expect_none("ann");
    expect_nothing();
}

Test(ds389, what_a_resume_tells_counts_and_is_read_again)
{
    first_refresh();
    lost();
    session(true);
    dir_put("ann", "givenName", "Anna", NULL);
    tell("ann");
    done_delete();
    expect("update ann@example.com contactInfo.firstName=Anna (modify, refresh)", NULL);
    cr_assert(was_asked("ann"));
    answer();
    expect_nothing();
    cr_assert_eq(asked(), 0u);
}

Test(ds389, an_answer_that_a_message_overtook_is_asked_for_again)
{
    first_refresh();
    lost();
    session(true);
    dir_put("ann", "givenName", "Anna", NULL);
    tell("ann");
    done_delete();
    expect_any();
    changes("ann", "givenName", "Annette", NULL);
    expect("update ann@example.com contactInfo.firstName=Annette (modify, persist)", NULL);
    answer_older("ann");
    expect_nothing();
    cr_assert(was_asked("ann"));
    answer();
    expect_nothing();
    cr_assert_eq(asked(), 0u);
}

Test(ds389, all_is_listed_soon_after_a_resume)
{
    first_refresh();
    lost();
    session(true);
    done_delete();
    cr_assert_not(is_listing_due());
    pass_s(conf.max_retry_interval);
    cr_assert(is_listing_due());
}

/* e-syncRefreshRequired, or a trimmed changelog. */
Test(ds389, what_the_same_server_does_not_show_is_gone)
{
    first_refresh();
    lost();
    dir_remove("ann");
    session(false);
    tell_all();
    done_delete();
    cr_assert(was_asked("ann"));
    answer_without_context("ldap://one");
    pass_s(2);
    answer_without_context("ldap://one");
    expect("delete ann@example.com (absent, refresh)", NULL);
}

/* Nothing tells whether it lags. */
Test(ds389, what_another_server_does_not_show_is_held)
{
    first_refresh();
    lost();
    dir_remove("ann");
    session_of("ldap://two");
    tell_all();
    done_delete();
    answer_without_context("ldap://two");
    expect_hold(1, 1, false);
    pass_s(1000);
    expect_nothing();
}

Test(ds389, a_number_that_moves_without_a_message_issues_the_search_again)
{
    first_refresh();
    watch();
    expect_restart(NULL);
    dir_put("carol", NULL);
    watch();
    pass_s(2 * conf.watchdog_interval);
    watch();
    expect_restart("lastChangeNumber moved");
}

/* ---- containers: an answer that was read before a change, and comes after the message of it -------------------- */

#define PEOPLE "ou=people,dc=example,dc=com"
#define SALES  "ou=sales," PEOPLE
#define SOLD   "ou=sold," PEOPLE

/* bob is in ou=sales. */
static void begin_with_branches(void)
{
    scene_open();
    scene_containers();
    provider_is_389();
    conf.reconcile_interval = 3600;
    dir_put_many(10);
    dir_put("bob", NULL);
    dir_at("bob", "uid=bob," SALES);
    speak_of(SEARCH_CONTAINERS);
    dir_put("sales", NULL);
    dir_at("sales", SALES);
    session(false);
    speak_of(SEARCH_CONTAINERS);
    search_begins(false);
    speak_of(SEARCH_ACCOUNTS);
    tell_all();
    done_delete();
    speak_of(SEARCH_CONTAINERS);
    tell_all();
    done_delete();
    expect_many(11, "create ");
}

TestSuite(ds389_branches, .init = begin_with_branches, .fini = scene_close, .timeout = 60);

static void rename_once(void)
{
    dir_rename("sales", SOLD);
    meanwhile(NULL);
    speak_of(SEARCH_CONTAINERS);
    tell("sales");
    expect_dn("bob", "uid=bob," SOLD);
}

/* What was overtaken is asked for, and told as it is. */
static void stands_renamed(void)
{
    cr_assert(was_asked("sales"));
    answer_without_context("ldap://one");
    expect_dn("bob", "uid=bob," SOLD);
    expect_none("bob");
    expect_nothing();
}

static void rename_when_listed(void)
{
    if (mirror->reconcile.search == &mirror->searches[1])
        rename_once();
}

Test(ds389_branches, a_listing_that_a_rename_overtook)
{
    cr_assert_not(is_listing_due());
    pass_s(3600);
    meanwhile(rename_when_listed);
    while (is_listing_due())
        list_everything(0);
    stands_renamed();
}

Test(ds389_branches, a_look_up_that_a_rename_overtook)
{
    uint8_t uuid[UUID_BYTES];

    uuid_of("sales", uuid);
    search_ask(&mirror->searches[1], uuid);
    scene_round(NULL);
    rename_once();
    dir_at("sales", SALES);   /* so it was when it was read */
    answer_without_context("ldap://one");
    dir_at("sales", SOLD);
    stands_renamed();
}

/* It is away and back again, and the look-up found it gone. */
Test(ds389_branches, a_look_up_that_its_return_overtook)
{
    tell_gone("sales");
    cr_assert(was_asked("sales"));
    tell("sales");
    answer_as(LOOKUP_DELETED);
    cr_assert(was_asked("sales"));
    answer_without_context("ldap://one");
    dir_rename("sales", SOLD);
    tell("sales");
    expect_dn("bob", "uid=bob," SOLD);
}

static void eve_changes(void)
{
    if (mirror->fetch.at != 0)
        return;
    meanwhile(NULL);
    speak_of(SEARCH_ACCOUNTS);
    changes("eve", "givenName", "Evita", NULL);
}

/* Who lies under one that came is read, and changed meanwhile. */
Test(ds389_branches, a_reading_that_a_change_overtook)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", "givenName", "Eve", NULL);
    dir_at("eve", "uid=eve,ou=new," PEOPLE);
    speak_of(SEARCH_CONTAINERS);
    dir_put("new", NULL);
    tell("new");
    meanwhile(eve_changes);
    read_subtree(0);
    expect("create eve@example.com contactInfo.firstName=Evita (add, persist)", NULL);
    cr_assert(was_asked("eve"));
}
