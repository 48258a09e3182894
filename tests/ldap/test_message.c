#include <criterion/criterion.h>

#include "ber.h"
#include "decode.h"
#include "message.h"

#define LEN(n) ((ber_len_t)(n))
#define ONES same(1, 16), LEN(16)

static struct arena arena;

static void end(void)
{
    arena_free(&arena);
}

/* A control list around one value. */
static struct slice control(const char *oid, struct slice value)
{
    return BER("t{{sO}}", (ber_tag_t)0xA0, oid, value_of(value));
}

static struct slice state(int what)
{
    return control(SYNC_STATE_OID, BER("{eo}", what, ONES));
}

static struct slice person(void)
{
    return BER("s{{s[s]}{s[sos]}{s[]}}", "uid=a,dc=x", "uid", "a", "mail", "a@x", "b\0c", LEN(3), "", "empty");
}

static int sync_of(unsigned char op, struct slice body, struct slice controls, struct sync_msg *m, struct err *e)
{
    struct message msg = { op, body, controls };

    *m = (struct sync_msg){ 0 };
    return message_sync(&msg, m, &arena, e);
}

Test(message, entry, .fini = end)
{
    struct sync_msg m;
    struct err e = { 0 };
    const struct entry_attr *mail;

    cr_assert_eq(sync_of(MESSAGE_ENTRY, person(), state(1), &m, &e), 0, "%s", e.text);
    cr_assert_eq(m.type, SYNC_ENTRY);
    cr_assert_eq(m.state, SYNC_STATE_ADD);
    cr_assert_arr_eq(m.entry->uuid, same(1, 16), 16);
    cr_assert_str_eq(m.entry->dn.p, "uid=a,dc=x", "with a NUL behind it");
    cr_assert_eq(m.entry->n_attrs, 3);
    mail = entry_attr(m.entry, "MAIL");
    cr_assert_not_null(mail);
    cr_assert_str_eq(mail->name.p, "mail");
    cr_assert_eq(mail->n_values, 3);
    cr_assert_str_eq(mail->values[0].p, "a@x");
    cr_assert(slice_eq(mail->values[1], slice_make("b\0c", 3)));
    cr_assert_eq(mail->values[1].p[3], '\0');
    cr_assert_eq(mail->values[2].len, 0);
    cr_assert_str_eq(mail->values[2].p, "");
    cr_assert_eq(m.entry->attrs[2].n_values, 0);
}

Test(message, entry_without_attributes, .fini = end)
{
    struct sync_msg m;

    cr_assert_eq(sync_of(MESSAGE_ENTRY, BER("s{}", "uid=a,dc=x"), state(3), &m, NULL), 0);
    cr_assert_eq(m.type, SYNC_ENTRY);
    cr_assert_eq(m.state, SYNC_STATE_DELETE);
    cr_assert_eq(m.entry->n_attrs, 0);
    cr_assert_eq(sync_of(MESSAGE_ENTRY, BER("s{}", ""), state(3), &m, NULL), 0, "RFC 4533, section 3.6");
    cr_assert_eq(m.type, SYNC_ENTRY);
    cr_assert_eq(sync_of(MESSAGE_ENTRY, hex(""), state(0), &m, NULL), 0, "of a present entry the UUID alone counts");
    cr_assert_eq(m.type, SYNC_ENTRY);
}

Test(message, other_controls_do_not_matter, .fini = end)
{
    struct slice controls = BER("t{{sb}{sbO}{sO}}", (ber_tag_t)0xA0, "1.2.3", 1, "1.2.4", 0, value_of(hex("ff")), SYNC_STATE_OID,
                                value_of(BER("{eo}", 2, ONES)));
    struct sync_msg m;

    cr_assert_eq(sync_of(MESSAGE_ENTRY, person(), controls, &m, NULL), 0);
    cr_assert_eq(m.state, SYNC_STATE_MODIFY);
}

static void session_lost(unsigned char op, struct slice body, struct slice controls, const char *words)
{
    struct sync_msg m;
    struct err e = { 0 };

    cr_assert_eq(sync_of(op, body, controls, &m, &e), -1, "%s", words);
    cr_assert_eq(e.class, ERR_DATA);
    cr_assert_not_null(strstr(e.text, words), "%s", e.text);
}

Test(message, entry_whose_uuid_does_not_decode, .fini = end)
{
    struct slice none = hex("");

    session_lost(MESSAGE_ENTRY, person(), none, "no Sync State control");
    session_lost(MESSAGE_ENTRY, person(), BER("t{}", (ber_tag_t)0xA0), "no Sync State control");
    session_lost(MESSAGE_ENTRY, person(), control(SYNC_DONE_OID, BER("{}")), "no Sync State control");
    session_lost(MESSAGE_ENTRY, person(), control(SYNC_STATE_OID, none), "uid=a,dc=x");
    session_lost(MESSAGE_ENTRY, person(), control(SYNC_STATE_OID, BER("{eo}", 1, same(1, 15), LEN(15))), "not 16 bytes");
    session_lost(MESSAGE_ENTRY, person(), BER("t{{s}}n", (ber_tag_t)0xA0, "1.2.3"), "controls are malformed");
    session_lost(MESSAGE_ENTRY, person(), BER("t{{}}", (ber_tag_t)0xA0), "controls are malformed");
    session_lost(MESSAGE_ENTRY, person(), BER("t{{sOn}}", (ber_tag_t)0xA0, "1.2.3", value_of(hex("00"))), "controls are malformed");
    session_lost(MESSAGE_ENTRY, person(), BER("{{s}}", "1.2.3"), "controls are malformed");
    session_lost(MESSAGE_ENTRY, person(), hex("a0 84ffffffff 30"), "controls are malformed");
}

static void invalid(struct slice body, struct slice controls, const char *words, const char *dn)
{
    struct sync_msg m;
    struct err e = { 0 };

    cr_assert_eq(sync_of(MESSAGE_ENTRY, body, controls, &m, &e), 0, "%s: %s", words, e.text);
    cr_assert_eq(m.type, SYNC_INVALID, "%s", words);
    cr_assert_arr_eq(m.entry->uuid, same(1, 16), 16);
    cr_assert_not_null(strstr(m.text.p, words), "%s", m.text.p);
    cr_assert(slice_eq(m.entry->dn, slice_of(dn)), "%.*s", SLICE_ARG(m.entry->dn));
}

Test(message, entry_whose_uuid_decodes, .fini = end)
{
    invalid(hex(""), state(1), "no DN", NULL);
    invalid(BER("{}"), state(1), "no DN", NULL);
    invalid(BER("s{}", ""), state(1), "DN is empty", "");
    invalid(BER("s", "uid=a"), state(1), "attributes are malformed", "uid=a");
    invalid(BER("s{}n", "uid=a"), state(2), "attributes are malformed", "uid=a");
    invalid(BER("s{{s}}", "uid=a", "cn"), state(2), "attributes are malformed", "uid=a");
    invalid(BER("s{{s[i]}}", "uid=a", "cn", 1), state(2), "attributes are malformed", "uid=a");
    invalid(BER("s{{s[s]n}}", "uid=a", "cn", "x"), state(2), "attributes are malformed", "uid=a");
    invalid(BER("s{{s[s]}}", "uid=a", "", "x"), state(2), "attributes are malformed", "uid=a");
    invalid(BER("s{{s{s}}}", "uid=a", "cn", "x"), state(2), "attributes are malformed", "uid=a");
    invalid(person(), control(SYNC_STATE_OID, BER("{eo}", 9, ONES)), "none of 0 to 3", "uid=a,dc=x");
    invalid(person(), control(SYNC_STATE_OID, BER("{eosn}", 1, ONES, "x")), "something behind its end", "uid=a,dc=x");
}

Test(message, result, .fini = end)
{
    struct sync_msg m;

    cr_assert_eq(sync_of(MESSAGE_RESULT, BER("ess", 0, "", ""), control(SYNC_DONE_OID, BER("{sb}", "rid=000", 1)), &m, NULL), 0);
    cr_assert_eq(m.type, SYNC_DONE);
    cr_assert_eq(m.rc, 0);
    cr_assert(m.done && m.deletes && m.has_cookie);
    cr_assert_eq(sync_of(MESSAGE_RESULT, BER("esst{s}", 4096, "dc=x", "sync cookie is stale", (ber_tag_t)0xA3, "ldap://y"), hex(""), &m,
                         NULL), 0, "with a referral");
    cr_assert_eq(m.rc, 4096);
    cr_assert_str_eq(m.text.p, "sync cookie is stale");
    cr_assert_not(m.done);
    cr_assert_eq(sync_of(MESSAGE_RESULT, BER("ess", 16640, "", ""), hex(""), &m, NULL), 0);
    cr_assert_eq(m.rc, 0x4100);
}

Test(message, malformed_result, .fini = end)
{
    struct slice none = hex("");

    session_lost(MESSAGE_RESULT, none, none, "no LDAPResult");
    session_lost(MESSAGE_RESULT, BER("iss", 0, "", ""), none, "no LDAPResult");
    session_lost(MESSAGE_RESULT, BER("es", 0, ""), none, "no LDAPResult");
    session_lost(MESSAGE_RESULT, hex("0a00 0400 0400"), none, "no LDAPResult");
    session_lost(MESSAGE_RESULT, hex("0a05 0000000000 0400 0400"), none, "no LDAPResult");
    session_lost(MESSAGE_RESULT, BER("ess", -1, "", ""), none, "negative");
    session_lost(MESSAGE_RESULT, BER("ess", 0, "", ""), control(SYNC_DONE_OID, hex("")), "Sync Done control");
    session_lost(MESSAGE_RESULT, BER("ess", 0, "", ""), hex("3000"), "controls are malformed");
}

Test(message, reference, .fini = end)
{
    struct sync_msg m;

    cr_assert_eq(sync_of(MESSAGE_REFERENCE, BER("ss", "ldap://a", "ldap://b"), state(1), &m, NULL), 0);
    cr_assert_eq(m.type, SYNC_REFERENCE);
    cr_assert_str_eq(m.text.p, "ldap://a");
    cr_assert_eq(sync_of(MESSAGE_REFERENCE, hex(""), state(3), &m, NULL), 0);
    session_lost(MESSAGE_REFERENCE, BER("i", 1), hex(""), "SearchResultReference");
}

Test(message, intermediate, .fini = end)
{
    ber_tag_t name = 0x80, value = 0x81;
    struct sync_msg m;

    cr_assert_eq(sync_of(MESSAGE_INTERMEDIATE, BER("tstO", name, SYNC_INFO_OID, value, value_of(hex("8000"))), hex(""), &m, NULL), 0);
    cr_assert_eq(m.type, SYNC_NEWCOOKIE);
    cr_assert_eq(sync_of(MESSAGE_INTERMEDIATE, BER("tstO", name, "1.2.3", value, value_of(hex("8000"))), hex(""), &m, NULL), 0);
    cr_assert_eq(m.type, MESSAGE_IGNORED);
    cr_assert_eq(sync_of(MESSAGE_INTERMEDIATE, BER("ts", name, ""), hex(""), &m, NULL), 0, "libldap aborts at an empty name");
    cr_assert_eq(m.type, MESSAGE_IGNORED);
    cr_assert_eq(sync_of(MESSAGE_INTERMEDIATE, hex(""), hex(""), &m, NULL), 0);
    session_lost(MESSAGE_INTERMEDIATE, BER("ts", name, SYNC_INFO_OID), hex(""), "Sync Info message");
    session_lost(MESSAGE_INTERMEDIATE, BER("tss", name, SYNC_INFO_OID, "x"), hex(""), "responseValue");
    session_lost(MESSAGE_INTERMEDIATE, hex("80 05 31"), hex(""), "responseName");
}

Test(message, others, .fini = end)
{
    session_lost(0x61, BER("ess", 0, "", ""), hex(""), "no answer to a search");
}

/* No read behind the end, whatever comes: the sanitizers judge. */
Test(message, cut_and_damaged, .fini = end)
{
    static const unsigned char ops[] = { MESSAGE_ENTRY, MESSAGE_RESULT, MESSAGE_REFERENCE, MESSAGE_INTERMEDIATE };
    struct slice body = person(), controls = state(1);
    struct sync_msg m;

    for (size_t n = 0; n < body.len; n++)
        for (size_t k = 0; k < sizeof(ops); k++)
            sync_of(ops[k], cut(body, n), controls, &m, NULL);
    for (size_t n = 0; n < controls.len; n++)
        cr_assert(sync_of(MESSAGE_ENTRY, body, cut(controls, n), &m, NULL) < 0);
    for (size_t i = 0; i < body.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            struct slice other = cut(body, body.len);

            ((char *)other.p)[i] ^= (char)(1u << bit);
            sync_of(MESSAGE_ENTRY, other, controls, &m, NULL);
            arena_reset(&arena);
        }
}

Test(message, plain_entry, .fini = end)
{
    struct message msg = { MESSAGE_ENTRY, person(), hex("") };
    struct entry entry = { 0 };

    cr_assert_eq(message_entry(&msg, &entry, &arena, NULL), 0);
    cr_assert_str_eq(entry.dn.p, "uid=a,dc=x");
    msg.op = MESSAGE_RESULT;
    cr_assert_eq(message_entry(&msg, &entry, &arena, NULL), -1);
}
