/* The queue from many threads to one: messages, outcomes, ticks and commands on their way to the writer.
 *
 * A mail is embedded at the start of the sender's own struct, so that posting allocates nothing and can't fail for want
 * of memory. Who posted it owns it until the post returned true, then the mailbox, then who took it.
 *
 * The limit is a bound of memory: what is heavy goes in by mailbox_post_wait(), which lets its sender wait while more
 * than the limit would lie here. Weight counts as freed once taken, so that at most the reader's batch, one limit and
 * what came by mailbox_post() are alive at a time. Mails of one thread stay in order; the order between threads is that
 * in which their posts returned. */
#ifndef BASE_MAILBOX_H
#define BASE_MAILBOX_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mail {
    struct mail *next;   /* the mailbox's, then the taker's */
    int type;            /* the sender's and the reader's: not looked at here */
    size_t weight;       /* roughly the bytes that this mail keeps alive; 0 for what is small */
};

struct mailbox {
    pthread_mutex_t lock;
    pthread_cond_t filled;    /* the reader waits for it */
    pthread_cond_t emptied;   /* senders wait for it */
    struct mail *first;
    struct mail **last;       /* where the next mail is hooked in */
    size_t weight;            /* of all mails in here */
    size_t limit;
    bool closed;
};

/* limit: of the sum of weights. mailbox_destroy() gives back what mailbox_init() took. */
void mailbox_init(struct mailbox *mb, size_t limit);

/* No thread may use mb any more. Mails that were never taken stay their senders' loss: after mailbox_close() take them
 * first. */
void mailbox_destroy(struct mailbox *mb);

/* Hands m over and never waits; for what is small and for threads that must not stand still. Any thread.
 * False when the mailbox is closed: m stays the caller's. */
bool mailbox_post(struct mailbox *mb, struct mail *m);

/* As mailbox_post(), but waits while m would bring the sum of weights over the limit. A mail that is heavier than the
 * limit goes in alone. Any thread but the reader's. False when the mailbox is closed, also while waiting. */
bool mailbox_post_wait(struct mailbox *mb, struct mail *m);

/* Takes all mails, in the order of posting, linked by next; they are the caller's. One thread at a time.
 * Waits until there is one or the deadline has passed: milliseconds of clock_mono_ms(), < 0: no deadline, one in the
 * past: just looks. NULL: the deadline passed, or the mailbox is closed and empty (ask mailbox_closed()). What was
 * posted before the close is still given out. */
struct mail *mailbox_take_all(struct mailbox *mb, int64_t deadline_mono_ms);

/* From now on posts fail; wakes everybody who waits. Any thread, any number of times. */
void mailbox_close(struct mailbox *mb);
bool mailbox_closed(struct mailbox *mb);

#endif
