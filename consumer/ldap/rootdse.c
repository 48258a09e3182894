#include "rootdse.h"

#include "decode.h"
#include "paged.h"

struct one {
    struct arena arena;
    struct entry *entry;
};

static struct arena *one_memory(void *ctx)
{
    return &((struct one *)ctx)->arena;
}

static bool one_row(void *ctx, struct entry *entry)
{
    ((struct one *)ctx)->entry = entry;
    return true;
}

/* one->entry is NULL if the server does not show it, for whatever reason. */
static int read_one(struct directory *d, const char *dn, const char *attribute, struct one *one, struct err *e)
{
    char *attrs[] = { (char *)attribute, NULL };
    struct reading r = { .base = dn, .scope = LDAP_SCOPE_BASE, .filter = "(objectClass=*)", .attrs = attrs,
                         .timeout_s = d->settings->conn.timeout_s, .memory = one_memory, .row = one_row, .ctx = one };
    int rc = directory_search(d, &r, e);

    if (rc < 0)
        return rc;
    err_clear(e);
    return LDAP_SUCCESS;
}

int rootdse_read(struct directory *d, struct rootdse *r, struct err *e)
{
    struct one one = { .entry = NULL };
    int rc = read_one(d, "", "supportedControl", &one, e);
    const struct entry_attr *oids = one.entry ? entry_attr(one.entry, "supportedControl") : NULL;

    *r = (struct rootdse){ .lists_controls = oids != NULL };
    for (uint32_t i = 0; oids && i < oids->n_values; i++) {
        r->sync |= slice_eq(oids->values[i], slice_of(SYNC_REQUEST_OID));
        r->paged |= slice_eq(oids->values[i], slice_of(PAGED_OID));
    }
    arena_free(&one.arena);
    return rc;
}

int rootdse_value(struct directory *d, const char *dn, const char *attribute, struct buf *out, struct err *e)
{
    struct one one = { .entry = NULL };
    int rc = read_one(d, dn, attribute, &one, e);
    const struct entry_attr *attr = one.entry ? entry_attr(one.entry, attribute) : NULL;

    if (attr && attr->n_values > 0)
        buf_add_slice(out, attr->values[0]);
    arena_free(&one.arena);
    return rc;
}
