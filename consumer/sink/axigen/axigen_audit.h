/* A look at what an Axigen server has, for `axsync verify`. Nothing is written there: contexts are opened by UPDATE and
 * left by BACK, which drops what was changed, and nothing was.
 *
 * Blocks, for the sink's timeout at most with each question. An account costs about ten round trips. A session that is
 * over is opened again by the next call. */
#ifndef AXIGEN_AUDIT_H
#define AXIGEN_AUDIT_H

#include "axigen_record.h"
#include "compare.h"
#include "sink.h"

struct axigen_audit;

/* Strings of *settings, and *records, of which nothing but get and at is called, outlive it. */
struct axigen_audit *axigen_audit_new(const char *subject, const struct axigen_settings *settings,
                                      const struct sink_records *records);
void axigen_audit_free(struct axigen_audit **a);

enum audit_found {
    AUDIT_THERE, /* and ours */
    AUDIT_ABSENT,
    AUDIT_NOT_OURS,   /* words: whose it is */
    AUDIT_UNREADABLE, /* words: what the server says */
    AUDIT_NO_DOMAIN   /* words: it is not there, or has another writer: all of it waits */
};

/* What a look at one account or group says. Slices live until the next call. */
struct audit_seen {
    enum audit_found found;
    struct slice address; /* where it was looked for */
    struct slice words;
    struct differences d; /* AUDIT_THERE. have: the target; wanted: the object */
    size_t unread;        /* fields that the server does not show */
};

/* Compares the account or group of an object with what the sink should have made of it: its place, its mark, the fields
 * and aliases that the object has, the members given (ascending), and those aliases beyond it that the sink has set.
 * What else is there is somebody's, and no difference. 0, or -1 and *e: the server can't be asked. */
int axigen_audit_look(struct axigen_audit *a, const struct object *o, const struct slice *members, size_t n_members,
                      struct audit_seen *seen, struct err *e);

enum audit_verdict {
    AUDIT_CREATE, /* nothing is there */
    AUDIT_KEEP,   /* it is ours already, by its mark */
    AUDIT_ADOPT,  /* it is taken over */
    AUDIT_PARK,   /* words: why not */
    AUDIT_WAIT    /* words: what is wrong with the domain */
};

/* What a first telling of the object would do, by the sink's own rules. As above. */
int axigen_audit_preview(struct axigen_audit *a, const struct object *o, enum audit_verdict *verdict,
                         struct slice *words, struct err *e);

/* Appends the addresses of all accounts or groups of a domain to *out, in lower case, each as buf_bytes(). *words is
 * empty, or what the server says where it does not list them. As above. */
int axigen_audit_list(struct axigen_audit *a, struct slice domain, enum object_kind kind, struct buf *out,
                      struct slice *words, struct err *e);

/* Whether the account at an address carries a mark in our form, the text of a UUID: then *uuid. As above. */
int axigen_audit_mark(struct axigen_audit *a, struct slice address, bool *ours, uint8_t uuid[UUID_BYTES],
                      struct err *e);

#endif
