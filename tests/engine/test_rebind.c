/* Rebinding: a new entry with the address and the RDN of one that was deleted may be the same account, or somebody else. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "gone.h"
#include "harness.h"
#include "members.h"

TestSuite(rebind, .init = scene_open, .fini = scene_close, .timeout = 60);

#define ANN "ann@example.com"
#define AT_ANN "uid=ann,ou=people,dc=example,dc=com"

/* ann, bob and cid; more, so that a deletion is not all of them. */
static void three(void)
{
    dir_put("ann", "sn", "Lee", NULL);
    dir_put("bob", NULL);
    dir_put("cid", NULL);
    refresh_in_full();
    expect_many(3, "create ");
}

/* The new entry of ann's, with her RDN and address. */
static void new_ann(const char *sn)
{
    if (sn)
        dir_put("ann2", "mail", ANN, "sn", sn, NULL);
    else
        dir_put("ann2", "mail", ANN, NULL);
    dir_at("ann2", AT_ANN);
}

/* What was asked, if anything. */
static void answers(void)
{
    while (asked())
        answer();
}

/* Her entry is deleted and made again. */
static void made_again(void)
{
    three();
    deletes("ann");
    answer();
    new_ann("Lee");
    tell("ann2");
}

/* Who is in a hold, with whom. */
static void expect_pair(const char *name, const char *other)
{
    struct txn *t = txn_begin(mirror->store->db, DB_READ);
    uint8_t uuid[UUID_BYTES], pair[UUID_BYTES];
    struct slice none = { 0 };
    struct arena a = { 0 };
    struct pending p;
    struct hold h;

    uuid_of(name, uuid);
    cr_assert(pending_get(t, uuid, PENDING_DELETE, FIELD_NONE, none, &p, &a), "nothing is pending of %s", name);
    cr_assert_eq(p.paired, other != NULL, "%s is %spaired", name, p.paired ? "" : "not ");
    if (other) {
        uuid_of(other, pair);
        cr_assert_arr_eq(p.pair, pair, UUID_BYTES);
        cr_assert(p.hold == 0 || (hold_get(t, p.hold, &h, &a) && h.of.kind == GUARD_REBIND));
    }
    arena_free(&a);
    txn_abort(&t);
}

static const char *rebound(void)
{
    static char line[128];
    uint8_t uuid[UUID_BYTES];
    char room[UUID_TEXT];

    uuid_of("ann", uuid);
    snprintf(line, sizeof(line), "rebind " ANN " < %s (delete, persist)", uuid_format(uuid, room));
    return line;
}

Test(rebind, who_comes_while_a_deletion_is_pending_is_held)
{
    made_again();
    expect_pair("ann", "ann2");
    expect_hold(1, 1, false);
    pass_s(86400);
    expect_nothing();
    expect_waits("ann2", true);
}

Test(rebind, approved_it_is_a_rebind_and_nothing_else)
{
    made_again();
    approve(1, 0);
    expect_nothing();   /* looked up again */
    cr_assert(was_asked("ann"));
    answer();
    expect(rebound(), NULL);
    expect_holds(0);
    expect_unknown("ann");
    expect_state("ann2", OBJECT_MIRRORED);
    expect_waits("ann2", false);
    expect_none("ann2");
    changes("ann2", "mail", ANN, "sn", "Low", NULL);
    expect("update " ANN " contactInfo.lastName=Low (modify, persist)", NULL);
}

Test(rebind, what_differs_follows_by_way_of_the_guard)
{
    dir_put("ann", "sn", "Lee", "title", "Dr", "axsyncAlias", "a.lee", "axsyncAlias", "lee", NULL);
    dir_put("bob", "title", "Mr", NULL);
    dir_put("cid", "axsyncAlias", "c", NULL);
    refresh_in_full();
    expect_many(3, "create ");
    deletes("ann");
    answers();
    dir_put("ann2", "mail", ANN, "sn", "Low", "givenName", "Ann", "axsyncAlias", "lee", "axsyncAlias", "al", NULL);
    dir_at("ann2", AT_ANN);
    tell("ann2");
    approve(1, 0);
    answers();
    expect(rebound(),
           "update " ANN " aliases=a.lee@example.com,al@example.com,lee@example.com contactInfo.firstName=Ann "
           "contactInfo.lastName=Low (modify, persist)", NULL);
    expect_pending("ann2", PENDING_CLEAR, PENDING_WAITING);
    pass_s(2);
    answers();   /* the siblings */
    pass_s(60);
    answers();
    pass_s(60);
    expect("update " ANN " aliases=al@example.com,lee@example.com -contactInfo.position (modify, persist)", NULL);
}

Test(rebind, rejected_they_are_strangers)
{
    made_again();
    pass_s(3600);
    reject(1, 0);
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    expect_pair("ann", NULL);
    expect_holds(0);
    tell("ann2");   /* told again: still a stranger */
    expect_pair("ann", NULL);
    pass_s(299);
    expect_nothing();
    pass_s(1);
    answer();
    expect("delete " ANN " (delete, persist)", "create " ANN " contactInfo.lastName=Lee (resolve, local)", NULL);
}

Test(rebind, rebind_no_makes_strangers_of_all)
{
    conf.rebind = false;
    made_again();
    expect_pair("ann", NULL);
    expect_holds(0);
    pass_s(300);
    answer();
    expect("delete " ANN " (delete, persist)", "create " ANN " contactInfo.lastName=Lee (resolve, local)", NULL);
}

Test(rebind, the_old_entry_comes_back)
{
    made_again();
    changes("ann", "sn", "Lee", NULL);
    expect_none("ann");
    expect_holds(0);
    expect_nothing();
    expect_waits("ann2", true);
    deletes("ann");   /* she was there while the other was known */
    answer();
    expect_pair("ann", NULL);
    pass_s(300);
    answer();
    expect("delete " ANN " (delete, persist)", "create " ANN " contactInfo.lastName=Lee (resolve, local)", NULL);
}

Test(rebind, the_old_entry_is_found_when_it_was_approved)
{
    made_again();
    dir_put("ann", "sn", "Lee", NULL);
    approve(1, 0);
    answer();
    expect_nothing();
    expect_none("ann");
    expect_state("ann", OBJECT_MIRRORED);
}

Test(rebind, the_old_entry_left)
{
    made_again();
    dir_put("ann", "sn", "Lee", NULL);
    dir_leaves("ann");
    approve(1, 0);
    answer();
    expect_nothing();   /* neither a rebind nor, because that was approved, a deletion at once */
    expect_pair("ann", NULL);
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    pass_s(300);
    answer();
    expect("delete " ANN " (leave, persist)", "create " ANN " contactInfo.lastName=Lee (resolve, local)", NULL);
}

Test(rebind, the_new_entry_goes)
{
    made_again();
    deletes("ann2");
    expect_pair("ann", NULL);
    expect_holds(0);
    pass_s(299);
    expect_nothing();
    pass_s(1);
    answer();
    expect("delete " ANN " (delete, persist)", NULL);
}

Test(rebind, the_new_entry_goes_when_it_was_approved)
{
    made_again();
    approve(1, 0);
    deletes("ann2");
    answers();
    expect_nothing();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    pass_s(299);
    answers();
    expect_nothing();
}

Test(rebind, the_new_entry_becomes_another)
{
    made_again();
    changes("ann2", "mail", "x@example.com", NULL);
    expect("create x@example.com (add, persist)", NULL);
    expect_pair("ann", NULL);
    changes("ann2", "mail", ANN, NULL);   /* mirrored, and so nobody new */
    expect_pair("ann", NULL);
    expect_pending("ann2", PENDING_RENAME, PENDING_BLOCKED);
}

Test(rebind, the_new_entry_gets_another_rdn)
{
    made_again();
    dir_at("ann2", "uid=zoe,ou=people,dc=example,dc=com");
    tell("ann2");
    expect_pair("ann", NULL);
    expect_holds(0);
}

Test(rebind, the_new_entry_becomes_invalid)
{
    made_again();
    changes("ann2", "mail", "@@", NULL);
    expect_pair("ann", NULL);
    new_ann(NULL);
    tell("ann2");
    expect_pair("ann", "ann2");
}

Test(rebind, rdns_compare_as_ldap_compares_them)
{
    three();
    deletes("ann");
    answer();
    new_ann("Lee");
    dir_at("ann2", "UID= Ann ,ou=away,dc=example,dc=com");
    tell("ann2");
    expect_pair("ann", "ann2");
}

Test(rebind, another_rdn_is_another_person)
{
    three();
    deletes("ann");
    answer();
    dir_put("abe", "mail", ANN, NULL);
    tell("abe");
    expect_pair("ann", NULL);
    expect_holds(0);
}

Test(rebind, who_was_known_before_is_another_person)
{
    three();
    new_ann("Lee");
    dir_at("ann2", "uid=ann,ou=away,dc=example,dc=com");
    tell("ann2");
    deletes("ann");
    answers();
    expect_pair("ann", NULL);
    lost();
    session(false);   /* a refresh shows her again, and not for the first time */
    tell_all();
    done_present();
    answers();
    expect_pair("ann", NULL);
}

Test(rebind, who_left_is_there)
{
    three();
    dir_leaves("ann");
    tell_gone("ann");
    answer();
    new_ann("Lee");
    tell("ann2");
    expect_pair("ann", NULL);
    expect_holds(0);
}

Test(rebind, who_was_mirrored_before_is_nobody_new)
{
    scene_keeps();
    three();
    deletes("bob");
    answer();
    pass_s(300);
    answer();
    expect_many(1, "delete bob");
    cr_assert(is_gone("bob"));
    deletes("ann");
    answer();
    dir_put("bob", "mail", ANN, NULL);
    dir_at("bob", AT_ANN);
    tell("bob");
    expect_pair("ann", NULL);
}

Test(rebind, it_is_held_before_the_look_up_is_answered)
{
    three();
    deletes("ann");
    new_ann("Lee");
    tell("ann2");
    expect_pair("ann", NULL);
    answer();
    expect_pair("ann", "ann2");
}

Test(rebind, an_approved_deletion_waits_for_the_word_about_the_new_entry)
{
    conf.guard.max_deletes = 1;
    three();
    deletes("ann");
    deletes("bob");
    answer();
    expect_hold(1, 2, false);
    approve(1, 0);
    new_ann("Lee");
    tell("ann2");
    expect_pair("ann", "ann2");
    answer();
    expect("delete bob@example.com (delete, persist)", NULL);
    approve(2, 0);
    answer();
    expect(rebound(), NULL);
}

Test(rebind, it_leaves_the_hold_of_deletions)
{
    conf.guard.max_deletes = 1;
    three();
    deletes("ann");
    deletes("bob");
    answer();
    expect_hold(1, 2, false);
    new_ann("Lee");
    tell("ann2");
    expect_hold(1, 1, false);
    expect_hold(2, 1, false);
    reject(2, 0);
    expect_hold(1, 2, false);   /* the guard has them both again */
    pass_s(86400);
    expect_nothing();
}

Test(rebind, an_orphan_is_taken_up)
{
    conf.guard.max_deletes = 1;
    three();
    deletes("ann");
    deletes("bob");
    answer();
    reject(1, 0);
    expect_state("ann", OBJECT_ORPHAN);
    new_ann("Lee");
    tell("ann2");
    expect_pair("ann", "ann2");
    expect_hold(1, 1, true);
    approve(2, 0);
    answer();
    expect(rebound(), NULL);
    expect_state("ann2", OBJECT_MIRRORED);
    cr_assert_eq(mirror->store->orphans, 1);
}

Test(rebind, an_orphan_stays_one)
{
    conf.ignore_deletes = true;
    made_again();
    expect_state("ann", OBJECT_ORPHAN);
    expect_pair("ann", "ann2");
    reject(1, 0);
    expect_pending("ann", PENDING_DELETE, PENDING_REJECTED);
    expect_state("ann", OBJECT_ORPHAN);
    expect_waits("ann2", true);
    pass_s(86400);
    expect_nothing();
}

Test(rebind, an_orphan_can_still_be_approved)
{
    conf.guard.max_deletes = 1;
    three();
    deletes("ann");
    deletes("bob");
    answer();
    reject(1, 0);
    new_ann("Lee");
    tell("ann2");
    reject(2, 0);
    expect_hold(3, 1, true);
    expect_pending("ann", PENDING_DELETE, PENDING_REJECTED);
    approve(3, 0);
    answer();
    expect("delete " ANN " (delete, persist)", "create " ANN " contactInfo.lastName=Lee (resolve, local)", NULL);
}

Test(rebind, ignored_deletions_are_rebound_when_approved)
{
    conf.ignore_deletes = true;
    made_again();
    approve(1, 0);
    answer();
    expect(rebound(), NULL);
}

/* ---- a server that was reloaded ------------------------------------------------------------------------------ */

/* u000 … have new uuids, all but the last `but` of them. */
static void reload(int n, int but)
{
    for (int i = 0; i < n; i++)
        dir_remove(many(i));
    for (int i = 0; i < n - but; i++) {
        char name[16], mail[32], dn[64];

        snprintf(name, sizeof(name), "n%03d", i);
        snprintf(mail, sizeof(mail), "u%03d@example.com", i);
        snprintf(dn, sizeof(dn), "uid=u%03d,ou=people,dc=example,dc=com", i);
        dir_put(name, "mail", mail, "givenName", "Uma", NULL);
        dir_at(name, dn);
    }
}

Test(rebind, everybody_has_a_new_uuid)
{
    dir_put_many(20);
    refresh_in_full();
    expect_many(20, "create ");
    lost();
    reload(20, 0);
    provider_mark("other");
    session(true);
    if (was_restarted())
        session(false);
    tell_all();
    done_present();
    answers();
    expect_nothing();
    expect_holds(1);
    expect_hold(1, 20, false);
    for (int i = 0; i < 20; i++) {
        char name[16];

        snprintf(name, sizeof(name), "n%03d", i);
        expect_pair(many(i), name);
    }
    scene_reopen();
    pass_s(86400);
    expect_hold(1, 20, false);
    expect_nothing();
    session(false);
    tell_all();
    done_present();
    approve(1, 5);
    answers();
    expect_many(5, "rebind ");
    approve(1, 0);
    answers();
    expect_many(15, "rebind ");
    expect_holds(0);
}

Test(rebind, who_is_not_in_the_reloaded_server_is_held_as_a_deletion)
{
    dir_put_many(20);
    refresh_in_full();
    expect_many(20, "create ");
    lost();
    reload(20, 7);
    session(false);
    tell_all();
    done_present();
    answers();
    expect_nothing();
    expect_holds(2);
    pass_s(86400);
    expect_nothing();
    if (is_listing_due())
        list_everything(0);
    answers();
    expect_nothing();
}

Test(rebind, rejected_all_of_them_are_for_the_guard)
{
    dir_put_many(20);
    refresh_in_full();
    expect_many(20, "create ");
    lost();
    reload(20, 0);
    session(false);
    tell_all();
    done_present();
    answers();
    pass_s(7200);   /* longer than the guard's window */
    answers();
    reject(1, 0);
    pass_s(3000);
    answers();
    expect_nothing();
    expect_holds(1);
    expect_hold(2, 20, false);
}

Test(rebind, a_refresh_that_broke_off_makes_no_strangers)
{
    three();
    lost();
    dir_remove("ann");
    new_ann("Lee");
    session(true);
    tell("ann2");
    lost();
    scene_reopen();
    session(true);
    tell("ann2");
    tell_present("bob");
    tell_present("cid");
    done_present();
    answer();
    expect_pair("ann", "ann2");
}

/* The search for containers is short and through first. */
Test(rebind, the_end_of_another_search_makes_no_strangers)
{
    scene_containers();
    three();
    speak_of(SEARCH_CONTAINERS);
    dir_put("people", NULL);
    dir_at("people", "ou=people,dc=example,dc=com");
    search_begins(false);
    tell("people");
    done_present();
    lost();
    speak_of(SEARCH_ACCOUNTS);
    dir_remove("ann");
    new_ann("Lee");
    session(true);
    tell("ann2");
    speak_of(SEARCH_CONTAINERS);
    search_begins(true);
    done_delete();
    speak_of(SEARCH_ACCOUNTS);
    tell_gone("ann");
    done_delete();
    answers();
    expect_pair("ann", "ann2");
}

Test(rebind, two_that_a_refresh_shows_are_two)
{
    three();
    lost();
    new_ann("Lee");
    dir_at("ann2", "uid=ann,ou=away,dc=example,dc=com");
    session(true);
    tell("ann2");
    tell_present("ann");
    tell_present("bob");
    tell_present("cid");
    done_present();
    deletes("ann");
    answer();
    expect_pair("ann", NULL);
}

Test(rebind, the_delete_phase_tells_it_too)
{
    three();
    lost();
    dir_remove("ann");
    new_ann("Lee");
    session(true);
    tell("ann2");
    tell_gone("ann");
    done_delete();
    answer();
    expect_pair("ann", "ann2");
}

Test(rebind, a_kill_between_changes_nothing)
{
    made_again();
    scene_reopen();
    expect_pair("ann", "ann2");
    approve(1, 0);
    scene_reopen();
    session(true);
    done_delete();
    pass_s(1);
    answers();
    expect(rebound(), NULL);
    scene_reopen();
    expect_unknown("ann");
    expect_state("ann2", OBJECT_MIRRORED);
    expect_nothing();
}

Test(rebind, who_was_made_while_we_were_away_was_made_in_time)
{
    three();
    deletes("ann");
    answer();
    new_ann("Lee");
    scene_sleep_s(600);   /* its grace is over */
    pass_s(1);
    answers();
    expect_nothing();
    session(true);
    pass_s(1);
    answers();
    tell("ann2");
    done_delete();
    answers();
    expect_nothing();
    expect_pair("ann", "ann2");
}

Test(rebind, who_waits_behind_gets_nothing_of_it)
{
    made_again();
    dir_put("abe", "mail", ANN, NULL);
    tell("abe");
    approve(1, 0);
    answer();
    expect(rebound(), NULL);
    expect_waits("abe", true);
}

Test(rebind, two_new_ones_are_held_one_by_one)
{
    made_again();
    dir_put("ann3", "mail", ANN, NULL);
    dir_at("ann3", "uid=ann,ou=away,dc=example,dc=com");
    tell("ann3");
    expect_pair("ann", "ann2");
    reject(1, 0);
    expect_pair("ann", "ann3");
    deletes("ann3");
    expect_pair("ann", NULL);
}

Test(rebind, a_rename_that_waited_is_forgotten)
{
    three();
    changes("ann", "mail", "bob@example.com", "sn", "Lee", NULL);
    expect_pending("ann", PENDING_RENAME, PENDING_BLOCKED);
    deletes("ann");
    answer();
    new_ann("Lee");
    tell("ann2");
    expect_pair("ann", "ann2");
    approve(1, 0);
    answer();
    expect(rebound(), NULL);
    expect_waits("ann", false);
    deletes("bob");
    answer();
    pass_s(300);
    answer();
    expect("delete bob@example.com (delete, persist)", NULL);
}

/* ---- groups -------------------------------------------------------------------------------------------------- */

static char groups[] = "ou=groups,dc=example,dc=com", group_of_names[] = "groupOfNames";

/* ann, bob and cid, and sales of ann and bob. */
static void with_groups(void)
{
    conf.group_base = groups;
    conf.group_class = group_of_names;
    scene_reopen();
    dir_put("ann", NULL);
    dir_put("bob", NULL);
    dir_put("cid", NULL);
    speak_of(SEARCH_GROUPS);
    dir_put("sales", "member", member_dn("ann"), "member", member_dn("bob"), NULL);
    dir_put("other", NULL);
    speak_of(SEARCH_ACCOUNTS);
    session(false);
    speak_of(SEARCH_GROUPS);
    search_begins(false);
    tell_all();
    done_present();
    speak_of(SEARCH_ACCOUNTS);
    tell_all();
    done_present();
    expect_any();
}

Test(rebind, groups_of_who_is_rebound_stay_as_they_are)
{
    with_groups();
    deletes("ann");
    answer();
    new_ann(NULL);
    tell("ann2");
    approve(1, 0);
    answer();
    expect(rebound(), NULL);
    pass_s(600);
    expect_nothing();
}

Test(rebind, who_is_rebound_at_another_place_is_a_member_by_that)
{
    with_groups();
    deletes("ann");
    answer();
    new_ann(NULL);
    dir_at("ann2", "uid=ann,ou=away,dc=example,dc=com");
    tell("ann2");
    approve(1, 0);
    answer();
    expect(rebound(), NULL);
    expect_pending("sales", PENDING_MEMBER, PENDING_WAITING);   /* its entry names a DN that is not there any more */
    speak_of(SEARCH_GROUPS);
    changes("sales", "member", "uid=ann,ou=away,dc=example,dc=com", "member", member_dn("bob"), NULL);
    speak_of(SEARCH_ACCOUNTS);
    expect_none("sales");
    pass_s(600);
    expect_nothing();
}

Test(rebind, a_group_keeps_its_members)
{
    with_groups();
    speak_of(SEARCH_GROUPS);
    deletes("sales");
    answer();
    dir_put("sales2", "cn", "sales", "member", member_dn("bob"), "member", member_dn("cid"), NULL);
    dir_at("sales2", "cn=sales,ou=groups,dc=example,dc=com");
    dir_at("sales", "cn=sales,ou=groups,dc=example,dc=com");
    tell("sales2");
    speak_of(SEARCH_ACCOUNTS);
    expect_pair("sales", "sales2");
    expect_nothing();
    approve(1, 0);
    answer();
    expect_first("group.rebind sales@example.com < ");
    pass_s(60);
    expect_many(3, "group.");
    expect_unknown("sales");
    expect_state("sales2", OBJECT_MIRRORED);
}

Test(rebind, accounts_and_groups_are_one_hold)
{
    with_groups();
    deletes("ann");
    answer();
    new_ann(NULL);
    tell("ann2");
    speak_of(SEARCH_GROUPS);
    dir_at("sales", "cn=sales,ou=groups,dc=example,dc=com");
    deletes("sales");
    answer();
    dir_put("sales2", "cn", "sales", NULL);
    dir_at("sales2", "cn=sales,ou=groups,dc=example,dc=com");
    tell("sales2");
    speak_of(SEARCH_ACCOUNTS);
    expect_holds(1);
    expect_hold(1, 2, false);
}
