#include "control_answers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mem.h"

struct answers {
    pthread_mutex_t lock;
    unsigned refs; /* the control's and one for each command under way */
    int event_fd;
    struct answer *first;
};

struct answers *answers_new(void)
{
    struct answers *a = mem_alloc(sizeof(*a));

    pthread_mutex_init(&a->lock, NULL);
    a->refs = 1;
    a->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return a;
}

void answer_free(struct answer *a)
{
    free(a->text);
    free(a);
}

void answers_unref(struct answers *a)
{
    bool last;

    pthread_mutex_lock(&a->lock);
    last = --a->refs == 0;
    pthread_mutex_unlock(&a->lock);
    if (!last)
        return;
    for (struct answer *next; a->first; a->first = next) {
        next = a->first->next;
        answer_free(a->first);
    }
    if (a->event_fd >= 0)
        close(a->event_fd);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

int answers_fd(const struct answers *a)
{
    return a->event_fd;
}

struct answer *answers_expect(struct answers *as, uint64_t client)
{
    struct answer *a = mem_alloc(sizeof(*a));

    a->answers = as;
    a->client = client;
    pthread_mutex_lock(&as->lock);
    as->refs++;
    pthread_mutex_unlock(&as->lock);
    return a;
}

void answers_done(void *ctx, const struct err *e, const char *text)
{
    struct answer *a = ctx;
    struct answers *as = a->answers;
    uint64_t one = 1;
    ssize_t ignored;

    a->err = *e;
    a->text = mem_strdup(text);
    pthread_mutex_lock(&as->lock);
    a->next = as->first;
    as->first = a;
    pthread_mutex_unlock(&as->lock);
    ignored = write(as->event_fd, &one, sizeof(one)); /* fails only when the loop has not looked 2^64 times */
    (void)ignored;
    answers_unref(as);
}

struct answer *answers_take(struct answers *as)
{
    struct answer *first;
    uint64_t count;
    ssize_t ignored = read(as->event_fd, &count, sizeof(count));

    (void)ignored;
    pthread_mutex_lock(&as->lock);
    first = as->first;
    as->first = NULL;
    pthread_mutex_unlock(&as->lock);
    return first;
}
