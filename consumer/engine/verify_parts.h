/* What verify*.c share. */
#ifndef ENGINE_VERIFY_PARTS_H
#define ENGINE_VERIFY_PARTS_H

#include "compare.h"
#include "directory.h"
#include "mirror.h"
#include "verify.h"

struct verify {
    const struct config_connector *conf;
    const struct verify_calls *calls;
    bool live;
    struct mirror made; /* of it only searches and specs, made as the daemon makes them */
    struct source_settings settings;
    struct worker worker; /* of no thread: directory.h waits with one */
    struct directory directory;
    bool paged;
    struct store *store;         /* NULL: there is no state yet */
    struct txn *t;               /* a reader's, of a moment ago: verify_txn() */
    size_t reads;                /* since it was begun */
    struct verify_counts counts; /* of the part that is under way */
    size_t differ;               /* of those that are through */
};

/* ---- verify.c ---- */

/* A reader's transaction, begun if there is none. */
struct txn *verify_txn(struct verify *v);
/* The next one sees all that is committed by then; what was read in this one and not copied is gone. */
void verify_refresh(struct verify *v);
/* Between two entries: the same from time to time, since a reader keeps the daemon from using old pages again. */
void verify_breathe(struct verify *v);
/* Whether the state could not be read: then *e says why. */
bool verify_failed(struct verify *v, struct err *e);

void verify_say(struct verify *v, enum verify_level level, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void verify_add(struct verify_counts *to, const struct verify_counts *more);
/* The line at the end of a part; the counts begin anew. */
void verify_summary(struct verify *v, const char *subject, const char *with);
/* "; no difference: 3 waiting, 1 invalid"; nothing if all are 0. */
void verify_tell_counts(const struct verify_counts *c, struct buf *out);

/* ---- verify_directory.c ---- */

int verify_directory(struct verify *v, struct err *e);

/* All entries of a search, one after the other, with their content. row as in struct reading. 0, or -1 and *e. */
int verify_read(struct verify *v, unsigned search, struct arena *(*memory)(void *ctx),
                bool (*row)(void *ctx, struct entry *entry), void *ctx, struct err *e);

/* ---- verify_preview.c ---- */

/* What the first run would take in. */
int verify_preview(struct verify *v, struct err *e);

/* ---- verify_entry.c ---- */

/* What the state makes of an entry. All of it in the arena given. */
struct verify_finding {
    bool differs;
    bool known;           /* the state has an object of it */
    struct slice address; /* its address, in the state if it is known; empty: it has none */
    struct differences d; /* have: the state; wanted: the directory */
    const char *why;      /* a difference of the whole; else NULL */
    struct verify_counts counts;
};

/* An entry in its place in a search, its uuid set. */
void verify_entry(struct verify *v, struct mirror_search *s, struct entry *e, struct arena *a,
                  struct verify_finding *f);

/* A uuid that is in the state and not in its place. elsewhere: its DN where it was found outside of the search; empty:
 * it was found nowhere. */
void verify_absent(struct verify *v, struct mirror_search *s, const uint8_t *uuid, struct slice elsewhere,
                   struct arena *a, struct verify_finding *f);

#endif
