#include "support.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];

const char *scratch(void)
{
    if (directory[0] == '\0') {
        strcpy(directory, "/tmp/axsync-config-XXXXXX");
        cr_assert_not_null(mkdtemp(directory));
    }
    return directory;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void scratch_remove(void)
{
    if (directory[0])
        nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    directory[0] = '\0';
}

const char *scratch_file(const char *name, const char *text, mode_t mode)
{
    static char paths[8][128];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    int fd;

    snprintf(path, sizeof(paths[0]), "%s/%s", scratch(), name);
    unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

const char *wrapped(const char *top, const char *inside, const char *sink)
{
    static char text[4][4096];
    static unsigned turn;
    char *out = text[turn++ % 4];

    snprintf(out, sizeof(text[0]), "%s\nconnector \"corp\" { " HEAD "\n%s\nsink \"journal\" {\n%s\n} }\n", top,
             inside, sink[0] ? sink : "type = file  path = \"-\"");
    return out;
}

struct config *read_right(const char *text)
{
    struct config_errors errors;
    struct config *c = config_read(scratch_file("right.conf", text, 0600), &errors);

    for (size_t i = 0; i < errors.n; i++)
        cr_expect(false, "%s", errors.lines[i]);
    cr_assert_not_null(c, "%s", text);
    cr_assert_eq(errors.n, 0);
    config_errors_free(&errors);
    return c;
}

/* The errors without the file's name: "LINE: text" or " text". */
static char *read_wrong(const char *text, mode_t mode)
{
    const char *path = scratch_file("wrong.conf", text, mode);
    size_t skip = strlen(path) + 1, size;
    struct config_errors errors;
    struct config *c = config_read(path, &errors);
    char *all = NULL;
    FILE *out = open_memstream(&all, &size);

    cr_assert_eq(c == NULL, errors.n > 0);
    for (size_t i = 0; i < errors.n; i++) {
        cr_assert_eq(strncmp(errors.lines[i], path, skip - 1), 0);
        fprintf(out, "%s%s", i ? "\n" : "", errors.lines[i] + skip);
    }
    fclose(out);
    config_errors_free(&errors);
    config_free(&c);
    return all;
}

void expect_errors(const char *text, const char *errors)
{
    char *all = read_wrong(text, 0600);

    cr_expect_str_eq(all, errors, "%s\n-- gave\n%s\n-- instead of\n%s", text, all, errors);
    free(all);
}

bool has_error(const char *text, mode_t mode, int line, const char *words, char **all)
{
    char number[16], *end;
    bool found = false;

    *all = read_wrong(text, mode);
    snprintf(number, sizeof(number), "%d: ", line);
    for (char *p = *all; *p && !found; p = *end ? end + 1 : end) {
        end = strchrnul(p, '\n');
        found = strncmp(p, number, strlen(number)) == 0 && memmem(p, (size_t)(end - p), words, strlen(words));
    }
    return found;
}
