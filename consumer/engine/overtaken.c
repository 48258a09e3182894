/* Joint 1: look-ups that a message overtook, where stamps have whole seconds (modifyTimestamp: 389). An answer that was read before a
 * change, and comes after the message of it, has the same stamp then and looks as new. So what is told while answers are under way
 * is remembered, and who is told of then is asked for once more. entryCSNs tell it by themselves. */
#include "mirror.h"

static bool is_exact(struct slice stamp)
{
    return stamp.len > 0 && memchr(stamp.p, '#', stamp.len) != NULL;
}

void overtaken_note(struct mirror *m, const struct entry *e)
{
    if (m->asked > 0 && !is_exact(entry_stamp(e)))
        buf_add(&m->overtaken, e->uuid, UUID_BYTES);
}

bool overtaken_answer(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    if (msg->outcome != LOOKUP_IN_PLACE || is_exact(entry_stamp(msg->entry)))
        return false;
    for (size_t i = 0; i < m->overtaken.len; i += UUID_BYTES)
        if (memcmp(m->overtaken.p + i, msg->entry->uuid, UUID_BYTES) == 0) {
            search_ask(s, msg->entry->uuid);
            return true;
        }
    return false;
}

void overtaken_end(struct mirror *m)
{
    if (m->asked == 0)
        buf_reset(&m->overtaken);
}
