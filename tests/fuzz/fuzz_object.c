/* The stored form of objects, and the beginning of a line of actions.
 *
 * Input: the bytes are given to both. A useful seed is the example at the top of consumer/model/object.c. */
#include <stdlib.h>

#include "action.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice bytes = slice_make(data, size);
    struct arena a = { 0 };
    struct buf again = { 0 };
    static struct object o;

    (void)action_line_seq(bytes);
    (void)object_peek_address(bytes);
    (void)object_peek_uuid(bytes);
    (void)object_peek_stamp(bytes);
    if (object_decode(bytes, &o, &a) == 0) {
        object_encode(&o, &again);
        /* What decodes is an object, so its own form must decode too. */
        if (object_decode(buf_slice(&again), &o, &a) != 0)
            abort();
    }
    buf_free(&again);
    arena_free(&a);
    return 0;
}
