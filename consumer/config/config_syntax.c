#include "config_syntax.h"

#include <arpa/inet.h>
#include <ldap.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "field.h"

#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define MAX_NAME 100
#define MAX_DOMAIN 253
#define MAX_LABEL 63

const char *syntax_dn(const char *value)
{
    LDAPDN dn = NULL;

    if (ldap_str2dn(value, &dn, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
        return "is not a well-formed DN (RFC 4514)";
    ldap_dnfree(dn);
    return NULL;
}

/* Dot-separated labels of letters, digits and inner hyphens. An address in digits has that form too. */
static bool is_domain(const char *value)
{
    if (strlen(value) > MAX_DOMAIN)
        return false;
    for (;;) {
        size_t n = strspn(value, LETTERS DIGITS "-");

        if (n == 0 || n > MAX_LABEL || value[0] == '-' || value[n - 1] == '-')
            return false;
        if (value[n] == '\0')
            return true;
        if (value[n] != '.')
            return false;
        value += n + 1;
    }
}

const char *syntax_domain(const char *value)
{
    for (const char *p = value; *p; p++)
        if ((unsigned char)*p >= 0x80)
            return "is not a domain (write an internationalised one in its xn-- form)";
    return is_domain(value) ? NULL : "is not a domain";
}

const char *syntax_host(const char *value)
{
    struct in6_addr ignored;

    if (is_domain(value) || inet_pton(AF_INET6, value, &ignored) == 1)
        return NULL;
    return "is neither a host name nor an IP address";
}

static bool is_port(const char *text)
{
    size_t n = strspn(text, DIGITS);

    return n > 0 && n <= 5 && text[n] == '\0' && atoi(text) >= 1 && atoi(text) <= 65535;
}

const char *syntax_listen(const char *value)
{
    static const char wrong[] = "is not address:port";
    const char *colon = strrchr(value, ':');
    char host[MAX_DOMAIN + 3];
    size_t n = colon ? (size_t)(colon - value) : 0;

    if (n == 0 || n >= sizeof(host) || !is_port(colon + 1))
        return wrong;
    memcpy(host, value, n);
    host[n] = '\0';
    if (host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        return syntax_host(host + 1) ? wrong : NULL;
    }
    return is_domain(host) ? NULL : wrong;
}

/* libldap takes ports above 65535, and 0 as the default. */
static bool port_possible(const char *uri, int port)
{
    const char *colon = strrchr(uri, ':');

    if (colon && colon[1] == '0' && strchr(colon, ']') == NULL)
        return false;
    return port >= 1 && port <= 65535;
}

static const char *check_parts(const char *uri, const LDAPURLDesc *d)
{
    bool socket = strcmp(d->lud_scheme, "ldapi") == 0;

    if ((d->lud_dn && d->lud_dn[0]) || d->lud_attrs || d->lud_filter || d->lud_exts)
        return socket ? "has something behind the socket (its path is written with %2F for each /)"
                      : "has something behind the host (base DN and filter are keys of their own)";
    if (d->lud_host == NULL || d->lud_host[0] == '\0')
        return NULL;   /* libldap's defaults: localhost, and the socket of OpenLDAP's build */
    if (socket)
        return d->lud_host[0] == '/' ? NULL : "does not name an absolute path (written with %2F for each /)";
    if (!port_possible(uri, d->lud_port))
        return "has an impossible port";
    return syntax_host(d->lud_host) ? "has an impossible host" : NULL;
}

const char *syntax_ldap_uri(const char *value)
{
    LDAPURLDesc *d = NULL;
    const char *wrong;

    if (strncasecmp(value, "ldap://", 7) && strncasecmp(value, "ldaps://", 8) && strncasecmp(value, "ldapi://", 8))
        return "does not begin with ldap://, ldaps:// or ldapi://";
    if (ldap_url_parse(value, &d) != LDAP_URL_SUCCESS)
        return "is not a well-formed LDAP URI";
    wrong = check_parts(value, d);
    ldap_free_urldesc(d);
    return wrong;
}

/* numericoid: 2.5.4.3 */
static size_t oid_length(const char *p)
{
    size_t n = 0;

    for (;;) {
        size_t digits = strspn(p + n, DIGITS);

        if (digits == 0 || (digits > 1 && p[n] == '0'))
            return 0;
        n += digits;
        if (p[n] != '.')
            return n;
        n++;
    }
}

static size_t descriptor_length(const char *p)
{
    if (*p != '\0' && strchr(LETTERS, *p))
        return strspn(p, LETTERS DIGITS "-");
    return oid_length(p);
}

const char *syntax_descriptor(const char *value)
{
    size_t n = descriptor_length(value);

    return n && value[n] == '\0' ? NULL : "is not a name or OID of a directory schema (RFC 4512)";
}

static size_t attribute_length(const char *p)
{
    size_t n = descriptor_length(p);

    while (n && p[n] == ';') {
        size_t option = strspn(p + n + 1, LETTERS DIGITS "-");

        if (option == 0)
            return 0;
        n += 1 + option;
    }
    return n;
}

const char *syntax_attribute(const char *value)
{
    size_t n = attribute_length(value);

    return n && value[n] == '\0' ? NULL : "is not an attribute description (RFC 4512)";
}

const char *syntax_name(const char *value)
{
    size_t n = strspn(value, LETTERS DIGITS "._-");

    if (value[0] == '\0')
        return "is empty";
    if (value[n] != '\0' || value[0] == '.' || n > MAX_NAME)
        return "is not usable: up to 100 letters, digits, \".\", \"_\" and \"-\", not beginning with \".\"";
    return NULL;
}

const char *syntax_mechanism(const char *value)
{
    if (strcasecmp(value, "EXTERNAL") == 0)
        return NULL;
    return "is not supported: EXTERNAL is the only SASL mechanism, for a simple bind leave saslMechanism empty";
}

const char *syntax_field(const char *value)
{
    if (field_intern(slice_of(value)))
        return NULL;
    return "is no field: \"aliases\", or a name in one of the contexts account, contactInfo, quotas, limits and group, "
           "as in \"contactInfo.office\"";
}
