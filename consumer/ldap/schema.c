#include "schema.h"

#include <ldap_schema.h>
#include <string.h>

#include "text.h"

#define ANY "(objectClass=*)"

/* Whether the type is called that. */
static bool type_is(const LDAPAttributeType *type, const char *name)
{
    struct slice base = slice_make(name, strcspn(name, ";"));

    if (type->at_oid && text_equal_nocase(slice_of(type->at_oid), base))
        return true;
    for (size_t i = 0; type->at_names && type->at_names[i]; i++)
        if (text_equal_nocase(slice_of(type->at_names[i]), base))
            return true;
    return false;
}

/* Values of one attribute of one entry, for ldap_value_free_len(); NULL if there are none or they can't be read. */
static struct berval **read_values(LDAP *ld, int timeout_s, const char *dn, const char *attribute)
{
    struct timeval timeout = { .tv_sec = timeout_s };
    char *attrs[] = { (char *)attribute, NULL };
    struct berval **values = NULL;
    LDAPMessage *answer = NULL;

    if (ldap_search_ext_s(ld, dn, LDAP_SCOPE_BASE, ANY, attrs, 0, NULL, NULL, &timeout, LDAP_NO_LIMIT, &answer) == LDAP_SUCCESS &&
        ldap_first_entry(ld, answer))
        values = ldap_get_values_len(ld, ldap_first_entry(ld, answer), attribute);
    ldap_msgfree(answer);
    return values;
}

bool schema_know(LDAP *ld, int timeout_s, const char *const *attributes, size_t n, bool *known)
{
    struct berval **where = read_values(ld, timeout_s, "", "subschemaSubentry");
    struct berval **types = where && where[0] ? read_values(ld, timeout_s, where[0]->bv_val, "attributeTypes") : NULL;
    bool readable = types != NULL;

    for (size_t i = 0; types && types[i]; i++) {
        const char *at;
        int code;
        LDAPAttributeType *type = ldap_str2attributetype(types[i]->bv_val, &code, &at, LDAP_SCHEMA_ALLOW_ALL);

        for (size_t k = 0; type && k < n; k++)
            known[k] = known[k] || type_is(type, attributes[k]);
        if (type)
            ldap_attributetype_free(type);
    }
    ldap_value_free_len(types);
    ldap_value_free_len(where);
    return readable;
}
