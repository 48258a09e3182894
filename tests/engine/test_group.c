/* Members of groups: what a group's entry names, and objects that come, change and go. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "harness.h"
#include "members.h"

static char groups[] = "ou=groups,dc=example,dc=com", group_of_names[] = "groupOfNames", mail_attr[] = "rfc822Mail";
static char member_uid[] = "memberUid", unique[] = "uniqueMember";

static void begin(void)
{
    scene_open();
    conf.group_base = groups;
    conf.group_class = group_of_names;
    conf.group_address_attribute = mail_attr;
    scene_reopen();
}

TestSuite(group, .init = begin, .fini = scene_close, .timeout = 60);

static void both_begin(bool cookie)
{
    session(cookie);
    speak_of(SEARCH_GROUPS);
    search_begins(cookie);
}

/* Both in full: accounts first, or groups first. */
static void refresh(bool groups_first)
{
    both_begin(false);
    for (int i = 0; i < 2; i++) {
        speak_of((i == 0) == groups_first ? SEARCH_GROUPS : SEARCH_ACCOUNTS);
        tell_all();
        done_present();
    }
    speak_of(SEARCH_ACCOUNTS);
}

static void account(const char *name)
{
    speak_of(SEARCH_ACCOUNTS);
    dir_put(name, NULL);
}

/* Its entry is told with these members; NULL ends them. */
static void sales(const char *a, const char *b)
{
    speak_of(SEARCH_GROUPS);
    if (b)
        changes("sales", "member", member_dn(a), "member", member_dn(b), NULL);
    else if (a)
        changes("sales", "member", member_dn(a), NULL);
    else
        changes("sales", NULL);
    speak_of(SEARCH_ACCOUNTS);
}

/* ann and bob are there and in sales. */
static void load(void)
{
    account("ann");
    account("bob");
    speak_of(SEARCH_GROUPS);
    dir_put("sales", "member", member_dn("ann"), "member", member_dn("bob"), NULL);
    refresh(false);
    expect("create ann@example.com (add, refresh)", "create bob@example.com (add, refresh)",
           "group.create sales@example.com (add, refresh)",
           "group.members sales@example.com +ann@example.com +bob@example.com (add, refresh)", NULL);
}

Test(group, members_follow_a_first_load)
{
    load();
}

Test(group, groups_may_come_before_their_members)
{
    account("ann");
    speak_of(SEARCH_GROUPS);
    dir_put("sales", "member", member_dn("ann"), "member", member_dn("nobody"), NULL);
    refresh(true);
    expect("group.create sales@example.com (add, refresh)", "create ann@example.com (add, refresh)",
           "group.members sales@example.com +ann@example.com (add, refresh)", NULL);
}

Test(group, a_first_load_that_is_killed_is_made_good)
{
    account("ann");
    speak_of(SEARCH_GROUPS);
    dir_put("sales", "member", member_dn("ann"), NULL);
    both_begin(false);
    tell_all();
    speak_of(SEARCH_ACCOUNTS);
    tell_all();
    pass_s(1);
    scene_reopen();
    refresh(false);
    pass_s(2);
    expect_any();
    deletes("ann");
    expect_nothing();
}

Test(group, a_second_refresh_changes_nothing)
{
    load();
    resync();
    expect_restart("the operator asked for a full refresh");
    refresh(true);
    pass_s(5);
    expect_nothing();
    scene_reopen();
    refresh(false);
    pass_s(5);
    expect_nothing();
}

Test(group, a_new_group_has_its_members_with_the_same_cause)
{
    account("ann");
    refresh(false);
    expect_any();
    sales("ann", "nobody");
    expect("group.create sales@example.com (add, persist)", "group.members sales@example.com +ann@example.com (add, persist)",
           NULL);
}

Test(group, a_member_is_added_at_once_and_removed_after_a_while)
{
    load();
    account("cat");
    tell("cat");
    expect_any();
    sales("ann", "cat");
    expect("group.members sales@example.com +cat@example.com (modify, persist)", NULL);
    pass_s(1);
    expect("group.members sales@example.com -bob@example.com (modify, persist)", NULL);
}

Test(group, a_member_that_comes_back_in_time_was_never_gone)
{
    load();
    sales("ann", NULL);
    expect_pending("sales", PENDING_MEMBER, PENDING_WAITING);
    sales("bob", "ann");
    expect_none("sales");
    pass_s(5);
    expect_nothing();
}

Test(group, members_join_when_they_become_known)
{
    load();
    sales("ann", "cat");
    pass_s(1);
    expect("group.members sales@example.com -bob@example.com (modify, persist)", NULL);
    changes("cat", NULL);
    expect("create cat@example.com (add, persist)", "group.members sales@example.com +cat@example.com (resolve, persist)",
           NULL);
}

Test(group, an_address_that_changes_is_followed_in_one_action)
{
    load();
    changes("ann", "mail", "anna@example.com", NULL);
    expect("rename anna@example.com < ann@example.com (rename, persist)",
           "group.members sales@example.com +anna@example.com -ann@example.com (rename, persist)", NULL);
    pass_s(5);
    expect_nothing();
}

Test(group, a_deleted_member_leaves_with_its_deletion)
{
    load();
    deletes("ann");
    answer();
    pass_s(299);
    expect_nothing();
    pass_s(1);
    answer();
    expect("delete ann@example.com (delete, persist)",
           "group.members sales@example.com -ann@example.com (resolve, persist)", NULL);
    sales("bob", NULL);
    pass_s(5);
    expect_nothing();
}

Test(group, and_so_it_does_if_the_server_took_it_out_already)
{
    load();
    deletes("ann");
    sales("bob", NULL);
    answer();
    pass_s(100);
    expect_nothing();
    pass_s(200);
    answer();
    expect("delete ann@example.com (delete, persist)",
           "group.members sales@example.com -ann@example.com (resolve, persist)", NULL);
}

Test(group, a_member_whose_deletion_is_taken_back_goes_if_the_group_lost_it)
{
    load();
    deletes("ann");
    sales("bob", NULL);
    answer();
    pass_s(100);
    changes("ann", NULL);
    pass_s(2);
    expect("group.members sales@example.com -ann@example.com (modify, persist)", NULL);
}

Test(group, a_member_that_stays_as_orphan_stays_a_member)
{
    load();
    conf.ignore_deletes = true;
    deletes("ann");
    answer();
    expect_state("ann", OBJECT_ORPHAN);
    sales("bob", NULL);
    pass_s(1000);
    expect_nothing();
}

Test(group, a_member_that_moves_away_from_its_dn_is_no_member)
{
    load();
    changes("ann", "dn", "uid=ann,ou=elsewhere,dc=example,dc=com", NULL);
    expect_nothing();
    pass_s(1);
    expect("group.members sales@example.com -ann@example.com (resolve, persist)", NULL);
    speak_of(SEARCH_GROUPS);
    changes("sales", "member", member_dn("bob"), "member", "UID = Ann, OU = elsewhere, DC=example,DC=com", NULL);
    expect("group.members sales@example.com +ann@example.com (modify, persist)", NULL);
}

Test(group, a_member_that_moves_with_its_reference_stays)
{
    for (int groups_first = 0; groups_first < 2; groups_first++) {
        const char *to = groups_first ? "uid=ann,ou=there,dc=example,dc=com" : "uid=ann,ou=elsewhere,dc=example,dc=com";

        if (groups_first == 0) {
            load();
            changes("ann", "dn", to, NULL);
        }
        speak_of(SEARCH_GROUPS);
        changes("sales", "member", to, "member", member_dn("bob"), NULL);
        speak_of(SEARCH_ACCOUNTS);
        if (groups_first)
            changes("ann", "dn", to, NULL);
        pass_s(5);
        expect_nothing();
        expect_none("sales");
    }
}

/* Its address is of no use, and yet it stands where it stands. */
Test(group, a_member_that_is_invalid_is_named_by_the_dn_that_it_has_now)
{
    static const char to[] = "uid=anna,ou=people,dc=example,dc=com";

    load();
    speak_of(SEARCH_ACCOUNTS);
    changes("ann", "mail", "two@at@signs", "dn", to, NULL);
    expect_invalid("ann", true);
    expect_dn("ann", to);
    speak_of(SEARCH_GROUPS);
    changes("sales", "member", to, "member", member_dn("bob"), NULL);
    pass_s(5);
    expect_nothing();
    expect_none("sales");
    changes("sales", "member", member_dn("ann"), "member", member_dn("bob"), NULL);
    pass_s(1);
    expect("group.members sales@example.com -ann@example.com (modify, persist)", NULL);
    speak_of(SEARCH_ACCOUNTS);
    changes("eve", "dn", member_dn("ann"), "mail", "eve@example.com", NULL);   /* somebody else, under the old one */
    expect_first("create eve@example.com");
    expect_any();
    changes("ann", "dn", to, NULL);
    expect_nothing();
}

/* What is older comes from a replica that lags, and says nothing of where it is. */
Test(group, old_news_of_who_is_invalid_is_ignored)
{
    static const char to[] = "uid=anna,ou=people,dc=example,dc=com", at[] = "uid=anne,ou=people,dc=example,dc=com";

    load();
    speak_of(SEARCH_ACCOUNTS);
    changes("ann", "mail", "two@at@signs", "dn", to, NULL);
    dir_put("ann", "mail", "two@at@signs", "dn", at, NULL);
    tell("ann");
    tell_older("ann");
    expect_dn("ann", at);
    expect_invalid("ann", true);
}

Test(group, members_move_with_a_container_above_them)
{
    static const char before[] = "uid=ann,ou=north,ou=people,dc=example,dc=com";
    static const char after[] = "uid=ann,ou=south,ou=people,dc=example,dc=com";

    scene_containers();
    account("ann");
    dir_at("ann", before);
    speak_of(SEARCH_CONTAINERS);
    dir_put("north", NULL);
    dir_at("north", "ou=north,ou=people,dc=example,dc=com");
    speak_of(SEARCH_GROUPS);
    dir_put("sales", "member", before, "member", after, NULL);
    dir_put("staff", "member", before, NULL);
    session(false);
    for (int i = SEARCH_GROUPS; i <= SEARCH_CONTAINERS; i++) {
        speak_of((enum search_kind)i);
        search_begins(false);
    }
    for (int i = SEARCH_ACCOUNTS; i <= SEARCH_CONTAINERS; i++) {
        speak_of((enum search_kind)i);
        tell_all();
        done_present();
    }
    expect_any();
    dir_rename("north", "ou=south,ou=people,dc=example,dc=com");
    tell("north");
    expect_dn("ann", after);
    pass_s(1);
    answer();   /* of sales: has it lost its members too? */
    pass_s(1);
    expect("group.members staff@example.com -ann@example.com (resolve, persist)", NULL);
}

Test(group, nested_groups_stay_nested)
{
    load();
    speak_of(SEARCH_GROUPS);
    changes("staff", "member", "cn=sales,ou=groups,dc=example,dc=com", "member", "cn=later,ou=groups,dc=example,dc=com", NULL);
    expect("group.create staff@example.com (add, persist)", "group.members staff@example.com +sales@example.com (add, persist)",
           NULL);
    changes("later", NULL);
    expect("group.create later@example.com (add, persist)",
           "group.members staff@example.com +later@example.com (resolve, persist)", NULL);
    changes("sales", "cn", "sellers", "member", member_dn("ann"), "member", member_dn("bob"), NULL);
    expect("group.rename sellers@example.com < sales@example.com (rename, persist)",
           "group.members staff@example.com +sellers@example.com -sales@example.com (rename, persist)", NULL);
    deletes("sales");
    answer();
    pass_s(300);
    answer();
    expect("group.delete sellers@example.com (delete, persist)",
           "group.members staff@example.com -sellers@example.com (resolve, persist)", NULL);
    cr_assert_eq(mirror->store->with_field[FIELD_MEMBERS], 1);
}

Test(group, a_group_that_comes_back_is_told_anew)
{
    load();
    speak_of(SEARCH_GROUPS);
    deletes("sales");
    answer();
    pass_s(300);
    answer();
    expect("group.delete sales@example.com (delete, persist)", NULL);
    sales("ann", "bob");
    expect("group.create sales@example.com (add, persist)",
           "group.members sales@example.com +ann@example.com +bob@example.com (add, persist)", NULL);
}

Test(group, addresses_are_members_as_they_are)
{
    load();
    speak_of(SEARCH_GROUPS);
    changes("sales", "member", member_dn("ann"), "member", member_dn("bob"), "rfc822Mail", "Me@Else.org", "rfc822Mail",
            "ann@example.com", NULL);
    expect("group.members sales@example.com +me@else.org (modify, persist)", NULL);
    changes("sales", "member", member_dn("bob"), "rfc822Mail", "ann@example.com", NULL);
    pass_s(1);
    expect("group.members sales@example.com -me@else.org (modify, persist)", NULL);
}

Test(group, names_of_accounts)
{
    conf.group_member_attribute = member_uid;
    scene_reopen();
    account("ann");
    speak_of(SEARCH_GROUPS);
    dir_put("sales", "memberUid", "ann", "memberUid", "cat", "memberUid", "staff", NULL);
    dir_put("staff", NULL);
    refresh(false);
    expect("create ann@example.com (add, refresh)", "group.create sales@example.com (add, refresh)",
           "group.create staff@example.com (add, refresh)", "group.members sales@example.com +ann@example.com (add, refresh)",
           NULL);
    changes("cat", NULL);
    expect("create cat@example.com (add, persist)", "group.members sales@example.com +cat@example.com (resolve, persist)",
           NULL);
    changes("cat", "mail", "kate@example.com", NULL);
    expect("rename kate@example.com < cat@example.com (rename, persist)",
           "group.members sales@example.com -cat@example.com (rename, persist)", NULL);
}

Test(group, unique_members_with_their_uid)
{
    conf.group_member_attribute = unique;
    scene_reopen();
    account("ann");
    speak_of(SEARCH_GROUPS);
    dir_put("sales", "uniqueMember", "uid=ann,ou=people,dc=example,dc=com#'0101'B", NULL);
    refresh(false);
    expect("create ann@example.com (add, refresh)", "group.create sales@example.com (add, refresh)",
           "group.members sales@example.com +ann@example.com (add, refresh)", NULL);
}

Test(group, one_that_waits_for_its_address_has_its_members_then)
{
    account("ann");
    speak_of(SEARCH_ACCOUNTS);
    dir_put("sam", "mail", "sales@example.com", NULL);
    refresh(false);
    expect_any();
    sales("ann", NULL);
    expect_waits("sales", true);
    sales("ann", "sam");
    expect_nothing();
    changes("sam", "mail", "sam@example.com", NULL);
    expect("rename sam@example.com < sales@example.com (rename, persist)", "group.create sales@example.com (resolve, local)",
           "group.members sales@example.com +ann@example.com +sam@example.com (resolve, local)", NULL);
}

Test(group, one_that_waited_and_is_gone_leaves_nothing)
{
    account("ann");
    dir_put("sam", "mail", "sales@example.com", NULL);
    refresh(false);
    expect_any();
    sales("ann", NULL);
    speak_of(SEARCH_GROUPS);
    deletes("sales");
    mirror_begin(mirror);
    cr_assert_eq(txn_count(mirror->t, TABLE_MEMBER), 0);
    txn_abort(&mirror->t);
}

/* ---- many --------------------------------------------------------------------------------------------------- */

static void expect_why(uint32_t id, const char *begin)
{
    struct arena a = { 0 };
    struct hold h;

    mirror_begin(mirror);
    cr_assert(hold_get(mirror->t, id, &h, &a) && slice_has_prefix(h.why, slice_of(begin)), "%.*s", SLICE_ARG(h.why));
    txn_abort(&mirror->t);
    arena_free(&a);
}

static void many_in_sales(int n)
{
    char range[32];

    speak_of(SEARCH_ACCOUNTS);
    dir_put_many(n);
    speak_of(SEARCH_GROUPS);
    snprintf(range, sizeof(range), "0 %d", n);
    dir_put("sales", "members", range, NULL);
    refresh(false);
    speak_of(SEARCH_GROUPS);
}

Test(group, an_action_names_a_thousand_at_most)
{
    many_in_sales(1105);
    expect_any();
    conf.guard.max_members_removed = 0;
    changes("sales", "members", "0 10", NULL);
    pass_s(1);
    expect_many(2, "group.members sales@example.com -u");
}

Test(group, many_removed_from_one_group_are_held)
{
    many_in_sales(700);
    expect_any();
    changes("staff", "members", "0 10", NULL);
    expect_any();
    changes("sales", "members", "0 100", NULL);
    pass_s(5);
    expect_hold(1, 600, false);
    expect_why(1, "sales@example.com: 600 members");
    changes("staff", "members", "0 9", NULL);
    pass_s(1);
    expect("group.members staff@example.com -u009@example.com (modify, persist)", NULL);
    changes("sales", "members", "0 650", NULL);
    expect_hold(1, 50, false);
    expect_nothing();
    approve(1, 0);
    expect_many(1, "group.members sales@example.com -u650@example.com -u651@example.com -u652@example.com -47 more");
    expect_holds(0);
}

Test(group, rejected_removals_stay_members)
{
    many_in_sales(700);
    expect_any();
    changes("sales", "members", "0 100", NULL);
    pass_s(5);
    reject(1, 0);
    pass_s(5000);
    expect_nothing();
    changes("sales", "members", "0 700", NULL);
    expect_nothing();
    expect_holds(0);
}

/* Nobody said that the renamed one should go, nor that he should stay. */
Test(group, a_rename_of_a_member_releases_no_held_removal)
{
    many_in_sales(700);
    expect_any();
    changes("sales", "members", "0 100", NULL);
    pass_s(5);
    expect_hold(1, 600, false);
    speak_of(SEARCH_ACCOUNTS);
    changes(many(200), "mail", "new@example.com", NULL);
    speak_of(SEARCH_GROUPS);
    expect("rename new@example.com < u200@example.com (rename, persist)",
           "group.members sales@example.com +new@example.com -u200@example.com (rename, persist)", NULL);
    expect_hold(1, 600, false);
    pass_s(5);
    expect_nothing();
    changes("sales", "members", "0 201", NULL);   /* he is back */
    expect_hold(1, 499, false);
    expect_nothing();
    changes("sales", "members", "0 200", NULL);
    expect_hold(1, 500, false);
    approve(1, 0);
    expect_many(1, "group.members sales@example.com -new@example.com -u201@example.com");
    expect_holds(0);
}

Test(group, a_rename_of_a_member_releases_no_rejected_removal)
{
    many_in_sales(700);
    expect_any();
    changes("sales", "members", "0 100", NULL);
    pass_s(5);
    reject(1, 0);
    speak_of(SEARCH_ACCOUNTS);
    changes(many(200), "mail", "new@example.com", NULL);
    speak_of(SEARCH_GROUPS);
    expect("rename new@example.com < u200@example.com (rename, persist)",
           "group.members sales@example.com +new@example.com -u200@example.com (rename, persist)", NULL);
    pass_s(5000);
    expect_nothing();
}

Test(group, deletions_of_members_are_no_removals_for_the_guard)
{
    conf.guard.max_deletes = conf.guard.max_delete_percent = 0;
    conf.guard.max_members_removed = 5;
    many_in_sales(20);
    expect_any();
    speak_of(SEARCH_ACCOUNTS);
    for (int i = 0; i < 10; i++)
        deletes(many(i));
    answer();
    pass_s(300);
    answer();
    expect_holds(0);
    cr_assert_eq(mirror->store->objects[OBJECT_ACCOUNT], 10);
    expect_any();
}

/* ---- an entry that is both ----------------------------------------------------------------------------------- */

Test(group, an_entry_that_is_both_is_an_account)
{
    account("ann");
    both_begin(false);
    speak_of(SEARCH_ACCOUNTS);
    tell_all();
    speak_of(SEARCH_GROUPS);
    tell("ann");
    done_present();
    speak_of(SEARCH_ACCOUNTS);
    done_present();
    expect("create ann@example.com (add, refresh)", NULL);
    expect_waits("ann", false);
}

/* sales is a group; now its entry matches the accounts' filter too. */
static void sales_is_both(void)
{
    load();
    speak_of(SEARCH_GROUPS);
    dir_put("sales", "mail", "sales@example.com", "member", member_dn("ann"), "member", member_dn("bob"), NULL);
    speak_of(SEARCH_ACCOUNTS);
    tell("sales");
    expect_pending("sales", PENDING_DELETE, PENDING_WAITING);
    expect_waits("sales", true);
    expect_nothing();
}

Test(group, a_group_becomes_an_account)
{
    sales_is_both();
    speak_of(SEARCH_GROUPS);
    tell("sales");   /* it still is one, which changes nothing */
    speak_of(SEARCH_ACCOUNTS);
    expect_pending("sales", PENDING_DELETE, PENDING_WAITING);
    pass_s(299);
    expect_nothing();
    pass_s(1);
    answer();
    expect("group.delete sales@example.com (leave, persist)", "create sales@example.com (resolve, local)", NULL);
    expect_none("sales");
    expect_waits("sales", false);
    speak_of(SEARCH_GROUPS);
    tell("sales");
    speak_of(SEARCH_ACCOUNTS);
    expect_nothing();
}

Test(group, a_group_becomes_an_account_after_a_kill)
{
    sales_is_both();
    scene_reopen();
    both_begin(true);
    for (int i = 0; i < 2; i++) {
        speak_of(i ? SEARCH_ACCOUNTS : SEARCH_GROUPS);
        done_delete();
    }
    pass_s(300);
    answer();
    expect("group.delete sales@example.com (leave, persist)", "create sales@example.com (resolve, local)", NULL);
}

Test(group, many_groups_become_accounts_by_a_wrong_filter)
{
    account("ann");
    speak_of(SEARCH_GROUPS);
    for (int i = 0; i < 12; i++) {
        char mail[32];

        snprintf(mail, sizeof(mail), "%s@example.com", many(i));
        dir_put(many(i), "mail", mail, NULL);
    }
    refresh(false);
    expect_any();
    for (int i = 0; i < 12; i++)
        tell(many(i));
    pass_s(86400);
    expect_nothing();
    expect_hold(1, 12, false);
}

Test(group, it_is_no_account_any_more)
{
    sales_is_both();
    tell_gone("sales");   /* to the accounts */
    expect_waits("sales", false);
    pass_s(300);
    answer();
    expect_nothing();
    expect_none("sales");
}

Test(group, it_is_no_account_any_more_and_nobody_said_so)
{
    sales_is_both();
    lost();
    both_begin(true);
    speak_of(SEARCH_GROUPS);
    tell_all();
    done_present();
    speak_of(SEARCH_ACCOUNTS);
    tell_present("ann");
    tell_present("bob");
    done_present();
    while (asked())
        answer();
    expect_waits("sales", false);
    pass_s(300);
    while (asked())
        answer();
    expect_nothing();
    expect_none("sales");
}

Test(group, an_account_that_leaves_may_be_a_group)
{
    load();
    speak_of(SEARCH_GROUPS);
    dir_put("dir", "mail", "dir@example.com", NULL);
    speak_of(SEARCH_ACCOUNTS);
    tell("dir");
    expect("create dir@example.com (add, persist)", NULL);
    speak_of(SEARCH_GROUPS);
    tell("dir");
    expect_nothing();
    speak_of(SEARCH_ACCOUNTS);
    tell_gone("dir");
    answer_as(LOOKUP_LEFT);
    pass_s(300);
    answer_as(LOOKUP_LEFT);
    expect("delete dir@example.com (leave, persist)", NULL);
    answer();
    expect("group.create dir@example.com (add, refresh)", NULL);
}

/* … and an account has no members. */
Test(group, an_account_that_is_a_group_too_has_no_members)
{
    account("bob");
    speak_of(SEARCH_ACCOUNTS);
    dir_put("ann", "cn", "ann", "member", member_dn("bob"), NULL);
    both_begin(false);
    speak_of(SEARCH_ACCOUNTS);
    tell_all();
    speak_of(SEARCH_GROUPS);
    tell("ann");
    done_present();
    speak_of(SEARCH_ACCOUNTS);
    done_present();
    expect("create bob@example.com (add, refresh)", "create ann@example.com (add, refresh)", NULL);
    deletes("bob");
    answer();
    pass_s(300);
    answer();
    expect("delete bob@example.com (delete, persist)", NULL);
    mirror_begin(mirror);
    cr_assert_eq(txn_count(mirror->t, TABLE_MEMBER), 0u);
}

/* ---- all of them -------------------------------------------------------------------------------------------- */

Test(group, one_group_may_lose_all_its_members)
{
    load();
    speak_of(SEARCH_GROUPS);
    changes("staff", "member", member_dn("ann"), NULL);
    expect_any();
    sales(NULL, NULL);
    expect_pending("sales", PENDING_CLEAR, PENDING_WAITING);
    pass_s(1);
    answer();
    pass_s(1);
    expect("group.members sales@example.com -ann@example.com -bob@example.com (modify, persist)", NULL);
}

Test(group, all_groups_that_lose_their_members_are_an_accident)
{
    load();
    speak_of(SEARCH_GROUPS);
    changes("staff", "member", member_dn("ann"), NULL);
    expect_any();
    scene_one_round(true);
    sales(NULL, NULL);
    speak_of(SEARCH_GROUPS);
    changes("staff", NULL);
    scene_one_round(false);
    pass_s(100);
    expect_nothing();
    expect_hold(1, 2, false);
    sales("ann", "bob");
    expect_hold(1, 1, false);
    approve(1, 0);
    pass_s(2);
    expect("group.members staff@example.com -ann@example.com (modify, persist)", NULL);
}

Test(group, another_group_that_lost_its_members_without_a_word_makes_a_hold)
{
    load();
    speak_of(SEARCH_GROUPS);
    changes("staff", "member", member_dn("ann"), NULL);
    expect_any();
    sales(NULL, NULL);
    speak_of(SEARCH_GROUPS);
    dir_put("staff", NULL);
    pass_s(1);
    answer();
    pass_s(5);
    expect_nothing();
    expect_hold(1, 2, false);
}

/* ---- waiting for others ------------------------------------------------------------------------------------- */

Test(group, removals_wait_while_accounts_refresh)
{
    load();
    lost();
    both_begin(true);
    speak_of(SEARCH_GROUPS);
    dir_put("sales", "member", member_dn("ann"), NULL);
    tell("sales");
    done_delete();
    pass_s(5);
    expect_nothing();
    speak_of(SEARCH_ACCOUNTS);
    done_delete();
    pass_s(1);
    expect("group.members sales@example.com -bob@example.com (modify, refresh)", NULL);
}

/* The parent may have been renamed, and who is named by the old DN is known by it no more. */
Test(group, removals_wait_while_containers_are_behind)
{
    scene_containers();
    account("ann");
    account("bob");
    speak_of(SEARCH_GROUPS);
    dir_put("sales", "member", member_dn("ann"), "member", member_dn("bob"), NULL);
    session(false);
    for (int i = SEARCH_GROUPS; i <= SEARCH_CONTAINERS; i++) {
        speak_of((enum search_kind)i);
        search_begins(false);
    }
    for (int i = SEARCH_ACCOUNTS; i <= SEARCH_CONTAINERS; i++) {
        speak_of((enum search_kind)i);
        tell_all();
        done_present();
    }
    expect_any();
    search_of(mirror, OBJECT_ACCOUNT)[2].behind = true;
    sales("ann", NULL);
    pass_s(5);
    expect_nothing();
    search_of(mirror, OBJECT_ACCOUNT)[2].behind = false;
    pass_s(1);
    expect("group.members sales@example.com -bob@example.com (modify, persist)", NULL);
}

/* A commit failed between two groups after a first load: the next session goes on. */
Test(group, what_a_first_load_left_unbound_is_bound_by_the_next_session)
{
    struct buf ref = { 0 };
    uint8_t uuid[UUID_BYTES];
    struct err e;

    load();
    account("cat");
    tell("cat");
    expect_any();
    mirror_begin(mirror);
    uuid_of("sales", uuid);
    cr_assert(member_ref_of_dn(slice_of(member_dn("cat")), &ref));
    members_put(mirror->t, uuid, buf_slice(&ref), (struct slice){ "", 0 });
    buf_free(&ref);
    meta_put(mirror->t, "unbound", NULL, slice_of("1"));
    cr_assert_eq(mirror_commit(mirror, &e), 0);
    lost();
    both_begin(true);
    pass_s(1);
    expect("group.members sales@example.com +cat@example.com (add, refresh)", NULL);
}

Test(group, renames_of_groups_are_not_counted_as_those_of_accounts)
{
    load();
    speak_of(SEARCH_GROUPS);
    changes("sales", "cn", "sellers", "member", member_dn("ann"), "member", member_dn("bob"), NULL);
    expect("group.rename sellers@example.com < sales@example.com (rename, persist)", NULL);
    cr_assert_eq(window_count(mirror->store, &(struct guarded){ .kind = GUARD_ACCOUNT_RENAME }), 0);
}

Test(group, groups_are_begun_on_an_old_state)
{
    static char none[] = "";

    conf.group_base = none;
    scene_close();
    scene_open();
    conf.group_class = group_of_names;
    dir_put("ann", NULL);
    refresh_in_full();
    expect("create ann@example.com (add, refresh)", NULL);
    conf.group_base = groups;
    scene_reopen();
    speak_of(SEARCH_GROUPS);
    dir_put("sales", "member", member_dn("ann"), NULL);
    refresh(true);
    expect("group.create sales@example.com (add, refresh)", "group.members sales@example.com +ann@example.com (add, refresh)",
           NULL);
}

/* ---- gone ---- */

static void group_goes(const char *name)
{
    speak_of(SEARCH_GROUPS);
    deletes(name);
    answer();
    pass_s(300);
    answer();
    speak_of(SEARCH_ACCOUNTS);
    expect_unknown(name);
    cr_assert(is_gone(name));
}

Test(group, returns_and_loses_what_gone_had_beyond_it)
{
    load();
    scene_keeps();
    group_goes("sales");
    expect_any();
    speak_of(SEARCH_ACCOUNTS);
    changes("carl", NULL);
    expect("create carl@example.com (add, persist)", NULL);
    sales("bob", "carl");
    expect("group.create sales@example.com (add, persist)",
           "group.members sales@example.com +bob@example.com +carl@example.com -ann@example.com (add, persist)", NULL);
    sales("carl", NULL);
    pass_s(2);
    expect("group.members sales@example.com -bob@example.com (modify, persist)", NULL);
}

Test(group, returns_without_members)
{
    load();
    scene_keeps();
    group_goes("sales");
    expect_any();
    sales(NULL, NULL);
    expect("group.create sales@example.com (add, persist)",
           "group.members sales@example.com -ann@example.com -bob@example.com (add, persist)", NULL);
}

Test(group, that_is_gone_waits_for_its_address_and_is_forgotten_while_it_does)
{
    load();
    scene_keeps();
    group_goes("sales");
    changes("max", "mail", "sales@example.com", NULL);
    expect_any();
    sales("ann", NULL);
    expect_waits("sales", true);
    speak_of(SEARCH_GROUPS);
    deletes("sales");
    speak_of(SEARCH_ACCOUNTS);
    expect_waits("sales", false);
    expect_nothing();
    cr_assert(is_gone("sales"), "what was told of it before is still there");
    forget_record("sales");
    cr_expect_not(is_gone("sales"));
    target_keeps = false;
}

Test(group, that_is_gone_does_not_follow_its_members)
{
    load();
    scene_keeps();
    group_goes("sales");
    expect_any();
    changes("ann", "mail", "anna@example.com", NULL);
    pass_s(2);
    expect("rename anna@example.com < ann@example.com (rename, persist)", NULL);
    sales("ann", "bob");
    expect("group.create sales@example.com (add, persist)",
           "group.members sales@example.com +anna@example.com +bob@example.com -ann@example.com (add, persist)", NULL);
}

Test(group, members_of_a_ring)
{
    load();
    changes("ann", "mail", "bob@example.com", NULL);
    expect_nothing();
    changes("bob", "mail", "ann@example.com", NULL);
    expect("rename axsync-626f6200-0000-0000-0000-000000000000@example.com < bob@example.com (rename, persist)",
           "group.members sales@example.com +axsync-626f6200-0000-0000-0000-000000000000@example.com -bob@example.com (rename, persist)",
           "rename bob@example.com < ann@example.com (rename, persist)",
           "group.members sales@example.com +bob@example.com -ann@example.com (rename, persist)",
           "rename ann@example.com < axsync-626f6200-0000-0000-0000-000000000000@example.com (rename, persist)",
           "group.members sales@example.com +ann@example.com -axsync-626f6200-0000-0000-0000-000000000000@example.com (rename, persist)",
           NULL);
}

Test(group, a_ring_of_an_account_and_the_group_it_is_in)
{
    load();
    changes("ann", "mail", "sales@example.com", NULL);
    expect_nothing();
    speak_of(SEARCH_GROUPS);
    changes("sales", "cn", "ann", "member", member_dn("ann"), "member", member_dn("bob"), NULL);
    expect("group.rename axsync-73616c65-7300-0000-0000-000000000000@example.com < sales@example.com (rename, persist)",
           "rename sales@example.com < ann@example.com (rename, persist)",
           "group.members axsync-73616c65-7300-0000-0000-000000000000@example.com +sales@example.com -ann@example.com (rename, persist)",
           "group.rename ann@example.com < axsync-73616c65-7300-0000-0000-000000000000@example.com (rename, persist)", NULL);
}
