/* DNs: equal ones have equal bytes, different ones different bytes. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "dn.h"

static const struct {
    const char *text, *canonical;   /* NULL: no DN */
} forms[] = {
    { "", "" },
    { "  ", "" },
    { "uid=alice,ou=people,dc=example,dc=com", "uid=alice,ou=people,dc=example,dc=com" },
    { "UID=Alice , OU = People;DC=Example,dc=COM", "uid=alice,ou=people,dc=example,dc=com" },
    { "0.9.2342.19200300.100.1.1=alice,2.5.4.11=people,OID.0.9.2342.19200300.100.1.25=example,domainComponent=com",
      "uid=alice,ou=people,dc=example,dc=com" },
    { "commonName=a,organizationName=b", "cn=a,o=b" },
    { "1.2.3.4=a", "1.2.3.4=a" },
    { "cn=a  b\t c", "cn=a b c" },
    { "cn=\\ a b\\ ", "cn=a b" },
    { "cn=\\20a b\\20,o=x", "cn=a b,o=x" },
    { "cn=Smith\\, John", "cn=smith\\2c john" },
    { "cn=Smith\\2C John", "cn=smith\\2c john" },
    { "cn=\"Smith, John\" , o=x", "cn=smith\\2c john,o=x" },
    { "cn=\"a \\\" b\"", "cn=a \\22 b" },
    { "cn=\\#1", "cn=\\231" },
    { "cn=a#1", "cn=a#1" },
    { "cn=a=b", "cn=a=b" },
    { "cn=#0C05416C696365", "cn=alice" },
    { "cn=#0c8105416c696365", "cn=alice" },
    { "cn=#04 ", "cn=#04" },
    { "cn=#0203010001", "cn=#0203010001" },
    { "cn=\\#0203010001", "cn=\\230203010001" },
    { "cn=#0C05416C6963", "cn=#0c05416c6963" },           /* shorter than it says */
    { "cn=\\4a\\c3\\b6rg", "cn=j\303\266rg" },
    { "cn=J\303\226RG", "cn=j\303\266rg" },
    { "cn=\305\201\303\223D\305\271", "cn=\305\202\303\263d\305\272" },
    { "cn=\316\221\316\230\316\227\316\235\316\221\316\243", "cn=\316\261\316\270\316\267\316\275\316\261\317\203" },
    { "cn=\320\230\320\222\320\220\320\235", "cn=\320\270\320\262\320\260\320\275" },
    { "cn=\303\227", "cn=\303\227" },                     /* the sign of multiplication has no case */
    { "cn=a\001b", "cn=a\\01b" },
    { "cn=a\\00b", "cn=a\\00b" },
    { "cn=\377", "cn=\377" },
    { "cn=b+SN=a", "cn=b+sn=a" },
    { "sn=a + cn=b,o=x", "cn=b+sn=a,o=x" },
    { "cn=a\\+b+cn=a", "cn=a+cn=a\\2bb" },
    { "cn=", "cn=" },
    { "cn=\\20,o=x", "cn=,o=x" },
    { "cn", NULL },
    { "=a", NULL },
    { "cn=a,", NULL },
    { ",cn=a", NULL },
    { "cn=a,,o=b", NULL },
    { "cn=a+", NULL },
    { "c n=a", NULL },
    { "cn=a\\", NULL },
    { "cn=a\\x", NULL },
    { "cn=a\\4", NULL },
    { "cn=\"a", NULL },
    { "cn=\"a\" b", NULL },
    { "cn=#", NULL },
    { "cn=#0", NULL },
    { "cn=#0g", NULL },
};

static void normal(const char *text, const char *canonical)
{
    struct buf out = { 0 };
    bool good;

    buf_puts(&out, "before ");
    good = dn_normalise(slice_of(text), &out);
    cr_expect_eq(good, canonical != NULL, "\"%s\"", text);
    cr_expect_eq(memcmp(out.p, "before ", 7), 0);
    cr_expect(slice_eq(slice_make(out.p + 7, out.len - 7), slice_of(canonical ? canonical : "")), "\"%s\": \"%s\"", text,
              buf_str(&out));
    buf_free(&out);
}

Test(dn, canonical_forms)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
        normal(forms[i].text, forms[i].canonical);
}

Test(dn, a_canonical_form_is_its_own)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
        if (forms[i].canonical)
            normal(forms[i].canonical, forms[i].canonical);
}

static const struct {
    const char *dn, *rdn, *parent;
    size_t depth;
} cuts[] = {
    { "", "", "", 0 },
    { "dc=com", "dc=com", "", 1 },
    { "uid=a,ou=b,dc=c", "uid=a", "ou=b,dc=c", 3 },
    { "uid=a , ou=b, dc=c", "uid=a ", "ou=b, dc=c", 3 },
    { "cn=a\\,b,ou=c", "cn=a\\,b", "ou=c", 2 },
    { "cn=a\\2c,ou=c", "cn=a\\2c", "ou=c", 2 },
    { "cn=\"a,b\",ou=c", "cn=\"a,b\"", "ou=c", 2 },
    { "cn=a+sn=b,ou=c", "cn=a+sn=b", "ou=c", 2 },
    { "nonsense", "nonsense", "", 0 },
};

Test(dn, parts)
{
    for (size_t i = 0; i < sizeof(cuts) / sizeof(*cuts); i++) {
        struct slice dn = slice_of(cuts[i].dn);

        cr_expect(slice_eq(dn_rdn(dn), slice_of(cuts[i].rdn)), "row %zu", i);
        cr_expect(slice_eq(dn_parent(dn), slice_of(cuts[i].parent)), "row %zu", i);
        cr_expect_eq(dn_depth(dn), cuts[i].depth, "row %zu", i);
    }
}

static bool within(const char *dn, const char *base)
{
    return dn_within(slice_of(dn), slice_of(base));
}

Test(dn, within)
{
    cr_expect(within("uid=a,ou=b", "ou=b"));
    cr_expect(within("ou=b", "ou=b"));
    cr_expect(within("ou=b", ""));
    cr_expect(within("", ""));
    cr_expect_not(within("", "ou=b"));
    cr_expect_not(within("uid=aou=b", "ou=b"), "no separator before it");
    cr_expect_not(within("ou=b", "uid=a,ou=b"));
    cr_expect_not(within("uid=a,ou=c", "ou=b"));
    cr_expect_not(within("uid=a\\2cou=b", "ou=b"), "an escaped comma parts nothing");
}

static const struct {
    const char *dn, *from, *to, *result;   /* NULL: not within */
} moves[] = {
    { "uid=A, ou=People, dc=x", "ou=people,dc=x", "ou=Staff,dc=x", "uid=A,ou=Staff,dc=x" },
    { "cn=G+sn=H,uid=A,ou=people,dc=x", "OU=people,dc=x", "ou=s", "cn=G+sn=H,uid=A,ou=s" },
    { "ou=people,dc=x", "ou=people,dc=x", "ou=s,dc=x", "ou=s,dc=x" },
    { "cn=a\\,b,dc=x", "dc=x", "dc=y", "cn=a\\,b,dc=y" },
    { "uid=a,dc=x", "", "dc=y", "uid=a,dc=x,dc=y" },
    { "uid=a,dc=x", "dc=x", "", "uid=a" },
    { "uid=a,dc=x", "dc=y", "dc=z", NULL },
    { "dc=x", "uid=a,dc=x", "dc=z", NULL },
};

Test(dn, move)
{
    for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++) {
        struct buf out = { 0 };
        bool good = dn_move(slice_of(moves[i].dn), slice_of(moves[i].from), slice_of(moves[i].to), &out);

        cr_expect_eq(good, moves[i].result != NULL, "row %zu", i);
        cr_expect(slice_eq(buf_slice(&out), slice_of(moves[i].result ? moves[i].result : "")), "row %zu: \"%s\"", i,
                  buf_str(&out));
        buf_free(&out);
    }
}

static const struct {
    const char *value, *dn;
} uids[] = {
    { "cn=a,dc=x", "cn=a,dc=x" },
    { "cn=a,dc=x#'0101'B", "cn=a,dc=x" },
    { "cn=a,dc=x#''B", "cn=a,dc=x" },
    { "cn=a,dc=x#'0102'B", "cn=a,dc=x#'0102'B" },
    { "cn=a,dc=x'01'B", "cn=a,dc=x'01'B" },
    { "cn=a#'01'B,dc=x", "cn=a#'01'B,dc=x" },
    { "#'1'B", "" },
    { "'B", "'B" },
    { "", "" },
};

Test(dn, without_uid)
{
    for (size_t i = 0; i < sizeof(uids) / sizeof(*uids); i++)
        cr_expect(slice_eq(dn_without_uid(slice_of(uids[i].value)), slice_of(uids[i].dn)), "row %zu", i);
}

Test(dn, keys_have_a_bound_and_stay_different)
{
    struct buf a = { 0 }, b = { 0 }, c = { 0 };
    char text[600], other[600];

    memset(text, 'x', sizeof(text));
    memcpy(text, "cn=", 3);
    memcpy(other, text, sizeof(text));
    other[599] = 'y';
    cr_assert(dn_key(slice_make(text, 600), &a) && dn_key(slice_make(other, 600), &b));
    cr_expect_eq(a.len, DN_KEY_MAX);
    cr_expect_not(slice_eq(buf_slice(&a), buf_slice(&b)));
    cr_expect(dn_key(slice_make(text, DN_KEY_MAX), &c) && c.len == DN_KEY_MAX && c.p[DN_KEY_MAX - 1] == 'x');
    cr_expect_not(dn_key(slice_of("nonsense"), &c));
    cr_expect_eq(c.len, DN_KEY_MAX);
    buf_free(&a);
    buf_free(&b);
    buf_free(&c);
}

/* A value of random bytes, written in a random one of the ways that RFC 4514 allows. */
static void write_value(const char *value, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        char c = value[i];
        bool special = strchr(" \"#+,;<>=\\", c) != NULL;

        if (rand() % 3 == 0)
            buf_printf(out, rand() % 2 ? "\\%02x" : "\\%02X", (unsigned char)c);
        else if (special)
            buf_printf(out, "\\%c", c);
        else
            buf_u8(out, (uint8_t)(rand() % 2 && c >= 'a' && c <= 'z' ? c - 0x20 : c));
    }
}

Test(dn, two_ways_to_write_a_random_dn_are_equal_and_another_dn_is_not)
{
    static const char letters[] = "abz09 ,+\"\\<>;=#.-@";
    unsigned seed = 20261124;

    srand(seed);
    for (int round = 0; round < 5000; round++) {
        struct buf a = { 0 }, b = { 0 }, c = { 0 }, na = { 0 }, nb = { 0 }, nc = { 0 };
        int rdns = 1 + rand() % 4;

        for (int r = 0; r < rdns; r++) {
            char value[12];
            size_t n = 1 + (size_t)rand() % sizeof(value);

            for (size_t i = 0; i < n; i++)
                value[i] = letters[(size_t)rand() % (sizeof(letters) - 1)];
            buf_puts(&a, r ? " , cn= " : "cn=");
            buf_puts(&b, r ? ",2.5.4.3=" : "CN = ");
            buf_puts(&c, r ? ",cn=" : "cn=x");
            write_value(value, n, &a);
            write_value(value, n, &b);
            write_value(value, n, &c);
        }
        cr_assert(dn_normalise(buf_slice(&a), &na), "seed %u: \"%s\"", seed, buf_str(&a));
        cr_assert(dn_normalise(buf_slice(&b), &nb));
        cr_assert(dn_normalise(buf_slice(&c), &nc));
        cr_assert(slice_eq(buf_slice(&na), buf_slice(&nb)), "seed %u: \"%s\" \"%s\"", seed, buf_str(&a), buf_str(&b));
        cr_assert_not(slice_eq(buf_slice(&na), buf_slice(&nc)), "seed %u: \"%s\"", seed, buf_str(&c));
        cr_assert_eq(dn_depth(buf_slice(&na)), (size_t)rdns);
        cr_assert_eq(dn_depth(buf_slice(&a)), (size_t)rdns);
        cr_assert(dn_within(buf_slice(&na), dn_parent(buf_slice(&nb))));
        buf_free(&a), buf_free(&b), buf_free(&c), buf_free(&na), buf_free(&nb), buf_free(&nc);
    }
}

Test(dn, same)
{
    cr_expect(dn_same(slice_of("UID=Ann, ou=People,dc=x"), slice_of("uid=ann,OU=people,dc=X")));
    cr_expect(dn_same(slice_of("cn=a\\2Cb"), slice_of("cn=a\\,b")));
    cr_expect_not(dn_same(slice_of("uid=ann,dc=x"), slice_of("uid=ann,dc=y")));
    cr_expect(dn_same(slice_of("no dn"), slice_of("no dn")));
    cr_expect_not(dn_same(slice_of("no dn"), slice_of("No dn")));
}
