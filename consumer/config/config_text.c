/* The texts that a connector's settings amount to: the server-side filter, and the fingerprint. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf.h"
#include "config.h"
#include "config_syntax.h"
#include "config_value.h"

/* RFC 4515: what has a meaning in filters, and what is no character, becomes \XX. */
static void add_escaped(struct buf *b, const char *value)
{
    for (const char *p = value; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c < 0x20 || c == 0x7F || strchr("()*\\", *p))
            buf_printf(b, "\\%02x", c);
        else
            buf_u8(b, c);
    }
}

char *config_filter(const struct config_connector *c, enum object_kind kind)
{
    struct buf b = { 0 };
    const char *class = kind == OBJECT_ACCOUNT ? c->account_class : c->group_class;
    const char *additional = kind == OBJECT_ACCOUNT ? c->account_filter : c->group_filter;
    bool both = additional[0] != '\0', wrap = both && !syntax_filter_wrapped(additional);

    buf_puts(&b, both ? "(&(objectClass=" : "(objectClass=");
    add_escaped(&b, class);
    buf_puts(&b, wrap ? ")(" : ")");
    buf_puts(&b, additional);
    if (wrap)
        buf_puts(&b, ")");
    if (both)
        buf_puts(&b, ")");
    buf_str(&b);
    return b.p;
}

/* Sorted, since the order of the sections decides nothing. */
static int by_attribute(const void *a, const void *b)
{
    const struct config_attribute *x = *(const struct config_attribute *const *)a;
    const struct config_attribute *y = *(const struct config_attribute *const *)b;
    int d = strcasecmp(x->attribute, y->attribute);

    return d ? d : strcmp(x->field, y->field);
}

static void add_attributes(struct buf *b, const struct config_connector *c, enum object_kind kind)
{
    const struct config_attribute **sorted;
    size_t n = 0;

    if (c->n_attributes == 0)
        return;
    sorted = mem_alloc(c->n_attributes * sizeof(*sorted));
    for (size_t i = 0; i < c->n_attributes; i++)
        if (c->attributes[i].kind == kind)
            sorted[n++] = &c->attributes[i];
    qsort(sorted, n, sizeof(*sorted), by_attribute);
    for (size_t i = 0; i < n; i++)
        buf_printf(b, "attribute %s=%s\n", sorted[i]->attribute, sorted[i]->field);
    free(sorted);
}

char *config_fingerprint(const struct config_connector *c, enum object_kind kind)
{
    struct buf b = { 0 };
    unsigned wanted = kind == OBJECT_ACCOUNT ? KEY_SHOWS_ACCOUNTS : KEY_SHOWS_GROUPS;

    for (size_t i = 0; i < config_n_rows; i++) {
        if (config_rows[i].in != IN_CONNECTOR || !(config_rows[i].flags & wanted))
            continue;
        buf_printf(&b, "%s=", config_rows[i].name);
        config_print(&config_rows[i], c, &b);
        buf_puts(&b, "\n");
    }
    /* With EXTERNAL the certificate says who we are. */
    if (c->sasl_mechanism[0] != '\0')
        buf_printf(&b, "tlsCertFile=%s\n", c->tls_cert_file);
    add_attributes(&b, c, kind);
    buf_str(&b);
    return b.p;
}
