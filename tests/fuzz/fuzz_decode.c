/* What a directory server sends in answer to a sync search: LDAP messages, sync controls, Sync Info messages.
 *
 * Input: a byte that chooses; one that is the length of the controls (times 4); the controls; then the rest is the body.
 *     0 to 3: an entry, a result, a reference, an intermediate response (its tag from ops[])
 *     4 to 6: the body alone is the value of a Sync State control, Sync Done control, Sync Info message
 *     7: an entry and a result as the second connection reads them */
#include <stdlib.h>

#include "decode.h"
#include "message.h"
#include "phase.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const unsigned char ops[] = { MESSAGE_ENTRY, MESSAGE_RESULT, MESSAGE_REFERENCE, MESSAGE_INTERMEDIATE };

static volatile char sink;

/* All bytes are there, and the NUL behind them. */
static void touch(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        sink = s.p[i];
    if (s.p && s.p[s.len] != '\0')
        abort();
}

static void touch_entry(const struct entry *e)
{
    touch(e->dn);
    for (uint32_t i = 0; i < e->n_attrs; i++) {
        touch(e->attrs[i].name);
        for (uint32_t k = 0; k < e->attrs[i].n_values; k++)
            touch(e->attrs[i].values[k]);
    }
}

static void touch_message(const struct sync_msg *m)
{
    touch(m->cookie);
    touch(m->text);
    if (m->entry)
        touch_entry(m->entry);
    for (size_t i = 0; i < (size_t)m->n_uuids * UUID_BYTES; i++)
        sink = (char)m->uuids[i];
}

static void fuzz_sync(const struct message *msg, struct arena *a)
{
    struct phase_state state = { .persist_mode = msg->body.len & 1, .had_cookie = msg->body.len & 2 };
    struct sync_msg m = { 0 };
    struct err e = { 0 };

    if (message_sync(msg, &m, a, &e) < 0) {
        if (e.class != ERR_DATA)
            abort();
    } else if (m.type != MESSAGE_IGNORED) {
        touch_message(&m);
        phase_step(&state, &m, &e);
    }
}

static void fuzz_plain(struct message *msg, struct arena *a)
{
    struct entry entry = { 0 };
    struct slice text = { NULL, 0 };
    int rc = 0;

    msg->op = MESSAGE_ENTRY;
    if (message_entry(msg, &entry, a, NULL) == 0)
        touch_entry(&entry);
    msg->op = MESSAGE_RESULT;
    if (message_result(msg, &rc, &text, a, NULL) == 0)
        touch(text);
    if (rc < 0)
        abort();
}

static void fuzz_value(unsigned which, struct slice value, struct arena *a)
{
    struct sync_msg m = { 0 };
    uint8_t uuid[UUID_BYTES];
    bool has_uuid;

    if (which == 4 && decode_state(value, &m, uuid, &has_uuid, a, NULL) == 0 && !has_uuid)
        abort();
    if (which == 5)
        decode_done(value, &m, a, NULL);
    if (which == 6)
        decode_info(value, &m, a, NULL);
    touch_message(&m);
}

/* In memory of its own, so that a read behind the end is seen. */
static struct slice exact(struct slice s)
{
    char *p = malloc(s.len ? s.len : 1);

    if (p == NULL)
        abort();
    if (s.len)
        memcpy(p, s.p, s.len);
    return slice_make(p, s.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = { 0 };
    struct message msg;
    size_t n_controls;

    if (size < 2)
        return 0;
    n_controls = (size_t)data[1] * 4;
    if (n_controls > size - 2)
        return 0;
    msg.op = ops[data[0] % 4];
    msg.controls = exact(slice_make(data + 2, n_controls));
    msg.body = exact(slice_make(data + 2 + n_controls, size - 2 - n_controls));
    if (data[0] % 8 < 4)
        fuzz_sync(&msg, &a);
    else if (data[0] % 8 < 7)
        fuzz_value(data[0] % 8, msg.body, &a);
    else
        fuzz_plain(&msg, &a);
    free((char *)msg.controls.p);
    free((char *)msg.body.p);
    arena_free(&a);
    return 0;
}
