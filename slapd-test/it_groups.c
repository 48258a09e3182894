/* Groups on a real slapd: after each change the mail server, as the actions make it, must have the members that the directory
 * names, as the server itself tells who stands at a DN. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axsync_test.h"

#define GROUPS "ou=groups," SUFFIX
#define GROUP(name) "cn=" name "," GROUPS

#define OF_NAMES "groupBaseDN = \"" GROUPS "\"\ngroupAddressAttribute = \"description\"\nguard { settle = 1 }\n"

static const struct directory_groups of_names = {"(objectClass=groupOfNames)", "member", "description", NULL};

static struct slapdtest *company(const struct slapdtest_options *options, size_t people)
{
    struct slapdtest *s = run_company(options, people);

    cr_assert(slapdtest_add(s, GROUPS, "objectClass: organizationalUnit\nou: groups\n") == 0, "%s", slapdtest_error(s));
    return s;
}

struct wanted {
    json_t *groups;
    char *difference;
};

static bool groups_are(struct axsync *a, void *ctx)
{
    struct wanted *w = ctx;

    axsync_read_output(a);
    free(w->difference);
    w->difference = target_difference(a->target.groups, w->groups);
    return w->difference == NULL;
}

/* Until the groups are those of the directory; nothing that waits may make them others after that. */
static void await_groups(struct axsync *a, const struct directory_groups *view)
{
    struct wanted w = {directory_groups(a->server, view), NULL};

    CHECK(a, w.groups != NULL, "%s", slapdtest_error(a->server));
    axsync_await(a, "the groups are those of the directory", groups_are, &w);
    axsync_await_settled(a);
    CHECK(a, groups_are(a, &w), "it was so, and is no more: %s", w.difference);
    json_decref(w.groups);
}

static bool is_member(struct axsync *a, const char *group, const char *member)
{
    return json_object_get(json_object_get(json_object_get(a->target.groups, group), "members"), member) != NULL;
}

static void add_group(struct axsync *a, const char *dn, const char *members)
{
    char *text;

    if (asprintf(&text, "objectClass: groupOfNames\n%s", members) < 0)
        abort();
    DO(a, slapdtest_add(a->server, dn, text));
    free(text);
}

/* ---- one thing after the other ------------------------------------------------------------------------------ */

static void add_and_remove(struct axsync *a)
{
    add_group(a, GROUP("staff"), "member: " PERSON("000001") "\nmember: UID=User000002 , OU=People,DC=example,dc=COM\n");
    await_groups(a, &of_names);
    DO(a, slapdtest_add_value(a->server, GROUP("staff"), "member", PERSON("000003")));
    await_groups(a, &of_names);
    DO(a, slapdtest_delete_value(a->server, GROUP("staff"), "member", PERSON("000001")));
    await_groups(a, &of_names);
    CHECK(a, is_member(a, "staff@example.com", "user000003@example.com"), "the wrong one was removed");
    CHECK(a, !is_member(a, "staff@example.com", "user000001@example.com"), "a member was not removed");
}

static void addresses(struct axsync *a)
{
    DO(a, slapdtest_add_value(a->server, GROUP("staff"), "description", "Someone@Else.org"));
    await_groups(a, &of_names);
    CHECK(a, is_member(a, "staff@example.com", "someone@else.org"), "an address is no member");
    DO(a, slapdtest_replace(a->server, GROUP("staff"), "description", NULL));
    await_groups(a, &of_names);
}

static void nested(struct axsync *a)
{
    add_group(a, GROUP("all"), "member: " GROUP("staff") "\nmember: " GROUP("later") "\n");
    await_groups(a, &of_names);
    add_group(a, GROUP("later"), "member: " PERSON("000004") "\n");
    await_groups(a, &of_names);
    CHECK(a, is_member(a, "all@example.com", "later@example.com"), "a nested group did not join");
    DO(a, slapdtest_rename(a->server, GROUP("later"), "cn=sooner", NULL));
    DO(a, slapdtest_delete_value(a->server, GROUP("all"), "member", GROUP("later")));
    DO(a, slapdtest_add_value(a->server, GROUP("all"), "member", GROUP("sooner")));
    await_groups(a, &of_names);
    CHECK(a, is_member(a, "all@example.com", "sooner@example.com"), "the group was not followed");
}

static void before_its_members(struct axsync *a)
{
    add_group(a, GROUP("newcomers"), "member: uid=new," PEOPLE "\nmember: uid=newer," PEOPLE "\n");
    await_groups(a, &of_names);
    DO(a, slapdtest_add(a->server, "uid=new," PEOPLE, "objectClass: inetOrgPerson\nuid: new\ncn: N\nsn: N\nmail: new@example.com\n"));
    await_groups(a, &of_names);
    CHECK(a, is_member(a, "newcomers@example.com", "new@example.com"), "who became known did not join");
}

static void renamed_members(struct axsync *a)
{
    size_t before;

    axsync_await_settled(a);
    before = a->target.lines;
    DO(a, slapdtest_replace(a->server, PERSON("000002"), "mail", "Two@example.com"));
    await_groups(a, &of_names);
    CHECK(a, axsync_output_count(a, before, "\"group.members\"") == 1, "a new address takes more than one action");
    DO(a, slapdtest_rename(a->server, PERSON("000002"), "uid=two", NULL));
    await_groups(a, &of_names);
    CHECK(a, !is_member(a, "staff@example.com", "two@example.com"), "a DN that names nothing is a member");
    DO(a, slapdtest_add_value(a->server, GROUP("staff"), "member", "uid=two," PEOPLE));
    await_groups(a, &of_names);
}

static void deleted_members(struct axsync *a)
{
    DO(a, slapdtest_delete(a->server, PERSON("000003")));
    await_groups(a, &of_names);
    CHECK(a, !is_member(a, "staff@example.com", "user000003@example.com"), "a deleted member stays");
    DO(a, slapdtest_add(a->server, PERSON("000003"), "objectClass: inetOrgPerson\nuid: user000003\ncn: N\nsn: N\n"
                                                     "mail: user000003@example.com\n"));
    await_groups(a, &of_names);
    CHECK(a, is_member(a, "staff@example.com", "user000003@example.com"), "who came back did not join");
    DO(a, slapdtest_rename(a->server, PERSON("000003"), "uid=user000003", AWAY));
    await_groups(a, &of_names);
    DO(a, slapdtest_rename(a->server, "uid=user000003," AWAY, "uid=user000003", PEOPLE));
    await_groups(a, &of_names);
}

static void deleted_groups(struct axsync *a)
{
    DO(a, slapdtest_delete(a->server, GROUP("newcomers")));
    await_groups(a, &of_names);
    add_group(a, GROUP("newcomers"), "member: uid=new," PEOPLE "\n");
    await_groups(a, &of_names);
}

static void while_it_sleeps(struct axsync *a)
{
    axsync_stop(a);
    DO(a, slapdtest_delete_value(a->server, GROUP("staff"), "member", "uid=two," PEOPLE));
    DO(a, slapdtest_replace(a->server, "uid=new," PEOPLE, "mail", "newname@example.com"));
    DO(a, slapdtest_delete(a->server, GROUP("all")));
    axsync_start(a);
    await_groups(a, &of_names);
}

Test(groups, one_thing_after_the_other, .timeout = 400)
{
    struct slapdtest_options options = QUICK_SERVER;
    struct axsync *a = axsync_new(company(&options, 30), OF_NAMES);
    size_t before;

    axsync_start(a);
    axsync_await_settled(a);
    add_and_remove(a);
    addresses(a);
    nested(a);
    before_its_members(a);
    renamed_members(a);
    deleted_members(a);
    deleted_groups(a);
    while_it_sleeps(a);
    before = a->target.lines;
    axsync_stop(a);
    axsync_start(a);
    axsync_await_settled(a);
    CHECK(a, axsync_command(a, "resync", NULL) == 0, "resync failed: %s", a->err);
    axsync_await_settled(a);
    axsync_await_mirror(a, NULL);
    await_groups(a, &of_names);
    CHECK(a, a->target.lines == before, "%zu lines came of nothing", a->target.lines - before);
    CHECK(a, axsync_command(a, "dump", NULL) == 0 && strstr(a->out, "\"members\":[\"newname@example.com\"]") != NULL,
          "dump shows no members: %s", a->out);
    end_company(&a);
}

/* ---- other kinds of groups ---------------------------------------------------------------------------------- */

Test(groups, of_unique_names, .timeout = 280)
{
    static const struct directory_groups view = {"(objectClass=groupOfUniqueNames)", "uniqueMember", NULL, NULL};
    struct slapdtest_options options = QUICK_SERVER;
    struct axsync *a = axsync_new(company(&options, 10),
                                  "groupBaseDN = \"" GROUPS "\"\ngroupObjectClass = \"groupOfUniqueNames\"\n"
                                  "groupMemberAttribute = \"uniqueMember\"\n");

    DO(a, slapdtest_add(a->server, GROUP("staff"), "objectClass: groupOfUniqueNames\nuniqueMember: " PERSON("000001")
                                                   "#'0101'B\nuniqueMember: " PERSON("000002") "\n"));
    axsync_start(a);
    await_groups(a, &view);
    CHECK(a, is_member(a, "staff@example.com", "user000001@example.com"), "a member with a UID is none");
    DO(a, slapdtest_add_value(a->server, GROUP("staff"), "uniqueMember", PERSON("000003") "#'1'B"));
    await_groups(a, &view);
    end_company(&a);
}

Test(groups, of_names_of_accounts, .timeout = 280)
{
    static const char *const schemas[] = {"/etc/ldap/schema/nis.ldif", NULL};
    static const struct directory_groups view = {"(objectClass=posixGroup)", "memberUid", NULL, NULL};
    struct slapdtest_options options = QUICK_SERVER;
    struct axsync *a;

    options.schemas = schemas;
    a = axsync_new(company(&options, 10), "groupBaseDN = \"" GROUPS "\"\ngroupObjectClass = \"posixGroup\"\n"
                                          "groupMemberAttribute = \"memberUid\"\n");
    DO(a, slapdtest_add(a->server, GROUP("staff"), "objectClass: posixGroup\ngidNumber: 1\nmemberUid: user000001\n"
                                                   "memberUid: nobody\n"));
    axsync_start(a);
    await_groups(a, &view);
    CHECK(a, is_member(a, "staff@example.com", "user000001@example.com"), "a name is no member");
    DO(a, slapdtest_replace(a->server, PERSON("000001"), "mail", "one@example.com"));
    await_groups(a, &view);
    DO(a, slapdtest_add_value(a->server, GROUP("staff"), "memberUid", "one"));
    await_groups(a, &view);
    CHECK(a, is_member(a, "staff@example.com", "one@example.com"), "the new name is no member");
    end_company(&a);
}

/* ---- a large one -------------------------------------------------------------------------------------------- */

#define LARGE 10000

static char *large_group(void)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    fputs("objectClass: groupOfNames\n", out);
    for (int i = 1; i <= LARGE; i++)
        fprintf(out, "member: uid=user%06d," PEOPLE "\n", i);
    fclose(out);
    return text;
}

/* One member less, and one more: each is one action that names one. */
Test(groups, a_large_one_changes_by_what_changed, .timeout = 600)
{
    struct slapdtest_options options = QUICK_SERVER;
    struct axsync *a = axsync_new(company(&options, LARGE), OF_NAMES);
    char *text = large_group();
    size_t before;

    DO(a, slapdtest_add(a->server, GROUP("large"), text));
    axsync_start(a);
    await_groups(a, &of_names);
    before = a->target.lines;
    CHECK(a, before == LARGE + 1 + LARGE / 1000, "%zu lines of %d accounts and one group of all", before, LARGE);
    DO(a, slapdtest_delete_value(a->server, GROUP("large"), "member", PERSON("000500")));
    await_groups(a, &of_names);
    DO(a, slapdtest_add_value(a->server, GROUP("large"), "member", PERSON("000500")));
    await_groups(a, &of_names);
    CHECK(a, a->target.lines == before + 2, "%zu lines for two changes", a->target.lines - before);
    CHECK(a, axsync_output_count(a, before, "\"remove\":[\"user000500@example.com\"]") == 1, "the removal names others");
    CHECK(a, axsync_output_count(a, before, "\"add\":[\"user000500@example.com\"]") == 1, "the addition names others");
    free(text);
    end_company(&a);
}
