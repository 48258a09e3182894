/* Where a search for changed entries begins: from the stamps (entryCSN, or modifyTimestamp) that were seen to a filter. Pure.
 *
 *   seen at first            (entryCSN>=LATEST − 20 s)   a change can become visible after another one that has a later stamp
 *   after a poll that began 20 s later and saw nothing newer
 *                            (entryCSN>=what follows LATEST)   so that a quiet directory answers with nothing at all */
#ifndef LDAP_SINCE_H
#define LDAP_SINCE_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "slice.h"

/* From when a write gets its stamp until readers see it. slapd takes milliseconds, a stalled disk seconds. */
#define SINCE_OVERLAP_S 20

#define SINCE_TEXT 48   /* with the NUL */

/* Zero-initialise: nothing was seen. */
struct since {
    char latest[SINCE_TEXT];   /* "": none */
    int64_t latest_ms;         /* monotonic: when the poll began that saw it first */
    bool settled;              /* nothing that is late can come any more */
};

/* An entry with this stamp was seen by a poll that began at began_ms. False: it is none that a filter could be made of. */
bool since_saw(struct since *s, struct slice stamp, int64_t began_ms);
/* Whether an entry may have changed once more without another stamp: time stamps have whole seconds. */
bool since_is_open(const struct since *s);
/* A poll that began at that time is through with success. */
void since_polled(struct since *s, int64_t began_ms);
/* The attribute that `latest` is a value of. */
const char *since_attribute(const struct since *s);
/* The filter for what may have changed, and, where and_filter is not NULL, matches it too. Appends to *out. `latest` is not empty. */
void since_filter(const struct since *s, const char *and_filter, struct buf *out);

#endif
