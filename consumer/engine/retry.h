/* What follows from how an action ended: the only place with this opinion (SPEC.md section 5, Failure). Pure.
 *
 * A refused action is tried again after transientErrorRetryInterval, then after twice as long, and so on up to
 * maxRetryInterval; refused maxAttempts times it is parked. A lost connection is no refusal and is not judged here. */
#ifndef ENGINE_RETRY_H
#define ENGINE_RETRY_H

#include "sink.h"

struct retry_limits {
    int64_t first_ms, max_ms;
    uint32_t max_attempts;
};

enum retry_what {
    RETRY_ACK,      /* it is done */
    RETRY_AGAIN,    /* after delay_ms */
    RETRY_PARK,
    RETRY_ADOPT,    /* parked until the operator says `queue adopt` */
    RETRY_REST,     /* done but for a part, which is parked */
    RETRY_DOMAIN    /* waits for its domain */
};

struct retry_verdict {
    enum retry_what what;
    int64_t delay_ms;
};

/* attempts: refusals so far, this one counted. */
struct retry_verdict retry_judge(enum outcome outcome, uint32_t attempts, const struct retry_limits *limits);

/* The delay after so many failures (1: the first) of whatever kind. */
int64_t retry_delay_ms(uint32_t failures, const struct retry_limits *limits);

#endif
