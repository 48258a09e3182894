/* The two clocks, which tests can set. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ms(void);   /* milliseconds since 1970, UTC; may jump */
int64_t clock_mono_ms(void);   /* milliseconds since some point; never jumps */

/* Tests: from now on the wall (monotonic) clock stands at this value; a negative one gives the real clock back. */
void clock_set_wall_ms(int64_t ms);
void clock_set_mono_ms(int64_t ms);

#endif
