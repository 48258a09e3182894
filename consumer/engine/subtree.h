/* Containers, and what lies under them (SPEC.md 2.1, "A renamed or moved parent"): a server tells what happens to a parent by
 * one message for the parent alone.
 *
 *   renamed, or moved within the base   the DNs of all that lies under it are rewritten, in the same step
 *   gone from the base                  all that lies under it is looked up, each entry by itself
 *   come into the base                  all that lies under it is read (fetch.c)
 *
 * There is no index by parent: it would cost a first load of a million entries one more sorted table, and what it would save
 * is a walk over the objects at each rename or removal of a container, about a second for a million of them. The walk
 * reads in pieces and commits in pieces, and what is left of it is durable, so neither memory nor a kill is a matter. All
 * containers that went in one round share a walk.
 *
 * A container whose deletion was told, that was looked up and not found, and whose own parent is there (or went the same way),
 * is proven to be deleted, and explains why the parent of an entry can't be read. An absence that nobody told of explains
 * nothing: a right that was lost looks like that. */
#ifndef ENGINE_SUBTREE_H
#define ENGINE_SUBTREE_H

#include "action.h"
#include "objects.h"
#include "search.h"
#include "sync_msg.h"

/* Finishes a rename that a kill cut short, and sees what is still to be read or looked up. 0, or -1 and *e. */
int subtree_open(struct mirror *m, struct err *e);
/* Sees what is still to be read or looked up: at start, and after a commit failed. */
void subtree_read(struct mirror *m);
/* A session begins: a rename that a failed commit cut short is finished. */
void subtree_begin_session(struct mirror *m);

/* A container is there, with this DN. read: it was read together with what lies under it. */
void subtree_take(struct mirror *m, struct mirror_search *s, const struct entry *e, enum phase_word phase, bool read);
/* It was reported deleted. */
void subtree_gone(struct mirror *m, struct mirror_search *s, const uint8_t *uuid);
/* A look-up of a container was answered. */
void subtree_answer(struct mirror *m, struct mirror_search *s, const struct sync_msg *msg);
/* A census of containers is through and counts. */
void subtree_census(struct mirror *m, struct mirror_search *s, struct census *census);
/* In each round: what lies under containers that went is looked up, outside of refreshes. */
void subtree_run(struct mirror *m);
/* Drops what is known of containers that are gone for long. */
void subtree_forget(struct mirror *m);

/* Whether the parent of a DN is known to be deleted; SOON: that may be found out. */
enum subtree_verdict { SUBTREE_UNEXPLAINED, SUBTREE_SOON, SUBTREE_DELETED };
enum subtree_verdict subtree_explains(struct mirror *m, struct slice dn);

/* Whether an entry with this DN lies in the place of a search, filter aside. */
bool subtree_in_place(const struct mirror *m, const struct mirror_search *s, struct slice dn);

/* subtree_move.c: the walks. 0, or -1 and *e: a commit in between failed, or the program is to end; the rest is durable. */

/* Gives all that lies under a container its new DN. */
int subtree_move(struct mirror *m, struct slice from, struct slice to, enum phase_word phase, struct err *e);
/* Goes on with one that was cut short, if any. */
int subtree_move_rest(struct mirror *m, struct err *e);
/* All objects and entries under these (canonical DNs, sorted) become candidates for absence. */
int subtree_suspect(struct mirror *m, const struct slice *bases, size_t n, struct err *e);

#endif
