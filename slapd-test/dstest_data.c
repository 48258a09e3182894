/* What tests do with the entries of a 389 server. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dstest_internal.h"

#define MAX_ATTRIBUTES 24

int dstest_i_fail(struct dstest *d, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(d->error, sizeof(d->error), format, arguments);
    va_end(arguments);
    return -1;
}

static int ldap_fail(struct dstest *d, int rc, const char *what, const char *dn)
{
    char *text = NULL;

    ldap_get_option(d->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
    dstest_i_fail(d, "%s %s: %s (%d) %s", what, dn, ldap_err2string(rc), rc, text ? text : "");
    ldap_memfree(text);
    return -1;
}

void dstest_i_hang_up(struct dstest *d)
{
    if (d->ld)
        ldap_unbind_ext_s(d->ld, NULL, NULL);
    d->ld = NULL;
}

int dstest_i_bind(struct dstest *d)
{
    struct berval password = {strlen(DSTEST_ROOTPW), (char *)(uintptr_t)DSTEST_ROOTPW};
    struct slapdtest_i_hush hush;
    int version = LDAP_VERSION3, rc;

    if (d->ld)
        return 0;
    if (ldap_initialize(&d->ld, d->uri) != LDAP_SUCCESS)
        return -1;
    ldap_set_option(d->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
    slapdtest_i_hush(&hush);
    rc = ldap_sasl_bind_s(d->ld, DSTEST_ROOTDN, LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL);
    if (rc != LDAP_SUCCESS)
        dstest_i_hang_up(d);
    slapdtest_i_unhush(&hush);
    return rc == LDAP_SUCCESS ? 0 : -1;
}

LDAP *dstest_connection(struct dstest *d)
{
    if (dstest_i_bind(d) != 0) {
        dstest_i_fail(d, "%s: can't bind", d->uri);
        return NULL;
    }
    return d->ld;
}

/* Cuts the lines into names and values, one value each: a name that comes twice is told twice, which servers take as one attribute of
 * two values. */
static size_t cut(char *lines, LDAPMod *mods, char *values[][2])
{
    char *rest = NULL;
    size_t n = 0;

    for (char *line = strtok_r(lines, "\n", &rest); line && n < MAX_ATTRIBUTES; line = strtok_r(NULL, "\n", &rest)) {
        char *value = strstr(line, ": ");

        if (value == NULL)
            continue;
        *value = '\0';
        values[n][0] = value + 2;
        values[n][1] = NULL;
        mods[n] = (LDAPMod){.mod_op = LDAP_MOD_ADD, .mod_type = line, .mod_values = values[n]};
        n++;
    }
    return n;
}

int dstest_add(struct dstest *d, const char *dn, const char *attributes)
{
    LDAPMod mods[MAX_ATTRIBUTES], *list[MAX_ATTRIBUTES + 1] = {NULL};
    char *values[MAX_ATTRIBUTES][2], *copy = strdup(attributes);
    LDAP *ld = dstest_connection(d);
    size_t n = cut(copy, mods, values);
    int rc;

    for (size_t i = 0; i < n; i++)
        list[i] = &mods[i];
    rc = ld ? ldap_add_ext_s(ld, dn, list, NULL, NULL) : LDAP_SERVER_DOWN;
    free(copy);
    return ld == NULL ? -1 : rc == LDAP_SUCCESS ? 0 : ldap_fail(d, rc, "add", dn);
}

int dstest_delete(struct dstest *d, const char *dn)
{
    LDAP *ld = dstest_connection(d);
    int rc = ld ? ldap_delete_ext_s(ld, dn, NULL, NULL) : LDAP_SERVER_DOWN;

    return ld == NULL ? -1 : rc == LDAP_SUCCESS ? 0 : ldap_fail(d, rc, "delete", dn);
}

int dstest_replace(struct dstest *d, const char *dn, const char *attribute, const char *value)
{
    char *values[] = {(char *)(uintptr_t)value, NULL};
    LDAPMod mod = {.mod_op = LDAP_MOD_REPLACE, .mod_type = (char *)(uintptr_t)attribute, .mod_values = value ? values : NULL};
    LDAPMod *mods[] = {&mod, NULL};
    LDAP *ld = dstest_connection(d);
    int rc = ld ? ldap_modify_ext_s(ld, dn, mods, NULL, NULL) : LDAP_SERVER_DOWN;

    return ld == NULL ? -1 : rc == LDAP_SUCCESS ? 0 : ldap_fail(d, rc, "modify", dn);
}

int dstest_rename(struct dstest *d, const char *dn, const char *newrdn, const char *newsuperior)
{
    LDAP *ld = dstest_connection(d);
    int rc = ld ? ldap_rename_s(ld, dn, newrdn, newsuperior, 1, NULL, NULL) : LDAP_SERVER_DOWN;

    return ld == NULL ? -1 : rc == LDAP_SUCCESS ? 0 : ldap_fail(d, rc, "rename", dn);
}

long dstest_number(struct dstest *d, const char *attribute)
{
    char *attributes[] = {(char *)(uintptr_t)attribute, NULL};
    LDAP *ld = dstest_connection(d);
    struct berval **values = NULL;
    LDAPMessage *result = NULL;
    long number = -1;

    if (ld && ldap_search_ext_s(ld, "", LDAP_SCOPE_BASE, NULL, attributes, 0, NULL, NULL, NULL, 1, &result) == LDAP_SUCCESS)
        values = ldap_get_values_len(ld, ldap_first_entry(ld, result), attribute);
    if (values && values[0])
        number = strtol(values[0]->bv_val, NULL, 10);
    ldap_value_free_len(values);
    ldap_msgfree(result);
    return number;
}
