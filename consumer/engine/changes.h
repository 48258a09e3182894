/* What a sink's thread wants to have stored, as a run of bytes that travels to the writer: the writer alone writes, and it
 * knows nothing of what these mean. Applied in order, in one transaction, with whatever else is in it. */
#ifndef ENGINE_CHANGES_H
#define ENGINE_CHANGES_H

#include "aside.h"
#include "records.h"

struct changes {
    struct buf ops;
};

void changes_free(struct changes *c);
void changes_reset(struct changes *c);
bool changes_empty(const struct changes *c);

void changes_position(struct changes *c, uint64_t position);
void changes_telling(struct changes *c, bool telling, uint64_t first_upto);
void changes_add(struct changes *c, const struct aside_row *row);
/* … if it is still there: the operator may have dropped it. */
void changes_edit(struct changes *c, const struct aside_row *row);
void changes_end(struct changes *c, struct aside_id id);
void changes_supersede(struct changes *c, const uint8_t *uuid, struct aside_id before, unsigned what);
void changes_record(struct changes *c, const struct record *r);
/* record_why() */
void changes_why(struct changes *c, const uint8_t *uuid, struct slice why);
void changes_forget(struct changes *c, const uint8_t *uuid);
/* Its deletion came to an end, whatever that was. */
void changes_settled(struct changes *c, const uint8_t *uuid);
/* Those of another, behind one's own. */
void changes_append(struct changes *c, const struct changes *other);

/* True: *position was changed. */
bool changes_apply(struct txn *t, const char *sink, struct slice ops, int64_t now_ms, uint64_t *position);

#endif
