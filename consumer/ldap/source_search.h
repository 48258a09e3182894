/* Mode search: polling with plain searches, for a server that can't sync. Of each search of the source, in a poll:
 *
 *   never read in full      all entries with their content
 *   else                    has anything in the naming context a stamp that was not seen yet? (since.h; where it is indexed,
 *                           a quiet directory answers that at once)
 *     yes                   the changed entries with their content, and a list
 *     no                    a list, unless it is known that nothing was deleted meanwhile
 *
 * A list is uuid, DN and stamp of all entries. The writer compares it with the state; so it finds what no stamp tells: deletions, who
 * left, who stands below a renamed entry, and what was replicated with an old stamp. A poll that did not end with success for a
 * search tells of that search that it failed, and proves nothing.
 *
 * That nothing was deleted is known of 389 Directory Server with a changelog, which numbers all changes, and else only where
 * cn=Monitor can be read, by slapd's own count of deletions (slapd-monitor(5)). Nothing else tells: a deletion leaves no stamp; slapd
 * estimates the size of a paged search with 0; contextCSN stands still for ever in a database that once had the overlay. Elsewhere
 * each poll lists, but lists never take more than a twentieth of the time.
 *
 * What was seen is kept in memory only: a new process, a change of mode or of server begins with a list. */
#ifndef LDAP_SOURCE_SEARCH_H
#define LDAP_SOURCE_SEARCH_H

#include "session.h"
#include "worker.h"

struct searcher;

/* give_up: ends a poll, when the worker is woken. Everything stays the caller's and must outlive it. */
struct searcher *searcher_new(const struct source_settings *settings, const struct source_hooks *hooks, struct worker *worker,
                              const atomic_bool *give_up);
void searcher_free(struct searcher **s);

/* One poll on ld, which stays the caller's, with server `uri`, as session `number`. SESSION_GOES_ON: it is through, and *failure is
 * that of the first search that had another result than success. SESSION_GONE: the connection is lost, or the poll was given up; *e
 * says why. SESSION_READER_GONE. */
enum session_step searcher_poll(struct searcher *s, LDAP *ld, size_t uri, uint32_t number, struct err *failure, struct err *e);

/* The next poll lists everything. */
void searcher_forget(struct searcher *s);

#endif
