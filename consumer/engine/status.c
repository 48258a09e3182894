#include "status.h"

#include <string.h>
#include <time.h>

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
}

void status_get(struct status_board *b, struct status *out)
{
    pthread_mutex_lock(&b->lock);
    *out = b->status;
    pthread_mutex_unlock(&b->lock);
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
