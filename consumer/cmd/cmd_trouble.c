/* The entries behind the numbers of `status`: who is invalid, who waits for an address, whose removal from a group waits for more
 * than the clock. Read from the state itself. */
#include "cmd.h"
#include "cmd_waits.h"

#include <string.h>

#include "alias_wants.h"
#include "mem.h"
#include "objects.h"
#include "pending.h"
#include "wants.h"

struct trouble {
    const char *connector;
    size_t most;
    struct buf out; /* printed when the transaction is over */
};

/* A line under its label; the label once. */
static void add(struct trouble *tr, const char *label, size_t nth, const struct buf *text)
{
    buf_printf(&tr->out, "  %-12s ", nth == 0 ? label : "");
    buf_add_slice(&tr->out, buf_slice(text));
    buf_u8(&tr->out, '\n');
}

static void add_rest(struct trouble *tr, uint64_t all)
{
    if (all > tr->most)
        buf_printf(&tr->out, "  %-12s … and %llu more (axsync status --all)\n", "",
                   (unsigned long long)(all - tr->most));
}

static void list_invalid(struct trouble *tr, struct txn *t)
{
    struct arena a = {0};
    struct buf next = {0}, text = {0};
    struct slice dn, reason;
    uint8_t uuid[UUID_BYTES];
    char name[UUID_TEXT];

    for (size_t i = 0; i < tr->most && invalid_next(t, &next, uuid, &dn, &reason, &a); i++) {
        buf_reset(&text);
        print_scrubbed(&text, dn.len ? dn : slice_of(uuid_format(uuid, name)));
        buf_puts(&text, ": ");
        print_scrubbed(&text, reason);
        add(tr, "invalid", i, &text);
    }
    add_rest(tr, txn_count(t, TABLE_INVALID));
    buf_free(&text);
    buf_free(&next);
    arena_free(&a);
}

static void list_conflicts(struct trouble *tr, struct txn *t)
{
    struct arena a = {0};
    struct buf next = {0}, text = {0};
    struct object want, owner;
    uint8_t uuid[UUID_BYTES];
    char own[UUID_TEXT];

    for (size_t i = 0; i < tr->most && want_next(t, &next, &want, &a); i++) {
        buf_reset(&text);
        print_scrubbed(&text, want.dn);
        buf_puts(&text, " waits for ");
        print_scrubbed(&text, want.address);
        if (objects_owner(t, want.address, uuid, NULL) != 0 && objects_get(t, uuid, &owner, &a) != 0) {
            buf_puts(&text, ", which belongs to ");
            print_scrubbed(&text, owner.dn);
            if (slice_eq(owner.dn, want.dn)) {   /* the same name came again, as another entry */
                buf_puts(&text, ", but with UUID ");
                buf_puts(&text, uuid_format(uuid, own));
                buf_puts(&text, " and not ");
                buf_puts(&text, uuid_format(want.uuid, own));
            }
        }
        add(tr, "conflict", i, &text);
        arena_reset(&a);
    }
    add_rest(tr, txn_count(t, TABLE_WANT_UUID));
    buf_free(&text);
    buf_free(&next);
    arena_free(&a);
}

/* What somebody has, in words. */
static void put_owner(struct buf *text, struct txn *t, struct slice address, struct arena *a)
{
    uint8_t uuid[UUID_BYTES];
    struct object owner;
    bool alias;

    if (objects_owner(t, address, uuid, &alias) == 0 || objects_get(t, uuid, &owner, a) == 0)
        return;
    buf_puts(text, alias ? ", which is an alias of " : ", which belongs to ");
    print_scrubbed(text, owner.dn);
}

static void list_aliases(struct trouble *tr, struct txn *t)
{
    struct arena a = {0};
    struct buf next = {0}, text = {0};
    struct slice *aliases;
    uint8_t uuid[UUID_BYTES];
    struct object o;

    for (size_t i = 0; i < tr->most && alias_want_next(t, &next, uuid); i++) {
        uint32_t n = alias_want_get(t, uuid, &aliases, &a);

        buf_reset(&text);
        if (objects_get(t, uuid, &o, &a) != 0)
            print_scrubbed(&text, o.dn);
        for (uint32_t k = 0; k < n; k++) {
            buf_puts(&text, k == 0 ? " waits for the alias " : "; for ");
            print_scrubbed(&text, aliases[k]);
            put_owner(&text, t, aliases[k], &a);
        }
        add(tr, "conflict", i, &text);
        arena_reset(&a);
    }
    add_rest(tr, txn_count(t, TABLE_ALIAS_WANT));
    buf_free(&text);
    buf_free(&next);
    arena_free(&a);
}

/* Removals of members that go with something else, which may be never. */
static void list_waits(struct trouble *tr, struct txn *t)
{
    struct arena a = {0};
    struct buf next = {0}, text = {0};
    struct object group;
    struct pending p;
    size_t n = 0;

    while (txn_count(t, TABLE_LEAVING) > 0 && pending_next(t, NULL, &next, &p, &a)) {
        if (waits_with_another(&p) && n++ < tr->most && objects_get(t, p.uuid, &group, &a) != 0) {
            buf_reset(&text);
            buf_puts(&text, "the removal of ");
            print_scrubbed(&text, p.alias);
            buf_puts(&text, " from ");
            print_scrubbed(&text, group.address);
            buf_puts(&text, " waits for ");
            waits_words(t, &p, &text, &a);
            add(tr, "waiting", n - 1, &text);
        }
        arena_reset(&a);
    }
    add_rest(tr, n);
    buf_free(&text);
    buf_free(&next);
    arena_free(&a);
}

static int list_state(void *ctx, const struct config_connector *c, struct store *s, struct txn *t, struct err *e)
{
    struct trouble *tr = ctx;

    (void)s;
    (void)e;
    if (strcmp(c->name, tr->connector) == 0) {
        list_invalid(tr, t);
        list_conflicts(tr, t);
        list_aliases(tr, t);
        list_waits(tr, t);
    }
    return 0;
}

void cmd_trouble(const struct config *conf, const char *connector, size_t most)
{
    struct trouble tr = {.connector = connector, .most = most};
    struct err e = {0};

    if (cmd_each_state(conf, list_state, &tr, NULL, &e) != 0)
        buf_printf(&tr.out, "  %-12s %s\n", "entries", e.text);
    fwrite(buf_str(&tr.out), 1, tr.out.len, stdout);
    buf_free(&tr.out);
}
