/* Questions: counts, values, waiting for them. */
#include <stdlib.h>
#include <string.h>

#include "slapdtest_internal.h"

#define LOOK_AGAIN_MS 10

static const struct {
    const char *name;
    int scope;
} scopes[] = {
    {"base", LDAP_SCOPE_BASE},
    {"one", LDAP_SCOPE_ONELEVEL},
    {"sub", LDAP_SCOPE_SUBTREE},
    {"children", LDAP_SCOPE_SUBORDINATE},
};

static int parse_scope(const char *name)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(*scopes); i++)
        if (strcmp(scopes[i].name, name) == 0)
            return scopes[i].scope;
    return LDAP_SCOPE_DEFAULT;
}

static int search_failed(struct slapdtest *s, LDAP *ld, int rc, const char *base)
{
    slapdtest_i_ldap_fail(s, ld, rc, "search in %s", base);
    if (rc == LDAP_TIMEOUT || rc == LDAP_SERVER_DOWN)
        slapdtest_i_disconnect(s);
    return -1;
}

/* Entries one by one, so that a million of them isn't held in memory. Gives the result code of the search. */
static int count_answers(const struct slapdtest *s, LDAP *ld, int id, long *n_r)
{
    int type, rc = LDAP_SUCCESS;

    *n_r = 0;
    do {
        struct timeval timeout = {.tv_sec = s->timeout_ms / 1000, .tv_usec = (long)(s->timeout_ms % 1000) * 1000};
        LDAPMessage *message = NULL;

        type = ldap_result(ld, id, LDAP_MSG_ONE, &timeout, &message);
        if (type == LDAP_RES_SEARCH_ENTRY)
            ++*n_r;
        else if (type == 0)
            rc = LDAP_TIMEOUT;
        else if (type < 0)
            ldap_get_option(ld, LDAP_OPT_RESULT_CODE, &rc);
        else if (type == LDAP_RES_SEARCH_RESULT &&
                 ldap_parse_result(ld, message, &rc, NULL, NULL, NULL, NULL, 0) != LDAP_SUCCESS)
            rc = LDAP_DECODING_ERROR;
        ldap_msgfree(message);
    } while (type > 0 && type != LDAP_RES_SEARCH_RESULT);
    return rc;
}

long slapdtest_count(struct slapdtest *s, const char *base, const char *scope, const char *filter)
{
    static char nothing[] = LDAP_NO_ATTRS;
    char *attributes[] = {nothing, NULL};
    int code = parse_scope(scope), id, rc;
    struct slapdtest_i_hush hush;
    LDAP *ld = slapdtest_i_data(s);
    long n;

    if (base == NULL)
        base = s->suffix;
    if (code == LDAP_SCOPE_DEFAULT)
        return slapdtest_i_fail(s, LDAP_PARAM_ERROR, "\"%s\" is no scope", scope);
    if (ld == NULL)
        return -1;
    slapdtest_i_hush(&hush);
    rc = ldap_search_ext(ld, base, code, filter, attributes, 0, NULL, NULL, NULL, LDAP_NO_LIMIT, &id);
    if (rc == LDAP_SUCCESS)
        rc = count_answers(s, ld, id, &n);
    slapdtest_i_unhush(&hush);
    return rc == LDAP_SUCCESS ? n : search_failed(s, ld, rc, base);
}

/* ldap_search_ext_s(3) for one attribute. */
static int search(LDAP *ld, const char *base, int scope, const char *filter, const char *attribute,
                  LDAPMessage **result_r)
{
    char *attributes[] = {(char *)(uintptr_t)attribute, NULL};
    struct slapdtest_i_hush hush;
    int rc;

    slapdtest_i_hush(&hush);
    rc = ldap_search_ext_s(ld, base, scope, filter, attributes, 0, NULL, NULL, NULL, LDAP_NO_LIMIT, result_r);
    slapdtest_i_unhush(&hush);
    return rc;
}

/* All values of an attribute of an entry; NULL after slapdtest_i_fail(). For ldap_value_free_len(3). */
static struct berval **read_values(struct slapdtest *s, const char *dn, const char *attribute)
{
    struct berval **values = NULL;
    LDAPMessage *result = NULL, *entry;
    LDAP *ld = slapdtest_i_data(s);
    int rc;

    if (ld == NULL)
        return NULL;
    rc = search(ld, dn, LDAP_SCOPE_BASE, NULL, attribute, &result);
    if (rc != LDAP_SUCCESS) {
        search_failed(s, ld, rc, dn);
    } else {
        entry = ldap_first_entry(ld, result);
        values = entry != NULL ? ldap_get_values_len(ld, entry, attribute) : NULL;
        if (values == NULL)
            slapdtest_i_fail(s, LDAP_NO_SUCH_ATTRIBUTE, "%s has no %s", dn, attribute);
    }
    ldap_msgfree(result);
    return values;
}

char *slapdtest_value(struct slapdtest *s, const char *dn, const char *attribute)
{
    struct berval **values = read_values(s, dn, attribute);
    char *value;

    if (values == NULL)
        return NULL;
    value = strndup(values[0]->bv_val, values[0]->bv_len);
    if (value == NULL)
        slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    ldap_value_free_len(values);
    return value;
}

char *slapdtest_entry_uuid(struct slapdtest *s, const char *dn)
{
    return slapdtest_value(s, dn, "entryUUID");
}

/* The server ID in a CSN: YYYYmmddHHMMSS.uuuuuuZ#count#SID#mod (RFC draft-chu-ldap-csn). */
static const char *csn_sid(const struct berval *csn)
{
    const char *first = strchr(csn->bv_val, '#'), *second = first != NULL ? strchr(first + 1, '#') : NULL;

    return second != NULL ? second + 1 : "";
}

static int by_sid(const void *a, const void *b)
{
    return strncmp(csn_sid(*(struct berval *const *)a), csn_sid(*(struct berval *const *)b), 3); /* three hex digits */
}

char *slapdtest_context_csn(struct slapdtest *s)
{
    struct berval **values = read_values(s, s->suffix, "contextCSN");
    size_t n = 0, length = 1;
    char *text, *to;

    if (values == NULL)
        return NULL;
    for (; values[n] != NULL; n++)
        length += values[n]->bv_len + 1;
    qsort(values, n, sizeof(*values), by_sid);
    text = to = malloc(length);
    for (size_t i = 0; text != NULL && i < n; i++)
        to += sprintf(to, "%s%s", i > 0 ? ";" : "", values[i]->bv_val);
    if (text == NULL)
        slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    ldap_value_free_len(values);
    return text;
}

int slapdtest_await_count(struct slapdtest *s, const char *base, const char *scope, const char *filter, long n)
{
    long long deadline = slapdtest_i_now_ms() + s->timeout_ms;

    for (;;) {
        long found = slapdtest_count(s, base, scope, filter);

        if (found == n)
            return 0;
        if (found < 0)
            return -1;
        if (slapdtest_i_now_ms() >= deadline)
            return slapdtest_i_fail(s, LDAP_TIMEOUT, "%ld entries, not %ld, in %s within %u ms", found, n,
                                    base != NULL ? base : s->suffix, s->timeout_ms);
        slapdtest_i_nap(LOOK_AGAIN_MS);
    }
}

/* The DNs of all leaves below and at base; NULL-terminated, each and the list for ldap_memfree(3) and free(3). */
static char **read_leaves(struct slapdtest *s, LDAP *ld, const char *base)
{
    LDAPMessage *result = NULL, *entry;
    char **dns = NULL;
    size_t n = 0;
    int rc = search(ld, base, LDAP_SCOPE_SUBTREE, "(hasSubordinates=FALSE)", LDAP_NO_ATTRS, &result);

    if (rc != LDAP_SUCCESS) {
        search_failed(s, ld, rc, base);
    } else {
        dns = calloc((size_t)ldap_count_entries(ld, result) + 1, sizeof(*dns));
        for (entry = ldap_first_entry(ld, result); dns != NULL && entry != NULL; entry = ldap_next_entry(ld, entry))
            dns[n++] = ldap_get_dn(ld, entry);
        if (dns == NULL)
            slapdtest_i_fail(s, LDAP_NO_MEMORY, "out of memory");
    }
    ldap_msgfree(result);
    return dns;
}

/* Delete in rounds, each taking what has become a leaf, until the base was one: then the next search finds none. */
int slapdtest_delete_tree(struct slapdtest *s, const char *dn)
{
    char error[sizeof(s->error)];
    int rounds = 0, result = 0, rc = s->rc;

    memcpy(error, s->error, sizeof(error));
    while (result == 0) {
        LDAP *ld = slapdtest_i_data(s);
        char **leaves = ld != NULL ? read_leaves(s, ld, dn) : NULL;

        if (leaves == NULL)
            break;
        if (*leaves == NULL)
            result = slapdtest_i_fail(s, LDAP_OTHER, "%s has entries but no leaf", dn);
        for (char **p = leaves; *p != NULL; ldap_memfree(*p++))
            if (result == 0)
                result = slapdtest_delete(s, *p);
        free(leaves);
        rounds++;
    }
    if (result != 0 || rounds == 0 || s->rc != LDAP_NO_SUCH_OBJECT)
        return -1;
    memcpy(s->error, error, sizeof(error)); /* that last search was no failure */
    s->rc = rc;
    return 0;
}
