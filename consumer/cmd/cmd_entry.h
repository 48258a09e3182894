/* `axsync entry`: what its two halves share. cmd_entry.c tells what the state knows; cmd_entry_look.c looks in the directory for
 * what is not mirrored, and says why it is not. */
#ifndef CMD_CMD_ENTRY_H
#define CMD_CMD_ENTRY_H

#include "cmd_directory.h"
#include "text.h"

/* What was asked for: an entry whose UUID is known, or else a word: a DN or else an address. */
struct entry_question {
    struct slice word;
    bool has_uuid;
    uint8_t uuid[UUID_BYTES];
};

static inline bool entry_is_dn(struct slice word)
{
    return cmd_dn_levels(word, word) == 0;
}

/* A label and a text of a peer's, as all lines below an entry's first. Nothing if the text is empty. */
void entry_line(const char *label, struct slice text);

/* Looks for it in the connector's directory, without its filters, and prints of each entry found the first condition that it
 * does not meet. Blocks, and no transaction may be open. Gives how many it found; -1 and *e, of class ERR_UNAVAILABLE, if the
 * directory can't be asked. */
int entry_look(const struct config *conf, const struct config_connector *c, const struct entry_question *q, struct err *e);

#endif
