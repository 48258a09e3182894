/* Joint 1: answers that a message overtook. Where stamps have whole seconds (modifyTimestamp: 389) one that was read before a change, and
 * comes after the message of it, has the same stamp then and looks as new. So what is told while answers are under way is remembered, and
 * who is told of then is asked for once more. entryCSNs tell it by themselves.
 *
 * Of containers all is remembered, whatever the stamps: one that is taken for gone, or for where it was, takes all under it along, and
 * the next word of it may never come. */
#include "mirror.h"

static bool is_exact(struct slice stamp)
{
    return stamp.len > 0 && memchr(stamp.p, '#', stamp.len) != NULL;
}

enum word { WORD_NONE, WORD_CONTENT, WORD_GONE };

#define ROW_BYTES (UUID_BYTES + 1)

static void note(struct mirror *m, const uint8_t *uuid, enum word word)
{
    if (m->asked == 0)
        return;
    buf_add(&m->overtaken, uuid, UUID_BYTES);
    buf_u8(&m->overtaken, (uint8_t)word);
}

void overtaken_note(struct mirror *m, const struct mirror_search *s, const struct entry *e)
{
    if (!search_shows_objects(s) || !is_exact(entry_stamp(e)))
        note(m, e->uuid, WORD_CONTENT);
}

void overtaken_note_gone(struct mirror *m, const struct mirror_search *s, const uint8_t *uuid)
{
    if (!search_shows_objects(s))
        note(m, uuid, WORD_GONE);
}

/* The last that was told of it. */
static enum word last_word(const struct mirror *m, const uint8_t *uuid)
{
    for (size_t i = m->overtaken.len; i > 0; i -= ROW_BYTES)
        if (memcmp(m->overtaken.p + i - ROW_BYTES, uuid, UUID_BYTES) == 0)
            return (enum word)(unsigned char)m->overtaken.p[i - 1];
    return WORD_NONE;
}

/* It was seen, with this stamp. */
static bool may_be_older(const struct mirror *m, const struct mirror_search *s, const struct entry *e)
{
    bool exact = is_exact(entry_stamp(e));

    if (search_shows_objects(s) && exact)
        return false;
    switch (last_word(m, e->uuid)) {
    case WORD_CONTENT:
        return !exact;
    case WORD_GONE:
        return true;
    case WORD_NONE:
        break;
    }
    return false;
}

static bool ask_if(bool doubtful, struct mirror_search *s, const uint8_t *uuid)
{
    if (doubtful)
        search_ask(s, uuid);
    return doubtful;
}

bool overtaken_answer(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg)
{
    const uint8_t *uuid = msg->entry->uuid;

    if (msg->outcome == LOOKUP_IN_PLACE)
        return ask_if(may_be_older(m, s, msg->entry), s, uuid);
    return ask_if(!search_shows_objects(s) && last_word(m, uuid) == WORD_CONTENT, s, uuid);
}

bool overtaken_row(struct mirror *m, struct mirror_search *s, const struct entry *e)
{
    return ask_if(may_be_older(m, s, e), s, e->uuid);
}

void overtaken_end(struct mirror *m)
{
    if (m->asked == 0)
        buf_reset(&m->overtaken);
}
