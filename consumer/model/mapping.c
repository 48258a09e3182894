/* The table of a mapping: built-in rows, what a configuration makes of them, and what to ask the server for. */
#include "mapping.h"

#include <stdlib.h>

/* SPEC.md 2.5, ascending by field name, so that an object's fields are mostly appended. */
static const struct built_in {
    enum object_kind kind;
    const char *attribute;
    field_id field;
} built_in[] = {
    { OBJECT_ACCOUNT, "axsyncAccountType", FIELD_ACCOUNT_TYPE },
    { OBJECT_ACCOUNT, "axsyncAccountClass", FIELD_ACCOUNT_CLASS },
    { OBJECT_ACCOUNT, "axsyncAlias", FIELD_ALIASES },
    { OBJECT_ACCOUNT, "postalAddress", FIELD_CONTACT_BUSINESS_ADDRESS },
    { OBJECT_ACCOUNT, "facsimileTelephoneNumber", FIELD_CONTACT_BUSINESS_FAX },
    { OBJECT_ACCOUNT, "telephoneNumber", FIELD_CONTACT_BUSINESS_PHONE },
    { OBJECT_ACCOUNT, "o", FIELD_CONTACT_COMPANY },
    { OBJECT_ACCOUNT, "departmentNumber", FIELD_CONTACT_DEPARTMENT },
    { OBJECT_ACCOUNT, "givenName", FIELD_CONTACT_FIRST_NAME },
    { OBJECT_ACCOUNT, "homePostalAddress", FIELD_CONTACT_HOME_ADDRESS },
    { OBJECT_ACCOUNT, "homePhone", FIELD_CONTACT_HOME_PHONE },
    { OBJECT_ACCOUNT, "sn", FIELD_CONTACT_LAST_NAME },
    { OBJECT_ACCOUNT, "mobile", FIELD_CONTACT_MOBILE_PHONE },
    { OBJECT_ACCOUNT, "physicalDeliveryOfficeName", FIELD_CONTACT_OFFICE },
    { OBJECT_ACCOUNT, "title", FIELD_CONTACT_POSITION },
    { OBJECT_ACCOUNT, "labeledURI", FIELD_CONTACT_WEBSITE },
    { OBJECT_ACCOUNT, "axsyncServices", FIELD_LIMIT_SERVICES },
    { OBJECT_ACCOUNT, "axsyncQuotaKB", FIELD_QUOTA_TOTAL_MESSAGE_SIZE },
    { OBJECT_GROUP, "axsyncDistributeTo", FIELD_GROUP_DISTRIBUTE_EMAIL_TO },
    { OBJECT_GROUP, "axsyncReceiveFrom", FIELD_GROUP_RECEIVE_EMAIL_FROM },
};

#define BUILT_IN (sizeof(built_in) / sizeof(*built_in))

/* How values are written is a matter of the attribute's syntax, whatever field they go to. */
static const struct {
    const char *attribute;
    enum mapping_conversion conversion;
} conversions[] = {
    { "postalAddress", CONVERT_POSTAL },
    { "homePostalAddress", CONVERT_POSTAL },
    { "registeredAddress", CONVERT_POSTAL },   /* RFC 4519: the third one of this syntax */
    { "labeledURI", CONVERT_LABELED_URI },
};

static bool same_name(const char *a, const char *b)
{
    return text_equal_nocase(slice_of(a), slice_of(b));
}

static enum mapping_conversion conversion_of(const char *attribute)
{
    for (size_t i = 0; i < sizeof(conversions) / sizeof(*conversions); i++)
        if (same_name(conversions[i].attribute, attribute))
            return conversions[i].conversion;
    return CONVERT_TEXT;
}

static int add_row(struct mapping *m, const char *attribute, field_id field, struct err *e)
{
    if (m->n_rows == MAPPING_MAX_ROWS)
        return err_set(e, ERR_CONFIG, "more than %d attributes are mapped for a kind", MAPPING_MAX_ROWS);
    m->rows[m->n_rows++] = (struct mapping_row){ mem_strdup(attribute), field, conversion_of(attribute) };
    return 0;
}

static bool replaced(const struct built_in *row, const struct mapping_override *overrides, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (same_name(overrides[i].attribute, row->attribute) ||
            (overrides[i].kind == row->kind && strcmp(overrides[i].field, field_name(row->field)) == 0))
            return true;
    return false;
}

/* "group.…" is a group's, all else an account's. */
static enum object_kind field_kind(const char *field)
{
    return strncmp(field, "group.", 6) == 0 ? OBJECT_GROUP : OBJECT_ACCOUNT;
}

/* The number of an override's field, or FIELD_NONE and *e. */
static field_id override_field(const struct mapping_override *o, struct err *e)
{
    /* A name is changed by a rename only, and secrets have no business in actions. */
    static const char *const ours[] = { "account.name", "account.password", "group.name", "members" };
    field_id field;

    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        if (strcmp(o->field, ours[i]) == 0) {
            err_set(e, ERR_CONFIG, "attribute \"%s\": %s can't be mapped: axsync sets it itself", o->attribute,
                    o->field);
            return FIELD_NONE;
        }
    field = field_intern(slice_of(o->field));
    if (field == FIELD_NONE)
        err_set(e, ERR_CONFIG, "attribute \"%s\": there is no field \"%s\"", o->attribute, o->field);
    else if (field_kind(o->field) != o->kind) {
        err_set(e, ERR_CONFIG, "attribute \"%s\": %s is no field of kind \"%s\"", o->attribute, o->field,
                object_kind_name(o->kind));
        return FIELD_NONE;
    }
    return field;
}

static int add_rows(struct mapping *m, const struct mapping_override *overrides, size_t n, struct err *e)
{
    m->rows = mem_alloc(MAPPING_MAX_ROWS * sizeof(*m->rows));
    for (size_t i = 0; i < BUILT_IN; i++)
        if (built_in[i].kind == m->kind && !replaced(&built_in[i], overrides, n) &&
            add_row(m, built_in[i].attribute, built_in[i].field, e) != 0)
            return -1;
    for (size_t i = 0; i < n; i++) {
        field_id field;

        if (overrides[i].field[0] == '\0')
            continue;
        field = override_field(&overrides[i], e);
        if (field == FIELD_NONE)
            return -1;
        if (overrides[i].kind == m->kind && add_row(m, overrides[i].attribute, field, e) != 0)
            return -1;
    }
    return 0;
}

static void request(struct mapping *m, size_t *n, const char *attribute)
{
    for (size_t i = 0; i < *n; i++)
        if (same_name(m->request[i], attribute))
            return;
    m->request[(*n)++] = mem_strdup(attribute);
}

static void free_request(struct mapping *m)
{
    for (char **r = m->request; r && *r; r++)
        free(*r);
    free(m->request);
    m->request = NULL;
}

static void build_request(struct mapping *m)
{
    size_t n = 0;

    free_request(m);
    m->request = mem_alloc((m->n_rows + 7) * sizeof(*m->request));
    request(m, &n, m->name_attribute);
    for (size_t i = 0; i < m->n_rows; i++)
        request(m, &n, m->rows[i].attribute);
    if (m->host_attribute)
        request(m, &n, m->host_attribute);
    if (m->member_attribute)
        request(m, &n, m->member_attribute);
    if (m->address_attribute)
        request(m, &n, m->address_attribute);
    request(m, &n, "entryCSN");
    request(m, &n, "modifyTimestamp");
}

static char *copy_unless_empty(const char *s)
{
    return s && *s ? mem_strdup(s) : NULL;
}

static void lower_case(char *s)
{
    for (; s && *s; s++)
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s | 0x20);
}

struct mapping *mapping_new(enum object_kind kind, const char *name_attribute, bool whole_address, const char *domain,
                            const char *host_attribute, const char *host, const struct mapping_override *overrides,
                            size_t n_overrides, struct err *e)
{
    struct mapping *m = mem_alloc(sizeof(*m));

    m->kind = kind;
    m->name_attribute = mem_strdup(name_attribute);
    m->name_is_whole_address = whole_address;
    m->domain = copy_unless_empty(domain);
    lower_case(m->domain);
    m->host_attribute = copy_unless_empty(host_attribute);
    m->host = copy_unless_empty(host);
    if (add_rows(m, overrides, n_overrides, e) != 0) {
        mapping_free(&m);
        return NULL;
    }
    build_request(m);
    return m;
}

void mapping_set_members(struct mapping *m, const char *member_attribute, const char *address_attribute)
{
    free(m->member_attribute);
    free(m->address_attribute);
    m->member_attribute = copy_unless_empty(member_attribute);
    m->address_attribute = copy_unless_empty(address_attribute);
    build_request(m);
}

void mapping_free(struct mapping **mp)
{
    struct mapping *m = *mp;

    if (m == NULL)
        return;
    for (size_t i = 0; i < m->n_rows; i++)
        free(m->rows[i].attribute);
    free_request(m);
    free(m->rows);
    free(m->member_attribute);
    free(m->address_attribute);
    free(m->name_attribute);
    free(m->domain);
    free(m->host_attribute);
    free(m->host);
    free(m);
    *mp = NULL;
}
