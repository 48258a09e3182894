#include "standing.h"

#include "ds389.h"

/* A result code is an answer: the server does not tell. Only libldap's own, below zero, mean that nobody answered. */
static bool no_answer(int rc)
{
    return rc < 0;
}

int standing_read(struct directory *d, struct arena *a, struct sync_msg *m, struct err *e)
{
    int rc = d->ds389 ? ds389_standing(d, m, e) : directory_csns(d, m->search, a, &m->csns, &m->n_csns, e);

    if (!no_answer(rc))
        rc = directory_mark(d, m->search, a, &m->mark, e);
    if (no_answer(rc))
        return rc;
    err_clear(e);
    return LDAP_SUCCESS;
}

int standing_ask(struct directory *d, size_t uri, struct arena *a, struct sync_msg *m, struct err *e)
{
    const char *text = d->settings->conn.uris[uri];
    bool fresh;

    m->uri = arena_copy(a, text, strlen(text));
    for (;;) {
        int rc = directory_connect(d, uri, &fresh, e);

        if (rc == LDAP_SUCCESS)
            rc = standing_read(d, a, m, e);
        if (rc != LDAP_SERVER_DOWN || fresh)
            return rc;
    }
}
