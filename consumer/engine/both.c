/* An entry can't be an account and a group (SPEC.md 2.2): the account wins.
 *
 * One that was mirrored as a group before it was seen to be an account waits as a *want*, whatever address it wants: the group is
 * deleted as what left its filter, by way of the guard, since a wrong filter may make accounts of all groups; then it becomes the
 * account. Until then the group stays as it is. If it is no account any more, the want goes, and the look-up of the deletion finds
 * the group in its place.
 *
 * One that is mirrored as an account and leaves is looked up once more as a group. */
#include "mirror.h"

#include "log.h"

bool both_waits(struct mirror *m, const uint8_t *uuid)
{
    struct object told, wanted;

    return want_get(m->t, uuid, &wanted, &m->a) && wanted.kind == OBJECT_ACCOUNT && objects_get(m->t, uuid, &told, &m->a) != 0 &&
           told.kind == OBJECT_GROUP;
}

bool both_is_no_news(struct mirror *m, enum object_kind shown, const struct object *told)
{
    if (shown == OBJECT_GROUP && told->kind == OBJECT_ACCOUNT) {
        log_warning(m->subject, "%.*s is an account and a group; it is mirrored as an account", SLICE_ARG(told->dn));
        return true;
    }
    return shown == OBJECT_GROUP && both_waits(m, told->uuid);
}

void both_take(struct mirror *m, const struct object *group, const struct object *account, enum phase_word phase)
{
    struct object before, now = *group;

    if (!both_waits(m, group->uuid))
        log_warning(m->subject, "%.*s is a group and an account: the group %.*s is to be deleted, then it becomes the account %.*s",
                    SLICE_ARG(group->dn), SLICE_ARG(group->address), SLICE_ARG(account->address));
    if (want_get(m->t, group->uuid, &before, &m->a) && before.kind == OBJECT_GROUP)
        ingest_want_drop(m, group->uuid);   /* a rename of the group's */
    want_put(m->store, m->t, account);
    m->urgent = true;
    ingest_follow(m, &now, account->dn, phase);
    pend_delete(m, &now, CAUSE_LEAVE, phase, true, course_is_suspicious(m, search_of(m, OBJECT_GROUP)));
}

static bool has_groups(struct mirror *m)
{
    return search_of(m, OBJECT_GROUP)->kind == SEARCH_GROUPS;
}

void both_departed(struct mirror *m, const struct object *told, enum cause cause)
{
    struct object account;

    if (told->kind == OBJECT_GROUP && want_get(m->t, told->uuid, &account, &m->a))
        ingest_address_free(m, account.address);   /* it may have been free all the time */
    else if (told->kind == OBJECT_ACCOUNT && cause == CAUSE_LEAVE && has_groups(m))
        search_ask(search_of(m, OBJECT_GROUP), told->uuid);
}
