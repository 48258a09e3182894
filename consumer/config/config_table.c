#include "config_table.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "config_syntax.h"

#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

#define PLACE(type, member) .place = offsetof(struct type, member), .size = sizeof(((struct type *)0)->member)
#define ROOT(member) .in = IN_FILE, PLACE(config, member)
#define CONN(member) .in = IN_CONNECTOR, PLACE(config_connector, member)
#define GUARD(member) .in = IN_GUARD, PLACE(config_guard, member)
#define ATTR(member) .in = IN_ATTRIBUTE, PLACE(config_attribute, member)
#define SINK(member) .in = IN_SINK, PLACE(config_sink, member)

#define TEXT(text) .type = CONFIG_TEXT, .fallback = text
#define LIST .type = CONFIG_LIST
#define NUMBER(n, low, high) .type = CONFIG_NUMBER, .fallback = #n, .min = low, .max = high
#define SECONDS(n, low, high) NUMBER(n, low, high), .unit = "seconds"
#define YESNO(word) .type = CONFIG_BOOL, .fallback = word
#define WORD(word, all) .type = CONFIG_WORD, .fallback = word, .words = all

#define SCOPES "base|one|sub"
#define POLICIES "remove|disable|lock|keep"
#define SHOWS_BOTH (KEY_SHOWS_ACCOUNTS | KEY_SHOWS_GROUPS)

#define HOUR 3600
#define DAY (24 * HOUR)
#define YEAR (365 * DAY)
#define MANY 1000000000   /* more than any directory has entries */

const struct config_row config_rows[] = {
    { ROOT(state_dir), .name = "stateDir", TEXT("/var/lib/axsync"), .flags = KEY_NOT_EMPTY,
      .help = "directory of the state: one sub-directory per connector" },
    { ROOT(log_level), .name = "logLevel", WORD("info", "error|warning|info|debug"), .flags = KEY_LIVE,
      .help = "how much is logged" },
    { ROOT(metrics_listen), .name = "metricsListen", TEXT(""), .check = syntax_listen,
      .help = "address:port for Prometheus metrics at /metrics; empty: none" },
    { .in = IN_FILE, .name = "connector", .type = CONFIG_SECTION, .section = IN_CONNECTOR,
      .help = "one directory and the sinks that it is mirrored to" },

    { CONN(ldap_uris), .name = "ldapURI", LIST, .flags = KEY_REQUIRED | KEY_NOT_EMPTY, .check = syntax_ldap_uri,
      .help = "servers of the directory, tried in order" },
    { CONN(start_tls), .name = "startTLS", YESNO("no"), .help = "begin TLS on ldap:// connections" },
    { CONN(tls_ca_file), .name = "tlsCACertFile", TEXT(""), .flags = KEY_READABLE,
      .help = "certificates of the authorities that the server's certificate is checked against" },
    { CONN(tls_cert_file), .name = "tlsCertFile", TEXT(""), .flags = KEY_READABLE, .help = "client certificate" },
    { CONN(tls_key_file), .name = "tlsKeyFile", TEXT(""), .flags = KEY_READABLE | KEY_PRIVATE,
      .help = "private key of the client certificate" },
    { CONN(tls_require), .name = "tlsRequireCert", WORD("demand", "demand|allow|never"),
      .help = "what to do about a server certificate that is missing or wrong" },
    { CONN(bind_dn), .name = "bindDN", TEXT(""), .flags = SHOWS_BOTH, .check = syntax_dn,
      .help = "identity for a simple bind; empty: anonymous" },
    { CONN(bind_pass), .name = "bindPass", TEXT(""), .flags = KEY_SECRET, .help = "password of bindDN" },
    { CONN(bind_pass_file), .name = "bindPassFile", TEXT(""), .flags = KEY_SECRET_FILE,
      .content = offsetof(struct config_connector, bind_pass), .help = "file with the password of bindDN" },
    { CONN(sasl_mechanism), .name = "saslMechanism", TEXT(""), .flags = SHOWS_BOTH | KEY_UPPER,
      .check = syntax_mechanism, .help = "EXTERNAL: identity from ldapi:// or the client certificate" },
    { CONN(timeout), .name = "timeout", SECONDS(4, 1, HOUR), .flags = KEY_LIVE,
      .help = "how long the server may leave a request without an answer" },
    { CONN(watchdog_interval), .name = "watchdogInterval", SECONDS(15, 0, DAY), .flags = KEY_LIVE,
      .help = "how often a second connection asks whether the session is still alive; 0: off" },
    { CONN(reconcile_interval), .name = "reconcileInterval", SECONDS(86400, 0, YEAR), .flags = KEY_LIVE,
      .help = "how often all entries are compared with the state; 0: off" },
    { CONN(mode), .name = "mode", WORD("auto", "auto|persist|refresh|search"), .help = "how changes are found" },
    { CONN(polling_interval), .name = "pollingInterval", SECONDS(300, 1, YEAR), .flags = KEY_LIVE,
      .help = "pause between two polls" },
    { CONN(retry_interval), .name = "transientErrorRetryInterval", SECONDS(10, 1, DAY), .flags = KEY_LIVE,
      .help = "first delay after a failure; doubles up to maxRetryInterval" },
    { CONN(max_retry_interval), .name = "maxRetryInterval", SECONDS(300, 1, DAY), .flags = KEY_LIVE,
      .help = "longest delay after failures" },
    { CONN(account_base), .name = "accountBaseDN", TEXT(NULL),
      .flags = KEY_REQUIRED | KEY_NOT_EMPTY | KEY_SHOWS_ACCOUNTS, .check = syntax_dn,
      .help = "where accounts are searched" },
    { CONN(account_scope), .name = "accountScope", WORD("sub", SCOPES), .flags = KEY_SHOWS_ACCOUNTS,
      .help = "how deep accounts are searched" },
    { CONN(account_class), .name = "accountObjectClass", TEXT("inetOrgPerson"),
      .flags = KEY_NOT_EMPTY | KEY_SHOWS_ACCOUNTS, .check = syntax_descriptor, .help = "object class of accounts" },
    { CONN(account_filter), .name = "accountAdditionalFilter", TEXT(""), .flags = KEY_SHOWS_ACCOUNTS,
      .check = syntax_filter, .help = "filter that accounts must match as well" },
    { CONN(account_name_attribute), .name = "accountNameAttribute", TEXT("mail"),
      .flags = KEY_NOT_EMPTY | KEY_SHOWS_ACCOUNTS, .check = syntax_descriptor,
      .help = "attribute with the account's address" },
    { CONN(account_whole_address), .name = "matchAccountFullEmailAddress", YESNO("yes"), .flags = KEY_SHOWS_ACCOUNTS,
      .help = "yes: the attribute holds the whole address; no: the part before the @" },
    { CONN(group_base), .name = "groupBaseDN", TEXT(""), .flags = KEY_SHOWS_GROUPS, .check = syntax_dn,
      .help = "where groups are searched; empty: no groups" },
    { CONN(group_scope), .name = "groupScope", WORD("sub", SCOPES), .flags = KEY_SHOWS_GROUPS,
      .help = "how deep groups are searched" },
    { CONN(group_class), .name = "groupObjectClass", TEXT("groupOfNames"), .flags = KEY_NOT_EMPTY | KEY_SHOWS_GROUPS,
      .check = syntax_descriptor, .help = "object class of groups" },
    { CONN(group_filter), .name = "groupAdditionalFilter", TEXT(""), .flags = KEY_SHOWS_GROUPS,
      .check = syntax_filter, .help = "filter that groups must match as well" },
    { CONN(group_name_attribute), .name = "groupNameAttribute", TEXT("cn"), .flags = KEY_NOT_EMPTY | KEY_SHOWS_GROUPS,
      .check = syntax_descriptor, .help = "attribute with the group's address" },
    { CONN(group_whole_address), .name = "matchGroupFullEmailAddress", YESNO("no"), .flags = KEY_SHOWS_GROUPS,
      .help = "yes: the attribute holds the whole address; no: the part before the @" },
    { CONN(group_member_attribute), .name = "groupMemberAttribute", TEXT("member"),
      .flags = KEY_NOT_EMPTY | KEY_SHOWS_GROUPS, .check = syntax_descriptor,
      .help = "attribute with the members: DNs; of memberUid: names" },
    { CONN(group_address_attribute), .name = "groupAddressAttribute", TEXT(""), .flags = KEY_SHOWS_GROUPS,
      .check = syntax_descriptor, .help = "attribute with more members, given as addresses" },
    { CONN(domain), .name = "domain", TEXT(""), .flags = SHOWS_BOTH | KEY_LOWER, .check = syntax_domain,
      .help = "appended to a name that has none" },
    { CONN(custom_schema_file), .name = "customSchemaFile", TEXT(""),
      .help = "Axigen's own custom schema file, read for the keys that both share" },
    { CONN(clustered), .name = "clusteredSetup", YESNO("no"), .flags = KEY_SHOWS_ACCOUNTS,
      .help = "yes: only accounts of axigenHost are mirrored" },
    { CONN(host_field), .name = "axigenHostField", TEXT("mailHost"), .flags = KEY_NOT_EMPTY | KEY_SHOWS_ACCOUNTS,
      .check = syntax_descriptor, .help = "attribute with the account's host" },
    { CONN(host), .name = "axigenHost", TEXT(""), .flags = KEY_SHOWS_ACCOUNTS,
      .help = "this server's name in axigenHostField" },
    { CONN(ignore_deletes), .name = "ignoreLDAPDeletes", YESNO("no"), .flags = KEY_LIVE,
      .help = "yes: nothing is ever deleted, whatever the directory says" },
    { CONN(delete_grace), .name = "deleteGrace", SECONDS(300, 0, YEAR), .flags = KEY_LIVE,
      .help = "how long a deletion waits for the entry to come back" },
    { CONN(rebind), .name = "rebind", YESNO("yes"), .flags = KEY_LIVE,
      .help = "yes: ask whether a new entry with a deleted one's address is the same account" },
    { CONN(guard), .name = "guard", .type = CONFIG_SECTION, .section = IN_GUARD,
      .help = "limits above which what takes away is held until somebody approves it" },
    { .in = IN_CONNECTOR, .name = "attribute", .type = CONFIG_SECTION, .section = IN_ATTRIBUTE,
      .help = "adds, replaces or switches off the mapping of an attribute" },
    { .in = IN_CONNECTOR, .name = "sink", .type = CONFIG_SECTION, .section = IN_SINK, .help = "where actions go" },

    { GUARD(max_deletes), .name = "maxDeletes", NUMBER(100, 0, MANY), .flags = KEY_LIVE,
      .help = "deletions, or renames, of accounts or of groups; 0: no limit" },
    { GUARD(max_delete_percent), .name = "maxDeletePercent", NUMBER(10, 0, 100), .unit = "percent", .flags = KEY_LIVE,
      .help = "the same, of what is mirrored; 0: no limit" },
    { GUARD(max_clears), .name = "maxClears", NUMBER(100, 0, MANY), .flags = KEY_LIVE,
      .help = "clears of one field; 0: no limit" },
    { GUARD(max_clear_percent), .name = "maxClearPercent", NUMBER(10, 0, 100), .unit = "percent", .flags = KEY_LIVE,
      .help = "the same, of those that have the field; 0: no limit" },
    { GUARD(max_members_removed), .name = "maxMembersRemoved", NUMBER(500, 0, MANY), .flags = KEY_LIVE,
      .help = "members removed from one group; 0: no limit" },
    { GUARD(window), .name = "window", SECONDS(3600, 1, YEAR), .flags = KEY_LIVE,
      .help = "the time within which the guard counts" },
    { GUARD(settle), .name = "settle", SECONDS(1, 0, DAY), .flags = KEY_LIVE,
      .help = "how long what takes away waits at least" },

    { ATTR(field), .name = "field", TEXT(NULL), .flags = KEY_REQUIRED, .check = syntax_field,
      .help = "Axigen's name of the field; empty: the attribute is not mapped" },
    { ATTR(kind), .name = "kind", WORD("account", "account|group"), .help = "of which kind of entries" },

    { SINK(type), .name = "type", WORD(NULL, "file|axigen"), .flags = KEY_REQUIRED, .help = "what the sink is" },
    { SINK(path), .name = "path", TEXT(""), .flags = KEY_FILE_SINK, .help = "the file; -: standard output" },
    { SINK(host), .name = "host", TEXT("127.0.0.1"), .flags = KEY_AXIGEN_SINK | KEY_NOT_EMPTY, .check = syntax_host,
      .help = "where Axigen's CLI service listens" },
    { SINK(port), .name = "port", NUMBER(7000, 1, 65535), .flags = KEY_AXIGEN_SINK, .help = "its port" },
    { SINK(tls), .name = "tls", YESNO("no"), .flags = KEY_AXIGEN_SINK, .help = "whether the service speaks TLS" },
    { SINK(tls_ca_file), .name = "tlsCACertFile", TEXT(""), .flags = KEY_AXIGEN_SINK | KEY_READABLE,
      .help = "certificates of the authorities that the service's certificate is checked against" },
    { SINK(user), .name = "user", TEXT("admin"), .flags = KEY_AXIGEN_SINK | KEY_NOT_EMPTY,
      .help = "administrator to log in as" },
    { SINK(password_file), .name = "passwordFile", TEXT(""), .flags = KEY_AXIGEN_SINK | KEY_SECRET_FILE,
      .content = offsetof(struct config_sink, password), .help = "file with the administrator's password" },
    { SINK(timeout), .name = "timeout", SECONDS(30, 1, HOUR), .flags = KEY_AXIGEN_SINK | KEY_LIVE,
      .help = "how long the service may leave a command without an answer" },
    { SINK(adopt_existing), .name = "adoptExisting", WORD("first", "first|yes|no"),
      .flags = KEY_AXIGEN_SINK | KEY_LIVE, .help = "whether accounts that are there already are taken over" },
    { SINK(delete_policy), .name = "deletePolicy", WORD("remove", POLICIES), .flags = KEY_AXIGEN_SINK | KEY_LIVE,
      .help = "what happens to the account of a deleted entry" },
    { SINK(leave_policy), .name = "leavePolicy", WORD("disable", POLICIES), .flags = KEY_AXIGEN_SINK | KEY_LIVE,
      .help = "what happens to the account of an entry that left the filter or base" },
    { SINK(move_policy), .name = "movePolicy", WORD("keep", POLICIES), .flags = KEY_AXIGEN_SINK | KEY_LIVE,
      .help = "what happens to the account of an entry that moved to another host" },
    { SINK(retention), .name = "retention", SECONDS(2592000, 0, 100LL * YEAR), .flags = KEY_AXIGEN_SINK | KEY_LIVE,
      .help = "how long an account to be removed is disabled first; 0: removed at once" },
    { SINK(max_attempts), .name = "maxAttempts", NUMBER(10, 1, 1000), .flags = KEY_AXIGEN_SINK | KEY_LIVE,
      .help = "how often a refused action is tried before it is parked" },
    { SINK(pipeline_depth), .name = "pipelineDepth", NUMBER(64, 1, 4096), .flags = KEY_AXIGEN_SINK | KEY_LIVE,
      .help = "commands under way at once; 1: one at a time" },
};
const size_t config_n_rows = ARRAY_LENGTH(config_rows);
_Static_assert(ARRAY_LENGTH(config_rows) <= CONFIG_MAX_ROWS, "a place for each row");

static const struct {
    const char *name;
    bool titled;
} sections[] = {
    [IN_FILE] = { "", false },
    [IN_CONNECTOR] = { "connector", true },
    [IN_GUARD] = { "guard", false },
    [IN_ATTRIBUTE] = { "attribute", true },
    [IN_SINK] = { "sink", true },
};
_Static_assert(ARRAY_LENGTH(sections) == CONFIG_SECTIONS, "a name for each section");

const char *config_section_name(enum config_section section)
{
    return sections[section].name;
}

int config_section_titled(enum config_section section)
{
    return sections[section].titled;
}

const struct config_row *config_row(enum config_section in, const char *name)
{
    for (size_t i = 0; i < config_n_rows; i++)
        if (config_rows[i].in == in && strcmp(config_rows[i].name, name) == 0)
            return &config_rows[i];
    return NULL;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance without regard to case; a name too long for a typo of any key is far from all. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], n = strlen(b);

    if (n >= ARRAY_LENGTH(row) || strlen(a) >= ARRAY_LENGTH(row))
        return SIZE_MAX;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t change = diagonal + (strncasecmp(&a[i], &b[j], 1) != 0);

            diagonal = row[j + 1];
            row[j + 1] = least(change, least(row[j], row[j + 1]) + 1);
        }
    }
    return row[n];
}

static const struct config_row *nearest(enum config_section in, const char *name)
{
    const struct config_row *best = NULL;
    size_t limit = strlen(name) / 3 + 1;

    for (size_t i = 0; i < config_n_rows; i++) {
        size_t d;

        if (config_rows[i].in != in)
            continue;
        d = distance(name, config_rows[i].name);
        if (d <= limit && (best == NULL || d < limit)) {
            best = &config_rows[i];
            limit = d;
        }
    }
    return best;
}

void config_suggest(enum config_section in, const char *name, char *out, size_t size)
{
    const struct config_row *near = nearest(in, name);

    out[0] = '\0';
    for (int s = 0; s < CONFIG_SECTIONS && (near == NULL || strcasecmp(near->name, name) != 0); s++) {
        if (config_row((enum config_section)s, name) == NULL)
            continue;
        if (s == IN_FILE)
            snprintf(out, size, "; \"%s\" stands outside of all sections", name);
        else
            snprintf(out, size, "; \"%s\" belongs in a %s section", name, sections[s].name);
        return;
    }
    if (near)
        snprintf(out, size, "; did you mean \"%s\"?", near->name);
}
