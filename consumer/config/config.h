/* The configuration as values. SPEC.md section 3; axsync.conf(5).
 *
 * Every key stands in config_table.c once: name, type, default, range, whether it changes live, and help. The parser,
 * the checks, `axsync check` and the tests are derived from it. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "object.h"

enum config_mode { MODE_AUTO, MODE_PERSIST, MODE_REFRESH, MODE_SEARCH };
enum config_scope { SCOPE_BASE, SCOPE_ONE, SCOPE_SUB };
enum config_require { REQUIRE_DEMAND, REQUIRE_ALLOW, REQUIRE_NEVER };
enum config_policy { POLICY_REMOVE, POLICY_DISABLE, POLICY_LOCK, POLICY_KEEP };
enum config_adopt { ADOPT_FIRST, ADOPT_YES, ADOPT_NO };
enum config_sink_type { SINK_TYPE_FILE, SINK_TYPE_AXIGEN };

/* No text of these structs is ever NULL; what is not set is "".
 *
 * LIVE: config_reload() changes it while other threads read it, each where it needs it. These are numbers that mean something each
 * by itself, so atomic ones are enough: a lock, or a copy in each thread with a message to it, would have to be known at every
 * place that reads one. */
#define LIVE(type) _Atomic type
struct config_sink {
    char *name;
    enum config_sink_type type;
    char *path;
    char *host;
    int port;
    bool tls;
    char *tls_ca_file;
    char *user;
    char *password_file;
    char *password;            /* read from password_file */
    LIVE(int) timeout;
    LIVE(enum config_adopt) adopt_existing;
    LIVE(enum config_policy) delete_policy, leave_policy, move_policy;
    LIVE(int64_t) retention;
    LIVE(int) max_attempts;
    LIVE(int) pipeline_depth;
};

struct config_attribute {
    char *attribute;
    char *field;
    enum object_kind kind;
};

struct config_guard {
    LIVE(int64_t) max_deletes, max_delete_percent, max_clears, max_clear_percent, max_members_removed;
    LIVE(int64_t) window, settle; /* seconds */
};

struct config_connector {
    char *name;
    char **ldap_uris;
    size_t n_ldap_uris;
    bool start_tls;
    char *tls_ca_file, *tls_cert_file, *tls_key_file;
    enum config_require tls_require;
    char *bind_dn;
    char *bind_pass;           /* from bindPass or bindPassFile */
    char *bind_pass_file;
    char *sasl_mechanism;
    LIVE(int) timeout;         /* seconds, as all intervals */
    LIVE(int) watchdog_interval;
    LIVE(int) reconcile_interval;
    enum config_mode mode;
    LIVE(int) polling_interval;
    LIVE(int) retry_interval, max_retry_interval;

    char *account_base;
    enum config_scope account_scope;
    char *account_class;
    char *account_filter;      /* accountAdditionalFilter, with or without outer parentheses; may be "" */
    char *account_name_attribute;
    bool account_whole_address;
    char *group_base;          /* "": no groups */
    enum config_scope group_scope;
    char *group_class;
    char *group_filter;
    char *group_name_attribute;
    bool group_whole_address;
    char *group_member_attribute;
    char *group_address_attribute;
    char *domain;              /* lower case; "" */
    char *custom_schema_file;
    bool clustered;
    char *host_field, *host;
    LIVE(bool) ignore_deletes;
    LIVE(int64_t) delete_grace;
    LIVE(bool) rebind;
    struct config_guard guard;

    struct config_attribute *attributes;
    size_t n_attributes;
    struct config_sink *sinks;
    size_t n_sinks;
};

struct config {
    char *path;
    char *state_dir;
    int log_level;             /* enum log_level */
    char *metrics_listen;
    struct config_connector *connectors;
    size_t n_connectors;
    char **notes;              /* lines for the log: what of a customSchemaFile does not count, and why */
    size_t n_notes;
};

/* All that is wrong with a file: "FILE:LINE: text" in the order of lines, and first, as "FILE: text", what is wrong
 * with it as a whole. */
struct config_errors {
    char **lines;
    size_t n;
    bool missing;              /* the file itself can't be read */
};

/* Reads and checks a file. NULL if anything is wrong; *errors then says all that could be found in one reading. A key
 * whose function this version does not have yet is an error if it is set to something that asks for the function.
 * One reading at a time in the whole program: libConfuse's scanner is global. */
struct config *config_read(const char *path, struct config_errors *errors);
void config_free(struct config **c);
void config_errors_free(struct config_errors *errors);

/* The server-side filter of a kind: (&(objectClass=…)(additional)), or (objectClass=…) alone. malloc'ed. */
char *config_filter(const struct config_connector *c, enum object_kind kind);

/* The fingerprint (SPEC.md section 3, last paragraph but one): a text of all that decides what the directory shows of a
 * kind: base, scope, filter, attributes, bind identity, domain, name, member and host settings. malloc'ed. */
char *config_fingerprint(const struct config_connector *c, enum object_kind kind);

/* SIGHUP: takes over into *live what may change live (levels, limits, intervals, policies) and lists the names of
 * keys that differ and need a restart, malloc'ed, separated by ", ", as in "stateDir, corp.mode, corp.attribute,
 * corp/mail.host"; NULL if none. Counts the live ones in *changed. Only numbers and words of *live are written to, no
 * pointer changes. */
char *config_reload(struct config *live, struct config *fresh, size_t *changed);

#endif
