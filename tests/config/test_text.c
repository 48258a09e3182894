/* Filters, fingerprints, reload. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_syntax.h"
#include "support.h"

TestSuite(text, .fini = scratch_remove);

/* ---- filters ---- */

static const char *const right_filters[] = {
    "(a=b)", "a=b", "(a=)", "a=*", "(a=*b*c*)", "(a~=b)", "(a>=b)", "(a<=b)", "(&(a=b)(c=d))", "&(a=b)(c=d)",
    "(|(a=b)(&(c=d)(!(e=f))))", "!(a=b)", "(&)", "( & (a=b) (c=d) )", "(cn=\\2a\\28x)", "(a;lang-en=b)", "(1.2.3=x)",
    "(cn:caseExactMatch:=x)", "(cn:dn:2.4.6=x)", "(:2.4.8.10:=x)", "(cn:=x)", "(cn=M\xC3\xBCller)", "(a=b=c)",
        "(a= b )",
};

static const char *const wrong_filters[] = {
    "(a=b", "a=b)", "(a)", "a", "()", "(=b)", "(&(a=b)", "(&(a=b)))", "(a=b)(c=d)", "(!a=b)", "(!(a=b)(c=d))",
        "(a=(b))",
    "(a=\\2)", "(a=\\zz)", "(a>=*)", "(&a=b)", "(a=\xFF)", "((a=b))", "(a<b)", "(a b=c)", "x(a=b)", ")", "(",
};

Test(text, filters)
{
    char deep[512] = "";

    for (size_t i = 0; i < sizeof(right_filters) / sizeof(right_filters[0]); i++)
        cr_expect_null(syntax_filter(right_filters[i]), "%s", right_filters[i]);
    for (size_t i = 0; i < sizeof(wrong_filters) / sizeof(wrong_filters[0]); i++)
        cr_expect_not_null(syntax_filter(wrong_filters[i]), "%s", wrong_filters[i]);
    for (int i = 0; i < 100; i++)
        strcat(deep, "(!");
    cr_expect_str_eq(syntax_filter(deep), "is not a filter: nested too deeply");
}

Test(text, filter_of_a_kind)
{
    static const struct {
        const char *class, *additional, *filter;
    } rows[] = {
        { "inetOrgPerson", "", "(objectClass=inetOrgPerson)" },
        { "inetOrgPerson", "(a=b)", "(&(objectClass=inetOrgPerson)(a=b))" },
        { "inetOrgPerson", "a=b", "(&(objectClass=inetOrgPerson)(a=b))" },
        { "inetOrgPerson", "|(a=b)(c=d)", "(&(objectClass=inetOrgPerson)(|(a=b)(c=d)))" },
        { "inetOrgPerson", " (a=b)", "(&(objectClass=inetOrgPerson) (a=b))" },
        { "x*(y)\\\t", "a=b", "(&(objectClass=x\\2a\\28y\\29\\5c\\09)(a=b))" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config_connector c = { .account_class = (char *)(uintptr_t)rows[i].class,
                                      .account_filter = (char *)(uintptr_t)rows[i].additional,
                                      .group_class = (char *)(uintptr_t) "groupOfNames",
                                      .group_filter = (char *)(uintptr_t) "(x=y)" };
        char *accounts = config_filter(&c, OBJECT_ACCOUNT), *groups = config_filter(&c, OBJECT_GROUP);

        cr_expect_str_eq(accounts, rows[i].filter);
        cr_expect_str_eq(groups, "(&(objectClass=groupOfNames)(x=y))");
        cr_expect_null(syntax_filter(accounts));
        free(accounts);
        free(groups);
    }
}

/* ---- fingerprints ---- */

enum { NONE = 0, ACCOUNTS = 1, GROUPS = 2, BOTH = 3 };

static const struct {
    const char *head;     /* instead of the usual first line; NULL: that one */
    const char *inside;
    int changes;
} changes[] = {
    { NULL, "accountScope = one", ACCOUNTS },
    { NULL, "accountObjectClass = person", ACCOUNTS },
    { NULL, "accountAdditionalFilter = 'a=b'", ACCOUNTS },
    { NULL, "accountNameAttribute = uid", ACCOUNTS },
    { NULL, "matchAccountFullEmailAddress = no", ACCOUNTS },
    { NULL, "groupScope = one", GROUPS },
    { NULL, "groupObjectClass = posixGroup", GROUPS },
    { NULL, "groupAdditionalFilter = 'a=b'", GROUPS },
    { NULL, "groupNameAttribute = mail", GROUPS },
    { NULL, "matchGroupFullEmailAddress = yes", GROUPS },
    { NULL, "groupMemberAttribute = memberUid", GROUPS },
    { NULL, "groupAddressAttribute = rfc822", GROUPS },
    { NULL, "bindDN = 'cn=x' bindPass = y", BOTH },
    { NULL, "clusteredSetup = yes axigenHost = mx1", ACCOUNTS },
    { NULL, "axigenHostField = host", ACCOUNTS },
    { NULL, "axigenHost = mx1", ACCOUNTS },
    { NULL, "attribute a { field = contactInfo.x }", ACCOUNTS },
    { NULL, "attribute a { field = '' }", ACCOUNTS },
    { NULL, "attribute a { field = group.x kind = group }", GROUPS },
    { "ldapURI = ldap://127.0.0.1 accountBaseDN = 'dc=x' domain = example.com", "", ACCOUNTS },
    { "ldapURI = ldap://127.0.0.1 accountBaseDN = 'dc=example,dc=com' domain = example.org", "", BOTH },
    { "ldapURI = ldapi:/// accountBaseDN = 'dc=example,dc=com' domain = example.com", "saslMechanism = EXTERNAL",
      BOTH },

    { "ldapURI = ldap://other accountBaseDN = 'dc=example,dc=com' domain = EXAMPLE.com", "", NONE },
    { NULL, "startTLS = yes tlsRequireCert = never", NONE },
    { NULL,
      "timeout = 9 watchdogInterval = 9 reconcileInterval = 9 pollingInterval = 9 transientErrorRetryInterval = 9",
      NONE },
    { NULL, "mode = persist maxRetryInterval = 99", NONE },
    { NULL, "ignoreLDAPDeletes = yes deleteGrace = 0 rebind = no guard { maxDeletes = 5 settle = 0 }", NONE },
    { NULL, "sink other { type = file path = x }", NONE },
    { NULL, "accountScope = sub accountObjectClass = inetOrgPerson clusteredSetup = no bindDN = ''", NONE },
};

static struct config *variant(const char *head, const char *inside)
{
    char text[2048];

    snprintf(text, sizeof(text), "connector corp {\n%s\n%s\nsink journal { type = file path = '-' } }",
        head ? head : HEAD,
             inside);
    return read_right(text);
}

static bool print_changes(const struct config *a, const struct config *b, enum object_kind kind)
{
    char *x = config_fingerprint(a->connectors, kind), *y = config_fingerprint(b->connectors, kind);
    bool differ = strcmp(x, y) != 0;

    free(x);
    free(y);
    return differ;
}

Test(text, fingerprint)
{
    struct config *base = variant(NULL, "");

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct config *c = variant(changes[i].head, changes[i].inside);

        cr_expect_eq(print_changes(base, c, OBJECT_ACCOUNT), !!(changes[i].changes & ACCOUNTS), "%s",
            changes[i].inside);
        cr_expect_eq(print_changes(base, c, OBJECT_GROUP), !!(changes[i].changes & GROUPS), "%s", changes[i].inside);
        config_free(&c);
    }
    config_free(&base);
}

Test(text, fingerprint_without_order_and_secrets)
{
    struct config *a = variant(NULL, "bindDN = 'cn=x' bindPass = hunter2\n"
                                     "attribute a { field = contactInfo.x } attribute b { field = contactInfo.y }");
    struct config *b = variant(NULL, "bindDN = 'cn=x' bindPass = hunter3\n"
                                     "attribute b { field = contactInfo.y } attribute a { field = contactInfo.x }");
    char *print = config_fingerprint(a->connectors, OBJECT_ACCOUNT);

    cr_expect_not(print_changes(a, b, OBJECT_ACCOUNT));
    cr_expect_null(strstr(print, "hunter2"));
    free(print);
    config_free(&a);
    config_free(&b);
}

/* ---- reload ---- */

static char *reload(const char *live_text, const char *fresh_text, struct config **live, size_t *changed)
{
    struct config *fresh = read_right(fresh_text);
    char *names;

    *live = read_right(live_text);
    names = config_reload(*live, fresh, changed);
    config_free(&fresh);
    return names;
}

Test(text, reload_of_the_same)
{
    struct config *live;
    size_t changed;
    const char *text = wrapped("", "bindDN = 'cn=a' bindPass = b attribute x { field = contactInfo.x }", "");

    cr_expect_null(reload(text, text, &live, &changed));
    cr_expect_eq(changed, 0);
    config_free(&live);
}

Test(text, reload_live)
{
    struct config *live;
    size_t changed;
    char *names = reload(wrapped("", "", ""),
                         wrapped("logLevel = debug",
                                 "timeout = 9 watchdogInterval = 9 reconcileInterval = 9 pollingInterval = 9 "
                                 "transientErrorRetryInterval = 9 maxRetryInterval = 9 ignoreLDAPDeletes = yes "
                                 "deleteGrace = 9 rebind = no guard { maxDeletes = 9 maxDeletePercent = 9 "
                                 "maxClears = 9 "
                                 "maxClearPercent = 9 maxMembersRemoved = 9 window = 9 settle = 9 }",
                                 ""),
                         &live, &changed);
    const struct config_connector *c = live->connectors;

    cr_expect_null(names, "%s", names);
    cr_expect_eq(changed, 17);
    cr_expect_eq(live->log_level, 3);
    cr_expect_eq(c->timeout, 9);
    cr_expect_eq(c->watchdog_interval, 9);
    cr_expect_eq(c->reconcile_interval, 9);
    cr_expect_eq(c->polling_interval, 9);
    cr_expect_eq(c->retry_interval, 9);
    cr_expect_eq(c->max_retry_interval, 9);
    cr_expect(c->ignore_deletes);
    cr_expect_eq(c->delete_grace, 9);
    cr_expect_not(c->rebind);
    cr_expect_eq(c->guard.max_deletes, 9);
    cr_expect_eq(c->guard.settle, 9);
    config_free(&live);
}

Test(text, reload_restart)
{
    static const struct {
        const char *inside, *sink, *names;
    } rows[] = {
        { "mode = persist", "", "corp.mode" },
        { "ldapURI += ldap://b accountScope = one", "", "corp.ldapURI, corp.accountScope" },
        { "bindDN = 'cn=a' bindPass = c", "", "corp.bindDN, corp.bindPass" },
        { "attribute x { field = '' }", "", "corp.attribute" },
        { "sink other { type = file path = x }", "", "corp.sink" },
        { "", "type = file path = elsewhere", "corp/journal.path" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config *live;
        size_t changed;
        char *names = reload(wrapped("", "", ""), wrapped("", rows[i].inside, rows[i].sink), &live, &changed);

        cr_expect_str_eq(names ? names : "", rows[i].names);
        cr_expect_eq(changed, 0);
        free(names);
        config_free(&live);
    }
}

Test(text, reload_connectors)
{
    struct config *live;
    size_t changed;
    char *names = reload(wrapped("", "", ""),
                         "connector more { " HEAD " sink journal { type = file path = x } }\n"
                         "connector corp { " HEAD " timeout = 5 sink other { type = file path = '-' } }",
                         &live, &changed);

    cr_expect_str_eq(names, "corp.sink, connector");
    cr_expect_eq(changed, 1);
    cr_expect_eq(live->connectors[0].timeout, 5);
    free(names);
    config_free(&live);
}

Test(text, reload_of_a_secret_file)
{
    char inside[256];
    struct config *live, *fresh;
    size_t changed;
    char *names;

    snprintf(inside, sizeof(inside), "bindDN = 'cn=a' bindPassFile = '%s'", scratch_file("s", "one\n", 0600));
    live = read_right(wrapped("", inside, ""));
    scratch_file("s", "two\n", 0600);
    fresh = read_right(wrapped("", inside, ""));
    names = config_reload(live, fresh, &changed);
    cr_expect_str_eq(names, "corp.bindPassFile");
    cr_expect_str_eq(live->connectors->bind_pass, "one");
    free(names);
    config_free(&live);
    config_free(&fresh);
}
