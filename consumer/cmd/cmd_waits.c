#include "cmd_waits.h"

#include "cmd.h"
#include "objects.h"
#include "status_json.h"

bool waits_with_another(const struct pending *p)
{
    return p->what == PENDING_MEMBER && p->reason == PENDING_WAITING && p->due_ms == 0;
}

static void add_owner(struct txn *t, struct slice address, struct buf *out, struct arena *a)
{
    uint8_t uuid[UUID_BYTES];
    struct object owner;

    if (objects_owner(t, address, uuid, NULL) == 0 || objects_get(t, uuid, &owner, a) == 0)
        return;
    buf_puts(out, ", which belongs to ");
    print_scrubbed(out, owner.dn);
}

/* Why what it waits for does not go. */
static void add_reason(struct txn *t, const struct pending *with, struct buf *out, struct arena *a)
{
    char id[HOLD_ID_TEXT];
    struct hold h;

    if (with->reason == PENDING_BLOCKED)
        add_owner(t, with->address, out, a);
    else if (with->hold != 0 && hold_get(t, with->hold, &h, a))
        buf_printf(out, ", %s in hold %s", pending_reason_name(with->reason), hold_id_text(&h, id));
    else
        buf_printf(out, ", %s", pending_reason_name(with->reason));
}

void waits_words(struct txn *t, const struct pending *p, struct buf *out, struct arena *a)
{
    const struct slice none = {0};
    uint8_t uuid[UUID_BYTES];
    struct object member;
    struct pending with;
    bool known = objects_owner(t, p->alias, uuid, NULL) != 0 && objects_get(t, uuid, &member, a) != 0;

    if (pending_get(t, p->uuid, PENDING_CLEAR, FIELD_MEMBERS, none, &with, a)) {
        buf_puts(out, "the clearing of all members of the group");
    } else if (known && pending_get(t, uuid, PENDING_DELETE, FIELD_NONE, none, &with, a)) {
        buf_puts(out, "the deletion of ");
        print_scrubbed(out, member.dn);
    } else if (known && pending_get(t, uuid, PENDING_RENAME, FIELD_NONE, none, &with, a)) {
        buf_puts(out, "the rename of ");
        print_scrubbed(out, member.dn);
        buf_puts(out, " to ");
        print_scrubbed(out, with.address);
    } else {
        buf_puts(out, "what has just gone"); /* the daemon has not come to it yet */
        return;
    }
    add_reason(t, &with, out, a);
}
