#include <criterion/criterion.h>
#include <stdlib.h>

#include "ds389.h"
#include "lookup.h"

static const uint8_t uuid[UUID_BYTES] = { 0x3e, 0x36, 0x7e, 0x9a, 0xe7, 0x98, 0x11, 0xf1, 0xa4, 0xa1, 0xf9, 0xc5, 0x1a, 0xc7, 0x30, 0x8a };
#define KEY "3e367e9a-e79811f1-a4a1f9c5-1ac7308a"

Test(ds389, the_key_is_the_uuid_in_another_form)
{
    uint8_t parsed[UUID_BYTES];
    char text[DS389_KEY_TEXT];

    cr_assert(ds389_key_parse(slice_of(KEY), parsed));
    cr_assert_arr_eq(parsed, uuid, UUID_BYTES);
    cr_assert_str_eq(ds389_key_format(uuid, text), KEY);
}

Test(ds389, what_is_no_key)
{
    static const char *const bad[] = { "", "3e367e9a-e798-11f1-a4a1-f9c51ac7308a", "3e367e9a-e79811f1-a4a1f9c5-1ac7308",
                                       "3e367e9a-e79811f1-a4a1f9c5-1ac7308g", "3e367e9a+e79811f1-a4a1f9c5-1ac7308a" };
    uint8_t parsed[UUID_BYTES];

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        cr_assert_not(ds389_key_parse(slice_of(bad[i]), parsed), "%s", bad[i]);
}

Test(ds389, a_look_up_names_the_key)
{
    struct lookup l;
    char *filter;

    lookup_init(&l, uuid, NULL, 1);
    l.ds389 = true;
    cr_assert(lookup_part(&l));
    filter = lookup_filter(&l, NULL, NULL);
    cr_assert_str_eq(filter, "(|(nsUniqueId=" KEY "))");
    free(filter);
    lookup_free(&l);
}

#define COOKIE "localhost:3900#cn=reader,dc=lab:ou=people,dc=lab:(objectClass=person)#"

Test(ds389, cookies)
{
    int64_t number;

    cr_assert(ds389_cookie_number(slice_of(COOKIE "22"), &number));
    cr_assert_eq(number, 22);
    cr_assert(ds389_cookie_number(slice_of("h:1#cn=a#b:dc=x:(cn=#)#7"), &number));
    cr_assert_eq(number, 7);
    cr_assert_not(ds389_cookie_number(slice_of(COOKIE "-1"), &number));
    cr_assert_not(ds389_cookie_number(slice_of(COOKIE), &number));
    cr_assert_not(ds389_cookie_number(slice_of(COOKIE "9999999999999999999"), &number));
    cr_assert(ds389_is_cookie(slice_of(COOKIE "-1")));
    cr_assert_not(ds389_is_cookie(slice_of("rid=000,csn=20261124074955.123456Z#000000#001#000000")));
    cr_assert_not(ds389_is_cookie(slice_of("searched")));
    cr_assert_not(ds389_is_cookie((struct slice){ NULL, 0 }));
}

/* What came after change 22 begins with 23. */
Test(ds389, a_trimmed_changelog)
{
    cr_assert_not(ds389_is_trimmed(COOKIE "22", 0));
    cr_assert_not(ds389_is_trimmed(COOKIE "22", 1));
    cr_assert_not(ds389_is_trimmed(COOKIE "22", 23));
    cr_assert(ds389_is_trimmed(COOKIE "22", 24));
    cr_assert_not(ds389_is_trimmed("searched", 24));
}

static unsigned judged(bool had_cookie, enum phase before, unsigned effect, const char *cookie)
{
    struct phase_state state = { .had_cookie = had_cookie };
    struct sync_msg m = { .effect = effect, .has_cookie = cookie != NULL, .cookie = cookie ? slice_of(cookie) : (struct slice){ NULL, 0 } };

    ds389_judge(&state, before, &m);
    return m.effect;
}

Test(ds389, what_its_messages_mean)
{
    unsigned end = EFFECT_END | EFFECT_COMPLETE | EFFECT_COOKIE;

    /* A refresh with a cookie proves no absence, and does not tell all. */
    cr_assert_eq(judged(true, PHASE_OF_REFRESH, end | EFFECT_ABSENT, COOKIE "1"), end | EFFECT_PART);
    /* One without shows all. */
    cr_assert_eq(judged(false, PHASE_OF_REFRESH, end | EFFECT_ABSENT, COOKIE "1"), end | EFFECT_ABSENT);
    cr_assert_eq(judged(true, PHASE_OF_REFRESH, EFFECT_CONTENT, NULL), EFFECT_CONTENT | EFFECT_AGAIN);
    cr_assert_eq(judged(false, PHASE_OF_REFRESH, EFFECT_CONTENT, NULL), (unsigned)EFFECT_CONTENT);
    cr_assert_eq(judged(true, PHASE_OF_PERSIST, EFFECT_CONTENT | EFFECT_COOKIE, COOKIE "2"), EFFECT_CONTENT | EFFECT_COOKIE);
    cr_assert_eq(judged(true, PHASE_OF_PERSIST, EFFECT_CONTENT | EFFECT_COOKIE, COOKIE "-1"), (unsigned)EFFECT_CONTENT);
}
