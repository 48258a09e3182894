#include "status.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pending.h"
#include "text.h"

void status_board_init(struct status_board *b)
{
    pthread_condattr_t attr;

    memset(b, 0, sizeof(*b));
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&b->changed, &attr);
    pthread_condattr_destroy(&attr);
}

void status_board_destroy(struct status_board *b)
{
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    free(b->holds);
    arena_free(&b->hold_texts);
}

void status_get(struct status_board *b, struct status *out)
{
    pthread_mutex_lock(&b->lock);
    *out = b->status;
    pthread_mutex_unlock(&b->lock);
}

static struct hold *copy_holds(const struct hold *holds, size_t n, struct arena *texts)
{
    struct hold *copy = mem_alloc((n + 1) * sizeof(*copy));

    for (size_t i = 0; i < n; i++) {
        copy[i] = holds[i];
        copy[i].why = arena_copy(texts, holds[i].why.p, holds[i].why.len);
    }
    return copy;
}

void status_set_holds(struct status_board *b, const struct hold *holds, size_t n)
{
    struct arena texts = {0};
    struct hold *copy = copy_holds(holds, n, &texts), *before;
    struct arena texts_before;

    pthread_mutex_lock(&b->lock);
    before = b->holds;
    texts_before = b->hold_texts;
    b->holds = copy;
    b->n_holds = n;
    b->hold_texts = texts;
    pthread_mutex_unlock(&b->lock);
    free(before);
    arena_free(&texts_before);
}

void status_holds(struct status_board *b, void (*each)(void *ctx, const struct hold *h), void *ctx)
{
    struct arena texts = {0};
    struct hold *copy;
    size_t n;

    pthread_mutex_lock(&b->lock);
    n = b->n_holds;
    copy = copy_holds(b->holds, n, &texts);
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < n; i++)
        each(ctx, &copy[i]);
    free(copy);
    arena_free(&texts);
}

void status_wait(struct status_board *b, int wait_ms)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    ts.tv_sec += wait_ms / 1000;
    ts.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_nsec -= 1000000000;
        ts.tv_sec++;
    }
    pthread_mutex_lock(&b->lock);
    pthread_cond_timedwait(&b->changed, &b->lock, &ts);
    pthread_mutex_unlock(&b->lock);
}

void status_text(char *to, size_t size, const char *text)
{
    size_t n = text ? strlen(text) : 0;
    size_t i = 0;

    while (i < n) {
        size_t step = utf8_length(text + i, n - i);

        if (step == 0)
            step = 1;
        if (i + step >= size)
            break;
        i += step;
    }
    memcpy(to, text ? text : "", i);
    to[i] = '\0';
}
