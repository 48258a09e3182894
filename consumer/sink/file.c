/* The file sink: appends JSON lines.
 *
 * A regular file
 *   - Lines are durable (fdatasync(2)) before submit says so, and a batch that failed is cut off again, so that the
 *     file always ends where the last good batch ended. That holds after a failed fdatasync too: the kernel may have
 *     dropped the pages or marked them clean, and no second fdatasync would tell. Cutting them off and writing them
 *     again is the only way to know.
 *   - After a kill or a crash of the machine what stands beyond the acknowledged position is made good at open: half a
 *     line at the end, or a line with a hole in it (NUL bytes: blocks that never reached the disk), is cut off with all
 *     that follows. What is whole is synced and counts: that is *position.
 *   - It is locked with flock(2) while open: two programs that append would both believe the end to be theirs.
 *   - After SIGHUP and after any failure the path is opened anew: so logrotate(8) works, also `copytruncate`, and a
 *     full file that somebody deleted gives its space back. Otherwise a file that was renamed or deleted goes on being
 *     written, as with other daemons. A new file begins where the old one ended: old lines are not written again. Nor
 *     are lines compared with those of a file that was put in its place while we ran.
 *   - Other text in the file stays, as long as its lines are whole.
 *
 * A FIFO, a character device, or "-" for standard output
 *   - No sync, no lock, no position: at least once only. The rest of a line that could be written in part only goes out
 *     first next time, so that no half line stays.
 *   - Standard output is shared with whoever started us: its O_NONBLOCK is not ours to set. Hence poll(2) before each
 *     write, and never more than PIPE_BUF bytes, which fit when a pipe is reported writable. */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "action.h"
#include "buf.h"
#include "log.h"
#include "mem.h"
#include "step.h"

#define WRITE_BYTES ((size_t)1 << 20)    /* lines are gathered into writes of about this size */
#define READ_BYTES ((size_t)64 << 10)    /* the file is read backwards in pieces of this size */
#define HEAD_BYTES ((size_t)256)         /* of a line: enough for its seq */
#define POLL_MS 200                      /* how often *stop is looked at while a reader stalls */
/* How far before the last line holes are looked for, where no acknowledged line comes first (the state was lost):
 * further back than any batch reaches, so that all before it was synced. */
#define HOLE_BYTES ((off_t)64 << 20)

struct file {
    struct sink sink;
    atomic_bool reopen;
    int fd;                 /* -1: not open */
    bool stream;            /* not a regular file */
    uint64_t last;          /* the highest seq that is durable, as far as we know */
    /* regular file */
    off_t good;             /* the end of what is durable */
    bool suspect;           /* a failed batch could not be cut off: what file_dev/file_ino has beyond good is void */
    dev_t file_dev;
    ino_t file_ino;
    /* stream */
    bool half;              /* the reader has seen the beginning of a line; out begins with its rest */
    struct buf out;         /* lines on their way to the file */
    char path[];
};

static struct file *file_of(struct sink *s)
{
    return (struct file *)s;
}

static bool is_stdout(const struct file *f)
{
    return strcmp(f->path, "-") == 0;
}

static bool stopping(const struct file *f)
{
    return atomic_load(f->sink.stop);
}

static int stopped(const struct file *f, struct err *e)
{
    return err_set(e, ERR_TEMP, "%s: stopped", f->path);
}

static void detach(struct file *f)
{
    if (f->fd >= 0 && !is_stdout(f))
        close(f->fd);
    f->fd = -1;
}

static bool no_space(int code)
{
    return code == ENOSPC || code == EDQUOT || code == EFBIG;
}

/* Any failure that comes of writing. */
static int write_failed(const struct file *f, int code, struct err *e)
{
    return err_set_errno(e, ERR_UNAVAILABLE, code, no_space(code) ? "no space to write %s" : "can't write %s", f->path);
}

/* ---- the end of a regular file ---------------------------------------------------------------------------------- */

struct tail {
    off_t end;        /* where the whole lines end */
    uint64_t seq;     /* of the last whole line that is ours; 0: there is none */
    bool foreign;     /* something beyond end does not look like a line of ours */
};

struct scan {
    struct file *f;
    off_t size;
    uint64_t known;   /* lines before this seq were synced long ago; several may carry it, the last ones unsynced */
    off_t line_end;   /* of the line that is being walked over */
    bool whole;       /* it has a line end */
    bool hole;        /* it has NUL bytes, which no JSON text has */
    struct tail *tail;
};

static int read_at(const struct file *f, char *p, size_t n, off_t at, struct err *e)
{
    while (n > 0) {
        ssize_t got = pread(f->fd, p, n, at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_set_errno(e, ERR_UNAVAILABLE, errno, "can't read %s", f->path);
        if (got == 0)
            return err_set(e, ERR_TEMP, "%s got shorter while it was read", f->path);
        p += got;
        n -= (size_t)got;
        at += got;
    }
    return 0;
}

/* Whether a line that is to be cut off can be one of ours: its beginning as in SPEC.md section 4, or a hole. */
static bool may_be_ours(const char *head, size_t n)
{
    static const char begin[] = "{\"seq\":";

    return head[0] == '\0' || memcmp(head, begin, n < sizeof(begin) - 1 ? n : sizeof(begin) - 1) == 0;
}

/* Judges the line from begin to s->line_end. line: its bytes, or NULL when they are not all in memory.
 * 1: nothing before it needs a look; 0: go on; -1: *e. */
static int scan_line(struct scan *s, off_t begin, const char *line, struct err *e)
{
    char bytes[HEAD_BYTES];
    const char *head = line ? line : bytes;
    off_t len = s->line_end - begin;
    size_t n = len < (off_t)sizeof(bytes) ? (size_t)len : sizeof(bytes);
    uint64_t seq;

    if (line == NULL && read_at(s->f, bytes, n, begin, e))
        return -1;
    if (!s->whole || s->hole) {
        s->tail->end = begin;
        s->tail->seq = 0;
        s->tail->foreign = s->tail->foreign || !may_be_ours(head, n);
        return 0;
    }
    seq = action_line_seq(slice_make(head, n));
    if (s->tail->seq == 0)
        s->tail->seq = seq;
    return s->tail->seq && ((seq && seq < s->known) || s->size - begin > HOLE_BYTES);
}

/* The lines that end in the n bytes at p, which stand at offset at; the last first. Returns as scan_line(). */
static int scan_piece(struct scan *s, const char *p, size_t n, off_t at, struct err *e)
{
    off_t end = at + (off_t)n;

    while (n > 0) {
        const char *nl = memrchr(p, '\n', n);
        size_t from = nl ? (size_t)(nl - p) + 1 : 0;
        off_t begin = at + (off_t)from;
        int rc = 0;

        if (memchr(p + from, '\0', n - from))
            s->hole = true;
        if (nl == NULL)
            return 0;
        if (begin < s->line_end)
            rc = scan_line(s, begin, s->line_end <= end ? p + from : NULL, e);
        if (rc)
            return rc;
        s->line_end = begin;
        s->whole = true;
        s->hole = false;
        n = from - 1;
    }
    return 0;
}

/* Reads the file backwards from its end, up to a line of ours that was acknowledged for sure. */
static int scan_tail(struct file *f, off_t size, uint64_t known, struct tail *tail, struct err *e)
{
    struct scan s = { .f = f, .size = size, .known = known, .line_end = size, .tail = tail };
    char *piece = mem_alloc(READ_BYTES);
    int rc = 0;

    *tail = (struct tail){ .end = size };
    for (off_t at = size; at > 0 && rc == 0;) {
        size_t n = at < (off_t)READ_BYTES ? (size_t)at : READ_BYTES;

        at -= (off_t)n;
        if (stopping(f))
            rc = stopped(f, e);
        else if (read_at(f, piece, n, at, e))
            rc = -1;
        else
            rc = scan_piece(&s, piece, n, at, e);
        if (rc == 0 && at == 0 && s.line_end > 0)
            rc = scan_line(&s, 0, NULL, e);
    }
    free(piece);
    return rc < 0 ? -1 : 0;
}

static int sync_file(const struct file *f)
{
    int rc;

    do
        rc = fdatasync(f->fd);
    while (rc < 0 && errno == EINTR);
    return rc;
}

/* Makes the file end with a whole line, durably, and finds the seq of the last one of ours. */
static int repair_tail(struct file *f, uint64_t known, uint64_t *seq, struct err *e)
{
    struct stat st;
    struct tail tail;

    if (fstat(f->fd, &st))
        return err_set_errno(e, ERR_UNAVAILABLE, errno, "can't read %s", f->path);
    if (scan_tail(f, st.st_size, known, &tail, e))
        return -1;
    if (tail.foreign && tail.seq == 0)
        return err_set(e, ERR_CONFIG, "%s holds something else than lines of axsync: not touched", f->path);
    if (tail.end < st.st_size) {
        if (ftruncate(f->fd, tail.end))
            return write_failed(f, errno, e);
        log_warning(f->sink.subject, "%s: cut off the last %lld bytes, an incomplete line; seq before it: %llu",
                    f->path, (long long)(st.st_size - tail.end), (unsigned long long)tail.seq);
    }
    /* Lines that a killed predecessor wrote and did not sync are about to count as durable. Should this fail and work
     * the next time, they may still not be: that can't be known, and cutting them off could cost acknowledged ones,
     * where the state was restored from a backup. */
    if (sync_file(f))
        return write_failed(f, errno, e);
    f->good = tail.end;
    *seq = tail.seq;
    return 0;
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static int open_failed(const struct file *f, int code, struct err *e)
{
    if (code == ENOENT)
        return err_set(e, ERR_UNAVAILABLE, "can't create %s: its directory does not exist", f->path);
    if (code == ENXIO)
        return err_set(e, ERR_UNAVAILABLE, "nobody reads from %s", f->path);
    return err_set_errno(e, ERR_UNAVAILABLE, code, "can't open %s to read and write", f->path);
}

/* A FIFO must not be opened for reading: it would never be without a reader then, namely us. So look first what it is;
 * O_NONBLOCK, because opening a FIFO waits for its reader otherwise. */
static int open_path(struct file *f, struct stat *st, struct err *e)
{
    int flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    bool exists = stat(f->path, st) == 0;

    if (exists && S_ISDIR(st->st_mode))
        return err_set(e, ERR_CONFIG, "%s is a directory", f->path);
    f->stream = exists && (S_ISFIFO(st->st_mode) || S_ISCHR(st->st_mode));
    if (exists && !f->stream && !S_ISREG(st->st_mode))
        return err_set(e, ERR_CONFIG, "%s is neither a file nor a FIFO nor a character device", f->path);
    flags |= f->stream ? O_WRONLY : O_RDWR | O_APPEND | O_CREAT;
    f->fd = open(f->path, flags, 0640);
    if (f->fd < 0)
        return open_failed(f, errno, e);
    if (fstat(f->fd, st))
        return open_failed(f, errno, e);
    if (!S_ISREG(st->st_mode) != f->stream)
        return err_set(e, ERR_TEMP, "%s was replaced while it was opened", f->path);
    return 0;
}

static int lock_file(const struct file *f, struct err *e)
{
    if (flock(f->fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return err_set(e, ERR_TEMP, "%s is locked: another axsync, or another sink of this one, writes to it", f->path);
    return err_set_errno(e, ERR_UNAVAILABLE, errno, "can't lock %s", f->path);
}

/* The file's name must survive a crash of the machine as well. Not only where we have just made the file: who made it
 * may have been killed before this. A directory that may not be read can't be synced: common file systems bring the
 * name to disk with the new file's first fdatasync. */
static int sync_directory(const struct file *f, struct err *e)
{
    char *real = realpath(f->path, NULL);
    int fd, rc;

    if (real == NULL)
        return err_set(e, ERR_TEMP, "%s was replaced while it was opened", f->path);
    strrchr(real, '/')[1] = '\0';
    fd = open(real, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = fd >= 0 && fsync(fd) && errno != EINVAL ? -1 : 0;
    if (rc)
        err_set_errno(e, ERR_UNAVAILABLE, errno, "can't sync the directory %s", real);
    if (fd >= 0)
        close(fd);
    free(real);
    return rc;
}

/* Takes back what an earlier failure left in this same file. */
static int cut_suspect(struct file *f, const struct stat *st, struct err *e)
{
    bool same = st->st_dev == f->file_dev && st->st_ino == f->file_ino;

    if (f->suspect && same && st->st_size > f->good && ftruncate(f->fd, f->good))
        return write_failed(f, errno, e);
    if (f->suspect && !same)
        log_warning(f->sink.subject, "%s: the file that was there before may end with lines that this one repeats",
                    f->path);
    f->suspect = false;
    f->file_dev = st->st_dev;
    f->file_ino = st->st_ino;
    return 0;
}

static int take_regular(struct file *f, const struct stat *st, uint64_t known, uint64_t *seq, struct err *e)
{
    if (lock_file(f, e) || cut_suspect(f, st, e) || repair_tail(f, known, seq, e))
        return -1;
    return sync_directory(f, e);
}

/* Opens the path (anew). known: lines up to there are acknowledged. *seq: that of the last line in the file. */
static int attach(struct file *f, uint64_t known, uint64_t *seq, struct err *e)
{
    struct stat st;

    detach(f);
    *seq = 0;
    if (is_stdout(f)) {
        f->stream = true;
        f->fd = STDOUT_FILENO;
        return 0;
    }
    f->half = false;   /* the reader that has the first half is gone, or may be */
    buf_reset(&f->out);
    if (open_path(f, &st, e) == 0 && (f->stream || take_regular(f, &st, known, seq, e) == 0))
        return 0;
    detach(f);
    return -1;
}

static int file_open(struct sink *s, uint64_t stored, uint64_t *position, struct err *e)
{
    struct file *f = file_of(s);
    uint64_t seq;

    atomic_store(&f->reopen, false);
    if (attach(f, stored, &seq, e))
        return -1;
    f->last = seq > stored ? seq : stored;
    *position = f->last;
    return 0;
}

/* ---- writing to a regular file ---------------------------------------------------------------------------------- */

static int write_all(const struct file *f, const char *p, size_t n, struct err *e)
{
    while (n > 0) {
        ssize_t done = write(f->fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return write_failed(f, errno, e);
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

#ifdef AXSYNC_STEPS
/* Where to part whole lines for a kill between the two: never at the end of a line. */
static size_t middle_of_line(const char *p, size_t n)
{
    size_t cut = n / 2;

    return cut > 0 && p[cut - 1] == '\n' ? cut + 1 : cut;
}
#endif

static int append(struct file *f, struct err *e)
{
    const char *p = f->out.p;
    size_t n = f->out.len;

#ifdef AXSYNC_STEPS
    size_t cut = middle_of_line(p, n);

    if (write_all(f, p, cut, e))
        return -1;
    STEP_POINT(file_write_torn);
    p += cut;
    n -= cut;
#endif
    if (write_all(f, p, n, e))
        return -1;
    f->good += (off_t)f->out.len;
    buf_reset(&f->out);
    return 0;
}

/* Cuts a failed batch off, and closes: the next submit opens the path anew, as it may lead to a better place now. If
 * cutting fails too, the half line is remembered and goes before anything is written. */
static void roll_back(struct file *f, off_t begin)
{
    struct stat st;

    f->good = begin;
    f->suspect = fstat(f->fd, &st) || (st.st_size > begin && ftruncate(f->fd, begin));
    detach(f);
}

static void add_line(struct file *f, const struct sink_line *line)
{
    buf_add_slice(&f->out, line->json);
    buf_u8(&f->out, '\n');
}

static int write_lines(struct file *f, const struct sink_line *lines, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        add_line(f, &lines[i]);
        if (f->out.len < WRITE_BYTES && i + 1 < n)
            continue;
        if (stopping(f))
            return stopped(f, e);
        if (append(f, e))
            return -1;
    }
    return 0;
}

/* Somebody else may have touched the file: `copytruncate` made it empty, an editor left half a line at its end. */
static int check_end(struct file *f, struct err *e)
{
    struct stat st;
    uint64_t seq;

    if (fstat(f->fd, &st))
        return err_set_errno(e, ERR_UNAVAILABLE, errno, "can't read %s", f->path);
    return st.st_size == f->good ? 0 : repair_tail(f, f->last, &seq, e);
}

static int submit_regular(struct file *f, const struct sink_line *lines, size_t n, struct err *e)
{
    off_t begin;

    if (check_end(f, e)) {
        detach(f);
        return -1;
    }
    begin = f->good;
    STEP_POINT(file_write_before);
    if (write_lines(f, lines, n, e)) {
        roll_back(f, begin);
        return -1;
    }
    STEP_POINT(file_write_after);
    if (sync_file(f)) {
        write_failed(f, errno, e);
        roll_back(f, begin);
        return -1;
    }
    STEP_POINT(file_sync_after);
    return 0;
}

/* ---- writing to a stream ---------------------------------------------------------------------------------------- */

/* Until it can be written, or its reader is gone: the write that follows tells. */
static int wait_writable(const struct file *f, struct err *e)
{
    struct pollfd p = { .fd = f->fd, .events = POLLOUT };
    int rc;

    do {
        if (stopping(f))
            return err_set(e, ERR_TEMP, "%s: stopped while its reader does not read", f->path);
        rc = poll(&p, 1, POLL_MS);
    } while (rc == 0 || (rc < 0 && errno == EINTR));
    return rc < 0 ? write_failed(f, errno, e) : 0;
}

/* Adds to *done what was written. */
static int write_stream(const struct file *f, const char *p, size_t n, size_t *done, struct err *e)
{
    while (*done < n) {
        size_t left = n - *done;
        ssize_t some;

        if (wait_writable(f, e))
            return -1;
        some = write(f->fd, p + *done, left < PIPE_BUF ? left : PIPE_BUF);
        if (some >= 0)
            *done += (size_t)some;
        else if (errno != EINTR && errno != EAGAIN)
            return write_failed(f, errno, e);
    }
    return 0;
}

/* Keeps the rest of the line that was written in part only at the beginning of out. */
static void keep_rest(struct file *f, size_t done)
{
    const char *end;

    if (done > 0)
        f->half = f->out.p[done - 1] != '\n';
    if (!f->half) {
        buf_reset(&f->out);
        return;
    }
    end = memchr(f->out.p + done, '\n', f->out.len - done);
    f->out.len = (size_t)(end + 1 - (f->out.p + done));
    memmove(f->out.p, f->out.p + done, f->out.len);
}

static int flush_stream(struct file *f, struct err *e)
{
    size_t done = 0;

    if (write_stream(f, f->out.p, f->out.len, &done, e)) {
        keep_rest(f, done);
        return -1;
    }
    f->half = false;
    buf_reset(&f->out);
    return 0;
}

static int submit_stream(struct file *f, const struct sink_line *lines, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        add_line(f, &lines[i]);
        if (f->out.len < WRITE_BYTES && i + 1 < n)
            continue;
        if (flush_stream(f, e) == 0)
            continue;
        if (e->code == EPIPE)
            detach(f);   /* the next reader gets whole lines, and none that the last one left in the pipe */
        return -1;
    }
    return 0;
}

/* ---- the class -------------------------------------------------------------------------------------------------- */

static enum sink_result file_submit(struct sink *s, const struct sink_line *lines, size_t n, struct err *e)
{
    struct file *f = file_of(s);
    uint64_t seq;
    int rc = 0;

    if (n == 0)
        return SINK_OK;
    if (atomic_exchange(&f->reopen, false) || f->fd < 0)
        rc = attach(f, f->last, &seq, e);
    if (rc == 0)
        rc = f->stream ? submit_stream(f, lines, n, e) : submit_regular(f, lines, n, e);
    if (rc)
        return no_space(e->code) ? SINK_FULL : SINK_DOWN;
    if (lines[n - 1].seq > f->last)
        f->last = lines[n - 1].seq;
    return SINK_OK;
}

static void file_reopen(struct sink *s)
{
    atomic_store(&file_of(s)->reopen, true);
}

static void file_close(struct sink *s)
{
    struct file *f = file_of(s);

    detach(f);
    f->half = false;
    buf_free(&f->out);
}

static const struct sink_class file_class = {
    .type = "file", .open = file_open, .submit = file_submit, .reopen = file_reopen, .close = file_close,
};

struct sink *sink_file_new(const char *name, const char *subject, const char *path, const atomic_bool *stop)
{
    size_t n = strlen(path) + 1;
    struct file *f = mem_alloc(sizeof(*f) + n);

    f->sink = (struct sink){ &file_class, name, subject, stop };
    f->fd = -1;
    memcpy(f->path, path, n);
    return &f->sink;
}
