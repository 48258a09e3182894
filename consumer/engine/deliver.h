/* Joint 3: queue → sink. One thread a sink: reads what is committed after the sink's position, hands it over, and tells
 * the writer what is durable there. A slow or dead sink holds up nobody but itself.
 *
 * A sink that is new in the configuration is told the whole state first, as of one moment (cause resync), by its own
 * thread from a read transaction; cut short, it is told anew as of another (SPEC.md section 5). */
#ifndef ENGINE_DELIVER_H
#define ENGINE_DELIVER_H

#include "db.h"
#include "sink.h"
#include "status.h"

struct deliver;

/* Called from the sink's thread: all up to `position` is durable at the sink. */
typedef void deliver_acked(void *ctx, size_t index, uint64_t position);

struct deliver_settings {
    const char *connector;     /* name, for the actions of a resync */
    const char *name;          /* of the sink */
    const char *type;
    size_t index;              /* given back with deliver_acked */
    struct db *db;
    _Atomic int retry_min_s, retry_max_s;
    deliver_acked *acked;
    void *ctx;
};

/* Takes the sink over. Strings of *settings must outlive it. Nothing runs yet. */
struct deliver *deliver_new(const struct deliver_settings *settings);
/* The sink's stop flag, to be given to its constructor, and then the sink. */
const atomic_bool *deliver_stop_flag(struct deliver *d);
void deliver_set_sink(struct deliver *d, struct sink *sink);

/* Opens the sink now, before the thread runs. *position is where it stands. On failure the thread goes on trying. */
int deliver_open(struct deliver *d, uint64_t stored, uint64_t *position, struct err *e);

/* Starts the thread at this position; resync: it tells the whole state first. */
void deliver_start(struct deliver *d, uint64_t position, bool resync);
/* Actions up to last_seq are committed. Any thread. */
void deliver_committed(struct deliver *d, uint64_t last_seq);
/* Fills name, type, acked, queued, last_error. Any thread. */
void deliver_status(struct deliver *d, struct status_sink *out);
void deliver_reopen(struct deliver *d);
/* Other delays between attempts, in seconds, from the next failure on. */
void deliver_set_retry(struct deliver *d, int min_s, int max_s);
/* Asks the thread to end; deliver_free() waits for it (at most about 1 s) and frees. */
void deliver_stop(struct deliver *d);
void deliver_free(struct deliver **d);

#endif
