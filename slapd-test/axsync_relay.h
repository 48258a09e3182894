/* A wire between axsync and slapd that can be cut or can go dead at a chosen byte: what a test of "in the middle of a
 * refresh" needs, whatever the speed of the machine. A process of its own that passes on bytes. */
#ifndef AXSYNC_RELAY_H
#define AXSYNC_RELAY_H

struct relay;

/* Passes connections to a port of 127.0.0.1 on to another; NULL on failure. The process ends with the caller's thread. */
struct relay *relay_new(unsigned to_port);
void relay_free(struct relay **r);
/* The port that it listens on. */
unsigned relay_port(const struct relay *r);

/* Goes dead after so many more bytes from the server: nothing passes any more, new connections are taken and hang. */
void relay_hang_after(struct relay *r, long bytes);
/* Waits until it has; 0, or -1 after wait_ms. */
int relay_await_hang(struct relay *r, int wait_ms);
/* Passes on again what hung. */
void relay_go_on(struct relay *r);
/* Closes all connections; new ones pass. */
void relay_cut(struct relay *r);

#endif
