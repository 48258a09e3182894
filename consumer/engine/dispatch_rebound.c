#include "dispatch_rebound.h"

#include <stdlib.h>

#include "action_parse.h"
#include "aside.h"
#include "queue.h"

#define PIECE_BYTES ((size_t)1 << 20)
/* Nobody is rebound so often; a chain that is longer, or a ring, is left where it is. */
#define STEPS_MAX 100

void rebound_free(struct rebound *r)
{
    free(r->pairs);
    *r = (struct rebound){ 0 };
}

static void note(struct rebound *r, const uint8_t *from, const uint8_t *to)
{
    if (r->n == r->cap) {
        r->cap = r->cap ? r->cap * 2 : 16;
        r->pairs = mem_realloc(r->pairs, r->cap * sizeof(*r->pairs));
    }
    memcpy(r->pairs[r->n].from, from, UUID_BYTES);
    memcpy(r->pairs[r->n++].to, to, UUID_BYTES);
}

static void take_line(struct rebound *r, struct slice line, struct arena *a)
{
    uint8_t from[UUID_BYTES];
    struct action action;
    struct err e;

    if (memmem(line.p, line.len, ".rebind\"", 8) != NULL && action_parse(line, &action, a, &e) == 0 &&
        action_is_rebind(action.type) && uuid_parse(action.from, from))
        note(r, from, action.uuid);
    arena_reset(a);
}

static void take_lines(struct rebound *r, struct slice lines, struct arena *a)
{
    while (lines.len > 0) {
        const char *end = memchr(lines.p, '\n', lines.len);
        size_t n = (size_t)(end - lines.p);

        take_line(r, slice_make(lines.p, n), a);
        lines = slice_make(end + 1, lines.len - n - 1);
    }
}

/* What lay below the position when it was not read yet was done, or stands aside. */
static void scan(struct rebound *r, struct txn *t, uint64_t position)
{
    struct buf lines = { 0 };
    struct arena a = { 0 };

    if (r->scanned < position)
        r->scanned = position;
    while (queue_read(t, r->scanned, PIECE_BYTES, &lines, &r->scanned) > 0) {
        take_lines(r, buf_slice(&lines), &a);
        buf_reset(&lines);
    }
    buf_free(&lines);
    arena_free(&a);
}

static bool step(const struct rebound *r, struct txn *t, const char *sink, uint8_t *uuid)
{
    if (aside_rebound(t, sink, uuid, uuid))
        return true;
    for (size_t i = 0; i < r->n; i++)
        if (memcmp(r->pairs[i].from, uuid, UUID_BYTES) == 0) {
            memcpy(uuid, r->pairs[i].to, UUID_BYTES);
            return true;
        }
    return false;
}

bool rebound_to(struct rebound *r, struct txn *t, const char *sink, uint64_t position, const uint8_t *uuid, uint8_t *to)
{
    int steps = 0;

    scan(r, t, position);
    memcpy(to, uuid, UUID_BYTES);
    while (steps < STEPS_MAX && step(r, t, sink, to))
        steps++;
    return steps > 0;
}
