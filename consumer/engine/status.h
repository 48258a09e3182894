/* What one connector is doing, as a value: the writer and the threads around it publish, everybody reads a copy.
 * Published under a lock that is never held across I/O, so that `status` answers at any moment. */
#ifndef ENGINE_STATUS_H
#define ENGINE_STATUS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem.h"

#define STATUS_TEXT 1024
#define STATUS_SINKS 16
#define STATUS_SEARCHES 5   /* SEARCH_KINDS */

struct status_sink {
    char name[128];
    char type[16];
    uint64_t acked;
    uint64_t queued;           /* actions it does not have yet, and that are not parked */
    uint64_t parked, due;
    char last_error[STATUS_TEXT];
    /* Not shown. */
    uint64_t waiting;          /* of queued: set aside, by an action sink */
    bool resting;              /* an action sink has done all that can be done now: the rest waits for a time */
};

struct status_search {
    char kind[16];             /* search_kind_word() */
    char base[512];
    char phase[16];            /* "idle", "refreshing", "insync" */
    char cookie[STATUS_TEXT];
    int64_t received;          /* entries in the running or last refresh */
    int64_t expected;          /* -1: not known */
    double rate;               /* entries a second */
};

struct status {
    char name[128];
    char mode[16];             /* in effect; "" until known */
    char configured_mode[16];
    char phase[16];            /* source_phase_name() */
    char uri[512];
    int64_t lag_ms;            /* -1: unknown */
    int64_t last_change_ms;    /* wall clock of the last action; 0: none yet */
    int64_t accounts, groups, invalid, conflicts, waiting, orphans;
    uint64_t last_seq;
    size_t n_searches;
    struct status_search searches[STATUS_SEARCHES];
    size_t n_sinks;
    struct status_sink sinks[STATUS_SINKS];
    char last_error[STATUS_TEXT];
    /* Not shown: what `run --once` waits for. */
    bool settled;              /* in sync, and nothing is about to happen by itself within `settle` */
    bool failed;               /* the directory could not be reached or refused us, with nothing to wait for */
};

struct hold;

/* A status and its lock, and the holds as last committed: whoever asks reads no store. */
struct status_board {
    pthread_mutex_t lock;
    pthread_cond_t changed;    /* CLOCK_MONOTONIC; for who waits for a status */
    struct status status;
    struct hold *holds;        /* n_holds, the rejected ones too; their texts in hold_texts */
    size_t n_holds;
    struct arena hold_texts;
};

void status_board_init(struct status_board *b);
void status_board_destroy(struct status_board *b);
/* A copy of what was published last. */
void status_get(struct status_board *b, struct status *out);
/* Puts these in the place of the holds; copies all. */
void status_set_holds(struct status_board *b, const struct hold *holds, size_t n);
/* Calls each with a copy of each hold, ascending, outside the lock; *h is valid during the call only. */
void status_holds(struct status_board *b, void (*each)(void *ctx, const struct hold *h), void *ctx);
/* Waits until something is published or wait_ms pass. */
void status_wait(struct status_board *b, int wait_ms);
/* Copies text into a field of a status, cut to its size at a UTF-8 boundary; NULL: empty. */
void status_text(char *to, size_t size, const char *text);

#endif
