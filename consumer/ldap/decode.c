/* Everything goes through ber_skip_element(): it checks each length against what is there, hands out a view of the content, and
 * never writes. ber_scanf() is not for here: its "m" puts a NUL behind each string, into the next element's tag, or past the end. */
#include "decode.h"

#include <lber.h>
#include <stdlib.h>
#include <string.h>

#define TAG_NEWCOOKIE ((ber_tag_t)0x80)
#define TAG_REFRESH_DELETE ((ber_tag_t)0xA1)
#define TAG_REFRESH_PRESENT ((ber_tag_t)0xA2)
#define TAG_IDSET ((ber_tag_t)0xA3)

/* A UUID of a set takes its 16 bytes, a tag and at least one byte of length. */
#define UUID_ELEMENT (UUID_BYTES + 2)

#define HEX_SHOWN 64   /* bytes of a bad value that an error shows */

/* A walk over the elements of one constructed value after the other. */
struct walk {
    BerElement *ber;
};

static struct walk walk_open(void)
{
    struct walk w = { ber_alloc_t(0) };

    if (w.ber == NULL)
        abort();   /* running out of memory ends the program (mem.h) */
    return w;
}

static void walk_close(struct walk *w)
{
    ber_free(w->ber, 0);
}

/* Leaves what it walked over before: the element owns nothing. */
static void walk_into(struct walk *w, const struct berval *content)
{
    struct berval bv = *content;

    ber_init2(w->ber, &bv, 0);
}

static ber_len_t walk_left(struct walk *w)
{
    ber_len_t left = 0;

    ber_get_option(w->ber, LBER_OPT_BER_REMAINING_BYTES, &left);
    return left;
}

/* The next element if it is there, is whole and has that tag. */
static bool walk_take(struct walk *w, ber_tag_t tag, struct berval *content)
{
    struct berval peeked;

    if (walk_left(w) == 0 || ber_peek_element(w->ber, &peeked) != tag)
        return false;
    return ber_skip_element(w->ber, content) == tag;
}

static bool next_is(struct walk *w, ber_tag_t tag)
{
    struct berval peeked;

    return walk_left(w) > 0 && ber_peek_element(w->ber, &peeked) == tag;
}

/* The value as one element: its tag, LBER_DEFAULT if there is none, and its content, to walk over next. *whole: nothing is behind it. */
static ber_tag_t walk_begin(struct walk *w, struct slice value, struct berval *content, bool *whole)
{
    struct berval all = { value.len, (char *)value.p };
    ber_tag_t tag = LBER_DEFAULT;

    *w = walk_open();
    *content = (struct berval){ 0, NULL };
    walk_into(w, &all);
    if (value.len > 0)
        tag = ber_skip_element(w->ber, content);
    *whole = tag != LBER_DEFAULT && walk_left(w) == 0;
    if (tag != LBER_DEFAULT)
        walk_into(w, content);
    return tag;
}

int decode_failed(struct err *e, const char *what, const char *why, struct slice value)
{
    char hex[2 * HEX_SHOWN + 1];
    size_t shown = value.len < HEX_SHOWN ? value.len : HEX_SHOWN;

    for (size_t i = 0; i < shown; i++) {
        static const char digits[] = "0123456789abcdef";
        unsigned char c = (unsigned char)value.p[i];

        hex[2 * i] = digits[c >> 4];
        hex[2 * i + 1] = digits[c & 15];
    }
    hex[2 * shown] = '\0';
    return err_set(e, ERR_DATA, "a %s does not decode: %s; its %zu bytes: %s%s", what, why, value.len, hex,
                   shown < value.len ? "..." : "");
}

/* An absent cookie and an empty one are told apart: has_cookie. */
static void take_cookie(struct walk *w, struct sync_msg *m, struct arena *a)
{
    struct berval cookie;

    m->has_cookie = walk_take(w, LBER_OCTETSTRING, &cookie);
    m->cookie = m->has_cookie ? arena_copy(a, cookie.bv_val, cookie.bv_len) : (struct slice){ 0 };
}

/* A BOOLEAN with a default. Any byte but 0 is true (X.690; RFC 4511, section 5.1 wants 0xFF, but why lose a session). */
static bool take_flag(struct walk *w, bool otherwise, bool *flag)
{
    struct berval v;

    *flag = otherwise;
    if (!next_is(w, LBER_BOOLEAN))
        return true;
    if (!walk_take(w, LBER_BOOLEAN, &v) || v.bv_len != 1)
        return false;
    *flag = v.bv_val[0] != 0;
    return true;
}

void decode_make_request(enum sync_mode mode, struct slice cookie, bool reload_hint, struct buf *out)
{
    BerElement *ber = ber_alloc_t(LBER_USE_DER);
    struct berval text = { cookie.len, (char *)cookie.p };
    struct berval *flat = NULL;

    if (ber == NULL || ber_printf(ber, "{e", (ber_int_t)mode) < 0 ||
        (cookie.len > 0 && ber_printf(ber, "O", &text) < 0) ||
        (reload_hint && ber_printf(ber, "b", (ber_int_t)1) < 0) || ber_printf(ber, "N}") < 0 ||
        ber_flatten(ber, &flat) < 0)
        abort();   /* nothing but memory can fail here, and running out of it ends the program (mem.h) */
    buf_add(out, flat->bv_val, flat->bv_len);
    ber_bvfree(flat);
    ber_free(ber, 1);
}

/* The UUID before anything else is judged: with it a bad message costs one entry, without it the session. */
static const char *decode_state_body(struct walk *w, struct sync_msg *m, uint8_t *uuid, bool *has_uuid, struct arena *a)
{
    struct berval state, id;

    if (!walk_take(w, LBER_ENUMERATED, &state))
        return "no state";
    if (!walk_take(w, LBER_OCTETSTRING, &id))
        return "no entryUUID";
    if (id.bv_len != UUID_BYTES)
        return "an entryUUID that is not 16 bytes long";
    memcpy(uuid, id.bv_val, UUID_BYTES);
    *has_uuid = true;
    if (state.bv_len != 1 || (unsigned char)state.bv_val[0] > SYNC_STATE_DELETE)
        return "a state that is none of 0 to 3";
    m->state = (enum sync_state)state.bv_val[0];
    take_cookie(w, m, a);
    return walk_left(w) == 0 ? NULL : "something behind its end";
}

int decode_state(struct slice value, struct sync_msg *m, uint8_t *uuid, bool *has_uuid, struct arena *a, struct err *e)
{
    struct berval content;
    const char *why = NULL;
    bool whole;
    struct walk w;

    *has_uuid = false;
    m->has_cookie = false;
    m->cookie = (struct slice){ 0 };
    if (walk_begin(&w, value, &content, &whole) != LBER_SEQUENCE)
        why = "not one whole SEQUENCE";
    else
        why = decode_state_body(&w, m, uuid, has_uuid, a);
    if (why == NULL && !whole)
        why = "something behind its end";
    walk_close(&w);
    return why == NULL ? 0 : decode_failed(e, "Sync State control", why, value);
}

static const char *decode_done_body(struct walk *w, struct sync_msg *m, struct arena *a)
{
    take_cookie(w, m, a);
    if (!take_flag(w, false, &m->deletes))
        return "refreshDeletes is no BOOLEAN";
    return walk_left(w) == 0 ? NULL : "something behind its end";
}

int decode_done(struct slice value, struct sync_msg *m, struct arena *a, struct err *e)
{
    struct berval content;
    const char *why = "not one whole SEQUENCE";
    bool whole;
    struct walk w;

    if (walk_begin(&w, value, &content, &whole) == LBER_SEQUENCE && whole)
        why = decode_done_body(&w, m, a);
    m->done = why == NULL;
    walk_close(&w);
    return why == NULL ? 0 : decode_failed(e, "Sync Done control", why, value);
}

/* refreshDelete and refreshPresent. */
static const char *decode_refresh(struct walk *w, struct sync_msg *m, struct arena *a)
{
    take_cookie(w, m, a);
    if (!take_flag(w, true, &m->done))
        return "refreshDone is no BOOLEAN";
    return walk_left(w) == 0 ? NULL : "something behind its end";
}

static const char *decode_uuids(struct walk *w, const struct berval *set, struct sync_msg *m, struct arena *a)
{
    uint8_t *uuids = arena_alloc(a, set->bv_len / UUID_ELEMENT * UUID_BYTES);
    struct berval id;

    m->uuids = uuids;
    m->n_uuids = 0;
    walk_into(w, set);
    while (walk_left(w) > 0) {
        if (!walk_take(w, LBER_OCTETSTRING, &id))
            return "syncUUIDs holds something else than whole OCTET STRINGs";
        if (id.bv_len != UUID_BYTES)
            return "syncUUIDs holds one that is not 16 bytes long";
        memcpy(uuids + (size_t)m->n_uuids++ * UUID_BYTES, id.bv_val, UUID_BYTES);
    }
    return NULL;
}

static const char *decode_idset(struct walk *w, struct sync_msg *m, struct arena *a)
{
    struct berval set;

    take_cookie(w, m, a);
    if (!take_flag(w, false, &m->deletes))
        return "refreshDeletes is no BOOLEAN";
    if (!walk_take(w, LBER_SET, &set))
        return "no syncUUIDs";
    if (walk_left(w) != 0)
        return "something behind its end";
    return decode_uuids(w, &set, m, a);
}

static const char *decode_choice(ber_tag_t tag, struct walk *w, const struct berval *content, struct sync_msg *m,
                                 struct arena *a)
{
    switch (tag) {
    case TAG_NEWCOOKIE:
        m->type = SYNC_NEWCOOKIE;
        m->has_cookie = true;
        m->cookie = arena_copy(a, content->bv_val, content->bv_len);
        return NULL;
    case TAG_REFRESH_DELETE:
        m->type = SYNC_REFRESH_DELETE;
        return decode_refresh(w, m, a);
    case TAG_REFRESH_PRESENT:
        m->type = SYNC_REFRESH_PRESENT;
        return decode_refresh(w, m, a);
    case TAG_IDSET:
        m->type = SYNC_IDSET;
        return decode_idset(w, m, a);
    default:
        return "an unknown kind";
    }
}

int decode_info(struct slice value, struct sync_msg *m, struct arena *a, struct err *e)
{
    struct berval content;
    const char *why = "not one whole element";
    bool whole;
    struct walk w;
    ber_tag_t tag = walk_begin(&w, value, &content, &whole);

    if (whole)
        why = decode_choice(tag, &w, &content, m, a);
    walk_close(&w);
    return why == NULL ? 0 : decode_failed(e, "Sync Info message", why, value);
}
