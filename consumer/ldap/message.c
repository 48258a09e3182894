#include "message.h"

#include "decode.h"
#include "tlv.h"

#define TAG_CONTROLS 0xA0
#define TAG_INTERMEDIATE_NAME 0x80
#define TAG_INTERMEDIATE_VALUE 0x81

#define ENTRY "SearchResultEntry"
#define DN_SHOWN 256   /* bytes of a DN that an error shows */

const char *message_name(unsigned char op)
{
    switch (op) {
    case MESSAGE_ENTRY:
        return ENTRY;
    case MESSAGE_RESULT:
        return "SearchResultDone";
    case MESSAGE_REFERENCE:
        return "SearchResultReference";
    case MESSAGE_EXTENDED:
        return "ExtendedResponse";
    case MESSAGE_INTERMEDIATE:
        return "IntermediateResponse";
    default:
        return "LDAPMessage";
    }
}

static int does_not_decode(struct err *e, const struct message *msg, const char *why)
{
    return decode_failed(e, message_name(msg->op), why, msg->body);
}

/* ---- Controls ---- */

/* One Control: its OID, and its value, whose p is NULL if it has none. */
static bool take_control(struct slice *list, struct slice *oid, struct slice *value)
{
    struct slice control, critical;

    if (!tlv_take(list, TLV_SEQUENCE, &control) || !tlv_take(&control, TLV_OCTETS, oid))
        return false;
    if (tlv_is(control, TLV_BOOLEAN) && !tlv_take(&control, TLV_BOOLEAN, &critical))
        return false;
    *value = (struct slice){ NULL, 0 };
    if (control.len > 0 && !tlv_take(&control, TLV_OCTETS, value))
        return false;
    return control.len == 0;
}

/* The value of the first control with that OID; p is NULL if there is none. False if the controls do not decode. */
static bool find_control(struct slice controls, const char *wanted, struct slice *value)
{
    struct slice list = { NULL, 0 };

    *value = (struct slice){ NULL, 0 };
    if (controls.len > 0 && (!tlv_take(&controls, TAG_CONTROLS, &list) || controls.len > 0))
        return false;
    while (list.len > 0) {
        struct slice oid, v;

        if (!take_control(&list, &oid, &v))
            return false;
        if (value->p == NULL && slice_eq(oid, slice_of(wanted)))
            *value = v;
    }
    return true;
}

bool message_control(const struct message *msg, const char *oid, struct slice *value)
{
    return find_control(msg->controls, oid, value);
}

/* ---- Entries ---- */

static bool count_attrs(struct slice list, size_t *n_attrs, size_t *n_values)
{
    struct slice attr, name, values, value;

    *n_attrs = *n_values = 0;
    while (list.len > 0) {
        if (!tlv_take(&list, TLV_SEQUENCE, &attr) || !tlv_take(&attr, TLV_OCTETS, &name) || name.len == 0 ||
            !tlv_take(&attr, TLV_SET, &values) || attr.len > 0)
            return false;
        for (; values.len > 0; ++*n_values)
            if (!tlv_take(&values, TLV_OCTETS, &value))
                return false;
        ++*n_attrs;
    }
    return true;
}

/* What count_attrs() has found whole. */
static void fill_attrs(struct slice list, struct entry_attr *to, struct slice *pool)
{
    for (; list.len > 0; to++) {
        struct slice attr = { NULL, 0 }, values = { NULL, 0 };

        tlv_take(&list, TLV_SEQUENCE, &attr);
        tlv_take(&attr, TLV_OCTETS, &to->name);
        tlv_take(&attr, TLV_SET, &values);
        to->values = pool;
        while (values.len > 0)
            tlv_take(&values, TLV_OCTETS, pool++);
        to->n_values = (uint32_t)(pool - to->values);
    }
}

/* Only when nothing is left to be parsed: each NUL falls on the tag of the element behind. */
static void terminate(struct slice s)
{
    ((char *)s.p)[s.len] = '\0';
}

static void terminate_all(struct entry *e, const struct slice *pool, size_t n_values)
{
    terminate(e->dn);
    for (uint32_t i = 0; i < e->n_attrs; i++)
        terminate(e->attrs[i].name);
    for (size_t i = 0; i < n_values; i++)
        terminate(pool[i]);
}

/* DN and attributes, out of one copy of the whole body. NULL, or why not; the DN may then be there all the same. */
static const char *take_entry(struct slice body, struct entry *e, struct arena *a)
{
    struct slice copy = arena_copy(a, body.p, body.len), list, *pool;
    size_t n_attrs, n_values;

    if (!tlv_take(&copy, TLV_OCTETS, &e->dn))
        return "it has no DN";
    if (!tlv_take(&copy, TLV_SEQUENCE, &list) || copy.len > 0 || !count_attrs(list, &n_attrs, &n_values)) {
        terminate(e->dn);
        return "its attributes are malformed";
    }
    e->n_attrs = (uint32_t)n_attrs;
    e->attrs = arena_alloc(a, n_attrs * sizeof(*e->attrs));
    pool = arena_alloc(a, n_values * sizeof(*pool));
    fill_attrs(list, e->attrs, pool);
    terminate_all(e, pool, n_values);
    return NULL;
}

int message_entry(const struct message *msg, struct entry *entry, struct arena *a, struct err *e)
{
    const char *why = msg->op == MESSAGE_ENTRY ? take_entry(msg->body, entry, a) : "it is not one";

    return why == NULL ? 0 : does_not_decode(e, msg, why);
}

static int invalid(struct sync_msg *m, struct arena *a, const struct err *e)
{
    m->type = SYNC_INVALID;
    m->text = arena_copy(a, e->text, strlen(e->text));
    return 0;
}

/* Without a UUID nobody can say what was told of whom; the DN at least helps to find it. */
static int name_entry(struct err *e, struct slice dn)
{
    return err_add(e, ENTRY " \"%.*s\"", dn.len > DN_SHOWN ? DN_SHOWN : (int)dn.len, dn.len ? dn.p : "");
}

/* The value of the Sync State control, without which an entry has no UUID. */
static int find_state(const struct message *msg, struct slice *state, struct err *e)
{
    if (!find_control(msg->controls, SYNC_STATE_OID, state))
        return decode_failed(e, ENTRY, "its controls are malformed", msg->controls);
    return state->p ? 0 : does_not_decode(e, msg, "it has no Sync State control");
}

/* Add and modify need a DN and whole attributes. Of present and delete the UUID alone counts: RFC 4533, section 3.6, lets the DN of
 * a deleted entry be stale or empty. */
static int sync_entry(const struct message *msg, struct sync_msg *m, struct arena *a, struct err *e)
{
    struct slice state;
    struct err bad = { 0 };
    const char *why;
    bool has_uuid;

    m->type = SYNC_ENTRY;
    m->entry = arena_alloc(a, sizeof(*m->entry));
    why = take_entry(msg->body, m->entry, a);
    if (find_state(msg, &state, e) < 0)
        return name_entry(e, m->entry->dn);
    if (decode_state(state, m, m->entry->uuid, &has_uuid, a, &bad) < 0) {
        if (has_uuid)
            return invalid(m, a, &bad);
        err_set(e, bad.class, "%s", bad.text);
        return name_entry(e, m->entry->dn);
    }
    if (m->state != SYNC_STATE_ADD && m->state != SYNC_STATE_MODIFY)
        return 0;
    if (why == NULL && m->entry->dn.len == 0)
        why = "its DN is empty";
    if (why == NULL)
        return 0;
    does_not_decode(&bad, msg, why);
    return invalid(m, a, &bad);
}

/* ---- The other messages ---- */

static int sync_reference(const struct message *msg, struct sync_msg *m, struct arena *a, struct err *e)
{
    struct slice rest = msg->body, uri;

    m->type = SYNC_REFERENCE;
    if (rest.len == 0)   /* RFC 4533, section 3.3.2: of a reference that is unchanged or gone */
        return 0;
    if (!tlv_take(&rest, TLV_OCTETS, &uri))
        return does_not_decode(e, msg, "it holds something else than whole URIs");
    m->text = arena_copy(a, uri.p, uri.len);
    return 0;
}

int message_result(const struct message *msg, int *rc, struct slice *text, struct arena *a, struct err *e)
{
    struct slice rest = msg->body, code, matched, words;

    if (!tlv_take(&rest, TLV_ENUM, &code) || code.len == 0 || code.len > 4 || !tlv_take(&rest, TLV_OCTETS, &matched) ||
        !tlv_take(&rest, TLV_OCTETS, &words))
        return does_not_decode(e, msg, "it is no LDAPResult");
    /* Result codes are 0 to 2147483647; a negative one would look like one of libldap's own. */
    if (code.p[0] & 0x80)
        return does_not_decode(e, msg, "its result code is negative");
    *rc = 0;
    for (size_t i = 0; i < code.len; i++)
        *rc = *rc << 8 | (unsigned char)code.p[i];
    *text = arena_copy(a, words.p, words.len);
    return 0;
}

static int sync_result(const struct message *msg, struct sync_msg *m, struct arena *a, struct err *e)
{
    struct slice done;

    m->type = SYNC_DONE;
    if (message_result(msg, &m->rc, &m->text, a, e) < 0)
        return -1;
    if (!find_control(msg->controls, SYNC_DONE_OID, &done))
        return decode_failed(e, message_name(msg->op), "its controls are malformed", msg->controls);
    return done.p == NULL ? 0 : decode_done(done, m, a, e);
}

static int sync_intermediate(const struct message *msg, struct sync_msg *m, struct arena *a, struct err *e)
{
    struct slice rest = msg->body, name = { NULL, 0 }, value = { NULL, 0 };

    if (tlv_is(rest, TAG_INTERMEDIATE_NAME) && !tlv_take(&rest, TAG_INTERMEDIATE_NAME, &name))
        return does_not_decode(e, msg, "its responseName is not whole");
    if (rest.len > 0 && (!tlv_take(&rest, TAG_INTERMEDIATE_VALUE, &value) || rest.len > 0))
        return does_not_decode(e, msg, "its responseValue is not whole");
    if (slice_eq(name, slice_of(SYNC_INFO_OID)))
        return decode_info(value, m, a, e);
    m->type = MESSAGE_IGNORED;
    return 0;
}

int message_sync(const struct message *msg, struct sync_msg *m, struct arena *a, struct err *e)
{
    switch (msg->op) {
    case MESSAGE_ENTRY:
        return sync_entry(msg, m, a, e);
    case MESSAGE_REFERENCE:
        return sync_reference(msg, m, a, e);
    case MESSAGE_RESULT:
        return sync_result(msg, m, a, e);
    case MESSAGE_INTERMEDIATE:
        return sync_intermediate(msg, m, a, e);
    default:
        return does_not_decode(e, msg, "it is no answer to a search");
    }
}
