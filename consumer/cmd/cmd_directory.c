#include "cmd_directory.h"

#include <stdlib.h>

#include "mem.h"

struct conn_settings cmd_conn_settings(const struct config_connector *c)
{
    return (struct conn_settings){
        .uris = c->ldap_uris,
        .n_uris = c->n_ldap_uris,
        .start_tls = c->start_tls,
        .ca_file = c->tls_ca_file,
        .cert_file = c->tls_cert_file,
        .key_file = c->tls_key_file,
        .require_cert = c->tls_require == REQUIRE_NEVER   ? LDAP_OPT_X_TLS_NEVER
                        : c->tls_require == REQUIRE_ALLOW ? LDAP_OPT_X_TLS_ALLOW
                                                          : LDAP_OPT_X_TLS_DEMAND,
        .bind_dn = c->bind_dn,
        .bind_pass = c->bind_pass,
        .sasl_mechanism = c->sasl_mechanism,
        .timeout_s = c->timeout,
    };
}

int cmd_ldap_scope(enum config_scope scope)
{
    return scope == SCOPE_BASE ? LDAP_SCOPE_BASE : scope == SCOPE_ONE ? LDAP_SCOPE_ONELEVEL : LDAP_SCOPE_SUBTREE;
}

struct mapping *cmd_mapping(const struct config_connector *c, enum object_kind kind, struct err *e)
{
    bool account = kind == OBJECT_ACCOUNT;
    struct mapping_override *o = mem_alloc((c->n_attributes + 1) * sizeof(*o));
    struct mapping *m;

    for (size_t i = 0; i < c->n_attributes; i++)
        o[i] = (struct mapping_override){c->attributes[i].attribute, c->attributes[i].field, c->attributes[i].kind};
    m = mapping_new(kind, account ? c->account_name_attribute : c->group_name_attribute,
                    account ? c->account_whole_address : c->group_whole_address, c->domain,
                    account && c->clustered ? c->host_field : NULL, c->host, o, c->n_attributes, e);
    free(o);
    return m;
}

/* ---- DNs ---------------------------------------------------------------------------------------------------- */

static LDAPDN parse(struct slice text, int *length)
{
    struct berval bv = {.bv_len = text.len, .bv_val = (char *)(uintptr_t)text.p};
    LDAPDN dn = NULL;

    *length = -1;
    if (text.len == 0 || ldap_bv2dn(&bv, &dn, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS || dn == NULL)
        return NULL;
    for (*length = 0; dn[*length]; (*length)++)
        ;
    return dn;
}

static struct slice trimmed(const struct berval *value)
{
    struct slice s = slice_make(value->bv_val, value->bv_len);

    for (; s.len && s.p[0] == ' '; s.p++)
        s.len--;
    while (s.len && s.p[s.len - 1] == ' ')
        s.len--;
    return s;
}

static bool has_ava(LDAPRDN rdn, const LDAPAVA *ava)
{
    for (size_t i = 0; rdn[i]; i++)
        if (text_equal_nocase(trimmed(&rdn[i]->la_attr), trimmed(&ava->la_attr)) &&
            text_equal_nocase(trimmed(&rdn[i]->la_value), trimmed(&ava->la_value)))
            return true;
    return false;
}

/* The order of the parts of an RDN ("cn=a+sn=b") does not matter. */
static bool same_rdn(LDAPRDN a, LDAPRDN b)
{
    size_t n = 0, m = 0;

    while (b[m])
        m++;
    for (; a[n]; n++)
        if (!has_ava(b, a[n]))
            return false;
    return n == m;
}

int cmd_dn_levels(struct slice dn, struct slice base)
{
    int n, m, levels;
    LDAPDN a = parse(dn, &n), b = parse(base, &m);

    levels = m >= 0 && n >= m ? n - m : -1;
    for (int i = 0; levels >= 0 && i < m; i++)
        if (!same_rdn(a[levels + i], b[i]))
            levels = -1;
    ldap_dnfree(a);
    ldap_dnfree(b);
    return levels;
}
