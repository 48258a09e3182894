#include "mailbox.h"

#include <errno.h>
#include <time.h>

#include "clock.h"

void mailbox_init(struct mailbox *mb, size_t limit)
{
    pthread_condattr_t attr;

    *mb = (struct mailbox){ .limit = limit };
    mb->last = &mb->first;
    pthread_mutex_init(&mb->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);   /* the wall clock may jump */
    pthread_cond_init(&mb->filled, &attr);
    pthread_cond_init(&mb->emptied, &attr);
    pthread_condattr_destroy(&attr);
}

void mailbox_destroy(struct mailbox *mb)
{
    pthread_cond_destroy(&mb->emptied);
    pthread_cond_destroy(&mb->filled);
    pthread_mutex_destroy(&mb->lock);
}

/* Whether a mail of this weight must wait. One that is heavier than the limit never fits: it waits for an empty
 * mailbox instead of for ever. */
static bool over_limit(const struct mailbox *mb, size_t weight)
{
    if (mb->weight == 0)
        return false;
    return mb->weight > mb->limit || weight > mb->limit - mb->weight;
}

/* With the lock held. */
static bool put(struct mailbox *mb, struct mail *m)
{
    if (mb->closed)
        return false;
    m->next = NULL;
    *mb->last = m;
    mb->last = &m->next;
    mb->weight += m->weight;
    pthread_cond_signal(&mb->filled);
    return true;
}

bool mailbox_post(struct mailbox *mb, struct mail *m)
{
    bool done;

    pthread_mutex_lock(&mb->lock);
    done = put(mb, m);
    pthread_mutex_unlock(&mb->lock);
    return done;
}

bool mailbox_post_wait(struct mailbox *mb, struct mail *m)
{
    bool done;

    pthread_mutex_lock(&mb->lock);
    while (!mb->closed && over_limit(mb, m->weight))
        pthread_cond_wait(&mb->emptied, &mb->lock);
    done = put(mb, m);
    pthread_mutex_unlock(&mb->lock);
    return done;
}

/* The condition variable knows the real clock only; the deadline is on one that tests may have set. */
static struct timespec real_deadline(int64_t deadline_mono_ms)
{
    int64_t left = deadline_mono_ms - clock_mono_ms();
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    if (left > 0) {
        at.tv_sec += left / 1000;
        at.tv_nsec += left % 1000 * 1000000;
        if (at.tv_nsec >= 1000000000) {
            at.tv_sec++;
            at.tv_nsec -= 1000000000;
        }
    }
    return at;
}

/* With the lock held: until there is mail, the mailbox is closed or the deadline has passed. */
static void wait_filled(struct mailbox *mb, int64_t deadline_mono_ms)
{
    struct timespec at = { 0 };
    int rc = 0;

    if (deadline_mono_ms >= 0)
        at = real_deadline(deadline_mono_ms);
    while (mb->first == NULL && !mb->closed && rc != ETIMEDOUT) {
        if (deadline_mono_ms < 0)
            pthread_cond_wait(&mb->filled, &mb->lock);
        else
            rc = pthread_cond_timedwait(&mb->filled, &mb->lock, &at);
    }
}

struct mail *mailbox_take_all(struct mailbox *mb, int64_t deadline_mono_ms)
{
    struct mail *all;

    pthread_mutex_lock(&mb->lock);
    wait_filled(mb, deadline_mono_ms);
    all = mb->first;
    mb->first = NULL;
    mb->last = &mb->first;
    mb->weight = 0;
    pthread_cond_broadcast(&mb->emptied);
    pthread_mutex_unlock(&mb->lock);
    return all;
}

void mailbox_close(struct mailbox *mb)
{
    pthread_mutex_lock(&mb->lock);
    mb->closed = true;
    pthread_cond_broadcast(&mb->filled);
    pthread_cond_broadcast(&mb->emptied);
    pthread_mutex_unlock(&mb->lock);
}

bool mailbox_closed(struct mailbox *mb)
{
    bool closed;

    pthread_mutex_lock(&mb->lock);
    closed = mb->closed;
    pthread_mutex_unlock(&mb->lock);
    return closed;
}
