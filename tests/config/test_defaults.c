/* The defaults, written out as SPEC.md section 3 has them. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "log.h"
#include "support.h"

TestSuite(defaults, .fini = scratch_remove);

#define MINIMAL                                                                                                        \
    "connector \"corp\" { ldapURI = \"ldap://127.0.0.1:389\" accountBaseDN = \"ou=people,dc=example,dc=com\"\n"        \
    " sink \"journal\" { type = \"file\" path = \"/var/lib/axsync/corp.ndjson\" } }\n"

Test(defaults, file)
{
    struct config *c = read_right(MINIMAL);

    cr_expect_str_eq(c->state_dir, "/var/lib/axsync");
    cr_expect_eq(c->log_level, LOG_LEVEL_INFO);
    cr_expect_str_eq(c->metrics_listen, "");
    cr_assert_eq(c->n_connectors, 1);
    config_free(&c);
    cr_expect_null(c);
}

Test(defaults, connection)
{
    struct config *config = read_right(MINIMAL);
    const struct config_connector *c = config->connectors;

    cr_expect_str_eq(c->name, "corp");
    cr_assert_eq(c->n_ldap_uris, 1);
    cr_expect_str_eq(c->ldap_uris[0], "ldap://127.0.0.1:389");
    cr_expect_not(c->start_tls);
    cr_expect_str_eq(c->tls_ca_file, "");
    cr_expect_str_eq(c->tls_cert_file, "");
    cr_expect_str_eq(c->tls_key_file, "");
    cr_expect_eq(c->tls_require, REQUIRE_DEMAND);
    cr_expect_str_eq(c->bind_dn, "");
    cr_expect_str_eq(c->bind_pass, "");
    cr_expect_str_eq(c->bind_pass_file, "");
    cr_expect_str_eq(c->sasl_mechanism, "");
    cr_expect_eq(c->timeout, 4);
    cr_expect_eq(c->watchdog_interval, 15);
    cr_expect_eq(c->reconcile_interval, 86400);
    cr_expect_eq(c->mode, MODE_AUTO);
    cr_expect_eq(c->polling_interval, 300);
    cr_expect_eq(c->retry_interval, 10);
    cr_expect_eq(c->max_retry_interval, 300);
    config_free(&config);
}

Test(defaults, what_is_mirrored)
{
    struct config *config = read_right(MINIMAL);
    const struct config_connector *c = config->connectors;

    cr_expect_str_eq(c->account_base, "ou=people,dc=example,dc=com");
    cr_expect_eq(c->account_scope, SCOPE_SUB);
    cr_expect_str_eq(c->account_class, "inetOrgPerson");
    cr_expect_str_eq(c->account_filter, "");
    cr_expect_str_eq(c->account_name_attribute, "mail");
    cr_expect(c->account_whole_address);
    cr_expect_str_eq(c->group_base, "");
    cr_expect_eq(c->group_scope, SCOPE_SUB);
    cr_expect_str_eq(c->group_class, "groupOfNames");
    cr_expect_str_eq(c->group_filter, "");
    cr_expect_str_eq(c->group_name_attribute, "cn");
    cr_expect_not(c->group_whole_address);
    cr_expect_str_eq(c->group_member_attribute, "member");
    cr_expect_str_eq(c->group_address_attribute, "");
    cr_expect_str_eq(c->domain, "");
    cr_expect_str_eq(c->custom_schema_file, "");
    cr_expect_not(c->clustered);
    cr_expect_str_eq(c->host_field, "mailHost");
    cr_expect_str_eq(c->host, "");
    cr_expect_eq(c->n_attributes, 0);
    config_free(&config);
}

static void expect_guard(const struct config_guard *g, int64_t max_deletes)
{
    cr_expect_eq(g->max_deletes, max_deletes);
    cr_expect_eq(g->max_delete_percent, 10);
    cr_expect_eq(g->max_clears, 100);
    cr_expect_eq(g->max_clear_percent, 10);
    cr_expect_eq(g->max_members_removed, 500);
    cr_expect_eq(g->window, 3600);
    cr_expect_eq(g->settle, 1);
}

Test(defaults, what_takes_away)
{
    struct config *c = read_right(MINIMAL);

    cr_expect_not(c->connectors->ignore_deletes);
    cr_expect_eq(c->connectors->delete_grace, 300);
    cr_expect(c->connectors->rebind);
    expect_guard(&c->connectors->guard, 100);
    config_free(&c);
    c = read_right(wrapped("", "guard {\n maxDeletes = 7 }", ""));
    expect_guard(&c->connectors->guard, 7);
    config_free(&c);
}

Test(defaults, sink)
{
    struct config *c = read_right(MINIMAL);
    const struct config_sink *s = c->connectors->sinks;

    cr_assert_eq(c->connectors->n_sinks, 1);
    cr_expect_str_eq(s->name, "journal");
    cr_expect_eq(s->type, SINK_TYPE_FILE);
    cr_expect_str_eq(s->path, "/var/lib/axsync/corp.ndjson");
    cr_expect_str_eq(s->host, "127.0.0.1");
    cr_expect_eq(s->port, 7000);
    cr_expect_not(s->tls);
    cr_expect_str_eq(s->tls_ca_file, "");
    cr_expect_str_eq(s->user, "admin");
    cr_expect_str_eq(s->password, "");
    cr_expect_eq(s->timeout, 30);
    cr_expect_eq(s->adopt_existing, ADOPT_FIRST);
    cr_expect_eq(s->delete_policy, POLICY_REMOVE);
    cr_expect_eq(s->leave_policy, POLICY_DISABLE);
    cr_expect_eq(s->move_policy, POLICY_KEEP);
    cr_expect_eq(s->retention, 2592000);
    cr_expect_eq(s->max_attempts, 10);
    cr_expect_eq(s->pipeline_depth, 64);
    config_free(&c);
}

Test(defaults, values_that_are_set)
{
    struct config *config = read_right(
        "logLevel = debug\n"
        "connector corp { ldapURI = {ldapi:///, 'ldapi://%2Fx'} ldapURI += ldapi:/// accountBaseDN = 'dc=x'\n"
        "accountScope = one mode = persist tlsRequireCert = allow domain = 'EXAMPLE.Com' saslMechanism = external\n"
        "accountAdditionalFilter = \"(cn=\\\\2a)\" deleteGrace = 12 rebind = off timeout = 010\n"
        "attribute 'roomNumber' { field = \"contactInfo.office\" }\n"
        "attribute mailPolicy { field = group.distributeEmailTo kind = group }\n"
        "sink a { type = file path = a } sink b { type = file path = '-' } }\n");
    const struct config_connector *c = config->connectors;

    cr_expect_eq(config->log_level, LOG_LEVEL_DEBUG);
    cr_assert_eq(c->n_ldap_uris, 3);
    cr_expect_str_eq(c->ldap_uris[1], "ldapi://%2Fx");
    cr_expect_eq(c->account_scope, SCOPE_ONE);
    cr_expect_eq(c->mode, MODE_PERSIST);
    cr_expect_eq(c->tls_require, REQUIRE_ALLOW);
    cr_expect_str_eq(c->domain, "example.com");
    cr_expect_str_eq(c->sasl_mechanism, "EXTERNAL");
    cr_expect_str_eq(c->account_filter, "(cn=\\2a)");
    cr_expect_eq(c->delete_grace, 12);
    cr_expect_not(c->rebind);
    cr_expect_eq(c->timeout, 10);
    cr_assert_eq(c->n_attributes, 2);
    cr_expect_str_eq(c->attributes[0].attribute, "roomNumber");
    cr_expect_str_eq(c->attributes[0].field, "contactInfo.office");
    cr_expect_eq(c->attributes[0].kind, OBJECT_ACCOUNT);
    cr_expect_eq(c->attributes[1].kind, OBJECT_GROUP);
    cr_assert_eq(c->n_sinks, 2);
    cr_expect_str_eq(c->sinks[1].name, "b");
    cr_expect_str_eq(c->sinks[1].path, "-");
    config_free(&config);
}

Test(defaults, environment)
{
    struct config *c;

    setenv("AXSYNC_TEST_DOMAIN", "env.example", 1);
    c = read_right(wrapped("stateDir = ${AXSYNC_TEST_DOMAIN}",
                           "axigenHost = \"a.${AXSYNC_TEST_DOMAIN}${AXSYNC_TEST_NONE:-.x}\" "
                           "accountAdditionalFilter = \"(cn=\\${x})\" groupAdditionalFilter = '(cn=${x})'",
                           ""));
    cr_expect_str_eq(c->state_dir, "env.example");
    cr_expect_str_eq(c->connectors->host, "a.env.example.x");
    cr_expect_str_eq(c->connectors->account_filter, "(cn=${x})");
    cr_expect_str_eq(c->connectors->group_filter, "(cn=${x})");
    config_free(&c);
}
