#include "mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define ARENA_BLOCK (64 * 1024)

struct arena_block {
    struct arena_block *next;
    size_t size;
    size_t used;
    char bytes[];
};

static void out_of_memory(void)
{
    static const char text[] = "axsync: out of memory; the state on disk is whole, start again\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)ignored;
    _exit(EX_OSERR);
}

void *mem_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);

    if (p == NULL)
        out_of_memory();
    return p;
}

void *mem_realloc(void *p, size_t n)
{
    p = realloc(p, n ? n : 1);
    if (p == NULL)
        out_of_memory();
    return p;
}

char *mem_strdup(const char *s)
{
    size_t n;

    if (s == NULL)
        return NULL;
    n = strlen(s) + 1;
    return memcpy(mem_alloc(n), s, n);
}

char *mem_printf(const char *fmt, ...)
{
    va_list ap;
    char *text = NULL;

    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        out_of_memory();
    va_end(ap);
    return text;
}

void *arena_alloc(struct arena *a, size_t n)
{
    struct arena_block *b = a->head;
    void *p;

    n = (n + 7) & ~(size_t)7;
    if (b == NULL || b->size - b->used < n) {
        size_t size = n > ARENA_BLOCK ? n : ARENA_BLOCK;

        b = mem_realloc(NULL, sizeof(*b) + size);
        b->size = size;
        b->used = 0;
        b->next = a->head;
        a->head = b;
    }
    p = b->bytes + b->used;
    b->used += n;
    a->used += n;
    return memset(p, 0, n);
}

struct slice arena_copy(struct arena *a, const void *p, size_t len)
{
    char *copy = arena_alloc(a, len + 1);

    if (len)
        memcpy(copy, p, len);
    return (struct slice){ copy, len };
}

void arena_reset(struct arena *a)
{
    while (a->head && a->head->next) {
        struct arena_block *next = a->head->next;

        free(a->head);
        a->head = next;
    }
    if (a->head)
        a->head->used = 0;
    a->used = 0;
}

void arena_free(struct arena *a)
{
    arena_reset(a);
    free(a->head);
    a->head = NULL;
}
