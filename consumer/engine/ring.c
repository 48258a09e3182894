/* Rings of renames (SPEC.md 2.3): entries each of which waits for the address that the next one has, until it comes back to the first.
 *
 *   ann@a waits for b, bob@b for c, cid@c for a:
 *   ann a → axsync-UUID, cid c → a, bob b → c, ann axsync-UUID → b
 *
 * Only addresses are links of it: an alias stays where it is when its owner gets another address, so that to open a ring there would
 * leave somebody without an address for nothing. And only renames that wait for nothing but their address, so that a ring is held and
 * approved as a whole: the last of them that begins to wait closes it.
 *
 * All of it is one step. To let one go and each of the others by what became free would give the first address to whoever stands in
 * its line, who need not be of the ring; and a third that is new or wants one address more than there are stays where it is. */
#include "mirror.h"

#include "log.h"

/* Who has the address that this entry's blocked rename wants. */
static bool next_of(struct mirror *m, const uint8_t *uuid, uint8_t *next)
{
    struct arena a = { 0 };
    struct pending p;
    bool alias, found;

    found = pending_get(m->t, uuid, PENDING_RENAME, FIELD_NONE, (struct slice){ 0 }, &p, &a) && p.reason == PENDING_BLOCKED &&
            objects_owner(m->t, p.address, next, &alias) != 0 && !alias;
    arena_free(&a);
    return found;
}

/* Its members, from this one on, each followed by the one whose address it wants. */
static bool find_ring(struct mirror *m, const uint8_t *uuid, struct buf *ring)
{
    uint8_t at[UUID_BYTES], next[UUID_BYTES], mark[UUID_BYTES];
    size_t steps = 0, lap = 1;

    memcpy(at, uuid, UUID_BYTES);
    memcpy(mark, uuid, UUID_BYTES);
    for (;;) {
        buf_add(ring, at, UUID_BYTES);
        if (!next_of(m, at, next))
            return false;
        if (memcmp(next, uuid, UUID_BYTES) == 0)
            return true;
        if (memcmp(next, mark, UUID_BYTES) == 0)
            return false;   /* it leads to a ring that could not be opened */
        memcpy(at, next, UUID_BYTES);
        if (++steps == lap) {   /* Brent: a loop is found wherever it begins */
            memcpy(mark, at, UUID_BYTES);
            lap *= 2;
            steps = 0;
        }
    }
}

static struct slice parking_of(struct mirror *m, const uint8_t *uuid, struct object *told)
{
    objects_get(m->t, uuid, told, &m->a);
    return mapping_parking_address(uuid, told->address, &m->a);
}

/* The first that can step aside: nobody has that address, nor does it stand there itself. */
static bool find_opener(struct mirror *m, const uint8_t *ring, size_t n, size_t *first)
{
    struct object told;

    for (*first = 0; *first < n; ++*first)
        if (objects_owner(m->t, parking_of(m, ring + *first * UUID_BYTES, &told), NULL, NULL) == 0)
            return true;
    return false;
}

/* The addresses of the ring are nobody's between two of its renames. */
static void turn(struct mirror *m, const uint8_t *ring, size_t n, size_t first)
{
    struct object told;
    struct slice parking = parking_of(m, ring + first * UUID_BYTES, &told);

    log_info(m->subject, "%zu entries wait for each other's addresses; %.*s opens the ring by way of %.*s", n, SLICE_ARG(told.dn),
             SLICE_ARG(parking));
    depart_aside(m, ring + first * UUID_BYTES, parking);
    for (size_t i = 1; i <= n; i++)
        depart_in_turn(m, ring + (first + n - i) % n * UUID_BYTES);
    ingest_address_free(m, parking);
}

void ring_close(struct mirror *m, const uint8_t *uuid)
{
    struct buf ring = { 0 };
    size_t n, first;
    bool closed = find_ring(m, uuid, &ring);

    n = ring.len / UUID_BYTES;
    if (closed && !find_opener(m, (const uint8_t *)ring.p, n, &first)) {
        log_warning(m->subject, "%zu entries wait for each other's addresses, and none of them can step aside", n);
        closed = false;
    }
    if (closed)
        turn(m, (const uint8_t *)ring.p, n, first);
    buf_free(&ring);
}

/* ---- who was left aside -------------------------------------------------------------------------------------- */

void ring_see_aside(struct mirror *m, const struct pending *p)
{
    struct object told;

    if (!m->aside && p->what == PENDING_RENAME && objects_get(m->t, p->uuid, &told, &m->a) != 0)
        m->aside = slice_eq(told.address, mapping_parking_address(p->uuid, told.address, &m->a));
}

static bool waits_aside(struct mirror *m, const uint8_t *uuid, struct arena *a)
{
    struct object told;
    struct pending p;

    return objects_get(m->t, uuid, &told, a) != 0 &&
           slice_eq(told.address, mapping_parking_address(uuid, told.address, a)) &&
           pending_get(m->t, uuid, PENDING_RENAME, FIELD_NONE, (struct slice){ 0 }, &p, a) && p.reason == PENDING_BLOCKED;
}

bool ring_first_in_line(struct mirror *m, struct slice address, struct object *wanted)
{
    struct buf next = { 0 };
    struct arena a = { 0 };
    bool found = false;

    while (m->aside && !found && want_line_next(m->t, address, &next, wanted, &a)) {
        found = waits_aside(m, wanted->uuid, &a) && want_get(m->t, wanted->uuid, wanted, &m->a);
        arena_reset(&a);
    }
    buf_free(&next);
    arena_free(&a);
    return found || want_first(m->t, address, wanted, &m->a);
}
