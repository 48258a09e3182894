#include <criterion/criterion.h>
#include <stdlib.h>

#include "ber.h"
#include "clock.h"
#include "lookup.h"
#include "probe.h"

/* n UUIDs whose first two bytes count down. */
static uint8_t *many(size_t n)
{
    uint8_t *uuids = (uint8_t *)same(0, n * UUID_BYTES);

    for (size_t i = 0; i < n; i++) {
        uuids[i * UUID_BYTES] = (uint8_t)((n - i) >> 8);
        uuids[i * UUID_BYTES + 1] = (uint8_t)(n - i);
    }
    return uuids;
}

Test(lookup, parts_of_a_few)
{
    struct lookup l;
    size_t parts = 0, answered = 0;
    const struct lookup_item *item;

    lookup_init(&l, many(150), NULL, 150);
    while (lookup_part(&l)) {
        cr_assert_leq(l.to - l.from, LOOKUP_AT_ONCE);
        cr_assert_not(l.by_list);
        for (; (item = lookup_next_open(&l)) != NULL; answered++)
            cr_assert_eq(item->uuid[0] << 8 | item->uuid[1], (int)answered + 1, "ascending");
        cr_assert(lookup_is_answered(&l));
        parts++;
    }
    cr_assert_eq(parts, 3);
    cr_assert_eq(answered, 150);
    lookup_free(&l);
}

Test(lookup, many_are_one_part_by_list)
{
    struct lookup l;
    char *filter;

    lookup_init(&l, many(PROBE_LIST_FROM + 1), NULL, PROBE_LIST_FROM + 1);
    cr_assert(lookup_part(&l));
    cr_assert_eq(l.to - l.from, PROBE_LIST_FROM + 1);
    filter = lookup_filter(&l, "(a=b)", NULL);
    cr_assert_str_eq(filter, "(a=b)");
    free(filter);
    filter = lookup_filter(&l, NULL, many(1));
    cr_assert_str_eq(filter, "(objectClass=*)");
    free(filter);
    cr_assert_not(lookup_part(&l));
    lookup_free(&l);
}

Test(lookup, a_slow_server_is_listed)
{
    struct lookup l;

    clock_set_mono_ms(1000);
    lookup_init(&l, many(300), NULL, 300);
    cr_assert(lookup_part(&l));
    clock_set_mono_ms(1000 + LOOKUP_SLOW_MS + 1);
    cr_assert(lookup_part(&l));
    cr_assert(l.by_list);
    cr_assert_eq(l.to - l.from, 300 - LOOKUP_AT_ONCE);
    cr_assert_not(lookup_part(&l));
    lookup_free(&l);
    clock_set_mono_ms(-1);
}

Test(lookup, one_answer_each)
{
    uint8_t twice[3 * UUID_BYTES];
    struct lookup l;

    memcpy(twice, same(2, 16), 16);
    memcpy(twice + 16, same(1, 16), 16);
    memcpy(twice + 32, same(2, 16), 16);
    lookup_init(&l, twice, NULL, 3);
    cr_assert_eq(l.n, 2, "each once");
    cr_assert_not(lookup_answer(&l, twice), "no part is under way yet");
    cr_assert(lookup_part(&l));
    cr_assert(lookup_answer(&l, twice));
    cr_assert_not(lookup_answer(&l, twice));
    cr_assert_not(lookup_answer(&l, (const uint8_t *)same(3, 16)));
    cr_assert_arr_eq(lookup_next_open(&l)->uuid, same(1, 16), 16);
    cr_assert_null(lookup_next_open(&l));
    lookup_free(&l);
}

Test(lookup, keeps_where_each_was_known_to_be)
{
    const struct slice dns[] = { slice_of("cn=b"), slice_of("cn=a"), { NULL, 0 } };
    uint8_t uuids[3 * UUID_BYTES];
    struct lookup l;

    memcpy(uuids, same(2, 16), 16);
    memcpy(uuids + 16, same(1, 16), 16);
    memcpy(uuids + 32, same(3, 16), 16);
    lookup_init(&l, uuids, dns, 3);
    cr_assert(lookup_part(&l));
    cr_assert(slice_eq(lookup_next_open(&l)->dn, dns[1]));
    cr_assert(slice_eq(lookup_next_open(&l)->dn, dns[0]));
    cr_assert_eq(lookup_next_open(&l)->dn.len, 0);
    lookup_free(&l);
}

Test(lookup, all_that_is_open_after_a_failure)
{
    struct lookup l;
    size_t n = 0;

    lookup_init(&l, many(100), NULL, 100);
    cr_assert(lookup_part(&l));
    cr_assert(lookup_answer(&l, many(100) + 99 * UUID_BYTES));
    lookup_all(&l);
    while (lookup_next_open(&l))
        n++;
    cr_assert_eq(n, 99);
    lookup_free(&l);
    lookup_init(&l, NULL, NULL, 0);
    lookup_all(&l);
    cr_assert_null(lookup_next_open(&l));
    cr_assert_not(lookup_part(&l));
    cr_assert(lookup_is_answered(&l));
    lookup_free(&l);
}

Test(lookup, filters)
{
    struct lookup l;
    char *filter;

    lookup_init(&l, (const uint8_t *)same(0xAB, 16), NULL, 1);
    lookup_part(&l);
    filter = lookup_filter(&l, "(objectClass=person)", NULL);
    cr_assert_str_eq(filter, "(&(objectClass=person)(|(entryUUID=abababab-abab-abab-abab-abababababab)))");
    free(filter);
    filter = lookup_filter(&l, "cn=x", NULL);
    cr_assert_str_eq(filter, "(&(cn=x)(|(entryUUID=abababab-abab-abab-abab-abababababab)))");
    free(filter);
    filter = lookup_filter(&l, NULL, (const uint8_t *)same(1, 16));
    cr_assert_str_eq(filter, "(|(entryUUID=01010101-0101-0101-0101-010101010101)(entryUUID=abababab-abab-abab-abab-abababababab))");
    free(filter);
    lookup_free(&l);
}

Test(lookup, attributes)
{
    char *some[] = { (char *)"mail", NULL }, *with[] = { (char *)"ENTRYUUID", (char *)"mail", NULL };
    char **attrs = lookup_attrs(some);

    cr_assert_str_eq(attrs[0], "mail");
    cr_assert_str_eq(attrs[1], "entryUUID");
    cr_assert_str_eq(attrs[2], "nsUniqueId");
    cr_assert_null(attrs[3]);
    free(attrs);
    attrs = lookup_attrs(with);
    cr_assert_str_eq(attrs[1], "mail");
    cr_assert_str_eq(attrs[2], "nsUniqueId");
    cr_assert_null(attrs[3]);
    free(attrs);
    attrs = lookup_attrs(NULL);
    cr_assert_str_eq(attrs[0], "*");
    free(attrs);
}
