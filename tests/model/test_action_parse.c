#include <criterion/criterion.h>
#include <stdio.h>

#include "action_parse.h"
#include "make.h"

static struct buf line, again;
static struct arena made, parsed;

static void stop(void)
{
    buf_free(&line);
    buf_free(&again);
    arena_free(&made);
    arena_free(&parsed);
}

TestSuite(action_parse, .fini = stop);

static void expect_error(const char *text)
{
    struct action a;
    struct err e = { 0 };

    cr_expect_eq(action_parse(slice_of(text), &a, &parsed, &e), -1, "%s", text);
    cr_expect_eq(e.class, ERR_DATA);
}

/* All of it, as text: what the line says is what the struct says. */
static void round_trip(const struct action *a)
{
    struct action b;
    struct err e = { 0 };

    buf_reset(&line);
    buf_reset(&again);
    action_json(a, &line);
    cr_assert_eq(action_parse(buf_slice(&line), &b, &parsed, &e), 0, "%s: %s", e.text, buf_str(&line));
    action_json(&b, &again);
    cr_assert_str_eq(buf_str(&again), buf_str(&line));
    cr_assert_eq(b.seq, a->seq);
    cr_assert_eq(b.time_ms, a->time_ms);
    cr_assert_eq(b.type, a->type);
    cr_assert_eq(b.cause, a->cause);
    cr_assert_eq(b.phase, a->phase);
    cr_assert_eq(memcmp(b.uuid, a->uuid, UUID_BYTES), 0);
    cr_assert_eq(b.n_add, a->n_add);
    cr_assert_eq(b.n_clear, a->n_clear);
    arena_reset(&parsed);
}

static struct slice random_text(void)
{
    static const char *const bits[] = { "a", "Z", " ", "\"", "\\", "\xc3\xbc", "\xe2\x82\xac", "\n", "\x01", "'", "@", "<", "\x7f" };
    struct buf b = { 0 };
    struct slice s;

    for (unsigned i = 0, n = 1 + make_random(12); i < n; i++)
        buf_puts(&b, bits[make_random(sizeof(bits) / sizeof(*bits))]);
    if (make_random(20) == 0)
        buf_u8(&b, 0);
    s = arena_copy(&made, b.p, b.len);
    buf_free(&b);
    return s;
}

static struct slice *random_texts(uint32_t *n)
{
    struct slice *out;

    *n = make_random(4);
    out = arena_alloc(&made, 4 * sizeof(*out));
    for (uint32_t i = 0; i < *n; i++)
        out[i] = random_text();
    return out;
}

Test(action_parse, gives_back_random_actions)
{
    unsigned seed = make_seed();
    uint8_t uuid[UUID_BYTES];
    field_id clear[] = { FIELD_ALIASES, FIELD_CONTACT_FIRST_NAME, FIELD_LIMIT_SERVICES };

    fprintf(stderr, "AXSYNC_TEST_SEED=%u\n", seed);
    for (int i = 0; i < 2000; i++) {
        struct object *o = make_random_object(&made);
        struct action a = {
            .seq = make_random(1000000), .time_ms = INT64_C(1795506595000) + make_random(100000000),
            .connector = slice_of("corp"), .type = (enum action_type)make_random(ACTION_TYPES), .uuid = uuid,
            .dn = random_text(), .address = random_text(), .set = o->fields, .n_set = o->n_fields,
            .set_aliases = o->aliases, .n_set_aliases = o->n_aliases, .clear = clear, .n_clear = make_random(4),
            .cause = (enum cause)make_random(CAUSES), .phase = (enum phase_word)make_random(PHASES),
        };

        for (int k = 0; k < UUID_BYTES; k++)
            uuid[k] = (uint8_t)make_random(256);
        if (make_random(2))
            a.from = random_text();
        a.add = random_texts(&a.n_add);
        a.remove = random_texts(&a.n_remove);
        round_trip(&a);
        arena_reset(&made);
    }
}

#define HEAD "{\"seq\":1,\"time\":\"2026-11-24T07:49:55.123Z\",\"connector\":\"c\","
#define UUID "\"uuid\":\"8a2f1b60-0c1d-4e5f-9a3b-112233445566\","
#define TAIL "\"address\":\"a@b\",\"cause\":\"add\",\"phase\":\"persist\"}"

Test(action_parse, skips_what_it_does_not_know)
{
    struct action a;
    struct err e = { 0 };

    cr_expect_eq(action_parse(slice_of(HEAD "\"action\":\"account.create\",\"later\":{\"x\":[1]}," UUID TAIL), &a, &parsed, &e),
                 0, "%s", e.text);
    cr_expect_eq(a.seq, 1u);
    cr_expect_eq(a.time_ms, INT64_C(1795506595123));
}

Test(action_parse, refuses_what_is_damaged)
{
    expect_error("");
    expect_error("{");
    expect_error("[]");
    expect_error("{}");
    expect_error(HEAD "\"action\":\"account.create\"," UUID "\"address\":\"a@b\",\"cause\":\"add\",\"phase\":\"pers");
    expect_error(HEAD "\"action\":\"account.explode\"," UUID TAIL);
    expect_error(HEAD "\"action\":\"account.create\",\"uuid\":\"8a2f\"," TAIL);
    expect_error(HEAD "\"action\":\"account.create\"," UUID "\"set\":[]," TAIL);
    expect_error(HEAD "\"action\":\"account.create\"," UUID "\"set\":{\"nonsense\":\"x\"}," TAIL);
    expect_error(HEAD "\"action\":\"account.create\"," UUID "\"set\":{\"account.class\":7}," TAIL);
    expect_error(HEAD "\"action\":\"account.create\"," UUID "\"clear\":[7]," TAIL);
    expect_error(HEAD "\"action\":\"account.create\"," UUID "\"add\":\"a@b\"," TAIL);
    expect_error(HEAD "\"action\":\"account.create\"," UUID "\"cause\":\"whim\",\"phase\":\"persist\"}");
    expect_error("{\"seq\":1,\"time\":\"yesterday\",\"connector\":\"c\",\"action\":\"account.create\"," UUID TAIL);
}
