/* Entries through a mapping: mapping_apply(), mapping_address(). */
#include <criterion/criterion.h>

#include "make.h"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static struct arena a;
static struct mapping *m;
static struct object wanted;
static struct slice reason;
static struct mapping_note *notes;

static void drop(void)
{
    arena_free(&a);
    mapping_free(&m);
}

TestSuite(apply, .fini = drop);

static void use(enum object_kind kind, bool whole, const char *domain, const struct mapping_override *overrides,
                size_t n)
{
    struct err e = { 0 };

    mapping_free(&m);
    m = mapping_new(kind, "mail", whole, domain, NULL, NULL, overrides, n, &e);
    cr_assert_not_null(m, "%s", e.text);
}

static enum mapping_result apply(const struct entry *e, const struct object *told)
{
    memset(&wanted, 0xA5, sizeof(wanted));   /* mapping_apply() has to set all that counts */
    return mapping_apply(m, e, told, &a, &wanted, &reason, &notes);
}

#define X40 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X308 X40 X40 X40 X40 X40 X40 X40 "xxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    bool whole;
    const char *domain, *value;
    const char *address;   /* NULL: none, because of… */
    const char *reason;
} addresses[] = {
    { true, "example.com", "Ann@Example.COM", "ann@example.com", NULL },
    { true, "Example.com", "Ann", "ann@example.com", NULL },
    { true, NULL, "ann@other.net", "ann@other.net", NULL },
    { true, NULL, "ann", NULL, "needs a domain" },
    { true, "", "ann", NULL, "needs a domain" },
    { true, "example.com", "  ann@x.org ", "ann@x.org", NULL },
    { false, "example.com", "Ann", "ann@example.com", NULL },
    { false, "example.com", "ann@other.net", "ann@example.com", NULL },
    { false, "example.com", "ann@", "ann@example.com", NULL },
    { false, NULL, "ann@other.net", NULL, "needs a domain" },
    { true, "example.com", "", NULL, "is empty" },
    { true, "example.com", "   ", NULL, "is empty" },
    { true, "example.com", "ann lee@x", NULL, "blanks" },
    { true, "example.com", "ann\xC2\xA0lee@x", NULL, "blanks" },
    { true, "example.com", "ann\xE2\x80\x89@x", NULL, "blanks" },
    { true, "example.com", "ann\t@x", NULL, "control" },
    { true, "example.com", "ann@x\n", NULL, "control" },
    { true, "example.com", "ann\x7F@x", NULL, "control" },
    { true, "example.com", "ann\xC2\x85@x", NULL, "control" },
    { true, "example.com", "a@b@c", NULL, "more than one" },
    { false, "example.com", "a@b@c", NULL, "more than one" },
    { true, "example.com", "@x", NULL, "before" },
    { false, "example.com", "@x", NULL, "before" },
    { true, "example.com", "ann@", NULL, "after" },
    { true, "example.com", "\xFF@x", NULL, "UTF-8" },
    { true, "example.com", "\xED\xA0\x80@x", NULL, "UTF-8" },
    { true, "example.com", "J\xC3\x96RG@x", "j\xC3\x96rg@x", NULL },   /* only ASCII is lower-cased */
    { true, "example.com", X308 "@example.com", X308 "@example.com", NULL },
    { true, "example.com", X308 "x@example.com", NULL, "320" },
};

Test(apply, addresses)
{
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct slice address = { "", 0 };
        const char *why = NULL;
        bool usable;

        use(OBJECT_ACCOUNT, addresses[i].whole, addresses[i].domain, NULL, 0);
        usable = mapping_address(m, slice_of(addresses[i].value), &a, &address, &why);
        cr_expect_eq(usable, addresses[i].address != NULL, "row %zu: %s", i, addresses[i].value);
        if (usable)
            cr_expect(slice_eq(address, slice_of(addresses[i].address)), "row %zu: %.*s", i, SLICE_ARG(address));
        else
            cr_expect_not_null(strstr(why, addresses[i].reason), "row %zu: %s", i, why);
    }
}

Test(apply, parking_address)
{
    uint8_t uuid[UUID_BYTES];

    cr_assert(uuid_parse(slice_of("8a2f1b60-0c1d-4e5f-9a3b-112233445566"), uuid));
    cr_expect(slice_eq(mapping_parking_address(uuid, slice_of("ann@example.com"), &a),
                       slice_of("axsync-8a2f1b60-0c1d-4e5f-9a3b-112233445566@example.com")));
}

Test(apply, of_several_addresses_the_mirrored_one_stays)
{
    struct entry *e = make_entry(&a, "mail", "C@x.org", "mail", "b@x.org", "mail", "not one", NULL);

    use(OBJECT_ACCOUNT, true, NULL, NULL, 0);
    cr_assert_eq(apply(e, NULL), MAPPED);
    cr_expect(slice_eq(wanted.address, slice_of("b@x.org")), "the smallest");
    cr_assert_eq(apply(e, make_object(&a, "c@x.org", FIELD_NONE, NULL)), MAPPED);
    cr_expect(slice_eq(wanted.address, slice_of("c@x.org")), "that which is mirrored");
    cr_assert_eq(apply(e, make_object(&a, "d@x.org", FIELD_NONE, NULL)), MAPPED);
    cr_expect(slice_eq(wanted.address, slice_of("b@x.org")), "the smallest, since that is gone");
}

Test(apply, an_entry_without_a_usable_address_is_invalid)
{
    use(OBJECT_ACCOUNT, true, NULL, NULL, 0);
    cr_expect_eq(apply(make_entry(&a, "sn", "x", NULL), NULL), MAPPED_INVALID);
    cr_expect(slice_eq(reason, slice_of("it has no mail")));
    cr_expect_eq(apply(make_entry(&a, "mail;lang-de", "a@x", NULL), NULL), MAPPED_INVALID);
    cr_expect_eq(apply(make_entry(&a, "mail", "a b@x", "mail", "@", NULL), NULL), MAPPED_INVALID);
    cr_expect(slice_eq(reason, slice_of("its mail \"a b@x\" has blanks inside")), "%.*s", SLICE_ARG(reason));
    cr_expect_null(notes);
    cr_expect_eq(wanted.n_fields + wanted.n_aliases, 0);
}

Test(apply, a_long_value_is_cut_in_a_reason)
{
    use(OBJECT_ACCOUNT, true, NULL, NULL, 0);
    cr_expect_eq(apply(make_entry(&a, "mail", X308 X308 " ", NULL), NULL), MAPPED_INVALID);
    cr_expect_lt(reason.len, 160);
}

static const struct {
    const char *attribute, *value;
    field_id field;
    const char *expected;   /* NULL: absent */
} values[] = {
    { "givenName", "Ann", FIELD_CONTACT_FIRST_NAME, "Ann" },
    { "GIVENNAME", " Ann ", FIELD_CONTACT_FIRST_NAME, "Ann" },
    { "givenName", "", FIELD_CONTACT_FIRST_NAME, NULL },
    { "givenName", "  ", FIELD_CONTACT_FIRST_NAME, NULL },
    { "givenName", "\n\t", FIELD_CONTACT_FIRST_NAME, NULL },
    { "givenName", "\xC2\xA0", FIELD_CONTACT_FIRST_NAME, NULL },
    { "givenName", "A\r\n\tB", FIELD_CONTACT_FIRST_NAME, "A B" },
    { "givenName", "\x1B" "A\x7F\xC2\x85" "B\x01", FIELD_CONTACT_FIRST_NAME, "A B" },
    { "givenName", "A\xE2\x80\xA8\xE2\x80\xA9\n" "B\xE2\x80\xA7" "C\xE2\x80\xAA", FIELD_CONTACT_FIRST_NAME, "A B\xE2\x80\xA7" "C\xE2\x80\xAA" },
    { "givenName", "J\xC3\xB6rg", FIELD_CONTACT_FIRST_NAME, "J\xC3\xB6rg" },
    { "givenName;lang-de", "Ann", FIELD_CONTACT_FIRST_NAME, NULL },
    { "title", "$5 \\24", FIELD_CONTACT_POSITION, "$5 \\24" },
    { "postalAddress", "1 Main St$Springfield$US", FIELD_CONTACT_BUSINESS_ADDRESS, "1 Main St, Springfield, US" },
    { "postalAddress", "\\241,000,000 Sweepstakes$PO Box 1$x", FIELD_CONTACT_BUSINESS_ADDRESS,
      "$1,000,000 Sweepstakes, PO Box 1, x" },
    { "homePostalAddress", "a\\5Cb\\5cc\\2", FIELD_CONTACT_HOME_ADDRESS, "a\\b\\c\\2" },
    { "homePostalAddress", "\\5C24", FIELD_CONTACT_HOME_ADDRESS, "\\24" },   /* decoded once */
    { "postalAddress", "a\nb$c", FIELD_CONTACT_BUSINESS_ADDRESS, "a b, c" },
    { "labeledURI", "https://x.org/~a My page", FIELD_CONTACT_WEBSITE, "https://x.org/~a" },
    { "labeledURI", "https://x.org/", FIELD_CONTACT_WEBSITE, "https://x.org/" },
    { "labeledURI", " https://x.org/  x", FIELD_CONTACT_WEBSITE, "https://x.org/" },
    { "labeledURI", "  ", FIELD_CONTACT_WEBSITE, NULL },
    { "axsyncQuotaKB", "1024", FIELD_QUOTA_TOTAL_MESSAGE_SIZE, "1024" },
};

Test(apply, values)
{
    use(OBJECT_ACCOUNT, true, NULL, NULL, 0);
    for (size_t i = 0; i < COUNT(values); i++) {
        struct slice value;

        cr_assert_eq(apply(make_entry(&a, "mail", "a@x", values[i].attribute, values[i].value, NULL), NULL), MAPPED);
        value = object_field(&wanted, values[i].field);
        cr_expect(slice_eq(value, slice_of(values[i].expected ? values[i].expected : "")), "row %zu: \"%.*s\"", i,
                  SLICE_ARG(value));
        cr_expect_eq(wanted.n_fields, values[i].expected ? 1 : 0, "row %zu", i);
        cr_expect_null(notes);
    }
}

Test(apply, the_smallest_of_several_values)
{
    use(OBJECT_ACCOUNT, true, NULL, NULL, 0);
    apply(make_entry(&a, "mail", "a@x", "sn", "b", "sn", "\na", "sn", " ", "sn", "c", NULL), NULL);
    cr_expect(slice_eq(object_field(&wanted, FIELD_CONTACT_LAST_NAME), slice_of("a")));
}

Test(apply, invalid_utf8_leaves_that_field_as_it_was)
{
    use(OBJECT_ACCOUNT, true, NULL, NULL, 0);
    cr_assert_eq(apply(make_entry(&a, "mail", "a@x", "sn", "\xC3", "sn", "Lee", "title", "Dr", NULL), NULL), MAPPED);
    cr_assert_not_null(notes);
    cr_expect_eq(notes->field, FIELD_CONTACT_LAST_NAME);
    cr_expect(notes->keep);
    cr_expect(slice_eq(notes->text, slice_of("contactInfo.lastName: sn is not valid UTF-8; left as it was")));
    cr_expect_null(notes->next);
    cr_expect_eq(wanted.n_fields, 1);
}

Test(apply, of_two_rows_for_a_field_the_first_with_a_value_counts)
{
    struct mapping_override overrides[] = {
        { "displayName", "contactInfo.nickName", OBJECT_ACCOUNT },
        { "cn", "contactInfo.nickName", OBJECT_ACCOUNT },
    };

    use(OBJECT_ACCOUNT, true, NULL, overrides, COUNT(overrides));
    apply(make_entry(&a, "mail", "a@x", "cn", "second", "displayName", "first", NULL), NULL);
    cr_expect(slice_eq(object_field(&wanted, FIELD_CONTACT_NICK_NAME), slice_of("first")));
    apply(make_entry(&a, "mail", "a@x", "cn", "second", "displayName", " ", NULL), NULL);
    cr_expect(slice_eq(object_field(&wanted, FIELD_CONTACT_NICK_NAME), slice_of("second")));
    apply(make_entry(&a, "mail", "a@x", "cn", "second", "displayName", "\xFF", NULL), NULL);
    cr_expect_eq(object_field(&wanted, FIELD_CONTACT_NICK_NAME).len, 0);
    cr_expect(notes && notes->keep);
}

Test(apply, aliases)
{
    struct entry *e = make_entry(&a, "mail", "Ann@x.org", "axsyncAlias", "Zoe", "axsyncAlias", "b@X.org", "axsyncAlias",
                                 "B", "axsyncAlias", "ann", "axsyncAlias", "c@other.net", "axsyncAlias", "d e",
                                 "axsyncAlias", " ", NULL);

    use(OBJECT_ACCOUNT, true, "example.com", NULL, 0);
    cr_assert_eq(apply(e, NULL), MAPPED);
    cr_assert_eq(wanted.n_aliases, 2);
    cr_expect(slice_eq(wanted.aliases[0], slice_of("b@x.org")));
    cr_expect(slice_eq(wanted.aliases[1], slice_of("zoe@x.org")));
    cr_assert(notes && notes->next && !notes->next->next);
    cr_expect_eq(notes->field, FIELD_ALIASES);
    cr_expect_not(notes->keep || notes->next->keep);
    cr_expect(slice_eq(notes->text, slice_of("aliases: axsyncAlias \"d e\" has blanks inside; left out")));
    cr_expect(slice_eq(notes->next->text,
                       slice_of("aliases: axsyncAlias \"c@other.net\" is not in the account's own domain; left out")));
}

Test(apply, an_alias_that_is_not_utf8_leaves_them_all_as_they_were)
{
    use(OBJECT_ACCOUNT, true, NULL, NULL, 0);
    apply(make_entry(&a, "mail", "a@x", "axsyncAlias", "\xFF", "axsyncAlias", "b", NULL), NULL);
    cr_assert_not_null(notes);
    cr_expect_eq(notes->field, FIELD_ALIASES);
    cr_expect(notes->keep);
}

Test(apply, aliases_of_all_rows)
{
    struct mapping_override overrides[] = {
        { "mailAlternateAddress", "aliases", OBJECT_ACCOUNT },
        { "uid", "aliases", OBJECT_ACCOUNT },
    };

    use(OBJECT_ACCOUNT, true, NULL, overrides, COUNT(overrides));
    apply(make_entry(&a, "mail", "a@x", "uid", "c", "mailAlternateAddress", "b@x", "uid", "b", "axsyncAlias", "d",
                     NULL), NULL);
    cr_assert_eq(wanted.n_aliases, 2);
    cr_expect(slice_eq(wanted.aliases[0], slice_of("b@x")));
    cr_expect(slice_eq(wanted.aliases[1], slice_of("c@x")));
}

Test(apply, clustered_setup)
{
    struct err e = { 0 };

    m = mapping_new(OBJECT_ACCOUNT, "mail", true, NULL, "mailHost", "mx1.example.com", NULL, 0, &e);
    cr_expect_eq(apply(make_entry(&a, "mail", "a@x", "mailhost", "MX1.Example.com", NULL), NULL), MAPPED);
    cr_expect_eq(apply(make_entry(&a, "mail", "a@x", "mailHost", "mx2", "mailHost", "mx1.example.com", NULL), NULL),
                 MAPPED);
    cr_expect_eq(apply(make_entry(&a, "mail", "a@x", "sn", "Lee", "mailHost", "mx2", NULL), NULL), MAPPED_ELSEWHERE);
    cr_expect_eq(wanted.n_fields, 0);
    cr_expect(slice_eq(wanted.dn, slice_of("uid=x,dc=example,dc=com")));
    cr_expect_eq(apply(make_entry(&a, "mail", "bad one", "mailHost", "mx2", NULL), NULL), MAPPED_ELSEWHERE);
    cr_expect_eq(apply(make_entry(&a, "mail", "a@x", NULL), NULL), MAPPED_INVALID);
    cr_expect_not_null(strstr(reason.p, "host can't be read"));
    cr_expect_eq(apply(make_entry(&a, "mail", "a@x", "mailHost", " ", NULL), NULL), MAPPED_INVALID);
    cr_expect_eq(apply(make_entry(&a, "mail", "a@x", "mailHost", "\xFF", NULL), NULL), MAPPED_INVALID);
}

Test(apply, what_belongs_to_every_object)
{
    struct entry *e = make_entry(&a, "mail", "g@x", "axsyncReceiveFrom", "members", "sn", "no account's", "entryCSN",
                                 "20261124074955.000001Z#000000#001#000000", NULL);

    use(OBJECT_GROUP, true, NULL, NULL, 0);
    cr_assert_eq(apply(e, NULL), MAPPED);
    cr_expect_eq(wanted.kind, OBJECT_GROUP);
    cr_expect_eq(wanted.state, OBJECT_MIRRORED);
    cr_expect_arr_eq(wanted.uuid, e->uuid, UUID_BYTES);
    cr_expect(slice_eq(wanted.dn, e->dn));
    cr_expect(slice_eq(wanted.stamp, slice_of("20261124074955.000001Z#000000#001#000000")));
    cr_expect_eq(wanted.n_fields, 1);
    cr_expect(slice_eq(object_field(&wanted, FIELD_GROUP_RECEIVE_EMAIL_FROM), slice_of("members")));
}

Test(apply, a_mapping_taken_out_clears_nothing)
{
    struct mapping_override off[] = { { "title", "", OBJECT_ACCOUNT }, { "axsyncAlias", "", OBJECT_ACCOUNT } };
    struct object *told = make_object(&a, "a@x", FIELD_CONTACT_POSITION, "Dr", FIELD_CONTACT_LAST_NAME, "Lee",
                                      FIELD_NONE, "b@x", "c@x", NULL);
    struct entry *e = make_entry(&a, "mail", "b@x", "title", "Prof", NULL);

    use(OBJECT_ACCOUNT, true, NULL, off, COUNT(off));
    cr_assert_eq(apply(e, told), MAPPED);
    cr_expect_eq(wanted.n_fields, 1);
    cr_expect(slice_eq(object_field(&wanted, FIELD_CONTACT_POSITION), slice_of("Dr")));
    cr_assert_eq(wanted.n_aliases, 1, "one of them is the address now");
    cr_expect(slice_eq(wanted.aliases[0], slice_of("c@x")));
    told->state = OBJECT_GONE;
    cr_assert_eq(apply(e, told), MAPPED);
    cr_expect(slice_eq(object_field(&wanted, FIELD_CONTACT_POSITION), slice_of("Dr")), "nor does a return");
    cr_expect_eq(wanted.n_aliases, 1);
    cr_expect_eq(wanted.state, OBJECT_MIRRORED);
}
