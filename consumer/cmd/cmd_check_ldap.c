/* `axsync check`, the directory's part: connection, controls, bases, read access, limits, schema. Blocks. */
#include <ldap.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cmd_check_ldap.h"
#include "cmd_directory.h"
#include "decode.h"
#include "ds389.h"

/* Entries of the sync search that are looked at: well above the limits that servers come with (slapd: 500, 389: 2000),
 * and read in a moment. */
#define ENTRIES 5000
/* How long that search may be silent: large servers collect what they are going to send first. */
#define SILENT_S 60

/* ---- libldap in short --------------------------------------------------------------------------------------- */

static char *no_attributes[] = {(char *)LDAP_NO_ATTRS, NULL};

/* One entry, by its DN, for ldap_msgfree(). NULL and *e if it can't be read. */
static LDAPMessage *check_read(const struct check_ldap *d, const char *dn, char **attrs, struct err *e)
{
    struct timeval timeout = {.tv_sec = d->conf->timeout};
    LDAPMessage *answer = NULL;
    char what[600];
    int rc = ldap_search_ext_s(d->ld, dn, LDAP_SCOPE_BASE, "(objectClass=*)", attrs, 0, NULL, NULL, &timeout,
                               LDAP_NO_LIMIT, &answer);

    if (rc == LDAP_SUCCESS && ldap_first_entry(d->ld, answer))
        return answer;
    snprintf(what, sizeof(what), "reading %.500s", *dn ? dn : "the root DSE");
    conn_explain(d->ld, rc == LDAP_SUCCESS ? LDAP_NO_SUCH_OBJECT : rc, what, NULL, e);
    ldap_msgfree(answer);
    return NULL;
}

/* The values of an attribute of it, for ldap_value_free_len(), or NULL. */
static struct berval **check_values(const struct check_ldap *d, LDAPMessage *answer, const char *attribute)
{
    return ldap_get_values_len(d->ld, ldap_first_entry(d->ld, answer), attribute);
}

static bool has_attribute(const struct check_ldap *d, LDAPMessage *entry, const char *attribute)
{
    struct berval **v = ldap_get_values_len(d->ld, entry, attribute);
    bool has = v && v[0];

    ldap_value_free_len(v);
    return has;
}

/* ---- connection --------------------------------------------------------------------------------------------- */

static void check_secrecy(struct check *check, const struct config_connector *c, const char *uri)
{
    if (strncasecmp(uri, "ldap://", 7) == 0 && !c->start_tls)
        check_say(check, CHECK_WARNING, "%s: neither startTLS nor ldaps: the network can read %s", uri,
                  c->bind_pass && *c->bind_pass ? "the password and all entries" : "all entries");
    else if (strncasecmp(uri, "ldapi:", 6) != 0 && c->tls_require != REQUIRE_DEMAND)
        check_say(check, CHECK_WARNING, "%s: tlsRequireCert is not \"demand\": the server may be another one", uri);
}

/* Tries all servers; the first that answers is the one to look at. */
static LDAP *connect_all(struct check *check, const struct config_connector *c)
{
    struct conn_settings settings = cmd_conn_settings(c);
    LDAP *first = NULL;

    for (size_t i = 0; i < c->n_ldap_uris; i++) {
        struct err e = {0};
        LDAP *ld = conn_open(&settings, i, &e);

        if (ld == NULL) {
            check_say(check, CHECK_FAILED, "%s", e.text);
            continue;
        }
        check_say(check, CHECK_OK, "%s: connected as %s", c->ldap_uris[i],
                  c->sasl_mechanism && *c->sasl_mechanism ? c->sasl_mechanism
                  : c->bind_dn && *c->bind_dn             ? c->bind_dn
                                                          : "anonymous");
        check_secrecy(check, c, c->ldap_uris[i]);
        if (first == NULL)
            first = ld;
        else
            conn_close(&ld);
    }
    return first;
}

/* ---- what the server is and has ----------------------------------------------------------------------------- */

static bool has_value(const struct check_ldap *d, const char *attribute, const char *value)
{
    struct berval **v = check_values(d, d->root, attribute);
    bool has = false;

    for (size_t i = 0; v && v[i]; i++)
        has = has || slice_eq(slice_make(v[i]->bv_val, v[i]->bv_len), slice_of(value));
    ldap_value_free_len(v);
    return has;
}

/* 389 has another key, no contextCSN and no entryCSN. */
static bool is_389(const struct check_ldap *d)
{
    return has_value(d, DS389_VENDOR, "389 Project");
}

static bool lists_sync(const struct check_ldap *d)
{
    return has_value(d, "supportedControl", SYNC_REQUEST_OID);
}

static void check_controls(const struct check_ldap *d)
{
    if (lists_sync(d))
        check_say(d->check, CHECK_OK, "the server lists the sync control (RFC 4533)");
    else if (has_attribute(d, ldap_first_entry(d->ld, d->root), "rootDomainNamingContext"))
        check_say(d->check, CHECK_FAILED, "this is Active Directory, which this version can't mirror");
    else if (d->conf->mode == MODE_SEARCH)
        check_say(d->check, CHECK_OK, "the server does not list the sync control, and mode search does not need it");
    else
        check_say(d->check, d->conf->mode == MODE_AUTO ? CHECK_WARNING : CHECK_FAILED,
                  "the server does not list the sync control (RFC 4533): load its syncprov overlay, "
                  "or let the bind DN read supportedControl of the root DSE");
}

static bool check_base(const struct check_ldap *d)
{
    struct err e = {0};
    LDAPMessage *base = check_read(d, d->conf->account_base, no_attributes, &e);
    bool there = base != NULL;

    if (there)
        check_say(d->check, CHECK_OK, "accountBaseDN %s is there", d->conf->account_base);
    else
        check_say(d->check, CHECK_FAILED, "accountBaseDN: %s", e.text);
    ldap_msgfree(base);
    return there;
}

/* The naming context that the base lies in: the longest that it ends with. malloc'ed, or NULL. */
static char *naming_context(const struct check_ldap *d)
{
    struct berval **v = check_values(d, d->root, "namingContexts");
    size_t len = strlen(d->conf->account_base), best = 0;
    char *found = NULL;

    for (size_t i = 0; v && v[i]; i++) {
        size_t n = v[i]->bv_len;

        if (n > len || n < best || strncasecmp(d->conf->account_base + len - n, v[i]->bv_val, n) != 0)
            continue;
        best = n;
        free(found);
        found = mem_strdup(v[i]->bv_val);
    }
    ldap_value_free_len(v);
    return found;
}

static void check_context_csn(const struct check_ldap *d)
{
    static char *attrs[] = {(char *)"contextCSN", NULL};
    char *context = naming_context(d);
    struct err e = {0};
    LDAPMessage *entry = context ? check_read(d, context, attrs, &e) : NULL;

    if (context == NULL)
        check_say(d->check, CHECK_WARNING,
                  "the server names no naming context for accountBaseDN (namingContexts of the root "
                  "DSE): absence is proved by the server alone that showed an entry");
    else if (entry && has_attribute(d, ldap_first_entry(d->ld, entry), "contextCSN"))
        check_say(d->check, CHECK_OK, "contextCSN of %s can be read", context);
    else
        check_say(d->check, CHECK_WARNING,
                  "contextCSN of %s can't be read: a server that lags or was restored is not noticed, "
                  "nor is a session that died in silence; let the bind DN read it",
                  context);
    ldap_msgfree(entry);
    free(context);
}

/* Without it nothing can be synced, and what was trimmed or stands still can't be told. */
static void check_changelog(const struct check_ldap *d)
{
    if (has_attribute(d, ldap_first_entry(d->ld, d->root), "lastChangeNumber"))
        check_say(d->check, CHECK_OK, "389 Directory Server: lastChangeNumber of its retro changelog can be read");
    else
        check_say(d->check, d->conf->mode == MODE_SEARCH ? CHECK_OK : CHECK_WARNING,
                  "389 Directory Server: its root DSE shows no lastChangeNumber: is the Retro Changelog Plugin enabled? Without it "
                  "each poll in mode search lists all entries, and no other mode works");
}

/* ---- the search --------------------------------------------------------------------------------------------- */

struct sample {
    size_t n;          /* entries seen */
    size_t with_state; /* with the Sync State control */
    size_t with_uuid, with_csn, with_name;
    bool whole; /* that was all */
};

static int send_search(const struct check_ldap *d, char **attrs, bool with_sync, int *msgid)
{
    struct buf value = {0};
    LDAPControl sync = {.ldctl_oid = (char *)SYNC_REQUEST_OID, .ldctl_iscritical = 1};
    LDAPControl *controls[] = {with_sync ? &sync : NULL, NULL};
    char *filter = config_filter(d->conf, OBJECT_ACCOUNT);
    int rc;

    decode_make_request(SYNC_REFRESH_ONLY, slice_of(""), false, &value);
    sync.ldctl_value = (struct berval){value.len, value.p};
    rc = ldap_search_ext(d->ld, d->conf->account_base, cmd_ldap_scope(d->conf->account_scope), filter, attrs, 0, controls,
                         NULL, NULL, LDAP_NO_LIMIT, msgid);
    buf_free(&value);
    free(filter);
    return rc;
}

static void look_at(const struct check_ldap *d, LDAPMessage *entry, struct sample *s)
{
    LDAPControl **controls = NULL;

    s->n++;
    s->with_uuid += has_attribute(d, entry, is_389(d) ? DS389_KEY : "entryUUID");
    s->with_csn += has_attribute(d, entry, is_389(d) ? "modifyTimestamp" : "entryCSN");
    s->with_name += has_attribute(d, entry, d->conf->account_name_attribute);
    if (ldap_get_entry_controls(d->ld, entry, &controls) == LDAP_SUCCESS && controls)
        s->with_state += ldap_control_find(SYNC_STATE_OID, controls, NULL) != NULL;
    ldap_controls_free(controls);
}

/* Reads until the result, or ENTRIES. The LDAP result code; *text is the server's, to be freed by ldap_memfree(). */
static int read_sample(const struct check_ldap *d, int msgid, struct sample *s, char **text)
{
    struct timeval silent = {.tv_sec = SILENT_S};
    LDAPMessage *m = NULL;
    int type, rc;

    while (s->n < ENTRIES) {
        type = ldap_result(d->ld, msgid, LDAP_MSG_ONE, &silent, &m);
        if (type <= 0)
            return type == 0 ? LDAP_TIMEOUT : conn_error(d->ld);
        if (type == LDAP_RES_SEARCH_ENTRY)
            look_at(d, m, s);
        if (type == LDAP_RES_SEARCH_RESULT) {
            s->whole = true;
            if (ldap_parse_result(d->ld, m, &rc, NULL, text, NULL, NULL, 1) != LDAP_SUCCESS)
                return LDAP_DECODING_ERROR;
            return rc;
        }
        ldap_msgfree(m);
    }
    ldap_abandon_ext(d->ld, msgid, NULL, NULL);
    return LDAP_SUCCESS;
}

static void judge_attribute(const struct check_ldap *d, const struct sample *s, const char *name, size_t with,
                            enum check_result otherwise, const char *meaning)
{
    if (with == s->n)
        check_say(d->check, CHECK_OK, "%s can be read", name);
    else
        check_say(d->check, with ? CHECK_WARNING : otherwise, "%zu of %zu entries show no %s: %s", s->n - with, s->n,
                  name, meaning);
}

/* What of the entries that came can be read. */
static void judge_entries(const struct check_ldap *d, const struct sample *s)
{
    judge_attribute(d, s, is_389(d) ? DS389_KEY : "entryUUID", s->with_uuid, CHECK_FAILED,
                    "no deletion can be proved; let the bind DN read it");
    judge_attribute(d, s, is_389(d) ? "modifyTimestamp" : "entryCSN", s->with_csn, CHECK_WARNING,
                    "old content can't be told from new; let the bind DN read it");
    judge_attribute(d, s, d->conf->account_name_attribute, s->with_name, CHECK_FAILED,
                    "these are invalid: they have no address, or the bind DN may not read it");
}

static void judge_sample(const struct check_ldap *d, const struct sample *s, bool with_sync)
{
    if (s->n == 0)
        check_say(d->check, CHECK_WARNING,
                  "no entry under %s matches objectClass %s%s%s: is the filter right, and may the bind DN read them?",
                  d->conf->account_base, d->conf->account_class, *d->conf->account_filter ? " and " : "",
                  d->conf->account_filter);
    else if (with_sync && s->with_state == 0)
        check_say(d->check, CHECK_FAILED, "the server ignores the sync control: its entries carry no sync state");
    else
        check_say(d->check, CHECK_OK, "a %ssearch of accounts is answered: %s%zu entries", with_sync ? "sync " : "",
                  s->whole ? "" : "more than ", s->n);
}

/* A sync search, or a plain one. False: under mode auto it should be a plain one. */
static bool check_search(const struct check_ldap *d, bool with_sync)
{
    char *attrs[] = {(char *)"entryUUID", (char *)DS389_KEY, (char *)"entryCSN", (char *)"modifyTimestamp",
                     d->conf->account_name_attribute, NULL};
    struct sample s = {0};
    struct err e = {0};
    char *text = NULL;
    int msgid, rc = send_search(d, attrs, with_sync, &msgid);
    bool otherwise;

    if (rc == LDAP_SUCCESS)
        rc = read_sample(d, msgid, &s, &text);
    otherwise = rc == LDAP_UNAVAILABLE_CRITICAL_EXTENSION && with_sync && d->conf->mode == MODE_AUTO;
    if (rc == LDAP_SUCCESS) {
        judge_sample(d, &s, with_sync);
    } else if (!otherwise) {
        conn_explain(d->ld, rc, with_sync ? "a sync search of accounts" : "a search of accounts", text, &e);
        check_say(d->check, CHECK_FAILED, "after %zu entries: %s%s", s.n, e.text,
                  rc == LDAP_SIZELIMIT_EXCEEDED ? "; until then no refresh can be completed" : "");
    }
    if (s.n)
        judge_entries(d, &s);
    ldap_memfree(text);
    return !otherwise;
}

static void check_searches(const struct check_ldap *d)
{
    bool with_sync = d->conf->mode != MODE_SEARCH && (d->conf->mode != MODE_AUTO || lists_sync(d));

    if (check_search(d, with_sync))
        return;
    check_say(d->check, CHECK_WARNING, "the server lists the sync control and answers 12 to it; with slapd, the overlay syncprov is "
                                       "missing: mode auto will poll with plain searches, every %d s", d->conf->polling_interval);
    check_search(d, false);
}

void check_directory(struct check *c, const struct config_connector *conf)
{
    static char *attrs[] = {(char *)"supportedControl", (char *)"namingContexts", (char *)"rootDomainNamingContext", (char *)DS389_VENDOR,
                            (char *)"lastChangeNumber", NULL};
    struct check_ldap d = {.check = c, .conf = conf, .ld = connect_all(c, conf)};
    struct err e = {0};

    if (d.ld == NULL)
        return;
    d.root = check_read(&d, "", attrs, &e);
    if (d.root) {
        check_controls(&d);
        if (is_389(&d))
            check_changelog(&d);
        else
            check_context_csn(&d);
        if (check_base(&d))
            check_searches(&d);
        check_schema(&d);
    } else {
        check_say(c, CHECK_FAILED, "%s", e.text);
    }
    ldap_msgfree(d.root);
    conn_close(&d.ld);
}
