#include "sync_msg.h"

#include <pthread.h>
#include <stdlib.h>

/* Batches go from thread to thread, and a block of memory that one thread frees and the other one allocates anew costs more than
 * decoding what is in it: page faults, and malloc giving the pages back in between. So a few are kept, each with its first block. */
#define MAX_SPARE 32

static struct {
    pthread_mutex_t lock;
    struct sync_batch *first;
    unsigned n;
} spare = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct sync_batch *take_spare(void)
{
    struct sync_batch *b;

    pthread_mutex_lock(&spare.lock);
    b = spare.first;
    if (b) {
        spare.first = b->next;
        spare.n--;
    }
    pthread_mutex_unlock(&spare.lock);
    if (b)
        b->next = NULL;
    return b;
}

static bool keep_spare(struct sync_batch *b)
{
    bool kept;

    pthread_mutex_lock(&spare.lock);
    kept = spare.n < MAX_SPARE;
    if (kept) {
        b->next = spare.first;
        spare.first = b;
        spare.n++;
    }
    pthread_mutex_unlock(&spare.lock);
    return kept;
}

struct sync_batch *sync_batch_new(void)
{
    struct sync_batch *b = take_spare();

    return b ? b : mem_alloc(sizeof(*b));
}

void sync_batch_free(struct sync_batch **b)
{
    struct sync_batch *gone = *b;
    bool usual;

    *b = NULL;
    if (gone == NULL)
        return;
    usual = gone->arena.used <= 2 * SYNC_BATCH_BYTES;   /* else its first block may be as large as the largest entry */
    arena_reset(&gone->arena);
    gone->first = gone->last = NULL;
    gone->count = 0;
    if (usual && keep_spare(gone))
        return;
    arena_free(&gone->arena);
    free(gone);
}

struct sync_msg *sync_batch_add(struct sync_batch *b, enum sync_type type)
{
    struct sync_msg *m = arena_alloc(&b->arena, sizeof(*m));

    m->type = type;
    if (b->last)
        b->last->next = m;
    else
        b->first = m;
    b->last = m;
    b->count++;
    return m;
}
