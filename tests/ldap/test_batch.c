#include <criterion/criterion.h>

#include "sync_msg.h"

Test(batch, messages_stay_in_order)
{
    struct sync_batch *b = sync_batch_new();
    struct sync_msg *m;
    unsigned n = 0;

    for (unsigned i = 0; i < 1000; i++)
        sync_batch_add(b, SYNC_IDSET)->token = i;
    for (m = b->first; m; m = m->next) {
        cr_assert_eq(m->token, n++);
        cr_assert_eq(m->type, SYNC_IDSET);
    }
    cr_assert_eq(n, 1000);
    cr_assert_eq(b->count, 1000);
    cr_assert_eq(b->last->token, 999);
    sync_batch_free(&b);
    cr_assert_null(b);
    sync_batch_free(&b);
}

Test(batch, one_that_is_used_again_is_empty)
{
    for (int i = 0; i < 100; i++) {
        struct sync_batch *b[40];

        for (size_t k = 0; k < 40; k++) {
            b[k] = sync_batch_new();
            cr_assert_null(b[k]->first);
            cr_assert_null(b[k]->last);
            cr_assert_null(b[k]->next);
            cr_assert_eq(b[k]->count, 0);
            cr_assert_eq(b[k]->arena.used, 0);
            b[k]->next = b[0];
            arena_alloc(&b[k]->arena, k * 9000);
            sync_batch_add(b[k], SYNC_LOST)->rc = 7;
        }
        for (size_t k = 0; k < 40; k++)
            sync_batch_free(&b[k]);
    }
}
