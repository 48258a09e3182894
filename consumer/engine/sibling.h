/* Before a clear goes out, another entry that has the field is read: slapd shows a lost right only entry by entry, and what
 * one more lacks that nobody changed is no change but an accident (SPEC.md 2.7, 3.). One that was changed since it was told may
 * lack it by that change: then another one is read.
 *
 * What is known is kept by field and in memory only, for as long as `settle`: one read serves all clears of a field that are
 * due together. The entry to read is found by walking the state from where the last walk ended, a bounded piece in a round. */
#ifndef ENGINE_SIBLING_H
#define ENGINE_SIBLING_H

#include "objects.h"
#include "sync_msg.h"

struct mirror;

struct siblings {
    struct sibling *all;   /* one a field that was asked for */
    size_t n;
    object_id at;          /* where the next search begins */
    unsigned budget;       /* objects that this round may still look at */
    bool searching;        /* a search goes on in the next round, which need not wait for anything */
};

enum sibling_verdict {
    SIBLING_FINE,    /* clears of the field may go */
    SIBLING_SOON,    /* it is being found out */
    SIBLING_LATER    /* nobody could tell: sibling_wait_ms() says when to ask again */
};

/* Around the walk over what is due. */
void sibling_begin_round(struct mirror *m);
void sibling_end_round(struct mirror *m);

/* What is known of a field; if it is nothing, finding out begins. */
enum sibling_verdict sibling_ask(struct mirror *m, field_id field);
int64_t sibling_wait_ms(struct mirror *m, field_id field);
/* Whether clears of the field may go, without asking. */
bool sibling_permits(const struct mirror *m, field_id field);

/* A look-up was answered, perhaps of a sibling: opens the hold if it lacks the field. Returns whether it was one; what it shows
 * of the entry is then still to be taken in. */
bool sibling_answer(struct mirror *m, const struct sync_msg *msg);

void sibling_free(struct mirror *m);

#endif
