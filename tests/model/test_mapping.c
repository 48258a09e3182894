/* The table of a mapping: mapping_new(). */
#include <criterion/criterion.h>
#include <strings.h>

#include "make.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct mapping *table(enum object_kind kind, const struct mapping_override *overrides, size_t n)
{
    struct err e = { 0 };
    struct mapping *m = mapping_new(kind, "mail", true, "Example.COM", NULL, NULL, overrides, n, &e);

    cr_assert_not_null(m, "%s", e.text);
    return m;
}

static bool has_row(const struct mapping *m, const char *attribute, const char *field)
{
    for (size_t i = 0; i < m->n_rows; i++)
        if (strcmp(m->rows[i].attribute, attribute) == 0 && strcmp(field_name(m->rows[i].field), field) == 0)
            return true;
    return false;
}

static const struct {
    enum object_kind kind;
    const char *attribute, *field;
} spec[] = {
    { OBJECT_ACCOUNT, "givenName", "contactInfo.firstName" },
    { OBJECT_ACCOUNT, "sn", "contactInfo.lastName" },
    { OBJECT_ACCOUNT, "telephoneNumber", "contactInfo.businessPhone" },
    { OBJECT_ACCOUNT, "mobile", "contactInfo.mobilePhone" },
    { OBJECT_ACCOUNT, "homePhone", "contactInfo.homePhone" },
    { OBJECT_ACCOUNT, "facsimileTelephoneNumber", "contactInfo.businessFax" },
    { OBJECT_ACCOUNT, "postalAddress", "contactInfo.businessAddress" },
    { OBJECT_ACCOUNT, "homePostalAddress", "contactInfo.homeAddress" },
    { OBJECT_ACCOUNT, "axsyncAlias", "aliases" },
    { OBJECT_ACCOUNT, "axsyncAccountClass", "account.class" },
    { OBJECT_ACCOUNT, "o", "contactInfo.company" },
    { OBJECT_ACCOUNT, "departmentNumber", "contactInfo.department" },
    { OBJECT_ACCOUNT, "physicalDeliveryOfficeName", "contactInfo.office" },
    { OBJECT_ACCOUNT, "title", "contactInfo.position" },
    { OBJECT_ACCOUNT, "labeledURI", "contactInfo.website" },
    { OBJECT_ACCOUNT, "axsyncQuotaKB", "quotas.totalMessageSize" },
    { OBJECT_ACCOUNT, "axsyncAccountType", "account.accountType" },
    { OBJECT_ACCOUNT, "axsyncServices", "limits.services" },
    { OBJECT_GROUP, "axsyncReceiveFrom", "group.receiveEmailFrom" },
    { OBJECT_GROUP, "axsyncDistributeTo", "group.distributeEmailTo" },
};

Test(mapping, built_in_rows_are_those_of_the_specification)
{
    struct mapping *tables[OBJECT_KINDS] = { table(OBJECT_ACCOUNT, NULL, 0), table(OBJECT_GROUP, NULL, 0) };

    for (size_t i = 0; i < COUNT(spec); i++)
        cr_expect(has_row(tables[spec[i].kind], spec[i].attribute, spec[i].field), "%s", spec[i].attribute);
    cr_expect_eq(tables[OBJECT_ACCOUNT]->n_rows + tables[OBJECT_GROUP]->n_rows, COUNT(spec));
    cr_expect_str_eq(tables[OBJECT_ACCOUNT]->domain, "example.com");
    mapping_free(&tables[OBJECT_ACCOUNT]);
    mapping_free(&tables[OBJECT_GROUP]);
    cr_expect_null(tables[OBJECT_GROUP]);
}

Test(mapping, an_override_replaces_rows_of_its_attribute_and_of_its_field)
{
    struct mapping_override overrides[] = {
        { "roomNumber", "contactInfo.office", OBJECT_ACCOUNT },
        { "TITLE", "contactInfo.title", OBJECT_ACCOUNT },
        { "labeleduri", "", OBJECT_ACCOUNT },
        { "mailPolicy", "group.distributeEmailTo", OBJECT_GROUP },
        { "pager", "contactInfo.pager", OBJECT_ACCOUNT },
    };
    struct mapping *m = table(OBJECT_ACCOUNT, overrides, COUNT(overrides));

    cr_expect(has_row(m, "roomNumber", "contactInfo.office"));
    cr_expect_not(has_row(m, "physicalDeliveryOfficeName", "contactInfo.office"));
    cr_expect(has_row(m, "TITLE", "contactInfo.title"));
    cr_expect_not(has_row(m, "title", "contactInfo.position"));
    cr_expect_not(has_row(m, "labeledURI", "contactInfo.website"));
    cr_expect_not(has_row(m, "mailPolicy", "group.distributeEmailTo"));
    cr_expect(has_row(m, "pager", "contactInfo.pager"));
    cr_expect(has_row(m, "sn", "contactInfo.lastName"));
    mapping_free(&m);
    m = table(OBJECT_GROUP, overrides, COUNT(overrides));
    cr_expect(has_row(m, "mailPolicy", "group.distributeEmailTo"));
    cr_expect_not(has_row(m, "axsyncDistributeTo", "group.distributeEmailTo"));
    cr_expect(has_row(m, "axsyncReceiveFrom", "group.receiveEmailFrom"));
    cr_expect_eq(m->n_rows, 2);
    mapping_free(&m);
}

Test(mapping, an_attribute_can_be_switched_off_without_saying_its_kind)
{
    struct mapping_override off = { "axsyncReceiveFrom", "", OBJECT_ACCOUNT };
    struct mapping *m = table(OBJECT_GROUP, &off, 1);

    cr_expect_eq(m->n_rows, 1);
    mapping_free(&m);
}

static const struct {
    struct mapping_override override;
    const char *text;
} wrong[] = {
    { { "x", "firstName", OBJECT_ACCOUNT }, "there is no field \"firstName\"" },
    { { "x", "contactInfo.first name", OBJECT_ACCOUNT }, "there is no field" },
    { { "x", "group.enable", OBJECT_ACCOUNT }, "no field of kind \"account\"" },
    { { "x", "contactInfo.office", OBJECT_GROUP }, "no field of kind \"group\"" },
    { { "x", "aliases", OBJECT_GROUP }, "no field of kind \"group\"" },
    { { "userPassword", "account.password", OBJECT_ACCOUNT }, "axsync sets it itself" },
    { { "x", "account.name", OBJECT_ACCOUNT }, "axsync sets it itself" },
    { { "x", "group.name", OBJECT_GROUP }, "axsync sets it itself" },
};

Test(mapping, fields_that_are_none)
{
    for (size_t i = 0; i < COUNT(wrong); i++)
        for (int kind = 0; kind < OBJECT_KINDS; kind++) {
            struct err e = { 0 };

            cr_expect_null(mapping_new((enum object_kind)kind, "mail", true, NULL, NULL, NULL, &wrong[i].override, 1,
                                       &e));
            cr_expect_eq(e.class, ERR_CONFIG);
            cr_expect_not_null(strstr(e.text, wrong[i].text), "%s", e.text);
        }
}

Test(mapping, rows_have_a_limit)
{
    struct mapping_override many[MAPPING_MAX_ROWS];
    struct err e = { 0 };

    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = (struct mapping_override){ "x", "contactInfo.office", OBJECT_ACCOUNT };
    cr_expect_null(mapping_new(OBJECT_ACCOUNT, "mail", true, NULL, NULL, NULL, many, COUNT(many), &e));
    cr_expect_eq(e.class, ERR_CONFIG);
}

Test(mapping, request_names_each_attribute_once)
{
    struct mapping_override overrides[] = {
        { "MAIL", "contactInfo.businessEmail", OBJECT_ACCOUNT },
        { "mailhost", "contactInfo.department", OBJECT_ACCOUNT },
        { "title", "contactInfo.title", OBJECT_ACCOUNT },
        { "title", "contactInfo.position", OBJECT_ACCOUNT },
    };
    struct err e = { 0 };
    struct mapping *m = mapping_new(OBJECT_ACCOUNT, "mail", true, "", "mailHost", "mx1", overrides, COUNT(overrides),
                                    &e);
    size_t n = 0;

    cr_assert_not_null(m);
    cr_expect_null(m->domain);
    for (; m->request[n]; n++)
        for (size_t k = 0; k < n; k++)
            cr_expect_neq(strcasecmp(m->request[n], m->request[k]), 0, "%s twice", m->request[n]);
    /* 18 built in, less departmentNumber and title; mail, mailhost, title, entryCSN, modifyTimestamp. */
    cr_expect_eq(n, 16 + 5);
    cr_expect_str_eq(m->request[0], "mail");
    cr_expect_str_eq(m->request[n - 2], "entryCSN");
    cr_expect_str_eq(m->request[n - 1], "modifyTimestamp");
    mapping_free(&m);
}
