/* What an action sink's thread asks of the writer: to store its changes, which it waits for, and to look entries up whose
 * accounts are to be removed. Called by writer.c but for the two that say otherwise. */
#ifndef ENGINE_ERRAND_H
#define ENGINE_ERRAND_H

#include "changes.h"
#include "mailbox.h"
#include "sync_msg.h"

struct writer;
struct changes_mail;
struct removals_mail;

struct errands {
    struct changes_mail *changes;      /* in the open transaction, to be answered after its commit */
    struct removals_mail *removals;    /* to be looked up, the oldest first */
    struct removals_mail *asked;       /* is being looked up */
    uint32_t token;                    /* … by this request */
};

/* dispatch_hooks (dispatch.h), ctx is the writer: in the sink's thread. */
int errand_commit(void *writer, size_t sink, const struct changes *c, struct err *e);
void errand_look_up(void *writer, size_t sink, const uint8_t *uuids, size_t n);

/* Applies them to the open transaction. */
void errand_take_changes(struct writer *w, struct mail *mail);
void errand_take_removals(struct writer *w, struct mail *mail);
/* The transaction is on disk; failed: nothing of it is. */
void errand_committed(struct writer *w, const struct err *failed);
/* The position that the sink will have with the open transaction. */
uint64_t errand_position(const struct writer *w, size_t sink);

/* Whether a look-up is to be sent; sends it with this token. */
bool errand_has_look_up(const struct writer *w);
void errand_send_look_up(struct writer *w, uint32_t token);
/* True: it was an answer to such a look-up and is nobody else's business. */
bool errand_message(struct writer *w, const struct sync_msg *msg);

/* At the end: a mail that was not taken, and what was taken and not done. */
void errand_discard(struct mail *mail, bool changes);
void errand_end(struct writer *w);

#endif
