/* conn_explain(): what a result code means to the person who has to do something about it. */
#include <string.h>

#include "conn.h"
#include "decode.h"

#define TEXT_SHOWN 300   /* bytes of a server's or the library's words that we repeat */

static const struct hint {
    int rc;
    const char *cure;
} hints[] = {
    { LDAP_SERVER_DOWN, "is the server running, and do host and port in ldapURI name it?" },
    { LDAP_TIMEOUT, "it did not answer in time: is it overloaded or stopped, or does a firewall drop packets?" },
    { LDAP_CONNECT_ERROR, "TLS failed: did the CA in tlsCACertFile sign the server's certificate, is it valid today, and does it name "
                          "the host of ldapURI?" },
    { LDAP_DECODING_ERROR, "the server sent bytes that are no LDAP: does the port of ldapURI belong to a directory server, and should it "
                           "be ldaps?" },
    { LDAP_PARAM_ERROR, "ldapURI is no LDAP URI" },
    { LDAP_FILTER_ERROR, "the additional filter in the configuration is no LDAP filter" },
    { LDAP_PROTOCOL_ERROR, "the server does not know this operation; with startTLS: is TLS configured there?" },
    { LDAP_TIMELIMIT_EXCEEDED, "raise the time limit for the bind DN: olcLimits: dn.exact=\"(the bind DN)\" size=unlimited time=unlimited" },
    { LDAP_SIZELIMIT_EXCEEDED, "raise the size limit for the bind DN: olcLimits: dn.exact=\"(the bind DN)\" size=unlimited time=unlimited" },
    { LDAP_ADMINLIMIT_EXCEEDED, "an administrative limit of the server: raise it for the bind DN (OpenLDAP: olcLimits; 389: "
                                "nsLookThroughLimit, nsSizeLimit)" },
    { LDAP_AUTH_METHOD_NOT_SUPPORTED, "the server does not allow this way to bind: set saslMechanism, or bindDN and bindPass" },
    { LDAP_STRONG_AUTH_REQUIRED, "the server wants encryption or a stronger bind: set startTLS = yes or use ldaps://" },
    { LDAP_CONFIDENTIALITY_REQUIRED, "the server wants encryption: set startTLS = yes or use ldaps://" },
    { LDAP_REFERRAL, "another server holds this base; referrals are not followed: put that server into ldapURI" },
    { LDAP_UNAVAILABLE_CRITICAL_EXTENSION,
      "the server can't sync this base: load the syncprov overlay on its database (olcModuleLoad: syncprov; then an entry "
      "olcOverlay=syncprov below the database in cn=config), or set mode = \"search\"" },
    { LDAP_NO_SUCH_OBJECT, "check accountBaseDN and groupBaseDN, and that the bind DN may read them (an entry that may not be read looks "
                           "as if it were not there); or was the database emptied? Nothing is taken for deleted" },
    { LDAP_INVALID_DN_SYNTAX, "a DN in the configuration is no DN" },
    { LDAP_INAPPROPRIATE_AUTH, "bindDN names an entry that can't bind this way (it has no password?)" },
    { LDAP_INVALID_CREDENTIALS, "check bindDN and bindPass" },
    { LDAP_INSUFFICIENT_ACCESS, "give the bind DN the right to read what is searched" },
    { LDAP_BUSY, "the server is busy; it is tried again" },
    { LDAP_UNAVAILABLE, "the server is shutting down or read-only; it is tried again" },
    { LDAP_UNWILLING_TO_PERFORM, "if it says that the consumer is newer, the server lags or was restored from a backup" },
    { SYNC_REFRESH_REQUIRED, "the server can't continue from the stored cookie; all is read anew" },
    { SYNC_REFRESH_REQUIRED_OLD, "the server can't continue from the stored cookie; all is read anew" },
};

static const char *cure_of(int rc)
{
    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++)
        if (hints[i].rc == rc)
            return hints[i].cure;
    return NULL;
}

/* A peer's words on one line, bounded. What GnuTLS says of a certificate that libldap has refused tells nothing. */
static void scrub(const char *from, char *to)
{
    size_t n = 0;

    if (from && strcmp(from, "(unknown error code)") == 0)
        from = NULL;
    for (; from && *from && n < TEXT_SHOWN; from++)
        to[n++] = (unsigned char)*from < ' ' || *from == 0x7F ? ' ' : *from;
    to[n] = '\0';
}

static const char *name_of(int rc)
{
    switch (rc) {
    case SYNC_REFRESH_REQUIRED:
    case SYNC_REFRESH_REQUIRED_OLD:
        return "Content Sync Refresh Required";
    default:
        return ldap_err2string(rc);
    }
}

void conn_explain(LDAP *ld, int rc, const char *what, const char *server_text, struct err *e)
{
    char *diagnostic = NULL;
    char words[TEXT_SHOWN + 1];
    const char *cure = cure_of(rc);

    /* Codes below zero are libldap's own; then it may know more, of TLS above all. */
    if (rc < 0 && ld && (server_text == NULL || *server_text == '\0'))
        ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &diagnostic);
    scrub(diagnostic ? diagnostic : server_text, words);
    ldap_memfree(diagnostic);
    err_set(e, ERR_UNAVAILABLE, "%s: %s (%d)%s%s%s%s%s", *what ? what : "the root DSE", name_of(rc), rc, *words ? ", \"" : "", words, *words ? "\"" : "",
            cure ? ": " : "", cure ? cure : "");
    if (e)
        e->code = rc;
}
