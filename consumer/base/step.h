/* Kill points: the durable and outward steps of step.def. Compiled in with -DAXSYNC_STEPS only.
 *
 * AXSYNC_STEP_LOG=FILE   appends a step's name to FILE each time it is reached.
 * AXSYNC_STEP_KILL=NAME:N   the N-th time that step NAME is reached is the last thing that happens: SIGKILL.
 * AXSYNC_STEP_KILL=N        the same for the N-th step of all.
 * AXSYNC_STEP_HANG=NAME:N   the thread that reaches it for the N-th time stays there for ever: a disk that does not answer. */
#ifndef BASE_STEP_H
#define BASE_STEP_H

#ifdef AXSYNC_STEPS
void step_reached(const char *name);
#define STEP_POINT(name) step_reached(#name)
#else
#define STEP_POINT(name) ((void)0)
#endif

#endif
