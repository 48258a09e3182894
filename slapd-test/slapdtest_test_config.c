/* The slapdtest library on a real slapd: options, changes of the configuration, syncprov, TLS. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "slapdtest_test.h"

static int count_as(struct slapdtest *s, const char *dn, const char *base, int scope, const char *filter)
{
    LDAP *ld;
    int n = 0;

    OK(s, slapdtest_connect(s, dn, NULL, &ld));
    search_rc(ld, base, scope, filter, LDAP_NO_ATTRS, &n);
    ldap_unbind_ext_s(ld, NULL, NULL);
    return n;
}

/* Whether an entry of cn=config matches a filter. */
static bool config_is(struct slapdtest *s, const char *dn, const char *filter)
{
    return count_as(s, "cn=config", dn, LDAP_SCOPE_BASE, filter) == 1;
}

/* ---- config ---- */

Test(config, options_reach_the_server)
{
    static const char *const indexes[] = {"cn eq,sub", NULL}, *const modules[] = {"memberof", NULL};
    struct slapdtest_options options = {
        .suffix = "o=Example GmbH",
        .rootdn = "cn=boss,o=Example GmbH",
        .rootpw = "pass: word ",
        .map_size = SLAPDTEST_MAP_MILLION,
        .dbnosync = true,
        .indexes = indexes,
        .modules = modules,
        .sizelimit = 7,
        .sessionlog = 100,
        .checkpoint_ops = 10,
        .checkpoint_minutes = 5,
        .reloadhint = true,
        .server_id = 0x2a,
        .global_extra = "olcIdleTimeout: 60",
        .database_extra = "olcReadOnly: FALSE\nolcDbMaxReaders: 50\n",
        .extra_ldif = "dn: olcOverlay=memberof," SLAPDTEST_DATABASE_DN "\nobjectClass: olcOverlayConfig\n"
                      "objectClass: olcMemberOf\nolcOverlay: memberof\n",
    };
    struct slapdtest *s = run_with_people(&options, 1);
    char *csn;

    cr_assert(config_is(s, SLAPDTEST_DATABASE_DN,
                        "(&(olcSuffix=o=Example GmbH)(olcDbMaxSize=17179869184)(olcDbNoSync=TRUE)"
                        "(olcDbIndex=cn eq,sub)(!(olcDbIndex=uid eq))(olcSizeLimit=7)(olcDbMaxReaders=50))"));
    cr_assert(
        config_is(s, SLAPDTEST_SYNCPROV_DN, "(&(olcSpSessionlog=100)(olcSpCheckpoint=10 5)(olcSpReloadHint=TRUE))"));
    cr_assert(config_is(s, "cn=config", "(&(olcServerID=42)(olcIdleTimeout=60))"));
    cr_assert(config_is(s, "olcOverlay={1}memberof," SLAPDTEST_DATABASE_DN, "(objectClass=olcMemberOf)"));
    csn = slapdtest_context_csn(s);
    cr_assert(csn != NULL && strstr(csn, "#02a#") != NULL, "%s", csn != NULL ? csn : slapdtest_error(s));
    free(csn);
    slapdtest_free(&s);
}

Test(config, defaults)
{
    struct slapdtest *s = run(&SLAPDTEST_OPTIONS_INIT);

    cr_assert(
        config_is(s, SLAPDTEST_DATABASE_DN,
                  "(&(olcDbIndex=objectClass eq)(olcDbIndex=entryUUID eq)(olcDbIndex=entryCSN eq)(olcDbIndex=uid eq)"
                  "(olcDbIndex=mail eq)(olcSizeLimit=unlimited)(olcDbNoSync=FALSE)(!(olcAccess=*)))"));
    cr_assert(config_is(s, "cn=config", "(!(olcServerID=*))"));
    slapdtest_free(&s);
}

/* slapd refuses a 0 in olcSpCheckpoint; one of the two options is enough all the same. */
Test(config, either_checkpoint)
{
    struct slapdtest_options options[] = {{.checkpoint_ops = 3}, {.checkpoint_minutes = 2}};
    const char *const filters[] = {"(olcSpCheckpoint=3 1000000)", "(olcSpCheckpoint=1000000 2)"};

    for (size_t i = 0; i < 2; i++) {
        struct slapdtest *s = run_with_people(&options[i], 1);

        cr_assert(config_is(s, SLAPDTEST_SYNCPROV_DN, filters[i]), "%s", filters[i]);
        slapdtest_free(&s);
    }
}

Test(config, extra_schema)
{
    char path[] = "/tmp/slapdtest-schema-XXXXXX";
    const char *const schemas[] = {path, NULL};
    struct slapdtest_options options = {.schemas = schemas};
    FILE *out = fdopen(mkstemp(path), "w");
    struct slapdtest *s;

    fputs("dn: cn=shoes,cn=schema,cn=config\nobjectClass: olcSchemaConfig\ncn: shoes\n"
          "olcAttributeTypes: ( 2.25.1.1 NAME 'shoeSize' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 )\n"
          "olcObjectClasses: ( 2.25.1.2 NAME 'shoeWearer' SUP top AUXILIARY MAY shoeSize )\n",
          out);
    fclose(out);
    s = run_with_people(&options, 1);
    unlink(path);
    OK(s, slapdtest_add_value(s, PERSON_1, "objectClass", "shoeWearer"));
    OK(s, slapdtest_replace(s, PERSON_1, "shoeSize", "43"));
    cr_assert_eq(slapdtest_count(s, NULL, "sub", "(shoeSize=43)"), 1);
    slapdtest_free(&s);
}

Test(config, limits)
{
    static const char *const limits[] = {"dn.exact=\"" PERSON_1 "\" size=2", NULL};
    struct slapdtest_options options = {.limits = limits, .sizelimit = 4};
    struct slapdtest *s = run_with_people(&options, 5);
    LDAP *ld;
    int n;

    OK(s, slapdtest_replace(s, PERSON_1, "userPassword", "secret"));
    OK(s, slapdtest_connect(s, PERSON_1, NULL, &ld));
    cr_assert_eq(search_rc(ld, SUFFIX, LDAP_SCOPE_SUBTREE, NULL, "uid", &n), LDAP_SIZELIMIT_EXCEEDED);
    cr_assert_eq(n, 2);
    ldap_unbind_ext_s(ld, NULL, NULL);
    OK(s, slapdtest_connect(s, NULL, NULL, &ld));
    cr_assert_eq(search_rc(ld, SUFFIX, LDAP_SCOPE_SUBTREE, NULL, "uid", &n), LDAP_SIZELIMIT_EXCEEDED);
    cr_assert_eq(n, 4);
    ldap_unbind_ext_s(ld, NULL, NULL);
    cr_assert_eq(slapdtest_count(s, NULL, "sub", NULL), 7); /* rootdn has no limits */
    slapdtest_free(&s);
}

Test(config, access_changes_while_it_runs)
{
    static const char *const at_start[] = {"to attrs=mail by * none", "to * by * read", NULL};
    static const char *const later[] = {"to dn.base=\"" PERSON_1 "\" by * none", "to * by * read", NULL};
    struct slapdtest_options options = {.access = at_start};
    struct slapdtest *s = run_with_people(&options, 3);

    cr_assert_eq(count_as(s, NULL, PEOPLE, LDAP_SCOPE_ONELEVEL, "(mail=*)"), 0);
    OK(s, slapdtest_set_access(s, later));
    cr_assert_eq(count_as(s, NULL, PEOPLE, LDAP_SCOPE_ONELEVEL, "(mail=*)"), 2);
    OK(s, slapdtest_restart(s));
    cr_assert_eq(count_as(s, NULL, PEOPLE, LDAP_SCOPE_ONELEVEL, "(mail=*)"), 2);
    OK(s, slapdtest_set_access(s, NULL));
    cr_assert_eq(count_as(s, NULL, PEOPLE, LDAP_SCOPE_ONELEVEL, "(mail=*)"), 3);
    slapdtest_free(&s);
}

Test(config, changes_while_it_runs)
{
    struct slapdtest *s = run(NULL);

    OK(s, slapdtest_config(s, "dn: cn=config\nchangetype: modify\nreplace: olcIdleTimeout\nolcIdleTimeout: 33\n"));
    OK(s, slapdtest_restart(s));
    cr_assert(config_is(s, "cn=config", "(olcIdleTimeout=33)"));
    FAILS(s, slapdtest_config(s, "dn: cn=config\nchangetype: modify\nreplace: olcNonsense\nolcNonsense: 1\n"),
          LDAP_UNDEFINED_TYPE);
    slapdtest_free(&s);
}

/* ---- sync ---- */

/* A filter on supportedControl wouldn't do: slapd doesn't match the root DSE's operational attributes. */
static bool root_dse_lists(struct slapdtest *s, const char *oid)
{
    char *attributes[] = {(char *)(uintptr_t)"supportedControl", NULL};
    struct berval **values, wanted;
    LDAPMessage *result = NULL;
    bool found = false;
    LDAP *ld;

    ber_str2bv(oid, 0, 0, &wanted);
    OK(s, slapdtest_connect(s, NULL, NULL, &ld));
    ldap_search_ext_s(ld, "", LDAP_SCOPE_BASE, NULL, attributes, 0, NULL, NULL, NULL, 0, &result);
    values = ldap_get_values_len(ld, ldap_first_entry(ld, result), attributes[0]);
    for (int i = 0; values != NULL && values[i] != NULL; i++)
        found = found || ber_bvcmp(values[i], &wanted) == 0;
    ldap_value_free_len(values);
    ldap_msgfree(result);
    ldap_unbind_ext_s(ld, NULL, NULL);
    return found;
}

/* Ask for refreshOnly without a cookie (RFC 4533, 2.2): the result code, whether a Sync Done came, how many entries. */
static int sync_once(struct slapdtest *s, bool *done_r, int *n_r)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    LDAPControl control = {.ldctl_oid = (char *)(uintptr_t)LDAP_CONTROL_SYNC, .ldctl_iscritical = 1},
                *controls[] = {&control, NULL};
    LDAPControl **answered = NULL;
    LDAPMessage *result = NULL, *last = NULL;
    LDAP *ld;
    int rc;

    ber_printf(ber, "{e}", LDAP_SYNC_REFRESH_ONLY);
    ber_flatten2(ber, &control.ldctl_value, 0);
    OK(s, slapdtest_connect(s, slapdtest_rootdn(s), NULL, &ld));
    rc = ldap_search_ext_s(ld, SUFFIX, LDAP_SCOPE_SUBTREE, NULL, NULL, 0, controls, NULL, NULL, 0, &result);
    *n_r = ldap_count_entries(ld, result);
    for (LDAPMessage *m = ldap_first_message(ld, result); m != NULL; m = ldap_next_message(ld, m))
        last = m;
    if (last != NULL && ldap_msgtype(last) == LDAP_RES_SEARCH_RESULT)
        ldap_parse_result(ld, last, NULL, NULL, NULL, NULL, &answered, 0);
    *done_r = ldap_control_find(LDAP_CONTROL_SYNC_DONE, answered, NULL) != NULL;
    ldap_controls_free(answered);
    ldap_msgfree(result);
    ldap_unbind_ext_s(ld, NULL, NULL);
    ber_free(ber, 1);
    return rc;
}

Test(sync, provider_answers)
{
    struct slapdtest *s = run_with_people(NULL, 10);
    bool done;
    int n;

    cr_assert(root_dse_lists(s, LDAP_CONTROL_SYNC));
    cr_assert_eq(sync_once(s, &done, &n), LDAP_SUCCESS);
    cr_assert(done && n == 12, "%d entries", n);
    slapdtest_free(&s);
}

Test(sync, left_out_when_asked)
{
    struct slapdtest_options options = {.no_syncprov = true};
    struct slapdtest *s = run_with_people(&options, 1);
    bool done;
    int n;

    cr_assert(!root_dse_lists(s, LDAP_CONTROL_SYNC));
    cr_assert_eq(sync_once(s, &done, &n), LDAP_UNAVAILABLE_CRITICAL_EXTENSION);
    cr_assert(slapdtest_context_csn(s) == NULL && slapdtest_rc(s) == LDAP_NO_SUCH_ATTRIBUTE, "%s", slapdtest_error(s));
    slapdtest_free(&s);
}

/* ---- tls ---- */

/*
 * Result code of a bind that verifies the server with a CA: anonymous, or EXTERNAL by a client certificate if not NULL.
 * *who_r gets the identity if asked for.
 */
static int tls_bind(const char *uri, const char *ca, const char *cert, const char *key, char **who_r)
{
    int demand = LDAP_OPT_X_TLS_DEMAND, version = LDAP_VERSION3, on = 0, rc;
    struct berval none = {.bv_val = (char *)(uintptr_t)""}, *who = NULL; /* an empty answer, not a missing one */
    LDAP *ld;

    signal(SIGPIPE, SIG_IGN); /* GnuTLS says goodbye to a server that has hung up */
    cr_assert_eq(ldap_initialize(&ld, uri), LDAP_SUCCESS);
    ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, ca);
    ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
    if (cert != NULL) {
        ldap_set_option(ld, LDAP_OPT_X_TLS_CERTFILE, cert);
        ldap_set_option(ld, LDAP_OPT_X_TLS_KEYFILE, key);
    }
    ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &on);
    rc = strncmp(uri, "ldaps", 5) == 0 ? LDAP_SUCCESS : ldap_start_tls_s(ld, NULL, NULL);
    if (rc == LDAP_SUCCESS)
        rc = ldap_sasl_bind_s(ld, NULL, cert != NULL ? "EXTERNAL" : LDAP_SASL_SIMPLE, &none, NULL, NULL, NULL);
    if (rc == LDAP_SUCCESS && who_r != NULL && ldap_whoami_s(ld, &who, NULL, NULL) == LDAP_SUCCESS)
        *who_r = strndup(who->bv_val, who->bv_len);
    ber_bvfree(who);
    ldap_unbind_ext_s(ld, NULL, NULL);
    return rc;
}

Test(tls, verified_with_its_ca)
{
    struct slapdtest_options options = {.tls = true};
    struct slapdtest *s = run(&options), *other = run(&options);
    char *cert, *key;

    cr_assert_eq(tls_bind(slapdtest_uri_ldaps(s), slapdtest_tls_ca(s), NULL, NULL, NULL), LDAP_SUCCESS);
    cr_assert_eq(tls_bind(slapdtest_uri(s), slapdtest_tls_ca(s), NULL, NULL, NULL), LDAP_SUCCESS);
    cr_assert_neq(tls_bind(slapdtest_uri_ldaps(s), slapdtest_tls_ca(other), NULL, NULL, NULL), LDAP_SUCCESS);
    FAILS(s, slapdtest_tls_issue(s, "../x", &cert, &key), LDAP_PARAM_ERROR);
    OK(s, slapdtest_restart(s));
    cr_assert_eq(connect_errno(slapdtest_port_ldaps(s)), 0);
    slapdtest_free(&s);
    slapdtest_free(&other);
}

Test(tls, bad_certificates)
{
    struct slapdtest_options expired = {.tls = true, .tls_expired = true};
    struct slapdtest_options elsewhere = {.tls = true, .tls_san = "DNS:ldap.example.com"};
    struct slapdtest *s = run(&expired);

    cr_assert_neq(tls_bind(slapdtest_uri_ldaps(s), slapdtest_tls_ca(s), NULL, NULL, NULL), LDAP_SUCCESS);
    slapdtest_free(&s);
    s = run(&elsewhere);
    cr_assert_neq(tls_bind(slapdtest_uri_ldaps(s), slapdtest_tls_ca(s), NULL, NULL, NULL), LDAP_SUCCESS);
    slapdtest_free(&s);
}

Test(tls, client_certificates)
{
    struct slapdtest_options options = {.tls = true, .tls_verify_client = "demand"};
    struct slapdtest *s = run(&options), *plain;
    char *cert, *key, *who = NULL;

    OK(s, slapdtest_tls_issue(s, "reader-1", &cert, &key));
    cr_assert_neq(tls_bind(slapdtest_uri_ldaps(s), slapdtest_tls_ca(s), NULL, NULL, NULL), LDAP_SUCCESS);
    cr_assert_eq(tls_bind(slapdtest_uri_ldaps(s), slapdtest_tls_ca(s), cert, key, &who), LDAP_SUCCESS);
    cr_assert_str_eq(who, "dn:cn=reader-1");
    free(cert);
    free(key);
    free(who);
    slapdtest_free(&s);
    plain = run(NULL);
    FAILS(plain, slapdtest_tls_issue(plain, "x", &cert, &key), LDAP_OTHER);
    slapdtest_free(&plain);
}
