/* The slapdtest library on a real slapd: LDIF, the helpers, loading offline, made-up people. */
#include <stdlib.h>
#include <string.h>

#include "slapdtest_test.h"

/* ---- data ---- */

Test(data, ldif_of_all_kinds)
{
    struct slapdtest *s = run_with_people(NULL, 2);
    char *value;

    OK(s, slapdtest_ldif(s, ""));
    OK(s, slapdtest_ldif(s, "version: 1\n\n# a comment\ndn: uid=a," PEOPLE
                            "\nobjectClass: inetOrgPerson\nuid: a\nsn: A\ncn:: SsO8cmdl\n bg==\n"
                            "\n\ndn: uid=a," PEOPLE
                            "\nchangetype: modify\nadd: mail\nmail: a@example.com\n-\nreplace: sn\nsn: B\n-\n\n"
                            "dn: uid=a," PEOPLE "\nchangetype: modrdn\nnewrdn: uid=b\ndeleteoldrdn: 1\n\n"
                            "dn: " PERSON_1 "\nchangetype: delete"));
    cr_assert_eq(slapdtest_count(s, PEOPLE, "one", NULL), 2);
    cr_assert_eq(slapdtest_count(s, NULL, "sub", "(&(uid=b)(!(uid=a))(mail=a@example.com)(sn=B))"), 1);
    value = slapdtest_value(s, "uid=b," PEOPLE, "cn");
    cr_assert_str_eq(value, "J\303\274rgen");
    free(value);
    OK(s, slapdtest_ldif_f(
              s,
              "dn: %s\ncontrol: 1.3.6.1.4.1.4203.666.5.12 true\nchangetype: add\nobjectClass: organizationalUnit\n"
              "ou: x\nentryUUID: %s\n",
              "ou=x," SUFFIX, "00000000-0000-0000-0000-00000000000a"));
    value = slapdtest_entry_uuid(s, "ou=x," SUFFIX);
    cr_assert_str_eq(value, "00000000-0000-0000-0000-00000000000a");
    free(value);
    slapdtest_free(&s);
}

Test(data, ldif_errors_say_where)
{
    struct slapdtest *s = run_with_people(NULL, 1);

    FAILS(s,
          slapdtest_ldif(s, "dn: ou=x," SUFFIX "\nobjectClass: organizationalUnit\nou: x\n\n# two\n"
                            "dn: ou=y," SUFFIX "\nobjectClass: nonsense\nou: y\n"),
          LDAP_INVALID_SYNTAX);
    SAYS(s, "line 5: add ou=y," SUFFIX);
    SAYS(s, "objectClass: value #0 invalid");
    cr_assert_eq(slapdtest_count(s, "ou=x," SUFFIX, "base", NULL), 1);
    FAILS(s, slapdtest_ldif(s, "dn: ou=z," SUFFIX "\nchangetype: frobnicate\n"), LDAP_PARAM_ERROR);
    SAYS(s, "line 1: not an LDIF record: dn: ou=z");
    FAILS(s, slapdtest_ldif(s, "no colon here\n"), LDAP_PARAM_ERROR);
    FAILS(s, slapdtest_ldif(s, "dn: ou=gone," SUFFIX "\nchangetype: delete\n"), LDAP_NO_SUCH_OBJECT);
    slapdtest_free(&s);
}

Test(data, helpers)
{
    struct slapdtest *s = run_with_people(NULL, 2);
    char *uuid = slapdtest_entry_uuid(s, PERSON_1), *same, *csn = slapdtest_context_csn(s), *later;

    cr_assert(uuid != NULL && strlen(uuid) == 36);

    OK(s, slapdtest_add(s, "ou=Caf\303\251," SUFFIX, "objectClass: organizationalUnit\nou: Caf\303\251\n"));
    OK(s, slapdtest_rename(s, PERSON_1, "uid=moved", "ou=Caf\303\251," SUFFIX));
    same = slapdtest_entry_uuid(s, "uid=moved,ou=Caf\303\251," SUFFIX);
    cr_assert_str_eq(same, uuid);
    OK(s, slapdtest_add_value(s, "uid=moved,ou=Caf\303\251," SUFFIX, "mail", "second@example.com"));
    OK(s, slapdtest_delete_value(s, "uid=moved,ou=Caf\303\251," SUFFIX, "mail", "user000001@example.com"));
    cr_assert_eq(
        slapdtest_count(s, NULL, "sub", "(&(uid=moved)(mail=second@example.com)(!(mail=user000001@example.com)))"), 1);
    OK(s, slapdtest_replace(s, "uid=moved,ou=Caf\303\251," SUFFIX, "mail", NULL));
    OK(s, slapdtest_replace(s, "uid=moved,ou=Caf\303\251," SUFFIX, "mail", NULL));
    FAILS(s, slapdtest_value(s, "uid=moved,ou=Caf\303\251," SUFFIX, "mail") == NULL ? -1 : 0, LDAP_NO_SUCH_ATTRIBUTE);
    FAILS(s, slapdtest_add_value(s, "uid=nobody," PEOPLE, "mail", "x@example.com"), LDAP_NO_SUCH_OBJECT);
    FAILS(s, slapdtest_count(s, NULL, "everything", NULL), LDAP_PARAM_ERROR);
    FAILS(s, slapdtest_delete(s, PEOPLE), LDAP_NOT_ALLOWED_ON_NONLEAF);
    OK(s, slapdtest_delete_tree(s, PEOPLE));
    FAILS(s, slapdtest_count(s, PEOPLE, "base", NULL), LDAP_NO_SUCH_OBJECT);
    FAILS(s, slapdtest_delete_tree(s, "ou=never," SUFFIX), LDAP_NO_SUCH_OBJECT);
    cr_assert_eq(slapdtest_count(s, SUFFIX, "children", NULL), 2);
    later = slapdtest_context_csn(s);
    cr_assert(later != NULL && strcmp(later, csn) > 0);
    free(uuid);
    free(same);
    free(csn);
    free(later);
    slapdtest_free(&s);
}

Test(data, deep_tree_after_a_move)
{
    struct slapdtest *s = run_with_people(NULL, 20);

    OK(s, slapdtest_add(s, "ou=a," SUFFIX, "objectClass: organizationalUnit\nou: a\n"));
    OK(s, slapdtest_add(s, "ou=b,ou=a," SUFFIX, "objectClass: organizationalUnit\nou: b\n"));
    OK(s, slapdtest_rename(s, PEOPLE, "ou=people", "ou=b,ou=a," SUFFIX)); /* parents now younger than their children */
    cr_assert_eq(slapdtest_count(s, "ou=a," SUFFIX, "sub", NULL), 23);
    OK(s, slapdtest_delete_tree(s, "ou=a," SUFFIX));
    cr_assert_eq(slapdtest_count(s, SUFFIX, "sub", NULL), 1);
    slapdtest_free(&s);
}

Test(data, await_and_lost_connection)
{
    struct slapdtest_options options = {.global_extra = "olcIdleTimeout: 1"};
    struct slapdtest *s = run_with_people(&options, 2);
    LDAP *ld;

    OK(s, slapdtest_await_count(s, PEOPLE, "one", NULL, 2));
    slapdtest_set_timeout(s, 300);
    FAILS(s, slapdtest_await_count(s, PEOPLE, "one", NULL, 3), LDAP_TIMEOUT);
    SAYS(s, "2 entries, not 3");
    slapdtest_set_timeout(s, 0);
    OK(s, slapdtest_connect(s, NULL, NULL, &ld)); /* younger than the handle's own, so it's ended later */
    while (search_rc(ld, SUFFIX, LDAP_SCOPE_BASE, NULL, LDAP_NO_ATTRS, NULL) == LDAP_SUCCESS)
        sleep(2);
    ldap_unbind_ext_s(ld, NULL, NULL);
    OK(s, slapdtest_replace(s, PERSON_1, "title", "after idle"));
    slapdtest_free(&s);
}

/* ---- offline ---- */

Test(offline, load_save_wipe)
{
    char error[512], path[256], *csn;
    struct slapdtest *s = slapdtest_new(NULL, error, sizeof(error));
    long before;

    cr_assert(s != NULL, "%s", error);
    OK(s, slapdtest_add_people(s, 500, 7));
    OK(s, slapdtest_start(s));
    cr_assert_eq(slapdtest_count(s, NULL, "sub", NULL), 502);
    csn = slapdtest_context_csn(s);
    cr_assert(csn != NULL, "%s", slapdtest_error(s));
    free(csn);
    snprintf(path, sizeof(path), "%s/saved.ldif", slapdtest_folder(s));
    FAILS(s, slapdtest_save_file(s, path), LDAP_OTHER);
    FAILS(s, slapdtest_load_file(s, path), LDAP_OTHER);
    FAILS(s, slapdtest_wipe(s), LDAP_OTHER);
    SAYS(s, "must be stopped");
    OK(s, slapdtest_stop(s));
    OK(s, slapdtest_save_file(s, path));
    OK(s, slapdtest_wipe(s));
    OK(s, slapdtest_start(s));
    FAILS(s, before = slapdtest_count(s, NULL, "sub", NULL), LDAP_NO_SUCH_OBJECT);
    OK(s, slapdtest_stop(s));
    OK(s, slapdtest_load_file(s, path));
    FAILS(s, slapdtest_load_file(s, "/nonexistent.ldif"), LDAP_OTHER);
    SAYS(s, "/nonexistent.ldif");
    OK(s, slapdtest_start(s));
    cr_assert_eq(slapdtest_count(s, NULL, "sub", NULL), 502);
    (void)before;
    slapdtest_free(&s);
}

/* ---- people ---- */

static char *people_text(const char *suffix, size_t n, uint64_t seed)
{
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    cr_assert_eq(slapdtest_people_ldif(out, suffix, n, seed), 0);
    fclose(out);
    return text;
}

Test(people, same_by_seed)
{
    char *a = people_text(NULL, 200, 3), *b = people_text(NULL, 200, 3), *c = people_text(NULL, 200, 4),
         *d = people_text(NULL, 100, 3);

    cr_assert_str_eq(a, b);
    cr_assert_str_neq(a, c);
    cr_assert_eq(strncmp(a, d, strlen(d)), 0); /* more people change nothing about the first */
    free(a);
    free(b);
    free(c);
    free(d);
}

Test(people, fit_any_usual_suffix)
{
    static const char *const suffixes[] = {"dc=a", "o=Some Company", "ou=unit,o=x"};
    char *dn;

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
        struct slapdtest_options options = {.suffix = suffixes[i]};
        struct slapdtest *s = run(&options);

        OK(s, slapdtest_add_people(s, 0, 0));
        OK(s, slapdtest_add_people(s, 3, 0));
        dn = slapdtest_person_dn(suffixes[i], 3);
        cr_assert_eq(
            slapdtest_count(s, dn, "base", "(&(mail=user000003@example.com)(employeeNumber=*)(postalAddress=*))"), 1);
        free(dn);
        slapdtest_free(&s);
    }
    cr_assert_eq(slapdtest_people_ldif(stderr, "cn=x", 1, 0), -1);
}
