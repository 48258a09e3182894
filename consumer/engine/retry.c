#include "retry.h"

int64_t retry_delay_ms(uint32_t failures, const struct retry_limits *limits)
{
    int64_t delay = limits->first_ms;

    for (uint32_t i = 1; i < failures && delay < limits->max_ms; i++)
        delay *= 2;
    return delay < limits->max_ms ? delay : limits->max_ms;
}

struct retry_verdict retry_judge(enum outcome outcome, uint32_t attempts, const struct retry_limits *limits)
{
    switch (outcome) {
    case OUTCOME_DONE:
        return (struct retry_verdict){ RETRY_ACK, 0 };
    case OUTCOME_PARK:
        return (struct retry_verdict){ RETRY_PARK, 0 };
    case OUTCOME_PART:
        return (struct retry_verdict){ RETRY_REST, 0 };
    case OUTCOME_ADOPT:
        return (struct retry_verdict){ RETRY_ADOPT, 0 };
    case OUTCOME_DOMAIN:
        return (struct retry_verdict){ RETRY_DOMAIN, 0 };
    case OUTCOME_REFUSED:
    case OUTCOME_UNKNOWN:
        break;
    }
    if (attempts >= limits->max_attempts)
        return (struct retry_verdict){ RETRY_PARK, 0 };
    return (struct retry_verdict){ RETRY_AGAIN, retry_delay_ms(attempts, limits) };
}
