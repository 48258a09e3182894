#include "verify_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int spool_open(struct spool *s, struct err *e)
{
    const char *tmp = getenv("TMPDIR");
    char *path = mem_printf("%s/axsync-verify-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC), rc = 0;

    if (fd < 0) {
        rc = err_set_errno(e, ERR_INTERNAL, errno, "can't make a temporary file %s", path);
    } else {
        unlink(path);
        s->file = fdopen(fd, "w+");
    }
    free(path);
    return rc;
}

void spool_close(struct spool *s)
{
    if (s->file)
        fclose(s->file);
    buf_free(&s->row);
}

/* A length, then the object; what can't be written is found by spool_rewind(). */
void spool_put(struct spool *s, const struct object *o)
{
    struct buf length = {0};

    buf_reset(&s->row);
    object_encode(o, &s->row);
    buf_u32(&length, (uint32_t)s->row.len);
    fwrite(length.p, 1, length.len, s->file);
    fwrite(s->row.p, 1, s->row.len, s->file);
    buf_free(&length);
}

int spool_rewind(struct spool *s, struct err *e)
{
    if (fflush(s->file) != 0 || ferror(s->file))
        return err_set(e, ERR_INTERNAL, "can't write the temporary file (TMPDIR may name another place)");
    rewind(s->file);
    return 0;
}

bool spool_next(struct spool *s, struct object *o, struct arena *a)
{
    char length[4], *bytes;
    struct reader r = {length, sizeof(length), false};
    uint32_t n;

    if (fread(length, 1, sizeof(length), s->file) != sizeof(length))
        return false;
    n = read_u32(&r);
    bytes = arena_alloc(a, n + (size_t)1);
    return fread(bytes, 1, n, s->file) == n && object_decode(slice_make(bytes, n), o, a) == 0;
}
