/* The contract between deliver (engine/) and a sink. Sinks know nothing of LMDB or LDAP.
 *
 * A sink has a thread of its own that calls open, submit and close, one at a time; they may block, but must come back
 * within 1 s once *stop is set. Failures are reported here and judged elsewhere: a sink logs only what it repaired.
 *
 * An error struct is never NULL here.
 *
 * The program ignores SIGPIPE and SIGXFSZ: a sink takes EPIPE and EFBIG as answers. */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "slice.h"

/* What became of a batch: scope × cure × text. */
enum sink_result {
    SINK_OK,           /* all lines are durable at the target */
    SINK_DOWN,         /* the target can't be reached or written now, or *stop was set: again later, skip nothing */
    SINK_FULL          /* no space left: as SINK_DOWN, with a text of its own */
};

struct sink_line {
    uint64_t seq;              /* that of json */
    struct slice json;         /* one line, no line end in it; the caller's, needed during submit only */
};

struct sink;
struct sink_class {
    const char *type;
    /* Opens the target. stored is the acknowledged position; *position is where the target really stands (it may be
     * further: lines that were written but not acknowledged before a kill). All up to *position is durable.
     * 0, or -1 with *e: ERR_CONFIG where waiting does not help, else call it again later. */
    int (*open)(struct sink *s, uint64_t stored, uint64_t *position, struct err *e);
    /* Applies lines in order and returns after they are durable. It applies what it is given and compares no seq with
     * what is there: several lines may carry the same one (cause resync and repair). Not SINK_OK: *e says why, and none
     * of the lines counts as applied; the same lines, or others from the same position on, come again. The sink finds
     * its target again by itself, without another open. */
    enum sink_result (*submit)(struct sink *s, const struct sink_line *lines, size_t n, struct err *e);
    /* SIGHUP: the next submit opens the target anew. From any thread, at any time before sink_free(). */
    void (*reopen)(struct sink *s);
    /* Lets go of all that open and submit took; open may follow. */
    void (*close)(struct sink *s);
};

/* A sink is one allocation that begins with this. */
struct sink {
    const struct sink_class *class;
    const char *name;          /* of the configuration; the caller's, outlives the sink */
    const char *subject;       /* for the log: connector/sink; the caller's, outlives the sink */
    const atomic_bool *stop;   /* the caller's, outlives the sink */
};

/* The file sink: sink/file.c says what it promises. Copies path; "-" is standard output: at least once, no sync.
 * Nothing is opened yet. Give it back with sink_free(). */
struct sink *sink_file_new(const char *name, const char *subject, const char *path, const atomic_bool *stop);

/* Closes and frees *s, which may be NULL, and sets it to NULL. */
void sink_free(struct sink **s);

#endif
