/* Between the files of the harness. */
#ifndef TESTS_ENGINE_SCENE_H
#define TESTS_ENGINE_SCENE_H

#include "harness.h"

/* One round of the writer with these messages (NULL: none), which it frees. */
void scene_round(struct sync_batch *b);

void directory_forget(void);
void directory_forget_asked(void);
void directory_ask(unsigned search, const uint8_t *uuid);   /* a look-up was sent */

void target_line(struct slice line);       /* a line was committed to the queue */
void target_forget(void);
void target_compare(struct txn *t);

#endif
