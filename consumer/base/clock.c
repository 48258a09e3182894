#include "clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic int64_t set_wall = -1;
static _Atomic int64_t set_mono = -1;

static int64_t now(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
    int64_t set = set_wall;

    return set >= 0 ? set : now(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
    int64_t set = set_mono;

    return set >= 0 ? set : now(CLOCK_MONOTONIC);
}

void clock_set_wall_ms(int64_t ms)
{
    set_wall = ms;
}

void clock_set_mono_ms(int64_t ms)
{
    set_mono = ms;
}
