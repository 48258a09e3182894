#include <criterion/criterion.h>

#include "conn.h"

static const char *explain(int rc, const char *text)
{
    static struct err e;

    conn_explain(NULL, rc, "search of \"ou=people\"", text, &e);
    cr_assert_eq(e.class, ERR_UNAVAILABLE);
    cr_assert_eq(e.code, rc);
    cr_assert_null(strchr(e.text, '\n'));
    cr_assert_eq(strncmp(e.text, "search of \"ou=people\": ", 23), 0);
    return e.text;
}

Test(explain, what_to_do)
{
    static const struct {
        int rc;
        const char *words;
    } rows[] = {
        { LDAP_NO_SUCH_OBJECT, "accountBaseDN" }, { LDAP_INVALID_CREDENTIALS, "bindPass" },
        { LDAP_INSUFFICIENT_ACCESS, "right to read" }, { LDAP_UNAVAILABLE_CRITICAL_EXTENSION, "syncprov" },
        { LDAP_SIZELIMIT_EXCEEDED, "olcLimits" }, { LDAP_TIMELIMIT_EXCEEDED, "olcLimits" },
        { LDAP_ADMINLIMIT_EXCEEDED, "limit" }, { LDAP_BUSY, "again" }, { LDAP_UNAVAILABLE, "again" },
        { LDAP_UNWILLING_TO_PERFORM, "newer" }, { LDAP_CONFIDENTIALITY_REQUIRED, "startTLS" },
        { LDAP_STRONG_AUTH_REQUIRED, "startTLS" }, { LDAP_SERVER_DOWN, "is the server running" },
        { LDAP_CONNECT_ERROR, "tlsCACertFile" }, { LDAP_TIMEOUT, "in time" }, { 4096, "Refresh Required" },
        { 0x4100, "Refresh Required" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_not_null(strstr(explain(rows[i].rc, NULL), rows[i].words), "%s", explain(rows[i].rc, NULL));
    cr_assert_not_null(strstr(explain(80, NULL), "(80)"));
}

Test(explain, server_text_is_scrubbed_and_bounded)
{
    char text[5000];

    cr_assert_not_null(strstr(explain(80, "line\nof \x1b[31mtext"), "\"line of  [31mtext\""));
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cr_assert_lt(strlen(explain(32, text)), 700);
}

/* A code of the server would be taken for an answer, and the connection is closed by then. */
Test(explain, lost_connection_is_no_answer_of_the_server)
{
    LDAP *ld = NULL;
    int codes[] = { LDAP_SUCCESS, LDAP_BUSY, LDAP_NO_SUCH_OBJECT };

    cr_assert_eq(ldap_initialize(&ld, "ldap://127.0.0.1"), LDAP_SUCCESS);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        ldap_set_option(ld, LDAP_OPT_RESULT_CODE, &codes[i]);
        cr_assert_eq(conn_error(ld), LDAP_SERVER_DOWN);
    }
    codes[0] = LDAP_TIMEOUT;
    ldap_set_option(ld, LDAP_OPT_RESULT_CODE, &codes[0]);
    cr_assert_eq(conn_error(ld), LDAP_TIMEOUT);
    conn_close(&ld);
}
