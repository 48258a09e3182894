/* DNs. Input: two DNs with a newline between them, as a directory may write them. */
#include <stdlib.h>

#include "dn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The canonical form must be its own, or a name would change by being stored. */
static void check_canonical(struct slice canonical, size_t depth)
{
    struct buf again = { 0 };

    if (!dn_normalise(canonical, &again) || !slice_eq(buf_slice(&again), canonical))
        abort();
    if (dn_depth(canonical) != depth || !dn_within(canonical, dn_parent(canonical)))
        abort();
    buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice whole = slice_make(data, size);
    const char *end = size ? memchr(whole.p, '\n', size) : NULL;
    struct slice one = { whole.p, end ? (size_t)(end - whole.p) : size };
    struct slice other = end ? slice_make(end + 1, size - one.len - 1) : slice_of("dc=x");
    struct buf canonical = { 0 }, moved = { 0 }, moved_canonical = { 0 };

    one = dn_without_uid(one);
    if (dn_normalise(one, &canonical)) {
        check_canonical(buf_slice(&canonical), dn_depth(one));
        if (dn_move(one, dn_parent(one), other, &moved) && dn_normalise(other, &canonical) &&
            !dn_normalise(buf_slice(&moved), &moved_canonical))
            abort();
    } else if (canonical.len) {
        abort();
    }
    buf_free(&canonical);
    buf_free(&moved);
    buf_free(&moved_canonical);
    return 0;
}
