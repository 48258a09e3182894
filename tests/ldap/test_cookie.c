#include <criterion/criterion.h>
#include <stdio.h>

#include "cookie.h"

#define A0 "20261123234411.970322Z#000000#000#000000"
#define B0 "20261123234412.371225Z#000000#000#000000"
#define A1 "20261123234411.970322Z#000000#001#000000"
#define B1 "20261123234412.371225Z#000000#001#000000"
#define A2 "20240101000000.015000Z#000000#002#000000"
#define AFF "20240101000000.015000Z#000000#0ff#000000"

static const char *text_of(const struct cookie *c)
{
    static struct buf b;

    buf_reset(&b);
    cookie_format(c, &b);
    return buf_str(&b);
}

static bool take(struct cookie *c, const char *received)
{
    bool malformed, changed = cookie_take(c, slice_of(received), &malformed);

    cr_assert_not(malformed, "%s", received);
    return changed;
}

static void refuse(struct cookie *c, const char *received)
{
    char before[512];
    bool malformed;

    snprintf(before, sizeof(before), "%s", text_of(c));
    cr_assert_not(cookie_take(c, slice_of(received), &malformed), "%s", received);
    cr_assert(malformed, "%s", received);
    cr_assert_str_eq(text_of(c), before);
}

Test(csn, form)
{
    static const char *const bad[] = {
        "", "x", "20261123234411.970322Z#000000#000#00000", "20261123234411.970322Z#000000#000#0000000",
        "20261123234411.970322Z#000000#00g#000000", "20261123234411.970322z#000000#000#000000",
        "20261123234411,970322Z#000000#000#000000", "2026112323441x.970322Z#000000#000#000000",
        "20261323234411.970322Z#000000#000#000000", "20260023234411.970322Z#000000#000#000000",
        "20261132234411.970322Z#000000#000#000000", "20261123244411.970322Z#000000#000#000000",
        "20261123236011.970322Z#000000#000#000000", "20261123234461.970322Z#000000#000#000000",
        "20261123234411Z#000000#00#000000", " 20261123234411.970322Z#000000#000#00000",
    };
    struct csn c;

    cr_assert(csn_parse(slice_of("20261123234411.970322Z#00000a#0fF#000B00"), &c));
    cr_assert_eq(c.sid, 0xff);
    cr_assert_str_eq(c.text, "20261123234411.970322Z#00000a#0ff#000b00", "one case, since bytes are compared");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_not(csn_parse(slice_of(bad[i]), &c), "%s", bad[i]);
    cr_assert_not(csn_parse(slice_make("20261123234411.970322Z#000000#000#0000\0" "0", 40), &c));
}

Test(csn, set_keeps_the_newest_of_each_server)
{
    struct csn_set s = { 0 }, t = { 0 };
    struct buf b = { 0 };

    cr_assert(csn_set_parse(slice_of(AFF ";" B1 ";" A0 ";" A1), &s));
    csn_set_format(&s, &b);
    cr_assert_str_eq(buf_str(&b), A0 ";" B1 ";" AFF);
    cr_assert(csn_set_parse(slice_of(A1 ";" B0), &t));
    cr_assert(csn_set_merge(&s, &t));
    cr_assert_not(csn_set_merge(&s, &t), "a second time changes nothing");
    buf_reset(&b);
    csn_set_format(&s, &b);
    cr_assert_str_eq(buf_str(&b), B0 ";" B1 ";" AFF);
    csn_set_copy(&t, &s);
    buf_reset(&b);
    csn_set_format(&t, &b);
    cr_assert_str_eq(buf_str(&b), B0 ";" B1 ";" AFF);
    csn_set_copy(&t, &t);
    cr_assert_eq(t.n, 3);
    csn_set_free(&s);
    csn_set_free(&t);
    buf_free(&b);
}

Test(csn, set_of_a_malformed_list_is_empty)
{
    static const char *const bad[] = { A0 ";", ";" A0, A0 ";;" A1, A0 "," A1, A0 " ", A0 ";x", "x" };
    struct csn_set s = { 0 };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert(csn_set_parse(slice_of(A1), &s));
        cr_assert_not(csn_set_parse(slice_of(bad[i]), &s), "%s", bad[i]);
        cr_assert_eq(s.n, 0);
    }
    cr_assert(csn_set_parse(slice_of(""), &s));
    cr_assert_eq(s.n, 0);
}

static bool behind(const char *mine, const char *other, uint16_t *sid)
{
    struct csn_set s = { 0 }, o = { 0 };
    bool is;

    cr_assert(csn_set_parse(slice_of(mine), &s));
    cr_assert(csn_set_parse(slice_of(other), &o));
    is = csn_set_behind(&s, &o, sid);
    csn_set_free(&s);
    csn_set_free(&o);
    return is;
}

Test(csn, behind)
{
    uint16_t sid = 0xFFF;

    cr_assert_not(behind("", "", &sid));
    cr_assert_not(behind(A0, "", &sid));
    cr_assert_not(behind(A0, A0, &sid));
    cr_assert_not(behind(B0 ";" A1, A0, &sid), "more and newer");
    cr_assert_eq(sid, 0xFFF);
    cr_assert(behind("", A2, &sid), "lacks a server");
    cr_assert_eq(sid, 2);
    cr_assert(behind(B0 ";" A1, A0 ";" B1 ";" AFF, &sid), "older for one, lacks another: the first is named");
    cr_assert_eq(sid, 1);
    cr_assert(behind(A0, B0, NULL));
}

Test(cookie, merges_per_server)
{
    struct cookie c = { 0 };

    cr_assert(take(&c, "rid=000,csn=" A0));
    cr_assert_eq(c.flavour, COOKIE_OPENLDAP);
    cr_assert_not(take(&c, "rid=000,csn=" A0));
    cr_assert(take(&c, "rid=000,sid=001,csn=" A2), "one of another server: FACTS, 24");
    cr_assert_str_eq(text_of(&c), "rid=000,csn=" A0 ";" A2);
    cr_assert(take(&c, "rid=000,sid=001,csn=" B0), "the sid is that of the sender, and never sent back");
    cr_assert_not(take(&c, "rid=000,csn=" A0), "an older one changes nothing");
    cr_assert_str_eq(text_of(&c), "rid=000,csn=" B0 ";" A2);
    cr_assert(take(&c, "rid=007,csn=" A0), "another rid");
    cr_assert_str_eq(text_of(&c), "rid=007,csn=" B0 ";" A2);
    cookie_free(&c);
    cr_assert_eq(c.flavour, COOKIE_NONE);
    cr_assert_str_eq(text_of(&c), "");
}

Test(cookie, without_a_csn_changes_nothing)
{
    static const char *const empty[] = { "", "rid=000", "rid=000,sid=0ab", "rid=123,delcsn=" A0 };
    struct cookie c = { 0 };

    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
        cr_assert_not(take(&c, empty[i]), "%s", empty[i]);
    cr_assert_eq(c.flavour, COOKIE_NONE);
    cr_assert(take(&c, "rid=000,csn=" A0));
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
        cr_assert_not(take(&c, empty[i]), "%s", empty[i]);
    cr_assert_str_eq(text_of(&c), "rid=000,csn=" A0);
    cookie_free(&c);
}

Test(cookie, delcsn_is_ignored)
{
    struct cookie c = { 0 };

    cr_assert(take(&c, "rid=000,csn=" A0 ",delcsn=" B0));
    cr_assert_str_eq(text_of(&c), "rid=000,csn=" A0);
    cookie_free(&c);
}

Test(cookie, malformed_changes_nothing)
{
    static const char *const bad[] = {
        "rid=", "rid=0", "rid=00", "rid=0000", "rid=0x0", "rid=000,", "rid=000,csn=", "rid=000,csn=" A0 ",", "rid=000,csn=" A0 ";",
        "rid=000,csn=garbage", "rid=000,csn=20261123234455.10077", "rid=000,sid=", "rid=000,sid=00", "rid=000,sid=0000",
        "rid=000,sid=00g,csn=" A0, "rid=000,csn=" A0 ",sid=001", "rid=000,csn=" A0 ",csn=" A1, "rid=000,delcsn=x", "rid=000;csn=" A0,
        "rid=000,csn=" A0 ",delcsn=" B0 "x", "rid=000,foo=1", "rid=000 ", "rid=-01,csn=" A0,
    };
    struct cookie none = { 0 }, some = { 0 };

    cr_assert(take(&some, "rid=000,csn=" A0));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuse(&none, bad[i]);
        refuse(&some, bad[i]);
    }
    cookie_free(&some);
}

Test(cookie, opaque_is_kept_as_it_came)
{
    static const char first[] = "ldap1.example:389#cn=reader:dc=example,dc=com:(objectClass=*)#42";
    static const char next[] = "ldap1.example:389#cn=reader:dc=example,dc=com:(objectClass=*)#43";
    struct cookie c = { 0 };

    cr_assert(take(&c, first));
    cr_assert_eq(c.flavour, COOKIE_OPAQUE);
    cr_assert_not(take(&c, first));
    cr_assert(take(&c, next));
    cr_assert_str_eq(text_of(&c), next);
    cr_assert_not(take(&c, "rid=000"), "one without a CSN doesn't replace it either");
    cr_assert(take(&c, "rid=000,csn=" A0), "another kind of server");
    cr_assert_str_eq(text_of(&c), "rid=000,csn=" A0);
    cr_assert(take(&c, first));
    cr_assert_str_eq(text_of(&c), first);
    cr_assert_eq(c.csns.n, 0);
    cookie_free(&c);
}

Test(cookie, stored_form_is_read_back)
{
    struct cookie c = { 0 }, again = { 0 };
    char stored[512];

    take(&c, "rid=042,sid=001,csn=" A0 ";" B1 ";" AFF);
    snprintf(stored, sizeof(stored), "%s", text_of(&c));
    cr_assert(take(&again, stored));
    cr_assert_str_eq(text_of(&again), stored);
    cookie_free(&c);
    cookie_free(&again);
}
