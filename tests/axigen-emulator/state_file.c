/* The state on disk. */
#include "state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mem.h"

static int read_tree(struct state *s, char *why, size_t size)
{
    json_error_t error;
    json_t *tree;

    if (access(s->path, F_OK) != 0)
        return 0;
    tree = json_load_file(s->path, 0, &error);
    if (!json_is_object(tree) || !json_is_object(json_object_get(tree, "domains"))) {
        snprintf(why, size, "%s: %s", s->path, tree ? "no state" : error.text);
        json_decref(tree);
        return -1;
    }
    json_object_update_new(s->root, json_pack("{s:O}", "domains", json_object_get(tree, "domains")));
    if (json_is_integer(json_object_get(tree, "nextId")))
        json_object_set_new(s->root, "nextId", json_integer(json_integer_value(json_object_get(tree, "nextId"))));
    json_decref(tree);
    return 0;
}

static enum kind kind_of(const char *name)
{
    int kind = 0;

    while (kind < KINDS && strcmp(kind_name((enum kind)kind), name) != 0)
        kind++;
    return (enum kind)kind;
}

/* One line of the journal done again; 0, or -1 if it is not one. */
static int replay(struct state *s, json_t *change)
{
    const char *domain, *kind, *key;
    json_t *value = json_object_get(change, "value");

    if (json_unpack(change, "{s:[s,s,s]}", "put", &domain, &kind, &key) == 0 && value && kind_of(kind) != KINDS)
        state_put(s, domain, kind_of(kind), key, value);
    else if (json_unpack(change, "{s:[s,s,s]}", "remove", &domain, &kind, &key) == 0 && kind_of(kind) != KINDS)
        state_remove(s, domain, kind_of(kind), key);
    else if (json_unpack(change, "{s:s}", "domain", &domain) == 0 && value)
        state_put_domain(s, domain, value);
    else
        return -1;
    json_object_set_new(s->root, "nextId", json_integer(json_integer_value(json_object_get(change, "nextId"))));
    return 0;
}

/* Up to the first line that is not whole: the process was killed while it wrote it, so its COMMIT was never answered.
 */
static void read_journal(struct state *s, const char *path)
{
    FILE *f = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t n;

    while (f && (n = getline(&line, &room, f)) > 0 && line[n - 1] == '\n') {
        json_t *change = json_loads(line, 0, NULL);
        int rc = replay(s, change);

        json_decref(change);
        if (rc != 0)
            break;
    }
    free(line);
    if (f)
        fclose(f);
}

int state_open(struct state *s, const char *path, char *why, size_t size)
{
    char *journal;
    int rc;

    *s = (struct state){.journal = -1, .index = json_object()};
    s->root = json_pack("{s:i, s:{}}", "nextId", 1, "domains");
    if (!path)
        return 0;
    s->path = mem_strdup(path);
    if (read_tree(s, why, size) != 0)
        return -1;
    state_index(s);
    journal = mem_printf("%s.journal", path);
    read_journal(s, journal);
    s->journal = open(journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    rc = s->journal < 0 ? -1 : state_save(s);
    if (rc != 0)
        snprintf(why, size, "%s: %s", journal, strerror(errno));
    free(journal);
    return rc;
}

void state_free(struct state *s)
{
    json_decref(s->root);
    json_decref(s->index);
    buf_free(&s->pending);
    free(s->path);
    if (s->journal >= 0)
        close(s->journal);
    *s = (struct state){.journal = -1};
}

void state_flush(struct state *s)
{
    size_t done = 0;

    while (done < s->pending.len) {
        ssize_t n = write(s->journal, s->pending.p + done, s->pending.len - done);

        if (n < 0 && errno != EINTR) {
            fprintf(stderr, "axigen-emulator: %s.journal: %s\n", s->path, strerror(errno));
            _exit(74); /* EX_IOERR */
        }
        done += n > 0 ? (size_t)n : 0;
    }
    buf_reset(&s->pending);
}

int state_save(struct state *s)
{
    char *temporary;
    json_t *tree;
    int rc;

    if (!s->path)
        return 0;
    temporary = mem_printf("%s.new", s->path);
    tree = state_json(s);
    rc = json_dump_file(tree, temporary, JSON_INDENT(1));
    if (rc == 0)
        rc = rename(temporary, s->path);
    if (rc == 0) {
        buf_reset(&s->pending);
        rc = s->journal >= 0 ? ftruncate(s->journal, 0) : 0;
    }
    json_decref(tree);
    free(temporary);
    return rc;
}
