#include <criterion/criterion.h>

#include "ber.h"
#include "decode.h"

#define COOKIE "rid=000,csn=20261123234411.970322Z#000000#000#000000"

static struct arena arena;

static void end(void)
{
    arena_free(&arena);
}

static void assert_cookie(const struct sync_msg *m, const char *text)
{
    cr_assert(m->has_cookie);
    cr_assert(slice_eq(m->cookie, slice_of(text)), "%.*s", SLICE_ARG(m->cookie));
}

/* ---- The request ---- */

static struct slice request(enum sync_mode mode, const char *cookie, bool hint)
{
    struct buf b = { 0 };
    struct slice s;

    decode_make_request(mode, slice_of(cookie), hint, &b);
    s = cut(buf_slice(&b), b.len);
    buf_free(&b);
    return s;
}

Test(request, forms)
{
    cr_assert(slice_eq(request(SYNC_REFRESH_ONLY, NULL, false), hex("30 03 0a0101")));
    cr_assert(slice_eq(request(SYNC_REFRESH_AND_PERSIST, "", false), hex("30 03 0a0103")));
    cr_assert(slice_eq(request(SYNC_REFRESH_AND_PERSIST, "ab", true), hex("30 0a 0a0103 04026162 0101ff")));
}

/* ---- Sync State ---- */

static int state(struct slice value, struct sync_msg *m, uint8_t *uuid, bool *has_uuid, struct err *e)
{
    *m = (struct sync_msg){ 0 };
    return decode_state(value, m, uuid, has_uuid, &arena, e);
}

Test(state, all_states, .fini = end)
{
    for (int i = 0; i <= 3; i++) {
        struct sync_msg m;
        uint8_t uuid[UUID_BYTES];
        bool has_uuid;

        cr_assert_eq(state(BER("{eo}", i, same(7, 16), (ber_len_t)16), &m, uuid, &has_uuid, NULL), 0);
        cr_assert_eq((int)m.state, i);
        cr_assert(has_uuid);
        cr_assert_arr_eq(uuid, same(7, 16), 16);
        cr_assert_not(m.has_cookie);
        cr_assert_eq(state(BER("{eos}", i, same(0, 16), (ber_len_t)16, COOKIE), &m, uuid, &has_uuid, NULL), 0);
        assert_cookie(&m, COOKIE);
        cr_assert_arr_eq(uuid, same(0, 16), 16, "zero bytes count like others");
    }
}

Test(state, empty_cookie_is_a_cookie, .fini = end)
{
    struct sync_msg m;
    uint8_t uuid[UUID_BYTES];
    bool has_uuid;

    cr_assert_eq(state(BER("{eos}", 1, same(7, 16), (ber_len_t)16, ""), &m, uuid, &has_uuid, NULL), 0);
    assert_cookie(&m, "");
}

/* What can't be decoded, and whether its UUID can. */
static void refused(struct slice value, bool with_uuid, const char *why)
{
    struct sync_msg m;
    uint8_t uuid[UUID_BYTES];
    struct err e = { 0 };
    bool has_uuid;

    cr_assert_eq(state(value, &m, uuid, &has_uuid, &e), -1, "%s", why);
    cr_assert_eq(e.class, ERR_DATA);
    cr_assert_eq(has_uuid, with_uuid, "%s: %s", why, e.text);
    if (with_uuid)
        cr_assert_arr_eq(uuid, same(7, 16), 16);
}

Test(state, malformed, .fini = end)
{
    ber_len_t n = 16;

    refused(hex(""), false, "nothing");
    refused(BER("e", 1), false, "no sequence");
    refused(BER("{}"), false, "empty sequence");
    refused(BER("{e}", 1), false, "no uuid");
    refused(BER("{o}", same(7, n), n), false, "no state");
    refused(BER("{io}", 1, same(7, n), n), false, "an integer as state");
    refused(BER("{eo}", 1, same(7, n), (ber_len_t)15), false, "a short uuid");
    refused(BER("{eo}", 1, same(7, 17), (ber_len_t)17), false, "a long uuid");
    refused(BER("{eo}", 1, same(7, n), (ber_len_t)0), false, "an empty uuid");
    refused(BER("{eo}", 4, same(7, n), n), true, "a state above 3");
    refused(BER("{eo}", -1, same(7, n), n), true, "a negative state");
    refused(BER("{eo}", 256, same(7, n), n), true, "a state of two bytes");
    refused(hex("3014 0a00 0410 07070707070707070707070707070707"), true, "a state of no bytes");
    refused(BER("{eosb}", 1, same(7, n), n, COOKIE, 1), true, "something behind the cookie");
    refused(BER("{eob}", 1, same(7, n), n, 1), true, "something else than a cookie");
    refused(BER("{eo}e", 1, same(7, n), n, 1), true, "something behind the sequence");
}

Test(state, text_has_the_bytes, .fini = end)
{
    struct sync_msg m;
    uint8_t uuid[UUID_BYTES];
    struct err e = { 0 };
    bool has_uuid;

    state(hex("3003 0a0101"), &m, uuid, &has_uuid, &e);
    cr_assert_not_null(strstr(e.text, "30030a0101"), "%s", e.text);
    state(BER("{eoo}n", 1, same(7, 16), (ber_len_t)16, same('x', 5000), (ber_len_t)5000), &m, uuid, &has_uuid, &e);
    cr_assert_lt(strlen(e.text), 300, "bounded");
}

/* No read behind the end, whatever the lengths say: the sanitizers judge. */
static void every_cut(struct slice value, void (*decode)(struct slice))
{
    for (size_t n = 0; n < value.len; n++)
        decode(cut(value, n));
    for (size_t i = 0; i < value.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct slice other = cut(value, value.len);

            ((char *)other.p)[i] ^= (char)(1u << bit);
            decode(other);
        }
}

static void try_state(struct slice value)
{
    struct sync_msg m;
    uint8_t uuid[UUID_BYTES];
    bool has_uuid;

    state(value, &m, uuid, &has_uuid, NULL);
}

Test(state, cut_and_damaged, .fini = end)
{
    struct slice whole = BER("{eos}", 1, same(7, 16), (ber_len_t)16, COOKIE);
    struct sync_msg m;
    uint8_t uuid[UUID_BYTES];
    bool has_uuid;

    for (size_t n = 0; n < whole.len; n++)
        cr_assert_eq(state(cut(whole, n), &m, uuid, &has_uuid, NULL), -1);
    every_cut(whole, try_state);
}

Test(state, huge_lengths, .fini = end)
{
    static const char *const values[] = {
        "30ff", "3084ffffffff", "3088ffffffffffffffff", "3088 8000000000000000", "308fffff", "3080 0a0101 0000", "30840a0101",
        "3016 0a0101 0484ffffffff 0707", "3016 0a0101 0488ffffffffffffffff 0707", "3016 0a84ffffffff01 0410", "ff", "1f", "1fff",
        "3016 0a0101 0480 07070707070707070707070707070707",
    };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        refused(hex(values[i]), false, values[i]);
}

/* ---- Sync Done ---- */

static int done(struct slice value, struct sync_msg *m, struct err *e)
{
    *m = (struct sync_msg){ 0 };
    return decode_done(value, m, &arena, e);
}

Test(done, forms, .fini = end)
{
    struct sync_msg m;

    cr_assert_eq(done(BER("{}"), &m, NULL), 0);
    cr_assert(m.done);
    cr_assert_not(m.has_cookie);
    cr_assert_not(m.deletes);
    cr_assert_eq(done(BER("{s}", ""), &m, NULL), 0, "pitfall 4");
    assert_cookie(&m, "");
    cr_assert_eq(done(BER("{b}", 1), &m, NULL), 0);
    cr_assert(m.deletes);
    cr_assert_eq(done(BER("{sb}", COOKIE, 0), &m, NULL), 0);
    assert_cookie(&m, COOKIE);
    cr_assert_not(m.deletes);
    cr_assert_eq(done(hex("3003 010101"), &m, NULL), 0, "true is any byte but 0");
    cr_assert(m.deletes);
}

static void try_done(struct slice value)
{
    struct sync_msg m;

    done(value, &m, NULL);
}

Test(done, malformed, .fini = end)
{
    struct sync_msg m;
    struct err e;

    cr_assert_eq(done(hex(""), &m, &e), -1);
    cr_assert_not(m.done);
    cr_assert_eq(done(BER("s", COOKIE), &m, &e), -1);
    cr_assert_eq(done(BER("{bs}", 1, COOKIE), &m, &e), -1);
    cr_assert_eq(done(BER("{sbb}", COOKIE, 1, 1), &m, &e), -1);
    cr_assert_eq(done(BER("{sb}n", COOKIE, 1), &m, &e), -1);
    cr_assert_eq(done(hex("3002 0100"), &m, &e), -1);
    cr_assert_eq(done(hex("3004 01020001"), &m, &e), -1);
    every_cut(BER("{sb}", COOKIE, 1), try_done);
}

/* ---- Sync Info ---- */

static int info(struct slice value, struct sync_msg *m, struct err *e)
{
    *m = (struct sync_msg){ 0 };
    return decode_info(value, m, &arena, e);
}

static void try_info(struct slice value)
{
    struct sync_msg m;

    info(value, &m, NULL);
}

Test(info, newcookie, .fini = end)
{
    struct sync_msg m;

    cr_assert_eq(info(BER("ts", (ber_tag_t)0x80, COOKIE), &m, NULL), 0);
    cr_assert_eq(m.type, SYNC_NEWCOOKIE);
    assert_cookie(&m, COOKIE);
    cr_assert_eq(info(hex("8000"), &m, NULL), 0);
    assert_cookie(&m, "");
    cr_assert_eq(info(BER("tss", (ber_tag_t)0x80, COOKIE, "x"), &m, NULL), -1);
    cr_assert_eq(info(BER("t{s}", (ber_tag_t)0xA0, COOKIE), &m, NULL), -1, "constructed");
}

Test(info, end_of_a_phase, .fini = end)
{
    static const struct {
        ber_tag_t tag;
        enum sync_type type;
    } kinds[] = { { 0xA1, SYNC_REFRESH_DELETE }, { 0xA2, SYNC_REFRESH_PRESENT } };

    for (size_t i = 0; i < 2; i++) {
        struct sync_msg m;

        cr_assert_eq(info(BER("t{}", kinds[i].tag), &m, NULL), 0);
        cr_assert_eq(m.type, kinds[i].type);
        cr_assert(m.done, "refreshDone is TRUE by default");
        cr_assert_not(m.has_cookie);
        cr_assert_eq(info(BER("t{s}", kinds[i].tag, COOKIE), &m, NULL), 0);
        cr_assert(m.done);
        assert_cookie(&m, COOKIE);
        cr_assert_eq(info(BER("t{b}", kinds[i].tag, 0), &m, NULL), 0);
        cr_assert_not(m.done);
        cr_assert_eq(info(BER("t{sb}", kinds[i].tag, "", 1), &m, NULL), 0);
        cr_assert(m.done);
        assert_cookie(&m, "");
        cr_assert_eq(info(BER("t{bs}", kinds[i].tag, 1, COOKIE), &m, NULL), -1);
        cr_assert_eq(info(BER("t{sbb}", kinds[i].tag, COOKIE, 1, 1), &m, NULL), -1);
        cr_assert_eq(info(BER("t{i}", kinds[i].tag, 1), &m, NULL), -1);
        cr_assert_eq(info(BER("t{}n", kinds[i].tag), &m, NULL), -1);
        every_cut(BER("t{sb}", kinds[i].tag, COOKIE, 1), try_info);
    }
}

#define IDSET ((ber_tag_t)0xA3)

Test(info, idset, .fini = end)
{
    ber_len_t n = 16;
    struct sync_msg m;

    cr_assert_eq(info(BER("t{[]}", IDSET), &m, NULL), 0, "an empty set is a set");
    cr_assert_eq(m.type, SYNC_IDSET);
    cr_assert_eq(m.n_uuids, 0);
    cr_assert_not(m.deletes, "refreshDeletes is FALSE by default");
    cr_assert_eq(info(BER("t{b[o]}", IDSET, 1, same(1, n), n), &m, NULL), 0);
    cr_assert(m.deletes);
    cr_assert_eq(m.n_uuids, 1);
    cr_assert_eq(info(BER("t{sb[ooo]}", IDSET, COOKIE, 0, same(1, n), n, same(0, n), n, same(255, n), n), &m, NULL), 0);
    assert_cookie(&m, COOKIE);
    cr_assert_not(m.deletes);
    cr_assert_eq(m.n_uuids, 3);
    cr_assert_arr_eq(m.uuids, same(1, n), 16);
    cr_assert_arr_eq(m.uuids + 16, same(0, n), 16);
    cr_assert_arr_eq(m.uuids + 32, same(255, n), 16);
}

Test(info, idset_of_256, .fini = end)
{
    struct berval one = { 16, (char *)same(9, 16) };
    struct berval *many[257] = { NULL };
    struct sync_msg m;

    for (size_t i = 0; i < 256; i++)
        many[i] = &one;
    cr_assert_eq(info(BER("t{[V]}", IDSET, many), &m, NULL), 0, "what slapd sends in a present phase");
    cr_assert_eq(m.n_uuids, 256);
    cr_assert_arr_eq(m.uuids + 255 * 16, same(9, 16), 16);
    many[77] = &(struct berval){ 15, one.bv_val };
    cr_assert_eq(info(BER("t{[V]}", IDSET, many), &m, NULL), -1);
}

Test(info, malformed_idset, .fini = end)
{
    ber_len_t n = 16;
    struct sync_msg m;

    cr_assert_eq(info(BER("t{}", IDSET), &m, NULL), -1, "no set");
    cr_assert_eq(info(BER("t{{o}}", IDSET, same(1, n), n), &m, NULL), -1, "a sequence");
    cr_assert_eq(info(BER("t{[o]}", IDSET, same(1, 17), (ber_len_t)17), &m, NULL), -1);
    cr_assert_eq(info(BER("t{[oi]}", IDSET, same(1, n), n, 1), &m, NULL), -1);
    cr_assert_eq(info(BER("t{[o]n}", IDSET, same(1, n), n), &m, NULL), -1);
    cr_assert_eq(info(BER("t{bs[o]}", IDSET, 1, COOKIE, same(1, n), n), &m, NULL), -1);
    cr_assert_eq(info(hex("a304 3102 0410"), &m, NULL), -1);
    every_cut(BER("t{sb[oo]}", IDSET, COOKIE, 1, same(1, n), n, same(2, n), n), try_info);
}

Test(info, unknown_kind, .fini = end)
{
    struct sync_msg m;
    struct err e;

    cr_assert_eq(info(hex(""), &m, &e), -1);
    cr_assert_eq(info(hex("a400"), &m, &e), -1);
    cr_assert_eq(info(hex("3000"), &m, &e), -1);
    cr_assert_eq(info(hex("81 0161"), &m, &e), -1);
    cr_assert_not_null(strstr(e.text, "810161"), "%s", e.text);
}
