/* Joint 3: queue → sink. One thread a sink: reads what is committed after the sink's position, hands it over, and tells
 * the writer what is durable there. A slow or dead sink holds up nobody but itself.
 *
 * A sink that is new in the configuration is told the whole state first, as of one moment (cause resync), by its own
 * thread from a read transaction; cut short, it is told anew as of another (SPEC.md section 5). */
#ifndef ENGINE_DELIVER_H
#define ENGINE_DELIVER_H

#include "db.h"
#include "dispatch.h"
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
    /* An action sink: all of it but the thread is in dispatch.h, and acked is not called. */
    bool actions;
    struct dispatch_hooks hooks;
    int max_attempts;
    int64_t look_again_s;
};

/* Takes the sink over. Strings of *settings must outlive it. Nothing runs yet. */
struct deliver *deliver_new(const struct deliver_settings *settings);
/* The sink's stop flag, to be given to its constructor, and then the sink. */
const atomic_bool *deliver_stop_flag(struct deliver *d);
void deliver_set_sink(struct deliver *d, struct sink *sink);

/* An action sink's memory, to be given to its constructor. */
const struct sink_records *deliver_records(struct deliver *d);

/* Opens the sink now, before the thread runs. *position is where it stands. On failure the thread goes on trying. */
int deliver_open(struct deliver *d, uint64_t stored, uint64_t *position, struct err *e);

/* Starts the thread at this position; resync: it tells the whole state first. Of an action sink the stored row says both;
 * there resync says that the row was made in this run. */
void deliver_start(struct deliver *d, uint64_t position, bool resync);
/* Actions up to last_seq are committed, and with them perhaps rows that were set aside. Any thread. */
void deliver_committed(struct deliver *d, uint64_t last_seq);
/* What a look-up that an action sink asked for says. Any thread. */
void deliver_answer(struct deliver *d, const uint8_t *uuid, enum removal_verdict verdict);
/* Fills name, type, acked, queued, last_error; of an action sink the rest too. Any thread. */
void deliver_status(struct deliver *d, struct status_sink *out);
void deliver_reopen(struct deliver *d);
/* Other delays between attempts, in seconds, from the next failure on. */
void deliver_set_retry(struct deliver *d, int min_s, int max_s);
/* … and what else of an action sink's settings may change. */
void deliver_set_limits(struct deliver *d, const struct dispatch_limits *limits);
/* Asks the thread to end; deliver_free() waits for it (at most about 1 s) and frees. */
void deliver_stop(struct deliver *d);
void deliver_free(struct deliver **d);

#endif
