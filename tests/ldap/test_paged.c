/* The paged results control (RFC 2696). */
#include <criterion/criterion.h>

#include "paged.h"

static struct paged p;

/* A SearchResultDone with one control of that OID and value. */
static int take(const char *oid, const char *value, size_t len)
{
    struct message m = { .op = MESSAGE_RESULT };
    struct err e = { 0 };
    struct buf b = { 0 };
    int rc;

    buf_u8(&b, 0xA0);
    buf_u8(&b, (uint8_t)(strlen(oid) + len + 6));
    buf_u8(&b, 0x30);
    buf_u8(&b, (uint8_t)(strlen(oid) + len + 4));
    buf_u8(&b, 0x04);
    buf_u8(&b, (uint8_t)strlen(oid));
    buf_puts(&b, oid);
    buf_u8(&b, 0x04);
    buf_u8(&b, (uint8_t)len);
    buf_add(&b, value, len);
    m.controls = buf_slice(&b);
    rc = paged_take(&p, &m, &e);
    buf_free(&b);
    return rc;
}

Test(paged, next_page)
{
    LDAPControl c;

    paged_control(&p, &c);
    cr_assert_str_eq(c.ldctl_oid, PAGED_OID);
    cr_assert_arr_eq(c.ldctl_value.bv_val, "\x30\x06\x02\x02\x01\xF4\x04\x00", 8);
    cr_assert_eq(take(PAGED_OID, "\x30\x07\x02\x01\x00\x04\x02xy", 9), 0);
    paged_control(&p, &c);
    cr_assert_eq(c.ldctl_value.bv_len, 10u);
    cr_assert_arr_eq(c.ldctl_value.bv_val, "\x30\x08\x02\x02\x01\xF4\x04\x02xy", 10);
    cr_assert_eq(take(PAGED_OID, "\x30\x05\x02\x01\x00\x04\x00", 7), 0);
    cr_assert_eq(p.cookie.len, 0u, "that was the last");
    paged_free(&p);
}

Test(paged, result_without_the_control_is_the_last)
{
    buf_puts(&p.cookie, "xy");
    cr_assert_eq(take("1.2.3", "\x30\x05\x02\x01\x00\x04\x01z", 8), 0);
    cr_assert_eq(p.cookie.len, 0u);
    paged_free(&p);
}

Test(paged, what_is_not_whole_is_an_error)
{
    cr_assert_lt(take(PAGED_OID, "\x30\x07\x02\x01\x00\x04\x02x", 8), 0);
    cr_assert_lt(take(PAGED_OID, "\x04\x00", 2), 0);
    cr_assert_lt(take(PAGED_OID, "", 0), 0);
    paged_free(&p);
}
