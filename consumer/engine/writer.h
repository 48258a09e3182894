/* The writer: the one thread that changes a connector's state. It takes all that lies in its mailbox as one transaction,
 * which gives group commit for nothing, and then tells the others what is committed. */
#ifndef ENGINE_WRITER_H
#define ENGINE_WRITER_H

#include "deliver.h"
#include "errand.h"
#include "mailbox.h"
#include "mirror.h"
#include "probe.h"
#include "source.h"

enum mail_type { MAIL_BATCH, MAIL_ACK, MAIL_COMMAND, MAIL_CHANGES, MAIL_REMOVALS };

struct writer_sink {
    struct deliver *deliver;
    const char *name;
    uint64_t acked;            /* durable at the sink */
    bool dirty;                /* … and not stored yet */
    bool fresh;                /* an action sink whose row is made in this run */
};

struct writer {
    struct mirror mirror;
    struct mailbox box;
    atomic_bool stop;
    pthread_t thread;
    struct status_board board;

    pthread_mutex_t peers_lock;
    struct source *source;     /* set before the thread starts; both under the lock, and NULL after writer_let_go() */
    struct probe *probe;
    size_t uri;                /* index of the server of this session */
    struct writer_sink sinks[STATUS_SINKS];
    size_t n_sinks;

    pthread_mutex_t cookie_lock;
    char *cookies[SEARCH_KINDS];   /* the committed ones, for the source */

    int64_t round_began_ms;    /* monotonic: when the open transaction was begun */
    int64_t lazy_since_ms;     /* monotonic: since when something lazy waits to be stored; 0: nothing */
    bool drop_more;            /* the queue holds more that all sinks have */
    int64_t published_ms;
    struct errands errands;    /* of action sinks */
    bool first_known;          /* where the first refresh ended is stored */
    struct command_mail *commands;   /* done in this transaction, to be answered after the commit */
    int64_t retry_ms;          /* back-off after a failed commit */
    char commit_error[STATUS_TEXT];
    uint32_t token;
};

/* Reads what the mirror needs and publishes the first status. mirror.conf, subject, store, numbers, run and
 * searches are set by the caller. */
int writer_open(struct writer *w, struct err *e);
void writer_start(struct writer *w);
/* Before source and probe end: the writer gives them back, and tells them nothing from now on. */
void writer_let_go(struct writer *w, struct source **source, struct probe **probe);
/* The thread ends after its transaction; call it after everybody who posts has ended or been left behind. */
void writer_stop(struct writer *w);
void writer_close(struct writer *w);

/* Posts; any thread. */
bool writer_post_batch(struct writer *w, struct sync_batch *batch);
void writer_post_ack(void *w, size_t sink, uint64_t position);
void writer_post_command(struct writer *w, const struct command *cmd, command_done *done, void *ctx);
/* The committed cookie of a search, malloc'ed, or NULL. */
char *writer_cookie(struct writer *w, unsigned search);

#endif
