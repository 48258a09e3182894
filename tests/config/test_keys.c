/* Each key with right values and wrong ones. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_table.h"
#include "support.h"

TestSuite(keys, .fini = scratch_remove);

#define AXIGEN "type = axigen passwordFile = \"%s\" "

/* Where the text goes; %s in it stands for a private file, and is that of a sink's password. */
enum where { TOP, INSIDE, SINK, NEW_SINK };

static const struct {
    enum where where;
    const char *key;       /* to see at the end that none was left out */
    const char *right;     /* NULL: none in this version; for NEW_SINK only that one error may come */
    const char *wrong;
    const char *words;     /* what the error says */
} rows[] = {
    { TOP, "stateDir", "stateDir = \"/var/lib/axsync\"", "stateDir = \"\"", "must not be empty" },
    { TOP, "stateDir", "stateDir = state", "stateDir = {a, b}", "takes one value" },
    { TOP, "logLevel", "logLevel = debug", "logLevel = loud", "none of error|warning|info|debug" },
    { TOP, "metricsListen", "metricsListen = \"\"", "metricsListen = 127.0.0.1", "is not address:port" },
    { TOP, "metricsListen", NULL, "metricsListen = \"127.0.0.1:9390\"", "not in this version yet" },
    { TOP, "metricsListen", NULL, "metricsListen = \"[::1]:9390\"", "not in this version yet" },
    { TOP, "metricsListen", NULL, "metricsListen = \"[::1]:99390\"", "is not address:port" },
    { TOP, "connector", NULL, "connector = 5", "is a section" },
    { TOP, "connector", NULL, "connector { }", "needs a name" },
    { TOP, "connector", NULL, "connector \"a/b\" { }", "not usable" },
    { TOP, "connector", NULL, "connector \"..\" { }", "not usable" },
    { TOP, "connector", NULL, "connector \"\" { }", "is empty" },

    { INSIDE, "ldapURI", "ldapURI += { \"ldap://a:390\", 'ldaps://b.example.com/', ldapi:/// }",
      "ldapURI += \"http://a\"", "does not begin with" },
    { INSIDE, "ldapURI", "ldapURI += ldapi://%%2Frun%%2Fslapd%%2Fldapi", "ldapURI += ldapi:///run/ldapi", "%2F" },
    { INSIDE, "ldapURI", "ldapURI += \"ldap://[::1]:389\"", "ldapURI += \"ldap://[::1\"", "not a well-formed" },
    { INSIDE, "ldapURI", "ldapURI += LDAP://a", "ldapURI += ldap://a:70000", "impossible port" },
    { INSIDE, "ldapURI", NULL, "ldapURI += ldap://a:0", "impossible port" },
    { INSIDE, "ldapURI", NULL, "ldapURI += \"ldap://a b\"", "impossible host" },
    { INSIDE, "ldapURI", NULL, "ldapURI += ldap://a:x", "not a well-formed" },
    { INSIDE, "ldapURI", NULL, "ldapURI += \"\"", "must not be empty" },
    { INSIDE, "ldapURI", NULL, "ldapURI += \"ldap://a/dc=x\"", "behind the host" },
    { INSIDE, "startTLS", "startTLS = yes", "startTLS = 2", "neither yes nor no" },
    { INSIDE, "startTLS", "startTLS = On", "startTLS = yes ldapURI += ldaps://a", "for ldap:// only" },
    { INSIDE, "startTLS", "startTLS = no ldapURI += ldaps://a", "startTLS = yes ldapURI += ldapi:///", "ldapi:///" },
    { INSIDE, "tlsCACertFile", "tlsCACertFile = \"%s\"", "tlsCACertFile = /nowhere", "/nowhere: No such file" },
    { INSIDE, "tlsCACertFile", "tlsCACertFile = \"\"", "tlsCACertFile = /tmp", "/tmp: is not a regular file" },
    { INSIDE, "tlsCertFile", "tlsCertFile = \"%s\" tlsKeyFile = \"%s\"", "tlsCertFile = \"%s\"", "need each other" },
    { INSIDE, "tlsKeyFile", "tlsKeyFile = ''", "tlsKeyFile = \"%s\"", "need each other" },
    { INSIDE, "tlsKeyFile", NULL, "tlsKeyFile = /nowhere tlsCertFile = \"%s\"", "/nowhere: No such file" },
    { INSIDE, "tlsRequireCert", "tlsRequireCert = never", "tlsRequireCert = maybe", "none of demand|allow|never" },
    { INSIDE, "bindDN", "bindDN = \"cn=a,dc=b\" bindPass = c", "bindDN = \"cn=a,\" bindPass = c", "well-formed DN" },
    { INSIDE, "bindDN", "bindDN = \"\"", "bindDN = \"cn=a\"", "needs bindPass" },
    { INSIDE, "bindPass", "bindPass = \"\"", "bindPass = a", "without bindDN" },
    { INSIDE, "bindPassFile", "bindPassFile = \"%s\" bindDN = \"cn=a\"", "bindPassFile = \"%s\"", "without bindDN" },
    { INSIDE, "bindPassFile", NULL, "bindPassFile = \"%s\" bindDN = \"cn=a\" bindPass = b", "exclude each other" },
    { INSIDE, "bindPassFile", NULL, "bindPassFile = /nowhere bindDN = \"cn=a\"", "/nowhere: No such file" },
    { INSIDE, "saslMechanism", "saslMechanism = \"\"", "saslMechanism = GSSAPI", "EXTERNAL is the only" },
    { INSIDE, "saslMechanism", "saslMechanism = external startTLS = yes tlsCertFile = \"%s\" tlsKeyFile = \"%s\"",
      "saslMechanism = EXTERNAL", "EXTERNAL needs" },
    { INSIDE, "saslMechanism", NULL, "saslMechanism = EXTERNAL bindDN = \"cn=a\"", "bindDN and saslMechanism exclude" },
    { INSIDE, "timeout", "timeout = 1", "timeout = 0", "from 1 to 3600" },
    { INSIDE, "timeout", "timeout = \"3600\"", "timeout = 3601", "from 1 to 3600" },
    { INSIDE, "timeout", "timeout = 010", "timeout = 5s", "whole number of seconds" },
    { INSIDE, "timeout", NULL, "timeout = \"\"", "whole number of seconds" },
    { INSIDE, "timeout", NULL, "timeout = 4.5", "whole number of seconds" },
    { INSIDE, "timeout", NULL, "timeout = -4", "from 1 to 3600" },
    { INSIDE, "timeout", NULL, "timeout = 99999999999999999999", "from 1 to 3600" },
    { INSIDE, "timeout", NULL, "timeout = {4}", "takes one value" },
    { INSIDE, "watchdogInterval", "watchdogInterval = 0", "watchdogInterval = 86401", "from 0 to 86400" },
    { INSIDE, "reconcileInterval", "reconcileInterval = 0", "reconcileInterval = daily", "whole number" },
    { INSIDE, "mode", "mode = persist", "mode = fast", "none of auto|persist|refresh|search" },
    { INSIDE, "mode", "mode = \"auto\"", "mode = polling", "none of auto|persist|refresh|search" },
    { INSIDE, "mode", "mode = search", "mode = {refresh, search}", "takes one value" },
    { INSIDE, "pollingInterval", "pollingInterval = 1", "pollingInterval = 0", "from 1" },
    { INSIDE, "transientErrorRetryInterval", "transientErrorRetryInterval = 300", "transientErrorRetryInterval = 301",
      "more than maxRetryInterval" },
    { INSIDE, "transientErrorRetryInterval", NULL, "transientErrorRetryInterval = 0", "from 1" },
    { INSIDE, "maxRetryInterval", "maxRetryInterval = 10", "maxRetryInterval = 9", "more than maxRetryInterval" },
    { INSIDE, "maxRetryInterval", NULL, "maxRetryInterval = 0", "from 1" },
    { INSIDE, "accountScope", "accountScope = one", "accountScope = children", "none of base|one|sub" },
    { INSIDE, "accountObjectClass", "accountObjectClass = 2.16.840.1.113730.3.2.2", "accountObjectClass = \"a b\"",
      "name or OID" },
    { INSIDE, "accountObjectClass", NULL, "accountObjectClass = \"\"", "must not be empty" },
    { INSIDE, "accountAdditionalFilter", "accountAdditionalFilter = \"a=b\"", "accountAdditionalFilter = a",
      "is not a filter" },
    { INSIDE, "accountNameAttribute", "accountNameAttribute = uid", "accountNameAttribute = \"mail;x\"",
      "name or OID" },
    { INSIDE, "matchAccountFullEmailAddress", "matchAccountFullEmailAddress = no", "matchAccountFullEmailAddress = x",
      "neither yes nor no" },
    { INSIDE, "groupBaseDN", "groupBaseDN = \"ou=groups,dc=b\"", "groupBaseDN = groups", "well-formed DN" },
    { INSIDE, "groupScope", "groupScope = base", "groupScope = 1", "none of" },
    { INSIDE, "groupObjectClass", "groupObjectClass = posixGroup", "groupObjectClass = \"\"", "must not be empty" },
    { INSIDE, "groupAdditionalFilter", "groupAdditionalFilter = '(a=*)'", "groupAdditionalFilter = '(a=*'", "a ) is" },
    { INSIDE, "groupNameAttribute", "groupNameAttribute = mail", "groupNameAttribute = 5..1", "name or OID" },
    { INSIDE, "matchGroupFullEmailAddress", "matchGroupFullEmailAddress = yes", "matchGroupFullEmailAddress = ''",
      "neither yes nor no" },
    { INSIDE, "groupMemberAttribute", "groupMemberAttribute = memberUid", "groupMemberAttribute = \"\"",
      "must not be empty" },
    { INSIDE, "groupAddressAttribute", "groupAddressAttribute = mailX", "groupAddressAttribute = 'a_b'",
      "name or OID" },
    { INSIDE, "customSchemaFile", "customSchemaFile = \"\"", "customSchemaFile = /nowhere",
      "customSchemaFile: /nowhere: No such file" },
    { INSIDE, "clusteredSetup", "clusteredSetup = yes axigenHost = mx1", "clusteredSetup = yes", "needs axigenHost" },
    { INSIDE, "axigenHostField", "axigenHostField = host", "axigenHostField = \"\"", "must not be empty" },
    { INSIDE, "axigenHost", "axigenHost = \"mx1.example.com\"", "axigenHost = \"a\\tb\"", "control character" },
    { INSIDE, "ignoreLDAPDeletes", "ignoreLDAPDeletes = yes", "ignoreLDAPDeletes = 1", "neither yes nor no" },
    { INSIDE, "deleteGrace", "deleteGrace = 0", "deleteGrace = -1", "from 0" },
    { INSIDE, "rebind", "rebind = no", "rebind = ask", "neither yes nor no" },

    { INSIDE, "guard", "guard { }", "guard x { }", "takes no name" },
    { INSIDE, "guard", "guard {\n}", "guard = 5", "is a section" },
    { INSIDE, "maxDeletes", "guard { maxDeletes = 0 }", "guard { maxDeletes = many }", "maxDeletes" },
    { INSIDE, "maxDeletePercent", "guard { maxDeletePercent = 100 }", "guard { maxDeletePercent = 101 }", "0 to 100" },
    { INSIDE, "maxClears", "guard { maxClears = 5 }", "guard { maxClears = -5 }", "maxClears" },
    { INSIDE, "maxClearPercent", "guard { maxClearPercent = 0 }", "guard { maxClearPercent = 200 }", "0 to 100" },
    { INSIDE, "maxMembersRemoved", "guard { maxMembersRemoved = 5 }", "guard { maxMembersRemoved = {} }", "one value" },
    { INSIDE, "window", "guard { window = 1 }", "guard { window = 0 }", "from 1" },
    { INSIDE, "settle", "guard { settle = 0 }", "guard { settle = soon }", "whole number of seconds" },

    { INSIDE, "attribute", "attribute \"cn;lang-en\" { field = \"contactInfo.x\" }",
      "attribute \"a b\" { field = \"contactInfo.x\" }", "attribute description" },
    { INSIDE, "attribute", "attribute a { field = aliases } attribute b { field = aliases }",
      "attribute a { field = contactInfo.x } attribute b { field = contactInfo.x }", "contradicts" },
    { INSIDE, "attribute", "attribute a { field = contactInfo.x } attribute a { field = contactInfo.y }",
      "attribute a { field = contactInfo.x } attribute A { field = \"\" }", "contradicts" },
    { INSIDE, "field", "attribute a { field = \"\" }", "attribute a { field = \"x.y\" }", "is no field" },
    { INSIDE, "field", NULL, "attribute a { }", "field is missing" },
    { INSIDE, "field", NULL, "attribute a { field = group.x }", "kind = \"group\" is missing" },
    { INSIDE, "kind", "attribute a { field = group.x kind = group }", "attribute a { field = aliases kind = all }",
      "none of account|group" },
    { INSIDE, "kind", NULL, "attribute a { field = quotas.x kind = group }", "field of accounts" },

    { INSIDE, "sink", "sink \"a\" { type = file path = a } sink \"b\" { type = file path = b }",
      "sink \".a\" { type = file path = a }", "not usable" },
    { INSIDE, "sink", NULL, "sink \"a\" { type = file path = a } sink \"a\" { type = file path = b }",
      "there already" },
    { INSIDE, "sink", NULL, "sink \"a\" { type = file path = a } sink \"b\" { type = file path = a }", "path = \"a\"" },
    { SINK, "type", "type = file path = a", "type = pipe path = a", "none of file|axigen" },
    { SINK, "type", NULL, "path = a", "type is missing" },
    { SINK, "path", "type = file path = '-'", "type = file", "path is missing" },
    { SINK, "path", NULL, "type = file path = \"\"", "path is missing" },
    { SINK, "host", NULL, "type = file path = a host = b", "belongs to a sink of type axigen" },
    { NEW_SINK, "path", NULL, AXIGEN "path = a", "belongs to a sink of type file" },
    { NEW_SINK, "host", AXIGEN "host = mail.example.com", AXIGEN "host = \"\"", "must not be empty" },
    { NEW_SINK, "host", AXIGEN "host = \"::1\"", AXIGEN "host = \"a b\"", "neither a host name" },
    { NEW_SINK, "port", AXIGEN "port = 65535", AXIGEN "port = 65536", "from 1 to 65535" },
    { NEW_SINK, "port", AXIGEN "port = 1", AXIGEN "port = 0", "from 1 to 65535" },
    { NEW_SINK, "tls", AXIGEN "tls = yes", AXIGEN "tls = demand", "neither yes nor no" },
    { NEW_SINK, "tlsCACertFile", AXIGEN "tlsCACertFile = \"\"", AXIGEN "tlsCACertFile = /nowhere", "No such file" },
    { NEW_SINK, "user", AXIGEN "user = root", AXIGEN "user = \"\"", "must not be empty" },
    { NEW_SINK, "passwordFile", AXIGEN, "type = axigen", "passwordFile is missing" },
    { NEW_SINK, "passwordFile", NULL, "type = axigen passwordFile = /nowhere", "No such file" },
    { NEW_SINK, "timeout", AXIGEN "timeout = 3600", AXIGEN "timeout = 0", "from 1 to 3600" },
    { NEW_SINK, "adoptExisting", AXIGEN "adoptExisting = yes", AXIGEN "adoptExisting = on", "none of first|yes|no" },
    { NEW_SINK, "deletePolicy", AXIGEN "deletePolicy = lock", AXIGEN "deletePolicy = kill", "none of remove" },
    { NEW_SINK, "leavePolicy", AXIGEN "leavePolicy = keep", AXIGEN "leavePolicy = \"\"", "none of remove" },
    { NEW_SINK, "movePolicy", AXIGEN "movePolicy = remove", AXIGEN "movePolicy = Keep", "none of remove" },
    { NEW_SINK, "retention", AXIGEN "retention = 0", AXIGEN "retention = -1", "from 0" },
    { NEW_SINK, "maxAttempts", AXIGEN "maxAttempts = 1", AXIGEN "maxAttempts = 0", "from 1" },
    { NEW_SINK, "pipelineDepth", AXIGEN "pipelineDepth = 1", AXIGEN "pipelineDepth = 0", "from 1" },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *configuration(enum where where, const char *text, int *line)
{
    static const int lines[] = { [TOP] = LINE_TOP, [INSIDE] = LINE_INSIDE, [SINK] = LINE_SINK, [NEW_SINK] = LINE_SINK };
    const char *file = scratch_file("secret", "geheim\n", 0600);
    char filled[1024];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
    snprintf(filled, sizeof(filled), text, file, file);
#pragma GCC diagnostic pop
    *line = lines[where];
    return wrapped(where == TOP ? filled : "", where == INSIDE ? filled : "",
                   where == SINK || where == NEW_SINK ? filled : "");
}

Test(keys, right_values)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        struct config *c;
        const char *text;
        int line;

        if (rows[i].right == NULL)
            continue;
        text = configuration(rows[i].where, rows[i].right, &line);
        c = read_right(text);
        config_free(&c);
    }
}

Test(keys, wrong_values)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        int line;
        char *all;
        const char *text = configuration(rows[i].where, rows[i].wrong, &line);

        /* Of a key that isn't there it is said where its section begins. */
        if (strstr(rows[i].words, "is missing") && strstr(rows[i].wrong, "\"\"") == NULL && rows[i].where != INSIDE)
            line = LINE_SINK - 1;
        cr_expect(has_error(text, 0600, line, rows[i].words, &all), "%s\n-- does not say \"%s\" but\n%s", rows[i].wrong,
                  rows[i].words, all);
        free(all);
    }
}

/* Those that every other test has right; what a missing one says is in test_errors.c. */
static bool tested_elsewhere(const char *key)
{
    return strcmp(key, "accountBaseDN") == 0 || strcmp(key, "domain") == 0;
}

Test(keys, none_left_out)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        bool found = tested_elsewhere(config_rows[i].name);

        for (size_t j = 0; j < N_ROWS; j++)
            found = found || strcmp(rows[j].key, config_rows[i].name) == 0;
        cr_expect(found, "%s", config_rows[i].name);
    }
}

Test(keys, rows_are_whole)
{
    for (size_t i = 0; i < config_n_rows; i++) {
        const struct config_row *row = &config_rows[i];

        cr_expect_not_null(row->help, "%s", row->name);
        cr_expect_eq(config_row(row->in, row->name), row, "%s stands there twice", row->name);
        cr_expect(row->type != CONFIG_NUMBER || (row->min < row->max && (row->size == 4 || row->size == 8)), "%s",
                  row->name);
        cr_expect(row->type != CONFIG_WORD || row->words, "%s", row->name);
        cr_expect(!(row->flags & KEY_LIVE) || row->type == CONFIG_NUMBER || row->type == CONFIG_BOOL ||
                      row->type == CONFIG_WORD,
                  "%s: config_copy() copies no memory", row->name);
    }
}
