#include "axsync_directory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <ldap.h>

#define PEOPLE "ou=people,dc=example,dc=com"
#define DOMAIN "example.com"
#define EVERYBODY "(objectClass=inetOrgPerson)"

/* SPEC.md 2.5, the attributes of the standard schema. */
static const struct rule {
    const char *attribute, *field;
} rules[] = {
    {"givenName", "contactInfo.firstName"},
    {"sn", "contactInfo.lastName"},
    {"telephoneNumber", "contactInfo.businessPhone"},
    {"mobile", "contactInfo.mobilePhone"},
    {"homePhone", "contactInfo.homePhone"},
    {"facsimileTelephoneNumber", "contactInfo.businessFax"},
    {"postalAddress", "contactInfo.businessAddress"},
    {"homePostalAddress", "contactInfo.homeAddress"},
    {"o", "contactInfo.company"},
    {"departmentNumber", "contactInfo.department"},
    {"physicalDeliveryOfficeName", "contactInfo.office"},
    {"title", "contactInfo.position"},
    {"labeledURI", "contactInfo.website"},
};

/* "a$b" is "a, b"; \24 and \5C are "$" and "\". */
static void decode_postal(const char *from, char *to)
{
    while (*from != '\0') {
        if (*from == '$') {
            *to++ = ',';
            *to++ = ' ';
            from++;
        } else if (strncmp(from, "\\24", 3) == 0 || strncasecmp(from, "\\5C", 3) == 0) {
            *to++ = from[1] == '2' ? '$' : '\\';
            from += 3;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static char *convert(const char *attribute, const struct berval *value)
{
    char *raw = strndup(value->bv_val, value->bv_len), *text = calloc(2, value->bv_len + 1);
    size_t n;

    if (strcasestr(attribute, "postalAddress") != NULL)
        decode_postal(raw, text);
    else
        strcpy(text, raw);
    if (strcmp(attribute, "labeledURI") == 0)
        text[strcspn(text, " ")] = '\0';
    for (n = strlen(text); n > 0 && text[n - 1] == ' '; n--)
        text[n - 1] = '\0';
    memmove(text, text + strspn(text, " "), n + 1 - strspn(text, " "));
    free(raw);
    return text;
}

/* The smallest of an attribute's values, for the caller to free; NULL if it has none. */
static char *smallest(LDAP *ld, LDAPMessage *entry, const char *attribute)
{
    struct berval **values = ldap_get_values_len(ld, entry, attribute);
    char *least = NULL;

    for (int i = 0; values != NULL && values[i] != NULL; i++) {
        char *text = convert(attribute, values[i]);

        if (*text != '\0' && (least == NULL || strcmp(text, least) < 0)) {
            free(least);
            least = text;
        } else {
            free(text);
        }
    }
    ldap_value_free_len(values);
    return least;
}

static void lower(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'Z')
            *text |= 0x20;
}

static char *with_domain(const char *name)
{
    char *address;

    if (asprintf(&address, strchr(name, '@') ? "%s" : "%s@" DOMAIN, name) < 0)
        abort();
    lower(address);
    return address;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static json_t *sorted_array(char **texts, int n)
{
    json_t *array = json_array();

    qsort(texts, (size_t)n, sizeof(*texts), by_bytes);
    for (int i = 0; i < n; i++)
        if (i == 0 || strcmp(texts[i - 1], texts[i]) != 0)
            json_array_append_new(array, json_string(texts[i]));
    return array;
}

static void set_aliases(json_t *set, LDAP *ld, LDAPMessage *entry, const char *attribute, const char *address)
{
    struct berval **values = ldap_get_values_len(ld, entry, attribute);
    int n = ldap_count_values_len(values), kept = 0;
    char **texts = calloc((size_t)n + 1, sizeof(*texts));
    json_t *array;

    for (int i = 0; i < n; i++) {
        texts[kept] = with_domain(values[i]->bv_val);
        if (strcmp(texts[kept], address) == 0)
            free(texts[kept]);
        else
            kept++;
    }
    array = sorted_array(texts, kept);
    if (json_array_size(array) > 0)
        json_object_set(set, "aliases", array);
    json_decref(array);
    for (int i = 0; i < kept; i++)
        free(texts[i]);
    free(texts);
    ldap_value_free_len(values);
}

static json_t *fields_of(LDAP *ld, LDAPMessage *entry, const char *aliases, const char *address)
{
    json_t *set = json_object();

    for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
        char *value = smallest(ld, entry, rules[i].attribute);

        if (value != NULL)
            json_object_set_new(set, rules[i].field, json_string(value));
        free(value);
    }
    if (aliases)
        set_aliases(set, ld, entry, aliases, address);
    return set;
}

/* entryUUID; or the digits of 389's nsUniqueId (8-8-8-8) in the form of one, in which its sync tells them. For the caller to free. */
static char *key_of(LDAP *ld, LDAPMessage *entry)
{
    char *id = smallest(ld, entry, "nsUniqueId"), *text;

    if (id == NULL)
        return smallest(ld, entry, "entryUUID");
    if (asprintf(&text, "%.13s-%.4s-%.4s-%.4s%.8s", id, id + 13, id + 18, id + 22, id + 27) < 0)
        abort();
    free(id);
    return text;
}

static void add_account(json_t *accounts, LDAP *ld, LDAPMessage *entry, const char *aliases, bool with_dn)
{
    char *mail = smallest(ld, entry, "mail"), *uuid = key_of(ld, entry), *address, *dn;
    json_t *account;

    if (mail != NULL) {
        address = with_domain(mail);
        account = json_pack("{s:s,s:o}", "uuid", uuid, "set", fields_of(ld, entry, aliases, address));
        dn = ldap_get_dn(ld, entry);
        if (with_dn) {
            json_object_set_new(account, "dn", json_string(dn));
            json_object_set_new(account, "state", json_string("mirrored"));
        }
        if (json_object_get(accounts, address) == NULL)
            json_object_set(accounts, address, account);
        json_decref(account);
        ldap_memfree(dn);
        free(address);
    }
    free(mail);
    free(uuid);
}

static LDAPMessage *search(LDAP *ld, const struct directory_view *view)
{
    char *attributes[] = {(char *)(uintptr_t)"*", (char *)(uintptr_t)"entryUUID", (char *)(uintptr_t)"nsUniqueId", NULL};
    const char *base = view && view->base ? view->base : PEOPLE;
    const char *filter = view && view->filter ? view->filter : EVERYBODY;
    LDAPMessage *result = NULL;
    int rc = ldap_search_ext_s(ld, base, LDAP_SCOPE_SUBTREE, filter, attributes, 0, NULL, NULL, NULL, LDAP_NO_LIMIT,
                               &result);

    if (rc == LDAP_SUCCESS)
        return result;
    fprintf(stderr, "search of %s: %s\n", base, ldap_err2string(rc));
    ldap_msgfree(result);
    return NULL;
}

json_t *directory_accounts_on(LDAP *ld, const struct directory_view *view, int with_dn)
{
    LDAPMessage *result = search(ld, view);
    json_t *accounts = result ? json_object() : NULL;

    for (LDAPMessage *entry = result ? ldap_first_entry(ld, result) : NULL; entry != NULL; entry = ldap_next_entry(ld, entry))
        add_account(accounts, ld, entry, view ? view->aliases : NULL, with_dn);
    ldap_msgfree(result);
    return accounts;
}

json_t *directory_accounts(struct slapdtest *server, const struct directory_view *view, int with_dn)
{
    json_t *accounts;
    LDAP *ld;

    if (slapdtest_connect(server, slapdtest_rootdn(server), NULL, &ld) != 0)
        return NULL;
    accounts = directory_accounts_on(ld, view, with_dn);
    ldap_unbind_ext_s(ld, NULL, NULL);
    return accounts;
}

/* ---- groups ------------------------------------------------------------------------------------------------- */

static void be_member(json_t *members, const char *address)
{
    json_object_set_new(members, address, json_true());
}

/* The address of the account or group at a DN, if there is one; a malformed DN names nobody. */
static void add_dn(LDAP *ld, json_t *members, const struct directory_groups *view, char *dn)
{
    char *attributes[] = {(char *)(uintptr_t)"mail", (char *)(uintptr_t)"cn", NULL}, *uid = strstr(dn, "#'"), *name;
    const char *accounts = view->accounts ? view->accounts : EVERYBODY;
    LDAPMessage *result = NULL, *entry;
    bool group = strcasestr(dn, "ou=groups,") != NULL;

    if (uid)
        *uid = '\0';
    if (ldap_search_ext_s(ld, dn, LDAP_SCOPE_BASE, group ? view->filter : accounts, attributes, 0, NULL, NULL, NULL, LDAP_NO_LIMIT, &result) ==
            LDAP_SUCCESS &&
        (entry = ldap_first_entry(ld, result)) != NULL && (group || strcasestr(dn, "ou=people,") != NULL)) {
        char *address;

        name = smallest(ld, entry, group ? "cn" : "mail");
        address = with_domain(name);
        be_member(members, address);
        free(address);
        free(name);
    }
    ldap_msgfree(result);
}

/* The account of a name, if there is one. */
static void add_name(LDAP *ld, json_t *members, const char *name)
{
    char *address = with_domain(name), *filter;
    LDAPMessage *result = NULL;

    if (asprintf(&filter, "(&(objectClass=inetOrgPerson)(mail=%s))", address) < 0)
        abort();
    if (ldap_search_ext_s(ld, PEOPLE, LDAP_SCOPE_SUBTREE, filter, NULL, 0, NULL, NULL, NULL, LDAP_NO_LIMIT, &result) ==
            LDAP_SUCCESS &&
        ldap_count_entries(ld, result) == 1)
        be_member(members, address);
    ldap_msgfree(result);
    free(filter);
    free(address);
}

static json_t *members_of(LDAP *ld, LDAPMessage *entry, const struct directory_groups *view)
{
    struct berval **values = ldap_get_values_len(ld, entry, view->member);
    json_t *members = json_object();

    for (int i = 0; values != NULL && values[i] != NULL; i++)
        if (strcmp(view->member, "memberUid") == 0)
            add_name(ld, members, values[i]->bv_val);
        else
            add_dn(ld, members, view, values[i]->bv_val);
    ldap_value_free_len(values);
    values = view->addresses ? ldap_get_values_len(ld, entry, view->addresses) : NULL;
    for (int i = 0; values != NULL && values[i] != NULL; i++) {
        lower(values[i]->bv_val);
        be_member(members, values[i]->bv_val);
    }
    ldap_value_free_len(values);
    return members;
}

json_t *directory_groups_on(LDAP *ld, const struct directory_groups *view)
{
    const struct directory_view all = {.base = "ou=groups,dc=example,dc=com", .filter = view->filter};
    LDAPMessage *result = search(ld, &all);
    json_t *groups = result ? json_object() : NULL;

    for (LDAPMessage *entry = result ? ldap_first_entry(ld, result) : NULL; entry != NULL; entry = ldap_next_entry(ld, entry)) {
        char *cn = smallest(ld, entry, "cn"), *uuid = key_of(ld, entry), *address = with_domain(cn);

        json_object_set_new(groups, address, json_pack("{s:s,s:{},s:o}", "uuid", uuid, "set", "members", members_of(ld, entry, view)));
        free(cn);
        free(uuid);
        free(address);
    }
    ldap_msgfree(result);
    return groups;
}

json_t *directory_groups(struct slapdtest *server, const struct directory_groups *view)
{
    json_t *groups;
    LDAP *ld;

    if (slapdtest_connect(server, slapdtest_rootdn(server), NULL, &ld) != 0)
        return NULL;
    groups = directory_groups_on(ld, view);
    ldap_unbind_ext_s(ld, NULL, NULL);
    return groups;
}

void directory_dns(LDAP *ld, const char *base, const char *filter, json_t *dns)
{
    const struct directory_view all = {.base = base, .filter = filter};
    LDAPMessage *result = search(ld, &all);

    for (LDAPMessage *entry = result ? ldap_first_entry(ld, result) : NULL; entry != NULL; entry = ldap_next_entry(ld, entry)) {
        char *key = key_of(ld, entry), *dn = ldap_get_dn(ld, entry);

        json_object_set_new(dns, key ? key : "", json_string(dn));
        free(key);
        ldap_memfree(dn);
    }
    ldap_msgfree(result);
}
