/* `axsync check`: mapped attributes that the server's schema has not. */
#include <ldap_schema.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_check_ldap.h"
#include "cmd_directory.h"

/* Whether the type is called that; options ("cn;lang-de") are no part of its name. */
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

static void mark_known(struct berval **types, const struct mapping *m, bool *known)
{
    for (size_t i = 0; types && types[i]; i++) {
        const char *where;
        int code;
        LDAPAttributeType *type = ldap_str2attributetype(types[i]->bv_val, &code, &where, LDAP_SCHEMA_ALLOW_ALL);

        for (size_t k = 0; type && k < m->n_rows; k++)
            known[k] = known[k] || type_is(type, m->rows[k].attribute);
        if (type)
            ldap_attributetype_free(type);
    }
}

static void tell_unknown(const struct check_ldap *d, const struct mapping *m, const bool *known)
{
    struct buf list = {0};

    for (size_t k = 0; k < m->n_rows; k++)
        if (!known[k])
            buf_printf(&list, "%s%s (%s)", list.len ? ", " : "", m->rows[k].attribute, field_name(m->rows[k].field));
    if (list.len)
        check_say(d->check, CHECK_WARNING,
                  "the server's schema has not these mapped attributes, so their fields are never set: %s "
                  "(schema/axsync.ldif has those of axsync)",
                  buf_str(&list));
    else
        check_say(d->check, CHECK_OK, "the server's schema has all %zu mapped attributes", m->n_rows);
    buf_free(&list);
}

void check_schema(const struct check_ldap *d)
{
    static char *attrs[] = {(char *)"attributeTypes", NULL};
    struct berval **where = check_values(d, d->root, "subschemaSubentry"), **types = NULL;
    struct err e = {0};
    LDAPMessage *schema = where && where[0] ? check_read(d, where[0]->bv_val, attrs, &e) : NULL;
    struct mapping *m = cmd_mapping(d->conf, OBJECT_ACCOUNT, &e);

    if (schema)
        types = check_values(d, schema, "attributeTypes");
    if (m == NULL) {
        check_say(d->check, CHECK_FAILED, "%s", e.text);
    } else if (types == NULL) {
        check_say(d->check, CHECK_WARNING,
                  "the server's schema can't be read: mapped attributes that it has not are not seen");
    } else {
        bool *known = mem_alloc(m->n_rows + 1);

        mark_known(types, m, known);
        tell_unknown(d, m, known);
        free(known);
    }
    mapping_free(&m);
    ldap_value_free_len(types);
    ldap_msgfree(schema);
    ldap_value_free_len(where);
}
