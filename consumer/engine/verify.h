/* `axsync verify` (SPEC.md section 6): the directory read anew, without trust in cookie or state, against the state;
 * then the state against each Axigen sink. It writes nothing and tells no sink anything: what is to be mended is named
 * to the caller, who asks the daemon for it (COMMAND_REPAIR).
 *
 *   verify.c            a connector, from its beginning to its end
 *   verify_directory.c  all that the searches show; what differs is looked up once more before it counts
 *   verify_entry.c      one entry against the state, and what explains a difference: pending, held, in conflict
 *   verify_preview.c    … where there is no state yet: what the first run would take in (verify_spool.c)
 *   verify_sink.c       the state against an Axigen sink; verify_sink_preview.c: before the first telling;
 * verify_target.c
 *
 * In memory it keeps 16 bytes for each entry (the census of what was shown) and 16 for each one that differs; an entry
 * is compared when it comes, in the order in which the server sends it.
 *
 * The daemon goes on meanwhile, and so does the directory. So nothing is a difference that is none when the entry and
 * then its state are read again, one second later and one more, where a daemon runs that may take it in. */
#ifndef ENGINE_VERIFY_H
#define ENGINE_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "conn.h"
#include "err.h"
#include "object.h"
#include "slice.h"

enum verify_level {
    VERIFY_DIFFERENCE, /* counted */
    VERIFY_PREVIEW,    /* before the first run: what would happen */
    VERIFY_NOTE        /* to know, and no difference */
};

/* What is to be told or read anew, so that a difference ends. */
struct verify_repair {
    const char *sink; /* NULL: the entry is read in the directory; else this sink is told what the state has of it */
    uint8_t uuid[UUID_BYTES];
    enum object_kind kind;
    struct slice member; /* of a group: this member alone; empty: the object as a whole */
};

struct verify_calls {
    void *ctx;
    /* A line for people, without a line end; subject: "corp", or "corp/mail" of a sink. */
    void (*say)(void *ctx, enum verify_level level, const char *subject, struct slice line);
    void (*repair)(void *ctx, const struct verify_repair *r);
    /* Called very often: n of what ("accounts") were read so far. */
    void (*progress)(void *ctx, const char *subject, const char *what, size_t n);
};

/* How much was compared, and what is no difference although it differs. */
struct verify_counts {
    size_t objects[OBJECT_KINDS];
    size_t differ;   /* objects */
    size_t waiting;  /* what is pending: waits, or is being looked up */
    size_t held;     /* … in a hold */
    size_t rejected; /* … by the operator: stays as it is */
    size_t queued;   /* a sink has it still to do, or has set it aside */
    size_t invalid, conflicts;
    size_t aliases; /* left out: somebody else's address */
    size_t foreign; /* at a target, and not ours */
    size_t unread;  /* fields that the target does not show */
};

struct verify_options {
    bool live;                 /* a daemon runs on this state */
    struct conn_settings conn; /* of the connector */
};

/* Verifies one connector. One without a state gets a preview. 0 with *differ counted up; -1 and *e: ERR_UNAVAILABLE
 * where the directory or a sink can't be asked (what was found before was said), ERR_TEMP while a first load is under
 * way. */
int verify_connector(const struct config *conf, const struct config_connector *c, const struct verify_options *options,
                     const struct verify_calls *calls, size_t *differ, struct err *e);

#endif
