#include "demo_people.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const units[] = {"Design", "Production", "Sales", "Accounts"};

static struct person people[] = {
    {"amara.okafor", "Amara", "Okafor", "Design", "Head of Design", 101, false},
    {"bjorn.lindqvist", "Björn", "Lindqvist", "Design", "Designer", 102, false},
    {"chiara.moretti", "Chiara", "Moretti", "Design", "Designer", 103, false},
    {"dimitra.papadaki", "Dimitra", "Papadaki", "Design", "Draughtswoman", 104, false},
    {"emre.yalcin", "Emre", "Yalçın", "Design", "Model Maker", 105, false},
    {"fatima.benali", "Fatima", "Benali", "Production", "Head of Production", 201, false},
    {"gabor.szalai", "Gábor", "Szalai", "Production", "Toolmaker", 202, false},
    {"hana.kimura", "Hana", "Kimura", "Production", "Toolmaker", 203, false},
    {"ines.carvalho", "Inês", "Carvalho", "Production", "Foreman", 204, false},
    {"jiri.dvorak", "Jiří", "Dvořák", "Production", "Electrician", 205, false},
    {"kaisa.virtanen", "Kaisa", "Virtanen", "Production", "Planner", 206, false},
    {"lucia.fuentes", "Lucía", "Fuentes", "Sales", "Head of Sales", 301, false},
    {"mihai.ionescu", "Mihai", "Ionescu", "Sales", "Representative", 302, false},
    {"nadia.haddad", "Nadia", "Haddad", "Sales", "Representative", 303, false},
    {"olivia.hughes", "Olivia", "Hughes", "Sales", "Customer Service", 304, false},
    {"priya.raman", "Priya", "Raman", "Sales", "Customer Service", 305, false},
    {"runar.einarsson", "Rúnar", "Einarsson", "Accounts", "Head of Accounts", 401, false},
    {"soren.mikkelsen", "Søren", "Mikkelsen", "Accounts", "Accountant", 402, false},
    {"tomasz.zielinski", "Tomasz", "Zieliński", "Accounts", "Accountant", 403, false},
    {"wanjiru.kamau", "Wanjirũ", "Kamau", "Accounts", "Payroll Clerk", 404, false},
};

struct person *people_begin(void)
{
    return people;
}

struct person *people_end(void)
{
    return people + sizeof(people) / sizeof(*people);
}

size_t people_count(void)
{
    return sizeof(people) / sizeof(*people);
}

struct person *people_find(const char *uid)
{
    for (struct person *p = people; p < people_end(); p++)
        if (strcmp(p->uid, uid) == 0)
            return p;
    abort();   /* only names from the table above are asked for */
}

char *person_dn(const struct person *p)
{
    char *dn;

    if (asprintf(&dn, "uid=%s,ou=%s,%s", p->uid, p->unit, PEOPLE_BASE) < 0)
        abort();
    return dn;
}

/* What axsync maps from axsync's own schema. */
static void put_extension(FILE *out, const struct person *p)
{
    fprintf(out, "objectClass: axsyncAccount\naxsyncAlias: %c%s\naxsyncQuotaKB: 2097152\n",
            tolower((unsigned char)p->uid[0]), strchr(p->uid, '.'));
}

/* Every attribute that axsync maps to a field of an account. Phone numbers: ranges that Ofcom keeps for fiction. */
static void put_person(FILE *out, const struct person *p, bool schema)
{
    fprintf(out, "dn: uid=%s,ou=%s,%s\n", p->uid, p->unit, PEOPLE_BASE);
    fprintf(out, "objectClass: inetOrgPerson\nuid: %s\ncn: %s %s\n", p->uid, p->given, p->family);
    fprintf(out, "givenName: %s\nsn: %s\nmail: %s@example.com\n", p->given, p->family, p->uid);
    fprintf(out, "telephoneNumber: +44 20 7946 0%03u\nmobile: +44 7700 900%03u\n", p->desk, p->desk);
    fprintf(out, "homePhone: +44 113 496 0%03u\nfacsimileTelephoneNumber: +44 20 7946 0999\n", p->desk);
    fprintf(out, "postalAddress: Example Company$%u Harbour Street$Lakeside\n", p->desk / 100);
    fprintf(out, "homePostalAddress: %u Linden Avenue$Riverton\no: Example Company\n", p->desk);
    fprintf(out, "departmentNumber: %s\nphysicalDeliveryOfficeName: Room %u\n", p->unit, p->desk);
    fprintf(out, "title: %s\nlabeledURI: https://people.example.com/%s Home page\n", p->title, p->uid);
    if (schema)
        put_extension(out, p);
    fputc('\n', out);
}

static void put_units(FILE *out)
{
    fputs("dn: dc=example,dc=com\nobjectClass: organization\nobjectClass: dcObject\no: Example Company\ndc: example\n\n"
          "dn: " PEOPLE_BASE "\nobjectClass: organizationalUnit\nou: people\n\n", out);
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        fprintf(out, "dn: ou=%s,%s\nobjectClass: organizationalUnit\nou: %s\n\n", units[i], PEOPLE_BASE, units[i]);
}

static char *written(const struct person *one, bool schema)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        abort();
    if (one) {
        put_person(out, one, schema);
    } else {
        put_units(out);
        for (const struct person *p = people; p < people_end(); p++)
            put_person(out, p, schema);
    }
    if (fclose(out) != 0)
        abort();
    return text;
}

char *people_ldif(bool schema)
{
    return written(NULL, schema);
}

char *person_ldif(const struct person *p, bool schema)
{
    return written(p, schema);
}
