/* Memory. Running out of it ends the program with a message: all that counts is in LMDB and survives a kill at any
 * instant, so there is one recovery path, the restart, instead of hundreds that no test ever walks. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "slice.h"

void *mem_alloc(size_t n);                    /* zeroed; free() it */
void *mem_realloc(void *p, size_t n);         /* new bytes are not zeroed */
char *mem_strdup(const char *s);              /* NULL gives NULL */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Many small pieces with one life. arena_alloc() hands out zero-filled, 8-aligned memory that lives until
 * arena_free() or arena_reset(); a reset keeps the first block for the next use. */
struct arena {
    struct arena_block *head;
    size_t used;      /* bytes handed out since the last reset */
};

void *arena_alloc(struct arena *a, size_t n);
/* A copy with a NUL after it (not counted in len), so that it can be printed and parsed as text. */
struct slice arena_copy(struct arena *a, const void *p, size_t len);
void arena_reset(struct arena *a);
void arena_free(struct arena *a);

#endif
