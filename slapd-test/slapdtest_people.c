/* People: entries that look like those of a company's directory, the same on every run. */
#include <stdlib.h>
#include <string.h>

#include "slapdtest_internal.h"

#define DEFAULT_SUFFIX "dc=example,dc=com"

static const char *const given_names[] = {"Anna",   "Bela",   "Carlos", "Dana",          "Elif",      "Fabien",
                                          "Grace",  "Henrik", "Ioana",  "J\303\274rgen", "Katarzyna", "Liam",
                                          "Mircea", "Noor",   "Olga",   "Pierre"};
static const char *const family_names[] = {"Abel",          "Brandt",  "Costa",   "Dumitrescu", "Eriksen",  "Fischer",
                                           "Garcia",        "Horvath", "Ionescu", "Jansen",     "Kowalski", "Lefebvre",
                                           "M\303\274ller", "Novak",   "Popescu", "Rossi"};
static const char *const titles[] = {"Accountant", "Clerk",           "Engineer",           "Head of Department",
                                     "Librarian",  "Project Manager", "Research Assistant", "System Administrator"};
static const char *const streets[] = {"Birch Road",    "Castle Street", "Garden Lane", "Harbour Street",
                                      "Linden Avenue", "Market Square", "Mill Lane",   "Station Road"};
static const char *const towns[] = {"Easton", "Kingsbridge", "Lakeside",  "Northfield",
                                    "Oakham", "Riverton",    "Southport", "Westbury"};

#define PICK(list, r) ((list)[(r) % (sizeof(list) / sizeof(*(list)))])

/* SplitMix64 (Steele, Lea, Flood 2014): a good number from any other, so that person i needs no predecessor. */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Attribute and value of a DN's first RDN, for ldap_memfree(3). 0 or -1. */
static int first_rdn(const char *dn, char **attribute_r, char **value_r)
{
    LDAPDN parsed = NULL;
    int result = -1;

    *attribute_r = *value_r = NULL;
    if (ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS && parsed != NULL) {
        *attribute_r = ber_strdup(parsed[0][0]->la_attr.bv_val);
        *value_r = ber_strdup(parsed[0][0]->la_value.bv_val);
        result = *attribute_r != NULL && *value_r != NULL ? 0 : -1;
    }
    ldap_dnfree(parsed);
    return result;
}

/* The object classes that go with an RDN's attribute, as LDIF lines; NULL for one that isn't known. */
static const char *suffix_classes(const char *attribute)
{
    if (strcasecmp(attribute, "dc") == 0)
        return "objectClass: organization\nobjectClass: dcObject\n";
    if (strcasecmp(attribute, "o") == 0)
        return "objectClass: organization\n";
    if (strcasecmp(attribute, "ou") == 0)
        return "objectClass: organizationalUnit\n";
    return NULL;
}

int slapdtest_i_suffix_ldif(FILE *stream, const char *suffix)
{
    const char *classes = NULL;
    char *attribute, *value;

    if (first_rdn(suffix, &attribute, &value) == 0)
        classes = suffix_classes(attribute);
    if (classes != NULL) {
        slapdtest_i_put(stream, "dn", suffix);
        fputs(classes, stream);
        if (strcasecmp(attribute, "dc") == 0)
            slapdtest_i_put(stream, "o", value); /* organization wants one */
        slapdtest_i_put(stream, attribute, value);
        fputc('\n', stream);
    }
    ldap_memfree(attribute);
    ldap_memfree(value);
    return classes != NULL ? 0 : -1;
}

static void put_ou_people(FILE *out, const char *suffix)
{
    fprintf(out, "dn: ou=people,%s\nobjectClass: organizationalUnit\nou: people\n\n", suffix);
}

static void put_names(FILE *out, uint64_t r)
{
    const char *given = PICK(given_names, r), *family = PICK(family_names, r >> 8);
    char both[64];

    snprintf(both, sizeof(both), "%s %s", given, family);
    slapdtest_i_put(out, "cn", both);
    slapdtest_i_put(out, "sn", family);
    slapdtest_i_put(out, "givenName", given);
}

static void put_person(FILE *out, const char *suffix, size_t i, uint64_t seed)
{
    uint64_t r = mix(seed ^ mix(i));
    unsigned house = (unsigned)(r >> 16) % 200 + 1, department = (unsigned)(r >> 24) % 40 + 100;

    fprintf(out, "dn: uid=user%06zu,ou=people,%s\nobjectClass: inetOrgPerson\nuid: user%06zu\n", i, suffix, i);
    put_names(out, r);
    fprintf(out, "mail: user%06zu@example.com\n", i);
    /* ranges that Ofcom keeps for fiction */
    fprintf(out, "telephoneNumber: +44 20 7946 0%03u\n", (unsigned)(r >> 32) % 1000);
    fprintf(out, "mobile: +44 7700 900%03u\n", (unsigned)(r >> 36) % 1000);
    fprintf(out, "o: Example Company\ndepartmentNumber: %u\ntitle: %s\n", department, PICK(titles, r >> 40));
    fprintf(out, "postalAddress: %u %s$%05u %s\n", house, PICK(streets, r >> 44), (unsigned)(r >> 20) % 100000,
            PICK(towns, r >> 48));
    fprintf(out, "labeledURI: https://people.example.com/%u/user%06zu\n", department, i);
    fprintf(out, "physicalDeliveryOfficeName: Building %u, Room %u\nemployeeNumber: %zu\n\n", house % 9 + 1,
            house + 100, 100000 + i);
}

static void put_people(FILE *out, const char *suffix, size_t n, uint64_t seed)
{
    for (size_t i = 1; i <= n; i++)
        put_person(out, suffix, i, seed);
}

int slapdtest_people_ldif(FILE *stream, const char *suffix, size_t n, uint64_t seed)
{
    if (suffix == NULL)
        suffix = DEFAULT_SUFFIX;
    if (slapdtest_i_suffix_ldif(stream, suffix) != 0)
        return -1;
    put_ou_people(stream, suffix);
    put_people(stream, suffix, n, seed);
    return ferror(stream) ? -1 : 0;
}

char *slapdtest_person_dn(const char *suffix, size_t i)
{
    return slapdtest_i_text("uid=user%06zu,ou=people,%s", i, suffix != NULL ? suffix : DEFAULT_SUFFIX);
}

static int add_offline(struct slapdtest *s, size_t n, uint64_t seed)
{
    char path[160];
    FILE *out;
    int result;

    snprintf(path, sizeof(path), "%s/people.ldif", s->folder);
    out = fopen(path, "we");
    result = out != NULL ? slapdtest_people_ldif(out, s->suffix, n, seed) : -1;
    if (out != NULL && fclose(out) != 0)
        result = -1;
    if (result != 0)
        slapdtest_i_fail(s, LDAP_OTHER, "%s can't be written (suffix %s)", path, s->suffix);
    else
        result = slapdtest_load_file(s, path);
    remove(path); /* a million make 600 MB */
    return result;
}

/* Whether an entry is there; what the look leaves as an error is none of the caller's. */
static bool exists(struct slapdtest *s, const char *dn)
{
    char error[sizeof(s->error)];
    int rc = s->rc;
    bool found;

    memcpy(error, s->error, sizeof(error));
    found = slapdtest_count(s, dn, "base", NULL) == 1;
    memcpy(s->error, error, sizeof(error));
    s->rc = rc;
    return found;
}

static int write_missing(struct slapdtest *s, FILE *out, size_t n, uint64_t seed)
{
    char *people = slapdtest_i_text("ou=people,%s", s->suffix);
    int result = 0;

    if (people == NULL)
        return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    if (!exists(s, s->suffix) && slapdtest_i_suffix_ldif(out, s->suffix) != 0)
        result = slapdtest_i_fail(s, LDAP_PARAM_ERROR, "the suffix %s isn't dc=, o= or ou=", s->suffix);
    if (!exists(s, people))
        put_ou_people(out, s->suffix);
    put_people(out, s->suffix, n, seed);
    free(people);
    return result;
}

static int add_online(struct slapdtest *s, size_t n, uint64_t seed)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    int result;

    if (out == NULL)
        return slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    result = write_missing(s, out, n, seed);
    if (fclose(out) != 0 && result == 0)
        result = slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    if (result == 0)
        result = slapdtest_ldif(s, text);
    free(text);
    return result;
}

int slapdtest_add_people(struct slapdtest *s, size_t n, uint64_t seed)
{
    return slapdtest_running(s) ? add_online(s, n, seed) : add_offline(s, n, seed);
}
