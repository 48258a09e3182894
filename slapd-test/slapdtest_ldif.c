/* Changes: from LDIF text by libldap's reader, which is the one of ldapmodify(1), and from the helpers' arguments. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "slapdtest_internal.h"

void slapdtest_i_put(FILE *out, const char *name, const char *value)
{
    char *line = ldif_put_wrap(LDIF_PUT_VALUE, name, value, strlen(value), LDIF_LINE_WIDTH_MAX);

    if (line != NULL)
        fputs(line, out);
    ber_memfree(line);
}

/* ldap_add_ext_s(3), ldap_modify_ext_s(3), ldap_delete_ext_s(3), ldap_rename_s(3) by the operation's tag. */
static int send_record(LDAP *ld, const LDIFRecord *r)
{
    switch (r->lr_op) {
    case LDAP_REQ_ADD:
        return ldap_add_ext_s(ld, r->lr_dn.bv_val, r->lrop_mods, r->lr_ctrls, NULL);
    case LDAP_REQ_MODIFY:
        return ldap_modify_ext_s(ld, r->lr_dn.bv_val, r->lrop_mods, r->lr_ctrls, NULL);
    case LDAP_REQ_DELETE:
        return ldap_delete_ext_s(ld, r->lr_dn.bv_val, r->lr_ctrls, NULL);
    case LDAP_REQ_MODRDN:
        return ldap_rename_s(ld, r->lr_dn.bv_val, r->lrop_newrdn.bv_val, r->lrop_newsup.bv_val, r->lrop_delold,
                             r->lr_ctrls, NULL);
    default:
        return LDAP_NOT_SUPPORTED;
    }
}

static const char *operation_name(ber_tag_t op)
{
    switch (op) {
    case LDAP_REQ_ADD:
        return "add";
    case LDAP_REQ_MODIFY:
        return "modify";
    case LDAP_REQ_DELETE:
        return "delete";
    default:
        return "rename";
    }
}

int slapdtest_i_apply(struct slapdtest *s, LDAP *ld, const LDIFRecord *record, const char *where)
{
    struct slapdtest_i_hush hush;
    int rc;

    slapdtest_i_hush(&hush);
    rc = send_record(ld, record);
    slapdtest_i_unhush(&hush);
    if (rc == LDAP_SUCCESS)
        return 0;
    slapdtest_i_ldap_fail(s, ld, rc, "%s%s %s", where, operation_name(record->lr_op), record->lr_dn.bv_val);
    if (rc == LDAP_TIMEOUT || rc == LDAP_SERVER_DOWN)
        slapdtest_i_disconnect(s); /* a late answer must not be taken for that of the next request */
    return -1;
}

static int apply_text_record(struct slapdtest *s, LDAP *ld, char *text, unsigned long line)
{
    struct berval buffer = {.bv_len = strlen(text), .bv_val = text};
    LDIFRecord record = {0};
    char where[32], first[80];
    int result = 0;

    snprintf(where, sizeof(where), "line %lu: ", line);
    snprintf(first, sizeof(first), "%.*s", (int)strcspn(text, "\n"), text); /* the reader writes into the text */
    if (ldap_parse_ldif_record(&buffer, line, &record, "slapdtest", LDIF_DEFAULT_ADD) != LDAP_SUCCESS)
        result = slapdtest_i_fail(s, LDAP_PARAM_ERROR, "%snot an LDIF record: %s", where, first);
    else if (record.lr_op != 0) /* 0: nothing but "version: 1" or comments */
        result = slapdtest_i_apply(s, ld, &record, where);
    ldap_ldif_record_done(&record);
    return result;
}

/* ldif_read_record() counts the lines it has read; a record's own line is the one after those of the records before. */
static int apply_stream(struct slapdtest *s, LDAP *ld, LDIFFP *in)
{
    unsigned long line = 0, before = 0;
    char *text = NULL;
    int size = 0, more = 1, result = 0;

    while (result == 0 && (more = ldif_read_record(in, &line, &text, &size)) > 0) {
        result = apply_text_record(s, ld, text, before + 1);
        before = line;
    }
    if (more < 0)
        result = slapdtest_i_fail(s, LDAP_PARAM_ERROR, "line %lu: LDIF can't be read", line);
    ber_memfree(text);
    return result;
}

static int apply_text(struct slapdtest *s, LDAP *ld, const char *ldif)
{
    size_t length = strlen(ldif);
    LDIFFP *in;
    int result;

    if (ld == NULL)
        return -1;
    if (length == 0) /* fmemopen(3) may refuse it */
        return 0;
    in = ldif_open_mem((char *)(uintptr_t)ldif, length, "r"); /* only read from, though its type says otherwise */
    if (in == NULL)
        return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    result = apply_stream(s, ld, in);
    ldif_close(in);
    return result;
}

int slapdtest_ldif(struct slapdtest *s, const char *ldif)
{
    return apply_text(s, slapdtest_i_data(s), ldif);
}

int slapdtest_config(struct slapdtest *s, const char *ldif)
{
    return apply_text(s, slapdtest_i_config(s), ldif);
}

int slapdtest_ldif_f(struct slapdtest *s, const char *format, ...)
{
    va_list arguments;
    char *text;
    int result;

    va_start(arguments, format);
    result = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (result < 0)
        return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    result = slapdtest_ldif(s, text);
    free(text);
    return result;
}

int slapdtest_add(struct slapdtest *s, const char *dn, const char *attributes)
{
    char *first = ldif_put_wrap(LDIF_PUT_VALUE, "dn", dn, strlen(dn), LDIF_LINE_WIDTH_MAX);
    int result;

    if (first == NULL)
        return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    result = slapdtest_ldif_f(s, "%s%s", first, attributes);
    ber_memfree(first);
    return result;
}

/* One record from arguments; libldap's structures aren't const, but none of these calls writes through them. */
static int apply_built(struct slapdtest *s, const char *dn, LDIFRecord *record)
{
    LDAP *ld = slapdtest_i_data(s);

    if (ld == NULL)
        return -1;
    record->lr_dn.bv_val = (char *)(uintptr_t)dn;
    return slapdtest_i_apply(s, ld, record, "");
}

int slapdtest_delete(struct slapdtest *s, const char *dn)
{
    LDIFRecord record = {.lr_op = LDAP_REQ_DELETE};

    return apply_built(s, dn, &record);
}

static int modify(struct slapdtest *s, const char *dn, int op, const char *attribute, const char *value)
{
    struct berval one, *values[] = {value != NULL ? &one : NULL, NULL};
    LDAPMod mod = {.mod_op = op | LDAP_MOD_BVALUES, .mod_type = (char *)(uintptr_t)attribute, .mod_bvalues = values};
    LDAPMod *mods[] = {&mod, NULL};
    LDIFRecord record = {.lr_op = LDAP_REQ_MODIFY, .ldif_ops = {.lr_mods = mods}};

    if (value != NULL)
        ber_str2bv(value, 0, 0, &one);
    return apply_built(s, dn, &record);
}

int slapdtest_replace(struct slapdtest *s, const char *dn, const char *attribute, const char *value)
{
    return modify(s, dn, LDAP_MOD_REPLACE, attribute, value); /* by nothing is no error when there is nothing */
}

int slapdtest_add_value(struct slapdtest *s, const char *dn, const char *attribute, const char *value)
{
    return modify(s, dn, LDAP_MOD_ADD, attribute, value);
}

int slapdtest_delete_value(struct slapdtest *s, const char *dn, const char *attribute, const char *value)
{
    return modify(s, dn, LDAP_MOD_DELETE, attribute, value);
}

int slapdtest_rename(struct slapdtest *s, const char *dn, const char *newrdn, const char *newsuperior)
{
    LDIFRecord record = {.lr_op = LDAP_REQ_MODRDN};

    record.lrop_newrdn.bv_val = (char *)(uintptr_t)newrdn;
    record.lrop_newsup.bv_val = (char *)(uintptr_t)newsuperior;
    record.lrop_delold = 1;
    return apply_built(s, dn, &record);
}

int slapdtest_set_access(struct slapdtest *s, const char *const *access)
{
    size_t n = 0;
    char **values;
    LDAPMod mod = {.mod_op = LDAP_MOD_REPLACE, .mod_type = (char *)(uintptr_t)"olcAccess"}, *mods[] = {&mod, NULL};
    LDIFRecord record = {.lr_op = LDAP_REQ_MODIFY, .ldif_ops = {.lr_mods = mods}};
    LDAP *ld = slapdtest_i_config(s);
    int result;

    while (access != NULL && access[n] != NULL)
        n++;
    values = calloc(n + 1, sizeof(*values));
    if (ld == NULL || values == NULL) {
        free(values);
        return ld == NULL ? -1 : slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < n; i++)
        values[i] = (char *)(uintptr_t)access[i];
    mod.mod_values = n > 0 ? values : NULL;
    ber_str2bv(SLAPDTEST_DATABASE_DN, 0, 0, &record.lr_dn);
    result = slapdtest_i_apply(s, ld, &record, "");
    free(values);
    return result;
}
