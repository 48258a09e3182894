/* What the first run would take in, kept while the sinks are asked about it: in a file without a name, in $TMPDIR,
 * since a million objects do not fit into memory. */
#ifndef ENGINE_VERIFY_SPOOL_H
#define ENGINE_VERIFY_SPOOL_H

#include <stdio.h>

#include "err.h"
#include "object.h"

struct spool {
    FILE *file;
    struct buf row;
};

int spool_open(struct spool *s, struct err *e);
void spool_close(struct spool *s);
void spool_put(struct spool *s, const struct object *o);
/* Back to the first one. -1 and *e: not all could be written. */
int spool_rewind(struct spool *s, struct err *e);
bool spool_next(struct spool *s, struct object *o, struct arena *a);

#endif
