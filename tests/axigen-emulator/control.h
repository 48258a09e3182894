/* Lines that change the emulator while it runs. Each has an answer of one line: "ok", "error: TEXT", or JSON. */
#ifndef EMULATOR_CONTROL_H
#define EMULATOR_CONTROL_H

#include "emu.h"
#include "buf.h"

enum control_wish {
    CONTROL_NOTHING,
    CONTROL_DROP, /* reset all connections */
    CONTROL_DIE   /* end at once, as kill -9 */
};

enum control_wish control_line(struct emu *emu, const char *line, struct buf *answer);
/* A switch with a value: an option, a rule or one of the short forms. 0, 1 if there is no such switch, -1 with a text.
 */
int control_switch(struct emu *emu, const char *name, const char *value, char *why, size_t size);
/* What all control lines and value switches are, for --help. */
void control_help(struct buf *out);
/* State, options, rules and counters; a new reference. */
json_t *control_dump(const struct emu *emu);

#endif
