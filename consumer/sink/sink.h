/* The contract between engine/ and a sink. Sinks know nothing of LMDB or LDAP.
 *
 * A sink has a thread of its own that calls its functions, one at a time; they may block, but must come back within 1 s
 * once *stop is set. Failures are reported here and judged elsewhere (engine/retry.h): a sink logs only what it
 * repaired.
 *
 * There are two sorts. A *line sink* (file) takes lines as they are, all or none (submit). An *action sink* (axigen) can be
 * refused each action by itself, and keeps a record of what it owns at the target (apply, remove_due).
 *
 * An error struct is never NULL here.
 *
 * The program ignores SIGPIPE and SIGXFSZ: a sink takes EPIPE and EFBIG as answers. */
#ifndef SINK_SINK_H
#define SINK_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "action.h"
#include "err.h"
#include "mem.h"
#include "slice.h"

/* What became of a batch: scope × cure × text. */
enum sink_result {
    SINK_OK,           /* all lines are durable at the target */
    SINK_DOWN,         /* the target can't be reached or written now, or *stop was set: again later, skip nothing */
    SINK_FULL          /* no space left: as SINK_DOWN, with a text of its own */
};

struct sink_line {
    uint64_t seq;              /* that of json */
    struct slice json;         /* one line, no line end in it; the caller's, needed during submit only */
};

/* How one action ended at an action sink: what helps is in the word, so that nobody has to read the text to decide. */
enum outcome {
    OUTCOME_UNKNOWN,   /* not tried, or the connection broke: it may have been done */
    OUTCOME_DONE,      /* the wanted result is there, and saved at the target */
    OUTCOME_REFUSED,   /* the target said no: again later, after maxAttempts parked */
    OUTCOME_PARK,      /* repeating it does not help: somebody has to do something first */
    OUTCOME_PART,      /* all was done but what *words names, which can never be done: parked for somebody to see; later
                        * actions of the same uuid go on, but for aliases and memberships (SPEC.md section 5, Order) */
    OUTCOME_ADOPT,     /* something is there that is not ours: parked until the operator says `queue adopt` */
    OUTCOME_DOMAIN     /* the domain is not there or has another writer: goes on by itself once it is otherwise */
};

struct sink_item {
    uint64_t seq;
    const struct action *action;   /* the caller's, as all that it points to */
    bool first;                    /* of the first telling: what is there already may be taken over (adoptExisting) */
    bool adopt;                    /* the operator said so */
    bool again;                    /* it may have been done already: given before, and its outcome was not stored */
    bool back;                     /* of a deletion: its uuid is mirrored again. Nothing is to be taken away, but its address and
                                    * aliases are free for others until it is told anew */
    /* filled by apply */
    enum outcome outcome;
    struct slice words;            /* not DONE: what the target said, or what is wrong and what helps; the sink's,
                                    * valid until its next call */
};

/* The sink's own durable memory, per uuid: a run of bytes whose format is the sink's. The engine keeps it in LMDB. All
 * functions are called in the sink's thread, inside apply or remove_due. What is put is seen by get and at once, and
 * is on disk after sync, or else together with the outcome of the items; it is forgotten if the call ends with SINK_DOWN. */
struct sink_records {
    void *ctx;
    /* False: none. The bytes are copied into *a. */
    bool (*get)(void *ctx, const uint8_t *uuid, struct slice *bytes, struct arena *a);
    /* Whose record was put with this address, as its own or one of the others; false: nobody's. */
    bool (*at)(void *ctx, struct slice address, uint8_t *uuid);
    /* address: where the account or group is at the target; also: other addresses by which `at` is to find it (u32 length and bytes
     * each, buf_bytes()). due_ms: wall clock of its removal, 0: none is due. */
    void (*put)(void *ctx, const uint8_t *uuid, struct slice address, struct slice also, int64_t due_ms, struct slice bytes);
    void (*del)(void *ctx, const uint8_t *uuid);
    /* All that was put is on disk: call it before an effect that must not happen without its record. -1: it could not be
     * stored; go no further, return SINK_DOWN. */
    int (*sync)(void *ctx, struct err *e);
};

struct sink;
struct sink_class {
    const char *type;
    /* Opens the target. stored is the acknowledged position; *position is where the target really stands (it may be
     * further: lines that were written but not acknowledged before a kill). All up to *position is durable.
     * 0, or -1 with *e: ERR_CONFIG where waiting does not help, else call it again later. */
    int (*open)(struct sink *s, uint64_t stored, uint64_t *position, struct err *e);
    /* Applies lines in order and returns after they are durable. It applies what it is given and compares no seq with
     * what is there: several lines may carry the same one (cause resync and repair). Not SINK_OK: *e says why, and none
     * of the lines counts as applied; the same lines, or others from the same position on, come again. The sink finds
     * its target again by itself, without another open. */
    enum sink_result (*submit)(struct sink *s, const struct sink_line *lines, size_t n, struct err *e);
    /* Instead of submit. Applies items that share no uuid and no address with each other (group.members of one group
     * apart, which name different members), in any order it likes. SINK_OK: each item has an outcome but
     * OUTCOME_UNKNOWN, and all that is DONE is saved at the target. Else *e says why, no outcome counts, all come again with
     * `again` set, and *under_way is the index of the item that was being done when the connection broke (n: none). */
    enum sink_result (*apply)(struct sink *s, struct sink_item *items, size_t n, size_t *under_way, struct err *e);
    /* The time of an account that was retired has come, and a look-up found its entry nowhere: it is removed, if the mark
     * is still ours, and its record with it. *outcome and *words as those of an item. */
    enum sink_result (*remove_due)(struct sink *s, const uint8_t *uuid, enum outcome *outcome, struct slice *words,
                                   struct err *e);
    /* SIGHUP: the next submit or apply opens the target anew. From any thread, at any time before sink_free(). */
    void (*reopen)(struct sink *s);
    /* Lets go of all that open and submit took; open may follow. */
    void (*close)(struct sink *s);
};

/* A sink is one allocation that begins with this. */
struct sink {
    const struct sink_class *class;
    const char *name;          /* of the configuration; the caller's, outlives the sink */
    const char *subject;       /* for the log: connector/sink; the caller's, outlives the sink */
    const atomic_bool *stop;   /* the caller's, outlives the sink */
};

/* The file sink: sink/file.c says what it promises. Copies path; "-" is standard output: at least once, no sync.
 * Nothing is opened yet. Give it back with sink_free(). */
struct sink *sink_file_new(const char *name, const char *subject, const char *path, const atomic_bool *stop);

/* What an Axigen sink is told at its making; numbers and words of policy may be changed while it runs. */
enum axigen_adopt { AXIGEN_ADOPT_FIRST, AXIGEN_ADOPT_YES, AXIGEN_ADOPT_NO };
enum axigen_policy { AXIGEN_REMOVE, AXIGEN_DISABLE, AXIGEN_LOCK, AXIGEN_KEEP };
struct axigen_settings {
    const char *host;
    int port;
    bool tls;
    const char *ca_file;       /* "": the system's */
    const char *user, *password;
    /* What follows may be changed by another thread while the sink runs. */
    _Atomic int timeout_s;
    _Atomic enum axigen_adopt adopt;
    _Atomic enum axigen_policy delete_policy, leave_policy, move_policy;
    _Atomic int64_t retention_s;   /* 0: removed at once */
    _Atomic int depth;             /* pipelineDepth: commands under way at once */
};

/* The Axigen sink: sink/axigen/axigen.c says what it promises. *settings and *records are the caller's and outlive it.
 * Nothing is connected yet. Give it back with sink_free(). */
struct sink *sink_axigen_new(const char *name, const char *subject, const struct axigen_settings *settings,
                             const struct sink_records *records, const atomic_bool *stop);

/* Closes and frees *s, which may be NULL, and sets it to NULL. */
void sink_free(struct sink **s);

#endif
