#include "paged.h"

#include <stdlib.h>

#include "decode.h"
#include "tlv.h"

#define TAG_INTEGER 0x02

void paged_free(struct paged *p)
{
    buf_free(&p->cookie);
    buf_free(&p->value);
}

static void make_value(unsigned entries, struct slice cookie, struct buf *out)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    struct berval text = { cookie.len, (char *)cookie.p };
    struct berval *flat = NULL;

    if (text.bv_val == NULL)
        text.bv_val = (char *)"";
    if (ber == NULL || ber_printf(ber, "{iO}", (ber_int_t)entries, &text) < 0 || ber_flatten(ber, &flat) < 0)
        abort();   /* nothing but memory can fail here, and running out of it ends the program (mem.h) */
    buf_add(out, flat->bv_val, flat->bv_len);
    ber_bvfree(flat);
    ber_free(ber, 1);
}

LDAPControl *paged_control(struct paged *p, LDAPControl *to)
{
    buf_reset(&p->value);
    make_value(PAGED_ENTRIES, buf_slice(&p->cookie), &p->value);
    /* Critical: a server that does not page would else answer with all of it, or with as much of it as its limit allows. */
    *to = (LDAPControl){ .ldctl_oid = (char *)PAGED_OID, .ldctl_value = { p->value.len, p->value.p }, .ldctl_iscritical = 1 };
    return to;
}

int paged_take(struct paged *p, const struct message *result, struct err *e)
{
    struct slice value, list, size, cookie;

    buf_reset(&p->cookie);
    if (!message_control(result, PAGED_OID, &value))
        return decode_failed(e, "SearchResultDone", "its controls are malformed", result->controls);
    if (value.p == NULL)
        return 0;
    if (!tlv_take(&value, TLV_SEQUENCE, &list) || value.len > 0 || !tlv_take(&list, TAG_INTEGER, &size) ||
        !tlv_take(&list, TLV_OCTETS, &cookie))
        return decode_failed(e, "paged results control", "it is not whole", result->controls);
    buf_add_slice(&p->cookie, cookie);
    return 0;
}

int paged_search(struct directory *d, struct reading *r, bool offered, struct err *e)
{
    struct paged paged = { 0 };
    int rc;

    r->paged = offered ? &paged : NULL;
    do
        rc = directory_search(d, r, e);
    while (rc == LDAP_SUCCESS && paged.cookie.len > 0);
    r->paged = NULL;
    paged_free(&paged);
    return rc;
}
