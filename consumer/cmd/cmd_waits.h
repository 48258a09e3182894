/* What something that is pending waits for where that is no clock: the removal of a member goes with the deletion or rename of that
 * member, which may be blocked for years (SPEC.md 2.7), and a clear until another entry that has the field could be read. */
#ifndef CMD_WAITS_H
#define CMD_WAITS_H

#include "buf.h"
#include "pending.h"

/* A removal of a member that the clock does not release. */
bool waits_with_another(const struct pending *p);
/* Appends what it waits for, in words that are safe to print: "the rename of uid=… to …, which belongs to uid=…". */
void waits_words(struct txn *t, const struct pending *p, struct buf *out, struct arena *a);

#endif
