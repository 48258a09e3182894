#include "cmd.h"

#include <stdlib.h>
#include <string.h>

#include "daemon.h"
#include "mem.h"

struct config *cmd_config(const struct cmd_options *o)
{
    struct config_errors errors = {0};
    struct config *conf = config_read(o->config, &errors);

    for (size_t i = 0; i < errors.n; i++)
        fprintf(stderr, "%s\n", errors.lines[i]);
    config_errors_free(&errors);
    return conf;
}

int cmd_fail(const struct err *e)
{
    fflush(stdout); /* what was said before comes before */
    fputs("axsync: ", stderr);
    print_text(stderr, slice_of(e->text));
    fputc('\n', stderr);
    return err_exit_code(e->class);
}

struct store *cmd_store(const struct config *conf, const struct config_connector *c, struct err *e)
{
    char *folder = state_folder(conf, c);
    struct store *s = NULL;
    int there = state_exists(folder, e);

    if (there > 0)
        s = store_open(folder, DB_READ, e);
    else if (there == 0)
        err_set(e, ERR_NOTFOUND, "no state in %s yet", folder);
    free(folder);
    return s;
}

static int with_state(const struct config_connector *c, struct store *s, cmd_state *each, void *ctx, struct err *e)
{
    struct txn *t = txn_begin(s->db, DB_READ);
    int rc = each(ctx, c, s, t, e);

    if (rc != 0) {
        txn_abort(&t);
        return rc;
    }
    return txn_commit(&t, e);
}

int cmd_each_state(const struct config *conf, cmd_state *each, void *ctx, size_t *n, struct err *e)
{
    size_t met = 0;
    int rc = 0;

    for (size_t i = 0; i < conf->n_connectors && rc == 0; i++) {
        const struct config_connector *c = &conf->connectors[i];
        struct store *s = cmd_store(conf, c, e);

        if (s == NULL) {
            rc = e->class == ERR_NOTFOUND ? 0 : err_add(e, "%s", c->name);
            if (rc == 0)
                err_clear(e);
            continue;
        }
        met++;
        rc = with_state(c, s, each, ctx, e);
        store_close(&s);
    }
    if (n)
        *n = met;
    return rc;
}

static bool read_number(const char **p, uint32_t *out)
{
    uint64_t n = 0;
    const char *begin = *p;

    for (; **p >= '0' && **p <= '9' && n <= UINT32_MAX; (*p)++)
        n = n * 10 + (uint64_t)(**p - '0');
    *out = (uint32_t)n;
    return *p > begin && n >= 1 && n <= UINT32_MAX;
}

bool cmd_hold_id(const char *text, uint32_t *id, uint32_t *upto)
{
    *upto = 0;
    if (!read_number(&text, id))
        return false;
    if (*text == '.') {
        text++;
        if (!read_number(&text, upto))
            return false;
    }
    return *text == '\0';
}

/* Edits that make one word of the other (Levenshtein, and two neighbours swapped). Words are short: longer ones than
 * these are no typing errors of ours. */
#define WORD 24

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, const char *b)
{
    size_t d[WORD + 1][WORD + 1] = {{0}}, n = strlen(a), m = strlen(b);

    if (n > WORD || m > WORD)
        return WORD;
    for (size_t i = 0; i <= n; i++)
        for (size_t j = 0; j <= m; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
        }
    return d[n][m];
}

const char *cmd_nearest(const char *word, const char *const *list, size_t n)
{
    const char *best = NULL;
    size_t nearest = 3, far = strlen(word) / 2 + 1; /* of short words not half may be wrong */

    if (far < nearest)
        nearest = far;
    for (size_t i = 0; i < n; i++) {
        size_t d = distance(word, list[i]);

        if (d < nearest) {
            nearest = d;
            best = list[i];
        }
    }
    return best;
}
