/* `axsync dump`: the mirrored state as JSON lines, as of one moment. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "alias_wants.h"
#include "cmd.h"
#include "mem.h"
#include "members.h"
#include "objects.h"
#include "pending.h"
#include "wants.h"

/* ---- one object --------------------------------------------------------------------------------------------- */

/* What is pending of it, as far as the state's word goes. */
static const char *pending_word(struct txn *t, const uint8_t *uuid, struct arena *a)
{
    struct buf next = {0};
    struct pending p;
    bool held = false, waiting = false;

    while (pending_next(t, uuid, &next, &p, a)) {
        held = held || p.reason == PENDING_HELD;
        waiting = waiting || (p.what == PENDING_DELETE && p.reason != PENDING_REJECTED);
    }
    buf_free(&next);
    return held ? "held" : waiting ? "waiting" : NULL;
}

static const char *state_word(struct txn *t, const struct object *o, struct arena *a)
{
    const char *word;
    struct object want;
    struct slice dn, reason, *aliases;

    if (o->state == OBJECT_ORPHAN)
        return "orphan";
    word = pending_word(t, o->uuid, a);
    if (word)
        return word;
    if ((want_get(t, o->uuid, &want, a) && !slice_eq(want.address, o->address)) || alias_want_get(t, o->uuid, &aliases, a) > 0)
        return "conflict";
    return invalid_get(t, o->uuid, &dn, &reason, a) ? "invalid" : "mirrored";
}

static void put_aliases(struct buf *out, const struct object *o, bool *first)
{
    buf_puts(out, *first ? "\"aliases\":[" : ",\"aliases\":[");
    *first = false;
    for (uint32_t i = 0; i < o->n_aliases; i++) {
        if (i)
            buf_u8(out, ',');
        buf_json(out, o->aliases[i]);
    }
    buf_u8(out, ']');
}

/* As in an action: names ascending, aliases among them; absent when empty. */
static void put_set(struct buf *out, const struct object *o)
{
    bool aliases = o->n_aliases > 0, first = true;

    if (o->n_fields == 0 && !aliases)
        return;
    buf_puts(out, ",\"set\":{");
    for (uint32_t i = 0; i < o->n_fields; i++) {
        if (aliases && field_compare(FIELD_ALIASES, o->fields[i].field) < 0) {
            put_aliases(out, o, &first);
            aliases = false;
        }
        buf_printf(out, "%s\"%s\":", first ? "" : ",", field_name(o->fields[i].field));
        first = false;
        buf_json(out, o->fields[i].value);
    }
    if (aliases)
        put_aliases(out, o, &first);
    buf_u8(out, '}');
}

/* What the sinks were told, as far as it was not yet taken back. */
static void put_members(struct buf *out, struct txn *t, const struct object *o, struct arena *a)
{
    struct buf next = {0};
    struct slice address;
    uint32_t live;

    buf_puts(out, ",\"members\":[");
    for (size_t n = 0; told_next(t, o->uuid, &next, &address, &live, a); n++) {
        if (n)
            buf_u8(out, ',');
        buf_json(out, address);
    }
    buf_u8(out, ']');
    buf_free(&next);
}

static void put_object(struct buf *out, struct txn *t, const struct object *o, struct arena *a)
{
    char uuid[UUID_TEXT];

    buf_printf(out, "{\"kind\":\"%s\",\"uuid\":\"%s\",\"dn\":", object_kind_name(o->kind), uuid_format(o->uuid, uuid));
    buf_json(out, o->dn);
    buf_puts(out, ",\"address\":");
    buf_json(out, o->address);
    put_set(out, o);
    if (o->kind == OBJECT_GROUP)
        put_members(out, t, o, a);
    buf_printf(out, ",\"state\":\"%s\"}\n", state_word(t, o, a));
}

/* ---- all of them -------------------------------------------------------------------------------------------- */

static int dump_state(void *ctx, const struct config_connector *c, struct store *s, struct txn *t, struct err *e)
{
    FILE *out = ctx;
    struct arena a = {0};
    struct buf line = {0};
    struct slice key, bytes;
    struct object o;
    struct walk w;
    int rc = 0;

    (void)s;
    walk_begin(&w, t, TABLE_OBJECT);
    while (rc == 0 && walk_next(&w, (struct slice){0}, &key, &bytes)) {
        buf_reset(&line);
        arena_reset(&a);
        if (object_decode(bytes, &o, &a) != 0)
            rc = err_set(e, ERR_DATA, "%s: the state has an object that does not decode", c->name);
        else if (o.state != OBJECT_GONE)
            put_object(&line, t, &o, &a);
        if (rc == 0 && fwrite(buf_str(&line), 1, line.len, out) != line.len)
            rc = err_set_errno(e, ERR_INTERNAL, errno, "can't write the dump");
    }
    walk_end(&w);
    buf_free(&line);
    arena_free(&a);
    return rc;
}

/* A file without a name, in $TMPDIR. */
static FILE *open_spool(struct err *e)
{
    const char *tmp = getenv("TMPDIR");
    char *path = mem_printf("%s/axsync-dump-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC);
    FILE *spool = NULL;

    if (fd < 0) {
        err_set_errno(e, ERR_INTERNAL, errno, "can't make a temporary file %s", path);
    } else {
        unlink(path);
        spool = fdopen(fd, "w+");
    }
    free(path);
    return spool;
}

static int copy(FILE *from, FILE *to, struct err *e)
{
    static char bytes[65536];
    size_t n;

    if (fflush(from) != 0)
        return err_set_errno(e, ERR_INTERNAL, errno,
                             "can't write the temporary file of the dump (TMPDIR may name "
                             "another place)");
    rewind(from);
    while ((n = fread(bytes, 1, sizeof(bytes), from)) > 0)
        if (fwrite(bytes, 1, n, to) != n)
            return 0; /* main() tells of it */
    return 0;
}

/* A pager may keep us waiting for hours with the transaction open, and all that time the daemon's file would grow,
 * since LMDB keeps what a reader sees. So only a file is written to directly. */
static int dump(const struct config *conf, struct err *e)
{
    struct stat st;
    FILE *spool;
    size_t states = 0;
    int rc;

    if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode)) {
        rc = cmd_each_state(conf, dump_state, stdout, &states, e);
    } else {
        spool = open_spool(e);
        if (spool == NULL)
            return -1;
        rc = cmd_each_state(conf, dump_state, spool, &states, e);
        if (rc == 0)
            rc = copy(spool, stdout, e);
        fclose(spool);
    }
    if (rc == 0 && states == 0)
        fprintf(stderr, "axsync: there is no state in %s yet\n", conf->state_dir);
    return rc;
}

int cmd_dump(const struct cmd_options *o)
{
    struct config *conf = cmd_config(o);
    struct err e = {0};
    int rc;

    if (conf == NULL)
        return EX_CONFIG;
    rc = dump(conf, &e);
    config_free(&conf);
    return rc == 0 ? EX_OK : cmd_fail(&e);
}
