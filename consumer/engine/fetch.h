/* Reading what lies under a container that came into the base: its entries get no message of their own. One container after
 * the other, and of each what every search shows there, containers first. That a container is still to be read is
 * durable (store/containers.h), until all of it was read with success from a server that is not behind. */
#ifndef ENGINE_FETCH_H
#define ENGINE_FETCH_H

#include "census.h"
#include "sync_msg.h"

struct mirror;
struct mirror_search;

struct fetch {
    struct buf queue;          /* UUIDs of containers, from `head` on; the first one is being read. One that is there twice is read
                                  once: the flag in its row says whether it is still to be */
    size_t head;               /* bytes of the queue that were taken: moved away when they are half of it */
    bool running;
    unsigned at;               /* searches from this index on were asked */
    uint32_t token;            /* of the request under way; 0: none is */
    bool failed;
    struct census gone;        /* reported deleted since its begin: a row that was read before counts for nothing */
    int64_t after_ms;          /* wall clock: not before */
};

/* What lies under it is to be read. */
void fetch_later(struct mirror *m, const uint8_t *container);
/* The search that is to be asked now, and where: malloc'ed, the caller's. NULL: none. */
struct mirror_search *fetch_due(struct mirror *m, char **base);
/* Wall clock at which one will be; -1: none, or something else must happen first. */
int64_t fetch_next(const struct mirror *m);
/* It was asked, with this token. */
void fetch_begin(struct mirror *m, struct mirror_search *s, uint32_t token);
void fetch_listed(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
/* SYNC_PROBE_END of any request. */
void fetch_end(struct mirror *m, const struct sync_msg *msg);
/* Any entry was reported deleted. */
void fetch_gone(struct mirror *m, const uint8_t *uuid);
/* Forgets the queue, and what was read so far of its first one: the flags in the rows are read anew. */
void fetch_reset(struct mirror *m);
bool fetch_is_idle(const struct mirror *m);
void fetch_free(struct mirror *m);

#endif
