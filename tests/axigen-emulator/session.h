/* One client's conversation, without its socket: a line goes in, an answer comes out. */
#ifndef EMULATOR_SESSION_H
#define EMULATOR_SESSION_H

#include "buf.h"
#include "emu.h"

enum verdict {
    VERDICT_GO_ON,
    VERDICT_CLOSE, /* send what is there, then close */
    VERDICT_MUTE,  /* send what is there, then neither read nor say anything */
    VERDICT_DIE    /* send what is there of earlier answers, then end the process */
};

struct session;

/* number: of the connection, for the log. */
struct session *session_new(struct emu *emu, unsigned number);
void session_free(struct session **s);

/* Banner and first prompt. */
void session_greet(struct session *s, struct buf *out);
/* A line without its line end. What is to be sent is added to out. late_ms_r: how many milliseconds it is to come late
 * (0: at once). */
enum verdict session_line(struct session *s, struct slice line, struct buf *out, long *late_ms_r);
/* True if the line just handled was text of an ESET, which is not a command and has no answer of its own. */
bool session_was_text(const struct session *s);
/* Name of the context it stands in. */
const char *session_where(const struct session *s);

#endif
