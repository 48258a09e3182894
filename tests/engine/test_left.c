/* What left and is kept as gone: is its entry deleted at last? (SPEC.md 2.1, the end of "Reconciling") */
#include <criterion/criterion.h>

#include "gone.h"
#include "harness.h"

static void begin(void)
{
    scene_open();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_put_many(19);
    refresh_in_full();
    expect_many(20, "create ");
    scene_keeps();
    cr_assert_not(is_listing_due(), "the first refresh has just shown everything");
}

TestSuite(left, .init = begin, .fini = scene_close, .timeout = 60);

/* It leaves the filter, and that goes out. */
static void leaves(const char *name)
{
    dir_leaves(name);
    tell_gone(name);
    answer();
    pass_s(300);
    answer();
    expect_unknown(name);
    cr_assert(is_gone(name));
}

static void ann_leaves(void)
{
    leaves("ann");
    expect("delete ann@example.com (leave, persist)", NULL);
}

/* A comparison of all, and the answers to what is asked at its end. */
static void reconcile(void)
{
    pass_s(86400);
    cr_assert(is_listing_due());
    list_everything(0);
    if (asked())
        answer();
    if (asked())
        answer();   /* of what seems to be deleted, once more */
}

static bool is_seen(const char *name)
{
    struct txn *t = txn_begin(mirror->store->db, DB_READ);
    struct arena a = { 0 };
    struct gone g;
    uint8_t uuid[UUID_BYTES];
    bool seen;

    uuid_of(name, uuid);
    seen = gone_get(t, uuid, &g, &a) && g.seen;
    arena_free(&a);
    txn_abort(&t);
    return seen;
}

Test(left, stays_as_it_is_while_the_entry_is_there)
{
    ann_leaves();
    cr_assert(is_seen("ann"), "by the look-up before it went out");
    for (int i = 0; i < 3; i++) {
        pass_s(86400);
        list_everything(0);
        cr_assert(was_asked("ann"));
        answer();
        cr_assert_eq(asked(), 0u);
        expect_none("ann");
        expect_nothing();
    }
}

Test(left, is_a_deletion_when_it_is_not_found_any_more)
{
    ann_leaves();
    dir_remove("ann");
    reconcile();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    scene_reopen();
    session(true);
    done_delete();
    pass_s(299);
    expect_nothing();
    pass_s(1);
    cr_assert(was_asked("ann"));
    answer();
    expect("delete ann@example.com (absent, local)", NULL);
    expect_none("ann");
    cr_assert(is_gone("ann"), "until no sink has a record of it");
    pass_s(86400);
    list_everything(0);
    cr_assert_eq(asked(), 0u, "that is told");
    forget_record("ann");
    cr_assert_not(is_gone("ann"));
}

Test(left, returns_while_its_deletion_waits)
{
    ann_leaves();
    dir_remove("ann");
    reconcile();
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
    changes("ann", "givenName", "Ann", NULL);
    expect("create ann@example.com contactInfo.firstName=Ann (add, persist)", NULL);
    expect_none("ann");
    pass_s(1000);
    cr_assert_eq(asked(), 0u);
    expect_nothing();
    cr_assert_not(is_gone("ann"));
}

Test(left, is_found_in_its_place_by_the_look_up)
{
    ann_leaves();
    dir_remove("ann");
    reconcile();
    dir_put("ann", "givenName", "Ann", NULL);   /* nobody tells */
    pass_s(300);
    answer();
    expect("create ann@example.com contactInfo.firstName=Ann (add, local)", NULL);
    expect_none("ann");
}

Test(left, is_found_outside_again)
{
    ann_leaves();
    dir_remove("ann");
    reconcile();
    dir_put("ann", "givenName", "Ann", NULL);
    dir_leaves("ann");
    pass_s(300);
    answer();
    expect_none("ann");
    expect_nothing();
    cr_assert(is_gone("ann"));
}

Test(left, returns_invalid_and_is_not_deleted)
{
    ann_leaves();
    dir_remove("ann");
    reconcile();
    changes("ann", "mail", "@", NULL);
    expect_none("ann");
    pass_s(1000);
    expect_nothing();
}

/* It was moved to where the bind DN may not look: what was never seen outside can't be missed there. */
Test(left, is_not_missed_where_it_was_never_seen)
{
    scene_containers();
    speak_of(SEARCH_CONTAINERS);
    dir_put("people", NULL);
    dir_at("people", "ou=people,dc=example,dc=com");
    speak_of(SEARCH_ACCOUNTS);
    session(true);
    speak_of(SEARCH_CONTAINERS);
    search_begins(false);
    tell("people");
    done_present();
    speak_of(SEARCH_ACCOUNTS);
    done_delete();
    dir_at("ann", "uid=ann,ou=hidden,dc=example,dc=com");
    dir_hide_entry("ann");
    tell_gone("ann");
    answer_as(LOOKUP_DELETED);
    pass_s(300);
    answer_as(LOOKUP_DELETED);
    expect("delete ann@example.com (leave, persist)", NULL);
    cr_assert_not(is_seen("ann"));
    pass_s(86400);
    while (is_listing_due()) {
        list_everything(0);
        if (asked())
            answer_as(LOOKUP_DELETED);
        pass_s(1);
    }
    pass_s(1000);
    cr_assert_eq(asked(), 0u);
    expect_none("ann");
    expect_nothing();
}

Test(left, is_held_where_its_parent_can_not_be_read)
{
    ann_leaves();
    dir_remove("ann");
    pass_s(86400);
    list_everything(0);
    answer_without_parents();
    answer_without_parents();
    expect_hold(1, 1, false);
    pass_s(1000);
    expect_nothing();
    approve(1, 0);
    answer();
    expect("delete ann@example.com (absent, local)", NULL);
}

Test(left, a_provider_that_is_behind_proves_nothing)
{
    ann_leaves();
    dir_remove("ann");
    pass_s(86400);
    list_everything(0);
    answer_from_behind();
    expect_none("ann");
    pass_s(1000);
    cr_assert_not(is_listing_due(), "there is time until the next one");
    expect_nothing();
}

/* The guard counts them with the others, and to what is mirrored. */
Test(left, many_are_held)
{
    for (int i = 0; i < 4; i++)
        leaves(many(i));
    pass_s(4000);
    for (int i = 4; i < 8; i++)
        leaves(many(i));
    expect_any();
    for (int i = 0; i < 8; i++)
        dir_remove(many(i));
    reconcile();
    expect_hold(1, 8, false);   /* of 20 */
    pass_s(1000);
    expect_nothing();
    approve(1, 0);
    answer();
    expect_many(8, "delete ");
}

Test(left, found_before_the_configuration_was_changed_is_held)
{
    static char base[] = "ou=staff,dc=example,dc=com";

    ann_leaves();
    dir_remove("ann");
    conf.account_base = base;
    scene_reopen();
    conf.account_base = (char *)"ou=people,dc=example,dc=com";
    scene_reopen();
    refresh_in_full();
    reconcile();
    expect_hold(1, 1, false);
    reject(1, 0);
    pass_s(86400);
    list_everything(0);
    cr_assert_eq(asked(), 0u);
    expect_nothing();
    changes("ann", "givenName", "Ann", NULL);
    expect_holds(0);
    expect("create ann@example.com contactInfo.firstName=Ann (add, persist)", NULL);
}

/* Found once more, it is above suspicion. */
Test(left, found_after_the_configuration_was_changed_is_not)
{
    static char base[] = "ou=staff,dc=example,dc=com";

    ann_leaves();
    conf.account_base = base;
    scene_reopen();
    conf.account_base = (char *)"ou=people,dc=example,dc=com";
    scene_reopen();
    refresh_in_full();
    reconcile();
    dir_remove("ann");
    reconcile();
    expect_holds(0);
    expect_pending("ann", PENDING_DELETE, PENDING_WAITING);
}

Test(left, is_not_forgotten_while_it_is_held)
{
    ann_leaves();
    dir_remove("ann");
    pass_s(86400);
    list_everything(0);
    answer_without_parents();
    answer_without_parents();
    expect_hold(1, 1, false);
    forget_record("ann");
    cr_assert(is_gone("ann"));
    approve(1, 0);
    answer();
    expect("delete ann@example.com (absent, local)", NULL);
    scene_keeps();   /* the sink has done that too */
    scene_reopen();
    cr_assert_not(is_gone("ann"));
}

Test(left, with_ignore_ldap_deletes_nothing_goes)
{
    ann_leaves();
    conf.ignore_deletes = true;
    dir_remove("ann");
    reconcile();
    expect_pending("ann", PENDING_DELETE, PENDING_REJECTED);
    pass_s(1000);
    expect_nothing();
    changes("ann", "givenName", "Ann", NULL);
    expect_none("ann");
    expect_any();
}

/* clusteredSetup: one that lives on another host is shown, and its deletion told. */
Test(left, one_of_another_host_is_told_to_be_deleted)
{
    conf.clustered = true;
    conf.host = (char *)"here";
    scene_reopen();
    for (int i = 0; i < 19; i++)
        dir_put(many(i), "mailHost", "here", NULL);
    dir_put("ann", "givenName", "Ann", "mailHost", "here", NULL);
    refresh_in_full();
    expect_any();
    changes("ann", "givenName", "Ann", "mailHost", "there", NULL);
    pass_s(300);
    answer();
    expect("delete ann@example.com (moved, persist)", NULL);
    deletes("ann");
    answer();
    answer();
    pass_s(300);
    answer();
    expect("delete ann@example.com (absent, local)", NULL);
}
