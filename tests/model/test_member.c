/* Members of groups: what an entry names, and differences. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "dn.h"
#include "make.h"
#include "member.h"

static struct arena a;
static struct mapping *groups, *accounts;
static struct member_list list;

static struct mapping *table(enum object_kind kind)
{
    struct err e;
    struct mapping *m = mapping_new(kind, "cn", false, "Example.COM", NULL, NULL, NULL, 0, &e);

    cr_assert_not_null(m, "%s", e.text);
    return m;
}

static void open_tables(void)
{
    accounts = table(OBJECT_ACCOUNT);
    groups = table(OBJECT_GROUP);
}

static void close_tables(void)
{
    mapping_free(&accounts);
    mapping_free(&groups);
    arena_free(&a);
}

TestSuite(member, .init = open_tables, .fini = close_tables);

static void expect_refs(const char *const *refs, uint32_t notes)
{
    uint32_t n = 0;

    for (; refs[n]; n++)
        cr_expect(n < list.n && slice_eq(list.refs[n], slice_of(refs[n])), "reference %u: %.*s instead of %s", n,
                  n < list.n ? (int)list.refs[n].len : 0, n < list.n ? list.refs[n].p : "", refs[n]);
    cr_expect_eq(list.n, n, "%u references instead of %u", list.n, n);
    for (const struct mapping_note *note = list.notes; note; note = note->next)
        cr_expect(notes-- > 0, "one note too many: %.*s", SLICE_ARG(note->text));
    cr_expect_eq(notes, 0, "%u notes too few", notes);
}

#define EXPECT(notes, ...) expect_refs((const char *const[]){ __VA_ARGS__, NULL }, notes)

Test(member, dns_are_canonical_sorted_and_each_once)
{
    mapping_set_members(groups, "member", "");
    member_read(groups, accounts,
                make_entry(&a, "member", "uid=B,dc=x", "MEMBER", "UID = a , dc=X", "member", "uid=b, dc=x", "mail", "m@x",
                           "member", "nobody", "member", "", NULL),
                &a, &list);
    EXPECT(2, "duid=a,dc=x", "duid=b,dc=x");
}

Test(member, the_uid_of_a_unique_member_is_cut_off)
{
    mapping_set_members(groups, "uniqueMember", "");
    member_read(groups, accounts, make_entry(&a, "uniqueMember", "uid=a,dc=x#'0101'B", "uniqueMember", "#'1'B", NULL), &a,
                &list);
    EXPECT(1, "duid=a,dc=x");
}

Test(member, names_are_those_of_accounts)
{
    mapping_set_members(groups, "memberuid", NULL);
    member_read(groups, accounts, make_entry(&a, "memberUid", "Bob", "memberUid", "ann@else.org", "memberUid", "a b", NULL), &a,
                &list);
    EXPECT(1, "nann@example.com", "nbob@example.com");
}

Test(member, addresses_are_members_as_they_are_in_lower_case)
{
    mapping_set_members(groups, "member", "rfc822Mail");
    member_read(groups, accounts,
                make_entry(&a, "member", "uid=a,dc=x", "rfc822Mail", "Me@Else.ORG", "rfc822Mail", "noat", "rfc822mail",
                           "me@else.org", NULL),
                &a, &list);
    EXPECT(1, "ame@else.org", "duid=a,dc=x");
}

Test(member, nothing_is_named_where_nothing_is_asked_for)
{
    member_read(groups, accounts, make_entry(&a, "member", "uid=a,dc=x", NULL), &a, &list);
    cr_expect_eq(list.n, 0);
}

Test(member, attributes_are_asked_for)
{
    size_t n = 0, found = 0;

    mapping_set_members(groups, "uniqueMember", "rfc822Mail");
    mapping_set_members(groups, "member", "rfc822Mail");
    for (; groups->request[n]; n++)
        found += strcmp(groups->request[n], "member") == 0 || strcmp(groups->request[n], "rfc822Mail") == 0;
    cr_expect_eq(found, 2);
    cr_expect_eq(n, 7, "cn, two rows, two of members, entryCSN and modifyTimestamp: %zu", n);
}

Test(member, references_of_objects_are_those_of_entries)
{
    struct buf dn = { 0 }, name = { 0 };

    cr_expect(member_ref_of_dn(slice_of("UID=a, dc=X"), &dn));
    cr_expect(slice_eq(buf_slice(&dn), slice_of("duid=a,dc=x")));
    cr_expect_not(member_ref_of_dn(slice_of("nonsense"), &dn));
    cr_expect_eq(dn.len, strlen("duid=a,dc=x"));
    member_ref_of_name(slice_of("a@x"), &name);
    cr_expect(slice_eq(buf_slice(&name), slice_of("na@x")));
    cr_expect_eq(MEMBER_REF_MAX, DN_KEY_MAX + 1);
    buf_free(&dn);
    buf_free(&name);
}

Test(member, changes_are_summed_by_address)
{
    struct member_change c[] = { { { "b", 1 }, 1 }, { { "a", 1 }, -1 }, { { "b", 1 }, 1 },
                                 { { "c", 1 }, 1 }, { { "c", 1 }, -1 } };

    cr_assert_eq(member_sum(c, 5), 2);
    cr_expect(slice_eq(c[0].address, slice_of("a")) && c[0].by == -1);
    cr_expect(slice_eq(c[1].address, slice_of("b")) && c[1].by == 2);
    cr_expect_eq(member_sum(c, 0), 0);
}

static struct slice number(uint32_t i)
{
    char text[16];

    return arena_copy(&a, text, (size_t)snprintf(text, sizeof(text), "u%05u@x", i));
}

static struct slice *numbers(uint32_t n)
{
    struct slice *s = arena_alloc(&a, n * sizeof(*s));

    for (uint32_t i = 0; i < n; i++)
        s[i] = number(i);
    return s;
}

/* What has so many additions and removals goes as these actions: added, removed, added, removed … */
static void expect_chunks(uint32_t add, uint32_t lost, const uint32_t *expected)
{
    struct member_diff d = { numbers(add), numbers(lost), add, lost }, c;

    for (; expected[0] + expected[1] > 0; expected += 2) {
        cr_assert(member_chunk(&d, &c), "%u, %u: too few", add, lost);
        cr_expect(c.n_add == expected[0] && c.n_lost == expected[1], "%u, %u: %u and %u", add, lost, c.n_add, c.n_lost);
    }
    cr_expect_not(member_chunk(&d, &c), "%u, %u: too many", add, lost);
}

#define CHUNKS(add, lost, ...) expect_chunks(add, lost, (const uint32_t[]){ __VA_ARGS__ 0, 0 })

Test(member, an_action_has_a_thousand_at_most)
{
    CHUNKS(0, 0, );
    CHUNKS(1, 0, 1, 0, );
    CHUNKS(1, 1, 1, 1, );
    CHUNKS(1000, 0, 1000, 0, );
    CHUNKS(600, 400, 600, 400, );
    CHUNKS(1001, 0, 1000, 0, 1, 0, );
    CHUNKS(700, 700, 500, 500, 200, 200, );
    CHUNKS(10, 2500, 10, 990, 0, 1000, 0, 510, );
    CHUNKS(2500, 10, 990, 10, 1000, 0, 510, 0, );
}

/* A random set of addresses, ascending. */
static struct slice *random_set(uint32_t *n, uint32_t of)
{
    struct slice *s = arena_alloc(&a, of * sizeof(*s));

    *n = 0;
    for (uint32_t i = 0; i < of; i++)
        if (make_random(2))
            s[(*n)++] = number(i);
    return s;
}

static bool contains(const struct slice *set, uint32_t n, struct slice s)
{
    for (uint32_t i = 0; i < n; i++)
        if (slice_eq(set[i], s))
            return true;
    return false;
}

/* An action applied as a mail server would. */
static void apply(struct slice *set, uint32_t *n, const struct member_diff *chunk)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < *n; i++)
        if (!contains(chunk->lost, chunk->n_lost, set[i]))
            set[kept++] = set[i];
    for (uint32_t i = 0; i < chunk->n_add; i++)
        if (!contains(set, kept, chunk->add[i]))
            set[kept++] = chunk->add[i];
    *n = kept;
}

static bool same_set(const struct slice *x, uint32_t n_x, const struct slice *y, uint32_t n_y)
{
    for (uint32_t i = 0; i < n_x; i++)
        if (!contains(y, n_y, x[i]))
            return false;
    return n_x == n_y;
}

Test(member, random_pairs)
{
    unsigned seed = make_seed();

    for (int i = 0; i < 300; i++) {
        uint32_t n_old, n_new, of = 1 + make_random(i % 20 ? 60 : 1600), n;
        struct slice *old = random_set(&n_old, of), *wanted = random_set(&n_new, of);
        struct slice *set = arena_alloc(&a, (of + 1) * 2 * sizeof(*set));
        struct member_diff d, c;

        memcpy(set, old, (n = n_old) * sizeof(*old));
        member_diff(old, n_old, wanted, n_new, &a, &d);
        while (member_chunk(&d, &c)) {
            cr_assert_leq(c.n_add + c.n_lost, MEMBER_CHUNK);
            apply(set, &n, &c);
        }
        cr_assert(same_set(set, n, wanted, n_new), "AXSYNC_TEST_SEED=%u pair %d: apply(plan) is not what is wanted", seed, i);
        member_diff(wanted, n_new, wanted, n_new, &a, &d);
        cr_assert_eq(d.n_add + d.n_lost, 0u, "AXSYNC_TEST_SEED=%u pair %d: plan(new, new) is not empty", seed, i);
        arena_reset(&a);
    }
}
