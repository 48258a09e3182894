/* What lies under a container: renamed with it, gone with it, come with it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <time.h>

#include "containers.h"

#include "harness.h"

#define PEOPLE "ou=people,dc=example,dc=com"
#define SALES  "ou=sales," PEOPLE

/* ann lies in ou=people; bob and cat in ou=sales in it; dan in ou=north in ou=sales. */
static void begin(void)
{
    scene_open();
    scene_containers();
    dir_put_many(60);
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put("bob", NULL);
    dir_at("bob", "uid=bob," SALES);
    dir_put("cat", NULL);
    dir_at("cat", "uid=cat,OU=Sales, " PEOPLE);
    dir_put("dan", NULL);
    dir_at("dan", "uid=dan,ou=north," SALES);
    speak_of(SEARCH_CONTAINERS);
    dir_put("people", NULL);
    dir_at("people", PEOPLE);
    dir_put("sales", NULL);
    dir_put("north", NULL);
    dir_at("north", "ou=north," SALES);
    speak_of(SEARCH_ACCOUNTS);
}

/* Both searches begin; that for accounts is spoken of then. */
static void both(bool accounts_cookie, bool containers_cookie)
{
    session(accounts_cookie);
    speak_of(SEARCH_CONTAINERS);
    search_begins(containers_cookie);
    speak_of(SEARCH_ACCOUNTS);
}

static void in_sync(void)
{
    both(false, false);
    tell_all();
    done_present();
    speak_of(SEARCH_CONTAINERS);
    tell_all();
    done_present();
    cr_assert_neq(mirror->insync_ms, 0);
    cr_assert_eq(txn_count((mirror_begin(mirror), mirror->t), TABLE_CONTAINER), 3u);
    expect_many(64, "create ");
    cr_assert_not(is_subtree_due(), "all of it came by itself");
}

static void start(void)
{
    begin();
    in_sync();
}

TestSuite(subtree, .init = start, .fini = scene_close, .timeout = 60);

Test(subtree, a_rename_rewrites_what_lies_under_it)
{
    dir_rename("sales", "ou=Sold," PEOPLE);
    tell("sales");
    expect_nothing();
    expect_dn("bob", "uid=bob,ou=Sold," PEOPLE);
    expect_dn("cat", "uid=cat,ou=Sold," PEOPLE);   /* compared as LDAP compares */
    expect_dn("dan", "uid=dan,ou=north,ou=Sold," PEOPLE);
    expect_dn("ann", "uid=ann," PEOPLE);
    cr_assert_eq(asked(), 0u);
    cr_assert_not(is_subtree_due());
    dir_rename("north", "ou=south,ou=Sold," PEOPLE);   /* its own DN was rewritten, too */
    tell("north");
    expect_dn("dan", "uid=dan,ou=south,ou=Sold," PEOPLE);
    expect_dn("bob", "uid=bob,ou=Sold," PEOPLE);
}

Test(subtree, a_rename_is_told_once_and_means_nothing_twice)
{
    dir_rename("sales", "ou=sold," PEOPLE);
    tell("sales");
    tell("sales");
    expect_dn("bob", "uid=bob,ou=sold," PEOPLE);
    lost();
    both(true, true);
    done_delete();
    speak_of(SEARCH_CONTAINERS);
    tell("sales");
    done_delete();
    expect_dn("bob", "uid=bob,ou=sold," PEOPLE);
    cr_assert_eq(asked(), 0u);
}

Test(subtree, older_news_of_a_container_is_ignored)
{
    dir_rename("sales", "ou=sold," PEOPLE);
    tell("sales");
    dir_put("sales", NULL);
    tell("sales");
    dir_at("sales", SALES);
    tell_older("sales");
    expect_dn("bob", "uid=bob,ou=sold," PEOPLE);
}

Test(subtree, those_that_wait_or_are_invalid_move_too)
{
    struct slice dn, reason;
    uint8_t uuid[UUID_BYTES];
    struct object o;

    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", "mail", "bob@example.com", NULL);
    dir_at("eve", "uid=eve," SALES);
    tell("eve");
    dir_put("fay", "mail", "no address", NULL);
    dir_at("fay", "uid=fay," SALES);
    tell("fay");
    expect_waits("eve", true);
    expect_invalid("fay", true);
    dir_rename("sales", "ou=sold," PEOPLE);
    speak_of(SEARCH_CONTAINERS);
    tell("sales");
    mirror_begin(mirror);
    uuid_of("eve", uuid);
    cr_assert(want_get(mirror->t, uuid, &o, &mirror->a));
    cr_assert(slice_eq(o.dn, slice_of("uid=eve,ou=sold," PEOPLE)));
    uuid_of("fay", uuid);
    cr_assert(invalid_get(mirror->t, uuid, &dn, &reason, &mirror->a));
    cr_assert(slice_eq(dn, slice_of("uid=fay,ou=sold," PEOPLE)));
}

/* A kill in the middle: what is left is done at the next start, and nothing twice. */
Test(subtree, a_rename_goes_on_after_it_was_cut_short)
{
    scene_stopping(false);
    speak_of(SEARCH_ACCOUNTS);
    for (int i = 100; i < 900; i++) {
        char dn[64];

        dir_put(many(i), NULL);
        snprintf(dn, sizeof(dn), "uid=%s," SALES, many(i));
        dir_at(many(i), dn);
        tell(many(i));
    }
    expect_many(800, "create ");
    dir_rename("sales", "ou=sold," PEOPLE);
    speak_of(SEARCH_CONTAINERS);
    scene_stopping(true);
    tell("sales");
    expect_dn("bob", "uid=bob,ou=sold," PEOPLE);
    expect_dn("u899", "uid=u899," SALES);
    cr_assert_str_not_empty(cookie_stored());
    scene_stopping(false);
    scene_reopen();
    expect_dn("u899", "uid=u899,ou=sold," PEOPLE);
    expect_dn("u100", "uid=u100,ou=sold," PEOPLE);
    expect_dn("u001", "uid=u001," PEOPLE);
    both(true, true);
    done_delete();
    speak_of(SEARCH_CONTAINERS);
    tell("sales");
    done_delete();
    cr_assert_eq(asked(), 0u);
    expect_nothing();
}

Test(subtree, who_was_moved_out_has_left)
{
    dir_rename("sales", "ou=sales,ou=away,dc=example,dc=com");
    tell_gone("sales");
    expect_pending("bob", PENDING_DELETE, PENDING_UNPROVEN);
    expect_pending("dan", PENDING_DELETE, PENDING_UNPROVEN);
    expect_none("ann");
    answer();
    expect_pending("bob", PENDING_DELETE, PENDING_WAITING);
    pass_s(300);
    answer();
    expect("delete bob@example.com (leave, local)", "delete cat@example.com (leave, local)",
           "delete dan@example.com (leave, local)", NULL);
}

Test(subtree, a_container_that_was_never_gone_takes_nobody_with_it)
{
    tell_gone("sales");
    answer();
    expect_none("bob");
    expect_nothing();
    cr_assert_eq(asked(), 0u);
}

/* Found missing before it was told: only what was told explains why a parent can't be read. */
Test(subtree, one_that_was_missed_before_it_was_told_is_told)
{
    struct container c;
    uint8_t uuid[UUID_BYTES];

    dir_remove("bob");
    dir_remove("cat");
    dir_remove("dan");
    dir_remove("north");
    dir_remove("sales");
    lost();
    both(true, true);
    done_delete();
    speak_of(SEARCH_CONTAINERS);
    tell_present("people");
    done_present();
    answer();
    uuid_of("sales", uuid);
    cr_assert(containers_get((mirror_begin(mirror), mirror->t), uuid, &c, &mirror->a));
    cr_assert(c.gone && !c.told);
    tell_gone("sales");
    cr_assert(containers_get((mirror_begin(mirror), mirror->t), uuid, &c, &mirror->a));
    cr_assert(c.gone && c.told);
}

/* In a refresh nothing is looked up yet. Meanwhile bob was moved elsewhere without a word. */
Test(subtree, one_that_is_back_before_its_sweep_is_swept_all_the_same)
{
    lost();
    both(true, true);
    done_delete();
    speak_of(SEARCH_CONTAINERS);
    dir_rename("sales", "ou=sales,ou=away,dc=example,dc=com");
    tell_gone("sales");
    dir_at("bob", "uid=bob,ou=away,dc=example,dc=com");
    dir_rename("sales", "ou=back," PEOPLE);
    tell("sales");
    done_delete();
    expect_dn("cat", "uid=cat,ou=back," PEOPLE);
    cr_assert(was_asked("bob") && was_asked("cat"));
    answer();
    expect_none("cat");
    expect_pending("bob", PENDING_DELETE, PENDING_WAITING);
    expect_nothing();
}

/* What it shows then that is unknown counts as gone, so that it was not read. */
Test(subtree, what_a_search_that_is_behind_shows_is_read_again)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", NULL);
    dir_at("eve", "uid=eve,ou=new," PEOPLE);
    speak_of(SEARCH_CONTAINERS);
    dir_put("new", NULL);
    dir_at("new", "ou=new," PEOPLE);
    tell("new");
    mirror->searches[0].behind = true;
    read_subtree(0);
    expect_unknown("eve");
    mirror->searches[0].behind = false;
    pass_s(conf.retry_interval);
    read_subtree(0);
    expect("create eve@example.com (add, local)", NULL);
}

/* CPU time, so that what else the machine does is no matter. */
static double seconds_of(int containers)
{
    clock_t began;

    mirror_begin(mirror);
    for (int i = 0; i < containers; i++) {
        struct container c = { .search = SEARCH_CONTAINERS, .fetch = true };
        char dn[64];

        snprintf(dn, sizeof(dn), "ou=%d," PEOPLE, i);
        c.dn = slice_of(dn);
        memcpy(c.uuid, &i, sizeof(i));
        containers_put(mirror->t, &c);
    }
    began = clock();
    subtree_read(mirror);
    mirror->asked = 0;
    for (char *base = NULL; fetch_due(mirror, &base) != NULL; free(base)) {
        struct sync_msg end = { .type = SYNC_PROBE_END, .token = 7 };

        mirror->context_trusted = true;
        fetch_begin(mirror, &mirror->searches[mirror->fetch.at - 1], 7);
        fetch_end(mirror, &end);
    }
    cr_assert(fetch_is_idle(mirror));
    return (double)(clock() - began) / CLOCKS_PER_SEC;
}

Test(subtree, many_containers_that_come_at_once_cost_what_each_of_them_costs)
{
    double few = seconds_of(5000), many_more = seconds_of(50000);

    cr_assert_lt(many_more, 40 * few, "%f s, and of a tenth of them %f s", many_more, few);
}

Test(subtree, what_lies_under_one_that_comes_is_read)
{
    expect_nothing();
    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", "givenName", "Eve", NULL);
    dir_at("eve", "uid=eve,ou=new," PEOPLE);
    dir_put("fay", NULL);
    dir_at("fay", "uid=fay,ou=deep,ou=new," PEOPLE);
    speak_of(SEARCH_CONTAINERS);
    dir_put("new", NULL);
    dir_put("deep", NULL);
    dir_at("deep", "ou=deep,ou=new," PEOPLE);
    tell("new");
    cr_assert_eq(read_subtree(0), 4u);
    expect("create eve@example.com contactInfo.firstName=Eve (add, local)", "create fay@example.com (add, local)", NULL);
    cr_assert_not(is_subtree_due());
    dir_rename("deep", "ou=deeper,ou=new," PEOPLE);   /* it is known from that reading */
    tell("deep");
    expect_dn("fay", "uid=fay,ou=deeper,ou=new," PEOPLE);
    cr_assert_not(is_subtree_due());
}

Test(subtree, one_that_comes_is_read_after_a_restart_or_a_failure)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", NULL);
    dir_at("eve", "uid=eve,ou=new," PEOPLE);
    speak_of(SEARCH_CONTAINERS);
    dir_put("new", NULL);
    tell("new");
    read_subtree(51);
    expect_nothing();
    cr_assert_not(is_subtree_due());
    pass_s(10);
    cr_assert(is_subtree_due());
    scene_reopen();
    both(true, true);
    done_delete();
    speak_of(SEARCH_CONTAINERS);
    done_delete();
    cr_assert_eq(read_subtree(0), 2u);
    expect("create eve@example.com (add, local)", NULL);
    pass_s(10);
    cr_assert_not(is_subtree_due());
}

/* The reading was answered before the deletion, and comes after it. */
Test(subtree, who_was_deleted_meanwhile_is_not_read)
{
    struct mirror_search *s;
    char *base;

    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", NULL);
    dir_at("eve", "uid=eve,ou=new," PEOPLE);
    speak_of(SEARCH_CONTAINERS);
    dir_put("new", NULL);
    tell("new");
    mirror_begin(mirror);
    s = fetch_due(mirror, &base);
    cr_assert_not_null(s);
    free(base);
    speak_of(SEARCH_ACCOUNTS);
    tell_gone("eve");
    read_subtree(0);
    expect_nothing();
    expect_unknown("eve");
}

Test(subtree, one_that_came_while_we_were_away_is_read)
{
    lost();
    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", NULL);
    dir_at("eve", "uid=eve,ou=new," PEOPLE);
    speak_of(SEARCH_CONTAINERS);
    dir_put("new", NULL);
    both(true, true);
    done_delete();
    speak_of(SEARCH_CONTAINERS);
    tell("new");
    done_delete();
    read_subtree(0);
    expect("create eve@example.com (add, local)", NULL);
}

/* In a present phase it is listed, and no more. */
Test(subtree, one_that_is_listed_as_present_and_unknown_is_read)
{
    static const char *const present[] = { "people", "sales", "north", "new", NULL };

    lost();
    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", NULL);
    dir_at("eve", "uid=eve,ou=new," PEOPLE);
    speak_of(SEARCH_CONTAINERS);
    dir_put("new", NULL);
    both(true, true);
    done_delete();
    speak_of(SEARCH_CONTAINERS);
    tell_set(false, present);
    done_present();
    cr_assert(was_asked("new"));
    answer();
    read_subtree(0);
    expect("create eve@example.com (add, local)", NULL);
}

/* ldapdelete -r: the people first, then what they were in, and their parent can't be read by the time of the look-up. */
Test(subtree, a_branch_that_was_deleted_as_a_whole_goes)
{
    speak_of(SEARCH_ACCOUNTS);
    deletes("dan");
    deletes("bob");
    deletes("cat");
    dir_remove("north");
    dir_remove("sales");
    answer();
    expect_holds(0);
    speak_of(SEARCH_CONTAINERS);
    tell_gone("north");
    tell_gone("sales");
    answer();
    pass_s(10);
    answer();
    expect_holds(0);
    expect_pending("bob", PENDING_DELETE, PENDING_WAITING);
    expect_pending("dan", PENDING_DELETE, PENDING_WAITING);
    pass_s(300);
    answer();
    expect_many(3, "delete ");
    expect_holds(0);
}

/* It can't be read any more, and nobody said why: a right that was lost looks like that. */
Test(subtree, a_branch_that_nobody_said_was_deleted_is_held)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_remove("bob");
    dir_remove("sales");
    tell_gone("bob");
    answer();
    pass_s(10);
    answer();
    pass_s(10);
    answer();
    expect_hold(1, 1, false);
    expect_nothing();
}

/* The container was found missing by a census. */
Test(subtree, an_absence_that_nobody_told_explains_nothing)
{
    static const char *const present[] = { "people", "north", NULL };

    lost();
    dir_remove("bob");
    dir_remove("sales");
    both(true, true);
    tell_gone("bob");
    done_delete();
    speak_of(SEARCH_CONTAINERS);
    tell_set(false, present);
    done_present();
    answer();
    for (int i = 0; i < 3; i++) {
        pass_s(10);
        if (asked())
            answer();
    }
    expect_nothing();
    expect_holds(1);
}

Test(subtree, a_deletion_told_with_another_dn_is_a_leave)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_at("bob", "uid=bob,ou=away,dc=example,dc=com");
    tell_gone("bob");
    dir_remove("bob");
    answer();
    pass_s(300);
    answer();
    expect("delete bob@example.com (leave, persist)", NULL);
}

/* Its address is of no use, and where it stands is known all the same. */
Test(subtree, a_deletion_of_one_that_is_invalid_and_was_renamed_is_a_deletion)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_put("bob", "mail", "two@at@signs", NULL);
    dir_at("bob", "uid=rob," SALES);
    tell("bob");
    expect_dn("bob", "uid=rob," SALES);
    dir_remove("bob");
    tell_gone("bob");
    answer();
    pass_s(300);
    answer();
    expect("delete bob@example.com (delete, persist)", NULL);
}

Test(subtree, one_that_does_not_decode_stands_where_it_is_told)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_at("bob", "uid=rob," SALES);
    tell_broken("bob");
    expect_invalid("bob", true);
    expect_dn("bob", "uid=rob," SALES);
}

Test(subtree, reconciling_finds_a_rename_that_was_never_told)
{
    pass_s(1);
    cr_assert_not(is_listing_due());
    pass_s(86400);
    dir_rename("sales", "ou=sold," PEOPLE);
    while (is_listing_due())
        list_everything(0);
    if (asked())
        answer();
    expect_dn("bob", "uid=bob,ou=sold," PEOPLE);
    expect_dn("dan", "uid=dan,ou=north,ou=sold," PEOPLE);
    expect_nothing();
}

/* The row that says what is left to be done is one: the second rename waits for what the first one left. */
Test(subtree, a_second_rename_finishes_the_first)
{
    struct err e;

    speak_of(SEARCH_ACCOUNTS);
    for (int i = 100; i < 900; i++) {
        char dn[64];

        dir_put(many(i), NULL);
        snprintf(dn, sizeof(dn), "uid=%s," SALES, many(i));
        dir_at(many(i), dn);
        tell(many(i));
    }
    expect_many(800, "create ");
    scene_stopping(true);
    mirror_begin(mirror);
    cr_assert_neq(subtree_move(mirror, slice_of(SALES), slice_of("ou=one," PEOPLE), PHASE_PERSIST, &e), 0);
    scene_stopping(false);
    cr_assert_eq(subtree_move(mirror, slice_of("ou=one," PEOPLE), slice_of("ou=two," PEOPLE), PHASE_PERSIST, &e), 0);
    cr_assert_eq(mirror_commit(mirror, &e), 0);
    expect_dn("u100", "uid=u100,ou=two," PEOPLE);
    expect_dn("u899", "uid=u899,ou=two," PEOPLE);
}

/* That it was done is undone with the commit, and so is what was read. */
Test(subtree, what_was_read_in_a_commit_that_failed_is_read_again)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", NULL);
    dir_at("eve", "uid=eve,ou=new," PEOPLE);
    speak_of(SEARCH_CONTAINERS);
    dir_put("new", NULL);
    tell("new");
    scene_one_round(true);
    read_subtree(0);
    scene_fail_commit(true);
    scene_one_round(false);
    expect_restart("could not be stored");
    expect_nothing();
    both(true, true);
    done_delete();
    speak_of(SEARCH_CONTAINERS);
    done_delete();
    cr_assert(is_subtree_due());
    read_subtree(0);
    expect("create eve@example.com (add, local)", NULL);
}

Test(subtree, the_look_at_what_lay_under_one_that_went_is_not_lost_with_a_commit)
{
    tell_gone("people");
    answer();
    speak_of(SEARCH_ACCOUNTS);
    lost();
    both(true, true);
    speak_of(SEARCH_CONTAINERS);
    dir_rename("sales", "ou=sales,ou=away,dc=example,dc=com");
    tell_gone("sales");
    done_delete();
    speak_of(SEARCH_ACCOUNTS);
    scene_fail_commit(true);
    done_delete();   /* now the walk begins, and is undone */
    expect_restart("could not be stored");
    expect_none("bob");
    both(true, true);
    done_delete();
    speak_of(SEARCH_CONTAINERS);
    done_delete();
    expect_pending("bob", PENDING_DELETE, PENDING_UNPROVEN);
}

/* After `resync` older content counts, but not from a provider that is behind. */
Test(subtree, older_news_of_one_that_is_behind_is_ignored_after_a_resync_too)
{
    dir_rename("sales", "ou=sold," PEOPLE);
    tell("sales");
    expect_dn("bob", "uid=bob,ou=sold," PEOPLE);
    lost();
    provider_csn(1);
    session_refused();
    speak_of(SEARCH_CONTAINERS);
    search_begins(false);
    mirror->searches[1].older_counts = true;
    dir_at("sales", SALES);
    tell_older("sales");
    expect_dn("bob", "uid=bob,ou=sold," PEOPLE);
    dir_at("sales", "ou=sold," PEOPLE);
    provider_csn(-1);
}

/* Groups lie beside people, and containers are those under what both share. */
static void with_groups(void)
{
    static char groups[] = "ou=groups,dc=example,dc=com", group_of_names[] = "groupOfNames";

    begin();
    conf.group_base = groups;
    conf.group_class = group_of_names;
    scene_reopen();
    cr_assert_eq(mirror->n_searches, 5u);
    cr_assert(mirror->searches[3].unused && mirror->searches[4].unused);
    cr_assert_str_eq(mirror->specs[2].base, "dc=example,dc=com");
    /* What was put before has the index that the containers' search had then. */
    dir_search_moved(1, 2);
    both(false, false);
    tell_all();
    done_present();
    speak_of(SEARCH_GROUPS);
    search_begins(false);
    done_present();
    speak_of(SEARCH_CONTAINERS);
    tell_all();
    done_present();
    cr_assert_neq(mirror->insync_ms, 0);
    expect_many(64, "create ");
}

TestSuite(beside, .init = with_groups, .fini = scene_close, .timeout = 60);

Test(beside, a_container_moved_out_of_the_base_of_accounts_is_told_as_a_rename)
{
    dir_rename("sales", "ou=sales,ou=away,dc=example,dc=com");
    tell("sales");
    expect_dn("bob", "uid=bob,ou=sales,ou=away,dc=example,dc=com");
    expect_pending("bob", PENDING_DELETE, PENDING_UNPROVEN);
    expect_none("ann");
    answer();
    pass_s(300);
    answer();
    expect("delete bob@example.com (leave, persist)", "delete cat@example.com (leave, persist)",
           "delete dan@example.com (leave, persist)", NULL);
}

Test(beside, and_back_again_before_anything_went)
{
    dir_rename("sales", "ou=sales,ou=away,dc=example,dc=com");
    tell("sales");
    answer();
    dir_rename("sales", SALES);
    tell("sales");
    expect_dn("bob", "uid=bob," SALES);
    read_subtree(0);
    expect_none("bob");
    pass_s(300);
    expect_nothing();
}

Test(beside, one_moved_in_is_read)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", NULL);
    dir_at("eve", "uid=eve,ou=new,ou=away,dc=example,dc=com");
    speak_of(SEARCH_CONTAINERS);
    dir_put("new", NULL);
    dir_at("new", "ou=new,ou=away,dc=example,dc=com");
    tell("new");
    cr_assert_not(is_subtree_due(), "no search of objects shows what lies there");
    dir_rename("new", "ou=new," PEOPLE);
    tell("new");
    read_subtree(0);
    expect("create eve@example.com (add, local)", NULL);
}

#define AWAY "ou=sales,ou=away,dc=example,dc=com"

/* eve lies in ou=sales and wants the address of ann, who lies above it. */
static void eve_waits(void)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", "mail", "ann@example.com", NULL);
    dir_at("eve", "uid=eve," SALES);
    tell("eve");
    expect_waits("eve", true);
}

Test(beside, who_waits_and_was_moved_out_waits_no_more)
{
    eve_waits();
    dir_rename("sales", AWAY);
    speak_of(SEARCH_CONTAINERS);
    tell("sales");
    expect_waits("eve", false);
    answer();
    speak_of(SEARCH_ACCOUNTS);
    changes("ann", "mail", "anna@example.com", "givenName", "Ann", NULL);
    expect("rename anna@example.com < ann@example.com (rename, persist)", NULL);
    expect_unknown("eve");
}

/* What makes the address free comes with the move: the one before her in the line is taken out by the same. */
Test(beside, who_waits_is_not_made_out_of_the_base_by_the_move_itself)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_put("fay", "mail", "free@example.com", NULL);
    tell("fay");
    expect_any();
    dir_put("gil", "mail", "free@example.com", NULL);
    dir_at("gil", "uid=gil," SALES);
    tell("gil");
    dir_put("hal", "mail", "free@example.com", NULL);
    dir_at("hal", "uid=hal," SALES);
    tell("hal");
    changes("bob", "mail", "fay@example.com", NULL);
    dir_rename("sales", AWAY);
    speak_of(SEARCH_CONTAINERS);
    tell("sales");
    expect_any();
    answer();
    pass_s(300);
    answer();
    speak_of(SEARCH_ACCOUNTS);
    deletes("fay");
    answer();
    pass_s(300);
    answer();
    expect_any();
    expect_unknown("gil");
    expect_unknown("hal");
    expect_waits("gil", false);
    expect_waits("hal", false);
}

Test(beside, who_waits_and_comes_back_waits_again)
{
    eve_waits();
    dir_rename("sales", AWAY);
    speak_of(SEARCH_CONTAINERS);
    tell("sales");
    dir_rename("sales", SALES);
    tell("sales");
    answer();
    read_subtree(0);
    expect_waits("eve", true);
}

Test(beside, who_is_invalid_and_was_moved_out_is_that_no_more)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", "mail", "no address", NULL);
    dir_at("eve", "uid=eve," SALES);
    tell("eve");
    expect_invalid("eve", true);
    dir_rename("sales", AWAY);
    speak_of(SEARCH_CONTAINERS);
    tell("sales");
    expect_invalid("eve", false);
    answer();
    expect_nothing();
}

/* Groups everywhere: what moves was seen all the time, but not by the search for accounts. */
static void with_groups_everywhere(void)
{
    static char groups[] = "dc=example,dc=com", group_of_names[] = "groupOfNames";

    begin();
    conf.group_base = groups;
    conf.group_class = group_of_names;
    scene_reopen();
    dir_search_moved(1, 2);
    both(false, false);
    tell_all();
    done_present();
    speak_of(SEARCH_GROUPS);
    search_begins(false);
    done_present();
    speak_of(SEARCH_CONTAINERS);
    tell_all();
    done_present();
    expect_many(64, "create ");
}

TestSuite(everywhere, .init = with_groups_everywhere, .fini = scene_close, .timeout = 60);

Test(everywhere, accounts_that_are_moved_in_are_read)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_put("eve", NULL);
    dir_at("eve", "uid=eve,ou=new,ou=away,dc=example,dc=com");
    speak_of(SEARCH_CONTAINERS);
    dir_put("new", NULL);
    dir_at("new", "ou=new,ou=away,dc=example,dc=com");
    tell("new");
    read_subtree(0);
    expect_nothing();
    dir_rename("new", "ou=new," PEOPLE);
    tell("new");
    read_subtree(0);
    expect("create eve@example.com (add, local)", NULL);
}
